//! Invoices, their lines, invoice items, and invoice payments. Since 2025-03-31.basil an invoice names its
//! subscription under `parent.subscription_details` and its payments in a list of their own.

use serde_json::{Value, json};

use super::{NULL, int, list, object, text};

/// A draft without lines.
pub(crate) fn invoice(id: &str, created: i64, customer: &Value, currency: &str) -> Value {
    object! {
        "id": id, "object": "invoice", "account_country": "US", "account_name": "Paydrill",
        "account_tax_ids": NULL, "amount_due": 0, "amount_overpaid": 0, "amount_paid": 0,
        "amount_remaining": 0, "amount_shipping": 0, "application": NULL, "attempt_count": 0,
        "attempted": false, "auto_advance": true,
        "automatic_tax": json!({
            "disabled_reason": null, "enabled": false, "liability": null, "provider": null, "status": null,
        }),
        "automatically_finalizes_at": NULL, "billing_reason": "manual",
        "collection_method": "charge_automatically", "created": created, "currency": currency,
        "custom_fields": NULL, "customer": text(customer, "id"), "customer_account": NULL,
        "customer_address": customer["address"].clone(), "customer_email": customer["email"].clone(),
        "customer_name": customer["name"].clone(), "customer_phone": customer["phone"].clone(),
        "customer_shipping": customer["shipping"].clone(), "customer_tax_exempt": customer["tax_exempt"].as_str().unwrap_or("none"),
        "customer_tax_ids": json!([]), "default_payment_method": NULL, "default_source": NULL,
        "default_tax_rates": json!([]), "description": NULL, "discounts": json!([]), "due_date": NULL,
        "effective_at": NULL, "ending_balance": NULL, "footer": NULL, "from_invoice": NULL,
        "hosted_invoice_url": NULL, "invoice_pdf": NULL, "issuer": json!({ "type": "self" }),
        "last_finalization_error": NULL, "latest_revision": NULL,
        "lines": list(Vec::new(), &format!("/v1/invoices/{id}/lines")), "livemode": false,
        "metadata": json!({}), "next_payment_attempt": NULL, "number": NULL, "on_behalf_of": NULL,
        "parent": NULL,
        "payment_settings": json!({
            "default_mandate": null, "payment_method_options": null, "payment_method_types": null,
        }),
        "period_end": created, "period_start": created, "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0, "receipt_number": NULL, "rendering": NULL,
        "shipping_cost": NULL, "shipping_details": NULL, "starting_balance": 0,
        "statement_descriptor": NULL, "status": "draft",
        "status_transitions": json!({
            "finalized_at": null, "marked_uncollectible_at": null, "paid_at": null, "voided_at": null,
        }),
        "subtotal": 0, "subtotal_excluding_tax": 0, "test_clock": NULL, "total": 0,
        "total_discount_amounts": json!([]), "total_excluding_tax": 0,
        "total_pretax_credit_amounts": json!([]), "total_taxes": json!([]), "webhooks_delivered_at": created,
    }
}

/// An invoice's `parent` when a subscription made it.
pub(crate) fn parent(subscription: &Value) -> Value {
    json!({
        "quote_details": null,
        "subscription_details": {
            "metadata": subscription["metadata"].clone(), "subscription": text(subscription, "id"),
        },
        "type": "subscription_details",
    })
}

/// What a line says it bills.
pub(crate) struct Billed<'a> {
    /// The price, in full.
    pub(crate) price: &'a Value,
    /// How many of it; Stripe shows no quantity for usage.
    pub(crate) quantity: Option<i64>,
    /// In the currency's smallest unit, after no discount.
    pub(crate) amount: i64,
    /// The text on the invoice.
    pub(crate) description: String,
    /// Seconds since the epoch, first and last.
    pub(crate) period: (i64, i64),
}

/// A line of an invoice, without its id and the invoice's; `parent` says where it comes from.
pub(crate) fn line(billed: &Billed<'_>, parent: Value) -> Value {
    let subscription = parent_subscription(&parent);
    object! {
        "id": NULL, "object": "line_item", "amount": billed.amount,
        "currency": text(billed.price, "currency"), "description": billed.description.as_str(),
        "discount_amounts": json!([]), "discountable": true, "discounts": json!([]), "invoice": NULL,
        "livemode": false, "metadata": json!({}), "parent": parent,
        "period": json!({ "end": billed.period.1, "start": billed.period.0 }), "pretax_credit_amounts": json!([]),
        "pricing": pricing(billed.price), "quantity": billed.quantity,
        "quantity_decimal": billed.quantity.map(|quantity| quantity.to_string()),
        "subscription": subscription, "subtotal": billed.amount, "taxes": json!([]),
    }
}

