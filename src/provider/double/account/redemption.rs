//! Coupons that are redeemed: discounts on customers, subscriptions, their items, invoices and checkouts.
//!
//! A discount keeps the terms of its coupon as they were: a coupon that is deleted still counts for those who have
//! redeemed it. A `once` coupon is consumed by the first invoice that it takes something off
//! (<https://github.com/stripe/stripe-go/issues/944>), a `repeating` one goes when its months are over.

use serde_json::{Map, Value, json};

use super::discount::Terms;
use super::{World, coupon, period, promotion_code};
use crate::provider::double::error::ApiError;
use crate::provider::double::params::{Is, Params};
use crate::provider::double::route::{Asked, Route};
use crate::provider::double::state::Account;
use crate::provider::double::store::Kind;
use crate::stripe::object::{NULL, data, discount, int, object, put, text};

pub(crate) const ROUTES: &[Route] = &[
    Route::read("/v1/customers/{id}/discount", &[], of_customer),
    Route::delete("/v1/customers/{id}/discount", &[], |world, id, _| delete(world, Kind::Customer, id)),
    Route::delete("/v1/subscriptions/{id}/discount", &[], |world, id, _| {
        delete(world, Kind::Subscription, id)
    }),
];

/// What a thin event about a discount leads to.
fn of_customer(account: &Account, asked: &Asked<'_>) -> Result<Value, ApiError> {
    let id = asked.ids.id;
    let stored = account.find(id).filter(|stored| stored.kind == Kind::Customer);
    let stored = stored.ok_or_else(|| ApiError::no_such(Kind::Customer.noun(), id))?;
    match &stored.value()["discount"] {
        discount @ Value::Object(_) => Ok(discount.clone()),
        _ => Err(ApiError::invalid(format!("No active discount for customer: {id}")).with_status(404)),
    }
}

/// `discounts` of a call.
pub(crate) const ROWS: Is =
    Is::Rows(&[("coupon", Is::Text), ("discount", Is::Text), ("promotion_code", Is::Text)]);

/// The most that Stripe takes on one object.
const MOST: usize = 20;

/// A discount that a call asks for.
#[derive(Debug, Clone)]
pub(crate) enum Redeem {
    /// A coupon, in full, and the promotion code that named it.
    New { coupon: Value, code: Option<String> },
    /// A discount that there is already.
    Kept(String),
}

/// Who redeems, and for how much where that is known: promotion codes can ask for a minimum.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Buyer<'a> {
    pub(crate) customer: &'a str,
    pub(crate) amount: Option<(i64, &'a str)>,
}

/// What `discounts` says, or `coupon` and `promotion_code` in versions before 2025-03-31.basil; nothing where none
/// of them was given, and an empty list where discounts are to go.
pub(crate) fn asked(
    world: &World<'_>,
    params: &Params,
    buyer: Buyer<'_>,
) -> Result<Option<Vec<Redeem>>, ApiError> {
    if params.given("discounts").is_some() {
        return rows(world, params.list("discounts"), "discounts", buyer).map(Some);
    }
    match (params.given("coupon"), params.given("promotion_code")) {
        (None, None) => Ok(None),
        (Some(Value::String(_)), Some(Value::String(_))) => {
            let message = "You may only specify one of these parameters: coupon, promotion_code.";
            Err(ApiError::invalid(message))
        }
        (coupon, code) => {
            let row = json!({ "coupon": coupon, "promotion_code": code });
            Ok(Some(one(world, &row, "", buyer)?.into_iter().collect()))
        }
    }
}

/// The same, of a list of rows.
pub(crate) fn rows(
    world: &World<'_>,
    rows: &[Value],
    param: &str,
    buyer: Buyer<'_>,
) -> Result<Vec<Redeem>, ApiError> {
    if rows.len() > MOST {
        return Err(ApiError::invalid_param(param, "You can have at most 20 discounts."));
    }
    let mut found = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        match one(world, row, &format!("{param}[{at}]"), buyer)? {
            Some(redeem) => found.push(redeem),
            None => return Err(ApiError::missing_param(&format!("{param}[{at}][coupon]"))),
        }
    }
    Ok(found)
}

