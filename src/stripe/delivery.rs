//! How Stripe delivers an event: with which headers, how long it waits for an answer, and when it tries again.
//!
//! Stripe says "up to three days with an exponential back off" in live mode (docs.stripe.com/webhooks,
//! "Automatic retries") and does not publish the intervals. The waits here are an assumption in that shape,
//! near what users report: minutes at first, then doubling hours, eight attempts in all. A right handler
//! depends on none of it.

use std::time::Duration;

use jiff::SignedDuration;

/// How long an answer is waited for. Stripe does not publish its own limit; handlers are told to answer
/// "quickly", and people report 10 to 30 s.
pub const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// The header of the signature.
pub const SIGNATURE: &str = "stripe-signature";

/// What every delivery has beside its signature; names in lower case.
pub const HEADERS: [(&str, &str); 4] = [
    ("content-type", "application/json; charset=utf-8"),
    ("user-agent", "Stripe/1.0 (+https://stripe.com/docs/webhooks)"),
    ("accept", "*/*; q=0.5, application/xml"),
    ("cache-control", "no-cache"),
];

/// Waits between one attempt and the next; together 54 h 35 min. One more day would be past the third.
const WAITS: [SignedDuration; 7] = [
    SignedDuration::from_mins(5),
    SignedDuration::from_mins(30),
    SignedDuration::from_hours(2),
    SignedDuration::from_hours(4),
    SignedDuration::from_hours(8),
    SignedDuration::from_hours(16),
    SignedDuration::from_hours(24),
];

/// How often a delivery is attempted at most.
pub const ATTEMPTS: usize = WAITS.len() + 1;

/// How long after the first attempt the next one is due, when `attempts` were made; `None`: Stripe gives up.
#[must_use]
pub fn due(attempts: u32) -> Option<SignedDuration> {
    let made = usize::try_from(attempts).ok()?;
    Some(WAITS.get(..made.max(1))?.iter().copied().sum())
}

/// Whether Stripe takes an answer for an acceptance. A redirect is not followed and counts as a refusal.
#[must_use]
pub fn is_accepted(status: u16) -> bool {
    (200..300).contains(&status)
}
