//! Invoices: drafted, finalized, collected or given up. What their lines add up to is what they ask for
//! (<https://docs.stripe.com/invoicing/overview>).

use serde_json::Value;

use super::credit_balance::{self, Why};
use super::payment::{self, Collect};
use super::total::add_up;
use super::{World, adjust, automatic_tax, connect, invoice_payment, period, put_all, redemption};
use crate::provider::double::error::ApiError;
use crate::provider::double::store::Kind;
use crate::stripe::object::{NULL, data, int, invoice, put, text};

/// How long a draft that advances by itself can be edited.
pub(crate) const DRAFT_FOR: i64 = 60 * 60;

/// An invoice in the making.
pub(crate) struct Draft<'a> {
    /// Minted before, where something had to name the invoice before it exists.
    pub(crate) id: Option<String>,
    pub(crate) customer: &'a str,
    pub(crate) currency: &'a str,
    /// `subscription_create`, `subscription_cycle`, …
    pub(crate) reason: &'a str,
    /// What it bills: line items that have neither id nor invoice yet.
    pub(crate) lines: Vec<Value>,
    /// The subscription, in full; null for an invoice of none.
    pub(crate) subscription: &'a Value,
    pub(crate) period: (i64, i64),
    /// Discounts of the whole; left out, those of the subscription, else the customer's.
    pub(crate) discounts: Option<Vec<String>>,
    /// Tax rates, whole, for lines that have none; left out, those of the subscription.
    pub(crate) tax_rates: Option<Vec<Value>>,
}

/// Drafts an invoice and tells `invoice.created`.
pub(crate) fn draft(world: &mut World<'_>, draft: Draft<'_>) -> String {
    let made = compose(world, draft);
    let id = text(&made, "id").to_owned();
    let made = world.insert(Kind::Invoice, made);
    world.event("invoice.created", made.clone(), None);
    redemption::consume(world, &made);
    id
}

/// The draft, not kept anywhere.
pub(crate) fn compose(world: &mut World<'_>, draft: Draft<'_>) -> Value {
    let advancing = moves_by_itself(&draft);
    let id = draft.id.unwrap_or_else(|| world.mint("in"));
    let customer = world.copy(draft.customer);
    let mut made = invoice::invoice(&id, world.second(), &customer, draft.currency);
    put_all(
        &mut made,
        [
            ("billing_reason", draft.reason.into()),
            ("period_end", draft.period.1.into()),
            ("period_start", draft.period.0.into()),
        ],
    );
    settings(&mut made, &customer, draft.subscription);
    let located = automatic_tax::is_located(world, draft.customer);
    automatic_tax::lay(&mut made, draft.subscription.get("automatic_tax"), located);
    match advancing {
        Some(true) => advances(&mut made),
        Some(false) => put(&mut made, "auto_advance", false),
        None => {}
    }
    let mut lines = draft.lines;
    let of_subscription = || draft.subscription["default_tax_rates"].as_array().cloned();
    put(&mut made, "default_tax_rates", draft.tax_rates.or_else(of_subscription).unwrap_or_default());
    let discounts =
        draft.discounts.unwrap_or_else(|| redemption::in_force(world, draft.subscription, draft.customer));
    adjust::adjust(world, &mut made, &mut lines, &discounts);
    lay_lines(world, &mut made, lines);
    add_up(&mut made, int(&customer, "balance"));
    made
}

