//! The app's log: lines on standard output, as a container platform wants them.

use std::error::Error;
use std::io::Write;
use std::time::Duration;

/// Writes one line.
pub(super) fn line(text: &str) {
    // Whoever read the log may be gone already; that must not stop an app that takes money.
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// A customer's state was committed at `at`, wall-clock time since 1970. The benchmark of the harness
/// reads these lines to know from when on the new state could be seen.
pub(super) fn committed(customer: &str, at: Duration) {
    line(&format!("commit customer={customer} at={}", at.as_nanos()));
}

/// Says what could not be done.
pub(super) fn failed(error: &dyn Error) {
    line(&format!("failed to {}", chain(error)));
}

/// An error and what caused it.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}
