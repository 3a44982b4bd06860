//! The draft as a file.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::guess::{DAY, Step, Story, price};
use super::read::Event;
use super::redact::Redaction;
use crate::project::model::{ProbeKind, Project};
use crate::scenario::format::format;
use crate::stripe::action::ActionKind;

/// The scenario. Copies of events that are sent as they are go to `copies`.
pub(super) fn scenario(
    story: &Story<'_>,
    name: &str,
    project: &Project,
    redaction: &mut Redaction,
    copies: &mut Vec<(String, String)>,
    notes: &mut Vec<String>,
) -> String {
    let mut text = String::from(
        "# Drafted from captured events. Say what was promised, and what must be true after each step.\n",
    );
    looked_at(&mut text, project);
    text.push_str("promise = \"Whoever this happens to has what they paid for.\"\n");
    given(&mut text, story);
    for (index, step) in story.steps.iter().enumerate() {
        let mut writer = Writer {
            text: &mut text,
            name,
            project,
            redaction: &mut *redaction,
            copies: &mut *copies,
            notes: &mut *notes,
        };
        writer.step(story, index, step);
    }
    format(&text).unwrap_or(text)
}

fn given(text: &mut String, story: &Story<'_>) {
    let several = story.customers.len() > 1;
    for (index, customer) in story.customers.iter().enumerate() {
        if !several && customer.subscribed.is_none() {
            return;
        }
        text.push_str("\n[[given.customer]]\n");
        if index > 0 {
            line(text, format_args!("name = \"customer {}\"", index + 1));
        }
        if let Some(keys) = &customer.subscribed {
            line(text, format_args!("subscription = [{}]", inline(keys)));
        }
    }
}

struct Writer<'w> {
    text: &'w mut String,
    name: &'w str,
    project: &'w Project,
    redaction: &'w mut Redaction,
    copies: &'w mut Vec<(String, String)>,
    notes: &'w mut Vec<String>,
}

impl Writer<'_> {
    fn step(&mut self, story: &Story<'_>, index: usize, step: &Step<'_>) {
        self.text.push_str("\n[[step]]\n");
        line(self.text, format_args!("name = {}", quoted(&title(index, step))));
        if step.customer > 0 {
            line(self.text, format_args!("customer = \"customer {}\"", step.customer + 1));
        }
        match &step.action {
            Some((kind, keys)) => {
                line(self.text, format_args!("stripe.{kind} = {}", inline(keys)));
                self.order(*kind, step);
            }
            None => self.as_they_are(story, step),
        }
    }

    /// Sends the burst in the captured order, where that is not Stripe's usual one.
    fn order(&mut self, kind: ActionKind, step: &Step<'_>) {
        let burst = kind.burst();
        let (made, other): (Vec<&&Event>, Vec<&&Event>) =
            step.events.iter().partition(|event| burst.contains(&event.kind.as_str()));
        for event in other {
            self.notes
                .push(format!("`{}` is not of the burst of `stripe.{kind}`, and was left out", event.kind));
        }
        let mut rest = burst.iter();
        if made.iter().all(|event| rest.any(|kind| *kind == event.kind)) {
            return;
        }
        let mut entries: Vec<String> = Vec::new();
        for (at, event) in made.iter().enumerate() {
            let before = made.iter().take(at).filter(|other| other.kind == event.kind).count();
            let of_kind = burst.iter().filter(|kind| **kind == event.kind).count();
            if before >= of_kind {
                continue;
            }
            let nth = if of_kind > 1 { format!(", nth = {}", before + 1) } else { String::new() };
            entries.push(format!("{{ event = {}{nth} }}", quoted(&event.kind)));
        }
        entries.push("{ event = \"*\" }".to_owned());
        line(self.text, format_args!("send = [{}]", entries.join(", ")));
    }

    /// Sends redacted copies, about the customer of the case.
    fn as_they_are(&mut self, story: &Story<'_>, step: &Step<'_>) {
        let subscribed = story.customers.get(step.customer).is_some_and(|customer| customer.has_subscription);
        let mut entries = Vec::new();
        for event in &step.events {
            let path = format!("captured/{}-{}.json", self.name, self.copies.len() + 1);
            let redacted = self.redaction.event(&event.whole);
            let mut set = ours(&redacted["data"]["object"], subscribed);
            set.extend(prices(event.object(), self.project));
            let set = if set.is_empty() { String::new() } else { format!(", set = {}", inline(&set)) };
            entries.push(format!("{{ file = {}{set} }}", quoted(&path)));
            let text = serde_json::to_string_pretty(&redacted).unwrap_or_default();
            self.copies.push((path, format!("{text}\n")));
            self.notes.push(format!("no action makes `{}` alone: a redacted copy is sent", event.kind));
        }
        line(self.text, format_args!("send = [{}]", entries.join(", ")));
    }
}

