//! Changes of an event that change nothing: what is sent is what Stripe sends, and the story proves something else
//! than it says.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::project::model::Project;
use crate::scenario::code::Code;
use crate::scenario::decode::Problems;
use crate::scenario::diagnostic::{Diagnostic, nearest};
use crate::scenario::model::{Change, Pick, SendEntry, SentAs, Step, Story};
use crate::stripe::path::{Path, Segment};
use crate::stripe::sample::{sample, status};
use crate::stripe::version::Version;

pub(super) fn check(story: &Story, project: &Project, problems: &mut Problems) {
    for entry in story.steps.iter().flat_map(Step::entries) {
        entry_changes(entry, story, project, problems);
    }
}

fn entry_changes(entry: &SendEntry, story: &Story, project: &Project, problems: &mut Problems) {
    let change = &entry.change;
    let mut warn = |message: String, label: &str, help: Option<String>| {
        problems.push(
            Diagnostic::warning(Code::IdleChange, message).at(&entry.place).label(label).maybe_help(help),
        );
    };
    if change.livemode == Some(false) && !matches!(entry.pick, Pick::File { .. }) {
        warn("`livemode = false` changes nothing".to_owned(), "every event of the double says so", None);
    }
    if change.created.is_some_and(|by| by.is_zero()) {
        warn("`created` is shifted by nothing".to_owned(), "expected a time such as \"-1h\"", None);
    }
    let kind = match &entry.pick {
        Pick::Made { event, .. } | Pick::Template(event) => event.as_str(),
        Pick::File { .. } => return,
    };
    for (path, value) in &change.set {
        if says_so_already(kind, path, value) {
            warn(
                format!("`set.{path} = {value}` changes nothing"),
                "every such event says so",
                Some("what is sent is what Stripe sends".to_owned()),
            );
        }
        if change.null.contains(path) || change.remove.contains(path) {
            warn(format!("`{path}` is set, and then taken away"), "what is set is never seen", None);
        }
    }
    let samples: Vec<(Version, Value)> = versions(entry, story, project)
        .into_iter()
        .filter_map(|version| Some((version, sample(kind, version)?)))
        .collect();
    for (word, path) in taken(change) {
        let lacking = samples.iter().all(|(_, sample)| never_has(&sample["data"]["object"], path));
        if let (Some((version, sample)), true) = (samples.first(), lacking) {
            let fields = sample["data"]["object"].as_object();
            let names = fields.into_iter().flatten().map(|(name, _)| name.as_str());
            let help = nearest(path, names).map(|near| format!("did you mean \"{near}\"?"));
            let where_ = format!("the object of `{kind}` has no `{path}` in the shape of {version}");
            warn(format!("`{word}` of what is not there: {where_}"), "changes nothing", help);
        }
    }
}

/// Whether every event of this type says so, whatever happened.
fn says_so_already(kind: &str, path: &str, value: &Value) -> bool {
    match path {
        "status" => status(kind).is_some_and(|status| value == status),
        "customer" => {
            let own = value.as_str().and_then(|text| text.strip_prefix("{{")?.strip_suffix("}}"));
            own.is_some_and(|name| name.trim() == "customer.id")
        }
        "livemode" => value == false,
        _ => false,
    }
}

fn taken(change: &Change) -> impl Iterator<Item = (&'static str, &String)> {
    let null = change.null.iter().map(|path| ("null", path));
    null.chain(change.remove.iter().map(|path| ("remove", path)))
}

/// The versions in which an entry may be sent: its own, the matrix's, else that of its endpoint in any environment.
fn versions(entry: &SendEntry, story: &Story, project: &Project) -> BTreeSet<Version> {
    match entry.change.shape.or(story.shape) {
        Some(SentAs::Version(version)) => return BTreeSet::from([version]),
        // Without the object there is nothing to be changed.
        Some(SentAs::Thin) => return BTreeSet::new(),
        None => {}
    }
    let name = entry.change.endpoint.as_deref().unwrap_or("main");
    let endpoints = project.environments.values().filter_map(|environment| {
        let endpoints = &environment.target.endpoints;
        endpoints.get(name).or_else(|| endpoints.values().next().filter(|_| endpoints.len() == 1))
    });
    let mut versions: BTreeSet<Version> =
        endpoints.map(|endpoint| endpoint.api_version.unwrap_or(Version::NEWEST)).collect();
    if versions.is_empty() {
        versions.insert(Version::NEWEST);
    }
    versions
}

/// Whether no such object has anything there. What is in metadata, in a list, or below a null may be anything.
fn never_has(object: &Value, path: &str) -> bool {
    let Ok(path) = Path::parse(path) else { return false };
    let mut here = object;
    for segment in path.segments() {
        let Segment::Key(key) = segment else { return false };
        match here.as_object() {
            Some(fields) if key != "metadata" => match fields.get(key) {
                Some(value) => here = value,
                None => return true,
            },
            _ => return false,
        }
    }
    false
}
