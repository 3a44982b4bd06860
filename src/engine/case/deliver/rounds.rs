//! In which rounds deliveries go out: the step's own, then what is tried again.

use std::collections::VecDeque;

use jiff::SignedDuration;
use serde_json::Value;

use super::super::{Action, Case, Running};
use super::{MOST_ECHOES, Round};
use crate::run_event::Reason;
use crate::scenario::model::{Order, Send};
use crate::stripe::event::matches_type;

impl Case {
    /// Fills the queue with what is to be tried next; `false`: nothing is.
    pub(super) fn next_round(&mut self, out: &mut Vec<Action>) -> Result<bool, Reason> {
        if self.answers_nothing() {
            return Ok(false);
        }
        let Running::Delivering(delivering) = &mut self.running else { return Ok(false) };
        let (step, round, echoes) = (delivering.step, delivering.round, delivering.echoes);
        let is_burst = step.is_none_or(|step| matches!(self.plan.story.steps[step].send, Send::Burst { .. }));
        if is_burst && echoes < MOST_ECHOES && self.bursts.seen < self.bursts.current().len() {
            let queue = self.echo(step)?;
            if let Running::Delivering(delivering) = &mut self.running {
                delivering.queue = queue;
                delivering.echoes += 1;
            }
            return Ok(true);
        }
        let is_last = step.is_none_or(|step| step + 1 == self.plan.story.steps.len());
        if round == Round::Again && !is_last {
            return Ok(false);
        }
        let (again, wait) = self.due_again();
        if again.is_empty() {
            return Ok(false);
        }
        // Stripe's clock only: nobody waits.
        out.push(Action::Advance(wait));
        self.stripe_now = self.stripe_now.and_then(|now| now.checked_add(wait).ok());
        if let Running::Delivering(delivering) = &mut self.running {
            delivering.round = Round::Again;
            delivering.queue = again.into();
        }
        Ok(true)
    }

    /// Deliveries that Stripe still tries again, and how long it waits before it does.
    fn due_again(&self) -> (Vec<usize>, SignedDuration) {
        let mut wait = SignedDuration::ZERO;
        let mut again = Vec::new();
        for number in &self.owed {
            let delivery = &self.deliveries[*number];
            let attempts = u32::try_from(delivery.attempts.len()).unwrap_or(u32::MAX);
            let (Some(first), Some(now)) = (delivery.first_sent, self.stripe_now) else { continue };
            if let Some(next) = delivery.retry.next(attempts, first, now) {
                wait = wait.max(next);
                again.push(*number);
            }
        }
        (again, wait)
    }

    /// What the app changed at Stripe while it handled the burst is delivered in turn.
    fn echo(&mut self, step: Option<usize>) -> Result<VecDeque<usize>, Reason> {
        let patterns = match step.map(|step| &self.plan.story.steps[step].send) {
            Some(Send::Burst { drop, .. }) => drop.clone(),
            _ => Vec::new(),
        };
        // What is dropped has been found already; that an echo has none of it is no mistake.
        let kind = |event: &Value| event.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
        let is_lost = |event: &Value| patterns.iter().any(|pattern| matches_type(pattern, &kind(event)));
        let lost: Vec<String> =
            self.bursts.unseen().iter().filter(|event| is_lost(event)).map(kind).collect();
        let send = Send::Burst { order: Order::Natural, drop: lost };
        let place = self.record.place.clone().unwrap_or_else(|| self.plan.head.place.clone());
        self.plan_deliveries(step, &send, &place)
    }
}
