//! The container engine: where it is, and whether it can be used.

use std::io;
use std::path::Path;
use std::time::Duration;

use testcontainers::bollard::Docker;
use testcontainers::bollard::errors::Error as EngineError;
use testcontainers::core::client::docker_client_instance;

use super::error::{ContainerError, said, system};

/// How long an engine may take for its first word: it is local, or near.
const FIRST_WORD: Duration = Duration::from_secs(10);

/// Where the engine is, for the programs beside it; `testcontainers` finds it in the same order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineAddress(pub String);

impl EngineAddress {
    /// The variables of our environment that tell it.
    pub const VARIABLES: [&'static str; 3] = ["DOCKER_HOST", "XDG_RUNTIME_DIR", "HOME"];

    /// What `DOCKER_HOST` says, else the first socket that is there, of Docker's usual places.
    pub fn find<'a>(variable: impl Fn(&str) -> Option<&'a str>, exists: impl Fn(&str) -> bool) -> Self {
        let usual = "/var/run/docker.sock";
        if let Some(host) = variable("DOCKER_HOST").filter(|host| !host.is_empty()) {
            return Self(host.to_owned());
        }
        let below = |name: &str, place: &str| variable(name).map(|folder| format!("{folder}/{place}"));
        let places = [
            Some(usual.to_owned()),
            below("XDG_RUNTIME_DIR", ".docker/run/docker.sock"),
            below("HOME", ".docker/run/docker.sock"),
            below("HOME", ".docker/desktop/docker.sock"),
        ];
        let found = places.into_iter().flatten().find(|place| exists(place));
        Self(format!("unix://{}", found.as_deref().unwrap_or(usual)))
    }

    /// As this machine has it.
    pub fn here<'a>(variable: impl Fn(&str) -> Option<&'a str>) -> Self {
        Self::find(variable, |place| Path::new(place).exists())
    }
}

/// A container engine that answers.
#[derive(Debug, Clone)]
pub struct Engine {
    pub(super) docker: Docker,
    pub(super) address: EngineAddress,
}

impl Engine {
    /// Finds it, and asks it for a first word.
    ///
    /// # Errors
    /// There is none, it is not for us, or it is something else.
    pub async fn connect(address: EngineAddress) -> Result<Self, ContainerError> {
        let host = || address.0.clone();
        let none = |error: &(dyn std::error::Error + 'static)| ContainerError::NoEngine {
            host: host(),
            said: system(error).map_or_else(|| error.to_string(), ToString::to_string),
        };
        let docker = docker_client_instance().await.map_err(|error| none(&error))?;
        match tokio::time::timeout(FIRST_WORD, docker.version()).await {
            Ok(Ok(_)) => Ok(Self { docker, address }),
            Ok(Err(error)) => Err(match system(&error).map(io::Error::kind) {
                Some(io::ErrorKind::PermissionDenied) => ContainerError::NoRights { host: host() },
                Some(_) => none(&error),
                None => unfit(host(), &error),
            }),
            Err(_) => Err(ContainerError::NoEngine { host: host(), said: "it does not answer".to_owned() }),
        }
    }
}

fn unfit(host: String, error: &EngineError) -> ContainerError {
    match error {
        EngineError::SocketNotFoundError(_) => {
            ContainerError::NoEngine { host, said: "no such socket".to_owned() }
        }
        other => ContainerError::OddEngine { host, said: said(other) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case::told(&[("DOCKER_HOST", "tcp://10.0.0.1:2375")], &["/var/run/docker.sock"], "tcp://10.0.0.1:2375")]
    #[case::usual(&[("HOME", "/home/me")], &["/var/run/docker.sock"], "unix:///var/run/docker.sock")]
    #[case::empty(&[("DOCKER_HOST", "")], &["/var/run/docker.sock"], "unix:///var/run/docker.sock")]
    #[case::rootless(
        &[("XDG_RUNTIME_DIR", "/run/user/1"), ("HOME", "/home/me")],
        &["/run/user/1/.docker/run/docker.sock", "/home/me/.docker/run/docker.sock"],
        "unix:///run/user/1/.docker/run/docker.sock"
    )]
    #[case::desktop(&[("HOME", "/home/me")], &["/home/me/.docker/desktop/docker.sock"], "unix:///home/me/.docker/desktop/docker.sock")]
    #[case::none(&[], &[], "unix:///var/run/docker.sock")]
    fn the_engine_is_looked_for_in_its_usual_places(
        #[case] variables: &[(&str, &str)],
        #[case] sockets: &[&str],
        #[case] expected: &str,
    ) {
        let variable =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        let found = EngineAddress::find(variable, |place| sockets.contains(&place));
        assert_eq!(found.0, expected);
    }
}
