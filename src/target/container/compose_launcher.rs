//! A target that is a service of a compose file, started with all that it depends on.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use serde_json::Value;
use testcontainers::bollard::query_parameters::ListContainersOptionsBuilder;

use super::build::run;
use super::compose::{Change, Composed};
use super::error::ContainerError;
use super::ground::{Ground, refused};
use super::made::Made;
use super::running::Container;
use super::spec::ContainerSpec;
use crate::target::member::Member;
use crate::target::{LaunchError, Launched, Launcher, ReservedPort, port};
use crate::time::Clock;

/// The labels that compose puts on what it makes.
const PROJECT: &str = "com.docker.compose.project";
const SERVICE: &str = "com.docker.compose.service";

/// A compose file that was read, and a service of it.
#[derive(Debug, Clone)]
pub struct ComposeFile {
    composed: Composed,
    /// Where what is to be started is written.
    folder: Arc<tempfile::TempDir>,
    service: String,
    /// The port on which the service listens.
    port: u16,
}

impl ComposeFile {
    /// Reads it, with all that it names. `port` is that of the service where the file does not tell it.
    ///
    /// # Errors
    /// Compose is not there, does not understand the file, or the file has no such service.
    pub async fn read(
        ground: &Ground,
        file: PathBuf,
        service: &str,
        port: Option<u16>,
        clock: Clock,
    ) -> Result<Self, ContainerError> {
        let wrong = |cause| ContainerError::Write { what: "make a folder for a compose file", cause };
        let folder = tempfile::Builder::new().prefix("paydrill-compose-").tempdir().map_err(wrong)?;
        let out = folder.path().join("read.json");
        let shown = file.display().to_string();
        let project = ground.network().to_owned();
        let rest = ["config", "--format", "json", "--output"].map(str::to_owned);
        let command = command(&project, &file).into_iter().chain(rest).chain([out.display().to_string()]);
        let what = format!("read compose file `{shown}`");
        compose(ground, what, command.collect(), folder.path(), clock).await?;
        let text = std::fs::read(&out)
            .map_err(|cause| ContainerError::Write { what: "read what compose wrote", cause })?;
        let config: Value = serde_json::from_slice(&text).map_err(|cause| ContainerError::Write {
            what: "read what compose wrote",
            cause: cause.into(),
        })?;
        let composed = Composed { file: shown, config };
        let told = composed.port(service);
        let port = match port {
            Some(port) => told.map_or_else(
                |error| if matches!(error, ContainerError::NoPort { .. }) { Ok(port) } else { Err(error) },
                |_| Ok(port),
            )?,
            None => told?,
        };
        Ok(Self { composed, folder: Arc::new(folder), service: service.to_owned(), port })
    }

    /// The port on which the service listens, inside.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

/// Starts a service of a compose file with all that it depends on.
#[derive(Debug)]
pub struct ComposeLauncher {
    ground: Ground,
    file: ComposeFile,
    /// What the service is told, beside what the file says.
    spec: Arc<ContainerSpec>,
    base_url: String,
    reserved: Mutex<Option<ReservedPort>>,
}

impl ComposeLauncher {
    /// Will start it; of `spec` the file knows image, command and files better.
    #[must_use]
    pub fn new(
        ground: Ground,
        file: ComposeFile,
        spec: ContainerSpec,
        base_url: String,
        reserved: Option<ReservedPort>,
    ) -> Self {
        Self { ground, file, spec: Arc::new(spec), base_url, reserved: Mutex::new(reserved) }
    }

    async fn up(&self, project: &str, clock: Clock) -> Result<String, LaunchError> {
        let published = self.spec.published.first().copied();
        let Some(published) = published else {
            let ComposeFile { composed, service, .. } = &self.file;
            let (file, service) = (composed.file.clone(), service.clone());
            return Err(ContainerError::NoPort { file, service }.into());
        };
        let reserved = self.reserved.lock().unwrap_or_else(PoisonError::into_inner).take();
        let was_ours = reserved.is_some();
        drop(reserved);
        if !port::is_free(published.outside, was_ours).await {
            return Err(LaunchError::PortInUse { port: published.outside });
        }
        let hosts: Vec<_> =
            [self.ground.inner.host_entry()].into_iter().chain(self.spec.hosts.iter().cloned()).collect();
        let change = Change {
            project,
            service: &self.file.service,
            labels: &self.ground.inner.mark.labels(),
            network: self.ground.network(),
            published,
            env: &self.spec.env,
            hosts: &hosts,
            mounts: &self.spec.mounts,
        };
        let changed = self.file.composed.changed(&change)?;
        let path = self.file.folder.path().join(format!("{project}.json"));
        std::fs::write(&path, changed.to_string())
            .map_err(|cause| ContainerError::Write { what: "write a compose file", cause })?;
        let up = ["up", "--detach", "--quiet-pull"].map(str::to_owned);
        let command = command(project, &path).into_iter().chain(up).chain([self.file.service.clone()]);
        let what =
            format!("start service `{}` of compose file `{}`", self.file.service, self.file.composed.file);
        compose(&self.ground, what, command.collect(), self.file.folder.path(), clock).await?;
        Ok(self.container(project).await?)
    }

