//! A step's expectations, ready to be judged.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::Case;
use super::deliver::Delivery;
use super::watch::{Purpose, Watch, Watched};
use crate::judge::{Condition, Hold, Rules, Start, Subject, Track, delivery};
use crate::project::model::Reconcile;
use crate::run_event::{EventRef, Judged, JudgedKind, Reason, Verdict};
use crate::scenario::model::{Expected, Step};
use crate::span::{Place, Spanned};

impl Case {
    pub(super) fn watch(&self, step: usize, at: Duration) -> Result<Watch, Reason> {
        let model = &self.plan.story.steps[step];
        let is_last = step + 1 == self.plan.story.steps.len();
        let rules = self.rules(step, model, at);
        let mut tracks = self.then(step, model, rules)?;
        tracks.extend(self.either(step, model, rules)?);
        tracks.extend(self.unchanged(step, model, rules));
        if model.reconcile.unwrap_or(is_last) {
            tracks.extend(self.reconcile(Some(step), 0, rules));
        }
        if is_last {
            tracks.extend(self.bystanders(rules));
        }
        let mut watch = Watch::new(Purpose::Step, tracks, at);
        for expected in model.then.iter().filter(|expected| expected.probe == "delivery") {
            let fields = self.rendered(model.customer, expected)?;
            let deliveries = self.deliveries_of(step);
            let judged = delivery::judge_delivery(step, &fields, &deliveries).map_err(|error| Reason {
                message: error.to_string(),
                place: Some(expected.place.clone()),
            })?;
            watch.judged.extend(judged);
        }
        if is_last {
            watch.judged.extend(self.judge_refused());
        }
        Ok(watch)
    }

    fn rules(&self, step: usize, model: &Step, at: Duration) -> Rules {
        let story = &self.plan.story;
        let project = &self.scene.project;
        let sent = self.deliveries.iter().any(|delivery| delivery.reference.step == Some(step));
        let start = match (sent, model.requests.is_empty()) {
            (true, _) => Start::LastDelivery,
            (false, false) => Start::LastRequest,
            (false, true) => Start::Step,
        };
        Rules {
            since: at,
            start,
            within: model.within.or(story.within).unwrap_or(project.within),
            hold: match model.hold {
                Some(hold) => Hold::Said(hold),
                None => Hold::WhereNeeded(story.hold.unwrap_or(project.hold)),
            },
        }
    }

    fn then(&self, step: usize, model: &Step, rules: Rules) -> Result<Vec<Watched>, Reason> {
        let slot = model.customer;
        let mut tracks = Vec::new();
        for expected in model.then.iter().filter(|expected| expected.probe != "delivery") {
            for (field, value) in self.rendered(slot, expected)? {
                let subject =
                    Subject { kind: JudgedKind::Then, step: Some(step), place: value.place.clone() };
                let condition = self.condition(expected, &field, &value, step)?;
                let track = Track::field(subject, condition, rules, &self.baselines.before);
                tracks.push(Watched { slot, track, pair: None });
            }
        }
        Ok(tracks)
    }

    fn either(&self, step: usize, model: &Step, rules: Rules) -> Result<Vec<Watched>, Reason> {
        let Some(place) = model.either_place.clone().filter(|_| !model.either.is_empty()) else {
            return Ok(Vec::new());
        };
        let mut alternatives = Vec::new();
        for alternative in &model.either {
            let mut conditions = Vec::new();
            for expected in alternative {
                for (field, value) in self.rendered(model.customer, expected)? {
                    conditions.push(self.condition(expected, &field, &value, step)?);
                }
            }
            alternatives.push(conditions);
        }
        let subject = Subject { kind: JudgedKind::Either, step: Some(step), place };
        let track = Track::either(subject, alternatives, rules, &self.baselines.before);
        Ok(vec![Watched { slot: model.customer, track, pair: None }])
    }

    fn unchanged(&self, step: usize, model: &Step, rules: Rules) -> Vec<Watched> {
        let probes = model
            .unchanged
            .iter()
            .filter_map(|probe| Some((probe, self.scene.project.probes.get(&probe.value)?)));
        probes
            .map(|(name, probe)| {
                let subject =
                    Subject { kind: JudgedKind::Unchanged, step: Some(step), place: name.place.clone() };
                let track = Track::unchanged(subject, &name.value, probe, rules, &self.baselines.before);
                Watched { slot: model.customer, track, pair: None }
            })
            .collect()
    }

    /// Local billing state against provider truth, where the customer has bought anything.
    pub(super) fn reconcile(&self, step: Option<usize>, slot: usize, rules: Rules) -> Vec<Watched> {
        // Who has bought nothing has no billing state to compare.
        let truth =
            self.slots.get(slot).map(|slot| &slot.truth).filter(|truth| truth.contains_key("subscription"));
        let has = |pair: &&Reconcile| {
            let root = pair.truth.split(['.', '[']).next().unwrap_or_default();
            truth.is_some_and(|truth| truth.contains_key(root))
        };
        let pairs = self.scene.project.reconcile.iter().filter(has);
        pairs
            .filter_map(|pair| {
                let probe = self.scene.project.probes.get(&pair.probe)?;
                let track = Track::reconcile(step, pair, probe, rules);
                Some(Watched { slot, track, pair: Some(pair.clone()) })
            })
            .collect()
    }

