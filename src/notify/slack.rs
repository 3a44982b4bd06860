//! Slack: Block Kit blocks by an incoming webhook (<https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>).
//!
//! Clamped to what Slack takes (<https://docs.slack.dev/reference/block-kit/blocks>): 50 blocks, 150 characters in a
//! header, 3,000 in a text, 2,000 in a field; `&`, `<` and `>` are escaped, so that no value is a link or calls a
//! channel (<https://docs.slack.dev/messaging/formatting-message-text>).

use async_trait::async_trait;
use serde_json::{Value, json};

use super::clamp::{line, whole};
use super::hook::Hook;
use super::{Change, Notice, Notifier, SendError};
use crate::incident::Severity;
use crate::incident::text::one_line;

const BLOCKS: usize = 50;
const HEADER: usize = 150;
const TEXT: usize = 3_000;
const FIELD: usize = 2_000;
/// A value is never longer: five of them are to be seen beside each other.
const VALUE: usize = 300;

/// A channel, by its hook.
#[derive(Debug)]
pub struct Slack {
    hook: Hook,
}

impl Slack {
    /// `hook`: where Slack takes messages for the channel.
    #[must_use]
    pub fn new(hook: Hook) -> Self {
        Self { hook }
    }
}

#[async_trait]
impl Notifier for Slack {
    fn kind(&self) -> &'static str {
        "slack"
    }

    async fn send(&self, notice: &Notice) -> Result<(), SendError> {
        self.hook.post(&payload(notice), &[]).await
    }
}

/// What Slack is sent.
#[must_use]
pub fn payload(notice: &Notice) -> Value {
    let title = format!("{}{}", mark(notice), notice.title());
    let mut blocks = vec![json!({
        "type": "header",
        "text": { "type": "plain_text", "text": line(&title, HEADER), "emoji": true },
    })];
    blocks.push(section(&lead(notice)));
    if notice.asks() {
        blocks.extend(sides(notice).map(|text| section(&text)));
        blocks.push(json!({ "type": "section", "fields": fields(notice) }));
        blocks.push(section(&next(notice)));
    }
    blocks.push(json!({ "type": "context", "elements": [{ "type": "mrkdwn", "text": context(notice) }] }));
    blocks.truncate(BLOCKS);
    json!({ "text": escaped(&line(&title, VALUE)), "blocks": blocks })
}

fn mark(notice: &Notice) -> &'static str {
    match (notice.asks(), notice.change, notice.subject.severity) {
        (false, Change::Resolved, _) => ":white_check_mark: ",
        (false, ..) => ":wave: ",
        (true, Change::Acknowledged, _) => ":eyes: ",
        (true, _, Severity::Critical | Severity::High) => ":red_circle: ",
        (true, _, Severity::Medium | Severity::Low) => ":large_yellow_circle: ",
    }
}

fn section(text: &str) -> Value {
    json!({ "type": "section", "text": { "type": "mrkdwn", "text": text } })
}

fn lead(notice: &Notice) -> String {
    let mut pieces = vec![format!("*{}*\n", notice.lead())];
    if notice.asks() {
        pieces.push(format!("Promised: {}", value(&notice.subject.promise, 1_000)));
    }
    pieces.extend(notice.note.iter().map(|note| format!("\n{}", value(note, 1_000))));
    pieces.extend(notice.and_more().map(|more| format!("\n{more}")));
    whole(pieces, TEXT)
}

/// As a block of code, where columns stand below each other.
fn sides(notice: &Notice) -> Option<String> {
    let sides = &notice.subject.sides;
    let Some(_) = sides.first() else {
        return Some(value(&notice.subject.headline, VALUE));
    };
    let each = sides.iter().map(|side| {
        let value = |text: &str| value(text, VALUE).replace('`', "'");
        let name = if side.name.is_empty() { "the case" } else { &side.name };
        format!(
            "{}\n  expected  {}\n  observed  {}\n",
            value(name),
            value(&side.expected),
            value(&side.observed)
        )
    });
    Some(format!("```\n{}```", whole(each, TEXT - "```\n```".len())))
}

