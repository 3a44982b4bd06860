//! Whether a scenario may run in production. Drills are not executed yet; what forbids them is said all the same.

use super::Scope;
use crate::scenario::code::Code;
use crate::scenario::decode::{Field, Problems};
use crate::scenario::diagnostic::{Diagnostic, suggest};
use crate::scenario::document::{AlarmDocument, DrillDocument, ScenarioDocument, SendDocument, StepDocument};
use crate::scenario::model::Drill;
use crate::span::{Place, Spanned};

/// Checks `[drill.*]`.
pub(super) fn drill(document: &ScenarioDocument, scope: &Scope<'_>, problems: &mut Problems) -> Drill {
    let Some(drill) = &document.drill else { return Drill::default() };
    check_requests(drill, scope, problems);
    if drill.prove.is_some() || drill.alarm.is_some() {
        for (what, place) in forbidding(document) {
            problems.push(
                Diagnostic::error(Code::CannotBeDrilled, format!("{what} cannot be drilled"))
                    .at(&place)
                    .label("not in production"),
            );
        }
    }
    if let Some(alarm) = &drill.alarm {
        check_alarm(alarm, document, problems);
    }
    Drill {
        prove: drill.prove.as_ref().map(|prove| prove.key.clone()),
        alarm: drill.alarm.as_ref().map(|alarm| alarm.key.clone()),
    }
}

/// What of a scenario must not happen in production, and where it stands.
fn forbidding(document: &ScenarioDocument) -> Vec<(&'static str, Place)> {
    let mut found: Vec<(&str, Place)> =
        document.repeat.iter().map(|repeat| ("`repeat`", repeat.key.clone())).collect();
    for step in document.step.iter().flat_map(|steps| steps.iter()) {
        found.extend(forbidding_in_step(&step.value));
    }
    found
}

fn forbidding_in_step(step: &StepDocument) -> Vec<(&'static str, Place)> {
    let mut found = Vec::new();
    found.extend(step.fault.iter().map(|fault| ("`fault`", fault.key.clone())));
    found.extend(step.target.iter().map(|target| ("`target`", target.key.clone())));
    for (key, what) in [("set", "`stripe.set`"), ("advance", "`stripe.advance`")] {
        let action = step.stripe.iter().filter(|action| action.0.get(key).is_some());
        found.extend(action.map(|action| (what, action.key.clone())));
    }
    let files = step.send.iter().flat_map(|send| send.iter()).filter_map(|entry| entry.value.file.as_ref());
    found.extend(files.map(|file| ("`file`", file.key.clone())));
    found
}

/// Requests that restore must exist; how they are executed is the drill's matter.
fn check_requests(drill: &DrillDocument, scope: &Scope<'_>, problems: &mut Problems) {
    let prove = drill.prove.iter().flat_map(|prove| prove.restore.iter());
    let alarm = drill.alarm.iter().flat_map(|alarm| alarm.restore.iter());
    let requests = &scope.project.requests;
    for name in prove.chain(alarm).flat_map(|restore| restore.iter()) {
        if !requests.contains_key(&name.value) {
            problems.push(
                Diagnostic::error(Code::UnknownRequest, format!("unknown request `{}`", name.value))
                    .at(&name.place)
                    .label("no such `[request.NAME]` in paydrill.toml")
                    .maybe_help(suggest(&name.value, "requests", requests.keys().map(String::as_str))),
            );
        }
    }
}

/// An alarm names a step, and deviates from it.
fn check_alarm(alarm: &Field<AlarmDocument>, document: &ScenarioDocument, problems: &mut Problems) {
    let names: Vec<&str> = document
        .step
        .iter()
        .flat_map(|steps| steps.iter())
        .filter_map(|step| step.value.name.as_ref())
        .map(|name| name.as_str())
        .collect();
    if let Some(step) = alarm.step.as_ref().filter(|step| !names.contains(&step.as_str())) {
        problems.push(
            Diagnostic::error(Code::UnknownStep, format!("unknown step `{}`", step.value))
                .at(&step.place)
                .label("no step is called so")
                .maybe_help(suggest(&step.value, "named steps", names.iter().copied())),
        );
    }
    let Some(send) = &alarm.send else { return };
    if !send.is_empty() && !send.iter().any(deviates) {
        problems.push(
            Diagnostic::error(Code::CannotBeDrilled, "this alarm deviates in nothing")
                .at(&send.place)
                .label("what is sent is what Stripe sends")
                .help("change the event, with `set`, `null` or `remove`"),
        );
    }
}

fn deviates(item: &Spanned<SendDocument>) -> bool {
    let document = &item.value;
    document.set.is_some()
        || document.null.is_some()
        || document.remove.is_some()
        || document.template.is_some()
}
