//! Durations as people write them: `10s`, `1h30m`, `-31d`.

use std::time::Duration;

use jiff::SignedDuration;

/// Units and their milliseconds, largest first: a duration names each once, in this order.
const UNITS: [(&str, i64); 6] =
    [("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Longer ones are surely a slip: a hundred years.
const LONGEST_MS: i64 = 100 * 366 * 86_400_000;

/// Parses a duration that may be negative.
pub(crate) fn signed(text: &str) -> Result<SignedDuration, &'static str> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(SignedDuration::ZERO);
    }
    if rest.is_empty() {
        return Err("a duration needs a number and a unit");
    }
    let mut rest = rest;
    let mut units = UNITS.as_slice();
    let mut total = 0_i64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or("the unit is missing")?;
        let number: i64 = rest[..digits].parse().map_err(|_| "a number is missing, or too large")?;
        let after = &rest[digits..];
        let word = &after[..after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len())];
        let at = units.iter().position(|(unit, _)| *unit == word).ok_or_else(|| unit_problem(word))?;
        total = number
            .checked_mul(units[at].1)
            .and_then(|part| total.checked_add(part))
            .filter(|total| *total <= LONGEST_MS)
            .ok_or("longer than a hundred years")?;
        units = &units[at + 1..];
        rest = &after[word.len()..];
    }
    Ok(SignedDuration::from_millis(sign * total))
}

fn unit_problem(word: &str) -> &'static str {
    match word {
        "" => "the unit is missing",
        _ if UNITS.iter().any(|(unit, _)| *unit == word) => "units go from the largest to the smallest",
        _ => "the units are w, d, h, m, s and ms",
    }
}

/// Parses a duration that cannot be negative.
pub(crate) fn unsigned(text: &str) -> Result<Duration, &'static str> {
    let duration = signed(text)?;
    Duration::try_from(duration).map_err(|_| "it cannot be negative")
}

/// The shortest spelling that parses back to the same.
pub(crate) fn spell(duration: SignedDuration) -> String {
    let ms = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    let mut rest = ms.unsigned_abs();
    let mut text = String::from(if ms < 0 { "-" } else { "" });
    // Weeks are read but not written: `31d` says more than `4w3d`.
    for (unit, length) in &UNITS[1..] {
        let length = length.unsigned_abs();
        if rest >= length {
            text.push_str(&format!("{}{unit}", rest / length));
            rest %= length;
        }
    }
    if ms == 0 { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("10s", 10_000)]
    #[case("500ms", 500)]
    #[case("1h30m", 5_400_000)]
    #[case("-31d", -2_678_400_000)]
    #[case("+2w", 1_209_600_000)]
    #[case("0", 0)]
    #[case("0ms", 0)]
    #[case("1d1ms", 86_400_001)]
    fn durations_are_read(#[case] text: &str, #[case] ms: i64) {
        assert_eq!(signed(text), Ok(SignedDuration::from_millis(ms)));
    }

    #[rstest::rstest]
    #[case("", "a duration needs a number and a unit")]
    #[case("-", "a duration needs a number and a unit")]
    #[case("10", "the unit is missing")]
    #[case("10 s", "the unit is missing")]
    #[case("s", "a number is missing, or too large")]
    #[case("1m1h", "units go from the largest to the smallest")]
    #[case("1s1s", "units go from the largest to the smallest")]
    #[case("10seconds", "the units are w, d, h, m, s and ms")]
    #[case("1.5s", "the unit is missing")]
    #[case("99999999999999999999s", "a number is missing, or too large")]
    #[case("9999999999999w", "longer than a hundred years")]
    #[case("10ü", "the unit is missing")]
    fn others_say_why_not(#[case] text: &str, #[case] why: &str) {
        assert_eq!(signed(text), Err(why));
    }

    #[test]
    fn a_wait_cannot_be_negative() {
        assert_eq!(unsigned("-1s"), Err("it cannot be negative"));
    }

    proptest::proptest! {
        #[test]
        fn what_is_spelled_reads_the_same(ms in -LONGEST_MS..LONGEST_MS) {
            let duration = SignedDuration::from_millis(ms);
            proptest::prop_assert_eq!(signed(&spell(duration)), Ok(duration));
        }

        #[test]
        fn nothing_panics(text in ".*") {
            let _ = signed(&text);
        }
    }
}
