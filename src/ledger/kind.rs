//! The kinds of entries, and what each says. A reader takes what it knows and has a default for the rest.
//!
//! | kind | says |
//! |---|---|
//! | `opened` | an attempt of the run began: [`Opened`] |
//! | `step` | a step began |
//! | `intended` | an act on the outside is about to happen: written before it does ([`Intended`]) |
//! | `acted` `requested` `attempted` `killed` | what came of one: events at Stripe, an answer, an attempt, a process that is up again |
//! | `called` `observed` | what the app asked Stripe, what a probe read |
//! | `closed` | the attempt ended and was judged: [`Closed`] |
//! | `interrupted` | nobody will close it any more: [`Interrupted`] |
//! | `acknowledged` `noted` `resolved` `contacted` | what a person did about an incident: [`ActOfPerson`] |
//! | `checkpoint` | entries before it may have been pruned: [`Checkpoint`] |

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::fold::Summary;

/// An attempt of the run began.
pub const OPENED: &str = "opened";
/// A step began.
pub const STEP: &str = "step";
/// An act on the outside is about to happen.
pub const INTENDED: &str = "intended";
/// Something happened at Stripe.
pub const ACTED: &str = "acted";
/// A request in the app ended.
pub const REQUESTED: &str = "requested";
/// An attempt of a delivery ended.
pub const ATTEMPTED: &str = "attempted";
/// A process of the app was killed, and is up again.
pub const KILLED: &str = "killed";
/// The app asked Stripe.
pub const CALLED: &str = "called";
/// A probe was read.
pub const OBSERVED: &str = "observed";
/// The attempt ended.
pub const CLOSED: &str = "closed";
/// Nobody will end it any more.
pub const INTERRUPTED: &str = "interrupted";
/// A person took an incident up.
pub const ACKNOWLEDGED: &str = "acknowledged";
/// A person said something of an incident.
pub const NOTED: &str = "noted";
/// A person ended an incident.
pub const RESOLVED: &str = "resolved";
/// A person wrote to the customer.
pub const CONTACTED: &str = "contacted";
/// Entries before it may have been pruned.
pub const CHECKPOINT: &str = "checkpoint";

/// An attempt of a run began.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Opened {
    /// The scenario's name.
    pub scenario: String,
    /// Its file, as a user would type it.
    pub file: String,
    /// The case's name, label and number included.
    pub case: String,
    /// What the customer was promised.
    pub promise: String,
    /// Who gets an incident of it.
    pub owner: Option<String>,
    /// What to do then.
    pub runbook: Option<String>,
    /// Words to select by.
    pub tags: Vec<String>,
    /// With it the same ids are minted again. A text: JSON readers round large numbers.
    pub seed: String,
    /// Which try of the case within its invocation, from 1.
    pub number: u32,
    /// The run id of the try before.
    pub retry_of: Option<String>,
    /// Arguments of the invocation that shape the case: `--variable`, `k=v`.
    pub arguments: Vec<String>,
    /// What is deployed.
    pub deploy_sha: Option<String>,
    /// Where the app is reached.
    pub target: Option<String>,
    /// Who executes it.
    pub by: Executor,
    /// Why a person ran it again though that was not known to be safe.
    pub because: Option<String>,
}

/// A process that executes runs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Executor {
    /// Paydrill's version.
    pub version: String,
    /// The machine's name.
    pub machine: String,
    /// Tells this start of the machine from others, where that is known: a process id means nothing after the next.
    pub boot: Option<String>,
    /// Its process id.
    pub pid: u32,
    /// When the process started, in the units of the machine: a process id is used again.
    pub started: Option<u64>,
}

/// An act on the outside is about to happen.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Intended {
    /// `stripe`, `request`, `delivery`, `restart`, `kill` or `clock`.
    pub act: String,
    /// Of what: the action's, the request's or the process's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `POST http://127.0.0.1:4242/signup`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
    /// The delivery's number within the case, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery: Option<usize>,
    /// Which attempt of it, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<u32>,
    /// The event that is delivered, by its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// The event's type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_type: Option<String>,
    /// The event as it is sent, without what belongs to a person; with the first attempt of a delivery only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<Value>,
}

/// An attempt ended and was judged.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Closed {
    /// `passed`, `failed` or `errored`.
    pub verdict: String,
    /// It passed, but not at its first try.
    pub flaky: bool,
    /// How long it took.
    pub took_ms: f64,
    /// The customer at Stripe.
    pub customer: String,
    /// Why it could not be judged, where no expectation says it.
    pub reason: Option<String>,
    /// Expectations that were judged.
    pub judged: Vec<Value>,
    /// Provider truth at the end.
    pub truth: Map<String, Value>,
    /// Both sides.
    pub reconciliation: Option<Value>,
    /// The app's output while it went on.
    pub log: Vec<String>,
    /// Event types that were accepted twice: whether that did harm.
    pub proofs: Vec<Proof>,
    /// The incident, as [`crate::incident::render::json`] spells it; none where it passed.
    pub incident: Option<Value>,
    /// What was left out for its size.
    pub cut: Vec<String>,
}

/// What an attempt shows about sending an event of a type again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// The type.
    pub event_type: String,
    /// Whether it does no harm.
    pub harmless: bool,
}

/// An attempt that nobody will close any more.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Interrupted {
    /// How that is known.
    pub why: String,
}

/// What a person did about an incident.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ActOfPerson {
    /// The incident.
    pub fingerprint: String,
    /// Who.
    pub who: String,
    /// Why, or what is to be remembered.
    pub why: String,
}

/// Entries before this one may have been pruned.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Checkpoint {
    /// The hash of the entry before.
    pub after: String,
    /// How many entries there were before it, pruned ones included.
    pub entries: u64,
    /// What they came to.
    pub summary: Option<Summary>,
}
