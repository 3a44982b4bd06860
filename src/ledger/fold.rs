//! What entries come to. All of it is pure: the same entries give the same, whoever folds them and when.
//!
//! A [`Summary`] is what one run's entries come to; it is kept beside them so that a list of runs reads no entries, and
//! made anew by `paydrill ledger verify`. [`super::incident`] folds the summaries of all runs.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::entry::{Draft, Entry};
use super::kind::{self, ActOfPerson, Checkpoint, Closed, Executor, Intended, Opened, Proof};

/// Attempts of which more than the number is kept in a summary: a fixed seed in CI adds one with every build.
const MOST_ATTEMPTS: usize = 20;
/// Acts of persons that a summary keeps.
const MOST_ACTS: usize = 100;

/// What one run comes to.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Summary {
    /// The scenario's name.
    pub scenario: String,
    /// The case's, label and number included.
    pub case: String,
    /// Who gets an incident of it.
    pub owner: Option<String>,
    /// How often it was tried.
    pub tried: u32,
    /// The newest attempts, in the order in which they began.
    pub attempts: Vec<Attempt>,
    /// What went wrong in it, each promise once.
    pub damages: Vec<Damage>,
    /// When it last passed, in milliseconds of Unix time.
    pub passed_at: Option<i64>,
    /// What persons did about its incidents.
    pub acts: Vec<Act>,
    /// The time of its last entry.
    pub updated_at: i64,
}

/// One attempt of a run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Attempt {
    /// Its name within the run.
    pub id: String,
    /// How far it is.
    pub state: State,
    /// Which try of the case within its invocation, from 1.
    pub number: u32,
    /// When it began, in milliseconds of Unix time.
    pub opened_at: i64,
    /// When it ended.
    pub ended_at: Option<i64>,
    /// Who executes it.
    pub by: Executor,
    /// What is deployed.
    pub deploy_sha: Option<String>,
    /// With it the same ids are minted again.
    pub seed: String,
    /// How many attempts of deliveries were begun, and how many of them ended.
    pub sent: u32,
    /// How many of them ended.
    pub answered: u32,
    /// What it shows about sending an event again.
    pub proofs: Vec<Proof>,
}

/// How far an attempt is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It has not ended.
    #[default]
    Open,
    /// Everything promised came true.
    Passed,
    /// A wrong outcome.
    Failed,
    /// It could not be told.
    Errored,
    /// Nobody will end it any more.
    Interrupted,
}

impl State {
    /// One word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Errored => "errored",
            Self::Interrupted => "interrupted",
        }
    }

    fn of_verdict(verdict: &str) -> Self {
        match verdict {
            "passed" => Self::Passed,
            "failed" => Self::Failed,
            // A verdict of a later version is not known to be good.
            _ => Self::Errored,
        }
    }
}

/// One promise that was broken, or could not be told, in a run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Damage {
    /// The same for the same broken promise, in whatever run.
    pub fingerprint: String,
    /// Of which kind.
    pub kind: String,
    /// How fast a person should look.
    pub severity: String,
    /// What was seen, in a few words.
    pub headline: String,
    /// The customer at Stripe.
    pub customer: String,
    /// The first time, in milliseconds of Unix time.
    pub first_at: i64,
    /// The last.
    pub last_at: i64,
    /// How often.
    pub count: u32,
}

/// What a person did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Act {
    /// `acknowledged`, `noted`, `resolved` or `contacted`.
    pub kind: String,
    /// About which incident.
    pub fingerprint: String,
    /// Who.
    pub who: String,
    /// Why.
    pub why: String,
    /// When, in milliseconds of Unix time.
    pub at: i64,
}

impl Summary {
    /// What all entries of a run come to.
    #[must_use]
    pub fn of<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Self {
        let mut summary = Self::default();
        entries.into_iter().for_each(|entry| summary.apply(entry));
        summary
    }

    /// Takes in the next entry.
    pub fn apply(&mut self, entry: &Entry) {
        let Entry { at, attempt, kind, body, .. } = entry;
        self.take(&Told { at: at.as_millisecond(), attempt: attempt.as_deref(), kind, body });
    }

