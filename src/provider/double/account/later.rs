//! What Stripe does a while after it was asked: debits settle, refunds arrive or fail.
//!
//! In a case, and for a customer on a test clock, it takes days of that clock. For everybody else of the account
//! at large it is due at once, save what Stripe documents as slow: whoever tests there waits for no bank.

use serde_json::json;

use super::payment::{self, Collect};
use super::status::after_payment;
use super::test_card::{Debit, Decline, Ends, iban_ends, us_account_ends};
use super::{Home, World, checkout_page, dispute, invoice, invoice_payment, period, refund};
use crate::provider::double::store::{Kind, Stored};
use crate::stripe::object::{put, text};

/// How long a debit takes where a clock is turned.
const DEBIT_TAKES: i64 = 4 * period::DAY;
/// The same for a refund that does not end at once.
const REFUND_TAKES: i64 = period::DAY;
/// What Stripe's slow test accounts take at least.
const SLOW: i64 = 180;

/// A debit with this payment method was sent on its way; cards have nothing to wait for.
pub(crate) fn settles(world: &mut World<'_>, intent: &str, method: &str) {
    let Some(debit) = debit_of(world, method).filter(|debit| debit.ends != Ends::Never) else { return };
    put_off(world, intent, DEBIT_TAKES, if debit.slow { SLOW } else { 0 });
}

/// A refund was made that ends later.
pub(crate) fn refunds(world: &mut World<'_>, refund: &str) {
    put_off(world, refund, REFUND_TAKES, 0);
}

fn put_off(world: &mut World<'_>, id: &str, by_clock: i64, at_once: i64) {
    let turned = world.home != Home::Large || super::clock::clock_of(world, id).is_some();
    let at = world.second().saturating_add(if turned { by_clock } else { at_once });
    world.change_hidden(id, |hidden| {
        if !hidden.is_object() {
            *hidden = json!({});
        }
        put(hidden, "ends_at", at);
    });
}

/// When this payment intent or refund ends by itself.
pub(crate) fn at(stored: &Stored) -> Option<i64> {
    let status = text(stored.value(), "status");
    let waits = match stored.kind {
        Kind::PaymentIntent => status == "processing",
        Kind::Refund => matches!(status, "pending" | "succeeded"),
        _ => false,
    };
    stored.hidden()["ends_at"].as_i64().filter(|_| waits)
}

/// It ends.
pub(crate) fn end(world: &mut World<'_>, id: &str) {
    world.change_hidden(id, |hidden| put(hidden, "ends_at", ()));
    if text(world.peek(id), "object") == "refund" {
        return refund::end(world, id);
    }
    let method = text(world.peek(id), "payment_method").to_owned();
    let ends = debit_of(world, &method).map_or(Ends::Arrives, |debit| debit.ends);
    settle(world, id, !matches!(ends, Ends::Bounces(_)));
    if ends == Ends::Disputed {
        let charge = text(world.peek(id), "latest_charge").to_owned();
        dispute::open(world, &charge, "fraudulent", dispute::Stage::Chargeback);
    }
}

/// What was on its way arrives or does not: for a checkout, an invoice, or by itself.
fn settle(world: &mut World<'_>, intent: &str, arrives: bool) {
    let invoice = invoice_payment::invoice_of(world, intent);
    let session = match &invoice {
        Some(invoice) => world.ids_where(Kind::Session, "invoice", invoice).pop(),
        None => world.ids_where(Kind::Session, "payment_intent", intent).pop(),
    };
    if let Some(session) = session {
        return checkout_page::settle(world, &session, arrives);
    }
    let method = text(world.peek(intent), "payment_method").to_owned();
    let how = if arrives { Collect::Paid } else { Collect::Declined };
    let Some(invoice) = invoice else {
        if arrives {
            payment::collect(world, intent, &method, how);
        } else {
            payment::bounce(world, intent);
        }
        return;
    };
    if arrives {
        invoice::pay(world, &invoice, &method, how, None);
    } else {
        payment::bounce(world, intent);
        world.tell("invoice.payment_failed", &invoice);
    }
    after_payment(world, &invoice, how);
}

/// Whether this payment method is a bank account.
pub(crate) fn is_debit(world: &World<'_>, method: &str) -> bool {
    debit_of(world, method).is_some()
}

/// How a debit from this account ends; nothing where it is no account.
fn debit_of(world: &World<'_>, method: &str) -> Option<Debit> {
    let number = text(world.hidden(method), "number");
    match text(world.peek(method), "type") {
        "us_bank_account" => us_account_ends(number),
        "sepa_debit" => Some(iban_ends(number)),
        _ => None,
    }
}

/// Why a debit from this account bounces.
/// See <https://docs.stripe.com/payments/ach-direct-debit#failed-payments>.
pub(crate) fn bounce_of(world: &World<'_>, method: &str) -> Decline {
    let code = match debit_of(world, method).map(|debit| debit.ends) {
        Some(Ends::Bounces(code)) => code,
        _ => "insufficient_funds",
    };
    let message = match code {
        "account_closed" => "The customer's bank account has been closed.",
        "no_account" => "The customer's bank account could not be located.",
        "debit_not_authorized" => "The customer has notified their bank that this payment was unauthorized.",
        "invalid_currency" => "The bank was unable to process this payment because of its currency.",
        "payment_method_debit_limit_exceeded" => "The limit of failed debits from this account was exceeded.",
        _ => "The customer's account has insufficient funds.",
    };
    Decline { code, decline_code: "", message }
}
