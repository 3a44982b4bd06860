//! Payment links: what a checkout session is made from whenever somebody opens the address.

use serde_json::{Value, json};

use super::checkout_params::{self, ADJUSTABLE, FIXED, INTENT, LINE, PAGE, SUBSCRIPTION};
use super::{World, automatic_tax, catalog, connect, item, put_all, shipping_rate};
use crate::provider::double::error::ApiError;
use crate::provider::double::list::{self, AS_USUAL, PARAMS};
use crate::provider::double::params::{Is, Params, Table, joined};
use crate::provider::double::route::{Asked, Route};
use crate::provider::double::state::Account;
use crate::provider::double::store::Kind;
use crate::stripe::object::{checkout, int, merge, object, payment_link, put, text};
use crate::stripe::version::calls::billing_mode::left_out;

pub(crate) const ROUTES: &[Route] = &[
    Route::list("/v1/payment_links", Kind::PaymentLink, &[("active", Is::Bool)], AS_USUAL),
    Route::retrieve("/v1/payment_links/{id}", Kind::PaymentLink),
    Route::read("/v1/payment_links/{id}/line_items", PARAMS, line_items),
    Route::create("/v1/payment_links", CREATE, create),
    Route::change("/v1/payment_links/{id}", UPDATE, update),
];

const AFTER: Is = Is::Fields(&[
    ("type", Is::Needed(&Is::Choice(&["hosted_confirmation", "redirect"]))),
    ("hosted_confirmation", Is::Fields(&[("custom_message", Is::Text)])),
    ("redirect", Is::Fields(&[("url", Is::Needed(&Is::Text))])),
]);
const RESTRICTIONS: Is =
    Is::Fields(&[("completed_sessions", Is::Needed(&Is::Fields(&[("limit", Is::Needed(&Is::Int))])))]);

/// What a link takes whenever it is made or changed, beside what every page does.
const LINK: Table = &[
    ("after_completion", AFTER),
    ("inactive_message", Is::Text),
    ("payment_intent_data", Is::Fields(INTENT)),
    ("restrictions", RESTRICTIONS),
    ("subscription_data", Is::Fields(SUBSCRIPTION)),
];

const CREATE: Table = joined![
    PAGE,
    FIXED,
    LINK,
    &[
        ("line_items", Is::Needed(&Is::Rows(joined![LINE, &[("quantity", Is::Needed(&Is::Int))]]))),
        ("application_fee_amount", Is::Int),
        ("application_fee_percent", Is::Decimal),
        ("on_behalf_of", Is::Text),
        ("transfer_data", connect::TRANSFER),
    ],
];

const UPDATE: Table = joined![PAGE, LINK, &[("active", Is::Bool), ("line_items", Is::Rows(CHANGED))]];

/// A line of a link that changes.
const CHANGED: Table =
    &[("id", Is::Needed(&Is::Text)), ("adjustable_quantity", ADJUSTABLE), ("quantity", Is::Int)];

/// What a link shows as it was given.
const FIELDS: [&str; 19] = [
    "active",
    "after_completion",
    "allow_promotion_codes",
    "billing_address_collection",
    "custom_text",
    "customer_creation",
    "inactive_message",
    "metadata",
    "name_collection",
    "optional_items",
    "payment_intent_data",
    "payment_method_collection",
    "payment_method_options",
    "payment_method_types",
    "phone_number_collection",
    "shipping_address_collection",
    "submit_type",
    "subscription_data",
    "tax_id_collection",
];

/// The most line items that Stripe takes.
const MOST: usize = 20;

/// `GET /v1/payment_links/{id}/line_items`.
fn line_items(account: &Account, asked: &Asked<'_>) -> Result<Value, ApiError> {
    let stored = account.find(asked.ids.id).filter(|stored| stored.kind == Kind::PaymentLink);
    let stored = stored.ok_or_else(|| ApiError::no_such(Kind::PaymentLink.noun(), asked.ids.id))?;
    let lines = stored.hidden()["line_items"].as_array().map_or(&[][..], Vec::as_slice);
    list::page_of(asked, lines, Kind::PaymentLink, asked.path)
}

