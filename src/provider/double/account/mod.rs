//! The account reducer: what every call and every action does to Stripe's objects, and which events it makes.
//!
//! No I/O; time and ids come from the [`Part`] that is worked on. HTTP routes and scenario actions both end
//! in the functions of these modules, so there is one truth.

pub(crate) mod adjust;
pub(crate) mod anchor;
pub(crate) mod automatic_tax;
pub(crate) mod balance;
pub(crate) mod bill;
pub(crate) mod billing_mode;
pub(crate) mod cash_balance;
pub(crate) mod catalog;
pub(crate) mod change;
pub(crate) mod charge;
pub(crate) mod checkout;
pub(crate) mod checkout_answers;
pub(crate) mod checkout_invoice;
pub(crate) mod checkout_page;
pub(crate) mod checkout_params;
pub(crate) mod checkout_terms;
pub(crate) mod clock;
pub(crate) mod confirmation_token;
pub(crate) mod connect;
pub(crate) mod core_event;
pub(crate) mod coupon;
pub(crate) mod credit_balance;
pub(crate) mod credit_note;
pub(crate) mod customer;
pub(crate) mod customer_balance;
pub(crate) mod customer_subscription;
pub(crate) mod debit;
pub(crate) mod decimal;
pub(crate) mod discount;
pub(crate) mod dispute;
pub(crate) mod due;
pub(crate) mod ending;
pub(crate) mod entitlement;
pub(crate) mod event;
pub(crate) mod event_destination;
pub(crate) mod intent;
pub(crate) mod intent_params;
pub(crate) mod invoice;
pub(crate) mod invoice_item;
pub(crate) mod invoice_line;
pub(crate) mod invoice_payment;
pub(crate) mod invoice_route;
pub(crate) mod item;
pub(crate) mod later;
pub(crate) mod payment;
pub(crate) mod payment_link;
pub(crate) mod payment_method;
pub(crate) mod payment_page;
pub(crate) mod pending_update;
pub(crate) mod period;
pub(crate) mod phase;
pub(crate) mod plan;
pub(crate) mod portal;
pub(crate) mod preview;
pub(crate) mod price;
pub(crate) mod pricing;
pub(crate) mod product;
pub(crate) mod promotion_code;
pub(crate) mod proration;
pub(crate) mod quote;
pub(crate) mod redemption;
pub(crate) mod refund;
pub(crate) mod renewal;
pub(crate) mod resume;
pub(crate) mod schedule;
pub(crate) mod setup_attempt;
pub(crate) mod setup_intent;
pub(crate) mod shipping_rate;
pub(crate) mod source;
pub(crate) mod start;
pub(crate) mod status;
pub(crate) mod stored;
pub(crate) mod subscription;
pub(crate) mod tax;
pub(crate) mod tax_id;
pub(crate) mod tax_rate;
pub(crate) mod test_card;
pub(crate) mod test_clock;
pub(crate) mod total;
mod undo;
pub(crate) mod webhook_endpoint;

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::case::Part;
use super::error::ApiError;
use super::index::WHOLE;
use super::route::Route;
use super::store::{Kind, Store, Stored};
use super::webhook::listener;
use crate::id::CaseId;
use crate::stripe::action::Leaves;
use crate::stripe::object::envelope::{self, Cause};
use crate::stripe::object::{NULL, int, merge, previous, put};
use crate::stripe::version::Version;

/// The routes of every resource; a new one is a line here and a file.
pub(crate) const ROUTES: &[&[Route]] = &[
    balance::ROUTES,
    billing_mode::ROUTES,
    cash_balance::ROUTES,
    charge::ROUTES,
    checkout::ROUTES,
    confirmation_token::ROUTES,
    connect::ROUTES,
    core_event::ROUTES,
    coupon::ROUTES,
    credit_note::ROUTES,
    customer::ROUTES,
    customer_balance::ROUTES,
    customer_subscription::ROUTES,
    dispute::ROUTES,
    entitlement::ROUTES,
    event::ROUTES,
    event_destination::ROUTES,
    intent::ROUTES,
    invoice_item::ROUTES,
    invoice_payment::ROUTES,
    invoice_route::ROUTES,
    item::ROUTES,
    payment_link::ROUTES,
    payment_method::ROUTES,
    payment_page::ROUTES,
    plan::ROUTES,
    portal::ROUTES,
    price::ROUTES,
    product::ROUTES,
    promotion_code::ROUTES,
    quote::ROUTES,
    redemption::ROUTES,
    refund::ROUTES,
    schedule::ROUTES,
    setup_attempt::ROUTES,
    setup_intent::ROUTES,
    shipping_rate::ROUTES,
    source::ROUTES,
    stored::account::ROUTES,
    stored::identity::ROUTES,
    stored::issuing::ROUTES,
    stored::meter::ROUTES,
    stored::money::ROUTES,
    stored::purchase::ROUTES,
    stored::report::ROUTES,
    subscription::ROUTES,
    tax_id::ROUTES,
    tax_rate::ROUTES,
    test_clock::ROUTES,
    webhook_endpoint::ROUTES,
];

