//! Removing what runs have made: at a run's end, and after runs that could not do it themselves.

use std::collections::{BTreeMap, HashMap};

use testcontainers::bollard::errors::Error as EngineError;
use testcontainers::bollard::query_parameters::{
    ListContainersOptionsBuilder, ListImagesOptionsBuilder, ListNetworksOptionsBuilder,
    ListVolumesOptionsBuilder, RemoveContainerOptionsBuilder, RemoveImageOptionsBuilder,
    RemoveVolumeOptionsBuilder,
};

use super::engine::Engine;
use super::error::{ContainerError, status};
use super::ground::refused;
use super::label::{OWNER, Owner, RUN};

/// What a run has left in the container engine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Left {
    /// The run.
    pub run: String,
    /// Names of containers.
    pub containers: Vec<String>,
    /// Names of networks.
    pub networks: Vec<String>,
    /// Names of volumes.
    pub volumes: Vec<String>,
    /// Ids of images.
    pub images: Vec<String>,
    /// Why it was left where it is; `None`: it is removed.
    pub kept: Option<Kept>,
}

/// Why what a run has made is not removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// The run goes on.
    Lives,
    /// A container of it runs, and whether the run lives cannot be told from here: it was started on another machine,
    /// or in another container.
    Elsewhere,
    /// Only a list was asked for.
    Listed,
}

/// Finds what runs have left in the engine; with `remove`, removes what is of dead ones. What cannot be told is of a
/// dead run where none of its containers runs.
///
/// # Errors
/// The engine refuses.
pub async fn clean(engine: &Engine, remove: bool) -> Result<Vec<Left>, ContainerError> {
    let ours = HashMap::from([("label".to_owned(), vec![RUN.to_owned()])]);
    let found =
        find(engine, &ours).await.map_err(|error| refused("list what runs have left".to_owned(), &error))?;
    let mut left = Vec::new();
    for (run, things) in by_run(found) {
        let kept = kept(&things).or((!remove).then_some(Kept::Listed));
        if kept.is_none() {
            remove_things(engine, &things)
                .await
                .map_err(|error| refused(format!("remove what run {run} has left"), &error))?;
        }
        left.push(told(run, things, kept));
    }
    Ok(left)
}

/// Removes everything that a filter finds.
pub(super) async fn remove(
    engine: &Engine,
    filter: &HashMap<String, Vec<String>>,
) -> Result<(), EngineError> {
    let things = find(engine, filter).await?;
    remove_things(engine, &things).await
}

/// One thing in the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Thing {
    kind: Kind,
    id: String,
    name: String,
    run: String,
    owner: String,
    running: bool,
}

/// In the order in which they are removed: networks are held by containers, images too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Container,
    Network,
    Volume,
    Image,
}

impl Thing {
    fn new(kind: Kind, id: Option<String>, name: Option<String>, labels: &HashMap<String, String>) -> Self {
        let label = |key: &str| labels.get(key).cloned().unwrap_or_default();
        let id = id.or_else(|| name.clone()).unwrap_or_default();
        Self {
            kind,
            name: name.unwrap_or_else(|| id.clone()),
            id,
            run: label(RUN),
            owner: label(OWNER),
            running: false,
        }
    }
}

async fn find(engine: &Engine, filter: &HashMap<String, Vec<String>>) -> Result<Vec<Thing>, EngineError> {
    let docker = &engine.docker;
    let mut things = Vec::new();
    let all = ListContainersOptionsBuilder::default().all(true).filters(filter).build();
    for found in docker.list_containers(Some(all)).await? {
        let name = found.names.and_then(|names| Some(names.first()?.trim_start_matches('/').to_owned()));
        let thing = Thing::new(Kind::Container, found.id, name, &found.labels.unwrap_or_default());
        let running = found.state.is_some_and(|state| state.to_string() == "running");
        things.push(Thing { running, ..thing });
    }
    let all = ListNetworksOptionsBuilder::default().filters(filter).build();
    for found in docker.list_networks(Some(all)).await? {
        things.push(Thing::new(Kind::Network, found.id, found.name, &found.labels.unwrap_or_default()));
    }
    let all = ListVolumesOptionsBuilder::default().filters(filter).build();
    for found in docker.list_volumes(Some(all)).await?.volumes.unwrap_or_default() {
        things.push(Thing::new(Kind::Volume, None, Some(found.name), &found.labels));
    }
    let all = ListImagesOptionsBuilder::default().filters(filter).build();
    for found in docker.list_images(Some(all)).await? {
        things.push(Thing::new(Kind::Image, Some(found.id), None, &found.labels));
    }
    Ok(things)
}

