//! What the owner of a broken promise is handed: the incidents of four telling bugs, word for word.
//!
//! Everything that differs from run to run is replaced by marks, so a snapshot changes exactly when what the owner
//! would read does. Read a change; never accept it in bulk.
#![cfg(feature = "demo")]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests are tests too")]

use paydrill::demo::Bug;
use paydrill::incident::{Incident, render, stable};
use paydrill::testing::{TestOutcome, scenario};
use rstest::rstest;
use serde_json::Value;

/// The key with which the demo app asks Stripe.
const API_KEY: &str = "sk_test_paydrill";

fn outcome(bug: Bug, file: &str, seed: u64) -> TestOutcome {
    scenario(format!("scenarios/{file}.toml"))
        .program("paydrill", env!("CARGO_BIN_EXE_paydrill"))
        .target_env("PAYDRILL_DEMO_BUG", bug.name())
        .seed(seed)
        .run()
}

/// Two seeds: other ids, ports, times and numbers of readings, and the same words.
#[rstest]
#[case(Bug::AckSwallowedError, "acknowledgement/stripe-fails-once")]
#[case(Bug::MapQuantity, "mapping/seats")]
#[case(Bug::DupSameEventCredits, "duplicates/same-event-again")]
#[case(Bug::NetSignatureUnchecked, "transport/forged")]
fn the_owner_reads(#[case] bug: Bug, #[case] file: &str) {
    let [one, two] = [1, 2].map(|seed| outcome(bug, file, seed));
    let ids = |outcome: &TestOutcome| outcome.incidents().into_iter().map(|incident| incident.customer.id);
    assert!(ids(&one).zip(ids(&two)).all(|(one, two)| one != two && one.starts_with("cus_")));
    assert_same(&one.stable_incidents(), &two.stable_incidents());
    insta::assert_snapshot!(bug.name(), one.stable_incidents());
}

#[track_caller]
fn assert_same(one: &str, two: &str) {
    let differs = one.lines().zip(two.lines()).find(|(one, two)| one != two);
    assert_eq!(differs, None, "two seeds tell it differently");
    assert_eq!(one.len(), two.len());
}

/// What an owner needs is there for other programs as well, filled in.
#[test]
fn everything_an_owner_needs_is_in_the_json() {
    let incidents = outcome(Bug::MapQuantity, "mapping/renewal", 7).incidents();
    let [incident] = incidents.as_slice() else { panic!("{} incidents", incidents.len()) };
    let json = json(incident);
    let needed = [
        "/v",
        "/fingerprint",
        "/kind",
        "/severity",
        "/promise",
        "/scenario",
        "/environment",
        "/owner",
        "/runbook",
        "/run_id",
        "/event/id",
        "/event/type",
        "/customer/id",
        "/subscription/id",
        "/subscription/provider",
        "/subscription/local",
        "/plan/provider",
        "/plan/local",
        "/invoice/id",
        "/invoice/status",
        "/expected_access/access.seats",
        "/observed_access/access.seats",
        "/findings/0/headline",
        "/findings/0/place/line",
        "/deploy_sha",
        "/deliveries/0/attempts/0",
        "/observations/0",
        "/calls/0",
        "/reconciliation/facts/0",
        "/guidance/who_retries",
        "/guidance/idempotency",
        "/guidance/route",
        "/guidance/actions/0/command",
        "/rerun",
    ];
    let empty = |path: &&str| json.pointer(path).is_none_or(|value| value.is_null() || value == "");
    assert_eq!(needed.into_iter().filter(empty).collect::<Vec<_>>(), [""; 0], "{json:#}");
    assert_eq!(json["expected_access"]["access.seats"], "3");
    assert_eq!(json["observed_access"]["access.seats"], "1");
    assert_eq!(json["kind"], "paid-without-access");
}

/// The app knows two secrets, and neither is in anything that a person or a program is given. The bug that logs
/// most, and the one that is about signatures.
#[rstest]
#[case(Bug::AckSwallowedError, "acknowledgement/stripe-is-down")]
#[case(Bug::NetSignatureUnchecked, "transport/forged")]
fn no_report_holds_a_secret(#[case] bug: Bug, #[case] file: &str) {
    let outcome = outcome(bug, file, 3);
    let incidents = outcome.incidents();
    assert!(!incidents.is_empty());
    let everything = render::Layout { detail: render::Detail::Everything, ..render::Layout::FILE };
    let mut shown = vec![outcome.report.clone(), outcome.stable_incidents()];
    for incident in &incidents {
        for incident in [incident, &stable(incident)] {
            shown.push(render::text(incident, everything));
            shown.push(render::markdown(incident));
            shown.push(render::json(incident).unwrap());
        }
    }
    for text in shown {
        assert!(text.len() > 500, "too little to look at: {text}");
        assert!(!text.contains(API_KEY), "{text}");
        assert_eq!(endpoint_secret(&text), None, "{text}");
    }
}

fn json(incident: &Incident) -> Value {
    serde_json::from_str(&render::json(incident).unwrap()).expect("JSON that reads back")
}

/// `whsec_` and 32 letters and digits, as endpoints have it.
fn endpoint_secret(text: &str) -> Option<&str> {
    let long = |rest: &&str| rest.chars().take_while(char::is_ascii_alphanumeric).count() >= 32;
    text.split("whsec_").skip(1).find(long)
}

#[test]
fn a_secret_would_be_found() {
    assert_eq!(endpoint_secret("signed with whsec_… by Stripe"), None);
    assert!(endpoint_secret(&format!("key=whsec_{}\n", "a1".repeat(16))).is_some());
}
