//! The client of stripe-mock against a server on loopback that is, or is not, like one.

use std::collections::BTreeSet;

use http::Method;
use proptest::prelude::*;
use rstest::rstest;

use super::stand_in::{Asked, Says, StandIn};
use super::*;

const SHORT: Limits = Limits { answer: Duration::from_millis(150), largest: 4096 };
const SOON: Duration = Duration::from_millis(400);

fn question(method: Method, path: &str, body: &str) -> Question {
    Question {
        method,
        path: path.to_owned(),
        content_type: None,
        body: Bytes::copy_from_slice(body.as_bytes()),
    }
}

async fn find(stand_in: &StandIn) -> StripeMock {
    StripeMock::find(&stand_in.url, SOON, Limits::default()).await.unwrap()
}

/// Only the first call finds it like stripe-mock.
async fn then(says: Says) -> (StandIn, StripeMock) {
    let stand_in =
        StandIn::knowing(move |asked| asked.header("stripe-version").is_none().then(|| says.clone())).await;
    let mock = StripeMock::find(&stand_in.url, SOON, SHORT).await.unwrap();
    (stand_in, mock)
}

#[tokio::test]
async fn it_is_told_the_call_and_our_own_key() {
    let stand_in = StandIn::knowing(|_| None).await;
    let mock = find(&stand_in).await;
    assert_eq!((mock.name(), mock.speaks()), (Some("stripe-mock 0.0.1"), None));
    let body = "name=J%C3%A9nny&metadata[a]=1";
    let heard = mock.ask(&question(Method::POST, "/v1/customers?expand[]=tax", body)).await.unwrap();
    let Heard::Answered(reply) = heard else { panic!("{heard:?}") };
    assert_eq!((reply.status, reply.content_type.as_str()), (200, "application/json"));
    mock.ask(&Question {
        content_type: Some("multipart/form-data; boundary=x".into()),
        ..question(Method::POST, "/v1/files", "--x--")
    })
    .await
    .unwrap();
    mock.ask(&question(Method::GET, "/v1/customers?limit=3", "")).await.unwrap();
    let asked = stand_in.asked();
    assert_eq!(
        stand_in.calls(),
        ["POST /v1/customers?expand[]=tax", "POST /v1/files", "GET /v1/customers?limit=3"]
    );
    assert_eq!(asked[0].body, body, "the form as it came");
    let kinds: Vec<_> = asked.iter().map(|asked| asked.header("content-type")).collect();
    assert_eq!(
        kinds,
        [Some("application/x-www-form-urlencoded"), Some("multipart/form-data; boundary=x"), None]
    );
    let mut names: BTreeSet<&str> =
        asked.iter().flat_map(|asked| &asked.headers).map(|(name, _)| name.as_str()).collect();
    for own in ["accept", "content-length", "content-type", "host", "user-agent"] {
        names.remove(own);
    }
    assert_eq!(names, BTreeSet::from(["authorization"]));
    assert!(asked.iter().all(|asked| asked.header("authorization") == Some("Bearer sk_test_paydrill")));
}

#[tokio::test]
async fn a_strict_one_says_which_version_it_knows() {
    let stand_in = StandIn::new(|asked| match asked.header("stripe-version") {
        Some(version) => Says::error(400, &format!(
            "Version sent in `Stripe-Version` header '{version}' doesn't match version in OpenAPI specification \
             '2026-09-30.endive' which may have unintended consequences."
        )),
        None => Says::sample("cus_1"),
    })
    .await;
    let mock = find(&stand_in).await;
    assert_eq!(mock.speaks().map(ToString::to_string).as_deref(), Some("2026-09-30.endive"));
    let heard = mock.ask(&question(Method::GET, "/v1/customers/cus_1", "")).await.unwrap();
    assert!(matches!(heard, Heard::Answered(_)), "no version is named any more: {heard:?}");
}

#[tokio::test]
async fn one_that_comes_up_late_is_waited_for() {
    let place = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = place.local_addr().unwrap();
    let url = format!("http://{at}/");
    // It is bound and nobody answers; then one does who is not ready; then it is.
    let server = tokio::spawn(async move {
        tokio::task::yield_now().await;
        drop(place);
        let mut tries = 0;
        let listener = tokio::net::TcpListener::bind(at).await.unwrap();
        while let Ok((mut stream, _)) = listener.accept().await {
            use tokio::io::{AsyncReadExt, AsyncWriteExt};
            let mut bytes = [0; 4096];
            let _ = stream.read(&mut bytes).await;
            tries += 1;
            let answer: &[u8] = if tries == 1 {
                b"HTTP/1.1 503 Not yet\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            } else {
                b"HTTP/1.1 200 OK\r\nstripe-mock-version: 0.9\r\ncontent-type: application/json\r\n\
                  content-length: 2\r\nconnection: close\r\n\r\n{}"
            };
            let _ = stream.write_all(answer).await;
        }
    });
    let mock = StripeMock::find(&url, Duration::from_secs(20), Limits::default()).await.unwrap();
    assert_eq!(mock.name(), Some("stripe-mock 0.9"));
    server.abort();
}

#[rstest]
#[case::not_it(Says::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi".to_vec()), "without the header Stripe-Mock-Version")]
#[case::key_refused(Says::error(401, "Please authenticate"), "Please authenticate")]
#[case::no_http(Says::Raw(b"220 mail.example ESMTP\r\n".to_vec()), "reach stripe-mock")]
#[case::silent(Says::Nothing, "hear from stripe-mock")]
#[tokio::test]
async fn what_is_no_stripe_mock_is_not_taken_for_one(#[case] says: Says, #[case] expected: &str) {
    let stand_in = StandIn::new(move |_| says.clone()).await;
    let error = StripeMock::find(&stand_in.url, SOON, SHORT).await.unwrap_err().to_string();
    assert!(error.contains(expected) && error.contains(&stand_in.url), "{error}");
}

