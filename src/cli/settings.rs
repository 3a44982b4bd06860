//! The only reader of environment, terminal and clock.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::PathBuf;

use crate::secret::Secret;
use crate::time::Clock;

/// What the process was started with.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    env: BTreeMap<String, String>,
    /// Where relative paths start.
    pub(crate) current_dir: PathBuf,
    /// This program, for processes that are to be of the same version.
    pub(crate) program: PathBuf,
    /// Where fresh folders are made.
    pub(crate) temp: PathBuf,
    /// Started now.
    pub(crate) clock: Clock,
    /// Whether a person reads standard output, and standard error.
    pub(crate) terminal: Terminal,
    /// Columns of the terminal.
    pub(crate) width: usize,
}

/// Who reads what we write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Terminal {
    /// Standard output is a terminal.
    pub(crate) stdout: bool,
    /// Standard error is a terminal.
    pub(crate) stderr: bool,
}

/// Without a terminal.
const WIDTH: usize = 100;

impl Settings {
    /// Reads them.
    ///
    /// # Errors
    /// The working folder is gone.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads environment and terminal")]
    pub(crate) fn read() -> std::io::Result<Self> {
        let env: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let width = env.get("COLUMNS").and_then(|columns| columns.parse().ok()).unwrap_or(WIDTH);
        Ok(Self {
            current_dir: std::env::current_dir()?,
            program: std::env::current_exe()?,
            temp: std::env::temp_dir(),
            clock: Clock::start(),
            terminal: Terminal {
                stdout: std::io::stdout().is_terminal(),
                stderr: std::io::stderr().is_terminal(),
            },
            width,
            env,
        })
    }

    /// An environment variable; an empty one counts as not set.
    #[must_use]
    pub(crate) fn var(&self, name: &str) -> Option<&str> {
        self.env.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The value of `{{ secret.NAME }}`: the variable `NAME`, else the content of the file that `NAME_FILE` names.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn secret(&self, name: &str) -> std::io::Result<Option<Secret>> {
        if let Some(value) = self.var(name) {
            return Ok(Some(Secret::new(value)));
        }
        let Some(path) = self.var(&format!("{name}_FILE")) else { return Ok(None) };
        let text = std::fs::read_to_string(self.current_dir.join(path))?;
        Ok(Some(Secret::new(text.trim_end_matches(['\r', '\n']))))
    }

    /// A secret for a ledger that is made now.
    #[cfg(feature = "ledger")]
    #[must_use]
    pub(crate) fn fresh_key(&self) -> Vec<u8> {
        (0..4).flat_map(|_| self.seed().to_be_bytes()).collect()
    }

    /// A random seed for a run that was given none.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that draws randomness from outside")]
    pub(crate) fn seed(&self) -> u64 {
        rand::random()
    }
}
