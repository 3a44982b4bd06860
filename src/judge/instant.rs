//! One spelling for what apps spell in many ways: instants, and words for the same state.

use std::sync::OnceLock;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use regex::Regex;
use serde_json::{Map, Value};

use crate::project::model::Probe;

/// Unix times of this size and more are milliseconds: as seconds they would lie after the year 5138, and as
/// milliseconds anything smaller would lie before March 1973, when there was no Stripe.
const FIRST_MILLISECOND: f64 = 100_000_000_000.0;

/// Brings a reading to Stripe's words (`words`) and to one spelling of instants (`times`), which everything
/// else in this module relies on.
///
/// A word that the probe does not list, and a time that cannot be read as one, stay as they are.
#[must_use]
pub fn normalise(probe: &Probe, fields: Map<String, Value>) -> Map<String, Value> {
    fields
        .into_iter()
        .map(|(field, value)| {
            let value = match probe.words.get(&field) {
                Some(words) => translate(words, value),
                None => value,
            };
            let value = if probe.times.contains(&field) { spell(value) } else { value };
            (field, value)
        })
        .collect()
}

/// The app's word as Stripe's; in a list, each of them.
fn translate(words: &std::collections::BTreeMap<String, Value>, value: Value) -> Value {
    let word = match &value {
        Value::String(word) => words.get(word),
        Value::Array(_) => None,
        other => words.get(&other.to_string()),
    };
    match (word, value) {
        (Some(word), _) => word.clone(),
        (None, Value::Array(list)) => list.into_iter().map(|value| translate(words, value)).collect(),
        (None, value) => value,
    }
}

/// An instant in the one spelling that is compared: `2026-11-23T20:31:52Z`. Other values stay as they are.
#[must_use]
pub fn spell(value: Value) -> Value {
    instant(&value).map_or(value, |at| Value::String(at.to_string()))
}

/// The instant that a value means, to the second: Unix seconds or milliseconds (as number or text), RFC 3339,
/// `2026-11-23 20:31:52[.123][Z|±hh[:mm]]` as databases print it, or a date, which means its midnight.
///
/// What names no zone is UTC, as Stripe's times are.
#[must_use]
pub fn instant(value: &Value) -> Option<Timestamp> {
    let at = match value {
        Value::Number(number) => unix(number.as_f64()?)?,
        Value::String(text) => parse(text.trim())?,
        _ => return None,
    };
    Timestamp::from_second(at.as_nanosecond().div_euclid(1_000_000_000).try_into().ok()?).ok()
}

fn unix(number: f64) -> Option<Timestamp> {
    let milliseconds = if number.abs() >= FIRST_MILLISECOND { number } else { number * 1_000.0 };
    // Beyond what an i64 holds the cast saturates, and jiff refuses the result.
    #[expect(clippy::cast_possible_truncation, reason = "fractions of a millisecond do not matter")]
    Timestamp::from_millisecond(milliseconds.floor() as i64).ok()
}

fn parse(text: &str) -> Option<Timestamp> {
    if is_number(text) {
        return unix(text.parse().ok()?);
    }
    // A time without a date is none, however leniently a parser may read it.
    if text.get(..10).is_none_or(|date| date.parse::<Date>().is_err()) {
        return None;
    }
    let in_utc = |civil: DateTime| civil.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    text.parse().ok().or_else(|| in_utc(text.parse().ok()?))
}

fn is_number(text: &str) -> bool {
    static NUMBER: OnceLock<Option<Regex>> = OnceLock::new();
    let number = NUMBER.get_or_init(|| Regex::new(r"^-?\d+(\.\d+)?$").ok());
    number.as_ref().is_some_and(|number| number.is_match(text))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::project::model::ProbeKind;
    use crate::span::{Place, Source};

    #[rstest]
    #[case::seconds(json!(1_795_465_912))]
    #[case::milliseconds(json!(1_795_465_912_000_i64))]
    #[case::fraction(json!(1_795_465_912.75))]
    #[case::text_of_seconds(json!("1795465912"))]
    #[case::text_of_milliseconds(json!("1795465912999"))]
    #[case::rfc_3339(json!("2026-11-23T20:31:52Z"))]
    #[case::with_fraction(json!("2026-11-23T20:31:52.123456Z"))]
    #[case::with_offset(json!("2026-11-23T21:31:52+01:00"))]
    #[case::database(json!("2026-11-23 20:31:52"))]
    #[case::database_fraction(json!("2026-11-23 20:31:52.999"))]
    #[case::database_zulu(json!("2026-11-23 20:31:52Z"))]
    #[case::database_offset(json!("2026-11-23 15:01:52-05:30"))]
    #[case::postgres(json!("2026-11-23 21:31:52.5+01"))]
    #[case::spaces(json!(" 2026-11-23T20:31:52Z "))]
    fn one_instant_in_many_spellings(#[case] value: Value) {
        assert_eq!(spell(value), json!("2026-11-23T20:31:52Z"));
    }

    #[rstest]
    #[case::date(json!("2026-11-23"), Some("2026-11-23T00:00:00Z"))]
    #[case::before_1970(json!(-1.5), Some("1969-12-31T23:59:58Z"))]
    #[case::word(json!("tomorrow"), None)]
    #[case::time_only(json!("20:31:52"), None)]
    #[case::no_such_day(json!("2026-02-30"), None)]
    #[case::boolean(json!(true), None)]
    #[case::far_away(json!(1e300), None)]
    #[case::not_ascii(json!("２０２６-11-23"), None)]
    fn other_values(#[case] value: Value, #[case] expected: Option<&str>) {
        assert_eq!(instant(&value).map(|at| at.to_string()), expected.map(str::to_owned));
    }

    #[test]
    fn a_reading_is_brought_to_stripes_words_and_instants() {
        let word = |from: &str, to| (from.to_owned(), to);
        let probe = Probe {
            kind: ProbeKind::Truth,
            times: vec!["renews_at".into()],
            words: [(
                "status".to_owned(),
                [word("CLOSED", json!("canceled")), word("1", json!("active"))].into_iter().collect(),
            )]
            .into_iter()
            .collect(),
            place: Place {
                source: Arc::new(Source { path: "paydrill.toml".into(), text: String::new() }),
                range: 0..0,
            },
        };
        let normalised = |fields: Value| {
            let Value::Object(fields) = fields else { panic!("not a reading: {fields}") };
            Value::Object(normalise(&probe, fields))
        };
        assert_eq!(
            normalised(json!({"status": "CLOSED", "plan": "CLOSED", "renews_at": 0})),
            json!({"status": "canceled", "plan": "CLOSED", "renews_at": "1970-01-01T00:00:00Z"})
        );
        assert_eq!(normalised(json!({"status": 1})), json!({"status": "active"}));
        assert_eq!(normalised(json!({"status": ["CLOSED", "x"]})), json!({"status": ["canceled", "x"]}));
        assert_eq!(normalised(json!({"renews_at": "soon"})), json!({"renews_at": "soon"}));
    }

    proptest! {
        #[test]
        fn every_second_survives_every_spelling(second in 100_000_000_i64..100_000_000_000 ) {
            let at = Timestamp::from_second(second).unwrap();
            let spelled = json!(at.to_string());
            prop_assert_eq!(spell(json!(second)), spelled.clone());
            prop_assert_eq!(spell(json!(second * 1_000)), spelled.clone());
            prop_assert_eq!(spell(json!(at.to_string().replace('T', " "))), spelled.clone());
            prop_assert_eq!(spell(spelled.clone()), spelled);
        }

        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            let _ = instant(&json!(text));
        }
    }
}
