//! Handlers as people write them, with Stripe's official packages: the shipped scenarios on an app in Python (Flask)
//! and on one in Node (Express), each right and with one thing wrong.
//!
//! They run when `PAYDRILL_TEST` asks for `oracle`, and install the packages, each in the version that the app pins,
//! into the target folder, once. All traffic of the tests themselves stays on 127.0.0.1.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests too")]

#[path = "support/heavy.rs"]
mod heavy;
#[expect(dead_code, reason = "the oracles name their packages one by one")]
#[path = "oracle/install.rs"]
mod install;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use paydrill::provider::double::{Catalog, Double, DoubleConfig};
use paydrill::target::{Hook, Runtime};
use paydrill::time::Clock;
use serde_json::Value;

/// What both apps must get right.
const STORIES: [&str; 21] = [
    "acknowledgement/invoice-created",
    "acknowledgement/stripe-fails-once",
    "acknowledgement/stripe-is-down",
    "checkout-grants-pro",
    "duplicates/same-event-again",
    "duplicates/same-event-at-once",
    "identity/foreign-customer",
    "identity/old-subscription-ends",
    "mapping/cancel-at-period-end",
    "mapping/payment-recovers",
    "mapping/plan-change-in-the-portal",
    "mapping/seats",
    "mapping/unpaid",
    "order/late-update",
    "order/same-second",
    "redirect/page-and-webhook-together",
    "shape/older-versions",
    "shape/thin-event",
    "transport/forged",
    "transport/other-spelling",
    "transport/retry-three-days-later",
];

/// A right app is right, whether it is told Stripe's address or led to the double by `target.redirect`.
#[rstest::rstest]
fn a_right_app_passes(
    #[values(App::Python, App::Node)] app: App,
    #[values("told", "led")] environment: &str,
) {
    if !heavy::asked("oracle") {
        return;
    }
    let Told { verdicts, stats, said } = app.run(environment, "", &STORIES);
    let others: Vec<_> = verdicts.iter().filter(|(_, verdict)| *verdict != "passed").collect();
    assert!(others.is_empty() && stats["passed"] == stats["cases"], "{others:?}\n{said}");
    let stories: BTreeSet<&str> = verdicts.keys().map(|case| story(case)).collect();
    assert_eq!(stories.len(), STORIES.len(), "{stories:?}");
}

/// What people get wrong with the packages is found: a verdict that failed, not one that could not be judged. A story
/// about something else is none the worse for it.
#[rstest::rstest]
#[case::python_event_as_a_dict(App::Python, "shape-sdk-object-not-dict", &["checkout-grants-pro", "seats", "same-event-again"])]
#[case::python_period_end(App::Python, "shape-period-end-moved", &["checkout-grants-pro", "renewal", "older-versions"])]
#[case::node_body_parsed_first(App::Node, "net-body-reserialised", &["checkout-grants-pro", "seats", "other-spelling"])]
#[case::node_period_end(App::Node, "shape-period-end-moved", &["checkout-grants-pro", "renewal", "older-versions"])]
fn a_classic_mistake_fails(#[case] app: App, #[case] bug: &str, #[case] fails: &[&str]) {
    if !heavy::asked("oracle") {
        return;
    }
    const WHERE: [&str; 6] = [
        "checkout-grants-pro",
        "mapping/seats",
        "mapping/renewal",
        "shape/older-versions",
        "duplicates/same-event-again",
        "transport/other-spelling",
    ];
    let stories: Vec<&str> =
        WHERE.into_iter().filter(|path| fails.contains(&last(path))).chain(["transport/forged"]).collect();
    let Told { verdicts, said, .. } = app.run("told", bug, &stories);
    let failed: BTreeSet<&str> =
        verdicts.iter().filter(|(_, verdict)| *verdict == "failed").map(|(case, _)| story(case)).collect();
    assert_eq!(failed, fails.iter().copied().collect(), "{said}");
    let fine = verdicts.iter().filter(|(case, _)| story(case) == "forged");
    assert!(fine.clone().count() > 0 && fine.clone().all(|(_, verdict)| verdict == "passed"), "{said}");
    assert!(verdicts.values().all(|verdict| verdict == "passed" || verdict == "failed"), "{said}");
    let told_of = |path: &&str| fs::read_to_string(scenario(path)).unwrap().contains(&format!("\"{bug}\""));
    assert!(
        stories.iter().filter(|path| fails.contains(&last(path))).any(told_of),
        "no story has the tag {bug}"
    );
}

/// The file of a shipped scenario.
fn scenario(story: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(format!("{story}.toml"))
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap()
}

/// `older-versions` of `older-versions[shape=basil] #2`.
fn story(case: &str) -> &str {
    case.split(['[', ' ']).next().unwrap()
}

