//! Invoices: drafted, finalized, collected. What their lines add up to is what they ask for.

use serde_json::{Map, Value, json};

use super::adjust;
use super::payment::{self, Collect};
use super::redemption::{self, Buyer};
use super::total::add_up;
use super::{World, put_all, tax_rate};
use crate::provider::double::error::ApiError;
use crate::provider::double::list::{self, AS_USUAL, CREATED, CUSTOMER, PARAMS};
use crate::provider::double::params::{Is, Params, Table};
use crate::provider::double::route::{Asked, Route};
use crate::provider::double::state::Account;
use crate::provider::double::store::Kind;
use crate::stripe::object::invoice;
use crate::stripe::object::{NULL, data, int, put, text};

pub(crate) const ROUTES: &[Route] = &[
    Route::list(
        "/v1/invoices",
        Kind::Invoice,
        &[
            CUSTOMER,
            ("subscription", Is::Text),
            ("collection_method", Is::Text),
            ("status", Is::Choice(&["draft", "open", "paid", "uncollectible", "void"])),
            CREATED,
        ],
        |name, wanted, stored| {
            let subscription = invoice::subscription_of(stored.value());
            Some(subscription == wanted?.as_str()).filter(|_| name == "subscription")
        },
    ),
    Route::retrieve("/v1/invoices/{id}", Kind::Invoice),
    Route::read("/v1/invoices/{id}/lines", PARAMS, lines),
    Route::create("/v1/invoices", CREATE, create),
    Route::change("/v1/invoices/{id}", UPDATE, update),
    Route::delete("/v1/invoices/{id}", &[], |world, id, _| delete(world, id)),
    Route::change("/v1/invoices/{id}/finalize", FINALIZE, finalize_by_hand),
    Route::change("/v1/invoices/{id}/pay", PAY, pay_by_hand),
    Route::change("/v1/invoices/{id}/void", &[], |world, id, _| void_by_hand(world, id)),
    Route::list(
        "/v1/invoice_payments",
        Kind::InvoicePayment,
        &[("invoice", Is::Text), ("status", Is::Text), CREATED],
        AS_USUAL,
    ),
    Route::retrieve("/v1/invoice_payments/{id}", Kind::InvoicePayment),
];

const CREATE: Table = &[
    ("customer", Is::Text),
    ("subscription", Is::NotModelled),
    ("auto_advance", Is::Bool),
    ("collection_method", Is::Choice(&["charge_automatically", "send_invoice"])),
    ("currency", Is::Text),
    ("days_until_due", Is::Int),
    ("description", Is::Text),
    ("footer", Is::Text),
    ("metadata", Is::Meta),
    ("pending_invoice_items_behavior", Is::Choice(&["include", "exclude"])),
    ("discounts", redemption::ROWS),
    ("default_tax_rates", Is::Texts),
    ("automatic_tax", Is::NotModelled),
];

const UPDATE: Table = &[
    ("auto_advance", Is::Bool),
    ("description", Is::Text),
    ("footer", Is::Text),
    ("metadata", Is::Meta),
    ("discounts", redemption::ROWS),
    ("default_tax_rates", Is::Texts),
    ("automatic_tax", Is::NotModelled),
];

const FINALIZE: Table = &[("auto_advance", Is::Bool)];

const PAY: Table = &[
    ("payment_method", Is::Text),
    ("off_session", Is::Bool),
    ("paid_out_of_band", Is::NotModelled),
    ("source", Is::NotModelled),
    ("forgive", Is::NotModelled),
    ("mandate", Is::NotModelled),
];

const FIELDS: [&str; 5] = ["auto_advance", "collection_method", "description", "footer", "metadata"];

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
    let id = draft.id.unwrap_or_else(|| world.mint("in"));
    let customer = world.copy(draft.customer);
    let mut made = invoice::invoice(&id, world.second(), &customer, draft.currency);
    put_all(
        &mut made,
        [
            ("billing_reason", draft.reason.into()),
            ("collection_method", collection_method(draft.subscription)),
            ("period_end", draft.period.1.into()),
            ("period_start", draft.period.0.into()),
        ],
    );
    if !draft.subscription.is_null() {
        put(&mut made, "parent", invoice::parent(draft.subscription));
    }
    if draft.reason == "subscription_cycle" {
        put(&mut made, "automatically_finalizes_at", world.second() + 3_600);
    }
    let mut lines = draft.lines;
    let of_subscription = || draft.subscription["default_tax_rates"].as_array().cloned();
    put(&mut made, "default_tax_rates", draft.tax_rates.or_else(of_subscription).unwrap_or_default());
    let discounts =
        draft.discounts.unwrap_or_else(|| redemption::in_force(world, draft.subscription, draft.customer));
    adjust::adjust(world, &mut made, &mut lines, &discounts);
    for line in &mut lines {
        put_all(line, [("id", world.mint("il").into()), ("invoice", id.as_str().into())]);
    }
    if let Some(list) = made.get_mut("lines") {
        put(list, "data", lines);
    }
    add_up(&mut made, int(&customer, "balance"));
    made
}

