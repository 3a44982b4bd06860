//! Payment intents over HTTP: made, confirmed, captured, canceled. Money itself moves in [`super::payment`].

use serde_json::{Value, json};

use super::confirmation_token::{self, Confirmed};
use super::intent_params::{CANCEL, CAPTURE, CONFIRM, CREATE, FIELDS, INCREMENT, UPDATE};
use super::payment::{self, Collect, outcome_of};
use super::payment_method as method;
use super::status::after_payment;
use super::test_card::{ASKED_IN_VAIN, Decline, Does, decline_of, does};
use super::{World, cash_balance, charge, connect, invoice, invoice_payment, put_all};
use crate::provider::double::error::ApiError;
use crate::provider::double::list::{AS_USUAL, CREATED, CUSTOMER};
use crate::provider::double::params::Params;
use crate::provider::double::route::Route;
use crate::provider::double::search;
use crate::provider::double::store::Kind;
use crate::stripe::object::{NULL, int, put, text};
use crate::stripe::version::calls::payment_methods::are_automatic;

pub(crate) const ROUTES: &[Route] = &[
    Route::list("/v1/payment_intents", Kind::PaymentIntent, &[CUSTOMER, CREATED], AS_USUAL),
    Route::search("/v1/payment_intents/search", Kind::PaymentIntent, search::PAYMENT_INTENTS),
    Route::create("/v1/payment_intents", CREATE, create),
    Route::retrieve("/v1/payment_intents/{id}", Kind::PaymentIntent),
    Route::change("/v1/payment_intents/{id}", UPDATE, update),
    Route::change("/v1/payment_intents/{id}/confirm", CONFIRM, confirm_by_hand),
    Route::change("/v1/payment_intents/{id}/capture", CAPTURE, capture),
    Route::change("/v1/payment_intents/{id}/cancel", CANCEL, cancel),
    Route::change("/v1/payment_intents/{id}/increment_authorization", INCREMENT, increment),
];

/// The most that Stripe charges at once: <https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts>.
const MOST: i64 = 99_999_999;

/// Amount and currency of a payment, as Stripe wants them.
pub(crate) fn amount_of(params: &Params) -> Result<(i64, String), ApiError> {
    let amount = params.int("amount").ok_or_else(|| ApiError::missing_param("amount"))?;
    let currency = params.needed("currency")?.to_lowercase();
    check_amount(amount)?;
    if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return Err(ApiError::invalid_param("currency", format!("Invalid currency: {currency}")));
    }
    Ok((amount, currency))
}

fn check_amount(amount: i64) -> Result<(), ApiError> {
    match amount {
        ..1 => Err(ApiError::invalid_param("amount", "This value must be greater than or equal to 1.")),
        1..=MOST => Ok(()),
        _ => Err(ApiError::invalid_param("amount", "Amount must be no more than $999,999.99")),
    }
}

/// `POST /v1/payment_intents`.
fn create(world: &mut World<'_>, params: &Params) -> Result<Value, ApiError> {
    let (amount, currency) = amount_of(params)?;
    let customer = params.given("customer").cloned().unwrap_or_default();
    if let Some(customer) = customer.as_str() {
        world.named_by(Kind::Customer, customer, "customer")?;
    }
    if params.is_true("off_session") && !params.is_true("confirm") {
        return Err(ApiError::invalid_param(
            "off_session",
            "You cannot set `off_session` without `confirm=true` when creating a PaymentIntent.",
        ));
    }
    if params.text("confirmation_token").is_some() && !params.is_true("confirm") {
        return Err(ApiError::invalid_param(
            "confirmation_token",
            "You cannot set `confirmation_token` without `confirm=true` when creating a PaymentIntent.",
        ));
    }
    connect::check(world, params, (&NULL, ""), Some(amount))?;
    let token = confirmation_token::taken(world, params)?;
    let method = match &token {
        Some(token) => Some(token.method.clone()),
        None => method_given(world, params)?,
    };
    if let Some(method) = &method {
        check_owner(world, method, customer.as_str().unwrap_or_default())?;
    }
    let automatic = are_automatic(world.version);
    let fields = |intent: &mut Value| {
        params.apply(intent, &FIELDS);
        params.apply(intent, &["transfer_group"]);
        params.apply(intent, &connect::FIELDS);
        lay_automatic(intent, params, automatic);
        if let Some(method) = &method {
            put_all(
                intent,
                [("payment_method", method.as_str().into()), ("status", "requires_confirmation".into())],
            );
        }
    };
    let id = payment::open_with(world, amount, &currency, customer, fields);
    remember_return_url(world, &id, params.text("return_url"));
    lay_token(world, &id, token);
    if params.is_true("confirm") { confirm(world, &id, params) } else { Ok(world.copy(&id)) }
}

