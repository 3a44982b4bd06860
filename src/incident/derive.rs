//! From a case that ended to the incident that its owner gets.

use serde_json::Value;

use super::fingerprint::fingerprint;
use super::guidance::{self, Guidance, Route, WhoRetries};
use super::idempotency::{Evidence, Idempotency};
use super::kind::IncidentKind;
use super::model::{Finding, Incident, InvoiceState, Sides, SubscriptionState, Zero};
use super::severity::Severity;
use super::{findings, forgery};
use crate::run_event::{AttemptRecord, CaseRecord, DeliveryRef, EventRef, JudgedKind, Verdict};

/// What an incident says beside the case itself.
#[derive(Debug, Clone)]
pub struct IncidentContext {
    /// The environment's name.
    pub environment: String,
    /// What is deployed.
    pub deploy_sha: Option<String>,
    /// The project's name.
    pub project: String,
    /// What the run shows about sending an event again.
    pub idempotency: Evidence,
    /// Where more is retained.
    pub evidence: Option<String>,
    /// The command that runs the case again: [`super::rerun::command`].
    pub rerun: String,
    /// The real customer that the story was told about; `None`: one minted for the case.
    pub bound_customer: Option<String>,
    /// Where the events come from, which decides what can be typed.
    pub origin: EventOrigin,
}

/// Where the events of a run come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventOrigin {
    /// The embedded double: Stripe does not know them.
    Double,
    /// Stripe: they can be resent.
    Stripe,
}

/// How much of the app's output an incident keeps.
const LOG_LINES: usize = 20;

/// The incident of a case that failed or could not be judged; `None` for one that passed or was skipped.
#[must_use]
pub fn derive(record: &CaseRecord, context: &IncidentContext) -> Option<Incident> {
    if matches!(record.verdict, Verdict::Passed | Verdict::Skipped) {
        return None;
    }
    let mut incident = told(record, context);
    let who = guidance::who_retries(&incident);
    let idempotency =
        incident.event.as_ref().map_or(Idempotency::Unproven, |event| context.idempotency.of(&event.kind));
    incident.severity = Severity::of(incident.kind, &who);
    incident.guidance = guidance::guidance(&incident, who, idempotency, context.origin);
    Some(incident)
}

/// Everything but severity and guidance, which follow from it.
fn told(record: &CaseRecord, context: &IncidentContext) -> Incident {
    let findings = findings::of(record);
    let primary = findings::primary(&findings);
    let step = primary.and_then(|finding| finding.step);
    Incident {
        fingerprint: fingerprint(&context.environment, record, context.bound_customer.as_deref(), primary),
        kind: IncidentKind::of(record),
        severity: Severity::Low,
        verdict: record.verdict,
        project: context.project.clone(),
        environment: context.environment.clone(),
        deploy_sha: context.deploy_sha.clone(),
        scenario: record.head.name.clone(),
        case: record.name.clone(),
        promise: record.head.promise.clone(),
        owner: record.head.owner.clone(),
        runbook: record.head.runbook.clone(),
        run_id: record.run_id.clone(),
        attempt: record.attempt,
        retry_of: record.retry_of.clone(),
        started: record.started,
        took: record.took,
        event: event(record, &findings),
        customer: record.customer.clone(),
        subscription: subscription(record),
        plan: plan(record),
        invoice: invoice(record),
        access: findings::access(record),
        reason: findings::reason(record),
        zero: zero(record, step),
        acts: record.acts.clone(),
        requests: record.requests.clone(),
        deliveries: record.deliveries.clone(),
        observations: record.observations.clone(),
        calls: record.calls.clone(),
        reconciliation: record.reconciliation.clone(),
        log: record.log.iter().skip(record.log.len().saturating_sub(LOG_LINES)).cloned().collect(),
        guidance: nothing_to_do_yet(),
        evidence: context.evidence.clone(),
        rerun: context.rerun.clone(),
        findings,
    }
}

fn nothing_to_do_yet() -> Guidance {
    Guidance {
        who_retries: WhoRetries::NobodyNothingSent,
        idempotency: Idempotency::Unproven,
        route: Route::JudgeAgain,
        actions: Vec::new(),
        draft: None,
    }
}

