//! Classic and flexible billing mode, and items of different intervals in one subscription
//! (<https://docs.stripe.com/billing/subscriptions/billing-mode/compare>).

mod periods;

use super::*;
use crate::stripe::object::{data, int};

const DAY: i64 = 24 * 60 * 60;
const MONTHLY: (i64, &str) = (1, "month");
const YEARLY: (i64, &str) = (1, "year");

/// The case's customer, with a card, and a product to sell at any price.
struct Shop {
    stand: Stand,
    app: App,
    customer: String,
    product: String,
}

impl Shop {
    async fn new() -> Self {
        let stand = Stand::new().await;
        let app = App::of(&stand);
        let customer = text(&stand.truth()["customer"], "id").to_owned();
        app.make(
            &format!("/v1/customers/{customer}"),
            "invoice_settings[default_payment_method]=pm_card_visa",
        )
        .await;
        let product = app.make("/v1/products", "name=Gold").await;
        Self { stand, app, customer, product: text(&product, "id").to_owned() }
    }

    async fn price(&self, amount: i64, (count, interval): (i64, &str)) -> String {
        let every = format!("recurring[interval]={interval}&recurring[interval_count]={count}");
        let body = format!("product={}&currency=usd&unit_amount={amount}&{every}", self.product);
        text(&self.app.make("/v1/prices", &body).await, "id").to_owned()
    }

    async fn subscribe(&self, mode: &str, prices: &[&str], more: &str) -> Value {
        let items: Vec<_> =
            prices.iter().enumerate().map(|(at, price)| format!("items[{at}][price]={price}")).collect();
        let mode = if mode.contains('=') { mode.to_owned() } else { format!("billing_mode[type]={mode}") };
        let body = format!("customer={}&{mode}&{}{more}", self.customer, items.join("&"));
        self.app.make("/v1/subscriptions", &body).await
    }

    async fn update(&self, subscription: &Value, body: &str) -> Value {
        self.app.make(&format!("/v1/subscriptions/{}", text(subscription, "id")), body).await
    }

    async fn again(&self, subscription: &Value) -> Value {
        self.app.get(&format!("/v1/subscriptions/{}", text(subscription, "id"))).await.json()
    }

    async fn latest(&self, subscription: &Value) -> Value {
        let again = self.again(subscription).await;
        self.app.get(&format!("/v1/invoices/{}", text(&again, "latest_invoice"))).await.json()
    }

    /// The invoice items that wait.
    async fn pending(&self) -> Vec<Value> {
        let path = format!("/v1/invoiceitems?customer={}&pending=true", self.customer);
        data(&self.app.get(&path).await.json()).to_vec()
    }
}

fn start() -> i64 {
    START.parse::<Timestamp>().unwrap().as_second()
}

fn at(date: &str) -> i64 {
    format!("{date}T10:00:00Z").parse::<Timestamp>().unwrap().as_second()
}

fn item(subscription: &Value, at: usize) -> &Value {
    &subscription["items"]["data"][at]
}

fn periods(subscription: &Value) -> Vec<(i64, i64)> {
    let period = |item: &Value| (int(item, "current_period_start"), int(item, "current_period_end"));
    data(&subscription["items"]).iter().map(period).collect()
}

fn amounts(invoice: &Value) -> Vec<i64> {
    data(&invoice["lines"]).iter().map(|line| int(line, "amount")).collect()
}

fn flexible() -> Value {
    json!({"flexible": {"proration_discounts": "included"}, "type": "flexible"})
}

fn classic() -> Value {
    json!({"flexible": null, "type": "classic"})
}

#[rstest::rstest]
#[case("2020-08-27", "", classic())]
#[case("2025-08-27.basil", "", classic())]
#[case("2025-08-27.basil", "&billing_mode[type]=flexible", flexible())]
#[case("2025-09-30.clover", "", flexible())]
#[case(NEWEST, "", flexible())]
#[case(NEWEST, "&billing_mode[type]=classic", classic())]
#[case(NEWEST, "&billing_mode[type]=flexible&billing_mode[flexible][proration_discounts]=itemized",
    json!({"flexible": {"proration_discounts": "itemized"}, "type": "flexible"}))]
