//! Laws of all breaks together.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const WORDS: &str = "
    amount api_version ch_1 charge checkout.session coupon data discount discounts event has_more
    hosted_page id invoice items latest_charge line_item lines list object parent payment_intent phases
    pi_1 plan previous_attributes price pricing product promotion recurring refunds rendering
    shipping_cost source status subscription subscription_details total_taxes type ui_mode
    current_period_end marketing_features 2024-06-20 2026-10-28.endive
";

/// JSON in which the words of Stripe's objects occur often, rightly used or not.
fn any_json() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(WORDS.split_whitespace().collect::<Vec<_>>());
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        word.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 6, move |inner| {
        let key = word.clone().prop_map(str::to_owned);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key, inner), 0..8)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// The same, more often an object of a kind that changes.
fn any_object() -> impl Strategy<Value = Value> {
    let kind = prop::sample::select(vec![
        "charge",
        "checkout.session",
        "credit_note",
        "credit_note_line_item",
        "discount",
        "event",
        "invoice",
        "invoiceitem",
        "line_item",
        "payment_intent",
        "plan",
        "price",
        "product",
        "promotion_code",
        "subscription",
        "subscription_schedule",
    ]);
    (any_json(), kind, any_json()).prop_map(|(mut value, kind, inner)| {
        if let Value::Object(fields) = &mut value {
            fields.insert("object".to_owned(), kind.into());
            if kind == "event" {
                fields.insert(
                    "data".to_owned(),
                    json!({ "object": inner, "previous_attributes": { "status": 1 } }),
                );
            }
        }
        value
    })
}

fn any_version() -> impl Strategy<Value = Version> {
    prop::sample::select(Version::all().collect::<Vec<_>>())
}

proptest! {
    #[test]
    fn the_newest_shape_is_the_object_itself(object in any_object()) {
        prop_assert_eq!(downgrade(&object, Version::NEWEST, &Kin::default()), object);
    }

    #[test]
    fn twice_is_once(object in any_object(), kin in prop::collection::vec(any_object(), 0..4), to in any_version()) {
        let kin = Kin(kin);
        let once = downgrade(&object, to, &kin);
        prop_assert_eq!(downgrade(&once, to, &kin), once);
    }

    #[test]
    fn a_version_that_looks_newest_changes_no_object(object in any_object(), to in any_version()) {
        let to = to.max(dahlia_2026_03_25::SINCE);
        // An event would say which version it is in.
        let object: Value = serde_json::from_str(&object.to_string().replace("\"event\"", "\"invoice\"")).unwrap();
        prop_assert_eq!(downgrade(&object, to, &Kin::default()), object);
    }
}

#[test]
fn breaks_are_of_known_versions_and_stand_newest_first() {
    assert!(BREAKS.iter().all(|this| Version::all().any(|version| version == this.since)));
    assert!(BREAKS.is_sorted_by(|a, b| a.since >= b.since));
}

/// The table in the module's doc is this code.
#[test]
fn the_table_of_breaks_says_what_the_code_does() {
    let rows: Vec<(&str, &str)> = include_str!("mod.rs")
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("//! | ")?.strip_suffix(" |")?.split(" | ");
            Some((cells.next()?, cells.last()?.strip_prefix('`')?.strip_suffix('`')?))
        })
        .collect();
    assert_eq!(rows, breaks().map(|(since, entry)| (since.as_str(), entry)).collect::<Vec<_>>());
    for (since, entry) in breaks() {
        let (date, release) = since.as_str().split_once('.').unwrap_or((since.as_str(), ""));
        let path = if release.is_empty() { format!("{date}/") } else { format!("{release}/{date}/") };
        assert!(entry.starts_with(&path) || entry == release, "{since}: {entry}");
    }
}

/// A release between two breaks looks like the last break before it.
#[test]
fn a_release_between_breaks_shows_the_shape_of_the_last_one() {
    let object = json!({
        "id": "sub_1", "object": "subscription", "discounts": [{"object": "discount", "source": {"coupon": "c"}}],
        "items": {"object": "list", "data": [{"object": "subscription_item", "current_period_end": 2}]},
    });
    let mut last = None;
    for version in Version::all() {
        let shaped = downgrade(&object, version, &Kin::default());
        if last.as_ref().is_some_and(|last| *last != shaped) {
            assert!(BREAKS.iter().any(|this| this.since == version), "{version} is no break");
        }
        last = Some(shaped);
    }
}

#[rstest::rstest]
#[case("2026-10-28.endive", true)]
#[case("2026-09-30.endive", true)]
#[case("2026-03-25.dahlia", true)]
#[case("2026-02-25.clover", false)]
#[case("2020-08-27", false)]
fn some_older_versions_look_like_the_newest(#[case] version: &'static str, #[case] expected: bool) {
    assert_eq!(Version(version).looks_newest(), expected);
}
