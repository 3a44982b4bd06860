//! What a customer fills in on the page of a checkout session: the address, the phone number, the app's own fields, and
//! the consent that is asked for. What is needed is filled in, what is optional is left; a scenario's `set` says otherwise.

use serde_json::{Value, json};

use super::{World, put_all};
use crate::stripe::object::{NULL, checkout, int, merge, put, text};

/// The number that the customer gives, one that nobody has.
const PHONE: &str = "+14155550123";

/// Fills in the page of a session; `who` is its customer, null where it has none.
pub(crate) fn fill_in(session: &mut Value, who: &Value, email: &str) {
    let address = if text(who, "email").is_empty() { email.into() } else { who["email"].clone() };
    let name = match who["name"].clone() {
        // Whoever has something sent to them says who they are.
        Value::Null if session["shipping_address_collection"].is_object() => email.into(),
        name => name,
    };
    let mut details = checkout::customer_details(address, name.clone());
    if session["phone_number_collection"]["enabled"] == true {
        put(&mut details, "phone", PHONE);
    }
    let sent_to = checkout::shipping_details(&details["address"], &name);
    put(session, "customer_details", details);
    if session["shipping_address_collection"].is_object() {
        put(
            session,
            "collected_information",
            json!({ "business_name": null, "individual_name": null, "shipping_details": sent_to }),
        );
    }
    if let Some(Value::Array(fields)) = session.get_mut("custom_fields") {
        fields.iter_mut().for_each(answer);
    }
    let asked = &session["consent_collection"];
    if asked.is_object() {
        let terms = (asked["terms_of_service"] == "required").then_some("accepted");
        // The box for promotional mail is not ticked by itself.
        let promotions = (asked["promotions"] == "auto").then_some("opt_out");
        put(session, "consent", json!({ "promotions": promotions, "terms_of_service": terms }));
    }
    if let Some(tax) = session.get_mut("automatic_tax").filter(|tax| tax["enabled"] == true) {
        put(tax, "status", "complete");
    }
}

/// Fills in one of the app's own fields, unless it is optional.
fn answer(field: &mut Value) {
    let kind = text(field, "type").to_owned();
    let optional = field["optional"] == true;
    let Some(own) = field.get_mut(&kind) else { return };
    let value = match (&own["default_value"], kind.as_str()) {
        (Value::String(value), _) => value.clone(),
        _ if optional => return,
        (_, "dropdown") => own["options"].get(0).map_or("", |option| text(option, "value")).to_owned(),
        (_, kind) => {
            let shortest = usize::try_from(int(own, "minimum_length").clamp(1, 255)).unwrap_or(1);
            (if kind == "numeric" { "1" } else { "x" }).repeat(shortest)
        }
    };
    put(own, "value", value);
}

/// `customer_update`: what the page learned goes to the customer.
pub(crate) fn update_customer(world: &mut World<'_>, session: &str, asked: &Value) {
    let filled = world.copy(session);
    let Some(customer) = filled["customer"].as_str().map(str::to_owned) else { return };
    let auto = |part: &str| asked[part] == "auto";
    let details = &filled["customer_details"];
    let sent_to = &filled["collected_information"]["shipping_details"];
    if !["address", "name", "shipping"].into_iter().any(auto) {
        return;
    }
    world.update("customer.updated", &customer, |customer| {
        if auto("address") {
            put(customer, "address", details["address"].clone());
        }
        if auto("name") && !details["name"].is_null() {
            put(customer, "name", details["name"].clone());
        }
        if auto("shipping") && sent_to.is_object() {
            let mut shipping = json!({ "phone": details["phone"] });
            if let Value::Object(sent_to) = sent_to {
                merge(&mut shipping, sent_to);
            }
            put(customer, "shipping", shipping);
        }
    });
}

/// Lays what the page says about its payment intent over the intent that it makes.
pub(crate) fn lay_intent(intent: &mut Value, data: &Value, session: &Value, who: &Value) {
    let names = [
        "application_fee_amount",
        "capture_method",
        "description",
        "metadata",
        "on_behalf_of",
        "receipt_email",
        "setup_future_usage",
        "shipping",
        "statement_descriptor",
        "statement_descriptor_suffix",
        "transfer_data",
        "transfer_group",
    ];
    for name in names.into_iter().filter(|name| !data[*name].is_null()) {
        put(intent, name, data[name].clone());
    }
    if data["shipping"].is_null() && session["shipping_address_collection"].is_object() {
        let mut filled = session.clone();
        fill_in(&mut filled, who, text(session, "customer_email"));
        put(intent, "shipping", filled["collected_information"]["shipping_details"].clone());
    }
    let types = &session["payment_method_types"];
    put_all(intent, [("payment_method_types", if types.is_null() { NULL } else { types.clone() })]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(json!({"type": "text", "optional": false, "text": {"minimum_length": 3, "value": null}}), json!("xxx"))]
    #[case(json!({"type": "numeric", "optional": false, "numeric": {"value": null}}), json!("1"))]
    #[case(json!({"type": "dropdown", "optional": false, "dropdown": {"options": [{"value": "a"}, {"value": "b"}], "value": null}}), json!("a"))]
    #[case(json!({"type": "dropdown", "optional": true, "dropdown": {"default_value": "b", "options": [], "value": null}}), json!("b"))]
    #[case(json!({"type": "text", "optional": true, "text": {"value": null}}), NULL)]
    #[case(json!({"type": "dropdown", "optional": false, "dropdown": {"options": [], "value": null}}), json!(""))]
    fn what_is_needed_is_filled_in(#[case] mut field: Value, #[case] expected: Value) {
        answer(&mut field);
        assert_eq!(field[text(&field, "type")]["value"], expected);
    }
}
