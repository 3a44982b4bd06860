//! The story as a list of operations.

use std::collections::VecDeque;

use serde_json::{Map, Value};

use crate::engine::plan::CasePlan;
use crate::project::model::Project;
use crate::run_event::Reason;
use crate::scenario::model::{GivenCustomer, Pace, Step, Story, Told};
use crate::span::{Place, Spanned};

/// One operation. They run one after another.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Op {
    /// The case does not apply here.
    Skip(Reason),
    /// Make the customers at Stripe.
    Open,
    /// Do something in the app.
    Request { slot: usize, name: String, place: Place },
    /// A subscription that exists before the story.
    Given { slot: usize, keys: Map<String, Value>, place: Place },
    /// Deliver what the arrangement has made since the last `Tell`, or forget it.
    Tell(Told),
    /// Wait, a little and without judging, until the app's record agrees with what it was told.
    SettleGiven,
    /// Read what must not change of customers whom no step is about.
    BystanderBaseline,
    /// Begin a step.
    Enter(usize),
    /// Read what its expectations compare with.
    Baseline(usize),
    /// The same, after its requests and just before its deliveries.
    BeforeDelivery(usize),
    /// Restart the app on the same data.
    Restart(Place),
    /// Its `stripe`.
    Act(usize),
    /// Its deliveries with their retries, and its requests where they are to start together.
    Deliver(usize),
    /// Its expectations.
    Judge(usize),
    /// End it.
    Leave(usize),
    /// Read the app's own record once more, because the story ends early.
    Evidence,
    /// Put both sides beside each other, for the record only.
    Compare,
}

impl Op {
    /// Whether it does anything, at Stripe or in the app, or marks where that begins.
    pub(super) fn is_act(&self) -> bool {
        !matches!(
            self,
            Self::SettleGiven
                | Self::BystanderBaseline
                | Self::Baseline(_)
                | Self::BeforeDelivery(_)
                | Self::Judge(_)
        )
    }
}

/// The whole case.
pub(super) fn of(plan: &CasePlan, project: &Project) -> VecDeque<Op> {
    if let Some(reason) = &plan.skip {
        return VecDeque::from([Op::Skip(reason.clone())]);
    }
    let mut ops = VecDeque::from([Op::Open]);
    given(&plan.story, project, &mut ops);
    for (index, step) in plan.story.steps.iter().enumerate() {
        of_step(index, step, &mut ops);
    }
    ops
}

fn given(story: &Story, project: &Project, ops: &mut VecDeque<Op>) {
    for (slot, customer) in story.given.customers.iter().enumerate() {
        ops.extend(arrival(slot, customer, project));
    }
    let told = story
        .given
        .customers
        .iter()
        .flat_map(|customer| &customer.subscriptions)
        .any(|s| s.told == Told::Yes);
    if told && !project.reconcile.is_empty() {
        ops.push_back(Op::SettleGiven);
    }
    if bystanders(story).next().is_some() {
        ops.push_back(Op::BystanderBaseline);
    }
}

fn arrival(slot: usize, customer: &GivenCustomer, project: &Project) -> Vec<Op> {
    let requests: &[Spanned<String>] = customer.requests.as_deref().unwrap_or(&project.given);
    let requests = requests.iter().map(|request| Op::Request {
        slot,
        name: request.value.clone(),
        place: request.place.clone(),
    });
    let bought = customer.subscriptions.iter().flat_map(|subscription| {
        let given = Op::Given { slot, keys: subscription.keys.clone(), place: subscription.place.clone() };
        [given, Op::Tell(subscription.told)]
    });
    requests.chain(bought).collect()
}

fn of_step(index: usize, step: &Step, ops: &mut VecDeque<Op>) {
    ops.push_back(Op::Enter(index));
    ops.push_back(Op::Baseline(index));
    ops.extend(step.restart.clone().map(Op::Restart));
    if step.stripe.is_some() {
        ops.push_back(Op::Act(index));
    }
    if step.pace == Pace::OneByOne {
        ops.extend(step.requests.iter().map(|request| Op::Request {
            slot: step.customer,
            name: request.value.clone(),
            place: request.place.clone(),
        }));
        if !step.requests.is_empty() && step.sends() {
            ops.push_back(Op::BeforeDelivery(index));
        }
    }
    ops.extend([Op::Deliver(index), Op::Judge(index), Op::Leave(index)]);
}

/// Customers whom no step is about: nothing of them may change.
pub(super) fn bystanders(story: &Story) -> impl Iterator<Item = usize> + '_ {
    (1..story.given.customers.len()).filter(|slot| story.steps.iter().all(|step| step.customer != *slot))
}
