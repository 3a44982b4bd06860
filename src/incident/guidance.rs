//! What to do, derived from what was observed: who will try again, whether a person may, and the way out.

use serde_json::Value;

use super::derive::EventOrigin;
use super::forgery;
use super::idempotency::Idempotency;
use super::kind::IncidentKind;
use super::model::Incident;
use crate::run_event::{AttemptOutcome, AttemptRecord, EventRef, JudgedKind};
use crate::scenario::model::SignatureMode;

/// What to do, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guidance {
    /// Who will send the event again without being asked.
    pub who_retries: WhoRetries,
    /// Whether sending the event again does harm.
    pub idempotency: Idempotency,
    /// The way out.
    pub route: Route,
    /// In this order.
    pub actions: Vec<Action>,
    /// What to write to the customer, where that is the way out.
    pub draft: Option<String>,
}

/// Who will send the event again without being asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WhoRetries {
    /// Nobody: it was accepted, and Stripe never sends an accepted event again.
    NobodyAccepted {
        /// The status it was answered with.
        status: u16,
    },
    /// Stripe, for up to three days in live mode (<https://docs.stripe.com/webhooks#retries>).
    Stripe {
        /// How often it has tried.
        attempts: u32,
        /// The last answer.
        last: String,
    },
    /// Nobody: it was refused until Stripe gave up.
    NobodyGaveUp {
        /// How often it tried.
        attempts: u32,
        /// The last answer.
        last: String,
    },
    /// Nobody: nothing was sent.
    NobodyNothingSent,
    /// Anybody who wants to: Stripe never sent it.
    Anybody,
}

impl WhoRetries {
    /// Whether somebody will.
    #[must_use]
    pub fn will_retry(&self) -> bool {
        matches!(self, Self::Stripe { .. })
    }

    /// One sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Self::NobodyAccepted { status } => format!(
                "Nobody: the app answered {status}, so Stripe counts the event as delivered and never sends it again."
            ),
            Self::Stripe { attempts, last } => format!(
                "Stripe, for up to three days in live mode: {} so far, the last one {last}.",
                times(*attempts)
            ),
            Self::NobodyGaveUp { attempts, last } => format!(
                "Nobody: {}, the last one {last}, and Stripe's three days are used up.",
                times(*attempts)
            ),
            Self::NobodyNothingSent => "Nobody: no event of this story was sent.".to_owned(),
            Self::Anybody => {
                "Anybody who can send such a request, as often as they like: it does not come from \
                              Stripe, and the app took it."
                    .to_owned()
            }
        }
    }
}

/// The way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Route {
    /// Let the app refuse what is not Stripe's; nothing that is sent again helps.
    VerifySignatures,
    /// Set what the app grants from provider truth.
    ReconcileAccess,
    /// Send the same event again.
    RerunIdempotently,
    /// Tell the customer.
    ContactCustomer,
    /// Let the app ask Stripe for what Stripe has.
    RepairCall,
    /// Make it readable first: nothing is known of the customer yet.
    JudgeAgain,
}

impl Route {
    /// In words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::VerifySignatures => "verify signatures",
            Self::ReconcileAccess => "reconcile access",
            Self::RerunIdempotently => "rerun idempotently",
            Self::ContactCustomer => "contact the customer",
            Self::RepairCall => "repair the call",
            Self::JudgeAgain => "judge again",
        }
    }
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// What.
    pub what: String,
    /// Because of which evidence.
    pub why: String,
    /// What to type; `None` where the app's own tools are needed.
    pub command: Option<String>,
}

impl Guidance {
    /// One sentence on whether the event may be sent again.
    #[must_use]
    pub fn may_send_again(&self, event: Option<&EventRef>) -> String {
        if self.route == Route::VerifySignatures {
            return "No: sending it again is no remedy. The app must refuse it.".to_owned();
        }
        may_rerun(&self.idempotency, event)
    }
}

