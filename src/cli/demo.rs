//! `paydrill demo`, and the process that it tests.

use std::net::Ipv4Addr;

use clap::Args;
use include_dir::{Dir, include_dir};

use super::output::{Exit, Output};
use super::project::{self, Written};
use super::run::{self, RunArgs};
use super::settings::Settings;
use crate::demo::{Bug, DemoSettings, Policy, serve};
use crate::scenario::diagnostic::has_errors;
use crate::scenario::{Folder, parse_folder};

/// The shipped scenarios, so that the demo needs nothing but this program.
static SCENARIOS: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/scenarios");

/// Run the shipped scenarios against a small billing app, right or with one classic bug.
#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Start the app with this bug: one wrong decision in its webhook handler.
    #[arg(long, value_name = "NAME", conflicts_with = "bugs")]
    bug: Option<String>,
    /// List the bugs, and run nothing.
    #[arg(long)]
    bugs: bool,
    /// Only cases whose name contains this; may be given again.
    #[arg(long, value_name = "TEXT")]
    filter: Vec<String>,
    /// How many cases run at once.
    #[arg(long, short, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..))]
    jobs: u16,
    /// Reproduce the ids, e-mail addresses and shuffles of an earlier run.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

/// The demo's billing app, as its own process; its settings come from the environment, as an app's do.
#[derive(Debug, Args)]
pub(super) struct DemoAppArgs {
    /// The wrong decision to make, by its name or by its number in the list of them.
    #[arg(long, value_name = "NAME", env = "PAYDRILL_DEMO_BUG")]
    bug: Option<String>,
}

pub(super) fn main(args: &DemoArgs, settings: &Settings, output: &Output) -> Exit {
    if args.bugs {
        let width = Bug::ALL.iter().map(|bug| bug.name().len()).max().unwrap_or_default();
        let lines = Bug::ALL.iter().map(|bug| format!("{:<width$}  {}\n", bug.name(), bug.story()));
        output.data(lines.collect::<String>());
        return Exit::Passed;
    }
    let bug = match bug(args.bug.as_deref(), output) {
        Ok(bug) => bug,
        Err(exit) => return exit,
    };
    let mut written = match shipped(settings, output) {
        Ok(written) => written,
        Err(exit) => return exit,
    };
    if let Some(bug) = bug {
        output.talk(format!("The app has the bug `{}`: {}\n\n", bug.name(), bug.story()));
        for environment in written.project.environments.values_mut() {
            environment.target.env.insert("PAYDRILL_DEMO_BUG".to_owned(), bug.name().to_owned());
        }
    }
    let mut command = vec!["paydrill".to_owned(), "demo".to_owned()];
    command.extend(bug.iter().flat_map(|bug| ["--bug".to_owned(), bug.name().to_owned()]));
    let args = RunArgs::shipped(command, args.filter.clone(), args.seed, args.jobs);
    run::run(&args, written, settings, output)
}

/// The shipped project and scenarios.
fn shipped(settings: &Settings, output: &Output) -> Result<Written, Exit> {
    let mut files = Vec::new();
    collect(&SCENARIOS, &mut files);
    let folder = Folder { root: settings.current_dir.clone(), shown: "scenarios".to_owned(), files };
    let (project, scenarios, diagnostics) = parse_folder(&folder);
    project::show(&diagnostics, output);
    match project {
        Some(project) if !has_errors(&diagnostics) => Ok(Written { project, scenarios }),
        _ => Err(Exit::Usage),
    }
}

fn collect(dir: &Dir<'_>, files: &mut Vec<(String, String)>) {
    for file in dir.files() {
        if let Some(text) = file.contents_utf8() {
            files.push((file.path().to_string_lossy().into_owned(), text.to_owned()));
        }
    }
    dir.dirs().for_each(|dir| collect(dir, files));
}

fn bug(name: Option<&str>, output: &Output) -> Result<Option<Bug>, Exit> {
    name.map(str::parse).transpose().map_err(|error: crate::demo::UnknownBug| {
        output.error(&format!("failed to {error}"), Some("`paydrill demo --bugs` lists them"));
        Exit::Usage
    })
}

pub(super) fn app(args: &DemoAppArgs, settings: &Settings, output: &Output) -> Exit {
    let bug = match bug(args.bug.as_deref(), output) {
        Ok(bug) => bug,
        Err(exit) => return exit,
    };
    let var = |name: &str| {
        settings.var(name).map(ToOwned::to_owned).ok_or_else(|| {
            output.error(
                &format!("the demo app needs the variable {name}"),
                Some("`paydrill demo` starts it with all of them"),
            );
            Exit::Usage
        })
    };
    let app_settings = || {
        Ok(DemoSettings {
            host: match settings.var("HOST").map(str::parse) {
                Some(Ok(host)) => host,
                Some(Err(_)) => {
                    output.error("HOST is not an address", None);
                    return Err(Exit::Usage);
                }
                None => Ipv4Addr::LOCALHOST.into(),
            },
            port: var("PORT")?.parse().map_err(|_| {
                output.error("PORT is not a port", None);
                Exit::Usage
            })?,
            data_dir: var("DATA_DIR")?.into(),
            stripe_api_base: var("STRIPE_API_BASE")?,
            stripe_api_key: var("STRIPE_API_KEY")?,
            webhook_secret: var("STRIPE_WEBHOOK_SECRET")?,
            connect_secret: settings.var("STRIPE_CONNECT_SECRET").unwrap_or_default().to_owned(),
            smtp_url: settings.var("SMTP_URL").map(ToOwned::to_owned),
            policy: policy(settings),
            test_clock: settings.var("TEST_CLOCK").is_some_and(|set| set == "1"),
            bug,
        })
    };
    let app_settings = match app_settings() {
        Ok(app_settings) => app_settings,
        Err(exit) => return exit,
    };
    let served = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())
        .and_then(|runtime| runtime.block_on(serve(app_settings)).map_err(|error| chain(&error)));
    match served {
        Ok(()) => Exit::Passed,
        Err(problem) => {
            output.error(&format!("the demo app failed to {problem}"), None);
            Exit::CouldNotJudge
        }
    }
}

/// The company's choices, where the environment makes them.
fn policy(settings: &Settings) -> Policy {
    let chosen = |name: &str, otherwise| settings.var(name).map_or(otherwise, |set| set == "true");
    let usual = Policy::default();
    Policy {
        past_due_keeps_access: chosen("PAST_DUE_KEEPS_ACCESS", usual.past_due_keeps_access),
        pausing_keeps_access: chosen("PAUSING_KEEPS_ACCESS", usual.pausing_keeps_access),
        upgrade_waits_for_payment: chosen("UPGRADE_WAITS_FOR_PAYMENT", usual.upgrade_waits_for_payment),
    }
}

/// An error and what caused it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}
