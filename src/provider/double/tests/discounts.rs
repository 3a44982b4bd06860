//! Coupons, promotion codes, discounts and taxes: what they do to what is asked for, and which events tell of them.

use super::*;
use crate::stripe::object::int;

struct Shop {
    stand: Stand,
    app: App,
    customer: String,
}

impl Shop {
    async fn new() -> Self {
        let stand = Stand::new().await;
        let app = App::of(&stand);
        let customer = text(&stand.truth()["customer"], "id").to_owned();
        let shop = Self { stand, app, customer };
        let card = "invoice_settings[default_payment_method]=pm_card_visa";
        shop.app.make(&format!("/v1/customers/{}", shop.customer), card).await;
        let _ = shop.stand.double.drain(CASE);
        shop
    }

    async fn coupon(&self, body: &str) -> String {
        text(&self.app.make("/v1/coupons", body).await, "id").to_owned()
    }

    /// `rest` follows the customer.
    async fn subscribe(&self, rest: &str) -> Value {
        let body = format!("customer={}&items[0][price]=price_pro&{rest}", self.customer);
        self.app.make("/v1/subscriptions", &body).await
    }

    async fn get(&self, path: &str) -> Value {
        self.app.get(path).await.json()
    }

    async fn latest_invoice(&self) -> Value {
        let list = self.get(&format!("/v1/invoices?customer={}&limit=1", self.customer)).await;
        list["data"][0].clone()
    }

    /// What the latest invoice asks for, now and after each of so many renewals.
    async fn totals(&self, renewals: usize) -> Vec<i64> {
        let mut totals = vec![int(&self.latest_invoice().await, "total")];
        for _ in 0..renewals {
            self.stand.act("renew", json!({}));
            totals.push(int(&self.latest_invoice().await, "total"));
        }
        totals
    }
}

#[rstest::rstest]
#[case("percent_off=25.5", &[7_375, 9_900, 9_900])]
#[case("percent_off=20&duration=forever", &[7_920, 7_920, 7_920])]
#[case("percent_off=20&duration=repeating&duration_in_months=2", &[7_920, 7_920, 9_900])]
#[case("amount_off=1000&currency=usd&duration=forever", &[8_900, 8_900, 8_900])]
#[case("amount_off=20000&currency=usd", &[0, 9_900, 9_900])]
#[case("amount_off=1000&currency=eur&duration=forever", &[9_900, 9_900, 9_900])]
#[tokio::test]
async fn a_coupon_counts_for_as_long_as_it_says(#[case] coupon: &str, #[case] expected: &[i64]) {
    let shop = Shop::new().await;
    let id = shop.coupon(coupon).await;
    shop.subscribe(&format!("discounts[0][coupon]={id}")).await;
    assert_eq!(shop.totals(2).await, expected);
    assert_eq!(shop.get(&format!("/v1/coupons/{id}")).await["times_redeemed"], 1);
}

#[tokio::test]
async fn events_tell_of_discounts_that_last() {
    let shop = Shop::new().await;
    let id = shop.coupon("percent_off=10&duration=repeating&duration_in_months=1").await;
    let subscription = shop.subscribe(&format!("discounts[0][coupon]={id}")).await;
    let events = shop.stand.double.drain(CASE);
    let told = &event(&events, "customer.discount.created")["data"]["object"];
    assert_eq!(subscription["discounts"], json!([told["id"]]));
    assert_eq!(told["source"], json!({"coupon": id, "type": "coupon"}));
    assert_eq!(told["subscription"], subscription["id"]);
    let invoice = shop.latest_invoice().await;
    assert_eq!(invoice["total_discount_amounts"], json!([{"amount": 990, "discount": told["id"]}]));
    let path = format!("/v1/subscriptions/{}?expand[]=discounts", text(&subscription, "id"));
    assert_eq!(shop.get(&path).await["discounts"][0], *told);
    let events = shop.stand.act("renew", json!({}));
    assert_eq!(event(&events, "customer.discount.deleted")["data"]["object"]["id"], told["id"]);
    assert_eq!(shop.stand.truth()["subscription"]["discounts"], json!([]));
}

