//! Subscription schedules: how phases are read, and how they play out.

use super::*;
use crate::stripe::object::{data, int};

const DAY: i64 = 24 * 60 * 60;

async fn stand() -> (Stand, App, String) {
    let stand = Stand::new().await;
    let app = App::of(&stand);
    let customer = app
        .make(
            "/v1/customers",
            "payment_method=pm_card_visa&invoice_settings[default_payment_method]=pm_card_visa",
        )
        .await;
    (stand, app, text(&customer, "id").to_owned())
}

fn days(days: i64) -> SignedDuration {
    SignedDuration::from_secs(days * DAY)
}

/// Types of the events since the last look, but for those of payments.
async fn heard(app: &App, seen: &mut usize) -> Vec<String> {
    let page = app.get("/v1/events?limit=100").await.json();
    let all: Vec<_> = data(&page).iter().rev().map(|event| text(event, "type").to_owned()).collect();
    let new = all[*seen..].to_vec();
    *seen = all.len();
    let kept = ["subscription", "invoice.created", "invoiceitem"];
    new.into_iter().filter(|kind| kept.iter().any(|word| kind.contains(word))).collect()
}

fn items(subscription: &Value) -> Vec<(String, i64)> {
    data(&subscription["items"])
        .iter()
        .map(|item| (text(&item["price"], "id").to_owned(), int(item, "quantity")))
        .collect()
}

#[tokio::test]
async fn phases_play_out_one_after_another() {
    let (stand, app, customer) = stand().await;
    let team = app
        .make(
            "/v1/prices",
            "currency=usd&unit_amount=29900&recurring[interval]=month&product_data[name]=Team",
        )
        .await;
    let team = text(&team, "id");
    let mut seen = 0;
    heard(&app, &mut seen).await;
    let body = format!(
        "customer={customer}&start_date=now&end_behavior=release&phases[0][items][0][price]=price_pro&phases[0][duration][interval]=month&phases[1][items][0][price]={team}&phases[1][items][0][quantity]=2&phases[1][duration][interval]=month&phases[1][duration][interval_count]=2&phases[1][metadata][tier]=team"
    );
    let schedule = app.make("/v1/subscription_schedules", &body).await;
    assert_eq!(text(&schedule, "status"), "active");
    let phases = schedule["phases"].as_array().unwrap();
    assert_eq!(phases[0]["end_date"], phases[1]["start_date"]);
    assert_eq!(
        schedule["current_phase"],
        json!({"end_date": phases[0]["end_date"], "start_date": phases[0]["start_date"]})
    );
    let path = format!("/v1/subscriptions/{}", text(&schedule, "subscription"));
    let held = app.get(&path).await.json();
    assert_eq!((text(&held, "schedule"), text(&held, "status")), (text(&schedule, "id"), "active"));
    assert_eq!(
        heard(&app, &mut seen).await,
        ["customer.subscription.created", "invoice.created", "subscription_schedule.created"]
    );

    stand.double.advance_all(days(32)).unwrap();
    let held = app.get(&path).await.json();
    assert_eq!(items(&held), [(team.to_owned(), 2)]);
    assert_eq!(held["metadata"], json!({"tier": "team"}));
    let invoice = app.get(&format!("/v1/invoices/{}", text(&held, "latest_invoice"))).await.json();
    assert_eq!(int(&invoice, "total"), 59_800, "the new phase is billed in full, and nothing is prorated");
    let now = app.get(&format!("/v1/subscription_schedules/{}", text(&schedule, "id"))).await.json();
    assert_eq!(now["current_phase"]["start_date"], phases[1]["start_date"]);
    let told = heard(&app, &mut seen).await;
    let want = [
        "customer.subscription.updated",
        "subscription_schedule.updated",
        "customer.subscription.updated",
        "invoice.created",
    ];
    assert_eq!(told[..4], want);

    stand.double.advance_all(days(62)).unwrap();
    let done = app.get(&format!("/v1/subscription_schedules/{}", text(&schedule, "id"))).await.json();
    assert_eq!((text(&done, "status"), &done["current_phase"]), ("completed", &json!(null)));
    assert_eq!(done["completed_at"], phases[1]["end_date"]);
    assert_eq!(done["released_subscription"], held["id"]);
    let held = app.get(&path).await.json();
    assert_eq!((text(&held, "status"), &held["schedule"]), ("active", &json!(null)));
    let expiring = app.get("/v1/events?type=subscription_schedule.expiring").await.json();
    assert_eq!(int(&data(&expiring)[0], "created"), int(&phases[1], "end_date") - 7 * DAY);
}

