//! The keys of `paydrill.toml`.

mod container;
mod notify;
mod outside;
mod stripe_mock;

pub(crate) use self::container::{BuildDocument, ComposeDocument, ContainerDocument, FileInDocument};
pub(crate) use self::notify::NotifyDocument;
pub(crate) use self::outside::{
    MailDocument, MailServerDocument, SinkAnswerDocument, SinkDocument, SinkServerDocument,
    StripeCallsDocument,
};
pub(crate) use self::stripe_mock::StripeMockDocument;
use super::model::Redirect;
use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::scenario::decode::{
    Any, Decode, Length, List, Map, Number, OrNone, Problems, Table, Text, document, words,
};
use crate::scenario::tree::{Kind, Node};
use crate::stripe::action::Leaves;

document! {
    /// a project
    pub(crate) struct ProjectDocument requires(project), {
        /// What the project is called.
        project: NameDocument,
        /// What a scenario or a step may say otherwise.
        defaults: DefaultsDocument,
        /// `{{ variable.NAME }}`; overridden by environment, scenario and `--variable`, in this order.
        variables: Table,
        /// What is for sale; the Stripe double has it.
        catalog: CatalogDocument,
        /// What a person or a job does in the app, by name.
        request: Map<RequestDocument>,
        /// For every customer, before the story.
        given: ProjectGivenDocument,
        /// What the app itself passes to Stripe, by action.
        stripe: Map<PassesDocument>,
        /// Named ways to read state.
        probe: Map<ProbeDocument>,
        /// The mail server that takes the app's mail in.
        mail: MailServerDocument,
        /// Third parties whose APIs the app calls, by name.
        sink: Map<SinkServerDocument>,
        /// Local billing state = provider truth: `"billing.status" = "subscription.status"`.
        reconcile: Map<Text>,
        /// The ways to run, by name.
        environment: Map<EnvironmentDocument>,
        /// Drills that run by themselves, by name.
        schedule: Map<ScheduleDocument>,
        /// Who hears of incidents, by name; an environment says whom it tells.
        notify: Map<NotifyDocument>,
        /// Where runs are retained.
        ledger: LedgerDocument,
    }

    /// `ledger`
    pub(crate) struct LedgerDocument {
        /// A file beside the project file, or a `postgres://` URL, with `{{ secret.NAME }}` for what nobody may read;
        /// left out, `.paydrill/ledger.db`. `none` retains nothing.
        url: Text,
    }

    /// `project`
    pub(crate) struct NameDocument requires(name), {
        /// What the project is called.
        name: Text,
        /// The environment of `run` where none is named.
        default_environment: Text,
    }

    /// `defaults`
    pub(crate) struct DefaultsDocument {
        /// An expectation must come true within this.
        within: Length,
        /// What must not change must stay so for this long.
        hold: Length,
    }

    /// `catalog`
    pub(crate) struct CatalogDocument {
        /// Products, by key.
        product: Map<ProductDocument>,
        /// Prices; the key is the lookup key.
        price: Map<PriceDocument>,
    }

    /// a product
    pub(crate) struct ProductDocument requires(name), {
        /// Its id, for an app that has it built in; left out, minted.
        id: Text,
        /// What people call it.
        name: Text,
        /// Lookup keys of Stripe features.
        features: List<Text>,
        /// Metadata.
        metadata: Table,
    }

    /// a price
    pub(crate) struct PriceDocument requires(product, unit_amount, currency), {
        /// Its id, for an app that has it built in; left out, minted: `{{ price.KEY.id }}`.
        id: Text,
        /// Key of the product.
        product: Text,
        /// In the currency's smallest unit: 9900 are 99 dollars.
        unit_amount: Number<0, 99_999_999_999>,
        /// Three letters, lower-case.
        currency: Text,
        /// How often it is due; left out, one-off.
        every: Interval,
        /// Billed by usage.
        metered: bool,
        /// Metadata.
        metadata: Table,
    }

    /// a request
    pub(crate) struct RequestDocument one_of(http, command, sql), {
        /// An HTTP call to the app.
        http: HttpDocument,
        /// Program and arguments.
        command: List<Text>,
        /// A statement in a database.
        sql: SqlDocument,
    }

    /// an HTTP call
    pub(crate) struct HttpDocument requires(path), at_most_one(json, form, text), {
        /// `GET` where left out, `POST` where there is a body.
        method: Text,
        /// Below the target's URL, or a whole URL on its host.
        path: Text,
        /// Header names and values.
        headers: Map<Text>,
        /// A JSON body.
        json: Any,
        /// A form body.
        form: Table,
        /// A text body.
        text: Text,
        /// After how long it is given up; left out, 10 s.
        timeout: Length,
    }

    /// an SQL query
    pub(crate) struct SqlDocument requires(url, query), {
        /// `sqlite://…` or `postgres://…`.
        url: Text,
        /// With `$1`, `$2` for the arguments.
        query: Text,
        /// The arguments.
        args: List<Any>,
    }

    /// `given`
    pub(crate) struct ProjectGivenDocument {
        /// Requests for every customer, before the story.
        request: List<Text>,
    }

    /// what the app passes to Stripe
    pub(crate) struct PassesDocument requires(set), {
        /// Fields of the object that the action makes.
        set: Table,
    }

    /// a probe
    pub(crate) struct ProbeDocument one_of(http, sql, mail, sink, command, page, stripe_calls), {
        /// An HTTP call whose JSON answer is read.
        http: HttpDocument,
        /// A query; its columns are the fields.
        sql: SqlDocument,
        /// Messages that the app has sent.
        mail: MailDocument,
        /// Calls to a third party.
        sink: SinkDocument,
        /// Program and arguments; what it prints.
        command: List<Text>,
        /// A page as a person sees it, in a real browser.
        page: PageDocument,
        /// Calls that the app made to Stripe.
        stripe_calls: StripeCallsDocument,
        /// Field → JSONPath (RFC 9535): `plan = "$.plan"`. Of a page, field → CSS selector: `plan = "#plan"`.
        read: Map<Text>,
        /// Fields that are compared as instants, however they are spelled.
        times: List<Text>,
        /// Field → the app's word → Stripe's: `status = { CLOSED = "canceled" }`.
        words: Map<Table>,
    }

    /// a page
    pub(crate) struct PageDocument requires(path), {
        /// Below the target's URL, or a whole URL on its host.
        path: Text,
        /// After how long it is given up; left out, 10 s.
        timeout: Length,
    }

    /// an environment
    pub(crate) struct EnvironmentDocument requires(provider, target), {
        /// The Stripe side.
        provider: ProviderDocument,
        /// The app under test.
        target: TargetDocument,
        /// `{{ variable.NAME }}` here.
        variables: Table,
        /// Real objects for the scenario's names.
        bind: BindDocument,
        /// What must hold before and during a drill.
        guard: GuardDocument,
        /// Who hears of its incidents: names of `[notify.NAME]`. Left out, nobody.
        notify: List<Text>,
    }

    /// a provider
    pub(crate) struct ProviderDocument one_of(double, stripe_mock, live), {
        /// The embedded Stripe double.
        double: DoubleDocument,
        /// The double, and a stripe-mock beside it: what the double does not model is asked there.
        stripe_mock: StripeMockDocument,
        /// The real Stripe API.
        live: LiveDocument,
    }

    /// `provider.double`
    pub(crate) struct DoubleDocument {
        /// A fixed port, for apps that cannot be told; left out, a free one.
        port: Number<1, 65_535>,
        /// `"asked"`: the caller's Stripe-Version; or one version for every answer.
        answers_in: Text,
        /// What becomes of a subscription when the last retry of its invoice was declined, as it is set at Stripe: `"cancel"`, `"unpaid"` or `"past_due"`; left out, it is canceled. `leaves` of `stripe.payment_fails` comes first.
        after_retries: Leaves,
    }

    /// `provider.live`
    pub(crate) struct LiveDocument requires(key), {
        /// The API key: `{{ secret.STRIPE_KEY }}`.
        key: Text,
    }

    /// a target
    pub(crate) struct TargetDocument one_of(process, url, container, compose), {
        /// Processes that are started, by name.
        process: Map<ProcessDocument>,
        /// The app already runs here.
        url: Text,
        /// Containers that are started, by name, in a network of the run's own where they find each other by these names.
        container: Map<ContainerDocument>,
        /// A service of a compose file, started with all that it depends on.
        compose: ComposeDocument,
        /// A network of the container engine that is joined instead of one of the run's own: where a database already runs.
        network: Text,
        /// For an app without a setting for Stripe's address: `node` leads its connections to Stripe to the double, `python` the package `stripe`; `proxy` leads any program there that goes through `HTTPS_PROXY` and trusts `SSL_CERT_FILE` or its like, containers by their hosts file, and refuses every other host. A variable of the app can name `{{ provider.proxy }}`, `{{ provider.ca }}` and `{{ provider.ca_bundle }}`.
        redirect: Redirect,
        /// Moves the app's clock along with Stripe's: `"faketime"` by Debian's package of that name (not a program that is linked statically), or `{ http = { … } }` by a call to the app, which finds the time in `{{ clock.unix }}` or `{{ clock.iso }}`. A case in which time passes (`advance`, `given.at`, a `timeout`) then has an app of its own.
        clock: ClockDocument,
        /// Environment variables for every process or container.
        env: Map<Text>,
        /// Where deliveries go, by name.
        endpoint: Map<EndpointDocument>,
        /// Where the deploy SHA comes from.
        deploy_sha: DeployShaDocument,
    }

    /// `target.clock`
    pub(crate) struct ClockHookDocument requires(http), {
        /// A call to the app, made whenever Stripe's time jumps, and to every instance of its first process.
        http: HttpDocument,
    }

    /// a process
    pub(crate) struct ProcessDocument requires(command), {
        /// Program and arguments.
        command: List<Text>,
        /// Working folder, below the project's.
        dir: Text,
        /// A fixed port; left out, a free one. `{{ target.port }}` is the first process's, `{{ target.process.NAME.port }}` another's; a process that does not listen needs none.
        port: Number<1, 65_535>,
        /// How many of it run beside each other on the same data: `web`, `web#2`. Each finds a port of its own where it is told its process's. Deliveries go to those of the first process in turn; requests and probes to its first.
        instances: Number<1, 16>,
        /// Environment variables for this process only.
        env: Map<Text>,
        /// When it counts as up.
        ready: ReadyDocument,
    }

    /// `ready`
    pub(crate) struct ReadyDocument one_of(http, port, log, health), {
        /// This path answers 2xx.
        http: Text,
        /// The port accepts connections.
        port: bool,
        /// A line of output contains this.
        log: Text,
        /// The health check of a container's image says `healthy`.
        health: bool,
        /// For how long at most; left out, 30 s.
        within: Length,
    }

    /// an endpoint
    pub(crate) struct EndpointDocument requires(path), {
        /// Below the target's URL.
        path: Text,
        /// Its signing secret; left out, minted.
        secret: Text,
        /// The API version that it is pinned to.
        api_version: Text,
        /// Event types that it has subscribed to, patterns allowed; left out, all.
        events: List<Text>,
        /// Receives thin events, which name the object instead of holding it. They have no version, and their types
        /// begin with `v1.`.
        thin: bool,
        /// Receives the events of connected accounts.
        connect: bool,
        /// After how long an answer is no longer waited for; left out, 10 s.
        timeout: Length,
    }

    /// `deploy_sha`
    pub(crate) struct DeployShaDocument one_of(git, env, command, http, label, literal), {
        /// `git rev-parse HEAD` in the project's folder.
        git: bool,
        /// An environment variable.
        env: Text,
        /// What a command prints.
        command: List<Text>,
        /// The app's own version endpoint.
        http: ShaHttpDocument,
        /// A label of the image of the first container: `org.opencontainers.image.revision`.
        label: Text,
        /// Written out.
        literal: Text,
        /// JSONPath into what `http` answers.
        read: Text,
    }

    /// `deploy_sha.http`
    pub(crate) struct ShaHttpDocument requires(path), {
        /// Below the target's URL.
        path: Text,
        /// JSONPath into the answer.
        read: Text,
    }

    /// `bind`
    pub(crate) struct BindDocument {
        /// A real customer.
        customer: Text,
        /// A real subscription.
        subscription: Text,
        /// Real prices, by key of the catalogue.
        price: Map<Text>,
    }

    /// `guard`
    pub(crate) struct GuardDocument {
        /// The only customers that may be touched, also of what `bind` names.
        customers: OrNone<List<Text>>,
        /// When drills may run: `Mon-Fri 10:00-16:00 Europe/Berlin`.
        windows: OrNone<List<Text>>,
        /// Days when they may not: `2026-12-24`, `2026-12-20/2027-01-06`.
        blocked: OrNone<List<Text>>,
        /// Polled before: when one rings, no drill starts.
        alarms: OrNone<List<AlarmDocument>>,
        /// Polled during: when one rings, the drill stops for good.
        stop: OrNone<List<AlarmDocument>>,
        /// A switch for all drills, with a reason.
        lever: OrNone<LeverDocument>,
        /// How many drills a day.
        per_day: OrNone<Number<1, 10_000>>,
        /// How long one may take.
        at_most: OrNone<Length>,
    }

    /// an alarm
    pub(crate) struct AlarmDocument requires(http, read), {
        /// Where it is asked.
        http: CallDocument,
        /// JSONPath into the answer: what is true, or above 0, rings.
        read: Text,
    }

    /// `lever`
    pub(crate) struct LeverDocument one_of(file, http), {
        /// Drills are allowed while this file is there.
        file: Text,
        /// Drills are allowed while this answers 2xx.
        http: CallDocument,
    }

    /// an HTTP call elsewhere
    pub(crate) struct CallDocument requires(url), {
        /// The whole URL.
        url: Text,
        /// Header names and values.
        headers: Map<Text>,
    }

    /// a schedule
    pub(crate) struct ScheduleDocument requires(scenario, environment, cron), {
        /// The scenario's name.
        scenario: Text,
        /// The environment's name.
        environment: Text,
        /// Minute, hour, day, month, weekday.
        cron: Text,
        /// The time zone of `cron`; UTC where left out.
        time_zone: Text,
    }
}

