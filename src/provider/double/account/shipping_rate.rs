//! Shipping rates: what it costs to send something, by name (<https://docs.stripe.com/api/shipping_rates>). No event
//! tells of them.

use serde_json::{Value, json};

use super::World;
use super::catalog::TAX_BEHAVIOR;
use crate::provider::double::error::ApiError;
use crate::provider::double::list::CREATED;
use crate::provider::double::params::{Is, Params, Table};
use crate::provider::double::route::Route;
use crate::provider::double::store::Kind;
use crate::stripe::object::{int, shipping, text};

pub(crate) const ROUTES: &[Route] = &[
    Route::list(
        "/v1/shipping_rates",
        Kind::ShippingRate,
        &[("active", Is::Bool), ("currency", Is::Text), CREATED],
        |name, wanted, stored| {
            let currency = text(&stored.value()["fixed_amount"], "currency");
            Some(wanted?.as_str() == Some(currency)).filter(|_| name == "currency")
        },
    ),
    Route::retrieve("/v1/shipping_rates/{id}", Kind::ShippingRate),
    Route::create("/v1/shipping_rates", DATA, |world, params| {
        make(world, params.fields().clone().into(), "")
    }),
    Route::change("/v1/shipping_rates/{id}", UPDATE, update),
];

const AFTER: Is = Is::Fields(&[
    ("unit", Is::Needed(&Is::Choice(&["business_day", "day", "hour", "month", "week"]))),
    ("value", Is::Needed(&Is::Int)),
]);

/// What a rate is made of, by itself or on the spot.
pub(crate) const DATA: Table = &[
    ("display_name", Is::Needed(&Is::Text)),
    ("delivery_estimate", Is::Fields(&[("maximum", AFTER), ("minimum", AFTER)])),
    (
        "fixed_amount",
        Is::Fields(&[
            ("amount", Is::Needed(&Is::Int)),
            ("currency", Is::Needed(&Is::Text)),
            ("currency_options", Is::NotModelled),
        ]),
    ),
    ("metadata", Is::Meta),
    ("tax_behavior", TAX_BEHAVIOR),
    ("tax_code", Is::Text),
    ("type", Is::Choice(&["fixed_amount"])),
];

const UPDATE: Table = &[
    ("active", Is::Bool),
    ("fixed_amount", Is::NotModelled),
    ("metadata", Is::Meta),
    ("tax_behavior", TAX_BEHAVIOR),
];

/// A rate of `data`, typed by [`DATA`]; `within` is the parameter that holds it.
pub(crate) fn make(world: &mut World<'_>, data: Value, within: &str) -> Result<Value, ApiError> {
    let named = |name: &str| if within.is_empty() { name.to_owned() } else { format!("{within}[{name}]") };
    if !data["fixed_amount"].is_object() {
        return Err(ApiError::missing_param(&named("fixed_amount")));
    }
    if int(&data["fixed_amount"], "amount") < 0 {
        let param = named("fixed_amount[amount]");
        return Err(ApiError::invalid_param(&param, "Invalid non-negative integer"));
    }
    let id = world.mint("shr");
    let made = shipping::rate(&id, world.second(), &data);
    Ok(world.insert(Kind::ShippingRate, made))
}

/// `POST /v1/shipping_rates/{id}`.
fn update(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    world.at_path(Kind::ShippingRate, id)?;
    world.change(id, |rate| params.apply(rate, &["active", "metadata", "tax_behavior"]));
    Ok(world.copy(id))
}

/// One of `shipping_options` of a checkout or a payment link.
pub(crate) const OPTION: Table = &[("shipping_rate", Is::Text), ("shipping_rate_data", Is::Fields(DATA))];

/// What may be chosen from, as sessions and links show it; rates are made on the spot where that is asked for.
pub(crate) fn options(world: &mut World<'_>, given: &[Value]) -> Result<Vec<Value>, ApiError> {
    if given.len() > 5 {
        return Err(ApiError::invalid_param("shipping_options", "You can have at most 5 shipping options."));
    }
    let mut options = Vec::new();
    for (at, row) in given.iter().enumerate() {
        let param = format!("shipping_options[{at}]");
        let rate = match (row["shipping_rate"].as_str(), &row["shipping_rate_data"]) {
            (Some(id), _) => world.named_by(Kind::ShippingRate, id, &format!("{param}[shipping_rate]"))?,
            (None, data @ Value::Object(_)) => {
                make(world, data.clone(), &format!("{param}[shipping_rate_data]"))?
            }
            _ => return Err(ApiError::missing_param(&format!("{param}[shipping_rate]"))),
        };
        let amount = int(&rate["fixed_amount"], "amount");
        options.push(json!({ "shipping_amount": amount, "shipping_rate": text(&rate, "id") }));
    }
    Ok(options)
}
