//! 2024-04-10 (docs.stripe.com/changelog/2024-04-10): one file per entry of the changelog.

pub(super) mod marketing_features;
pub(super) mod rendering;

use super::Version;

pub(super) const SINCE: Version = Version("2024-04-10");
