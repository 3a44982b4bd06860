//! What every store promises, tested once for each of them.

use std::sync::Arc;

use rstest::rstest;
use serde_json::json;

use super::chain::{Flaw, Tip, flaws, seal};
use super::entry::{Draft, Entry, FORMAT, Format, RunKey};
use super::fold::Summary;
use super::memory::MemoryLedger;
use super::postgres::PostgresLedger;
use super::sqlite::SqliteLedger;
use super::store::{Addition, Appended, Chain, Ledger, LedgerError, Query};
use super::{kind, sample};

#[path = "../../tests/support/heavy.rs"]
mod heavy;
#[path = "../../tests/support/postgres.rs"]
mod server;

/// Which store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Store {
    Memory,
    Sqlite,
    Postgres,
}

/// A store that ends with the test.
struct Place {
    folder: tempfile::TempDir,
    server: Option<server::Postgres>,
}

impl Store {
    /// `None`: nobody asks for it.
    fn place(self) -> Option<Place> {
        let server = match self {
            Self::Postgres if !heavy::asked("postgres") => return None,
            Self::Postgres => Some(server::Postgres::start()),
            Self::Memory | Self::Sqlite => None,
        };
        Some(Place { folder: tempfile::tempdir().unwrap(), server })
    }
}

impl Place {
    async fn open(&self, store: Store) -> Arc<dyn Ledger> {
        match store {
            Store::Memory => Arc::new(MemoryLedger::new(vec![7; 32])),
            Store::Sqlite => Arc::new(SqliteLedger::open(&self.file(), &[7; 32]).await.unwrap()),
            Store::Postgres => Arc::new(PostgresLedger::open(&self.url(), &[7; 32]).await.unwrap()),
        }
    }

    fn file(&self) -> std::path::PathBuf {
        self.folder.path().join("below/ledger.db")
    }

    fn url(&self) -> String {
        self.server.as_ref().unwrap().url()
    }
}

/// The next entries of a run, as a writer would add them to what is there.
fn addition(chain: Option<&Chain>, drafts: &[Draft]) -> Addition {
    let key = drafts[0].key.clone();
    let expected = chain.map_or(Tip::start(&key), |chain| chain.head.tip);
    let (entries, tip) = seal(expected, drafts);
    let mut summary = chain.map(|chain| chain.head.summary.clone()).unwrap_or_default();
    entries.iter().for_each(|stored| summary.apply(&Entry::read(&stored.bytes).unwrap()));
    Addition { key, expected, entries, tip, summary, prune_before: None }
}

fn opened(run: &str, case: &str, second: i64) -> Draft {
    let mut draft = sample::draft(run, kind::OPENED, json!({ "case": case, "scenario": "s" }));
    draft.at += jiff::SignedDuration::from_secs(second);
    draft
}

fn closed(run: &str, body: serde_json::Value, second: i64) -> Draft {
    let mut draft = sample::draft(run, kind::CLOSED, body);
    draft.at += jiff::SignedDuration::from_secs(second);
    draft
}

async fn add(ledger: &dyn Ledger, drafts: &[Draft]) {
    let chain = ledger.chain(&drafts[0].key).await.unwrap();
    assert_eq!(ledger.append(&[addition(chain.as_ref(), drafts)]).await, Ok(Appended::Stored));
}

async fn whole(ledger: &dyn Ledger, run: &str) -> Chain {
    let chain = ledger.chain(&sample::key(run)).await.unwrap().unwrap();
    assert_eq!(flaws(&chain.head.key, &chain.entries, chain.head.tip), []);
    chain
}

