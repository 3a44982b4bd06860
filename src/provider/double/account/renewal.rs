//! Renewals and dunning: a period ends, the next one is billed, and a decline is tried again.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::change::set_periods;
use super::invoice::{self, Draft};
use super::payment::{self, Collect};
use super::subscription::{after_payment, end, lines_of};
use super::{World, entitlement, invoice_item, item, period, put_all, redemption};
use crate::provider::double::store::Kind;
use crate::stripe::action::{Declines, Leaves};
use crate::stripe::object::{NULL, data, int, put, text};

/// Days from a declined attempt to the next: Stripe's custom retry schedule as it comes, four attempts in all.
const RETRIES: [i64; 3] = [3, 5, 7];

/// Begins the next period of a subscription and bills it; gives the invoice.
pub(crate) fn roll(world: &mut World<'_>, id: &str, how: Collect) -> String {
    world.by_itself();
    redemption::drop_ended(world, id);
    let invoice = world.mint("in");
    let before = world.copy(id);
    let (_, starts) = item::period_of(&before);
    let recurring = data(&before["items"]).first().unwrap_or(&NULL)["price"]["recurring"].clone();
    let ends = period::end(int(&before, "billing_cycle_anchor"), starts, &recurring);
    world.update("customer.subscription.updated", id, |subscription| {
        set_periods(subscription, (starts, ends));
        put(subscription, "latest_invoice", invoice.as_str());
        if text(subscription, "status") == "trialing" {
            put(subscription, "status", "active");
        }
    });
    let after = world.copy(id);
    let customer = text(&after, "customer").to_owned();
    let pending = invoice_item::take_pending(world, &customer, Some(id));
    let mut lines = invoice_item::lines(world, &pending);
    lines.extend(lines_of(world, &after));
    let draft = Draft {
        id: Some(invoice),
        customer: &customer,
        currency: text(&after, "currency"),
        reason: "subscription_cycle",
        lines,
        subscription: &after,
        period: item::period_of(&before),
        discounts: None,
        tax_rates: None,
    };
    let invoice = invoice::draft(world, draft);
    invoice_item::settle_on(world, &pending, &invoice);
    bill(world, &after, &invoice, how);
    invoice
}

/// Collects a renewal's invoice, unless collection is paused or the subscription is given up on.
fn bill(world: &mut World<'_>, subscription: &Value, invoice: &str, how: Collect) {
    let paused = text(&subscription["pause_collection"], "behavior");
    if paused == "keep_as_draft" || text(subscription, "status") == "unpaid" {
        world.change(invoice, |invoice| {
            put_all(invoice, [("auto_advance", false.into()), ("automatically_finalizes_at", NULL)]);
        });
        return;
    }
    invoice::finalize(world, invoice);
    if text(world.peek(invoice), "status") != "open" {
        return after_payment(world, invoice, Collect::Paid);
    }
    match paused {
        "void" => return invoice::close(world, invoice, "void", "voided_at"),
        "mark_uncollectible" => {
            return invoice::close(world, invoice, "uncollectible", "marked_uncollectible_at");
        }
        _ => {}
    }
    if text(subscription, "collection_method") == "charge_automatically" {
        attempt(world, invoice, how);
    }
}

/// One attempt to collect an open invoice of a subscription.
fn attempt(world: &mut World<'_>, invoice: &str, how: Collect) {
    let billed = world.copy(invoice);
    let attempts = usize::try_from(int(&billed, "attempt_count")).unwrap_or(usize::MAX);
    let cycle = text(&billed, "billing_reason") == "subscription_cycle";
    let next = RETRIES.get(attempts).filter(|_| cycle).map(|days| world.second() + days * period::DAY);
    let method = method_of(world, &billed);
    invoice::pay(world, invoice, &method, how, next);
    after_payment(world, invoice, how);
}

/// The card that is charged for a subscription's invoice.
fn method_of(world: &mut World<'_>, invoice: &Value) -> String {
    let owner = crate::stripe::object::invoice::subscription_of(invoice).unwrap_or_default();
    match world.peek(owner)["default_payment_method"].as_str() {
        Some(method) => method.to_owned(),
        None => payment::on_file(world, text(invoice, "customer")),
    }
}

/// The invoice of a subscription that still wants to be paid: the latest one first.
pub(crate) fn open_invoice(world: &World<'_>, subscription: &str) -> Option<String> {
    let open = |id: &String| text(world.peek(id), "status") == "open";
    let latest = text(world.peek(subscription), "latest_invoice").to_owned();
    let customer = text(world.peek(subscription), "customer").to_owned();
    let of = |id: &String| {
        crate::stripe::object::invoice::subscription_of(world.peek(id)) == Some(subscription) && open(id)
    };
    Some(latest)
        .filter(open)
        .or_else(|| world.ids_where(Kind::Invoice, "customer", &customer).into_iter().rev().find(of))
}

/// The next renewal, at the moment when it falls due; gives its invoice.
pub(crate) fn renew(world: &mut World<'_>, subscription: &str, how: Collect) -> String {
    let (_, ends) = item::period_of(world.peek(subscription));
    move_to(world, ends);
    roll(world, subscription, how)
}

/// Declines what is open, or the next renewal, as often as asked; gives the invoice.
pub(crate) fn decline(world: &mut World<'_>, subscription: &str, declines: Declines) -> String {
    world.by_itself();
    let wanted = match declines {
        Declines::Some(attempts) => attempts,
        Declines::All(_) => u32::MAX,
    };
    let mut made = 0;
    let invoice = match open_invoice(world, subscription) {
        Some(invoice) => invoice,
        None => {
            made = 1;
            renew(world, subscription, Collect::Declined)
        }
    };
    while made < wanted {
        let open = world.copy(&invoice);
        match open["next_payment_attempt"].as_i64() {
            Some(at) => move_to(world, at),
            None if made == 0 && text(&open, "billing_reason") != "subscription_cycle" => {}
            None => break,
        }
        attempt(world, &invoice, Collect::Declined);
        made += 1;
    }
    // A first payment that fails is no dunning: the subscription stays incomplete until it expires.
    if let Declines::All(leaves) = declines
        && text(world.peek(subscription), "status") != "incomplete"
    {
        leave(world, subscription, leaves);
    }
    invoice
}

/// The attempt that was due by itself, with what follows the last one.
pub(crate) fn retry(world: &mut World<'_>, subscription: &str, invoice: &str) {
    world.by_itself();
    attempt(world, invoice, Collect::Declined);
    if world.peek(invoice)["next_payment_attempt"].is_null() {
        leave(world, subscription, Leaves::default());
    }
}

fn leave(world: &mut World<'_>, subscription: &str, leaves: Leaves) {
    match leaves {
        Leaves::PastDue => {}
        Leaves::Unpaid => {
            world.update("customer.subscription.updated", subscription, |subscription| {
                put(subscription, "status", "unpaid");
            });
            let customer = text(world.peek(subscription), "customer").to_owned();
            entitlement::refresh(world, &customer);
        }
        Leaves::Canceled => end(world, subscription, json!({ "reason": "payment_failed" })),
    }
}

/// Pays what is open.
pub(crate) fn recover(world: &mut World<'_>, invoice: &str) {
    world.by_itself();
    attempt(world, invoice, Collect::Paid);
}

/// Moves the clock, never back.
pub(crate) fn move_to(world: &mut World<'_>, second: i64) {
    if let Ok(at) = Timestamp::from_second(second)
        && at > world.part.now
    {
        world.part.now = at;
    }
}
