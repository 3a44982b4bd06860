//! A container that runs: listened to, watched, ended, started again on its data.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use testcontainers::bollard::Docker;
use testcontainers::bollard::container::LogOutput;
use testcontainers::bollard::errors::Error as EngineError;
use testcontainers::bollard::models::{ContainerInspectResponse, ContainerState, HealthStatusEnum};
use testcontainers::bollard::query_parameters::{
    AttachContainerOptionsBuilder, InspectContainerOptions, KillContainerOptionsBuilder,
    StopContainerOptionsBuilder, WaitContainerOptions,
};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::deaf;
use super::error::{ContainerError, status};
use super::ground::{Ground, refused};
use super::made::Made;
use super::spec::ContainerSpec;
use crate::target::error::LOG_LINES;
use crate::target::log::Log;
use crate::target::process::Manner;
use crate::target::ready::{self, wanted};
use crate::target::{End, LaunchError, PortHolder, Ready, ReadyAnswer, ReadyCheck};
use crate::time::Clock;

/// How long an ended container's last output is waited for.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// How long the engine is given to tell what became of a container.
const ASKING: Duration = Duration::from_secs(3);
/// The pause between two looks at a container.
const PAUSE: Duration = Duration::from_millis(50);
/// How long the engine may take beyond a container's grace.
const ENDING: Duration = Duration::from_secs(10);
/// The status of a program that was ended by KILL.
const KILLED: i32 = 137;

/// A running container. Dropping it removes it without waiting.
#[derive(Debug)]
pub(in crate::target) struct Container {
    made: Made,
    log: Arc<Log>,
    ended: watch::Receiver<Option<(End, Duration)>>,
    /// Set at once, while `ended` waits for its last words.
    gone: Arc<AtomicBool>,
    /// Reads its output, and waits for its end.
    _tasks: JoinSet<()>,
}

/// How a container is ended that is to be started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::target) enum Ending {
    /// Without a word before.
    Killed,
    /// Asked to, and killed after this long.
    Asked(Duration),
}

impl Container {
    /// Makes it and starts it.
    pub(super) async fn launch(
        ground: &Ground,
        spec: Arc<ContainerSpec>,
        clock: Clock,
    ) -> Result<Self, LaunchError> {
        let made = Made::new(ground, spec).await?;
        Self::start(made, clock).await
    }

    async fn start(made: Made, clock: Clock) -> Result<Self, LaunchError> {
        // Before it starts, so that no word of it is missed, nor said twice when it starts again.
        let output = listen(&made, false).await?;
        made.start().await?;
        Ok(Self::watch(made, output, clock))
    }

    /// Takes over one that somebody else has started, with what it has printed so far.
    pub(super) async fn adopt(made: Made, clock: Clock) -> Result<Self, LaunchError> {
        let output = listen(&made, true).await?;
        Ok(Self::watch(made, output, clock))
    }

    fn watch(made: Made, output: Output, clock: Clock) -> Self {
        let docker = made.ground.engine().docker.clone();
        let log = Log::new(&made.spec.name, wanted(made.spec.ready.as_ref()));
        let mut tasks = JoinSet::new();
        tasks.spawn(Arc::clone(&log).follow(output, clock));
        let (tell, ended) = watch::channel(None);
        let gone = Arc::new(AtomicBool::new(false));
        tasks.spawn(watch_over(docker, made.id.clone(), Arc::clone(&log), clock, Arc::clone(&gone), tell));
        Self { made, log, ended, gone, _tasks: tasks }
    }

    pub(super) fn id(&self) -> &str {
        &self.made.id
    }

    pub(in crate::target) fn name(&self) -> &str {
        &self.made.spec.name
    }

    pub(in crate::target) fn log(&self) -> &Arc<Log> {
        &self.log
    }

    /// Whether it has ended, be its last words read or not.
    pub(in crate::target) fn gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    /// How and when it ended, if it did and its last words are read.
    pub(in crate::target) fn end(&self) -> Option<(End, Duration)> {
        *self.ended.borrow()
    }

    /// Resolves when it ends.
    pub(in crate::target) async fn ended(&self) {
        if self.ended.clone().wait_for(Option::is_some).await.is_err() {
            // Its watcher went with its runtime, so nobody can know any more.
            std::future::pending::<()>().await;
        }
    }

    /// Waits until it is ready; not longer than it lives.
    pub(in crate::target) async fn ready(&self, base_url: &str, clock: Clock) -> Result<(), LaunchError> {
        tokio::select! {
            // First: what falls over at once is not ready.
            biased;
            () = self.ended() => Err(self.exited()),
            ready = self.until_ready(base_url, clock) => ready,
        }
    }

