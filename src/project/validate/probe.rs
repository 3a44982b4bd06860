//! Probes, and what reconciliation compares.

use std::collections::BTreeMap;

use serde_json_path::JsonPath;

use super::call::{command_call, http_call, page_call, sql_call};
use super::catalog::texts;
use super::outside;
use crate::project::document::ProbeDocument;
use crate::project::model::{Call, Probe, ProbeKind, Reconcile};
use crate::scenario::code::Code;
use crate::scenario::decode::{self, Field, Problems, Text};
use crate::scenario::diagnostic::{Diagnostic, suggest};

/// What provider truth is made of.
pub(crate) const TRUTH: [&str; 5] = ["customer", "subscription", "checkout", "invoice", "charge"];

/// A probe; `None` after saying why.
pub(super) fn probe(field: &Field<ProbeDocument>, problems: &mut Problems) -> Option<Probe> {
    let read = reads(field, problems);
    let kind = kind(field, read, problems)?;
    let probe = Probe {
        kind,
        times: texts(field.times.as_ref()),
        words: words(field, problems),
        place: field.key.clone(),
    };
    for time in field.times.iter().flat_map(|times| times.iter()) {
        check_field(&time.value, &time.place, &probe, problems);
    }
    for (name, word) in field.words.iter().flat_map(|words| words.iter()) {
        check_field(name, &word.key, &probe, problems);
    }
    Some(probe)
}

fn kind(
    document: &ProbeDocument,
    read: BTreeMap<String, String>,
    problems: &mut Problems,
) -> Option<ProbeKind> {
    if let Some(http) = &document.http {
        return Some(ProbeKind::Call { call: Call::Http(http_call(http, problems)?), read });
    }
    if let Some(sql) = &document.sql {
        return Some(ProbeKind::Call { call: sql_call(sql, problems)?, read });
    }
    if let Some(command) = &document.command {
        return Some(ProbeKind::Call { call: command_call(command, problems), read });
    }
    if let Some(page) = &document.page {
        return Some(ProbeKind::Call { call: page_call(page, problems)?, read });
    }
    outside::probe(document, read, problems).map(ProbeKind::Outside)
}

/// Field → JSONPath, each of which must parse.
fn reads(document: &ProbeDocument, problems: &mut Problems) -> BTreeMap<String, String> {
    let Some(read) = &document.read else { return BTreeMap::new() };
    let has_json = [
        document.http.is_some(),
        document.command.is_some(),
        document.sink.is_some(),
        document.stripe_calls.is_some(),
    ];
    // What stands on a page is found by selectors, which only a browser understands.
    if document.page.is_some() {
        return read.iter().map(|(field, selector)| (field.to_owned(), selector.value.clone())).collect();
    }
    if !has_json.contains(&true) {
        problems.push(
            Diagnostic::error(
                Code::ExclusiveKeys,
                "`read` goes with `http`, `command`, `page`, `sink` or `stripe_calls`",
            )
            .at(&read.key)
            .label("there is no JSON to read from"),
        );
    }
    for (_, path) in read.iter() {
        json_path(path, problems);
    }
    read.iter().map(|(field, path)| (field.to_owned(), path.value.clone())).collect()
}

/// Checks a JSONPath.
pub(super) fn json_path(path: &Field<Text>, problems: &mut Problems) {
    let Err(error) = JsonPath::parse(&path.value) else { return };
    let help = (!path.starts_with('$')).then(|| format!("write \"$.{}\"", path.value));
    // The parser's word for "nothing that I know" says nothing.
    let why = match error.message() {
        "parser error" => String::new(),
        message => format!(": {message}"),
    };
    problems.push(
        Diagnostic::error(Code::BadJsonPath, format!("`{}` is no JSONPath{why}", path.value))
            .at(&path.place)
            .label("expected a JSONPath (RFC 9535)")
            .maybe_help(help),
    );
}

fn words(
    document: &ProbeDocument,
    problems: &mut Problems,
) -> BTreeMap<String, BTreeMap<String, serde_json::Value>> {
    let mut words = BTreeMap::new();
    for (field, table) in document.words.iter().flat_map(|words| words.iter()) {
        let map = table.0.to_map();
        if map.is_empty() {
            problems.push(
                Diagnostic::error(Code::OutOfRange, format!("no word of `{field}` is translated"))
                    .at(&table.place)
                    .label("expected the app's word = Stripe's"),
            );
        }
        words.insert(field.to_owned(), map.into_iter().collect());
    }
    words
}

/// Checks that a probe has a field, where that is known.
pub(crate) fn check_field(field: &str, place: &crate::span::Place, probe: &Probe, problems: &mut Problems) {
    if matches!(probe.kind, ProbeKind::Truth) {
        return check_truth(field, place, problems);
    }
    let Some(fields) = probe.fields() else { return };
    if !fields.iter().any(|known| known == field) {
        problems.push(
            Diagnostic::error(Code::UnknownField, format!("unknown field `{field}`"))
                .at(place)
                .label("this probe has no such field")
                .maybe_help(suggest(field, "fields", fields.iter().map(String::as_str))),
        );
    }
}

/// Checks that a path leads into provider truth.
fn check_truth(path: &str, place: &crate::span::Place, problems: &mut Problems) {
    let root = path.split(['.', '[']).next().unwrap_or_default();
    if !TRUTH.contains(&root) {
        problems.push(
            Diagnostic::error(Code::UnknownTemplateName, format!("`{root}` is no part of provider truth"))
                .at(place)
                .label("expected a path such as \"subscription.status\"")
                .maybe_help(suggest(root, "objects", TRUTH)),
        );
    }
}

/// What reconciliation compares.
pub(super) fn reconcile(
    pairs: Option<&decode::Map<Text>>,
    probes: &BTreeMap<String, Probe>,
    problems: &mut Problems,
) -> Vec<Reconcile> {
    pairs
        .into_iter()
        .flat_map(decode::Map::iter)
        .filter_map(|(local, truth)| reconcile_pair(local, truth, probes, problems))
        .collect()
}

fn reconcile_pair(
    local: &str,
    truth: &Field<Text>,
    probes: &BTreeMap<String, Probe>,
    problems: &mut Problems,
) -> Option<Reconcile> {
    let Some((probe, field)) = local.split_once('.') else {
        problems.push(
            Diagnostic::error(Code::UnknownProbe, format!("`{local}` is no field of a probe"))
                .at(&truth.key)
                .label("expected \"PROBE.FIELD\", in quotes"),
        );
        return None;
    };
    match probes.get(probe) {
        Some(found) => check_field(field, &truth.key, found, problems),
        None => problems.push(unknown_probe(probe, &truth.key, probes.keys().map(String::as_str))),
    }
    check_truth(&truth.value, &truth.place, problems);
    Some(Reconcile {
        probe: probe.to_owned(),
        field: field.to_owned(),
        truth: truth.value.clone(),
        place: truth.key.clone(),
    })
}

/// The name of a probe that does not exist.
pub(crate) fn unknown_probe<'a>(
    name: &str,
    place: &crate::span::Place,
    probes: impl IntoIterator<Item = &'a str> + Clone,
) -> Diagnostic {
    Diagnostic::error(Code::UnknownProbe, format!("unknown probe `{name}`"))
        .at(place)
        .label("no such `[probe.NAME]`")
        .maybe_help(suggest(name, "probes", probes))
}
