//! `paydrill explain`.

use std::path::PathBuf;

use clap::Args;

use super::Global;
use super::output::{Exit, Output};
use super::project;
use crate::scenario::Code;
use crate::scenario::explain::{explain, explain_actions};

/// Explain a diagnostic's code, or tell a scenario's story step by step.
#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// A code such as `unknown-key`, a scenario file, or `stripe` for the actions of a step and their events.
    what: String,
}

pub(super) fn main(args: &ExplainArgs, global: &Global, output: &Output) -> Exit {
    if let Ok(code) = args.what.parse::<Code>() {
        output.data(code.explain());
        return Exit::Passed;
    }
    if args.what == "stripe" {
        output.data(explain_actions());
        return Exit::Passed;
    }
    let path = PathBuf::from(&args.what);
    if !path.exists() {
        let codes: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        let hint = format!("the codes are: {}", codes.join(", "));
        output.error(&format!("`{}` is neither a code nor a file", args.what), Some(&hint));
        return Exit::Usage;
    }
    let written = match project::read_valid(&[path], global, output) {
        Ok(written) => written,
        Err(exit) => return exit,
    };
    let stories: Vec<String> =
        written.scenarios.iter().map(|scenario| explain(scenario, &written.project)).collect();
    output.data(stories.join("\n"));
    Exit::Passed
}
