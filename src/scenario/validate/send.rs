//! What a step delivers.

use serde_json::Value;

use super::Scope;
use crate::scenario::code::Code;
use crate::scenario::decode::{Field, List, Problems, Text};
use crate::scenario::diagnostic::{Diagnostic, nearest, suggest};
use crate::scenario::document::{SendDocument, StepDocument};
use crate::scenario::model::{Change, From, Order, Pick, Send, SendEntry, Step};
use crate::scenario::shape;
use crate::span::{Place, Spanned};
use crate::stripe::action::ActionKind;

/// What the lines of a `send` can be about.
pub(super) struct Made<'a> {
    /// The steps before this one.
    pub(super) earlier: &'a [Step],
    /// What happens at Stripe in this step.
    pub(super) action: Option<ActionKind>,
    /// Whether the app acts in this step: what it does at Stripe joins the burst, and is not known before.
    pub(super) app_acts: bool,
    /// Whether the arrangement made anything.
    pub(super) given: bool,
}

/// What a step delivers.
pub(super) fn send(
    document: &StepDocument,
    order: Option<Order>,
    made: &Made<'_>,
    scope: &Scope<'_>,
    problems: &mut Problems,
) -> Send {
    let order = document.order.as_ref().map(|order| order.value).or(order).unwrap_or_default();
    match &document.send {
        Some(list) => Send::List { entries: entries(&list.value, made, scope, problems), order },
        None => Send::Burst { order, drop: drop(document.drop.as_ref(), made, problems) },
    }
}

/// The lines of a `send`.
pub(super) fn entries(
    list: &List<SendDocument>,
    made: &Made<'_>,
    scope: &Scope<'_>,
    problems: &mut Problems,
) -> Vec<SendEntry> {
    list.iter().filter_map(|item| entry(item, made, scope, problems)).collect()
}

fn entry(
    item: &Spanned<SendDocument>,
    made: &Made<'_>,
    scope: &Scope<'_>,
    problems: &mut Problems,
) -> Option<SendEntry> {
    let document = &item.value;
    only_with_event(document, problems);
    if let Some(endpoint) = &document.endpoint {
        scope.check_endpoint(endpoint, problems);
    }
    if let Some(process) = &document.process {
        scope.check_process(&process.value, &process.place, problems);
    }
    let pick = if let Some(event) = &document.event {
        event_pick(event, document, made, problems)?
    } else if let Some(template) = &document.template {
        check_type(&template.value, Many::No, &template.place, problems);
        Pick::Template(template.value.clone())
    } else {
        file_pick(document.file.as_ref()?, scope, problems)?
    };
    Some(SendEntry {
        pick,
        change: change(document, problems),
        times: document.times.as_ref().map_or(1, |times| times.get()),
        place: item.place.clone(),
    })
}

/// `from` and `nth` choose among events that were made.
fn only_with_event(document: &SendDocument, problems: &mut Problems) {
    let keys = [
        ("from", document.from.as_ref().map(|field| &field.key)),
        ("nth", document.nth.as_ref().map(|field| &field.key)),
    ];
    for (key, place) in keys.into_iter().filter_map(|(key, place)| Some((key, place?))) {
        if document.event.is_none() && (document.template.is_some() || document.file.is_some()) {
            problems.push(
                Diagnostic::error(Code::ExclusiveKeys, format!("`{key}` goes with `event`"))
                    .at(place)
                    .label("it chooses among events that were made"),
            );
        }
    }
    if let (Some("*"), Some(nth)) = (document.event.as_ref().map(|event| event.as_str()), &document.nth) {
        problems.push(
            Diagnostic::error(Code::ExclusiveKeys, "`nth` does not go with \"*\"")
                .at(&nth.key)
                .label("\"*\" is all of the rest"),
        );
    }
}

fn event_pick(
    event: &Field<Text>,
    document: &SendDocument,
    made: &Made<'_>,
    problems: &mut Problems,
) -> Option<Pick> {
    let known = check_type(&event.value, Many::Rest, &event.place, problems);
    let from = match &document.from {
        None => From::This,
        Some(from) => self::from(from, made, problems)?,
    };
    if known {
        warn_if_not_made(
            event,
            document.nth.as_ref().map(|nth| (nth.get(), &nth.place)),
            from,
            made,
            problems,
        );
    }
    Some(Pick::Made { event: event.value.clone(), from, nth: document.nth.as_ref().map(|nth| nth.get()) })
}

