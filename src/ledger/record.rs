//! What becomes of run events in the ledger. Pure: drafts out of events, in the order in which they come.
//!
//! Nothing is told twice: what an attempt retains is the sum of its entries. All of it is redacted by [`Policy`] and
//! bounded in size; what was cut is said where it stood.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::entry::{Draft, RunKey};
use super::kind::{self, Closed, Executor, Intended, Opened, Proof};
use super::policy::Policy;
use crate::id::CaseId;
use crate::incident::wire::{
    WireAttempt, WireCall, WireDelivery, WireEvent, WireReading, WireReconciliation, WireRequest, ms,
};
use crate::incident::{Evidence, Idempotency, Incident, render};
use crate::run_event::{CaseRecord, Intent, Judged, RunEvent, RunEventKind, RunHeader, Verdict};

/// A larger value is replaced by its size, in bytes of JSON.
const LARGEST: usize = 128 * 1024;
/// The longest line of the app's output, in characters.
const LINE: usize = 2_000;
/// Calls and readings that are kept of one attempt: an app that polls cannot fill the ledger.
const MOST: u32 = 2_000;

/// Who records, and what the events do not say.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// This process.
    pub by: Executor,
    /// Tells this invocation's attempts from all others.
    pub nonce: String,
    /// Arguments that shape the cases: `--variable`, `k=v`.
    pub arguments: Vec<String>,
    /// Why a person runs it again though that is not known to be safe.
    pub because: Option<String>,
}

/// Makes drafts of run events.
#[derive(Debug)]
pub struct Recorder {
    setup: Setup,
    policy: Policy,
    /// What the run was asked to do, and when on the run's clock that was told.
    header: Option<(RunHeader, Duration)>,
    target: Option<String>,
    deploy_sha: Option<String>,
    cases: BTreeMap<CaseId, Recorded>,
}

/// A case that goes on.
#[derive(Debug)]
struct Recorded {
    key: RunKey,
    attempt: String,
    /// Its first entry, until there is a second: a case that is skipped leaves none.
    opened: Option<Draft>,
    /// Calls and readings so far.
    many: u32,
}

impl Recorder {
    /// Nothing has happened yet.
    #[must_use]
    pub fn new(setup: Setup, policy: Policy) -> Self {
        Self { setup, policy, header: None, target: None, deploy_sha: None, cases: BTreeMap::new() }
    }

    /// What is to be stored of an event. `incident`: that of a case that ended and did not pass.
    pub fn record(&mut self, event: &RunEvent, incident: Option<&Incident>) -> Vec<Draft> {
        let at = event.at;
        match &event.kind {
            RunEventKind::RunStarted(header) => self.header = Some((header.clone(), at)),
            RunEventKind::TargetStarted { url, deploy_sha, .. } => {
                self.target = Some(url.clone());
                self.deploy_sha.clone_from(deploy_sha);
            }
            RunEventKind::CaseStarted { .. } => self.opened(at, &event.kind),
            RunEventKind::Intended { case, intent } => {
                return self.entry(*case, at, kind::INTENDED, intended(intent));
            }
            RunEventKind::CaseFinished { record, .. } => return self.closed(at, record, incident),
            other => {
                if let Some((case, kind, body)) = happened(other) {
                    let many = [kind::CALLED, kind::OBSERVED].contains(&kind);
                    return if many && !self.counts(case) {
                        Vec::new()
                    } else {
                        self.entry(case, at, kind, body)
                    };
                }
            }
        }
        Vec::new()
    }

    /// The run id of a case that goes on.
    #[must_use]
    pub fn key(&self, case: CaseId) -> Option<&RunKey> {
        self.cases.get(&case).map(|recorded| &recorded.key)
    }

    fn wall(&self, at: Duration) -> Timestamp {
        let Some((header, zero)) = &self.header else { return Timestamp::UNIX_EPOCH };
        let since = jiff::SignedDuration::try_from(at.saturating_sub(*zero)).unwrap_or_default();
        header.started.checked_add(since).unwrap_or(header.started)
    }

