//! The table of bugs: what each classic mistake does to the shipped scenarios.
//!
//! The app without a bug passes them all (`scenarios.rs`). With a bug it must fail exactly the scenarios of its
//! line: one that is missing would be a hole in the scenarios, one more a scenario that judges what it does not
//! promise. A failure is a wrong outcome that was seen, never an outcome that could not be told.
#![cfg(feature = "demo")]
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests too")]

#[path = "bugs/catalogue.rs"]
mod catalogue;
#[path = "bugs/names.rs"]
mod names;
#[path = "bugs/policy.rs"]
mod policy;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use paydrill::demo::Bug;
use paydrill::run_event::Verdict;
use paydrill::testing::{ScenarioTest, scenario};

/// What the app is told its bug by. The harness has no other knowledge of it.
const VARIABLE: &str = "PAYDRILL_DEMO_BUG";

/// Writes one test a line, the table for those who read it as a whole, and a test that no bug is without a line.
macro_rules! table {
    ($($test:ident: $bug:ident => [$($failing:literal),+ $(,)?];)+) => {
        $(#[test]
        fn $test() {
            check(Bug::$bug, &[$($failing),+]);
        })+

        /// Every bug, and the scenarios that it fails.
        const TABLE: &[(Bug, &[&str])] = &[$((Bug::$bug, &[$($failing),+])),+];

        #[test]
        fn every_bug_has_a_line() {
            assert_eq!(Bug::ALL, [$(Bug::$bug),+]);
        }
    };
}

