//! Everything that is known of a case, gathered while it runs.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::engine::plan::CasePlan;
use crate::probe::Reading;
use crate::run_event::{
    ActRecord, AttemptRecord, CallRecord, CaseRecord, CustomerRef, DeliveryRef, EventRef, Judged,
    ObservationRecord, Reason, Reconciliation, RequestRecord, RunEventKind, Verdict,
};
use crate::span::Place;

/// Readings that are kept of one case; a story that flaps cannot fill the memory.
const MOST_OBSERVATIONS: usize = 2_000;
/// Calls that are kept of one case.
const MOST_CALLS: usize = 2_000;

/// Everything that is known of a case, gathered while it runs.
#[derive(Debug)]
pub(super) struct Recorder {
    record: CaseRecord,
    step: Option<usize>,
    /// What happens at Stripe now; empty: what the app does there.
    action: String,
    skipped: bool,
    /// The id that the first event of the story gets.
    planned: String,
    /// The line that is being worked on, for what goes wrong without an expectation.
    pub(super) place: Option<Place>,
    /// Why it could not be judged, where no expectation says it.
    pub(super) reason: Option<Reason>,
}

impl Recorder {
    pub(super) fn new(plan: &CasePlan, seed: u64, at: Duration, started: Timestamp) -> Self {
        let record = CaseRecord {
            case: plan.id,
            head: std::sync::Arc::clone(&plan.head),
            name: plan.name.clone(),
            verdict: Verdict::Passed,
            flaky: false,
            attempt: plan.attempt,
            retry_of: plan.retry_of.clone(),
            run_id: None,
            started,
            started_at: at,
            took: Duration::ZERO,
            customer: CustomerRef { id: String::new(), email: String::new() },
            truth: Map::new(),
            steps: plan.story.steps.iter().map(|step| step.name.clone()).collect(),
            acts: Vec::new(),
            requests: Vec::new(),
            deliveries: Vec::new(),
            calls: Vec::new(),
            observations: Vec::new(),
            judged: Vec::new(),
            reconciliation: None,
            log: Vec::new(),
            reason: None,
        };
        let planned = plan.run_id(seed);
        Self { record, step: None, action: String::new(), skipped: false, planned, place: None, reason: None }
    }

    /// The time of day at a moment of the run.
    pub(super) fn wall(&self, at: Duration) -> Timestamp {
        let since = at.saturating_sub(self.record.started_at);
        self.record.started.checked_add(since).unwrap_or(self.record.started)
    }

    pub(super) fn skip(&mut self, reason: Reason) {
        self.skipped = true;
        self.reason = Some(reason);
    }

    pub(super) fn enter(&mut self, step: usize, place: Place) {
        self.step = Some(step);
        self.action.clear();
        self.place = Some(place);
    }

    pub(super) fn acting(&mut self, action: &str) {
        action.clone_into(&mut self.action);
    }

    /// The id that the first event of the story gets.
    pub(super) fn planned(&self) -> &str {
        &self.planned
    }

    /// Events that Stripe made. The first of the story's own gives the run its id.
    pub(super) fn made(&mut self, at: Duration, step: Option<usize>, events: &[Value]) -> RunEventKind {
        let events: Vec<EventRef> = events.iter().map(event_ref).collect();
        if events.iter().any(|event| event.id == self.planned) {
            self.record.run_id = Some(self.planned.clone());
        }
        let action = std::mem::take(&mut self.action);
        self.record.acts.push(ActRecord { at, step, action: action.clone(), events: events.clone() });
        RunEventKind::StripeActed { case: self.record.case, action, events }
    }

    pub(super) fn requested(&mut self, request: RequestRecord) {
        self.record.requests.push(request);
    }

    pub(super) fn called(&mut self, call: CallRecord) {
        if self.record.calls.len() < MOST_CALLS {
            self.record.calls.push(call);
        }
    }

    pub(super) fn last_call(&self) -> Option<Duration> {
        self.record.calls.last().map(|call| call.at)
    }

    /// Keeps a reading; one that equals the one before of the same probe and customer is counted only. Says whether
    /// it was new.
    pub(super) fn observed(&mut self, customer: &str, probe: &str, reading: &Reading) -> bool {
        let step = self.step;
        let last =
            self.record.observations.iter_mut().rev().find(|o| o.probe == probe && o.customer == customer);
        if let Some(last) = last
            && last.step == step
            && last.reading.fields == reading.fields
        {
            last.last = reading.at;
            last.count += 1;
            return false;
        }
        if self.record.observations.len() < MOST_OBSERVATIONS {
            self.record.observations.push(ObservationRecord {
                step,
                customer: customer.to_owned(),
                probe: probe.to_owned(),
                reading: reading.clone(),
                last: reading.at,
                count: 1,
            });
        }
        true
    }

    pub(super) fn judged(&mut self, judged: Vec<Judged>) {
        self.record.judged.extend(judged);
    }

    pub(super) fn reconciled(&mut self, reconciliation: Reconciliation) {
        self.record.reconciliation = Some(reconciliation);
    }

    pub(super) fn is_reconciled(&self) -> bool {
        self.record.reconciliation.is_some()
    }

    /// The worst verdict so far.
    pub(super) fn worst(&self) -> Verdict {
        if self.skipped {
            return Verdict::Skipped;
        }
        let judged = self.record.judged.iter().map(|judged| judged.verdict).max().unwrap_or(Verdict::Passed);
        // A wrong outcome that was seen stays a wrong outcome, even where something else could not be told.
        if self.reason.is_some() { judged.max(Verdict::Errored) } else { judged }
    }

    /// The finished record. What is left behind is empty.
    pub(super) fn close(
        &mut self,
        at: Duration,
        truth: Map<String, Value>,
        email: String,
        deliveries: Vec<(DeliveryRef, Vec<AttemptRecord>)>,
    ) -> CaseRecord {
        let mut record = self.record.clone();
        record.verdict = self.worst();
        record.took = at.saturating_sub(record.started_at);
        let id =
            truth.get("customer").and_then(|customer| customer["id"].as_str()).unwrap_or_default().to_owned();
        record.customer = CustomerRef { id, email };
        record.truth = truth;
        record.deliveries = deliveries;
        record.reason = self.reason.take();
        record
    }
}

/// An event by name.
pub(super) fn event_ref(event: &Value) -> EventRef {
    let text = |key: &str| event.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    EventRef { id: text("id"), kind: text("type") }
}
