//! One attempt of a delivery, before it is sent.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::engine::case::record::event_ref;
use crate::engine::scene::EndpointAt;
use crate::run_event::Intent;
use crate::scenario::model::Change;

/// One attempt of a delivery, ready to be signed and sent.
#[derive(Debug, Clone)]
pub(crate) struct AttemptOrder {
    /// The delivery's number.
    pub(crate) delivery: usize,
    /// Which attempt, from 1.
    pub(crate) number: u32,
    /// Where to.
    pub(crate) endpoint: Arc<EndpointAt>,
    /// The same as a URL: the endpoint's own, or that of another instance.
    pub(crate) url: String,
    /// The event; the same for every attempt.
    pub(crate) event: Arc<Value>,
    /// How it travels.
    pub(crate) change: Arc<Change>,
    /// Waited before sending.
    pub(crate) delay: Duration,
}

impl AttemptOrder {
    /// What is about to be sent.
    pub(crate) fn intent(&self) -> Intent {
        Intent::Attempt {
            delivery: self.delivery,
            number: self.number,
            event: event_ref(&self.event),
            url: self.url.clone(),
            payload: (self.number == 1).then(|| Arc::clone(&self.event)),
        }
    }
}
