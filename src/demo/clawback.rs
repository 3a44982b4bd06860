//! Money that went back to the customer: what was bought with it goes back too.
//!
//! Stripe tells of refunds and disputes under several names, in any order, and sometimes before the purchase. So an
//! event only says which charge it is about. The charge is read back, and what is written is how much of it is gone by
//! now: once for both names of a refund, and less again when a refund failed or a dispute was won.

use serde_json::Value;

use super::App;
use super::apply::Change;
use super::bug::Bug;
use super::event::{Event, reference, text};
use super::handle::HandleError;

/// The customer whose payment it was. Refunds and disputes name only their charge.
pub(super) async fn customer(app: &App, event: &Event) -> Result<Option<String>, HandleError> {
    let Some(id) = charge_of(event) else { return Ok(None) };
    Ok(reference(&app.stripe.charge(&id).await?, "/customer"))
}

/// How much of the payment went back. Everything is read anew: what was read for the customer's sake was read before
/// the customer's turn, and may be old.
pub(super) async fn changes(app: &App, event: &Event) -> Result<Vec<Change>, HandleError> {
    let Some(id) = charge_of(event) else { return Ok(Vec::new()) };
    let charge = app.stripe.charge(&id).await?;
    if let Some(payment) = reference(&charge, "/payment_intent")
        && app.has(Bug::OrderRefundBeforePurchase)
        && !app.store.is_bought_with(&payment).await?
    {
        return Ok(Vec::new());
    }
    Ok(returned(app, &charge).await?.into_iter().collect())
}

/// How much of a charge, as Stripe has it now, went back.
pub(super) async fn returned(app: &App, charge: &Value) -> Result<Option<Change>, HandleError> {
    let Some(payment) = reference(charge, "/payment_intent") else { return Ok(None) };
    let id = text(charge, "id").ok_or(HandleError::Lacks("id"))?;
    let disputes = match charge.get("disputed") {
        Some(Value::Bool(true)) => app.stripe.disputes(&id).await?,
        _ => Vec::new(),
    };
    let total = number(charge, "amount")?;
    let disputed: i64 = disputes.iter().map(withheld).sum();
    let returned = number(charge, "amount_refunded")?.saturating_add(disputed).min(total);
    Ok(Some(Change::Returned { payment, returned, total }))
}

fn charge_of(event: &Event) -> Option<String> {
    match text(&event.object, "object").as_deref() {
        Some("charge") => text(&event.object, "id"),
        _ => reference(&event.object, "/charge"),
    }
}

/// What a dispute holds back: all of it while it is open and when it is lost. An inquiry moves no money.
fn withheld(dispute: &Value) -> i64 {
    match text(dispute, "status").as_deref() {
        Some("won" | "prevented" | "warning_needs_response" | "warning_under_review" | "warning_closed") => 0,
        _ => dispute.get("amount").and_then(Value::as_i64).unwrap_or(0),
    }
}

fn number(charge: &Value, field: &'static str) -> Result<i64, HandleError> {
    charge.get(field).and_then(Value::as_i64).ok_or(HandleError::Lacks(field))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[rstest::rstest]
    #[case("needs_response", 500)]
    #[case("under_review", 500)]
    #[case("lost", 500)]
    #[case("won", 0)]
    #[case("warning_needs_response", 0)]
    #[case("warning_closed", 0)]
    fn a_dispute_holds_money_until_it_is_won(#[case] status: &str, #[case] expected: i64) {
        assert_eq!(withheld(&json!({ "status": status, "amount": 500 })), expected);
    }
}
