//! PagerDuty: Events API v2 (<https://developer.pagerduty.com/docs/send-alert-event>).
//!
//! One alert per fingerprint, which is its `dedup_key`: opened and updated trigger it, acknowledged and resolved act on the
//! same. A summary has 1,024 characters, an event 512 KB.

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use super::clamp::line;
use super::hook::Hook;
use super::{Change, Notice, Notifier, Purpose, SendError};
use crate::incident::Severity;
use crate::incident::text::one_line;
use crate::secret::Secret;

/// Where PagerDuty takes events, where nothing else is said (accounts in Europe: `events.eu.pagerduty.com`).
pub const URL: &str = "https://events.pagerduty.com/v2/enqueue";

const SUMMARY: usize = 1_024;
const LARGEST: usize = 512 * 1024;
const DEDUP_KEY: usize = 255;
const VALUE: usize = 1_000;

/// A service, by its integration key.
#[derive(Debug)]
pub struct PagerDuty {
    hook: Hook,
    key: Secret,
}

impl PagerDuty {
    /// `hook`: where events go; `key`: the service's integration key.
    #[must_use]
    pub fn new(hook: Hook, key: Secret) -> Self {
        Self { hook, key }
    }
}

#[async_trait]
impl Notifier for PagerDuty {
    fn kind(&self) -> &'static str {
        "pagerduty"
    }

    async fn send(&self, notice: &Notice) -> Result<(), SendError> {
        self.hook.post(&payload(notice, &self.key), &[]).await
    }
}

/// What PagerDuty is sent.
#[must_use]
pub fn payload(notice: &Notice, key: &Secret) -> Value {
    let action = match notice.change {
        Change::Opened | Change::Updated => "trigger",
        Change::Acknowledged => "acknowledge",
        Change::Resolved => "resolve",
    };
    let mut event = json!({
        "routing_key": key.expose(),
        "event_action": action,
        "dedup_key": line(&notice.subject.fingerprint, DEDUP_KEY),
    });
    if action == "trigger" {
        event["payload"] = alert(notice);
        event["client"] = "Paydrill".into();
        let runbook = notice.subject.runbook.as_ref().filter(|runbook| runbook.starts_with("https://"));
        if let Some(runbook) = runbook {
            event["links"] = json!([{ "href": line(runbook, VALUE), "text": "Runbook" }]);
        }
        if event.to_string().len() > LARGEST
            && let Some(payload) = event["payload"].as_object_mut()
        {
            payload.remove("custom_details");
        }
    }
    event
}

fn alert(notice: &Notice) -> Value {
    let subject = &notice.subject;
    json!({
        "summary": line(&format!("{}. {}", notice.title(), notice.lead()), SUMMARY),
        "source": line(&format!("{} in {}", subject.project, subject.environment), VALUE),
        "severity": severity(notice),
        "timestamp": notice.at.to_string(),
        "component": line(&subject.case, VALUE),
        "group": line(&subject.environment, VALUE),
        "class": subject.kind.as_str(),
        "custom_details": details(notice),
    })
}

fn severity(notice: &Notice) -> &'static str {
    match (notice.purpose, notice.subject.severity) {
        (Purpose::Test, _) | (Purpose::Real, Severity::Low) => "info",
        (Purpose::Real, Severity::Medium) => "warning",
        (Purpose::Real, Severity::High) => "error",
        (Purpose::Real, Severity::Critical) => "critical",
    }
}

/// What whoever is paged reads first, in this order.
fn details(notice: &Notice) -> Map<String, Value> {
    let subject = &notice.subject;
    let mut details = Map::new();
    let mut add = |name: &str, text: Option<String>| {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            details.insert(name.to_owned(), line(&text, VALUE).into());
        }
    };
    add("note", notice.note.clone());
    if notice.asks() {
        add("promise", Some(subject.promise.clone()));
        add("what", Some(subject.headline.clone()));
        for side in subject.sides.iter().take(20) {
            let name = if side.name.is_empty() { "the case".to_owned() } else { line(&side.name, 100) };
            add(&format!("{name}: expected"), Some(side.expected.clone()));
            add(&format!("{name}: observed"), Some(side.observed.clone()));
        }
        add("next", Some(format!("{}. {}", subject.route, subject.who_retries)));
        for (at, (what, command)) in subject.actions.iter().enumerate().take(10) {
            add(&format!("next, {}", at + 1), Some(what.clone()));
            add(&format!("next, {}: type", at + 1), command.as_ref().map(|command| one_line(command)));
        }
        add("customer", Some(subject.customer.clone()));
        add("event", subject.event.as_ref().map(|event| format!("{} {}", event.kind, event.id)));
        add("deploy", subject.deploy_sha.clone());
        add("owner", subject.owner.clone());
        add("runbook", subject.runbook.clone());
        add("evidence", subject.evidence.clone());
    }
    add("more", notice.and_more());
    details
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::sample;

    fn key() -> Secret {
        Secret::new("R0UT1NGKEY0123456789012345678901")
    }

    #[test]
    fn trigger() {
        insta::assert_json_snapshot!(payload(&sample::notice(Change::Opened), &key()));
    }

    #[test]
    fn one_key_from_trigger_to_resolve() {
        let changes = [Change::Opened, Change::Updated, Change::Acknowledged, Change::Resolved];
        let sent = changes.map(|change| payload(&sample::notice(change), &key()));
        assert_eq!(
            sent.each_ref().map(|event| event["event_action"].as_str().unwrap()),
            ["trigger", "trigger", "acknowledge", "resolve"]
        );
        assert!(sent.iter().all(|event| event["dedup_key"] == sent[0]["dedup_key"]));
        insta::assert_json_snapshot!(sent[3]);
    }

    #[test]
    fn a_test_wakes_nobody() {
        let event = payload(&sample::test(Change::Opened), &key());
        assert_eq!(event["payload"]["severity"], "info");
        insta::assert_json_snapshot!(event);
    }

    #[test]
    fn hostile_and_huge_values_keep_to_the_limits() {
        let event = payload(&sample::hostile(Change::Opened), &key());
        assert!(event["payload"]["summary"].as_str().unwrap().chars().count() <= SUMMARY);
        assert!(event["dedup_key"].as_str().unwrap().chars().count() <= DEDUP_KEY);
        assert!(event.to_string().len() <= LARGEST);
        assert!(event["payload"]["custom_details"].is_object());
    }
}
