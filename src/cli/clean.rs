//! `paydrill clean`.

use clap::Args;

use super::output::{Exit, Output};
use super::settings::Settings;
use crate::target::{LeftFolder, RunFolders};

/// Remove what a killed run left behind: the folder of its app. What is at work, or is not ours, stays.
#[derive(Debug, Args)]
pub(super) struct CleanArgs {
    /// Tell what would be removed, and remove nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn main(args: &CleanArgs, settings: &Settings, output: &Output) -> Exit {
    let found = match RunFolders::find(&settings.temp) {
        Ok(found) => found,
        Err(error) => {
            output.error(&format!("failed to look into {}: {error}", settings.temp.display()), None);
            return Exit::CouldNotJudge;
        }
    };
    let mut done = true;
    for folder in &found.left {
        done &= clean(folder, args.dry_run, output);
    }
    if found.left.is_empty() {
        output.talk("nothing is left of killed runs\n");
    }
    match found.at_work {
        0 => {}
        1 => output.talk("1 folder belongs to a run that is at work, and stays\n"),
        more => output.talk(format!("{more} folders belong to runs that are at work, and stay\n")),
    }
    if done { Exit::Passed } else { Exit::CouldNotJudge }
}

/// Removes a folder, or says that it would; gives whether that went well.
fn clean(folder: &LeftFolder, dry_run: bool, output: &Output) -> bool {
    let LeftFolder { path, mark, .. } = folder;
    let of = format!("{} (of `{}`, made {:.0})", path.display(), mark.about, mark.made);
    if dry_run {
        output.data(format!("would remove  folder {of}\n"));
        return true;
    }
    match folder.remove() {
        Ok(()) => {
            output.data(format!("removed  folder {of}\n"));
            true
        }
        Err(error) => {
            output.error(&format!("failed to remove the folder {of}: {error}"), None);
            false
        }
    }
}
