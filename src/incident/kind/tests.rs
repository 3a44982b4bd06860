use rstest::rstest;
use serde_json::json;

use super::*;
use crate::incident::sample::{self, Sample};

/// A case in which `access.plan` was expected to be something else, over this provider truth.
fn differing(truth: serde_json::Value, expected: &str, observed: &str) -> CaseRecord {
    let mut record = sample::no_access(Sample::seed(1));
    record.truth = truth.as_object().cloned().unwrap_or_default();
    record.judged.retain(|judged| judged.verdict == Verdict::Failed);
    record.judged.truncate(1);
    record.judged[0].expected = expected.into();
    record.judged[0].observed = observed.into();
    record
}

#[rstest]
#[case("active", "\"pro\"", "\"free\"", IncidentKind::PaidWithoutAccess)]
#[case("trialing", "\"pro\"", "\"free\"", IncidentKind::PaidWithoutAccess)]
#[case("active", "4", "3", IncidentKind::PaidWithoutAccess)]
#[case("active", "3", "4", IncidentKind::AccessWithoutPayment)]
#[case("canceled", "\"free\"", "\"pro\"", IncidentKind::AccessWithoutPayment)]
#[case("unpaid", "false", "true", IncidentKind::AccessWithoutPayment)]
#[case("past_due", "true", "false", IncidentKind::PaidWithoutAccess)]
#[case("past_due", "\"pro\"", "\"free\"", IncidentKind::StateDisagrees)]
fn subscriptions(
    #[case] status: &str,
    #[case] expected: &str,
    #[case] observed: &str,
    #[case] kind: IncidentKind,
) {
    let truth = json!({ "subscription": { "status": status } });
    assert_eq!(IncidentKind::of(&differing(truth, expected, observed)), kind);
}

#[rstest]
#[case("paid", "", IncidentKind::PaidWithoutAccess)]
#[case("no_payment_required", "", IncidentKind::PaidWithoutAccess)]
#[case("unpaid", "", IncidentKind::AccessWithoutPayment)]
#[case("paid", "refund", IncidentKind::AccessWithoutPayment)]
fn one_off_purchases(#[case] status: &str, #[case] action: &str, #[case] kind: IncidentKind) {
    let truth = json!({ "subscription": null, "checkout": { "payment_status": status } });
    let mut record = differing(truth, "\"a\"", "\"b\"");
    record.acts[0].action = action.into();
    assert_eq!(IncidentKind::of(&record), kind);
}

#[rstest]
#[case(sample::refused(Sample::seed(1)), IncidentKind::DeliveryRefused)]
#[case(sample::no_receipt(Sample::seed(1)), IncidentKind::NotificationMissing)]
#[case(sample::disagrees(Sample::seed(1)), IncidentKind::StateDisagrees)]
#[case(sample::bystander(Sample::seed(1)), IncidentKind::PaidWithoutAccess)]
#[case(sample::not_judged(Sample::seed(1)), IncidentKind::CouldNotJudge)]
fn other_kinds(#[case] record: CaseRecord, #[case] kind: IncidentKind) {
    assert_eq!(IncidentKind::of(&record), kind);
}

#[test]
fn a_second_receipt_is_not_a_missing_one() {
    let mut record = sample::no_receipt(Sample::seed(1));
    for judged in &mut record.judged {
        judged.observed = "2".into();
    }
    assert_eq!(IncidentKind::of(&record), IncidentKind::StateDisagrees);
}

#[test]
fn a_forged_event_that_was_accepted_was_not_refused() {
    let mut record = sample::no_access(Sample::seed(1));
    record.judged.truncate(1);
    record.judged[0].kind = JudgedKind::Delivery;
    record.judged[0].verdict = Verdict::Failed;
    assert_eq!(IncidentKind::of(&record), IncidentKind::StateDisagrees);
}

#[test]
fn the_gravest_finding_names_the_incident() {
    let mut record = sample::disagrees(Sample::seed(1));
    record.judged.extend(sample::no_access(Sample::seed(1)).judged);
    assert_eq!(IncidentKind::of(&record), IncidentKind::PaidWithoutAccess);
    record.judged.extend(sample::refused(Sample::seed(1)).judged);
    assert_eq!(IncidentKind::of(&record), IncidentKind::DeliveryRefused);
}
