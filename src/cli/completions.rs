//! `paydrill completions SHELL`.

use clap::{Args, CommandFactory};

use super::Cli;
use super::output::{Exit, Output};

/// Print a completion script for a shell.
#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// The shell.
    shell: clap_complete::Shell,
}

pub(super) fn main(args: &CompletionsArgs, output: &Output) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "paydrill", &mut script);
    output.data(script);
    Exit::Passed
}
