//! A valid scenario: what validation leaves, one value per case of the matrix.
//!
//! Strings may still hold templates (`{{ customer.id }}`), which the engine renders when their time comes;
//! `{{ matrix.x }}` is already filled in, so everything with a closed set of words is an enum here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Map, Value};

use crate::project::model::{Outlet, Select};
use crate::span::{Place, Spanned};
use crate::stripe::action::ActionKind;
use crate::stripe::refusal::Refusal;
use crate::stripe::version::Version;

/// One file: its head, and the story once per combination of its matrix.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// What every case of the file shares.
    pub head: Arc<Head>,
    /// How often each case runs at once, each with its own customer.
    pub repeat: u32,
    /// The story, once per combination of the matrix; one, with an empty label, where there is no matrix.
    pub cases: Vec<Story>,
    /// Whether and how it may run in production. Parsed and checked; not executed yet.
    pub drill: Drill,
}

/// What every case of a scenario shares, and every report names.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    /// The path below the scenario folder, without `.toml`: `orders/late-update`.
    pub name: String,
    /// Where the promise stands; its source is the file.
    pub place: Place,
    /// What the customer was promised, in one sentence.
    pub promise: String,
    /// Who gets the incident.
    pub owner: Option<String>,
    /// A URL or a few words on what to do.
    pub runbook: Option<String>,
    /// Where the failure that it guards against was reported.
    pub source: Option<String>,
    /// Words to select by.
    pub tags: Vec<String>,
}

/// The story of one case.
#[derive(Debug, Clone)]
pub struct Story {
    /// `order=reversed`; several joined by commas; empty without a matrix.
    pub label: String,
    /// The values of this combination, for `{{ matrix.x }}` in what is rendered later.
    pub matrix: Map<String, Value>,
    /// The scenario's own `[variables]`.
    pub variables: Map<String, Value>,
    /// What an expectation may take, where the scenario says so.
    pub within: Option<Duration>,
    /// How long what must not change is watched, where the scenario says so.
    pub hold: Option<Duration>,
    /// `matrix.shape`: the shape in which events are sent that do not say their own; `None`: the endpoint's.
    pub shape: Option<SentAs>,
    /// The state before the story.
    pub given: Given,
    /// The steps, in order; at least one.
    pub steps: Vec<Step>,
}

/// Which drills a scenario allows.
#[derive(Debug, Clone, Default)]
pub struct Drill {
    /// `[drill.prove]`.
    pub prove: Option<Place>,
    /// `[drill.alarm]`.
    pub alarm: Option<Place>,
}

/// Provider truth, and what the app was told of it, before the story.
#[derive(Debug, Clone)]
pub struct Given {
    /// How far before now Stripe's clock starts; negative or zero.
    pub at: SignedDuration,
    /// How many instances of a process run, where the scenario says so.
    pub instances: BTreeMap<String, u32>,
    /// Where that stands.
    pub instances_place: Option<Place>,
    /// At least one: the first is whom the story is about.
    pub customers: Vec<GivenCustomer>,
}

/// A customer of the case.
#[derive(Debug, Clone)]
pub struct GivenCustomer {
    /// What steps call it: `customer = "bystander"`. The first is also found without a name.
    pub name: Option<String>,
    /// Where it stands, or the promise where the scenario leaves it out.
    pub place: Place,
    /// What happens in the app before the story; `None`: the project's `[given] request`.
    pub requests: Option<Vec<Spanned<String>>>,
    /// What it has bought already.
    pub subscriptions: Vec<GivenSubscription>,
}

/// A subscription that exists before the story.
#[derive(Debug, Clone)]
pub struct GivenSubscription {
    /// The keys of `stripe.subscribe`, `name` and `set` included.
    pub keys: Map<String, Value>,
    /// Whether its events were delivered to the app.
    pub told: Told,
    /// Where it stands.
    pub place: Place,
}

/// Whether the app was told of a subscription that exists at Stripe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// Its events were delivered.
    Yes,
    /// They were not.
    No,
}

/// One step of the story.
#[derive(Debug, Clone)]
pub struct Step {
    /// What the user calls it; `step 2` where it has no name.
    pub name: String,
    /// Where it stands.
    pub place: Place,
    /// Index into [`Given::customers`].
    pub customer: usize,
    /// `target = "restart"`: the app is restarted on the same data before anything else happens.
    pub restart: Option<Place>,
    /// What fails during this step.
    pub faults: Vec<Fault>,
    /// What happens at Stripe.
    pub stripe: Option<StripeStep>,
    /// What happens in the app: names of requests.
    pub requests: Vec<Spanned<String>>,
    /// What is delivered.
    pub send: Send,
    /// Whether requests and deliveries start one after another.
    pub pace: Pace,
    /// `then`: all of these must come true.
    pub then: Vec<Expected>,
    /// `either`: one of these alternatives must come true whole.
    pub either: Vec<Vec<Expected>>,
    /// Where `either` stands.
    pub either_place: Option<Place>,
    /// Probes that must read as they did before the step.
    pub unchanged: Vec<Spanned<String>>,
    /// What an expectation may take.
    pub within: Option<Duration>,
    /// How long what must not change is watched. Said in a step, it binds all of its expectations.
    pub hold: Option<Duration>,
    /// Whether local state is compared with provider truth here; `None`: in the last step.
    pub reconcile: Option<bool>,
}

