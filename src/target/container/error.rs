//! Why something in a container did not come up. Each reads after "failed to"; hints and output follow after a blank
//! line.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

use testcontainers::bollard::errors::Error as EngineError;

/// Why something in a container did not come up.
#[derive(Debug, thiserror::Error)]
pub enum ContainerError {
    /// Nothing answers where the engine should.
    #[error(
        "reach a container engine at `{host}`: {said}\n\n\
         hint: `docker info` tells whether Docker runs; DOCKER_HOST names an engine elsewhere"
    )]
    NoEngine {
        /// Where it was looked for.
        host: String,
        /// What the system says.
        said: String,
    },
    /// It is there, and not for us.
    #[error(
        "use the container engine at `{host}`: permission denied\n\n\
         hint: `sudo usermod -aG docker $USER` and a new login let you use it"
    )]
    NoRights {
        /// Where it is.
        host: String,
    },
    /// It does not answer as an engine does.
    #[error("talk to the container engine at `{host}`: {said}")]
    OddEngine {
        /// Where it is.
        host: String,
        /// What it says.
        said: String,
    },
    /// The image is not here, and nowhere else.
    #[error(
        "find image `{image}`: it is not on this machine, and pulling it failed: {said}\n\n\
         hint: `docker pull {image}` where there is a registry, or `docker build -t {image} .`"
    )]
    NoImage {
        /// Its name.
        image: String,
        /// What the registry says.
        said: String,
    },
    /// A program of Docker's that is needed is not here.
    #[error("{what}: {cause}\n\nhint: {hint}")]
    NoProgram {
        /// What it is needed for.
        what: String,
        /// What the system says.
        cause: io::Error,
        /// How it is had.
        hint: &'static str,
    },
    /// A program of Docker's failed.
    #[error("{what}: `{program}` {end}{}", Said(said))]
    ProgramFailed {
        /// What it was to do.
        what: String,
        /// `docker build`
        program: &'static str,
        /// How it ended.
        end: crate::target::End,
        /// Its last lines.
        said: Vec<String>,
    },
    /// A file for a container cannot be read.
    #[error("copy `{}` into `{container}`: {cause}", path.display())]
    File {
        /// Which container.
        container: String,
        /// The file here.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// The network that is named does not exist.
    #[error(
        "join network `{network}`: there is none of this name\n\nhint: `docker network ls` lists those that are there"
    )]
    NoNetwork {
        /// Its name.
        network: String,
    },
    /// The compose file has no such service.
    #[error("start compose file `{file}`: it has no service `{service}`\n\nhint: it has {known}")]
    NoService {
        /// The file.
        file: String,
        /// The service that is named.
        service: String,
        /// Those that it has.
        known: String,
    },
    /// The compose file does not tell where the service listens.
    #[error(
        "reach service `{service}` of compose file `{file}`: it tells no port\n\n\
         hint: say where it listens inside: target.compose.port = 8080"
    )]
    NoPort {
        /// The file.
        file: String,
        /// The service.
        service: String,
    },
    /// The image has no health check.
    #[error(
        "wait until `{container}` is healthy: its image has no HEALTHCHECK\n\n\
         hint: wait for something else: ready = {{ http = \"/healthz\" }}"
    )]
    NoHealthCheck {
        /// Which container.
        container: String,
    },
    /// A file of ours for the engine cannot be written.
    #[error("{what}: {cause}")]
    Write {
        /// What was to be done.
        what: &'static str,
        /// What the system says.
        cause: io::Error,
    },
    /// The engine refused, or went away.
    #[error("{what}: {said}")]
    Refused {
        /// What was to be done.
        what: String,
        /// What the engine says.
        said: String,
    },
}

/// What the engine says went wrong: its own words where it answered, else the cause at the bottom.
pub(super) fn said(error: &EngineError) -> String {
    match error {
        EngineError::DockerResponseServerError { message, .. } => message.trim().to_owned(),
        EngineError::RequestTimeoutError => "the engine does not answer".to_owned(),
        other => innermost(other).to_string(),
    }
}

/// The status with which the engine refused, if it answered at all.
pub(super) fn status(error: &EngineError) -> Option<u16> {
    match error {
        EngineError::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}

fn innermost<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause
}

/// What the system said, where it is the system that refused.
pub(super) fn system<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a io::Error> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref::<io::Error>() {
            return Some(found);
        }
        cause = error.source();
    }
    None
}

/// The last lines of a program, as they stand under an error.
struct Said<'a>(&'a [String]);

impl fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return write!(f, "\n\nit printed nothing");
        }
        write!(f, "\n\nlast output:")?;
        self.0.iter().try_for_each(|line| write!(f, "\n  {line}"))
    }
}