#[rstest]
#[case(Store::Memory)]
#[case(Store::Sqlite)]
#[case(Store::Postgres)]
#[tokio::test]
async fn what_was_written_is_read_byte_for_byte(#[case] store: Store) {
    let Some(place) = store.place() else { return };
    let ledger = place.open(store).await;
    assert_eq!(ledger.chain(&sample::key("evt_1")).await, Ok(None));
    let odd = json!({ "why": "ü \u{0} \\u0000 \"quoted\" \u{1f4b8} \n", "who": "'; drop table entry; --" });
    let drafts = [opened("evt_1", "s", 0), sample::draft("evt_1", kind::NOTED, odd)];
    let written = addition(None, &drafts);
    assert_eq!(ledger.append(std::slice::from_ref(&written)).await, Ok(Appended::Stored));
    let chain = whole(&*ledger, "evt_1").await;
    assert_eq!(chain.entries, written.entries);
    assert_eq!((chain.head.tip, &chain.head.summary), (written.tip, &written.summary));
    assert_eq!(chain.head.summary.acts[0].who, "'; drop table entry; --");
}

/// Two writers of one run: the second is told, reads again and goes on.
#[rstest]
#[case(Store::Memory)]
#[case(Store::Sqlite)]
#[case(Store::Postgres)]
#[tokio::test]
async fn who_comes_second_is_told(#[case] store: Store) {
    let Some(place) = store.place() else { return };
    let ledger = place.open(store).await;
    let first = addition(None, &[opened("evt_1", "s", 0)]);
    let second = addition(None, &[opened("evt_1", "s", 1)]);
    let other = addition(None, &[opened("evt_2", "s", 1)]);
    assert_eq!(ledger.append(&[first]).await, Ok(Appended::Stored));
    let both = ledger.append(&[other, second]).await;
    assert_eq!(both, Ok(Appended::Conflict(sample::key("evt_1"))));
    assert_eq!(ledger.chain(&sample::key("evt_2")).await, Ok(None), "all or nothing");
    add(&*ledger, &[opened("evt_1", "s", 1)]).await;
    assert_eq!(whole(&*ledger, "evt_1").await.head.summary.tried, 2);
    let stale = addition(None, &[opened("evt_1", "s", 2)]);
    assert_eq!(ledger.append(&[stale]).await, Ok(Appended::Conflict(sample::key("evt_1"))));
}

/// Many writers of the same runs at once: every entry is there once, and every chain whole.
#[rstest]
#[case(Store::Memory)]
#[case(Store::Sqlite)]
#[case(Store::Postgres)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_writers_lose_nothing(#[case] store: Store) {
    const WRITERS: usize = 6;
    const EACH: usize = 12;
    let Some(place) = store.place() else { return };
    let shared = place.open(store).await;
    let mut writers = Vec::new();
    for writer in 0..WRITERS {
        // Each with connections of its own, as another process would have.
        let ledger = if store == Store::Memory { Arc::clone(&shared) } else { place.open(store).await };
        writers.push(tokio::spawn(async move {
            for n in 0..EACH {
                let drafts = |run: &str| {
                    [sample::draft(
                        run,
                        kind::NOTED,
                        json!({ "who": writer.to_string(), "why": n.to_string() }),
                    )]
                };
                loop {
                    let mut additions = Vec::new();
                    for run in ["evt_1", "evt_2"] {
                        let chain = ledger.chain(&sample::key(run)).await.unwrap();
                        additions.push(addition(chain.as_ref(), &drafts(run)));
                    }
                    if ledger.append(&additions).await.unwrap() == Appended::Stored {
                        break;
                    }
                }
            }
        }));
    }
    for writer in writers {
        writer.await.unwrap();
    }
    for run in ["evt_1", "evt_2"] {
        let chain = whole(&*shared, run).await;
        let read = chain.entries.iter().map(|stored| Entry::read(&stored.bytes).unwrap());
        let said: Vec<String> = read.map(|entry| json!(entry.body).to_string()).collect();
        assert_eq!(said.len(), WRITERS * EACH);
        assert_eq!(said.iter().collect::<std::collections::BTreeSet<_>>().len(), WRITERS * EACH);
    }
}

