//! An invoice can have several payments, so neither names the other any more
//! (…/2025-03-31/add-support-for-multiple-partial-payments-on-invoices).

use serde_json::{Map, Value};

use super::super::Downgrade;
use super::super::fields::{at, put};

/// `paid`, `payment_intent` and `charge` of the invoice, and `invoice` of both, again. What can no longer be told is
/// as it was without: `application_fee_amount` and `transfer_data` are null. An invoice that was paid elsewhere says so in
/// `paid_out_of_band`, and did not count that as paid.
pub(in super::super) fn undo(kind: &str, object: &mut Map<String, Value>, way: &Downgrade<'_>) {
    match kind {
        "invoice" => invoice(object, way),
        "payment_intent" => {
            let invoice = invoice_of(&at(object, &["id"]), way);
            put(object, "invoice", invoice);
        }
        "charge" => {
            let invoice = invoice_of(&at(object, &["payment_intent"]), way);
            put(object, "invoice", invoice);
        }
        _ => {}
    }
}

fn invoice(object: &mut Map<String, Value>, way: &Downgrade<'_>) {
    let is = |field: &str, value: Value| object.get(field) == Some(&value);
    let (paid, draft, attempted) =
        (is("status", "paid".into()), is("status", "draft".into()), is("attempted", true.into()));
    // An event may be older than the payment: a draft had no intent yet, and what nobody tried to collect no charge.
    let payment = if draft { Value::Null } else { payment_of(object, way) };
    let elsewhere = paid && payment["status"] == "canceled";
    let intent = payment["payment"]["payment_intent"].clone();
    let charge = if attempted { charge_of(&intent, way) } else { Value::Null };
    put(object, "application_fee_amount", Value::Null);
    put(object, "charge", charge);
    put(object, "paid", paid);
    put(object, "paid_out_of_band", elsewhere);
    if elsewhere {
        let due = at(object, &["amount_due"]);
        put(object, "amount_paid", 0);
        put(object, "amount_remaining", due);
    }
    put(object, "payment_intent", intent);
    put(object, "transfer_data", Value::Null);
}

fn payment_of(invoice: &Map<String, Value>, way: &Downgrade<'_>) -> Value {
    let id = at(invoice, &["id"]);
    id.as_str().and_then(|id| way.related.payment_of_invoice(id)).unwrap_or_default()
}

fn charge_of(intent: &Value, way: &Downgrade<'_>) -> Value {
    // Only its id is of interest, so the intent itself need not be brought into shape.
    let intent = intent.as_str().and_then(|id| way.related.object(id)).unwrap_or_default();
    match &intent["latest_charge"] {
        Value::Object(charge) => at(charge, &["id"]),
        id => id.clone(),
    }
}

fn invoice_of(intent: &Value, way: &Downgrade<'_>) -> Value {
    let payment = match intent {
        Value::Object(expanded) => {
            at(expanded, &["id"]).as_str().and_then(|id| way.related.payment_by_intent(id))
        }
        id => id.as_str().and_then(|id| way.related.payment_by_intent(id)),
    };
    payment.unwrap_or_default()["invoice"].clone()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::{Kin, downgrade};
    use super::super::{BEFORE, SINCE};
    use super::*;

    fn kin() -> Kin {
        Kin(vec![
            json!({"id": "inpay_1", "object": "invoice_payment", "invoice": "in_1", "payment": {"payment_intent": "pi_1"}}),
            json!({"id": "pi_1", "object": "payment_intent", "latest_charge": "ch_1"}),
            json!({"id": "ch_1", "object": "charge", "payment_intent": "pi_1"}),
        ])
    }

    #[rstest::rstest]
    #[case::draft("draft", false, false, json!(null), json!(null))]
    #[case::finalized("open", false, false, json!("pi_1"), json!(null))]
    #[case::declined("open", true, false, json!("pi_1"), json!("ch_1"))]
    #[case::paid("paid", true, true, json!("pi_1"), json!("ch_1"))]
    fn an_invoice_names_its_payment(
        #[case] status: &str,
        #[case] attempted: bool,
        #[case] paid: bool,
        #[case] intent: Value,
        #[case] charge: Value,
    ) {
        let invoice = json!({"id": "in_1", "object": "invoice", "status": status, "attempted": attempted});
        let shaped = downgrade(&invoice, BEFORE, &kin());
        assert_eq!((&shaped["payment_intent"], &shaped["charge"]), (&intent, &charge));
        assert_eq!((&shaped["paid"], &shaped["paid_out_of_band"]), (&json!(paid), &json!(false)));
        assert_eq!(downgrade(&invoice, SINCE, &kin()), invoice);
    }

    /// Newest last, as they were made: status of the default payment, of an attached one, and what an older shape shows.
    #[rstest::rstest]
    #[case::partly_paid("open", "open", "paid", "pi_1", false)]
    #[case::paid_by_another("paid", "canceled", "paid", "pi_2", false)]
    #[case::paid_elsewhere("paid", "canceled", "canceled", "pi_2", true)]
    fn of_several_payments_one_is_shown(
        #[case] status: &str,
        #[case] own: &str,
        #[case] attached: &str,
        #[case] intent: &str,
        #[case] elsewhere: bool,
    ) {
        let payment = |number: u8, status: &str| {
            let intent = format!("pi_{number}");
            json!({
                "id": format!("inpay_{number}"), "object": "invoice_payment", "invoice": "in_1", "status": status,
                "is_default": number == 1, "payment": {"payment_intent": intent},
            })
        };
        let kin = Kin(vec![payment(1, own), payment(2, attached)]);
        let invoice = json!({
            "id": "in_1", "object": "invoice", "status": status, "attempted": true, "amount_due": 500,
            "amount_paid": 300, "amount_remaining": 200,
        });
        let shaped = downgrade(&invoice, BEFORE, &kin);
        assert_eq!(
            (&shaped["payment_intent"], &shaped["paid_out_of_band"]),
            (&json!(intent), &json!(elsewhere))
        );
        let amounts = if elsewhere { (0, 500) } else { (300, 200) };
        assert_eq!(
            (&shaped["amount_paid"], &shaped["amount_remaining"]),
            (&json!(amounts.0), &json!(amounts.1))
        );
        assert_eq!(downgrade(&invoice, SINCE, &kin), invoice);
    }

    #[rstest::rstest]
    #[case(1, json!("in_1"))]
    #[case(2, json!("in_1"))]
    fn payments_name_their_invoice(#[case] which: usize, #[case] expected: Value) {
        let payment = kin().0.remove(which);
        assert_eq!(downgrade(&payment, BEFORE, &kin())["invoice"], expected);
        assert_eq!(downgrade(&payment, BEFORE, &Kin::default()).get("invoice"), Some(&json!(null)));
        assert_eq!(downgrade(&payment, SINCE, &kin()), payment);
    }
}
