//! `paydrill ledger prune`.

use std::time::Duration;

use clap::Args;

use super::Pages;
use crate::cli::output::{Exit, Output};
use crate::cli::settings::Settings;
use crate::ledger::incident::IncidentState;
use crate::ledger::prune::{cut, may_go};
use crate::ledger::{Appended, Ledger, LedgerError, incident};
use crate::scenario::duration;

#[derive(Debug, Args)]
pub(super) struct PruneArgs {
    /// What happened within this time stays: `90d`, `2w`.
    #[arg(long, value_name = "TIME", value_parser = duration::unsigned)]
    keep: Duration,
    /// Say how much would go, and let nothing go.
    #[arg(long)]
    pub(super) dry_run: bool,
}

pub(super) async fn main(
    args: &PruneArgs,
    ledger: &dyn Ledger,
    settings: &Settings,
    output: &Output,
) -> Result<Exit, LedgerError> {
    let now = settings.clock.now();
    let keep = i64::try_from(args.keep.as_millis()).unwrap_or(i64::MAX);
    let before = now.as_millisecond().saturating_sub(keep);
    let incidents: Vec<IncidentState> = incident::all(ledger).await?;
    let (mut runs, mut entries) = (0_u64, 0_usize);
    let mut pages = Pages::of(ledger);
    loop {
        let heads = pages.next().await?;
        if heads.is_empty() {
            break;
        }
        for head in heads.iter().filter(|head| may_go(head, before, &incidents)) {
            let Some(chain) = ledger.chain(&head.key).await? else { continue };
            let Some(cut) = cut(&chain, now) else { continue };
            // Who adds to a run now needs it.
            if args.dry_run || ledger.append(&[cut]).await? == Appended::Stored {
                runs += 1;
                entries += chain.entries.len();
            }
        }
    }
    let would = if args.dry_run { "would let go" } else { "let go" };
    output.data(format!("{would} of {entries} entries of {runs} runs; of each a checkpoint stays\n"));
    Ok(Exit::Passed)
}
