//! Reads what a step is judged by, and waits until everything is settled.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::script::bystanders;
use super::{Action, Awaited, Case, Running};
use crate::judge::poll::Poll;
use crate::judge::truth::{self, Sides};
use crate::judge::{Before, Condition, Hold, Progress, Rules, Start, Subject, Track, delivery, instant};
use crate::probe::{ReadError, Reading};
use crate::project::model::{Probe, ProbeKind, Reconcile};
use crate::run_event::{Judged, JudgedKind, Reason, RunEventKind, Verdict};
use crate::scenario::model::{Expected, Send, Step};
use crate::span::{Place, Spanned};

/// What was read before a step, and of bystanders before the story.
#[derive(Debug, Default)]
pub(super) struct Baselines {
    before: Before,
    bystanders: BTreeMap<usize, Before>,
    filling: Filling,
}

/// Which of the baselines a reading belongs to.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Filling {
    #[default]
    Step,
    Delivery,
    Bystanders,
    /// They are kept with the record only.
    Evidence,
}

/// Expectations that are being judged.
#[derive(Debug)]
pub(super) struct Watch {
    purpose: Purpose,
    tracks: Vec<Watched>,
    polls: BTreeMap<(usize, String), Polled>,
    /// Verdicts that needed no reading.
    judged: Vec<Judged>,
    reconciles: bool,
}

/// Why something is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// The step's verdicts count.
    Step,
    /// A little patience before the story; no verdict.
    Given,
}

#[derive(Debug)]
struct Watched {
    slot: usize,
    track: Track,
    /// Compared with provider truth.
    pair: Option<Reconcile>,
}

#[derive(Debug)]
struct Polled {
    poll: Poll,
    in_flight: bool,
}

impl Watch {
    fn new(purpose: Purpose, tracks: Vec<Watched>, at: Duration) -> Self {
        let mut polls = BTreeMap::new();
        for watched in &tracks {
            for probe in watched.track.probes() {
                let polled = Polled { poll: Poll::starting(at), in_flight: false };
                polls.insert((watched.slot, probe.to_owned()), polled);
            }
        }
        let reconciles = tracks.iter().any(|watched| watched.pair.is_some());
        Self { purpose, tracks, polls, judged: Vec::new(), reconciles }
    }

    pub(super) fn woken(&mut self, at: Duration) {
        self.polls.values_mut().for_each(|polled| polled.poll.woken(at));
    }

    /// Ticks everything; `None` when all is settled, else when to look again.
    fn next(&mut self, at: Duration) -> Option<Duration> {
        self.tracks.iter_mut().for_each(|watched| watched.track.tick(at));
        let mut next: Option<Duration> = None;
        for watched in &self.tracks {
            if let Progress::Open { next_deadline } = watched.track.progress() {
                next = Some(next.map_or(next_deadline, |next| next.min(next_deadline)));
            }
        }
        next
    }

    /// Probes that something open still needs.
    fn needed(&self) -> BTreeSet<(usize, String)> {
        let open =
            self.tracks.iter().filter(|watched| matches!(watched.track.progress(), Progress::Open { .. }));
        open.flat_map(|watched| watched.track.probes().map(|probe| (watched.slot, probe.to_owned())))
            .collect()
    }

    /// Those of them that are due, marked as being read.
    fn due(&mut self, at: Duration) -> Vec<(usize, String)> {
        let mut due = Vec::new();
        for key in self.needed() {
            if let Some(polled) = self.polls.get_mut(&key)
                && !polled.in_flight
                && polled.poll.due() <= at
            {
                polled.in_flight = true;
                due.push(key);
            }
        }
        due
    }

    /// When the next of them is due.
    fn next_poll(&self) -> Option<Duration> {
        let waiting = |key: &(usize, String)| self.polls.get(key).filter(|polled| !polled.in_flight);
        self.needed().iter().filter_map(waiting).map(|polled| polled.poll.due()).min()
    }
}

impl Case {
    /// Reads what the step's expectations compare with, where they compare with anything.
    pub(super) fn baseline(&mut self, step: usize, moment: Moment, at: Duration, out: &mut Vec<Action>) {
        let story = Arc::clone(&self.plan.story);
        let model = &story.steps[step];
        if moment == Moment::Step {
            self.baselines.before = Before::default();
        }
        let looks_only =
            model.stripe.is_none() && model.requests.is_empty() && !sends(model) && self.owed.is_empty();
        let compares = !model.unchanged.is_empty() || model.then.iter().any(compares_with_before);
        if looks_only && !compares {
            return;
        }
        self.baselines.filling = if moment == Moment::Step { Filling::Step } else { Filling::Delivery };
        let probes = probes_of(model).into_iter().map(|probe| (model.customer, probe)).collect();
        self.read_all(probes, at, out);
    }

