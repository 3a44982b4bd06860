//! Who is told of events: webhook endpoints, and event destinations.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use super::super::account::{event_destination, webhook_endpoint};
use super::super::state::Account;
use super::super::store::{Kind, Stored};
use crate::stripe::object::text;
use crate::stripe::version::{Version, downgrade};
use crate::stripe::{body, thin};

/// The kinds of objects that are told of events.
const KINDS: [Kind; 2] = [Kind::WebhookEndpoint, Kind::EventDestination];

/// Whether the one that is kept here is to be told of an event.
pub(crate) fn wants(listener: &Stored, event: &Value) -> bool {
    match listener.kind {
        Kind::WebhookEndpoint => webhook_endpoint::wants(listener.value(), event),
        Kind::EventDestination => event_destination::wants(listener.value(), event),
        _ => false,
    }
}

/// The form in which one is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Form {
    /// With the object, in a version.
    Snapshot(Version),
    /// Without it.
    Thin,
}

/// An endpoint or a destination, and in which form it is told.
pub(super) struct Listener {
    pub(super) id: Arc<str>,
    stored: Stored,
    form: Form,
}

/// An event as it is sent.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) id: Arc<str>,
    pub(super) kind: Arc<str>,
    pub(super) body: Bytes,
}

/// The forms in which one event was printed already.
#[derive(Debug, Default)]
pub(super) struct Printed(BTreeMap<Form, Option<Sent>>);

impl Listener {
    /// Everyone who is told what happens in the account at large; `own` is the account's version.
    pub(super) fn all(account: &Account, own: Version) -> Vec<Self> {
        let store = &account.large.store;
        KINDS.into_iter().flat_map(|kind| store.of(kind)).map(|stored| Self::of(stored, own)).collect()
    }

    fn of(stored: &Stored, own: Version) -> Self {
        let value = stored.value();
        let pinned = match stored.kind {
            Kind::EventDestination => &value["snapshot_api_version"],
            _ => &value["api_version"],
        };
        let pinned = pinned.as_str().and_then(|version| Version::in_full(version).ok());
        let thin = stored.kind == Kind::EventDestination && event_destination::is_thin(value);
        let form = if thin { Form::Thin } else { Form::Snapshot(pinned.unwrap_or(own)) };
        Self { id: text(value, "id").into(), stored: stored.clone(), form }
    }

    pub(super) fn wants(&self, event: &Value) -> bool {
        wants(&self.stored, event)
    }

    /// The event as this one is sent it; `None`: it has no such form.
    pub(super) fn sent(&self, event: &Value, account: &Account, printed: &mut Printed) -> Option<Sent> {
        // A ping has no snapshot.
        let form = if text(event, "type") == thin::PING { Form::Thin } else { self.form };
        printed.0.entry(form).or_insert_with(|| print(event, form, account)).clone()
    }
}

fn print(event: &Value, form: Form, account: &Account) -> Option<Sent> {
    let event = match form {
        Form::Snapshot(version) => downgrade(event, version, account),
        Form::Thin => thin::notification(event)?,
    };
    let (id, kind) = (text(&event, "id").into(), text(&event, "type").into());
    Some(Sent { id, kind, body: body::indented(&event).into() })
}

/// Where one is reached, what it is signed with, and whether it is on.
pub(super) fn reach(stored: &Stored) -> (&str, &str, bool) {
    let url = match stored.kind {
        Kind::EventDestination => text(stored.hidden(), "url"),
        _ => text(stored.value(), "url"),
    };
    (url, text(stored.hidden(), "secret"), text(stored.value(), "status") == "enabled")
}
