//! From captured events to a scenario: the story's actions are guessed from the events' types, what belongs to a
//! person is replaced. Pure.
//!
//! ```text
//! text ─read→ events, oldest first ─guess→ what happened at Stripe ─write→ scenario
//!                                   └ where nothing fits ─redact→ captured/NAME-1.json, sent as it is
//! ```
//!
//! What cannot be guessed is what the customer must then have: the draft names the project's probes, and leaves the
//! rest to its author.

mod guess;
mod read;
mod redact;
mod write;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use crate::project::model::Project;

/// A scenario made from captured events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// What happens first in it, as a word for a file's name.
    pub about: String,
    /// The scenario.
    pub scenario: String,
    /// Redacted copies of events that are sent as they are: where, below the project's folder, and what.
    pub copies: Vec<(String, String)>,
    /// What was replaced: paths into the events.
    pub replaced: BTreeSet<String>,
    /// What the author should know.
    pub notes: Vec<String>,
}

/// Why no scenario can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CaptureError {
    /// It is no JSON.
    #[error("read `{file}` as JSON: {problem}")]
    Json {
        /// Which file.
        file: String,
        /// What the parser says.
        problem: String,
    },
    /// Something in it is no event.
    #[error("read `{file}`: its value number {number} is no event with an object: {found}")]
    NoEvent {
        /// Which file.
        file: String,
        /// Which value, from 1.
        number: usize,
        /// What it is.
        found: String,
    },
    /// There is nothing in it.
    #[error("find an event in what was given")]
    Nothing,
    /// An action needs a price, and nothing is for sale.
    #[error("name a price: the project's catalogue has none")]
    NoPrice,
    /// Something of a person would be left.
    #[error("replace all that is personal: `{left}` would be left in `{place}`; please report this")]
    Left {
        /// How it begins.
        left: String,
        /// In which file.
        place: String,
    },
}

/// Drafts a scenario from files of captured events, each with its name and its text. It is called `name`, or what it is
/// about where that is empty.
///
/// # Errors
/// Where a file holds something else than events, or nothing is for sale in the project.
pub fn draft(files: &[(String, String)], name: &str, project: &Project) -> Result<Draft, CaptureError> {
    let events = read::events(files)?;
    let mut redaction = redact::Redaction::default();
    let story = guess::story(&events, project, &mut redaction)?;
    let about = story.steps.first().map(write::word).unwrap_or_default();
    let name = if name.is_empty() { about.as_str() } else { name };
    let mut copies = Vec::new();
    let mut notes = Vec::new();
    let scenario = write::scenario(&story, name, project, &mut redaction, &mut copies, &mut notes);
    let texts =
        copies.iter().chain([&("the scenario".to_owned(), scenario.clone())]).cloned().collect::<Vec<_>>();
    for (place, text) in &texts {
        if let Some(left) = redaction.left_in(text) {
            let left = left.chars().take(4).chain(['…']).collect();
            return Err(CaptureError::Left { left, place: place.clone() });
        }
    }
    Ok(Draft { about, scenario, copies, replaced: redaction.replaced(), notes })
}
