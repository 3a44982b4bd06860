//! The invoice that a checkout in payment mode makes of what was paid, where `invoice_creation` asks for one
//! (<https://docs.stripe.com/payments/checkout/receipts#paid-invoices>).

use serde_json::{Map, Value};

use super::item::New;
use super::{World, invoice, invoice_item};
use crate::provider::double::store::Kind;
use crate::stripe::object::{NULL, int, put, text};

/// Makes the invoice of a session, with what is kept beside it; `intent` has collected it, or is about to. Gives the id.
pub(crate) fn make(
    world: &mut World<'_>,
    (session, hidden): (&Value, &Value),
    customer: &str,
    intent: Option<&str>,
    discounts: Vec<String>,
) -> String {
    let lines = hidden["line_items"].as_array().map_or(&[][..], Vec::as_slice);
    let mut items = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let sold = New {
            price: line["price"].clone(),
            quantity: int(line, "quantity"),
            metadata: line["metadata"].clone(),
            tax_rates: hidden["tax_rates"][at].as_array().cloned().unwrap_or_default(),
            discounts: Vec::new(),
        };
        items.push(invoice_item::sold(world, customer, &sold));
    }
    let owned = world.overlay.replace((Kind::Invoice, fields(session)));
    let now = world.second();
    let lines = invoice_item::lines(world, &items);
    let draft = invoice::Draft {
        id: None,
        customer,
        currency: text(session, "currency"),
        reason: "manual",
        lines,
        subscription: &NULL,
        period: (now, now),
        discounts: Some(discounts),
        tax_rates: None,
    };
    let id = invoice::draft(world, draft);
    world.overlay = owned;
    invoice_item::settle_on(world, &items, &id);
    invoice::finalize_for(world, &id, intent);
    id
}

/// What the session says about its invoice.
fn fields(session: &Value) -> Map<String, Value> {
    let data = &session["invoice_creation"]["invoice_data"];
    let mut fields = Value::Object(Map::new());
    for name in ["account_tax_ids", "custom_fields", "description", "footer", "issuer", "metadata"] {
        if !data[name].is_null() {
            put(&mut fields, name, data[name].clone());
        }
    }
    for name in ["automatic_tax", "shipping_cost"] {
        put(&mut fields, name, session[name].clone());
    }
    put(&mut fields, "auto_advance", false);
    fields.as_object().cloned().unwrap_or_default()
}
