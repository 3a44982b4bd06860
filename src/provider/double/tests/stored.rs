//! Stored resources over HTTP: kept as given, told of, listed, and named in the README.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::*;
use crate::provider::double::route;

/// What is stored, by where it is, with the events that it makes.
const STORED: &[(&str, &[&str])] = &[
    ("/v1/accounts", &["account.updated", "account.application.deauthorized"]),
    ("/v1/billing/meter_events", &[]),
    (
        "/v1/billing/meters",
        &[
            "billing.meter.created",
            "billing.meter.updated",
            "billing.meter.deactivated",
            "billing.meter.reactivated",
        ],
    ),
    (
        "/v1/identity/verification_sessions",
        &[
            "identity.verification_session.created",
            "identity.verification_session.canceled",
            "identity.verification_session.redacted",
        ],
    ),
    (
        "/v1/issuing/authorizations",
        &["issuing_authorization.request", "issuing_authorization.created", "issuing_authorization.updated"],
    ),
    ("/v1/issuing/cardholders", &["issuing_cardholder.created", "issuing_cardholder.updated"]),
    ("/v1/issuing/cards", &["issuing_card.created", "issuing_card.updated"]),
    (
        "/v1/issuing/transactions",
        &[
            "issuing_transaction.created",
            "issuing_transaction.purchase_details_receipt_updated",
            "issuing_transaction.updated",
        ],
    ),
    ("/v1/payouts", &["payout.created", "payout.updated", "payout.canceled"]),
    ("/v1/reporting/report_runs", &["reporting.report_run.succeeded"]),
    ("/v1/topups", &["topup.created", "topup.canceled"]),
    ("/v1/transfers", &["transfer.created", "transfer.updated", "transfer.reversed"]),
];

const HOLDER: &str = "name=Jenny&type=individual&billing[address][line1]=1 Main Street&billing[address][city]=\
     San Francisco&billing[address][state]=CA&billing[address][postal_code]=94111&billing[address][country]=US&\
     individual[first_name]=Jenny&individual[dob][day]=3";

/// What the README says of stored resources: where each is, what can be done there, which events it makes.
fn table() -> String {
    let mut table = "| resource | calls | events |\n|---|---|---|\n".to_owned();
    for (path, events) in STORED {
        let mut calls: Vec<&str> = route::all().filter_map(|route| call(path, route)).collect();
        calls.dedup();
        let events: Vec<String> = events.iter().map(|event| format!("`{event}`")).collect();
        let _ = writeln!(table, "| `{path}` | {} | {} |", calls.join(", "), events.join(", "));
    }
    table
}

/// What a route does to a stored resource, in a word.
fn call(path: &str, route: &route::Route) -> Option<&'static str> {
    use route::Method::{Delete, Get, Post};
    let rest = route.path.strip_prefix(path)?;
    Some(match (route.method, rest) {
        (Get, "") => "list",
        (Get, "/{id}") => "retrieve",
        (Post, "") => "create",
        (Post, "/{id}") => "update",
        (Delete, "/{id}") => "delete",
        (_, rest) => rest.strip_prefix("/{id}/")?.split('/').next()?,
    })
}

#[test]
fn the_readme_has_the_table() {
    let readme = include_str!("../../../../README.md");
    assert!(readme.contains(&table()), "the README lacks this table:\n\n{}", table());
}

/// A double, and what was made in it.
struct Made {
    app: App,
    account: Value,
    holder: Value,
    card: Value,
    transfer: Value,
}

impl Made {
    async fn new(stand: &Stand) -> Self {
        let app = App::of(stand);
        let account = app.make("/v1/accounts", "type=express&email=a@example.com").await;
        let holder = app.make("/v1/issuing/cardholders", HOLDER).await;
        let card = format!("currency=usd&type=virtual&cardholder={}&status=active", text(&holder, "id"));
        let card = app.make("/v1/issuing/cards", &card).await;
        let to = text(&account, "id");
        let transfer = format!("amount=1000&currency=usd&destination={to}&metadata[order]=6");
        let transfer = app.make("/v1/transfers", &transfer).await;
        Self { app, account, holder, card, transfer }
    }

    /// Makes or changes something; `$account`, `$holder`, `$card` and `$transfer` are their ids.
    async fn post(&self, path: &str, body: &str) -> Value {
        self.app.make(&self.named(path), &self.named(body)).await
    }