/// `POST /v1/payment_links`.
fn create(world: &mut World<'_>, params: &Params) -> Result<Value, ApiError> {
    world.attempt(|world| {
        let lines = read_lines(world, params.list("line_items"))?;
        let recurring = lines.iter().any(|line| !line["price"]["recurring"].is_null());
        if recurring && params.given("customer_creation").is_some() {
            let message = "`customer_creation` can only be used in `payment` mode.";
            return Err(ApiError::invalid_param("customer_creation", message));
        }
        let shared = of_others(world, params, recurring)?;
        let id = world.mint("plink");
        let mut slug = String::new();
        world.part.ids.letters(&mut slug, 18);
        let currency = lines.first().map(|line| line["currency"].clone()).unwrap_or_default();
        let mut made = payment_link::payment_link(&id, &slug, currency);
        if recurring {
            // A subscription needs a customer and a card, whatever is due at first.
            put_all(
                &mut made,
                [("customer_creation", "always".into()), ("payment_method_collection", "always".into())],
            );
        }
        let options = shipping_rate::options(world, params.list("shipping_options"))?;
        lay(&mut made, params);
        merge(&mut made, shared.fields());
        put(&mut made, "shipping_options", options);
        if let Some(consent) = params.given("consent_collection") {
            put(&mut made, "consent_collection", checkout_params::consent_collection(consent));
        }
        let mut given = Value::Object(params.fields().clone());
        if recurring {
            // The version in which a link is made decides, not that in which it is opened.
            let mut data = if given["subscription_data"].is_object() {
                given["subscription_data"].clone()
            } else {
                json!({})
            };
            put(&mut data, "billing_mode", json!({ "type": left_out(world.version) }));
            put(&mut given, "subscription_data", data);
        }
        let hidden = object! { "line_items": lines, "given": given };
        let made = world.insert_with(Kind::PaymentLink, made, hidden);
        world.event("payment_link.created", made.clone(), None);
        Ok(made)
    })
}

/// What a link says of connected accounts: an amount, or a share of what recurs.
fn of_others(world: &World<'_>, params: &Params, recurring: bool) -> Result<Params, ApiError> {
    let foreign = if recurring { "application_fee_amount" } else { "application_fee_percent" };
    if params.given(foreign).is_some() {
        let what = if recurring { "recurring" } else { "only one-time" };
        let message = format!("You can not pass `{foreign}` to a payment link with {what} prices.");
        return Err(ApiError::invalid_param(foreign, message));
    }
    if !recurring {
        connect::check(world, params, (&Value::Null, ""), None)?;
        let mut fields = json!({});
        params.apply(&mut fields, &connect::FIELDS);
        return Ok(Params::kept(&fields));
    }
    connect::shares(world, params, "").map(|shares| Params::kept(&shares))
}

fn read_lines(world: &mut World<'_>, given: &[Value]) -> Result<Vec<Value>, ApiError> {
    if given.is_empty() {
        return Err(ApiError::missing_param("line_items"));
    }
    if given.len() > MOST {
        return Err(ApiError::invalid_param("line_items", "Payment links can have at most 20 line items."));
    }
    let mut lines: Vec<Value> = Vec::new();
    for (at, given) in given.iter().enumerate() {
        let param = format!("line_items[{at}]");
        let price = catalog::price_param(world, given, &param)?;
        if lines.first().is_some_and(|first| first["currency"] != price["currency"]) {
            return Err(ApiError::invalid_param(
                &param,
                "All prices of a payment link must have one currency.",
            ));
        }
        let quantity = item::quantity(given, &param)?.unwrap_or(1);
        let amount = super::subscription::amount(world, &price, quantity);
        let name = catalog::name_of(world, &price);
        let mut line = checkout::line_item(&world.mint("li"), &price, quantity, &name, amount);
        put(&mut line, "adjustable_quantity", given["adjustable_quantity"].clone());
        lines.push(line);
    }
    Ok(lines)
}

/// Lays what was given over a link.
fn lay(link: &mut Value, params: &Params) {
    params.apply(link, &FIELDS);
    automatic_tax::lay(link, params.given("automatic_tax"), false);
    if params.given("custom_fields").is_some() {
        put(link, "custom_fields", checkout_params::custom_fields(params.list("custom_fields")));
    }
    if let Some(creation) = params.given("invoice_creation") {
        put(link, "invoice_creation", checkout_params::invoice_creation(Some(creation)));
    }
    let after = link.get_mut("after_completion").filter(|after| after["type"] == "redirect");
    if let Some(Value::Object(fields)) = after {
        fields.shift_remove("hosted_confirmation");
    }
    match params.given("restrictions") {
        Some(given @ Value::Object(_)) => {
            let so_far = link["restrictions"]["completed_sessions"]["count"].as_i64().unwrap_or_default();
            let limit = given["completed_sessions"]["limit"].clone();
            put(link, "restrictions", json!({ "completed_sessions": { "count": so_far, "limit": limit } }));
        }
        Some(_) => put(link, "restrictions", Value::Null),
        None => {}
    }
}

