//! Who hears of incidents. Strings may hold templates.

use super::{Environment, Project};

/// A notifier: `[notify.NAME]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notify {
    /// How it is told.
    pub kind: NotifyKind,
    /// Of which changes it hears.
    pub on: Vec<NotifyChange>,
    /// Only of incidents of this severity or above.
    pub severity: NotifySeverity,
}

/// How somebody is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotifyKind {
    /// By an incoming webhook.
    Slack {
        /// The hook.
        url: String,
    },
    /// By its Events API v2.
    PagerDuty {
        /// The integration key.
        key: String,
        /// Where events go; `None`: where they usually do.
        url: Option<String>,
    },
    /// By a signed message.
    Webhook {
        /// Where it goes.
        url: String,
        /// What it is signed with.
        secret: String,
    },
    /// By SMTP.
    Mail {
        /// The server.
        smtp: String,
        /// The sender.
        from: String,
        /// Who gets it.
        to: Vec<String>,
    },
    /// By a line on standard output.
    Stdout,
}

/// A change of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotifyChange {
    /// It was not there before.
    Opened,
    /// It was seen again.
    Updated,
    /// Somebody looks at it.
    Acknowledged,
    /// A later proof passed, or a person says so.
    Resolved,
}

/// How grave an incident is at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotifySeverity {
    /// Any.
    Low,
    /// A record or a notice is wrong.
    Medium,
    /// Somebody has what they did not pay for.
    High,
    /// A customer paid and has not got it.
    Critical,
}

impl Project {
    /// Those that an environment names, with their names.
    pub fn notified<'a>(
        &'a self,
        environment: &'a Environment,
    ) -> impl Iterator<Item = (&'a str, &'a Notify)> {
        let named = environment.notify.iter();
        named.filter_map(|name| Some((name.value.as_str(), self.notifiers.get(&name.value)?)))
    }
}
