//! A webhook of your own, signed the way Stripe signs.
//!
//! A `POST` with a JSON body (`v`, 1) and the header `Paydrill-Signature: t=<unix seconds>,v1=<hex>`, where `v1` is the
//! HMAC-SHA256 of `"{t}.{raw body}"` keyed with the secret. Any library that checks Stripe's signatures checks these:
//! `stripe.Webhook.construct_event(body, headers["Paydrill-Signature"], secret)`. A receiver answers 2xx, refuses what
//! is older than five minutes, and may see a message twice: `Paydrill-Delivery` is the same then.
//!
//! | field | means |
//! |---|---|
//! | `v` | 1; another number where an old reader would misunderstand |
//! | `type` | `incident.opened`, `incident.updated`, `incident.acknowledged`, `incident.resolved` |
//! | `at`, `test`, `note`, `more` | when (RFC 3339); only to see whether it arrives; who says so; incidents without a message |
//! | `incident` | `fingerprint kind severity project environment case promise owner runbook customer event deploy_sha headline findings route who_retries actions evidence` |

use async_trait::async_trait;
use serde::Serialize;

use super::hook::Hook;
use super::{Notice, Notifier, Purpose, SendError};
use crate::incident::{IncidentKind, Severity};
use crate::secret::Secret;
use crate::stripe::signature;

/// Where the signature stands.
pub const SIGNATURE: &str = "paydrill-signature";

/// The same for the same message.
pub const DELIVERY: &str = "paydrill-delivery";

/// A receiver.
#[derive(Debug)]
pub struct Webhook {
    hook: Hook,
    secret: Secret,
}

impl Webhook {
    /// `hook`: where; `secret`: what both sides know.
    #[must_use]
    pub fn new(hook: Hook, secret: Secret) -> Self {
        Self { hook, secret }
    }
}

#[async_trait]
impl Notifier for Webhook {
    fn kind(&self) -> &'static str {
        "webhook"
    }

    async fn send(&self, notice: &Notice) -> Result<(), SendError> {
        let body = body(notice);
        let headers = headers(notice, &body, &self.secret);
        self.hook.post_text(body, &headers).await
    }
}

/// The signature, and what a receiver knows a repeated message by.
#[must_use]
pub fn headers(notice: &Notice, body: &str, secret: &Secret) -> [(&'static str, String); 2] {
    let at = notice.at.as_second();
    let signed = signature::header(at, &[signature::sign(secret, at, body.as_bytes())]);
    [(SIGNATURE, signed), (DELIVERY, delivery(notice))]
}

fn delivery(notice: &Notice) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
    let fingerprint: String = notice.subject.fingerprint.chars().take(200).map(safe).collect();
    format!("{fingerprint}-{}-{}", notice.change.as_str(), notice.at.as_second())
}

/// The body.
#[must_use]
pub fn body(notice: &Notice) -> String {
    // Every key is a string, which cannot fail to become JSON.
    serde_json::to_string(&WireNotice::from(notice)).unwrap_or_default()
}

#[derive(Serialize)]
struct WireNotice<'a> {
    v: u32,
    r#type: String,
    at: String,
    test: bool,
    note: Option<&'a str>,
    more: usize,
    incident: WireSubject<'a>,
}

#[derive(Serialize)]
struct WireSubject<'a> {
    fingerprint: &'a str,
    kind: IncidentKind,
    severity: Severity,
    project: &'a str,
    environment: &'a str,
    case: &'a str,
    promise: &'a str,
    owner: Option<&'a str>,
    runbook: Option<&'a str>,
    customer: &'a str,
    event: Option<WireEvent<'a>>,
    deploy_sha: Option<&'a str>,
    headline: &'a str,
    findings: Vec<WireSide<'a>>,
    route: &'a str,
    who_retries: &'a str,
    actions: Vec<WireAction<'a>>,
    evidence: Option<&'a str>,
}

#[derive(Serialize)]
struct WireEvent<'a> {
    id: &'a str,
    r#type: &'a str,
}

#[derive(Serialize)]
struct WireSide<'a> {
    name: &'a str,
    expected: &'a str,
    observed: &'a str,
}

#[derive(Serialize)]
struct WireAction<'a> {
    what: &'a str,
    command: Option<&'a str>,
}

impl<'a> From<&'a Notice> for WireNotice<'a> {
    fn from(notice: &'a Notice) -> Self {
        let subject = &notice.subject;
        Self {
            v: 1,
            r#type: format!("incident.{}", notice.change.as_str()),
            at: notice.at.to_string(),
            test: notice.purpose == Purpose::Test,
            note: notice.note.as_deref(),
            more: notice.more,
            incident: WireSubject {
                fingerprint: &subject.fingerprint,
                kind: subject.kind,
                severity: subject.severity,
                project: &subject.project,
                environment: &subject.environment,
                case: &subject.case,
                promise: &subject.promise,
                owner: subject.owner.as_deref(),
                runbook: subject.runbook.as_deref(),
                customer: &subject.customer,
                event: subject.event.as_ref().map(|event| WireEvent { id: &event.id, r#type: &event.kind }),
                deploy_sha: subject.deploy_sha.as_deref(),
                headline: &subject.headline,
                findings: subject
                    .sides
                    .iter()
                    .map(|side| WireSide {
                        name: &side.name,
                        expected: &side.expected,
                        observed: &side.observed,
                    })
                    .collect(),
                route: &subject.route,
                who_retries: &subject.who_retries,
                actions: subject
                    .actions
                    .iter()
                    .map(|(what, command)| WireAction { what, command: command.as_deref() })
                    .collect(),
                evidence: subject.evidence.as_deref(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::{Change, sample};

    #[test]
    fn opened() {
        let value: serde_json::Value = serde_json::from_str(&body(&sample::notice(Change::Opened))).unwrap();
        insta::assert_json_snapshot!(value);
    }

    /// What is documented for receivers is what Stripe's own check does.
    #[test]
    fn a_receiver_checks_it_as_it_checks_stripe() {
        let secret = Secret::new("whsec_of_the_receiver");
        let notice = sample::notice(Change::Opened);
        let body = body(&notice);
        let [(name, header), (_, delivery)] = headers(&notice, &body, &secret);
        assert_eq!(name, "paydrill-signature");
        let now = notice.at.as_second() + 60;
        let check = |body: &str, secret: &Secret| {
            signature::verify(
                Some(&header),
                body.as_bytes(),
                std::slice::from_ref(secret),
                now,
                signature::TOLERANCE,
            )
        };
        assert_eq!(check(&body, &secret), Ok(()));
        assert!(check(&body.replace("critical", "low"), &secret).is_err());
        assert!(check(&body, &Secret::new("another")).is_err());
        assert!(delivery.ends_with(&format!("-opened-{}", notice.at.as_second())), "{delivery}");
    }

    #[test]
    fn hostile_values_are_values_and_no_header() {
        let notice = sample::hostile(Change::Opened);
        let value: serde_json::Value = serde_json::from_str(&body(&notice)).unwrap();
        assert_eq!(value["incident"]["promise"], notice.subject.promise);
        let [_, (_, delivery)] = headers(&notice, "", &Secret::new("x"));
        assert!(http::HeaderValue::from_str(&delivery).is_ok());
    }
}
