//! Cases: what is theirs, what meets them, and that nothing of them stays.

use super::*;
use crate::provider::double::store::Kind;

const OTHER: CaseId = CaseId(2);

/// A second case beside the stand's own.
fn second(stand: &Stand) -> usize {
    stand.double.open(OTHER, START.parse().unwrap(), IdMinter::new(7, 2));
    stand.double.add_customer(OTHER, "other@example.com")
}

fn customer_of(stand: &Stand, case: CaseId) -> String {
    text(&stand.double.truth(case, 0, None)["customer"], "id").to_owned()
}

fn fault(call: &str, effect: Effect, times: Option<u32>) -> Vec<ApiFault> {
    vec![ApiFault { call: call.into(), effect, times }]
}

#[tokio::test]
async fn a_customer_made_by_the_app_is_adopted() {
    let stand = Stand::new().await;
    let app = App::of(&stand);
    let premade = customer_of(&stand, CASE);
    let made = app.make("/v1/customers", "email=JENNY@example.com").await;
    assert_eq!(customer_of(&stand, CASE), text(&made, "id"));
    assert_eq!(
        app.get(&format!("/v1/customers/{premade}")).await.status,
        404,
        "the one made beforehand is dropped"
    );
    assert_eq!(types(&stand.double.drain(CASE)), ["customer.created"]);
    let twice = app.make("/v1/customers", "email=jenny@example.com").await;
    assert_ne!(
        customer_of(&stand, CASE),
        text(&twice, "id"),
        "a second one is the app's mistake, not the slot's"
    );
    assert_eq!(made["created"], START.parse::<Timestamp>().unwrap().as_second(), "by the case's clock");
}

#[tokio::test]
async fn a_customer_that_bought_something_is_not_dropped() {
    let stand = Stand::new().await;
    let app = App::of(&stand);
    stand.act("subscribe", json!({"price": "pro_monthly"}));
    let premade = customer_of(&stand, CASE);
    app.make("/v1/customers", "email=jenny@example.com").await;
    assert_eq!(app.get(&format!("/v1/customers/{premade}")).await.status, 200);
}

#[tokio::test]
async fn calls_belong_to_the_case_that_they_name() {
    let stand = Stand::new().await;
    second(&stand);
    let app = App::of(&stand);
    let mut calls = stand.double.calls().unwrap();
    assert!(stand.double.calls().is_none(), "the first caller gets them");
    let (mine, other) = (customer_of(&stand, CASE), customer_of(&stand, OTHER));
    app.get(&format!("/v1/customers/{mine}")).await;
    app.get(&format!("/v1/subscriptions?customer={other}")).await;
    app.get("/v1/customers?email=OTHER@example.com").await;
    app.post("/v1/checkout/sessions", &format!("mode=payment&metadata[customer]={mine}")).await;
    app.get("/v1/prices/price_pro").await;
    app.send("POST", &format!("/v1/reviews?to={other}"), "", &[("stripe-version", "2026-10-28.endive")])
        .await
        .unwrap();
    let mut seen = Vec::new();
    for _ in 0..6 {
        seen.push(calls.recv().await.unwrap());
    }
    let cases: Vec<_> = seen.iter().map(|call| call.case).collect();
    assert_eq!(cases, [Some(CASE), Some(OTHER), Some(OTHER), Some(CASE), None, Some(OTHER)]);
    let kinds: Vec<_> = seen.iter().map(|call| (call.kind, call.status)).collect();
    let answered = (CallKind::Answered, 200);
    assert_eq!(
        kinds,
        [answered, answered, answered, (CallKind::Invalid, 400), answered, (CallKind::Refused, 501)]
    );
    assert_eq!(seen[1].path, format!("/v1/subscriptions?customer={other}"));
    assert_eq!(seen[3].params, format!("{{\"mode\":\"payment\",\"metadata\":{{\"customer\":\"{mine}\"}}}}"));
    assert_eq!(seen[5].stripe_version.as_deref(), Some("2026-10-28.endive"));
    assert!(seen[5].at >= seen[0].at);
    assert_eq!(stand.double.close(OTHER).refused, ["provider double: POST /v1/reviews is not modelled"]);
    assert_eq!(stand.double.close(CASE).refused, Vec::<String>::new());
}

