//! 2025-03-31.basil: the largest break so far (docs.stripe.com/changelog/basil), one file per entry of the changelog.

pub(super) mod counts;
pub(super) mod credit_notes;
pub(super) mod discounts;
pub(super) mod item_periods;
pub(super) mod parent;
pub(super) mod payments;
pub(super) mod phases;
pub(super) mod pricing;
pub(super) mod shipping;
pub(super) mod taxes;
pub(super) mod usage;

use super::Version;

pub(super) const SINCE: Version = Version("2025-03-31.basil");

#[cfg(test)]
pub(super) const BEFORE: Version = Version("2025-02-24.acacia");