/// What the customer and the subscription say about their invoices.
fn settings(made: &mut Value, customer: &Value, subscription: &Value) {
    for name in ["custom_fields", "footer"] {
        put(made, name, customer["invoice_settings"][name].clone());
    }
    if subscription.is_null() {
        return;
    }
    put(made, "parent", invoice::parent(subscription));
    put(made, "collection_method", subscription["collection_method"].clone());
    put(made, "on_behalf_of", subscription["on_behalf_of"].clone());
    for name in ["account_tax_ids", "custom_fields", "description", "footer", "issuer"] {
        let said = &subscription["invoice_settings"][name];
        if !said.is_null() {
            put(made, name, said.clone());
        }
    }
    if let Some(settings) = made.get_mut("payment_settings") {
        for name in ["payment_method_options", "payment_method_types"] {
            put(settings, name, subscription["payment_settings"][name].clone());
        }
    }
    if text(subscription, "collection_method") == "send_invoice" {
        let days = int(subscription, "days_until_due").saturating_mul(period::DAY);
        let due = int(made, "created").saturating_add(days);
        put(made, "due_date", due);
    }
}

/// Whether a draft goes on by itself after an hour in which it can be edited: those of a subscription's periods, unless
/// their collection is paused as drafts or was given up. The first invoice does where it is sent. All others are somebody's
/// to finalize now.
fn moves_by_itself(draft: &Draft<'_>) -> Option<bool> {
    let subscription = draft.subscription;
    match draft.reason {
        "subscription_cycle" => Some(
            text(&subscription["pause_collection"], "behavior") != "keep_as_draft"
                && text(subscription, "status") != "unpaid",
        ),
        "subscription_create" => {
            Some(true).filter(|_| text(subscription, "collection_method") == "send_invoice")
        }
        _ => None,
    }
}

/// A draft that finalizes itself, and then collects or is sent.
pub(crate) fn advances(draft: &mut Value) {
    let at = int(draft, "created").saturating_add(DRAFT_FOR);
    let charged = text(draft, "collection_method") == "charge_automatically";
    put_all(
        draft,
        [
            ("auto_advance", true.into()),
            ("automatically_finalizes_at", at.into()),
            ("next_payment_attempt", charged.then_some(at).into()),
        ],
    );
}

/// Gives an invoice its lines; those that are new get ids.
fn lay_lines(world: &mut World<'_>, made: &mut Value, mut lines: Vec<Value>) {
    let id = made["id"].clone();
    for line in &mut lines {
        if line["id"].is_null() {
            put(line, "id", world.mint("il"));
        }
        put(line, "invoice", id.clone());
    }
    if let Some(list) = made.get_mut("lines") {
        put(list, "data", lines);
    }
}

/// Gives a draft other lines, and tells.
pub(crate) fn set_lines(world: &mut World<'_>, id: &str, lines: Vec<Value>) {
    let mut made = world.copy(id);
    lay_lines(world, &mut made, lines);
    adjust::recount(world, &mut made);
    world.update("invoice.updated", id, |invoice| *invoice = made);
}

/// A draft of this customer that a parameter names.
pub(crate) fn draft_of(world: &World<'_>, id: &str, customer: &str) -> Result<Value, ApiError> {
    let found = world.named_by(Kind::Invoice, id, "invoice")?;
    if text(&found, "customer") != customer {
        return Err(ApiError::no_such_param(Kind::Invoice.noun(), id, "invoice"));
    }
    editable(&found)?;
    Ok(found)
}

/// The refusal of what only an open invoice can do.
pub(crate) fn not_open() -> ApiError {
    ApiError::invalid("You can only pass in open invoices. This invoice isn't open.")
}

/// Whether an invoice's lines may still change.
pub(crate) fn editable(invoice: &Value) -> Result<(), ApiError> {
    if text(invoice, "status") == "draft" {
        return Ok(());
    }
    let message = "Invalid invoice: This invoice is no longer editable";
    Err(ApiError::invalid_param("invoice", message).with_code("invoice_not_editable"))
}

/// A draft becomes open: numbered, with a payment intent where something is due. Nothing due is paid at once.
pub(crate) fn finalize(world: &mut World<'_>, id: &str) {
    if world.drafts_only {
        return;
    }
    let balance = int(world.peek(text(world.peek(id), "customer")), "balance");
    number(world, id, balance);
    if int(world.peek(id), "amount_due") == 0 {
        paid(world, id);
    } else {
        ask_for(world, id);
    }
}

