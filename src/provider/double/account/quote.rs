//! Quotes: what a customer is offered, and what becomes of it once it is accepted
//! (<https://docs.stripe.com/quotes>).

use serde_json::{Map, Value, json};

use super::redemption::{self, Buyer, Redeem};
use super::{
    World, automatic_tax, billing_mode, catalog, checkout, invoice_line, invoice_route, item, payment,
    put_all, schedule, subscription, tax_rate,
};
use crate::provider::double::error::ApiError;
use crate::provider::double::list::{self, AS_USUAL, CUSTOMER, PARAMS};
use crate::provider::double::params::{Is, Params, Table};
use crate::provider::double::route::{Asked, Route};
use crate::provider::double::state::Account;
use crate::provider::double::store::Kind;
use crate::stripe::object::{NULL, int, object, put, quote, text};

pub(crate) const ROUTES: &[Route] = &[
    Route::list(
        "/v1/quotes",
        Kind::Quote,
        &[
            CUSTOMER,
            ("status", Is::Choice(&["accepted", "canceled", "draft", "open"])),
            ("test_clock", Is::Text),
        ],
        AS_USUAL,
    ),
    Route::retrieve("/v1/quotes/{id}", Kind::Quote),
    Route::read("/v1/quotes/{id}/line_items", PARAMS, |account, asked| lines_of(account, asked, false)),
    Route::read("/v1/quotes/{id}/computed_upfront_line_items", PARAMS, |account, asked| {
        lines_of(account, asked, true)
    }),
    Route::create("/v1/quotes", CREATE, create),
    Route::change("/v1/quotes/{id}", UPDATE, update),
    Route::change("/v1/quotes/{id}/finalize", FINALIZE, finalize),
    Route::change("/v1/quotes/{id}/accept", &[], |world, id, _| accept(world, id)),
    Route::change("/v1/quotes/{id}/cancel", &[], |world, id, _| cancel(world, id)),
];

const LINE: Table = &[
    ("price", Is::Text),
    ("price_data", Is::Fields(catalog::PRICE_DATA)),
    ("quantity", Is::Int),
    ("id", Is::NotModelled),
    ("discounts", Is::NotModelled),
    ("tax_rates", Is::NotModelled),
];

const SUBSCRIPTION_DATA: Is = Is::Fields(&[
    ("description", Is::Text),
    ("effective_date", Is::TimeOr(&["current_period_end"])),
    ("metadata", Is::Meta),
    ("trial_period_days", Is::Int),
    ("billing_mode", billing_mode::BILLING_MODE),
]);

const MODE: &str = "subscription_data[billing_mode]";

const CREATE: Table = &[
    ("customer", Is::Text),
    ("line_items", Is::Rows(LINE)),
    ("collection_method", Is::Choice(&["charge_automatically", "send_invoice"])),
    ("default_tax_rates", Is::Texts),
    ("description", Is::Text),
    ("discounts", redemption::ROWS),
    ("expires_at", Is::TimeOr(&[])),
    ("footer", Is::Text),
    ("header", Is::Text),
    ("invoice_settings", Is::Map),
    ("metadata", Is::Meta),
    ("subscription_data", SUBSCRIPTION_DATA),
    ("test_clock", Is::Text),
    ("application_fee_amount", Is::NotModelled),
    ("application_fee_percent", Is::NotModelled),
    ("automatic_tax", automatic_tax::AUTOMATIC_TAX),
    ("customer_account", Is::NotModelled),
    ("from_quote", Is::NotModelled),
    ("on_behalf_of", Is::NotModelled),
    ("transfer_data", Is::NotModelled),
];

const UPDATE: Table = &[
    ("customer", Is::Text),
    ("line_items", Is::Rows(LINE)),
    ("collection_method", Is::Choice(&["charge_automatically", "send_invoice"])),
    ("default_tax_rates", Is::Texts),
    ("description", Is::Text),
    ("discounts", redemption::ROWS),
    ("expires_at", Is::TimeOr(&[])),
    ("footer", Is::Text),
    ("header", Is::Text),
    ("invoice_settings", Is::Map),
    ("metadata", Is::Meta),
    ("subscription_data", SUBSCRIPTION_DATA),
    ("application_fee_amount", Is::NotModelled),
    ("application_fee_percent", Is::NotModelled),
    ("automatic_tax", automatic_tax::AUTOMATIC_TAX),
    ("customer_account", Is::NotModelled),
    ("on_behalf_of", Is::NotModelled),
    ("transfer_data", Is::NotModelled),
];

