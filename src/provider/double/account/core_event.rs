//! Thin events, as `GET /v2/core/events` serves them: each is made of the snapshot beside it.

use jiff::Timestamp;
use serde_json::Value;

use crate::provider::double::error::ApiError;
use crate::provider::double::page::Candidates;
use crate::provider::double::params::{Is, Params, Table};
use crate::provider::double::route::{Asked, Route};
use crate::provider::double::state::Account;
use crate::provider::double::store::{Kind, Stored};
use crate::provider::double::v2::{self, LIMIT, PAGE};
use crate::stripe::object::{int, text};
use crate::stripe::thin;

pub(crate) const ROUTES: &[Route] =
    &[Route::read("/v2/core/events", LIST, list), Route::read("/v2/core/events/{id}", &[], retrieve)];

const LIST: Table = &[
    LIMIT,
    PAGE,
    ("object_id", Is::Text),
    ("types", Is::Texts),
    ("created", Is::Fields(&[("gt", Is::Text), ("gte", Is::Text), ("lt", Is::Text), ("lte", Is::Text)])),
];

/// Stripe takes no more types in one call.
const MOST_TYPES: usize = 20;

/// The snapshots beside which thin events are, and what exists in its thin form only.
const KINDS: [Kind; 2] = [Kind::Event, Kind::CoreEvent];

fn retrieve(account: &Account, asked: &Asked<'_>) -> Result<Value, ApiError> {
    let stored = thin::snapshot_id(asked.ids.id).and_then(|snapshot| account.find(&snapshot));
    let event = stored.filter(|stored| KINDS.contains(&stored.kind));
    event
        .and_then(|stored| thin::fetched(&stored.whole()))
        .ok_or_else(|| ApiError::no_such("event", asked.ids.id))
}

fn list(account: &Account, asked: &Asked<'_>) -> Result<Value, ApiError> {
    let page = v2::Page::read(asked.params, |id| thin::snapshot_id(id).unwrap_or_default())?;
    let find = |id: &str| account.find(id).filter(|stored| KINDS.contains(&stored.kind));
    let span = page.page.span(find).ok_or_else(v2::no_such_page)?;
    let filter = Filter::read(asked.params)?;
    let filter = &filter;
    let stores = account.stores(asked.home);
    let lists = stores.iter().flat_map(|store| {
        KINDS.map(|kind| -> Candidates<'_> {
            let kept = move |stored: &&Stored| filter.keeps(stored);
            Box::new(store.between(kind, span).filter(kept).map(Stored::glance))
        })
    });
    let (found, more) = page.page.pick(lists.collect());
    let shown = found.iter().filter_map(|stored| thin::fetched(&stored.whole())).collect();
    Ok(page.of(shown, more, asked.path, asked.params))
}

/// Which events are meant.
struct Filter<'a> {
    types: &'a [Value],
    about: Option<&'a str>,
    /// How an event's time must compare with another.
    bounds: Vec<(&'a str, Timestamp)>,
}

impl<'a> Filter<'a> {
    fn read(params: &'a Params) -> Result<Self, ApiError> {
        let types = params.list("types");
        if types.len() > MOST_TYPES {
            return Err(ApiError::invalid_param(
                "types",
                format!("You can name at most {MOST_TYPES} types."),
            ));
        }
        let bounds = params.given("created").and_then(Value::as_object).into_iter().flatten();
        let bounds = bounds.filter(|(_, time)| !time.is_null()).map(|(bound, time)| {
            let time = time.as_str().unwrap_or_default();
            let read = time.parse().map_err(|_| {
                let param = format!("created[{bound}]");
                ApiError::invalid_param(&param, format!("Invalid timestamp: {time}"))
            })?;
            Ok((bound.as_str(), read))
        });
        let bounds = bounds.collect::<Result<_, ApiError>>()?;
        Ok(Self { types, about: params.text("object_id"), bounds })
    }

    fn keeps(&self, snapshot: &Stored) -> bool {
        let Some(kind) = thin::kind(text(snapshot.value(), "type")) else { return false };
        let created = Timestamp::from_second(int(snapshot.value(), "created")).unwrap_or_default();
        let in_time = |(bound, time): &(&str, Timestamp)| match *bound {
            "gt" => created > *time,
            "gte" => created >= *time,
            "lt" => created < *time,
            _ => created <= *time,
        };
        (self.types.is_empty() || self.types.iter().any(|wanted| *wanted == kind.as_str()))
            && self.bounds.iter().all(in_time)
            && self.about.is_none_or(|about| {
                let event = thin::notification(&snapshot.whole());
                event.is_some_and(|event| event["related_object"]["id"] == about)
            })
    }
}