/// Whoever says neither which payment methods an intent takes nor that they are automatic gets what the version means.
pub(crate) fn lay_automatic(intent: &mut Value, params: &Params, automatic: bool) {
    let said =
        ["payment_method_types", "automatic_payment_methods"].iter().any(|name| params.given(name).is_some());
    if automatic && !said {
        put(intent, "automatic_payment_methods", json!({ "allow_redirects": "always", "enabled": true }));
    }
    if let Some(shown) = intent.get_mut("automatic_payment_methods").filter(|shown| shown["enabled"] == true)
        && shown["allow_redirects"].is_null()
    {
        put(shown, "allow_redirects", "always");
    }
}

/// What a confirmation token says beside its payment method.
fn lay_token(world: &mut World<'_>, id: &str, token: Option<Confirmed>) {
    let Some(Confirmed { token, fields, return_url, .. }) = token else { return };
    world.change(id, |intent| fields.apply(intent, &["setup_future_usage", "shipping"]));
    remember_return_url(world, id, return_url.as_deref());
    confirmation_token::use_up(world, &token, "payment_intent", id);
}

/// A customer who is sent to another page must be able to come back.
///
/// # Errors
/// Stripe's, where nobody says to where.
pub(crate) fn check_return_url(world: &World<'_>, id: &str, intent: &Value) -> Result<(), ApiError> {
    let automatic = &intent["automatic_payment_methods"];
    let leaves = automatic["enabled"] == true && automatic["allow_redirects"] != "never";
    // Whoever names no version may do as the older ones do: so does Stripe's own CLI.
    if !leaves || !world.is_named || method::return_url_of(world, id).is_some() {
        return Ok(());
    }
    let what = if intent["object"] == "setup_intent" { "SetupIntent" } else { "PaymentIntent" };
    Err(ApiError::invalid(format!(
        "This {what} is configured to accept payment methods enabled in your Dashboard. Because some of these payment \
         methods might redirect your customer off of your page, you must provide a `return_url`. If you don't want to \
         accept redirect-based payment methods, set `automatic_payment_methods[enabled]` to `true` and \
         `automatic_payment_methods[allow_redirects]` to `never` when creating Setup Intents and Payment Intents."
    )))
}

fn remember_return_url(world: &mut World<'_>, id: &str, url: Option<&str>) {
    if let Some(url) = url {
        world.change_hidden(id, |hidden| {
            if !hidden.is_object() {
                *hidden = json!({});
            }
            put(hidden, "return_url", url);
        });
    }
}

/// `payment_method` or `payment_method_data`.
pub(crate) fn method_given(world: &mut World<'_>, params: &Params) -> Result<Option<String>, ApiError> {
    if let Some(method) = params.text("payment_method") {
        return method::named(world, method, "payment_method").map(Some);
    }
    let Some(Value::Object(data)) = params.given("payment_method_data") else { return Ok(None) };
    let data = Params::read(data, method::CREATE, &"payment_method_data")?;
    let made = method::create(world, &data)?;
    Ok(Some(text(&made, "id").to_owned()))
}

