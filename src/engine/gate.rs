//! Acts on the outside wait until what tells of them is retained (invariant 3).
//!
//! Who retains a run counts its events and says through which one they are stored. An act waits for the event that told
//! of it, and whatever else its case asked for after it waits behind it; other cases go on meanwhile, and what they tell
//! is stored with it. Where nobody retains the run, or can no more, nothing waits.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::watch;

use super::case::Action;
use crate::id::CaseId;
use crate::run_event::Retained;

/// How many events of a run were told, and how many of them are retained.
#[derive(Debug, Clone, Default)]
pub(super) struct Retention {
    told: Arc<AtomicU64>,
    /// Somebody was told why no more can be retained.
    complained: Arc<AtomicBool>,
    retained: Option<watch::Receiver<Retained>>,
}

impl Retention {
    pub(super) fn new(retained: Option<watch::Receiver<Retained>>) -> Self {
        Self { retained, ..Self::default() }
    }

    /// Counts an event that is told now.
    pub(super) fn count(&self) {
        self.told.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn told(&self) -> u64 {
        self.told.load(Ordering::Relaxed)
    }

    /// Whether everything is retained up to the event of this number, or nobody will ever retain it.
    fn is_through(&self, number: u64) -> bool {
        let Some(retained) = &self.retained else { return true };
        let now = retained.borrow();
        now.through >= number || now.problem.is_some() || retained.has_changed().is_err()
    }

    /// Why no more can be retained; said once.
    pub(super) fn complaint(&self) -> Option<String> {
        let problem = self.retained.as_ref()?.borrow().problem.clone()?;
        (!self.complained.swap(true, Ordering::Relaxed)).then_some(problem)
    }

    /// Waits until something has changed.
    pub(super) async fn changed(&mut self) {
        match &mut self.retained {
            Some(retained) => {
                if retained.changed().await.is_err() {
                    self.retained = None;
                }
            }
            None => std::future::pending().await,
        }
    }

    /// Waits until everything that was told is retained, or cannot be.
    pub(super) async fn settle(&mut self) {
        while !self.is_through(self.told()) {
            self.changed().await;
        }
    }
}

/// What a case asked for and has to wait.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) action: Action,
    /// The event that must be retained first.
    pub(super) until: u64,
}

/// What waits, by case.
#[derive(Debug)]
pub(super) struct Gate {
    pub(super) retention: Retention,
    waiting: BTreeMap<CaseId, VecDeque<Waiting>>,
}

impl Gate {
    pub(super) fn new(retention: Retention) -> Self {
        Self { retention, waiting: BTreeMap::new() }
    }

    /// Gives an action back where it may be done now; else it waits.
    pub(super) fn admit(&mut self, case: CaseId, action: Action, until: u64) -> Option<Action> {
        let free = !self.waiting.contains_key(&case) && self.retention.is_through(until);
        if free {
            return Some(action);
        }
        self.waiting.entry(case).or_default().push_back(Waiting { action, until });
        None
    }

    /// The next that need not wait any more.
    pub(super) fn next(&mut self) -> Option<(CaseId, Action)> {
        let retention = &self.retention;
        let through = |queue: &VecDeque<Waiting>| {
            queue.front().is_some_and(|waiting| retention.is_through(waiting.until))
        };
        let case = *self.waiting.iter().find(|(_, queue)| through(queue))?.0;
        let queue = self.waiting.get_mut(&case)?;
        let waiting = queue.pop_front()?;
        if queue.is_empty() {
            self.waiting.remove(&case);
        }
        Some((case, waiting.action))
    }

    /// What a case that has ended will not do any more.
    pub(super) fn forget(&mut self, case: CaseId) -> VecDeque<Waiting> {
        self.waiting.remove(&case).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const CASE: CaseId = CaseId(1);

    fn gate() -> (watch::Sender<Retained>, Gate) {
        let (sender, receiver) = watch::channel(Retained::default());
        (sender, Gate::new(Retention::new(Some(receiver))))
    }

    fn wake() -> Action {
        Action::WakeAt(Duration::ZERO)
    }

    #[test]
    fn an_act_waits_for_its_event_and_what_follows_behind_it() {
        let (retained, mut gate) = gate();
        assert!(gate.admit(CASE, wake(), 0).is_some(), "no act");
        assert!(gate.admit(CASE, Action::Restart, 3).is_none());
        assert!(gate.admit(CASE, wake(), 0).is_none(), "behind the act");
        assert!(gate.admit(CaseId(2), wake(), 0).is_some(), "another case");
        retained.send_modify(|now| now.through = 2);
        assert!(gate.next().is_none());
        retained.send_modify(|now| now.through = 3);
        assert!(matches!(gate.next(), Some((CASE, Action::Restart))));
        assert!(matches!(gate.next(), Some((CASE, Action::WakeAt(_)))));
        assert!(gate.next().is_none());
        assert!(gate.admit(CASE, Action::Restart, 3).is_some());
    }

    #[test]
    fn where_nothing_can_be_retained_nothing_waits_and_it_is_said_once() {
        let (retained, mut gate) = gate();
        assert!(gate.admit(CASE, Action::Restart, 3).is_none());
        retained.send_modify(|now| now.problem = Some("write it".to_owned()));
        assert!(gate.next().is_some());
        assert_eq!(gate.retention.complaint().as_deref(), Some("write it"));
        assert_eq!(gate.retention.complaint(), None);
        let (retained, mut gate) = self::gate();
        assert!(gate.admit(CASE, Action::Restart, 3).is_none());
        drop(retained);
        assert!(gate.next().is_some(), "who retains it is gone");
    }

    #[test]
    fn a_case_that_ended_does_nothing_more() {
        let (retained, mut gate) = gate();
        assert!(gate.admit(CASE, Action::Restart, 3).is_none());
        assert_eq!(gate.forget(CASE).len(), 1);
        retained.send_modify(|now| now.through = 3);
        assert!(gate.next().is_none());
    }

    #[tokio::test]
    async fn a_run_waits_at_its_end_for_what_it_told() {
        let (retained, gate) = gate();
        let mut retention = gate.retention;
        retention.count();
        let waits = tokio::spawn(async move { retention.settle().await });
        retained.send_modify(|now| now.through = 1);
        waits.await.unwrap();
        Retention::new(None).settle().await;
    }
}