    fn named(&self, text_: &str) -> String {
        [
            ("$account", &self.account),
            ("$holder", &self.holder),
            ("$card", &self.card),
            ("$transfer", &self.transfer),
        ]
        .iter()
        .fold(text_.to_owned(), |named, (name, object)| named.replace(name, text(object, "id")))
    }

    async fn events(&self) -> Vec<Value> {
        let list = self.app.get("/v1/events?limit=100").await.json();
        let mut events = list["data"].as_array().unwrap().clone();
        events.reverse();
        events
    }
}

#[rstest::rstest]
#[case("/v1/accounts", "type=custom&metadata[a]=1")]
#[case("/v1/billing/meters", "display_name=Calls&event_name=calls&default_aggregation[formula]=sum")]
#[case("/v1/identity/verification_sessions", "type=document&options[document][require_matching_selfie]=true")]
#[case("/v1/issuing/cardholders", HOLDER)]
#[case("/v1/issuing/cards", "currency=usd&type=virtual&cardholder=$holder")]
#[case("/v1/payouts", "amount=1100&currency=usd&description=d&metadata[a]=1")]
#[case("/v1/reporting/report_runs", "report_type=balance.summary.1&parameters[interval_start]=1641045832")]
#[case("/v1/topups", "amount=2000&currency=usd&description=d")]
#[case("/v1/transfers", "destination=$account&amount=1000&currency=usd")]
#[tokio::test]
async fn what_is_made_is_kept_and_listed(#[case] path: &str, #[case] body: &str) {
    let stand = Stand::new().await;
    let made = Made::new(&stand).await;
    let object = made.post(path, body).await;
    let id = text(&object, "id");
    let kept = made.app.get(&format!("{path}/{id}")).await.json();
    assert_eq!(kept["id"], *id);
    if path != "/v1/reporting/report_runs" {
        // A report is answered while it is made; the others are kept as they were answered.
        assert_eq!(kept, object);
    }
    let list = made.app.get(path).await.json();
    assert_eq!(list["data"][0], kept);
    assert_eq!(made.app.get(&format!("{path}/{id}x")).await.status, 404);
}

#[tokio::test]
async fn given_fields_stand_where_stripe_has_them_and_typed() {
    let stand = Stand::new().await;
    let made = Made::new(&stand).await;
    assert_eq!(made.holder["billing"]["address"]["city"], "San Francisco");
    assert_eq!(made.holder["individual"]["dob"]["day"], 3);
    assert_eq!(made.holder["individual"]["last_name"], Value::Null);
    assert_eq!(made.card["cardholder"], made.holder);
    assert_eq!(made.account["controller"]["stripe_dashboard"]["type"], "express");
    assert_eq!(made.transfer["metadata"], json!({"order": "6"}));
    let of_holder = made.app.get(&made.named("/v1/issuing/cards?cardholder=$holder")).await.json();
    assert_eq!(of_holder["data"].as_array().unwrap().len(), 1);
    let account = made.post("/v1/accounts", "capabilities[transfers][requested]=true").await;
    assert_eq!(account["capabilities"], json!({"transfers": "inactive"}));
}

