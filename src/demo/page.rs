//! The pages a person sees.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Html;
use serde::Deserialize;

use super::App;
use super::apply::{Change, Origin, commit};
use super::bug::Bug;
use super::checkout;
use super::event::{reference, text};
use super::handle::HandleError;
use super::log;
use super::owner;
use super::store::User;

/// The sign-up page.
pub(super) async fn home() -> Html<String> {
    Html(layout(
        "Sign up",
        r#"<p>Plans for teams of every size. No card needed to sign up.</p>
<form method="post" action="/signup">
<label for="email">E-mail</label>
<input id="email" name="email" type="email" required autocomplete="email" placeholder="you@company.example">
<button>Create account</button>
</form>"#,
    ))
}

/// What there is to buy, after signing up.
pub(super) fn plans(user: &User) -> String {
    const FOR_SALE: [(&str, &str); 6] = [
        ("basic_monthly", "Basic, $9 a month"),
        ("plus_monthly", "Plus, with 50 credits a month, $19"),
        ("pro_monthly", "Pro, $99 a month"),
        ("team_monthly", "Team, $299 a month"),
        ("everything_monthly", "Everything, $999 a month"),
        ("credits_100", "100 credits, $100"),
    ];
    let customer = escape(&user.customer);
    let buttons = FOR_SALE
        .map(|(price, name)| format!(r#"<button name="price" value="{price}" class="plan">{name}</button>"#));
    layout(
        "Choose a plan",
        &format!(
            r#"<p>Welcome, {}.</p>
<form method="post" action="/checkout">
<input type="hidden" name="customer" value="{customer}">
{}
</form>"#,
            escape(&user.email),
            buttons.join("\n"),
        ),
    )
}

#[derive(Deserialize)]
pub(super) struct Done {
    session_id: String,
}

/// Where Stripe sends the customer after a checkout.
///
/// The event may not have come yet. Then the page says so, and neither offers a plan again nor hands out
/// anything: that is the webhook's alone, or both would do it.
pub(super) async fn done(
    State(app): State<Arc<App>>,
    Query(done): Query<Done>,
) -> (StatusCode, Html<String>) {
    if app.has(Bug::RedirectAndWebhookDouble)
        && let Err(error) = hand_out(&app, &done.session_id).await
    {
        log::failed(&error);
    }
    if app.has(Bug::RedirectNever)
        && let Err(error) = claim(&app, &done.session_id).await
    {
        log::failed(&error);
    }
    match app.store.is_fulfilled(&done.session_id).await {
        Ok(true) => say(StatusCode::OK, "Ready", "Everything you bought is in your account."),
        Ok(false) => not_yet(&app, &done.session_id).await,
        Err(error) => {
            log::failed(&error);
            say(StatusCode::INTERNAL_SERVER_ERROR, "Sorry", "Something went wrong. Please reload this page.")
        }
    }
}

async fn not_yet(app: &App, id: &str) -> (StatusCode, Html<String>) {
    match app.stripe.session(id).await {
        Ok(session)
            if text(&session, "status").as_deref() == Some("complete") && app.has(Bug::RedirectFirst) =>
        {
            say(StatusCode::OK, "Choose a plan", "You are on the free plan. Upgrade to get everything.")
        }
        Ok(session) if text(&session, "status").as_deref() == Some("complete") => say(
            StatusCode::OK,
            "Payment pending",
            "Thank you. Your account is being set up; this takes a moment.",
        ),
        Ok(_) => say(StatusCode::OK, "Not paid", "This checkout was not completed."),
        Err(error) if error.is_not_found() => {
            say(StatusCode::NOT_FOUND, "Not found", "We do not know this payment.")
        }
        Err(error) => {
            log::failed(&error);
            say(StatusCode::OK, "Payment pending", "We are waiting for news of your payment.")
        }
    }
}

/// What the success page must not do.
async fn hand_out(app: &App, session: &str) -> Result<(), HandleError> {
    let session = app.stripe.session(session).await?;
    let Some(customer) = reference(&session, "/customer") else { return Ok(()) };
    let Some(user) = app.store.user_of_customer(&customer).await? else { return Ok(()) };
    let changes: Vec<_> = checkout::bought(app, &session).into_iter().map(under_own_name).collect();
    commit(app, &user, Origin::SuccessPage, &changes).await?;
    Ok(())
}

/// Nor this.
async fn claim(app: &App, session: &str) -> Result<(), HandleError> {
    owner::claim(app, &app.stripe.session(session).await?).await
}

/// The page knows no event, so it names what it does after itself.
fn under_own_name(change: Change) -> Change {
    match change {
        Change::Credits { fact, amount, payment } => {
            Change::Credits { fact: format!("page:{fact}"), amount, payment }
        }
        Change::Mail { fact, kind, subject } => Change::Mail { fact: format!("page:{fact}"), kind, subject },
        other => other,
    }
}

/// Where whoever has no session is led.
pub(super) fn log_in() -> Html<String> {
    Html(layout(
        "Log in",
        r#"<form method="post" action="/login">
<label for="email">E-mail</label>
<input id="email" name="email" type="email" required autocomplete="email">
<button>Log in</button>
</form>"#,
    ))
}

pub(super) fn say(status: StatusCode, title: &str, text: &str) -> (StatusCode, Html<String>) {
    (status, Html(layout(title, &format!("<p>{text}</p>"))))
}

fn layout(title: &str, body: &str) -> String {
    format!(
        r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · Demo</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; color: #1a1f36; background: #f6f8fa; margin: 0; }}
main {{ max-width: 24rem; margin: 12vh auto; padding: 2rem; background: #fff; border: 1px solid #e3e8ee;
  border-radius: 8px; }}
h1 {{ font-size: 1.4rem; margin: 0 0 1rem; }}
label {{ display: block; font-weight: 600; }}
input {{ box-sizing: border-box; width: 100%; font: inherit; padding: .5rem; margin: .25rem 0 1rem;
  border: 1px solid #a3acb9; border-radius: 6px; }}
button {{ width: 100%; font: inherit; font-weight: 600; padding: .6rem; margin: 0 0 .5rem; color: #fff;
  background: #4b45c6; border: 0; border-radius: 6px; cursor: pointer; }}
button.plan {{ color: #1a1f36; background: #fff; border: 1px solid #a3acb9; text-align: left; }}
</style>
</head>
<body><main><h1>{title}</h1>
{body}
</main></body>
</html>
"#
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_typed_stays_text() {
        let user = User { id: 1, email: "<b>&\"".to_owned(), customer: "cus_1\"><script>".to_owned() };
        let page = plans(&user);
        assert!(page.contains("&lt;b&gt;&amp;&quot;") && !page.contains("<script>"), "{page}");
    }
}
