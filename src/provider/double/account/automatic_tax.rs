//! `automatic_tax`: Stripe Tax on an account that has no tax registration. Such an account collects no tax anywhere
//! (<https://docs.stripe.com/tax/zero-tax>), so every amount of it is 0; but Stripe wants to know where the customer is
//! all the same (<https://docs.stripe.com/tax/customer-locations>).

use std::net::IpAddr;

use serde_json::{Value, json};

use super::{World, put_all};
use crate::provider::double::error::ApiError;
use crate::provider::double::params::{Is, Params};
use crate::provider::double::store::Kind;
use crate::stripe::object::invoice::subscription_of;
use crate::stripe::object::{NULL, put, text};

/// `automatic_tax` of whatever is billed.
pub(crate) const AUTOMATIC_TAX: Is = Is::Fields(&[("enabled", Is::Needed(&Is::Bool)), ("liability", PARTY)]);

/// `tax` of a customer.
pub(crate) const CUSTOMER: Is = Is::Fields(&[
    ("ip_address", Is::Text),
    ("validate_location", Is::Choice(&["auto", "deferred", "immediately"])),
]);

/// Who is liable for a tax, or issues an invoice: this account, or one that is connected to it.
pub(crate) const PARTY: Is =
    Is::Fields(&[("account", Is::Text), ("type", Is::Needed(&Is::Choice(&["account", "self"])))]);

/// Whether the customer is where Stripe can tell which taxes apply: it has a country, and in the US and Canada a
/// postal code; or it was seen at an IP address.
pub(crate) fn is_located(world: &World<'_>, customer: &str) -> bool {
    let holder = world.peek(customer);
    tells(&holder["shipping"]["address"])
        || tells(&holder["address"])
        || world.hidden(customer)["tax"]["ip_address"].is_string()
}

fn tells(address: &Value) -> bool {
    match text(address, "country") {
        "" => false,
        "US" | "CA" => !text(address, "postal_code").is_empty(),
        _ => true,
    }
}

/// `tax` of a customer: where it was seen, which no field of it shows. Where the location is validated at once, it must be
/// one (<https://docs.stripe.com/tax/customer-locations>).
///
/// # Errors
/// Stripe's, where it is none, or the address is not an IP address.
pub(crate) fn set_location(world: &mut World<'_>, customer: &str, params: &Params) -> Result<(), ApiError> {
    let tax = params.inside("tax");
    if let Some(ip) = tax.given("ip_address") {
        if ip.as_str().is_some_and(|ip| ip.parse::<IpAddr>().is_err()) {
            return Err(ApiError::invalid_param("tax[ip_address]", "Invalid IP address."));
        }
        world.keep_beside(customer, "tax", json!({ "ip_address": ip }));
    }
    if tax.text("validate_location") == Some("immediately") && !is_located(world, customer) {
        return Err(unlocated().about("tax[validate_location]"));
    }
    Ok(())
}

/// A customer's `tax`, which is shown where it is asked for: the account collects none anywhere.
pub(crate) fn of_customer(customer: &Value, hidden: &Value) -> Value {
    let ip = hidden["tax"]["ip_address"].clone();
    let places = [
        (&customer["shipping"]["address"], "shipping_destination"),
        (&customer["address"], "billing_address"),
    ];
    let place = places.into_iter().find(|(address, _)| tells(address));
    let location = place.map(|(address, source)| {
        json!({ "country": address["country"], "source": source, "state": address["state"] })
    });
    let known = location.is_some() || ip.is_string();
    json!({
        "automatic_tax": if known { "not_collecting" } else { "unrecognized_location" }, "ip_address": ip,
        "location": location, "provider": "stripe",
    })
}

/// Checks the parameter where something is billed to a customer at once.
///
/// # Errors
/// Stripe's, where nobody knows where the customer is, or the account that is liable is none.
pub(crate) fn check(world: &World<'_>, given: Option<&Value>, customer: &str) -> Result<(), ApiError> {
    check_liability(world, given)?;
    if given.is_some_and(|given| given["enabled"] == true) && !is_located(world, customer) {
        return Err(unlocated());
    }
    Ok(())
}

/// Checks who is liable, where the parameter says it.
pub(crate) fn check_liability(world: &World<'_>, given: Option<&Value>) -> Result<(), ApiError> {
    check_liability_in(world, given, "automatic_tax")
}

