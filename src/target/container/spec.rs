//! A container to be started, with every template already rendered.

use std::fmt;
use std::path::PathBuf;

use crate::target::Ready;

/// One container of a target, or beside it.
#[derive(Clone, Default)]
pub struct ContainerSpec {
    /// `web`, `web#2`.
    pub name: String,
    /// What the others in its network call it, beside its name.
    pub aliases: Vec<String>,
    /// The image: its id, or a name that is on the machine.
    pub image: String,
    /// Instead of the image's entrypoint.
    pub entrypoint: Option<Vec<String>>,
    /// Instead of the image's command; empty: the image's.
    pub command: Vec<String>,
    /// Variables set for it; a later one wins.
    pub env: Vec<(String, String)>,
    /// Its ports that we reach.
    pub published: Vec<Published>,
    /// What is copied into it before it starts.
    pub files: Vec<FileIn>,
    /// Folders of ours that it sees.
    pub mounts: Vec<Mount>,
    /// More names of hosts, and their addresses. `host.docker.internal`, this machine, is always there.
    pub hosts: Vec<(String, String)>,
    /// Who runs it: `1000:1000`; `None`: whom the image says.
    pub user: Option<String>,
    /// The most memory that it may use, in bytes.
    pub memory: Option<u64>,
    /// How many processors it may use, in thousandths.
    pub millicpus: Option<u32>,
    /// When it counts as up; `None`: as soon as it has started.
    pub ready: Option<Ready>,
    /// Where it answers; `None`: where the target does.
    pub url: Option<String>,
}

/// A port of a container, reached on 127.0.0.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// In the container.
    pub inside: u16,
    /// On this machine.
    pub outside: u16,
}

/// A file or folder that is copied into a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileIn {
    /// Here.
    pub from: PathBuf,
    /// There: an absolute path.
    pub to: String,
}

/// A folder of ours that a container sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Here.
    pub from: PathBuf,
    /// There: an absolute path.
    pub to: String,
    /// It cannot write there.
    pub read_only: bool,
}

impl fmt::Debug for ContainerSpec {
    /// Variables by name only: they hold signing secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContainerSpec")
            .field("name", &self.name)
            .field("image", &self.image)
            .field("command", &self.command)
            .field("env", &self.env.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .field("published", &self.published)
            .field("files", &self.files)
            .field("mounts", &self.mounts)
            .field("hosts", &self.hosts)
            .field("ready", &self.ready)
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}