fn from(from: &Field<Text>, made: &Made<'_>, problems: &mut Problems) -> Option<From> {
    if from.as_str() == "given" {
        return Some(From::Given);
    }
    if let Some(index) = made.earlier.iter().position(|step| step.name == from.value) {
        return Some(From::Step(index));
    }
    let names: Vec<&str> = made.earlier.iter().map(|step| step.name.as_str()).chain(["given"]).collect();
    problems.push(
        Diagnostic::error(Code::UnknownStep, format!("unknown step `{}`", from.value))
            .at(&from.place)
            .label("no earlier step is called so")
            .maybe_help(suggest(&from.value, "earlier steps", names)),
    );
    None
}

/// Whether a text may stand for many types.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Many {
    /// `invoice.*`, `*`
    Patterns,
    /// `*` only: the rest.
    Rest,
    /// No.
    No,
}

/// Type names are lower-case words with dots.
fn check_type(event: &str, many: Many, place: &Place, problems: &mut Problems) -> bool {
    let word = |word: &str| {
        !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    let fits = match (event, event.strip_suffix(".*")) {
        ("*", _) => many != Many::No,
        (_, Some(stem)) => many == Many::Patterns && stem.split('.').all(word),
        (_, None) => event.contains('.') && event.split('.').all(word),
    };
    if fits || event.contains("{{") {
        return true;
    }
    problems.push(
        Diagnostic::error(Code::UnknownWord, format!("`{event}` is no event type"))
            .at(place)
            .label("expected a type such as \"invoice.paid\""),
    );
    false
}

/// Warns of an event that its step does not make.
fn warn_if_not_made(
    event: &Field<Text>,
    nth: Option<(u32, &Place)>,
    from: From,
    made: &Made<'_>,
    problems: &mut Problems,
) {
    let (burst, unsure): (Vec<&str>, bool) = match from {
        From::This => (burst_of(made.action), made.app_acts || opens_many(made.action)),
        From::Step(index) => {
            let step = &made.earlier[index];
            let kind = step.stripe.as_ref().map(|action| action.kind);
            (burst_of(kind), !step.requests.is_empty() || opens_many(kind))
        }
        From::Given if made.given => (burst_of(Some(ActionKind::Subscribe)), true),
        From::Given => (Vec::new(), false),
    };
    let count = burst.iter().filter(|kind| matches(&event.value, kind)).count();
    if let Some((nth, place)) = nth
        && !unsure
        && count > 0
        && usize::try_from(nth).is_ok_and(|nth| nth > count)
    {
        problems.push(
            Diagnostic::warning(Code::EventNotMade, format!("there is no `{}` number {nth}", event.value))
                .at(place)
                .label(format!("{count} of them made there"))
                .help("`paydrill explain FILE` lists what each step makes"),
        );
    }
    if unsure || event.contains("{{") || count > 0 {
        return;
    }
    let near = nearest(&event.value, burst.iter().copied());
    let help = match near {
        Some(near) => format!("did you mean \"{near}\"?"),
        None if burst.is_empty() => {
            "nothing happens at Stripe there; `template` builds an event that nothing made".into()
        }
        None => "`paydrill explain FILE` lists what each step makes".into(),
    };
    problems.push(
        Diagnostic::warning(Code::EventNotMade, format!("no `{}` is made", event.value))
            .at(&event.place)
            .label(if from == From::This { "not by this step" } else { "not by that step" })
            .help(help),
    );
}

fn burst_of(kind: Option<ActionKind>) -> Vec<&'static str> {
    kind.map(|kind| kind.burst().to_vec()).unwrap_or_default()
}

/// Actions whose burst depends on the customer: what falls due while time passes, what the app had opened.
fn opens_many(kind: Option<ActionKind>) -> bool {
    matches!(kind, Some(ActionKind::Advance | ActionKind::Checkout | ActionKind::Subscribe))
}

/// Whether a type is meant by a pattern.
fn matches(pattern: &str, event: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(stem) => event.starts_with(stem),
        None => pattern == event,
    }
}

