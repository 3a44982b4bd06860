//! Databases and programs as probes and requests meet them.

use std::collections::BTreeMap;

use rstest::rstest;
use serde_json::json;

use super::*;
use crate::project::model::SqlCall;

fn caller(dir: &std::path::Path) -> Caller {
    let env = vec![("PLAN".to_owned(), "pro".to_owned())];
    Caller::new(Clock::start(), "http://127.0.0.1:1", Workplace { dir: dir.to_owned(), env }).unwrap()
}

fn command(words: &[&str]) -> Call {
    Call::Command(CommandCall { command: words.iter().map(|word| (*word).to_owned()).collect() })
}

fn read(paths: &[(&str, &str)]) -> BTreeMap<String, String> {
    paths.iter().map(|(field, path)| ((*field).to_owned(), (*path).to_owned())).collect()
}

async fn reading(call: &Call, paths: &[(&str, &str)], dir: &std::path::Path) -> Result<Value, String> {
    let reader = Reader::compile(call, &read(paths), Text::LeaveOut).unwrap();
    let reading = caller(dir).read(&reader, call, &Cookies::default()).await;
    reading.fields.map(Value::Object).map_err(|error| error.to_string())
}

#[rstest]
#[case::json(&["sh", "-c", "echo '{\"plan\": \"'$PLAN'\"}'"], &[("plan", "$.plan")], Ok(json!({"plan": "pro", "exit": 0})))]
#[case::text(&["echo", "hello"], &[], Ok(json!({"exit": 0, "text": "hello\n"})))]
#[case::exit_code(&["sh", "-c", "exit 3"], &[("plan", "$.plan")], Ok(json!({"exit": 3})))]
#[case::signal(&["sh", "-c", "kill -9 $$"], &[], Ok(json!({"exit": 137, "text": ""})))]
#[case::no_json(
    &["sh", "-c", "echo broken >&2"], &[("plan", "$.plan")],
    Err("read what sh prints as JSON: it ended with 0 after \"broken\"")
)]
#[case::missing(&["no-such-program"], &[], Err("run no-such-program: entity not found"))]
#[case::of_the_project(&["./admin", "x"], &[], Ok(json!({"exit": 0, "text": "admin x\n"})))]
#[case::too_much(&["yes"], &[], Err("read yes: its answer is larger than 1 MiB"))]
#[tokio::test]
async fn a_program_gives_fields_or_a_reason(
    #[case] words: &[&str],
    #[case] paths: &[(&str, &str)],
    #[case] expected: Result<Value, &str>,
) {
    let dir = tempfile::tempdir().unwrap();
    let admin = dir.path().join("admin");
    std::fs::write(&admin, "#!/bin/sh\necho admin \"$@\"\n").unwrap();
    std::fs::set_permissions(&admin, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let read = reading(&command(words), paths, dir.path()).await;
    assert_eq!(read, expected.map_err(str::to_owned));
}

#[tokio::test]
async fn a_program_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let pid = dir.path().join("pid");
    let script = format!("sleep 1000 >/dev/null 2>&1 & echo $! > {}", pid.display());
    let done = caller(dir.path()).request(&command(&["sh", "-c", &script]), &Cookies::default()).await;
    assert_eq!(done.outcome, Ok(RequestOutcome::Exited(0)));
    let pid: i32 = std::fs::read_to_string(pid).unwrap().trim().parse().unwrap();
    let gone = || {
        // A zombie waits for whoever adopted it: it runs no more.
        let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        state.is_empty() || state.contains(") Z ")
    };
    for _ in 0..1_000 {
        if gone() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    panic!("process {pid} outlived its call");
}

#[tokio::test]
async fn a_request_by_a_program_is_done_when_it_ends_well() {
    let dir = tempfile::tempdir().unwrap();
    let run = async |words: &[&str]| caller(dir.path()).request(&command(words), &Cookies::default()).await;
    let done = run(&["echo", "{\"user_id\": 7}"]).await;
    assert_eq!(done.answer, json!({"user_id": 7}).as_object().cloned());
    let failed = run(&["sh", "-c", "echo no such customer >&2; exit 2"]).await;
    let outcome = failed.outcome.unwrap();
    assert_eq!((outcome.is_done(), outcome.to_string().as_str()), (false, "exit code 2"));
    assert_eq!(failed.text, "no such customer\n");
}

#[cfg(feature = "sql")]
mod sqlite {
    use super::*;

    async fn database(dir: &std::path::Path) -> String {
        let url = format!("sqlite://{}/app.db", dir.display());
        std::fs::write(dir.join("app.db"), []).unwrap();
        for query in [
            "CREATE TABLE subscriptions (customer TEXT, plan TEXT, seats INTEGER, active BOOLEAN, rate REAL, \
             raw BLOB, ends_at TEXT)",
            "INSERT INTO subscriptions VALUES ('cus_1', 'pro', 3, 1, 0.5, x'00ff', NULL)",
            "INSERT INTO subscriptions VALUES ('cus_2', 'team', 1, 0, 1.0, x'', '2026-11-25')",
        ] {
            let done = caller(dir).request(&sql(&url, query, &[]), &Cookies::default()).await;
            assert!(done.outcome.is_ok(), "{done:?}");
        }
        url
    }

    fn sql(url: &str, query: &str, args: &[Value]) -> Call {
        Call::Sql(SqlCall { url: url.to_owned(), query: query.to_owned(), args: args.to_vec() })
    }

    #[rstest]
    #[case::row(
        "SELECT plan, seats, active, rate, raw, ends_at FROM subscriptions WHERE customer = $1", &[json!("cus_1")],
        Ok(json!({"plan": "pro", "seats": 3, "active": true, "rate": 0.5, "raw": "00ff", "ends_at": null, "rows": 1}))
    )]
    #[case::none("SELECT plan FROM subscriptions WHERE customer = $1", &[json!("cus_3")], Ok(json!({"rows": 0})))]
    #[case::first_of_two("SELECT plan FROM subscriptions ORDER BY plan", &[], Ok(json!({"plan": "pro", "rows": 2})))]
    #[case::count("SELECT count(*) AS n FROM subscriptions WHERE seats > $1", &[json!(1)], Ok(json!({"n": 1, "rows": 1})))]
    #[case::no_injection(
        "SELECT plan FROM subscriptions WHERE customer = $1", &[json!("x' OR '1'='1")], Ok(json!({"rows": 0}))
    )]
    #[case::only_reads(
        "DELETE FROM subscriptions", &[],
        Err("ask the database sqlite://DIR/app.db: attempt to write a readonly database")
    )]
    #[case::mistake("SELEC 1", &[], Err("ask the database sqlite://DIR/app.db: near \"SELEC\": syntax error"))]
    #[tokio::test]
    async fn a_query_gives_its_first_row_or_a_reason(
        #[case] query: &str,
        #[case] args: &[Value],
        #[case] expected: Result<Value, &str>,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let url = database(dir.path()).await;
        let read = reading(&sql(&url, query, args), &[], dir.path()).await;
        let read = read.map_err(|error| error.replace(&dir.path().display().to_string(), "DIR"));
        assert_eq!(read, expected.map_err(str::to_owned));
    }

    #[tokio::test]
    async fn a_query_without_end_is_cut_off() {
        let dir = tempfile::tempdir().unwrap();
        let url = database(dir.path()).await;
        let endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n";
        let read = reading(&sql(&url, endless, &[]), &[], dir.path()).await;
        assert!(read.unwrap_err().ends_with("the query gives more than 10000 rows"));
    }

    #[tokio::test]
    async fn no_database_is_made() {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/none.db", dir.path().display());
        let done = caller(dir.path()).request(&sql(&url, "SELECT 1", &[]), &Cookies::default()).await;
        assert!(matches!(done.outcome, Err(ReadError::Database { .. })), "{done:?}");
        assert!(!dir.path().join("none.db").exists());
    }

    #[tokio::test]
    async fn a_password_is_not_told() {
        let dir = tempfile::tempdir().unwrap();
        for url in ["postgres://ada:s3cr3t@127.0.0.1:1/app", "mysql://ada:s3cr3t@127.0.0.1:1/app"] {
            let error = reading(&sql(url, "SELECT 1", &[]), &[], dir.path()).await.unwrap_err();
            assert!(!error.contains("s3cr3t") && error.contains("127.0.0.1:1/app"), "{error}");
        }
    }
}
