//! Renewals and dunning: a period ends, the next one is billed, and a decline is tried again.

use jiff::Timestamp;
use serde_json::json;

use super::bill::{self, Bill};
use super::payment::Collect;
use super::status::{after_payment, become_, end};
use super::subscription::lines_where;
use super::{World, anchor, automatic_tax, entitlement, invoice, item, period, redemption};
use crate::provider::double::store::Kind;
use crate::stripe::action::{Declines, Leaves};
use crate::stripe::object::invoice::subscription_of;
use crate::stripe::object::{int, put, text};

/// Days from a declined attempt to the next: Stripe's custom retry schedule as it comes, four attempts in all
/// (<https://docs.stripe.com/billing/revenue-recovery/smart-retries#custom-retry-schedule>).
const RETRIES: [i64; 3] = [3, 5, 7];

/// Begins the next period of a subscription and drafts its invoice, which can be edited for an hour; gives it.
pub(crate) fn begin(world: &mut World<'_>, id: &str) -> String {
    world.by_itself();
    redemption::drop_ended(world, id);
    let invoice = world.mint("in");
    let before = world.copy(id);
    let (_, starts) = item::period_of(&before);
    let anchor = anchor::counted_from(&before);
    world.update("customer.subscription.updated", id, |subscription| {
        // Those that are billed less often go on.
        item::set_periods(subscription, |item| match item::period(item) {
            (_, ends) if ends <= starts => (starts, period::end(anchor, starts, &item["price"]["recurring"])),
            goes_on => goes_on,
        });
        put(subscription, "latest_invoice", invoice.as_str());
        if text(subscription, "status") == "trialing" {
            put(subscription, "status", "active");
        }
    });
    let after = world.copy(id);
    let bill = Bill {
        id: Some(invoice),
        subscription: &after,
        reason: "subscription_cycle",
        lines: lines_where(world, &after, |item| item::period(item).0 == starts),
        period: item::period_of(&before),
        discounts: None,
    };
    bill::draft(world, bill)
}

/// The same, and bills it at once: what happens in the hour between is nothing to the actions of a scenario.
fn roll(world: &mut World<'_>, id: &str, how: Collect) -> String {
    let invoice = begin(world, id);
    bill(world, &invoice, Some(how));
    invoice
}

/// Finalizes a draft that advances by itself and collects it, unless collection is paused. `how` is what the scenario
/// decides; else the payment method does.
pub(crate) fn bill(world: &mut World<'_>, invoice: &str, how: Option<Collect>) {
    if world.peek(invoice)["automatically_finalizes_at"].is_null() {
        return;
    }
    let owner = subscription_of(world.peek(invoice)).unwrap_or_default().to_owned();
    if automatic_tax::ready_by_itself(world, invoice).is_err() {
        return;
    }
    invoice::finalize(world, invoice);
    if text(world.peek(invoice), "status") != "open" {
        return after_payment(world, invoice, Collect::Paid);
    }
    match text(&world.peek(&owner)["pause_collection"], "behavior") {
        "void" => return invoice::close(world, invoice, "void", "voided_at"),
        "mark_uncollectible" => {
            return invoice::close(world, invoice, "uncollectible", "marked_uncollectible_at");
        }
        _ => {}
    }
    attempt(world, invoice, how);
}

/// One attempt to collect an open invoice.
fn attempt(world: &mut World<'_>, invoice: &str, how: Option<Collect>) {
    let billed = world.copy(invoice);
    let attempts = usize::try_from(int(&billed, "attempt_count")).unwrap_or(usize::MAX);
    let again = text(&billed, "billing_reason") != "subscription_create" && billed["auto_advance"] == true;
    let next = RETRIES.get(attempts).filter(|_| again).map(|days| world.second() + days * period::DAY);
    let how = bill::collect(world, invoice, how, next);
    after_payment(world, invoice, how);
}

/// The latest invoice of a subscription, where it is still the draft of an hour.
fn waiting(world: &World<'_>, subscription: &str) -> Option<(String, i64)> {
    let latest = text(world.peek(subscription), "latest_invoice").to_owned();
    let draft = world.peek(&latest);
    let at = draft["automatically_finalizes_at"].as_i64().filter(|_| text(draft, "status") == "draft")?;
    Some((latest, at))
}

/// The invoice of a subscription that still wants to be paid: the latest one first.
pub(crate) fn open_invoice(world: &World<'_>, subscription: &str) -> Option<String> {
    let open = |id: &String| text(world.peek(id), "status") == "open";
    let latest = text(world.peek(subscription), "latest_invoice").to_owned();
    let customer = text(world.peek(subscription), "customer").to_owned();
    let of = |id: &String| subscription_of(world.peek(id)) == Some(subscription) && open(id);
    Some(latest)
        .filter(open)
        .or_else(|| world.ids_where(Kind::Invoice, "customer", &customer).into_iter().rev().find(of))
}

/// The next renewal, at the moment when it falls due; gives its invoice.
pub(crate) fn renew(world: &mut World<'_>, subscription: &str, how: Collect) -> String {
    world.by_itself();
    if let Some((invoice, at)) = waiting(world, subscription) {
        move_to(world, at);
        bill(world, &invoice, Some(how));
        if how != Collect::Paid {
            return invoice;
        }
    }
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
        attempt(world, &invoice, Some(Collect::Declined));
        made += 1;
    }
    // A first payment that fails is no dunning: the subscription stays incomplete until it expires.
    if let Declines::All(leaves) = declines
        && text(world.peek(subscription), "status") != "incomplete"
    {
        leave(world, subscription, leaves.unwrap_or(world.after_retries));
    }
    invoice
}

/// The attempt that was due by itself, with what follows the last one.
pub(crate) fn retry(world: &mut World<'_>, invoice: &str) {
    world.by_itself();
    let owner = subscription_of(world.peek(invoice)).unwrap_or_default().to_owned();
    attempt(world, invoice, None);
    let open = world.peek(invoice);
    if text(open, "status") == "open"
        && open["next_payment_attempt"].is_null()
        && text(world.peek(&owner), "status") == "past_due"
    {
        leave(world, &owner, world.after_retries);
    }
}

fn leave(world: &mut World<'_>, subscription: &str, leaves: Leaves) {
    match leaves {
        Leaves::PastDue => {}
        Leaves::Unpaid => {
            become_(world, subscription, "unpaid");
            let customer = text(world.peek(subscription), "customer").to_owned();
            entitlement::refresh(world, &customer);
        }
        Leaves::Canceled => end(world, subscription, json!({ "reason": "payment_failed" })),
    }
}

/// Pays what is open.
pub(crate) fn recover(world: &mut World<'_>, invoice: &str) {
    world.by_itself();
    attempt(world, invoice, Some(Collect::Paid));
}

/// Moves the clock, never back.
pub(crate) fn move_to(world: &mut World<'_>, second: i64) {
    if let Ok(at) = Timestamp::from_second(second)
        && at > world.part.now
    {
        world.part.now = at;
    }
}
