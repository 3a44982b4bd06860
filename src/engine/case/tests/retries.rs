//! Stripe tries again what was not accepted: after the step's other deliveries, once in every later step, and in the
//! last step until its three days are used up.

use rstest::rstest;

use super::player::{App, Player, case_of, status};
use crate::deliver::retry::attempts_at_most;
use crate::engine::case::AttemptOrder;
use crate::run_event::{AttemptOutcome, JudgedKind, Verdict};

fn play(scenario: &str, deliver: impl FnMut(&AttemptOrder) -> AttemptOutcome + 'static) -> Player {
    Player::new(case_of("", scenario), App { deliver: Box::new(deliver), ..App::default() }).play()
}

/// The first delivery of the case is refused until its `accepted`th attempt.
fn first_refused_until(accepted: u32) -> impl FnMut(&AttemptOrder) -> AttemptOutcome {
    move |order| status(if order.delivery == 0 && order.number < accepted { 500 } else { 200 })
}

const ONE_STEP: &str = "[[step]]\nname = \"buys\"\nstripe.subscribe = { price = \"pro_monthly\" }\n";
const TWO_STEPS: &str = r#"
    [[step]]
    name = "buys"
    stripe.subscribe = { price = "pro_monthly" }
    [[step]]
    name = "looks"
    then.access = { active = true }
"#;