fn one(world: &World<'_>, row: &Value, within: &str, buyer: Buyer<'_>) -> Result<Option<Redeem>, ApiError> {
    let full = |name: &str| if within.is_empty() { name.to_owned() } else { format!("{within}[{name}]") };
    if let Some(id) = row["discount"].as_str() {
        world.named_by(Kind::Discount, id, &full("discount"))?;
        return Ok(Some(Redeem::Kept(id.to_owned())));
    }
    let (id, code, param) = match (row["coupon"].as_str(), row["promotion_code"].as_str()) {
        (Some(id), _) => (id.to_owned(), None, full("coupon")),
        (None, Some(id)) => {
            let param = full("promotion_code");
            let code = world.named_by(Kind::PromotionCode, id, &param)?;
            promotion_code::allowed(world, &code, buyer.customer, buyer.amount)
                .map_err(|why| ApiError::invalid_param(&param, why))?;
            (text(&code["promotion"], "coupon").to_owned(), Some(id.to_owned()), param)
        }
        (None, None) => return Ok(None),
    };
    let coupon = world.named_by(Kind::Coupon, &id, &param)?;
    coupon::redeemable(&coupon, world.second())
        .map_err(|why| ApiError::coded("coupon_expired", &param, why))?;
    Ok(Some(Redeem::New { coupon, code }))
}

impl Redeem {
    /// What it would take off.
    pub(crate) fn terms(&self, world: &World<'_>) -> Terms {
        match self {
            Self::New { coupon, .. } => Terms::of("", coupon, &world.hidden(text(coupon, "id"))["products"]),
            Self::Kept(id) => terms_of(world, id),
        }
    }

    /// `{coupon, promotion_code}`, as a checkout session shows it.
    pub(crate) fn shown(&self, world: &World<'_>) -> Value {
        match self {
            Self::New { coupon, code: None } => json!({ "coupon": coupon["id"], "promotion_code": null }),
            Self::New { code, .. } => json!({ "coupon": null, "promotion_code": code }),
            Self::Kept(id) => {
                let discount = world.peek(id);
                json!({ "coupon": discount["source"]["coupon"], "promotion_code": discount["promotion_code"] })
            }
        }
    }
}

/// Redeems: gives the discount's id. `on` says what it is on: `[("customer", "cus_…")]`.
pub(crate) fn redeem(world: &mut World<'_>, redeem: &Redeem, on: &[(&str, &str)]) -> String {
    let (coupon, code) = match redeem {
        Redeem::Kept(id) => return id.clone(),
        Redeem::New { coupon, code } => (coupon, code),
    };
    let now = world.second();
    let months = json!({ "interval": "month", "interval_count": coupon["duration_in_months"] });
    let end = (text(coupon, "duration") == "repeating").then(|| period::end(now, now, &months));
    let id = world.mint("di");
    let mut made = discount::discount(&id, now, end, text(coupon, "id"));
    put(&mut made, "promotion_code", code.clone());
    for (field, holder) in on {
        put(&mut made, field, *holder);
    }
    let products = world.hidden(text(coupon, "id"))["products"].clone();
    let hidden = object! { "coupon": coupon.clone(), "products": products };
    world.insert_with(Kind::Discount, made, hidden);
    coupon::count(world, text(coupon, "id"));
    if let Some(code) = code {
        promotion_code::count(world, code);
    }
    id
}

/// What a discount takes off.
pub(crate) fn terms_of(world: &World<'_>, id: &str) -> Terms {
    let hidden = world.hidden(id);
    Terms::of(id, &hidden["coupon"], &hidden["products"])
}

/// Whether the next invoice that a discount takes something off consumes it.
pub(crate) fn is_once(world: &World<'_>, id: &str) -> bool {
    text(&world.hidden(id)["coupon"], "duration") == "once"
}

/// The discounts of a subscription's invoice, or of one of none: its own, else the customer's.
pub(crate) fn in_force(world: &World<'_>, subscription: &Value, customer: &str) -> Vec<String> {
    let own = ids(&subscription["discounts"]);
    let all = match own.is_empty() {
        false => own,
        true => world.peek(customer)["discount"]["id"].as_str().map(str::to_owned).into_iter().collect(),
    };
    let now = world.second();
    all.into_iter().filter(|id| world.peek(id)["end"].as_i64().is_none_or(|end| now < end)).collect()
}

