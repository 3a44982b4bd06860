//! Event destinations: who is told of which events, thin or as snapshots. The secret is shown when one is made, to who
//! asks for it (`include`), and never again; the address is shown only to who asks.
//!
//! Our reading, where nothing is published: a destination and a webhook endpoint are counted together against
//! Stripe's limit, and each is listed under its own address only; a ping is thin for every destination.

use serde_json::{Value, json};

use super::World;
use super::webhook_endpoint::{BY_NAME, check_names, check_room, check_url, secret, version};
use crate::provider::double::error::ApiError;
use crate::provider::double::page::Candidates;
use crate::provider::double::params::{Is, Params, Table};
use crate::provider::double::route::{Asked, Route};
use crate::provider::double::state::Account;
use crate::provider::double::store::{Kind, Stored};
use crate::provider::double::v2::{self, LIMIT, PAGE};
use crate::stripe::object::envelope;
use crate::stripe::object::event_destination::{destination, off_by_user};
use crate::stripe::object::webhook::is_event;
use crate::stripe::object::{NULL, put, text};
use crate::stripe::{thin, time};

pub(crate) const ROUTES: &[Route] = &[
    Route::create("/v2/core/event_destinations", CREATE, create).made(),
    Route::read("/v2/core/event_destinations", LIST, list),
    Route::read("/v2/core/event_destinations/{id}", &[INCLUDE], retrieve),
    Route::change("/v2/core/event_destinations/{id}", UPDATE, update).made(),
    Route::delete("/v2/core/event_destinations/{id}", &[], delete),
    Route::change("/v2/core/event_destinations/{id}/disable", &[], |world, id, _| turn(world, id, false))
        .made(),
    Route::change("/v2/core/event_destinations/{id}/enable", &[], |world, id, _| turn(world, id, true))
        .made(),
    Route::change("/v2/core/event_destinations/{id}/ping", &[], |world, id, _| ping(world, id)).made(),
];

const INCLUDE: (&str, Is) = ("include", Is::Texts);
const LIST: Table = &[LIMIT, PAGE, INCLUDE];

const CREATE: Table = &[
    ("name", Is::Needed(&Is::Text)),
    ("type", Is::Needed(&Is::Choice(&["webhook_endpoint", "amazon_eventbridge", "azure_event_grid"]))),
    ("event_payload", Is::Needed(&Is::Choice(&["thin", "snapshot"]))),
    ("enabled_events", Is::Needed(&Is::Texts)),
    ("events_from", Is::Texts),
    ("snapshot_api_version", Is::Text),
    ("webhook_endpoint", Is::Fields(&[("url", Is::Needed(&Is::Text))])),
    ("amazon_eventbridge", Is::NotModelled),
    ("azure_event_grid", Is::NotModelled),
    ("description", Is::Text),
    ("metadata", Is::Meta),
    INCLUDE,
];

const UPDATE: Table = &[
    ("name", Is::Text),
    ("enabled_events", Is::Texts),
    ("webhook_endpoint", Is::Fields(&[("url", Is::Needed(&Is::Text))])),
    ("description", Is::Text),
    ("metadata", Is::Meta),
    INCLUDE,
];

const KIND: Kind = Kind::EventDestination;

/// What a call can ask to see beside the rest.
const URL: &str = "webhook_endpoint.url";
const SECRET: &str = "webhook_endpoint.signing_secret";

/// A destination that is to be made.
pub(crate) struct Wanted {
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) events: Vec<Value>,
    pub(crate) payload: Payload,
    /// Left out, one is minted.
    pub(crate) secret: Option<String>,
}

/// What a destination is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Payload {
    Thin,
    Snapshot,
}

/// Keeps a new destination; gives its id.
///
/// # Errors
/// Stripe's, where there are too many, or the address or an event's name is none.
pub(crate) fn keep(world: &mut World<'_>, wanted: Wanted) -> Result<String, ApiError> {
    check_url(&wanted.url)?;
    check_events(&wanted.events, wanted.payload)?;
    check_room(world)?;
    let secret = wanted.secret.unwrap_or_else(|| secret(world));
    let id = world.mint("ed_test");
    let payload = if wanted.payload == Payload::Thin { "thin" } else { "snapshot" };
    let made = destination(&id, world.second(), &wanted.name, wanted.events, payload);
    world.insert_with(KIND, made, json!({ "url": wanted.url, "secret": secret }));
    Ok(id)
}

