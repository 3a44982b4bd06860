//! Confirmation tokens: what a customer typed into the Payment Element, to be confirmed with by the server
//! (<https://docs.stripe.com/payments/payment-element/migration-ct>). Stripe.js makes them; here only the test helper does.

use serde_json::{Value, json};

use super::payment_method as method;
use super::stored::ADDRESS;
use super::{World, put_all};
use crate::provider::double::error::ApiError;
use crate::provider::double::params::{Is, Params, Table};
use crate::provider::double::route::Route;
use crate::provider::double::store::Kind;
use crate::stripe::object::confirmation_token::confirmation_token;
use crate::stripe::object::{int, put, text};

pub(crate) const ROUTES: &[Route] = &[
    Route::retrieve("/v1/confirmation_tokens/{id}", Kind::ConfirmationToken),
    Route::create("/v1/test_helpers/confirmation_tokens", CREATE, create),
];

const CREATE: Table = &[
    ("payment_method", Is::Text),
    ("payment_method_data", Is::Fields(method::CREATE)),
    ("payment_method_options", Is::Fields(&[("card", Is::Fields(&[("installments", Is::NotModelled)]))])),
    ("return_url", Is::Text),
    ("setup_future_usage", Is::Choice(&["off_session", "on_session"])),
    (
        "shipping",
        Is::Fields(&[
            ("address", Is::Needed(&ADDRESS)),
            ("name", Is::Needed(&Is::Text)),
            ("phone", Is::Text),
        ]),
    ),
];

/// `POST /v1/test_helpers/confirmation_tokens`.
fn create(world: &mut World<'_>, params: &Params) -> Result<Value, ApiError> {
    // The payment method of a token is only made when something is confirmed with it.
    let shown = world.rehearse(|world| {
        super::intent::method_given(world, params).map(|id| id.map(|id| world.copy(&id)))
    })?;
    let shown = shown.ok_or_else(|| ApiError::missing_param("payment_method"))?;
    let kind = text(&shown, "type");
    let mut preview = json!({
        "allow_redisplay": shown["allow_redisplay"], "billing_details": shown["billing_details"],
        "customer": shown["customer"], "customer_account": null, "type": kind,
    });
    put(&mut preview, kind, shown[kind].clone());
    let id = world.mint("ctoken");
    let mut made = confirmation_token(&id, world.second(), preview);
    params.apply(&mut made, &["return_url", "setup_future_usage"]);
    if let Some(given) = params.given("shipping").filter(|given| given.is_object()) {
        put(&mut made, "shipping", shipping(given));
    }
    let hidden = json!({
        "payment_method": params.given("payment_method"), "payment_method_data": params.given("payment_method_data"),
    });
    Ok(world.insert_with(Kind::ConfirmationToken, made, hidden))
}

/// Where something is sent to, with every key.
fn shipping(given: &Value) -> Value {
    let to = &given["address"];
    json!({
        "address": {
            "city": to["city"], "country": to["country"], "line1": to["line1"], "line2": to["line2"],
            "postal_code": to["postal_code"], "state": to["state"],
        },
        "name": given["name"], "phone": given["phone"],
    })
}

/// What a call confirms with, where it names a token: the payment method that the token stands for, and all else that
/// was typed in.
pub(crate) struct Confirmed {
    pub(crate) token: String,
    pub(crate) method: String,
    /// `setup_future_usage` and `shipping`, where there are any.
    pub(crate) fields: Params,
    pub(crate) return_url: Option<String>,
}

/// Takes a token in, which can be used once.
pub(crate) fn taken(world: &mut World<'_>, params: &Params) -> Result<Option<Confirmed>, ApiError> {
    const PARAM: &str = "confirmation_token";
    let Some(id) = params.text(PARAM) else { return Ok(None) };
    if let Some(other) =
        ["payment_method", "payment_method_data"].iter().find(|name| params.given(name).is_some())
    {
        let message = format!("You may only specify one of these parameters: {PARAM}, {other}.");
        return Err(ApiError::invalid_param(PARAM, message));
    }
    let token = world.named_by(Kind::ConfirmationToken, id, PARAM)?;
    if !token["payment_intent"].is_null() || !token["setup_intent"].is_null() {
        let message =
            format!("The provided confirmation token {id} has already been used. It can be used only once.");
        return Err(ApiError::invalid_param(PARAM, message));
    }
    if int(&token, "expires_at") <= world.second() {
        return Err(ApiError::invalid_param(
            PARAM,
            format!("The provided confirmation token {id} has expired."),
        ));
    }
    let method = super::intent::method_given(world, &Params::kept(world.hidden(id)))?;
    let mut fields = json!({});
    for name in ["setup_future_usage", "shipping"] {
        if !token[name].is_null() {
            put(&mut fields, name, token[name].clone());
        }
    }
    Ok(method.map(|method| Confirmed {
        token: id.to_owned(),
        method,
        fields: Params::kept(&fields),
        return_url: token["return_url"].as_str().map(str::to_owned),
    }))
}

/// Notes what a token was used for: `payment_intent` or `setup_intent`.
pub(crate) fn use_up(world: &mut World<'_>, token: &str, kind: &str, intent: &str) {
    world.change(token, |token| put_all(token, [(kind, intent.into())]));
}
