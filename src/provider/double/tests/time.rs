//! Time: what falls due by itself, for whom, and when.

use super::*;
use crate::stripe::object::{data, int};

const DAY: i64 = 24 * 60 * 60;

/// A customer of the account at large with a card, and its subscription.
async fn subscribe(app: &App, more: &str) -> (String, Value) {
    let customer = app.make("/v1/customers", "email=anna@example.com").await;
    let customer = text(&customer, "id").to_owned();
    app.make(&format!("/v1/customers/{customer}"), "invoice_settings[default_payment_method]=pm_card_visa")
        .await;
    let body = format!("customer={customer}&items[0][price]=price_pro{more}");
    let made = app.make("/v1/subscriptions", &body).await;
    (customer, made)
}

fn seconds(days: i64) -> SignedDuration {
    SignedDuration::from_secs(days * DAY)
}

/// Events of a type, oldest first.
async fn told(app: &App, kind: &str) -> Vec<Value> {
    let page = app.get(&format!("/v1/events?limit=100&type={kind}")).await.json();
    data(&page).iter().rev().cloned().collect()
}

#[tokio::test]
async fn the_account_at_large_lives_on() {
    let stand = Stand::new().await;
    let app = App::of(&stand);
    let (_, monthly) = subscribe(&app, "").await;
    let (_, trial) = subscribe(&app, "&trial_period_days=14").await;
    let began = int(&monthly, "created");
    assert_eq!(stand.double.next_due().unwrap().as_second(), int(&trial, "trial_end") - 7 * DAY);
    let now = stand.double.advance_all(seconds(40)).unwrap();
    assert!(now.as_second() - began >= 40 * DAY);
    let warned = told(&app, "customer.subscription.trial_will_end").await;
    assert_eq!(warned.len(), 1);
    assert_eq!(int(&warned[0], "created"), int(&trial, "trial_end") - 3 * DAY, "each at its own second");
    let renewed: Vec<_> = told(&app, "invoice.created")
        .await
        .iter()
        .filter(|event| event["data"]["object"]["billing_reason"] == "subscription_cycle")
        .map(|event| int(event, "created"))
        .collect();
    let ends = int(&monthly["items"]["data"][0], "current_period_end");
    assert_eq!(renewed, [int(&trial, "trial_end"), ends]);
    let customer = app.make("/v1/customers", "name=Later").await;
    assert!(int(&customer, "created") >= now.as_second(), "the account stays ahead of the wall clock");
}

#[tokio::test]
async fn an_advance_back_is_none() {
    let stand = Stand::new().await;
    let before = stand.double.advance_all(SignedDuration::ZERO).unwrap();
    assert_eq!(stand.double.advance_all(SignedDuration::from_hours(-5)).unwrap(), before);
}

#[tokio::test]
async fn a_case_has_its_own_time() {
    let stand = Stand::new().await;
    stand.act("subscribe", json!({"price": "pro_monthly"}));
    stand.double.advance_all(seconds(400)).unwrap();
    assert!(stand.double.drain(CASE).is_empty());
    assert_eq!(stand.double.now(CASE).unwrap(), START.parse().unwrap());
}

#[test]
fn what_falls_due_at_once_is_played_out_in_turns() {
    let mut account = Account::new(START.parse().unwrap(), 7);
    let mut world = account.world(Home::Large, Cause::default());
    let start = world.second();
    for at in 0..1_200_i64 {
        let id = format!("cs_{at:04}");
        let session = json!({"id": id, "status": "open", "expires_at": start + 1_200 - at, "created": start});
        world.insert(store::Kind::Session, session);
    }
    let open = |account: &Account| {
        let sessions = account.large.store.of(store::Kind::Session);
        sessions.filter(|session| session.value()["status"] == "open").count()
    };
    let wall = START.parse::<Timestamp>().unwrap() + SignedDuration::from_hours(1);
    let mut left = Vec::new();
    for _ in 0..4 {
        account.catch_up(wall);
        left.push((open(&account), account.large.now.as_second() - start));
    }
    assert_eq!(
        left,
        [(700, 500), (200, 1_000), (0, 3_600), (0, 3_600)],
        "the clock stands before what is left"
    );
    assert_eq!(account.large.agenda.len(), 0);
}

