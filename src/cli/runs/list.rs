//! `paydrill runs list`.

use clap::Args;
use serde_json::{Value, json};

use super::when;
use crate::cli::output::{Exit, Output};
use crate::cli::settings::Settings;
use crate::incident::text::one_line;
use crate::ledger::executor::interrupted;
use crate::ledger::fold::State;
use crate::ledger::kind::Executor;
use crate::ledger::{Head, Ledger, LedgerError, Query};

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Only this environment's.
    #[arg(long, short, value_name = "NAME")]
    environment: Option<String>,
    /// Only cases whose name contains this.
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Only those whose last attempt is this far.
    #[arg(long, value_name = "STATE", value_parser = ["open", "passed", "failed", "errored", "interrupted"])]
    state: Option<String>,
    /// At most so many.
    #[arg(long, default_value_t = 20, value_name = "N")]
    limit: u32,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
}

/// Runs that are looked through where only some of them are wanted.
const LOOKED_THROUGH: u32 = 10_000;

pub(super) async fn main(
    args: &ListArgs,
    ledger: &dyn Ledger,
    settings: &Settings,
    output: &Output,
) -> Result<Exit, LedgerError> {
    let some = args.environment.is_some() || args.filter.is_some() || args.state.is_some();
    let limit = if some { LOOKED_THROUGH.max(args.limit) } else { args.limit };
    let heads = ledger.heads(&Query::Newest { limit }).await?;
    let this = Executor::this(env!("CARGO_PKG_VERSION"));
    let gone = interrupted(&heads, &this, settings.clock.now());
    let state = |head: &Head| {
        // One whose process is gone is closed at the next run, and told as what it is until then.
        let ended = gone.iter().any(|draft| draft.key == head.key);
        if ended && head.summary.state() == State::Open { State::Interrupted } else { head.summary.state() }
    };
    let wanted = heads.iter().filter(|head| {
        args.environment.as_ref().is_none_or(|name| head.key.environment == *name)
            && args.filter.as_ref().is_none_or(|text| head.summary.case.contains(text))
            && args.state.as_ref().is_none_or(|word| state(head).word() == word)
    });
    let rows: Vec<(&Head, State)> = wanted
        .take(usize::try_from(args.limit).unwrap_or(usize::MAX))
        .map(|head| (head, state(head)))
        .collect();
    if args.json {
        output.data(
            rows.iter().map(|(head, state)| format!("{}\n", spelled(head, *state))).collect::<String>(),
        );
    } else if rows.is_empty() {
        output.talk(format!("the ledger {} has no such run\n", ledger.place()));
    } else {
        output.data(rows.iter().map(|(head, state)| line(head, *state)).collect::<String>());
    }
    Ok(Exit::Passed)
}

fn spelled(head: &Head, state: State) -> Value {
    let Head { key, summary, .. } = head;
    let fingerprints: Vec<&str> = summary.damages.iter().map(|damage| damage.fingerprint.as_str()).collect();
    json!({
        "v": 1,
        "run": key.run,
        "project": key.project,
        "environment": key.environment,
        "scenario": summary.scenario,
        "case": summary.case,
        "state": state,
        "attempts": summary.tried,
        "opened": when(summary.opened_at()),
        "incidents": fingerprints,
    })
}

fn line(head: &Head, state: State) -> String {
    let Head { key, summary, .. } = head;
    let tried = if summary.tried > 1 { format!("  {} attempts", summary.tried) } else { String::new() };
    format!(
        "{:<11}  {}  {}  {}  {}{tried}\n",
        state.word(),
        when(summary.opened_at()),
        one_line(&key.run),
        one_line(&key.environment),
        one_line(&summary.case),
    )
}
