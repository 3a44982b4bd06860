//! Sends every notice to everybody who wants it: once, tried again with back-off, and recorded.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use futures_util::future::{BoxFuture, join_all};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Again, Change, Notice, Notifier, Purpose};
use crate::incident::Severity;

/// A notifier as a project names it, and which notices it wants.
pub struct Channel<'a> {
    /// The name: `oncall`.
    pub name: String,
    /// How it is told.
    pub notifier: Box<dyn Notifier + 'a>,
    /// What it wants to hear of.
    pub filter: Filter,
}

impl std::fmt::Debug for Channel<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, notifier, filter } = self;
        f.debug_struct("Channel")
            .field("name", name)
            .field("kind", &notifier.kind())
            .field("filter", filter)
            .finish()
    }
}

/// What a notifier wants to hear of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// Which changes.
    pub on: BTreeSet<Change>,
    /// Only incidents of this severity or above.
    pub severity: Severity,
}

impl Filter {
    /// A test is wanted by everybody.
    #[must_use]
    pub fn wants(&self, notice: &Notice) -> bool {
        notice.purpose == Purpose::Test
            || self.on.contains(&notice.change) && notice.subject.severity >= self.severity
    }
}

/// How patiently messages are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// How often one is tried.
    pub attempts: u32,
    /// The first pause; each further one is twice as long.
    pub first: Duration,
    /// No pause is longer, whatever `Retry-After` asks for.
    pub longest: Duration,
    /// More incidents than this are not told of one by one.
    pub most: usize,
}

impl Policy {
    /// For a run that has ended: somebody waits for its exit code.
    pub const USUAL: Self =
        Self { attempts: 5, first: Duration::from_millis(500), longest: Duration::from_secs(30), most: 10 };
}

/// How a pause is made: time is an argument here too.
pub type Pause = Arc<dyn Fn(Duration) -> BoxFuture<'static, ()> + Send + Sync>;

/// The pause that takes as long as it says.
#[must_use]
pub fn real_time() -> Pause {
    Arc::new(|pause| Box::pin(tokio::time::sleep(pause)))
}

/// What became of one message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Receipt {
    /// The notifier's name.
    pub notifier: String,
    /// `slack`, `pagerduty`.
    pub kind: String,
    /// What it was about.
    pub fingerprint: String,
    /// What became of that.
    pub change: Change,
    /// How often it was tried.
    pub attempts: u32,
    /// Why it did not arrive, in words that follow "failed to"; null: it was sent.
    pub problem: Option<String>,
}

impl Receipt {
    /// What a report says of a message that did not arrive.
    #[must_use]
    pub fn remark(&self) -> Option<String> {
        let problem = self.problem.as_ref()?;
        let tries = if self.attempts == 1 { "1 try".to_owned() } else { format!("{} tries", self.attempts) };
        Some(format!(
            "`{}` ({}) was not told that incident {} was {}: failed to {problem} ({tries})",
            self.notifier,
            self.kind,
            self.fingerprint,
            self.change.as_str()
        ))
    }
}

/// What has been told already: the caller keeps it as long as a message may not be repeated.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told(BTreeSet<(String, String, Change)>);

impl Told {
    /// Whether this is news to the notifier; it counts as told from now on.
    fn add(&mut self, notifier: &str, notice: &Notice) -> bool {
        // An update tells that it was seen once more: each is news.
        notice.change == Change::Updated
            || self.0.insert((notifier.to_owned(), notice.subject.fingerprint.clone(), notice.change))
    }
}

/// Tells everybody who wants to hear it, the gravest first: beside each other, but each in this order.
///
/// There is no error: what could not be sent is in the receipts. What was not taken counts as not told, so that a later
/// call tries again.
pub async fn tell(
    channels: &[Channel<'_>],
    notices: &[Notice],
    told: &mut Told,
    policy: Policy,
    pause: &Pause,
) -> Vec<Receipt> {
    let lists: Vec<Vec<Notice>> =
        channels.iter().map(|channel| wanted(channel, notices, told, policy)).collect();
    let sent =
        channels.iter().zip(&lists).map(|(channel, notices)| one_by_one(channel, notices, policy, pause));
    let receipts: Vec<Receipt> = join_all(sent).await.into_iter().flatten().collect();
    for receipt in receipts.iter().filter(|receipt| receipt.problem.is_some()) {
        told.0.remove(&(receipt.notifier.clone(), receipt.fingerprint.clone(), receipt.change));
    }
    receipts
}

/// What is news to a notifier: the gravest, and in the last of them how many there are beside.
fn wanted(channel: &Channel<'_>, notices: &[Notice], told: &mut Told, policy: Policy) -> Vec<Notice> {
    let mut news: Vec<Notice> = notices
        .iter()
        .filter(|notice| channel.filter.wants(notice) && told.add(&channel.name, notice))
        .cloned()
        .collect();
    news.sort_by_key(|notice| std::cmp::Reverse(notice.subject.severity));
    let more = news.len().saturating_sub(policy.most);
    news.truncate(policy.most);
    if let Some(last) = news.last_mut() {
        last.more = last.more.saturating_add(more);
    }
    news
}

async fn one_by_one(
    channel: &Channel<'_>,
    notices: &[Notice],
    policy: Policy,
    pause: &Pause,
) -> Vec<Receipt> {
    let mut receipts = Vec::with_capacity(notices.len());
    let mut patience = policy;
    for notice in notices {
        let receipt = one(channel, notice, patience, pause).await;
        // One that takes nothing is not waited for with every further message.
        patience.attempts = if receipt.problem.is_some() { 1 } else { policy.attempts };
        receipts.push(receipt);
    }
    receipts
}

async fn one(channel: &Channel<'_>, notice: &Notice, policy: Policy, pause: &Pause) -> Receipt {
    let tries = AtomicU32::new(0);
    let backoff = ExponentialBuilder::default()
        .with_min_delay(policy.first)
        .with_max_delay(policy.longest)
        .with_factor(2.0)
        .with_max_times(usize::try_from(policy.attempts.saturating_sub(1)).unwrap_or(0));
    let send = || {
        tries.fetch_add(1, Ordering::Relaxed);
        channel.notifier.send(notice)
    };
    let sent = send
        .retry(backoff)
        .sleep({
            let pause = Arc::clone(pause);
            move |length| pause(length)
        })
        .when(|error| error.again != Again::No)
        .adjust(|error, pause| match (error.again, pause) {
            // The last pause is over: no further try, whatever is asked for.
            (_, None) | (Again::No, _) => None,
            (Again::Yes, pause) => pause,
            (Again::After(after), Some(pause)) => Some(after.max(pause).min(policy.longest)),
        })
        .await;
    Receipt {
        notifier: channel.name.clone(),
        kind: channel.notifier.kind().to_owned(),
        fingerprint: notice.subject.fingerprint.clone(),
        change: notice.change,
        attempts: tries.into_inner(),
        problem: sent.err().map(|error| error.problem),
    }
}

#[cfg(test)]
mod tests;
