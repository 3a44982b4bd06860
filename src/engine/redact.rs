//! Masks secrets in run events, before the first sink sees them.

use std::sync::Arc;

use serde_json::Value;

use crate::probe::Reading;
use crate::run_event::{
    AttemptOutcome, AttemptRecord, CallRecord, CaseRecord, Intent, RequestRecord, RunEventKind,
};
use crate::secret::Redactor;

pub(super) fn event(kind: &mut RunEventKind, redactor: &Redactor) {
    match kind {
        RunEventKind::TargetStarted { url, .. } => text(url, redactor),
        RunEventKind::Intended { intent, .. } => self::intent(intent, redactor),
        RunEventKind::Unrecorded { problem } => text(problem, redactor),
        RunEventKind::Requested { record, .. } => request(record, redactor),
        RunEventKind::AttemptFinished { attempt, .. } => self::attempt(attempt, redactor),
        RunEventKind::StripeCalled { call, .. } => self::call(call, redactor),
        RunEventKind::Observed { reading, .. } => self::reading(reading, redactor),
        RunEventKind::RunFinished { trouble: Some(trouble), .. } => {
            text(&mut trouble.message, redactor);
            trouble.log.iter_mut().for_each(|line| text(line, redactor));
        }
        // Their texts are names that the scenario's author chose, numbers, or records that were masked already.
        RunEventKind::RunStarted(_)
        | RunEventKind::CaseStarted { .. }
        | RunEventKind::StepStarted { .. }
        | RunEventKind::ProcessKilled { .. }
        | RunEventKind::StripeActed { .. }
        | RunEventKind::CaseFinished { .. }
        | RunEventKind::Cancelled { .. }
        | RunEventKind::RunFinished { trouble: None, .. } => {}
    }
}

pub(super) fn record(record: &mut CaseRecord, redactor: &Redactor) {
    let mut truth = Value::Object(std::mem::take(&mut record.truth));
    redactor.redact_json(&mut truth);
    if let Value::Object(truth) = truth {
        record.truth = truth;
    }
    record.requests.iter_mut().for_each(|each| request(each, redactor));
    record.deliveries.iter_mut().flat_map(|(_, attempts)| attempts).for_each(|each| attempt(each, redactor));
    record.calls.iter_mut().for_each(|each| call(each, redactor));
    record.observations.iter_mut().for_each(|each| reading(&mut each.reading, redactor));
    for judged in &mut record.judged {
        for field in [&mut judged.expected, &mut judged.observed, &mut judged.headline] {
            text(field, redactor);
        }
    }
    if let Some(reconciliation) = &mut record.reconciliation {
        for fact in &mut reconciliation.facts {
            for side in [&mut fact.provider, &mut fact.local] {
                side.iter_mut().for_each(|value| redactor.redact_json(value));
            }
        }
    }
    record.log.iter_mut().for_each(|line| text(line, redactor));
    if let Some(reason) = &mut record.reason {
        text(&mut reason.message, redactor);
    }
}

fn intent(intent: &mut Intent, redactor: &Redactor) {
    match intent {
        Intent::Request { call, .. } => text(call, redactor),
        Intent::Attempt { url, payload, .. } => {
            text(url, redactor);
            if let Some(event) = payload {
                // Copied only where there is something to mask in it: who sends it sends what it was.
                let mut masked = Value::clone(event);
                redactor.redact_json(&mut masked);
                if masked != **event {
                    *payload = Some(Arc::new(masked));
                }
            }
        }
        // Names that the scenario's author chose, and numbers.
        Intent::Stripe { .. } | Intent::Restart | Intent::Kill { .. } | Intent::Clock { .. } => {}
    }
}

fn request(record: &mut RequestRecord, redactor: &Redactor) {
    text(&mut record.call, redactor);
    text(&mut record.body, redactor);
    if let Err(problem) = &mut record.outcome {
        text(problem, redactor);
    }
}

fn attempt(record: &mut AttemptRecord, redactor: &Redactor) {
    if let AttemptOutcome::Answered { body, .. } = &mut record.outcome {
        text(body, redactor);
    }
}

fn call(record: &mut CallRecord, redactor: &Redactor) {
    text(&mut record.path, redactor);
}

fn reading(reading: &mut Reading, redactor: &Redactor) {
    match &mut reading.fields {
        Ok(fields) => {
            let mut value = Value::Object(std::mem::take(fields));
            redactor.redact_json(&mut value);
            if let Value::Object(masked) = value {
                *fields = masked;
            }
        }
        Err(error) => error.texts_mut().into_iter().for_each(|each| text(each, redactor)),
    }
}

fn text(text: &mut String, redactor: &Redactor) {
    if let Some(masked) = redactor.masked(text) {
        *text = masked;
    }
}
