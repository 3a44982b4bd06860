//! Updates that wait until their invoice is paid: `payment_behavior=pending_if_incomplete`
//! (<https://docs.stripe.com/billing/subscriptions/pending-updates-reference>).

use serde_json::{Value, json};

use super::status::may_become;
use super::{World, entitlement, invoice, item};
use crate::provider::double::error::ApiError;
use crate::provider::double::params::Params;
use crate::stripe::object::{NULL, object, put, text};

/// The longest that an update waits.
const WAITS: i64 = 23 * 60 * 60;

/// What Stripe lets wait, and what only says how.
const SUPPORTED: [&str; 8] = [
    "add_invoice_items",
    "billing_cycle_anchor",
    "items",
    "payment_behavior",
    "proration_behavior",
    "proration_date",
    "trial_end",
    "trial_from_plan",
];

/// What the update changes of a subscription once it is applied.
const CHANGES: [&str; 9] = [
    "billing_cycle_anchor",
    "billing_cycle_anchor_config",
    "currency",
    "items",
    "plan",
    "quantity",
    "status",
    "trial_end",
    "trial_start",
];

/// Refuses what cannot wait.
pub(crate) fn check(params: &Params) -> Result<(), ApiError> {
    let other = params.fields().keys().find(|name| !SUPPORTED.contains(&name.as_str()));
    match other {
        Some(name) => Err(ApiError::invalid_param(
            name,
            format!("{name} cannot be updated when `payment_behavior` is set to `pending_if_incomplete`."),
        )),
        None => Ok(()),
    }
}

/// Keeps what was asked for beside the subscription, until `invoice` is paid or its time is over.
pub(crate) fn wait(world: &mut World<'_>, id: &str, after: &Value, params: &Params, invoice: &str) {
    let now = world.second();
    let (_, ends) = item::period_of(world.peek(id));
    let expires = now.saturating_add(WAITS).min(ends.max(now));
    let given = |name: &str, value: &Value| if params.given(name).is_some() { value.clone() } else { NULL };
    let shown = object! {
        "billing_cycle_anchor": given("billing_cycle_anchor", &after["billing_cycle_anchor"]),
        "discount": NULL, "discounts": NULL, "expires_at": expires, "metadata": NULL,
        "subscription_items": given("items", &after["items"]["data"]),
        "trial_end": given("trial_end", &after["trial_end"]),
        "trial_from_plan": params.given("trial_from_plan").cloned().unwrap_or_default(),
    };
    let mut changes = json!({});
    for name in CHANGES {
        put(&mut changes, name, after[name].clone());
    }
    world.change_hidden(id, |hidden| {
        if !hidden.is_object() {
            *hidden = json!({});
        }
        put(hidden, "pending_update", json!({ "changes": changes, "invoice": invoice }));
    });
    world.update("customer.subscription.updated", id, |subscription| {
        put(subscription, "latest_invoice", invoice);
        put(subscription, "pending_update", shown);
    });
}

/// Whether an update of the subscription waits for this invoice.
pub(crate) fn waits_for(world: &World<'_>, id: &str, invoice: &str) -> bool {
    !world.peek(id)["pending_update"].is_null() && world.hidden(id)["pending_update"]["invoice"] == invoice
}

/// The invoice was paid.
pub(crate) fn apply(world: &mut World<'_>, id: &str) {
    let changes = world.hidden(id)["pending_update"]["changes"].clone();
    let changed = world.diff(id, |subscription| {
        let status = text(subscription, "status").to_owned();
        for name in CHANGES {
            put(subscription, name, changes[name].clone());
        }
        if !may_become(&status, text(&changes, "status")) {
            put(subscription, "status", status);
        }
        put(subscription, "pending_update", NULL);
    });
    forget(world, id);
    world.tell("customer.subscription.pending_update_applied", id);
    world.tell_changed("customer.subscription.updated", id, changed);
    let customer = text(world.peek(id), "customer").to_owned();
    entitlement::refresh(world, &customer);
}

/// Nobody paid in time, or another update came: the invoice is void, and nothing of the update stays.
pub(crate) fn expire(world: &mut World<'_>, id: &str) {
    let invoice = text(&world.hidden(id)["pending_update"], "invoice").to_owned();
    let changed = world.diff(id, |subscription| put(subscription, "pending_update", NULL));
    forget(world, id);
    if text(world.peek(&invoice), "status") == "open" {
        invoice::close(world, &invoice, "void", "voided_at");
    }
    world.tell("customer.subscription.pending_update_expired", id);
    world.tell_changed("customer.subscription.updated", id, changed);
}

fn forget(world: &mut World<'_>, id: &str) {
    world.change_hidden(id, |hidden| put(hidden, "pending_update", NULL));
}
