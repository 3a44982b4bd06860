//! The names of the actions, and what `explain` says about each.

use std::fmt;
use std::str::FromStr;

/// Which action: the word after `stripe.` in a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ActionKind {
    /// `subscribe`
    Subscribe,
    /// `checkout`
    Checkout,
    /// `settle`
    Settle,
    /// `pay`
    Pay,
    /// `renew`
    Renew,
    /// `payment_fails`
    PaymentFails,
    /// `payment_action_required`
    PaymentActionRequired,
    /// `payment_recovers`
    PaymentRecovers,
    /// `change_price`
    ChangePrice,
    /// `change_quantity`
    ChangeQuantity,
    /// `change_items`
    ChangeItems,
    /// `schedule`
    Schedule,
    /// `cancel`
    Cancel,
    /// `pause`
    Pause,
    /// `resume`
    Resume,
    /// `refund`
    Refund,
    /// `dispute`
    Dispute,
    /// `delete_customer`
    DeleteCustomer,
    /// `advance`
    Advance,
    /// `set`
    Set,
}

/// A word that names no action.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("find an action named `{0}`")]
pub struct UnknownAction(pub String);

/// The events that pay an invoice with a card, in the order in which the double makes them.
macro_rules! paid {
    ($($before:literal),*; $($after:literal),*) => {
        &[
            $($before,)*
            "invoice.created", "invoice.finalized", "payment_intent.created", "payment_intent.succeeded",
            "charge.succeeded", "invoice.updated", "invoice.paid", "invoice.payment_succeeded",
            "invoice_payment.paid",
            $($after,)*
        ]
    };
}

impl ActionKind {
    /// Every action, as the design lists them.
    pub const ALL: [Self; 20] = [
        Self::Subscribe,
        Self::Checkout,
        Self::Settle,
        Self::Pay,
        Self::Renew,
        Self::PaymentFails,
        Self::PaymentActionRequired,
        Self::PaymentRecovers,
        Self::ChangePrice,
        Self::ChangeQuantity,
        Self::ChangeItems,
        Self::Schedule,
        Self::Cancel,
        Self::Pause,
        Self::Resume,
        Self::Refund,
        Self::Dispute,
        Self::DeleteCustomer,
        Self::Advance,
        Self::Set,
    ];

    /// The keys that every action but `set` has.
    pub const COMMON_KEYS: [&str; 3] = ["name", "subscription", "set"];

