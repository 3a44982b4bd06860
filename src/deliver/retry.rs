//! When Stripe would try a delivery again.
//!
//! The schedule is [`delivery::due`]. Waiting is virtual: nobody sleeps.

use jiff::{SignedDuration, Timestamp};

use crate::scenario::model::{Change, Step};
use crate::stripe::delivery;

/// The built-in probe of a delivery's answers.
const DELIVERY: &str = "delivery";

/// How often a delivery is attempted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Until it is accepted, or Stripe's three days are used up.
    AsStripe,
    /// Once, whatever the answer; a refusal is no failure by itself.
    Once(OnceReason),
}

/// Why a delivery is attempted only once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnceReason {
    /// Stripe did not sign it, so Stripe would not repeat it.
    Forged,
    /// `retry = false`.
    Asked,
    /// The step says what the answer must be.
    Judged,
}

impl Retry {
    /// How often a delivery of `step` is attempted.
    #[must_use]
    pub fn of(change: &Change, step: &Step) -> Self {
        if !change.signature.is_acceptable() {
            Self::Once(OnceReason::Forged)
        } else if change.retry == Some(false) {
            Self::Once(OnceReason::Asked)
        } else if judges_delivery(step) {
            Self::Once(OnceReason::Judged)
        } else {
            Self::AsStripe
        }
    }

    /// How long Stripe waits before the next attempt, after `attempts` that were not accepted; `None`: it gives
    /// up. `first_sent` and `now` are Stripe's clock in the case. Zero: the time for it has come already, as in
    /// a later step.
    #[must_use]
    pub fn next(self, attempts: u32, first_sent: Timestamp, now: Timestamp) -> Option<SignedDuration> {
        if self != Self::AsStripe {
            return None;
        }
        let due = delivery::due(attempts)?;
        Some(due.saturating_sub(now.duration_since(first_sent)).max(SignedDuration::ZERO))
    }
}

/// How many attempts a delivery has at most.
#[must_use]
pub fn attempts_at_most() -> usize {
    delivery::ATTEMPTS
}

/// Whether a step judges the answers to its deliveries.
#[must_use]
pub fn judges_delivery(step: &Step) -> bool {
    step.expected().any(|expected| expected.probe == DELIVERY)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use rstest::rstest;

    use super::*;
    use crate::scenario::model::{Expected, Order, Pace, Send, SignatureMode};
    use crate::span::{Place, Source};

    fn place() -> Place {
        let source = Arc::new(Source { path: "a.toml".into(), text: String::new() });
        Place { source, range: 0..0 }
    }

    fn judging(probes: &[&str]) -> Vec<Expected> {
        let expected =
            |probe: &&str| Expected { probe: (*probe).into(), fields: BTreeMap::new(), place: place() };
        probes.iter().map(expected).collect()
    }

    fn step(then: &[&str], either: &[&str]) -> Step {
        Step {
            name: "paid".into(),
            place: place(),
            customer: 0,
            restart: None,
            faults: vec![],
            stripe: None,
            requests: vec![],
            send: Send::Burst { order: Order::Natural, drop: vec![] },
            pace: Pace::OneByOne,
            then: judging(then),
            either: either.iter().map(|probe| judging(&[*probe])).collect(),
            either_place: None,
            unchanged: vec![],
            within: None,
            hold: None,
            reconcile: None,
        }
    }

    #[rstest]
    #[case::ordinary(SignatureMode::Right, None, &["access"], &[], Retry::AsStripe)]
    #[case::rolled(SignatureMode::Rolled, Some(true), &[], &[], Retry::AsStripe)]
    #[case::forged(SignatureMode::Stale, Some(true), &[], &[], Retry::Once(OnceReason::Forged))]
    #[case::asked(SignatureMode::Right, Some(false), &[], &[], Retry::Once(OnceReason::Asked))]
    #[case::judged(SignatureMode::Right, None, &["access", "delivery"], &[], Retry::Once(OnceReason::Judged))]
    #[case::judged_by_either(SignatureMode::Right, None, &[], &["access", "delivery"], Retry::Once(OnceReason::Judged))]
    fn who_is_tried_again(
        #[case] signature: SignatureMode,
        #[case] retry: Option<bool>,
        #[case] then: &[&str],
        #[case] either: &[&str],
        #[case] expected: Retry,
    ) {
        let change = Change { signature, retry, ..Change::default() };
        assert_eq!(Retry::of(&change, &step(then, either)), expected);
    }

    /// Follows the schedule to its end; when each attempt was made, since the first.
    fn times() -> Vec<SignedDuration> {
        let first = Timestamp::UNIX_EPOCH;
        let (mut now, mut times) = (first, vec![SignedDuration::ZERO]);
        while let Some(wait) = Retry::AsStripe.next(u32::try_from(times.len()).unwrap(), first, now) {
            now += wait;
            times.push(now.duration_since(first));
        }
        times
    }

    #[test]
    fn waits_grow_and_end_within_three_days() {
        let times = times();
        assert_eq!(times.len(), attempts_at_most());
        let waits: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(waits.is_sorted(), "{waits:?}");
        let three_days = SignedDuration::from_hours(72);
        assert!(*times.last().unwrap() <= three_days);
        assert!(
            *times.last().unwrap() + *waits.last().unwrap() > three_days,
            "it would have tried once more"
        );
    }

    #[rstest]
    #[case::at_once(1, 0, Some(300))]
    #[case::some_time_has_passed(1, 100, Some(200))]
    #[case::due(1, 300, Some(0))]
    #[case::a_month_later(2, 31 * 86_400, Some(0))]
    #[case::the_clock_went_back(1, -60, Some(360))]
    #[case::used_up(8, 0, None)]
    #[case::far_beyond(u32::MAX, 0, None)]
    fn waits_count_from_the_first_attempt(
        #[case] attempts: u32,
        #[case] passed: i64,
        #[case] expected: Option<i64>,
    ) {
        let first = Timestamp::from_second(1_700_000_000).unwrap();
        let now = first + SignedDuration::from_secs(passed);
        let wait = Retry::AsStripe.next(attempts, first, now);
        assert_eq!(wait, expected.map(SignedDuration::from_secs));
    }

    #[test]
    fn once_is_once() {
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(Retry::Once(OnceReason::Judged).next(1, now, now), None);
    }
}
