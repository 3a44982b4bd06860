//! The double over HTTP, as an app or an SDK calls it.

use super::*;

async fn both() -> (Stand, App) {
    let stand = Stand::new().await;
    let app = App::of(&stand);
    (stand, app)
}

/// The objects that a catalogue of routes can be tried on.
async fn subscribed() -> (Stand, App, String) {
    let (stand, app) = both().await;
    stand.act("subscribe", json!({"price": "pro_monthly"}));
    let id = text(&stand.truth()["subscription"], "id").to_owned();
    (stand, app, id)
}

#[tokio::test]
async fn what_is_retrieved_is_provider_truth_as_stripe_prints_it() {
    let (stand, app, id) = subscribed().await;
    let got = app.get(&format!("/v1/subscriptions/{id}")).await;
    assert_eq!(got.status, 200);
    assert_eq!(got.text, serde_json::to_string_pretty(&stand.truth()["subscription"]).unwrap());
    assert_eq!(got.header("content-type"), "application/json");
    assert_eq!(got.header("stripe-version"), NEWEST);
    assert!(got.header("request-id").starts_with("req_"));
    stand.act("change_quantity", json!({"quantity": 5}));
    let got = app.get(&format!("/v1/subscriptions/{id}")).await;
    assert_eq!(got.json()["quantity"], 5, "printed bytes do not outlive a change");
}

#[tokio::test]
async fn every_object_of_a_burst_can_be_retrieved_and_listed() {
    let (stand, app) = both().await;
    let events = stand.act("checkout", json!({"price": "everything"}));
    for event in &events {
        let object = &event["data"]["object"];
        let path = match text(object, "object") {
            "subscription" => "subscriptions",
            "invoice" => "invoices",
            "payment_intent" => "payment_intents",
            "charge" => "charges",
            "invoice_payment" => "invoice_payments",
            "payment_method" => "payment_methods",
            "checkout.session" => "checkout/sessions",
            "entitlements.active_entitlement_summary" => continue,
            other => panic!("where is {other} retrieved?"),
        };
        let id = text(object, "id");
        assert_eq!(app.get(&format!("/v1/{path}/{id}")).await.json()["id"], id, "{path}");
        let list = app.get(&format!("/v1/{path}?limit=100")).await.json();
        assert!(list["data"].as_array().unwrap().iter().any(|listed| listed["id"] == id), "{path}");
        let kept = app.get(&format!("/v1/events/{}", text(event, "id"))).await.json();
        assert_eq!(kept, *event);
    }
    let customer = text(&stand.truth()["customer"], "id").to_owned();
    let held = app.get(&format!("/v1/entitlements/active_entitlements?customer={customer}&limit=100")).await;
    assert_eq!(held.json()["data"].as_array().unwrap().len(), 12);
}