/// What the answers to an event's deliveries say about who tries again; `incident` is complete but for it.
pub(super) fn who_retries(incident: &Incident) -> WhoRetries {
    let Incident { event, deliveries, findings, kind, .. } = incident;
    if *kind == IncidentKind::ForgeryAccepted {
        return WhoRetries::Anybody;
    }
    let attempts: Vec<&AttemptRecord> = deliveries
        .iter()
        .filter(|(delivery, _)| event.as_ref().is_some_and(|event| event.id == delivery.event.id))
        .flat_map(|(_, attempts)| attempts)
        .collect();
    if let Some(status) = attempts.iter().find_map(|attempt| accepted(&attempt.outcome)) {
        return WhoRetries::NobodyAccepted { status };
    }
    let Some(last) = attempts.last() else {
        return WhoRetries::NobodyNothingSent;
    };
    let last = answer(&last.outcome);
    let attempts = u32::try_from(attempts.len()).unwrap_or(u32::MAX);
    if findings.iter().any(|finding| finding.kind == Some(JudgedKind::DeliveryRefused)) {
        WhoRetries::NobodyGaveUp { attempts, last }
    } else {
        WhoRetries::Stripe { attempts, last }
    }
}

/// How an attempt ended, in few words.
pub(crate) fn answer(outcome: &AttemptOutcome) -> String {
    match outcome {
        AttemptOutcome::Answered { status, .. } => format!("answered {status}"),
        AttemptOutcome::Refused => "connection refused".to_owned(),
        AttemptOutcome::TimedOut => "not answered in time".to_owned(),
        AttemptOutcome::Reset => "connection broken".to_owned(),
    }
}

fn may_rerun(idempotency: &Idempotency, event: Option<&EventRef>) -> String {
    let kind = event.map_or("the event", |event| &event.kind);
    match idempotency {
        Idempotency::Proven { by } => {
            format!("Safe: `{by}` passed although {kind} was delivered and accepted twice.")
        }
        Idempotency::Unproven => {
            format!("Not shown to be safe: no passed case of this run delivered {kind} twice.")
        }
        Idempotency::Disproven { by } => {
            format!("Unsafe: `{by}` went wrong after {kind} was delivered and accepted twice.")
        }
    }
}

/// The whole guidance; `incident` is complete but for it.
pub(super) fn guidance(
    incident: &Incident,
    who_retries: WhoRetries,
    idempotency: Idempotency,
    origin: EventOrigin,
) -> Guidance {
    let route = route(incident.kind, &who_retries, &idempotency);
    let way_out = match route {
        Route::VerifySignatures => verify_signatures(incident),
        Route::ReconcileAccess => reconcile(incident, &who_retries, &idempotency, origin),
        Route::RerunIdempotently => send_again(incident, &who_retries, &idempotency, origin),
        Route::ContactCustomer => contact(incident),
        Route::RepairCall => repair_call(incident),
        Route::JudgeAgain => make_readable(incident),
    };
    let actions = match origin {
        EventOrigin::Double if matches!(route, Route::JudgeAgain | Route::RepairCall) => vec![way_out],
        EventOrigin::Double if route == Route::VerifySignatures => vec![way_out, reproduce(incident)],
        EventOrigin::Double => vec![reproduce(incident), way_out],
        EventOrigin::Stripe => vec![way_out],
    };
    let draft = (route == Route::ContactCustomer).then(|| draft(incident));
    Guidance { who_retries, idempotency, route, actions, draft }
}

fn route(kind: IncidentKind, who: &WhoRetries, idempotency: &Idempotency) -> Route {
    let safe = matches!(idempotency, Idempotency::Proven { .. });
    let unsafe_ = matches!(idempotency, Idempotency::Disproven { .. });
    match kind {
        IncidentKind::ForgeryAccepted => Route::VerifySignatures,
        IncidentKind::CouldNotJudge => Route::JudgeAgain,
        IncidentKind::NotificationMissing => Route::ContactCustomer,
        IncidentKind::ParameterRefused => Route::RepairCall,
        // The handler may have acted in part, but an event that was never accepted is owed to it.
        IncidentKind::DeliveryRefused if !unsafe_ => Route::RerunIdempotently,
        IncidentKind::PaidWithoutAccess if safe || (who.will_retry() && !unsafe_) => Route::RerunIdempotently,
        // Sending again what gave too much cannot take it back, and a record that differs is set, not replayed.
        IncidentKind::DeliveryRefused
        | IncidentKind::PaidWithoutAccess
        | IncidentKind::AccessWithoutPayment
        | IncidentKind::StateDisagrees => Route::ReconcileAccess,
    }
}

fn reproduce(incident: &Incident) -> Action {
    Action {
        what: "Repair the handler; this runs the one case again, with the same ids.".to_owned(),
        why: "The customer was minted for this case, so nobody real is harmed.".to_owned(),
        command: Some(incident.rerun.clone()),
    }
}

