//! Promotion codes: what a customer types in to redeem a coupon, and who may.

use serde_json::{Value, json};

use super::{World, coupon, put_all};
use crate::provider::double::error::ApiError;
use crate::provider::double::index::WHOLE;
use crate::provider::double::list::{CREATED, CUSTOMER};
use crate::provider::double::params::{Is, Params, Table};
use crate::provider::double::route::Route;
use crate::provider::double::store::{Kind, Stored};
use crate::stripe::object::{discount, int, merge, put, text};

pub(crate) const ROUTES: &[Route] = &[
    Route::list(
        "/v1/promotion_codes",
        Kind::PromotionCode,
        &[("active", Is::Bool), ("code", Is::Text), ("coupon", Is::Text), CUSTOMER, CREATED],
        keeps,
    ),
    Route::retrieve("/v1/promotion_codes/{id}", Kind::PromotionCode),
    Route::create("/v1/promotion_codes", CREATE, create),
    Route::change("/v1/promotion_codes/{id}", UPDATE, update),
];

/// Codes are found whatever their case.
fn keeps(name: &str, wanted: Option<&Value>, stored: &Stored) -> Option<bool> {
    let code = stored.value();
    match name {
        "coupon" => Some(code["promotion"]["coupon"] == *wanted?),
        "code" => Some(text(code, "code").eq_ignore_ascii_case(wanted?.as_str()?)),
        _ => None,
    }
}

const RESTRICTIONS: Table = &[
    ("first_time_transaction", Is::Bool),
    ("minimum_amount", Is::Int),
    ("minimum_amount_currency", Is::Text),
    ("currency_options", Is::NotModelled),
];

const CREATE: Table = &[
    // Callers of versions before 2025-09-30.clover name the coupon itself.
    ("coupon", Is::Text),
    ("promotion", Is::Fields(&[("type", Is::Needed(&Is::Choice(&["coupon"]))), ("coupon", Is::Text)])),
    ("code", Is::Text),
    ("active", Is::Bool),
    ("customer", Is::Text),
    ("customer_account", Is::NotModelled),
    ("expires_at", Is::TimeOr(&[])),
    ("max_redemptions", Is::Int),
    ("metadata", Is::Meta),
    ("restrictions", Is::Fields(RESTRICTIONS)),
];

const UPDATE: Table = &[
    ("active", Is::Bool),
    ("metadata", Is::Meta),
    ("restrictions", Is::Fields(&[("currency_options", Is::NotModelled)])),
];

/// `POST /v1/promotion_codes`.
fn create(world: &mut World<'_>, params: &Params) -> Result<Value, ApiError> {
    let coupon = coupon_of(world, params)?;
    check(world, params)?;
    let code = match params.text("code") {
        Some(code) => code.to_owned(),
        None => {
            let mut code = String::new();
            world.part.ids.letters(&mut code, 8);
            code.to_uppercase()
        }
    };
    let active = params.given("active").and_then(Value::as_bool).unwrap_or(true);
    if active {
        free(world, &code, "")?;
    }
    let id = world.mint("promo");
    let mut made = discount::promotion_code(&id, world.second(), &code, &coupon);
    params.apply(&mut made, &["active", "customer", "expires_at", "max_redemptions", "metadata"]);
    if let (Some(kept), Some(Value::Object(given))) =
        (made.get_mut("restrictions"), params.given("restrictions"))
    {
        merge(kept, given);
        let currency = text(kept, "minimum_amount_currency").to_lowercase();
        if !currency.is_empty() {
            put(kept, "minimum_amount_currency", currency);
        }
    }
    let made = world.insert(Kind::PromotionCode, made);
    world.event("promotion_code.created", made.clone(), None);
    Ok(made)
}

fn coupon_of(world: &World<'_>, params: &Params) -> Result<String, ApiError> {
    let promotion = params.given("promotion").unwrap_or(&Value::Null);
    let (id, param) = match (params.text("coupon"), promotion["coupon"].as_str()) {
        (Some(id), _) => (id, "coupon"),
        (None, Some(id)) => (id, "promotion[coupon]"),
        (None, None) if promotion.is_null() => return Err(ApiError::missing_param("promotion")),
        (None, None) => return Err(ApiError::missing_param("promotion[coupon]")),
    };
    let coupon = world.named_by(Kind::Coupon, id, param)?;
    coupon::redeemable(&coupon, world.second()).map_err(|why| ApiError::invalid_param(param, why))?;
    Ok(id.to_owned())
}

fn check(world: &World<'_>, params: &Params) -> Result<(), ApiError> {
    if let Some(customer) = params.text("customer") {
        world.named_by(Kind::Customer, customer, "customer")?;
    }
    if params.text("code").is_some_and(|code| {
        code.len() > 500 || !code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    }) {
        let message = "Promotion codes can only contain letters, digits and dashes.";
        return Err(ApiError::invalid_param("code", message));
    }
    if params.int("max_redemptions").is_some_and(|most| most < 1) {
        return Err(ApiError::invalid_param("max_redemptions", "Invalid positive integer"));
    }
    if params.int("expires_at").is_some_and(|at| at <= world.second()) {
        let message = "Invalid timestamp: must be an integer Unix timestamp in the future.";
        return Err(ApiError::invalid_param("expires_at", message));
    }
    let restrictions = params.given("restrictions").unwrap_or(&Value::Null);
    if !restrictions["minimum_amount"].is_null() && restrictions["minimum_amount_currency"].is_null() {
        return Err(ApiError::missing_param("restrictions[minimum_amount_currency]"));
    }
    Ok(())
}

