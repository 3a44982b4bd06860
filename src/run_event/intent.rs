//! What is about to be done on the outside, and how much of what was told is retained for good.

use std::fmt;
use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::Value;

use super::EventRef;

/// An act on the outside that is about to happen. It is told before it does; where a ledger retains the run, the act
/// waits until this is stored.
#[derive(Debug, Clone, PartialEq)]
pub enum Intent {
    /// Something is to happen at Stripe.
    Stripe {
        /// `checkout`, `change_price`.
        action: String,
    },
    /// A request in the app.
    Request {
        /// Its name.
        name: String,
        /// `POST http://127.0.0.1:4242/signup`
        call: String,
    },
    /// An attempt of a delivery.
    Attempt {
        /// The delivery's number within the case, from 0.
        delivery: usize,
        /// Which attempt, from 1.
        number: u32,
        /// The event.
        event: EventRef,
        /// Where to.
        url: String,
        /// The event as it is sent; with the first attempt only, since all have the same.
        payload: Option<Arc<Value>>,
    },
    /// The app is to be restarted.
    Restart,
    /// A process of the app is to be killed.
    Kill {
        /// Its name.
        process: String,
    },
    /// The app's clock is to be moved.
    Clock {
        /// How far it is then ahead.
        ahead: SignedDuration,
    },
}

/// How much of a run's stream is retained for good.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Retained {
    /// So many run events, from the first on.
    pub through: u64,
    /// Why no more can be: nothing waits for it then.
    pub problem: Option<String>,
}

impl Intent {
    /// What is done, as one word.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Stripe { .. } => "stripe",
            Self::Request { .. } => "request",
            Self::Attempt { .. } => "delivery",
            Self::Restart => "restart",
            Self::Kill { .. } => "kill",
            Self::Clock { .. } => "clock",
        }
    }
}

impl fmt::Display for Intent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stripe { action } => write!(f, "{action} at Stripe"),
            Self::Request { name, call } => write!(f, "{name}: {call}"),
            Self::Attempt { delivery, number, event, url, .. } => {
                write!(f, "#{delivery} {} to {url}, attempt {number}", event.kind)
            }
            Self::Restart => f.write_str("restart the app"),
            Self::Kill { process } => write!(f, "kill `{process}`"),
            Self::Clock { ahead } if ahead.is_negative() => write!(f, "set the app's clock to {ahead:#}"),
            Self::Clock { ahead } => write!(f, "set the app's clock to {ahead:#} from now"),
        }
    }
}
