//! Apps in containers: an image, a Dockerfile or a compose file, started unchanged.
//!
//! Everything of a run stands on its [`Ground`]: a network of its own, labels on all that is made, and a sweeper that
//! removes it when we end in whatever way. The app is reached through ports published on 127.0.0.1; what it reaches
//! of ours listens on the network's own address, where nothing else of this machine's surroundings comes.
//!
//! Of `testcontainers` we have what finds the engine and what pulls an image with the user's credentials. Its runner
//! is not used: it publishes ports on every interface, knows no network aliases, leaves a container behind that could
//! not be started, and removes by blocking in `drop`.

mod beside;
mod build;
mod clean;
mod compose;
mod compose_launcher;
mod deaf;
mod engine;
mod error;
mod files;
mod ground;
mod image;
mod label;
mod launcher;
mod made;
mod running;
mod spec;
mod sweeper;

pub use self::beside::beside;
pub use self::build::Build;
pub use self::clean::{Kept, Left, clean};
pub use self::compose_launcher::{ComposeFile, ComposeLauncher};
pub use self::engine::{Engine, EngineAddress};
pub use self::error::ContainerError;
pub use self::ground::Ground;
pub use self::image::Image;
pub use self::launcher::ContainerLauncher;
pub(super) use self::running::{Container, Ending};
pub use self::spec::{ContainerSpec, FileIn, Mount, Published};
