//! Apps in containers.

use std::collections::BTreeMap;

use super::{Launch, Ready};
use crate::span::Place;

/// A container of the app.
#[derive(Debug, Clone)]
pub struct Container {
    /// `web`, `worker`.
    pub name: String,
    /// What it is made of.
    pub image: ImageSource,
    /// Instead of the image's entrypoint.
    pub entrypoint: Option<Vec<String>>,
    /// Instead of the image's command; empty: the image's.
    pub command: Vec<String>,
    /// The port that it listens on, inside.
    pub port: Option<u16>,
    /// The port of 127.0.0.1 where we reach it; `None`: a free one.
    pub publish: Option<u16>,
    /// How many of it run.
    pub instances: u32,
    /// For this container only.
    pub env: BTreeMap<String, String>,
    /// What is copied into it.
    pub files: Vec<FileIn>,
    /// Who runs it.
    pub user: Option<String>,
    /// The most memory, in bytes.
    pub memory: Option<u64>,
    /// Processors, in thousandths.
    pub millicpus: Option<u32>,
    /// When it counts as up.
    pub ready: Option<Ready>,
    /// Where it stands.
    pub place: Place,
}

/// Where an image comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageSource {
    /// The machine, or a registry.
    Named(String),
    /// A Dockerfile. Folders are below the project's root.
    Built {
        /// The folder that is sent to the engine.
        context: String,
        /// The Dockerfile; `None`: the one in the folder.
        dockerfile: Option<String>,
        /// Arguments of the build.
        args: BTreeMap<String, String>,
        /// The stage that is built; `None`: the last.
        target: Option<String>,
    },
}

/// A file or folder that is copied into a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileIn {
    /// Below the project's root.
    pub from: String,
    /// An absolute path in the container.
    pub to: String,
}

/// A service of a compose file.
#[derive(Debug, Clone)]
pub struct Compose {
    /// The file, below the project's root.
    pub file: String,
    /// The service that is the app.
    pub service: String,
    /// The port that it listens on, inside; `None`: the first that the file tells.
    pub port: Option<u16>,
    /// The port of 127.0.0.1 where we reach it; `None`: a free one.
    pub publish: Option<u16>,
    /// When it counts as up.
    pub ready: Option<Ready>,
    /// Where it stands.
    pub place: Place,
}

/// What processes and containers have in common: a part of the app that a scenario names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part<'a> {
    /// `web`, `worker`.
    pub name: &'a str,
    /// The port of 127.0.0.1 that it has; `None`: a free one.
    pub port: Option<u16>,
    /// The port inside of a container, where it listens.
    pub inside: Option<u16>,
    /// How many of it run.
    pub instances: u32,
}

impl Launch {
    /// The parts of an app that we start; none of one that already runs.
    #[must_use]
    pub fn parts(&self) -> Vec<Part<'_>> {
        match self {
            Self::Processes(processes) => processes
                .iter()
                .map(|process| Part {
                    name: &process.name,
                    port: process.port,
                    inside: None,
                    instances: process.instances,
                })
                .collect(),
            Self::Containers(containers) => containers
                .iter()
                .map(|container| Part {
                    name: &container.name,
                    port: container.publish,
                    inside: container.port,
                    instances: container.instances,
                })
                .collect(),
            Self::Compose(compose) => vec![Part {
                name: &compose.service,
                port: compose.publish,
                inside: compose.port,
                instances: 1,
            }],
            Self::Url(_) => Vec::new(),
        }
    }

    /// What its parts are told, templates unrendered.
    pub(crate) fn texts(&self) -> Vec<&str> {
        let texts: Vec<&String> = match self {
            Self::Processes(processes) => processes
                .iter()
                .flat_map(|process| process.command.iter().chain(process.env.values()))
                .collect(),
            Self::Containers(containers) => containers
                .iter()
                .flat_map(|container| {
                    let entrypoint = container.entrypoint.iter().flatten();
                    container.command.iter().chain(entrypoint).chain(container.env.values())
                })
                .collect(),
            Self::Compose(_) | Self::Url(_) => Vec::new(),
        };
        texts.into_iter().map(String::as_str).collect()
    }

    /// Whether the app runs in containers.
    #[must_use]
    pub fn is_contained(&self) -> bool {
        matches!(self, Self::Containers(_) | Self::Compose(_))
    }
}