    fn opened(&mut self, at: Duration, event: &RunEventKind) {
        let RunEventKind::CaseStarted { case, name, head, run, attempt, retry_of } = event else { return };
        let Some((header, _)) = &self.header else { return };
        let key = RunKey {
            project: header.project.clone(),
            environment: header.environment.clone(),
            run: run.clone(),
        };
        let opened = Opened {
            scenario: head.name.clone(),
            file: head.place.source.path.clone(),
            case: name.clone(),
            promise: head.promise.clone(),
            owner: head.owner.clone(),
            runbook: head.runbook.clone(),
            tags: head.tags.clone(),
            seed: header.seed.to_string(),
            number: *attempt,
            retry_of: retry_of.clone(),
            arguments: self.setup.arguments.clone(),
            deploy_sha: self.deploy_sha.clone(),
            target: self.target.clone(),
            by: Executor { version: header.version.to_owned(), ..self.setup.by.clone() },
            because: self.setup.because.as_deref().map(|why| self.policy.text(why)),
        };
        let attempt = format!("{}-{}", self.setup.nonce, case.0);
        let draft = Draft {
            key: key.clone(),
            at: self.wall(at),
            attempt: Some(attempt.clone()),
            kind: kind::OPENED,
            body: body(&opened),
        };
        self.cases.insert(*case, Recorded { key, attempt, opened: Some(draft), many: 0 });
    }

    fn counts(&mut self, case: CaseId) -> bool {
        self.cases.get_mut(&case).is_some_and(|recorded| {
            recorded.many = recorded.many.saturating_add(1);
            recorded.many <= MOST
        })
    }

    fn entry(
        &mut self,
        case: CaseId,
        at: Duration,
        kind: &'static str,
        mut body: Map<String, Value>,
    ) -> Vec<Draft> {
        let at = self.wall(at);
        self.policy.redact_map(&mut body);
        body.values_mut().for_each(|value| bound(value, &mut Vec::new(), kind));
        let Some(recorded) = self.cases.get_mut(&case) else { return Vec::new() };
        let (key, attempt) = (recorded.key.clone(), Some(recorded.attempt.clone()));
        recorded.opened.take().into_iter().chain([Draft { key, at, attempt, kind, body }]).collect()
    }

    fn closed(&mut self, at: Duration, record: &CaseRecord, incident: Option<&Incident>) -> Vec<Draft> {
        let many = self.cases.get(&record.case).map_or(0, |recorded| recorded.many);
        let drafts = if record.verdict == Verdict::Skipped {
            Vec::new()
        } else {
            let mut closed = closed(record, incident);
            let said = json!(std::mem::take(&mut closed.cut));
            let mut body = body(&closed);
            let mut cut = Vec::new();
            for (name, value) in &mut body {
                bound(value, &mut cut, name);
            }
            if many > MOST {
                cut.push(format!("{} calls and readings after the first {MOST}", many - MOST));
            }
            let said = said.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
            body.insert("cut".to_owned(), said.chain(cut).collect::<Vec<_>>().into());
            self.entry(record.case, at, kind::CLOSED, body)
        };
        self.cases.remove(&record.case);
        drafts
    }
}

/// A value that is too large is replaced by its size.
fn bound(value: &mut Value, cut: &mut Vec<String>, name: &str) {
    let size = size(value);
    if size > LARGEST {
        cut.push(format!("{name}: {size} bytes"));
        *value = json!({ "cut": format!("{size} bytes") });
    }
}

/// About how long it is in JSON, without spelling it.
fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 2,
        Value::Array(items) => items.iter().map(|item| size(item) + 1).sum::<usize>() + 2,
        Value::Object(fields) => {
            fields.iter().map(|(name, field)| name.len() + size(field) + 4).sum::<usize>() + 2
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => 5,
    }
}

fn intended(intent: &Intent) -> Map<String, Value> {
    let mut said = Intended { act: intent.word().to_owned(), ..Intended::default() };
    match intent {
        Intent::Stripe { action } => said.name = Some(action.clone()),
        Intent::Request { name, call } => {
            (said.name, said.call) = (Some(name.clone()), Some(call.clone()));
        }
        Intent::Attempt { delivery, number, event, url, payload } => {
            (said.delivery, said.number) = (Some(*delivery), Some(*number));
            (said.event, said.event_type) = (Some(event.id.clone()), Some(event.kind.clone()));
            said.call = Some(format!("POST {url}"));
            said.payload = payload.as_deref().cloned();
        }
        Intent::Kill { process } => said.name = Some(process.clone()),
        Intent::Clock { .. } => said.name = Some(intent.to_string()),
        Intent::Restart => {}
    }
    body(&said)
}

