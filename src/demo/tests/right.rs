//! The right app: what it must do whatever arrives, and how often.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::rig::{
    Rig, SECRET, charge, event, header, invoice, refund, session, settings, subscription, with,
};
use crate::demo::{DemoSettings, serve};

const CREATED: &str = "customer.subscription.created";
const COMPLETED: &str = "checkout.session.completed";

#[tokio::test]
async fn a_paid_checkout_gives_pro_and_one_receipt() {
    let rig = Rig::start(None).await;
    let pro = subscription("sub_1", "active", "pro_monthly", 1);
    let checkout = with(&session("cs_1"), "mode", json!("subscription"));
    let checkout = with(&with(&checkout, "subscription", json!("sub_1")), "invoice", json!("in_1"));
    for told in [
        event("evt_1", "customer.created", &json!({ "id": "cus_1" })),
        event("evt_2", CREATED, &with(&pro, "status", json!("incomplete"))),
        event("evt_3", "invoice.paid", &invoice("in_1", 9900)),
        event("evt_4", "invoice.payment_succeeded", &invoice("in_1", 9900)),
        event("evt_5", COMPLETED, &checkout),
    ] {
        rig.put("subscriptions", &pro);
        assert_eq!(rig.deliver(&told).await, 200);
    }
    assert_eq!(rig.access().await, "pro active, 1 seats");
    assert_eq!(rig.mails("receipt").await, "1 receipt mails");
    assert!(rig.page("/billing/done?session_id=cs_1").await.contains("Ready"));
    let billing = json!({
        "customer": "cus_1", "subscription": "sub_1", "status": "active", "plan": "pro", "price": "pro_monthly",
        "product": null, "seats": 1, "renews_at": 1_766_592_000, "ending": false, "latest_invoice": "in_1", "credits": 0,
    });
    assert_eq!(rig.get("/api/billing/cus_1").await, billing);
    let entitlement = json!({
        "plan": "pro", "active": true, "seats": 1, "status": "active", "renews_at": 1_766_592_000, "credits": 0,
        "features": ["exports", "sso"],
    });
    assert_eq!(rig.get("/api/entitlements/cus_1").await, entitlement);
    let receipt = json!({ "kind": "receipt", "to": "ann@example.com", "subject": "Your receipt" });
    assert_eq!(rig.get("/api/outbox/cus_1").await, json!([receipt]));
}

#[tokio::test]
async fn one_event_twenty_times_at_once_grants_once() {
    let rig = Rig::start(None).await;
    rig.put("checkout/sessions", &session("cs_1"));
    let bought = event("evt_1", COMPLETED, &session("cs_1"));
    let answers = futures_util::future::join_all((0..20).map(|_| rig.deliver(&bought))).await;
    assert!(answers.iter().all(|status| *status == 200), "{answers:?}");
    assert_eq!(rig.credits().await, "100 credits");
    assert_eq!(rig.mails("receipt").await, "1 receipt mails");
}

#[tokio::test]
async fn two_events_of_one_purchase_at_once_grant_once() {
    let rig = Rig::start(None).await;
    rig.put("checkout/sessions", &session("cs_1"));
    let completed = event("evt_1", COMPLETED, &session("cs_1"));
    let succeeded = event("evt_2", "checkout.session.async_payment_succeeded", &session("cs_1"));
    tokio::join!(rig.deliver(&completed), rig.deliver(&succeeded));
    assert_eq!(
        (rig.credits().await, rig.mails("receipt").await),
        ("100 credits".into(), "1 receipt mails".into())
    );
}

#[tokio::test]
async fn what_was_read_early_does_not_overwrite_what_was_read_later() {
    let rig = Rig::start(None).await;
    let (old, new) = (
        subscription("sub_1", "active", "pro_monthly", 1),
        subscription("sub_1", "active", "team_monthly", 1),
    );
    rig.put("subscriptions", &old);
    rig.slow_next();
    let first = event("evt_1", CREATED, &old);
    let upgrade = async {
        rig.asked(1).await;
        rig.tell("evt_2", "customer.subscription.updated", &new).await
    };
    assert_eq!(tokio::join!(rig.deliver(&first), upgrade), (StatusCode::OK, StatusCode::OK));
    assert_eq!(rig.access().await, "team active, 1 seats");
}

