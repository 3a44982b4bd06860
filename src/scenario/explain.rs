//! `paydrill explain FILE`: the story step by step, as it will be run.
//!
//! ```text
//! 2. upgrade
//!    stripe    change_price { price = "team_monthly" }: the first item moves to another price, prorated, or billed at once
//!    makes     invoiceitem.created (nth = 1), invoiceitem.created (nth = 2), customer.subscription.updated
//!    sent      the burst, in Stripe's order
//!    judged    access.plan = "team", within 10 s
//! ```

mod fault;

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::duration::spell;
use super::model::{
    BodyStyle, Change, Expected, From, Given, GivenCustomer, Order, Pace, Pick, Scenario, Send, SendEntry,
    SentAs, SignatureMode, Step, Story, StripeStep, Told,
};
use crate::project::model::Project;
use crate::stripe::action::ActionKind;
use crate::time::human;

/// The story of a scenario, step by step: the burst of each with its `nth`, what is sent, held back and lost, what is
/// judged and for how long.
#[must_use]
pub fn explain(scenario: &Scenario, project: &Project) -> String {
    let mut text = String::new();
    line(&mut text, format_args!("{}: {}", scenario.head.name, scenario.head.promise));
    if let Some(source) = &scenario.head.source {
        line(&mut text, format_args!("reported: {source}"));
    }
    line(&mut text, format_args!("{}", cases(scenario)));
    if let Some(story) = scenario.cases.first() {
        text.push('\n');
        given(&mut text, &story.given, story, project);
        for index in 0..story.steps.len() {
            text.push('\n');
            step(&mut text, index, story, project);
        }
    }
    drill(&mut text, scenario);
    text
}

/// The actions of `stripe.ACTION`: what each does, its keys, and the events that it makes, in order.
#[must_use]
pub fn explain_actions() -> String {
    let mut text = String::from("What can happen at Stripe in a step: stripe.ACTION = { … }\n");
    line(
        &mut text,
        format_args!("Every action but `set` also has the keys {}.", ActionKind::COMMON_KEYS.join(", ")),
    );
    for kind in ActionKind::ALL {
        line(&mut text, format_args!("\n{kind}\n   {}", kind.summary()));
        if !kind.own_keys().is_empty() {
            row(&mut text, "keys", &kind.own_keys().join(", "));
        }
        row(&mut text, "makes", &burst(kind, OneOff::No));
    }
    text
}

fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = text.write_fmt(arguments);
    text.push('\n');
}

/// One line of a step, under its word.
fn row(text: &mut String, word: &str, what: &str) {
    line(text, format_args!("   {word:<9} {what}"));
}

fn cases(scenario: &Scenario) -> String {
    let labels: Vec<&str> = scenario.cases.iter().map(|story| story.label.as_str()).collect();
    let often = match scenario.repeat {
        1 => String::new(),
        times => format!(", run {times} times at once"),
    };
    match labels.as_slice() {
        [] | [""] => format!("one case{often}"),
        [only] => format!("one case ({only}){often}"),
        [first, ..] => {
            let each = if often.is_empty() { String::new() } else { format!(", each{}", &often[1..]) };
            format!("{} cases ({}){each}; told here: {first}", labels.len(), labels.join(" | "))
        }
    }
}

fn given(text: &mut String, given: &Given, story: &Story, project: &Project) {
    let start = if given.at.is_zero() { String::new() } else { format!(", {} from now", spell(given.at)) };
    line(text, format_args!("given{start}"));
    let named = given.customers.len() > 1;
    let mut rows = Vec::new();
    for (index, customer) in given.customers.iter().enumerate() {
        let bystander = !story.steps.iter().any(|step| step.customer == index);
        let name = match &customer.name {
            Some(name) => name.clone(),
            None if named => format!("customer {}", index + 1),
            None => "the customer".to_owned(),
        };
        rows.push((name, state(customer, project, bystander)));
    }
    for (process, count) in &given.instances {
        rows.push((
            process.clone(),
            format!("{count} instances on the same data, of an app of this case's own"),
        ));
    }
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    for (name, state) in rows {
        line(text, format_args!("   {name:<width$}  {state}"));
    }
}

fn state(customer: &GivenCustomer, project: &Project, bystander: bool) -> String {
    let requests = customer.requests.as_ref().unwrap_or(&project.given);
    let names: Vec<&str> = requests.iter().map(|name| name.value.as_str()).collect();
    let mut parts = Vec::new();
    parts.push(if names.is_empty() { "the app does not know it".to_owned() } else { names.join(", then ") });
    for subscription in &customer.subscriptions {
        let told = match subscription.told {
            Told::Yes => "the app was told",
            Told::No => "the app was not told",
        };
        parts.push(format!("subscribed {} ({told})", inline(&subscription.keys)));
    }
    if customer.subscriptions.is_empty() {
        parts.push("nothing bought".to_owned());
    }
    if bystander {
        parts.push("a bystander: nothing of it may change".to_owned());
    }
    parts.join("; ")
}