#[rstest]
#[case(Store::Memory)]
#[case(Store::Sqlite)]
#[case(Store::Postgres)]
#[tokio::test]
async fn runs_are_found_by_what_they_came_to(#[case] store: Store) {
    let Some(place) = store.place() else { return };
    let ledger = place.open(store).await;
    let incident = json!({ "verdict": "failed", "incident": { "fingerprint": "f1" } });
    add(&*ledger, &[opened("evt_b", "s[x=1]", 1), closed("evt_b", json!({ "verdict": "passed" }), 2)]).await;
    add(&*ledger, &[opened("evt_a", "s[x=2]", 3), closed("evt_a", incident, 4)]).await;
    add(&*ledger, &[opened("evt_c", "s[x=1]", 2)]).await;
    let found = async |query: Query| -> Vec<String> {
        ledger.heads(&query).await.unwrap().into_iter().map(|head| head.key.run).collect()
    };
    assert_eq!(found(Query::Newest { limit: 2 }).await, ["evt_a", "evt_c"]);
    assert_eq!(found(Query::Run("evt_b".to_owned())).await, ["evt_b"]);
    assert_eq!(found(Query::Damaged).await, ["evt_a"]);
    assert_eq!(found(Query::Open).await, ["evt_c"]);
    assert_eq!(found(Query::After { key: None, limit: 2 }).await, ["evt_a", "evt_b"]);
    assert_eq!(found(Query::After { key: Some(sample::key("evt_b")), limit: 2 }).await, ["evt_c"]);
    let name = |case: &str| ("acme".to_owned(), "ci".to_owned(), case.to_owned());
    let passes = ledger.last_passes(&[name("s[x=1]"), name("s[x=2]")]).await.unwrap();
    assert_eq!(passes, [(name("s[x=1]"), 1_795_000_002_000)]);
    assert_eq!(ledger.last_passes(&[]).await, Ok(Vec::new()));
}

