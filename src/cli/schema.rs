//! `paydrill schema`.

use clap::{Args, ValueEnum};

use super::output::{Exit, Output};
use crate::scenario::schema::{project_schema, scenario_schema};

/// Print the JSON Schema that editors use.
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
}

pub(super) fn main(args: &SchemaArgs, output: &Output) -> Exit {
    let schema = match args.file {
        File::Scenario => scenario_schema(),
        File::Project => project_schema(),
    };
    output.data(format!("{schema:#}\n"));
    Exit::Passed
}
