//! What waits to be delivered, per endpoint: in order at first, then by Stripe's retry schedule. Pure.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;

use crate::stripe::delivery;

/// So many deliveries of one endpoint are under way at once.
const AT_ONCE: usize = 16;
/// The next delivery waits for the answer to the one before, but no longer than this: a quick endpoint is told
/// everything in order, a slow one cannot hold up the rest.
const HEAD_START: Duration = Duration::from_millis(50);
/// The most that waits for one endpoint, in bytes of bodies. What is more is lost, the longest refused first.
const MOST_BYTES: usize = 32 * 1024 * 1024;

/// One event for one endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub(crate) event: Arc<str>,
    /// `invoice.paid`
    pub(crate) kind: Arc<str>,
    pub(crate) body: Bytes,
    /// Attempts that were made.
    pub(crate) made: u32,
    /// When the first was due, by the account's clock.
    pub(crate) first: Timestamp,
}

/// Deliveries by endpoint.
#[derive(Debug, Default)]
pub(crate) struct Queues {
    queues: HashMap<Arc<str>, Queue>,
    seq: u64,
}

#[derive(Debug, Default)]
struct Queue {
    fresh: VecDeque<Delivery>,
    later: BTreeMap<(Timestamp, u64), Delivery>,
    under_way: usize,
    started: Duration,
    bytes: usize,
}

/// What can be sent now, and when to look again.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Ready {
    pub(crate) start: Vec<(Arc<str>, Delivery)>,
    /// Somebody's head start ends then, by the monotonic clock.
    pub(crate) head_start: Option<Duration>,
    /// A retry is due then, by the account's clock.
    pub(crate) retry: Option<Timestamp>,
}

/// How often what could not be kept was lost.
pub(crate) type Lost = usize;

impl Queues {
    /// A delivery that has not been tried.
    pub(crate) fn push(&mut self, endpoint: &Arc<str>, delivery: Delivery) -> Lost {
        let queue = self.queues.entry(Arc::clone(endpoint)).or_default();
        queue.bytes += delivery.body.len();
        queue.fresh.push_back(delivery);
        queue.shrink()
    }

    /// What can be sent at `now` by the account's clock, which is `at` by the monotonic one.
    pub(crate) fn ready(&mut self, now: Timestamp, at: Duration) -> Ready {
        let mut ready = Ready::default();
        let mut order: Vec<_> = self.queues.iter_mut().collect();
        order.sort_unstable_by(|a, b| a.0.cmp(b.0));
        for (endpoint, queue) in order {
            while let Some(delivery) = queue.next(now, at) {
                ready.start.push((Arc::clone(endpoint), delivery));
            }
            if queue.under_way < AT_ONCE && queue.waits(now) {
                let ends = queue.started + HEAD_START;
                ready.head_start = Some(ready.head_start.map_or(ends, |first| first.min(ends)));
            }
            if let Some((&(due, _), _)) = queue.later.first_key_value().filter(|((due, _), _)| *due > now) {
                ready.retry = Some(ready.retry.map_or(due, |first| first.min(due)));
            }
        }
        ready
    }

    /// An attempt was answered. What was not accepted is tried again, as long as Stripe does.
    pub(crate) fn finish(&mut self, endpoint: &str, mut delivery: Delivery, accepted: bool) -> Next {
        let Some(queue) = self.queues.get_mut(endpoint) else { return Next::Over };
        queue.under_way = queue.under_way.saturating_sub(1);
        delivery.made += 1;
        if accepted {
            return Next::Over;
        }
        let due = delivery::due(delivery.made).and_then(|due| delivery.first.checked_add(due).ok());
        let Some(due) = due else { return Next::GivenUp };
        self.seq += 1;
        queue.bytes += delivery.body.len();
        queue.later.insert((due, self.seq), delivery);
        queue.shrink();
        Next::Retry(due)
    }

    /// An endpoint is gone, and all that was meant for it; gives the events.
    pub(crate) fn forget(&mut self, endpoint: &str) -> Vec<Arc<str>> {
        let Some(queue) = self.queues.remove(endpoint) else { return Vec::new() };
        let all = queue.fresh.into_iter().chain(queue.later.into_values());
        all.map(|delivery| delivery.event).collect()
    }

    /// The endpoints that something was ever meant for.
    pub(crate) fn endpoints(&self) -> Vec<Arc<str>> {
        self.queues.keys().cloned().collect()
    }
}

/// What becomes of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// It was accepted, or its endpoint is gone.
    Over,
    /// It is tried again then, by the account's clock.
    Retry(Timestamp),
    /// It was refused to the end.
    GivenUp,
}

impl Queue {
    fn waits(&self, now: Timestamp) -> bool {
        !self.fresh.is_empty() || self.later.first_key_value().is_some_and(|((due, _), _)| *due <= now)
    }

