//! Waiting until the target is up.
//!
//! A check is repeated, from every 2 ms at first to every 50 ms, until it holds or its time is over. The time
//! is the only limit: an app may take long to answer its first request.

use std::error::Error;
use std::fmt;
use std::net::Ipv6Addr;
use std::time::Duration;

use reqwest::Url;
use tokio::net::TcpStream;

use super::LaunchError;
use super::error::{CheckFault, LOG_LINES};
use super::log::Log;
use super::port;
use super::spec::{Ready, ReadyCheck};
use crate::time::{Clock, human};

/// The pause after the first check, doubled after each.
const FIRST_PAUSE: Duration = Duration::from_millis(2);
/// The longest pause between two checks.
const LONGEST_PAUSE: Duration = Duration::from_millis(50);
/// How long one check may take, so that a connection that got lost does not use up all the time.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the last check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadyAnswer {
    /// There was no time for a check.
    NotAsked,
    /// No connection, for this reason.
    Unreachable(String),
    /// No connection on 127.0.0.1, but something listens on the same port of `::1`.
    OnlyOnIpv6,
    /// No connection to a container, which may listen where only it itself reaches it.
    NotFromOutside(String),
    /// A connection, but no answer for this long.
    Silent(Duration),
    /// An answer with this status.
    Status(u16),
    /// No line had this text.
    NoLine(String),
    /// A container whose health check says something else than `healthy`.
    Health {
        /// `starting`, `unhealthy`.
        status: String,
        /// What its newest check printed.
        said: String,
    },
}

impl fmt::Display for ReadyAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAsked => write!(f, "it was not asked"),
            Self::Unreachable(reason) => write!(f, "last answer: {reason}"),
            Self::OnlyOnIpv6 => write!(f, "it listens on ::1 only; let it listen on 127.0.0.1"),
            Self::NotFromOutside(reason) => write!(
                f,
                "last answer: {reason}; inside a container an app must listen on 0.0.0.0, since nobody else reaches \
                 its 127.0.0.1"
            ),
            Self::Silent(time) => write!(f, "last answer: none for {}", human(*time)),
            Self::Status(status) => write!(f, "last answer: status {status}"),
            Self::NoLine(text) => write!(f, "no line of its output contains `{text}`"),
            Self::Health { status, said } if said.is_empty() => write!(f, "its health check says: {status}"),
            Self::Health { status, said } => write!(f, "its health check says: {status}: {said}"),
        }
    }
}

/// Waits until a part of the target is ready, and says which part is not.
pub(super) async fn until_ready(
    name: &str,
    ready: &Ready,
    base_url: &str,
    log: &Log,
    clock: Clock,
) -> Result<(), LaunchError> {
    let unfit = |cause: CheckFault| LaunchError::CannotCheck { url: base_url.to_owned(), cause };
    let check = Check::new(&ready.check, base_url, Some(log)).map_err(unfit)?;
    check.wait(ready.within, clock).await.map_err(|last_answer| LaunchError::NotReady {
        process: name.to_owned(),
        within: ready.within,
        last_answer,
        log: log.tail(LOG_LINES),
    })
}

/// The text that a log is to look out for.
pub(super) fn wanted(ready: Option<&Ready>) -> Option<&str> {
    match &ready?.check {
        ReadyCheck::Log { contains } => Some(contains),
        ReadyCheck::Http { .. } | ReadyCheck::Port | ReadyCheck::Health => None,
    }
}

/// A check that can be made.
pub(super) enum Check<'a> {
    Http(reqwest::Client, Url),
    Connect(String, u16),
    Log(&'a Log, String),
}

impl<'a> Check<'a> {
    /// Makes ready to ask `base_url`, or to look into `log`.
    pub(super) fn new(check: &ReadyCheck, base_url: &str, log: Option<&'a Log>) -> Result<Self, CheckFault> {
        match check {
            ReadyCheck::Http { path_or_url } => {
                let url = target_url(base_url, path_or_url)?;
                Ok(Self::Http(client(&url).map_err(CheckFault::NoClient)?, url))
            }
            ReadyCheck::Port => {
                let url = target_url(base_url, "/")?;
                let (host, port) =
                    url.host_str().zip(url.port_or_known_default()).ok_or(CheckFault::NotAUrl)?;
                Ok(Self::Connect(host.trim_matches(['[', ']']).to_owned(), port))
            }
            ReadyCheck::Log { contains } => Ok(Self::Log(log.ok_or(CheckFault::NoOutput)?, contains.clone())),
            ReadyCheck::Health => Err(CheckFault::NoHealthCheck),
        }
    }