    async fn until_ready(&self, base_url: &str, clock: Clock) -> Result<(), LaunchError> {
        let spec = &self.made.spec;
        let Some(ready) = &spec.ready else { return Ok(()) };
        match ready.check {
            ReadyCheck::Health => self.until_healthy(ready, clock).await,
            ReadyCheck::Port | ReadyCheck::Http { .. } | ReadyCheck::Log { .. } => {
                let own = if ready.check == ReadyCheck::Port { self.own_url().await? } else { None };
                let base_url = own.as_deref().or(spec.url.as_deref()).unwrap_or(base_url);
                ready::until_ready(&spec.name, ready, base_url, &self.log, clock).await.map_err(from_outside)
            }
        }
    }

    /// Where it listens in its network: on the published port the engine's own proxy accepts every connection, also
    /// while nothing in the container does. `None` where that network is not this machine's.
    async fn own_url(&self) -> Result<Option<String>, ContainerError> {
        let Some(published) = self.made.spec.published.first().filter(|_| self.made.ground.is_local()) else {
            return Ok(None);
        };
        let networks = self.found().await?.network_settings.and_then(|settings| settings.networks);
        let endpoint = networks.and_then(|mut networks| networks.remove(self.made.ground.network()));
        let address = endpoint.and_then(|endpoint| endpoint.ip_address).filter(|address| !address.is_empty());
        Ok(address.map(|address| format!("http://{address}:{}", published.inside)))
    }

    async fn until_healthy(&self, ready: &Ready, clock: Clock) -> Result<(), LaunchError> {
        let deadline = clock.elapsed().saturating_add(ready.within);
        let mut last = ReadyAnswer::NotAsked;
        while clock.elapsed() < deadline {
            let health = self.found().await?.state.and_then(|state| state.health);
            let Some(health) = health.filter(|health| health.status != Some(HealthStatusEnum::NONE)) else {
                return Err(ContainerError::NoHealthCheck { container: self.name().to_owned() }.into());
            };
            if health.status == Some(HealthStatusEnum::HEALTHY) {
                return Ok(());
            }
            let newest = health.log.unwrap_or_default().pop().and_then(|result| result.output);
            let status = health.status.map(|status| status.to_string()).unwrap_or_default();
            last = ReadyAnswer::Health { status, said: newest.unwrap_or_default().trim().to_owned() };
            tokio::time::sleep(PAUSE).await;
        }
        Err(LaunchError::NotReady {
            process: self.name().to_owned(),
            within: ready.within,
            last_answer: last,
            log: self.log.tail(LOG_LINES),
        })
    }

    async fn found(&self) -> Result<ContainerInspectResponse, ContainerError> {
        let docker = &self.made.ground.engine().docker;
        let found = docker.inspect_container(&self.made.id, None::<InspectContainerOptions>).await;
        found.map_err(|error| refused(format!("look at container `{}`", self.name()), &error))
    }

    /// Why it is not ready, where it has ended.
    fn exited(&self) -> LaunchError {
        LaunchError::Exited {
            process: self.name().to_owned(),
            end: self.end().map_or(End::Unknown, |(end, _)| end),
            log: self.log.tail(LOG_LINES),
            port: PortHolder::Unknown,
        }
    }

    /// Asks it to end, kills it after `grace`, and removes it.
    pub(in crate::target) async fn stop(self, grace: Duration) -> Manner {
        let manner = self.end_by(Ending::Asked(grace)).await;
        let Self { made, .. } = self;
        // An engine that does not answer is left to the sweeper.
        let _ = tokio::time::timeout(ENDING, made.remove()).await;
        manner
    }

    /// Ends it and starts it again on its data; gives what it printed before.
    pub(in crate::target) async fn again(
        self,
        ending: Ending,
        clock: Clock,
    ) -> Result<(Self, Arc<Log>), LaunchError> {
        self.end_by(ending).await;
        let Self { made, log, .. } = self;
        Ok((Self::start(made, clock).await?, log))
    }

