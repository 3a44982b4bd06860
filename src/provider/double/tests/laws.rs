//! What holds whatever happens.

use proptest::prelude::*;

use super::*;
use crate::provider::double::account::status::may_become;
use crate::provider::double::store::Kind;
use crate::stripe::object::{data, int};

/// Something that may happen, with keys that are always readable; not all of it is possible every time.
pub(super) fn anything() -> impl Strategy<Value = (&'static str, Value)> {
    let price =
        prop::sample::select(vec!["pro_monthly", "pro_yearly", "team_monthly", "everything", "calls"]);
    let first = prop::sample::select(vec!["paid", "fails", "action_required"]);
    prop_oneof![
        (price.clone(), 1_i64..9, first).prop_map(|(price, quantity, first)| {
            ("subscribe", json!({"price": price, "quantity": quantity, "first_payment": first}))
        }),
        (price.clone(), 0_i64..=100)
            .prop_map(|(price, percent)| ("checkout", json!({"price": price, "discount_percent": percent}))),
        Just(("checkout", json!({"price": "credits_100"}))),
        Just(("subscribe", json!({"price": "pro_monthly", "trial": 14}))),
        Just(("renew", json!({}))),
        Just(("payment_fails", json!({}))),
        prop::sample::select(vec!["past_due", "unpaid", "canceled"])
            .prop_map(|leaves| ("payment_fails", json!({"attempts": "all", "leaves": leaves}))),
        Just(("payment_recovers", json!({}))),
        Just(("payment_action_required", json!({}))),
        price.prop_map(|price| ("change_price", json!({"price": price}))),
        (1_i64..20).prop_map(|quantity| ("change_quantity", json!({"quantity": quantity}))),
        prop::sample::select(vec!["now", "period_end"]).prop_map(|at| ("cancel", json!({"at": at}))),
        Just(("pause", json!({}))),
        Just(("resume", json!({}))),
        (1_i64..5_000).prop_map(|amount| ("refund", json!({"amount": amount}))),
        (1_i64..60).prop_map(|days| ("advance", json!({"by": format!("{days}d")}))),
    ]
}

fn run(seed: u64, story: &[(&str, Value)]) -> (Vec<Value>, Map<String, Value>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let stand = Stand::seeded(seed).await;
        let mut events = Vec::new();
        for (kind, keys) in story {
            // What the account's state does not allow is refused, and that must leave it sound, too.
            let _ = stand.try_act(kind, keys.clone());
            events.extend(stand.double.drain(CASE));
        }
        (events, stand.truth())
    })
}

/// The moments of a story: the version of provider truth, and provider truth.
fn moments(story: &[(&str, Value)]) -> Vec<(Option<u64>, Map<String, Value>)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let stand = Stand::seeded(5).await;
        let moment = || (stand.double.version(CASE), stand.truth());
        let mut moments = vec![moment()];
        for (kind, keys) in story {
            let _ = stand.try_act(kind, keys.clone());
            moments.push(moment());
            // Looking changes nothing, nor does time by itself.
            stand.double.advance(CASE, SignedDuration::from_secs(1));
            let _ = stand.double.drain(CASE);
            moments.push(moment());
        }
        moments
    })
}

