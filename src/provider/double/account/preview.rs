//! The invoice that would come: `POST /v1/invoices/create_preview`. What is asked about is really done, and undone
//! again, so that a preview cannot differ from what follows (<https://docs.stripe.com/api/invoices/create_preview>).

use serde_json::{Map, Value, json};

use super::renewal::{self, move_to};
use super::{
    World, automatic_tax, billing_mode, change, invoice_item, invoice_route, item, resume, subscription,
};
use crate::provider::double::error::ApiError;
use crate::provider::double::params::{Is, Params, Table};
use crate::provider::double::store::Kind;
use crate::stripe::object::{NULL, int, put, text};

const DETAILS: Table = &[
    ("billing_cycle_anchor", Is::TimeOr(&["now", "unchanged"])),
    ("billing_mode", billing_mode::BILLING_MODE),
    ("cancel_at", subscription::CANCEL_AT),
    ("cancel_at_period_end", Is::Bool),
    ("cancel_now", Is::Bool),
    ("items", Is::Rows(item::CHANGED)),
    ("proration_behavior", subscription::PRORATION_BEHAVIOR),
    ("proration_date", Is::Int),
    ("resume_at", Is::Choice(&["now"])),
    ("start_date", Is::Int),
    ("trial_end", Is::Time),
    ("billing_schedules", Is::NotModelled),
    ("default_tax_rates", Is::NotModelled),
    ("prebilling", Is::NotModelled),
];

pub(crate) const PREVIEW: Table = &[
    ("currency", Is::Text),
    ("customer", Is::Text),
    ("invoice_items", Is::Rows(invoice_item::PREVIEWED)),
    ("preview_mode", Is::Choice(&["next", "recurring"])),
    ("subscription", Is::Text),
    ("subscription_details", Is::Fields(DETAILS)),
    ("automatic_tax", automatic_tax::AUTOMATIC_TAX),
    ("customer_account", Is::NotModelled),
    ("customer_details", Is::NotModelled),
    ("discounts", Is::NotModelled),
    ("issuer", Is::NotModelled),
    ("on_behalf_of", Is::NotModelled),
    ("schedule", Is::NotModelled),
    ("schedule_details", Is::NotModelled),
];

/// `POST /v1/invoices/create_preview`.
pub(crate) fn create_preview(world: &mut World<'_>, params: &Params) -> Result<Value, ApiError> {
    if params.text("preview_mode") == Some("recurring") {
        return Err(ApiError::not_modelled("preview_mode=recurring of POST /v1/invoices/create_preview"));
    }
    let mut invoice = world.rehearse(|world| come_to(world, params).map(|id| world.copy(&id)))?;
    let tax = params.given("automatic_tax");
    automatic_tax::check_liability(world, tax)?;
    let located = automatic_tax::is_located(world, text(&invoice, "customer"));
    automatic_tax::lay(&mut invoice, tax, located);
    let mut id = "upcoming_in_".to_owned();
    world.part.ids.letters(&mut id, 24);
    Ok(shown(invoice, &id))
}

/// What the next invoice of a subscription would be, for `invoice.upcoming`: it has no id yet.
pub(crate) fn upcoming(world: &mut World<'_>, subscription: &str) -> Option<Value> {
    let invoice = world.rehearse(|world| next(world, subscription).map(|id| world.copy(&id))).ok()?;
    let mut invoice = shown(invoice, "");
    if let Value::Object(fields) = &mut invoice {
        fields.shift_remove("id");
    }
    Some(invoice)
}

fn shown(mut invoice: Value, id: &str) -> Value {
    put(&mut invoice, "id", id);
    put(&mut invoice, "billing_reason", "upcoming");
    put(&mut invoice, "automatically_finalizes_at", NULL);
    if let Some(list) = invoice.get_mut("lines") {
        put(list, "url", format!("/v1/invoices/{id}/lines"));
        if let Some(Value::Array(lines)) = list.get_mut("data") {
            lines.iter_mut().for_each(|line| put(line, "invoice", id));
        }
    }
    invoice
}

/// Does what is asked about; gives the draft that it comes to.
fn come_to(world: &mut World<'_>, params: &Params) -> Result<String, ApiError> {
    let subscription = match params.text("subscription") {
        Some(id) => Some(world.named_by(Kind::Subscription, id, "subscription")?),
        None => None,
    };
    let customer = match (&subscription, params.text("customer")) {
        (Some(subscription), _) => text(subscription, "customer").to_owned(),
        (None, Some(customer)) => customer.to_owned(),
        (None, None) => return Err(ApiError::missing_param("customer")),
    };
    let holder = world.named_by(Kind::Customer, &customer, "customer")?;
    let currency = params.text("currency").or_else(|| holder["currency"].as_str()).unwrap_or("usd");
    for given in params.list("invoice_items") {
        invoice_item::pend(world, &customer, given, currency)?;
    }
    let none = json!({});
    let details = params.given("subscription_details").filter(|given| given.is_object()).unwrap_or(&none);
    match subscription {
        Some(subscription) => of_subscription(world, text(&subscription, "id"), details),
        None if !details["items"].is_null() => of_new(world, &customer, details),
        None => of_customer(world, &customer),
    }
}