#[tokio::test]
async fn a_customers_discount_counts_where_the_subscription_has_none() {
    let shop = Shop::new().await;
    let (tenth, half) = (
        shop.coupon("percent_off=10&duration=forever").await,
        shop.coupon("percent_off=50&duration=forever").await,
    );
    let path = format!("/v1/customers/{}", shop.customer);
    let customer = shop.app.make(&path, &format!("coupon={tenth}")).await;
    assert_eq!(customer["discount"]["source"]["coupon"], *tenth);
    shop.app.make(&path, &format!("coupon={half}")).await;
    shop.subscribe("").await;
    assert_eq!(shop.totals(0).await, [4_950]);
    let deleted = shop.app.send("DELETE", &format!("{path}/discount"), "", &[]).await.unwrap().json();
    assert_eq!((&deleted["object"], &deleted["deleted"]), (&json!("discount"), &json!(true)));
    let events = shop.stand.double.drain(CASE);
    let told: Vec<_> =
        types(&events).into_iter().filter(|kind| kind.starts_with("customer.discount")).collect();
    assert_eq!(told, ["customer.discount.created", "customer.discount.updated", "customer.discount.deleted"]);
    assert_eq!(
        event(&events, "customer.discount.updated")["data"]["previous_attributes"]["source"],
        json!({"coupon": tenth})
    );
    let again = shop.app.send("DELETE", &format!("{path}/discount"), "", &[]).await.unwrap();
    assert_eq!(again.error(), (400, format!("No active discount for customer: {}", shop.customer)));
}

#[rstest::rstest]
#[case("/v1/coupons", "duration=once", 400, "Missing required param: percent_off.")]
#[case("/v1/coupons", "percent_off=101", 400, "Invalid percent_off: must be greater than 0 and at most 100.")]
#[case("/v1/coupons", "percent_off=ten", 400, "Invalid decimal: ten")]
#[case("/v1/coupons", "amount_off=5", 400, "Missing required param: currency.")]
#[case("/v1/coupons", "percent_off=5&duration=repeating", 400, "Missing required param: duration_in_months.")]
#[case("/v1/coupons", "percent_off=5&id=TAKEN", 400, "Coupon already exists.")]
#[case("/v1/coupons", "percent_off=5&applies_to[products][0]=prod_x", 400, "No such product: 'prod_x'")]
#[case("/v1/promotion_codes", "code=X", 400, "Missing required param: promotion.")]
#[case("/v1/promotion_codes", "promotion[type]=coupon&promotion[coupon]=none", 400, "No such coupon: 'none'")]
#[case(
    "/v1/promotion_codes",
    "coupon=TAKEN&code=welcome",
    400,
    "An active promotion code with `code: welcome` already exists."
)]
#[case(
    "/v1/subscriptions",
    "items[0][price]=price_pro&discounts[0][coupon]=none",
    400,
    "No such coupon: 'none'"
)]
#[case(
    "/v1/subscriptions",
    "items[0][price]=price_pro&discounts[0][coupon]=SPENT",
    400,
    "Coupon SPENT is used up and cannot be applied."
)]
#[case(
    "/v1/subscriptions",
    "items[0][price]=price_pro&discounts[0][colour]=red",
    400,
    "Received unknown parameter: discounts[0][colour]"
)]
#[case(
    "/v1/subscriptions",
    "items[0][price]=price_pro&default_tax_rates[0]=txr_x",
    400,
    "No such tax rate: 'txr_x'"
)]
#[tokio::test]
async fn what_stripe_refuses(
    #[case] path: &str,
    #[case] body: &str,
    #[case] status: u16,
    #[case] message: &str,
) {
    let shop = Shop::new().await;
    shop.coupon("percent_off=10&id=TAKEN").await;
    shop.coupon("percent_off=10&id=SPENT&max_redemptions=1").await;
    shop.app.make("/v1/promotion_codes", "promotion[type]=coupon&promotion[coupon]=TAKEN&code=WELCOME").await;
    shop.app.make(&format!("/v1/customers/{}", shop.customer), "coupon=SPENT").await;
    let customer =
        if path == "/v1/subscriptions" { format!("&customer={}", shop.customer) } else { String::new() };
    let got = shop.app.post(path, &format!("{body}{customer}")).await;
    assert_eq!(got.error(), (status, message.to_owned()));
}

