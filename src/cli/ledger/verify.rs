//! `paydrill ledger verify`.

use clap::Args;
use serde_json::json;

use super::Pages;
use crate::cli::output::{Exit, Output};
use crate::ledger::chain::flaws;
use crate::ledger::fold::Summary;
use crate::ledger::{Digest, Entry, Ledger, LedgerError};

#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) async fn main(
    args: &VerifyArgs,
    ledger: &dyn Ledger,
    output: &Output,
) -> Result<Exit, LedgerError> {
    let (mut runs, mut entries, mut found) = (0_u64, 0_usize, Vec::new());
    let mut digest = Digest::default();
    let mut pages = Pages::of(ledger);
    loop {
        let heads = pages.next().await?;
        if heads.is_empty() {
            break;
        }
        for head in heads {
            let Some(chain) = ledger.chain(&head.key).await? else { continue };
            runs += 1;
            entries += chain.entries.len();
            digest.add(&head.key, &chain.head.tip);
            let flaws = flaws(&head.key, &chain.entries, chain.head.tip);
            found.extend(flaws.iter().map(|flaw| (head.key.clone(), flaw.to_string())));
            if flaws.is_empty() && !is_of_its_entries(&chain) {
                found.push((head.key, "what is listed of it is not what its entries come to".to_owned()));
            }
        }
    }
    let digest = digest.finish().to_string();
    if args.json {
        let flaws = found.iter().map(|(key, flaw)| {
            json!({ "project": key.project, "environment": key.environment, "run": key.run, "flaw": flaw })
        });
        let said = json!({
            "v": 1, "ledger": ledger.place(), "runs": runs, "entries": entries, "digest": digest,
            "flaws": flaws.collect::<Vec<_>>(),
        });
        output.data(format!("{said}\n"));
    } else {
        for (key, flaw) in &found {
            output.data(format!("{key}: {flaw}\n"));
        }
        let verdict = if found.is_empty() { "whole" } else { "NOT WHOLE" };
        output.data(format!(
            "{}: {runs} runs, {entries} entries, {verdict}\ndigest {digest}\n",
            ledger.place()
        ));
    }
    Ok(if found.is_empty() { Exit::Passed } else { Exit::Failed })
}

/// Whether the summary that lists are made of is what the entries come to.
fn is_of_its_entries(chain: &crate::ledger::Chain) -> bool {
    let read: Result<Vec<Entry>, _> = chain.entries.iter().map(|stored| Entry::read(&stored.bytes)).collect();
    read.is_ok_and(|entries| Summary::of(&entries) == chain.head.summary)
}
