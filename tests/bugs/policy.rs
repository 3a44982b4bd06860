//! What is the company's choice is a variable: told to the app and to the stories, the other choice is as right.

use paydrill::run_event::Verdict;
use paydrill::testing::{ScenarioTest, scenario};

use super::worst_by_scenario;

/// Where all choices matter: declined renewals, paused collection, upgrades.
fn mapping() -> ScenarioTest {
    scenario("scenarios/mapping").program("paydrill", env!("CARGO_BIN_EXE_paydrill"))
}

#[test]
fn an_app_with_the_other_policies_passes_the_same_stories() {
    let other = mapping()
        .variable("past_due_keeps_access", false)
        .variable("pausing_keeps_access", true)
        .variable("upgrade_waits_for_payment", false)
        .run();
    assert!(other.passed(), "{}", other.report);
}

/// The choice alone, told only to the app, is what its stories fail for.
#[rstest::rstest]
#[case(
    "PAST_DUE_KEEPS_ACCESS",
    "false",
    &[
        "mapping/payment-recovers",
        "mapping/unpaid",
        "mapping/upgrade-before-payment[payment_behavior=allow_incomplete]",
    ]
)]
#[case("PAUSING_KEEPS_ACCESS", "true", &["mapping/collection-paused"])]
#[case(
    "UPGRADE_WAITS_FOR_PAYMENT",
    "false",
    &["mapping/upgrade-before-payment[payment_behavior=allow_incomplete]"]
)]
fn an_app_that_chose_otherwise_than_its_stories_say_fails(
    #[case] setting: &str,
    #[case] value: &str,
    #[case] expected: &[&str],
) {
    let outcome = mapping().target_env(setting, value).run();
    let verdicts = worst_by_scenario(&outcome.verdicts).into_iter();
    let not_passed: Vec<String> =
        verdicts.filter(|(_, verdict)| *verdict != Verdict::Passed).map(|(name, _)| name).collect();
    assert_eq!(not_passed, expected, "\n{}", outcome.report);
}
