use std::sync::Arc;

use rstest::rstest;

use super::*;
use crate::id::CaseId;
use crate::incident::render::{Color, Detail};
use crate::incident::sample as cases;
use crate::incident::sample::Sample;
use crate::report::sample;

fn settings(verbosity: Verbosity, width: usize) -> ConsoleSettings {
    ConsoleSettings {
        layout: Layout { width, color: Color::Never, detail: Detail::Relevant },
        verbosity,
        failures: FailureOutput::AtEnd,
        handoff: Handoff::default(),
    }
}

fn told(settings: ConsoleSettings, events: &[RunEvent]) -> String {
    let mut console = Console::new(settings);
    let bytes: Vec<u8> = events.iter().flat_map(|event| console.event(event)).collect();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_run_with_every_ending() {
    insta::assert_snapshot!(told(settings(Verbosity::Normal, 100), &sample::run()));
}

#[test]
fn a_run_that_passed_says_its_seed() {
    let events = sample::of(vec![cases::passed(Sample::seed(1))]);
    insta::assert_snapshot!(told(settings(Verbosity::Normal, 100), &events), @"
    paydrill 0.1.0: 1 case of acme in ci, 16 at a time, seed 42
    PASS   checkout-grants-pro  84 ms

    1 case in 3.2 s: 1 passed
    seed 42; the same ids again: --seed 42
    Customers got what they were promised. (exit code 0)
    ");
}

#[test]
fn quiet_tells_only_what_did_not_pass() {
    let said = told(settings(Verbosity::Quiet, 100), &sample::run());
    assert!(!said.contains("PASS") && !said.contains("SKIP"));
    assert!(said.contains("FAIL   checkout-grants-pro"));
}

#[test]
fn an_app_that_never_came_up() {
    insta::assert_snapshot!(told(settings(Verbosity::Normal, 100), &sample::troubled()), @"
    paydrill 0.1.0: 3 cases of acme in ci, 16 at a time, seed 42

    error: failed to start `web`: it ended with exit code 1 before it was ready

    Last output of the app
      | listening on 4242
      | error: no such table: users

    3 cases in 40 ms: 3 did not run
    seed 42; the same ids again: --seed 42
    It could not be told whether customers got what they were promised. (exit code 3)
    ");
}

#[test]
fn failures_can_be_told_as_they_settle() {
    let at_once =
        ConsoleSettings { failures: FailureOutput::AsTheySettle, ..settings(Verbosity::Normal, 100) };
    let said = told(at_once, &sample::run());
    let full = said.find("---- FAIL checkout-grants-pro").unwrap();
    assert!(full < said.find("SKIP   receipt").unwrap());
    assert_eq!(said.matches("---- FAIL checkout-grants-pro").count(), 1);
}

#[rstest]
#[case(40)]
#[case(100)]
fn hostile_values_do_nothing(#[case] width: usize) {
    let said = told(settings(Verbosity::Verbose, width), &sample::of(vec![cases::hostile(Sample::seed(1))]));
    assert!(!said.chars().any(|c| c.is_control() && c != '\n'));
    assert!(!said.contains('\u{202e}'));
    for line in said.lines().filter(|line| !line.contains("paydrill") && !line.starts_with("      ")) {
        let prose = line.starts_with("seed ") || line.ends_with("(exit code 1)");
        assert!(line.chars().count() <= width || prose, "{line}");
    }
}

#[test]
fn verbose_tells_what_happens() {
    let record = Arc::new(cases::refused(Sample::seed(1)));
    let case = CaseId(3);
    let (delivery, attempts) = record.deliveries[0].clone();
    let step = RunEventKind::StepStarted { case, step: Some(0), name: "paid".into() };
    let acted =
        RunEventKind::StripeActed { case, action: "checkout".into(), events: record.acts[0].events.clone() };
    let attempt = RunEventKind::AttemptFinished { case, delivery, attempt: attempts[0].clone() };
    let called =
        RunEventKind::StripeCalled { case: None, call: cases::passed(Sample::seed(1)).calls[0].clone() };
    let requested = RunEventKind::Requested { case, record: record.requests[0].clone() };
    let kinds = [step, requested, acted, attempt, called];
    let events: Vec<RunEvent> = kinds.into_iter().map(|kind| sample::event(150, kind)).collect();
    insta::assert_snapshot!(told(settings(Verbosity::Verbose, 100), &events), @"
    +150 ms case 3: step 1: paid
    +150 ms case 3: signup: POST http://127.0.0.1:4242/signup 201
    +150 ms case 3: Stripe: checkout makes checkout.session.completed, invoice.paid
    +150 ms case 3: #0 checkout.session.completed to main, attempt 1: answered 500 in 12 ms
    +150 ms the app asks Stripe: GET /v1/subscriptions/sub_IB5RC9qnrGDgmBbpz7NqrtTb 200
    ");
    assert_eq!(told(settings(Verbosity::Normal, 100), &events), "");
}
