//! Setup intents: a payment method is made ready for later, and nothing is charged.

use serde_json::{Value, json};

use super::confirmation_token::{self, Confirmed};
use super::intent::{check_owner, check_return_url, lay_automatic, method_given};
use super::payment::{Collect, declined_error};
use super::test_card::{Decline, Does, decline_of, does};
use super::{World, payment_method as method, put_all, setup_attempt};
use crate::provider::double::error::ApiError;
use crate::provider::double::list::{AS_USUAL, CREATED, CUSTOMER};
use crate::provider::double::params::{Is, Params, Table};
use crate::provider::double::route::Route;
use crate::provider::double::store::Kind;
use crate::stripe::object::{NULL, put, setup, text};
use crate::stripe::version::calls::payment_methods::are_automatic;

pub(crate) const ROUTES: &[Route] = &[
    Route::list(
        "/v1/setup_intents",
        Kind::SetupIntent,
        &[CUSTOMER, ("payment_method", Is::Text), ("attach_to_self", Is::NotModelled), CREATED],
        AS_USUAL,
    ),
    Route::create("/v1/setup_intents", CREATE, create),
    Route::retrieve("/v1/setup_intents/{id}", Kind::SetupIntent),
    Route::change("/v1/setup_intents/{id}", UPDATE, update),
    Route::change("/v1/setup_intents/{id}/confirm", CONFIRM, confirm_by_hand),
    Route::change("/v1/setup_intents/{id}/cancel", CANCEL, cancel),
];

const AUTOMATIC: Is = Is::Fields(&[("enabled", Is::Needed(&Is::Bool)), ("allow_redirects", Is::Text)]);

const CREATE: Table = &[
    ("automatic_payment_methods", AUTOMATIC),
    ("confirm", Is::Bool),
    ("customer", Is::Text),
    ("description", Is::Text),
    ("mandate_data", Is::Map),
    ("metadata", Is::Meta),
    ("payment_method", Is::Text),
    ("payment_method_data", Is::Fields(method::CREATE)),
    ("payment_method_options", Is::Map),
    ("payment_method_types", Is::Texts),
    ("return_url", Is::Text),
    ("usage", Is::Choice(&["off_session", "on_session"])),
    ("use_stripe_sdk", Is::Bool),
    ("attach_to_self", Is::NotModelled),
    ("confirmation_token", Is::Text),
    ("customer_account", Is::NotModelled),
    ("excluded_payment_method_types", Is::NotModelled),
    ("flow_directions", Is::NotModelled),
    ("on_behalf_of", Is::Text),
    ("payment_method_configuration", Is::NotModelled),
    ("single_use", Is::NotModelled),
];

const UPDATE: Table = &[
    ("customer", Is::Text),
    ("description", Is::Text),
    ("metadata", Is::Meta),
    ("payment_method", Is::Text),
    ("payment_method_data", Is::Fields(method::CREATE)),
    ("payment_method_options", Is::Map),
    ("payment_method_types", Is::Texts),
    ("attach_to_self", Is::NotModelled),
    ("flow_directions", Is::NotModelled),
    ("payment_method_configuration", Is::NotModelled),
];

const CONFIRM: Table = &[
    ("mandate_data", Is::Map),
    ("payment_method", Is::Text),
    ("payment_method_data", Is::Fields(method::CREATE)),
    ("payment_method_options", Is::Map),
    ("return_url", Is::Text),
    ("use_stripe_sdk", Is::Bool),
    ("confirmation_token", Is::Text),
];

const CANCEL: Table =
    &[("cancellation_reason", Is::Choice(&["abandoned", "duplicate", "requested_by_customer"]))];

const FIELDS: [&str; 7] = [
    "automatic_payment_methods",
    "customer",
    "description",
    "metadata",
    "payment_method_options",
    "payment_method_types",
    "usage",
];

