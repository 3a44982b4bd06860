//! Whatever is put in: no panic, one end at most, nothing after it.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Map, json};

use super::player::{App, Player, RECONCILE, case_of, status, unreachable};
use crate::engine::case::InputKind;
use crate::engine::plan::CasePlan;
use crate::engine::scene::Scene;
use crate::probe::Reading;
use crate::probe::RequestOutcome;
use crate::run_event::{AttemptOutcome, AttemptRecord, CallRecord, Reason, RequestRecord, Verdict};

/// Everything that a case can be busy with: an arrangement, a bystander, a fault, both paces, an echo of a burst,
/// deliveries that are owed, and both kinds of baseline.
const STORY: &str = r#"
    [[given.customer]]
    subscription = [{ price = "pro_monthly" }]
    [[given.customer]]
    name = "bystander"
    [[step]]
    name = "one by one"
    fault = [{ api = { call = "GET /v1/subscriptions/*", status = 500 } }]
    stripe.change_quantity = { quantity = 2 }
    request = ["page"]
    then.access = { active = true }
    unchanged = ["credits"]
    [[step]]
    name = "together"
    stripe.change_quantity = { quantity = 3 }
    request = ["page", "page"]
    send = [{ event = "*", times = 3 }]
    together = true
    either = [{ access = { active = true } }, { credits = { balance = 1 } }]
    [[step]]
    name = "killed"
    fault = [{ kill = { process = "web", on = "called", after = "1ms" } }, { kill = { process = "web", on = "sent" } }]
    stripe.change_quantity = { quantity = 4 }
    [[step]]
    name = "last"
    then.credits = { balance = 1 }
"#;

/// Parsed once: the laws play it thousands of times.
static CASE: LazyLock<(CasePlan, Arc<Scene>)> = LazyLock::new(|| case_of(RECONCILE, STORY));

fn player(app: App) -> Player {
    Player::new(CASE.clone(), app)
}

/// How many inputs the story takes where nothing goes wrong.
fn inputs() -> usize {
    let player = player(App { echoes: true, ..App::default() }).play();
    assert_eq!(player.record().verdict, Verdict::Passed, "{}", player.told());
    player.inputs
}

#[test]
fn stopped_at_any_moment_it_ends_once_as_errored() {
    let inputs = inputs();
    assert!(inputs > 40, "{inputs} inputs are too few to stop between");
    for after in 1..inputs {
        let mut player = player(App { echoes: true, ..App::default() });
        player.begin();
        for _ in 1..after {
            player.answer(0);
        }
        player.stop();
        let record = player.record();
        assert_eq!(record.verdict, Verdict::Errored, "stopped after {after}: {}", player.told());
        assert_eq!(
            record.reason.as_ref().map(|reason| reason.message.as_str()),
            Some("the run was interrupted")
        );
        // Whatever was asked for before still gets its answer.
        player.stop();
        for kind in every_kind(0, 0) {
            player.put("late", kind);
        }
        assert_eq!((player.finished.len(), player.afterwards), (1, 0), "stopped after {after}");
    }
}

#[test]
fn what_comes_after_the_end_is_ignored() {
    let mut player = player(App::default()).play();
    for kind in every_kind(0, 0).into_iter().chain(every_kind(7, 9)) {
        player.put("late", kind);
    }
    assert_eq!((player.finished.len(), player.afterwards), (1, 0));
}

