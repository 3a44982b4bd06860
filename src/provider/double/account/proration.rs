//! Proration: what was paid for and is not used comes back, what is used from now on is asked for, to the second
//! (<https://docs.stripe.com/billing/subscriptions/prorations>).

use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value, json};

use super::{World, catalog, invoice_item, item, period, subscription};
use crate::provider::double::store::Kind;
use crate::stripe::object::invoice::{self, Billed};
use crate::stripe::object::{NULL, data, put, text};

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
    let period = item::period_of(before);
    for id in ids {
        let (old, new) = (find(before, &id), find(after, &id));
        if !anew && (&old["price"]["id"], &old["quantity"]) == (&new["price"]["id"], &new["quantity"]) {
            continue;
        }
        pend(world, before, &old, period, at, Side::Unused);
        if !anew {
            pend(world, before, &new, period, at, Side::Remaining);
        }
    }
}

/// Credits what a subscription will not use from `at` on.
pub(crate) fn credit(world: &mut World<'_>, subscription: &Value, at: i64) {
    let period = item::period_of(subscription);
    for item in data(&subscription["items"]) {
        pend(world, subscription, item, period, at, Side::Unused);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Unused,
    Remaining,
}

fn pend(world: &mut World<'_>, owner: &Value, item: &Value, (start, end): (i64, i64), at: i64, side: Side) {
    let Some(quantity) = item["quantity"].as_i64() else { return };
    let price = &item["price"];
    let part = share(subscription::amount(world, price, quantity), end - at, end - start);
    if *price == NULL || part == 0 {
        return;
    }
    let (amount, words) = match side {
        Side::Unused => (-part, "Unused time on"),
        Side::Remaining => (part, "Remaining time on"),
    };
    let many = if quantity == 1 { String::new() } else { format!("{quantity} × ") };
    let description = format!("{words} {many}{} after {}", catalog::name_of(world, price), day(at));
    let billed = Billed { price, quantity: Some(quantity), amount, description, period: (at, end) };
    let credited = if side == Side::Unused { credited(world, owner, item) } else { NULL };
    invoice_item::prorated(world, owner, text(item, "id"), &billed, &credited);
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
pub(crate) fn stub_lines(world: &World<'_>, subscription: &Value, (start, end): (i64, i64)) -> Vec<Value> {
    let line = |item: &Value| {
        let price = &item["price"];
        let quantity = item["quantity"].as_i64()?;
        let amount = stub(world, price, quantity, (start, end));
        Some(time_line(world, subscription, item, quantity, amount, (start, end)))
    };
    data(&subscription["items"]).iter().filter_map(line).collect()
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