/// Where an object is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Home {
    /// Products and prices, which all cases share.
    Shop,
    /// What names no case.
    Large,
    /// A case's own.
    Case(CaseId),
}

/// What is read of an object that is not there.
static NONE: Value = NULL;

/// One part of the account with what it shares with the others: what a call or an action works on.
pub(crate) struct World<'a> {
    pub(crate) home: Home,
    pub(crate) part: &'a mut Part,
    pub(crate) shop: &'a mut Store,
    /// Whose the objects of cases are.
    pub(crate) owners: &'a mut HashMap<Arc<str>, CaseId>,
    pub(crate) seq: &'a mut u64,
    /// The events that are kept for the account at large.
    pub(crate) keep_events: usize,
    /// How a subscription is left when the last retry of its invoice was declined.
    pub(crate) after_retries: Leaves,
    /// The version that the caller speaks: it decides what is meant where something is left out.
    pub(crate) version: Version,
    /// Whether the caller named it, and is held to it.
    pub(crate) is_named: bool,
    /// What the events that follow were caused by.
    pub(crate) cause: Cause,
    /// Fields for the first object of a kind that is made (`set` of an action).
    pub(crate) overlay: Option<(Kind, Map<String, Value>)>,
    /// The test clock by whose time everything happens; none for the part's own time.
    pub(crate) clock: Option<Arc<str>>,
    /// Whether invoices stay drafts, because only the draft is wanted: see [`World::rehearse`].
    pub(crate) drafts_only: bool,
}

/// The time that a world was in before it [entered](World::enter) that of a test clock.
pub(crate) struct Outside(Option<(jiff::Timestamp, Option<Arc<str>>)>);

/// See [`World::timed`]; the stores one by one, for whoever changes the world beside them.
fn timed<'a>(own: &'a Store, shop: &'a Store, home: Home, id: &str) -> Option<&'a Stored> {
    own.get(id).or_else(|| shop.get(id).filter(|_| home == Home::Large))
}

