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
    /// Whether the store knows that it is to be cooled down in time.
    pub(super) warm: Cell<bool>,
    /// Counts all objects of the account, so that those of one second have an order.
    pub(crate) seq: u64,
    /// When it was made, in seconds.
    created: i64,
    /// What an event is found by, so that nobody has to unpack it for that.
    told: Option<Box<Told>>,
    object: Tree,
    /// Few have anything hidden.
    hidden: Option<Box<Tree>>,
    printed: OnceCell<Box<Printed>>,
}

/// What an event is found by, beside its id and its second.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    /// `invoice.paid`
    pub(crate) kind: Arc<str>,
    /// How many endpoints have still to answer.
    pub(crate) pending: i64,
}

/// The bytes in which an object was answered since it last changed.
#[derive(Debug, Clone, Default)]
struct Printed {
    newest: OnceCell<Bytes>,
    /// One older version is kept: an app speaks one version.
    older: Option<Older>,
}

/// How an object was last printed in an older version.
#[derive(Debug, Clone)]
struct Older {
    version: Version,
    /// How old everything around the object was.
    age: u64,
    bytes: Bytes,
}

/// A value, with its text where it is cold. One that is read while it is cold has both.
#[derive(Debug, Clone)]
struct Tree {
    live: OnceCell<Arc<Value>>,
    text: Option<Text>,
}

/// JSON text.
#[derive(Debug, Clone)]
enum Text {
    Plain(Box<[u8]>),
    /// Packed against the text of another object of its sort.
    Packed(Packed),
}

#[derive(Debug, Clone)]
struct Packed {
    sample: Sample,
    bytes: Box<[u8]>,
    length: usize,
}

/// A text that others are packed against. The pointer to it is thin, for there is one in each of them.
type Sample = Arc<Box<[u8]>>;

/// The texts that others are packed against: the first of each sort. All stores of an account share them, so that
/// those of a case, which has few of a sort, are packed as well.
#[derive(Debug, Clone, Default)]
pub(crate) struct Samples(Arc<Mutex<Texts>>);

/// A text of each sort; none before the first of it cools down.
type Texts = HashMap<Arc<str>, Option<Sample>>;

impl Samples {
    /// The sort as it is known, and its text: `plain` where it is the first.
    fn of(&self, sort: &str, plain: &[u8]) -> Sample {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let first = || Sample::new(plain.into());
        if let Some(sample) = known.get_mut(sort) {
            return Arc::clone(sample.get_or_insert_with(first));
        }
        let sample = first();
        known.insert(sort.into(), Some(Arc::clone(&sample)));
        sample
    }

    /// The sort's name, kept once for all that are of it.
    fn name(&self, sort: &str) -> Arc<str> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((name, _)) = known.get_key_value(sort) {
            return Arc::clone(name);
        }
        let name: Arc<str> = sort.into();
        known.insert(Arc::clone(&name), None);
        name
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
            Self::Packed(Packed { sample, bytes, length: plain.len() })
        } else {
            Self::Plain(plain)
        }
    }

    fn read(&self) -> Value {
        // What was printed and packed here can be unpacked and read.
        match self {
            Self::Plain(plain) => serde_json::from_slice(plain).unwrap_or_default(),
            Self::Packed(Packed { sample, bytes, length }) => {
                let plain = decompress_with_dict(bytes, *length, sample).unwrap_or_default();
                serde_json::from_slice(&plain).unwrap_or_default()
            }
        }
    }
}

impl Tree {
    fn new(value: Value) -> Self {
        Self { live: OnceCell::from(Arc::new(value)), text: None }
    }

    fn value(&self) -> &Value {
        self.live.get_or_init(|| Arc::new(self.text.as_ref().map(Text::read).unwrap_or_default()))
    }

    /// A copy of the value; what is cold stays so.
    fn whole(&self) -> Value {
        match (self.live.get(), &self.text) {
            (Some(live), _) => (**live).clone(),
            (None, Some(text)) => text.read(),
            (None, None) => Value::Null,
        }
    }

    fn into_whole(self) -> Value {
        match self.live.into_inner() {
            Some(live) => Arc::unwrap_or_clone(live),
            None => self.text.map(|text| text.read()).unwrap_or_default(),
        }
    }

    fn change(&mut self, change: impl FnOnce(&mut Value)) -> &Value {
        let text = self.text.take();
        let mut live =
            self.live.take().unwrap_or_else(|| Arc::new(text.map(|text| text.read()).unwrap_or_default()));
        change(Arc::make_mut(&mut live));
        self.live.get_or_init(|| live)
    }

    fn cool(&mut self, sort: &str, samples: &Samples) {
        let live = self.live.take();
        let text = self.text.take().unwrap_or_else(|| Text::of(live.as_deref().unwrap_or(&Value::Null)));
        self.text = Some(text.packed(sort, samples));
    }

    /// Whether only the packed text is kept.
    fn is_cold(&self) -> bool {
        self.live.get().is_none() && matches!(self.text, Some(Text::Packed(_)))
    }
}

impl Stored {
    pub(super) fn new(kind: Kind, seq: u64, value: Value, hidden: Value) -> Self {
        Self {
            kind,
            warm: Cell::new(false),
            seq,
            created: int(&value, "created"),
            told: None,
            object: Tree::new(value),
            hidden: Some(hidden).filter(|hidden| !hidden.is_null()).map(|hidden| Box::new(Tree::new(hidden))),
            printed: OnceCell::new(),
        }
    }

