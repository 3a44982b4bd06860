//! Products and prices made, changed and deleted through the API.

use serde_json::{Value, json};

use super::{Home, World, pricing};
use crate::provider::double::error::ApiError;
use crate::provider::double::list::{CREATED, names};
use crate::provider::double::params::{Is, Params, Table, nested_int};
use crate::provider::double::route::Route;
use crate::provider::double::search;
use crate::provider::double::store::{Kind, Store};
use crate::stripe::object::customer::deleted;
use crate::stripe::object::{NULL, catalog, put, text};

pub(crate) const ROUTES: &[Route] = &[
    Route::list(
        "/v1/products",
        Kind::Product,
        &[("active", Is::Bool), ("ids", Is::List), ("url", Is::Text), ("shippable", Is::Bool), CREATED],
        |name, wanted, stored| Some(names(wanted?, &stored.value()["id"])).filter(|_| name == "ids"),
    ),
    Route::search("/v1/products/search", Kind::Product, search::PRODUCTS),
    Route::retrieve("/v1/products/{id}", Kind::Product),
    Route::create("/v1/products", PRODUCT_CREATE, create_product),
    Route::change("/v1/products/{id}", PRODUCT_UPDATE, update_product),
    Route::delete("/v1/products/{id}", &[], |world, id, _| delete_product(world, id)),
    Route::list(
        "/v1/prices",
        Kind::Price,
        &[
            ("active", Is::Bool),
            ("currency", Is::Text),
            ("lookup_keys", Is::List),
            ("product", Is::Text),
            ("recurring", Is::Map),
            ("type", Is::Text),
            CREATED,
        ],
        |name, wanted, stored| {
            Some(names(wanted?, &stored.value()["lookup_key"])).filter(|_| name == "lookup_keys")
        },
    ),
    Route::search("/v1/prices/search", Kind::Price, search::PRICES),
    Route::retrieve("/v1/prices/{id}", Kind::Price),
    Route::create("/v1/prices", PRICE_CREATE, create_price),
    Route::change("/v1/prices/{id}", PRICE_UPDATE, update_price),
];

/// A price made on the spot.
pub(crate) const PRICE_DATA: Table = &[
    ("currency", Is::Needed(&Is::Text)),
    ("product", Is::Text),
    ("product_data", Is::Fields(PRODUCT_DATA)),
    ("recurring", Is::Fields(&[("interval", Is::Needed(&INTERVAL)), ("interval_count", Is::Int)])),
    ("tax_behavior", TAX_BEHAVIOR),
    ("unit_amount", Is::Int),
    ("unit_amount_decimal", Is::Decimal),
];

const PRODUCT_DATA: Table = &[
    ("name", Is::Needed(&Is::Text)),
    ("description", Is::Text),
    ("images", Is::Texts),
    ("metadata", Is::Meta),
    ("tax_code", Is::Text),
    ("unit_label", Is::Text),
];

const INTERVAL: Is = Is::Choice(&["day", "week", "month", "year"]);
const TAX_BEHAVIOR: Is = Is::Choice(&["exclusive", "inclusive", "unspecified"]);

const PRODUCT_CREATE: Table = &[
    ("id", Is::Text),
    ("name", Is::Text),
    ("active", Is::Bool),
    ("description", Is::Text),
    ("metadata", Is::Meta),
    ("images", Is::List),
    ("marketing_features", Is::List),
    ("statement_descriptor", Is::Text),
    ("tax_code", Is::Text),
    ("unit_label", Is::Text),
    ("url", Is::Text),
    ("shippable", Is::Bool),
    ("default_price_data", Is::NotModelled),
    ("package_dimensions", Is::Map),
    ("type", Is::Text),
];

const PRODUCT_UPDATE: Table = &[
    ("name", Is::Text),
    ("active", Is::Bool),
    ("description", Is::Text),
    ("metadata", Is::Meta),
    ("images", Is::List),
    ("marketing_features", Is::List),
    ("statement_descriptor", Is::Text),
    ("tax_code", Is::Text),
    ("unit_label", Is::Text),
    ("url", Is::Text),
    ("shippable", Is::Bool),
    ("default_price", Is::Text),
    ("package_dimensions", Is::Map),
];

