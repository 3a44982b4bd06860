//! What people read of incidents: a list of them, and one with what to do next. Pure.

use serde_json::Value;

use crate::cli::runs::when;
use crate::incident::text::{broken, fit, one_line};
use crate::ledger::incident::{IncidentState, Life, Resolution};
use crate::ledger::kind;

/// Where values of fields begin.
const INDENT: usize = 16;

/// One line each, under a heading.
pub(super) fn list(incidents: &[&IncidentState], width: usize) -> String {
    let header = ["INCIDENT", "STATE", "SEVERITY", "LAST SEEN", "TIMES", "CASE"].map(str::to_owned);
    let rows: Vec<[String; 6]> = incidents
        .iter()
        .map(|incident| {
            [
                incident.fingerprint.clone(),
                life(incident.life).to_owned(),
                incident.damage.severity.clone(),
                when(incident.damage.last_at),
                incident.count.to_string(),
                one_line(&incident.case),
            ]
        })
        .collect();
    let widths: Vec<usize> = (0..5)
        .map(|column| {
            let cells = std::iter::once(&header).chain(&rows).filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for (index, row) in std::iter::once(&header).chain(&rows).enumerate() {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths.iter().map(Some).chain(std::iter::repeat(None))) {
            match width {
                Some(width) => line.push_str(&format!("{cell:<width$}  ")),
                None => line.push_str(cell),
            }
        }
        text.push_str(&fit(&line, width));
        text.push('\n');
        if let Some(incident) = index.checked_sub(1).and_then(|index| incidents.get(index)) {
            let what = format!("  {}: {}", words(&incident.damage.kind), incident.damage.headline);
            text.push_str(&fit(&what, width));
            text.push('\n');
        }
    }
    text
}

/// Everything that is known of one, its newest evidence included.
pub(super) fn show(incident: &IncidentState, evidence: Option<&Value>, width: usize) -> String {
    let mut text = format!("{}: {}\n\n", words(&incident.damage.kind), one_line(&incident.case));
    let none = Value::Null;
    let evidence = evidence.unwrap_or(&none);
    let said = |pointer: &str| evidence.pointer(pointer).map(value).filter(|text| !text.is_empty());
    field(&mut text, "incident", &incident.fingerprint, width);
    field(&mut text, "state", &state(incident), width);
    field(&mut text, "seen", &seen(incident), width);
    for (name, pointer) in [("promise", "/promise"), ("severity", "/severity"), ("runbook", "/runbook")] {
        optional(&mut text, name, said(pointer), width);
    }
    optional(&mut text, "owner", incident.owner.clone(), width);
    let customer = [said("/customer/id"), said("/customer/email")].into_iter().flatten();
    optional(&mut text, "customer", joined(customer), width);
    let event = [said("/event/id"), said("/event/type")].into_iter().flatten();
    optional(&mut text, "event", joined(event), width);
    optional(&mut text, "expected", evidence.pointer("/expected_access").and_then(pairs), width);
    optional(&mut text, "observed", evidence.pointer("/observed_access").and_then(pairs), width);
    let run = format!("{}, {} of {}", incident.run, incident.environment, incident.project);
    field(&mut text, "run", &run, width);
    optional(&mut text, "deploy", said("/deploy_sha"), width);
    findings(&mut text, evidence, width);
    acts(&mut text, incident, width);
    next(&mut text, incident, evidence, width);
    text
}

fn findings(text: &mut String, evidence: &Value, width: usize) {
    let Some(findings) = evidence.get("findings").and_then(Value::as_array).filter(|list| !list.is_empty())
    else {
        return;
    };
    text.push_str("\nWhat was not as promised\n");
    for finding in findings {
        let part = |key: &str| finding.get(key).and_then(Value::as_str).unwrap_or_default();
        let at = |pointer: &str| finding.pointer(pointer).map(value).unwrap_or_default();
        let place = match at("/place/file") {
            file if file.is_empty() => String::new(),
            file => format!(" ({file}:{}:{})", at("/place/line"), at("/place/column")),
        };
        let name = if part("name").is_empty() { String::new() } else { format!("{}: ", part("name")) };
        bullet(text, "  - ", &format!("{name}{}{place}", part("headline")), width);
    }
}

fn acts(text: &mut String, incident: &IncidentState, width: usize) {
    if incident.acts.is_empty() {
        return;
    }
    text.push_str("\nWhat was done\n");
    for act in &incident.acts {
        let why = if act.why.is_empty() { String::new() } else { format!(": {}", act.why) };
        bullet(text, "  - ", &format!("{}  {} by {}{why}", when(act.at), done(&act.kind), act.who), width);
    }
}

fn next(text: &mut String, incident: &IncidentState, evidence: &Value, width: usize) {
    text.push_str("\nNext\n");
    let said = |pointer: &str| evidence.pointer(pointer).map(value).filter(|text| !text.is_empty());
    if let Some(who) = said("/guidance/who_retries") {
        bullet(text, "  Who tries again?  ", &who, width);
    }
    let actions = evidence.pointer("/guidance/actions").and_then(Value::as_array);
    for (action, number) in actions.into_iter().flatten().zip(1..) {
        let part = |key: &str| action.get(key).and_then(Value::as_str).unwrap_or_default();
        let what = [part("what"), part("why")].into_iter().filter(|part| !part.is_empty());
        bullet(text, &format!("  {number}. "), &what.collect::<Vec<_>>().join(" "), width);
        if let Some(command) = action.get("command").and_then(Value::as_str) {
            text.push_str(&format!("     $ {}\n", one_line(command)));
        }
    }
    let id = &incident.fingerprint;
    let act = match incident.life {
        Life::Open => format!("paydrill incidents ack {id} -m \"…\""),
        Life::Acknowledged => format!("paydrill incidents resolve {id} -m \"…\""),
        Life::Resolved => return,
    };
    text.push_str(&format!("  $ {act}\n"));
}

fn state(incident: &IncidentState) -> String {
    match &incident.resolution {
        None => life(incident.life).to_owned(),
        Some(Resolution::Proof { at }) => format!("resolved: the case passed at {}", when(*at)),
        Some(Resolution::Person { at, who, why }) => format!("resolved by {who} at {}: {why}", when(*at)),
    }
}

fn seen(incident: &IncidentState) -> String {
    match incident.count {
        1 => format!("once, at {}", when(incident.damage.last_at)),
        count => {
            format!("{count} times, from {} to {}", when(incident.opened_at), when(incident.damage.last_at))
        }
    }
}

/// `Paid without access` of `paid-without-access`.
fn words(kind: &str) -> String {
    let words = kind.replace('-', " ");
    let mut letters = words.chars();
    letters.next().map_or_else(|| "Damage".to_owned(), |first| first.to_uppercase().chain(letters).collect())
}

fn done(act: &str) -> &str {
    match act {
        kind::ACKNOWLEDGED => "taken up",
        kind::NOTED => "noted",
        kind::RESOLVED => "resolved",
        kind::CONTACTED => "message to the customer drafted",
        other => other,
    }
}

/// One word.
fn life(life: Life) -> &'static str {
    match life {
        Life::Open => "open",
        Life::Acknowledged => "acknowledged",
        Life::Resolved => "resolved",
    }
}

