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
    Pro,
    Team,
}

impl Plan {
    /// The plan sold under a price, if the app sells it.
    pub(super) fn of(bug: Option<Bug>, lookup_key: &str) -> Option<Self> {
        match lookup_key {
            "basic_monthly" => Some(Self::Basic),
            "pro_monthly" => Some(Self::Pro),
            // Marketing added the team plan at Stripe; nobody told this app.
            "team_monthly" if bug == Some(Bug::MapUnknownPriceNoop) => None,
            "team_monthly" => Some(Self::Team),
            _ => None,
        }
    }

    /// The name it is stored and shown under.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Basic => "basic",
            Self::Pro => "pro",
            Self::Team => "team",
        }
    }

    /// The plan of that name; one that is not known counts as nothing bought.
    pub(super) fn named(name: &str) -> Self {
        [Self::Basic, Self::Pro, Self::Team]
            .into_iter()
            .find(|plan| plan.name() == name)
            .unwrap_or(Self::Free)
    }

    /// Features the plan includes.
    pub(super) fn features(self) -> &'static [&'static str] {
        match self {
            Self::Free => &[],
            Self::Basic => &["exports"],
            Self::Pro => &["exports", "sso"],
            Self::Team => &["exports", "sso", "audit_log"],
        }
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
        for plan in [Plan::Free, Plan::Basic, Plan::Pro, Plan::Team] {
            assert_eq!(Plan::named(plan.name()), plan);
        }
        assert_eq!(Plan::named("gold"), Plan::Free);
    }
}
