//! API versions and release names: which shape an object has.

use super::code::Code;
use super::decode::Problems;
use super::diagnostic::{Diagnostic, nearest};
use super::model::SentAs;
use crate::project::refusal;
use crate::span::Place;
use crate::stripe::version::{Version, VersionError};

/// A shape that a file can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// That of a version.
    Version(Version),
    /// That of a version that Stripe has, and we do not model.
    NotModelled,
    /// Thin events: no object, only a reference.
    Thin,
}

/// Reads `2026-10-28.endive`, `2024-06-20`, `basil` or `thin`.
pub(crate) fn read(text: &str) -> Option<Shape> {
    if text == "thin" {
        return Some(Shape::Thin);
    }
    match text.parse() {
        Ok(version) => Some(Shape::Version(version)),
        Err(VersionError::NotModelled(_)) => Some(Shape::NotModelled),
        Err(VersionError::Invalid(_)) => None,
    }
}

/// The shape that a key names; what it names instead is reported, below the name `what`.
pub(crate) fn sent_as(text: &str, place: &Place, what: &str, problems: &mut Problems) -> Option<SentAs> {
    match read(text) {
        Some(Shape::Version(version)) => return Some(SentAs::Version(version)),
        Some(Shape::Thin) => return Some(SentAs::Thin),
        Some(Shape::NotModelled) => problems.push(refusal(&format!("{what}.{text}"), place)),
        None => problems.push(unknown(text, place)),
    }
    None
}

/// A text that names no shape.
pub(crate) fn unknown(text: &str, place: &Place) -> Diagnostic {
    let near = nearest(text, Version::names().chain(["thin"]));
    Diagnostic::error(Code::UnknownWord, format!("`{text}` is no API version"))
        .at(place)
        .label("expected a version, a release or `thin`")
        .help(format!("did you mean \"{}\"?", near.unwrap_or(Version::NEWEST.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("endive", Some("2026-10-28.endive"))]
    #[case("2026-10-28.endive", Some("2026-10-28.endive"))]
    #[case("2024-06-20", Some("2024-06-20"))]
    #[case("basil", Some("2025-08-27.basil"))]
    #[case("2024-13-20", None)]
    #[case("2024-06-21", None)]
    #[case("2026-10-28.enditive", None)]
    #[case("latest", None)]
    fn versions_are_told_from_other_words(#[case] text: &str, #[case] expected: Option<&str>) {
        let expected = expected.map(|version| Shape::Version(version.parse().unwrap()));
        assert_eq!(read(text), expected);
    }

    #[rstest::rstest]
    #[case("thin", Shape::Thin)]
    #[case("2019-12-03", Shape::NotModelled)]
    #[case("2026-03-25.preview", Shape::NotModelled)]
    fn other_shapes_are_known(#[case] text: &str, #[case] expected: Shape) {
        assert_eq!(read(text), Some(expected));
    }
}
