//! Deliveries of a step, with the retries that Stripe would make.
//!
//! What is not accepted is tried again after the step's other deliveries, once in every later step, and in the last
//! step until Stripe gives up after three days. The waits pass on Stripe's clock only.

mod order;
mod rounds;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

pub(crate) use self::order::AttemptOrder;
use super::record::event_ref;
use super::{Action, Case, Running};
use crate::deliver::change;
use crate::deliver::plan::{self, Burst, Planned, Route, Sources};
use crate::deliver::retry::Retry;
use crate::engine::scene::EndpointAt;
use crate::run_event::{AttemptOutcome, AttemptRecord, DeliveryRef, Reason, RunEventKind};
use crate::scenario::model::{Change, KillMoment, Order, Pace, Send, SentAs, Told};
use crate::span::Place;
use crate::stripe::object::NEWEST;
use crate::stripe::version::{Version, downgrade};
use crate::stripe::{mutation, template, thin};

/// How often what the app itself changes at Stripe while it handles a burst is delivered in turn: an app that
/// answers every event with a change would never come to an end.
const MOST_ECHOES: u32 = 5;
/// After how many attempts in a row that had no answer the app is taken to answer nothing. Each takes ten seconds that
/// really pass; Stripe would go on for three days, and a case would for an hour.
const MOST_SILENCE: u32 = 3;

/// One event meant for one endpoint, and what became of it.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) reference: DeliveryRef,
    endpoint: Arc<EndpointAt>,
    /// As it is sent, the same for every attempt.
    event: Arc<Value>,
    change: Arc<Change>,
    retry: Retry,
    pub(super) place: Place,
    pub(super) attempts: Vec<AttemptRecord>,
    first_sent: Option<Timestamp>,
    /// The scenario gave up waiting for an answer once: the app may be waiting for its own clock.
    pub(super) cut_off: bool,
}

impl Delivery {
    pub(super) fn record(&self) -> (DeliveryRef, Vec<AttemptRecord>) {
        (self.reference.clone(), self.attempts.clone())
    }

    /// Whether it never had an answer, in all the time that Stripe waits for one.
    pub(super) fn is_unanswered(&self) -> bool {
        let timed_out = |attempt: &AttemptRecord| attempt.outcome == AttemptOutcome::TimedOut;
        self.change.timeout.is_none() && self.attempts.iter().all(timed_out)
    }

    fn is_accepted(&self) -> bool {
        self.attempts.iter().any(|attempt| attempt.outcome.is_accepted())
    }
}

/// Deliveries that are going on.
#[derive(Debug)]
pub(super) struct Delivering {
    /// The step; `None`: the arrangement.
    step: Option<usize>,
    pace: Pace,
    queue: VecDeque<usize>,
    in_flight: usize,
    requests: usize,
    round: Round,
    echoes: u32,
}

impl Delivering {
    /// The step; `None`: the arrangement.
    pub(super) fn step(&self) -> Option<usize> {
        self.step
    }
}

/// Which deliveries are tried now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Round {
    /// The step's own.
    Own,
    /// Those that have not been accepted yet.
    Again,
}

impl Case {
    /// Delivers what the arrangement has made, or forgets it.
    pub(super) fn tell(&mut self, told: Told, at: Duration, out: &mut Vec<Action>) {
        if told == Told::No {
            self.bursts.seen = self.bursts.current().len();
            return;
        }
        let Some(place) = self.record.place.clone() else { return };
        let send = Send::Burst { order: Order::Natural, drop: Vec::new() };
        self.begin(None, &send, Pace::OneByOne, &place, 0, at, out);
    }

    /// Delivers what the step sends, and makes its requests where they start together.
    pub(super) fn deliver(&mut self, step: usize, at: Duration, out: &mut Vec<Action>) {
        let story = Arc::clone(&self.plan.story);
        let model = &story.steps[step];
        let mut requests = 0;
        if model.pace == Pace::Together {
            for request in &model.requests {
                match self.request_action(model.customer, &request.value) {
                    Ok(action) => out.push(action),
                    Err(message) => {
                        return self.give_up(Reason { message, place: Some(request.place.clone()) }, at, out);
                    }
                }
                requests += 1;
            }
        }
        self.begin(Some(step), &model.send, model.pace, &model.place, requests, at, out);
    }