#[tokio::test]
async fn the_version_decides_what_nobody_says(
    #[case] version: &str,
    #[case] more: &str,
    #[case] expected: Value,
) {
    let shop = Shop::new().await;
    let body = format!("customer={}&items[0][price]=price_pro{more}", shop.customer);
    let made =
        shop.app.send("POST", "/v1/subscriptions", &body, &[("stripe-version", version)]).await.unwrap();
    assert_eq!(made.json()["billing_mode"], expected, "{}", made.text);
}

#[rstest::rstest]
#[case("2025-05-28.basil", "billing_mode[type]=flexible", 400, "Received unknown parameter: billing_mode")]
#[case(
    NEWEST,
    "billing_mode[flexible][proration_discounts]=included",
    400,
    "Missing required param: billing_mode[type]."
)]
#[case(
    NEWEST,
    "billing_mode[type]=classic&billing_mode[flexible][proration_discounts]=included",
    400,
    "`billing_mode[flexible]` can only be set when `billing_mode[type]` is `flexible`."
)]
#[tokio::test]
async fn a_wrong_mode_is_refused(
    #[case] version: &str,
    #[case] more: &str,
    #[case] status: u16,
    #[case] message: &str,
) {
    let shop = Shop::new().await;
    let body = format!("customer={}&items[0][price]=price_pro&{more}", shop.customer);
    let got =
        shop.app.send("POST", "/v1/subscriptions", &body, &[("stripe-version", version)]).await.unwrap();
    assert_eq!(got.error(), (status, message.to_owned()));
}

#[tokio::test]
async fn everything_that_makes_a_subscription_takes_a_mode() {
    let lines = "line_items[0][price]=price_pro&line_items[0][quantity]=1";
    let old = [("stripe-version", "2025-08-27.basil")];
    for (mode, headers) in [("classic", &old[..]), ("flexible", &[])] {
        let shop = Shop::new().await;
        let app = &shop.app;
        let body = format!("mode=subscription&success_url=https://a.b&customer={}&{lines}", shop.customer);
        app.send("POST", "/v1/checkout/sessions", &body, headers).await.unwrap();
        shop.stand.act("checkout", json!({}));
        let bought = shop.stand.truth()["subscription"].clone();
        assert_eq!(bought["billing_mode"]["type"], mode);
        assert_eq!(bought["billing_mode"].get("updated_at").is_some(), mode == "flexible");
        shop.stand.act("cancel", json!({"at": "now"}));

        let body = format!("customer={}&{lines}", shop.customer);
        let quote = app.send("POST", "/v1/quotes", &body, headers).await.unwrap().json();
        assert_eq!(quote["subscription_data"]["billing_mode"]["type"], mode);
        let path = format!("/v1/quotes/{}", text(&quote, "id"));
        app.make(&format!("{path}/finalize"), "").await;
        let quote = app.make(&format!("{path}/accept"), "").await;
        assert_eq!(shop.again(&json!({"id": quote["subscription"]})).await["billing_mode"]["type"], mode);

        let body = format!("customer={}&start_date=now&phases[0][items][0][price]=price_pro", shop.customer);
        let schedule = app.send("POST", "/v1/subscription_schedules", &body, headers).await.unwrap().json();
        assert_eq!(schedule["billing_mode"]["type"], mode);
        let held = shop.again(&json!({"id": schedule["subscription"]})).await;
        assert_eq!(held["billing_mode"]["type"], mode);
        app.make(&format!("/v1/subscription_schedules/{}/release", text(&schedule, "id")), "").await;
        let inherits =
            app.make("/v1/subscription_schedules", &format!("from_subscription={}", text(&held, "id"))).await;
        assert_eq!(inherits["billing_mode"], held["billing_mode"]);
    }
}

#[tokio::test]
async fn a_link_keeps_the_mode_of_the_version_that_it_was_made_in() {
    let shop = Shop::new().await;
    let body = "line_items[0][price]=price_pro&line_items[0][quantity]=1";
    shop.app.send("POST", "/v1/payment_links", body, &[("stripe-version", "2024-06-20")]).await.unwrap();
    shop.stand.act("checkout", json!({"payment_link": "pro_monthly"}));
    assert_eq!(shop.stand.truth()["subscription"]["billing_mode"], classic());
}

