//! What products, prices and plans share: prices that parameters name or make on the spot, and what they cost.

use serde_json::{Value, json};

use super::{World, price, pricing, product};
use crate::provider::double::error::ApiError;
use crate::provider::double::params::{Is, Table};
use crate::provider::double::store::Kind;
use crate::stripe::object::{put, text};

pub(crate) const INTERVAL: Is = Is::Choice(&["day", "week", "month", "year"]);
pub(crate) const TAX_BEHAVIOR: Is = Is::Choice(&["exclusive", "inclusive", "unspecified"]);

/// A price made on the spot.
pub(crate) const PRICE_DATA: Table = &[
    ("currency", Is::Needed(&Is::Text)),
    ("product", Is::Text),
    ("product_data", Is::Fields(product::DATA)),
    ("recurring", Is::Fields(&[("interval", Is::Needed(&INTERVAL)), ("interval_count", Is::Int)])),
    ("tax_behavior", TAX_BEHAVIOR),
    ("unit_amount", Is::Int),
    ("unit_amount_decimal", Is::Decimal),
];

/// A price made on the spot by `price_data`, typed by its table; it belongs to whoever made it, and no event tells
/// of it.
pub(crate) fn price_of(world: &mut World<'_>, data: &Value, within: &str) -> Result<Value, ApiError> {
    let product = match data["product"].as_str() {
        Some(id) => text(&world.named_by(Kind::Product, id, &format!("{within}[product]"))?, "id").to_owned(),
        None if data["product_data"].is_object() => {
            let made = product::build(world, &data["product_data"]);
            text(&world.insert(Kind::Product, made), "id").to_owned()
        }
        None => return Err(ApiError::missing_param(&format!("{within}[product]"))),
    };
    let id = world.mint("price");
    let (mut made, hidden) = price::build(world, &id, &product, data, within)?;
    // Stripe archives such a price at once: it is for this one use.
    put(&mut made, "active", false);
    Ok(world.insert_with(Kind::Price, made, hidden))
}

/// The name on invoices and pages: the product's.
pub(crate) fn name_of(world: &World<'_>, price: &Value) -> String {
    world.get(text(price, "product")).map_or_else(String::new, |product| text(product, "name").to_owned())
}

/// What so many of a price cost.
pub(crate) fn amount(world: &World<'_>, price: &Value, quantity: i64) -> i64 {
    pricing::amount(price, &world.hidden(text(price, "id"))["tiers"], quantity)
}

/// A price that parameters name, by id.
pub(crate) fn price_param(world: &mut World<'_>, given: &Value, param: &str) -> Result<Value, ApiError> {
    match (given["price"].as_str().or_else(|| given["plan"].as_str()), &given["price_data"]) {
        (Some(id), _) => world.named_by(Kind::Price, id, &format!("{param}[price]")),
        (None, data @ Value::Object(_)) => {
            let data = data.clone();
            price_of(world, &data, &format!("{param}[price_data]"))
        }
        _ => Err(ApiError::missing_param(&format!("{param}[price]"))),
    }
}

/// The catalogue's own products carry their features beside them.
pub(crate) fn hidden_features(features: &[String]) -> Value {
    json!({ "features": features })
}
