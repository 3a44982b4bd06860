//! Billing periods: calendar arithmetic from an anchor, so that 31 January renews on 28 February and then
//! on 31 March again.

use jiff::{Span, Timestamp, tz::TimeZone};
use serde_json::Value;

use crate::stripe::object::{int, text};

/// Seconds of a day.
pub(crate) const DAY: i64 = 24 * 60 * 60;

/// The first end of a period after `start`, counted from `anchor` in steps of a price's `recurring`.
pub(crate) fn end(anchor: i64, start: i64, recurring: &Value) -> i64 {
    let Every { interval, count, longest, .. } = Every::of(recurring);
    let passed = (start - anchor).max(0) / longest.saturating_mul(count);
    (passed.max(1)..passed.saturating_add(2_000))
        .map(|steps| step(anchor, interval, steps.saturating_mul(count)))
        .find(|end| *end > start)
        .unwrap_or_else(|| start.saturating_add(longest.saturating_mul(count)))
}

/// The whole period that `at` lies in, counted from `anchor` forwards and backwards.
pub(crate) fn around(anchor: i64, at: i64, recurring: &Value) -> (i64, i64) {
    let Every { interval, count, shortest, longest } = Every::of(recurring);
    let apart = at.saturating_sub(anchor);
    // An estimate that is never too late: long intervals after the anchor, short ones before it.
    let first = match apart < 0 {
        true => apart.div_euclid(shortest.saturating_mul(count)).saturating_sub(1),
        false => apart / longest.saturating_mul(count),
    };
    let mut start = step(anchor, interval, first.saturating_mul(count));
    for steps in first.saturating_add(1)..first.saturating_add(4_000) {
        let end = step(anchor, interval, steps.saturating_mul(count));
        if end > at {
            return (start.min(at), end);
        }
        start = end;
    }
    (at, at.saturating_add(longest.saturating_mul(count)))
}

/// How often a price is billed.
struct Every<'a> {
    interval: &'a str,
    count: i64,
    /// Seconds of the shortest and of the longest such interval.
    shortest: i64,
    longest: i64,
}

impl<'a> Every<'a> {
    fn of(recurring: &'a Value) -> Self {
        let interval = text(recurring, "interval");
        let (shortest, longest) = match interval {
            "day" => (1, 1),
            "week" => (7, 7),
            "year" => (365, 366),
            _ => (28, 31),
        };
        let count = int(recurring, "interval_count").max(1);
        Self { interval, count, shortest: shortest * DAY, longest: longest * DAY }
    }

    /// In units that no calendar changes: days, or months.
    fn units(&self) -> (Unit, i64) {
        match self.interval {
            "day" => (Unit::Day, self.count),
            "week" => (Unit::Day, self.count.saturating_mul(7)),
            "year" => (Unit::Month, self.count.saturating_mul(12)),
            _ => (Unit::Month, self.count),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    Day,
    Month,
}

/// Whether two prices are billed equally often, as a subscription in classic billing mode wants it.
pub(crate) fn same(one: &Value, other: &Value) -> bool {
    (&one["interval"], int(one, "interval_count").max(1))
        == (&other["interval"], int(other, "interval_count").max(1))
}

/// The same of any number of them.
pub(crate) fn all_same<'a>(mut all: impl Iterator<Item = &'a Value>) -> bool {
    let Some(first) = all.next() else { return true };
    all.all(|other| same(first, other))
}

/// Whether every period is a multiple of the shortest, as Stripe wants it of one subscription. A week is 7 days and a
/// year 12 months; beside that, one day divides whole months, and no other count of days or weeks does
/// (<https://docs.stripe.com/billing/subscriptions/mixed-interval#interval-alignment>).
pub(crate) fn align<'a>(all: impl Iterator<Item = &'a Value>) -> bool {
    let all: Vec<(Unit, i64)> = all.map(|recurring| Every::of(recurring).units()).collect();
    let of = |wanted: Unit| all.iter().filter(move |(unit, _)| *unit == wanted).map(|(_, count)| *count);
    let divides = |wanted: Unit| {
        let shortest = of(wanted).min().unwrap_or(1).max(1);
        of(wanted).all(|count| count % shortest == 0)
    };
    let mixed = of(Unit::Day).next().is_some() && of(Unit::Month).next().is_some();
    match mixed {
        true => of(Unit::Day).min() == Some(1),
        false => divides(Unit::Day) && divides(Unit::Month),
    }
}

/// The start of the whole period that ends at `anchor`.
pub(crate) fn before(anchor: i64, recurring: &Value) -> i64 {
    let start = step(anchor, text(recurring, "interval"), -int(recurring, "interval_count").max(1));
    if start < anchor { start } else { anchor.saturating_sub(DAY) }
}

