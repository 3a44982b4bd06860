//! Brings the app up: ports, folders, secrets, templates of the environment.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};

use serde_json::{Map, Value, json};

use super::containers::{self, Containers};
use super::outside::{Here, Outside};
use super::plan::{CasePlan, RunPlan};
use super::processes::{self, Instance};
use super::scene::{EndpointAt, Scene, Variables};
use super::session::{Ports, SessionError};
use crate::id::IdMinter;
use crate::probe::Workplace;
use crate::project::model::{self, Environment, Launch, MovedBy, Project, Provider, Redirect};
use crate::provider::double::{AnswersIn, Catalog, CatalogPrice, CatalogProduct, Double, DoubleConfig};
use crate::secret::{Redactor, Secret};
use crate::target::{
    DeploySha, ExistingLauncher, Faketime, Front, FrontPlace, Hook, LaunchSpec, Launched, Launcher,
    ProcessLauncher, RunFolder, Runtime,
};
use crate::template;

/// How long Stripe waits for an endpoint, unless the project says otherwise.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// How long an app may take to come up, unless the project says otherwise.
pub(super) const READY_LIMIT: Duration = Duration::from_secs(30);

/// The app is up.
pub(super) struct Stage {
    pub(super) target: Launched,
    /// Starts it again.
    pub(super) launcher: Arc<dyn Launcher>,
    /// When the app was found ready, since the run's start.
    pub(super) ready_at: Duration,
    pub(super) scene: Arc<Scene>,
    /// Moves the app's clock, where that is how it is moved.
    pub(super) faketime: Option<Faketime>,
    pub(super) deploy_sha: Option<String>,
    /// Where programs beside the app run.
    pub(super) workplace: Workplace,
    /// What leaves the app.
    pub(super) outside: Outside,
    /// Removed when it is dropped.
    pub(super) dir: RunFolder,
    /// Where an app that cannot be told Stripe's address is led.
    pub(super) front: Option<Front>,
}

impl Stage {
    /// Masks what the user gave us, and what was minted for the endpoints.
    pub(super) fn redactor(&self, plan: &RunPlan, ports: &Ports) -> Redactor {
        redactor_with(&self.scene, plan, ports)
    }
}

impl Prepared {
    /// The same.
    pub(super) fn redactor(&self, plan: &RunPlan, ports: &Ports) -> Redactor {
        redactor_with(&self.scene, plan, ports)
    }
}

fn redactor_with(scene: &Scene, plan: &RunPlan, ports: &Ports) -> Redactor {
    let endpoints = scene.endpoints.values();
    let own = endpoints.flat_map(|at| [&at.secret, &at.other_secret, &at.old_secret]).cloned();
    Redactor::new(own.chain(secrets(plan, ports)).collect())
}

/// Masks what the user gave us.
pub(super) fn redactor(plan: &RunPlan, ports: &Ports) -> Redactor {
    Redactor::new(secrets(plan, ports).collect())
}

fn secrets<'a>(plan: &'a RunPlan, ports: &'a Ports) -> impl Iterator<Item = Secret> + 'a {
    // A key written into the environment of the app is as secret as one that came from ours.
    let written = plan.environment.target.env.values().filter(|value| looks_secret(value)).map(Secret::new);
    ports.secrets.values().cloned().chain(written)
}

fn looks_secret(value: &str) -> bool {
    ["sk_", "rk_", "whsec_"].iter().any(|prefix| value.starts_with(prefix))
}

/// How the double is started.
pub(super) fn double(environment: &Environment, here: &Here) -> Result<DoubleConfig, SessionError> {
    match environment.provider {
        Provider::Double { port, answers_in, after_retries, .. } => Ok(DoubleConfig {
            port,
            listen_on: here.listen_on,
            after_retries,
            answers_in: answers_in.map_or(AnswersIn::Asked, AnswersIn::Version),
            ..DoubleConfig::default()
        }),
        Provider::NotYet(what) => Err(SessionError::NotYet { environment: environment.name.clone(), what }),
    }
}

