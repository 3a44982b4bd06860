//! What other services and the customer's browser ask: entitlements, the billing record, mails sent.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::App;
use super::access::{Entitlement, deciding};
use super::clock;
use super::log;
use super::store::Mail;

/// The database failed.
pub(super) struct Unavailable(sqlx::Error);

impl From<sqlx::Error> for Unavailable {
    fn from(error: sqlx::Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Unavailable {
    fn into_response(self) -> Response {
        log::line(&format!("failed to use the database: {}", self.0));
        (StatusCode::INTERNAL_SERVER_ERROR, Json(json!({ "error": "failed to use the database" })))
            .into_response()
    }
}

/// What a customer may use. Of a customer that the app does not know: nothing.
pub(super) async fn entitlements(
    State(app): State<Arc<App>>,
    Path(customer): Path<String>,
) -> Result<Json<Entitlement>, Unavailable> {
    Ok(Json(entitlement(&app, &customer).await?))
}

/// The same, for the app's own gates.
pub(super) async fn entitlement(app: &App, customer: &str) -> Result<Entitlement, sqlx::Error> {
    let before = match app.cache.get(customer) {
        Ok(kept) => return Ok(kept),
        Err(before) => before,
    };
    let subscriptions = app.store.subscriptions(customer).await?;
    let credits = app.store.credits(customer).await?;
    let at_stripe = app.store.features(customer).await?;
    let read = Entitlement::of(app.rules, &subscriptions, credits, at_stripe, clock::seconds());
    app.cache.put(customer, before, read.clone());
    Ok(read)
}

/// The app's own billing record of a customer, straight from the database.
pub(super) async fn billing(
    State(app): State<Arc<App>>,
    Path(customer): Path<String>,
) -> Result<Json<Value>, Unavailable> {
    let subscriptions = app.store.subscriptions(&customer).await?;
    let credits = app.store.credits(&customer).await?;
    let Some(record) = deciding(app.rules, &subscriptions, clock::seconds()) else {
        return Ok(Json(
            json!({ "customer": customer, "status": "none", "plan": "free", "credits": credits }),
        ));
    };
    Ok(Json(json!({
        "customer": record.customer,
        "subscription": record.id,
        "status": record.status,
        "plan": record.plan,
        "price": record.price,
        "product": record.product,
        "seats": record.seats,
        "renews_at": record.renews_at,
        "ending": record.ending,
        "latest_invoice": record.latest_invoice,
        "credits": credits,
    })))
}

/// `?kind=receipt`, `dunning` or `alert`; left out, all.
#[derive(Deserialize)]
pub(super) struct Kind {
    kind: Option<String>,
}

/// Mails sent to a customer, and alerts about one.
pub(super) async fn outbox(
    State(app): State<Arc<App>>,
    Path(customer): Path<String>,
    Query(Kind { kind }): Query<Kind>,
) -> Result<Json<Vec<Mail>>, Unavailable> {
    Ok(Json(app.store.mails(&customer, kind.as_deref()).await?))
}

/// Answers once the database is open.
pub(super) async fn healthz() -> &'static str {
    "ok"
}

/// What is deployed: the commit where the build named one, else the version.
pub(super) async fn version() -> Json<Value> {
    let sha = option_env!("PAYDRILL_COMMIT").unwrap_or(concat!("paydrill-", env!("CARGO_PKG_VERSION")));
    Json(json!({ "sha": sha }))
}
