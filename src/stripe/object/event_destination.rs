//! Event destinations, which the v2 API has in place of webhook endpoints.

use serde_json::{Map, Value};

use super::{NULL, object};
use crate::stripe::time;

/// A destination that is on. Its address and secret are shown only where a call asks for them.
pub(crate) fn destination(id: &str, created: i64, name: &str, events: Vec<Value>, payload: &str) -> Value {
    let created = time::rfc3339(created);
    object! {
        "id": id, "object": "v2.core.event_destination", "created": created.as_str(), "description": "",
        "enabled_events": events, "event_payload": payload, "events_from": vec!["@self"], "livemode": false,
        "metadata": Map::new(), "name": name, "snapshot_api_version": NULL, "status": "enabled",
        "status_details": NULL, "type": "webhook_endpoint", "updated": created,
        "webhook_endpoint": object! { "signing_secret": NULL, "url": NULL },
    }
}

/// Why a destination is off that its owner has turned off.
pub(crate) fn off_by_user() -> Value {
    object! { "disabled": object! { "reason": "user" } }
}