/// Everything that a stored resource tells is told, and nothing that the table does not have.
#[tokio::test]
async fn the_table_names_the_events_that_come() {
    let stand = Stand::new().await;
    let made = Made::new(&stand).await;
    let meter = "display_name=Calls&event_name=calls&default_aggregation[formula]=sum";
    let meter = text(&made.post("/v1/billing/meters", meter).await, "id").to_owned();
    made.post("/v1/billing/meter_events", "event_name=calls&payload[stripe_customer_id]=c&payload[value]=1")
        .await;
    made.post(&format!("/v1/billing/meters/{meter}"), "display_name=More").await;
    made.post(&format!("/v1/billing/meters/{meter}/deactivate"), "").await;
    made.post(&format!("/v1/billing/meters/{meter}/reactivate"), "").await;
    let session = made.post("/v1/identity/verification_sessions", "type=document").await;
    let session = format!("/v1/identity/verification_sessions/{}", text(&session, "id"));
    made.post(&format!("{session}/cancel"), "").await;
    assert_eq!(made.post(&format!("{session}/redact"), "").await["redaction"]["status"], "processing");
    assert_eq!(made.app.get(&session).await.json()["redaction"]["status"], "redacted");
    made.post("/v1/issuing/cardholders/$holder", "email=j@example.com").await;
    let bought = made.post("/v1/test_helpers/issuing/authorizations", "card=$card&amount=100").await;
    let bought = format!("/v1/issuing/authorizations/{}", text(&bought, "id"));
    made.post(&bought, "metadata[a]=1").await;
    made.post("/v1/issuing/cards/$card", "status=canceled&cancellation_reason=lost").await;
    let paid = "card=$card&amount=100&currency=usd&purchase_details[receipt][0][unit_cost]=100";
    let paid = made.post("/v1/test_helpers/issuing/transactions/create_force_capture", paid).await;
    assert_eq!((&paid["amount"], paid.get("purchase_details")), (&json!(-100), None));
    let paid = format!("/v1/issuing/transactions/{}", text(&paid, "id"));
    let details = made.app.get(&format!("{paid}?expand[]=purchase_details")).await.json();
    assert_eq!(details["purchase_details"]["receipt"], json!([{"unit_cost": 100}]));
    made.post(&paid, "metadata[a]=1").await;
    let payout = text(&made.post("/v1/payouts", "amount=1&currency=usd").await, "id").to_owned();
    made.post(&format!("/v1/payouts/{payout}"), "metadata[a]=1").await;
    made.post(&format!("/v1/payouts/{payout}/cancel"), "").await;
    made.post("/v1/reporting/report_runs", "report_type=balance.summary.1").await;
    let topup = text(&made.post("/v1/topups", "amount=1&currency=usd").await, "id").to_owned();
    made.post(&format!("/v1/topups/{topup}/cancel"), "").await;
    made.post("/v1/transfers/$transfer", "description=d").await;
    made.post("/v1/transfers/$transfer/reversals", "amount=100").await;
    made.post("/v1/accounts/$account", "metadata[a]=1").await;
    let account = made.named("/v1/accounts/$account");
    let gone = made.app.send("DELETE", &account, "", &[]).await.unwrap().json();
    assert_eq!(gone, json!({"id": made.account["id"], "object": "account", "deleted": true}));
    assert_eq!(made.app.get(&account).await.status, 404);

    let events = made.events().await;
    let came: BTreeSet<&str> = events.iter().map(|event| text(event, "type")).collect();
    let named: BTreeSet<&str> = STORED.iter().flat_map(|(_, events)| *events).copied().collect();
    assert_eq!(came, named);
    for event in &events {
        let of_account = text(event, "type").starts_with("account.");
        assert_eq!(event.get("account").is_some(), of_account, "{}", event["type"]);
    }
    let told = event(&events, "account.updated");
    assert_eq!((&told["account"], &told["data"]["object"]["id"]), (&made.account["id"], &made.account["id"]));
}

#[tokio::test]
async fn a_transfer_comes_back_in_parts_until_nothing_is_left() {
    let stand = Stand::new().await;
    let made = Made::new(&stand).await;
    let part = made.post("/v1/transfers/$transfer/reversals", "amount=400&metadata[why]=x").await;
    let path = made.named("/v1/transfers/$transfer");
    let transfer = made.app.get(&path).await.json();
    assert_eq!((&transfer["amount_reversed"], &transfer["reversed"]), (&json!(400), &json!(false)));
    assert_eq!(transfer["reversals"]["data"], json!([part]));
    let too_much = made.app.post(&format!("{path}/reversals"), "amount=601").await.error();
    assert_eq!(too_much.0, 400);
    assert!(too_much.1.contains("greater than unreversed amount"), "{}", too_much.1);
    made.post("/v1/transfers/$transfer/reversals", "").await;
    let transfer = made.app.get(&path).await.json();
    assert_eq!((&transfer["amount_reversed"], &transfer["reversed"]), (&json!(1000), &json!(true)));
    let listed = made.app.get(&format!("{path}/reversals?limit=1")).await.json();
    assert_eq!((listed["data"].as_array().unwrap().len(), &listed["has_more"]), (1, &json!(true)));
    let one = format!("{path}/reversals/{}", text(&part, "id"));
    let marked = made.app.make(&one, "metadata[seen]=y").await;
    assert_eq!(marked["metadata"], json!({"why": "x", "seen": "y"}));
    assert_eq!(made.app.get(&one).await.json(), marked);
    assert_eq!(made.app.get(&path).await.json()["reversals"]["data"][1], marked);
}

