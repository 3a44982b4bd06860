//! Checkout sessions as apps open them every day, and what going through their page leaves behind.

use super::*;
use crate::stripe::object::int;

async fn stage() -> (Stand, App, String) {
    let stand = Stand::new().await;
    let app = App::of(&stand);
    let customer = text(&stand.truth()["customer"], "id").to_owned();
    (stand, app, customer)
}

const SUB: &str = "mode=subscription&line_items[0][price]=price_pro&success_url=https://a.example/";
const BOX: &str = "mode=payment&success_url=https://a.example/&line_items[0][price_data][currency]=usd\
    &line_items[0][price_data][unit_amount]=700&line_items[0][price_data][product_data][name]=Box";

async fn opened(app: &App, customer: &str, body: &str) -> Value {
    app.make("/v1/checkout/sessions", &format!("customer={customer}&{body}")).await
}

async fn session(app: &App, opened: &Value) -> Value {
    app.get(&format!("/v1/checkout/sessions/{}", text(opened, "id"))).await.json()
}

/// What a parameter of an open session looks like on it.
#[rstest::rstest]
#[case("automatic_tax[enabled]=false", "automatic_tax", json!({"enabled": false, "liability": null, "provider": null, "status": null}))]
#[case("automatic_tax[enabled]=true&customer_update[address]=auto", "automatic_tax",
    json!({"enabled": true, "liability": {"type": "self"}, "provider": "stripe", "status": "requires_location_inputs"}))]
#[case("phone_number_collection[enabled]=true", "phone_number_collection", json!({"enabled": true}))]
#[case("tax_id_collection[enabled]=true", "tax_id_collection", json!({"enabled": true, "required": "never"}))]
#[case("consent_collection[terms_of_service]=required", "consent_collection",
    json!({"payment_method_reuse_agreement": null, "promotions": null, "terms_of_service": "required"}))]
#[case("custom_text[submit][message]=Now", "custom_text",
    json!({"after_submit": null, "shipping_address": null, "submit": {"message": "Now"}, "terms_of_service_acceptance": null}))]
#[case("after_expiration[recovery][enabled]=true", "after_expiration",
    json!({"recovery": {"allow_promotion_codes": false, "enabled": true, "expires_at": null, "url": null}}))]
#[case("saved_payment_method_options[payment_method_save]=enabled", "saved_payment_method_options",
    json!({"allow_redisplay_filters": null, "payment_method_remove": null, "payment_method_save": "enabled"}))]
#[case("payment_method_options[boleto][expires_after_days]=3", "payment_method_options", json!({"boleto": {"expires_after_days": 3}}))]
#[case("shipping_address_collection[allowed_countries][]=US", "shipping_address_collection", json!({"allowed_countries": ["US"]}))]
#[case("locale=de", "locale", json!("de"))]
#[case("submit_type=pay", "submit_type", json!("pay"))]
#[tokio::test]
async fn an_open_session_shows_what_it_was_given(
    #[case] more: &str,
    #[case] field: &str,
    #[case] shown: Value,
) {
    let (_stand, app, customer) = stage().await;
    assert_eq!(opened(&app, &customer, &format!("{BOX}&{more}")).await[field], shown);
}

#[rstest::rstest]
#[case("mode=setup", "Missing required param: currency.")]
#[case(
    "mode=setup&currency=usd&line_items[0][price]=price_pro",
    "You can not pass `line_items` in `setup` mode."
)]
#[case(
    "mode=payment&subscription_data[description]=x&line_items[0][price]=price_pro",
    "You can not pass `subscription_data` in `payment` mode."
)]
#[case(
    "mode=subscription&payment_intent_data[description]=x&line_items[0][price]=price_pro",
    "You can not pass `payment_intent_data` in `subscription` mode."
)]
#[case(
    "mode=subscription&line_items[0][price]=price_pro&ui_mode=embedded_page",
    "Missing required param: return_url."
)]
#[case(
    "mode=subscription&line_items[0][price]=price_pro&return_url=https://a.example",
    "`return_url` can not be used when `ui_mode` is `hosted_page`."
)]
#[case(
    "mode=subscription&line_items[0][price]=price_pro&currency=eur",
    "The price specified only supports `usd`. This doesn't match the expected currency: `eur`."
)]
#[case(
    "mode=subscription&line_items[0][price]=price_pro&subscription_data[trial_end]=1",
    "The `trial_end` date has to be at least 2 days in the future."
)]
#[case(
    "mode=subscription&line_items[0][price]=price_pro&expires_at=1",
    "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation."
)]
#[case("mode=subscription&line_items[0][price]=price_pro&locale[x]=1", "Invalid string: {\"x\":\"1\"}")]
#[tokio::test]
async fn what_does_not_go_together_is_refused(#[case] body: &str, #[case] message: &str) {
    let (_stand, app, customer) = stage().await;
    let got = app.post("/v1/checkout/sessions", &format!("customer={customer}&{body}")).await;
    assert_eq!(got.error(), (400, message.to_owned()));
}

