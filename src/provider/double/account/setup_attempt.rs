//! Setup attempts: each try to make a payment method ready, of a setup intent.

use serde_json::Value;

use super::{World, put_all};
use crate::provider::double::list::{AS_USUAL, CREATED};
use crate::provider::double::params::Is;
use crate::provider::double::route::Route;
use crate::provider::double::store::Kind;
use crate::stripe::object::{NULL, put, setup, text};

pub(crate) const ROUTES: &[Route] = &[Route::list(
    "/v1/setup_attempts",
    Kind::SetupAttempt,
    &[("setup_intent", Is::Needed(&Is::Text)), CREATED],
    AS_USUAL,
)];

/// Somebody tries to make the payment method of a setup intent ready.
pub(crate) fn begin(world: &mut World<'_>, intent: &str, method: &str) {
    let id = world.mint("setatt");
    let made = setup::attempt(&id, world.second(), world.peek(intent), world.peek(method));
    world.insert(Kind::SetupAttempt, made);
    world.change(intent, |intent| put(intent, "latest_attempt", id));
}

/// How the latest attempt stands; `error` says why it failed.
pub(crate) fn becomes(world: &mut World<'_>, intent: &str, status: &str, error: Value) {
    let Some(id) = world.peek(intent)["latest_attempt"].as_str().map(str::to_owned) else { return };
    world.change(&id, |attempt| put_all(attempt, [("setup_error", error), ("status", status.into())]));
}

/// Whether the latest attempt waits for the customer.
pub(crate) fn waits(world: &World<'_>, intent: &str) -> bool {
    text(world.peek(text(world.peek(intent), "latest_attempt")), "status") == "requires_action"
}

/// It goes no further.
pub(crate) fn abandon(world: &mut World<'_>, intent: &str) {
    if waits(world, intent) {
        becomes(world, intent, "abandoned", NULL);
    }
}
