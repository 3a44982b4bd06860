//! The front with a stand-in double, and a client that trusts it or does not.

use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener as Listener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::*;

struct Rig {
    front: Front,
    double: Listener,
    _dir: tempfile::TempDir,
}

async fn rig() -> Rig {
    let dir = tempfile::tempdir().unwrap();
    let double = Listener::bind("127.0.0.1:0").await.unwrap();
    let place = FrontPlace {
        listen_on: [127, 0, 0, 1].into(),
        host: "127.0.0.1".to_owned(),
        own_hosts: false,
        double: double.local_addr().unwrap(),
        dir: dir.path(),
    };
    let front = Front::start(&place, Clock::start()).unwrap();
    Rig { front, double, _dir: dir }
}

/// Asks the proxy; gives the first line of its answer, and the connection.
async fn connect(front: &Front, request: &str) -> (String, TcpStream) {
    let mut stream = TcpStream::connect(("127.0.0.1", front.port)).await.unwrap();
    stream.write_all(format!("{request} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    (String::from_utf8(head).unwrap().lines().next().unwrap().to_owned(), stream)
}

/// Speaks TLS to `host`, trusting what is in `roots`.
async fn tls(stream: TcpStream, host: &str, roots: &str) -> io::Result<TlsStream<TcpStream>> {
    let mut trusted = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(roots.as_bytes()) {
        trusted.add(certificate.unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(trusted).with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

fn said(front: &Front) -> Vec<String> {
    front
        .said_since(Duration::ZERO)
        .into_iter()
        .map(|line| format!("{}: {}", line.process, line.text))
        .collect()
}

#[tokio::test]
async fn what_is_asked_of_stripe_reaches_the_double_byte_for_byte() {
    let Rig { front, double, _dir } = rig().await;
    let (answer, stream) = connect(&front, "CONNECT api.stripe.com:443").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let mut app = tls(stream, "api.stripe.com", &front.authority).await.unwrap();
    assert_eq!(fs::read_to_string(front.authority()).unwrap(), front.authority);
    app.write_all(b"GET /v1/customers HTTP/1.1\r\n\r\n").await.unwrap();
    let (mut arrived, _) = double.accept().await.unwrap();
    let mut bytes = [0; 30];
    arrived.read_exact(&mut bytes).await.unwrap();
    assert_eq!(&bytes, b"GET /v1/customers HTTP/1.1\r\n\r\n");
    arrived.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
    arrived.shutdown().await.unwrap();
    let mut answer = String::new();
    app.read_to_string(&mut answer).await.unwrap();
    assert_eq!((answer.as_str(), said(&front)), ("HTTP/1.1 200 OK\r\n\r\n", vec![]));
}

/// A call that the double lets fail by a reset must not look like one that ended in order.
#[tokio::test]
async fn a_connection_that_the_double_cuts_is_cut_for_the_app() {
    let Rig { front, double, _dir } = rig().await;
    let (_, stream) = connect(&front, "CONNECT api.stripe.com:443").await;
    let mut app = tls(stream, "api.stripe.com", &front.authority).await.unwrap();
    app.write_all(b"GET").await.unwrap();
    let (arrived, _) = double.accept().await.unwrap();
    arrived.set_zero_linger().unwrap();
    drop(arrived);
    let error = app.read_to_end(&mut Vec::new()).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

#[rstest::rstest]
#[case("CONNECT smtp.example:443", "smtp.example:443")]
#[case("CONNECT api.stripe.com:8443", "api.stripe.com:8443")]
#[case("GET http://intern.example/health", "intern.example")]
#[tokio::test]
async fn every_other_host_is_refused_by_name(#[case] request: &str, #[case] host: &str) {
    let Rig { front, double, _dir } = rig().await;
    let (answer, mut stream) = connect(&front, request).await;
    assert_eq!(answer, "HTTP/1.1 403 Forbidden");
    let mut reason = String::new();
    stream.read_to_string(&mut reason).await.unwrap();
    assert!(reason.starts_with(&format!("refused to lead the app to {host}: ")), "{reason}");
    assert_eq!(said(&front), [format!("paydrill: {reason}")]);
    assert!(futures_util::FutureExt::now_or_never(double.accept()).is_none(), "nobody reached the double");
}

#[tokio::test]
async fn an_app_that_does_not_trust_it_is_told_of() {
    let Rig { front, .. } = rig().await;
    let another = rcgen::generate_simple_self_signed(["another.example".to_owned()]).unwrap().cert.pem();
    let (_, stream) = connect(&front, "CONNECT api.stripe.com:443").await;
    assert!(tls(stream, "api.stripe.com", &another).await.is_err());
    let told = async {
        while said(&front).is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), told).await.unwrap();
    assert!(
        said(&front)[0].starts_with("paydrill: the app does not trust the certificate of api.stripe.com")
    );
}

/// Whoever has our authority among theirs trusts it for Stripe's hosts only.
#[tokio::test]
async fn the_authority_speaks_for_stripe_alone() {
    for (host, trusted) in [("api.stripe.com", true), ("bank.example", false)] {
        let made = Authority::make(&[host]).unwrap();
        let listener = Listener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (arrived, _) = listener.accept().await.unwrap();
        let (client, _) = tokio::join!(tls(stream, host, &made.certificate), made.acceptor.accept(arrived));
        assert_eq!(client.is_ok(), trusted, "{host}");
    }
}

#[tokio::test]
async fn a_program_is_told_how_to_come_and_whom_to_trust() {
    let Rig { front, _dir, .. } = rig().await;
    let own = _dir.path().join("own.pem");
    fs::write(&own, "OWN").unwrap();
    let own = own.display().to_string();
    let mut env = vec![
        ("NO_PROXY".to_owned(), "*.stripe.com,127.0.0.1".to_owned()),
        ("REQUESTS_CA_BUNDLE".to_owned(), own.clone()),
    ];
    front
        .lead(&mut env, "http://127.0.0.1:9", |name| (name == "NODE_EXTRA_CA_CERTS").then_some(own.as_str()));
    let last = |name: &str| crate::target::redirect::last(&env, name).unwrap();
    let text = |name: &str| fs::read_to_string(last(name)).unwrap();
    assert_eq!((last("HTTPS_PROXY"), last("NO_PROXY")), (front.proxy(), "127.0.0.1".to_owned()));
    assert_eq!(text("SSL_CERT_FILE"), format!("{}\n{}", front.system, front.authority));
    for with_its_own in ["REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"] {
        assert_eq!(text(with_its_own), format!("OWN\n{}", front.authority));
    }
    assert_eq!(text("DENO_CERT"), front.authority);
    assert!(last("NODE_OPTIONS").contains("--require") && !last("PYTHONPATH").is_empty());
}

/// Where its names lead to the front, a program needs neither proxy nor hook, but must trust it all the same.
#[tokio::test]
async fn who_comes_directly_is_told_of_no_proxy() {
    let Rig { mut front, _dir, .. } = rig().await;
    assert_eq!(front.hosts(), []);
    front.direct = Some([172, 18, 0, 1].into());
    let mut env = Vec::new();
    front.lead(&mut env, "http://172.18.0.1:9", |_| None);
    assert_eq!(front.hosts()[0], ("api.stripe.com".to_owned(), "172.18.0.1".to_owned()));
    let last = |name: &str| crate::target::redirect::last(&env, name);
    assert_eq!((last("https_proxy"), last("NODE_OPTIONS")), (None, None));
    assert_eq!(last("NODE_EXTRA_CA_CERTS"), Some(front.authority().display().to_string()));
}