impl Step {
    /// Everything that must come true: of `then`, and of each alternative of `either`.
    pub fn expected(&self) -> impl Iterator<Item = &Expected> {
        self.then.iter().chain(self.either.iter().flatten())
    }

    /// The probes that the step looks at, one as often as it is named.
    pub fn probes(&self) -> impl Iterator<Item = &String> {
        let unchanged = self.unchanged.iter().map(|probe| &probe.value);
        self.expected().map(|expected| &expected.probe).chain(unchanged)
    }

    /// The lines of its `send`; none where its burst goes out.
    #[must_use]
    pub fn entries(&self) -> &[SendEntry] {
        match &self.send {
            Send::List { entries, .. } => entries,
            Send::Burst { .. } => &[],
        }
    }

    /// Whether the step itself sends anything.
    #[must_use]
    pub fn sends(&self) -> bool {
        match &self.send {
            Send::Burst { .. } => self.stripe.is_some() || !self.requests.is_empty(),
            Send::List { entries, .. } => !entries.is_empty(),
        }
    }
}

/// What fails during a step.
#[derive(Debug, Clone)]
pub struct Fault {
    /// What.
    pub kind: FaultKind,
    /// Where it stands.
    pub place: Place,
}

/// What fails.
#[derive(Debug, Clone, PartialEq)]
pub enum FaultKind {
    /// Calls to Stripe.
    Api(ApiFault),
    /// Mail, or calls to a third party, which are refused.
    Outside(OutsideFault),
    /// A process of the app: it is killed, and starts again at once on the same data.
    Kill(Kill),
}

impl Fault {
    /// The process that is killed, if one is.
    #[must_use]
    pub fn kill(&self) -> Option<&Kill> {
        match &self.kind {
            FaultKind::Kill(kill) => Some(kill),
            FaultKind::Api(_) | FaultKind::Outside(_) => None,
        }
    }
}

/// A process of the app that is killed, once, at a point of the step's first delivery that gets so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kill {
    /// Its name.
    pub process: String,
    /// At which point.
    pub on: KillMoment,
    /// How long after it.
    pub after: Duration,
}

/// A point of a delivery at which a process is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KillMoment {
    /// It is sent.
    Sent,
    /// The app makes its first call to Stripe about the case since then; the call is kept waiting.
    Called,
    /// It is answered, whatever the answer.
    Answered,
}

/// Mail or calls that are refused.
#[derive(Debug, Clone, PartialEq)]
pub struct OutsideFault {
    /// Where they go.
    pub outlet: Outlet,
    /// Which of them; `None`: mail to the case's own customers, and every call.
    pub select: Option<Select>,
    /// What they are answered.
    pub status: u16,
    /// To how many of them; `None`: all, until the step ends.
    pub times: Option<u32>,
}

impl OutsideFault {
    /// Whether only this case's own are refused, also where others run on the same app.
    #[must_use]
    pub fn tells_cases_apart(&self) -> bool {
        match &self.select {
            Some(select) => select.tells_cases_apart(),
            None => self.outlet == Outlet::Mail,
        }
    }
}

/// Calls to Stripe that fail, among those about the case's own objects.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiFault {
    /// `GET /v1/subscriptions/*`.
    pub call: String,
    /// What happens to them.
    pub effect: FaultEffect,
    /// To how many of them; `None`: all, until the step ends.
    pub times: Option<u32>,
}

/// How a call to Stripe fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultEffect {
    /// It is answered with this status, Stripe's error body, and what Stripe advises about trying again.
    Refusal(Refusal),
    /// It is answered rightly, but only after this long.
    Latency(Duration),
    /// The connection is closed without an answer.
    Reset,
}

/// One thing that happens at Stripe.
#[derive(Debug, Clone)]
pub struct StripeStep {
    /// Which.
    pub kind: ActionKind,
    /// Its keys, templates unrendered.
    pub keys: Map<String, Value>,
    /// Where it stands.
    pub place: Place,
}

