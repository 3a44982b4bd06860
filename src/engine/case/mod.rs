//! One case as a pure machine: what happened goes in, what to do next comes out.
//!
//! The story is first turned into a list of operations ([`script`]), which run one after another. Each operation
//! has its own file: what it asks for, and how it settles.

mod arrange;
mod baseline;
mod bursts;
mod clock;
mod deliver;
mod expect;
mod judge;
mod kill;
mod message;
mod names;
mod outside;
mod record;
mod request;
mod script;
mod watch;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use self::baseline::{Awaited, Baselines, Moment};
use self::bursts::Bursts;
use self::clock::AppClock;
pub(crate) use self::deliver::AttemptOrder;
use self::deliver::Delivering;
use self::kill::Kills;
pub(crate) use self::message::{Action, Input, InputKind, World};
pub(crate) use self::outside::Ask;
use self::record::Recorder;
use self::script::Op;
use self::watch::Watch;
use super::plan::CasePlan;
use super::scene::Scene;
use crate::id::IdMinter;
use crate::probe::Reading;
use crate::run_event::{CallRecord, Reason, RunEventKind, Verdict};
use crate::scenario::model::{ApiFault, FaultKind, KillMoment, Pick, Step};
use crate::stripe::version::{Kin, Version};

/// What the case is waiting for.
#[derive(Debug)]
enum Running {
    /// Nothing: the next operation may start.
    Nothing,
    /// One answer: of Stripe or the app.
    Answer,
    /// Readings before a step, or of bystanders.
    Readings(Awaited),
    /// Deliveries, and requests that started with them.
    Delivering(Delivering),
    /// Expectations that have not settled.
    Judging(Box<Watch>),
    /// The case has ended.
    Ended,
}

/// One case.
#[derive(Debug)]
pub(crate) struct Case {
    plan: CasePlan,
    scene: Arc<Scene>,
    script: VecDeque<Op>,
    running: Running,
    ids: IdMinter,
    variables: Map<String, Value>,
    slots: Vec<Slot>,
    stripe_now: Option<Timestamp>,
    /// Every event that was made, by who made it.
    bursts: Bursts,
    /// What older versions show of objects around the events.
    kin: Kin,
    /// Events in older versions, by id: whatever changes at Stripe, an event that is sent again is the same.
    shaped: BTreeMap<(String, Version), Value>,
    /// Events that nothing made and Stripe does not know yet.
    added: Vec<Value>,
    record: Recorder,
    /// Deliveries of the whole case, by number.
    deliveries: Vec<deliver::Delivery>,
    /// Numbers of those that are still to be accepted.
    owed: Vec<usize>,
    /// How many attempts in a row had no answer.
    silence: u32,
    clock: AppClock,
    /// How many attempts instances took in turn.
    turns: usize,
    /// What the step kills.
    kills: Kills,
    baselines: Baselines,
    /// The last reading of each probe of the first customer, for reconciliation.
    last_readings: BTreeMap<String, Reading>,
    /// Mints ids of events that nothing made.
    template_ids: IdMinter,
    /// Ids of captured events → those that they have in this case.
    captured: BTreeMap<String, String>,
    timer: Option<Duration>,
}

/// One customer of the case.
#[derive(Debug, Default)]
struct Slot {
    email: String,
    truth: Map<String, Value>,
    /// What the requests answered: `{{ request.signup.user_id }}`.
    answers: Map<String, Value>,
}

impl Case {
    pub(crate) fn new(plan: CasePlan, scene: Arc<Scene>, at: Duration, started: Timestamp) -> Self {
        let ids = IdMinter::new(scene.seed, plan.stream());
        let mut template_ids = IdMinter::new(scene.seed, plan.stream().rotate_left(2));
        let captured = captured(&plan, &mut template_ids);
        let variables = scene.variables.merged(&plan.story.variables);
        let script = script::of(&plan, &scene.project);
        let record = Recorder::new(&plan, scene.seed, at, started);
        Self {
            script,
            running: Running::Nothing,
            ids,
            variables,
            slots: Vec::new(),
            stripe_now: None,
            bursts: Bursts::default(),
            kin: Kin::default(),
            shaped: BTreeMap::new(),
            added: Vec::new(),
            record,
            deliveries: Vec::new(),
            owed: Vec::new(),
            silence: 0,
            clock: AppClock::default(),
            turns: 0,
            kills: Kills::default(),
            baselines: Baselines::default(),
            last_readings: BTreeMap::new(),
            template_ids,
            captured,
            timer: None,
            plan,
            scene,
        }
    }

