//! What Stripe answers when it refuses a call.

use serde_json::{Map, Value};

use crate::stripe::object::object;
use crate::stripe::refusal::{Limit, Refusal};

/// A refused call, as Stripe words it. For a route that the double does not model, status 501.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct ApiError {
    /// The HTTP status.
    pub(crate) status: u16,
    kind: &'static str,
    code: Option<&'static str>,
    param: Option<String>,
    message: String,
    /// What else the body tells: `decline_code`, `charge`, the intent as it is now.
    details: Option<Box<Map<String, Value>>>,
    /// In the words of the v2 API.
    of_v2: bool,
}

/// How Stripe ends what it says of an address.
const HELP: &str = "Please see https://stripe.com/docs or we can help at https://support.stripe.com/.";

/// The status of what is refused by name rather than guessed.
pub(crate) const NOT_MODELLED: u16 = 501;

impl ApiError {
    fn new(status: u16, kind: &'static str, code: Option<&'static str>, message: String) -> Self {
        Self { status, kind, code, param: None, message, details: None, of_v2: false }
    }

    pub(crate) fn about(mut self, param: &str) -> Self {
        self.param = Some(param.to_owned());
        self
    }

    /// 400: a call that makes no sense, in Stripe's words.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "invalid_request_error", None, message.into())
    }

    /// The same, and which parameter is to blame.
    pub(crate) fn invalid_param(param: &str, message: impl Into<String>) -> Self {
        Self::invalid(message).about(param)
    }

    /// 400 with a code, about a parameter.
    pub(crate) fn coded(code: &'static str, param: &str, message: impl Into<String>) -> Self {
        Self::new(400, "invalid_request_error", Some(code), message.into()).about(param)
    }

    /// The same error with Stripe's code for it.
    pub(crate) fn with_code(self, code: &'static str) -> Self {
        Self { code: Some(code), ..self }
    }

    /// The same error with another HTTP status.
    pub(crate) fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// 404 for the object in the path.
    pub(crate) fn no_such(noun: &str, id: &str) -> Self {
        Self { status: 404, ..Self::no_such_param(noun, id, "id") }
    }

    /// 400 for an object that a parameter names.
    pub(crate) fn no_such_param(noun: &str, id: &str, param: &str) -> Self {
        let message = format!("No such {noun}: '{id}'");
        Self::new(400, "invalid_request_error", Some("resource_missing"), message).about(param)
    }

    pub(crate) fn unknown_param(param: &str) -> Self {
        let message = format!("Received unknown parameter: {param}");
        Self::new(400, "invalid_request_error", Some("parameter_unknown"), message).about(param)
    }

    pub(crate) fn missing_param(param: &str) -> Self {
        let message = format!("Missing required param: {param}.");
        Self::new(400, "invalid_request_error", Some("parameter_missing"), message).about(param)
    }

    pub(crate) fn invalid_integer(param: &str, value: &str) -> Self {
        let message = format!("Invalid integer: {value}");
        Self::new(400, "invalid_request_error", Some("parameter_invalid_integer"), message).about(param)
    }

    /// No default payment method, where one is to be charged.
    pub(crate) fn no_payment_method() -> Self {
        let message = "This customer has no attached payment source or default payment method. Please \
                       consider adding a default payment method.";
        Self::new(400, "invalid_request_error", Some("resource_missing"), message.to_owned())
    }

    /// 402: the card was declined.
    pub(crate) fn declined() -> Self {
        Self::new(402, "card_error", Some("card_declined"), "Your card was declined.".to_owned())
    }

    /// 402: the bank wants the customer to authenticate, and the caller wanted the payment at once.
    pub(crate) fn action_required() -> Self {
        let message = "Subscription creation failed because the subscription requires additional user action \
                       before its first invoice can be paid.";
        let code = Some("subscription_payment_intent_requires_action");
        Self::new(402, "card_error", code, message.to_owned())
    }

    /// 402: the bank wants the customer to authenticate before an invoice is paid.
    pub(crate) fn invoice_action_required() -> Self {
        let message = "This payment requires additional user action before it can be completed successfully. \
                       Payment can be completed using the PaymentIntent associated with this invoice.";
        let code = Some("invoice_payment_intent_requires_action");
        Self::new(402, "card_error", code, message.to_owned())
    }

    /// 402, and how the card was refused.
    pub(crate) fn card(code: &'static str, decline_code: &str, message: &str) -> Self {
        let error = Self::new(402, "card_error", Some(code), message.to_owned());
        if decline_code.is_empty() { error } else { error.with("decline_code", decline_code) }
    }

    /// 400: the object is in no state for it.
    pub(crate) fn state(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(400, "invalid_request_error", Some(code), message.into())
    }

    /// Tells something else in the body.
    pub(crate) fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.details.get_or_insert_default().insert(key.to_owned(), value.into());
        self
    }

    /// 401.
    pub(crate) fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(401, "invalid_request_error", None, message.into())
    }

    /// The idempotency key was used with other parameters before.
    pub(crate) fn idempotency(key: &str) -> Self {
        let message = format!(
            "Keys for idempotent requests can only be used with the same parameters they were first used \
             with. Try using a key other than '{key}' if you meant to execute a different request."
        );
        Self::new(400, "idempotency_error", None, message)
    }

    /// The address of a webhook endpoint is none.
    pub(crate) fn url(message: impl Into<String>) -> Self {
        Self::new(400, "invalid_request_error", Some("url_invalid"), message.into()).about("url")
    }

    /// 404: Stripe has no such route, for sure: what it might have is [refused by name](Self::not_modelled).
    pub(crate) fn unrecognized(method: &str, path: &str) -> Self {
        let (method, path): (String, String) =
            (method.chars().take(20).collect(), path.chars().take(120).collect());
        let message = format!("Unrecognized request URL ({method}: {path}). {HELP}");
        Self::new(404, "invalid_request_error", None, message)
    }

    /// The same, where the id is empty that a path ends in.
    pub(crate) fn forgotten_id(self) -> Self {
        let hint = "If you are trying to list objects, remove the trailing slash. If you are trying to retrieve an \
                    object, make sure you passed a valid (non-empty) identifier in your code.";
        let message = self.message.replace(HELP, &format!("{hint} {HELP}"));
        Self { message, ..self }
    }

    /// 403: another account, which the key has no business with.
    pub(crate) fn no_such_account(id: &str) -> Self {
        let id: String = id.chars().take(80).collect();
        let message = format!(
            "The provided key 'sk_test_****' does not have access to account '{id}' (or that account does not \
             exist). Application access may have been revoked."
        );
        Self::new(403, "invalid_request_error", Some("account_invalid"), message)
    }

    /// 408: the body did not come in time.
    pub(crate) fn too_slow() -> Self {
        Self::new(408, "invalid_request_error", None, "The request body did not arrive in time.".to_owned())
    }

    /// 413.
    pub(crate) fn too_large() -> Self {
        Self::new(413, "invalid_request_error", None, "Request body is too large.".to_owned())
    }

    /// 501: a route or a parameter of one that the double does not model; `what` names it.
    pub(crate) fn not_modelled(what: &str) -> Self {
        let message = format!("provider double: {what} is not modelled");
        Self::new(NOT_MODELLED, "api_error", None, message)
    }

    /// What an armed fault answers, in the words of a Stripe that is out of order.
    pub(crate) fn fault(refusal: Refusal) -> Self {
        match refusal.status {
            429 if refusal.limited_by == Some(Limit::LockTimeout) => Self::new(
                429,
                "invalid_request_error",
                Some("lock_timeout"),
                "This object cannot be accessed right now because another API request or Stripe process is \
                 currently accessing it. If you see this error intermittently, retry the request. If you see this \
                 error frequently and are making multiple concurrent requests to a single object, make your \
                 requests serially or at a lower rate. For more details, see \
                 https://stripe.com/docs/rate-limits#object-lock-timeouts."
                    .to_owned(),
            ),
            429 => Self::new(
                429,
                "invalid_request_error",
                Some("rate_limit"),
                "Request rate limit exceeded. You can learn more about rate limits here \
                 https://stripe.com/docs/rate-limits."
                    .to_owned(),
            ),
            402 => Self::declined(),
            401 => Self::unauthorized("Invalid API Key provided: sk_test_****"),
            status @ 400..=499 => {
                Self::new(status, "invalid_request_error", None, "The request was refused.".to_owned())
            }
            status => Self::new(
                status,
                "api_error",
                None,
                "An unknown error occurred. Please try again, or contact us at \
                 https://support.stripe.com/ if the problem persists."
                    .to_owned(),
            ),
        }
    }

    /// The same as the v2 API words it: a missing thing is `not_found` (docs.stripe.com/api/v2/core/event_destinations,
    /// "Error Codes"), a key used for something else is 409, and no code has a page of its own.
    pub(crate) fn in_v2(mut self) -> Self {
        if self.code == Some("resource_missing") && self.status == 404 {
            self.code = Some("not_found");
        }
        if self.kind == "idempotency_error" {
            (self.status, self.code) = (409, Some("idempotency_error"));
        }
        self.of_v2 = true;
        self
    }

    /// The body, with a link to a request log that a person would follow at Stripe.
    pub(crate) fn body(&self, request_id: &str, at: i64) -> Value {
        let mut error = Value::Object(Map::new());
        let mut add = |key, value: Value| crate::stripe::object::put(&mut error, key, value);
        if let Some(code) = self.code {
            add("code", code.into());
            if !self.of_v2 {
                let page = code.replace('_', "-");
                add("doc_url", format!("https://stripe.com/docs/error-codes/{page}").into());
            }
        }
        for (key, value) in self.details.iter().flat_map(|details| details.iter()) {
            add(key, value.clone());
        }
        let told = |key: &str| self.details.as_ref().is_some_and(|details| details.contains_key(key));
        if self.code == Some("card_declined") && !told("decline_code") {
            add("decline_code", "generic_decline".into());
        }
        add("message", self.message.clone().into());
        if let Some(param) = &self.param {
            add("param", param.clone().into());
        }
        add("request_log_url", format!("https://dashboard.stripe.com/test/logs/{request_id}?t={at}").into());
        add("type", self.kind.into());
        object! { "error": error }
    }
}