/// Handlers that check are told how: <https://docs.stripe.com/webhooks#verify-official-libraries>, and five minutes are
/// the tolerance of Stripe's libraries: <https://docs.stripe.com/webhooks#replay-attacks>.
fn verify_signatures(incident: &Incident) -> Action {
    let taken = forgery::taken(&incident.findings, &incident.deliveries);
    let stale = taken.is_some_and(|(delivery, _)| delivery.signature == SignatureMode::Stale);
    let what = if stale {
        "Refuse a `Stripe-Signature` whose time is more than five minutes ago, as Stripe's libraries do."
    } else {
        "Check the `Stripe-Signature` of every delivery with the endpoint's secret, over the body as it was \
         received, before anything else; answer 400 where it does not fit."
    };
    let harm = if stale {
        "whoever has recorded a delivery can repeat it"
    } else {
        "whoever knows the endpoint's address can give themselves what they did not pay for"
    };
    let why = taken.map_or_else(String::new, |(delivery, attempts)| {
        let how = delivery.changes.join(", ");
        let said = attempts.last().map_or("never answered".to_owned(), |last| answer(&last.outcome));
        let refused = !attempts.iter().any(|attempt| attempt.outcome.is_accepted());
        let yet = if refused { ", and yet something changed" } else { "" };
        format!("#{} {} ({how}) was {said}{yet}: {harm}.", delivery.number, delivery.event.kind)
    });
    Action { what: what.to_owned(), why, command: None }
}

fn reconcile(
    incident: &Incident,
    who: &WhoRetries,
    idempotency: &Idempotency,
    origin: EventOrigin,
) -> Action {
    let id = incident.subscription.id.as_deref();
    let why = match incident.kind {
        IncidentKind::AccessWithoutPayment => {
            "Sending the event again cannot take back what was given.".to_owned()
        }
        IncidentKind::StateDisagrees => "Stripe's state is the one that is billed.".to_owned(),
        _ => not_again(who, idempotency),
    };
    Action {
        what: bystander(incident).unwrap_or_else(|| {
            format!("Set what the app grants {} from Stripe: {}.", incident.customer.id, truth(incident))
        }),
        why,
        command: id
            .filter(|_| origin == EventOrigin::Stripe)
            .map(|id| format!("stripe subscriptions retrieve {id}")),
    }
}

/// Provider truth in a few words.
fn truth(incident: &Incident) -> String {
    match (&incident.subscription.id, &incident.subscription.provider) {
        (Some(id), Some(status)) => {
            let plan =
                incident.plan.provider.as_ref().map_or(String::new(), |plan| format!(" on {}", bare(plan)));
            format!("subscription {id} is {}{plan}", bare(status))
        }
        _ => "the customer has no subscription there".to_owned(),
    }
}

/// Where only somebody else was harmed: what they had.
fn bystander(incident: &Incident) -> Option<String> {
    let finding = incident.findings.first()?;
    let only = incident.findings.iter().all(|finding| finding.kind == Some(JudgedKind::Bystander));
    only.then(|| {
        format!("Give the bystander back what they had: `{}` was {}.", finding.name, finding.expected)
    })
}

/// Why the event is not simply sent again.
fn not_again(who: &WhoRetries, idempotency: &Idempotency) -> String {
    let retries = if who.will_retry() { "Stripe will try again" } else { "Nobody sends the event again" };
    match idempotency {
        Idempotency::Disproven { by } => {
            format!("{retries}, but `{by}` shows that a second delivery does harm.")
        }
        Idempotency::Proven { .. } | Idempotency::Unproven => {
            format!("{retries}, and a second delivery is not shown to be harmless.")
        }
    }
}

fn send_again(
    incident: &Incident,
    who: &WhoRetries,
    idempotency: &Idempotency,
    origin: EventOrigin,
) -> Action {
    let event = incident.event.as_ref().map_or("the event", |event| &event.id);
    let accepted = matches!(who, WhoRetries::NobodyAccepted { .. });
    let why = match idempotency {
        Idempotency::Proven { by } => format!("`{by}` shows that a second delivery does no harm."),
        _ if accepted => {
            "A second delivery is not shown to be harmless: look for half-done work first.".into()
        }
        _ => "It was never accepted; what the handler did before it failed may be half done.".into(),
    };
    match origin {
        EventOrigin::Stripe => Action {
            what: format!("Send {event} again as soon as the handler is repaired."),
            why,
            command: Some(format!("stripe events resend {event}")),
        },
        EventOrigin::Double => Action {
            what: format!(
                "For a real customer: resend the event ({event} here) once the handler is repaired."
            ),
            why,
            command: None,
        },
    }
}

