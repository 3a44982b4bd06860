//! Meters, and the events that they count. They are added up where somebody asks, and nothing is billed.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Op, Resource};
use crate::provider::double::account::period::DAY;
use crate::provider::double::account::{Home, World, put_all};
use crate::provider::double::error::ApiError;
use crate::provider::double::list::{self, AS_USUAL, PARAMS};
use crate::provider::double::params::{Is, Params, Table, joined};
use crate::provider::double::route::{Asked, Route};
use crate::provider::double::state::Account;
use crate::provider::double::store::Kind;
use crate::stripe::object::{NULL, int, other, put, text};

pub(crate) const ROUTES: &[Route] = &[
    Route::list("/v1/billing/meters", Kind::Meter, &[("status", Is::Text)], AS_USUAL),
    Route::retrieve("/v1/billing/meters/{id}", Kind::Meter),
    Route::stored("/v1/billing/meters", &METER, Op::Create),
    Route::change("/v1/billing/meters/{id}", METER.table(Op::Update), update),
    Route::change("/v1/billing/meters/{id}/deactivate", &[], deactivate),
    Route::change("/v1/billing/meters/{id}/reactivate", &[], reactivate),
    Route::create("/v1/billing/meter_events", EVENT, count).made(),
    Route::read("/v1/billing/meters/{id}/event_summaries", SUMMARIES, summaries),
];

static METER: Resource = Resource {
    kind: Kind::Meter,
    prefix: "mtr_test",
    fresh: other::meter,
    create: &[
        (
            "customer_mapping",
            Is::Fields(&[
                ("event_payload_key", Is::Needed(&Is::Text)),
                ("type", Is::Needed(&Is::Choice(&["by_id"]))),
            ]),
        ),
        (
            "default_aggregation",
            Is::Needed(&Is::Fields(&[("formula", Is::Needed(&Is::Choice(&["count", "last", "sum"])))])),
        ),
        ("display_name", Is::Needed(&Is::Text)),
        ("event_name", Is::Needed(&Is::Text)),
        ("event_time_window", Is::Choice(&["day", "hour"])),
        ("value_settings", Is::Fields(&[("event_payload_key", Is::Needed(&Is::Text))])),
    ],
    update: &[("display_name", Is::Text)],
    unseen: &[],
    completes: the_only_one,
    created: Some("billing.meter.created"),
    updated: Some("billing.meter.updated"),
};

const EVENT: Table = &[
    ("event_name", Is::Needed(&Is::Text)),
    ("identifier", Is::Text),
    ("payload", Is::Needed(&Is::Map)),
    ("timestamp", Is::Int),
];

const SUMMARIES: Table = joined![
    &[
        ("customer", Is::Needed(&Is::Text)),
        ("start_time", Is::Needed(&Is::TimeOr(&[]))),
        ("end_time", Is::Needed(&Is::TimeOr(&[]))),
        ("value_grouping_window", Is::Choice(&["day", "hour"])),
    ],
    PARAMS
];

/// `GET /v1/billing/meters/{id}/event_summaries`: what a customer's events come to between two moments, in one or by hour or
/// day, the newest first (<https://docs.stripe.com/api/billing/meter-event-summary/list>).
fn summaries(account: &Account, asked: &Asked<'_>) -> Result<Value, ApiError> {
    let found = account.find(asked.ids.id).filter(|stored| stored.kind == Kind::Meter);
    let meter = found.ok_or_else(|| ApiError::no_such(Kind::Meter.noun(), asked.ids.id))?.value();
    let (from, to) = between(asked.params)?;
    let width = match asked.params.text("value_grouping_window") {
        Some("day") => DAY,
        Some(_) => HOUR,
        None => to.saturating_sub(from),
    };
    let customer = asked.params.needed("customer")?;
    let key = text(&meter["customer_mapping"], "event_payload_key");
    let store = &account.part(account.home(asked.ids.id).unwrap_or(Home::Large)).store;
    let mut windows: BTreeMap<i64, Vec<Value>> = BTreeMap::new();
    for stored in store.of(Kind::MeterEvent) {
        let event = stored.value();
        if event["event_name"] != meter["event_name"] {
            continue;
        }
        let at = int(event, "timestamp");
        if event["payload"][key] == customer && (from..to).contains(&at) {
            let since = from.saturating_add((at - from) / width * width);
            windows.entry(since).or_default().push(event.clone());
        }
    }
    let summary = |(since, events): (i64, Vec<Value>)| {
        let id = format!("mtrusg_test_{}_{customer}_{since}", asked.ids.id);
        let until = since.saturating_add(width).min(to);
        other::meter_event_summary(&id, asked.ids.id, (since, until), aggregated(meter, events))
    };
    let all: Vec<Value> = windows.into_iter().rev().map(summary).collect();
    list::page_of(asked, &all, Kind::MeterEvent, asked.path)
}

/// The time that is summed up, which begins and ends on a whole minute; by hour or by day, on one of those.
fn between(params: &Params) -> Result<(i64, i64), ApiError> {
    let time = |name: &str| params.int(name).unwrap_or_default();
    let (from, to) = (time("start_time"), time("end_time"));
    if to <= from {
        return Err(ApiError::invalid_param("end_time", "end_time must be after start_time."));
    }
    let (step, what) = match params.text("value_grouping_window") {
        Some("day") => (DAY, "day"),
        Some(_) => (HOUR, "hour"),
        None => (60, "minute"),
    };
    match [("start_time", from), ("end_time", to)].into_iter().find(|(_, at)| at % step != 0) {
        Some((name, _)) => {
            Err(ApiError::invalid_param(name, format!("{name} must be aligned with {what} boundaries.")))
        }
        None => Ok((from, to)),
    }
}

