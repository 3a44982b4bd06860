//! What a value must be: a literal, or a table of matchers that must all hold.

use std::cmp::Ordering;

use regex::Regex;
use serde_json::{Map, Number, Value};

use super::instant::{instant, spell};
use super::words;

/// The matchers, as users write them.
pub const NAMES: [&str; 12] =
    ["gt", "gte", "lt", "lte", "ne", "contains", "lacks", "matches", "one_of", "absent", "count", "by"];

/// Fields that say how many of something there are, whatever they are compared with.
const NUMBERS_OF_THINGS: [&str; 5] = ["messages", "rows", "calls", "accepted", "refused"];

/// What a value must be. All of it must hold.
#[derive(Debug, Clone)]
pub struct Matchers(Vec<Matcher>);

/// A matcher that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("understand the matcher `{key}`: {problem}")]
pub struct MatcherError {
    /// The key as written; empty for an empty table.
    pub key: String,
    /// What is wrong, in words that follow the key.
    pub problem: String,
}

#[derive(Debug, Clone)]
enum Matcher {
    Is(Value),
    Not(Value),
    Compares(Comparison, Value),
    Contains(Vec<Value>),
    Lacks(Vec<Value>),
    Matches(Regex),
    OneOf(Vec<Value>),
    Absent,
    Present,
    Count(Matchers),
    By(Number),
}

#[derive(Debug, Clone, Copy)]
enum Comparison {
    More,
    AtLeast,
    Less,
    AtMost,
}

impl Matchers {
    /// Understands a rendered value: a table is matchers, anything else a literal.
    ///
    /// # Errors
    /// A key that is no matcher, or a matcher whose value is of the wrong kind.
    pub fn from_value(value: &Value) -> Result<Self, MatcherError> {
        match value {
            Value::Object(table) => Self::from_table(table),
            literal => Ok(Self(vec![Matcher::Is(literal.clone())])),
        }
    }

    /// The same for a field of a probe's `times`: what is compared are instants, however they are spelled.
    ///
    /// # Errors
    /// As [`Matchers::from_value`].
    pub fn of_instants(value: &Value) -> Result<Self, MatcherError> {
        Self::from_value(&with_operands(value, spell))
    }

    /// The same for durations in milliseconds, which may also be written `"2s"`.
    ///
    /// # Errors
    /// As [`Matchers::from_value`].
    pub fn of_durations(value: &Value) -> Result<Self, MatcherError> {
        let milliseconds = |value: Value| match value.as_str().map(str::parse::<jiff::SignedDuration>) {
            Some(Ok(duration)) => i64::try_from(duration.as_millis()).map_or(value, Value::from),
            _ => value,
        };
        Self::from_value(&with_operands(value, milliseconds))
    }