#[rstest::rstest]
#[case("GET", "/v1/subscriptions/sub_x", "", 404, "resource_missing", "No such subscription: 'sub_x'")]
#[case(
    "GET",
    "/v1/subscriptions/price_pro",
    "",
    404,
    "resource_missing",
    "No such subscription: 'price_pro'"
)]
#[case("GET", "/v1/checkout/sessions/cs_x", "", 404, "resource_missing", "No such checkout.session: 'cs_x'")]
#[case(
    "GET",
    "/v1/subscription_items/si_x",
    "",
    404,
    "resource_missing",
    "No such subscription item: 'si_x'"
)]
#[case("GET", "/v1/customers?starting_after=cus_x", "", 400, "resource_missing", "No such customer: 'cus_x'")]
#[case("GET", "/v1/customers?colour=red", "", 400, "parameter_unknown", "Received unknown parameter: colour")]
#[case(
    "GET",
    "/v1/subscription_items",
    "",
    400,
    "parameter_missing",
    "Missing required param: subscription."
)]
#[case(
    "GET",
    "/v1/subscriptions?status=odd",
    "",
    400,
    "",
    "Invalid status: must be one of active, all, canceled, ended, incomplete, incomplete_expired, past_due, paused, trialing, unpaid"
)]
#[case(
    "GET",
    "/v1/customers?created[near]=1",
    "",
    400,
    "parameter_unknown",
    "Received unknown parameter: created[near]"
)]
#[case("POST", "/v1/customers", "colour=red", 400, "parameter_unknown", "Received unknown parameter: colour")]
#[case("POST", "/v1/customers", "name[x]=y", 400, "", "Invalid string: {\"x\":\"y\"}")]
#[case("POST", "/v1/customers/cus_x", "name=y", 404, "resource_missing", "No such customer: 'cus_x'")]
#[case("POST", "/v1/subscriptions", "", 400, "parameter_missing", "Missing required param: customer.")]
#[case(
    "POST",
    "/v1/subscriptions",
    "customer=cus_x&items[0][price]=price_pro",
    400,
    "resource_missing",
    "No such customer: 'cus_x'"
)]
#[case(
    "POST",
    "/v1/prices",
    "currency=usd&unit_amount=-1",
    400,
    "",
    "Invalid amount: must be from 0 to 999999999999"
)]
#[case(
    "POST",
    "/v1/prices",
    "currency=usd&unit_amount=5&product=prod_x",
    400,
    "resource_missing",
    "No such product: 'prod_x'"
)]
#[case(
    "POST",
    "/v1/checkout/sessions",
    "mode=payment",
    400,
    "parameter_missing",
    "Missing required param: line_items."
)]
#[case(
    "POST",
    "/v1/checkout/sessions",
    "mode=payment&line_items[0][price]=price_pro",
    400,
    "",
    "You specified `payment` mode but passed a recurring price. Either switch to `subscription` mode or use only one-time prices."
)]
#[case("DELETE", "/v1/customers/cus_x", "", 404, "resource_missing", "No such customer: 'cus_x'")]
#[case("POST", "/v1/customers", "=&[", 400, "", "Invalid parameter name: ")]
#[tokio::test]
async fn mistakes_are_answered_in_stripes_words(
    #[case] method: &str,
    #[case] path: &str,
    #[case] body: &str,
    #[case] status: u16,
    #[case] code: &str,
    #[case] message: &str,
) {
    let (_stand, app) = both().await;
    let got = app.send(method, path, body, &[]).await.unwrap();
    let error = &got.json()["error"];
    assert_eq!(got.error(), (status, message.to_owned()));
    assert_eq!(text(error, "code"), code);
    assert_eq!(error["type"], "invalid_request_error");
    assert!(text(error, "request_log_url").contains(got.header("request-id")));
    assert_eq!(error["doc_url"].is_string(), !code.is_empty());
}

#[rstest::rstest]
#[case(&[("authorization", "Basic Og==")], 401, "You did not provide an API key.")]
#[case(&[("authorization", "Bearer sk_live_1234567890")], 401, "Invalid API Key provided: sk_live_****")]
#[case(&[("authorization", "Basic c2tfdGVzdF94Og==")], 200, "")]
#[case(&[("stripe-version", "2025-09-30.clover")], 200, "")]
#[case(&[("stripe-version", "2024-06-20")], 200, "")]
#[case(&[("stripe-version", "2019-12-03")], 501, "provider double: Stripe-Version 2019-12-03 is not modelled")]
#[case(&[("stripe-version", "soon")], 400, "Invalid Stripe API version: soon")]
#[tokio::test]
async fn keys_and_versions(#[case] headers: &[(&str, &str)], #[case] status: u16, #[case] message: &str) {
    let (_stand, app) = both().await;
    let got = app.send("GET", "/v1/prices/price_pro", "", headers).await.unwrap();
    assert_eq!(got.status, status);
    assert!(text(&got.json()["error"], "message").starts_with(message), "{}", got.text);
    let asked = headers.iter().find(|(name, _)| *name == "stripe-version").filter(|_| status == 200);
    assert_eq!(got.header("stripe-version"), asked.map_or(NEWEST, |(_, version)| version));
}

#[tokio::test]
async fn what_is_no_form_is_refused() {
    let (_stand, app) = both().await;
    let json =
        app.send("POST", "/v1/customers", "{}", &[("content-type", "application/json")]).await.unwrap();
    assert_eq!(json.status, 400);
    assert!(json.error().1.contains("application/x-www-form-urlencoded"));
    let large = app.post("/v1/customers", &format!("name={}", "x".repeat(2 * 1024 * 1024))).await;
    assert_eq!(large.error(), (413, "Request body is too large.".into()));
    assert_eq!(app.get("/v1/prices/price_pro").await.status, 200, "it goes on");
}