const FINALIZE: Table = &[("expires_at", Is::TimeOr(&[]))];

const FIELDS: [&str; 10] = [
    "collection_method",
    "customer",
    "description",
    "expires_at",
    "footer",
    "header",
    "invoice_settings",
    "metadata",
    "subscription_data",
    "test_clock",
];

/// `GET /v1/quotes/{id}/line_items`, and those of them that are paid at once.
fn lines_of(account: &Account, asked: &Asked<'_>, upfront: bool) -> Result<Value, ApiError> {
    let stored = account.find(asked.ids.id).filter(|stored| stored.kind == Kind::Quote);
    let stored = stored.ok_or_else(|| ApiError::no_such(Kind::Quote.noun(), asked.ids.id))?;
    let trial = on_trial(stored.value());
    let lines = stored.hidden()["line_items"].as_array().map_or(&[][..], Vec::as_slice);
    let kept = |line: &&Value| !(upfront && trial && recurs(line));
    let lines: Vec<_> = lines.iter().filter(kept).cloned().collect();
    list::page_of(asked, &lines, Kind::Quote, asked.path)
}

fn on_trial(quote: &Value) -> bool {
    int(&quote["subscription_data"], "trial_period_days") > 0
}

fn recurs(line: &Value) -> bool {
    !line["price"]["recurring"].is_null()
}

/// `POST /v1/quotes`.
fn create(world: &mut World<'_>, params: &Params) -> Result<Value, ApiError> {
    if let Some(clock) = params.text("test_clock") {
        world.named_by(Kind::TestClock, clock, "test_clock")?;
    }
    world.attempt(|world| {
        let id = world.mint("qt");
        let mut made = quote::quote(&id, world.second());
        let mode = billing_mode::read(world, None, MODE)?;
        if let Some(data) = made.get_mut("subscription_data") {
            put(data, "billing_mode", mode);
        }
        let mut hidden = object! { "line_items": json!([]), "rows": json!([]) };
        lay(world, &mut made, &mut hidden, params)?;
        let made = world.insert_with(Kind::Quote, made, hidden);
        world.event("quote.created", made.clone(), None);
        Ok(made)
    })
}

/// `POST /v1/quotes/{id}`: drafts only.
fn update(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    let mut quote = world.at_path(Kind::Quote, id)?;
    only(&quote, &["draft"], "update")?;
    world.attempt(|world| {
        let mut hidden = world.hidden(id).clone();
        lay(world, &mut quote, &mut hidden, params)?;
        world.change(id, |kept| *kept = quote);
        world.change_hidden(id, |kept| *kept = hidden);
        Ok(world.copy(id))
    })
}

/// Lays parameters over a draft, and computes what it comes to.
fn lay(
    world: &mut World<'_>,
    quote: &mut Value,
    hidden: &mut Value,
    params: &Params,
) -> Result<(), ApiError> {
    if let Some(customer) = params.text("customer") {
        world.named_by(Kind::Customer, customer, "customer")?;
    }
    let effective = params.given("subscription_data").map_or(&NULL, |data| &data["effective_date"]);
    if effective.is_string() {
        return Err(ApiError::not_modelled(
            "subscription_data[effective_date]=current_period_end of a quote",
        ));
    }
    if params.int("expires_at").is_some_and(|at| at <= world.second()) {
        return Err(ApiError::invalid_param("expires_at", "The expires_at must be in the future."));
    }
    params.apply(quote, &FIELDS);
    let mode = params.given("subscription_data").and_then(|data| data.get("billing_mode"));
    if let (Some(mode @ Value::Object(_)), Some(data)) = (mode, quote.get_mut("subscription_data")) {
        put(data, "billing_mode", billing_mode::read(world, Some(mode), MODE)?);
    }
    automatic_tax::check_liability(world, params.given("automatic_tax"))?;
    // Who the customer is, and where, may be known only now.
    let taxed = automatic_tax::as_given(&quote["automatic_tax"]);
    let located = automatic_tax::is_located(world, text(quote, "customer"));
    automatic_tax::lay(quote, params.given("automatic_tax").or(Some(&taxed)), located);
    if params.given("default_tax_rates").is_some() {
        let rates = tax_rate::named(world, params.list("default_tax_rates"), "default_tax_rates")?;
        put(quote, "default_tax_rates", rates.iter().map(|rate| rate["id"].clone()).collect::<Vec<_>>());
        put(hidden, "tax_rates", rates);
    }
    if params.given("line_items").is_some() {
        let lines = read_lines(world, params.list("line_items"))?;
        put(hidden, "line_items", lines);
    }
    if params.given("discounts").is_some() {
        put(hidden, "discounts", params.list("discounts").to_vec());
    }
    compute(world, quote, hidden)
}

