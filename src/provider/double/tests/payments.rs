//! Payments: what Stripe's test cards and accounts do, which events that makes, and what is refused.

use super::*;

/// A double, an app, and a customer at large.
pub(super) async fn stand() -> (Stand, App, String) {
    let stand = Stand::new().await;
    let app = App::of(&stand);
    let customer = text(&app.make("/v1/customers", "name=Jenny").await, "id").to_owned();
    (stand, app, customer)
}

/// The types of all events that are about something other than the customer, oldest first.
pub(super) async fn told(app: &App) -> Vec<String> {
    let events = app.get("/v1/events?limit=100").await.json();
    let events = events["data"].as_array().unwrap().iter().rev();
    events
        .map(|event| text(event, "type").to_owned())
        .filter(|kind| !kind.starts_with("customer.created"))
        .collect()
}

pub(super) const CONFIRMED: &str = "amount=2000&currency=usd&confirm=true&payment_method_types[]=card";

#[rstest::rstest]
#[case("pm_card_visa", "card_declined", "", "")]
#[case("pm_card_visa_chargeDeclined", "card_declined", "generic_decline", "Your card was declined.")]
#[case("pm_card_chargeDeclined", "card_declined", "generic_decline", "Your card was declined.")]
#[case("pm_card_chargeCustomerFail", "card_declined", "generic_decline", "Your card was declined.")]
#[case(
    "pm_card_chargeDeclinedInsufficientFunds",
    "card_declined",
    "insufficient_funds",
    "Your card has insufficient funds."
)]
#[case("pm_card_visa_chargeDeclinedLostCard", "card_declined", "lost_card", "Your card was declined.")]
#[case("pm_card_visa_chargeDeclinedStolenCard", "card_declined", "stolen_card", "Your card was declined.")]
#[case("pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card", "Your card has expired.")]
#[case(
    "pm_card_chargeDeclinedIncorrectCvc",
    "incorrect_cvc",
    "incorrect_cvc",
    "Your card's security code is incorrect."
)]
#[tokio::test]
async fn cards_are_charged_or_declined(
    #[case] card: &str,
    #[case] code: &str,
    #[case] decline_code: &str,
    #[case] message: &str,
) {
    let (_stand, app, _) = stand().await;
    let got = app.post("/v1/payment_intents", &format!("{CONFIRMED}&payment_method={card}")).await;
    if message.is_empty() {
        let intent = got.json();
        assert_eq!((&intent["status"], &intent["amount_received"]), (&json!("succeeded"), &json!(2000)));
        assert_eq!(
            told(&app).await,
            ["payment_intent.created", "payment_intent.succeeded", "charge.succeeded"]
        );
        return;
    }
    let error = &got.json()["error"];
    assert_eq!(got.status, 402);
    assert_eq!(
        (&error["type"], &error["code"], &error["decline_code"]),
        (&json!("card_error"), &json!(code), &json!(decline_code))
    );
    assert_eq!(error["message"], message);
    let intent = &error["payment_intent"];
    assert_eq!(
        (&intent["status"], &intent["payment_method"]),
        (&json!("requires_payment_method"), &json!(null))
    );
    assert_eq!(intent["last_payment_error"]["code"], code);
    let charge = app.get(&format!("/v1/charges/{}", text(error, "charge"))).await.json();
    assert_eq!(
        (&charge["status"], &charge["failure_code"], &charge["paid"]),
        (&json!("failed"), &json!(code), &json!(false))
    );
    assert_eq!(
        told(&app).await,
        ["payment_intent.created", "charge.failed", "payment_intent.payment_failed"]
    );
}

#[tokio::test]
async fn a_declined_intent_can_be_tried_again() {
    let (_stand, app, _) = stand().await;
    let got =
        app.post("/v1/payment_intents", &format!("{CONFIRMED}&payment_method=pm_card_chargeDeclined")).await;
    let id = text(&got.json()["error"]["payment_intent"], "id").to_owned();
    let paid = app.make(&format!("/v1/payment_intents/{id}/confirm"), "payment_method=pm_card_visa").await;
    assert_eq!((&paid["status"], &paid["last_payment_error"]), (&json!("succeeded"), &json!(null)));
    let got = app.post(&format!("/v1/payment_intents/{id}/confirm"), "").await;
    assert_eq!((got.status, &got.json()["error"]["code"]), (400, &json!("payment_intent_unexpected_state")));
    let got = app.post(&format!("/v1/payment_intents/{id}/cancel"), "").await;
    assert_eq!((got.status, &got.json()["error"]["payment_intent"]["id"]), (400, &json!(id)));
    let got = app.post(&format!("/v1/payment_intents/{id}"), "amount=5").await;
    assert!(got.error().1.contains("because it has a status of succeeded"), "{}", got.text);
}