#[rstest::rstest]
#[case("POST", "/v1/reviews", "POST /v1/reviews")]
#[case("GET", "/v1/invoices/upcoming", "GET /v1/invoices/upcoming")]
#[case("POST", "/v1/subscriptions/sub_1/pause", "POST /v1/subscriptions/{id}/pause")]
#[case("GET", "/v2/core/accounts/acct_1", "GET /v2/core/accounts/{id}")]
#[case("GET", "/", "GET /")]
#[case("GET", "/v1/../../etc/passwd", "GET /etc/passwd")]
#[case(
    "POST",
    "/v1/subscriptions?billing_thresholds=x",
    "parameter billing_thresholds of POST /v1/subscriptions"
)]
#[tokio::test]
async fn what_is_not_modelled_is_refused_by_name(
    #[case] method: &str,
    #[case] path: &str,
    #[case] what: &str,
) {
    let (stand, app) = both().await;
    let got = app.send(method, path, "", &[]).await.unwrap();
    assert_eq!(got.error(), (501, format!("provider double: {what} is not modelled")));
    assert_eq!(got.json()["error"]["type"], "api_error");
    assert_eq!(stand.double.refused_at_large(), [format!("provider double: {what} is not modelled")]);
    assert_eq!(stand.double.close(CASE), Closed::default());
}

#[tokio::test]
async fn an_idempotency_key_repeats_its_answer() {
    let (stand, app) = both().await;
    let key = [("idempotency-key", "k1")];
    let body = "email=jenny@example.com&metadata[a]=1";
    let first = app.send("POST", "/v1/customers", body, &key).await.unwrap();
    let again =
        app.send("POST", "/v1/customers", "metadata[a]=1&email=jenny@example.com", &key).await.unwrap();
    assert_eq!((first.header("idempotent-replayed"), again.header("idempotent-replayed")), ("", "true"));
    assert_eq!(first.text, again.text);
    assert_eq!(again.header("original-request"), first.header("request-id"));
    assert_ne!(again.header("request-id"), first.header("request-id"));
    let events = stand.double.drain(CASE);
    assert_eq!(types(&events), ["customer.created"], "carried out once");
    assert_eq!(events[0]["request"], json!({"id": first.header("request-id"), "idempotency_key": "k1"}));
    let other = app.send("POST", "/v1/customers", "email=jenny@example.com", &key).await.unwrap();
    assert_eq!((other.status, other.json()["error"]["type"].clone()), (400, json!("idempotency_error")));
    let bad = [("idempotency-key", "k2")];
    assert_eq!(app.send("POST", "/v1/customers", "colour=red", &bad).await.unwrap().status, 400);
    assert_eq!(
        app.send("POST", "/v1/customers", "name=x", &bad).await.unwrap().status,
        200,
        "a mistake uses up no key"
    );
}

#[tokio::test]
async fn expansions_reach_objects_lists_and_hidden_parts() {
    let (_stand, app, id) = subscribed().await;
    let query = "expand[]=customer&expand[]=latest_invoice.payments&expand[]=items.data.price&expand[]=default_payment_method";
    let got = app.get(&format!("/v1/subscriptions/{id}?{query}")).await.json();
    assert_eq!(got["customer"]["email"], "Jenny@example.com");
    let payment = &got["latest_invoice"]["payments"]["data"][0];
    assert_eq!((&payment["status"], &payment["amount_paid"]), (&json!("paid"), &json!(9_900)));
    assert_eq!(got["default_payment_method"], json!(null));
    let list = app.get("/v1/subscriptions?expand[]=data.latest_invoice.customer").await.json();
    assert_eq!(list["data"][0]["latest_invoice"]["customer"]["email"], "Jenny@example.com");
    let wrong = app.get(&format!("/v1/subscriptions/{id}?expand[]=latest_invoice.payment_intent")).await;
    assert_eq!(
        wrong.error(),
        (400, "This property cannot be expanded (latest_invoice.payment_intent).".into())
    );
    let deep = app.get(&format!("/v1/subscriptions/{id}?expand[]=a.b.c.d.e")).await;
    assert!(deep.error().1.starts_with("You cannot expand more than 4 levels"));
}

