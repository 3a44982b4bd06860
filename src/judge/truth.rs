//! Provider truth beside local billing state.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value};

use super::condition::Spelling;
use crate::probe::Reading;
use crate::project::model::{Probe, Reconcile};
use crate::run_event::{Fact, Reconciliation};

/// A value of provider truth by its path: `subscription.items.data[0].quantity`. `None` where the path leads
/// nowhere, or is none.
#[must_use]
pub fn lookup<'a>(truth: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    let mut parts = path.split('.');
    let (key, indices) = part(parts.next()?)?;
    let first = indices.iter().try_fold(truth.get(key)?, |value, index| value.get(index));
    parts.try_fold(first?, |value, text| {
        let (key, indices) = part(text)?;
        indices.iter().try_fold(value.get(key)?, |value, index| value.get(index))
    })
}

/// `data[0][1]` as `data` and 0, 1.
fn part(text: &str) -> Option<(&str, Vec<usize>)> {
    let (key, rest) = match text.find('[') {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let mut indices = Vec::new();
    let mut rest = rest;
    while !rest.is_empty() {
        let (index, after) = rest.strip_prefix('[')?.split_once(']')?;
        indices.push(index.parse().ok()?);
        rest = after;
    }
    (!key.is_empty()).then_some((key, indices))
}

/// What both sides were read as, and when.
#[derive(Debug, Clone, Copy)]
pub struct Sides<'a> {
    /// When both were read, since the run's start.
    pub at: Duration,
    /// The handler's own last read of this customer's provider truth before that.
    pub handler_read: Option<Duration>,
    /// Provider truth: `customer`, `subscription`, `invoice`, as Stripe answers now.
    pub truth: &'a Map<String, Value>,
    /// The last reading of each probe, normalised.
    pub local: &'a BTreeMap<String, Reading>,
}

/// The facts that every reconciliation records: what it is called, and where provider truth has it, the first
/// path that leads somewhere counting.
const FACTS: [(&str, &[&str]); 5] = [
    ("customer", &["customer.id", "subscription.customer.id", "subscription.customer"]),
    ("plan", &["subscription.items.data[0].price.lookup_key", "subscription.items.data[0].price.id"]),
    ("status", &["subscription.status"]),
    ("quantity", &["subscription.items.data[0].quantity"]),
    ("latest_invoice", &["subscription.latest_invoice.id", "subscription.latest_invoice", "invoice.id"]),
];

/// Puts both sides beside each other: customer, plan, status, quantity and latest invoice, then what else
/// `[reconcile]` names. A fact is compared only where `[reconcile]` pairs it; a field of the same plain name is
/// shown beside it, since an app's own plan name need not be Stripe's.
#[must_use]
pub fn facts(sides: Sides<'_>, pairs: &[Reconcile], probes: &BTreeMap<String, Probe>) -> Reconciliation {
    let pair_of = |paths: &[&str]| pairs.iter().find(|pair| paths.contains(&pair.truth.as_str()));
    let standard = FACTS.iter().map(|(name, paths)| match pair_of(paths) {
        Some(pair) => compared(name, pair, sides, probes),
        None => Fact {
            name: (*name).to_owned(),
            provider: first(sides.truth, paths).cloned(),
            local: namesake(name, sides.local, pairs),
            agrees: None,
        },
    });
    let shown = |pair: &&Reconcile| {
        !FACTS.iter().any(|(_, paths)| pair_of(paths).is_some_and(|shown| std::ptr::eq(shown, *pair)))
    };
    let others = pairs.iter().filter(shown).map(|pair| compared(&pair.truth, pair, sides, probes));
    let facts = standard.chain(others).collect();
    Reconciliation { at: sides.at, handler_read: sides.handler_read, facts }
}

/// The first path that leads to a value.
fn first<'a>(truth: &'a Map<String, Value>, paths: &[&str]) -> Option<&'a Value> {
    paths.iter().filter_map(|path| lookup(truth, path)).find(|value| !value.is_null())
}

fn compared(name: &str, pair: &Reconcile, sides: Sides<'_>, probes: &BTreeMap<String, Probe>) -> Fact {
    let spelling = probes.get(&pair.probe).map_or(Spelling::Exact, |probe| Spelling::of(probe, &pair.field));
    let provider = lookup(sides.truth, &pair.truth);
    let fields = sides.local.get(&pair.probe).and_then(|reading| reading.fields.as_ref().ok());
    let local = fields.and_then(|fields| fields.get(&pair.field));
    Fact {
        name: name.to_owned(),
        provider: provider.cloned(),
        local: local.cloned(),
        // What could not be read does not disagree.
        agrees: fields.map(|_| spelling.agrees(local, provider)),
    }
}

