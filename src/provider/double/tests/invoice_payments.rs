//! Invoices that are paid in parts, by several payments, by another one, or elsewhere.

use super::*;
use crate::stripe::object::{data, int};

/// An open invoice of 50.00 that is sent, and its customer with a card.
async fn open(more: &str) -> (Stand, App, String, Value) {
    let stand = Stand::new().await;
    let app = App::of(&stand);
    let customer = text(&stand.truth()["customer"], "id").to_owned();
    let card = "invoice_settings[default_payment_method]=pm_card_visa";
    app.make(&format!("/v1/customers/{customer}"), card).await;
    app.make("/v1/invoiceitems", &format!("customer={customer}&amount=5000&currency=usd")).await;
    let form = format!("customer={customer}&pending_invoice_items_behavior=include{more}");
    let draft = app.make("/v1/invoices", &form).await;
    let open = app.make(&format!("/v1/invoices/{}/finalize", text(&draft, "id")), "").await;
    let _ = stand.double.drain(CASE);
    (stand, app, customer, open)
}

async fn intent(app: &App, customer: &str, amount: i64, more: &str) -> String {
    let form = format!("customer={customer}&amount={amount}&currency=usd{more}");
    text(&app.make("/v1/payment_intents", &form).await, "id").to_owned()
}

async fn attach(app: &App, invoice: &Value, intent: &str) -> Value {
    let path = format!("/v1/invoices/{}/attach_payment", text(invoice, "id"));
    app.make(&path, &format!("payment_intent={intent}")).await
}

/// Status, requested and paid of every payment, oldest first.
async fn payments(app: &App, invoice: &Value) -> Vec<(String, i64, Value)> {
    let page = app.get(&format!("/v1/invoice_payments?invoice={}", text(invoice, "id"))).await.json();
    let told = |payment: &Value| {
        let (status, paid) = (text(payment, "status").to_owned(), payment["amount_paid"].clone());
        (status, int(payment, "amount_requested"), paid)
    };
    data(&page).iter().rev().map(told).collect()
}

const PAYS: &str = "&confirm=true&payment_method=pm_card_visa&off_session=true";

#[tokio::test]
async fn parts_add_up_to_a_paid_invoice() {
    let (stand, app, customer, invoice) = open("").await;
    let first = intent(&app, &customer, 2_000, "").await;
    let attached = attach(&app, &invoice, &first).await;
    assert_eq!((int(&attached, "amount_paid"), text(&attached, "status")), (0, "open"), "it waits");
    let _ = stand.double.drain(CASE);
    app.make(
        &format!("/v1/payment_intents/{first}/confirm"),
        "payment_method=pm_card_visa&return_url=https://a.b",
    )
    .await;
    let events = stand.double.drain(CASE);
    let burst = ["payment_intent.succeeded", "charge.succeeded", "invoice.updated", "invoice_payment.paid"];
    assert_eq!(types(&events), burst);
    let updated = &event(&events, "invoice.updated")["data"];
    let before = json!({"amount_paid": 0, "amount_remaining": 5_000, "attempted": false});
    assert_eq!(updated["previous_attributes"], before);
    let told = payments(&app, &invoice).await;
    let asked = |status: &str, requested: i64, paid: Value| (status.to_owned(), requested, paid);
    assert_eq!(told, [asked("open", 3_000, json!(null)), asked("paid", 2_000, json!(2_000))]);
    let paid = app.make(&format!("/v1/invoices/{}/pay", text(&invoice, "id")), "").await;
    assert_eq!((int(&paid, "amount_paid"), int(&paid, "amount_remaining")), (5_000, 0));
    let told = payments(&app, &invoice).await;
    assert_eq!(told, [asked("paid", 3_000, json!(3_000)), asked("paid", 2_000, json!(2_000))]);
    let events = stand.double.drain(CASE);
    assert_eq!(event(&events, "charge.succeeded")["data"]["object"]["amount"], 3_000, "only what remained");
}

