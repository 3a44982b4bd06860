//! Coupons: what may be taken off, until when and how often.

use serde_json::Value;

use super::decimal::{as_number, scaled};
use super::{World, promotion_code};
use crate::provider::double::error::ApiError;
use crate::provider::double::list::{AS_USUAL, CREATED};
use crate::provider::double::params::{Is, Params, Table};
use crate::provider::double::route::Route;
use crate::provider::double::store::Kind;
use crate::stripe::object::customer::deleted;
use crate::stripe::object::{discount, int, object, put, text};

pub(crate) const ROUTES: &[Route] = &[
    Route::list("/v1/coupons", Kind::Coupon, &[CREATED], AS_USUAL),
    Route::retrieve("/v1/coupons/{id}", Kind::Coupon),
    Route::create("/v1/coupons", CREATE, create),
    Route::change("/v1/coupons/{id}", UPDATE, update),
    Route::delete("/v1/coupons/{id}", &[], |world, id, _| delete(world, id)),
];

const CREATE: Table = &[
    ("id", Is::Text),
    ("percent_off", Is::Decimal),
    ("amount_off", Is::Int),
    ("currency", Is::Text),
    ("currency_options", Is::NotModelled),
    ("duration", Is::Choice(&["forever", "once", "repeating"])),
    ("duration_in_months", Is::Int),
    ("max_redemptions", Is::Int),
    ("metadata", Is::Meta),
    ("name", Is::Text),
    ("redeem_by", Is::TimeOr(&[])),
    ("applies_to", Is::Fields(&[("products", Is::Texts)])),
];

const UPDATE: Table = &[("metadata", Is::Meta), ("name", Is::Text), ("currency_options", Is::NotModelled)];

/// The most that Stripe takes off at once.
const MOST: i64 = 99_999_999;

/// `POST /v1/coupons`.
fn create(world: &mut World<'_>, params: &Params) -> Result<Value, ApiError> {
    check(world, params)?;
    let id = match params.text("id") {
        Some(id) if world.is_taken(id) => {
            return Err(ApiError::coded("resource_already_exists", "id", "Coupon already exists."));
        }
        Some(id) => id.to_owned(),
        None => fresh_id(world),
    };
    let mut coupon = discount::coupon(&id, world.second());
    let fields =
        ["amount_off", "duration", "duration_in_months", "max_redemptions", "metadata", "name", "redeem_by"];
    params.apply(&mut coupon, &fields);
    if let Some(percent) = params.text("percent_off") {
        put(&mut coupon, "percent_off", as_number(percent));
    }
    if params.int("amount_off").is_some() {
        put(&mut coupon, "currency", params.text("currency").map(str::to_lowercase));
    }
    let products = params.given("applies_to").map(|applies| applies["products"].clone()).unwrap_or_default();
    let coupon = world.insert_with(Kind::Coupon, coupon, object! { "products": products });
    world.event("coupon.created", coupon.clone(), None);
    Ok(coupon)
}

