//! `init --from-event`: from what was captured to a scenario that runs.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::Project;

const EMAIL: &str = "jenny.rosen@corp.example";

fn captured(kind: &str) -> String {
    let session = json!({
        "id": "cs_live_a1b2c3d4", "object": "checkout.session", "mode": "subscription", "payment_status": "paid",
        "amount_total": 9900, "customer": "cus_9s6XKzkNRiz8i3", "customer_details": { "email": EMAIL },
        "metadata": { "user": EMAIL },
    });
    let event = json!({
        "id": "evt_1PYZabcdefghij", "object": "event", "type": kind, "created": 1_780_000_000, "livemode": true,
        "api_version": "2026-10-28.endive", "data": { "object": session },
    });
    format!("{event:#}")
}

#[test]
fn a_captured_event_becomes_a_scenario_that_runs() {
    let project = Project::empty().file("events/one.json", &captured("checkout.session.completed"));
    project.run(&["init", "--from-event", "events"]).code(0).says(&[
        "wrote  scenarios/captured-checkout.toml",
        "replaced data.object.metadata.user",
        "then `paydrill lint` and `paydrill run`",
    ]);
    let text = project.read("scenarios/captured-checkout.toml");
    assert!(text.contains("stripe.checkout = { price = \"pro_monthly\"") && !text.contains(EMAIL), "{text}");
    project.run(&["fmt", "--check"]).code(0);
    project.run(&["run"]).code(0).says(&["PASS   captured-checkout"]);
    // What was promised is the author's to say, and then the scenario proves it.
    let step = "stripe.checkout = {";
    let project = project
        .edit("scenarios/captured-checkout.toml", step, &format!("then.access = {{ active = true }}\n{step}"))
        .edit("scenarios/captured-checkout.toml", "redacted-1", "grants-nothing")
        .edit("scenarios/captured-checkout.toml", "user = ", "odd = ");
    project.run(&["run"]).code(1).says(&["access.active"]);
}

#[test]
fn what_no_action_makes_is_sent_as_a_redacted_copy() {
    let project = Project::empty().file("one.json", &captured("checkout.session.expired"));
    project.run(&["init", "--from-event", "one.json", "--name", "odd/late"]).code(0).says(&[
        "wrote  captured/odd/late-1.json",
        "wrote  scenarios/odd/late.toml",
        "replaced data.object.customer_details.email",
        "no action makes `checkout.session.expired` alone",
    ]);
    assert!(!project.read("captured/odd/late-1.json").contains(EMAIL));
    let project = project.project("\"checkout.session.completed\"", "\"checkout.session.*\"");
    project.run(&["run"]).code(0).says(&["PASS   odd/late"]);
    // An app that handles an event once meets another event with every case.
    let ran = project.run(&["run", "--repeat", "2", "--json"]);
    let events = ran.code(0).stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let attempts = events.filter(|event| event["type"] == "attempt-finished");
    let ids = attempts.filter(|attempt| attempt["delivery"]["event"]["type"] == "checkout.session.expired");
    let ids: BTreeSet<String> = ids.map(|attempt| attempt["delivery"]["event"]["id"].to_string()).collect();
    assert_eq!(ids.len(), 2, "{ids:?}");
}

#[test]
fn nothing_is_overwritten_and_printing_writes_nothing() {
    let project = Project::empty().file("one.json", &captured("checkout.session.completed"));
    let ran = project.run(&["init", "--from-event", "one.json", "--print"]);
    assert!(ran.code(0).stdout.starts_with("# Drafted from captured events."), "{}", ran.stdout);
    assert!(!project.path("scenarios").exists());
    let project = project.file("scenarios/captured-checkout.toml", "mine");
    project.run(&["init", "--from-event", "one.json"]).code(2).says(&["it exists", "--name NAME"]);
    assert_eq!(project.read("scenarios/captured-checkout.toml"), "mine");
}
