//! Phases of a subscription schedule: read from parameters, and laid over the subscription when they begin.
//!
//! A phase begins as an update of the subscription does: the same function changes the items and prorates.

use serde_json::{Map, Value, json};

use super::billing_mode::Mode;
use super::redemption::{self, Buyer};
use super::{World, automatic_tax, catalog, change, invoice_item, item, period, tax_rate};
use crate::provider::double::error::ApiError;
use crate::provider::double::params::{Is, Params, Table};
use crate::provider::double::store::Kind;
use crate::stripe::object::{NULL, data, int, put, schedule, text};

const INTERVALS: Is = Is::Choice(&["day", "week", "month", "year"]);

pub(crate) const PRORATIONS: Is = Is::Choice(&["always_invoice", "create_prorations", "none"]);

/// A row of `phases`.
pub(crate) const PHASE: Table = &[
    ("items", Is::Needed(&Is::Rows(ITEM))),
    ("start_date", Is::Time),
    ("end_date", Is::Time),
    ("duration", Is::Fields(&[("interval", Is::Needed(&INTERVALS)), ("interval_count", Is::Int)])),
    // How versions before 2025-09-30.clover say how long a phase is.
    ("iterations", Is::Int),
    ("trial", Is::Bool),
    ("trial_end", Is::Int),
    ("billing_cycle_anchor", Is::Choice(&["automatic", "phase_start"])),
    ("collection_method", Is::Choice(&["charge_automatically", "send_invoice"])),
    ("currency", Is::Text),
    ("default_payment_method", Is::Text),
    ("default_tax_rates", Is::Texts),
    ("description", Is::Text),
    ("discounts", redemption::ROWS),
    ("invoice_settings", Is::Map),
    ("metadata", Is::Meta),
    ("proration_behavior", PRORATIONS),
    ("add_invoice_items", Is::Rows(invoice_item::EXTRA)),
    ("application_fee_percent", Is::NotModelled),
    ("automatic_tax", automatic_tax::AUTOMATIC_TAX),
    ("billing_thresholds", Is::NotModelled),
    ("coupon", Is::NotModelled),
    ("on_behalf_of", Is::NotModelled),
    ("transfer_data", Is::NotModelled),
];

const ITEM: Table = &[
    ("price", Is::Text),
    ("plan", Is::Text),
    ("price_data", Is::Fields(catalog::PRICE_DATA)),
    ("quantity", Is::Int),
    ("metadata", Is::Meta),
    ("tax_rates", Is::Texts),
    ("discounts", Is::NotModelled),
    ("billing_thresholds", Is::NotModelled),
];

/// What a phase says of its own, and the subscription takes over.
const FIELDS: [&str; 8] = [
    "billing_cycle_anchor",
    "collection_method",
    "currency",
    "default_payment_method",
    "description",
    "invoice_settings",
    "metadata",
    "proration_behavior",
];

/// The most phases of one schedule.
const MOST: usize = 10;

/// Phases that follow each other from `start` on, of a customer's subscription in that billing mode.
pub(crate) fn read(
    world: &mut World<'_>,
    customer: &str,
    given: &[Value],
    (start, mode): (i64, Mode),
) -> Result<Vec<Value>, ApiError> {
    if given.is_empty() {
        return Err(ApiError::missing_param("phases"));
    }
    if given.len() > MOST {
        let message = "Subscription schedules can have at most 10 current and future phases.";
        return Err(ApiError::invalid_param("phases", message));
    }
    let mut phases = Vec::new();
    let mut starts = start;
    for (at, given) in given.iter().enumerate() {
        let phase = one(world, customer, given, (starts, mode), &format!("phases[{at}]"))?;
        starts = int(&phase, "end_date");
        phases.push(phase);
    }
    Ok(phases)
}

