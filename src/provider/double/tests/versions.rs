//! Answers and events in older API versions.

use super::*;
use crate::stripe::version::downgrade;

const OLD: &str = "2024-06-20";
const OLDEST: &str = "2020-08-27";

/// A customer who has paid, and an app that can ask about it.
async fn paid() -> (Stand, App, Vec<Value>) {
    let stand = Stand::new().await;
    let app = App::of(&stand);
    let events = stand.act("subscribe", json!({"price": "pro_monthly", "quantity": 3}));
    (stand, app, events)
}

async fn get(app: &App, path: &str, version: &str) -> Value {
    let got = app.send("GET", path, "", &[("stripe-version", version)]).await.unwrap();
    assert_eq!((got.status, got.header("stripe-version")), (200, version), "{}", got.text);
    got.json()
}

fn id<'a>(truth: &'a Map<String, Value>, name: &str) -> &'a str {
    text(&truth[name], "id")
}

#[tokio::test]
async fn a_caller_gets_the_version_that_it_asks_for() {
    let (stand, app, _) = paid().await;
    let truth = stand.truth();
    let subscription = &truth["subscription"];
    let path = format!("/v1/subscriptions/{}", text(subscription, "id"));
    let old = get(&app, &path, OLD).await;
    assert_eq!(old["current_period_end"], subscription["items"]["data"][0]["current_period_end"]);
    assert_eq!(get(&app, &path, "2026-03-25.dahlia").await, *subscription);
    assert_eq!(app.get(&path).await.json(), *subscription);
}

#[tokio::test]
async fn an_invoice_names_what_it_named_before() {
    let (stand, app, _) = paid().await;
    let truth = stand.truth();
    let invoice = get(&app, &format!("/v1/invoices/{}", id(&truth, "invoice")), OLD).await;
    let line = &invoice["lines"]["data"][0];
    assert_eq!(invoice["subscription"], id(&truth, "subscription"));
    assert_eq!((&invoice["paid"], &invoice["charge"]), (&json!(true), &truth["charge"]["id"]));
    assert_eq!(invoice["payment_intent"], truth["charge"]["payment_intent"]);
    assert_eq!(
        (&line["price"]["id"], &line["price"]["lookup_key"]),
        (&json!("price_pro"), &json!("pro_monthly"))
    );
    assert_eq!((&line["plan"]["interval"], &line["type"]), (&json!("month"), &json!("subscription")));
    assert_eq!((&line["unit_amount_excluding_tax"], &line["proration"]), (&json!("9900"), &json!(false)));
    let charge = get(&app, &format!("/v1/charges/{}", id(&truth, "charge")), OLD).await;
    assert_eq!((&charge["invoice"], charge.get("refunds")), (&invoice["id"], None));
}

#[tokio::test]
async fn lists_and_what_is_expanded_are_in_that_version_too() {
    let (stand, app, _) = paid().await;
    let customer = id(&stand.truth(), "customer").to_owned();
    let query = "expand[]=data.latest_invoice.payment_intent&expand[]=data.customer";
    let list = get(&app, &format!("/v1/subscriptions?customer={customer}&{query}"), OLD).await;
    let subscription = &list["data"][0];
    assert!(subscription["current_period_end"].is_i64());
    assert_eq!(subscription["customer"]["id"], customer);
    let invoice = &subscription["latest_invoice"];
    assert_eq!((&invoice["paid"], &invoice["payment_intent"]["status"]), (&json!(true), &json!("succeeded")));
    assert_eq!(invoice["payment_intent"]["invoice"], invoice["id"]);
    let newest = app.get(&format!("/v1/subscriptions?customer={customer}&{query}")).await;
    assert_eq!(
        newest.error(),
        (400, "This property cannot be expanded (data.latest_invoice.payment_intent).".into())
    );
}

#[tokio::test]
async fn what_is_made_is_answered_in_that_version() {
    let (stand, app, _) = paid().await;
    let body =
        "mode=subscription&success_url=http://a.b&line_items[0][price]=price_pro&line_items[0][quantity]=1";
    for (version, mode) in [(OLD, "hosted"), (NEWEST, "hosted_page")] {
        let body = format!("{body}&customer={}", id(&stand.truth(), "customer"));
        let made =
            app.send("POST", "/v1/checkout/sessions", &body, &[("stripe-version", version)]).await.unwrap();
        assert_eq!(made.json()["ui_mode"], mode, "{}", made.text);
    }
}

