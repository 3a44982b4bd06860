//! What must hold before and during a drill. Drills are not executed yet; the file is checked all the same.

use super::probe::json_path;
use super::schedule;
use crate::project::document::{AlarmDocument, CallDocument, EnvironmentDocument, GuardDocument};
use crate::scenario::code::Code;
use crate::scenario::decode::{Field, List, OrNone, Problems};
use crate::scenario::diagnostic::Diagnostic;

/// Checks the guards of an environment; all of them must be written out where one is, or where Stripe is live.
pub(super) fn check(name: &str, field: &Field<EnvironmentDocument>, problems: &mut Problems) {
    let Some(guard) = &field.guard else { return };
    if let Some(OrNone::Some(windows)) = guard.windows.as_ref().map(|windows| &windows.value) {
        windows.iter().for_each(|window| schedule::check_window(window, problems));
    }
    if let Some(OrNone::Some(blocked)) = guard.blocked.as_ref().map(|blocked| &blocked.value) {
        blocked.iter().for_each(|days| schedule::check_days(days, problems));
    }
    for alarms in [&guard.alarms, &guard.stop].into_iter().flatten() {
        check_alarms(alarms, problems);
    }
    if let Some(OrNone::Some(lever)) = guard.lever.as_ref().map(|lever| &lever.value) {
        check_url(lever.http.as_deref(), problems);
    }
    warn_of_missing(name, guard, field, problems);
}

fn check_alarms(alarms: &OrNone<List<AlarmDocument>>, problems: &mut Problems) {
    let OrNone::Some(alarms) = alarms else { return };
    for alarm in alarms {
        check_url(alarm.value.http.as_deref(), problems);
        if let Some(read) = &alarm.value.read {
            json_path(read, problems);
        }
    }
}

fn warn_of_missing(
    name: &str,
    guard: &GuardDocument,
    field: &Field<EnvironmentDocument>,
    problems: &mut Problems,
) {
    let missing: Vec<String> =
        GuardDocument::KEYS.iter().filter(|key| !guard.has(key)).map(|key| format!("`{key}`")).collect();
    if missing.is_empty() {
        return;
    }
    let place = field.guard.as_ref().map_or(&field.key, |guard| &guard.key);
    problems.push(
        Diagnostic::warning(
            Code::MissingGuard,
            format!("drills against `{name}` will be refused: not all guards are set"),
        )
        .at(place)
        .label(format!("{} {} missing", missing.join(", "), if missing.len() == 1 { "is" } else { "are" }))
        .help("write \"none\" for one that is not wanted"),
    );
}

/// What is asked elsewhere has a whole URL.
fn check_url(call: Option<&CallDocument>, problems: &mut Problems) {
    let known = |url: &str| ["http://", "https://", "{{"].iter().any(|start| url.starts_with(start));
    let Some(url) = call.and_then(|call| call.url.as_ref()).filter(|url| !known(url)) else { return };
    problems.push(
        Diagnostic::error(Code::OutOfRange, format!("`{}` is no URL", url.value))
            .at(&url.place)
            .label("expected http://… or https://…"),
    );
}