    /// Reads what must not change of customers whom no step is about.
    pub(super) fn bystander_baseline(&mut self, at: Duration, out: &mut Vec<Action>) {
        self.baselines.filling = Filling::Bystanders;
        let story = Arc::clone(&self.plan.story);
        let executed = |probe: &Probe| matches!(probe.kind, ProbeKind::Http { .. });
        let probes: Vec<String> = self
            .scene
            .project
            .probes
            .iter()
            .filter(|(_, probe)| executed(probe))
            .map(|(name, _)| name.clone())
            .collect();
        let all = bystanders(&story)
            .flat_map(|slot| probes.iter().map(move |probe| (slot, probe.clone())))
            .collect();
        self.read_all(all, at, out);
    }

    /// One reading each; a probe whose templates have no value yet is left out.
    fn read_all(&mut self, probes: Vec<(usize, String)>, at: Duration, out: &mut Vec<Action>) {
        let mut left = BTreeSet::new();
        for (slot, probe) in probes {
            if let Ok(action) = self.read_action(slot, &probe, at) {
                out.push(action);
                left.insert((slot, probe));
            }
        }
        if !left.is_empty() {
            self.running = Running::Readings(Awaited { since: at, left });
        }
    }

    fn read_action(&self, slot: usize, probe: &str, at: Duration) -> Result<Action, Reading> {
        let unread = |error: ReadError| Reading { at, took: Duration::ZERO, fields: Err(error) };
        let found = self.scene.project.probes.get(probe).map(|probe| &probe.kind);
        let Some(ProbeKind::Http { call, .. }) = found else {
            let problem = format!("probe `{probe}` cannot be read by this version");
            return Err(unread(ReadError::Template { template: probe.to_owned(), problem }));
        };
        match self.render_call(slot, call) {
            Ok(call) => Ok(Action::Read { slot, probe: probe.to_owned(), call: Box::new(call) }),
            Err(error) => {
                Err(unread(ReadError::Template { template: error.template, problem: error.problem }))
            }
        }
    }

    /// Takes a reading, brings it to Stripe's words, and judges by it.
    pub(super) fn was_read(
        &mut self,
        slot: usize,
        probe: &str,
        reading: Reading,
        at: Duration,
        out: &mut Vec<Action>,
    ) {
        let Some(model) = self.scene.project.probes.get(probe) else { return };
        let fields = reading.fields.map(|fields| instant::normalise(model, fields));
        let reading = Reading { fields, ..reading };
        let customer = self.customer_id(slot);
        if self.record.observed(&customer, probe, &reading) {
            let (case, probe, reading) = (self.plan.id, probe.to_owned(), reading.clone());
            out.push(Action::Emit(RunEventKind::Observed { case, customer, probe, reading }));
        }
        if slot == 0 {
            self.last_readings.insert(probe.to_owned(), reading.clone());
        }
        match &mut self.running {
            Running::Readings(awaited) => {
                let begun = reading.at.saturating_sub(reading.took);
                // A late one, asked for by what was given up waiting for, must not become a baseline: of the
                // first customer it would make a bystander.
                if begun < awaited.since || !awaited.left.remove(&(slot, probe.to_owned())) {
                    return;
                }
                if awaited.left.is_empty() {
                    self.running = Running::Nothing;
                }
                self.baselines.take(slot, probe, reading);
            }
            Running::Judging(watch) => {
                if let Some(polled) = watch.polls.get_mut(&(slot, probe.to_owned())) {
                    polled.in_flight = false;
                    polled.poll.taken(at);
                }
                let truth = self.slots.get(slot).map(|slot| &slot.truth);
                for watched in watch.tracks.iter_mut().filter(|watched| watched.slot == slot) {
                    observe(watched, probe, &reading, truth);
                }
                self.judge_on(at, out);
            }
            _ => {}
        }
    }

    /// Judges a step.
    pub(super) fn judge(&mut self, step: usize, at: Duration, out: &mut Vec<Action>) {
        match self.watch(step, at) {
            Ok(watch) => {
                self.running = Running::Judging(Box::new(watch));
                self.judge_on(at, out);
            }
            Err(reason) => self.give_up(reason, at, out),
        }
    }

