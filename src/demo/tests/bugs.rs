//! Every bug beside the right app: the same story, told to both.

mod sales;

use std::fmt::Write;

use serde_json::{Value, json};

use self::sales::{
    arrives_late, declined_upgrade, features, metered, period_moves, product, refunded, renewed,
    shown_as_ending, to_be_confirmed,
};
use super::rig::{
    Rig, SECRET, event, event_at, header, invoice, session, session_of_bob, subscription, with,
};
use crate::demo::Bug;

const CREATED: &str = "customer.subscription.created";
const UPDATED: &str = "customer.subscription.updated";
const DELETED: &str = "customer.subscription.deleted";
const COMPLETED: &str = "checkout.session.completed";

/// The snapshot is the specification: which answers Stripe gets, and what the customer has afterwards.
#[tokio::test]
async fn each_bug_shows_and_the_right_app_stays_right() {
    let mut table = String::new();
    for bug in Bug::ALL {
        let right = story(*bug, &Rig::start(None).await).await;
        let wrong = story(*bug, &Rig::start(Some(*bug)).await).await;
        assert_ne!(right, wrong, "{bug} does not show");
        writeln!(table, "{bug}\n  right: {right}\n  wrong: {wrong}").unwrap();
    }
    insta::assert_snapshot!(table);
}

/// What happens, and what comes of it.
#[expect(clippy::too_many_lines, reason = "a table")]
async fn story(bug: Bug, rig: &Rig) -> String {
    match bug {
        Bug::OrderUpdatedBeforeCreated => overtaken(rig).await,
        Bug::OrderUpdatedNoRow => update_without_a_row(rig).await,
        Bug::OrderInvoiceBeforeCheckout => invoice_first(rig).await,
        Bug::OrderConcurrentPair => both_at_once(rig).await,
        Bug::OrderStaleUpdateWins => stale_update(rig).await,
        Bug::OrderZombieAfterDelete => zombie(rig).await,
        Bug::OrderSameSecondTie => same_second(rig).await,
        Bug::OrderRefundBeforePurchase => refunded(rig, &["refund.created", COMPLETED]).await,
        Bug::OrderWebhookBeforeLocalRow => paid_before_saved(rig).await,
        Bug::RedirectFirst => back_first(rig).await,
        Bug::RedirectNever => bob_pays(rig, session_of_bob("client_reference_id")).await,
        Bug::RedirectAndWebhookDouble => redirect_and_webhook(rig).await,
        Bug::DupSameEventCredits | Bug::DupNotification => twice(rig).await,
        Bug::DupTwoEventsOneFact | Bug::ShapeInvoiceSubscriptionMoved => renewed(rig).await,
        Bug::DupMemoryOnly => across_a_restart(rig).await,
        Bug::DupTimeoutThenRetry => overlapping(rig).await,
        Bug::Ack4xxBusinessError | Bug::OutNotificationLost => mail_refused(rig).await,
        Bug::AckPartialWrite => half_way(rig).await,
        Bug::DupMarkedBeforeWork | Bug::AckSwallowedError => hiccup(rig).await,
        Bug::AckThenLost => hiccup_at_checkout(rig).await,
        Bug::AckInvoiceCreated => drafted(rig).await,
        Bug::ShapeEndpointOlderThanCode => in_an_older_version(rig).await,
        Bug::ShapeThinVsSnapshot => thin(rig).await,
        Bug::ShapePeriodEndMoved => period_moves(rig).await,
        Bug::ShapeCancelAt => shown_as_ending(rig).await,
        Bug::ShapeListTruncated => features(rig).await,
        Bug::ShapeUnexpandedRef => product(rig).await,
        Bug::ShapeRefundEventRenamed => refunded(rig, &[COMPLETED, "refund.created"]).await,
        Bug::ShapeExpandableNull => metered(rig).await,
        Bug::MapIncompleteExpired => with_status(rig, "incomplete_expired").await,
        Bug::MapPausedStatus => trial_is_paused(rig).await,
        Bug::MapPauseCollection => collection_is_paused(rig).await,
        Bug::MapStaleItems => plan_change(rig, "basic_monthly").await,
        Bug::MapIncompleteGrants => with_status(rig, "incomplete").await,
        Bug::MapUnpaidKeeps => with_status(rig, "unpaid").await,
        Bug::MapPastdueRevokesAtOnce => with_status(rig, "past_due").await,
        Bug::MapUpgradeBeforePayment => declined_upgrade(rig).await,
        Bug::MapCancelEarly => cancelled_in_the_portal(rig).await,
        Bug::MapPortalPlanChange | Bug::MapUnknownPriceNoop => plan_change(rig, "team_monthly").await,
        Bug::MapUnknownPriceFree | Bug::MapUnknownPrice500 => plan_change(rig, "made_by_hand").await,
        Bug::MapQuantity => with_seats(rig).await,
        // Its period ended in 2025.
        Bug::MapTrialNeverEnds => with_status(rig, "trialing").await,
        Bug::MapRenewalTtl => bought_long_ago(rig).await,
        Bug::IdMetadataOnSession => bob_pays(rig, session_of_bob("metadata")).await,
        Bug::IdMetadataOnSubscription => bob_is_subscribed(rig, "billing@example.com").await,
        Bug::IdDuplicateRows => rows(rig).await,
        Bug::IdDashboardCreated => bob_is_subscribed(rig, "Bob@example.com").await,
        Bug::IdZeroPaymentCreatedOnly => created_only(rig).await,
        Bug::IdCustomerDeleted => opens_billing(rig).await,
        Bug::IdMultiSubClobber => old_one_ends(rig).await,
        Bug::IdForeignEvents => foreign(rig).await,
        Bug::IdConnectAccount => elsewhere(rig).await,
        Bug::IdLivemode => live(rig).await,
        Bug::MoneyRefundNoClawback => refunded(rig, &[COMPLETED, "charge.refunded"]).await,
        Bug::MoneyAsyncForgotten => arrives_late(rig).await,
        Bug::MoneyAsyncUnpaid => sold(rig, with(&session("cs_1"), "payment_status", json!("unpaid"))).await,
        Bug::MoneyZeroAmount => sold(rig, free_session()).await,
        Bug::MoneyZeroTrialMail => zero_invoice(rig).await,
        Bug::MoneyScaRenewal => to_be_confirmed(rig).await,
        Bug::NetWrongSecret | Bug::NetAuthCsrf => partner_leaves(rig).await,
        Bug::NetSignatureUnchecked => forged(rig, None).await,
        Bug::NetEmptySecret => forged(rig, Some(("", 0))).await,
        Bug::NetTimestamp => forged(rig, Some((SECRET, -3600))).await,
        // Its events are of 2025.
        Bug::NetTimestampRetry => with_status(rig, "active").await,
        Bug::NetBodyReserialised => compact(rig).await,
        Bug::NetEndpointDisabled | Bug::NetNotSubscribed | Bug::NetMissedBeyondReplay => {
            nothing_arrives(rig).await
        }
        Bug::OutCache => warm_cache(rig).await,
        Bug::OutDunningMissing => declined(rig).await,
        Bug::OutPolicyWrittenNowhere => free_rider(rig).await,
    }
}

