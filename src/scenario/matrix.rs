//! The matrix: one story per combination, with `{{ matrix.x }}` filled in before anything is decoded.
//!
//! A string that is one template and nothing else becomes the value, of whatever type it is; a template inside
//! of a longer string is spelled. So `times = "{{ matrix.n }}"` is a number when it is checked.

use serde_json::{Map, Value};

use super::code::Code;
use super::decode::{Decode, Problems, values};
use super::diagnostic::{Diagnostic, suggest};
use super::model::{Order, SentAs};
use super::shape::{self, Shape};
use super::tree::{Entry, Kind, Node};
use crate::project::refusal;
use crate::stripe::version::Version;

/// More cases than this are surely a slip.
const MOST: usize = 1_000;

/// One combination of a matrix.
#[derive(Debug, Clone)]
pub(crate) struct Combination {
    /// `order=reversed,x=1`; empty without a matrix.
    pub(crate) label: String,
    /// The values.
    pub(crate) values: Map<String, Value>,
    /// `matrix.order`: the order of every step that does not say its own.
    pub(crate) order: Option<Order>,
    /// `matrix.shape`: the shape of every event that does not say its own.
    pub(crate) shape: Option<SentAs>,
    /// The file with the values filled in.
    pub(crate) tree: Node,
}

/// All combinations of a file's matrix, in file order, the last name moving fastest; one where it has none.
pub(crate) fn expand(tree: &Node, problems: &mut Problems) -> Vec<Combination> {
    let axes: Vec<(&Entry, &[Node])> = tree
        .get("matrix")
        .and_then(Node::entries)
        .unwrap_or_default()
        .iter()
        .filter_map(|entry| match &entry.node.kind {
            Kind::Array(values) => Some((entry, values.as_slice())),
            // The decoder reports it.
            _ => None,
        })
        .collect();
    check_axes(&axes, problems);
    // An axis without values was reported; the others are still worth looking at.
    let axes: Vec<_> = axes.into_iter().filter(|(_, values)| !values.is_empty()).collect();
    let count = axes.iter().try_fold(1_usize, |count, (_, values)| count.checked_mul(values.len()));
    match count {
        Some(count) if count <= MOST => {}
        _ => {
            too_many(tree, problems);
            return Vec::new();
        }
    }
    let mut picks: Vec<Vec<(&Entry, &Node)>> = vec![Vec::new()];
    for (entry, values) in &axes {
        picks = picks
            .iter()
            .flat_map(|pick| {
                values.iter().map(|value| {
                    let mut pick = pick.clone();
                    pick.push((entry, value));
                    pick
                })
            })
            .collect();
    }
    picks.iter().map(|pick| combination(tree, pick, problems)).collect()
}

fn combination(tree: &Node, pick: &[(&Entry, &Node)], problems: &Problems) -> Combination {
    let label: Vec<String> =
        pick.iter().map(|(entry, value)| format!("{}={}", entry.key, spell(value))).collect();
    let axis = |key: &str| pick.iter().find(|(entry, _)| entry.key == key).map(|(_, value)| *value);
    // Checked already: problems found here again would only be echoes.
    let order = axis("order").and_then(|value| Order::decode(value, &mut Problems::new(&problems.source)));
    let shape = axis("shape").and_then(|value| match &value.kind {
        Kind::String(text) => {
            let place = problems.place(&value.range);
            shape::sent_as(text, &place, "matrix.shape", &mut Problems::new(&problems.source))
        }
        _ => None,
    });
    Combination {
        label: label.join(","),
        values: pick.iter().map(|(entry, value)| (entry.key.clone(), value.to_json())).collect(),
        order,
        shape,
        tree: fill_top(tree, pick),
    }
}

fn check_axes(axes: &[(&Entry, &[Node])], problems: &mut Problems) {
    for (entry, values) in axes {
        if values.is_empty() {
            problems.out_of_range(
                &entry.node,
                format!("`matrix.{}` has no values", entry.key),
                "no case at all",
            );
        }
        check_values_differ(entry, values, problems);
        for value in *values {
            match entry.key.as_str() {
                "order" => {
                    let _ = Order::decode(value, problems);
                }
                "shape" => check_shape(value, problems),
                "answers_in" => check_answers_in(value, problems),
                _ => {}
            }
        }
    }
}

