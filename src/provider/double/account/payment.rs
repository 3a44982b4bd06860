//! Collecting money: how payment intents and their charges move, or do not.

use serde_json::{Map, Value, json};

pub(crate) use super::payment_method::attach;
use super::payment_method::{self as method, set_up};
use super::test_card::{Decline, Does, TestCard, decline_of, does};
use super::{World, balance, connect, dispute, invoice_payment, later, put_all};
use crate::provider::double::store::Kind;
use crate::stripe::object::{NULL, int, payment, put, text};

/// How collecting money goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Collect {
    /// The card is charged.
    Paid,
    /// The card is declined.
    Declined,
    /// The bank asks the customer first.
    ActionRequired,
    /// The money is on its way; days pass before it is known.
    Processing,
    /// Nobody tries: the customer will pay, or an invoice is sent.
    Later,
}

/// What charging this payment method does when the customer is not there.
pub(crate) fn outcome_of(method: &Value) -> Collect {
    match (text(method, "type"), does(method)) {
        ("us_bank_account" | "sepa_debit", _) => Collect::Processing,
        (_, Does::Declines(_) | Does::DeclinesCharges) => Collect::Declined,
        (_, Does::Asks | Does::AsksThenDeclines(_) | Does::AsksUntilSetUp) => Collect::ActionRequired,
        _ => Collect::Paid,
    }
}

/// The customer's default payment method, or the older default source.
pub(crate) fn default_of(world: &World<'_>, customer: &str) -> Option<String> {
    let customer = world.get(customer)?;
    let method = customer["invoice_settings"]["default_payment_method"].as_str();
    method.or_else(|| customer["default_source"].as_str()).map(str::to_owned)
}

/// The customer's default payment method; a card that was there all along where there is none yet.
pub(crate) fn on_file(world: &mut World<'_>, customer: &str) -> String {
    if let Some(method) = default_of(world, customer) {
        return method;
    }
    let id = method::new_card(world, customer, TestCard::usual());
    set_default(world, customer, &id);
    id
}

/// Makes a payment method the customer's default, without an event.
pub(crate) fn set_default(world: &mut World<'_>, customer: &str, method: &str) {
    world.change(customer, |customer| {
        if let Some(settings) = customer.get_mut("invoice_settings") {
            put(settings, "default_payment_method", method);
        }
    });
}

/// A payment intent of a customer, waiting for a payment method.
pub(crate) fn open(
    world: &mut World<'_>,
    amount: i64,
    currency: &str,
    customer: Value,
    about: &str,
    metadata: Value,
) -> String {
    open_with(world, amount, currency, customer, |intent| {
        put(intent, "description", about);
        if metadata.is_object() {
            put(intent, "metadata", metadata);
        }
    })
}

/// The same, with other fields.
pub(crate) fn open_with(
    world: &mut World<'_>,
    amount: i64,
    currency: &str,
    customer: Value,
    fields: impl FnOnce(&mut Value),
) -> String {
    let id = world.mint("pi");
    let mut secret = String::new();
    world.part.ids.letters(&mut secret, 25);
    let mut intent = payment::intent(&id, &secret, world.second(), amount, currency);
    put(&mut intent, "customer", customer);
    fields(&mut intent);
    world.insert(Kind::PaymentIntent, intent);
    world.tell("payment_intent.created", &id);
    id
}

/// Tries to collect; gives whether the money is there.
pub(crate) fn collect(world: &mut World<'_>, intent: &str, method: &str, how: Collect) -> bool {
    match how {
        Collect::Paid => succeed(world, intent, method),
        Collect::Declined => decline(world, intent, method),
        Collect::ActionRequired => ask(world, intent, method),
        Collect::Processing => process(world, intent, method),
        Collect::Later => {}
    }
    how == Collect::Paid
}

