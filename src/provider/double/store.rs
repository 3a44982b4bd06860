//! Objects of one part of the account, with the bytes in which they are answered.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use serde_json::Value;

use super::index::{self, Index, Said, Span, WHOLE};
use super::ledger::Ledger;
pub(crate) use super::stored::{Samples, Stored, render};
use crate::stripe::object::text;

/// One row a kind: its name here, and how Stripe names it in `No such …`.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident: $noun:literal,)*) => {
        /// The kinds of objects that are kept.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) enum Kind {
            $($(#[$doc])* $kind,)*
        }

        impl Kind {
            /// How Stripe names it in `No such …`.
            pub(crate) fn noun(self) -> &'static str {
                match self {
                    $(Self::$kind => $noun,)*
                }
            }
        }
    };
}

kinds! {
    Customer: "customer",
    Product: "product",
    Price: "price",
    Subscription: "subscription",
    /// Only says which subscription the item is of: the subscription holds it.
    Item: "subscription item",
    Invoice: "invoice",
    InvoiceItem: "invoiceitem",
    InvoicePayment: "invoice_payment",
    PaymentIntent: "payment_intent",
    Charge: "charge",
    Refund: "refund",
    PaymentMethod: "PaymentMethod",
    Session: "checkout.session",
    Feature: "entitlements.feature",
    Entitlement: "entitlements.active_entitlement",
    Event: "event",
    /// A thin event that no snapshot is beside, kept as one would be.
    CoreEvent: "v2.core.event",
    EventDestination: "event destination",
    BalanceTransaction: "balance_transaction",
    CashBalanceTransaction: "customer_cash_balance_transaction",
    ConfirmationToken: "confirmation_token",
    Coupon: "coupon",
    CreditNote: "credit_note",
    CustomerBalanceTransaction: "customer_balance_transaction",
    Discount: "discount",
    Dispute: "dispute",
    PaymentLink: "payment link",
    PortalConfiguration: "configuration",
    PortalSession: "billing_portal.session",
    ProductFeature: "product_feature",
    PromotionCode: "promotion code",
    Quote: "quote",
    Schedule: "subscription schedule",
    SetupAttempt: "setup_attempt",
    SetupIntent: "setupintent",
    ShippingRate: "shipping rate",
    Source: "source",
    TaxId: "tax id",
    TaxRate: "tax rate",
    TestClock: "test clock",
    Token: "token",
    WebhookEndpoint: "webhook endpoint",
    Account: "account",
    ApplicationFee: "application fee",
    Authorization: "issuing authorization",
    Cardholder: "cardholder",
    IssuingCard: "card",
    IssuingTransaction: "issuing transaction",
    Meter: "billing meter",
    MeterEvent: "billing meter event",
    Payout: "payout",
    ReportRun: "report run",
    Topup: "topup",
    Transfer: "transfer",
    TransferReversal: "transfer reversal",
    VerificationSession: "verification session",
}

impl Kind {
    /// Whether what the account at large makes of it is on the shelves that every case sees.
    pub(crate) fn is_shared(self) -> bool {
        matches!(
            self,
            Self::Account
                | Self::Coupon
                | Self::Feature
                | Self::PaymentLink
                | Self::PortalConfiguration
                | Self::Price
                | Self::Product
                | Self::ProductFeature
                | Self::PromotionCode
                | Self::ShippingRate
                | Self::TaxRate
        )
    }
}

/// The objects that are kept warm, so that a small or middle account never waits for one to be unpacked: 25 MB at
/// most, at about 12 KB for the largest objects with their printed bytes. Tests have few objects, and some cold.
const WARM: usize = if cfg!(test) { 32 } else { 2_048 };

/// Objects by id, in the order in which they were made, and by what they name.
#[derive(Debug, Default)]
pub(crate) struct Store {
    /// Boxed, so that the room that a table keeps free costs little.
    objects: HashMap<Arc<str>, Box<Stored>>,
    index: Index,
    ledger: Ledger,
    /// The events in the order in which they were made: with test clocks that is not the order of their seconds.
    log: VecDeque<Arc<str>>,
    /// What is warm, longest so first. Looking at an object makes it warm, too.
    warm: RefCell<VecDeque<Arc<str>>>,
    samples: Samples,
    version: u64,
    /// How to undo what was done since it was first noted, latest last; nothing while nobody may want to.
    journal: Option<Vec<Undo>>,
}

