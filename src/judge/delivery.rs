//! Judging what deliveries were answered. Nothing is waited for: judging starts when all have ended.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::condition::Sight;
use super::matcher::{MatcherError, Matchers};
use super::track::Subject;
use super::words;
use crate::run_event::{AttemptOutcome, AttemptRecord, DeliveryRef, Judged, JudgedKind, Verdict};
use crate::span::{Place, Spanned};
use crate::time::human;

/// The fields of the built-in probe `delivery`: `class` is `"2xx"` … `"5xx"`, or `"none"` without an answer;
/// `status` is the number, absent without an answer; `took` is in milliseconds and compared with `"2s"` too.
pub const FIELDS: [&str; 3] = ["class", "status", "took"];

/// What one field of a step's deliveries must be, and what it was for each delivery's last attempt.
#[derive(Debug, Clone)]
pub(super) struct Answers {
    pub(super) field: String,
    matchers: Matchers,
    values: Vec<(String, Option<Value>)>,
}

/// Judges `then.delivery`, its values already rendered: each delivery's last attempt must match every field.
/// Where nothing was delivered it cannot be told.
///
/// # Errors
/// A matcher that cannot be understood, or a field that deliveries do not have.
pub fn judge_delivery(
    step: usize,
    fields: &BTreeMap<String, Spanned<Value>>,
    deliveries: &[(DeliveryRef, Vec<AttemptRecord>)],
) -> Result<Vec<Judged>, MatcherError> {
    fields
        .iter()
        .map(|(field, expected)| {
            let answers = answers(field, &expected.value, deliveries)?;
            let subject =
                Subject { kind: JudgedKind::Delivery, step: Some(step), place: expected.place.clone() };
            Ok(answers.judged(subject))
        })
        .collect()
}

/// The verdict on a delivery that was never accepted, though Stripe tried until it gave up.
#[must_use]
pub fn judge_refused(
    step: Option<usize>,
    place: Place,
    delivery: &DeliveryRef,
    tried: &[AttemptRecord],
) -> Judged {
    let observed = tried.last().map_or_else(|| "never attempted".to_owned(), |last| outcome(&last.outcome));
    let times = if tried.len() == 1 { "1 attempt".to_owned() } else { format!("{} attempts", tried.len()) };
    Judged {
        kind: JudgedKind::DeliveryRefused,
        step,
        probe: String::new(),
        field: String::new(),
        place,
        verdict: Verdict::Failed,
        expected: "2xx in the end".to_owned(),
        headline: format!(
            "{} {} was never accepted: {observed} after {times}",
            delivery.event.kind, delivery.event.id
        ),
        observed,
        due: None,
    }
}

pub(super) fn answers(
    field: &str,
    expected: &Value,
    deliveries: &[(DeliveryRef, Vec<AttemptRecord>)],
) -> Result<Answers, MatcherError> {
    let matchers = match field {
        "took" => Matchers::of_durations(expected)?,
        "class" | "status" => Matchers::from_value(expected)?,
        other => {
            let problem = format!("deliveries have no such field; there are {}", FIELDS.join(", "));
            return Err(MatcherError { key: other.to_owned(), problem });
        }
    };
    let values = deliveries
        .iter()
        .map(|(delivery, tried)| (delivery.event.kind.clone(), value(field, tried.last())))
        .collect();
    Ok(Answers { field: field.to_owned(), matchers, values })
}

fn value(field: &str, last: Option<&AttemptRecord>) -> Option<Value> {
    let status = last.and_then(|attempt| match attempt.outcome {
        AttemptOutcome::Answered { status, .. } => Some(status),
        AttemptOutcome::Refused | AttemptOutcome::TimedOut | AttemptOutcome::Reset => None,
    });
    match field {
        "class" => Some(status.map_or_else(|| "none".into(), |status| format!("{}xx", status / 100).into())),
        "status" => status.map(Value::from),
        _ => last.map(|attempt| u64::try_from(attempt.took.as_millis()).unwrap_or(u64::MAX).into()),
    }
}

fn outcome(outcome: &AttemptOutcome) -> String {
    match outcome {
        AttemptOutcome::Answered { status, .. } => status.to_string(),
        AttemptOutcome::Refused => "connection refused".to_owned(),
        AttemptOutcome::TimedOut => "no answer in time".to_owned(),
        AttemptOutcome::Reset => "connection broken".to_owned(),
    }
}

impl Answers {
    pub(super) fn sight(&self, at: Duration) -> Sight {
        let holds =
            if self.values.is_empty() { Err(NOTHING.to_owned()) } else { Ok(self.wrong().next().is_none()) };
        Sight { at, holds, actual: None, wanted: None }
    }

    pub(super) fn expected(&self) -> String {
        format!("{}{}", self.matchers.describe(), self.unit())
    }

    /// The different values, in the order they came.
    pub(super) fn observed(&self) -> String {
        let mut seen = Vec::new();
        for (_, value) in &self.values {
            let value = self.shown(value.as_ref());
            if !seen.contains(&value) {
                seen.push(value);
            }
        }
        words::cut(&seen.join(", "))
    }

    fn judged(&self, Subject { kind, step, place }: Subject) -> Judged {
        let (verdict, observed, headline) = match self.wrong().next() {
            _ if self.values.is_empty() => (Verdict::Errored, NOTHING.to_owned(), NOTHING.to_owned()),
            None => (Verdict::Passed, self.observed(), self.observed()),
            Some((event, value)) => {
                let (wrong, all) = (self.wrong().count(), self.values.len());
                let others = if all == 1 { String::new() } else { format!(" ({wrong} of {all} deliveries)") };
                let headline = format!("{} for {event}{others}", self.shown(value.as_ref()));
                (Verdict::Failed, self.observed(), headline)
            }
        };
        let (probe, field) = ("delivery".to_owned(), self.field.clone());
        let expected = self.expected();
        Judged { kind, step, probe, field, place, verdict, expected, observed, headline, due: None }
    }

