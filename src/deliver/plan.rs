//! What a step delivers, in order: decided before anything is sent, from what was made so far.
//!
//! A plan holds events as Stripe made them. What a scenario changes in them is [`Planned::change`], which is
//! applied when the delivery's time comes, since its templates may need what the app answered meanwhile.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::id::IdMinter;
use crate::scenario::model::{Change, From, Order, Pick, Send, SendEntry};
use crate::span::Place;
use crate::stripe::event::{EventError, EventView, matches_type};
use crate::stripe::template::TemplateError;
use crate::stripe::thin;

/// One delivery that a step makes.
#[derive(Debug, Clone)]
pub struct Planned {
    /// The event, as Stripe made it.
    pub event: Value,
    /// What differs from how Stripe would send it, templates unrendered.
    pub change: Change,
    /// The endpoint's name.
    pub endpoint: String,
    /// The line of `send` that asked for it; `None`: it is part of the burst.
    pub place: Option<Place>,
}

/// An endpoint, as far as a plan needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Its name.
    pub name: String,
    /// Patterns of the types it has subscribed to; empty: all.
    pub events: Vec<String>,
    /// It is sent thin events, and has subscribed to their types.
    pub thin: bool,
    /// It receives events of connected accounts, and no others.
    pub connect: bool,
}

/// The events that one step made, in Stripe's order.
#[derive(Debug, Clone, Copy)]
pub struct Burst<'a> {
    /// What the user calls the step.
    pub step: &'a str,
    /// The events.
    pub events: &'a [Value],
}

/// All events that a step can send.
#[derive(Debug, Clone, Copy)]
pub struct Sources<'a> {
    /// What this step made.
    pub this: Burst<'a>,
    /// What the steps before it made, sent or not, by the step's index.
    pub earlier: &'a [Burst<'a>],
    /// What the arrangement made.
    pub given: &'a [Value],
    /// Ids of captured events → those that they have in this case: an app that handles an event once must meet a new one
    /// with every case.
    pub captured: &'a BTreeMap<String, String>,
}

/// Why a step cannot deliver what it asks for. The case is errored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// No such event was made.
    #[error("find {wanted} among the events of {step}: {}", made_in_words(.made))]
    NothingMade {
        /// `` `invoice.paid` number 2 ``.
        wanted: String,
        /// `` step `upgrade` ``.
        step: String,
        /// The types that it did make, in order.
        made: Vec<String>,
        /// The line of `send`.
        place: Place,
    },
    /// `drop` loses nothing, so the step proves nothing about a loss.
    #[error("lose {} from the burst: {}", quoted(.patterns), made_in_words(.made))]
    NothingDropped {
        /// As written.
        patterns: Vec<String>,
        /// The types that the step did make, in order.
        made: Vec<String>,
    },
    /// The environment has no endpoint of this name.
    #[error("find the endpoint `{name}` (there is {})", quoted(.known))]
    NoSuchEndpoint {
        /// As written.
        name: String,
        /// The endpoints' names.
        known: Vec<String>,
        /// The line of `send`.
        place: Place,
    },
    /// Several endpoints could be meant, and none is called `main`.
    #[error("tell which endpoint is meant ({}): none is called `main`", quoted(.known))]
    WhichEndpoint {
        /// The endpoints' names.
        known: Vec<String>,
        /// The line of `send`.
        place: Place,
    },
    /// The environment has no endpoint at all.
    #[error("find an endpoint: the environment has none")]
    NoEndpoint,
    /// An event cannot be built.
    #[error("{problem}")]
    Template {
        /// Why.
        problem: TemplateError,
        /// The line of `send`.
        place: Place,
    },
    /// A captured file holds something else.
    #[error("send `{path}`: failed to {problem}")]
    File {
        /// As written.
        path: String,
        /// What it is.
        problem: EventError,
        /// The line of `send`.
        place: Place,
    },
}

impl PlanError {
    /// The line that cannot be followed; `None`: the step as a whole.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        match self {
            Self::NothingMade { place, .. }
            | Self::NoSuchEndpoint { place, .. }
            | Self::WhichEndpoint { place, .. }
            | Self::Template { place, .. }
            | Self::File { place, .. } => Some(place),
            Self::NothingDropped { .. } | Self::NoEndpoint => None,
        }
    }
}

/// Decides what goes out, where to, and in which order. `build` makes the events of `template = "…"`;
/// `shuffler` is asked only where the order is shuffled.
///
/// Events of the burst, and of `"*"`, go to every endpoint that has subscribed to their type: those with an
/// `account` to the endpoints for connected accounts, the rest to the others. An event that is asked for by
/// name, or an endpoint that is, is served whatever was subscribed to.
///
/// # Errors
///
/// Where an event was not made, cannot be built, or has no endpoint to go to; and where `drop` loses nothing.
pub fn plan(
    send: &Send,
    sources: &Sources<'_>,
    build: &mut dyn FnMut(&str) -> Result<Value, TemplateError>,
    routes: &[Route],
    shuffler: &mut IdMinter,
) -> Result<Vec<Planned>, PlanError> {
    let (mut planned, order) = match send {
        Send::Burst { order, drop } => (burst(sources.this.events, drop, routes)?, *order),
        Send::List { entries, order } => (list(entries, sources, build, routes)?, *order),
    };
    match order {
        Order::Natural => {}
        Order::Reversed => planned.reverse(),
        Order::Shuffled => shuffler.shuffle(&mut planned),
    }
    Ok(planned)
}

