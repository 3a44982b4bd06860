//! The one ordered stream of a run: what reporters, ledger and tests consume.
//!
//! Only the engine's dispatcher emits run events. They are in the past tense but for one, owned, and already redacted.

mod intent;
mod reconciliation;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::id::CaseId;
use crate::probe::{Reading, RequestOutcome};
use crate::scenario::model::{Head, SignatureMode};
use crate::span::Place;

pub use self::intent::{Intent, Retained};
pub use self::reconciliation::{Fact, Reconciliation};

/// One run event.
#[derive(Debug, Clone)]
pub struct RunEvent {
    /// Since the run's start.
    pub at: Duration,
    /// What happened.
    pub kind: RunEventKind,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum RunEventKind {
    /// A run began; nothing has been started yet.
    RunStarted(RunHeader),
    /// The app under test is up; `at` is when it was found ready, before its deploy SHA was read.
    TargetStarted {
        /// Where it is reached.
        url: String,
        /// From launch to readiness.
        ready_after: Duration,
        /// What is deployed, where that is known.
        deploy_sha: Option<String>,
    },
    /// A process of the app was killed because a step says so, and is up again.
    ProcessKilled {
        /// Which case.
        case: CaseId,
        /// Its name.
        process: String,
        /// When, in words: `20 ms after #3 was sent`.
        moment: String,
    },
    /// A case began.
    CaseStarted {
        /// Which.
        case: CaseId,
        /// Its name, label and number included.
        name: String,
        /// The scenario's head.
        head: Arc<Head>,
        /// The run's id: the id that the first event of the story gets.
        run: String,
        /// Which try of the case this is, from 1.
        attempt: u32,
        /// The run id of the try before this one.
        retry_of: Option<String>,
    },
    /// An act on the outside is about to happen. Every other run event is in the past tense.
    Intended {
        /// Which case.
        case: CaseId,
        /// What.
        intent: Intent,
    },
    /// A step began.
    StepStarted {
        /// Which case.
        case: CaseId,
        /// From 0; the arrangement has none.
        step: Option<usize>,
        /// What the user calls it.
        name: String,
    },
    /// Something happened at Stripe.
    StripeActed {
        /// Which case.
        case: CaseId,
        /// `checkout`, `change_price`.
        action: String,
        /// The events that it made.
        events: Vec<EventRef>,
    },
    /// A request in the app was answered, or failed.
    Requested {
        /// Which case.
        case: CaseId,
        /// What was done.
        record: RequestRecord,
    },
    /// An attempt of a delivery ended.
    AttemptFinished {
        /// Which case.
        case: CaseId,
        /// The delivery.
        delivery: DeliveryRef,
        /// What came of it.
        attempt: AttemptRecord,
    },
    /// The app asked Stripe something.
    StripeCalled {
        /// Which case; `None`: no case could be told from it.
        case: Option<CaseId>,
        /// The call.
        call: CallRecord,
    },
    /// A probe was read. Readings equal to the one before are counted, not repeated.
    Observed {
        /// Which case.
        case: CaseId,
        /// Whose state.
        customer: String,
        /// The probe.
        probe: String,
        /// What was read.
        reading: Reading,
    },
    /// A case ended.
    CaseFinished {
        /// All that is known of it.
        record: Arc<CaseRecord>,
        /// The run so far, this case included.
        stats: RunStats,
    },
    /// What the run does can no longer be retained; it goes on.
    Unrecorded {
        /// Why, in words that follow "failed to".
        problem: String,
    },
    /// The run was asked to stop: Ctrl-C, SIGTERM, `--max-fail`, or the app died.
    Cancelled {
        /// Why.
        reason: CancelReason,
    },
    /// The run ended.
    RunFinished {
        /// All cases.
        stats: RunStats,
        /// How long it took.
        took: Duration,
        /// Something that made the whole run unjudgeable, in words.
        trouble: Option<Trouble>,
    },
}

/// What a run was asked to do.
#[derive(Debug, Clone, PartialEq)]
pub struct RunHeader {
    /// The project's name.
    pub project: String,
    /// The environment's.
    pub environment: String,
    /// Reproduces ids, e-mail addresses and shuffles.
    pub seed: u64,
    /// How many cases are selected.
    pub cases: usize,
    /// How many run at once.
    pub jobs: usize,
    /// Wall time.
    pub started: Timestamp,
    /// Paydrill's version.
    pub version: &'static str,
}

/// Why a run ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CancelReason {
    /// Ctrl-C or SIGTERM.
    Interrupted,
    /// `--max-fail` was reached.
    MaxFail,
    /// A process of the app ended by itself.
    TargetDied,
}

