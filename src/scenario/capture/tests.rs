use std::collections::BTreeMap;

use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::scenario::diagnostic::has_errors;
use crate::scenario::parse_scenario;
use crate::scenario::render::{Color, render};
use crate::scenario::tests::example_project;
use crate::scenario::tree::source;

fn event(number: i64, kind: &str, object: Value) -> Value {
    json!({
        "id": format!("evt_1{number:023}"), "object": "event", "api_version": "2026-10-28.endive",
        "created": 1_780_000_000 + number * 3_600, "livemode": true, "type": kind, "data": { "object": object },
        "request": { "id": "req_AbCdEf123456", "idempotency_key": "8f2f1c22-aaaa" },
    })
}

fn updated(number: i64, object: Value, previous: Value) -> Value {
    let mut event = event(number, "customer.subscription.updated", object);
    event["data"]["previous_attributes"] = previous;
    event
}

fn subscription(more: Value) -> Value {
    let mut subscription = json!({
        "id": "sub_1MowVFLkdIwHu7ixraBm864M", "object": "subscription", "customer": "cus_9s6XKzkNRiz8i3",
        "status": "active", "items": { "data": [item("pro", 3)] },
    });
    for (key, value) in more.as_object().unwrap() {
        subscription[key] = value.clone();
    }
    subscription
}

/// An item of a price that the example project has, by its amount.
fn item(plan: &str, quantity: i64) -> Value {
    let amount = if plan == "pro" { 9_900 } else { 29_900 };
    json!({ "id": "si_1", "quantity": quantity, "price": { "id": format!("price_1{plan}9x"), "unit_amount": amount } })
}

fn about(object: &str, more: Value) -> Value {
    let mut made = json!({ "id": "x_1", "object": object, "customer": "cus_9s6XKzkNRiz8i3" });
    for (key, value) in more.as_object().unwrap() {
        made[key] = value.clone();
    }
    made
}

fn drafted(events: &[Value]) -> Draft {
    let (project, _) = example_project();
    let text = Value::from(events.to_vec()).to_string();
    let draft = draft(&[("a.json".to_owned(), text)], "drafted", &project).unwrap();
    let copies: BTreeMap<_, _> = draft.copies.iter().cloned().collect();
    let files = |path: &str| copies.get(path).cloned().ok_or_else(|| "no such copy".to_owned());
    let (_, diagnostics) = parse_scenario(source("a.toml", &draft.scenario), "a", &project, &files);
    assert!(!has_errors(&diagnostics), "{}\n{}", draft.scenario, render(&diagnostics, Color::No));
    draft
}

/// The lines of the draft that say what happens.
fn told(draft: &Draft) -> Vec<&str> {
    let says = |line: &&str| {
        ["stripe.", "send", "subscription", "customer ="].iter().any(|word| line.starts_with(word))
    };
    draft.scenario.lines().filter(says).collect()
}

