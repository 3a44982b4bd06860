//! Stripe entitlements: what a customer's running subscriptions entitle it to, by the features of their products.

use serde_json::{Map, Value, json};

use super::World;
use crate::provider::double::error::ApiError;
use crate::provider::double::params::{Is, Params};
use crate::provider::double::route::Route;
use crate::provider::double::store::{Kind, Store};
use crate::stripe::object::{data, entitlement, object, text};

pub(crate) const ROUTES: &[Route] = &[
    Route::list(
        "/v1/entitlements/features",
        Kind::Feature,
        &[("lookup_key", Is::Text), ("archived", Is::Bool)],
        |name, wanted, stored| Some(stored.value()["active"] != *wanted?).filter(|_| name == "archived"),
    ),
    Route::retrieve("/v1/entitlements/features/{id}", Kind::Feature),
    Route::create(
        "/v1/entitlements/features",
        &[("lookup_key", Is::Needed(&Is::Text)), ("name", Is::Needed(&Is::Text)), ("metadata", Is::Meta)],
        create,
    ),
    Route::change(
        "/v1/entitlements/features/{id}",
        &[("active", Is::Bool), ("name", Is::Text), ("metadata", Is::Meta)],
        update,
    ),
    Route::list(
        "/v1/entitlements/active_entitlements",
        Kind::Entitlement,
        &[("customer", Is::Needed(&Is::Text))],
        |name, wanted, stored| Some(stored.hidden()["customer"] == *wanted?).filter(|_| name == "customer"),
    ),
    Route::retrieve("/v1/entitlements/active_entitlements/{id}", Kind::Entitlement),
];

/// `POST /v1/entitlements/features`: Stripe tells nobody of it.
fn create(world: &mut World<'_>, params: &Params) -> Result<Value, ApiError> {
    let key = params.needed("lookup_key")?.to_owned();
    let holds = |store: &Store| store.with(Kind::Feature, "lookup_key", &key).next().is_some();
    if holds(world.shop) || holds(&world.part.store) {
        let message = format!("A feature with the lookup key `{key}` already exists.");
        return Err(ApiError::invalid_param("lookup_key", message));
    }
    let id = world.mint("feat");
    let mut feature = entitlement::feature(&id, &key);
    params.apply(&mut feature, &["name", "metadata"]);
    Ok(world.insert(Kind::Feature, feature))
}

/// `POST /v1/entitlements/features/{id}`.
fn update(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    world.at_path(Kind::Feature, id)?;
    world.change(id, |feature| params.apply(feature, &["active", "name", "metadata"]));
    Ok(world.copy(id))
}

/// Brings a customer's active entitlements in line with its subscriptions, and tells if they changed.
pub(crate) fn refresh(world: &mut World<'_>, customer: &str) {
    let wanted = wanted(world, customer);
    let before = active(world, customer);
    let held: Vec<&str> = before.iter().map(|entitlement| text(entitlement, "feature")).collect();
    if held.len() == wanted.len() && wanted.iter().all(|feature| held.contains(&feature.as_str())) {
        return;
    }
    for entitlement in &before {
        if !wanted.iter().any(|feature| feature == text(entitlement, "feature")) {
            world.remove(text(entitlement, "id"));
        }
    }
    for feature in wanted.iter().filter(|feature| !held.contains(&feature.as_str())) {
        let id = world.mint("ent");
        let made = entitlement::active(&id, world.peek(feature));
        world.insert_with(Kind::Entitlement, made, object! { "customer": customer });
    }
    let after = entitlement::summary(customer, &active(world, customer));
    let mut previous = Map::new();
    let old = entitlement::summary(customer, &before);
    previous.insert("entitlements".to_owned(), json!({ "data": old["entitlements"]["data"].clone() }));
    world.event("entitlements.active_entitlement_summary.updated", after, Some(previous));
}

/// A customer's active entitlements, oldest first.
pub(crate) fn active(world: &World<'_>, customer: &str) -> Vec<Value> {
    let of = world.part.store.with(Kind::Entitlement, "customer", customer);
    of.map(|stored| stored.value().clone()).collect()
}

fn wanted(world: &World<'_>, customer: &str) -> Vec<String> {
    let mut features: Vec<String> = Vec::new();
    for id in world.ids_where(Kind::Subscription, "customer", customer) {
        let Some(subscription) = world.get(&id) else { continue };
        if !matches!(text(subscription, "status"), "active" | "trialing" | "past_due") {
            continue;
        }
        for item in data(&subscription["items"]) {
            let product = world.stored(text(&item["price"], "product"));
            let of = product.and_then(|product| product.hidden()["features"].as_array());
            for feature in of.into_iter().flatten().filter_map(Value::as_str) {
                if !features.iter().any(|known| known == feature) {
                    features.push(feature.to_owned());
                }
            }
        }
    }
    features
}
