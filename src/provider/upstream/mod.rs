//! Who is asked for what the double does not model, and what a call's parameters may be: a stripe-mock, or nobody.
//!
//! [stripe-mock](https://github.com/stripe/stripe-mock) knows every route of Stripe's OpenAPI, checks parameters against
//! it, and answers with samples. It keeps nothing, so what it answers is no provider truth.

mod culprit;
mod heard;
mod nobody;
mod refusal;
mod release;
mod stripe_mock;

#[cfg(test)]
pub(crate) mod stand_in;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

pub use self::heard::{Heard, Reply};
pub use self::nobody::Nobody;
pub use self::refusal::{Refusal, Why};
pub use self::release::Release;
pub use self::stripe_mock::{Limits, StripeMock};

/// Somebody who is asked what the double is not, or beside it.
#[async_trait]
pub trait Upstream: fmt::Debug + Send + Sync {
    /// Who that is, for people: `stripe-mock 0.206.0`; `None`: nobody is there.
    fn name(&self) -> Option<&str>;

    /// The version of Stripe's API that it knows, where that can be told.
    fn speaks(&self) -> Option<&Release>;

    /// Asks it a call, and understands what it says.
    ///
    /// # Errors
    /// It said nothing that tells of the call: nobody is there, it is too slow, or it has met a limit of its own.
    async fn ask(&self, question: &Question) -> Result<Heard, UpstreamError>;
}

/// A call as the app made it, without what is nobody else's business: key, account, idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// `POST`
    pub method: http::Method,
    /// With the query, as sent: `/v1/customers?limit=3`.
    pub path: String,
    /// As the app says it.
    pub content_type: Option<String>,
    /// As it came.
    pub body: Bytes,
}

impl Question {
    /// `POST /v1/customers`: without the query.
    #[must_use]
    pub fn call(&self) -> String {
        format!("{} {}", self.method, self.path.split('?').next().unwrap_or_default())
    }
}

/// Why nothing was said of a call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// The HTTP client did not start.
    #[error("start an HTTP client for stripe-mock: {0}")]
    Client(String),
    /// Nobody answers there, or the connection broke.
    #[error("reach stripe-mock at {url}: {problem}")]
    Unreachable {
        /// Where it should be.
        url: String,
        /// What the system said.
        problem: String,
    },
    /// It does not answer in time.
    #[error("hear from stripe-mock at {url} within {}", crate::time::human(*.limit))]
    TimedOut {
        /// Where it is.
        url: String,
        /// How long it may take.
        limit: Duration,
    },
    /// It does not stop answering.
    #[error("read the answer of stripe-mock at {url}: it is larger than {limit} bytes")]
    TooLarge {
        /// Where it is.
        url: String,
        /// How long an answer may be.
        limit: usize,
    },
    /// Somebody else answers there, or it answers nonsense.
    #[error("understand what answers at {url} as stripe-mock: {problem}")]
    Nonsense {
        /// Where it is.
        url: String,
        /// What is wrong with the answer.
        problem: String,
    },
    /// It cannot do what Stripe can.
    #[error(
        "have stripe-mock judge the call: it answered {status}, {message:?}, which is a limit of its own"
    )]
    OwnLimit {
        /// The HTTP status.
        status: u16,
        /// Its own words.
        message: String,
    },
}