    fn watch(&self, step: usize, at: Duration) -> Result<Watch, Reason> {
        let model = &self.plan.story.steps[step];
        let is_last = step + 1 == self.plan.story.steps.len();
        let rules = self.rules(step, model, at);
        let mut tracks = self.then(step, model, rules)?;
        tracks.extend(self.either(step, model, rules)?);
        tracks.extend(self.unchanged(step, model, rules));
        if model.reconcile.unwrap_or(is_last) {
            tracks.extend(self.reconcile(Some(step), 0, rules));
        }
        if is_last {
            tracks.extend(self.bystanders(rules));
        }
        let mut watch = Watch::new(Purpose::Step, tracks, at);
        for expected in model.then.iter().filter(|expected| expected.probe == "delivery") {
            let fields = self.rendered(model.customer, expected)?;
            let deliveries = self.deliveries_of(step);
            let judged = delivery::judge_delivery(step, &fields, &deliveries).map_err(|error| Reason {
                message: error.to_string(),
                place: Some(expected.place.clone()),
            })?;
            watch.judged.extend(judged);
        }
        if is_last {
            watch.judged.extend(self.judge_refused());
        }
        Ok(watch)
    }

    fn rules(&self, step: usize, model: &Step, at: Duration) -> Rules {
        let story = &self.plan.story;
        let project = &self.scene.project;
        let sent = self.deliveries.iter().any(|delivery| delivery.reference.step == Some(step));
        let start = match (sent, model.requests.is_empty()) {
            (true, _) => Start::LastDelivery,
            (false, false) => Start::LastRequest,
            (false, true) => Start::Step,
        };
        Rules {
            since: at,
            start,
            within: model.within.or(story.within).unwrap_or(project.within),
            hold: match model.hold {
                Some(hold) => Hold::Said(hold),
                None => Hold::WhereNeeded(story.hold.unwrap_or(project.hold)),
            },
        }
    }

    fn then(&self, step: usize, model: &Step, rules: Rules) -> Result<Vec<Watched>, Reason> {
        let slot = model.customer;
        let mut tracks = Vec::new();
        for expected in model.then.iter().filter(|expected| expected.probe != "delivery") {
            for (field, value) in self.rendered(slot, expected)? {
                let subject =
                    Subject { kind: JudgedKind::Then, step: Some(step), place: value.place.clone() };
                let condition = self.condition(expected, &field, &value, step)?;
                let track = Track::field(subject, condition, rules, &self.baselines.before);
                tracks.push(Watched { slot, track, pair: None });
            }
        }
        Ok(tracks)
    }

    fn either(&self, step: usize, model: &Step, rules: Rules) -> Result<Vec<Watched>, Reason> {
        let Some(place) = model.either_place.clone().filter(|_| !model.either.is_empty()) else {
            return Ok(Vec::new());
        };
        let mut alternatives = Vec::new();
        for alternative in &model.either {
            let mut conditions = Vec::new();
            for expected in alternative {
                for (field, value) in self.rendered(model.customer, expected)? {
                    conditions.push(self.condition(expected, &field, &value, step)?);
                }
            }
            alternatives.push(conditions);
        }
        let subject = Subject { kind: JudgedKind::Either, step: Some(step), place };
        let track = Track::either(subject, alternatives, rules, &self.baselines.before);
        Ok(vec![Watched { slot: model.customer, track, pair: None }])
    }

    fn unchanged(&self, step: usize, model: &Step, rules: Rules) -> Vec<Watched> {
        let probes = model
            .unchanged
            .iter()
            .filter_map(|probe| Some((probe, self.scene.project.probes.get(&probe.value)?)));
        probes
            .map(|(name, probe)| {
                let subject =
                    Subject { kind: JudgedKind::Unchanged, step: Some(step), place: name.place.clone() };
                let track = Track::unchanged(subject, &name.value, probe, rules, &self.baselines.before);
                Watched { slot: model.customer, track, pair: None }
            })
            .collect()
    }

