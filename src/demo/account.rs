//! Accounts: opened with an e-mail address, whatever Stripe knows; and what a person sees of what is theirs.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::App;
use super::api::{Unavailable, entitlement};
use super::signup::{Fields, SignupError, is_email};
use super::store::{Account, Record};

#[derive(Deserialize)]
pub(super) struct Email {
    email: String,
}

/// Opens an account with an e-mail address only. Stripe is not told: whose customer it becomes, the webhook finds out.
pub(super) async fn register(
    State(app): State<Arc<App>>,
    Fields(wanted): Fields<Email>,
) -> Result<Json<Value>, SignupError> {
    let email = plain(&wanted.email);
    if !is_email(&email) {
        return Err(SignupError::Email);
    }
    app.store.add_account(&email, None).await?;
    let account = app.store.account_of_email(&email).await?.ok_or(SignupError::NoAccount)?;
    Ok(Json(json!({ "user_id": user_id(account.id), "customer": account.customer })))
}

/// What the person with this e-mail address sees after signing in.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    Query(wanted): Query<Email>,
) -> Result<Response, Unavailable> {
    let Some(account) = app.store.account_of_email(&plain(&wanted.email)).await? else {
        return Ok((StatusCode::NOT_FOUND, Json(json!({ "error": "no such account" }))).into_response());
    };
    Ok(Json(seen(&app, account).await?).into_response())
}

async fn seen(app: &App, account: Account) -> Result<Value, sqlx::Error> {
    let (mut plan, mut active, mut subscriptions) = (json!("free"), false, Vec::new());
    if let Some(customer) = &account.customer {
        let may = entitlement(app, customer).await?;
        (plan, active) = (json!(may.plan), may.active);
        subscriptions = app.store.subscriptions(customer).await?;
    }
    let row = |record: &Record| json!({ "id": record.id, "plan": record.plan, "status": record.status });
    Ok(json!({
        "user_id": user_id(account.id),
        "customer": account.customer,
        "plan": plan,
        "active": active,
        "subscriptions": subscriptions.iter().map(row).collect::<Vec<_>>(),
    }))
}

/// As it is stored: one person types it in many ways.
pub(super) fn plain(email: &str) -> String {
    email.trim().to_lowercase()
}

/// The id an account has outside.
pub(super) fn user_id(id: i64) -> String {
    format!("user_{id}")
}

/// The account behind such an id.
pub(super) fn id_of(user_id: &str) -> Option<i64> {
    user_id.strip_prefix("user_")?.parse().ok()
}
