//! `paydrill fmt`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::Global;
use super::output::{Exit, Output};
use super::project;
use crate::scenario::format::format;
use crate::scenario::{LoadError, check_regular, find_project, scenario_files, scenario_folder};

/// Write scenario files the usual way; comments stay.
#[derive(Debug, Args)]
pub(super) struct FmtArgs {
    /// Scenario files or folders; left out, all of the project's.
    paths: Vec<PathBuf>,
    /// Change nothing; name the files that would change, and end with exit code 1 where there are any.
    #[arg(long)]
    check: bool,
}

pub(super) fn main(args: &FmtArgs, global: &Global, output: &Output) -> Exit {
    let files = match files(args, global) {
        Ok(files) => files,
        Err(error) => return project::load_failure(&error, output),
    };
    let mut changed = false;
    let mut broken = false;
    for file in files {
        match one(&file, args.check, output) {
            Ok(different) => changed |= different,
            Err(problem) => {
                output.error(&problem, None);
                broken = true;
            }
        }
    }
    match (broken, args.check && changed) {
        (true, _) => Exit::Usage,
        (false, true) => Exit::Failed,
        (false, false) => Exit::Passed,
    }
}

fn files(args: &FmtArgs, global: &Global) -> Result<Vec<PathBuf>, LoadError> {
    if !args.paths.is_empty() {
        return scenario_files(&args.paths);
    }
    let project = match &global.project {
        Some(file) => file.clone(),
        None => find_project(Path::new("."))?,
    };
    scenario_files(&[scenario_folder(project.parent().unwrap_or(Path::new(".")))])
}

/// Whether the file is not written the usual way; writes it so, unless it is only to be checked.
fn one(file: &Path, check: bool, output: &Output) -> Result<bool, String> {
    check_regular(file).map_err(|error| format!("failed to {error}"))?;
    let text = std::fs::read_to_string(file)
        .map_err(|error| format!("failed to read {}: {error}", file.display()))?;
    let formatted = format(&text).map_err(|error| format!("failed to format {}: {error}", file.display()))?;
    if formatted == text {
        return Ok(false);
    }
    if check {
        output.data(format!("{}\n", file.display()));
    } else {
        output.file(file, formatted.as_bytes())?;
    }
    Ok(true)
}
