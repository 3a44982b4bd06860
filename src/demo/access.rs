//! Who may use what: the policy of the company, in one place.

use serde::Serialize;

use super::bug::Bug;
use super::plan::Plan;
use super::policy::Policy;
use super::store::Record;

/// How long a trial is still given after its end, for an event that is late: a day.
const TRIAL_GRACE: i64 = 86_400;
/// How long a purchase lasts where nobody thinks of renewals: thirty days.
const LIFETIME: i64 = 30 * 86_400;

/// By what it is decided: the company's policy, and the wrong decision to make, if any.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rules {
    pub(super) policy: Policy,
    pub(super) bug: Option<Bug>,
}

/// What a customer may use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Entitlement {
    pub(super) plan: Plan,
    pub(super) active: bool,
    pub(super) seats: i64,
    /// Stripe's word for the subscription that decides, or `none`.
    pub(super) status: String,
    /// End of the period that is paid for, in seconds since 1970.
    pub(super) renews_at: Option<i64>,
    pub(super) credits: i64,
    pub(super) features: Vec<String>,
}

impl Entitlement {
    /// Of a customer with these subscriptions and credits, and these features at Stripe.
    pub(super) fn of(
        rules: Rules,
        subscriptions: &[Record],
        credits: i64,
        at_stripe: Vec<String>,
        now: i64,
    ) -> Self {
        let deciding = deciding(rules, subscriptions, now);
        let granted = deciding.filter(|record| grants(rules, record, now));
        let plan = granted.map_or(Plan::Free, |record| record.plan);
        Self {
            plan,
            active: granted.is_some(),
            seats: granted.map_or(0, |record| record.seats),
            status: deciding.map_or_else(|| "none".to_owned(), |record| record.status.clone()),
            renews_at: deciding.and_then(|record| record.renews_at),
            credits,
            features: features(plan, at_stripe),
        }
    }
}

/// Those of the plan, then those that Stripe adds; none without a plan.
fn features(plan: Plan, mut at_stripe: Vec<String>) -> Vec<String> {
    if plan == Plan::Free {
        return Vec::new();
    }
    at_stripe.retain(|feature| !plan.features().contains(&feature.as_str()));
    plan.features().iter().map(|feature| (*feature).to_owned()).chain(at_stripe).collect()
}

/// The subscription that decides: the best that gives access, else the one heard of last.
pub(super) fn deciding(rules: Rules, subscriptions: &[Record], now: i64) -> Option<&Record> {
    let rank = |record: &&Record| match rules.bug {
        // "A customer has one subscription."
        Some(Bug::IdMultiSubClobber) => (true, Plan::Free, record.written),
        _ if grants(rules, record, now) => (true, record.plan, record.written),
        _ => (false, Plan::Free, record.written),
    };
    subscriptions.iter().max_by_key(rank)
}

