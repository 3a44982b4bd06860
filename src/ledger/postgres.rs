//! A ledger in PostgreSQL, for a team and its machines.
//!
//! Writers of different runs do not wait for each other: a batch locks the heads of its own runs, in the order of their
//! keys, and nothing else.

use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgRow};
use sqlx::{PgPool, Postgres, Row, Transaction};

use super::chain::Tip;
use super::entry::{FORMAT, Format, RunKey, Stored};
use super::store::{
    Addition, Appended, CaseName, Chain, Head, Ledger, LedgerError, Query, failed, may_write, ours,
};

/// How long a connection may take, and a statement that waits for somebody else.
const PATIENCE: Duration = Duration::from_secs(5);

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("src/ledger/migrations/postgres");

/// Entries of all runs in a database.
#[derive(Debug)]
pub struct PostgresLedger {
    pool: PgPool,
    place: String,
}

impl PostgresLedger {
    /// Reaches the database to write, and makes the tables where they are not there, in the schema in which the
    /// connection is. A fresh ledger takes `fresh_key` for [`Ledger::redaction_key`].
    ///
    /// # Errors
    /// It cannot be reached or written, or a later version writes there.
    pub async fn open(url: &str, fresh_key: &[u8]) -> Result<Self, LedgerError> {
        let ledger = Self::open_read_only(url).await?;
        ours(&MIGRATIONS).run(&ledger.pool).await.map_err(|error| ledger.failed("open", &error))?;
        ledger.introduce(fresh_key).await?;
        Ok(ledger)
    }

    /// Reaches the database to read.
    ///
    /// # Errors
    /// It cannot be reached.
    pub async fn open_read_only(url: &str) -> Result<Self, LedgerError> {
        let place = shown(url);
        let wrong = |error: &dyn std::error::Error| failed("open", &place, error);
        let options = PgConnectOptions::from_str(url).map_err(|error| wrong(&error))?;
        let options = options.application_name("paydrill");
        let pool = PgPoolOptions::new().max_connections(4).acquire_timeout(PATIENCE);
        let pool = pool.connect_with(options).await.map_err(|error| wrong(&error))?;
        Ok(Self { pool, place })
    }

    async fn introduce(&self, fresh_key: &[u8]) -> Result<(), LedgerError> {
        let (major, minor) = columns(FORMAT);
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
        let mut transaction = self.pool.begin().await?;
        sqlx::query("select set_config('lock_timeout', '5s', true)").execute(&mut *transaction).await?;
        let meta = sqlx::query("select major, minor from meta").fetch_one(&mut *transaction).await?;
        let found = format(&meta)?;
        if let Err(newer) = may_write(found, &self.place) {
            return Ok(Err(newer));
        }
        let mut sorted: Vec<&Addition> = additions.iter().collect();
        // In one order for everybody: two batches of the same runs cannot wait for each other in a circle.
        sorted.sort_by(|one, other| one.key.cmp(&other.key));
        let mut chains = Vec::new();
        for addition in &sorted {
            match claim(&mut transaction, addition).await? {
                Some(chain) => chains.push(chain),
                None => return Ok(Ok(Appended::Conflict(addition.key.clone()))),
            }
        }
        insert(&mut transaction, &sorted, &chains).await?;
        for (addition, chain) in sorted.iter().zip(&chains) {
            if let Some(before) = addition.prune_before {
                let prune = sqlx::query("delete from entry where chain = $1 and seq < $2").bind(chain);
                prune.bind(number(before)).execute(&mut *transaction).await?;
            }
        }
        transaction.commit().await?;
        Ok(Ok(Appended::Stored))
    }

    async fn entries(&self, key: &RunKey) -> Result<Option<Chain>, sqlx::Error> {
        let RunKey { project, environment, run } = key;
        let mut transaction = self.pool.begin().await?;
        // Both statements see the same moment.
        let same = "set transaction isolation level repeatable read read only";
        sqlx::query(same).execute(&mut *transaction).await?;
        let head = sqlx::query(HEAD).bind(project).bind(environment).bind(run);
        let Some(head) = head.fetch_optional(&mut *transaction).await? else { return Ok(None) };
        let chain: i64 = head.try_get("chain")?;
        let rows = sqlx::query("select seq, bytes from entry where chain = $1 order by seq").bind(chain);
        let rows = rows.fetch_all(&mut *transaction).await?;
        let stored = |row: PgRow| {
            let seq: i64 = row.try_get("seq")?;
            Ok(Stored { seq: u64::try_from(seq).unwrap_or_default(), bytes: row.try_get("bytes")? })
        };
        let entries = rows.into_iter().map(stored).collect::<Result<_, sqlx::Error>>()?;
        Ok(Some(Chain { head: read_head(&head)?, entries }))
    }

    async fn select(&self, query: &Query) -> Result<Vec<Head>, sqlx::Error> {
        let rows = match query {
            Query::Newest { limit } => {
                sqlx::query(NEWEST).bind(i64::from(*limit)).fetch_all(&self.pool).await?
            }
            Query::Run(run) => sqlx::query(OF_RUN).bind(run).fetch_all(&self.pool).await?,
            Query::Damaged => sqlx::query(DAMAGED).fetch_all(&self.pool).await?,
            Query::Open => sqlx::query(OPEN).fetch_all(&self.pool).await?,
            Query::After { key, limit } => {
                let none = RunKey { project: String::new(), environment: String::new(), run: String::new() };
                let RunKey { project, environment, run } = key.as_ref().unwrap_or(&none);
                let after = sqlx::query(AFTER).bind(project).bind(environment).bind(run);
                after.bind(i64::from(*limit)).fetch_all(&self.pool).await?
            }
        };
        rows.iter().map(read_head).collect()
    }
}

