//! From the app's connections to the double, byte for byte.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::AlertDescription;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::super::{LogLine, Stream};
use super::{HOSTS, TLS};
use crate::time::Clock;

/// How long a caller may take to say what it wants, and to agree on TLS.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest head of a request to the proxy, in bytes.
const LONGEST_HEAD: u64 = 16 << 10;
/// The most that is remembered to be told.
const MOST_REMARKS: usize = 200;

/// A connection of the app's. What was read of it too early is still in it.
type Caller = BufReader<TcpStream>;

/// Passes connections on.
pub(super) struct Relay {
    acceptor: TlsAcceptor,
    double: SocketAddr,
    remarks: Arc<Remarks>,
}

impl Relay {
    pub(super) fn new(acceptor: TlsAcceptor, double: SocketAddr, remarks: Arc<Remarks>) -> Self {
        Self { acceptor, double, remarks }
    }

    /// Serves those who think that they reached Stripe. Dropped, it ends every connection.
    pub(super) async fn direct(self: Arc<Self>, listener: TcpListener) {
        self.serve(listener, |relay, caller| async move { relay.pass_on(caller, HOSTS[0]).await }).await;
    }

    /// Serves those who know that they speak to a proxy.
    pub(super) async fn proxy(self: Arc<Self>, listener: TcpListener) {
        self.serve(listener, |relay, caller| async move { relay.connect(caller).await }).await;
    }

    async fn serve<F>(self: Arc<Self>, listener: TcpListener, each: fn(Arc<Self>, Caller) -> F)
    where
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        let mut open = JoinSet::new();
        loop {
            tokio::select! {
                Some(_) = open.join_next() => {}
                came = listener.accept() => match came {
                    Ok((stream, _)) => {
                        let _ = stream.set_nodelay(true);
                        open.spawn(each(Arc::clone(&self), BufReader::new(stream)));
                    }
                    // Out of file handles, or the caller is gone already: the next one may do better.
                    Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
                },
            }
        }
    }

    /// What a caller wants of the proxy: a way to one of Stripe's hosts, and nothing else.
    async fn connect(&self, mut caller: Caller) -> io::Result<()> {
        let read = tokio::time::timeout(PATIENCE, head(&mut caller)).await;
        let (method, target) = read.map_err(|_| io::ErrorKind::TimedOut)??;
        let to = Target::read(&method, &target);
        if let Target::Stripe(host) = to {
            caller.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
            return self.pass_on(caller, host).await;
        }
        let said = to.refusal();
        self.remarks.add(said.clone());
        let answer = format!(
            "HTTP/1.1 403 Forbidden\r\ncontent-type: text/plain\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{said}",
            said.len()
        );
        caller.write_all(answer.as_bytes()).await?;
        caller.shutdown().await
    }

    /// Ends TLS, and passes everything on in both directions until either side has ended.
    async fn pass_on(&self, caller: Caller, host: &str) -> io::Result<()> {
        let agreed = tokio::time::timeout(PATIENCE, self.acceptor.accept(caller)).await;
        let mut caller = agreed.map_err(|_| io::ErrorKind::TimedOut)?.inspect_err(|error| {
            if let Some(said) = distrust(error, host) {
                self.remarks.add(said);
            }
        })?;
        let mut double = TcpStream::connect(self.double).await?;
        let _ = double.set_nodelay(true);
        let passed = copy_bidirectional(&mut caller, &mut double).await;
        if passed.is_err() {
            // A connection that the double cuts is cut for the app too, not closed in order.
            let _ = caller.get_ref().0.get_ref().set_zero_linger();
        }
        passed.map(|_| ())
    }
}

/// Where a request to the proxy wants to go.
#[derive(Debug, PartialEq, Eq)]
enum Target {
    Stripe(&'static str),
    Other(String),
    /// No request at all, or a path as one asks a server for.
    Nonsense,
}

impl Target {
    fn read(method: &str, target: &str) -> Self {
        if method.eq_ignore_ascii_case("CONNECT") {
            let Some((host, port)) = target.rsplit_once(':') else { return Self::Nonsense };
            let stripe = HOSTS.into_iter().find(|known| known.eq_ignore_ascii_case(host));
            return match stripe.filter(|_| port.parse() == Ok(TLS)) {
                Some(host) => Self::Stripe(host),
                None => Self::Other(target.to_owned()),
            };
        }
        match target.split_once("://") {
            Some((_, rest)) => Self::Other(rest.split(['/', '?', '#']).next().unwrap_or_default().to_owned()),
            None => Self::Nonsense,
        }
    }