#[tokio::test]
async fn lists_are_filtered_and_hide_what_is_canceled() {
    let (stand, app, id) = subscribed().await;
    let count = async |path: &str| app.get(path).await.json()["data"].as_array().unwrap().len();
    let customer = text(&stand.truth()["customer"], "id").to_owned();
    assert_eq!(count(&format!("/v1/subscriptions?customer={customer}")).await, 1);
    assert_eq!(count("/v1/subscriptions?price=price_pro").await, 1);
    assert_eq!(count("/v1/subscriptions?price=price_other").await, 0);
    assert_eq!(count("/v1/prices?lookup_keys[]=pro_monthly&lookup_keys[]=team_monthly").await, 2);
    assert_eq!(count("/v1/prices?type=one_time&active=true").await, 1);
    assert_eq!(count("/v1/prices?recurring[interval]=year").await, 1);
    assert_eq!(count("/v1/customers?email=Jenny@example.com").await, 1);
    assert_eq!(count("/v1/customers?email=jenny@example.com").await, 0, "Stripe minds the case");
    assert_eq!(count("/v1/events?types[]=invoice.paid&types[]=charge.succeeded").await, 2);
    assert_eq!(count("/v1/events?type=invoice.*&limit=100").await, 5);
    assert_eq!(count(&format!("/v1/invoices?subscription={id}&status=paid")).await, 1);
    assert_eq!(count("/v1/invoices?created[gt]=99999999999").await, 0);
    stand.act("cancel", json!({}));
    assert_eq!(count("/v1/subscriptions").await, 0);
    assert_eq!(count("/v1/subscriptions?status=all").await, 1);
    assert_eq!(count("/v1/subscriptions?status=ended").await, 1);
}

#[tokio::test]
async fn pages_follow_the_cursor() {
    let (_stand, app) = both().await;
    for at in 0..7 {
        app.make("/v1/customers", &format!("name=c{at}")).await;
    }
    let first = app.get("/v1/customers?limit=3").await.json();
    assert_eq!((&first["has_more"], &first["url"]), (&json!(true), &json!("/v1/customers")));
    let mut names: Vec<String> = Vec::new();
    let mut after = String::new();
    loop {
        let page = app.get(&format!("/v1/customers?limit=3{after}")).await.json();
        names.extend(
            page["data"].as_array().unwrap().iter().map(|customer| text(customer, "name").to_owned()),
        );
        if page["has_more"] == false {
            break;
        }
        after = format!("&starting_after={}", text(page["data"].as_array().unwrap().last().unwrap(), "id"));
    }
    // The case's own customer has no name; where it stands depends on the two clocks.
    names.retain(|name| !name.is_empty());
    assert_eq!(names, ["c6", "c5", "c4", "c3", "c2", "c1", "c0"]);
}

#[tokio::test]
async fn an_app_runs_a_subscription_through_the_api() {
    let (stand, app) = both().await;
    let customer = app.make("/v1/customers", "email=jenny@example.com&name=Jenny").await;
    let customer = text(&customer, "id");
    let body = format!("customer={customer}&items[0][price]=price_pro&items[0][quantity]=2");
    let got = app.post("/v1/subscriptions", &body).await;
    assert!(got.error().1.starts_with("This customer has no attached payment source"));
    app.make(
        &format!("/v1/customers/{customer}"),
        "payment_method=pm_card_visa&invoice_settings[default_payment_method]=pm_card_visa&metadata[k]=v",
    )
    .await;
    let made = app.make("/v1/subscriptions", &body).await;
    assert_eq!((&made["status"], &made["quantity"]), (&json!("active"), &json!(2)));
    let id = text(&made, "id");
    let item = text(&made["items"]["data"][0], "id").to_owned();
    let changed =
        app.make(&format!("/v1/subscription_items/{item}"), "quantity=3&proration_behavior=none").await;
    assert_eq!(changed["quantity"], 3);
    assert_eq!(app.get(&format!("/v1/subscription_items/{item}")).await.json(), changed);
    let wrong = app.send("DELETE", &format!("/v1/subscription_items/{item}"), "", &[]).await.unwrap();
    assert_eq!(wrong.error(), (400, "A subscription must have at least one active item.".into()));
    let ended = app.send("DELETE", &format!("/v1/subscriptions/{id}"), "", &[]).await.unwrap();
    assert_eq!(ended.json()["status"], "canceled");
    let again = app.send("DELETE", &format!("/v1/subscriptions/{id}"), "", &[]).await.unwrap();
    assert_eq!(again.error(), (404, format!("No such subscription: '{id}'")));
    let late = app.post(&format!("/v1/subscriptions/{id}"), "description=x").await;
    assert_eq!(
        late.error().1,
        "A canceled subscription can only update its cancellation_details and metadata."
    );
    let events = stand.double.drain(CASE);
    assert_eq!(types(&events).first(), Some(&"customer.created"), "the app's own calls join the burst");
    assert_eq!(types(&events).last(), Some(&"customer.subscription.deleted"));
}

