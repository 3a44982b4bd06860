//! Invoices: receipts, credits of a period, and word of payments that did not go through.

use serde_json::Value;

use super::App;
use super::apply::{Change, MailKind};
use super::bug::Bug;
use super::event::{Event, reference, text};
use super::handle::HandleError;
use super::store::User;
use super::subscription::{self, Heard};

/// What to write when an invoice is paid.
///
/// Stripe has two types for this fact, and more events may tell of it. The invoice's id is what makes it one.
pub(super) async fn paid(app: &App, user: &User, event: &Event) -> Result<Vec<Change>, HandleError> {
    let id = id_of(event)?;
    let name = if app.has(Bug::DupTwoEventsOneFact) { &event.id } else { &id };
    let mut changes = subscription_of(app, user, event).await?;
    if let Some(credits) = credits_of_period(app, event, &id, name, &changes).await? {
        changes.push(credits);
    }
    // What was paid for an invoice that is paid does not change any more: the event may be believed.
    let amount = event.object.get("amount_paid").and_then(Value::as_i64).unwrap_or(0);
    if amount > 0 || app.has(Bug::MoneyZeroTrialMail) {
        changes.push(Change::receipt(name));
    }
    Ok(changes)
}

/// What to write when an invoice was declined.
pub(super) async fn failed(app: &App, user: &User, event: &Event) -> Result<Vec<Change>, HandleError> {
    let id = id_of(event)?;
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

/// What to write when the bank wants the customer to confirm the payment of an invoice.
pub(super) async fn needs_action(app: &App, user: &User, event: &Event) -> Result<Vec<Change>, HandleError> {
    let fact = format!("confirm:{}", id_of(event)?);
    let mut changes = subscription_of(app, user, event).await?;
    let subject = "Your bank asks you to confirm your payment".to_owned();
    changes.push(Change::Mail { fact, kind: MailKind::Confirm, subject });
    Ok(changes)
}

fn id_of(event: &Event) -> Result<String, HandleError> {
    text(&event.object, "id").ok_or(HandleError::Lacks("data.object.id"))
}

/// The id of the subscription that an invoice is for.
fn subscription_id(app: &App, invoice: &Value) -> Option<String> {
    // Below `parent` since 2025-03-31.basil.
    let parent = reference(invoice, "/parent/subscription_details/subscription");
    let parent = parent.filter(|_| !app.has(Bug::ShapeInvoiceSubscriptionMoved));
    parent.or_else(|| reference(invoice, "/subscription"))
}

/// The subscription an invoice is for, read back; nothing for an invoice without one.
async fn subscription_of(app: &App, user: &User, event: &Event) -> Result<Vec<Change>, HandleError> {
    match subscription_id(app, &event.object) {
        Some(id) if !subscription::trusts_payload(app) => {
            subscription::read_back(app, user, &Heard::of(app, event), &id).await
        }
        _ => Ok(Vec::new()),
    }
}

/// The credits that the plan gives for the period that was paid with invoice `id`, by the plan that is written with
/// them, else by the one that is known.
async fn credits_of_period(
    app: &App,
    event: &Event,
    id: &str,
    name: &str,
    written: &[Change],
) -> Result<Option<Change>, HandleError> {
    // Not for a change within a period.
    let reason = text(&event.object, "billing_reason");
    if !matches!(reason.as_deref(), Some("subscription_create" | "subscription_cycle")) {
        return Ok(None);
    }
    let Some(subscription) = subscription_id(app, &event.object) else { return Ok(None) };
    let known = match written.first() {
        Some(Change::Subscription(record)) => Some(record.clone()),
        _ => app.store.subscription(&subscription).await?,
    };
    let amount = known.map_or(0, |record| record.plan.credits_of_period().saturating_mul(record.seats));
    if amount == 0 {
        return Ok(None);
    }
    let invoice = app.stripe.invoice(id).await?;
    let payment = reference(&invoice, "/payments/data/0/payment/payment_intent");
    Ok(Some(Change::Credits { fact: format!("period:{name}"), amount, payment }))
}
