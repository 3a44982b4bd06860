//! What the customer suffers, decided from the findings and from provider truth.

mod direction;
mod entitled;

use std::fmt;

use self::direction::Direction;
use self::entitled::Entitled;
use super::{findings, forgery};
use crate::run_event::{CaseRecord, Judged, JudgedKind, Verdict};

/// What the customer suffers.
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
pub enum IncidentKind {
    /// The app took an event whose signature is broken: anybody can send one.
    ForgeryAccepted,
    /// An event was not accepted, to the end of Stripe's retries.
    DeliveryRefused,
    /// The customer has less than what was paid for and promised.
    PaidWithoutAccess,
    /// The customer, or a bystander, has more.
    AccessWithoutPayment,
    /// A promised message was not sent.
    NotificationMissing,
    /// The app's record is not what Stripe says, or something changed that nothing asked for.
    StateDisagrees,
    /// The app asks Stripe for something with a parameter that Stripe's API does not have so.
    ParameterRefused,
    /// It could not be told.
    CouldNotJudge,
}

impl IncidentKind {
    /// The kind of a case that failed or could not be judged: the gravest of its findings, in the order above.
    ///
    /// Two plans cannot be ordered by name, so where only a plan differs provider truth decides: for a customer
    /// whose subscription is active or trialing (or whose checkout is paid) it is paid-without-access.
    #[must_use]
    pub fn of(record: &CaseRecord) -> Self {
        if forgery::taken(&findings::of(record), &record.deliveries).is_some() {
            return Self::ForgeryAccepted;
        }
        record
            .judged
            .iter()
            .filter(|judged| judged.verdict == Verdict::Failed)
            .map(|judged| of_finding(record, judged))
            .min()
            .unwrap_or(Self::CouldNotJudge)
    }

    /// As it is spelled in files and filters.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ForgeryAccepted => "forgery-accepted",
            Self::DeliveryRefused => "delivery-refused",
            Self::PaidWithoutAccess => "paid-without-access",
            Self::AccessWithoutPayment => "access-without-payment",
            Self::NotificationMissing => "notification-missing",
            Self::StateDisagrees => "state-disagrees",
            Self::ParameterRefused => "parameter-refused",
            Self::CouldNotJudge => "could-not-judge",
        }
    }

    /// What the customer suffers, as a sentence for somebody who was just woken.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::ForgeryAccepted => "The app took an event that Stripe did not sign.",
            Self::DeliveryRefused => "The app never accepted an event from Stripe.",
            Self::PaidWithoutAccess => "A customer does not have what they paid for.",
            Self::AccessWithoutPayment => "Somebody has more than they paid for.",
            Self::NotificationMissing => "A customer was not sent what was promised.",
            Self::StateDisagrees => "The app's record is not what Stripe says.",
            Self::ParameterRefused => "The app asks Stripe for what its API does not have.",
            Self::CouldNotJudge => "It could not be told whether a customer got what was promised.",
        }
    }
}

impl fmt::Display for IncidentKind {
    /// In words: `paid without access`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.as_str().replace('-', " "))
    }
}

fn of_finding(record: &CaseRecord, judged: &Judged) -> IncidentKind {
    let direction = Direction::of(&judged.expected, &judged.observed);
    match judged.kind {
        JudgedKind::DeliveryRefused => IncidentKind::DeliveryRefused,
        JudgedKind::Delivery if was_refused(record, judged) => IncidentKind::DeliveryRefused,
        // It accepted what it had to refuse.
        JudgedKind::Delivery | JudgedKind::Reconcile => IncidentKind::StateDisagrees,
        JudgedKind::Parameter => IncidentKind::ParameterRefused,
        _ if is_notification(record, judged) => match direction {
            Direction::More => IncidentKind::StateDisagrees,
            Direction::Less | Direction::Other => IncidentKind::NotificationMissing,
        },
        JudgedKind::Then | JudgedKind::Either if is_billing_record(record, &judged.probe) => {
            IncidentKind::StateDisagrees
        }
        JudgedKind::Then | JudgedKind::Either => of_access(direction, Entitled::of(record)),
        // Provider truth is that of the story's customer and says nothing of before and after.
        JudgedKind::Unchanged | JudgedKind::Bystander => of_access(direction, Entitled::NotTold),
    }
}

fn of_access(direction: Direction, entitled: Entitled) -> IncidentKind {
    match (direction, entitled) {
        (Direction::Less, _) | (Direction::Other, Entitled::Yes) => IncidentKind::PaidWithoutAccess,
        (Direction::More, _) | (Direction::Other, Entitled::No) => IncidentKind::AccessWithoutPayment,
        (Direction::Other, Entitled::NotTold) => IncidentKind::StateDisagrees,
    }
}

fn was_refused(record: &CaseRecord, judged: &Judged) -> bool {
    record
        .deliveries
        .iter()
        .filter(|(delivery, _)| judged.step.is_none() || delivery.step == judged.step)
        .any(|(_, attempts)| attempts.last().is_some_and(|last| !last.outcome.is_accepted()))
}

/// Probes that count messages (mail, sink) read a field `messages`.
fn is_notification(record: &CaseRecord, judged: &Judged) -> bool {
    judged.field == "messages"
        || record
            .observations
            .iter()
            .filter(|seen| seen.probe == judged.probe)
            .any(|seen| seen.reading.fields.as_ref().is_ok_and(|fields| fields.contains_key("messages")))
}

/// A probe that `[reconcile]` names reads the app's own record, not what the customer may use.
fn is_billing_record(record: &CaseRecord, probe: &str) -> bool {
    record.judged.iter().any(|judged| judged.kind == JudgedKind::Reconcile && judged.probe == probe)
}

#[cfg(test)]
mod tests;
