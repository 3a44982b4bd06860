//! Payments towards invoices: the default one, which Stripe makes when it finalizes an invoice and keeps at what
//! remains, and others that are attached, each for a part or for all of it
//! (<https://docs.stripe.com/invoicing/partial-payments>).

use serde_json::Value;

use super::credit_balance::{self, Why};
use super::invoice::{self, at};
use super::status::after_payment;
use super::{World, payment, put_all};
use crate::provider::double::error::ApiError;
use crate::provider::double::list::{AS_USUAL, CREATED};
use crate::provider::double::params::{Is, Params, Table};
use crate::provider::double::route::Route;
use crate::provider::double::store::Kind;
use crate::stripe::object::invoice::{invoice_payment, subscription_of};
use crate::stripe::object::{int, put, text};

pub(crate) const ROUTES: &[Route] = &[
    Route::change("/v1/invoices/{id}/attach_payment", ATTACH, attach),
    Route::list(
        "/v1/invoice_payments",
        Kind::InvoicePayment,
        &[
            ("invoice", Is::Text),
            ("payment", Is::Map),
            ("status", Is::Choice(&["canceled", "open", "paid"])),
            CREATED,
        ],
        AS_USUAL,
    ),
    Route::retrieve("/v1/invoice_payments/{id}", Kind::InvoicePayment),
];

const ATTACH: Table = &[("payment_intent", Is::Text), ("payment_record", Is::NotModelled)];

/// The default payment of a finalized invoice.
pub(crate) fn open(world: &mut World<'_>, invoice: &Value, intent: &str) -> String {
    let id = world.mint("inpay");
    let made = invoice_payment(&id, world.second(), invoice, intent);
    world.insert(Kind::InvoicePayment, made);
    id
}

/// The default payment of an invoice.
pub(crate) fn default_of(world: &World<'_>, invoice: &str) -> Option<String> {
    let payments = world.ids_where(Kind::InvoicePayment, "invoice", invoice);
    payments.into_iter().find(|id| world.peek(id)["is_default"] == true)
}

/// The payment intent that collects an invoice.
pub(crate) fn intent_of(world: &World<'_>, invoice: &str) -> Option<String> {
    world.peek(&default_of(world, invoice)?)["payment"]["payment_intent"].as_str().map(str::to_owned)
}

/// The invoice that Stripe collects with a payment intent, which it made for that.
pub(crate) fn invoice_of(world: &World<'_>, intent: &str) -> Option<String> {
    let payments = world.ids_where(Kind::InvoicePayment, "payment_intent", intent);
    let own = payments.into_iter().find(|id| world.peek(id)["is_default"] == true)?;
    Some(text(world.peek(&own), "invoice").to_owned())
}

/// The attached payments that wait for a payment intent.
fn waiting_for(world: &World<'_>, intent: &str) -> Vec<String> {
    let mut payments = world.ids_where(Kind::InvoicePayment, "payment_intent", intent);
    payments.retain(|id| {
        let payment = world.peek(id);
        payment["is_default"] == false && text(payment, "status") == "open"
    });
    payments
}

/// An attached payment of an invoice with this status.
pub(crate) fn attached(world: &World<'_>, invoice: &str, status: &str) -> bool {
    world.ids_where(Kind::InvoicePayment, "invoice", invoice).iter().any(|id| {
        let payment = world.peek(id);
        payment["is_default"] == false && text(payment, "status") == status
    })
}

/// `POST /v1/invoices/{id}/attach_payment`: another payment intent pays the invoice or a part of it, now or when it
/// succeeds.
fn attach(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    let open = world.at_path(Kind::Invoice, id)?;
    let intent = params.needed("payment_intent")?.to_owned();
    let intent = world.named_by(Kind::PaymentIntent, &intent, "payment_intent")?;
    may_attach(world, &open, &intent)?;
    let payment = world.mint("inpay");
    let mut made = invoice_payment(&payment, world.second(), &open, text(&intent, "id"));
    put_all(&mut made, [("amount_requested", int(&intent, "amount").into()), ("is_default", false.into())]);
    world.insert(Kind::InvoicePayment, made);
    if text(&intent, "status") == "succeeded" {
        credit(world, &payment);
    }
    Ok(world.copy(id))
}