    fn from_table(table: &Map<String, Value>) -> Result<Self, MatcherError> {
        if table.is_empty() {
            return Err(MatcherError {
                key: String::new(),
                problem: "an empty table demands nothing".into(),
            });
        }
        table.iter().map(|(key, value)| Matcher::new(key, value)).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a value is as demanded. `None` is a field that the reading lacks; only `absent = true`, and a
    /// null that a template gave, hold for it: a misspelt JSONPath must not fulfil `ne`. `before` is the value
    /// when the step began.
    #[must_use]
    pub fn check(&self, actual: Option<&Value>, before: Option<&Value>) -> bool {
        self.0.iter().all(|matcher| matcher.check(actual, before))
    }

    /// What is demanded, in words: `"team"`, `at least 3`, `one of "4xx", "5xx"`.
    #[must_use]
    pub fn describe(&self) -> String {
        words::cut(&self.0.iter().map(Matcher::describe).collect::<Vec<_>>().join(" and "))
    }

    /// Whether a change since the step began is demanded, so that a reading from before it is needed.
    #[must_use]
    pub fn needs_before(&self) -> bool {
        self.0.iter().any(|matcher| matches!(matcher, Matcher::By(_)))
    }

    fn counts(&self) -> bool {
        self.0.iter().any(|matcher| matches!(matcher, Matcher::Count(_)))
    }
}

/// Whether an expectation is about how many of something there are. One more may still come, so it must also
/// hold for a while.
#[must_use]
pub fn is_number_of_things(field: &str, matchers: &Matchers) -> bool {
    matchers.counts() || NUMBERS_OF_THINGS.contains(&field)
}

/// Applies `change` to what a value is compared with.
fn with_operands(value: &Value, change: impl Fn(Value) -> Value) -> Value {
    let Value::Object(table) = value else { return change(value.clone()) };
    let operand = |(key, value): (&String, &Value)| {
        let value = match (key.as_str(), value) {
            ("gt" | "gte" | "lt" | "lte" | "ne", value) => change(value.clone()),
            ("one_of", Value::Array(list)) => list.iter().cloned().map(&change).collect(),
            (_, value) => value.clone(),
        };
        (key.clone(), value)
    };
    Value::Object(table.iter().map(operand).collect())
}

impl Matcher {
    fn new(key: &str, value: &Value) -> Result<Self, MatcherError> {
        let wrong = |problem: &str| MatcherError { key: key.to_owned(), problem: problem.to_owned() };
        match key {
            "gt" => comparison(Comparison::More, value),
            "gte" => comparison(Comparison::AtLeast, value),
            "lt" => comparison(Comparison::Less, value),
            "lte" => comparison(Comparison::AtMost, value),
            "ne" => Ok(Self::Not(value.clone())),
            "contains" => non_empty(value).map(Self::Contains),
            "lacks" => non_empty(value).map(Self::Lacks),
            "matches" => pattern(value).map(Self::Matches),
            "one_of" => match value {
                Value::Array(list) if !list.is_empty() => Ok(Self::OneOf(list.clone())),
                _ => Err("must be a list with at least one value".to_owned()),
            },
            "absent" => match value {
                Value::Bool(true) => Ok(Self::Absent),
                Value::Bool(false) => Ok(Self::Present),
                _ => Err("must be true or false".to_owned()),
            },
            "count" => count(value).map(Self::Count),
            "by" => match value {
                Value::Number(number) => Ok(Self::By(number.clone())),
                _ => Err("must be a number".to_owned()),
            },
            _ => Err(format!("is not a matcher; there are {}", NAMES.join(", "))),
        }
        .map_err(|problem| wrong(&problem))
    }