#[tokio::test]
async fn customers_at_once_get_their_own() {
    let rig = Rig::start(None).await;
    let numbers = 2..30;
    let customers = numbers.clone().map(|n| (format!("cus_{n}"), format!("sub_{n}")));
    let all = customers.map(|(customer, id)| {
        let rig = &rig;
        async move {
            rig.sign_up(&format!("{customer}@example.com"), &customer).await;
            let mine = with(&subscription(&id, "active", "pro_monthly", 1), "customer", json!(customer));
            assert_eq!(rig.tell(&format!("evt_{customer}"), CREATED, &mine).await, 200);
        }
    });
    futures_util::future::join_all(all).await;
    for n in numbers {
        assert_eq!(rig.get(&format!("/api/entitlements/cus_{n}")).await["plan"], "pro");
    }
}

#[rstest::rstest]
#[case::other_secret(Some("whsec_other"), 0, 400)]
#[case::empty_secret(Some(""), 0, 400)]
#[case::stale(Some(SECRET), -301, 400)]
#[case::from_the_future(Some(SECRET), 400, 400)]
#[case::none(None, 0, 400)]
#[case::right(Some(SECRET), 0, 200)]
#[tokio::test]
async fn only_what_stripe_signed_counts(
    #[case] secret: Option<&str>,
    #[case] shift: i64,
    #[case] expected: u16,
) {
    let rig = Rig::start(None).await;
    let pro = subscription("sub_1", "active", "pro_monthly", 1);
    rig.put("subscriptions", &pro);
    let body = event("evt_1", CREATED, &pro).to_string().into_bytes();
    let signature = secret.map(|secret| header(secret, shift, &body));
    assert_eq!(rig.deliver_bytes(body, signature).await, expected);
    let access = if expected == 200 { "pro active, 1 seats" } else { "free no access, 0 seats" };
    assert_eq!(rig.access().await, access);
}

#[tokio::test]
async fn a_rolled_secret_is_accepted_while_both_sign() {
    let rig = Rig::start(None).await;
    let body = event("evt_1", "payout.paid", &json!({ "id": "po_1" })).to_string().into_bytes();
    let (old, new) = (header("whsec_old", 0, &body), header(SECRET, 0, &body));
    let both = format!("{old},{}", new.split_once(',').unwrap().1);
    assert_eq!(rig.deliver_bytes(body, Some(both)).await, 200);
}

#[tokio::test]
async fn a_tampered_body_is_refused() {
    let rig = Rig::start(None).await;
    let body = event("evt_1", CREATED, &subscription("sub_1", "active", "pro_monthly", 1)).to_string();
    let signature = header(SECRET, 0, body.as_bytes());
    let tampered = body.replace("\"quantity\":1", "\"quantity\":9").into_bytes();
    assert_eq!(rig.deliver_bytes(tampered, Some(signature)).await, 400);
}

#[rstest::rstest]
#[case::not_json(b"[".to_vec())]
#[case::not_utf8(vec![0xff, 0xfe])]
#[case::empty(Vec::new())]
#[case::thin(br#"{"id":"evt_1","object":"v2.core.event","type":"v1.x","created":"now","livemode":false}"#.to_vec())]
#[tokio::test]
async fn signed_nonsense_is_refused(#[case] body: Vec<u8>) {
    let rig = Rig::start(None).await;
    let signature = header(SECRET, 0, &body);
    assert_eq!(rig.deliver_bytes(body, Some(signature)).await, 400);
}