#[test]
fn a_refused_delivery_is_tried_again_after_the_others_of_its_step() {
    let player = play(ONE_STEP, first_refused_until(2));
    insta::assert_snapshot!(player.told(), @r#"
    begin: open 1
    opened: signup of 0
    signup answered: [buys], +1s, subscribe of 0
    acted: #0 try 1 customer.subscription.created
    #0 answered 500: #1 try 1 invoice.paid
    #1 answered 200: +5m, #0 try 2 customer.subscription.created
    #0 answered 200: Passed
    "#);
}

#[test]
fn what_is_still_refused_is_owed_to_the_next_step() {
    let player = play(TWO_STEPS, first_refused_until(3));
    insta::assert_snapshot!(player.told(), @r#"
    begin: open 1
    opened: signup of 0
    signup answered: [buys], +1s, subscribe of 0
    acted: #0 try 1 customer.subscription.created
    #0 answered 500: #1 try 1 invoice.paid
    #1 answered 200: +5m, #0 try 2 customer.subscription.created
    #0 answered 500: [looks], +1s, read access of 0
    access of 0 read: +29m 59s, #0 try 3 customer.subscription.created
    #0 answered 200: read access of 0
    access of 0 read: Passed
    "#);
}

#[rstest]
#[case::answered_500(status(500))]
#[case::redirected(status(302))]
#[case::refused(AttemptOutcome::Refused)]
#[case::reset(AttemptOutcome::Reset)]
fn what_is_never_accepted_fails_when_the_three_days_are_over(#[case] answer: AttemptOutcome) {
    let refused = move |order: &AttemptOrder| if order.delivery == 1 { answer.clone() } else { status(200) };
    let player = play(TWO_STEPS, refused);
    let record = player.record();
    assert_eq!(
        player.attempts(),
        format!("customer.subscription.created x1, invoice.paid x{}", attempts_at_most())
    );
    assert_eq!(record.verdict, Verdict::Failed);
    let refused: Vec<_> =
        record.judged.iter().filter(|judged| judged.kind == JudgedKind::DeliveryRefused).collect();
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert!(record.took.as_secs() < 1, "the waits pass on Stripe's clock only");
}

/// An app that is down refuses a whole burst: one line of the scenario is drawn once.
#[test]
fn what_meets_the_same_in_one_step_is_told_once() {
    let player = play(ONE_STEP, |_| status(500));
    let record = player.record();
    assert!(record.deliveries.len() > 1);
    let refused: Vec<_> =
        record.judged.iter().filter(|judged| judged.kind == JudgedKind::DeliveryRefused).collect();
    let [refused] = refused[..] else { panic!("{refused:?}") };
    let (first, others) = refused.headline.split_once("; likewise ").unwrap();
    assert!(first.ends_with("was never accepted: 500 after 8 attempts"), "{first}");
    let other = &record.deliveries[1].0.event;
    assert!(others.starts_with(&format!("{} {}", other.kind, other.id)), "{others}");
}

/// The app may be waiting for its own clock, which stands still while Stripe's moves on.
#[test]
fn what_was_cut_off_once_and_is_then_refused_is_errored() {
    let player = play(ONE_STEP, |order| match (order.delivery, order.number) {
        (0, 1) => AttemptOutcome::TimedOut,
        (0, _) => status(500),
        _ => status(200),
    });
    assert_eq!(player.record().verdict, Verdict::Errored);
}

/// Every attempt takes ten seconds that really pass, so Stripe's three days of them are not waited for.
#[test]
fn an_app_that_answers_nothing_fails_after_three_attempts() {
    let player = play(TWO_STEPS, |_| AttemptOutcome::TimedOut);
    assert_eq!(player.attempts(), "customer.subscription.created x2, invoice.paid x1");
    let record = player.record();
    assert_eq!(record.verdict, Verdict::Failed);
    let refused = record.judged.iter().find(|judged| judged.kind == JudgedKind::DeliveryRefused).unwrap();
    assert!(
        refused.headline.ends_with(
            "was never accepted: no answer in time after 2 attempts; the app answered nothing, so no more were made"
        ),
        "{}",
        refused.headline
    );
}

/// One event that hangs, among others that are answered, does not end the deliveries of the others.
#[test]
fn one_event_that_is_never_answered_fails() {
    let player = play(TWO_STEPS, |order| match order.delivery {
        0 => AttemptOutcome::TimedOut,
        _ => status(200),
    });
    assert_eq!(player.attempts(), "customer.subscription.created x4, invoice.paid x1");
    assert_eq!(player.record().verdict, Verdict::Failed);
}

/// The scenario itself waits for less than Stripe does: what it cuts off says nothing of the app.
#[test]
fn what_the_scenario_cuts_off_is_tried_until_stripe_gives_up() {
    let scenario = format!("{ONE_STEP}send = [{{ event = \"invoice.paid\", timeout = \"1s\" }}]\n");
    let player = play(&scenario, |_| AttemptOutcome::TimedOut);
    assert_eq!(player.attempts(), format!("invoice.paid x{}", attempts_at_most()));
    assert_eq!(player.record().verdict, Verdict::Errored);
}

#[test]
fn what_was_cut_off_once_and_is_then_accepted_passes() {
    let player = play(ONE_STEP, |order| match (order.delivery, order.number) {
        (0, 1) => AttemptOutcome::TimedOut,
        _ => status(200),
    });
    assert_eq!(player.record().verdict, Verdict::Passed);
    assert_eq!(player.attempts(), "customer.subscription.created x2, invoice.paid x1");
}

/// One attempt only, and no failure by itself.
#[rstest]
#[case::asked("send = [{ event = \"invoice.paid\", retry = false }]")]
#[case::forged("send = [{ event = \"invoice.paid\", signature = \"missing\" }]")]
#[case::judged("send = [{ event = \"invoice.paid\" }]\nthen.delivery = { class = \"4xx\" }")]
fn some_are_tried_once(#[case] send: &str) {
    let player = play(&format!("{ONE_STEP}{send}\n"), |_| status(400));
    assert_eq!(player.attempts(), "invoice.paid x1");
    assert_eq!(player.record().verdict, Verdict::Passed, "{:?}", player.record().judged);
}

#[test]
fn a_judged_answer_of_the_wrong_class_fails() {
    let scenario = format!("{ONE_STEP}then.delivery = {{ class = \"4xx\" }}\n");
    let player = play(&scenario, |_| status(200));
    assert_eq!(player.record().verdict, Verdict::Failed);
}

/// An event that is sent twice is two deliveries: each is tried again by itself.
#[test]
fn each_of_times_is_owed_by_itself() {
    let scenario = format!("{ONE_STEP}send = [{{ event = \"invoice.paid\", times = 2 }}]\n");
    let player = play(&scenario, first_refused_until(3));
    assert_eq!(player.attempts(), "invoice.paid x3, invoice.paid x1");
    let ids: Vec<_> = player.record().deliveries.iter().map(|(delivery, _)| &delivery.event.id).collect();
    assert_eq!(ids[0], ids[1], "the same event");
}
