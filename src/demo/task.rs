//! From the type of an event to what has to be written because of it.

use serde_json::Value;

use super::App;
use super::apply::{Change, MailKind};
use super::bug::Bug;
use super::checkout;
use super::event::{Event, reference, text};
use super::handle::HandleError;
use super::store::User;
use super::subscription;

/// What an event asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Task {
    SyncSubscription,
    FulfilCheckout,
    InvoicePaid,
    InvoiceFailed,
    TakeBack,
    CloseCustomer,
}

impl Task {
    /// The task for a type of event, if the app cares about it.
    pub(super) fn of(bug: Option<Bug>, kind: &str) -> Option<Self> {
        match kind {
            "customer.subscription.created" if bug == Some(Bug::IdZeroPaymentCreatedOnly) => None,
            "customer.subscription.created"
            | "customer.subscription.updated"
            | "customer.subscription.deleted"
            | "customer.subscription.paused"
            | "customer.subscription.resumed" => Some(Self::SyncSubscription),
            "checkout.session.completed" | "checkout.session.async_payment_succeeded" => {
                Some(Self::FulfilCheckout)
            }
            // Two types for one fact; the invoice's id is what makes the receipt one.
            "invoice.paid" | "invoice.payment_succeeded" => Some(Self::InvoicePaid),
            "invoice.payment_failed" => Some(Self::InvoiceFailed),
            "charge.refunded" => Some(Self::TakeBack),
            "customer.deleted" => Some(Self::CloseCustomer),
            _ => None,
        }
    }

    /// The customer it is about.
    pub(super) fn customer(self, event: &Event) -> Option<String> {
        match self {
            Self::CloseCustomer => text(&event.object, "id"),
            _ => reference(&event.object, "/customer"),
        }
    }

    /// What to write. Everything that has to be asked of Stripe is asked here, before the database is locked.
    pub(super) async fn changes(
        self,
        app: &App,
        user: &User,
        event: &Event,
    ) -> Result<Vec<Change>, HandleError> {
        match self {
            Self::SyncSubscription => subscription::changed(app, user, event).await,
            Self::FulfilCheckout => checkout::completed(app, user, event).await,
            Self::InvoicePaid => invoice_paid(app, user, event).await,
            Self::InvoiceFailed => invoice_failed(app, user, event).await,
            Self::TakeBack => refunded(event),
            Self::CloseCustomer => Ok(vec![Change::CustomerGone]),
        }
    }
}

async fn invoice_paid(app: &App, user: &User, event: &Event) -> Result<Vec<Change>, HandleError> {
    let id = text(&event.object, "id").ok_or(HandleError::Lacks("data.object.id"))?;
    let mut changes = subscription_of(app, user, event).await?;
    // What was paid for an invoice that is paid does not change any more: the event may be believed.
    let paid = event.object.get("amount_paid").and_then(Value::as_i64).unwrap_or(0);
    if paid > 0 || app.has(Bug::MoneyZeroTrialMail) {
        let fact = format!("receipt:{id}");
        changes.push(Change::Mail { fact, kind: MailKind::Receipt, subject: "Your receipt".to_owned() });
    }
    Ok(changes)
}

async fn invoice_failed(app: &App, user: &User, event: &Event) -> Result<Vec<Change>, HandleError> {
    let id = text(&event.object, "id").ok_or(HandleError::Lacks("data.object.id"))?;
    let mut changes = subscription_of(app, user, event).await?;
    if !app.has(Bug::OutDunningMissing) {
        let attempt = event.object.get("attempt_count").and_then(Value::as_i64).unwrap_or(1);
        changes.push(Change::Mail {
            fact: format!("dunning:{id}:{attempt}"),
            kind: MailKind::Dunning,
            subject: "Your payment was declined: please check your card".to_owned(),
        });
    }
    Ok(changes)
}

/// The subscription an invoice is for, read back; nothing for an invoice without one.
async fn subscription_of(app: &App, user: &User, event: &Event) -> Result<Vec<Change>, HandleError> {
    // Below `parent` since 2025-03-31.basil.
    let id = reference(&event.object, "/parent/subscription_details/subscription")
        .or_else(|| reference(&event.object, "/subscription"));
    match id {
        Some(id) if !subscription::trusts_payload(app) => {
            subscription::read_back(app, user, event.created, &id).await
        }
        _ => Ok(Vec::new()),
    }
}

/// Credits whose payment was given back are taken back in proportion.
fn refunded(event: &Event) -> Result<Vec<Change>, HandleError> {
    let number = |field| event.object.get(field).and_then(Value::as_i64).ok_or(HandleError::Lacks(field));
    let Some(payment) = reference(&event.object, "/payment_intent") else { return Ok(Vec::new()) };
    Ok(vec![Change::Refunded { payment, refunded: number("amount_refunded")?, total: number("amount")? }])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("invoice.created")]
    #[case("customer.created")]
    #[case("customer.subscription.trial_will_end")]
    #[case("payout.paid")]
    #[case("")]
    fn other_types_are_left_alone(#[case] kind: &str) {
        assert_eq!(Task::of(None, kind), None);
    }
}