#[tokio::test]
async fn a_tax_needs_to_know_where_the_customer_is() {
    let (_stand, app, customer) = stage().await;
    let body = format!("customer={customer}&{SUB}&automatic_tax[enabled]=true");
    let refused = app.post("/v1/checkout/sessions", &body).await;
    assert_eq!(refused.json()["error"]["code"], "customer_tax_location_invalid");
    app.make(&format!("/v1/customers/{customer}"), "address[country]=DE").await;
    let made = app.make("/v1/checkout/sessions", &body).await;
    assert_eq!(made["automatic_tax"]["status"], "complete");
    assert_eq!(int(&made["total_details"], "amount_tax"), 0);
}

#[tokio::test]
async fn a_setup_session_leaves_a_card() {
    let (stand, app, customer) = stage().await;
    let body = "mode=setup&currency=usd&setup_intent_data[metadata][a]=b&success_url=https://a.example/";
    let made = opened(&app, &customer, body).await;
    assert_eq!((&made["amount_total"], &made["line_items"]), (&Value::Null, &Value::Null));
    let intent = text(&made, "setup_intent").to_owned();
    drop(stand.double.drain(CASE));
    let events = stand.act("checkout", json!({}));
    assert_eq!(
        types(&events),
        ["payment_method.attached", "setup_intent.succeeded", "checkout.session.completed"]
    );
    let ready = app.get(&format!("/v1/setup_intents/{intent}")).await.json();
    assert_eq!((text(&ready, "status"), &ready["metadata"]), ("succeeded", &json!({"a": "b"})));
    let method = app.get(&format!("/v1/payment_methods/{}", text(&ready, "payment_method"))).await.json();
    assert_eq!(method["customer"], *customer);
    let done = session(&app, &made).await;
    assert_eq!((text(&done, "status"), text(&done, "payment_status")), ("complete", "no_payment_required"));
}

#[tokio::test]
async fn a_setup_that_is_declined_stays_open_and_expires_with_its_intent() {
    let (stand, app, customer) = stage().await;
    let made = opened(&app, &customer, "mode=setup&currency=usd").await;
    drop(stand.double.drain(CASE));
    let events = stand.act("checkout", json!({"first_payment": "fails"}));
    assert_eq!(types(&events), ["setup_intent.setup_failed"]);
    let path = format!("/v1/checkout/sessions/{}/expire", text(&made, "id"));
    assert_eq!(app.make(&path, "").await["status"], "expired");
    assert_eq!(types(&stand.double.drain(CASE)), ["setup_intent.canceled", "checkout.session.expired"]);
}

#[rstest::rstest]
#[case("subscription_data[trial_period_days]=14&payment_method_collection=if_required", 0, "trialing")]
#[case("subscription_data[billing_cycle_anchor_config][day_of_month]=3", 3_300, "active")]
#[case(
    "subscription_data[billing_cycle_anchor_config][day_of_month]=3&subscription_data[proration_behavior]=none",
    0,
    "active"
)]
#[tokio::test]
async fn a_subscription_begins_as_the_session_says(
    #[case] more: &str,
    #[case] total: i64,
    #[case] status: &str,
) {
    let (stand, app, customer) = stage().await;
    let made = opened(&app, &customer, &format!("{SUB}&{more}")).await;
    assert_eq!(int(&made, "amount_total"), total);
    stand.act("checkout", json!({}));
    let truth = stand.truth();
    assert_eq!(text(&truth["subscription"], "status"), status);
    if total > 0 {
        assert_eq!(int(&truth["invoice"], "amount_paid"), total);
    }
    let carded = !truth["subscription"]["default_payment_method"].is_null();
    assert_eq!(carded, status != "trialing", "if_required asks for no card where nothing is due");
}

#[tokio::test]
async fn trial_settings_and_invoice_settings_reach_the_subscription() {
    let (stand, app, customer) = stage().await;
    let end = START.parse::<Timestamp>().unwrap().as_second() + 5 * 86_400;
    let more = format!(
        "subscription_data[trial_end]={end}\
         &subscription_data[trial_settings][end_behavior][missing_payment_method]=pause\
         &subscription_data[invoice_settings][issuer][type]=self"
    );
    opened(&app, &customer, &format!("{SUB}&{more}")).await;
    stand.act("checkout", json!({}));
    let made = stand.truth()["subscription"].clone();
    assert_eq!(int(&made, "trial_end"), end);
    assert_eq!(made["trial_settings"]["end_behavior"]["missing_payment_method"], "pause");
}

