//! Disputes: the customer's bank takes the money back, until it is convinced or is not.

use serde_json::{Value, json};

use super::test_card::{Does, Reason, does};
use super::{World, balance, period, put_all};
use crate::provider::double::error::ApiError;
use crate::provider::double::list::{AS_USUAL, CREATED};
use crate::provider::double::params::{Is, Params, Table, merge_metadata};
use crate::provider::double::route::Route;
use crate::provider::double::store::Kind;
use crate::stripe::object::dispute::{EVIDENCE, dispute};
use crate::stripe::object::{int, merge, put, text};

pub(crate) const ROUTES: &[Route] = &[
    Route::list(
        "/v1/disputes",
        Kind::Dispute,
        &[("charge", Is::Text), ("payment_intent", Is::Text), CREATED],
        AS_USUAL,
    ),
    Route::retrieve("/v1/disputes/{id}", Kind::Dispute),
    Route::change("/v1/disputes/{id}", UPDATE, update),
    Route::change("/v1/disputes/{id}/close", &[], |world, id, _| close(world, id)),
];

const UPDATE: Table = &[("evidence", Is::Map), ("metadata", Is::Meta), ("submit", Is::Bool)];

/// Days to answer in.
const ANSWER_IN: i64 = 9;
/// The texts with which Stripe lets a test dispute end:
/// <https://docs.stripe.com/testing#disputes>, under "Evidence".
const WINNING: &str = "winning_evidence";
const LOSING: &str = "losing_evidence";

/// How far it has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The bank asks; the money stays.
    Inquiry,
    /// The money is taken back.
    Chargeback,
}

/// A charge went through: whether its card is one that disputes.
pub(crate) fn after_charge(world: &mut World<'_>, charge: &str) {
    let of = world.peek(charge);
    let method =
        if of["source"].is_object() { &of["source"] } else { world.peek(text(of, "payment_method")) };
    let Does::Disputes(reason) = does(method) else { return };
    match reason {
        Reason::Fraudulent => open(world, charge, "fraudulent", Stage::Chargeback),
        Reason::ProductNotReceived => open(world, charge, "product_not_received", Stage::Chargeback),
        Reason::Inquiry => open(world, charge, "fraudulent", Stage::Inquiry),
    };
}

/// The charge is disputed; gives the dispute.
pub(crate) fn open(world: &mut World<'_>, charge: &str, reason: &str, stage: Stage) -> String {
    world.by_itself();
    let id = world.mint("du");
    let due_by = world.second().saturating_add(ANSWER_IN * period::DAY);
    let mut made = dispute(&id, world.second(), world.peek(charge), reason, due_by);
    if stage == Stage::Inquiry {
        put(&mut made, "is_charge_refundable", true);
        put(&mut made, "status", "warning_needs_response");
        if let Some(card) = made.pointer_mut("/payment_method_details/card") {
            put(card, "case_type", "inquiry");
        }
    }
    world.insert(Kind::Dispute, made);
    world.change(charge, |charge| put(charge, "disputed", true));
    if stage == Stage::Inquiry {
        world.tell("charge.dispute.created", &id);
        return id;
    }
    move_money(world, &id, false);
    world.tell("charge.dispute.created", &id);
    world.tell("charge.dispute.funds_withdrawn", &id);
    id
}

fn move_money(world: &mut World<'_>, id: &str, back: bool) {
    let moved = balance::disputed(world, id, back);
    world.change(id, |dispute| balance::noted(dispute, moved));
}

/// It is over. Who wins gets the money back.
pub(crate) fn end(world: &mut World<'_>, id: &str, status: &str) {
    let back = status == "won" && world.peek(id)["balance_transactions"][0].is_object();
    if back {
        move_money(world, id, true);
    }
    world.update("charge.dispute.closed", id, |dispute| {
        put_all(dispute, [("is_charge_refundable", false.into()), ("status", status.into())]);
    });
    if back {
        world.tell("charge.dispute.funds_reinstated", id);
    }
}

fn is_over(dispute: &Value) -> bool {
    matches!(text(dispute, "status"), "won" | "lost" | "warning_closed")
}

/// `POST /v1/disputes/{id}`. Evidence is sent to the bank unless `submit=false` only stages it.
fn update(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    let before = world.at_path(Kind::Dispute, id)?;
    let given = params.given("evidence").and_then(Value::as_object).cloned().unwrap_or_default();
    let known = |name: &str| EVIDENCE.contains(&name) || name == "enhanced_evidence";
    if let Some(name) = given.keys().find(|name| !known(name)) {
        return Err(ApiError::unknown_param(&format!("evidence[{name}]")));
    }
    if !given.is_empty() && is_over(&before) {
        return Err(ApiError::invalid("This dispute is already closed"));
    }
    let submits = !given.is_empty() && params.given("submit") != Some(&json!(false));
    world.update("charge.dispute.updated", id, |dispute| {
        if let (Some(metadata), Some(given)) = (dispute.get_mut("metadata"), params.given("metadata")) {
            merge_metadata(metadata, given);
        }
        if let Some(evidence) = dispute.get_mut("evidence") {
            merge(evidence, &given);
        }
        let count = int(&dispute["evidence_details"], "submission_count");
        if let Some(details) = dispute.get_mut("evidence_details").filter(|_| !given.is_empty()) {
            put(details, "has_evidence", true);
            put(details, "submission_count", count + i64::from(submits));
            if submits {
                put(details, "submission_method", "manual");
            }
        }
        if submits {
            let inquiry = text(dispute, "status").starts_with("warning");
            put(dispute, "status", if inquiry { "warning_under_review" } else { "under_review" });
        }
    });
    if submits {
        let inquiry = text(&before, "status").starts_with("warning");
        match text(&world.peek(id)["evidence"], "uncategorized_text") {
            WINNING => end(world, id, if inquiry { "warning_closed" } else { "won" }),
            LOSING => end(world, id, "lost"),
            _ => {}
        }
    }
    Ok(world.copy(id))
}

/// `POST /v1/disputes/{id}/close`: the money is given up.
fn close(world: &mut World<'_>, id: &str) -> Result<Value, ApiError> {
    if is_over(&world.at_path(Kind::Dispute, id)?) {
        return Err(ApiError::invalid("This dispute is already closed"));
    }
    end(world, id, "lost");
    Ok(world.copy(id))
}
