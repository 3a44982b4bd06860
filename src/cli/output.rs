//! The one place that writes: data to standard output, talk to standard error.

use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use super::ColorChoice;
use super::settings::Settings;

/// How a command ends. The numbers are part of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// Everything that was judged passed.
    Passed,
    /// A verdict failed, or a case passed only on a retry.
    Failed,
    /// Wrong usage, or an invalid file.
    Usage,
    /// It could not be judged.
    CouldNotJudge,
    /// Nothing was selected.
    NothingSelected,
    /// It is not safe, and was not done.
    #[cfg(feature = "ledger")]
    Refused,
    /// Ctrl-C or SIGTERM.
    Interrupted,
}

impl Exit {
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::CouldNotJudge => 3,
            Self::NothingSelected => 4,
            #[cfg(feature = "ledger")]
            Self::Refused => 5,
            Self::Interrupted => 130,
        }
    }
}

/// Where a command writes.
#[derive(Debug)]
pub(super) struct Output {
    /// Standard output did not take what was written.
    failed: AtomicBool,
    /// Colour on standard output.
    pub(super) color: bool,
    /// Colour on standard error.
    pub(super) talk_color: bool,
}

impl Output {
    pub(super) fn new(settings: &Settings, choice: ColorChoice) -> Self {
        let color = |terminal: bool| match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => {
                terminal && settings.var("NO_COLOR").is_none() && settings.var("TERM") != Some("dumb")
            }
        };
        Self {
            failed: AtomicBool::new(false),
            color: color(settings.terminal.stdout),
            talk_color: color(settings.terminal.stderr),
        }
    }

    /// Data. A reader that has gone away is no error: `paydrill run | head`. Anything else is told, once.
    pub(super) fn data(&self, bytes: impl AsRef<[u8]>) {
        let mut out = std::io::stdout().lock();
        let written = out.write_all(bytes.as_ref()).and_then(|()| out.flush());
        drop(out);
        if let Err(error) = written
            && error.kind() != ErrorKind::BrokenPipe
            && !self.failed.swap(true, Ordering::Relaxed)
        {
            self.error(&format!("failed to write to standard output: {error}"), None);
        }
    }

    /// Whether standard output did not take what was written.
    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// The exit code of a command that ended so: what nobody could be told of is not passed.
    pub(super) fn settle(&self, exit: Exit) -> Exit {
        match exit {
            Exit::Passed | Exit::NothingSelected if self.has_failed() => Exit::CouldNotJudge,
            exit => exit,
        }
    }

    /// Talk.
    pub(super) fn talk(&self, text: impl AsRef<str>) {
        let mut out = std::io::stderr().lock();
        let _ = out.write_all(text.as_ref().as_bytes()).and_then(|()| out.flush());
    }

    /// `error: failed to …`, and a hint after a blank line.
    pub(super) fn error(&self, message: &str, hint: Option<&str>) {
        let (red, bold, reset) =
            if self.talk_color { ("\x1b[1;31m", "\x1b[1m", "\x1b[0m") } else { ("", "", "") };
        let mut text = format!("{red}error{reset}{bold}:{reset} {message}\n");
        if let Some(hint) = hint {
            text.push_str(&format!("\n{bold}hint:{reset} {hint}\n"));
        }
        self.talk(text);
    }

    /// Writes a report's file; its folder is made.
    pub(super) fn file(&self, path: &Path, bytes: &[u8]) -> Result<(), String> {
        let write = || {
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent)?;
            }
            std::fs::write(path, bytes)
        };
        write().map_err(|error| format!("failed to write {}: {error}", path.display()))
    }

    /// Adds to a file that others write too.
    pub(super) fn append(&self, path: &Path, bytes: &[u8]) -> Result<(), String> {
        let open = std::fs::OpenOptions::new().append(true).create(true).open(path);
        open.and_then(|mut file| file.write_all(bytes))
            .map_err(|error| format!("failed to write {}: {error}", path.display()))
    }
}

/// Before there is an [`Output`].
pub(super) fn startup_failure(error: &std::io::Error) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "error: failed to read the working folder: {error}");
    ExitCode::from(Exit::Usage.code())
}
