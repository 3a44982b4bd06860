//! Confirmation tokens, and which payment methods an intent takes that nobody names.

use super::*;

async fn stand() -> (Stand, App, String) {
    let stand = Stand::new().await;
    let app = App::of(&stand);
    let customer = text(&stand.truth()["customer"], "id").to_owned();
    (stand, app, customer)
}

const TOKEN: &str = "/v1/test_helpers/confirmation_tokens";
const CARD: &str = "payment_method_data[type]=card&payment_method_data[card][token]=tok_visa&\
                    payment_method_data[billing_details][name]=Jenny";

#[tokio::test]
async fn a_payment_is_confirmed_with_what_was_typed_in() {
    let (stand, app, customer) = stand().await;
    let body = format!(
        "{CARD}&return_url=https://a.b/back&setup_future_usage=off_session&shipping[name]=Jenny&\
         shipping[address][line1]=Main+Street+1"
    );
    let token = app.make(TOKEN, &body).await;
    let id = text(&token, "id");
    assert!(id.starts_with("ctoken_"), "{token}");
    let preview = &token["payment_method_preview"];
    assert_eq!((&preview["type"], &preview["card"]["brand"]), (&json!("card"), &json!("visa")));
    assert_eq!(preview["billing_details"]["name"], "Jenny");
    let address = json!({
        "city": null, "country": null, "line1": "Main Street 1", "line2": null, "postal_code": null, "state": null,
    });
    assert_eq!(token["shipping"], json!({"address": address, "name": "Jenny", "phone": null}));
    assert_eq!(token["expires_at"].as_i64(), token["created"].as_i64().map(|at| at + 12 * 60 * 60));
    assert_eq!(app.get(&format!("/v1/confirmation_tokens/{id}")).await.json(), token);
    assert!(stand.double.drain(CASE).is_empty(), "there is no event of a token, and no payment method yet");

    let body = format!("amount=1000&currency=usd&customer={customer}&confirm=true&confirmation_token={id}");
    let paid = app.make("/v1/payment_intents", &body).await;
    assert_eq!((&paid["status"], &paid["setup_future_usage"]), (&json!("succeeded"), &json!("off_session")));
    assert_eq!(paid["shipping"]["name"], "Jenny");
    let method = app.get(&format!("/v1/payment_methods/{}", text(&paid, "payment_method"))).await.json();
    assert_eq!(
        (&method["billing_details"]["name"], &method["customer"]),
        (&json!("Jenny"), &json!(customer))
    );
    let used = app.get(&format!("/v1/confirmation_tokens/{id}")).await.json();
    assert_eq!(used["payment_intent"], paid["id"]);
    let again = app.post("/v1/payment_intents", &body).await.error();
    let message =
        format!("The provided confirmation token {id} has already been used. It can be used only once.");
    assert_eq!(again, (400, message));
}

#[tokio::test]
async fn an_intent_that_waits_is_confirmed_with_a_token() {
    let (_stand, app, customer) = stand().await;
    for (path, body, kind) in [
        ("/v1/payment_intents", "amount=1000&currency=usd&", "payment_intent"),
        ("/v1/setup_intents", "", "setup_intent"),
    ] {
        let intent = app.make(path, &format!("{body}customer={customer}")).await;
        let confirm = format!("{path}/{}/confirm", text(&intent, "id"));
        let token = app.make(TOKEN, "payment_method=pm_card_authenticationRequired").await;
        let body = format!("confirmation_token={}", text(&token, "id"));
        let without = app.send("POST", &confirm, &body, &[("stripe-version", NEWEST)]).await.unwrap();
        assert!(without.status == 400 && without.error().1.contains("`return_url`"), "{}", without.text);
        let token =
            app.make(TOKEN, "payment_method=pm_card_authenticationRequired&return_url=https://a.b").await;
        let asked = app.make(&confirm, &format!("confirmation_token={}", text(&token, "id"))).await;
        assert_eq!(asked["status"], "requires_action");
        assert_eq!(asked["next_action"]["redirect_to_url"]["return_url"], "https://a.b");
        let used = app.get(&format!("/v1/confirmation_tokens/{}", text(&token, "id"))).await.json();
        assert_eq!(used[kind], intent["id"]);
    }
}

