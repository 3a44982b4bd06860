//! What a message is about.

use jiff::Timestamp;
use serde::Serialize;

use crate::incident::{Incident, IncidentKind, Severity};
use crate::run_event::EventRef;

/// What became of an incident.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// It was not there before.
    Opened,
    /// It was seen again.
    Updated,
    /// Somebody looks at it.
    Acknowledged,
    /// A later proof passed, or a person says so.
    Resolved,
}

impl Change {
    /// One word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Updated => "updated",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
        }
    }
}

/// Why a message is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Something happened.
    Real,
    /// To see whether it arrives; nobody needs to do anything.
    Test,
}

/// One change of one incident.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    /// What became of it.
    pub change: Change,
    /// When.
    pub at: Timestamp,
    /// Why it is told.
    pub purpose: Purpose,
    /// What it is about.
    pub subject: Subject,
    /// Who says so, and why; `None`: it follows from what was observed.
    pub note: Option<String>,
    /// How many more incidents of this run are not told of one by one: a run that fails as a whole is one thing to look
    /// at, not hundreds of messages.
    pub more: usize,
}

/// An incident as messages tell it. The customer's e-mail is left out: chat and pagers keep what they are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The same for the same broken promise; what a receiver joins messages by.
    pub fingerprint: String,
    /// What the customer suffers.
    pub kind: IncidentKind,
    /// How fast a person should look.
    pub severity: Severity,
    /// The project's name.
    pub project: String,
    /// The environment's.
    pub environment: String,
    /// The case's.
    pub case: String,
    /// What the customer was promised.
    pub promise: String,
    /// Who gets this.
    pub owner: Option<String>,
    /// A URL or a few words.
    pub runbook: Option<String>,
    /// `cus_…`
    pub customer: String,
    /// The event on which the promise hung.
    pub event: Option<EventRef>,
    /// What is deployed.
    pub deploy_sha: Option<String>,
    /// What is wrong, in one line.
    pub headline: String,
    /// What was not as promised.
    pub sides: Vec<Side>,
    /// The way out, in words.
    pub route: String,
    /// Who will try again: a sentence.
    pub who_retries: String,
    /// What to do, in order, with what to type.
    pub actions: Vec<(String, Option<String>)>,
    /// Where more is retained.
    pub evidence: Option<String>,
}

/// One fact: as promised, and as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side {
    /// `access.plan`
    pub name: String,
    /// As a value or in words.
    pub expected: String,
    /// Likewise.
    pub observed: String,
}

impl Notice {
    /// An incident that was not there before.
    #[must_use]
    pub fn opened(incident: &Incident, at: Timestamp) -> Self {
        let subject = Subject::of(incident);
        Self { change: Change::Opened, at, purpose: Purpose::Real, subject, note: None, more: 0 }
    }

    /// A message that is only to arrive.
    #[must_use]
    pub fn test(change: Change, project: &str, environment: &str, at: Timestamp) -> Self {
        let note = Some("Sent by `paydrill notify test`. Nobody needs to do anything.".to_owned());
        let subject = Subject::test(project, environment);
        Self { change, at, purpose: Purpose::Test, subject, note, more: 0 }
    }

    /// The first line: `Paid without access: upgrade-holds`.
    #[must_use]
    pub fn title(&self) -> String {
        let Subject { kind, case, .. } = &self.subject;
        let kind = crate::incident::text::sentence(&kind.to_string());
        match (self.purpose, self.change) {
            (Purpose::Test, Change::Resolved) => "Resolved: test of Paydrill's messages".to_owned(),
            (Purpose::Test, _) => "Test of Paydrill's messages".to_owned(),
            (Purpose::Real, Change::Opened) => format!("{kind}: {case}"),
            (Purpose::Real, Change::Updated) => format!("Again: {}: {case}", self.subject.kind),
            (Purpose::Real, Change::Acknowledged) => format!("Acknowledged: {}: {case}", self.subject.kind),
            (Purpose::Real, Change::Resolved) => format!("Resolved: {}: {case}", self.subject.kind),
        }
    }

    /// The sentence below it.
    #[must_use]
    pub fn lead(&self) -> &'static str {
        match (self.purpose, self.change) {
            (Purpose::Test, _) => "If you can read this, incidents of this project reach you.",
            (Purpose::Real, Change::Resolved) => "It is as promised again.",
            (Purpose::Real, _) => self.subject.kind.sentence(),
        }
    }

    /// Whether there is something to do.
    #[must_use]
    pub fn asks(&self) -> bool {
        self.purpose == Purpose::Real && self.change != Change::Resolved
    }

    /// What is said of the incidents that have no message of their own.
    #[must_use]
    pub fn and_more(&self) -> Option<String> {
        match self.more {
            0 => None,
            1 => Some("1 more incident of this run is in its report.".to_owned()),
            more => Some(format!("{more} more incidents of this run are in its report.")),
        }
    }
}

impl Subject {
    /// What messages tell of an incident.
    #[must_use]
    pub fn of(incident: &Incident) -> Self {
        let first = incident.reason.as_ref().or(incident.findings.first());
        let headline = first.map_or_else(
            || incident.kind.to_string(),
            |finding| match finding.name.as_str() {
                "" => finding.headline.clone(),
                name => format!("{name}: {}", finding.headline),
            },
        );
        let side = |finding: &crate::incident::model::Finding| Side {
            name: finding.name.clone(),
            expected: finding.expected.clone(),
            observed: finding.observed.clone(),
        };
        let guidance = &incident.guidance;
        Self {
            fingerprint: incident.fingerprint.clone(),
            kind: incident.kind,
            severity: incident.severity,
            project: incident.project.clone(),
            environment: incident.environment.clone(),
            case: incident.case.clone(),
            promise: incident.promise.clone(),
            owner: incident.owner.clone(),
            runbook: incident.runbook.clone(),
            customer: incident.customer.id.clone(),
            event: incident.event.clone(),
            deploy_sha: incident.deploy_sha.clone(),
            headline,
            sides: incident.findings.iter().map(side).collect(),
            route: guidance.route.words().to_owned(),
            who_retries: guidance.who_retries.sentence(),
            actions: guidance
                .actions
                .iter()
                .map(|action| (action.what.replace(&incident.customer.email, "…"), action.command.clone()))
                .collect(),
            evidence: incident.evidence.clone(),
        }
    }

    fn test(project: &str, environment: &str) -> Self {
        Self {
            fingerprint: format!("paydrill-test-{project}-{environment}").chars().take(200).collect(),
            kind: IncidentKind::CouldNotJudge,
            severity: Severity::Low,
            project: project.to_owned(),
            environment: environment.to_owned(),
            case: "test".to_owned(),
            promise: "A message of Paydrill arrives.".to_owned(),
            owner: None,
            runbook: None,
            customer: "nobody".to_owned(),
            event: None,
            deploy_sha: None,
            headline: "This is a test.".to_owned(),
            sides: Vec::new(),
            route: "nothing".to_owned(),
            who_retries: "Nobody.".to_owned(),
            actions: Vec::new(),
            evidence: None,
        }
    }
}
