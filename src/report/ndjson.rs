//! Run events for other programs: one JSON object a line, version 1.
//!
//! Every line has `v` (1), `at_ms` (since the run's start, with fractions) and `type`; times are milliseconds
//! everywhere. Fields may be added; `v` changes where an old reader would misunderstand.
//!
//! | `type` | further fields |
//! |---|---|
//! | `run-started` | `project environment seed cases jobs started version` |
//! | `target-started` | `url ready_after_ms deploy_sha` |
//! | `case-started` | `case` (a number) `name run_id` |
//! | `intended` | `case act` (`stripe request delivery restart kill clock`) `what`: an act on the outside, before it |
//! | `step-started` | `case step` (from 0; null: the arrangement) `name` |
//! | `stripe-acted` | `case action events` |
//! | `requested` | `case request` |
//! | `attempt-finished` | `case delivery attempt` |
//! | `stripe-called` | `case` (null: not known) `call` |
//! | `observed` | `case customer probe reading` |
//! | `case-finished` | `case name scenario file promise tags verdict flaky attempt retry_of run_id started took_ms customer judged deliveries reconciliation reason incident rerun stats` |
//! | `unrecorded` | `problem`: why the ledger does not hold what this run does |
//! | `cancelled` | `reason` |
//! | `run-finished` | `stats took_ms trouble exit_code remarks` (who could not be told, what could not be kept) |
//!
//! `seed` is a string: JSON readers round large numbers. `incident` is null where the case passed or was
//! skipped, else its `fingerprint`, `kind` and `severity`.

use serde::Serialize;
use serde_json::{Map, Value};

use super::Reporter;
use super::gather::{Gathered, Handoff};
use crate::id::CaseId;
use crate::incident::wire::{
    WireAttempt, WireCall, WireCustomer, WireDelivered, WireDelivery, WireEvent, WireReading,
    WireReconciliation, WireRequest, ms,
};
use crate::incident::{IncidentKind, Severity};
use crate::run_event::{
    CancelReason, CaseRecord, Judged, JudgedKind, RunEvent, RunEventKind, RunHeader, RunStats, Trouble,
    Verdict,
};

/// Writes a line for every run event.
#[derive(Debug, Default)]
pub struct Ndjson {
    gathered: Gathered,
    handoff: Handoff,
    remarks: Vec<String>,
}

impl Ndjson {
    /// Nothing has happened yet.
    #[must_use]
    pub fn new(handoff: Handoff) -> Self {
        Self { gathered: Gathered::default(), handoff, remarks: Vec::new() }
    }

    /// What a reader must know beside what happened; said when the run ends.
    pub fn remark(&mut self, remarks: Vec<String>) {
        self.remarks.extend(remarks);
    }
}

impl Reporter for Ndjson {
    fn event(&mut self, event: &RunEvent) -> Vec<u8> {
        self.gathered.add(event);
        let (name, body) = self.body(&event.kind);
        let mut line = Map::new();
        line.insert("v".to_owned(), 1.into());
        line.insert("at_ms".to_owned(), ms(event.at).into());
        line.insert("type".to_owned(), name.into());
        // Every body is a struct with string keys, which cannot fail to become an object.
        if let Ok(Value::Object(fields)) = body {
            line.extend(fields);
        }
        (Value::Object(line).to_string() + "\n").into_bytes()
    }
}

type Body = Result<Value, serde_json::Error>;

impl Ndjson {
    fn body(&self, kind: &RunEventKind) -> (&'static str, Body) {
        match kind {
            RunEventKind::RunStarted(header) => ("run-started", body(Started::from(header))),
            RunEventKind::TargetStarted { url, ready_after, deploy_sha } => (
                "target-started",
                body(TargetStarted {
                    url,
                    ready_after_ms: ms(*ready_after),
                    deploy_sha: deploy_sha.as_deref(),
                }),
            ),
            RunEventKind::ProcessKilled { case, process, moment } => {
                ("process-killed", body(ProcessKilled { case: *case, process, moment }))
            }
            RunEventKind::CaseStarted { case, name, run, .. } => {
                ("case-started", body(CaseStarted { case: *case, name, run_id: run }))
            }
            RunEventKind::Intended { case, intent } => {
                let (act, what) = (intent.word(), intent.to_string());
                ("intended", body(Intended { case: *case, act, what }))
            }
            RunEventKind::Unrecorded { problem } => ("unrecorded", body(Unrecorded { problem })),
            RunEventKind::StepStarted { case, step, name } => {
                ("step-started", body(StepStarted { case: *case, step: *step, name }))
            }
            RunEventKind::StripeActed { case, action, events } => {
                let events = events.iter().map(WireEvent::from).collect();
                ("stripe-acted", body(StripeActed { case: *case, action, events }))
            }
            RunEventKind::Requested { case, record } => {
                ("requested", body(Requested { case: *case, request: record.into() }))
            }
            RunEventKind::AttemptFinished { case, delivery, attempt } => {
                let (delivery, attempt) = (delivery.into(), attempt.into());
                ("attempt-finished", body(AttemptFinished { case: *case, delivery, attempt }))
            }
            RunEventKind::StripeCalled { case, call } => {
                ("stripe-called", body(StripeCalled { case: *case, call: call.into() }))
            }
            RunEventKind::Observed { case, customer, probe, reading } => {
                ("observed", body(Observed { case: *case, customer, probe, reading: reading.into() }))
            }
            RunEventKind::CaseFinished { record, stats } => {
                ("case-finished", body(self.case_finished(record, *stats)))
            }
            RunEventKind::Cancelled { reason } => ("cancelled", body(Cancelled { reason: *reason })),
            RunEventKind::RunFinished { stats, took, trouble } => {
                let exit_code = self.gathered.outcome().code();
                let trouble = trouble.as_ref().map(WireTrouble::from);
                let stats = WireStats::from(*stats);
                (
                    "run-finished",
                    body(Finished { stats, took_ms: ms(*took), trouble, exit_code, remarks: &self.remarks }),
                )
            }
        }
    }

