//! A paid feature behind a gate that is really shut.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::App;
use super::api::{Unavailable, entitlement};
use super::bug::Bug;

/// Single sign-on: 200 for who has it, 402 for who would have to pay for it.
pub(super) async fn sso(
    State(app): State<Arc<App>>,
    Path(customer): Path<String>,
) -> Result<Response, Unavailable> {
    let has_it = entitlement(&app, &customer).await?.features.iter().any(|feature| feature == "sso");
    if has_it || app.has(Bug::OutPolicyWrittenNowhere) {
        return Ok(Json(json!({ "feature": "sso", "enabled": true })).into_response());
    }
    Ok((StatusCode::PAYMENT_REQUIRED, Json(json!({ "feature": "sso", "enabled": false }))).into_response())
}