#[rstest::rstest]
#[case("pm_card_chargeCustomerFail", "", 200, "incomplete")]
#[case("pm_card_chargeCustomerFail", "&payment_behavior=error_if_incomplete", 402, "")]
#[case("pm_card_authenticationRequired", "", 200, "incomplete")]
#[case("pm_card_visa", "&payment_behavior=default_incomplete", 200, "incomplete")]
#[case("pm_card_visa", "&trial_period_days=7", 200, "trialing")]
#[case("pm_card_visa", "&collection_method=send_invoice&days_until_due=30", 200, "active")]
#[tokio::test]
async fn first_payments(#[case] card: &str, #[case] more: &str, #[case] status: u16, #[case] expected: &str) {
    let (stand, app) = both().await;
    let customer = text(&stand.truth()["customer"], "id").to_owned();
    let body = format!("customer={customer}&items[][price]=price_pro&default_payment_method={card}{more}");
    let got = app.post("/v1/subscriptions", &body).await;
    assert_eq!(got.status, status, "{}", got.text);
    assert_eq!(text(&got.json(), "status"), expected);
    if status == 402 {
        assert_eq!(got.json()["error"]["code"], "card_declined");
        assert!(stand.truth().get("subscription").is_none(), "nothing is left of it");
    }
}

#[tokio::test]
async fn the_customer_completes_the_session_that_the_app_opened() {
    let (stand, app) = both().await;
    let body = "mode=subscription&line_items[0][price]=price_pro&line_items[0][quantity]=2\
                &customer_email=jenny@example.com&success_url=https://acme.example/done&metadata[user]=1\
                &subscription_data[metadata][user]=1&client_reference_id=u1";
    let session = app.make("/v1/checkout/sessions", body).await;
    assert_eq!((&session["status"], &session["amount_total"]), (&json!("open"), &json!(19_800)));
    assert_eq!(stand.truth()["checkout"]["id"], session["id"]);
    let events = stand.act("checkout", json!({}));
    assert_eq!(types(&events).first(), Some(&"customer.created"));
    let done = &event(&events, "checkout.session.completed")["data"]["object"];
    assert_eq!((&done["id"], &done["client_reference_id"]), (&session["id"], &json!("u1")));
    let subscription = &stand.truth()["subscription"];
    assert_eq!((&subscription["metadata"]["user"], &subscription["quantity"]), (&json!("1"), &json!(2)));
    assert_eq!(done["subscription"], subscription["id"]);
    assert_eq!(stand.truth()["customer"]["id"], done["customer"], "the session's customer is the slot's");
    let path = format!("/v1/checkout/sessions/{}", text(&session, "id"));
    let lines = app.get(&format!("{path}/line_items")).await.json();
    assert_eq!(lines["data"][0]["amount_total"], 19_800);
    let expanded = app.get(&format!("{path}?expand[]=line_items&expand[]=subscription")).await.json();
    assert_eq!(expanded["line_items"]["data"], lines["data"]);
    let late = app.post(&format!("{path}/expire"), "").await;
    assert_eq!(late.status, 400);
    assert_eq!(stand.try_act("checkout", json!({})), Err(ActError::NoOpenCheckout));
}

