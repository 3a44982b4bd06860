//! State that is not read over HTTP: the app's own database, and programs beside it.

use rstest::rstest;

use crate::support::Project;

/// What the project file gets, with the URL of a database in the run's folder.
const BOOKS: &str = r#"
[request.file]
command = ["touch", "{{ target.dir }}/books.db"]
[request.table]
sql.url   = "sqlite://{{ target.dir }}/books.db"
sql.query = "CREATE TABLE IF NOT EXISTS books (customer TEXT PRIMARY KEY, plan TEXT NOT NULL, paid BOOLEAN NOT NULL)"
[request.book]
sql.url   = "sqlite://{{ target.dir }}/books.db"
sql.query = "INSERT INTO books VALUES ($1, 'pro', 1)"
sql.args  = ["{{ customer.id }}"]
[request.broken]
command = ["sh", "-c", "echo no such customer >&2; exit 2"]

[probe.books]
sql.url   = "sqlite://{{ target.dir }}/books.db"
sql.query = "SELECT plan, paid FROM books WHERE customer = $1"
sql.args  = ["{{ customer.id }}"]
[probe.cheat]
sql.url   = "sqlite://{{ target.dir }}/books.db"
sql.query = "UPDATE books SET plan = 'team' RETURNING plan"
[probe.told]
command = ["sh", "-c", "echo '{\"api\": \"'$STRIPE_API_BASE'\"}'"]
read = { api = "$.api" }
"#;

fn project(step: &str) -> Project {
    let project = Project::empty();
    let text = project.read("paydrill.toml") + BOOKS;
    let story = format!("promise = \"It is in the books.\"\n\n[[step]]\nname = \"books\"\n{step}\n");
    project.file("paydrill.toml", &text).file("scenarios/story.toml", &story)
}

const WRITTEN: &str = r#"request = ["file", "table", "book"]"#;

#[rstest]
#[case::row(r#"then.books = { rows = 1, plan = "pro", paid = true }"#, 0, "1 passed")]
#[case::another(r#"then.books = { plan = "team" }"#, 1, "still \"pro\"")]
#[case::too_few("then.books = { rows = 2 }", 1, "still 1")]
#[case::only_reads(r#"then.cheat = { plan = "team" }"#, 3, "attempt to write a readonly database")]
#[case::program(
    r#"then.told = { exit = 0, api = { matches = "^http://127.0.0.1:[0-9]+$" } }"#,
    0,
    "1 passed"
)]
fn a_story_is_judged_by_database_and_programs(#[case] then: &str, #[case] code: i32, #[case] says: &str) {
    let ran = project(&format!("{WRITTEN}\n{then}")).run(&["run"]);
    ran.code(code).says(&[says]);
}

#[test]
fn a_program_that_fails_makes_the_case_errored() {
    let ran = project("request = [\"broken\"]\nthen.access = { active = true }").run(&["run"]);
    ran.code(3).says(&["request `broken` ended with exit code 2: no such customer"]);
}
