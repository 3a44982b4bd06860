//! 2025-09-30.clover: a subscription whose `billing_mode` nobody says is flexible; before, it is classic
//! (docs.stripe.com/changelog/clover/2025-09-30/billing-mode-default-flexible).

use crate::stripe::version::Version;

const SINCE: Version = Version("2025-09-30.clover");

/// What a `billing_mode` that is left out means.
pub(crate) fn left_out(version: Version) -> &'static str {
    if version < SINCE { "classic" } else { "flexible" }
}

/// Items of different intervals in one subscription: since 2025-07-30.basil
/// (docs.stripe.com/changelog/basil/2025-07-30/support-mixed-intervals).
pub(crate) fn mixes_intervals(version: Version) -> bool {
    version >= Version("2025-07-30.basil")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("2020-08-27", "classic", false)]
    #[case("2025-06-30.basil", "classic", false)]
    #[case("2025-08-27.basil", "classic", true)]
    #[case("2025-09-30.clover", "flexible", true)]
    #[case("2026-10-28.endive", "flexible", true)]
    fn what_versions_mean(#[case] version: &str, #[case] mode: &str, #[case] mixes: bool) {
        let version = version.parse().unwrap();
        assert_eq!((left_out(version), mixes_intervals(version)), (mode, mixes));
    }
}
