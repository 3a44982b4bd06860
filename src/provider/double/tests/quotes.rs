//! Quotes: what they come to, and what becomes of them.

use super::*;
use crate::stripe::object::{data, int};

async fn stand() -> (Stand, App, String) {
    let stand = Stand::new().await;
    let app = App::of(&stand);
    let body = "payment_method=pm_card_visa&invoice_settings[default_payment_method]=pm_card_visa";
    let customer = app.make("/v1/customers", body).await;
    (stand, app, text(&customer, "id").to_owned())
}

async fn setup_fee(app: &App) -> String {
    let body = "currency=usd&unit_amount=5000&product_data[name]=Setup";
    text(&app.make("/v1/prices", body).await, "id").to_owned()
}

async fn types_of(app: &App, kind: &str) -> Vec<String> {
    let page = app.get(&format!("/v1/events?limit=100&type={kind}")).await.json();
    data(&page).iter().rev().map(|event| text(event, "type").to_owned()).collect()
}

#[tokio::test]
async fn a_quote_becomes_a_subscription() {
    let (_stand, app, customer) = stand().await;
    let fee = setup_fee(&app).await;
    app.make("/v1/coupons", "id=tenth&percent_off=10&duration=forever").await;
    let body = format!(
        "customer={customer}&line_items[0][price]=price_pro&line_items[0][quantity]=2&line_items[1][price]={fee}&discounts[0][coupon]=tenth&subscription_data[metadata][from]=quote"
    );
    let quote = app.make("/v1/quotes", &body).await;
    assert_eq!((text(&quote, "status"), &quote["number"]), ("draft", &json!(null)));
    assert_eq!((int(&quote, "amount_subtotal"), int(&quote, "amount_total")), (24_800, 22_320));
    assert_eq!(int(&quote["total_details"], "amount_discount"), 2_480);
    let recurring = &quote["computed"]["recurring"];
    assert_eq!((int(recurring, "amount_total"), text(recurring, "interval")), (17_820, "month"));
    let path = format!("/v1/quotes/{}", text(&quote, "id"));
    assert_eq!(data(&app.get(&format!("{path}/line_items")).await.json()).len(), 2);
    let early = app.post(&format!("{path}/accept"), "").await;
    assert!(early.error().1.contains("status is `draft`"), "{}", early.text);
    let open = app.make(&format!("{path}/finalize"), "").await;
    assert_eq!(text(&open, "status"), "open");
    assert!(text(&open, "number").starts_with("QT-"));
    assert!(open["status_transitions"]["finalized_at"].is_i64());
    assert_eq!(app.post(&path, "description=x").await.status, 400, "only a draft is edited");
    let accepted = app.make(&format!("{path}/accept"), "").await;
    assert_eq!(text(&accepted, "status"), "accepted");
    let held = app.get(&format!("/v1/subscriptions/{}", text(&accepted, "subscription"))).await.json();
    assert_eq!((text(&held, "status"), &held["metadata"]), ("active", &json!({"from": "quote"})));
    let invoice = app.get(&format!("/v1/invoices/{}", text(&accepted, "invoice"))).await.json();
    assert_eq!(int(&invoice, "total"), int(&quote, "amount_total"), "what was offered is what is billed");
    assert_eq!(held["latest_invoice"], accepted["invoice"]);
    assert_eq!(types_of(&app, "quote.*").await, ["quote.created", "quote.finalized", "quote.accepted"]);
    assert_eq!(app.post(&format!("{path}/cancel"), "").await.status, 400);
}

#[tokio::test]
async fn a_quote_becomes_an_invoice_or_a_schedule() {
    let (stand, app, customer) = stand().await;
    let fee = setup_fee(&app).await;
    let accept = async |body: String| {
        let path = format!("/v1/quotes/{}", text(&app.make("/v1/quotes", &body).await, "id"));
        app.make(&format!("{path}/finalize"), "").await;
        app.make(&format!("{path}/accept"), "").await
    };
    let once =
        accept(format!("customer={customer}&line_items[0][price]={fee}&line_items[0][quantity]=3")).await;
    let invoice = app.get(&format!("/v1/invoices/{}", text(&once, "invoice"))).await.json();
    assert_eq!((int(&invoice, "total"), text(&invoice, "status")), (15_000, "draft"));
    assert_eq!(invoice["parent"]["quote_details"]["quote"], once["id"]);
    assert_eq!((&once["subscription"], &once["computed"]["recurring"]), (&json!(null), &json!(null)));
    let at = stand.double.advance_all(SignedDuration::ZERO).unwrap().as_second() + 1_000_000;
    let body =
        format!("customer={customer}&line_items[0][price]=price_pro&subscription_data[effective_date]={at}");
    let later = accept(body).await;
    let path = format!("/v1/subscription_schedules/{}", text(&later, "subscription_schedule"));
    let schedule = app.get(&path).await.json();
    assert_eq!((text(&schedule, "status"), int(&schedule["phases"][0], "start_date")), ("not_started", at));
    assert_eq!(later["subscription"], json!(null));
}