/// A payment method of one customer pays for nobody else.
pub(crate) fn check_owner(world: &World<'_>, method: &str, customer: &str) -> Result<(), ApiError> {
    let owner = text(world.peek(method), "customer");
    if owner.is_empty() || owner == customer {
        return Ok(());
    }
    Err(ApiError::invalid_param(
        "payment_method",
        format!(
            "The PaymentMethod {method} belongs to the Customer {owner}. Please include the Customer in the \
             `customer` parameter on the PaymentIntent."
        ),
    ))
}

/// `POST /v1/payment_intents/{id}`.
fn update(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    let before = world.at_path(Kind::PaymentIntent, id)?;
    let status = text(&before, "status");
    let fixed = matches!(status, "succeeded" | "canceled" | "processing" | "requires_capture");
    let frozen =
        ["amount", "currency", "customer", "payment_method", "payment_method_data", "payment_method_types"];
    if fixed && let Some(name) = frozen.into_iter().find(|name| params.given(name).is_some()) {
        return Err(unexpected(
            world,
            id,
            &format!(
                "This PaymentIntent's {name} could not be updated because it has a status of {status}. You may only \
                 update the {name} of a PaymentIntent with one of the following statuses: requires_payment_method, \
                 requires_confirmation, requires_action."
            ),
        ));
    }
    if let Some(amount) = params.int("amount") {
        check_amount(amount)?;
    }
    connect::check(world, params, (&before, ""), params.int("amount").or(before["amount"].as_i64()))?;
    if let Some(customer) = params.text("customer") {
        world.named_by(Kind::Customer, customer, "customer")?;
    }
    let method = method_given(world, params)?;
    if let Some(method) = &method {
        let customer = params.text("customer").unwrap_or(text(&before, "customer"));
        check_owner(world, method, customer)?;
    }
    world.change(id, |intent| {
        params.apply(intent, &FIELDS);
        params.apply(intent, &["amount", "currency", "transfer_group"]);
        params.apply(intent, &connect::FIELDS);
        if let Some(method) = method {
            put_all(
                intent,
                [
                    ("next_action", NULL),
                    ("payment_method", method.into()),
                    ("status", "requires_confirmation".into()),
                ],
            );
        }
    });
    Ok(world.copy(id))
}

fn unexpected(world: &World<'_>, id: &str, message: &str) -> ApiError {
    ApiError::state("payment_intent_unexpected_state", message).with("payment_intent", world.copy(id))
}

/// `POST /v1/payment_intents/{id}/confirm`.
fn confirm_by_hand(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    let intent = world.at_path(Kind::PaymentIntent, id)?;
    let status = text(&intent, "status");
    if !matches!(status, "requires_payment_method" | "requires_confirmation" | "requires_action") {
        return Err(unexpected(
            world,
            id,
            &format!(
                "You cannot confirm this PaymentIntent because it has already {}.",
                match status {
                    "succeeded" => "succeeded after being previously confirmed".to_owned(),
                    status => format!("a status of {status}"),
                }
            ),
        ));
    }
    let token = confirmation_token::taken(world, params)?;
    let method = match &token {
        Some(token) => Some(token.method.clone()),
        None => method_given(world, params)?,
    };
    if let Some(method) = &method {
        check_owner(world, method, text(&intent, "customer"))?;
    }
    world.change(id, |intent| {
        params.apply(intent, &FIELDS);
        if let Some(method) = method {
            put(intent, "payment_method", method);
        }
    });
    remember_return_url(world, id, params.text("return_url"));
    lay_token(world, id, token);
    confirm(world, id, params)
}

