//! Writing: all changes of one delivery in one transaction, each under the name of the fact behind it.

use serde_json::Value;
use sqlx::{Row, Sqlite, Transaction};

use super::App;
use super::bug::Bug;
use super::clock;
use super::log;
use super::store::{Record, User};

/// One thing to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// What Stripe says of a subscription now.
    Subscription(Record),
    /// Stripe deleted the customer, and with it everything the customer had.
    CustomerGone,
    /// What was bought in a checkout has been handed out.
    Fulfilled { session: String },
    /// Credits, paid by a payment intent unless they cost nothing.
    Credits { fact: String, amount: i64, payment: Option<String> },
    /// So much of a payment is with the customer again.
    Returned { payment: String, returned: i64, total: i64 },
    /// The features that the customer has at Stripe.
    Features(Vec<String>),
    /// A mail.
    Mail { fact: String, kind: MailKind, subject: String },
}

impl Change {
    /// The receipt for an invoice, or for a checkout without one. The name is what makes it one, whoever tells of the payment.
    pub(super) fn receipt(about: &str) -> Self {
        let (fact, subject) = (format!("receipt:{about}"), "Your receipt".to_owned());
        Self::Mail { fact, kind: MailKind::Receipt, subject }
    }
}

/// What a mail is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MailKind {
    Receipt,
    Dunning,
    /// The bank wants a payment confirmed.
    Confirm,
    /// To the people who run the app.
    Alert,
}

impl MailKind {
    fn name(self) -> &'static str {
        match self {
            Self::Receipt => "receipt",
            Self::Dunning => "dunning",
            Self::Confirm => "confirm",
            Self::Alert => "alert",
        }
    }

    fn recipient(self, user: &User) -> &str {
        match self {
            Self::Receipt | Self::Dunning | Self::Confirm => &user.email,
            Self::Alert => "billing@demo.example",
        }
    }
}

/// Whether the changes of an event were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    Now,
    /// Another delivery of the same event was faster.
    Before,
}

/// What the changes came from.
pub(super) enum Origin<'a> {
    Event {
        id: &'a str,
        kind: &'a str,
    },
    /// The customer's browser came back; only an app with a bug writes then.
    SuccessPage,
    /// The nightly sync found that something had been missed.
    Sync,
}

/// Writes everything or nothing, and makes it visible before the delivery is answered.
pub(super) async fn commit(
    app: &App,
    user: &User,
    origin: Origin<'_>,
    changes: &[Change],
) -> Result<Written, sqlx::Error> {
    let mut tx = app.store.begin().await?;
    if let Origin::Event { id, kind } = origin
        && !is_first(&mut tx, app, id, kind).await?
        && !forgets_events(app)
        && !app.has(Bug::DupMarkedBeforeWork)
        && !app.has(Bug::DupTimeoutThenRetry)
    {
        return Ok(Written::Before);
    }
    for change in changes {
        write(&mut tx, app, user, change).await?;
        // An order that is not there yet is told when it is saved.
        if let Change::Fulfilled { session } = change {
            let pay = sqlx::query("UPDATE orders SET state = 'paid' WHERE session = $1").bind(session);
            pay.execute(&mut *tx).await?;
        }
    }
    tx.commit().await?;
    let at = clock::now();
    // A cached answer is older than what was just written.
    if !app.has(Bug::OutCache) {
        app.cache.forget(&user.customer);
    }
    log::committed(&user.customer, at);
    Ok(Written::Now)
}

/// Marks an event as done before anything was done.
pub(super) async fn mark_early(app: &App, id: &str, kind: &str) -> Result<(), sqlx::Error> {
    let mut tx = app.store.begin().await?;
    is_first(&mut tx, app, id, kind).await?;
    tx.commit().await
}

/// Takes a subscription away before what follows it is known.
pub(super) async fn take_away(app: &App, subscription: &str) -> Result<(), sqlx::Error> {
    let mut tx = app.store.begin().await?;
    let away = sqlx::query("DELETE FROM subscriptions WHERE id = $1 RETURNING customer").bind(subscription);
    let customer = away.fetch_optional(&mut *tx).await?;
    tx.commit().await?;
    if let Some(customer) = customer {
        app.cache.forget(customer.try_get("customer")?);
    }
    Ok(())
}

