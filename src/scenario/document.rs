//! The keys of a scenario file.

use super::decode::{Any, Length, List, Map, Number, Shift, Table, Text, document, words};
use super::model::{BodyStyle, KillMoment, Order, SignatureMode};
use crate::stripe::refusal::Limit;

document! {
    /// a scenario
    pub(crate) struct ScenarioDocument requires(promise), {
        /// What the customer was promised, in one sentence.
        promise: Text,
        /// Who gets the incident.
        owner: Text,
        /// A URL or a few words on what to do when the promise is broken.
        runbook: Text,
        /// Where the failure that this guards against was reported: links or a few words. `paydrill explain FILE` tells it.
        source: Text,
        /// Words to select by: `paydrill run --tag revenue`.
        tags: List<Text>,
        /// Warnings that are meant: codes such as `never-fails`; `paydrill explain CODE` says what each is.
        allow: List<Text>,
        /// Multiplies the story: one case per combination. `shape`, `order` and `answers_in` act by themselves, others are `{{ matrix.NAME }}`.
        matrix: Map<List<Any>>,
        /// Runs each case so often at once, each with its own customer; all must pass.
        repeat: Number<1, 10_000>,
        /// `{{ variable.NAME }}` in this scenario.
        variables: Table,
        /// An expectation must come true within this; else the project's default.
        within: Length,
        /// What must not change must stay so for this long; else the project's default.
        hold: Length,
        /// Provider truth, and what the app was told of it, before the story.
        given: GivenDocument,
        /// The story, in order.
        step: List<StepDocument>,
        /// Whether and how this scenario may run in production.
        drill: DrillDocument,
    }

    /// `given`
    pub(crate) struct GivenDocument {
        /// How far before now Stripe's clock starts: `"-31d"` lets the story end today.
        at: Shift,
        /// What happens in the app for every customer before the story; else the project's.
        request: List<Text>,
        /// How many instances of a process run beside each other on the same data, by its name: `{ web = 2 }`; else as the project says. Deliveries go to those of the first process in turn; `process` of a line of `send` says which.
        instances: Map<Number<1, 16>>,
        /// The customers; the first is whom the story is about.
        customer: List<CustomerDocument>,
    }

    /// a given customer
    pub(crate) struct CustomerDocument {
        /// What steps call it. A customer that no step is about is a bystander: nothing of it may change.
        name: Text,
        /// What happens in the app for this customer before the story; `[]`: the app does not know it.
        request: List<Text>,
        /// What it has bought already.
        subscription: List<SubscriptionDocument>,
    }

    /// a given subscription
    pub(crate) struct SubscriptionDocument one_of(price, items), {
        /// What steps call it: `subscription = "old"`.
        name: Text,
        /// A price of the catalogue.
        price: Text,
        /// How many; 1 where left out.
        quantity: Any,
        /// Several prices, `[{ price = "pro_monthly", quantity = 2 }]`.
        items: Any,
        /// Days of trial.
        trial: Any,
        /// `paid`, `fails` or `action_required`.
        first_payment: Any,
        /// Whether a card is on file; `false` only with a trial.
        card: Any,
        /// Any other field of the subscription.
        set: Table,
        /// Whether the app was told of it; true where left out.
        told: bool,
    }

    /// a step
    pub(crate) struct StepDocument at_most_one(send, drop), {
        /// What reports call it.
        name: Text,
        /// Whom it is about; left out, the first.
        customer: Text,
        /// `"restart"` restarts the app on the same data.
        target: TargetWord,
        /// What fails during this step.
        fault: List<FaultDocument>,
        /// One thing that happens at Stripe: it changes provider truth and makes the burst of events that Stripe makes for it.
        stripe: ActionDocument,
        /// What happens in the app: names of requests.
        request: List<Text>,
        /// What is delivered: left out, the step's burst in Stripe's order; `[]` holds it back; a list sends exactly what it names.
        send: List<SendDocument>,
        /// Types of the burst that are lost: `["charge.dispute.*"]`.
        drop: List<Text>,
        /// In which order deliveries go out.
        order: Order,
        /// Requests and deliveries start at one moment instead of one after another.
        together: bool,
        /// What must be true: probe → field → value or matchers; `matches` is a regular expression.
        then: ThenDocument,
        /// One of these must be true.
        either: List<Map<Map<Any>>>,
        /// Probes that must read as before the step.
        unchanged: List<Text>,
        /// An expectation of this step must come true within this.
        within: Length,
        /// All expectations of this step must stay true for this long.
        hold: Length,
        /// Whether local state is compared with provider truth here; left out, in the last step.
        reconcile: bool,
    }

    /// a fault
    pub(crate) struct FaultDocument one_of(api, mail, sink, kill), {
        /// Calls to Stripe fail.
        api: ApiFaultDocument,
        /// Mail is refused.
        mail: MailFaultDocument,
        /// A third party refuses calls.
        sink: SinkFaultDocument,
        /// A process of the app is killed (`kill -9`) at a point of the step's first delivery that gets so far. It starts again at once, on the same data; what is delivered later reaches the new one.
        kill: KillDocument,
    }

    /// `fault.api`
    pub(crate) struct ApiFaultDocument requires(call), one_of(status, latency, reset), {
        /// Method and path: `GET /v1/subscriptions/*`.
        call: Text,
        /// It is answered with this status and Stripe's error body.
        status: Number<300, 599>,
        /// With `status`: its `Retry-After`, in whole seconds. Stripe's packages wait so long where they try again.
        retry_after: Length,
        /// With `status`: its `Stripe-Should-Retry`, which Stripe's packages obey. Left out, they go by the status: most of them
        /// try 409 and 5xx again, and never 429.
        should_retry: bool,
        /// With `status = 429`: which of Stripe's limits the call met, as `Stripe-Rate-Limited-Reason` names it, or `"lock_timeout"`
        /// where another call held the object. Left out, `"global-rate"`.
        limited_by: Limit,
        /// It is answered rightly, but only after this long.
        latency: Length,
        /// The connection is closed without an answer.
        reset: bool,
        /// How many calls fail; left out, all until the step ends.
        times: Number<1, 1_000_000>,
    }

    /// `fault.mail`
    pub(crate) struct MailFaultDocument requires(status), {
        /// The SMTP status: 4xx for now, 5xx for good.
        status: Number<400, 599>,
        /// Whose mail: an address, or matchers; left out, that of the case's customers.
        to: Any,
        /// How many; left out, all until the step ends.
        times: Number<1, 1_000_000>,
    }

    /// `fault.sink`
    pub(crate) struct SinkFaultDocument requires(name, status), {
        /// The sink.
        name: Text,
        /// The HTTP status.
        status: Number<300, 599>,
        /// Method and path of the calls that are meant: `POST /contacts/*`.
        call: Text,
        /// What their bodies hold: JSONPath → a value or matchers. Where neither names the customer, the case has an app of its own.
        json: Map<Any>,
        /// How many; left out, all until the step ends.
        times: Number<1, 1_000_000>,
    }

    /// `fault.kill`
    pub(crate) struct KillDocument requires(process, on), {
        /// The process: the key below `target.process`.
        process: Text,
        /// `"sent"`: the delivery is sent; `"called"`: the app makes its first call to Stripe about this customer, which is kept waiting; `"answered"`: the delivery is answered.
        on: KillMoment,
        /// How long after that moment; left out, at once.
        after: Length,
    }

    /// a line of `send`
    pub(crate) struct SendDocument one_of(event, template, file), {
        /// The type of an event that was made; `"*"`: the rest.
        event: Text,
        /// The type of an event that nothing made; it is built from the customer's objects as they are now.
        template: Text,
        /// A captured event, sent as it is, but for an id of its own in every case.
        file: Text,
        /// The step that made it; `"given"`: the arrangement; left out, this step.
        from: Text,
        /// Which one, from 1, where several were made.
        nth: Number<1, 10_000>,
        /// How often it is sent.
        times: Number<1, 1_000>,
        /// Paths below `data.object` and the values to put there.
        set: Table,
        /// Paths below `data.object` set to null.
        null: List<Text>,
        /// Paths below `data.object` removed.
        remove: List<Text>,
        /// Shifts `created`: `"-1h"`.
        created: Shift,
        /// Replaces `livemode`.
        livemode: bool,
        /// Replaces `account`.
        account: Text,
        /// API version, release or `thin` (no object, only its name); else the matrix's, else the endpoint's.
        shape: Text,
        /// How the body is spelled.
        body: BodyStyle,
        /// How it is signed. `"other_secret"`: with the secret of another endpoint, or a made-up one where there is no other;
        /// `"rolled"`: with a secret that is on its way out, and with the right one.
        signature: SignatureMode,
        /// Which endpoint receives it; left out, `main`, else the only one.
        endpoint: Text,
        /// Which process receives it, where several do: `"web#2"` is the second instance of `web`; left out, the instances of the first process take turns.
        process: Text,
        /// Waited before it is sent.
        delay: Length,
        /// After how long an answer is no longer waited for.
        timeout: Length,
        /// `false`: one attempt only, whatever the answer.
        retry: bool,
    }

    /// `drill`
    pub(crate) struct DrillDocument {
        /// The outcome must hold in production, for the canary customer.
        prove: ProveDocument,
        /// A mutated delivery must succeed, the assertion fail, the owner hear of it.
        alarm: AlarmDocument,
    }

    /// `drill.prove`
    pub(crate) struct ProveDocument requires(source), {
        /// Where events come from.
        source: DrillSource,
        /// Requests that are always run at the end; then every probe must read as before.
        restore: List<Text>,
    }

    /// `drill.alarm`
    pub(crate) struct AlarmDocument requires(step, send, heard_within), {
        /// The step whose delivery deviates.
        step: Text,
        /// The deviation.
        send: List<SendDocument>,
        /// The owner must hear of it within this.
        heard_within: Length,
        /// Requests that are always run at the end; then every probe must read as before.
        restore: List<Text>,
    }
}