/// Cases are told apart by their values, and get their ids from their names.
fn check_values_differ(entry: &Entry, values: &[Node], problems: &mut Problems) {
    let mut seen: Vec<String> = Vec::new();
    for value in values {
        let spelled = spell(value);
        if seen.contains(&spelled) {
            let place = problems.place(&value.range);
            problems.push(
                Diagnostic::error(
                    Code::DuplicateName,
                    format!("two cases are called `{}={spelled}`", entry.key),
                )
                .at(&place)
                .label("this value is there already"),
            );
        }
        seen.push(spelled);
    }
}

/// A value of `matrix.shape`.
fn check_shape(value: &Node, problems: &mut Problems) {
    let Some(text) = text(value, problems) else { return };
    let place = problems.place(&value.range);
    let _ = shape::sent_as(text, &place, "matrix.shape", problems);
}

/// A value of `matrix.answers_in`. All cases share one double, which answers all of them alike.
fn check_answers_in(value: &Node, problems: &mut Problems) {
    let Some(text) = text(value, problems).filter(|text| *text != "asked") else { return };
    let place = problems.place(&value.range);
    match shape::read(text) {
        Some(Shape::Version(Version::NEWEST)) => {}
        Some(_) => problems.push(refusal(&format!("matrix.answers_in.{text}"), &place)),
        None => problems.push(shape::unknown(text, &place)),
    }
}

fn text<'a>(value: &'a Node, problems: &mut Problems) -> Option<&'a str> {
    if let Kind::String(text) = &value.kind {
        return Some(text);
    }
    problems.wrong_type(value, "a string");
    None
}

fn too_many(tree: &Node, problems: &mut Problems) {
    if let Some(matrix) = tree.get("matrix") {
        problems.out_of_range(matrix, format!("more than {MOST} cases"), "too many combinations");
    }
}

/// Fills in everything but the matrix itself.
fn fill_top(tree: &Node, pick: &[(&Entry, &Node)]) -> Node {
    let entries = tree.entries().unwrap_or_default();
    let filled = entries.iter().map(|entry| {
        if entry.key == "matrix" {
            entry.clone()
        } else {
            Entry { node: fill(&entry.node, pick), ..entry.clone() }
        }
    });
    Node { kind: Kind::Table(filled.collect()), range: tree.range.clone() }
}

fn fill(node: &Node, pick: &[(&Entry, &Node)]) -> Node {
    let kind = match &node.kind {
        Kind::String(text) => fill_text(text, pick),
        Kind::Array(items) => Kind::Array(items.iter().map(|item| fill(item, pick)).collect()),
        Kind::Table(entries) => Kind::Table(
            entries.iter().map(|entry| Entry { node: fill(&entry.node, pick), ..entry.clone() }).collect(),
        ),
        other => other.clone(),
    };
    Node { kind, range: node.range.clone() }
}

/// Only plain `{{ matrix.x }}` is filled in here; an expression is left to whoever renders the string.
fn fill_text(text: &str, pick: &[(&Entry, &Node)]) -> Kind {
    let value = |inner: &str| {
        let name = inner.trim().strip_prefix("matrix.")?;
        pick.iter().find(|(entry, _)| entry.key == name).map(|(_, value)| *value)
    };
    let mut filled = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("{{") {
        let Some(end) = rest[start..].find("}}").map(|end| start + end) else { break };
        match value(&rest[start + 2..end]) {
            Some(value) if filled.is_empty() && start == 0 && end + 2 == text.len() => {
                return value.kind.clone();
            }
            Some(value) => {
                filled.push_str(&rest[..start]);
                filled.push_str(&spell(value));
            }
            None => filled.push_str(&rest[..end + 2]),
        }
        rest = &rest[end + 2..];
    }
    filled.push_str(rest);
    Kind::String(filled)
}

