//! The command line: one file a command, settings read once, bytes written in one place.

mod output;
pub(crate) mod settings;

mod clean;
mod completions;
#[cfg(feature = "demo")]
mod demo;
mod doctor;
mod explain;
mod fmt;
#[cfg(feature = "ledger")]
mod incidents;
mod init;
#[cfg(feature = "ledger")]
mod ledger;
mod lint;
mod notify;
mod project;
mod report;
mod reports;
pub(crate) mod run;
#[cfg(feature = "ledger")]
mod runs;
mod schema;
mod stripe;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use self::output::{Exit, Output};
use self::settings::Settings;

/// Proves that a Stripe webhook gave the customer what they paid for.
#[derive(Debug, Parser)]
#[command(name = "paydrill", version, propagate_version = true, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 passed, 1 a verdict failed (`fmt --check`: a file would change; `doctor`: something is missing), 2 usage or \
                        invalid file, 3 could not judge or report, 4 nothing selected (`lint`: no scenario), 5 refused as unsafe, 130 interrupted."
)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Flags of every command.
#[derive(Debug, Clone, Args)]
struct Global {
    /// The project file; left out, `paydrill.toml` here or in a folder above.
    #[arg(long, global = true, value_name = "FILE", env = "PAYDRILL_PROJECT")]
    project: Option<PathBuf>,
    /// When to use colour.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", env = "PAYDRILL_COLOR")]
    color: ColorChoice,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run scenarios against the app and tell what its customers got.
    Run(Box<run::RunArgs>),
    /// Check scenario and project files; every problem at once.
    Lint(lint::LintArgs),
    /// Write scenario files the usual way; comments stay.
    Fmt(fmt::FmtArgs),
    /// Explain a diagnostic's code, or tell a scenario's story step by step.
    Explain(explain::ExplainArgs),
    /// Print the JSON Schema of a file: for editors, and for readers of reports.
    Schema(schema::SchemaArgs),
    /// Write the files of a new project, or a scenario of captured events; never overwrites.
    Init(init::InitArgs),
    /// Run the shipped scenarios against a small billing app, right or with one classic bug.
    #[cfg(feature = "demo")]
    Demo(demo::DemoArgs),
    /// The demo's billing app, as its own process.
    #[cfg(feature = "demo")]
    #[command(hide = true)]
    DemoApp(demo::DemoAppArgs),
    /// List, show and rerun the runs that the ledger retains.
    #[cfg(feature = "ledger")]
    Runs(runs::RunsArgs),
    /// List and show incidents, and retain what is done about them.
    #[cfg(feature = "ledger")]
    Incidents(incidents::IncidentsArgs),
    /// Check, export and prune the ledger: the record of runs that lasts.
    #[cfg(feature = "ledger")]
    Ledger(ledger::LedgerArgs),
    /// Send a test message to those who hear of incidents.
    Notify(notify::NotifyArgs),
    /// Make reports from what `run --report-json` wrote: later, elsewhere, of several runs together.
    Report(report::ReportArgs),
    /// Serve an offline Stripe on 127.0.0.1, and forward its events to your app.
    Stripe(stripe::StripeArgs),
    /// Tell what an environment needs of this machine, and the command that mends what is missing.
    Doctor(doctor::DoctorArgs),
    /// Remove what killed runs left behind.
    Clean(clean::CleanArgs),
    /// Print a completion script for a shell.
    Completions(completions::CompletionsArgs),
}

/// Runs the command that the process was started with.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let settings = match Settings::read() {
        Ok(settings) => settings,
        Err(error) => return output::startup_failure(&error),
    };
    let output = Output::new(&settings, cli.global.color);
    let exit = output.settle(dispatch(&cli, &settings, &output));
    ExitCode::from(exit.code())
}

/// What a command does at once with many others runs on it.
fn runtime(output: &Output) -> Result<tokio::runtime::Runtime, Exit> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| {
        output.error(&format!("failed to start: {error}"), None);
        Exit::CouldNotJudge
    })
}

fn dispatch(cli: &Cli, settings: &Settings, output: &Output) -> Exit {
    let global = &cli.global;
    match &cli.command {
        Command::Run(args) => run::main(args, global, settings, output),
        Command::Lint(args) => lint::main(args, global, output),
        Command::Fmt(args) => fmt::main(args, global, output),
        Command::Explain(args) => explain::main(args, global, output),
        Command::Schema(args) => schema::main(args, output),
        Command::Init(args) => init::main(args, global, settings, output),
        #[cfg(feature = "demo")]
        Command::Demo(args) => demo::main(args, settings, output),
        #[cfg(feature = "demo")]
        Command::DemoApp(args) => demo::app(args, settings, output),
        #[cfg(feature = "ledger")]
        Command::Runs(args) => runs::main(args, global, settings, output),
        #[cfg(feature = "ledger")]
        Command::Incidents(args) => incidents::main(args, global, settings, output),
        #[cfg(feature = "ledger")]
        Command::Ledger(args) => ledger::main(args, global, settings, output),
        Command::Notify(args) => notify::main(args, global, settings, output),
        Command::Report(args) => report::main(args, settings, output),
        Command::Stripe(args) => stripe::main(args, settings, output),
        Command::Doctor(args) => doctor::main(args, global, settings, output),
        Command::Clean(args) => clean::main(args, settings, output),
        Command::Completions(args) => completions::main(args, output),
    }
}