/// One step back.
#[derive(Debug)]
enum Undo {
    /// An object was this, or not there.
    Was(Arc<str>, Option<Box<Stored>>),
    /// An event was put at the end of the log.
    Logged,
    /// The event at the front of the log was forgotten.
    Forgot(Arc<str>),
}

/// A moment that a store can go back to.
#[derive(Debug)]
pub(crate) struct Mark {
    at: usize,
    version: u64,
    /// Whether noting began here.
    outermost: bool,
}

impl Store {
    /// A store whose objects are packed as those of others are.
    pub(crate) fn packed_as(samples: &Samples) -> Self {
        Self { samples: samples.clone(), ..Self::default() }
    }

    /// Counts changes: while it is the same, every object is as it was.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Stored> {
        let (id, stored) = self.objects.get_key_value(id)?;
        if !stored.warm.replace(true) {
            self.warm.borrow_mut().push_back(Arc::clone(id));
        }
        Some(stored)
    }

    pub(crate) fn has(&self, id: &str) -> bool {
        self.objects.contains_key(id)
    }

    /// The same for a [glance](Stored::glance): what is cold stays so.
    fn peek(&self, id: &str) -> Option<&Stored> {
        self.objects.get(id).map(Box::as_ref)
    }

    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut Stored> {
        self.note(id);
        self.warm_up(id)
    }

    fn warm_up(&mut self, id: &str) -> Option<&mut Stored> {
        self.cool();
        self.get(id)?;
        self.objects.get_mut(id).map(Box::as_mut)
    }

    /// Lets go of all but the packed text of every object, for nobody will look at them for a while.
    pub(crate) fn rest(&mut self) {
        for id in std::mem::take(self.warm.get_mut()) {
            if let Some(stored) = self.objects.get_mut(&id) {
                stored.cool(&self.samples);
            }
        }
    }

    /// Cools down what was not touched for longest.
    fn cool(&mut self) {
        let warm = self.warm.get_mut();
        while warm.len() > WARM
            && let Some(id) = warm.pop_front()
        {
            if let Some(stored) = self.objects.get_mut(&id) {
                stored.cool(&self.samples);
            }
        }
    }

    /// Replaces what has the same id.
    pub(crate) fn insert(&mut self, kind: Kind, seq: u64, value: Value, hidden: Value) -> Arc<str> {
        self.adopt(Stored::new(kind, seq, value, hidden))
    }

    /// Takes an object over from another store.
    pub(crate) fn adopt(&mut self, stored: Stored) -> Arc<str> {
        let id: Arc<str> = text(stored.value(), "id").into();
        let said = stored.said();
        self.put(id, Box::new(stored), &said)
    }

    /// Keeps an event.
    pub(crate) fn insert_event(&mut self, seq: u64, event: &Value) -> Arc<str> {
        let id: Arc<str> = text(event, "id").into();
        self.log.push_back(Arc::clone(&id));
        self.note_step(Undo::Logged);
        let event = Stored::event(seq, event, &self.samples);
        self.put(id, Box::new(event), &Said::new())
    }

    /// Keeps an event in another shape.
    pub(crate) fn reshape_event(&mut self, id: &str, event: Value) {
        self.change(id, |kept| *kept = event);
    }

    fn put(&mut self, id: Arc<str>, stored: Box<Stored>, said: &Said) -> Arc<str> {
        self.remove(&id);
        self.note_step(Undo::Was(Arc::clone(&id), None));
        self.version += 1;
        self.place(Arc::clone(&id), stored, said);
        id
    }

    fn place(&mut self, id: Arc<str>, stored: Box<Stored>, said: &Said) {
        let (kind, place) = (stored.kind, stored.place());
        if kind == Kind::BalanceTransaction {
            self.ledger.add(place, stored.value());
        }
        let warm = !stored.is_cold();
        stored.warm.set(warm);
        if warm {
            self.warm.get_mut().push_back(Arc::clone(&id));
        }
        self.objects.insert(Arc::clone(&id), stored);
        let known = |id: &str| self.objects.get_key_value(id).map(|(id, _)| Arc::clone(id));
        self.index.insert(kind, place, &id, said, known);
        self.cool();
    }

    fn displace(&mut self, id: &str) -> Option<Box<Stored>> {
        let stored = self.objects.remove(id)?;
        self.index.remove(stored.kind, stored.place(), &stored.said());
        if stored.kind == Kind::BalanceTransaction {
            self.ledger.remove(stored.place(), stored.value());
        }
        Some(stored)
    }

    /// Changes an object; its bytes are printed anew when next asked for.
    pub(crate) fn change(&mut self, id: &str, change: impl FnOnce(&mut Value)) -> bool {
        self.alter(id, |stored| stored.change(change))
    }

    /// Changes what belongs to an object without being part of it.
    pub(crate) fn change_hidden(&mut self, id: &str, change: impl FnOnce(&mut Value)) -> bool {
        self.alter(id, |stored| stored.change_hidden(change))
    }

    fn alter(&mut self, id: &str, change: impl FnOnce(&mut Stored)) -> bool {
        self.note(id);
        let Some(stored) = self.warm_up(id) else { return false };
        let (kind, place, said) = (stored.kind, stored.place(), stored.said());
        let was = (kind == Kind::BalanceTransaction).then(|| stored.snapshot());
        change(stored);
        let (now_at, now_said) = (stored.place(), stored.said());
        if let Some((was, now)) = was.map(|was| (was, stored.snapshot())) {
            self.ledger.remove(place, &was);
            self.ledger.add(now_at, &now);
        }
        self.version += 1;
        if (place, &said) != (now_at, &now_said) {
            self.index.remove(kind, place, &said);
            let known = |id: &str| self.objects.get_key_value(id).map(|(id, _)| Arc::clone(id));
            if let Some(id) = known(id) {
                self.index.insert(kind, now_at, &id, &now_said, known);
            }
        }
        true
    }

    pub(crate) fn remove(&mut self, id: &str) -> Option<Stored> {
        self.note(id);
        let stored = self.displace(id)?;
        self.version += 1;
        Some(*stored)
    }

    /// Forgets the oldest event beyond `most`; gives its id.
    pub(crate) fn forget_event(&mut self, most: usize) -> Option<Arc<str>> {
        let id = if self.log.len() > most { self.log.pop_front() } else { None }?;
        self.note_step(Undo::Forgot(Arc::clone(&id)));
        self.remove(&id);
        Some(id)
    }

    /// Notes what an object is, if anybody may want it back.
    fn note(&mut self, id: &str) {
        if self.journal.is_some()
            && let Some(stored) = self.objects.get(id)
        {
            self.note_step(Undo::Was(id.into(), Some(stored.clone())));
        }
    }

    fn note_step(&mut self, step: Undo) {
        if let Some(journal) = &mut self.journal {
            journal.push(step);
        }
    }

    /// From here on everything can be undone.
    pub(crate) fn mark(&mut self) -> Mark {
        let outermost = self.journal.is_none();
        let at = self.journal.get_or_insert_default().len();
        Mark { at, version: self.version, outermost }
    }

    /// What was done since then stays.
    pub(crate) fn keep(&mut self, mark: &Mark) {
        if mark.outermost {
            self.journal = None;
        }
    }

    /// Everything is as it was then; gives the ids that were touched, and whether each was there.
    pub(crate) fn undo(&mut self, mark: &Mark) -> Vec<(Arc<str>, bool)> {
        let mut touched = Vec::new();
        let steps = self.journal.as_mut().map(|journal| journal.split_off(mark.at.min(journal.len())));
        for step in steps.into_iter().flatten().rev() {
            match step {
                Undo::Was(id, was) => {
                    touched.push((Arc::clone(&id), was.is_some()));
                    self.displace(&id);
                    if let Some(was) = was {
                        let said = was.said();
                        self.place(id, was, &said);
                    }
                }
                Undo::Logged => drop(self.log.pop_back()),
                Undo::Forgot(id) => self.log.push_front(id),
            }
        }
        self.version = mark.version;
        self.keep(mark);
        touched
    }

    /// The objects of a kind, oldest first.
    pub(crate) fn of(&self, kind: Kind) -> impl DoubleEndedIterator<Item = &Stored> {
        self.index.walk(kind, WHOLE).filter_map(|id| self.get(id))
    }

    /// The same of a part of the list, for many [glances](Stored::glance).
    pub(crate) fn between(&self, kind: Kind, span: Span) -> impl DoubleEndedIterator<Item = &Stored> {
        self.index.walk(kind, span).filter_map(|id| self.peek(id))
    }

    /// The objects of a kind that say `value` in `field`, oldest first.
    pub(crate) fn with(
        &self,
        kind: Kind,
        field: &str,
        value: &str,
    ) -> impl DoubleEndedIterator<Item = &Stored> {
        self.ids_with(kind, field, value, WHOLE).into_iter().filter_map(|id| self.get(id))
    }

    /// The same of a part of the list, for many [glances](Stored::glance).
    pub(crate) fn with_between(
        &self,
        kind: Kind,
        field: &str,
        value: &str,
        span: Span,
    ) -> impl DoubleEndedIterator<Item = &Stored> {
        self.ids_with(kind, field, value, span).into_iter().filter_map(|id| self.peek(id))
    }

    /// Their ids.
    pub(crate) fn ids_with(&self, kind: Kind, field: &str, value: &str, span: Span) -> Vec<&Arc<str>> {
        self.index.saying(kind, field, value, span).unwrap_or_else(|| {
            let says = |id: &&Arc<str>| {
                let stored = self.peek(id).map(Stored::glance);
                stored.is_some_and(|stored| {
                    index::said(kind, field, stored.value(), stored.hidden()) == Some(value)
                })
            };
            self.index.walk(kind, span).filter(says).collect()
        })
    }

    /// What the balance transactions come to.
    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// How many objects of a kind there are.
    pub(crate) fn count(&self, kind: Kind) -> usize {
        self.index.walk(kind, WHOLE).count()
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = &Arc<str>> {
        self.objects.keys()
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.objects.len()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::stripe::object::int;

    const KINDS: [Kind; 4] = [Kind::Invoice, Kind::Charge, Kind::InvoicePayment, Kind::BalanceTransaction];

    #[derive(Debug, Clone)]
    enum Step {
        Insert(Kind, u8, Value),
        Change(u8, &'static str, Value),
        Remove(u8),
        Event,
        Forget,
    }

    fn step() -> impl Strategy<Value = Step> {
        let kind = prop::sample::select(KINDS.to_vec());
        let name = || prop_oneof![Just(Value::Null), (0_u8..4).prop_map(|at| json!(format!("cus_{at}")))];
        let object = (name(), name(), 0_i64..3).prop_map(|(customer, intent, created)| {
            json!({
                "customer": customer, "created": created, "payment_intent": intent, "note": customer,
                "currency": if intent.is_null() { "usd" } else { "eur" }, "net": created - 1, "available_on": created,
                "payment": { "payment_intent": intent },
                "parent": { "subscription_details": { "subscription": intent } },
            })
        });
        let id = || 0_u8..12;
        prop_oneof![
            4 => (kind, id(), object).prop_map(|(kind, id, value)| Step::Insert(kind, id, value)),
            2 => (id(), name()).prop_map(|(id, name)| Step::Change(id, "customer", name)),
            1 => (id(), name()).prop_map(|(id, name)| Step::Change(id, "parent", json!({ "subscription_details": { "subscription": name } }))),
            1 => (id(), 0_i64..3).prop_map(|(id, created)| Step::Change(id, "created", json!(created))),
            1 => (id(), 0_i64..3).prop_map(|(id, net)| Step::Change(id, "net", json!(net))),
            2 => id().prop_map(Step::Remove),
            1 => Just(Step::Event),
            1 => Just(Step::Forget),
        ]
    }

    /// The store without any index: objects by id, with their kind and number.
    #[derive(Debug, Clone, Default)]
    struct Naive {
        objects: BTreeMap<String, (Kind, u64, Value)>,
        log: VecDeque<Arc<str>>,
        steps: u64,
    }

    fn of(naive: &Naive, kind: Kind, keeps: impl Fn(&Value) -> bool) -> Vec<&str> {
        let mut found: Vec<_> =
            naive.objects.values().filter(|(of, _, value)| *of == kind && keeps(value)).collect();
        found.sort_by_key(|(_, seq, value)| (int(value, "created"), *seq));
        found.into_iter().map(|(_, _, value)| text(value, "id")).collect()
    }

    fn ids<'a>(found: impl Iterator<Item = &'a Stored>) -> Vec<&'a str> {
        found.map(|stored| text(stored.value(), "id")).collect()
    }

    /// What the ledger tells, by looking at every transaction.
    fn sums(naive: &Naive, now: i64) -> Vec<(&str, i64, i64)> {
        let of = naive.objects.values().filter(|(kind, ..)| *kind == Kind::BalanceTransaction);
        let mut moved: Vec<_> = of.map(|(_, seq, value)| ((int(value, "created"), *seq), value)).collect();
        moved.sort_by_key(|(place, _)| *place);
        let mut sums: Vec<(&str, i64, i64)> = Vec::new();
        for (_, value) in moved {
            let (currency, net) = (text(value, "currency"), int(value, "net"));
            let there = int(value, "available_on") <= now;
            let (net, to_come) = if there { (net, 0) } else { (0, net) };
            match sums.iter_mut().find(|(known, ..)| *known == currency) {
                Some(sum) => *sum = (currency, sum.1 + net, sum.2 + to_come),
                None => sums.push((currency, net, to_come)),
            }
        }
        sums
    }

    /// Looks through all of the store, warm or cold.
    fn check(store: &Store, naive: &Naive) -> Result<(), TestCaseError> {
        prop_assert_eq!(store.len(), naive.objects.len());
        prop_assert_eq!(store.ledger().sums(1), sums(naive, 1));
        for kind in KINDS.into_iter().chain([Kind::Event]) {
            prop_assert_eq!(ids(store.of(kind)), of(naive, kind, |_| true));
            for at in 0..4 {
                let name = format!("cus_{at}");
                for field in ["customer", "payment_intent", "subscription", "note"] {
                    let says = |value: &Value| match (kind, field) {
                        (Kind::Invoice, "subscription") => {
                            value["parent"]["subscription_details"][field] == name
                        }
                        (Kind::InvoicePayment, "payment_intent") => value["payment"][field] == name,
                        _ => value[field] == name,
                    };
                    prop_assert_eq!(ids(store.with(kind, field, &name)), of(naive, kind, says));
                }
            }
        }
        Ok(())
    }

    fn take(step: Step, store: &mut Store, naive: &mut Naive) {
        naive.steps += 1;
        let seq = naive.steps;
        match step {
            Step::Insert(kind, id, mut value) => {
                crate::stripe::object::put(&mut value, "id", format!("x_{id}"));
                store.insert(kind, seq, value.clone(), Value::Null);
                naive.objects.insert(format!("x_{id}"), (kind, seq, value));
            }
            Step::Change(id, field, new) => {
                let id = format!("x_{id}");
                let put = |value: &mut Value| crate::stripe::object::put(value, field, new);
                let held = naive.objects.get_mut(&id).map(|(_, _, value)| value);
                assert_eq!(store.get(&id).is_some(), held.is_some());
                store.change(&id, put.clone());
                if let Some(held) = held {
                    put(held);
                }
            }
            Step::Remove(id) => {
                let id = format!("x_{id}");
                assert_eq!(store.remove(&id).is_some(), naive.objects.remove(&id).is_some());
            }
            Step::Event => {
                // Test clocks run ahead of each other.
                let event = json!({"id": format!("evt_{seq}"), "created": seq % 7, "type": "x"});
                store.insert_event(seq, &event);
                naive.objects.insert(format!("evt_{seq}"), (Kind::Event, seq, event));
                naive.log.push_back(format!("evt_{seq}").into());
            }
            Step::Forget => {
                let oldest = if naive.log.len() > 2 { naive.log.pop_front() } else { None };
                assert_eq!(store.forget_event(2), oldest);
                oldest.and_then(|oldest| naive.objects.remove(&*oldest));
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_found_is_what_looking_at_everything_finds(steps in prop::collection::vec(step(), 0..60)) {
            let (mut store, mut naive) = (Store::default(), Naive::default());
            for step in steps {
                take(step, &mut store, &mut naive);
                check(&store, &naive)?;
            }
            for id in naive.objects.keys() {
                store.remove(id);
            }
            prop_assert_eq!(store.index.len(), (0, 0), "nothing is left behind");
        }

        #[test]
        fn what_is_undone_never_happened(
            before in prop::collection::vec(step(), 0..20),
            during in prop::collection::vec(step(), 0..20),
            nested in prop::collection::vec(step(), 0..20),
        ) {
            let (mut store, mut naive) = (Store::default(), Naive::default());
            before.into_iter().for_each(|step| take(step, &mut store, &mut naive));
            let (was, version) = (naive.clone(), store.version());
            let mark = store.mark();
            during.into_iter().for_each(|step| take(step, &mut store, &mut naive));
            let between = naive.clone();
            let inner = store.mark();
            nested.into_iter().for_each(|step| take(step, &mut store, &mut naive));
            store.undo(&inner);
            check(&store, &between)?;
            store.undo(&mark);
            check(&store, &was)?;
            prop_assert_eq!(&store.log, &was.log);
            prop_assert_eq!(store.version(), version);
            prop_assert!(store.journal.is_none());
        }
    }
}