/// A code is one active promotion code's, whatever its case.
fn free(world: &World<'_>, code: &str, id: &str) -> Result<(), ApiError> {
    let holds = |stored: &Stored| {
        let other = stored.value();
        other["active"] == true && text(other, "id") != id
    };
    let all = [&*world.shop, &world.part.store].into_iter();
    if all.flat_map(|store| store.with(Kind::PromotionCode, "code", code)).any(holds) {
        let message = format!("An active promotion code with `code: {code}` already exists.");
        return Err(ApiError::invalid_param("code", message));
    }
    Ok(())
}

/// `POST /v1/promotion_codes/{id}`.
fn update(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    let before = world.at_path(Kind::PromotionCode, id)?;
    if params.is_true("active") && before["active"] != true {
        free(world, text(&before, "code"), id)?;
        let coupon = world.copy(text(&before["promotion"], "coupon"));
        let spent = redeemable(&before, world.second()).is_err();
        if spent || coupon["valid"] != true {
            let message =
                "This promotion code cannot be activated because it or its coupon is no longer valid.";
            return Err(ApiError::invalid_param("active", message));
        }
    }
    Ok(world.updated("promotion_code.updated", id, |code| params.apply(code, &["active", "metadata"])))
}

/// Whether its own limits are kept; if not, why.
fn redeemable(code: &Value, now: i64) -> Result<(), &'static str> {
    if code["expires_at"].as_i64().is_some_and(|at| at < now) {
        return Err("This promotion code is expired.");
    }
    match code["max_redemptions"].as_i64() {
        Some(most) if int(code, "times_redeemed") >= most => {
            Err("This promotion code has been fully redeemed.")
        }
        _ => Ok(()),
    }
}

/// Whether a customer may redeem it for so much; if not, why. `amount` is null where it is not known yet.
pub(crate) fn allowed(
    world: &World<'_>,
    code: &Value,
    customer: &str,
    amount: Option<(i64, &str)>,
) -> Result<(), String> {
    if code["active"] != true {
        return Err("This promotion code is not active.".to_owned());
    }
    redeemable(code, world.second())?;
    if code["customer"].as_str().is_some_and(|only| only != customer) {
        return Err(
            "This promotion code cannot be redeemed because it belongs to another customer.".to_owned()
        );
    }
    let restrictions = &code["restrictions"];
    if restrictions["first_time_transaction"] == true && has_paid(world, customer) {
        let why =
            "This promotion code cannot be redeemed because the associated customer has prior transactions.";
        return Err(why.to_owned());
    }
    let Some(least) = restrictions["minimum_amount"].as_i64() else { return Ok(()) };
    let Some((amount, currency)) = amount else { return Ok(()) };
    if amount < least || !currency.eq_ignore_ascii_case(text(restrictions, "minimum_amount_currency")) {
        let why = "This promotion code cannot be redeemed because the minimum amount is not met.";
        return Err(why.to_owned());
    }
    Ok(())
}

/// Whether a customer has a payment or a paid invoice behind it.
fn has_paid(world: &World<'_>, customer: &str) -> bool {
    let any = |kind: Kind, status: &str| {
        !customer.is_empty()
            && world
                .ids_where(kind, "customer", customer)
                .iter()
                .any(|id| text(world.peek(id), "status") == status)
    };
    any(Kind::Charge, "succeeded") || any(Kind::Invoice, "paid")
}

/// When a code lapses, if it can.
pub(crate) fn lapses(code: &Value) -> Option<i64> {
    let last = code["expires_at"].as_i64().filter(|_| code["active"] == true)?;
    Some(last.saturating_add(1))
}

/// Nobody can redeem a code any more.
pub(crate) fn lapse(world: &mut World<'_>, id: &str) {
    world.change(id, |code| put(code, "active", false));
}

/// The same of all codes of a coupon.
pub(crate) fn lapse_of(world: &mut World<'_>, coupon: &str) {
    let shared = world.shop.ids_with(Kind::PromotionCode, "coupon", coupon, WHOLE);
    let shared: Vec<String> = shared.into_iter().map(|id| (**id).to_owned()).collect();
    for id in world.ids_where(Kind::PromotionCode, "coupon", coupon).into_iter().chain(shared) {
        if world.peek(&id)["active"] == true {
            lapse(world, &id);
        }
    }
}

/// Counts a redemption. What is used up is no longer active.
pub(crate) fn count(world: &mut World<'_>, id: &str) {
    world.change(id, |code| {
        let times = int(code, "times_redeemed").saturating_add(1);
        let left = code["max_redemptions"].as_i64().is_none_or(|most| times < most);
        let active = code["active"] == true && left;
        put_all(code, [("times_redeemed", json!(times)), ("active", json!(active))]);
    });
}
