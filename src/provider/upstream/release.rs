//! How far one version of Stripe's API can judge a call that was made for another.

use std::fmt;

use super::Why;

/// A version of Stripe's API by its date and the release that it belongs to: `2026-09-30.endive`.
///
/// Within a release parameters are only added; what breaks comes with the next one
/// (<https://docs.stripe.com/sdks/versioning>). Before releases had names every version was one of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    text: String,
}

impl Release {
    /// `None`: it is not spelled like a version.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (date, name) = text.split_at_checked(10)?;
        let digit_or = |at: usize, letter: char| {
            if matches!(at, 4 | 7) { letter == '-' } else { letter.is_ascii_digit() }
        };
        let is_date = date.chars().enumerate().all(|(at, letter)| digit_or(at, letter));
        let is_name = name.is_empty()
            || name.strip_prefix('.').is_some_and(|name| {
                !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric())
            });
        (is_date && is_name).then(|| Self { text: text.to_owned() })
    }

    /// `endive`, or the whole version where the release has no name.
    fn name(&self) -> &str {
        self.text.split_once('.').map_or(&self.text, |(_, name)| name)
    }

    /// Whether who knows this version can refuse a call of version `other` for this reason, and be right.
    #[must_use]
    pub fn judges(&self, other: &Self, why: Why) -> bool {
        let may_be_newer = matches!(why, Why::Unknown | Why::Value);
        // Versions begin with their date.
        self.name() == other.name() && (!may_be_newer || other.text <= self.text)
    }
}

impl fmt::Display for Release {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("2026-09-30.endive", true)]
    #[case("2024-06-20", true)]
    #[case("2026-09-30.", false)]
    #[case("2026-09-30 endive", false)]
    #[case("2026/09/30", false)]
    #[case("paydrill", false)]
    #[case("2026-09-3é", false)]
    #[case("", false)]
    fn versions_are_read(#[case] text: &str, #[case] is_one: bool) {
        assert_eq!(Release::parse(text).is_some(), is_one);
    }

    #[rstest]
    #[case::the_same("2026-09-30.endive", "2026-09-30.endive", Why::Unknown, true)]
    #[case::older_of_the_release("2026-08-26.dahlia", "2026-03-25.dahlia", Why::Unknown, true)]
    #[case::newer_of_the_release("2026-09-30.endive", "2026-10-28.endive", Why::Unknown, false)]
    #[case::newer_value("2026-09-30.endive", "2026-10-28.endive", Why::Value, false)]
    #[case::nothing_becomes_required("2026-09-30.endive", "2026-10-28.endive", Why::Missing, true)]
    #[case::another_release("2026-09-30.endive", "2026-08-26.dahlia", Why::Missing, false)]
    #[case::before_names("2024-06-20", "2024-04-10", Why::Unknown, false)]
    #[case::before_names_the_same("2024-06-20", "2024-06-20", Why::Unknown, true)]
    fn a_version_judges_its_own_release(
        #[case] knows: &str,
        #[case] call: &str,
        #[case] why: Why,
        #[case] judges: bool,
    ) {
        let read = |text| Release::parse(text).unwrap();
        assert_eq!(read(knows).judges(&read(call), why), judges);
    }
}
