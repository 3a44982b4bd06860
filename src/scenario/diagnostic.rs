//! One thing that is wrong with a file, and where.

use serde_json::{Value, json};

use super::code::Code;
use crate::span::Place;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// It can, but it probably does not say what was meant.
    Warning,
}

impl Severity {
    /// `error`, `warning`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One thing that is wrong with a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagnostic {
    /// Which kind of problem; `explain CODE` has a page on it.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one line; lower-case.
    pub message: String,
    /// Where; `None` where no single place is to blame.
    pub place: Option<Place>,
    /// A few words under the caret.
    pub label: String,
    /// How to put it right.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error without a place.
    pub(crate) fn error(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: message.into(),
            place: None,
            label: String::new(),
            help: None,
        }
    }

    /// A warning without a place.
    pub(crate) fn warning(code: Code, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message) }
    }

    /// The same, standing there.
    pub(crate) fn at(mut self, place: &Place) -> Self {
        self.place = Some(place.clone());
        self
    }

    /// The same, with words under the caret.
    pub(crate) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// The same, with a way out.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same, with a way out where there is one.
    pub(crate) fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }
}

/// What `--json` prints for a diagnostic, one object each. Version 1 of this format.
///
/// ```json
/// { "v": 1, "code": "unknown-key", "severity": "error", "message": "unknown key `onwer`",
///   "file": "scenarios/a.toml", "line": 2, "column": 1, "end_line": 2, "end_column": 6,
///   "label": "not a key of a scenario", "help": "did you mean `owner`?" }
/// ```
#[must_use]
pub fn to_json(diagnostic: &Diagnostic) -> Value {
    let mut json = json!({
        "v": 1,
        "code": diagnostic.code.as_str(),
        "severity": diagnostic.severity.as_str(),
        "message": diagnostic.message,
    });
    if let Some(place) = &diagnostic.place {
        let (start, end) = (place.position(), place.source.position(place.range.end));
        json["file"] = place.source.path.as_str().into();
        json["line"] = start.line.into();
        json["column"] = start.column.into();
        json["end_line"] = end.line.into();
        json["end_column"] = end.column.into();
    }
    if !diagnostic.label.is_empty() {
        json["label"] = diagnostic.label.as_str().into();
    }
    if let Some(help) = &diagnostic.help {
        json["help"] = help.as_str().into();
    }
    json
}

/// Whether any of them is an error.
#[must_use]
pub fn has_errors(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
}

/// So many problems of one file are shown.
const MOST: usize = 100;
/// A message is not longer, in characters: a key or a value in it may be of any length.
const LONGEST: usize = 600;

/// The order of the files, each problem once, and no more than anybody reads.
pub(crate) fn tidy(diagnostics: &mut Vec<Diagnostic>) {
    diagnostics.sort_by(|a, b| file(a).cmp(&file(b)).then(start(a).cmp(&start(b))));
    diagnostics.dedup();
    let mut tidied: Vec<Diagnostic> = Vec::new();
    for of_file in diagnostics.chunk_by_mut(|a, b| file(a) == file(b)) {
        let more = of_file.len().saturating_sub(MOST);
        if more > 0 {
            // Stable: both kinds stay in the order of the file.
            of_file.sort_by_key(|diagnostic| diagnostic.severity);
        }
        let first_unseen = of_file.get(MOST).map(|diagnostic| diagnostic.severity);
        tidied.extend(of_file.iter().take(MOST).cloned());
        tidied.extend(first_unseen.map(|severity| Diagnostic {
            severity,
            place: of_file.get(MOST).and_then(|diagnostic| diagnostic.place.clone()),
            ..Diagnostic::error(Code::TooMany, format!("and {more} more problems in this file"))
        }));
    }
    for diagnostic in &mut tidied {
        for text in [&mut diagnostic.message, &mut diagnostic.label].into_iter().chain(&mut diagnostic.help) {
            shorten(text);
        }
    }
    *diagnostics = tidied;
}

fn start(diagnostic: &Diagnostic) -> usize {
    diagnostic.place.as_ref().map_or(0, |place| place.range.start)
}

fn file(diagnostic: &Diagnostic) -> Option<&str> {
    diagnostic.place.as_ref().map(|place| place.source.path.as_str())
}

/// Leaves out the middle of a text that is too long.
fn shorten(text: &mut String) {
    let count = text.chars().count();
    if count > LONGEST {
        let head: String = text.chars().take(LONGEST * 2 / 3).collect();
        let tail: String = text.chars().skip(count - LONGEST / 3).collect();
        *text = format!("{head}…{tail}");
    }
}

/// The nearest of the names to a misspelled one, if any is near.
pub(crate) fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Nothing that we name is nearly so long, and comparing costs its length.
    if word.len() > 200 {
        return None;
    }
    let word = word.to_lowercase();
    // One letter is near to every other.
    let limit = match word.chars().count() {
        0 | 1 => 0,
        length => (length / 3).max(1),
    };
    names
        .into_iter()
        .map(|name| {
            let plain = name.to_lowercase();
            let distance = strsim::osa_distance(&word, &plain);
            // Half a name is a near miss too: `update` for `updated_at`.
            let half = word.len() >= 3 && (plain.starts_with(&word) || word.starts_with(&plain));
            (if half { distance.min(limit) } else { distance }, name)
        })
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// `did you mean …?`, else all there is.
pub(crate) fn suggest<'a>(
    word: &str,
    what: &str,
    names: impl IntoIterator<Item = &'a str> + Clone,
) -> Option<String> {
    if let Some(name) = nearest(word, names.clone()) {
        return Some(format!("did you mean `{name}`?"));
    }
    let all: Vec<&str> = names.into_iter().collect();
    match all.len() {
        0 => Some(format!("there are no {what}")),
        1..=24 => Some(format!("known {what}: {}", all.join(", "))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::span::Source;

    #[test]
    fn of_a_file_only_so_many_are_shown_and_no_error_hides_behind_warnings() {
        let source = Arc::new(Source { path: "a.toml".into(), text: "x".repeat(500) });
        let at = |at: usize| Place { source: Arc::clone(&source), range: at..at + 1 };
        let warning = |n: usize| Diagnostic::warning(Code::IdleStep, format!("w{n}")).at(&at(n));
        let mut list: Vec<Diagnostic> = (0..300).map(warning).collect();
        list.push(Diagnostic::error(Code::UnknownKey, "k".repeat(100_000)).at(&at(400)));
        list.push(warning(7));
        tidy(&mut list);
        assert_eq!(list.len(), MOST + 1);
        assert_eq!(list[0].code, Code::UnknownKey);
        assert!(list[0].message.chars().count() <= LONGEST + 1);
        assert_eq!(list[MOST].message, "and 201 more problems in this file");
        assert_eq!(list[MOST].severity, Severity::Warning);
    }
}