/// The same of a parameter with another name: one inside another.
pub(crate) fn check_liability_in(
    world: &World<'_>,
    given: Option<&Value>,
    param: &str,
) -> Result<(), ApiError> {
    check_party(world, given.map_or(&NULL, |given| &given["liability"]), &format!("{param}[liability]"))
}

/// What Stripe says where it cannot tell which taxes apply.
pub(crate) fn unlocated() -> ApiError {
    ApiError::coded(UNLOCATED, "automatic_tax", UNLOCATED_MESSAGE)
}

const UNLOCATED: &str = "customer_tax_location_invalid";
const UNLOCATED_MESSAGE: &str = "The customer's location isn't recognized. Set a valid customer address in order to \
                                 automatically calculate tax.";

/// Checks a [`PARTY`]: an account is named where it is one, and only there.
pub(crate) fn check_party(world: &World<'_>, party: &Value, param: &str) -> Result<(), ApiError> {
    let param = format!("{param}[account]");
    match (text(party, "type"), party["account"].as_str()) {
        ("account", None) => Err(ApiError::missing_param(&param)),
        ("account", Some(account)) => world.named_by(Kind::Account, account, &param).map(drop),
        (_, Some(_)) => {
            Err(ApiError::invalid_param(&param, "You can only set `account` if `type` is `account`."))
        }
        (_, None) => Ok(()),
    }
}

/// Lays the parameter over the `automatic_tax` of an object, whose keys differ from kind to kind.
pub(crate) fn lay(object: &mut Value, given: Option<&Value>, located: bool) {
    let Some(given) = given.filter(|given| given.is_object()) else { return };
    let on = given["enabled"] == true;
    let liability = match &given["liability"] {
        Value::Null => json!({ "type": "self" }),
        liability => liability.clone(),
    };
    let status = if located { "complete" } else { "requires_location_inputs" };
    let Some(tax) = object.get_mut("automatic_tax") else { return };
    put(tax, "enabled", on);
    put(tax, "liability", if on { liability } else { NULL });
    if on && tax.get("disabled_reason").is_some() {
        put(tax, "disabled_reason", NULL);
    }
    for (name, value) in [("provider", "stripe"), ("status", status)] {
        if tax.get(name).is_some() {
            put(tax, name, on.then_some(value));
        }
    }
}

/// What a new subscription starts with, as its fields; nothing where nothing is said.
pub(crate) fn of_subscription(fields: &mut Value, given: Option<&Value>) {
    if given.is_some_and(Value::is_object) {
        put(fields, "automatic_tax", json!({ "enabled": false, "liability": null }));
        lay(fields, given, true);
    }
}

/// What a phase of a schedule says of its own; it has no such key where it says nothing.
pub(crate) fn of_phase(phase: &mut Value, given: &Value) {
    if given.is_object() {
        put(phase, "automatic_tax", json!({ "disabled_reason": null, "enabled": false, "liability": null }));
        lay(phase, Some(given), true);
    }
}

/// As a parameter, from the object that shows it.
pub(crate) fn as_given(tax: &Value) -> Value {
    let mut given = json!({ "enabled": tax["enabled"] == true });
    if tax["enabled"] == true && tax["liability"].is_object() {
        put(&mut given, "liability", tax["liability"].clone());
    }
    given
}

/// The same for a new invoice.
pub(crate) fn of_invoice(fields: &mut Value, given: Option<&Value>, located: bool) {
    if given.is_some_and(Value::is_object) {
        put(
            fields,
            "automatic_tax",
            json!({ "enabled": false, "liability": null, "provider": null, "status": null }),
        );
        lay(fields, given, located);
    }
}

/// An invoice is only finalized where Stripe can tell which taxes apply; where it cannot, it tells that it failed.
///
/// # Errors
/// Stripe's, where it cannot.
pub(crate) fn ready(world: &mut World<'_>, invoice: &str) -> Result<(), ApiError> {
    if !misses_location(world, invoice) {
        return Ok(());
    }
    fail(world, invoice, |_| {});
    Err(unlocated())
}

