//! The whole way from a text to a model or to diagnostics, as people meet it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::diagnostic::has_errors;
use super::model::{From, Order, Pick, Scenario, Send, SignatureMode};
use super::render::{Color, render};
use super::tree::source;
use super::*;
use crate::project::model::{Launch, Project, Provider};
use crate::project::parse_project;

/// The example project and scenarios of the design.
pub(super) fn examples() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/scenario/testdata/examples");
    let entry = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.unwrap().path();
        (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read_to_string(&path).unwrap())
    };
    std::fs::read_dir(folder).unwrap().map(entry).collect()
}

/// The example project.
pub(super) fn example_project() -> (Project, Vec<Diagnostic>) {
    let text = &examples()["paydrill.toml"];
    let (project, diagnostics) = parse_project(source("paydrill.toml", text), PathBuf::from("."));
    (project.unwrap_or_else(|| panic!("{}", render(&diagnostics, Color::No))), diagnostics)
}

/// A scenario of the example project.
pub(super) fn parse(text: &str) -> (Option<Scenario>, Vec<Diagnostic>) {
    let (project, _) = example_project();
    let files = |path: &str| match path {
        "captured/evt.json" => Ok(r#"{ "object": "event", "id": "evt_1" }"#.to_owned()),
        "captured/list.json" => Ok(r#"{ "object": "list" }"#.to_owned()),
        _ => Err("no such file".to_owned()),
    };
    parse_scenario(source("scenarios/a.toml", text), "a", &project, &files)
}

fn valid(text: &str) -> Scenario {
    let (scenario, diagnostics) = parse(text);
    scenario.unwrap_or_else(|| panic!("{}", render(&diagnostics, Color::No)))
}

#[test]
fn the_example_project_is_valid() {
    let (project, diagnostics) = example_project();
    // The example leaves out one guard, which only a drill asks for.
    let codes: Vec<_> = diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
    assert_eq!(codes, [Code::MissingGuard], "{}", render(&diagnostics, Color::No));
    assert_eq!(project.prices["pro_monthly"].unit_amount, 9900);
    assert_eq!(project.probes["access"].fields().unwrap().len(), 6);
    let ci = &project.environments["ci"];
    assert!(matches!(ci.provider, Provider::Double { port: None }));
    assert!(matches!(&ci.target.launch, Launch::Processes(processes) if processes.len() == 2));
    assert!(ci.target.endpoints["connect"].connect);
    assert_eq!(ci.not_yet, []);
    let later: Vec<_> = project.environments["production"].not_yet.iter().map(|l| l.what.as_str()).collect();
    assert_eq!(later, ["environment.production.provider.live"]);
}

/// What each example may carry: what this version does not execute, by name. Everything else is clean.
#[test]
fn every_example_is_valid_or_refused_by_name() {
    let mut told = String::new();
    for (file, text) in examples().iter().filter(|(file, _)| file.as_str() != "paydrill.toml") {
        let (scenario, diagnostics) = parse(text);
        assert_eq!(scenario.is_none(), has_errors(&diagnostics), "{file}");
        let all: Vec<_> = diagnostics.iter().map(|diagnostic| diagnostic.message.as_str()).collect();
        told.push_str(&format!("{file}: {}\n", all.join("; ")));
    }
    insta::assert_snapshot!(told);
}
