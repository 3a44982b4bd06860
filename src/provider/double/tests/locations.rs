//! Invoices that Stripe Tax cannot finalize, because nobody knows where the customer is.

use super::*;
use crate::stripe::object::data;

const ADDRESS: &str = "address[country]=US&address[postal_code]=94103";
const UNLOCATED: &str = "customer_tax_location_invalid";

async fn stage() -> (Stand, App, String) {
    let stand = Stand::new().await;
    let app = App::of(&stand);
    let customer = text(&stand.truth()["customer"], "id").to_owned();
    let card = "invoice_settings[default_payment_method]=pm_card_visa";
    app.make(&format!("/v1/customers/{customer}"), card).await;
    (stand, app, customer)
}

/// A draft that is taxed, of a customer from nowhere; `more` is form text.
async fn draft(app: &App, customer: &str, more: &str) -> String {
    app.make("/v1/invoiceitems", &format!("customer={customer}&amount=500&currency=usd")).await;
    let form =
        format!("customer={customer}&automatic_tax[enabled]=true&pending_invoice_items_behavior=include");
    text(&app.make("/v1/invoices", &format!("{form}{more}")).await, "id").to_owned()
}

#[rstest::rstest]
#[case::finalize("finalize", "")]
#[case::pay("pay", "payment_method=pm_card_visa")]
#[case::pay_elsewhere("pay", "paid_out_of_band=true")]
#[case::send("send", "")]
#[tokio::test]
async fn a_draft_is_not_finalized_until_the_customer_is_somewhere(#[case] verb: &str, #[case] form: &str) {
    let (stand, app, customer) = stage().await;
    let id = draft(&app, &customer, "").await;
    let _ = stand.double.drain(CASE);
    let path = format!("/v1/invoices/{id}/{verb}");
    assert_eq!(app.post(&path, form).await.json()["error"]["code"], UNLOCATED);
    let events = stand.double.drain(CASE);
    assert_eq!(types(&events), ["invoice.finalization_failed"]);
    let failed = &events[0]["data"]["object"];
    assert_eq!(
        (text(failed, "status"), &failed["last_finalization_error"]["code"]),
        ("draft", &json!(UNLOCATED))
    );
    app.make(&format!("/v1/customers/{customer}"), ADDRESS).await;
    let after = app.make(&path, form).await;
    assert_eq!(after["automatic_tax"]["status"], "complete");
    assert_eq!(after["last_finalization_error"], Value::Null);
}

#[tokio::test]
async fn a_draft_that_advances_by_itself_stays_one() {
    let (stand, app, customer) = stage().await;
    let id = draft(&app, &customer, "&auto_advance=true").await;
    let _ = stand.double.drain(CASE);
    let events = stand.act("advance", json!({"by": "2h"}));
    assert_eq!(types(&events), ["invoice.finalization_failed"]);
    assert!(stand.act("advance", json!({"by": "2d"})).is_empty(), "it is tried once");
    let left = app.get(&format!("/v1/invoices/{id}")).await.json();
    assert_eq!((text(&left, "status"), &left["automatically_finalizes_at"]), ("draft", &json!(null)));
}

#[tokio::test]
async fn a_subscription_goes_on_without_taxes() {
    let (stand, app, customer) = stage().await;
    app.make(&format!("/v1/customers/{customer}"), ADDRESS).await;
    let form = format!("customer={customer}&items[0][price]=price_pro&automatic_tax[enabled]=true");
    let made = app.make("/v1/subscriptions", &form).await;
    app.make(&format!("/v1/customers/{customer}"), "address=").await;
    let _ = stand.double.drain(CASE);
    let events = stand.act("renew", json!({}));
    let told = types(&events);
    let from = told.iter().position(|kind| *kind == "invoice.created").unwrap();
    let burst = ["invoice.created", "invoice.updated", "customer.subscription.updated", "invoice.finalized"];
    assert_eq!(told[from..from + 4], burst);
    let (invoice, subscription) = (&events[from + 1]["data"], &events[from + 2]["data"]);
    let off = |reason: &str| json!({"disabled_reason": reason, "enabled": false, "liability": null});
    assert_eq!(subscription["object"]["automatic_tax"], off("requires_location_inputs"));
    let before =
        json!({"automatic_tax": {"disabled_reason": null, "enabled": true, "liability": {"type": "self"}}});
    assert_eq!(subscription["previous_attributes"], before);
    let tax = &invoice["object"]["automatic_tax"];
    assert_eq!(tax["disabled_reason"], "finalization_requires_location_inputs");
    assert_eq!((&tax["enabled"], &tax["status"]), (&json!(false), &json!(null)));
    let path = format!("/v1/subscriptions/{}", text(&made, "id"));
    assert_eq!(app.post(&path, "automatic_tax[enabled]=true").await.json()["error"]["code"], UNLOCATED);
    app.make(&format!("/v1/customers/{customer}"), ADDRESS).await;
    let on = app.make(&path, "automatic_tax[enabled]=true").await;
    assert_eq!(on["automatic_tax"]["disabled_reason"], Value::Null);
    let invoices = app.get(&format!("/v1/invoices?customer={customer}")).await.json();
    assert_eq!(data(&invoices)[0]["status"], "paid");
}
