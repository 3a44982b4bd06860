//! How fast a person should look at an incident.

use std::fmt;

use super::guidance::WhoRetries;
use super::kind::IncidentKind;

/// How fast a person should look.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Nothing is known to be wrong: it could not be told.
    Low,
    /// Money and access are right, a record or a notice is not.
    Medium,
    /// Somebody has what they did not pay for, or something may still repair itself.
    High,
    /// A customer paid, has not got it, and nothing will repair it; or anybody can take what they did not pay for.
    Critical,
}

impl Severity {
    /// Follows from what the customer suffers and from whether anybody will try again.
    #[must_use]
    pub fn of(kind: IncidentKind, who: &WhoRetries) -> Self {
        match kind {
            IncidentKind::PaidWithoutAccess if who.will_retry() => Self::High,
            IncidentKind::PaidWithoutAccess | IncidentKind::ForgeryAccepted => Self::Critical,
            // What the call is for does not happen at Stripe.
            IncidentKind::AccessWithoutPayment
            | IncidentKind::DeliveryRefused
            | IncidentKind::ParameterRefused => Self::High,
            IncidentKind::StateDisagrees | IncidentKind::NotificationMissing => Self::Medium,
            IncidentKind::CouldNotJudge => Self::Low,
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const NOBODY: WhoRetries = WhoRetries::NobodyAccepted { status: 200 };

    fn stripe() -> WhoRetries {
        WhoRetries::Stripe { attempts: 1, last: "500".into() }
    }

    #[rstest]
    #[case(IncidentKind::PaidWithoutAccess, NOBODY, Severity::Critical)]
    #[case(IncidentKind::PaidWithoutAccess, stripe(), Severity::High)]
    #[case(IncidentKind::ForgeryAccepted, NOBODY, Severity::Critical)]
    #[case(IncidentKind::AccessWithoutPayment, NOBODY, Severity::High)]
    #[case(IncidentKind::DeliveryRefused, NOBODY, Severity::High)]
    #[case(IncidentKind::StateDisagrees, stripe(), Severity::Medium)]
    #[case(IncidentKind::NotificationMissing, NOBODY, Severity::Medium)]
    #[case(IncidentKind::ParameterRefused, NOBODY, Severity::High)]
    #[case(IncidentKind::CouldNotJudge, NOBODY, Severity::Low)]
    fn severity_follows_the_customer(
        #[case] kind: IncidentKind,
        #[case] who: WhoRetries,
        #[case] expected: Severity,
    ) {
        assert_eq!(Severity::of(kind, &who), expected);
    }
}