async fn stale_update(rig: &Rig) -> String {
    let (old, new) = (
        subscription("sub_1", "active", "pro_monthly", 3),
        subscription("sub_1", "active", "team_monthly", 3),
    );
    rig.tell("evt_1", CREATED, &old).await;
    rig.tell("evt_2", UPDATED, &new).await;
    let late = rig.deliver(&event_at("evt_0", 1_763_990_000, UPDATED, &old)).await;
    format!("{late}, {}", rig.access().await)
}

async fn zombie(rig: &Rig) -> String {
    let alive = subscription("sub_1", "active", "pro_monthly", 1);
    rig.tell("evt_1", CREATED, &alive).await;
    rig.tell("evt_2", DELETED, &subscription("sub_1", "canceled", "pro_monthly", 1)).await;
    let late = rig.deliver(&event_at("evt_0", 1_763_990_000, UPDATED, &alive)).await;
    format!("{late}, {}", rig.access().await)
}

async fn same_second(rig: &Rig) -> String {
    rig.put("subscriptions", &subscription("sub_1", "active", "pro_monthly", 1));
    rig.deliver(&event("evt_1", CREATED, &subscription("sub_1", "incomplete", "pro_monthly", 1))).await;
    let second =
        rig.deliver(&event("evt_2", UPDATED, &subscription("sub_1", "active", "pro_monthly", 1))).await;
    format!("{second}, {}", rig.access().await)
}

