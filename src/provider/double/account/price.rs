//! Prices: what a product costs, and how that depends on the quantity.

use serde_json::{Map, Value, json};

use super::catalog::{INTERVAL, TAX_BEHAVIOR};
use super::decimal::scaled;
use super::{Home, World, product};
use crate::provider::double::error::ApiError;
use crate::provider::double::list::{CREATED, names};
use crate::provider::double::params::{Is, Params, Table};
use crate::provider::double::route::Route;
use crate::provider::double::search;
use crate::provider::double::store::Kind;
use crate::stripe::object::{NULL, catalog, put, text};

pub(crate) const ROUTES: &[Route] = &[
    Route::list(
        "/v1/prices",
        Kind::Price,
        &[
            ("active", Is::Bool),
            ("currency", Is::Text),
            ("lookup_keys", Is::Texts),
            ("product", Is::Text),
            (
                "recurring",
                Is::Fields(&[
                    ("interval", INTERVAL),
                    ("meter", Is::Text),
                    ("usage_type", Is::Choice(&["licensed", "metered"])),
                ]),
            ),
            ("type", Is::Choice(&["one_time", "recurring"])),
            CREATED,
        ],
        |name, wanted, stored| {
            Some(names(wanted?, &stored.value()["lookup_key"])).filter(|_| name == "lookup_keys")
        },
    ),
    Route::search("/v1/prices/search", Kind::Price, search::PRICES),
    Route::retrieve("/v1/prices/{id}", Kind::Price),
    Route::create("/v1/prices", CREATE, create),
    Route::change("/v1/prices/{id}", UPDATE, update),
];

/// `custom_unit_amount`: the customer names the amount.
pub(crate) const CUSTOM: Table =
    &[("enabled", Is::Needed(&Is::Bool)), ("maximum", Is::Int), ("minimum", Is::Int), ("preset", Is::Int)];

pub(crate) const TIERS: Is = Is::Rows(&[
    ("up_to", Is::Needed(&Is::Text)),
    ("flat_amount", Is::Int),
    ("flat_amount_decimal", Is::Decimal),
    ("unit_amount", Is::Int),
    ("unit_amount_decimal", Is::Decimal),
]);

pub(crate) const TRANSFORM: Is =
    Is::Fields(&[("divide_by", Is::Needed(&Is::Int)), ("round", Is::Needed(&Is::Choice(&["down", "up"])))]);

pub(crate) const CREATE: Table = &[
    ("currency", Is::Needed(&Is::Text)),
    ("product", Is::Text),
    ("product_data", Is::Fields(product::DATA)),
    ("unit_amount", Is::Int),
    ("unit_amount_decimal", Is::Decimal),
    (
        "recurring",
        Is::Fields(&[
            ("interval", Is::Needed(&INTERVAL)),
            ("interval_count", Is::Int),
            ("meter", Is::Text),
            ("trial_period_days", Is::Int),
            ("usage_type", Is::Choice(&["licensed", "metered"])),
        ]),
    ),
    ("active", Is::Bool),
    ("lookup_key", Is::Text),
    ("transfer_lookup_key", Is::Bool),
    ("metadata", Is::Meta),
    ("nickname", Is::Text),
    ("tax_behavior", TAX_BEHAVIOR),
    ("billing_scheme", Is::Choice(&["per_unit", "tiered"])),
    ("tiers", TIERS),
    ("tiers_mode", Is::Choice(&["graduated", "volume"])),
    ("transform_quantity", TRANSFORM),
    ("custom_unit_amount", Is::Fields(CUSTOM)),
    ("currency_options", Is::Map),
];

const UPDATE: Table = &[
    ("active", Is::Bool),
    ("lookup_key", Is::Text),
    ("transfer_lookup_key", Is::Bool),
    ("metadata", Is::Meta),
    ("nickname", Is::Text),
    ("tax_behavior", TAX_BEHAVIOR),
    ("currency_options", Is::NotModelled),
];

const FIELDS: [&str; 5] = ["active", "lookup_key", "metadata", "nickname", "tax_behavior"];

/// `POST /v1/prices`.
fn create(world: &mut World<'_>, params: &Params) -> Result<Value, ApiError> {
    let id = world.mint("price");
    world.attempt(|world| make(world, &id, params))
}

/// The same with an id: plans can bring their own.
pub(crate) fn make(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    let given = Value::Object(params.fields().clone());
    let (mut price, hidden) = build(world, id, "", &given, "")?;
    let product = match (params.text("product"), params.given("product_data")) {
        (Some(product), _) => text(&world.named_by(Kind::Product, product, "product")?, "id").to_owned(),
        (None, Some(data @ Value::Object(_))) => {
            let made = product::build(world, data);
            let made = world.insert(Kind::Product, made);
            world.event("product.created", made.clone(), None);
            text(&made, "id").to_owned()
        }
        (None, _) => return Err(ApiError::missing_param("product")),
    };
    put(&mut price, "product", product);
    free_lookup_key(world, "", params)?;
    params.apply(&mut price, &FIELDS);
    Ok(keep(world, price, hidden))
}

