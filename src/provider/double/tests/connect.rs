//! Payments for connected accounts.

use super::*;

/// A platform with a connected account, a customer with a card, and an app that may ask about it.
async fn platform() -> (Stand, App, String, String) {
    let stand = Stand::new().await;
    let app = App::of(&stand);
    let account = app.make("/v1/accounts", "type=express").await;
    let customer = text(&stand.truth()["customer"], "id").to_owned();
    let card = "invoice_settings[default_payment_method]=pm_card_visa";
    app.make(&format!("/v1/customers/{customer}"), card).await;
    let _ = stand.double.drain(CASE);
    (stand, app, text(&account, "id").to_owned(), customer)
}

const PAYS: &str = "amount=1000&currency=usd&confirm=true&payment_method=pm_card_visa&off_session=true";

async fn charge_of(app: &App, intent: &Value) -> Value {
    app.get(&format!("/v1/charges/{}", text(intent, "latest_charge"))).await.json()
}

#[tokio::test]
async fn a_payment_goes_to_an_account_and_leaves_a_fee() {
    let (stand, app, account, customer) = platform().await;
    let body = format!(
        "{PAYS}&customer={customer}&on_behalf_of={account}&transfer_data[destination]={account}&\
         application_fee_amount=123"
    );
    let paid = app.make("/v1/payment_intents", &body).await;
    assert_eq!(paid["transfer_data"], json!({"destination": account}));
    assert_eq!((&paid["application_fee_amount"], &paid["on_behalf_of"]), (&json!(123), &json!(account)));
    let charge = charge_of(&app, &paid).await;
    assert_eq!((&charge["application_fee_amount"], &charge["on_behalf_of"]), (&json!(123), &json!(account)));
    let group = json!(format!("group_{}", text(&paid, "id")));
    assert_eq!(charge["transfer_group"], group);
    let transfer = app.get(&format!("/v1/transfers/{}", text(&charge, "transfer"))).await.json();
    assert_eq!((&transfer["amount"], &transfer["destination"]), (&json!(1_000), &json!(account)));
    assert_eq!((&transfer["source_transaction"], &transfer["transfer_group"]), (&charge["id"], &group));
    let fee = app.get(&format!("/v1/application_fees/{}", text(&charge, "application_fee"))).await.json();
    assert_eq!(
        (&fee["amount"], &fee["account"], &fee["charge"]),
        (&json!(123), &json!(account), &charge["id"])
    );
    let fees = app.get(&format!("/v1/application_fees?charge={}", text(&charge, "id"))).await.json();
    assert_eq!(fees["data"], json!([fee]));
    let events = stand.double.drain(CASE);
    let last = &types(&events)[events.len() - 4..];
    assert_eq!(
        last,
        ["payment_intent.succeeded", "charge.succeeded", "transfer.created", "application_fee.created"]
    );
    assert_eq!(event(&events, "charge.succeeded")["data"]["object"], charge);
}

#[tokio::test]
async fn what_is_captured_later_is_shared_then() {
    let (stand, app, account, customer) = platform().await;
    let body =
        format!("{PAYS}&customer={customer}&capture_method=manual&transfer_data[destination]={account}");
    let held = app.make("/v1/payment_intents", &body).await;
    assert!(!types(&stand.double.drain(CASE)).contains(&"transfer.created"));
    let path = format!("/v1/payment_intents/{}/capture", text(&held, "id"));
    let paid = app.make(&path, "amount_to_capture=600&application_fee_amount=60").await;
    let events = stand.double.drain(CASE);
    assert_eq!(event(&events, "transfer.created")["data"]["object"]["amount"], 600);
    assert_eq!(event(&events, "application_fee.created")["data"]["object"]["amount"], 60);
    assert_eq!(charge_of(&app, &paid).await["application_fee_amount"], 60);
}

#[rstest::rstest]
#[case(
    "application_fee_amount=5",
    "Can only apply an application_fee_amount when the PaymentIntent is attempting a direct payment"
)]
#[case("transfer_data[destination]=acct_x", "No such destination: 'acct_x'")]
#[case("on_behalf_of=acct_x", "No such account: 'acct_x'")]
#[case("transfer_data[amount]=5", "Missing required param: transfer_data[destination].")]
#[case(
    "transfer_data[destination]=ACCT&transfer_data[amount]=5&application_fee_amount=5",
    "You may only specify one of these parameters: application_fee_amount, transfer_data[amount]."
)]
#[case(
    "transfer_data[destination]=ACCT&application_fee_amount=1001",
    "The `application_fee_amount` must be less than"
)]
#[case("transfer_data[destination]=ACCT&transfer_data[amount]=0", "Invalid positive integer")]
#[tokio::test]
async fn what_does_not_go_together_is_refused(#[case] body: &str, #[case] message: &str) {
    let (_stand, app, account, _) = platform().await;
    let body = body.replace("ACCT", &account);
    let got = app.post("/v1/payment_intents", &format!("amount=1000&currency=usd&{body}")).await;
    assert!(got.status == 400 && got.error().1.starts_with(message), "{}", got.text);
}

#[tokio::test]
async fn a_payment_that_waits_takes_another_share() {
    let (_stand, app, account, _) = platform().await;
    let body = format!("amount=1000&currency=usd&transfer_data[destination]={account}");
    let made = app.make("/v1/payment_intents", &body).await;
    let path = format!("/v1/payment_intents/{}", text(&made, "id"));
    let changed = app.make(&path, "transfer_data[amount]=900").await;
    assert_eq!(changed["transfer_data"], json!({"amount": 900, "destination": account}));
    assert_eq!(app.post(&path, "transfer_data[destination]=acct_2").await.status, 400);
}