/// The same where nobody asked. A subscription's invoice goes on without taxes, and the subscription with it; another
/// stays a draft that nothing finalizes any more (<https://docs.stripe.com/tax/customer-locations#finalization-errors>).
pub(crate) fn ready_by_itself(world: &mut World<'_>, invoice: &str) -> Result<(), ApiError> {
    if !misses_location(world, invoice) {
        return Ok(());
    }
    if let Some(subscription) = subscription_of(world.peek(invoice)).map(str::to_owned) {
        world.update("invoice.updated", invoice, |invoice| {
            disable(invoice, "finalization_requires_location_inputs");
        });
        world.update("customer.subscription.updated", &subscription, |subscription| {
            disable(subscription, UNTAXED);
        });
        if let Some(schedule) = world.peek(&subscription)["schedule"].as_str().map(str::to_owned) {
            world.update("subscription_schedule.updated", &schedule, disable_schedule);
        }
        return Ok(());
    }
    fail(world, invoice, |invoice| {
        put_all(invoice, [("automatically_finalizes_at", NULL), ("next_payment_attempt", NULL)]);
    });
    Err(unlocated())
}

/// Whether a draft still waits for the customer's location; notes that it does not where it is known by now.
fn misses_location(world: &mut World<'_>, invoice: &str) -> bool {
    let draft = world.peek(invoice);
    if draft["automatic_tax"]["status"] != "requires_location_inputs" {
        return false;
    }
    if !is_located(world, text(draft, "customer")) {
        return true;
    }
    world.change(invoice, |invoice| {
        if let Some(tax) = invoice.get_mut("automatic_tax") {
            put(tax, "status", "complete");
        }
    });
    false
}

fn fail(world: &mut World<'_>, invoice: &str, also: impl FnOnce(&mut Value)) {
    let error = json!({
        "code": UNLOCATED, "doc_url": "https://stripe.com/docs/error-codes/customer-tax-location-invalid",
        "message": UNLOCATED_MESSAGE, "param": "automatic_tax", "type": "invalid_request_error",
    });
    world.change(invoice, |invoice| {
        put(invoice, "last_finalization_error", error);
        also(invoice);
    });
    world.tell("invoice.finalization_failed", invoice);
}

/// Why a subscription and its schedule are not taxed any more.
const UNTAXED: &str = "requires_location_inputs";

/// Of a schedule: what is the default, and what the current phase says.
fn disable_schedule(schedule: &mut Value) {
    let current = schedule["current_phase"]["start_date"].clone();
    let on = |object: &Value| object["automatic_tax"]["enabled"] == true;
    if let Some(settings) = schedule.get_mut("default_settings").filter(|settings| on(settings)) {
        disable(settings, UNTAXED);
    }
    let phases = schedule.get_mut("phases").and_then(Value::as_array_mut);
    let now = phases.into_iter().flatten().filter(|phase| phase["start_date"] == current && on(phase));
    now.for_each(|phase| disable(phase, UNTAXED));
}

fn disable(object: &mut Value, why: &str) {
    let Some(tax) = object.get_mut("automatic_tax") else { return };
    put_all(tax, [("disabled_reason", why.into()), ("enabled", false.into()), ("liability", NULL)]);
    for name in ["provider", "status"] {
        if tax.get(name).is_some() {
            put(tax, name, NULL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(json!({"enabled": true}), true, json!({"enabled": true, "liability": {"type": "self"}, "provider": "stripe", "status": "complete"}))]
    #[case(json!({"enabled": true}), false, json!({"enabled": true, "liability": {"type": "self"}, "provider": "stripe", "status": "requires_location_inputs"}))]
    #[case(json!({"enabled": false}), true, json!({"enabled": false, "liability": null, "provider": null, "status": null}))]
    fn an_object_shows_what_it_has_keys_for(
        #[case] given: Value,
        #[case] located: bool,
        #[case] expected: Value,
    ) {
        let mut whole = json!({ "automatic_tax": { "enabled": false, "liability": null, "provider": null, "status": null } });
        lay(&mut whole, Some(&given), located);
        assert_eq!(whole["automatic_tax"], expected);
        let mut short = json!({ "automatic_tax": { "enabled": false, "liability": null } });
        lay(&mut short, Some(&given), located);
        assert_eq!(short["automatic_tax"]["enabled"], expected["enabled"]);
        assert_eq!(short["automatic_tax"].get("status"), None);
    }
}
