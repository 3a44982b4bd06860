//! Events, as `GET /v1/events` serves them.

use serde_json::Value;

use crate::provider::double::list::CREATED;
use crate::provider::double::params::Is;
use crate::provider::double::route::Route;
use crate::provider::double::store::{Kind, Stored};
use crate::stripe::object::text;

pub(crate) const ROUTES: &[Route] = &[
    Route::list(
        "/v1/events",
        Kind::Event,
        &[("type", Is::Text), ("types", Is::List), ("delivery_success", Is::NotModelled), CREATED],
        keeps,
    ),
    Route::retrieve("/v1/events/{id}", Kind::Event),
];

fn keeps(name: &str, wanted: Option<&Value>, stored: &Stored) -> Option<bool> {
    let kind = text(stored.value(), "type");
    match name {
        "type" => Some(matches(wanted?, kind)),
        "types" => Some(wanted?.as_array().is_some_and(|types| types.iter().any(|one| matches(one, kind)))),
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