    fn case_finished<'a>(&self, record: &'a CaseRecord, stats: RunStats) -> CaseFinished<'a> {
        let incident = self.gathered.incident(record, &self.handoff);
        CaseFinished {
            case: record.case,
            name: &record.name,
            scenario: &record.head.name,
            file: &record.head.place.source.path,
            promise: &record.head.promise,
            tags: &record.head.tags,
            verdict: record.verdict,
            flaky: record.flaky,
            attempt: record.attempt,
            retry_of: record.retry_of.as_deref(),
            run_id: record.run_id.as_deref(),
            started: record.started.to_string(),
            took_ms: ms(record.took),
            customer: WireCustomer::from(&record.customer),
            judged: record.judged.iter().map(WireJudged::from).collect(),
            deliveries: record.deliveries.iter().map(WireDelivered::from).collect(),
            reconciliation: record.reconciliation.as_ref().map(WireReconciliation::from),
            reason: record.reason.as_ref().map(|reason| reason.message.as_str()),
            rerun: incident.as_ref().map(|incident| incident.rerun.clone()),
            incident: incident.map(|incident| WireIncidentRef {
                fingerprint: incident.fingerprint,
                kind: incident.kind,
                severity: incident.severity,
            }),
            stats: WireStats::from(stats),
        }
    }
}

fn body(fields: impl Serialize) -> Body {
    serde_json::to_value(fields)
}

#[derive(Serialize)]
struct Started<'a> {
    project: &'a str,
    environment: &'a str,
    seed: String,
    cases: usize,
    jobs: usize,
    started: String,
    version: &'a str,
}

impl<'a> From<&'a RunHeader> for Started<'a> {
    fn from(header: &'a RunHeader) -> Self {
        Self {
            project: &header.project,
            environment: &header.environment,
            seed: header.seed.to_string(),
            cases: header.cases,
            jobs: header.jobs,
            started: header.started.to_string(),
            version: header.version,
        }
    }
}

#[derive(Serialize)]
struct TargetStarted<'a> {
    url: &'a str,
    ready_after_ms: f64,
    deploy_sha: Option<&'a str>,
}

#[derive(Serialize)]
struct ProcessKilled<'a> {
    case: CaseId,
    process: &'a str,
    moment: &'a str,
}

#[derive(Serialize)]
struct CaseStarted<'a> {
    case: CaseId,
    name: &'a str,
    run_id: &'a str,
}

#[derive(Serialize)]
struct Intended {
    case: CaseId,
    act: &'static str,
    what: String,
}

#[derive(Serialize)]
struct Unrecorded<'a> {
    problem: &'a str,
}

#[derive(Serialize)]
struct StepStarted<'a> {
    case: CaseId,
    step: Option<usize>,
    name: &'a str,
}

#[derive(Serialize)]
struct StripeActed<'a> {
    case: CaseId,
    action: &'a str,
    events: Vec<WireEvent>,
}

#[derive(Serialize)]
struct Requested {
    case: CaseId,
    request: WireRequest,
}

#[derive(Serialize)]
struct AttemptFinished {
    case: CaseId,
    delivery: WireDelivery,
    attempt: WireAttempt,
}

#[derive(Serialize)]
struct StripeCalled {
    case: Option<CaseId>,
    call: WireCall,
}

#[derive(Serialize)]
struct Observed<'a> {
    case: CaseId,
    customer: &'a str,
    probe: &'a str,
    reading: WireReading,
}