const PRODUCT_FIELDS: [&str; 14] = [
    "name",
    "active",
    "description",
    "metadata",
    "images",
    "marketing_features",
    "statement_descriptor",
    "tax_code",
    "unit_label",
    "url",
    "shippable",
    "default_price",
    "package_dimensions",
    "type",
];

const PRICE_CREATE: Table = &[
    ("currency", Is::Text),
    ("product", Is::Text),
    ("product_data", Is::Map),
    ("unit_amount", Is::Int),
    ("unit_amount_decimal", Is::NotModelled),
    ("recurring", Is::Map),
    ("active", Is::Bool),
    ("lookup_key", Is::Text),
    ("transfer_lookup_key", Is::Bool),
    ("metadata", Is::Meta),
    ("nickname", Is::Text),
    ("tax_behavior", Is::Text),
    ("billing_scheme", Is::Choice(&["per_unit"])),
    ("tiers", Is::NotModelled),
    ("tiers_mode", Is::NotModelled),
    ("transform_quantity", Is::NotModelled),
    ("custom_unit_amount", Is::NotModelled),
    ("currency_options", Is::NotModelled),
];

const PRICE_UPDATE: Table = &[
    ("active", Is::Bool),
    ("lookup_key", Is::Text),
    ("transfer_lookup_key", Is::Bool),
    ("metadata", Is::Meta),
    ("nickname", Is::Text),
    ("tax_behavior", Is::Text),
];

const PRICE_FIELDS: [&str; 5] = ["active", "lookup_key", "metadata", "nickname", "tax_behavior"];

/// `POST /v1/products`.
fn create_product(world: &mut World<'_>, params: &Params) -> Result<Value, ApiError> {
    let name = params.needed("name")?.to_owned();
    let id = match params.text("id") {
        Some(id) if world.get(id).is_some() => {
            return Err(ApiError::invalid_param("id", "Product already exists."));
        }
        Some(id) => id.to_owned(),
        None => world.mint("prod"),
    };
    let mut product = catalog::product(&id, world.second(), &name);
    params.apply(&mut product, &PRODUCT_FIELDS);
    let product = world.insert(Kind::Product, product);
    world.event("product.created", product.clone(), None);
    Ok(product)
}

/// `POST /v1/products/{id}`.
fn update_product(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    world.at_path(Kind::Product, id)?;
    if let Some(price) = params.text("default_price") {
        world.named_by(Kind::Price, price, "default_price")?;
    }
    let now = world.second();
    let mut changed = world.diff(id, |product| params.apply(product, &PRODUCT_FIELDS));
    if !changed.is_empty() {
        changed.extend(world.diff(id, |product| put(product, "updated", now)));
    }
    Ok(world.tell_changed("product.updated", id, changed))
}

/// `DELETE /v1/products/{id}`; one that has prices stays.
fn delete_product(world: &mut World<'_>, id: &str) -> Result<Value, ApiError> {
    let product = world.at_path(Kind::Product, id)?;
    let prices = |store: &Store| store.with(Kind::Price, "product", id).next().is_some();
    if prices(world.shop) || prices(&world.part.store) {
        return Err(ApiError::invalid(
            "This product cannot be deleted because it has one or more user-created prices.",
        ));
    }
    world.remove(id);
    world.event("product.deleted", product, None);
    Ok(deleted(id, "product"))
}

/// `POST /v1/prices`.
fn create_price(world: &mut World<'_>, params: &Params) -> Result<Value, ApiError> {
    let currency = params.needed("currency")?.to_lowercase();
    let amount = params.int("unit_amount").ok_or_else(|| ApiError::missing_param("unit_amount"))?;
    let amount = unit_amount(amount)?;
    let product = match (params.text("product"), params.given("product_data")) {
        (Some(product), _) => text(&world.named_by(Kind::Product, product, "product")?, "id").to_owned(),
        (None, Some(data)) => product_of(world, data)?,
        (None, None) => return Err(ApiError::missing_param("product")),
    };
    let recurring = recurring_of(params.given("recurring").unwrap_or(&NULL))?;
    free_lookup_key(world, "", params)?;
    let id = world.mint("price");
    let mut price = catalog::price(&id, world.second(), &product, &currency, amount, recurring);
    params.apply(&mut price, &PRICE_FIELDS);
    let price = world.insert(Kind::Price, price);
    world.event("price.created", price.clone(), None);
    Ok(price)
}