    /// Waits until it holds.
    pub(super) async fn wait(&self, within: Duration, clock: Clock) -> Result<(), ReadyAnswer> {
        let deadline = clock.elapsed().saturating_add(within);
        let mut last = ReadyAnswer::NotAsked;
        let mut pause = FIRST_PAUSE;
        loop {
            let left = deadline.saturating_sub(clock.elapsed());
            if left.is_zero() {
                return Err(self.look_beside(last));
            }
            match self.once(left).await {
                Ok(()) => return Ok(()),
                // It was cut short by our deadline: what was found before says more.
                Err(ReadyAnswer::Silent(time)) if time < LONGEST_PAUSE && last != ReadyAnswer::NotAsked => {}
                Err(answer) => last = answer,
            }
            tokio::time::sleep(pause.min(left)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn once(&self, left: Duration) -> Result<(), ReadyAnswer> {
        let patience = left.min(PATIENCE);
        match self {
            Self::Http(client, url) => get(client, url, patience).await,
            Self::Connect(host, port) => connect(host, *port, patience).await,
            // It is told the moment the line appears, so there is nothing to repeat.
            Self::Log(log, text) => {
                tokio::time::timeout(left, log.wanted()).await.map_err(|_| ReadyAnswer::NoLine(text.clone()))
            }
        }
    }

    /// An app that was told to listen on `localhost` may do so on `::1` only.
    fn look_beside(&self, last: ReadyAnswer) -> ReadyAnswer {
        let (host, port) = match self {
            Self::Http(_, url) => (url.host_str(), url.port_or_known_default()),
            Self::Connect(host, port) => (Some(host.as_str()), Some(*port)),
            Self::Log(..) => (None, None),
        };
        match (&last, host, port) {
            (ReadyAnswer::Unreachable(_), Some("127.0.0.1"), Some(port))
                if port::listens(Ipv6Addr::LOCALHOST.into(), port) =>
            {
                ReadyAnswer::OnlyOnIpv6
            }
            _ => last,
        }
    }
}

async fn get(client: &reqwest::Client, url: &Url, patience: Duration) -> Result<(), ReadyAnswer> {
    match client.get(url.clone()).timeout(patience).send().await {
        Ok(answer) if answer.status().is_success() => Ok(()),
        Ok(answer) => Err(ReadyAnswer::Status(answer.status().as_u16())),
        Err(error) if error.is_timeout() => Err(ReadyAnswer::Silent(patience)),
        Err(error) => Err(ReadyAnswer::Unreachable(innermost(&error))),
    }
}

async fn connect(host: &str, port: u16, patience: Duration) -> Result<(), ReadyAnswer> {
    match tokio::time::timeout(patience, TcpStream::connect((host, port))).await {
        Ok(Ok(stream)) if port::is_own_echo(stream.local_addr(), stream.peer_addr()) => {
            Err(ReadyAnswer::Unreachable("connection refused".into()))
        }
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(ReadyAnswer::Unreachable(innermost(&error))),
        Err(_) => Err(ReadyAnswer::Silent(patience)),
    }
}

/// The cause at the bottom: what lies above it only says that a request was sent.
fn innermost(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

/// Asks a URL once, whatever it answers.
///
/// # Errors
/// Why there is no answer, in words.
pub async fn ask(url: &str, patience: Duration) -> Result<reqwest::Response, String> {
    let url = target_url(url, "/").map_err(|fault| fault.to_string())?;
    let client = client(&url).map_err(|error| innermost(&error))?;
    client.get(url).timeout(patience).send().await.map_err(|error| innermost(&error))
}

/// A client that asks only whom it is told to: no proxy, no redirects.
pub(super) fn client(url: &Url) -> Result<reqwest::Client, reqwest::Error> {
    // Fails when one is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    // Reading the system's certificates takes time, and an image from scratch has none.
    let client = if url.scheme() == "http" { client.tls_certs_only([]) } else { client };
    client.build()
}

/// A path below the base URL, or a URL of its own.
pub(super) fn target_url(base_url: &str, path_or_url: &str) -> Result<Url, CheckFault> {
    let url = if path_or_url.starts_with("http://") || path_or_url.starts_with("https://") {
        Url::parse(path_or_url)
    } else {
        Url::parse(&format!("{}/{}", base_url.trim_end_matches('/'), path_or_url.trim_start_matches('/')))
    };
    url.ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .ok_or(CheckFault::NotAUrl)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("http://127.0.0.1:3000", "/healthz", Some("http://127.0.0.1:3000/healthz"))]
    #[case("http://127.0.0.1:3000/", "healthz?deep=1", Some("http://127.0.0.1:3000/healthz?deep=1"))]
    #[case("http://127.0.0.1:3000/app", "/healthz", Some("http://127.0.0.1:3000/app/healthz"))]
    #[case("http://127.0.0.1:3000", "http://127.0.0.1:9/up", Some("http://127.0.0.1:9/up"))]
    #[case("127.0.0.1:3000", "/healthz", None)]
    #[case("file:///etc", "/passwd", None)]
    #[case("", "/", None)]
    fn urls_lie_below_the_base(#[case] base: &str, #[case] path: &str, #[case] expected: Option<&str>) {
        assert_eq!(target_url(base, path).ok().as_ref().map(Url::as_str), expected);
    }
}