#[rstest::rstest]
#[case::live("livemode", json!(true))]
#[case::connect("account", json!("acct_1Other"))]
#[case::other_type("type", json!("customer.tax_id.created"))]
#[tokio::test]
async fn what_is_not_for_the_app_changes_nothing(#[case] field: &str, #[case] value: Value) {
    let rig = Rig::start(None).await;
    let pro = subscription("sub_1", "active", "pro_monthly", 1);
    rig.put("subscriptions", &pro);
    assert_eq!(rig.deliver(&with(&event("evt_1", CREATED, &pro), field, value)).await, 200);
    assert_eq!(rig.access().await, "free no access, 0 seats");
    assert!(rig.shelf.lock().unwrap().calls.is_empty(), "Stripe was asked");
}

#[tokio::test]
async fn a_subscription_of_another_customer_is_never_written() {
    let rig = Rig::start(None).await;
    let told = subscription("sub_1", "active", "pro_monthly", 1);
    rig.put("subscriptions", &with(&told, "customer", json!("cus_2")));
    assert_eq!(rig.deliver(&event("evt_1", CREATED, &told)).await, 500);
    assert_eq!(rig.access().await, "free no access, 0 seats");
}

#[tokio::test]
async fn a_failure_writes_nothing_and_the_retry_repairs_it() {
    let rig = Rig::start(None).await;
    rig.put("checkout/sessions", &session("cs_1"));
    rig.fail_next(1);
    let bought = event("evt_1", COMPLETED, &session("cs_1"));
    assert_eq!(rig.deliver(&bought).await, 500);
    assert_eq!(
        (rig.credits().await, rig.mails("receipt").await),
        ("0 credits".into(), "0 receipt mails".into())
    );
    assert_eq!(rig.deliver(&bought).await, 200);
    assert_eq!(
        (rig.credits().await, rig.mails("receipt").await),
        ("100 credits".into(), "1 receipt mails".into())
    );
}

#[rstest::rstest]
#[case::refund_last(&[COMPLETED, "charge.refunded"])]
#[case::refund_first(&["charge.refunded", COMPLETED])]
#[case::by_its_newer_name(&["refund.created", COMPLETED])]
#[case::by_both_names(&[COMPLETED, "refund.created", "charge.refunded", "charge.refund.updated"])]
#[tokio::test]
async fn half_the_money_back_is_half_the_credits(#[case] order: &[&str]) {
    let rig = Rig::start(None).await;
    rig.put("checkout/sessions", &session("cs_1"));
    rig.put("charges", &charge(5_000));
    for kind in order {
        let object = match *kind {
            COMPLETED => session("cs_1"),
            // Events may be old: this one is from before the refund.
            "charge.refunded" => charge(0),
            _ => refund(),
        };
        assert_eq!(rig.deliver(&event(kind, kind, &object)).await, 200);
    }
    assert_eq!(rig.credits().await, "50 credits");
}

#[tokio::test]
async fn a_dispute_holds_the_credits_until_it_is_won() {
    let rig = Rig::start(None).await;
    rig.put("checkout/sessions", &session("cs_1"));
    rig.deliver(&event("evt_1", COMPLETED, &session("cs_1"))).await;
    rig.put("charges", &with(&charge(5_000), "disputed", json!(true)));
    let mut seen = Vec::new();
    for (kind, status) in [("created", "needs_response"), ("closed", "won"), ("funds_reinstated", "lost")] {
        let dispute = json!({ "id": "dp_1", "object": "dispute", "charge": "ch_1", "amount": 10_000, "status": status });
        rig.put_list("disputes", &json!({ "data": [dispute], "has_more": false }));
        let kind = format!("charge.dispute.{kind}");
        assert_eq!(rig.deliver(&event(&kind, &kind, &dispute)).await, 200);
        seen.push(rig.credits().await);
    }
    assert_eq!(seen, ["0 credits", "50 credits", "0 credits"], "never less than nothing");
}

