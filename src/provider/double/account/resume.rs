//! Resuming a subscription that was paused when its trial ended without a way to pay
//! (<https://docs.stripe.com/api/subscriptions/resume>).

use serde_json::Value;

use super::bill::{self, Bill};
use super::change::begin_anew;
use super::payment::Collect;
use super::status::{after_payment, become_};
use super::subscription::{PRORATION_BEHAVIOR, lines_of};
use super::{World, anchor, item, period, proration};
use crate::provider::double::error::ApiError;
use crate::provider::double::params::{Is, Params, Table};
use crate::provider::double::store::Kind;
use crate::stripe::object::{put, text};

pub(crate) const RESUME: Table = &[
    ("billing_cycle_anchor", Is::Choice(&["now", "unchanged"])),
    ("proration_behavior", PRORATION_BEHAVIOR),
    ("payment_behavior", Is::NotModelled),
    ("proration_date", Is::NotModelled),
];

/// `POST /v1/subscriptions/{id}/resume`. What has to be paid first leaves it paused until it is; a payment that fails
/// makes it `past_due`.
pub(crate) fn resume(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    let before = world.at_path(Kind::Subscription, id)?;
    if text(&before, "status") != "paused" {
        return Err(ApiError::invalid("You can only resume a subscription if it is `paused`."));
    }
    let now = world.second();
    let mut after = before.clone();
    let lines = if params.text("billing_cycle_anchor") == Some("unchanged") {
        let anchor = anchor::counted_from(&after);
        item::set_periods(&mut after, |item| (now, period::end(anchor, now, &item["price"]["recurring"])));
        if params.text("proration_behavior") == Some("none") {
            Vec::new()
        } else {
            proration::stub_lines(world, &after)
        }
    } else {
        begin_anew(&mut after, now);
        lines_of(world, &after)
    };
    if lines.is_empty() {
        world.update("customer.subscription.updated", id, |subscription| *subscription = after);
        run(world, id);
    } else {
        let invoice = world.mint("in");
        put(&mut after, "latest_invoice", invoice.as_str());
        world.update("customer.subscription.updated", id, |subscription| *subscription = after.clone());
        bill_resumption(world, &after, invoice, lines);
    }
    Ok(world.copy(id))
}

fn bill_resumption(world: &mut World<'_>, subscription: &Value, invoice: String, lines: Vec<Value>) {
    let id = text(subscription, "id");
    let bill = Bill {
        id: Some(invoice),
        subscription,
        reason: "subscription_cycle",
        lines,
        period: item::period_of(subscription),
        discounts: None,
    };
    let invoice = bill::draft(world, bill);
    let open = world.copy(&invoice);
    let how = match bill::method_of(world, &open) {
        // Nobody tries: it is left for the customer, and expires with the update.
        None => bill::collect(world, &invoice, Some(Collect::Later), None),
        Some(_) => bill::collect(world, &invoice, None, None),
    };
    match how {
        Collect::Paid => after_payment(world, &invoice, how),
        Collect::Declined => {
            become_(world, id, "past_due");
            after_payment(world, &invoice, how);
        }
        _ if text(subscription, "collection_method") == "send_invoice" => run(world, id),
        _ => {}
    }
}

fn run(world: &mut World<'_>, id: &str) {
    become_(world, id, "active");
    world.tell("customer.subscription.resumed", id);
    let customer = text(world.peek(id), "customer").to_owned();
    super::entitlement::refresh(world, &customer);
}