/// What is for sale.
pub(crate) fn catalog(project: &Project) -> Catalog {
    let products = project.products.iter().map(|(key, product)| CatalogProduct {
        key: key.clone(),
        id: product.id.clone(),
        name: product.name.clone(),
        features: product.features.clone(),
        metadata: product.metadata.clone(),
    });
    let prices = project.prices.iter().map(|(key, price)| CatalogPrice {
        key: key.clone(),
        id: price.id.clone(),
        product: price.product.clone(),
        unit_amount: price.unit_amount,
        currency: price.currency.clone(),
        every: price.every.clone(),
        metered: price.metered,
        metadata: price.metadata.clone(),
    });
    Catalog { products: products.collect(), prices: prices.collect() }
}

/// What the cases of an app want of it.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// How many instances of a process are to run; else as the project says.
    instances: BTreeMap<String, u32>,
    /// How the app's clock is moved.
    clock: Option<MovedBy>,
}

impl Wanted {
    /// Of an app that one case has for itself, or that cases share.
    pub(super) fn of(case: Option<&CasePlan>, plan: &RunPlan) -> Self {
        let Some(case) = case.filter(|case| case.needs_own_app(&plan.project)) else {
            return Self::default();
        };
        Self { instances: case.story.given.instances.clone(), clock: plan.environment.target.clock.clone() }
    }
}

/// Everything that is known before the app is started.
pub(super) struct Prepared {
    pub(super) scene: Arc<Scene>,
    pub(super) base_url: String,
    outside: Outside,
    instances: Vec<Instance>,
    front: Option<Front>,
    /// What the app is given for its data.
    data: PathBuf,
    dir: RunFolder,
}

/// Finds ports and a folder, mints secrets, and fills in what the environment says.
pub(super) fn prepare(
    plan: &RunPlan,
    ports: &Ports,
    double: &Double,
    here: &Here,
    wanted: &Wanted,
) -> Result<Prepared, SessionError> {
    let dir =
        RunFolder::make(&ports.temp, &plan.project.name, ports.clock.now()).map_err(SessionError::Folder)?;
    let data = data_folder(plan, dir.path()).map_err(SessionError::Folder)?;
    let instances = processes::assign(&plan.environment, here.inside, &wanted.instances)?;
    let base_url = match &plan.environment.target.launch {
        Launch::Url(url) => url.trim_end_matches('/').to_owned(),
        _ => instances.first().map(Instance::url).unwrap_or_default(),
    };
    let endpoints = endpoints(plan, ports, &base_url)?;
    let outside = Outside::start(&plan.project, &plan.environment, here, ports.clock)?;
    let front = front(plan, ports, double, here, &data)?;
    let mut names = names(ports, double, here, front.as_ref(), &endpoints);
    names.extend(outside.names());
    let port = instances.first().map_or(0, Instance::told);
    let kind = if plan.environment.target.launch.is_contained() { "container" } else { "process" };
    let target = json!({
        "url": base_url, "port": port, "dir": data, kind: processes::names(&instances),
    });
    names.insert("target".to_owned(), target);
    let variables = variables(ports, &names)?;
    let scene = Arc::new(Scene {
        project: Arc::clone(&plan.project),
        endpoints,
        processes: instances.iter().map(|instance| (instance.id.clone(), instance.url())).collect(),
        turns: instances
            .iter()
            .filter(|instance| instance.takes_deliveries())
            .map(|instance| instance.id.clone())
            .collect(),
        clock: wanted.clock.clone(),
        names,
        variables,
        seed: plan.options.seed,
    });
    Ok(Prepared { scene, base_url, outside, instances, front, data, dir })
}

