//! In which order the objects of a store stand, and which of them name what: so that no call has to look at all
//! objects of a kind.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use serde_json::Value;

use super::store::Kind;
use crate::stripe::object::{data, text};

/// Where an object stands among those of its kind: the second in which it was made, and its number in the account.
pub(crate) type Place = (i64, u64);

/// A part of a list, from older to newer.
pub(crate) type Span = (Bound<Place>, Bound<Place>);

/// All of a list.
pub(crate) const WHOLE: Span = (Bound::Unbounded, Bound::Unbounded);

/// What lies in both parts.
pub(crate) fn overlap(one: Span, other: Span) -> Span {
    let place = |bound: &Bound<Place>| match bound {
        Bound::Included(place) | Bound::Excluded(place) => Some(*place),
        Bound::Unbounded => None,
    };
    // Of two bounds at one place, the one that leaves the place out is the narrower.
    let narrower = |a: Bound<Place>, b: Bound<Place>, b_is_further: bool| match (place(&a), place(&b)) {
        (None, _) => b,
        (_, None) => a,
        (Some(at), Some(other)) if at == other => {
            if matches!(a, Bound::Excluded(_)) {
                a
            } else {
                b
            }
        }
        _ if b_is_further => b,
        _ => a,
    };
    let later = place(&other.0) > place(&one.0);
    let sooner = place(&other.1) < place(&one.1);
    (narrower(one.0, other.0, later), narrower(one.1, other.1, sooner))
}

/// The fields by which objects are found.
const WORDS: [&str; 22] = [
    "charge",
    "client_reference_id",
    "code",
    "coupon",
    "customer",
    "customer_email",
    "email",
    "event_name",
    "feature",
    "invoice",
    "lookup_key",
    "meter",
    "payment_intent",
    "product",
    "promotion_code",
    "quote",
    "schedule",
    "setup_intent",
    "source",
    "subscription",
    "test_clock",
    "transfer",
];

/// The words under which a text is found whatever its case.
const CASELESS: [&str; 2] = ["code", "customer_email"];

/// Which of the words this is.
fn word_at(word: &str) -> Option<u8> {
    WORDS.iter().position(|known| *known == word).and_then(|at| u8::try_from(at).ok())
}

/// What an object that says `text` under this word is found by.
fn found_by<'a>(word: &str, text: &'a str) -> Cow<'a, str> {
    if CASELESS.contains(&word) && text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return text.to_ascii_lowercase().into();
    }
    text.into()
}

/// What an object of this kind says under such a word. Most words are names of its own fields.
pub(crate) fn said<'a>(kind: Kind, word: &str, value: &'a Value, hidden: &'a Value) -> Option<&'a str> {
    let field = match (kind, word) {
        (Kind::Invoice | Kind::InvoiceItem, "subscription") => {
            value.get("parent")?.get("subscription_details")?.get(word)
        }
        (Kind::InvoicePayment, "payment_intent") => value.get("payment")?.get(word),
        (Kind::Discount, "coupon") => value.get("source")?.get(word),
        (Kind::PromotionCode, "coupon") => value.get("promotion")?.get(word),
        (Kind::Entitlement, "customer") => hidden.get(word),
        // There are very many, and nobody looks for those of one name.
        (Kind::MeterEvent, "event_name") => None,
        _ => value.get(word),
    };
    field?.as_str()
}

/// What an object is found by: words by their number, and what it says under each.
pub(crate) type Said = Vec<(u8, String)>;

/// Everything that an object is found by.
pub(crate) fn all_said(kind: Kind, value: &Value, hidden: &Value) -> Said {
    let told = |(at, word): (u8, &&str)| {
        let text = said(kind, word, value, hidden)?;
        Some((at, found_by(word, text).into_owned()))
    };
    let mut all: Said = (0..).zip(&WORDS).filter_map(told).collect();
    if kind == Kind::Subscription
        && let Some(word) = word_at("product")
    {
        // It says what each of its items sells.
        let mut products: Vec<&str> =
            data(&value["items"]).iter().map(|item| text(&item["price"], "product")).collect();
        products.sort_unstable();
        products.dedup();
        all.extend(products.into_iter().map(|product| (word, product.to_owned())));
    }
    all
}

/// Whether the objects that say something under this word can be found without looking at all of their kind.
pub(crate) fn is_word(word: &str) -> bool {
    WORDS.contains(&word)
}

/// The objects of one store by their place and by what they say.
#[derive(Debug, Default)]
pub(crate) struct Index {
    order: BTreeMap<(Kind, Place), Arc<str>>,
    saying: HashMap<(Kind, u8, Arc<str>), Places>,
}

/// One or more places: most ids are named by one object of a kind.
#[derive(Debug)]
enum Places {
    One(Place),
    More(BTreeSet<Place>),
}

impl Index {
    /// Takes an object in. `shared` gives the text of an id that is kept already, so that it is not kept twice.
    pub(crate) fn insert(
        &mut self,
        kind: Kind,
        place: Place,
        id: &Arc<str>,
        said: &Said,
        shared: impl Fn(&str) -> Option<Arc<str>>,
    ) {
        self.order.insert((kind, place), Arc::clone(id));
        for (word, text) in said {
            let text = shared(text).unwrap_or_else(|| text.as_str().into());
            match self.saying.entry((kind, *word, text)) {
                std::collections::hash_map::Entry::Vacant(free) => drop(free.insert(Places::One(place))),
                std::collections::hash_map::Entry::Occupied(mut held) => held.get_mut().insert(place),
            }
        }
    }