#[tokio::test]
async fn a_schedule_may_wait_and_end_what_it_made() {
    let (stand, app, customer) = stand().await;
    let starts = stand.double.advance_all(SignedDuration::ZERO).unwrap().as_second() + 10 * DAY;
    let body = format!(
        "customer={customer}&start_date={starts}&end_behavior=cancel&phases[0][items][0][price]=price_pro&phases[0][iterations]=2"
    );
    let schedule = app.make("/v1/subscription_schedules", &body).await;
    assert_eq!((text(&schedule, "status"), &schedule["subscription"]), ("not_started", &json!(null)));
    let path = format!("/v1/subscription_schedules/{}", text(&schedule, "id"));
    assert_eq!(data(&app.get("/v1/subscription_schedules?scheduled=true").await.json()).len(), 1);
    stand.double.advance_all(days(11)).unwrap();
    assert_eq!(data(&app.get("/v1/subscription_schedules?scheduled=true").await.json()).len(), 0);
    let schedule = app.get(&path).await.json();
    let held = format!("/v1/subscriptions/{}", text(&schedule, "subscription"));
    let running = app.get(&held).await.json();
    assert_eq!((int(&running, "created"), text(&running, "status")), (starts, "active"));
    assert_eq!(running["cancel_at"], schedule["phases"][0]["end_date"]);
    stand.double.advance_all(days(70)).unwrap();
    let ended = app.get(&held).await.json();
    assert_eq!(
        (text(&ended, "status"), &ended["ended_at"]),
        ("canceled", &schedule["phases"][0]["end_date"])
    );
    assert_eq!(text(&app.get(&path).await.json(), "status"), "completed");
    let cycles = app.get(&format!("/v1/invoices?customer={customer}&limit=100")).await.json();
    assert_eq!(data(&cycles).len(), 2, "the first period and the second, and no third");
}

#[tokio::test]
async fn a_subscription_that_runs_is_taken_over_changed_and_released() {
    let (stand, app, customer) = stand().await;
    let made = app.make("/v1/subscriptions", &format!("customer={customer}&items[0][price]=price_pro")).await;
    let id = text(&made, "id");
    let schedule = app.make("/v1/subscription_schedules", &format!("from_subscription={id}")).await;
    assert_eq!(schedule["phases"][0]["items"][0]["price"], "price_pro");
    assert_eq!(schedule["phases"][0]["end_date"], made["items"]["data"][0]["current_period_end"]);
    let path = format!("/v1/subscription_schedules/{}", text(&schedule, "id"));
    let twice = app.post("/v1/subscription_schedules", &format!("from_subscription={id}")).await;
    assert!(twice.error().1.contains("already attached to a schedule"));
    let cancel = app.post(&format!("/v1/subscriptions/{id}"), "cancel_at_period_end=true").await;
    assert!(cancel.error().1.contains("managed by the subscription schedule"), "{}", cancel.text);
    let loose = app.post(&path, "phases[0][items][0][price]=price_pro").await;
    assert!(loose.error().1.contains("anchor end dates to"));
    let start = &schedule["phases"][0]["start_date"];
    let body = format!(
        "phases[0][start_date]={start}&phases[0][items][0][price]=price_pro&phases[0][items][0][quantity]=3&phases[0][iterations]=1"
    );
    stand.double.advance_all(days(10)).unwrap();
    app.make(&path, &body).await;
    let held = app.get(&format!("/v1/subscriptions/{id}")).await.json();
    assert_eq!(items(&held), [("price_pro".to_owned(), 3)]);
    let waiting = app.get(&format!("/v1/invoiceitems?customer={customer}&pending=true")).await.json();
    assert_eq!(data(&waiting).len(), 2, "a change of the current phase is prorated");
    let released = app.make(&format!("{path}/release"), "").await;
    assert_eq!((text(&released, "status"), text(&released, "released_subscription")), ("released", id));
    assert_eq!(app.get(&format!("/v1/subscriptions/{id}")).await.json()["schedule"], json!(null));
    for verb in ["release", "cancel"] {
        let again = app.post(&format!("{path}/{verb}"), "").await;
        assert!(again.error().1.contains("currently in the `released` status"), "{}", again.text);
    }
    assert_eq!(app.post(&path, "metadata[a]=b").await.status, 400);
}