#[rstest::rstest]
#[case("19", false, 9_900, 11_781, 9_900)]
#[case("19", true, 9_900, 9_900, 8_319)]
#[case("0", false, 9_900, 9_900, 9_900)]
#[tokio::test]
async fn tax_rates_are_on_the_invoice(
    #[case] percentage: &str,
    #[case] inclusive: bool,
    #[case] subtotal: i64,
    #[case] total: i64,
    #[case] net: i64,
) {
    let shop = Shop::new().await;
    let body = format!("display_name=VAT&percentage={percentage}&inclusive={inclusive}");
    let rate = shop.app.make("/v1/tax_rates", &body).await;
    let subscription = shop.subscribe(&format!("default_tax_rates[0]={}", text(&rate, "id"))).await;
    assert_eq!(subscription["default_tax_rates"], json!([rate]));
    let invoice = shop.latest_invoice().await;
    let sums = ["subtotal", "total", "total_excluding_tax", "amount_paid"].map(|field| int(&invoice, field));
    assert_eq!(sums, [subtotal, total, net, total]);
    assert_eq!(invoice["total_taxes"][0]["tax_rate_details"]["tax_rate"], rate["id"]);
    assert_eq!(invoice["total_taxes"], invoice["lines"]["data"][0]["taxes"]);
}

#[tokio::test]
async fn a_draft_is_counted_anew_when_its_discounts_and_rates_change() {
    let shop = Shop::new().await;
    let rate = shop.app.make("/v1/tax_rates", "display_name=VAT&percentage=10&inclusive=false").await;
    let own = shop.app.make("/v1/tax_rates", "display_name=GST&percentage=5&inclusive=false").await;
    let item =
        |amount: i64, rest: &str| format!("customer={}&amount={amount}&currency=usd{rest}", shop.customer);
    shop.app.make("/v1/invoiceitems", &item(1_000, "")).await;
    shop.app.make("/v1/invoiceitems", &item(2_000, &format!("&tax_rates[0]={}", text(&own, "id")))).await;
    let body = format!("customer={}&pending_invoice_items_behavior=include", shop.customer);
    let invoice = shop.app.make("/v1/invoices", &body).await;
    assert_eq!(int(&invoice, "total"), 3_100);
    let path = format!("/v1/invoices/{}", text(&invoice, "id"));
    let invoice = shop.app.make(&path, &format!("default_tax_rates[0]={}", text(&rate, "id"))).await;
    assert_eq!(int(&invoice, "total"), 3_200);
    let half = shop.coupon("percent_off=50").await;
    let invoice = shop.app.make(&path, &format!("discounts[0][coupon]={half}")).await;
    assert_eq!(int(&invoice, "total"), 1_600);
    assert_eq!(int(&shop.app.make(&path, "discounts=").await, "total"), 3_200);
}

#[tokio::test]
async fn a_promotion_code_is_redeemed_and_counted() {
    let shop = Shop::new().await;
    let coupon = shop.coupon("percent_off=10&duration=forever").await;
    let body = format!(
        "promotion[type]=coupon&promotion[coupon]={coupon}&code=Fall20&max_redemptions=1\
                        &restrictions[first_time_transaction]=true"
    );
    let code = shop.app.make("/v1/promotion_codes", &body).await;
    assert_eq!(code["promotion"], json!({"coupon": coupon, "type": "coupon"}));
    let found = shop.get("/v1/promotion_codes?code=fall20").await;
    assert_eq!(found["data"][0]["id"], code["id"]);
    let asked = format!("discounts[0][promotion_code]={}", text(&code, "id"));
    shop.subscribe(&asked).await;
    let spent = shop.get(&format!("/v1/promotion_codes/{}", text(&code, "id"))).await;
    assert_eq!((int(&spent, "times_redeemed"), &spent["active"]), (1, &json!(false)));
    let body = format!("customer={}&items[0][price]=price_pro&{asked}", shop.customer);
    assert_eq!(shop.app.post("/v1/subscriptions", &body).await.status, 400);
}

