//! The contract between our client and stripe-mock: a table of calls and what is to be understood of the answers.
//!
//! It is held against the program that stands in for stripe-mock, always; against an image of that program, where
//! `PAYDRILL_TEST` asks for `docker`; and against the real one, where `PAYDRILL_STRIPE_MOCK_IMAGE` names an image that
//! is there. What the program answers is held against the shapes that Stripe publishes, where `oracle` is asked for.

use std::time::Duration;

use bytes::Bytes;
use paydrill::provider::upstream::{Heard, Limits, Question, StripeMock, Upstream, UpstreamError, Why};
use rstest::rstest;
use serde_json::Value;

use crate::heavy;
use crate::image::{self, docker};
use crate::shapes;
use crate::stripe_mock::{self, Mock};

/// What a call must be understood as.
#[derive(Debug, Clone, Copy)]
enum Is {
    /// Answered with an object of this kind.
    A(&'static str),
    /// Answered with a list of these.
    ListOf(&'static str),
    /// Answered with what was deleted.
    Deleted,
    /// Answered with a document.
    Document,
    /// Refused, and these are to blame.
    Refused(Why, &'static [&'static str]),
    /// Refused as Stripe would, for no parameter.
    Refused400,
    /// No such route.
    Unknown,
    /// Its own limit.
    Limit,
}

use Is::{A, Deleted, Document, Limit, ListOf, Refused, Refused400, Unknown};

const FORM: &str = "application/x-www-form-urlencoded";

/// Call, form, and what it is to be understood as.
const CALLS: &[(&str, &str, Is)] = &[
    ("GET /v1/balance", "", A("balance")),
    (
        "POST /v1/customers",
        "name=J%C3%A9nny&email=jenny%40example.com&metadata[a]=1&expand[]=tax",
        A("customer"),
    ),
    ("POST /v1/customers", "", A("customer")),
    ("GET /v1/customers/cus_1", "", A("customer")),
    ("GET /v1/customers/cus_1?expand[]=subscriptions", "", A("customer")),
    ("POST /v1/customers/cus_1", "tax_exempt=", A("customer")),
    ("DELETE /v1/customers/cus_1", "", Deleted),
    ("GET /v1/customers?limit=3&starting_after=cus_1", "", ListOf("customer")),
    ("GET /v1/reviews", "", ListOf("review")),
    ("POST /v1/reviews/prv_1/approve", "", A("review")),
    ("POST /v1/prices", "currency=usd&product=prod_1&unit_amount=990&recurring[interval]=month", A("price")),
    ("GET /v1/prices?lookup_keys[]=pro&lookup_keys[]=team&active=true&limit=1", "", ListOf("price")),
    (
        "POST /v1/checkout/sessions",
        "mode=payment&success_url=https%3A%2F%2Fexample.com&line_items[0][price]=p&line_items[0][quantity]=2",
        A("checkout.session"),
    ),
    ("GET /v1/quotes/qt_1/pdf", "", Document),
    // A parameter is to blame.
    ("POST /v1/customers", "name=Jenny&colour=red", Refused(Why::Unknown, &["colour"])),
    ("POST /v1/customers", "a=1&name=Jenny&b[x]=1&b[y]=2", Refused(Why::Unknown, &["a", "b"])),
    ("GET /v1/customers?limit=3&colour=red", "", Refused(Why::Unknown, &["colour"])),
    ("GET /v1/customers/cus_1?colour=red", "", Refused(Why::Unknown, &["colour"])),
    ("GET /v1/customers?limit=many", "", Refused(Why::Value, &["limit"])),
    ("POST /v1/customers", "tax_exempt=sometimes", Refused(Why::Value, &["tax_exempt"])),
    ("POST /v1/customers", "name[first]=Jenny", Refused(Why::Value, &["name"])),
    ("POST /v1/prices", "product=prod_1&unit_amount=990", Refused(Why::Missing, &["currency"])),
    (
        "POST /v1/prices",
        "currency=usd&product=prod_1&unit_amount=much",
        Refused(Why::Value, &["unit_amount"]),
    ),
    (
        "POST /v1/prices",
        "currency=usd&product=prod_1&recurring[interval]=fortnight",
        Refused(Why::Value, &["recurring[interval]"]),
    ),
    ("POST /v1/checkout/sessions", "mode=gift", Refused(Why::Value, &["mode"])),
    ("POST /v1/customers", "name=%", Refused(Why::Form, &[])),
    ("POST /v1/customers", "[name]=Jenny", Refused(Why::Form, &[])),
    // No parameter is.
    ("GET /v1/nothing", "", Unknown),
    ("PUT /v1/customers", "", Unknown),
    ("POST /v1/customers", "preferred_locales[5000]=de", Limit),
];

/// Holds the whole table, and what does not fit in it, against what answers at `url`.
async fn holds(url: &str) {
    let mock = StripeMock::find(url, Duration::from_secs(20), Limits::default()).await.unwrap();
    assert!(mock.name().unwrap().starts_with("stripe-mock "), "{mock:?}");
    for (call, form, expected) in CALLS {
        let question = question(call, form, FORM);
        let heard = mock.ask(&question).await;
        understood(&format!("{call} {form}"), heard, *expected);
    }
    let json = question("POST /v1/customers", "{}", "application/json");
    understood("a JSON body", mock.ask(&json).await, Refused400);
    keys(url).await;
}

fn question(call: &str, form: &str, content_type: &str) -> Question {
    let (method, path) = call.split_once(' ').unwrap();
    Question {
        method: method.parse().unwrap(),
        path: path.to_owned(),
        content_type: Some(content_type.to_owned()),
        body: Bytes::copy_from_slice(form.as_bytes()),
    }
}

fn understood(call: &str, heard: Result<Heard, UpstreamError>, expected: Is) {
    let reply = match (&heard, expected) {
        (Ok(Heard::Refused(reply, refusal)), Refused(why, params)) => {
            assert_eq!(
                (refusal.why, refusal.params.as_slice()),
                (why, params.map_to_owned().as_slice()),
                "{call}"
            );
            assert!(!refusal.message.contains("0x"), "{call}: {refusal}");
            assert_eq!(reply.status, 400, "{call}");
            return;
        }
        (Ok(Heard::UnknownRoute), Unknown) | (Err(UpstreamError::OwnLimit { .. }), Limit) => return,
        (Ok(Heard::Answered(reply)), Refused400) => return assert_eq!(reply.status, 400, "{call}"),
        (Ok(Heard::Answered(reply)), A(_) | ListOf(_) | Deleted | Document) => reply,
        _ => panic!("{call}: {heard:?}, and not {expected:?}"),
    };
    assert_eq!(reply.status, 200, "{call}");
    if let Document = expected {
        assert_eq!(reply.content_type, "application/pdf", "{call}");
        return;
    }
    let body: Value = serde_json::from_slice(&reply.body).unwrap();
    match expected {
        A(kind) => assert_eq!(body["object"], kind, "{call}"),
        ListOf(kind) => {
            assert_eq!(
                (&body["object"], &body["data"][0]["object"]),
                (&"list".into(), &kind.into()),
                "{call}"
            );
        }
        _ => assert_eq!(body["deleted"], true, "{call}"),
    }
}

trait MapToOwned {
    fn map_to_owned(&self) -> Vec<String>;
}

impl MapToOwned for &[&str] {
    fn map_to_owned(&self) -> Vec<String> {
        self.iter().map(|text| (*text).to_owned()).collect()
    }
}

/// Which keys it takes, as the client that sends one relies on.
async fn keys(url: &str) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for (key, status) in [
        ("Bearer sk_test_paydrill", 200),
        ("Bearer rk_test_paydrill", 200),
        ("Bearer sk_live_paydrill", 401),
        ("Bearer pk_test_paydrill", 401),
        ("Bearer sk_test_", 401),
        ("Bearer sk_test_pay_drill", 401),
        ("", 401),
    ] {
        let answer =
            client.get(format!("{url}/v1/balance")).header("authorization", key).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{key:?}");
        assert!(answer.headers().contains_key("stripe-mock-version"), "{key:?}");
    }
}

