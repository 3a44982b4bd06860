//! Whether an engine for containers is there and may be used: Docker, or Podman, which answers the same calls.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use super::Machine;

/// How long an engine may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// An image that the project names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The key.
    pub key: String,
    /// Its name.
    pub name: String,
}

/// What there is of an engine.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Containers {
    /// Neither Docker nor Podman.
    #[default]
    None,
    /// It answers.
    Answers {
        /// `Docker 20.10.24`
        name: String,
        /// Its socket or address.
        at: String,
    },
    /// Its socket is there, and this user may not use it.
    NoRights {
        /// The socket.
        at: String,
    },
    /// There is a program, or an address that somebody has set, and nobody answers.
    Silent {
        /// The program or address.
        what: String,
        /// Why, in words.
        problem: String,
    },
}

/// Where an engine is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    Socket(PathBuf),
    Tcp(String),
}

impl Address {
    /// Where one may be, best first: what `DOCKER_HOST` says, else the usual places.
    pub(super) fn candidates(machine: &Machine) -> Vec<Self> {
        if let Some(host) = &machine.docker_host {
            return Self::read(host).into_iter().collect();
        }
        let in_runtime = machine.runtime_dir.iter();
        let in_runtime = in_runtime.flat_map(|dir| [dir.join("docker.sock"), dir.join("podman/podman.sock")]);
        let in_home = machine.home.iter().map(|home| home.join(".docker/run/docker.sock"));
        let usual = [PathBuf::from("/var/run/docker.sock")].into_iter();
        let podman = [PathBuf::from("/run/podman/podman.sock")];
        usual.chain(in_runtime).chain(in_home).chain(podman).map(Self::Socket).collect()
    }

    fn read(host: &str) -> Option<Self> {
        let (scheme, rest) = host.split_once("://")?;
        match scheme {
            "unix" => Some(Self::Socket(rest.into())),
            "tcp" | "http" => Some(Self::Tcp(rest.trim_end_matches('/').to_owned())),
            _ => None,
        }
    }

    pub(super) fn shown(&self) -> String {
        match self {
            Self::Socket(path) => path.display().to_string(),
            Self::Tcp(address) => address.clone(),
        }
    }

    /// GETs a path of its API; gives status and body.
    async fn get(&self, path: &str) -> std::io::Result<(u16, Bytes)> {
        let asked = async {
            match self {
                Self::Socket(socket) => get(UnixStream::connect(socket).await?, path).await,
                Self::Tcp(address) => get(TcpStream::connect(address).await?, path).await,
            }
        };
        tokio::time::timeout(PATIENCE, asked).await.map_err(|_| ErrorKind::TimedOut)?
    }

    /// Whether an image of this name is there; `None`: it does not say.
    pub(super) async fn has_image(&self, name: &str) -> Option<bool> {
        match self.get(&format!("/images/{name}/json")).await {
            Ok((200, _)) => Some(true),
            Ok((404, _)) => Some(false),
            _ => None,
        }
    }
}

async fn get<S>(stream: S, path: &str) -> std::io::Result<(u16, Bytes)>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await.map_err(std::io::Error::other)?;
    let serving = tokio::spawn(connection);
    let request = http::Request::get(path).header("host", "engine").body(Empty::<Bytes>::new());
    let asked = async {
        let answer = sender.send_request(request.map_err(std::io::Error::other)?).await;
        let answer = answer.map_err(std::io::Error::other)?;
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.map_err(std::io::Error::other)?;
        Ok((status, body.to_bytes()))
    };
    let answer = asked.await;
    serving.abort();
    answer
}

/// The first engine that answers; where none does, what is nearest to one.
pub(super) async fn find(
    machine: &Machine,
    is_program: &(dyn Fn(&str) -> bool + Sync),
) -> (Containers, Option<Address>) {
    let mut nearest = Containers::None;
    for address in Address::candidates(machine) {
        match address.get("/version").await {
            Ok((200, body)) => {
                let (name, at) = (name(&body), address.shown());
                return (Containers::Answers { name, at }, Some(address));
            }
            Ok((status, _)) => {
                let problem = format!("it answered with status {status}");
                nearest = Containers::Silent { what: address.shown(), problem };
            }
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                nearest = Containers::NoRights { at: address.shown() };
            }
            Err(error) if error.kind() == ErrorKind::NotFound && machine.docker_host.is_none() => {}
            Err(error) => {
                nearest = Containers::Silent { what: address.shown(), problem: error.to_string() };
            }
        }
    }
    if nearest == Containers::None
        && let Some(program) = ["dockerd", "podman", "docker"].into_iter().find(|name| is_program(name))
    {
        let problem = "it is installed, and does not run".to_owned();
        nearest = Containers::Silent { what: program.to_owned(), problem };
    }
    (nearest, None)
}

