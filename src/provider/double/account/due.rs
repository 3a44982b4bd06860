//! What billing has to do by itself, and when: trials that end, periods, retries, expiries.

use serde_json::json;

use super::payment::{self, Collect};
use super::renewal;
use super::subscription::{end, is_over};
use super::{World, invoice, item, period};
use crate::stripe::object::{int, put, text};

/// How long a first payment may take until the subscription expires: Stripe gives it 23 hours.
const INCOMPLETE_FOR: i64 = 23 * 60 * 60;
/// When Stripe announces the end of a trial.
const TRIAL_WARNING: i64 = 3 * period::DAY;

/// Something that billing does by itself.
pub(crate) enum Due {
    TrialWillEnd(String),
    PeriodEnds(String),
    Cancels(String),
    Expires(String),
    Retry { subscription: String, invoice: String },
}

/// Does it, now.
pub(crate) fn happen(world: &mut World<'_>, due: Due) {
    match due {
        Due::TrialWillEnd(id) => world.tell("customer.subscription.trial_will_end", &id),
        Due::PeriodEnds(id) => {
            let how = renewal_outcome(world, &id);
            renewal::roll(world, &id, how);
        }
        Due::Cancels(id) => end(world, &id, json!({})),
        Due::Expires(id) => expire(world, &id),
        Due::Retry { subscription, invoice } => renewal::retry(world, &subscription, &invoice),
    }
}

/// All that is due for a subscription, each with its second, in the order in which it is done.
pub(crate) fn of(world: &World<'_>, id: &str) -> Vec<(i64, Due)> {
    let subscription = world.copy(id);
    let mut due = Vec::new();
    if is_over(&subscription) {
        return due;
    }
    if let Some(at) = subscription["cancel_at"].as_i64() {
        due.push((at, Due::Cancels(id.to_owned())));
    }
    let (_, ends) = item::period_of(&subscription);
    match text(&subscription, "status") {
        "incomplete" => {
            due.push((int(&subscription, "created") + INCOMPLETE_FOR, Due::Expires(id.to_owned())));
            return due;
        }
        "trialing" => {
            let warning = int(&subscription, "trial_end") - TRIAL_WARNING;
            if warning > world.second() {
                due.push((warning, Due::TrialWillEnd(id.to_owned())));
            }
        }
        "past_due" => {
            if let Some(invoice) = renewal::open_invoice(world, id)
                && let Some(at) = world.peek(&invoice)["next_payment_attempt"].as_i64()
            {
                due.push((at, Due::Retry { subscription: id.to_owned(), invoice }));
            }
        }
        _ => {}
    }
    due.push((ends, Due::PeriodEnds(id.to_owned())));
    due
}

/// A card that was declined stays so until somebody makes the payment recover.
fn renewal_outcome(world: &World<'_>, id: &str) -> Collect {
    let subscription = world.copy(id);
    let customer = text(&subscription, "customer");
    if world.peek(customer)["delinquent"] == true {
        return Collect::Declined;
    }
    let method = subscription["default_payment_method"].as_str().map(str::to_owned);
    match method.or_else(|| payment::default_of(world, customer)) {
        Some(method) => payment::outcome_of(world.peek(&method)),
        None => Collect::Paid,
    }
}

/// The first payment never came.
fn expire(world: &mut World<'_>, id: &str) {
    let now = world.second();
    if let Some(invoice) = renewal::open_invoice(world, id) {
        invoice::close(world, &invoice, "void", "voided_at");
    }
    world.update("customer.subscription.updated", id, |subscription| {
        put(subscription, "ended_at", now);
        put(subscription, "status", "incomplete_expired");
    });
}
