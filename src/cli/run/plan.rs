//! From flags, files and environment to a plan.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::cli::settings::Settings;
use crate::engine::{Cancel, Ports, RunOptions, RunPlan, Selection, Variables, cases};
use crate::id::IdMinter;
use crate::project::model::{DeploySha, Environment, Project};
use crate::scenario::diagnostic::{has_errors, nearest};
use crate::scenario::model::Scenario;
use crate::scenario::{Diagnostic, refuse_unsupported};
use crate::secret::Secret;

/// What the seed is used for, beside ids.
const START_ORDER: u64 = u64::from_be_bytes(*b"in order");

/// What is asked of a run, by flags or by a test.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    /// The environment; `None`: the project's default.
    pub(crate) environment: Option<String>,
    /// Which cases.
    pub(crate) selection: Selection,
    /// How many run at once.
    pub(crate) jobs: usize,
    /// How often one that did not pass is tried again.
    pub(crate) retries: u32,
    /// After how many no new one starts.
    pub(crate) max_fail: Option<usize>,
    /// `None`: a random one.
    pub(crate) seed: Option<u64>,
    /// Whether the seed says in which order they start, and not their names.
    pub(crate) shuffle: bool,
    /// `{{ variable.NAME }}`
    pub(crate) variables: Map<String, Value>,
    /// Programs that commands name, and where they are.
    pub(crate) programs: BTreeMap<String, PathBuf>,
    /// Where pictures of pages are kept, if anywhere.
    pub(crate) pictures: Option<PathBuf>,
}

/// Why nothing can be run. The exit code is 2.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// What is asked for is not there.
    Missing {
        /// A sentence.
        message: String,
        /// What to do.
        hint: String,
    },
    /// The files ask for what this version does not execute.
    Diagnostics(Vec<Diagnostic>),
}

/// What to run, and what it needs of the world.
pub(crate) fn plan(
    wanted: Wanted,
    project: Project,
    scenarios: &[Scenario],
    settings: &Settings,
) -> Result<(RunPlan, Ports), Refusal> {
    let environment = environment(wanted.environment.as_deref(), &project)?.clone();
    let refused = refuse_unsupported(&environment, scenarios);
    if has_errors(&refused) {
        return Err(Refusal::Diagnostics(refused));
    }
    declared(wanted.variables.keys(), &project, &environment, scenarios)?;
    let options = RunOptions {
        seed: wanted.seed.unwrap_or_else(|| settings.seed()),
        jobs: wanted.jobs.max(1),
        retries: wanted.retries,
        max_fail: wanted.max_fail,
    };
    let ports = Ports {
        clock: settings.clock,
        temp: settings.temp.clone(),
        no_proxy: settings.var("NO_PROXY").or_else(|| settings.var("no_proxy")).map(str::to_owned),
        inherited: Ports::INHERITED
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), settings.var(name)?.to_owned())))
            .collect(),
        programs: wanted.programs,
        secrets: secrets(&project, &environment, settings)?,
        deploy_sha: deploy_sha(&environment, settings),
        variables: Variables {
            project: project.variables.clone(),
            environment: environment.variables.clone(),
            command_line: wanted.variables,
        },
        pictures: wanted.pictures,
        cancel: Cancel::default(),
        retained: None,
    };
    let mut cases = cases(scenarios, &environment, &wanted.selection);
    if wanted.shuffle {
        IdMinter::new(options.seed, START_ORDER).shuffle(&mut cases);
    }
    let plan = RunPlan { project: Arc::new(project), environment: Arc::new(environment), cases, options };
    Ok((plan, ports))
}

/// Whether somebody has declared the variables that are given: a name that nobody reads would change nothing, and
/// nobody would know.
fn declared<'a>(
    mut given: impl Iterator<Item = &'a String>,
    project: &Project,
    environment: &Environment,
    scenarios: &[Scenario],
) -> Result<(), Refusal> {
    let stories = scenarios.iter().flat_map(|scenario| &scenario.cases).map(|story| &story.variables);
    let tables = [&project.variables, &environment.variables].into_iter().chain(stories);
    let known: BTreeSet<&str> = tables.flat_map(Map::keys).map(String::as_str).collect();
    let Some(unknown) = given.find(|name| !known.contains(name.as_str())) else { return Ok(()) };
    let hint = match nearest(unknown, known.iter().copied()) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("declare it: `[variables]` in the project file, `{unknown} = …`"),
    };
    Err(Refusal::Missing { message: format!("there is no variable `{unknown}`"), hint })
}