#[tokio::test]
async fn what_is_held_is_captured_in_part() {
    let (_stand, app, _) = stand().await;
    let held = app
        .make(
            "/v1/payment_intents",
            &format!("{CONFIRMED}&payment_method=pm_card_visa&capture_method=manual"),
        )
        .await;
    let id = text(&held, "id");
    assert_eq!((&held["status"], &held["amount_capturable"]), (&json!("requires_capture"), &json!(2000)));
    assert_eq!(
        app.get(&format!("/v1/balance_transactions?source={}", text(&held, "latest_charge"))).await.json()["data"],
        json!([])
    );
    let got = app.post(&format!("/v1/payment_intents/{id}/capture"), "amount_to_capture=2001").await;
    assert_eq!((got.status, &got.json()["error"]["code"]), (400, &json!("amount_too_large")));
    let done = app
        .make(
            &format!("/v1/payment_intents/{id}/capture?expand[]=latest_charge.balance_transaction"),
            "amount_to_capture=1500",
        )
        .await;
    assert_eq!(
        (&done["status"], &done["amount_received"], &done["amount_capturable"]),
        (&json!("succeeded"), &json!(1500), &json!(0))
    );
    let charge = &done["latest_charge"];
    assert_eq!((&charge["captured"], &charge["amount_captured"]), (&json!(true), &json!(1500)));
    assert_eq!(
        (&charge["balance_transaction"]["fee"], &charge["balance_transaction"]["net"]),
        (&json!(74), &json!(1426))
    );
    assert_eq!(
        told(&app).await,
        [
            "payment_intent.created",
            "payment_intent.amount_capturable_updated",
            "charge.succeeded",
            "charge.captured",
            "payment_intent.succeeded"
        ]
    );
    let got = app.post(&format!("/v1/payment_intents/{id}/capture"), "").await;
    assert_eq!((got.status, &got.json()["error"]["code"]), (400, &json!("payment_intent_unexpected_state")));
}

#[tokio::test]
async fn the_bank_asks_and_the_customer_answers() {
    let (stand, app, customer) = stand().await;
    let asked = app
        .make("/v1/payment_intents", &format!("{CONFIRMED}&payment_method=pm_card_threeDSecure2Required&customer={customer}&return_url=https://example.com/back&setup_future_usage=off_session"))
        .await;
    assert_eq!(
        (&asked["status"], &asked["next_action"]["type"]),
        (&json!("requires_action"), &json!("redirect_to_url"))
    );
    assert_eq!(asked["next_action"]["redirect_to_url"]["return_url"], "https://example.com/back");
    let id = text(&asked, "id").to_owned();
    let answer = |succeeds| {
        let mut account = stand.double.shared.account();
        account::intent::authenticate(&mut account.world(Home::Large, Cause::default()), &id, succeeds)
    };
    answer(false).unwrap();
    let failed = app.get(&format!("/v1/payment_intents/{id}")).await.json();
    assert_eq!(failed["last_payment_error"]["code"], "payment_intent_authentication_failure");
    assert_eq!(
        (&failed["status"], &failed["next_action"]),
        (&json!("requires_payment_method"), &json!(null))
    );
    assert!(answer(true).is_err());
    app.make(&format!("/v1/payment_intents/{id}/confirm"), "payment_method=pm_card_authenticationRequired")
        .await;
    answer(true).unwrap();
    let paid = app.get(&format!("/v1/payment_intents/{id}?expand[]=payment_method")).await.json();
    assert_eq!(
        (&paid["status"], &paid["payment_method"]["customer"]),
        (&json!("succeeded"), &json!(customer))
    );
    let got = app
        .post(
            "/v1/payment_intents",
            &format!("{CONFIRMED}&off_session=true&payment_method=pm_card_authenticationRequired"),
        )
        .await;
    assert_eq!((got.status, &got.json()["error"]["code"]), (402, &json!("authentication_required")));
}

