//! A TOML file as a tree in which every key and value knows where it stands.
//!
//! Owned, in file order, and with the ranges put right: a table that only exists through dotted keys or a header
//! stands where that key or header does.

use std::ops::Range;
use std::sync::Arc;

use serde_json::{Map, Value};
use toml::de::{DeTable, DeValue};

use super::code::Code;
use super::diagnostic::Diagnostic;
use crate::span::{Place, Source};

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) range: Range<usize>,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    String(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    /// A TOML date or time, as written.
    Datetime(String),
    Array(Vec<Node>),
    Table(Vec<Entry>),
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_range: Range<usize>,
    pub(crate) node: Node,
}

impl Node {
    /// What people call this type, with its article.
    pub(crate) fn type_name(&self) -> &'static str {
        match self.kind {
            Kind::String(_) => "a string",
            Kind::Integer(_) => "an integer",
            Kind::Float(_) => "a number",
            Kind::Boolean(_) => "a boolean",
            Kind::Datetime(_) => "a date",
            Kind::Array(_) => "an array",
            Kind::Table(_) => "a table",
        }
    }

    /// The entries of a table.
    pub(crate) fn entries(&self) -> Option<&[Entry]> {
        match &self.kind {
            Kind::Table(entries) => Some(entries),
            _ => None,
        }
    }

    /// The value of a key of a table.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entries()?.iter().find(|entry| entry.key == key).map(|entry| &entry.node)
    }

    /// The same as JSON; dates as strings.
    pub(crate) fn to_json(&self) -> Value {
        match &self.kind {
            Kind::String(text) | Kind::Datetime(text) => Value::from(text.as_str()),
            Kind::Integer(number) => Value::from(*number),
            Kind::Float(number) => Value::from(*number),
            Kind::Boolean(truth) => Value::from(*truth),
            Kind::Array(items) => items.iter().map(Self::to_json).collect(),
            Kind::Table(_) => Value::Object(self.to_map()),
        }
    }

    /// The entries of a table as JSON; empty for anything else.
    pub(crate) fn to_map(&self) -> Map<String, Value> {
        let entries = self.entries().unwrap_or_default();
        entries.iter().map(|entry| (entry.key.clone(), entry.node.to_json())).collect()
    }

    /// Calls `visit` for every string in it, keys excluded.
    pub(crate) fn each_string<'a>(&'a self, visit: &mut dyn FnMut(&'a str, &Range<usize>)) {
        match &self.kind {
            Kind::String(text) => visit(text, &self.range),
            Kind::Array(items) => items.iter().for_each(|item| item.each_string(visit)),
            Kind::Table(entries) => entries.iter().for_each(|entry| entry.node.each_string(visit)),
            _ => {}
        }
    }
}

/// Parses a file. Where it is not TOML there is no tree, and the one diagnostic says where it goes wrong first:
/// what follows a syntax error is mostly its echo.
pub(crate) fn parse(source: &Arc<Source>) -> (Option<Node>, Vec<Diagnostic>) {
    match DeTable::parse(&source.text) {
        Ok(table) => {
            let mut builder = Builder { source, problems: Vec::new() };
            let kind = builder.table(table.get_ref());
            (Some(Node { kind, range: 0..0 }), builder.problems)
        }
        Err(error) => (None, vec![syntax_error(source, &error)]),
    }
}

fn syntax_error(source: &Arc<Source>, error: &toml::de::Error) -> Diagnostic {
    // The parser's message may have several parts: the first is what is wrong, the rest what it expected.
    let (message, label) = error.message().split_once([',', '\n']).unwrap_or((error.message(), ""));
    let range = error.span().unwrap_or(0..0);
    let place = Place { source: Arc::clone(source), range };
    Diagnostic::error(Code::Syntax, format!("not valid TOML: {}", message.trim()))
        .at(&place)
        .label(label.trim())
}

struct Builder<'a> {
    source: &'a Arc<Source>,
    problems: Vec<Diagnostic>,
}

