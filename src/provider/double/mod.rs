//! The embedded Stripe double: stateful, in process, on a socket of its own.
//!
//! It keeps an account of objects in the newest shape, answers Stripe's v1 API over HTTP on 127.0.0.1, and
//! carries out the actions of scenarios on the same objects through the same functions. Objects belong to a
//! *case*, with ids and a clock of its own, and leave with it; products and prices are shared. What names no
//! case belongs to the account at large. Every change makes its events, which a case's engine [drains].
//!
//! It never guesses: a route or parameter that is not modelled is asked of who stands [beside](Beside) it, or else
//! answered 501 and told by [`Double::close`].
//!
//! [drains]: Double::drain

mod account;
mod act;
mod address;
mod agenda;
mod answer;
mod auth;
mod beside;
mod body;
mod case;
mod catalog;
mod config;
mod connection;
mod control;
mod error;
mod expand;
mod fault;
mod form;
mod idempotency;
mod index;
mod ledger;
mod list;
mod page;
mod params;
mod route;
mod search;
mod server;
mod shape;
mod start_error;
mod state;
mod store;
mod stored;
mod time;
mod v2;
mod watch;
mod webhook;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use self::account::event_destination::{self, Payload};
use self::account::{Home, customer, webhook_endpoint};
use self::act::Stage;
pub use self::beside::{Found, RefusedCall};
use self::body::Bodies;
use self::case::{Part, Slot};
pub use self::catalog::{Catalog, CatalogPrice, CatalogProduct};
pub use self::config::{Alone, AnswersIn, Beside, DoubleConfig, ForwardTo, Forwarded, Limits};
use self::error::ApiError;
pub use self::fault::{ApiFault, Effect};
use self::server::Shared;
pub use self::start_error::DoubleError;
use self::state::Account;
use self::watch::Watch;
pub use self::watch::{ApiCall, CallKind, Judgement, Said, Untold};
use self::webhook::Deliveries;
pub use self::webhook::{Attempt, Outcome, Told};
use crate::id::{CaseId, IdMinter};
use crate::secret::Secret;
use crate::stripe::action::{Action, ActionKind};
use crate::stripe::object::envelope::Cause;
use crate::stripe::object::text;
use crate::stripe::version::{Kin, Version};
use crate::time::Clock;

/// Why an action could not be carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActError {
    /// The case is not open.
    #[error("find case {0:?}: it is not open")]
    UnknownCase(CaseId),
    /// The case has no such customer.
    #[error("find customer {0} of the case")]
    UnknownSlot(usize),
    /// The catalogue has no such price.
    #[error("find price `{0}` in the catalogue")]
    UnknownPrice(String),
    /// The customer has no such subscription, or it has ended.
    #[error("find a running subscription{}", .0.as_ref().map(|name| format!(" named `{name}`")).unwrap_or_default())]
    NoSubscription(Option<String>),
    /// The first payment is still open, so there is nothing to renew.
    #[error("renew a subscription whose first payment is still open")]
    NotBegun,
    /// `checkout` without a price, and the app has opened no session.
    #[error("find an open checkout session: the app has opened none")]
    NoOpenCheckout,
    /// Nothing waits to be paid.
    #[error("find anything that waits to be paid")]
    NothingOpen,
    /// No charge that could be given back.
    #[error("find a charge that can be refunded")]
    NoCharge,
    /// No charge that could be disputed.
    #[error("find a charge that can be disputed")]
    NothingToDispute,
    /// `set` names an object that the customer does not have.
    #[error("find `{0}` among the customer's objects")]
    UnknownObject(String),
    /// More fell due than could be played out.
    #[error("advance so far: more than 5000 things fall due")]
    TooMuch,
    /// Stripe would refuse it.
    #[error("carry it out at Stripe: {0}")]
    Refused(String),
}

impl From<ApiError> for ActError {
    fn from(error: ApiError) -> Self {
        Self::Refused(error.to_string())
    }
}

/// What is left to tell when a case is closed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Closed {
    /// What the app asked for and the double does not model, each once. Anything here makes the case errored.
    pub refused: Vec<String>,
    /// What was found out about the app's calls beside the double.
    pub found: Found,
}