fn collection_method(subscription: &Value) -> Value {
    match &subscription["collection_method"] {
        Value::Null => "charge_automatically".into(),
        method => method.clone(),
    }
}

/// A draft becomes open: numbered, with a payment intent where something is due. Nothing due is paid at once.
pub(crate) fn finalize(world: &mut World<'_>, id: &str) {
    let now = world.second();
    let customer = text(world.peek(id), "customer").to_owned();
    let holder = world.copy(&customer);
    let sequence = int(&holder, "next_invoice_sequence");
    let number = format!("{}-{sequence:04}", text(&holder, "invoice_prefix"));
    let balance = int(&holder, "balance");
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
                ("hosted_invoice_url", url.clone().into()),
                ("invoice_pdf", format!("{url}/pdf").into()),
                ("number", number.into()),
                ("status", "open".into()),
            ],
        );
        at(invoice, "finalized_at", now);
    });
    let ending = int(world.peek(id), "ending_balance");
    let currency = world.peek(id)["currency"].clone();
    world.change(&customer, |customer| {
        put(customer, "next_invoice_sequence", sequence.saturating_add(1));
        if customer["currency"].is_null() {
            put(customer, "currency", currency);
        }
    });
    world.tell("invoice.finalized", id);
    if ending != balance {
        world.update("customer.updated", &customer, |customer| put(customer, "balance", ending));
    }
    if int(world.peek(id), "amount_due") == 0 {
        paid(world, id);
    } else {
        ask_for(world, id);
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
    let intent = payment::open(world, due, currency, open["customer"].clone(), about, NULL);
    let payment = world.mint("inpay");
    let payment = invoice::invoice_payment(&payment, world.second(), &open, &intent);
    world.insert(Kind::InvoicePayment, payment);
}

