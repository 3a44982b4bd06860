//! What a person sees, in a real browser.

use std::fs;

use rstest::rstest;

use crate::heavy;
use crate::support::Project;

const PAGE: &str = r##"
[probe.account]
page = { path = "/page/{{ customer.id }}" }
read = { plan = "#plan", who = "#who", elsewhere = "#elsewhere", hidden = "#hidden", missing = "#missing" }
[probe.nowhere]
page = { path = "/no/such/page" }
[probe.selector]
page = { path = "/page/{{ customer.id }}" }
read = { plan = "no selector]" }
"##;

fn project(then: &str) -> Project {
    let project = Project::with("nothing");
    let text = project.read("paydrill.toml") + PAGE;
    project.file("paydrill.toml", &text).project(r#"within = "400ms""#, r#"within = "5s""#).edit(
        "scenarios/story.toml",
        "then.access = { active = true }",
        then,
    )
}

#[rstest]
#[case::drawn_by_a_script(
    r#"then.account = { plan = "Pro", title = "Your account", http_status = 200 }"#,
    0,
    "1 passed"
)]
#[case::with_the_customers_cookies(r#"then.account = { who = "who=ada" }"#, 0, "1 passed")]
#[case::only_this_machine(r#"then.account = { elsewhere = "not reached" }"#, 0, "1 passed")]
#[case::what_is_visible(
    r#"then.account = { hidden = "", missing = { absent = true }, text = { contains = "Pro", lacks = "people" } }"#,
    0,
    "1 passed"
)]
#[case::not_there(r#"then.nowhere = { http_status = 404 }"#, 0, "1 passed")]
#[case::wrong(r#"then.account = { plan = "Team" }"#, 1, r#"account.plan: still "Pro""#)]
#[case::bad_selector(r#"then.selector = { plan = "Pro" }"#, 3, "not a valid selector")]
fn a_page_is_judged_by_what_a_person_sees(#[case] then: &str, #[case] code: i32, #[case] says: &str) {
    if !heavy::asked("browser") {
        return;
    }
    project(then).run(&["run"]).code(code).says(&[says]);
}

#[test]
fn a_picture_is_kept_of_what_was_wrong_and_of_nothing_else() {
    if !heavy::asked("browser") {
        return;
    }
    let failed = project(r#"then.account = { plan = "Team" }"#);
    failed.run(&["run", "--incident-dir", "out"]).code(1);
    let pictures: Vec<_> =
        fs::read_dir(failed.path("out/pages")).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(!pictures.is_empty());
    let incidents: String = fs::read_dir(failed.path("out"))
        .unwrap()
        .filter_map(|file| fs::read_to_string(file.unwrap().path()).ok())
        .collect();
    for picture in pictures {
        assert!(fs::read(&picture).unwrap().starts_with(b"\x89PNG\r\n"), "{}", picture.display());
        assert!(incidents.contains(picture.file_name().unwrap().to_str().unwrap()), "{}", picture.display());
    }
    let passed = project(r#"then.account = { plan = "Pro" }"#);
    passed.run(&["run", "--incident-dir", "out"]).code(0);
    assert!(!passed.path("out/pages").exists());
}