#[tokio::test]
async fn a_card_that_was_set_up_is_charged_without_the_customer() {
    let (stand, app, customer) = stand().await;
    let asked = app
        .make(
            "/v1/setup_intents",
            &format!(
                "confirm=true&automatic_payment_methods[enabled]=true&\
                 automatic_payment_methods[allow_redirects]=never&customer={customer}&\
                 payment_method=pm_card_authenticationRequiredOnSetup"
            ),
        )
        .await;
    assert_eq!(
        (&asked["status"], &asked["next_action"]["type"]),
        (&json!("requires_action"), &json!("use_stripe_sdk"))
    );
    {
        let mut account = stand.double.shared.account();
        let world = &mut account.world(Home::Large, Cause::default());
        account::setup_intent::authenticate(world, text(&asked, "id"), true).unwrap();
    }
    let ready = app.get(&format!("/v1/setup_intents/{}", text(&asked, "id"))).await.json();
    assert_eq!(ready["status"], "succeeded");
    let method = text(&ready, "payment_method");
    let paid = app
        .make(
            "/v1/payment_intents",
            &format!("{CONFIRMED}&off_session=true&customer={customer}&payment_method={method}"),
        )
        .await;
    assert_eq!(paid["status"], "succeeded");
    let got = app.post("/v1/payment_intents", &format!("{CONFIRMED}&payment_method={method}")).await;
    assert!(got.error().1.contains(&format!("belongs to the Customer {customer}")), "{}", got.text);
}

#[rstest::rstest]
#[case("", "setup_intent.created", 200)]
#[case("confirm=true&return_url=https://a.b&payment_method=pm_card_visa", "setup_intent.succeeded", 200)]
#[case(
    "confirm=true&return_url=https://a.b&payment_method=pm_card_chargeCustomerFail",
    "setup_intent.succeeded",
    200
)]
#[case(
    "confirm=true&return_url=https://a.b&payment_method=pm_card_authenticationRequired",
    "setup_intent.requires_action",
    200
)]
#[case(
    "confirm=true&return_url=https://a.b&payment_method=pm_card_chargeDeclined",
    "setup_intent.setup_failed",
    402
)]
#[case("confirm=true", "setup_intent.created", 400)]
#[tokio::test]
async fn setup_intents_tell_how_it_went(#[case] form: &str, #[case] last: &str, #[case] status: u16) {
    let (_stand, app, _) = stand().await;
    let got = app.post("/v1/setup_intents", form).await;
    assert_eq!(got.status, status, "{}", got.text);
    assert_eq!(told(&app).await.last().unwrap(), last);
}

#[rstest::rstest]
#[case("pm_usBankAccount_success", "usd", "us_bank_account", "succeeded")]
#[case("pm_usBankAccount_insufficientFunds", "usd", "us_bank_account", "requires_payment_method")]
#[case("pm_usBankAccount_processing", "usd", "us_bank_account", "processing")]
#[tokio::test]
async fn debits_settle_when_time_passes(
    #[case] method: &str,
    #[case] currency: &str,
    #[case] kind: &str,
    #[case] ends: &str,
) {
    let stand = Stand::new().await;
    let app = App::of(&stand);
    let customer = text(&stand.truth()["customer"], "id").to_owned();
    let form = format!(
        "amount=1000&currency={currency}&confirm=true&payment_method={method}&payment_method_types[]={kind}&customer={customer}"
    );
    let intent = app.make("/v1/payment_intents", &form).await;
    assert_eq!(intent["status"], "processing");
    stand.act("advance", json!({"by": "1d"}));
    let path = format!("/v1/payment_intents/{}", text(&intent, "id"));
    assert_eq!(app.get(&path).await.json()["status"], "processing");
    let events = stand.act("advance", json!({"by": "10d"}));
    let after = app.get(&path).await.json();
    assert_eq!(after["status"], ends);
    match ends {
        "succeeded" => assert_eq!(types(&events), ["payment_intent.succeeded", "charge.succeeded"]),
        "processing" => assert_eq!(types(&events), Vec::<&str>::new()),
        _ => {
            assert_eq!(types(&events), ["charge.failed", "payment_intent.payment_failed"]);
            assert_eq!(after["last_payment_error"]["code"], "insufficient_funds");
        }
    }
}

