//! Refunds.

use serde_json::{Value, json};

use super::test_card::{Does, does};
use super::{World, balance, later, put_all};
use crate::provider::double::error::ApiError;
use crate::provider::double::list::{AS_USUAL, CREATED};
use crate::provider::double::params::{Is, Params, Table};
use crate::provider::double::route::Route;
use crate::provider::double::store::Kind;
use crate::stripe::object::{int, payment, put, text};

pub(crate) const ROUTES: &[Route] = &[
    Route::list(
        "/v1/refunds",
        Kind::Refund,
        &[("charge", Is::Text), ("payment_intent", Is::Text), CREATED],
        AS_USUAL,
    ),
    Route::retrieve("/v1/refunds/{id}", Kind::Refund),
    Route::create("/v1/refunds", CREATE, create),
    Route::change("/v1/refunds/{id}", &[("metadata", Is::Meta)], update),
    Route::change("/v1/refunds/{id}/cancel", &[], |world, id, _| cancel(world, id)),
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
        let message = format!("Charge {id} has already been refunded.");
        return Err(ApiError::state("charge_already_refunded", message));
    }
    if is_charged_back(world, &charge) {
        let message = format!("Charge {id} has been charged back; cannot issue a refund.");
        return Err(ApiError::state("charge_disputed", message));
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
    let method = does(world.peek(text(&charge, "payment_method")));
    let refund = world.mint("re");
    let mut refund = payment::refund(&refund, world.second(), &charge, amount);
    params.apply(&mut refund, &["metadata", "reason"]);
    if method == Does::RefundTakesTime || text(&charge["payment_method_details"], "type") != "card" {
        put(&mut refund, "status", "pending");
    }
    let refund = world.insert(Kind::Refund, refund);
    let made = text(&refund, "id").to_owned();
    let transaction = balance::refunded(world, &made);
    world.change(&made, |refund| put(refund, "balance_transaction", transaction));
    world.tell("refund.created", &made);
    let refunded = int(&charge, "amount_refunded").saturating_add(amount);
    world.update("charge.refunded", &id, |charge| {
        put_all(
            charge,
            [
                ("amount_refunded", refunded.into()),
                ("refunded", (refunded == int(charge, "amount_captured")).into()),
            ],
        );
    });
    if method == Does::RefundFails || text(world.peek(&made), "status") == "pending" {
        later::refunds(world, &made);
    }
    Ok(world.copy(&made))
}

/// A dispute holds the money, unless the bank only asks.
fn is_charged_back(world: &World<'_>, charge: &Value) -> bool {
    let disputes = world.ids_where(Kind::Dispute, "charge", text(charge, "id"));
    disputes.iter().any(|id| world.peek(id)["is_charge_refundable"] == false)
}

/// `POST /v1/refunds/{id}`.
fn update(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    world.at_path(Kind::Refund, id)?;
    let changed = world.diff(id, |refund| params.apply(refund, &["metadata"]));
    tell_updated(world, id, changed);
    Ok(world.copy(id))
}

/// Stripe tells each change of a refund under its newer and its older name.
fn tell_updated(world: &mut World<'_>, id: &str, changed: serde_json::Map<String, Value>) {
    world.tell_changed("refund.updated", id, changed.clone());
    world.tell_changed("charge.refund.updated", id, changed);
}

/// `POST /v1/refunds/{id}/cancel`: only what waits for the customer to say where to.
fn cancel(world: &mut World<'_>, id: &str) -> Result<Value, ApiError> {
    let refund = world.at_path(Kind::Refund, id)?;
    if text(&refund, "status") != "requires_action" {
        return Err(ApiError::invalid(format!(
            "Only refunds with status `requires_action` can be canceled. This refund has status `{}`.",
            text(&refund, "status"),
        )));
    }
    take_back(world, id, "canceled");
    Ok(world.copy(id))
}

/// A refund that was on its way arrives, or fails.
pub(crate) fn end(world: &mut World<'_>, id: &str) {
    let refund = world.copy(id);
    if does(world.peek(text(&refund, "payment_method"))) == Does::RefundFails {
        return take_back(world, id, "failed");
    }
    let changed = world.diff(id, |refund| put(refund, "status", "succeeded"));
    tell_updated(world, id, changed);
}

/// The money did not arrive: it is the company's again.
fn take_back(world: &mut World<'_>, id: &str, status: &str) {
    let returned = balance::refund_failed(world, id);
    let changed = world.diff(id, |refund| {
        put_all(refund, [("failure_balance_transaction", returned.into()), ("status", status.into())]);
        if status == "failed" {
            put(refund, "failure_reason", json!("expired_or_canceled_card"));
        }
    });
    let refund = world.copy(id);
    let charge = text(&refund, "charge").to_owned();
    world.change(&charge, |charge| {
        let left = int(charge, "amount_refunded").saturating_sub(int(&refund, "amount"));
        put_all(charge, [("amount_refunded", left.into()), ("refunded", false.into())]);
    });
    if status == "failed" {
        world.tell("refund.failed", id);
    }
    tell_updated(world, id, changed);
}

/// What of a charge has not been given back; nothing of one that did not succeed.
pub(crate) fn left_of(charge: &Value) -> i64 {
    if text(charge, "status") == "succeeded" {
        int(charge, "amount_captured").saturating_sub(int(charge, "amount_refunded"))
    } else {
        0
    }
}
