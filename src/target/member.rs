//! What a target is made of: a process, or a container.

use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "container")]
use super::container::Container;
use super::log::Log;
use super::process::{End, Manner, Process};

/// One part of a target, running or ended. Dropping it ends it without waiting.
#[derive(Debug)]
pub(super) enum Member {
    Process(Box<Process>),
    #[cfg(feature = "container")]
    Container(Container),
}

impl Member {
    /// The process that it is, if it is one.
    pub(super) fn process(&self) -> Option<&Process> {
        match self {
            Self::Process(process) => Some(process),
            #[cfg(feature = "container")]
            Self::Container(_) => None,
        }
    }

    /// `web`, `web#2`.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Process(process) => &process.name,
            #[cfg(feature = "container")]
            Self::Container(container) => container.name(),
        }
    }

    /// What it prints.
    pub(super) fn log(&self) -> &Arc<Log> {
        match self {
            Self::Process(process) => &process.log,
            #[cfg(feature = "container")]
            Self::Container(container) => container.log(),
        }
    }

    /// Whether it has ended, be its last words read or not.
    pub(super) fn gone(&self) -> bool {
        match self {
            Self::Process(process) => process.gone(),
            #[cfg(feature = "container")]
            Self::Container(container) => container.gone(),
        }
    }

    /// How and when it ended, if it did and its last words are read.
    pub(super) fn end(&self) -> Option<(End, Duration)> {
        match self {
            Self::Process(process) => process.end(),
            #[cfg(feature = "container")]
            Self::Container(container) => container.end(),
        }
    }

    /// Resolves when it ends.
    pub(super) async fn ended(&self) {
        match self {
            Self::Process(process) => process.ended().await,
            #[cfg(feature = "container")]
            Self::Container(container) => container.ended().await,
        }
    }

    /// Asks it and all it started to end, kills what has not after `grace`.
    pub(super) async fn stop(self, grace: Duration) -> Manner {
        match self {
            Self::Process(process) => process.stop(grace).await,
            #[cfg(feature = "container")]
            Self::Container(container) => container.stop(grace).await,
        }
    }
}
