//! In which order things are asked for. One line an input: what came in, and what was then asked for.

use std::time::Duration;

use rstest::rstest;
use serde_json::json;

use super::player::{App, Player, RECONCILE, case_of, status, unreachable};
use crate::engine::case::InputKind;
use crate::run_event::{JudgedKind, Verdict};

fn play(scenario: &str) -> Player {
    Player::new(case_of("", scenario), App::default()).play()
}

fn play_with(scenario: &str, app: App) -> Player {
    Player::new(case_of("", scenario), app).play()
}

#[test]
fn given_then_each_step_fault_stripe_request_send_judge() {
    let player = play(
        r#"
        [[given.customer]]
        subscription = [{ price = "pro_monthly" }]
        [[step]]
        name = "more seats"
        fault = [{ api = { call = "GET /v1/subscriptions/*", status = 500 } }]
        stripe.change_quantity = { quantity = 2 }
        request = ["page"]
        then.access = { active = true }
        [[step]]
        name = "looks"
        then.access = { active = true }
        "#,
    );
    insta::assert_snapshot!(player.told(), @r#"
    begin: open 1
    opened: signup of 0
    signup answered: subscribe of 0
    acted: #0 try 1 customer.subscription.created
    #0 answered 200: #1 try 1 invoice.paid
    #1 answered 200: [more seats], +1s, arm 1, read access of 0
    access of 0 read: change_quantity of 0
    acted: page of 0
    page answered: read access of 0
    access of 0 read: #2 try 1 customer.subscription.updated
    #2 answered 200: read access of 0
    timer: read access of 0
    access of 0 read: disarm, [looks], +1s, read access of 0
    access of 0 read: Passed
    "#);
}

#[test]
fn a_restart_comes_before_what_the_step_does() {
    let scenario = r#"
        [[step]]
        target = "restart"
        stripe.subscribe = { price = "pro_monthly" }
        send = [{ event = "invoice.paid" }]
        then.access = { active = true }
        "#;
    let player = play(scenario);
    insta::assert_snapshot!(player.told(), @r#"
    begin: open 1
    opened: signup of 0
    signup answered: [step 1], +1s, read access of 0
    access of 0 read: restart
    restarted: subscribe of 0
    acted: #0 try 1 invoice.paid
    #0 answered 200: read access of 0
    timer: read access of 0
    access of 0 read: Passed
    "#);
    let app = App { restart: Err("failed to restart the app: it exited".to_owned()), ..App::default() };
    let record = play_with(scenario, app).record().clone();
    assert_eq!(record.verdict, Verdict::Errored);
    assert_eq!(record.reason.unwrap().message, "failed to restart the app: it exited");
}

#[test]
fn one_by_one_waits_for_each_answer() {
    let player = play(
        r#"
        [[step]]
        stripe.subscribe = { price = "pro_monthly" }
        send = [{ event = "invoice.paid", times = 2 }, { event = "*" }]
        "#,
    );
    insta::assert_snapshot!(player.told(), @r#"
    begin: open 1
    opened: signup of 0
    signup answered: [step 1], +1s, subscribe of 0
    acted: #0 try 1 invoice.paid
    #0 answered 200: #1 try 1 invoice.paid
    #1 answered 200: #2 try 1 customer.subscription.created
    #2 answered 200: Passed
    "#);
}

#[test]
fn together_starts_requests_and_deliveries_at_one_moment() {
    let player = play(
        r#"
        [[step]]
        stripe.subscribe = { price = "pro_monthly" }
        request = ["page"]
        send = [{ event = "invoice.paid", times = 2 }, { event = "*" }]
        together = true
        "#,
    );
    insta::assert_snapshot!(player.told(), @r#"
    begin: open 1
    opened: signup of 0
    signup answered: [step 1], +1s, subscribe of 0
    acted: page of 0, #0 try 1 invoice.paid, #1 try 1 invoice.paid, #2 try 1 customer.subscription.created
    #2 answered 200: Passed
    "#);
}

/// What is held back is kept under its step, and can be sent later; what is dropped never goes out.
#[rstest]
#[case::held_back("send = []", "")]
#[case::dropped(r#"drop = ["invoice.*"]"#, "customer.subscription.created x1")]
#[case::reversed(r#"order = "reversed""#, "invoice.paid x1, customer.subscription.created x1")]
#[case::named(r#"send = [{ event = "invoice.paid", times = 2 }]"#, "invoice.paid x1, invoice.paid x1")]
fn what_a_step_sends(#[case] send: &str, #[case] expected: &str) {
    let scenario = format!("[[step]]\nstripe.subscribe = {{ price = \"pro_monthly\" }}\n{send}\n");
    assert_eq!(play(&scenario).attempts(), expected);
}

#[test]
fn what_was_held_back_can_be_sent_by_a_later_step() {
    let player = play(
        r#"
        [[step]]
        name = "first"
        stripe.subscribe = { price = "pro_monthly" }
        send = []
        [[step]]
        name = "second"
        stripe.change_quantity = { quantity = 2 }
        [[step]]
        name = "third"
        send = [{ event = "*", from = "first" }]
        "#,
    );
    let expected = "customer.subscription.updated x1, customer.subscription.created x1, invoice.paid x1";
    assert_eq!(player.attempts(), expected);
    let steps: Vec<_> = player.record().deliveries.iter().map(|(delivery, _)| delivery.step).collect();
    assert_eq!(steps, [Some(1), Some(2), Some(2)]);
}

/// An app that changes something at Stripe with every event would keep Stripe and itself busy for ever.
#[test]
fn echoes_are_delivered_in_turn_and_come_to_an_end() {
    let app = App { echoes: true, ..App::default() };
    let player = play_with("[[step]]\nstripe.change_quantity = { quantity = 2 }\n", app);
    let updated = player.attempts().matches("customer.updated").count();
    assert_eq!(updated, 5, "{}", player.told());
    assert_eq!(player.record().verdict, Verdict::Passed);
}

/// A list sends exactly what it names, whatever the app does at Stripe meanwhile.
#[test]
fn a_list_has_no_echo() {
    let app = App { echoes: true, ..App::default() };
    let scenario =
        "[[step]]\nstripe.subscribe = { price = \"pro_monthly\" }\nsend = [{ event = \"invoice.paid\" }]\n";
    assert_eq!(play_with(scenario, app).attempts(), "invoice.paid x1");
}

#[test]
fn baselines_are_read_before_the_step_and_again_before_its_deliveries() {
    let player = play(
        r#"
        [[step]]
        stripe.subscribe = { price = "pro_monthly" }
        request = ["page"]
        then.access = { active = true }
        unchanged = ["credits"]
        "#,
    );
    insta::assert_snapshot!(player.told(), @r#"
    begin: open 1
    opened: signup of 0
    signup answered: [step 1], +1s, read access of 0, read credits of 0
    credits of 0 read: subscribe of 0
    acted: page of 0
    page answered: read access of 0, read credits of 0
    credits of 0 read: #0 try 1 customer.subscription.created
    #0 answered 200: #1 try 1 invoice.paid
    #1 answered 200: read access of 0, read credits of 0
    timer: read access of 0
    access of 0 read: read credits of 0
    credits of 0 read: Passed
    "#);
}

/// Bystanders are read once before the story and watched after its last step.
#[test]
fn a_bystander_that_changes_fails_the_case() {
    let scenario = r#"
        [[given.customer]]
        [[given.customer]]
        name = "bystander"
        [[step]]
        stripe.subscribe = { price = "pro_monthly" }
        then.access = { active = true }
    "#;
    assert_eq!(play(scenario).record().verdict, Verdict::Passed);
    let mut reads = 0;
    let app = App {
        read: Box::new(move |slot, probe| {
            reads += usize::from((slot, probe) == (1, "credits"));
            let balance = if (slot, probe) == (1, "credits") && reads > 1 { 2 } else { 1 };
            Ok(json!({ "active": true, "balance": balance }))
        }),
        ..App::default()
    };
    let player = play_with(scenario, app);
    let failed: Vec<_> =
        player.record().judged.iter().filter(|judged| judged.verdict != Verdict::Passed).collect();
    assert!(
        matches!(failed.as_slice(), [only] if only.kind == JudgedKind::Bystander && only.probe == "credits"),
        "{failed:?}\n{}",
        player.told()
    );
}

/// The arrangement was given up waiting for while its readings were under way: they are no baseline of a bystander,
/// be they of the first customer or of the bystander itself.
#[rstest]
#[case::of_the_first_customer("", 1)]
#[case::of_the_bystander_too("subscription = [{ price = \"pro_monthly\" }]", 2)]
fn a_late_reading_is_no_baseline(#[case] bought: &str, #[case] late: usize) {
    let scenario = format!(
        "[[given.customer]]\nsubscription = [{{ price = \"pro_monthly\" }}]\n\
         [[given.customer]]\nname = \"bystander\"\n{bought}\n\
         [[step]]\nname = \"first\"\nstripe.change_quantity = {{ quantity = 2 }}\n"
    );
    // The late readings differ from all others, as they may.
    let mut reads = 0;
    let read = move |_, _: &str| {
        reads += 1;
        Ok(json!({ "active": reads > late, "balance": 1 }))
    };
    let app = App { read: Box::new(read), ..App::default() };
    let mut player = Player::new(case_of(RECONCILE, &scenario), app);
    player.begin();
    while !player.told().contains("read access of 0") {
        player.answer(0);
    }
    assert_eq!(player.unanswered(), late);
    player.at += Duration::from_secs(1);
    player.put("timer", InputKind::Timer);
    assert!(player.told().ends_with("timer: read access of 1, read credits of 1"), "{}", player.told());
    for _ in 0..late {
        player.answer(0);
    }
    assert!(!player.told().contains("[first]"), "the late ones ended the baseline: {}", player.told());
    while player.finished.is_empty() {
        player.answer(0);
    }
    let bystanders = player.record().judged.iter().filter(|judged| judged.kind == JudgedKind::Bystander);
    let seen: Vec<_> = bystanders.map(|judged| (judged.probe.as_str(), judged.verdict)).collect();
    assert_eq!(seen, [("access", Verdict::Passed), ("credits", Verdict::Passed)], "{}", player.told());
}

/// The story did not happen as told: nothing that is judged afterwards would mean anything.
#[rstest]
#[case::in_the_arrangement("signup", Ok(500), "request `signup` was answered 500, not 2xx: ")]
#[case::in_a_step("page", Ok(304), "request `page` was answered 304, not 2xx: ")]
#[case::without_an_answer("page", Err("reach it".to_owned()), "request `page` failed to reach it")]
fn a_request_that_fails_makes_the_case_errored(
    #[case] which: &'static str,
    #[case] outcome: Result<u16, String>,
    #[case] expected: &str,
    #[values("", "together = true\n")] together: &str,
) {
    let app = App {
        request: Box::new(move |name| if name == which { outcome.clone() } else { Ok(200) }),
        ..App::default()
    };
    let scenario = format!(
        "[[step]]\nstripe.subscribe = {{ price = \"pro_monthly\" }}\nrequest = [\"page\"]\n{together}"
    );
    let player = play_with(&scenario, app);
    let record = player.record();
    assert_eq!(record.verdict, Verdict::Errored);
    assert_eq!(record.reason.as_ref().map(|reason| reason.message.as_str()), Some(expected));
    assert!(record.judged.is_empty());
}

/// `POST /buy` that leads to Stripe's page is a request that worked.
#[test]
fn a_request_that_leads_out_of_the_app_is_answered() {
    let app = App { request: Box::new(|_| Ok(303)), ..App::default() };
    let player = play_with(
        "[[step]]\nrequest = [\"page\"]\nstripe.subscribe = { price = \"pro_monthly\" }\nthen.access = { active = true }",
        app,
    );
    assert_eq!(player.record().reason, None, "{}", player.told());
}

#[test]
fn what_stripe_refuses_makes_the_case_errored() {
    let app = App { stripe: Err("failed to find it".to_owned()), ..App::default() };
    let player = play_with("[[step]]\nstripe.subscribe = { price = \"pro_monthly\" }\n", app);
    let record = player.record();
    let reason = record.reason.as_ref().unwrap();
    assert_eq!((record.verdict, reason.message.as_str()), (Verdict::Errored, "failed to find it"));
    assert!(reason.place.is_some(), "the line is named");
}

#[test]
fn a_reading_that_cannot_be_taken_is_errored_never_failed() {
    let app = App { read: Box::new(|_, _| Err(unreachable())), ..App::default() };
    let scenario =
        "[[step]]\nstripe.subscribe = { price = \"pro_monthly\" }\nthen.access = { active = true }\n";
    assert_eq!(play_with(scenario, app).record().verdict, Verdict::Errored);
}

#[test]
fn a_wrong_outcome_is_failed_and_the_steps_after_it_are_left_out() {
    let app = App { read: Box::new(|_, _| Ok(json!({ "active": false }))), ..App::default() };
    let scenario = r#"
        [[step]]
        name = "first"
        stripe.subscribe = { price = "pro_monthly" }
        then.access = { active = true }
        [[step]]
        name = "second"
        stripe.change_quantity = { quantity = 2 }
    "#;
    let player = play_with(scenario, app);
    assert_eq!(player.record().verdict, Verdict::Failed);
    assert!(!player.told().contains("[second]"), "{}", player.told());
    // All of `within` was granted, and no more than that and a poll.
    let took = player.record().took.as_millis();
    assert!((1_000..1_100).contains(&took), "{took} ms of virtual time");
}

#[test]
fn a_case_that_does_not_apply_is_skipped_without_anything_done() {
    let elsewhere = r#"
        [environment.staging]
        provider.double = {}
        target.url = "http://127.0.0.1:1"
        target.endpoint.other = { path = "/hook", secret = "{{ secret.HOOK }}" }
    "#;
    let scenario = r#"
        [[step]]
        stripe.subscribe = { price = "pro_monthly" }
        send = [{ event = "*", endpoint = "other" }]
    "#;
    let player = Player::new(case_of(elsewhere, scenario), App::default()).play();
    assert_eq!(player.told(), "begin: Skipped");
    let reason = player.record().reason.as_ref().map(|reason| reason.message.as_str());
    assert_eq!(reason, Some("environment `ci` has no endpoint `other`"));
}

#[test]
fn an_arrangement_that_is_refused_leaves_nothing_to_judge() {
    let app = App { deliver: Box::new(|_| status(500)), ..App::default() };
    let scenario = r#"
        [[given.customer]]
        subscription = [{ price = "pro_monthly" }]
        [[step]]
        then.access = { active = true }
    "#;
    let player = play_with(scenario, app);
    let reason = player.record().reason.clone().unwrap();
    assert_eq!(player.record().verdict, Verdict::Errored);
    assert_eq!(
        reason.message,
        "the app did not accept customer.subscription.created of the arrangement: answered 500"
    );
}

#[test]
fn an_app_that_was_not_told_gets_nothing_of_the_arrangement() {
    let scenario = r#"
        [[given.customer]]
        subscription = [{ price = "pro_monthly", told = false }]
        [[step]]
        stripe.change_quantity = { quantity = 2 }
    "#;
    assert_eq!(play(scenario).attempts(), "customer.subscription.updated x1");
}
