//! What the app asked Stripe, told as it happens.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::mpsc;

use crate::id::CaseId;
use crate::provider::upstream::Refusal;

/// One call of the app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiCall {
    /// The case whose object it names.
    pub case: Option<CaseId>,
    /// When it arrived, since the run's clock started.
    pub at: Duration,
    /// From its arrival to its answer.
    pub took: Duration,
    /// `GET`
    pub method: String,
    /// With the query, as sent.
    pub path: String,
    /// The body's parameters as short JSON; empty where there are none.
    pub params: String,
    /// The parameters whole, those of the query too.
    pub given: Map<String, Value>,
    /// The `Stripe-Version` header.
    pub stripe_version: Option<String>,
    /// `req_…`, as answered.
    pub request_id: String,
    /// As answered; 0 where the connection was reset.
    pub status: u16,
    /// What became of it.
    pub kind: CallKind,
    /// What was said of it beside the double; nothing where it was not asked.
    pub beside: Option<Said>,
}

/// What somebody beside the double said of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Who: `stripe-mock 0.206.0`.
    pub by: String,
    /// What.
    pub what: Judgement,
}

/// What is said of a call's parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// They are as Stripe's API has them.
    Fits,
    /// One is not.
    Refused(Refusal),
    /// It could not be told.
    Untold(Untold),
}

/// What could not be told of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Untold {
    /// Why, as a sentence.
    pub why: String,
    /// The app was not answered as Stripe would have, or much later: what it did then is its own affair no more.
    pub misled: bool,
}

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallKind {
    /// Carried out.
    Answered,
    /// Met by an armed fault.
    Faulted,
    /// Carried out, and its answer kept back until the fault is disarmed; told when it came.
    Held,
    /// Not modelled: the case cannot be judged.
    Refused,
    /// Not modelled, and answered by who stands beside the double.
    PassedOn,
    /// The app's own mistake, answered as Stripe would.
    Invalid,
}

/// Where calls are told; costs one load as long as nobody listens.
#[derive(Debug)]
pub(crate) struct Watch {
    sender: mpsc::UnboundedSender<ApiCall>,
    receiver: Mutex<Option<mpsc::UnboundedReceiver<ApiCall>>>,
    heard: AtomicBool,
}

impl Watch {
    pub(crate) fn new() -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        Self { sender, receiver: Mutex::new(Some(receiver)), heard: AtomicBool::new(false) }
    }

    /// The calls from now on; the first caller gets them.
    pub(crate) fn listen(&self) -> Option<mpsc::UnboundedReceiver<ApiCall>> {
        let receiver = self.receiver.lock().ok()?.take()?;
        self.heard.store(true, Ordering::Release);
        Some(receiver)
    }

    /// Whether somebody listens.
    pub(crate) fn is_heard(&self) -> bool {
        self.heard.load(Ordering::Acquire)
    }

    /// Makes and tells a call if somebody listens.
    pub(crate) fn tell(&self, call: impl FnOnce() -> ApiCall) {
        if self.is_heard() && self.sender.send(call()).is_err() {
            self.heard.store(false, Ordering::Release);
        }
    }
}