/// A clock that stands at the beginning of 2027, and a customer with a card on it.
async fn on_a_clock(app: &App) -> (String, String) {
    let clock = app.make("/v1/test_helpers/test_clocks", "frozen_time=1798761600&name=tale").await;
    let clock = text(&clock, "id").to_owned();
    let customer = app.make("/v1/customers", &format!("test_clock={clock}&payment_method=pm_card_visa&invoice_settings[default_payment_method]=pm_card_visa")).await;
    (clock, text(&customer, "id").to_owned())
}

const FROZEN: i64 = 1_798_761_600;

async fn advance(app: &App, clock: &str, to: i64) -> Got {
    app.post(&format!("/v1/test_helpers/test_clocks/{clock}/advance"), &format!("frozen_time={to}")).await
}

#[tokio::test]
async fn a_customer_lives_by_its_test_clock() {
    let stand = Stand::new().await;
    let app = App::of(&stand);
    let (clock, customer) = on_a_clock(&app).await;
    let held = app.get(&format!("/v1/customers/{customer}")).await.json();
    assert_eq!((text(&held, "test_clock"), int(&held, "created")), (clock.as_str(), FROZEN));
    let made = app.make("/v1/subscriptions", &format!("customer={customer}&items[0][price]=price_pro")).await;
    assert_eq!((text(&made, "test_clock"), int(&made, "created")), (clock.as_str(), FROZEN));
    let invoice = app.get(&format!("/v1/invoices/{}", text(&made, "latest_invoice"))).await.json();
    assert_eq!((text(&invoice, "test_clock"), int(&invoice, "created")), (clock.as_str(), FROZEN));

    stand.double.advance_all(seconds(20)).unwrap();
    let same = app.get(&format!("/v1/subscriptions/{}", text(&made, "id"))).await.json();
    assert_eq!(same, made, "the account's time is not the clock's");

    let target = FROZEN + 40 * DAY;
    let answer = advance(&app, &clock, target).await.json();
    assert_eq!((text(&answer, "status"), int(&answer, "frozen_time")), ("advancing", FROZEN));
    assert_eq!(answer["status_details"], json!({"advancing": {"target_frozen_time": target}}));
    let ready = app.get(&format!("/v1/test_helpers/test_clocks/{clock}")).await.json();
    assert_eq!((text(&ready, "status"), int(&ready, "frozen_time")), ("ready", target));
    assert_eq!(ready["status_details"], json!({}));
    let renewed = app.get(&format!("/v1/subscriptions/{}", text(&made, "id"))).await.json();
    let ends = int(&made["items"]["data"][0], "current_period_end");
    assert_eq!(int(&renewed["items"]["data"][0], "current_period_start"), ends);
    let invoice = app.get(&format!("/v1/invoices/{}", text(&renewed, "latest_invoice"))).await.json();
    assert!((ends..=ends + DAY).contains(&int(&invoice, "created")));
    let before = app.get(&format!("/v1/customers/{customer}")).await.json();
    assert_eq!(before["created"], FROZEN);
    let now = app.make("/v1/invoiceitems", &format!("customer={customer}&amount=5&currency=usd")).await;
    assert_eq!((int(&now, "date"), text(&now, "test_clock")), (target, clock.as_str()));
    let told = told(&app, "test_helpers.test_clock.*").await;
    assert_eq!(
        types(&told),
        ["created", "advancing", "ready"].map(|word| format!("test_helpers.test_clock.{word}"))
    );
}

