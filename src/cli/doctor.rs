//! `paydrill doctor`.

use clap::Args;
use serde::Serialize;
use serde_json::Map;

use super::Global;
use super::output::{Exit, Output};
use super::project;
use super::run::plan;
use super::settings::Settings;
use crate::doctor::{Finding, Level, Machine, Needs, judge, look};
use crate::project::model::{Environment, Project};
use crate::scenario::{LoadError, refuse_unsupported};

/// Tell what an environment needs of this machine, what of it is missing, and the command that mends it.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 nothing is missing, 1 something that the environment needs is missing, 2 an \
                        invalid file, or no such environment."
)]
pub(super) struct DoctorArgs {
    /// The environment; left out, the project's `default_environment`.
    #[arg(long, short, env = "PAYDRILL_ENVIRONMENT")]
    environment: Option<String>,
    /// Print what was found as JSON.
    #[arg(long)]
    json: bool,
}

/// What `--json` prints. Its version changes with the meaning of a key.
#[derive(Debug, Serialize)]
struct Told<'a> {
    version: u32,
    environment: Option<&'a str>,
    missing: usize,
    findings: &'a [Finding],
}

pub(super) fn main(args: &DoctorArgs, global: &Global, settings: &Settings, output: &Output) -> Exit {
    match examine(args, global, settings, output) {
        Ok((environment, findings)) => tell(environment.as_deref(), &findings, args.json, output),
        Err(exit) => exit,
    }
}

/// The environment, if there is a project, and what was found.
fn examine(
    args: &DoctorArgs,
    global: &Global,
    settings: &Settings,
    output: &Output,
) -> Result<(Option<String>, Vec<Finding>), Exit> {
    let (first, environment, needs, secrets) = match project::read(&[], global) {
        Err(LoadError::NoProject { .. }) if global.project.is_none() && args.environment.is_none() => {
            let message = "no paydrill.toml here or in a folder above";
            (vec![Finding::missing("project", message, "paydrill init")], None, Needs::default(), Vec::new())
        }
        found => {
            let written = project::valid(found, output)?;
            let environment = plan::environment(args.environment.as_deref(), &written.project)
                .map_err(|refusal| super::run::refused(&refusal, output))?;
            let mut first = vec![Finding::fine("project", said(&written.project, written.scenarios.len()))];
            first.extend(not_yet(environment, &written));
            let secrets = secrets(&written.project, environment, settings);
            let values = secrets
                .iter()
                .filter_map(|(name, _)| Some((name.clone(), settings.secret(name).ok()??.expose().into())));
            let needs = Needs::of(&written.project, environment, values.collect::<Map<_, _>>());
            (first, Some(environment.name.clone()), needs, secrets)
        }
    };
    let machine = machine(settings);
    let runtime = super::runtime(output)?;
    let facts = runtime.block_on(look(needs, &machine, secrets));
    // Whoever does not answer must not hold the process up.
    runtime.shutdown_background();
    let mut findings = first;
    findings.extend(judge(&facts));
    findings.sort_by_key(|finding| finding.level);
    Ok((environment, findings))
}

fn said(project: &Project, scenarios: usize) -> String {
    let scenarios = if scenarios == 1 { "1 scenario".to_owned() } else { format!("{scenarios} scenarios") };
    format!(
        "the project `{}` is valid for paydrill {}, with {scenarios}",
        project.name,
        env!("CARGO_PKG_VERSION")
    )
}

/// What the environment asks for and this version does not execute.
fn not_yet<'a>(
    environment: &'a Environment,
    written: &'a project::Written,
) -> impl Iterator<Item = Finding> + 'a {
    refuse_unsupported(environment, &written.scenarios).into_iter().map(|refusal| {
        Finding::missing("project", refusal.message, "choose another one with --environment NAME")
    })
}

fn secrets(
    project: &Project,
    environment: &Environment,
    settings: &Settings,
) -> Vec<(String, Result<bool, String>)> {
    let names = plan::secret_names(project, environment).into_iter();
    let set = names.map(|name| {
        let set = settings.secret(&name).map(|secret| secret.is_some()).map_err(|error| error.to_string());
        (name, set)
    });
    set.collect()
}

fn machine(settings: &Settings) -> Machine {
    let path = |name: &str| settings.var(name).map(Into::into);
    Machine {
        path: settings.var("PATH").unwrap_or_default().to_owned(),
        docker_host: settings.var("DOCKER_HOST").map(str::to_owned),
        runtime_dir: path("XDG_RUNTIME_DIR"),
        home: path("HOME"),
        temp: settings.temp.clone(),
        clock: settings.clock,
    }
}

fn tell(environment: Option<&str>, findings: &[Finding], json: bool, output: &Output) -> Exit {
    let missing = findings.iter().filter(|finding| finding.level == Level::Missing).count();
    if json {
        let told = Told { version: 1, environment, missing, findings };
        let text = serde_json::to_string_pretty(&told).unwrap_or_default();
        output.data(format!("{text}\n"));
    } else {
        output.data(findings.iter().map(line).collect::<String>());
        let of = environment.map_or_else(String::new, |name| format!(" for environment `{name}`"));
        output.talk(match missing {
            0 => format!("nothing is missing{of}\n"),
            1 => format!("1 thing is missing{of}\n"),
            more => format!("{more} things are missing{of}\n"),
        });
    }
    if missing == 0 { Exit::Passed } else { Exit::Failed }
}

fn line(finding: &Finding) -> String {
    let level = match finding.level {
        Level::Fine => "fine",
        Level::Note => "note",
        Level::Missing => "MISSING",
    };
    let fix = finding.fix.as_ref().map_or_else(String::new, |fix| format!("{:21}fix: {fix}\n", ""));
    format!("{level:<8} {:<11} {}\n{fix}", finding.about, finding.message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fix_stands_below_what_it_mends() {
        let told = line(&Finding::missing("secret", "KEY is not set", "export KEY=…"));
        let expected = "\
MISSING  secret      KEY is not set
                     fix: export KEY=…
";
        assert_eq!(told, expected);
    }
}