/// A value inside of a text: strings without quotes, everything else as JSON.
fn spell(value: &Node) -> String {
    match value.to_json() {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// Reports `{{ matrix.x }}` where the matrix has no `x`.
pub(crate) fn check_names(tree: &Node, problems: &mut Problems) {
    let names: Vec<&str> = tree
        .get("matrix")
        .and_then(Node::entries)
        .unwrap_or_default()
        .iter()
        .map(|entry| entry.key.as_str())
        .collect();
    let mut found = Vec::new();
    tree.each_string(&mut |text, range| {
        let inner =
            text.split("{{").skip(1).filter_map(|part| part.split_once("}}")).map(|(inner, _)| inner.trim());
        for name in
            inner.filter_map(|inner| inner.strip_prefix("matrix.")).filter(|name| values::is_word(name))
        {
            if !names.contains(&name) {
                found.push((name.to_owned(), range.clone()));
            }
        }
    });
    for (name, range) in found {
        let place = problems.place(&range);
        problems.push(
            Diagnostic::error(Code::UnknownTemplateName, format!("unknown template name `matrix.{name}`"))
                .at(&place)
                .label(format!("the matrix has no `{name}`"))
                .maybe_help(suggest(&name, "names in `matrix`", names.iter().copied())),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::tree::{parse, source};

    fn expanded(text: &str) -> (Vec<(String, Value)>, Vec<String>) {
        let source = source("a.toml", text);
        let tree = parse(&source).0.unwrap();
        let mut problems = Problems::new(&source);
        let cases = expand(&tree, &mut problems);
        check_names(&tree, &mut problems);
        let cases =
            cases.into_iter().map(|case| (case.label, case.tree.get("a").unwrap().to_json())).collect();
        (cases, problems.list.into_iter().map(|d| d.message).collect())
    }

    #[rstest::rstest]
    #[case("a = '{{ matrix.x }}'\nmatrix = { x = [1, true] }", &[("x=1", "1"), ("x=true", "true")])]
    #[case("a = 'n {{ matrix.x }}!'\nmatrix = { x = [1.5, 'b'] }", &[("x=1.5", "\"n 1.5!\""), ("x=b", "\"n b!\"")])]
    #[case("a = '{{matrix.x}}{{ matrix.y }}'\nmatrix = { x = [1, 2], y = [3] }", &[
        ("x=1,y=3", "\"13\""), ("x=2,y=3", "\"23\""),
    ])]
    #[case("a = ['{{ customer.id }}', '{{ matrix.x']", &[("", "[\"{{ customer.id }}\",\"{{ matrix.x\"]")])]
    #[case("a = '{{ matrix.x | upper }}'\nmatrix.x = ['b']", &[("x=b", "\"{{ matrix.x | upper }}\"")])]
    #[case("a = 1\nmatrix = { z = [1, 2], b = [3, 4] }", &[
        ("z=1,b=3", "1"), ("z=1,b=4", "1"), ("z=2,b=3", "1"), ("z=2,b=4", "1"),
    ])]
    fn values_are_filled_in(#[case] text: &str, #[case] expected: &[(&str, &str)]) {
        let (cases, problems) = expanded(text);
        let cases: Vec<_> = cases.iter().map(|(label, a)| (label.as_str(), a.to_string())).collect();
        let expected: Vec<_> = expected.iter().map(|(label, a)| (*label, (*a).to_owned())).collect();
        assert_eq!(cases, expected);
        assert_eq!(problems, Vec::<String>::new());
    }

    #[rstest::rstest]
    #[case("a = 1\nmatrix = { x = [] }", "`matrix.x` has no values")]
    #[case("a = 1\nmatrix = { order = ['backwards'] }", "`backwards` is no order")]
    #[case("a = 1\nmatrix = { x = [1, 2, '1'] }", "two cases are called `x=1`")]
    #[case("a = 1\nmatrix = { shape = ['2019-12-03'] }", "not supported yet: matrix.shape.2019-12-03")]
    #[case(
        "a = 1\nmatrix = { answers_in = ['asked', 'basil'] }",
        "not supported yet: matrix.answers_in.basil"
    )]
    #[case("a = 1\nmatrix = { shape = [7] }", "wrong type: expected a string, found an integer")]
    #[case("a = 1\nmatrix = { shape = ['sable'] }", "`sable` is no API version")]
    #[case("a = '{{ matrix.y }}'\nmatrix = { x = [1] }", "unknown template name `matrix.y`")]
    fn what_is_wrong_is_said(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(expanded(text).1, [expected]);
    }

    #[test]
    fn the_shape_of_a_combination_is_known() {
        let source = source("a.toml", "a = 1\nmatrix = { shape = ['basil', 'thin', '2024-06-20'] }");
        let tree = parse(&source).0.unwrap();
        let mut problems = Problems::new(&source);
        let shapes: Vec<_> = expand(&tree, &mut problems)
            .into_iter()
            .map(|case| (case.label, case.shape.map(|shape| shape.to_string())))
            .collect();
        let expected = [
            ("shape=basil", "in the shape of 2025-08-27.basil"),
            ("shape=thin", "as a thin event"),
            ("shape=2024-06-20", "in the shape of 2024-06-20"),
        ];
        assert_eq!(shapes, expected.map(|(label, shape)| (label.to_owned(), Some(shape.to_owned()))));
    }

    #[test]
    fn combinations_are_bounded() {
        let values = (0..50).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
        let text = format!("a = 1\nmatrix = {{ x = [{values}], y = [{values}], z = [{values}] }}");
        assert_eq!(expanded(&text).1, ["more than 1000 cases"]);
    }
}
