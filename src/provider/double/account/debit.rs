//! What was asked for the time of a subscription's item: by lines of invoices, and by prorations that wait for one.

use std::ops::Bound;

use serde_json::{Value, json};

use super::discount::Taken;
use super::{World, item};
use crate::provider::double::index::WHOLE;
use crate::provider::double::store::{Kind, Stored};
use crate::stripe::object::{NULL, data, int, text};

/// One of them.
pub(crate) struct Debit {
    /// What credits name it by: the invoice item, or the line where none is behind it.
    pub(crate) key: String,
    /// In full.
    pub(crate) price: Value,
    pub(crate) quantity: i64,
    /// Before discounts.
    pub(crate) amount: i64,
    pub(crate) taken: Vec<Taken>,
    pub(crate) period: (i64, i64),
    /// Until when nothing of it was given back.
    pub(crate) until: i64,
    /// As `credited_items` name it; null while no invoice that is sent has it.
    pub(crate) line: Value,
}

/// All that was asked for an item's time from `at` on and was not given back, oldest first. An invoice that is void asks
/// for nothing.
pub(crate) fn of(world: &World<'_>, owner: &Value, of: &Value, at: i64) -> Vec<Debit> {
    let (owner, id) = (text(owner, "id"), text(of, "id"));
    let store = &world.part.store;
    let (starts, _) = item::period(of);
    // Time is billed when it begins, or later.
    let since = (Bound::Included((starts, u64::MIN)), Bound::Unbounded);
    let invoices = store.ids_with(Kind::Invoice, "subscription", owner, since);
    let mut found: Vec<Debit> = Vec::new();
    for invoice in invoices.into_iter().filter_map(|id| store.get(id)).map(Stored::value) {
        if text(invoice, "status") != "void" {
            found.extend(data(&invoice["lines"]).iter().filter_map(|line| of_line(world, invoice, line, id)));
        }
    }
    let items = || store.ids_with(Kind::InvoiceItem, "subscription", owner, WHOLE).into_iter();
    let items = || items().filter_map(|id| store.get(id));
    found.extend(items().map(Stored::value).filter_map(|waits| of_item(world, waits, id)));
    for stored in items() {
        let Some(of) = stored.hidden()["credits"].as_str() else {
            continue;
        };
        let from = int(&stored.value()["period"], "start");
        for debit in found.iter_mut().filter(|debit| debit.key == of) {
            debit.until = debit.until.min(from);
        }
    }
    found.retain(|debit| debit.until > at.max(debit.period.0));
    found
}

/// A line of an invoice that asks for time of the item.
fn of_line(world: &World<'_>, invoice: &Value, line: &Value, item: &str) -> Option<Debit> {
    let details = &line["parent"]["subscription_item_details"];
    if details["subscription_item"] != item {
        return None;
    }
    let key = details["invoice_item"].as_str().unwrap_or_else(|| text(line, "id")).to_owned();
    let sent = text(invoice, "status") != "draft";
    let named = || json!({ "invoice": invoice["id"], "invoice_line_items": [line["id"]] });
    debit(world, key, line, &line["discount_amounts"], if sent { named() } else { NULL })
}

/// A proration of the item that waits for an invoice.
fn of_item(world: &World<'_>, waits: &Value, item: &str) -> Option<Debit> {
    let owner = &waits["parent"]["subscription_details"];
    let is_meant =
        waits["invoice"].is_null() && waits["proration"] == true && owner["subscription_item"] == item;
    let discounts = &waits["proration_details"]["discount_amounts"];
    is_meant.then(|| debit(world, text(waits, "id").to_owned(), waits, discounts, NULL)).flatten()
}

fn debit(world: &World<'_>, key: String, billed: &Value, discounts: &Value, line: Value) -> Option<Debit> {
    let amount = int(billed, "amount");
    let taken =
        |taken: &Value| Taken { discount: text(taken, "discount").to_owned(), amount: int(taken, "amount") };
    let period = (int(&billed["period"], "start"), int(&billed["period"], "end"));
    (amount > 0).then(|| Debit {
        key,
        price: world.copy(text(&billed["pricing"]["price_details"], "price")),
        quantity: billed["quantity"].as_i64().unwrap_or(1),
        amount,
        taken: discounts.as_array().into_iter().flatten().map(taken).collect(),
        period,
        until: period.1,
        line,
    })
}
