//! Deliveries of the account at large to its webhook endpoints and event destinations: signed, each in its own version
//! or thin, tried again on Stripe's schedule. One task of its own does it, so no call waits for an endpoint.
//!
//! Only endpoints on this machine are called, and those on hosts that were allowed by name: an address elsewhere
//! is kept and listed, but nothing ever leaves for it.

pub(crate) mod listener;
mod queue;
mod send;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;

use self::listener::{Listener, Printed, Sent};
use self::queue::{Delivery, Next, Queues};
pub use self::send::Outcome;
use self::send::Sender;
pub(super) use self::send::is_near;
use super::server::Shared;
use super::state::Account;
use crate::secret::Secret;
use crate::stripe::delivery;
use crate::stripe::object::{put, text};
use crate::stripe::version::{Version, downgrade};

/// What a double that runs alone tells, as it happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// An endpoint is there whose address is never called.
    NeverCalled {
        /// Its address.
        url: String,
    },
    /// An attempt starts.
    Sending(Attempt),
    /// An attempt has ended.
    Ended {
        /// Which.
        attempt: Attempt,
        /// How.
        outcome: Outcome,
        /// After how long.
        took: Duration,
        /// When it is tried again, by the account's clock; `None`: not at all.
        retry: Option<Timestamp>,
    },
    /// Deliveries were lost: more wait for the endpoint than is kept.
    Lost {
        /// The endpoint.
        endpoint: String,
    },
}

/// One attempt of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// `evt_…`
    pub event: String,
    /// `invoice.paid`
    pub kind: String,
    /// `we_…`
    pub endpoint: String,
    /// Its address.
    pub url: String,
    /// From 1.
    pub number: u32,
}

/// What is told and not yet read; who does not read loses the rest.
const UNREAD: usize = 10_000;

/// What waits to be delivered, and who is told of it.
#[derive(Debug)]
pub(crate) struct Deliveries {
    queues: Mutex<Queues>,
    wake: Notify,
    sender: Sender,
    /// Hosts that may be called beside this machine.
    allowed: Vec<String>,
    /// The account's own version.
    version: Version,
    limit: Duration,
    told: mpsc::Sender<Told>,
    reader: Mutex<Option<mpsc::Receiver<Told>>>,
}

impl Deliveries {
    pub(crate) fn new(version: Version, allowed: Vec<String>, speed: f64) -> Self {
        let (told, reader) = mpsc::channel(UNREAD);
        // A limit below a second would call a handler slow that Stripe would wait for.
        let limit = delivery::ANSWER_LIMIT.div_f64(speed.clamp(1.0, 10.0));
        Self {
            queues: Mutex::default(),
            wake: Notify::new(),
            sender: Sender::new(),
            allowed,
            version,
            limit,
            told,
            reader: Mutex::new(Some(reader)),
        }
    }

    /// What is told from the start on. The first caller gets it.
    pub(crate) fn listen(&self) -> Option<mpsc::Receiver<Told>> {
        self.reader.lock().ok()?.take()
    }

    fn tell(&self, told: Told) {
        // Nobody waits for a reader that is slow or gone.
        let _ = self.told.try_send(told);
    }

    fn queues(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks again at once: time has moved.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Puts what the account at large has to tell into the queues of who is to be told.
    pub(crate) fn post(&self, account: &mut Account) {
        let events = std::mem::take(&mut account.large.outbox);
        let again = std::mem::take(&mut account.large.resent);
        if events.is_empty() && again.is_empty() {
            return;
        }
        let listeners = Listener::all(account, self.version);
        for event in events {
            if self.version != Version::NEWEST {
                let older = downgrade(&event, self.version, &*account);
                account.large.store.reshape_event(text(&event, "id"), older);
            }
            self.enqueue(account, &event, listeners.iter().filter(|one| one.wants(&event)));
        }
        for (event, to) in again {
            let Some(event) = account.find(&event).map(super::store::Stored::whole) else { continue };
            let meant = |one: &&Listener| match &to {
                Some(id) => *one.id == **id,
                None => one.wants(&event),
            };
            self.enqueue(account, &event, listeners.iter().filter(meant));
        }
        self.wake();
    }

    fn enqueue<'a>(&self, account: &Account, event: &Value, to: impl Iterator<Item = &'a Listener>) {
        let mut printed = Printed::default();
        for listener in to {
            let Some(Sent { id, kind, body }) = listener.sent(event, account, &mut printed) else { continue };
            let delivery = Delivery { event: id, kind, body, made: 0, first: account.large.now };
            if self.queues().push(&listener.id, delivery) > 0 {
                self.tell(Told::Lost { endpoint: listener.id.to_string() });
            }
        }
    }
}