    /// Local billing state against provider truth, where the customer has bought anything.
    fn reconcile(&self, step: Option<usize>, slot: usize, rules: Rules) -> Vec<Watched> {
        // Who has bought nothing has no billing state to compare.
        let truth =
            self.slots.get(slot).map(|slot| &slot.truth).filter(|truth| truth.contains_key("subscription"));
        let has = |pair: &&Reconcile| {
            let root = pair.truth.split(['.', '[']).next().unwrap_or_default();
            truth.is_some_and(|truth| truth.contains_key(root))
        };
        let pairs = self.scene.project.reconcile.iter().filter(has);
        pairs
            .filter_map(|pair| {
                let probe = self.scene.project.probes.get(&pair.probe)?;
                let track = Track::reconcile(step, pair, probe, rules);
                Some(Watched { slot, track, pair: Some(pair.clone()) })
            })
            .collect()
    }

    fn bystanders(&self, rules: Rules) -> Vec<Watched> {
        let mut tracks = Vec::new();
        for (slot, before) in &self.baselines.bystanders {
            let place = self.plan.story.given.customers.get(*slot).map(|customer| customer.place.clone());
            let place = place.unwrap_or_else(|| self.plan.head.place.clone());
            // What could not be read before the story says nothing after it.
            let readable = before.step.iter().filter(|(_, reading)| reading.fields.is_ok());
            for (name, _) in readable {
                let Some(probe) = self.scene.project.probes.get(name) else { continue };
                let subject = Subject { kind: JudgedKind::Bystander, step: None, place: place.clone() };
                let track = Track::unchanged(subject, name, probe, rules, before);
                tracks.push(Watched { slot: *slot, track, pair: None });
            }
        }
        tracks
    }

    fn condition(
        &self,
        expected: &Expected,
        field: &str,
        value: &Spanned<serde_json::Value>,
        step: usize,
    ) -> Result<Condition, Reason> {
        let wrong = |message: String| Reason { message, place: Some(value.place.clone()) };
        if expected.probe == "delivery" {
            return Condition::delivery(field, &value.value, &self.deliveries_of(step))
                .map_err(|error| wrong(error.to_string()));
        }
        let probe = self
            .scene
            .project
            .probes
            .get(&expected.probe)
            .ok_or_else(|| wrong(format!("the project has no probe `{}`", expected.probe)))?;
        Condition::field(&expected.probe, probe, field, &value.value)
            .map_err(|error| wrong(error.to_string()))
    }

    fn rendered(
        &self,
        slot: usize,
        expected: &Expected,
    ) -> Result<BTreeMap<String, Spanned<serde_json::Value>>, Reason> {
        let render = |(field, value): (&String, &Spanned<serde_json::Value>)| {
            let rendered = self.render(slot, &value.value);
            let place = value.place.clone();
            match rendered {
                Ok(value) => Ok((field.clone(), Spanned { value, place })),
                Err(error) => Err(Reason { message: format!("failed to {error}"), place: Some(place) }),
            }
        };
        expected.fields.iter().map(render).collect()
    }

    /// Waits a little until the app's record agrees with what it was told, so that the story starts from there.
    pub(super) fn settle_given(&mut self, at: Duration, out: &mut Vec<Action>) {
        let hold = self.plan.story.hold.unwrap_or(self.scene.project.hold);
        let rules = Rules {
            since: at,
            start: Start::LastDelivery,
            within: hold,
            hold: Hold::WhereNeeded(Duration::ZERO),
        };
        let told: Vec<usize> = (0..self.slots.len()).collect();
        let tracks = told.into_iter().flat_map(|slot| self.reconcile(None, slot, rules)).collect();
        self.running = Running::Judging(Box::new(Watch::new(Purpose::Given, tracks, at)));
        self.judge_on(at, out);
    }

    /// Reads what is due, and ends when everything is settled.
    pub(super) fn judge_on(&mut self, at: Duration, out: &mut Vec<Action>) {
        loop {
            let Running::Judging(watch) = &mut self.running else { return };
            let Some(deadline) = watch.next(at) else { return self.judged(at) };
            let due = watch.due(at);
            let mut unread = false;
            for (slot, probe) in due {
                match self.read_action(slot, &probe, at) {
                    Ok(action) => out.push(action),
                    Err(reading) => {
                        unread = true;
                        self.could_not_read(slot, &probe, &reading, at);
                    }
                }
            }
            if !unread {
                let Running::Judging(watch) = &self.running else { return };
                let next = watch.next_poll().map_or(deadline, |poll| poll.min(deadline));
                return self.wake_at(next, out);
            }
        }
    }