fn create(world: &mut World<'_>, params: &Params) -> Result<Value, ApiError> {
    let kind = params.needed("type")?;
    if kind != "webhook_endpoint" {
        return Err(ApiError::not_modelled(&format!("event destination of type {kind}")));
    }
    check_include(params, &[URL, SECRET])?;
    let payload =
        if params.text("event_payload") == Some("thin") { Payload::Thin } else { Payload::Snapshot };
    let pinned = params.text("snapshot_api_version");
    if payload == Payload::Thin && pinned.is_some() {
        return Err(ApiError::invalid_param(
            "snapshot_api_version",
            "snapshot_api_version is for the snapshot event payload only: thin events have no version.",
        ));
    }
    pinned.map(|pinned| version(pinned, "snapshot_api_version")).transpose()?;
    check_sources(params.list("events_from"))?;
    let url = params.given("webhook_endpoint").map(|given| text(given, "url")).unwrap_or_default();
    if url.is_empty() {
        return Err(ApiError::missing_param("webhook_endpoint"));
    }
    let wanted = Wanted {
        name: params.needed("name")?.to_owned(),
        url: url.to_owned(),
        events: params.list("enabled_events").to_vec(),
        payload,
        secret: None,
    };
    let id = keep(world, wanted)?;
    world.change(&id, |made| {
        params.apply(made, &["metadata", "snapshot_api_version"]);
        describe(made, params);
        if !params.list("events_from").is_empty() {
            put(made, "events_from", params.list("events_from"));
        }
    });
    Ok(shown(world, &id, params))
}

fn update(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    let before = world.at_path(KIND, id)?;
    check_include(params, &[URL])?;
    if params.given("enabled_events").is_some() {
        let payload = if is_thin(&before) { Payload::Thin } else { Payload::Snapshot };
        check_events(params.list("enabled_events"), payload)?;
    }
    if let Some(given) = params.given("webhook_endpoint").filter(|given| !given.is_null()) {
        let url = text(given, "url");
        check_url(url)?;
        world.change_hidden(id, |hidden| put(hidden, "url", url));
    }
    let now = time::rfc3339(world.second());
    world.change(id, |destination| {
        params.apply(destination, &["enabled_events", "metadata"]);
        describe(destination, params);
        if let Some(name) = params.text("name") {
            put(destination, "name", name);
        }
        put(destination, "updated", now);
    });
    Ok(shown(world, id, params))
}

/// A description is a text, also where there is none.
fn describe(destination: &mut Value, params: &Params) {
    if params.given("description").is_some() {
        put(destination, "description", params.text("description").unwrap_or_default());
    }
}

fn delete(world: &mut World<'_>, id: &str, _: &Params) -> Result<Value, ApiError> {
    world.at_path(KIND, id)?;
    world.remove(id);
    Ok(json!({ "id": id, "object": "v2.core.event_destination" }))
}

fn turn(world: &mut World<'_>, id: &str, on: bool) -> Result<Value, ApiError> {
    world.at_path(KIND, id)?;
    let now = time::rfc3339(world.second());
    world.change(id, |destination| {
        put(destination, "status", if on { "enabled" } else { "disabled" });
        put(destination, "status_details", if on { NULL } else { off_by_user() });
        put(destination, "updated", now);
    });
    Ok(world.copy(id))
}

/// Sends an event that tells nothing but that it arrives.
fn ping(world: &mut World<'_>, id: &str) -> Result<Value, ApiError> {
    let about = world.at_path(KIND, id)?;
    let event = world.mint("evt");
    let ping = envelope::event(&event, world.second(), thin::PING, about, None, &world.cause);
    world.insert(Kind::CoreEvent, ping.clone());
    if world.part.store.count(Kind::CoreEvent) > world.keep_events {
        let oldest = world.part.store.of(Kind::CoreEvent).next();
        if let Some(oldest) = oldest.map(|stored| text(stored.value(), "id").to_owned()) {
            world.remove(&oldest);
        }
    }
    world.part.resent.push((event, Some(id.to_owned())));
    Ok(thin::fetched(&ping).unwrap_or_default())
}

fn retrieve(account: &Account, asked: &Asked<'_>) -> Result<Value, ApiError> {
    check_include(asked.params, &[URL])?;
    let stored = account.find(asked.ids.id).filter(|stored| stored.kind == KIND);
    let stored = stored.ok_or_else(|| ApiError::no_such(KIND.noun(), asked.ids.id))?;
    Ok(included(stored, asked.params))
}