/// The ids in a field of ids.
pub(crate) fn ids(field: &Value) -> Vec<String> {
    let ids = field.as_array().map_or(&[][..], Vec::as_slice);
    ids.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Gives a customer a discount, or takes the one that it has.
pub(crate) fn set_on_customer(world: &mut World<'_>, customer: &str, wanted: Option<&Redeem>) {
    let before = world.peek(customer)["discount"].clone();
    let made = wanted.map(|wanted| redeem(world, wanted, &[("customer", customer)]));
    let after = made.map(|id| world.copy(&id)).unwrap_or_default();
    world.change(customer, |customer| put(customer, "discount", after.clone()));
    match (before.is_null(), after.is_null()) {
        (_, true) if before.is_null() => {}
        (_, true) => world.event("customer.discount.deleted", before, None),
        (true, false) => world.event("customer.discount.created", after, None),
        (false, false) => {
            let changed: Map<_, _> = crate::stripe::object::previous(&before, &after);
            world.event("customer.discount.updated", after, Some(changed));
        }
    }
}

/// Tells which discounts of a subscription or of its items are new, and which are gone.
pub(crate) fn tell_changes(world: &mut World<'_>, before: &[String], after: &[String]) {
    for id in before.iter().filter(|id| !after.contains(id)) {
        world.tell("customer.discount.deleted", id);
    }
    for id in after.iter().filter(|id| !before.contains(id)) {
        world.tell("customer.discount.created", id);
    }
}

/// All discounts of a subscription and of its items.
pub(crate) fn held_by(subscription: &Value) -> Vec<String> {
    let items = data(&subscription["items"]).iter().flat_map(|item| ids(&item["discounts"]));
    ids(&subscription["discounts"]).into_iter().chain(items).collect()
}

/// Takes a discount from whatever holds it, and tells.
pub(crate) fn drop(world: &mut World<'_>, id: &str) {
    let gone = world.copy(id);
    let subscription = text(&gone, "subscription").to_owned();
    if !subscription.is_empty() {
        if !held_by(world.peek(&subscription)).iter().any(|held| held == id) {
            return;
        }
        world.event("customer.discount.deleted", gone, None);
        world.update("customer.subscription.updated", &subscription, |subscription| forget(subscription, id));
        return;
    }
    let customer = text(&gone, "customer").to_owned();
    if world.peek(&customer)["discount"]["id"] == id {
        world.event("customer.discount.deleted", gone, None);
        world.update("customer.updated", &customer, |customer| put(customer, "discount", NULL));
    }
}

/// Takes a discount from the lists of a subscription and of its items.
fn forget(subscription: &mut Value, id: &str) {
    let without = |list: Option<&mut Value>| {
        if let Some(Value::Array(list)) = list {
            list.retain(|held| held != id);
        }
    };
    without(subscription.get_mut("discounts"));
    if let Some(Value::Array(items)) = subscription.get_mut("items").and_then(|items| items.get_mut("data")) {
        items.iter_mut().for_each(|item| without(item.get_mut("discounts")));
    }
}

/// An invoice that a `once` discount took something off has consumed it.
pub(crate) fn consume(world: &mut World<'_>, invoice: &Value) {
    let taken = invoice["total_discount_amounts"].as_array().map_or(&[][..], Vec::as_slice);
    for taken in taken.iter().filter(|taken| int(taken, "amount") > 0) {
        let id = text(taken, "discount");
        if is_once(world, id) {
            drop(world, id);
        }
    }
}

/// Discounts of a subscription, of its items and of its customer whose months are over go.
pub(crate) fn drop_ended(world: &mut World<'_>, subscription: &str) {
    let subscription = world.peek(subscription);
    let mut held = held_by(subscription);
    let customer = world.peek(text(subscription, "customer"));
    held.extend(customer["discount"]["id"].as_str().map(str::to_owned));
    let now = world.second();
    for id in held {
        if world.peek(&id)["end"].as_i64().is_some_and(|end| end <= now) {
            drop(world, &id);
        }
    }
}

/// `DELETE /v1/customers/{id}/discount`, and of a subscription.
fn delete(world: &mut World<'_>, kind: Kind, id: &str) -> Result<Value, ApiError> {
    let holder = world.at_path(kind, id)?;
    let held = match kind {
        Kind::Customer => holder["discount"]["id"].as_str().map(str::to_owned).into_iter().collect(),
        _ => ids(&holder["discounts"]),
    };
    let Some(last) = held.last() else {
        let message = format!("No active discount for {}: {id}", kind.noun());
        return Err(ApiError::coded("resource_missing", "id", message));
    };
    for id in &held {
        drop(world, id);
    }
    Ok(discount::deleted_discount(world.peek(last)))
}
