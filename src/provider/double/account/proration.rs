//! Proration: what was paid for and is not used comes back, what is used from now on is asked for, to the second
//! (<https://docs.stripe.com/billing/subscriptions/prorations>).
//!
//! A credit in classic billing mode is a share of the current price; in flexible billing mode it is a share of what was
//! really asked for, one credit for each debit
//! (<https://docs.stripe.com/billing/subscriptions/prorations#credit-prorations>).

use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value, json};

use super::debit::{self, Debit};
use super::discount::{self, Line, Taken};
use super::{World, anchor, billing_mode, catalog, item, period, put_all, redemption, subscription};
use crate::provider::double::store::Kind;
use crate::stripe::object::invoice::{self, Billed};
use crate::stripe::object::{NULL, data, int, put, text};

/// Makes the pending invoice items of a change of items at `at`. Where a new period begins at once, the new items are
/// billed in full and only the unused time is credited.
pub(crate) fn prorate(world: &mut World<'_>, before: &Value, after: &Value, at: i64, anew: bool) {
    let find = |subscription: &Value, id: &str| {
        data(&subscription["items"]).iter().find(|item| text(item, "id") == id).cloned().unwrap_or_default()
    };
    let mut ids: Vec<String> = Vec::new();
    for item in data(&before["items"]).iter().chain(data(&after["items"])) {
        if !ids.iter().any(|id| id == text(item, "id")) {
            ids.push(text(item, "id").to_owned());
        }
    }
    for id in ids {
        let (old, new) = (find(before, &id), find(after, &id));
        if !anew && (&old["price"]["id"], &old["quantity"]) == (&new["price"]["id"], &new["quantity"]) {
            continue;
        }
        // Discounts count as they are after the change.
        give_back(world, (before, after), &old, at);
        if !anew {
            ask(world, after, &new, at);
        }
    }
}

/// Credits what a subscription will not use from `at` on.
pub(crate) fn credit(world: &mut World<'_>, subscription: &Value, at: i64) {
    for item in data(&subscription["items"]) {
        give_back(world, (subscription, subscription), item, at);
    }
}

/// A part of the time of an item, as an invoice item bills it.
struct Part<'a> {
    price: &'a Value,
    quantity: i64,
    period: (i64, i64),
    /// Before discounts; negative where it is given back.
    gross: i64,
    /// The same after them, rounded by itself.
    net: i64,
    taken: Vec<Taken>,
    /// The line that is given back: `credited_items`.
    credited: Value,
    /// The debit of which a part is given back.
    of: Option<String>,
}

/// Gives back the time of an item from `at` on.
fn give_back(world: &mut World<'_>, (before, after): (&Value, &Value), item: &Value, at: i64) {
    if item["quantity"].is_null() {
        return;
    }
    if billing_mode::is_flexible(before) {
        for debit in debit::of(world, before, item, at) {
            let Debit { key, price, quantity, amount, taken, period: (start, end), until, line } = debit;
            let part = |amount: i64| share(amount, until - at.max(start), end - start);
            let off = discount::sum(&taken);
            let part = Part {
                price: &price,
                quantity,
                period: (at.max(start), until),
                gross: -part(amount),
                net: -part(amount.saturating_sub(off)),
                taken: scaled(&taken, |amount| -part(amount)),
                credited: line,
                of: Some(key),
            };
            pend(world, before, item, part);
        }
        return;
    }
    let mut part = whole_part(world, (before, after), item, at);
    (part.gross, part.net) = (-part.gross, -part.net);
    part.credited = credited(world, before, item);
    pend(world, before, item, part);
}

/// Asks for the time of an item from `at` to the end of its period.
fn ask(world: &mut World<'_>, owner: &Value, item: &Value, at: i64) {
    if !item["quantity"].is_null() {
        let part = whole_part(world, (owner, owner), item, at);
        pend(world, owner, item, part);
    }
}

/// What an item costs at its price of now from `at` to the end of its period.
fn whole_part<'a>(
    world: &World<'_>,
    (owner, discounted): (&Value, &Value),
    item: &'a Value,
    at: i64,
) -> Part<'a> {
    let (price, quantity) = (&item["price"], int(item, "quantity"));
    let (_, ends) = item::period(item);
    let (from, to) = period::around(anchor::counted_from(owner), at, &price["recurring"]);
    let part = |amount: i64| share(amount, ends - at, to - from);
    let amount = subscription::amount(world, price, quantity);
    let taken = taken_off(world, discounted, item);
    let net = part(amount.saturating_sub(discount::sum(&taken)));
    let taken = scaled(&taken, part);
    Part { price, quantity, period: (at, ends), gross: part(amount), net, taken, credited: NULL, of: None }
}