    /// The container of the service.
    async fn container(&self, project: &str) -> Result<String, ContainerError> {
        let labels = [format!("{PROJECT}={project}"), format!("{SERVICE}={}", self.file.service)];
        let filter = HashMap::from([("label".to_owned(), labels.to_vec())]);
        let all = ListContainersOptionsBuilder::default().all(true).filters(&filter).build();
        let what = || format!("find the container of service `{}`", self.file.service);
        let found = self.ground.engine().docker.list_containers(Some(all)).await;
        let found = found.map_err(|error| refused(what(), &error))?;
        found
            .into_iter()
            .find_map(|container| container.id)
            .ok_or_else(|| ContainerError::Refused { what: what(), said: "there is none".to_owned() })
    }
}

#[async_trait]
impl Launcher for ComposeLauncher {
    async fn launch(&self, clock: Clock) -> Result<Launched, LaunchError> {
        static PROJECTS: AtomicU32 = AtomicU32::new(1);
        let begun = clock.elapsed();
        let number = PROJECTS.fetch_add(1, Ordering::Relaxed);
        let project = format!("{}-{number}", self.ground.network());
        let filter = HashMap::from([("label".to_owned(), vec![format!("{PROJECT}={project}")])]);
        let started = async {
            let id = self.up(&project, clock).await?;
            let made = Made::adopt(id, Arc::clone(&self.spec), &self.ground, filter.clone());
            let container = Container::adopt(made, clock).await?;
            match container.ready(&self.base_url, clock).await {
                Ok(()) => Ok(container),
                Err(error) => {
                    container.stop(std::time::Duration::ZERO).await;
                    Err(error)
                }
            }
        };
        match started.await {
            Ok(container) => Ok(self.launched(container, begun, clock)),
            Err(error) => {
                // What had come up before the service.
                let _ = super::clean::remove(self.ground.engine(), &filter).await;
                Err(error)
            }
        }
    }

    /// The same container, so that what it has written is there; what it depends on goes on.
    async fn relaunch(&self, before: Launched, clock: Clock) -> Result<Launched, LaunchError> {
        let begun = clock.elapsed();
        let grace = before.grace;
        let container = before.members.into_iter().find_map(|member| match member {
            Member::Container(container) => Some(container),
            Member::Process(_) => None,
        });
        let Some(container) = container else { return self.launch(clock).await };
        let (container, _) = container.again(super::running::Ending::Asked(grace), clock).await?;
        match container.ready(&self.base_url, clock).await {
            Ok(()) => Ok(self.launched(container, begun, clock)),
            Err(error) => {
                container.stop(std::time::Duration::ZERO).await;
                Err(error)
            }
        }
    }
}

impl ComposeLauncher {
    fn launched(&self, container: Container, begun: std::time::Duration, clock: Clock) -> Launched {
        self.ground.note_first(container.id());
        Launched {
            members: vec![Member::Container(container)],
            base_url: self.base_url.clone(),
            ready_after: clock.elapsed().saturating_sub(begun),
            grace: super::launcher::GRACE,
            spec: None,
            past: Vec::new(),
        }
    }
}

/// `docker compose` on a file.
fn command(project: &str, file: &Path) -> Vec<String> {
    let file = file.display().to_string();
    ["docker", "compose", "--project-name", project, "--file", &file].map(str::to_owned).into()
}

/// Runs compose, and says how it is had where it is not there.
async fn compose(
    ground: &Ground,
    what: String,
    command: Vec<String>,
    dir: &Path,
    clock: Clock,
) -> Result<(), ContainerError> {
    match run(ground.engine(), what, "docker compose", command, dir, clock).await {
        Err(ContainerError::ProgramFailed { what, said, .. }) if lacks_plugin(&said) => {
            Err(ContainerError::NoProgram {
                what,
                cause: std::io::Error::new(std::io::ErrorKind::NotFound, "`docker` has no plugin `compose`"),
                hint: "it is the package docker-compose-plugin of Docker's own repository, or the file \
                       `docker-compose` of a release in ~/.docker/cli-plugins",
            })
        }
        other => other.map(|_| ()),
    }
}

/// What a CLI without the plugin says, by its age.
fn lacks_plugin(said: &[String]) -> bool {
    let words =
        ["is not a docker command", "unknown flag: --project-name", "unknown command: docker compose"];
    said.iter().any(|line| words.iter().any(|words| line.contains(words)))
}