#[tokio::test]
async fn a_classic_subscription_migrates_and_never_back() {
    let shop = Shop::new().await;
    let made = shop.subscribe("classic", &["price_pro"], "").await;
    let _ = shop.stand.double.drain(CASE);
    let path = format!("/v1/subscriptions/{}/migrate", text(&made, "id"));
    let back = shop.app.post(&path, "billing_mode[type]=classic").await;
    assert_eq!(back.status, 400, "{}", back.text);
    let body = "billing_mode[type]=flexible&billing_mode[flexible][proration_discounts]=itemized";
    let migrated = shop.app.make(&path, body).await;
    let expected =
        json!({"flexible": {"proration_discounts": "itemized"}, "type": "flexible", "updated_at": start()});
    assert_eq!(migrated["billing_mode"], expected);
    let events = shop.stand.double.drain(CASE);
    assert_eq!(types(&events), ["customer.subscription.updated"]);
    assert_eq!(
        events[0]["data"]["previous_attributes"],
        json!({"billing_mode": {"flexible": null, "type": "classic", "updated_at": null}})
    );
    assert_eq!(shop.app.post(&path, body).await.status, 501);
    shop.stand.act("cancel", json!({"at": "now"}));
    let over = shop.app.post(&path, body).await.json();
    assert_eq!(over["error"]["code"], "invalid_canceled_subscription_fields");
}

/// Stripe's own example: 10 a month, for ten days 20 without a proration, then 10 again.
#[rstest::rstest]
#[case("classic", vec![-667, 333])]
#[case("flexible", vec![-333, 333])]
#[tokio::test]
async fn a_credit_gives_back_what_is_charged_now_or_what_was_really_charged(
    #[case] mode: &str,
    #[case] expected: Vec<i64>,
) {
    let shop = Shop::new().await;
    let (ten, twenty) = (shop.price(1_000, MONTHLY).await, shop.price(2_000, MONTHLY).await);
    let made = shop.subscribe(mode, &[&ten], "").await;
    let id = text(item(&made, 0), "id").to_owned();
    shop.stand.act("advance", json!({"by": "10d"}));
    let to = |price: &str, behavior: &str| {
        format!("items[0][id]={id}&items[0][price]={price}&proration_behavior={behavior}")
    };
    shop.update(&made, &to(&twenty, "none")).await;
    shop.stand.act("advance", json!({"by": "10d"}));
    shop.update(&made, &to(&ten, "always_invoice")).await;
    assert_eq!(amounts(&shop.latest(&made).await), expected);
}

/// What was charged in parts is given back in parts, each once, whether an invoice has it already or not.
#[tokio::test]
async fn every_debit_is_given_back_once() {
    let shop = Shop::new().await;
    let made = shop.subscribe("flexible", &["price_pro"], "").await;
    let first = shop.latest(&made).await;
    let id = text(item(&made, 0), "id").to_owned();
    for (quantity, expected) in [(2, vec![13_200, -6_600]), (3, vec![9_900, -6_600, 13_200, -6_600])] {
        shop.stand.act("advance", json!({"by": "10d"}));
        shop.update(&made, &format!("items[0][id]={id}&items[0][quantity]={quantity}")).await;
        let pending: Vec<i64> = shop.pending().await.iter().map(|item| int(item, "amount")).collect();
        assert_eq!(pending, expected);
    }
    shop.stand.act("advance", json!({"by": "11d"}));
    let renewed = shop.latest(&made).await;
    assert_eq!(int(&renewed, "total"), 3 * 9_900 + 9_900);
    let credited = |at: usize| {
        &renewed["lines"]["data"][at]["parent"]["subscription_item_details"]["proration_details"]["credited_items"]
    };
    let line = first["lines"]["data"][0]["id"].clone();
    assert_eq!(*credited(0), json!({"invoice": first["id"], "invoice_line_items": [line]}));
    assert_eq!(*credited(2), json!(null), "what no invoice had then has no line");
}