fn read_lines(world: &mut World<'_>, given: &[Value]) -> Result<Vec<Value>, ApiError> {
    let mut lines: Vec<Value> = Vec::new();
    for (at, given) in given.iter().enumerate() {
        let param = format!("line_items[{at}]");
        let price = catalog::price_param(world, given, &param)?;
        let quantity = item::quantity(given, &param)?.unwrap_or(1);
        let (name, amount) = (catalog::name_of(world, &price), subscription::amount(world, &price, quantity));
        if lines.first().is_some_and(|first| first["currency"] != price["currency"]) {
            return Err(ApiError::invalid("All prices of a quote must have the same currency."));
        }
        let id = world.mint("li");
        lines.push(crate::stripe::object::checkout::line_item(&id, &price, quantity, &name, amount));
    }
    Ok(lines)
}

/// The discounts that a quote asks for; they are redeemed when it is accepted.
fn redeems(world: &World<'_>, quote: &Value, hidden: &Value) -> Result<Vec<Redeem>, ApiError> {
    let rows = hidden["discounts"].as_array().map_or(&[][..], Vec::as_slice);
    redemption::rows(world, rows, "discounts", Buyer { customer: text(quote, "customer"), amount: None })
}

/// What the lines come to, at once and each time.
fn compute(world: &World<'_>, quote: &mut Value, hidden: &mut Value) -> Result<(), ApiError> {
    let discounts = redeems(world, quote, hidden)?;
    let mut lines = hidden["line_items"].as_array().cloned().unwrap_or_default();
    let rates = vec![hidden["tax_rates"].clone(); lines.len()];
    checkout::adjust_lines(world, &mut lines, &rates, &discounts, text(quote, "customer"));
    let trial = on_trial(quote);
    let sums = |of: &dyn Fn(&Value) -> bool| {
        let sum = |field: &str| {
            let amounts = lines.iter().filter(|line| of(line)).map(|line| int(line, field));
            amounts.fold(0, i64::saturating_add)
        };
        json!({
            "amount_subtotal": sum("amount_subtotal"), "amount_total": sum("amount_total"),
            "total_details": {
                "amount_discount": sum("amount_discount"), "amount_shipping": 0, "amount_tax": sum("amount_tax"),
            },
        })
    };
    let upfront = sums(&|line| !(trial && recurs(line)));
    let mut recurring = NULL;
    if let Some(first) = lines.iter().find(|line| recurs(line)) {
        recurring = sums(&recurs);
        for name in ["interval", "interval_count"] {
            put(&mut recurring, name, first["price"]["recurring"][name].clone());
        }
    }
    let currency = lines.first().map_or(NULL, |line| line["currency"].clone());
    put_all(
        quote,
        [
            ("amount_subtotal", upfront["amount_subtotal"].clone()),
            ("amount_total", upfront["amount_total"].clone()),
            ("currency", currency),
            ("total_details", upfront["total_details"].clone()),
            ("computed", json!({ "recurring": recurring, "upfront": upfront })),
        ],
    );
    put(hidden, "line_items", lines);
    Ok(())
}

/// A quote moves only forward.
fn only(quote: &Value, statuses: &[&str], verb: &str) -> Result<(), ApiError> {
    let status = text(quote, "status");
    if statuses.contains(&status) {
        return Ok(());
    }
    let which = statuses.join("` or `");
    Err(ApiError::invalid(format!(
        "You can only {verb} a quote whose status is `{which}`. This quote's status is `{status}`."
    )))
}

