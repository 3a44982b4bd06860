//! The steps of the story.

use std::collections::BTreeSet;

use super::send::Made;
use super::{Scope, action, expect, fault, send, unique};
use crate::scenario::code::Code;
use crate::scenario::decode::{Field, Problems, Text};
use crate::scenario::diagnostic::{Diagnostic, suggest};
use crate::scenario::document::{ScenarioDocument, StepDocument};
use crate::scenario::model::{Expected, Fault, Given, Order, Pace, Pick, Send, Step};
use crate::span::{Place, Spanned};
use crate::stripe::action::ActionKind;

/// No story is longer; each step looks back at those before it.
const MOST_STEPS: usize = 1_000;

/// All steps, in order.
pub(super) fn steps(
    document: &ScenarioDocument,
    given: &Given,
    order: Option<Order>,
    scope: &Scope<'_>,
    problems: &mut Problems,
) -> Vec<Step> {
    let list = document.step.as_ref().map(|steps| steps.value.as_slice()).unwrap_or_default();
    if list.is_empty() && (document.step.is_some() || !document.has("step")) {
        problems.push(
            Diagnostic::error(Code::EmptyScenario, "this scenario has no step")
                .at(document.promise.as_ref().map_or(&document.place, |promise| &promise.key))
                .label("the promise is never put to the test")
                .help("add a `[[step]]`"),
        );
    }
    if let Some(beyond) = list.get(MOST_STEPS) {
        problems.push(
            Diagnostic::error(Code::OutOfRange, format!("this scenario has {} steps", list.len()))
                .at(&beyond.place)
                .label(format!("a story has at most {MOST_STEPS} steps"))
                .help("tell several stories, each in a file of its own"),
        );
    }
    let mut names = BTreeSet::new();
    let mut steps: Vec<Step> = Vec::new();
    for item in list.iter().take(MOST_STEPS) {
        let name = name(item, steps.len(), &mut names, problems);
        let step = Builder { given, order, scope, earlier: &steps }.step(name, item, problems);
        steps.push(step);
    }
    steps
}

fn name(
    item: &Spanned<StepDocument>,
    index: usize,
    taken: &mut BTreeSet<String>,
    problems: &mut Problems,
) -> String {
    match &item.value.name {
        Some(name) if name.as_str() == "given" => {
            problems.push(
                Diagnostic::error(Code::DuplicateName, "a step cannot be called `given`")
                    .at(&name.place)
                    .label("that is the arrangement's name"),
            );
            name.value.clone()
        }
        Some(name) => {
            unique(name, &name.place, "steps", taken, problems);
            name.value.clone()
        }
        None => format!("step {}", index + 1),
    }
}

struct Builder<'a> {
    given: &'a Given,
    order: Option<Order>,
    scope: &'a Scope<'a>,
    earlier: &'a [Step],
}

impl Builder<'_> {
    fn step(&self, name: String, item: &Spanned<StepDocument>, problems: &mut Problems) -> Step {
        let document = &item.value;
        let customer = self.customer(document.customer.as_ref(), problems);
        let stripe =
            action::action(document.stripe.as_ref(), &self.subscriptions(customer), self.scope, problems);
        let requests = self.scope.requests(document.request.as_ref(), problems).unwrap_or_default();
        let made = Made {
            earlier: self.earlier,
            action: stripe.as_ref().map(|action| action.kind),
            app_acts: !requests.is_empty(),
            given: self.given.customers.iter().any(|customer| !customer.subscriptions.is_empty()),
        };
        let send = send::send(document, self.order, &made, self.scope, problems);
        let step = Step {
            name,
            place: self.place(item),
            customer,
            restart: document.target.as_ref().map(|target| target.place.clone()),
            faults: self.faults(document, problems),
            stripe,
            requests,
            send,
            pace: pace(document.together.as_ref()),
            then: self.then(document, problems),
            either: self.either(document, problems),
            either_place: document.either.as_ref().map(|either| either.key.clone()),
            unchanged: self.unchanged(document, problems),
            within: document.within.as_ref().map(|within| within.0),
            hold: document.hold.as_ref().map(|hold| hold.0),
            reconcile: document.reconcile.as_ref().map(|reconcile| reconcile.value),
        };
        warn_if_idle(&step, document, problems);
        step
    }

    /// The step's name where it has one, else its header.
    fn place(&self, item: &Spanned<StepDocument>) -> Place {
        item.value.name.as_ref().map_or_else(|| item.place.clone(), |name| name.place.clone())
    }

    fn customer(&self, name: Option<&Field<Text>>, problems: &mut Problems) -> usize {
        let Some(name) = name else { return 0 };
        let customers = &self.given.customers;
        let found = customers.iter().position(|customer| customer.name.as_deref() == Some(name.as_str()));
        found.unwrap_or_else(|| {
            let names: Vec<&str> = customers.iter().filter_map(|customer| customer.name.as_deref()).collect();
            problems.push(
                Diagnostic::error(Code::UnknownCustomer, format!("unknown customer `{}`", name.value))
                    .at(&name.place)
                    .label("no `[[given.customer]]` is called so")
                    .maybe_help(suggest(&name.value, "named customers", names)),
            );
            0
        })
    }

    /// The names of the customer's subscriptions before this step.
    fn subscriptions(&self, customer: usize) -> Vec<String> {
        let given =
            self.given.customers.get(customer).into_iter().flat_map(|customer| &customer.subscriptions);
        let earlier = self.earlier.iter().filter(|step| step.customer == customer);
        let made = earlier.filter_map(|step| step.stripe.as_ref()).map(|action| &action.keys);
        given
            .map(|subscription| &subscription.keys)
            .chain(made)
            .filter_map(|keys| keys.get("name")?.as_str())
            .map(str::to_owned)
            .collect()
    }

    fn faults(&self, document: &StepDocument, problems: &mut Problems) -> Vec<Fault> {
        let faults = document.fault.iter().flat_map(|faults| faults.iter());
        faults.filter_map(|item| fault::fault(item, self.scope, problems)).collect()
    }

    fn then(&self, document: &StepDocument, problems: &mut Problems) -> Vec<Expected> {
        document.then.as_ref().map(|then| expect::expected(&then.0, self.scope, problems)).unwrap_or_default()
    }

    fn either(&self, document: &StepDocument, problems: &mut Problems) -> Vec<Vec<Expected>> {
        let Some(either) = &document.either else { return Vec::new() };
        if either.len() < 2 {
            problems.push(
                Diagnostic::error(Code::OutOfRange, "`either` needs at least two alternatives")
                    .at(&either.place)
                    .label("one of these must be true")
                    .help("what must be true in any case is `then`"),
            );
        }
        either.iter().map(|item| expect::expected(&item.value, self.scope, problems)).collect()
    }

    fn unchanged(&self, document: &StepDocument, problems: &mut Problems) -> Vec<Spanned<String>> {
        let names = document.unchanged.as_ref().map(|names| names.value.clone()).unwrap_or_default();
        for name in &names {
            self.scope.check_probe(&name.value, &name.place, None, problems);
        }
        names
    }
}