/// Stripe's own example: 5 off 10 and 20 a month, and the cheaper one goes after half of it.
#[rstest::rstest]
#[case("classic", -250, json!([]))]
#[case("flexible", -417, json!([]))]
#[case("billing_mode[type]=flexible&billing_mode[flexible][proration_discounts]=itemized", -500, json!([-83]))]
#[tokio::test]
async fn discounts_are_in_prorations(#[case] mode: &str, #[case] amount: i64, #[case] taken: Value) {
    let shop = Shop::new().await;
    let (ten, twenty) = (shop.price(1_000, MONTHLY).await, shop.price(2_000, MONTHLY).await);
    let coupon = shop.app.make("/v1/coupons", "amount_off=500&currency=usd&duration=forever").await;
    let more = format!("&discounts[0][coupon]={}", text(&coupon, "id"));
    let made = shop.subscribe(mode, &[&ten, &twenty], &more).await;
    assert_eq!(int(&shop.latest(&made).await, "total"), 2_500);
    shop.stand.act("advance", json!({"by": "15d"}));
    let path = format!("/v1/subscription_items/{}", text(item(&made, 0), "id"));
    let gone = shop.app.send("DELETE", &path, "proration_behavior=create_prorations", &[]).await.unwrap();
    assert_eq!(gone.status, 200, "{}", gone.text);
    let pending = shop.pending().await;
    let discounts = pending[0]["proration_details"]["discount_amounts"].as_array().unwrap();
    let discounts: Vec<_> = discounts.iter().map(|taken| taken["amount"].clone()).collect();
    assert_eq!((int(&pending[0], "amount"), json!(discounts)), (amount, taken), "{pending:?}");
    let net = int(&pending[0], "net_amount");
    assert_eq!(net, if amount == -250 { -250 } else { -417 });
    shop.stand.act("advance", json!({"by": "16d"}));
    let renewed = shop.latest(&made).await;
    assert_eq!(int(&renewed, "total"), 2_000 - 500 + net, "{renewed}");
}

#[rstest::rstest]
#[case("classic", "", start() + 10 * DAY, vec![(0, 365)], vec![-6_600, 99_000])]
#[case("flexible", "", start(), vec![(-10, 355)], vec![])]
#[case("flexible", "&billing_cycle_anchor[type]=now", start() + 10 * DAY, vec![(0, 365)], vec![-6_600, 99_000])]
#[case("flexible", "&proration_behavior=always_invoice", start(), vec![(-10, 355)], vec![-6_600, 96_288])]
#[tokio::test]
async fn another_interval_resets_the_anchor_only_in_classic_mode(
    #[case] mode: &str,
    #[case] more: &str,
    #[case] anchor: i64,
    #[case] period: Vec<(i64, i64)>,
    #[case] billed: Vec<i64>,
) {
    let shop = Shop::new().await;
    let yearly = shop.price(99_000, YEARLY).await;
    let made = shop.subscribe(mode, &["price_pro"], "").await;
    let first = shop.latest(&made).await;
    shop.stand.act("advance", json!({"by": "10d"}));
    let id = text(item(&made, 0), "id");
    let after = shop.update(&made, &format!("items[0][id]={id}&items[0][price]={yearly}{more}")).await;
    assert_eq!(int(&after, "billing_cycle_anchor"), anchor);
    let now = start() + 10 * DAY;
    let expected: Vec<_> = period.iter().map(|(from, to)| (now + from * DAY, now + to * DAY)).collect();
    assert_eq!(periods(&after), expected);
    let latest = shop.latest(&made).await;
    let new = if latest["id"] == first["id"] { Vec::new() } else { amounts(&latest) };
    assert_eq!(new, billed);
}

#[tokio::test]
async fn from_free_to_paid_begins_anew_only_in_classic_mode() {
    for (mode, anchor) in [("classic", 10), ("flexible", 0)] {
        let shop = Shop::new().await;
        let free = shop.price(0, MONTHLY).await;
        let made = shop.subscribe(mode, &[&free], "").await;
        shop.stand.act("advance", json!({"by": "10d"}));
        let id = text(item(&made, 0), "id");
        let after = shop.update(&made, &format!("items[0][id]={id}&items[0][price]=price_pro")).await;
        assert_eq!(int(&after, "billing_cycle_anchor"), start() + anchor * DAY, "{mode}");
    }
}