/// `POST /v1/setup_intents`.
fn create(world: &mut World<'_>, params: &Params) -> Result<Value, ApiError> {
    let customer = params.text("customer").unwrap_or_default();
    if !customer.is_empty() {
        world.named_by(Kind::Customer, customer, "customer")?;
    }
    if params.text("confirmation_token").is_some() && !params.is_true("confirm") {
        return Err(ApiError::invalid_param(
            "confirmation_token",
            "You cannot set `confirmation_token` without `confirm=true` when creating a SetupIntent.",
        ));
    }
    if let Some(account) = params.text("on_behalf_of") {
        world.named_by(Kind::Account, account, "on_behalf_of")?;
    }
    let token = confirmation_token::taken(world, params)?;
    let method = match &token {
        Some(token) => Some(token.method.clone()),
        None => method_given(world, params)?,
    };
    if let Some(method) = &method {
        check_owner(world, method, customer)?;
    }
    let id = world.mint("seti");
    let mut secret = String::new();
    world.part.ids.letters(&mut secret, 32);
    let mut made = setup::intent(&id, &secret, world.second());
    params.apply(&mut made, &FIELDS);
    params.apply(&mut made, &["on_behalf_of"]);
    lay_automatic(&mut made, params, are_automatic(world.version));
    if let Some(method) = method {
        put_all(&mut made, [("payment_method", method.into()), ("status", "requires_confirmation".into())]);
    }
    world.insert_with(Kind::SetupIntent, made, json!({ "return_url": params.text("return_url") }));
    world.tell("setup_intent.created", &id);
    lay_token(world, &id, token);
    if params.is_true("confirm") { confirm(world, &id) } else { Ok(world.copy(&id)) }
}

/// What a confirmation token says beside its payment method.
fn lay_token(world: &mut World<'_>, id: &str, token: Option<Confirmed>) {
    let Some(Confirmed { token, return_url, .. }) = token else { return };
    if let Some(url) = return_url {
        world.change_hidden(id, |hidden| put(hidden, "return_url", url));
    }
    confirmation_token::use_up(world, &token, "setup_intent", id);
}

/// The setup intent of a checkout session, which waits for the customer to go through the page.
pub(crate) fn of_page(world: &mut World<'_>, data: &Params, session: &Value) -> String {
    let id = world.mint("seti");
    let mut secret = String::new();
    world.part.ids.letters(&mut secret, 32);
    let mut made = setup::intent(&id, &secret, world.second());
    data.apply(&mut made, &["description", "metadata", "on_behalf_of"]);
    for name in ["customer", "payment_method_types"] {
        put(&mut made, name, session[name].clone());
    }
    world.insert(Kind::SetupIntent, made);
    world.tell("setup_intent.created", &id);
    id
}

/// The customer goes through the page of a checkout session with a payment method; gives whether it is ready.
pub(crate) fn go_through(
    world: &mut World<'_>,
    id: &str,
    customer: Option<&str>,
    method: &str,
    how: Collect,
) -> bool {
    world.change(id, |intent| {
        put_all(intent, [("customer", customer.into()), ("payment_method", method.into())]);
    });
    setup_attempt::begin(world, id, method);
    match how {
        Collect::Declined => fail(world, id, method, decline_of(world.peek(method))),
        Collect::ActionRequired => ask(world, id),
        _ => succeed(world, id, method),
    }
    text(world.peek(id), "status") == "succeeded"
}

/// Nobody will go through the page any more.
pub(crate) fn abandon(world: &mut World<'_>, id: &str) {
    setup_attempt::abandon(world, id);
    world.change(id, |intent| {
        put_all(
            intent,
            [
                ("cancellation_reason", "abandoned".into()),
                ("next_action", NULL),
                ("status", "canceled".into()),
            ],
        );
    });
    world.tell("setup_intent.canceled", id);
}

