//! What an environment needs of this machine, and whether it is there.
//!
//! [`Needs`] follow from the project alone, [`look`] finds out what this machine has, and [`judge`] says what is
//! missing and which command mends it. Nothing is started and nothing is changed.

mod containers;
mod judge;
mod look;
mod needs;

use serde::Serialize;

pub use self::containers::{Containers, Image};
pub use self::judge::judge;
pub use self::look::{Machine, look};
pub use self::needs::{Database, FixedPort, Needs, Program};

/// What is told of one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub level: Level,
    /// What it is about, in a word: `secret`, `port`.
    pub about: &'static str,
    /// A line.
    pub message: String,
    /// What mends it, best a command.
    pub fix: Option<String>,
}

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// It is as it should be.
    Fine,
    /// It is missing, and this environment does without.
    Note,
    /// This environment needs it, and it is missing.
    Missing,
}

impl Finding {
    /// It is there.
    #[must_use]
    pub fn fine(about: &'static str, message: impl Into<String>) -> Self {
        Self { level: Level::Fine, about, message: message.into(), fix: None }
    }

    /// It is not there, or not as it should be, and this environment does without.
    #[must_use]
    pub fn note(about: &'static str, message: impl Into<String>, fix: Option<String>) -> Self {
        Self { level: Level::Note, about, message: message.into(), fix }
    }

    /// This environment needs it.
    #[must_use]
    pub fn missing(about: &'static str, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { level: Level::Missing, about, message: message.into(), fix: Some(fix.into()) }
    }
}

/// What this machine has of what an environment needs.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Programs, and whether each is there.
    pub programs: Vec<(Program, bool)>,
    /// Docker or Podman.
    pub containers: Containers,
    /// The key that needs containers.
    pub needs_containers: Option<String>,
    /// Images, and whether each is there; none where no engine answers.
    pub images: Vec<(Image, bool)>,
    /// Whether `chromedriver` and a Chromium are there.
    pub browser: BrowserFact,
    /// The key that needs a browser.
    pub needs_browser: Option<String>,
    /// Whether libfaketime is installed.
    pub faketime: bool,
    /// The key that needs it.
    pub needs_faketime: Option<String>,
    /// Databases, and why one cannot be reached.
    pub databases: Vec<(Database, Result<(), String>)>,
    /// Fixed ports, and whether each is free.
    pub ports: Vec<(FixedPort, bool)>,
    /// An app that already runs, and by how many seconds its clock is ahead of ours; `None`: it does not tell.
    pub url: Option<(String, Result<Option<i64>, String>)>,
    /// Secrets that the environment names, and whether each is set, or why it cannot be read.
    pub secrets: Vec<(String, Result<bool, String>)>,
    /// Whether the project is in a git repository and `git` is there.
    pub repository: bool,
    /// The key that needs one.
    pub needs_repository: Option<String>,
    /// The folder for fresh folders, and how many bytes are free there; `None`: it cannot be looked at.
    pub temp: (String, Option<u64>),
}

/// What is there of a browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BrowserFact {
    /// This build can look at pages.
    pub built_in: bool,
    /// `chromedriver` is on the path.
    pub driver: bool,
    /// So is a Chromium or Chrome.
    pub browser: bool,
}
