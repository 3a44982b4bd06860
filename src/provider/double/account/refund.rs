//! Refunds.

use serde_json::Value;

use super::{World, put_all};
use crate::provider::double::error::ApiError;
use crate::provider::double::list::{AS_USUAL, CREATED};
use crate::provider::double::params::{Is, Params, Table};
use crate::provider::double::route::Route;
use crate::provider::double::store::Kind;
use crate::stripe::object::{int, payment, text};

pub(crate) const ROUTES: &[Route] = &[
    Route::list(
        "/v1/refunds",
        Kind::Refund,
        &[("charge", Is::Text), ("payment_intent", Is::Text), CREATED],
        AS_USUAL,
    ),
    Route::retrieve("/v1/refunds/{id}", Kind::Refund),
    Route::create("/v1/refunds", CREATE, create),
];

pub(crate) const CREATE: Table = &[
    ("charge", Is::Text),
    ("payment_intent", Is::Text),
    ("amount", Is::Int),
    ("metadata", Is::Meta),
    ("reason", Is::Choice(&["duplicate", "fraudulent", "requested_by_customer"])),
    ("reverse_transfer", Is::NotModelled),
    ("refund_application_fee", Is::NotModelled),
];

/// `POST /v1/refunds`.
pub(crate) fn create(world: &mut World<'_>, params: &Params) -> Result<Value, ApiError> {
    let id = match (params.text("charge"), params.text("payment_intent")) {
        (Some(charge), _) => charge.to_owned(),
        (None, Some(intent)) => {
            let intent = world.named_by(Kind::PaymentIntent, intent, "payment_intent")?;
            text(&intent, "latest_charge").to_owned()
        }
        (None, None) => return Err(ApiError::missing_param("charge")),
    };
    let charge = world.named_by(Kind::Charge, &id, "charge")?;
    let left = left_of(&charge);
    let amount = params.int("amount").unwrap_or(left);
    if charge["refunded"] == true {
        return Err(ApiError::invalid(format!("Charge {id} has already been refunded.")));
    }
    if amount <= 0 {
        return Err(ApiError::invalid_param("amount", "Invalid positive integer"));
    }
    if amount > left {
        return Err(ApiError::invalid_param(
            "amount",
            format!("Refund amount ({amount}) is greater than unrefunded amount on charge ({left})"),
        ));
    }
    let refund = world.mint("re");
    let mut refund = payment::refund(&refund, world.second(), &charge, amount);
    params.apply(&mut refund, &["metadata", "reason"]);
    let refund = world.insert(Kind::Refund, refund);
    world.event("refund.created", refund.clone(), None);
    let refunded = int(&charge, "amount_refunded") + amount;
    world.update("charge.refunded", &id, |charge| {
        put_all(
            charge,
            [("amount_refunded", refunded.into()), ("refunded", (refunded == int(charge, "amount")).into())],
        );
    });
    Ok(refund)
}

/// What of a charge has not been given back; nothing of one that did not succeed.
pub(crate) fn left_of(charge: &Value) -> i64 {
    if text(charge, "status") == "succeeded" {
        int(charge, "amount") - int(charge, "amount_refunded")
    } else {
        0
    }
}