/// A line's `parent` when a subscription item made it.
pub(crate) fn line_of_subscription(subscription: &str, item: &str) -> Value {
    json!({
        "invoice_item_details": null,
        "subscription_item_details": {
            "invoice_item": null, "proration": false, "proration_details": { "credited_items": null },
            "subscription": subscription, "subscription_item": item,
        },
        "type": "subscription_item_details",
    })
}

/// A line's `parent` when an invoice item made it. What a proration of a subscription item made names that item, too;
/// `credited` is the line that a credit gives back.
pub(crate) fn line_of_item(item: &Value, credited: &Value) -> Value {
    let owner = &item["parent"]["subscription_details"];
    let details = json!({ "credited_items": credited });
    if item["proration"] == true && !owner["subscription_item"].is_null() {
        return json!({
            "invoice_item_details": null,
            "subscription_item_details": {
                "invoice_item": text(item, "id"), "proration": true, "proration_details": details,
                "subscription": owner["subscription"].clone(),
                "subscription_item": owner["subscription_item"].clone(),
            },
            "type": "subscription_item_details",
        });
    }
    json!({
        "invoice_item_details": {
            "invoice_item": text(item, "id"), "proration": item["proration"].clone(),
            "proration_details": details, "subscription": owner["subscription"].clone(),
        },
        "subscription_item_details": null,
        "type": "invoice_item_details",
    })
}

/// An invoice item's `parent` when a subscription made it, or it is billed with one.
pub(crate) fn item_parent(subscription: &str, item: Option<&str>) -> Value {
    let mut details = object! { "subscription": subscription };
    if let Some(item) = item {
        super::put(&mut details, "subscription_item", item);
    }
    json!({ "subscription_details": details, "type": "subscription_details" })
}

/// A pending invoice item: what the next invoice of the customer, or of the subscription, collects.
pub(crate) fn invoice_item(id: &str, created: i64, customer: &str, billed: &Billed<'_>) -> Value {
    object! {
        "id": id, "object": "invoiceitem", "amount": billed.amount,
        "currency": text(billed.price, "currency"), "customer": customer, "customer_account": NULL,
        "date": created, "description": billed.description.as_str(), "discountable": true,
        "discounts": json!([]), "invoice": NULL, "livemode": false, "metadata": json!({}),
        "net_amount": billed.amount, "parent": NULL,
        "period": json!({ "end": billed.period.1, "start": billed.period.0 }),
        "pricing": pricing(billed.price), "proration": false, "quantity": billed.quantity.unwrap_or(1),
        "quantity_decimal": billed.quantity.unwrap_or(1).to_string(), "tax_rates": json!([]),
        "test_clock": NULL,
    }
}

/// One payment towards an invoice, by a payment intent.
pub(crate) fn invoice_payment(id: &str, created: i64, invoice: &Value, payment_intent: &str) -> Value {
    object! {
        "id": id, "object": "invoice_payment", "amount_paid": NULL,
        "amount_requested": int(invoice, "amount_due"), "created": created,
        "currency": text(invoice, "currency"), "invoice": text(invoice, "id"), "is_default": true,
        "livemode": false,
        "payment": json!({ "payment_intent": payment_intent, "type": "payment_intent" }), "status": "open",
        "status_transitions": json!({ "canceled_at": null, "paid_at": null }),
    }
}

/// The subscription that an invoice is for.
pub(crate) fn subscription_of(invoice: &Value) -> Option<&str> {
    invoice["parent"]["subscription_details"]["subscription"].as_str()
}

/// A line's or an item's `pricing`; null for a bare amount.
pub(crate) fn pricing(price: &Value) -> Value {
    if text(price, "id").is_empty() {
        return NULL;
    }
    json!({
        "price_details": { "price": text(price, "id"), "product": price["product"].clone() },
        "type": "price_details",
        "unit_amount_decimal": price["unit_amount_decimal"].clone(),
    })
}

fn parent_subscription(parent: &Value) -> Value {
    ["subscription_item_details", "invoice_item_details"]
        .iter()
        .map(|details| &parent[*details]["subscription"])
        .find(|subscription| !subscription.is_null())
        .cloned()
        .unwrap_or_default()
}
