//! Signing up, and buying.

use std::sync::Arc;

use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::{Form, Json};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::App;
use super::account::{plain, user_id};
use super::clock;
use super::log;
use super::page;
use super::store::{Account, User};
use super::stripe::StripeError;

/// Why somebody could not sign up or buy.
#[derive(Debug, thiserror::Error)]
pub(super) enum SignupError {
    #[error("read the fields: {0}")]
    Fields(String),
    #[error("take that for an e-mail address")]
    Email,
    #[error("sign up: the e-mail or the customer belongs to another account")]
    Taken,
    #[error("find that account")]
    NoAccount,
    #[error("find that price")]
    NoPrice,
    #[error("reach Stripe")]
    Stripe(#[from] StripeError),
    #[error("use the database")]
    Database(#[from] sqlx::Error),
}

impl IntoResponse for SignupError {
    fn into_response(self) -> Response {
        log::failed(&self);
        let status = match &self {
            Self::Fields(_) | Self::Email => StatusCode::BAD_REQUEST,
            Self::Taken => StatusCode::CONFLICT,
            Self::NoAccount | Self::NoPrice => StatusCode::NOT_FOUND,
            Self::Stripe(_) => StatusCode::BAD_GATEWAY,
            Self::Database(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        (status, Json(json!({ "error": format!("failed to {self}") }))).into_response()
    }
}

#[derive(Deserialize)]
pub(super) struct SignUp {
    email: String,
    /// The customer at Stripe, for accounts that are moved here from elsewhere; left out, one is made.
    customer: Option<String>,
}

/// Opens an account, once per e-mail; asked again it answers the same.
pub(super) async fn sign_up(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Fields(wanted): Fields<SignUp>,
) -> Result<Response, SignupError> {
    let email = plain(&wanted.email);
    if !is_email(&email) {
        return Err(SignupError::Email);
    }
    // Two browsers with one e-mail must not make two customers.
    let _turn = app.turns.take(&email).await;
    let user = match app.store.account_of_email(&email).await? {
        Some(Account { id, customer: Some(customer), .. }) => User { id, email, customer },
        account => open_account(&app, &email, account, wanted.customer.as_deref()).await?,
    };
    if wanted.customer.is_some_and(|customer| !customer.is_empty() && customer != user.customer) {
        return Err(SignupError::Taken);
    }
    if wants_page(&headers) {
        return Ok(Html(page::plans(&user)).into_response());
    }
    Ok(Json(json!({ "user_id": user_id(user.id), "customer": user.customer })).into_response())
}

/// An account with a customer at Stripe: a new one, or one that was registered without.
async fn open_account(
    app: &App,
    email: &str,
    account: Option<Account>,
    customer: Option<&str>,
) -> Result<User, SignupError> {
    let customer = match customer.filter(|customer| !customer.is_empty()) {
        Some(customer) => customer.to_owned(),
        None => app.stripe.create_customer(email, &format!("signup:{email}")).await?,
    };
    match account {
        Some(account) => app.store.link(account.id, &customer).await?,
        None => app.store.add_account(email, Some(&customer)).await?,
    }
    let user = app.store.user_of_customer(&customer).await?;
    user.filter(|user| user.email == email).ok_or(SignupError::Taken)
}

#[derive(Deserialize)]
pub(super) struct CheckOut {
    customer: String,
    /// Lookup key of the price.
    price: String,
}

/// Opens a checkout session and sends the customer there.
pub(super) async fn check_out(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Fields(CheckOut { customer, price: lookup_key }): Fields<CheckOut>,
) -> Result<Response, SignupError> {
    let user = app.store.user_of_customer(&customer).await?.ok_or(SignupError::NoAccount)?;
    let price = app.stripe.price(&lookup_key).await?.ok_or(SignupError::NoPrice)?;
    let host = headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let back = format!("http://{host}/billing/done?session_id={{CHECKOUT_SESSION_ID}}");
    let mode = if lookup_key.ends_with("_monthly") { "subscription" } else { "payment" };
    let fields = [
        ("customer", user.customer.as_str()),
        ("client_reference_id", &user_id(user.id)),
        ("mode", mode),
        ("line_items[0][price]", &price),
        ("line_items[0][quantity]", "1"),
        ("success_url", &back),
    ];
    let once = format!("checkout:{}:{}", user.customer, clock::now().as_nanos());
    let (session, url) = app.stripe.create_session(&fields, &once).await?;
    if wants_page(&headers) {
        return Ok(Redirect::to(&url).into_response());
    }
    Ok(Json(json!({ "session": session, "url": url })).into_response())
}

/// Fields that came as JSON or as a form.
pub(super) struct Fields<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Fields<T> {
    type Rejection = SignupError;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        let kind = request.headers().get("content-type").and_then(|kind| kind.to_str().ok());
        let is_json = kind.is_some_and(|kind| kind.starts_with("application/json"));
        let fields = match is_json {
            true => {
                Json::from_request(request, state).await.map(|Json(fields)| fields).map_err(|e| e.body_text())
            }
            false => {
                Form::from_request(request, state).await.map(|Form(fields)| fields).map_err(|e| e.body_text())
            }
        };
        fields.map(Self).map_err(SignupError::Fields)
    }
}

/// Browsers say so.
fn wants_page(headers: &HeaderMap) -> bool {
    headers
        .get("accept")
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"))
}

/// Enough to catch a slip; only a mail that arrives proves more.
pub(super) fn is_email(text: &str) -> bool {
    text.len() <= 254
        && text.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.'))
        && !text.contains(char::is_whitespace)
}
