//! Invoices as the API makes, edits, collects and closes them.

use serde_json::{Map, Value, json};

use super::invoice::{self, Draft};
use super::payment::{self, Collect};
use super::redemption::{self, Buyer};
use super::status::after_payment;
use super::{
    World, adjust, automatic_tax, bill, connect, invoice_item, invoice_line, invoice_payment, period,
    preview, put_all, tax_rate,
};
use crate::provider::double::error::ApiError;
use crate::provider::double::list::{CREATED, CUSTOMER, PARAMS};
use crate::provider::double::params::{Is, Params, Table};
use crate::provider::double::route::Route;
use crate::provider::double::search;
use crate::provider::double::store::Kind;
use crate::stripe::object::invoice::subscription_of;
use crate::stripe::object::{NULL, int, put, text};

pub(crate) const ROUTES: &[Route] = &[
    Route::list(
        "/v1/invoices",
        Kind::Invoice,
        &[
            CUSTOMER,
            ("subscription", Is::Text),
            ("collection_method", Is::Text),
            ("status", Is::Choice(&["draft", "open", "void", "paid", "uncollectible"])),
            CREATED,
        ],
        |name, wanted, stored| {
            let subscription = subscription_of(stored.value());
            Some(subscription == wanted?.as_str()).filter(|_| name == "subscription")
        },
    ),
    Route::search("/v1/invoices/search", Kind::Invoice, search::INVOICES),
    Route::retrieve("/v1/invoices/{id}", Kind::Invoice),
    Route::read("/v1/invoices/{id}/lines", PARAMS, invoice_line::list),
    Route::create("/v1/invoices", CREATE, create),
    Route::create("/v1/invoices/create_preview", preview::PREVIEW, preview::create_preview).made(),
    Route::change("/v1/invoices/{id}", UPDATE, update),
    Route::delete("/v1/invoices/{id}", &[], |world, id, _| delete(world, id)),
    Route::change("/v1/invoices/{id}/add_lines", invoice_line::ADD, invoice_line::add),
    Route::change("/v1/invoices/{id}/finalize", FINALIZE, finalize),
    Route::change_in("/v1/invoices/{id}/lines/{sub}", invoice_line::UPDATE, invoice_line::update).made(),
    Route::change("/v1/invoices/{id}/mark_uncollectible", &[], |world, id, _| mark_uncollectible(world, id)),
    Route::change("/v1/invoices/{id}/pay", PAY, pay),
    Route::change("/v1/invoices/{id}/remove_lines", invoice_line::REMOVE, invoice_line::remove),
    Route::change("/v1/invoices/{id}/send", &[], |world, id, _| send(world, id)),
    Route::change("/v1/invoices/{id}/update_lines", invoice_line::UPDATE_MANY, invoice_line::update_many),
    Route::change("/v1/invoices/{id}/void", &[], |world, id, _| void(world, id)),
];

const CUSTOM_FIELDS: Is = Is::Rows(&[("name", Is::Needed(&Is::Text)), ("value", Is::Needed(&Is::Text))]);

const PAYMENT_SETTINGS: Is = Is::Fields(&[
    ("default_mandate", Is::Text),
    ("payment_method_options", Is::Map),
    ("payment_method_types", Is::Texts),
]);

pub(crate) const CREATE: Table = &[
    ("customer", Is::Text),
    ("account_tax_ids", Is::Texts),
    ("auto_advance", Is::Bool),
    ("automatically_finalizes_at", Is::Int),
    ("collection_method", Is::Choice(&["charge_automatically", "send_invoice"])),
    ("currency", Is::Text),
    ("custom_fields", CUSTOM_FIELDS),
    ("days_until_due", Is::Int),
    ("default_payment_method", Is::Text),
    ("description", Is::Text),
    ("due_date", Is::TimeOr(&[])),
    ("effective_at", Is::Int),
    ("footer", Is::Text),
    ("metadata", Is::Meta),
    ("number", Is::Text),
    ("payment_settings", PAYMENT_SETTINGS),
    ("pending_invoice_items_behavior", Is::Choice(&["exclude", "include"])),
    ("statement_descriptor", Is::Text),
    ("subscription", Is::Text),
    ("application_fee_amount", Is::Int),
    ("automatic_tax", automatic_tax::AUTOMATIC_TAX),
    ("customer_account", Is::NotModelled),
    ("default_source", Is::NotModelled),
    ("default_tax_rates", Is::Texts),
    ("discounts", redemption::ROWS),
    ("from_invoice", Is::NotModelled),
    ("issuer", automatic_tax::PARTY),
    ("on_behalf_of", Is::Text),
    ("rendering", Is::NotModelled),
    ("shipping_cost", Is::NotModelled),
    ("shipping_details", Is::NotModelled),
    ("transfer_data", connect::TRANSFER),
];

