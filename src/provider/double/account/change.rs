//! Updates of a subscription: items with proration, cancellation at the period's end, trials, pauses.

use serde_json::{Value, json};

use super::invoice::{self, Draft};
use super::payment::{self, Collect};
use super::redemption::{self, Buyer};
use super::subscription::{self, FIELDS, is_over};
use super::{World, entitlement, invoice_item, item, period, proration, put_all, tax_rate};
use crate::provider::double::error::ApiError;
use crate::provider::double::params::{Is, Params, Table};
use crate::provider::double::store::Kind;
use crate::stripe::object::{NULL, data, merge, put, text};

pub(crate) const UPDATE: Table = &[
    ("items", Is::Rows(item::CHANGED)),
    ("cancel_at_period_end", Is::Bool),
    ("cancel_at", Is::Int),
    ("cancellation_details", Is::Map),
    ("collection_method", Is::Choice(&["charge_automatically", "send_invoice"])),
    ("days_until_due", Is::Int),
    ("default_payment_method", Is::Text),
    ("description", Is::Text),
    ("metadata", Is::Meta),
    ("off_session", Is::Bool),
    ("pause_collection", Is::Map),
    (
        "payment_behavior",
        Is::Choice(&[
            "allow_incomplete",
            "default_incomplete",
            "error_if_incomplete",
            "pending_if_incomplete",
        ]),
    ),
    ("payment_settings", Is::Map),
    ("proration_behavior", Is::Choice(&["create_prorations", "none", "always_invoice"])),
    ("trial_end", Is::Time),
    ("trial_settings", Is::Map),
    ("invoice_settings", Is::Map),
    ("add_invoice_items", Is::NotModelled),
    ("automatic_tax", Is::NotModelled),
    ("billing_cycle_anchor", Is::NotModelled),
    ("billing_thresholds", Is::NotModelled),
    ("default_tax_rates", Is::Texts),
    ("discounts", redemption::ROWS),
    ("coupon", Is::Text),
    ("promotion_code", Is::Text),
    ("proration_date", Is::NotModelled),
    ("pending_invoice_item_interval", Is::NotModelled),
    ("trial_from_plan", Is::Bool),
    ("transfer_data", Is::NotModelled),
];

/// `POST /v1/subscriptions/{id}`.
pub(crate) fn update(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    let before = world.at_path(Kind::Subscription, id)?;
    if is_over(&before) && !only_texts(params) {
        return Err(ApiError::invalid(
            "A canceled subscription can only update its cancellation_details and metadata.",
        ));
    }
    let mut after = before.clone();
    params.apply(&mut after, &FIELDS);
    params.apply(&mut after, &["cancellation_details"]);
    if let Some(method) = params.text("default_payment_method") {
        let method = payment::attach(world, method, text(&before, "customer"), "default_payment_method")?;
        put(&mut after, "default_payment_method", method);
    }
    if let Some(pause) = params.given("pause_collection") {
        put(&mut after, "pause_collection", paused(pause)?);
    }
    if !params.list("items").is_empty() {
        let items = item::read_changed(world, &before, params.list("items"))?;
        item::replace(&mut after, items);
    }
    lay_discounts(world, &mut after, params)?;
    let anew = starts_anew(world, &before, &after, params)?;
    lay_end(&mut after, params, world.second());
    if anew {
        begin_anew(world, &mut after);
    }
    if let Some((_, fields)) = world.overlay.take() {
        merge(&mut after, &fields);
    }
    apply(world, &before, after, params, anew);
    Ok(world.copy(id))
}

/// `discounts` and `default_tax_rates`.
fn lay_discounts(world: &mut World<'_>, subscription: &mut Value, params: &Params) -> Result<(), ApiError> {
    if params.given("default_tax_rates").is_some() {
        let rates = tax_rate::named(world, params.list("default_tax_rates"), "default_tax_rates")?;
        put(subscription, "default_tax_rates", rates);
    }
    let (customer, id) = (text(subscription, "customer").to_owned(), text(subscription, "id").to_owned());
    let buyer = Buyer { customer: &customer, amount: None };
    let Some(wanted) = redemption::asked(world, params, buyer)? else { return Ok(()) };
    let on = [("customer", customer.as_str()), ("subscription", id.as_str())];
    let ids: Vec<_> = wanted.iter().map(|wanted| redemption::redeem(world, wanted, &on)).collect();
    put(subscription, "discounts", ids);
    Ok(())
}

fn only_texts(params: &Params) -> bool {
    UPDATE
        .iter()
        .all(|(name, _)| ["metadata", "cancellation_details"].contains(name) || params.given(name).is_none())
}

fn paused(given: &Value) -> Result<Value, ApiError> {
    let Value::Object(_) = given else { return Ok(NULL) };
    let behavior = text(given, "behavior");
    if !["keep_as_draft", "mark_uncollectible", "void"].contains(&behavior) {
        return Err(ApiError::invalid_param(
            "pause_collection[behavior]",
            "Invalid pause_collection[behavior]: must be one of keep_as_draft, mark_uncollectible, or void",
        ));
    }
    let resumes =
        crate::provider::double::params::nested_int(&given["resumes_at"], "pause_collection[resumes_at]")?;
    Ok(json!({ "behavior": behavior, "resumes_at": resumes }))
}