fn step(text: &mut String, index: usize, story: &Story, project: &Project) {
    let step = &story.steps[index];
    line(text, format_args!("{}. {}", index + 1, step.name));
    if let Some(name) = story.given.customers.get(step.customer).and_then(|c| c.name.as_ref()) {
        row(text, "customer", name);
    }
    if step.restart.is_some() {
        row(
            text,
            "target",
            "the app is restarted on the same data, before anything else; it is this case's own",
        );
    }
    for item in &step.faults {
        row(text, "fault", &fault::fault(item));
    }
    if let Some(action) = &step.stripe {
        row(text, "stripe", &format!("{} {}: {}", action.kind, inline(&action.keys), action.kind.summary()));
        row(text, "makes", &burst(action.kind, is_one_off(action, project)));
    }
    for request in &step.requests {
        row(text, "request", &request.value);
    }
    for what in send(step, story) {
        row(text, "sent", &what);
    }
    for (word, what) in left_out(step, project) {
        row(text, word, &what);
    }
    if step.pace == Pace::Together {
        row(text, "together", "all of it starts at one moment");
    }
    judged(text, step, index + 1 == story.steps.len(), story, project);
}

/// Whether what is bought is paid for once: then there is no subscription and no invoice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OneOff {
    Yes,
    No,
}

fn is_one_off(action: &StripeStep, project: &Project) -> OneOff {
    let price = action.keys.get("price").and_then(Value::as_str).and_then(|key| project.prices.get(key));
    match price {
        Some(price) if price.every.is_none() => OneOff::Yes,
        _ => OneOff::No,
    }
}

/// The burst of an action.
fn events(kind: ActionKind, one_off: OneOff) -> Vec<&'static str> {
    let recurring =
        |event: &&str| event.starts_with("customer.subscription.") || event.starts_with("invoice");
    kind.burst().iter().copied().filter(|event| one_off == OneOff::No || !recurring(event)).collect()
}

/// The burst in Stripe's order; a number where the step makes several of a type, which `nth` then chooses.
fn burst(kind: ActionKind, one_off: OneOff) -> String {
    let events = events(kind, one_off);
    if events.is_empty() {
        return match kind {
            ActionKind::Advance => "whatever falls due on the way".to_owned(),
            _ => "no event".to_owned(),
        };
    }
    let numbered = events.iter().enumerate().map(|(index, event)| {
        let nth = events[..index].iter().filter(|other| *other == event).count() + 1;
        let several = events.iter().filter(|other| *other == event).count() > 1;
        if several { format!("{event} (nth = {nth})") } else { (*event).to_owned() }
    });
    numbered.collect::<Vec<_>>().join(", ")
}

fn send(step: &Step, story: &Story) -> Vec<String> {
    match &step.send {
        Send::Burst { order, .. } if step.stripe.is_some() || !step.requests.is_empty() => {
            vec![format!("the burst, {}{}", spell_order(*order), shape(story.shape))]
        }
        Send::Burst { .. } => vec!["nothing".to_owned()],
        Send::List { entries, .. } if entries.is_empty() => vec!["nothing".to_owned()],
        Send::List { entries, order } => {
            let mut lines: Vec<String> = entries.iter().map(|item| entry(item, story)).collect();
            if *order != Order::Natural {
                lines.push(spell_order(*order).to_owned());
            }
            lines
        }
    }
}

fn spell_order(order: Order) -> &'static str {
    match order {
        Order::Natural => "in Stripe's order",
        Order::Reversed => "in reversed order",
        Order::Shuffled => "in an order that the seed shuffles",
    }
}

fn entry(entry: &SendEntry, story: &Story) -> String {
    let what = match &entry.pick {
        Pick::Made { event, from, nth } => {
            let event = if event == "*" { "the rest" } else { event };
            let nth = nth.map(|nth| format!(" (nth = {nth})")).unwrap_or_default();
            let from = match from {
                From::This => String::new(),
                From::Step(index) => {
                    format!(" of \"{}\"", story.steps.get(*index).map_or("", |step| step.name.as_str()))
                }
                From::Given => " of the arrangement".to_owned(),
            };
            format!("{event}{nth}{from}")
        }
        Pick::Template(kind) => format!("{kind}, which nothing made"),
        Pick::File { path, .. } => format!("the event in {path}"),
    };
    let times = if entry.times == 1 { String::new() } else { format!(", {} times", entry.times) };
    format!("{what}{times}{}{}", change(&entry.change), shape(entry.change.shape.or(story.shape)))
}

