//! `paydrill stripe`: the double by itself.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::output::{Exit, Output};
use super::project;
use super::settings::Settings;
use crate::engine;
use crate::provider::double::{
    Alone, AnswersIn, ApiCall, Catalog, Double, DoubleConfig, DoubleError, ForwardTo, Forwarded, Outcome,
    Told,
};
use crate::secret::Secret;
use crate::stripe::action::Leaves;
use crate::stripe::version::Version;
use crate::time::human;

/// Serve an offline Stripe on 127.0.0.1, and forward its events to your app.
#[derive(Debug, Args)]
pub(super) struct StripeArgs {
    /// The port; 0 for any that is free.
    #[arg(long, default_value_t = 12111, value_name = "PORT", env = "PAYDRILL_STRIPE_PORT")]
    port: u16,
    /// Deliver events to this address, signed; may be given again. Only addresses on this machine are called.
    #[arg(long, value_name = "URL")]
    forward_to: Vec<String>,
    /// What deliveries are signed with; left out, one is made for each address and printed.
    #[arg(long, value_name = "WHSEC", env = "STRIPE_WEBHOOK_SECRET", hide_env_values = true)]
    secret: Option<String>,
    /// Which events are delivered, separated by commas.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = "*")]
    events: Vec<String>,
    /// Deliver thin events: they name the object, and the app fetches it. `--events` takes names with `v1.` or without.
    #[arg(long, requires = "forward_to")]
    thin: bool,
    /// The account's API version: of calls without `Stripe-Version`, of events, and of endpoints without their own.
    #[arg(long, value_name = "VERSION", default_value_t = Version::NEWEST)]
    api_version: Version,
    /// Answer every call in this version, whatever it asks for; events keep theirs.
    #[arg(long, value_name = "VERSION")]
    answers_in: Option<Version>,
    /// Put the catalogue of this project file on the shelves.
    #[arg(long, value_name = "FILE")]
    catalog: Option<PathBuf>,
    /// Also call endpoints on this host, such as a container's; may be given again.
    #[arg(long, value_name = "HOST")]
    allow_host: Vec<String>,
    /// How many times as fast as the wall clock Stripe's time goes: retries and renewals wait less.
    #[arg(long, value_name = "X", default_value_t = 1.0)]
    clock_speed: f64,
    /// How many events are kept.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    keep_events: usize,
    /// What becomes of a subscription when the last retry of its invoice was declined.
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = AfterRetries::Cancel)]
    after_retries: AfterRetries,
    /// Reproduce the ids of an earlier start.
    #[arg(long, value_name = "N", env = "PAYDRILL_SEED")]
    seed: Option<u64>,
    /// Print every call to standard error.
    #[arg(long)]
    log: bool,
    /// Print calls and deliveries as JSON lines to standard output, after the address.
    #[arg(long)]
    json: bool,
}

/// An account's setting for what follows the last retry.
#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum AfterRetries {
    /// It is canceled, as new accounts have it
    Cancel,
    /// It is `unpaid`: its later invoices stay drafts
    Unpaid,
    /// It stays `past_due`, and goes on being billed
    PastDue,
}

impl From<AfterRetries> for Leaves {
    fn from(setting: AfterRetries) -> Self {
        match setting {
            AfterRetries::Cancel => Self::Canceled,
            AfterRetries::Unpaid => Self::Unpaid,
            AfterRetries::PastDue => Self::PastDue,
        }
    }
}

pub(super) fn main(args: &StripeArgs, settings: &Settings, output: &Output) -> Exit {
    raise_file_limit();
    let catalog = match catalog(args, output) {
        Ok(catalog) => catalog,
        Err(exit) => return exit,
    };
    let runtime = match super::runtime(output) {
        Ok(runtime) => runtime,
        Err(exit) => return exit,
    };
    let exit = runtime.block_on(serve(args, &catalog, settings, output));
    // An endpoint that still handles an event must not hold the process up.
    runtime.shutdown_background();
    exit
}

