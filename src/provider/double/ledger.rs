//! What the balance transactions of a store add up to, noted as they come and go: nobody has to look at all of them to
//! tell a balance.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use serde_json::Value;

use super::index::Place;
use crate::stripe::object::{int, text};

/// The sums of each currency.
#[derive(Debug, Default)]
pub(crate) struct Ledger(BTreeMap<String, Sums>);

/// What was moved in one currency.
#[derive(Debug, Default)]
struct Sums {
    /// Where the transactions stand.
    places: BTreeSet<Place>,
    /// What they come to, by the second from which it is there.
    net: BTreeMap<i64, i128>,
}

impl Ledger {
    /// Takes a transaction in.
    pub(crate) fn add(&mut self, place: Place, transaction: &Value) {
        let sums = self.0.entry(text(transaction, "currency").to_owned()).or_default();
        sums.places.insert(place);
        *sums.net.entry(int(transaction, "available_on")).or_default() += i128::from(int(transaction, "net"));
    }

    /// Takes it out again.
    pub(crate) fn remove(&mut self, place: Place, transaction: &Value) {
        let currency = text(transaction, "currency");
        let Some(sums) = self.0.get_mut(currency) else { return };
        sums.places.remove(&place);
        *sums.net.entry(int(transaction, "available_on")).or_default() -= i128::from(int(transaction, "net"));
        if sums.places.is_empty() {
            self.0.remove(currency);
        }
    }

    /// Each currency with what is there at `now` and what is still to come, in the order in which they were first moved.
    pub(crate) fn sums(&self, now: i64) -> Vec<(&str, i64, i64)> {
        let mut all: Vec<_> = self.0.iter().collect();
        all.sort_by_key(|(_, sums)| sums.places.first());
        all.into_iter()
            .map(|(currency, sums)| (currency.as_str(), sums.until(now), sums.after(now)))
            .collect()
    }
}

impl Sums {
    fn until(&self, now: i64) -> i64 {
        bounded(self.net.range(..=now).map(|(_, net)| net).sum())
    }

    fn after(&self, now: i64) -> i64 {
        bounded(self.net.range((Bound::Excluded(now), Bound::Unbounded)).map(|(_, net)| net).sum())
    }
}

fn bounded(sum: i128) -> i64 {
    i64::try_from(sum).unwrap_or(if sum < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_comes_and_goes_adds_up() {
        let moved = |currency: &str, net: i64, available_on: i64| json!({ "currency": currency, "net": net, "available_on": available_on });
        let mut ledger = Ledger::default();
        ledger.add((5, 1), &moved("usd", 100, 7));
        ledger.add((5, 2), &moved("eur", 30, 5));
        ledger.add((4, 3), &moved("eur", -10, 8));
        assert_eq!(ledger.sums(7), [("eur", 30, -10), ("usd", 100, 0)]);
        ledger.remove((4, 3), &moved("eur", -10, 8));
        assert_eq!(ledger.sums(6), [("usd", 0, 100), ("eur", 30, 0)]);
        ledger.add((6, 4), &moved("usd", i64::MAX, 7));
        assert_eq!(ledger.sums(7), [("usd", i64::MAX, 0), ("eur", 30, 0)]);
        ledger.remove((6, 4), &moved("usd", i64::MAX, 7));
        ledger.remove((5, 1), &moved("usd", 100, 7));
        assert_eq!(ledger.sums(7), [("eur", 30, 0)]);
    }
}
