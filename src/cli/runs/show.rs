//! `paydrill runs show`.

use clap::Args;
use serde_json::{Value, json};

use super::one;
use crate::cli::output::{Exit, Output};
use crate::incident::text::{cut, one_line};
use crate::ledger::chain::flaws;
use crate::ledger::kind::{self, Closed, Intended, Opened};
use crate::ledger::{Chain, Entry, Ledger, LedgerError};

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// The id of the event that opened it, as `runs list` names it.
    event: String,
    /// Of this environment.
    #[arg(long, short, value_name = "NAME")]
    environment: Option<String>,
    /// Print one JSON object, with all entries.
    #[arg(long)]
    json: bool,
}

/// The most of one entry that is shown, in characters.
const LONGEST: usize = 300;

pub(super) async fn main(args: &ShowArgs, ledger: &dyn Ledger, output: &Output) -> Result<Exit, LedgerError> {
    let Some(head) = one(&args.event, args.environment.as_deref(), ledger, output).await? else {
        return Ok(Exit::NothingSelected);
    };
    let Some(chain) = ledger.chain(&head.key).await? else { return Ok(Exit::NothingSelected) };
    let flaws: Vec<String> =
        flaws(&head.key, &chain.entries, chain.head.tip).iter().map(ToString::to_string).collect();
    if args.json {
        output.data(format!("{}\n", spelled(&chain, &flaws)));
    } else {
        output.data(told(&chain, &flaws));
    }
    Ok(Exit::Passed)
}

fn spelled(chain: &Chain, flaws: &[String]) -> Value {
    let key = &chain.head.key;
    let entries: Vec<Value> = chain
        .entries
        .iter()
        .map(|stored| serde_json::from_str(&stored.bytes).unwrap_or_else(|_| stored.bytes.as_str().into()))
        .collect();
    json!({
        "v": 1,
        "run": key.run,
        "project": key.project,
        "environment": key.environment,
        "state": chain.head.summary.state(),
        "summary": chain.head.summary,
        "flaws": flaws,
        "entries": entries,
    })
}

fn told(chain: &Chain, flaws: &[String]) -> String {
    let summary = &chain.head.summary;
    let mut out = format!("{}: {}, {}\n", chain.head.key, one_line(&summary.case), summary.state().word());
    for flaw in flaws {
        out.push_str(&format!("NOT WHOLE: {flaw}\n"));
    }
    let mut zero = None;
    for stored in &chain.entries {
        match Entry::read(&stored.bytes) {
            Ok(entry) => {
                if entry.kind == kind::OPENED {
                    zero = Some(entry.at);
                }
                let since = zero.map_or(0, |zero| entry.at.duration_since(zero).as_millis());
                out.push_str(&format!("{since:>8} ms  {}\n", line(&entry)));
                if entry.kind == kind::CLOSED {
                    out.push_str(&ending(&entry));
                }
            }
            Err(error) => out.push_str(&format!("             entry {}: failed to {error}\n", stored.seq)),
        }
    }
    out
}

/// One entry in one line.
fn line(entry: &Entry) -> String {
    let said = match entry.kind.as_str() {
        kind::OPENED => opened(entry),
        kind::INTENDED => {
            let Intended { act, name, call, event, event_type, .. } = entry.says();
            let parts = [name, event_type, event, call];
            let parts: Vec<String> = parts.into_iter().flatten().collect();
            format!("about to: {act} {}", parts.join(" "))
        }
        _ => happened(entry),
    };
    one_line(&cut(&said, LONGEST))
}

fn opened(entry: &Entry) -> String {
    let Opened { number, deploy_sha, seed, by, because, .. } = entry.says();
    let sha = deploy_sha.unwrap_or_else(|| "not known".to_owned());
    let because = because.map_or_else(String::new, |why| format!(", because {why}"));
    let attempt = entry.attempt.as_deref().unwrap_or("-");
    let (machine, version) = (&by.machine, &by.version);
    format!(
        "attempt {attempt} (try {number}) on {machine}, paydrill {version}, seed {seed}, deploy {sha}{because}"
    )
}

fn happened(entry: &Entry) -> String {
    let body = Value::Object(entry.body.clone());
    let text = |pointer: &str| text(&body, pointer);
    let first = |pointers: &[&str]| {
        pointers.iter().map(|pointer| text(pointer)).find(|text| text != "-").unwrap_or_default()
    };
    match entry.kind.as_str() {
        kind::STEP => format!("step: {}", text("/name")),
        kind::ACTED => {
            let events = entry.body.get("events").and_then(Value::as_array);
            let types: Vec<&str> =
                events.into_iter().flatten().filter_map(|event| event["type"].as_str()).collect();
            format!("Stripe: {} makes {}", text("/action"), types.join(", "))
        }
        kind::REQUESTED => {
            let ended = first(&["/request/status", "/request/exit_code", "/request/problem"]);
            format!("{}: {} {ended}", text("/request/name"), text("/request/call"))
        }
        kind::ATTEMPTED => format!(
            "#{} {} to {}, attempt {}: {} {}",
            text("/delivery/number"),
            text("/delivery/event/type"),
            text("/delivery/endpoint"),
            text("/attempt/number"),
            text("/attempt/outcome"),
            text("/attempt/status"),
        ),
        kind::CALLED => {
            let [method, path, status] = ["/call/method", "/call/path", "/call/status"].map(text);
            format!("the app asks Stripe: {method} {path} {status}")
        }
        kind::OBSERVED => format!("{}: {}", text("/probe"), first(&["/reading/fields", "/reading/problem"])),
        kind::CLOSED => format!("closed: {}", text("/verdict")),
        kind::INTERRUPTED => format!("interrupted: {}", text("/why")),
        kind::ACKNOWLEDGED | kind::NOTED | kind::RESOLVED | kind::CONTACTED => {
            format!("{} by {}: {}", entry.kind, text("/who"), text("/why"))
        }
        other => format!("{other}: {body}"),
    }
}

/// A value as people read it; `-` where there is none.
fn text(body: &Value, pointer: &str) -> String {
    match body.pointer(pointer) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => "-".to_owned(),
        Some(other) => other.to_string(),
    }
}

/// What an attempt came to, where it did not pass.
fn ending(entry: &Entry) -> String {
    let closed: Closed = entry.says();
    let mut out = String::new();
    let mut add = |text: &str| out.push_str(&format!("             {}\n", one_line(&cut(text, LONGEST))));
    if let Some(reason) = &closed.reason {
        add(reason);
    }
    for judged in closed.judged.iter().filter(|judged| judged["verdict"] != "passed") {
        let text = |key: &str| judged[key].as_str().unwrap_or_default().to_owned();
        add(&format!(
            "{}.{}: expected {}, observed {} ({})",
            text("probe"),
            text("field"),
            text("expected"),
            text("observed"),
            text("headline")
        ));
    }
    if let Some(incident) = &closed.incident {
        let fingerprint = incident["fingerprint"].as_str().unwrap_or_default();
        add(&format!("incident {fingerprint}: {}", incident["kind"].as_str().unwrap_or_default()));
        for action in incident["guidance"]["actions"].as_array().into_iter().flatten() {
            let what = action["what"].as_str().unwrap_or_default();
            let command = action["command"].as_str().map_or(String::new(), |command| format!(": {command}"));
            add(&format!("next: {what}{command}"));
        }
    }
    for cut in &closed.cut {
        add(&format!("left out for its size: {cut}"));
    }
    out
}
