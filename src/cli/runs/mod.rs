//! `paydrill runs`.

mod list;
mod rerun;
mod show;

use clap::{Args, Subcommand};

use super::Global;
use super::ledger::{self, Access, At};
use super::output::{Exit, Output};
use super::settings::Settings;
use crate::ledger::{Head, Ledger, LedgerError, Query};

/// List, show and rerun the runs that the ledger retains.
#[derive(Debug, Args)]
pub(super) struct RunsArgs {
    #[command(flatten)]
    at: At,
    #[command(subcommand)]
    command: RunsCommand,
}

#[derive(Debug, Subcommand)]
enum RunsCommand {
    /// The newest runs, and what came of them.
    List(list::ListArgs),
    /// Everything that is retained of a run.
    Show(show::ShowArgs),
    /// Send the same event again: another attempt of the run. Refused where that is known to do harm.
    Rerun(rerun::RerunArgs),
}

pub(super) fn main(args: &RunsArgs, global: &Global, settings: &Settings, output: &Output) -> Exit {
    match &args.command {
        RunsCommand::List(list) => {
            ledger::with(&args.at, Access::Read, global, settings, output, async |ledger| {
                list::main(list, &*ledger, settings, output).await
            })
        }
        RunsCommand::Show(show) => {
            ledger::with(&args.at, Access::Read, global, settings, output, async |ledger| {
                show::main(show, &*ledger, output).await
            })
        }
        RunsCommand::Rerun(rerun) => rerun::main(rerun, &args.at, global, settings, output),
    }
}

/// The one run that an event opened; says where there is none, or more than one.
async fn one(
    event: &str,
    environment: Option<&str>,
    ledger: &dyn Ledger,
    output: &Output,
) -> Result<Option<Head>, LedgerError> {
    let mut heads = ledger.heads(&Query::Run(event.to_owned())).await?;
    heads.retain(|head| environment.is_none_or(|name| head.key.environment == name));
    let Some(head) = heads.pop() else {
        output.error(
            &format!("the ledger has no run `{event}`"),
            Some("`paydrill runs list` names them by the event that opened each"),
        );
        return Ok(None);
    };
    if let Some(other) = heads.first() {
        let message = format!(
            "`{event}` opened a run in `{}` and in `{}`",
            other.key.environment, head.key.environment
        );
        output.error(&message, Some("`--environment` names one"));
        return Ok(None);
    }
    Ok(Some(head))
}

/// Milliseconds of Unix time, as people write them.
pub(super) fn when(ms: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(ms).unwrap_or_default();
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}
