//! Owns the state of every case, orders everything, and alone emits run events.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;

use super::app::{App, Back};
use super::app_log;
use super::beside;
use super::cancel::Cancel;
use super::case::{Action, Case, Input, InputKind};
use super::driver::{Driver, Report};
use super::gate::{Gate, Retention};
use super::plan::{CasePlan, RunPlan};
use super::scene::Scene;
use crate::id::CaseId;
use crate::provider::double::{ApiCall, CallKind};
use crate::run_event::{
    AttemptOutcome, AttemptRecord, CallRecord, CancelReason, CaseRecord, JudgedKind, Reason, RunEvent,
    RunEventKind, RunStats, Trouble, Verdict,
};
use crate::secret::Redactor;
use crate::target::Death;

/// How many lines of the app's output a case that did not pass keeps.
const LOG_LINES: usize = 40;
/// Why a case of an app that is gone was not judged.
const APP_ENDED: &str = "the app under test ended by itself";
/// The system closes the connections of a process that ends before it tells us of its end. By then it has, also on
/// a busy machine; where the app lives, this is what a case that broke off waits for nothing.
const END_IS_TOLD: Duration = Duration::from_millis(250);

/// Takes run events, in order.
pub type Sink<'a> = &'a mut (dyn FnMut(RunEvent) + Send);

/// What a run came to. Everything else went through the sink.
#[derive(Debug, Clone, PartialEq)]
pub struct RunSummary {
    /// All cases.
    pub stats: RunStats,
    /// How long it took.
    pub took: Duration,
    /// Something that made the whole run unjudgeable.
    pub trouble: Option<Trouble>,
    /// Why it ended early.
    pub cancelled: Option<CancelReason>,
}

/// The one owner of run state.
pub(super) struct Dispatcher<'a> {
    pub(super) plan: &'a RunPlan,
    pub(super) scene: Arc<Scene>,
    pub(super) driver: Driver,
    pub(super) app: App,
    pub(super) sink: Sink<'a>,
    pub(super) redactor: &'a Redactor,
    pub(super) cancel: Cancel,
    pub(super) queue: VecDeque<CasePlan>,
    pub(super) cases: BTreeMap<CaseId, Case>,
    pub(super) timers: BinaryHeap<Reverse<(Duration, CaseId)>>,
    pub(super) stats: RunStats,
    pub(super) next_id: u32,
    pub(super) trouble: Option<Trouble>,
    /// Cases that have ended, and of which it is not known yet whether the app has too.
    pub(super) held: Vec<Held>,
    /// What waits until it is retained that it is about to happen.
    pub(super) gate: Gate,
}

/// A case that has ended on a connection that broke.
pub(super) struct Held {
    until: Duration,
    case: Case,
    record: CaseRecord,
}

/// What woke the dispatcher.
enum Woken {
    Call(ApiCall),
    Report(Report),
    Timer,
    Cancelled(CancelReason),
    Died(Box<Death>),
    Back(Box<Back>),
    Retained,
    Arrived,
}

/// What the dispatcher hears.
pub(super) struct Inbox<'a> {
    /// What cases asked for was done.
    pub(super) reports: UnboundedReceiver<Report>,
    /// The app asked Stripe.
    pub(super) calls: &'a mut UnboundedReceiver<ApiCall>,
    /// Something left the app.
    pub(super) arrivals: watch::Receiver<u64>,
    /// The app was restarted.
    pub(super) back: UnboundedReceiver<Back>,
    /// More of the stream is retained.
    pub(super) retention: Retention,
}