#[rstest]
#[case::lenient(&[], None)]
#[case::strict(&["-strict-version-check"], Some("2026-09-30.endive"))]
#[tokio::test]
async fn what_stands_in_for_stripe_mock_keeps_the_contract(
    #[case] flags: &[&str],
    #[case] speaks: Option<&str>,
) {
    let mock = Mock::start(flags);
    holds(&mock.url).await;
    let found = StripeMock::find(&mock.url, Duration::from_secs(5), Limits::default()).await.unwrap();
    assert_eq!(found.speaks().map(ToString::to_string).as_deref(), speaks);
}

#[tokio::test]
async fn what_it_answers_has_the_shapes_that_stripe_publishes() {
    if !heavy::asked("oracle") {
        return;
    }
    let running = Mock::start(&[]);
    let mock = StripeMock::find(&running.url, Duration::from_secs(5), Limits::default()).await.unwrap();
    let mut objects: Vec<Value> = Vec::new();
    let own = [
        "GET /v1/subscriptions",
        "GET /v1/subscriptions/sub_1",
        "GET /v1/invoices/in_1",
        "GET /v1/checkout/sessions/cs_1",
    ];
    let answered = CALLS.iter().filter(|(_, _, is)| matches!(is, A(_) | ListOf(_) | Deleted));
    let answered = answered.map(|(call, form, _)| (*call, *form)).chain(own.map(|call| (call, "")));
    for (call, form) in answered {
        let Heard::Answered(reply) = mock.ask(&question(call, form, FORM)).await.unwrap() else {
            panic!("{call}")
        };
        objects.push(serde_json::from_slice(&reply.body).unwrap());
    }
    assert_eq!(shapes::unknown_differences(&objects), Vec::<String>::new());
}

