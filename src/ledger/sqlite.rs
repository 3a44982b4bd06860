//! A ledger in one SQLite file, which needs no server: the default.
//!
//! Every batch is one transaction and four statements, however many entries it has. Processes that write at once wait
//! for each other for [`BUSY`] at most; who reads waits for nobody (WAL).

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Row, SqlitePool};

use super::chain::Tip;
use super::entry::{FORMAT, Format, RunKey, Stored};
use super::store::{
    Addition, Appended, CaseName, Chain, Head, Ledger, LedgerError, Query, failed, may_write, ours,
};

/// How long somebody else may hold the file.
pub const BUSY: Duration = Duration::from_secs(5);
/// How often a fresh file is tried where two processes make it at once.
const TRIES: u32 = 20;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("src/ledger/migrations/sqlite");

/// Entries of all runs in one file.
#[derive(Debug)]
pub struct SqliteLedger {
    pool: SqlitePool,
    place: String,
}

impl SqliteLedger {
    /// Opens the file to write, and makes it where it is not there; its folder too. A fresh one takes `fresh_key` for
    /// [`Ledger::redaction_key`].
    ///
    /// # Errors
    /// It cannot be written, or a later version writes there.
    pub async fn open(path: &Path, fresh_key: &[u8]) -> Result<Self, LedgerError> {
        let place = path.display().to_string();
        prepare(path).map_err(|error| failed("open", &place, &error))?;
        let opened = tokio::time::timeout(BUSY + BUSY / 2, Self::make(path, &place, fresh_key)).await;
        opened.unwrap_or_else(|_| {
            let problem = "somebody else holds it".to_owned();
            Err(LedgerError::Store { act: "open", place, problem })
        })
    }

    async fn make(path: &Path, place: &str, fresh_key: &[u8]) -> Result<Self, LedgerError> {
        let ledger = Self::connect(options(path).create_if_missing(true), place).await?;
        ledger.migrate().await?;
        ledger.introduce(fresh_key).await?;
        Ok(ledger)
    }

    /// Opens the file to read only.
    ///
    /// # Errors
    /// It is not there, or cannot be read.
    pub async fn open_read_only(path: &Path) -> Result<Self, LedgerError> {
        let place = path.display().to_string();
        if !path.exists() {
            return Err(LedgerError::Absent { place });
        }
        let options = SqliteConnectOptions::new().filename(path).busy_timeout(BUSY).read_only(true);
        match Self::connect(options.clone(), &place).await {
            Ok(ledger) if ledger.format().await.is_ok() => Ok(ledger),
            // In a folder that nobody can write SQLite cannot share the file, and needs not.
            _ => Self::connect(options.immutable(true), &place).await,
        }
    }

    async fn connect(options: SqliteConnectOptions, place: &str) -> Result<Self, LedgerError> {
        let pool = SqlitePoolOptions::new().max_connections(2).acquire_timeout(BUSY * 2);
        let pool = pool.connect_with(options).await.map_err(|error| failed("open", place, &error))?;
        Ok(Self { pool, place: place.to_owned() })
    }

    /// Two processes that make the file at once get into each other's way; who comes second finds it made.
    async fn migrate(&self) -> Result<(), LedgerError> {
        let (migrations, mut tried) = (ours(&MIGRATIONS), 0);
        loop {
            match migrations.run(&self.pool).await {
                Ok(()) => return Ok(()),
                Err(_) if tried < TRIES => {
                    tried += 1;
                    tokio::time::sleep(Duration::from_millis(25)).await;
                }
                Err(error) => return Err(failed("open", &self.place, &error)),
            }
        }
    }

    async fn introduce(&self, fresh_key: &[u8]) -> Result<(), LedgerError> {
        let Format { major, minor } = FORMAT;
        let insert = "insert into meta (one, major, minor, redaction_key) values (1, $1, $2, $3) on conflict do nothing";
        let insert = sqlx::query(insert).bind(major).bind(minor).bind(fresh_key);
        insert.execute(&self.pool).await.map_err(|error| self.failed("open", &error))?;
        let found = self.format().await?;
        may_write(found, &self.place)?;
        if found < FORMAT {
            let raise = sqlx::query("update meta set major = $1, minor = $2").bind(major).bind(minor);
            raise.execute(&self.pool).await.map_err(|error| self.failed("open", &error))?;
        }
        Ok(())
    }

    fn failed(&self, act: &'static str, error: &dyn std::error::Error) -> LedgerError {
        failed(act, &self.place, error)
    }