    /// What is said of what is refused.
    fn refusal(&self) -> String {
        let Self::Other(host) = self else {
            return "this is a proxy, which leads to Stripe's API".to_owned();
        };
        let host: String = host.chars().filter(|c| !c.is_control()).take(200).collect();
        format!(
            "refused to lead the app to {host}: with target.redirect = \"proxy\" it reaches Stripe's API, this machine, and \
             what target.env.NO_PROXY names"
        )
    }
}

/// The first two words of a request, whose head is read to its end.
async fn head(caller: &mut (impl AsyncBufRead + Unpin)) -> io::Result<(String, String)> {
    let mut limited = caller.take(LONGEST_HEAD);
    let mut first = String::new();
    limited.read_line(&mut first).await?;
    let mut line = String::new();
    loop {
        line.clear();
        match limited.read_line(&mut line).await? {
            0 => return Err(io::ErrorKind::InvalidData.into()),
            _ if line.trim_end().is_empty() => break,
            _ => {}
        }
    }
    let mut words = first.split_ascii_whitespace().map(str::to_owned);
    words.next().zip(words.next()).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// What is said of an app that broke off because it does not trust our authority.
fn distrust(error: &io::Error, host: &str) -> Option<String> {
    let inner = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    let rustls::Error::AlertReceived(alert) = inner else { return None };
    let distrusts = matches!(
        alert,
        AlertDescription::UnknownCA | AlertDescription::BadCertificate | AlertDescription::CertificateUnknown
    );
    distrusts.then(|| {
        format!(
            "the app does not trust the certificate of {host} ({alert:?}): it takes none from SSL_CERT_FILE and its like. \
             Give it the file {{{{ provider.ca_bundle }}}} in its own way"
        )
    })
}

/// What a front has to say, as lines beside the app's own output.
#[derive(Debug)]
pub(super) struct Remarks {
    clock: Clock,
    lines: Mutex<VecDeque<LogLine>>,
}

impl Remarks {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, lines: Mutex::default() }
    }

    fn add(&self, text: String) {
        let line = LogLine {
            process: "paydrill".to_owned(),
            stream: Stream::Stderr,
            at: self.clock.elapsed(),
            text,
        };
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() >= MOST_REMARKS {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    pub(super) fn since(&self, since: Duration) -> Vec<LogLine> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().filter(|line| line.at >= since).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("CONNECT", "api.stripe.com:443", Target::Stripe("api.stripe.com"))]
    #[case("CONNECT", "API.Stripe.com:443", Target::Stripe("api.stripe.com"))]
    #[case("CONNECT", "files.stripe.com:443", Target::Stripe("files.stripe.com"))]
    #[case("CONNECT", "api.stripe.com:80", Target::Other("api.stripe.com:80".to_owned()))]
    #[case("CONNECT", "api.stripe.com.evil.example:443", Target::Other("api.stripe.com.evil.example:443".to_owned()))]
    #[case("CONNECT", "checkout.stripe.com:443", Target::Other("checkout.stripe.com:443".to_owned()))]
    #[case("GET", "http://example.com/a?b", Target::Other("example.com".to_owned()))]
    #[case("GET", "/", Target::Nonsense)]
    #[case("CONNECT", "api.stripe.com", Target::Nonsense)]
    fn only_stripes_hosts_are_led_to(#[case] method: &str, #[case] target: &str, #[case] expected: Target) {
        assert_eq!(Target::read(method, target), expected);
    }

    #[tokio::test]
    async fn a_head_is_read_to_its_end_and_no_further() {
        let mut sent = &b"CONNECT api.stripe.com:443 HTTP/1.1\r\nhost: x\r\n\r\nmore"[..];
        let words = head(&mut sent).await.unwrap();
        assert_eq!(words, ("CONNECT".to_owned(), "api.stripe.com:443".to_owned()));
        assert_eq!(sent, b"more");
        for nonsense in [&b""[..], b"\r\n\r\n", b"CONNECT a HTTP/1.1\r\nno end"] {
            assert!(head(&mut &nonsense[..]).await.is_err());
        }
        let endless = vec![b'x'; 100_000];
        assert!(head(&mut &endless[..]).await.is_err());
    }

    #[test]
    fn only_the_newest_remarks_are_kept() {
        let remarks = Remarks::new(Clock::start());
        (0..MOST_REMARKS + 1).for_each(|number| remarks.add(number.to_string()));
        let kept = remarks.since(Duration::ZERO);
        assert_eq!((kept.len(), kept[0].text.as_str()), (MOST_REMARKS, "1"));
    }
}
