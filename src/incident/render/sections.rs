//! What happened, section by section: deliveries, calls to Stripe, readings, both sides, output, next step.

use std::time::Duration;

use serde_json::{Map, Value};

use super::paint::Ink;
use super::{Detail, Layout};
use crate::incident::guidance::{self, Guidance};
use crate::incident::model::Incident;
use crate::incident::text::{cut, fit, lines, one_line};
use crate::probe::RequestOutcome;
use crate::run_event::{
    AttemptOutcome, AttemptRecord, CallRecord, DeliveryRef, Fact, JudgedKind, ObservationRecord,
    Reconciliation, RequestRecord,
};
use crate::time::human;

/// How many lines a section has where only what is relevant is told.
const MOST_LINES: usize = 25;

/// Headings and lines; sections with nothing to say are left out.
pub(super) fn all(incident: &Incident, layout: Layout) -> Vec<(String, Vec<String>)> {
    let readings = readings(incident, layout);
    let since = format!("What was read (times count from {})", incident.zero.since);
    let sections = [
        ("Requests in the app".to_owned(), requests(&incident.requests, layout)),
        ("Deliveries".to_owned(), deliveries(incident, layout)),
        ("What the app asked Stripe".to_owned(), calls(incident, layout)),
        (since, readings),
        (
            "Stripe and the app".to_owned(),
            incident.reconciliation.as_ref().map_or_else(Vec::new, |both| facts(both, layout)),
        ),
        ("Last output of the app".to_owned(), output(&incident.log, layout)),
        ("Next".to_owned(), next(incident, layout)),
    ];
    sections.into_iter().filter(|(_, lines)| !lines.is_empty()).collect()
}

/// Only requests that went wrong: the others are how the story came about.
fn requests(requests: &[RequestRecord], layout: Layout) -> Vec<String> {
    let wrong = |request: &&RequestRecord| !matches!(request.outcome, Ok(outcome) if outcome.is_done());
    let line = |request: &RequestRecord| {
        let outcome = match &request.outcome {
            Ok(outcome @ RequestOutcome::Answered(_)) => format!("answered {outcome}"),
            Ok(outcome) => format!("ended with {outcome}"),
            Err(problem) => problem.clone(),
        };
        fit(
            &format!("{}  {}  {outcome} in {}", request.name, request.call, human(request.took)),
            inner(layout),
        )
    };
    let told = |request: &&RequestRecord| layout.detail == Detail::Everything || wrong(request);
    bounded(requests.iter().filter(told).map(line).collect(), layout)
}

fn deliveries(incident: &Incident, layout: Layout) -> Vec<String> {
    let told = |(delivery, attempts): &&(DeliveryRef, Vec<AttemptRecord>)| {
        layout.detail == Detail::Everything || delivery.step.is_some() || !is_accepted(attempts)
    };
    let out: Vec<String> = incident
        .deliveries
        .iter()
        .filter(told)
        .flat_map(|(delivery, attempts)| of_delivery(incident, delivery, attempts, layout))
        .collect();
    if out.is_empty() { vec!["none: no event was sent".to_owned()] } else { bounded(out, layout) }
}

fn of_delivery(
    incident: &Incident,
    delivery: &DeliveryRef,
    attempts: &[AttemptRecord],
    layout: Layout,
) -> Vec<String> {
    let changes = match delivery.changes.as_slice() {
        [] => String::new(),
        changes => format!("  ({})", changes.join(", ")),
    };
    let endpoint = match delivery.endpoint.as_str() {
        "main" => String::new(),
        endpoint => format!(" to {endpoint}"),
    };
    let head =
        format!("#{:<3} {}  {}{endpoint}{changes}", delivery.number, delivery.event.kind, delivery.event.id);
    let told: Vec<String> = attempts.iter().map(|attempt| of_attempt(incident, attempt)).collect();
    let ink = |attempt: &AttemptRecord| if attempt.outcome.is_accepted() { Ink::Faint } else { Ink::Bad };
    if attempts.is_empty() {
        return vec![fit(&format!("{head}  not sent"), inner(layout))];
    }
    // The usual case on one line: a burst has a dozen of them.
    if let ([only], [line], []) = (attempts, told.as_slice(), delivery.changes.as_slice()) {
        return vec![layout.color.paint(ink(only), &fit(&format!("{head}  {line}"), inner(layout)))];
    }
    let mut out = vec![fit(&head, inner(layout))];
    out.extend(attempts.iter().zip(&told).map(|(attempt, line)| {
        layout.color.paint(ink(attempt), &fit(&format!("     {}. {line}", attempt.number), inner(layout)))
    }));
    out
}

