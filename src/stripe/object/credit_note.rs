//! Credit notes and their lines.

use serde_json::{Value, json};

use super::{NULL, list, object, text};

/// An issued credit note without amounts or lines.
pub(crate) fn credit_note(id: &str, created: i64, invoice: &Value, number: &str) -> Value {
    object! {
        "id": id, "object": "credit_note", "amount": 0, "amount_shipping": 0, "created": created,
        "currency": text(invoice, "currency"), "customer": invoice["customer"].clone(),
        "customer_account": NULL, "customer_balance_transaction": NULL, "discount_amount": 0,
        "discount_amounts": json!([]), "effective_at": created, "invoice": text(invoice, "id"),
        "lines": list(Vec::new(), &format!("/v1/credit_notes/{id}/lines")), "livemode": false, "memo": NULL,
        "metadata": json!({}), "number": number, "out_of_band_amount": NULL,
        "pdf": format!("https://pay.stripe.com/credit_notes/{id}/pdf"), "post_payment_amount": 0,
        "pre_payment_amount": 0, "pretax_credit_amounts": json!([]), "reason": NULL, "refunds": json!([]),
        "shipping_cost": NULL, "status": "issued", "subtotal": 0, "subtotal_excluding_tax": 0, "total": 0,
        "total_excluding_tax": 0, "total_taxes": json!([]), "type": "pre_payment", "voided_at": NULL,
    }
}

/// One line of a credit note; `of` is the line of the invoice that it credits, null for one of its own.
pub(crate) fn line(id: &str, amount: i64, quantity: Option<i64>, description: Value, of: &Value) -> Value {
    let kind = if of.is_null() { "custom_line_item" } else { "invoice_line_item" };
    let mut line = object! {
        "id": id, "object": "credit_note_line_item", "amount": amount, "description": description,
        "discount_amount": 0, "discount_amounts": json!([]), "invoice_line_item": of.clone(),
        "livemode": false, "metadata": NULL, "pretax_credit_amounts": json!([]), "quantity": quantity,
        "tax_rates": json!([]), "taxes": json!([]), "type": kind, "unit_amount": NULL,
        "unit_amount_decimal": NULL,
    };
    // One of its own does not say that it is of none.
    if let (true, Some(fields)) = (of.is_null(), line.as_object_mut()) {
        fields.shift_remove("invoice_line_item");
    }
    line
}
