//! Pictures of the app's pages, inside the report: it can be moved, and still shows them.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Report;
use crate::incident::wire::WireIncident;

/// A larger picture is named, not shown.
const LARGEST: usize = 1024 * 1024;

/// No more than this is shown of all pictures together.
const ALL: usize = 12 * 1024 * 1024;

/// The field in which a page probe says where its picture is.
const FIELD: &str = "screenshot";

/// What was seen of a page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Picture {
    /// The name of its file.
    pub(crate) name: String,
    /// The PNG, in base64; null: left out.
    pub(crate) png: Option<String>,
    /// Why it is left out.
    pub(crate) left_out: Option<String>,
}

/// A picture, and where in the story it was taken.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Shown<'a> {
    /// The picture.
    pub(crate) picture: &'a Picture,
    /// The probe that looked.
    pub(crate) probe: &'a str,
    /// When, since the run's start.
    pub(crate) at_ms: f64,
}

impl Report {
    /// Takes in the pictures that its incidents name. `file` reads one: what it is not given is left out, with the
    /// reason.
    pub(crate) fn take_pictures(&mut self, file: &dyn Fn(&str) -> Result<Vec<u8>, String>) {
        let incidents =
            self.cases.iter().flat_map(|case| &case.tries).filter_map(|one| one.incident.as_ref());
        let paths: BTreeSet<String> = incidents.flat_map(paths).map(|(path, ..)| path.to_owned()).collect();
        let mut room = ALL;
        self.pictures = paths.iter().map(|path| picture(path, file(path), &mut room)).collect();
    }
}

/// The pictures of an incident, in the order in which they were taken, each once.
#[must_use]
pub(crate) fn pictures<'a>(report: &'a Report, incident: &'a WireIncident) -> Vec<Shown<'a>> {
    let mut known = BTreeSet::new();
    paths(incident)
        .filter(|(path, ..)| known.insert(name(path)))
        .filter_map(|(path, probe, at_ms)| {
            let picture = report.pictures.iter().find(|picture| picture.name == name(path))?;
            Some(Shown { picture, probe, at_ms })
        })
        .collect()
}

fn paths(incident: &WireIncident) -> impl Iterator<Item = (&str, &str, f64)> {
    incident.observations.iter().filter_map(|seen| {
        let path = seen.first.fields.as_ref()?.get(FIELD)?.as_str()?;
        Some((path, seen.probe.as_str(), seen.first.at_ms))
    })
}

fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn picture(path: &str, read: Result<Vec<u8>, String>, room: &mut usize) -> Picture {
    let left_out =
        |reason: String| Picture { name: name(path).to_owned(), png: None, left_out: Some(reason) };
    match read {
        Err(problem) => left_out(problem),
        Ok(bytes) if !bytes.starts_with(b"\x89PNG\r\n") => left_out("it is no PNG".to_owned()),
        Ok(bytes) if bytes.len() > LARGEST => left_out(format!("it has {} KB", bytes.len() / 1024)),
        Ok(bytes) if bytes.len() > *room => left_out("the report has enough of them".to_owned()),
        Ok(bytes) => {
            *room = room.saturating_sub(bytes.len());
            Picture { name: name(path).to_owned(), png: Some(STANDARD.encode(bytes)), left_out: None }
        }
    }
}