/// Confirms an intent whose fields are set.
fn confirm(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    let intent = world.copy(id);
    let Some(method) = intent["payment_method"].as_str() else {
        return Err(unexpected(
            world,
            id,
            "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the \
             PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a \
             payment method or ConfirmationToken.",
        ));
    };
    check_type(world, &intent, method)?;
    if !params.is_true("off_session") {
        check_return_url(world, id, &intent)?;
    }
    if text(world.peek(method), "type") == "customer_balance" {
        return cash_balance::confirm(world, id);
    }
    let absent = params.is_true("off_session") || params.is_true("error_on_requires_action");
    match how(world, method, params.is_true("off_session")) {
        Collect::ActionRequired if absent => refuse(world, id, method, ASKED_IN_VAIN),
        Collect::Declined => refuse(world, id, method, decline_of(world.peek(method))),
        how => {
            go(world, id, method, how);
            Ok(world.copy(id))
        }
    }
}

fn check_type(world: &World<'_>, intent: &Value, method: &str) -> Result<(), ApiError> {
    let kind = text(world.peek(method), "type");
    let types = intent["payment_method_types"].as_array().map_or(&[][..], Vec::as_slice);
    let automatic = intent["automatic_payment_methods"]["enabled"] == true;
    if automatic || kind.is_empty() || types.iter().any(|known| known == kind) {
        return Ok(());
    }
    let known: Vec<&str> = types.iter().filter_map(Value::as_str).collect();
    Err(ApiError::invalid_param(
        "payment_method",
        format!(
            "The PaymentMethod provided ({kind}) is not allowed for this PaymentIntent. Please attach a PaymentMethod \
             of one of the following types: {}.",
            known.join(", "),
        ),
    ))
}

/// What charging this payment method does, with or without the customer.
fn how(world: &World<'_>, method: &str, off_session: bool) -> Collect {
    let known = world.peek(method);
    match does(known) {
        Does::AsksUntilSetUp if off_session && world.hidden(method)["set_up"] == true => Collect::Paid,
        Does::AsksOnSession if !off_session => Collect::ActionRequired,
        _ => outcome_of(known),
    }
}

/// Collects; where an invoice asks for the money, for it.
fn go(world: &mut World<'_>, id: &str, method: &str, how: Collect) {
    match invoice_payment::invoice_of(world, id) {
        Some(invoice) if text(world.peek(&invoice), "status") == "open" => {
            invoice::pay(world, &invoice, method, how, None);
            after_payment(world, &invoice, how);
        }
        _ => {
            payment::collect(world, id, method, how);
        }
    }
}

/// 402, with the intent as it is now.
fn refuse(world: &mut World<'_>, id: &str, method: &str, how: Decline) -> Result<Value, ApiError> {
    if how == ASKED_IN_VAIN {
        payment::decline_as(world, id, method, how);
    } else {
        go(world, id, method, Collect::Declined);
    }
    let intent = world.copy(id);
    Err(ApiError::card(how.code, how.decline_code, how.message)
        .with("charge", intent["latest_charge"].clone())
        .with("payment_method", world.copy(method))
        .with("payment_intent", intent))
}

/// The customer answers the bank, as the page or Stripe.js lets them: the payment goes on, or fails.
///
/// # Errors
/// Stripe's, where no customer is asked.
pub(crate) fn authenticate(world: &mut World<'_>, id: &str, succeeds: bool) -> Result<(), ApiError> {
    let intent = world.at_path(Kind::PaymentIntent, id)?;
    if text(&intent, "status") != "requires_action" {
        return Err(unexpected(world, id, "This PaymentIntent does not wait for its customer."));
    }
    world.by_itself();
    let method = text(&intent, "payment_method").to_owned();
    if !succeeds {
        const MESSAGE: &str = "We are unable to authenticate your payment method. Please choose a different \
                               payment method and try again.";
        let how =
            Decline { code: "payment_intent_authentication_failure", decline_code: "", message: MESSAGE };
        let error = payment::declined_error("", world.copy(&method), how);
        world.change(id, |intent| method::failed(intent, "last_payment_error", error));
        world.tell("payment_intent.payment_failed", id);
        return Ok(());
    }
    let how = match does(world.peek(&method)) {
        Does::AsksThenDeclines(_) => Collect::Declined,
        _ => Collect::Paid,
    };
    go(world, id, &method, how);
    Ok(())
}

