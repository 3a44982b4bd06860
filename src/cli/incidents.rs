//! `paydrill incidents`.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::Global;
use super::ledger::{self, Access, At};
use super::output::{Exit, Output};
use super::runs::when;
use super::settings::Settings;
use crate::incident::text::{cut, one_line};
use crate::ledger::incident::{IncidentState, Life, Resolution, all};
use crate::ledger::kind::{self, ActOfPerson, Closed};
use crate::ledger::{Draft, Entry, Ledger, LedgerError, Patience, RunKey, Writer};

/// List and show incidents, and retain what is done about them.
#[derive(Debug, Args)]
pub(super) struct IncidentsArgs {
    #[command(flatten)]
    at: At,
    #[command(subcommand)]
    command: IncidentsCommand,
}

#[derive(Debug, Subcommand)]
enum IncidentsCommand {
    /// Those that are not resolved, the last seen first.
    List(ListArgs),
    /// Everything that is known of one, what to do next included.
    Show(ShowArgs),
    /// Say that you have taken it up.
    Ack(ActArgs),
    /// Say something that is to be remembered.
    Note(ActArgs),
    /// Say that it is over; a later pass of its case says so by itself.
    Resolve(ActArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Only this environment's.
    #[arg(long, short, value_name = "NAME")]
    environment: Option<String>,
    /// Resolved ones too.
    #[arg(long)]
    all: bool,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct ShowArgs {
    /// Its fingerprint, or the start of it.
    fingerprint: String,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct ActArgs {
    /// Its fingerprint, or the start of it.
    fingerprint: String,
    /// Why, or what is to be remembered.
    #[arg(long, short, value_name = "WHY")]
    message: String,
    /// Who; left out, the name of the user.
    #[arg(long, value_name = "NAME", env = "PAYDRILL_USER")]
    who: Option<String>,
}

/// The most of one line that is shown, in characters.
const LONGEST: usize = 300;

pub(super) fn main(args: &IncidentsArgs, global: &Global, settings: &Settings, output: &Output) -> Exit {
    let access = match &args.command {
        IncidentsCommand::List(_) | IncidentsCommand::Show(_) => Access::Read,
        _ => Access::Write,
    };
    ledger::with(&args.at, access, global, settings, output, async |ledger| {
        let incidents = all(&*ledger).await?;
        let (act, kind) = match &args.command {
            IncidentsCommand::List(args) => {
                list(args, &incidents, output);
                return Ok(Exit::Passed);
            }
            IncidentsCommand::Show(args) => return show(args, &incidents, &*ledger, output).await,
            IncidentsCommand::Ack(act) => (act, kind::ACKNOWLEDGED),
            IncidentsCommand::Note(act) => (act, kind::NOTED),
            IncidentsCommand::Resolve(act) => (act, kind::RESOLVED),
        };
        let Some(incident) = one(&act.fingerprint, &incidents, output) else {
            return Ok(Exit::NothingSelected);
        };
        let draft = draft(act, kind, incident, settings);
        let writer = Writer::start(ledger, Patience::default());
        let retained = writer.retained();
        writer.take(vec![draft]);
        if writer.finish().await > 0 {
            let problem = retained.borrow().problem.clone().unwrap_or_default();
            output.error(&format!("failed to {problem}"), None);
            return Ok(Exit::CouldNotJudge);
        }
        output.talk(format!("{kind}: {}\n", incident.fingerprint));
        Ok(Exit::Passed)
    })
}

fn draft(act: &ActArgs, kind: &'static str, incident: &IncidentState, settings: &Settings) -> Draft {
    let user = || settings.var("USER").or_else(|| settings.var("LOGNAME")).map(str::to_owned);
    let who = act.who.clone().or_else(user).unwrap_or_else(|| "somebody".to_owned());
    let said = ActOfPerson { fingerprint: incident.fingerprint.clone(), who, why: act.message.clone() };
    Draft {
        key: key(incident),
        at: settings.clock.now(),
        attempt: None,
        kind,
        body: json!(said).as_object().cloned().unwrap_or_default(),
    }
}

/// The run of its last damage.
fn key(incident: &IncidentState) -> RunKey {
    RunKey {
        project: incident.project.clone(),
        environment: incident.environment.clone(),
        run: incident.run.clone(),
    }
}

fn list(args: &ListArgs, incidents: &[IncidentState], output: &Output) {
    let wanted: Vec<&IncidentState> = incidents
        .iter()
        .filter(|incident| args.all || incident.life != Life::Resolved)
        .filter(|incident| args.environment.as_ref().is_none_or(|name| incident.environment == *name))
        .collect();
    if args.json {
        output.data(wanted.iter().map(|incident| format!("{}\n", spelled(incident))).collect::<String>());
    } else if wanted.is_empty() {
        output.talk("no incident is open\n");
    } else {
        output.data(wanted.iter().map(|incident| line(incident)).collect::<String>());
    }
}

fn spelled(incident: &IncidentState) -> Value {
    let mut said = json!(incident);
    if let Some(fields) = said.as_object_mut() {
        fields.insert("v".to_owned(), 1.into());
    }
    said
}

fn line(incident: &IncidentState) -> String {
    let IncidentState { damage, count, .. } = incident;
    let times = if *count > 1 { format!("  {count} times") } else { String::new() };
    let said = format!(
        "{}  {:<12}  {:<8}  {}  {} in {}: {}{times}",
        incident.fingerprint,
        word(incident.life),
        damage.severity,
        when(damage.last_at),
        incident.case,
        incident.environment,
        damage.headline,
    );
    one_line(&cut(&said, LONGEST)) + "\n"
}

fn word(life: Life) -> &'static str {
    match life {
        Life::Open => "open",
        Life::Acknowledged => "acknowledged",
        Life::Resolved => "resolved",
    }
}

/// The one whose fingerprint begins so; says where there is none, or more than one.
fn one<'a>(start: &str, incidents: &'a [IncidentState], output: &Output) -> Option<&'a IncidentState> {
    let mut found = incidents.iter().filter(|incident| incident.fingerprint.starts_with(start));
    match (found.next(), found.next()) {
        (Some(incident), None) => Some(incident),
        (None, _) => {
            let hint = "`paydrill incidents list --all` names them";
            output.error(&format!("the ledger has no incident `{start}`"), Some(hint));
            None
        }
        (Some(_), Some(_)) => {
            output.error(&format!("more than one incident begins with `{start}`"), None);
            None
        }
    }
}