    /// Ends it; how much persuasion that took.
    async fn end_by(&self, ending: Ending) -> Manner {
        let docker = &self.made.ground.engine().docker;
        let id = &self.made.id;
        let ending = if self.is_deaf(ending).await { Ending::Killed } else { ending };
        let limit = match ending {
            Ending::Killed => ENDING,
            Ending::Asked(grace) => grace.saturating_add(ENDING),
        };
        let asked = async {
            match ending {
                Ending::Killed => {
                    let kill = KillContainerOptionsBuilder::default().signal("KILL").build();
                    let _ = docker.kill_container(id, Some(kill)).await;
                }
                Ending::Asked(grace) => {
                    let seconds = i32::try_from(grace.as_secs_f64().ceil() as i64).unwrap_or(i32::MAX);
                    let stop = StopContainerOptionsBuilder::default().t(seconds).build();
                    let _ = docker.stop_container(id, Some(stop)).await;
                }
            }
            self.ended().await;
        };
        let before = self.gone();
        let calm = tokio::time::timeout(limit, asked).await.is_ok();
        // One that hears nothing has not refused to end.
        let killed = ending != Ending::Killed && matches!(self.end(), Some((End::Exited(KILLED), _)));
        if before || (calm && !killed) { Manner::Asked } else { Manner::Killed }
    }

    /// Whether it would be asked in vain.
    async fn is_deaf(&self, ending: Ending) -> bool {
        if ending == Ending::Killed || !self.made.ground.is_local() {
            return false;
        }
        let Ok(Ok(found)) = tokio::time::timeout(ASKING, self.found()).await else { return false };
        let signal = found.config.and_then(|config| config.stop_signal);
        let by_term = signal.is_none_or(|signal| ["", "SIGTERM", "TERM", "15"].contains(&signal.as_str()));
        let pid = found.state.and_then(|state| state.pid).unwrap_or_default();
        by_term && pid > 0 && deaf::is_deaf(pid)
    }
}

/// What a container prints, piece by piece.
type Output = Pin<Box<dyn Stream<Item = Result<LogOutput, EngineError>> + Send>>;

/// Listens to it from now on, or also to what it has printed before.
async fn listen(made: &Made, before: bool) -> Result<Output, ContainerError> {
    let options =
        AttachContainerOptionsBuilder::default().stdout(true).stderr(true).stream(true).logs(before).build();
    let attached = made.ground.engine().docker.attach_container(&made.id, Some(options)).await;
    let attached =
        attached.map_err(|error| refused(format!("listen to container `{}`", made.spec.name), &error))?;
    Ok(attached.output)
}

/// What keeps a connection from a container is not what keeps one from a process.
fn from_outside(error: LaunchError) -> LaunchError {
    match error {
        LaunchError::NotReady { process, within, last_answer: ReadyAnswer::Unreachable(reason), log } => {
            LaunchError::NotReady { process, within, last_answer: ReadyAnswer::NotFromOutside(reason), log }
        }
        other => other,
    }
}

/// Waits for a container, and tells its end once its last words are in the log.
async fn watch_over(
    docker: Docker,
    id: String,
    log: Arc<Log>,
    clock: Clock,
    gone: Arc<AtomicBool>,
    tell: watch::Sender<Option<(End, Duration)>>,
) {
    let end = end_of(&docker, &id).await;
    let at = clock.elapsed();
    gone.store(true, Ordering::Release);
    let _ = tokio::time::timeout(LAST_WORDS, log.closed()).await;
    tell.send_replace(Some((end, at)));
}

/// How a container ends.
async fn end_of(docker: &Docker, id: &str) -> End {
    loop {
        let waited = docker.wait_container(id, None::<WaitContainerOptions>).next().await;
        let told = matches!(waited, Some(Ok(_) | Err(EngineError::DockerContainerWaitError { .. })));
        let found = docker.inspect_container(id, None::<InspectContainerOptions>);
        match tokio::time::timeout(ASKING, found).await {
            Ok(Ok(found)) => {
                let state = found.state.unwrap_or_default();
                if state.running != Some(true) {
                    return end(&state);
                }
            }
            Ok(Err(error)) if status(&error) == Some(404) => return End::Removed,
            Ok(Err(_)) | Err(_) => return End::EngineGone,
        }
        if !told {
            // The connection broke, and engine and container live on.
            tokio::time::sleep(PAUSE).await;
        }
    }
}

fn end(state: &ContainerState) -> End {
    let code = state.exit_code.and_then(|code| i32::try_from(code).ok());
    match (state.oom_killed, code) {
        (Some(true), _) => End::OutOfMemory,
        (_, Some(code)) => End::Exited(code),
        (_, None) => End::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(Some(false), Some(3), End::Exited(3))]
    #[case(Some(true), Some(137), End::OutOfMemory)]
    #[case(None, Some(137), End::Exited(137))]
    #[case(None, None, End::Unknown)]
    fn an_end_is_read(
        #[case] oom_killed: Option<bool>,
        #[case] exit_code: Option<i64>,
        #[case] expected: End,
    ) {
        assert_eq!(end(&ContainerState { oom_killed, exit_code, ..ContainerState::default() }), expected);
    }
}