#[async_trait]
impl Ledger for PostgresLedger {
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
        let column = |which: fn(&CaseName) -> &String| cases.iter().map(which).cloned().collect::<Vec<_>>();
        let rows = sqlx::query(LAST_PASSES)
            .bind(column(|name| &name.0))
            .bind(column(|name| &name.1))
            .bind(column(|name| &name.2))
            .fetch_all(&self.pool)
            .await;
        let read = |row: PgRow| {
            let name = (row.try_get("project")?, row.try_get("environment")?, row.try_get("case_name")?);
            Ok((name, row.try_get("passed_at")?))
        };
        let passes = rows.and_then(|rows| rows.into_iter().map(read).collect::<Result<_, sqlx::Error>>());
        passes.map_err(|error| self.failed("read", &error))
    }

    async fn format(&self) -> Result<Format, LedgerError> {
        let row = sqlx::query("select major, minor from meta").fetch_one(&self.pool).await;
        row.and_then(|row| format(&row)).map_err(|error| self.failed("read", &error))
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

const CLAIM: &str = "update head set next = $4, hash = $5, case_name = $6, opened_at = $7, passed_at = $8, \
    damaged = $9, open = $10, summary = $11 \
    where project = $1 and environment = $2 and run = $3 and next = $12 and hash = $13 returning chain";
const BEGIN: &str = "insert into head \
    (project, environment, run, next, hash, case_name, opened_at, passed_at, damaged, open, summary) \
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) on conflict do nothing returning chain";
const INSERT_ENTRIES: &str =
    "insert into entry (chain, seq, bytes) select * from unnest($1::bigint[], $2::bigint[], $3::text[])";
const HEAD: &str = "select * from head where project = $1 and environment = $2 and run = $3";
const NEWEST: &str = "select * from head order by opened_at desc limit $1";
const OF_RUN: &str = "select * from head where run = $1 order by project, environment";
const DAMAGED: &str = "select * from head where damaged order by chain";
const OPEN: &str = "select * from head where open order by chain";
const AFTER: &str = "select * from head where (project, environment, run) > ($1, $2, $3) \
    order by project, environment, run limit $4";
/// The end of an index for each case, however often it passed.
const LAST_PASSES: &str = "select * from (select k.project, k.environment, k.case_name, (select max(h.passed_at) \
    from head h where h.project = k.project and h.environment = k.environment and h.case_name = k.case_name) \
    as passed_at from unnest($1::text[], $2::text[], $3::text[]) as k (project, environment, case_name)) passes \
    where passed_at is not null order by 1, 2, 3";

/// Moves a chain's head, where it stands as expected, and gives the chain's number. Until the transaction ends nobody
/// else moves it.
async fn claim(
    transaction: &mut Transaction<'_, Postgres>,
    addition: &Addition,
) -> Result<Option<i64>, sqlx::Error> {
    let Addition { key, expected, tip, summary, .. } = addition;
    let fresh = *expected == Tip::start(key);
    let claim = sqlx::query(if fresh { BEGIN } else { CLAIM })
        .bind(&key.project)
        .bind(&key.environment)
        .bind(&key.run)
        .bind(number(tip.next))
        .bind(tip.hash.to_string())
        .bind(&summary.case)
        .bind(summary.opened_at())
        .bind(summary.passed_at)
        .bind(summary.is_damaged())
        .bind(summary.is_open())
        .bind(serde_json::json!(summary).to_string());
    let claim = if fresh { claim } else { claim.bind(number(expected.next)).bind(expected.hash.to_string()) };
    claim.fetch_optional(&mut **transaction).await?.map(|row| row.try_get("chain")).transpose()
}

async fn insert(
    transaction: &mut Transaction<'_, Postgres>,
    additions: &[&Addition],
    chains: &[i64],
) -> Result<(), sqlx::Error> {
    let (mut of, mut places, mut texts) = (Vec::new(), Vec::new(), Vec::new());
    for (addition, chain) in additions.iter().zip(chains) {
        for entry in &addition.entries {
            of.push(*chain);
            places.push(number(entry.seq));
            texts.push(entry.bytes.as_str());
        }
    }
    let insert = sqlx::query(INSERT_ENTRIES).bind(of).bind(places).bind(texts);
    insert.execute(&mut **transaction).await.map(|_| ())
}

fn read_head(row: &PgRow) -> Result<Head, sqlx::Error> {
    let key = RunKey {
        project: row.try_get("project")?,
        environment: row.try_get("environment")?,
        run: row.try_get("run")?,
    };
    let wrong =
        |column: &str| sqlx::Error::Decode(format!("`{column}` of {key} is not what was written").into());
    let (next, hash): (i64, String) = (row.try_get("next")?, row.try_get("hash")?);
    let tip = Tip::read(next, &hash).ok_or_else(|| wrong("hash"))?;
    let summary: String = row.try_get("summary")?;
    let summary = serde_json::from_str(&summary).map_err(|_| wrong("summary"))?;
    Ok(Head { tip, summary, key })
}

fn format(row: &PgRow) -> Result<Format, sqlx::Error> {
    let part = |column: &str| Ok(u32::try_from(row.try_get::<i32, _>(column)?).unwrap_or_default());
    part("major").and_then(|major| Ok(Format { major, minor: part("minor")? }))
}

fn columns(format: Format) -> (i32, i32) {
    let part = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
    (part(format.major), part(format.minor))
}

fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The URL without credentials and options: `postgres://db.example/paydrill`.
#[must_use]
pub fn shown(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let Some((scheme, rest)) = url.split_once("://") else { return "in PostgreSQL".to_owned() };
    // A password may hold anything, an `@` too.
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    format!("{scheme}://{host}")
}