impl World<'_> {
    /// Seconds since the epoch by this part's clock, or by the test clock whose time was entered: all that
    /// happens now shares them.
    pub(crate) fn second(&self) -> i64 {
        self.part.now.as_second()
    }

    /// Enters the time of a test clock: what is made until the world [leaves](Self::leave) belongs to it.
    /// Without one, and where there is none, time stays as it is.
    pub(crate) fn enter(&mut self, clock: Option<&str>) -> Outside {
        let found =
            clock.and_then(|id| self.part.store.get(id)).filter(|stored| stored.kind == Kind::TestClock);
        let frozen = found.map(|stored| jiff::Timestamp::from_second(int(stored.value(), "frozen_time")));
        let (Some(clock), Some(Ok(frozen))) = (clock, frozen) else { return Outside(None) };
        let now = std::mem::replace(&mut self.part.now, frozen);
        Outside(Some((now, self.clock.replace(clock.into()))))
    }

    /// Goes back to the time in which the world was before; where the clock moved, it stays there.
    pub(crate) fn leave(&mut self, outside: Outside) {
        let Outside(Some((now, clock))) = outside else { return };
        let reached = self.second();
        self.part.now = now;
        let Some(left) = std::mem::replace(&mut self.clock, clock) else { return };
        if int(self.peek(&left), "frozen_time") != reached {
            self.change(&left, |clock| put(clock, "frozen_time", reached));
        }
    }

    pub(crate) fn mint(&mut self, prefix: &str) -> String {
        self.part.ids.mint(prefix)
    }

    pub(crate) fn stored(&self, id: &str) -> Option<&Stored> {
        self.part.store.get(id).or_else(|| self.shop.get(id))
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Value> {
        self.stored(id).map(Stored::value)
    }

    /// An object; null where there is none.
    pub(crate) fn peek(&self, id: &str) -> &Value {
        self.get(id).unwrap_or(&NONE)
    }

    /// A copy of an object; null where there is none.
    pub(crate) fn copy(&self, id: &str) -> Value {
        self.get(id).cloned().unwrap_or_default()
    }

    /// The object that the path names.
    pub(crate) fn at_path(&self, kind: Kind, id: &str) -> Result<Value, ApiError> {
        self.live(kind, id).ok_or_else(|| ApiError::no_such(kind.noun(), id))
    }

    /// The object that a parameter names.
    pub(crate) fn named_by(&self, kind: Kind, id: &str, param: &str) -> Result<Value, ApiError> {
        self.live(kind, id).ok_or_else(|| ApiError::no_such_param(kind.noun(), id, param))
    }

    fn live(&self, kind: Kind, id: &str) -> Option<Value> {
        let stored = self.stored(id)?;
        (stored.kind == kind && stored.value()["deleted"] != true).then(|| stored.value().clone())
    }

    /// Keeps a new object.
    pub(crate) fn insert(&mut self, kind: Kind, value: Value) -> Value {
        self.insert_with(kind, value, NULL)
    }

    /// The same, with what belongs to it without being part of it.
    pub(crate) fn insert_with(&mut self, kind: Kind, mut value: Value, hidden: Value) -> Value {
        if let Some((_, fields)) = self.overlay.take_if(|(overlaid, _)| *overlaid == kind) {
            merge(&mut value, &fields);
        }
        if let (Some(clock), Some(field)) = (&self.clock, value.get_mut("test_clock")) {
            *field = Value::from(&**clock);
        }
        *self.seq += 1;
        let shared = kind.is_shared() && self.home == Home::Large;
        let store = if shared { &mut *self.shop } else { &mut self.part.store };
        let id = store.insert(kind, *self.seq, value.clone(), hidden);
        self.touch(&id);
        self.own(id);
        value
    }

    /// Notes whose an object is.
    fn own(&mut self, id: Arc<str>) {
        if let Home::Case(case) = self.home {
            self.owners.insert(id, case);
        }
    }

    /// Whether something has this id already.
    pub(crate) fn is_taken(&self, id: &str) -> bool {
        self.owners.contains_key(id) || self.stored(id).is_some()
    }

    /// Changes an object without an event.
    pub(crate) fn change(&mut self, id: &str, change: impl FnOnce(&mut Value)) {
        self.store_of(id).change(id, change);
        self.touch(id);
    }

    /// An object that lives by this part's time: its own; what all cases share lives by that of the account at large.
    pub(crate) fn timed(&self, id: &str) -> Option<&Stored> {
        timed(&self.part.store, self.shop, self.home, id)
    }

    /// Notes that something may be due at another time than before, now that this object is another.
    fn touch(&mut self, id: &str) {
        let Some(stored) = timed(&self.part.store, self.shop, self.home, id) else { return };
        match stored.kind {
            Kind::Coupon
            | Kind::PaymentIntent
            | Kind::PromotionCode
            | Kind::Quote
            | Kind::Refund
            | Kind::Schedule
            | Kind::Session
            | Kind::Subscription
            | Kind::TestClock => {
                self.part.agenda.touch(id);
            }
            Kind::Invoice => {
                self.part.agenda.touch(id);
                if let Some(owner) = crate::stripe::object::invoice::subscription_of(stored.value()) {
                    self.part.agenda.touch(owner);
                }
            }
            _ => {}
        }
    }

    /// The same, and gives what it was.
    pub(crate) fn diff(&mut self, id: &str, change: impl FnOnce(&mut Value)) -> Map<String, Value> {
        let Some(before) = self.stored(id).map(Stored::snapshot) else { return Map::new() };
        self.change(id, change);
        previous(&before, self.peek(id))
    }

    /// Where an object is kept: here, or on the shelves that all cases share.
    fn store_of(&mut self, id: &str) -> &mut Store {
        if self.part.store.get(id).is_none() && self.shop.get(id).is_some() {
            self.shop
        } else {
            &mut self.part.store
        }
    }

    /// Changes an object, and makes an event that tells what changed; none if nothing did.
    pub(crate) fn update(&mut self, kind: &str, id: &str, change: impl FnOnce(&mut Value)) {
        let changed = self.diff(id, change);
        self.tell_changed(kind, id, changed);
    }

    /// The same, and gives what it is now.
    pub(crate) fn updated(&mut self, kind: &str, id: &str, change: impl FnOnce(&mut Value)) -> Value {
        self.update(kind, id, change);
        self.copy(id)
    }

    /// The event of a change that was already made.
    pub(crate) fn tell_changed(&mut self, kind: &str, id: &str, changed: Map<String, Value>) {
        if !changed.is_empty() {
            self.event(kind, self.copy(id), Some(changed));
        }
    }

    /// An event about an object as it is now.
    pub(crate) fn tell(&mut self, kind: &str, id: &str) {
        let about = self.copy(id);
        self.event(kind, about, None);
    }

    /// An event about `about`.
    pub(crate) fn event(&mut self, kind: &str, about: Value, changed: Option<Map<String, Value>>) {
        self.event_at(kind, about, changed, None);
    }

    /// The same, of a connected account.
    pub(crate) fn event_at(
        &mut self,
        kind: &str,
        about: Value,
        changed: Option<Map<String, Value>>,
        account: Option<&str>,
    ) {
        // Minted also where it is known already: the ids after it are then the same.
        let minted = self.mint("evt");
        let id = self.part.next_event.take().unwrap_or(minted);
        let mut event = envelope::event(&id, self.second(), kind, about, changed, &self.cause);
        if let Some(account) = account {
            put(&mut event, "account", account);
        }
        if self.home == Home::Large {
            let listeners = self.listeners(&event);
            put(&mut event, "pending_webhooks", listeners);
        }
        self.keep_event(&event);
        if self.home == Home::Large {
            self.part.store.forget_event(self.keep_events);
        }
        self.part.outbox.push(event);
    }

    /// Lets Stripe know an event, without telling anybody of it.
    pub(crate) fn keep_event(&mut self, event: &Value) {
        *self.seq += 1;
        let id = self.part.store.insert_event(*self.seq, event);
        self.own(id);
    }

    /// How many of the account at large are to be told of an event as a snapshot.
    fn listeners(&self, event: &Value) -> usize {
        let store = &self.part.store;
        let destinations = store.of(Kind::EventDestination);
        let destinations = destinations.filter(|stored| !event_destination::is_thin(stored.value()));
        let listeners = store.of(Kind::WebhookEndpoint).chain(destinations);
        listeners.filter(|stored| listener::wants(stored, event)).count()
    }

    /// Forgets an object.
    pub(crate) fn remove(&mut self, id: &str) {
        self.touch(id);
        self.part.store.remove(id);
        self.shop.remove(id);
        self.owners.remove(id);
    }

    /// What belongs to an object without being part of it.
    pub(crate) fn hidden(&self, id: &str) -> &Value {
        self.stored(id).map_or(&NONE, Stored::hidden)
    }

    /// Keeps something beside an object, under a name.
    pub(crate) fn keep_beside(&mut self, id: &str, name: &str, value: impl Into<Value>) {
        self.change_hidden(id, |hidden| {
            if !hidden.is_object() {
                *hidden = Value::Object(Map::new());
            }
            put(hidden, name, value);
        });
    }

    /// Changes what belongs to an object without being part of it.
    pub(crate) fn change_hidden(&mut self, id: &str, change: impl FnOnce(&mut Value)) {
        self.store_of(id).change_hidden(id, change);
        self.touch(id);
    }

    /// Ids of the kind's objects whose `field` is `value`, oldest first.
    pub(crate) fn ids_where(&self, kind: Kind, field: &str, value: &str) -> Vec<String> {
        let ids = self.part.store.ids_with(kind, field, value, WHOLE);
        ids.into_iter().map(|id| (**id).to_owned()).collect()
    }

    /// Something that Stripe does by itself, not because it was asked.
    pub(crate) fn by_itself(&mut self) {
        self.cause = Cause::default();
    }
}

/// Sets several fields of an object.
pub(crate) fn put_all<const N: usize>(object: &mut Value, fields: [(&str, Value); N]) {
    for (key, value) in fields {
        put(object, key, value);
    }
}
