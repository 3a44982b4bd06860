//! One condition of an expectation, and what a reading says of it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value};

use super::instant::spell;
use super::matcher::{self, MatcherError, Matchers};
use super::{delivery, words};
use crate::probe::Reading;
use crate::project::model::{Probe, ProbeKind};
use crate::run_event::{AttemptRecord, DeliveryRef};

/// What a field of a probe, or of the step's deliveries, must be.
#[derive(Debug, Clone)]
pub struct Condition(pub(super) Watch);

impl Condition {
    /// `PROBE = { FIELD = expected }`, the value already rendered.
    ///
    /// # Errors
    /// A matcher that cannot be understood.
    pub fn field(name: &str, probe: &Probe, field: &str, expected: &Value) -> Result<Self, MatcherError> {
        let is_time = probe.times.iter().any(|time| time == field);
        let matchers =
            if is_time { Matchers::of_instants(expected) } else { Matchers::from_value(expected) }?;
        Ok(Self(Watch::Field { probe: name.to_owned(), field: field.to_owned(), matchers, before: None }))
    }

    /// `delivery = { FIELD = expected }` within an `either`: what all deliveries of the step were answered.
    ///
    /// # Errors
    /// A matcher that cannot be understood, or a field that deliveries do not have.
    pub fn delivery(
        field: &str,
        expected: &Value,
        deliveries: &[(DeliveryRef, Vec<AttemptRecord>)],
    ) -> Result<Self, MatcherError> {
        delivery::answers(field, expected, deliveries).map(|answers| Self(Watch::Deliveries(answers)))
    }
}

/// What was read before judging started, by probe. What is missing here was not read.
#[derive(Debug, Clone, Default)]
pub struct Before {
    /// When the step began.
    pub step: BTreeMap<String, Reading>,
    /// Just before the step's last delivery was sent; where a probe is missing, its reading in `step` is meant.
    pub delivery: BTreeMap<String, Reading>,
}

/// A condition with what it needs to know from before the step.
#[derive(Debug, Clone)]
pub(super) enum Watch {
    /// A field of a probe; `before` is its value when the step began.
    Field { probe: String, field: String, matchers: Matchers, before: Option<Value> },
    /// All fields of a probe but those of `without`, as they were.
    Unchanged { probe: String, before: Map<String, Value>, without: &'static [&'static str] },
    /// A field of a probe, as provider truth has it at the same moment.
    Agrees { probe: String, field: String, truth: String, spelling: Spelling },
    /// Known from the start.
    Deliveries(delivery::Answers),
}

/// How two values of both sides are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    Exact,
    Instants,
}

impl Spelling {
    pub(super) fn of(probe: &Probe, field: &str) -> Self {
        if probe.times.iter().any(|time| time == field) { Self::Instants } else { Self::Exact }
    }

    /// Whether local state and provider truth agree. What Stripe has as null an app often leaves out.
    pub(super) fn agrees(self, local: Option<&Value>, truth: Option<&Value>) -> bool {
        let there = |value: Option<&Value>| value.filter(|value| !value.is_null()).cloned();
        match (there(local), there(truth)) {
            (None, None) => true,
            (Some(local), Some(truth)) if self == Self::Instants => {
                matcher::equal(&spell(local), &spell(truth))
            }
            (Some(local), Some(truth)) => matcher::equal(&local, &truth),
            _ => false,
        }
    }
}

/// What one reading says of a condition.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sight {
    /// When it was read.
    pub(super) at: Duration,
    /// Whether it is as demanded, or why that cannot be told.
    pub(super) holds: Result<bool, String>,
    /// What was there; of `Unchanged` only the fields that differ.
    pub(super) actual: Option<Value>,
    /// What had to be there, where readings tell it.
    pub(super) wanted: Option<Value>,
}

impl Watch {
    /// All fields of a probe, as they were when the step began. The whole text of an answer counts only where
    /// the probe reads nothing else: it may hold a clock or a request id.
    pub(super) fn unchanged(name: &str, probe: &Probe, known: &Before) -> Result<Self, String> {
        let without: &[&str] = match &probe.kind {
            ProbeKind::Call { read, .. } if !read.is_empty() => &["text", "screenshot"],
            _ => &[],
        };
        let before = except(fields_before(known, name)?, without);
        Ok(Self::Unchanged { probe: name.to_owned(), before, without })
    }

    pub(super) fn probe(&self) -> &str {
        match self {
            Self::Field { probe, .. } | Self::Unchanged { probe, .. } | Self::Agrees { probe, .. } => probe,
            Self::Deliveries(_) => "delivery",
        }
    }

    pub(super) fn field(&self) -> &str {
        match self {
            Self::Field { field, .. } | Self::Agrees { field, .. } => field,
            Self::Unchanged { .. } => "",
            Self::Deliveries(answers) => &answers.field,
        }
    }

    /// Takes over what must be known from before the step; `Err`: why it cannot be judged at all.
    pub(super) fn remember(&mut self, known: &Before) -> Result<(), String> {
        let Self::Field { probe, field, matchers, before } = self else { return Ok(()) };
        if matchers.needs_before() {
            *before = fields_before(known, probe)?.get(field.as_str()).cloned();
        }
        Ok(())
    }