#[tokio::test]
async fn a_bank_transfer_pays_for_what_waits_and_the_rest_is_kept() {
    let (_stand, app, customer) = stand().await;
    let form = format!(
        "amount=20000&currency=jpy&customer={customer}&confirm=true&payment_method_types[]=customer_balance\
         &payment_method_data[type]=customer_balance\
         &payment_method_options[customer_balance][funding_type]=bank_transfer\
         &payment_method_options[customer_balance][bank_transfer][type]=jp_bank_transfer"
    );
    let intent = app.make("/v1/payment_intents", &form).await;
    let path = format!("/v1/payment_intents/{}", text(&intent, "id"));
    let told_to_send = |intent: &Value| {
        intent["next_action"]["display_bank_transfer_instructions"]["amount_remaining"].clone()
    };
    assert_eq!((&intent["status"], told_to_send(&intent)), (&json!("requires_action"), json!(20000)));
    let funding = format!("/v1/test_helpers/customers/{customer}/fund_cash_balance");
    let funded = app.make(&funding, "amount=15000&currency=jpy").await;
    assert_eq!((&funded["type"], &funded["net_amount"]), (&json!("funded"), &json!(15000)));
    let waits = app.get(&path).await.json();
    assert_eq!((&waits["status"], told_to_send(&waits)), (&json!("requires_action"), json!(5000)));
    assert!(told(&app).await.contains(&"payment_intent.partially_funded".to_owned()));
    app.make(&funding, "amount=6000&currency=jpy").await;
    assert_eq!(app.get(&path).await.json()["status"], "succeeded");
    let cash = app.get(&format!("/v1/customers/{customer}/cash_balance")).await.json();
    assert_eq!(cash["available"], json!({"jpy": 1000}));
    assert_eq!(told(&app).await.last().unwrap(), "cash_balance.funds_available");
    let moves = app.get(&format!("/v1/customers/{customer}/cash_balance_transactions")).await.json();
    let sum: i64 =
        moves["data"].as_array().unwrap().iter().map(|moved| moved["net_amount"].as_i64().unwrap()).sum();
    assert_eq!(sum, 1000);
}

#[rstest::rstest]
#[case("AT611904300234573201", "checkout.session.async_payment_succeeded", "paid")]
#[case("IT60X0542811101000000123456", "checkout.session.async_payment_failed", "unpaid")]
#[tokio::test]
async fn a_page_is_paid_with_a_debit(#[case] iban: &str, #[case] last: &str, #[case] status: &str) {
    let (_stand, app, _) = stand().await;
    let price = app.make("/v1/prices", "unit_amount=1500&currency=eur&product_data[name]=x").await;
    let form = format!(
        "mode=payment&success_url=https://example.com&payment_method_types[]=sepa_debit&line_items[0][price]={}&line_items[0][quantity]=2",
        text(&price, "id")
    );
    let session = app.make("/v1/checkout/sessions", &form).await;
    let path = format!("/v1/payment_pages/{}", text(&session, "id"));
    assert_eq!(app.get(&path).await.json()["id"], session["id"]);
    let method = app
        .make(
            "/v1/payment_methods",
            &format!("type=sepa_debit&sepa_debit[iban]={iban}&billing_details[email]=a@example.com"),
        )
        .await;
    let form = format!("payment_method={}&expected_amount", text(&method, "id"));
    assert_eq!(app.post(&format!("{path}/confirm"), &format!("{form}=1")).await.status, 400);
    let done = app.make(&format!("{path}/confirm"), &format!("{form}=3000")).await;
    assert_eq!((&done["status"], &done["payment_status"]), (&json!("complete"), &json!("unpaid")));
    let after = app.get(&format!("/v1/checkout/sessions/{}", text(&session, "id"))).await.json();
    assert_eq!(after["payment_status"], status);
    assert_eq!(told(&app).await.last().unwrap(), last);
    assert_eq!(app.post(&format!("{path}/confirm"), &format!("{form}=3000")).await.status, 400);
}

#[tokio::test]
async fn a_page_is_paid_with_a_card_or_stays_open() {
    let (_stand, app, _) = stand().await;
    let form = "mode=subscription&success_url=https://example.com&line_items[0][price]=price_pro&line_items[0][quantity]=1";
    let session = app.make("/v1/checkout/sessions", form).await;
    let path = format!("/v1/payment_pages/{}/confirm", text(&session, "id"));
    let got = app.post(&path, "payment_method=pm_card_chargeDeclined").await;
    assert_eq!((got.status, text(&got.json()["error"], "code")), (402, "card_declined"));
    let method = app
        .make("/v1/payment_methods", "type=card&card[token]=tok_visa&billing_details[email]=a@example.com")
        .await;
    let done = app
        .make(&format!("{path}?expand[]=subscription"), &format!("payment_method={}", text(&method, "id")))
        .await;
    assert_eq!(
        (&done["payment_status"], &done["subscription"]["status"]),
        (&json!("paid"), &json!("active"))
    );
    assert_eq!(done["subscription"]["default_payment_method"], method["id"]);
}
