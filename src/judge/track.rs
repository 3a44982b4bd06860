//! An expectation while it is being judged: readings go in, and in the end a verdict comes out. Pure.
//!
//! - It passes at its first true reading, and fails at `within`.
//! - What was true already before the last delivery, a number of things, `unchanged`, and everything in a step
//!   that says `hold` must also stay true for `hold`; what must stay and leaves is a failure at once, even if it
//!   comes back. The hold ends with a reading: what nobody looked at has not stayed.
//! - A reading that could not be taken settles nothing, but where it is the last one nothing can be told.

use std::time::Duration;

use serde_json::Value;

use super::condition::{Before, Condition, Sight, Spelling, Watch};
use super::explain;
use crate::probe::Reading;
use crate::project::model::{Probe, Reconcile};
use crate::run_event::{Judged, JudgedKind};
use crate::span::Place;

/// What is judged, for reports.
#[derive(Debug, Clone)]
pub struct Subject {
    /// What kind of expectation.
    pub kind: JudgedKind,
    /// The step, from 0; `None`: the case as a whole.
    pub step: Option<usize>,
    /// The line that demands it.
    pub place: Place,
}

/// When and for how long an expectation is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// When judging starts, since the run's start. Readings that began earlier are not judged.
    pub since: Duration,
    /// What that moment is.
    pub start: Start,
    /// How long it may take to come true.
    pub within: Duration,
    /// How long it must stay true.
    pub hold: Hold,
}

/// What judging starts with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// The step's last delivery was answered.
    LastDelivery,
    /// Nothing was delivered, and the step's last request was answered.
    LastRequest,
    /// The step only looks: what is true already has nothing to wait for.
    Step,
}

/// How long what came true must stay so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// For so long where it was true already, is a number of things or must not change.
    WhereNeeded(Duration),
    /// For so long in any case: the step says so.
    Said(Duration),
}

/// Whether an expectation is settled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Progress<'a> {
    /// Not yet: more readings are needed, and [`Track::tick`] no later than at `next_deadline`.
    Open {
        /// Since the run's start.
        next_deadline: Duration,
    },
    /// For good.
    Settled(&'a Judged),
}

/// An expectation while it is being judged.
#[derive(Debug, Clone)]
pub struct Track {
    pub(super) subject: Subject,
    pub(super) rules: Rules,
    pub(super) alternatives: Vec<Alternative>,
    settled: Option<Judged>,
}

/// Conditions that must be true at the same time.
#[derive(Debug, Clone)]
pub(super) struct Alternative {
    pub(super) watched: Vec<Watched>,
    /// It was true before judging started, so the first false reading breaks it.
    pub(super) was_true: bool,
    must_stay: bool,
    pub(super) phase: Phase,
}

/// A condition and what was seen of it.
#[derive(Debug, Clone)]
pub(super) struct Watched {
    pub(super) watch: Watch,
    pub(super) last: Option<Sight>,
    /// Readings, without those that could not be taken.
    pub(super) readings: u32,
    /// All of them gave the same value.
    pub(super) steady: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Phase {
    /// It has not been true yet.
    Waiting,
    /// It became true at `first`, and must stay so until `until`.
    Holding { first: Duration, until: Duration },
    /// It became true at `first`, and stayed so for as long as it must.
    Passed { first: Duration, held: Option<Duration> },
    /// It had to stay true, and was not at this moment.
    Broken { at: Duration },
    /// It did not become true.
    Missed,
    /// The last reading could not be taken, or there was none.
    Unread { problem: Option<String> },
}

impl Track {
    /// `then.PROBE.FIELD`.
    #[must_use]
    pub fn field(subject: Subject, condition: Condition, rules: Rules, before: &Before) -> Self {
        Self::either(subject, vec![vec![condition]], rules, before)
    }

    /// `either`: one of the alternatives must come true whole.
    #[must_use]
    pub fn either(
        subject: Subject,
        alternatives: Vec<Vec<Condition>>,
        rules: Rules,
        before: &Before,
    ) -> Self {
        let alternatives =
            alternatives.into_iter().map(|conditions| Alternative::new(conditions, rules, before)).collect();
        Self::start(subject, rules, alternatives)
    }

    /// `unchanged`, and bystanders: the probe must read as it did in `before.step`.
    #[must_use]
    pub fn unchanged(subject: Subject, name: &str, probe: &Probe, rules: Rules, before: &Before) -> Self {
        let mut alternative = match Watch::unchanged(name, probe, before) {
            Ok(watch) => Alternative::of(vec![Watched::new(watch)]),
            Err(problem) => {
                let watch =
                    Watch::Unchanged { probe: name.to_owned(), before: Default::default(), without: &[] };
                Alternative::of(vec![Watched::new(watch)]).unread(problem)
            }
        };
        (alternative.was_true, alternative.must_stay) = (true, true);
        Self::start(subject, rules, vec![alternative])
    }

