//! What is read before a step, and of bystanders before the story.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::script::bystanders;
use super::{Action, Case, Running};
use crate::judge::Before;
use crate::probe::Reading;
use crate::project::model::{Call, Outlet, Probe, ProbeKind};
use crate::scenario::model::{Expected, Step};

/// What was read before a step, and of bystanders before the story.
#[derive(Debug, Default)]
pub(super) struct Baselines {
    pub(super) before: Before,
    pub(super) bystanders: BTreeMap<usize, Before>,
    filling: Filling,
}

/// Which of the baselines a reading belongs to.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Filling {
    #[default]
    Step,
    Delivery,
    Bystanders,
    /// They are kept with the record only.
    Evidence,
}

/// Readings that are outstanding.
#[derive(Debug)]
pub(super) struct Awaited {
    /// When they were asked for. One that began earlier was meant for what is settled by now.
    pub(super) since: Duration,
    /// Customer and probe.
    pub(super) left: BTreeSet<(usize, String)>,
}

/// When a baseline is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// When the step begins.
    Step,
    /// After its requests, just before its deliveries.
    Delivery,
}

impl Case {
    /// Reads what the step's expectations compare with, where they compare with anything.
    pub(super) fn baseline(&mut self, step: usize, moment: Moment, at: Duration, out: &mut Vec<Action>) {
        let story = Arc::clone(&self.plan.story);
        let model = &story.steps[step];
        if moment == Moment::Step {
            self.baselines.before = Before::default();
        }
        let looks_only =
            model.stripe.is_none() && model.requests.is_empty() && !model.sends() && self.owed.is_empty();
        let compares = !model.unchanged.is_empty() || model.then.iter().any(compares_with_before);
        if looks_only && !compares {
            return;
        }
        self.baselines.filling = if moment == Moment::Step { Filling::Step } else { Filling::Delivery };
        let probes = probes_of(model).into_iter().map(|probe| (model.customer, probe)).collect();
        self.read_all(probes, at, out);
    }

    /// Reads what must not change of customers whom no step is about.
    pub(super) fn bystander_baseline(&mut self, at: Duration, out: &mut Vec<Action>) {
        self.baselines.filling = Filling::Bystanders;
        let story = Arc::clone(&self.plan.story);
        // What the app asked Stripe is told of the case as a whole, and provider truth is not the app's.
        let executed = |probe: &Probe| match &probe.kind {
            // Slow to look at, and full of what changes by itself: dates, greetings, advertisements.
            ProbeKind::Call { call: Call::Page(_), .. } => false,
            ProbeKind::Call { .. } => true,
            ProbeKind::Outside(outside) => {
                outside.outlet != Outlet::Stripe && outside.select.tells_cases_apart()
            }
            ProbeKind::Truth => false,
        };
        let probes: Vec<String> = self
            .scene
            .project
            .probes
            .iter()
            .filter(|(_, probe)| executed(probe))
            .map(|(name, _)| name.clone())
            .collect();
        let all = bystanders(&story)
            .flat_map(|slot| probes.iter().map(move |probe| (slot, probe.clone())))
            .collect();
        self.read_all(all, at, out);
    }

    /// One reading each; a probe whose templates have no value yet is left out.
    pub(super) fn read_all(&mut self, probes: Vec<(usize, String)>, at: Duration, out: &mut Vec<Action>) {
        let mut left = BTreeSet::new();
        for (slot, probe) in probes {
            if let Ok(action) = self.read_action(slot, &probe, at) {
                out.push(action);
                left.insert((slot, probe));
            }
        }
        if !left.is_empty() {
            self.running = Running::Readings(Awaited { since: at, left });
        }
    }

    /// Reads the app's own record once more.
    pub(super) fn read_evidence(&mut self, at: Duration, out: &mut Vec<Action>) {
        self.baselines.filling = Filling::Evidence;
        let probes: BTreeSet<String> =
            self.scene.project.reconcile.iter().map(|pair| pair.probe.clone()).collect();
        self.read_all(probes.into_iter().map(|probe| (0, probe)).collect(), at, out);
    }
}

impl Baselines {
    pub(super) fn take(&mut self, slot: usize, probe: &str, reading: Reading) {
        let before = match self.filling {
            Filling::Step => &mut self.before.step,
            Filling::Delivery => &mut self.before.delivery,
            Filling::Bystanders => &mut self.bystanders.entry(slot).or_default().step,
            Filling::Evidence => return,
        };
        before.insert(probe.to_owned(), reading);
    }
}

fn probes_of(step: &Step) -> BTreeSet<String> {
    step.probes().filter(|probe| *probe != "delivery").cloned().collect()
}

/// `by` compares with what was there when the step began.
fn compares_with_before(expected: &Expected) -> bool {
    expected.fields.values().any(|value| value.value.get("by").is_some())
}
