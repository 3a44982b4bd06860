//! What of a project this version does not execute: refused by name when it is needed, never ignored.

use super::model::Environment;
use crate::scenario::Diagnostic;
use crate::scenario::code::Code;
use crate::scenario::model::Scenario;
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
/// environment.
#[must_use]
pub fn refuse_unsupported(environment: &Environment, scenarios: &[Scenario]) -> Vec<Diagnostic> {
    if scenarios.is_empty() {
        return Vec::new();
    }
    environment.not_yet.iter().map(|later| refusal(&later.what, &later.place)).collect()
}