/// `updated` arrives before `created`.
async fn overtaken(rig: &Rig) -> String {
    let pro = subscription("sub_1", "active", "pro_monthly", 1);
    let first = rig.tell("evt_2", UPDATED, &pro).await;
    let second = rig.deliver(&event("evt_1", CREATED, &with(&pro, "status", json!("incomplete")))).await;
    format!("{first}, {second}, {}", rig.access().await)
}

/// `created` arrives while `updated` is at work.
async fn both_at_once(rig: &Rig) -> String {
    let pro = subscription("sub_1", "active", "pro_monthly", 1);
    rig.slow_next();
    let created = async {
        rig.asked(1).await;
        rig.deliver(&event("evt_1", CREATED, &with(&pro, "status", json!("incomplete")))).await
    };
    let answers = tokio::join!(rig.tell("evt_2", UPDATED, &pro), created);
    format!("{answers:?}, {}", rig.access().await)
}

async fn update_without_a_row(rig: &Rig) -> String {
    rig.register_bob("bob@example.com").await;
    let pro = with(&subscription("sub_1", "active", "pro_monthly", 1), "customer", json!("cus_2"));
    let first = rig.tell("evt_2", UPDATED, &pro).await;
    let second = rig.deliver(&event("evt_1", CREATED, &pro)).await;
    let account = rig.get("/api/account?email=bob@example.com").await;
    format!("{first}, {second}, {}, {} of bob's", rig.access_of("cus_2").await, account["subscriptions"])
}

async fn invoice_first(rig: &Rig) -> String {
    rig.register_bob("billing@example.com").await;
    let invoice = with(&invoice("in_1", 9900), "customer", json!("cus_2"));
    let first = rig.deliver(&event("evt_1", "invoice.paid", &invoice)).await;
    format!("{first}, {}", bob_buys(rig, session_of_bob("client_reference_id")).await)
}

async fn bob_pays(rig: &Rig, session: Value) -> String {
    rig.register_bob("billing@example.com").await;
    bob_buys(rig, session).await
}

async fn bob_buys(rig: &Rig, session: Value) -> String {
    let pro = with(&subscription("sub_1", "active", "pro_monthly", 1), "customer", json!("cus_2"));
    rig.put("subscriptions", &pro);
    let answer = rig.deliver(&event("evt_2", COMPLETED, &session)).await;
    let mails = rig.get("/api/outbox/cus_2").await;
    format!("{answer}, {}, {} mails", rig.access_of("cus_2").await, mails.as_array().unwrap().len())
}

async fn bob_is_subscribed(rig: &Rig, email: &str) -> String {
    rig.register_bob(email).await;
    let pro = with(&subscription("sub_1", "active", "pro_monthly", 1), "customer", json!("cus_2"));
    // A colleague who makes it in the dashboard writes nothing down.
    let user = if email.starts_with("Bob") { json!({}) } else { json!({ "user": "user_2" }) };
    let answer = rig.tell("evt_1", CREATED, &with(&pro, "metadata", user)).await;
    format!("{answer}, {}", rig.access_of("cus_2").await)
}

async fn back_first(rig: &Rig) -> String {
    rig.put("checkout/sessions", &session("cs_1"));
    let page = rig.page("/billing/done?session_id=cs_1").await;
    let title = page.split_once("<h1>").and_then(|(_, rest)| rest.split_once("</h1>"));
    format!("told: {}", title.unwrap().0)
}

async fn rows(rig: &Rig) -> String {
    rig.tell("evt_1", CREATED, &subscription("sub_1", "active", "pro_monthly", 1)).await;
    let sold = with(&with(&session("cs_1"), "mode", json!("subscription")), "subscription", json!("sub_1"));
    let answer = rig.deliver(&event("evt_2", COMPLETED, &sold)).await;
    let account = rig.get("/api/account?email=ann@example.com").await;
    format!("{answer}, {} rows", account["subscriptions"].as_array().unwrap().len())
}

async fn created_only(rig: &Rig) -> String {
    let answer = rig.tell("evt_1", CREATED, &subscription("sub_1", "active", "pro_monthly", 1)).await;
    format!("{answer}, {}", rig.access().await)
}

/// Stripe knows no customer any more.
async fn opens_billing(rig: &Rig) -> String {
    let gone = rig.deliver(&event("evt_1", "customer.deleted", &json!({ "id": "cus_1" }))).await;
    format!("{gone}, the billing page answers {}", rig.status("/billing/cus_1").await)
}

