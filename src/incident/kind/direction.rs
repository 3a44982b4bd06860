//! Whether there is less or more than what was expected.

use serde_json::Value;

/// How an observed value differs from the expected one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// Less was there.
    Less,
    /// More was there.
    More,
    /// Something else, or it cannot be told.
    Other,
}

impl Direction {
    /// Of two values as [`crate::run_event::Judged`] spells them: JSON, or words.
    pub(super) fn of(expected: &str, observed: &str) -> Self {
        match (value(expected), value(observed)) {
            (Some(expected), Some(observed)) => between(&expected, &observed),
            (None, Some(_)) => of_words(expected),
            _ => Self::Other,
        }
    }
}

fn value(text: &str) -> Option<Value> {
    match text {
        "absent" | "nothing" | "none" => Some(Value::Null),
        text => serde_json::from_str(text).ok(),
    }
}

/// A bound that did not hold was missed on its own side.
fn of_words(expected: &str) -> Direction {
    if expected.starts_with("at least") || expected.starts_with("more than") {
        Direction::Less
    } else if expected.starts_with("at most") || expected.starts_with("less than") {
        Direction::More
    } else {
        Direction::Other
    }
}

fn between(expected: &Value, observed: &Value) -> Direction {
    match (expected, observed) {
        (Value::Number(expected), Value::Number(observed)) => numbers(expected.as_f64(), observed.as_f64()),
        (Value::Array(expected), Value::Array(observed)) => lists(expected, observed),
        (Value::Object(expected), Value::Object(observed)) => expected
            .iter()
            .map(|(key, value)| between(value, observed.get(key).unwrap_or(&Value::Null)))
            .find(|direction| *direction != Direction::Other)
            .unwrap_or(Direction::Other),
        (expected, observed) => match (is_nothing(expected), is_nothing(observed)) {
            (false, true) => Direction::Less,
            (true, false) => Direction::More,
            _ => Direction::Other,
        },
    }
}

fn numbers(expected: Option<f64>, observed: Option<f64>) -> Direction {
    match observed.partial_cmp(&expected) {
        Some(std::cmp::Ordering::Less) => Direction::Less,
        Some(std::cmp::Ordering::Greater) => Direction::More,
        _ => Direction::Other,
    }
}

fn lists(expected: &[Value], observed: &[Value]) -> Direction {
    if expected.iter().any(|item| !observed.contains(item)) {
        Direction::Less
    } else if observed.iter().any(|item| !expected.contains(item)) {
        Direction::More
    } else {
        Direction::Other
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) | Value::Object(_) => false,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("true", "false", Direction::Less)]
    #[case("false", "true", Direction::More)]
    #[case("4", "3", Direction::Less)]
    #[case("100", "200", Direction::More)]
    #[case("\"pro\"", "\"free\"", Direction::Other)]
    #[case("\"pro\"", "absent", Direction::Less)]
    #[case("\"pro\"", "null", Direction::Less)]
    #[case("absent", "\"pro\"", Direction::More)]
    #[case("[\"sso\",\"api\"]", "[\"sso\"]", Direction::Less)]
    #[case("[\"sso\"]", "[\"sso\",\"api\"]", Direction::More)]
    #[case("{\"plan\":\"a\",\"seats\":3}", "{\"plan\":\"b\",\"seats\":1}", Direction::Less)]
    #[case("at least 3", "2", Direction::Less)]
    #[case("at most 3", "4", Direction::More)]
    #[case("one of \"a\", \"b\"", "\"c\"", Direction::Other)]
    #[case("true", "connection refused", Direction::Other)]
    #[case("", "", Direction::Other)]
    fn less_more_or_other(#[case] expected: &str, #[case] observed: &str, #[case] direction: Direction) {
        assert_eq!(Direction::of(expected, observed), direction);
    }
}
