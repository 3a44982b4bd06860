//! The app's clock follows Stripe's: told before anything else, when time has passed, and before a retry.

use super::player::{App, Player, case_of, status};
use crate::run_event::{AttemptOutcome, Verdict};

/// An environment of its own that can move the clock.
fn play(clock: &str, scenario: &str, app: App) -> Player {
    let (plan, scene) = case_of("", scenario);
    let mut scene = std::sync::Arc::into_inner(scene).unwrap();
    scene.clock = match clock {
        "faketime" => Some(crate::project::model::MovedBy::Faketime),
        _ => None,
    };
    Player::new((plan, std::sync::Arc::new(scene)), app).play()
}

const MONTH: &str = "[given]\nat = \"-31d\"\n[[step]]\nname = \"buys\"\nstripe.subscribe = { price = \"pro_monthly\" }\n\
                     send = [{ event = \"invoice.paid\" }]\n";

#[test]
fn it_is_set_to_the_start_and_waits_with_stripe() {
    let refused =
        |order: &crate::engine::case::AttemptOrder| status(if order.number < 3 { 500 } else { 200 });
    let player = play("faketime", MONTH, App { deliver: Box::new(refused), ..App::default() });
    insta::assert_snapshot!(player.told(), @r"
    begin: open 1
    opened: clock 744h ago
    clock moved: signup of 0
    signup answered: [buys], +1s, subscribe of 0
    acted: #0 try 1 invoice.paid
    #0 answered 500: +5m, clock 743h 54m 59s ago
    clock moved: #0 try 2 invoice.paid
    #0 answered 500: +30m, clock 743h 24m 59s ago
    clock moved: #0 try 3 invoice.paid
    #0 answered 200: Passed
    ");
}

#[test]
fn a_clock_that_cannot_be_moved_leaves_nothing_to_judge() {
    let clock = Err("failed to move the app's clock: answered 404".to_owned());
    let player = play("faketime", MONTH, App { clock, ..App::default() });
    assert_eq!(player.record().verdict, Verdict::Errored);
    assert!(player.record().deliveries.is_empty());
}

/// An app whose clock moves has had its time: what it then refuses to the end is its own doing.
#[test]
fn what_was_cut_off_and_is_then_refused_fails_where_the_clock_moves() {
    let deliver = |order: &crate::engine::case::AttemptOrder| match order.number {
        1 => AttemptOutcome::TimedOut,
        _ => status(500),
    };
    let cut_off = |clock: &str| {
        play(clock, MONTH, App { deliver: Box::new(deliver), ..App::default() }).record().verdict
    };
    assert_eq!(cut_off("none"), Verdict::Errored);
    assert_eq!(cut_off("faketime"), Verdict::Failed);
}
