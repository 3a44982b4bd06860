//! An incident in its parts: expected and observed, what to do, both sides, what happened.

use maud::{Markup, html};
use serde_json::{Map, Value};

use super::parts::{link, relative, took, value, words};
use crate::incident::kind::IncidentKind;
use crate::incident::text::one_line;
use crate::incident::wire::{
    WireAttempt, WireDelivered, WireFinding, WireGuidance, WireIncident, WireObservation, WireOutcome,
    WirePlace, WireReconciliation, WireRequest,
};
use crate::run_event::Verdict;

/// More rows than this lose their middle.
const ROWS: usize = 80;

/// Colour follows from whether somebody is known to be harmed.
pub(super) fn tone_of(incident: &WireIncident) -> &'static str {
    if incident.kind == IncidentKind::CouldNotJudge { "tone-warn" } else { "tone-bad" }
}

/// Expected and observed beside each other, at most so many.
pub(super) fn sides(incident: &WireIncident, most: usize) -> Markup {
    html! {
        @if let Some(reason) = &incident.reason {
            p { (words(reason)) }
        } @else if !incident.findings.is_empty() {
            table.sides {
                thead { tr { th {} th { "expected" } th { "observed" } } }
                tbody {
                    @for finding in incident.findings.iter().take(most) { (side(finding)) }
                }
            }
            @if incident.findings.len() > most {
                p.soft.small { "and " (incident.findings.len() - most) " more" }
            }
        }
    }
}

fn side(finding: &WireFinding) -> Markup {
    let class = if finding.verdict == Verdict::Failed { "bad" } else { "warn" };
    html! {
        tr {
            td { (value(if finding.name.is_empty() { "the case" } else { &finding.name })) }
            td.good data-side="expected" { (value(&finding.expected)) }
            td class=(class) data-side="observed" { (value(&finding.observed)) }
        }
    }
}

/// Every finding with the line that demanded it.
pub(super) fn findings(incident: &WireIncident) -> Markup {
    html! {
        (sides(incident, 40))
        @if let Some(place) = &incident.reason_place { (source(place, "")) }
        @for finding in incident.findings.iter().take(40) {
            @if let Some(place) = &finding.place { (source(place, &finding.headline)) }
        }
    }
}

/// The line of a scenario, what is meant of it, and what is wrong with that.
fn source(place: &WirePlace, headline: &str) -> Markup {
    let letters: Vec<char> = place.text.chars().take(400).collect();
    let from = place.column.saturating_sub(1).min(letters.len());
    let to = from.saturating_add(place.length).min(letters.len());
    let part = |letters: Option<&[char]>| one_line(&letters.unwrap_or_default().iter().collect::<String>());
    html! {
        div.source {
            span.at { (words(&place.file)) ":" (place.line) @if !headline.is_empty() { " · " span.bad { (words(headline)) } } }
            code { (part(letters.get(..from))) mark { (part(letters.get(from..to))) } (part(letters.get(to..))) }
        }
    }
}

/// What to do, in order, each with its reason and what to type.
pub(super) fn next(guidance: &WireGuidance) -> Markup {
    html! {
        ol.do {
            @for action in &guidance.actions {
                li {
                    p { (words(&action.what)) }
                    p.why { (words(&action.why)) }
                    @if let Some(command) = &action.command { code.command { (one_line(command)) } }
                }
            }
        }
        @if let Some(draft) = &guidance.draft {
            pre.draft { (crate::incident::text::lines(draft).collect::<Vec<_>>().join("\n")) }
        }
    }
}

/// Who tries again, and whether a person may.
pub(super) fn again(incident: &WireIncident) -> Markup {
    let guidance = &incident.guidance;
    html! {
        dl.facts.again {
            dt { "Way out" } dd { b { (guidance.route.words()) } }
            dt { "Who tries again" } dd { (words(&guidance.who_retries)) }
            dt { "Send it again" } dd { (words(&guidance.send_again)) }
            @if let Some(runbook) = &incident.runbook { dt { "Runbook" } dd { (link(runbook)) } }
        }
    }
}