/// A draft becomes the receipt for what a payment intent has collected or collects: no credit is used up by it.
pub(crate) fn finalize_for(world: &mut World<'_>, id: &str, intent: Option<&str>) {
    number(world, id, 0);
    let open = world.copy(id);
    if let Some(intent) = intent {
        invoice_payment::open(world, &open, intent);
    }
    if intent.is_none_or(|intent| text(world.peek(intent), "status") == "succeeded") {
        paid(world, id);
    }
}

/// A draft becomes open, with a number; a credit balance of the customer is used for it.
fn number(world: &mut World<'_>, id: &str, balance: i64) {
    let now = world.second();
    let customer = text(world.peek(id), "customer").to_owned();
    let holder = world.copy(&customer);
    let sequence = int(&holder, "next_invoice_sequence");
    let number = format!("{}-{sequence:04}", text(&holder, "invoice_prefix"));
    world.change(id, |invoice| {
        add_up(invoice, balance);
        let ending = int(invoice, "total").saturating_add(balance).min(0);
        let url = format!("https://invoice.stripe.com/i/{}", text(invoice, "id"));
        put_all(
            invoice,
            [
                ("automatically_finalizes_at", NULL),
                ("effective_at", now.into()),
                ("ending_balance", ending.into()),
                ("last_finalization_error", NULL),
                ("hosted_invoice_url", url.clone().into()),
                ("invoice_pdf", format!("{url}/pdf").into()),
                ("next_payment_attempt", NULL),
                ("number", number.into()),
                ("status", "open".into()),
            ],
        );
        at(invoice, "finalized_at", now);
    });
    let moved = int(world.peek(id), "ending_balance").saturating_sub(balance);
    let currency = world.peek(id)["currency"].clone();
    world.change(&customer, |customer| {
        put(customer, "next_invoice_sequence", sequence.saturating_add(1));
        if customer["currency"].is_null() {
            put(customer, "currency", currency);
        }
    });
    world.tell("invoice.finalized", id);
    if moved != 0 {
        credit_balance::shift(world, &customer, moved, Why::AppliedToInvoice(id));
    }
}

/// The payment intent of a finalized invoice, and the invoice payment that ties them.
fn ask_for(world: &mut World<'_>, id: &str) {
    let open = world.copy(id);
    let about = match text(&open, "billing_reason") {
        "subscription_create" => "Subscription creation",
        "manual" => "Invoice",
        _ => "Subscription update",
    };
    let (due, currency) = (int(&open, "amount_due"), text(&open, "currency"));
    let shared = connect::of_invoice(world, &open);
    let intent = payment::open_with(world, due, currency, open["customer"].clone(), |intent| {
        put(intent, "description", about);
        for name in connect::FIELDS {
            put(intent, name, shared[name].clone());
        }
    });
    invoice_payment::open(world, &open, &intent);
}

/// The customer gets an open invoice by mail.
pub(crate) fn send(world: &mut World<'_>, id: &str) {
    world.tell("invoice.sent", id);
}

/// Tries to collect an open invoice. `next_attempt` is when Stripe tries again after a decline.
pub(crate) fn pay(
    world: &mut World<'_>,
    id: &str,
    method: &str,
    how: Collect,
    next_attempt: Option<i64>,
) -> bool {
    let Some(intent) = invoice_payment::intent_of(world, id) else { return false };
    if how == Collect::Later {
        return false;
    }
    if payment::collect(world, &intent, method, how) {
        paid(world, id);
        return true;
    }
    attempted(world, id, next_attempt);
    match how {
        Collect::Declined => world.tell("invoice.payment_failed", id),
        Collect::ActionRequired => world.tell("invoice.payment_action_required", id),
        Collect::Paid | Collect::Processing | Collect::Later => {}
    }
    false
}

