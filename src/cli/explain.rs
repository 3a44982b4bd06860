//! `paydrill explain`.

use std::path::PathBuf;

use clap::Args;

use super::Global;
use super::output::{Exit, Output};
use super::project;
use crate::scenario::Code;
use crate::scenario::explain::explain;
use crate::stripe::action::ActionKind;

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
        output.data(ActionKind::ALL.iter().map(|kind| action(*kind)).collect::<String>());
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

/// One action of a step: what happens, its keys, and its events in Stripe's order.
fn action(kind: ActionKind) -> String {
    let keys = ["name", "subscription", "set"];
    let keys: Vec<&str> = kind.own_keys().iter().copied().chain(keys).collect();
    let yet = if kind.supported() { "" } else { " (not supported yet)" };
    let mut text =
        format!("stripe.{}{yet}\n  {}\n  keys    {}\n", kind.as_str(), kind.summary(), keys.join(", "));
    for (index, event) in kind.burst().iter().enumerate() {
        let head = if index == 0 { "events" } else { "" };
        text.push_str(&format!("  {head:<6}  {event}\n"));
    }
    text.push('\n');
    text
}
