//! How Stripe refuses a call that it cannot serve just then: with which status, and what it advises about trying again.
//! Sources: <https://docs.stripe.com/rate-limits>, <https://docs.stripe.com/error-low-level>.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A call that is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// `Retry-After`, in whole seconds. Stripe's packages wait so long, where they try again.
    pub retry_after: Option<Duration>,
    /// `Stripe-Should-Retry`, which Stripe's packages obey whatever the status; left out, they go by the status.
    pub should_retry: Option<bool>,
    /// Which limit was met; only with 429.
    pub limited_by: Option<Limit>,
}

/// Which of Stripe's limits a call met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Too many calls of the account in a second.
    GlobalRate,
    /// Too many calls of one route in a second.
    EndpointRate,
    /// Too many calls of the account at the same time.
    GlobalConcurrency,
    /// Too many calls of one route at the same time.
    EndpointConcurrency,
    /// A limit of one object, such as the updates of a payment intent in an hour.
    ResourceSpecific,
    /// None of these: another call holds the object.
    LockTimeout,
}

/// No limit of Stripe has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("find limit `{0}`: there are {names}", names = names())]
pub struct UnknownLimit(String);

/// All limits, as Stripe names them.
const LIMITS: [(&str, Limit); 6] = [
    ("global-rate", Limit::GlobalRate),
    ("endpoint-rate", Limit::EndpointRate),
    ("global-concurrency", Limit::GlobalConcurrency),
    ("endpoint-concurrency", Limit::EndpointConcurrency),
    ("resource-specific", Limit::ResourceSpecific),
    ("lock_timeout", Limit::LockTimeout),
];

fn names() -> String {
    LIMITS.map(|(name, _)| name).join(", ")
}

impl From<u16> for Refusal {
    fn from(status: u16) -> Self {
        Self { status, retry_after: None, should_retry: None, limited_by: None }
    }
}

impl Refusal {
    /// `Stripe-Rate-Limited-Reason`: every refusal for a limit has one, but a lock is none.
    #[must_use]
    pub fn reason(self) -> Option<&'static str> {
        match self.limited_by {
            Some(Limit::LockTimeout) => None,
            Some(limit) => Some(limit.as_str()),
            None => (self.status == 429).then_some(Limit::GlobalRate.as_str()),
        }
    }

    /// What it advises: a call that met a lock may be made again.
    #[must_use]
    pub fn advises_retry(self) -> Option<bool> {
        self.should_retry.or((self.limited_by == Some(Limit::LockTimeout)).then_some(true))
    }
}

impl Limit {
    /// As Stripe names it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        LIMITS.iter().find(|(_, limit)| *limit == self).map_or("", |(name, _)| name)
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Limit {
    type Err = UnknownLimit;

    fn from_str(name: &str) -> Result<Self, UnknownLimit> {
        let found = LIMITS.iter().find(|(known, _)| *known == name);
        found.map(|(_, limit)| *limit).ok_or_else(|| UnknownLimit(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(429.into(), Some("global-rate"), None)]
    #[case(500.into(), None, None)]
    #[case(Refusal { should_retry: Some(false), ..503.into() }, None, Some(false))]
    #[case(Refusal { limited_by: Some(Limit::EndpointRate), ..429.into() }, Some("endpoint-rate"), None)]
    #[case(Refusal { limited_by: Some(Limit::LockTimeout), ..429.into() }, None, Some(true))]
    fn a_refusal_gives_advice(
        #[case] refusal: Refusal,
        #[case] reason: Option<&str>,
        #[case] retry: Option<bool>,
    ) {
        assert_eq!((refusal.reason(), refusal.advises_retry()), (reason, retry));
    }

    #[test]
    fn limits_have_names() {
        for (name, limit) in LIMITS {
            assert_eq!((name.parse(), limit.to_string().as_str()), (Ok(limit), name));
        }
        let error = "slowly".parse::<Limit>().unwrap_err().to_string();
        assert!(error.starts_with("find limit `slowly`: there are global-rate, "), "{error}");
    }
}
