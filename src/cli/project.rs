//! Finds and reads the project and its scenarios, and shows what is wrong with them.

use std::path::{Path, PathBuf};

use super::Global;
use super::output::{Exit, Output};
use crate::project::model::Project;
use crate::scenario::diagnostic::has_errors;
use crate::scenario::model::Scenario;
use crate::scenario::render::{self, Color};
use crate::scenario::{Diagnostic, LoadError, find_project, load_project, load_scenarios};

/// What the user wrote, valid.
pub(super) struct Written {
    /// The project.
    pub(super) project: Project,
    /// Its scenarios, or the selected ones.
    pub(super) scenarios: Vec<Scenario>,
}

/// Reads the project and the scenarios under `paths`, all of them where there are none.
pub(super) fn read(paths: &[PathBuf], global: &Global) -> Result<Found, LoadError> {
    let file = match &global.project {
        Some(file) => file.clone(),
        None => find_project(Path::new("."))?,
    };
    let (project, mut diagnostics) = load_project(&file)?;
    let Some(project) = project else {
        return Ok(Found { project: None, scenarios: Vec::new(), diagnostics });
    };
    let (scenarios, more) = load_scenarios(&project, paths)?;
    diagnostics.extend(more);
    Ok(Found { project: Some(project), scenarios, diagnostics })
}

/// The project alone, for commands that need no scenario.
#[cfg(feature = "ledger")]
pub(super) fn read_alone(global: &Global, output: &Output) -> Result<Project, Exit> {
    let file = match &global.project {
        Some(file) => Ok(file.clone()),
        None => find_project(Path::new(".")),
    };
    let loaded = file.and_then(|file| load_project(&file)).map_err(|error| load_failure(&error, output))?;
    let (project, diagnostics) = loaded;
    if has_errors(&diagnostics) {
        show(&diagnostics, output);
    }
    project.ok_or(Exit::Usage)
}

/// What was found, valid or not.
pub(super) struct Found {
    pub(super) project: Option<Project>,
    pub(super) scenarios: Vec<Scenario>,
    pub(super) diagnostics: Vec<Diagnostic>,
}

/// The same, for commands that need valid files: shows what is wrong and ends where something is.
pub(super) fn read_valid(paths: &[PathBuf], global: &Global, output: &Output) -> Result<Written, Exit> {
    valid(read(paths, global), output)
}

/// Shows what is wrong with what was found, and ends where something is.
pub(super) fn valid(found: Result<Found, LoadError>, output: &Output) -> Result<Written, Exit> {
    let found = found.map_err(|error| load_failure(&error, output))?;
    show(&found.diagnostics, output);
    match found.project {
        Some(project) if !has_errors(&found.diagnostics) => {
            Ok(Written { project, scenarios: found.scenarios })
        }
        _ => Err(Exit::Usage),
    }
}

/// The project alone, for commands that need no scenario.
pub(super) fn project(found: Found, output: &Output) -> Result<Project, Exit> {
    show(&found.diagnostics, output);
    found.project.filter(|_| !has_errors(&found.diagnostics)).ok_or(Exit::Usage)
}

/// Draws diagnostics for people.
pub(super) fn show(diagnostics: &[Diagnostic], output: &Output) {
    if !diagnostics.is_empty() {
        let color = if output.talk_color { Color::Yes } else { Color::No };
        output.talk(render::render(diagnostics, color));
    }
}

/// A file or folder that could not be read at all.
pub(super) fn load_failure(error: &LoadError, output: &Output) -> Exit {
    let hint = match error {
        LoadError::NoProject { .. } => {
            Some("`paydrill init` writes a project file, `--project FILE` names one")
        }
        LoadError::NoScenario { .. } => {
            Some("scenarios are the .toml files in the folder `scenarios` beside the project file")
        }
        LoadError::Read { .. } | LoadError::TooLarge { .. } | LoadError::NotRegular { .. } => None,
    };
    output.error(&format!("failed to {error}"), hint);
    match error {
        LoadError::NoScenario { .. } => Exit::NothingSelected,
        _ => Exit::Usage,
    }
}
