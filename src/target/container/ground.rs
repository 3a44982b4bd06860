//! What the containers of a run stand on: a network of their own, the labels on all of them, and who removes them.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use testcontainers::bollard::errors::Error as EngineError;
use testcontainers::bollard::models::{NetworkCreateRequest, NetworkInspect};
use testcontainers::bollard::query_parameters::{InspectContainerOptions, InspectNetworkOptions};

use super::engine::Engine;
use super::error::{ContainerError, said, status};
use super::image::Image;
use super::label::Mark;
use super::sweeper::Sweeper;

/// This machine, as programs in containers call it.
pub(super) const HOST: &str = "host.docker.internal";
/// How long the removal of what is left may take at the end of a run; the sweeper goes on with what is not done.
const CLOSING: Duration = Duration::from_secs(30);

/// What the containers of a run stand on. When the last copy is dropped, everything that stands on it is removed, which
/// is not waited for; [`Ground::close`] waits.
#[derive(Debug, Clone)]
pub struct Ground {
    pub(super) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) engine: Engine,
    pub(super) mark: Mark,
    /// The name of the network.
    pub(super) network: String,
    /// Our own address in it; `None`: the engine is on another machine, or behind one.
    gateway: Option<Ipv4Addr>,
    /// The target's first container.
    first: Mutex<Option<String>>,
    /// `None`: nothing on this machine could do its work, or it is done.
    sweeper: Mutex<Option<Sweeper>>,
}

impl Ground {
    /// Makes a network, or joins the one that is named, and has everything removed that will stand on it when we end.
    ///
    /// # Errors
    /// The engine refuses, or has no such network.
    pub async fn open(engine: Engine, join: Option<&str>) -> Result<Self, ContainerError> {
        let mark = Mark::new();
        // Before anything is made.
        let sweeper = Sweeper::start(&mark.run, &engine.address).await;
        let sweeper = sweeper.map_err(|cause| ContainerError::Write { what: "start the sweeper", cause })?;
        let network = match join {
            Some(name) => name.to_owned(),
            None => make_network(&engine, &mark).await?,
        };
        let known = engine.docker.inspect_network(&network, None::<InspectNetworkOptions>).await;
        let known = known.map_err(|error| match status(&error) {
            Some(404) => ContainerError::NoNetwork { network: network.clone() },
            _ => refused(format!("look at network `{network}`"), &error),
        })?;
        let gateway = gateway(&known).filter(|address| is_ours(*address));
        let sweeper = Mutex::new(sweeper);
        Ok(Self {
            inner: Arc::new(Inner { engine, mark, network, gateway, first: Mutex::default(), sweeper }),
        })
    }

    /// The engine.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.inner.engine
    }

    /// The name of the network.
    #[must_use]
    pub fn network(&self) -> &str {
        &self.inner.network
    }

    /// Where our servers must listen so that containers reach them: on the network's own address. An engine that is not
    /// on this machine's network (Docker Desktop) leads its containers to the loopback.
    #[must_use]
    pub fn listen_on(&self) -> IpAddr {
        self.inner.gateway.unwrap_or(Ipv4Addr::LOCALHOST).into()
    }

    /// How programs in containers, and on this machine, call what listens on [`Self::listen_on`].
    #[must_use]
    pub fn host(&self) -> String {
        self.inner.gateway.map_or_else(|| HOST.to_owned(), |address| address.to_string())
    }

    /// The image of the target's first container, which was started last of all first ones.
    pub async fn first_image(&self) -> Option<Image> {
        let id = self.inner.first.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        let docker = &self.inner.engine.docker;
        let found = docker.inspect_container(&id, None::<InspectContainerOptions>).await.ok()?;
        self.inner.engine.known_image(&found.image?).await.ok()?
    }

    /// Takes note of the target's first container.
    pub(super) fn note_first(&self, id: &str) {
        *self.inner.first.lock().unwrap_or_else(PoisonError::into_inner) = Some(id.to_owned());
    }

    /// Whether the network is this machine's, so that containers can be reached in it.
    pub(super) fn is_local(&self) -> bool {
        self.inner.gateway.is_some()
    }

    /// Removes all that stands on it.
    pub async fn close(&self) {
        let ours = self.inner.mark.filter();
        let removing = super::clean::remove(&self.inner.engine, &ours);
        let all_gone = tokio::time::timeout(CLOSING, removing).await.is_ok_and(|removed| removed.is_ok());
        let sweeper = self.inner.sweeper().take();
        match sweeper {
            Some(sweeper) if all_gone => sweeper.dismiss().await,
            // It tries again when it is dropped here.
            _ => {}
        }
    }
}

impl Inner {
    fn sweeper(&self) -> std::sync::MutexGuard<'_, Option<Sweeper>> {
        self.sweeper.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a container removed, without waiting for it.
    pub(super) fn remove_later(&self, container: &str) {
        if let Some(sweeper) = &*self.sweeper() {
            sweeper.remove(container);
        }
    }

    /// What containers call this machine, and its address.
    pub(super) fn host_entry(&self) -> (String, String) {
        let address = self.gateway.map_or_else(|| "host-gateway".to_owned(), |address| address.to_string());
        (HOST.to_owned(), address)
    }
}

async fn make_network(engine: &Engine, mark: &Mark) -> Result<String, ContainerError> {
    let name = format!("paydrill-{}", mark.run);
    let request = NetworkCreateRequest {
        name: name.clone(),
        driver: Some("bridge".to_owned()),
        labels: Some(mark.labels()),
        options: Some(HashMap::new()),
        ..NetworkCreateRequest::default()
    };
    match engine.docker.create_network(request).await {
        Ok(_) => Ok(name),
        Err(error) => Err(refused("make a network".to_owned(), &error)),
    }
}

pub(super) fn refused(what: String, error: &EngineError) -> ContainerError {
    ContainerError::Refused { what, said: said(error) }
}

/// The network's address on the machine of the engine.
fn gateway(network: &NetworkInspect) -> Option<Ipv4Addr> {
    let configs = network.ipam.as_ref()?.config.as_ref()?;
    configs.iter().find_map(|config| {
        // Some engines write it with its prefix: `172.18.0.1/16`.
        config.gateway.as_deref()?.split('/').next()?.parse().ok()
    })
}

/// Whether an address is this machine's.
fn is_ours(address: Ipv4Addr) -> bool {
    TcpListener::bind((address, 0)).is_ok()
}