async fn show(
    args: &ShowArgs,
    incidents: &[IncidentState],
    ledger: &dyn Ledger,
    output: &Output,
) -> Result<Exit, LedgerError> {
    let Some(incident) = one(&args.fingerprint, incidents, output) else { return Ok(Exit::NothingSelected) };
    let chain = ledger.chain(&key(incident)).await?;
    let entries = chain.iter().flat_map(|chain| &chain.entries).rev();
    // As it was exported when it was last seen.
    let told = entries.filter_map(|stored| Entry::read(&stored.bytes).ok()).find_map(|entry| {
        let incident_of = |closed: Closed| closed.incident;
        incident_of(entry.says()).filter(|told| told["fingerprint"] == incident.fingerprint.as_str())
    });
    if args.json {
        let mut said = spelled(incident);
        if let Some(fields) = said.as_object_mut() {
            fields.insert("told".to_owned(), told.unwrap_or_default());
        }
        output.data(format!("{said}\n"));
    } else {
        output.data(told_of(incident, told.as_ref()));
    }
    Ok(Exit::Passed)
}

fn told_of(incident: &IncidentState, told: Option<&Value>) -> String {
    let mut out = line(incident);
    let mut add = |name: &str, text: &str| {
        if !text.is_empty() {
            out.push_str(&format!("  {name:<12}{}\n", one_line(&cut(text, LONGEST))));
        }
    };
    add("opened", &when(incident.opened_at));
    add("kind", &incident.damage.kind);
    add("customer", &incident.damage.customer);
    add("run", &format!("{}: paydrill runs show {}", incident.run, incident.run));
    let empty = Value::Null;
    let told = told.unwrap_or(&empty);
    for (name, pointer) in [
        ("promise", "/promise"),
        ("owner", "/owner"),
        ("runbook", "/runbook"),
        ("deploy", "/deploy_sha"),
        ("retries", "/guidance/who_retries"),
        ("idempotency", "/guidance/idempotency"),
        ("route", "/guidance/route"),
    ] {
        add(name, told.pointer(pointer).and_then(Value::as_str).unwrap_or_default());
    }
    for action in told.pointer("/guidance/actions").and_then(Value::as_array).into_iter().flatten() {
        let text = |key: &str| action[key].as_str().unwrap_or_default();
        add("next", &format!("{} {}", text("what"), text("command")));
    }
    for act in &incident.acts {
        add(&act.kind, &format!("{} {}: {}", when(act.at), act.who, act.why));
    }
    match &incident.resolution {
        Some(Resolution::Proof { at }) => add("resolved", &format!("its case passed at {}", when(*at))),
        Some(Resolution::Person { at, who, why }) => add("resolved", &format!("{} {who}: {why}", when(*at))),
        None => {}
    }
    out
}
