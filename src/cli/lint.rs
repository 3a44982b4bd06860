//! `paydrill lint`.

use std::path::PathBuf;

use clap::Args;

use super::Global;
use super::output::{Exit, Output};
use super::project::{self, Found};
use crate::scenario::diagnostic::{has_errors, to_json};
use crate::scenario::refuse_unsupported;

/// Check scenario and project files; every problem at once.
#[derive(Debug, Args)]
pub(super) struct LintArgs {
    /// Scenario files or folders; left out, all of the project's.
    paths: Vec<PathBuf>,
    /// Check what this environment can execute; left out, the project's `default_environment`.
    #[arg(long, short, env = "PAYDRILL_ENVIRONMENT")]
    environment: Option<String>,
    /// Print diagnostics as JSON lines.
    #[arg(long)]
    json: bool,
    /// Warnings count as errors.
    #[arg(long)]
    deny_warnings: bool,
}

pub(super) fn main(args: &LintArgs, global: &Global, output: &Output) -> Exit {
    let found = match project::read(&args.paths, global) {
        Ok(found) => found,
        Err(error) => return project::load_failure(&error, output),
    };
    let Found { project, scenarios, mut diagnostics } = found;
    if let Some(project) = &project {
        let name = args.environment.as_ref().or(project.default_environment.as_ref());
        match name.map(|name| (name, project.environments.get(name))) {
            Some((_, Some(environment))) => {
                diagnostics.extend(refuse_unsupported(environment, &scenarios));
            }
            Some((name, None)) if args.environment.is_some() => {
                output.error(&format!("the project has no environment `{name}`"), None);
                return Exit::Usage;
            }
            _ => {}
        }
    }
    if args.json {
        output.data(
            diagnostics.iter().map(|diagnostic| format!("{}\n", to_json(diagnostic))).collect::<String>(),
        );
    } else {
        project::show(&diagnostics, output);
        if diagnostics.is_empty() {
            let fine = match scenarios.len() {
                1 => "1 scenario is fine\n".to_owned(),
                count => format!("{count} scenarios are fine\n"),
            };
            output.talk(fine);
        }
    }
    if has_errors(&diagnostics) || args.deny_warnings && !diagnostics.is_empty() {
        Exit::Usage
    } else {
        Exit::Passed
    }
}
