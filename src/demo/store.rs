//! The app's database: one SQLite file, reads here, writes in [`super::apply`].
//!
//! One connection writes, so writers queue here instead of meeting `SQLITE_BUSY`; others read beside it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{Row, Sqlite, Transaction};

use super::plan::Plan;

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS users (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    email    TEXT NOT NULL UNIQUE,
    customer TEXT UNIQUE
) STRICT;
CREATE TABLE IF NOT EXISTS subscriptions (
    id             TEXT PRIMARY KEY,
    customer       TEXT NOT NULL,
    status         TEXT NOT NULL,
    plan           TEXT NOT NULL,
    price          TEXT,
    product        TEXT,
    seats          INTEGER NOT NULL,
    renews_at      INTEGER,
    ending         INTEGER NOT NULL,
    paused         INTEGER NOT NULL,
    latest_invoice TEXT,
    event_created  INTEGER NOT NULL,
    written        INTEGER NOT NULL,
    bought         INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS subscriptions_customer ON subscriptions (customer);
CREATE TABLE IF NOT EXISTS events (id TEXT PRIMARY KEY, kind TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS checkouts (session TEXT PRIMARY KEY, customer TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS orders (
    session  TEXT PRIMARY KEY,
    customer TEXT NOT NULL,
    state    TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS credits (
    fact     TEXT PRIMARY KEY,
    customer TEXT NOT NULL,
    amount   INTEGER NOT NULL,
    payment  TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS credits_customer ON credits (customer);
CREATE TABLE IF NOT EXISTS returns (
    payment  TEXT PRIMARY KEY,
    returned INTEGER NOT NULL,
    total    INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS partners (
    account  TEXT PRIMARY KEY,
    customer TEXT NOT NULL,
    shop     TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS features (customer TEXT PRIMARY KEY, names TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS outbox (
    fact      TEXT PRIMARY KEY,
    customer  TEXT NOT NULL,
    kind      TEXT NOT NULL,
    recipient TEXT NOT NULL,
    subject   TEXT NOT NULL,
    sent      INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX IF NOT EXISTS outbox_customer ON outbox (customer);
";

/// What the app knows of one subscription.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Record {
    pub(super) id: String,
    pub(super) customer: String,
    pub(super) status: String,
    pub(super) plan: Plan,
    /// Lookup key of the price, or its id where it has none.
    pub(super) price: Option<String>,
    /// The name of the product, as customers read it.
    pub(super) product: Option<String>,
    pub(super) seats: i64,
    pub(super) renews_at: Option<i64>,
    /// It ends with the period.
    pub(super) ending: bool,
    /// Nothing is collected for it, though its status stays `active`.
    pub(super) paused: bool,
    pub(super) latest_invoice: Option<String>,
    /// `created` of the event that was heard of last.
    pub(super) event_created: i64,
    /// When it was written, in nanoseconds since 1970.
    pub(super) written: i64,
    /// When it was heard of first, in seconds since 1970.
    pub(super) bought: i64,
}

/// A person's account. Which customer at Stripe that is may not be known yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) id: i64,
    pub(super) email: String,
    pub(super) customer: Option<String>,
}

/// A person whose customer at Stripe is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct User {
    pub(super) id: i64,
    pub(super) email: String,
    pub(super) customer: String,
}

/// A mail that was sent, as far as a demo sends mails.
#[derive(Debug, Serialize)]
pub(super) struct Mail {
    kind: String,
    to: String,
    subject: String,
}

/// A mail on its way out.
#[derive(Debug)]
pub(super) struct Waiting {
    fact: String,
    pub(super) customer: String,
    pub(super) recipient: String,
    pub(super) subject: String,
}

/// The database.
pub(super) struct Store {
    read: SqlitePool,
    write: SqlitePool,
}

impl Store {
    /// Opens the file, makes it and its tables when they are missing.
    pub(super) async fn open(path: &Path) -> Result<Self, sqlx::Error> {
        let _alone = alone(path.with_extension("lock")).await?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(Duration::from_secs(5));
        let write = SqlitePoolOptions::new().max_connections(1).connect_with(options.clone()).await?;
        sqlx::raw_sql(SCHEMA).execute(&write).await?;
        let read = SqlitePoolOptions::new().max_connections(4).connect_with(options).await?;
        Ok(Self { read, write })
    }

    /// Begins a transaction that may write from the start, so that it cannot fail half-way for a lock.
    pub(super) async fn begin(&self) -> Result<Transaction<'static, Sqlite>, sqlx::Error> {
        self.write.begin_with("BEGIN IMMEDIATE").await
    }

    pub(super) async fn account(&self, id: i64) -> Result<Option<Account>, sqlx::Error> {
        let found = sqlx::query("SELECT id, email, customer FROM users WHERE id = $1").bind(id);
        found.fetch_optional(&self.read).await?.as_ref().map(account).transpose()
    }

    pub(super) async fn account_of_email(&self, email: &str) -> Result<Option<Account>, sqlx::Error> {
        let found = sqlx::query("SELECT id, email, customer FROM users WHERE email = $1").bind(email);
        found.fetch_optional(&self.read).await?.as_ref().map(account).transpose()
    }

    pub(super) async fn user_of_customer(&self, customer: &str) -> Result<Option<User>, sqlx::Error> {
        let found = sqlx::query("SELECT id, email, customer FROM users WHERE customer = $1").bind(customer);
        found.fetch_optional(&self.read).await?.as_ref().map(user).transpose()
    }

    /// Everybody whose customer at Stripe is known.
    pub(super) async fn users(&self) -> Result<Vec<User>, sqlx::Error> {
        let all = sqlx::query("SELECT id, email, customer FROM users WHERE customer IS NOT NULL ORDER BY id");
        all.fetch_all(&self.read).await?.iter().map(user).collect()
    }

    /// Adds an account; nothing when the e-mail or the customer is taken.
    pub(super) async fn add_account(&self, email: &str, customer: Option<&str>) -> Result<(), sqlx::Error> {
        sqlx::query("INSERT INTO users (email, customer) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(email)
            .bind(customer)
            .execute(&self.write)
            .await?;
        Ok(())
    }

    /// From now on the customer at Stripe is this account's; nothing when either belongs to another already.
    pub(super) async fn link(&self, account: i64, customer: &str) -> Result<(), sqlx::Error> {
        sqlx::query("UPDATE OR IGNORE users SET customer = $1 WHERE id = $2 AND customer IS NULL")
            .bind(customer)
            .bind(account)
            .execute(&self.write)
            .await?;
        Ok(())
    }

    pub(super) async fn has_seen(&self, event: &str) -> Result<bool, sqlx::Error> {
        let seen = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM events WHERE id = $1)").bind(event);
        seen.fetch_one(&self.read).await
    }

    /// Whether what was bought in that checkout has been handed out.
    pub(super) async fn is_fulfilled(&self, session: &str) -> Result<bool, sqlx::Error> {
        let done =
            sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM checkouts WHERE session = $1)").bind(session);
        done.fetch_one(&self.read).await
    }

    /// Saves an order, paid if what was bought has been handed out already and that is looked for; nothing when it
    /// is there. One statement: a purchase that is handed out meanwhile is seen here, or sees the order.
    pub(super) async fn add_order(
        &self,
        session: &str,
        customer: &str,
        may_be_paid: bool,
    ) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO orders (session, customer, state) VALUES ($1, $2, \
             CASE WHEN $3 AND EXISTS (SELECT 1 FROM checkouts WHERE session = $1) THEN 'paid' ELSE 'pending' END) \
             ON CONFLICT DO NOTHING",
        )
        .bind(session)
        .bind(customer)
        .bind(may_be_paid)
        .execute(&self.write)
        .await?;
        Ok(())
    }

    /// The state of the customer's newest order.
    pub(super) async fn order(&self, customer: &str) -> Result<Option<String>, sqlx::Error> {
        let found = "SELECT state FROM orders WHERE customer = $1 ORDER BY rowid DESC LIMIT 1";
        sqlx::query_scalar(found).bind(customer).fetch_optional(&self.read).await
    }

    /// Opens the shop of a partner, who sells on this Stripe account.
    pub(super) async fn open_shop(&self, account: &str, customer: &str) -> Result<(), sqlx::Error> {
        let open = sqlx::query("INSERT INTO partners (account, customer, shop) VALUES ($1, $2, 'open')");
        open.bind(account).bind(customer).execute(&self.write).await.map(drop)
    }

    /// Shuts the shop that sells on this Stripe account; nothing where there is none.
    pub(super) async fn shut_shop(&self, account: &str) -> Result<(), sqlx::Error> {
        let shut = sqlx::query("UPDATE partners SET shop = 'shut' WHERE account = $1").bind(account);
        shut.execute(&self.write).await.map(drop)
    }

    /// The Stripe account and the state of a customer's newest shop.
    pub(super) async fn shop(&self, customer: &str) -> Result<Option<(String, String)>, sqlx::Error> {
        let found = "SELECT account, shop FROM partners WHERE customer = $1 ORDER BY rowid DESC LIMIT 1";
        sqlx::query_as(found).bind(customer).fetch_optional(&self.read).await
    }

    pub(super) async fn subscription(&self, id: &str) -> Result<Option<Record>, sqlx::Error> {
        let found = sqlx::query("SELECT * FROM subscriptions WHERE id = $1").bind(id);
        found.fetch_optional(&self.read).await?.as_ref().map(record).transpose()
    }

    pub(super) async fn subscriptions(&self, customer: &str) -> Result<Vec<Record>, sqlx::Error> {
        let found = sqlx::query("SELECT * FROM subscriptions WHERE customer = $1").bind(customer);
        found.fetch_all(&self.read).await?.iter().map(record).collect()
    }

    /// Whether something was handed out for that payment.
    pub(super) async fn is_bought_with(&self, payment: &str) -> Result<bool, sqlx::Error> {
        let bought = "SELECT EXISTS (SELECT 1 FROM credits WHERE payment = $1)";
        sqlx::query_scalar(bought).bind(payment).fetch_one(&self.read).await
    }

    /// The features that Stripe says a customer has, by lookup key.
    pub(super) async fn features(&self, customer: &str) -> Result<Vec<String>, sqlx::Error> {
        let names =
            "SELECT f.value FROM features, json_each(features.names) f WHERE customer = $1 ORDER BY f.key";
        sqlx::query_scalar(names).bind(customer).fetch_all(&self.read).await
    }

    /// Credits bought, less those whose payment went back, in any order of purchase and refund.
    pub(super) async fn credits(&self, customer: &str) -> Result<i64, sqlx::Error> {
        let sum = "SELECT COALESCE(SUM(c.amount - COALESCE(c.amount * r.returned / r.total, 0)), 0) \
                   FROM credits c LEFT JOIN returns r ON r.payment = c.payment WHERE c.customer = $1";
        sqlx::query_scalar(sum).bind(customer).fetch_one(&self.read).await
    }

    /// How much of a payment went back, as far as the app knows.
    pub(super) async fn returned(&self, payment: &str) -> Result<i64, sqlx::Error> {
        let found = sqlx::query_scalar("SELECT returned FROM returns WHERE payment = $1").bind(payment);
        Ok(found.fetch_optional(&self.read).await?.unwrap_or(0))
    }

    /// Takes a customer's next mail that waits out of the outbox.
    pub(super) async fn take_mail(&self, customer: &str) -> Result<Option<Waiting>, sqlx::Error> {
        let taken = sqlx::query(
            "UPDATE outbox SET sent = 1 WHERE fact = \
             (SELECT fact FROM outbox WHERE customer = $1 AND sent = 0 ORDER BY rowid LIMIT 1) \
             RETURNING fact, customer, recipient, subject",
        );
        let row = taken.bind(customer).fetch_optional(&self.write).await?;
        row.map(|row| {
            Ok(Waiting {
                fact: row.try_get("fact")?,
                customer: row.try_get("customer")?,
                recipient: row.try_get("recipient")?,
                subject: row.try_get("subject")?,
            })
        })
        .transpose()
    }

    /// Lets a mail that could not be sent wait on.
    pub(super) async fn put_back(&self, mail: &Waiting) -> Result<(), sqlx::Error> {
        let back = sqlx::query("UPDATE outbox SET sent = 0 WHERE fact = $1").bind(&mail.fact);
        back.execute(&self.write).await.map(drop)
    }

    /// Forgets that an event was handled.
    pub(super) async fn forget_event(&self, event: &str) -> Result<(), sqlx::Error> {
        let forget = sqlx::query("DELETE FROM events WHERE id = $1").bind(event);
        forget.execute(&self.write).await.map(drop)
    }

    /// Mails to or about a customer, all or of one kind, in the order they were sent.
    pub(super) async fn mails(&self, customer: &str, kind: Option<&str>) -> Result<Vec<Mail>, sqlx::Error> {
        let found = sqlx::query(
            "SELECT kind, recipient, subject FROM outbox \
             WHERE customer = $1 AND ($2 IS NULL OR kind = $2) ORDER BY rowid",
        );
        let rows = found.bind(customer).bind(kind).fetch_all(&self.read).await?;
        rows.iter().map(mail).collect()
    }
}

fn account(row: &SqliteRow) -> Result<Account, sqlx::Error> {
    Ok(Account { id: row.try_get("id")?, email: row.try_get("email")?, customer: row.try_get("customer")? })
}

fn user(row: &SqliteRow) -> Result<User, sqlx::Error> {
    Ok(User { id: row.try_get("id")?, email: row.try_get("email")?, customer: row.try_get("customer")? })
}

fn mail(row: &SqliteRow) -> Result<Mail, sqlx::Error> {
    Ok(Mail { kind: row.try_get("kind")?, to: row.try_get("recipient")?, subject: row.try_get("subject")? })
}

fn record(row: &SqliteRow) -> Result<Record, sqlx::Error> {
    Ok(Record {
        id: row.try_get("id")?,
        customer: row.try_get("customer")?,
        status: row.try_get("status")?,
        plan: Plan::named(row.try_get("plan")?),
        price: row.try_get("price")?,
        product: row.try_get("product")?,
        seats: row.try_get("seats")?,
        renews_at: row.try_get("renews_at")?,
        ending: row.try_get("ending")?,
        paused: row.try_get("paused")?,
        latest_invoice: row.try_get("latest_invoice")?,
        event_created: row.try_get("event_created")?,
        written: row.try_get("written")?,
        bought: row.try_get("bought")?,
    })
}

/// Waits until no other process of the app sets the database up; others wait while the file is open.
///
/// SQLite's own locks cannot do it: a file that is turned to write-ahead logging by two at once is busy for one of
/// them, however long it would wait.
async fn alone(lock: PathBuf) -> std::io::Result<File> {
    let open = move || {
        let file = File::create(lock)?;
        file.lock()?;
        Ok(file)
    };
    tokio::task::spawn_blocking(open).await?
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two instances of the app that start at one moment, on a folder that is new to both.
    #[tokio::test(flavor = "multi_thread")]
    async fn many_may_open_a_new_database_at_once() {
        for _ in 0..100 {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("app.db");
            let opening = std::iter::repeat_with(|| {
                let path = path.clone();
                tokio::spawn(async move { Store::open(&path).await.map(drop) })
            });
            for opened in opening.take(4).collect::<Vec<_>>() {
                opened.await.unwrap().unwrap();
            }
        }
    }
}