/// Keeps a price and tells; of a recurring one twice, as the plan that it is too.
pub(crate) fn keep(world: &mut World<'_>, price: Value, hidden: Value) -> Value {
    let price = world.insert_with(Kind::Price, price, hidden);
    if !price["recurring"].is_null() {
        world.event("plan.created", catalog::plan(&price), None);
    }
    world.event("price.created", price.clone(), None);
    price
}

/// A price and what it shows only when asked: tiers, and amounts in other currencies. `given` is typed by a table of
/// prices, `within` is the parameter that it stands in.
pub(crate) fn build(
    world: &World<'_>,
    id: &str,
    product: &str,
    given: &Value,
    within: &str,
) -> Result<(Value, Value), ApiError> {
    let param = |name: &str| if within.is_empty() { name.to_owned() } else { format!("{within}[{name}]") };
    let currency = given["currency"].as_str().ok_or_else(|| ApiError::missing_param(&param("currency")))?;
    let recurring = recurring_of(&given["recurring"], &param("recurring"))?;
    let mut price = catalog::price(id, world.second(), product, &currency.to_lowercase(), 0, recurring);
    let tiered = given["billing_scheme"] == "tiered";
    let custom = given["custom_unit_amount"]["enabled"] == true;
    let (amount, decimal) = match (tiered, custom) {
        (false, false) => amounts(given, "unit_amount", &param)?,
        _ => (NULL, NULL),
    };
    put(&mut price, "unit_amount", amount);
    put(&mut price, "unit_amount_decimal", decimal);
    if !given["tax_behavior"].is_null() {
        put(&mut price, "tax_behavior", given["tax_behavior"].clone());
    }
    if custom {
        let field = |name: &str| given["custom_unit_amount"][name].clone();
        let shown =
            json!({ "maximum": field("maximum"), "minimum": field("minimum"), "preset": field("preset") });
        put(&mut price, "custom_unit_amount", shown);
    }
    let mut hidden = json!({});
    if tiered {
        put(&mut price, "billing_scheme", "tiered");
        let mode =
            given["tiers_mode"].as_str().ok_or_else(|| ApiError::missing_param(&param("tiers_mode")))?;
        put(&mut price, "tiers_mode", mode);
        put(&mut hidden, "tiers", tiers_of(&given["tiers"], &param("tiers"))?);
    } else if !given["tiers"].is_null() || !given["tiers_mode"].is_null() {
        let message = "You can only pass tiers and tiers_mode if billing_scheme=tiered.";
        return Err(ApiError::invalid_param(&param("tiers"), message));
    }
    if given["transform_quantity"].is_object() {
        if tiered || given["transform_quantity"]["divide_by"].as_i64().is_none_or(|by| by < 1) {
            let message = "transform_quantity needs billing_scheme=per_unit and a positive divide_by.";
            return Err(ApiError::invalid_param(&param("transform_quantity"), message));
        }
        put(&mut price, "transform_quantity", given["transform_quantity"].clone());
    }
    put(&mut hidden, "currency_options", currencies(&price, &given["currency_options"])?);
    Ok((price, hidden))
}

/// `unit_amount` or `unit_amount_decimal`, and the other form of it: a part of a cent has only the decimal one.
fn amounts(given: &Value, name: &str, param: &dyn Fn(&str) -> String) -> Result<(Value, Value), ApiError> {
    let decimal_name = format!("{name}_decimal");
    match (given[name].as_i64(), given[&*decimal_name].as_str()) {
        (Some(_), Some(_)) => Err(ApiError::invalid(format!(
            "You may only specify one of these parameters: {name}, {decimal_name}."
        ))),
        (None, None) => Err(ApiError::missing_param(&param(name))),
        (Some(amount), None) if !(0..=999_999_999_999).contains(&amount) => {
            Err(ApiError::invalid_param(&param(name), "Invalid amount: must be from 0 to 999999999999"))
        }
        (Some(amount), None) => Ok((amount.into(), amount.to_string().into())),
        (None, Some(text)) => {
            let parts = scaled(text, 12).filter(|parts| *parts >= 0);
            let parts = parts.ok_or_else(|| {
                ApiError::invalid_param(&param(&decimal_name), format!("Invalid decimal: {text}"))
            })?;
            let whole = parts % 1_000_000_000_000 == 0;
            let amount = i64::try_from(parts / 1_000_000_000_000).ok().filter(|_| whole);
            let shown = super::decimal::as_number(text).to_string();
            Ok((amount.into(), if whole { shown.into() } else { text.into() }))
        }
    }
}

