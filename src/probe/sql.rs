//! Statements in the app's own database: SQLite and PostgreSQL, each a prepared statement with its arguments
//! beside it. A probe's are read-only, enforced by the database.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::TryStreamExt;
use serde_json::{Map, Value};
use sqlx::postgres::{PgArguments, PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqlitePool, SqlitePoolOptions, SqliteRow};
use sqlx::{Arguments, AssertSqlSafe, Column, Encode, Row, Type, TypeInfo, ValueRef};

use super::ReadError;
use super::database::{Access, Rows, shown};
use crate::project::model::SqlCall;

/// The most rows that a probe reads.
const MOST_ROWS: usize = 10_000;

/// The most connections to one database: cases run in parallel.
const CONNECTIONS: u32 = 4;

/// Connections by database and by what may be done through them; shared by all cases of a run.
#[derive(Debug, Default)]
pub(super) struct Pools(Mutex<HashMap<(String, Access), Pool>>);

#[derive(Debug, Clone)]
enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

impl Pools {
    /// The first row of a query, and how many there are.
    pub(super) async fn read(&self, call: &SqlCall, limit: Duration) -> Result<Rows, ReadError> {
        let wrong = |error: sqlx::Error| failure(&call.url, &error);
        match self.pool(&call.url, Access::Read, limit)? {
            Pool::Sqlite(pool) => {
                let args = arguments::<SqliteArguments>(&call.args)
                    .map_err(|problem| database(&call.url, problem))?;
                let query = sqlx::query_with(AssertSqlSafe(call.query.clone()), args);
                let mut found = query.fetch(&pool);
                let mut rows = Rows::default();
                while let Some(row) = found.try_next().await.map_err(wrong)? {
                    rows.add(&call.url, MOST_ROWS, || Ok(sqlite_row(&row)))?;
                }
                Ok(rows)
            }
            Pool::Postgres(pool) => {
                let args =
                    arguments::<PgArguments>(&call.args).map_err(|problem| database(&call.url, problem))?;
                // The database itself turns its types into JSON, whichever it has.
                let query = call.query.trim_end().trim_end_matches(';');
                let query = format!("SELECT to_jsonb(paydrill_row) FROM (\n{query}\n) AS paydrill_row");
                let query = sqlx::query_with(AssertSqlSafe(query), args);
                let mut found = query.fetch(&pool);
                let mut rows = Rows::default();
                while let Some(row) = found.try_next().await.map_err(wrong)? {
                    rows.add(&call.url, MOST_ROWS, || row.try_get::<Value, _>(0).map_err(wrong))?;
                }
                Ok(rows)
            }
        }
    }

    /// Executes a statement; gives how many rows it changed.
    pub(super) async fn execute(&self, call: &SqlCall, limit: Duration) -> Result<u64, ReadError> {
        let wrong = |error: sqlx::Error| failure(&call.url, &error);
        let query = AssertSqlSafe(call.query.clone());
        match self.pool(&call.url, Access::Write, limit)? {
            Pool::Sqlite(pool) => {
                let args = arguments::<SqliteArguments>(&call.args)
                    .map_err(|problem| database(&call.url, problem))?;
                let done = sqlx::query_with(query, args).execute(&pool).await.map_err(wrong)?;
                Ok(done.rows_affected())
            }
            Pool::Postgres(pool) => {
                let args =
                    arguments::<PgArguments>(&call.args).map_err(|problem| database(&call.url, problem))?;
                let done = sqlx::query_with(query, args).execute(&pool).await.map_err(wrong)?;
                Ok(done.rows_affected())
            }
        }
    }

    fn pool(&self, url: &str, access: Access, limit: Duration) -> Result<Pool, ReadError> {
        let mut pools = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pool) = pools.get(&(url.to_owned(), access)) {
            return Ok(pool.clone());
        }
        let pool = Pool::open(url, access, limit)?;
        pools.insert((url.to_owned(), access), pool.clone());
        Ok(pool)
    }
}

