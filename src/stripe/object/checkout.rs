//! Checkout sessions and their line items.

use serde_json::{Value, json};

use super::{NULL, object, text};

/// How long a session stays open, in seconds: Stripe's default is 24 hours.
const OPEN_FOR: i64 = 24 * 60 * 60;

/// An open session; `mode` is `payment`, `subscription` or `setup`.
pub(crate) fn session(id: &str, created: i64, mode: &str) -> Value {
    object! {
        "id": id, "object": "checkout.session", "adaptive_pricing": json!({ "enabled": false }),
        "after_expiration": NULL, "allow_promotion_codes": NULL, "allowed_payment_method_types": NULL, "amount_subtotal": 0, "amount_total": 0,
        "automatic_tax": json!({ "enabled": false, "liability": null, "provider": null, "status": null }),
        "billing_address_collection": NULL, "cancel_url": NULL, "client_reference_id": NULL,
        "client_secret": NULL, "collected_information": NULL, "consent": NULL, "consent_collection": NULL,
        "created": created, "currency": NULL, "currency_conversion": NULL, "custom_fields": json!([]),
        "custom_text": json!({
            "after_submit": null, "shipping_address": null, "submit": null,
            "terms_of_service_acceptance": null,
        }),
        "customer": NULL, "customer_account": NULL, "customer_creation": NULL, "customer_details": NULL,
        "customer_email": NULL, "discounts": json!([]), "expires_at": created + OPEN_FOR,
        "integration_identifier": NULL, "invoice": NULL, "invoice_creation": NULL, "livemode": false,
        "locale": NULL, "managed_payments": NULL, "metadata": json!({}), "mode": mode,
        "origin_context": NULL, "payment_intent": NULL, "payment_link": NULL,
        "payment_method_collection": "always", "payment_method_configuration_details": NULL,
        "payment_method_options": json!({}), "payment_method_types": json!(["card"]),
        "payment_status": "unpaid", "permissions": NULL,
        "phone_number_collection": json!({ "enabled": false }), "recovered_from": NULL,
        "saved_payment_method_options": NULL, "setup_intent": NULL, "shipping_address_collection": NULL,
        "shipping_cost": NULL, "shipping_options": json!([]), "status": "open", "submit_type": NULL,
        "subscription": NULL, "success_url": NULL,
        "total_details": json!({ "amount_discount": 0, "amount_shipping": 0, "amount_tax": 0 }),
        "ui_mode": "hosted_page", "url": format!("https://checkout.stripe.com/c/pay/{id}"), "wallet_options": NULL,
    }
}

/// A line item of a session.
pub(crate) fn line_item(id: &str, price: &Value, quantity: i64, description: &str, amount: i64) -> Value {
    object! {
        "id": id, "object": "item", "adjustable_quantity": NULL, "amount_discount": 0,
        "amount_subtotal": amount, "amount_tax": 0, "amount_total": amount,
        "currency": text(price, "currency"), "description": description, "metadata": json!({}),
        "price": price.clone(), "quantity": quantity,
    }
}

/// Where something is sent.
pub(crate) fn shipping_details(address: &Value, name: &Value) -> Value {
    json!({ "address": address, "name": name })
}

/// `customer_details` once the customer has gone through the page.
pub(crate) fn customer_details(email: Value, name: Value) -> Value {
    json!({
        "address": {
            "city": null, "country": "US", "line1": null, "line2": null, "postal_code": "94103", "state": null,
        },
        "business_name": null, "email": email, "individual_name": null, "name": name, "phone": null,
        "tax_exempt": "none", "tax_ids": [],
    })
}