#[rstest]
#[case(Store::Memory)]
#[case(Store::Sqlite)]
#[case(Store::Postgres)]
#[tokio::test]
async fn a_checkpoint_lets_go_of_what_is_before(#[case] store: Store) {
    let Some(place) = store.place() else { return };
    let ledger = place.open(store).await;
    add(&*ledger, &[opened("evt_1", "s", 0), closed("evt_1", json!({ "verdict": "passed" }), 1)]).await;
    add(&*ledger, &[opened("evt_2", "s", 0)]).await;
    let chain = whole(&*ledger, "evt_1").await;
    let body =
        json!({ "after": chain.head.tip.hash.to_string(), "entries": 2, "summary": chain.head.summary });
    let mut cut = addition(Some(&chain), &[sample::draft("evt_1", kind::CHECKPOINT, body)]);
    cut.prune_before = Some(2);
    assert_eq!(ledger.append(&[cut]).await, Ok(Appended::Stored));
    add(&*ledger, &[opened("evt_1", "s", 5)]).await;
    let after = whole(&*ledger, "evt_1").await;
    assert_eq!(after.entries.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(after.head.summary.tried, 2);
    let read: Vec<Entry> = after.entries.iter().map(|stored| Entry::read(&stored.bytes).unwrap()).collect();
    assert_eq!(Summary::of(&read), after.head.summary);
    assert_eq!(whole(&*ledger, "evt_2").await.entries.len(), 1);
}

/// What a later version of the same form wrote is read, and not written upon.
#[rstest]
#[case(Store::Memory)]
#[case(Store::Sqlite)]
#[case(Store::Postgres)]
#[tokio::test]
async fn an_older_tool_does_not_write_upon_a_newer_one(#[case] store: Store) {
    let Some(place) = store.place() else { return };
    let newer = Format { major: FORMAT.major, minor: FORMAT.minor + 1 };
    let raise = "update meta set minor = minor + 1";
    let ledger: Arc<dyn Ledger> = match store {
        Store::Memory => Arc::new(MemoryLedger::of_format(newer)),
        Store::Sqlite => {
            let ledger = place.open(store).await;
            add(&*ledger, &[opened("evt_1", "s", 0)]).await;
            let url = format!("sqlite://{}", place.file().display());
            let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
            sqlx::query(raise).execute(&pool).await.unwrap();
            let again = SqliteLedger::open(&place.file(), &[8; 32]).await.unwrap_err();
            assert!(matches!(again, LedgerError::Newer { found, .. } if found == newer), "{again}");
            let read = SqliteLedger::open_read_only(&place.file()).await.unwrap();
            assert_eq!(whole(&read, "evt_1").await.entries.len(), 1);
            ledger
        }
        Store::Postgres => {
            let ledger = place.open(store).await;
            add(&*ledger, &[opened("evt_1", "s", 0)]).await;
            let pool = sqlx::PgPool::connect(&place.url()).await.unwrap();
            sqlx::query(raise).execute(&pool).await.unwrap();
            let again = PostgresLedger::open(&place.url(), &[8; 32]).await.unwrap_err();
            assert!(matches!(again, LedgerError::Newer { found, .. } if found == newer), "{again}");
            let read = PostgresLedger::open_read_only(&place.url()).await.unwrap();
            assert_eq!(whole(&read, "evt_1").await.entries.len(), 1);
            ledger
        }
    };
    // Also one that had opened it before.
    let refused = ledger.append(&[addition(None, &[opened("evt_2", "s", 0)])]).await.unwrap_err();
    assert!(refused.to_string().contains("take the newer paydrill"), "{refused}");
    assert_eq!(ledger.format().await, Ok(newer));
}

#[rstest]
#[case(Store::Sqlite)]
#[case(Store::Postgres)]
#[tokio::test]
async fn the_key_is_made_once(#[case] store: Store) {
    let Some(place) = store.place() else { return };
    let first = place.open(store).await;
    let again: Arc<dyn Ledger> = match store {
        Store::Postgres => Arc::new(PostgresLedger::open(&place.url(), &[8; 32]).await.unwrap()),
        _ => Arc::new(SqliteLedger::open(&place.file(), &[8; 32]).await.unwrap()),
    };
    assert_eq!(first.redaction_key().await, again.redaction_key().await);
    assert_eq!(again.redaction_key().await, Ok(vec![7; 32]));
}

/// Not only through us: what somebody changes in the file itself shows.
#[tokio::test]
async fn a_hand_in_the_file_shows() {
    let place = Store::Sqlite.place().unwrap();
    let ledger = place.open(Store::Sqlite).await;
    add(&*ledger, &[opened("evt_1", "s", 0), closed("evt_1", json!({ "verdict": "failed" }), 1)]).await;
    add(&*ledger, &[sample::draft("evt_1", kind::NOTED, json!({ "why": "x" }))]).await;
    let pool = sqlx::SqlitePool::connect(&format!("sqlite://{}", place.file().display())).await.unwrap();
    let change = "update entry set bytes = replace(bytes, '\"failed\"', '\"passed\"') where seq = 1";
    sqlx::query(change).execute(&pool).await.unwrap();
    let chain = ledger.chain(&sample::key("evt_1")).await.unwrap().unwrap();
    assert_eq!(flaws(&chain.head.key, &chain.entries, chain.head.tip), [Flaw::Changed { seq: 1 }]);
    sqlx::query("delete from entry where seq = 2").execute(&pool).await.unwrap();
    let chain = ledger.chain(&sample::key("evt_1")).await.unwrap().unwrap();
    assert!(
        flaws(&chain.head.key, &chain.entries, chain.head.tip).contains(&Flaw::Missing { from: 2, to: 2 })
    );
}

#[tokio::test]
async fn a_file_that_is_not_there_is_said_to_be_absent() {
    let place = Store::Sqlite.place().unwrap();
    let error = SqliteLedger::open_read_only(&place.file()).await.unwrap_err();
    assert!(matches!(error, LedgerError::Absent { .. }), "{error}");
    let nobody = Query::After { key: None::<RunKey>, limit: 1 };
    assert_eq!(place.open(Store::Sqlite).await.heads(&nobody).await, Ok(Vec::new()));
}

/// The file is for its owner alone, and version control leaves its folder alone.
#[tokio::test]
async fn a_fresh_file_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let place = Store::Sqlite.place().unwrap();
    place.open(Store::Sqlite).await;
    let mode = std::fs::metadata(place.file()).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "{mode:o}");
    assert_eq!(std::fs::read_to_string(place.folder.path().join("below/.gitignore")).unwrap(), "*\n");
}
