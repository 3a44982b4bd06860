//! Every event that Stripe made for a case, by the step that made it.

use serde_json::Value;

/// Events by who made them.
#[derive(Debug, Default)]
pub(super) struct Bursts {
    pub(super) given: Vec<Value>,
    pub(super) steps: Vec<Vec<Value>>,
    /// Who makes them now; `None`: the arrangement.
    pub(super) current: Option<usize>,
    /// How many of the current ones have been seen by a delivery plan.
    pub(super) seen: usize,
}

impl Bursts {
    pub(super) fn current(&self) -> &[Value] {
        match self.current {
            None => &self.given,
            Some(step) => self.steps.get(step).map_or(&[], Vec::as_slice),
        }
    }

    pub(super) fn unseen(&self) -> &[Value] {
        self.current().get(self.seen..).unwrap_or_default()
    }

    pub(super) fn enter(&mut self, step: usize) {
        self.current = Some(step);
        self.seen = 0;
        if self.steps.len() <= step {
            self.steps.resize_with(step + 1, Vec::new);
        }
    }

    pub(super) fn add(&mut self, events: Vec<Value>) {
        match self.current {
            None => self.given.extend(events),
            Some(step) => self.steps[step].extend(events),
        }
    }
}