fn of_attempt(incident: &Incident, attempt: &AttemptRecord) -> String {
    let body = match &attempt.outcome {
        AttemptOutcome::Answered { body, .. } if !attempt.outcome.is_accepted() => format!("  {body}"),
        _ => String::new(),
    };
    let answer = guidance::answer(&attempt.outcome);
    format!("{}  {answer} in {}{body}", relative(incident.zero.at, attempt.sent), human(attempt.took))
}

fn is_accepted(attempts: &[AttemptRecord]) -> bool {
    attempts.iter().any(|attempt| attempt.outcome.is_accepted())
}

fn calls(incident: &Incident, layout: Layout) -> Vec<String> {
    let never_read = incident.reconciliation.as_ref().is_some_and(|both| both.handler_read.is_none());
    if incident.calls.is_empty() {
        return vec!["nothing: the handler never read Stripe".to_owned()];
    }
    let line = |call: &CallRecord| {
        let status = call.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
        let note = call.note.as_ref().map_or_else(String::new, |note| format!("  ({note})"));
        let at = relative(incident.zero.at, call.at);
        fit(&format!("{at}  {} {}  {status}{note}", call.method, call.path), inner(layout))
    };
    let mut out = bounded(incident.calls.iter().map(line).collect(), layout);
    if never_read {
        out.extend(wrapped(
            "",
            "The handler never read this customer's state at Stripe before it was compared.",
            layout,
        ));
    }
    out
}

fn readings(incident: &Incident, layout: Layout) -> Vec<String> {
    let probes = probes(incident);
    let told = |seen: &&ObservationRecord| {
        layout.detail == Detail::Everything || probes.is_empty() || probes.contains(&seen.probe.as_str())
    };
    let rows: Vec<(&ObservationRecord, String)> =
        incident.observations.iter().filter(told).map(|seen| (seen, when(incident, seen))).collect();
    let widest = rows.iter().map(|(_, when)| when.chars().count()).max().unwrap_or_default();
    let probe = rows.iter().map(|(seen, _)| seen.probe.chars().count()).max().unwrap_or_default().min(20);
    let lines: Vec<String> = rows
        .iter()
        .map(|(seen, when)| {
            let whose = if seen.customer == incident.customer.id {
                String::new()
            } else {
                format!("of {} ", seen.customer)
            };
            let value = reading(seen);
            fit(&format!("{when:<widest$}  {:<probe$}  {whose}{value}", seen.probe), inner(layout))
        })
        .collect();
    let hidden = incident.observations.len() - lines.len();
    let mut out = ends(lines, layout);
    if hidden > 0 && !out.is_empty() {
        let probes = if hidden == 1 { "1 reading of another probe" } else { "readings of other probes" };
        out.push(layout.color.paint(Ink::Faint, &format!("({probes} not shown)")));
    }
    out
}

/// The probes that were not as promised; none where a finding names no probe, and any may tell.
fn probes(incident: &Incident) -> Vec<&str> {
    let read = |kind: Option<JudgedKind>| match kind {
        Some(JudgedKind::Then | JudgedKind::Unchanged | JudgedKind::Reconcile | JudgedKind::Bystander) => {
            true
        }
        Some(
            JudgedKind::Either | JudgedKind::Delivery | JudgedKind::DeliveryRefused | JudgedKind::Parameter,
        )
        | None => false,
    };
    if incident.findings.iter().any(|finding| !read(finding.kind)) {
        return Vec::new();
    }
    incident.findings.iter().filter_map(|finding| finding.name.split('.').next()).collect()
}

fn when(incident: &Incident, seen: &ObservationRecord) -> String {
    let first = relative(incident.zero.at, seen.reading.at);
    if seen.count == 1 {
        return first;
    }
    let last = relative(incident.zero.at, seen.last);
    format!("{first} to {last}, {} readings", seen.count)
}

/// The fields, without the raw answer where fields were read from it.
fn reading(seen: &ObservationRecord) -> String {
    match &seen.reading.fields {
        Err(problem) => format!("failed to {problem}"),
        Ok(fields) => {
            let raw = |key: &str| key == "text" || key == "http_status";
            let read: Map<String, Value> = fields
                .iter()
                .filter(|(key, _)| !raw(key))
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect();
            Value::from(if read.is_empty() { fields.clone() } else { read }).to_string()
        }
    }
}

