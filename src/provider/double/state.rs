//! The whole account: the shop that all cases share, the account at large, and the cases.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::Closed;
use super::account::{Home, World, automatic_tax, cash_balance};
use super::case::Part;
use super::error::ApiError;
use super::expand::Source;
use super::idempotency::Keys;
use super::index::WHOLE;
use super::store::{Kind, Samples, Store, Stored};
use crate::id::{CaseId, IdMinter};
use crate::stripe::action::Leaves;
use crate::stripe::object::envelope::Cause;
use crate::stripe::object::{list, object, text};
use crate::stripe::thin;
use crate::stripe::version::Version;

/// The cases whose objects are kept warm at once: more than a run plays at a time. Tests have few, and some rest.
const AWAKE: usize = if cfg!(test) { 2 } else { 64 };

/// Everything that the double knows; guarded by one lock, which is never held while waiting.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) shop: Store,
    pub(crate) large: Part,
    pub(crate) cases: HashMap<CaseId, Part>,
    /// The cases that are at work, longest so first.
    awake: VecDeque<CaseId>,
    /// What the objects of all parts are packed against.
    pub(crate) samples: Samples,
    /// Whose the objects of cases are.
    pub(crate) owners: HashMap<Arc<str>, CaseId>,
    /// Which case an e-mail belongs to, in lower case.
    pub(crate) emails: HashMap<String, CaseId>,
    pub(crate) keys: Keys,
    pub(crate) seq: u64,
    /// The events that are kept for the account at large: it is never closed.
    pub(crate) keep_events: usize,
    /// How a subscription is left when the last retry of its invoice was declined.
    pub(crate) after_retries: Leaves,
    /// The account's version: what is left out of an action means what it means in that.
    pub(crate) version: Version,
    /// How far the time of the account at large is ahead of the wall clock.
    pub(crate) ahead: SignedDuration,
    /// The ids of the catalogue's prices and products by their keys, in the catalogue's order.
    pub(crate) prices: Vec<(String, String)>,
    pub(crate) products: Vec<(String, String)>,
}

impl Account {
    pub(crate) fn new(now: Timestamp, seed: u64) -> Self {
        let samples = Samples::default();
        Self {
            shop: Store::packed_as(&samples),
            // Cases count their streams from 0; the account at large takes the last one.
            large: Part::new(now, IdMinter::new(seed, u64::MAX), &samples),
            cases: HashMap::new(),
            awake: VecDeque::new(),
            samples,
            owners: HashMap::new(),
            emails: HashMap::new(),
            keys: Keys::default(),
            seq: 0,
            keep_events: usize::MAX,
            after_retries: Leaves::default(),
            version: Version::NEWEST,
            ahead: SignedDuration::ZERO,
            prices: Vec::new(),
            products: Vec::new(),
        }
    }

    /// Notes that a case is at work. Of many that are open, those which were left alone for longest rest.
    pub(crate) fn wake(&mut self, case: CaseId) {
        let Some(part) = self.cases.get_mut(&case) else { return };
        part.used = true;
        if !std::mem::replace(&mut part.awake, true) {
            self.awake.push_back(case);
        }
        while self.awake.len() > AWAKE
            && let Some(oldest) = self.awake.pop_front()
        {
            // One that is closed is not there any more.
            let Some(part) = self.cases.get_mut(&oldest) else { continue };
            if std::mem::take(&mut part.used) {
                self.awake.push_back(oldest);
            } else {
                part.awake = false;
                part.store.rest();
            }
        }
    }

