//! `Idempotency-Key`: the same key gives the same answer, and refuses other parameters.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use serde_json::{Map, Value};

use super::error::ApiError;

/// The keys that are remembered for the account at large, which is never closed.
const KEPT: usize = 10_000;

/// The longest key that Stripe takes: <https://docs.stripe.com/api/idempotent_requests>.
const LONGEST: usize = 255;

/// Whether it can be a key.
///
/// # Errors
/// Stripe's for a key that is empty or too long; one for a key that is no text, which could not be told from others.
pub(crate) fn check(key: &[u8]) -> Result<(), ApiError> {
    let length = std::str::from_utf8(key)
        .map_err(|_| ApiError::invalid("Invalid UTF-8 in the Idempotency-Key header."))?
        .chars()
        .count();
    if (1..=LONGEST).contains(&length) {
        return Ok(());
    }
    Err(ApiError::invalid(format!(
        "Idempotent key length is {length}, which is outside accepted lengths. Idempotent Keys must be 1-{LONGEST} \
         characters long. If you're looking for a decent generator, try using a UUID defined by IETF RFC 4122."
    )))
}

/// An answer that a key gives from now on.
#[derive(Debug, Clone)]
pub(crate) struct Saved {
    path: String,
    params: Map<String, Value>,
    pub(crate) status: u16,
    pub(crate) body: Bytes,
    /// The request that was carried out.
    pub(crate) request_id: String,
}

/// What keys gave, over the whole account, as at Stripe.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    saved: HashMap<String, Saved>,
    large: VecDeque<String>,
}

impl Keys {
    /// The answer that the key gave before.
    ///
    /// # Errors
    /// Stripe's, where it was given for something else.
    pub(crate) fn replay(
        &self,
        key: &str,
        path: &str,
        params: &Map<String, Value>,
    ) -> Result<Option<Saved>, ApiError> {
        match self.saved.get(key) {
            Some(saved) if saved.path == path && saved.params == *params => Ok(Some(saved.clone())),
            Some(_) => Err(ApiError::idempotency(key)),
            None => Ok(None),
        }
    }

    /// Remembers an answer. Those of the account at large are forgotten in time, a case's when it closes.
    pub(crate) fn save(&mut self, key: &str, saved: Saved, at_large: bool) {
        self.saved.insert(key.to_owned(), saved);
        if at_large {
            self.large.push_back(key.to_owned());
            if self.large.len() > KEPT
                && let Some(oldest) = self.large.pop_front()
            {
                self.saved.remove(&oldest);
            }
        }
    }

    pub(crate) fn forget(&mut self, key: &str) {
        self.saved.remove(key);
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.saved.len()
    }
}

impl Saved {
    pub(crate) fn new(
        path: &str,
        params: &Map<String, Value>,
        status: u16,
        body: Bytes,
        request_id: &str,
    ) -> Self {
        Self {
            path: path.to_owned(),
            params: params.clone(),
            status,
            body,
            request_id: request_id.to_owned(),
        }
    }
}