    /// Takes an object out.
    pub(crate) fn remove(&mut self, kind: Kind, place: Place, said: &Said) {
        self.order.remove(&(kind, place));
        for (word, text) in said {
            let key = (kind, *word, Arc::from(text.as_str()));
            if self.saying.get_mut(&key).is_some_and(|places| places.remove(place)) {
                self.saying.remove(&key);
            }
        }
    }

    /// The ids of a kind's objects, oldest first.
    pub(crate) fn walk(&self, kind: Kind, (from, to): Span) -> impl DoubleEndedIterator<Item = &Arc<str>> {
        let least = match from {
            Bound::Unbounded => Bound::Included((kind, (i64::MIN, u64::MIN))),
            from => from.map(|place| (kind, place)),
        };
        let most = match to {
            Bound::Unbounded => Bound::Included((kind, (i64::MAX, u64::MAX))),
            to => to.map(|place| (kind, place)),
        };
        // A range that ends before it begins would panic.
        let sound = span_is_sound(&least, &most);
        sound.then(|| self.order.range((least, most))).into_iter().flatten().map(|(_, id)| id)
    }

    /// The ids of a kind's objects that say `text` under `word`, oldest first; nothing where that is no [word](is_word).
    pub(crate) fn saying(&self, kind: Kind, word: &str, text: &str, span: Span) -> Option<Vec<&Arc<str>>> {
        let (word, text) = (word_at(word)?, found_by(word, text));
        let sound = span_is_sound(&span.0, &span.1);
        let at = |place: &Place| self.order.get(&(kind, *place));
        Some(match self.saying.get(&(kind, word, Arc::from(&*text))) {
            Some(Places::One(place)) if std::ops::RangeBounds::contains(&span, place) => {
                at(place).into_iter().collect()
            }
            Some(Places::More(places)) if sound => places.range(span).filter_map(at).collect(),
            _ => Vec::new(),
        })
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> (usize, usize) {
        (self.order.len(), self.saying.len())
    }
}

fn span_is_sound<T: Ord>(from: &Bound<T>, to: &Bound<T>) -> bool {
    match (from, to) {
        (Bound::Excluded(from), Bound::Excluded(to)) => from < to,
        (Bound::Included(from) | Bound::Excluded(from), Bound::Included(to) | Bound::Excluded(to)) => {
            from <= to
        }
        _ => true,
    }
}

impl Places {
    fn insert(&mut self, place: Place) {
        match self {
            Self::One(one) => *self = Self::More(BTreeSet::from([*one, place])),
            Self::More(places) => drop(places.insert(place)),
        }
    }

    /// Says whether nothing is left.
    fn remove(&mut self, place: Place) -> bool {
        match self {
            Self::One(one) => *one == place,
            Self::More(places) => {
                places.remove(&place);
                places.is_empty()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn bound() -> impl Strategy<Value = Bound<Place>> {
        let place = || (0_i64..4, 0_u64..3);
        prop_oneof![
            Just(Bound::Unbounded),
            place().prop_map(Bound::Included),
            place().prop_map(Bound::Excluded)
        ]
    }

    #[test]
    fn a_subscription_is_found_by_what_it_sells_and_a_code_by_any_case() {
        let mut index = Index::default();
        let sells = |product: &str| json!({ "price": { "product": product } });
        let items = json!({ "items": { "data": [sells("prod_a"), sells("prod_b"), sells("prod_a")] } });
        let code = json!({ "code": "Spring26", "customer_email": null });
        for (at, (kind, value)) in
            [(Kind::Subscription, &items), (Kind::PromotionCode, &code)].into_iter().enumerate()
        {
            let said = all_said(kind, value, &Value::Null);
            index.insert(kind, (0, at as u64), &"x".into(), &said, |_| None);
        }
        let found =
            |index: &Index, kind, word, text| index.saying(kind, word, text, WHOLE).map(|found| found.len());
        for (product, there) in [("prod_a", 1), ("prod_b", 1), ("prod_c", 0)] {
            assert_eq!(found(&index, Kind::Subscription, "product", product), Some(there), "{product}");
        }
        for (code, there) in [("SPRING26", 1), ("spring26", 1), ("spring", 0)] {
            assert_eq!(found(&index, Kind::PromotionCode, "code", code), Some(there), "{code}");
        }
        assert_eq!(found(&index, Kind::PromotionCode, "customer_email", ""), Some(0));
        index.remove(Kind::Subscription, (0, 0), &all_said(Kind::Subscription, &items, &Value::Null));
        index.remove(Kind::PromotionCode, (0, 1), &all_said(Kind::PromotionCode, &code, &Value::Null));
        assert_eq!(index.len(), (0, 0));
    }

    proptest! {
        #[test]
        fn an_overlap_holds_what_both_hold(
            one in (bound(), bound()), other in (bound(), bound()), place in (0_i64..4, 0_u64..3)
        ) {
            use std::ops::RangeBounds;
            let both = one.contains(&place) && other.contains(&place);
            prop_assert_eq!(overlap(one, other).contains(&place), both);
        }
    }
}