/// Whether a subscription gives access to its plan now, in seconds since 1970.
fn grants(Rules { policy, bug }: Rules, record: &Record, now: i64) -> bool {
    let by_status = match record.status.as_str() {
        "active" => true,
        // Nobody has paid yet, so a trial ends on its day, also where Stripe's word of that was lost.
        "trialing" => {
            bug == Some(Bug::MapTrialNeverEnds) || record.renews_at.is_none_or(|end| now < end + TRIAL_GRACE)
        }
        // Grace: Stripe is still trying to collect, and most of these customers pay in the end.
        "past_due" => policy.past_due_keeps_access && bug != Some(Bug::MapPastdueRevokesAtOnce),
        "incomplete" => bug == Some(Bug::MapIncompleteGrants),
        "incomplete_expired" => bug == Some(Bug::MapIncompleteExpired),
        "unpaid" => bug == Some(Bug::MapUnpaidKeeps),
        // canceled, paused, and whatever Stripe may add.
        _ => false,
    };
    let paused = record.paused && !policy.pausing_keeps_access && bug != Some(Bug::MapPauseCollection);
    let cut_short = bug == Some(Bug::MapCancelEarly) && record.ending;
    let expired = bug == Some(Bug::MapRenewalTtl) && now >= record.bought + LIFETIME;
    by_status && !paused && !cut_short && !expired && record.plan != Plan::Free
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_764_000_000;

    fn by(bug: Option<Bug>) -> Rules {
        Rules { bug, ..Rules::default() }
    }

    fn record(id: &str, status: &str, plan: Plan, written: i64) -> Record {
        Record {
            id: id.to_owned(),
            status: status.to_owned(),
            plan,
            written,
            bought: NOW,
            ..Record::default()
        }
    }

    #[rstest::rstest]
    #[case("active", true, None)]
    #[case("trialing", true, None)]
    #[case("past_due", true, Some(Bug::MapPastdueRevokesAtOnce))]
    #[case("incomplete", false, Some(Bug::MapIncompleteGrants))]
    #[case("incomplete_expired", false, Some(Bug::MapIncompleteExpired))]
    #[case("unpaid", false, Some(Bug::MapUnpaidKeeps))]
    #[case("canceled", false, None)]
    #[case("paused", false, None)]
    #[case("a_status_of_2031", false, None)]
    fn a_status_gives_access_or_not(
        #[case] status: &str,
        #[case] expected: bool,
        #[case] wrong_with: Option<Bug>,
    ) {
        let record = record("sub_1", status, Plan::Pro, 1);
        assert_eq!(grants(by(None), &record, NOW), expected);
        for bug in Bug::ALL.iter().filter(|bug| **bug != Bug::MapCancelEarly) {
            assert_eq!(
                grants(by(Some(*bug)), &record, NOW) != expected,
                wrong_with == Some(*bug),
                "{bug} on {status}"
            );
        }
    }

    #[rstest::rstest]
    #[case::on_its_last_day(0, None, true)]
    #[case::for_a_late_event(TRIAL_GRACE - 1, None, true)]
    #[case::over(TRIAL_GRACE, None, false)]
    #[case::never(TRIAL_GRACE, Some(Bug::MapTrialNeverEnds), true)]
    fn a_trial_ends_on_its_day(#[case] after: i64, #[case] bug: Option<Bug>, #[case] expected: bool) {
        let trial = Record { renews_at: Some(NOW), ..record("sub_1", "trialing", Plan::Pro, 1) };
        assert_eq!(grants(by(bug), &trial, NOW + after), expected);
    }

    #[rstest::rstest]
    #[case(None, true)]
    #[case(Some(Bug::MapRenewalTtl), false)]
    fn who_renews_keeps_access(#[case] bug: Option<Bug>, #[case] expected: bool) {
        assert_eq!(grants(by(bug), &record("sub_1", "active", Plan::Pro, 1), NOW + LIFETIME), expected);
    }

    #[rstest::rstest]
    #[case(None, "paid")]
    #[case(Some(Bug::IdMultiSubClobber), "old")]
    fn the_paid_subscription_decides_not_the_last_heard_of(#[case] bug: Option<Bug>, #[case] expected: &str) {
        let both = [record("paid", "active", Plan::Pro, 1), record("old", "canceled", Plan::Basic, 2)];
        assert_eq!(deciding(by(bug), &both, NOW).map(|record| record.id.as_str()), Some(expected));
    }

    #[test]
    fn of_two_paid_ones_the_better_plan_decides() {
        let both = [record("team", "past_due", Plan::Team, 1), record("basic", "active", Plan::Basic, 2)];
        assert_eq!(Entitlement::of(by(None), &both, 0, Vec::new(), NOW).plan, Plan::Team);
    }

    #[test]
    fn what_ended_gives_nothing_but_is_still_told() {
        let canceled = [record("sub_1", "canceled", Plan::Team, 1)];
        let over = Entitlement::of(by(None), &canceled, 100, vec!["scim".to_owned()], NOW);
        assert_eq!((over.plan, over.active, over.seats, over.credits), (Plan::Free, false, 0, 100));
        assert_eq!((over.status.as_str(), over.features.len()), ("canceled", 0));
    }

    #[rstest::rstest]
    #[case(Plan::Free, &[])]
    #[case(Plan::Pro, &["exports", "sso", "scim"])]
    #[case(Plan::Everything, &["sso", "scim"])]
    fn features_of_plan_and_stripe_are_one_list(#[case] plan: Plan, #[case] expected: &[&str]) {
        assert_eq!(features(plan, vec!["sso".to_owned(), "scim".to_owned()]), expected);
    }

    #[rstest::rstest]
    #[case(None, true)]
    #[case(Some(Bug::MapCancelEarly), false)]
    fn who_cancels_keeps_what_is_paid(#[case] bug: Option<Bug>, #[case] expected: bool) {
        let ending = Record { ending: true, ..record("sub_1", "active", Plan::Pro, 1) };
        assert_eq!(grants(by(bug), &ending, NOW), expected);
    }

    #[rstest::rstest]
    #[case(None, false)]
    #[case(Some(Bug::MapPauseCollection), true)]
    fn who_pauses_does_not_pay(#[case] bug: Option<Bug>, #[case] expected: bool) {
        let paused = Record { paused: true, ..record("sub_1", "active", Plan::Pro, 1) };
        assert_eq!(grants(by(bug), &paused, NOW), expected);
    }

    #[test]
    fn the_company_may_choose_otherwise() {
        let policy = Policy { past_due_keeps_access: false, pausing_keeps_access: true, ..Policy::default() };
        let rules = Rules { policy, bug: None };
        let paused = Record { paused: true, ..record("sub_1", "active", Plan::Pro, 1) };
        assert!(grants(rules, &paused, NOW));
        assert!(!grants(rules, &record("sub_1", "past_due", Plan::Pro, 1), NOW));
    }
}
