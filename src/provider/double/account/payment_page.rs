//! The page of a checkout session as the official CLI goes through it: `POST /v1/payment_pages/{id}/confirm` pays
//! with a payment method that was made before. Stripe does not document it; the session is what is answered.

use serde_json::{Value, json};

use super::payment::{Collect, outcome_of};
use super::test_card::decline_of;
use super::{World, checkout_page, payment_method};
use crate::provider::double::error::ApiError;
use crate::provider::double::params::{Is, Params, Table};
use crate::provider::double::route::Route;
use crate::provider::double::store::Kind;
use crate::stripe::object::{int, put, text};

pub(crate) const ROUTES: &[Route] = &[
    Route::retrieve("/v1/payment_pages/{id}", Kind::Session),
    Route::change("/v1/payment_pages/{id}/confirm", CONFIRM, confirm),
];

const CONFIRM: Table = &[("payment_method", Is::Needed(&Is::Text)), ("expected_amount", Is::Int)];

/// `POST /v1/payment_pages/{id}/confirm`.
fn confirm(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    let session = world.at_path(Kind::Session, id)?;
    if text(&session, "status") != "open" {
        return Err(ApiError::invalid("This Checkout Session is no longer open."));
    }
    let total = int(&session, "amount_total");
    if params.int("expected_amount").is_some_and(|expected| expected != total) {
        return Err(ApiError::state(
            "checkout_amount_mismatch",
            format!(
                "The expected amount does not match the amount of the Checkout Session, which is {total}."
            ),
        ));
    }
    let method = payment_method::named(world, params.needed("payment_method")?, "payment_method")?;
    let (kind, how) = (text(world.peek(&method), "type").to_owned(), outcome_of(world.peek(&method)));
    let types = &session["payment_method_types"];
    if types.as_array().is_some_and(|types| !types.iter().any(|known| *known == kind.as_str())) {
        let message = format!("The payment method type `{kind}` is not one of this Checkout Session's.");
        return Err(ApiError::invalid_param("payment_method", message));
    }
    let email = text(&world.peek(&method)["billing_details"], "email").to_owned();
    world.change_hidden(id, |hidden| {
        if !hidden.is_object() {
            *hidden = json!({});
        }
        put(hidden, "paid_with", method.as_str());
    });
    checkout_page::complete(world, id, how, &email)?;
    if how == Collect::Declined {
        let how = decline_of(world.peek(&method));
        return Err(ApiError::card(how.code, how.decline_code, how.message));
    }
    Ok(world.copy(id))
}
