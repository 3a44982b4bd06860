//! Checkouts: what to hand out when a session is completed or its payment arrives.

use serde_json::Value;

use super::App;
use super::apply::Change;
use super::bug::Bug;
use super::event::{Event, reference, text};
use super::handle::HandleError;
use super::plan::credits_of;
use super::store::{Record, User};
use super::subscription::{self, Heard};

/// What to write when a session is completed.
pub(super) async fn completed(app: &App, user: &User, event: &Event) -> Result<Vec<Change>, HandleError> {
    let id = text(&event.object, "id").ok_or(HandleError::Lacks("data.object.id"))?;
    match text(&event.object, "mode").as_deref() {
        Some("subscription") => subscribed(app, user, event, id).await,
        Some("payment") => Ok(bought(app, &app.stripe.session(&id).await?)),
        _ => Ok(Vec::new()),
    }
}

async fn subscribed(
    app: &App,
    user: &User,
    event: &Event,
    session: String,
) -> Result<Vec<Change>, HandleError> {
    let subscription = reference(&event.object, "/subscription");
    let subscription = subscription.ok_or(HandleError::Lacks("data.object.subscription"))?;
    // A session does not carry the subscription's state.
    let mut changes = match subscription::trusts_payload(app) || app.has(Bug::OrderInvoiceBeforeCheckout) {
        true => Vec::new(),
        false => subscription::read_back(app, user, &Heard::of(app, event), &subscription).await?,
    };
    if app.has(Bug::IdDuplicateRows) {
        changes = changes.into_iter().map(|change| beside(change, &session)).collect();
    }
    // Its invoice may have been paid before anybody here knew whose it was.
    if !app.has(Bug::OrderInvoiceBeforeCheckout) {
        changes.extend(receipt(&event.object));
    }
    changes.push(Change::Fulfilled { session });
    Ok(changes)
}

/// A row of the session's own, beside that of the subscription.
fn beside(change: Change, session: &str) -> Change {
    match change {
        Change::Subscription(record) => Change::Subscription(Record { id: session.to_owned(), ..record }),
        other => other,
    }
}

/// A receipt for what was paid in a session: that of its invoice, where it has one.
fn receipt(session: &Value) -> Option<Change> {
    let paid = text(session, "payment_status").as_deref() == Some("paid");
    let amount = session.get("amount_total").and_then(Value::as_i64).unwrap_or(0);
    let about = reference(session, "/invoice").or_else(|| text(session, "id"))?;
    (paid && amount > 0).then(|| Change::receipt(&about))
}

/// What to write for a session that sells things once, as Stripe has the session now.
pub(super) fn bought(app: &App, session: &Value) -> Vec<Change> {
    let (Some(id), Some(status)) = (text(session, "id"), text(session, "payment_status")) else {
        return Vec::new();
    };
    let payment = reference(session, "/payment_intent");
    // A delayed payment is on its way: `async_payment_succeeded` will tell. `no_payment_required` is as good
    // as paid, and such a session has no payment intent to wait for.
    if status == "unpaid" && !app.has(Bug::MoneyAsyncUnpaid) {
        return Vec::new();
    }
    if payment.is_none() && app.has(Bug::MoneyZeroAmount) {
        return Vec::new();
    }
    let lines = session.pointer("/line_items/data").and_then(Value::as_array).into_iter().flatten();
    let amount: i64 = lines.filter_map(credits).sum();
    let mut changes = vec![Change::Fulfilled { session: id.clone() }];
    if amount > 0 {
        changes.push(Change::Credits { fact: id, amount, payment });
    }
    changes.extend(receipt(session));
    changes
}

fn credits(line: &Value) -> Option<i64> {
    let quantity = line.get("quantity").and_then(Value::as_i64).unwrap_or(1);
    credits_of(line.pointer("/price/lookup_key")?.as_str()?)?.checked_mul(quantity)
}