fn list(account: &Account, asked: &Asked<'_>) -> Result<Value, ApiError> {
    check_include(asked.params, &[URL])?;
    let page = v2::Page::read(asked.params, str::to_owned)?;
    let find = |id: &str| account.find(id).filter(|stored| stored.kind == KIND);
    let span = page.page.span(find).ok_or_else(v2::no_such_page)?;
    let lists = account
        .stores(asked.home)
        .into_iter()
        .map(|store| -> Candidates<'_> { Box::new(store.between(KIND, span).map(Stored::glance)) });
    let (found, more) = page.page.pick(lists.collect());
    let shown = found.iter().map(|stored| included(stored, asked.params)).collect();
    Ok(page.of(shown, more, asked.path, asked.params))
}

fn shown(world: &World<'_>, id: &str, params: &Params) -> Value {
    world.stored(id).map(|stored| included(stored, params)).unwrap_or_default()
}

/// The destination, with what the call asks for beside it.
fn included(stored: &Stored, params: &Params) -> Value {
    let mut value = stored.value().clone();
    for word in params.list("include") {
        let endpoint = &mut value["webhook_endpoint"];
        match word.as_str() {
            Some(URL) => put(endpoint, "url", text(stored.hidden(), "url")),
            Some(SECRET) => put(endpoint, "signing_secret", text(stored.hidden(), "secret")),
            _ => {}
        }
    }
    value
}

fn check_include(params: &Params, known: &[&str]) -> Result<(), ApiError> {
    for (at, word) in params.list("include").iter().enumerate() {
        let word = word.as_str().unwrap_or_default();
        if !known.contains(&word) {
            return Err(ApiError::invalid_param(
                &format!("include[{at}]"),
                format!("Invalid include[{at}]: must be one of {}: {word}", known.join(", ")),
            ));
        }
    }
    Ok(())
}

fn check_sources(sources: &[Value]) -> Result<(), ApiError> {
    for (at, source) in sources.iter().enumerate() {
        match source.as_str().unwrap_or_default() {
            "@self" | "@accounts" => {}
            "@organization_members" | "@organization_members/@accounts" => {
                return Err(ApiError::not_modelled("events_from of organizations"));
            }
            other => {
                return Err(ApiError::invalid_param(
                    &format!("events_from[{at}]"),
                    format!("Invalid events_from[{at}]: must be one of @self, @accounts: {other}"),
                ));
            }
        }
    }
    Ok(())
}

/// At least one name, each one of Stripe's events in the form that is sent, or `*`.
fn check_events(events: &[Value], payload: Payload) -> Result<(), ApiError> {
    let wants_thin = payload == Payload::Thin;
    let like = if wants_thin { "v1.customer.created" } else { "customer.created" };
    check_names(events, like, |name| {
        let is_thin = name.starts_with("v1.") || name.starts_with("v2.");
        let fits = is_event(name) && is_thin == wants_thin;
        if fits && is_thin && !thin::is_made(name) {
            return Err(ApiError::not_modelled(&format!("event {name}")));
        }
        Ok(fits)
    })
}

/// Whether a destination is sent thin events.
pub(crate) fn is_thin(destination: &Value) -> bool {
    text(destination, "event_payload") == "thin"
}

/// Whether a destination is to be told of an event, which comes as a snapshot.
pub(crate) fn wants(destination: &Value, event: &Value) -> bool {
    let snapshot = text(event, "type");
    let sent = if is_thin(destination) { thin::kind(snapshot) } else { Some(snapshot.to_owned()) };
    let Some(kind) = sent else { return false };
    let source = if event.get("account").is_some() { "@accounts" } else { "@self" };
    let named = |name: &Value| *name == kind.as_str() || (name == "*" && !BY_NAME.contains(&snapshot));
    let holds = |list: &str, holds: &dyn Fn(&Value) -> bool| {
        destination[list].as_array().is_some_and(|items| items.iter().any(holds))
    };
    text(destination, "status") == "enabled"
        && holds("events_from", &|from| from == source)
        && holds("enabled_events", &named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("thin", &["*"], "@self", "invoice.paid", None, true)]
    #[case("thin", &["v1.invoice.paid"], "@self", "invoice.paid", None, true)]
    #[case("thin", &["invoice.paid"], "@self", "invoice.paid", None, false)]
    #[case("thin", &["*"], "@self", "customer.source.created", None, false)]
    #[case("thin", &["*"], "@self", "issuing_authorization.request", None, false)]
    #[case("thin", &["*"], "@self", "invoice.paid", Some("acct_1"), false)]
    #[case("thin", &["*"], "@accounts", "invoice.paid", Some("acct_1"), true)]
    #[case("snapshot", &["invoice.paid"], "@self", "invoice.paid", None, true)]
    #[case("snapshot", &["*"], "@self", "customer.source.created", None, true)]
    #[case("snapshot", &["invoice.created"], "@self", "invoice.paid", None, false)]
    fn events_reach_whom_they_are_for(
        #[case] payload: &str,
        #[case] events: &[&str],
        #[case] from: &str,
        #[case] kind: &str,
        #[case] account: Option<&str>,
        #[case] told: bool,
    ) {
        let mut event = json!({ "type": kind });
        if let Some(account) = account {
            put(&mut event, "account", account);
        }
        let mut to = json!({
            "status": "enabled", "event_payload": payload, "enabled_events": events, "events_from": [from],
        });
        assert_eq!(wants(&to, &event), told);
        put(&mut to, "status", "disabled");
        assert!(!wants(&to, &event));
    }
}
