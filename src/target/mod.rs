//! The app under test: brought up, listened to, and always ended.
//!
//! A [`Launcher`] gives a [`Launched`] target: [`ProcessLauncher`] starts its processes, a container launcher its
//! containers, [`ExistingLauncher`] uses one that already runs. This module decides when the target counts as up and
//! when it has died; it never decides what a death means for a run.
//!
//! Whatever happens to us (an error, a panic, Ctrl-C, `kill -9`), the processes end: each lives in a process
//! group led by a small supervisor that ends the group when its pipe to us closes. Out of reach is only a
//! process that leaves its group on purpose (`setsid`, a daemon): an app under test stays in the foreground.
//!
//! ```
//! use std::time::Duration;
//! use paydrill::target::{EnvBase, LaunchSpec, Launcher, ProcessLauncher, ProcessSpec, Ready, ReadyCheck};
//! use paydrill::time::Clock;
//!
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let spec = LaunchSpec {
//!     processes: vec![ProcessSpec {
//!         name: "web".into(),
//!         command: ["sh", "-c", "echo listening; exec sleep 1000"].map(String::from).to_vec(),
//!         dir: ".".into(),
//!         env: vec![("PORT".into(), "0".into())],
//!         env_base: EnvBase::Inherit,
//!         ready: Some(Ready {
//!             check: ReadyCheck::Log { contains: "listening".into() },
//!             within: Duration::from_secs(30),
//!         }),
//!         url: None,
//!     }],
//!     port: 0,
//!     base_url: "http://127.0.0.1:0".into(),
//! };
//! let target = ProcessLauncher::new(spec).launch(Clock::start()).await?;
//! assert_eq!(target.log_tail(1)[0].text, "listening");
//! target.stop().await;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(feature = "container")]
pub mod container;
mod deploy_sha;
mod error;
mod existing;
mod faketime;
mod folder;
mod front;
mod group;
mod launched;
mod log;
mod member;
mod plain;
mod port;
mod process;
mod process_launcher;
mod ready;
mod redirect;
mod replace;
mod spec;

use async_trait::async_trait;

use crate::time::Clock;

pub use self::deploy_sha::{DeploySha, DeployShaError};
pub use self::error::{CheckFault, LaunchError, NotFoundHint, PortHolder};
pub use self::existing::ExistingLauncher;
pub use self::faketime::{Faketime, FaketimeError};
pub use self::folder::{LeftFolder, RunFolder, RunFolders, RunMark};
pub use self::front::{Front, FrontError, FrontPlace};
pub use self::launched::{Death, Launched, Stopped};
pub use self::log::{LogLine, Stream};
pub use self::port::{ReservedPort, free_port, in_use};
pub use self::process::End;
pub use self::process_launcher::ProcessLauncher;
pub use self::ready::{ReadyAnswer, ask};
pub use self::redirect::{Hook, Runtime};
pub use self::replace::{Revived, Victim};
pub use self::spec::{EnvBase, LaunchSpec, ProcessSpec, Ready, ReadyCheck};

/// Brings a target up.
#[async_trait]
pub trait Launcher: Send + Sync {
    /// Brings it up and waits until it is ready. May be called again once the last one has ended.
    ///
    /// # Errors
    /// When it cannot be started, or does not get ready; nothing of it runs then any more.
    async fn launch(&self, clock: Clock) -> Result<Launched, LaunchError>;

    /// Stops it and brings it up again on its data.
    ///
    /// # Errors
    /// As [`Launcher::launch`].
    async fn relaunch(&self, before: Launched, clock: Clock) -> Result<Launched, LaunchError> {
        before.stop().await;
        self.launch(clock).await
    }
}
