//! Whatever is asked, there is an answer: calls made of the API's own words in any arrangement.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use proptest::prelude::*;

use super::*;
use crate::provider::double::answer::{Request, answer};
use crate::provider::double::connection::Cut;
use crate::provider::double::form;
use crate::provider::double::route::{Call, Method};

/// Words that routes and parameters are made of; `ID:x` stands for an id of that kind that exists.
const WORDS: [&str; 44] = [
    "v1",
    "v2",
    "customers",
    "products",
    "prices",
    "subscriptions",
    "subscription_items",
    "invoices",
    "invoiceitems",
    "checkout",
    "sessions",
    "events",
    "refunds",
    "charges",
    "payment_intents",
    "payment_methods",
    "finalize",
    "pay",
    "void",
    "expire",
    "line_items",
    "lines",
    "search",
    "",
    "..",
    "%00",
    "ID:customer",
    "ID:subscription",
    "ID:invoice",
    "ID:checkout",
    "ID:charge",
    "price_pro",
    "customer",
    "items",
    "price",
    "quantity",
    "metadata",
    "email",
    "amount",
    "currency",
    "expand",
    "trial_end",
    "cancel_at",
    "deleted",
];

const VALUES: [&str; 22] = [
    "",
    "0",
    "1",
    "-1",
    "9223372036854775807",
    "-9223372036854775808",
    "99999999999999999999",
    "4294967295",
    "true",
    "now",
    "usd",
    "pm_card_visa",
    "pm_card_chargeCustomerFail",
    "price_pro",
    "Jenny@example.com",
    "payment",
    "subscription",
    "month",
    "customer.subscriptions",
    "data.customer",
    "ID:customer",
    "ID:subscription",
];

fn path() -> impl Strategy<Value = Vec<&'static str>> {
    let words = || prop::sample::select(WORDS.to_vec());
    prop_oneof![
        4 => prop::collection::vec(words(), 1..3).prop_map(|mut words| {
            words.insert(0, "v1");
            words
        }),
        1 => prop::collection::vec(words(), 0..5),
    ]
}

fn pair() -> impl Strategy<Value = String> {
    let word = || prop::sample::select(WORDS.to_vec());
    let value = prop::sample::select(VALUES.to_vec());
    let key = prop_oneof![
        word().prop_map(str::to_owned),
        (word(), word()).prop_map(|(a, b)| format!("{a}[{b}]")),
        (word(), 0..3, word()).prop_map(|(a, at, b)| format!("{a}[{at}][{b}]")),
        (word(), word()).prop_map(|(a, b)| format!("{a}[][{b}]")),
        word().prop_map(|a| format!("{a}[]")),
    ];
    (key, value).prop_map(|(key, value)| format!("{key}={value}"))
}

/// Parameters that are close to right, so that the calls get past the first check.
fn nearly_right() -> impl Strategy<Value = (Vec<&'static str>, String)> {
    let amount = prop::sample::select(VALUES.to_vec());
    let amounts = || prop::sample::select(VALUES.to_vec());
    prop_oneof![
        (amount, amounts()).prop_map(|(quantity, trial)| (
            vec!["v1", "subscriptions"],
            format!("customer=ID:customer&items[0][price]=price_pro&items[0][quantity]={quantity}&trial_end={trial}"),
        )),
        (amounts(), amounts()).prop_map(|(amount, quantity)| (
            vec!["v1", "checkout", "sessions"],
            format!(
                "mode=payment&customer=ID:customer&line_items[0][quantity]={quantity}&line_items[0][price_data][currency]=usd\
                 &line_items[0][price_data][unit_amount]={amount}&line_items[0][price_data][product_data][name]=x"
            ),
        )),
        (amounts(), amounts()).prop_map(|(amount, quantity)| (
            vec!["v1", "invoiceitems"],
            format!("customer=ID:customer&amount={amount}&currency=usd&quantity={quantity}"),
        )),
        (amounts(), amounts()).prop_map(|(balance, sequence)| (
            vec!["v1", "customers", "ID:customer"],
            format!("balance={balance}&next_invoice_sequence={sequence}&payment_method=pm_card_visa"),
        )),
        Just((vec!["v1", "invoices"], "customer=ID:customer&pending_invoice_items_behavior=include".to_owned())),
        (amounts(), amounts()).prop_map(|(days, at)| (
            vec!["v1", "subscriptions", "ID:subscription"],
            format!("cancel_at={at}&trial_end={days}&items[0][price]=price_pro&metadata[x]={at}"),
        )),
        Just((vec!["v1", "invoices", "ID:invoice", "pay"], String::new())),
        Just((vec!["v1", "invoices", "ID:invoice", "finalize"], String::new())),
        amounts().prop_map(|amount| (vec!["v1", "refunds"], format!("charge=ID:charge&amount={amount}"))),
    ]
}

fn call() -> impl Strategy<Value = (Method, Vec<&'static str>, String)> {
    let method = prop::sample::select(vec![Method::Get, Method::Post, Method::Delete]);
    let any = (method, path(), prop::collection::vec(pair(), 0..5))
        .prop_map(|(method, path, pairs)| (method, path, pairs.join("&")));
    prop_oneof![any, nearly_right().prop_map(|(path, form)| (Method::Post, path, form))]
}