    /// The word in the file.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Subscribe => "subscribe",
            Self::Checkout => "checkout",
            Self::Settle => "settle",
            Self::Pay => "pay",
            Self::Renew => "renew",
            Self::PaymentFails => "payment_fails",
            Self::PaymentActionRequired => "payment_action_required",
            Self::PaymentRecovers => "payment_recovers",
            Self::ChangePrice => "change_price",
            Self::ChangeQuantity => "change_quantity",
            Self::ChangeItems => "change_items",
            Self::Schedule => "schedule",
            Self::Cancel => "cancel",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Refund => "refund",
            Self::Dispute => "dispute",
            Self::DeleteCustomer => "delete_customer",
            Self::Advance => "advance",
            Self::Set => "set",
        }
    }

    /// The keys that only this action has, beside [`Self::COMMON_KEYS`].
    #[must_use]
    pub const fn own_keys(self) -> &'static [&'static str] {
        match self {
            Self::Subscribe => &["price", "quantity", "items", "trial", "first_payment", "card"],
            Self::Checkout => &[
                "price",
                "quantity",
                "items",
                "trial",
                "first_payment",
                "discount_percent",
                "payment",
                "mode",
                "payment_link",
            ],
            Self::Settle => &["outcome"],
            Self::Pay => &["price", "amount", "outcome"],
            Self::PaymentFails => &["attempts", "leaves"],
            Self::ChangePrice => &["price", "payment", "payment_behavior"],
            Self::ChangeQuantity => &["quantity"],
            Self::ChangeItems => &["items"],
            Self::Schedule => &["items", "price", "at"],
            Self::Cancel => &["at"],
            Self::Pause => &["behavior"],
            Self::Refund => &["amount"],
            Self::Dispute => &["outcome"],
            Self::Advance => &["by"],
            Self::Renew
            | Self::PaymentActionRequired
            | Self::PaymentRecovers
            | Self::Resume
            | Self::DeleteCustomer
            | Self::Set => &[],
        }
    }

    /// The kind of object that `set` and `name` are about; nothing for those that make none.
    #[must_use]
    pub const fn makes(self) -> Option<&'static str> {
        match self {
            Self::Checkout => Some("checkout"),
            Self::Subscribe
            | Self::ChangePrice
            | Self::ChangeQuantity
            | Self::ChangeItems
            | Self::Schedule
            | Self::Cancel
            | Self::Pause
            | Self::Resume => Some("subscription"),
            Self::Renew | Self::PaymentFails | Self::PaymentActionRequired | Self::PaymentRecovers => {
                Some("invoice")
            }
            Self::Pay => Some("charge"),
            Self::Refund => Some("refund"),
            Self::Dispute => Some("dispute"),
            Self::Settle | Self::DeleteCustomer | Self::Advance | Self::Set => None,
        }
    }

    /// What happens, in one line.
    #[must_use]
    pub const fn summary(self) -> &'static str {
        match self {
            Self::Subscribe => {
                "the app's backend subscribes the customer, whose card is on file unless `card = false`"
            }
            Self::Checkout => "the customer completes a checkout; without a price, the one the app opened",
            Self::Settle => "a delayed payment comes through, or fails",
            Self::Pay => "the customer pays once, outside any checkout",
            Self::Renew => "the billing period ends and the next one is paid",
            Self::PaymentFails => "the renewal is declined, once, several times or for good",
            Self::PaymentActionRequired => "the renewal asks the customer to authenticate",
            Self::PaymentRecovers => "the open invoice is paid after all",
            Self::ChangePrice => "the first item moves to another price, prorated, or billed at once",
            Self::ChangeQuantity => "the first item's quantity changes, prorated",
            Self::ChangeItems => "the subscription's items become the ones named, prorated",
            Self::Schedule => "a change is scheduled, for the end of the period or so long from now",
            Self::Cancel => {
                "the subscription is canceled: at once, at the period's end, or at a time of its own"
            }
            Self::Pause => "collection pauses",
            Self::Resume => "collection resumes",
            Self::Refund => "the latest charge is given back, all or part of it",
            Self::Dispute => "the latest charge is disputed",
            Self::DeleteCustomer => "the customer is deleted, and with it what it subscribed to",
            Self::Advance => "time passes, with the renewals, trial ends and cancellations that fall due",
            Self::Set => "provider truth changes without an event",
        }
    }

    /// The types of the events that it makes for a customer of whom nothing else is special, in order.
    ///
    /// Stripe promises no order; this one follows what its documentation and its own test mode show.
    /// Products with features add `entitlements.active_entitlement_summary.updated`.
    #[must_use]
    pub const fn burst(self) -> &'static [&'static str] {
        match self {
            Self::Subscribe => paid!("customer.subscription.created";),
            Self::Checkout => paid!(
                "payment_method.attached", "customer.subscription.created";
                "customer.subscription.updated", "checkout.session.completed"
            ),
            Self::Settle => {
                &["payment_intent.succeeded", "charge.succeeded", "checkout.session.async_payment_succeeded"]
            }
            Self::Pay => &["payment_intent.created", "payment_intent.succeeded", "charge.succeeded"],
            Self::Renew => paid!("customer.subscription.updated";),
            Self::PaymentFails => &[
                "customer.subscription.updated",
                "invoice.created",
                "invoice.finalized",
                "payment_intent.created",
                "charge.failed",
                "payment_intent.payment_failed",
                "invoice.updated",
                "invoice.payment_failed",
                "customer.subscription.updated",
                "customer.updated",
            ],
            Self::PaymentActionRequired => &[
                "customer.subscription.updated",
                "invoice.created",
                "invoice.finalized",
                "payment_intent.created",
                "payment_intent.requires_action",
                "invoice.updated",
                "invoice.payment_action_required",
                "customer.subscription.updated",
                "customer.updated",
            ],
            Self::PaymentRecovers => &[
                "payment_intent.succeeded",
                "charge.succeeded",
                "invoice.updated",
                "invoice.paid",
                "invoice.payment_succeeded",
                "invoice_payment.paid",
                "customer.subscription.updated",
                "customer.updated",
            ],
            Self::ChangePrice | Self::ChangeQuantity | Self::ChangeItems => {
                &["invoiceitem.created", "invoiceitem.created", "customer.subscription.updated"]
            }
            Self::Cancel => &["customer.subscription.deleted"],
            Self::Pause | Self::Resume => &["customer.subscription.updated"],
            Self::Refund => &["refund.created", "charge.refunded"],
            Self::DeleteCustomer => &["customer.subscription.deleted", "customer.deleted"],
            Self::Dispute => &["charge.dispute.created", "charge.dispute.funds_withdrawn"],
            Self::Schedule => &[
                "customer.subscription.updated",
                "subscription_schedule.created",
                "subscription_schedule.updated",
            ],
            Self::Advance | Self::Set => &[],
        }
    }
}

impl fmt::Display for ActionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ActionKind {
    type Err = UnknownAction;

    fn from_str(word: &str) -> Result<Self, UnknownAction> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word).ok_or_else(|| UnknownAction(word.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back() {
        for kind in ActionKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
        assert_eq!("buy".parse::<ActionKind>(), Err(UnknownAction("buy".into())));
    }
}