fn one(
    world: &mut World<'_>,
    customer: &str,
    given: &Value,
    (starts, mode): (i64, Mode),
    param: &str,
) -> Result<Value, ApiError> {
    let rows = given["items"].as_array().map_or(&[][..], Vec::as_slice);
    let sold = item::read_new(world, customer, rows, mode)?;
    let same = period::all_same(sold.iter().map(|item| &item.price["recurring"]));
    if !given["iterations"].is_null() && !same {
        return Err(ApiError::not_modelled(&format!("{param}[iterations] of items of different intervals")));
    }
    let first = sold.first().map_or(NULL, |item| item.price.clone());
    let ends = end(world, given, starts, &first["recurring"], param)?;
    let items = sold.iter().map(|sold| {
        let metered = sold.price["recurring"]["usage_type"] == "metered";
        let mut item = schedule::item(text(&sold.price, "id"), (!metered).then_some(sold.quantity));
        put(&mut item, "tax_rates", sold.tax_rates.clone());
        if sold.metadata.is_object() {
            put(&mut item, "metadata", sold.metadata.clone());
        }
        item
    });
    let mut phase = schedule::phase(items.collect(), text(&first, "currency"), (starts, ends));
    let rows = given["add_invoice_items"].as_array().map_or(&[][..], Vec::as_slice);
    let extra = invoice_item::read_extra(world, customer, rows)?;
    put(
        &mut phase,
        "add_invoice_items",
        extra.iter().map(|sold| shown_extra(world, sold)).collect::<Vec<_>>(),
    );
    automatic_tax::check_liability_in(world, given.get("automatic_tax"), &format!("{param}[automatic_tax]"))?;
    automatic_tax::of_phase(&mut phase, &given["automatic_tax"]);
    lay(world, customer, &mut phase, given, param)?;
    Ok(phase)
}

/// What is sold once when a phase begins, as the phase shows it.
fn shown_extra(world: &World<'_>, sold: &item::New) -> Value {
    let discounts: Vec<Value> = sold.discounts.iter().map(|redeem| shown_discount(world, redeem)).collect();
    let metadata = if sold.metadata.is_object() { sold.metadata.clone() } else { json!({}) };
    schedule::extra(text(&sold.price, "id"), sold.quantity, (discounts, metadata, sold.tax_rates.clone()))
}

fn shown_discount(world: &World<'_>, redeem: &redemption::Redeem) -> Value {
    let mut shown = redeem.shown(world);
    put(&mut shown, "discount", NULL);
    shown
}

/// What a phase that begins sells once, for the next invoice of its subscription.
pub(crate) fn sell_extra(world: &mut World<'_>, subscription: &str, phase: &Value) -> Result<(), ApiError> {
    let held = world.copy(subscription);
    for extra in invoice_item::read_extra(world, text(&held, "customer"), &extra_rows(phase))? {
        invoice_item::extra(world, &held, &extra);
    }
    Ok(())
}

/// `add_invoice_items` as parameters.
fn extra_rows(phase: &Value) -> Vec<Value> {
    let row = |row: &Value| {
        let mut given = sold(row);
        let discounts = given_discounts(row);
        if !discounts.is_empty() {
            put(&mut given, "discounts", discounts);
        }
        given
    };
    phase["add_invoice_items"].as_array().into_iter().flatten().map(row).collect()
}

/// What a phase says beside its items and dates.
fn lay(
    world: &World<'_>,
    customer: &str,
    phase: &mut Value,
    given: &Value,
    param: &str,
) -> Result<(), ApiError> {
    let ends = int(phase, "end_date");
    for name in FIELDS {
        if !given[name].is_null() {
            put(phase, name, given[name].clone());
        }
    }
    if let Some(method) = given["default_payment_method"].as_str() {
        world.named_by(Kind::PaymentMethod, method, &format!("{param}[default_payment_method]"))?;
    }
    let list = |name: &str| given[name].as_array().map_or(&[][..], Vec::as_slice);
    let buyer = Buyer { customer, amount: None };
    let discounts = redemption::rows(world, list("discounts"), &format!("{param}[discounts]"), buyer)?;
    let shown = discounts.iter().map(|redeem| shown_discount(world, redeem));
    put(phase, "discounts", shown.collect::<Vec<_>>());
    let rates = tax_rate::named(world, list("default_tax_rates"), &format!("{param}[default_tax_rates]"))?;
    put(phase, "default_tax_rates", rates);
    match (given["trial"].as_bool(), given["trial_end"].as_i64()) {
        (Some(true), _) => put(phase, "trial_end", ends),
        (_, Some(end)) if end > ends || end <= int(phase, "start_date") => {
            let param = format!("{param}[trial_end]");
            return Err(ApiError::invalid_param(&param, "The trial must end within its phase."));
        }
        (_, Some(end)) => put(phase, "trial_end", end),
        _ => {}
    }
    Ok(())
}

