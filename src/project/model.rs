//! A valid project file. Strings may hold templates, which are rendered when their time comes.

mod container;
mod notify;
mod outside;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value};

pub use self::container::{Compose, Container, FileIn, ImageSource, Part};
pub use self::notify::{Notify, NotifyChange, NotifyKind, NotifySeverity};
pub use self::outside::{Mail, Outlet, OutsideProbe, Select, Sink, SinkAnswer};

use crate::span::{Place, Spanned};
use crate::stripe::action::{ActionKind, Leaves};
use crate::stripe::version::Version;

/// The project.
#[derive(Debug, Clone)]
pub struct Project {
    /// The folder of `paydrill.toml`: relative paths and commands start here.
    pub root: PathBuf,
    /// `project.name`.
    pub name: String,
    /// The environment of `run` where none is named.
    pub default_environment: Option<String>,
    /// What an expectation may take.
    pub within: Duration,
    /// How long what must not change is watched.
    pub hold: Duration,
    /// `[variables]`.
    pub variables: Map<String, Value>,
    /// `[catalog.product.KEY]`.
    pub products: BTreeMap<String, Product>,
    /// `[catalog.price.KEY]`.
    pub prices: BTreeMap<String, Price>,
    /// `[request.NAME]`.
    pub requests: BTreeMap<String, Request>,
    /// `[given] request`: for every customer, before the story.
    pub given: Vec<Spanned<String>>,
    /// `[stripe.ACTION] set`: what the app itself passes to Stripe.
    pub passes: BTreeMap<ActionKind, Map<String, Value>>,
    /// `[probe.NAME]`.
    pub probes: BTreeMap<String, Probe>,
    /// `[reconcile]`.
    pub reconcile: Vec<Reconcile>,
    /// `[ledger] url`, a template: where runs are retained.
    pub ledger: Option<String>,
    /// `[mail]`.
    pub mail: Option<Mail>,
    /// `[sink.NAME]`.
    pub sinks: BTreeMap<String, Sink>,
    /// `[notify.NAME]`.
    pub notifiers: BTreeMap<String, Notify>,
    /// `[environment.NAME]`.
    pub environments: BTreeMap<String, Environment>,
    /// `[schedule.NAME]`. Parsed and checked; not executed yet.
    pub schedules: Vec<Schedule>,
}

/// A drill that runs by itself.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// Its name.
    pub name: String,
    /// The scenario's name.
    pub scenario: Spanned<String>,
    /// The environment's name.
    pub environment: Spanned<String>,
}

/// Something in a project file that this version does not execute: refused when it is needed.
#[derive(Debug, Clone, PartialEq)]
pub struct NotYet {
    /// `environment.production.provider.live`
    pub what: String,
    /// Where it stands.
    pub place: Place,
}

/// A product that is for sale.
#[derive(Debug, Clone)]
pub struct Product {
    /// Its id, for an app that has it built in.
    pub id: Option<String>,
    /// What people call it.
    pub name: String,
    /// Lookup keys of Stripe features.
    pub features: Vec<String>,
    /// Metadata.
    pub metadata: Map<String, Value>,
}

/// A price; its key is the lookup key.
#[derive(Debug, Clone)]
pub struct Price {
    /// Its id, for an app that has it built in; else minted.
    pub id: Option<String>,
    /// Key of the product.
    pub product: String,
    /// In the currency's smallest unit.
    pub unit_amount: i64,
    /// Three letters, lower-case.
    pub currency: String,
    /// `day`, `week`, `month` or `year`; `None`: one-off.
    pub every: Option<String>,
    /// Billed by usage.
    pub metered: bool,
    /// Metadata.
    pub metadata: Map<String, Value>,
}

/// Something that a person or a job does in the app.
#[derive(Debug, Clone)]
pub struct Request {
    /// How.
    pub call: Call,
    /// Where it stands.
    pub place: Place,
}

/// What a request does and a probe reads.
#[derive(Debug, Clone)]
pub enum Call {
    /// An HTTP call to the app.
    Http(HttpCall),
    /// A statement in the app's database.
    Sql(SqlCall),
    /// A program beside the app.
    Command(CommandCall),
    /// A page of the app, in a browser. Only a probe looks at one.
    Page(PageCall),
}

/// A page that a browser is sent to.
#[derive(Debug, Clone, Default)]
pub struct PageCall {
    /// Below the target's URL, or a whole URL on its host.
    pub path: String,
    /// After how long it is given up; `None`: 10 s.
    pub timeout: Option<Duration>,
}

