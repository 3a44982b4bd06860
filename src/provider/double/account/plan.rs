//! Plans: recurring prices as they were seen before there were prices. A plan is kept as the price that it is.

use serde_json::{Map, Value, json};

use super::catalog::INTERVAL;
use super::{World, price};
use crate::provider::double::error::ApiError;
use crate::provider::double::page::{self, Candidates, Page};
use crate::provider::double::params::{Is, Params, Table};
use crate::provider::double::route::{Asked, Route};
use crate::provider::double::state::Account;
use crate::provider::double::store::{Kind, Stored};
use crate::stripe::object::customer::deleted;
use crate::stripe::object::{catalog, put, text};

pub(crate) const ROUTES: &[Route] = &[
    Route::read(
        "/v1/plans",
        &[
            ("active", Is::Bool),
            ("product", Is::Text),
            ("limit", Is::Int),
            ("starting_after", Is::Text),
            ("ending_before", Is::Text),
        ],
        list,
    ),
    Route::read("/v1/plans/{id}", &[], retrieve),
    Route::create("/v1/plans", CREATE, create).made(),
    Route::change("/v1/plans/{id}", UPDATE, update).made(),
    Route::delete("/v1/plans/{id}", &[], |world, id, _| delete(world, id)),
];

const CREATE: Table = &[
    ("id", Is::Text),
    ("amount", Is::Int),
    ("amount_decimal", Is::Decimal),
    ("currency", Is::Needed(&Is::Text)),
    ("interval", Is::Needed(&INTERVAL)),
    ("interval_count", Is::Int),
    ("product", Is::TextOr(super::product::DATA)),
    ("active", Is::Bool),
    ("billing_scheme", Is::Choice(&["per_unit", "tiered"])),
    ("metadata", Is::Meta),
    ("meter", Is::Text),
    ("nickname", Is::Text),
    ("tiers", price::TIERS),
    ("tiers_mode", Is::Choice(&["graduated", "volume"])),
    ("transform_usage", price::TRANSFORM),
    ("trial_period_days", Is::Int),
    ("usage_type", Is::Choice(&["licensed", "metered"])),
];

const UPDATE: Table = &[
    ("active", Is::Bool),
    ("metadata", Is::Meta),
    ("nickname", Is::Text),
    ("product", Is::NotModelled),
    ("trial_period_days", Is::Int),
];

fn is_plan(stored: &Stored) -> bool {
    stored.kind == Kind::Price && !stored.value()["recurring"].is_null()
}

/// `GET /v1/plans`.
fn list(account: &Account, asked: &Asked<'_>) -> Result<Value, ApiError> {
    let wanted = |price: &Value| {
        let active = asked.params.given("active").is_none_or(|active| *active == price["active"]);
        active && asked.params.text("product").is_none_or(|product| product == text(price, "product"))
    };
    let page = Page::read(asked.params.fields())?;
    let find = |id: &str| account.find(id).filter(|stored| is_plan(stored));
    let span = page.span(find).ok_or_else(|| page.lost(Kind::Price))?;
    let lists = account.stores(asked.home).into_iter().map(|store| -> Candidates<'_> {
        let prices = store.between(Kind::Price, span).map(Stored::glance);
        Box::new(prices.filter(|stored| is_plan(stored) && wanted(stored.value())))
    });
    let (found, more) = page.pick(lists.collect());
    Ok(page::list(found.iter().map(|stored| catalog::plan(stored.value())).collect(), more, asked.path))
}

/// `GET /v1/plans/{id}`.
fn retrieve(account: &Account, asked: &Asked<'_>) -> Result<Value, ApiError> {
    let stored = account.find(asked.ids.id).filter(|stored| is_plan(stored));
    stored.map(|stored| catalog::plan(stored.value())).ok_or_else(|| ApiError::no_such("plan", asked.ids.id))
}

/// `POST /v1/plans`.
fn create(world: &mut World<'_>, params: &Params) -> Result<Value, ApiError> {
    let id = match params.text("id") {
        Some(id) if world.is_taken(id) => {
            return Err(ApiError::coded("resource_already_exists", "id", "Plan already exists."));
        }
        Some(id) => id.to_owned(),
        None => world.mint("plan"),
    };
    let tiered = params.text("billing_scheme") == Some("tiered");
    if !tiered && params.given("amount").or_else(|| params.given("amount_decimal")).is_none() {
        return Err(ApiError::missing_param("amount"));
    }
    let given = as_price(params);
    let none = Map::new();
    let as_price = Params::read(given.as_object().unwrap_or(&none), price::CREATE, &"POST /v1/plans")?;
    let made = world.attempt(|world| price::make(world, &id, &as_price))?;
    Ok(catalog::plan(&made))
}

/// The parameters of the price that a plan is.
fn as_price(params: &Params) -> Value {
    let mut recurring = json!({});
    let mut given = json!({});
    for (name, value) in params.fields() {
        match name.as_str() {
            "interval" | "interval_count" | "meter" | "trial_period_days" | "usage_type" => {
                put(&mut recurring, name, value.clone());
            }
            "amount" => put(&mut given, "unit_amount", value.clone()),
            "amount_decimal" => put(&mut given, "unit_amount_decimal", value.clone()),
            "transform_usage" => put(&mut given, "transform_quantity", value.clone()),
            "product" if value.is_object() => put(&mut given, "product_data", value.clone()),
            "id" => {}
            name => put(&mut given, name, value.clone()),
        }
    }
    put(&mut given, "recurring", recurring);
    given
}

fn price_at(world: &World<'_>, id: &str) -> Result<Value, ApiError> {
    let found = world.stored(id).filter(|stored| is_plan(stored)).map(|stored| stored.value().clone());
    found.ok_or_else(|| ApiError::no_such("plan", id))
}

/// `POST /v1/plans/{id}`.
fn update(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    price_at(world, id)?;
    price::change(world, id, |price| {
        params.apply(price, &["active", "metadata", "nickname"]);
        if let (Some(days), Some(recurring)) = (params.given("trial_period_days"), price.get_mut("recurring"))
        {
            put(recurring, "trial_period_days", days.clone());
        }
    });
    Ok(catalog::plan(world.peek(id)))
}

/// `DELETE /v1/plans/{id}`: subscriptions to it go on.
fn delete(world: &mut World<'_>, id: &str) -> Result<Value, ApiError> {
    let price = price_at(world, id)?;
    world.remove(id);
    world.event("plan.deleted", catalog::plan(&price), None);
    world.event("price.deleted", price, None);
    Ok(deleted(id, "plan"))
}
