//! The app in containers: the engine, images and network for all of a run, and how each container is started.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::outside::Here;
use super::plan::RunPlan;
use super::processes::{self, Instance};
use super::session::{Ports, SessionError};
use super::stage::{Told, env, fill};
use crate::project::model::{Compose, Container, ImageSource, Launch};
use crate::target::Launcher;
use crate::target::container::{
    Build, ComposeFile, ComposeLauncher, ContainerLauncher, ContainerSpec, Engine, EngineAddress, FileIn,
    Ground, Image, Mount, Published,
};

/// What the containers of a run stand on, and what they are made of.
pub(super) struct Containers {
    ground: Ground,
    made_of: MadeOf,
}

/// What the containers of a run are made of.
enum MadeOf {
    /// Images, by the container's name.
    Images(BTreeMap<String, Image>),
    /// A compose file.
    Compose(Box<ComposeFile>),
}

impl Containers {
    /// Makes ready what the app's containers need; `None`: it has none. Images are pulled or built here, once for all
    /// apps of the run.
    pub(super) async fn open(plan: &RunPlan, ports: &Ports) -> Result<Option<Self>, SessionError> {
        if !plan.environment.target.launch.is_contained() {
            return Ok(None);
        }
        let variable = |name: &str| ports.inherited.get(name).map(String::as_str);
        let engine = Engine::connect(EngineAddress::here(variable)).await?;
        let ground = Ground::open(engine, plan.environment.target.network.as_deref()).await?;
        match made_of(plan, ports, &ground).await {
            Ok(made_of) => Ok(Some(Self { ground, made_of })),
            Err(error) => {
                ground.close().await;
                Err(error)
            }
        }
    }

    /// Where our servers listen so that the containers reach them.
    pub(super) fn here(&self) -> Here {
        let inside = match &self.made_of {
            MadeOf::Compose(file) => Some(file.port()),
            MadeOf::Images(_) => None,
        };
        Here { listen_on: self.ground.listen_on(), host: self.ground.host(), inside }
    }

    /// A label of the image of the app's first container, once that was started.
    pub(super) async fn label(&self, name: &str) -> Option<String> {
        self.ground.first_image().await?.labels.get(name).cloned()
    }

    /// Starts the containers of one app.
    pub(super) fn launcher(
        &self,
        told: &Told<'_>,
        mut instances: Vec<Instance>,
        base_url: &str,
    ) -> Result<Arc<dyn Launcher>, SessionError> {
        let (ground, base_url) = (self.ground.clone(), base_url.to_owned());
        let containers = match (&told.plan.environment.target.launch, &self.made_of) {
            (Launch::Containers(containers), _) => containers,
            (Launch::Compose(compose), MadeOf::Compose(file)) => {
                let Some(app) = instances.pop() else { return Err(not_built_in(told.plan)) };
                let spec = service(told, compose, &app)?;
                let launcher = ComposeLauncher::new(ground, (**file).clone(), spec, base_url, app.reserved);
                return Ok(Arc::new(launcher));
            }
            _ => return Err(not_built_in(told.plan)),
        };
        let known = instances.iter().filter_map(|instance| Some((containers.get(instance.index)?, instance)));
        let specs = known.map(|(container, instance)| self.spec(told, container, instance));
        let launcher = ContainerLauncher::new(ground, specs.collect::<Result<_, _>>()?, base_url);
        let reserved = instances.into_iter().filter_map(|instance| instance.reserved);
        Ok(Arc::new(reserved.fold(launcher, ContainerLauncher::holding)))
    }

    fn spec(
        &self,
        told: &Told<'_>,
        container: &Container,
        instance: &Instance,
    ) -> Result<ContainerSpec, SessionError> {
        let (plan, ports) = (told.plan, told.ports);
        let names = processes::own_names(told.names, &container.name, instance);
        let words = |key: &str, words: &[String]| -> Result<Vec<String>, SessionError> {
            let key = format!("target.container.{}.{key}", container.name);
            words.iter().map(|word| fill(plan, &names, &key, word)).collect()
        };
        let mut env = env(plan, ports, &container.env, &names)?;
        (told.lead)(&mut env);
        let command = words("command", &container.command)?;
        let entrypoint = container.entrypoint.as_ref().map(|entry| words("entrypoint", entry)).transpose()?;
        let texts = env.iter().map(|(_, value)| value).chain(&command).chain(entrypoint.iter().flatten());
        let mounts = mounts(told.data, texts);
        let image = match &self.made_of {
            MadeOf::Images(images) => images.get(&container.name).map(|image| image.id.clone()),
            MadeOf::Compose(_) => None,
        };
        let files = container
            .files
            .iter()
            .map(|file| FileIn { from: plan.project.root.join(&file.from), to: file.to.clone() });
        Ok(ContainerSpec {
            name: instance.id.clone(),
            aliases: vec![container.name.clone()],
            image: image.unwrap_or_default(),
            entrypoint,
            command,
            env,
            published: published(instance),
            files: files.collect(),
            mounts,
            hosts: told.hosts.clone(),
            user: container.user.clone(),
            memory: container.memory,
            millicpus: container.millicpus,
            ready: processes::ready(container.ready.as_ref(), instance),
            url: Some(instance.url()),
        })
    }