#[tokio::test]
async fn what_is_there_already_counts_at_once() {
    let (stand, app, customer, invoice) = open("").await;
    let whole = intent(&app, &customer, 5_000, PAYS).await;
    let _ = stand.double.drain(CASE);
    let paid = attach(&app, &invoice, &whole).await;
    assert_eq!((text(&paid, "status"), int(&paid, "amount_paid")), ("paid", 5_000));
    let events = stand.double.drain(CASE);
    let burst = [
        "invoice.updated",
        "invoice.paid",
        "invoice.payment_succeeded",
        "invoice_payment.paid",
        "payment_intent.canceled",
    ];
    assert_eq!(types(&events), burst);
    let default = &event(&events, "payment_intent.canceled")["data"]["object"];
    assert_eq!(default["cancellation_reason"], "void_invoice");
    let old = [("stripe-version", "2024-06-20")];
    let path = format!("/v1/invoices/{}", text(&invoice, "id"));
    let old = app.send("GET", &path, "", &old).await.unwrap().json();
    assert_eq!((&old["payment_intent"], &old["paid_out_of_band"]), (&json!(whole), &json!(false)));
}

#[tokio::test]
async fn more_than_what_remained_is_credited_to_the_customer() {
    let (stand, app, customer, invoice) = open("").await;
    let late = intent(&app, &customer, 2_000, "").await;
    attach(&app, &invoice, &late).await;
    app.make(&format!("/v1/invoices/{}/pay", text(&invoice, "id")), "").await;
    app.make(
        &format!("/v1/payment_intents/{late}/confirm"),
        "payment_method=pm_card_visa&return_url=https://a.b",
    )
    .await;
    let after = app.get(&format!("/v1/invoices/{}", text(&invoice, "id"))).await.json();
    assert_eq!((int(&after, "amount_overpaid"), int(&after, "amount_paid")), (2_000, 5_000));
    assert_eq!(stand.truth()["customer"]["balance"], -2_000);
    let moved = app.get(&format!("/v1/customers/{customer}/balance_transactions")).await.json();
    assert_eq!(data(&moved)[0]["type"], "invoice_overpaid");
}

#[tokio::test]
async fn a_payment_that_is_canceled_leaves_the_invoice_as_it_is() {
    let (_stand, app, customer, invoice) = open("").await;
    let part = intent(&app, &customer, 2_000, "").await;
    attach(&app, &invoice, &part).await;
    let id = text(&invoice, "id");
    for (verb, status) in [("void", "voided"), ("mark_uncollectible", "marked uncollectible")] {
        let message = format!("Invoices with `open` payments cannot be {status}.");
        assert_eq!(app.post(&format!("/v1/invoices/{id}/{verb}"), "").await.error(), (400, message));
    }
    app.make(&format!("/v1/payment_intents/{part}/cancel"), "").await;
    assert_eq!(payments(&app, &invoice).await[1].0, "canceled");
    assert_eq!(app.make(&format!("/v1/invoices/{id}/void"), "").await["status"], "void");
}

#[rstest::rstest]
#[case::too_much(
    "amount=5001&currency=usd",
    "amount (5001) is greater than the invoice's amount_remaining (5000)."
)]
#[case::other_money("amount=500&currency=eur", "currency must match the invoice's currency.")]
#[tokio::test]
async fn only_what_fits_is_attached(#[case] form: &str, #[case] message: &str) {
    let (_stand, app, customer, invoice) = open("").await;
    let owner = if form.ends_with("customer=") { String::new() } else { format!("&customer={customer}") };
    let made =
        app.make("/v1/payment_intents", &format!("{}{owner}", form.trim_end_matches("&customer="))).await;
    let path = format!("/v1/invoices/{}/attach_payment", text(&invoice, "id"));
    let got = app.post(&path, &format!("payment_intent={}", text(&made, "id"))).await;
    assert_eq!(got.error(), (400, format!("The PaymentIntent's {message}")));
    assert_eq!(got.json()["error"]["param"], "payment_intent");
}

