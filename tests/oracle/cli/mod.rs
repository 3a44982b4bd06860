//! The official command line, [`VERSION`]: a prebuilt program that talks to whatever `--api-base` names.

mod command;
mod trigger;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::{api, heavy, install};

/// The version that the tables of these tests are about.
const VERSION: &str = "1.52.0";

/// The installed program, with a configuration folder of its own.
struct Cli {
    program: PathBuf,
    config: tempfile::TempDir,
}

impl Cli {
    fn installed() -> Self {
        let folder = install::npm("@stripe/cli", VERSION);
        Self { program: program(&folder), config: tempfile::tempdir().unwrap() }
    }

    /// `stripe ARGS` as a command that knows nothing of this machine.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(args)
            .env_clear()
            .env("HOME", self.config.path())
            .env("XDG_CONFIG_HOME", self.config.path())
            .env("STRIPE_CLI_TELEMETRY_OPTOUT", "1");
        command
    }

    /// Runs `stripe ARGS` to its end.
    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs `stripe ARGS` against a server.
    async fn call(&self, url: &str, args: &[&str]) -> Output {
        let mut command = self.command(args);
        command.args(["--api-base", url, "--api-key", api::KEY]);
        tokio::process::Command::from(command).kill_on_drop(true).output().await.unwrap()
    }

    /// The triggers that `stripe trigger --help` lists.
    fn triggers(&self) -> BTreeSet<String> {
        let help = String::from_utf8(self.run(&["trigger", "--help"]).stdout).unwrap();
        let listed = help.lines().skip_while(|line| !line.starts_with("Supported events")).skip(1);
        listed.take_while(|line| line.starts_with("  ")).map(|line| line.trim().to_owned()).collect()
    }
}

/// What the program said of a call that went wrong: Stripe's message, or its own last words.
fn complaint(output: &Output) -> String {
    let said = [String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)].concat();
    let line = said.lines().find(|line| line.contains("\"message\"")).or_else(|| said.lines().last());
    line.unwrap_or_default().trim().to_owned()
}

/// The native program inside the package of this machine's kind; the wrapper only starts it.
fn program(folder: &Path) -> PathBuf {
    let packages = folder.join("node_modules/@stripe");
    let found = packages.read_dir().unwrap().find_map(|entry| {
        let program = entry.ok()?.path().join("bin/stripe");
        program.is_file().then_some(program)
    });
    found.unwrap_or_else(|| panic!("no program in {}", packages.display()))
}

/// The pinned version is the one that runs, and it has the triggers that the tables are about.
#[test]
fn the_cli_is_the_pinned_one() {
    if !heavy::asked("oracle") {
        return;
    }
    let cli = Cli::installed();
    let version = String::from_utf8(cli.run(&["--version"]).stdout).unwrap();
    assert!(version.contains(VERSION), "{version}");
    assert_eq!(cli.triggers().len(), 123);
}
