//! Times at which drills may run, or do: checked by their letters only.

use crate::project::document::ScheduleDocument;
use crate::project::model::{Project, Schedule};
use crate::scenario::code::Code;
use crate::scenario::decode::{self, Field, Problems, Text};
use crate::scenario::diagnostic::Diagnostic;
use crate::span::{Place, Spanned};

/// The drills that run by themselves.
pub(super) fn schedules(
    table: Option<&decode::Map<ScheduleDocument>>,
    project: &Project,
    problems: &mut Problems,
) -> Vec<Schedule> {
    table
        .into_iter()
        .flat_map(decode::Map::iter)
        .filter_map(|(name, field)| schedule(name, field, project, problems))
        .collect()
}

fn schedule(
    name: &str,
    field: &Field<ScheduleDocument>,
    project: &Project,
    problems: &mut Problems,
) -> Option<Schedule> {
    if let Some(cron) = &field.cron {
        check_cron(cron, problems);
    }
    if let Some(zone) = field.time_zone.as_ref().filter(|zone| !is_time_zone(zone)) {
        bad(
            &zone.place,
            format!("`{}` is no time zone", zone.value),
            "expected a name such as Europe/Berlin",
            problems,
        );
    }
    let environment = field.environment.as_ref()?;
    if !project.environments.contains_key(&environment.value) {
        problems.push(super::unknown_environment(&environment.value, &environment.place, project));
    }
    Some(Schedule {
        name: name.to_owned(),
        scenario: field.scenario.as_ref()?.spanned(),
        environment: environment.spanned(),
    })
}

/// Five fields of numbers, ranges, lists, steps and names.
fn check_cron(cron: &Field<Text>, problems: &mut Problems) {
    const LIMITS: [(u32, u32, &str); 5] =
        [(0, 59, "minute"), (0, 23, "hour"), (1, 31, "day"), (1, 12, "month"), (0, 7, "weekday")];
    let fields: Vec<&str> = cron.split_whitespace().collect();
    if fields.len() != LIMITS.len() {
        bad(
            &cron.place,
            format!("`{}` is no cron line: it has {} fields, not 5", cron.value, fields.len()),
            "expected minute, hour, day, month, weekday",
            problems,
        );
        return;
    }
    for (field, (low, high, what)) in fields.iter().zip(LIMITS) {
        if !field.split(',').all(|part| is_cron_part(part, low, high)) {
            let message = format!("`{field}` is no {what} of a cron line");
            bad(&cron.place, message, &format!("expected {low} to {high}, or `*`"), problems);
        }
    }
}

fn is_cron_part(part: &str, low: u32, high: u32) -> bool {
    const NAMES: &str = "sun mon tue wed thu fri sat jan feb mar apr may jun jul aug sep oct nov dec";
    let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
    let number = |text: &str| {
        let name =
            text.len() == 3 && NAMES.split(' ').any(|name| name.eq_ignore_ascii_case(text)) && high <= 12;
        name || text.parse::<u32>().is_ok_and(|number| (low..=high).contains(&number))
    };
    let range_fits = range == "*"
        || range.split_once('-').map_or(number(range), |(first, last)| number(first) && number(last));
    range_fits && step.is_none_or(|step| step.parse::<u32>().is_ok_and(|step| step > 0))
}

/// `Mon-Fri 10:00-16:00 Europe/Berlin`
pub(super) fn check_window(window: &Spanned<String>, problems: &mut Problems) {
    let parts: Vec<&str> = window.value.split_whitespace().collect();
    let [days, hours, zone] = parts.as_slice() else {
        bad(
            &window.place,
            format!("`{}` is no window", window.value),
            "expected days, hours and a time zone: Mon-Fri 10:00-16:00 Europe/Berlin",
            problems,
        );
        return;
    };
    let is_day = |day: &str| ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"].contains(&day);
    if !days.split(',').all(|part| part.split('-').all(is_day) && part.matches('-').count() <= 1) {
        bad(&window.place, format!("`{days}` are no days"), "expected Mon-Fri, or Mon,Wed", problems);
    }
    let is_hour = |hour: &str| hour == "24:00" || jiff::civil::Time::strptime("%H:%M", hour).is_ok();
    if !hours.split_once('-').is_some_and(|(from, to)| is_hour(from) && is_hour(to) && from < to) {
        bad(&window.place, format!("`{hours}` are no hours"), "expected from-to: 10:00-16:00", problems);
    }
    if !is_time_zone(zone) {
        bad(
            &window.place,
            format!("`{zone}` is no time zone"),
            "expected a name such as Europe/Berlin",
            problems,
        );
    }
}

/// `2026-12-24` or `2026-12-20/2027-01-06`
pub(super) fn check_days(days: &Spanned<String>, problems: &mut Problems) {
    let date = |text: &str| text.parse::<jiff::civil::Date>().ok().filter(|_| text.len() == 10);
    let fits = match days.value.split_once('/') {
        None => date(&days.value).is_some(),
        Some((first, last)) => date(first).zip(date(last)).is_some_and(|(first, last)| first <= last),
    };
    if !fits {
        bad(
            &days.place,
            format!("`{}` is no day", days.value),
            "expected 2026-12-24, or 2026-12-20/2027-01-06",
            problems,
        );
    }
}

/// By its letters: which zones exist is for the machine that runs the drill to know.
fn is_time_zone(zone: &str) -> bool {
    let part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic())
            && part.chars().all(|c| c.is_ascii_alphanumeric() || "_+-".contains(c))
    };
    zone == "UTC" || (zone.contains('/') && zone.split('/').all(part))
}

fn bad(place: &Place, message: String, label: &str, problems: &mut Problems) {
    problems.push(Diagnostic::error(Code::BadSchedule, message).at(place).label(label));
}
