//! `paydrill incidents`.

mod contact;
mod text;

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::Global;
use super::ledger::{self, Access, At};
use super::output::{Exit, Output};
use super::settings::Settings;
use crate::ledger::incident::{IncidentState, Life, all};
use crate::ledger::kind::{self, ActOfPerson, Closed};
use crate::ledger::{Draft, Entry, Ledger, LedgerError, Patience, Policy, RunKey, Writer};

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
    /// Draft the message to the customer, with the retained proof beside it. Nothing is sent.
    Contact(ContactArgs),
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

#[derive(Debug, Args)]
struct ContactArgs {
    /// Its fingerprint, or the start of it.
    fingerprint: String,
    /// A message of your own; may name `{{ promise }}`, `{{ customer.id }}`, `{{ incident.id }}`, `{{ event.type }}`,
    /// `{{ expected }}`, `{{ observed }}`, `{{ project }}` and `{{ environment }}`.
    #[arg(long, value_name = "FILE")]
    template: Option<PathBuf>,
    /// `message.txt` and `proof.json` are written to a folder of the incident's in it.
    #[arg(long, value_name = "FOLDER", default_value = "contact")]
    out: PathBuf,
    /// Who; left out, the name of the user.
    #[arg(long, value_name = "NAME", env = "PAYDRILL_USER")]
    who: Option<String>,
}

pub(super) fn main(args: &IncidentsArgs, global: &Global, settings: &Settings, output: &Output) -> Exit {
    let access = match &args.command {
        IncidentsCommand::List(_) | IncidentsCommand::Show(_) => Access::Read,
        _ => Access::Write,
    };
    ledger::with(&args.at, access, global, settings, output, async |ledger| {
        let incidents = all(&*ledger).await?;
        let (act, kind) = match &args.command {
            IncidentsCommand::List(args) => {
                list(args, &incidents, settings, output);
                return Ok(Exit::Passed);
            }
            IncidentsCommand::Show(args) => return show(args, &incidents, &*ledger, settings, output).await,
            IncidentsCommand::Contact(args) => {
                return contacted(args, &incidents, ledger, settings, output).await;
            }
            IncidentsCommand::Ack(act) => (act, kind::ACKNOWLEDGED),
            IncidentsCommand::Note(act) => (act, kind::NOTED),
            IncidentsCommand::Resolve(act) => (act, kind::RESOLVED),
        };
        let Some(incident) = one(&act.fingerprint, &incidents, output) else {
            return Ok(Exit::NothingSelected);
        };
        // What a person types may hold what belongs to another.
        let message = Policy::new(ledger.redaction_key().await?).text(&act.message);
        let draft = draft(&act.who, &message, kind, incident, settings);
        if !retain(draft, ledger, output).await {
            return Ok(Exit::CouldNotJudge);
        }
        output.talk(format!("{kind}: {}\n", incident.fingerprint));
        Ok(Exit::Passed)
    })
}

/// Stores what a person did; says where that fails.
async fn retain(draft: Draft, ledger: Arc<dyn Ledger>, output: &Output) -> bool {
    let writer = Writer::start(ledger, Patience::default());
    let retained = writer.retained();
    writer.take(vec![draft]);
    let stored = writer.finish().await == 0;
    if !stored {
        let problem = retained.borrow().problem.clone().unwrap_or_default();
        output.error(&format!("failed to {problem}"), None);
    }
    stored
}

fn draft(
    who: &Option<String>,
    why: &str,
    kind: &'static str,
    incident: &IncidentState,
    settings: &Settings,
) -> Draft {
    let user = || settings.var("USER").or_else(|| settings.var("LOGNAME")).map(str::to_owned);
    let who = who.clone().or_else(user).unwrap_or_else(|| "somebody".to_owned());
    let said = ActOfPerson { fingerprint: incident.fingerprint.clone(), who, why: why.to_owned() };
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

fn list(args: &ListArgs, incidents: &[IncidentState], settings: &Settings, output: &Output) {
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
        output.data(text::list(&wanted, settings.width));
    }
}