#[rstest::rstest]
#[case("cancel", "canceled", "canceled")]
#[case("delete", "canceled", "canceled")]
#[tokio::test]
async fn whoever_ends_the_subscription_ends_the_schedule(
    #[case] how: &str,
    #[case] status: &str,
    #[case] word: &str,
) {
    let (_stand, app, customer) = stand().await;
    let body = format!("customer={customer}&start_date=now&phases[0][items][0][price]=price_pro");
    let schedule = app.make("/v1/subscription_schedules", &body).await;
    let path = format!("/v1/subscription_schedules/{}", text(&schedule, "id"));
    let held = format!("/v1/subscriptions/{}", text(&schedule, "subscription"));
    match how {
        "cancel" => drop(app.make(&format!("{path}/cancel"), "").await),
        _ => drop(app.send("DELETE", &held, "", &[]).await.unwrap()),
    }
    assert_eq!(text(&app.get(&held).await.json(), "status"), "canceled");
    assert_eq!(text(&app.get(&path).await.json(), "status"), status);
    let told = app.get(&format!("/v1/events?type=subscription_schedule.{word}")).await.json();
    assert_eq!(data(&told).len(), 1);
}

#[tokio::test]
async fn a_customer_without_a_card_is_subscribed_all_the_same() {
    let stand = Stand::new().await;
    let app = App::of(&stand);
    let customer = app.make("/v1/customers", "name=Nobody").await;
    let body =
        format!("customer={}&start_date=now&phases[0][items][0][price]=price_pro", text(&customer, "id"));
    let schedule = app.make("/v1/subscription_schedules", &body).await;
    let held = app.get(&format!("/v1/subscriptions/{}", text(&schedule, "subscription"))).await.json();
    assert_eq!(text(&held, "status"), "active");
    let refused = app.post("/v1/subscription_schedules", &body.replace("price_pro", "price_x")).await;
    assert_eq!(refused.status, 400);
    assert_eq!(data(&app.get("/v1/subscription_schedules").await.json()).len(), 1, "nothing of it stays");
}

#[tokio::test]
async fn a_scenario_schedules_a_change() {
    let stand = Stand::new().await;
    stand.act("subscribe", json!({"price": "pro_monthly", "quantity": 2}));
    stand.act("schedule", json!({"price": "team_monthly"}));
    stand.act("advance", json!({"by": "29d"}));
    assert_eq!(stand.truth()["subscription"]["items"]["data"][0]["price"]["id"], "price_pro");
    stand.act("advance", json!({"by": "2d"}));
    let item = &stand.truth()["subscription"]["items"]["data"][0];
    assert_eq!((text(&item["price"], "lookup_key"), int(item, "quantity")), ("team_monthly", 2));
    assert_eq!(int(&stand.truth()["invoice"], "total"), 59_800);
    let other = Stand::new().await;
    other.act("subscribe", json!({"price": "pro_monthly"}));
    other.act("schedule", json!({"items": [{"price": "team_monthly"}], "at": "10d"}));
    let events = other.act("advance", json!({"by": "11d"}));
    let kinds = types(&events);
    assert_eq!(
        kinds,
        [
            "invoiceitem.created",
            "invoiceitem.created",
            "customer.subscription.updated",
            "subscription_schedule.updated"
        ]
    );
}

const PHASES: &str = "start_date=now&end_behavior=release&phases[0][items][0][price]=price_pro\
    &phases[0][duration][interval]=month&phases[1][items][0][price]=price_pro&phases[1][duration][interval]=month";

