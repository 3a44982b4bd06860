//! Orders: what a customer means to buy, saved when the checkout begins, or a moment after it was paid.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::App;
use super::api::Unavailable;
use super::bug::Bug;

#[derive(Deserialize)]
pub(super) struct Order {
    customer: String,
    /// The checkout session that pays it.
    session: String,
}

/// Saves an order. The event that it was paid may have come already.
pub(super) async fn save(
    State(app): State<Arc<App>>,
    Json(order): Json<Order>,
) -> Result<StatusCode, Unavailable> {
    let may_be_paid = !app.has(Bug::OrderWebhookBeforeLocalRow);
    app.store.add_order(&order.session, &order.customer, may_be_paid).await?;
    Ok(StatusCode::CREATED)
}

/// The customer's newest order; `none` where there is none.
pub(super) async fn newest(
    State(app): State<Arc<App>>,
    Path(customer): Path<String>,
) -> Result<Json<Value>, Unavailable> {
    let state = app.store.order(&customer).await?;
    Ok(Json(json!({ "state": state.unwrap_or_else(|| "none".to_owned()) })))
}
