//! What happens in the cases, a line each, for whoever wants to watch.

use std::time::Duration;

use crate::id::CaseId;
use crate::incident::guidance::answer;
use crate::incident::text::fit;
use crate::run_event::RunEventKind;
use crate::time::human;

/// Longer values lose their middle.
const WIDTH: usize = 160;

/// Events that have a line of their own elsewhere give none.
pub(super) fn line(at: Duration, kind: &RunEventKind) -> Vec<String> {
    let (case, text) = match kind {
        RunEventKind::TargetStarted { url, ready_after, deploy_sha } => {
            let sha = deploy_sha
                .as_ref()
                .map_or_else(|| "not known".to_owned(), |sha| sha.chars().take(12).collect());
            (None, format!("the app is up at {url} after {}, deploy {sha}", human(*ready_after)))
        }
        RunEventKind::ProcessKilled { case, process, moment } => {
            (Some(*case), format!("`{process}` was killed {moment}, and is up again"))
        }
        RunEventKind::Intended { case, intent } => (Some(*case), format!("about to: {intent}")),
        RunEventKind::Unrecorded { .. } => return Vec::new(),
        RunEventKind::CaseStarted { case, name, .. } => (Some(*case), format!("starts: {name}")),
        RunEventKind::StepStarted { case, step, name } => {
            let step = step.map_or_else(|| "arrangement".to_owned(), |step| format!("step {}", step + 1));
            (Some(*case), format!("{step}: {name}"))
        }
        RunEventKind::StripeActed { case, action, events } => {
            let kinds: Vec<&str> = events.iter().map(|event| event.kind.as_str()).collect();
            (Some(*case), format!("Stripe: {action} makes {}", kinds.join(", ")))
        }
        RunEventKind::Requested { case, record } => {
            let outcome = match &record.outcome {
                Ok(outcome) => outcome.to_string(),
                Err(problem) => problem.clone(),
            };
            (Some(*case), format!("{}: {} {outcome}", record.name, record.call))
        }
        RunEventKind::AttemptFinished { case, delivery, attempt } => (
            Some(*case),
            format!(
                "#{} {} to {}, attempt {}: {} in {}",
                delivery.number,
                delivery.event.kind,
                delivery.endpoint,
                attempt.number,
                answer(&attempt.outcome),
                human(attempt.took)
            ),
        ),
        RunEventKind::StripeCalled { case, call } => {
            let status = call.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
            (*case, format!("the app asks Stripe: {} {} {status}", call.method, call.path))
        }
        RunEventKind::Observed { case, probe, reading, .. } => {
            let read = match &reading.fields {
                Ok(fields) => serde_json::Value::from(fields.clone()).to_string(),
                Err(problem) => format!("failed to {problem}"),
            };
            (Some(*case), format!("{probe}: {read}"))
        }
        RunEventKind::RunStarted(_)
        | RunEventKind::CaseFinished { .. }
        | RunEventKind::Cancelled { .. }
        | RunEventKind::RunFinished { .. } => return Vec::new(),
    };
    let case = case.map_or_else(String::new, |CaseId(number)| format!("case {number}: "));
    vec![fit(&format!("       +{} {case}{text}", human(at)), WIDTH)]
}
