//! The app's record in a real PostgreSQL.

use rstest::rstest;

use crate::heavy;
use crate::postgres_server::Postgres;
use crate::support::Project;

const BOOKS: &str = r#"
[variables]
database_url = "URL"
[request.table]
sql.url   = "{{ variable.database_url }}"
sql.query = """
CREATE TABLE IF NOT EXISTS books (
    customer text PRIMARY KEY, plan text, seats int NOT NULL, rate numeric(5, 2), paid boolean,
    renews_at timestamptz, tags text[], raw jsonb, id uuid)
"""
[request.book]
sql.url   = "{{ variable.database_url }}"
sql.query = "INSERT INTO books VALUES ($1, 'pro', $2, 8.25, true, '2026-12-01T00:00:00+01', '{a,b}', '{\"x\": 1}', gen_random_uuid())"
sql.args  = ["{{ customer.id }}", 3]
[probe.books]
sql.url   = "{{ variable.database_url }}"
sql.query = "SELECT plan, seats, rate, paid, renews_at, tags, raw, id FROM books WHERE customer = $1; "
sql.args  = ["{{ customer.id }}"]
times     = ["renews_at"]
[probe.cheat]
sql.url   = "{{ variable.database_url }}"
sql.query = "SELECT nextval('counter') AS n"
[probe.counter]
sql.url   = "{{ variable.database_url }}"
sql.query = "SELECT last_value, is_called FROM counter -- what it counted"
[request.counter]
sql.url   = "{{ variable.database_url }}"
sql.query = "CREATE SEQUENCE IF NOT EXISTS counter"
"#;

#[rstest]
#[case::row(
    r#"then.books = { rows = 1, plan = "pro", seats = 3, rate = 8.25, paid = true, tags = ["a", "b"],
       renews_at = "2026-11-30T23:00:00Z", id = { matches = "^[0-9a-f-]{36}$" } }"#,
    0,
    "1 passed"
)]
#[case::another("then.books = { seats = 4 }", 1, "still 3")]
#[case::only_reads("then.cheat = { n = 1 }", 3, "read-only transaction")]
#[case::comment_at_the_end("then.counter = { last_value = 1, is_called = false }", 0, "1 passed")]
fn a_story_is_judged_by_postgresql(#[case] then: &str, #[case] code: i32, #[case] says: &str) {
    if !heavy::asked("postgres") {
        return;
    }
    let database = Postgres::start();
    let story = format!(
        "promise = \"It is in the books.\"\n\n[[step]]\nname = \"books\"\n\
         request = [\"table\", \"counter\", \"book\"]\n{}\n",
        then.replace('\n', " ")
    );
    let project = Project::empty();
    let text = project.read("paydrill.toml") + &BOOKS.replace("URL", &database.url());
    let ran = project.file("paydrill.toml", &text).file("scenarios/story.toml", &story).run(&["run"]);
    ran.code(code).says(&[says]);
}
