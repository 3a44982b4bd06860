//! From the document of a scenario to the model.

mod action;
mod drill;
mod expect;
mod fault;
mod given;
mod send;
mod step;

pub(crate) use expect::check_value;

use std::collections::BTreeSet;
use std::sync::Arc;

use super::code::Code;
use super::decode::{Decode, Field, List, Problems, Text};
use super::diagnostic::{Diagnostic, has_errors, suggest, tidy};
use super::document::ScenarioDocument;
use super::matrix::{self, Combination};
use super::model::{Drill, Head, Scenario, Story};
use super::template::Names;
use super::{lexical, template, trap, tree};
use crate::project::model::Project;
use crate::project::validate::unknown_probe;
use crate::span::{Place, Source, Spanned};

/// Parses and validates a scenario against its project. Pure: captured events come through `files`, which takes a
/// path as written and gives the text, or why it cannot be read.
///
/// The scenario is there when no diagnostic is an error.
#[must_use]
pub fn parse_scenario(
    source: Arc<Source>,
    name: &str,
    project: &Project,
    files: &dyn Fn(&str) -> Result<String, String>,
) -> (Option<Scenario>, Vec<Diagnostic>) {
    let mut problems = Problems::new(&source);
    problems.list.extend(lexical::check(&source));
    let (tree, errors) = tree::parse(&source);
    problems.list.extend(errors);
    let scenario = tree.and_then(|tree| {
        matrix::check_names(&tree, &mut problems);
        let cases = matrix::expand(&tree, &mut problems);
        let scope = Scope { project, files };
        let mut stories: Vec<(Head, u32, Story, Drill)> = Vec::new();
        for case in &cases {
            stories.extend(scope.case(name, case, &mut problems));
        }
        if !has_errors(&problems.list) {
            for ((head, _, story, _), case) in stories.iter().zip(&cases) {
                trap::warn(head, story, &case.tree, project, &mut problems);
            }
            trap::warn_of_matrix(&tree, &mut problems);
            trap::allowed(&tree, &mut problems);
        }
        (stories.len() == cases.len()).then(|| join(stories)).flatten()
    });
    let mut diagnostics = problems.list;
    tidy(&mut diagnostics);
    (scenario.filter(|_| !has_errors(&diagnostics)), diagnostics)
}

/// The cases of one file: what they share is the first one's.
fn join(cases: Vec<(Head, u32, Story, Drill)>) -> Option<Scenario> {
    let (head, repeat, _, drill) = cases.first()?.clone();
    Some(Scenario {
        head: Arc::new(head),
        repeat,
        cases: cases.into_iter().map(|(_, _, story, _)| story).collect(),
        drill,
    })
}

/// What a scenario may name, and where its captured events come from.
pub(crate) struct Scope<'a> {
    pub(crate) project: &'a Project,
    pub(crate) files: &'a dyn Fn(&str) -> Result<String, String>,
}

