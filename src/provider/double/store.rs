//! Objects of one part of the account, with the bytes in which they are answered.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use crate::stripe::object::object;
use crate::stripe::version::Version;

/// One row a kind: its name here, and how Stripe names it in `No such …`.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident: $noun:literal,)*) => {
        /// The kinds of objects that are kept.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub(crate) enum Kind {
            $($(#[$doc])* $kind,)*
        }

        const KINDS: usize = [$(Kind::$kind),*].len();

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
    BalanceTransaction: "balance_transaction",
    CashBalanceTransaction: "customer_cash_balance_transaction",
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
    SetupIntent: "setupintent",
    Source: "source",
    TaxId: "tax id",
    TaxRate: "tax rate",
    TestClock: "test clock",
    Token: "token",
    WebhookEndpoint: "webhook endpoint",
    Account: "account",
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
            Self::Coupon
                | Self::Feature
                | Self::PaymentLink
                | Self::PortalConfiguration
                | Self::Price
                | Self::Product
                | Self::ProductFeature
                | Self::PromotionCode
                | Self::TaxRate
        )
    }
}

/// One object as it is now.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) kind: Kind,
    /// Counts all objects of the account, so that those of one second have an order.
    pub(crate) seq: u64,
    value: Value,
    /// What belongs to it without being part of it: a session's line items, a product's features.
    pub(crate) hidden: Value,
    rendered: Option<Bytes>,
    older: Option<Older>,
    /// The whole object where `value` is only what it is found by: events never change, and as JSON text they
    /// take a tenth of the memory.
    packed: Option<Bytes>,
}

/// How an object was last printed in an older version. One is kept: an app speaks one version.
#[derive(Debug, Clone)]
struct Older {
    version: Version,
    /// How old everything around the object was.
    age: u64,
    bytes: Bytes,
}

impl Stored {
    /// The object; of an event, only what it is found by.
    pub(crate) fn value(&self) -> &Value {
        &self.value
    }

    /// As it was printed in this version, if nothing has changed since.
    pub(crate) fn kept(&self, version: Version, age: u64) -> Option<Bytes> {
        let older = self.older.as_ref().filter(|older| older.version == version && older.age == age)?;
        Some(older.bytes.clone())
    }

    /// Keeps what was printed.
    pub(crate) fn keep(&mut self, version: Version, age: u64, bytes: Bytes) {
        self.older = Some(Older { version, age, bytes });
    }

    /// As Stripe prints it, with two spaces; printed once per state of the object.
    pub(crate) fn rendered(&mut self) -> Bytes {
        if self.packed.is_some() {
            return render(&self.whole());
        }
        self.rendered.get_or_insert_with(|| render(&self.value)).clone()
    }

    /// A copy of the object.
    pub(crate) fn whole(&self) -> Value {
        match &self.packed {
            Some(text) => serde_json::from_slice(text).unwrap_or_default(),
            None => self.value.clone(),
        }
    }
}

/// JSON as Stripe prints it.
pub(crate) fn render(value: &Value) -> Bytes {
    // Printing a `Value` to memory cannot fail: its keys are strings.
    serde_json::to_vec_pretty(value).map(Bytes::from).unwrap_or_default()
}

/// Objects by id, and in the order in which they were made.
#[derive(Debug)]
pub(crate) struct Store {
    objects: HashMap<Arc<str>, Stored>,
    order: Vec<VecDeque<Arc<str>>>,
    version: u64,
    /// How to undo what was done since it was first noted, latest last; nothing while nobody may want to.
    journal: Option<Vec<Undo>>,
}

/// One step back.
#[derive(Debug)]
enum Undo {
    /// An object was this, or not there.
    Was(Arc<str>, Option<Box<Stored>>),
    /// Something was put at the end of its kind.
    Pushed(Kind),
    /// Something was taken from this place of its kind.
    Took(Kind, usize, Arc<str>),
}

/// A moment that a store can go back to.
#[derive(Debug)]
pub(crate) struct Mark {
    at: usize,
    version: u64,
    /// Whether noting began here.
    outermost: bool,
}

impl Default for Store {
    fn default() -> Self {
        Self { objects: HashMap::new(), order: vec![VecDeque::new(); KINDS], version: 0, journal: None }
    }
}

