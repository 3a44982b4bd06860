//! Which versions there are, and how they are spelled.

use std::fmt;
use std::str::FromStr;

use crate::stripe::object::NEWEST;

/// An API version whose shapes are modelled. Later ones are greater.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
// Names begin with their date, so the order of the texts is the order of time.
pub struct Version(pub(super) &'static str);

/// Why a text names no version that is modelled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VersionError {
    /// There is no such version. These are Stripe's words.
    #[error("Invalid Stripe API version: {0}")]
    Invalid(String),
    /// Stripe has, or had, such a version: one before 2020-08-27, or a preview.
    #[error("use version {0}: it is not modelled")]
    NotModelled(String),
}

/// The releases with a name, oldest first (docs.stripe.com/changelog).
const RELEASES: [&str; 5] = ["acacia", "basil", "clover", "dahlia", "endive"];

/// All versions since 2020-08-27, oldest first (docs.stripe.com/changelog; the dates of those after
/// 2026-06-24.dahlia are from what its users wrote).
const ALL: [Version; 32] = [
    Version("2020-08-27"),
    Version("2022-08-01"),
    Version("2022-11-15"),
    Version("2023-08-16"),
    Version("2023-10-16"),
    Version("2024-04-10"),
    Version("2024-06-20"),
    Version("2024-09-30.acacia"),
    Version("2024-10-28.acacia"),
    Version("2024-11-20.acacia"),
    Version("2024-12-18.acacia"),
    Version("2025-01-27.acacia"),
    Version("2025-02-24.acacia"),
    Version("2025-03-31.basil"),
    Version("2025-04-30.basil"),
    Version("2025-05-28.basil"),
    Version("2025-06-30.basil"),
    Version("2025-07-30.basil"),
    Version("2025-08-27.basil"),
    Version("2025-09-30.clover"),
    Version("2025-10-29.clover"),
    Version("2025-11-17.clover"),
    Version("2025-12-15.clover"),
    Version("2026-01-28.clover"),
    Version("2026-02-25.clover"),
    Version("2026-03-25.dahlia"),
    Version("2026-04-22.dahlia"),
    Version("2026-05-27.dahlia"),
    Version("2026-06-24.dahlia"),
    Version("2026-07-29.dahlia"),
    Version("2026-08-26.dahlia"),
    Version("2026-09-30.endive"),
];

impl Version {
    /// The shape in which objects are kept.
    pub const NEWEST: Self = Self(NEWEST);

    /// Every version, oldest first.
    pub fn all() -> impl DoubleEndedIterator<Item = Self> {
        ALL.into_iter().chain([Self::NEWEST])
    }

    /// Names that a file may use: every version, and every release, which means its newest version.
    pub fn names() -> impl Iterator<Item = &'static str> {
        RELEASES.into_iter().chain(Self::all().map(Self::as_str))
    }

    /// The version of a `Stripe-Version` header, or of an event: always written in full.
    ///
    /// # Errors
    /// Stripe's where there is no such version; another where there is, and it is not modelled.
    pub fn in_full(text: &str) -> Result<Self, VersionError> {
        if let Some(found) = Self::all().find(|version| version.0 == text) {
            return Ok(found);
        }
        // Whoever sent this may have sent anything.
        let shown = || text.chars().take(40).collect();
        let (date, release) = text.split_at_checked(10).unwrap_or((text, ""));
        let is_date = date.len() == 10 && date.parse::<jiff::civil::Date>().is_ok();
        let is_older = release.is_empty() && date < ALL[0].0;
        if is_date && (is_older || release == ".preview") {
            return Err(VersionError::NotModelled(shown()));
        }
        Err(VersionError::Invalid(shown()))
    }

    /// `2025-03-31.basil`
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

impl FromStr for Version {
    type Err = VersionError;

    /// A version in full, or a release: `basil` is its newest version.
    fn from_str(text: &str) -> Result<Self, VersionError> {
        if RELEASES.contains(&text) {
            let of_release = |version: &Self| version.0.split_once('.').is_some_and(|(_, name)| name == text);
            return Self::all().rfind(of_release).ok_or_else(|| VersionError::Invalid(text.to_owned()));
        }
        Self::in_full(text)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.0)
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("2026-10-28.endive", "2026-10-28.endive")]
    #[case("2025-03-31.basil", "2025-03-31.basil")]
    #[case("2024-06-20", "2024-06-20")]
    #[case("acacia", "2025-02-24.acacia")]
    #[case("basil", "2025-08-27.basil")]
    #[case("clover", "2026-02-25.clover")]
    #[case("dahlia", "2026-08-26.dahlia")]
    #[case("endive", "2026-10-28.endive")]
    fn versions_are_read(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(text.parse::<Version>().map(Version::as_str), Ok(expected));
    }

    #[rstest::rstest]
    #[case("sable", "Invalid Stripe API version: sable")]
    #[case("", "Invalid Stripe API version: ")]
    #[case("2024-06-21", "Invalid Stripe API version: 2024-06-21")]
    #[case("2025-03-31", "Invalid Stripe API version: 2025-03-31")]
    #[case("2025-03-31.clover", "Invalid Stripe API version: 2025-03-31.clover")]
    #[case("2027-01-01.fern", "Invalid Stripe API version: 2027-01-01.fern")]
    #[case("2019-13-03", "Invalid Stripe API version: 2019-13-03")]
    #[case("2026-10-2é", "Invalid Stripe API version: 2026-10-2é")]
    #[case("2019-12-03", "use version 2019-12-03: it is not modelled")]
    #[case("2026-03-25.preview", "use version 2026-03-25.preview: it is not modelled")]
    fn what_is_none_is_said(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(text.parse::<Version>().unwrap_err().to_string(), expected);
    }

    #[test]
    fn a_header_names_no_release_and_an_answer_is_short() {
        assert_eq!(Version::in_full("basil"), Err(VersionError::Invalid("basil".into())));
        let error = Version::in_full(&"é".repeat(10_000)).unwrap_err();
        assert_eq!(error.to_string().chars().count(), "Invalid Stripe API version: ".len() + 40);
    }

    #[test]
    fn versions_stand_in_the_order_of_time_and_are_found_by_their_names() {
        assert!(Version::all().is_sorted_by(|a, b| a < b));
        for version in Version::all() {
            assert_eq!(Version::in_full(version.as_str()), Ok(version));
        }
        assert!(Version::names().all(|name| name.parse::<Version>().is_ok()));
    }
}
