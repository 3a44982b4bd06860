//! `paydrill report`: reports made later, elsewhere, and of several runs together.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::output::{Exit, Output};
use super::reports::Reports;
use super::settings::Settings;
use crate::report::model::{Report, merge, read};

/// Make reports from what `run --report-json` wrote.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct ReportArgs {
    #[command(subcommand)]
    command: Option<ReportCommand>,
    /// What `run --report-json` wrote.
    #[arg(required = true)]
    file: Option<PathBuf>,
    #[command(flatten)]
    made: Made,
}

#[derive(Debug, Subcommand)]
enum ReportCommand {
    /// Put the reports of several runs together, as of shards.
    Merge(MergeArgs),
}

/// Put the reports of several runs together, as of shards.
#[derive(Debug, Args)]
struct MergeArgs {
    /// What `run --report-json` wrote, in the order in which they are to stand.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    made: Made,
}

/// What is made.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = true)]
struct Made {
    /// Write pages: an index, and one for each case that did not pass.
    #[arg(long, value_name = "FOLDER")]
    html: Option<PathBuf>,
    /// Write the report as JSON (`paydrill schema report`).
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write Markdown for a pull request, in at most 65,536 characters.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Write a JUnit report.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

pub(super) fn main(args: &ReportArgs, settings: &Settings, output: &Output) -> Exit {
    let (files, made) = match &args.command {
        Some(ReportCommand::Merge(merge)) => (merge.files.as_slice(), &merge.made),
        None => (args.file.as_slice(), &args.made),
    };
    let reports = Reports {
        html: made.html.clone(),
        json: made.json.clone(),
        markdown: made.markdown.clone(),
        junit: made.junit.clone(),
        summary: None,
    };
    if let Err((message, hint)) = reports.check(&settings.current_dir, |name| format!("--{name}")) {
        output.error(&message, Some(&hint));
        return Exit::Usage;
    }
    let mut all = Vec::new();
    for file in files {
        match load(&settings.current_dir, file) {
            Ok(report) => all.push(report),
            Err(message) => {
                output.error(&message, Some("`paydrill run --report-json FILE` writes one"));
                return Exit::Usage;
            }
        }
    }
    let problems = reports.write(&merge(all), &settings.current_dir, output);
    for problem in &problems {
        output.error(problem, None);
    }
    if problems.is_empty() { Exit::Passed } else { Exit::CouldNotJudge }
}

fn load(dir: &Path, file: &Path) -> Result<Report, String> {
    let text = std::fs::read_to_string(dir.join(file))
        .map_err(|error| format!("failed to read `{}`: {error}", file.display()))?;
    read(&text).map_err(|error| format!("`{}`: failed to {error}", file.display()))
}
