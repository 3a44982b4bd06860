//! The parameters of a call, typed by the table of the route: form encoding has strings only.

use std::fmt::Display;

use serde_json::{Map, Value};

use super::error::ApiError;

/// What a parameter is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Is {
    /// Text; empty unsets it.
    Text,
    /// A whole number; empty unsets it.
    Int,
    /// Seconds since the epoch, or `now`.
    Time,
    /// Seconds since the epoch, or one of a few words.
    TimeOr(&'static [&'static str]),
    /// `true` or `false`.
    Bool,
    /// Nested fields, kept as given; empty unsets it.
    Map,
    /// Nested fields, each typed by a table of its own; empty unsets it.
    Fields(Table),
    /// Text, or nested fields in its place; empty unsets it.
    TextOr(Table),
    /// `metadata`: merged key by key, empty values unset keys.
    Meta,
    /// A list, kept as given; empty clears it.
    List,
    /// A list of texts; empty clears it.
    Texts,
    /// A list of nested fields, each row typed by the table; empty clears it.
    Rows(Table),
    /// Must be given.
    Needed(&'static Is),
    /// A number with a fraction, kept as text; empty unsets it.
    Decimal,
    /// One of a few words.
    Choice(&'static [&'static str]),
    /// Stripe has it, the double refuses it by name.
    NotModelled,
}

/// The parameters of one route.
pub(crate) type Table = &'static [(&'static str, Is)];

/// Several tables as one: what calls share stands in a table of its own.
macro_rules! joined {
    ($($part:expr),+ $(,)?) => {{
        const ALL: [(&str, $crate::provider::double::params::Is); 0 $(+ $part.len())+] =
            $crate::provider::double::params::join(&[$($part),+]);
        &ALL
    }};
}
pub(crate) use joined;