async fn trial_is_paused(rig: &Rig) -> String {
    let mut trial = subscription("sub_1", "trialing", "pro_monthly", 1);
    trial["items"]["data"][0]["current_period_end"] = json!(4_000_000_000_i64);
    rig.tell("evt_1", CREATED, &trial).await;
    let answer = rig.tell("evt_2", UPDATED, &with(&trial, "status", json!("paused"))).await;
    format!("{answer}, {}", rig.access().await)
}

async fn collection_is_paused(rig: &Rig) -> String {
    let pro = subscription("sub_1", "active", "pro_monthly", 1);
    let answer =
        rig.tell("evt_1", UPDATED, &with(&pro, "pause_collection", json!({ "behavior": "void" }))).await;
    format!("{answer}, {}", rig.access().await)
}

async fn paid_before_saved(rig: &Rig) -> String {
    rig.put("checkout/sessions", &session("cs_1"));
    let answer = rig.deliver(&event("evt_1", COMPLETED, &session("cs_1"))).await;
    let order = json!({ "customer": "cus_1", "session": "cs_1" });
    rig.http.post(format!("{}/orders", rig.url)).json(&order).send().await.unwrap();
    format!("{answer}, order {}", rig.get("/api/orders/cus_1").await["state"])
}

/// The same event again while the first delivery of it is slow.
async fn overlapping(rig: &Rig) -> String {
    rig.put("checkout/sessions", &session("cs_1"));
    rig.slow_next();
    let told = event("evt_1", COMPLETED, &session("cs_1"));
    let answers = tokio::join!(rig.deliver(&told), rig.deliver(&told));
    format!("{answers:?}, {}", rig.credits().await)
}

async fn half_way(rig: &Rig) -> String {
    rig.tell("evt_1", CREATED, &subscription("sub_1", "active", "pro_monthly", 1)).await;
    rig.fail_next(1);
    let answer = rig.tell("evt_2", UPDATED, &subscription("sub_1", "active", "team_monthly", 1)).await;
    format!("{answer}, {}", rig.access().await)
}

async fn redirect_and_webhook(rig: &Rig) -> String {
    rig.put("checkout/sessions", &session("cs_1"));
    rig.page("/billing/done?session_id=cs_1").await;
    let status = rig.deliver(&event("evt_1", COMPLETED, &session("cs_1"))).await;
    format!("{status}, {}, {}", rig.credits().await, rig.mails("receipt").await)
}

async fn twice(rig: &Rig) -> String {
    rig.put("checkout/sessions", &session("cs_1"));
    let bought = event("evt_1", COMPLETED, &session("cs_1"));
    let (first, second) = (rig.deliver(&bought).await, rig.deliver(&bought).await);
    format!("{first}, {second}, {}, {}", rig.credits().await, rig.mails("receipt").await)
}

/// Delivered again to a new process on the same data.
async fn across_a_restart(rig: &Rig) -> String {
    rig.put("checkout/sessions", &session("cs_1"));
    let bought = event("evt_1", COMPLETED, &session("cs_1"));
    let first = rig.deliver(&bought).await;
    let next = rig.beside().await;
    let second = next.deliver(&bought).await;
    format!("{first}, {second}, {}, {}", next.credits().await, next.mails("receipt").await)
}

/// Stripe's API fails once; what is not answered 2xx is delivered again.
async fn hiccup(rig: &Rig) -> String {
    let pro = subscription("sub_1", "active", "pro_monthly", 1);
    rig.put("subscriptions", &pro);
    rig.fail_next(1);
    let told = event("evt_1", CREATED, &pro);
    let mut answers = vec![rig.deliver(&told).await];
    if !answers[0].is_success() {
        answers.push(rig.deliver(&told).await);
    }
    format!("{answers:?}, {}", rig.access().await)
}

/// Stripe's API fails once while a completed checkout is handled.
async fn hiccup_at_checkout(rig: &Rig) -> String {
    rig.put("checkout/sessions", &session("cs_1"));
    rig.fail_next(1);
    let told = event("evt_1", COMPLETED, &session("cs_1"));
    let mut answers = vec![rig.deliver(&told).await];
    if !answers[0].is_success() {
        answers.push(rig.deliver(&told).await);
    }
    format!("{answers:?}, {}", rig.credits().await)
}

