//! Webhook endpoints: who is told of which events, and in which version. Their secrets are shown when they are
//! made, and never again.

use serde_json::{Value, json};

use super::World;
use crate::provider::double::error::ApiError;
use crate::provider::double::list::AS_USUAL;
use crate::provider::double::params::{Is, Params, Table};
use crate::provider::double::route::Route;
use crate::provider::double::store::Kind;
use crate::stripe::object::{put, text, webhook};
use crate::stripe::version::{Version, VersionError};

pub(crate) const ROUTES: &[Route] = &[
    Route::create("/v1/webhook_endpoints", CREATE, create).made(),
    Route::list("/v1/webhook_endpoints", Kind::WebhookEndpoint, &[], AS_USUAL),
    Route::retrieve("/v1/webhook_endpoints/{id}", Kind::WebhookEndpoint),
    Route::change("/v1/webhook_endpoints/{id}", UPDATE, update),
    Route::delete("/v1/webhook_endpoints/{id}", &[], delete),
];

const CREATE: Table = &[
    ("url", Is::Needed(&Is::Text)),
    ("enabled_events", Is::Needed(&Is::Texts)),
    ("api_version", Is::Text),
    ("connect", Is::Bool),
    ("description", Is::Text),
    ("metadata", Is::Meta),
];

const UPDATE: Table = &[
    ("url", Is::Text),
    ("enabled_events", Is::Texts),
    ("disabled", Is::Bool),
    ("description", Is::Text),
    ("metadata", Is::Meta),
];

/// Stripe's limit in test mode (docs.stripe.com/webhooks, "up to 16 webhook endpoints").
const MOST: usize = 16;
/// Stripe takes no longer addresses.
const LONGEST_URL: usize = 5_000;

fn create(world: &mut World<'_>, params: &Params) -> Result<Value, ApiError> {
    let version = params.text("api_version").map(|named| version(named, "api_version")).transpose()?;
    let events = params.list("enabled_events").to_vec();
    let made = Wanted { url: params.needed("url")?.to_owned(), events, version, secret: None };
    let mut endpoint = keep(world, made)?;
    let id = text(&endpoint, "id").to_owned();
    // Whom an account has given access to it: only an endpoint for connected accounts has one.
    let application = params.is_true("connect").then(|| world.mint("ca"));
    world.change(&id, |endpoint| {
        params.apply(endpoint, &["description", "metadata"]);
        put(endpoint, "application", application);
    });
    let secret = endpoint["secret"].take();
    endpoint = world.copy(&id);
    put(&mut endpoint, "secret", secret);
    Ok(endpoint)
}

/// An endpoint that is to be made.
pub(crate) struct Wanted {
    pub(crate) url: String,
    pub(crate) events: Vec<Value>,
    /// Left out, the account's.
    pub(crate) version: Option<Version>,
    /// Left out, one is minted.
    pub(crate) secret: Option<String>,
}

/// Keeps a new endpoint; gives it with its secret.
///
/// # Errors
/// Stripe's, where there are too many, or the address or an event's name is none.
pub(crate) fn keep(world: &mut World<'_>, wanted: Wanted) -> Result<Value, ApiError> {
    check_url(&wanted.url)?;
    check_events(&wanted.events)?;
    check_room(world)?;
    let secret = wanted.secret.unwrap_or_else(|| secret(world));
    let id = world.mint("we");
    let version = wanted.version.map(Version::as_str);
    let endpoint = webhook::endpoint(&id, world.second(), &wanted.url, wanted.events, version);
    let mut made = world.insert_with(Kind::WebhookEndpoint, endpoint, json!({ "secret": secret.as_str() }));
    put(&mut made, "secret", secret);
    Ok(made)
}

/// Stripe's limit counts everybody who is told of events.
pub(crate) fn check_room(world: &World<'_>) -> Result<(), ApiError> {
    let kinds = [Kind::WebhookEndpoint, Kind::EventDestination];
    let there: usize = kinds.map(|kind| world.part.store.count(kind)).iter().sum();
    if there >= MOST {
        return Err(ApiError::invalid(format!(
            "You have reached the maximum of {MOST} test webhook endpoints."
        )));
    }
    Ok(())
}

/// A new signing secret.
pub(crate) fn secret(world: &mut World<'_>) -> String {
    let mut secret = "whsec_".to_owned();
    world.part.ids.letters(&mut secret, 32);
    secret
}

fn update(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    world.at_path(Kind::WebhookEndpoint, id)?;
    if params.given("url").is_some() {
        check_url(params.text("url").unwrap_or_default())?;
    }
    if params.given("enabled_events").is_some() {
        check_events(params.list("enabled_events"))?;
    }
    world.change(id, |endpoint| {
        params.apply(endpoint, &["url", "enabled_events", "description", "metadata"]);
        if params.given("disabled").is_some() {
            put(endpoint, "status", if params.is_true("disabled") { "disabled" } else { "enabled" });
        }
    });
    Ok(world.copy(id))
}

