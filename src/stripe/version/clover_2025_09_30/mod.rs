//! 2025-09-30.clover (docs.stripe.com/changelog/clover): one file per entry of the changelog.
//!
//! Clover also makes `billing_mode` flexible for new subscriptions. That changes what a subscription *is*, not how
//! it is shown: older versions show `billing_mode` as it is.

pub(super) mod discount_source;
pub(super) mod promotion;

use super::Version;

pub(super) const SINCE: Version = Version("2025-09-30.clover");
