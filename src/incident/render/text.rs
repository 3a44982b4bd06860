//! An incident for a terminal, a log or an e-mail.

use serde_json::Value;

use super::paint::Ink;
use super::{Layout, diff, frame, sections};
use crate::incident::model::{Access, Finding, Incident, InvoiceState};
use crate::incident::text::{broken, cut, fit, one_line, sentence};

/// The whole incident, ending in a newline.
#[must_use]
pub fn text(incident: &Incident, layout: Layout) -> String {
    let mut out = vec![title(incident, layout), String::new()];
    out.extend(facts(incident).into_iter().flat_map(|(name, value)| fact(name, &value, layout)));
    out.extend(body(incident, layout));
    let mut text = out.join("\n");
    text.push('\n');
    text
}

/// A line of the table of facts. What a person must be able to follow is never cut.
fn fact(name: &str, value: &str, layout: Layout) -> Vec<String> {
    let width = layout.usable_width() - 16;
    let rows = match name {
        "promise" | "runbook" | "evidence" => broken(value, width),
        _ => vec![fit(value, width)],
    };
    let head = |at: usize| if at == 0 { name } else { "" };
    rows.into_iter()
        .enumerate()
        .map(|(at, row)| format!("  {}{row}", layout.color.paint(Ink::Faint, &format!("{:<14}", head(at)))))
        .collect()
}

/// Everything below the table of facts.
pub(super) fn body(incident: &Incident, layout: Layout) -> Vec<String> {
    let mut out = Vec::new();
    for finding in incident.reason.iter().chain(&incident.findings) {
        out.push(String::new());
        out.extend(drawn(finding, layout));
    }
    for (heading, lines) in sections::all(incident, layout) {
        out.push(String::new());
        out.push(layout.color.paint(Ink::Title, &fit(&heading, layout.usable_width())));
        out.extend(lines.into_iter().map(|line| format!("  {line}")));
    }
    out
}

fn drawn(finding: &Finding, layout: Layout) -> Vec<String> {
    let mut out = frame::frame(finding, layout);
    // A case that could not be judged as a whole expected nothing in particular.
    if finding.kind.is_some() {
        out.push(String::new());
        let diff = diff::diff(&finding.expected, &finding.observed, layout);
        out.extend(diff.into_iter().map(|line| format!("    {line}")));
    }
    out
}

fn title(incident: &Incident, layout: Layout) -> String {
    let kind = sentence(&incident.kind.to_string());
    let case = fit(&incident.case, layout.usable_width().saturating_sub(kind.len() + 2));
    format!("{}: {case}", layout.color.paint(Ink::Title, &kind))
}

/// What every incident says, in the order in which an owner asks.
pub(super) fn facts(incident: &Incident) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("promise", incident.promise.clone()),
        ("severity", incident.severity.to_string()),
        ("customer", format!("{}  {}", incident.customer.id, incident.customer.email)),
        (
            "event",
            incident
                .event
                .as_ref()
                .map_or_else(|| "none".into(), |event| format!("{}  {}", event.id, event.kind)),
        ),
        ("subscription", subscription(incident)),
        ("plan", sides(incident.plan.provider.as_ref(), incident.plan.local.as_ref())),
        ("invoice", incident.invoice.as_ref().map_or_else(|| "none at Stripe".into(), invoice)),
    ];
    if !incident.access.is_empty() {
        facts.push(("expected", access(incident, |access| &access.expected)));
        facts.push(("observed", access(incident, |access| &access.observed)));
    }
    facts.extend(incident.owner.clone().map(|owner| ("owner", owner)));
    facts.extend(incident.runbook.clone().map(|runbook| ("runbook", runbook)));
    facts.push(("run", run(incident)));
    facts.push(("deploy", incident.deploy_sha.clone().unwrap_or_else(|| "not known".into())));
    facts.push(("fingerprint", incident.fingerprint.clone()));
    facts.extend(incident.evidence.clone().map(|evidence| ("evidence", evidence)));
    facts
}

fn access(incident: &Incident, side: fn(&Access) -> &String) -> String {
    let all: Vec<String> =
        incident.access.iter().map(|access| format!("{} = {}", access.name, cut(side(access), 80))).collect();
    all.join(", ")
}

fn subscription(incident: &Incident) -> String {
    let state = &incident.subscription;
    let id = state.id.as_deref().unwrap_or("none at Stripe");
    match &state.id {
        None if state.local.is_none() => id.to_owned(),
        _ => format!("{id}  {}", sides(state.provider.as_ref(), state.local.as_ref())),
    }
}

fn sides(provider: Option<&Value>, local: Option<&Value>) -> String {
    let say =
        |value: Option<&Value>, otherwise: &str| value.map_or_else(|| otherwise.to_owned(), Value::to_string);
    format!("{} at Stripe, {} in the app", say(provider, "none"), say(local, "not read"))
}

fn invoice(invoice: &InvoiceState) -> String {
    let status = invoice.status.as_deref().unwrap_or("no status");
    let total = match (invoice.total, &invoice.currency) {
        (Some(total), Some(currency)) => format!(", total {total} (smallest unit of {currency})"),
        _ => String::new(),
    };
    format!("{}  {status}{total}", invoice.id)
}

fn run(incident: &Incident) -> String {
    let id = incident.run_id.as_deref().unwrap_or("no event was made");
    let mut run = format!("{id}, {} of {}", one_line(&incident.environment), one_line(&incident.project));
    if incident.attempt > 1 {
        run.push_str(&format!(", try {}", incident.attempt));
    }
    if let Some(before) = &incident.retry_of {
        run.push_str(&format!(", the try before was {before}"));
    }
    run
}
