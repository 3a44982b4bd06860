//! A project and its scenarios as texts, for those that are shipped inside a program.

use std::path::PathBuf;
use std::sync::Arc;

use super::diagnostic::Diagnostic;
use super::model::Scenario;
use super::validate::parse_scenario;
use crate::project::model::Project;
use crate::project::parse_project;
use crate::span::Source;

/// A project file and its scenarios, by their paths below one folder.
#[derive(Debug, Clone)]
pub struct Folder {
    /// Where commands of the project start.
    pub root: PathBuf,
    /// What the folder is called in diagnostics and reports.
    pub shown: String,
    /// Path below the folder, and text.
    pub files: Vec<(String, String)>,
}

/// Parses them all; pure. Files that a scenario captures events from are not there, and are diagnostics.
#[must_use]
pub fn parse_folder(folder: &Folder) -> (Option<Project>, Vec<Scenario>, Vec<Diagnostic>) {
    let source = |path: &str, text: &str| {
        Arc::new(Source { path: format!("{}/{path}", folder.shown), text: text.to_owned() })
    };
    let mut diagnostics = Vec::new();
    let file = folder.files.iter().find(|(path, _)| path == "paydrill.toml");
    let project = file.and_then(|(path, text)| {
        let (project, found) = parse_project(source(path, text), folder.root.clone());
        diagnostics.extend(found);
        project
    });
    let Some(project) = project else { return (None, Vec::new(), diagnostics) };
    let mut scenarios = Vec::new();
    for (path, text) in &folder.files {
        let Some(name) = path.strip_suffix(".toml").filter(|name| *name != "paydrill") else { continue };
        let absent = |_: &str| Err("it is not shipped".to_owned());
        let (scenario, found) = parse_scenario(source(path, text), name, &project, &absent);
        diagnostics.extend(found);
        scenarios.extend(scenario);
    }
    (Some(project), scenarios, diagnostics)
}