    #[expect(clippy::too_many_arguments, reason = "two callers, and a struct would only rename them")]
    fn begin(
        &mut self,
        step: Option<usize>,
        send: &Send,
        pace: Pace,
        place: &Place,
        requests: usize,
        at: Duration,
        out: &mut Vec<Action>,
    ) {
        match self.plan_deliveries(step, send, place) {
            Ok(queue) => {
                out.extend(self.added.drain(..).map(|event| Action::Keep(Box::new(event))));
                let round = Round::Own;
                self.running = Running::Delivering(Delivering {
                    step,
                    pace,
                    queue,
                    in_flight: 0,
                    requests,
                    round,
                    echoes: 0,
                });
                self.deliver_on(at, out);
            }
            Err(reason) => self.give_up(reason, at, out),
        }
    }

    /// What a step sends, ready to go out, in order.
    fn plan_deliveries(
        &mut self,
        step: Option<usize>,
        send: &Send,
        place: &Place,
    ) -> Result<VecDeque<usize>, Reason> {
        let story = Arc::clone(&self.plan.story);
        let slot = step.map_or(0, |step| story.steps[step].customer);
        let name = |step: usize| story.steps.get(step).map_or("", |step| step.name.as_str());
        let seen = if matches!(send, Send::Burst { .. }) { self.bursts.seen } else { 0 };
        let current = step.unwrap_or(0);
        let earlier: Vec<Burst<'_>> = self
            .bursts
            .steps
            .iter()
            .enumerate()
            .take(current)
            .map(|(step, events)| Burst { step: name(step), events })
            .collect();
        let this = Burst {
            step: step.map_or("the arrangement", name),
            events: self.bursts.current().get(seen..).unwrap_or_default(),
        };
        let sources =
            Sources { this, earlier: &earlier, given: &self.bursts.given, captured: &self.captured };
        let routes: Vec<Route> = self.scene.endpoints.values().map(|endpoint| route(endpoint)).collect();
        let truth = self.slots.get(slot).map(|slot| &slot.truth);
        let created = self.stripe_now.map_or(0, Timestamp::as_second);
        // A stream of its own: an event that the scenario adds does not shift the ids of what Stripe makes.
        let mut ids = self.template_ids.clone();
        let mut added = Vec::new();
        let mut build = |kind: &str| {
            let none = serde_json::Map::new();
            let event = template::build(kind, truth.unwrap_or(&none), &mut ids, created, NEWEST)?;
            added.push(event.clone());
            Ok(event)
        };
        let planned =
            plan::plan(send, &sources, &mut build, &routes, &mut self.ids).map_err(|error| Reason {
                message: format!("failed to {error}"),
                place: Some(error.place().unwrap_or(place).clone()),
            })?;
        self.template_ids = ids;
        self.added.extend(added);
        self.bursts.seen = self.bursts.current().len();
        planned.into_iter().map(|planned| self.take_up(step, slot, planned, place)).collect()
    }

    /// Gives a planned delivery its number.
    fn take_up(
        &mut self,
        step: Option<usize>,
        slot: usize,
        planned: Planned,
        place: &Place,
    ) -> Result<usize, Reason> {
        let Planned { event, change, endpoint, place: own } = planned;
        let place = own.unwrap_or_else(|| place.clone());
        let wrong =
            |message: String| Reason { message: format!("failed to {message}"), place: Some(place.clone()) };
        let endpoint = self
            .scene
            .endpoints
            .get(&endpoint)
            .cloned()
            .ok_or_else(|| wrong(format!("find endpoint `{endpoint}` in the environment")))?;
        let pinned = match endpoint.thin {
            true => SentAs::Thin,
            false => SentAs::Version(endpoint.api_version.unwrap_or(Version::NEWEST)),
        };
        let shape = change.shape.or(self.plan.story.shape).unwrap_or(pinned);
        let mut event = match shape {
            SentAs::Version(version) => self.in_version(event, version),
            SentAs::Thin => event,
        };
        let rendered = change::render(&change, |value| self.render(slot, value))
            .map_err(|error| wrong(error.to_string()))?;
        let mut changes = mutation::apply(&mut event, &rendered).map_err(|error| wrong(error.to_string()))?;
        if shape == SentAs::Thin {
            event = thinned(&event, &change).map_err(wrong)?;
        }
        changes.extend(change::travel_in_words(&change));
        if shape != pinned {
            changes.push(shape.to_string());
        }
        let number = self.deliveries.len();
        let reference = DeliveryRef {
            number,
            step,
            event: event_ref(&event),
            endpoint: endpoint.name.clone(),
            changes,
            signature: change.signature,
        };
        let retry = step.map_or(Retry::AsStripe, |step| Retry::of(&change, &self.plan.story.steps[step]));
        self.deliveries.push(Delivery {
            reference,
            endpoint,
            event: Arc::new(event),
            change: Arc::new(change),
            retry,
            place,
            attempts: Vec::new(),
            first_sent: None,
            cut_off: false,
        });
        Ok(number)
    }