const UPDATE: Table = &[
    ("account_tax_ids", Is::Texts),
    ("auto_advance", Is::Bool),
    ("automatically_finalizes_at", Is::Int),
    ("collection_method", Is::Choice(&["charge_automatically", "send_invoice"])),
    ("custom_fields", CUSTOM_FIELDS),
    ("days_until_due", Is::Int),
    ("default_payment_method", Is::Text),
    ("description", Is::Text),
    ("due_date", Is::TimeOr(&[])),
    ("effective_at", Is::Int),
    ("footer", Is::Text),
    ("metadata", Is::Meta),
    ("number", Is::Text),
    ("payment_settings", PAYMENT_SETTINGS),
    ("statement_descriptor", Is::Text),
    ("application_fee_amount", Is::Int),
    ("automatic_tax", automatic_tax::AUTOMATIC_TAX),
    ("default_source", Is::NotModelled),
    ("default_tax_rates", Is::Texts),
    ("discounts", redemption::ROWS),
    ("issuer", automatic_tax::PARTY),
    ("on_behalf_of", Is::Text),
    ("rendering", Is::NotModelled),
    ("shipping_cost", Is::NotModelled),
    ("shipping_details", Is::NotModelled),
    ("transfer_data", connect::TRANSFER),
];

const FINALIZE: Table = &[("auto_advance", Is::Bool)];

const PAY: Table = &[
    ("forgive", Is::Bool),
    ("off_session", Is::Bool),
    ("paid_out_of_band", Is::Bool),
    ("payment_method", Is::Text),
    ("mandate", Is::NotModelled),
    ("source", Is::NotModelled),
];

const FIELDS: [&str; 16] = [
    "account_tax_ids",
    "auto_advance",
    "automatically_finalizes_at",
    "collection_method",
    "custom_fields",
    "default_payment_method",
    "description",
    "due_date",
    "effective_at",
    "footer",
    "issuer",
    "metadata",
    "number",
    "on_behalf_of",
    "payment_settings",
    "statement_descriptor",
];

/// What may still change on an invoice that is no draft any more.
const AFTER_DRAFT: [&str; 3] = ["auto_advance", "default_payment_method", "metadata"];

/// `POST /v1/invoices`: a draft, with what is pending where that is asked for.
pub(crate) fn create(world: &mut World<'_>, params: &Params) -> Result<Value, ApiError> {
    let subscription = match params.text("subscription") {
        Some(id) => world.named_by(Kind::Subscription, id, "subscription")?,
        None => NULL,
    };
    let customer = match (params.text("customer"), &subscription) {
        (Some(customer), _) => customer.to_owned(),
        (None, Value::Null) => return Err(ApiError::missing_param("customer")),
        (None, subscription) => text(subscription, "customer").to_owned(),
    };
    let holder = world.named_by(Kind::Customer, &customer, "customer")?;
    let pending = match params.text("pending_invoice_items_behavior") {
        Some("include") => take(world, &customer, params),
        _ => Vec::new(),
    };
    let currency = params
        .text("currency")
        .or_else(|| subscription["currency"].as_str())
        .or_else(|| pending.first().map(|item| text(item, "currency")))
        .or_else(|| holder["currency"].as_str())
        .unwrap_or("usd")
        .to_lowercase();
    let now = world.second();
    let fields = read_fields(world, params, &subscription, &customer)?;
    let lines = invoice_item::lines(world, &pending);
    let rates = tax_rate::named(world, params.list("default_tax_rates"), "default_tax_rates")?;
    let buyer = Buyer { customer: &customer, amount: None };
    let wanted = redemption::asked(world, params, buyer)?;
    let id = world.mint("in");
    let on = [("customer", customer.as_str()), ("invoice", id.as_str())];
    let discounts =
        wanted.map(|all| all.iter().map(|wanted| redemption::redeem(world, wanted, &on)).collect());
    let owned = world.overlay.replace((Kind::Invoice, fields));
    let draft = Draft {
        id: Some(id),
        customer: &customer,
        currency: &currency,
        reason: "manual",
        lines,
        subscription: &subscription,
        period: (now, now),
        discounts,
        tax_rates: params.given("default_tax_rates").map(|_| rates),
    };
    let id = invoice::draft(world, draft);
    world.overlay = owned;
    connect::keep(world, &id, params);
    invoice_item::settle_on(world, &pending, &id);
    Ok(world.copy(&id))
}

/// A draft of all that is pending for a customer.
pub(crate) fn collect_pending(world: &mut World<'_>, customer: &str) -> Result<Value, ApiError> {
    let given = json!({ "customer": customer, "pending_invoice_items_behavior": "include" });
    let none = Map::new();
    create(world, &Params::read(given.as_object().unwrap_or(&none), CREATE, &"POST /v1/invoices")?)
}