    fn check(&self, actual: Option<&Value>, before: Option<&Value>) -> bool {
        let Some(value) = actual else {
            return matches!(self, Self::Absent | Self::Is(Value::Null));
        };
        match self {
            Self::Is(expected) => equal(value, expected),
            Self::Not(unwanted) => !equal(value, unwanted),
            Self::Compares(comparison, limit) => comparison.holds(value, limit),
            Self::Contains(parts) => parts.iter().all(|part| holds_part(value, part) == Some(true)),
            Self::Lacks(parts) => parts.iter().all(|part| holds_part(value, part) == Some(false)),
            Self::Matches(pattern) => value.as_str().is_some_and(|text| pattern.is_match(text)),
            Self::OneOf(list) => list.iter().any(|expected| equal(value, expected)),
            Self::Absent => value.is_null(),
            Self::Present => !value.is_null(),
            Self::Count(matchers) => match value {
                Value::Array(list) => matchers.check(Some(&Value::from(list.len())), None),
                // Of what is counted already, like the messages of a mail probe.
                Value::Number(_) => matchers.check(Some(value), None),
                _ => false,
            },
            Self::By(change) => changed_by(value, before, change),
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::Is(value) => words::json(value),
            Self::Not(value) => format!("not {}", words::json(value)),
            Self::Compares(comparison, limit) => format!("{} {}", comparison.word(), words::json(limit)),
            Self::Contains(parts) => format!("something with {}", listed(parts)),
            Self::Lacks(parts) => format!("something without {}", listed(parts)),
            Self::Matches(pattern) => format!("a match of /{pattern}/"),
            Self::OneOf(list) => format!("one of {}", listed(list)),
            Self::Absent => "absent".to_owned(),
            Self::Present => "present".to_owned(),
            Self::Count(matchers) => format!("a count of {}", matchers.describe()),
            Self::By(change) => format!("changed by {change}"),
        }
    }
}

fn listed(values: &[Value]) -> String {
    values.iter().map(words::json).collect::<Vec<_>>().join(", ")
}

fn comparison(comparison: Comparison, value: &Value) -> Result<Matcher, String> {
    match value {
        Value::Number(_) => Ok(Matcher::Compares(comparison, value.clone())),
        Value::String(_) if instant(value).is_some() => {
            Ok(Matcher::Compares(comparison, spell(value.clone())))
        }
        _ => Err("must be a number or an instant".to_owned()),
    }
}

/// One part, or a list of them.
fn non_empty(value: &Value) -> Result<Vec<Value>, String> {
    let parts = match value {
        Value::Array(list) => list.clone(),
        one => vec![one.clone()],
    };
    // Every text contains the empty one, so neither matcher would say anything.
    if parts.is_empty() || parts.iter().any(|part| part.as_str() == Some("")) {
        return Err("must name something".to_owned());
    }
    Ok(parts)
}

fn pattern(value: &Value) -> Result<Regex, String> {
    let text = value.as_str().ok_or("must be a regular expression")?;
    Regex::new(text).map_err(|error| {
        // The library draws the pattern over several lines, and says what is wrong in the last one.
        let message = error.to_string();
        let last = message.lines().last().unwrap_or_default();
        format!("must be a regular expression: {}", last.strip_prefix("error: ").unwrap_or(last))
    })
}

fn count(value: &Value) -> Result<Matchers, String> {
    match value {
        Value::Number(number) if number.is_u64() => Ok(Matchers(vec![Matcher::Is(value.clone())])),
        Value::Object(table) => match table.keys().find(|key| !is_for_counts(key)) {
            Some(key) => Err(format!("cannot use `{key}`: a count is a number")),
            None => Matchers::from_table(table).map_err(|error| error.to_string()),
        },
        _ => Err("must be a whole number or matchers".to_owned()),
    }
}

fn is_for_counts(key: &str) -> bool {
    matches!(key, "gt" | "gte" | "lt" | "lte" | "ne" | "one_of")
}

/// Equality: numbers by value (3 is 3.0), everything else exactly; the order of keys does not matter.
pub(crate) fn equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => order(one, other) == Some(Ordering::Equal),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| equal(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, value)| other.get(key).is_some_and(|other| equal(value, other)))
        }
        (one, other) => one == other,
    }
}

fn order(one: &Number, other: &Number) -> Option<Ordering> {
    match (one.as_i128(), other.as_i128()) {
        (Some(one), Some(other)) => Some(one.cmp(&other)),
        _ => one.as_f64()?.partial_cmp(&other.as_f64()?),
    }
}

impl Comparison {
    fn holds(self, value: &Value, limit: &Value) -> bool {
        let order = match (value, limit) {
            (Value::Number(value), Value::Number(limit)) => order(value, limit),
            (value, Value::String(_)) => instant(value).zip(instant(limit)).map(|(a, b)| a.cmp(&b)),
            _ => None,
        };
        order.is_some_and(|order| match self {
            Self::More => order.is_gt(),
            Self::AtLeast => order.is_ge(),
            Self::Less => order.is_lt(),
            Self::AtMost => order.is_le(),
        })
    }

    fn word(self) -> &'static str {
        match self {
            Self::More => "more than",
            Self::AtLeast => "at least",
            Self::Less => "less than",
            Self::AtMost => "at most",
        }
    }
}

/// Whether a text has this part, a list this value, a table this key; `None`: the value has no parts.
fn holds_part(value: &Value, part: &Value) -> Option<bool> {
    match value {
        Value::String(text) => Some(part.as_str().is_some_and(|part| text.contains(part))),
        Value::Array(list) => Some(list.iter().any(|one| equal(one, part))),
        Value::Object(table) => Some(part.as_str().is_some_and(|key| table.contains_key(key))),
        Value::Null => Some(false),
        Value::Bool(_) | Value::Number(_) => None,
    }
}

