//! The page on which customers look after what they pay.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Html;

use super::App;
use super::api::entitlement;
use super::bug::Bug;
use super::handle::HandleError;
use super::log;
use super::page::say;

/// The plan, from the app's own record, and the card, which only Stripe knows.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    Path(customer): Path<String>,
) -> (StatusCode, Html<String>) {
    match content(&app, &customer).await {
        Ok(text) => say(StatusCode::OK, "Billing", &text),
        Err(error) => {
            log::failed(&error);
            say(StatusCode::INTERNAL_SERVER_ERROR, "Sorry", "Something went wrong. Please reload this page.")
        }
    }
}

async fn content(app: &App, customer: &str) -> Result<String, HandleError> {
    let may = entitlement(app, customer).await?;
    let plan = match may.active {
        true => format!("You are on the {} plan.", may.plan.name()),
        false => "You have no plan.".to_owned(),
    };
    let card = match app.stripe.card_of(customer).await {
        Ok(Some(last4)) => format!("Paid with the card ending in {last4}."),
        Ok(None) => "There is no card on file.".to_owned(),
        // A customer can be deleted at Stripe. What they bought ends with that; their account does not.
        Err(error) if error.is_missing() && !app.has(Bug::IdCustomerDeleted) => {
            "There is no card on file.".to_owned()
        }
        Err(error) => return Err(error.into()),
    };
    Ok(format!("{plan} {card}"))
}
