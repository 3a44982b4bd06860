//! What holds for any history of readings.

use proptest::prelude::*;

use super::*;

/// What is read when, in order of time: true, false or not at all.
fn history() -> impl Strategy<Value = Vec<(u64, &'static str)>> {
    let entry = (1..40_u64, prop::sample::select(vec!["\"pro\"", "\"free\"", "!"]));
    prop::collection::vec(entry, 0..24).prop_map(|steps| {
        let times = steps.iter().scan(0, |at, (wait, _)| {
            *at += wait;
            Some(*at)
        });
        times.zip(steps.iter().map(|(_, value)| *value)).collect()
    })
}

/// Feeds a history until the end of time; says how it was settled.
fn end(mut track: Track, history: &[(u64, &str)]) -> Judged {
    for (at, value) in history {
        track.observe("access", &reading(SINCE + at, "plan", value));
    }
    for _ in 0..2 {
        if let Progress::Open { next_deadline } = track.progress() {
            track.tick(next_deadline);
        }
    }
    track.judged().expect("two deadlines settle everything").clone()
}

proptest! {
    #[test]
    fn a_new_value_passes_exactly_if_it_was_read_in_time(history in history()) {
        let judged = end(field("plan", json!("pro"), rules(), "\"free\""), &history);
        let in_time: Vec<_> = history.iter().filter(|(at, _)| *at <= 100).map(|(_, value)| *value).collect();
        let expected = match in_time.last() {
            _ if in_time.contains(&"\"pro\"") => Verdict::Passed,
            Some(&"\"free\"") => Verdict::Failed,
            _ => Verdict::Errored,
        };
        prop_assert_eq!(judged.verdict, expected);
    }

    #[test]
    fn what_must_stay_passes_only_without_a_false_reading(history in history()) {
        let judged = end(field("plan", json!("pro"), rules(), "\"pro\""), &history);
        let first = history.iter().find(|(at, value)| *at <= 100 && *value == "\"pro\"").map(|(at, _)| *at);
        let until = first.map_or(100, |at| at + 50);
        let broken = history.iter().any(|(at, value)| *at <= until && *value == "\"free\"");
        let looked = first.and_then(|_| history.iter().find(|(at, _)| *at >= until));
        let closed = looked.is_some_and(|(at, value)| *at <= until + 100 && *value == "\"pro\"");
        match judged.verdict {
            Verdict::Passed => prop_assert!(first.is_some() && !broken && closed),
            Verdict::Failed => prop_assert!(broken || looked.is_some_and(|(_, value)| *value == "\"free\"")),
            _ => prop_assert!(!broken && !closed),
        }
    }

    #[test]
    fn settled_is_settled(first in history(), later in history(), was in "\"(pro|free)\"") {
        let mut track = field("plan", json!("pro"), rules(), &was);
        for (at, value) in &first {
            track.observe("access", &reading(SINCE + at, "plan", value));
        }
        if let Some(judged) = track.judged().cloned() {
            for (at, value) in &later {
                track.observe("access", &reading(SINCE + 1_000 + at, "plan", value));
                track.tick(ms(SINCE + 1_000 + at));
            }
            prop_assert_eq!(track.judged(), Some(&judged));
        }
    }

    #[test]
    fn a_reading_told_twice_changes_nothing(history in history(), was in "\"(pro|free)\"") {
        let twice: Vec<_> = history.iter().flat_map(|entry| [*entry, *entry]).collect();
        let once = end(field("plan", json!("pro"), said(), &was), &history);
        prop_assert_eq!(end(field("plan", json!("pro"), said(), &was), &twice).verdict, once.verdict);
    }
}
