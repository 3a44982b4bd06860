//! The life of one event in the app, from the checked signature to the answer.

use super::App;
use super::apply::{Origin, Written, commit, forgets_events, mark_early, remembered};
use super::bug::Bug;
use super::event::{Event, text};
use super::mailer::{MailError, send_waiting};
use super::owner;
use super::stripe::StripeError;
use super::subscription;
use super::task::Task;

/// What became of an event. All of it is answered 200.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Done,
    Duplicate,
    /// Not for this app, and why.
    Ignored(&'static str),
}

/// Why an event could not be handled. Stripe has to try again, so none of it is answered 2xx.
#[derive(Debug, thiserror::Error)]
pub(super) enum HandleError {
    #[error("read Stripe")]
    Stripe(#[from] StripeError),
    #[error("use the database")]
    Database(#[from] sqlx::Error),
    #[error("send the mail")]
    Mail(#[from] MailError),
    #[error("find `{0}`")]
    Lacks(&'static str),
    #[error("match the subscription with the customer of its event")]
    NotTheCustomers,
    #[error("find the price in the list of plans")]
    UnknownPrice,
    #[error("find the customer")]
    UnknownCustomer,
}

/// Handles an event that Stripe signed.
pub(super) async fn handle(app: &App, event: &Event) -> Result<Outcome, HandleError> {
    if event.account.is_some() && !app.has(Bug::IdConnectAccount) {
        return Ok(Outcome::Ignored("it happened in another account"));
    }
    if event.livemode != app.stripe.is_live() && !app.has(Bug::IdLivemode) {
        return Ok(Outcome::Ignored("live and test do not mix"));
    }
    if app.has(Bug::AckInvoiceCreated) && begins_a_renewal(event) {
        return Err(HandleError::Lacks("payment"));
    }
    let Some(task) = Task::of(app.rules.bug, &event.kind) else {
        return Ok(Outcome::Ignored("nothing depends on this type"));
    };
    let Some(customer) = task.customer(app, event).await? else {
        return Ok(Outcome::Ignored("it is about no customer"));
    };
    let Some(user) = owner::of(app, task, event, &customer).await? else {
        return match app.has(Bug::IdForeignEvents) {
            true => Err(HandleError::UnknownCustomer),
            // Another product of the company on the same Stripe account. An error would make Stripe try
            // for days and, in the end, switch the endpoint off.
            false => Ok(Outcome::Ignored("the customer is not ours")),
        };
    };
    let news = subscription::early_look(app, &user, event).await?;
    let _turn = match app.has(Bug::DupTimeoutThenRetry) {
        true => None,
        false => Some(app.turns.take(&customer).await),
    };
    if app.store.has_seen(&remembered(app, &event.id)).await? && !forgets_events(app) {
        // It may be sent again because the mail could not be.
        send_waiting(app, &customer).await?;
        return Ok(Outcome::Duplicate);
    }
    if app.has(Bug::DupMarkedBeforeWork) {
        mark_early(app, &event.id, &event.kind).await?;
    }
    let changes = match news {
        Some(news) => news,
        None => task.changes(app, &user, event).await?,
    };
    // Recorded together with the work, so a retry after a failure is not taken for a duplicate.
    let origin = Origin::Event { id: &event.id, kind: &event.kind };
    let written = commit(app, &user, origin, &changes).await?;
    if let Err(error) = send_waiting(app, &customer).await {
        if app.has(Bug::Ack4xxBusinessError) {
            app.store.forget_event(&remembered(app, &event.id)).await?;
        }
        return Err(error.into());
    }
    match written {
        Written::Now => Ok(Outcome::Done),
        Written::Before => Ok(Outcome::Duplicate),
    }
}

/// Whether it tells of the draft of a renewal's invoice. Stripe finalizes it an hour later, and waits up to three days for
/// a 2xx before it does (<https://docs.stripe.com/billing/subscriptions/webhooks>).
fn begins_a_renewal(event: &Event) -> bool {
    event.kind == "invoice.created"
        && text(&event.object, "billing_reason").as_deref() == Some("subscription_cycle")
}