    /// Takes in what is about to become the next entry.
    pub fn apply_draft(&mut self, draft: &Draft) {
        let Draft { at, attempt, kind, body, .. } = draft;
        self.take(&Told { at: at.as_millisecond(), attempt: attempt.as_deref(), kind, body });
    }

    fn take(&mut self, entry: &Told<'_>) {
        let at = entry.at;
        match entry.kind {
            kind::OPENED => self.opened(entry, at),
            kind::INTENDED => {
                let intended: Intended = entry.says();
                if intended.act == "delivery" {
                    self.attempt(entry, |attempt| attempt.sent = attempt.sent.saturating_add(1));
                }
            }
            kind::ATTEMPTED => {
                self.attempt(entry, |attempt| attempt.answered = attempt.answered.saturating_add(1));
            }
            kind::CLOSED => self.closed(entry, at),
            kind::INTERRUPTED => self.attempt(entry, |attempt| {
                // Who was taken for gone, and is not, has the last word.
                if attempt.state == State::Open {
                    attempt.state = State::Interrupted;
                    attempt.ended_at = Some(at);
                }
            }),
            kind::ACKNOWLEDGED | kind::NOTED | kind::RESOLVED | kind::CONTACTED => self.acted(entry, at),
            // That entries were let go of is nothing that happened to the run.
            kind::CHECKPOINT => return self.checkpoint(entry),
            _ => {}
        }
        self.updated_at = self.updated_at.max(at);
    }

    /// The newest attempt's state.
    #[must_use]
    pub fn state(&self) -> State {
        self.attempts.last().map_or(State::Open, |attempt| attempt.state)
    }

    /// When the newest attempt began.
    #[must_use]
    pub fn opened_at(&self) -> i64 {
        self.attempts.last().map_or(self.updated_at, |attempt| attempt.opened_at)
    }

    /// Whether an attempt has not ended.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.open_attempts().next().is_some()
    }

    /// Whether anything ever went wrong in it.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        !self.damages.is_empty()
    }

    /// Attempts that nobody has ended.
    pub fn open_attempts(&self) -> impl Iterator<Item = &Attempt> {
        self.attempts.iter().filter(|attempt| attempt.state == State::Open)
    }

    fn opened(&mut self, entry: &Told<'_>, at: i64) {
        let opened: Opened = entry.says();
        (self.scenario, self.case, self.owner) = (opened.scenario, opened.case, opened.owner);
        self.tried = self.tried.saturating_add(1);
        self.attempts.push(Attempt {
            id: entry.attempt.unwrap_or_default().to_owned(),
            number: opened.number,
            opened_at: at,
            by: opened.by,
            deploy_sha: opened.deploy_sha,
            seed: opened.seed,
            ..Attempt::default()
        });
        if self.attempts.len() > MOST_ATTEMPTS {
            // The oldest that has ended; one that has not is still to be closed.
            let ended = self.attempts.iter().position(|attempt| attempt.state != State::Open);
            self.attempts.remove(ended.unwrap_or(0));
        }
    }

    fn attempt(&mut self, entry: &Told<'_>, change: impl FnOnce(&mut Attempt)) {
        let of = |attempt: &&mut Attempt| Some(attempt.id.as_str()) == entry.attempt;
        if let Some(attempt) = self.attempts.iter_mut().rev().find(of) {
            change(attempt);
        }
    }

    fn closed(&mut self, entry: &Told<'_>, at: i64) {
        let closed: Closed = entry.says();
        let state = State::of_verdict(&closed.verdict);
        // In one run order is told by place, also where the clock was set back between two attempts.
        if state == State::Passed {
            let damaged = self.damages.iter().map(|damage| damage.last_at.saturating_add(1)).max();
            self.passed_at = self.passed_at.max(Some(at)).max(damaged);
        }
        if let Some(incident) = &closed.incident {
            let ended = self.acts.iter().map(|act| act.at).chain(self.passed_at).max();
            let after = ended.map_or(at, |ended| at.max(ended.saturating_add(1)));
            self.damaged(Damage::read(incident, after));
        }
        self.attempt(entry, |attempt| {
            attempt.state = state;
            attempt.ended_at = Some(at);
            attempt.proofs = closed.proofs;
        });
    }

    fn damaged(&mut self, new: Damage) {
        match self.damages.iter_mut().find(|known| known.fingerprint == new.fingerprint) {
            Some(known) => {
                let (first_at, count) = (known.first_at.min(new.first_at), known.count.saturating_add(1));
                *known = Damage { first_at, count, last_at: known.last_at.max(new.last_at), ..new };
            }
            None => self.damages.push(new),
        }
    }

    fn acted(&mut self, entry: &Told<'_>, at: i64) {
        let ActOfPerson { fingerprint, who, why } = entry.says();
        let at = at.max(self.updated_at);
        self.acts.push(Act { kind: entry.kind.to_owned(), fingerprint, who, why, at });
        if self.acts.len() > MOST_ACTS {
            self.acts.remove(0);
        }
    }

    /// Where the entries before it are gone, it tells what they came to.
    fn checkpoint(&mut self, entry: &Told<'_>) {
        let checkpoint: Checkpoint = entry.says();
        if *self == Self::default()
            && let Some(summary) = checkpoint.summary
        {
            *self = summary;
        }
    }
}