#[tokio::test]
async fn features_are_read_page_by_page() {
    let rig = Rig::start(None).await;
    rig.tell("evt_1", CREATED, &subscription("sub_1", "active", "everything_monthly", 1)).await;
    let row = |name: &str| json!({ "id": format!("ent_{name}"), "lookup_key": name });
    let list = |rows: &[&str], more: bool| json!({ "data": rows.iter().map(|name| row(name)).collect::<Vec<_>>(), "has_more": more });
    let path = "entitlements/active_entitlements?customer=cus_1&limit=100";
    rig.put_list(path, &list(&["scim", "roles"], true));
    rig.put_list(&format!("{path}&starting_after=ent_roles"), &list(&["sso"], false));
    let summary = json!({ "object": "entitlements.active_entitlement_summary", "customer": "cus_1",
        "entitlements": list(&["scim"], true) });
    let kind = "entitlements.active_entitlement_summary.updated";
    assert_eq!(rig.deliver(&event("evt_2", kind, &summary)).await, 200);
    assert_eq!(rig.get("/api/entitlements/cus_1").await["features"], json!(["scim", "roles", "sso"]));
}

#[tokio::test]
async fn credits_of_a_period_come_with_its_invoice_and_go_with_its_payment() {
    let rig = Rig::start(None).await;
    rig.put("subscriptions", &subscription("sub_1", "active", "plus_monthly", 2));
    let paid = with(&invoice("in_1", 1900), "billing_reason", json!("subscription_cycle"));
    let payment = json!({ "payment": { "type": "payment_intent", "payment_intent": "pi_1" } });
    rig.put("invoices", &with(&paid, "payments", json!({ "data": [payment] })));
    for (id, kind) in [("evt_1", "invoice.paid"), ("evt_2", "invoice.payment_succeeded")] {
        assert_eq!(rig.deliver(&event(id, kind, &paid)).await, 200);
    }
    let upgrade = with(&invoice("in_2", 900), "billing_reason", json!("subscription_update"));
    assert_eq!(rig.deliver(&event("evt_3", "invoice.paid", &upgrade)).await, 200);
    assert_eq!(rig.credits().await, "100 credits", "fifty for each seat");
    rig.put("charges", &charge(10_000));
    assert_eq!(rig.deliver(&event("evt_4", "refund.created", &refund())).await, 200);
    assert_eq!(rig.credits().await, "0 credits");
}

#[tokio::test]
async fn a_deleted_customer_has_nothing() {
    let rig = Rig::start(None).await;
    rig.tell("evt_1", CREATED, &subscription("sub_1", "active", "pro_monthly", 1)).await;
    let gone = json!({ "id": "cus_1", "object": "customer" });
    assert_eq!(rig.deliver(&event("evt_2", "customer.deleted", &gone)).await, 200);
    assert_eq!(rig.access().await, "free no access, 0 seats");
}

#[tokio::test]
async fn the_old_shape_of_a_period_is_read_too() {
    let rig = Rig::start(None).await;
    let mut old = with(&subscription("sub_1", "active", "pro_monthly", 1), "current_period_end", json!(77));
    old["items"]["data"][0].as_object_mut().unwrap().remove("current_period_end");
    rig.tell("evt_1", CREATED, &old).await;
    assert_eq!(rig.get("/api/billing/cus_1").await["renews_at"], 77);
}

#[tokio::test]
async fn the_success_page_waits_for_the_event() {
    let rig = Rig::start(None).await;
    rig.put("checkout/sessions", &session("cs_1"));
    rig.put("checkout/sessions", &with(&session("cs_open"), "status", json!("open")));
    assert!(rig.page("/billing/done?session_id=cs_1").await.contains("pending"));
    assert!(rig.page("/billing/done?session_id=cs_open").await.contains("Not paid"));
    assert_eq!(rig.status("/billing/done?session_id=cs_nobody").await, 404);
    assert_eq!(rig.credits().await, "0 credits");
    rig.fail_next(1);
    assert!(rig.page("/billing/done?session_id=cs_1").await.contains("pending"));
}