    /// Removes all that was made.
    pub(super) async fn close(self) {
        self.ground.close().await;
    }
}

/// The folder for the app's data, where something that it is told names it; at the same path, so that our probes and
/// the app call it alike.
fn mounts<'a>(data: &Path, mut texts: impl Iterator<Item = &'a String>) -> Vec<Mount> {
    let path = data.display().to_string();
    if texts.any(|text| text.contains(&path)) {
        vec![Mount { from: data.to_owned(), to: path, read_only: false }]
    } else {
        Vec::new()
    }
}

/// The project's folder, wherever a program of Docker's is run.
fn root(plan: &RunPlan) -> Result<PathBuf, SessionError> {
    std::path::absolute(&plan.project.root).map_err(SessionError::Folder)
}

/// The port of the container that we reach.
fn published(instance: &Instance) -> Vec<Published> {
    instance.inside.map(|inside| Published { inside, outside: instance.port }).into_iter().collect()
}

/// What the service of a compose file is told, beside what the file says.
fn service(told: &Told<'_>, compose: &Compose, app: &Instance) -> Result<ContainerSpec, SessionError> {
    let names = processes::own_names(told.names, &compose.service, app);
    let mut env = env(told.plan, told.ports, &BTreeMap::new(), &names)?;
    (told.lead)(&mut env);
    Ok(ContainerSpec {
        name: app.id.clone(),
        mounts: mounts(told.data, env.iter().map(|(_, value)| value)),
        env,
        published: published(app),
        ready: processes::ready(compose.ready.as_ref(), app),
        url: Some(app.url()),
        hosts: told.hosts.clone(),
        ..ContainerSpec::default()
    })
}

async fn made_of(plan: &RunPlan, ports: &Ports, ground: &Ground) -> Result<MadeOf, SessionError> {
    match &plan.environment.target.launch {
        Launch::Compose(compose) => {
            let file = root(plan)?.join(&compose.file);
            let read = ComposeFile::read(ground, file, &compose.service, compose.port, ports.clock).await?;
            Ok(MadeOf::Compose(Box::new(read)))
        }
        Launch::Containers(containers) => images(plan, ports, ground, containers).await.map(MadeOf::Images),
        Launch::Processes(_) | Launch::Url(_) => Ok(MadeOf::Images(BTreeMap::new())),
    }
}

async fn images(
    plan: &RunPlan,
    ports: &Ports,
    ground: &Ground,
    containers: &[Container],
) -> Result<BTreeMap<String, Image>, SessionError> {
    let names = names(ports);
    let mut images = BTreeMap::new();
    for container in containers {
        let key = format!("target.container.{}.image", container.name);
        let image = match &container.image {
            ImageSource::Named(name) => ground.engine().image(&fill(plan, &names, &key, name)?).await?,
            ImageSource::Built { context, dockerfile, args, target } => {
                let root = root(plan)?;
                let key = format!("target.container.{}.build.args", container.name);
                let args = args
                    .iter()
                    .map(|(name, value)| Ok((name.clone(), fill(plan, &names, &key, value)?)))
                    .collect::<Result<_, SessionError>>()?;
                let build = Build {
                    context: root.join(context),
                    dockerfile: dockerfile.as_ref().map(|dockerfile| root.join(dockerfile)),
                    args,
                    target: target.clone(),
                };
                build.run(ground, &container.name, ports.clock).await?
            }
        };
        images.insert(container.name.clone(), image);
    }
    Ok(images)
}

/// What the name of an image may name: what is known before anything is started.
fn names(ports: &Ports) -> Map<String, Value> {
    let secrets: Map<String, Value> =
        ports.secrets.iter().map(|(name, secret)| (name.clone(), Value::from(secret.expose()))).collect();
    Map::from_iter([
        ("variable".to_owned(), Value::Object(ports.variables.merged(&Map::new()))),
        ("secret".to_owned(), json!(secrets)),
    ])
}

/// Said where a build without containers says it; here it would be a mistake of ours.
pub(super) fn not_built_in(plan: &RunPlan) -> SessionError {
    SessionError::NotYet { environment: plan.environment.name.clone(), what: "this app in containers" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(&["sqlite:///tmp/paydrill-1/data/app.db"], 1)]
    #[case(&["--port", "3000"], 0)]
    #[case(&[], 0)]
    fn the_data_folder_is_mounted_where_it_is_named(#[case] texts: &[&str], #[case] expected: usize) {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        assert_eq!(mounts(Path::new("/tmp/paydrill-1/data"), texts.iter()).len(), expected);
    }
}