/// One input of each kind, about this delivery or customer.
fn every_kind(number: usize, at: u64) -> Vec<InputKind> {
    let at = Duration::from_millis(at);
    let fields = json!({ "active": true, "balance": 1 }).as_object().cloned().unwrap_or_default();
    let reading = |fields| Reading { at, took: Duration::ZERO, fields };
    let requested = |outcome| RequestRecord {
        name: "page".to_owned(),
        call: String::new(),
        sent: at,
        took: Duration::ZERO,
        outcome,
        body: String::new(),
    };
    let attempted = |outcome| InputKind::Attempted {
        delivery: number,
        record: AttemptRecord { number: 1, sent: at, took: Duration::ZERO, outcome },
    };
    let read = |probe: &str, fields| InputKind::Read {
        slot: number,
        probe: probe.to_owned(),
        reading: reading(fields),
    };
    let call = CallRecord {
        at,
        method: "GET".to_owned(),
        path: "/v1/subscriptions/sub_1".to_owned(),
        request_id: "req_1".to_owned(),
        status: Some(200),
        note: None,
    };
    vec![
        InputKind::Begin,
        InputKind::Acted(Ok(())),
        InputKind::Acted(Err("failed to do it".to_owned())),
        InputKind::Requested {
            slot: number,
            record: requested(Ok(RequestOutcome::Answered(200))),
            answer: Some(Map::new()),
        },
        InputKind::Requested {
            slot: number,
            record: requested(Ok(RequestOutcome::Answered(500))),
            answer: None,
        },
        attempted(status(200)),
        attempted(status(500)),
        attempted(AttemptOutcome::TimedOut),
        read("access", Ok(fields.clone())),
        read("credits", Ok(fields)),
        read("credits", Err(unreachable())),
        read("nobody's", Ok(Map::new())),
        InputKind::Called(call),
        InputKind::Timer,
        InputKind::Stopped(Reason { message: "the run was interrupted".to_owned(), place: None }),
    ]
}

/// An input, or an answer to what was asked for.
#[derive(Debug, Clone, Copy)]
enum Next {
    /// Of this kind, about this delivery or customer, now and then at a time that has passed.
    Stray(usize, usize, u64),
    Answer(usize),
}

fn next() -> impl Strategy<Value = Next> {
    // The last two kinds are rare: nearly every order would end at once.
    let kinds = prop_oneof![200 => 0..14usize, 1 => Just(14usize)];
    prop_oneof![
        1 => (kinds, 0..6usize, 0..500u64).prop_map(|(kind, number, at)| Next::Stray(kind, number, at)),
        2 => any::<usize>().prop_map(Next::Answer),
    ]
}

/// How the app behaves, drawn once and used over and over.
fn drawn(statuses: Vec<u16>, actives: Vec<bool>, echoes: bool) -> App {
    let mut statuses = statuses.into_iter().cycle();
    let mut actives = actives.into_iter().cycle();
    App {
        deliver: Box::new(move |_| match statuses.next() {
            Some(0) => AttemptOutcome::TimedOut,
            Some(answer) => status(answer),
            None => AttemptOutcome::Refused,
        }),
        read: Box::new(move |_, _| match actives.next() {
            Some(active) => Ok(json!({ "active": active, "balance": u8::from(active) })),
            None => Err(unreachable()),
        }),
        echoes,
        ..App::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Answers nobody asked for, in any phase and any order.
    #[test]
    fn any_inputs_in_any_order_end_it_at_most_once(
        nexts in prop::collection::vec(next(), 0..200),
        statuses in prop::collection::vec(prop_oneof![Just(200u16), Just(500), Just(0)], 0..6),
        actives in prop::collection::vec(any::<bool>(), 0..6),
    ) {
        let mut player = player(drawn(statuses, actives, true));
        player.begin();
        for next in nexts {
            match next {
                Next::Stray(kind, number, at) => {
                    let kind = every_kind(number, at).swap_remove(kind);
                    player.put("stray", kind);
                }
                Next::Answer(which) if player.finished.is_empty() && player.is_waiting() => {
                    player.answer(which);
                }
                Next::Answer(_) => {}
            }
        }
        player.stop();
        prop_assert_eq!((player.finished.len(), player.afterwards), (1, 0), "{}", player.told());
    }

    /// Whatever the app does, and in whatever order its answers come, the case comes to an end by itself.
    #[test]
    fn every_case_ends(
        order in prop::collection::vec(any::<usize>(), 1..20),
        statuses in prop::collection::vec(prop_oneof![3 => Just(200u16), 1 => Just(500), 1 => Just(0)], 0..6),
        actives in prop::collection::vec(any::<bool>(), 0..6),
        echoes in any::<bool>(),
    ) {
        let right = actives.iter().all(|active| *active) && !actives.is_empty();
        let accepted = statuses.iter().all(|status| *status == 200) && !statuses.is_empty();
        let mut player = player(drawn(statuses, actives, echoes));
        player.begin();
        let mut order = order.into_iter().cycle();
        while player.finished.is_empty() {
            player.answer(order.next().unwrap_or(0));
        }
        prop_assert_eq!((player.finished.len(), player.afterwards), (1, 0));
        if right && accepted {
            prop_assert_eq!(player.record().verdict, Verdict::Passed, "{}", player.told());
        }
    }
}