    /// `[reconcile]`: the local field must agree with provider truth, both read anew each time.
    #[must_use]
    pub fn reconcile(step: Option<usize>, pair: &Reconcile, probe: &Probe, rules: Rules) -> Self {
        let subject = Subject { kind: JudgedKind::Reconcile, step, place: pair.place.clone() };
        let watch = Watch::Agrees {
            probe: pair.probe.clone(),
            field: pair.field.clone(),
            truth: pair.truth.clone(),
            spelling: Spelling::of(probe, &pair.field),
        };
        let mut alternative = Alternative::of(vec![Watched::new(watch)]);
        alternative.must_stay = matches!(rules.hold, Hold::Said(_));
        Self::start(subject, rules, vec![alternative])
    }

    fn start(subject: Subject, rules: Rules, alternatives: Vec<Alternative>) -> Self {
        let mut track = Self { subject, rules, alternatives, settled: None };
        for alternative in &mut track.alternatives {
            alternative.know_deliveries(rules);
        }
        track.settle();
        track
    }

    /// Takes a reading of a probe, already in Stripe's words ([`super::instant::normalise`]). One of another
    /// probe is no matter here; a settled expectation stays as it is.
    pub fn observe(&mut self, probe: &str, reading: &Reading) {
        self.see(probe, reading, |watch| watch.see(reading));
    }

    /// Takes a reading of a probe and provider truth of the same moment, looked up with
    /// [`super::truth::lookup`]; `Err`: why that could not be read.
    pub fn observe_pair(&mut self, local: &Reading, truth: Result<Option<&Value>, &str>) {
        let probe = self.probe().to_owned();
        self.see(&probe, local, |watch| watch.compare(local, truth));
    }

    fn see(&mut self, probe: &str, reading: &Reading, sight: impl Fn(&Watch) -> Sight) {
        let rules = self.rules;
        if self.settled.is_some() {
            return;
        }
        for alternative in self.alternatives.iter_mut().filter(|alternative| alternative.watches(probe)) {
            let too_late = alternative.phase == Phase::Waiting && reading.at > rules.deadline();
            let too_early = reading.at.saturating_sub(reading.took) < rules.since;
            alternative.take(probe, &sight, if too_early || too_late { Judge::No } else { Judge::Yes });
            if !too_early && !too_late {
                alternative.advance(reading.at, rules);
            }
        }
        self.tick(reading.at);
    }

    /// Tells the time, since the run's start.
    pub fn tick(&mut self, now: Duration) {
        let rules = self.rules;
        for alternative in &mut self.alternatives {
            alternative.expire(now, rules);
        }
        self.settle();
    }

    /// Whether it is settled.
    #[must_use]
    pub fn progress(&self) -> Progress<'_> {
        match &self.settled {
            Some(judged) => Progress::Settled(judged),
            None => {
                let deadlines = self.alternatives.iter().filter_map(|each| each.deadline(self.rules));
                Progress::Open { next_deadline: deadlines.min().unwrap_or(self.rules.since) }
            }
        }
    }

    /// The verdict, once it is settled.
    #[must_use]
    pub fn judged(&self) -> Option<&Judged> {
        self.settled.as_ref()
    }

    /// The probes that must be read for it, without `delivery`.
    pub fn probes(&self) -> impl Iterator<Item = &str> {
        let watched = self.alternatives.iter().flat_map(|alternative| &alternative.watched);
        watched
            .filter(|watched| !matches!(watched.watch, Watch::Deliveries(_)))
            .map(|watched| watched.watch.probe())
    }

    fn probe(&self) -> &str {
        self.probes().next().unwrap_or_default()
    }

    fn settle(&mut self) {
        let passed = self.alternatives.iter().any(|each| matches!(each.phase, Phase::Passed { .. }));
        let ended = self.alternatives.iter().all(Alternative::has_ended);
        if self.settled.is_none() && (passed || ended) {
            self.settled = Some(explain::judged(self));
        }
    }
}

impl Rules {
    pub(super) fn deadline(self) -> Duration {
        self.since.saturating_add(self.within)
    }

    pub(super) fn hold(self) -> Duration {
        match self.hold {
            Hold::WhereNeeded(hold) | Hold::Said(hold) => hold,
        }
    }
}

/// Whether a reading counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Judge {
    Yes,
    /// Taken too early or too late: only why it could not be taken is of interest.
    No,
}

impl Alternative {
    fn new(conditions: Vec<Condition>, rules: Rules, before: &Before) -> Self {
        let mut alternative = Self::of(conditions.into_iter().map(|each| Watched::new(each.0)).collect());
        let remembered: Result<(), String> =
            alternative.watched.iter_mut().try_for_each(|watched| watched.watch.remember(before));
        if let Err(problem) = remembered {
            return alternative.unread(problem);
        }
        let was_true: Vec<_> = alternative.watched.iter().map(|each| each.watch.was_true(before)).collect();
        // Unknown is not false: where it may have been true already, it must hold.
        let maybe_true = !was_true.contains(&Some(false));
        let counts = alternative.watched.iter().any(|watched| watched.watch.counts());
        alternative.was_true = rules.start != Start::Step && was_true.iter().all(|was| *was == Some(true));
        alternative.must_stay =
            counts || matches!(rules.hold, Hold::Said(_)) || rules.start != Start::Step && maybe_true;
        alternative
    }

