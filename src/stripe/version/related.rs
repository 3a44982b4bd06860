//! Objects that an older shape shows, and the newest one only names.

use serde_json::Value;

use crate::stripe::object::text;

/// Objects around the one that is downgraded, all in the newest shape.
pub trait Related {
    /// The object with this id.
    fn object(&self, id: &str) -> Option<Value>;
    /// The one `invoice_payment` of an invoice that an older shape shows.
    fn payment_of_invoice(&self, invoice: &str) -> Option<Value>;
    /// The `invoice_payment` that a payment intent is.
    fn payment_by_intent(&self, intent: &str) -> Option<Value>;
    /// The refunds of a charge, newest first.
    fn refunds_of(&self, charge: &str) -> Vec<Value>;
}

/// Of an invoice's payments, newest first, the one that is shown where an invoice has only one: Stripe's own, unless it was
/// given up for another.
pub(crate) fn shown<'a>(payments: impl Iterator<Item = &'a Value>) -> Option<&'a Value> {
    let payments: Vec<_> = payments.collect();
    let own = payments
        .iter()
        .rfind(|payment| payment["is_default"] == true && text(payment, "status") != "canceled");
    own.or(payments.first()).copied()
}

/// Objects that were taken along with the events about them, oldest first. Without any, nothing is related.
#[derive(Debug, Clone, Default)]
pub struct Kin(pub Vec<Value>);

impl Kin {
    fn of<'a>(&'a self, kind: &'a str) -> impl DoubleEndedIterator<Item = &'a Value> {
        self.0.iter().filter(move |object| text(object, "object") == kind)
    }
}

impl Related for Kin {
    fn object(&self, id: &str) -> Option<Value> {
        self.0.iter().find(|object| text(object, "id") == id).cloned()
    }

    fn payment_of_invoice(&self, invoice: &str) -> Option<Value> {
        shown(self.of("invoice_payment").rev().filter(|payment| text(payment, "invoice") == invoice)).cloned()
    }

    fn payment_by_intent(&self, intent: &str) -> Option<Value> {
        let by = |payment: &&Value| payment["payment"]["payment_intent"] == intent;
        self.of("invoice_payment").rfind(by).cloned()
    }

    fn refunds_of(&self, charge: &str) -> Vec<Value> {
        self.of("refund").rev().filter(|refund| text(refund, "charge") == charge).cloned().collect()
    }
}
