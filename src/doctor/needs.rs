//! What an environment needs, from the project alone.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::containers::Image;
use crate::project::model::{
    Call, DeploySha, Environment, ImageSource, Launch, MockRuns, MovedBy, ProbeKind, Project, Provider,
    StripeMock,
};
use crate::template;

/// What an environment needs of the machine.
#[derive(Debug, Clone, Default)]
pub struct Needs {
    /// Programs that are started.
    pub programs: Vec<Program>,
    /// The key that needs an engine for containers.
    pub containers: Option<String>,
    /// Images that must be there.
    pub images: Vec<Image>,
    /// The key that needs a browser.
    pub browser: Option<String>,
    /// The key that needs libfaketime.
    pub faketime: Option<String>,
    /// Databases that must answer.
    pub databases: Vec<Database>,
    /// Ports that must be free.
    pub ports: Vec<FixedPort>,
    /// An app that must run already.
    pub url: Option<String>,
    /// The key that reads a git repository.
    pub repository: Option<String>,
    /// Where the project is.
    pub root: PathBuf,
}

/// A program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The key that names it.
    pub key: String,
    /// As it is written.
    pub name: String,
    /// Where it is started: a name with a `/` is looked for there.
    pub dir: PathBuf,
}

/// A database, or another service that the app is told of by a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database {
    /// The key that names it.
    pub key: String,
    /// Filled in. It may hold a password.
    pub url: String,
}

/// A port that the project names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FixedPort {
    /// The key.
    pub key: String,
    /// Its number.
    pub port: u16,
}

/// Services that an app is told of by a URL with one of these schemes.
const SERVICES: [&str; 9] =
    ["postgres", "postgresql", "mysql", "mariadb", "redis", "rediss", "mongodb", "amqp", "amqps"];

impl Needs {
    /// Of an environment, whose templates may name `secrets` (name → value). What is known only in a run, like
    /// `{{ target.dir }}`, is the run's own and needs nothing.
    #[must_use]
    pub fn of(project: &Project, environment: &Environment, secrets: Map<String, Value>) -> Self {
        let target = &environment.target;
        let names = names(project, environment, secrets);
        let mut needs = Self {
            programs: programs(project, environment),
            faketime: matches!(target.clock, Some(MovedBy::Faketime)).then(|| "target.clock".to_owned()),
            databases: databases(project, environment, &names),
            ports: ports(project, environment),
            repository: matches!(target.deploy_sha, Some(DeploySha::Git))
                .then(|| "target.deploy_sha.git".to_owned()),
            root: project.root.clone(),
            ..Self::default()
        };
        (needs.containers, needs.images) = containers(environment, &names);
        needs.browser = calls(project).find_map(|(key, call)| matches!(call, Call::Page(_)).then_some(key));
        if let Provider::Double { beside: Some(StripeMock { runs: MockRuns::Image(name), .. }), .. } =
            &environment.provider
        {
            let key = "provider.stripe_mock".to_owned();
            needs.containers.get_or_insert(key.clone());
            needs.images.push(Image { key, name: name.clone() });
        }
        if let Launch::Url(url) = &target.launch {
            needs.url = template::render_text(url, &names).ok();
        }
        needs
    }
}

/// What templates may name before a run.
fn names(project: &Project, environment: &Environment, secrets: Map<String, Value>) -> Map<String, Value> {
    let mut names = Map::from_iter([("secret".to_owned(), Value::Object(secrets))]);
    let all = project.variables.iter().chain(&environment.variables);
    let known = all.filter_map(|(name, value)| Some((name.clone(), template::render(value, &names).ok()?)));
    let known: Map<String, Value> = known.collect();
    names.insert("variable".to_owned(), json!(known));
    names
}

/// Every call of probes and requests, by its key.
fn calls(project: &Project) -> impl Iterator<Item = (String, &Call)> {
    let requests = project.requests.iter().map(|(name, request)| (format!("request.{name}"), &request.call));
    let probes = project.probes.iter().filter_map(|(name, probe)| match &probe.kind {
        ProbeKind::Call { call, .. } => Some((format!("probe.{name}"), call)),
        ProbeKind::Outside(_) | ProbeKind::Truth => None,
    });
    requests.chain(probes)
}