    /// One part to work on; that of the account at large where the case is not open.
    pub(crate) fn world(&mut self, home: Home, cause: Cause) -> World<'_> {
        if let Home::Case(case) = home {
            self.wake(case);
        }
        let Self { shop, large, cases, owners, seq, .. } = self;
        let (keep_events, after_retries, version) = (self.keep_events, self.after_retries, self.version);
        let case = match home {
            Home::Case(case) => cases.get_mut(&case),
            Home::Large | Home::Shop => None,
        };
        let (home, part) = match case {
            Some(part) => (home, part),
            None => (Home::Large, large),
        };
        World {
            home,
            part,
            shop,
            owners,
            seq,
            keep_events,
            after_retries,
            version,
            is_named: false,
            cause,
            overlay: None,
            clock: None,
            drafts_only: false,
        }
    }

    pub(crate) fn part(&self, home: Home) -> &Part {
        match home {
            Home::Case(case) => self.cases.get(&case).unwrap_or(&self.large),
            Home::Large | Home::Shop => &self.large,
        }
    }

    pub(crate) fn part_mut(&mut self, home: Home) -> &mut Part {
        match home {
            Home::Case(case) => self.cases.get_mut(&case).unwrap_or(&mut self.large),
            Home::Large | Home::Shop => &mut self.large,
        }
    }

    /// Where an object is kept.
    pub(crate) fn home(&self, id: &str) -> Option<Home> {
        if let Some(case) = self.owners.get(id) {
            return Some(Home::Case(*case));
        }
        let large = self.large.store.has(id).then_some(Home::Large);
        large.or_else(|| self.shop.has(id).then_some(Home::Shop))
    }

    pub(crate) fn find(&self, id: &str) -> Option<&Stored> {
        match self.owners.get(id) {
            Some(case) => self.part(Home::Case(*case)).store.get(id),
            None => self.large.store.get(id).or_else(|| self.shop.get(id)),
        }
    }

    pub(crate) fn find_mut(&mut self, id: &str) -> Option<&mut Stored> {
        match self.home(id)? {
            Home::Shop => self.shop.get_mut(id),
            home => self.part_mut(home).store.get_mut(id),
        }
    }

    /// All stores, or those that a call which belongs to `home` can mean.
    pub(crate) fn stores(&self, home: Option<Home>) -> Vec<&Store> {
        match home {
            Some(home) => vec![&self.part(home).store, &self.shop],
            None => {
                let mut stores = vec![&self.large.store, &self.shop];
                stores.extend(self.cases.values().map(|part| &part.store));
                stores
            }
        }
    }

    /// Whose call this is: the first thing it names that belongs to a case; else the account's, where it
    /// names something of that; else nobody's.
    pub(crate) fn attribute(&self, path: &[&str], params: &Map<String, Value>) -> Option<Home> {
        let mut found = None;
        for word in path.iter().rev() {
            match self.home_of(word) {
                Some(home @ Home::Case(_)) => return Some(home),
                home => found = found.or(home),
            }
        }
        params.values().fold(found, |found, value| self.home_in(value, found))
    }

    fn home_in(&self, value: &Value, found: Option<Home>) -> Option<Home> {
        if let Some(Home::Case(_)) = found {
            return found;
        }
        match value {
            Value::String(word) => match self.home_of(word) {
                Some(home @ Home::Case(_)) => Some(home),
                home => found.or(home),
            },
            Value::Array(items) => items.iter().fold(found, |found, item| self.home_in(item, found)),
            Value::Object(fields) => fields.values().fold(found, |found, field| self.home_in(field, found)),
            _ => found,
        }
    }

    fn home_of(&self, word: &str) -> Option<Home> {
        let beside = || self.home(&thin::snapshot_id(word)?);
        match self.home(word).or_else(beside) {
            Some(Home::Shop) => None,
            Some(home) => Some(home),
            None if word.contains('@') => self.emails.get(&word.to_lowercase()).copied().map(Home::Case),
            None => None,
        }
    }

    /// Takes into a case the open session that an app opened without naming the customer: the one that carries
    /// the `client_reference_id` or the metadata which the project says the app passes (`set` of `checkout`).
    /// Where several do, none is taken: the double does not guess.
    pub(crate) fn claim_session(&mut self, case: CaseId, set: &Map<String, Value>) {
        let carries = |session: &Value| {
            let reference = set.get("client_reference_id").filter(|reference| !reference.is_null());
            let metadata =
                set.get("metadata").and_then(Value::as_object).filter(|metadata| !metadata.is_empty());
            let all = |metadata: &Map<String, Value>| {
                metadata.iter().all(|(key, value)| session["metadata"][key] == *value)
            };
            reference.is_some_and(|reference| session["client_reference_id"] == *reference)
                || metadata.is_some_and(all)
        };
        let sessions = self.large.store.between(Kind::Session, WHOLE).map(Stored::glance);
        let open: Vec<String> = sessions
            .filter(|session| text(session.value(), "status") == "open" && carries(session.value()))
            .map(|session| text(session.value(), "id").to_owned())
            .collect();
        let Ok([id]) = <[String; 1]>::try_from(open) else { return };
        // A session that only sets a payment method up has had its setup intent from the start.
        let setup = self.large.store.get(&id).and_then(|session| session.value()["setup_intent"].as_str());
        let setup = setup.map(str::to_owned);
        for id in std::iter::once(id).chain(setup) {
            self.claim(case, &id);
        }
    }

    /// Takes an object of the account at large into a case.
    fn claim(&mut self, case: CaseId, id: &str) {
        let Some(part) = self.cases.get_mut(&case) else { return };
        if let Some(stored) = self.large.store.remove(id) {
            self.large.agenda.touch(id);
            part.agenda.touch(id);
            let id = part.store.adopt(stored);
            self.owners.insert(id, case);
        }
    }

    /// Takes into a case the test clock that an app made before it made the customer who shall live by it.
    pub(crate) fn claim_clock(&mut self, case: CaseId, id: &str) -> Result<(), ApiError> {
        let store = &self.large.store;
        if store.get(id).is_none_or(|stored| stored.kind != Kind::TestClock) {
            return Ok(());
        }
        if store.with(Kind::Customer, "test_clock", id).next().is_some() {
            return Err(ApiError::not_modelled("a test clock of customers of different cases"));
        }
        self.claim(case, id);
        Ok(())
    }

    /// Takes into a case the confirmation token that was made before anybody knew for whom, with the payment method that
    /// it names.
    pub(crate) fn claim_token(&mut self, case: CaseId, id: &str) {
        let Some(stored) = self.large.store.get(id) else { return };
        if stored.kind == Kind::ConfirmationToken {
            let method = stored.hidden()["payment_method"].as_str().map(str::to_owned);
            for id in method.iter().map(String::as_str).chain([id]) {
                self.claim(case, id);
            }
        }
    }

    /// Forgets a case with everything in it; gives what is left to tell.
    pub(crate) fn close(&mut self, case: CaseId) -> Closed {
        let Some(part) = self.cases.remove(&case) else { return Closed::default() };
        for id in part.store.ids() {
            self.owners.remove(id);
        }
        for slot in &part.slots {
            self.emails.remove(&slot.email);
        }
        for key in &part.keys {
            self.keys.forget(key);
        }
        Closed { refused: part.refused, found: part.found }
    }
}

