//! Test clocks: customers whose time stands still until somebody moves it
//! (<https://docs.stripe.com/billing/testing/test-clocks/api-advanced-usage>).
//!
//! Advancing takes no time here, but looks as it does at Stripe: the call is answered `advancing`, and whoever
//! looks again finds the clock `ready`.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::clock::{self, TooMuch, Whose};
use super::{World, put_all, subscription};
use crate::provider::double::error::ApiError;
use crate::provider::double::list::AS_USUAL;
use crate::provider::double::params::{Is, Params, Table};
use crate::provider::double::route::Route;
use crate::provider::double::store::Kind;
use crate::stripe::object::customer::deleted;
use crate::stripe::object::{NULL, data, int, text};

pub(crate) const ROUTES: &[Route] = &[
    Route::list("/v1/test_helpers/test_clocks", Kind::TestClock, &[], AS_USUAL),
    Route::retrieve("/v1/test_helpers/test_clocks/{id}", Kind::TestClock),
    Route::create("/v1/test_helpers/test_clocks", CREATE, create),
    Route::change("/v1/test_helpers/test_clocks/{id}/advance", ADVANCE, advance).made(),
    Route::delete("/v1/test_helpers/test_clocks/{id}", &[], |world, id, _| delete(world, id)),
];

const CREATE: Table =
    &[("frozen_time", Is::Needed(&Is::Int)), ("name", Is::Text), ("customer", Is::NotModelled)];

const ADVANCE: Table = &[("frozen_time", Is::Needed(&Is::Int))];

/// The most customers of one clock, and the most subscriptions of one such customer.
const MOST: usize = 3;
/// What one advance plays out at most.
const MOST_AT_ONCE: usize = 20_000;
/// The last second that a clock can show: the year 3000. Calendar arithmetic works well beyond it.
const LATEST: i64 = 32_503_680_000;

/// `POST /v1/test_helpers/test_clocks`.
fn create(world: &mut World<'_>, params: &Params) -> Result<Value, ApiError> {
    let frozen = second(params)?;
    let id = world.mint("clock");
    let mut made = crate::stripe::object::test_clock::test_clock(&id, world.second(), frozen);
    params.apply(&mut made, &["name"]);
    let made = world.insert(Kind::TestClock, made);
    world.event("test_helpers.test_clock.created", made.clone(), None);
    Ok(made)
}

fn second(params: &Params) -> Result<i64, ApiError> {
    match params.int("frozen_time") {
        Some(second) if (0..=LATEST).contains(&second) => Ok(second),
        _ => Err(ApiError::invalid_param(
            "frozen_time",
            "Invalid timestamp: must be an integer Unix timestamp in seconds.",
        )),
    }
}

/// `POST /v1/test_helpers/test_clocks/{id}/advance`.
fn advance(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    let before = world.at_path(Kind::TestClock, id)?;
    let target = second(params)?;
    if text(&before, "status") != "ready" {
        return Err(ApiError::invalid("A test clock can only be advanced while its status is `ready`."));
    }
    if target <= int(&before, "frozen_time") {
        let message = "The frozen_time must be after the current frozen_time of the test clock.";
        return Err(ApiError::invalid_param("frozen_time", message));
    }
    if target > furthest(world, id) {
        let message = "The frozen_time cannot be more than two intervals in the future from the shortest \
                       subscription in this test clock, or two years if it has none.";
        return Err(ApiError::invalid_param("frozen_time", message));
    }
    world.change(id, |clock| {
        let details = json!({ "advancing": { "target_frozen_time": target } });
        put_all(clock, [("status", "advancing".into()), ("status_details", details)]);
    });
    world.tell("test_helpers.test_clock.advancing", id);
    let answer = world.copy(id);
    let done = pass(world, id, target);
    world.by_itself();
    world.change(id, |clock| {
        put_all(clock, [("status", status(done.is_ok()).into()), ("status_details", json!({}))]);
    });
    world.tell(&format!("test_helpers.test_clock.{}", status(done.is_ok())), id);
    Ok(answer)
}