/// The charge of an intent that was processing, or a new one, succeeds.
fn succeed(world: &mut World<'_>, intent: &str, method: &str) {
    let processing = world.peek(intent)["latest_charge"]
        .as_str()
        .filter(|charge| world.peek(charge)["status"] == "pending")
        .map(str::to_owned);
    let charge = processing.unwrap_or_else(|| charge(world, intent, method));
    let held = text(world.peek(intent), "capture_method") == "manual";
    world.change(&charge, |charge| {
        let captured = if held { 0 } else { int(charge, "amount") };
        put_all(
            charge,
            [
                ("status", "succeeded".into()),
                ("paid", true.into()),
                ("captured", (!held).into()),
                ("amount_captured", captured.into()),
            ],
        );
    });
    save_for_later(world, intent, method);
    world.change(intent, |intent| {
        let amount = int(intent, "amount");
        let (received, capturable) = if held { (0, amount) } else { (amount, 0) };
        put_all(
            intent,
            [
                ("amount_capturable", capturable.into()),
                ("amount_received", received.into()),
                ("last_payment_error", NULL),
                ("latest_charge", charge.clone().into()),
                ("next_action", NULL),
                ("payment_method", method.into()),
                ("processing", NULL),
                ("status", if held { "requires_capture" } else { "succeeded" }.into()),
            ],
        );
    });
    if held {
        world.tell("payment_intent.amount_capturable_updated", intent);
        world.tell("charge.succeeded", &charge);
        return;
    }
    balance::charged(world, &charge);
    let shared = connect::settle(world, &charge);
    world.tell("payment_intent.succeeded", intent);
    world.tell("charge.succeeded", &charge);
    connect::tell(world, shared);
    dispute::after_charge(world, &charge);
    invoice_payment::succeeded(world, intent);
}

/// `setup_future_usage`: a payment method that paid is put on the customer's file.
fn save_for_later(world: &mut World<'_>, intent: &str, method: &str) {
    let paid = world.peek(intent);
    let (usage, customer) = (text(paid, "setup_future_usage"), text(paid, "customer"));
    if usage.is_empty() || customer.is_empty() || text(world.peek(method), "object") != "payment_method" {
        return;
    }
    let customer = customer.to_owned();
    set_up(world, method);
    if world.peek(method)["customer"].is_null() {
        world.change(method, |method| put(method, "customer", customer));
        world.tell("payment_method.attached", method);
    }
}

fn decline(world: &mut World<'_>, intent: &str, method: &str) {
    decline_as(world, intent, method, decline_of(world.peek(method)));
}

/// The charge is refused.
pub(crate) fn decline_as(world: &mut World<'_>, intent: &str, method: &str, how: Decline) {
    let charge = charge(world, intent, method);
    refuse_charge(world, &charge, how);
    let error = declined_error(&charge, world.copy(method), how);
    world.change(intent, |intent| {
        put_all(
            intent,
            [
                ("last_payment_error", error),
                ("latest_charge", charge.clone().into()),
                ("next_action", NULL),
                ("payment_method", NULL),
                ("processing", NULL),
                ("status", "requires_payment_method".into()),
            ],
        );
    });
    world.tell("charge.failed", &charge);
    world.tell("payment_intent.payment_failed", intent);
}

/// A charge becomes one that the bank refused, without an event.
pub(crate) fn refuse_charge(world: &mut World<'_>, charge: &str, how: Decline) {
    let blocked = how.decline_code == "fraudulent";
    let outcome = json!({
        "advice_code": "try_again_later", "network_advice_code": null,
        "network_decline_code": if blocked { NULL } else { "01".into() },
        "network_status": if blocked { "not_sent_to_network" } else { "declined_by_network" },
        "reason": if blocked { "highest_risk_level" } else { how.decline_code },
        "risk_level": if blocked { "highest" } else { "normal" },
        "seller_message": if blocked { "Stripe blocked this payment as too risky." } else {
            "The bank did not return any further details with this decline."
        },
        "type": if blocked { "blocked" } else { "issuer_declined" },
    });
    world.change(charge, |charge| {
        put_all(
            charge,
            [
                ("amount_captured", 0.into()),
                ("captured", false.into()),
                ("failure_code", how.code.into()),
                ("failure_message", how.message.into()),
                ("outcome", outcome),
                ("paid", false.into()),
                ("status", "failed".into()),
            ],
        );
    });
}