/// Who it is about, in the order in which an owner asks.
pub(super) fn facts(incident: &WireIncident) -> Markup {
    let both = |provider: Option<&Value>, local: Option<&Value>| {
        html! {
            @match provider { Some(provider) => (value(&provider.to_string())), None => "none" } " at Stripe, "
            @match local { Some(local) => (value(&local.to_string())), None => "not read" } " in the app"
        }
    };
    html! {
        dl.facts {
            dt { "Customer" } dd { (value(&incident.customer.id)) " " (words(&incident.customer.email)) }
            dt { "Event" } dd {
                @match &incident.event { Some(event) => { (value(&event.r#type)) " " span.soft { (value(&event.id)) } }, None => "none" }
            }
            dt { "Subscription" } dd {
                @match &incident.subscription.id { Some(id) => { (value(id)) ": " }, None => "none at Stripe; " }
                (both(incident.subscription.provider.as_ref(), incident.subscription.local.as_ref()))
            }
            dt { "Plan" } dd { (both(incident.plan.provider.as_ref(), incident.plan.local.as_ref())) }
            dt { "Invoice" } dd { (invoice(incident)) }
            @if let Some(owner) = &incident.owner { dt { "Owner" } dd { (words(owner)) } }
            dt { "Deploy" } dd { (value(incident.deploy_sha.as_deref().unwrap_or("not known"))) }
            dt { "Run" } dd { (value(incident.run_id.as_deref().unwrap_or("no event was made"))) ", " (words(&incident.environment)) " of " (words(&incident.project)) }
            dt { "Fingerprint" } dd { (value(&incident.fingerprint)) }
            @if let Some(evidence) = &incident.evidence { dt { "Evidence" } dd { (value(evidence)) } }
        }
    }
}

fn invoice(incident: &WireIncident) -> Markup {
    html! {
        @if let Some(invoice) = &incident.invoice {
            (value(&invoice.id)) " " (words(invoice.status.as_deref().unwrap_or("no status")))
            @if let (Some(total), Some(currency)) = (invoice.total, &invoice.currency) {
                ", " (total) " " span.soft { "(smallest unit of " (words(currency)) ")" }
            }
        } @else {
            "none at Stripe"
        }
    }
}

/// Provider truth and the app's record beside each other.
pub(super) fn both(both: &WireReconciliation) -> Markup {
    let say = |side: &Option<Value>, otherwise: &str| {
        side.as_ref().map_or_else(|| otherwise.to_owned(), Value::to_string)
    };
    html! {
        table.list {
            thead { tr { th { "fact" } th { "Stripe" } th { "in the app" } th {} } }
            tbody {
                @for fact in &both.facts {
                    tr class=[(fact.agrees == Some(false)).then_some("off")] {
                        td { (value(&fact.name)) }
                        td data-side="Stripe" { (value(&say(&fact.provider, "none"))) }
                        td data-side="app" { (value(&say(&fact.local, "not read"))) }
                        td.short { @match fact.agrees { Some(true) => "same", Some(false) => b.bad { "differs" }, None => "" } }
                    }
                }
            }
        }
    }
}

/// What was sent, and what it was answered. What was arranged and accepted tells nothing.
pub(super) fn deliveries(incident: &WireIncident) -> Markup {
    let told = |one: &&WireDelivered| one.delivery.step.is_some() || !one.accepted;
    let rows: Vec<Markup> = incident
        .deliveries
        .iter()
        .filter(told)
        .flat_map(|one| {
            let first = one.attempts.is_empty().then(|| delivery(incident, one, None));
            first.into_iter().chain(one.attempts.iter().map(|attempt| delivery(incident, one, Some(attempt))))
        })
        .collect();
    let hidden = incident.deliveries.len() - incident.deliveries.iter().filter(told).count();
    html! {
        table.list {
            thead { tr { th { "#" } th { "when" } th { "event" } th { "answer" } } }
            tbody { (ends(rows, 4)) }
        }
        @if hidden > 0 { p.soft.small { (hidden) " accepted deliveries of the arrangement are not shown." } }
    }
}

fn delivery(incident: &WireIncident, one: &WireDelivered, attempt: Option<&WireAttempt>) -> Markup {
    let accepted = attempt.is_some_and(|attempt| matches!(attempt.status, Some(200..=299)));
    html! {
        tr class=[(!accepted).then_some("off")] {
            td.num { "#" (one.delivery.number) @if let Some(attempt) = attempt { @if attempt.number > 1 { ", try " (attempt.number) } } }
            td.when { @if let Some(attempt) = attempt { (relative(incident.zero_ms, attempt.at_ms)) } }
            td {
                (value(&one.delivery.event.r#type)) " " span.soft { (value(&one.delivery.event.id)) }
                @if one.delivery.endpoint != "main" { " to " (value(&one.delivery.endpoint)) }
                @for change in &one.delivery.changes { " · " (words(change)) }
            }
            td {
                @match attempt { None => "not sent", Some(attempt) => (answer(attempt)) }
            }
        }
    }
}

fn answer(attempt: &WireAttempt) -> Markup {
    let said = match (attempt.outcome, attempt.status) {
        (WireOutcome::Answered, Some(status)) => format!("answered {status}"),
        (WireOutcome::Answered, None) => "answered".to_owned(),
        (WireOutcome::Refused, _) => "connection refused".to_owned(),
        (WireOutcome::TimedOut, _) => "not answered in time".to_owned(),
        (WireOutcome::Reset, _) => "connection broken".to_owned(),
    };
    let accepted = matches!(attempt.status, Some(200..=299));
    html! {
        span.short { (said) " in " (took(attempt.took_ms)) }
        @if let Some(body) = attempt.body.as_ref().filter(|body| !accepted && !body.is_empty()) { " " (value(body)) }
    }
}

/// What the app asked Stripe.
pub(super) fn calls(incident: &WireIncident) -> Markup {
    let rows: Vec<Markup> = incident
        .calls
        .iter()
        .map(|call| {
            let fine = matches!(call.status, Some(200..=399));
            html! {
                tr class=[(!fine).then_some("off")] {
                    td.when { (relative(incident.zero_ms, call.at_ms)) }
                    td { (value(&format!("{} {}", call.method, call.path))) }
                    td.num { @match call.status { Some(status) => (status), None => "no answer" } @if let Some(note) = &call.note { " · " (words(note)) } }
                }
            }
        })
        .collect();
    let never = incident.reconciliation.as_ref().is_some_and(|both| both.handler_read_at_ms.is_none());
    html! {
        @if rows.is_empty() {
            p { "Nothing: the handler never read Stripe." }
        } @else {
            table.list {
                thead { tr { th { "when" } th { "call" } th { "answer" } } }
                tbody { (ends(rows, 3)) }
            }
            @if never { p { "The handler never read this customer's state at Stripe before it was compared." } }
        }
    }
}

/// What was done in the app.
pub(super) fn requests(incident: &WireIncident) -> Markup {
    let rows: Vec<Markup> = incident
        .requests
        .iter()
        .map(|request| {
            html! {
                tr class=[(!is_done(request)).then_some("off")] {
                    td.when { (relative(incident.zero_ms, request.at_ms)) }
                    td { (words(&request.name)) " " span.soft { (value(&request.call)) } }
                    td { (outcome(request)) " in " (took(request.took_ms)) }
                }
            }
        })
        .collect();
    html! {
        table.list {
            thead { tr { th { "when" } th { "request" } th { "outcome" } } }
            tbody { (ends(rows, 3)) }
        }
    }
}

pub(super) fn is_done(request: &WireRequest) -> bool {
    request.problem.is_none() && (matches!(request.status, Some(200..=299)) || request.exit_code == Some(0))
}

fn outcome(request: &WireRequest) -> Markup {
    html! {
        @match (&request.problem, request.status, request.exit_code) {
            (Some(problem), ..) => (words(problem)),
            (None, Some(status), _) => { "answered " (status) },
            (None, None, Some(code)) => { "ended with exit code " (code) },
            (None, None, None) => "done",
        }
    }
}

/// What was read, runs of equal readings as one.
pub(super) fn readings(incident: &WireIncident) -> Markup {
    let rows: Vec<Markup> = incident
        .observations
        .iter()
        .map(|seen| {
            html! {
                tr class=[seen.first.problem.is_some().then_some("off")] {
                    td.when { (when(incident, seen)) }
                    td {
                        (words(&seen.probe))
                        @if seen.customer != incident.customer.id { " of " (value(&seen.customer)) }
                    }
                    td { (value(&reading(seen))) }
                }
            }
        })
        .collect();
    html! {
        table.list {
            thead { tr { th { "when" } th { "probe" } th { "reading" } } }
            tbody { (ends(rows, 3)) }
        }
    }
}

fn when(incident: &WireIncident, seen: &WireObservation) -> String {
    let first = relative(incident.zero_ms, seen.first.at_ms);
    match seen.count {
        0 | 1 => first,
        count => format!("{first} to {}, {count} readings", relative(incident.zero_ms, seen.last_at_ms)),
    }
}

/// The fields, without the raw answer where fields were read from it.
pub(super) fn reading(seen: &WireObservation) -> String {
    match (&seen.first.problem, &seen.first.fields) {
        (Some(problem), _) => format!("failed to {problem}"),
        (None, None) => "nothing".to_owned(),
        (None, Some(fields)) => {
            let raw = |key: &str| ["text", "http_status", "screenshot"].contains(&key);
            let read: Map<String, Value> = fields
                .iter()
                .filter(|(key, _)| !raw(key))
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect();
            Value::from(if read.is_empty() { fields.clone() } else { read }).to_string()
        }
    }
}

/// The first and the last rows, and how many are between them.
fn ends(mut rows: Vec<Markup>, columns: usize) -> Markup {
    let more = rows.len().saturating_sub(ROWS);
    if more > 0 {
        let between = html! { tr { td.more colspan=(columns) { (more) " more" } } };
        rows.splice(ROWS / 2..ROWS / 2 + more, [between]);
    }
    html! { @for row in rows { (row) } }
}
