//! How the parts of a case are spelled in JSON: shared by incidents (v1) and run events (v1).
//!
//! Own structs, so that a field renamed inside does not change what others read. A change that an old reader
//! would misunderstand is a new `v` of both formats. All times are milliseconds, with fractions.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::probe::Reading;
use crate::probe::RequestOutcome;
use crate::run_event::{
    ActRecord, AttemptOutcome, AttemptRecord, CallRecord, CustomerRef, DeliveryRef, EventRef, Fact,
    ObservationRecord, Reconciliation, RequestRecord,
};

/// Milliseconds, to the microsecond.
pub(crate) fn ms(duration: Duration) -> f64 {
    // Exact for 285 years of microseconds.
    duration.as_micros() as f64 / 1_000.0
}

/// An event by name.
#[derive(Serialize)]
pub(crate) struct WireEvent {
    id: String,
    r#type: String,
}

impl From<&EventRef> for WireEvent {
    fn from(event: &EventRef) -> Self {
        Self { id: event.id.clone(), r#type: event.kind.clone() }
    }
}

/// A customer.
#[derive(Serialize)]
pub(crate) struct WireCustomer {
    id: String,
    email: String,
}

impl From<&CustomerRef> for WireCustomer {
    fn from(customer: &CustomerRef) -> Self {
        Self { id: customer.id.clone(), email: customer.email.clone() }
    }
}

/// Something that happened at Stripe.
#[derive(Serialize)]
pub(crate) struct WireAct {
    at_ms: f64,
    step: Option<usize>,
    /// Empty for what the app itself did there.
    action: String,
    events: Vec<WireEvent>,
}

impl From<&ActRecord> for WireAct {
    fn from(act: &ActRecord) -> Self {
        Self {
            at_ms: ms(act.at),
            step: act.step,
            action: act.action.clone(),
            events: act.events.iter().map(WireEvent::from).collect(),
        }
    }
}

/// A request in the app. One of `status` and `problem` is not null.
#[derive(Serialize)]
pub(crate) struct WireRequest {
    name: String,
    call: String,
    at_ms: f64,
    took_ms: f64,
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<i32>,
    problem: Option<String>,
    body: String,
}

impl From<&RequestRecord> for WireRequest {
    fn from(request: &RequestRecord) -> Self {
        Self {
            name: request.name.clone(),
            call: request.call.clone(),
            at_ms: ms(request.sent),
            took_ms: ms(request.took),
            status: match request.outcome {
                Ok(RequestOutcome::Answered(status)) => Some(status),
                _ => None,
            },
            exit_code: match request.outcome {
                Ok(RequestOutcome::Exited(code)) => Some(code),
                _ => None,
            },
            problem: request.outcome.as_ref().err().cloned(),
            body: request.body.clone(),
        }
    }
}

/// A delivery without its attempts.
#[derive(Serialize)]
pub(crate) struct WireDelivery {
    number: usize,
    step: Option<usize>,
    event: WireEvent,
    endpoint: String,
    changes: Vec<String>,
}

impl From<&DeliveryRef> for WireDelivery {
    fn from(delivery: &DeliveryRef) -> Self {
        Self {
            number: delivery.number,
            step: delivery.step,
            event: WireEvent::from(&delivery.event),
            endpoint: delivery.endpoint.clone(),
            changes: delivery.changes.clone(),
        }
    }
}

/// A delivery and what it was answered.
#[derive(Serialize)]
pub(crate) struct WireDelivered {
    delivery: WireDelivery,
    accepted: bool,
    attempts: Vec<WireAttempt>,
}

impl From<&(DeliveryRef, Vec<AttemptRecord>)> for WireDelivered {
    fn from((delivery, attempts): &(DeliveryRef, Vec<AttemptRecord>)) -> Self {
        Self {
            delivery: delivery.into(),
            accepted: attempts.iter().any(|attempt| attempt.outcome.is_accepted()),
            attempts: attempts.iter().map(WireAttempt::from).collect(),
        }
    }
}

/// One attempt. `status` and `body` are null where there was no answer.
#[derive(Serialize)]
pub(crate) struct WireAttempt {
    number: u32,
    at_ms: f64,
    took_ms: f64,
    /// `answered`, `refused`, `timed-out` or `reset`.
    outcome: &'static str,
    status: Option<u16>,
    body: Option<String>,
}

impl From<&AttemptRecord> for WireAttempt {
    fn from(attempt: &AttemptRecord) -> Self {
        let (outcome, status, body) = match &attempt.outcome {
            AttemptOutcome::Answered { status, body } => ("answered", Some(*status), Some(body.clone())),
            AttemptOutcome::Refused => ("refused", None, None),
            AttemptOutcome::TimedOut => ("timed-out", None, None),
            AttemptOutcome::Reset => ("reset", None, None),
        };
        let (at_ms, took_ms) = (ms(attempt.sent), ms(attempt.took));
        Self { number: attempt.number, at_ms, took_ms, outcome, status, body }
    }
}

/// What the app asked Stripe.
#[derive(Serialize)]
pub(crate) struct WireCall {
    at_ms: f64,
    method: String,
    path: String,
    request_id: String,
    status: Option<u16>,
    note: Option<String>,
}

impl From<&CallRecord> for WireCall {
    fn from(call: &CallRecord) -> Self {
        Self {
            at_ms: ms(call.at),
            method: call.method.clone(),
            path: call.path.clone(),
            request_id: call.request_id.clone(),
            status: call.status,
            note: call.note.clone(),
        }
    }
}

/// One reading. One of `fields` and `problem` is not null.
#[derive(Serialize)]
pub(crate) struct WireReading {
    at_ms: f64,
    took_ms: f64,
    fields: Option<Map<String, Value>>,
    problem: Option<String>,
}

impl From<&Reading> for WireReading {
    fn from(reading: &Reading) -> Self {
        Self {
            at_ms: ms(reading.at),
            took_ms: ms(reading.took),
            fields: reading.fields.as_ref().ok().cloned(),
            problem: reading.fields.as_ref().err().map(ToString::to_string),
        }
    }
}

/// A run of equal readings.
#[derive(Serialize)]
pub(crate) struct WireObservation {
    step: Option<usize>,
    customer: String,
    probe: String,
    first: WireReading,
    last_at_ms: f64,
    count: u32,
}

impl From<&ObservationRecord> for WireObservation {
    fn from(seen: &ObservationRecord) -> Self {
        Self {
            step: seen.step,
            customer: seen.customer.clone(),
            probe: seen.probe.clone(),
            first: WireReading::from(&seen.reading),
            last_at_ms: ms(seen.last),
            count: seen.count,
        }
    }
}

/// Both sides.
#[derive(Serialize)]
pub(crate) struct WireReconciliation {
    at_ms: f64,
    /// Null: the handler never read this customer's state at Stripe.
    handler_read_at_ms: Option<f64>,
    facts: Vec<WireFact>,
}

impl From<&Reconciliation> for WireReconciliation {
    fn from(reconciliation: &Reconciliation) -> Self {
        Self {
            at_ms: ms(reconciliation.at),
            handler_read_at_ms: reconciliation.handler_read.map(ms),
            facts: reconciliation.facts.iter().map(WireFact::from).collect(),
        }
    }
}

/// One fact of both sides. `agrees` is null where it was not compared.
#[derive(Serialize)]
pub(crate) struct WireFact {
    name: String,
    provider: Option<Value>,
    local: Option<Value>,
    agrees: Option<bool>,
}

impl From<&Fact> for WireFact {
    fn from(fact: &Fact) -> Self {
        Self {
            name: fact.name.clone(),
            provider: fact.provider.clone(),
            local: fact.local.clone(),
            agrees: fact.agrees,
        }
    }
}