fn scaled(taken: &[Taken], part: impl Fn(i64) -> i64) -> Vec<Taken> {
    let scaled = |taken: &Taken| Taken { discount: taken.discount.clone(), amount: part(taken.amount) };
    taken.iter().map(scaled).collect()
}

/// What discounts take off a whole period of an item. In classic billing mode a fixed amount comes off each item that
/// is prorated, in flexible billing mode every item has its share of it.
fn taken_off(world: &World<'_>, owner: &Value, item: &Value) -> Vec<Taken> {
    let lasting = |ids: Vec<String>| {
        let lasting = ids.into_iter().filter(|id| !redemption::is_once(world, id));
        lasting.map(|id| redemption::terms_of(world, &id)).collect::<Vec<_>>()
    };
    let line = |item: &Value| Line {
        amount: subscription::amount(world, &item["price"], int(item, "quantity")),
        currency: text(&item["price"], "currency").to_owned(),
        product: text(&item["price"], "product").to_owned(),
        fixed: false,
        own: lasting(redemption::ids(&item["discounts"])),
    };
    let whole = lasting(redemption::in_force(world, owner, text(owner, "customer")));
    let others = data(&owner["items"]).iter().filter(|_| billing_mode::is_flexible(owner));
    let mut lines: Vec<Line> = others.filter(|other| other["id"] != item["id"]).map(&line).collect();
    lines.insert(0, line(item));
    discount::take(&lines, &whole).swap_remove(0)
}

/// Makes the invoice item, which waits for the next invoice.
fn pend(world: &mut World<'_>, owner: &Value, item: &Value, part: Part<'_>) {
    let Part { price, quantity, period, gross, net, taken, credited, of } = part;
    let itemizes = billing_mode::itemizes(owner);
    let amount = if itemizes { gross } else { net };
    if *price == NULL || amount == 0 {
        return;
    }
    let words = if amount < 0 { "Unused time on" } else { "Remaining time on" };
    let many = if quantity == 1 { String::new() } else { format!("{quantity} × ") };
    let description = format!("{words} {many}{} after {}", catalog::name_of(world, price), day(period.0));
    let billed = Billed { price, quantity: Some(quantity), amount, description, period };
    let id = world.mint("ii");
    let mut made = invoice::invoice_item(&id, world.second(), text(owner, "customer"), &billed);
    let discounts = if itemizes { discount::amounts(&taken) } else { json!([]) };
    put_all(
        &mut made,
        [
            ("discountable", false.into()),
            ("net_amount", net.into()),
            ("parent", invoice::item_parent(text(owner, "id"), Some(text(item, "id")))),
            ("proration", true.into()),
            (
                "proration_details",
                json!({ "credited_items": shown(&credited, of.as_deref()), "discount_amounts": discounts }),
            ),
        ],
    );
    let hidden = json!({ "credited_items": credited, "credits": of });
    let made = world.insert_with(Kind::InvoiceItem, made, hidden);
    world.event("invoiceitem.created", made, None);
}

/// `credited_items` of an invoice item: the lines that are given back, or the invoice item that still waits
/// (docs.stripe.com/changelog/dahlia/2026-05-27/invoice-item-proration-credited-items).
fn shown(credited: &Value, of: Option<&str>) -> Value {
    match of.filter(|of| credited.is_null() && of.starts_with("ii_")) {
        Some(item) => json!({ "invoice_item": item, "type": "invoice_item" }),
        None if credited.is_null() => NULL,
        None => json!({ "invoice_line_item_details": credited, "type": "invoice_line_items" }),
    }
}

/// The line of the latest invoice that asked for what is given back: `credited_items`.
fn credited(world: &World<'_>, owner: &Value, item: &Value) -> Value {
    let of = world.part.store.with(Kind::Invoice, "subscription", text(owner, "id")).rev();
    let line = |made: &Value| {
        let asked = data(&made["lines"]).iter().find(|line| {
            let details = &line["parent"]["subscription_item_details"];
            details["subscription_item"] == item["id"] && line["amount"].as_i64() > Some(0)
        })?;
        Some(json!({ "invoice": made["id"].clone(), "invoice_line_items": [asked["id"].clone()] }))
    };
    of.map(super::Stored::value)
        .filter(|made| text(made, "status") != "draft")
        .find_map(line)
        .unwrap_or_default()
}