fn fields(notice: &Notice) -> Vec<Value> {
    let subject = &notice.subject;
    let event = subject.event.as_ref().map(|event| format!("{} {}", event.kind, event.id));
    let all = [
        ("Severity", Some(subject.severity.to_string())),
        ("Environment", Some(format!("{} of {}", subject.environment, subject.project))),
        ("Customer", Some(subject.customer.clone())),
        ("Event", event),
        ("Owner", subject.owner.clone()),
        ("Deploy", subject.deploy_sha.clone()),
    ];
    let field = |(name, text): (&str, String)| {
        let text = format!("*{name}*\n{}", value(&text, VALUE));
        json!({ "type": "mrkdwn", "text": whole([text], FIELD) })
    };
    all.into_iter().filter_map(|(name, text)| Some((name, text?))).map(field).collect()
}

fn next(notice: &Notice) -> String {
    let subject = &notice.subject;
    let start = format!("*Next: {}.* {}\n", escaped(&subject.route), value(&subject.who_retries, 500));
    let actions = subject.actions.iter().enumerate().map(|(at, (what, command))| {
        let command = command.as_ref().map_or_else(String::new, |command| {
            format!("\n```{}```", escaped(&one_line(command).replace('`', "'")))
        });
        format!("{}. {}{command}\n", at + 1, value(what, 500))
    });
    whole([start].into_iter().chain(actions), TEXT)
}

fn context(notice: &Notice) -> String {
    let subject = &notice.subject;
    let runbook = subject.runbook.as_ref().map(|runbook| {
        // A link has its own marks, which a value must not have.
        let plain = runbook.starts_with("https://")
            && runbook.chars().all(|c| c.is_ascii_graphic() && !"|<>&".contains(c));
        if plain && runbook.len() < VALUE {
            format!("<{runbook}|Runbook>")
        } else {
            format!("Runbook: {}", value(runbook, VALUE))
        }
    });
    let mut parts: Vec<String> = runbook.into_iter().collect();
    parts.extend(subject.evidence.iter().map(|evidence| value(evidence, VALUE)));
    parts.push(format!("Paydrill, incident {}", value(&subject.fingerprint, VALUE)));
    whole([parts.join("  ·  ")], TEXT)
}

/// One line of somebody's text, escaped.
fn value(text: &str, most: usize) -> String {
    escaped(&line(text, most).replace("```", "'''"))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::sample;

    #[test]
    fn opened() {
        insta::assert_json_snapshot!(payload(&sample::notice(Change::Opened)));
    }

    #[test]
    fn resolved() {
        insta::assert_json_snapshot!(payload(&sample::notice(Change::Resolved)));
    }

    #[test]
    fn a_test() {
        insta::assert_json_snapshot!(payload(&sample::test(Change::Opened)));
    }

    /// Whatever is in it: Slack refuses a message that breaks one of its limits as a whole.
    #[test]
    fn hostile_and_huge_values_keep_to_the_limits() {
        for change in [Change::Opened, Change::Updated, Change::Acknowledged, Change::Resolved] {
            let payload = payload(&sample::hostile(change));
            let blocks = payload["blocks"].as_array().unwrap();
            assert!(blocks.len() <= BLOCKS);
            for block in blocks {
                let most = if block["type"] == "header" { HEADER } else { TEXT };
                let texts =
                    [&block["text"]].into_iter().chain(block["elements"].as_array().into_iter().flatten());
                for text in texts.filter_map(|text| text["text"].as_str()) {
                    assert!(!text.is_empty() && text.chars().count() <= most, "{}", text.chars().count());
                    // A header is plain text, in which nothing is markup.
                    let markup =
                        block["type"] != "header" && text.contains('<') && !text.contains("<https://");
                    assert!(!markup, "{text}");
                    assert!(block["type"] == "header" || text.matches("```").count() % 2 == 0, "{text}");
                }
                for field in block["fields"].as_array().into_iter().flatten() {
                    assert!(field["text"].as_str().unwrap().chars().count() <= FIELD);
                }
            }
        }
    }
}
