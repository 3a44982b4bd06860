//! A container that the engine has, whether it runs or not.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use testcontainers::bollard::models::{
    ContainerCreateBody, EndpointSettings, HostConfig, HostConfigLogConfig, Mount, MountType,
    NetworkingConfig, PortBinding,
};
use testcontainers::bollard::query_parameters::{
    CreateContainerOptionsBuilder, RemoveContainerOptionsBuilder, StartContainerOptions,
};

use super::error::{ContainerError, said};
use super::files;
use super::ground::{Ground, refused};
use super::spec::ContainerSpec;
use crate::target::LaunchError;

/// An app that prints without end must not fill the engine's disk: what it printed is kept by us.
const LOG_SIZE: &str = "16m";

/// A container that was made. Dropped, it is removed, which is not waited for; [`Made::remove`] waits.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) id: String,
    pub(super) spec: Arc<ContainerSpec>,
    pub(super) ground: Ground,
    /// What else goes when it goes: the rest of its compose project.
    with: Option<HashMap<String, Vec<String>>>,
    /// It is not there any more.
    removed: bool,
}

impl Made {
    /// Makes it, with its files in it.
    pub(super) async fn new(ground: &Ground, spec: Arc<ContainerSpec>) -> Result<Self, ContainerError> {
        static MADE: AtomicU32 = AtomicU32::new(1);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("paydrill-{}-{number}-{}", ground.inner.mark.run, spec.name.replace('#', "-"));
        let options = CreateContainerOptionsBuilder::default().name(&name).build();
        let created = ground.engine().docker.create_container(Some(options), body(ground, &spec)).await;
        let created = created.map_err(|error| refused(format!("make container `{}`", spec.name), &error))?;
        let made = Self { id: created.id, spec, ground: ground.clone(), with: None, removed: false };
        files::copy(ground, &made.id, &made.spec).await?;
        Ok(made)
    }

    /// One that compose has made and started, with what goes when it goes.
    pub(super) fn adopt(
        id: String,
        spec: Arc<ContainerSpec>,
        ground: &Ground,
        with: HashMap<String, Vec<String>>,
    ) -> Self {
        Self { id, spec, ground: ground.clone(), with: Some(with), removed: false }
    }

    /// Starts it.
    pub(super) async fn start(&self) -> Result<(), LaunchError> {
        let docker = &self.ground.engine().docker;
        docker.start_container(&self.id, None::<StartContainerOptions>).await.map_err(|error| {
            let said = said(&error);
            match self.taken_port(&said) {
                Some(port) => LaunchError::PortInUse { port },
                None => {
                    let what = format!("start container `{}`", self.spec.name);
                    ContainerError::Refused { what, said }.into()
                }
            }
        })
    }

    /// The port of which the engine says that it is taken.
    fn taken_port(&self, said: &str) -> Option<u16> {
        let taken =
            ["port is already allocated", "address already in use"].iter().any(|words| said.contains(words));
        let named = |port: &u16| said.contains(&format!(":{port}:")) || said.contains(&format!(":{port} "));
        let ports = || self.spec.published.iter().map(|published| published.outside);
        if taken { ports().find(named).or_else(|| ports().next()) } else { None }
    }

    /// Removes it, running or not.
    pub(super) async fn remove(mut self) {
        let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        let removed = self.ground.engine().docker.remove_container(&self.id, Some(options)).await;
        // Where that failed, it is tried again when this is dropped.
        self.removed = removed.is_ok();
        if let Some(with) = &self.with {
            // What is left then goes with the run.
            let _ = super::clean::remove(self.ground.engine(), with).await;
        }
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        if !self.removed {
            self.ground.inner.remove_later(&self.id);
        }
    }
}

/// What the engine is told.
fn body(ground: &Ground, spec: &ContainerSpec) -> ContainerCreateBody {
    let inside = |port: u16| format!("{port}/tcp");
    let network = ground.network().to_owned();
    let endpoint = EndpointSettings {
        aliases: Some(spec.aliases.iter().cloned().chain([spec.name.replace('#', "-")]).collect()),
        ..EndpointSettings::default()
    };
    ContainerCreateBody {
        image: Some(spec.image.clone()),
        entrypoint: spec.entrypoint.clone(),
        cmd: (!spec.command.is_empty()).then(|| spec.command.clone()),
        env: Some(env(&spec.env)),
        user: spec.user.clone(),
        exposed_ports: Some(spec.published.iter().map(|published| inside(published.inside)).collect()),
        labels: Some(ground.inner.mark.labels()),
        host_config: Some(host_config(ground, spec)),
        networking_config: Some(NetworkingConfig {
            endpoints_config: Some(HashMap::from([(network, endpoint)])),
        }),
        ..ContainerCreateBody::default()
    }
}

fn host_config(ground: &Ground, spec: &ContainerSpec) -> HostConfig {
    let bindings = spec.published.iter().map(|published| {
        let binding = PortBinding {
            host_ip: Some("127.0.0.1".to_owned()),
            host_port: Some(published.outside.to_string()),
        };
        (format!("{}/tcp", published.inside), Some(vec![binding]))
    });
    let hosts = [ground.inner.host_entry()].into_iter().chain(spec.hosts.iter().cloned());
    let mounts = spec.mounts.iter().map(|mount| Mount {
        typ: Some(MountType::BIND),
        source: Some(mount.from.display().to_string()),
        target: Some(mount.to.clone()),
        read_only: Some(mount.read_only),
        ..Mount::default()
    });
    let memory = spec.memory.and_then(|bytes| i64::try_from(bytes).ok());
    HostConfig {
        network_mode: Some(ground.network().to_owned()),
        port_bindings: Some(bindings.collect()),
        extra_hosts: Some(hosts.map(|(name, address)| format!("{name}:{address}")).collect()),
        mounts: Some(mounts.collect()),
        memory,
        // No swap beside it: an app that needs more is killed, and not made slow.
        memory_swap: memory,
        nano_cpus: spec.millicpus.map(|millicpus| i64::from(millicpus) * 1_000_000),
        log_config: Some(HostConfigLogConfig {
            typ: Some("json-file".to_owned()),
            config: Some(HashMap::from([("max-size".to_owned(), LOG_SIZE.to_owned())])),
        }),
        ..HostConfig::default()
    }
}

/// `NAME=value`, each name once: a later one wins.
fn env(env: &[(String, String)]) -> Vec<String> {
    let last = |index: usize, name: &str| !env.iter().skip(index + 1).any(|(later, _)| later == name);
    let kept = env.iter().enumerate().filter(|(index, (name, _))| last(*index, name));
    kept.map(|(_, (name, value))| format!("{name}={value}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_variable_wins() {
        let given =
            [("A", "1"), ("B", "2"), ("A", "3")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(env(&given), ["B=2", "A=3"]);
    }
}
