//! Objects of the account in the version in which a call is answered.

use std::collections::BTreeSet;

use bytes::Bytes;
use serde_json::Value;

use super::account::Home;
use super::expand::Source;
use super::state::Account;
use super::store::{Kind, Stored, render};
use crate::id::CaseId;
use crate::stripe::object::{data, text};
use crate::stripe::version::{Kin, Related, Version, downgrade, related};

/// An answer as `version` shows it. Events are not touched: each was made in a version, and stays in
/// that, or has none.
pub(super) fn in_version(value: Value, version: Version, account: &Account) -> Value {
    if version.looks_newest() || is_event(&value) || data(&value).first().is_some_and(is_event) {
        return value;
    }
    downgrade(&value, version, account)
}

fn is_event(value: &Value) -> bool {
    matches!(text(value, "object"), "event" | "v2.core.event")
}

/// The account as a caller of an older version sees it.
pub(super) struct Shaped<'a> {
    pub(super) account: &'a Account,
    pub(super) version: Version,
}

impl Source for Shaped<'_> {
    fn resolve(&self, id: &str) -> Option<Value> {
        Some(in_version(self.account.resolve(id)?, self.version, self.account))
    }

    fn include(&self, object: &Value, name: &str) -> Option<Value> {
        Some(in_version(self.account.include(object, name)?, self.version, self.account))
    }
}

impl Account {
    /// An object as `version` prints it; printed once for as long as nothing changes that it could show.
    pub(super) fn rendered(&mut self, id: &str, version: Version) -> Bytes {
        if version.looks_newest() {
            return self.find_mut(id).map(|stored| stored.rendered()).unwrap_or_default();
        }
        let age = self.age(id);
        let Some(stored) = self.find(id) else { return Bytes::new() };
        if let Some(bytes) = stored.kept(version, age) {
            return bytes;
        }
        let bytes = render(&in_version(stored.whole(), version, self));
        if let Some(stored) = self.find_mut(id) {
            stored.keep(version, age, bytes.clone());
        }
        bytes
    }

    /// Grows with every change of an object that an older shape of this one could show a part of.
    fn age(&self, id: &str) -> u64 {
        let own = match self.home(id) {
            Some(Home::Shop) | None => 0,
            Some(home) => self.part(home).store.version(),
        };
        own.wrapping_add(self.shop.version())
    }

    /// What the objects of a case show of each other in older versions.
    pub(super) fn kin(&self, case: CaseId) -> Kin {
        let Some(part) = self.cases.get(&case) else { return Kin::default() };
        let kinds = [Kind::InvoicePayment, Kind::PaymentIntent, Kind::Charge, Kind::Refund];
        let own = kinds.into_iter().flat_map(|kind| part.store.of(kind)).map(|stored| stored.value().clone());
        let invoices = part.store.of(Kind::Invoice).flat_map(|stored| data(&stored.value()["lines"]));
        let items = part.store.of(Kind::InvoiceItem).map(Stored::value);
        let prices: BTreeSet<&str> = invoices
            .chain(items)
            .filter_map(|billed| billed["pricing"]["price_details"]["price"].as_str())
            .collect();
        Kin(own.chain(prices.into_iter().filter_map(|id| self.resolve(id))).collect())
    }
}

impl Related for Account {
    fn object(&self, id: &str) -> Option<Value> {
        self.resolve(id)
    }

    fn payment_of_invoice(&self, invoice: &str) -> Option<Value> {
        related::shown(self.beside(invoice, Kind::InvoicePayment, "invoice")).cloned()
    }

    fn payment_by_intent(&self, intent: &str) -> Option<Value> {
        self.beside(intent, Kind::InvoicePayment, "payment_intent").next().cloned()
    }

    fn refunds_of(&self, charge: &str) -> Vec<Value> {
        self.beside(charge, Kind::Refund, "charge").cloned().collect()
    }
}

impl Account {
    /// Objects of a kind that name this one in `field` and are kept where it is, newest first.
    fn beside(&self, id: &str, kind: Kind, field: &str) -> impl Iterator<Item = &Value> {
        let store = self.home(id).map(|home| &self.part(home).store);
        store.into_iter().flat_map(move |store| store.with(kind, field, id).rev()).map(Stored::value)
    }
}
