//! One object of the account: warm as a value with its printed bytes, cold as packed text that is read when it is
//! next looked at.
//!
//! A tree of values takes about ten times the memory of its text, and the text of an object is nearly that of the
//! others of its kind: packed against one of them it shrinks to what tells the two apart.

use std::borrow::Cow;
use std::cell::{Cell, OnceCell};
use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use lz4_flex::block::{compress_with_dict, decompress_with_dict};
use serde_json::Value;

use super::index::{self, Place, Said};
use super::store::Kind;
use crate::stripe::object::{int, object, put, text};
use crate::stripe::version::Version;

/// One object as it is now.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) kind: Kind,
    /// Counts all objects of the account, so that those of one second have an order.
    pub(crate) seq: u64,
    /// When it was made, in seconds.
    created: i64,
    /// The object while it is warm; of an event, what it is found by.
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

/// The texts that others are packed against: the first of each sort.
#[derive(Debug, Default)]
pub(crate) struct Samples(HashMap<String, Arc<[u8]>>);

impl Text {
    fn of(value: &Value) -> Self {
        // Printing a `Value` to memory cannot fail: its keys are strings.
        Self::Plain(serde_json::to_vec(value).unwrap_or_default().into_boxed_slice())
    }

    fn packed(self, sort: &str, samples: &mut Samples) -> Self {
        let Self::Plain(plain) = self else { return self };
        let sample = match samples.0.get(sort) {
            Some(sample) => Arc::clone(sample),
            None => {
                let sample: Arc<[u8]> = plain.as_ref().into();
                samples.0.insert(sort.to_owned(), Arc::clone(&sample));
                sample
            }
        };
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
            live: OnceCell::from(Box::new(value)),
            text: None,
            hidden,
            rendered: None,
            older: None,
            warm: Cell::new(false),
        }
    }

    /// An event, of which only id, type and time are looked at: it never changes.
    pub(super) fn event(seq: u64, event: &Value) -> Self {
        Self { text: Some(Text::of(event)), ..Self::new(Kind::Event, seq, found_by(event), Value::Null) }
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

    /// The object; of an event, only what it is found by.
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
        let kept = if self.kind == Kind::Event && text.is_some() { None } else { self.live.take() };
        let mut value = kept.unwrap_or_else(|| Box::new(text.map(|text| text.read()).unwrap_or_default()));
        change(&mut value);
        self.created = int(&value, "created");
        self.live = if self.kind == Kind::Event {
            self.text = Some(Text::of(&value));
            OnceCell::from(Box::new(found_by(&value)))
        } else {
            OnceCell::from(value)
        };
        self.rendered = None;
    }

    /// Lets go of everything but the packed text.
    pub(super) fn cool(&mut self, samples: &mut Samples) {
        self.warm.set(false);
        (self.rendered, self.older) = (None, None);
        let text =
            self.text.take().unwrap_or_else(|| Text::of(self.live.get().map_or(&Value::Null, Box::as_ref)));
        if self.kind == Kind::Event {
            self.text = Some(text.packed(crate::stripe::object::text(self.value(), "type"), samples));
        } else {
            self.text = Some(text.packed(self.kind.noun(), samples));
            self.live.take();
        }
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
        let rendered = match (&self.text, self.live.get()) {
            (None, Some(live)) => render(live),
            _ => render(&self.whole()),
        };
        self.rendered.insert(rendered).clone()
    }

    /// A copy of the object.
    pub(crate) fn whole(&self) -> Value {
        match (&self.text, self.live.get()) {
            (Some(text), None) => text.read(),
            (Some(text), Some(_)) if self.kind == Kind::Event => text.read(),
            (_, live) => live.map(|live| (**live).clone()).unwrap_or_default(),
        }
    }
}

/// What an event is found by.
fn found_by(event: &Value) -> Value {
    let mut found_by = object! { "id": text(event, "id"), "created": event["created"].clone(), "type": event["type"].clone() };
    if let Some(pending) = event.get("pending_webhooks") {
        put(&mut found_by, "pending_webhooks", pending.clone());
    }
    found_by
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
            let mut samples = Samples::default();
            for (seq, name) in names.iter().enumerate() {
                let seq = seq as u64;
                let value = json!({"id": "cus_1", "object": "customer", "created": 7, "name": name, "list": [1, null]});
                let event = json!({"id": "evt_1", "created": 7, "type": "a.b", "data": {"object": value.clone()}});
                let mut customer = Stored::new(Kind::Customer, seq, value.clone(), Value::Null);
                let mut told = Stored::event(seq, &event);
                for stored in [&mut customer, &mut told] {
                    let bytes = stored.rendered();
                    stored.cool(&mut samples);
                    stored.cool(&mut samples);
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
                prop_assert_eq!(told.value(), &json!({"id": "evt_1", "created": 7, "type": "a.b"}));
                told.change(|event| event["pending_webhooks"] = json!(0));
                told.cool(&mut samples);
                prop_assert_eq!(&told.whole()["pending_webhooks"], &json!(0));
                prop_assert_eq!(&told.whole()["data"], &event["data"]);
            }
        }
    }

    #[test]
    fn objects_of_a_sort_take_little_room() {
        let mut samples = Samples::default();
        let mut sizes = Vec::new();
        for at in 0..3 {
            let id = format!("in_{at:024}");
            let invoice =
                crate::stripe::object::invoice::invoice(&id, 1_000 + at, &json!({"id": "cus_1"}), "usd");
            let mut stored = Stored::new(Kind::Invoice, 1, invoice, Value::Null);
            stored.cool(&mut samples);
            sizes.push(match stored.text {
                Some(Text::Packed { bytes, length, .. }) => (bytes.len(), length),
                other => panic!("{other:?}"),
            });
        }
        assert!(sizes.iter().all(|(bytes, length)| bytes * 8 < *length), "{sizes:?}");
    }
}