    /// The event as it is sent in a version, the same every time.
    fn in_version(&mut self, event: Value, version: Version) -> Value {
        if version == Version::NEWEST {
            return event;
        }
        let id = event.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        let kin = &self.kin;
        self.shaped.entry((id, version)).or_insert_with(|| downgrade(&event, version, kin)).clone()
    }

    /// The step's deliveries and their attempts.
    pub(super) fn deliveries_of(&self, step: usize) -> Vec<(DeliveryRef, Vec<AttemptRecord>)> {
        let own = self.deliveries.iter().filter(|delivery| delivery.reference.step == Some(step));
        own.map(Delivery::record).collect()
    }

    pub(super) fn attempted(
        &mut self,
        number: usize,
        record: AttemptRecord,
        at: Duration,
        out: &mut Vec<Action>,
    ) {
        let Some(delivery) = self.deliveries.get_mut(number) else { return };
        let reference = delivery.reference.clone();
        out.push(Action::Emit(RunEventKind::AttemptFinished {
            case: self.plan.id,
            delivery: reference,
            attempt: record.clone(),
        }));
        let by_a_kill =
            self.kills.begun() && matches!(record.outcome, AttemptOutcome::Reset | AttemptOutcome::Refused);
        delivery.cut_off |= by_a_kill || record.outcome == AttemptOutcome::TimedOut;
        let silent = record.outcome == AttemptOutcome::TimedOut && delivery.change.timeout.is_none();
        let answered = matches!(record.outcome, AttemptOutcome::Answered { .. });
        delivery.attempts.push(record);
        let owed = delivery.retry == Retry::AsStripe && !delivery.is_accepted();
        match (owed, self.owed.iter().position(|owed| *owed == number)) {
            (true, None) => self.owed.push(number),
            (false, Some(index)) => {
                self.owed.remove(index);
            }
            _ => {}
        }
        if answered {
            self.reached(KillMoment::Answered, Some(number), Duration::ZERO, out);
        }
        if let Running::Delivering(delivering) = &mut self.running {
            delivering.in_flight = delivering.in_flight.saturating_sub(1);
            // What was under way at once waited at once.
            self.silence = match (silent, delivering.in_flight) {
                (true, 0) => self.silence + 1,
                (true, _) => self.silence,
                (false, _) => 0,
            };
            self.deliver_on(at, out);
        }
    }

    /// Whether the app has left so many attempts in a row without an answer that no more are made.
    pub(super) fn answers_nothing(&self) -> bool {
        self.silence >= MOST_SILENCE
    }

    pub(super) fn request_of_delivery_ended(&mut self, at: Duration, out: &mut Vec<Action>) {
        if let Running::Delivering(delivering) = &mut self.running {
            delivering.requests = delivering.requests.saturating_sub(1);
            self.deliver_on(at, out);
        }
    }

    /// Sends what may be sent now; moves on when nothing is left.
    pub(super) fn deliver_on(&mut self, at: Duration, out: &mut Vec<Action>) {
        loop {
            let Running::Delivering(delivering) = &mut self.running else { return };
            let together = delivering.pace == Pace::Together && delivering.round == Round::Own;
            // What starts at one moment does so; all else waits until the app is whole again.
            let starts_at_once = together && !delivering.queue.is_empty();
            if self.kills.under_way() && !starts_at_once {
                return;
            }
            if self.answers_nothing() {
                let Running::Delivering(delivering) = &mut self.running else { return };
                delivering.queue.clear();
            }
            let Running::Delivering(delivering) = &mut self.running else { return };
            // Stripe has waited before it tries again: so has the app.
            if delivering.in_flight == 0 && !delivering.queue.is_empty() && self.moves_clock(at, out) {
                return;
            }
            let Running::Delivering(delivering) = &mut self.running else { return };
            if let Some(next) =
                (together || delivering.in_flight == 0).then(|| delivering.queue.pop_front()).flatten()
            {
                delivering.in_flight += 1;
                self.attempt(next, out);
                continue;
            }
            if delivering.in_flight > 0 || delivering.requests > 0 {
                return;
            }
            match self.next_round(out) {
                Ok(true) => {}
                Ok(false) => match self.waits_to_kill(at, out) {
                    Ok(true) => return,
                    Ok(false) => {
                        self.running = Running::Nothing;
                        return self.delivered(at, out);
                    }
                    Err(reason) => return self.give_up(reason, at, out),
                },
                Err(reason) => return self.give_up(reason, at, out),
            }
        }
    }