fn check(world: &World<'_>, params: &Params) -> Result<(), ApiError> {
    match (params.text("percent_off"), params.int("amount_off")) {
        (Some(_), Some(_)) => {
            let message = "You may only specify one of these parameters: amount_off, percent_off.";
            return Err(ApiError::invalid(message));
        }
        (None, None) => return Err(ApiError::missing_param("percent_off")),
        (Some(percent), None) => {
            if !scaled(percent, 4).is_some_and(|part| (1..=1_000_000).contains(&part)) {
                let message = "Invalid percent_off: must be greater than 0 and at most 100.";
                return Err(ApiError::invalid_param("percent_off", message));
            }
        }
        (None, Some(amount)) => {
            if !(1..=MOST).contains(&amount) {
                return Err(ApiError::invalid_param("amount_off", "Invalid positive integer"));
            }
            params.needed("currency")?;
        }
    }
    match (params.text("duration"), params.int("duration_in_months")) {
        (Some("repeating"), None) => return Err(ApiError::missing_param("duration_in_months")),
        (Some("repeating"), Some(months)) if !(1..=1_200).contains(&months) => {
            return Err(ApiError::invalid_param("duration_in_months", "Invalid positive integer"));
        }
        (duration, Some(_)) if duration != Some("repeating") => {
            let message = "You can only set duration_in_months if duration is repeating.";
            return Err(ApiError::invalid_param("duration_in_months", message));
        }
        _ => {}
    }
    if params.int("max_redemptions").is_some_and(|most| most < 1) {
        return Err(ApiError::invalid_param("max_redemptions", "Invalid positive integer"));
    }
    if params.int("redeem_by").is_some_and(|by| by <= world.second()) {
        let message = "Invalid timestamp: must be an integer Unix timestamp in the future.";
        return Err(ApiError::invalid_param("redeem_by", message));
    }
    let applies = params
        .given("applies_to")
        .map_or(&[][..], |applies| applies["products"].as_array().map_or(&[][..], Vec::as_slice));
    for product in applies.iter().filter_map(Value::as_str) {
        world.named_by(Kind::Product, product, "applies_to[products]")?;
    }
    Ok(())
}

/// Eight letters: coupons have no prefix.
fn fresh_id(world: &mut World<'_>) -> String {
    let mut id = String::new();
    world.part.ids.letters(&mut id, 8);
    id
}

/// `POST /v1/coupons/{id}`: what it takes off stays as it is.
fn update(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    world.at_path(Kind::Coupon, id)?;
    Ok(world.updated("coupon.updated", id, |coupon| params.apply(coupon, &["metadata", "name"])))
}

/// `DELETE /v1/coupons/{id}`: who has redeemed it keeps the discount.
fn delete(world: &mut World<'_>, id: &str) -> Result<Value, ApiError> {
    let coupon = world.at_path(Kind::Coupon, id)?;
    world.remove(id);
    world.event("coupon.deleted", coupon, None);
    Ok(deleted(id, "coupon"))
}

/// A coupon that was there when the story began: no event tells of it.
pub(crate) fn premade(world: &mut World<'_>, percent_off: i64) -> String {
    let id = fresh_id(world);
    let mut coupon = discount::coupon(&id, world.second());
    put(&mut coupon, "percent_off", percent_off);
    world.insert(Kind::Coupon, coupon);
    id
}

/// Whether it can still be redeemed; if not, why.
pub(crate) fn redeemable(coupon: &Value, now: i64) -> Result<(), String> {
    let id = text(coupon, "id");
    if coupon["redeem_by"].as_i64().is_some_and(|by| by < now) {
        return Err(format!("Coupon expired: {id}"));
    }
    match coupon["max_redemptions"].as_i64() {
        Some(most) if int(coupon, "times_redeemed") >= most => {
            Err(format!("Coupon {id} is used up and cannot be applied."))
        }
        _ => Ok(()),
    }
}

/// Counts a redemption. What is used up is no longer valid.
pub(crate) fn count(world: &mut World<'_>, id: &str) {
    world.change(id, |coupon| {
        let times = int(coupon, "times_redeemed").saturating_add(1);
        put(coupon, "times_redeemed", times);
    });
    let coupon = world.peek(id);
    if coupon["max_redemptions"].as_i64().is_some_and(|most| int(coupon, "times_redeemed") >= most) {
        lapse(world, id);
    }
}

/// When a coupon lapses, if it can.
pub(crate) fn lapses(coupon: &Value) -> Option<i64> {
    let last = coupon["redeem_by"].as_i64().filter(|_| coupon["valid"] == true)?;
    Some(last.saturating_add(1))
}

/// Nobody can redeem a coupon any more, nor its codes: a code is active only as long as its coupon is valid
/// (<https://docs.stripe.com/api/promotion_codes/object#promotion_code_object-active>).
pub(crate) fn lapse(world: &mut World<'_>, id: &str) {
    world.change(id, |coupon| put(coupon, "valid", false));
    promotion_code::lapse_of(world, id);
}
