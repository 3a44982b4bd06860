//! API versions and release names: which shape an object has.

use super::code::Code;
use super::diagnostic::{Diagnostic, nearest};
use crate::span::Place;

/// The shape that the double keeps its objects in.
pub(crate) const NEWEST: &str = "2026-10-28.endive";

/// Stripe's named releases, oldest first (docs.stripe.com/changelog).
const RELEASES: [&str; 5] = ["acacia", "basil", "clover", "dahlia", "endive"];

/// A shape that a file can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// The newest.
    Newest,
    /// An older release or dated version.
    Older,
    /// Thin events: no object, only a reference.
    Thin,
}

impl Shape {
    pub(crate) fn is_newest(self) -> bool {
        self == Self::Newest
    }
}

/// Reads `2026-10-28.endive`, `2024-06-20`, `basil` or `thin`.
pub(crate) fn read(text: &str) -> Option<Shape> {
    match text {
        "thin" => return Some(Shape::Thin),
        NEWEST | "endive" => return Some(Shape::Newest),
        _ if RELEASES.contains(&text) => return Some(Shape::Older),
        _ => {}
    }
    let (date, release) = text.split_once('.').map_or((text, None), |(date, release)| (date, Some(release)));
    let is_date = date.len() == 10 && date.parse::<jiff::civil::Date>().is_ok();
    let is_release = release.is_none_or(|release| RELEASES.contains(&release));
    (is_date && is_release).then_some(Shape::Older)
}

/// A text that names no shape.
pub(crate) fn unknown(text: &str, place: &Place) -> Diagnostic {
    let near = nearest(text, RELEASES.into_iter().chain(["thin", NEWEST]));
    Diagnostic::error(Code::UnknownWord, format!("`{text}` is no API version"))
        .at(place)
        .label("expected a version, a release or `thin`")
        .help(format!("did you mean \"{}\"?", near.unwrap_or(NEWEST)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("endive", Some(Shape::Newest))]
    #[case("2026-10-28.endive", Some(Shape::Newest))]
    #[case("2026-09-30.endive", Some(Shape::Older))]
    #[case("2024-06-20", Some(Shape::Older))]
    #[case("basil", Some(Shape::Older))]
    #[case("thin", Some(Shape::Thin))]
    #[case("2024-13-20", None)]
    #[case("2026-10-28.enditive", None)]
    #[case("latest", None)]
    fn shapes_are_told_apart(#[case] text: &str, #[case] expected: Option<Shape>) {
        assert_eq!(read(text), expected);
    }
}
