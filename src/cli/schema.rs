//! `paydrill schema`.

use clap::{Args, ValueEnum};

use super::output::{Exit, Output};
use crate::report::schema::report_schema;
use crate::scenario::schema::{project_schema, scenario_schema};

/// Print the JSON Schema of a file: for editors, and for readers of reports.
#[derive(Debug, Args)]
pub(super) struct SchemaArgs {
    /// Of which file.
    file: File,
}

/// Of which file.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum File {
    /// `scenarios/**/*.toml`
    Scenario,
    /// `paydrill.toml`
    Project,
    /// What `run --report-json` writes.
    Report,
}

pub(super) fn main(args: &SchemaArgs, output: &Output) -> Exit {
    let schema = match args.file {
        File::Scenario => scenario_schema(),
        File::Project => project_schema(),
        File::Report => report_schema(),
    };
    output.data(format!("{schema:#}\n"));
    Exit::Passed
}