#[tokio::test]
async fn a_checkout_takes_discounts_and_taxes() {
    let shop = Shop::new().await;
    let coupon = shop.coupon("percent_off=10").await;
    let rate = shop.app.make("/v1/tax_rates", "display_name=VAT&percentage=10&inclusive=false").await;
    let body = format!(
        "mode=subscription&customer={}&success_url=https://a.example/&line_items[0][price]=price_pro\
         &line_items[0][tax_rates][0]={}&discounts[0][coupon]={coupon}",
        shop.customer,
        text(&rate, "id"),
    );
    let session = shop.app.make("/v1/checkout/sessions", &body).await;
    assert_eq!(
        session["total_details"],
        json!({"amount_discount": 990, "amount_shipping": 0, "amount_tax": 891})
    );
    assert_eq!((int(&session, "amount_subtotal"), int(&session, "amount_total")), (9_900, 9_801));
    assert_eq!(session["discounts"], json!([{"coupon": coupon, "promotion_code": null}]));
    assert_eq!(shop.get(&format!("/v1/coupons/{coupon}")).await["times_redeemed"], 0);
    shop.stand.act("checkout", json!({}));
    assert_eq!(int(&shop.latest_invoice().await, "amount_paid"), 9_801);
    assert_eq!(shop.get(&format!("/v1/coupons/{coupon}")).await["times_redeemed"], 1);
    assert_eq!(shop.totals(1).await, [9_801, 10_890]);
}

/// A coupon, two codes of it, and a customer who can pay.
async fn coded(more: &str) -> (Stand, App, [String; 2]) {
    let stand = Stand::new().await;
    let app = App::of(&stand);
    let form = format!("id=tenth&percent_off=10&duration=once{more}");
    app.make("/v1/coupons", &form).await;
    let mut codes = [String::new(), String::new()];
    for code in &mut codes {
        let made = app.make("/v1/promotion_codes", "promotion[type]=coupon&promotion[coupon]=tenth").await;
        *code = format!("/v1/promotion_codes/{}", text(&made, "id"));
    }
    (stand, app, codes)
}

async fn states(app: &App, codes: &[String; 2]) -> [bool; 3] {
    let is = async |path: &str, field: &str| app.get(path).await.json()[field] == true;
    [is("/v1/coupons/tenth", "valid").await, is(&codes[0], "active").await, is(&codes[1], "active").await]
}

#[tokio::test]
async fn a_coupon_that_is_used_up_takes_its_codes_along() {
    let (_stand, app, codes) = coded("&max_redemptions=1").await;
    assert_eq!(states(&app, &codes).await, [true, true, true]);
    let card = "payment_method=pm_card_visa&invoice_settings[default_payment_method]=pm_card_visa";
    let customer = app.make("/v1/customers", card).await;
    let form =
        format!("customer={}&items[0][price]=price_pro&discounts[0][coupon]=tenth", text(&customer, "id"));
    app.make("/v1/subscriptions", &form).await;
    assert_eq!(states(&app, &codes).await, [false, false, false]);
}

#[tokio::test]
async fn a_coupon_lapses_when_its_time_is_over() {
    let now = Stand::new().await.double.advance_all(SignedDuration::ZERO).unwrap().as_second();
    let (stand, app, codes) = coded(&format!("&redeem_by={}", now + 5_000)).await;
    stand.double.advance_all(SignedDuration::from_secs(4_000)).unwrap();
    assert_eq!(states(&app, &codes).await, [true, true, true]);
    stand.double.advance_all(SignedDuration::from_secs(1_100)).unwrap();
    assert_eq!(states(&app, &codes).await, [false, false, false]);
}

#[tokio::test]
async fn a_code_lapses_by_itself() {
    let (stand, app, codes) = coded("").await;
    let now = stand.double.advance_all(SignedDuration::ZERO).unwrap().as_second();
    let form = format!("promotion[type]=coupon&promotion[coupon]=tenth&expires_at={}", now + 5_000);
    let third = app.make("/v1/promotion_codes", &form).await;
    stand.double.advance_all(SignedDuration::from_secs(5_100)).unwrap();
    let third = app.get(&format!("/v1/promotion_codes/{}", text(&third, "id"))).await.json();
    assert_eq!(third["active"], false);
    assert_eq!(states(&app, &codes).await, [true, true, true], "the others go on");
}
