//! The keys for what leaves the app.

use crate::scenario::decode::{Any, List, Map, Number, Text, document};

document! {
    /// a mail probe
    pub(crate) struct MailDocument requires(to), {
        /// Whom it reaches, blind copies too: an address, or matchers. Small and capital letters are the same.
        to: Any,
        /// The sender's address.
        from: Any,
        /// The subject.
        subject: Any,
        /// The text; of a message in HTML only, what a person reads.
        text: Any,
        /// The HTML.
        html: Any,
    }

    /// a sink probe
    pub(crate) struct SinkDocument requires(name), {
        /// The sink: `{{ sink.NAME.url }}` tells the app where it is.
        name: Text,
        /// Method and path: `POST /contacts/*`.
        call: Text,
        /// JSONPath into the body, JSON or form → a value or matchers: `{ "$.email" = "{{ customer.email }}" }`.
        json: Map<Any>,
        /// The whole body: a value or matchers.
        text: Any,
    }

    /// a probe of calls to Stripe
    pub(crate) struct StripeCallsDocument requires(call), {
        /// Method and path: `POST /v1/refunds`; `*` stands for any text.
        call: Text,
        /// JSONPath into the parameters → a value or matchers: `{ "$.charge" = "{{ charge.id }}" }`.
        params: Map<Any>,
    }

    /// the mail server
    pub(crate) struct MailServerDocument {
        /// A fixed port, for apps that cannot be told `{{ mail.url }}`; left out, a free one.
        port: Number<1, 65_535>,
    }

    /// a third party
    pub(crate) struct SinkServerDocument {
        /// A fixed port, for apps that cannot be told `{{ sink.NAME.url }}`; left out, a free one.
        port: Number<1, 65_535>,
        /// What calls are answered; the first that is about a call is given. Left out, 200 and `{}`.
        answer: List<SinkAnswerDocument>,
    }

    /// an answer
    pub(crate) struct SinkAnswerDocument at_most_one(json, text), {
        /// Method and path: `POST /contacts/*`; left out, every call.
        call: Text,
        /// The HTTP status; left out, 200.
        status: Number<200, 599>,
        /// Header names and values.
        headers: Map<Text>,
        /// A JSON body.
        json: Any,
        /// A text body.
        text: Text,
    }
}
