//! Processes that a step kills: when, what waits for them, and what comes of what was cut off.

use rstest::rstest;

use super::player::{App, Player, case_of, status};
use crate::engine::case::AttemptOrder;
use crate::run_event::{AttemptOutcome, Verdict};

/// A step with a kill, and what follows it.
fn story(kill: &str, more: &str) -> String {
    format!(
        "[[step]]\nname = \"buys\"\nstripe.subscribe = {{ price = \"pro_monthly\" }}\n\
         send = [{{ event = \"invoice.paid\" }}]\nfault = [{{ kill = {{ process = \"web\", {kill} }} }}]\n{more}"
    )
}

fn play(scenario: &str, app: App) -> Player {
    Player::new(case_of("", scenario), app).play()
}

/// The first attempt breaks off, as it does where the process that handles it is killed.
fn breaks_off_once() -> App {
    broken(|order| if order.number == 1 { AttemptOutcome::Reset } else { status(200) })
}

fn broken(deliver: impl FnMut(&AttemptOrder) -> AttemptOutcome + 'static) -> App {
    App { deliver: Box::new(deliver), ..App::default() }
}

/// Stripe's retry waits until the process is up again, and reaches the new one.
#[test]
fn killed_while_it_handles_a_delivery() {
    let player = play(&story("on = \"sent\", after = \"20ms\"", ""), breaks_off_once());
    insta::assert_snapshot!(player.told(), @r"
    begin: open 1
    opened: signup of 0
    signup answered: [buys], +1s, subscribe of 0
    acted: #0 try 1 invoice.paid, kill web in 20ms
    web is back: +5m, #0 try 2 invoice.paid
    #0 answered 200: disarm, Passed
    ");
    let delivery = &player.record().deliveries[0].0;
    assert_eq!(delivery.changes, ["`web` killed 20 ms after #0 was sent"]);
}

#[test]
fn killed_at_its_first_call_to_stripe_which_is_let_go_afterwards() {
    let player = play(&story("on = \"called\"", ""), breaks_off_once());
    insta::assert_snapshot!(player.told(), @r"
    begin: open 1
    opened: signup of 0
    signup answered: [buys], +1s, subscribe of 0
    acted: hold, #0 try 1 invoice.paid
    held: kill web in 0ns
    web is back: release, +5m, #0 try 2 invoice.paid
    #0 answered 200: disarm, Passed
    ");
}

/// Nothing is judged before the process is up again.
#[test]
fn killed_after_the_answer() {
    let scenario = story("on = \"answered\"", "then.access = { active = true }\n");
    let player = play(&scenario, App::default());
    insta::assert_snapshot!(player.told(), @r"
    begin: open 1
    opened: signup of 0
    signup answered: [buys], +1s, read access of 0
    access of 0 read: subscribe of 0
    acted: #0 try 1 invoice.paid
    #0 answered 200: kill web in 0ns
    web is back: read access of 0
    timer: read access of 0
    access of 0 read: disarm, Passed
    ");
}

/// An app that works after it has answered is killed when it calls, be that a moment later.
#[test]
fn a_call_is_waited_for_as_long_as_an_expectation_may_take() {
    let player = play(&story("on = \"called\"", ""), App { calls: false, ..App::default() });
    let record = player.record();
    assert_eq!(record.verdict, Verdict::Errored);
    assert_eq!(record.took.as_secs(), 1);
    assert_eq!(
        record.reason.as_ref().map(|reason| reason.message.as_str()),
        Some(
            "failed to kill `web`: the app made no call to Stripe about this customer within 1 s; \
             `on = \"sent\"` with `after` kills without one"
        )
    );
}

#[rstest]
#[case::never_answered("on = \"answered\"", AttemptOutcome::Refused, "no delivery of the step was answered")]
#[case::nothing_sent("on = \"sent\"", status(200), "the step sent nothing")]
fn a_kill_that_did_not_happen_proves_nothing(
    #[case] kill: &str,
    #[case] answer: AttemptOutcome,
    #[case] expected: &str,
) {
    let mut scenario = story(kill, "");
    if kill.contains("sent") {
        scenario = scenario.replace("{ event = \"invoice.paid\" }", "");
    }
    let player = play(&scenario, broken(move |_| answer.clone()));
    let reason = player.record().reason.as_ref().map(|reason| reason.message.clone()).unwrap_or_default();
    assert_eq!(player.record().verdict, Verdict::Errored);
    assert!(reason.ends_with(expected), "{reason}");
}

#[test]
fn a_process_that_does_not_come_back_leaves_nothing_to_judge() {
    let restart = Err("failed to start process `web` again".to_owned());
    let player = play(&story("on = \"sent\"", ""), App { restart, ..breaks_off_once() });
    assert_eq!(player.record().verdict, Verdict::Errored);
}

/// The app may be waiting for its own clock, as for a lock that has not expired.
#[rstest]
#[case::cut_off(AttemptOutcome::Reset, Verdict::Errored)]
#[case::refused_from_the_start(status(500), Verdict::Failed)]
fn what_a_kill_cut_off_and_is_then_refused_is_errored(
    #[case] first: AttemptOutcome,
    #[case] expected: Verdict,
) {
    let deliver = move |order: &AttemptOrder| if order.number == 1 { first.clone() } else { status(500) };
    let player = play(&story("on = \"sent\"", ""), broken(deliver));
    assert_eq!(player.record().verdict, expected, "{:?}", player.record().judged);
}

/// The kill belongs to its step: what breaks off later is the app's own doing.
#[test]
fn a_later_step_is_not_excused() {
    let more = "[[step]]\nname = \"later\"\nsend = [{ event = \"invoice.paid\", from = \"buys\" }]\n";
    let deliver =
        |order: &AttemptOrder| if order.delivery == 0 { status(200) } else { AttemptOutcome::Reset };
    let player = play(&story("on = \"answered\"", more), broken(deliver));
    assert_eq!(player.record().verdict, Verdict::Failed, "{:?}", player.record().judged);
}

/// What starts at one moment does so, whoever is killed; what comes after it waits.
#[test]
fn together_all_start_before_anything_is_waited_for() {
    let scenario = story("on = \"sent\"", "together = true\n").replace("invoice.paid\" }", "*\" }");
    let player = play(&scenario, breaks_off_once());
    insta::assert_snapshot!(player.told(), @r"
    begin: open 1
    opened: signup of 0
    signup answered: [buys], +1s, subscribe of 0
    acted: #0 try 1 customer.subscription.created, kill web in 0ns, #1 try 1 invoice.paid
    #1 Reset: +5m, #0 try 2 customer.subscription.created
    #0 answered 200: #1 try 2 invoice.paid
    #1 answered 200: disarm, Passed
    ");
}

/// Where attempts go, in the order of sending.
fn destinations(scenario: &str) -> Vec<String> {
    let (tell, told) = std::sync::mpsc::channel();
    let deliver = move |order: &AttemptOrder| {
        tell.send(format!("#{} {}", order.delivery, order.url)).unwrap();
        status(if order.number == 1 && order.delivery == 0 { 500 } else { 200 })
    };
    play(scenario, broken(deliver));
    told.try_iter().map(|line| line.replace("http://127.0.0.1/", "").replace("/hook", "")).collect()
}

/// As behind a load balancer: a retry too goes to whose turn it is.
#[test]
fn instances_take_turns_unless_a_line_names_one() {
    let scenario = "[given]\ninstances = { web = 2 }\n[[step]]\nname = \"buys\"\n\
                    stripe.subscribe = { price = \"pro_monthly\" }\n\
                    send = [{ event = \"invoice.paid\", times = 2 }]\n";
    assert_eq!(destinations(scenario), ["#0 web", "#1 web#2", "#0 web"]);
    let named = scenario.replace("times = 2", "times = 2, process = \"web#2\"");
    assert_eq!(destinations(&named), ["#0 web#2", "#1 web#2", "#0 web#2"]);
}

#[test]
fn of_one_instance_nothing_is_said() {
    let scenario = "[[step]]\nname = \"buys\"\nstripe.subscribe = { price = \"pro_monthly\" }\n\
                    send = [{ event = \"invoice.paid\" }]\n";
    let player = play(scenario, App::default());
    assert_eq!(player.record().deliveries[0].0.changes, Vec::<String>::new());
}