    /// A case of which only the acts are wanted: nothing is read and nothing judged.
    pub(crate) fn rehearsed(plan: CasePlan, scene: Arc<Scene>, started: Timestamp) -> Self {
        let mut case = Self::new(plan, scene, Duration::ZERO, started);
        case.script.retain(Op::is_act);
        case
    }

    pub(crate) fn plan(&self) -> &CasePlan {
        &self.plan
    }

    /// Takes what happened and says what to do next.
    pub(crate) fn step(&mut self, input: Input) -> Vec<Action> {
        let mut out = Vec::new();
        if matches!(self.running, Running::Ended) {
            return out;
        }
        self.clock.wall = self.record.wall(input.at);
        self.look(input.world, input.at, &mut out);
        self.take(input.kind, input.at, &mut out);
        while matches!(self.running, Running::Nothing) {
            if self.moves_clock(input.at, &mut out) {
                if matches!(self.running, Running::Nothing) {
                    self.running = Running::Answer;
                }
                break;
            }
            match self.script.pop_front() {
                Some(op) => self.start(op, input.at, &mut out),
                None => self.finish(input.at, &mut out),
            }
        }
        out
    }

    /// Takes note of provider truth and of the events that Stripe made.
    fn look(&mut self, world: Option<World>, at: Duration, out: &mut Vec<Action>) {
        let Some(world) = world else { return };
        for (slot, truth) in self.slots.iter_mut().zip(world.truths.into_iter().flatten()) {
            slot.truth = truth;
        }
        self.stripe_now = world.stripe_now.or(self.stripe_now);
        if let Some(kin) = world.kin {
            self.kin = kin;
        }
        if !world.events.is_empty() {
            let kind = self.record.made(at, self.bursts.current, &world.events);
            out.push(Action::Emit(kind));
            self.bursts.add(world.events);
        }
    }

    fn take(&mut self, kind: InputKind, at: Duration, out: &mut Vec<Action>) {
        match kind {
            InputKind::Begin => out.push(Action::Emit(RunEventKind::CaseStarted {
                case: self.plan.id,
                name: self.plan.name.clone(),
                head: Arc::clone(&self.plan.head),
                run: self.record.planned().to_owned(),
                attempt: self.plan.attempt,
                retry_of: self.plan.retry_of.clone(),
            })),
            InputKind::Acted(result) => self.acted(result, at, out),
            InputKind::Restarted(result) => {
                self.started_anew();
                self.acted(result, at, out);
            }
            InputKind::ClockMoved(result) => self.clock_moved(result, at, out),
            InputKind::Requested { slot, record, answer } => self.requested(slot, record, answer, at, out),
            InputKind::Attempted { delivery, record } => self.attempted(delivery, record, at, out),
            InputKind::Read { slot, probe, reading } => self.was_read(slot, &probe, reading, at, out),
            InputKind::Killed { process, result } => self.killed(&process, result, at, out),
            InputKind::Called(call) => self.called(call, at, out),
            InputKind::Held(call) => {
                self.called(call, at, out);
                self.reached(KillMoment::Called, None, Duration::ZERO, out);
            }
            InputKind::Arrived => self.arrived(at, out),
            InputKind::Timer => self.timer(at, out),
            InputKind::Stopped(reason) => self.give_up(reason, at, out),
        }
    }

    fn acted(&mut self, result: Result<(), String>, at: Duration, out: &mut Vec<Action>) {
        let Running::Answer = self.running else { return };
        self.running = Running::Nothing;
        if let Err(problem) = result {
            let place = self.record.place.clone();
            self.give_up(Reason { message: problem, place }, at, out);
        }
    }

    fn called(&mut self, call: CallRecord, at: Duration, out: &mut Vec<Action>) {
        out.push(Action::Emit(RunEventKind::StripeCalled { case: Some(self.plan.id), call: call.clone() }));
        self.record.called(call);
        if let Running::Judging(watch) = &mut self.running {
            watch.woken(at);
            self.judge_on(at, out);
        }
    }

    fn timer(&mut self, at: Duration, out: &mut Vec<Action>) {
        self.timer = None;
        match self.running {
            Running::Judging(_) => self.judge_on(at, out),
            Running::Delivering(_) => self.deliver_on(at, out),
            _ => {}
        }
    }

    /// Asks to be woken at `when`, unless that is already arranged for an earlier moment.
    fn wake_at(&mut self, when: Duration, out: &mut Vec<Action>) {
        if self.timer.is_none_or(|timer| when < timer) {
            self.timer = Some(when);
            out.push(Action::WakeAt(when));
        }
    }

