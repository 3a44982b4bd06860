//! Proration: what was paid for and is not used comes back, what is used from now on is asked for.

use jiff::{Timestamp, tz::TimeZone};
use serde_json::Value;

use super::{World, catalog, invoice_item, item, subscription};
use crate::stripe::object::invoice::Billed;
use crate::stripe::object::{NULL, data, text};

/// Makes the pending invoice items of a change of items. Where a new period begins at once, the new items are
/// billed in full and only the unused time is credited.
pub(crate) fn prorate(world: &mut World<'_>, before: &Value, after: &Value, anew: bool) {
    let period = item::period_of(before);
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
        pend(world, before, &old, period, Side::Unused);
        if !anew {
            pend(world, before, &new, period, Side::Remaining);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Unused,
    Remaining,
}

fn pend(world: &mut World<'_>, owner: &Value, item: &Value, (start, end): (i64, i64), side: Side) {
    let Some(quantity) = item["quantity"].as_i64() else { return };
    let now = world.second();
    let price = &item["price"];
    let part = share(subscription::amount(world, price, quantity), end - now, end - start);
    if *price == NULL || part == 0 {
        return;
    }
    let (amount, words) = match side {
        Side::Unused => (-part, "Unused time on"),
        Side::Remaining => (part, "Remaining time on"),
    };
    let many = if quantity == 1 { String::new() } else { format!("{quantity} × ") };
    let description = format!("{words} {many}{} after {}", catalog::name_of(world, price), day(now));
    let billed = Billed { price, quantity: Some(quantity), amount, description, period: (now, end) };
    invoice_item::prorated(world, text(owner, "customer"), text(owner, "id"), &billed);
}

/// `amount` × `part` / `whole`, to the nearest unit.
fn share(amount: i64, part: i64, whole: i64) -> i64 {
    let (part, whole) = (i128::from(part.clamp(0, whole.max(0))), i128::from(whole.max(1)));
    let scaled = (i128::from(amount) * part * 2 + whole) / (whole * 2);
    i64::try_from(scaled).unwrap_or(i64::MAX)
}

/// `23 Nov 2026`
fn day(second: i64) -> String {
    let at = Timestamp::from_second(second).unwrap_or_default();
    at.to_zoned(TimeZone::UTC).strftime("%-d %b %Y").to_string()
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
