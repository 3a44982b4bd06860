//! Billing periods: calendar arithmetic from an anchor, so that 31 January renews on 28 February and then
//! on 31 March again.

use jiff::{Span, Timestamp, tz::TimeZone};
use serde_json::Value;

use crate::stripe::object::{int, text};

/// Seconds of a day.
pub(crate) const DAY: i64 = 24 * 60 * 60;

/// The first end of a period after `start`, counted from `anchor` in steps of a price's `recurring`.
pub(crate) fn end(anchor: i64, start: i64, recurring: &Value) -> i64 {
    let count = int(recurring, "interval_count").max(1);
    let interval = text(recurring, "interval");
    // An estimate that is never too far: the shortest month has 28 days, the shortest year 365.
    let longest = match interval {
        "day" => DAY,
        "week" => 7 * DAY,
        "year" => 366 * DAY,
        _ => 31 * DAY,
    };
    let passed = (start - anchor).max(0) / longest.saturating_mul(count);
    (passed.max(1)..passed.saturating_add(2_000))
        .map(|steps| step(anchor, interval, steps.saturating_mul(count)))
        .find(|end| *end > start)
        .unwrap_or_else(|| start.saturating_add(longest.saturating_mul(count)))
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
}
