//! Events, as `GET /v1/events` serves them.

use serde_json::Value;

use super::World;
use crate::provider::double::error::ApiError;
use crate::provider::double::list::CREATED;
use crate::provider::double::params::{Is, Params, Table};
use crate::provider::double::route::Route;
use crate::provider::double::store::{Kind, Stored};

pub(crate) const ROUTES: &[Route] = &[
    Route::list(
        "/v1/events",
        Kind::Event,
        &[("type", Is::Text), ("types", Is::List), ("delivery_success", Is::Bool), CREATED],
        keeps,
    ),
    Route::retrieve("/v1/events/{id}", Kind::Event),
    Route::change("/v1/events/{id}/retry", RETRY, retry),
];

/// Not in Stripe's reference: what the official CLI's `stripe events resend` sends (its source,
/// `pkg/cmd/resource/events_resend.go`).
const RETRY: Table =
    &[("webhook_endpoint", Is::Text), ("for_stripecli", Is::Bool), ("account", Is::NotModelled)];

/// Sends an event again: to the endpoint that is named, else to every one that is told of its kind.
fn retry(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    world.at_path(Kind::Event, id)?;
    let to = params.text("webhook_endpoint");
    if let Some(endpoint) = to {
        world.named_by(Kind::WebhookEndpoint, endpoint, "webhook_endpoint")?;
    }
    world.part.resent.push((id.to_owned(), to.map(str::to_owned)));
    Ok(world.copy(id))
}

fn keeps(name: &str, wanted: Option<&Value>, stored: &Stored) -> Option<bool> {
    let told = stored.told()?;
    let kind = &told.kind;
    match name {
        "type" => Some(matches(wanted?, kind)),
        "types" => Some(wanted?.as_array().is_some_and(|types| types.iter().any(|one| matches(one, kind)))),
        // Stripe: false are those that are still pending, or that an endpoint refused to the end.
        "delivery_success" => {
            let wanted = wanted?.as_bool()?;
            Some(wanted == (told.pending == 0))
        }
        _ => None,
    }
}

/// `invoice.*` means all that begin so.
fn matches(wanted: &Value, kind: &str) -> bool {
    let wanted = wanted.as_str().unwrap_or_default();
    match wanted.strip_suffix('*') {
        Some(start) => kind.starts_with(start),
        None => kind == wanted,
    }
}
