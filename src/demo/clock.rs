//! The app's clock. The harness has its own: nothing is shared.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Json;
use axum::http::StatusCode;
use serde::Deserialize;

/// How many seconds the clock is ahead of the machine's. Only a test sets it.
static AHEAD: AtomicI64 = AtomicI64::new(0);

/// Time since 1970 by the wall clock; zero on a machine whose clock stands before that.
#[expect(clippy::disallowed_methods, reason = "the one place of the demo app that reads a clock")]
fn machine() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The time since 1970.
pub(super) fn now() -> Duration {
    let ahead = AHEAD.load(Ordering::Relaxed);
    let by = Duration::from_secs(ahead.unsigned_abs());
    if ahead < 0 { machine().saturating_sub(by) } else { machine().saturating_add(by) }
}

/// [`now`] in whole seconds, as Stripe counts.
pub(super) fn seconds() -> i64 {
    i64::try_from(now().as_secs()).unwrap_or(i64::MAX)
}

#[derive(Deserialize)]
pub(super) struct Set {
    now: i64,
}

/// Sets the clock, which goes on ticking: a call that only an app under test has.
pub(super) async fn set(Json(set): Json<Set>) -> StatusCode {
    let machine = i64::try_from(machine().as_secs()).unwrap_or(i64::MAX);
    AHEAD.store(set.now.saturating_sub(machine), Ordering::Relaxed);
    StatusCode::NO_CONTENT
}
