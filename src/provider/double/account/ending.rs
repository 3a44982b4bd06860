//! The end that a subscription is given beforehand: `cancel_at` and `cancel_at_period_end`
//! (<https://docs.stripe.com/billing/subscriptions/cancel>).

use serde_json::Value;

use super::{World, billing_mode, change, item, proration, put_all};
use crate::provider::double::error::ApiError;
use crate::provider::double::params::Params;
use crate::stripe::object::{NULL, int, put, text};

/// `cancel_at_period_end` and `cancel_at`, and what they change beside.
pub(super) fn lay(subscription: &mut Value, params: &Params, now: i64) -> Result<(), ApiError> {
    let (_, ends) = item::period_of(subscription);
    let at = match (params.given("cancel_at_period_end"), params.given("cancel_at")) {
        (Some(Value::Bool(true)), Some(Value::Number(_) | Value::String(_))) => {
            return Err(ApiError::invalid(
                "You may only specify one of these parameters: cancel_at, cancel_at_period_end.",
            ));
        }
        (Some(Value::Bool(true)), _) => ends.into(),
        // A word is a moment at once, which stays where it is.
        (_, Some(Value::String(word))) if word == "max_period_end" => item::last_end(subscription).into(),
        (_, Some(Value::String(_))) => ends.into(),
        (_, Some(at)) => at.clone(),
        (Some(_), None) => NULL,
        (None, None) => return Ok(()),
    };
    if at.as_i64().is_some_and(|at| at <= now) {
        return Err(ApiError::invalid_param(
            "cancel_at",
            "Invalid timestamp: must be an integer Unix timestamp in the future.",
        ));
    }
    let asked = if at.is_null() { NULL } else { now.into() };
    let reason = if at.is_null() { NULL } else { "cancellation_requested".into() };
    put_all(
        subscription,
        [
            ("cancel_at", at),
            ("cancel_at_period_end", params.is_true("cancel_at_period_end").into()),
            ("canceled_at", asked),
        ],
    );
    if let Some(details) = subscription.get_mut("cancellation_details") {
        put(details, "reason", reason);
    }
    let end = int(subscription, "cancel_at");
    if (1..ends).contains(&end) && !billing_mode::is_flexible(subscription) {
        if text(subscription, "status") != "trialing" {
            return Err(ApiError::not_modelled(
                "cancel_at within the current period of a subscription in classic billing mode",
            ));
        }
        // In classic billing mode a trial does not outlive what it is a trial of.
        change::move_trial(subscription, end);
    }
    Ok(())
}

/// With `cancel_at_period_end` the end moves with the period.
pub(super) fn follow(subscription: &mut Value, params: &Params) {
    let asked = ["cancel_at", "cancel_at_period_end"].iter().any(|name| params.given(name).is_some());
    if subscription["cancel_at_period_end"] == true && !asked {
        let (_, ends) = item::period_of(subscription);
        put(subscription, "cancel_at", ends);
    }
}

/// The same on a subscription that has just begun, without an event of its own.
pub(crate) fn set(world: &mut World<'_>, id: &str, params: &Params) -> Result<(), ApiError> {
    let now = world.second();
    let mut subscription = world.copy(id);
    lay(&mut subscription, params, now)?;
    world.change(id, |kept| *kept = subscription);
    Ok(())
}

/// The end that was moved into a period that is paid for gives the rest of it back.
pub(super) fn credit(world: &mut World<'_>, before: &Value, after: &Value, anew: bool) {
    let ends = item::last_end(after);
    let at = after["cancel_at"].as_i64().filter(|at| *at < ends && before["cancel_at"] != after["cancel_at"]);
    if let Some(at) = at.filter(|_| !anew) {
        proration::credit(world, after, at);
    }
}
