//! Handlers as people write them, with Stripe's official packages: the shipped scenarios on an app in Python (Flask)
//! and on one in Node (Express), each right and with one thing wrong.
//!
//! They run when `PAYDRILL_TEST` asks for `oracle`, and install the packages, each in the version that the app pins,
//! into the target folder, once. All traffic of the tests themselves stays on 127.0.0.1.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests too")]

#[path = "support/heavy.rs"]
mod heavy;
#[path = "oracle/install.rs"]
mod install;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use paydrill::provider::double::{Catalog, Double, DoubleConfig};
use paydrill::target::{Front, FrontPlace, Hook, Runtime};
use paydrill::time::Clock;
use serde_json::Value;

/// The release of the bundler.
const ESBUILD: &str = "0.28.2";

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

/// A right app is right, whether it is told Stripe's address or led to the double by `target.redirect`, by a hook or
/// through the TLS front.
#[rstest::rstest]
fn a_right_app_passes(
    #[values(App::Python, App::Node)] app: App,
    #[values("told", "led", "fronted")] environment: &str,
) {
    if !heavy::asked("oracle") {
        return;
    }
    all_pass(&app.run(environment, "", &STORIES), &STORIES);
}

/// A bundler puts the package into the app's own file, where no hook finds it by its name.
#[test]
fn an_app_from_a_bundler_passes() {
    if !heavy::asked("oracle") {
        return;
    }
    let stories = ["checkout-grants-pro", "acknowledgement/stripe-fails-once", "mapping/seats"];
    all_pass(&App::Node.run("bundled", "", &stories), &stories);
}

fn all_pass(Told { verdicts, stats, said }: &Told, expected: &[&str]) {
    let others: Vec<_> = verdicts.iter().filter(|(_, verdict)| *verdict != "passed").collect();
    assert!(others.is_empty() && stats["passed"] == stats["cases"], "{others:?}\n{said}");
    let stories: BTreeSet<&str> = verdicts.keys().map(|case| story(case)).collect();
    assert_eq!(stories.len(), expected.len(), "{stories:?}");
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
    let (output, _) = led(Led::ByHook, &app.packages(), &app.program(program)).await;
    assert_eq!(text(&output.stdout).trim(), prints, "{}", text(&output.stderr));
}

/// The packages of several years find their way, by the hook and through the front.
#[rstest::rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn packages_of_every_age_are_led(
    #[values((App::Python, "11.4.1"), (App::Python, "16.1.0"), (App::Node, "17.7.0"), (App::Node, "23.1.0"))]
    of: (App, &str),
    #[values(Led::ByHook, Led::ThroughFront)] how: Led,
) {
    if !heavy::asked("oracle") {
        return;
    }
    let (app, release) = of;
    let (packages, program) = match app {
        App::Python => (
            install::pypi("stripe", release),
            "import stripe; stripe.api_key = 'sk_test_x'; \
             print(stripe.VERSION, stripe.Customer.create(email='a@example.com').email)",
        ),
        App::Node => (
            install::npm("stripe", release),
            "const Stripe = require('stripe'); new Stripe('sk_test_x').customers.create({email: 'a@example.com'}) \
             .then((c) => console.log(Stripe.PACKAGE_VERSION, c.email))",
        ),
    };
    let (output, remarks) = led(how, &packages, &app.program(program)).await;
    let printed = text(&output.stdout);
    assert_eq!(printed.trim(), format!("{release} a@example.com"), "{}{remarks:?}", text(&output.stderr));
    assert_eq!(remarks, Vec::<String>::new());
}

/// What has no hook comes through the front by what every runtime is told, and reaches Stripe's hosts only.
#[rstest::rstest]
#[case::curl(&["curl", "--silent", "https://api.stripe.com/v1/customers", "--user", "sk_test_x:"], "\"url\": \"/v1/customers\"", "")]
#[case::curl_files(&["curl", "--silent", "https://files.stripe.com/v1/customers"], "You did not provide an API key", "")]
#[case::python(
    &["python3", "-c", "import urllib.request as u, urllib.error\ntry: u.urlopen('https://api.stripe.com/v1/customers')\nexcept urllib.error.HTTPError as e: print(e.code)"],
    "401", ""
)]
#[case::python_requests(
    &["python3", "-c", "import requests; print(requests.get('https://api.stripe.com/v1/customers').status_code)"],
    "401", ""
)]
#[case::another_host(
    &["curl", "--silent", "--show-error", "https://crm.example/contacts"],
    "403", "refused to lead the app to crm.example:443: "
)]
#[case::another_host_without_tls(
    &["curl", "--silent", "http://crm.example/contacts"],
    "refused to lead the app to crm.example: ", "refused to lead the app to crm.example: "
)]
#[case::distrust(
    &["curl", "--silent", "--show-error", "--cacert", "OWN", "https://api.stripe.com/v1/customers"],
    "certificate", "the app does not trust the certificate of api.stripe.com"
)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_comes_through_the_front(
    #[case] program: &[&str],
    #[case] says: &str,
    #[case] remark: &str,
) {
    if !heavy::asked("oracle") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let own = dir.path().join("own.pem");
    fs::write(&own, rcgen::generate_simple_self_signed(["own.example".to_owned()]).unwrap().cert.pem())
        .unwrap();
    let program: Vec<&str> =
        program.iter().map(|word| if *word == "OWN" { own.to_str().unwrap() } else { *word }).collect();
    let (output, remarks) = led(Led::ThroughFront, &App::Python.packages(), &program).await;
    let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert!(said.contains(says), "{said}");
    if remark.is_empty() {
        assert_eq!(remarks, Vec::<String>::new());
    } else {
        assert!(remarks[0].starts_with(remark), "{remarks:?}");
    }
}