/// An entry, wherever it comes from.
struct Told<'a> {
    at: i64,
    attempt: Option<&'a str>,
    kind: &'a str,
    body: &'a Map<String, Value>,
}

impl Told<'_> {
    fn says<T: DeserializeOwned + Default>(&self) -> T {
        T::deserialize(self.body).unwrap_or_default()
    }
}

impl Damage {
    /// What a list says of an incident, out of its exported form.
    fn read(incident: &Value, at: i64) -> Self {
        let text =
            |pointer: &str| incident.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let headline = [text("/findings/0/headline"), text("/reason")];
        Self {
            fingerprint: text("/fingerprint"),
            kind: text("/kind"),
            severity: text("/severity"),
            headline: headline.into_iter().find(|text| !text.is_empty()).unwrap_or_default(),
            customer: text("/customer/id"),
            first_at: at,
            last_at: at,
            count: 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::ledger::chain::{Tip, seal};
    use crate::ledger::sample;

    /// Entries of attempts, a second apart.
    fn entries(told: &[(&str, &'static str, Value)]) -> Vec<Entry> {
        let drafts: Vec<_> = told
            .iter()
            .zip(0i64..)
            .map(|((attempt, kind, body), second)| {
                let mut draft = sample::draft("evt_1", kind, body.clone());
                draft.attempt = (!attempt.is_empty()).then(|| (*attempt).to_owned());
                draft.at += jiff::SignedDuration::from_secs(second);
                draft
            })
            .collect();
        let (sealed, _) = seal(Tip::start(&sample::key("evt_1")), &drafts);
        sealed.iter().map(|stored| Entry::read(&stored.bytes).unwrap()).collect()
    }

    fn opened() -> Value {
        json!({ "scenario": "s", "case": "s[x=1]", "number": 1, "seed": "7" })
    }

    #[rstest]
    #[case(&[], State::Open)]
    #[case(&[("a", "opened", opened())], State::Open)]
    #[case(&[("a", "opened", opened()), ("a", "closed", json!({ "verdict": "passed" }))], State::Passed)]
    #[case(&[("a", "opened", opened()), ("a", "closed", json!({ "verdict": "odd" }))], State::Errored)]
    #[case(&[("a", "opened", opened()), ("a", "interrupted", json!({}))], State::Interrupted)]
    // It was taken for gone, and was not.
    #[case(
        &[("a", "opened", opened()), ("a", "interrupted", json!({})), ("a", "closed", json!({ "verdict": "failed" }))],
        State::Failed
    )]
    // Another attempt's end is not this one's.
    #[case(
        &[("a", "opened", opened()), ("b", "opened", opened()), ("a", "closed", json!({ "verdict": "passed" }))],
        State::Open
    )]
    fn how_far_a_run_is(#[case] told: &[(&str, &'static str, Value)], #[case] expected: State) {
        assert_eq!(Summary::of(&entries(told)).state(), expected);
    }