/// `POST /v1/quotes/{id}/finalize`.
fn finalize(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    let quote = world.at_path(Kind::Quote, id)?;
    only(&quote, &["draft"], "finalize")?;
    if quote["customer"].is_null() {
        return Err(ApiError::invalid("You cannot finalize a quote without a customer."));
    }
    if world.hidden(id)["line_items"].as_array().is_none_or(Vec::is_empty) {
        return Err(ApiError::invalid("You cannot finalize a quote without line items."));
    }
    if params.int("expires_at").is_some_and(|at| at <= world.second()) {
        return Err(ApiError::invalid_param("expires_at", "The expires_at must be in the future."));
    }
    let prefix = text(world.peek(text(&quote, "customer")), "invoice_prefix").to_owned();
    let drafts = |id: &String| !world.peek(id)["number"].is_null();
    let before = world
        .ids_where(Kind::Quote, "customer", text(&quote, "customer"))
        .iter()
        .filter(|id| drafts(id))
        .count();
    world.change(id, |quote| {
        params.apply(quote, &["expires_at"]);
        put(quote, "number", format!("QT-{prefix}-{:04}-1", before + 1));
    });
    become_(world, id, "open", "finalized_at");
    world.tell("quote.finalized", id);
    Ok(world.copy(id))
}

fn become_(world: &mut World<'_>, id: &str, status: &str, when: &str) {
    let now = world.second();
    world.change(id, |quote| {
        put(quote, "status", status);
        if let Some(transitions) = quote.get_mut("status_transitions") {
            put(transitions, when, now);
        }
    });
}

/// `POST /v1/quotes/{id}/cancel`.
fn cancel(world: &mut World<'_>, id: &str) -> Result<Value, ApiError> {
    let quote = world.at_path(Kind::Quote, id)?;
    only(&quote, &["draft", "open"], "cancel")?;
    cancel_now(world, id);
    Ok(world.copy(id))
}

/// A quote is no longer valid: somebody said so, or it has expired.
pub(crate) fn cancel_now(world: &mut World<'_>, id: &str) {
    become_(world, id, "canceled", "canceled_at");
    world.tell("quote.canceled", id);
}

/// When a quote expires, if it can.
pub(crate) fn expires(quote: &Value) -> Option<i64> {
    ["draft", "open"].contains(&text(quote, "status")).then(|| int(quote, "expires_at"))
}

/// `POST /v1/quotes/{id}/accept`: a schedule where it begins later, a subscription where anything recurs, else an
/// invoice.
fn accept(world: &mut World<'_>, id: &str) -> Result<Value, ApiError> {
    let quote = world.at_path(Kind::Quote, id)?;
    only(&quote, &["open"], "accept")?;
    world.attempt(|world| {
        let hidden = world.hidden(id).clone();
        let lines = hidden["line_items"].as_array().map_or(&[][..], Vec::as_slice);
        let later = quote["subscription_data"]["effective_date"].as_i64().filter(|at| *at > world.second());
        let made = match (lines.iter().any(recurs), later) {
            (false, _) => ("invoice", bill(world, &quote, &hidden, lines)?),
            (true, None) => ("subscription", subscribe(world, &quote, &hidden, lines)?),
            (true, Some(at)) => ("subscription_schedule", plan(world, &quote, &hidden, lines, at)?),
        };
        if made.0 == "subscription" {
            let invoice = world.peek(&made.1)["latest_invoice"].clone();
            world.change(id, |quote| put(quote, "invoice", invoice));
        }
        world.change(id, |quote| put(quote, made.0, made.1));
        become_(world, id, "accepted", "accepted_at");
        world.tell("quote.accepted", id);
        Ok(world.copy(id))
    })
}

fn row(line: &Value) -> Value {
    let mut row = json!({ "price": line["price"]["id"] });
    if line["price"]["recurring"]["usage_type"] != "metered" {
        put(&mut row, "quantity", line["quantity"].clone());
    }
    row
}