pub(crate) fn environment<'a>(name: Option<&str>, project: &'a Project) -> Result<&'a Environment, Refusal> {
    let known: Vec<&str> = project.environments.keys().map(String::as_str).collect();
    let missing = |message: String| Refusal::Missing {
        message,
        hint: format!("`--environment NAME`; the project has: {}", known.join(", ")),
    };
    let name = match (name.or(project.default_environment.as_deref()), known.as_slice()) {
        (Some(name), _) => name,
        (None, [only]) => *only,
        (None, _) => return Err(missing("no environment is named".to_owned())),
    };
    project.environments.get(name).ok_or_else(|| missing(format!("the project has no environment `{name}`")))
}

/// The secrets that the project's templates name. One that is missing ends the command before anything is started.
fn secrets(
    project: &Project,
    environment: &Environment,
    settings: &Settings,
) -> Result<BTreeMap<String, Secret>, Refusal> {
    secrets_in(&texts(project, environment), settings)
}

/// The secrets that templates in a text name.
pub(crate) fn secrets_in(texts: &str, settings: &Settings) -> Result<BTreeMap<String, Secret>, Refusal> {
    let mut secrets = BTreeMap::new();
    for name in names_in(texts) {
        let hint = format!("set the variable {name}, or {name}_FILE to a file that holds it");
        match settings.secret(&name) {
            Ok(Some(secret)) => {
                secrets.insert(name, secret);
            }
            Ok(None) => {
                return Err(Refusal::Missing {
                    message: format!("{{{{ secret.{name} }}}} is not set"),
                    hint,
                });
            }
            Err(error) => {
                let message = format!("failed to read the file of {{{{ secret.{name} }}}}: {error}");
                return Err(Refusal::Missing { message, hint });
            }
        }
    }
    Ok(secrets)
}

/// What this environment can come across. The models' own debug text holds every string of theirs, so no key can be
/// forgotten here.
fn texts(project: &Project, environment: &Environment) -> String {
    let notified: Vec<_> = project.notified(environment).collect();
    let Project { requests, probes, variables, .. } = project;
    format!("{requests:?}{probes:?}{variables:?}{environment:?}{notified:?}")
}

/// `NAME` of every `{{ secret.NAME }}` that this environment can come across.
pub(crate) fn secret_names(project: &Project, environment: &Environment) -> BTreeSet<String> {
    names_in(&texts(project, environment))
}

/// `NAME` of every `{{ secret.NAME }}`.
fn names_in(texts: &str) -> BTreeSet<String> {
    texts
        .match_indices("secret.")
        .filter(|(at, _)| texts[..*at].rfind("{{").is_some_and(|open| !texts[open..*at].contains("}}")))
        .map(|(at, word)| {
            let rest = &texts[at + word.len()..];
            rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
        })
        .collect()
}

fn deploy_sha(environment: &Environment, settings: &Settings) -> Option<String> {
    match &environment.target.deploy_sha {
        Some(DeploySha::Env(name)) => settings.var(name).map(ToOwned::to_owned),
        _ => None,
    }
}

/// `2/5`
pub(super) fn shard(text: &str) -> Result<(usize, usize), String> {
    let parts = text.split_once('/').and_then(|(part, of)| Some((part.parse().ok()?, of.parse().ok()?)));
    match parts {
        Some((part, of)) if part >= 1 && part <= of => Ok((part, of)),
        _ => Err("expected M/N with 1 ≤ M ≤ N, like 2/5".to_owned()),
    }
}

/// `seats=3`
pub(super) fn variable(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
    Ok((name.to_owned(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("1/1", Ok((1, 1)))]
    #[case("2/5", Ok((2, 5)))]
    #[case("0/5", Err(()))]
    #[case("6/5", Err(()))]
    #[case("1", Err(()))]
    fn shards_are_parts_from_one(#[case] text: &str, #[case] expected: Result<(usize, usize), ()>) {
        assert_eq!(shard(text).map_err(|_| ()), expected);
    }

    #[rstest::rstest]
    #[case("a=3", "a", Value::from(3))]
    #[case("a=true", "a", Value::from(true))]
    #[case("a=x=y", "a", Value::from("x=y"))]
    fn variables_are_json_where_they_can_be(#[case] text: &str, #[case] name: &str, #[case] value: Value) {
        assert_eq!(variable(text), Ok((name.to_owned(), value)));
    }
}