table! {
    order_updated_before_created: OrderUpdatedBeforeCreated => [
        "identity/one-subscription-one-row[order=reversed]",
        "order/created-while-updated-is-at-work",
        "order/same-second[order=reversed]",
        "order/update-before-any-row",
        "order/updated-before-created",
    ];
    order_updated_no_row: OrderUpdatedNoRow => ["order/update-before-any-row"];
    order_invoice_before_checkout: OrderInvoiceBeforeCheckout => [
        "identity/user-named-by-the-session",
        "order/invoice-before-checkout",
        "redirect/never-comes-back",
    ];
    order_stale_update_wins: OrderStaleUpdateWins => [
        "identity/one-subscription-one-row[order=reversed]",
        "identity/user-named-by-the-session",
        "mapping/upgrade-before-payment[payment_behavior=allow_incomplete]",
        "order/created-while-updated-is-at-work",
        "order/invoice-before-checkout",
        "order/late-update",
        "order/late-update-after-the-end",
        "order/same-second[order=reversed]",
        "order/update-before-any-row",
        "order/updated-before-created",
        "redirect/never-comes-back",
        "shape/product-is-an-id",
    ];
    order_zombie_after_delete: OrderZombieAfterDelete => [
        "identity/one-subscription-one-row[order=reversed]",
        "identity/user-named-by-the-session",
        "mapping/upgrade-before-payment[payment_behavior=allow_incomplete]",
        "order/created-while-updated-is-at-work",
        "order/invoice-before-checkout",
        "order/late-update-after-the-end",
        "order/same-second[order=reversed]",
        "order/updated-before-created",
        "redirect/never-comes-back",
        "shape/product-is-an-id",
    ];
    order_same_second_tie: OrderSameSecondTie => [
        "acknowledgement/stripe-is-down",
        "checkout-grants-pro",
        "identity/one-subscription-one-row[order=natural]",
        "identity/user-named-by-the-session",
        "mapping/seats",
        "mapping/unpaid",
        "mapping/upgrade-before-payment[payment_behavior=allow_incomplete]",
        "order/invoice-before-checkout",
        "order/same-second[order=natural]",
        "outside/declined-payment-is-told",
        "outside/mail-server-refuses-once",
        "redirect/never-comes-back",
        "redirect/pending-never-free",
        "shape/product-is-an-id",
    ];
    order_concurrent_pair: OrderConcurrentPair => ["order/created-while-updated-is-at-work"];
    order_refund_before_purchase: OrderRefundBeforePurchase => ["order/refund-before-purchase"];
    order_webhook_before_local_row: OrderWebhookBeforeLocalRow => ["order/event-before-the-order"];
    redirect_first: RedirectFirst => ["redirect/pending-never-free"];
    redirect_never: RedirectNever => [
        "identity/user-named-by-the-session",
        "order/invoice-before-checkout",
        "redirect/never-comes-back",
    ];
    redirect_and_webhook_double: RedirectAndWebhookDouble => [
        "redirect/back-before-the-event",
        "redirect/page-and-webhook-together",
        "redirect/pending-never-free",
    ];
    dup_same_event_credits: DupSameEventCredits => [
        "acknowledgement/mail-server-is-down",
        "duplicates/asked-again-while-at-work",
        "duplicates/same-event-after-restart",
        "duplicates/same-event-again",
        "duplicates/same-event-at-once",
        "duplicates/two-events-one-payment",
        "duplicates/two-instances[together=false]",
        "duplicates/two-instances[together=true]",
        "shape/renewal-invoice[shape=2024-06-20]",
        "shape/renewal-invoice[shape=basil]",
        "shape/renewal-invoice[shape=endive]",
    ];
    dup_two_events_one_fact: DupTwoEventsOneFact => [
        "acknowledgement/stripe-is-down",
        "checkout-grants-pro",
        "duplicates/two-events-one-payment",
        "outside/mail-server-refuses-once",
        "shape/renewal-invoice[shape=2024-06-20]",
        "shape/renewal-invoice[shape=basil]",
        "shape/renewal-invoice[shape=endive]",
    ];
    dup_notification: DupNotification => [
        "acknowledgement/mail-server-is-down",
        "acknowledgement/stripe-is-down",
        "checkout-grants-pro",
        "duplicates/asked-again-while-at-work",
        "duplicates/same-event-after-restart",
        "duplicates/same-event-again",
        "duplicates/same-event-at-once",
        "duplicates/two-events-one-payment",
        "duplicates/two-instances[together=false]",
        "duplicates/two-instances[together=true]",
        "outside/mail-server-refuses-once",
    ];
    dup_memory_only: DupMemoryOnly => [
        "duplicates/same-event-after-restart",
        "duplicates/two-instances[together=false]",
        "duplicates/two-instances[together=true]",
    ];
    dup_marked_before_work: DupMarkedBeforeWork => [
        "acknowledgement/dies-half-way",
        "acknowledgement/stripe-fails-once",
        "acknowledgement/stripe-is-down",
    ];
    dup_timeout_then_retry: DupTimeoutThenRetry => [
        "duplicates/asked-again-while-at-work",
        "duplicates/same-event-at-once",
        "duplicates/two-instances[together=true]",
    ];
    ack_swallowed_error: AckSwallowedError => [
        "acknowledgement/mail-server-is-down",
        "acknowledgement/stripe-fails-once",
        "acknowledgement/stripe-is-down",
    ];
    ack_then_lost: AckThenLost => [
        "acknowledgement/dies-after-the-answer[moment=0ms]",
        "acknowledgement/dies-after-the-answer[moment=100ms]",
        "acknowledgement/mail-server-is-down",
    ];
    ack_4xx_business_error: Ack4xxBusinessError => ["acknowledgement/mail-server-is-down"];
    ack_partial_write: AckPartialWrite => ["acknowledgement/dies-half-way"];
    ack_invoice_created: AckInvoiceCreated => [
        "acknowledgement/invoice-created",
        "mapping/payment-recovers",
        "mapping/renewal",
        "mapping/thirty-one-days",
        "mapping/unpaid",
        "money/bank-asks-at-renewal",
        "outside/declined-payment-is-told",
        "shape/older-versions[shape=2024-06-20]",
        "shape/older-versions[shape=basil]",
        "shape/older-versions[shape=endive]",
        "shape/renewal-invoice[shape=2024-06-20]",
        "shape/renewal-invoice[shape=basil]",
        "shape/renewal-invoice[shape=endive]",
    ];
    shape_period_end_moved: ShapePeriodEndMoved => [
        "acknowledgement/invoice-created",
        "mapping/payment-recovers",
        "mapping/renewal",
        "mapping/thirty-one-days",
        "mapping/unpaid",
        "money/bank-asks-at-renewal",
        "outside/declined-payment-is-told",
        "shape/older-versions[shape=basil]",
        "shape/older-versions[shape=endive]",
        "shape/renewal-invoice[shape=basil]",
        "shape/renewal-invoice[shape=endive]",
    ];
    shape_invoice_subscription_moved: ShapeInvoiceSubscriptionMoved => [
        "duplicates/two-events-one-payment",
        "shape/renewal-invoice[shape=basil]",
        "shape/renewal-invoice[shape=endive]",
    ];
    shape_endpoint_older_than_code: ShapeEndpointOlderThanCode => [
        "shape/older-versions[shape=2024-06-20]",
        "shape/older-versions[shape=basil]",
        "shape/renewal-invoice[shape=2024-06-20]",
        "shape/renewal-invoice[shape=basil]",
    ];
    shape_thin_vs_snapshot: ShapeThinVsSnapshot => ["shape/thin-event"];
    shape_cancel_at: ShapeCancelAt => ["shape/cancelled-in-the-portal[flag=false]"];
    shape_list_truncated: ShapeListTruncated => ["shape/twelve-features"];
    shape_unexpanded_ref: ShapeUnexpandedRef => ["shape/product-is-an-id"];
    shape_refund_event_renamed: ShapeRefundEventRenamed => [
        "shape/refund-by-either-name[told_by=refund.created]",
    ];
    shape_expandable_null: ShapeExpandableNull => ["shape/no-quantity"];
    map_incomplete_grants: MapIncompleteGrants => [
        "mapping/first-payment-declined",
        "mapping/first-payment-never-came",
    ];
    map_incomplete_expired: MapIncompleteExpired => ["mapping/first-payment-never-came"];
    map_unpaid_keeps: MapUnpaidKeeps => ["mapping/unpaid"];
    map_pastdue_revokes_at_once: MapPastdueRevokesAtOnce => [
        "mapping/payment-recovers",
        "mapping/unpaid",
        "mapping/upgrade-before-payment[payment_behavior=allow_incomplete]",
        "money/bank-asks-at-renewal",
    ];
    map_paused_status: MapPausedStatus => ["mapping/trial-without-a-card", "shape/no-quantity"];
    map_pause_collection: MapPauseCollection => ["mapping/collection-paused"];
    map_upgrade_before_payment: MapUpgradeBeforePayment => [
        "mapping/upgrade-before-payment[payment_behavior=allow_incomplete]",
    ];
    map_cancel_early: MapCancelEarly => [
        "mapping/cancel-at-period-end",
        "shape/cancelled-in-the-portal[flag=false]",
        "shape/cancelled-in-the-portal[flag=true]",
    ];
    map_portal_plan_change: MapPortalPlanChange => [
        "acknowledgement/dies-half-way",
        "mapping/item-replaced",
        "mapping/plan-change-in-the-portal",
        "mapping/upgrade-before-payment[payment_behavior=allow_incomplete]",
        "mapping/upgrade-before-payment[payment_behavior=pending_if_incomplete]",
        "order/late-update",
    ];
    map_unknown_price_noop: MapUnknownPriceNoop => [
        "acknowledgement/dies-half-way",
        "mapping/plan-change-in-the-portal",
        "mapping/price-made-by-hand",
        "mapping/upgrade-before-payment[payment_behavior=allow_incomplete]",
        "mapping/upgrade-before-payment[payment_behavior=pending_if_incomplete]",
        "order/late-update",
    ];
    map_unknown_price_free: MapUnknownPriceFree => ["mapping/price-made-by-hand"];
    map_unknown_price_500: MapUnknownPrice500 => ["mapping/price-made-by-hand"];
    map_stale_items: MapStaleItems => [
        "mapping/item-replaced",
        "mapping/plan-change-in-the-portal",
    ];
    map_quantity: MapQuantity => [
        "acknowledgement/stripe-fails-once",
        "mapping/renewal",
        "mapping/seats",
        "order/late-update",
        "order/late-update-after-the-end",
        "order/update-before-any-row",
    ];
    map_trial_never_ends: MapTrialNeverEnds => ["mapping/trial-is-over"];
    map_renewal_ttl: MapRenewalTtl => ["mapping/thirty-one-days"];
    id_metadata_on_session: IdMetadataOnSession => ["identity/user-named-by-the-session"];
    id_metadata_on_subscription: IdMetadataOnSubscription => ["identity/user-named-by-the-subscription"];
    id_multi_sub_clobber: IdMultiSubClobber => ["identity/old-subscription-ends"];
    id_duplicate_rows: IdDuplicateRows => [
        "identity/one-subscription-one-row[order=natural]",
        "identity/one-subscription-one-row[order=reversed]",
    ];
    id_dashboard_created: IdDashboardCreated => [
        "identity/made-in-the-dashboard",
        "order/update-before-any-row",
    ];
    id_zero_payment_created_only: IdZeroPaymentCreatedOnly => ["identity/nothing-to-pay-yet"];
    id_customer_deleted: IdCustomerDeleted => ["identity/customer-deleted"];
    id_foreign_events: IdForeignEvents => ["identity/foreign-customer"];
    id_connect_account: IdConnectAccount => [
        "identity/connected-account[endpoint=connect]",
        "identity/connected-account[endpoint=main]",
        "transport/other-endpoints-secret",
        "transport/partner-leaves",
    ];
    id_livemode: IdLivemode => ["identity/live-event"];
    money_refund_no_clawback: MoneyRefundNoClawback => [
        "money/dispute-is-lost",
        "money/given-back",
        "order/refund-before-purchase",
        "shape/refund-by-either-name[told_by=charge.refunded]",
        "shape/refund-by-either-name[told_by=refund.created]",
    ];
    money_async_unpaid: MoneyAsyncUnpaid => [
        "money/debit-arrives",
        "money/debit-bounces",
    ];
    money_async_forgotten: MoneyAsyncForgotten => ["money/debit-arrives"];
    money_zero_amount: MoneyZeroAmount => ["money/nothing-to-pay"];
    money_zero_trial_mail: MoneyZeroTrialMail => ["money/trial"];
    money_sca_renewal: MoneyScaRenewal => ["money/bank-asks-at-renewal"];
    net_wrong_secret: NetWrongSecret => [
        "identity/connected-account[endpoint=connect]",
        "transport/other-endpoints-secret",
        "transport/partner-leaves",
    ];
    net_signature_unchecked: NetSignatureUnchecked => [
        "transport/forged[signature=empty_secret]",
        "transport/forged[signature=missing]",
        "transport/forged[signature=other_secret]",
        "transport/forged[signature=stale]",
        "transport/forged[signature=tampered]",
        "transport/other-endpoints-secret",
    ];
    net_empty_secret: NetEmptySecret => ["transport/forged[signature=empty_secret]"];
    net_timestamp: NetTimestamp => ["transport/forged[signature=stale]"];
    net_timestamp_retry: NetTimestampRetry => [
        "duplicates/asked-again-while-at-work",
        "mapping/cancel-at-period-end",
        "mapping/first-payment-never-came",
        "mapping/thirty-one-days",
        "mapping/trial-is-over",
        "mapping/trial-without-a-card",
        "shape/cancelled-in-the-portal[flag=false]",
        "shape/cancelled-in-the-portal[flag=true]",
        "transport/retry-three-days-later",
    ];
    net_body_reserialised: NetBodyReserialised => ["transport/other-spelling"];
    net_auth_csrf: NetAuthCsrf => [
        "transport/other-endpoints-secret",
        "transport/partner-leaves",
    ];
    net_endpoint_disabled: NetEndpointDisabled => [
        "transport/endpoint-switched-off",
        "transport/not-subscribed",
    ];
    net_not_subscribed: NetNotSubscribed => ["transport/not-subscribed"];
    net_missed_beyond_replay: NetMissedBeyondReplay => [
        "transport/endpoint-switched-off",
        "transport/missed-for-ten-days",
    ];
    out_cache: OutCache => [
        "acknowledgement/dies-half-way",
        "acknowledgement/mail-server-is-down",
        "acknowledgement/stripe-fails-once",
        "acknowledgement/stripe-is-down",
        "checkout-grants-pro",
        "duplicates/same-event-after-restart",
        "duplicates/same-event-again",
        "duplicates/same-event-at-once",
        "duplicates/two-events-one-payment",
        "duplicates/two-instances[together=false]",
        "duplicates/two-instances[together=true]",
        "identity/customer-deleted",
        "identity/made-in-the-dashboard",
        "identity/nothing-to-pay-yet",
        "identity/one-subscription-one-row[order=natural]",
        "identity/one-subscription-one-row[order=reversed]",
        "identity/user-named-by-the-session",
        "identity/user-named-by-the-subscription",
        "mapping/collection-paused",
        "mapping/item-replaced",
        "mapping/plan-change-in-the-portal",
        "mapping/seats",
        "mapping/trial-without-a-card",
        "mapping/unpaid",
        "mapping/upgrade-before-payment[payment_behavior=allow_incomplete]",
        "mapping/upgrade-before-payment[payment_behavior=pending_if_incomplete]",
        "money/debit-arrives",
        "money/dispute-is-lost",
        "money/given-back",
        "money/nothing-to-pay",
        "money/trial",
        "order/created-while-updated-is-at-work",
        "order/invoice-before-checkout",
        "order/late-update",
        "order/late-update-after-the-end",
        "order/refund-before-purchase",
        "order/same-second[order=natural]",
        "order/same-second[order=reversed]",
        "order/update-before-any-row",
        "order/updated-before-created",
        "outside/mail-server-refuses-once",
        "outside/paid-feature-is-gated",
        "outside/warm-cache",
        "redirect/back-before-the-event",
        "redirect/never-comes-back",
        "redirect/page-and-webhook-together",
        "redirect/pending-never-free",
        "shape/no-quantity",
        "shape/older-versions[shape=2024-06-20]",
        "shape/older-versions[shape=basil]",
        "shape/older-versions[shape=endive]",
        "shape/refund-by-either-name[told_by=charge.refunded]",
        "shape/refund-by-either-name[told_by=refund.created]",
        "shape/renewal-invoice[shape=2024-06-20]",
        "shape/renewal-invoice[shape=basil]",
        "shape/renewal-invoice[shape=endive]",
        "shape/twelve-features",
        "transport/endpoint-switched-off",
        "transport/missed-for-ten-days",
        "transport/not-subscribed",
        "transport/other-spelling",
        "transport/secret-being-rolled",
    ];
    out_notification_lost: OutNotificationLost => [
        "acknowledgement/mail-server-is-down",
        "outside/mail-server-refuses-once",
    ];
    out_dunning_missing: OutDunningMissing => ["outside/declined-payment-is-told"];
    out_policy_written_nowhere: OutPolicyWrittenNowhere => [
        "mapping/item-replaced",
        "outside/paid-feature-is-gated",
    ];
}

