//! `paydrill ledger`, and how every command finds the ledger.

mod place;

mod export;
mod prune;
mod verify;

use std::sync::Arc;

use clap::{Args, Subcommand};

pub(super) use self::place::{Access, Place};
use super::Global;
use super::output::{Exit, Output};
use super::project;
use super::settings::Settings;
use crate::ledger::{Head, Ledger, LedgerError, Query, RunKey};

/// Heads that are read at once.
const PAGE: u32 = 500;

/// Check, export and prune the ledger: the record of runs that lasts.
#[derive(Debug, Args)]
pub(super) struct LedgerArgs {
    #[command(flatten)]
    at: At,
    #[command(subcommand)]
    command: LedgerCommand,
}

#[derive(Debug, Subcommand)]
enum LedgerCommand {
    /// Check that no entry was changed or is missing; the exit code is 1 where one is.
    Verify(verify::VerifyArgs),
    /// Print every entry as it was written, one JSON object a line.
    Export(export::ExportArgs),
    /// Let go of what nobody needs any more; open incidents stay, and what is left can be verified.
    Prune(prune::PruneArgs),
}

/// Which ledger.
#[derive(Debug, Clone, Args)]
pub(super) struct At {
    /// The ledger: a file or a `postgres://` URL; left out, the project's.
    #[arg(long, value_name = "URL", env = "PAYDRILL_LEDGER", hide_env_values = true, global = true)]
    pub(super) ledger: Option<String>,
}

pub(super) fn main(args: &LedgerArgs, global: &Global, settings: &Settings, output: &Output) -> Exit {
    let access = match &args.command {
        LedgerCommand::Prune(args) if !args.dry_run => Access::Write,
        _ => Access::Read,
    };
    with(&args.at, access, global, settings, output, async |ledger| match &args.command {
        LedgerCommand::Verify(args) => verify::main(args, &*ledger, output).await,
        LedgerCommand::Export(args) => export::main(args, &*ledger, output).await,
        LedgerCommand::Prune(args) => prune::main(args, &*ledger, settings, output).await,
    })
}

/// Does something with the ledger, and tells where it is not there or says no.
pub(super) fn with(
    at: &At,
    access: Access,
    global: &Global,
    settings: &Settings,
    output: &Output,
    act: impl AsyncFnOnce(Arc<dyn Ledger>) -> Result<Exit, LedgerError>,
) -> Exit {
    let place = match place(at, global, settings, output) {
        Ok(place) => place,
        Err(exit) => return exit,
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output.error(&format!("failed to start: {error}"), None);
            return Exit::CouldNotJudge;
        }
    };
    let done = runtime.block_on(async {
        match place.open(access, settings).await? {
            Some(ledger) => {
                let done = act(Arc::clone(&ledger)).await;
                ledger.close().await;
                done
            }
            None => Err(LedgerError::Absent { place: "`none`".to_owned() }),
        }
    });
    done.unwrap_or_else(|error| {
        let hint = match &error {
            LedgerError::Absent { .. } => Some("`paydrill run` makes it; `--ledger` names another"),
            _ => None,
        };
        output.error(&format!("failed to {error}"), hint);
        Exit::CouldNotJudge
    })
}

fn place(at: &At, global: &Global, settings: &Settings, output: &Output) -> Result<Place, Exit> {
    // One that is named needs no project.
    let project = match at.ledger {
        Some(_) => None,
        None => Some(project::read_alone(global, output)?),
    };
    Place::of(at.ledger.as_deref(), project.as_ref(), settings).map_err(|(message, hint)| {
        output.error(&message, Some(&hint));
        Exit::Usage
    })
}

/// All runs, a page at a time, in the order of their keys.
pub(super) struct Pages<'a> {
    ledger: &'a dyn Ledger,
    after: Option<RunKey>,
}

impl<'a> Pages<'a> {
    pub(super) fn of(ledger: &'a dyn Ledger) -> Self {
        Self { ledger, after: None }
    }

    /// The next runs; none: these were all.
    pub(super) async fn next(&mut self) -> Result<Vec<Head>, LedgerError> {
        let heads = self.ledger.heads(&Query::After { key: self.after.clone(), limit: PAGE }).await?;
        if let Some(last) = heads.last() {
            self.after = Some(last.key.clone());
        }
        Ok(heads)
    }
}