/// A history, and then time that passes in these steps.
fn lived(story: &[(&str, Value)], steps: &[i64]) -> (Vec<Value>, Map<String, Value>, Timestamp) {
    let advance = |seconds: &i64| ("advance", json!({"by": format!("{seconds}s")}));
    let story: Vec<_> = story.iter().cloned().chain(steps.iter().map(advance)).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let stand = Stand::seeded(11).await;
        for (kind, keys) in &story {
            let _ = stand.try_act(kind, keys.clone());
        }
        (stand.double.drain(CASE), stand.truth(), stand.double.now(CASE).unwrap())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn provider_truth_is_the_same_while_its_version_is(story in prop::collection::vec(anything(), 1..6), name in "[a-c]") {
        let mut story = story;
        story.push(("subscribe", json!({"price": "pro_monthly", "name": name})));
        let moments = moments(&story);
        for pair in moments.windows(2) {
            prop_assert!(pair[0].0 != pair[1].0 || pair[0].1 == pair[1].1);
        }
        prop_assert_eq!(moments[moments.len() - 1].0, moments[moments.len() - 2].0, "looking is no change");
    }

    #[test]
    fn money_adds_up(story in prop::collection::vec(anything(), 1..10)) {
        let (events, _) = run(1, &story);
        for event in &events {
            let object = &event["data"]["object"];
            match text(object, "object") {
                "invoice" => {
                    let lines: i64 = data(&object["lines"]).iter().map(|line| int(line, "amount")).sum();
                    let off: i64 = object["total_discount_amounts"].as_array().unwrap().iter().map(|off| int(off, "amount")).sum();
                    prop_assert_eq!(lines, int(object, "subtotal"));
                    prop_assert_eq!(lines - off, int(object, "total"));
                    prop_assert_eq!(int(object, "amount_paid") + int(object, "amount_remaining"), int(object, "amount_due"));
                    prop_assert_eq!(int(object, "amount_due"), (int(object, "total") + int(object, "starting_balance")).max(0));
                    if text(object, "status") == "paid" {
                        prop_assert_eq!(int(object, "amount_remaining"), 0);
                    }
                }
                "charge" => prop_assert!(int(object, "amount_refunded") <= int(object, "amount_captured")),
                "checkout.session" => {
                    let off = int(&object["total_details"], "amount_discount");
                    prop_assert_eq!(int(object, "amount_subtotal") - off, int(object, "amount_total"));
                }
                _ => {}
            }
        }
    }

    #[test]
    fn balance_moves_are_conserved(story in prop::collection::vec(anything(), 1..10)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let stand = Stand::seeded(4).await;
            for (kind, keys) in &story {
                let _ = stand.try_act(kind, keys.clone());
            }
            let truth = stand.truth();
            let account = stand.double.shared.account();
            let moves = account.cases[&CASE].store.of(Kind::CustomerBalanceTransaction);
            let (mut balance, customer) = (0, &truth["customer"]);
            for moved in moves.map(store::Stored::value) {
                balance += int(moved, "amount");
                prop_assert_eq!(int(moved, "ending_balance"), balance);
            }
            prop_assert_eq!(int(customer, "balance"), balance);
            Ok(())
        })?;
    }

    #[test]
    fn statuses_move_along_documented_edges(story in prop::collection::vec(anything(), 1..10)) {
        let (events, _) = run(2, &story);
        let mut statuses: std::collections::HashMap<String, String> = std::collections::HashMap::new();
        for event in &events {
            let object = &event["data"]["object"];
            if object["object"] != "subscription" {
                continue;
            }
            let now = text(object, "status").to_owned();
            let before = statuses.insert(text(object, "id").to_owned(), now.clone());
            if let Some(before) = before.filter(|before| *before != now) {
                prop_assert!(may_become(&before, &now), "{} became {}", before, now);
            }
        }
    }

    #[test]
    fn a_seed_reproduces_ids_and_bytes(story in prop::collection::vec(anything(), 1..6), seed in any::<u64>()) {
        let (first, again) = (run(seed, &story), run(seed, &story));
        // Not `prop_assert_eq`, which would print both stories whole.
        prop_assert!(serde_json::to_string(&first.0).unwrap() == serde_json::to_string(&again.0).unwrap());
        prop_assert_eq!(first.1, again.1);
    }

    #[test]
    fn time_that_passes_in_two_steps_is_time_that_passes_in_one(
        story in prop::collection::vec(anything(), 1..6), first in 0_i64..8_000_000, second in 0_i64..8_000_000,
    ) {
        let (one, two) = (lived(&story, &[first + second]), lived(&story, &[first, second]));
        // Not `prop_assert_eq`, which would print both stories whole.
        prop_assert!(one.0 == two.0, "{:?}\n{:?}", types(&one.0), types(&two.0));
        prop_assert_eq!((one.1, one.2), (two.1, two.2));
    }

    #[test]
    fn events_never_run_ahead_of_truth(story in prop::collection::vec(anything(), 1..8)) {
        let (events, truth) = run(3, &story);
        let Some(subscription) = truth.get("subscription") else { return Ok(()) };
        let last = events.iter().rfind(|event| event["data"]["object"]["id"] == subscription["id"]);
        prop_assert_eq!(&last.unwrap()["data"]["object"], subscription);
        let mut ids: Vec<_> = events.iter().map(|event| text(event, "id")).collect();
        ids.sort_unstable();
        ids.dedup();
        prop_assert_eq!(ids.len(), events.len());
        let created: Vec<_> = events.iter().map(|event| int(event, "created")).collect();
        prop_assert!(created.is_sorted());
    }
}
