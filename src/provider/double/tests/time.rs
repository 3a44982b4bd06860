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