impl Builder<'_> {
    fn table(&mut self, table: &DeTable<'_>) -> Kind {
        let mut entries: Vec<Entry> = table
            .iter()
            .map(|(key, value)| {
                let key_range = key.span();
                let mut node = self.node(value.get_ref(), value.span());
                // The parser gives a table made by a header or dotted keys the range of that header or key.
                if matches!(node.kind, Kind::Table(_)) && !self.source.text[value.span()].starts_with('{') {
                    node.range = key_range.clone();
                }
                Entry { key: key.get_ref().to_string(), key_range, node }
            })
            .collect();
        entries.sort_by_key(|entry| entry.key_range.start);
        Kind::Table(entries)
    }

    fn node(&mut self, value: &DeValue<'_>, range: Range<usize>) -> Node {
        let kind = match value {
            DeValue::String(text) => Kind::String(text.to_string()),
            DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => Kind::Integer(number),
                Err(_) => self.too_large(&range, Kind::Integer(1)),
            },
            DeValue::Float(number) => match number.as_str().parse::<f64>() {
                Ok(number) if number.is_finite() => Kind::Float(number),
                _ => self.too_large(&range, Kind::Float(1.0)),
            },
            DeValue::Boolean(truth) => Kind::Boolean(*truth),
            DeValue::Datetime(datetime) => Kind::Datetime(datetime.to_string()),
            DeValue::Array(items) => {
                Kind::Array(items.iter().map(|item| self.node(item.get_ref(), item.span())).collect())
            }
            DeValue::Table(table) => self.table(table),
        };
        Node { kind, range }
    }

    /// Says so; 1 stands in, which fits nearly everywhere, so that no second problem is made of the first.
    fn too_large(&mut self, range: &Range<usize>, kind: Kind) -> Kind {
        let place = Place { source: Arc::clone(self.source), range: range.clone() };
        self.problems.push(
            Diagnostic::error(Code::OutOfRange, "this number cannot be represented")
                .at(&place)
                .label("too large, infinite, or not a number"),
        );
        kind
    }
}

#[cfg(test)]
pub(crate) fn source(path: &str, text: &str) -> Arc<Source> {
    Arc::new(Source { path: path.to_owned(), text: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(text: &str, path: &[&str]) -> String {
        let (tree, _) = parse(&source("a.toml", text));
        let tree = tree.unwrap();
        let mut node = &tree;
        for key in path {
            node = match &node.kind {
                Kind::Array(items) => items[0].get(key).unwrap(),
                _ => node.get(key).unwrap(),
            };
        }
        text[node.range.clone()].to_owned()
    }

    #[rstest::rstest]
    #[case("a = 1", &["a"], "1")]
    #[case("a.b = 'x'", &["a"], "a")]
    #[case("a.b = 'x'", &["a", "b"], "'x'")]
    #[case("[a.b]\nc = 1", &["a", "b"], "b")]
    #[case("[[s]]\nx = { y = 1 }", &["s", "x"], "{ y = 1 }")]
    fn a_table_stands_where_its_key_does(#[case] text: &str, #[case] path: &[&str], #[case] expected: &str) {
        assert_eq!(ranges(text, path), expected);
    }

    #[test]
    fn keys_keep_the_order_of_the_file() {
        let (tree, _) = parse(&source("a.toml", "z = 1\na = 2\nm = 3\n"));
        let keys: Vec<_> = tree.unwrap().entries().unwrap().iter().map(|entry| entry.key.clone()).collect();
        assert_eq!(keys, ["z", "a", "m"]);
    }

    #[rstest::rstest]
    #[case("a = 99999999999999999999")]
    #[case("a = inf")]
    #[case("a = nan")]
    #[case("a = 1e999")]
    fn numbers_that_json_has_not_are_refused(#[case] text: &str) {
        let (_, problems) = parse(&source("a.toml", text));
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].code, Code::OutOfRange);
    }

    #[rstest::rstest]
    #[case(".", 1_000)]
    #[case(".", 100_000)]
    fn deep_nesting_is_an_error_and_no_stack_overflow(#[case] joint: &str, #[case] depth: usize) {
        let text = format!("{} = 1", vec!["a"; depth].join(joint));
        assert_eq!(parse(&source("a.toml", &text)).1[0].code, Code::Syntax);
        let text = format!("a = {}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(parse(&source("a.toml", &text)).1[0].code, Code::Syntax);
    }
}
