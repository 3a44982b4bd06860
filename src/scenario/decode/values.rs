//! Values of documents: what a key can hold.

use std::borrow::Cow;
use std::time::Duration;

use jiff::SignedDuration;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::{Decode, Field, Problems};
use crate::scenario::code::Code;
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::duration;
use crate::scenario::tree::{Kind, Node};
use crate::span::Spanned;

/// Text, not empty.
pub(crate) type Text = String;

impl Decode for String {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        match &node.kind {
            Kind::String(text) if text.trim().is_empty() => {
                problems.out_of_range(node, "this text is empty", "expected some text");
                None
            }
            Kind::String(text) => Some(text.clone()),
            _ => {
                problems.wrong_type(node, "a string");
                None
            }
        }
    }
}

impl Decode for bool {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        let Kind::Boolean(truth) = node.kind else {
            problems.wrong_type(node, "a boolean");
            return None;
        };
        Some(truth)
    }
}

/// A whole number between two bounds, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Number<const MIN: i64, const MAX: i64>(pub(crate) i64);

impl<const MIN: i64, const MAX: i64> Number<MIN, MAX> {
    /// As the model's type, which the bounds fit.
    pub(crate) fn get<T: TryFrom<i64> + Default>(self) -> T {
        T::try_from(self.0).unwrap_or_default()
    }
}

impl<const MIN: i64, const MAX: i64> Decode for Number<MIN, MAX> {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        match node.kind {
            Kind::Integer(number) if (MIN..=MAX).contains(&number) => Some(Self(number)),
            Kind::Integer(number) => {
                let label =
                    if MAX == i64::MAX { format!("at least {MIN}") } else { format!("from {MIN} to {MAX}") };
                problems.out_of_range(node, format!("{number} is out of range"), &label);
                None
            }
            _ => {
                problems.wrong_type(node, "an integer");
                None
            }
        }
    }
}

impl<const MIN: i64, const MAX: i64> JsonSchema for Number<MIN, MAX> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Number".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let mut schema = json_schema!({ "type": "integer" });
        if MIN != i64::MIN {
            schema.insert("minimum".into(), MIN.into());
        }
        if MAX != i64::MAX {
            schema.insert("maximum".into(), MAX.into());
        }
        schema
    }
}

/// How long; never negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Length(pub(crate) Duration);

/// How far from now; may be negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shift(pub(crate) SignedDuration);

impl Decode for Length {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        decode_duration(node, problems, duration::unsigned, "10s").map(Self)
    }
}

impl Decode for Shift {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        decode_duration(node, problems, duration::signed, "-31d").map(Self)
    }
}

fn decode_duration<T>(
    node: &Node,
    problems: &mut Problems,
    parse: impl Fn(&str) -> Result<T, &'static str>,
    example: &str,
) -> Option<T> {
    let Kind::String(text) = &node.kind else {
        problems.wrong_type(node, &format!("a duration such as \"{example}\""));
        return None;
    };
    match parse(text) {
        Ok(duration) => Some(duration),
        Err(why) => {
            let diagnostic = Diagnostic::error(Code::BadDuration, format!("`{text}` is no duration: {why}"))
                .at(&problems.place(&node.range))
                .label("expected a duration")
                .help(format!("write it like \"{example}\""));
            problems.push(diagnostic);
            None
        }
    }
}

impl JsonSchema for Length {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "How long: numbers with units, such as \"500ms\", \"10s\" or \"1h30m\".",
            "type": "string",
            "pattern": "^\\+?(0|([0-9]+(w|d|h|m|s|ms))+)$|^\\{\\{ *matrix\\.",
        })
    }
}

impl JsonSchema for Shift {
    fn schema_name() -> Cow<'static, str> {
        "Shift".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "How far ahead or, with a minus, back: \"-31d\", \"1h30m\".",
            "type": "string",
            "pattern": "^[+-]?(0|([0-9]+(w|d|h|m|s|ms))+)$|^\\{\\{ *matrix\\.",
        })
    }
}

/// Anything: kept as it is, with all places in it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Any(pub(crate) Node);

impl Decode for Any {
    fn decode(node: &Node, _: &mut Problems) -> Option<Self> {
        Some(Self(node.clone()))
    }
}