/// The lines of a first period that is shorter than a whole one: it ends at the anchor.
pub(crate) fn stub_lines(world: &World<'_>, subscription: &Value) -> Vec<Value> {
    let line = |item: &Value| {
        let price = &item["price"];
        let quantity = item["quantity"].as_i64()?;
        let span = item::period(item);
        let amount = stub(world, price, quantity, span);
        Some(time_line(world, subscription, item, quantity, amount, span))
    };
    data(&subscription["items"]).iter().filter_map(line).collect()
}

/// The lines from the start that a subscription in flexible billing mode is given to the end of its current periods: one
/// for each period (<https://docs.stripe.com/billing/subscriptions/billing-mode/compare#backdate-subscriptions>).
pub(crate) fn split_lines(world: &World<'_>, subscription: &Value, since: i64) -> Vec<Value> {
    let anchor = anchor::counted_from(subscription);
    let mut lines = Vec::new();
    for item in data(&subscription["items"]) {
        let Some(quantity) = item["quantity"].as_i64() else {
            continue;
        };
        let asked = subscription::amount(world, &item["price"], quantity);
        let (_, until) = item::period(item);
        let mut from = since;
        while from < until {
            let (start, end) = period::around(anchor, from, &item["price"]["recurring"]);
            let to = end.min(until);
            let amount = share(asked, to - from, end - start);
            lines.push(time_line(world, subscription, item, quantity, amount, (from, to)));
            from = to;
        }
    }
    lines
}

/// What so many of a price cost over a first period that is shorter than a whole one.
pub(crate) fn stub(world: &World<'_>, price: &Value, quantity: i64, (start, end): (i64, i64)) -> i64 {
    let whole = end.saturating_sub(period::before(end, &price["recurring"]));
    share(subscription::amount(world, price, quantity), end - start, whole)
}

/// The lines of the time between the start that a subscription is given and the moment when it is made.
pub(crate) fn backdated_lines(
    world: &World<'_>,
    subscription: &Value,
    (start, now): (i64, i64),
) -> Vec<Value> {
    let line = |item: &Value| {
        let price = &item["price"];
        let quantity = item["quantity"].as_i64()?;
        let asked = subscription::amount(world, price, quantity);
        let (mut from, mut amount) = (start, 0_i64);
        // A price by the day over many years is still a few thousand steps.
        for _ in 0..40_000 {
            let end = period::end(start, from, &price["recurring"]);
            if end > now {
                amount = amount.saturating_add(share(asked, now - from, end - from));
                break;
            }
            amount = amount.saturating_add(asked);
            from = end;
        }
        Some(time_line(world, subscription, item, quantity, amount, (start, now)))
    };
    data(&subscription["items"]).iter().filter_map(line).collect()
}

fn time_line(
    world: &World<'_>,
    subscription: &Value,
    item: &Value,
    quantity: i64,
    amount: i64,
    period: (i64, i64),
) -> Value {
    let price = &item["price"];
    let many = if quantity == 1 { String::new() } else { format!("{quantity} × ") };
    let description = format!(
        "Time on {many}{} from {} until {}",
        catalog::name_of(world, price),
        day(period.0),
        day(period.1)
    );
    let mut parent = invoice::line_of_subscription(text(subscription, "id"), text(item, "id"));
    if let Some(details) = parent.get_mut("subscription_item_details") {
        put(details, "proration", true);
    }
    let billed = Billed { price, quantity: Some(quantity), amount, description, period };
    let mut line = invoice::line(&billed, parent);
    put(&mut line, "discounts", item["discounts"].clone());
    put(&mut line, "tax_rates", item["tax_rates"].clone());
    line
}

/// `amount` × `part` / `whole`, to the nearest unit.
fn share(amount: i64, part: i64, whole: i64) -> i64 {
    let (part, whole) = (i128::from(part.clamp(0, whole.max(0))), i128::from(whole.max(1)));
    let scaled = (i128::from(amount) * part * 2 + whole) / (whole * 2);
    i64::try_from(scaled).unwrap_or(i64::MAX)
}

/// `03 Nov 2026`
fn day(second: i64) -> String {
    let at = Timestamp::from_second(second).unwrap_or_default();
    at.to_zoned(TimeZone::UTC).strftime("%d %b %Y").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(9_900, 15, 30, 4_950)]
    #[case(9_900, 30, 30, 9_900)]
    #[case(9_900, 0, 30, 0)]
    #[case(100, 1, 3, 33)]
    #[case(200, 1, 3, 67)]
    #[case(i64::MAX, 1, 1, i64::MAX)]
    #[case(500, 40, 30, 500)]
    #[case(500, 1, 0, 0)]
    fn a_share_is_rounded(#[case] amount: i64, #[case] part: i64, #[case] whole: i64, #[case] expected: i64) {
        assert_eq!(share(amount, part, whole), expected);
    }
}