/// The mail server does not take the first mail.
async fn mail_refused(rig: &Rig) -> String {
    rig.put("checkout/sessions", &session("cs_1"));
    rig.refuse_mail();
    let bought = event("evt_1", COMPLETED, &session("cs_1"));
    let mut answers = vec![rig.deliver(&bought).await];
    if !answers[0].is_success() {
        answers.push(rig.deliver(&bought).await);
    }
    format!("{answers:?}, {}, {} arrived", rig.credits().await, rig.arrived())
}

async fn with_status(rig: &Rig, status: &str) -> String {
    let answer = rig.tell("evt_1", UPDATED, &subscription("sub_1", status, "pro_monthly", 1)).await;
    format!("{answer}, {}", rig.access().await)
}

async fn cancelled_in_the_portal(rig: &Rig) -> String {
    let ending = with(&subscription("sub_1", "active", "pro_monthly", 1), "cancel_at", json!(1_766_592_000));
    let answer = rig.tell("evt_1", UPDATED, &ending).await;
    format!("{answer}, {}", rig.access().await)
}

async fn plan_change(rig: &Rig, price: &str) -> String {
    rig.tell("evt_1", CREATED, &subscription("sub_1", "active", "pro_monthly", 1)).await;
    let answer = rig.tell("evt_2", UPDATED, &subscription("sub_1", "active", price, 1)).await;
    format!("{answer}, {}, {}", rig.access().await, rig.mails("alert").await)
}

async fn bought_long_ago(rig: &Rig) -> String {
    rig.tell("evt_1", CREATED, &subscription("sub_1", "active", "pro_monthly", 1)).await;
    rig.execute("UPDATE subscriptions SET bought = bought - 31 * 86400").await;
    let answer = rig.tell("evt_2", UPDATED, &subscription("sub_1", "active", "pro_monthly", 1)).await;
    format!("{answer}, {}", rig.access().await)
}

async fn with_seats(rig: &Rig) -> String {
    let answer = rig.tell("evt_1", CREATED, &subscription("sub_1", "active", "pro_monthly", 25)).await;
    format!("{answer}, {}", rig.access().await)
}

async fn old_one_ends(rig: &Rig) -> String {
    rig.tell("evt_1", CREATED, &subscription("sub_1", "active", "pro_monthly", 1)).await;
    let answer = rig.tell("evt_2", DELETED, &subscription("sub_old", "canceled", "basic_monthly", 1)).await;
    format!("{answer}, {}", rig.access().await)
}

async fn foreign(rig: &Rig) -> String {
    let stranger = with(&subscription("sub_9", "active", "other_monthly", 1), "customer", json!("cus_9"));
    rig.tell("evt_1", CREATED, &stranger).await.to_string()
}

async fn live(rig: &Rig) -> String {
    let pro = subscription("sub_1", "active", "pro_monthly", 1);
    rig.put("subscriptions", &pro);
    let answer = rig.deliver(&with(&event("evt_1", CREATED, &pro), "livemode", json!(true))).await;
    format!("{answer}, {}", rig.access().await)
}

fn free_session() -> Value {
    let free = with(&session("cs_1"), "payment_intent", Value::Null);
    with(&with(&free, "payment_status", json!("no_payment_required")), "amount_total", json!(0))
}

async fn sold(rig: &Rig, session: Value) -> String {
    rig.put("checkout/sessions", &session);
    let answer = rig.deliver(&event("evt_1", COMPLETED, &session)).await;
    format!("{answer}, {}", rig.credits().await)
}

async fn zero_invoice(rig: &Rig) -> String {
    rig.put("subscriptions", &subscription("sub_1", "trialing", "pro_monthly", 1));
    let answer = rig.deliver(&event("evt_1", "invoice.paid", &invoice("in_1", 0))).await;
    format!("{answer}, {}, {}", rig.access().await, rig.mails("receipt").await)
}

async fn forged(rig: &Rig, signed: Option<(&str, i64)>) -> String {
    let pro = subscription("sub_1", "active", "pro_monthly", 1);
    rig.put("subscriptions", &pro);
    let body = event("evt_1", CREATED, &pro).to_string().into_bytes();
    let signature = signed.map(|(secret, shift)| header(secret, shift, &body));
    let answer = rig.deliver_bytes(body, signature).await;
    format!("{answer}, {}", rig.access().await)
}

