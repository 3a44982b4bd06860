//! Each way an attempt can end, against a server that is nothing but a socket.

use bytes::Bytes;
use rstest::rstest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;

use super::*;

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(60);

/// Reads one request, answers with `answer`, and then closes, in this order.
async fn server(answer: impl Into<Vec<u8>>) -> (String, JoinHandle<Vec<u8>>) {
    let (url, listener) = listener().await;
    let answer = answer.into();
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let request = read_request(&mut stream).await;
        stream.write_all(&answer).await.unwrap();
        request
    });
    (url, served)
}

async fn listener() -> (String, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    (format!("http://{}/hook", listener.local_addr().unwrap()), listener)
}

async fn read_request(stream: &mut TcpStream) -> Vec<u8> {
    let mut request = Vec::new();
    while !request.ends_with(BODY) {
        assert_ne!(stream.read_buf(&mut request).await.unwrap(), 0, "the request breaks off");
    }
    request
}

const BODY: &[u8] = "{\n  \"id\": \"evt_ë\"\n}".as_bytes();

fn prepared(url: &str, timeout: Duration) -> Prepared {
    Prepared {
        url: url.to_owned(),
        headers: vec![("content-type", "application/json".into()), ("stripe-signature", "t=1,v1=ab".into())],
        body: Bytes::from_static(BODY),
        timeout,
    }
}

async fn outcome(url: &str, timeout: Duration) -> AttemptOutcome {
    let sender = Sender::new().unwrap();
    sender.send(&prepared(url, timeout), &Clock::start(), |_| {}).await.unwrap().outcome
}

fn answered(status: u16, body: &str) -> AttemptOutcome {
    AttemptOutcome::Answered { status, body: body.to_owned() }
}

#[rstest]
#[case("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", answered(200, "ok"))]
#[case("HTTP/1.1 204 No Content\r\n\r\n", answered(204, ""))]
#[case("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n", answered(302, ""))]
#[case("HTTP/1.1 500 Oh\r\ncontent-length: 4\r\n\r\nTür", answered(500, "Tür"))]
#[case("HTTP/1.1 500 Oh\r\n\r\nuntil the end", answered(500, "until the end"))]
#[case("HTTP/1.1 299 Odd\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", answered(299, "ab"))]
#[case::not_utf8(b"HTTP/1.1 400 No\r\ncontent-length: 3\r\n\r\na\xff\xfe".as_slice(), answered(400, "a\u{fffd}\u{fffd}"))]
#[case::nothing("", AttemptOutcome::Reset)]
#[case::half_a_head("HTTP/1.1 200 OK\r\ncontent-le", AttemptOutcome::Reset)]
#[case::half_a_body("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort", AttemptOutcome::Reset)]
#[case::no_http("SSH-2.0-OpenSSH_9.2\r\n", AttemptOutcome::Reset)]
#[case::noise(b"\0\xff\x16\x03\x01\r\n\r\n".as_slice(), AttemptOutcome::Reset)]
#[tokio::test]
async fn answers(#[case] answer: impl Into<Vec<u8>>, #[case] expected: AttemptOutcome) {
    let (url, served) = server(answer).await;
    assert_eq!(outcome(&url, LONG).await, expected);
    served.await.unwrap();
}

#[tokio::test]
async fn a_connection_cut_hard_is_a_reset() {
    let (url, listener) = listener().await;
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        stream.set_zero_linger().unwrap();
    });
    assert_eq!(outcome(&url, LONG).await, AttemptOutcome::Reset);
    served.await.unwrap();
}

#[tokio::test]
async fn nobody_there_is_refused() {
    // Bound, so that nobody else gets the port, but not listening.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}/hook", socket.local_addr().unwrap());
    assert_eq!(outcome(&url, LONG).await, AttemptOutcome::Refused);
}

#[rstest]
#[case::before_the_answer(b"".as_slice())]
#[case::within_the_head(b"HTTP/1.1 200 OK\r\n".as_slice())]
#[case::within_the_body(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nab".as_slice())]
#[tokio::test]
async fn when_the_limit_is_reached_the_connection_is_closed(#[case] start: &'static [u8]) {
    let (url, listener) = listener().await;
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        stream.write_all(start).await.unwrap();
        // Goes on until the client has gone.
        stream.read_to_end(&mut Vec::new()).await
    });
    assert_eq!(outcome(&url, Duration::from_millis(50)).await, AttemptOutcome::TimedOut);
    // An end of file, or a reset where something was left unread.
    let _ = served.await.unwrap();
}