/// `POST /v1/prices/{id}`.
fn update_price(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    world.at_path(Kind::Price, id)?;
    free_lookup_key(world, id, params)?;
    let changed = world.diff(id, |price| params.apply(price, &PRICE_FIELDS));
    Ok(world.tell_changed("price.updated", id, changed))
}

/// A price made on the spot by `price_data`; it belongs to whoever made it.
pub(crate) fn price_of(world: &mut World<'_>, data: &Value) -> Result<Value, ApiError> {
    let missing = |name: &str| ApiError::missing_param(&format!("price_data[{name}]"));
    let currency = data["currency"].as_str().ok_or_else(|| missing("currency"))?.to_lowercase();
    let amount = nested_int(&data["unit_amount"], "price_data[unit_amount]")?;
    let amount = unit_amount(amount.ok_or_else(|| missing("unit_amount"))?)?;
    let product = match data["product"].as_str() {
        Some(product) => {
            text(&world.named_by(Kind::Product, product, "price_data[product]")?, "id").to_owned()
        }
        None => product_of(world, &data["product_data"])?,
    };
    let recurring = recurring_of(&data["recurring"])?;
    let id = world.mint("price");
    let mut price = catalog::price(&id, world.second(), &product, &currency, amount, recurring);
    // Stripe archives such a price at once: it is for this one use.
    put(&mut price, "active", false);
    Ok(world.insert(Kind::Price, price))
}

fn product_of(world: &mut World<'_>, data: &Value) -> Result<String, ApiError> {
    let name = data["name"].as_str().ok_or_else(|| ApiError::missing_param("product_data[name]"))?.to_owned();
    let id = world.mint("prod");
    let mut product = catalog::product(&id, world.second(), &name);
    if data["metadata"].is_object() {
        put(&mut product, "metadata", data["metadata"].clone());
    }
    world.insert(Kind::Product, product);
    Ok(id)
}

fn recurring_of(given: &Value) -> Result<Value, ApiError> {
    if given.is_null() {
        return Ok(NULL);
    }
    let interval =
        given["interval"].as_str().ok_or_else(|| ApiError::missing_param("recurring[interval]"))?;
    if !["day", "week", "month", "year"].contains(&interval) {
        return Err(ApiError::invalid_param(
            "recurring[interval]",
            "Invalid recurring[interval]: must be one of day, month, week, or year",
        ));
    }
    let count = nested_int(&given["interval_count"], "recurring[interval_count]")?.unwrap_or(1);
    if !(1..=1_095).contains(&count) {
        return Err(ApiError::invalid_param("recurring[interval_count]", "Invalid interval count."));
    }
    let meter = given["meter"].as_str().map(str::to_owned);
    if given["usage_type"] == "metered" && meter.is_none() {
        return Err(ApiError::missing_param("recurring[meter]"));
    }
    Ok(catalog::recurring(interval, count, meter))
}

/// Stripe takes up to twelve digits.
fn unit_amount(amount: i64) -> Result<i64, ApiError> {
    match amount {
        0..=999_999_999_999 => Ok(amount),
        _ => Err(ApiError::invalid_param("unit_amount", "Invalid amount: must be from 0 to 999999999999")),
    }
}

/// A lookup key is one price's; `transfer_lookup_key` takes it from another.
fn free_lookup_key(world: &mut World<'_>, id: &str, params: &Params) -> Result<(), ApiError> {
    let Some(key) = params.text("lookup_key") else { return Ok(()) };
    let holder = world
        .shop
        .with(Kind::Price, "lookup_key", key)
        .chain(world.part.store.with(Kind::Price, "lookup_key", key))
        .find(|price| text(price.value(), "id") != id)
        .map(|price| text(price.value(), "id").to_owned());
    let Some(holder) = holder else { return Ok(()) };
    let others = world.home != Home::Large && world.shop.get(&holder).is_some();
    if !params.is_true("transfer_lookup_key") || others {
        return Err(ApiError::invalid_param(
            "lookup_key",
            format!("A price (`{holder}`) already uses that lookup key."),
        ));
    }
    world.diff(&holder, |price| put(price, "lookup_key", NULL));
    Ok(())
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
            price_of(world, &data)
        }
        _ => Err(ApiError::missing_param(&format!("{param}[price]"))),
    }
}

/// The catalogue's own products carry their features beside them.
pub(crate) fn hidden_features(features: &[String]) -> Value {
    json!({ "features": features })
}
