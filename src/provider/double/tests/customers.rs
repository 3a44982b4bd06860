//! What belongs to a customer: subscriptions by the old path, where it is, its cash.

use super::*;
use crate::stripe::object::data;

async fn stage() -> (Stand, App, String) {
    let stand = Stand::new().await;
    let app = App::of(&stand);
    let customer = text(&stand.truth()["customer"], "id").to_owned();
    let path = format!("/v1/customers/{customer}");
    app.make(&path, "invoice_settings[default_payment_method]=pm_card_visa").await;
    (stand, app, path)
}

#[tokio::test]
async fn subscriptions_are_served_under_their_customer() {
    let (stand, app, customer) = stage().await;
    let made = app.make(&format!("{customer}/subscriptions"), "items[0][price]=price_pro").await;
    let path = format!("{customer}/subscriptions/{}", text(&made, "id"));
    assert_eq!(
        app.get(&path).await.json(),
        app.get(&format!("/v1/subscriptions/{}", text(&made, "id"))).await.json()
    );
    let changed = app.make(&path, "metadata[seats]=5").await;
    assert_eq!(changed["metadata"], json!({"seats": "5"}));
    let list = app.get(&format!("{customer}/subscriptions?limit=1")).await.json();
    assert_eq!((&list["url"], data(&list)), (&json!(format!("{customer}/subscriptions")), &[changed][..]));
    let _ = stand.double.drain(CASE);
    let ended = app.send("DELETE", &path, "", &[]).await.unwrap().json();
    assert_eq!(ended["status"], "canceled");
    assert_eq!(types(&stand.double.drain(CASE))[0], "customer.subscription.deleted");
    let list = app.get(&format!("{customer}/subscriptions")).await.json();
    assert_eq!(data(&list), &[] as &[Value], "what has ended is not listed");
}

#[rstest::rstest]
#[case("GET", "")]
#[case("POST", "metadata[a]=1")]
#[case("DELETE", "")]
#[tokio::test]
async fn another_customers_subscription_is_not_found(#[case] method: &str, #[case] form: &str) {
    let (_stand, app, customer) = stage().await;
    let made = app.make(&format!("{customer}/subscriptions"), "items[0][price]=price_pro").await;
    let other = app.make("/v1/customers", "name=Other").await;
    let path = format!("/v1/customers/{}/subscriptions/{}", text(&other, "id"), text(&made, "id"));
    let got = app.send(method, &path, form, &[]).await.unwrap();
    assert_eq!(got.error(), (404, format!("No such subscription: '{}'", text(&made, "id"))));
}

#[tokio::test]
async fn a_customers_tax_says_where_it_is() {
    let (_stand, app, customer) = stage().await;
    let tax = async || app.get(&format!("{customer}?expand[]=tax")).await.json()["tax"].clone();
    assert_eq!(
        (&tax().await["automatic_tax"], &tax().await["location"]),
        (&json!("unrecognized_location"), &json!(null))
    );
    let got = app.post(&customer, "name=X&tax[validate_location]=immediately").await;
    assert_eq!(got.json()["error"]["code"], "customer_tax_location_invalid");
    assert_eq!(app.get(&customer).await.json()["name"], Value::Null, "nothing of it was done");
    let (status, message) = app.post(&customer, "tax[ip_address]=here").await.error();
    assert_eq!((status, message.as_str()), (400, "Invalid IP address."));
    app.make(&customer, "tax[ip_address]=203.0.113.7").await;
    assert_eq!(tax().await["automatic_tax"], "not_collecting");
    let form =
        "address[country]=US&address[postal_code]=94103&address[state]=CA&tax[validate_location]=immediately";
    app.make(&customer, form).await;
    let place = json!({"country": "US", "source": "billing_address", "state": "CA"});
    assert_eq!((&tax().await["location"], &tax().await["ip_address"]), (&place, &json!("203.0.113.7")));
}

#[tokio::test]
async fn cash_that_is_reconciled_by_hand_waits_for_it() {
    let (_stand, app, customer) = stage().await;
    let form = "cash_balance[settings][reconciliation_mode]=manual";
    app.make(&customer, form).await;
    let settings = json!({"reconciliation_mode": "manual", "using_merchant_default": false});
    let shown = app.get(&format!("{customer}?expand[]=cash_balance")).await.json();
    assert_eq!(shown["cash_balance"]["settings"], settings);
    let id = customer.trim_start_matches("/v1/customers/");
    let form = format!(
        "amount=20000&currency=jpy&customer={id}&confirm=true&payment_method_types[]=customer_balance\
         &payment_method_data[type]=customer_balance\
         &payment_method_options[customer_balance][funding_type]=bank_transfer\
         &payment_method_options[customer_balance][bank_transfer][type]=jp_bank_transfer"
    );
    let intent = app.make("/v1/payment_intents", &form).await;
    let path = format!("/v1/payment_intents/{}", text(&intent, "id"));
    let funding = format!("/v1/test_helpers{}/fund_cash_balance", customer.trim_start_matches("/v1"));
    app.make(&funding, "amount=25000&currency=jpy").await;
    assert_eq!(app.get(&path).await.json()["status"], "requires_action", "nobody has applied it");
    let applying = format!("{path}/apply_customer_balance");
    assert_eq!(app.post(&applying, "amount=20001").await.status, 400);
    assert_eq!(app.post(&applying, "currency=usd").await.status, 400);
    let partly = app.make(&applying, "amount=5000&currency=jpy").await;
    let waits = &partly["next_action"]["display_bank_transfer_instructions"]["amount_remaining"];
    assert_eq!((&partly["status"], waits), (&json!("requires_action"), &json!(15_000)));
    assert_eq!(app.make(&applying, "").await["status"], "succeeded");
    let cash = app.get(&format!("{customer}/cash_balance")).await.json();
    assert_eq!(cash["available"], json!({"jpy": 5_000}));
    let (status, message) = app.post(&applying, "").await.error();
    assert_eq!(status, 400);
    assert!(message.contains("does not wait for funds"), "{message}");
    let form = "settings[reconciliation_mode]=merchant_default";
    let settings = &app.make(&format!("{customer}/cash_balance"), form).await["settings"];
    assert_eq!(*settings, json!({"reconciliation_mode": "automatic", "using_merchant_default": true}));
}
