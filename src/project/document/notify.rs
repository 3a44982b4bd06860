//! The keys for who hears of incidents.

use crate::project::model::{NotifyChange, NotifySeverity};
use crate::scenario::decode::{List, Table, Text, document, words};

document! {
    /// a notifier
    pub(crate) struct NotifyDocument one_of(slack, pagerduty, webhook, mail, stdout), {
        /// A channel of Slack, by its incoming webhook.
        slack: SlackDocument,
        /// A service of PagerDuty, by an integration key of its Events API v2.
        pagerduty: PagerDutyDocument,
        /// An address of your own, told in JSON that is signed the way Stripe signs.
        webhook: WebhookDocument,
        /// People, by mail.
        mail: MailToDocument,
        /// One line a change on standard output.
        stdout: Table,
        /// Of which changes of an incident it hears; left out, `["opened", "resolved"]`.
        on: List<NotifyChange>,
        /// Only of incidents of this severity or above: `low`, `medium`, `high`, `critical`; left out, of all.
        severity: NotifySeverity,
    }

    /// `slack`
    pub(crate) struct SlackDocument requires(url), {
        /// The incoming webhook, which is a secret: `{{ secret.SLACK_WEBHOOK }}`.
        url: Text,
    }

    /// `pagerduty`
    pub(crate) struct PagerDutyDocument requires(key), {
        /// The integration key: `{{ secret.PD_KEY }}`.
        key: Text,
        /// Where events go; left out, `https://events.pagerduty.com/v2/enqueue`. Accounts in Europe have `events.eu.pagerduty.com`.
        url: Text,
    }

    /// `webhook`
    pub(crate) struct WebhookDocument requires(url, secret), {
        /// Where messages are posted to.
        url: Text,
        /// What the header `Paydrill-Signature` is keyed with: `{{ secret.HOOK_SECRET }}`.
        secret: Text,
    }

    /// `mail` of a notifier
    pub(crate) struct MailToDocument requires(smtp, from, to), {
        /// The server: `smtps://USER:{{ secret.SMTP_PASSWORD }}@HOST`, or `smtp://HOST:587?tls=required`.
        smtp: Text,
        /// The sender: `Paydrill <paydrill@acme.example>`.
        from: Text,
        /// Who gets it.
        to: List<Text>,
    }
}

words!(NotifyChange, "change of an incident", {
    "opened" => Self::Opened,
    "updated" => Self::Updated,
    "acknowledged" => Self::Acknowledged,
    "resolved" => Self::Resolved,
});

words!(NotifySeverity, "severity", {
    "low" => Self::Low,
    "medium" => Self::Medium,
    "high" => Self::High,
    "critical" => Self::Critical,
});