    #[test]
    fn deliveries_are_counted_before_and_after() {
        let told = [
            ("a", "opened", opened()),
            ("a", "intended", json!({ "act": "delivery" })),
            ("a", "attempted", json!({})),
            ("a", "intended", json!({ "act": "request" })),
            ("a", "intended", json!({ "act": "delivery" })),
        ];
        let summary = Summary::of(&entries(&told));
        assert_eq!((summary.attempts[0].sent, summary.attempts[0].answered), (2, 1));
    }

    #[test]
    fn the_same_promise_broken_again_is_one_damage() {
        let incident = |fingerprint: &str| {
            json!({
                "verdict": "failed",
                "incident": { "fingerprint": fingerprint, "findings": [{ "headline": "still \"free\"" }] },
            })
        };
        let told = [
            ("a", "opened", opened()),
            ("a", "closed", incident("f1")),
            ("b", "opened", opened()),
            ("b", "closed", incident("f1")),
            ("c", "opened", opened()),
            ("c", "closed", incident("f2")),
        ];
        let summary = Summary::of(&entries(&told));
        let said: Vec<_> =
            summary.damages.iter().map(|damage| (damage.fingerprint.as_str(), damage.count)).collect();
        assert_eq!(said, [("f1", 2), ("f2", 1)]);
        assert_eq!(summary.damages[0].last_at - summary.damages[0].first_at, 2_000);
        assert_eq!(summary.damages[0].headline, "still \"free\"");
        assert_eq!(summary.tried, 3);
    }

    #[test]
    fn a_thousand_attempts_stay_small_and_counted() {
        let mut told = vec![("open", "opened", opened())];
        for _ in 0..1_000 {
            told.push(("a", "opened", opened()));
            told.push(("a", "closed", json!({ "verdict": "passed" })));
        }
        let summary = Summary::of(&entries(&told));
        assert_eq!((summary.tried, summary.attempts.len()), (1_001, MOST_ATTEMPTS));
        assert_eq!(summary.open_attempts().count(), 1, "one that has not ended is not forgotten");
    }

    #[test]
    fn a_checkpoint_stands_for_what_is_gone() {
        let told = [("a", "opened", opened()), ("a", "closed", json!({ "verdict": "passed" }))];
        let before = Summary::of(&entries(&told));
        let checkpoint = json!({ "summary": before, "entries": 2 });
        let more = |kind: &'static str| ("", kind, json!({ "who": "kim", "fingerprint": "f" }));
        let whole = [told[0].clone(), told[1].clone(), ("", "checkpoint", checkpoint), more("noted")];
        let entries = entries(&whole);
        assert_eq!(Summary::of(&entries), Summary::of(&entries[2..]));
        assert_eq!(Summary::of(&entries).acts.len(), 1);
    }

    /// What came later is later, whatever the clock of the machine said.
    #[test]
    fn a_clock_that_was_set_back_changes_no_order() {
        let failed = json!({ "verdict": "failed", "incident": { "fingerprint": "f" } });
        let passed = json!({ "verdict": "passed" });
        let told = [("a", "opened", opened()), ("a", "closed", failed.clone()), ("b", "opened", opened())];
        let later = [("b", "closed", passed), ("", "resolved", json!({ "fingerprint": "f" }))];
        let mut entries =
            entries(&[&told[..], &later[..], &[("c", "opened", opened()), ("c", "closed", failed)]].concat());
        for entry in &mut entries[3..] {
            entry.at -= jiff::SignedDuration::from_hours(1);
        }
        let until = |count: usize| Summary::of(&entries[..count]);
        assert!(until(4).passed_at > Some(until(4).damages[0].last_at), "the proof is after the damage");
        assert!(until(5).acts[0].at >= until(5).damages[0].last_at);
        assert!(
            Some(until(7).damages[0].last_at) > until(7).passed_at,
            "and the next damage after the proof"
        );
    }

    #[test]
    fn what_is_not_known_changes_nothing() {
        let mut told = vec![("a", "opened", opened())];
        let before = Summary::of(&entries(&told));
        told.push(("a", "weighed", json!({ "grams": 3 })));
        let after = Summary::of(&entries(&told));
        assert_eq!(Summary { updated_at: before.updated_at, ..after }, before);
    }
}
