//! Payment methods, payment intents and charges: how money moves, or does not.

use serde_json::{Value, json};

use super::{World, put_all};
use crate::provider::double::error::ApiError;
use crate::provider::double::list::{AS_USUAL, CREATED, CUSTOMER};
use crate::provider::double::params::Is;
use crate::provider::double::route::Route;
use crate::provider::double::store::Kind;
use crate::stripe::object::{NULL, int, payment, put, text};

pub(crate) const ROUTES: &[Route] = &[
    Route::list("/v1/payment_intents", Kind::PaymentIntent, &[CUSTOMER, CREATED], AS_USUAL),
    Route::retrieve("/v1/payment_intents/{id}", Kind::PaymentIntent),
    Route::list("/v1/charges", Kind::Charge, &[CUSTOMER, ("payment_intent", Is::Text), CREATED], AS_USUAL),
    Route::retrieve("/v1/charges/{id}", Kind::Charge),
];

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

/// Stripe's test payment methods that cards are made from, with the last digits of their numbers.
const TEST_CARDS: [(&str, &str); 8] = [
    ("pm_card_visa", "4242"),
    ("pm_card_mastercard", "4444"),
    ("pm_card_amex", "0005"),
    ("pm_card_chargeCustomerFail", DECLINED),
    ("pm_card_visa_chargeDeclined", "0002"),
    ("pm_card_chargeDeclined", "0002"),
    ("pm_card_authenticationRequired", ASKS),
    ("pm_card_threeDSecure2Required", "3220"),
];

/// Attaches, and declines every charge.
const DECLINED: &str = "0341";
/// Asks for authentication on every charge.
const ASKS: &str = "3184";

/// What charging this card does, by Stripe's test numbers.
pub(crate) fn outcome_of(method: &Value) -> Collect {
    match text(&method["card"], "last4") {
        DECLINED | "0002" => Collect::Declined,
        ASKS | "3220" => Collect::ActionRequired,
        _ => Collect::Paid,
    }
}

/// Puts a payment method on a customer's file: a known one, or one of Stripe's test methods.
pub(crate) fn attach(
    world: &mut World<'_>,
    method: &str,
    customer: &str,
    param: &str,
) -> Result<String, ApiError> {
    if let Some((_, last4)) = TEST_CARDS.iter().find(|(token, _)| *token == method) {
        let id = new_card(world, customer, last4);
        world.tell("payment_method.attached", &id);
        return Ok(id);
    }
    let known = world.named_by(Kind::PaymentMethod, method, param)?;
    match text(&known, "customer") {
        "" => {
            world.change(method, |method| put(method, "customer", customer));
            world.tell("payment_method.attached", method);
        }
        owner if owner == customer => {}
        _ => {
            return Err(ApiError::invalid_param(
                param,
                "The payment method you provided has already been attached to a customer.",
            ));
        }
    }
    Ok(method.to_owned())
}

/// A card on the customer's file, without an event.
pub(crate) fn new_card(world: &mut World<'_>, customer: &str, last4: &str) -> String {
    let id = world.mint("pm");
    let billing = payment::billing_details(world.peek(customer));
    let mut card = payment::card(&id, world.second(), last4, billing);
    put(&mut card, "customer", customer);
    world.insert(Kind::PaymentMethod, card);
    id
}

/// The customer's default payment method.
pub(crate) fn default_of(world: &World<'_>, customer: &str) -> Option<String> {
    world.get(customer)?["invoice_settings"]["default_payment_method"].as_str().map(str::to_owned)
}

