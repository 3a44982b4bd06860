//! Payment links: what a checkout session is made from whenever somebody opens the address.

use serde_json::{Value, json};

use super::{World, catalog, item, put_all};
use crate::provider::double::error::ApiError;
use crate::provider::double::list::{self, AS_USUAL, PARAMS};
use crate::provider::double::params::{Is, Params, Table};
use crate::provider::double::route::{Asked, Route};
use crate::provider::double::state::Account;
use crate::provider::double::store::Kind;
use crate::stripe::object::{checkout, object, payment_link, put, text};

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
const ADDRESS: Is = Is::Choice(&["auto", "required"]);
const CREATION: Is = Is::Choice(&["always", "if_required"]);
const COLLECTION: Is = Is::Choice(&["always", "if_required"]);
const ENABLED: Is = Is::Fields(&[("enabled", Is::Needed(&Is::Bool))]);
const RESTRICTIONS: Is =
    Is::Fields(&[("completed_sessions", Is::Needed(&Is::Fields(&[("limit", Is::Needed(&Is::Int))])))]);
const SUBMIT: Is = Is::Choice(&["auto", "book", "donate", "pay", "subscribe"]);
const SUBSCRIPTION: Is = Is::Fields(&[
    ("description", Is::Text),
    ("metadata", Is::Meta),
    ("trial_period_days", Is::Int),
    ("invoice_settings", Is::NotModelled),
    ("trial_settings", Is::NotModelled),
]);

const CREATE: Table = &[
    (
        "line_items",
        Is::Needed(&Is::Rows(&[
            ("price", Is::Text),
            ("price_data", Is::Fields(catalog::PRICE_DATA)),
            ("quantity", Is::Needed(&Is::Int)),
            (
                "adjustable_quantity",
                Is::Fields(&[("enabled", Is::Needed(&Is::Bool)), ("maximum", Is::Int), ("minimum", Is::Int)]),
            ),
        ])),
    ),
    ("after_completion", AFTER),
    ("allow_promotion_codes", Is::Bool),
    ("automatic_tax", Is::NotModelled),
    ("billing_address_collection", ADDRESS),
    ("consent_collection", Is::NotModelled),
    ("currency", Is::NotModelled),
    ("custom_fields", Is::NotModelled),
    ("custom_text", Is::NotModelled),
    ("customer_creation", CREATION),
    ("inactive_message", Is::Text),
    ("invoice_creation", Is::NotModelled),
    ("metadata", Is::Meta),
    ("optional_items", Is::NotModelled),
    ("payment_intent_data", Is::NotModelled),
    ("payment_method_collection", COLLECTION),
    ("payment_method_types", Is::Texts),
    ("phone_number_collection", ENABLED),
    ("restrictions", RESTRICTIONS),
    ("shipping_address_collection", Is::NotModelled),
    ("shipping_options", Is::NotModelled),
    ("submit_type", SUBMIT),
    ("subscription_data", SUBSCRIPTION),
    ("tax_id_collection", ENABLED),
    ("transfer_data", Is::NotModelled),
    ("on_behalf_of", Is::NotModelled),
];

const UPDATE: Table = &[
    ("active", Is::Bool),
    ("after_completion", AFTER),
    ("allow_promotion_codes", Is::Bool),
    ("automatic_tax", Is::NotModelled),
    ("billing_address_collection", ADDRESS),
    ("customer_creation", CREATION),
    ("inactive_message", Is::Text),
    ("line_items", Is::NotModelled),
    ("metadata", Is::Meta),
    ("payment_method_collection", COLLECTION),
    ("payment_method_types", Is::Texts),
    ("phone_number_collection", ENABLED),
    ("restrictions", RESTRICTIONS),
    ("submit_type", SUBMIT),
    ("tax_id_collection", ENABLED),
];

const FIELDS: [&str; 13] = [
    "active",
    "after_completion",
    "allow_promotion_codes",
    "billing_address_collection",
    "customer_creation",
    "inactive_message",
    "metadata",
    "payment_method_collection",
    "payment_method_types",
    "phone_number_collection",
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
    let lines = stored.hidden["line_items"].as_array().map_or(&[][..], Vec::as_slice);
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
        lay(&mut made, params);
        let made = world.insert_with(Kind::PaymentLink, made, object! { "line_items": lines });
        world.event("payment_link.created", made.clone(), None);
        Ok(made)
    })
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
    let mut after = before.clone();
    lay(&mut after, params);
    debug_assert_eq!(text(&after, "id"), id, "an update leaves the id alone");
    Ok(world.update("payment_link.updated", id, |kept| *kept = after))
}
