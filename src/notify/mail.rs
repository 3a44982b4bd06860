//! Mail, by SMTP: text and HTML, one thread per incident.
//!
//! `smtps://USER:PASSWORD@HOST` speaks TLS from the start, `smtp://HOST:587?tls=required` after STARTTLS. Without TLS
//! only a server on this machine is spoken to. Parts of the address stand URL-encoded.

use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use maud::{DOCTYPE, html};
use reqwest::Url;

use super::clamp::{block, line};
use super::{Again, Notice, Notifier, SendError};
use crate::secret::{Redactor, Secret};

/// After how long a server is no longer waited for.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A subject longer than a screen is wide is cut by readers anyhow.
const SUBJECT: usize = 120;
const VALUE: usize = 1_000;
const LARGEST: usize = 60_000;

/// Why mail cannot be sent as it is asked for. Without the address, which may hold a password.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// It does not parse.
    #[error(
        "read the address of its mail server: expected smtps://USER:PASSWORD@HOST or smtp://HOST:587?tls=required"
    )]
    NoServer,
    /// It would carry secrets in the clear.
    #[error(
        "use its mail server without TLS: expected smtps:// or ?tls=required (smtp:// alone only on this machine)"
    )]
    Clear,
    /// No mailbox.
    #[error("read `{text}` as an e-mail address")]
    NoMailbox {
        /// What was written.
        text: String,
    },
    /// Nobody is named.
    #[error("find anybody to write to: `to` is empty")]
    Nobody,
}

/// People, by mail.
pub struct Mail {
    server: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Vec<Mailbox>,
    redactor: Redactor,
}

impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mail").field("from", &self.from).field("to", &self.to).finish_non_exhaustive()
    }
}

impl Mail {
    /// `smtp`: the server, with its password.
    ///
    /// # Errors
    /// Something of it is no address, or would be sent in the clear.
    pub fn new(smtp: &Secret, from: &str, to: &[String]) -> Result<Self, MailError> {
        let url = Url::parse(smtp.expose()).map_err(|_| MailError::NoServer)?;
        let host = url.host_str().unwrap_or_default();
        let local = host == "localhost" || host == "[::1]" || host.starts_with("127.");
        let tls = url.scheme() == "smtps"
            || url.query_pairs().any(|(key, value)| key == "tls" && value == "required");
        match url.scheme() {
            "smtp" | "smtps" if tls || local => {}
            "smtp" => return Err(MailError::Clear),
            _ => return Err(MailError::NoServer),
        }
        // Where somebody has installed one already it is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let server =
            AsyncSmtpTransport::<Tokio1Executor>::from_url(smtp.expose()).map_err(|_| MailError::NoServer)?;
        let mailbox = |text: &str| text.parse().map_err(|_| MailError::NoMailbox { text: line(text, 200) });
        if to.is_empty() {
            return Err(MailError::Nobody);
        }
        let password = url
            .password()
            .map(|password| percent_encoding::percent_decode_str(password).decode_utf8_lossy().into_owned());
        let secrets = [Some(smtp.clone()), password.map(Secret::new)].into_iter().flatten().collect();
        Ok(Self {
            server: server.timeout(Some(TIMEOUT)).build(),
            from: mailbox(from)?,
            to: to.iter().map(|to| mailbox(to)).collect::<Result<_, _>>()?,
            redactor: Redactor::new(secrets),
        })
    }

    fn message(&self, notice: &Notice) -> Result<Message, lettre::error::Error> {
        let mut builder = Message::builder()
            .from(self.from.clone())
            .subject(subject(notice))
            .date(SystemTime::from(notice.at))
            .message_id(Some(id(notice, notice.change.as_str())))
            // Joined with what was written of the same incident, and not answered by machines on holiday.
            .header(References(thread(notice)))
            .header(AutoSubmitted("auto-generated".to_owned()));
        for to in &self.to {
            builder = builder.to(to.clone());
        }
        builder.multipart(MultiPart::alternative_plain_html(text(notice), page(notice)))
    }
}

#[async_trait]
impl Notifier for Mail {
    fn kind(&self) -> &'static str {
        "mail"
    }

    async fn send(&self, notice: &Notice) -> Result<(), SendError> {
        let failed =
            |problem: String, again| SendError { problem: self.redactor.redact(&line(&problem, 300)), again };
        let message =
            self.message(notice).map_err(|error| failed(format!("make a mail of it: {error}"), Again::No))?;
        match self.server.send(message).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_permanent() => Err(failed(format!("be taken: {error}"), Again::No)),
            Err(error) => Err(failed(format!("be taken: {error}"), Again::Yes)),
        }
    }
}

macro_rules! text_header {
    ($name:ident, $spelled:literal) => {
        #[derive(Clone)]
        struct $name(String);

        impl lettre::message::header::Header for $name {
            fn name() -> HeaderName {
                HeaderName::new_from_ascii_str($spelled)
            }

            fn parse(text: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
                Ok(Self(text.to_owned()))
            }

            fn display(&self) -> HeaderValue {
                HeaderValue::new(Self::name(), self.0.clone())
            }
        }
    };
}

text_header!(References, "References");
text_header!(AutoSubmitted, "Auto-Submitted");

/// The first message of an incident, whether or not there was one: readers join what refers to the same.
fn thread(notice: &Notice) -> String {
    id(notice, "incident")
}

fn id(notice: &Notice, what: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' };
    let fingerprint: String = notice.subject.fingerprint.chars().take(100).map(safe).collect();
    let at = if what == "incident" { String::new() } else { format!(".{}", notice.at.as_second()) };
    format!("<{fingerprint}.{what}{at}@paydrill.invalid>")
}