fn burst(events: &[Value], drop: &[String], routes: &[Route]) -> Result<Vec<Planned>, PlanError> {
    if routes.is_empty() && !events.is_empty() {
        return Err(PlanError::NoEndpoint);
    }
    let lost = |event: &&Value| drop.iter().any(|pattern| matches_type(pattern, kind(event)));
    if !drop.is_empty() && !events.iter().any(|event| lost(&event)) {
        return Err(PlanError::NothingDropped { patterns: drop.to_vec(), made: kinds(events) });
    }
    let kept = events.iter().filter(|event| !lost(event));
    Ok(kept.flat_map(|event| broadcast(event, &Change::default(), None, routes)).collect())
}

/// To every endpoint that has subscribed.
fn broadcast(event: &Value, change: &Change, place: Option<&Place>, routes: &[Route]) -> Vec<Planned> {
    let connected = is_connected(event, change);
    let subscribed = |route: &&Route| {
        let sent = if route.thin { thin::kind(kind(event)) } else { Some(kind(event).to_owned()) };
        let asked = |sent: String| {
            route.events.is_empty() || route.events.iter().any(|pattern| matches_type(pattern, &sent))
        };
        route.connect == connected && sent.is_some_and(asked)
    };
    let planned = |route: &Route| Planned {
        event: event.clone(),
        change: change.clone(),
        endpoint: route.name.clone(),
        place: place.cloned(),
    };
    routes.iter().filter(subscribed).map(planned).collect()
}

fn list(
    entries: &[SendEntry],
    sources: &Sources<'_>,
    build: &mut dyn FnMut(&str) -> Result<Value, TemplateError>,
    routes: &[Route],
) -> Result<Vec<Planned>, PlanError> {
    let named = entries.iter().map(|entry| named(entry, sources)).collect::<Result<Vec<_>, _>>()?;
    let mut planned = Vec::new();
    for entry in entries {
        let once = match &entry.pick {
            Pick::Made { event, from, nth } if event == "*" => {
                rest(entry, (*from, *nth), &named, sources, routes)?
            }
            pick => {
                let event = picked(pick, entry, sources, build)?;
                let endpoint = endpoint(entry, &event, routes)?;
                let (change, place) = (entry.change.clone(), Some(entry.place.clone()));
                vec![Planned { event, change, endpoint, place }]
            }
        };
        planned.extend(once.iter().flat_map(|one| (0..entry.times).map(|_| one.clone())));
    }
    Ok(planned)
}

/// Which event of which burst an entry names; `None`: it names none of them.
fn named(entry: &SendEntry, sources: &Sources<'_>) -> Result<Option<(From, usize)>, PlanError> {
    let Pick::Made { event, from, nth } = &entry.pick else { return Ok(None) };
    if event == "*" {
        return Ok(None);
    }
    let events = sources.events(*from);
    let mut same = events.iter().enumerate().filter(|(_, made)| kind(made) == event);
    let found = match nth {
        None => same.next(),
        Some(nth) => usize::try_from(*nth).ok().and_then(|nth| same.nth(nth.checked_sub(1)?)),
    };
    match found {
        Some((index, _)) => Ok(Some((*from, index))),
        None => Err(sources.nothing_made(event, *nth, *from, &entry.place)),
    }
}

fn picked(
    pick: &Pick,
    entry: &SendEntry,
    sources: &Sources<'_>,
    build: &mut dyn FnMut(&str) -> Result<Value, TemplateError>,
) -> Result<Value, PlanError> {
    let place = || entry.place.clone();
    match pick {
        Pick::Made { event, from, nth } => named(entry, sources)?
            .and_then(|(from, index)| sources.events(from).get(index).cloned())
            .ok_or_else(|| sources.nothing_made(event, *nth, *from, &entry.place)),
        Pick::Template(kind) => {
            build(kind).map_err(|problem| PlanError::Template { problem, place: place() })
        }
        Pick::File { path, event } => match EventView::of(event) {
            Ok(view) => Ok(sources.captured(view.id(), event)),
            Err(problem) => Err(PlanError::File { path: path.clone(), problem, place: place() }),
        },
    }
}