/// `POST /v1/setup_intents/{id}`.
fn update(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    let before = world.at_path(Kind::SetupIntent, id)?;
    let status = text(&before, "status");
    let fixed = matches!(status, "succeeded" | "canceled");
    let frozen = ["customer", "payment_method", "payment_method_data", "payment_method_types"];
    if fixed && let Some(name) = frozen.into_iter().find(|name| params.given(name).is_some()) {
        let message = format!("You cannot update the {name} of a SetupIntent with a status of {status}.");
        return Err(unexpected(world, id, &message));
    }
    if let Some(customer) = params.text("customer") {
        world.named_by(Kind::Customer, customer, "customer")?;
    }
    let method = method_given(world, params)?;
    if let Some(method) = &method {
        check_owner(world, method, params.text("customer").unwrap_or(text(&before, "customer")))?;
    }
    world.change(id, |intent| {
        params.apply(intent, &FIELDS);
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
    ApiError::state("setup_intent_unexpected_state", message).with("setup_intent", world.copy(id))
}

/// `POST /v1/setup_intents/{id}/confirm`.
fn confirm_by_hand(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    let intent = world.at_path(Kind::SetupIntent, id)?;
    let status = text(&intent, "status");
    if !matches!(status, "requires_payment_method" | "requires_confirmation" | "requires_action") {
        let message = format!(
            "You cannot confirm this SetupIntent because it has a status of {status}. Only a SetupIntent with one of \
             the following statuses may be confirmed: requires_payment_method, requires_confirmation, \
             requires_action."
        );
        return Err(unexpected(world, id, &message));
    }
    let token = confirmation_token::taken(world, params)?;
    let method = match &token {
        Some(token) => Some(token.method.clone()),
        None => method_given(world, params)?,
    };
    if let Some(method) = method {
        check_owner(world, &method, text(&intent, "customer"))?;
        world.change(id, |intent| put(intent, "payment_method", method));
    }
    world.change(id, |intent| params.apply(intent, &["payment_method_options"]));
    if let Some(url) = params.text("return_url") {
        world.change_hidden(id, |hidden| put(hidden, "return_url", url));
    }
    lay_token(world, id, token);
    confirm(world, id)
}

fn confirm(world: &mut World<'_>, id: &str) -> Result<Value, ApiError> {
    let intent = world.copy(id);
    let Some(method) = intent["payment_method"].as_str() else {
        return Err(unexpected(
            world,
            id,
            "You cannot confirm this SetupIntent because it's missing a payment method. Update the SetupIntent with a \
             payment method and then confirm it again.",
        ));
    };
    check_return_url(world, id, &intent)?;
    setup_attempt::begin(world, id, method);
    match does(world.peek(method)) {
        Does::Asks | Does::AsksUntilSetUp | Does::AsksOnSession => ask(world, id),
        Does::Declines(how) => {
            fail(world, id, method, how);
            return Err(ApiError::card(how.code, how.decline_code, how.message)
                .with("payment_method", world.copy(method))
                .with("setup_intent", world.copy(id)));
        }
        _ => succeed(world, id, method),
    }
    Ok(world.copy(id))
}

fn ask(world: &mut World<'_>, id: &str) {
    let action = method::next_action(id, method::return_url_of(world, id).as_deref());
    setup_attempt::becomes(world, id, "requires_action", NULL);
    world.change(id, |intent| {
        put_all(intent, [("next_action", action), ("status", "requires_action".into())]);
    });
    world.tell("setup_intent.requires_action", id);
}

/// The payment method is ready, and on the customer's file.
fn succeed(world: &mut World<'_>, id: &str, method: &str) {
    let customer = text(world.peek(id), "customer").to_owned();
    method::set_up(world, method);
    setup_attempt::becomes(world, id, "succeeded", NULL);
    world.change(id, |intent| {
        put_all(intent, [("last_setup_error", NULL), ("next_action", NULL), ("status", "succeeded".into())]);
    });
    if !customer.is_empty() && world.peek(method)["customer"].is_null() {
        world.change(method, |method| put(method, "customer", customer));
        world.tell("payment_method.attached", method);
    }
    world.tell("setup_intent.succeeded", id);
}

fn fail(world: &mut World<'_>, id: &str, method: &str, how: Decline) {
    let error = declined_error("", world.copy(method), how);
    setup_attempt::becomes(world, id, "failed", error.clone());
    world.change(id, |intent| method::failed(intent, "last_setup_error", error));
    world.tell("setup_intent.setup_failed", id);
}

/// The customer answers the bank: the payment method is ready, or is not.
///
/// # Errors
/// Stripe's, where no customer is asked.
pub(crate) fn authenticate(world: &mut World<'_>, id: &str, succeeds: bool) -> Result<(), ApiError> {
    let intent = world.at_path(Kind::SetupIntent, id)?;
    if text(&intent, "status") != "requires_action" {
        return Err(unexpected(world, id, "This SetupIntent does not wait for its customer."));
    }
    world.by_itself();
    let method = text(&intent, "payment_method").to_owned();
    if succeeds {
        succeed(world, id, &method);
    } else {
        const MESSAGE: &str = "We are unable to authenticate your payment method. Please choose a different \
                               payment method and try again.";
        fail(
            world,
            id,
            &method,
            Decline { code: "setup_intent_authentication_failure", decline_code: "", message: MESSAGE },
        );
    }
    Ok(())
}

/// `POST /v1/setup_intents/{id}/cancel`.
fn cancel(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    let intent = world.at_path(Kind::SetupIntent, id)?;
    let status = text(&intent, "status");
    if matches!(status, "succeeded" | "canceled" | "processing") {
        let message = format!(
            "You cannot cancel this SetupIntent because it has a status of {status}. Only a SetupIntent with one of \
             the following statuses may be canceled: requires_payment_method, requires_confirmation, requires_action."
        );
        return Err(unexpected(world, id, &message));
    }
    let reason = params.given("cancellation_reason").cloned().unwrap_or_default();
    setup_attempt::abandon(world, id);
    world.change(id, |intent| {
        put_all(
            intent,
            [("cancellation_reason", reason), ("next_action", NULL), ("status", "canceled".into())],
        );
    });
    world.tell("setup_intent.canceled", id);
    Ok(world.copy(id))
}