/// `target = "restart"`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TargetWord;
words!(TargetWord, "thing that can be done to the target", { "restart" => Self, });

words!(KillMoment, "moment", {
    "sent" => Self::Sent,
    "called" => Self::Called,
    "answered" => Self::Answered,
});

/// Where the events of a drill come from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DrillSource;
words!(DrillSource, "source of events", { "resend" => Self, "act" => Self, "synthetic" => Self, });

words!(Limit, "limit", {
    "global-rate" => Self::GlobalRate,
    "endpoint-rate" => Self::EndpointRate,
    "global-concurrency" => Self::GlobalConcurrency,
    "endpoint-concurrency" => Self::EndpointConcurrency,
    "resource-specific" => Self::ResourceSpecific,
    "lock_timeout" => Self::LockTimeout,
});

words!(Order, "order", {
    "natural" => Self::Natural,
    "reversed" => Self::Reversed,
    "shuffled" => Self::Shuffled,
});

words!(BodyStyle, "spelling of a body", {
    "compact" => Self::Compact,
    "escaped" => Self::Escaped,
});

words!(SignatureMode, "way to sign", {
    "missing" => Self::Missing,
    "empty_secret" => Self::EmptySecret,
    "other_secret" => Self::OtherSecret,
    "rolled" => Self::Rolled,
    "tampered" => Self::Tampered,
    "stale" => Self::Stale,
});

/// `then`: probe → field → value or matchers.
#[derive(Debug, Clone)]
pub(crate) struct ThenDocument(pub(crate) Map<Map<Any>>);

/// `stripe.ACTION = { … }`: its keys are the actions', each with keys of its own.
#[derive(Debug, Clone)]
pub(crate) struct ActionDocument(pub(crate) super::tree::Node);
