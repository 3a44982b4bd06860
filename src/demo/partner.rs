//! Partners: customers who also sell here, each on a Stripe account of their own that is connected to ours.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::App;
use super::api::Unavailable;
use super::signup::SignupError;

/// Makes a customer a partner, once.
pub(super) async fn join(
    State(app): State<Arc<App>>,
    Path(customer): Path<String>,
) -> Result<StatusCode, SignupError> {
    let user = app.store.user_of_customer(&customer).await?.ok_or(SignupError::NoAccount)?;
    let _turn = app.turns.take(&customer).await;
    let before = match app.store.shop(&customer).await? {
        Some((_, shop)) if shop == "open" => return Ok(StatusCode::OK),
        // Who was one before has another account now.
        Some((account, _)) => account,
        None => "none".to_owned(),
    };
    let once = format!("partner:{customer}:after:{before}");
    let account = app.stripe.create_account(&user.email, &customer, &once).await?;
    app.store.open_shop(&account, &customer).await?;
    Ok(StatusCode::CREATED)
}

/// Asks Stripe to close the account of a partner who leaves. Stripe may refuse that while money is in it, so the shop is
/// shut by the event that says that it is done.
pub(super) async fn leave(
    State(app): State<Arc<App>>,
    Path(customer): Path<String>,
) -> Result<StatusCode, SignupError> {
    let (account, _) = app.store.shop(&customer).await?.ok_or(SignupError::NoAccount)?;
    app.stripe.close_account(&account).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Whether a customer's shop is `open`, `shut`, or `none`.
pub(super) async fn state(
    State(app): State<Arc<App>>,
    Path(customer): Path<String>,
) -> Result<Json<Value>, Unavailable> {
    let shop = app.store.shop(&customer).await?.map_or_else(|| "none".to_owned(), |(_, shop)| shop);
    Ok(Json(json!({ "shop": shop })))
}
