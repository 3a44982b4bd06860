//! A story that can never fail, and expectations that hold of any app.

use std::time::Duration;

use serde_json::Value;

use crate::project::model::Project;
use crate::scenario::code::Code;
use crate::scenario::decode::Problems;
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::model::{Expected, Head, Step, Story};
use crate::span::Place;
use crate::time::human;

/// The first reading begins 3 ms after the last delivery, and then the app has to answer.
const FASTEST: Duration = Duration::from_millis(5);
/// Every answer is in one of these.
const CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];

pub(super) fn check(head: &Head, story: &Story, project: &Project, problems: &mut Problems) {
    let mut judges = reconciles(story, project) || has_bystander(story);
    for (index, step) in story.steps.iter().enumerate() {
        for expected in step.expected() {
            warn_if_always_true(expected, problems);
        }
        judges |= step.then.iter().any(can_fail);
        // One alternative that always holds is enough.
        judges |= !step.either.is_empty() && step.either.iter().all(|all| all.iter().any(can_fail));
        let quiet = story.steps.get(..=index).is_none_or(|until| until.iter().all(is_quiet));
        for probe in step.unchanged.iter().filter(|_| quiet) {
            warn_of_unchanged(&probe.value, &probe.place, problems);
        }
        judges |= !quiet && !step.unchanged.is_empty();
        warn_if_too_short(step, story, problems);
    }
    if !judges {
        warn_of_no_proof(head, story, problems);
    }
}

fn warn_of_no_proof(head: &Head, story: &Story, problems: &mut Problems) {
    let (message, label) = if story.steps.iter().any(Step::sends) {
        (
            "this scenario proves only that its deliveries are answered 2xx",
            "whether it is kept is not looked at",
        )
    } else {
        ("this scenario can never fail", "the promise is never put to the test")
    };
    problems.push(
        Diagnostic::warning(Code::NeverFails, message)
            .at(&head.place)
            .label(label)
            .help("say what must be true: then.PROBE = { field = … }"),
    );
}

/// Whether local state is compared with provider truth anywhere.
fn reconciles(story: &Story, project: &Project) -> bool {
    let last = story.steps.len().saturating_sub(1);
    let judged = |(index, step): (usize, &Step)| step.reconcile.unwrap_or(index == last);
    !project.reconcile.is_empty() && story.steps.iter().enumerate().any(judged)
}

/// Nothing of a customer whom no step is about may change.
fn has_bystander(story: &Story) -> bool {
    (0..story.given.customers.len()).any(|index| story.steps.iter().all(|step| step.customer != index))
}

/// Whether the app has no occasion to change anything in a step: nothing reaches it.
fn is_quiet(step: &Step) -> bool {
    step.requests.is_empty() && step.restart.is_none() && step.faults.is_empty() && !step.sends()
}

fn warn_of_unchanged(probe: &str, place: &Place, problems: &mut Problems) {
    problems.push(
        Diagnostic::warning(Code::AlwaysTrue, format!("`{probe}` has no occasion to change here"))
            .at(place)
            .label("the app has not been told of anything yet")
            .help("say it in the step that sends something"),
    );
}

fn can_fail(expected: &Expected) -> bool {
    expected.fields.iter().any(|(name, value)| !holds_of_any(&expected.probe, name, &value.value))
}

fn warn_if_always_true(expected: &Expected, problems: &mut Problems) {
    for (name, value) in &expected.fields {
        if holds_of_any(&expected.probe, name, &value.value) {
            problems.push(
                Diagnostic::warning(
                    Code::AlwaysTrue,
                    format!("`{}.{name}` is so in every app", expected.probe),
                )
                .at(&value.place)
                .label("matches everything")
                .help("say which value it must have"),
            );
        }
    }
}

/// What a value is of, which bounds it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    /// How many there are.
    Number,
    /// An HTTP status.
    Status,
    /// How long it took.
    Time,
    /// Anything.
    Anything,
}

fn holds_of_any(probe: &str, field: &str, value: &Value) -> bool {
    let of = match (probe, field) {
        ("delivery", "status") | (_, "http_status") => Of::Status,
        ("delivery", "took") => Of::Time,
        _ => Of::Anything,
    };
    all_hold(value, of)
}

/// Whether all matchers hold of any value there can be. A literal never does.
fn all_hold(value: &Value, of: Of) -> bool {
    value.as_object().is_some_and(|matchers| {
        !matchers.is_empty() && matchers.iter().all(|(name, wanted)| holds(name, wanted, of))
    })
}

fn holds(matcher: &str, wanted: &Value, of: Of) -> bool {
    match (matcher, wanted) {
        ("count", wanted) => all_hold(wanted, Of::Number),
        ("contains", Value::String(text)) => text.is_empty(),
        ("matches", Value::String(pattern)) => is_everything(pattern),
        ("one_of", Value::Array(words)) => {
            CLASSES.iter().all(|class| words.iter().any(|word| word == class))
                || [true, false].iter().all(|truth| words.iter().any(|word| word == truth))
        }
        ("gte", wanted) => least(of).zip(amount(wanted, of)).is_some_and(|(least, wanted)| wanted <= least),
        ("gt", wanted) => least(of).zip(amount(wanted, of)).is_some_and(|(least, wanted)| wanted < least),
        ("lte", wanted) => of == Of::Status && amount(wanted, of).is_some_and(|wanted| wanted >= 599.0),
        ("lt", wanted) => of == Of::Status && amount(wanted, of).is_some_and(|wanted| wanted > 599.0),
        ("ne", wanted) => least(of).zip(amount(wanted, of)).is_some_and(|(least, wanted)| wanted < least),
        _ => false,
    }
}

/// The least that there can be.
fn least(of: Of) -> Option<f64> {
    match of {
        Of::Number | Of::Time => Some(0.0),
        Of::Status => Some(100.0),
        Of::Anything => None,
    }
}

fn amount(wanted: &Value, of: Of) -> Option<f64> {
    match wanted {
        Value::String(text) if of == Of::Time => matches!(text.as_str(), "0s" | "0ms").then_some(0.0),
        other => other.as_f64(),
    }
}

/// Whether a regular expression is found in every text.
fn is_everything(pattern: &str) -> bool {
    let inner = pattern.strip_prefix("(?s)").unwrap_or(pattern);
    let inner = inner.strip_prefix('^').unwrap_or(inner);
    let inner = inner.strip_suffix('$').unwrap_or(inner);
    inner.is_empty() && pattern != "^$" && pattern != "(?s)^$" || matches!(inner, ".*" | ".*?")
}

fn warn_if_too_short(step: &Step, story: &Story, problems: &mut Problems) {
    let Some(within) = step.within.or(story.within).filter(|within| *within < FASTEST) else { return };
    let places = step.then.iter().map(|expected| &expected.place).chain(step.either_place.as_ref());
    if let Some(place) = places.into_iter().next() {
        problems.push(
            Diagnostic::warning(
                Code::TooShort,
                format!("within {} no app can be read: this never comes true", human(within)),
            )
            .at(place)
            .label("judged from the last delivery's answer on")
            .help("give the app the time that you promise your customers"),
        );
    }
}