    fn of(watched: Vec<Watched>) -> Self {
        Self { watched, was_true: false, must_stay: false, phase: Phase::Waiting }
    }

    fn unread(mut self, problem: String) -> Self {
        self.phase = Phase::Unread { problem: Some(problem) };
        self
    }

    /// Deliveries have ended when judging starts, so what is said of them is known.
    fn know_deliveries(&mut self, rules: Rules) {
        for watched in &mut self.watched {
            if let Watch::Deliveries(answers) = &watched.watch {
                watched.last = Some(answers.sight(rules.since));
            }
        }
        let known = |holds: fn(&Result<bool, String>) -> bool| {
            self.watched.iter().any(|each| each.last.as_ref().is_some_and(|sight| holds(&sight.holds)))
        };
        if self.phase == Phase::Waiting && known(|holds| *holds == Ok(false)) {
            self.phase = Phase::Missed;
        } else if self.phase == Phase::Waiting && self.watched.iter().all(|each| each.last.is_some()) {
            self.must_stay = false;
            self.advance(rules.since, rules);
            self.expire(rules.deadline(), rules);
        }
    }

    fn watches(&self, probe: &str) -> bool {
        self.watched.iter().any(|watched| watched.watch.probe() == probe)
    }

    fn take(&mut self, probe: &str, sight: impl Fn(&Watch) -> Sight, judge: Judge) {
        for watched in self.watched.iter_mut().filter(|watched| watched.watch.probe() == probe) {
            let sight = sight(&watched.watch);
            if judge == Judge::Yes || watched.last.is_none() && sight.holds.is_err() {
                watched.take(sight);
            }
        }
    }

    /// `Some(false)` where any condition is false, `None` where that cannot be told.
    fn holds(&self) -> Option<bool> {
        let seen = |each: &Watched| each.last.as_ref().and_then(|sight| sight.holds.clone().ok());
        let seen: Vec<_> = self.watched.iter().map(seen).collect();
        match seen {
            seen if seen.contains(&Some(false)) => Some(false),
            seen if seen.contains(&None) => None,
            _ => Some(true),
        }
    }

    fn advance(&mut self, at: Duration, rules: Rules) {
        let next = match (&self.phase, self.holds()) {
            (Phase::Waiting, Some(true)) if !self.must_stay => Phase::Passed { first: at, held: None },
            (Phase::Waiting, Some(true)) => {
                Phase::Holding { first: at, until: at.max(rules.since).saturating_add(rules.hold()) }
            }
            (Phase::Waiting, Some(false)) if self.was_true => Phase::Broken { at },
            (Phase::Holding { .. }, Some(false)) => Phase::Broken { at },
            (phase, _) => phase.clone(),
        };
        self.phase = next;
        self.close_hold(rules);
    }

    /// Ends a hold when each condition has been read at its end.
    fn close_hold(&mut self, rules: Rules) {
        let Phase::Holding { first, until } = self.phase else { return };
        let fixed = |each: &Watched| matches!(each.watch, Watch::Deliveries(_));
        let closed = |each: &Watched| each.last.as_ref().is_some_and(|sight| sight.at >= until);
        if self.watched.iter().all(|each| fixed(each) || closed(each)) {
            self.phase = match self.holds() {
                Some(true) => Phase::Passed { first, held: Some(rules.hold()) },
                _ => Phase::Unread { problem: None },
            };
        }
    }

    fn expire(&mut self, now: Duration, rules: Rules) {
        if self.deadline(rules).is_none_or(|deadline| now < deadline) {
            return;
        }
        self.phase = match (&self.phase, self.holds()) {
            (Phase::Waiting, Some(_)) => Phase::Missed,
            _ => Phase::Unread { problem: None },
        };
    }

    /// When it ends if nothing more is read; a reading that closes a hold may take as long as any other.
    fn deadline(&self, rules: Rules) -> Option<Duration> {
        match self.phase {
            Phase::Waiting => Some(rules.deadline()),
            Phase::Holding { until, .. } => Some(until.saturating_add(rules.within)),
            _ => None,
        }
    }

    fn has_ended(&self) -> bool {
        !matches!(self.phase, Phase::Waiting | Phase::Holding { .. })
    }
}

impl Watched {
    fn new(watch: Watch) -> Self {
        Self { watch, last: None, readings: 0, steady: true }
    }

    fn take(&mut self, sight: Sight) {
        if sight.holds.is_ok() {
            self.steady &=
                self.last.as_ref().is_none_or(|last| last.actual == sight.actual || last.holds.is_err());
            self.readings = self.readings.saturating_add(1);
        }
        self.last = Some(sight);
    }
}

#[cfg(test)]
mod tests;