    fn could_not_read(&mut self, slot: usize, probe: &str, reading: &Reading, at: Duration) {
        let customer = self.customer_id(slot);
        self.record.observed(&customer, probe, reading);
        let Running::Judging(watch) = &mut self.running else { return };
        if let Some(polled) = watch.polls.get_mut(&(slot, probe.to_owned())) {
            polled.in_flight = false;
            polled.poll.taken(at);
        }
        for watched in watch.tracks.iter_mut().filter(|watched| watched.slot == slot) {
            watched.track.observe(probe, reading);
        }
    }

    fn judged(&mut self, at: Duration) {
        let Running::Judging(watch) = std::mem::replace(&mut self.running, Running::Nothing) else { return };
        if watch.purpose == Purpose::Given {
            return;
        }
        let mut judged = watch.judged;
        judged.extend(watch.tracks.iter().filter_map(|watched| watched.track.judged().cloned()));
        judged.sort_by_key(|judged| judged.place.range.start);
        self.record.judged(judged);
        if watch.reconciles {
            self.compare(at);
        }
    }

    /// Reads the app's own record once more.
    pub(super) fn read_evidence(&mut self, at: Duration, out: &mut Vec<Action>) {
        self.baselines.filling = Filling::Evidence;
        let probes: BTreeSet<String> =
            self.scene.project.reconcile.iter().map(|pair| pair.probe.clone()).collect();
        self.read_all(probes.into_iter().map(|probe| (0, probe)).collect(), at, out);
    }

    /// Puts both sides beside each other.
    pub(super) fn compare(&mut self, at: Duration) {
        let Some(slot) = self.slots.first() else { return };
        let sides = Sides {
            at,
            handler_read: self.record.last_call(),
            truth: &slot.truth,
            local: &self.last_readings,
        };
        let project = &self.scene.project;
        let reconciliation = truth::facts(sides, &project.reconcile, &project.probes);
        self.record.reconciled(reconciliation);
    }

    /// Deliveries that were never accepted: judged when the last step has ended.
    fn judge_refused(&self) -> Vec<Judged> {
        self.owed
            .iter()
            .filter_map(|number| self.deliveries.get(*number))
            .map(|delivery| {
                let place: Place = delivery.place.clone();
                let mut judged = delivery::judge_refused(
                    delivery.reference.step,
                    place,
                    &delivery.reference,
                    &delivery.attempts,
                );
                if delivery.cut_off {
                    // The app may be waiting for its own clock, which stands still here.
                    judged.verdict = Verdict::Errored;
                    judged.headline.push_str(
                        "; the scenario cut an attempt off, so the app may be waiting for its own clock",
                    );
                }
                judged
            })
            .collect()
    }

    fn customer_id(&self, slot: usize) -> String {
        let id = self.slots.get(slot).and_then(|slot| slot.truth.get("customer")?.get("id")?.as_str());
        id.unwrap_or_default().to_owned()
    }
}

/// When a baseline is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// When the step begins.
    Step,
    /// After its requests, just before its deliveries.
    Delivery,
}

impl Baselines {
    fn take(&mut self, slot: usize, probe: &str, reading: Reading) {
        let before = match self.filling {
            Filling::Step => &mut self.before.step,
            Filling::Delivery => &mut self.before.delivery,
            Filling::Bystanders => &mut self.bystanders.entry(slot).or_default().step,
            Filling::Evidence => return,
        };
        before.insert(probe.to_owned(), reading);
    }
}

fn observe(
    watched: &mut Watched,
    probe: &str,
    reading: &Reading,
    truth: Option<&serde_json::Map<String, serde_json::Value>>,
) {
    match &watched.pair {
        Some(pair) if pair.probe == probe => {
            watched
                .track
                .observe_pair(reading, Ok(truth.and_then(|truth| truth::lookup(truth, &pair.truth))));
        }
        Some(_) => {}
        None => watched.track.observe(probe, reading),
    }
}

/// Whether the step itself sends anything.
pub(super) fn sends(step: &Step) -> bool {
    match &step.send {
        Send::Burst { .. } => step.stripe.is_some() || !step.requests.is_empty(),
        Send::List { entries, .. } => !entries.is_empty(),
    }
}

fn probes_of(step: &Step) -> BTreeSet<String> {
    let expected =
        step.then.iter().chain(step.either.iter().flatten()).map(|expected| expected.probe.clone());
    let unchanged = step.unchanged.iter().map(|probe| probe.value.clone());
    expected.chain(unchanged).filter(|probe| probe != "delivery").collect()
}

/// `by` compares with what was there when the step began.
fn compares_with_before(expected: &Expected) -> bool {
    expected.fields.values().any(|value| value.value.get("by").is_some())
}
