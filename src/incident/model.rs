//! What an incident says. Its exported forms are in [`super::render`].

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::guidance::Guidance;
use super::kind::IncidentKind;
use super::severity::Severity;
use crate::run_event::{
    ActRecord, AttemptRecord, CallRecord, CustomerRef, DeliveryRef, EventRef, JudgedKind, ObservationRecord,
    Reconciliation, RequestRecord, Verdict,
};

/// Customer-visible damage, or an outcome that could not be told, with everything its owner needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Incident {
    /// The same for the same broken promise, whatever the ids of the try: [`super::fingerprint`].
    pub fingerprint: String,
    /// What the customer suffers.
    pub kind: IncidentKind,
    /// How fast a person should look.
    pub severity: Severity,
    /// `Failed` or `Errored`.
    pub verdict: Verdict,
    /// The project's name.
    pub project: String,
    /// The environment's.
    pub environment: String,
    /// What is deployed; `None`: not known.
    pub deploy_sha: Option<String>,
    /// The scenario's name: its path below the scenario folder.
    pub scenario: String,
    /// The case's, label and number included.
    pub case: String,
    /// What the customer was promised.
    pub promise: String,
    /// Who gets this.
    pub owner: Option<String>,
    /// A URL or a few words on what to do.
    pub runbook: Option<String>,
    /// The id of the event that opened the run.
    pub run_id: Option<String>,
    /// Which try this was, from 1.
    pub attempt: u32,
    /// The run id of the try before.
    pub retry_of: Option<String>,
    /// Wall time of the case's start.
    pub started: Timestamp,
    /// How long the case took.
    pub took: Duration,
    /// The event on which the promise hung: the refused one, else what the broken step delivered.
    pub event: Option<EventRef>,
    /// Whom the story is about.
    pub customer: CustomerRef,
    /// The subscription on both sides.
    pub subscription: SubscriptionState,
    /// Its price: lookup key or id at Stripe, the app's word for it.
    pub plan: Sides,
    /// The latest invoice at Stripe.
    pub invoice: Option<InvoiceState>,
    /// What the customer was to be able to see, and what there was.
    pub access: Vec<Access>,
    /// What was not as promised, or could not be told, in the order of the file.
    pub findings: Vec<Finding>,
    /// Why the case could not be judged, where no expectation says it.
    pub reason: Option<Finding>,
    /// Moment zero of every time that is told.
    pub zero: Zero,
    /// What happened at Stripe.
    pub acts: Vec<ActRecord>,
    /// What was done in the app.
    pub requests: Vec<RequestRecord>,
    /// What was delivered, each with its answers.
    pub deliveries: Vec<(DeliveryRef, Vec<AttemptRecord>)>,
    /// What was read, runs of equal readings as one.
    pub observations: Vec<ObservationRecord>,
    /// What the app asked Stripe.
    pub calls: Vec<CallRecord>,
    /// Provider truth and the app's record side by side; `None`: not compared.
    pub reconciliation: Option<Reconciliation>,
    /// The last output of the app while the case ran.
    pub log: Vec<String>,
    /// What to do, and why.
    pub guidance: Guidance,
    /// Where more is retained.
    pub evidence: Option<String>,
    /// The command that runs this one case again with the same ids.
    pub rerun: String,
}

impl Incident {
    /// A file name without extension: the case's name as far as every file system takes it, and the fingerprint,
    /// which keeps apart what then looks the same.
    #[must_use]
    pub fn file_stem(&self) -> String {
        let safe = |c: char| if c.is_ascii_alphanumeric() || "-_=".contains(c) { c } else { '_' };
        let name: String = self.case.chars().take(80).map(safe).collect();
        let again = if self.attempt > 1 { format!("-try{}", self.attempt) } else { String::new() };
        format!("{name}-{}{again}", self.fingerprint)
    }
}

/// A subscription on both sides.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SubscriptionState {
    /// `sub_…`; `None`: the customer has none.
    pub id: Option<String>,
    /// Its status at Stripe.
    pub provider: Option<Value>,
    /// Its status in the app; `None` where no probe reads it.
    pub local: Option<Value>,
}

/// One fact at Stripe and in the app.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sides {
    /// At Stripe.
    pub provider: Option<Value>,
    /// In the app; `None` where no probe reads it.
    pub local: Option<Value>,
}

/// An invoice at Stripe.
#[derive(Debug, Clone, PartialEq)]
pub struct InvoiceState {
    /// `in_…`
    pub id: String,
    /// `paid`, `open`; `None` where Stripe does not say.
    pub status: Option<String>,
    /// In the currency's smallest unit.
    pub total: Option<i64>,
    /// Three letters, lower-case.
    pub currency: Option<String>,
}

/// One thing that the customer was to be able to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// `access.plan`
    pub name: String,
    /// As a value or in words.
    pub expected: String,
    /// Likewise.
    pub observed: String,
    /// Whether that was as promised.
    pub verdict: Verdict,
}

/// One expectation that did not come true, or could not be told, and the line that demanded it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What kind of expectation; `None`: the case as a whole could not be judged.
    pub kind: Option<JudgedKind>,
    /// `access.plan`; empty where no probe is read.
    pub name: String,
    /// The step, from 0.
    pub step: Option<usize>,
    /// Its name.
    pub step_name: Option<String>,
    /// `Failed` or `Errored`.
    pub verdict: Verdict,
    /// What was demanded.
    pub expected: String,
    /// What there was, or why it could not be read.
    pub observed: String,
    /// The caret's text.
    pub headline: String,
    /// When the time to come true was over, since the run's start; `None`: nothing was waited for.
    pub due: Option<Duration>,
    /// The line that demanded it; `None`: no line did.
    pub line: Option<SourceLine>,
}

/// A line of a scenario, and what of it is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceLine {
    /// The path as the user would type it.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// How many characters are meant; at least 1.
    pub length: usize,
    /// The whole line.
    pub text: String,
}

/// From when times are counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zero {
    /// Since the run's start.
    pub at: Duration,
    /// In words that follow "times count from".
    pub since: String,
}
