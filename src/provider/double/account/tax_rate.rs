//! Tax rates.

use serde_json::Value;

use super::World;
use super::decimal::{as_number, scaled};
use crate::provider::double::error::ApiError;
use crate::provider::double::list::{AS_USUAL, CREATED};
use crate::provider::double::params::{Is, Params, Table};
use crate::provider::double::route::Route;
use crate::provider::double::store::Kind;
use crate::stripe::object::tax;

pub(crate) const ROUTES: &[Route] = &[
    Route::list(
        "/v1/tax_rates",
        Kind::TaxRate,
        &[("active", Is::Bool), ("inclusive", Is::Bool), CREATED],
        AS_USUAL,
    ),
    Route::retrieve("/v1/tax_rates/{id}", Kind::TaxRate),
    Route::create("/v1/tax_rates", CREATE, create),
    Route::change("/v1/tax_rates/{id}", UPDATE, update),
];

const TYPES: Is = Is::Choice(&[
    "amusement_tax",
    "communications_tax",
    "gst",
    "hst",
    "igst",
    "jct",
    "lease_tax",
    "pst",
    "qst",
    "retail_delivery_fee",
    "rst",
    "sales_tax",
    "service_tax",
    "vat",
]);

const CREATE: Table = &[
    ("display_name", Is::Needed(&Is::Text)),
    ("inclusive", Is::Needed(&Is::Bool)),
    ("percentage", Is::Needed(&Is::Decimal)),
    ("active", Is::Bool),
    ("country", Is::Text),
    ("description", Is::Text),
    ("jurisdiction", Is::Text),
    ("metadata", Is::Meta),
    ("state", Is::Text),
    ("tax_type", TYPES),
];

const UPDATE: Table = &[
    ("active", Is::Bool),
    ("country", Is::Text),
    ("description", Is::Text),
    ("display_name", Is::Text),
    ("jurisdiction", Is::Text),
    ("metadata", Is::Meta),
    ("state", Is::Text),
    ("tax_type", TYPES),
];

const FIELDS: [&str; 9] = [
    "active",
    "country",
    "description",
    "display_name",
    "inclusive",
    "jurisdiction",
    "metadata",
    "state",
    "tax_type",
];

/// `POST /v1/tax_rates`.
fn create(world: &mut World<'_>, params: &Params) -> Result<Value, ApiError> {
    let percentage = params.needed("percentage")?;
    if !scaled(percentage, 4).is_some_and(|part| (0..=1_000_000).contains(&part)) {
        let message = "Invalid percentage: must be from 0 to 100, with up to four digits after the point.";
        return Err(ApiError::invalid_param("percentage", message));
    }
    let id = world.mint("txr");
    let mut rate = tax::tax_rate(&id, world.second(), params.needed("display_name")?, as_number(percentage));
    params.apply(&mut rate, &FIELDS);
    let rate = world.insert(Kind::TaxRate, rate);
    world.event("tax_rate.created", rate.clone(), None);
    Ok(rate)
}

/// `POST /v1/tax_rates/{id}`: how much it takes stays as it is.
fn update(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    world.at_path(Kind::TaxRate, id)?;
    Ok(world.updated("tax_rate.updated", id, |rate| params.apply(rate, &FIELDS)))
}

/// The rates that a parameter names, whole: where objects show them, they do so in full.
pub(crate) fn named(world: &World<'_>, ids: &[Value], param: &str) -> Result<Vec<Value>, ApiError> {
    if ids.len() > 5 {
        return Err(ApiError::invalid_param(param, "You can have at most 5 tax rates."));
    }
    let mut rates = Vec::new();
    for id in ids.iter().filter_map(Value::as_str) {
        let rate = world.named_by(Kind::TaxRate, id, param)?;
        if rate["active"] != true {
            let message = format!("The tax rate {id} is inactive and cannot be used.");
            return Err(ApiError::invalid_param(param, message));
        }
        rates.push(rate);
    }
    Ok(rates)
}