impl Pool {
    /// Connects when first used.
    fn open(url: &str, access: Access, limit: Duration) -> Result<Self, ReadError> {
        let wrong = |error: sqlx::Error| failure(url, &error);
        if url.starts_with("sqlite:") {
            let options = SqliteConnectOptions::from_str(url)
                .map_err(wrong)?
                .read_only(access == Access::Read)
                .create_if_missing(false)
                .busy_timeout(limit);
            let pool = SqlitePoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(limit);
            return Ok(Self::Sqlite(pool.connect_lazy_with(options)));
        }
        if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            let _ = rustls::crypto::ring::default_provider().install_default();
            let read_only = if access == Access::Read { "on" } else { "off" };
            let statement_limit = limit.as_millis().to_string();
            let options =
                PgConnectOptions::from_str(url).map_err(wrong)?.application_name("paydrill").options([
                    ("default_transaction_read_only", read_only),
                    ("statement_timeout", &statement_limit),
                ]);
            let pool = PgPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(limit);
            return Ok(Self::Postgres(pool.connect_lazy_with(options)));
        }
        Err(database(url, "it is no sqlite:// or postgres:// URL".to_owned()))
    }
}

fn database(url: &str, problem: String) -> ReadError {
    ReadError::Database { url: shown(url), problem }
}

fn failure(url: &str, error: &sqlx::Error) -> ReadError {
    let problem = match error {
        sqlx::Error::Database(error) => error.message().to_owned(),
        sqlx::Error::Io(error) => error.kind().to_string(),
        sqlx::Error::PoolTimedOut => "no connection in time".to_owned(),
        // Its text may repeat the URL, password and all.
        sqlx::Error::Configuration(_) => "its URL cannot be understood".to_owned(),
        other => other.to_string(),
    };
    database(url, problem)
}

/// The arguments of a statement, for either database.
fn arguments<'q, A>(args: &[Value]) -> Result<A, String>
where
    A: Arguments + Default,
    Option<String>: Encode<'q, A::Database> + Type<A::Database> + 'q,
    bool: Encode<'q, A::Database> + Type<A::Database> + 'q,
    i64: Encode<'q, A::Database> + Type<A::Database> + 'q,
    Option<f64>: Encode<'q, A::Database> + Type<A::Database> + 'q,
    String: Encode<'q, A::Database> + Type<A::Database> + 'q,
    Value: Encode<'q, A::Database> + Type<A::Database> + 'q,
{
    let mut bound = A::default();
    for arg in args {
        match arg {
            Value::Null => bound.add(None::<String>),
            Value::Bool(flag) => bound.add(*flag),
            Value::Number(number) => match number.as_i64() {
                Some(whole) => bound.add(whole),
                None => bound.add(number.as_f64()),
            },
            Value::String(text) => bound.add(text.clone()),
            other => bound.add(other.clone()),
        }
        .map_err(|error| error.to_string())?;
    }
    Ok(bound)
}

/// SQLite types values, not columns; only that a column is declared BOOLEAN is taken from its declaration.
fn sqlite_row(row: &SqliteRow) -> Value {
    let mut fields = Map::new();
    for (at, column) in row.columns().iter().enumerate() {
        let kind = row.try_get_raw(at).map(|raw| (raw.is_null(), raw.type_info().name().to_owned()));
        let value = match kind {
            Ok((true, _)) | Err(_) => Value::Null,
            Ok((false, kind)) => sqlite_value(row, at, &kind, column.type_info().name() == "BOOLEAN"),
        };
        fields.insert(column.name().to_owned(), value);
    }
    Value::Object(fields)
}

fn sqlite_value(row: &SqliteRow, at: usize, kind: &str, declared_boolean: bool) -> Value {
    match kind {
        "BOOLEAN" => row.try_get::<bool, _>(at).map(Value::from),
        "INTEGER" if declared_boolean => row.try_get::<bool, _>(at).map(Value::from),
        "INTEGER" => row.try_get::<i64, _>(at).map(Value::from),
        "REAL" => row.try_get::<f64, _>(at).map(Value::from),
        "BLOB" => row.try_get::<Vec<u8>, _>(at).map(|bytes| Value::from(hex::encode(bytes))),
        _ => row.try_get_unchecked::<String, _>(at).map(Value::from),
    }
    .unwrap_or(Value::Null)
}