/// How often a price is due.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Interval {
    Day,
    Week,
    Month,
    Year,
}

words!(Interval, "interval", {
    "day" => Self::Day,
    "week" => Self::Week,
    "month" => Self::Month,
    "year" => Self::Year,
});

impl Interval {
    /// Stripe's word for it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }
}

words!(Leaves, "after_retries", {
    "cancel" => Self::Canceled,
    "unpaid" => Self::Unpaid,
    "past_due" => Self::PastDue,
});
words!(Redirect, "redirect", { "node" => Self::Node, "python" => Self::Python, "proxy" => Self::Proxy, });

/// The one word for how the app's clock is moved.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClockWord;
words!(ClockWord, "clock", { "faketime" => Self, });

/// How the app's clock is moved.
#[derive(Debug, Clone)]
pub(crate) enum ClockDocument {
    Faketime,
    Hook(Box<ClockHookDocument>),
}

impl Decode for ClockDocument {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        match &node.kind {
            Kind::Table(_) => ClockHookDocument::decode(node, problems).map(Box::new).map(Self::Hook),
            _ => ClockWord::decode(node, problems).map(|ClockWord| Self::Faketime),
        }
    }
}

impl JsonSchema for ClockDocument {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Clock".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (word, hook) =
            (generator.subschema_for::<ClockWord>(), generator.subschema_for::<ClockHookDocument>());
        json_schema!({ "anyOf": [word, hook] })
    }
}
