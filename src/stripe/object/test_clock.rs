//! The test clock.

use serde_json::{Value, json};

use super::{NULL, object};

/// When Stripe deletes a clock by itself, in seconds after it was made: 30 days.
const KEPT_FOR: i64 = 30 * 24 * 60 * 60;

/// A clock that stands at `frozen_time`.
pub(crate) fn test_clock(id: &str, created: i64, frozen_time: i64) -> Value {
    object! {
        "id": id, "object": "test_helpers.test_clock", "created": created,
        "deletes_after": created.saturating_add(KEPT_FOR), "frozen_time": frozen_time, "livemode": false,
        "name": NULL, "status": "ready", "status_details": json!({}),
    }
}