async fn compact(rig: &Rig) -> String {
    let pro = subscription("sub_1", "active", "pro_monthly", 1);
    rig.put("subscriptions", &pro);
    let pretty = rig.deliver(&event("evt_1", CREATED, &pro)).await;
    let body = event("evt_2", UPDATED, &pro).to_string().into_bytes();
    let signature = header(SECRET, 0, &body);
    let compact = rig.deliver_bytes(body, Some(signature)).await;
    format!("{pretty}, {compact}, {}", rig.access().await)
}

async fn warm_cache(rig: &Rig) -> String {
    let before = rig.access().await;
    rig.tell("evt_1", CREATED, &subscription("sub_1", "active", "pro_monthly", 1)).await;
    format!(
        "{before}, then {}, recorded as {}",
        rig.access().await,
        rig.get("/api/billing/cus_1").await["plan"]
    )
}

async fn declined(rig: &Rig) -> String {
    rig.put("subscriptions", &subscription("sub_1", "past_due", "pro_monthly", 1));
    let answer = rig.deliver(&event("evt_1", "invoice.payment_failed", &invoice("in_1", 0))).await;
    format!("{answer}, {}, {}", rig.access().await, rig.mails("dunning").await)
}

async fn free_rider(rig: &Rig) -> String {
    let free = rig.status("/api/feature/sso/cus_1").await;
    rig.tell("evt_1", CREATED, &subscription("sub_1", "active", "pro_monthly", 1)).await;
    format!("{free} as free, {} as pro", rig.status("/api/feature/sso/cus_1").await)
}

async fn drafted(rig: &Rig) -> String {
    let draft = with(&invoice("in_1", 0), "billing_reason", json!("subscription_cycle"));
    rig.deliver(&event("evt_1", "invoice.created", &draft)).await.to_string()
}

async fn in_an_older_version(rig: &Rig) -> String {
    let pro = subscription("sub_1", "active", "pro_monthly", 1);
    rig.put("subscriptions", &pro);
    let old = with(&event("evt_1", CREATED, &pro), "api_version", json!("2024-06-20"));
    format!("{}, {}", rig.deliver(&old).await, rig.access().await)
}

async fn thin(rig: &Rig) -> String {
    rig.put("subscriptions", &subscription("sub_1", "active", "pro_monthly", 1));
    let thin = json!({ "id": "evt_1", "object": "v2.core.event", "type": format!("v1.{CREATED}"), "livemode": false,
        "created": "2026-11-23T00:00:00.000Z", "related_object": { "id": "sub_1", "type": "subscription" } });
    format!("{}, {}", rig.deliver(&thin).await, rig.access().await)
}

/// A customer with the same id is deleted in somebody else's account.
async fn elsewhere(rig: &Rig) -> String {
    rig.tell("evt_1", CREATED, &subscription("sub_1", "active", "pro_monthly", 1)).await;
    let deleted = event("evt_2", "customer.deleted", &json!({ "id": "cus_1", "object": "customer" }));
    format!("{}, {}", rig.deliver_connected("acct_1Other", &deleted).await, rig.access().await)
}

async fn partner_leaves(rig: &Rig) -> String {
    rig.http.put(format!("{}/partners/cus_1", rig.url)).send().await.unwrap();
    let application = json!({ "id": "ca_1", "object": "application" });
    let left = event("evt_1", "account.application.deauthorized", &application);
    let answer = rig.deliver_connected("made_1", &left).await;
    format!("{answer}, shop {}", rig.get("/api/partner/cus_1").await["shop"])
}

/// A subscription and a purchase of last year, of which the app was not told, and the nightly sync.
async fn nothing_arrives(rig: &Rig) -> String {
    let list = |object: Value| json!({ "object": "list", "has_more": false, "data": [object] });
    let began = with(&subscription("sub_1", "active", "pro_monthly", 1), "created", json!(1_764_000_000));
    rig.put_list("subscriptions", &list(began));
    rig.put_list("checkout/sessions", &list(session("cs_1")));
    rig.put("checkout/sessions", &session("cs_1"));
    rig.put_list("charges", &json!({ "object": "list", "has_more": false, "data": [] }));
    let (first, second) = (rig.sync().await, rig.sync().await);
    format!(
        "{first}, {second}, {}, {}, {}",
        rig.access().await,
        rig.credits().await,
        rig.mails("alert").await
    )
}
