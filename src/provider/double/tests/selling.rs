//! What surrounds a sale: balances and tax ids of customers, payment links, the portal.

use super::*;
use crate::stripe::object::int;

async fn shop() -> (Stand, App, String) {
    let stand = Stand::new().await;
    let app = App::of(&stand);
    let customer = text(&stand.truth()["customer"], "id").to_owned();
    (stand, app, customer)
}

#[tokio::test]
async fn the_credit_balance_is_the_sum_of_its_transactions() {
    let (stand, app, customer) = shop().await;
    let path = format!("/v1/customers/{customer}/balance_transactions");
    let made = app.make(&path, "amount=-500&currency=usd&description=thanks").await;
    assert_eq!((int(&made, "ending_balance"), text(&made, "type")), (-500, "adjustment"));
    assert_eq!(made["description"], "thanks");
    app.make(&format!("/v1/customers/{customer}"), "balance=-20000").await;
    app.make(&format!("{path}/{}", text(&made, "id")), "metadata[a]=b").await;
    stand.act("subscribe", json!({"price": "pro_monthly"}));
    let all = app.get(&format!("{path}?limit=100")).await.json();
    let amounts: Vec<_> = all["data"].as_array().unwrap().iter().map(|made| int(made, "amount")).collect();
    assert_eq!(amounts, [9_900, -19_500, -500]);
    let holder = app.get(&format!("/v1/customers/{customer}")).await.json();
    assert_eq!(int(&holder, "balance"), amounts.iter().sum::<i64>());
    assert_eq!(all["data"][2], app.get(&format!("{path}/{}", text(&made, "id"))).await.json());
    assert_eq!(all["data"][2]["metadata"], json!({"a": "b"}));
    let wrong = app.post(&path, "amount=-500&currency=eur").await;
    assert_eq!(wrong.error(), (400, "The currency must be the customer's: usd.".into()));
}

#[tokio::test]
async fn tax_ids_come_and_go() {
    let (stand, app, customer) = shop().await;
    let path = format!("/v1/customers/{customer}/tax_ids");
    let made = app.make(&path, "type=eu_vat&value=DE123456789").await;
    assert_eq!((&made["country"], &made["customer"]), (&json!("DE"), &json!(customer)));
    assert_eq!(app.get(&path).await.json()["data"], json!([made]));
    let one = format!("{path}/{}", text(&made, "id"));
    assert_eq!(app.send("DELETE", &one, "", &[]).await.unwrap().json()["deleted"], true);
    assert_eq!(app.get(&one).await.status, 404);
    assert_eq!(types(&stand.double.drain(CASE)), ["customer.tax_id.created", "customer.tax_id.deleted"]);
    let other = app.make("/v1/customers", "tax_id_data[0][type]=gb_vat&tax_id_data[0][value]=GB1").await;
    let listed = app.get(&format!("/v1/customers/{}/tax_ids", text(&other, "id"))).await.json();
    assert_eq!(listed["data"][0]["value"], "GB1");
}

#[tokio::test]
async fn a_payment_link_shows_what_it_sells() {
    let (_stand, app, _) = shop().await;
    let link =
        app.make("/v1/payment_links", "line_items[0][price]=price_pro&line_items[0][quantity]=2").await;
    assert_eq!((&link["active"], &link["currency"]), (&json!(true), &json!("usd")));
    let path = format!("/v1/payment_links/{}", text(&link, "id"));
    let lines = app.get(&format!("{path}/line_items")).await.json();
    assert_eq!((int(&lines["data"][0], "amount_total"), int(&lines["data"][0], "quantity")), (19_800, 2));
    let body = "allow_promotion_codes=true&after_completion[type]=redirect\
                &after_completion[redirect][url]=https://a.example/&restrictions[completed_sessions][limit]=3";
    let changed = app.make(&path, body).await;
    let after = json!({"type": "redirect", "redirect": {"url": "https://a.example/"}});
    assert_eq!((&changed["after_completion"], &changed["allow_promotion_codes"]), (&after, &json!(true)));
    assert_eq!(changed["restrictions"], json!({"completed_sessions": {"count": 0, "limit": 3}}));
    let events = app.get("/v1/events?limit=2").await.json();
    assert_eq!(events["data"][0]["type"], "payment_link.updated");
    assert_eq!(events["data"][0]["data"]["previous_attributes"]["allow_promotion_codes"], false);
    assert_eq!(events["data"][1]["type"], "payment_link.created");
}

#[tokio::test]
async fn a_portal_session_has_a_configuration() {
    let (stand, app, customer) = shop().await;
    stand.act("subscribe", json!({"price": "pro_monthly"}));
    let subscription = text(&stand.truth()["subscription"], "id").to_owned();
    let body = format!(
        "customer={customer}&return_url=https://a.example/&flow_data[type]=subscription_cancel\
         &flow_data[subscription_cancel][subscription]={subscription}"
    );
    let session = app.make("/v1/billing_portal/sessions", &body).await;
    assert_eq!(session["flow"]["subscription_cancel"]["subscription"], *subscription);
    assert!(text(&session, "url").starts_with("https://billing.stripe.com/p/session/test_"));
    let default = format!("/v1/billing_portal/configurations/{}", text(&session, "configuration"));
    assert_eq!(app.get(&default).await.json()["is_default"], true);
    let again = app.make("/v1/billing_portal/sessions", &format!("customer={customer}")).await;
    assert_eq!(again["configuration"], session["configuration"]);
    let made = app
        .make(
            "/v1/billing_portal/configurations",
            "features[subscription_cancel][enabled]=true&login_page[enabled]=true",
        )
        .await;
    assert_eq!(made["features"]["subscription_cancel"]["mode"], "at_period_end");
    assert!(text(&made["login_page"], "url").starts_with("https://"));
    let path = format!("/v1/billing_portal/configurations/{}", text(&made, "id"));
    assert_eq!(app.make(&path, "active=false").await["active"], false);
}

#[rstest::rstest]
#[case("/v1/billing_portal/configurations", "", 400, "Missing required param: features.")]
#[case(
    "/v1/billing_portal/configurations",
    "features[invoice_history][enabled]=maybe",
    400,
    "Invalid boolean: maybe"
)]
#[case(
    "/v1/billing_portal/configurations",
    "features[subscription_update][enabled]=true",
    400,
    "Missing required param: features[subscription_update][default_allowed_updates]."
)]
#[case("/v1/billing_portal/sessions", "customer=cus_x", 400, "No such customer: 'cus_x'")]
#[case(
    "/v1/payment_links",
    "line_items[0][price]=price_x&line_items[0][quantity]=1",
    400,
    "No such price: 'price_x'"
)]
#[case(
    "/v1/payment_links",
    "line_items[0][price]=price_pro",
    400,
    "Missing required param: line_items[0][quantity]."
)]
#[case(
    "/v1/customers",
    "tax_id_data[0][type]=vat&tax_id_data[0][value]=1",
    400,
    "Invalid type: must be a type of tax id such as eu_vat"
)]
#[tokio::test]
async fn what_stripe_refuses(
    #[case] path: &str,
    #[case] body: &str,
    #[case] status: u16,
    #[case] message: &str,
) {
    let (_stand, app, _) = shop().await;
    assert_eq!(app.post(path, body).await.error(), (status, message.to_owned()));
}
