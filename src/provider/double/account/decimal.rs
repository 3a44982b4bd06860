//! Decimal numbers as Stripe writes them in texts: percentages, and amounts with parts of a cent.

use serde_json::Value;

/// `8.25` with two digits is 825; what has more digits than asked for is rounded, half away from zero.
pub(crate) fn scaled(text: &str, digits: usize) -> Option<i128> {
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |text| (true, text));
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) || text.len() > 32 {
        return None;
    }
    let kept: String = fraction.chars().chain(std::iter::repeat('0')).take(digits).collect();
    let number: i128 = format!("{whole}{kept}").parse().ok()?;
    let up = fraction.as_bytes().get(digits).is_some_and(|next| *next >= b'5');
    let number = number.saturating_add(i128::from(up));
    Some(if negative { -number } else { number })
}

/// The same of a JSON value: Stripe takes numbers and texts.
pub(crate) fn scaled_value(value: &Value, digits: usize) -> Option<i128> {
    match value {
        Value::String(text) => scaled(text, digits),
        Value::Number(number) => scaled(&number.to_string(), digits),
        _ => None,
    }
}

/// `number` / `by`, to the nearest, half away from zero; within what an amount can hold.
pub(crate) fn divided(number: i128, by: i128) -> i64 {
    let by = by.max(1);
    let half = if number < 0 { -(by / 2) } else { by / 2 };
    let rounded = number.saturating_add(half) / by;
    i64::try_from(rounded).unwrap_or(if rounded < 0 { i64::MIN } else { i64::MAX })
}

/// A decimal text as the JSON number that Stripe shows for percentages: `20`, `25.5`.
pub(crate) fn as_number(text: &str) -> Value {
    let shortest = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text };
    serde_json::from_str(shortest).unwrap_or_else(|_| text.into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[rstest::rstest]
    #[case("20", 4, Some(200_000))]
    #[case("25.5", 4, Some(255_000))]
    #[case("0.00005", 4, Some(1))]
    #[case("0.00004", 4, Some(0))]
    #[case("-1.5", 0, Some(-2))]
    #[case("", 2, None)]
    #[case(".5", 2, None)]
    #[case("1e3", 2, None)]
    #[case("99999999999999999999999999999999", 12, None)]
    fn texts_become_whole_numbers(#[case] text: &str, #[case] digits: usize, #[case] expected: Option<i128>) {
        assert_eq!(scaled(text, digits), expected);
    }

    #[rstest::rstest]
    #[case(5, 2, 3)]
    #[case(-5, 2, -3)]
    #[case(4, 3, 1)]
    #[case(i128::MAX, 1, i64::MAX)]
    #[case(i128::MIN, 1, i64::MIN)]
    #[case(7, 0, 7)]
    fn division_rounds_half_away_from_zero(#[case] number: i128, #[case] by: i128, #[case] expected: i64) {
        assert_eq!(divided(number, by), expected);
    }

    #[rstest::rstest]
    #[case("20", json!(20))]
    #[case("20.00", json!(20))]
    #[case("25.5", json!(25.5))]
    #[case("100", json!(100))]
    fn numbers_are_shown_short(#[case] text: &str, #[case] expected: Value) {
        assert_eq!(as_number(text), expected);
    }
}
