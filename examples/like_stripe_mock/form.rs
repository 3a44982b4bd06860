//! Forms as stripe-mock reads and checks them, as far as the table of routes needs it.

use serde_json::{Map, Value};

/// What a parameter must be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Is {
    Text,
    Int,
    Bool,
    OneOf(&'static [&'static str]),
    /// Texts by any name.
    Texts,
    /// A list of texts.
    List,
    /// Nested parameters.
    Fields(&'static [Param]),
    /// A list of nested parameters.
    Rows(&'static [Param]),
}

/// One parameter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Param {
    pub(crate) name: &'static str,
    pub(crate) is: Is,
    pub(crate) needed: bool,
}

/// One that may be left out.
pub(crate) const fn may(name: &'static str, is: Is) -> Param {
    Param { name, is, needed: false }
}

/// One that must be there.
pub(crate) const fn must(name: &'static str, is: Is) -> Param {
    Param { name, is, needed: true }
}

/// A longer list is not read.
const LONGEST: usize = 1000;

/// Query and body in one, nested: `a[b][0]=1` is `{ a: { b: { 0: "1" } } }`.
pub(crate) fn read(query: &[u8], body: &[u8]) -> Result<Map<String, Value>, String> {
    let mut all = Map::new();
    for part in [query, body] {
        escapes(part)?;
        for (name, value) in form_urlencoded::parse(part) {
            let mut path = name.split('[').map(|part| part.trim_end_matches(']').to_owned());
            let first = path.next().unwrap_or_default();
            if first.is_empty() {
                return Err(format!("invalid key \"{name}\": keys must start with a name"));
            }
            put(&mut all, first, path, &value);
        }
    }
    Ok(all)
}

/// As Go's library reads them: a `%` is followed by two digits.
fn escapes(form: &[u8]) -> Result<(), String> {
    for (at, _) in form.iter().enumerate().filter(|(_, byte)| **byte == b'%') {
        let two = form.get(at + 1..at + 3).unwrap_or_default();
        if two.len() < 2 || !two.iter().all(u8::is_ascii_hexdigit) {
            let shown = String::from_utf8_lossy(form.get(at..form.len().min(at + 3)).unwrap_or_default())
                .into_owned();
            return Err(format!("invalid URL escape \"{shown}\""));
        }
    }
    Ok(())
}

fn put(into: &mut Map<String, Value>, name: String, mut path: impl Iterator<Item = String>, value: &str) {
    match path.next() {
        None => drop(into.insert(name, value.into())),
        Some(next) => {
            let inner = into.entry(name).or_insert_with(|| Value::Object(Map::new()));
            if !inner.is_object() {
                *inner = Value::Object(Map::new());
            }
            if let Value::Object(inner) = inner {
                let next = if next.is_empty() { inner.len().to_string() } else { next };
                put(inner, next, path, value);
            }
        }
    }
}

/// Checks what was given, in the words of stripe-mock's validator.
pub(crate) fn check(given: Map<String, Value>, params: &[Param]) -> Result<(), String> {
    lists(&given).map_err(|problem| format!("Request coercion error: {problem}"))?;
    fields(given, params, Strict::Yes)
        .map_err(|problem| format!("Request validation error: validator 0xc000104f00 failed: {problem}"))
}

fn lists(given: &Map<String, Value>) -> Result<(), String> {
    for (name, value) in given {
        if let Some(index) = name.parse::<usize>().ok().filter(|index| *index > LONGEST) {
            return Err(format!("Index {index} is too large, won't parse as slice"));
        }
        if let Value::Object(inner) = value {
            lists(inner)?;
        }
    }
    Ok(())
}

/// Whether what is not in the table is refused: stripe-mock looks at the top only.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Strict {
    Yes,
    No,
}

fn fields(mut given: Map<String, Value>, params: &[Param], strict: Strict) -> Result<(), String> {
    for Param { name, is, needed } in params {
        match given.remove(*name) {
            None if *needed => return Err(format!("object property '{name}' is required")),
            None => {}
            Some(value) => value_is(value, *is)
                .map_err(|problem| format!("object property '{name}' validation failed: {problem}"))?,
        }
    }
    let expand = given.remove("expand").is_some_and(|expand| !expand.is_object());
    if expand || (strict == Strict::Yes && !given.is_empty()) {
        return Err("additional properties are not allowed".to_owned());
    }
    Ok(())
}

fn value_is(value: Value, is: Is) -> Result<(), String> {
    let text = value.as_str().map(str::to_owned);
    match (is, value) {
        (Is::Text, _) => text.map(drop).ok_or_else(|| "value is not a string (Kind: map)".to_owned()),
        (Is::Int, _) => match text.and_then(|text| text.parse::<i64>().ok()) {
            Some(_) => Ok(()),
            None => Err("value is not an int/uint".to_owned()),
        },
        (Is::Bool, _) => match text.as_deref() {
            Some("true" | "false" | "1" | "0") => Ok(()),
            _ => Err("value is not a boolean".to_owned()),
        },
        (Is::OneOf(words), _) => match text.filter(|text| words.contains(&text.as_str())) {
            Some(_) => Ok(()),
            None => Err("value is not in enumeration".to_owned()),
        },
        (Is::Texts, Value::Object(inner)) => inner.into_iter().try_for_each(|(name, value)| {
            value_is(value, Is::Text)
                .map_err(|problem| format!("object property for '{name}' validation failed: {problem}"))
        }),
        (Is::List, Value::Object(inner)) => {
            inner.into_iter().try_for_each(|(_, value)| value_is(value, Is::Text))
        }
        (Is::Fields(params), Value::Object(inner)) => fields(inner, params, Strict::No),
        (Is::Rows(params), Value::Object(inner)) => {
            inner.into_iter().try_for_each(|(_, row)| value_is(row, Is::Fields(params)))
        }
        // An empty text unsets it.
        (Is::Texts | Is::List | Is::Fields(_) | Is::Rows(_), Value::String(text)) if text.is_empty() => {
            Ok(())
        }
        (Is::List | Is::Rows(_), _) => Err("value must be a slice (was: string)".to_owned()),
        (Is::Texts | Is::Fields(_), _) => Err("could not validate against any of the constraints".to_owned()),
    }
}