#[tokio::test]
async fn a_page_collects_what_it_asks_for() {
    let (stand, app, customer) = stage().await;
    let more = "shipping_address_collection[allowed_countries][]=US&customer_update[shipping]=auto\
        &customer_update[name]=auto&phone_number_collection[enabled]=true&consent_collection[terms_of_service]=required\
        &custom_fields[0][key]=size&custom_fields[0][label][type]=custom&custom_fields[0][label][custom]=Size\
        &custom_fields[0][type]=dropdown&custom_fields[0][dropdown][options][0][label]=S\
        &custom_fields[0][dropdown][options][0][value]=s\
        &shipping_options[0][shipping_rate_data][display_name]=Post\
        &shipping_options[0][shipping_rate_data][fixed_amount][amount]=500\
        &shipping_options[0][shipping_rate_data][fixed_amount][currency]=usd\
        &payment_intent_data[setup_future_usage]=off_session";
    let made = opened(&app, &customer, &format!("{BOX}&{more}")).await;
    assert_eq!((int(&made, "amount_subtotal"), int(&made, "amount_total")), (700, 1_200));
    assert_eq!(int(&made["total_details"], "amount_shipping"), 500);
    let rate =
        app.get(&format!("/v1/shipping_rates/{}", text(&made["shipping_cost"], "shipping_rate"))).await;
    assert_eq!(rate.json()["display_name"], "Post");
    let events = stand.act("checkout", json!({}));
    event(&events, "customer.updated");
    let done = session(&app, &made).await;
    assert_eq!(done["custom_fields"][0]["dropdown"]["value"], "s");
    assert_eq!(done["consent"]["terms_of_service"], "accepted");
    assert!(text(&done["customer_details"], "phone").starts_with('+'));
    let sent_to = &done["collected_information"]["shipping_details"];
    assert_eq!(sent_to["address"]["country"], "US");
    let holder = app.get(&format!("/v1/customers/{customer}")).await.json();
    assert_eq!(holder["shipping"]["address"], sent_to["address"]);
    let intent = app.get(&format!("/v1/payment_intents/{}", text(&done, "payment_intent"))).await.json();
    assert_eq!((int(&intent, "amount"), &intent["shipping"]["address"]), (1_200, &sent_to["address"]));
    let method = app.get(&format!("/v1/payment_methods/{}", text(&intent, "payment_method"))).await.json();
    assert_eq!(method["customer"], *customer);
}

#[tokio::test]
async fn a_paid_session_makes_an_invoice_where_that_is_asked_for() {
    let (stand, app, customer) = stage().await;
    let more = "invoice_creation[enabled]=true&invoice_creation[invoice_data][description]=Thanks";
    let made = opened(&app, &customer, &format!("{BOX}&{more}")).await;
    let events = stand.act("checkout", json!({}));
    let kinds = types(&events);
    let at = |kind: &str| kinds.iter().position(|known| *known == kind).unwrap_or_else(|| panic!("{kind}"));
    assert!(at("payment_intent.succeeded") < at("invoice.created"), "{kinds:?}");
    assert!(at("invoice.paid") < at("checkout.session.completed"), "{kinds:?}");
    let done = session(&app, &made).await;
    let invoice = app.get(&format!("/v1/invoices/{}?expand[]=payments", text(&done, "invoice"))).await.json();
    assert_eq!((text(&invoice, "status"), int(&invoice, "amount_paid")), ("paid", 700));
    assert_eq!(invoice["description"], "Thanks");
    let payment = &invoice["payments"]["data"][0]["payment"]["payment_intent"];
    assert_eq!(*payment, done["payment_intent"]);
}

#[tokio::test]
async fn money_that_is_held_is_not_paid() {
    let (stand, app, customer) = stage().await;
    let made = opened(&app, &customer, &format!("{BOX}&payment_intent_data[capture_method]=manual")).await;
    stand.act("checkout", json!({}));
    let done = session(&app, &made).await;
    assert_eq!((text(&done, "status"), text(&done, "payment_status")), ("complete", "unpaid"));
    let intent = app.get(&format!("/v1/payment_intents/{}", text(&done, "payment_intent"))).await.json();
    assert_eq!(intent["status"], "requires_capture");
}