/// `[paydrill] Paid without access: upgrade-holds`
#[must_use]
pub fn subject(notice: &Notice) -> String {
    line(&format!("[paydrill] {}", notice.title()), SUBJECT)
}

/// For readers of text.
#[must_use]
pub fn text(notice: &Notice) -> String {
    let subject = &notice.subject;
    let mut out = format!("{}\n{}\n\n", line(&notice.title(), VALUE), notice.lead());
    for note in notice.note.iter().cloned().chain(notice.and_more()) {
        out.push_str(&format!("{}\n\n", line(&note, VALUE)));
    }
    if notice.asks() {
        out.push_str(&format!("Promised: {}\n\n", line(&subject.promise, VALUE)));
        for side in subject.sides.iter().take(20) {
            let name = if side.name.is_empty() { "the case" } else { &side.name };
            out.push_str(&format!(
                "{}\n  expected  {}\n  observed  {}\n",
                line(name, VALUE),
                line(&side.expected, VALUE),
                line(&side.observed, VALUE)
            ));
        }
        out.push_str(&format!("{}\n\n", line(&subject.headline, VALUE)));
        out.push_str(&format!("Next: {}. {}\n", subject.route, line(&subject.who_retries, VALUE)));
        for (at, (what, command)) in subject.actions.iter().take(10).enumerate() {
            out.push_str(&format!("{}. {}\n", at + 1, line(what, VALUE)));
            out.extend(command.iter().map(|command| format!("   $ {}\n", line(command, 2 * VALUE))));
        }
        out.push('\n');
    }
    for (name, value) in facts(notice) {
        out.push_str(&format!("{name:<12} {}\n", line(&value, VALUE)));
    }
    block(&out, LARGEST) + "\n"
}

/// Who and what, in the order in which an owner asks.
fn facts(notice: &Notice) -> Vec<(&'static str, String)> {
    let subject = &notice.subject;
    let event = subject.event.as_ref().map(|event| format!("{} {}", event.kind, event.id));
    let all = [
        ("severity", Some(subject.severity.to_string())),
        ("environment", Some(format!("{} of {}", subject.environment, subject.project))),
        ("customer", Some(subject.customer.clone())),
        ("event", event),
        ("deploy", subject.deploy_sha.clone()),
        ("owner", subject.owner.clone()),
        ("runbook", subject.runbook.clone()),
        ("evidence", subject.evidence.clone()),
        ("fingerprint", Some(subject.fingerprint.clone())),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// For readers of HTML. Readers of mail know neither style sheets nor variables: attributes it is.
#[must_use]
pub fn page(notice: &Notice) -> String {
    let subject = &notice.subject;
    let tone = if notice.asks() { "#b3261e" } else { "#1b6e45" };
    let soft = "color:#65615a;font-size:13px;padding:2px 14px 2px 0;vertical-align:top;text-align:left;font-weight:normal";
    let cell = "padding:2px 14px 2px 0;vertical-align:top;font-family:Menlo,Consolas,monospace;font-size:13px;word-break:break-word";
    let value = |text: &str| line(text, VALUE);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head { meta charset="utf-8"; meta name="color-scheme" content="light"; title { (self::subject(notice)) } }
            body style="margin:0;padding:16px;background:#fbfaf7;color:#201f1d;font:15px/1.5 system-ui,Arial,sans-serif" {
                div style={ "max-width:640px;margin:0 auto;background:#fff;border:1px solid #e4e0d8;border-top:4px solid " (tone) ";border-radius:8px;padding:20px 22px" } {
                    p style="margin:0;color:#65615a;font-size:13px" { (value(&notice.title())) }
                    h1 style="margin:6px 0 10px;font-size:21px;line-height:1.25" { (notice.lead()) }
                    @for note in notice.note.iter().cloned().chain(notice.and_more()) { p style="margin:0 0 10px" { (value(&note)) } }
                    @if notice.asks() {
                        p style="margin:0 0 12px" { "Promised: " (value(&subject.promise)) }
                        table style="border-collapse:collapse;margin:0 0 6px" {
                            tr { th style=(soft) {} th style=(soft) { "expected" } th style=(soft) { "observed" } }
                            @for side in subject.sides.iter().take(20) {
                                tr {
                                    td style=(cell) { (value(if side.name.is_empty() { "the case" } else { &side.name })) }
                                    td style={ (cell) ";color:#1b6e45" } { (value(&side.expected)) }
                                    td style={ (cell) ";color:#b3261e" } { (value(&side.observed)) }
                                }
                            }
                        }
                        p style="margin:0 0 16px;color:#65615a" { (value(&subject.headline)) }
                        p style="margin:0 0 6px" { b { "Next: " (subject.route) ". " } (value(&subject.who_retries)) }
                        ol style="margin:0 0 16px;padding-left:22px" {
                            @for (what, command) in subject.actions.iter().take(10) {
                                li style="margin:0 0 8px" {
                                    (value(what))
                                    @if let Some(command) = command {
                                        pre style="margin:6px 0 0;padding:8px 10px;background:#f3f1ec;border-radius:6px;white-space:pre-wrap;word-break:break-word;font-size:13px" { (line(command, 2 * VALUE)) }
                                    }
                                }
                            }
                        }
                    }
                    table style="border-collapse:collapse;border-top:1px solid #e4e0d8;width:100%" {
                        @for (name, text) in facts(notice) { tr { th style=(soft) { (name) } td style=(cell) { (value(&text)) } } }
                    }
                }
            }
        }
    };
    page.into_string()
}

#[cfg(test)]
mod tests;
