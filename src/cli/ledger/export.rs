//! `paydrill ledger export`.

use clap::Args;

use super::Pages;
use crate::cli::output::{Exit, Output};
use crate::ledger::{Ledger, LedgerError};

#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// Only the run of this event.
    #[arg(long, value_name = "EVENT")]
    run: Option<String>,
}

pub(super) async fn main(
    args: &ExportArgs,
    ledger: &dyn Ledger,
    output: &Output,
) -> Result<Exit, LedgerError> {
    let mut pages = Pages::of(ledger);
    loop {
        let heads = pages.next().await?;
        if heads.is_empty() {
            return Ok(Exit::Passed);
        }
        for head in heads.iter().filter(|head| args.run.as_ref().is_none_or(|run| head.key.run == *run)) {
            let Some(chain) = ledger.chain(&head.key).await? else { continue };
            let lines: String = chain.entries.iter().flat_map(|entry| [entry.bytes.as_str(), "\n"]).collect();
            output.data(lines);
        }
    }
}