fn contact(incident: &Incident) -> Action {
    Action {
        what: format!("Write to {}: the promised message was not sent.", incident.customer.email),
        why: incident.findings.first().map_or_else(String::new, |finding| {
            format!(
                "`{}` was expected to be {}, and was {}.",
                finding.name, finding.expected, finding.observed
            )
        }),
        command: None,
    }
}

fn repair_call(incident: &Incident) -> Action {
    let refused = incident.findings.iter().filter(|finding| finding.kind == Some(JudgedKind::Parameter));
    let told: Vec<String> =
        refused.map(|finding| format!("{} ({})", finding.name, finding.observed)).collect();
    Action {
        what: format!("Repair what the app sends to Stripe: {}.", told.join("; ")),
        why: "Stripe refuses such a call with 400, and nothing of it happens there.".to_owned(),
        command: Some(incident.rerun.clone()),
    }
}

fn make_readable(incident: &Incident) -> Action {
    let problem = incident.reason.as_ref().or(incident.findings.first());
    Action {
        what: "Clear what kept it from being judged, then run the case again.".to_owned(),
        why: problem.map_or_else(
            || "It could not be told whether the customer has what was promised.".to_owned(),
            |finding| {
                format!(
                    "{}: {}",
                    if finding.name.is_empty() { "The case" } else { &finding.name },
                    finding.observed
                )
            },
        ),
        command: Some(incident.rerun.clone()),
    }
}

fn draft(incident: &Incident) -> String {
    format!(
        "Hello,\n\nyour payment reached us, but a message that belongs to it was not sent to you. \
         What we promised: {}\nYou do not need to pay again. We are putting it right and are sorry for the \
         trouble.\n",
        incident.promise
    )
}

fn accepted(outcome: &AttemptOutcome) -> Option<u16> {
    match outcome {
        AttemptOutcome::Answered { status, .. } if outcome.is_accepted() => Some(*status),
        _ => None,
    }
}

fn times(attempts: u32) -> String {
    if attempts == 1 { "1 attempt".to_owned() } else { format!("{attempts} attempts") }
}

/// A string without its quotes.
fn bare(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn accepted() -> WhoRetries {
        WhoRetries::NobodyAccepted { status: 200 }
    }
    fn stripe() -> WhoRetries {
        WhoRetries::Stripe { attempts: 2, last: "answered 500".into() }
    }
    fn proven() -> Idempotency {
        Idempotency::Proven { by: "twice".into() }
    }
    fn disproven() -> Idempotency {
        Idempotency::Disproven { by: "twice".into() }
    }

    #[rstest]
    #[case(IncidentKind::PaidWithoutAccess, accepted(), Idempotency::Unproven, Route::ReconcileAccess)]
    #[case(IncidentKind::PaidWithoutAccess, accepted(), proven(), Route::RerunIdempotently)]
    #[case(IncidentKind::PaidWithoutAccess, stripe(), Idempotency::Unproven, Route::RerunIdempotently)]
    #[case(IncidentKind::PaidWithoutAccess, stripe(), disproven(), Route::ReconcileAccess)]
    #[case(IncidentKind::AccessWithoutPayment, accepted(), proven(), Route::ReconcileAccess)]
    #[case(IncidentKind::DeliveryRefused, stripe(), Idempotency::Unproven, Route::RerunIdempotently)]
    #[case(IncidentKind::DeliveryRefused, stripe(), disproven(), Route::ReconcileAccess)]
    #[case(IncidentKind::StateDisagrees, accepted(), proven(), Route::ReconcileAccess)]
    #[case(IncidentKind::NotificationMissing, accepted(), proven(), Route::ContactCustomer)]
    #[case(IncidentKind::CouldNotJudge, accepted(), proven(), Route::JudgeAgain)]
    #[case(IncidentKind::ForgeryAccepted, accepted(), proven(), Route::VerifySignatures)]
    #[case(IncidentKind::ParameterRefused, accepted(), proven(), Route::RepairCall)]
    fn the_route_follows_from_evidence(
        #[case] kind: IncidentKind,
        #[case] who: WhoRetries,
        #[case] idempotency: Idempotency,
        #[case] expected: Route,
    ) {
        assert_eq!(route(kind, &who, &idempotency), expected);
    }
}