/// Whether the app keeps no record of events. What else protects it is then all that protects it.
pub(super) fn forgets_events(app: &App) -> bool {
    app.has(Bug::DupSameEventCredits) || app.has(Bug::DupNotification)
}

/// The name under which something that was done is remembered; with the bug, for as long as the process lives.
pub(super) fn remembered(app: &App, name: &str) -> String {
    if app.has(Bug::DupMemoryOnly) { format!("{name} in {}", app.started) } else { name.to_owned() }
}

/// Records an event; `false` when it was recorded before.
async fn is_first(
    tx: &mut Transaction<'_, Sqlite>,
    app: &App,
    id: &str,
    kind: &str,
) -> Result<bool, sqlx::Error> {
    let insert = sqlx::query("INSERT INTO events (id, kind) VALUES ($1, $2) ON CONFLICT DO NOTHING");
    Ok(insert.bind(remembered(app, id)).bind(kind).execute(&mut **tx).await?.rows_affected() == 1)
}

async fn write(
    tx: &mut Transaction<'_, Sqlite>,
    app: &App,
    user: &User,
    change: &Change,
) -> Result<(), sqlx::Error> {
    let query = match change {
        Change::Subscription(record) => upsert(record),
        Change::CustomerGone => {
            sqlx::query("UPDATE subscriptions SET status = 'canceled' WHERE customer = $1").bind(&user.customer)
        }
        Change::Fulfilled { session } => {
            sqlx::query("INSERT INTO checkouts (session, customer) VALUES ($1, $2) ON CONFLICT DO NOTHING")
                .bind(session)
                .bind(&user.customer)
        }
        // The fact is the key: the same purchase, however often it is heard of, is one row.
        Change::Credits { fact, amount, payment } => sqlx::query(
            "INSERT INTO credits (fact, customer, amount, payment) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        )
        .bind(key_of_credits(app, fact))
        .bind(&user.customer)
        .bind(amount)
        .bind(payment),
        // Of the payment, not of its purchase, which may not have been heard of yet.
        Change::Returned { payment, returned, total } => {
            sqlx::query("INSERT OR REPLACE INTO returns (payment, returned, total) VALUES ($1, $2, $3)")
                .bind(payment)
                .bind(returned)
                .bind(total)
        }
        Change::Features(names) => {
            sqlx::query("INSERT OR REPLACE INTO features (customer, names) VALUES ($1, $2)")
                .bind(&user.customer)
                .bind(Value::from(names.as_slice()).to_string())
        }
        Change::Mail { fact, kind, subject } => sqlx::query(
            "INSERT INTO outbox (fact, customer, kind, recipient, subject) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT DO NOTHING",
        )
        .bind(key(app, Bug::DupNotification, fact))
        .bind(&user.customer)
        .bind(kind.name())
        .bind(kind.recipient(user))
        .bind(subject),
    };
    query.execute(&mut **tx).await.map(drop)
}

fn key_of_credits(app: &App, fact: &str) -> String {
    match app.rules.bug {
        // These are about checkouts; the credits of a period are named after its invoice.
        Some(bug @ (Bug::DupTimeoutThenRetry | Bug::Ack4xxBusinessError)) if !fact.starts_with("period:") => {
            key(app, bug, fact)
        }
        _ => key(app, Bug::DupSameEventCredits, fact),
    }
}

/// The name under which an effect happens once; with the bug, a new one for every delivery.
fn key(app: &App, bug: Bug, fact: &str) -> String {
    if app.has(bug) { format!("{fact} at {}", clock::now().as_nanos()) } else { remembered(app, fact) }
}

type Query<'q> = sqlx::query::Query<'q, Sqlite, sqlx::sqlite::SqliteArguments>;

fn upsert(record: &Record) -> Query<'_> {
    sqlx::query(
        "INSERT OR REPLACE INTO subscriptions (id, customer, status, plan, price, product, seats, renews_at, \
         ending, paused, latest_invoice, event_created, written, bought) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
    )
    .bind(&record.id)
    .bind(&record.customer)
    .bind(&record.status)
    .bind(record.plan.name())
    .bind(&record.price)
    .bind(&record.product)
    .bind(record.seats)
    .bind(record.renews_at)
    .bind(record.ending)
    .bind(record.paused)
    .bind(&record.latest_invoice)
    .bind(record.event_created)
    .bind(record.written)
    .bind(record.bought)
}