    fn attempt(&mut self, number: usize, out: &mut Vec<Action>) {
        let now = self.stripe_now;
        self.before_sending(out);
        let url = self.url_of_next(number);
        let Some(delivery) = self.deliveries.get_mut(number) else { return };
        delivery.first_sent = delivery.first_sent.or(now);
        let first = delivery.attempts.is_empty();
        let delay = delivery.change.delay.filter(|_| first).unwrap_or_default();
        out.push(Action::Attempt(Box::new(AttemptOrder {
            delivery: number,
            number: u32::try_from(delivery.attempts.len()).unwrap_or(u32::MAX).saturating_add(1),
            endpoint: Arc::clone(&delivery.endpoint),
            url,
            event: Arc::clone(&delivery.event),
            change: Arc::clone(&delivery.change),
            delay,
        })));
        self.reached(KillMoment::Sent, Some(number), delay, out);
    }

    /// Where the next attempt of a delivery goes: to the instance that its line names, else to the one whose turn it is.
    fn url_of_next(&mut self, number: usize) -> String {
        let Some(delivery) = self.deliveries.get_mut(number) else { return String::new() };
        let scene = &self.scene;
        let said = delivery.change.process.as_ref();
        let in_turn =
            || scene.turns.get(self.turns % scene.turns.len().max(1)).filter(|_| scene.turns.len() > 1);
        let Some(id) = said.or_else(in_turn) else { return delivery.endpoint.url.clone() };
        let attempt = delivery.attempts.len() + 1;
        delivery.reference.changes.push(match attempt {
            1 => format!("to `{id}`"),
            _ => format!("attempt {attempt} to `{id}`"),
        });
        if said.is_none() {
            self.turns += 1;
        }
        let base = scene.processes.get(id);
        base.map_or_else(|| delivery.endpoint.url.clone(), |base| format!("{base}{}", delivery.endpoint.path))
    }

    /// An arrangement that was refused leaves nothing to judge.
    fn delivered(&mut self, at: Duration, out: &mut Vec<Action>) {
        if self.bursts.current.is_none()
            && let Some(number) = self.owed.first()
        {
            let delivery = &self.deliveries[*number];
            let message = format!(
                "the app did not accept {} of the arrangement: {}",
                delivery.reference.event.kind,
                delivery.attempts.last().map_or_else(String::new, |attempt| answer(&attempt.outcome)),
            );
            let place = Some(delivery.place.clone());
            self.give_up(Reason { message, place }, at, out);
        }
    }
}

fn route(endpoint: &EndpointAt) -> Route {
    Route {
        name: endpoint.name.clone(),
        events: endpoint.events.clone(),
        thin: endpoint.thin,
        connect: endpoint.connect,
    }
}

/// The thin event in place of a snapshot.
fn thinned(event: &Value, change: &Change) -> Result<Value, String> {
    if !(change.set.is_empty() && change.null.is_empty() && change.remove.is_empty()) {
        return Err("change the object of a thin event: it names the object, and holds none of it".to_owned());
    }
    let kind = event_ref(event).kind;
    thin::notification(event)
        .ok_or_else(|| format!("send `{kind}` as a thin event: Stripe has none of that type"))
}

/// How an attempt ended, in a few words.
fn answer(outcome: &AttemptOutcome) -> String {
    match outcome {
        AttemptOutcome::Answered { status, body } if body.trim().is_empty() => format!("answered {status}"),
        AttemptOutcome::Answered { status, body } => {
            let body: String = body.chars().take(120).collect();
            format!("answered {status}: {}", body.trim())
        }
        AttemptOutcome::Refused => "connection refused".to_owned(),
        AttemptOutcome::TimedOut => "no answer in time".to_owned(),
        AttemptOutcome::Reset => "connection closed without an answer".to_owned(),
    }
}