    async fn add(&self, additions: &[Addition]) -> Result<Result<Appended, LedgerError>, sqlx::Error> {
        // Not upgraded from a reader on the way, which SQLite refuses where somebody else writes.
        let mut transaction = self.pool.begin_with("begin immediate").await?;
        let meta = sqlx::query("select major, minor from meta").fetch_one(&mut *transaction).await?;
        let found = Format { major: meta.try_get("major")?, minor: meta.try_get("minor")? };
        if let Err(newer) = may_write(found, &self.place) {
            return Ok(Err(newer));
        }
        let tips = sqlx::query(TIPS).bind(heads(additions)).fetch_all(&mut *transaction).await?;
        for row in tips {
            let at: i64 = row.try_get("at")?;
            let Some(addition) = usize::try_from(at).ok().and_then(|at| additions.get(at)) else { continue };
            if tip(&row, &addition.key)? != Some(addition.expected) {
                return Ok(Ok(Appended::Conflict(addition.key.clone())));
            }
        }
        sqlx::query(SET_HEADS).bind(heads(additions)).execute(&mut *transaction).await?;
        sqlx::query(INSERT_ENTRIES).bind(entries(additions)).execute(&mut *transaction).await?;
        for (addition, before) in additions.iter().filter_map(|each| Some((each, each.prune_before?))) {
            let RunKey { project, environment, run } = &addition.key;
            let before = i64::try_from(before).unwrap_or(i64::MAX);
            let prune = sqlx::query(PRUNE).bind(project).bind(environment).bind(run).bind(before);
            prune.execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Ok(Ok(Appended::Stored))
    }

    async fn entries(&self, key: &RunKey) -> Result<Option<Chain>, sqlx::Error> {
        let RunKey { project, environment, run } = key;
        // Both statements see the same moment.
        let mut transaction = self.pool.begin().await?;
        let head = sqlx::query(HEAD).bind(project).bind(environment).bind(run);
        let Some(head) = head.fetch_optional(&mut *transaction).await? else { return Ok(None) };
        let chain: i64 = head.try_get("chain")?;
        let rows = sqlx::query("select seq, bytes from entry where chain = $1 order by seq").bind(chain);
        let rows = rows.fetch_all(&mut *transaction).await?;
        let stored = |row: sqlx::sqlite::SqliteRow| {
            let seq: i64 = row.try_get("seq")?;
            Ok(Stored { seq: u64::try_from(seq).unwrap_or_default(), bytes: row.try_get("bytes")? })
        };
        let entries = rows.into_iter().map(stored).collect::<Result<_, sqlx::Error>>()?;
        Ok(Some(Chain { head: read_head(&head)?, entries }))
    }

    async fn select(&self, query: &Query) -> Result<Vec<Head>, sqlx::Error> {
        let rows = match query {
            Query::Newest { limit } => sqlx::query(NEWEST).bind(limit).fetch_all(&self.pool).await?,
            Query::Run(run) => sqlx::query(OF_RUN).bind(run).fetch_all(&self.pool).await?,
            Query::Damaged => sqlx::query(DAMAGED).fetch_all(&self.pool).await?,
            Query::Open => sqlx::query(OPEN).fetch_all(&self.pool).await?,
            Query::After { key, limit } => {
                let none = RunKey { project: String::new(), environment: String::new(), run: String::new() };
                let RunKey { project, environment, run } = key.as_ref().unwrap_or(&none);
                let after = sqlx::query(AFTER).bind(project).bind(environment).bind(run).bind(limit);
                after.fetch_all(&self.pool).await?
            }
        };
        rows.iter().map(read_head).collect()
    }
}

#[async_trait]
impl Ledger for SqliteLedger {
    async fn append(&self, additions: &[Addition]) -> Result<Appended, LedgerError> {
        self.add(additions).await.unwrap_or_else(|error| Err(self.failed("write", &error)))
    }

    async fn chain(&self, key: &RunKey) -> Result<Option<Chain>, LedgerError> {
        self.entries(key).await.map_err(|error| self.failed("read", &error))
    }

    async fn heads(&self, query: &Query) -> Result<Vec<Head>, LedgerError> {
        self.select(query).await.map_err(|error| self.failed("read", &error))
    }

    async fn last_passes(&self, cases: &[CaseName]) -> Result<Vec<(CaseName, i64)>, LedgerError> {
        let wanted = json!(cases).to_string();
        let rows = sqlx::query(LAST_PASSES).bind(wanted).fetch_all(&self.pool).await;
        let read = |row: sqlx::sqlite::SqliteRow| {
            let name = (row.try_get("project")?, row.try_get("environment")?, row.try_get("case_name")?);
            Ok((name, row.try_get("passed_at")?))
        };
        let passes = rows.and_then(|rows| rows.into_iter().map(read).collect::<Result<_, sqlx::Error>>());
        passes.map_err(|error| self.failed("read", &error))
    }

    async fn format(&self) -> Result<Format, LedgerError> {
        let row = sqlx::query("select major, minor from meta").fetch_one(&self.pool).await;
        let read =
            row.and_then(|row| Ok(Format { major: row.try_get("major")?, minor: row.try_get("minor")? }));
        read.map_err(|error| self.failed("read", &error))
    }

