//! Products, and the features that they come with.

use serde_json::{Value, json};

use super::catalog::{INTERVAL, TAX_BEHAVIOR};
use super::{World, entitlement, price};
use crate::provider::double::error::ApiError;
use crate::provider::double::list::{self, CREATED, PARAMS, names};
use crate::provider::double::params::{Is, Params, Table};
use crate::provider::double::route::{Asked, Route};
use crate::provider::double::search;
use crate::provider::double::state::Account;
use crate::provider::double::store::{Kind, Store, Stored};
use crate::stripe::object::customer::deleted;
use crate::stripe::object::{catalog, object, put, text};

pub(crate) const ROUTES: &[Route] = &[
    Route::list(
        "/v1/products",
        Kind::Product,
        &[("active", Is::Bool), ("ids", Is::Texts), ("url", Is::Text), ("shippable", Is::Bool), CREATED],
        |name, wanted, stored| Some(names(wanted?, &stored.value()["id"])).filter(|_| name == "ids"),
    ),
    Route::search("/v1/products/search", Kind::Product, search::PRODUCTS),
    Route::retrieve("/v1/products/{id}", Kind::Product),
    Route::create("/v1/products", CREATE, create),
    Route::change("/v1/products/{id}", UPDATE, update),
    Route::delete("/v1/products/{id}", &[], |world, id, _| delete(world, id)),
    Route::read("/v1/products/{id}/features", PARAMS, features),
    Route::read("/v1/products/{id}/features/{sub}", &[], feature),
    Route::change("/v1/products/{id}/features", &[("entitlement_feature", Is::Needed(&Is::Text))], attach)
        .made(),
    Route::delete_in("/v1/products/{id}/features/{sub}", &[], |world, ids, _| detach(world, ids.id, ids.sub)),
];

/// `product_data` where a price is made.
pub(crate) const DATA: Table = &[
    ("name", Is::Needed(&Is::Text)),
    ("active", Is::Bool),
    ("description", Is::Text),
    ("id", Is::NotModelled),
    ("images", Is::Texts),
    ("metadata", Is::Meta),
    ("statement_descriptor", Is::Text),
    ("tax_code", Is::Text),
    ("unit_label", Is::Text),
];

const DIMENSIONS: Is = Is::Fields(&[
    ("height", Is::Needed(&Is::Decimal)),
    ("length", Is::Needed(&Is::Decimal)),
    ("weight", Is::Needed(&Is::Decimal)),
    ("width", Is::Needed(&Is::Decimal)),
]);
const MARKETING: Is = Is::Rows(&[("name", Is::Needed(&Is::Text))]);

const CREATE: Table = &[
    ("id", Is::Text),
    ("name", Is::Needed(&Is::Text)),
    ("active", Is::Bool),
    ("description", Is::Text),
    ("metadata", Is::Meta),
    ("images", Is::Texts),
    ("marketing_features", MARKETING),
    ("statement_descriptor", Is::Text),
    ("tax_code", Is::Text),
    ("unit_label", Is::Text),
    ("url", Is::Text),
    ("shippable", Is::Bool),
    (
        "default_price_data",
        Is::Fields(&[
            ("currency", Is::Needed(&Is::Text)),
            ("recurring", Is::Fields(&[("interval", Is::Needed(&INTERVAL)), ("interval_count", Is::Int)])),
            ("tax_behavior", TAX_BEHAVIOR),
            ("unit_amount", Is::Int),
            ("unit_amount_decimal", Is::Decimal),
            ("metadata", Is::Meta),
            ("custom_unit_amount", Is::Fields(price::CUSTOM)),
            ("currency_options", Is::NotModelled),
        ]),
    ),
    ("package_dimensions", DIMENSIONS),
    ("type", Is::Choice(&["good", "service"])),
];

const UPDATE: Table = &[
    ("name", Is::Text),
    ("active", Is::Bool),
    ("description", Is::Text),
    ("metadata", Is::Meta),
    ("images", Is::Texts),
    ("marketing_features", MARKETING),
    ("statement_descriptor", Is::Text),
    ("tax_code", Is::Text),
    ("unit_label", Is::Text),
    ("url", Is::Text),
    ("shippable", Is::Bool),
    ("default_price", Is::Text),
    ("package_dimensions", DIMENSIONS),
];

