//! An incident for other programs, version 1.
//!
//! | field | means |
//! |---|---|
//! | `v` | 1; another number where an old reader would misunderstand |
//! | `fingerprint` | the same for the same broken promise |
//! | `kind`, `severity`, `verdict` | words of [`super::super::kind`], [`super::super::severity`], [`crate::run_event::Verdict`] |
//! | `at`, `took_ms` | wall time of the case's start (RFC 3339), its length |
//! | `zero_ms` | the moment from which the text forms count; all `at_ms` here are since the run's start |
//! | `event` | the event on which the promise hung, `id` and `type` |
//! | `subscription`, `plan` | `provider` is what Stripe says, `local` what the app says; null: none, not read |
//! | `expected_access`, `observed_access` | by name, as values or in words |
//! | `findings` | what was not as promised, each with the line that demanded it |
//! | `guidance` | `who_retries`, `idempotency` (`proven`, `unproven`, `disproven`, and `by` which case), `route`, `actions` |
//! | `evidence` | where more is retained |

use serde::Serialize;

use crate::incident::guidance::{Action, Guidance, Route};
use crate::incident::idempotency::Idempotency;
use crate::incident::kind::IncidentKind;
use crate::incident::model::{Finding, Incident, InvoiceState, SourceLine};
use crate::incident::severity::Severity;
use crate::incident::wire::{
    WireAct, WireCall, WireCustomer, WireDelivered, WireEvent, WireObservation, WireReconciliation,
    WireRequest, ms,
};
use crate::run_event::{JudgedKind, Verdict};

/// One object, indented, ending in a newline.
///
/// # Errors
/// None in practice: every key is a string.
pub fn json(incident: &Incident) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(&WireIncident::from(incident))?;
    text.push('\n');
    Ok(text)
}

#[derive(Serialize)]
struct WireIncident {
    v: u32,
    fingerprint: String,
    kind: IncidentKind,
    severity: Severity,
    verdict: Verdict,
    project: String,
    environment: String,
    deploy_sha: Option<String>,
    scenario: String,
    case: String,
    promise: String,
    owner: Option<String>,
    runbook: Option<String>,
    run_id: Option<String>,
    attempt: u32,
    retry_of: Option<String>,
    at: String,
    took_ms: f64,
    zero_ms: f64,
    event: Option<WireEvent>,
    customer: WireCustomer,
    subscription: WireSubscription,
    plan: WireSides,
    invoice: Option<WireInvoice>,
    expected_access: serde_json::Map<String, serde_json::Value>,
    observed_access: serde_json::Map<String, serde_json::Value>,
    findings: Vec<WireFinding>,
    reason: Option<String>,
    guidance: WireGuidance,
    acts: Vec<WireAct>,
    requests: Vec<WireRequest>,
    deliveries: Vec<WireDelivered>,
    observations: Vec<WireObservation>,
    calls: Vec<WireCall>,
    reconciliation: Option<WireReconciliation>,
    log: Vec<String>,
    evidence: Option<String>,
    rerun: String,
}

#[derive(Serialize)]
struct WireSubscription {
    id: Option<String>,
    provider: Option<serde_json::Value>,
    local: Option<serde_json::Value>,
}

#[derive(Serialize)]
struct WireSides {
    provider: Option<serde_json::Value>,
    local: Option<serde_json::Value>,
}

#[derive(Serialize)]
struct WireInvoice {
    id: String,
    status: Option<String>,
    total: Option<i64>,
    currency: Option<String>,
}

#[derive(Serialize)]
struct WireFinding {
    kind: Option<JudgedKind>,
    name: String,
    step: Option<usize>,
    step_name: Option<String>,
    verdict: Verdict,
    expected: String,
    observed: String,
    headline: String,
    place: Option<WirePlace>,
}

#[derive(Serialize)]
struct WirePlace {
    file: String,
    line: usize,
    column: usize,
    text: String,
}

#[derive(Serialize)]
struct WireGuidance {
    who_retries: String,
    will_retry: bool,
    idempotency: &'static str,
    idempotency_by: Option<String>,
    route: Route,
    actions: Vec<WireAction>,
    draft: Option<String>,
}