/// An attempt to collect for which there is no payment method.
pub(crate) fn fail_without_method(world: &mut World<'_>, id: &str, next_attempt: Option<i64>) {
    attempted(world, id, next_attempt);
    world.tell("invoice.payment_failed", id);
}

fn attempted(world: &mut World<'_>, id: &str, next_attempt: Option<i64>) {
    let changed = world.diff(id, |invoice| {
        let attempts = int(invoice, "attempt_count").saturating_add(1);
        put_all(
            invoice,
            [
                ("attempt_count", attempts.into()),
                ("attempted", true.into()),
                ("next_payment_attempt", next_attempt.into()),
            ],
        );
    });
    world.tell_changed("invoice.updated", id, changed);
}

/// What was due is there.
pub(crate) fn paid(world: &mut World<'_>, id: &str) {
    let now = world.second();
    let changed = world.diff(id, |invoice| {
        let due = int(invoice, "amount_due");
        if due > 0 {
            let attempts = int(invoice, "attempt_count").saturating_add(1);
            put(invoice, "attempt_count", attempts);
        }
        put(invoice, "attempted", true);
        settled(invoice, now);
    });
    let payment = invoice_payment::default_of(world, id);
    if payment.is_some() {
        world.tell_changed("invoice.updated", id, changed);
    }
    tell_paid(world, id);
    let Some(payment) = payment else { return };
    let requested = int(world.peek(&payment), "amount_requested");
    invoice_payment::paid(world, &payment, requested);
}

/// It was paid some other way, and somebody says so: no attempt, and no money moves here.
pub(crate) fn paid_out_of_band(world: &mut World<'_>, id: &str) {
    let now = world.second();
    world.update("invoice.updated", id, |invoice| settled(invoice, now));
    tell_paid(world, id);
    invoice_payment::cancel_default(world, id);
}

/// An amount of an invoice grows; with a negative one it shrinks.
pub(super) fn add(invoice: &mut Value, field: &str, amount: i64) {
    let sum = int(invoice, field).saturating_add(amount);
    put(invoice, field, sum);
}

/// The fields of an invoice that is paid.
pub(super) fn settled(invoice: &mut Value, now: i64) {
    let due = int(invoice, "amount_due");
    put_all(
        invoice,
        [
            ("amount_paid", due.into()),
            ("amount_remaining", 0.into()),
            ("auto_advance", false.into()),
            ("next_payment_attempt", NULL),
            ("status", "paid".into()),
        ],
    );
    at(invoice, "paid_at", now);
}

pub(super) fn tell_paid(world: &mut World<'_>, id: &str) {
    world.tell("invoice.paid", id);
    world.tell("invoice.payment_succeeded", id);
}

/// Nobody has to pay it any more; Stripe gives up on it, or the company did. A void one gives back the credit that it
/// used.
pub(crate) fn close(world: &mut World<'_>, id: &str, status: &str, when: &str) {
    let now = world.second();
    let voids = status == "void";
    world.change(id, |invoice| {
        put_all(
            invoice,
            [("auto_advance", false.into()), ("next_payment_attempt", NULL), ("status", status.into())],
        );
        at(invoice, when, now);
    });
    world.tell(if voids { "invoice.voided" } else { "invoice.marked_uncollectible" }, id);
    if !voids {
        return;
    }
    invoice_payment::cancel_default(world, id);
    let closed = world.copy(id);
    let used = int(&closed, "starting_balance").saturating_sub(int(&closed, "ending_balance"));
    if used != 0 {
        credit_balance::shift(world, text(&closed, "customer"), used, Why::UnappliedFromInvoice(id));
    }
}

pub(super) fn at(object: &mut Value, transition: &str, now: i64) {
    if let Some(transitions) = object.get_mut("status_transitions") {
        put(transitions, transition, now);
    }
}

/// The lines of an invoice.
pub(crate) fn lines_of(invoice: &Value) -> &[Value] {
    data(&invoice["lines"])
}