/// The fields of a copy that must be those of the case's customer.
fn ours(object: &Value, subscribed: bool) -> Map<String, Value> {
    let mut set = Map::new();
    let mut put = |path: &str, template: &str| set.insert(path.to_owned(), json!(template));
    let kind = object["object"].as_str().unwrap_or_default();
    match kind {
        "customer" => put("id", "{{ customer.id }}"),
        _ if object["customer"].is_string() => put("customer", "{{ customer.id }}"),
        _ => None,
    };
    for key in ["email", "customer_email", "receipt_email"] {
        if object[key].is_string() {
            put(key, "{{ customer.email }}");
        }
    }
    if subscribed {
        if kind == "subscription" {
            put("id", "{{ subscription.id }}");
        } else if object["subscription"].is_string() {
            put("subscription", "{{ subscription.id }}");
        }
    }
    set
}

/// What a step is about, as a word for a file's name.
pub(super) fn word(step: &Step<'_>) -> String {
    let what = match &step.action {
        Some((kind, _)) => kind.as_str(),
        None => step.events.first().map_or("event", |event| event.kind.as_str()),
    };
    let plain = |c: char| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' };
    format!("captured-{}", what.chars().take(60).map(plain).collect::<String>())
}

/// The prices of the case's catalogue that stand for those of a copy's items.
fn prices(object: &Value, project: &Project) -> Map<String, Value> {
    let items = object["items"]["data"].as_array().map(Vec::as_slice).unwrap_or_default();
    let of_item = |(index, item): (usize, &Value)| {
        item["price"]["id"].as_str()?;
        let key = price(project, &item["price"], true)?;
        Some((format!("items.data[{index}].price.id"), json!(format!("{{{{ price.{key}.id }}}}"))))
    };
    items.iter().enumerate().filter_map(of_item).collect()
}

fn title(index: usize, step: &Step<'_>) -> String {
    let what = match &step.action {
        Some((kind, _)) => kind.as_str().replace('_', " "),
        None => step.events.first().map_or_else(String::new, |event| event.kind.clone()),
    };
    let later = match step.after {
        after if index > 0 && after >= DAY => match after / DAY {
            1 => ", a day later".to_owned(),
            days => format!(", {days} days later"),
        },
        _ => String::new(),
    };
    format!("{}: {what}{later}", index + 1)
}

/// What the project can look at, for the author to fill in.
fn looked_at(text: &mut String, project: &Project) {
    text.push_str("#\n");
    for (name, probe) in &project.probes {
        if let ProbeKind::Call { read, .. } = &probe.kind
            && !read.is_empty()
        {
            let fields: Vec<String> = read.keys().map(|field| format!("{field} = …")).collect();
            line(text, format_args!("# then.{name} = {{ {} }}", fields.join(", ")));
        }
    }
}

fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = text.write_fmt(arguments);
    text.push('\n');
}

/// A table on one line.
fn inline(keys: &Map<String, Value>) -> String {
    let pairs: Vec<String> =
        keys.iter().map(|(key, value)| format!("{} = {}", bare(key), spelled(value))).collect();
    if pairs.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", pairs.join(", ")) }
}

fn bare(key: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !key.is_empty() && key.chars().all(plain) { key.to_owned() } else { quoted(key) }
}

fn spelled(value: &Value) -> String {
    match value {
        Value::Object(keys) => inline(keys),
        Value::Array(items) => format!("[{}]", items.iter().map(spelled).collect::<Vec<_>>().join(", ")),
        Value::String(text) => quoted(text),
        other => other.to_string(),
    }
}

/// As TOML writes a text; JSON's escapes are all among TOML's.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}
