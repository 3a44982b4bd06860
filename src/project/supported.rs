//! What of a project this version does not execute: refused by name when it is needed, never ignored.

use std::collections::BTreeSet;

use super::model::{Environment, ProbeKind, Project};
use crate::scenario::Diagnostic;
use crate::scenario::code::Code;
use crate::scenario::model::{Scenario, Story};
use crate::span::Place;

/// A refusal: `not supported yet: provider.live`.
pub(crate) fn refusal(what: &str, place: &Place) -> Diagnostic {
    Diagnostic::error(Code::NotSupportedYet, format!("not supported yet: {what}"))
        .at(place)
        .label("this version does not execute it")
}

/// What these scenarios need in this environment, and this version does not execute.
///
/// What a scenario names itself was refused when it was parsed; here it is what it needs without naming it: the
/// environment, and the probes that reconciliation reads.
#[must_use]
pub fn refuse_unsupported(
    project: &Project,
    environment: &Environment,
    scenarios: &[Scenario],
) -> Vec<Diagnostic> {
    if scenarios.is_empty() {
        return Vec::new();
    }
    let stories = || scenarios.iter().flat_map(|scenario| &scenario.cases);
    let mut refused: Vec<Diagnostic> =
        environment.not_yet.iter().map(|later| refusal(&later.what, &later.place)).collect();
    if stories().any(reconciles) {
        refused.extend(reconcile_probes(project));
    }
    refused
}

fn reconcile_probes(project: &Project) -> impl Iterator<Item = Diagnostic> + '_ {
    let mut seen = BTreeSet::new();
    project.reconcile.iter().filter_map(move |pair| match &project.probes.get(&pair.probe)?.kind {
        ProbeKind::NotYet(kind) if seen.insert(pair.probe.clone()) => {
            Some(refusal(&format!("probe.{}.{kind}", pair.probe), &pair.place))
        }
        _ => None,
    })
}

/// Whether local state is compared with provider truth anywhere in a story: in its last step, unless that says no.
fn reconciles(story: &Story) -> bool {
    let said = story.steps.iter().any(|step| step.reconcile == Some(true));
    said || story.steps.last().is_some_and(|step| step.reconcile.is_none())
}
