//! From the document of a project file to the model.

mod call;
mod catalog;
mod container;
mod environment;
mod guard;
mod notify;
mod outside;
mod probe;
mod schedule;
mod stripe_mock;
mod target;

pub(crate) use outside::{select_call, select_json, select_value};
pub(crate) use probe::{TRUTH, check_field, unknown_probe};

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::document::{PassesDocument, ProjectDocument};
use super::model::{Probe, ProbeKind, Project, Request};
use crate::scenario::code::Code;
use crate::scenario::decode::{self, Decode, List, Problems, Text};
use crate::scenario::diagnostic::{Diagnostic, has_errors, suggest, tidy};
use crate::scenario::{lexical, template, tree};
use crate::span::{Place, Source, Spanned};
use crate::stripe::action::ActionKind;

/// What an expectation may take where nothing is said.
const WITHIN: Duration = Duration::from_secs(10);
/// How long what must not change is watched where nothing is said.
const HOLD: Duration = Duration::from_millis(500);

/// The probe of provider truth, which every project has.
const BUILT_IN: &str = "provider";

/// Parses and validates a project file. Pure: `root` is only kept.
///
/// The project is there when no diagnostic is an error.
#[must_use]
pub fn parse_project(source: Arc<Source>, root: PathBuf) -> (Option<Project>, Vec<Diagnostic>) {
    let mut problems = Problems::new(&source);
    problems.list.extend(lexical::check(&source));
    let (tree, errors) = tree::parse(&source);
    problems.list.extend(errors);
    let project = tree.and_then(|tree| {
        let document = ProjectDocument::decode(&tree, &mut problems)?;
        let project = project(&document, root, &mut problems)?;
        template::check(&tree, &template::Names::of_project(&project), &mut problems);
        Some(project)
    });
    let mut diagnostics = problems.list;
    tidy(&mut diagnostics);
    (project.filter(|_| !has_errors(&diagnostics)), diagnostics)
}

fn project(document: &ProjectDocument, root: PathBuf, problems: &mut Problems) -> Option<Project> {
    let (products, prices) =
        document.catalog.as_ref().map(|catalog| catalog::catalog(catalog, problems)).unwrap_or_default();
    let requests = requests(document, problems);
    let mut probes = probes(document, problems);
    let truth = Probe {
        kind: ProbeKind::Truth,
        times: Vec::new(),
        words: BTreeMap::new(),
        place: document.place.clone(),
    };
    probes.insert(BUILT_IN.to_owned(), truth);
    let names = document.project.as_ref();
    let notifiers = notify::notifiers(document.notify.as_deref(), problems);
    let project = Project {
        root,
        name: names
            .and_then(|project| project.name.as_ref())
            .map(|name| name.value.clone())
            .unwrap_or_default(),
        default_environment: names
            .and_then(|project| project.default_environment.as_ref())
            .map(|environment| environment.value.clone()),
        within: document.defaults.as_ref().and_then(|d| d.within.as_ref()).map_or(WITHIN, |w| w.0),
        hold: document.defaults.as_ref().and_then(|d| d.hold.as_ref()).map_or(HOLD, |h| h.0),
        variables: document.variables.as_ref().map(|table| table.0.to_map()).unwrap_or_default(),
        given: known_requests(
            document.given.as_ref().and_then(|given| given.request.as_deref()),
            &requests,
            problems,
        ),
        passes: passes(document.stripe.as_deref(), problems),
        reconcile: probe::reconcile(document.reconcile.as_deref(), &probes, problems),
        ledger: document.ledger.as_ref().and_then(|at| at.url.as_ref()).map(|url| url.value.clone()),
        mail: document.mail.as_ref().map(|mail| outside::mail(mail)),
        sinks: outside::sinks(document.sink.as_deref(), problems),
        environments: environments(document, &prices, &notifiers, problems),
        notifiers,
        schedules: Vec::new(),
        products,
        prices,
        requests,
        probes,
    };
    let schedules = schedule::schedules(document.schedule.as_deref(), &project, problems);
    default_environment(document, &project, problems);
    Some(Project { schedules, ..project })
}