/// A statement in a database.
#[derive(Debug, Clone, Default)]
pub struct SqlCall {
    /// `sqlite://…` or `postgres://…`.
    pub url: String,
    /// With `$1`, `$2` for the arguments.
    pub query: String,
    /// The arguments.
    pub args: Vec<Value>,
}

/// A program that is run and ends.
#[derive(Debug, Clone, Default)]
pub struct CommandCall {
    /// Program and arguments; a program with a `/` is looked for below the project's root.
    pub command: Vec<String>,
}

/// An HTTP call to the app.
#[derive(Debug, Clone, Default)]
pub struct HttpCall {
    /// `GET` where left out, `POST` where there is a body.
    pub method: Option<String>,
    /// Below the target's URL, or a whole URL on its host.
    pub path: String,
    /// Header names and values.
    pub headers: BTreeMap<String, String>,
    /// A JSON body.
    pub json: Option<Value>,
    /// A form body.
    pub form: Option<Map<String, Value>>,
    /// A text body.
    pub text: Option<String>,
    /// After how long it is given up; `None`: 10 s.
    pub timeout: Option<Duration>,
}

/// A named way to read state.
#[derive(Debug, Clone)]
pub struct Probe {
    /// How.
    pub kind: ProbeKind,
    /// Fields that are compared as instants, however they are spelled.
    pub times: Vec<String>,
    /// Field → (the app's word → Stripe's).
    pub words: BTreeMap<String, BTreeMap<String, Value>>,
    /// Where it stands.
    pub place: Place,
}

/// How a probe reads.
#[derive(Debug, Clone)]
pub enum ProbeKind {
    /// A call, whose answer is read: JSON by JSONPath, a row by its columns, a page by CSS selectors.
    Call {
        /// The call.
        call: Call,
        /// Field → JSONPath (RFC 9535), checked, or a CSS selector; empty for `sql`.
        read: BTreeMap<String, String>,
    },
    /// What left the app: mail, calls to third parties and to Stripe.
    Outside(OutsideProbe),
    /// Provider truth itself: the built-in probe `provider`, whose fields are paths.
    Truth,
}

impl Probe {
    /// The fields an expectation may name; `None` where that is not known before reading.
    #[must_use]
    pub fn fields(&self) -> Option<Vec<String>> {
        match &self.kind {
            ProbeKind::Call { call: Call::Http(_), read } => Some(with(read, &["http_status", "text"])),
            ProbeKind::Call { call: Call::Command(_), read } => Some(with(read, &["exit", "text"])),
            ProbeKind::Call { call: Call::Page(_), read } => {
                Some(with(read, &["http_status", "text", "title", "url", "screenshot"]))
            }
            ProbeKind::Outside(probe) => Some(with(&probe.read, probe.fields())),
            // Its columns are known to the database, the paths to Stripe.
            ProbeKind::Call { call: Call::Sql(_), .. } | ProbeKind::Truth => None,
        }
    }
}

fn with(read: &BTreeMap<String, String>, more: &[&str]) -> Vec<String> {
    read.keys().cloned().chain(more.iter().map(|field| (*field).to_owned())).collect()
}

/// One pair of `[reconcile]`: local billing state = provider truth.
#[derive(Debug, Clone)]
pub struct Reconcile {
    /// The probe.
    pub probe: String,
    /// Its field.
    pub field: String,
    /// `subscription.items.data[0].quantity`.
    pub truth: String,
    /// Where it stands.
    pub place: Place,
}

/// One way to run: which Stripe, which target.
#[derive(Debug, Clone)]
pub struct Environment {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub place: Place,
    /// The Stripe side.
    pub provider: Provider,
    /// The app.
    pub target: Target,
    /// `{{ variable.NAME }}` here.
    pub variables: Map<String, Value>,
    /// Who hears of its incidents: names of `[notify.NAME]`.
    pub notify: Vec<Spanned<String>>,
    /// What this version does not execute in it: [`crate::project::refuse_unsupported`] refuses the environment.
    pub not_yet: Vec<NotYet>,
}

/// The Stripe side.
#[derive(Debug, Clone)]
pub enum Provider {
    /// The embedded double.
    Double {
        /// A fixed port, for apps that cannot be told.
        port: Option<u16>,
        /// The version of every answer; `None`: the caller's `Stripe-Version`.
        answers_in: Option<Version>,
        /// How a subscription is left when the last retry of its invoice was declined.
        after_retries: Leaves,
        /// The stripe-mock beside it.
        beside: Option<StripeMock>,
    },
    /// A kind that this version does not execute: `live`.
    NotYet(&'static str),
}

/// A stripe-mock beside the double.
#[derive(Debug, Clone)]
pub struct StripeMock {
    /// Where it comes from.
    pub runs: MockRuns,
    /// Where it is said that every call is checked there, if it is.
    pub checks: Option<Place>,
    /// Where it stands.
    pub place: Place,
}

/// Where a stripe-mock comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MockRuns {
    /// It runs already.
    At(String),
    /// We start this image.
    Image(String),
}