#[tokio::test]
async fn what_a_test_clock_refuses() {
    let stand = Stand::new().await;
    let app = App::of(&stand);
    let (clock, customer) = on_a_clock(&app).await;
    let year = 365 * DAY;
    assert_eq!(advance(&app, &clock, FROZEN).await.status, 400, "it only goes forward");
    assert_eq!(
        advance(&app, &clock, FROZEN + 3 * year).await.status,
        400,
        "two years without a subscription"
    );
    app.make("/v1/subscriptions", &format!("customer={customer}&items[0][price]=price_pro")).await;
    // 1 January to 1 March is 59 days.
    let got = advance(&app, &clock, FROZEN + 59 * DAY + 1).await;
    assert!(got.error().1.contains("two intervals"), "{}", got.text);
    assert_eq!(got.json()["error"]["param"], "frozen_time");
    assert_eq!(advance(&app, &clock, FROZEN + 59 * DAY).await.status, 200);
    let body = format!("test_clock={clock}");
    app.make("/v1/customers", &body).await;
    app.make("/v1/customers", &body).await;
    assert_eq!(
        app.post("/v1/customers", &body).await.error().1,
        "A test clock can have at most 3 customers."
    );
    let got = app.post(&format!("/v1/customers/{customer}"), &body).await;
    assert_eq!(got.error(), (400, "Received unknown parameter: test_clock".to_owned()));
    let got = app.post("/v1/customers", "test_clock=clock_x").await;
    assert_eq!(got.error(), (400, "No such test clock: 'clock_x'".to_owned()));
    assert_eq!(app.post("/v1/test_helpers/test_clocks", "").await.status, 400);
    assert_eq!(app.post("/v1/test_helpers/test_clocks", "frozen_time=-1").await.status, 400);
    assert_eq!(
        app.post("/v1/test_helpers/test_clocks", &format!("frozen_time={}", i64::MAX)).await.status,
        400
    );
}

#[tokio::test]
async fn a_test_clock_hides_its_own_and_takes_it_along() {
    let stand = Stand::new().await;
    let app = App::of(&stand);
    let (clock, customer) = on_a_clock(&app).await;
    let made = app.make("/v1/subscriptions", &format!("customer={customer}&items[0][price]=price_pro")).await;
    let count = async |path: String| data(&app.get(&path).await.json()).len();
    assert_eq!(count(format!("/v1/customers?created[gte]={FROZEN}")).await, 0);
    assert_eq!(count(format!("/v1/customers?test_clock={clock}")).await, 1);
    assert_eq!(count(format!("/v1/subscriptions?test_clock={clock}")).await, 1);
    assert_eq!(count(format!("/v1/subscriptions?customer={customer}")).await, 1);
    let path = format!("/v1/test_helpers/test_clocks/{clock}");
    let gone = app.send("DELETE", &path, "", &[]).await.unwrap().json();
    assert_eq!(gone, json!({"id": clock, "object": "test_helpers.test_clock", "deleted": true}));
    assert_eq!(app.get(&path).await.status, 404);
    assert_eq!(app.get(&format!("/v1/subscriptions/{}", text(&made, "id"))).await.status, 404);
    assert_eq!(app.get(&format!("/v1/customers/{customer}")).await.json()["deleted"], true);
    assert_eq!(told(&app, "test_helpers.test_clock.deleted").await.len(), 1);
    assert_eq!(stand.double.next_due(), None, "nothing of it is left to happen");
    let (clock, _) = on_a_clock(&app).await;
    stand.double.advance_all(seconds(31)).unwrap();
    let path = format!("/v1/test_helpers/test_clocks/{clock}");
    assert_eq!(app.get(&path).await.status, 404, "Stripe deletes clocks that are 30 days old");
}

#[tokio::test]
async fn a_scenario_moves_the_clock_that_the_app_made() {
    let stand = Stand::new().await;
    let app = App::of(&stand);
    let premade = text(&stand.truth()["customer"], "id").to_owned();
    let clock = app.make("/v1/test_helpers/test_clocks", &format!("frozen_time={FROZEN}")).await;
    let body = format!("email=jenny@example.com&test_clock={}", text(&clock, "id"));
    app.make("/v1/customers", &body).await;
    assert_ne!(text(&stand.truth()["customer"], "id"), premade);
    let events = stand.act("subscribe", json!({"price": "pro_monthly"}));
    assert_eq!(int(events.last().unwrap(), "created"), FROZEN);
    let before = stand.double.now(CASE).unwrap();
    stand.act("advance", json!({"by": "40d"}));
    assert_eq!(stand.double.now(CASE).unwrap(), before + seconds(40));
    let moved = app.get(&format!("/v1/test_helpers/test_clocks/{}", text(&clock, "id"))).await.json();
    assert_eq!(int(&moved, "frozen_time"), FROZEN + 40 * DAY);
    stand.act("renew", json!({}));
    let moved = app.get(&format!("/v1/test_helpers/test_clocks/{}", text(&clock, "id"))).await.json();
    // 1 January, 1 February, 1 March.
    assert_eq!(int(&moved, "frozen_time"), FROZEN + 59 * DAY);
}