fn pace(together: Option<&Field<bool>>) -> Pace {
    if together.is_some_and(|together| together.value) { Pace::Together } else { Pace::OneByOne }
}

/// Warns of a step that changes nothing and judges nothing.
fn warn_if_idle(step: &Step, document: &StepDocument, problems: &mut Problems) {
    // By what is written: what could not be read was reported, and may have been the point of the step.
    let acts = ["stripe", "request", "target"].iter().any(|key| document.has(key));
    let sends = document.has("send") && document.send.as_ref().is_none_or(|send| !send.is_empty());
    let judges =
        ["then", "either", "unchanged"].iter().any(|key| document.has(key)) || step.reconcile == Some(true);
    if !acts && !sends && !judges {
        problems.push(
            Diagnostic::warning(
                Code::IdleStep,
                format!("`{}` changes nothing and judges nothing", step.name),
            )
            .at(&step.place)
            .label("leave it out, or say what must be true"),
        );
    }
    if let (Some(order), 0..=1) = (&document.order, deliveries(step)) {
        problems.push(
            Diagnostic::warning(Code::IdleStep, "`order` has nothing to order here")
                .at(&order.key)
                .label("at most one event is delivered"),
        );
    }
}

/// How many events a step delivers at most, as far as that is known.
fn deliveries(step: &Step) -> usize {
    match &step.send {
        Send::Burst { .. } => match step.stripe.as_ref().map(|action| action.kind) {
            Some(ActionKind::Advance) => usize::MAX,
            Some(kind) => kind.burst().len(),
            None if step.requests.is_empty() => 0,
            None => usize::MAX,
        },
        Send::List { entries, .. } => {
            let rest = entries
                .iter()
                .any(|entry| matches!(&entry.pick, Pick::Made { event, .. } if event.ends_with('*')));
            if rest { usize::MAX } else { entries.len() }
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use crate::scenario::tests::parse;

    /// What is said of a scenario with this in it.
    fn said(text: &str) -> Vec<String> {
        let (_, found) = parse(&format!("promise = \"p\"\n{text}\n"));
        found.into_iter().map(|diagnostic| diagnostic.message).collect()
    }

    #[rstest]
    #[case("step = 3", "wrong type: expected an array")]
    #[case(
        "[[step]]\nstripe.checkout = { price = \"pro_monthly\", quantity = 99999999999999999999 }",
        "this number cannot be represented"
    )]
    #[case(
        "[[step]]\nstripe.cancel = {}\nthen.access = { plan = { matches = \"(((\" } }",
        "invalid regular expression"
    )]
    fn one_mistake_is_one_problem(#[case] text: &str, #[case] expected: &str) {
        let said = said(text);
        assert!(said.len() == 1 && said[0].starts_with(expected), "{said:?}");
    }

    #[test]
    fn a_story_has_an_end() {
        let said = said(&"[[step]]\nstripe.advance = { by = \"1d\" }\n".repeat(20_000));
        assert!(said.contains(&"this scenario has 20000 steps".to_owned()), "{said:?}");
    }
}