const FIELDS: [&str; 14] = [
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

/// `POST /v1/products`; a default price is made with it, and then is the product's.
fn create(world: &mut World<'_>, params: &Params) -> Result<Value, ApiError> {
    let name = params.needed("name")?.to_owned();
    let id = match params.text("id") {
        Some(id) if world.is_taken(id) => {
            return Err(ApiError::coded("resource_already_exists", "id", "Product already exists."));
        }
        Some(id) => id.to_owned(),
        None => world.mint("prod"),
    };
    let price = match params.given("default_price_data") {
        Some(data @ Value::Object(_)) => {
            let price = world.mint("price");
            let (mut made, hidden) = price::build(world, &price, &id, data, "default_price_data")?;
            if data["metadata"].is_object() {
                put(&mut made, "metadata", data["metadata"].clone());
            }
            Some((made, hidden))
        }
        _ => None,
    };
    let mut product = catalog::product(&id, world.second(), &name);
    params.apply(&mut product, &FIELDS);
    let product = world.insert(Kind::Product, product);
    world.event("product.created", product, None);
    if let Some((price, hidden)) = price {
        let price = price::keep(world, price, hidden);
        world.update("product.updated", &id, |product| put(product, "default_price", text(&price, "id")));
    }
    Ok(world.copy(&id))
}

/// A product from `product_data`, typed by its table.
pub(crate) fn build(world: &mut World<'_>, data: &Value) -> Value {
    let id = world.mint("prod");
    let mut product = catalog::product(&id, world.second(), text(data, "name"));
    if let Value::Object(given) = data {
        crate::stripe::object::merge(&mut product, given);
    }
    product
}

/// `POST /v1/products/{id}`.
fn update(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    world.at_path(Kind::Product, id)?;
    if let Some(price) = params.text("default_price") {
        let price = world.named_by(Kind::Price, price, "default_price")?;
        if text(&price, "product") != id || price["active"] != true {
            let message = "The default price must be an active price of the product.";
            return Err(ApiError::invalid_param("default_price", message));
        }
    }
    let now = world.second();
    let mut changed = world.diff(id, |product| params.apply(product, &FIELDS));
    if !changed.is_empty() {
        changed.extend(world.diff(id, |product| put(product, "updated", now)));
    }
    world.tell_changed("product.updated", id, changed);
    Ok(world.copy(id))
}

/// `DELETE /v1/products/{id}`; one that has prices stays.
fn delete(world: &mut World<'_>, id: &str) -> Result<Value, ApiError> {
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

fn product_at<'a>(account: &'a Account, id: &str) -> Result<&'a Stored, ApiError> {
    let stored = account.find(id).filter(|stored| stored.kind == Kind::Product);
    stored.ok_or_else(|| ApiError::no_such(Kind::Product.noun(), id))
}

/// The features of a product, newest first. Each names its feature by id and shows it whole, as it is now.
fn attached(account: &Account, product: &Stored) -> Vec<Value> {
    let links = product.hidden()["features"].as_array().map_or(&[][..], Vec::as_slice);
    let whole = |feature: &Value| {
        let of = account.find(feature.as_str()?)?.value().clone();
        Some(link(text(product.value(), "id"), of))
    };
    links.iter().rev().filter_map(whole).collect()
}

/// A product's feature. Its id follows from what it ties: a product has a feature at most once.
fn link(product: &str, feature: Value) -> Value {
    let tail = |id: &str| id.rsplit_once('_').map_or_else(|| id.to_owned(), |(_, tail)| tail.to_owned());
    let id = format!("prodft_{}{}", tail(product), tail(text(&feature, "id")));
    object! { "id": id, "object": "product_feature", "entitlement_feature": feature, "livemode": false }
}

/// `GET /v1/products/{id}/features`.
fn features(account: &Account, asked: &Asked<'_>) -> Result<Value, ApiError> {
    let all = attached(account, product_at(account, asked.ids.id)?);
    list::page_of(asked, &all, Kind::ProductFeature, asked.path)
}

/// `GET /v1/products/{id}/features/{feature}`.
fn feature(account: &Account, asked: &Asked<'_>) -> Result<Value, ApiError> {
    let all = attached(account, product_at(account, asked.ids.id)?);
    let found = all.into_iter().find(|link| text(link, "id") == asked.ids.sub);
    found.ok_or_else(|| ApiError::no_such(Kind::ProductFeature.noun(), asked.ids.sub))
}

/// `POST /v1/products/{id}/features`: whoever has the product is entitled to it from now on.
fn attach(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    world.at_path(Kind::Product, id)?;
    let feature = params.needed("entitlement_feature")?.to_owned();
    let whole = world.named_by(Kind::Feature, &feature, "entitlement_feature")?;
    if whole["active"] != true {
        return Err(ApiError::invalid_param("entitlement_feature", "This feature is archived."));
    }
    let mut held = held(world, id);
    if held.contains(&feature) {
        let message = "This feature is already attached to the product.";
        return Err(ApiError::invalid_param("entitlement_feature", message));
    }
    held.push(feature);
    entitle(world, id, held);
    Ok(link(id, whole))
}

/// `DELETE /v1/products/{id}/features/{feature}`.
fn detach(world: &mut World<'_>, id: &str, sub: &str) -> Result<Value, ApiError> {
    world.at_path(Kind::Product, id)?;
    let before = held(world, id);
    let mut after = before.clone();
    after.retain(|feature| text(&link(id, world.copy(feature)), "id") != sub);
    if after.len() == before.len() {
        return Err(ApiError::no_such(Kind::ProductFeature.noun(), sub));
    }
    entitle(world, id, after);
    Ok(deleted(sub, "product_feature"))
}

fn held(world: &World<'_>, id: &str) -> Vec<String> {
    super::redemption::ids(&world.hidden(id)["features"])
}

fn entitle(world: &mut World<'_>, id: &str, features: Vec<String>) {
    world.change_hidden(id, |hidden| {
        if hidden.is_null() {
            *hidden = json!({});
        }
        put(hidden, "features", features);
    });
    let customers: std::collections::BTreeSet<String> = world
        .part
        .store
        .with(Kind::Subscription, "product", id)
        .map(|stored| text(stored.value(), "customer").to_owned())
        .collect();
    for customer in customers {
        entitlement::refresh(world, &customer);
    }
}