/// `POST /v1/payment_intents/{id}/capture`.
fn capture(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    let intent = world.at_path(Kind::PaymentIntent, id)?;
    let status = text(&intent, "status");
    if status != "requires_capture" {
        return Err(unexpected(
            world,
            id,
            &format!(
                "This PaymentIntent could not be captured because it has a status of {status}. Only a PaymentIntent \
                 with one of the following statuses may be captured: requires_capture."
            ),
        ));
    }
    let capturable = int(&intent, "amount_capturable");
    let amount = params.int("amount_to_capture").unwrap_or(capturable);
    if amount < 1 {
        return Err(ApiError::invalid_param("amount_to_capture", "Invalid positive integer"));
    }
    if amount > capturable {
        return Err(ApiError::state(
            "amount_too_large",
            "The amount to capture is greater than the remaining amount you can capture on this PaymentIntent.",
        ));
    }
    connect::check(world, params, (&intent, ""), Some(amount))?;
    world.change(id, |intent| {
        params.apply(intent, &["metadata", "statement_descriptor", "statement_descriptor_suffix"]);
        params.apply(intent, &connect::FIELDS);
    });
    world.change(text(&intent, "latest_charge"), |charge| params.apply(charge, &connect::FIELDS));
    captured(world, id, amount);
    Ok(world.copy(id))
}

/// So much of what was held is taken, and the intent is done.
pub(crate) fn captured(world: &mut World<'_>, id: &str, amount: i64) {
    let charge = text(world.peek(id), "latest_charge").to_owned();
    world.change(id, |intent| {
        put_all(
            intent,
            [
                ("amount_capturable", 0.into()),
                ("amount_received", amount.into()),
                ("status", "succeeded".into()),
            ],
        );
    });
    charge::capture(world, &charge, amount);
    world.tell("payment_intent.succeeded", id);
    invoice_payment::succeeded(world, id);
}

/// `POST /v1/payment_intents/{id}/cancel`.
fn cancel(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    let intent = world.at_path(Kind::PaymentIntent, id)?;
    let status = text(&intent, "status");
    if matches!(status, "succeeded" | "canceled" | "processing") {
        return Err(unexpected(
            world,
            id,
            &format!(
                "You cannot cancel this PaymentIntent because it has a status of {status}. Only a PaymentIntent with \
                 one of the following statuses may be canceled: requires_payment_method, requires_capture, \
                 requires_confirmation, requires_action, processing."
            ),
        ));
    }
    if invoice_payment::invoice_of(world, id).is_some() {
        return Err(ApiError::invalid(
            "You cannot cancel PaymentIntents created by invoices. You may void the invoice instead.",
        ));
    }
    payment::cancel_for(world, id, params.given("cancellation_reason").cloned().unwrap_or_default());
    invoice_payment::canceled(world, id);
    Ok(world.copy(id))
}

/// `POST /v1/payment_intents/{id}/increment_authorization`: what is held on the card becomes more.
fn increment(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    let intent = world.at_path(Kind::PaymentIntent, id)?;
    let asked = &intent["payment_method_options"]["card"]["request_incremental_authorization"];
    if text(&intent, "status") != "requires_capture" || asked != "if_available" {
        return Err(unexpected(
            world,
            id,
            "This PaymentIntent is not eligible for incremental authorization.",
        ));
    }
    let amount = params.int("amount").unwrap_or_default();
    check_amount(amount)?;
    if amount <= int(&intent, "amount") {
        return Err(ApiError::invalid_param(
            "amount",
            "The amount of an incremental authorization must be greater than the amount authorized before.",
        ));
    }
    world.change(text(&intent, "latest_charge"), |charge| put(charge, "amount", amount));
    Ok(world.updated("payment_intent.amount_capturable_updated", id, |intent| {
        params.apply(intent, &["description", "metadata", "statement_descriptor"]);
        put_all(intent, [("amount", amount.into()), ("amount_capturable", amount.into())]);
    }))
}