#[rstest::rstest]
#[case(
    "amount=5&currency=usd&confirm=true&confirmation_token=ctoken_x",
    "No such confirmation_token: 'ctoken_x'"
)]
#[case(
    "amount=5&currency=usd&confirmation_token=TOKEN",
    "You cannot set `confirmation_token` without `confirm=true`"
)]
#[case(
    "amount=5&currency=usd&confirm=true&confirmation_token=TOKEN&payment_method=pm_card_visa",
    "You may only specify one of these parameters: confirmation_token, payment_method."
)]
#[tokio::test]
async fn a_wrong_use_of_a_token_is_refused(#[case] body: &str, #[case] message: &str) {
    let (_stand, app, _) = stand().await;
    let token = app.make(TOKEN, CARD).await;
    let got = app.post("/v1/payment_intents", &body.replace("TOKEN", text(&token, "id"))).await;
    assert!(got.status == 400 && got.error().1.starts_with(message), "{}", got.text);
    assert_eq!(
        app.post(TOKEN, "").await.error(),
        (400, "Missing required param: payment_method.".to_owned())
    );
}

#[tokio::test]
async fn a_token_expires() {
    let (stand, app, customer) = stand().await;
    let body = format!("{CARD}&payment_method_data[metadata][for]={customer}");
    let token = app.make(TOKEN, &body).await;
    let id = text(&token, "id").to_owned();
    // Made for the case, the token lives by its time.
    stand.act("advance", json!({"by": "13h"}));
    let body = format!("amount=5&currency=usd&confirm=true&confirmation_token={id}&customer={customer}");
    let message = format!("The provided confirmation token {id} has expired.");
    assert_eq!(app.post("/v1/payment_intents", &body).await.error(), (400, message));
}

/// Since 2023-08-16 nobody has to name payment methods, and then somebody has to say where the customer comes back to.
#[rstest::rstest]
#[case("2022-11-15", "", json!(null), 200)]
#[case("2023-08-16", "", json!({"allow_redirects": "always", "enabled": true}), 400)]
#[case("2023-08-16", "&return_url=https://a.b", json!({"allow_redirects": "always", "enabled": true}), 200)]
#[case("2023-08-16", "&payment_method_types[]=card", json!(null), 200)]
#[case("2022-11-15", "&automatic_payment_methods[enabled]=true", json!({"allow_redirects": "always", "enabled": true}), 400)]
#[case(NEWEST, "&automatic_payment_methods[enabled]=true&automatic_payment_methods[allow_redirects]=never",
    json!({"allow_redirects": "never", "enabled": true}), 200)]
#[tokio::test]
async fn payment_methods_are_automatic_since_their_version(
    #[case] version: &str,
    #[case] more: &str,
    #[case] automatic: Value,
    #[case] status: u16,
) {
    let (_stand, app, _) = stand().await;
    let headers = [("stripe-version", version)];
    for (path, body) in
        [("/v1/payment_intents", "amount=1000&currency=usd"), ("/v1/setup_intents", "usage=off_session")]
    {
        let body = format!("{body}{more}");
        let without = body.replace("&return_url=https://a.b", "");
        let made = app.send("POST", path, &without, &headers).await.unwrap().json();
        assert_eq!(made["automatic_payment_methods"], automatic, "{path}");
        assert_eq!(made["payment_method_types"], json!(["card"]), "{path}");
        let body = format!("{body}&confirm=true&payment_method=pm_card_visa");
        let confirmed = app.send("POST", path, &body, &headers).await.unwrap();
        assert_eq!(confirmed.status, status, "{path}: {}", confirmed.text);
    }
}