/// An authorization is asked for before it is answered, and only an active card is accepted.
#[rstest::rstest]
#[case("active", true, "pending", 100)]
#[case("inactive", false, "closed", 0)]
#[tokio::test]
async fn a_purchase_is_asked_for_and_answered(
    #[case] card: &str,
    #[case] approved: bool,
    #[case] status: &str,
    #[case] amount: i64,
) {
    let stand = Stand::new().await;
    let made = Made::new(&stand).await;
    if card == "inactive" {
        made.post("/v1/issuing/cards/$card", "status=inactive").await;
    }
    let bought = made.post("/v1/issuing/cards/$card/test/authorizations", "held_amount=100").await;
    assert_eq!((&bought["approved"], &bought["status"]), (&json!(approved), &json!(status)));
    assert_eq!((&bought["amount"], &bought["pending_request"]), (&json!(amount), &Value::Null));
    let events = made.events().await;
    let asked = &event(&events, "issuing_authorization.request")["data"]["object"];
    assert_eq!((&asked["approved"], &asked["pending_request"]["amount"]), (&json!(false), &json!(100)));
    assert_eq!(event(&events, "issuing_authorization.created")["data"]["object"], bought);
}

#[rstest::rstest]
#[case("/v1/payouts", "currency=usd", 400, "Missing required param: amount.")]
#[case("/v1/payouts", "amount=0&currency=usd", 400, "Invalid positive integer")]
#[case("/v1/payouts", "amount=x&currency=usd", 400, "Invalid integer: x")]
#[case("/v1/topups", "amount=1&currency=usd&colour=red", 400, "Received unknown parameter: colour")]
#[case("/v1/topups", "amount=1&currency=usd&source=src_1", 501, "parameter source of POST /v1/topups")]
#[case("/v1/transfers", "amount=1&currency=usd&destination=acct_x", 400, "No such destination: 'acct_x'")]
#[case("/v1/issuing/cards", "currency=usd&type=virtual&cardholder=ich_x", 400, "No such cardholder: 'ich_x'")]
#[case("/v1/issuing/cards", "currency=usd&type=paper", 400, "Invalid type: must be one of physical, virtual")]
#[case("/v1/issuing/cardholders", "name=x", 400, "Missing required param: billing.")]
#[case("/v1/identity/verification_sessions", "metadata[a]=1", 400, "Missing required param: type.")]
#[case(
    "/v1/billing/meter_events",
    "event_name=x&payload[value]=1",
    400,
    "No active meter found for event name x."
)]
#[case("/v1/accounts", "type=standard&controller[fees][payer]=account", 400, "You may only specify one")]
#[tokio::test]
async fn what_stripe_refuses_is_refused(
    #[case] path: &str,
    #[case] body: &str,
    #[case] status: u16,
    #[case] message: &str,
) {
    let stand = Stand::new().await;
    let error = App::of(&stand).post(path, body).await.error();
    assert_eq!(error.0, status, "{}", error.1);
    assert!(error.1.contains(message), "{}", error.1);
}

#[tokio::test]
async fn a_meter_counts_an_identifier_once_and_only_while_it_is_active() {
    let stand = Stand::new().await;
    let app = App::of(&stand);
    let body = "display_name=Calls&event_name=calls&default_aggregation[formula]=sum";
    let meter = format!("/v1/billing/meters/{}", text(&app.make("/v1/billing/meters", body).await, "id"));
    assert_eq!(app.post("/v1/billing/meters", body).await.status, 400);
    let counted = "event_name=calls&identifier=cus_1&payload[stripe_customer_id]=cus_1&payload[value]=3";
    let event = app.make("/v1/billing/meter_events", counted).await;
    assert_eq!((&event["identifier"], event.get("id")), (&json!("cus_1"), None));
    let again = app.post("/v1/billing/meter_events", counted).await.error();
    assert!(again.1.contains("already exists with identifier cus_1"), "{}", again.1);
    let nothing = app.post("/v1/billing/meter_events", "event_name=calls&payload[value]=3").await.error();
    assert_eq!(nothing.1, "Missing required param: payload[stripe_customer_id].");
    app.make(&format!("{meter}/deactivate"), "").await;
    assert_eq!(app.post(&format!("{meter}/deactivate"), "").await.status, 400);
    assert_eq!(app.post("/v1/billing/meter_events", &counted.replace("cus_1", "b")).await.status, 400);
    assert_eq!(app.get("/v1/billing/meters?status=active").await.json()["data"], json!([]));
    app.make(&format!("{meter}/reactivate"), "").await;
    app.make("/v1/billing/meter_events", &counted.replace("cus_1", "b")).await;
}