/// The image of stripe-mock that is started where none is named.
pub const STRIPE_MOCK: &str = "stripe/stripe-mock:v0.206.0";

/// The app under test.
#[derive(Debug, Clone)]
pub struct Target {
    /// How it comes up.
    pub launch: Launch,
    /// How it is led to the double, where it has no setting for Stripe's address.
    pub redirect: Option<Redirect>,
    /// How its clock is moved along with Stripe's; `None`: it is its machine's.
    pub clock: Option<MovedBy>,
    /// A network of the container engine that is joined; `None`: one of the run's own.
    pub network: Option<String>,
    /// For every process or container.
    pub env: BTreeMap<String, String>,
    /// `[environment.NAME.target.endpoint.NAME]`: at least one, for an environment that can run.
    pub endpoints: BTreeMap<String, Endpoint>,
    /// Where the deploy SHA comes from.
    pub deploy_sha: Option<DeploySha>,
}

/// What leads an app to the double: the hook of a runtime, or a TLS front for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redirect {
    /// `node`
    Node,
    /// `python`
    Python,
    /// `proxy`
    Proxy,
}

/// How the app's clock is moved along with Stripe's.
#[derive(Debug, Clone)]
pub enum MovedBy {
    /// By Debian's package `faketime`.
    Faketime,
    /// By a call to the app, templates unrendered.
    Hook(Box<HttpCall>),
}

/// How the target comes up.
#[derive(Debug, Clone)]
pub enum Launch {
    /// We start it.
    Processes(Vec<Process>),
    /// We start it, in containers.
    Containers(Vec<Container>),
    /// A service of a compose file, which we start.
    Compose(Box<Compose>),
    /// It already runs there.
    Url(String),
}

/// A process of the app.
#[derive(Debug, Clone)]
pub struct Process {
    /// `web`, `worker`.
    pub name: String,
    /// Program and arguments.
    pub command: Vec<String>,
    /// Working folder, below the project's root; `None`: the root.
    pub dir: Option<String>,
    /// A fixed port; `None`: a free one. `{{ target.port }}` is the first process's.
    pub port: Option<u16>,
    /// How many of it run on the same data.
    pub instances: u32,
    /// For this process only.
    pub env: BTreeMap<String, String>,
    /// When it counts as up.
    pub ready: Option<Ready>,
    /// Where it stands.
    pub place: Place,
}

/// When a process counts as up.
#[derive(Debug, Clone)]
pub struct Ready {
    /// What is waited for.
    pub check: ReadyCheck,
    /// For how long at most; `None`: 30 s.
    pub within: Option<Duration>,
}

/// What readiness means.
#[derive(Debug, Clone)]
pub enum ReadyCheck {
    /// This path answers 2xx.
    Http(String),
    /// The port accepts connections.
    Port,
    /// A line of output contains this.
    Log(String),
    /// The health check of a container's image says `healthy`.
    Health,
}

/// Where deliveries go.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Below the target's URL.
    pub path: String,
    /// Its signing secret; `None`: minted.
    pub secret: Option<String>,
    /// The version in which it receives events; `None`: the newest, as if the account were new.
    pub api_version: Option<Version>,
    /// Event types it has subscribed to, patterns allowed; empty: all.
    pub events: Vec<String>,
    /// After how long an answer is no longer waited for; `None`: 10 s.
    pub timeout: Option<Duration>,
    /// It is sent thin events; `events` are names of those.
    pub thin: bool,
    /// Receives events of connected accounts (those that carry `account`).
    pub connect: bool,
    /// Where it stands.
    pub place: Place,
}

/// Where the deploy SHA comes from.
#[derive(Debug, Clone)]
pub enum DeploySha {
    /// `git rev-parse HEAD` in the project's folder.
    Git,
    /// An environment variable.
    Env(String),
    /// What a command prints.
    Command(Vec<String>),
    /// The app's own version endpoint and a JSONPath into its answer.
    Http {
        /// Below the target's URL.
        path: String,
        /// JSONPath.
        read: String,
    },
    /// A label of the image of the first container.
    Label(String),
    /// Written out.
    Literal(String),
}