/// `anchor` and so many intervals; `anchor` itself at the end of time.
fn step(anchor: i64, interval: &str, count: i64) -> i64 {
    let span = match interval {
        "day" => Span::new().try_days(count),
        "week" => Span::new().try_weeks(count),
        "year" => Span::new().try_years(count),
        _ => Span::new().try_months(count),
    };
    let moved = span.and_then(|span| {
        Timestamp::from_second(anchor)?.to_zoned(TimeZone::UTC).checked_add(span).map(|at| at.timestamp())
    });
    moved.map_or(anchor, Timestamp::as_second)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn seconds(date: &str) -> i64 {
        date.parse::<Timestamp>().unwrap().as_second()
    }

    #[rstest::rstest]
    #[case("2026-01-31T00:00:00Z", "2026-01-31T00:00:00Z", "month", 1, "2026-02-28T00:00:00Z")]
    #[case("2026-01-31T00:00:00Z", "2026-02-28T00:00:00Z", "month", 1, "2026-03-31T00:00:00Z")]
    #[case("2026-11-23T10:00:00Z", "2026-11-23T10:00:00Z", "year", 1, "2027-11-23T10:00:00Z")]
    #[case("2024-02-29T00:00:00Z", "2027-02-28T00:00:00Z", "year", 1, "2028-02-29T00:00:00Z")]
    #[case("2026-11-23T10:00:00Z", "2027-02-23T10:00:00Z", "month", 3, "2027-05-23T10:00:00Z")]
    #[case("2026-11-23T10:00:00Z", "2026-11-23T10:00:00Z", "week", 2, "2026-12-07T10:00:00Z")]
    #[case("2000-01-01T00:00:00Z", "2026-11-23T00:00:00Z", "day", 1, "2026-11-24T00:00:00Z")]
    #[case("1990-01-31T00:00:00Z", "2026-01-31T00:00:00Z", "month", 1, "2026-02-28T00:00:00Z")]
    fn periods_keep_the_anchor_day(
        #[case] anchor: &str,
        #[case] start: &str,
        #[case] interval: &str,
        #[case] count: i64,
        #[case] expected: &str,
    ) {
        let recurring = json!({"interval": interval, "interval_count": count});
        assert_eq!(end(seconds(anchor), seconds(start), &recurring), seconds(expected));
    }

    #[rstest::rstest]
    #[case("2026-01-31", "2026-02-10", "month", 1, "2026-01-31", "2026-02-28")]
    #[case("2026-01-31", "2026-03-01", "month", 1, "2026-02-28", "2026-03-31")]
    #[case("2026-01-31", "2026-02-28", "month", 1, "2026-02-28", "2026-03-31")]
    #[case("2026-01-01", "2026-03-01", "year", 1, "2026-01-01", "2027-01-01")]
    #[case("2024-01-01", "2026-03-01", "year", 1, "2026-01-01", "2027-01-01")]
    #[case("2026-03-31", "2026-02-10", "month", 1, "2026-01-31", "2026-02-28")]
    #[case("2026-03-31", "2024-02-10", "month", 1, "2024-01-31", "2024-02-29")]
    #[case("2026-03-31", "2026-03-30", "month", 1, "2026-02-28", "2026-03-31")]
    #[case("2026-03-31", "2026-03-31", "month", 3, "2026-03-31", "2026-06-30")]
    #[case("2026-11-23", "2026-11-22", "week", 2, "2026-11-09", "2026-11-23")]
    #[case("1970-01-02", "2026-11-22", "day", 1, "2026-11-22", "2026-11-23")]
    #[case("2026-11-22", "1970-01-02", "day", 1, "1970-01-02", "1970-01-03")]
    fn a_moment_lies_in_a_whole_period(
        #[case] anchor: &str,
        #[case] at: &str,
        #[case] interval: &str,
        #[case] count: i64,
        #[case] start: &str,
        #[case] end: &str,
    ) {
        let [anchor, at, start, end] =
            [anchor, at, start, end].map(|day| seconds(&format!("{day}T00:00:00Z")));
        let recurring = json!({"interval": interval, "interval_count": count});
        assert_eq!(around(anchor, at, &recurring), (start, end));
    }

    /// Stripe's own examples.
    #[rstest::rstest]
    #[case(&[("month", 1), ("month", 3)], true)]
    #[case(&[("month", 1), ("year", 1)], true)]
    #[case(&[("day", 1), ("week", 1)], true)]
    #[case(&[("day", 1), ("month", 3)], true)]
    #[case(&[("day", 1), ("year", 2)], true)]
    #[case(&[("week", 2), ("week", 4)], true)]
    #[case(&[("month", 2), ("month", 4), ("month", 6)], true)]
    #[case(&[("week", 1), ("day", 7)], true)]
    #[case(&[("month", 12), ("year", 1)], true)]
    #[case(&[("month", 2), ("month", 3)], false)]
    #[case(&[("month", 4), ("month", 6)], false)]
    #[case(&[("week", 1), ("month", 1)], false)]
    #[case(&[("day", 2), ("week", 1)], false)]
    #[case(&[("month", 5), ("year", 1)], false)]
    #[case(&[("week", 1), ("year", 1)], false)]
    fn intervals_align(#[case] intervals: &[(&str, i64)], #[case] expected: bool) {
        let all: Vec<Value> = intervals
            .iter()
            .map(|(interval, count)| json!({"interval": interval, "interval_count": count}))
            .collect();
        assert_eq!(align(all.iter()), expected);
        assert_eq!(align(all.iter().rev()), expected);
    }
}