#[derive(Serialize)]
struct CaseFinished<'a> {
    case: CaseId,
    name: &'a str,
    scenario: &'a str,
    file: &'a str,
    promise: &'a str,
    tags: &'a [String],
    verdict: Verdict,
    flaky: bool,
    attempt: u32,
    retry_of: Option<&'a str>,
    run_id: Option<&'a str>,
    started: String,
    took_ms: f64,
    customer: WireCustomer,
    judged: Vec<WireJudged<'a>>,
    deliveries: Vec<WireDelivered>,
    reconciliation: Option<WireReconciliation>,
    reason: Option<&'a str>,
    incident: Option<WireIncidentRef>,
    rerun: Option<String>,
    stats: WireStats,
}

#[derive(Serialize)]
struct WireIncidentRef {
    fingerprint: String,
    kind: IncidentKind,
    severity: Severity,
}

#[derive(Serialize)]
struct WireJudged<'a> {
    kind: JudgedKind,
    step: Option<usize>,
    probe: &'a str,
    field: &'a str,
    file: &'a str,
    line: usize,
    column: usize,
    verdict: Verdict,
    expected: &'a str,
    observed: &'a str,
    headline: &'a str,
}

impl<'a> From<&'a Judged> for WireJudged<'a> {
    fn from(judged: &'a Judged) -> Self {
        let position = judged.place.position();
        Self {
            kind: judged.kind,
            step: judged.step,
            probe: &judged.probe,
            field: &judged.field,
            file: &judged.place.source.path,
            line: position.line,
            column: position.column,
            verdict: judged.verdict,
            expected: &judged.expected,
            observed: &judged.observed,
            headline: &judged.headline,
        }
    }
}

#[derive(Serialize)]
struct Cancelled {
    reason: CancelReason,
}

#[derive(Serialize)]
struct Finished<'a> {
    stats: WireStats,
    took_ms: f64,
    trouble: Option<WireTrouble<'a>>,
    exit_code: u8,
    remarks: &'a [String],
}

#[derive(Serialize)]
struct WireTrouble<'a> {
    message: &'a str,
    log: &'a [String],
}

impl<'a> From<&'a Trouble> for WireTrouble<'a> {
    fn from(trouble: &'a Trouble) -> Self {
        Self { message: &trouble.message, log: &trouble.log }
    }
}

#[derive(Serialize)]
struct WireStats {
    cases: usize,
    finished: usize,
    passed: usize,
    flaky: usize,
    failed: usize,
    errored: usize,
    skipped: usize,
}

impl From<RunStats> for WireStats {
    fn from(stats: RunStats) -> Self {
        let RunStats { cases, finished, passed, flaky, failed, errored, skipped } = stats;
        Self { cases, finished, passed, flaky, failed, errored, skipped }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::sample as cases;
    use crate::incident::sample::Sample;
    use crate::report::sample;
    use crate::run_event::Intent;

    fn lines(events: &[RunEvent]) -> String {
        let mut ndjson = Ndjson::new(Handoff::default());
        String::from_utf8(events.iter().flat_map(|event| ndjson.event(event)).collect()).unwrap()
    }

    #[test]
    fn a_run_with_every_ending() {
        insta::assert_snapshot!(lines(&sample::run()));
    }

    #[test]
    fn what_happens_in_a_case() {
        let record = cases::no_access(Sample::seed(1));
        let case = CaseId(3);
        let (delivery, attempts) = record.deliveries[0].clone();
        let customer = record.customer.id.clone();
        let reading = record.observations[0].reading.clone();
        let call = cases::passed(Sample::seed(1)).calls.remove(0);
        let kinds = [
            RunEventKind::CaseStarted {
                case,
                name: record.name.clone(),
                head: record.head.clone(),
                run: record.run_id.clone().unwrap(),
                attempt: 1,
                retry_of: None,
            },
            RunEventKind::Intended { case, intent: Intent::Stripe { action: "checkout".into() } },
            RunEventKind::Unrecorded { problem: "write the ledger x: no space".into() },
            RunEventKind::StepStarted { case, step: None, name: "given".into() },
            RunEventKind::ProcessKilled {
                case,
                process: "worker".into(),
                moment: "20 ms after #3 was answered".into(),
            },
            RunEventKind::StripeActed {
                case,
                action: "checkout".into(),
                events: record.acts[0].events.clone(),
            },
            RunEventKind::Requested { case, record: record.requests[0].clone() },
            RunEventKind::AttemptFinished { case, delivery, attempt: attempts[0].clone() },
            RunEventKind::StripeCalled { case: None, call },
            RunEventKind::Observed { case, customer, probe: "access".into(), reading },
            RunEventKind::Cancelled { reason: CancelReason::TargetDied },
        ];
        let events: Vec<_> = kinds.into_iter().map(|kind| sample::event(1, kind)).collect();
        insta::assert_snapshot!(lines(&events));
    }

    #[test]
    fn hostile_values_keep_to_their_line() {
        let said = lines(&sample::of(vec![cases::hostile(Sample::seed(1))]));
        assert_eq!(said.lines().count(), 4);
        for line in said.lines() {
            let parsed: Value = serde_json::from_str(line).unwrap();
            assert_eq!(parsed["v"], 1);
        }
    }
}