impl Dispatcher<'_> {
    /// Runs every case to its end, or until the run is cancelled.
    pub(super) async fn run(&mut self, mut inbox: Inbox<'_>) -> Option<CancelReason> {
        let mut stopped = None;
        loop {
            self.release(stopped);
            if stopped.is_none() && self.at_limit() {
                stopped = Some(CancelReason::MaxFail);
                self.stop(CancelReason::MaxFail);
            }
            self.fill(stopped);
            if self.cases.is_empty() && self.held.is_empty() && !self.awaits_last_words(stopped) {
                return stopped;
            }
            match self.next(&mut inbox, stopped).await {
                Woken::Call(call) => self.called(call),
                Woken::Report((case, kind)) => self.report(case, kind),
                Woken::Timer => self.timers_due(),
                Woken::Arrived => self.arrived(),
                Woken::Retained => self.retained(),
                Woken::Back(back) => {
                    let (case, kind) = self.app.take_back(*back);
                    self.report(case, kind);
                }
                Woken::Cancelled(reason) => {
                    stopped = Some(reason);
                    self.stop(reason);
                }
                Woken::Died(death) => {
                    stopped = Some(CancelReason::TargetDied);
                    self.died(&death);
                }
            }
        }
    }

    async fn next(&self, inbox: &mut Inbox<'_>, stopped: Option<CancelReason>) -> Woken {
        // At the limit of failures no new case starts, but what was begun is judged.
        let judging = matches!(stopped, None | Some(CancelReason::MaxFail));
        let timer = self.timers.peek().map(|Reverse((when, _))| *when);
        tokio::select! {
            // The app's calls first: what it asked Stripe happened before what it then answered us.
            biased;
            Some(call) = inbox.calls.recv() => Woken::Call(call),
            Some(report) = inbox.reports.recv() => Woken::Report(report),
            Some(back) = inbox.back.recv() => Woken::Back(Box::new(back)),
            () = inbox.retention.changed() => Woken::Retained,
            () = sleep_until(self.driver.clock, timer), if timer.is_some() => Woken::Timer,
            reason = self.cancel.wanted(), if judging => Woken::Cancelled(reason),
            death = self.app.died(), if judging => Woken::Died(Box::new(death)),
            // Last: an app that sends without end must not keep everything else waiting.
            Ok(()) = inbox.arrivals.changed() => Woken::Arrived,
        }
    }

    /// Starts cases while there is room.
    fn fill(&mut self, stopped: Option<CancelReason>) {
        match stopped {
            None => {}
            Some(CancelReason::MaxFail) => self.queue.retain(|case| case.attempt > 1),
            Some(CancelReason::Interrupted | CancelReason::TargetDied) => self.queue.clear(),
        }
        while self.cases.len() < self.plan.options.jobs.max(1)
            && self.held.is_empty()
            && !self.app.gone()
            && let Some(plan) = self.queue.pop_front()
        {
            let at = self.driver.clock.elapsed();
            let id = plan.id;
            let case = Case::new(plan, Arc::clone(&self.scene), at, self.driver.clock.now());
            self.cases.insert(id, case);
            self.feed(id, InputKind::Begin);
        }
    }

    /// Hands an input to its case and does what the case then asks for, until it asks for nothing more.
    fn feed(&mut self, id: CaseId, kind: InputKind) {
        let mut inputs = VecDeque::from([kind]);
        while let Some(kind) = inputs.pop_front() {
            let looks = !matches!(
                kind,
                InputKind::Begin
                    | InputKind::Arrived
                    | InputKind::Timer
                    | InputKind::Stopped(_)
                    | InputKind::Called(_)
                    | InputKind::Held(_)
            );
            let world = looks.then(|| self.driver.look(id));
            let at = self.driver.clock.elapsed();
            let Some(case) = self.cases.get_mut(&id) else { return };
            for action in case.step(Input { at, kind, world }) {
                inputs.extend(self.take(id, at, action));
            }
        }
    }

    /// Does what a case asks for; an act on the outside is told before it happens, and waits until that is retained.
    fn take(&mut self, id: CaseId, at: Duration, action: Action) -> Option<InputKind> {
        let mut until = 0;
        if let Some(intent) = self.driver.intent(&action) {
            self.emit(at, RunEventKind::Intended { case: id, intent });
            until = self.gate.retention.told();
        }
        if let Action::Finish(_) = action {
            // What has not begun by now is not begun any more; what was said is said.
            for waiting in self.gate.forget(id) {
                if let Action::Emit(kind) = waiting.action {
                    self.emit(at, kind);
                }
            }
        }
        let action = self.gate.admit(id, action, until)?;
        self.perform(id, at, action)
    }

    fn perform(&mut self, id: CaseId, at: Duration, action: Action) -> Option<InputKind> {
        match action {
            Action::Restart => self.app.restart(id),
            Action::Kill { process, after } => self.app.kill(id, process, after),
            Action::WakeAt(when) => self.timers.push(Reverse((when, id))),
            Action::Emit(kind) => self.emit(at, kind),
            Action::Finish(record) => self.finish(id, *record),
            action => return self.driver.perform(id, action),
        }
        None
    }

    /// Does what has waited for it.
    fn retained(&mut self) {
        let at = self.driver.clock.elapsed();
        if let Some(problem) = self.gate.retention.complaint() {
            self.emit(at, RunEventKind::Unrecorded { problem });
        }
        while let Some((id, action)) = self.gate.next() {
            if let Some(input) = self.perform(id, at, action) {
                self.feed(id, input);
            }
        }
    }

    fn report(&mut self, id: CaseId, kind: InputKind) {
        // A case that has ended may still be owed answers; they change nothing any more.
        if self.cases.contains_key(&id) {
            self.feed(id, kind);
        }
    }

    /// Whose it is is said by what reads it: everybody looks.
    fn arrived(&mut self) {
        let running: Vec<CaseId> = self.cases.keys().copied().collect();
        for id in running {
            self.feed(id, InputKind::Arrived);
        }
    }

    fn called(&mut self, call: ApiCall) {
        let case = call.case;
        if let Some(id) = case.filter(|id| self.cases.contains_key(id)) {
            self.driver.outside.called(id, &call);
        }
        let held = call.kind == CallKind::Held;
        let record = call_record(call);
        match case {
            Some(id) if self.cases.contains_key(&id) => {
                self.feed(id, if held { InputKind::Held(record) } else { InputKind::Called(record) });
            }
            _ => {
                let at = self.driver.clock.elapsed();
                self.emit(at, RunEventKind::StripeCalled { case: None, call: record });
            }
        }
    }

    fn timers_due(&mut self) {
        let now = self.driver.clock.elapsed();
        let mut due = Vec::new();
        while let Some(Reverse((when, id))) = self.timers.peek().copied()
            && when <= now
        {
            self.timers.pop();
            due.push(id);
        }
        // Each is told once, whatever it asks for: a case cannot keep the others waiting.
        for id in due {
            if self.cases.contains_key(&id) {
                self.feed(id, InputKind::Timer);
            }
        }
    }

    fn stop(&mut self, reason: CancelReason) {
        let at = self.driver.clock.elapsed();
        self.emit(at, RunEventKind::Cancelled { reason });
        match reason {
            CancelReason::Interrupted => self.stop_all("the run was interrupted"),
            CancelReason::TargetDied => self.stop_all(APP_ENDED),
            CancelReason::MaxFail => {}
        }
    }

    fn died(&mut self, death: &Death) {
        let log = death.log.iter().map(|line| self.redactor.redact(&line.text)).collect();
        self.trouble = Some(Trouble {
            message: format!("keep the app running: its process `{}` {}", death.process, death.end),
            log,
        });
        self.stop(CancelReason::TargetDied);
    }

    fn stop_all(&mut self, message: &str) {
        let running: Vec<CaseId> = self.cases.keys().copied().collect();
        for id in running {
            self.feed(id, InputKind::Stopped(Reason { message: message.to_owned(), place: None }));
        }
    }

    fn finish(&mut self, id: CaseId, record: CaseRecord) {
        let Some(case) = self.cases.remove(&id) else { return };
        if broke_off(&record) && !self.app.gone() {
            let until = self.driver.clock.elapsed() + END_IS_TOLD;
            self.timers.push(Reverse((until, id)));
            self.held.push(Held { until, case, record });
        } else {
            self.close(&case, record);
        }
    }

    /// Closes the cases that were held, once it is known whether the app has ended.
    fn release(&mut self, stopped: Option<CancelReason>) {
        let ending = matches!(stopped, Some(CancelReason::Interrupted | CancelReason::TargetDied));
        let known = ending || self.app.gone();
        let now = self.driver.clock.elapsed();
        for held in self.held.extract_if(.., |held| known || held.until <= now).collect::<Vec<_>>() {
            self.close(&held.case, held.record);
        }
    }

    fn close(&mut self, case: &Case, mut record: CaseRecord) {
        let closed = self.driver.close(record.case);
        beside::judge(&mut record, &closed, &self.plan.environment);
        let gone = self.app.gone();
        if gone && record.verdict == Verdict::Failed {
            without_what_the_end_refused(&mut record);
        }
        let stopped = self.cancel.asked().is_some() || self.trouble.is_some() || gone;
        let bad = matches!(record.verdict, Verdict::Failed | Verdict::Errored);
        let again = bad && !stopped && record.attempt <= self.plan.options.retries;
        if again {
            self.retry(case.plan().clone(), &record);
        }
        if bad {
            let lines = self.app.log_since(record.started_at);
            let lines = lines.iter().map(|line| format!("{}: {}", line.process, line.text)).collect();
            record.log = app_log::of_case(lines, &record, LOG_LINES);
        }
        record.flaky = record.verdict == Verdict::Passed && record.attempt > 1;
        if !again {
            self.count(&record);
        }
        super::redact::record(&mut record, self.redactor);
        let at = self.driver.clock.elapsed();
        self.emit(at, RunEventKind::CaseFinished { record: Arc::new(record), stats: self.stats });
    }

    /// Whether cases wait that must not start any more.
    fn at_limit(&self) -> bool {
        let bad = self.stats.failed + self.stats.errored + self.stats.flaky;
        self.queue.iter().any(|case| case.attempt == 1)
            && self.plan.options.max_fail.is_some_and(|most| bad >= most)
    }

    /// Whether the app has just ended, and what it said last is to be told with what it spoiled.
    fn awaits_last_words(&self, stopped: Option<CancelReason>) -> bool {
        let spoiled = !self.queue.is_empty() || self.stats.errored > 0;
        stopped.is_none() && spoiled && self.app.gone()
    }

    /// Tries a case again with fresh ids: an app that has seen an event id cannot be asked twice.
    fn retry(&mut self, mut plan: CasePlan, record: &CaseRecord) {
        plan.id = CaseId(self.next_id);
        self.next_id += 1;
        plan.attempt += 1;
        plan.retry_of.clone_from(&record.run_id);
        self.queue.push_front(plan);
    }

    fn count(&mut self, record: &CaseRecord) {
        self.stats.finished += 1;
        match record.verdict {
            Verdict::Passed if record.flaky => self.stats.flaky += 1,
            Verdict::Passed => self.stats.passed += 1,
            Verdict::Failed => self.stats.failed += 1,
            Verdict::Errored => self.stats.errored += 1,
            Verdict::Skipped => self.stats.skipped += 1,
        }
    }

    pub(super) fn emit(&mut self, at: Duration, mut kind: RunEventKind) {
        super::redact::event(&mut kind, self.redactor);
        (self.sink)(RunEvent { at, kind });
    }
}

