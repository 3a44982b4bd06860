//! A target in containers.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{join_all, try_join_all};

use super::ground::Ground;
use super::running::{Container, Ending};
use super::spec::ContainerSpec;
use crate::target::launched::stop_all;
use crate::target::member::Member;
use crate::target::{LaunchError, Launched, Launcher, ReservedPort, port};
use crate::time::Clock;

/// What containers are given to end by themselves.
pub(super) const GRACE: Duration = Duration::from_secs(5);

/// Starts a target's containers.
#[derive(Debug)]
pub struct ContainerLauncher {
    ground: Ground,
    specs: Vec<Arc<ContainerSpec>>,
    base_url: String,
    reserved: Mutex<Vec<ReservedPort>>,
}

impl ContainerLauncher {
    /// Will start `specs`, which answer at `base_url` where they say nothing else.
    #[must_use]
    pub fn new(ground: Ground, specs: Vec<ContainerSpec>, base_url: String) -> Self {
        let specs = specs.into_iter().map(Arc::new).collect();
        Self { ground, specs, base_url, reserved: Mutex::default() }
    }

    /// Keeps a published port out of others' hands until the launch; may be said again for another.
    #[must_use]
    pub fn holding(mut self, port: ReservedPort) -> Self {
        self.reserved.get_mut().unwrap_or_else(PoisonError::into_inner).push(port);
        self
    }

    /// Lets go of the ports, and says which of those to be published somebody else has.
    async fn taken_port(&self) -> Option<u16> {
        let reserved = std::mem::take(&mut *self.reserved.lock().unwrap_or_else(PoisonError::into_inner));
        let ours: Vec<u16> = reserved.iter().map(ReservedPort::port).collect();
        drop(reserved);
        for published in self.specs.iter().flat_map(|spec| &spec.published) {
            if !port::is_free(published.outside, ours.contains(&published.outside)).await {
                return Some(published.outside);
            }
        }
        None
    }

    /// Waits until all are ready; ends them where one is not.
    async fn settled(
        &self,
        started: Vec<Result<Container, LaunchError>>,
        begun: Duration,
        clock: Clock,
    ) -> Result<Launched, LaunchError> {
        let (mut containers, mut failed) = (Vec::new(), None);
        for started in started {
            match started {
                Ok(container) => containers.push(container),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        let ready = match failed {
            Some(error) => Err(error),
            None => try_join_all(containers.iter().map(|container| container.ready(&self.base_url, clock)))
                .await
                .map(drop),
        };
        if let Some(first) = containers.first() {
            self.ground.note_first(first.id());
        }
        let members: Vec<Member> = containers.into_iter().map(Member::Container).collect();
        if let Err(error) = ready {
            stop_all(members, Duration::ZERO).await;
            return Err(error);
        }
        Ok(Launched {
            members,
            base_url: self.base_url.clone(),
            ready_after: clock.elapsed().saturating_sub(begun),
            grace: GRACE,
            spec: None,
            past: Vec::new(),
        })
    }
}

#[async_trait]
impl Launcher for ContainerLauncher {
    async fn launch(&self, clock: Clock) -> Result<Launched, LaunchError> {
        let begun = clock.elapsed();
        if let Some(port) = self.taken_port().await {
            return Err(LaunchError::PortInUse { port });
        }
        let starting = self.specs.iter().map(|spec| Container::launch(&self.ground, Arc::clone(spec), clock));
        self.settled(join_all(starting).await, begun, clock).await
    }

    /// The same containers, so that what they have written is there.
    async fn relaunch(&self, before: Launched, clock: Clock) -> Result<Launched, LaunchError> {
        let begun = clock.elapsed();
        let containers = before.members.into_iter().filter_map(|member| match member {
            Member::Container(container) => Some(container),
            Member::Process(_) => None,
        });
        let again = containers.map(|container| async move {
            container.again(Ending::Asked(GRACE), clock).await.map(|(container, _)| container)
        });
        self.settled(join_all(again).await, begun, clock).await
    }
}
