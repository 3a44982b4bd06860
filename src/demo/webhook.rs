//! The webhook endpoint for what happens in our own Stripe account: signature, event, answer.

use std::error::Error;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::App;
use super::bug::Bug;
use super::clock;
use super::event::{Event, EventError};
use super::handle::{HandleError, Outcome, handle};
use super::log;
use super::signature::{Age, SignatureError, TOLERANCE, verify};
use super::stripe;

/// Takes a delivery and answers when everything it asks for is committed.
pub(super) async fn receive(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Response {
    let event = match read(&app, &app.webhook_secret, &headers, &body) {
        Ok(event) => event,
        Err(DeliveryError::Event(_)) if app.has(Bug::ShapeThinVsSnapshot) => {
            return accepted(Outcome::Ignored("it holds no object"));
        }
        Err(error) => return refused(StatusCode::BAD_REQUEST, &error),
    };
    let first = app.has(Bug::AckThenLost) && event.kind == "checkout.session.completed";
    // In a task of its own: Stripe giving up, which ends this call, must not end the work half-way.
    let work = tokio::spawn(async move {
        match handle(&app, &event).await {
            Ok(outcome) => accepted(outcome),
            Err(error) => failed(&app, &event, &error),
        }
    });
    if first {
        return accepted(Outcome::Done);
    }
    work.await.unwrap_or_else(|error| refused(StatusCode::INTERNAL_SERVER_ERROR, &error))
}

/// Why a delivery is not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum DeliveryError {
    #[error(transparent)]
    Signature(#[from] SignatureError),
    #[error(transparent)]
    Event(#[from] EventError),
}

/// The event of a delivery that was signed with this secret.
pub(super) fn read(
    app: &App,
    secret: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Event, DeliveryError> {
    let signature = headers.get("stripe-signature").and_then(|value| value.to_str().ok());
    is_signed(app, secret, signature, body)?;
    let event = Event::parse(body)?;
    // Of an event we use what is spelled the same in all versions; the rest we ask for in ours.
    if app.has(Bug::ShapeEndpointOlderThanCode) && event.api_version.as_deref() != Some(stripe::VERSION) {
        return Err(EventError::Version.into());
    }
    // An event may be days old, when Stripe could not deliver it before. It is the signature that is new each time.
    if app.has(Bug::NetTimestampRetry) && is_too_old(event.created) {
        return Err(SignatureError::TooOld.into());
    }
    Ok(event)
}

fn is_signed(app: &App, secret: &str, signature: Option<&str>, body: &[u8]) -> Result<(), SignatureError> {
    if app.has(Bug::NetSignatureUnchecked) {
        return Ok(());
    }
    let printed = app.has(Bug::NetBodyReserialised).then(|| print_again(body));
    let secrets = match app.rules.bug {
        // The secret before the last, from a setting that nobody filled in.
        Some(Bug::NetEmptySecret) => vec![secret, ""],
        // Without a secret nothing is accepted.
        _ => [secret].into_iter().filter(|secret| !secret.is_empty()).collect(),
    };
    let age = if app.has(Bug::NetTimestamp) { Age::Ignored } else { Age::Checked };
    verify(signature, printed.as_deref().unwrap_or(body), &secrets, clock::seconds(), age)
}

fn is_too_old(created: i64) -> bool {
    clock::seconds().saturating_sub(created) > TOLERANCE
}

fn print_again(body: &[u8]) -> Vec<u8> {
    let parsed = serde_json::from_slice::<Value>(body).unwrap_or_default();
    serde_json::to_vec_pretty(&parsed).unwrap_or_default()
}

pub(super) fn accepted(outcome: Outcome) -> Response {
    Json(match outcome {
        Outcome::Done => json!({ "outcome": "done" }),
        Outcome::Duplicate => json!({ "outcome": "duplicate" }),
        Outcome::Ignored(why) => json!({ "outcome": "ignored", "because": why }),
    })
    .into_response()
}

/// Not done: anything but a 2xx makes Stripe deliver the event again, which repairs it.
pub(super) fn failed(app: &App, event: &Event, error: &HandleError) -> Response {
    log::line(&format!("{} {} failed to {}", event.kind, event.id, log::chain(error)));
    if app.has(Bug::AckSwallowedError) {
        return Json(json!({ "received": true })).into_response();
    }
    match error {
        HandleError::Mail(_) if app.has(Bug::Ack4xxBusinessError) => refused(StatusCode::BAD_REQUEST, error),
        _ => refused(StatusCode::INTERNAL_SERVER_ERROR, error),
    }
}

pub(super) fn refused(status: StatusCode, error: &dyn Error) -> Response {
    (status, Json(json!({ "error": format!("failed to {}", log::chain(error)) }))).into_response()
}