#[tokio::test]
async fn signing_up_again_answers_the_same() {
    let rig = Rig::start(None).await;
    let again = rig.sign_up("Ann@Example.com ", "cus_1").await;
    assert_eq!(again, json!({ "user_id": "user_1", "customer": "cus_1" }));
}

#[rstest::rstest]
#[case::no_email(json!({ "customer": "cus_7" }), 400)]
#[case::no_address(json!({ "email": "nobody" }), 400)]
#[case::taken_email(json!({ "email": "ann@example.com", "customer": "cus_7" }), 409)]
#[case::taken_customer(json!({ "email": "bob@example.com", "customer": "cus_1" }), 409)]
#[case::new_customer(json!({ "email": "bob@example.com" }), 200)]
#[tokio::test]
async fn signing_up_is_checked(#[case] fields: Value, #[case] expected: u16) {
    let rig = Rig::start(None).await;
    let answer = rig.http.post(format!("{}/signup", rig.url)).json(&fields).send().await.unwrap();
    assert_eq!(answer.status(), expected);
}

#[tokio::test]
async fn a_browser_signs_up_with_a_form_and_sees_plans() {
    let rig = Rig::start(None).await;
    assert!(rig.page("/").await.contains("<form method=\"post\" action=\"/signup\">"));
    let answer = rig
        .http
        .post(format!("{}/signup", rig.url))
        .header("content-type", "application/x-www-form-urlencoded")
        .header("accept", "text/html,*/*")
        .body("email=bob%40example.com");
    let page = answer.send().await.unwrap().text().await.unwrap();
    assert!(page.contains("Choose a plan") && page.contains("made_1"), "{page}");
    assert_eq!(rig.shelf.lock().unwrap().calls, ["POST /v1/customers"]);
}

#[tokio::test]
async fn buying_opens_a_session_at_stripe() {
    let rig = Rig::start(None).await;
    let wanted = json!({ "customer": "cus_1", "price": "pro_monthly" });
    let checkout = || rig.http.post(format!("{}/checkout", rig.url)).json(&wanted).send();
    assert_eq!(checkout().await.unwrap().status(), 502);
    rig.put_list("prices", &json!({ "data": [{ "id": "price_1" }] }));
    let opened: Value = checkout().await.unwrap().json().await.unwrap();
    assert_eq!(opened, json!({ "session": "made_1", "url": "https://checkout.example/pay" }));
    rig.put_list("prices", &json!({ "data": [] }));
    assert_eq!(checkout().await.unwrap().status(), 404);
}

#[tokio::test]
async fn customers_nobody_knows_have_nothing() {
    let rig = Rig::start(None).await;
    assert_eq!(rig.get("/api/entitlements/cus_9").await["plan"], "free");
    assert_eq!(rig.get("/api/billing/cus_9").await["status"], "none");
    assert_eq!(rig.get("/api/outbox/cus_9").await, json!([]));
    assert_eq!(rig.status("/healthz").await, 200);
    assert!(rig.get("/version").await["sha"].is_string());
}

#[tokio::test]
async fn what_keeps_it_from_starting_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let settings = settings("http://127.0.0.1:9", folder.path(), None);
    let error = serve(DemoSettings { port, ..settings.clone() }).await.unwrap_err();
    assert_eq!(error.to_string(), format!("listen on 127.0.0.1:{port}"));
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = serve(DemoSettings { data_dir: file.clone(), ..settings }).await.unwrap_err();
    assert_eq!(error.to_string(), format!("make the data folder `{}`", file.display()));
}

#[tokio::test]
async fn a_restart_forgets_nothing() {
    let rig = Rig::start(None).await;
    rig.put("checkout/sessions", &session("cs_1"));
    let bought = event("evt_1", COMPLETED, &session("cs_1"));
    rig.deliver(&bought).await;
    let rig = rig.restart().await;
    assert_eq!(rig.deliver(&bought).await, 200);
    assert_eq!(
        (rig.credits().await, rig.mails("receipt").await),
        ("100 credits".into(), "1 receipt mails".into())
    );
}