/// Everything that is pending, the newest first; of one subscription only, where the invoice is for it.
fn take(world: &World<'_>, customer: &str, params: &Params) -> Vec<Value> {
    let mut pending = invoice_item::take_pending(world, customer, params.text("subscription"));
    if let Some(subscription) = params.text("subscription") {
        pending.retain(|item| item["parent"]["subscription_details"]["subscription"] == subscription);
    }
    pending.reverse();
    pending
}

/// The fields that a new draft is given.
fn read_fields(
    world: &mut World<'_>,
    params: &Params,
    subscription: &Value,
    customer: &str,
) -> Result<Map<String, Value>, ApiError> {
    let method = subscription["collection_method"].as_str().unwrap_or("charge_automatically");
    let mut fields = json!({
        "auto_advance": false, "collection_method": method, "created": world.second(), "metadata": {},
    });
    params.apply(&mut fields, &FIELDS);
    connect::check(world, params, (&NULL, ""), None)?;
    automatic_tax::check_party(world, params.given("issuer").unwrap_or(&NULL), "issuer")?;
    let tax = params.given("automatic_tax");
    automatic_tax::check_liability(world, tax)?;
    automatic_tax::of_invoice(&mut fields, tax, automatic_tax::is_located(world, customer));
    lay_due(&mut fields, params)?;
    if text(&fields, "collection_method") == "send_invoice" && int(&fields, "due_date") == 0 {
        match subscription["days_until_due"].as_i64() {
            Some(_) => {}
            None => {
                return Err(ApiError::invalid(
                    "If invoice collection method is 'send_invoice', you must specify 'due_date' or \
                     'days_until_due'.",
                ));
            }
        }
    }
    if let Some(method) = params.text("default_payment_method") {
        let method = payment::attach(world, method, customer, "default_payment_method")?;
        put(&mut fields, "default_payment_method", method);
    }
    if fields["auto_advance"] == true {
        invoice::advances(&mut fields);
    }
    if let Some(at) = params.int("automatically_finalizes_at") {
        put(&mut fields, "automatically_finalizes_at", at);
    }
    Ok(fields.as_object().cloned().unwrap_or_default())
}

/// `days_until_due` and `due_date`, which only an invoice that is sent has.
fn lay_due(fields: &mut Value, params: &Params) -> Result<(), ApiError> {
    if params.int("days_until_due").is_none() && params.int("due_date").is_none() {
        return Ok(());
    }
    if text(fields, "collection_method") != "send_invoice" {
        return Err(ApiError::invalid(
            "You can only specify 'due_date' or 'days_until_due' if invoice collection method is \
             'send_invoice'.",
        ));
    }
    if let Some(days) = params.int("days_until_due") {
        // As long as a subscription can wait.
        if !(0..=36_525).contains(&days) {
            return Err(ApiError::invalid_param("days_until_due", "Invalid days_until_due."));
        }
        let due = int(fields, "created").saturating_add(days.saturating_mul(period::DAY));
        put(fields, "due_date", due);
    }
    Ok(())
}

/// `POST /v1/invoices/{id}`: once it is no draft, hardly anything may change.
fn update(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    let before = world.at_path(Kind::Invoice, id)?;
    if text(&before, "status") != "draft"
        && let Some(name) = params.fields().keys().find(|name| !AFTER_DRAFT.contains(&name.as_str()))
    {
        return Err(ApiError::invalid_param(name, "Finalized invoices can't be updated in this way"));
    }
    let mut after = before.clone();
    params.apply(&mut after, &FIELDS);
    let located = automatic_tax::is_located(world, text(&before, "customer"));
    automatic_tax::lay(&mut after, params.given("automatic_tax"), located);
    lay_due(&mut after, params)?;
    adjust::change(world, &mut after, params)?;
    if let Some(method) = params.text("default_payment_method") {
        let method = payment::attach(world, method, text(&before, "customer"), "default_payment_method")?;
        put(&mut after, "default_payment_method", method);
    }
    if text(&before, "status") == "draft" && params.given("auto_advance").is_some() {
        if params.is_true("auto_advance") {
            invoice::advances(&mut after);
        } else {
            put_all(&mut after, [("automatically_finalizes_at", NULL), ("next_payment_attempt", NULL)]);
        }
    } else if params.given("auto_advance").is_some_and(|advances| advances == false) {
        put(&mut after, "next_payment_attempt", NULL);
    }
    Ok(world.updated("invoice.updated", id, |invoice| *invoice = after))
}

/// `DELETE /v1/invoices/{id}`: drafts only, and none that a subscription made. Its items stay with it.
fn delete(world: &mut World<'_>, id: &str) -> Result<Value, ApiError> {
    let draft = world.at_path(Kind::Invoice, id)?;
    if text(&draft, "status") != "draft" || text(&draft, "billing_reason") != "manual" {
        return Err(ApiError::invalid("You can only delete draft invoices."));
    }
    world.remove(id);
    world.event("invoice.deleted", draft, None);
    Ok(crate::stripe::object::customer::deleted(id, "invoice"))
}