    /// An event: text from the start, for most are never read again.
    pub(super) fn event(seq: u64, event: &Value, samples: &Samples) -> Self {
        let kind = text(event, "type");
        let told = Told { kind: samples.name(kind), pending: int(event, "pending_webhooks") };
        Self {
            kind: Kind::Event,
            warm: Cell::new(false),
            seq,
            created: int(event, "created"),
            told: Some(Box::new(told)),
            object: Tree { live: OnceCell::new(), text: Some(Text::of(event)) },
            hidden: None,
            printed: OnceCell::new(),
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
        index::all_said(self.kind, self.value(), self.hidden())
    }

    /// Whether only the packed text is kept.
    pub(super) fn is_cold(&self) -> bool {
        self.printed.get().is_none()
            && self.object.is_cold()
            && self.hidden.as_ref().is_none_or(|hidden| hidden.is_cold())
    }

    /// The object.
    pub(crate) fn value(&self) -> &Value {
        self.object.value()
    }

    /// The object as it is now, whatever becomes of it.
    pub(crate) fn snapshot(&self) -> Arc<Value> {
        self.value();
        self.object.live.get().map(Arc::clone).unwrap_or_default()
    }

    /// What belongs to it without being part of it: a session's line items, a product's features.
    pub(crate) fn hidden(&self) -> &Value {
        self.hidden.as_ref().map_or(&Value::Null, |hidden| hidden.value())
    }

    /// The same for one look at many objects: what is cold stays so.
    pub(crate) fn glance(&self) -> Cow<'_, Self> {
        if self.object.live.get().is_some() {
            return Cow::Borrowed(self);
        }
        Cow::Owned(Self::new(
            self.kind,
            self.seq,
            self.whole(),
            self.hidden.as_ref().map(|hidden| hidden.whole()).unwrap_or_default(),
        ))
    }

    /// The object of a glance: what was read for it is not read again.
    pub(crate) fn whole_of(glance: Cow<'_, Self>) -> Value {
        match glance {
            Cow::Borrowed(stored) => stored.whole(),
            Cow::Owned(stored) => stored.object.into_whole(),
        }
    }

    /// Changes the object.
    pub(super) fn change(&mut self, change: impl FnOnce(&mut Value)) {
        let value = self.object.change(change);
        self.created = int(value, "created");
        if let Some(told) = &mut self.told {
            told.pending = int(value, "pending_webhooks");
        }
        self.printed.take();
    }

    /// Changes what belongs to it without being part of it.
    pub(super) fn change_hidden(&mut self, change: impl FnOnce(&mut Value)) {
        self.hidden.get_or_insert_with(|| Box::new(Tree::new(Value::Null))).change(change);
    }

    /// Lets go of everything but the packed text.
    pub(super) fn cool(&mut self, samples: &Samples) {
        self.warm.set(false);
        self.printed.take();
        let sort = self.told.as_ref().map_or(self.kind.noun(), |told| &told.kind);
        self.object.cool(sort, samples);
        if let Some(hidden) = &mut self.hidden {
            hidden.cool(&format!("{sort}, hidden"), samples);
        }
    }

    /// As it was printed in this version, if nothing has changed since.
    pub(crate) fn kept(&self, version: Version, age: u64) -> Option<Bytes> {
        let older = self.printed.get()?.older.as_ref();
        let older = older.filter(|older| older.version == version && older.age == age)?;
        Some(older.bytes.clone())
    }

    /// Keeps what was printed.
    pub(crate) fn keep(&mut self, version: Version, age: u64, bytes: Bytes) {
        self.printed.get_or_init(Box::default);
        if let Some(printed) = self.printed.get_mut() {
            printed.older = Some(Older { version, age, bytes });
        }
    }

    /// As Stripe prints it, with two spaces; printed once per state of the object while it is warm.
    pub(crate) fn rendered(&self) -> Bytes {
        let render = || self.object.live.get().map_or_else(|| render(&self.whole()), |live| render(live));
        // What the store does not know to be warm would never be let go of.
        if !self.warm.get() {
            return render();
        }
        self.printed.get_or_init(Box::default).newest.get_or_init(render).clone()
    }

    /// A copy of the object.
    pub(crate) fn whole(&self) -> Value {
        self.object.whole()
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
                    let unkept = stored.rendered();
                    prop_assert!(stored.printed.get().is_none());
                    stored.warm.set(true);
                    let bytes = stored.rendered();
                    prop_assert_eq!(&unkept, &bytes);
                    prop_assert!(stored.printed.get().is_some());
                    stored.cool(&samples);
                    stored.cool(&samples);
                    prop_assert_eq!(stored.rendered(), bytes);
                }
                prop_assert_eq!(customer.whole(), value.clone());
                let glance = customer.glance();
                prop_assert_eq!(glance.value(), &value);
                prop_assert_eq!(Stored::whole_of(glance), value.clone());
                prop_assert!(customer.object.live.get().is_none(), "a glance leaves it cold");
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
            sizes.push(match stored.object.text {
                Some(Text::Packed(Packed { bytes, length, .. })) => (bytes.len(), length),
                other => panic!("{other:?}"),
            });
        }
        assert!(sizes.iter().all(|(bytes, length)| bytes * 8 < *length), "{sizes:?}");
    }
}