    /// Whether it was true before the last delivery already; `None`: that is not known.
    pub(super) fn was_true(&self, known: &Before) -> Option<bool> {
        let Self::Field { probe, .. } = self else { return Some(false) };
        let reading = known.delivery.get(probe).or_else(|| known.step.get(probe))?;
        self.see(reading).holds.ok()
    }

    /// Whether it is about how many of something there are.
    pub(super) fn counts(&self) -> bool {
        matches!(self, Self::Field { field, matchers, .. } if matcher::is_number_of_things(field, matchers))
    }

    /// What a reading of its probe says.
    pub(super) fn see(&self, reading: &Reading) -> Sight {
        let fields = match &reading.fields {
            Ok(fields) => fields,
            Err(error) => return Sight::unknown(reading.at, format!("failed to {error}")),
        };
        match self {
            Self::Field { field, matchers, before, .. } => {
                let actual = fields.get(field).cloned();
                let holds = Ok(matchers.check(actual.as_ref(), before.as_ref()));
                Sight { at: reading.at, holds, actual, wanted: None }
            }
            Self::Unchanged { before, without, .. } => {
                let (was, is) = difference(before, &except(fields, without));
                let holds = Ok(was.is_empty() && is.is_empty());
                Sight { at: reading.at, holds, actual: Some(is.into()), wanted: Some(was.into()) }
            }
            Self::Agrees { .. } => Sight::unknown(reading.at, "provider truth was not read".to_owned()),
            Self::Deliveries(answers) => answers.sight(reading.at),
        }
    }

    /// What a reading and provider truth at the same moment say of whether both agree.
    pub(super) fn compare(&self, local: &Reading, truth: Result<Option<&Value>, &str>) -> Sight {
        let Self::Agrees { field, spelling, .. } = self else { return self.see(local) };
        match (&local.fields, truth) {
            (Err(error), _) => Sight::unknown(local.at, format!("failed to {error}")),
            (_, Err(problem)) => Sight::unknown(local.at, problem.to_owned()),
            (Ok(fields), Ok(truth)) => {
                let actual = fields.get(field);
                let holds = Ok(spelling.agrees(actual, truth));
                let wanted =
                    if *spelling == Spelling::Instants { truth.cloned().map(spell) } else { truth.cloned() };
                Sight { at: local.at, holds, actual: actual.cloned(), wanted }
            }
        }
    }

    /// What is demanded, in words.
    pub(super) fn expected(&self, last: Option<&Sight>) -> String {
        match self {
            Self::Field { matchers, .. } => matchers.describe(),
            Self::Unchanged { before, .. } => match last.and_then(|sight| sight.wanted.as_ref()) {
                Some(Value::Object(was)) if !was.is_empty() => words::json(&Value::Object(was.clone())),
                _ => words::json(&Value::Object(before.clone())),
            },
            Self::Agrees { truth, .. } => match last {
                Some(Sight { holds: Ok(_), wanted, .. }) => words::found(wanted.as_ref()),
                _ => truth.clone(),
            },
            Self::Deliveries(answers) => answers.expected(),
        }
    }

    /// What was there, in words.
    pub(super) fn observed(&self, sight: &Sight) -> String {
        match (self, &sight.holds) {
            (_, Err(problem)) => words::cut(problem),
            (Self::Field { before, matchers, .. }, Ok(_)) if matchers.needs_before() => {
                format!("{} ({} before)", words::found(sight.actual.as_ref()), words::found(before.as_ref()))
            }
            (Self::Unchanged { before, .. }, Ok(true)) => words::json(&Value::Object(before.clone())),
            (Self::Deliveries(answers), Ok(_)) => answers.observed(),
            _ => words::found(sight.actual.as_ref()),
        }
    }
}

/// The fields of a probe when the step began, or why they are not known.
fn fields_before<'a>(known: &'a Before, probe: &str) -> Result<&'a Map<String, Value>, String> {
    match known.step.get(probe).map(|reading| &reading.fields) {
        Some(Ok(fields)) => Ok(fields),
        Some(Err(error)) => Err(format!("could not be read before the step: failed to {error}")),
        None => Err("was not read before the step".to_owned()),
    }
}

impl Sight {
    fn unknown(at: Duration, problem: String) -> Self {
        Self { at, holds: Err(problem), actual: None, wanted: None }
    }
}

/// The fields that differ: as they were, and as they are.
fn difference(
    before: &Map<String, Value>,
    now: &Map<String, Value>,
) -> (Map<String, Value>, Map<String, Value>) {
    let only = |these: &Map<String, Value>, others: &Map<String, Value>| {
        these
            .iter()
            .filter(|(key, value)| !others.get(*key).is_some_and(|other| matcher::equal(value, other)))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    };
    (only(before, now), only(now, before))
}

fn except(fields: &Map<String, Value>, without: &[&str]) -> Map<String, Value> {
    fields
        .iter()
        .filter(|(key, _)| !without.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}