#[tokio::test]
async fn a_huge_answer_is_read_in_part() {
    const HUGE: usize = 10 * 1024 * 1024;
    let (url, listener) = listener().await;
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {HUGE}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all("é".repeat(HUGE / 2).as_bytes()).await
    });
    let AttemptOutcome::Answered { status, body } = outcome(&url, LONG).await else { panic!("not answered") };
    assert_eq!((status, body), (200, "é".repeat(BODY_KEPT / 2)));
    // Sockets buffer a few megabytes at most, so the rest can only fail.
    assert!(served.await.unwrap().is_err(), "all of it was read");
}

#[tokio::test]
async fn exactly_what_was_prepared_is_sent() {
    let (url, served) = server("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    outcome(&url, LONG).await;
    let request = String::from_utf8(served.await.unwrap()).unwrap();
    let host = url.trim_start_matches("http://").trim_end_matches("/hook");
    insta::assert_snapshot!(request.replace('\r', "").replace(host, "[host]"), @r#"
    POST /hook HTTP/1.1
    content-type: application/json
    stripe-signature: t=1,v1=ab
    accept: */*
    host: [host]
    content-length: 20

    {
      "id": "evt_ë"
    }
    "#);
}

#[tokio::test]
async fn each_attempt_has_a_connection_of_its_own() {
    let (url, listener) = listener().await;
    let served = tokio::spawn(async move {
        // The first connection stays open, as an app would keep it.
        let mut open = Vec::new();
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().await.unwrap();
            read_request(&mut stream).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            open.push(stream);
        }
    });
    let sender = Sender::new().unwrap();
    for _ in 0..2 {
        let sent = sender.send(&prepared(&url, LONG), &Clock::start(), |_| {}).await.unwrap();
        assert_eq!(sent.outcome, answered(200, ""));
    }
    served.await.unwrap();
}

#[tokio::test]
async fn times_are_those_of_the_clock_and_the_start_is_told() {
    let (url, served) = server("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let clock = Clock::start();
    let before = clock.elapsed();
    let mut told = Vec::new();
    let sender = Sender::new().unwrap();
    let sent = sender.send(&prepared(&url, LONG), &clock, |at| told.push(at)).await.unwrap();
    assert_eq!(told, [sent.sent]);
    assert!(before <= sent.sent && sent.sent + sent.took <= clock.elapsed());
    let record = sent.clone().record(3);
    assert_eq!((record.number, record.sent, record.took), (3, sent.sent, sent.took));
    served.await.unwrap();
}

#[rstest]
#[case("not a url")]
#[case("/stripe/webhook")]
#[case("ftp://127.0.0.1/")]
#[tokio::test]
async fn what_is_no_url_is_our_own_mistake(#[case] url: &str) {
    let sender = Sender::new().unwrap();
    let refused = sender.send(&prepared(url, LONG), &Clock::start(), |_| {}).await;
    assert!(matches!(&refused, Err(SendError::Request { url: named, .. }) if named == url), "{refused:?}");
}

#[test]
fn an_answer_is_cut_between_characters() {
    let body = format!("{}é", "a".repeat(BODY_KEPT - 1));
    assert_eq!(start_of(body.as_bytes()), "a".repeat(BODY_KEPT - 1));
    assert_eq!(start_of(b"short"), "short");
}

#[tokio::test]
async fn a_connection_that_this_machine_cannot_open_says_nothing_of_the_app() {
    // Whoever was first has installed the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (url, _listener) = listener().await;
    // An address for documentation only, which is nobody's: as with ports that are used up, `EADDRNOTAVAIL`.
    let nowhere = std::net::IpAddr::from([192, 0, 2, 1]);
    let plain = builder().tls_certs_only([]).local_address(nowhere).build().unwrap();
    let sender = Sender { plain, secure: Arc::default() };
    let failed = sender.send(&prepared(&url, LONG), &Clock::start(), |_| {}).await;
    assert!(matches!(failed, Err(SendError::Exhausted { .. })), "{failed:?}");
}

#[tokio::test]
async fn attempts_can_be_spawned() {
    let (url, served) = server("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let (sender, clock) = (Sender::new().unwrap(), Clock::start());
    let spawned = tokio::spawn(async move { sender.send(&prepared(&url, LONG), &clock, |_| {}).await });
    assert_eq!(spawned.await.unwrap().unwrap().outcome, answered(200, ""));
    served.await.unwrap();
}
