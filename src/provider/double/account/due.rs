//! What billing has to do by itself, and when: trials that end, periods, drafts, retries, deadlines.
//!
//! A renewal is announced a week before (`invoice.upcoming`), drafted when the period ends, and an hour later finalized
//! and collected or sent (<https://docs.stripe.com/billing/invoices/subscription>). A retry asks the payment method
//! again; a bank debit arrives after some days; an invoice that is sent is overdue when its day has passed.

use serde_json::{Value, json};

use super::payment::{self, Collect};
use super::status::{after_payment, become_, is_over};
use super::subscription::end_with_invoice;
use super::{
    World, change, checkout_page, invoice, invoice_payment, item, later, pending_update, period, preview,
    renewal,
};
use crate::provider::double::store::Kind;
use crate::stripe::object::invoice::subscription_of;
use crate::stripe::object::{NULL, int, put, text};

/// How long a first payment may take until the subscription expires: Stripe gives it 23 hours.
const INCOMPLETE_FOR: i64 = 23 * 60 * 60;
/// When Stripe announces the end of a trial.
pub(crate) const TRIAL_WARNING: i64 = 3 * period::DAY;
/// When Stripe announces a renewal: an account's setting, of 3, 7, 15, 30 or 45 days.
const UPCOMING: i64 = 7 * period::DAY;
/// When Stripe announces that an invoice is due: an automation's setting.
const WILL_BE_DUE: i64 = 3 * period::DAY;
/// How long a bank debit is on its way: Stripe documents 4 to 6 business days for most.
const SETTLES: i64 = 5 * period::DAY;

/// Something that billing does by itself.
pub(crate) enum Due {
    TrialWillEnd(String),
    Upcoming(String),
    PeriodEnds(String),
    Cancels(String),
    Expires(String),
    PendingUpdateExpires(String),
    CollectionResumes(String),
    ResumptionExpires(String),
    Finalizes(String),
    Retry(String),
    Reminds(String),
    Overdue(String),
    Settles(String),
}

/// All that is due for a subscription, an invoice or a payment intent, each with its second, in the order in which it
/// is done.
pub(crate) fn of(world: &World<'_>, id: &str) -> Vec<(i64, Due)> {
    let mut due = Vec::new();
    match text(world.peek(id), "object") {
        "subscription" => of_subscription(world, id, &mut due),
        "invoice" => of_invoice(world, id, &mut due),
        "payment_intent" => of_intent(world, id, &mut due),
        _ => {}
    }
    due
}

/// Does it, now.
pub(crate) fn happen(world: &mut World<'_>, due: Due) {
    match due {
        Due::TrialWillEnd(id) => world.tell("customer.subscription.trial_will_end", &id),
        Due::Upcoming(id) => {
            if let Some(invoice) = preview::upcoming(world, &id) {
                world.event("invoice.upcoming", invoice, None);
            }
        }
        Due::PeriodEnds(id) => period_ends(world, &id),
        Due::Cancels(id) => end_with_invoice(world, &id, &json!({})),
        Due::Expires(id) => expire(world, &id),
        Due::PendingUpdateExpires(id) => pending_update::expire(world, &id),
        Due::CollectionResumes(id) => {
            world.update("customer.subscription.updated", &id, |subscription| {
                put(subscription, "pause_collection", NULL);
            });
        }
        Due::ResumptionExpires(id) => invoice::close(world, &id, "void", "voided_at"),
        Due::Finalizes(id) => renewal::bill(world, &id, None),
        Due::Retry(id) => renewal::retry(world, &id),
        Due::Reminds(id) => world.tell("invoice.will_be_due", &id),
        Due::Overdue(id) => overdue(world, &id),
        Due::Settles(id) => settle(world, &id),
    }
}