fn spelled(incident: &IncidentState) -> Value {
    let mut said = json!(incident);
    if let Some(fields) = said.as_object_mut() {
        fields.insert("v".to_owned(), 1.into());
    }
    said
}

/// The same, and beside it how it was exported when it was last seen.
fn with_evidence(incident: &IncidentState, told: Value) -> Value {
    let mut said = spelled(incident);
    if let Some(fields) = said.as_object_mut() {
        fields.insert("told".to_owned(), told);
    }
    said
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
    settings: &Settings,
    output: &Output,
) -> Result<Exit, LedgerError> {
    let Some(incident) = one(&args.fingerprint, incidents, output) else { return Ok(Exit::NothingSelected) };
    let told = told(incident, ledger).await?;
    if args.json {
        output.data(format!("{}\n", with_evidence(incident, told.unwrap_or_default())));
    } else {
        output.data(text::show(incident, told.as_ref(), settings.width));
    }
    Ok(Exit::Passed)
}

/// The incident as it was exported when it was last seen; `None`: it is not retained any more.
async fn told(incident: &IncidentState, ledger: &dyn Ledger) -> Result<Option<Value>, LedgerError> {
    let chain = ledger.chain(&key(incident)).await?;
    let entries = chain.iter().flat_map(|chain| &chain.entries).rev();
    let mut told = entries.filter_map(|stored| Entry::read(&stored.bytes).ok());
    Ok(told.find_map(|entry| {
        let closed: Closed = entry.says();
        closed.incident.filter(|told| told["fingerprint"] == incident.fingerprint.as_str())
    }))
}

async fn contacted(
    args: &ContactArgs,
    incidents: &[IncidentState],
    ledger: Arc<dyn Ledger>,
    settings: &Settings,
    output: &Output,
) -> Result<Exit, LedgerError> {
    let Some(incident) = one(&args.fingerprint, incidents, output) else { return Ok(Exit::NothingSelected) };
    let Some(told) = told(incident, &*ledger).await? else {
        let message = format!("nothing is retained any more of run {}", incident.run);
        output.error(&message, Some("a message to a customer needs its proof"));
        return Ok(Exit::NothingSelected);
    };
    let drafted = template(args, incident, settings).and_then(|template| {
        contact::message(&template, incident, &told).map_err(|error| format!("failed to {error}"))
    });
    let message = match drafted {
        Ok(message) => message,
        Err(problem) => {
            output.error(&problem, Some("`paydrill incidents contact --help` says what a template may name"));
            return Ok(Exit::Usage);
        }
    };
    let proof = with_evidence(incident, told);
    let shown = args.out.join(&incident.fingerprint);
    let folder = settings.current_dir.join(&shown);
    for (name, bytes) in [("message.txt", message.clone()), ("proof.json", format!("{proof:#}\n"))] {
        if let Err(problem) = output.file(&folder.join(name), bytes.as_bytes()) {
            output.error(&problem, Some("`--out` names a folder that can be written"));
            return Ok(Exit::CouldNotJudge);
        }
    }
    let why = format!("drafted a message, with its proof in {}", shown.display());
    if !retain(draft(&args.who, &why, kind::CONTACTED, incident, settings), ledger, output).await {
        return Ok(Exit::CouldNotJudge);
    }
    output.data(message);
    output.talk(format!(
        "\nNothing was sent. It is for customer {}, whose address the ledger does not keep; message.txt and \
         proof.json are in {}.\n",
        incident.damage.customer,
        shown.display()
    ));
    Ok(Exit::Passed)
}

fn template(args: &ContactArgs, incident: &IncidentState, settings: &Settings) -> Result<String, String> {
    match &args.template {
        None => Ok(contact::usual(&incident.damage.kind).to_owned()),
        Some(file) => std::fs::read_to_string(settings.current_dir.join(file))
            .map_err(|error| format!("failed to read `{}`: {error}", file.display())),
    }
}
