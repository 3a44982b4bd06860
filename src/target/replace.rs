//! Killing one process or container of a target, and starting it again on the same data, while the others go on.

use std::sync::Arc;
use std::time::Duration;

use super::error::LOG_LINES;
use super::launched::Launched;
use super::log::Log;
use super::member::Member;
use super::process::Process;
use super::process_launcher::ready_one;
use super::spec::LaunchSpec;
use super::{End, LaunchError, PortHolder, ProcessSpec};
use crate::time::Clock;

/// A part of a target that is to be killed, taken out of it, which goes on without. Dropped, it ends.
#[derive(Debug)]
pub struct Victim {
    member: Member,
    /// How a process was started.
    launch: Option<Arc<LaunchSpec>>,
    #[cfg_attr(not(feature = "container"), expect(dead_code, reason = "processes know where they answer"))]
    base_url: String,
    grace: Duration,
}

/// What was killed and is up again.
#[derive(Debug)]
pub struct Revived {
    member: Member,
    /// What it printed before.
    past: Arc<Log>,
}

impl Launched {
    /// Takes out what is to be killed; `None`: it has nothing of that name, or did not start it.
    pub fn take_out(&mut self, name: &str) -> Option<Victim> {
        let at = self.members.iter().position(|member| member.name() == name)?;
        Some(Victim {
            member: self.members.remove(at),
            launch: self.spec.clone(),
            base_url: self.base_url.clone(),
            grace: self.grace,
        })
    }

    /// Takes it back.
    pub fn put_back(&mut self, revived: Revived) {
        self.past.push(revived.past);
        self.members.push(revived.member);
    }
}

impl Victim {
    /// Whether it has ended already.
    #[must_use]
    pub fn gone(&self) -> bool {
        self.member.gone()
    }

    /// Kills it and all it started, and starts it again; waits until it is ready.
    ///
    /// # Errors
    /// When it cannot be started again, or does not get ready; nothing of it runs then any more.
    pub async fn kill_and_revive(self, clock: Clock) -> Result<Revived, LaunchError> {
        match self.member {
            Member::Process(process) => revive(*process, self.launch, self.grace, clock).await,
            #[cfg(feature = "container")]
            Member::Container(container) => {
                let (container, past) = container.again(super::container::Ending::Killed, clock).await?;
                match container.ready(&self.base_url, clock).await {
                    Ok(()) => Ok(Revived { member: Member::Container(container), past }),
                    Err(error) => {
                        container.stop(Duration::ZERO).await;
                        Err(error)
                    }
                }
            }
        }
    }
}

async fn revive(
    process: Process,
    launch: Option<Arc<LaunchSpec>>,
    grace: Duration,
    clock: Clock,
) -> Result<Revived, LaunchError> {
    let (name, past) = (process.name.clone(), Arc::clone(&process.log));
    process.kill().await;
    let launch = launch.ok_or_else(|| LaunchError::NoCommand { process: name.clone() })?;
    let spec = launch.processes.iter().find(|spec| spec.name == name);
    let spec: &ProcessSpec = spec.ok_or(LaunchError::NoCommand { process: name })?;
    let process = Process::start(spec, grace, clock).await?;
    let ready = tokio::select! {
        // First: what falls over at once is not ready.
        biased;
        () = process.ended() => Err(ended(&process)),
        ready = ready_one(spec, &launch.base_url, &process.log, clock) => ready,
    };
    match ready {
        Ok(()) => Ok(Revived { member: Member::Process(Box::new(process)), past }),
        Err(error) => {
            process.stop(grace).await;
            Err(error)
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
