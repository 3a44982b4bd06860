//! What follows the last retry of a failed invoice: the account's setting, unless the scenario says otherwise.

use super::*;
use crate::stripe::action::Leaves;
use crate::stripe::object::data;

async fn stand(after_retries: Leaves) -> Stand {
    let stand = Stand::new().await;
    stand.double.shared.account().after_retries = after_retries;
    stand
}

/// A subscription whose card is declined from the first renewal on.
async fn declined(stand: &Stand) -> (App, Value) {
    let app = App::of(stand);
    let made = app.make("/v1/customers", "email=anna@example.com").await;
    let customer = text(&made, "id");
    let card = "invoice_settings[default_payment_method]=pm_card_visa";
    app.make(&format!("/v1/customers/{customer}"), card).await;
    let form = format!("customer={customer}&items[0][price]=price_pro");
    let subscription = app.make("/v1/subscriptions", &form).await;
    let card = "invoice_settings[default_payment_method]=pm_card_chargeCustomerFail";
    app.make(&format!("/v1/customers/{customer}"), card).await;
    (app, subscription)
}

/// After 31 days the first renewal was declined, after 47 for the last time; after 62 the next period has begun.
#[rstest::rstest]
#[case(Leaves::Canceled, "canceled", &["open"], "customer.subscription.deleted")]
#[case(Leaves::Unpaid, "unpaid", &["draft", "open"], "customer.subscription.updated")]
#[case(Leaves::PastDue, "past_due", &["open", "open"], "invoice.payment_failed")]
#[tokio::test]
async fn an_account_says_what_follows_the_last_retry(
    #[case] setting: Leaves,
    #[case] status: &str,
    #[case] invoices: &[&str],
    #[case] last: &str,
) {
    let stand = stand(setting).await;
    let (app, subscription) = declined(&stand).await;
    let path = format!("/v1/subscriptions/{}", text(&subscription, "id"));
    stand.double.advance_all(SignedDuration::from_hours(40 * 24)).unwrap();
    assert_eq!(app.get(&path).await.json()["status"], "past_due");
    stand.double.advance_all(SignedDuration::from_hours(7 * 24)).unwrap();
    assert_eq!(app.get(&path).await.json()["status"], status);
    let events = app.get("/v1/events?limit=100").await.json();
    let customers = "customer.updated";
    let told = types(data(&events)).into_iter().find(|kind| *kind != customers);
    assert_eq!(told, Some(last), "the newest event of the last retry");
    stand.double.advance_all(SignedDuration::from_hours(16 * 24)).unwrap();
    let found = app.get(&format!("/v1/invoices?subscription={}", text(&subscription, "id"))).await.json();
    let states: Vec<_> = data(&found).iter().map(|invoice| text(invoice, "status")).collect();
    assert_eq!(states[..states.len() - 1], *invoices, "newest first, before the first, which was paid");
    assert_eq!(data(&found)[0]["auto_advance"], json!(setting == Leaves::PastDue));
}

#[rstest::rstest]
#[case(Leaves::Unpaid, json!({"attempts": "all"}), "unpaid")]
#[case(Leaves::Unpaid, json!({"attempts": "all", "leaves": "canceled"}), "canceled")]
#[case(Leaves::Canceled, json!({"attempts": "all", "leaves": "past_due"}), "past_due")]
#[tokio::test]
async fn a_scenario_comes_before_the_setting(
    #[case] setting: Leaves,
    #[case] keys: Value,
    #[case] status: &str,
) {
    let stand = stand(setting).await;
    stand.act("checkout", json!({"price": "pro_monthly"}));
    stand.act("payment_fails", keys);
    let found = stand.double.truth(CASE, stand.slot, None);
    assert_eq!(found["subscription"]["status"], status);
}