fn facts(both: &Reconciliation, layout: Layout) -> Vec<String> {
    let say = |value: &Option<Value>, otherwise: &str| {
        value.as_ref().map_or_else(|| otherwise.to_owned(), Value::to_string)
    };
    let mut rows: Vec<[String; 3]> = both
        .facts
        .iter()
        .map(|fact| [one_line(&fact.name), say(&fact.provider, "none"), say(&fact.local, "not read")])
        .collect();
    let width = |rows: &[[String; 3]], at: usize, least: usize| {
        rows.iter().map(|row| row[at].chars().count()).max().unwrap_or_default().max(least)
    };
    let room = inner(layout) - "  ".len() * 3 - "DIFFERS".len();
    if width(&rows, 0, 4) + width(&rows, 1, 6) + width(&rows, 2, 10) > room {
        rows = rows.into_iter().map(|row| row.map(|cell| fit(&cell, room / 3))).collect();
    } else {
        rows = rows.into_iter().map(|row| row.map(|cell| one_line(&cell))).collect();
    }
    let (name, provider, local) = (width(&rows, 0, 4), width(&rows, 1, 6), width(&rows, 2, 10));
    let mut out = vec![format!("{:<name$}  {:<provider$}  in the app", "", "Stripe")];
    for (row, fact) in rows.iter().zip(&both.facts) {
        let line =
            format!("{:<name$}  {:<provider$}  {:<local$}  {}", row[0], row[1], row[2], agreement(fact));
        let line = line.trim_end();
        let ink = if fact.agrees == Some(false) { Ink::Bad } else { Ink::Faint };
        out.push(layout.color.paint(ink, line));
    }
    out
}

fn agreement(fact: &Fact) -> &'static str {
    match fact.agrees {
        Some(true) => "same",
        Some(false) => "DIFFERS",
        None => "",
    }
}

fn output(log: &[String], layout: Layout) -> Vec<String> {
    log.iter()
        .flat_map(|entry| lines(&cut(entry, 4 * inner(layout))).collect::<Vec<_>>())
        .map(|line| format!("| {}", cut(&line, inner(layout) - 2)))
        .collect()
}

fn next(incident: &Incident, layout: Layout) -> Vec<String> {
    let Guidance { who_retries, route, actions, draft, .. } = &incident.guidance;
    let mut out = wrapped("Who tries again?  ", &who_retries.sentence(), layout);
    let may = incident.guidance.may_send_again(incident.event.as_ref());
    out.extend(wrapped("Send it again?    ", &may, layout));
    out.extend(wrapped("The way out:      ", route.words(), layout));
    for (number, action) in actions.iter().enumerate() {
        out.extend(wrapped(&format!("{}. ", number + 1), &action.what, layout));
        out.extend(wrapped("   ", &action.why, layout));
        // A command is never cut: it is there to be pasted.
        out.extend(action.command.iter().map(|command| format!("   $ {}", one_line(command))));
    }
    if let Some(draft) = draft {
        out.push("A draft:".to_owned());
        let rows = lines(draft).flat_map(|line| wrapped("  ", &line, layout)).collect::<Vec<_>>();
        out.extend(rows.iter().map(|row| format!("> {}", row.trim()).trim_end().to_owned()));
    }
    out
}

/// Broken at spaces, further lines below the text; a word that is too long loses its middle.
fn wrapped(mark: &str, text: &str, layout: Layout) -> Vec<String> {
    let indent = mark.chars().count();
    let width = inner(layout) - indent;
    let mut rows = vec![String::new()];
    for word in one_line(text).split(' ') {
        let word = cut(word, width);
        let used = rows.last().map_or(0, |row| row.chars().count());
        if used > 0 && used + 1 + word.chars().count() > width {
            rows.push(word);
        } else if let Some(last) = rows.last_mut() {
            if used > 0 {
                last.push(' ');
            }
            last.push_str(&word);
        }
    }
    let start = |at: usize| if at == 0 { mark.to_owned() } else { " ".repeat(indent) };
    rows.into_iter().enumerate().map(|(at, row)| start(at) + &row).collect()
}

/// The first lines, and how many more there are.
fn bounded(lines: Vec<String>, layout: Layout) -> Vec<String> {
    let more = lines.len().saturating_sub(MOST_LINES);
    if layout.detail == Detail::Everything || more == 0 {
        return lines;
    }
    let mut out: Vec<String> = lines.into_iter().take(MOST_LINES).collect();
    out.push(format!("({more} more lines)"));
    out
}

/// The first and the last lines: what it was before and what it is now.
fn ends(mut lines: Vec<String>, layout: Layout) -> Vec<String> {
    let more = lines.len().saturating_sub(MOST_LINES);
    if layout.detail == Detail::Relevant && more > 0 {
        let (from, to) = (MOST_LINES / 2, MOST_LINES / 2 + more);
        lines.splice(from..to, [format!("({more} more lines)")]);
    }
    lines
}

/// `+12 ms`, `-3 ms`
fn relative(zero: Duration, at: Duration) -> String {
    if at >= zero { format!("+{}", human(at - zero)) } else { format!("-{}", human(zero - at)) }
}

fn inner(layout: Layout) -> usize {
    layout.usable_width() - 2
}
