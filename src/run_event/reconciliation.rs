//! What both sides say.

use std::time::Duration;

use serde_json::Value;

/// Provider truth and the app's record side by side.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Reconciliation {
    /// When provider truth and local state were read, since the run's start.
    pub at: Duration,
    /// The handler's own last read of this customer's provider truth before that; `None`: it never read Stripe.
    pub handler_read: Option<Duration>,
    /// One line a fact: customer, plan, status, quantity, latest invoice, and what `[reconcile]` names.
    pub facts: Vec<Fact>,
}

/// One fact of both sides.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Fact {
    /// `status`, or the truth path of `[reconcile]`.
    pub name: String,
    /// At Stripe.
    pub provider: Option<Value>,
    /// In the app; `None` where no probe reads it.
    pub local: Option<Value>,
    /// `None`: not compared.
    pub agrees: Option<bool>,
}