#[tokio::test]
async fn faults_meet_only_their_own_case() {
    let stand = Stand::new().await;
    second(&stand);
    let app = App::of(&stand);
    let (mine, other) = (customer_of(&stand, CASE), customer_of(&stand, OTHER));
    stand.double.arm(CASE, fault("GET /v1/customers/*", Effect::Refusal(500.into()), Some(2)));
    assert_eq!(app.get(&format!("/v1/customers/{other}")).await.status, 200);
    assert_eq!(app.get("/v1/prices/price_pro").await.status, 200);
    let struck = app.get(&format!("/v1/customers/{mine}")).await;
    assert_eq!((struck.status, struck.json()["error"]["type"].clone()), (500, json!("api_error")));
    assert_eq!(app.get(&format!("/v1/customers/{mine}")).await.status, 500);
    assert_eq!(app.get(&format!("/v1/customers/{mine}")).await.status, 200, "two times");
    stand.double.arm(CASE, fault("/v1/*", Effect::Refusal(429.into()), None));
    let limited = app.get(&format!("/v1/subscriptions?customer={mine}")).await;
    assert_eq!((limited.status, limited.header("stripe-rate-limited-reason")), (429, "global-rate"));
    assert_eq!((limited.header("retry-after"), limited.header("stripe-should-retry")), ("", ""));
    stand.double.disarm(CASE);
    assert_eq!(app.get(&format!("/v1/subscriptions?customer={mine}")).await.status, 200);
}

#[tokio::test]
async fn a_failed_call_is_not_carried_out_and_may_be_tried_again() {
    let stand = Stand::new().await;
    let app = App::of(&stand);
    stand.double.arm(CASE, fault("POST /v1/customers", Effect::Refusal(503.into()), Some(1)));
    let key = [("idempotency-key", "k")];
    let send = || app.send("POST", "/v1/customers", "email=jenny@example.com", &key);
    assert_eq!(send().await.unwrap().status, 503);
    assert!(stand.double.drain(CASE).is_empty());
    assert_eq!(send().await.unwrap().status, 200);
    assert_eq!(types(&stand.double.drain(CASE)), ["customer.created"]);
}

#[tokio::test]
async fn a_reset_ends_the_connection_without_an_answer() {
    let stand = Stand::new().await;
    let app = App::of(&stand);
    let mut calls = stand.double.calls().unwrap();
    stand.double.arm(CASE, fault("POST *", Effect::Reset, None));
    let path = format!("/v1/customers/{}", customer_of(&stand, CASE));
    assert!(app.send("POST", &path, "name=x", &[]).await.is_err());
    let call = calls.recv().await.unwrap();
    assert_eq!((call.kind, call.status), (CallKind::Faulted, 0));
    assert_eq!(
        app.get(&path).await.json()["name"],
        json!(null),
        "nothing was done, and the next call is answered"
    );
}

#[tokio::test]
async fn a_call_that_is_kept_waiting_is_told_at_once_and_answered_when_it_is_let_go() {
    let stand = Stand::new().await;
    let app = App::of(&stand);
    let mut calls = stand.double.calls().unwrap();
    stand.double.arm(CASE, fault("*", Effect::Refusal(500.into()), Some(1)));
    stand.double.hold(CASE);
    stand.double.hold(CASE);
    let path = format!("/v1/customers/{}", customer_of(&stand, CASE));
    let (held, ()) = tokio::join!(app.get(&path), async {
        let call = calls.recv().await.unwrap();
        assert_eq!((call.kind, call.status), (CallKind::Held, 200));
        // Only one is kept waiting; the next meets what else is armed.
        assert_eq!(app.get(&path).await.status, 500);
        assert_eq!(app.get(&path).await.status, 200);
        stand.double.release(CASE);
    });
    assert_eq!(held.status, 200);
}