fn delete(world: &mut World<'_>, id: &str, _: &Params) -> Result<Value, ApiError> {
    world.at_path(Kind::WebhookEndpoint, id)?;
    world.remove(id);
    Ok(json!({ "id": id, "object": "webhook_endpoint", "deleted": true }))
}

/// A version that an endpoint can be pinned to, which a parameter names.
pub(crate) fn version(name: &str, param: &str) -> Result<Version, ApiError> {
    Version::in_full(name).map_err(|error| match error {
        VersionError::Invalid(_) => ApiError::invalid_param(param, format!("Invalid {param}: {name}")),
        VersionError::NotModelled(version) => ApiError::not_modelled(&format!("{param} {version}")),
    })
}

/// An absolute address, as Stripe wants it; in test mode plain `http` is good enough.
pub(crate) fn check_url(url: &str) -> Result<(), ApiError> {
    let wrong = |what: &str| Err(ApiError::url(format!("Invalid URL: {what}")));
    if url.chars().count() > LONGEST_URL {
        return wrong(&format!("URL must be {LONGEST_URL} characters or less."));
    }
    match url.parse::<http::Uri>() {
        Ok(uri) if uri.scheme().is_none() => wrong("An explicit scheme (such as https) must be provided."),
        Ok(uri) if uri.host().is_some_and(|host| !host.is_empty()) => match uri.scheme_str() {
            Some("http" | "https") => Ok(()),
            _ => wrong("URL must use the http or https scheme."),
        },
        _ => wrong("An explicit scheme (such as https) must be provided."),
    }
}

/// At least one name, each one of Stripe's events or `*`.
fn check_events(events: &[Value]) -> Result<(), ApiError> {
    check_names(events, "customer.created", |name| Ok(webhook::is_event(name)))
}

/// At least one name, each `*` or one that `fits`, such as `like`.
pub(crate) fn check_names(
    events: &[Value],
    like: &str,
    fits: impl Fn(&str) -> Result<bool, ApiError>,
) -> Result<(), ApiError> {
    if events.is_empty() {
        return Err(ApiError::invalid_param(
            "enabled_events",
            "You must provide at least one event type in enabled_events.",
        ));
    }
    for (at, name) in events.iter().enumerate() {
        let name = name.as_str().unwrap_or_default();
        if name != "*" && !fits(name)? {
            return Err(ApiError::invalid_param(
                &format!("enabled_events[{at}]"),
                format!(
                    "Invalid enabled_events[{at}]: must be one of *, or an event's name such as {like}: {name}"
                ),
            ));
        }
    }
    Ok(())
}

/// Events that Stripe sends only to an endpoint that names them: `*` does not mean them
/// (docs.stripe.com/api/events/types, "Selection required").
pub(crate) const BY_NAME: [&str; 2] =
    ["identity.verification_session.redacted", "issuing_authorization.request"];

/// Whether an endpoint is to be told of an event. What happens in a connected account is told to the endpoints for
/// those, and only to them (docs.stripe.com/connect/webhooks).
pub(crate) fn wants(endpoint: &Value, event: &Value) -> bool {
    let kind = text(event, "type");
    let named = |name: &Value| name == kind || (name == "*" && !BY_NAME.contains(&kind));
    text(endpoint, "status") == "enabled"
        && event.get("account").is_some() == endpoint["application"].is_string()
        && endpoint["enabled_events"].as_array().is_some_and(|events| events.iter().any(named))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who is told: an endpoint for all, one that names an event, one for connected accounts.
    #[rstest::rstest]
    #[case("customer.created", None, [true, false, false])]
    #[case("issuing_authorization.request", None, [false, true, false])]
    #[case("account.updated", Some("acct_1"), [false, false, true])]
    fn events_reach_whom_they_are_for(
        #[case] kind: &str,
        #[case] account: Option<&str>,
        #[case] told: [bool; 3],
    ) {
        let mut event = json!({ "type": kind });
        if let Some(account) = account {
            put(&mut event, "account", account);
        }
        let endpoints = [
            json!({ "status": "enabled", "enabled_events": ["*"], "application": null }),
            json!({ "status": "enabled", "enabled_events": ["issuing_authorization.request"], "application": null }),
            json!({ "status": "enabled", "enabled_events": ["*"], "application": "ca_1" }),
        ];
        assert_eq!(endpoints.map(|endpoint| wants(&endpoint, &event)), told);
        let off = json!({ "status": "disabled", "enabled_events": [kind, "*"], "application": null });
        assert!(!wants(&off, &event));
    }
}
