//! The nightly sync: compares what the app knows of a customer with what Stripe knows, and repairs what differs.
//!
//! Events get lost: the endpoint is switched off after days of failures, is not subscribed to a type, or was down for
//! longer than Stripe tries. Nothing arrives then, so only a comparison finds it. What it finds is also a sign that more
//! is being lost, so the people who run the app hear of it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use super::App;
use super::apply::{Change, MailKind, Origin, commit};
use super::bug::Bug;
use super::checkout;
use super::clawback;
use super::clock;
use super::event::text;
use super::handle::HandleError;
use super::log;
use super::mailer::send_waiting;
use super::store::{Record, User};
use super::subscription::{self, Heard};

/// How far back an app looks that takes Stripe's retries for all that can be missed: three days.
const RETRIES: i64 = 3 * 86_400;

#[derive(Deserialize)]
pub(super) struct Sync {
    /// One customer; left out, everybody.
    customer: Option<String>,
}

/// Runs the sync, and answers how much was repaired.
pub(super) async fn run(State(app): State<Arc<App>>, Json(sync): Json<Sync>) -> Response {
    match all(&app, sync.customer.as_deref()).await {
        Ok(repaired) => Json(json!({ "repaired": repaired })).into_response(),
        Err(error) => {
            log::failed(&error);
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

async fn all(app: &App, customer: Option<&str>) -> Result<usize, HandleError> {
    let users = match customer {
        Some(customer) => app.store.user_of_customer(customer).await?.into_iter().collect(),
        None => app.store.users().await?,
    };
    let mut repaired = 0;
    for user in &users {
        repaired += repair(app, user).await?;
    }
    Ok(repaired)
}

/// Repairs what the app missed of one customer, and says how many things that were.
async fn repair(app: &App, user: &User) -> Result<usize, HandleError> {
    let _turn = app.turns.take(&user.customer).await;
    let mut missed = subscriptions(app, user).await?;
    if !app.has(Bug::NetNotSubscribed) {
        missed.extend(purchases(app, user).await?);
        missed.extend(refunds(app, user).await?);
    }
    let count = missed.len();
    let mut changes: Vec<Change> = missed.into_iter().flatten().collect();
    if count > 0 && !app.has(Bug::NetEndpointDisabled) {
        changes.push(Change::Mail {
            fact: format!("missed:{}:{}", user.customer, clock::now().as_nanos()),
            kind: MailKind::Alert,
            subject: format!("{count} repaired: Stripe's events about it never came. Is the endpoint alive?"),
        });
    }
    commit(app, user, Origin::Sync, &changes).await?;
    send_waiting(app, &user.customer).await?;
    Ok(count)
}

/// What to write for each subscription that is recorded otherwise than Stripe has it.
async fn subscriptions(app: &App, user: &User) -> Result<Vec<Vec<Change>>, HandleError> {
    let since = clock::seconds().saturating_sub(RETRIES).to_string();
    let mut query = vec![("customer", user.customer.as_str()), ("status", "all")];
    if app.has(Bug::NetMissedBeyondReplay) {
        query.push(("created[gte]", &since));
    }
    let mut missed = Vec::new();
    for truth in app.stripe.all("/v1/subscriptions", &query).await? {
        let id = text(&truth, "id").ok_or(HandleError::Lacks("id"))?;
        let known = app.store.subscription(&id).await?;
        let at = known.as_ref().map_or(i64::MIN, |known| known.event_created);
        let heard = Heard { at, period_end: None };
        let changes = subscription::written(app, user, &heard, &truth, known.as_ref())?;
        if changes.iter().any(|change| tells_news(change, known.as_ref())) {
            missed.push(changes);
        }
    }
    Ok(missed)
}

fn tells_news(change: &Change, known: Option<&Record>) -> bool {
    let Change::Subscription(record) = change else { return false };
    known.is_none_or(|known| {
        // When it was written is no part of what is known.
        let record = Record { written: known.written, ..record.clone() };
        record != *known
    })
}

/// What to write for each checkout that is completed and was not handed out.
async fn purchases(app: &App, user: &User) -> Result<Vec<Vec<Change>>, HandleError> {
    let query = [("customer", user.customer.as_str()), ("status", "complete")];
    let mut missed = Vec::new();
    for session in app.stripe.all("/v1/checkout/sessions", &query).await? {
        let id = text(&session, "id").ok_or(HandleError::Lacks("id"))?;
        if app.store.is_fulfilled(&id).await? {
            continue;
        }
        // A list does not say what was bought.
        let changes = match text(&session, "mode").as_deref() {
            Some("payment") => checkout::bought(app, &app.stripe.session(&id).await?),
            Some("subscription") => vec![Change::Fulfilled { session: id }],
            _ => Vec::new(),
        };
        missed.extend((!changes.is_empty()).then_some(changes));
    }
    Ok(missed)
}

/// What to write for each payment of which more, or less, went back than is known.
async fn refunds(app: &App, user: &User) -> Result<Vec<Vec<Change>>, HandleError> {
    let mut missed = Vec::new();
    for charge in app.stripe.all("/v1/charges", &[("customer", &user.customer)]).await? {
        let Some(change) = clawback::returned(app, &charge).await? else { continue };
        if let Change::Returned { payment, returned, .. } = &change
            && *returned != app.store.returned(payment).await?
        {
            missed.push(vec![change]);
        }
    }
    Ok(missed)
}