impl JsonSchema for Any {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Any".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        true.into()
    }
}

/// A table of anything.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Table(pub(crate) Node);

impl Decode for Table {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        if node.entries().is_none() {
            problems.wrong_type(node, "a table");
            return None;
        }
        Some(Self(node.clone()))
    }
}

impl JsonSchema for Table {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Table".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object" })
    }
}

/// A list; items that could not be read are left out after saying why.
pub(crate) type List<T> = Vec<Spanned<T>>;

impl<T: Decode> Decode for Vec<Spanned<T>> {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        let Kind::Array(items) = &node.kind else {
            problems.wrong_type(node, "an array");
            return None;
        };
        let mut list = Self::new();
        for item in items {
            if let Some(value) = T::decode(item, problems) {
                list.push(Spanned { value, place: problems.place(&item.range) });
            }
        }
        Some(list)
    }
}

impl<T: JsonSchema> JsonSchema for Spanned<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }
    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// An open table: the keys are names that the user chooses, in file order.
#[derive(Debug, Clone)]
pub(crate) struct Map<T>(pub(crate) Vec<(String, Field<T>)>);

impl<T> Map<T> {
    /// The names and values.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Field<T>)> {
        self.0.iter().map(|(name, field)| (name.as_str(), field))
    }
}

impl<T: Decode> Decode for Map<T> {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        let Some(entries) = node.entries() else {
            problems.wrong_type(node, "a table");
            return None;
        };
        let mut map = Vec::new();
        for entry in entries {
            if let Some(field) = problems.field(entry) {
                map.push((entry.key.clone(), field));
            }
        }
        Some(Self(map))
    }
}

impl<T: JsonSchema> JsonSchema for Map<T> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        format!("Map_of_{}", T::schema_name()).into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let values = generator.subschema_for::<T>();
        json_schema!({ "type": "object", "additionalProperties": values })
    }
}

/// A value, or the word `"none"` written out.
#[derive(Debug, Clone)]
pub(crate) enum OrNone<T> {
    None,
    Some(T),
}

impl<T: Decode> Decode for OrNone<T> {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        match &node.kind {
            Kind::String(word) if word == "none" => Some(Self::None),
            _ => T::decode(node, problems).map(Self::Some),
        }
    }
}

impl<T: JsonSchema> JsonSchema for OrNone<T> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        format!("OrNone_{}", T::schema_name()).into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let value = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [value, { "const": "none" }] })
    }
}

/// A key that takes one of a few words.
macro_rules! words {
    ($type:ty, $what:literal, { $($word:literal => $value:expr,)+ }) => {
        impl $crate::scenario::decode::Decode for $type {
            fn decode(
                node: &$crate::scenario::tree::Node,
                problems: &mut $crate::scenario::decode::Problems,
            ) -> Option<Self> {
                match $crate::scenario::decode::values::word(node, $what, &[$($word),+], problems)? {
                    $($word => Some($value),)+
                    _ => None,
                }
            }
        }

        impl schemars::JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "enum": [$($word),+] })
            }
        }
    };
}

pub(crate) use words;

/// The word of a node, when it is one of `words`.
pub(crate) fn word<'a>(
    node: &'a Node,
    what: &str,
    words: &[&str],
    problems: &mut Problems,
) -> Option<&'a str> {
    let list = words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
    let Kind::String(text) = &node.kind else {
        problems.wrong_type(node, &format!("one of {list}"));
        return None;
    };
    if words.contains(&text.as_str()) {
        return Some(text);
    }
    let near = crate::scenario::diagnostic::nearest(text, words.iter().copied());
    let diagnostic = Diagnostic::error(Code::UnknownWord, format!("`{text}` is no {what}"))
        .at(&problems.place(&node.range))
        .label(if words.len() == 1 { format!("expected {list}") } else { format!("expected one of {list}") })
        .maybe_help(near.map(|near| format!("did you mean \"{near}\"?")));
    problems.push(diagnostic);
    None
}

/// A word that a template can name: letters, digits and `_`.
pub(crate) fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !text.starts_with(|c: char| c.is_ascii_digit())
}