/// `POST /v1/invoices/{id}/finalize`.
fn finalize(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    let draft = world.at_path(Kind::Invoice, id)?;
    if text(&draft, "status") != "draft" {
        return Err(ApiError::invalid(
            "This invoice is already finalized, you can't re-finalize a non-draft invoice.",
        )
        .with_code("invoice_not_editable"));
    }
    automatic_tax::ready(world, id)?;
    world.change(id, |invoice| params.apply(invoice, &["auto_advance"]));
    invoice::finalize(world, id);
    if text(world.peek(id), "status") == "paid" {
        after_payment(world, id, Collect::Paid);
    }
    Ok(world.copy(id))
}

/// `POST /v1/invoices/{id}/pay`: of a draft, too, which is finalized first.
fn pay(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    let before = world.at_path(Kind::Invoice, id)?;
    let customer = text(&before, "customer").to_owned();
    match text(&before, "status") {
        "paid" => return Err(ApiError::invalid("Invoice is already paid")),
        "void" => return Err(ApiError::invalid("This invoice can no longer be paid")),
        _ => {}
    }
    if text(&before, "status") == "draft" {
        automatic_tax::ready(world, id)?;
    }
    if params.is_true("paid_out_of_band") {
        return out_of_band(world, id);
    }
    let method = match params.text("payment_method") {
        Some(method) => payment::attach(world, method, &customer, "payment_method")?,
        None => bill::method_of(world, &before).ok_or_else(ApiError::no_payment_method)?,
    };
    if text(&before, "status") == "draft" {
        invoice::finalize(world, id);
    }
    let how = payment::outcome_of(world.peek(&method));
    if text(world.peek(id), "status") != "paid" {
        let next = before["next_payment_attempt"].as_i64();
        invoice::pay(world, id, &method, how, next);
    }
    after_payment(world, id, how);
    match how {
        Collect::Declined => Err(ApiError::declined()),
        Collect::ActionRequired => Err(ApiError::invoice_action_required()),
        _ => Ok(world.copy(id)),
    }
}

fn out_of_band(world: &mut World<'_>, id: &str) -> Result<Value, ApiError> {
    if text(world.peek(id), "status") == "draft" {
        invoice::finalize(world, id);
    }
    if text(world.peek(id), "status") != "paid" {
        invoice::paid_out_of_band(world, id);
    }
    after_payment(world, id, Collect::Paid);
    Ok(world.copy(id))
}

/// `POST /v1/invoices/{id}/send`.
fn send(world: &mut World<'_>, id: &str) -> Result<Value, ApiError> {
    let before = world.at_path(Kind::Invoice, id)?;
    match text(&before, "status") {
        "draft" => {
            automatic_tax::ready(world, id)?;
            invoice::finalize(world, id);
        }
        "open" => {}
        _ => {
            return Err(ApiError::invalid(
                "This invoice cannot be sent right now. Please contact us via \
                 https://support.stripe.com/contact with details, so we can help.",
            ));
        }
    }
    invoice::send(world, id);
    if text(world.peek(id), "status") == "paid" {
        after_payment(world, id, Collect::Paid);
    }
    Ok(world.copy(id))
}

/// `POST /v1/invoices/{id}/mark_uncollectible`.
fn mark_uncollectible(world: &mut World<'_>, id: &str) -> Result<Value, ApiError> {
    match text(&world.at_path(Kind::Invoice, id)?, "status") {
        "open" => {}
        "uncollectible" => {
            return Err(ApiError::invalid("This invoice has already been marked uncollectible."));
        }
        _ => return Err(invoice::not_open()),
    }
    if invoice_payment::attached(world, id, "open") {
        return Err(ApiError::invalid("Invoices with `open` payments cannot be marked uncollectible."));
    }
    invoice::close(world, id, "uncollectible", "marked_uncollectible_at");
    Ok(world.copy(id))
}

/// `POST /v1/invoices/{id}/void`.
fn void(world: &mut World<'_>, id: &str) -> Result<Value, ApiError> {
    match text(&world.at_path(Kind::Invoice, id)?, "status") {
        "open" | "uncollectible" => {}
        "paid" => return Err(ApiError::invalid("Invoices with `paid` payments cannot be voided.")),
        _ => return Err(invoice::not_open()),
    }
    if let Some(status) =
        ["paid", "open"].into_iter().find(|status| invoice_payment::attached(world, id, status))
    {
        return Err(ApiError::invalid(format!("Invoices with `{status}` payments cannot be voided.")));
    }
    invoice::close(world, id, "void", "voided_at");
    Ok(world.copy(id))
}
