//! How an incident is spelled in JSON, version 1; what the fields mean stands in [`super::super::render`].

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    WireAct, WireCall, WireCustomer, WireDelivered, WireEvent, WireObservation, WireReconciliation,
    WireRequest, ms,
};
use crate::incident::guidance::{Action, Guidance, Route};
use crate::incident::idempotency::Idempotency;
use crate::incident::kind::IncidentKind;
use crate::incident::model::{Access, Finding, Incident, InvoiceState, SourceLine};
use crate::incident::severity::Severity;
use crate::run_event::{EventRef, JudgedKind, Verdict};

/// A wrong outcome, or one that could not be told, with everything its owner needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct WireIncident {
    /// 1; another number where an old reader would misunderstand.
    pub(crate) v: u32,
    /// The same for the same broken promise.
    pub(crate) fingerprint: String,
    /// What the customer suffers.
    pub(crate) kind: IncidentKind,
    /// How fast a person should look.
    pub(crate) severity: Severity,
    /// `failed` or `errored`.
    pub(crate) verdict: Verdict,
    /// The project's name.
    pub(crate) project: String,
    /// The environment's name.
    pub(crate) environment: String,
    /// What is deployed; null: not known.
    pub(crate) deploy_sha: Option<String>,
    /// The scenario: its path below the scenario folder.
    pub(crate) scenario: String,
    /// The case's name, label and number included.
    pub(crate) case: String,
    /// What the customer was promised.
    pub(crate) promise: String,
    /// Who gets this.
    pub(crate) owner: Option<String>,
    /// A URL or a few words on what to do.
    pub(crate) runbook: Option<String>,
    /// The id of the event that opened the run.
    pub(crate) run_id: Option<String>,
    /// Which try of the case this was, from 1.
    pub(crate) attempt: u32,
    /// The run id of the try before.
    pub(crate) retry_of: Option<String>,
    /// Wall time of the case's start (RFC 3339).
    pub(crate) at: String,
    /// How long the case took.
    pub(crate) took_ms: f64,
    /// The moment from which people count, since the run's start, as all `at_ms` are.
    pub(crate) zero_ms: f64,
    /// In words that follow "times count from".
    #[serde(default)]
    pub(crate) zero_since: String,
    /// The event on which the promise hung.
    pub(crate) event: Option<WireEvent>,
    /// Whom the story is about.
    pub(crate) customer: WireCustomer,
    /// The subscription on both sides.
    pub(crate) subscription: WireSubscription,
    /// Its price on both sides.
    pub(crate) plan: WireSides,
    /// The latest invoice at Stripe.
    pub(crate) invoice: Option<WireInvoice>,
    /// What the customer was to be able to see, by name, as values or in words.
    pub(crate) expected_access: Map<String, Value>,
    /// What there was.
    pub(crate) observed_access: Map<String, Value>,
    /// What was not as promised, each with the line that demanded it.
    pub(crate) findings: Vec<WireFinding>,
    /// Why the case could not be judged, where no finding says it.
    pub(crate) reason: Option<String>,
    /// The line that asked for what could not be judged.
    pub(crate) reason_place: Option<WirePlace>,
    /// What to do, and why.
    pub(crate) guidance: WireGuidance,
    /// What happened at Stripe.
    pub(crate) acts: Vec<WireAct>,
    /// What was done in the app.
    pub(crate) requests: Vec<WireRequest>,
    /// What was delivered, each with its answers.
    pub(crate) deliveries: Vec<WireDelivered>,
    /// What was read, runs of equal readings as one.
    pub(crate) observations: Vec<WireObservation>,
    /// What the app asked Stripe.
    pub(crate) calls: Vec<WireCall>,
    /// Both sides compared; null: not compared.
    pub(crate) reconciliation: Option<WireReconciliation>,
    /// The last output of the app while the case ran.
    pub(crate) log: Vec<String>,
    /// Where more is retained.
    pub(crate) evidence: Option<String>,
    /// The command that runs this one case again with the same ids.
    pub(crate) rerun: String,
}

/// A subscription on both sides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct WireSubscription {
    /// `sub_…`; null: the customer has none.
    pub(crate) id: Option<String>,
    /// Its status at Stripe.
    pub(crate) provider: Option<Value>,
    /// Its status in the app; null: not read.
    pub(crate) local: Option<Value>,
}