fn ask(world: &mut World<'_>, intent: &str, method: &str) {
    let action = method::next_action(intent, method::return_url_of(world, intent).as_deref());
    world.change(intent, |intent| {
        put_all(
            intent,
            [
                ("next_action", action),
                ("payment_method", method.into()),
                ("status", "requires_action".into()),
            ],
        );
    });
    world.tell("payment_intent.requires_action", intent);
}

fn process(world: &mut World<'_>, intent: &str, method: &str) {
    let charge = charge(world, intent, method);
    world.change(&charge, |charge| {
        put_all(charge, [("paid", false.into()), ("status", "pending".into())]);
    });
    world.change(intent, |intent| {
        put_all(
            intent,
            [
                ("latest_charge", charge.clone().into()),
                ("payment_method", method.into()),
                ("status", "processing".into()),
            ],
        );
    });
    world.tell("payment_intent.processing", intent);
    world.tell("charge.pending", &charge);
    later::settles(world, intent, method);
}

/// What was on its way does not arrive.
pub(crate) fn bounce(world: &mut World<'_>, intent: &str) {
    let charge = text(world.peek(intent), "latest_charge").to_owned();
    let method = text(world.peek(&charge), "payment_method").to_owned();
    let how = later::bounce_of(world, &method);
    world.change(&charge, |charge| {
        put_all(
            charge,
            [
                ("amount_captured", 0.into()),
                ("captured", false.into()),
                ("failure_code", how.code.into()),
                ("failure_message", how.message.into()),
                ("status", "failed".into()),
            ],
        );
    });
    let error = declined_error(&charge, world.copy(&method), how);
    world.change(intent, |intent| {
        put_all(
            intent,
            [
                ("last_payment_error", error),
                ("payment_method", NULL),
                ("processing", NULL),
                ("status", "requires_payment_method".into()),
            ],
        );
    });
    world.tell("charge.failed", &charge);
    world.tell("payment_intent.payment_failed", intent);
}

/// Nobody will pay any more: the invoice is void.
pub(crate) fn cancel(world: &mut World<'_>, intent: &str) {
    cancel_for(world, intent, "void_invoice".into());
}

/// Nobody will pay any more. What was held on the card is let go.
pub(crate) fn cancel_for(world: &mut World<'_>, intent: &str, reason: Value) {
    let now = world.second();
    let held = text(world.peek(intent), "status") == "requires_capture";
    let charge = text(world.peek(intent), "latest_charge").to_owned();
    world.change(intent, |intent| {
        put_all(
            intent,
            [
                ("amount_capturable", 0.into()),
                ("canceled_at", now.into()),
                ("cancellation_reason", reason),
                ("next_action", NULL),
                ("status", "canceled".into()),
            ],
        );
    });
    if held {
        world.update("charge.refunded", &charge, |charge| {
            let amount = int(charge, "amount");
            put_all(charge, [("amount_refunded", amount.into()), ("refunded", true.into())]);
        });
    }
    world.tell("payment_intent.canceled", intent);
}

pub(crate) fn charge(world: &mut World<'_>, intent: &str, method: &str) -> String {
    let id = world.mint("ch");
    let charge = payment::charge(&id, world.second(), world.peek(intent), world.peek(method));
    world.insert(Kind::Charge, charge);
    id
}

/// `last_payment_error`, and the same for a setup, where there is no charge.
pub(crate) fn declined_error(charge: &str, method: Value, how: Decline) -> Value {
    let mut error = Map::new();
    if !charge.is_empty() {
        error.insert("charge".to_owned(), charge.into());
    }
    error.insert("code".to_owned(), how.code.into());
    if !how.decline_code.is_empty() {
        error.insert("advice_code".to_owned(), "try_again_later".into());
        error.insert("decline_code".to_owned(), how.decline_code.into());
        error.insert("network_decline_code".to_owned(), "01".into());
    }
    let doc_url = format!("https://stripe.com/docs/error-codes/{}", how.code.replace('_', "-"));
    error.insert("doc_url".to_owned(), doc_url.into());
    error.insert("message".to_owned(), how.message.into());
    error.insert("payment_method".to_owned(), method);
    error.insert("type".to_owned(), "card_error".into());
    Value::Object(error)
}
