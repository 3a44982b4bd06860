//! Images that are built from a Dockerfile, by `docker build`.
//!
//! By the CLI, and not through the engine's API: so it is the build that people have elsewhere, with `.dockerignore`,
//! BuildKit where it is set up, its cache and the credentials of their registries.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::engine::Engine;
use super::error::ContainerError;
use super::ground::Ground;
use super::image::Image;
use crate::target::error::LOG_LINES;
use crate::target::process::Process;
use crate::target::{End, EnvBase, LaunchError, ProcessSpec};
use crate::time::Clock;

/// What a build is given to end by itself when we end.
const GRACE: Duration = Duration::from_secs(1);

/// An image to be built.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Build {
    /// The folder that is sent to the engine.
    pub context: PathBuf,
    /// The Dockerfile; `None`: the one in the folder.
    pub dockerfile: Option<PathBuf>,
    /// Arguments of the build.
    pub args: Vec<(String, String)>,
    /// The stage that is built; `None`: the last.
    pub target: Option<String>,
}

impl Build {
    /// Builds it. What is built is removed with the ground, what is cached on the way stays.
    ///
    /// # Errors
    /// There is no `docker`, or the build fails.
    pub async fn run(&self, ground: &Ground, name: &str, clock: Clock) -> Result<Image, ContainerError> {
        let what = || format!("build the image of `{name}`");
        let wrong = |cause| ContainerError::Write { what: "make a folder for a build", cause };
        let folder = tempfile::Builder::new().prefix("paydrill-build-").tempdir().map_err(wrong)?;
        let id_file = folder.path().join("id");
        let command = self.command(ground, &id_file);
        run(ground.engine(), what(), "docker build", command, &self.context, clock).await?;
        let id = std::fs::read_to_string(&id_file)
            .map_err(|cause| ContainerError::Write { what: "read the id of a built image", cause })?;
        let built = ground.engine().known_image(id.trim()).await?;
        built.ok_or_else(|| ContainerError::Refused {
            what: what(),
            said: "the image is not there after it was built".to_owned(),
        })
    }

    fn command(&self, ground: &Ground, id_file: &Path) -> Vec<String> {
        let mut command: Vec<String> =
            ["docker", "build", "--force-rm", "--iidfile"].map(str::to_owned).into();
        command.push(id_file.display().to_string());
        let mut labels: Vec<_> = ground.inner.mark.labels().into_iter().collect();
        labels.sort();
        for (key, value) in labels {
            command.extend(["--label".to_owned(), format!("{key}={value}")]);
        }
        if let Some(dockerfile) = &self.dockerfile {
            command.extend(["--file".to_owned(), dockerfile.display().to_string()]);
        }
        for (name, value) in &self.args {
            command.extend(["--build-arg".to_owned(), format!("{name}={value}")]);
        }
        if let Some(target) = &self.target {
            command.extend(["--target".to_owned(), target.clone()]);
        }
        command.push(self.context.display().to_string());
        command
    }
}

/// Runs a program of Docker's to its end, in a group that ends with us.
pub(super) async fn run(
    engine: &Engine,
    what: String,
    program: &'static str,
    command: Vec<String>,
    dir: &Path,
    clock: Clock,
) -> Result<Vec<String>, ContainerError> {
    let spec = ProcessSpec {
        name: program.to_owned(),
        command,
        dir: dir.to_owned(),
        env: vec![("DOCKER_HOST".to_owned(), engine.address.0.clone())],
        env_base: EnvBase::Inherit,
        ready: None,
        url: None,
    };
    let process = match Process::start(&spec, GRACE, clock).await {
        Ok(process) => process,
        Err(LaunchError::CommandNotFound { .. }) => {
            return Err(ContainerError::NoProgram {
                what,
                cause: io::Error::new(io::ErrorKind::NotFound, "no program `docker`"),
                hint: "`apt-get install docker.io` has it on Debian; it is the CLI that is missing, not the engine",
            });
        }
        Err(error) => return Err(ContainerError::Refused { what, said: error.to_string() }),
    };
    process.ended().await;
    let lines = process.log.tail(usize::MAX).into_iter().map(|line| line.text);
    let end = process.end().map_or(End::Unknown, |(end, _)| end);
    let lines: Vec<String> = lines.collect();
    process.kill().await;
    if end == End::Exited(0) {
        return Ok(lines);
    }
    let last = lines.iter().filter(|line| !line.trim().is_empty()).rev().take(LOG_LINES);
    let mut said: Vec<String> = last.cloned().collect();
    said.reverse();
    Err(ContainerError::ProgramFailed { what, program, end, said })
}
