//! The app's clock. The harness has its own: nothing is shared.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Time since 1970 by the wall clock; zero on a machine whose clock stands before that.
#[expect(clippy::disallowed_methods, reason = "the one place of the demo app that reads a clock")]
pub(super) fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// [`now`] in whole seconds, as Stripe counts.
pub(super) fn seconds() -> i64 {
    i64::try_from(now().as_secs()).unwrap_or(i64::MAX)
}