/// `Docker 20.10.24`: Podman says its own name in its first component.
fn name(version: &[u8]) -> String {
    let version: Value = serde_json::from_slice(version).unwrap_or_default();
    let component = version["Components"][0]["Name"].as_str().unwrap_or_default();
    let name = if component.starts_with("Podman") { "Podman" } else { "Docker" };
    format!("{name} {}", version["Version"].as_str().unwrap_or_default()).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(Some("unix:///tmp/d.sock"), &["/tmp/d.sock"])]
    #[case(Some("tcp://127.0.0.1:2375"), &["127.0.0.1:2375"])]
    #[case(Some("ssh://elsewhere"), &[])]
    #[case(None, &["/var/run/docker.sock", "/run/user/7/docker.sock", "/run/user/7/podman/podman.sock", "/home/ann/.docker/run/docker.sock", "/run/podman/podman.sock"])]
    fn engines_are_looked_for_where_they_may_be(#[case] host: Option<&str>, #[case] expected: &[&str]) {
        let machine = Machine {
            docker_host: host.map(str::to_owned),
            runtime_dir: Some("/run/user/7".into()),
            home: Some("/home/ann".into()),
            ..Machine::for_test()
        };
        let found: Vec<String> = Address::candidates(&machine).iter().map(Address::shown).collect();
        assert_eq!(found, expected);
    }

    #[rstest::rstest]
    #[case(r#"{"Version":"20.10.24","Components":[{"Name":"Engine"}]}"#, "Docker 20.10.24")]
    #[case(r#"{"Version":"4.3.1","Components":[{"Name":"Podman Engine"}]}"#, "Podman 4.3.1")]
    #[case("nonsense", "Docker")]
    fn an_engine_says_its_name(#[case] version: &str, #[case] expected: &str) {
        assert_eq!(name(version.as_bytes()), expected);
    }

    /// A stand-in engine that answers every call with these bytes.
    async fn asked(answer: &'static [u8], paths: &[&str]) -> (Containers, Vec<Option<bool>>) {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("engine.sock");
        let listener = tokio::net::UnixListener::bind(&socket).unwrap();
        let serving = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut asked = vec![0; 1024];
                let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut asked).await;
                let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, answer).await;
            }
        });
        let host = Some(format!("unix://{}", socket.display()));
        let machine = Machine { docker_host: host, ..Machine::for_test() };
        let (mut found, address) = find(&machine, &|_| false).await;
        if let Containers::Answers { at, .. } | Containers::Silent { what: at, .. } = &mut found {
            *at = "SOCKET".to_owned();
        }
        let mut images = Vec::new();
        for path in paths {
            images.push(match &address {
                Some(address) => address.has_image(path).await,
                None => None,
            });
        }
        serving.abort();
        (found, images)
    }

    #[tokio::test]
    async fn an_engine_that_answers_is_found_and_asked_for_images() {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{\"Version\":\"25.0.3\"}";
        let (found, images) = asked(answer, &["shop:latest"]).await;
        let expected = Containers::Answers { name: "Docker 25.0.3".to_owned(), at: "SOCKET".to_owned() };
        assert_eq!((found, images), (expected, vec![Some(true)]));
    }

    #[tokio::test]
    async fn one_that_refuses_is_told_with_its_answer() {
        let (found, _) = asked(b"HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n", &[]).await;
        let problem = "it answered with status 503".to_owned();
        assert_eq!(found, Containers::Silent { what: "SOCKET".to_owned(), problem });
    }

    #[tokio::test]
    async fn an_address_that_is_set_and_silent_is_told() {
        let machine =
            Machine { docker_host: Some("unix:///nowhere/d.sock".to_owned()), ..Machine::for_test() };
        let (found, _) = find(&machine, &|_| true).await;
        assert!(matches!(found, Containers::Silent { what, .. } if what == "/nowhere/d.sock"));
    }
}