/// The app with `bug` fails `failing`, and passes every other scenario.
#[track_caller]
fn check(bug: Bug, failing: &[&str]) {
    let outcome = shipped().target_env(VARIABLE, bug.name()).run();
    let not_passed = worst_by_scenario(&outcome.verdicts)
        .into_iter()
        .filter(|(_, verdict)| *verdict != Verdict::Passed)
        .map(|(name, verdict)| if verdict == Verdict::Failed { name } else { format!("{name} {verdict:?}") });
    assert_eq!(not_passed.collect::<Vec<_>>(), failing, "\n{}", outcome.report);
}

/// All shipped scenarios, on the app that this crate brings along.
fn shipped() -> ScenarioTest {
    scenario("scenarios").program("paydrill", env!("CARGO_BIN_EXE_paydrill"))
}

/// By the case's name without its number: of cases that are repeated, one that fails is enough.
fn worst_by_scenario(verdicts: &BTreeMap<String, Verdict>) -> BTreeMap<String, Verdict> {
    let mut worst = BTreeMap::new();
    for (name, verdict) in verdicts {
        let name = name.split(" #").next().unwrap_or(name).to_owned();
        let known = worst.entry(name).or_insert(*verdict);
        *known = (*verdict).max(*known);
    }
    worst
}

/// All at once on one app, which `scenarios.rs` does not try, and under every name that the table may use.
#[test]
fn the_app_without_a_bug_passes_everything() {
    let outcome = shipped().run();
    assert!(outcome.passed(), "{}", outcome.report);
    let names = worst_by_scenario(&outcome.verdicts).into_keys().collect::<Vec<_>>();
    insta::assert_snapshot!(names.join("\n"));
}

