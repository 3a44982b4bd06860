//! How the parts of a case are spelled in JSON: shared by incidents (v1) and run events (v1).
//!
//! Own structs, so that a field renamed inside does not change what others read. A change that an old reader
//! would misunderstand is a new `v` of both formats. All times are milliseconds, with fractions.

mod incident;

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub(crate) use self::incident::{WireFinding, WireGuidance, WireIncident, WirePlace};
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct WireEvent {
    /// `evt_…`
    pub(crate) id: String,
    /// `invoice.paid`
    pub(crate) r#type: String,
}

impl From<&EventRef> for WireEvent {
    fn from(event: &EventRef) -> Self {
        Self { id: event.id.clone(), r#type: event.kind.clone() }
    }
}

/// A customer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct WireCustomer {
    /// `cus_…`
    pub(crate) id: String,
    /// Minted for the case.
    pub(crate) email: String,
}

impl From<&CustomerRef> for WireCustomer {
    fn from(customer: &CustomerRef) -> Self {
        Self { id: customer.id.clone(), email: customer.email.clone() }
    }
}

/// Something that happened at Stripe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct WireAct {
    /// Since the run's start.
    pub(crate) at_ms: f64,
    /// The step; null: the arrangement.
    pub(crate) step: Option<usize>,
    /// Empty for what the app itself did there.
    pub(crate) action: String,
    /// The burst, sent or not.
    pub(crate) events: Vec<WireEvent>,
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct WireRequest {
    /// Its name.
    pub(crate) name: String,
    /// `POST http://127.0.0.1:4242/signup`
    pub(crate) call: String,
    /// When it was sent, since the run's start.
    pub(crate) at_ms: f64,
    /// How long it took.
    pub(crate) took_ms: f64,
    /// What it was answered.
    pub(crate) status: Option<u16>,
    /// Of a command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) exit_code: Option<i32>,
    /// Why it could not be made.
    pub(crate) problem: Option<String>,
    /// The start of the answer.
    pub(crate) body: String,
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct WireDelivery {
    /// Within the case, from 0.
    pub(crate) number: usize,
    /// The step; null: the arrangement.
    pub(crate) step: Option<usize>,
    /// The event.
    pub(crate) event: WireEvent,
    /// The endpoint's name.
    pub(crate) endpoint: String,
    /// What differs from how Stripe would send it, in words.
    pub(crate) changes: Vec<String>,
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct WireDelivered {
    /// What was sent.
    pub(crate) delivery: WireDelivery,
    /// Whether an attempt was answered 2xx.
    pub(crate) accepted: bool,
    /// Each try.
    pub(crate) attempts: Vec<WireAttempt>,
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct WireAttempt {
    /// From 1.
    pub(crate) number: u32,
    /// When it was sent, since the run's start.
    pub(crate) at_ms: f64,
    /// To the end of the answer, or to giving up.
    pub(crate) took_ms: f64,
    /// How it ended.
    pub(crate) outcome: WireOutcome,
    /// The HTTP status.
    pub(crate) status: Option<u16>,
    /// The start of the answer.
    pub(crate) body: Option<String>,
}

impl From<&AttemptRecord> for WireAttempt {
    fn from(attempt: &AttemptRecord) -> Self {
        let (outcome, status, body) = match &attempt.outcome {
            AttemptOutcome::Answered { status, body } => {
                (WireOutcome::Answered, Some(*status), Some(body.clone()))
            }
            AttemptOutcome::Refused => (WireOutcome::Refused, None, None),
            AttemptOutcome::TimedOut => (WireOutcome::TimedOut, None, None),
            AttemptOutcome::Reset => (WireOutcome::Reset, None, None),
        };
        let (at_ms, took_ms) = (ms(attempt.sent), ms(attempt.took));
        Self { number: attempt.number, at_ms, took_ms, outcome, status, body }
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum WireOutcome {
    /// With an answer.
    Answered,
    /// No connection.
    Refused,
    /// No answer in time.
    TimedOut,
    /// The connection broke before an answer.
    Reset,
}

/// What the app asked Stripe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct WireCall {
    /// When it was answered, since the run's start.
    pub(crate) at_ms: f64,
    /// `GET`
    pub(crate) method: String,
    /// With its query.
    pub(crate) path: String,
    /// `req_…`
    pub(crate) request_id: String,
    /// Null: the connection was closed by a fault.
    pub(crate) status: Option<u16>,
    /// A word on an answer that is not Stripe's ordinary one.
    pub(crate) note: Option<String>,
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct WireReading {
    /// Since the run's start.
    pub(crate) at_ms: f64,
    /// How long reading took.
    pub(crate) took_ms: f64,
    /// What was read.
    pub(crate) fields: Option<Map<String, Value>>,
    /// Why it could not be read.
    pub(crate) problem: Option<String>,
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct WireObservation {
    /// The step; null: after the story.
    pub(crate) step: Option<usize>,
    /// Whose state.
    pub(crate) customer: String,
    /// The probe.
    pub(crate) probe: String,
    /// The first of them.
    pub(crate) first: WireReading,
    /// When the last was taken.
    pub(crate) last_at_ms: f64,
    /// How many.
    pub(crate) count: u32,
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct WireReconciliation {
    /// When both sides were read, since the run's start.
    pub(crate) at_ms: f64,
    /// Null: the handler never read this customer's state at Stripe.
    pub(crate) handler_read_at_ms: Option<f64>,
    /// One a line.
    pub(crate) facts: Vec<WireFact>,
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct WireFact {
    /// `status`, or the path of `[reconcile]`.
    pub(crate) name: String,
    /// At Stripe.
    pub(crate) provider: Option<Value>,
    /// In the app; null: not read.
    pub(crate) local: Option<Value>,
    /// Null: not compared.
    pub(crate) agrees: Option<bool>,
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