    async fn redaction_key(&self) -> Result<Vec<u8>, LedgerError> {
        let row = sqlx::query("select redaction_key from meta").fetch_one(&self.pool).await;
        row.and_then(|row| row.try_get("redaction_key")).map_err(|error| self.failed("read", &error))
    }

    async fn close(&self) {
        self.pool.close().await;
    }

    fn place(&self) -> String {
        self.place.clone()
    }
}

const TIPS: &str = "select k.key as at, h.next, h.hash from json_each($1) k left join head h \
    on h.project = k.value->>0 and h.environment = k.value->>1 and h.run = k.value->>2";
const SET_HEADS: &str = "insert into head \
    (project, environment, run, next, hash, case_name, opened_at, passed_at, damaged, open, summary) \
    select k.value->>0, k.value->>1, k.value->>2, k.value->>3, k.value->>4, k.value->>5, k.value->>6, k.value->>7, \
        k.value->>8, k.value->>9, k.value->>10 from json_each($1) k where true \
    on conflict (project, environment, run) do update set next = excluded.next, hash = excluded.hash, \
        case_name = excluded.case_name, opened_at = excluded.opened_at, passed_at = excluded.passed_at, \
        damaged = excluded.damaged, open = excluded.open, summary = excluded.summary";
const INSERT_ENTRIES: &str = "insert into entry (chain, seq, bytes) \
    select h.chain, k.value->>3, k.value->>4 from json_each($1) k join head h \
    on h.project = k.value->>0 and h.environment = k.value->>1 and h.run = k.value->>2";
const PRUNE: &str = "delete from entry where seq < $4 and chain = \
    (select chain from head where project = $1 and environment = $2 and run = $3)";
const HEAD: &str = "select * from head where project = $1 and environment = $2 and run = $3";
const NEWEST: &str = "select * from head order by opened_at desc limit $1";
const OF_RUN: &str = "select * from head where run = $1 order by project, environment";
const DAMAGED: &str = "select * from head where damaged = 1 order by chain";
const OPEN: &str = "select * from head where open = 1 order by chain";
const AFTER: &str = "select * from head where (project, environment, run) > ($1, $2, $3) \
    order by project, environment, run limit $4";
/// The end of an index for each case, however often it passed.
const LAST_PASSES: &str = "select * from (select k.value->>0 as project, k.value->>1 as environment, \
    k.value->>2 as case_name, (select max(passed_at) from head where project = k.value->>0 \
    and environment = k.value->>1 and case_name = k.value->>2) as passed_at from json_each($1) k) \
    where passed_at is not null order by 1, 2, 3";

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(BUSY)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
}

/// Makes the folder, which version control is to leave alone, and a file that nobody else reads.
fn prepare(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists()) {
        std::fs::create_dir_all(folder)?;
        std::fs::write(folder.join(".gitignore"), "*\n")?;
    }
    std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    Ok(())
}

/// The first columns name the chain, for all statements.
fn heads(additions: &[Addition]) -> String {
    let head = |addition: &Addition| {
        let RunKey { project, environment, run } = &addition.key;
        let summary = &addition.summary;
        json!([
            project,
            environment,
            run,
            addition.tip.next,
            addition.tip.hash.to_string(),
            summary.case,
            summary.opened_at(),
            summary.passed_at,
            u8::from(summary.is_damaged()),
            u8::from(summary.is_open()),
            json!(summary).to_string(),
        ])
    };
    Value::Array(additions.iter().map(head).collect()).to_string()
}

fn entries(additions: &[Addition]) -> String {
    let rows = additions.iter().flat_map(|addition| {
        let RunKey { project, environment, run } = &addition.key;
        let row = move |stored: &Stored| json!([project, environment, run, stored.seq, stored.bytes]);
        addition.entries.iter().map(row)
    });
    Value::Array(rows.collect()).to_string()
}

/// Where a chain ends; `None` where what is stored says nonsense.
fn tip(row: &sqlx::sqlite::SqliteRow, key: &RunKey) -> Result<Option<Tip>, sqlx::Error> {
    let next: Option<i64> = row.try_get("next")?;
    let hash: Option<String> = row.try_get("hash")?;
    Ok(match (next, hash) {
        (Some(next), Some(hash)) => Tip::read(next, &hash),
        _ => Some(Tip::start(key)),
    })
}

fn read_head(row: &sqlx::sqlite::SqliteRow) -> Result<Head, sqlx::Error> {
    let key = RunKey {
        project: row.try_get("project")?,
        environment: row.try_get("environment")?,
        run: row.try_get("run")?,
    };
    let wrong =
        |column: &str| sqlx::Error::Decode(format!("`{column}` of {key} is not what was written").into());
    let tip = tip(row, &key)?.ok_or_else(|| wrong("hash"))?;
    let summary: String = row.try_get("summary")?;
    let summary = serde_json::from_str(&summary).map_err(|_| wrong("summary"))?;
    Ok(Head { tip, summary, key })
}
