//! A target that we start.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::try_join_all;

use super::launched::{any_end, first_death, stop_all};
use super::log::Log;
use super::member::Member;
use super::port;
use super::process::Process;
use super::ready::until_ready;
use super::{
    Death, LaunchError, LaunchSpec, Launched, Launcher, LogLine, PortHolder, ProcessSpec, ReservedPort,
};
use crate::time::Clock;

/// What processes are given to end by themselves, unless said otherwise.
const GRACE: Duration = Duration::from_secs(5);

/// Starts a target's processes.
#[derive(Debug)]
pub struct ProcessLauncher {
    spec: Arc<LaunchSpec>,
    grace: Duration,
    reserved: Mutex<Vec<ReservedPort>>,
}

impl ProcessLauncher {
    /// Will start `spec`.
    #[must_use]
    pub fn new(spec: LaunchSpec) -> Self {
        Self { spec: Arc::new(spec), grace: GRACE, reserved: Mutex::default() }
    }

    /// What the processes are given to end by themselves before they are killed; 5 s unless said.
    #[must_use]
    pub fn grace(self, grace: Duration) -> Self {
        Self { grace, ..self }
    }

    /// Keeps a port of the target out of others' hands until the launch; may be said again for another.
    #[must_use]
    pub fn holding(mut self, port: ReservedPort) -> Self {
        self.reserved.get_mut().unwrap_or_else(PoisonError::into_inner).push(port);
        self
    }

    /// Starts every process; on an error those that had started end.
    async fn start(&self, clock: Clock) -> Result<Vec<Member>, LaunchError> {
        if !self.port_is_free().await {
            return Err(LaunchError::PortInUse { port: self.spec.port });
        }
        let mut processes = Vec::with_capacity(self.spec.processes.len());
        for spec in &self.spec.processes {
            match Process::start(spec, self.grace, clock).await {
                Ok(process) => processes.push(Member::Process(Box::new(process))),
                Err(error) => {
                    stop_all(processes, self.grace).await;
                    return Err(error);
                }
            }
        }
        Ok(processes)
    }

    /// Lets go of the ports, and says whether nobody else has the target's.
    async fn port_is_free(&self) -> bool {
        let reserved = std::mem::take(&mut *self.reserved.lock().unwrap_or_else(PoisonError::into_inner));
        let was_ours = reserved.iter().any(|reserved| reserved.port() == self.spec.port);
        drop(reserved);
        port::is_free(self.spec.port, was_ours).await
    }

    /// Waits until every process is ready, or one of them ends.
    async fn ready(&self, processes: &[Member], clock: Clock) -> Result<(), LaunchError> {
        let waits = self
            .spec
            .processes
            .iter()
            .zip(processes)
            .map(|(spec, process)| ready_one(spec, &self.spec.base_url, process.log(), clock));
        tokio::select! {
            // First, so that a process that was up and fell over at once does not count as ready.
            biased;
            () = any_end(processes) => {}
            ready = try_join_all(waits) => drop(ready?),
        }
        first_death(processes).map_or(Ok(()), |death| {
            let port = self.port_holder(&death);
            Err(LaunchError::Exited { process: death.process, end: death.end, log: death.log, port })
        })
    }

    /// The port was free before the launch; whoever took it since then may be why the process ended. Only
    /// its own words tell: another of our processes may rightly listen there.
    fn port_holder(&self, death: &Death) -> PortHolder {
        let complains =
            |line: &LogLine| ["in use", "EADDRINUSE"].iter().any(|words| line.text.contains(words));
        if death.log.iter().any(complains) && port::in_use(self.spec.port) {
            PortHolder::SomethingElse(self.spec.port)
        } else {
            PortHolder::Unknown
        }
    }
}

/// Waits until a process is ready.
pub(super) async fn ready_one(
    spec: &ProcessSpec,
    base_url: &str,
    log: &Log,
    clock: Clock,
) -> Result<(), LaunchError> {
    let Some(ready) = &spec.ready else { return Ok(()) };
    until_ready(&spec.name, ready, spec.url.as_deref().unwrap_or(base_url), log, clock).await
}

#[async_trait]
impl Launcher for ProcessLauncher {
    async fn launch(&self, clock: Clock) -> Result<Launched, LaunchError> {
        let begun = clock.elapsed();
        let processes = self.start(clock).await?;
        match self.ready(&processes, clock).await {
            Ok(()) => Ok(Launched {
                members: processes,
                base_url: self.spec.base_url.clone(),
                ready_after: clock.elapsed().saturating_sub(begun),
                grace: self.grace,
                spec: Some(Arc::clone(&self.spec)),
                past: Vec::new(),
            }),
            Err(error) => {
                stop_all(processes, self.grace).await;
                Err(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::EnvBase;

    #[tokio::test]
    async fn a_port_that_was_ours_may_take_a_moment_to_be_free() {
        let reserved = ReservedPort::take().unwrap();
        let copy = reserved.copy();
        let spec = ProcessSpec {
            name: "web".to_owned(),
            command: vec!["sleep".to_owned(), "1000".to_owned()],
            dir: ".".into(),
            env: Vec::new(),
            env_base: EnvBase::Inherit,
            ready: None,
            url: None,
        };
        let spec = LaunchSpec { processes: vec![spec], port: reserved.port(), base_url: String::new() };
        let launcher = ProcessLauncher::new(spec).holding(reserved);
        // The launch has looked, and waits, when the copy goes.
        let (launched, ()) = tokio::join!(biased; launcher.launch(Clock::start()), async { drop(copy) });
        launched.unwrap().stop().await;
    }
}
