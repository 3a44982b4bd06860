//! What is for sale, known by the price's lookup key: price ids differ between Stripe accounts.

use serde::Serialize;

use super::bug::Bug;

/// A plan a customer can be on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Plan {
    /// Nothing bought.
    #[default]
    Free,
    Basic,
    /// Basic, and credits every month.
    Plus,
    Pro,
    Team,
    /// Its features are at Stripe, as Stripe entitlements.
    Everything,
}

/// The plans that are sold, and the lookup keys of their prices.
const SOLD: [(Plan, &str); 5] = [
    (Plan::Basic, "basic_monthly"),
    (Plan::Plus, "plus_monthly"),
    (Plan::Pro, "pro_monthly"),
    (Plan::Team, "team_monthly"),
    (Plan::Everything, "everything_monthly"),
];

impl Plan {
    /// The plan sold under a price, if the app sells it.
    pub(super) fn of(bug: Option<Bug>, lookup_key: &str) -> Option<Self> {
        let (plan, _) = SOLD.into_iter().find(|(_, key)| *key == lookup_key)?;
        // Marketing added the team plan at Stripe; nobody told this app.
        Some(plan).filter(|plan| *plan != Self::Team || bug != Some(Bug::MapUnknownPriceNoop))
    }

    /// The name it is stored and shown under.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Basic => "basic",
            Self::Plus => "plus",
            Self::Pro => "pro",
            Self::Team => "team",
            Self::Everything => "everything",
        }
    }

    /// The plan of that name; one that is not known counts as nothing bought.
    pub(super) fn named(name: &str) -> Self {
        SOLD.into_iter().map(|(plan, _)| plan).find(|plan| plan.name() == name).unwrap_or(Self::Free)
    }

    /// Features the plan includes, beside those that Stripe knows of.
    pub(super) fn features(self) -> &'static [&'static str] {
        match self {
            Self::Free | Self::Everything => &[],
            Self::Basic | Self::Plus => &["exports"],
            Self::Pro => &["exports", "sso"],
            Self::Team => &["exports", "sso", "audit_log"],
        }
    }

    /// Credits that come with every period that is paid for.
    pub(super) fn credits_of_period(self) -> i64 {
        if self == Self::Plus { 50 } else { 0 }
    }
}

/// How many credits one piece of this price gives, if it sells credits.
pub(super) fn credits_of(lookup_key: &str) -> Option<i64> {
    (lookup_key == "credits_100").then_some(100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("basic_monthly", Some(Plan::Basic))]
    #[case("pro_monthly", Some(Plan::Pro))]
    #[case("team_monthly", Some(Plan::Team))]
    #[case("enterprise_2019", None)]
    #[case("", None)]
    fn prices_are_known_by_lookup_key(#[case] key: &str, #[case] expected: Option<Plan>) {
        assert_eq!(Plan::of(None, key), expected);
    }

    #[test]
    fn names_read_back() {
        for plan in SOLD.map(|(plan, _)| plan).into_iter().chain([Plan::Free]) {
            assert_eq!(Plan::named(plan.name()), plan);
        }
        assert_eq!(Plan::named("gold"), Plan::Free);
    }
}