#[rstest]
#[case::a_checkout(
    event(1, "checkout.session.completed", about("checkout.session", json!({ "mode": "subscription", "amount_total": 19_800, "payment_status": "paid" }))),
    &["stripe.checkout = { price = \"pro_monthly\", quantity = 2 }"]
)]
#[case::a_checkout_that_is_not_paid_yet(
    event(1, "checkout.session.completed", about("checkout.session", json!({ "mode": "subscription", "amount_total": 9_900, "payment_status": "unpaid" }))),
    &["stripe.checkout = { price = \"pro_monthly\", payment = \"delayed\" }"]
)]
#[case::metadata(
    event(1, "customer.subscription.created", subscription(json!({ "metadata": { "user": "4711" } }))),
    &["stripe.subscribe = { price = \"pro_monthly\", quantity = 3, set = { metadata = { user = \"redacted-1\" } } }"]
)]
#[case::a_trial(
    event(1, "customer.subscription.created", subscription(json!({ "status": "trialing", "trial_start": 0, "trial_end": 1_209_600 }))),
    &["stripe.subscribe = { price = \"pro_monthly\", quantity = 3, trial = 14 }"]
)]
#[case::the_end(
    event(1, "customer.subscription.deleted", subscription(json!({}))),
    &["subscription = [{ price = \"pro_monthly\", quantity = 3 }]", "stripe.cancel = { at = \"now\" }"]
)]
#[case::another_price(
    updated(1, subscription(json!({ "items": { "data": [item("team", 3)] } })), json!({ "items": { "data": [item("pro", 3)] } })),
    &["subscription = [{ price = \"pro_monthly\", quantity = 3 }]", "stripe.change_price = { price = \"team_monthly\" }"]
)]
#[case::another_quantity(
    updated(1, subscription(json!({})), json!({ "items": { "data": [item("pro", 1)] } })),
    &["subscription = [{ price = \"pro_monthly\" }]", "stripe.change_quantity = { quantity = 3 }"]
)]
#[case::the_end_to_come(
    updated(1, subscription(json!({ "cancel_at_period_end": true })), json!({ "cancel_at_period_end": false })),
    &["subscription = [{ price = \"pro_monthly\", quantity = 3 }]", "stripe.cancel = { at = \"period_end\" }"]
)]
#[case::a_pause(
    updated(1, subscription(json!({ "pause_collection": { "behavior": "void" } })), json!({ "pause_collection": null })),
    &["subscription = [{ price = \"pro_monthly\", quantity = 3 }]", "stripe.pause = {}"]
)]
#[case::a_renewal(
    event(1, "invoice.paid", about("invoice", json!({ "billing_reason": "subscription_cycle" }))),
    &["subscription = [{ price = \"basic_monthly\" }]", "stripe.renew = {}"]
)]
#[case::a_refund(
    event(1, "charge.refunded", about("charge", json!({ "amount_refunded": 500 }))),
    &["subscription = [{ price = \"basic_monthly\" }]", "stripe.refund = {}"]
)]
#[case::a_payment(
    event(1, "payment_intent.succeeded", about("payment_intent", json!({ "amount": 1_200 }))),
    &["stripe.pay = { amount = 1200 }"]
)]
#[case::the_customer_goes(
    event(1, "customer.deleted", json!({ "id": "cus_9s6XKzkNRiz8i3", "object": "customer" })),
    &["stripe.delete_customer = {}"]
)]
#[case::what_no_action_makes(
    event(1, "customer.subscription.trial_will_end", subscription(json!({}))),
    &["subscription = [{ price = \"pro_monthly\", quantity = 3 }]", "send = [{ file = \"captured/drafted-1.json\", set = { customer = \"{{ customer.id }}\", id = \"{{ subscription.id }}\", \"items.data[0].price.id\" = \"{{ price.pro_monthly.id }}\" } }]"]
)]
fn an_event_tells_what_happened(#[case] event: Value, #[case] expected: &[&str]) {
    assert_eq!(told(&drafted(&[event])), expected);
}

/// Declined, and paid in the end; somebody else in between.
#[test]
fn events_tell_a_story() {
    let invoice =
        |whose: &str| about("invoice", json!({ "customer": whose, "billing_reason": "subscription_cycle" }));
    let draft = drafted(&[
        event(3, "invoice.paid", invoice("cus_9s6XKzkNRiz8i3")),
        event(1, "invoice.payment_failed", invoice("cus_9s6XKzkNRiz8i3")),
        event(2, "invoice.paid", invoice("cus_Other456")),
    ]);
    let expected = [
        "subscription = [{ price = \"basic_monthly\" }]",
        "subscription = [{ price = \"basic_monthly\" }]",
        "stripe.payment_fails = {}",
        "customer = \"customer 2\"",
        "stripe.renew = {}",
        "stripe.payment_recovers = {}",
    ];
    assert_eq!(told(&draft), expected, "{}", draft.scenario);
}

#[test]
fn an_unusual_order_is_kept() {
    let mut burst = [
        event(0, "checkout.session.completed", about("checkout.session", json!({ "mode": "subscription" }))),
        event(0, "customer.subscription.created", subscription(json!({}))),
    ];
    burst[1]["id"] = "evt_2".into();
    let draft = drafted(&burst);
    let send = "send = [{ event = \"checkout.session.completed\" }, { event = \"customer.subscription.created\" }, { event = \"*\" }]";
    assert!(draft.scenario.contains(send), "{}", draft.scenario);
}

