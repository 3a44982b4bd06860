//! What is the company's choice and no matter of right or wrong: settings of the app, not code.

/// The company's choices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Whether a customer keeps access while Stripe is still trying to collect (`past_due`).
    pub past_due_keeps_access: bool,
    /// Whether a customer keeps access while collection is paused.
    pub pausing_keeps_access: bool,
    /// Whether a better plan is there only when it is paid; else it is there while Stripe is still trying to collect.
    pub upgrade_waits_for_payment: bool,
}

impl Default for Policy {
    /// Most declined renewals are paid in the end; who pauses has chosen not to pay.
    fn default() -> Self {
        Self { past_due_keeps_access: true, pausing_keeps_access: false, upgrade_waits_for_payment: true }
    }
}