/// Nothing but the app's own variable carries the bug: a name that is none reaches the app, which refuses to start.
#[test]
#[should_panic(expected = "no-such-bug")]
fn the_bug_reaches_the_app_through_its_environment() {
    let _ = shipped().target_env(VARIABLE, "no-such-bug").run();
}

/// A scenario that named a bug would be written for it, and could not be read as a promise to a customer.
#[test]
fn no_scenario_knows_of_bugs() {
    let files = scenario_files(Path::new("scenarios"));
    assert!(files.len() > 30, "{files:?}");
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        // Tags name failure modes of the catalogue, after which some bugs are named too.
        let told: String = text.lines().filter(|line| !line.starts_with("tags")).collect();
        assert!(!told.contains(VARIABLE) && !told.contains("--bug"), "{}", file.display());
        let named = Bug::ALL.iter().find(|bug| told.contains(bug.name()));
        assert_eq!(named, None, "{}", file.display());
    }
}

/// Nor does the project file, but for the comment that says how to have one.
#[test]
fn the_project_does_not_set_bugs() {
    let project = std::fs::read_to_string("scenarios/paydrill.toml").unwrap();
    let settings: toml::Table = project.parse().unwrap();
    let settings = settings.to_string();
    assert!(settings.contains("demo-app"), "{settings}");
    assert!(!settings.contains(VARIABLE) && !settings.contains("bug"), "{settings}");
}

fn scenario_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(scenario_files(&path));
        } else if path.extension().is_some_and(|end| end == "toml") && !path.ends_with("paydrill.toml") {
            files.push(path);
        }
    }
    files
}