/// The key that needs an engine, and the images that it must have or may pull.
fn containers(environment: &Environment, names: &Map<String, Value>) -> (Option<String>, Vec<Image>) {
    let containers = match &environment.target.launch {
        Launch::Containers(containers) => containers,
        Launch::Compose(_) => return (Some("target.compose".to_owned()), Vec::new()),
        Launch::Processes(_) | Launch::Url(_) => return (None, Vec::new()),
    };
    let images = containers.iter().filter_map(|container| match &container.image {
        ImageSource::Named(name) => Some(Image {
            key: format!("target.container.{}.image", container.name),
            name: template::render_text(name, names).ok()?,
        }),
        ImageSource::Built { .. } => None,
    });
    (Some("target.container".to_owned()), images.collect())
}

fn programs(project: &Project, environment: &Environment) -> Vec<Program> {
    let processes = match &environment.target.launch {
        Launch::Processes(processes) => processes.as_slice(),
        Launch::Containers(_) | Launch::Compose(_) | Launch::Url(_) => &[],
    };
    let started = processes.iter().map(|process| {
        let dir = process.dir.as_ref().map_or_else(|| project.root.clone(), |dir| project.root.join(dir));
        (format!("target.process.{}.command", process.name), &process.command, dir)
    });
    let called = calls(project).filter_map(|(key, call)| match call {
        Call::Command(call) => Some((format!("{key}.command"), &call.command, project.root.clone())),
        Call::Http(_) | Call::Sql(_) | Call::Page(_) => None,
    });
    let compose = vec!["docker".to_owned()];
    let composed = matches!(environment.target.launch, Launch::Compose(_))
        .then(|| ("target.compose".to_owned(), &compose, project.root.clone()));
    let all = started.chain(composed).chain(called).filter_map(|(key, command, dir)| {
        let name = command.first().filter(|name| !template::is_template(name))?;
        // Paydrill's own demo app is this program.
        (name != "paydrill").then(|| Program { key, name: name.clone(), dir })
    });
    let mut programs: Vec<Program> = Vec::new();
    for program in all {
        if !programs.iter().any(|known| known.name == program.name && known.dir == program.dir) {
            programs.push(program);
        }
    }
    programs
}

fn databases(project: &Project, environment: &Environment, names: &Map<String, Value>) -> Vec<Database> {
    let asked = calls(project).filter_map(|(key, call)| match call {
        Call::Sql(call) => Some((format!("{key}.sql.url"), call.url.clone())),
        Call::Http(_) | Call::Command(_) | Call::Page(_) => None,
    });
    // What a container is told is a name in its own network.
    let told = environment.target.env.iter().filter(|_| !environment.target.launch.is_contained());
    let told = told.map(|(name, value)| (format!("target.env.{name}"), value.clone()));
    let mut databases: Vec<Database> = Vec::new();
    for (key, text) in asked.chain(told) {
        let Ok(url) = template::render_text(&text, names) else { continue };
        let scheme = url.split_once("://").map(|(scheme, _)| scheme);
        let answers = scheme.is_some_and(|scheme| SERVICES.contains(&scheme));
        if answers && !databases.iter().any(|known| known.url == url) {
            databases.push(Database { key, url });
        }
    }
    databases
}

fn ports(project: &Project, environment: &Environment) -> Vec<FixedPort> {
    let double = match &environment.provider {
        Provider::Double { port, .. } => port.map(|port| ("provider.double.port".to_owned(), port)),
        Provider::NotYet(_) => None,
    };
    let launch = &environment.target.launch;
    let key = |name: &str| match launch {
        Launch::Compose(_) => "target.compose.publish".to_owned(),
        Launch::Containers(_) => format!("target.container.{name}.publish"),
        Launch::Processes(_) | Launch::Url(_) => format!("target.process.{name}.port"),
    };
    let parts = launch.parts();
    let processes = parts.iter().filter_map(|part| Some((key(part.name), part.port?)));
    let mail = project.mail.and_then(|mail| Some(("mail.port".to_owned(), mail.port?)));
    let sinks =
        project.sinks.iter().filter_map(|(name, sink)| Some((format!("sink.{name}.port"), sink.port?)));
    let all = double.into_iter().chain(processes).chain(mail).chain(sinks);
    all.map(|(key, port)| FixedPort { key, port }).collect()
}