/// A field of this name: of a probe that `[reconcile]` names, else of any.
fn namesake(name: &str, local: &BTreeMap<String, Reading>, pairs: &[Reconcile]) -> Option<Value> {
    let paired = pairs.iter().filter_map(|pair| local.get(&pair.probe));
    paired
        .chain(local.values())
        .filter_map(|reading| reading.fields.as_ref().ok())
        .find_map(|fields| fields.get(name))
        .cloned()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::probe::ReadError;
    use crate::project::model::ProbeKind;
    use crate::span::{Place, Source};

    fn object(value: Value) -> Map<String, Value> {
        let Value::Object(map) = value else { panic!("not an object: {value}") };
        map
    }

    fn truth() -> Map<String, Value> {
        object(json!({
            "customer": {"id": "cus_1"},
            "subscription": {
                "status": "active", "customer": "cus_1", "latest_invoice": "in_2", "cancel_at": null,
                "items": {"data": [{
                    "quantity": 3, "current_period_end": 1_795_465_912,
                    "price": {"id": "price_1", "lookup_key": "pro_monthly"}
                }]}
            },
            "nested": [[1, 2], [3]]
        }))
    }

    #[rstest]
    #[case("subscription.status", Some(json!("active")))]
    #[case("subscription.items.data[0].quantity", Some(json!(3)))]
    #[case("subscription.cancel_at", Some(json!(null)))]
    #[case("nested[1][0]", Some(json!(3)))]
    #[case("customer", Some(json!({"id": "cus_1"})))]
    #[case("subscription.items.data[1].quantity", None)]
    #[case("subscription.items.data.quantity", None)]
    #[case("subscription.status.more", None)]
    #[case("checkout.id", None)]
    #[case("", None)]
    #[case(".", None)]
    #[case("subscription..status", None)]
    #[case("nested[", None)]
    #[case("nested[-1]", None)]
    #[case("nested[0]x", None)]
    #[case("[0]", None)]
    fn paths_lead_to_values_or_nowhere(#[case] path: &str, #[case] expected: Option<Value>) {
        assert_eq!(lookup(&truth(), path).cloned(), expected);
    }

    proptest! {
        #[test]
        fn no_path_makes_it_panic(path in r"[a-z.\[\]0-9]{0,24}|\PC*") {
            let _ = lookup(&truth(), &path);
        }
    }

    fn place() -> Place {
        Place { source: Arc::new(Source { path: "paydrill.toml".into(), text: String::new() }), range: 0..0 }
    }

    fn pair(probe: &str, field: &str, truth: &str) -> Reconcile {
        Reconcile { probe: probe.into(), field: field.into(), truth: truth.into(), place: place() }
    }

    fn reading(fields: Result<Value, ReadError>) -> Reading {
        Reading { at: Duration::ZERO, took: Duration::ZERO, fields: fields.map(object) }
    }

    fn facts_of(pairs: &[Reconcile], local: &[(&str, Result<Value, ReadError>)]) -> Vec<Fact> {
        let probe = Probe {
            kind: ProbeKind::Truth,
            times: vec!["renews_at".into()],
            words: BTreeMap::new(),
            place: place(),
        };
        let probes = BTreeMap::from([("billing".to_owned(), probe)]);
        let local =
            local.iter().map(|(name, fields)| ((*name).to_owned(), reading(fields.clone()))).collect();
        let sides = Sides { at: Duration::ZERO, handler_read: None, truth: &truth(), local: &local };
        facts(sides, pairs, &probes).facts
    }

    fn fact(name: &str, provider: Value, local: Option<Value>, agrees: Option<bool>) -> Fact {
        Fact { name: name.into(), provider: Some(provider), local, agrees }
    }

    #[test]
    fn both_sides_stand_beside_each_other() {
        let pairs = [
            pair("billing", "status", "subscription.status"),
            pair("billing", "seats", "subscription.items.data[0].quantity"),
            pair("billing", "renews_at", "subscription.items.data[0].current_period_end"),
            pair("billing", "cancel_at", "subscription.cancel_at"),
        ];
        let billing = json!({"status": "canceled", "seats": 3.0, "renews_at": "2026-11-23 20:31:52"});
        let local = [("access", Ok(json!({"plan": "free", "quantity": 9}))), ("billing", Ok(billing))];
        assert_eq!(
            facts_of(&pairs, &local),
            [
                fact("customer", json!("cus_1"), None, None),
                fact("plan", json!("pro_monthly"), Some(json!("free")), None),
                fact("status", json!("active"), Some(json!("canceled")), Some(false)),
                fact("quantity", json!(3), Some(json!(3.0)), Some(true)),
                fact("latest_invoice", json!("in_2"), None, None),
                fact(
                    "subscription.items.data[0].current_period_end",
                    json!(1_795_465_912),
                    Some(json!("2026-11-23 20:31:52")),
                    Some(true)
                ),
                fact("subscription.cancel_at", json!(null), None, Some(true)),
            ]
        );
    }

    #[test]
    fn what_could_not_be_read_does_not_disagree() {
        let error = ReadError::TimedOut { url: "http://127.0.0.1/".into(), limit: Duration::ZERO };
        let facts = facts_of(&[pair("billing", "status", "subscription.status")], &[("billing", Err(error))]);
        assert_eq!(facts[2], fact("status", json!("active"), None, None));
    }
}