/// The running double. Clones are handles to the same one.
#[derive(Debug, Clone)]
pub struct Double {
    shared: Arc<Shared>,
    address: SocketAddr,
    task: Arc<Mutex<Option<JoinHandle<()>>>>,
    forwarded: Arc<[Forwarded]>,
}

/// How long [`Double::stop`] waits for answers that are still being written.
const PATIENCE: Duration = Duration::from_secs(1);

impl Double {
    /// Starts listening, with the catalogue on its shelves. `seed` makes the ids that belong to no case.
    ///
    /// # Errors
    /// The port is taken, or the catalogue makes no sense.
    pub async fn start(
        config: DoubleConfig,
        catalog: &Catalog,
        clock: Clock,
        seed: u64,
    ) -> Result<Self, DoubleError> {
        let mut account = Account::new(clock.now(), seed);
        account.keep_events = config.keep_events;
        account.after_retries = config.after_retries;
        catalog::stock(&mut account, catalog)?;
        account.large.outbox.clear();
        account.version = match (&config.alone, config.answers_in) {
            (Some(alone), _) => alone.api_version,
            (None, AnswersIn::Version(version)) => version,
            (None, AnswersIn::Asked) => Version::NEWEST,
        };
        let (version, speed, deliveries, forwarded) = match config.alone {
            None => (Version::NEWEST, 1.0, None, Vec::new()),
            Some(alone) => {
                if !(alone.clock_speed > 0.0 && alone.clock_speed.is_finite()) {
                    return Err(DoubleError::Speed(alone.clock_speed));
                }
                let far = |to: &&ForwardTo| !webhook::is_near(&to.url, &alone.allow_hosts);
                if let Some(to) = alone.forward_to.iter().find(far) {
                    return Err(DoubleError::Far { url: to.url.clone() });
                }
                let forwarded = forward(&mut account, alone.forward_to)?;
                let deliveries = Deliveries::new(alone.api_version, alone.allow_hosts, alone.clock_speed);
                (alone.api_version, alone.clock_speed, Some(deliveries), forwarded)
            }
        };
        let at = SocketAddr::new(config.listen_on, config.port.unwrap_or(0));
        let listener = connection::listen(at).map_err(|source| match source.kind() {
            std::io::ErrorKind::AddrInUse => DoubleError::PortInUse { at },
            _ => DoubleError::Listen { at, source },
        })?;
        let address = listener.local_addr().map_err(|source| DoubleError::Listen { at, source })?;
        let shared = Arc::new(Shared {
            account: Mutex::new(account),
            watch: Watch::new(),
            clock,
            answers_in: config.answers_in,
            version,
            speed,
            deliveries,
            bodies: Bodies::new(config.limits.body),
            beside: config.beside,
            stopping: tokio::sync::watch::Sender::new(false),
        });
        let serving = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            tokio::join!(
                connection::serve(listener, Arc::clone(&serving), config.limits),
                webhook::pump(serving)
            );
        });
        Ok(Self { shared, address, task: Arc::new(Mutex::new(Some(task))), forwarded: forwarded.into() })
    }

    /// The endpoints that were there from the start, in the order in which they were asked for.
    #[must_use]
    pub fn forwarded(&self) -> &[Forwarded] {
        &self.forwarded
    }

    /// What a double that runs alone delivers, from the start on. The first caller gets it.
    #[must_use]
    pub fn told(&self) -> Option<mpsc::Receiver<Told>> {
        self.shared.deliveries.as_ref()?.listen()
    }

    /// `http://127.0.0.1:PORT`, to be given to the app as Stripe's API base.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Every call that the app makes from now on. The first caller gets them; calls made before are lost.
    #[must_use]
    pub fn calls(&self) -> Option<mpsc::UnboundedReceiver<ApiCall>> {
        self.shared.watch.listen()
    }

    /// The catalogue's prices by key.
    #[must_use]
    pub fn prices(&self) -> Map<String, Value> {
        let account = self.shared.account();
        shelf(&account, &account.prices)
    }

    /// The catalogue's products by key.
    #[must_use]
    pub fn products(&self) -> Map<String, Value> {
        let account = self.shared.account();
        shelf(&account, &account.products)
    }

    /// Opens a case at `now` by its own clock. One that is open already is closed first.
    pub fn open(&self, case: CaseId, now: Timestamp, ids: IdMinter) {
        let mut account = self.shared.account();
        account.close(case);
        let part = Part::new(now, ids, &account.samples);
        account.cases.insert(case, part);
    }

    /// A customer of a case, there from the start; gives its slot. The first customer that the app makes with
    /// this e-mail takes its place. Slot 0 where the case is not open.
    pub fn add_customer(&self, case: CaseId, email: &str) -> usize {
        let mut account = self.shared.account();
        if !account.cases.contains_key(&case) {
            return 0;
        }
        account.emails.insert(email.to_lowercase(), case);
        let world = &mut account.world(Home::Case(case), Cause::default());
        let customer = customer::premade(world, email);
        let slot = Slot {
            email: email.to_lowercase(),
            customer,
            adopted: false,
            names: std::collections::HashMap::new(),
        };
        world.part.slots.push(slot);
        world.part.slots.len() - 1
    }

    /// Lets something happen to a slot's customer. Its events wait for [`Self::drain`].
    ///
    /// # Errors
    /// The action is not supported, names what is not there, or would be refused by Stripe.
    pub fn act(&self, case: CaseId, slot: usize, action: &Action) -> Result<(), ActError> {
        let mut account = self.shared.account();
        let slots = account.cases.get(&case).ok_or(ActError::UnknownCase(case))?.slots.len();
        if slot >= slots {
            return Err(ActError::UnknownSlot(slot));
        }
        if action.kind() == ActionKind::Checkout {
            account.claim_session(case, &action.set);
        }
        let prices = account.prices.clone();
        let mut world = account.world(Home::Case(case), Cause::default());
        Stage { world: &mut world, slot, prices: &prices }.act(action)
    }

    /// The events that actions and the app's own calls made since the last time, in Stripe's order.
    #[must_use]
    pub fn drain(&self, case: CaseId) -> Vec<Value> {
        let mut account = self.shared.account();
        account.cases.get_mut(&case).map(|part| std::mem::take(&mut part.outbox)).unwrap_or_default()
    }

    /// The id of the next event that Stripe makes for a case.
    pub fn name_next_event(&self, case: CaseId, id: String) {
        if let Some(part) = self.shared.account().cases.get_mut(&case) {
            part.next_event = Some(id);
        }
    }

    /// Lets Stripe know an event that a scenario adds, so that an app which fetches it finds it. Nobody is told.
    pub fn keep_event(&self, case: CaseId, event: &Value) {
        let mut account = self.shared.account();
        if account.cases.contains_key(&case) {
            account.world(Home::Case(case), Cause::default()).keep_event(event);
        }
    }

    /// What the events of a case are about beyond themselves, for who sends them in an older version.
    #[must_use]
    pub fn kin(&self, case: CaseId) -> Kin {
        self.shared.account().kin(case)
    }

    /// Provider truth about a slot, in the newest shape: `customer`, `subscription`, `checkout`, `invoice`,
    /// `charge` and what actions named; what is not there is left out.
    ///
    /// The subscription is the named one, else the first that has not ended, else the last that did; the
    /// invoice is its latest.
    #[must_use]
    pub fn truth(&self, case: CaseId, slot: usize, subscription: Option<&str>) -> Map<String, Value> {
        let mut account = self.shared.account();
        if !account.cases.contains_key(&case) {
            return Map::new();
        }
        act::truth(&account.world(Home::Case(case), Cause::default()), slot, subscription)
    }

    /// Counts changes of a case's objects: while it is the same, so is [`Self::truth`]. `None`: it is not open.
    #[must_use]
    pub fn version(&self, case: CaseId) -> Option<u64> {
        self.shared.account().cases.get(&case).map(|part| part.store.version())
    }

    /// A case's clock.
    #[must_use]
    pub fn now(&self, case: CaseId) -> Option<Timestamp> {
        self.shared.account().cases.get(&case).map(|part| part.now)
    }

    /// Moves a case's clock and nothing else: the action `advance` plays out what falls due.
    pub fn advance(&self, case: CaseId, by: SignedDuration) {
        if let Some(part) = self.shared.account().cases.get_mut(&case) {
            part.now = part.now.saturating_add(by).unwrap_or(part.now);
        }
    }

    /// Moves the account at large ahead of the wall clock by `by` more, with what falls due for everybody there;
    /// gives the new time. Cases and test clocks have times of their own.
    ///
    /// # Errors
    /// Too much fell due at once: the account stands where it came to, and may be advanced further.
    pub fn advance_all(&self, by: SignedDuration) -> Result<Timestamp, ActError> {
        match self.shared.advance(by) {
            (now, Ok(())) => Ok(now),
            (_, Err(_)) => Err(ActError::TooMuch),
        }
    }

    /// Lets the account at large live up to now, as every call does.
    pub fn catch_up(&self) {
        let mut account = self.shared.account();
        account.catch_up(self.shared.now());
        self.shared.post(&mut account);
    }

    /// When the next thing falls due at large by the wall clock, for who plays it out without waiting for a call.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        self.shared.account().next_due()
    }

    /// Arms faults, in addition to those that are armed.
    pub fn arm(&self, case: CaseId, faults: Vec<ApiFault>) {
        if let Some(part) = self.shared.account().cases.get_mut(&case) {
            part.faults.extend(faults.into_iter().map(fault::Armed::new));
        }
    }

    /// Keeps the next call about a case waiting until [`Self::release`], before any other fault meets it. It is told
    /// at once, as [`CallKind::Held`]. Asked for again it changes nothing.
    pub fn hold(&self, case: CaseId) {
        if let Some(part) = self.shared.account().cases.get_mut(&case)
            && part.faults.iter().all(|armed| armed.fault().effect != Effect::Hold)
        {
            let fault = ApiFault { call: "* /v1/*".to_owned(), effect: Effect::Hold, times: Some(1) };
            part.faults.insert(0, fault::Armed::new(fault));
        }
    }

    /// Lets go of the calls of a case that are kept waiting, and keeps none any more.
    pub fn release(&self, case: CaseId) {
        if let Some(part) = self.shared.account().cases.get_mut(&case) {
            part.faults.retain(|armed| armed.fault().effect != Effect::Hold);
        }
    }

    /// Disarms all faults of a case.
    pub fn disarm(&self, case: CaseId) {
        if let Some(part) = self.shared.account().cases.get_mut(&case) {
            part.faults.clear();
        }
    }

    /// Forgets a case: its objects, events, idempotency keys and faults.
    pub fn close(&self, case: CaseId) -> Closed {
        self.shared.account().close(case)
    }

    /// What was refused to calls that named no case, since the last time: it concerns the whole run.
    #[must_use]
    pub fn refused_at_large(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.account().large.refused)
    }

    /// What was found out about calls that named no case, since the last time.
    #[must_use]
    pub fn found_at_large(&self) -> Found {
        std::mem::take(&mut self.shared.account().large.found)
    }

    /// Stops listening. Answers that are kept back are given at once; open connections end.
    pub async fn stop(self) {
        self.shared.stopping.send_replace(true);
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut task) = task else { return };
        if tokio::time::timeout(PATIENCE, &mut task).await.is_err() {
            task.abort();
        }
    }
}