/// The event on which the promise hung: the forged one that was taken, the one that was refused, or the one on which
/// the app broke down. Else, of what the broken step sent, the last of the most telling kind; a step that sent nothing
/// was broken by what came before it. What never went out stands for a case only where nothing did.
fn event(record: &CaseRecord, findings: &[Finding]) -> Option<EventRef> {
    let primary = findings::primary(findings);
    if let Some((forged, _)) = forgery::taken(findings, &record.deliveries) {
        return Some(forged.event.clone());
    }
    let sent = || record.deliveries.iter().filter(|(_, attempts)| !attempts.is_empty());
    let decisive = match primary.map(|finding| finding.kind) {
        Some(Some(JudgedKind::DeliveryRefused)) => sent().find(|delivery| !was_accepted(delivery)),
        None => sent().find(|(_, attempts)| attempts.last().is_some_and(|last| !last.outcome.is_answered())),
        Some(_) => None,
    };
    if let Some((decisive, _)) = decisive {
        return Some(decisive.event.clone());
    }
    let step = primary.and_then(|finding| finding.step);
    let sent = || sent().map(|(delivery, _)| delivery);
    let of_step = sent().filter(|delivery| step.is_none() || delivery.step == step);
    of_step
        .rev()
        .min_by_key(|delivery| distance(&delivery.event.kind))
        .or_else(|| sent().rfind(|delivery| delivery.step <= step))
        .map(|delivery| &delivery.event)
        .or_else(|| record.acts.iter().flat_map(|act| &act.events).min_by_key(|event| distance(&event.kind)))
        .cloned()
}

/// How far an event's kind is from what a customer is promised. Handlers grant by the first of these; the rest of a
/// burst tells how it came about.
fn distance(kind: &str) -> usize {
    const TELLING: [&str; 6] =
        ["checkout.session.", "customer.subscription.", "entitlements.", "invoice.p", "refund.", "charge."];
    TELLING.iter().position(|prefix| kind.starts_with(prefix)).unwrap_or(TELLING.len())
}

fn was_accepted((_, attempts): &(DeliveryRef, Vec<AttemptRecord>)) -> bool {
    attempts.iter().any(|attempt| attempt.outcome.is_accepted())
}

fn subscription(record: &CaseRecord) -> SubscriptionState {
    let object = record.truth.get("subscription").filter(|object| object.is_object());
    SubscriptionState {
        id: object.and_then(|object| text(object, "id")),
        provider: object.and_then(|object| object.get("status")).cloned(),
        local: local(record, "status", "subscription.status"),
    }
}

fn plan(record: &CaseRecord) -> Sides {
    let price = record.truth.get("subscription").and_then(|object| object.pointer("/items/data/0/price"));
    let named = |key| price.and_then(|price| price.get(key)).filter(|value| value.is_string()).cloned();
    Sides {
        provider: named("lookup_key").or_else(|| named("id")),
        local: local(record, "plan", "subscription.items.data[0].price.lookup_key"),
    }
}

/// What the app says: by the facts that were compared, else by the last reading of a field of that name.
fn local(record: &CaseRecord, field: &str, truth_path: &str) -> Option<Value> {
    let facts = record.reconciliation.iter().flat_map(|reconciliation| &reconciliation.facts);
    let by_fact = facts
        .filter(|fact| fact.name == field || fact.name == truth_path)
        .find_map(|fact| fact.local.clone());
    by_fact.or_else(|| {
        record
            .observations
            .iter()
            .rev()
            .find_map(|seen| seen.reading.fields.as_ref().ok().and_then(|fields| fields.get(field)).cloned())
    })
}

fn invoice(record: &CaseRecord) -> Option<InvoiceState> {
    let object = record.truth.get("invoice")?;
    Some(InvoiceState {
        id: text(object, "id")?,
        status: text(object, "status"),
        total: object.get("total").and_then(Value::as_i64),
        currency: text(object, "currency"),
    })
}

fn text(object: &Value, key: &str) -> Option<String> {
    object.get(key).and_then(Value::as_str).map(str::to_owned)
}

/// The last answer to a delivery of the broken step; where it sent nothing, its start.
fn zero(record: &CaseRecord, step: Option<usize>) -> Zero {
    let answered = record
        .deliveries
        .iter()
        .filter(|(delivery, _)| step.is_none() || delivery.step == step)
        .filter_map(|(delivery, attempts)| attempts.last().map(|last| (last.sent + last.took, delivery)))
        .max_by_key(|(at, _)| *at);
    if let Some((at, delivery)) = answered {
        return Zero { at, since: format!("the last delivery's answer (#{})", delivery.number) };
    }
    let acted = record.acts.iter().filter(|act| step.is_some() && act.step == step).map(|act| act.at).min();
    match acted {
        Some(at) => Zero { at, since: "the start of the step".to_owned() },
        None => Zero { at: record.started_at, since: "the start of the case".to_owned() },
    }
}