/// When a phase ends: it says so, or how long it is; one interval of its price where it says nothing.
fn end(
    world: &World<'_>,
    given: &Value,
    starts: i64,
    recurring: &Value,
    param: &str,
) -> Result<i64, ApiError> {
    let named = ["end_date", "duration", "iterations"].iter().filter(|name| !given[**name].is_null()).count();
    if named > 1 {
        let message =
            format!("You may only specify one of these parameters: {param}[duration], {param}[end_date].");
        return Err(ApiError::invalid_param(&format!("{param}[end_date]"), message));
    }
    let times = |recurring: &Value, times: i64| {
        let count = int(recurring, "interval_count").max(1).saturating_mul(times);
        let steps = json!({ "interval": recurring["interval"], "interval_count": count });
        period::end(starts, starts, &steps)
    };
    let iterations = given["iterations"].as_i64().unwrap_or(1);
    let many = given["duration"]["interval_count"].as_i64().unwrap_or(1);
    if !(1..=1_000).contains(&iterations) || !(1..=1_000).contains(&many) {
        return Err(ApiError::invalid_param(param, "Invalid positive integer"));
    }
    let ends = match (&given["end_date"], &given["duration"]) {
        (Value::String(_), _) => world.second(),
        (Value::Number(end), _) => end.as_i64().unwrap_or_default(),
        (_, duration @ Value::Object(_)) => times(&json!({ "interval": duration["interval"] }), many),
        _ => times(recurring, iterations),
    };
    if ends <= starts || ends > starts.saturating_add(40_000 * period::DAY) {
        let param = format!("{param}[end_date]");
        return Err(ApiError::invalid_param(&param, "A phase must end after it starts."));
    }
    Ok(ends)
}

/// What a subscription is now, as the phase that its current period is.
pub(crate) fn of_subscription(subscription: &Value) -> Value {
    let item = |held: &Value| {
        let mut item = schedule::item(text(&held["price"], "id"), held["quantity"].as_i64());
        put(&mut item, "metadata", held["metadata"].clone());
        put(&mut item, "tax_rates", held["tax_rates"].clone());
        item
    };
    let items = data(&subscription["items"]).iter().map(item).collect();
    let mut phase = schedule::phase(items, text(subscription, "currency"), item::period_of(subscription));
    for name in ["collection_method", "default_payment_method", "default_tax_rates", "description"] {
        put(&mut phase, name, subscription[name].clone());
    }
    if subscription["automatic_tax"]["enabled"] == true {
        automatic_tax::of_phase(&mut phase, &automatic_tax::as_given(&subscription["automatic_tax"]));
    }
    if text(subscription, "status") == "trialing" {
        put(&mut phase, "trial_end", subscription["trial_end"].clone());
    }
    phase
}

/// The parameters with which a subscription is made in this phase.
pub(crate) fn starting(phase: &Value, settings: &Value, customer: &str) -> Value {
    let mut params = settings_of(phase, settings);
    let items: Vec<_> = rows(phase).iter().map(sold).collect();
    put(&mut params, "customer", customer);
    put(&mut params, "items", items);
    let extra = extra_rows(phase);
    if !extra.is_empty() {
        put(&mut params, "add_invoice_items", extra);
    }
    params
}

fn rows(phase: &Value) -> &[Value] {
    phase["items"].as_array().map_or(&[], Vec::as_slice)
}

