//! How a double is started: inside a run, or by itself.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use crate::provider::upstream::{Nobody, Upstream};
use crate::secret::Secret;
use crate::stripe::action::Leaves;
use crate::stripe::version::Version;

/// How the double is started.
#[derive(Debug, Clone, PartialEq)]
pub struct DoubleConfig {
    /// A fixed port, for apps that cannot be told; left out, a free one.
    pub port: Option<u16>,
    /// The address of this machine that is listened on: no other machine is to reach it.
    pub listen_on: IpAddr,
    /// In which version API calls are answered.
    pub answers_in: AnswersIn,
    /// The events that are kept of what belongs to no case, which is never closed.
    pub keep_events: usize,
    /// How a subscription is left when the last retry of its invoice was declined: a setting of the account
    /// (<https://docs.stripe.com/billing/revenue-recovery/smart-retries#retry-schedule-settings>).
    pub after_retries: Leaves,
    /// How it runs by itself, outside of a run.
    pub alone: Option<Alone>,
    /// What callers may take of it.
    pub limits: Limits,
    /// Who is asked what it does not model.
    pub beside: Beside,
}

/// Who stands beside the double.
#[derive(Debug, Clone)]
pub struct Beside {
    /// Answers what the double does not model.
    pub upstream: Arc<dyn Upstream>,
    /// It is asked of every call, whether its parameters are as Stripe's API has them.
    pub check_parameters: bool,
}

impl Default for Beside {
    fn default() -> Self {
        Self { upstream: Arc::new(Nobody), check_parameters: false }
    }
}

impl PartialEq for Beside {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.upstream, &other.upstream) && self.check_parameters == other.check_parameters
    }
}

/// What callers may take of the double: so that none that is slow or wicked takes what others need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Open connections; more wait until one of them ends.
    pub connections: usize,
    /// A connection ends after so long without a call, or in the middle of the headers of one.
    pub asking: Duration,
    /// A call whose body has not come whole after so long is refused.
    pub body: Duration,
    /// A connection ends when nothing of an answer was taken for so long.
    pub taking: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let half_a_minute = Duration::from_secs(30);
        // As long as nginx, behind which Stripe answers, keeps a connection that asks nothing.
        let asking = Duration::from_secs(75);
        Self { connections: 16_384, asking, body: half_a_minute, taking: half_a_minute }
    }
}

/// A double by itself: an account with a version and a clock, which delivers its events.
#[derive(Debug, Clone, PartialEq)]
pub struct Alone {
    /// The account's version: of calls and endpoints that name none.
    pub api_version: Version,
    /// Endpoints that are there from the start.
    pub forward_to: Vec<ForwardTo>,
    /// How many times as fast as the wall clock its time goes; more than 0.
    pub clock_speed: f64,
    /// Hosts beside this machine whose endpoints are called.
    pub allow_hosts: Vec<String>,
}

/// An endpoint that is there from the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForwardTo {
    /// Its address.
    pub url: String,
    /// Its secret; left out, one is minted.
    pub secret: Option<Secret>,
    /// What it is told of: names of events, or `*`.
    pub events: Vec<String>,
    /// It is sent thin events, whose names begin with `v1.`.
    pub thin: bool,
}

/// An endpoint as it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forwarded {
    /// `we_…`, or `ed_…` of one that is sent thin events.
    pub id: String,
    /// Its address.
    pub url: String,
    /// Its secret.
    pub secret: Secret,
}

impl Default for DoubleConfig {
    fn default() -> Self {
        Self {
            port: None,
            listen_on: Ipv4Addr::LOCALHOST.into(),
            answers_in: AnswersIn::default(),
            keep_events: 10_000,
            after_retries: Leaves::default(),
            alone: None,
            limits: Limits::default(),
            beside: Beside::default(),
        }
    }
}

/// In which version API calls are answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AnswersIn {
    /// In the caller's `Stripe-Version`.
    #[default]
    Asked,
    /// Always in this one.
    Version(Version),
}