#[derive(Serialize)]
struct WireAction {
    what: String,
    why: String,
    command: Option<String>,
}

impl From<&Incident> for WireIncident {
    fn from(incident: &Incident) -> Self {
        let access = |which: fn(&crate::incident::model::Access) -> &String| {
            incident
                .access
                .iter()
                .map(|access| (access.name.clone(), which(access).as_str().into()))
                .collect()
        };
        Self {
            v: 1,
            fingerprint: incident.fingerprint.clone(),
            kind: incident.kind,
            severity: incident.severity,
            verdict: incident.verdict,
            project: incident.project.clone(),
            environment: incident.environment.clone(),
            deploy_sha: incident.deploy_sha.clone(),
            scenario: incident.scenario.clone(),
            case: incident.case.clone(),
            promise: incident.promise.clone(),
            owner: incident.owner.clone(),
            runbook: incident.runbook.clone(),
            run_id: incident.run_id.clone(),
            attempt: incident.attempt,
            retry_of: incident.retry_of.clone(),
            at: incident.started.to_string(),
            took_ms: ms(incident.took),
            zero_ms: ms(incident.zero.at),
            event: incident.event.as_ref().map(WireEvent::from),
            customer: WireCustomer::from(&incident.customer),
            subscription: WireSubscription {
                id: incident.subscription.id.clone(),
                provider: incident.subscription.provider.clone(),
                local: incident.subscription.local.clone(),
            },
            plan: WireSides { provider: incident.plan.provider.clone(), local: incident.plan.local.clone() },
            invoice: incident.invoice.as_ref().map(WireInvoice::from),
            expected_access: access(|access| &access.expected),
            observed_access: access(|access| &access.observed),
            findings: incident.findings.iter().map(WireFinding::from).collect(),
            reason: incident.reason.as_ref().map(|reason| reason.headline.clone()),
            guidance: WireGuidance::from(&incident.guidance),
            acts: incident.acts.iter().map(WireAct::from).collect(),
            requests: incident.requests.iter().map(WireRequest::from).collect(),
            deliveries: incident.deliveries.iter().map(WireDelivered::from).collect(),
            observations: incident.observations.iter().map(WireObservation::from).collect(),
            calls: incident.calls.iter().map(WireCall::from).collect(),
            reconciliation: incident.reconciliation.as_ref().map(WireReconciliation::from),
            log: incident.log.clone(),
            evidence: incident.evidence.clone(),
            rerun: incident.rerun.clone(),
        }
    }
}

impl From<&InvoiceState> for WireInvoice {
    fn from(invoice: &InvoiceState) -> Self {
        let InvoiceState { id, status, total, currency } = invoice.clone();
        Self { id, status, total, currency }
    }
}

impl From<&Finding> for WireFinding {
    fn from(finding: &Finding) -> Self {
        Self {
            kind: finding.kind,
            name: finding.name.clone(),
            step: finding.step,
            step_name: finding.step_name.clone(),
            verdict: finding.verdict,
            expected: finding.expected.clone(),
            observed: finding.observed.clone(),
            headline: finding.headline.clone(),
            place: finding.line.as_ref().map(WirePlace::from),
        }
    }
}

impl From<&SourceLine> for WirePlace {
    fn from(line: &SourceLine) -> Self {
        let SourceLine { file, line, column, text, .. } = line.clone();
        Self { file, line, column, text }
    }
}

impl From<&Guidance> for WireGuidance {
    fn from(guidance: &Guidance) -> Self {
        let (idempotency, idempotency_by) = match &guidance.idempotency {
            Idempotency::Proven { by } => ("proven", Some(by.clone())),
            Idempotency::Unproven => ("unproven", None),
            Idempotency::Disproven { by } => ("disproven", Some(by.clone())),
        };
        Self {
            who_retries: guidance.who_retries.sentence(),
            will_retry: guidance.who_retries.will_retry(),
            idempotency,
            idempotency_by,
            route: guidance.route,
            actions: guidance.actions.iter().map(WireAction::from).collect(),
            draft: guidance.draft.clone(),
        }
    }
}

impl From<&Action> for WireAction {
    fn from(action: &Action) -> Self {
        let Action { what, why, command } = action.clone();
        Self { what, why, command }
    }
}