fn sold(row: &Value) -> Value {
    let mut sold = json!({ "price": row["price"], "metadata": row["metadata"] });
    if !row["quantity"].is_null() {
        put(&mut sold, "quantity", row["quantity"].clone());
    }
    let rates: Vec<_> =
        row["tax_rates"].as_array().into_iter().flatten().map(|rate| rate["id"].clone()).collect();
    if !rates.is_empty() {
        put(&mut sold, "tax_rates", rates);
    }
    sold
}

/// What a phase, or else the schedule, says about everything but items.
fn settings_of(phase: &Value, settings: &Value) -> Value {
    let mut params = Value::Object(Map::new());
    for name in ["collection_method", "default_payment_method", "description"] {
        let own = if phase[name].is_null() { &settings[name] } else { &phase[name] };
        if !own.is_null() {
            put(&mut params, name, own.clone());
        }
    }
    if phase["metadata"].as_object().is_some_and(|metadata| !metadata.is_empty()) {
        put(&mut params, "metadata", phase["metadata"].clone());
    }
    let days = &phase["invoice_settings"]["days_until_due"];
    let days = if days.is_null() { &settings["invoice_settings"]["days_until_due"] } else { days };
    if !days.is_null() {
        put(&mut params, "days_until_due", days.clone());
    }
    if !phase["trial_end"].is_null() {
        put(&mut params, "trial_end", phase["trial_end"].clone());
    }
    let tax =
        if phase["automatic_tax"].is_object() { &phase["automatic_tax"] } else { &settings["automatic_tax"] };
    put(&mut params, "automatic_tax", automatic_tax::as_given(tax));
    let discounts = given_discounts(phase);
    if !discounts.is_empty() {
        put(&mut params, "discounts", discounts);
    }
    let rates = phase["default_tax_rates"].as_array().into_iter().flatten();
    let rates: Vec<_> = rates.map(|rate| rate["id"].clone()).collect();
    if !rates.is_empty() {
        put(&mut params, "default_tax_rates", rates);
    }
    params
}

/// `discounts` as a parameter: what each row names.
fn given_discounts(object: &Value) -> Vec<Value> {
    let row = |row: &Value| {
        let named = row.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
        Value::Object(named.map(|(key, value)| (key.clone(), value.clone())).collect())
    };
    object["discounts"].as_array().into_iter().flatten().map(row).collect()
}

/// Makes a subscription what the phase says: items of prices that stay keep their ids.
pub(crate) fn apply(
    world: &mut World<'_>,
    subscription: &str,
    phase: &Value,
    settings: &Value,
    proration: &str,
) -> Result<(), ApiError> {
    let held = world.copy(subscription);
    let mut wanted: Vec<_> = rows(phase).iter().map(sold).collect();
    let mut items = Vec::new();
    for item in data(&held["items"]) {
        match wanted.iter().position(|row| row["price"] == item["price"]["id"]) {
            Some(at) => {
                let mut row = wanted.remove(at);
                if let Some(row) = row.as_object_mut() {
                    row.shift_remove("price");
                }
                put(&mut row, "id", item["id"].clone());
                items.push(row);
            }
            None => items.push(json!({ "id": item["id"], "deleted": true })),
        }
    }
    items.extend(wanted);
    let mut params = settings_of(phase, settings);
    // A trial that runs already, or is over, needs no word.
    let trial = phase["trial_end"].as_i64();
    if trial.is_some_and(|end| end <= world.second() || held["trial_end"] == end) {
        params.as_object_mut().map(|params| params.shift_remove("trial_end"));
    }
    // Nothing of a period that is over is left to be prorated.
    let (_, ends) = item::period_of(&held);
    let proration = if ends <= world.second() { "none" } else { proration };
    if phase["billing_cycle_anchor"] == "phase_start" && int(phase, "start_date") == world.second() {
        put(&mut params, "billing_cycle_anchor", "now");
    }
    put(&mut params, "items", items);
    put(&mut params, "proration_behavior", proration);
    let none = Map::new();
    let table = change::UPDATE;
    let params = Params::read(params.as_object().unwrap_or(&none), table, &"a phase of a schedule")?;
    change::update(world, subscription, &params).map(|_| ())
}