#[tokio::test]
async fn a_catalogue_is_kept_through_the_api() {
    let (_stand, app) = both().await;
    let product = app.make("/v1/products", "name=Gold&metadata[tier]=3").await;
    let id = text(&product, "id");
    let price =
        format!("product={id}&currency=EUR&unit_amount=500&recurring[interval]=month&lookup_key=gold");
    let made = app.make("/v1/prices", &price).await;
    assert_eq!((&made["currency"], &made["type"]), (&json!("eur"), &json!("recurring")));
    assert_eq!(app.post("/v1/prices", &price).await.status, 400, "a lookup key is one price's");
    let moved = app.make("/v1/prices", &format!("{price}&transfer_lookup_key=true")).await;
    assert_eq!(app.get(&format!("/v1/prices/{}", text(&made, "id"))).await.json()["lookup_key"], json!(null));
    assert_eq!(moved["lookup_key"], "gold");
    let archived = app.make(&format!("/v1/products/{id}"), "active=false&metadata[tier]=").await;
    assert_eq!((&archived["active"], &archived["metadata"]), (&json!(false), &json!({})));
    let kept = app.send("DELETE", &format!("/v1/products/{id}"), "", &[]).await.unwrap();
    assert_eq!(kept.status, 400);
}

#[tokio::test]
async fn an_app_invoices_by_hand() {
    let (stand, app) = both().await;
    let customer = text(&stand.truth()["customer"], "id").to_owned();
    app.make(&format!("/v1/customers/{customer}"), "invoice_settings[default_payment_method]=pm_card_visa")
        .await;
    app.make("/v1/invoiceitems", &format!("customer={customer}&amount=700&currency=usd&description=Hours"))
        .await;
    app.make("/v1/invoiceitems", &format!("customer={customer}&amount=-200&currency=usd")).await;
    let body = format!("customer={customer}&pending_invoice_items_behavior=include&description=May");
    let draft = app.make("/v1/invoices", &body).await;
    assert_eq!(
        (&draft["status"], &draft["total"], &draft["description"]),
        (&json!("draft"), &json!(500), &json!("May"))
    );
    let path = format!("/v1/invoices/{}", text(&draft, "id"));
    assert_eq!(app.make(&format!("{path}/finalize"), "").await["status"], "open");
    assert_eq!(app.make(&format!("{path}/pay"), "").await["status"], "paid");
    assert_eq!(app.post(&format!("{path}/pay"), "").await.error().1, "Invoice is already paid");
    assert_eq!(app.post(&format!("{path}/void"), "").await.status, 400);
    assert_eq!(app.get(&format!("{path}/lines")).await.json()["data"].as_array().unwrap().len(), 2);
    let charge = text(&stand.truth()["charge"], "id").to_owned();
    let refund = app.make("/v1/refunds", &format!("charge={charge}&amount=100")).await;
    assert_eq!(refund["amount"], 100);
    assert_eq!(app.post("/v1/refunds", &format!("charge={charge}&amount=401")).await.status, 400);
}

#[tokio::test]
async fn a_deleted_customer_is_still_answered() {
    let (stand, app, _) = subscribed().await;
    let customer = text(&stand.truth()["customer"], "id").to_owned();
    let path = format!("/v1/customers/{customer}");
    let gone = app.send("DELETE", &path, "", &[]).await.unwrap().json();
    assert_eq!(gone, json!({"id": customer, "object": "customer", "deleted": true}));
    assert_eq!(app.get(&path).await.json(), gone);
    assert_eq!(app.post(&path, "name=x").await.status, 404);
    assert_eq!(stand.status(), "canceled");
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let (stand, _app) = both().await;
    let port: u16 = stand.double.url().rsplit(':').next().unwrap().parse().unwrap();
    let config = DoubleConfig { port: Some(port), ..DoubleConfig::default() };
    let error = Double::start(config, &catalog(), Clock::start(), 1).await.unwrap_err();
    assert_eq!(error.to_string(), format!("listen on 127.0.0.1:{port}: the port is in use"));
}

#[tokio::test]
async fn a_catalogue_that_makes_no_sense_is_refused() {
    let refuse = async |change: fn(&mut Catalog)| {
        let mut catalog = catalog();
        change(&mut catalog);
        Double::start(DoubleConfig::default(), &catalog, Clock::start(), 1).await.unwrap_err().to_string()
    };
    assert!(refuse(|catalog| catalog.prices[0].product = "gold".into()).await.contains("`gold`"));
    assert!(refuse(|catalog| catalog.prices[0].every = Some("moon".into())).await.contains("\"moon\""));
    assert!(refuse(|catalog| catalog.prices[1].id = Some("price_pro".into())).await.contains("`price_pro`"));
}