#[tokio::test]
async fn a_phase_sells_something_once_when_it_begins() {
    let (stand, app, customer) = stand().await;
    let fee = app.make("/v1/prices", "currency=usd&unit_amount=5000&product_data[name]=Setup").await;
    let fee = text(&fee, "id");
    let body = format!(
        "customer={customer}&{PHASES}&phases[0][add_invoice_items][0][price]={fee}\
         &phases[1][add_invoice_items][0][price]={fee}&phases[1][add_invoice_items][0][quantity]=2\
         &phases[1][add_invoice_items][0][metadata][of]=second"
    );
    let schedule = app.make("/v1/subscription_schedules", &body).await;
    let extra = &schedule["phases"][1]["add_invoice_items"][0];
    assert_eq!((&extra["price"], &extra["quantity"]), (&json!(fee), &json!(2)));
    let latest = async || {
        let held = app.get(&format!("/v1/subscriptions/{}", text(&schedule, "subscription"))).await.json();
        app.get(&format!("/v1/invoices/{}", text(&held, "latest_invoice"))).await.json()
    };
    assert_eq!(int(&latest().await, "total"), 9_900 + 5_000);
    let path = format!("/v1/subscription_schedules/{}", text(&schedule, "id"));
    app.make(&path, "metadata[seen]=1").await;
    stand.double.advance_all(days(31)).unwrap();
    let second = latest().await;
    assert_eq!(
        (text(&second, "billing_reason"), int(&second, "total")),
        ("subscription_cycle", 9_900 + 10_000)
    );
    let line = data(&second["lines"]).iter().find(|line| int(line, "amount") == 10_000).unwrap();
    assert_eq!(line["metadata"], json!({"of": "second"}));
    stand.double.advance_all(days(31)).unwrap();
    assert_eq!(int(&latest().await, "total"), 9_900, "only once");
}

#[tokio::test]
async fn a_phase_is_taxed_as_it_or_the_schedule_says() {
    let (stand, app, customer) = stand().await;
    let body = format!(
        "customer={customer}&{PHASES}&default_settings[automatic_tax][enabled]=true\
         &phases[1][automatic_tax][enabled]=false"
    );
    let got = app.post("/v1/subscription_schedules", &body).await;
    assert_eq!(got.json()["error"]["code"], "customer_tax_location_invalid");
    app.make(&format!("/v1/customers/{customer}"), "address[country]=FR").await;
    let schedule = app.make("/v1/subscription_schedules", &body).await;
    let on = json!({"disabled_reason": null, "enabled": true, "liability": {"type": "self"}});
    assert_eq!(schedule["default_settings"]["automatic_tax"], on);
    assert_eq!(schedule["phases"][0].get("automatic_tax"), None, "it says nothing of its own");
    assert_eq!(schedule["phases"][1]["automatic_tax"]["enabled"], false);
    let path = format!("/v1/subscriptions/{}", text(&schedule, "subscription"));
    assert_eq!(app.get(&path).await.json()["automatic_tax"], on);
    stand.double.advance_all(days(31)).unwrap();
    assert_eq!(app.get(&path).await.json()["automatic_tax"]["enabled"], false);
}

#[tokio::test]
async fn a_schedule_is_not_taxed_any_more_where_nobody_knows_the_customers_place() {
    let (stand, app, customer) = stand().await;
    app.make(&format!("/v1/customers/{customer}"), "address[country]=FR").await;
    let body = format!("customer={customer}&{PHASES}&default_settings[automatic_tax][enabled]=true");
    let schedule = app.make("/v1/subscription_schedules", &body).await;
    app.make(&format!("/v1/customers/{customer}"), "address=").await;
    stand.double.advance_all(days(32)).unwrap();
    let after = app.get(&format!("/v1/subscription_schedules/{}", text(&schedule, "id"))).await.json();
    let tax = &after["default_settings"]["automatic_tax"];
    assert_eq!(
        (&tax["enabled"], &tax["disabled_reason"]),
        (&json!(false), &json!("requires_location_inputs"))
    );
}