fn status(done: bool) -> &'static str {
    if done { "ready" } else { "internal_failure" }
}

/// How far a clock may be advanced at once.
fn furthest(world: &World<'_>, id: &str) -> i64 {
    let frozen = int(world.peek(id), "frozen_time");
    let two = |recurring: &Value| {
        let count = int(recurring, "interval_count").max(1).saturating_mul(2);
        let recurring = json!({ "interval": recurring["interval"], "interval_count": count });
        super::period::end(frozen, frozen, &recurring)
    };
    let running = world.ids_where(Kind::Subscription, "test_clock", id);
    let running = running.iter().map(|id| world.peek(id)).filter(|held| !subscription::is_over(held));
    let shortest = running.map(|held| {
        let item = data(&held["items"]).first().unwrap_or(&NULL);
        two(&item["price"]["recurring"])
    });
    shortest.min().unwrap_or_else(|| two(&json!({ "interval": "year" })))
}

/// Moves a clock, with what falls due for its customers.
fn pass(world: &mut World<'_>, id: &str, until: i64) -> Result<(), TooMuch> {
    let outside = world.enter(Some(id));
    let until = Timestamp::from_second(until).unwrap_or(world.part.now);
    let played = clock::play(world, Whose::Everybody, until, MOST_AT_ONCE);
    world.leave(outside);
    played
}

/// The same by a span of time, as a scenario lets it pass: without the limit, and without events of the clock.
pub(crate) fn pass_by(world: &mut World<'_>, id: &str, by: SignedDuration) -> Result<(), TooMuch> {
    let until = int(world.peek(id), "frozen_time").saturating_add(by.as_secs());
    pass(world, id, until)
}

/// `DELETE /v1/test_helpers/test_clocks/{id}`: everything that lives by it goes with it.
fn delete(world: &mut World<'_>, id: &str) -> Result<Value, ApiError> {
    world.at_path(Kind::TestClock, id)?;
    delete_now(world, id);
    Ok(deleted(id, "test_helpers.test_clock"))
}

/// What belongs to a customer, and goes with the clock.
const BELONGINGS: [Kind; 12] = [
    Kind::Charge,
    Kind::CreditNote,
    Kind::CustomerBalanceTransaction,
    Kind::Invoice,
    Kind::InvoiceItem,
    Kind::PaymentIntent,
    Kind::PaymentMethod,
    Kind::Quote,
    Kind::Schedule,
    Kind::Session,
    Kind::SetupIntent,
    Kind::Subscription,
];

/// Deletes a clock; Stripe does so by itself when it is 30 days old.
pub(crate) fn delete_now(world: &mut World<'_>, id: &str) {
    for customer in world.ids_where(Kind::Customer, "test_clock", id) {
        for kind in BELONGINGS {
            for belonging in world.ids_where(kind, "customer", &customer) {
                for item in world.ids_where(Kind::Item, "subscription", &belonging) {
                    world.remove(&item);
                }
                world.remove(&belonging);
            }
        }
        world.change(&customer, |kept| *kept = deleted(&customer, "customer"));
    }
    for quote in world.ids_where(Kind::Quote, "test_clock", id) {
        world.remove(&quote);
    }
    let clock = world.copy(id);
    world.remove(id);
    world.event("test_helpers.test_clock.deleted", clock, None);
}

/// A new customer of the clock whose time was entered: it must be there, at rest, and have room for one more.
pub(crate) fn takes_customer(world: &World<'_>, params: &Params) -> Result<(), ApiError> {
    let Some(id) = params.text("test_clock") else { return Ok(()) };
    let clock = world.named_by(Kind::TestClock, id, "test_clock")?;
    if text(&clock, "status") != "ready" {
        return Err(ApiError::invalid_param("test_clock", "The test clock is not ready."));
    }
    if world.ids_where(Kind::Customer, "test_clock", id).len() >= MOST {
        let message = "A test clock can have at most 3 customers.";
        return Err(ApiError::invalid_param("test_clock", message));
    }
    Ok(())
}
