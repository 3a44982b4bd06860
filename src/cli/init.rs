//! `paydrill init`.

use std::path::PathBuf;

use clap::Args;

use super::output::{Exit, Output};
use super::settings::Settings;
use crate::project::init::files;

/// Write a project file, two scenarios, a test and a CI workflow; never overwrites.
#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// Where.
    #[arg(default_value = ".")]
    folder: PathBuf,
}

pub(super) fn main(args: &InitArgs, settings: &Settings, output: &Output) -> Exit {
    let folder = settings.current_dir.join(&args.folder);
    let mut wrote = false;
    for file in files() {
        let path = folder.join(file.path);
        if path.exists() {
            output.talk(format!("   kept  {} (it exists)\n", file.path));
            continue;
        }
        if let Err(problem) = output.file(&path, file.text.as_bytes()) {
            output.error(&problem, None);
            return Exit::CouldNotJudge;
        }
        wrote = true;
        output.talk(format!("  wrote  {}\n", file.path));
    }
    if wrote {
        output.talk("\nhint: tell paydrill.toml how your app is started and read, then `paydrill lint` and `paydrill run`\n");
    }
    Exit::Passed
}