impl Store {
    /// Counts changes: while it is the same, every object is as it was.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Stored> {
        self.objects.get(id)
    }

    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut Stored> {
        self.note(id);
        self.objects.get_mut(id)
    }

    /// Replaces what has the same id.
    pub(crate) fn insert(&mut self, kind: Kind, seq: u64, value: Value, hidden: Value) -> Arc<str> {
        let id: Arc<str> = crate::stripe::object::text(&value, "id").into();
        self.put(id, Stored { kind, seq, value, hidden, rendered: None, older: None, packed: None })
    }

    /// Takes an object over from another store.
    pub(crate) fn adopt(&mut self, stored: Stored) -> Arc<str> {
        let id: Arc<str> = crate::stripe::object::text(stored.value(), "id").into();
        self.put(id, stored)
    }

    /// Keeps an event, of which only id, type and time are looked at.
    pub(crate) fn insert_event(&mut self, seq: u64, event: &Value) -> Arc<str> {
        let id: Arc<str> = crate::stripe::object::text(event, "id").into();
        let found_by =
            object! { "id": &*id, "created": event["created"].clone(), "type": event["type"].clone() };
        // Printing a `Value` to memory cannot fail: its keys are strings.
        let packed = serde_json::to_vec(event).map(Bytes::from).ok();
        let kind = Kind::Event;
        self.put(
            id,
            Stored { kind, seq, value: found_by, hidden: Value::Null, rendered: None, older: None, packed },
        )
    }

    fn put(&mut self, id: Arc<str>, stored: Stored) -> Arc<str> {
        let kind = stored.kind;
        self.note(&id);
        self.version += 1;
        if self.objects.insert(Arc::clone(&id), stored).is_none() {
            self.order[kind as usize].push_back(Arc::clone(&id));
            if let Some(journal) = &mut self.journal {
                journal.push(Undo::Pushed(kind));
            }
        }
        id
    }

    /// Changes an object; its bytes are printed anew when next asked for.
    pub(crate) fn change(&mut self, id: &str, change: impl FnOnce(&mut Value)) -> bool {
        self.note(id);
        let Some(stored) = self.objects.get_mut(id) else { return false };
        self.version += 1;
        stored.rendered = None;
        change(&mut stored.value);
        true
    }

    pub(crate) fn remove(&mut self, id: &str) -> Option<Stored> {
        self.note(id);
        let stored = self.objects.remove(id)?;
        self.version += 1;
        let order = &mut self.order[stored.kind as usize];
        if let Some(at) = order.iter().position(|kept| &**kept == id)
            && let Some(id) = order.remove(at)
            && let Some(journal) = &mut self.journal
        {
            journal.push(Undo::Took(stored.kind, at, id));
        }
        Some(stored)
    }

    /// Forgets the oldest of a kind beyond `most`; gives its id.
    pub(crate) fn forget_oldest(&mut self, kind: Kind, most: usize) -> Option<Arc<str>> {
        let order = &self.order[kind as usize];
        let id = order.front().filter(|_| order.len() > most)?.clone();
        self.note(&id);
        self.order[kind as usize].pop_front();
        if let Some(journal) = &mut self.journal {
            journal.push(Undo::Took(kind, 0, Arc::clone(&id)));
        }
        self.objects.remove(&id);
        Some(id)
    }

    /// Notes what an object is, if anybody may want it back.
    fn note(&mut self, id: &str) {
        if let Some(journal) = &mut self.journal {
            journal.push(Undo::Was(id.into(), self.objects.get(id).cloned().map(Box::new)));
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
                    match was {
                        Some(was) => self.objects.insert(id, *was),
                        None => self.objects.remove(&id),
                    };
                }
                Undo::Pushed(kind) => drop(self.order[kind as usize].pop_back()),
                Undo::Took(kind, at, id) => self.order[kind as usize].insert(at, id),
            }
        }
        self.version = mark.version;
        self.keep(mark);
        touched
    }

    /// Oldest first.
    pub(crate) fn of(&self, kind: Kind) -> impl DoubleEndedIterator<Item = &Stored> {
        self.order[kind as usize].iter().filter_map(|id| self.objects.get(id))
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
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn picture(store: &Store) -> Vec<Vec<(u64, Value, Value)>> {
        let of =
            |kind| store.of(kind).map(|stored| (stored.seq, stored.value.clone(), stored.hidden.clone()));
        [Kind::Customer, Kind::Event].map(|kind| of(kind).collect()).into()
    }

    fn play(store: &mut Store, steps: &[(u8, u8)]) {
        for (at, (what, which)) in steps.iter().enumerate() {
            let id = format!("id_{which}");
            match what {
                0 => drop(store.insert(Kind::Customer, at as u64, json!({"id": id, "at": at}), Value::Null)),
                1 => drop(store.change(&id, |value| value["changed"] = json!(at))),
                2 => drop(store.remove(&id)),
                3 => drop(store.forget_oldest(Kind::Customer, 2)),
                _ => {
                    if let Some(stored) = store.get_mut(&id) {
                        stored.hidden = json!({"hidden": at});
                    }
                }
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_undone_never_happened(
            before in prop::collection::vec((0_u8..5, 0_u8..6), 0..20),
            during in prop::collection::vec((0_u8..5, 0_u8..6), 0..20),
            nested in prop::collection::vec((0_u8..5, 0_u8..6), 0..20),
        ) {
            let mut store = Store::default();
            play(&mut store, &before);
            let (was, version) = (picture(&store), store.version());
            let mark = store.mark();
            play(&mut store, &during);
            let between = picture(&store);
            let inner = store.mark();
            play(&mut store, &nested);
            store.undo(&inner);
            prop_assert_eq!(picture(&store), between);
            store.undo(&mark);
            prop_assert_eq!(picture(&store), was);
            prop_assert_eq!(store.version(), version);
            prop_assert!(store.journal.is_none());
        }
    }
}