/// Starts the app, or finds it running, and reads its deploy SHA.
pub(super) async fn bring_up(
    plan: &RunPlan,
    ports: &Ports,
    double: &Double,
    containers: Option<&Containers>,
    wanted: &Wanted,
) -> Result<Stage, SessionError> {
    let here = containers.map_or_else(Here::default, Containers::here);
    let Prepared { scene, base_url, outside, instances, front, data, dir } =
        prepare(plan, ports, double, &here, wanted)?;
    let hook = hook(plan, &data)?;
    let faketime = match wanted.clock {
        Some(MovedBy::Faketime) => Some(Faketime::new(&data)?),
        Some(MovedBy::Hook(_)) | None => None,
    };
    let lead = |env: &mut Vec<(String, String)>| {
        let inherited = |name: &str| ports.inherited.get(name).map(String::as_str);
        if let Some(hook) = &hook {
            hook.lead(env, &double_url(double, &here), inherited);
        }
        if let Some(front) = &front {
            front.lead(env, &double_url(double, &here), inherited);
        }
        if let Some(faketime) = &faketime {
            faketime.lead(env, inherited);
        }
    };
    let launcher: Arc<dyn Launcher> = match &plan.environment.target.launch {
        Launch::Processes(processes) => {
            let mut processes = processes::specs(plan, ports, processes, &instances, &all_names(&scene))?;
            processes.iter_mut().for_each(|process| lead(&mut process.env));
            let launcher = ProcessLauncher::new(LaunchSpec {
                processes,
                port: instances.first().map_or(0, |instance| instance.port),
                base_url: base_url.clone(),
            });
            let reserved = instances.into_iter().filter_map(|instance| instance.reserved);
            Arc::new(reserved.fold(launcher, ProcessLauncher::holding))
        }
        Launch::Containers(_) | Launch::Compose(_) => match containers {
            Some(containers) => {
                let hosts = front.as_ref().map(Front::hosts).unwrap_or_default();
                let told = Told { plan, ports, names: &all_names(&scene), data: &data, hosts, lead: &lead };
                containers.launcher(&told, instances, &base_url)?
            }
            None => return Err(containers::not_built_in(plan)),
        },
        Launch::Url(_) => Arc::new(ExistingLauncher::new(base_url.clone(), None)),
    };
    let target = launcher.launch(ports.clock).await?;
    if let Some(faketime) = &faketime {
        faketime.check(&target).await?;
    }
    let ready_at = ports.clock.elapsed();
    let deploy_sha = match &plan.environment.target.deploy_sha {
        Some(model::DeploySha::Label(label)) => match containers {
            Some(containers) => containers.label(label).await,
            None => None,
        },
        _ => deploy_sha(plan, ports, &base_url).await,
    };
    let mut workplace = workplace(plan, ports, &scene)?;
    lead(&mut workplace.env);
    Ok(Stage { target, launcher, ready_at, scene, faketime, deploy_sha, workplace, outside, dir, front })
}

type Env = Vec<(String, String)>;

/// What the parts of an app are told.
#[cfg_attr(not(feature = "container"), expect(dead_code, reason = "only containers are told so"))]
pub(super) struct Told<'a> {
    pub(super) plan: &'a RunPlan,
    pub(super) ports: &'a Ports,
    /// What templates may name.
    pub(super) names: &'a Map<String, Value>,
    /// What the app is given for its data.
    pub(super) data: &'a Path,
    /// Hosts that the app finds elsewhere than everybody else.
    pub(super) hosts: Vec<(String, String)>,
    /// Adds what leads the app to the double, where it cannot be told.
    pub(super) lead: &'a dyn Fn(&mut Env),
}

/// What leads the app to the double, where it cannot be told.
fn hook(plan: &RunPlan, dir: &Path) -> Result<Option<Hook>, SessionError> {
    let runtime = match plan.environment.target.redirect {
        Some(Redirect::Node) => Some(Runtime::Node),
        Some(Redirect::Python) => Some(Runtime::Python),
        Some(Redirect::Proxy) | None => None,
    };
    runtime.map(|runtime| Hook::write(runtime, dir)).transpose().map_err(SessionError::Redirect)
}

/// Where an app is led whatever it is written in.
fn front(
    plan: &RunPlan,
    ports: &Ports,
    double: &Double,
    here: &Here,
    dir: &Path,
) -> Result<Option<Front>, SessionError> {
    if plan.environment.target.redirect != Some(Redirect::Proxy) {
        return Ok(None);
    }
    let place = FrontPlace {
        listen_on: here.listen_on,
        host: here.host.clone(),
        own_hosts: plan.environment.target.launch.is_contained(),
        double: (here.listen_on, double.port()).into(),
        dir,
    };
    Ok(Some(Front::start(&place, ports.clock)?))
}