fn may_attach(world: &World<'_>, open: &Value, intent: &Value) -> Result<(), ApiError> {
    let refuse = |message: String| Err(ApiError::invalid_param("payment_intent", message));
    if text(open, "status") != "open" {
        return Err(invoice::not_open());
    }
    let id = text(intent, "id");
    if text(intent, "status") == "canceled" {
        return refuse(format!("The PaymentIntent {id} is canceled and cannot be attached to an invoice."));
    }
    for field in ["currency", "customer"] {
        if intent[field] != open[field] {
            return refuse(format!("The PaymentIntent's {field} must match the invoice's {field}."));
        }
    }
    let known = world.ids_where(Kind::InvoicePayment, "payment_intent", id);
    if known.iter().any(|known| world.peek(known)["invoice"] == open["id"]) {
        return refuse(format!("The PaymentIntent {id} is already attached to this invoice."));
    }
    if !known.is_empty() {
        return Err(ApiError::not_modelled("one payment intent for several invoices"));
    }
    let (amount, remaining) = (int(intent, "amount"), int(open, "amount_remaining"));
    if amount > remaining {
        return refuse(format!(
            "The PaymentIntent's amount ({amount}) is greater than the invoice's amount_remaining ({remaining})."
        ));
    }
    let charged = text(open, "collection_method") == "charge_automatically";
    if amount < remaining && charged && subscription_of(open).is_some() {
        return Err(ApiError::invalid(
            "Partial payments are not supported for subscription invoices whose `collection_method` is \
             `charge_automatically`.",
        ));
    }
    Ok(())
}

/// A payment intent has its money: what it was attached to is paid, in part or whole.
pub(crate) fn succeeded(world: &mut World<'_>, intent: &str) {
    for payment in waiting_for(world, intent) {
        credit(world, &payment);
    }
}

/// A payment intent was canceled: so is what it was attached to.
pub(crate) fn canceled(world: &mut World<'_>, intent: &str) {
    for payment in waiting_for(world, intent) {
        give_up(world, &payment);
    }
}

/// What an attached payment brought counts towards its invoice. More than what remained goes to the customer's credit
/// balance.
fn credit(world: &mut World<'_>, payment: &str) {
    let towards = world.copy(payment);
    let id = text(&towards, "invoice").to_owned();
    let received = int(world.peek(text(&towards["payment"], "payment_intent")), "amount_received");
    let invoice = world.copy(&id);
    let unpaid = matches!(text(&invoice, "status"), "open" | "uncollectible");
    let counts = if unpaid { received.min(int(&invoice, "amount_remaining")) } else { 0 };
    let over = received.saturating_sub(counts);
    let now = world.second();
    let changed = world.diff(&id, |invoice| {
        invoice::add(invoice, "amount_paid", counts);
        invoice::add(invoice, "amount_remaining", counts.saturating_neg());
        invoice::add(invoice, "amount_overpaid", over);
        put(invoice, "attempted", true);
        if unpaid && int(invoice, "amount_remaining") == 0 {
            invoice::settled(invoice, now);
        }
    });
    world.tell_changed("invoice.updated", &id, changed);
    let is_paid = unpaid && text(world.peek(&id), "status") == "paid";
    if is_paid {
        invoice::tell_paid(world, &id);
    }
    paid(world, payment, received);
    if over > 0 {
        let why = Why::InvoiceOverpaid(&id);
        credit_balance::shift(world, text(&invoice, "customer"), over.saturating_neg(), why);
    }
    if is_paid {
        cancel_default(world, &id);
        after_payment(world, &id, payment::Collect::Paid);
    } else if unpaid {
        keep_in_step(world, &id);
    }
}

/// A payment is done, and tells.
pub(crate) fn paid(world: &mut World<'_>, payment: &str, amount: i64) {
    let now = world.second();
    world.change(payment, |payment| {
        put_all(payment, [("amount_paid", amount.into()), ("status", "paid".into())]);
        at(payment, "paid_at", now);
    });
    world.tell("invoice_payment.paid", payment);
}

/// The default payment asks for what remains of the invoice.
pub(crate) fn keep_in_step(world: &mut World<'_>, invoice: &str) {
    let left = int(world.peek(invoice), "amount_remaining");
    let Some(payment) = default_of(world, invoice) else { return };
    if let Some(intent) = intent_of(world, invoice) {
        world.change(&intent, |intent| put(intent, "amount", left));
    }
    world.change(&payment, |payment| put(payment, "amount_requested", left));
}

/// Nothing is left to pay for the default payment: it is given up, and its payment intent canceled.
pub(crate) fn cancel_default(world: &mut World<'_>, invoice: &str) {
    let intent = intent_of(world, invoice);
    if let Some(payment) = default_of(world, invoice) {
        give_up(world, &payment);
    }
    if let Some(intent) = intent {
        payment::cancel(world, &intent);
    }
}

fn give_up(world: &mut World<'_>, payment: &str) {
    let now = world.second();
    world.change(payment, |payment| {
        put(payment, "status", "canceled");
        at(payment, "canceled_at", now);
    });
}