/// Puts ids of things that exist where a call wants one.
pub(super) fn with_ids(text: &str, truth: &Map<String, Value>) -> String {
    ["customer", "subscription", "invoice", "checkout", "charge"].iter().fold(
        text.to_owned(),
        |text, kind| {
            let id = truth.get(*kind).map_or("none", |object| super::text(object, "id"));
            text.replace(&format!("ID:{kind}"), id)
        },
    )
}

/// Method, target, headers and body.
type Raw = (String, String, Vec<(&'static str, Vec<u8>)>, Vec<u8>);

/// A call of the API as it stands on the wire, and what may be put into its place somewhere: bytes that no client sends.
fn raw() -> impl Strategy<Value = Raw> {
    let method = prop_oneof![
        6 => prop::sample::select(vec!["GET", "POST", "DELETE"]).prop_map(str::to_owned),
        1 => "[A-Z!#$%&'*+.^_|~-]{1,10}",
    ];
    let target = prop_oneof![
        3 => path().prop_map(|path| format!("/{}", path.join("/"))),
        1 => "/[a-z0-9/.%~+?&=\\[\\]é_-]{0,60}",
        1 => "/(%[0-9a-f]{2}|[a-z/]){0,30}",
    ];
    let target = (target, prop::collection::vec(pair(), 0..3)).prop_map(|(path, pairs)| {
        if pairs.is_empty() { path } else { format!("{path}?{}", pairs.join("&")) }
    });
    let name = prop::sample::select(vec![
        "authorization",
        "content-type",
        "stripe-version",
        "stripe-account",
        "idempotency-key",
        "expect",
    ]);
    let value = prop_oneof![
        prop::sample::select(vec![
            "Bearer sk_test_x",
            "application/x-www-form-urlencoded",
            "2024-06-20",
            "100-continue"
        ])
        .prop_map(|value| value.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..40),
    ];
    let body = prop_oneof![
        2 => prop::collection::vec(pair(), 0..6).prop_map(|pairs| pairs.join("&").into_bytes()),
        1 => (prop::collection::vec(pair(), 1..6), any::<prop::sample::Index>(), any::<u8>()).prop_map(|(pairs, at, byte)| {
            let mut bytes = pairs.join("&").into_bytes();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            bytes
        }),
        1 => prop::collection::vec(any::<u8>(), 0..200),
    ];
    (method, target, prop::collection::vec((name, value), 0..4), body)
}

/// The statuses that Stripe answers with, and that of what is not modelled.
const STATUSES: [u16; 9] = [200, 400, 401, 402, 403, 404, 408, 413, 501];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn whatever_comes_over_the_wire_is_answered(calls in prop::collection::vec(raw(), 1..8)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let stand = Stand::new().await;
            stand.act("checkout", json!({"price": "pro_monthly"}));
            for (method, target, headers, body) in calls {
                let target = with_ids(&target, &stand.truth());
                let mut request = ::http::Request::builder().method(method.as_str()).uri(&target);
                if !headers.iter().any(|(name, _)| *name == "authorization") {
                    request = request.header("authorization", "Bearer sk_test_1");
                }
                for (name, value) in headers {
                    request = request.header(name, value);
                }
                // What the server before it would not let through.
                let Ok(request) = request.body(Full::new(Bytes::from(body))) else { continue };
                let shared = Arc::clone(&stand.double.shared);
                let answer = server::handle(shared, Cut::default(), request).await;
                let status = answer.status().as_u16();
                prop_assert!(STATUSES.contains(&status), "{} {}: {}", method, target, status);
                let body = answer.into_body().collect().await.unwrap().to_bytes();
                if method != "OPTIONS" {
                    let body: Value = serde_json::from_slice(&body).unwrap();
                    prop_assert_eq!(status == 200, body["error"].is_null(), "{}", body);
                    prop_assert_eq!(status == 200, text(&body["error"], "message").is_empty(), "{}", body);
                }
            }
            Ok(())
        })?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_call_is_answered(calls in prop::collection::vec(call(), 1..12)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let stand = Stand::new().await;
            stand.act("checkout", json!({"price": "pro_monthly"}));
            for (at, (method, path, form)) in calls.iter().enumerate() {
                let truth = stand.truth();
                let path = with_ids(&format!("/{}", path.join("/")), &truth);
                let params = form::decode(with_ids(form, &truth).as_bytes());
                let call = params.map(|params| Call { method: *method, path: path.clone(), params });
                let now = START.parse().unwrap();
                let version = Version::all().nth(at % 33).unwrap();
                let request = Request { call, named: Some(version), version, method: method.as_str(), path: &path, idempotency_key: None, now, passes_on: false };
                let answer = answer(&mut stand.double.shared.account(), request);
                prop_assert!(matches!(answer.status, 200 | 400 | 402 | 404 | 501), "{path} {form}: {}", answer.status);
                prop_assert!(serde_json::from_slice::<Value>(&answer.body).unwrap().is_object());
            }
            // What was left behind can still be lived with.
            for (kind, keys) in [("renew", json!({})), ("advance", json!({"by": "70d"})), ("cancel", json!({}))] {
                let _ = stand.try_act(kind, keys);
            }
            Ok(())
        })?;
    }
}