/// `"*"`: what no other entry names, or the `nth` of that.
fn rest(
    entry: &SendEntry,
    (from, nth): (From, Option<u32>),
    named: &[Option<(From, usize)>],
    sources: &Sources<'_>,
    routes: &[Route],
) -> Result<Vec<Planned>, PlanError> {
    let events = sources.events(from);
    let rest: Vec<&Value> = events
        .iter()
        .enumerate()
        .filter(|(index, _)| !named.contains(&Some((from, *index))))
        .map(|(_, event)| event)
        .collect();
    let rest = match nth.and_then(|nth| usize::try_from(nth).ok()) {
        None => rest,
        Some(nth) => {
            nth.checked_sub(1).and_then(|nth| rest.get(nth)).map(|event| vec![*event]).unwrap_or_default()
        }
    };
    // A rest of nothing is fine where others named it all; it is not where nothing was made.
    if rest.is_empty() && (events.is_empty() || nth.is_some()) {
        return Err(sources.nothing_made("*", nth, from, &entry.place));
    }
    let mut planned = Vec::new();
    for event in rest {
        if entry.change.endpoint.is_some() || routes.is_empty() {
            let (change, place) = (entry.change.clone(), Some(entry.place.clone()));
            planned.push(Planned {
                event: event.clone(),
                change,
                endpoint: endpoint(entry, event, routes)?,
                place,
            });
        } else {
            planned.extend(broadcast(event, &entry.change, Some(&entry.place), routes));
        }
    }
    Ok(planned)
}

/// The endpoint that is named; else, among those for this kind of account, `main` or the only one.
fn endpoint(entry: &SendEntry, event: &Value, routes: &[Route]) -> Result<String, PlanError> {
    let names = |routes: &[&Route]| routes.iter().map(|route| route.name.clone()).collect::<Vec<_>>();
    let all: Vec<&Route> = routes.iter().collect();
    if let Some(name) = &entry.change.endpoint {
        return match all.iter().find(|route| route.name == *name) {
            Some(route) => Ok(route.name.clone()),
            None => Err(PlanError::NoSuchEndpoint {
                name: name.clone(),
                known: names(&all),
                place: entry.place.clone(),
            }),
        };
    }
    let connected = is_connected(event, &entry.change);
    let fitting: Vec<&Route> = routes.iter().filter(|route| route.connect == connected).collect();
    // An app with one endpoint for everything still gets what a scenario asks for by name.
    let candidates = if fitting.is_empty() { all } else { fitting };
    match candidates.as_slice() {
        [] => Err(PlanError::NoEndpoint),
        [only] => Ok(only.name.clone()),
        several => several
            .iter()
            .find(|route| route.name == "main")
            .map(|route| route.name.clone())
            .ok_or_else(|| PlanError::WhichEndpoint { known: names(several), place: entry.place.clone() }),
    }
}

fn is_connected(event: &Value, change: &Change) -> bool {
    change.account.is_some() || event.get("account").is_some_and(Value::is_string)
}

impl<'a> Sources<'a> {
    fn captured(&self, id: &str, event: &Value) -> Value {
        let mut event = event.clone();
        if let (Some(id), Some(slot)) = (self.captured.get(id), event.get_mut("id")) {
            *slot = id.as_str().into();
        }
        event
    }

    fn events(&self, from: From) -> &'a [Value] {
        match from {
            From::This => self.this.events,
            From::Step(index) => self.earlier.get(index).map(|burst| burst.events).unwrap_or_default(),
            From::Given => self.given,
        }
    }

    fn nothing_made(&self, event: &str, nth: Option<u32>, from: From, place: &Place) -> PlanError {
        let wanted = match nth {
            None => format!("`{event}`"),
            Some(nth) => format!("`{event}` number {nth}"),
        };
        let step = match from {
            From::This => format!("step `{}`", self.this.step),
            From::Step(index) => match self.earlier.get(index) {
                Some(burst) => format!("step `{}`", burst.step),
                None => format!("step {}", index + 1),
            },
            From::Given => "the arrangement".to_owned(),
        };
        PlanError::NothingMade { wanted, step, made: kinds(self.events(from)), place: place.clone() }
    }
}

fn kind(event: &Value) -> &str {
    event.get("type").and_then(Value::as_str).unwrap_or_default()
}

fn kinds(events: &[Value]) -> Vec<String> {
    events.iter().map(|event| kind(event).to_owned()).collect()
}

/// `it made invoice.paid (2), charge.succeeded`, in the order of their first.
fn made_in_words(made: &[String]) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for kind in made {
        match counts.iter_mut().find(|(known, _)| known == kind) {
            Some((_, count)) => *count += 1,
            None => counts.push((kind, 1)),
        }
    }
    if counts.is_empty() {
        return "it made no events".to_owned();
    }
    let words: Vec<String> = counts
        .into_iter()
        .map(|(kind, count)| if count == 1 { kind.to_owned() } else { format!("{kind} ({count})") })
        .collect();
    format!("it made {}", words.join(", "))
}

fn quoted(names: &[String]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
