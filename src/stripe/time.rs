//! Stripe's times: whole Unix seconds, which no shift may overflow.

use jiff::{SignedDuration, Timestamp};

/// `seconds` moved by whole seconds of `by`; stays at the end of what a number can hold.
#[must_use]
pub fn shift(seconds: i64, by: SignedDuration) -> i64 {
    seconds.saturating_add(by.as_secs())
}

/// As the v2 API spells it: `2024-09-17T06:20:52.000Z`. What no clock can show is the epoch.
#[must_use]
pub fn rfc3339(seconds: i64) -> String {
    format!("{:.3}", Timestamp::from_second(seconds).unwrap_or_default())
}

/// A shift in words: `1 h earlier`, `1 h 30 min later`, `31 d earlier`.
#[must_use]
pub fn shift_in_words(by: SignedDuration) -> String {
    let direction = if by.is_negative() { "earlier" } else { "later" };
    format!("{} {direction}", in_words(by))
}

/// Length in words, without its sign; below a second it is `0 s`.
#[must_use]
pub fn in_words(duration: SignedDuration) -> String {
    let seconds = duration.as_secs().unsigned_abs();
    let parts = [
        (seconds / 86_400, "d"),
        (seconds / 3_600 % 24, "h"),
        (seconds / 60 % 60, "min"),
        (seconds % 60, "s"),
    ];
    let words: Vec<String> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, unit)| format!("{count} {unit}")).collect();
    if words.is_empty() { "0 s".to_owned() } else { words.join(" ") }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(-3_600, "1 h earlier")]
    #[case(5_400, "1 h 30 min later")]
    #[case(-31 * 86_400 - 1, "31 d 1 s earlier")]
    #[case(0, "0 s later")]
    #[case(i64::MIN, "106751991167300 d 15 h 30 min 8 s earlier")]
    fn shifts_read_as_words(#[case] seconds: i64, #[case] expected: &str) {
        assert_eq!(shift_in_words(SignedDuration::from_secs(seconds)), expected);
    }

    #[rstest]
    #[case(1_726_554_052, "2024-09-17T06:20:52.000Z")]
    #[case(i64::MAX, "1970-01-01T00:00:00.000Z")]
    fn times_of_v2_have_milliseconds(#[case] seconds: i64, #[case] expected: &str) {
        assert_eq!(rfc3339(seconds), expected);
    }

    #[rstest]
    #[case(100, -30, 70)]
    #[case(i64::MAX, 1, i64::MAX)]
    #[case(i64::MIN, -1, i64::MIN)]
    fn shifts_never_overflow(#[case] from: i64, #[case] by: i64, #[case] expected: i64) {
        assert_eq!(shift(from, SignedDuration::from_secs(by)), expected);
    }
}
