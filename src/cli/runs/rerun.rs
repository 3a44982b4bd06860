//! `paydrill runs rerun`.

use clap::Args;

use super::one;
use crate::cli::Global;
use crate::cli::ledger::{self, Access, At};
use crate::cli::output::{Exit, Output};
use crate::cli::run::{self, Again, RunArgs};
use crate::cli::settings::Settings;
use crate::ledger::kind::{self, Intended, Opened};
use crate::ledger::rerun::{Safety, safety};
use crate::ledger::{Chain, Entry, Ledger, LedgerError, Query};

#[derive(Debug, Args)]
pub(super) struct RerunArgs {
    /// The id of the event that opened it, as `runs list` names it.
    event: String,
    /// Of this environment.
    #[arg(long, short, value_name = "NAME")]
    environment: Option<String>,
    /// Run it again though that is known to do harm, and retain why.
    #[arg(long, value_name = "WHY")]
    because: Option<String>,
}

/// Runs that are looked through for what they show about sending an event again.
const LOOKED_THROUGH: u32 = 10_000;

pub(super) fn main(args: &RerunArgs, at: &At, global: &Global, settings: &Settings, output: &Output) -> Exit {
    let mut again = None;
    let looked = ledger::with(at, Access::Read, global, settings, output, async |ledger| {
        match look(args, &*ledger, output).await? {
            Ok(found) => {
                again = Some(Again { ledger: at.ledger.clone(), ..found });
                Ok(Exit::Passed)
            }
            Err(exit) => Ok(exit),
        }
    });
    match again {
        Some(again) => run::main(&RunArgs::again(again), global, settings, output),
        None => looked,
    }
}

/// What to run; or why nothing is run, which has been said then.
async fn look(
    args: &RerunArgs,
    ledger: &dyn Ledger,
    output: &Output,
) -> Result<Result<Again, Exit>, LedgerError> {
    let Some(head) = one(&args.event, args.environment.as_deref(), ledger, output).await? else {
        return Ok(Err(Exit::NothingSelected));
    };
    let Some(chain) = ledger.chain(&head.key).await? else { return Ok(Err(Exit::NothingSelected)) };
    let (opened, types) = read(&chain);
    let Some(opened) = opened else {
        output.error("the entries of this run are pruned: what it did is not known any more", None);
        return Ok(Err(Exit::NothingSelected));
    };
    let others = ledger.heads(&Query::Newest { limit: LOOKED_THROUGH }).await?;
    if let Safety::Unsafe { why } = safety(&head, &types, &others)
        && args.because.is_none()
    {
        let hint = "`--because \"…\"` runs it all the same, and retains why";
        output.error(&format!("sending `{}` again is not safe: {why}", args.event), Some(hint));
        return Ok(Err(Exit::Refused));
    }
    if opened.number > 1 {
        let message =
            format!("`{}` was try {} of its case, which has ids of its own", args.event, opened.number);
        let hint = format!(
            "run the case again: paydrill run {} --seed {} --retries {}",
            opened.file,
            opened.seed,
            opened.number - 1
        );
        output.error(&message, Some(&hint));
        return Ok(Err(Exit::Usage));
    }
    let label = opened.case.strip_prefix(&opened.scenario).unwrap_or_default();
    Ok(Ok(Again {
        case: format!("{}{label}", opened.file),
        environment: head.key.environment,
        seed: opened.seed.parse().unwrap_or_default(),
        arguments: opened.arguments,
        because: args.because.clone(),
        ledger: None,
    }))
}

/// How the newest attempt began, and the types of the events that any attempt sent.
fn read(chain: &Chain) -> (Option<Opened>, Vec<String>) {
    let entries = chain.entries.iter().filter_map(|stored| Entry::read(&stored.bytes).ok());
    let (mut opened, mut types) = (None, Vec::new());
    for entry in entries {
        match entry.kind.as_str() {
            kind::OPENED => opened = Some(entry.says()),
            kind::INTENDED => types.extend(entry.says::<Intended>().event_type),
            _ => {}
        }
    }
    types.sort_unstable();
    types.dedup();
    (opened, types)
}