    fn wrong(&self) -> impl Iterator<Item = &(String, Option<Value>)> {
        self.values.iter().filter(|(_, value)| !self.matchers.check(value.as_ref(), None))
    }

    fn shown(&self, value: Option<&Value>) -> String {
        match value.and_then(Value::as_u64) {
            Some(ms) if self.field == "took" => human(Duration::from_millis(ms)),
            _ => words::found(value),
        }
    }

    fn unit(&self) -> &'static str {
        if self.field == "took" { " ms" } else { "" }
    }
}

const NOTHING: &str = "nothing was delivered in this step";

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::run_event::EventRef;
    use crate::span::Source;

    fn place() -> Place {
        Place { source: Arc::new(Source { path: "a.toml".into(), text: String::new() }), range: 0..0 }
    }

    fn delivery(kind: &str, outcomes: &[AttemptOutcome]) -> (DeliveryRef, Vec<AttemptRecord>) {
        let event = EventRef { id: "evt_1".into(), kind: kind.into() };
        let tried = outcomes.iter().zip(1..).map(|(outcome, number)| AttemptRecord {
            number,
            sent: Duration::ZERO,
            took: Duration::from_millis(1_500),
            outcome: outcome.clone(),
        });
        (DeliveryRef::usual(event), tried.collect())
    }

    fn answered(status: u16) -> AttemptOutcome {
        AttemptOutcome::Answered { status, body: String::new() }
    }

    fn judged(field: &str, expected: Value, deliveries: &[(DeliveryRef, Vec<AttemptRecord>)]) -> Judged {
        let fields = BTreeMap::from([(field.to_owned(), Spanned { value: expected, place: place() })]);
        judge_delivery(2, &fields, deliveries).unwrap().remove(0)
    }

    #[rstest]
    #[case::class("class", json!("2xx"), vec![answered(204)], Verdict::Passed, r#""2xx""#)]
    #[case::refusal("class", json!({"one_of": ["4xx", "5xx"]}), vec![answered(302)], Verdict::Failed, r#""3xx""#)]
    #[case::status("status", json!(400), vec![answered(400)], Verdict::Passed, "400")]
    #[case::last_attempt("class", json!("2xx"), vec![answered(500), answered(200)], Verdict::Passed, r#""2xx""#)]
    #[case::no_answer("class", json!("none"), vec![AttemptOutcome::TimedOut], Verdict::Passed, r#""none""#)]
    #[case::no_status("status", json!({"gte": 400}), vec![AttemptOutcome::Refused], Verdict::Failed, "absent")]
    #[case::took("took", json!({"lt": "2s"}), vec![answered(200)], Verdict::Passed, "1.5 s")]
    #[case::too_slow("took", json!({"lt": "1s"}), vec![answered(200)], Verdict::Failed, "1.5 s")]
    fn the_last_attempt_is_judged(
        #[case] field: &str,
        #[case] expected: Value,
        #[case] outcomes: Vec<AttemptOutcome>,
        #[case] verdict: Verdict,
        #[case] observed: &str,
    ) {
        let judged = judged(field, expected, &[delivery("invoice.paid", &outcomes)]);
        assert_eq!((judged.verdict, judged.observed.as_str()), (verdict, observed));
    }

    #[test]
    fn each_delivery_must_match() {
        let all = [
            delivery("invoice.paid", &[answered(200)]),
            delivery("charge.refunded", &[answered(500)]),
            delivery("charge.updated", &[answered(500)]),
        ];
        let judged = judged("class", json!("2xx"), &all);
        assert_eq!(judged.verdict, Verdict::Failed);
        assert_eq!(judged.expected, r#""2xx""#);
        assert_eq!(judged.observed, r#""2xx", "5xx""#);
        assert_eq!(judged.headline, r#""5xx" for charge.refunded (2 of 3 deliveries)"#);
        assert_eq!(judged.step, Some(2));
    }

    #[test]
    fn nothing_delivered_cannot_be_judged() {
        let judged = judged("took", json!({"lt": "1s"}), &[]);
        assert_eq!(judged.verdict, Verdict::Errored);
        assert_eq!(judged.expected, "less than 1000 ms");
        assert_eq!(judged.headline, "nothing was delivered in this step");
    }

    #[test]
    fn a_field_that_deliveries_lack_is_refused() {
        let error = answers("code", &json!(200), &[]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "understand the matcher `code`: deliveries have no such field; there are class, status, took"
        );
    }

    #[rstest]
    #[case(&[answered(500)], "invoice.paid evt_1 was never accepted: 500 after 1 attempt")]
    #[case(
        &[answered(500), AttemptOutcome::TimedOut],
        "invoice.paid evt_1 was never accepted: no answer in time after 2 attempts"
    )]
    fn a_refused_delivery_is_a_failure(#[case] outcomes: &[AttemptOutcome], #[case] headline: &str) {
        let (delivery, tried) = delivery("invoice.paid", outcomes);
        let judged = judge_refused(Some(1), place(), &delivery, &tried);
        assert_eq!((judged.verdict, judged.kind), (Verdict::Failed, JudgedKind::DeliveryRefused));
        assert_eq!(judged.headline, headline);
    }
}