    fn next(&mut self, now: Timestamp, at: Duration) -> Option<Delivery> {
        let may = match self.under_way {
            0 => true,
            under_way => under_way < AT_ONCE && at >= self.started + HEAD_START,
        };
        if !may || !self.waits(now) {
            return None;
        }
        let delivery = match self.fresh.pop_front() {
            Some(fresh) => fresh,
            None => self.later.pop_first()?.1,
        };
        self.bytes = self.bytes.saturating_sub(delivery.body.len());
        self.under_way += 1;
        self.started = at;
        Some(delivery)
    }

    fn shrink(&mut self) -> Lost {
        let mut lost = 0;
        while self.bytes > MOST_BYTES {
            let Some(delivery) =
                self.later.pop_first().map(|(_, delivery)| delivery).or_else(|| self.fresh.pop_front())
            else {
                break;
            };
            self.bytes = self.bytes.saturating_sub(delivery.body.len());
            lost += 1;
        }
        lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(event: &str, bytes: usize) -> Delivery {
        Delivery {
            event: event.into(),
            kind: "x.y".into(),
            body: vec![b' '; bytes].into(),
            made: 0,
            first: Timestamp::UNIX_EPOCH,
        }
    }

    fn started(ready: &Ready) -> Vec<&str> {
        ready.start.iter().map(|(_, delivery)| &*delivery.event).collect()
    }

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    #[test]
    fn one_after_another_while_the_endpoint_is_quick_and_beside_each_other_when_it_is_not() {
        let (mut queues, we) = (Queues::default(), "we_1".into());
        for event in ["a", "b", "c"] {
            queues.push(&we, delivery(event, 1));
        }
        let first = queues.ready(NOW, Duration::ZERO);
        assert_eq!(started(&first), ["a"]);
        assert_eq!(first.head_start, Some(HEAD_START));
        assert_eq!(queues.finish(&we, delivery("a", 1), true), Next::Over);
        assert_eq!(started(&queues.ready(NOW, Duration::from_millis(1))), ["b"]);
        assert!(started(&queues.ready(NOW, Duration::from_millis(2))).is_empty());
        assert_eq!(started(&queues.ready(NOW, Duration::from_millis(51))), ["c"]);
    }

    #[test]
    fn a_hung_endpoint_has_only_so_many_under_way() {
        let (mut queues, we) = (Queues::default(), "we_1".into());
        for at in 0..100 {
            assert_eq!(queues.push(&we, delivery(&at.to_string(), 1)), 0);
        }
        let starts: usize = (0..100_u32).map(|at| queues.ready(NOW, HEAD_START * at).start.len()).sum();
        assert_eq!(starts, AT_ONCE);
    }

    #[test]
    fn what_is_refused_is_tried_again_as_stripe_does_and_then_given_up() {
        let (mut queues, we) = (Queues::default(), "we_1".into());
        queues.push(&we, delivery("a", 1));
        let (mut now, mut attempts) = (NOW, 0);
        loop {
            let ready = queues.ready(now, Duration::from_secs(attempts));
            let [(_, tried)] = &ready.start[..] else { panic!("{ready:?}") };
            attempts += 1;
            match queues.finish(&we, tried.clone(), false) {
                Next::Retry(due) => {
                    let early = due.checked_sub(jiff::SignedDuration::from_secs(1)).unwrap();
                    let waiting = queues.ready(early, Duration::from_secs(attempts));
                    assert_eq!((waiting.start.len(), waiting.retry), (0, Some(due)));
                    now = due;
                }
                end => {
                    assert_eq!(end, Next::GivenUp);
                    break;
                }
            }
        }
        assert_eq!(usize::try_from(attempts).unwrap(), delivery::ATTEMPTS);
    }

    #[test]
    fn a_dead_endpoint_keeps_only_so_much() {
        let (mut queues, we) = (Queues::default(), "we_1".into());
        let lost: usize = (0..100).map(|_| queues.push(&we, delivery("a", 1024 * 1024))).sum();
        assert_eq!(lost, 100 - MOST_BYTES / (1024 * 1024));
    }

    #[test]
    fn what_was_meant_for_a_deleted_endpoint_is_forgotten() {
        let (mut queues, we) = (Queues::default(), "we_1".into());
        queues.push(&we, delivery("a", 1));
        queues.push(&we, delivery("b", 1));
        queues.ready(NOW, Duration::ZERO);
        queues.finish(&we, delivery("a", 1), false);
        let mut forgotten = queues.forget(&we);
        forgotten.sort();
        assert_eq!(forgotten, ["a".into(), "b".into()]);
        assert_eq!(queues.finish(&we, delivery("c", 1), false), Next::Over);
    }
}
