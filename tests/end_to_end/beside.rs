//! A stripe-mock beside the double: what it answers, what it finds, and what becomes of a run without it.

use rstest::rstest;

use crate::stripe_mock::{Mock, program};
use crate::support::{Project, eventually, odd_app, of_type};
use crate::{container, heavy, image};

/// A project whose double has this beside it.
fn project(odd: &str, keys: &str) -> Project {
    Project::with(odd).project("provider.double      = {}", &format!("provider.stripe_mock = {{ {keys} }}"))
}

fn beside(mock: &Mock, odd: &str, more: &str) -> Project {
    project(odd, &format!("url = \"{}\"{more}", mock.url))
}

const CHECKED: &str = ", check_parameters = true";

#[test]
fn what_the_double_does_not_model_is_answered_by_stripe_mock_and_told_so() {
    let mock = Mock::start(&[]);
    let project = beside(&mock, "asks-for-reviews", "");
    let ran = project.run(&["run", "--json"]);
    assert_eq!(ran.code(0).verdicts(), ["story passed"]);
    let events = ran.events();
    let notes: Vec<_> = of_type(&events, "stripe-called")
        .map(|event| &event["call"])
        .filter(|call| call["path"] == "/v1/reviews")
        .map(|call| (call["status"].as_u64(), call["note"].as_str().unwrap_or_default().to_owned()))
        .collect();
    assert_eq!(notes, [(Some(200), "answered by stripe-mock 0.206.0-like".to_owned())], "{}", ran.stdout);
}

#[test]
fn what_stripe_mock_does_not_know_either_proves_nothing() {
    let mock = Mock::start(&[]);
    let ran = beside(&mock, "asks-for-funding", "").run(&["run"]);
    ran.code(3).says(&["/funding_instructions is not modelled, and stripe-mock 0.206.0-like"]);
}

#[rstest]
#[case::version_unknown(&[])]
#[case::version_told(&["-strict-version-check"])]
fn a_refused_parameter_fails_the_case_and_is_named_with_its_call(#[case] flags: &[&str]) {
    let mock = Mock::start(flags);
    let project = beside(&mock, "sends-a-colour", CHECKED);
    let ran = project.run(&["run", "--report-junit", "junit.xml"]);
    ran.code(1).says(&[
        "Parameter refused: ",
        "failed: `colour` of POST /v1/customers/{id}",
        "--> paydrill.toml:26:",
        "stripe-mock 0.206.0-like refused it: Stripe has no such parameter",
        "repair the call",
    ]);
    assert!(project.read("junit.xml").contains("colour"), "{}", project.read("junit.xml"));
    // Only who asks for it is told.
    let unchecked = beside(&mock, "sends-a-colour", "");
    unchecked.run(&["run"]).code(0);
}

#[test]
fn calls_that_are_as_stripe_has_them_pass_the_check() {
    let mock = Mock::start(&["-strict-version-check"]);
    beside(&mock, "reads-stripe", CHECKED).run(&["run"]).code(0);
}

#[rstest]
#[case::checked("reads-stripe", CHECKED, "the parameters of GET /v1/customers/{id} could not be checked")]
#[case::passed("asks-for-funding", "", "/funding_instructions, which is passed on")]
fn a_stripe_mock_that_ends_in_the_middle_makes_the_case_errored(
    #[case] odd: &str,
    #[case] more: &str,
    #[case] says: &str,
) {
    // The first call is ours, whether it is there.
    let mock = Mock::start(&["-ends-after", "1"]);
    let ran = beside(&mock, odd, more).run(&["run"]);
    ran.code(3).says(&[says, "reach stripe-mock at http://127.0.0.1:"]);
}

#[test]
fn without_its_stripe_mock_nothing_is_run() {
    let place = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", place.local_addr().unwrap());
    drop(place);
    let ran = project("nothing", &format!("url = \"{url}\"")).run(&["run"]);
    ran.code(3).says(&[&format!("failed to reach stripe-mock at {url}: ")]);
}