fn requests(document: &ProjectDocument, problems: &mut Problems) -> BTreeMap<String, Request> {
    let Some(requests) = &document.request else { return BTreeMap::new() };
    requests
        .iter()
        .filter_map(|(name, field)| Some((name.to_owned(), call::request(field, problems)?)))
        .collect()
}

fn probes(document: &ProjectDocument, problems: &mut Problems) -> BTreeMap<String, Probe> {
    let Some(probes) = &document.probe else { return BTreeMap::new() };
    probes
        .iter()
        .filter_map(|(name, field)| {
            if ["delivery", BUILT_IN].contains(&name) {
                problems.push(
                    Diagnostic::error(
                        Code::DuplicateName,
                        format!("`{name}` is the name of a built-in probe"),
                    )
                    .at(&field.key)
                    .label("already taken"),
                );
            }
            Some((name.to_owned(), probe::probe(field, problems)?))
        })
        .collect()
}

fn environments(
    document: &ProjectDocument,
    prices: &BTreeMap<String, super::model::Price>,
    notifiers: &BTreeMap<String, super::model::Notify>,
    problems: &mut Problems,
) -> BTreeMap<String, super::model::Environment> {
    let Some(environments) = &document.environment else {
        problems.missing(&document.place.range, "a project", "environment");
        return BTreeMap::new();
    };
    environments
        .iter()
        .filter_map(|(name, field)| {
            Some((name.to_owned(), environment::environment(name, field, prices, notifiers, problems)?))
        })
        .collect()
}

/// The names of requests, each of which must exist.
fn known_requests(
    names: Option<&List<Text>>,
    requests: &BTreeMap<String, Request>,
    problems: &mut Problems,
) -> Vec<Spanned<String>> {
    let names = names.cloned().unwrap_or_default();
    for name in &names {
        if !requests.contains_key(&name.value) {
            problems.push(
                Diagnostic::error(Code::UnknownRequest, format!("unknown request `{}`", name.value))
                    .at(&name.place)
                    .label("no such `[request.NAME]`")
                    .maybe_help(suggest(&name.value, "requests", requests.keys().map(String::as_str))),
            );
        }
    }
    names
}

/// What the app passes to Stripe, by action.
fn passes(
    actions: Option<&decode::Map<PassesDocument>>,
    problems: &mut Problems,
) -> BTreeMap<ActionKind, Map<String, Value>> {
    let mut passes = BTreeMap::new();
    for (name, field) in actions.into_iter().flat_map(decode::Map::iter) {
        match name.parse::<ActionKind>() {
            Ok(kind) => {
                if let Some(set) = &field.set {
                    passes.insert(kind, set.0.to_map());
                }
            }
            Err(_) => problems.push(unknown_action(name, &field.key)),
        }
    }
    passes
}

/// A key under `stripe` that is no action.
pub(crate) fn unknown_action(name: &str, place: &Place) -> Diagnostic {
    Diagnostic::error(Code::UnknownKey, format!("unknown action `{name}`"))
        .at(place)
        .label("nothing that happens at Stripe")
        .maybe_help(suggest(name, "actions", ActionKind::ALL.iter().map(|kind| kind.as_str())))
}

fn default_environment(document: &ProjectDocument, project: &Project, problems: &mut Problems) {
    let named = document.project.as_ref().and_then(|names| names.default_environment.as_ref());
    if let Some(named) = named.filter(|named| !project.environments.contains_key(&named.value)) {
        problems.push(unknown_environment(&named.value, &named.place, project));
    }
}

/// The name of an environment that does not exist.
pub(crate) fn unknown_environment(name: &str, place: &Place, project: &Project) -> Diagnostic {
    Diagnostic::error(Code::UnknownEnvironment, format!("unknown environment `{name}`"))
        .at(place)
        .label("no such `[environment.NAME]`")
        .maybe_help(suggest(name, "environments", project.environments.keys().map(String::as_str)))
}
