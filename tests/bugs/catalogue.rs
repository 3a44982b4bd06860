//! The catalogue: every known way in which a handler goes wrong is told by a shipped story and shown by a bug.
//!
//! The list stands here once more on purpose. What a story or a bug says of itself could lose an entry with the story;
//! this one notices.

use std::collections::{BTreeMap, BTreeSet};

use paydrill::demo::Bug;

use super::{TABLE, scenario_files};

/// Every failure mode, as the catalogue has them: each was reported of a real app, in public.
const FAILURE_MODES: [&str; 75] = [
    // Order and concurrency
    "order-updated-before-created",
    "order-updated-no-row",
    "order-invoice-before-checkout",
    "order-stale-update-wins",
    "order-zombie-after-delete",
    "order-same-second-tie",
    "order-concurrent-pair",
    "order-refund-before-purchase",
    "order-webhook-before-local-row",
    // Redirect against webhook
    "redirect-first",
    "redirect-never",
    "redirect-and-webhook-double",
    // Duplicates and idempotency
    "dup-same-event-credits",
    "dup-two-events-one-fact",
    "dup-notification",
    "dup-memory-only",
    "dup-marked-before-work",
    "dup-timeout-then-retry",
    // Acknowledgement and errors
    "ack-swallowed-error",
    "ack-then-lost",
    "ack-4xx-business-error",
    "ack-partial-write",
    "ack-invoice-created",
    // API version, SDK, payload
    "shape-period-end-moved",
    "shape-invoice-subscription-moved",
    "shape-endpoint-older-than-code",
    "shape-sdk-object-not-dict",
    "shape-thin-vs-snapshot",
    "shape-cancel-at",
    "shape-list-truncated",
    "shape-unexpanded-ref",
    "shape-refund-event-renamed",
    "shape-expandable-null",
    // Status, plan and period mapping
    "map-incomplete-grants",
    "map-incomplete-expired",
    "map-unpaid-keeps",
    "map-pastdue-revokes-at-once",
    "map-paused-status",
    "map-pause-collection",
    "map-cancel-early",
    "map-trial-never-ends",
    "map-upgrade-before-payment",
    "map-portal-plan-change",
    "map-unknown-price-noop",
    "map-unknown-price-free",
    "map-unknown-price-500",
    "map-stale-items",
    "map-quantity",
    "map-renewal-ttl",
    // Whose event it is
    "id-metadata-missing",
    "id-multi-sub-clobber",
    "id-duplicate-rows",
    "id-dashboard-created",
    "id-zero-payment-created-only",
    "id-customer-deleted",
    "id-foreign-events",
    "id-connect-account",
    "id-livemode",
    // Money details
    "money-refund-no-clawback",
    "money-async-unpaid",
    "money-zero-amount",
    "money-zero-trial-mail",
    "money-sca-renewal",
    // Transport, secrets, delivery
    "net-body-reserialised",
    "net-wrong-secret",
    "net-empty-secret",
    "net-timestamp",
    "net-auth-csrf",
    "net-endpoint-disabled",
    "net-not-subscribed",
    "net-missed-beyond-replay",
    // After the row is right
    "out-cache",
    "out-notification-lost",
    "out-dunning-missing",
    "out-policy-written-nowhere",
];

/// Tags that are no failure modes.
const OTHER_TAGS: [&str; 3] = ["policy", "revenue", "security"];

/// Failure modes that no story tells yet.
const WITHOUT_A_STORY: &[&str] = &[];

/// Failure modes that no bug shows yet.
const WITHOUT_A_BUG: &[&str] = &["shape-sdk-object-not-dict"];

/// The tags of the shipped stories, and which stories have them.
fn tags() -> BTreeMap<String, Vec<String>> {
    let mut tags: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in scenario_files("scenarios".as_ref()) {
        let text = std::fs::read_to_string(&file).unwrap();
        let story: toml::Table = text.parse().unwrap();
        let of_story = story.get("tags").and_then(toml::Value::as_array).into_iter().flatten();
        for tag in of_story.filter_map(toml::Value::as_str) {
            tags.entry(tag.to_owned()).or_default().push(file.display().to_string());
        }
    }
    tags
}

fn missing(known: impl Fn(&str) -> bool) -> Vec<&'static str> {
    FAILURE_MODES.into_iter().filter(|mode| !known(mode)).collect()
}

#[test]
fn every_failure_mode_is_told_by_a_story() {
    let tags = tags();
    assert_eq!(missing(|mode| tags.contains_key(mode)), WITHOUT_A_STORY);
}

#[test]
fn every_failure_mode_is_shown_by_a_bug() {
    let shown: BTreeSet<&str> = Bug::ALL.iter().map(|bug| bug.failure_mode()).collect();
    assert_eq!(missing(|mode| shown.contains(mode)), WITHOUT_A_BUG);
}

#[test]
fn no_tag_and_no_bug_is_of_a_failure_mode_that_nobody_knows() {
    let known = |tag: &str| FAILURE_MODES.contains(&tag) || OTHER_TAGS.contains(&tag);
    let unknown: Vec<_> = tags().into_iter().filter(|(tag, _)| !known(tag)).collect();
    assert_eq!(unknown, []);
    let unknown = Bug::ALL.iter().find(|bug| !FAILURE_MODES.contains(&bug.failure_mode()));
    assert_eq!(unknown, None);
}

/// Tags of stories that no bug of that failure mode fails.
const CLAIMED_IN_VAIN: &[(&str, &str)] = &[
    ("checkout-grants-pro", "shape-sdk-object-not-dict"),
    ("transport/secret-being-rolled", "net-wrong-secret"),
];

/// A story with a tag is failed by a bug that shows this failure mode: else the story may tell something else.
#[test]
fn no_story_has_a_tag_in_vain() {
    let fails = |(bug, failing): &(Bug, &[&str]), story: &str, tag: &str| {
        bug.failure_mode() == tag && failing.iter().any(|case| case.split('[').next() == Some(story))
    };
    let mut in_vain = Vec::new();
    for (tag, stories) in tags() {
        for file in stories.iter().filter(|_| FAILURE_MODES.contains(&tag.as_str())) {
            let story = file.trim_start_matches("scenarios/").trim_end_matches(".toml");
            if !TABLE.iter().any(|line| fails(line, story, &tag)) {
                in_vain.push((story.to_owned(), tag.clone()));
            }
        }
    }
    in_vain.sort();
    let in_vain: Vec<_> = in_vain.iter().map(|(story, tag)| (story.as_str(), tag.as_str())).collect();
    assert_eq!(in_vain, CLAIMED_IN_VAIN);
}
