//! The statuses of a subscription, and what moves it from one to another
//! (<https://docs.stripe.com/billing/subscriptions/overview#subscription-statuses>).

use serde_json::{Value, json};

use super::payment::Collect;
use super::{World, entitlement, invoice_item, pending_update, put_all};
use crate::provider::double::store::Kind;
use crate::stripe::object::invoice::subscription_of;
use crate::stripe::object::{NULL, merge, put, text};

/// The edges that Stripe documents between the statuses. `canceled` and `incomplete_expired` are the ends.
pub(crate) fn may_become(from: &str, to: &str) -> bool {
    match from {
        "incomplete" => matches!(to, "active" | "incomplete_expired" | "canceled"),
        "trialing" => matches!(to, "active" | "past_due" | "paused" | "canceled"),
        "active" => matches!(to, "trialing" | "past_due" | "unpaid" | "canceled"),
        "past_due" => matches!(to, "active" | "trialing" | "unpaid" | "canceled"),
        "unpaid" => matches!(to, "active" | "canceled"),
        "paused" => matches!(to, "active" | "past_due" | "canceled"),
        _ => false,
    }
}

/// Whether a subscription has ended for good.
pub(crate) fn is_over(subscription: &Value) -> bool {
    matches!(text(subscription, "status"), "canceled" | "incomplete_expired")
}

/// Moves a subscription to another status, and tells; nothing happens where Stripe knows no such move.
pub(crate) fn become_(world: &mut World<'_>, id: &str, to: &str) {
    if may_become(text(world.peek(id), "status"), to) {
        world.update("customer.subscription.updated", id, |subscription| put(subscription, "status", to));
    }
}

/// What becomes of a subscription's status when an attempt to pay its latest invoice goes so.
fn after(status: &str, paid: bool, how: Collect) -> Option<&'static str> {
    match (status, how) {
        ("incomplete" | "past_due" | "unpaid" | "paused", _) if paid => Some("active"),
        ("active", Collect::Declined | Collect::ActionRequired) => Some("past_due"),
        _ => None,
    }
}

/// What became of an invoice changes the subscription that made it, and whether the customer is delinquent.
pub(crate) fn after_payment(world: &mut World<'_>, invoice: &str, how: Collect) {
    let billed = world.copy(invoice);
    let Some(id) = subscription_of(&billed).map(str::to_owned) else {
        return;
    };
    let subscription = world.copy(&id);
    let paid = how == Collect::Paid && text(&billed, "status") == "paid";
    if pending_update::waits_for(world, &id, invoice) {
        if paid {
            pending_update::apply(world, &id);
        }
        return;
    }
    let latest = subscription["latest_invoice"] == invoice;
    let status = text(&subscription, "status");
    if let Some(next) = after(status, paid, how).filter(|_| latest) {
        become_(world, &id, next);
        if status == "paused" {
            world.tell("customer.subscription.resumed", &id);
        }
    }
    let customer = text(&subscription, "customer").to_owned();
    let renewal = text(&billed, "billing_reason") != "subscription_create";
    if paid || renewal && matches!(how, Collect::Declined | Collect::ActionRequired) {
        world.update("customer.updated", &customer, |customer| put(customer, "delinquent", !paid));
    }
    entitlement::refresh(world, &customer);
}

/// What happens to what waits for the next invoice of a subscription that ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pending {
    /// Prorations go with it: Stripe removes them when it is canceled at once.
    Forgotten,
    /// A last invoice has collected it, or will.
    Kept,
}

/// Ends a subscription now; `details` say why.
pub(crate) fn end(world: &mut World<'_>, id: &str, details: Value) {
    end_with(world, id, &details, Pending::Forgotten);
}

/// The same, and says what happens to what is pending.
pub(crate) fn end_with(world: &mut World<'_>, id: &str, details: &Value, pending: Pending) {
    let now = world.second();
    world.change(id, |subscription| {
        if let (Some(kept), Value::Object(details)) = (subscription.get_mut("cancellation_details"), details)
        {
            merge(kept, details);
        }
        let asked_at = if subscription["canceled_at"].is_null() {
            now.into()
        } else {
            subscription["canceled_at"].clone()
        };
        put_all(
            subscription,
            [
                ("canceled_at", asked_at),
                ("ended_at", now.into()),
                ("pending_update", NULL),
                ("status", "canceled".into()),
            ],
        );
    });
    let ended = world.copy(id);
    if pending == Pending::Forgotten {
        invoice_item::forget_pending(world, &ended);
    }
    stop_collecting(world, id);
    world.event("customer.subscription.deleted", ended.clone(), None);
    super::schedule::subscription_ended(world, &ended);
    entitlement::refresh(world, text(&ended, "customer"));
}

/// Stripe does not go on collecting the invoices of a subscription that was canceled.
fn stop_collecting(world: &mut World<'_>, id: &str) {
    let customer = text(world.peek(id), "customer").to_owned();
    for invoice in world.ids_where(Kind::Invoice, "customer", &customer) {
        let open = world.peek(&invoice);
        let waits = matches!(text(open, "status"), "draft" | "open") && subscription_of(open) == Some(id);
        if waits {
            world.update("invoice.updated", &invoice, |invoice| {
                put_all(
                    invoice,
                    [
                        ("auto_advance", false.into()),
                        ("automatically_finalizes_at", NULL),
                        ("next_payment_attempt", NULL),
                    ],
                );
            });
        }
    }
}

/// A trial ended, and there is no way to collect: the subscription waits until it is resumed.
pub(crate) fn pause(world: &mut World<'_>, id: &str) {
    become_(world, id, "paused");
    world.tell("customer.subscription.paused", id);
    let customer = text(world.peek(id), "customer").to_owned();
    entitlement::refresh(world, &customer);
}

/// The same, and it is canceled.
pub(crate) fn give_up_trial(world: &mut World<'_>, id: &str) {
    end(world, id, json!({ "reason": "cancellation_requested" }));
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUSES: [&str; 8] = [
        "incomplete",
        "incomplete_expired",
        "trialing",
        "active",
        "past_due",
        "unpaid",
        "paused",
        "canceled",
    ];

    #[test]
    fn nothing_leaves_an_end_and_everything_else_can_reach_one() {
        for from in STATUSES {
            let over = matches!(from, "canceled" | "incomplete_expired");
            assert_eq!(STATUSES.iter().any(|to| may_become(from, to)), !over, "{from}");
            assert_eq!(may_become(from, "canceled"), !over, "{from}");
            assert!(!may_become(from, "incomplete"), "{from}: a subscription only begins incomplete");
            assert!(!may_become(from, from), "{from}");
        }
    }

    #[test]
    fn payments_move_along_the_edges() {
        let hows =
            [Collect::Paid, Collect::Declined, Collect::ActionRequired, Collect::Processing, Collect::Later];
        for from in STATUSES {
            for how in hows {
                for paid in [true, false] {
                    assert!(after(from, paid, how).is_none_or(|to| may_become(from, to)), "{from} {how:?}");
                }
            }
        }
    }
}
