//! What to start, with every template already rendered.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// A target made of processes.
#[derive(Debug, Clone)]
pub struct LaunchSpec {
    /// All of them start at once and are expected to keep running.
    pub processes: Vec<ProcessSpec>,
    /// The port that the target is told to listen on, on loopback; 0: none.
    pub port: u16,
    /// Where it answers: `http://127.0.0.1:3000`.
    pub base_url: String,
}

/// One process of it.
#[derive(Clone)]
pub struct ProcessSpec {
    /// `web`, `worker`.
    pub name: String,
    /// Program and arguments; a program with a `/` is looked for in `dir`, else on `PATH`.
    pub command: Vec<String>,
    /// Working folder.
    pub dir: PathBuf,
    /// Variables set for it; a later one wins.
    pub env: Vec<(String, String)>,
    /// What `env` is added to.
    pub env_base: EnvBase,
    /// When it counts as up; `None`: as soon as it has started.
    pub ready: Option<Ready>,
    /// Where it answers; `None`: where the target does.
    pub url: Option<String>,
}

impl fmt::Debug for ProcessSpec {
    /// Variables by name only: they hold signing secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessSpec")
            .field("name", &self.name)
            .field("command", &self.command)
            .field("dir", &self.dir)
            .field("env", &self.env.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .field("env_base", &self.env_base)
            .field("ready", &self.ready)
            .field("url", &self.url)
            .finish()
    }
}

/// The environment a process starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnvBase {
    /// Ours.
    Inherit,
    /// Nothing: no `PATH` either.
    Empty,
}

/// When something counts as up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    /// What is waited for.
    pub check: ReadyCheck,
    /// For how long at most.
    pub within: Duration,
}

/// What is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadyCheck {
    /// A GET is answered 2xx; a redirect is not followed and does not count.
    Http {
        /// A path below the base URL, or a whole URL.
        path_or_url: String,
    },
    /// The target's port accepts connections.
    Port,
    /// A line of output, of either stream, contains this.
    Log {
        /// The text; matched as it stands, in the line without its colours.
        contains: String,
    },
    /// The health check of a container's image says `healthy`.
    Health,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_names_variables_without_their_values() {
        let spec = ProcessSpec {
            name: "web".into(),
            command: vec!["./app".into()],
            dir: ".".into(),
            env: vec![("STRIPE_WEBHOOK_SECRET".into(), "whsec_abc".into())],
            env_base: EnvBase::Inherit,
            ready: None,
            url: None,
        };
        let text = format!("{spec:?}");
        assert!(text.contains("STRIPE_WEBHOOK_SECRET") && !text.contains("whsec_abc"), "{text}");
    }
}