/// Whether a case did not pass and a connection to the app was refused or broke: the app may have ended.
fn broke_off(record: &CaseRecord) -> bool {
    let bad = matches!(record.verdict, Verdict::Failed | Verdict::Errored);
    let broken =
        |attempt: &AttemptRecord| matches!(attempt.outcome, AttemptOutcome::Refused | AttemptOutcome::Reset);
    let delivery = record.deliveries.iter().any(|(_, attempts)| attempts.iter().any(broken));
    bad && (delivery || record.requests.iter().any(|request| request.outcome.is_err()))
}

/// What a case found while the app was gone already: an app that crashes refuses every delivery, which is no
/// verdict on what its customers get. What was read while it lived stays true.
fn without_what_the_end_refused(record: &mut CaseRecord) {
    let refused = [JudgedKind::Delivery, JudgedKind::DeliveryRefused];
    for judged in &mut record.judged {
        if judged.verdict == Verdict::Failed && refused.contains(&judged.kind) {
            judged.verdict = Verdict::Errored;
        }
    }
    if !record.judged.iter().any(|judged| judged.verdict == Verdict::Failed) {
        record.verdict = Verdict::Errored;
        record.reason = Some(Reason { message: APP_ENDED.to_owned(), place: None });
    }
}

async fn sleep_until(clock: crate::time::Clock, when: Option<Duration>) {
    match when {
        Some(when) => tokio::time::sleep_until(clock.instant(when).into()).await,
        None => std::future::pending().await,
    }
}

fn call_record(call: ApiCall) -> CallRecord {
    let note = beside::note(&call);
    let status = (call.status != 0).then_some(call.status);
    CallRecord {
        at: call.at,
        method: call.method,
        path: call.path,
        request_id: call.request_id,
        status,
        note,
    }
}