/// Something that made the whole run unjudgeable.
#[derive(Debug, Clone, PartialEq)]
pub struct Trouble {
    /// In words that follow "failed to".
    pub message: String,
    /// The last lines of the app's output.
    pub log: Vec<String>,
}

/// How many cases of a run are where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct RunStats {
    /// Selected.
    pub cases: usize,
    /// Ended.
    pub finished: usize,
    /// Passed, flaky ones not counted.
    pub passed: usize,
    /// Passed only on a retry; this fails the run.
    pub flaky: usize,
    /// A wrong outcome.
    pub failed: usize,
    /// Could not be judged.
    pub errored: usize,
    /// Not applicable here.
    pub skipped: usize,
}

/// An event, by name.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct EventRef {
    /// `evt_…`
    pub id: String,
    /// `invoice.paid`
    #[serde(rename = "type")]
    pub kind: String,
}

/// One event meant for one endpoint.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct DeliveryRef {
    /// Number within the case, from 0.
    pub number: usize,
    /// The step it belongs to; `None`: the arrangement.
    pub step: Option<usize>,
    /// The event.
    pub event: EventRef,
    /// The endpoint's name.
    pub endpoint: String,
    /// What differs from how Stripe would send it, in words: `set status`, `signed with another secret`.
    pub changes: Vec<String>,
    /// How it is signed; `changes` says it in words.
    #[serde(skip)]
    pub signature: SignatureMode,
}

#[cfg(test)]
impl DeliveryRef {
    /// The first of a case's first step, sent as Stripe would.
    pub(crate) fn usual(event: EventRef) -> Self {
        let (endpoint, signature) = ("main".to_owned(), SignatureMode::Right);
        Self { number: 0, step: Some(0), event, endpoint, changes: vec![], signature }
    }
}

/// One HTTP try of a delivery.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct AttemptRecord {
    /// From 1.
    pub number: u32,
    /// When it was sent, since the run's start.
    pub sent: Duration,
    /// From sending to the end of the answer, or to giving up.
    pub took: Duration,
    /// How it ended.
    pub outcome: AttemptOutcome,
}

/// Every way an attempt can end.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttemptOutcome {
    /// With an answer. 2xx is accepted; a redirect is not followed and is a failure, as with Stripe.
    Answered {
        /// The HTTP status.
        status: u16,
        /// The start of the body.
        body: String,
    },
    /// No connection.
    Refused,
    /// No answer in time.
    TimedOut,
    /// The connection broke before an answer.
    Reset,
}

impl AttemptOutcome {
    /// Whether there was an answer at all.
    #[must_use]
    pub fn is_answered(&self) -> bool {
        matches!(self, Self::Answered { .. })
    }

    /// Whether Stripe would count the event as delivered.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        matches!(self, Self::Answered { status: 200..=299, .. })
    }
}

/// A request in the app.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct RequestRecord {
    /// Its name.
    pub name: String,
    /// `POST http://127.0.0.1:4242/signup`
    pub call: String,
    /// When it was sent, since the run's start.
    pub sent: Duration,
    /// How long it took.
    pub took: Duration,
    /// How it ended, or why it did not.
    pub outcome: Result<RequestOutcome, String>,
    /// The start of the answer.
    pub body: String,
}

/// What the app asked Stripe.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct CallRecord {
    /// When it was answered, since the run's start.
    pub at: Duration,
    /// `GET`
    pub method: String,
    /// `/v1/subscriptions/sub_1?expand[]=customer`
    pub path: String,
    /// `req_…`
    pub request_id: String,
    /// What it was answered; `None`: the connection was closed by a fault.
    pub status: Option<u16>,
    /// A word on an answer that is not Stripe's ordinary one: `fault`, `not modelled`.
    pub note: Option<String>,
}

/// What was judged of one case.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Everything promised came true.
    Passed,
    /// Not applicable in this environment.
    Skipped,
    /// It could not be told.
    Errored,
    /// A wrong outcome.
    Failed,
}