/// What every one of the three takes over from the quote.
fn terms(quote: &Value, hidden: &Value) -> Value {
    let mut given = object! { "collection_method": quote["collection_method"].clone() };
    for name in ["discounts", "tax_rates"] {
        if hidden[name].as_array().is_some_and(|rows| !rows.is_empty()) {
            let rates = || quote["default_tax_rates"].clone();
            match name {
                "discounts" => put(&mut given, name, hidden[name].clone()),
                _ => put(&mut given, "default_tax_rates", rates()),
            }
        }
    }
    if quote["automatic_tax"]["enabled"] == true {
        put(&mut given, "automatic_tax", automatic_tax::as_given(&quote["automatic_tax"]));
    }
    let days = &quote["invoice_settings"]["days_until_due"];
    if let Some(days) = days.as_i64().or_else(|| days.as_str().and_then(|days| days.parse().ok())) {
        put(&mut given, "days_until_due", days);
    }
    given
}

fn read(given: &Value, table: Table) -> Result<Params, ApiError> {
    let none = Map::new();
    Params::read(given.as_object().unwrap_or(&none), table, &"POST /v1/quotes/{id}/accept")
}

fn subscribe(
    world: &mut World<'_>,
    quote: &Value,
    hidden: &Value,
    lines: &[Value],
) -> Result<String, ApiError> {
    let mut given = terms(quote, hidden);
    let rows =
        |recurring: bool| lines.iter().filter(|line| recurs(line) == recurring).map(row).collect::<Vec<_>>();
    put_all(&mut given, [("customer", quote["customer"].clone()), ("items", rows(true).into())]);
    if !rows(false).is_empty() {
        put(&mut given, "add_invoice_items", rows(false));
    }
    let data = &quote["subscription_data"];
    put(&mut given, "billing_mode", billing_mode::as_given(&data["billing_mode"]));
    for name in ["description", "metadata", "trial_period_days"] {
        if !data[name].is_null() {
            put(&mut given, name, data[name].clone());
        }
    }
    if payment::default_of(world, text(quote, "customer")).is_none()
        && text(quote, "collection_method") != "send_invoice"
    {
        put(&mut given, "payment_behavior", "default_incomplete");
    }
    let made = subscription::create(world, &read(&given, subscription::CREATE)?, None)?;
    Ok(text(&made, "id").to_owned())
}

fn plan(
    world: &mut World<'_>,
    quote: &Value,
    hidden: &Value,
    lines: &[Value],
    at: i64,
) -> Result<String, ApiError> {
    if on_trial(quote) {
        return Err(ApiError::not_modelled("a trial of a quote that takes effect later"));
    }
    let mut first = terms(quote, hidden);
    if let Some(days) = first.as_object_mut().and_then(|first| first.shift_remove("days_until_due")) {
        put(&mut first, "invoice_settings", json!({ "days_until_due": days }));
    }
    let rows =
        |recurring: bool| lines.iter().filter(|line| recurs(line) == recurring).map(row).collect::<Vec<_>>();
    put(&mut first, "items", rows(true));
    if !rows(false).is_empty() {
        put(&mut first, "add_invoice_items", rows(false));
    }
    let data = &quote["subscription_data"];
    for name in ["description", "metadata"] {
        if !data[name].is_null() {
            put(&mut first, name, data[name].clone());
        }
    }
    let mode = billing_mode::as_given(&data["billing_mode"]);
    let given = json!({
        "billing_mode": mode, "customer": quote["customer"], "phases": [first], "start_date": at,
    });
    let made = schedule::create(world, &read(&given, schedule::CREATE)?)?;
    Ok(text(&made, "id").to_owned())
}

fn bill(world: &mut World<'_>, quote: &Value, hidden: &Value, lines: &[Value]) -> Result<String, ApiError> {
    let mut given = terms(quote, hidden);
    put_all(&mut given, [("customer", quote["customer"].clone()), ("currency", quote["currency"].clone())]);
    let made = invoice_route::create(world, &read(&given, invoice_route::CREATE)?)?;
    let id = text(&made, "id").to_owned();
    let line =
        |line: &Value| json!({ "pricing": { "price": line["price"]["id"] }, "quantity": line["quantity"] });
    let rows = json!({ "lines": lines.iter().map(line).collect::<Vec<_>>() });
    invoice_line::add(world, &id, &read(&rows, invoice_line::ADD)?)?;
    let parent = json!({
        "quote_details": { "quote": quote["id"] }, "subscription_details": null, "type": "quote_details",
    });
    world.change(&id, |invoice| put(invoice, "parent", parent));
    Ok(id)
}