impl Scope<'_> {
    /// One combination of the matrix, from its tree to its story.
    fn case(
        &self,
        name: &str,
        case: &Combination,
        problems: &mut Problems,
    ) -> Option<(Head, u32, Story, Drill)> {
        let document = ScenarioDocument::decode(&case.tree, problems)?;
        template::check(&case.tree, &self.names(&document), problems);
        let given = given::given(&document, self, problems);
        let steps = step::steps(&document, &given, case.order, self, problems);
        let drill = drill::drill(&document, self, problems);
        check_tags(document.tags.as_ref(), problems);
        let promise = document.promise.as_ref()?;
        let head = Head {
            name: name.to_owned(),
            place: promise.place.clone(),
            promise: promise.value.clone(),
            owner: document.owner.as_ref().map(|owner| owner.value.clone()),
            runbook: document.runbook.as_ref().map(|runbook| runbook.value.clone()),
            source: document.source.as_ref().map(|source| source.value.clone()),
            tags: document.tags.iter().flat_map(|tags| tags.iter()).map(|tag| tag.value.clone()).collect(),
        };
        let story = Story {
            label: case.label.clone(),
            matrix: case.values.clone(),
            variables: document.variables.as_ref().map(|table| table.0.to_map()).unwrap_or_default(),
            within: document.within.as_ref().map(|within| within.0),
            hold: document.hold.as_ref().map(|hold| hold.0),
            shape: case.shape,
            given,
            steps,
        };
        let repeat = document.repeat.as_ref().map_or(1, |repeat| repeat.get());
        Some((head, repeat, story, drill))
    }

    /// What templates of this scenario may name.
    fn names(&self, document: &ScenarioDocument) -> Names {
        let mut names = Names::of_project(self.project);
        if let Some(variables) = &document.variables {
            names.below("variable", variables.0.to_map().into_iter().map(|(name, _)| name));
        }
        for customer in
            document.given.iter().flat_map(|given| given.customer.iter()).flat_map(|list| list.iter())
        {
            let subscriptions = customer.value.subscription.iter().flat_map(|list| list.iter());
            let named = subscriptions.filter_map(|subscription| subscription.value.name.as_ref());
            named.chain(&customer.value.name).for_each(|name| names.give(name));
        }
        for step in document.step.iter().flat_map(|steps| steps.iter()) {
            action::names(step.value.stripe.as_ref()).into_iter().for_each(|name| names.give(name));
        }
        names
    }

    /// Names of requests, each of which must exist.
    fn requests(
        &self,
        list: Option<&Field<List<Text>>>,
        problems: &mut Problems,
    ) -> Option<Vec<Spanned<String>>> {
        let names = list?.value.clone();
        for name in &names {
            self.check_request(name, problems);
        }
        Some(names)
    }

    fn check_request(&self, name: &Spanned<String>, problems: &mut Problems) {
        let requests = &self.project.requests;
        if requests.contains_key(&name.value) {
            return;
        }
        problems.push(
            Diagnostic::error(Code::UnknownRequest, format!("unknown request `{}`", name.value))
                .at(&name.place)
                .label("no such `[request.NAME]` in paydrill.toml")
                .maybe_help(suggest(&name.value, "requests", requests.keys().map(String::as_str))),
        );
    }

    /// Checks that a probe exists and that this version can read it. `builtin` is `delivery` where that may stand.
    fn check_probe(&self, name: &str, place: &Place, builtin: Option<&str>, problems: &mut Problems) {
        if builtin == Some(name) {
            return;
        }
        match self.project.probes.get(name).map(|probe| &probe.kind) {
            Some(_) => {}
            None => {
                let all: Vec<&str> = self.project.probes.keys().map(String::as_str).chain(builtin).collect();
                problems.push(unknown_probe(name, place, all));
            }
        }
    }

    /// Checks that a price is for sale. A template is checked when it is rendered.
    fn check_price(&self, key: &str, place: &Place, problems: &mut Problems) {
        let prices = &self.project.prices;
        if key.contains("{{") || prices.contains_key(key) {
            return;
        }
        problems.push(
            Diagnostic::error(Code::UnknownPrice, format!("unknown price `{key}`"))
                .at(place)
                .label("no such `[catalog.price.KEY]` in paydrill.toml")
                .maybe_help(suggest(key, "prices", prices.keys().map(String::as_str))),
        );
    }

    /// Checks that some environment has an endpoint of that name.
    fn check_endpoint(&self, name: &Field<Text>, problems: &mut Problems) {
        let all: BTreeSet<&str> = self
            .project
            .environments
            .values()
            .flat_map(|environment| environment.target.endpoints.keys().map(String::as_str))
            .collect();
        if name.contains("{{") || all.contains(name.as_str()) {
            return;
        }
        problems.push(
            Diagnostic::error(Code::UnknownEndpoint, format!("unknown endpoint `{}`", name.value))
                .at(&name.place)
                .label("no such `target.endpoint.NAME` in paydrill.toml")
                .maybe_help(suggest(&name.value, "endpoints", all.iter().copied())),
        );
    }

    /// Checks that some environment starts a process of that name; `web#2` is an instance of `web`.
    fn check_process(&self, name: &str, place: &Place, problems: &mut Problems) {
        let process = match name.split_once('#') {
            Some((process, number)) if number.parse::<u32>().is_ok_and(|number| number > 1) => process,
            _ => name,
        };
        let all: BTreeSet<&str> = self
            .project
            .environments
            .values()
            .flat_map(|environment| environment.target.launch.parts())
            .map(|part| part.name)
            .collect();
        if name.contains("{{") || all.contains(process) {
            return;
        }
        problems.push(
            Diagnostic::error(Code::UnknownProcess, format!("unknown process `{name}`"))
                .at(place)
                .label("no such `target.process.NAME` or `target.container.NAME` in paydrill.toml")
                .maybe_help(suggest(process, "processes", all.iter().copied())),
        );
    }
}

/// A tag is given on the command line, and several are joined by commas.
fn check_tags(tags: Option<&Field<List<Text>>>, problems: &mut Problems) {
    for tag in tags.into_iter().flat_map(|tags| tags.iter()) {
        if tag.value.contains(|c: char| c == ',' || c.is_whitespace()) {
            problems.push(
                Diagnostic::error(Code::OutOfRange, format!("`{}` is no tag", tag.value))
                    .at(&tag.place)
                    .label("a tag has no spaces and no commas"),
            );
        }
    }
}

/// Reports the second and every later use of a name. `taken` grows.
fn unique(name: &str, place: &Place, what: &str, taken: &mut BTreeSet<String>, problems: &mut Problems) {
    if !taken.insert(name.to_owned()) {
        problems.push(
            Diagnostic::error(Code::DuplicateName, format!("two {what} are called `{name}`"))
                .at(place)
                .label("this name is taken"),
        );
    }
}
