//! The whole way from a text to a model or to diagnostics, as people meet it.

mod folders;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::diagnostic::has_errors;
use super::model::{FaultEffect, FaultKind, From, Order, Pick, Scenario, Send, SignatureMode};
use super::render::{Color, render};
use super::tree::source;
use super::*;
use crate::project::model::{Launch, Project, Provider};
use crate::project::parse_project;
use crate::stripe::action::Leaves;
use crate::stripe::refusal::{Limit, Refusal};

/// The example project and scenarios of the design.
pub(crate) fn examples() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/scenario/testdata/examples");
    let entry = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.unwrap().path();
        (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read_to_string(&path).unwrap())
    };
    std::fs::read_dir(folder).unwrap().map(entry).collect()
}

/// The example project.
pub(crate) fn example_project() -> (Project, Vec<Diagnostic>) {
    let text = &examples()["paydrill.toml"];
    let (project, diagnostics) = parse_project(source("paydrill.toml", text), PathBuf::from("."));
    (project.unwrap_or_else(|| panic!("{}", render(&diagnostics, Color::No))), diagnostics)
}

/// A scenario of the example project.
pub(crate) fn parse(text: &str) -> (Option<Scenario>, Vec<Diagnostic>) {
    let (project, _) = example_project();
    let files = |path: &str| match path {
        "captured/evt.json" => Ok(r#"{ "object": "event", "id": "evt_1" }"#.to_owned()),
        "captured/list.json" => Ok(r#"{ "object": "list" }"#.to_owned()),
        _ => Err("no such file".to_owned()),
    };
    parse_scenario(source("scenarios/a.toml", text), "a", &project, &files)
}

fn valid(text: &str) -> Scenario {
    let (scenario, diagnostics) = parse(text);
    scenario.unwrap_or_else(|| panic!("{}", render(&diagnostics, Color::No)))
}

#[rstest::rstest]
#[case("", Leaves::Canceled)]
#[case("after_retries = \"unpaid\"", Leaves::Unpaid)]
#[case("after_retries = \"past_due\"", Leaves::PastDue)]
#[case("after_retries = \"cancel\"", Leaves::Canceled)]
fn a_project_says_what_follows_the_last_retry(#[case] key: &str, #[case] expected: Leaves) {
    let text = format!(
        "[project]\nname = \"acme\"\n[environment.ci]\nprovider.double = {{ {key} }}\n\
         target = {{ url = \"http://127.0.0.1:1\", endpoint.main = {{ path = \"/w\" }} }}\n"
    );
    let (project, diagnostics) = parse_project(source("paydrill.toml", &text), PathBuf::from("."));
    let project = project.unwrap_or_else(|| panic!("{}", render(&diagnostics, Color::No)));
    let provider = &project.environments["ci"].provider;
    assert!(matches!(provider, Provider::Double { after_retries, .. } if *after_retries == expected));
}

#[test]
fn the_example_project_is_valid() {
    let (project, diagnostics) = example_project();
    // The example leaves out one guard, which only a drill asks for.
    let codes: Vec<_> = diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
    assert_eq!(codes, [Code::MissingGuard], "{}", render(&diagnostics, Color::No));
    assert_eq!(project.prices["pro_monthly"].unit_amount, 9900);
    assert_eq!(project.probes["access"].fields().unwrap().len(), 6);
    let ci = &project.environments["ci"];
    assert!(matches!(ci.provider, Provider::Double { port: None, answers_in: None, .. }));
    assert!(matches!(&ci.target.launch, Launch::Processes(processes) if processes.len() == 2));
    assert!(ci.target.endpoints["connect"].connect);
    assert_eq!(ci.not_yet, []);
    let later: Vec<_> = project.environments["production"].not_yet.iter().map(|l| l.what.as_str()).collect();
    assert_eq!(later, ["environment.production.provider.live"]);
}

/// What each example may carry: what this version does not execute, by name. Everything else is clean.
#[test]
fn every_example_is_valid_or_refused_by_name() {
    let mut told = String::new();
    for (file, text) in examples().iter().filter(|(file, _)| file.as_str() != "paydrill.toml") {
        let (scenario, diagnostics) = parse(text);
        assert_eq!(scenario.is_none(), has_errors(&diagnostics), "{file}");
        let all: Vec<_> = diagnostics.iter().map(|diagnostic| diagnostic.message.as_str()).collect();
        told.push_str(&format!("{file}: {}\n", all.join("; ")));
    }
    insta::assert_snapshot!(told);
}

/// Files as people get them wrong, and what they are told. Read the snapshot: it is what this module is for.
const BAD_SCENARIOS: &[(&str, &str)] = &[
    ("malformed TOML", "promise = A paid checkout gives Pro\n"),
    ("unterminated string", "promise = \"p\n[[step]]\n"),
    ("a key twice", "promise = \"p\"\npromise = \"q\"\n"),
    ("empty file", ""),
    ("no step", "promise = \"p\"\n"),
    (
        "unknown keys, all at once",
        "promise = \"p\"\nonwer = \"x\"\n[[step]]\nthan.access = { plan = \"pro\" }\nwithn = \"5s\"\n",
    ),
    (
        "a header that swallows keys",
        "promise = \"p\"\n[[step]]\n[step.then]\naccess = { plan = \"pro\" }\nwithin = \"5s\"\n",
    ),
    (
        "wrong types",
        "promise = 7\nrepeat = \"many\"\ntags = \"a\"\n[[step]]\ntogether = \"yes\"\nsend = { event = \"*\" }\nthen.access = \"pro\"\n",
    ),
    (
        "out of range",
        "promise = \" \"\nrepeat = 0\n[[step]]\nfault = [{ api = { call = \"GET /v1/x\", status = 200 } }]\nthen.access = {}\n",
    ),
    (
        "durations",
        "promise = \"p\"\nwithin = 10\nhold = \"10 seconds\"\n[given]\nat = \"31d\"\n[[step]]\nwithin = \"-1s\"\nthen.access = { plan = \"pro\" }\n",
    ),
    (
        "unknown probe, field and matcher",
        "promise = \"p\"\n[[step]]\nthen.acess = { plan = \"pro\" }\nthen.access = { paln = \"pro\", seats = { min = 3 } }\nthen.delivery = { code = 200 }\nunchanged = [\"creditz\"]\n",
    ),
    (
        "matchers of the wrong type",
        "promise = \"p\"\n[[step]]\nthen.access = { plan = { one_of = \"pro\" }, seats = { by = \"x\", count = -1 }, active = {}, features = { count = { most = 1 } } }\n",
    ),
    (
        "unknown request, price, customer",
        "promise = \"p\"\n[[given.customer]]\nname = \"stranger\"\nsubscription = [{ price = \"pro_montly\" }]\n[[step]]\ncustomer = \"stanger\"\nstripe.subscribe = { items = [{ price = \"pro\" }] }\nrequest = [\"sucess_page\"]\n",
    ),
    (
        "unknown template names",
        "promise = \"p\"\n[[step]]\nstripe.subscribe = { price = \"pro_monthly\", set = { metadata = { a = \"{{ costumer.id }}\" } } }\nthen.access = { plan = \"{{ variable.past_due }}\", seats = \"{{ customer.id\", active = \"{{ matrix.x }}\" }\n",
    ),
    (
        "actions",
        "promise = \"p\"\n[[step]]\nstripe.subscrib = {}\n[[step]]\nstripe = { cancel = {}, resume = {} }\n[[step]]\nstripe.change_quantity = { quantity = \"many\" }\n[[step]]\nstripe.cancel = { when = \"now\", subscription = \"old\" }\n[[step]]\nstripe = {}\n",
    ),
    (
        "lines of send",
        "promise = \"p\"\n[[step]]\nname = \"one\"\nstripe.change_quantity = { quantity = 2 }\nsend = []\n[[step]]\nname = \"one\"\nsend = [{ event = \"customer.subscription.updated\", from = \"on\" }, { event = \"invoice.paid\", from = \"one\" }, { event = \"Invoice Paid\" }, { times = 2 }, { event = \"*\", template = \"invoice.paid\" }, { template = \"invoice.paid\", from = \"one\" }]\n",
    ),
    (
        "patterns where one event is meant",
        "promise = \"p\"\n[[step]]\nstripe.cancel = {}\nsend = [{ event = \"invoice.*\" }, { template = \"*\" }]\n",
    ),
    (
        "words",
        "promise = \"p\"\n[[step]]\nstripe.cancel = {}\norder = \"backwards\"\ntarget = \"reboot\"\nsend = [{ event = \"*\", signature = \"stael\", body = \"compat\", endpoint = \"mian\", shape = \"enndive\" }]\n",
    ),
    (
        "send and drop",
        "promise = \"p\"\n[[step]]\nstripe.cancel = {}\nsend = [{ event = \"*\" }]\ndrop = [\"invoice.*\"]\n",
    ),
    (
        "drop of nothing",
        "promise = \"p\"\n[[step]]\nstripe.cancel = {}\ndrop = [\"invoice.*\"]\nthen.access = { plan = \"free\" }\n",
    ),
    (
        "captured files",
        "promise = \"p\"\n[[step]]\nsend = [{ file = \"captured/none.json\" }, { file = \"captured/list.json\" }, { file = \"captured/evt.json\", nth = 1, remove = [\"data.object.id\"] }]\n",
    ),
    (
        "literal secrets",
        "promise = \"p\"\n# was: sk_live_51Hxyz\n[[step]]\nstripe.subscribe = { price = \"pro_monthly\", set = { description = \"whsec_abcdef0123\" } }\n",
    ),
    ("TOML 1.1 inline tables", "promise = \"p\"\n[[step]]\nthen.access = {\n  plan = \"free\",\n}\n"),
    (
        "faults",
        "promise = \"p\"\n[[step]]\nstripe.cancel = {}\nfault = [{ api = { call = \"subscriptions\", latency = \"1s\", status = 500 } }, { kill = { process = \"wbe\", on = \"called\" } }, { mail = { status = 451 } }, { sink = { name = \"crm\", status = 503 } }, {}]\n",
    ),
    (
        "idle steps",
        "promise = \"p\"\n[[step]]\nname = \"wait\"\n[[step]]\norder = \"reversed\"\nthen.access = { plan = \"free\" }\n",
    ),
    (
        "names used twice",
        "promise = \"p\"\n[[given.customer]]\nname = \"a\"\nsubscription = [{ name = \"s\", price = \"pro_monthly\" }, { name = \"s\", price = \"basic_monthly\" }]\n[[given.customer]]\nname = \"a\"\n[[step]]\nname = \"given\"\nstripe.cancel = {}\n",
    ),
    (
        "a matrix",
        "promise = \"p\"\nmatrix = { signature = [\"stale\", \"stael\"], order = [], x = 1 }\n[[step]]\nstripe.cancel = {}\nsend = [{ event = \"*\", signature = \"{{ matrix.signature }}\" }]\n",
    ),
    (
        "an alternative alone",
        "promise = \"p\"\n[[step]]\nstripe.cancel = {}\neither = [{ access = { plan = \"free\" } }]\n",
    ),
    (
        "drills",
        "promise = \"p\"\nrepeat = 2\n[[step]]\nname = \"moves\"\nstripe.advance = { by = \"1d\" }\n[drill.prove]\nsource = \"replay\"\nrestore = [\"undo\"]\n[drill.alarm]\nstep = \"move\"\nsend = [{ event = \"invoice.paid\" }]\nheard_within = \"5m\"\n",
    ),
];

#[test]
fn bad_scenarios_say_what_is_wrong_and_where() {
    let mut told = String::new();
    for (title, text) in BAD_SCENARIOS {
        let (scenario, diagnostics) = parse(text);
        assert!(!diagnostics.is_empty(), "{title}");
        assert_eq!(scenario.is_none(), has_errors(&diagnostics), "{title}");
        told.push_str(&format!("==== {title}\n\n{}", render(&diagnostics, Color::No)));
    }
    insta::assert_snapshot!(told);
}

const GOOD_PROJECT: &str = r#"[project]
name = "acme"
[probe.access]
http = { path = "/api" }
read = { plan = "$.plan" }
[environment.ci]
provider.double = {}
target.url = "http://127.0.0.1:8080"
target.endpoint.main = { path = "/webhook" }
"#;

const BAD_PROJECTS: &[(&str, &str)] = &[
    ("nothing", ""),
    (
        "an environment that does not exist",
        "[project]\nname = \"acme\"\ndefault_environment = \"c1\"\n[environment.ci]\nprovider.double = {}\ntarget = { url = \"app\", endpoint.main = { path = \"webhook\" } }\n[schedule.weekly]\nscenario = \"a\"\nenvironment = \"production\"\ncron = \"every tuesday\"\ntime_zone = \"CET-ish!\"\n",
    ),
    (
        "no endpoint, no way up",
        "[project]\nname = \"acme\"\n[environment.ci]\nprovider = {}\ntarget = {}\n[environment.other]\nprovider.double = { port = 0, answers_in = \"newest\" }\ntarget.process.web = { command = [] }\n",
    ),
    (
        "catalogue",
        "[project]\nname = \"acme\"\n[catalog.product.pro]\nname = \"Pro\"\n[catalog.price]\na = { product = \"por\", unit_amount = 1, currency = \"USD\" }\nb = { product = \"pro\", unit_amount = 9.99, currency = \"usd\", every = \"monthly\", metered = true }\nc = { product = \"pro\", unit_amount = 5, currency = \"usd\", metered = true }\n[environment.ci]\nprovider.double = {}\ntarget = { url = \"http://127.0.0.1:1\", endpoint.main = { path = \"/w\" } }\nbind.price.d = \"price_1\"\n",
    ),
    (
        "probes and requests",
        "[project]\nname = \"acme\"\n[request.signup]\nhttp = { method = \"post\", path = \"signup\", json = {}, text = \"x\" }\n[request.job]\ncommand = []\n[request.none]\n[given]\nrequest = [\"signpu\"]\n[probe.access]\nhttp = { path = \"/api/{{ customer.idd }}/{{ costumer.id }}\" }\nread = { plan = \"plan\", seats = \"$.[\" }\ntimes = [\"renews\"]\nwords = { state = { A = \"b\" } }\n[probe.delivery]\nsql = { url = \"acme.db\", query = \"SELECT 1\" }\nread = { a = \"$.a\" }\n[reconcile]\n\"access.paln\" = \"subscription.status\"\n\"acess.plan\" = \"subscripton.status\"\nplan = \"subscription.status\"\n[environment.ci]\nprovider.double = {}\ntarget = { url = \"http://127.0.0.1:1\", endpoint.main = { path = \"/w\", api_version = \"newest\" } }\n",
    ),
    (
        "what the app passes",
        "[project]\nname = \"acme\"\n[stripe.chekout]\nset = { a = 1 }\n[stripe.checkout]\nmetadata = { a = 1 }\n[environment.ci]\nprovider.double = {}\ntarget = { url = \"http://127.0.0.1:1\", endpoint.main = { path = \"/w\" } }\n",
    ),
    (
        "guards",
        "[project]\nname = \"acme\"\n[environment.production]\nprovider.live.key = \"sk_live_abc\"\ntarget.url = \"https://app.acme.example\"\nguard.windows = [\"Mon-Fri 10:00-16:00 Europe/Berlin\", \"weekdays\", \"Mon-Fri 16:00-10:00 Berlin\", \"Mo 10:00-11:00 UTC\"]\nguard.blocked = [\"2026-12-24\", \"2026-13-01\", \"2027-01-06/2026-12-20\"]\nguard.alarms = \"nothing\"\nguard.stop = \"none\"\nguard.per_day = 0\nguard.lever = { file = \"a\", http = { url = \"b\" } }\n",
    ),
    (
        "a redirect",
        "[project]\nname = \"acme\"\n[environment.ci]\nprovider.double = {}\ntarget = { url = \"http://127.0.0.1:1\", redirect = \"python\", endpoint.main = { path = \"/w\" } }\n[environment.other]\nprovider.double = {}\ntarget.process.web = { command = [\"ruby\", \"app.rb\"] }\ntarget.redirect = \"ruby\"\ntarget.endpoint.main = { path = \"/w\" }\n",
    ),
    (
        "readiness and sha",
        "[project]\nname = \"acme\"\n[environment.ci]\nprovider.double = {}\ntarget.process.web = { command = [\"./server\"], ready = { http = \"/healthz\", port = true, within = \"soon\" } }\ntarget.endpoint.main = { path = \"/w\" }\ntarget.deploy_sha = { git = false, read = \"sha\" }\n",
    ),
];

#[test]
fn bad_projects_say_what_is_wrong_and_where() {
    let mut told = String::new();
    for (title, text) in BAD_PROJECTS {
        let (project, diagnostics) = parse_project(source("paydrill.toml", text), PathBuf::new());
        assert!(project.is_none(), "{title}: {}", render(&diagnostics, Color::No));
        told.push_str(&format!("==== {title}\n\n{}", render(&diagnostics, Color::No)));
    }
    insta::assert_snapshot!(told);
}

#[test]
fn a_drawn_line_never_shows_a_secret() {
    let text = "promise = \"p\"\nonwer = \"whsec_abcdef0123\"\n";
    let (_, diagnostics) = parse(text);
    for drawn in [render(&diagnostics, Color::No), render(&diagnostics, Color::Yes)] {
        assert!(drawn.contains("whsec_**********") && !drawn.contains("abcdef"), "{drawn}");
    }
    let json: Vec<_> = diagnostics.iter().map(diagnostic::to_json).collect();
    assert!(!serde_json::to_string(&json).unwrap().contains("abcdef"));
}

#[test]
fn what_is_drawn_cannot_steer_a_terminal() {
    let (_, diagnostics) =
        parse("promise = \"p\"\n\"onwer\\u001b[31m\" = \"\\u001b[2J\"\nmatrix.\"\\u001b[1m\" = []\n");
    let drawn = render(&diagnostics, Color::No);
    assert!(drawn.contains("onwer") && !drawn.contains('\u{1b}'), "{drawn:?}");
}

#[test]
fn a_diagnostic_has_the_same_in_json() {
    let (_, diagnostics) =
        parse("promise = \"p\"\nonwer = \"x\"\n[[step]]\nthen.access = { plan = \"free\" }\n");
    insta::assert_json_snapshot!(diagnostic::to_json(&diagnostics[0]), @r#"
    {
      "v": 1,
      "code": "unknown-key",
      "severity": "error",
      "message": "unknown key `onwer`",
      "file": "scenarios/a.toml",
      "line": 2,
      "column": 1,
      "end_line": 2,
      "end_column": 6,
      "label": "not a key of a scenario",
      "help": "did you mean `owner`?"
    }
    "#);
}

#[test]
fn the_model_holds_what_the_file_says() {
    let scenario = valid(&examples()["order-refund-before-purchase.toml"]);
    let story = &scenario.cases[0];
    assert_eq!((scenario.cases.len(), story.label.as_str(), scenario.repeat), (1, "", 1));
    assert_eq!(story.steps[0].name, "pays");
    assert!(matches!(&story.steps[0].send, Send::List { entries, .. } if entries.is_empty()));
    let Send::List { entries, order: Order::Natural } = &story.steps[1].send else { panic!("no list") };
    let made = |event: &str, from| Pick::Made { event: event.to_owned(), from, nth: None };
    assert_eq!(entries[0].pick, made("refund.created", From::This));
    assert_eq!(entries[1].pick, made("checkout.session.completed", From::Step(0)));
    let expected = &story.steps[1].then[0];
    assert_eq!(expected.fields["balance"].value, 50);
    let place = &expected.fields["balance"].place;
    assert_eq!((place.position().line, &place.source.text[place.range.clone()]), (12, "50"));
}

#[test]
fn a_fault_says_what_stripe_advises() {
    let step = "promise = \"p\"\n[[step]]\nstripe.cancel = {}\n";
    let fault = "fault = [{ api = { call = \"GET /v1/*\", status = 429, retry_after = \"2s\", should_retry = true, limited_by = \"endpoint-rate\" } }]";
    let scenario = valid(&format!("{step}{fault}\nthen.access = {{ plan = \"free\" }}\n"));
    let refusal = Refusal {
        status: 429,
        retry_after: Some(Duration::from_secs(2)),
        should_retry: Some(true),
        limited_by: Some(Limit::EndpointRate),
    };
    let FaultKind::Api(api) = &scenario.cases[0].steps[0].faults[0].kind else { panic!("no call fails") };
    assert_eq!(api.effect, FaultEffect::Refusal(refusal));
}

#[rstest::rstest]
#[case("status = 429, retry_after = \"1500ms\"", "`Retry-After` is in whole seconds")]
#[case("status = 500, limited_by = \"endpoint-rate\"", "a call that meets a limit is not answered 500")]
#[case("status = 429, limited_by = \"me\"", "limit")]
#[case("latency = \"1s\", should_retry = false", "only a call that is answered with a `status` gives advice")]
fn advice_that_makes_no_sense_is_refused(#[case] keys: &str, #[case] message: &str) {
    let fault = format!("fault = [{{ api = {{ call = \"GET /v1/*\", {keys} }} }}]");
    let text = format!(
        "promise = \"p\"\n[[step]]\nstripe.cancel = {{}}\n{fault}\nthen.access = {{ plan = \"free\" }}\n"
    );
    let (scenario, diagnostics) = parse(&text);
    assert!(scenario.is_none());
    assert!(diagnostics[0].message.contains(message), "{}", render(&diagnostics, Color::No));
}

#[test]
fn a_matrix_makes_cases() {
    let scenario = valid(&examples()["net-signatures.toml"]);
    let labels: Vec<_> = scenario.cases.iter().map(|story| story.label.as_str()).collect();
    assert_eq!(labels[0], "signature=missing");
    let Send::List { entries, .. } = &scenario.cases[4].steps[0].send else { panic!("no list") };
    assert_eq!(entries[0].change.signature, SignatureMode::Stale);

    let scenario = valid(&examples()["order-same-second-tie.toml"]);
    let orders: Vec<_> = scenario.cases.iter().map(|story| &story.steps[0].send).collect();
    assert!(matches!(orders[0], Send::Burst { order: Order::Natural, .. }));
    assert!(matches!(orders[1], Send::Burst { order: Order::Reversed, .. }));
}

#[test]
fn an_environment_that_is_not_executed_is_refused_where_something_is_to_run() {
    let (project, _) = example_project();
    let scenario = valid("promise = \"p\"\n[[step]]\nstripe.cancel = {}\n");
    let refused = |environment, scenarios: &[Scenario]| {
        let refused = refuse_unsupported(&project.environments[environment], scenarios);
        refused.into_iter().map(|diagnostic| diagnostic.message).collect::<Vec<_>>()
    };
    let scenarios = [scenario];
    assert_eq!(refused("ci", &scenarios), Vec::<String>::new());
    assert_eq!(
        refused("production", &scenarios),
        ["not supported yet: environment.production.provider.live"]
    );
    assert_eq!(refused("production", &[]), Vec::<String>::new());
}

#[test]
fn a_small_project_is_valid() {
    let (project, diagnostics) = parse_project(source("paydrill.toml", GOOD_PROJECT), PathBuf::new());
    assert_eq!(diagnostics, []);
    let project = project.unwrap();
    assert_eq!((project.within.as_secs(), project.hold.as_millis()), (10, 500));
}