fn of_subscription(world: &World<'_>, id: &str, due: &mut Vec<(i64, Due)>) {
    let subscription = world.peek(id);
    if is_over(subscription) {
        return;
    }
    let now = world.second();
    let mut push = |at: i64, what: fn(String) -> Due| due.push((at, what(id.to_owned())));
    if let Some(at) = subscription["cancel_at"].as_i64() {
        push(at, Due::Cancels);
    }
    if let Some(at) = subscription["pending_update"]["expires_at"].as_i64() {
        push(at, Due::PendingUpdateExpires);
    }
    if let Some(at) = subscription["pause_collection"]["resumes_at"].as_i64() {
        push(at, Due::CollectionResumes);
    }
    let (starts, ends) = item::period_of(subscription);
    match text(subscription, "status") {
        "incomplete" => return push(int(subscription, "created") + INCOMPLETE_FOR, Due::Expires),
        "paused" => {
            let latest = world.peek(text(subscription, "latest_invoice"));
            if text(latest, "status") == "open" {
                let since = int(&latest["status_transitions"], "finalized_at");
                due.push((since + INCOMPLETE_FOR, Due::ResumptionExpires(text(latest, "id").to_owned())));
            }
            return;
        }
        "trialing" => {
            let warning = int(subscription, "trial_end").saturating_sub(TRIAL_WARNING);
            if warning > now {
                push(warning, Due::TrialWillEnd);
            }
        }
        _ => {}
    }
    let announced = ends.saturating_sub(UPCOMING);
    let goes_on = subscription["cancel_at"].as_i64().is_none_or(|at| at > ends);
    if announced > now && announced > starts && goes_on {
        push(announced, Due::Upcoming);
    }
    push(ends, Due::PeriodEnds);
}

fn of_invoice(world: &World<'_>, id: &str, due: &mut Vec<(i64, Due)>) {
    let invoice = world.peek(id);
    let mut push = |at: i64, what: fn(String) -> Due| due.push((at, what(id.to_owned())));
    match text(invoice, "status") {
        "draft" => {
            if let Some(at) = invoice["automatically_finalizes_at"].as_i64() {
                push(at, Due::Finalizes);
            }
        }
        "open" => {
            if let Some(at) = invoice["next_payment_attempt"].as_i64() {
                push(at, Due::Retry);
            }
            if let Some(at) = invoice["due_date"].as_i64() {
                let announced = at.saturating_sub(WILL_BE_DUE);
                if announced > world.second() {
                    push(announced, Due::Reminds);
                }
                if at > world.second() {
                    push(at, Due::Overdue);
                }
            }
        }
        _ => {}
    }
}

fn of_intent(world: &World<'_>, id: &str, due: &mut Vec<(i64, Due)>) {
    let intent = world.peek(id);
    // What a bank debit does, its account says.
    if text(intent, "status") == "processing" && !later::is_debit(world, text(intent, "payment_method")) {
        let charge = world.peek(text(intent, "latest_charge"));
        let since = int(if charge.is_null() { intent } else { charge }, "created");
        due.push((since.saturating_add(SETTLES), Due::Settles(id.to_owned())));
    }
}

/// A trial without a way to pay ends as the subscription says; everything else is billed for the next period.
fn period_ends(world: &mut World<'_>, id: &str) {
    let subscription = world.copy(id);
    let end_behavior = text(&subscription["trial_settings"]["end_behavior"], "missing_payment_method");
    if text(&subscription, "status") == "trialing"
        && end_behavior != "create_invoice"
        && !change::can_pay(world, &subscription)
        && change::end_trial_unpaid(world, &subscription, subscription.clone()).is_ok()
    {
        return;
    }
    renewal::begin(world, id);
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

/// The day until which an invoice had to be paid has passed.
fn overdue(world: &mut World<'_>, id: &str) {
    world.tell("invoice.overdue", id);
    let owner = subscription_of(world.peek(id)).unwrap_or_default().to_owned();
    if world.peek(&owner)["latest_invoice"] == id && text(world.peek(&owner), "status") == "active" {
        become_(world, &owner, "past_due");
    }
}

/// A bank debit arrives.
fn settle(world: &mut World<'_>, intent: &str) {
    let (customer, method) = {
        let intent = world.peek(intent);
        (text(intent, "customer").to_owned(), text(intent, "payment_method").to_owned())
    };
    let collects = |invoice: &str| invoice_payment::intent_of(world, invoice).as_deref() == Some(intent);
    let opened = |session: &Value| {
        session["payment_intent"] == intent || session["invoice"].as_str().is_some_and(&collects)
    };
    let sessions = world.ids_where(Kind::Session, "customer", &customer);
    let session = sessions.into_iter().find(|id| {
        let session = world.peek(id);
        text(session, "payment_status") == "unpaid" && opened(session)
    });
    let invoice = world.ids_where(Kind::Invoice, "customer", &customer).into_iter().find(|id| collects(id));
    match (session, invoice) {
        (Some(session), _) => checkout_page::settle(world, &session, true),
        (None, Some(invoice)) => {
            invoice::pay(world, &invoice, &method, Collect::Paid, None);
            after_payment(world, &invoice, Collect::Paid);
        }
        (None, None) => {
            payment::collect(world, intent, &method, Collect::Paid);
        }
    }
}