#[rstest]
#[case::secure("url = \"https://127.0.0.1:12112\"", "out-of-range", "26:32")]
#[case::stripe_itself("url = \"http://api.stripe.com\"", "out-of-range", "26:32")]
#[case::a_path("url = \"http://127.0.0.1:1/v1\"", "out-of-range", "26:32")]
#[case::no_host("url = \"http://:12111\"", "out-of-range", "26:32")]
#[case::both("url = \"http://127.0.0.1:1\", image = \"a:1\"", "exclusive-keys", "")]
#[case::another_image_tomorrow("image = \"stripe/stripe-mock:latest\"", "out-of-range", "26:34")]
#[case::no_tag("image = \"stripe/stripe-mock\"", "out-of-range", "26:34")]
#[case::no_image("image = \"stripe mock:1\"", "out-of-range", "26:34")]
#[case::another_key("checks = true", "unknown-key", "26:26")]
fn keys_that_make_no_sense_are_refused(#[case] keys: &str, #[case] code: &str, #[case] place: &str) {
    for command in ["lint", "run"] {
        let ran = project("nothing", keys).run(&[command]);
        ran.code(2).says(&[&format!("error[{code}]"), &format!("--> paydrill.toml:{place}")]);
    }
}

#[test]
fn the_doubles_own_keys_stand_beside_it() {
    let mock = Mock::start(&[]);
    let keys = ", answers_in = \"2026-09-30.endive\", after_retries = \"unpaid\"";
    beside(&mock, "reads-stripe", keys).run(&["run"]).code(0);
    let wrong = beside(&mock, "reads-stripe", ", answers_in = \"sable\"");
    wrong.run(&["lint"]).code(2).says(&["`sable`"]);
}

/// The image of what stands in for stripe-mock.
fn like_stripe_mock() -> String {
    image::of("like-stripe-mock", &program(), "EXPOSE 12111")
}

#[test]
fn an_image_is_started_for_the_run_and_goes_with_it() {
    if !heavy::asked("docker") {
        return;
    }
    let keys = format!("image = \"{}\"{CHECKED}", like_stripe_mock());
    container::run(&project("asks-for-reviews", &keys), &["run"]).code(0);
    let ran = container::run(&project("sends-a-colour", &keys), &["run"]);
    ran.code(1).says(&["failed: `colour` of POST /v1/customers/{id}", "stripe-mock 0.206.0-like refused it"]);
}

#[test]
fn an_image_that_was_started_goes_also_when_paydrill_is_killed() {
    if !heavy::asked("docker") {
        return;
    }
    let project = project("hangs", &format!("image = \"{}\"", like_stripe_mock()));
    let project =
        project.project("timeout = \"300ms\" }\ntarget.env.PORT", "timeout = \"50s\" }\ntarget.env.PORT");
    let mut child = project.start(&["run"]);
    let owner = child.id();
    eventually("the app is asked", || project.processes().len() > 2 && !container::left(owner).is_empty());
    child.kill().unwrap();
    project.killed(child);
    eventually("its stripe-mock is removed", || container::left(owner).is_empty());
}

#[test]
fn an_image_that_is_nowhere_or_is_another_program_is_said() {
    if !heavy::asked("docker") {
        return;
    }
    let nowhere = project("nothing", "image = \"paydrill-test/no-such-mock:1\"");
    container::run(&nowhere, &["run"]).code(3).says(&[
        "failed to find image `paydrill-test/no-such-mock:1` of stripe-mock: it is not on this machine",
        "`provider.stripe_mock.url` names one that runs already",
    ]);
    let another = image::of("odd-app", &odd_app(), "");
    let ran = container::run(&project("nothing", &format!("image = \"{another}\"")), &["run"]);
    ran.code(3).says(&["stripe-mock", "unexpected argument"]);
}

/// The environment that Paydrill ships for it, on what stands in for the image that it names.
#[cfg(feature = "demo")]
#[test]
fn the_shipped_environment_holds_the_demo_app_against_stripe_mock() {
    if !heavy::asked("docker") {
        return;
    }
    let shipped = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let keys = "provider.stripe_mock = { answers_in";
    let project_file = std::fs::read_to_string(shipped.join("paydrill.toml")).unwrap();
    assert!(project_file.contains(keys), "{keys}");
    let named = format!("provider.stripe_mock = {{ image = \"{}\", answers_in", like_stripe_mock());
    let story = std::fs::read_to_string(shipped.join("checkout-grants-pro.toml")).unwrap();
    let project = Project::empty()
        .file("paydrill.toml", &project_file.replace(keys, &named))
        .file("checkout-grants-pro.toml", &story);
    let ran = container::run(
        &project,
        &["run", "checkout-grants-pro.toml", "--environment", "stripe-mock", "--json"],
    );
    ran.code(0);
    assert_eq!(ran.verdicts(), ["checkout-grants-pro passed"]);
}