    /// It could not be told: ends the case as errored, whatever else is going on.
    fn give_up(&mut self, reason: Reason, at: Duration, out: &mut Vec<Action>) {
        self.record.reason = Some(reason);
        self.script.clear();
        self.running = Running::Nothing;
        self.finish(at, out);
    }

    fn start(&mut self, op: Op, at: Duration, out: &mut Vec<Action>) {
        match op {
            Op::Skip(reason) => {
                self.record.skip(reason);
                self.finish(at, out);
            }
            Op::Open => self.open(out),
            Op::Given { slot, keys, place } => self.given_subscription(slot, &keys, place, at, out),
            Op::Request { slot, name, place } => self.request(slot, &name, place, at, out),
            Op::Tell(told) => self.tell(told, at, out),
            Op::SettleGiven => self.settle_given(at, out),
            Op::BystanderBaseline => self.bystander_baseline(at, out),
            Op::Enter(step) => self.enter(step, at, out),
            Op::Baseline(step) => self.baseline(step, Moment::Step, at, out),
            Op::BeforeDelivery(step) => self.baseline(step, Moment::Delivery, at, out),
            Op::Restart(place) => {
                self.record.place = Some(place);
                self.running = Running::Answer;
                out.push(Action::Restart);
            }
            Op::Act(step) => self.act(step, at, out),
            Op::Deliver(step) => self.deliver(step, at, out),
            Op::Judge(step) => self.judge(step, at, out),
            Op::Leave(step) => self.leave(step, out),
            Op::Evidence => self.read_evidence(at, out),
            Op::Compare => self.compare(at),
        }
    }

    fn enter(&mut self, step: usize, at: Duration, out: &mut Vec<Action>) {
        let story = Arc::clone(&self.plan.story);
        let step_model = &story.steps[step];
        self.bursts.enter(step);
        self.record.enter(step, step_model.place.clone());
        out.push(Action::Emit(RunEventKind::StepStarted {
            case: self.plan.id,
            step: Some(step),
            name: step_model.name.clone(),
        }));
        if step == 0 {
            out.push(Action::NameNextEvent(self.record.planned().to_owned()));
        }
        out.push(Action::Advance(SignedDuration::from_secs(1)));
        self.kills = Kills::of(step_model);
        let calls = step_model.faults.iter().filter_map(|fault| match &fault.kind {
            FaultKind::Api(api) => Some(api.clone()),
            FaultKind::Kill(_) | FaultKind::Outside(_) => None,
        });
        let calls: Vec<ApiFault> = calls.collect();
        if !calls.is_empty() {
            out.push(Action::Arm(calls));
        }
        self.refuse(step, at, out);
    }

    fn leave(&mut self, step: usize, out: &mut Vec<Action>) {
        if !self.plan.story.steps[step].faults.is_empty() {
            out.extend([Action::Arm(Vec::new()), Action::Refuse(Vec::new())]);
        }
        // What a failed step leaves behind makes every later one meaningless; its owner still wants both sides.
        if self.record.worst() != Verdict::Passed {
            self.script.clear();
            let has_bought = self.slots.first().is_some_and(|slot| slot.truth.contains_key("subscription"));
            if has_bought && !self.record.is_reconciled() {
                self.script.extend([Op::Evidence, Op::Compare]);
            }
        }
    }

    fn finish(&mut self, at: Duration, out: &mut Vec<Action>) {
        let slot = self.slots.first();
        let truth = slot.map(|slot| slot.truth.clone()).unwrap_or_default();
        let email = slot.map(|slot| slot.email.clone()).unwrap_or_default();
        let deliveries = self.deliveries.iter().map(deliver::Delivery::record).collect();
        let record = self.record.close(at, truth, email, deliveries);
        self.running = Running::Ended;
        out.push(Action::Finish(Box::new(record)));
    }
}

/// A new id for every captured event that the story sends, the same wherever it sends it.
fn captured(plan: &CasePlan, ids: &mut IdMinter) -> BTreeMap<String, String> {
    let picks = plan.story.steps.iter().flat_map(Step::entries).map(|entry| &entry.pick);
    let files = picks.filter_map(|pick| match pick {
        Pick::File { event, .. } => event.get("id").and_then(Value::as_str),
        Pick::Made { .. } | Pick::Template(_) => None,
    });
    let mut captured = BTreeMap::new();
    for id in files {
        captured.entry(id.to_owned()).or_insert_with(|| ids.mint("evt"));
    }
    captured
}