/// All that is known of one case when it ends. Everything of it is redacted.
#[derive(Debug, Clone)]
pub struct CaseRecord {
    /// Which.
    pub case: CaseId,
    /// The scenario's head.
    pub head: Arc<Head>,
    /// `orders/late-update[order=reversed]`, with ` #2` where it is repeated.
    pub name: String,
    /// What was judged.
    pub verdict: Verdict,
    /// It passed, but not at its first try.
    pub flaky: bool,
    /// Which try of the case this was, from 1. Each has ids of its own.
    pub attempt: u32,
    /// The run id of the try before this one.
    pub retry_of: Option<String>,
    /// The id of the first event that the story made, known from the seed; `None` where it made none.
    pub run_id: Option<String>,
    /// Wall time of the start.
    pub started: Timestamp,
    /// Since the run's start.
    pub started_at: Duration,
    /// How long it took.
    pub took: Duration,
    /// Whom the story is about.
    pub customer: CustomerRef,
    /// Provider truth at the end: `customer`, `subscription`, `invoice`, `checkout`, as Stripe answers now.
    pub truth: Map<String, Value>,
    /// Names of the steps.
    pub steps: Vec<String>,
    /// What happened at Stripe.
    pub acts: Vec<ActRecord>,
    /// Requests in the app.
    pub requests: Vec<RequestRecord>,
    /// What was delivered, each with its attempts.
    pub deliveries: Vec<(DeliveryRef, Vec<AttemptRecord>)>,
    /// What the app asked Stripe.
    pub calls: Vec<CallRecord>,
    /// Every reading, runs of equal ones as one.
    pub observations: Vec<ObservationRecord>,
    /// Expectations that were judged, in the order of the file.
    pub judged: Vec<Judged>,
    /// Provider truth and the app's record side by side; `None` where it was not compared.
    pub reconciliation: Option<Reconciliation>,
    /// Output of the app while the case ran, without what is about other cases; only kept where it did not pass.
    pub log: Vec<String>,
    /// Why it was skipped or could not be judged, where no expectation says it.
    pub reason: Option<Reason>,
}

/// Why a case was skipped or could not be judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Reason {
    /// A sentence.
    pub message: String,
    /// The line that asked for it.
    pub place: Option<Place>,
}

/// A customer of a case.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct CustomerRef {
    /// `cus_…`
    pub id: String,
    /// Minted for the case.
    pub email: String,
}

/// Something that happened at Stripe.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct ActRecord {
    /// Since the run's start.
    pub at: Duration,
    /// The step; `None`: the arrangement.
    pub step: Option<usize>,
    /// `checkout`; empty for what the app itself did there.
    pub action: String,
    /// The burst, sent or not.
    pub events: Vec<EventRef>,
}

/// A run of equal readings.
#[derive(Debug, Clone, PartialEq)]
pub struct ObservationRecord {
    /// The step; `None`: after the story.
    pub step: Option<usize>,
    /// Whose state.
    pub customer: String,
    /// The probe.
    pub probe: String,
    /// The first of them.
    pub reading: Reading,
    /// When the last of them was taken.
    pub last: Duration,
    /// How many.
    pub count: u32,
}

/// One expectation, judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// What kind of expectation.
    pub kind: JudgedKind,
    /// The step, from 0; `None`: the case as a whole.
    pub step: Option<usize>,
    /// The probe; empty where none is read.
    pub probe: String,
    /// Its field; empty where the whole reading is meant.
    pub field: String,
    /// The line that demanded it.
    pub place: Place,
    /// What was judged; never `Skipped`.
    pub verdict: Verdict,
    /// What was demanded, as a value or in words: `"team"`, `at least 3`.
    pub expected: String,
    /// What was there at the end, likewise; why it could not be read, where it is errored.
    pub observed: String,
    /// The caret's text: `still "free" 10 s after the last delivery (211 readings)`.
    pub headline: String,
    /// When the time to come true was over, since the run's start; `None`: nothing was waited for.
    pub due: Option<Duration>,
}

/// What kind of expectation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum JudgedKind {
    /// `then.PROBE.FIELD`.
    Then,
    /// `either`: none of the alternatives.
    Either,
    /// `unchanged`.
    Unchanged,
    /// `then.delivery`.
    Delivery,
    /// An event that was never accepted.
    DeliveryRefused,
    /// Local state against provider truth.
    Reconcile,
    /// A customer whom no step is about.
    Bystander,
    /// A parameter of a call to Stripe, where `check_parameters` asks for it.
    Parameter,
}