#[tokio::test]
async fn a_closed_case_lets_go_of_its_calls() {
    let stand = Stand::new().await;
    let app = App::of(&stand);
    let mut calls = stand.double.calls().unwrap();
    stand.double.hold(CASE);
    let path = format!("/v1/customers/{}", customer_of(&stand, CASE));
    let (held, ()) = tokio::join!(app.get(&path), async {
        assert_eq!(calls.recv().await.unwrap().kind, CallKind::Held);
        stand.double.close(CASE);
    });
    assert_eq!(held.status, 200);
}

#[tokio::test]
async fn a_late_answer_is_let_go_when_the_double_stops() {
    let stand = Stand::new().await;
    let app = App::of(&stand);
    let mut calls = stand.double.calls().unwrap();
    stand.double.arm(CASE, fault("*", Effect::Latency(Duration::from_secs(3_600)), Some(1)));
    let path = format!("/v1/customers/{}", customer_of(&stand, CASE));
    let (late, ()) = tokio::join!(app.send("POST", &path, "name=late", &[]), async {
        // The call is carried out at once: its event shows that the answer is being kept back.
        while stand.double.drain(CASE).is_empty() {
            tokio::task::yield_now().await;
        }
        stand.double.clone().stop().await;
    });
    assert_eq!(late.unwrap().json()["name"], "late");
    assert_eq!(calls.recv().await.unwrap().kind, CallKind::Faulted);
    assert!(app.send("GET", &path, "", &[]).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_closed_case_leaves_nothing() {
    let stand = Stand::new().await;
    let app = App::of(&stand);
    second(&stand);
    let size = |stand: &Stand| {
        let account = stand.double.shared.account();
        (
            account.owners.len(),
            account.emails.len(),
            account.keys.len(),
            account.cases.len(),
            account.shop.len(),
            account.large.store.len(),
        )
    };
    let empty = size(&stand);
    for round in 0..3 {
        let case = CaseId(100 + round);
        stand.double.open(case, START.parse().unwrap(), IdMinter::new(7, u64::from(case.0)));
        let email = format!("c{round}@example.com");
        stand.double.add_customer(case, &email);
        app.send("POST", "/v1/customers", &format!("email={email}"), &[("idempotency-key", &email)])
            .await
            .unwrap();
        let customer = customer_of(&stand, case);
        let body = format!(
            "mode=payment&customer={customer}&line_items[][price_data][currency]=usd&line_items[][price_data][unit_amount]=5&line_items[][price_data][product_data][name]=x"
        );
        app.post("/v1/checkout/sessions", &body).await;
        let keys = json!({"price": "everything"});
        let action = Action::from_keys(ActionKind::Subscribe, keys.as_object().unwrap()).unwrap();
        stand.double.act(case, 0, &action).unwrap();
        assert_ne!(size(&stand), empty);
        stand.double.close(case);
        assert_eq!(size(&stand), empty);
        assert_eq!(app.get(&format!("/v1/customers/{customer}")).await.status, 404);
        assert!(stand.double.truth(case, 0, None).is_empty());
        assert_eq!(stand.double.now(case), None);
    }
    let account = stand.double.shared.account();
    assert_eq!(account.large.store.of(Kind::Event).count(), 0);
}

#[tokio::test]
async fn each_case_has_its_own_clock_and_ids() {
    let stand = Stand::new().await;
    second(&stand);
    stand.double.advance(OTHER, SignedDuration::from_hours(48));
    assert_eq!(stand.double.now(CASE).unwrap(), START.parse().unwrap());
    assert_eq!(stand.double.now(OTHER).unwrap(), "2026-11-25T10:00:00Z".parse().unwrap());
    let here = stand.act("subscribe", json!({"price": "pro_monthly"}));
    assert!(stand.double.drain(OTHER).is_empty());
    assert_eq!(here[0]["created"], START.parse::<Timestamp>().unwrap().as_second());
    // Reading does not shift the ids that actions make.
    let quiet = Stand::new().await;
    let busy = Stand::new().await;
    let app = App::of(&busy);
    for _ in 0..3 {
        app.get(&format!("/v1/customers/{}", customer_of(&busy, CASE))).await;
    }
    let keys = || json!({"price": "pro_monthly"});
    assert_eq!(quiet.act("subscribe", keys()), busy.act("subscribe", keys()));
}

#[tokio::test]
async fn what_names_no_case_belongs_to_the_account() {
    let stand = Stand::new().await;
    let app = App::of(&stand);
    let customer = app.make("/v1/customers", "name=Somebody").await;
    let id = text(&customer, "id");
    app.make(&format!("/v1/customers/{id}"), "invoice_settings[default_payment_method]=pm_card_visa").await;
    let body = format!("customer={id}&items[][price]=price_pro");
    let made = app.make("/v1/subscriptions", &body).await;
    assert_eq!(made["status"], "active");
    assert!(stand.double.drain(CASE).is_empty());
    stand.double.close(CASE);
    assert_eq!(app.get(&format!("/v1/subscriptions/{}", text(&made, "id"))).await.status, 200);
    let events = app.get("/v1/events?limit=100").await.json();
    assert_eq!(events["data"].as_array().unwrap().last().unwrap()["type"], "customer.created");
}

#[tokio::test]
async fn a_session_that_names_nobody_is_claimed_by_what_the_app_passes() {
    let stand = Stand::new().await;
    let app = App::of(&stand);
    let open = async |reference: &str| {
        let body = format!(
            "mode=subscription&line_items[][price]=price_pro&line_items[][quantity]=1&client_reference_id={reference}"
        );
        app.make("/v1/checkout/sessions", &body).await
    };
    open("u2").await;
    let mine = open("u1").await;
    assert_eq!(
        stand.try_act("checkout", json!({})),
        Err(ActError::NoOpenCheckout),
        "whose it is cannot be told"
    );
    let events = stand.act("checkout", json!({"set": {"client_reference_id": "u1"}}));
    let done = &event(&events, "checkout.session.completed")["data"]["object"];
    assert_eq!(done["id"], mine["id"]);
    assert_eq!(done["customer"], stand.truth()["customer"]["id"]);
    assert_eq!(stand.status(), "active");
    open("u3").await;
    open("u3").await;
    let twice = stand.try_act("checkout", json!({"set": {"client_reference_id": "u3"}}));
    assert_eq!(twice, Err(ActError::NoOpenCheckout), "two could be meant");
}

/// Of many cases that are open at once, those which are left alone keep packed texts only.
#[tokio::test]
async fn a_case_that_rests_forgets_nothing() {
    let stand = Stand::new().await;
    let app = App::of(&stand);
    let mut left = Vec::new();
    for case in (100..106).map(CaseId) {
        stand.double.open(case, START.parse().unwrap(), IdMinter::new(7, u64::from(case.0)));
        stand.double.add_customer(case, &format!("c{}@example.com", case.0));
        let keys = json!({"price": "pro_monthly"});
        let action = Action::from_keys(ActionKind::Checkout, keys.as_object().unwrap()).unwrap();
        stand.double.act(case, 0, &action).unwrap();
        left.push((case, stand.double.truth(case, 0, None), stand.double.drain(case)));
    }
    let awake =
        |stand: &Stand| stand.double.shared.account().cases.values().filter(|part| part.awake).count();
    assert!(awake(&stand) < left.len(), "some rest");
    for (case, truth, events) in &left {
        let made = &events[events.len() - 1];
        let path = format!("/v1/events/{}", text(made, "id"));
        assert_eq!(app.get(&path).await.json()["data"], made["data"]);
        assert_eq!(stand.double.truth(*case, 0, None), *truth);
    }
    assert!(awake(&stand) < left.len(), "and again, when each was looked at");
}

#[tokio::test]
async fn a_claimed_session_that_sets_up_brings_its_setup_intent() {
    let stand = Stand::new().await;
    let app = App::of(&stand);
    let form = "mode=setup&currency=usd&client_reference_id=u1&success_url=https://example.com";
    let session = app.make("/v1/checkout/sessions", form).await;
    let setup = text(&session, "setup_intent");
    let events = stand.act("checkout", json!({"set": {"client_reference_id": "u1"}}));
    let done = &event(&events, "setup_intent.succeeded")["data"]["object"];
    assert_eq!(text(done, "id"), setup);
    stand.double.close(CASE);
    assert_eq!(app.get(&format!("/v1/setup_intents/{setup}")).await.status, 404, "it left with the case");
}
