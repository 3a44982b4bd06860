//! Webhook endpoints.

use serde_json::Value;

use super::{NULL, object};

/// A webhook endpoint that is on.
pub(crate) fn endpoint(
    id: &str,
    created: i64,
    url: &str,
    events: Vec<Value>,
    version: Option<&str>,
) -> Value {
    object! {
        "id": id, "object": "webhook_endpoint", "api_version": version, "application": NULL, "created": created,
        "description": NULL, "enabled_events": events, "livemode": false,
        "metadata": Value::Object(serde_json::Map::new()), "status": "enabled", "url": url,
    }
}

/// Whether Stripe could have an event of this name: `object.happened`, in its letters.
pub(crate) fn is_event(name: &str) -> bool {
    let word = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == b'_')
    };
    name.contains('.') && name.split('.').all(word)
}
