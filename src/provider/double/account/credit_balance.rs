//! The customer's credit balance: what the company owes (negative) or is owed on the next invoice
//! (<https://docs.stripe.com/billing/customer/balance>).

use serde_json::Value;

use super::World;
use crate::provider::double::store::Kind;
use crate::stripe::object::{customer, int, put, text};

/// Why the balance moves.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Why<'a> {
    /// Somebody adjusted it, in this currency where the customer has none.
    Adjusted(&'a str),
    /// An invoice used it, or left a credit.
    AppliedToInvoice(&'a str),
    /// An invoice that had used it was voided.
    UnappliedFromInvoice(&'a str),
    /// An attached payment brought more than an invoice had left to pay.
    InvoiceOverpaid(&'a str),
    /// A credit note gave it.
    CreditNote {
        /// The note.
        note: &'a str,
        /// What it is about.
        invoice: &'a str,
    },
}

/// Adds `amount` to a customer's balance, and keeps the transaction; gives its id.
pub(crate) fn shift(world: &mut World<'_>, customer: &str, amount: i64, why: Why<'_>) -> String {
    let before = world.copy(customer);
    let id = record(world, customer, amount, why);
    let changed = crate::stripe::object::previous(&before, world.peek(customer));
    world.tell_changed("customer.updated", customer, changed);
    id
}

/// The same without an event: for those that have more to tell of the customer.
pub(crate) fn record(world: &mut World<'_>, customer: &str, amount: i64, why: Why<'_>) -> String {
    let holder = world.peek(customer);
    let ending = int(holder, "balance").saturating_add(amount);
    let (kind, invoice, note) = match why {
        Why::Adjusted(_) => ("adjustment", "", ""),
        Why::AppliedToInvoice(invoice) => ("applied_to_invoice", invoice, ""),
        Why::UnappliedFromInvoice(invoice) => ("unapplied_from_invoice", invoice, ""),
        Why::InvoiceOverpaid(invoice) => ("invoice_overpaid", invoice, ""),
        Why::CreditNote { note, invoice } => ("credit_note", invoice, note),
    };
    let currency = match (holder["currency"].as_str(), why) {
        (Some(currency), _) | (None, Why::Adjusted(currency)) => currency.to_owned(),
        (None, _) => text(world.peek(invoice), "currency").to_owned(),
    };
    let id = world.mint("cbtxn");
    let mut made = customer::balance_transaction(&id, world.second(), customer, amount, &currency, kind);
    put(&mut made, "ending_balance", ending);
    for (field, value) in [("invoice", invoice), ("credit_note", note)] {
        put(&mut made, field, Some(value).filter(|value| !value.is_empty()).map(Value::from));
    }
    world.insert(Kind::CustomerBalanceTransaction, made);
    world.change(customer, |customer| {
        put(customer, "balance", ending);
        if customer["currency"].is_null() {
            put(customer, "currency", currency);
        }
    });
    id
}