#[tokio::test]
async fn a_quote_that_is_not_accepted_ends() {
    let (stand, app, customer) = stand().await;
    let body =
        format!("customer={customer}&line_items[0][price]=price_pro&subscription_data[trial_period_days]=7");
    let quote = app.make("/v1/quotes", &body).await;
    assert_eq!(int(&quote, "amount_total"), 0, "nothing is paid at once while on trial");
    assert_eq!(int(&quote["computed"]["recurring"], "amount_total"), 9_900);
    let path = format!("/v1/quotes/{}", text(&quote, "id"));
    assert_eq!(data(&app.get(&format!("{path}/computed_upfront_line_items")).await.json()).len(), 0);
    let canceled = app.make(&format!("{path}/cancel"), "").await;
    assert_eq!(text(&canceled, "status"), "canceled");
    let other = app.make("/v1/quotes", &body).await;
    let path = format!("/v1/quotes/{}", text(&other, "id"));
    app.make(&format!("{path}/finalize"), "").await;
    stand.double.advance_all(SignedDuration::from_secs(31 * 24 * 60 * 60)).unwrap();
    let expired = app.get(&path).await.json();
    assert_eq!(text(&expired, "status"), "canceled");
    assert_eq!(expired["status_transitions"]["canceled_at"], other["expires_at"]);
    assert_eq!(types_of(&app, "quote.canceled").await.len(), 2);
}

#[rstest::rstest]
#[case("line_items[0][price]=price_x", "No such price: 'price_x'")]
#[case("customer=cus_x", "No such customer: 'cus_x'")]
#[case("expires_at=5", "The expires_at must be in the future.")]
#[case("from_quote[quote]=qt_x", "provider double: parameter from_quote of POST /v1/quotes is not modelled")]
#[case("colour=red", "Received unknown parameter: colour")]
#[tokio::test]
async fn what_a_quote_refuses(#[case] body: &str, #[case] message: &str) {
    let stand = Stand::new().await;
    let app = App::of(&stand);
    assert_eq!(app.post("/v1/quotes", body).await.error().1, message);
    assert_eq!(data(&app.get("/v1/quotes").await.json()).len(), 0);
    let empty = app.make("/v1/quotes", "").await;
    let path = format!("/v1/quotes/{}/finalize", text(&empty, "id"));
    assert_eq!(app.post(&path, "").await.error().1, "You cannot finalize a quote without a customer.");
    let pdf = app.get(&format!("/v1/quotes/{}/pdf", text(&empty, "id"))).await;
    assert_eq!(pdf.status, 501, "the document is refused by name");
}

#[tokio::test]
async fn a_taxed_quote_makes_a_taxed_subscription() {
    let (_stand, app, customer) = stand().await;
    let body = "line_items[0][price]=price_pro&automatic_tax[enabled]=true";
    let quote = app.make("/v1/quotes", body).await;
    let status = |quote: &Value| text(&quote["automatic_tax"], "status").to_owned();
    assert_eq!(status(&quote), "requires_location_inputs");
    let path = format!("/v1/quotes/{}", text(&quote, "id"));
    app.make(&format!("/v1/customers/{customer}"), "address[country]=FR").await;
    let quote = app.make(&path, &format!("customer={customer}")).await;
    assert_eq!(status(&quote), "complete", "the customer is known, and where it is");
    app.make(&format!("{path}/finalize"), "").await;
    let accepted = app.make(&format!("{path}/accept"), "").await;
    let held = app.get(&format!("/v1/subscriptions/{}", text(&accepted, "subscription"))).await.json();
    assert_eq!(held["automatic_tax"]["enabled"], true);
}

#[tokio::test]
async fn a_quote_for_later_bills_what_is_sold_once_when_it_begins() {
    let (stand, app, customer) = stand().await;
    let fee = setup_fee(&app).await;
    let now = int(&app.make("/v1/customers", "name=X").await, "created");
    let day = 24 * 60 * 60;
    let body = format!(
        "customer={customer}&line_items[0][price]=price_pro&line_items[1][price]={fee}\
         &subscription_data[effective_date]={}",
        now + 3 * day
    );
    let quote = app.make("/v1/quotes", &body).await;
    let path = format!("/v1/quotes/{}", text(&quote, "id"));
    app.make(&format!("{path}/finalize"), "").await;
    let accepted = app.make(&format!("{path}/accept"), "").await;
    let schedule = format!("/v1/subscription_schedules/{}", text(&accepted, "subscription_schedule"));
    stand.double.advance_all(SignedDuration::from_secs(4 * day)).unwrap();
    let schedule = app.get(&schedule).await.json();
    let held = app.get(&format!("/v1/subscriptions/{}", text(&schedule, "subscription"))).await.json();
    let first = app.get(&format!("/v1/invoices/{}", text(&held, "latest_invoice"))).await.json();
    assert_eq!(int(&first, "total"), 9_900 + 5_000);
}