fn endpoints(
    plan: &RunPlan,
    ports: &Ports,
    base_url: &str,
) -> Result<BTreeMap<String, Arc<EndpointAt>>, SessionError> {
    let environment = &plan.environment;
    let runs_already = matches!(environment.target.launch, Launch::Url(_));
    let mut ids = IdMinter::new(plan.options.seed, 0);
    let mut minted = || {
        let mut secret = String::from("whsec_");
        ids.letters(&mut secret, 32);
        Secret::new(secret)
    };
    let secret_names = Map::from_iter([("secret".to_owned(), exposed(ports))]);
    let mut secrets = Vec::new();
    for (name, endpoint) in &environment.target.endpoints {
        let secret = match &endpoint.secret {
            Some(secret) => Secret::new(template::render_text(secret, &secret_names)?),
            None if runs_already => {
                return Err(SessionError::NoSecret {
                    endpoint: name.clone(),
                    environment: environment.name.clone(),
                });
            }
            None => minted(),
        };
        secrets.push(secret);
    }
    let paths: Vec<&str> =
        environment.target.endpoints.values().map(|endpoint| endpoint.path.as_str()).collect();
    let mut endpoints = BTreeMap::new();
    for ((name, endpoint), secret) in environment.target.endpoints.iter().zip(&secrets) {
        let at = EndpointAt {
            name: name.clone(),
            url: format!("{base_url}{}", endpoint.path),
            path: endpoint.path.clone(),
            secret: secret.clone(),
            other_secret: elsewhere(&endpoint.path, secret, &paths, &secrets).unwrap_or_else(&mut minted),
            old_secret: minted(),
            api_version: endpoint.api_version,
            events: endpoint.events.clone(),
            thin: endpoint.thin,
            connect: endpoint.connect,
            timeout: endpoint.timeout.unwrap_or(ANSWER_LIMIT),
        };
        endpoints.insert(name.clone(), Arc::new(at));
    }
    Ok(endpoints)
}

/// A secret of another endpoint, which is known to the app and must not do at this path. Two endpoints of Stripe's may
/// lead to one path, where an app takes the secrets of both.
fn elsewhere(path: &str, own: &Secret, paths: &[&str], secrets: &[Secret]) -> Option<Secret> {
    let here = |secret: &Secret| paths.iter().zip(secrets).any(|(at, its)| *at == path && its == secret);
    secrets.iter().find(|secret| *secret != own && !here(secret)).cloned()
}

/// Where the app's data goes. A container may run as anybody, who must be able to write there; the folder around it is
/// for nobody else.
fn data_folder(plan: &RunPlan, dir: &Path) -> io::Result<PathBuf> {
    if !plan.environment.target.launch.is_contained() {
        return Ok(dir.to_owned());
    }
    let data = dir.join("data");
    fs::create_dir(&data)?;
    fs::set_permissions(&data, fs::Permissions::from_mode(0o777))?;
    Ok(data)
}

/// How the app reaches the double.
fn double_url(double: &Double, here: &Here) -> String {
    format!("http://{}:{}", here.host, double.port())
}

fn names(
    ports: &Ports,
    double: &Double,
    here: &Here,
    front: Option<&Front>,
    endpoints: &BTreeMap<String, Arc<EndpointAt>>,
) -> Map<String, Value> {
    let endpoints: Map<String, Value> = endpoints
        .iter()
        .map(|(name, endpoint)| {
            (name.clone(), json!({ "secret": endpoint.secret.expose(), "url": endpoint.url }))
        })
        .collect();
    let url = double_url(double, here);
    let mut provider = json!({ "url": url, "host": here.host, "port": double.port() });
    if let Some(front) = front {
        provider["proxy"] = front.proxy().into();
        provider["ca"] = front.authority().display().to_string().into();
        provider["ca_bundle"] = front.bundle().display().to_string().into();
    }
    [
        ("provider".to_owned(), provider),
        ("endpoint".to_owned(), Value::Object(endpoints)),
        ("secret".to_owned(), exposed(ports)),
        ("price".to_owned(), Value::Object(double.prices())),
        ("product".to_owned(), Value::Object(double.products())),
    ]
    .into_iter()
    .collect()
}

fn exposed(ports: &Ports) -> Value {
    ports.secrets.iter().map(|(name, secret)| (name.clone(), Value::from(secret.expose()))).collect()
}

/// The environment's variables may name the target's folder and secrets.
fn variables(ports: &Ports, names: &Map<String, Value>) -> Result<Variables, SessionError> {
    let render = |map: &Map<String, Value>| template::render_map(map, names);
    Ok(Variables {
        project: render(&ports.variables.project)?,
        environment: render(&ports.variables.environment)?,
        command_line: ports.variables.command_line.clone(),
    })
}

pub(super) fn fill(
    plan: &RunPlan,
    names: &Map<String, Value>,
    key: &str,
    text: &str,
) -> Result<String, SessionError> {
    template::render_text(text, names).map_err(|cause| SessionError::Setting {
        key: key.to_owned(),
        environment: plan.environment.name.clone(),
        cause,
    })
}