    fn bystanders(&self, rules: Rules) -> Vec<Watched> {
        let mut tracks = Vec::new();
        for (slot, before) in &self.baselines.bystanders {
            let place = self.plan.story.given.customers.get(*slot).map(|customer| customer.place.clone());
            let place = place.unwrap_or_else(|| self.plan.head.place.clone());
            // What could not be read before the story says nothing after it.
            let readable = before.step.iter().filter(|(_, reading)| reading.fields.is_ok());
            for (name, _) in readable {
                let Some(probe) = self.scene.project.probes.get(name) else { continue };
                let subject = Subject { kind: JudgedKind::Bystander, step: None, place: place.clone() };
                let track = Track::unchanged(subject, name, probe, rules, before);
                tracks.push(Watched { slot: *slot, track, pair: None });
            }
        }
        tracks
    }

    fn condition(
        &self,
        expected: &Expected,
        field: &str,
        value: &Spanned<Value>,
        step: usize,
    ) -> Result<Condition, Reason> {
        let wrong = |message: String| Reason { message, place: Some(value.place.clone()) };
        if expected.probe == "delivery" {
            return Condition::delivery(field, &value.value, &self.deliveries_of(step))
                .map_err(|error| wrong(error.to_string()));
        }
        let probe = self
            .scene
            .project
            .probes
            .get(&expected.probe)
            .ok_or_else(|| wrong(format!("the project has no probe `{}`", expected.probe)))?;
        Condition::field(&expected.probe, probe, field, &value.value)
            .map_err(|error| wrong(error.to_string()))
    }

    fn rendered(&self, slot: usize, expected: &Expected) -> Result<BTreeMap<String, Spanned<Value>>, Reason> {
        let render = |(field, value): (&String, &Spanned<Value>)| {
            let rendered = self.render(slot, &value.value);
            let place = value.place.clone();
            match rendered {
                Ok(value) => Ok((field.clone(), Spanned { value, place })),
                Err(error) => Err(Reason { message: format!("failed to {error}"), place: Some(place) }),
            }
        };
        expected.fields.iter().map(render).collect()
    }

    /// Deliveries that were never accepted: judged when the last step has ended. Those of one line that met the same
    /// are told as one: an app that is down refuses a whole burst.
    fn judge_refused(&self) -> Vec<Judged> {
        let mut told: Vec<(Judged, Vec<&EventRef>)> = Vec::new();
        let met = |judged: &Judged, event: &EventRef| {
            let what = judged.headline.strip_prefix(&named(event)).map(str::to_owned);
            (judged.step, judged.place.clone(), what)
        };
        for delivery in self.owed.iter().filter_map(|number| self.deliveries.get(*number)) {
            let (judged, event) = (self.refused_to_the_end(delivery), &delivery.reference.event);
            match told.last_mut() {
                Some((first, events))
                    if events.first().is_some_and(|known| met(first, known) == met(&judged, event)) =>
                {
                    events.push(event);
                }
                _ => told.push((judged, vec![event])),
            }
        }
        told.into_iter()
            .map(|(judged, events)| with_others(judged, events.get(1..).unwrap_or_default()))
            .collect()
    }

    fn refused_to_the_end(&self, delivery: &Delivery) -> Judged {
        let place: Place = delivery.place.clone();
        let reference = &delivery.reference;
        let mut judged = delivery::judge_refused(reference.step, place, reference, &delivery.attempts);
        if delivery.is_unanswered() {
            if self.answers_nothing() {
                judged.headline.push_str("; the app answered nothing, so no more were made");
            }
        } else if delivery.cut_off && self.scene.clock.is_none() {
            // The app may be waiting for its own clock, which stands still here.
            judged.verdict = Verdict::Errored;
            judged
                .headline
                .push_str("; the scenario cut an attempt off, so the app may be waiting for its own clock");
        }
        judged
    }
}

/// How many more events are named; the deliveries tell all of them.
const NAMED: usize = 3;

/// As headlines name an event.
fn named(event: &EventRef) -> String {
    format!("{} {}", event.kind, event.id)
}

fn with_others(mut judged: Judged, others: &[&EventRef]) -> Judged {
    if !others.is_empty() {
        let first: Vec<String> = others.iter().take(NAMED).map(|event| named(event)).collect();
        judged.headline.push_str("; likewise ");
        judged.headline.push_str(&first.join(", "));
        if let Some(rest @ 1..) = others.len().checked_sub(NAMED) {
            judged.headline.push_str(&format!(" and {rest} more"));
        }
    }
    judged
}