/// Tries to collect an open invoice. `next_attempt` is when Stripe tries again after a decline.
pub(crate) fn pay(
    world: &mut World<'_>,
    id: &str,
    method: &str,
    how: Collect,
    next_attempt: Option<i64>,
) -> bool {
    let Some(intent) = intent_of(world, id) else { return false };
    if how == Collect::Later {
        return false;
    }
    if payment::collect(world, &intent, method, how) {
        paid(world, id);
        return true;
    }
    let changed = world.diff(id, |invoice| {
        let attempts = int(invoice, "attempt_count") + 1;
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
    match how {
        Collect::Declined => world.tell("invoice.payment_failed", id),
        Collect::ActionRequired => world.tell("invoice.payment_action_required", id),
        Collect::Paid | Collect::Processing | Collect::Later => {}
    }
    false
}

/// What was due is there.
pub(crate) fn paid(world: &mut World<'_>, id: &str) {
    let now = world.second();
    let changed = world.diff(id, |invoice| {
        let due = int(invoice, "amount_due");
        if due > 0 {
            let attempts = int(invoice, "attempt_count") + 1;
            put(invoice, "attempt_count", attempts);
        }
        put_all(
            invoice,
            [
                ("amount_paid", due.into()),
                ("amount_remaining", 0.into()),
                ("attempted", true.into()),
                ("next_payment_attempt", NULL),
                ("status", "paid".into()),
            ],
        );
        at(invoice, "paid_at", now);
    });
    let payment = world.ids_where(Kind::InvoicePayment, "invoice", id).pop();
    if payment.is_some() {
        world.tell_changed("invoice.updated", id, changed);
    }
    world.tell("invoice.paid", id);
    world.tell("invoice.payment_succeeded", id);
    let Some(payment) = payment else { return };
    world.change(&payment, |payment| {
        let requested = int(payment, "amount_requested");
        put_all(payment, [("amount_paid", requested.into()), ("status", "paid".into())]);
        at(payment, "paid_at", now);
    });
    world.tell("invoice_payment.paid", &payment);
}

/// The payment intent that collects an invoice.
pub(crate) fn intent_of(world: &World<'_>, id: &str) -> Option<String> {
    let payment = world.ids_where(Kind::InvoicePayment, "invoice", id).pop()?;
    world.get(&payment)?["payment"]["payment_intent"].as_str().map(str::to_owned)
}

/// Nobody has to pay it any more; Stripe gives up on it, or the company did.
pub(crate) fn close(world: &mut World<'_>, id: &str, status: &str, when: &str) {
    let now = world.second();
    let intent = intent_of(world, id);
    world.change(id, |invoice| {
        put_all(invoice, [("next_payment_attempt", NULL), ("status", status.into())]);
        at(invoice, when, now);
    });
    world.tell(if status == "void" { "invoice.voided" } else { "invoice.marked_uncollectible" }, id);
    if let Some(intent) = intent.filter(|_| status == "void") {
        payment::cancel(world, &intent);
    }
}

/// `GET /v1/invoices/{id}/lines`.
fn lines(account: &Account, asked: &Asked<'_>) -> Result<Value, ApiError> {
    let stored = account.find(asked.ids.id).filter(|stored| stored.kind == Kind::Invoice);
    let stored = stored.ok_or_else(|| ApiError::no_such(Kind::Invoice.noun(), asked.ids.id))?;
    list::page_of(asked, data(&stored.value()["lines"]), Kind::Invoice, asked.path)
}

/// `POST /v1/invoices`: collects what is pending for the customer.
fn create(world: &mut World<'_>, params: &Params) -> Result<Value, ApiError> {
    let customer = params.needed("customer")?.to_owned();
    let holder = world.named_by(Kind::Customer, &customer, "customer")?;
    let pending = match params.text("pending_invoice_items_behavior") {
        Some("include") => super::invoice_item::take_pending(world, &customer, None),
        _ => Vec::new(),
    };
    let currency = params
        .text("currency")
        .or_else(|| pending.first().map(|item| text(item, "currency")))
        .or_else(|| holder["currency"].as_str())
        .unwrap_or("usd")
        .to_lowercase();
    let now = world.second();
    let mut fields = json!({ "auto_advance": false, "metadata": {} });
    params.apply(&mut fields, &FIELDS);
    if let Some(days) = params.int("days_until_due") {
        put(&mut fields, "due_date", now.saturating_add(days.saturating_mul(super::period::DAY)));
    }
    let owned = world.overlay.take();
    world.overlay = fields.as_object().map(|fields: &Map<String, Value>| (Kind::Invoice, fields.clone()));
    let lines = super::invoice_item::lines(world, &pending);
    let rates = tax_rate::named(world, params.list("default_tax_rates"), "default_tax_rates")?;
    let buyer = Buyer { customer: &customer, amount: None };
    let wanted = redemption::asked(world, params, buyer)?;
    let id = world.mint("in");
    let on = [("customer", customer.as_str()), ("invoice", id.as_str())];
    let discounts =
        wanted.map(|all| all.iter().map(|wanted| redemption::redeem(world, wanted, &on)).collect());
    let id = draft(
        world,
        Draft {
            id: Some(id),
            customer: &customer,
            currency: &currency,
            reason: "manual",
            lines,
            subscription: &NULL,
            period: (now, now),
            discounts,
            tax_rates: Some(rates),
        },
    );
    world.overlay = owned;
    super::invoice_item::settle_on(world, &pending, &id);
    Ok(world.copy(&id))
}

/// `POST /v1/invoices/{id}`.
fn update(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    let before = world.at_path(Kind::Invoice, id)?;
    let mut after = before.clone();
    params.apply(&mut after, &FIELDS);
    adjust::change(world, &mut after, params)?;
    Ok(world.update("invoice.updated", id, |invoice| *invoice = after))
}

/// `DELETE /v1/invoices/{id}`: drafts only.
fn delete(world: &mut World<'_>, id: &str) -> Result<Value, ApiError> {
    let draft = world.at_path(Kind::Invoice, id)?;
    if text(&draft, "status") != "draft" || !draft["parent"].is_null() {
        return Err(ApiError::invalid("You can only delete draft invoices."));
    }
    world.remove(id);
    world.event("invoice.deleted", draft, None);
    Ok(crate::stripe::object::customer::deleted(id, "invoice"))
}

/// `POST /v1/invoices/{id}/finalize`.
fn finalize_by_hand(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    let draft = world.at_path(Kind::Invoice, id)?;
    if text(&draft, "status") != "draft" {
        return Err(ApiError::invalid("This invoice is already finalized, you can't re-finalize it."));
    }
    world.change(id, |invoice| params.apply(invoice, &["auto_advance"]));
    finalize(world, id);
    Ok(world.copy(id))
}

/// `POST /v1/invoices/{id}/pay`.
fn pay_by_hand(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    let invoice = world.at_path(Kind::Invoice, id)?;
    let customer = text(&invoice, "customer").to_owned();
    match text(&invoice, "status") {
        "paid" => return Err(ApiError::invalid("Invoice is already paid")),
        "void" => return Err(ApiError::invalid("You can only pay an open invoice: this one is void.")),
        _ => {}
    }
    let method = match params.text("payment_method") {
        Some(method) => payment::attach(world, method, &customer, "payment_method")?,
        None => payment::default_of(world, &customer).ok_or_else(ApiError::no_payment_method)?,
    };
    if text(&invoice, "status") == "draft" {
        finalize(world, id);
    }
    let how = payment::outcome_of(world.peek(&method));
    if text(world.peek(id), "status") == "open" {
        pay(world, id, &method, how, None);
    }
    super::subscription::after_payment(world, id, how);
    if how == Collect::Declined { Err(ApiError::declined()) } else { Ok(world.copy(id)) }
}

/// `POST /v1/invoices/{id}/void`.
fn void_by_hand(world: &mut World<'_>, id: &str) -> Result<Value, ApiError> {
    let invoice = world.at_path(Kind::Invoice, id)?;
    if !["open", "uncollectible"].contains(&text(&invoice, "status")) {
        return Err(ApiError::invalid("You can only void an open or uncollectible invoice."));
    }
    close(world, id, "void", "voided_at");
    Ok(world.copy(id))
}

fn at(object: &mut Value, transition: &str, now: i64) {
    if let Some(transitions) = object.get_mut("status_transitions") {
        put(transitions, transition, now);
    }
}
