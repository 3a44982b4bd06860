//! The webhook endpoint for what happens in the Stripe accounts of partners (Connect), with a secret of its own.
//!
//! Ids of a partner's account say nothing about ours, whatever they look like: nothing here touches a customer's
//! plan. One event counts: the account is no longer connected to us, so the partner's shop is shut. That is the
//! last that is heard of an account, so it can be believed however late it comes.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::App;
use super::bug::Bug;
use super::event::Event;
use super::handle::{HandleError, Outcome, handle};
use super::page;
use super::webhook::{accepted, failed, read, refused};

/// Takes a delivery and answers when what it asks for is done.
pub(super) async fn receive(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Response {
    // Everything that is not listed as open to all wants a session, and nobody listed this.
    if app.has(Bug::NetAuthCsrf) {
        return page::log_in().into_response();
    }
    let secret = if app.has(Bug::NetWrongSecret) { &app.webhook_secret } else { &app.connect_secret };
    let event = match read(&app, secret, &headers, &body) {
        Ok(event) => event,
        Err(error) => return refused(StatusCode::BAD_REQUEST, &error),
    };
    let done = match app.has(Bug::IdConnectAccount) {
        true => handle(&app, &event).await,
        false => of_a_partner(&app, &event).await,
    };
    match done {
        Ok(outcome) => accepted(outcome),
        Err(error) => failed(&app, &event, &error),
    }
}

async fn of_a_partner(app: &App, event: &Event) -> Result<Outcome, HandleError> {
    let Some(account) = &event.account else {
        return Ok(Outcome::Ignored("it happened in no partner's account"));
    };
    if event.kind != "account.application.deauthorized" {
        return Ok(Outcome::Ignored("nothing depends on this type"));
    }
    app.store.shut_shop(account).await?;
    Ok(Outcome::Done)
}
