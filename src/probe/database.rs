//! The app's own database, for probes and requests.

use std::time::Duration;

use serde_json::{Map, Value};

use super::ReadError;
#[cfg(feature = "sql")]
use super::sql::Pools;
use crate::project::model::SqlCall;

/// How long a statement may take, its connection included.
const LIMIT: Duration = Duration::from_secs(10);

/// Whether this build can ask databases at all.
pub const KNOWS_SQL: bool = cfg!(feature = "sql");

/// Asks a database for nothing: whether it can be reached.
///
/// # Errors
/// Why it cannot.
pub async fn reach(url: &str) -> Result<(), ReadError> {
    let call = SqlCall { url: url.to_owned(), query: "SELECT 1 AS one".to_owned(), args: Vec::new() };
    Databases::default().read(&call).await.map(|_| ())
}

/// What may be done through a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(not(feature = "sql"), expect(dead_code, reason = "no database is reached without the feature"))]
pub(super) enum Access {
    /// Nothing is changed; the database sees to it.
    Read,
    /// Anything.
    Write,
}

/// What a query found.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Rows {
    /// The first row, by its columns.
    pub(super) first: Map<String, Value>,
    /// How many there are.
    pub(super) count: usize,
}

#[cfg_attr(not(feature = "sql"), expect(dead_code, reason = "no database is reached without the feature"))]
impl Rows {
    /// Counts a row; only the first is looked at.
    pub(super) fn add(
        &mut self,
        url: &str,
        most: usize,
        row: impl FnOnce() -> Result<Value, ReadError>,
    ) -> Result<(), ReadError> {
        if self.count == 0
            && let Value::Object(fields) = row()?
        {
            self.first = fields;
        }
        self.count += 1;
        if self.count > most {
            let problem = format!("the query gives more than {most} rows");
            return Err(ReadError::Database { url: shown(url), problem });
        }
        Ok(())
    }
}

/// Reaches databases; connections are kept for the run.
#[derive(Debug, Default)]
pub(super) struct Databases {
    #[cfg(feature = "sql")]
    pools: Pools,
}

impl Databases {
    /// The first row of a query, and how many there are.
    pub(super) async fn read(&self, call: &SqlCall) -> Result<Rows, ReadError> {
        #[cfg(feature = "sql")]
        return within(call, self.pools.read(call, LIMIT)).await;
        #[cfg(not(feature = "sql"))]
        return within(call, left_out(call)).await;
    }

    /// Executes a statement; gives how many rows it changed.
    pub(super) async fn execute(&self, call: &SqlCall) -> Result<u64, ReadError> {
        #[cfg(feature = "sql")]
        return within(call, self.pools.execute(call, LIMIT)).await;
        #[cfg(not(feature = "sql"))]
        return within(call, left_out(call)).await;
    }
}

#[cfg(not(feature = "sql"))]
async fn left_out<T>(call: &SqlCall) -> Result<T, ReadError> {
    let problem = "this paydrill was built without its feature `sql`".to_owned();
    Err(ReadError::Database { url: shown(&call.url), problem })
}

async fn within<T>(
    call: &SqlCall,
    answer: impl Future<Output = Result<T, ReadError>>,
) -> Result<T, ReadError> {
    let timed_out = |_| ReadError::TimedOut { url: shown(&call.url), limit: LIMIT };
    tokio::time::timeout(LIMIT, answer).await.map_err(timed_out)?
}

/// A database's URL without credentials and options: `postgres://db.example/app`.
pub(super) fn shown(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    match url.split_once("://") {
        // A password may hold anything, an `@` too.
        Some((scheme, rest)) => {
            let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
            format!("{scheme}://{host}")
        }
        None => url.split(':').next().unwrap_or_default().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("postgres://ada:s3cr3t@db.example:5432/app?sslmode=require", "postgres://db.example:5432/app")]
    #[case("postgres://ada:p@ss@db.example/app", "postgres://db.example/app")]
    #[case("sqlite:///tmp/x/app.db?mode=ro", "sqlite:///tmp/x/app.db")]
    #[case("nonsense s3cr3t", "nonsense s3cr3t")]
    #[case("odd:s3cr3t", "odd")]
    fn a_database_is_shown_without_its_password(#[case] url: &str, #[case] expected: &str) {
        assert_eq!(shown(url), expected);
    }
}