#[rstest::rstest]
#[case("embedded_page", "return_url=https://a.example/", json!("always"))]
#[case("embedded", "redirect_on_completion=never", json!("never"))]
#[case("elements", "return_url=https://a.example/", Value::Null)]
#[tokio::test]
async fn a_page_inside_the_app_has_a_secret(
    #[case] mode: &str,
    #[case] more: &str,
    #[case] redirects: Value,
) {
    let (_stand, app, customer) = stage().await;
    let body = format!("mode=subscription&line_items[0][price]=price_pro&ui_mode={mode}&{more}");
    let made = opened(&app, &customer, &body).await;
    assert!(text(&made, "client_secret").starts_with(&format!("{}_secret_", text(&made, "id"))));
    assert_eq!((&made["url"], &made["redirect_on_completion"]), (&Value::Null, &redirects));
}

#[tokio::test]
async fn an_expired_session_can_be_taken_up_again() {
    let (_stand, app, customer) = stage().await;
    let made = opened(&app, &customer, &format!("{BOX}&after_expiration[recovery][enabled]=true")).await;
    let path = format!("/v1/checkout/sessions/{}/expire", text(&made, "id"));
    let recovery = &app.make(&path, "").await["after_expiration"]["recovery"];
    assert!(text(recovery, "url").starts_with("https://buy.stripe.com/r/cs_test_"));
    assert!(int(recovery, "expires_at") > int(&made, "expires_at"));
}

#[tokio::test]
async fn a_payment_link_is_opened_and_completed() {
    let (stand, app, _) = stage().await;
    let body = "line_items[0][price]=price_pro&line_items[0][quantity]=2&metadata[plan]=pro\
        &subscription_data[trial_period_days]=7&restrictions[completed_sessions][limit]=1";
    let link = app.make("/v1/payment_links", body).await;
    let events = stand
        .act("checkout", json!({"payment_link": "pro_monthly", "set": {"client_reference_id": "user_1"}}));
    let done = &event(&events, "checkout.session.completed")["data"]["object"];
    assert_eq!((&done["payment_link"], &done["metadata"]), (&link["id"], &json!({"plan": "pro"})));
    assert_eq!((text(done, "client_reference_id"), text(done, "mode")), ("user_1", "subscription"));
    assert_eq!(done["customer_details"]["email"], "jenny@example.com");
    let made = event(&events, "customer.subscription.created");
    assert_eq!(made["data"]["object"]["status"], "trialing");
    assert_eq!(made["data"]["object"]["items"]["data"][0]["quantity"], 2);
    let after = app.get(&format!("/v1/payment_links/{}", text(&link, "id"))).await.json();
    assert_eq!(
        (&after["active"], &after["restrictions"]["completed_sessions"]["count"]),
        (&json!(false), &json!(1))
    );
    assert!(stand.try_act("checkout", json!({"payment_link": text(&link, "url")})).is_err());
}

#[tokio::test]
async fn a_subscription_taxes_only_where_the_customer_is_known() {
    let (_stand, app, customer) = stage().await;
    app.make(&format!("/v1/customers/{customer}"), "invoice_settings[default_payment_method]=pm_card_visa")
        .await;
    let body = format!("customer={customer}&items[0][price]=price_pro&automatic_tax[enabled]");
    let without = app.make("/v1/subscriptions", &format!("{body}=false")).await;
    assert_eq!(without["automatic_tax"]["enabled"], false);
    let got = app.post("/v1/subscriptions", &format!("{body}=true")).await;
    assert_eq!(got.json()["error"]["code"], "customer_tax_location_invalid");
    app.make(&format!("/v1/customers/{customer}"), "address[country]=US&address[postal_code]=94103").await;
    let with = app.make("/v1/subscriptions", &format!("{body}=true")).await;
    let shown = json!({"disabled_reason": null, "enabled": true, "liability": {"type": "self"}});
    assert_eq!(with["automatic_tax"], shown);
    let invoice = app.get(&format!("/v1/invoices/{}", text(&with, "latest_invoice"))).await.json();
    assert_eq!((text(&invoice["automatic_tax"], "status"), int(&invoice, "total")), ("complete", 9_900));
    let path = format!("/v1/subscriptions/{}", text(&with, "id"));
    assert_eq!(
        app.make(&path, "automatic_tax[enabled]=false").await["automatic_tax"]["liability"],
        Value::Null
    );
}

#[tokio::test]
async fn a_taxed_draft_waits_for_an_address() {
    let (_stand, app, customer) = stage().await;
    let draft = app.make("/v1/invoices", &format!("customer={customer}&automatic_tax[enabled]=true")).await;
    assert_eq!(draft["automatic_tax"]["status"], "requires_location_inputs");
    let path = format!("/v1/invoices/{}/finalize", text(&draft, "id"));
    assert_eq!(app.post(&path, "").await.json()["error"]["code"], "customer_tax_location_invalid");
    app.make(&format!("/v1/customers/{customer}"), "address[country]=FR").await;
    assert_eq!(app.make(&path, "").await["automatic_tax"]["status"], "complete");
}
