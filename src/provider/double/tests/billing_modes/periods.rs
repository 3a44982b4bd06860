//! Items of different intervals, and what begins and ends between periods: ends, trials, backdating, phases.

use super::*;

/// Stripe's own example: 15 a month and 100 a quarter.
#[tokio::test]
async fn items_of_different_intervals_renew_each_in_its_time() {
    let shop = Shop::new().await;
    let monthly = shop.price(1_500, MONTHLY).await;
    let quarterly = shop.price(10_000, (3, "month")).await;
    let made = shop.subscribe("flexible", &[&monthly, &quarterly], "").await;
    let (nov, dec, jan, feb, mar) =
        (start(), at("2026-12-23"), at("2027-01-23"), at("2027-02-23"), at("2027-03-23"));
    assert_eq!(periods(&made), [(nov, dec), (nov, feb)]);
    let first = shop.latest(&made).await;
    let texts: Vec<_> = data(&first["lines"]).iter().map(|line| text(line, "description")).collect();
    assert_eq!(texts, ["1 × Gold (at $15.00 / month)", "1 × Gold (at $100.00 every 3 months)"]);
    for (days, expected, billed) in [
        (31, [(dec, jan), (nov, feb)], vec![1_500]),
        (31, [(jan, feb), (nov, feb)], vec![1_500]),
        (31, [(feb, mar), (feb, at("2027-05-23"))], vec![1_500, 10_000]),
    ] {
        let events = shop.stand.act("advance", json!({"by": format!("{days}d")}));
        let after = shop.again(&made).await;
        assert_eq!(periods(&after), expected);
        let latest = shop.latest(&made).await;
        assert_eq!((amounts(&latest), text(&latest, "status")), (billed, "paid"));
        let renewed = expected.iter().map(|(from, _)| *from).max().unwrap();
        assert_eq!(int(&latest, "period_end"), renewed);
        event(&events, "customer.subscription.updated");
    }
    let old = shop
        .app
        .send(
            "GET",
            &format!("/v1/subscriptions/{}", text(&made, "id")),
            "",
            &[("stripe-version", "2024-06-20")],
        )
        .await
        .unwrap()
        .json();
    assert_eq!((int(&old, "current_period_start"), int(&old, "current_period_end")), (feb, mar));
}

const SAME: &str =
    "All prices on a subscription must have the same `recurring.interval` and `recurring.interval_count`.";

#[rstest::rstest]
#[case("classic", NEWEST, YEARLY, SAME)]
#[case("flexible", "2025-06-30.basil", YEARLY, SAME)]
#[case("flexible", NEWEST, (1, "week"), "All prices on a subscription must have intervals that are a multiple")]
#[tokio::test]
async fn intervals_that_do_not_go_together_are_refused(
    #[case] mode: &str,
    #[case] version: &str,
    #[case] every: (i64, &str),
    #[case] message: &str,
) {
    let shop = Shop::new().await;
    let other = shop.price(5_000, every).await;
    let body = format!(
        "customer={}&billing_mode[type]={mode}&items[0][price]=price_pro&items[1][price]={other}",
        shop.customer
    );
    let got =
        shop.app.send("POST", "/v1/subscriptions", &body, &[("stripe-version", version)]).await.unwrap();
    assert!(got.status == 400 && got.error().1.starts_with(message), "{}", got.text);
    let made = shop.subscribe(mode, &["price_pro"], "").await;
    let path = format!("/v1/subscriptions/{}", text(&made, "id"));
    let body = format!("items[0][price]={other}");
    let got = shop.app.send("POST", &path, &body, &[("stripe-version", version)]).await.unwrap();
    assert!(got.status == 400 && got.error().1.starts_with(message), "{}", got.text);
    let twice = shop.app.post(&path, "items[0][price]=price_pro").await.error();
    let message = "Cannot add multiple subscription items with the same plan: price_pro";
    assert_eq!(twice, (400, message.to_owned()));
}

#[tokio::test]
async fn a_page_sells_one_interval() {
    let shop = Shop::new().await;
    let yearly = shop.price(5_000, YEARLY).await;
    let body = format!(
        "mode=subscription&success_url=https://a.b&line_items[0][price]=price_pro&line_items[0][quantity]=1&\
         line_items[1][price]={yearly}&line_items[1][quantity]=1"
    );
    let message = "Checkout does not support multiple prices with different billing intervals.";
    assert_eq!(shop.app.post("/v1/checkout/sessions", &body).await.error(), (400, message.to_owned()));
}

