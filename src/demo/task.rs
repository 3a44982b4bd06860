//! From the type of an event to what has to be written because of it.

use super::App;
use super::apply::Change;
use super::bug::Bug;
use super::event::{Event, reference, text};
use super::handle::HandleError;
use super::store::User;
use super::{checkout, clawback, invoice, stripe_entitlement, subscription};

/// What an event asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Task {
    SyncSubscription,
    FulfilCheckout,
    InvoicePaid,
    InvoiceFailed,
    InvoiceNeedsAction,
    SyncFeatures,
    TakeBack,
    CloseCustomer,
}

impl Task {
    /// The task for a type of event, if the app cares about it.
    pub(super) fn of(bug: Option<Bug>, kind: &str) -> Option<Self> {
        if bug.is_some_and(|bug| is_deaf(bug, kind)) { None } else { Self::of_type(kind) }
    }

    fn of_type(kind: &str) -> Option<Self> {
        match kind {
            "customer.subscription.created"
            | "customer.subscription.updated"
            | "customer.subscription.deleted"
            | "customer.subscription.paused"
            | "customer.subscription.resumed" => Some(Self::SyncSubscription),
            "checkout.session.completed" | "checkout.session.async_payment_succeeded" => {
                Some(Self::FulfilCheckout)
            }
            "invoice.paid" | "invoice.payment_succeeded" => Some(Self::InvoicePaid),
            "invoice.payment_failed" => Some(Self::InvoiceFailed),
            "invoice.payment_action_required" => Some(Self::InvoiceNeedsAction),
            "entitlements.active_entitlement_summary.updated" => Some(Self::SyncFeatures),
            // A refund has two names, an older and a newer one, and so has what becomes of it.
            "charge.refunded"
            | "charge.refund.updated"
            | "refund.created"
            | "refund.updated"
            | "refund.failed"
            | "charge.dispute.created"
            | "charge.dispute.funds_withdrawn"
            | "charge.dispute.funds_reinstated"
            | "charge.dispute.closed" => Some(Self::TakeBack),
            "customer.deleted" => Some(Self::CloseCustomer),
            _ => None,
        }
    }

    /// The customer it is about.
    pub(super) async fn customer(self, app: &App, event: &Event) -> Result<Option<String>, HandleError> {
        match self {
            Self::CloseCustomer => Ok(text(&event.object, "id")),
            Self::TakeBack => clawback::customer(app, event).await,
            _ => Ok(reference(&event.object, "/customer")),
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
            Self::InvoicePaid => invoice::paid(app, user, event).await,
            Self::InvoiceFailed => invoice::failed(app, user, event).await,
            Self::InvoiceNeedsAction => invoice::needs_action(app, user, event).await,
            Self::SyncFeatures => stripe_entitlement::changed(app, user, event).await,
            Self::TakeBack => clawback::changes(app, event).await,
            Self::CloseCustomer => Ok(vec![Change::CustomerGone]),
        }
    }
}

/// Whether an app with this bug does not listen to a type.
fn is_deaf(bug: Bug, kind: &str) -> bool {
    match bug {
        Bug::IdZeroPaymentCreatedOnly => kind == "customer.subscription.created",
        Bug::ShapeRefundEventRenamed => kind.starts_with("refund."),
        Bug::MoneyRefundNoClawback => Task::of_type(kind) == Some(Task::TakeBack),
        Bug::MoneyAsyncForgotten => kind == "checkout.session.async_payment_succeeded",
        Bug::MoneyScaRenewal => kind == "invoice.payment_action_required",
        _ => false,
    }
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
