//! One object of the account: warm as a value with its printed bytes, cold as packed text that is read when it is
//! next looked at.
//!
//! A tree of values takes about ten times the memory of its text, and the text of an object is nearly that of the
//! others of its kind: packed against one of them it shrinks to what tells the two apart.

use std::borrow::Cow;
use std::cell::{Cell, OnceCell};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use lz4_flex::block::{compress_with_dict, decompress_with_dict};
use serde_json::Value;

use super::index::{self, Place, Said};
use super::store::Kind;
use crate::stripe::object::{int, text};
use crate::stripe::version::Version;

/// One object as it is now.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) kind: Kind,
    /// Counts all objects of the account, so that those of one second have an order.
    pub(crate) seq: u64,
    /// When it was made, in seconds.
    created: i64,
    /// What an event is found by, so that nobody has to unpack it for that.
    told: Option<Box<Told>>,
    /// The object while it is warm.
    live: OnceCell<Box<Value>>,
    /// The whole object, where `live` does not hold it.
    text: Option<Text>,
    /// What belongs to it without being part of it: a session's line items, a product's features.
    pub(crate) hidden: Value,
    rendered: Option<Bytes>,
    older: Option<Box<Older>>,
    /// Whether the store knows that it is to be cooled down in time.
    pub(super) warm: Cell<bool>,
}

/// What an event is found by, beside its id and its second.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    /// `invoice.paid`
    pub(crate) kind: Arc<str>,
    /// How many endpoints have still to answer.
    pub(crate) pending: i64,
}

/// How an object was last printed in an older version. One is kept: an app speaks one version.
#[derive(Debug, Clone)]
struct Older {
    version: Version,
    /// How old everything around the object was.
    age: u64,
    bytes: Bytes,
}

/// An object as JSON text.
#[derive(Debug, Clone)]
enum Text {
    Plain(Box<[u8]>),
    /// Packed against the text of another object of its sort.
    Packed {
        sample: Arc<[u8]>,
        bytes: Box<[u8]>,
        length: usize,
    },
}

/// The texts that others are packed against: the first of each sort. All stores of an account share them, so that
/// those of a case, which has few of a sort, are packed as well.
#[derive(Debug, Clone, Default)]
pub(crate) struct Samples(Arc<Mutex<Texts>>);

/// A text of each sort.
type Texts = HashMap<Arc<str>, Arc<[u8]>>;

impl Samples {
    /// The sort as it is known, and its text: `plain` where it is the first.
    fn of(&self, sort: &str, plain: &[u8]) -> Arc<[u8]> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sample) = known.get(sort) {
            return Arc::clone(sample);
        }
        let sample: Arc<[u8]> = plain.into();
        known.insert(sort.into(), Arc::clone(&sample));
        sample
    }

    /// The sort's name, kept once for all that are of it.
    fn name(&self, sort: &str) -> Arc<str> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get_key_value(sort).map_or_else(|| sort.into(), |(name, _)| Arc::clone(name))
    }
}

impl Text {
    fn of(value: &Value) -> Self {
        // Printing a `Value` to memory cannot fail: its keys are strings.
        Self::Plain(serde_json::to_vec(value).unwrap_or_default().into_boxed_slice())
    }

    fn packed(self, sort: &str, samples: &Samples) -> Self {
        let Self::Plain(plain) = self else { return self };
        let sample = samples.of(sort, &plain);
        let bytes = compress_with_dict(&plain, &sample).into_boxed_slice();
        if bytes.len() < plain.len() {
            Self::Packed { sample, bytes, length: plain.len() }
        } else {
            Self::Plain(plain)
        }
    }

    fn read(&self) -> Value {
        // What was printed and packed here can be unpacked and read.
        match self {
            Self::Plain(plain) => serde_json::from_slice(plain).unwrap_or_default(),
            Self::Packed { sample, bytes, length } => {
                let plain = decompress_with_dict(bytes, *length, sample).unwrap_or_default();
                serde_json::from_slice(&plain).unwrap_or_default()
            }
        }
    }
}

impl Stored {
    pub(super) fn new(kind: Kind, seq: u64, value: Value, hidden: Value) -> Self {
        Self {
            kind,
            seq,
            created: int(&value, "created"),
            told: None,
            live: OnceCell::from(Box::new(value)),
            text: None,
            hidden,
            rendered: None,
            older: None,
            warm: Cell::new(false),
        }
    }

    /// An event: packed from the start, for most are never read again.
    pub(super) fn event(seq: u64, event: &Value, samples: &Samples) -> Self {
        let kind = text(event, "type");
        let packed = Text::of(event).packed(kind, samples);
        let told = Told { kind: samples.name(kind), pending: int(event, "pending_webhooks") };
        Self {
            kind: Kind::Event,
            seq,
            created: int(event, "created"),
            told: Some(Box::new(told)),
            live: OnceCell::new(),
            text: Some(packed),
            hidden: Value::Null,
            rendered: None,
            older: None,
            warm: Cell::new(false),
        }
    }

    /// What an event is found by; nothing of any other object.
    pub(crate) fn told(&self) -> Option<&Told> {
        self.told.as_deref()
    }

    /// Where it stands among those of its kind.
    pub(crate) fn place(&self) -> Place {
        (self.created, self.seq)
    }

    pub(super) fn said(&self) -> Said {
        if self.kind == Kind::Event {
            return Said::new();
        }
        index::all_said(self.kind, self.value(), &self.hidden)
    }

    /// Whether only the packed text is kept.
    pub(super) fn is_cold(&self) -> bool {
        self.live.get().is_none() && self.rendered.is_none() && matches!(self.text, Some(Text::Packed { .. }))
    }

    /// The object.
    pub(crate) fn value(&self) -> &Value {
        self.live.get_or_init(|| Box::new(self.text.as_ref().map(Text::read).unwrap_or_default()))
    }