fn drop(patterns: Option<&Field<List<Text>>>, made: &Made<'_>, problems: &mut Problems) -> Vec<String> {
    let Some(patterns) = patterns else { return Vec::new() };
    for (index, pattern) in patterns.value.iter().enumerate() {
        check_type(&pattern.value, Many::Patterns, &pattern.place, problems);
        let wider = |other: &&Spanned<String>| matches(&other.value, &pattern.value);
        if let Some(other) = patterns.value.iter().take(index).find(wider) {
            problems.push(
                Diagnostic::warning(Code::EventNotMade, format!("`{}` is lost already", pattern.value))
                    .at(&pattern.place)
                    .label("nothing is left for it")
                    .help(format!("`{}` takes it", other.value)),
            );
            continue;
        }
        let burst = burst_of(made.action);
        let unsure = made.app_acts || opens_many(made.action);
        if !unsure && !burst.iter().any(|event| matches(&pattern.value, event)) {
            problems.push(
                Diagnostic::warning(Code::EventNotMade, format!("no `{}` is made", pattern.value))
                    .at(&pattern.place)
                    .label("nothing is lost")
                    .maybe_help(suggest(&pattern.value, "events", burst.iter().copied())),
            );
        }
    }
    patterns.iter().map(|pattern| pattern.value.clone()).collect()
}

fn file_pick(file: &Field<Text>, scope: &Scope<'_>, problems: &mut Problems) -> Option<Pick> {
    let text = (scope.files)(&file.value);
    let event = text.and_then(|text| {
        let event: Value = serde_json::from_str(&text).map_err(|error| format!("it is no JSON: {error}"))?;
        match event.get("object").and_then(Value::as_str) {
            Some("event" | "v2.core.event") => Ok(event),
            _ => Err("it is no event: its `object` is not \"event\"".to_owned()),
        }
    });
    match event {
        Ok(event) => Some(Pick::File { path: file.value.clone(), event }),
        Err(why) => {
            problems.push(
                Diagnostic::error(Code::BadFile, format!("cannot use `{}`: {why}", file.value))
                    .at(&file.place)
                    .label("expected a captured event"),
            );
            None
        }
    }
}

fn change(document: &SendDocument, problems: &mut Problems) -> Change {
    thin_holds_nothing(document, problems);
    Change {
        set: document.set.as_ref().map(|set| set.0.to_map().into_iter().collect()).unwrap_or_default(),
        null: paths(document.null.as_ref(), problems),
        remove: paths(document.remove.as_ref(), problems),
        created: document.created.as_ref().map(|created| created.0),
        livemode: document.livemode.as_ref().map(|livemode| livemode.value),
        account: document.account.as_ref().map(|account| account.value.clone()),
        shape: document
            .shape
            .as_ref()
            .and_then(|shape| shape::sent_as(shape, &shape.place, "shape", problems)),
        body: document.body.as_ref().map(|body| body.value).unwrap_or_default(),
        signature: document.signature.as_ref().map(|signature| signature.value).unwrap_or_default(),
        endpoint: document.endpoint.as_ref().map(|endpoint| endpoint.value.clone()),
        process: document.process.as_ref().map(|process| process.value.clone()),
        delay: document.delay.as_ref().map(|delay| delay.0),
        timeout: document.timeout.as_ref().map(|timeout| timeout.0),
        retry: document.retry.as_ref().map(|retry| retry.value),
    }
}

/// A thin event holds no object that could be changed.
fn thin_holds_nothing(document: &SendDocument, problems: &mut Problems) {
    if document.shape.as_ref().map(|shape| shape.as_str()) != Some("thin") {
        return;
    }
    let keys = [
        ("set", document.set.as_ref().map(|field| &field.key)),
        ("null", document.null.as_ref().map(|field| &field.key)),
        ("remove", document.remove.as_ref().map(|field| &field.key)),
    ];
    for (key, place) in keys.into_iter().filter_map(|(key, place)| Some((key, place?))) {
        problems.push(
            Diagnostic::error(Code::ExclusiveKeys, format!("`{key}` does not go with `shape = \"thin\"`"))
                .at(place)
                .label("a thin event names the object, and holds none of it"),
        );
    }
}

/// Paths are relative to `data.object`.
fn paths(list: Option<&Field<List<Text>>>, problems: &mut Problems) -> Vec<String> {
    let list = list.map(|list| list.value.as_slice()).unwrap_or_default();
    for path in list {
        if let Some(rest) = path.value.strip_prefix("data.object.") {
            problems.push(
                Diagnostic::error(Code::OutOfRange, format!("`{}` starts too high", path.value))
                    .at(&path.place)
                    .label("paths start below `data.object`")
                    .help(format!("write \"{rest}\"")),
            );
        }
    }
    list.iter().map(|path| path.value.clone()).collect()
}
