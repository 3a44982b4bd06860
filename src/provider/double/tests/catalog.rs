//! Products, prices and plans over HTTP: how they are shown, what they cost, which events tell of them.

use super::*;
use crate::stripe::object::int;

async fn shop() -> (Stand, App, String) {
    let stand = Stand::new().await;
    let app = App::of(&stand);
    let product = app.make("/v1/products", "name=Box").await;
    (stand, app, text(&product, "id").to_owned())
}

async fn told(app: &App) -> Vec<String> {
    let list = app.get("/v1/events?limit=100").await.json();
    let events = list["data"].as_array().unwrap();
    events.iter().rev().map(|event| text(event, "type").to_owned()).collect()
}

#[tokio::test]
async fn a_plan_is_a_price_seen_the_old_way() {
    let stand = Stand::new().await;
    let app = App::of(&stand);
    let plan = app.make("/v1/plans", "currency=usd&interval=month&amount=2000&product[name]=Box").await;
    let id = text(&plan, "id");
    assert_eq!((&plan["object"], int(&plan, "amount")), (&json!("plan"), 2_000));
    assert_eq!(app.get(&format!("/v1/plans/{id}")).await.json(), plan);
    let price = app.get(&format!("/v1/prices/{id}")).await.json();
    assert_eq!((int(&price, "unit_amount"), &price["product"]), (2_000, &plan["product"]));
    let changed = app.make(&format!("/v1/plans/{id}"), "metadata[foo]=bar").await;
    assert_eq!(changed["metadata"], json!({"foo": "bar"}));
    let deleted = app.send("DELETE", &format!("/v1/plans/{id}"), "", &[]).await.unwrap().json();
    assert_eq!(deleted, json!({"id": id, "object": "plan", "deleted": true}));
    let expected = [
        "product.created",
        "plan.created",
        "price.created",
        "plan.updated",
        "price.updated",
        "plan.deleted",
        "price.deleted",
    ];
    assert_eq!(told(&app).await, expected);
}

#[tokio::test]
async fn a_default_price_is_made_with_its_product() {
    let (_stand, app, _) = shop().await;
    let body = "name=Pro&default_price_data[currency]=usd&default_price_data[unit_amount]=900\
                &default_price_data[recurring][interval]=month";
    let product = app.make("/v1/products", body).await;
    let price = app.get(&format!("/v1/prices/{}", text(&product, "default_price"))).await.json();
    assert_eq!((int(&price, "unit_amount"), &price["product"]), (900, &product["id"]));
    let events = ["product.created", "product.created", "plan.created", "price.created", "product.updated"];
    assert_eq!(told(&app).await, events);
}

#[rstest::rstest]
#[case("graduated", 12, 7_000 + 5_000 + 1_000)]
#[case("volume", 12, 6_000)]
#[tokio::test]
async fn tiers_are_billed_and_shown_when_asked_for(
    #[case] mode: &str,
    #[case] quantity: i64,
    #[case] due: i64,
) {
    let (stand, app, product) = shop().await;
    let body = format!(
        "product={product}&currency=usd&recurring[interval]=month&billing_scheme=tiered&tiers_mode={mode}\
         &tiers[0][up_to]=7&tiers[0][unit_amount]=1000&tiers[1][up_to]=11&tiers[1][unit_amount]=1250\
         &tiers[2][up_to]=inf&tiers[2][unit_amount_decimal]=500&tiers[2][flat_amount]={}",
        if mode == "graduated" { 500 } else { 0 },
    );
    let price = app.make("/v1/prices", &body).await;
    assert_eq!((&price["unit_amount"], &price["tiers_mode"]), (&json!(null), &json!(mode)));
    assert!(price.get("tiers").is_none());
    let id = text(&price, "id");
    let whole = app.get(&format!("/v1/prices/{id}?expand[]=tiers")).await.json();
    assert_eq!(whole["tiers"][0]["up_to"], 7);
    assert_eq!(whole["tiers"][2]["up_to"], json!(null));
    let customer = text(&stand.truth()["customer"], "id").to_owned();
    let body = format!(
        "customer={customer}&items[0][price]={id}&items[0][quantity]={quantity}&payment_behavior=default_incomplete"
    );
    app.make("/v1/subscriptions", &body).await;
    let invoices = app.get(&format!("/v1/invoices?customer={customer}")).await.json();
    assert_eq!(int(&invoices["data"][0], "total"), due);
}

#[rstest::rstest]
#[case("billing_scheme=tiered&tiers_mode=volume", "Missing required param: tiers.")]
#[case(
    "billing_scheme=tiered&tiers_mode=volume&tiers[0][up_to]=5&tiers[0][unit_amount]=1",
    "The last tier must have up_to=inf."
)]
#[case(
    "unit_amount=5&unit_amount_decimal=5.5",
    "You may only specify one of these parameters: unit_amount, unit_amount_decimal."
)]
#[case(
    "unit_amount=5&recurring[interval]=year&recurring[interval_count]=4",
    "Invalid interval_count: must be from 1 to 3 with interval=year."
)]
#[case(
    "unit_amount=5&recurring[colour]=red&recurring[interval]=year",
    "Received unknown parameter: recurring[colour]"
)]
#[case(
    "unit_amount=5&currency_options[eur][colour]=red",
    "Received unknown parameter: currency_options[eur][colour]"
)]
#[tokio::test]
async fn wrong_prices_are_refused(#[case] rest: &str, #[case] message: &str) {
    let (_stand, app, product) = shop().await;
    let got = app.post("/v1/prices", &format!("product={product}&currency=usd&{rest}")).await;
    assert_eq!(got.error(), (400, message.to_owned()));
}

#[tokio::test]
async fn features_of_a_product_are_what_its_customers_may_use() {
    let (_stand, app, product) = shop().await;
    let feature = app.make("/v1/entitlements/features", "name=Gold&lookup_key=gold").await;
    let path = format!("/v1/products/{product}/features");
    let link = app.make(&path, &format!("entitlement_feature={}", text(&feature, "id"))).await;
    assert_eq!(link["entitlement_feature"], feature);
    assert_eq!(app.get(&path).await.json()["data"], json!([link]));
    let one = format!("{path}/{}", text(&link, "id"));
    assert_eq!(app.get(&one).await.json(), link);
    let customer = app
        .make(
            "/v1/customers",
            "email=gold@example.com&payment_method=pm_card_visa\
        &invoice_settings[default_payment_method]=pm_card_visa",
        )
        .await;
    let price = app
        .make(
            "/v1/prices",
            &format!("product={product}&currency=usd&unit_amount=5&recurring[interval]=month"),
        )
        .await;
    let customer = text(&customer, "id");
    app.make("/v1/subscriptions", &format!("customer={customer}&items[0][price]={}", text(&price, "id")))
        .await;
    let held = format!("/v1/entitlements/active_entitlements?customer={customer}");
    assert_eq!(app.get(&held).await.json()["data"][0]["lookup_key"], "gold");
    let gone = app.send("DELETE", &one, "", &[]).await.unwrap();
    assert_eq!((gone.status, &gone.json()["deleted"]), (200, &json!(true)));
    assert_eq!(app.get(&held).await.json()["data"], json!([]));
}