async fn remove_things(engine: &Engine, things: &[Thing]) -> Result<(), EngineError> {
    let mut things: Vec<&Thing> = things.iter().collect();
    things.sort_by_key(|thing| thing.kind);
    for thing in things {
        match remove_one(engine, thing).await {
            // Somebody was faster.
            Err(error) if status(&error) == Some(404) => {}
            // It is being removed already.
            Err(error) if status(&error) == Some(409) && thing.kind == Kind::Container => {}
            other => other?,
        }
    }
    Ok(())
}

async fn remove_one(engine: &Engine, thing: &Thing) -> Result<(), EngineError> {
    let docker = &engine.docker;
    match thing.kind {
        Kind::Container => {
            let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
            docker.remove_container(&thing.id, Some(options)).await
        }
        Kind::Network => docker.remove_network(&thing.id).await,
        Kind::Volume => {
            let options = RemoveVolumeOptionsBuilder::default().force(true).build();
            docker.remove_volume(&thing.id, Some(options)).await
        }
        Kind::Image => {
            let options = RemoveImageOptionsBuilder::default().force(true).noprune(true).build();
            docker.remove_image(&thing.id, Some(options), None).await.map(|_| ())
        }
    }
}

fn by_run(things: Vec<Thing>) -> BTreeMap<String, Vec<Thing>> {
    let mut runs: BTreeMap<String, Vec<Thing>> = BTreeMap::new();
    for thing in things {
        runs.entry(thing.run.clone()).or_default().push(thing);
    }
    runs
}

/// Whether what a run has made must stay.
fn kept(things: &[Thing]) -> Option<Kept> {
    let owner = things.iter().find_map(|thing| Owner::read(&thing.owner));
    match owner.and_then(|owner| owner.lives()) {
        Some(true) => Some(Kept::Lives),
        Some(false) => None,
        None => things.iter().any(|thing| thing.running).then_some(Kept::Elsewhere),
    }
}

fn told(run: String, things: Vec<Thing>, kept: Option<Kept>) -> Left {
    let mut left = Left { run, kept, ..Left::default() };
    for thing in things {
        match thing.kind {
            Kind::Container => left.containers.push(thing.name),
            Kind::Network => left.networks.push(thing.name),
            Kind::Volume => left.volumes.push(thing.name),
            Kind::Image => left.images.push(thing.name),
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use super::super::label::Mark;
    use super::*;

    fn thing(owner: &str, running: bool) -> Thing {
        let labels = HashMap::from([(RUN.to_owned(), "r".to_owned()), (OWNER.to_owned(), owner.to_owned())]);
        Thing { running, ..Thing::new(Kind::Container, Some("id".to_owned()), None, &labels) }
    }

    #[test]
    fn what_lives_or_may_live_stays() {
        let ours = Mark::new().owner;
        let dead = Owner { started: "1".to_owned(), ..ours.clone() };
        let case = |owner: &str, running: bool| kept(&[thing(owner, running)]);
        assert_eq!(case(&ours.label(), false), Some(Kept::Lives));
        assert_eq!(case(&dead.label(), true), None);
        assert_eq!(case("another/1 7 8", true), Some(Kept::Elsewhere));
        assert_eq!(case("another/1 7 8", false), None);
        assert_eq!(case("", false), None);
    }
}
