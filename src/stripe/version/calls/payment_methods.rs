//! 2023-08-16: a payment or setup intent whose payment methods nobody says takes those of the Dashboard; before, cards
//! (docs.stripe.com/changelog/2023-08-16/automatic-payment-methods).

use crate::stripe::version::Version;

const SINCE: Version = Version("2023-08-16");

/// Whether payment methods are chosen automatically where neither they nor `automatic_payment_methods` are given.
pub(crate) fn are_automatic(version: Version) -> bool {
    version >= SINCE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("2022-11-15", false)]
    #[case("2023-08-16", true)]
    #[case("2026-10-28.endive", true)]
    fn what_versions_mean(#[case] version: &str, #[case] automatic: bool) {
        assert_eq!(are_automatic(version.parse().unwrap()), automatic);
    }
}