/// What a step delivers.
#[derive(Debug, Clone)]
pub enum Send {
    /// The step's burst, without the types that match `drop`.
    Burst {
        /// In which order.
        order: Order,
        /// Type patterns, `charge.dispute.*`.
        drop: Vec<String>,
    },
    /// Exactly these; none: everything is held back.
    List {
        /// What goes out.
        entries: Vec<SendEntry>,
        /// In which order.
        order: Order,
    },
}

/// In which order deliveries go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// As Stripe made them, or as the list says.
    #[default]
    Natural,
    /// The other way round.
    Reversed,
    /// Shuffled by the seed.
    Shuffled,
}

/// Whether requests and deliveries of a step start one after another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Each starts when the one before has been answered.
    OneByOne,
    /// All start at one moment, each of `times` too.
    Together,
}

/// One line of `send`.
#[derive(Debug, Clone)]
pub struct SendEntry {
    /// Which event.
    pub pick: Pick,
    /// What is changed in it and in the way it travels.
    pub change: Change,
    /// How often it is sent, as separate deliveries of the same event.
    pub times: u32,
    /// Where it stands.
    pub place: Place,
}

/// Which event a line of `send` means.
#[derive(Debug, Clone, PartialEq)]
pub enum Pick {
    /// An event that a step, or the arrangement, made.
    Made {
        /// Its type; `*`: everything that no other line of this `send` names.
        event: String,
        /// Which step made it.
        from: From,
        /// Which one, from 1, where several were made; `None`: the first.
        nth: Option<u32>,
    },
    /// An event that nothing made, built from the customer's objects as they are now.
    Template(String),
    /// A captured event, already read from its file.
    File {
        /// The path as written.
        path: String,
        /// The event.
        event: Value,
    },
}

/// Which step made an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// The step that sends it.
    This,
    /// An earlier step, by index.
    Step(usize),
    /// The arrangement before the story.
    Given,
}

/// What differs from how Stripe would send an event.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// Paths below `data.object` and the values to put there, templates unrendered.
    pub set: Vec<(String, Value)>,
    /// Paths set to null.
    pub null: Vec<String>,
    /// Paths removed.
    pub remove: Vec<String>,
    /// `created` is shifted by this much.
    pub created: Option<SignedDuration>,
    /// `livemode` is this.
    pub livemode: Option<bool>,
    /// `account` is this.
    pub account: Option<String>,
    /// The shape that it is sent in; `None`: the matrix's, else the endpoint's.
    pub shape: Option<SentAs>,
    /// How the body is spelled.
    pub body: BodyStyle,
    /// How it is signed.
    pub signature: SignatureMode,
    /// The endpoint; `None`: `main`, else the only one.
    pub endpoint: Option<String>,
    /// The instance of a process; `None`: those of the first process take turns.
    pub process: Option<String>,
    /// Waited before it is sent.
    pub delay: Option<Duration>,
    /// After how long an answer is no longer waited for; `None`: the endpoint's limit, 10 s unless said.
    pub timeout: Option<Duration>,
    /// `false`: one attempt only, whatever the answer.
    pub retry: Option<bool>,
}

/// In which shape an event is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SentAs {
    /// With the object, as this version shows it.
    Version(Version),
    /// Without it: only its name, which the app fetches.
    Thin,
}

impl std::fmt::Display for SentAs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Version(version) => write!(f, "in the shape of {version}"),
            Self::Thin => f.write_str("as a thin event"),
        }
    }
}

/// How the body of a delivery is spelled. The JSON is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BodyStyle {
    /// As Stripe does it: two spaces of indentation.
    #[default]
    Stripe,
    /// Without whitespace.
    Compact,
    /// Non-ASCII characters, and slashes, escaped.
    Escaped,
}

/// How a delivery is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SignatureMode {
    /// With the endpoint's secret, now.
    #[default]
    Right,
    /// Without the header.
    Missing,
    /// With an empty key.
    EmptySecret,
    /// With another endpoint's secret.
    OtherSecret,
    /// With a new secret and the endpoint's: two `v1`, one of them good.
    Rolled,
    /// The body was changed after signing.
    Tampered,
    /// Rightly, but an hour ago.
    Stale,
}

impl SignatureMode {
    /// Whether a right handler accepts it. A delivery that it refuses is attempted once only.
    #[must_use]
    pub fn is_acceptable(self) -> bool {
        matches!(self, Self::Right | Self::Rolled)
    }
}

/// What one probe must read.
#[derive(Debug, Clone)]
pub struct Expected {
    /// The probe's name, or `delivery`.
    pub probe: String,
    /// Its fields, each with what is expected, templates unrendered. A table is matchers, anything else a literal.
    pub fields: BTreeMap<String, Spanned<Value>>,
    /// Where it stands.
    pub place: Place,
}
