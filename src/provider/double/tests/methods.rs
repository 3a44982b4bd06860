//! Payment methods, and the tokens and sources of the older API.

use super::payments::{stand, told};
use super::*;

#[tokio::test]
async fn payment_methods_come_and_go() {
    let (_stand, app, customer) = stand().await;
    let on = format!("customer={customer}");
    let card = app.make("/v1/payment_methods/pm_card_visa/attach", &on).await;
    let id = text(&card, "id");
    assert_eq!((&card["customer"], &card["card"]["last4"]), (&json!(customer), &json!("4242")));
    let changed = app.make(&format!("/v1/payment_methods/{id}"), "metadata[foo]=bar&card[exp_month]=7").await;
    assert_eq!((&changed["card"]["exp_month"], &changed["metadata"]["foo"]), (&json!(7), &json!("bar")));
    assert_eq!(app.get(&format!("/v1/customers/{customer}/payment_methods/{id}")).await.json(), changed);
    let gone = app.make(&format!("/v1/payment_methods/{id}/detach"), "").await;
    assert_eq!(gone["customer"], json!(null));
    let again = app.post(&format!("/v1/payment_methods/{id}/attach"), &on).await;
    assert!(again.error().1.contains("may not be used again"), "{}", again.text);
    let got = app.post(&format!("/v1/payment_methods/{id}"), "metadata[a]=b").await;
    assert!(got.error().1.contains("must save this PaymentMethod"), "{}", got.text);
    let declined = app.post("/v1/payment_methods/pm_card_chargeDeclined/attach", &on).await;
    assert_eq!((declined.status, &declined.json()["error"]["code"]), (402, &json!("card_declined")));
    assert_eq!(
        told(&app).await,
        ["payment_method.attached", "payment_method.updated", "payment_method.detached"]
    );
}

#[rstest::rstest]
#[case("type=card&card[number]=4242424242424242&card[exp_month]=8&card[exp_year]=2031", 200, "")]
#[case("type=card&card[token]=tok_mastercard", 200, "")]
#[case(
    "type=us_bank_account&us_bank_account[account_number]=000123456789&us_bank_account[routing_number]=110000000",
    200,
    ""
)]
#[case("type=sepa_debit&sepa_debit[iban]=AT611904300234573201", 200, "")]
#[case(
    "type=card&card[number]=4242424242424241&card[exp_month]=8&card[exp_year]=2031",
    402,
    "incorrect_number"
)]
#[case("type=card&card[number]=4111111111111111&card[exp_month]=8&card[exp_year]=2031", 402, "card_declined")]
#[case(
    "type=card&card[number]=4242424242424242&card[exp_month]=13&card[exp_year]=2031",
    402,
    "invalid_expiry_month"
)]
#[case(
    "type=card&card[number]=4242424242424242&card[exp_month]=1&card[exp_year]=2020",
    402,
    "invalid_expiry_year"
)]
#[case("type=card", 400, "parameter_missing")]
#[case("type=card&card[token]=tok_x", 400, "resource_missing")]
#[case("type=sepa_debit&sepa_debit[iban]=x", 400, "")]
#[case("type=klarna", 501, "")]
#[tokio::test]
async fn payment_methods_are_made_from_test_numbers(
    #[case] form: &str,
    #[case] status: u16,
    #[case] code: &str,
) {
    let (_stand, app, _) = stand().await;
    let got = app.post("/v1/payment_methods", form).await;
    assert_eq!(got.status, status, "{}", got.text);
    assert_eq!(text(&got.json()["error"], "code"), code);
}

#[tokio::test]
async fn the_older_api_charges_tokens_and_sources() {
    let (_stand, app, customer) = stand().await;
    let sources = format!("/v1/customers/{customer}/sources");
    let card = app.make(&sources, "source=tok_visa").await;
    assert_eq!(
        (&card["object"], &card["brand"], &card["customer"]),
        (&json!("card"), &json!("Visa"), &json!(customer))
    );
    let id = text(&card, "id");
    assert_eq!(app.get(&format!("/v1/customers/{customer}")).await.json()["default_source"], id);
    let changed = app.make(&format!("{sources}/{id}"), "metadata[foo]=bar&name=Jenny").await;
    assert_eq!(changed["name"], "Jenny");
    let charge = app.make("/v1/charges", &format!("amount=1000&currency=usd&customer={customer}")).await;
    assert_eq!(
        (&charge["source"]["id"], &charge["payment_intent"], &charge["status"]),
        (&json!(id), &json!(null), &json!("succeeded"))
    );
    let held = app.make("/v1/charges", "amount=1000&currency=usd&source=tok_visa&capture=false").await;
    let taken = app.make(&format!("/v1/charges/{}/capture", text(&held, "id")), "amount=600").await;
    assert_eq!((&taken["captured"], &taken["amount_captured"]), (&json!(true), &json!(600)));
    let declined = app.post("/v1/charges", "amount=1000&currency=usd&source=tok_chargeDeclined").await;
    assert_eq!((declined.status, text(&declined.json()["error"], "decline_code")), (402, "generic_decline"));
    let token =
        app.make("/v1/tokens", "card[number]=4242424242424242&card[exp_month]=8&card[exp_year]=2031").await;
    let by_token = format!("source={}", text(&token, "id"));
    app.make(&sources, &by_token).await;
    assert_eq!(app.post(&sources, &by_token).await.json()["error"]["code"], "token_already_used");
    assert_eq!(app.get(&sources).await.json()["data"].as_array().unwrap().len(), 2);
    let gone = app.send("DELETE", &format!("{sources}/{id}"), "", &[]).await.unwrap().json();
    assert_eq!(gone, json!({"id": id, "object": "card", "deleted": true}));
    let kinds = told(&app).await;
    for kind in [
        "customer.source.created",
        "customer.source.updated",
        "charge.captured",
        "charge.failed",
        "customer.source.deleted",
    ] {
        assert!(kinds.iter().any(|told| told == kind), "no {kind} in {kinds:?}");
    }
}
