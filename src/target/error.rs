//! Why a target did not come up. Each reads after "failed to"; hints and output follow after a blank line.
//!
//! The output is the target's own and may hold secrets: it is redacted before it is shown.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::log::LogLine;
use super::process::End;
use super::ready::ReadyAnswer;
use super::spec::{EnvBase, ProcessSpec};
use crate::time::human;

/// How many lines of output an error carries.
pub(super) const LOG_LINES: usize = 20;

/// Why a target did not come up.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// A command without a program.
    #[error("start `{process}`: its command is empty")]
    NoCommand {
        /// Which process.
        process: String,
    },
    /// The program is not there.
    #[error("start `{process}`: no program `{command}`\n\nhint: {hint}")]
    CommandNotFound {
        /// Which process.
        process: String,
        /// The program that was looked for.
        command: String,
        /// What is likely to help.
        hint: NotFoundHint,
    },
    /// The working folder cannot be entered.
    #[error("start `{process}` in `{}`: {cause}", dir.display())]
    BadDir {
        /// Which process.
        process: String,
        /// The folder.
        dir: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// The system did not start it.
    #[error("start `{process}`: {cause}")]
    Spawn {
        /// Which process.
        process: String,
        /// What the system says.
        cause: io::Error,
    },
    /// Something listens on the target's port already.
    #[error(
        "start the target on port {port}: something else listens there\n\n\
         hint: `ss -ltnp` or `lsof -i :{port}` names it; stop it, or give the target another port"
    )]
    PortInUse {
        /// The port.
        port: u16,
    },
    /// The system gave no port.
    #[error("find a free port on 127.0.0.1: {cause}")]
    NoFreePort {
        /// What the system says.
        cause: io::Error,
    },
    /// A process ended before the target was ready.
    #[error("keep `{process}` running: it {end} before the target was ready{}{}", Output(log), exit_hint(*end, *port))]
    Exited {
        /// Which process.
        process: String,
        /// How it ended.
        end: End,
        /// Its last lines.
        log: Vec<LogLine>,
        /// Who has the port that it was to listen on.
        port: PortHolder,
    },
    /// It runs, but did not become ready in time.
    #[error("get `{process}` ready within {} ({last_answer}){}", human(*within), Output(log))]
    NotReady {
        /// Which process.
        process: String,
        /// How long it was waited for.
        within: Duration,
        /// What the last check found.
        last_answer: ReadyAnswer,
        /// Its last lines.
        log: Vec<LogLine>,
    },
    /// A target that we did not start does not answer.
    #[error("get an answer from `{url}` within {} ({last_answer})", human(*within))]
    Unanswered {
        /// The target.
        url: String,
        /// How long it was waited for.
        within: Duration,
        /// What the last check found.
        last_answer: ReadyAnswer,
    },
    /// Something about containers.
    #[cfg(feature = "container")]
    #[error(transparent)]
    Container(#[from] super::container::ContainerError),
    /// Readiness cannot be checked this way.
    #[error("check that `{url}` is ready: {cause}")]
    CannotCheck {
        /// What was to be asked.
        url: String,
        /// Why it cannot be.
        cause: CheckFault,
    },
}

/// Why readiness cannot be checked.
#[derive(Debug, thiserror::Error)]
pub enum CheckFault {
    /// Not a URL with a host.
    #[error("not a URL that can be asked")]
    NotAUrl,
    /// A log line is waited for, of a target that we did not start.
    #[error("its output is not ours to read; wait for an answer or a port instead")]
    NoOutput,
    /// A health check is waited for, of something that is no container.
    #[error("it is no container, so it has no health check; wait for an answer instead")]
    NoHealthCheck,
    /// The HTTP client cannot be made.
    #[error("{0}")]
    NoClient(reqwest::Error),
}

/// Who listens on the port that an ended process complained about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortHolder {
    /// It did not complain, or nobody does.
    Unknown,
    /// Something else, on this port.
    SomethingElse(u16),
}

/// Why a program was not found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotFoundHint {
    /// The whole command stands in one string.
    OneString {
        /// The command as it should be written.
        list: Vec<String>,
    },
    /// It is in the working folder, which is not searched.
    DotSlash,
    /// It is there, but what its first line names is not.
    Interpreter,
    /// No such file below the working folder.
    NotInDir(PathBuf),
    /// The environment has no `PATH`.
    NoPath,
    /// It is not on `PATH`.
    NotOnPath,
}