/// In which shape it is sent, where a file says that.
fn shape(shape: Option<SentAs>) -> String {
    shape.map(|shape| format!(", {shape}")).unwrap_or_default()
}

/// What differs from how Stripe would send it.
fn change(change: &Change) -> String {
    let mut parts = Vec::new();
    parts.extend(change.set.iter().map(|(path, value)| format!("{path} = {value}")));
    parts.extend(change.null.iter().map(|path| format!("{path} null")));
    parts.extend(change.remove.iter().map(|path| format!("without {path}")));
    parts.extend(change.created.map(|shift| format!("created {}", spell(shift))));
    parts.extend(change.livemode.map(|livemode| format!("livemode {livemode}")));
    parts.extend(change.account.iter().map(|account| format!("account {account}")));
    parts.extend(match change.body {
        BodyStyle::Stripe => None,
        BodyStyle::Compact => Some("body compact".to_owned()),
        BodyStyle::Escaped => Some("body escaped".to_owned()),
    });
    parts.extend(signature(change.signature).map(str::to_owned));
    parts.extend(change.endpoint.iter().map(|endpoint| format!("to endpoint {endpoint}")));
    parts.extend(change.process.iter().map(|process| format!("to process {process}")));
    parts.extend(change.delay.map(|delay| format!("after {}", human(delay))));
    parts.extend(change.timeout.map(|timeout| format!("given up after {}", human(timeout))));
    parts.extend(change.retry.filter(|retry| !retry).map(|_| "one attempt only".to_owned()));
    if parts.is_empty() { String::new() } else { format!(", {}", parts.join(", ")) }
}

fn signature(mode: SignatureMode) -> Option<&'static str> {
    match mode {
        SignatureMode::Right => None,
        SignatureMode::Missing => Some("unsigned"),
        SignatureMode::EmptySecret => Some("signed with an empty secret"),
        SignatureMode::OtherSecret => Some("signed with another secret"),
        SignatureMode::Rolled => Some("signed with the old secret and a new one"),
        SignatureMode::Tampered => Some("changed after signing"),
        SignatureMode::Stale => Some("signed an hour ago"),
    }
}

/// What of the burst is lost, and what is held back for later steps.
fn left_out(step: &Step, project: &Project) -> Vec<(&'static str, String)> {
    match &step.send {
        Send::Burst { drop, .. } if drop.is_empty() => Vec::new(),
        Send::Burst { drop, .. } => vec![("lost", drop.join(", "))],
        Send::List { entries, .. } => {
            let held = held_back(step.stripe.as_ref(), entries, project);
            if held.is_empty() { Vec::new() } else { vec![("held back", held.join(", "))] }
        }
    }
}

fn held_back(action: Option<&StripeStep>, entries: &[SendEntry], project: &Project) -> Vec<&'static str> {
    let mut left = action.map(|action| events(action.kind, is_one_off(action, project))).unwrap_or_default();
    for entry in entries {
        let Pick::Made { event, from: From::This, nth } = &entry.pick else { continue };
        if event == "*" {
            return Vec::new();
        }
        // The first one of the type, or the nth among all that the burst has.
        let wanted = nth.map_or(0, |nth| usize::try_from(nth).unwrap_or(usize::MAX).saturating_sub(1));
        let at = left.iter().enumerate().filter(|(_, other)| *other == event).map(|(at, _)| at).nth(wanted);
        if let Some(at) = at {
            left[at] = "";
        }
    }
    left.retain(|event| !event.is_empty());
    left
}

fn judged(text: &mut String, step: &Step, last: bool, story: &Story, project: &Project) {
    let within = step.within.or(story.within).unwrap_or(project.within);
    let hold = step.hold.or(story.hold).unwrap_or(project.hold);
    let stays = |expected: &[Expected]| match step.hold.is_some() || expected.iter().any(counts) {
        true => format!(", and stays so for {}", human(hold)),
        false => String::new(),
    };
    for expected in &step.then {
        let also = stays(std::slice::from_ref(expected));
        row(text, "judged", &format!("{}, within {}{also}", spell_expected(expected), human(within)));
    }
    for (index, alternative) in step.either.iter().enumerate() {
        let all: Vec<String> = alternative.iter().map(spell_expected).collect();
        let word = if index == 0 { "either" } else { "or" };
        let also = stays(alternative);
        row(text, word, &format!("{}, within {}{also}", all.join(" and "), human(within)));
    }
    for probe in &step.unchanged {
        row(text, "judged", &format!("{} reads as before, for {}", probe.value, human(hold)));
    }
    let reconciles = step.reconcile.unwrap_or(last) && !project.reconcile.is_empty();
    if reconciles {
        let pairs: Vec<String> = project
            .reconcile
            .iter()
            .map(|pair| format!("{}.{} = {}", pair.probe, pair.field, pair.truth))
            .collect();
        row(text, "reconcile", &format!("{}, within {}", pairs.join(", "), human(within)));
    }
    if step.then.is_empty() && step.either.is_empty() && step.unchanged.is_empty() && !reconciles {
        row(text, "judged", accepted(step));
    }
}