/// Delivers until the double stops.
pub(crate) async fn pump(shared: Arc<Shared>) {
    let Some(deliveries) = shared.deliveries.as_ref() else { return };
    let mut stopping = shared.stopping.subscribe();
    let mut under_way = JoinSet::new();
    let mut silent = BTreeSet::new();
    loop {
        let wait = start(&shared, deliveries, &mut under_way, &mut silent);
        tokio::select! {
            () = deliveries.wake.notified() => {}
            () = tokio::time::sleep(wait) => {}
            Some(_) = under_way.join_next() => {}
            _ = stopping.wait_for(|stop| *stop) => return,
        }
    }
}

/// The longest time without a look: what falls due by itself is never later than this.
const LOOK: Duration = Duration::from_secs(60);

/// Starts what can be sent now; gives when to look again.
fn start(
    shared: &Arc<Shared>,
    deliveries: &Deliveries,
    under_way: &mut JoinSet<()>,
    silent: &mut BTreeSet<String>,
) -> Duration {
    let at = shared.clock.elapsed();
    let mut account = shared.account();
    account.catch_up(shared.now());
    deliveries.post(&mut account);
    let now = account.large.now;
    // Not in the loop's head, where the lock would be held while the loop takes it.
    let endpoints = deliveries.queues().endpoints();
    for endpoint in endpoints {
        if account.find(&endpoint).is_none() {
            let events = deliveries.queues().forget(&endpoint);
            events.iter().for_each(|event| answered(&mut account, event));
        }
    }
    let ready = deliveries.queues().ready(now, at);
    for (id, delivery) in ready.start {
        let Some(stored) = account.find(&id) else { continue };
        let (url, secret, enabled) = listener::reach(stored);
        let near = is_near(url, &deliveries.allowed);
        if !near && silent.insert(url.to_owned()) {
            deliveries.tell(Told::NeverCalled { url: url.to_owned() });
        }
        if !enabled || !near {
            // Stripe does not take up again what it would have sent to an endpoint while that was off.
            deliveries.queues().finish(&id, delivery, true);
            deliveries.wake();
            continue;
        }
        let call = Call { url: url.to_owned(), secret: Secret::new(secret), endpoint: id, delivery };
        under_way.spawn(attempt(Arc::clone(shared), call));
    }
    let ahead = account.ahead;
    let retry = ready.retry.into_iter().map(|due| shared.until(due.checked_sub(ahead).unwrap_or(due)));
    let due = account.next_due().into_iter().map(|due| shared.until(due));
    let head_start = ready.head_start.into_iter().map(|ends| ends.saturating_sub(at));
    retry.chain(due).chain(head_start).fold(LOOK, Duration::min)
}

/// An attempt that is to be made.
struct Call {
    url: String,
    secret: Secret,
    endpoint: Arc<str>,
    delivery: Delivery,
}

async fn attempt(shared: Arc<Shared>, call: Call) {
    let Some(deliveries) = shared.deliveries.as_ref() else { return };
    let Call { url, secret, endpoint, delivery } = call;
    let attempt = Attempt {
        event: delivery.event.to_string(),
        kind: delivery.kind.to_string(),
        endpoint: endpoint.to_string(),
        url,
        number: delivery.made + 1,
    };
    deliveries.tell(Told::Sending(attempt.clone()));
    let started = shared.clock.elapsed();
    // Apps compare the signature's time with their own clock, wherever the account's stands.
    let signed = shared.clock.now().as_second();
    let outcome =
        deliveries.sender.send(&attempt.url, &secret, signed, &delivery.body, deliveries.limit).await;
    let took = shared.clock.elapsed().saturating_sub(started);
    let accepted = outcome.is_accepted();
    let event = Arc::clone(&delivery.event);
    let next = deliveries.queues().finish(&endpoint, delivery, accepted);
    if accepted {
        answered(&mut shared.account(), &event);
    }
    let retry = if let Next::Retry(due) = next { Some(due) } else { None };
    deliveries.tell(Told::Ended { attempt, outcome, took, retry });
}

/// One endpoint less has still to answer.
fn answered(account: &mut Account, event: &str) {
    account.large.store.change(event, |event| {
        let pending = crate::stripe::object::int(event, "pending_webhooks");
        put(event, "pending_webhooks", pending.saturating_sub(1).max(0));
    });
}
