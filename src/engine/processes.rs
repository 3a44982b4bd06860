//! The processes or containers of the app and their instances: what each is called, where it answers, how it is started.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::plan::RunPlan;
use super::session::{Ports, SessionError};
use super::stage::{READY_LIMIT, env, fill};
use crate::project::model::{Environment, Part, Process, Ready, ReadyCheck};
use crate::target::{self, EnvBase, LaunchError, ProcessSpec, ReservedPort};

/// One instance of a process or container, before it is started.
pub(super) struct Instance {
    /// `app`, `app#2`.
    pub(super) id: String,
    /// Which process, in the order of the file.
    pub(super) index: usize,
    /// Where we reach it.
    pub(super) port: u16,
    /// Where it listens in its container, if it is one and listens.
    pub(super) inside: Option<u16>,
    /// Keeps the port until the app is started; `None`: the project names it.
    pub(super) reserved: Option<ReservedPort>,
}

impl Instance {
    /// Where it answers, if it listens.
    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The port that it is told to listen on.
    pub(super) fn told(&self) -> u16 {
        self.inside.unwrap_or(self.port)
    }

    /// Whether it takes deliveries: an instance of the first process.
    pub(super) fn takes_deliveries(&self) -> bool {
        self.index == 0
    }
}

/// The id of an instance, counted from 1: the first has the name of its process.
fn id(process: &str, number: u32) -> String {
    if number == 1 { process.to_owned() } else { format!("{process}#{number}") }
}

/// How many instances of a part run: as the scenario says, else as the project does.
fn count(part: &Part<'_>, wanted: &BTreeMap<String, u32>) -> u32 {
    wanted.get(part.name).copied().unwrap_or(part.instances)
}

/// Whether an app whose scenario wants these instances has one with this id.
pub(crate) fn has(environment: &Environment, wanted: &BTreeMap<String, u32>, id: &str) -> bool {
    let parts = environment.target.launch.parts();
    parts.iter().any(|part| (1..=count(part, wanted)).any(|number| self::id(part.name, number) == id))
}

/// Every instance with a port of its own; none for an app that already runs. `told` is where the app listens inside,
/// where a compose file tells it.
pub(super) fn assign(
    environment: &Environment,
    told: Option<u16>,
    wanted: &BTreeMap<String, u32>,
) -> Result<Vec<Instance>, LaunchError> {
    let mut instances = Vec::new();
    for (index, part) in environment.target.launch.parts().into_iter().enumerate() {
        for number in 1..=count(&part, wanted) {
            let id = id(part.name, number);
            // A fixed port is the first one's: two cannot listen there.
            let fixed = part.port.filter(|_| number == 1);
            let reserved = if fixed.is_none() { Some(ReservedPort::take()?) } else { None };
            let port = fixed.or(reserved.as_ref().map(ReservedPort::port)).unwrap_or_default();
            instances.push(Instance { id, index, port, inside: part.inside.or(told), reserved });
        }
    }
    Ok(instances)
}

/// `target.process`, `target.container`: the address of every instance, by its id.
pub(super) fn names(instances: &[Instance]) -> Value {
    let each = instances.iter().map(|instance| (instance.id.clone(), at(instance)));
    Value::Object(each.collect())
}

fn at(instance: &Instance) -> Value {
    json!({ "port": instance.told(), "url": instance.url() })
}

/// How every instance is started. `names` are what templates may name.
pub(super) fn specs(
    plan: &RunPlan,
    ports: &Ports,
    processes: &[Process],
    instances: &[Instance],
    names: &Map<String, Value>,
) -> Result<Vec<ProcessSpec>, SessionError> {
    let known = instances.iter().filter_map(|instance| Some((processes.get(instance.index)?, instance)));
    known.map(|(process, instance)| spec(plan, ports, process, instance, names)).collect()
}

fn spec(
    plan: &RunPlan,
    ports: &Ports,
    process: &Process,
    instance: &Instance,
    names: &Map<String, Value>,
) -> Result<ProcessSpec, SessionError> {
    let names = own_names(names, &process.name, instance);
    let key = format!("target.process.{}.command", process.name);
    let mut command: Vec<String> =
        process.command.iter().map(|word| fill(plan, &names, &key, word)).collect::<Result<_, _>>()?;
    if let Some(program) = command.first_mut()
        && let Some(path) = ports.programs.get(program.as_str())
    {
        *program = path.to_string_lossy().into_owned();
    }
    let dir: PathBuf =
        process.dir.as_ref().map_or_else(|| plan.project.root.clone(), |dir| plan.project.root.join(dir));
    Ok(ProcessSpec {
        name: instance.id.clone(),
        command,
        dir,
        env: env(plan, ports, &process.env, &names)?,
        env_base: EnvBase::Inherit,
        ready: ready(process.ready.as_ref(), instance),
        url: Some(instance.url()),
    })
}

/// What templates name for this instance: an address that its process has is its own.
pub(super) fn own_names(names: &Map<String, Value>, part: &str, instance: &Instance) -> Map<String, Value> {
    let mut names = names.clone();
    if let Some(Value::Object(target)) = names.get_mut("target") {
        if instance.takes_deliveries() {
            target.insert("port".to_owned(), instance.told().into());
            target.insert("url".to_owned(), instance.url().into());
        }
        for kind in ["process", "container"] {
            if let Some(Value::Object(all)) = target.get_mut(kind) {
                all.insert(part.to_owned(), at(instance));
            }
        }
    }
    names
}

/// When it counts as up.
pub(super) fn ready(said: Option<&Ready>, instance: &Instance) -> Option<target::Ready> {
    let said = said.map(|ready| target::Ready {
        check: match &ready.check {
            ReadyCheck::Http(path) => target::ReadyCheck::Http { path_or_url: path.clone() },
            ReadyCheck::Port => target::ReadyCheck::Port,
            ReadyCheck::Log(contains) => target::ReadyCheck::Log { contains: contains.clone() },
            ReadyCheck::Health => target::ReadyCheck::Health,
        },
        within: ready.within.unwrap_or(READY_LIMIT),
    });
    // Without a word on readiness what gets deliveries must at least listen.
    said.or_else(|| {
        let listens = target::Ready { check: target::ReadyCheck::Port, within: READY_LIMIT };
        instance.takes_deliveries().then_some(listens)
    })
}