impl Source for Account {
    fn resolve(&self, id: &str) -> Option<Value> {
        self.find(id).map(Stored::whole)
    }

    fn include(&self, object: &Value, name: &str) -> Option<Value> {
        let id = text(object, "id");
        let store = &self.part(self.home(id)?).store;
        let of = |kind: Kind, field: &str| -> Vec<Value> {
            store.with(kind, field, id).rev().map(|stored| stored.value().clone()).collect()
        };
        match (text(object, "object"), name) {
            ("customer", "subscriptions") => {
                let mut running = of(Kind::Subscription, "customer");
                running.retain(|subscription| text(subscription, "status") != "canceled");
                Some(list(running, &format!("/v1/customers/{id}/subscriptions")))
            }
            ("customer", "tax") => Some(automatic_tax::of_customer(object, self.find(id)?.hidden())),
            ("customer", "cash_balance") => Some(cash_balance::shown(id, self.find(id)?.hidden())),
            ("invoice", "payments") => {
                Some(list(of(Kind::InvoicePayment, "invoice"), &format!("/v1/invoice_payments?invoice={id}")))
            }
            ("invoice", "confirmation_secret") => {
                let payments = of(Kind::InvoicePayment, "invoice");
                let own = payments.iter().find(|payment| payment["is_default"] == true)?;
                let intent = self.find(own["payment"]["payment_intent"].as_str()?)?;
                let secret = text(intent.value(), "client_secret");
                Some(
                    object! { "client_secret": secret, "object": "confirmation_secret", "type": "payment_intent" },
                )
            }
            ("checkout.session", "line_items") => {
                let lines = self.find(id)?.hidden()["line_items"].as_array().cloned().unwrap_or_default();
                Some(list(lines, &format!("/v1/checkout/sessions/{id}/line_items")))
            }
            ("issuing.transaction", "purchase_details") => {
                Some(self.find(id)?.hidden()["purchase_details"].clone())
            }
            ("price" | "plan", "tiers") => {
                Some(self.find(id)?.hidden()["tiers"].clone()).filter(|tiers| !tiers.is_null())
            }
            ("price", "currency_options") => {
                Some(self.find(id)?.hidden()["currency_options"].clone()).filter(|all| !all.is_null())
            }
            ("coupon", "applies_to") => {
                let products = self.find(id)?.hidden()["products"].clone();
                Some(products)
                    .filter(|products| !products.is_null())
                    .map(|products| object! { "products": products })
            }
            ("charge", "refunds") => {
                Some(list(of(Kind::Refund, "charge"), &format!("/v1/charges/{id}/refunds")))
            }
            _ => None,
        }
    }
}