/// `POST /v1/payment_links/{id}`.
fn update(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    let before = world.at_path(Kind::PaymentLink, id)?;
    let lines = changed_lines(&world.hidden(id)["line_items"], params.list("line_items"))?;
    let mut after = before;
    lay(&mut after, params);
    world.change_hidden(id, |hidden| {
        put(hidden, "line_items", lines);
        if let Some(given) = hidden.get_mut("given") {
            merge(given, params.fields());
        }
    });
    Ok(world.updated("payment_link.updated", id, |kept| *kept = after))
}

/// The lines of a link with another quantity here and there.
fn changed_lines(lines: &Value, changes: &[Value]) -> Result<Vec<Value>, ApiError> {
    let mut lines = lines.as_array().cloned().unwrap_or_default();
    for (at, change) in changes.iter().enumerate() {
        let param = format!("line_items[{at}]");
        let id = text(change, "id");
        let Some(line) = lines.iter_mut().find(|line| text(line, "id") == id) else {
            return Err(ApiError::no_such_param("line item", id, &format!("{param}[id]")));
        };
        if let Some(quantity) = item::quantity(change, &param)? {
            let unit = &line["price"]["unit_amount"];
            let amount = unit.as_i64().unwrap_or_default().saturating_mul(quantity);
            put_all(
                line,
                [
                    ("amount_subtotal", amount.into()),
                    ("amount_total", amount.into()),
                    ("quantity", quantity.into()),
                ],
            );
        }
        if change["adjustable_quantity"].is_object() {
            put(line, "adjustable_quantity", change["adjustable_quantity"].clone());
        }
    }
    Ok(lines)
}

/// Somebody opens the address of a link: a checkout session is made of it. `prefilled` are the fields that the app
/// adds to the address, `client_reference_id` and `prefilled_email`
/// (<https://docs.stripe.com/payment-links/url-parameters>).
pub(crate) fn open(world: &mut World<'_>, id: &str, prefilled: &Value) -> Result<Value, ApiError> {
    let link = world.at_path(Kind::PaymentLink, id)?;
    if link["active"] != true {
        return Err(ApiError::invalid("This payment link is no longer active."));
    }
    let hidden = world.hidden(id);
    let lines = hidden["line_items"].as_array().map_or(&[][..], Vec::as_slice);
    let recurs = lines.iter().any(|line| !line["price"]["recurring"].is_null());
    let lines: Vec<Value> = lines
        .iter()
        .map(|line| {
            json!({
                "price": line["price"]["id"], "quantity": line["quantity"],
                "adjustable_quantity": line["adjustable_quantity"],
            })
        })
        .collect();
    let mut given = object! { "mode": if recurs { "subscription" } else { "payment" } };
    if let Value::Object(said) = &hidden["given"] {
        let taken = checkout_params::CREATE.iter().map(|(name, _)| *name);
        let foreign = if recurs { "payment_intent_data" } else { "subscription_data" };
        let taken = taken.filter(|name| ![foreign, "payment_method_collection"].contains(name) || recurs);
        let taken: Vec<_> = taken.filter(|name| *name != foreign).collect();
        for (name, value) in said.iter().filter(|(name, _)| taken.contains(&name.as_str())) {
            put(&mut given, name, value.clone());
        }
    }
    put(&mut given, "line_items", lines);
    let data = if recurs { "subscription_data" } else { "payment_intent_data" };
    let mut shared = if given[data].is_object() { given[data].clone() } else { json!({}) };
    for name in ["application_fee_amount", "application_fee_percent", "on_behalf_of", "transfer_data"] {
        if !link[name].is_null() {
            put(&mut shared, name, link[name].clone());
        }
    }
    put(&mut given, data, shared);
    for (name, prefilled_as) in
        [("client_reference_id", "client_reference_id"), ("customer_email", "prefilled_email")]
    {
        put(&mut given, name, prefilled[prefilled_as].clone());
    }
    let session = super::checkout::create(world, &Params::kept(&given))?;
    world.change(text(&session, "id"), |session| put(session, "payment_link", id));
    Ok(world.copy(text(&session, "id")))
}

/// A session was completed: the link that it came from may have had enough of them.
pub(crate) fn completed(world: &mut World<'_>, session: &str) {
    let Some(id) = world.peek(session)["payment_link"].as_str().map(str::to_owned) else { return };
    let completed = &world.peek(&id)["restrictions"]["completed_sessions"];
    let Some(limit) = completed["limit"].as_i64() else { return };
    let count = int(completed, "count").saturating_add(1);
    world.update("payment_link.updated", &id, |link| {
        put(link, "restrictions", json!({ "completed_sessions": { "count": count, "limit": limit } }));
        if count >= limit {
            put(link, "active", false);
        }
    });
}