/// The customer's default payment method; a card that was there all along where there is none yet.
pub(crate) fn on_file(world: &mut World<'_>, customer: &str) -> String {
    if let Some(method) = default_of(world, customer) {
        return method;
    }
    let id = new_card(world, customer, "4242");
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
    let id = world.mint("pi");
    let mut secret = String::new();
    world.part.ids.letters(&mut secret, 25);
    let mut intent = payment::intent(&id, &secret, world.second(), amount, currency);
    put(&mut intent, "customer", customer);
    put(&mut intent, "description", about);
    if metadata.is_object() {
        put(&mut intent, "metadata", metadata);
    }
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
    world.change(&charge, |charge| {
        let amount = int(charge, "amount");
        put_all(
            charge,
            [
                ("status", "succeeded".into()),
                ("paid", true.into()),
                ("captured", true.into()),
                ("amount_captured", amount.into()),
            ],
        );
    });
    world.change(intent, |intent| {
        let amount = int(intent, "amount");
        put_all(
            intent,
            [
                ("amount_received", amount.into()),
                ("last_payment_error", NULL),
                ("latest_charge", charge.clone().into()),
                ("next_action", NULL),
                ("payment_method", method.into()),
                ("processing", NULL),
                ("status", "succeeded".into()),
            ],
        );
    });
    world.tell("payment_intent.succeeded", intent);
    world.tell("charge.succeeded", &charge);
}

fn decline(world: &mut World<'_>, intent: &str, method: &str) {
    let charge = charge(world, intent, method);
    world.change(&charge, |charge| {
        put_all(
            charge,
            [
                ("amount_captured", 0.into()),
                ("captured", false.into()),
                ("failure_code", "card_declined".into()),
                ("failure_message", "Your card was declined.".into()),
                (
                    "outcome",
                    json!({
                        "advice_code": "try_again_later", "network_advice_code": null,
                        "network_decline_code": "01", "network_status": "declined_by_network",
                        "reason": "generic_decline", "risk_level": "normal",
                        "seller_message": "The bank did not return any further details with this decline.",
                        "type": "issuer_declined",
                    }),
                ),
                ("paid", false.into()),
                ("status", "failed".into()),
            ],
        );
    });
    let card = world.copy(method);
    world.change(intent, |intent| {
        put_all(
            intent,
            [
                ("last_payment_error", declined_error(&charge, card)),
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

fn ask(world: &mut World<'_>, intent: &str, method: &str) {
    world.change(intent, |intent| {
        put_all(intent, [
            (
                "next_action",
                json!({ "type": "use_stripe_sdk", "use_stripe_sdk": { "type": "three_d_secure_redirect" } }),
            ),
            ("payment_method", method.into()),
            ("status", "requires_action".into()),
        ]);
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
}

/// What was on its way does not arrive.
pub(crate) fn bounce(world: &mut World<'_>, intent: &str) {
    let charge = text(world.peek(intent), "latest_charge").to_owned();
    let card = world.copy(text(world.peek(&charge), "payment_method"));
    world.change(&charge, |charge| {
        put_all(
            charge,
            [
                ("amount_captured", 0.into()),
                ("captured", false.into()),
                ("failure_code", "insufficient_funds".into()),
                ("failure_message", "The customer's account has insufficient funds.".into()),
                ("status", "failed".into()),
            ],
        );
    });
    world.change(intent, |intent| {
        put_all(
            intent,
            [
                ("last_payment_error", declined_error(&charge, card)),
                ("payment_method", NULL),
                ("status", "requires_payment_method".into()),
            ],
        );
    });
    world.tell("charge.failed", &charge);
    world.tell("payment_intent.payment_failed", intent);
}

/// Nobody will pay any more.
pub(crate) fn cancel(world: &mut World<'_>, intent: &str) {
    let now = world.second();
    world.change(intent, |intent| {
        put_all(
            intent,
            [
                ("canceled_at", now.into()),
                ("cancellation_reason", "void_invoice".into()),
                ("status", "canceled".into()),
            ],
        );
    });
    world.tell("payment_intent.canceled", intent);
}

fn charge(world: &mut World<'_>, intent: &str, method: &str) -> String {
    let id = world.mint("ch");
    let charge = payment::charge(&id, world.second(), world.peek(intent), world.peek(method));
    world.insert(Kind::Charge, charge);
    id
}

fn declined_error(charge: &str, method: Value) -> Value {
    json!({
        "advice_code": "try_again_later", "charge": charge, "code": "card_declined",
        "decline_code": "generic_decline", "doc_url": "https://stripe.com/docs/error-codes/card-declined",
        "message": "Your card was declined.", "network_decline_code": "01", "payment_method": method,
        "type": "card_error",
    })
}