fn value(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// `access.plan = "pro", access.seats = 3`
fn pairs(access: &Value) -> Option<String> {
    let pairs = access.as_object().filter(|pairs| !pairs.is_empty())?;
    Some(pairs.iter().map(|(name, is)| format!("{name} = {}", value(is))).collect::<Vec<_>>().join(", "))
}

fn joined(parts: impl Iterator<Item = String>) -> Option<String> {
    Some(parts.collect::<Vec<_>>().join("  ")).filter(|text| !text.is_empty())
}

fn optional(text: &mut String, name: &str, said: Option<String>, width: usize) {
    if let Some(said) = said {
        field(text, name, &said, width);
    }
}

fn field(text: &mut String, name: &str, said: &str, width: usize) {
    bullet(text, &format!("  {name:<space$}", space = INDENT - 2), said, width);
}

/// Text behind a mark, its further rows below its first.
fn bullet(text: &mut String, mark: &str, said: &str, width: usize) {
    let indent = mark.chars().count();
    for (row, start) in broken(said, width.saturating_sub(indent))
        .iter()
        .zip(std::iter::once(mark.to_owned()).chain(std::iter::repeat(" ".repeat(indent))))
    {
        text.push_str(&start);
        text.push_str(row);
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ledger::fold::{Act, Damage};

    fn incident() -> IncidentState {
        IncidentState {
            fingerprint: "802cc91ead5e030a".to_owned(),
            life: Life::Acknowledged,
            project: "acme".to_owned(),
            environment: "ci".to_owned(),
            scenario: "mapping/seats".to_owned(),
            case: "mapping/seats".to_owned(),
            owner: Some("billing-oncall".to_owned()),
            damage: Damage {
                fingerprint: "802cc91ead5e030a".to_owned(),
                kind: "paid-without-access".to_owned(),
                severity: "critical".to_owned(),
                headline: "still 1 5 s after the last delivery (173 readings)".to_owned(),
                customer: "cus_1".to_owned(),
                first_at: 1_795_000_000_000,
                last_at: 1_795_000_060_000,
                count: 2,
            },
            run: "evt_1".to_owned(),
            opened_at: 1_795_000_000_000,
            count: 2,
            resolution: None,
            acts: vec![Act {
                kind: kind::ACKNOWLEDGED.to_owned(),
                fingerprint: "802cc91ead5e030a".to_owned(),
                who: "kim".to_owned(),
                why: "on it\u{1b}[2J".to_owned(),
                at: 1_795_000_070_000,
            }],
        }
    }

    fn evidence() -> Value {
        json!({
            "promise": "Every seat that is paid for is there.", "severity": "critical",
            "runbook": "Set the seats by hand.",
            "customer": { "id": "cus_1", "email": "kept-3f" }, "event": { "id": "evt_9", "type": "checkout.session.completed" },
            "expected_access": { "access.seats": "25" }, "observed_access": { "access.seats": "1" }, "deploy_sha": "abc",
            "findings": [{
                "name": "access.seats", "headline": "still 1 5 s after the last delivery",
                "place": { "file": "scenarios/mapping/seats.toml", "line": 10, "column": 39 },
            }],
            "guidance": {
                "who_retries": "Nobody: the app answered 200.",
                "actions": [{ "what": "Repair the handler.", "why": "", "command": "paydrill run --seed 1" }],
            },
        })
    }

    #[test]
    fn a_list_has_two_lines_an_incident() {
        insta::assert_snapshot!(list(&[&incident()], 100), @"
        INCIDENT          STATE         SEVERITY  LAST SEEN             TIMES  CASE
        802cc91ead5e030a  acknowledged  critical  2026-11-18 11:07:40Z  2      mapping/seats
          Paid without access: still 1 5 s after the last delivery (173 readings)
        ");
    }

    #[test]
    fn one_is_told_with_its_evidence_and_what_is_next() {
        insta::assert_snapshot!(show(&incident(), Some(&evidence()), 80));
    }

    /// Its evidence may have been pruned, or may be of a later version.
    #[rstest::rstest]
    #[case(None)]
    #[case(Some(json!({ "findings": 3, "guidance": { "actions": [1, {}] }, "promise": ["x"] })))]
    #[case(Some(json!("gone")))]
    fn without_its_evidence_it_is_told_as_far_as_it_is_known(#[case] evidence: Option<Value>) {
        let text = show(&incident(), evidence.as_ref(), 80);
        assert!(text.starts_with("Paid without access: mapping/seats\n"), "{text}");
        assert!(text.contains("2 times, from 2026-11-18") && !text.contains('\u{1b}'), "{text}");
    }
}