/// What came of an act, or was seen; `None`: nothing that belongs to one run.
fn happened(event: &RunEventKind) -> Option<(CaseId, &'static str, Map<String, Value>)> {
    Some(match event {
        RunEventKind::StepStarted { case, step, name } => {
            (*case, kind::STEP, fields(json!({ "step": step, "name": name })))
        }
        RunEventKind::StripeActed { case, action, events } => {
            let events: Vec<WireEvent> = events.iter().map(WireEvent::from).collect();
            (*case, kind::ACTED, fields(json!({ "action": action, "events": events })))
        }
        RunEventKind::Requested { case, record } => {
            (*case, kind::REQUESTED, fields(json!({ "request": WireRequest::from(record) })))
        }
        RunEventKind::AttemptFinished { case, delivery, attempt } => {
            let said =
                json!({ "delivery": WireDelivery::from(delivery), "attempt": WireAttempt::from(attempt) });
            (*case, kind::ATTEMPTED, fields(said))
        }
        RunEventKind::StripeCalled { case, call } => {
            ((*case)?, kind::CALLED, fields(json!({ "call": WireCall::from(call) })))
        }
        RunEventKind::Observed { case, customer, probe, reading } => {
            let said = json!({ "customer": customer, "probe": probe, "reading": WireReading::from(reading) });
            (*case, kind::OBSERVED, fields(said))
        }
        RunEventKind::ProcessKilled { case, process, moment } => {
            (*case, kind::KILLED, fields(json!({ "process": process, "moment": moment })))
        }
        _ => return None,
    })
}

fn closed(record: &CaseRecord, incident: Option<&Incident>) -> Closed {
    let log = record.log.iter().map(|line| line.chars().take(LINE).collect()).collect();
    Closed {
        verdict: word(record.verdict).to_owned(),
        flaky: record.flaky,
        took_ms: ms(record.took),
        customer: record.customer.id.clone(),
        reason: record.reason.as_ref().map(|reason| reason.message.clone()),
        judged: record.judged.iter().map(judged).collect(),
        truth: record.truth.clone(),
        reconciliation: record.reconciliation.as_ref().map(|both| json!(WireReconciliation::from(both))),
        log,
        proofs: proofs(record),
        incident: incident.and_then(exported),
        cut: Vec::new(),
    }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "passed",
        Verdict::Skipped => "skipped",
        Verdict::Errored => "errored",
        Verdict::Failed => "failed",
    }
}

fn judged(judged: &Judged) -> Value {
    json!({
        "kind": judged.kind,
        "step": judged.step,
        "probe": judged.probe,
        "field": judged.field,
        "file": judged.place.source.path,
        "line": judged.place.position().line,
        "verdict": judged.verdict,
        "expected": judged.expected,
        "observed": judged.observed,
        "headline": judged.headline,
    })
}

/// As it is exported, but for what the attempt's other entries hold already.
fn exported(incident: &Incident) -> Option<Value> {
    let text = render::json(incident).ok()?;
    serde_json::from_str(&text).ok()
}

fn proofs(record: &CaseRecord) -> Vec<Proof> {
    let mut evidence = Evidence::default();
    evidence.add(record);
    let mut types: Vec<&str> =
        record.deliveries.iter().map(|(delivery, _)| delivery.event.kind.as_str()).collect();
    types.sort_unstable();
    types.dedup();
    let proof = |kind: &str| {
        let harmless = match evidence.of(kind) {
            Idempotency::Proven { .. } => true,
            Idempotency::Disproven { .. } => false,
            Idempotency::Unproven => return None,
        };
        Some(Proof { event_type: kind.to_owned(), harmless })
    };
    types.into_iter().filter_map(proof).collect()
}

fn body(said: &impl Serialize) -> Map<String, Value> {
    serde_json::to_value(said).map(fields).unwrap_or_default()
}

fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests;