/// Every caller takes a file handle, and the usual limit is far below what the system allows anybody to ask for. Where it
/// cannot be raised, fewer are let in at a time.
fn raise_file_limit() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
    {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

fn catalog(args: &StripeArgs, output: &Output) -> Result<Catalog, Exit> {
    let Some(file) = &args.catalog else { return Ok(Catalog::default()) };
    let (project, diagnostics) =
        crate::scenario::load_project(file).map_err(|error| project::load_failure(&error, output))?;
    project::show(&diagnostics, output);
    project.as_ref().map(engine::catalog).ok_or(Exit::Usage)
}

async fn serve(args: &StripeArgs, catalog: &Catalog, settings: &Settings, output: &Output) -> Exit {
    let signals = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    let (Ok(mut interrupt), Ok(mut terminate)) = signals else {
        output.error("failed to listen for signals", None);
        return Exit::CouldNotJudge;
    };
    let seed = args.seed.unwrap_or_else(|| settings.seed());
    let double = match Double::start(config(args), catalog, settings.clock, seed).await {
        Ok(double) => double,
        Err(error) => return refuse(&error, output),
    };
    let (told, calls) = (double.told(), (args.log || args.json).then(|| double.calls()).flatten());
    output.talk(greeting(args, double.forwarded()));
    output.data(format!("{}\n", double.url()));
    tokio::select! {
        () = relate(told, calls, args, output) => {}
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    double.stop().await;
    Exit::Passed
}

fn config(args: &StripeArgs) -> DoubleConfig {
    let forward_to = args.forward_to.iter().map(|url| ForwardTo {
        url: url.clone(),
        secret: args.secret.as_deref().map(Secret::new),
        events: args.events.iter().map(|name| sent_as(name, args.thin)).collect(),
        thin: args.thin,
    });
    DoubleConfig {
        port: Some(args.port),
        answers_in: args.answers_in.map_or(AnswersIn::Asked, AnswersIn::Version),
        keep_events: args.keep_events,
        after_retries: args.after_retries.into(),
        alone: Some(Alone {
            api_version: args.api_version,
            forward_to: forward_to.collect(),
            clock_speed: args.clock_speed,
            allow_hosts: args.allow_host.clone(),
        }),
        ..DoubleConfig::default()
    }
}

/// An event's name in the form that is sent.
fn sent_as(name: &str, thin: bool) -> String {
    let plain = thin && name != "*" && !name.starts_with("v1.") && !name.starts_with("v2.");
    if plain { format!("v1.{name}") } else { name.to_owned() }
}

fn refuse(error: &DoubleError, output: &Output) -> Exit {
    let hint = match error {
        DoubleError::PortInUse { .. } => Some("`--port 0` takes any port that is free"),
        DoubleError::Far { .. } => {
            Some("`--allow-host HOST` allows another host, such as that of a container")
        }
        _ => None,
    };
    output.error(&format!("failed to {error}"), hint);
    Exit::Usage
}

fn greeting(args: &StripeArgs, forwarded: &[Forwarded]) -> String {
    let mut text = String::new();
    let form = if args.thin { "thin events".to_owned() } else { args.api_version.to_string() };
    for endpoint in forwarded {
        text.push_str(&format!("forwarding to {} ({}, {form}", endpoint.url, endpoint.id));
        // A secret that was given is known, and stays where it came from.
        if args.secret.is_none() {
            text.push_str(&format!(", signed with {}", endpoint.secret.expose()));
        }
        text.push_str(")\n");
    }
    text
}

/// Tells what happens, until there is nothing more to tell.
async fn relate(
    told: Option<mpsc::Receiver<Told>>,
    calls: Option<mpsc::UnboundedReceiver<ApiCall>>,
    args: &StripeArgs,
    output: &Output,
) {
    let (Some(mut told), mut calls) = (told, calls) else { return };
    loop {
        let next_call = async {
            match &mut calls {
                Some(calls) => calls.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Some(told) = told.recv() => {
                output.talk(line(&told));
                if args.json { output.data(json_line(&told)); }
            }
            Some(call) = next_call => {
                if args.log {
                    output.talk(format!("{} {} {} {:.1} ms\n", call.method, call.path, call.status, ms(call.took)));
                }
                if args.json { output.data(json_call(&call)); }
            }
            else => return,
        }
    }
}

fn line(told: &Told) -> String {
    match told {
        Told::NeverCalled { url } => {
            format!("never called: {url} is not on this machine (`--allow-host` names others)\n")
        }
        Told::Sending(attempt) => format!("--> {} {} to {}\n", attempt.kind, attempt.event, attempt.url),
        Told::Ended { attempt, outcome, took, retry } => {
            let again = retry.map(|due| format!(", again at {due}")).unwrap_or_default();
            let (how, took) = (words(*outcome), human(*took));
            format!("<-- {how} {} {} after {took}{again}\n", attempt.kind, attempt.event)
        }
        Told::Lost { endpoint } => format!("lost: too many deliveries wait for {endpoint}\n"),
    }
}

fn words(outcome: Outcome) -> String {
    match outcome {
        Outcome::Answered(status) => status.to_string(),
        Outcome::Refused => "connection refused".to_owned(),
        Outcome::TimedOut => "no answer in time".to_owned(),
        Outcome::Broken => "connection broken".to_owned(),
    }
}

fn json_line(told: &Told) -> String {
    let value = match told {
        Told::NeverCalled { url } => json!({ "kind": "never_called", "url": url }),
        Told::Sending(attempt) => json!({
            "kind": "sending", "event": attempt.event, "type": attempt.kind, "endpoint": attempt.endpoint,
            "url": attempt.url, "attempt": attempt.number,
        }),
        Told::Ended { attempt, outcome, took, retry } => json!({
            "kind": "ended", "event": attempt.event, "type": attempt.kind, "endpoint": attempt.endpoint,
            "url": attempt.url, "attempt": attempt.number, "outcome": words(*outcome),
            "accepted": outcome.is_accepted(), "took_ms": ms(*took),
            "retry": retry.map(|due| due.to_string()),
        }),
        Told::Lost { endpoint } => json!({ "kind": "lost", "endpoint": endpoint }),
    };
    format!("{value}\n")
}

fn json_call(call: &ApiCall) -> String {
    let value = json!({
        "kind": "call", "method": call.method, "path": call.path, "status": call.status,
        "request_id": call.request_id, "stripe_version": call.stripe_version, "took_ms": ms(call.took),
    });
    format!("{value}\n")
}

fn ms(took: std::time::Duration) -> f64 {
    (took.as_secs_f64() * 10_000.0).round() / 10.0
}
