//! `paydrill clean`.

use clap::Args;

use super::output::{Exit, Output};
use super::settings::Settings;
use crate::target::{LeftFolder, RunFolders};

/// Remove what killed runs left behind: folders of their apps, containers, networks, volumes and images. What is at work,
/// or is not ours, stays.
#[derive(Debug, Args)]
pub(super) struct CleanArgs {
    /// Tell what would be removed, and remove nothing.
    #[arg(long)]
    dry_run: bool,
}

/// What came of it.
#[derive(Debug, Clone, Copy, Default)]
struct Done {
    /// How much was removed, or would be.
    removed: usize,
    /// How many runs are at work.
    at_work: usize,
    /// Something could not be removed.
    failed: bool,
}

impl std::ops::Add for Done {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            removed: self.removed + other.removed,
            at_work: self.at_work + other.at_work,
            failed: self.failed || other.failed,
        }
    }
}

pub(super) fn main(args: &CleanArgs, settings: &Settings, output: &Output) -> Exit {
    let done = folders(args.dry_run, settings, output) + containers(args.dry_run, settings, output);
    if done.removed == 0 && !done.failed {
        output.talk("nothing is left of killed runs\n");
    }
    match done.at_work {
        0 => {}
        1 => output.talk("what 1 run that is at work has made stays\n"),
        more => output.talk(format!("what {more} runs that are at work have made stays\n")),
    }
    if done.failed { Exit::CouldNotJudge } else { Exit::Passed }
}

fn tell(what: &str, dry_run: bool, output: &Output) {
    output.data(format!("{}  {what}\n", if dry_run { "would remove" } else { "removed" }));
}

fn folders(dry_run: bool, settings: &Settings, output: &Output) -> Done {
    let found = match RunFolders::find(&settings.temp) {
        Ok(found) => found,
        Err(error) => {
            output.error(&format!("failed to look into {}: {error}", settings.temp.display()), None);
            return Done { failed: true, ..Done::default() };
        }
    };
    let mut done = Done { at_work: found.at_work, ..Done::default() };
    for LeftFolder { path, mark, .. } in &found.left {
        let of = format!("folder {} (of `{}`, made {:.0})", path.display(), mark.about, mark.made);
        match if dry_run { Ok(()) } else { std::fs::remove_dir_all(path) } {
            Ok(()) => {
                done.removed += 1;
                tell(&of, dry_run, output);
            }
            Err(error) => {
                done.failed = true;
                output.error(&format!("failed to remove the {of}: {error}"), None);
            }
        }
    }
    done
}

#[cfg(not(feature = "container"))]
fn containers(_: bool, _: &Settings, _: &Output) -> Done {
    Done::default()
}

/// Where there is no engine, nothing is left in one.
#[cfg(feature = "container")]
fn containers(dry_run: bool, settings: &Settings, output: &Output) -> Done {
    use crate::target::container::{Engine, EngineAddress, Kept, clean};

    let cleaning = async {
        let Ok(engine) = Engine::connect(EngineAddress::here(|name| settings.var(name))).await else {
            return Ok(Vec::new());
        };
        clean(&engine, !dry_run).await
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let left = runtime.map_err(|error| error.to_string()).and_then(|runtime| {
        let left = runtime.block_on(cleaning).map_err(|error| error.to_string());
        runtime.shutdown_background();
        left
    });
    let left = match left {
        Ok(left) => left,
        Err(error) => {
            output.error(&format!("failed to {error}"), None);
            return Done { failed: true, ..Done::default() };
        }
    };
    let mut done = Done::default();
    for run in left {
        if matches!(run.kept, Some(Kept::Lives | Kept::Elsewhere)) {
            done.at_work += 1;
            continue;
        }
        let kinds = [
            ("container", run.containers),
            ("network", run.networks),
            ("volume", run.volumes),
            ("image", run.images),
        ];
        for (kind, names) in kinds {
            done.removed += names.len();
            names
                .iter()
                .for_each(|name| tell(&format!("{kind} {name} (of run {})", run.run), dry_run, output));
        }
    }
    done
}
