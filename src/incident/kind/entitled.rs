//! Whether provider truth says that the customer has paid.

use serde_json::Value;

use crate::run_event::CaseRecord;

/// Whether the customer is entitled to something, by provider truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entitled {
    /// The subscription is active or trialing, or the checkout is paid.
    Yes,
    /// It ended, never started, or the money went back.
    No,
    /// Past due is the business's choice, and some stories have neither.
    NotTold,
}

impl Entitled {
    /// By provider truth at the end of the case. Statuses: <https://docs.stripe.com/api/subscriptions/object#subscription_object-status>,
    /// payment statuses: <https://docs.stripe.com/api/checkout/sessions/object#checkout_session_object-payment_status>.
    pub(super) fn of(record: &CaseRecord) -> Self {
        match word(record, "/subscription/status") {
            Some("active" | "trialing") => Self::Yes,
            Some("canceled" | "unpaid" | "incomplete" | "incomplete_expired" | "paused") => Self::No,
            Some(_) => Self::NotTold,
            None => of_checkout(record),
        }
    }
}

fn of_checkout(record: &CaseRecord) -> Entitled {
    // A session stays `paid` when its money goes back.
    if record.acts.iter().any(|act| act.action == "refund") {
        return Entitled::No;
    }
    match word(record, "/checkout/payment_status") {
        Some("paid" | "no_payment_required") => Entitled::Yes,
        Some("unpaid") => Entitled::No,
        _ => Entitled::NotTold,
    }
}

fn word<'a>(record: &'a CaseRecord, pointer: &str) -> Option<&'a str> {
    let (object, field) = pointer.strip_prefix('/')?.split_once('/')?;
    record.truth.get(object)?.get(field).and_then(Value::as_str)
}
