//! The state before the story, and what happens at Stripe.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::{Action, Case, Running, Slot};
use crate::run_event::Reason;
use crate::span::Place;
use crate::stripe::action::{Action as StripeAction, ActionKind};

impl Case {
    /// Makes the customers at Stripe.
    pub(super) fn open(&mut self, out: &mut Vec<Action>) {
        let story = Arc::clone(&self.plan.story);
        for _ in &story.given.customers {
            let email = self.mint_email();
            self.slots.push(Slot { email, ..Slot::default() });
        }
        let emails = self.slots.iter().map(|slot| slot.email.clone()).collect();
        // Stripe's ids come from a stream of their own, so that what the engine draws does not shift them.
        let ids = crate::id::IdMinter::new(self.scene.seed, self.plan.stream().rotate_left(1));
        out.push(Action::Open { at: story.given.at, emails, ids });
        self.running = Running::Answer;
    }

    /// An address that belongs to nobody, in lower case because some apps fold it.
    fn mint_email(&mut self) -> String {
        let mut email = String::from("pd-");
        self.ids.letters(&mut email, 16);
        email.make_ascii_lowercase();
        email.push_str("@example.com");
        email
    }

    /// A subscription that exists before the story.
    pub(super) fn given_subscription(
        &mut self,
        slot: usize,
        keys: &Map<String, Value>,
        place: Place,
        at: Duration,
        out: &mut Vec<Action>,
    ) {
        self.happen(slot, ActionKind::Subscribe, keys, place, at, out);
    }

    /// The step's `stripe`.
    pub(super) fn act(&mut self, step: usize, at: Duration, out: &mut Vec<Action>) {
        let story = Arc::clone(&self.plan.story);
        let step = &story.steps[step];
        if let Some(stripe) = &step.stripe {
            self.happen(step.customer, stripe.kind, &stripe.keys, stripe.place.clone(), at, out);
        }
    }

    fn happen(
        &mut self,
        slot: usize,
        kind: ActionKind,
        keys: &Map<String, Value>,
        place: Place,
        at: Duration,
        out: &mut Vec<Action>,
    ) {
        self.record.place = Some(place.clone());
        match self.action(slot, kind, keys) {
            Ok(action) => {
                self.record.acting(kind.as_str());
                out.push(Action::Act { slot, action: Box::new(action) });
                self.running = Running::Answer;
            }
            Err(message) => self.give_up(Reason { message, place: Some(place) }, at, out),
        }
    }

    /// The action with its templates filled in, and what the app itself passes to Stripe beside what the step says.
    fn action(
        &self,
        slot: usize,
        kind: ActionKind,
        keys: &Map<String, Value>,
    ) -> Result<StripeAction, String> {
        let mut keys = self.render_map(slot, keys).map_err(|error| error.to_string())?;
        if let Some(passes) = self.scene.project.passes.get(&kind) {
            let passes = self.render_map(slot, passes).map_err(|error| error.to_string())?;
            let mut set = passes;
            if let Some(Value::Object(own)) = keys.remove("set") {
                merge(&mut set, own);
            }
            keys.insert("set".to_owned(), Value::Object(set));
        }
        StripeAction::from_keys(kind, &keys).map_err(|problem| {
            format!("`{}` of `stripe.{}`: {}", problem.key, kind.as_str(), problem.problem)
        })
    }
}

/// What the step says wins over what the project says.
fn merge(into: &mut Map<String, Value>, from: Map<String, Value>) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(Value::Object(old)), Value::Object(new)) => merge(old, new),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}