/// An item that is added has the period of those that are billed as often, or the one around now.
#[tokio::test]
async fn an_item_of_another_interval_is_added_in_the_middle() {
    let shop = Shop::new().await;
    let yearly = shop.price(36_500, YEARLY).await;
    let made = shop.subscribe("flexible", &["price_pro"], "").await;
    shop.stand.act("advance", json!({"by": "10d"}));
    let after =
        shop.update(&made, &format!("items[0][price]={yearly}&proration_behavior=always_invoice")).await;
    assert_eq!(periods(&after)[1], (start(), start() + 365 * DAY));
    assert_eq!(amounts(&shop.latest(&made).await), [35_500]);
    let more = shop.price(7_300, YEARLY).await;
    let after = shop.update(&made, &format!("items[0][price]={more}")).await;
    assert_eq!(periods(&after)[2], (start(), start() + 365 * DAY));
    // A month later only the month is billed, with what waits.
    shop.stand.act("advance", json!({"by": "21d"}));
    assert_eq!(amounts(&shop.latest(&made).await), [7_100, 9_900]);
}

#[rstest::rstest]
#[case("cancel_at=min_period_end", "2026-12-23", false, -367)]
#[case("cancel_at=max_period_end", "2027-11-23", false, 0)]
#[case("cancel_at_period_end=true", "2026-12-23", true, -367)]
#[tokio::test]
async fn an_end_is_that_of_the_shortest_or_of_the_longest_period(
    #[case] body: &str,
    #[case] ends: &str,
    #[case] follows: bool,
    #[case] back: i64,
) {
    let shop = Shop::new().await;
    let (monthly, yearly) = (shop.price(100, MONTHLY).await, shop.price(400, YEARLY).await);
    let made = shop.subscribe("flexible", &[&monthly, &yearly], "").await;
    let after = shop.update(&made, body).await;
    assert_eq!((int(&after, "cancel_at"), &after["cancel_at_period_end"]), (at(ends), &json!(follows)));
    let pending: i64 = shop.pending().await.iter().map(|item| int(item, "amount")).sum();
    assert_eq!(pending, back, "what nobody uses of the year comes back");
    shop.stand.act("advance", json!({"by": "32d"}));
    let over = text(&shop.again(&made).await, "status") == "canceled";
    assert_eq!(over, ends == "2026-12-23");
}

/// With `cancel_at_period_end` the end follows the period, a moment stays where it is.
#[rstest::rstest]
#[case("cancel_at_period_end=true", 40)]
#[case("cancel_at=min_period_end", 30)]
#[tokio::test]
async fn an_end_follows_the_period_or_stays(#[case] body: &str, #[case] days: i64) {
    let shop = Shop::new().await;
    let monthly = shop.price(100, MONTHLY).await;
    let made = shop.subscribe("flexible", &[&monthly], "").await;
    shop.update(&made, body).await;
    shop.stand.act("advance", json!({"by": "10d"}));
    let after = shop.update(&made, "billing_cycle_anchor[type]=now").await;
    // From 3 December it is 31 days to 3 January.
    let days = if days == 40 { 41 } else { days };
    assert_eq!(int(&after, "cancel_at"), start() + days * DAY);
}

#[rstest::rstest]
#[case("classic", 5, "Trial period for PRO")]
#[case("flexible", 14, "Free trial for 1 × PRO")]
#[tokio::test]
async fn a_trial_is_cut_short_by_an_end_only_in_classic_mode(
    #[case] mode: &str,
    #[case] days: i64,
    #[case] words: &str,
) {
    let shop = Shop::new().await;
    let made = shop.subscribe(mode, &["price_pro"], "&trial_period_days=14").await;
    assert_eq!(shop.latest(&made).await["lines"]["data"][0]["description"], words);
    let after = shop.update(&made, &format!("cancel_at={}", start() + 5 * DAY)).await;
    assert_eq!(int(&after, "trial_end"), start() + days * DAY);
    assert_eq!(periods(&after), [(start(), start() + days * DAY)]);
}