/// Subscriptions share by percentage, from the first invoice on.
#[tokio::test]
async fn a_subscription_shares_every_invoice() {
    let (stand, app, account, customer) = platform().await;
    let body = format!(
        "customer={customer}&items[0][price]=price_pro&application_fee_percent=10.5&on_behalf_of={account}&\
         transfer_data[destination]={account}&invoice_settings[issuer][type]=account&\
         invoice_settings[issuer][account]={account}"
    );
    let made = app.make("/v1/subscriptions", &body).await;
    assert_eq!((&made["application_fee_percent"], &made["on_behalf_of"]), (&json!(10.5), &json!(account)));
    assert_eq!(made["transfer_data"], json!({"amount_percent": null, "destination": account}));
    let invoice = app.get(&format!("/v1/invoices/{}", text(&made, "latest_invoice"))).await.json();
    assert_eq!(invoice["on_behalf_of"], account);
    assert_eq!(invoice["issuer"], json!({"account": account, "type": "account"}));
    let events = stand.double.drain(CASE);
    assert_eq!(event(&events, "payment_intent.created")["data"]["object"]["application_fee_amount"], 1_040);
    assert_eq!(event(&events, "application_fee.created")["data"]["object"]["amount"], 1_040);
    let path = format!("/v1/subscriptions/{}", text(&made, "id"));
    let body = format!(
        "application_fee_percent=&transfer_data[destination]={account}&transfer_data[amount_percent]=90"
    );
    let changed = app.make(&path, &body).await;
    assert_eq!(changed["application_fee_percent"], Value::Null);
    assert_eq!(changed["transfer_data"], json!({"amount_percent": 90, "destination": account}));
    let _ = stand.double.drain(CASE);
    let renewed = stand.act("renew", json!({}));
    assert_eq!(event(&renewed, "transfer.created")["data"]["object"]["amount"], 8_910);
    let got = app.post(&path, "application_fee_percent=101").await.error();
    assert_eq!(got, (400, "This value must be between 0 and 100.".to_owned()));
}

#[tokio::test]
async fn an_invoice_shares_its_payment() {
    let (stand, app, account, customer) = platform().await;
    app.make("/v1/invoiceitems", &format!("customer={customer}&amount=700&currency=usd")).await;
    let body = format!(
        "customer={customer}&pending_invoice_items_behavior=include&on_behalf_of={account}&\
         application_fee_amount=70&transfer_data[destination]={account}&issuer[type]=account&issuer[account]={account}"
    );
    let made = app.make("/v1/invoices", &body).await;
    assert_eq!((&made["on_behalf_of"], &made["issuer"]["account"]), (&json!(account), &json!(account)));
    app.make(&format!("/v1/invoices/{}/pay", text(&made, "id")), "").await;
    let events = stand.double.drain(CASE);
    assert_eq!(event(&events, "application_fee.created")["data"]["object"]["amount"], 70);
    let wrong = app.post("/v1/invoices", &format!("customer={customer}&issuer[type]=account")).await.error();
    assert_eq!(wrong, (400, "Missing required param: issuer[account].".to_owned()));
}

#[rstest::rstest]
#[case(
    "mode=payment",
    "credits_100",
    "payment_intent_data[application_fee_amount]=100&payment_intent_data[transfer_data][destination]=ACCT&payment_intent_data[on_behalf_of]=ACCT",
    100
)]
#[case(
    "mode=subscription",
    "pro_monthly",
    "subscription_data[application_fee_percent]=10&subscription_data[transfer_data][destination]=ACCT&subscription_data[on_behalf_of]=ACCT",
    990
)]
#[case(
    "link",
    "credits_100",
    "application_fee_amount=100&transfer_data[destination]=ACCT&on_behalf_of=ACCT",
    100
)]
#[case(
    "link",
    "pro_monthly",
    "application_fee_percent=10&transfer_data[destination]=ACCT&on_behalf_of=ACCT",
    990
)]
#[tokio::test]
async fn a_page_shares_what_it_sells(
    #[case] by: &str,
    #[case] price: &str,
    #[case] body: &str,
    #[case] fee: i64,
) {
    let (stand, app, account, customer) = platform().await;
    let id = text(&stand.double.prices()[price], "id").to_owned();
    let body =
        format!("line_items[0][price]={id}&line_items[0][quantity]=1&{}", body.replace("ACCT", &account));
    let events = if by == "link" {
        let link = app.make("/v1/payment_links", &body).await;
        let shown = (&link["on_behalf_of"], &link["transfer_data"]["destination"]);
        assert_eq!(shown, (&json!(account), &json!(account)));
        stand.act("checkout", json!({"payment_link": price}))
    } else {
        let body = format!("{by}&customer={customer}&success_url=https://a.b&{body}");
        app.make("/v1/checkout/sessions", &body).await;
        stand.act("checkout", json!({}))
    };
    let charge = &event(&events, "charge.succeeded")["data"]["object"];
    assert_eq!((&charge["application_fee_amount"], &charge["on_behalf_of"]), (&json!(fee), &json!(account)));
    assert!(charge["transfer"].is_string() && charge["application_fee"].is_string(), "{charge}");
}