const HOUR: i64 = 60 * 60;

/// What a meter makes of events.
fn aggregated(meter: &Value, mut events: Vec<Value>) -> Value {
    let formula = text(&meter["default_aggregation"], "formula");
    if formula == "count" {
        return events.len().into();
    }
    let key = text(&meter["value_settings"], "event_payload_key");
    // Of one second, the one that was told last.
    events.sort_by_key(|event| int(event, "timestamp"));
    let value = |event: &Value| match &event["payload"][key] {
        Value::String(text) => text.parse::<f64>().unwrap_or_default(),
        number => number.as_f64().unwrap_or_default(),
    };
    let sum = match formula {
        "last" => events.last().map_or(0.0, value),
        _ => events.iter().map(value).sum(),
    };
    if sum.fract() == 0.0 && sum.abs() < 9e15 { Value::from(sum as i64) } else { Value::from(sum) }
}

/// The active meter that counts this kind of event.
fn active(world: &World<'_>, event_name: &str) -> Option<Value> {
    let meters = world.part.store.with(Kind::Meter, "event_name", event_name);
    let mut meters = meters.map(crate::provider::double::store::Stored::value);
    meters.find(|meter| meter["status"] == "active").cloned()
}

fn the_only_one(world: &mut World<'_>, meter: &mut Value, _: &Params) -> Result<(), ApiError> {
    let event_name = text(meter, "event_name");
    match active(world, event_name) {
        Some(other) => Err(ApiError::invalid(format!(
            "An active meter already exists with the event name '{event_name}': {}.",
            text(&other, "id")
        ))),
        None => Ok(()),
    }
}

/// `POST /v1/billing/meters/{id}`.
fn update(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    world.at_path(Kind::Meter, id)?;
    let now = world.second();
    let changed = world.diff(id, |meter| {
        METER.lay(meter, params);
        put(meter, "updated", now);
    });
    world.tell_changed("billing.meter.updated", id, changed);
    Ok(world.copy(id))
}

/// `POST /v1/billing/meters/{id}/deactivate`.
fn deactivate(world: &mut World<'_>, id: &str, _: &Params) -> Result<Value, ApiError> {
    let now = world.second();
    switch(world, id, ("active", "inactive"), now.into(), "billing.meter.deactivated")
}

/// `POST /v1/billing/meters/{id}/reactivate`.
fn reactivate(world: &mut World<'_>, id: &str, _: &Params) -> Result<Value, ApiError> {
    let mut meter = world.at_path(Kind::Meter, id)?;
    if text(&meter, "status") == "inactive" {
        the_only_one(world, &mut meter, &Params::default())?;
    }
    switch(world, id, ("inactive", "active"), NULL, "billing.meter.reactivated")
}

fn switch(
    world: &mut World<'_>,
    id: &str,
    (from, to): (&str, &str),
    deactivated_at: Value,
    told: &str,
) -> Result<Value, ApiError> {
    let meter = world.at_path(Kind::Meter, id)?;
    if text(&meter, "status") != from {
        return Err(ApiError::invalid(format!("The meter {id} is already {to}.")));
    }
    let now = world.second();
    world.change(id, |meter| {
        put_all(
            meter,
            [
                ("status", to.into()),
                ("status_transitions", json!({ "deactivated_at": deactivated_at })),
                ("updated", now.into()),
            ],
        );
    });
    world.tell(told, id);
    Ok(world.copy(id))
}

/// `POST /v1/billing/meter_events`. Stripe refuses an identifier that it has seen in the last 24 hours
/// (docs.stripe.com/api/billing/meter-event/create), and has no call that gives an event back.
fn count(world: &mut World<'_>, params: &Params) -> Result<Value, ApiError> {
    let name = params.needed("event_name")?;
    let Some(meter) = active(world, name) else {
        return Err(ApiError::invalid_param(
            "event_name",
            format!("No active meter found for event name {name}."),
        ));
    };
    let payload = params.given("payload").cloned().unwrap_or_default();
    for key in
        [&meter["customer_mapping"]["event_payload_key"], &meter["value_settings"]["event_payload_key"]]
    {
        let key = key.as_str().unwrap_or_default();
        let counts = meter["default_aggregation"]["formula"] == "count"
            && key == text(&meter["value_settings"], "event_payload_key");
        if payload[key].is_null() && !counts {
            return Err(ApiError::missing_param(&format!("payload[{key}]")));
        }
    }
    let mut event = other::meter_event(name, world.second());
    params.apply(&mut event, &["identifier", "payload", "timestamp"]);
    if params.text("identifier").is_none() {
        let identifier = world.mint("evt");
        put(&mut event, "identifier", identifier);
    }
    let identifier = text(&event, "identifier").to_owned();
    // Its own name in the store: an identifier is the caller's and could be the id of anything.
    let id = format!("meter event {identifier}");
    if let Some(earlier) = world.get(&id)
        && earlier["created"].as_i64().unwrap_or_default() > world.second().saturating_sub(24 * 60 * 60)
    {
        return Err(ApiError::invalid_param(
            "identifier",
            format!("An event already exists with identifier {identifier}."),
        ));
    }
    let mut kept = event.clone();
    put(&mut kept, "id", id);
    world.insert(Kind::MeterEvent, kept);
    Ok(event)
}