fn recurring_of(given: &Value, param: &str) -> Result<Value, ApiError> {
    let Value::Object(_) = given else { return Ok(NULL) };
    let count = given["interval_count"].as_i64().unwrap_or(1);
    let interval = text(given, "interval");
    // Three years at most.
    let most = match interval {
        "day" => 1_095,
        "week" => 156,
        "month" => 36,
        _ => 3,
    };
    if !(1..=most).contains(&count) {
        let message = format!("Invalid interval_count: must be from 1 to {most} with interval={interval}.");
        return Err(ApiError::invalid_param(&format!("{param}[interval_count]"), message));
    }
    let meter = given["meter"].as_str().map(str::to_owned);
    if given["usage_type"] == "metered" && meter.is_none() {
        return Err(ApiError::missing_param(&format!("{param}[meter]")));
    }
    let mut recurring = catalog::recurring(interval, count, meter);
    put(&mut recurring, "trial_period_days", given["trial_period_days"].clone());
    Ok(recurring)
}

/// Tiers as they are shown: each ends above the one before, and the last one never.
fn tiers_of(given: &Value, param: &str) -> Result<Value, ApiError> {
    let rows = given.as_array().filter(|rows| !rows.is_empty());
    let rows = rows.ok_or_else(|| ApiError::missing_param(param))?;
    let (mut tiers, mut below) = (Vec::new(), 0);
    for (at, row) in rows.iter().enumerate() {
        let name = format!("{param}[{at}][up_to]");
        let wrong = |message: &str| ApiError::invalid_param(&name, message);
        let last = at + 1 == rows.len();
        let up_to = match text(row, "up_to") {
            "inf" if last => NULL,
            _ if last => return Err(wrong("The last tier must have up_to=inf.")),
            number => {
                let number: i64 = number.parse().map_err(|_| ApiError::invalid_integer(&name, number))?;
                if number <= below {
                    return Err(wrong("up_to must be greater than that of the tier before."));
                }
                below = number;
                number.into()
            }
        };
        let full = |name: &str| format!("{param}[{at}][{name}]");
        let none = |name: &str| row[name].is_null() && row[&*format!("{name}_decimal")].is_null();
        if none("unit_amount") && none("flat_amount") {
            return Err(ApiError::missing_param(&full("unit_amount")));
        }
        let mut tier = Map::new();
        for name in ["flat_amount", "unit_amount"] {
            let (amount, decimal) = if none(name) { (NULL, NULL) } else { amounts(row, name, &full)? };
            tier.insert(name.to_owned(), amount);
            tier.insert(format!("{name}_decimal"), decimal);
        }
        tier.insert("up_to".to_owned(), up_to);
        tiers.push(Value::Object(tier));
    }
    Ok(tiers.into())
}

/// `currency_options` as they are shown: the price's own currency is among them.
fn currencies(price: &Value, given: &Value) -> Result<Value, ApiError> {
    let shown = |amount: &Value, decimal: &Value| {
        json!({
            "custom_unit_amount": price["custom_unit_amount"], "tax_behavior": price["tax_behavior"],
            "unit_amount": amount, "unit_amount_decimal": decimal,
        })
    };
    let mut all = Map::new();
    let own = shown(&price["unit_amount"], &price["unit_amount_decimal"]);
    all.insert(text(price, "currency").to_owned(), own);
    for (currency, option) in given.as_object().into_iter().flatten() {
        let param = format!("currency_options[{currency}]");
        for name in option.as_object().map(|fields| fields.keys()).into_iter().flatten() {
            match name.as_str() {
                "unit_amount" => {}
                "unit_amount_decimal" | "tiers" | "custom_unit_amount" | "tax_behavior" => {
                    return Err(ApiError::not_modelled(&format!("parameter {param}[{name}]")));
                }
                _ => return Err(ApiError::unknown_param(&format!("{param}[{name}]"))),
            }
        }
        let name = format!("{param}[unit_amount]");
        let amount = crate::provider::double::params::nested_int(&option["unit_amount"], &name)?;
        let amount = amount.ok_or_else(|| ApiError::missing_param(&name))?;
        all.insert(currency.to_lowercase(), shown(&amount.into(), &amount.to_string().into()));
    }
    Ok(Value::Object(all))
}

/// `POST /v1/prices/{id}`.
fn update(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    world.at_path(Kind::Price, id)?;
    free_lookup_key(world, id, params)?;
    change(world, id, |price| params.apply(price, &FIELDS));
    Ok(world.copy(id))
}

/// Changes a price and tells; of a recurring one also as the plan that it is.
pub(crate) fn change(world: &mut World<'_>, id: &str, change: impl FnOnce(&mut Value)) {
    let before = world.copy(id);
    let changed = world.diff(id, change);
    let after = world.copy(id);
    if !after["recurring"].is_null() {
        let plan = catalog::plan(&after);
        let previous = crate::stripe::object::previous(&catalog::plan(&before), &plan);
        if !previous.is_empty() {
            world.event("plan.updated", plan, Some(previous));
        }
    }
    world.tell_changed("price.updated", id, changed);
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