fn of_subscription(world: &mut World<'_>, id: &str, details: &Value) -> Result<String, ApiError> {
    let mode = &details["billing_mode"]["type"];
    if !mode.is_null() && *mode != world.peek(id)["billing_mode"]["type"] {
        return Err(ApiError::not_modelled("previewing a subscription in another billing mode"));
    }
    let before = world.peek(id)["latest_invoice"].clone();
    if details["cancel_now"] == true {
        let mut given = json!({ "invoice_now": true });
        put(&mut given, "prorate", details["proration_behavior"] != "none");
        subscription::cancel(world, id, &read(&given, subscription::CANCEL)?)?;
    } else if details["resume_at"] == "now" {
        resume::resume(world, id, &Params::default())?;
    } else {
        let mut given = Map::new();
        for (name, value) in details.as_object().into_iter().flatten() {
            if change::UPDATE.iter().any(|(known, _)| known == name) {
                given.insert(name.clone(), value.clone());
            }
        }
        if !given.is_empty() {
            change::update(world, id, &read(&Value::Object(given), change::UPDATE)?)?;
        }
    }
    match world.peek(id)["latest_invoice"].as_str() {
        Some(latest) if before != latest => Ok(latest.to_owned()),
        _ => next(world, id),
    }
}

fn read(given: &Value, table: Table) -> Result<Params, ApiError> {
    let none = Map::new();
    Params::read(given.as_object().unwrap_or(&none), table, &"POST /v1/invoices/create_preview")
}

/// The first invoice of a subscription that there is not yet.
fn of_new(world: &mut World<'_>, customer: &str, details: &Value) -> Result<String, ApiError> {
    let mut given = json!({ "customer": customer, "payment_behavior": "default_incomplete" });
    for name in
        ["billing_mode", "cancel_at", "cancel_at_period_end", "items", "proration_behavior", "trial_end"]
    {
        if !details[name].is_null() {
            put(&mut given, name, details[name].clone());
        }
    }
    if details["billing_cycle_anchor"].is_i64() {
        put(&mut given, "billing_cycle_anchor", details["billing_cycle_anchor"].clone());
    }
    if details["start_date"].as_i64().is_some_and(|since| since < world.second()) {
        put(&mut given, "backdate_start_date", details["start_date"].clone());
    }
    let made = subscription::create(world, &read(&given, subscription::CREATE)?, None)?;
    match made["latest_invoice"].as_str() {
        Some(invoice) => Ok(invoice.to_owned()),
        None => next(world, text(&made, "id")),
    }
}

/// The next of all the customer's subscriptions, or what is pending without any.
fn of_customer(world: &mut World<'_>, customer: &str) -> Result<String, ApiError> {
    let running = world.ids_where(Kind::Subscription, "customer", customer).into_iter().filter(|id| {
        let subscription = world.peek(id);
        !subscription::is_over(subscription) && text(subscription, "status") != "incomplete"
    });
    match running.min_by_key(|id| item::period_of(world.peek(id)).1) {
        Some(id) => next(world, &id),
        None if invoice_item::take_pending(world, customer, None).is_empty() => Err(none_for(customer)),
        None => {
            let made = invoice_route::collect_pending(world, customer)?;
            Ok(text(&made, "id").to_owned())
        }
    }
}

/// The invoice at the end of the period that runs.
fn next(world: &mut World<'_>, id: &str) -> Result<String, ApiError> {
    let subscription = world.copy(id);
    let customer = text(&subscription, "customer");
    let (_, ends) = item::period_of(&subscription);
    let over = subscription::is_over(&subscription)
        || matches!(text(&subscription, "status"), "paused" | "incomplete");
    if over {
        return Err(none_for(customer));
    }
    if int(&subscription, "cancel_at") > 0 && int(&subscription, "cancel_at") <= ends {
        if invoice_item::take_pending(world, customer, Some(id)).is_empty() {
            return Err(none_for(customer));
        }
        move_to(world, int(&subscription, "cancel_at"));
        subscription::end_with_invoice(world, id, &json!({}));
        return Ok(text(world.peek(id), "latest_invoice").to_owned());
    }
    move_to(world, ends);
    Ok(renewal::begin(world, id))
}

fn none_for(customer: &str) -> ApiError {
    ApiError::invalid_param("customer", format!("No upcoming invoices for customer: {customer}"))
        .with_code("invoice_upcoming_none")
        .with_status(404)
}