    /// The same for one look at many objects: what is cold stays so.
    pub(crate) fn glance(&self) -> Cow<'_, Self> {
        if self.live.get().is_some() {
            return Cow::Borrowed(self);
        }
        Cow::Owned(Self {
            seq: self.seq,
            ..Self::new(self.kind, self.seq, self.whole(), self.hidden.clone())
        })
    }

    /// The object of a glance: what was read for it is not read again.
    pub(crate) fn whole_of(glance: Cow<'_, Self>) -> Value {
        match glance {
            Cow::Borrowed(stored) => stored.whole(),
            Cow::Owned(stored) => stored.live.into_inner().map(|live| *live).unwrap_or_default(),
        }
    }

    /// Changes the object.
    pub(super) fn change(&mut self, change: impl FnOnce(&mut Value)) {
        let text = self.text.take();
        let read = || Box::new(text.map(|text| text.read()).unwrap_or_default());
        let mut value = self.live.take().unwrap_or_else(read);
        change(&mut value);
        self.created = int(&value, "created");
        if let Some(told) = &mut self.told {
            told.pending = int(&value, "pending_webhooks");
        }
        self.live = OnceCell::from(value);
        self.rendered = None;
    }

    /// Lets go of everything but the packed text.
    pub(super) fn cool(&mut self, samples: &Samples) {
        self.warm.set(false);
        (self.rendered, self.older) = (None, None);
        let text =
            self.text.take().unwrap_or_else(|| Text::of(self.live.get().map_or(&Value::Null, Box::as_ref)));
        let sort = self.told().map_or(self.kind.noun(), |told| &told.kind);
        self.text = Some(text.packed(sort, samples));
        self.live.take();
    }

    /// As it was printed in this version, if nothing has changed since.
    pub(crate) fn kept(&self, version: Version, age: u64) -> Option<Bytes> {
        let older = self.older.as_ref().filter(|older| older.version == version && older.age == age)?;
        Some(older.bytes.clone())
    }

    /// Keeps what was printed.
    pub(crate) fn keep(&mut self, version: Version, age: u64, bytes: Bytes) {
        self.older = Some(Box::new(Older { version, age, bytes }));
    }

    /// As Stripe prints it, with two spaces; printed once per state of the object while it is warm.
    pub(crate) fn rendered(&mut self) -> Bytes {
        if let Some(rendered) = &self.rendered {
            return rendered.clone();
        }
        let rendered = match self.live.get() {
            Some(live) => render(live),
            None => render(&self.whole()),
        };
        self.rendered.insert(rendered).clone()
    }

    /// A copy of the object.
    pub(crate) fn whole(&self) -> Value {
        match (self.live.get(), &self.text) {
            (Some(live), _) => (**live).clone(),
            (None, Some(text)) => text.read(),
            (None, None) => Value::Null,
        }
    }
}

/// JSON as Stripe prints it.
pub(crate) fn render(value: &Value) -> Bytes {
    // Printing a `Value` to memory cannot fail: its keys are strings.
    serde_json::to_vec_pretty(value).map(Bytes::from).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    proptest! {
        #[test]
        fn what_cools_down_is_the_same(names in prop::collection::vec(".{0,40}", 1..8)) {
            let samples = Samples::default();
            for (seq, name) in names.iter().enumerate() {
                let seq = seq as u64;
                let value = json!({"id": "cus_1", "object": "customer", "created": 7, "name": name, "list": [1, null]});
                let event = json!({"id": "evt_1", "created": 7, "type": "a.b", "pending_webhooks": 2, "data": {"object": value.clone()}});
                let mut customer = Stored::new(Kind::Customer, seq, value.clone(), Value::Null);
                let mut told = Stored::event(seq, &event, &samples);
                for stored in [&mut customer, &mut told] {
                    let bytes = stored.rendered();
                    stored.cool(&samples);
                    stored.cool(&samples);
                    prop_assert_eq!(stored.rendered(), bytes);
                }
                prop_assert_eq!(customer.whole(), value.clone());
                let glance = customer.glance();
                prop_assert_eq!(glance.value(), &value);
                prop_assert_eq!(Stored::whole_of(glance), value.clone());
                prop_assert!(customer.live.get().is_none(), "a glance leaves it cold");
                prop_assert_eq!(customer.value(), &value);
                prop_assert_eq!(&told.whole(), &event);
                prop_assert_eq!(&Stored::whole_of(told.glance()), &event);
                let found_by = told.told().unwrap();
                prop_assert_eq!((&*found_by.kind, found_by.pending), ("a.b", 2));
                prop_assert_eq!(told.value(), &event);
                told.change(|event| event["pending_webhooks"] = json!(0));
                told.cool(&samples);
                prop_assert_eq!(told.told().unwrap().pending, 0);
                prop_assert_eq!(&told.whole()["pending_webhooks"], &json!(0));
                prop_assert_eq!(&told.whole()["data"], &event["data"]);
            }
        }
    }

    #[test]
    fn objects_of_a_sort_take_little_room() {
        let samples = Samples::default();
        let mut sizes = Vec::new();
        for at in 0..3 {
            let id = format!("in_{at:024}");
            let invoice =
                crate::stripe::object::invoice::invoice(&id, 1_000 + at, &json!({"id": "cus_1"}), "usd");
            let mut stored = Stored::new(Kind::Invoice, 1, invoice, Value::Null);
            stored.cool(&samples);
            sizes.push(match stored.text {
                Some(Text::Packed { bytes, length, .. }) => (bytes.len(), length),
                other => panic!("{other:?}"),
            });
        }
        assert!(sizes.iter().all(|(bytes, length)| bytes * 8 < *length), "{sizes:?}");
    }
}