/// An app that asks a third party before it grants, and shrugs where it is refused.
const CURIOUS: &str = r#"
import http.server, os, urllib.request

class App(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"active": false}')

    def do_POST(self):
        try:
            urllib.request.urlopen("https://crm.example/contacts")
        except OSError as problem:
            print("no CRM:", problem, flush=True)
        self.send_response(200)
        self.end_headers()

http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), App).serve_forever()
"#;

/// Whom the front refused stands among the app's own output in the incident.
#[test]
fn a_refused_host_stands_in_the_evidence() {
    if !heavy::asked("oracle") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let project = fs::read_to_string(App::Python.source().join("paydrill.toml")).unwrap();
    let project = project.replace("[given]\nrequest = [\"signup\"]\n", "");
    fs::write(folder.path().join("paydrill.toml"), project.replace("within = \"5s\"", "within = \"100ms\""))
        .unwrap();
    fs::write(folder.path().join("app.py"), CURIOUS).unwrap();
    fs::create_dir(folder.path().join("scenarios")).unwrap();
    fs::write(
        folder.path().join("scenarios/paid.toml"),
        "promise = \"Paid is granted.\"\n[[step]]\nname = \"pays\"\n\
         stripe.checkout = { price = \"pro_monthly\" }\nthen.access = { active = true }\n",
    )
    .unwrap();
    let mut paydrill = Command::new(env!("CARGO_BIN_EXE_paydrill"));
    paydrill.args(["run", "--environment", "fronted"]).current_dir(folder.path());
    let output = paydrill.output().unwrap();
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}{}", text(&output.stderr));
    assert!(said.contains("paydrill: refused to lead the app to crm.example:443: "), "{said}");
    assert!(said.contains("web: no CRM: "), "{said}");
}

/// How a program is led to a double.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Led {
    ByHook,
    ThroughFront,
}

/// Runs a program that has these packages and knows nothing of a double; gives what it said, and what the front did.
async fn led(how: Led, packages: &Path, program: &[&str]) -> (Output, Vec<String>) {
    let clock = Clock::start();
    let double = Double::start(DoubleConfig::default(), &Catalog::default(), clock, 7).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut env = vec![("NO_PROXY".to_owned(), "127.0.0.1".to_owned())];
    let inherited = |name: &str| (name == "PYTHONPATH").then(|| packages.to_str()).flatten();
    let front = match how {
        Led::ByHook => {
            for runtime in [Runtime::Python, Runtime::Node] {
                Hook::write(runtime, dir.path()).unwrap().lead(&mut env, &double.url(), inherited);
            }
            None
        }
        Led::ThroughFront => {
            let place = FrontPlace {
                listen_on: [127, 0, 0, 1].into(),
                host: "127.0.0.1".to_owned(),
                own_hosts: false,
                double: ([127, 0, 0, 1], double.port()).into(),
                dir: dir.path(),
            };
            let front = Front::start(&place, clock).unwrap();
            front.lead(&mut env, &double.url(), inherited);
            Some(front)
        }
    };
    let mut command = Command::new(program[0]);
    for proxy in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        command.env_remove(proxy);
    }
    command.args(&program[1..]).envs(env);
    command.env("NODE_PATH", packages.join("node_modules")).env("PYTHONDONTWRITEBYTECODE", "1");
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let remarks = front.iter().flat_map(|front| front.said_since(Duration::ZERO));
    (output, remarks.map(|line| line.text).collect())
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
    /// A program written out, to be run.
    fn program(self, text: &str) -> [&str; 3] {
        match self {
            Self::Python => ["python3", "-c", text],
            Self::Node => ["node", "-e", text],
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
        if environment == "bundled" {
            bundle(&packages, &folder.path().join("app.js"), &folder.path().join("bundle.js"));
        } else {
            std::os::unix::fs::symlink(packages.join("node_modules"), folder.path().join("node_modules"))
                .unwrap();
        }
        let mut paydrill = Command::new(env!("CARGO_BIN_EXE_paydrill"));
        paydrill.args(["run", "--json", "--environment", environment, "--variable", &format!("bug={bug}")]);
        paydrill.arg("--project").arg(folder.path().join("paydrill.toml"));
        paydrill.args(stories.iter().map(|story| scenario(story)));
        paydrill.env("PYTHONPATH", &packages).env("PYTHONDONTWRITEBYTECODE", "1");
        told(&paydrill.output().unwrap())
    }
}

/// Makes one file of an app and its packages.
fn bundle(packages: &Path, app: &Path, to: &Path) {
    let bundler = install::npm("esbuild", ESBUILD).join("node_modules/esbuild/bin/esbuild");
    let mut command = Command::new("node");
    command.arg(bundler).args(["--bundle", "--platform=node", "--log-level=error", "--minify"]).arg(app);
    command.arg(format!("--outfile={}", to.display())).env("NODE_PATH", packages.join("node_modules"));
    install::ran(&mut command);
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