/// What [`joined!`] makes of its parts, which have `N` rows in all.
pub(crate) const fn join<const N: usize>(parts: &[Table]) -> [(&'static str, Is); N] {
    let mut all = [("", Is::Text); N];
    let (mut part, mut at) = (0, 0);
    while part < parts.len() {
        let mut row = 0;
        while row < parts[part].len() {
            all[at] = parts[part][row];
            at += 1;
            row += 1;
        }
        part += 1;
    }
    all
}

/// Parameters that passed their table.
#[derive(Debug, Clone, Default)]
pub(crate) struct Params(Map<String, Value>);

impl Params {
    /// Checks and types `given` by `table`; `route` is named where a parameter is not modelled.
    ///
    /// # Errors
    /// Stripe's, for the first parameter that is unknown or of a wrong type.
    pub(crate) fn read(
        given: &Map<String, Value>,
        table: Table,
        route: &dyn Display,
    ) -> Result<Self, ApiError> {
        typed(given, table, "", route).map(Self)
    }

    /// The fields of a nested parameter, as parameters of their own.
    pub(crate) fn inside(&self, name: &str) -> Self {
        Self(self.0.get(name).and_then(Value::as_object).cloned().unwrap_or_default())
    }

    /// The same, and one that the path says.
    pub(crate) fn with(&self, name: &str, value: impl Into<Value>) -> Self {
        let mut fields = self.0.clone();
        fields.insert(name.to_owned(), value.into());
        Self(fields)
    }

    /// Parameters that passed their table before and were kept since.
    pub(crate) fn kept(value: &Value) -> Self {
        Self(value.as_object().cloned().unwrap_or_default())
    }

    /// All of them.
    pub(crate) fn fields(&self) -> &Map<String, Value> {
        &self.0
    }

    /// The value, also where it is null because the caller unset it.
    pub(crate) fn given(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    pub(crate) fn needed(&self, name: &str) -> Result<&str, ApiError> {
        self.text(name).ok_or_else(|| ApiError::missing_param(name))
    }

    pub(crate) fn int(&self, name: &str) -> Option<i64> {
        self.0.get(name).and_then(Value::as_i64)
    }

    pub(crate) fn is_true(&self, name: &str) -> bool {
        self.0.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    pub(crate) fn list(&self, name: &str) -> &[Value] {
        self.0.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// Lays the named parameters over `object`: what was given replaces, null unsets, maps and metadata merge.
    pub(crate) fn apply(&self, object: &mut Value, names: &[&str]) {
        let Value::Object(fields) = object else { return };
        for name in names {
            let Some(value) = self.0.get(*name) else { continue };
            if *name == "metadata" {
                let metadata = fields.entry("metadata").or_insert_with(|| Value::Object(Map::new()));
                merge_metadata(metadata, value);
                continue;
            }
            match (fields.get_mut(*name), value) {
                (Some(old @ Value::Object(_)), Value::Object(new)) => crate::stripe::object::merge(old, new),
                _ => {
                    fields.insert((*name).to_owned(), value.clone());
                }
            }
        }
    }
}

/// Empty unsets everything; an empty value unsets its key.
pub(crate) fn merge_metadata(metadata: &mut Value, given: &Value) {
    let Value::Object(fields) = metadata else { return };
    let Value::Object(given) = given else {
        fields.clear();
        return;
    };
    for (key, value) in given {
        if value.as_str() == Some("") || value.is_null() {
            fields.shift_remove(key);
        } else {
            fields.insert(key.clone(), value.clone());
        }
    }
}

/// Types `given` by `table`. `within` is the parameter that these are nested in: `items[0]`.
fn typed(
    given: &Map<String, Value>,
    table: Table,
    within: &str,
    route: &dyn Display,
) -> Result<Map<String, Value>, ApiError> {
    let full = |name: &str| match within {
        "" => name.to_owned(),
        within => format!("{within}[{name}]"),
    };
    let mut typed = Map::new();
    for (name, value) in given.iter().filter(|(name, _)| !within.is_empty() || *name != "expand") {
        let Some((_, is)) = table.iter().find(|(known, _)| known == name) else {
            return Err(ApiError::unknown_param(&full(name)));
        };
        typed.insert(name.clone(), coerce(*is, &full(name), value, route)?);
    }
    let missing =
        |(name, is): &&(&str, Is)| matches!(is, Is::Needed(_)) && typed.get(*name).is_none_or(Value::is_null);
    match table.iter().find(missing) {
        Some((name, _)) => Err(ApiError::missing_param(&full(name))),
        None => Ok(typed),
    }
}

fn coerce(is: Is, name: &str, value: &Value, route: &dyn Display) -> Result<Value, ApiError> {
    let invalid = |what: &str| ApiError::invalid_param(name, format!("Invalid {what}: {}", shown(value)));
    match (is, value) {
        (Is::Needed(is), _) => coerce(*is, name, value, route),
        (Is::NotModelled, _) => Err(ApiError::not_modelled(&format!("parameter {name} of {route}"))),
        (Is::List | Is::Texts | Is::Rows(_), Value::String(text)) if text.is_empty() => {
            Ok(Value::Array(Vec::new()))
        }
        (_, Value::Null) => Ok(Value::Null),
        (_, Value::String(text)) if text.is_empty() => Ok(Value::Null),
        (Is::Text | Is::TextOr(_) | Is::Decimal, Value::String(_))
        | (Is::Int | Is::Time | Is::TimeOr(_), Value::Number(_))
        | (Is::Bool, Value::Bool(_))
        | (Is::Map, Value::Object(_))
        | (Is::List, Value::Array(_)) => match (is, value.as_str()) {
            (Is::Decimal, Some(text)) if !is_decimal(text) => {
                Err(ApiError::invalid_param(name, format!("Invalid decimal: {}", shown(value))))
            }
            _ => Ok(value.clone()),
        },
        (Is::Meta, Value::Object(fields)) => metadata(name, fields).map(|()| value.clone()),
        (Is::Fields(table) | Is::TextOr(table), Value::Object(fields)) => {
            typed(fields, table, name, route).map(Value::Object)
        }
        (Is::Texts, Value::Array(items)) if items.iter().all(Value::is_string) => Ok(value.clone()),
        (Is::Rows(table), Value::Array(rows)) => rows
            .iter()
            .enumerate()
            .map(|(at, row)| coerce(Is::Fields(table), &format!("{name}[{at}]"), row, route))
            .collect(),
        (Is::Time, Value::String(text)) if text == "now" => Ok(value.clone()),
        (Is::TimeOr(words), Value::String(text)) if words.contains(&text.as_str()) => Ok(value.clone()),
        (Is::Int | Is::Time | Is::TimeOr(_), Value::String(text)) => {
            let number: i64 = text.parse().map_err(|_| ApiError::invalid_integer(name, text))?;
            if !matches!(is, Is::Int) && !SECONDS.contains(&number) {
                return Err(ApiError::invalid_param(name, format!("Invalid timestamp: {}", shown(value))));
            }
            Ok(number.into())
        }
        // The package for Python wrote `True` and `False` until 2025, and Stripe takes it.
        (Is::Bool, Value::String(text)) => match text.as_str() {
            "true" | "True" => Ok(true.into()),
            "false" | "False" => Ok(false.into()),
            _ => Err(invalid("boolean")),
        },
        (Is::Choice(words), Value::String(text)) if words.contains(&text.as_str()) => Ok(value.clone()),
        (Is::Choice(words), _) => {
            let words = words.join(", ");
            Err(ApiError::invalid_param(name, format!("Invalid {name}: must be one of {words}")))
        }
        (Is::Decimal, Value::Number(number)) => Ok(number.to_string().into()),
        (Is::Text | Is::TextOr(_) | Is::Decimal, _) => Err(invalid("string")),
        (Is::Int | Is::Time | Is::TimeOr(_), _) => Err(ApiError::invalid_integer(name, &shown(value))),
        (Is::Bool, _) => Err(invalid("boolean")),
        (Is::Map | Is::Meta | Is::Fields(_), _) => Err(invalid("object")),
        (Is::List | Is::Texts | Is::Rows(_), _) => Err(invalid("array")),
    }
}

/// Seconds since the epoch that a parameter may name: to the last year but one that a calendar has room for, so that what
/// follows in a year can be told.
const SECONDS: std::ops::RangeInclusive<i64> = 0..=253_370_764_800;

/// What one call may give as metadata: <https://docs.stripe.com/metadata>.
const METADATA: (usize, usize, usize) = (50, 40, 500);

/// Checks metadata as it was given.
fn metadata(name: &str, fields: &Map<String, Value>) -> Result<(), ApiError> {
    let (most, longest_key, longest_value) = METADATA;
    let invalid = |message: String| Err(ApiError::invalid_param(name, message));
    if fields.len() > most {
        let given = fields.len();
        return invalid(format!("Metadata can have up to {most} keys, but you've set {given}."));
    }
    for (key, value) in fields {
        let letters = key.chars().count();
        if letters > longest_key {
            return invalid(format!(
                "Metadata keys can have up to {longest_key} characters, but you passed in a key that is {letters} \
                 characters. Invalid key: {}",
                key.chars().take(100).collect::<String>()
            ));
        }
        let letters = match value {
            Value::String(text) => text.chars().count(),
            Value::Array(_) | Value::Object(_) => {
                let name = format!("{name}[{key}]");
                return Err(ApiError::invalid_param(&name, format!("Invalid string: {}", shown(value))));
            }
            _ => 0,
        };
        if letters > longest_value {
            return invalid(format!(
                "Metadata values can have up to {longest_value} characters, but you passed in a value that is \
                 {letters} characters. Invalid value: {}",
                shown(value)
            ));
        }
    }
    Ok(())
}

/// Digits, at most one point, and a sign before them.
fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    text.len() <= 32 && all_digits(whole) && all_digits(fraction)
}

/// A whole number inside a nested parameter.
pub(crate) fn nested_int(value: &Value, name: &str) -> Result<Option<i64>, ApiError> {
    match value {
        Value::Null => Ok(None),
        Value::Number(_) => Ok(value.as_i64()),
        Value::String(text) => text.parse().map(Some).map_err(|_| ApiError::invalid_integer(name, text)),
        _ => Err(ApiError::invalid_integer(name, &shown(value))),
    }
}

fn shown(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TABLE: Table = &[
        ("name", Is::Text),
        ("count", Is::Int),
        ("on", Is::Bool),
        ("mode", Is::Choice(&["a", "b"])),
        ("metadata", Is::Meta),
        ("items", Is::List),
        ("taxes", Is::NotModelled),
        ("who", Is::Fields(&[("age", Is::Int), ("name", Is::Needed(&Is::Text))])),
        ("rows", Is::Rows(&[("price", Is::Needed(&Is::Text)), ("quantity", Is::Int)])),
        ("rate", Is::Decimal),
        ("at", Is::TimeOr(&["soon"])),
    ];

    #[rstest::rstest]
    #[case(json!({"colour": "red"}), 400, "Received unknown parameter: colour")]
    #[case(json!({"count": "many"}), 400, "Invalid integer: many")]
    #[case(json!({"on": "yes"}), 400, "Invalid boolean: yes")]
    #[case(json!({"mode": "c"}), 400, "Invalid mode: must be one of a, b")]
    #[case(json!({"name": ["x"]}), 400, "Invalid string: [\"x\"]")]
    #[case(json!({"items": "x"}), 400, "Invalid array: x")]
    #[case(json!({"metadata": "x"}), 400, "Invalid object: x")]
    #[case(json!({"who": {"age": "old", "name": "x"}}), 400, "Invalid integer: old")]
    #[case(json!({"who": {"age": "1"}}), 400, "Missing required param: who[name].")]
    #[case(json!({"who": {"name": "x", "size": "1"}}), 400, "Received unknown parameter: who[size]")]
    #[case(json!({"rows": [{"price": "p"}, {"quantity": "2"}]}), 400, "Missing required param: rows[1][price].")]
    #[case(json!({"rows": ["p"]}), 400, "Invalid object: p")]
    #[case(json!({"rate": "1.2.3"}), 400, "Invalid decimal: 1.2.3")]
    #[case(json!({"at": "now"}), 400, "Invalid integer: now")]
    #[case(json!({"at": "-1"}), 400, "Invalid timestamp: -1")]
    #[case(json!({"at": "253402300800"}), 400, "Invalid timestamp: 253402300800")]
    #[case(json!({"taxes": "x"}), 501, "provider double: parameter taxes of POST /v1/x is not modelled")]
    fn wrong_parameters_are_refused(#[case] given: Value, #[case] status: u16, #[case] message: &str) {
        let error = Params::read(given.as_object().unwrap(), TABLE, &"POST /v1/x").unwrap_err();
        assert_eq!((error.status, error.to_string().as_str()), (status, message));
    }

    #[rstest::rstest]
    #[case("true", true)]
    #[case("True", true)]
    #[case("False", false)]
    fn a_boolean_is_written_in_two_ways(#[case] written: &str, #[case] expected: bool) {
        let given = json!({"name": "x", "on": written});
        let params = Params::read(given.as_object().unwrap(), TABLE, &"").unwrap();
        assert_eq!(params.given("on"), Some(&json!(expected)));
    }

    #[test]
    fn strings_become_what_the_table_says() {
        let given = json!({"name": "", "count": "7", "on": "true", "items": "", "expand": ["x"]});
        let params = Params::read(given.as_object().unwrap(), TABLE, &"").unwrap();
        assert_eq!(params.given("name"), Some(&Value::Null));
        assert_eq!(params.int("count"), Some(7));
        assert!(params.is_true("on"));
        assert_eq!(params.given("items"), Some(&json!([])));
        assert_eq!(params.given("expand"), None);
    }

    #[test]
    fn nested_fields_are_typed() {
        let given = json!({"who": {"age": "7", "name": "x"}, "rows": [{"price": "p", "quantity": "2"}], "rate": "8.25", "at": "soon"});
        let params = Params::read(given.as_object().unwrap(), TABLE, &"").unwrap();
        assert_eq!(params.text("at"), Some("soon"));
        assert_eq!(params.given("who"), Some(&json!({"age": 7, "name": "x"})));
        assert_eq!(params.given("rows"), Some(&json!([{"price": "p", "quantity": 2}])));
        assert_eq!(params.text("rate"), Some("8.25"));
    }

    #[test]
    fn metadata_merges_and_unsets() {
        let mut object = json!({"metadata": {"a": "1", "b": "2"}});
        let given = json!({"metadata": {"a": "", "c": "3"}});
        Params::read(given.as_object().unwrap(), TABLE, &"").unwrap().apply(&mut object, &["metadata"]);
        assert_eq!(object, json!({"metadata": {"b": "2", "c": "3"}}));
    }
}