#[tokio::test]
async fn nobody_there_is_said() {
    let place = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", place.local_addr().unwrap());
    drop(place);
    let error = StripeMock::find(&url, SOON, SHORT).await.unwrap_err();
    assert!(matches!(&error, UpstreamError::Unreachable { url: at, .. } if *at == url), "{error:?}");
    assert!(error.to_string().to_lowercase().contains("refused"), "{error}");
}

#[rstest]
#[case::slow(Says::Nothing, "within 150 ms")]
#[case::huge(Says::Endless, "larger than 4096 bytes")]
#[case::garbage(Says::Raw(b"\0\xff\0 nonsense\r\n\r\n".to_vec()), "reach stripe-mock at")]
#[case::broken_off(Says::Raw(b"HTTP/1.1 200 OK\r\nstripe-mock-version: 1\r\ncontent-length: 90\r\n\r\n{".to_vec()), "reach stripe-mock at")]
#[case::half_json(
    Says::Raw(b"HTTP/1.1 200 OK\r\nstripe-mock-version: 1\r\ncontent-type: application/json\r\ncontent-length: 1\r\n\r\n{".to_vec()),
    "what is no JSON"
)]
#[case::elsewhere(Says::Raw(b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:9/\r\ncontent-length: 0\r\n\r\n".to_vec()), "302")]
#[case::out_of_order(Says::error(500, "An internal error occurred."), "a limit of its own")]
#[tokio::test]
async fn an_answer_that_says_nothing_is_an_error(#[case] says: Says, #[case] expected: &str) {
    let (_stand_in, mock) = then(says).await;
    let error = mock.ask(&question(Method::POST, "/v1/customers", "name=a")).await.unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

#[tokio::test]
async fn it_is_asked_again_after_it_went_away_and_came_back() {
    let stand_in = StandIn::knowing(|_| None).await;
    let mock = StripeMock::find(&stand_in.url, SOON, SHORT).await.unwrap();
    let asked = question(Method::GET, "/v1/customers", "");
    mock.ask(&asked).await.unwrap();
    stand_in.stop().await;
    assert!(matches!(mock.ask(&asked).await, Err(UpstreamError::Unreachable { .. })));
}

/// Refuses like the newest stripe-mock: what is missing first, then what is unknown, without its name.
fn strict(asked: &Asked, needed: &[&str], known: &[&str]) -> Option<Says> {
    let (_, query) = asked.call.split_once('?').unwrap_or((&asked.call, ""));
    let given: Vec<String> = form_urlencoded::parse(query.as_bytes())
        .chain(form_urlencoded::parse(asked.body.as_bytes()))
        .map(|(name, _)| name.split('[').next().unwrap_or_default().to_owned())
        .collect();
    if let Some(name) = needed.iter().find(|name| !given.iter().any(|given| given == *name)) {
        return Some(Says::refused(&format!("object property '{name}' is required")));
    }
    let unknown = |name: &String| !needed.contains(&name.as_str()) && !known.contains(&name.as_str());
    given.iter().any(unknown).then(|| Says::refused("additional properties are not allowed"))
}

async fn refused(question: Question) -> Vec<String> {
    let stand_in = StandIn::knowing(|asked| {
        (!asked.call.contains("/v1/balance"))
            .then(|| strict(asked, &["amount", "currency"], &["metadata"]))
            .flatten()
    })
    .await;
    let mock = find(&stand_in).await;
    match mock.ask(&question).await.unwrap() {
        Heard::Refused(_, refusal) => refusal.params,
        other => panic!("{other:?}"),
    }
}

#[rstest]
#[case("amount=1&currency=usd&colour=red", &["colour"])]
#[case("colour=red&amount=1&currency=usd", &["colour"])]
#[case("a=1&amount=1&b[0][x]=2&b[0][y]=3&currency=usd&c=3&metadata[k]=v", &["a", "b", "c"])]
#[case("amount=1&currency=usd&%C3%A9=1", &["é"])]
#[case("currency=usd&colour=red", &["amount"])]
#[tokio::test]
async fn what_is_unknown_is_named_also_where_stripe_mock_does_not(
    #[case] form: &str,
    #[case] params: &[&str],
) {
    assert_eq!(refused(question(Method::POST, "/v1/charges", form)).await, params);
    assert_eq!(refused(question(Method::GET, &format!("/v1/charges?{form}"), "")).await, params);
}

#[tokio::test]
async fn a_form_with_very_many_parameters_is_not_looked_through() {
    let many: String = (0..100).map(|at| format!("&x{at}=1")).collect();
    assert_eq!(
        refused(question(Method::POST, "/v1/charges", &format!("amount=1&currency=usd{many}"))).await,
        [""; 0]
    );
}

#[test]
fn a_call_is_named_without_its_query() {
    assert_eq!(question(Method::GET, "/v1/customers?email=a@b.c", "").call(), "GET /v1/customers");
}

proptest! {
    #[test]
    fn no_path_leads_to_another_host(path in "/v1/[!-~]{0,40}") {
        let url = reqwest::Url::parse(&format!("http://127.0.0.1:1{path}"));
        prop_assert!(url.is_ok_and(|url| url.host_str() == Some("127.0.0.1") && url.port() == Some(1)));
    }
}
