//! What must be true after a step.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::Scope;
use crate::project::validate::check_field;
use crate::scenario::code::Code;
use crate::scenario::decode::{Any, Decode, Field, Map, Problems};
use crate::scenario::diagnostic::{Diagnostic, suggest};
use crate::scenario::document::{StepDocument, ThenDocument};
use crate::scenario::model::Expected;
use crate::scenario::tree::{Entry, Kind, Node};
use crate::span::Spanned;

/// The probe that reads how the step's deliveries were answered.
const DELIVERY: &str = "delivery";
/// Its fields.
const DELIVERY_FIELDS: [&str; 3] = ["class", "status", "took"];
/// What a table as an expected value may have as keys.
const MATCHERS: [&str; 12] =
    ["gt", "gte", "lt", "lte", "ne", "contains", "lacks", "matches", "one_of", "absent", "count", "by"];

impl Decode for ThenDocument {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        let (keys, probes): (Vec<&Entry>, Vec<&Entry>) =
            node.entries().unwrap_or_default().iter().partition(|entry| {
                entry.node.entries().is_none() && StepDocument::KEYS.contains(&entry.key.as_str())
            });
        for entry in keys {
            let place = problems.place(&entry.key_range);
            problems.push(
                Diagnostic::error(
                    Code::UnknownKey,
                    format!("`{}` is a key of the step, not of `then`", entry.key),
                )
                .at(&place)
                .label("swallowed by `then`")
                .help("a `[step.then]` header takes every key below it: write `then.PROBE = { … }`"),
            );
        }
        if node.entries().is_none() {
            return Map::decode(node, problems).map(Self);
        }
        let probes = Kind::Table(probes.into_iter().cloned().collect());
        Map::decode(&Node { kind: probes, range: node.range.clone() }, problems).map(Self)
    }
}

impl JsonSchema for ThenDocument {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Then".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Map::<Map<Any>>::json_schema(generator)
    }
}

/// The expectations of one `then`, or of one alternative of `either`.
pub(super) fn expected(table: &Map<Map<Any>>, scope: &Scope<'_>, problems: &mut Problems) -> Vec<Expected> {
    table.iter().map(|(probe, fields)| probe_expected(probe, fields, scope, problems)).collect()
}

fn probe_expected(
    probe: &str,
    table: &Field<Map<Any>>,
    scope: &Scope<'_>,
    problems: &mut Problems,
) -> Expected {
    scope.check_probe(probe, &table.key, Some(DELIVERY), problems);
    if table.0.is_empty() {
        problems.push(
            Diagnostic::error(Code::OutOfRange, format!("nothing is expected of `{probe}`"))
                .at(&table.place)
                .label("expected at least one field"),
        );
    }
    let mut fields = BTreeMap::new();
    for (name, field) in table.iter() {
        if probe == DELIVERY {
            check_delivery_field(name, field, problems);
        } else if let Some(found) = scope.project.probes.get(probe) {
            check_field(name, &field.key, found, problems);
        }
        check_value(&field.0, problems);
        fields.insert(name.to_owned(), Spanned { value: field.0.to_json(), place: field.place.clone() });
    }
    Expected { probe: probe.to_owned(), fields, place: table.key.clone() }
}

fn check_delivery_field(name: &str, field: &Field<Any>, problems: &mut Problems) {
    if !DELIVERY_FIELDS.contains(&name) {
        problems.push(
            Diagnostic::error(Code::UnknownField, format!("unknown field `{name}`"))
                .at(&field.key)
                .label("`delivery` has no such field")
                .maybe_help(suggest(name, "fields", DELIVERY_FIELDS)),
        );
    }
}

/// A table is matchers, anything else a literal.
pub(crate) fn check_value(node: &Node, problems: &mut Problems) {
    let Some(matchers) = node.entries() else { return };
    if matchers.is_empty() {
        problems.out_of_range(node, "this table expects nothing", "expected matchers such as { gte = 3 }");
    }
    for matcher in matchers {
        if !MATCHERS.contains(&matcher.key.as_str()) {
            let place = problems.place(&matcher.key_range);
            problems.push(
                Diagnostic::error(Code::UnknownMatcher, format!("unknown matcher `{}`", matcher.key))
                    .at(&place)
                    .label("a table as a value is matchers")
                    .maybe_help(suggest(&matcher.key, "matchers", MATCHERS)),
            );
            continue;
        }
        check_matcher(&matcher.key, &matcher.node, problems);
    }
}

fn check_matcher(name: &str, node: &Node, problems: &mut Problems) {
    // A template is only known in the run.
    if matches!(&node.kind, Kind::String(text) if text.contains("{{")) {
        return;
    }
    let (fits, wanted) = match (name, &node.kind) {
        ("count", Kind::Table(_)) => {
            check_value(node, problems);
            return;
        }
        ("count", kind) => (matches!(kind, Kind::Integer(0..)), "a number from 0, or matchers"),
        ("by", kind) => (matches!(kind, Kind::Integer(_) | Kind::Float(_)), "a number"),
        ("gt" | "gte" | "lt" | "lte", kind) => (
            matches!(kind, Kind::Integer(_) | Kind::Float(_) | Kind::String(_) | Kind::Datetime(_)),
            "a number, time or duration",
        ),
        ("one_of", kind) => (matches!(kind, Kind::Array(items) if !items.is_empty()), "a list of values"),
        ("absent", kind) => (matches!(kind, Kind::Boolean(_)), "a boolean"),
        ("matches", kind) => (matches!(kind, Kind::String(_)), "a regular expression"),
        (_, kind) => (!matches!(kind, Kind::Table(_)), "a value"),
    };
    if !fits {
        problems.wrong_type(node, &format!("{wanted} (for `{name}`)"));
        return;
    }
    if let ("matches", Kind::String(pattern)) = (name, &node.kind)
        && let Err(error) = regex::Regex::new(pattern)
    {
        // The library draws the pattern over several lines, and says what is wrong in the last one.
        let said = error.to_string();
        let last = said.lines().last().unwrap_or_default();
        let message = format!("invalid regular expression: {}", last.strip_prefix("error: ").unwrap_or(last));
        problems.out_of_range(node, message, "`matches` is a regular expression, of Rust's crate `regex`");
    }
}