impl fmt::Display for NotFoundHint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OneString { list } => write!(f, "one string per argument: command = {list:?}"),
            Self::DotSlash => write!(f, "it is in the working folder: write it with `./` in front"),
            Self::Interpreter => {
                write!(f, "the file is there, but the program on its first line (`#!`) is not")
            }
            Self::NotInDir(dir) => write!(f, "looked for below `{}`; is it built?", dir.display()),
            Self::NoPath => {
                write!(f, "the environment is empty: give it a PATH, or write the program's whole path")
            }
            Self::NotOnPath => write!(f, "it is not on PATH; is it installed?"),
        }
    }
}

/// Why the system did not find the program; `None` when that is not what went wrong.
pub(super) fn not_found_hint(spec: &ProcessSpec, cause: &io::Error) -> Option<NotFoundHint> {
    let program = spec.command.first().filter(|_| cause.kind() == io::ErrorKind::NotFound)?;
    let words: Vec<_> = program.split_whitespace().map(str::to_owned).collect();
    let in_dir = spec.dir.join(program);
    Some(if words.len() > 1 && !in_dir.exists() {
        NotFoundHint::OneString {
            list: words.into_iter().chain(spec.command.iter().skip(1).cloned()).collect(),
        }
    } else if program.contains('/') {
        if in_dir.exists() { NotFoundHint::Interpreter } else { NotFoundHint::NotInDir(spec.dir.clone()) }
    } else if in_dir.is_file() {
        NotFoundHint::DotSlash
    } else if spec.env_base == EnvBase::Empty && !spec.env.iter().any(|(name, _)| name == "PATH") {
        NotFoundHint::NoPath
    } else {
        NotFoundHint::NotOnPath
    })
}

/// The last lines, as they stand under an error.
struct Output<'a>(&'a [LogLine]);

impl fmt::Display for Output<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return write!(f, "\n\nit printed nothing");
        }
        write!(f, "\n\nlast output:")?;
        self.0.iter().try_for_each(|line| write!(f, "\n  {} | {}", line.process, line.text))
    }
}

fn exit_hint(end: End, port: PortHolder) -> String {
    match (end, port) {
        (_, PortHolder::SomethingElse(port)) => {
            format!(
                "\n\nhint: something else listens on port {port}; `ss -ltnp` or `lsof -i :{port}` names it"
            )
        }
        (End::Exited(0), PortHolder::Unknown) => {
            "\n\nhint: a process of the target must stay in the foreground".to_owned()
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::log::Stream;
    use super::*;

    fn line(text: &str) -> LogLine {
        LogLine { process: "web".into(), stream: Stream::Stderr, at: Duration::ZERO, text: text.into() }
    }

    #[test]
    fn a_death_before_readiness_shows_the_last_output_and_who_has_the_port() {
        let error = LaunchError::Exited {
            process: "web".into(),
            end: End::Exited(1),
            log: vec![line("booting"), line("bind: address already in use")],
            port: PortHolder::SomethingElse(3000),
        };
        insta::assert_snapshot!(error, @r"
        keep `web` running: it exited with status 1 before the target was ready

        last output:
          web | booting
          web | bind: address already in use

        hint: something else listens on port 3000; `ss -ltnp` or `lsof -i :3000` names it
        ");
    }

    #[test]
    fn a_daemon_is_told_to_stay() {
        let error = LaunchError::Exited {
            process: "web".into(),
            end: End::Exited(0),
            log: vec![],
            port: PortHolder::Unknown,
        };
        insta::assert_snapshot!(error, @r"
        keep `web` running: it exited with status 0 before the target was ready

        it printed nothing

        hint: a process of the target must stay in the foreground
        ");
    }

    #[test]
    fn what_does_not_get_ready_shows_the_last_answer() {
        let error = LaunchError::NotReady {
            process: "web".into(),
            within: Duration::from_secs(30),
            last_answer: ReadyAnswer::Status(503),
            log: vec![line("waiting for the database")],
        };
        insta::assert_snapshot!(error, @r"
        get `web` ready within 30 s (last answer: status 503)

        last output:
          web | waiting for the database
        ");
    }
}
