//! Billing a subscription: its lines become an invoice, and the invoice is collected.

use serde_json::Value;

use super::invoice::{self, Draft};
use super::payment::{self, Collect};
use super::{World, invoice_item, invoice_payment};
use crate::provider::double::store::Kind;
use crate::stripe::object::invoice::subscription_of;
use crate::stripe::object::text;

/// What a subscription's invoice is made of.
pub(crate) struct Bill<'a> {
    /// Minted before, where the subscription already names it.
    pub(crate) id: Option<String>,
    pub(crate) subscription: &'a Value,
    pub(crate) reason: &'a str,
    /// Beside what is pending.
    pub(crate) lines: Vec<Value>,
    pub(crate) period: (i64, i64),
    /// Discounts of the whole; left out, those of the subscription, else the customer's.
    pub(crate) discounts: Option<Vec<String>>,
}

/// Drafts an invoice of everything that is pending for a subscription, and of `lines`.
pub(crate) fn draft(world: &mut World<'_>, bill: Bill<'_>) -> String {
    let customer = text(bill.subscription, "customer").to_owned();
    let pending = invoice_item::take_pending(world, &customer, Some(text(bill.subscription, "id")));
    let mut lines = invoice_item::lines(world, &pending);
    lines.extend(bill.lines);
    let draft = Draft {
        id: bill.id,
        customer: &customer,
        currency: text(bill.subscription, "currency"),
        reason: bill.reason,
        lines,
        subscription: bill.subscription,
        period: bill.period,
        discounts: bill.discounts,
        tax_rates: None,
    };
    let invoice = invoice::draft(world, draft);
    invoice_item::settle_on(world, &pending, &invoice);
    invoice
}

/// Finalizes an invoice and tries to collect it, or sends it; gives how that went. `how` overrides what the payment
/// method would do: the scenario decides. `next_attempt` is when Stripe tries again.
pub(crate) fn collect(
    world: &mut World<'_>,
    invoice: &str,
    how: Option<Collect>,
    next_attempt: Option<i64>,
) -> Collect {
    if text(world.peek(invoice), "status") == "draft" {
        invoice::finalize(world, invoice);
    }
    let open = world.copy(invoice);
    match text(&open, "status") {
        "open" => {}
        "paid" => return Collect::Paid,
        _ => return Collect::Later,
    }
    if text(&open, "collection_method") == "send_invoice" {
        invoice::send(world, invoice);
        return Collect::Later;
    }
    let method = match how {
        // Somebody decided that the card works or not: so there is one.
        Some(Collect::Paid | Collect::Declined | Collect::ActionRequired) => {
            Some(method_or_card(world, &open))
        }
        _ => method_of(world, &open),
    };
    let Some(method) = method else {
        if how == Some(Collect::Later) {
            return Collect::Later;
        }
        invoice::fail_without_method(world, invoice, next_attempt);
        return Collect::Declined;
    };
    let how = how.unwrap_or_else(|| outcome(world, &open, &method));
    invoice::pay(world, invoice, &method, how, next_attempt);
    how
}

/// What charging this method for an invoice comes to. One that was just declined stays so until somebody makes the
/// payment recover, or gives another.
fn outcome(world: &World<'_>, invoice: &Value, method: &str) -> Collect {
    let customer = text(invoice, "customer");
    let stuck = |id: &String| {
        let failed = text(world.peek(id), "status") == "open" && world.peek(id)["attempted"] == true;
        let intent =
            invoice_payment::intent_of(world, id).map(|intent| world.peek(&intent)).filter(|_| failed);
        intent.is_some_and(|intent| {
            intent["payment_method"] == method
                || intent["last_payment_error"]["payment_method"]["id"] == method
        })
    };
    let delinquent = world.peek(customer)["delinquent"] == true;
    if delinquent && world.ids_where(Kind::Invoice, "customer", customer).iter().any(stuck) {
        return Collect::Declined;
    }
    payment::outcome_of(world.peek(method))
}

/// The payment method that an invoice is collected with: its own, its subscription's, its customer's
/// (<https://docs.stripe.com/billing/subscriptions/payment-methods-setting#payment-method-priority>).
pub(crate) fn method_of(world: &World<'_>, invoice: &Value) -> Option<String> {
    let owner = world.peek(subscription_of(invoice).unwrap_or_default());
    let own = [invoice, owner]
        .into_iter()
        .flat_map(|object| [&object["default_payment_method"], &object["default_source"]])
        .find_map(Value::as_str);
    own.map(str::to_owned).or_else(|| payment::default_of(world, text(invoice, "customer")))
}

/// The same; a card that was there all along where there is none yet.
fn method_or_card(world: &mut World<'_>, invoice: &Value) -> String {
    match method_of(world, invoice) {
        Some(method) => method,
        None => payment::on_file(world, text(invoice, "customer")),
    }
}