/// The same events, however they were saved.
#[rstest]
#[case::a_list(|events: &[Value]| Value::from(events.to_vec()).to_string())]
#[case::one_a_line(|events: &[Value]| events.iter().map(|event| format!("{event}\n")).collect())]
#[case::one_after_another(|events: &[Value]| events.iter().map(|event| format!("{event:#}")).collect())]
#[case::of_the_cli(|events: &[Value]| json!({ "object": "list", "data": events.iter().rev().collect::<Vec<_>>() }).to_string())]
#[case::twice(|events: &[Value]| Value::from([events, events].concat()).to_string())]
fn events_are_read_however_they_were_saved(#[case] saved: fn(&[Value]) -> String) {
    let events = [
        event(1, "customer.subscription.created", subscription(json!({}))),
        event(1, "customer.subscription.trial_will_end", subscription(json!({}))),
        event(2, "customer.subscription.deleted", subscription(json!({}))),
    ];
    let mut events = events.to_vec();
    events[1]["id"] = "evt_2".into();
    let kinds: Vec<String> = read::events(&[("a".to_owned(), saved(&events))])
        .unwrap()
        .into_iter()
        .map(|event| event.kind)
        .collect();
    assert_eq!(
        kinds,
        [
            "customer.subscription.created",
            "customer.subscription.trial_will_end",
            "customer.subscription.deleted"
        ]
    );
}

#[rstest]
#[case("{", "read `a.json` as JSON: ")]
#[case("", "find an event in what was given")]
#[case("[1]", "read `a.json`: its value number 1 is no event with an object: it has no `object`")]
#[case(
    r#"{"object": "customer"}"#,
    "read `a.json`: its value number 1 is no event with an object: its `object` is \"customer\""
)]
#[case(
    r#"{"object": "v2.core.event"}"#,
    "read `a.json`: its value number 1 is no event with an object: a thin event carries none"
)]
#[case(
    r#"{"object": "event", "type": "a.b"}"#,
    "read `a.json`: its value number 1 is no event with an object: it has no `type` or no `data.object`"
)]
fn what_is_no_event_is_refused(#[case] text: &str, #[case] expected: &str) {
    let (project, _) = example_project();
    let error = draft(&[("a.json".to_owned(), text.to_owned())], "", &project).unwrap_err();
    assert!(error.to_string().starts_with(expected), "{error}");
}

/// Where an event keeps what belongs to a person, and in which form.
const PERSONAL: [&str; 20] = [
    "/name",
    "/email",
    "/customer_email",
    "/phone",
    "/description",
    "/customer_details/name",
    "/customer_details/address/line1",
    "/customer_details/address/postal_code",
    "/shipping/phone",
    "/billing_details/email",
    "/payment_method_details/card/last4",
    "/payment_method_details/card/fingerprint",
    "/client_reference_id",
    "/success_url",
    "/metadata/user",
    "/custom_fields/0/text/value",
    "/id",
    "/customer",
    "/something_new/of_stripe",
    "/receipt_url",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Nothing of a person appears in what is written, wherever the event has it, whatever it looks like.
    #[test]
    fn nothing_personal_is_left(
        values in proptest::collection::vec("(Q[A-Za-z0-9]{6,12}z|[a-z]{3,8}@q[a-z]{4}z\\.example|cus_Q[A-Za-z0-9]{8}|https://q[a-z]{5}z\\.example/\\?a=[0-9]{6}|\\+1555[0-9]{7}|Qé[a-z]{6} Öz)", 20),
        key in "Q[A-Za-z]{6}[0-9]{4}",
        kind in prop::sample::select(vec![
            "checkout.session.completed", "customer.updated", "customer.subscription.created",
            "customer.subscription.trial_will_end", "charge.succeeded", "issuing_card.created", "invoice.paid",
        ]),
    ) {
        let mut object = json!({
            "object": "thing", "customer_details": { "address": {} }, "shipping": {}, "billing_details": {},
            "payment_method_details": { "card": { "exp_year": 2031 } }, "metadata": {}, "something_new": {},
            "custom_fields": [{ "text": {} }], "amount": 500, "status": "active",
        });
        for (pointer, value) in PERSONAL.iter().zip(&values) {
            let (parent, key) = pointer.rsplit_once('/').unwrap();
            let parent = if parent.is_empty() { Some(&mut object) } else { object.pointer_mut(parent) };
            parent.unwrap()[key] = value.as_str().into();
        }
        object["metadata"][&key] = values[0].as_str().into();
        let mut captured = event(1, kind, object.clone());
        captured["data"]["previous_attributes"] = object;
        let draft = drafted(&[captured]);
        let whole = draft.copies.iter().map(|(path, text)| format!("{path}{text}")).collect::<String>() + &draft.scenario;
        for value in values.iter().chain([&key]) {
            prop_assert!(!whole.contains(value.as_str()), "{value} is left in\n{whole}");
        }
        let live = whole.contains("true") && whole.contains("\"livemode\": true");
        prop_assert!(!live && !whole.contains("req_AbC") && !whole.contains("8f2f1c22"));
    }
}
