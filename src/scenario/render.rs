//! Draws diagnostics for people.
//!
//! ```text
//! error[unknown-key]: unknown key `onwer`
//!  --> scenarios/late-update.toml:2:1
//!   |
//! 2 | onwer = "billing"
//!   | ^^^^^ not a key of a scenario
//!   |
//!   = help: did you mean `owner`?
//! ```

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet, normalize_untrusted_str};

use super::diagnostic::{Diagnostic, Severity};
use super::lexical;
use crate::span::Place;

/// Whether text may have colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Color {
    /// For a terminal that shows it.
    Yes,
    /// Plain text, which says the same.
    No,
}

/// All of them, one after another, each with an empty line after it. A secret in a drawn line is blanked out.
#[must_use]
pub fn render(diagnostics: &[Diagnostic], color: Color) -> String {
    let renderer = match color {
        Color::Yes => Renderer::styled(),
        Color::No => Renderer::plain(),
    };
    let renderer = renderer.decor_style(DecorStyle::Ascii);
    let mut text = String::new();
    for diagnostic in diagnostics {
        text.push_str(&renderer.render(&[group(diagnostic)]));
        text.push_str("\n\n");
    }
    text
}

fn group(diagnostic: &Diagnostic) -> Group<'_> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(lexical::mask(&diagnostic.message)).id(diagnostic.code.as_str());
    let mut group = match &diagnostic.place {
        Some(place) => Group::with_title(title).element(snippet(place, &diagnostic.label)),
        None => Group::with_title(title),
    };
    if let Some(help) = &diagnostic.help {
        // Unlike titles and labels, this text is not freed from control characters by the renderer.
        group = group.element(Level::HELP.message(normalize_untrusted_str(&lexical::mask(help))));
    }
    group
}

/// Only the lines in question: files are drawn once per problem, and need not be scanned whole each time.
fn snippet<'a>(place: &'a Place, label: &'a str) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let text = &place.source.text;
    let range = clamp(text, &place.range);
    let start = text[..range.start].rfind('\n').map_or(0, |at| at + 1);
    let end = text[range.end..].find('\n').map_or(text.len(), |at| range.end + at);
    let line = place.source.position(range.start).line;
    let lines = lexical::mask(&text[start..end]);
    let annotation = AnnotationKind::Primary.span(range.start - start..range.end - start);
    let annotation = if label.is_empty() { annotation } else { annotation.label(label) };
    Snippet::source(lines).line_start(line).path(place.source.path.as_str()).annotation(annotation)
}

/// A range that lies within the text and starts and ends between characters.
fn clamp(text: &str, range: &std::ops::Range<usize>) -> std::ops::Range<usize> {
    let floor = |mut at: usize| {
        at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let start = floor(range.start);
    start..floor(range.end).max(start)
}