/// One fact on both sides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct WireSides {
    /// At Stripe.
    pub(crate) provider: Option<Value>,
    /// In the app; null: not read.
    pub(crate) local: Option<Value>,
}

/// An invoice at Stripe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct WireInvoice {
    /// `in_…`
    pub(crate) id: String,
    /// `paid`, `open`.
    pub(crate) status: Option<String>,
    /// In the currency's smallest unit.
    pub(crate) total: Option<i64>,
    /// Three letters, lower-case.
    pub(crate) currency: Option<String>,
}

/// An expectation that did not come true, or could not be told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct WireFinding {
    /// What kind of expectation; null: the case as a whole.
    pub(crate) kind: Option<JudgedKind>,
    /// `access.plan`; empty where no probe is read.
    pub(crate) name: String,
    /// The step, from 0.
    pub(crate) step: Option<usize>,
    /// Its name.
    pub(crate) step_name: Option<String>,
    /// `failed` or `errored`.
    pub(crate) verdict: Verdict,
    /// What was demanded.
    pub(crate) expected: String,
    /// What there was, or why it could not be read.
    pub(crate) observed: String,
    /// In words.
    pub(crate) headline: String,
    /// When the time to come true was over; null: nothing was waited for.
    pub(crate) due_ms: Option<f64>,
    /// The line that demanded it.
    pub(crate) place: Option<WirePlace>,
}

/// A line of a scenario, and what of it is meant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct WirePlace {
    /// The path as the user would type it.
    pub(crate) file: String,
    /// From 1.
    pub(crate) line: usize,
    /// From 1, in characters.
    pub(crate) column: usize,
    /// The whole line.
    pub(crate) text: String,
    /// How many characters of it are meant.
    #[serde(default = "one")]
    pub(crate) length: usize,
}

fn one() -> usize {
    1
}

/// What to do, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct WireGuidance {
    /// Who sends the event again without being asked: a sentence.
    pub(crate) who_retries: String,
    /// Whether somebody will.
    pub(crate) will_retry: bool,
    /// Whether sending it again is shown to be harmless.
    pub(crate) idempotency: WireIdempotency,
    /// A sentence on whether it may be sent again.
    #[serde(default)]
    pub(crate) send_again: String,
    /// The case that shows it.
    pub(crate) idempotency_by: Option<String>,
    /// The way out.
    pub(crate) route: Route,
    /// In this order.
    pub(crate) actions: Vec<WireAction>,
    /// What to write to the customer, where that is the way out.
    pub(crate) draft: Option<String>,
}

/// Whether sending an event again is shown to be harmless.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum WireIdempotency {
    /// A passed case delivered it twice.
    Proven,
    /// No case shows it.
    Unproven,
    /// A case went wrong after it was delivered twice.
    Disproven,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct WireAction {
    /// What.
    pub(crate) what: String,
    /// Because of which evidence.
    pub(crate) why: String,
    /// What to type; null where the app's own tools are needed.
    pub(crate) command: Option<String>,
}

impl From<&Incident> for WireIncident {
    fn from(incident: &Incident) -> Self {
        let access = |which: fn(&Access) -> &String| {
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
            zero_since: incident.zero.since.clone(),
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
            reason_place: incident
                .reason
                .as_ref()
                .and_then(|reason| reason.line.as_ref())
                .map(WirePlace::from),
            guidance: WireGuidance::of(&incident.guidance, incident.event.as_ref()),
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
            due_ms: finding.due.map(ms),
            place: finding.line.as_ref().map(WirePlace::from),
        }
    }
}

impl From<&SourceLine> for WirePlace {
    fn from(line: &SourceLine) -> Self {
        let SourceLine { file, line, column, length, text } = line.clone();
        Self { file, line, column, text, length }
    }
}

impl WireGuidance {
    fn of(guidance: &Guidance, event: Option<&EventRef>) -> Self {
        let (idempotency, idempotency_by) = match &guidance.idempotency {
            Idempotency::Proven { by } => (WireIdempotency::Proven, Some(by.clone())),
            Idempotency::Unproven => (WireIdempotency::Unproven, None),
            Idempotency::Disproven { by } => (WireIdempotency::Disproven, Some(by.clone())),
        };
        Self {
            who_retries: guidance.who_retries.sentence(),
            will_retry: guidance.who_retries.will_retry(),
            idempotency,
            send_again: guidance.may_send_again(event),
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