/// Whether a number of things is expected: that must also stay.
fn counts(expected: &Expected) -> bool {
    expected.fields.iter().any(|(name, value)| {
        ["messages", "rows", "calls"].contains(&name.as_str()) || value.value.get("count").is_some()
    })
}

/// Every delivery must be accepted in the end, also where nothing else is said.
fn accepted(step: &Step) -> &'static str {
    match &step.send {
        // What is tried once may be refused.
        Send::List { entries, .. } if entries.iter().all(|entry| is_tried_once(&entry.change)) => "nothing",
        _ => "nothing but that every delivery is accepted in the end",
    }
}

fn is_tried_once(change: &Change) -> bool {
    change.retry == Some(false) || !change.signature.is_acceptable()
}

fn spell_expected(expected: &Expected) -> String {
    let fields: Vec<String> = expected
        .fields
        .iter()
        .map(|(name, value)| format!("{}.{name} {}", expected.probe, spell_value(&value.value)))
        .collect();
    fields.join(", ")
}

/// A literal, or matchers in the order of the file.
fn spell_value(value: &Value) -> String {
    match value {
        Value::Object(matchers) => {
            matchers.iter().map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>().join(" and ")
        }
        literal => format!("= {literal}"),
    }
}

/// A table as it is written in a file.
fn inline(keys: &Map<String, Value>) -> String {
    if keys.is_empty() {
        return "{}".to_owned();
    }
    let pairs: Vec<String> = keys
        .iter()
        .map(|(key, value)| match value {
            Value::Object(inner) => format!("{key} = {}", inline(inner)),
            other => format!("{key} = {other}"),
        })
        .collect();
    format!("{{ {} }}", pairs.join(", "))
}

/// Drills are checked and not run in this version; who has written none need not hear of them.
fn drill(text: &mut String, scenario: &Scenario) {
    let written = [("drill.prove", &scenario.drill.prove), ("drill.alarm", &scenario.drill.alarm)];
    for (name, place) in written.into_iter().filter_map(|(name, place)| Some((name, place.as_ref()?))) {
        line(text, format_args!("\n{name} ({place}) is checked; this version runs no drills"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::tests::{example_project, examples, parse};

    fn explained(text: &str) -> String {
        let (scenario, diagnostics) = parse(text);
        explain(&scenario.unwrap_or_else(|| panic!("{diagnostics:?}")), &example_project().0)
    }

    #[test]
    fn a_story_is_told_step_by_step() {
        insta::assert_snapshot!(explained(&examples()["order-stale-update-wins.toml"]));
    }

    #[test]
    fn every_action_is_listed_with_its_keys_and_events() {
        let text = explain_actions();
        for kind in ActionKind::ALL {
            assert!(text.contains(&format!("\n{kind}")), "{kind}");
            assert!(kind.own_keys().iter().all(|key| text.contains(key)), "{kind}");
        }
        assert!(text.contains("customer.subscription.updated (nth = 2)"), "{text}");
    }

    #[test]
    fn everything_that_is_said_is_told() {
        insta::assert_snapshot!(explained(
            r#"
promise = "All of it."
source = "https://github.com/acme/app/issues/7"
matrix = { signature = ["stale", "tampered"], order = ["shuffled"] }
repeat = 3
[given]
at = "-31d"
[[given.customer]]
name = "payer"
subscription = [{ name = "old", price = "pro_monthly", told = false }]
[[given.customer]]
request = []
[[step]]
name = "fails"
stripe.payment_fails = { subscription = "old" }
fault = [{ api = { call = "GET /v1/subscriptions/*", status = 500, times = 2 } }, { api = { call = "GET /v1/x", reset = true } }]
send = [{ event = "customer.subscription.updated", nth = 2, signature = "{{ matrix.signature }}", retry = false, delay = "10ms" }]
then.access = { active = false, seats = { gte = 1, lte = 3 } }
within = "5s"
hold = "1s"
[[step]]
then.access = { features = { count = 2 }, plan = "pro" }
[[step]]
name = "late"
stripe.advance = { by = "1d" }
drop = ["invoice.*"]
together = true
either = [{ access = { active = true } }, { delivery = { class = "5xx" } }]
unchanged = ["credits"]
[[step]]
send = [
  { event = "*", from = "fails", times = 2, null = ["customer"], remove = ["items"], set = { "a.b" = 1 } },
  { template = "customer.subscription.trial_will_end", created = "-1h", livemode = true, account = "acct_1", endpoint = "connect" },
  { file = "captured/evt.json", body = "compact", timeout = "1s" },
]
"#
        ));
    }
}