/// Every way in which a program of that language comes to Stripe's API ends at the double, or is refused.
#[rstest::rstest]
#[case::python_module(
    App::Python,
    "import stripe; stripe.api_key = 'sk_test_x'; print(stripe.Customer.create(email='a@example.com').email)",
    "a@example.com"
)]
#[case::python_client(
    App::Python,
    "from stripe import StripeClient as C; print(C('sk_test_x').v1.customers.create({'email': 'b@example.com'}).email)",
    "b@example.com"
)]
#[case::python_past_the_package(
    App::Python,
    "import requests\ntry: requests.get('https://api.stripe.com/v1/customers', timeout=5)\nexcept requests.ConnectionError as e: print('paydrill leads only' in str(e))",
    "True"
)]
#[case::node_package(
    App::Node,
    "new (require('stripe'))('sk_test_x').customers.create({email: 'c@example.com'}).then((c) => console.log(c.email))",
    "c@example.com"
)]
#[case::node_fetch(
    App::Node,
    "fetch('https://api.stripe.com/v1/customers', {headers: {authorization: 'Bearer sk_test_x'}}).then((r) => r.json()).then((l) => console.log(l.object, l.data.length))",
    "list 0"
)]
#[case::node_https(
    App::Node,
    "require('https').get({host: 'api.stripe.com', path: '/v1/customers'}, (r) => console.log(r.resume().statusCode))",
    "401"
)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_is_led_to_the_double(#[case] app: App, #[case] program: &str, #[case] prints: &str) {
    if !heavy::asked("oracle") {
        return;
    }
    let double =
        Double::start(DoubleConfig::default(), &Catalog::default(), Clock::start(), 7).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut env = Vec::new();
    let packages = app.packages();
    let hook = Hook::write(app.runtime(), dir.path()).unwrap();
    hook.lead(&mut env, &double.url(), |name| (name == "PYTHONPATH").then(|| packages.to_str()).flatten());
    let mut command = match app {
        App::Python => Command::new("python3"),
        App::Node => Command::new("node"),
    };
    command.arg(if matches!(app, App::Python) { "-c" } else { "-e" }).arg(program);
    command.envs(env).env("NODE_PATH", packages.join("node_modules")).env("PYTHONDONTWRITEBYTECODE", "1");
    for proxy in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        command.env_remove(proxy);
    }
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert_eq!(text(&output.stdout).trim(), prints, "{}", text(&output.stderr));
}

/// One of the apps below `tests/apps`.
#[derive(Debug, Clone, Copy)]
enum App {
    Python,
    Node,
}

/// What a run told.
struct Told {
    /// The verdict of each case.
    verdicts: BTreeMap<String, String>,
    /// The counts of the run.
    stats: Value,
    /// What people read.
    said: String,
}

impl App {
    fn runtime(self) -> Runtime {
        match self {
            Self::Python => Runtime::Python,
            Self::Node => Runtime::Node,
        }
    }

    fn source(self) -> PathBuf {
        let name = match self {
            Self::Python => "python",
            Self::Node => "node",
        };
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/apps").join(name)
    }

    /// The packages that the app pins, installed once for each list of them.
    fn packages(self) -> PathBuf {
        let list = match self {
            Self::Python => "requirements.txt",
            Self::Node => "package-lock.json",
        };
        let source = self.source();
        let mut hash = DefaultHasher::new();
        fs::read(source.join(list)).unwrap().hash(&mut hash);
        install::once(&format!("app-{self:?}-{:016x}", hash.finish()), |folder| match self {
            Self::Python => {
                let mut pip = Command::new("python3");
                pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
                pip.args(["--only-binary=:all:", "--no-deps", "--target"]).arg(folder);
                install::ran(pip.arg("--requirement").arg(source.join(list)));
            }
            Self::Node => {
                for file in ["package.json", list] {
                    fs::copy(source.join(file), folder.join(file)).unwrap();
                }
                let mut npm = Command::new("npm");
                npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
                install::ran(npm.current_dir(folder));
            }
        })
    }

    /// Runs stories on a copy of the app that has its packages.
    fn run(self, environment: &str, bug: &str, stories: &[&str]) -> Told {
        let packages = self.packages();
        let folder = tempfile::tempdir().unwrap();
        for file in ["paydrill.toml", "app.py", "app.js"] {
            let from = self.source().join(file);
            if from.is_file() {
                fs::copy(from, folder.path().join(file)).unwrap();
            }
        }
        std::os::unix::fs::symlink(packages.join("node_modules"), folder.path().join("node_modules"))
            .unwrap();
        let mut paydrill = Command::new(env!("CARGO_BIN_EXE_paydrill"));
        paydrill.args(["run", "--json", "--environment", environment, "--variable", &format!("bug={bug}")]);
        paydrill.arg("--project").arg(folder.path().join("paydrill.toml"));
        paydrill.args(stories.iter().map(|story| scenario(story)));
        paydrill.env("PYTHONPATH", &packages).env("PYTHONDONTWRITEBYTECODE", "1");
        told(&paydrill.output().unwrap())
    }
}

fn told(output: &Output) -> Told {
    let said = text(&output.stderr);
    let lines: Vec<Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |kind: &str| lines.iter().filter(move |line| line["type"] == kind).collect::<Vec<_>>();
    let field = |line: &Value, name: &str| line[name].as_str().unwrap().to_owned();
    let verdicts =
        of("case-finished").into_iter().map(|line| (field(line, "name"), field(line, "verdict"))).collect();
    let [finished] = of("run-finished")[..] else { panic!("the run did not finish:\n{said}") };
    Told { verdicts, stats: finished["stats"].clone(), said }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
