//! The routes that are known, with their parameters and what they answer: those that the demo app asks, a few that the
//! double does not model, and what the contract of the client needs (`tests/oracle/mock.rs`).

use serde_json::Value;

use crate::form::Is::{Bool, Fields, Int, List as Words, OneOf, Rows, Text, Texts};
use crate::form::{Param, may, must};

/// One route; `*` in its path is an id.
#[derive(Debug)]
pub(crate) struct Route {
    method: &'static str,
    path: &'static str,
    pub(crate) params: &'static [Param],
    pub(crate) answers: Answers,
}

/// What a route answers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answers {
    /// The sample of this kind, by the id in the path.
    One(&'static str),
    /// What is left of one.
    Deleted(&'static str),
    /// A list with one sample.
    List(&'static str),
    /// A list of which it has no sample.
    Empty,
    /// A document.
    Document,
}

const fn get(path: &'static str, params: &'static [Param], answers: Answers) -> Route {
    Route { method: "GET", path, params, answers }
}

const fn post(path: &'static str, params: &'static [Param], answers: Answers) -> Route {
    Route { method: "POST", path, params, answers }
}

const EXPAND: Param = may("expand", Words);
const METADATA: Param = may("metadata", Texts);
const ONE: &[Param] = &[EXPAND];
const OF_CUSTOMER: &[Param] = &[
    may("customer", Text),
    may("status", Text),
    may("charge", Text),
    may("type", Text),
    may("limit", Int),
    may("starting_after", Text),
    may("ending_before", Text),
    EXPAND,
];
const CUSTOMER: &[Param] = &[
    may("name", Text),
    may("email", Text),
    may("phone", Text),
    may("description", Text),
    may("preferred_locales", Words),
    may("tax_exempt", OneOf(&["", "exempt", "none", "reverse"])),
    METADATA,
    EXPAND,
];
const PRICE: &[Param] = &[
    must("currency", Text),
    may("product", Text),
    may("unit_amount", Int),
    may("lookup_key", Text),
    may("active", Bool),
    may(
        "recurring",
        Fields(&[must("interval", OneOf(&["day", "month", "week", "year"])), may("interval_count", Int)]),
    ),
    METADATA,
    EXPAND,
];
const SESSION: &[Param] = &[
    may("mode", OneOf(&["payment", "setup", "subscription"])),
    may("success_url", Text),
    may("cancel_url", Text),
    may("customer", Text),
    may("customer_email", Text),
    may("client_reference_id", Text),
    may("allow_promotion_codes", Bool),
    may("line_items", Rows(&[may("price", Text), may("quantity", Int)])),
    may("subscription_data", Fields(&[may("trial_period_days", Int), may("metadata", Texts)])),
    may("payment_intent_data", Fields(&[may("metadata", Texts)])),
    METADATA,
    EXPAND,
];

const ROUTES: &[Route] = &[
    get("/v1/balance", ONE, Answers::One("balance")),
    get("/v1/customers", OF_CUSTOMER, Answers::List("customer")),
    post("/v1/customers", CUSTOMER, Answers::One("customer")),
    get("/v1/customers/*", ONE, Answers::One("customer")),
    post("/v1/customers/*", CUSTOMER, Answers::One("customer")),
    Route { method: "DELETE", path: "/v1/customers/*", params: &[], answers: Answers::Deleted("customer") },
    get("/v1/customers/*/payment_methods", OF_CUSTOMER, Answers::Empty),
    get(
        "/v1/prices",
        &[may("lookup_keys", Words), may("active", Bool), may("limit", Int), EXPAND],
        Answers::List("price"),
    ),
    post("/v1/prices", PRICE, Answers::One("price")),
    get("/v1/prices/*", ONE, Answers::One("price")),
    get("/v1/subscriptions", OF_CUSTOMER, Answers::List("subscription")),
    get("/v1/subscriptions/*", ONE, Answers::One("subscription")),
    get("/v1/invoices/*", ONE, Answers::One("invoice")),
    get("/v1/charges", OF_CUSTOMER, Answers::Empty),
    get("/v1/disputes", OF_CUSTOMER, Answers::Empty),
    get("/v1/entitlements/active_entitlements", OF_CUSTOMER, Answers::Empty),
    get("/v1/checkout/sessions", OF_CUSTOMER, Answers::Empty),
    post("/v1/checkout/sessions", SESSION, Answers::One("checkout.session")),
    get("/v1/checkout/sessions/*", ONE, Answers::One("checkout.session")),
    get("/v1/quotes/*/pdf", ONE, Answers::Document),
    get("/v1/reviews", OF_CUSTOMER, Answers::List("review")),
    get("/v1/reviews/*", ONE, Answers::One("review")),
    post("/v1/reviews/*/approve", ONE, Answers::One("review")),
];

/// The route of a call, and the id in its path where that is the object's own.
pub(crate) fn find<'a>(method: &str, path: &'a str) -> Option<(&'static Route, Option<&'a str>)> {
    ROUTES.iter().filter(|route| route.method == method).find_map(|route| {
        let (known, given): (Vec<&str>, Vec<&str>) =
            (route.path.split('/').collect(), path.split('/').collect());
        let same = known.len() == given.len()
            && known
                .iter()
                .zip(&given)
                .all(|(known, given)| known == given || (*known == "*" && !given.is_empty()));
        let id = known.iter().position(|part| *part == "*").and_then(|at| given.get(at)).copied();
        same.then_some((route, id))
    })
}

/// An object of this kind, as Stripe would show one.
pub(crate) fn sample(kind: &str) -> Value {
    let samples: Value = serde_json::from_str(include_str!("samples.json")).unwrap_or_default();
    samples.get(kind).cloned().unwrap_or_default()
}