#[rstest::rstest]
#[case("classic", 0)]
#[case("flexible", 40)]
#[tokio::test]
async fn a_second_trial_is_told_of_only_in_flexible_mode(#[case] mode: &str, #[case] days: i64) {
    let shop = Shop::new().await;
    let made = shop.subscribe(mode, &["price_pro"], "&trial_period_days=14").await;
    shop.stand.act("advance", json!({"by": "40d"}));
    let after = shop.update(&made, &format!("trial_end={}", start() + 60 * DAY)).await;
    assert_eq!((text(&after, "status"), int(&after, "trial_start")), ("trialing", start() + days * DAY));
}

#[tokio::test]
async fn an_end_within_a_period_that_would_reset_the_anchor_is_refused_by_name() {
    let shop = Shop::new().await;
    let made = shop.subscribe("classic", &["price_pro"], "").await;
    let path = format!("/v1/subscriptions/{}", text(&made, "id"));
    let got = shop.app.post(&path, &format!("cancel_at={}", start() + 5 * DAY)).await;
    assert_eq!(got.status, 501, "{}", got.text);
}

/// Forty-five days ago: in flexible mode it is as if it had run since then.
#[rstest::rstest]
#[case("classic", "", vec![14_520, 9_900], 30)]
#[case("flexible", "", vec![9_900, 9_900], 16)]
#[case("flexible", "&billing_cycle_anchor=ANCHOR", vec![7_984, 9_900], 10)]
#[tokio::test]
async fn what_is_backdated_is_one_line_or_one_for_each_period(
    #[case] mode: &str,
    #[case] more: &str,
    #[case] expected: Vec<i64>,
    #[case] days: i64,
) {
    let shop = Shop::new().await;
    let more = more.replace("ANCHOR", &(start() + 10 * DAY).to_string());
    let since = start() - 45 * DAY;
    let made = shop.subscribe(mode, &["price_pro"], &format!("&backdate_start_date={since}{more}")).await;
    assert_eq!((int(&made, "start_date"), periods(&made)[0].1), (since, start() + days * DAY));
    let billed = amounts(&shop.latest(&made).await);
    assert_eq!(billed, expected);
    let long_ago = shop
        .app
        .post(
            "/v1/subscriptions",
            &format!(
                "customer={}&items[0][price]=price_pro&backdate_start_date=0&billing_mode[type]={mode}",
                shop.customer
            ),
        )
        .await;
    assert_eq!(long_ago.status, if mode == "flexible" { 400 } else { 200 }, "{}", long_ago.text);
}

/// A phase of another interval is billed where it says that it begins anew, and else when the anchor comes.
#[rstest::rstest]
#[case("&phases[1][billing_cycle_anchor]=phase_start", 30, 99_000)]
#[case("", 0, 9_900)]
#[tokio::test]
async fn a_phase_begins_anew_where_it_says_so(#[case] more: &str, #[case] anchor: i64, #[case] billed: i64) {
    let shop = Shop::new().await;
    let yearly = shop.price(99_000, YEARLY).await;
    let body = format!(
        "customer={}&start_date=now&phases[0][items][0][price]=price_pro&phases[1][items][0][price]={yearly}&\
         phases[1][proration_behavior]=none{more}",
        shop.customer
    );
    let schedule = shop.app.make("/v1/subscription_schedules", &body).await;
    shop.stand.act("advance", json!({"by": "31d"}));
    let held = json!({"id": schedule["subscription"]});
    let after = shop.again(&held).await;
    assert_eq!(item(&after, 0)["price"]["id"], yearly);
    assert_eq!(int(&after, "billing_cycle_anchor"), start() + anchor * DAY);
    assert_eq!(int(&shop.latest(&held).await, "total"), billed);
}

#[tokio::test]
async fn usage_that_there_is_none_of_makes_no_invoice_in_flexible_mode() {
    for (mode, none) in [("classic", false), ("flexible", true)] {
        let shop = Shop::new().await;
        let calls = text(&shop.stand.double.prices()["calls"], "id").to_owned();
        let made = shop.subscribe(mode, &[&calls], "").await;
        assert_eq!(made["latest_invoice"].is_null(), none, "{mode}");
        let both = shop.subscribe(mode, &["price_pro", &calls], "").await;
        assert_eq!(amounts(&shop.latest(&both).await).len(), if none { 1 } else { 2 }, "{mode}");
        shop.stand.act("advance", json!({"by": "31d"}));
        assert_eq!(amounts(&shop.latest(&both).await).len(), 2, "{mode}: a renewal shows all");
    }
}