fn changed_by(value: &Value, before: Option<&Value>, change: &Number) -> bool {
    let (Value::Number(now), Some(Value::Number(before))) = (value, before) else { return false };
    if let (Some(now), Some(before), Some(change)) = (now.as_i128(), before.as_i128(), change.as_i128()) {
        return now - before == change;
    }
    match (now.as_f64(), before.as_f64(), change.as_f64()) {
        // Amounts that an app keeps as floats: 0.3 - 0.1 is 0.2 to everybody but a computer.
        (Some(now), Some(before), Some(change)) => {
            (now - before - change).abs() <= 1e-9 * now.abs().max(before.abs()).max(1.0)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn matchers(value: Value) -> Matchers {
        Matchers::from_value(&value).unwrap_or_else(|error| panic!("{value}: {error}"))
    }

    #[rstest]
    #[case::text(json!("pro"), json!("pro"), true)]
    #[case::case_matters(json!("pro"), json!("Pro"), false)]
    #[case::number_by_value(json!(3), json!(3.0), true)]
    #[case::number_is_no_text(json!(3), json!("3"), false)]
    #[case::large_numbers(json!(u64::MAX), json!(u64::MAX - 1), false)]
    #[case::list(json!([1, "a"]), json!([1.0, "a"]), true)]
    #[case::list_order(json!(["a", "b"]), json!(["b", "a"]), false)]
    #[case::key_order(json!({"one_of": [{"a": 1, "b": 2}]}), json!({"b": 2, "a": 1.0}), true)]
    #[case::false_is_not_null(json!(false), json!(null), false)]
    #[case::gt(json!({"gt": 3}), json!(3), false)]
    #[case::gt_float(json!({"gt": 3}), json!(3.1), true)]
    #[case::gte(json!({"gte": 3}), json!(3), true)]
    #[case::lt(json!({"lt": 3}), json!(2), true)]
    #[case::lte(json!({"lte": 3}), json!(4), false)]
    #[case::all_must_hold(json!({"gt": 1, "lt": 3}), json!(3), false)]
    #[case::gt_of_text(json!({"gt": 3}), json!("4"), false)]
    #[case::gt_instant(json!({"gt": "2026-01-01T00:00:00Z"}), json!("2026-01-01 01:00:00+00"), true)]
    #[case::lt_instant(json!({"lt": "2026-01-01T00:00:00Z"}), json!(1_795_465_912), false)]
    #[case::ne(json!({"ne": "pro"}), json!("free"), true)]
    #[case::ne_same(json!({"ne": 3}), json!(3.0), false)]
    #[case::ne_null(json!({"ne": "pro"}), json!(null), true)]
    #[case::contains_text(json!({"contains": "pend"}), json!("is pending"), true)]
    #[case::contains_element(json!({"contains": "sso"}), json!(["sso", "x"]), true)]
    #[case::contains_all(json!({"contains": ["sso", "y"]}), json!(["sso", "x"]), false)]
    #[case::contains_key(json!({"contains": "sso"}), json!({"sso": 1}), true)]
    #[case::contains_number(json!({"contains": 2}), json!([1, 2.0]), true)]
    #[case::number_contains_nothing(json!({"contains": "1"}), json!(1), false)]
    #[case::lacks(json!({"lacks": "sso"}), json!(["x"]), true)]
    #[case::lacks_any(json!({"lacks": ["a", "x"]}), json!(["x"]), false)]
    #[case::number_cannot_lack(json!({"lacks": "1"}), json!(2), false)]
    #[case::null_lacks(json!({"lacks": "a"}), json!(null), true)]
    #[case::matches(json!({"matches": "^pro-\\d+$"}), json!("pro-12"), true)]
    #[case::matches_not(json!({"matches": "^pro$"}), json!("pro-12"), false)]
    #[case::matches_number(json!({"matches": "1"}), json!(1), false)]
    #[case::one_of(json!({"one_of": ["4xx", "5xx"]}), json!("5xx"), true)]
    #[case::one_of_none(json!({"one_of": ["4xx", "5xx"]}), json!("2xx"), false)]
    #[case::null_is_absent(json!({"absent": true}), json!(null), true)]
    #[case::absent_value(json!({"absent": true}), json!("x"), false)]
    #[case::present(json!({"absent": false}), json!(false), true)]
    #[case::present_null(json!({"absent": false}), json!(null), false)]
    #[case::count(json!({"count": 2}), json!(["a", "b"]), true)]
    #[case::count_zero(json!({"count": 0}), json!([]), true)]
    #[case::count_range(json!({"count": {"gte": 1, "lt": 3}}), json!(["a", "b", "c"]), false)]
    #[case::count_of_text(json!({"count": 2}), json!("ab"), false)]
    fn a_value_is_as_demanded(#[case] demanded: Value, #[case] actual: Value, #[case] expected: bool) {
        assert_eq!(matchers(demanded).check(Some(&actual), None), expected);
    }

    #[rstest]
    #[case(json!("pro"), false)]
    #[case(json!(null), true)]
    #[case(json!({"absent": true}), true)]
    #[case(json!({"absent": false}), false)]
    #[case(json!({"ne": "pro"}), false)]
    #[case(json!({"lacks": "pro"}), false)]
    #[case(json!({"count": 0}), false)]
    #[case(json!({"count": {"lt": 5}}), false)]
    #[case(json!({"by": 0}), false)]
    fn what_is_not_there_fulfils_nothing_but_absent(#[case] demanded: Value, #[case] expected: bool) {
        assert_eq!(matchers(demanded).check(None, None), expected);
    }

    #[rstest]
    #[case::less(json!(-50), json!(100), json!(50), true)]
    #[case::more(json!(100), json!(0), json!(100.0), true)]
    #[case::float(json!(0.2), json!(0.1), json!(0.3), true)]
    #[case::twice(json!(-50), json!(100), json!(0), false)]
    #[case::extremes(json!(-1), json!(u64::MAX), json!(i64::MIN), false)]
    #[case::text(json!(1), json!("1"), json!(2), false)]
    #[case::nothing_before(json!(100), json!(null), json!(100), false)]
    fn a_change_since_the_step_began(
        #[case] by: Value,
        #[case] before: Value,
        #[case] now: Value,
        #[case] expected: bool,
    ) {
        assert_eq!(matchers(json!({ "by": by })).check(Some(&now), Some(&before)), expected);
    }

    #[rstest]
    #[case(json!({}), "", "an empty table demands nothing")]
    #[case(json!({"gte": 1, "greater": 2}), "greater", "is not a matcher; there are gt, ")]
    #[case(json!({"gt": "three"}), "gt", "must be a number or an instant")]
    #[case(json!({"lt": [1]}), "lt", "must be a number or an instant")]
    #[case(json!({"matches": "("}), "matches", "must be a regular expression: unclosed group")]
    #[case(json!({"matches": 3}), "matches", "must be a regular expression")]
    #[case(json!({"one_of": []}), "one_of", "must be a list with at least one value")]
    #[case(json!({"one_of": "a"}), "one_of", "must be a list")]
    #[case(json!({"absent": "yes"}), "absent", "must be true or false")]
    #[case(json!({"count": -1}), "count", "must be a whole number or matchers")]
    #[case(json!({"count": 1.5}), "count", "must be a whole number or matchers")]
    #[case(json!({"count": {"contains": 1}}), "count", "cannot use `contains`")]
    #[case(json!({"count": {}}), "count", "demands nothing")]
    #[case(json!({"by": "x"}), "by", "must be a number")]
    #[case(json!({"contains": []}), "contains", "must name something")]
    #[case(json!({"lacks": ""}), "lacks", "must name something")]
    fn what_cannot_be_understood(#[case] demanded: Value, #[case] key: &str, #[case] problem: &str) {
        let error = Matchers::from_value(&demanded).unwrap_err();
        assert_eq!(error.key, key);
        assert!(error.problem.contains(problem), "{error}");
    }

    #[rstest]
    #[case(json!("team"), r#""team""#)]
    #[case(json!({"gte": 3}), "at least 3")]
    #[case(json!({"gt": 1, "lt": 3.5}), "more than 1 and less than 3.5")]
    #[case(json!({"lte": 3}), "at most 3")]
    #[case(json!({"ne": "pro"}), r#"not "pro""#)]
    #[case(json!({"contains": "pending", "lacks": "x"}), r#"something with "pending" and something without "x""#)]
    #[case(json!({"matches": "^a$"}), "a match of /^a$/")]
    #[case(json!({"one_of": ["4xx", "5xx"]}), r#"one of "4xx", "5xx""#)]
    #[case(json!({"absent": true}), "absent")]
    #[case(json!({"absent": false}), "present")]
    #[case(json!({"count": 12}), "a count of 12")]
    #[case(json!({"count": {"gte": 2}}), "a count of at least 2")]
    #[case(json!({"by": -50}), "changed by -50")]
    fn what_is_demanded_is_said_in_words(#[case] demanded: Value, #[case] expected: &str) {
        assert_eq!(matchers(demanded).describe(), expected);
    }

    #[test]
    fn every_name_is_a_matcher() {
        for name in NAMES {
            let error =
                Matcher::new(name, &json!({"x": 1})).err().map(|error| error.problem).unwrap_or_default();
            assert!(!error.contains("is not a matcher"), "{name}");
        }
    }

    #[rstest]
    #[case(json!(1_795_465_912), true)]
    #[case(json!("2026-11-23"), false)]
    #[case(json!({"gte": "2026-11-23", "lt": 1_795_465_913}), true)]
    #[case(json!({"one_of": [1, "2026-11-23 21:31:52+01:00"]}), true)]
    #[case(json!({"ne": 1_795_465_912}), false)]
    fn instants_are_compared_however_they_are_spelled(#[case] demanded: Value, #[case] expected: bool) {
        let read = json!("2026-11-23T20:31:52Z");
        assert_eq!(Matchers::of_instants(&demanded).unwrap().check(Some(&read), None), expected);
    }

    #[rstest]
    #[case(json!({"lt": "2s"}), true)]
    #[case(json!({"lt": "500ms"}), false)]
    #[case(json!({"lte": 1_500}), true)]
    #[case(json!({"gt": "1s", "lt": "1m"}), true)]
    fn durations_are_milliseconds(#[case] demanded: Value, #[case] expected: bool) {
        assert_eq!(Matchers::of_durations(&demanded).unwrap().check(Some(&json!(1_500)), None), expected);
    }

    #[rstest]
    #[case("messages", json!(1), true)]
    #[case("rows", json!({"gte": 1}), true)]
    #[case("calls", json!(0), true)]
    #[case("features", json!({"count": 12}), true)]
    #[case("features", json!({"contains": "sso"}), false)]
    #[case("balance", json!(100), false)]
    fn numbers_of_things(#[case] field: &str, #[case] demanded: Value, #[case] expected: bool) {
        assert_eq!(is_number_of_things(field, &matchers(demanded)), expected);
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "[a-z2:-]{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((prop::sample::select(NAMES.to_vec()), inner), 0..4).prop_map(
                    |pairs| {
                        Value::Object(pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
                    }
                ),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_literal_is_itself_and_ne_its_opposite(value in any_json(), other in any_json()) {
            prop_assert!(equal(&value, &value));
            prop_assert_eq!(equal(&value, &other), equal(&other, &value));
            let (is, not) = (matchers(json!({"one_of": [value.clone()]})), matchers(json!({ "ne": value })));
            prop_assert_ne!(is.check(Some(&other), None), not.check(Some(&other), None));
        }

        #[test]
        fn nothing_makes_it_panic(demanded in any_json(), actual in any_json(), before in any_json()) {
            if let Ok(matchers) = Matchers::from_value(&demanded) {
                let _ = (matchers.check(Some(&actual), Some(&before)), matchers.check(None, None));
                prop_assert!(!matchers.describe().is_empty());
            }
        }
    }
}
