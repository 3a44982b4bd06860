//! Killing one process of a target, and starting it again on the same data, while the others go on.

use std::sync::Arc;
use std::time::Duration;

use super::error::LOG_LINES;
use super::launched::Launched;
use super::log::Log;
use super::process::Process;
use super::process_launcher::ready_one;
use super::spec::LaunchSpec;
use super::{End, LaunchError, PortHolder, ProcessSpec};
use crate::time::Clock;

/// A process that is to be killed, taken out of its target, which goes on without it. Dropped, it ends.
#[derive(Debug)]
pub struct Victim {
    process: Process,
    launch: Arc<LaunchSpec>,
    grace: Duration,
}

/// A process that was killed and is up again.
#[derive(Debug)]
pub struct Revived {
    process: Process,
    /// What it printed before.
    past: Arc<Log>,
}

impl Launched {
    /// Takes a process out that is to be killed; `None`: it has no such process, or did not start it.
    pub fn take_out(&mut self, name: &str) -> Option<Victim> {
        let launch = Arc::clone(self.spec.as_ref()?);
        let at = self.processes.iter().position(|process| process.name == name)?;
        Some(Victim { process: self.processes.remove(at), launch, grace: self.grace })
    }

    /// Takes it back.
    pub fn put_back(&mut self, revived: Revived) {
        self.past.push(revived.past);
        self.processes.push(revived.process);
    }
}

impl Victim {
    /// Whether it has ended already.
    #[must_use]
    pub fn gone(&self) -> bool {
        self.process.gone()
    }

    /// Kills it and all it started, and starts it again; waits until it is ready.
    ///
    /// # Errors
    /// When it cannot be started again, or does not get ready; nothing of it runs then any more.
    pub async fn kill_and_revive(self, clock: Clock) -> Result<Revived, LaunchError> {
        let Self { process, launch, grace } = self;
        let (name, past) = (process.name.clone(), Arc::clone(&process.log));
        process.kill().await;
        let spec = launch.processes.iter().find(|spec| spec.name == name);
        let spec: &ProcessSpec = spec.ok_or(LaunchError::NoCommand { process: name })?;
        let process = Process::start(spec, grace, clock).await?;
        let ready = tokio::select! {
            // First: what falls over at once is not ready.
            biased;
            () = process.ended() => Err(ended(&process)),
            ready = ready_one(spec, &launch.base_url, &process, clock) => ready,
        };
        match ready {
            Ok(()) => Ok(Revived { process, past }),
            Err(error) => {
                process.stop(grace).await;
                Err(error)
            }
        }
    }
}

fn ended(process: &Process) -> LaunchError {
    LaunchError::Exited {
        process: process.name.clone(),
        end: process.end().map_or(End::Unknown, |(end, _)| end),
        log: process.log.tail(LOG_LINES),
        port: PortHolder::Unknown,
    }
}
