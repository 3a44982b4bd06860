//! The keys for the stripe-mock beside the double.

use crate::scenario::decode::{Number, Text, document};
use crate::stripe::action::Leaves;

document! {
    /// `provider.stripe_mock`
    pub(crate) struct StripeMockDocument at_most_one(image, url), {
        /// The image that is started, with its tag: another than `stripe/stripe-mock:v0.206.0`, which knows version 2026-09-30.endive of Stripe's API.
        image: Text,
        /// Where one runs already: `"http://127.0.0.1:12111"`. Started with `-strict-version-check` it tells which version of the API it knows.
        url: Text,
        /// Every call of the app to the v1 API is also sent there, and a parameter that is refused fails the case.
        check_parameters: bool,
        /// The double's own: a fixed port, for apps that cannot be told; left out, a free one.
        port: Number<1, 65_535>,
        /// The double's own: `"asked"`, the caller's Stripe-Version; or one version for every answer.
        answers_in: Text,
        /// The double's own: what becomes of a subscription when the last retry of its invoice was declined: `"cancel"`, `"unpaid"` or `"past_due"`; left out, it is canceled.
        after_retries: Leaves,
    }
}