/// Makes the endpoints that are there from the start.
fn forward(account: &mut Account, wanted: Vec<ForwardTo>) -> Result<Vec<Forwarded>, DoubleError> {
    let world = &mut account.world(Home::Large, Cause::default());
    let mut forwarded = Vec::new();
    for ForwardTo { url, secret, events, thin } in wanted {
        let events = events.into_iter().map(Value::from).collect();
        let secret = secret.map(|secret| secret.expose().to_owned());
        let made = if thin {
            let (name, payload) = ("paydrill".to_owned(), Payload::Thin);
            event_destination::keep(
                world,
                event_destination::Wanted { name, url: url.clone(), events, payload, secret },
            )
        } else {
            let wanted = webhook_endpoint::Wanted { url: url.clone(), events, version: None, secret };
            webhook_endpoint::keep(world, wanted).map(|made| text(&made, "id").to_owned())
        };
        let id = made.map_err(|error| DoubleError::Endpoint { url: url.clone(), why: error.to_string() })?;
        let secret = Secret::new(text(world.hidden(&id), "secret"));
        forwarded.push(Forwarded { id, url, secret });
    }
    Ok(forwarded)
}

fn shelf(account: &Account, keys: &[(String, String)]) -> Map<String, Value> {
    let object = |(key, id): &(String, String)| Some((key.clone(), account.find(id)?.value().clone()));
    keys.iter().filter_map(object).collect()
}