/// A container that goes with the test.
struct Running {
    id: String,
    url: String,
}

impl Running {
    fn start(image: &str) -> Self {
        let id =
            docker(&["run", "--detach", "--publish", "127.0.0.1::12111", image, "-strict-version-check"]);
        let id = id.trim().to_owned();
        let url = format!("http://{}", docker(&["port", &id, "12111"]).trim());
        Self { id, url }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = std::process::Command::new("docker").args(["rm", "--force", "--volumes", &self.id]).output();
    }
}

#[tokio::test]
async fn an_image_of_it_keeps_the_contract() {
    if !heavy::asked("docker") {
        return;
    }
    let image = image::of("like-stripe-mock", &stripe_mock::program(), "EXPOSE 12111");
    holds(&Running::start(&image).url).await;
}

#[tokio::test]
async fn the_real_one_keeps_the_contract() {
    let Some(image) = real() else { return };
    let running = Running::start(&image);
    holds(&running.url).await;
    let found = StripeMock::find(&running.url, Duration::from_secs(5), Limits::default()).await.unwrap();
    assert!(found.speaks().is_some(), "started so, it says which version of the API it knows");
}

/// The image that is named, on a machine that has it or may pull it.
#[expect(clippy::disallowed_methods, reason = "a test's own switch, which nothing else reads")]
fn real() -> Option<String> {
    let image = std::env::var("PAYDRILL_STRIPE_MOCK_IMAGE").ok().filter(|image| !image.is_empty());
    if image.is_none() {
        use std::io::Write;
        let _ = writeln!(
            std::io::stderr(),
            "skipped the real stripe-mock: PAYDRILL_STRIPE_MOCK_IMAGE names none"
        );
    }
    image
}