#[tokio::test]
async fn nobody_pays_for_another_customer() {
    let stand = Stand::new().await;
    let app = App::of(&stand);
    let (anna, ben) =
        (app.make("/v1/customers", "name=Anna").await, app.make("/v1/customers", "name=Ben").await);
    let (anna, ben) = (text(&anna, "id"), text(&ben, "id"));
    app.make("/v1/invoiceitems", &format!("customer={anna}&amount=5000&currency=usd")).await;
    let form = format!("customer={anna}&pending_invoice_items_behavior=include");
    let draft = app.make("/v1/invoices", &form).await;
    let path = format!("/v1/invoices/{}", text(&draft, "id"));
    app.make(&format!("{path}/finalize"), "").await;
    let bens = intent(&app, ben, 500, "").await;
    let got = app.post(&format!("{path}/attach_payment"), &format!("payment_intent={bens}")).await;
    let message = "The PaymentIntent's customer must match the invoice's customer.".to_owned();
    assert_eq!(got.error(), (400, message));
}

#[tokio::test]
async fn one_intent_is_attached_once() {
    let (_stand, app, customer, invoice) = open("").await;
    let part = intent(&app, &customer, 2_000, "").await;
    attach(&app, &invoice, &part).await;
    let path = format!("/v1/invoices/{}/attach_payment", text(&invoice, "id"));
    let message = format!("The PaymentIntent {part} is already attached to this invoice.");
    assert_eq!(app.post(&path, &format!("payment_intent={part}")).await.error(), (400, message));
    let canceled = intent(&app, &customer, 500, "").await;
    app.make(&format!("/v1/payment_intents/{canceled}/cancel"), "").await;
    let message = format!("The PaymentIntent {canceled} is canceled and cannot be attached to an invoice.");
    assert_eq!(app.post(&path, &format!("payment_intent={canceled}")).await.error(), (400, message));
}

#[tokio::test]
async fn a_subscription_is_paid_in_parts_only_where_it_is_sent() {
    let stand = Stand::new().await;
    let app = App::of(&stand);
    let customer = text(&stand.truth()["customer"], "id").to_owned();
    let form = format!("customer={customer}&items[0][price]=price_pro&payment_behavior=default_incomplete");
    let made = app.make("/v1/subscriptions", &form).await;
    let part = intent(&app, &customer, 2_000, "").await;
    let path = format!("/v1/invoices/{}/attach_payment", text(&made, "latest_invoice"));
    let (status, message) = app.post(&path, &format!("payment_intent={part}")).await.error();
    assert_eq!(status, 400);
    assert!(message.starts_with("Partial payments are not supported for subscription invoices"), "{message}");
    let whole = intent(&app, &customer, 9_900, PAYS).await;
    app.make(&path, &format!("payment_intent={whole}")).await;
    assert_eq!(stand.status(), "active");
}

#[tokio::test]
async fn a_note_lowers_what_is_left_after_a_part() {
    let (_stand, app, customer, invoice) = open("").await;
    let id = text(&invoice, "id");
    let part = intent(&app, &customer, 2_000, PAYS).await;
    attach(&app, &invoice, &part).await;
    let form = format!("invoice={id}&amount=3500&refund_amount=500");
    let note = app.make("/v1/credit_notes", &form).await;
    assert_eq!((text(&note, "type"), int(&note, "pre_payment_amount")), ("mixed", 3_000));
    let refund = app.get(&format!("/v1/refunds/{}", text(&note["refunds"][0], "refund"))).await.json();
    assert_eq!((&refund["payment_intent"], int(&refund, "amount")), (&json!(part), 500));
    let after = app.get(&format!("/v1/invoices/{id}")).await.json();
    assert_eq!((text(&after, "status"), int(&after, "amount_paid")), ("paid", 2_000));
}

#[tokio::test]
async fn an_invoice_paid_elsewhere_says_so_in_older_versions() {
    let (_stand, app, _, invoice) = open("").await;
    let path = format!("/v1/invoices/{}", text(&invoice, "id"));
    let paid = app.make(&format!("{path}/pay"), "paid_out_of_band=true").await;
    assert_eq!((int(&paid, "amount_paid"), int(&paid, "amount_remaining")), (5_000, 0));
    let old = app.send("GET", &path, "", &[("stripe-version", "2024-06-20")]).await.unwrap().json();
    assert_eq!((&old["paid"], &old["paid_out_of_band"]), (&json!(true), &json!(true)));
    assert_eq!((int(&old, "amount_paid"), int(&old, "amount_remaining")), (0, 5_000));
}