/// A trial that ends now, or another interval, begins a new period at once.
fn starts_anew(world: &World<'_>, before: &Value, after: &Value, params: &Params) -> Result<bool, ApiError> {
    let interval = |subscription: &Value| {
        let recurring = &data(&subscription["items"]).first().unwrap_or(&NULL)["price"]["recurring"];
        (recurring["interval"].clone(), recurring["interval_count"].clone())
    };
    if data(&after["items"]).iter().any(|item| {
        let recurring = &item["price"]["recurring"];
        (recurring["interval"].clone(), recurring["interval_count"].clone()) != interval(after)
    }) {
        return Err(ApiError::not_modelled("a subscription whose items have different intervals"));
    }
    let trialing = text(before, "status") == "trialing";
    match params.given("trial_end") {
        Some(Value::String(_)) => Ok(trialing),
        Some(Value::Number(end)) if end.as_i64().is_some_and(|end| end > world.second()) => {
            Err(ApiError::not_modelled("moving the end of a trial"))
        }
        Some(Value::Number(_)) => {
            Err(ApiError::invalid_param("trial_end", "Invalid timestamp: must be in the future."))
        }
        _ => Ok(!trialing && interval(before) != interval(after)),
    }
}

/// A new period from now on.
pub(crate) fn begin_anew(world: &World<'_>, subscription: &mut Value) {
    let now = world.second();
    let recurring = data(&subscription["items"]).first().unwrap_or(&NULL)["price"]["recurring"].clone();
    let ends = period::end(now, now, &recurring);
    put(subscription, "billing_cycle_anchor", now);
    if text(subscription, "status") == "trialing" {
        put_all(subscription, [("status", "active".into()), ("trial_end", now.into())]);
    }
    set_periods(subscription, (now, ends));
}

pub(crate) fn set_periods(subscription: &mut Value, period: (i64, i64)) {
    if let Some(Value::Array(items)) = subscription.get_mut("items").and_then(|list| list.get_mut("data")) {
        items.iter_mut().for_each(|item| item::set_period(item, period));
    }
}

/// `cancel_at_period_end` and `cancel_at`, and what they change beside.
fn lay_end(subscription: &mut Value, params: &Params, now: i64) {
    let (_, ends) = item::period_of(subscription);
    let at = match (params.given("cancel_at_period_end"), params.given("cancel_at")) {
        (Some(Value::Bool(true)), _) => ends.into(),
        (_, Some(at)) => at.clone(),
        (Some(_), None) => NULL,
        (None, None) => return,
    };
    let asked = if at.is_null() { NULL } else { now.into() };
    let reason = if at.is_null() { NULL } else { "cancellation_requested".into() };
    put_all(
        subscription,
        [
            ("cancel_at", at),
            ("cancel_at_period_end", params.is_true("cancel_at_period_end").into()),
            ("canceled_at", asked),
        ],
    );
    if let Some(details) = subscription.get_mut("cancellation_details") {
        put(details, "reason", reason);
    }
}

/// The same on a subscription that has just begun, without an event of its own.
pub(crate) fn set_end(world: &mut World<'_>, id: &str, params: &Params) {
    let now = world.second();
    world.change(id, |subscription| lay_end(subscription, params, now));
}

/// Prorates, tells, and bills what cannot wait.
fn apply(world: &mut World<'_>, before: &Value, after: Value, params: &Params, anew: bool) {
    let id = text(before, "id").to_owned();
    let customer = text(before, "customer").to_owned();
    let behavior = params.text("proration_behavior").unwrap_or("create_prorations");
    let running = matches!(text(before, "status"), "active" | "past_due" | "unpaid");
    if behavior != "none" && running {
        proration::prorate(world, before, &after, anew);
    }
    let bill = anew || running && behavior == "always_invoice";
    let invoice = bill.then(|| world.mint("in"));
    let mut after = after;
    if let Some(invoice) = &invoice {
        put(&mut after, "latest_invoice", invoice.as_str());
    }
    world.update("customer.subscription.updated", &id, |subscription| *subscription = after.clone());
    redemption::tell_changes(world, &redemption::held_by(before), &redemption::held_by(&after));
    if let Some(invoice) = invoice {
        bill_now(world, &after, invoice, anew);
    }
    entitlement::refresh(world, &customer);
}

fn bill_now(world: &mut World<'_>, subscription: &Value, invoice: String, anew: bool) {
    let customer = text(subscription, "customer").to_owned();
    let pending = invoice_item::take_pending(world, &customer, Some(text(subscription, "id")));
    let mut lines = invoice_item::lines(world, &pending);
    if anew {
        lines.extend(subscription::lines_of(world, subscription));
    }
    let draft = Draft {
        id: Some(invoice),
        customer: &customer,
        currency: text(subscription, "currency"),
        reason: "subscription_update",
        lines,
        subscription,
        period: item::period_of(subscription),
        discounts: None,
        tax_rates: None,
    };
    let invoice = invoice::draft(world, draft);
    invoice_item::settle_on(world, &pending, &invoice);
    invoice::finalize(world, &invoice);
    if text(world.peek(&invoice), "status") != "open" {
        return;
    }
    let method = subscription["default_payment_method"].as_str().map(str::to_owned);
    let Some(method) = method.or_else(|| payment::default_of(world, &customer)) else { return };
    let how = payment::outcome_of(world.peek(&method));
    invoice::pay(world, &invoice, &method, how, None);
    if how != Collect::Paid {
        subscription::after_payment(world, &invoice, how);
    }
}