/// What the app is told, and `more` for one of its processes.
pub(super) fn env(
    plan: &RunPlan,
    ports: &Ports,
    more: &BTreeMap<String, String>,
    names: &Map<String, Value>,
) -> Result<Vec<(String, String)>, SessionError> {
    let host = names.get("provider").and_then(|provider| provider.get("host")).and_then(Value::as_str);
    let mut env = around_proxies(ports.no_proxy.as_deref(), host);
    for (name, value) in plan.environment.target.env.iter().chain(more) {
        env.push((name.clone(), fill(plan, names, &format!("target.env.{name}"), value)?));
    }
    Ok(env)
}

/// Programs beside the app are told what the app is told: an admin tool finds its database so.
fn workplace(plan: &RunPlan, ports: &Ports, scene: &Scene) -> Result<Workplace, SessionError> {
    let names = all_names(scene);
    let env = env(plan, ports, &BTreeMap::new(), &names)?;
    Ok(Workplace { dir: plan.project.root.clone(), env })
}

fn all_names(scene: &Scene) -> Map<String, Value> {
    let mut names = scene.names.clone();
    names.insert("variable".to_owned(), Value::Object(scene.variables.merged(&Map::new())));
    names
}

/// The app reaches the double directly, also where this machine's programs go through a proxy: a Stripe SDK that
/// honours `HTTPS_PROXY` would ask the proxy for 127.0.0.1, and miss it.
fn around_proxies(no_proxy: Option<&str>, host: Option<&str>) -> Vec<(String, String)> {
    let host = host.filter(|host| *host != "127.0.0.1");
    let hosts = [no_proxy, Some("127.0.0.1,localhost"), host];
    let hosts = hosts.into_iter().flatten().filter(|hosts| !hosts.is_empty()).collect::<Vec<_>>().join(",");
    // Programs read either spelling.
    ["NO_PROXY", "no_proxy"].map(|name| (name.to_owned(), hosts.clone())).into()
}

/// What is deployed. Not knowing it spoils no verdict, so a failure is `None`.
async fn deploy_sha(plan: &RunPlan, ports: &Ports, base_url: &str) -> Option<String> {
    let source = match plan.environment.target.deploy_sha.as_ref()? {
        model::DeploySha::Git => DeploySha::Git,
        model::DeploySha::Env(name) => DeploySha::Env { name: name.clone(), value: ports.deploy_sha.clone() },
        model::DeploySha::Command(command) => DeploySha::Command(command.clone()),
        model::DeploySha::Http { path, read } => DeploySha::Http { path: path.clone(), read: read.clone() },
        model::DeploySha::Literal(sha) => DeploySha::Literal(sha.clone()),
        model::DeploySha::Label(_) => return None,
    };
    source.read(&plan.project.root, base_url).await.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(None, "127.0.0.1,localhost")]
    #[case(Some(""), "127.0.0.1,localhost")]
    #[case(Some("intern.example"), "intern.example,127.0.0.1,localhost")]
    fn the_app_reaches_the_double_past_proxies(#[case] set: Option<&str>, #[case] expected: &str) {
        let env = around_proxies(set, Some("127.0.0.1"));
        assert_eq!(env, [("NO_PROXY".into(), expected.to_owned()), ("no_proxy".into(), expected.to_owned())]);
    }

    /// Endpoints as `path secret`; expected is what deliveries to the first one are signed with by mistake.
    #[rstest::rstest]
    #[case::another_path(&["/a one", "/b two"], Some("two"))]
    #[case::the_only_one(&["/a one"], None)]
    #[case::two_of_stripes_at_one_path(&["/a one", "/a two"], None)]
    #[case::one_secret_for_both(&["/a one", "/b one"], None)]
    #[case::a_third(&["/a one", "/a two", "/b two", "/c three"], Some("three"))]
    fn another_secret_is_one_that_must_not_do(#[case] endpoints: &[&str], #[case] expected: Option<&str>) {
        let (paths, secrets): (Vec<&str>, Vec<Secret>) = endpoints
            .iter()
            .filter_map(|endpoint| endpoint.split_once(' '))
            .map(|(path, secret)| (path, Secret::new(secret)))
            .unzip();
        let other = elsewhere(paths[0], &secrets[0], &paths, &secrets);
        assert_eq!(other.as_ref().map(Secret::expose), expected);
    }
}