#[tokio::test]
async fn printed_bytes_do_not_outlive_a_change_of_what_they_show() {
    let (stand, app, _) = paid().await;
    let truth = stand.truth();
    let path = format!("/v1/payment_intents/{}", text(&truth["charge"], "payment_intent"));
    let refunded = |intent: &Value| intent["charges"]["data"][0]["amount_refunded"].clone();
    assert_eq!(refunded(&get(&app, &path, OLDEST).await), 0);
    assert_eq!(refunded(&get(&app, &path, OLDEST).await), 0);
    stand.act("refund", json!({"amount": 100}));
    let intent = get(&app, &path, OLDEST).await;
    assert_eq!(refunded(&intent), 100);
    assert_eq!(intent["charges"]["data"][0]["refunds"]["data"][0]["amount"], 100);
    assert_eq!(get(&app, &path, OLD).await.get("charges"), None);
}

#[tokio::test]
async fn events_stay_in_their_own_version() {
    let (_stand, app, events) = paid().await;
    let kept = get(&app, "/v1/events?limit=100", OLD).await;
    for event in &events {
        assert!(kept["data"].as_array().unwrap().contains(event), "{}", text(event, "type"));
        assert_eq!(get(&app, &format!("/v1/events/{}", text(event, "id")), OLDEST).await, *event);
    }
}

#[tokio::test]
async fn a_fixed_version_is_for_every_answer() {
    let config =
        DoubleConfig { answers_in: AnswersIn::Version(OLD.parse().unwrap()), ..DoubleConfig::default() };
    let double = Double::start(config, &catalog(), Clock::start(), 1).await.unwrap();
    double.open(CASE, START.parse().unwrap(), IdMinter::new(1, 1));
    let slot = double.add_customer(CASE, "jenny@example.com");
    let stand = Stand { double, slot };
    stand.act("subscribe", json!({"price": "pro_monthly"}));
    let app = App::of(&stand);
    let path = format!("/v1/subscriptions/{}", id(&stand.truth(), "subscription"));
    for headers in [&[][..], &[("stripe-version", NEWEST)]] {
        let got = app.send("GET", &path, "", headers).await.unwrap();
        assert_eq!(got.header("stripe-version"), OLD);
        assert!(got.json()["current_period_end"].is_i64());
    }
}

/// What the kin of a case makes of an event is what the account makes of the object.
#[tokio::test]
async fn an_event_carries_what_is_answered() {
    let (stand, app, events) = paid().await;
    let kin = stand.double.kin(CASE);
    for version in [OLDEST, OLD, "2025-03-31.basil"] {
        for (kind, route) in [
            ("invoice.paid", "invoices"),
            ("payment_intent.succeeded", "payment_intents"),
            ("charge.succeeded", "charges"),
            ("customer.subscription.created", "subscriptions"),
        ] {
            let sent = downgrade(event(&events, kind), version.parse().unwrap(), &kin);
            let object = &sent["data"]["object"];
            let answered = get(&app, &format!("/v1/{route}/{}", text(object, "id")), version).await;
            assert_eq!(keys(object), keys(&answered), "{kind} in {version}");
            assert_eq!(sent["api_version"], version);
        }
    }
}

fn keys(object: &Value) -> Vec<&String> {
    object.as_object().unwrap().keys().collect()
}

#[tokio::test]
async fn every_event_of_a_burst_has_every_shape() {
    let stand = Stand::new().await;
    let mut events = stand.act("checkout", json!({"price": "everything"}));
    for (kind, keys) in
        [("renew", json!({})), ("change_quantity", json!({"quantity": 4})), ("refund", json!({}))]
    {
        events.extend(stand.act(kind, keys));
    }
    let kin = stand.double.kin(CASE);
    for (event, version) in
        events.iter().flat_map(|event| Version::all().map(move |version| (event, version)))
    {
        let shaped = downgrade(event, version, &kin);
        assert_eq!((&shaped["id"], &shaped["type"]), (&event["id"], &event["type"]));
        assert_eq!(shaped["api_version"], version.as_str());
        assert_eq!(downgrade(&shaped, version, &kin), shaped);
        assert!(!version.looks_newest() || shaped["data"] == event["data"], "{version}");
    }
}
