//! The event that carries an object.

use serde_json::{Map, Value, json};

use super::{NEWEST, object};

/// Which API request caused an event; both parts are null for what Stripe does by itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cause {
    /// `req_…`
    pub(crate) request: Option<String>,
    /// What the caller sent as `Idempotency-Key`.
    pub(crate) idempotency_key: Option<String>,
}

/// An event about `about` as it is now; `previous` for those that tell what changed.
pub(crate) fn event(
    id: &str,
    created: i64,
    kind: &str,
    about: Value,
    previous: Option<Map<String, Value>>,
    cause: &Cause,
) -> Value {
    let mut data = Map::new();
    data.insert("object".to_owned(), about);
    if let Some(previous) = previous {
        data.insert("previous_attributes".to_owned(), Value::Object(previous));
    }
    object! {
        "id": id, "object": "event", "api_version": NEWEST, "created": created, "data": data,
        "livemode": false, "pending_webhooks": 1,
        "request": json!({ "id": cause.request, "idempotency_key": cause.idempotency_key }), "type": kind,
    }
}
