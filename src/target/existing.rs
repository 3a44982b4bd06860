//! A target that already runs.

use std::time::Duration;

use async_trait::async_trait;

use super::ready::{Check, target_url};
use super::{LaunchError, Launched, Launcher, Ready};
use crate::time::Clock;

/// Uses a target that already runs. It is not ours: it is never stopped, and its output is not seen.
#[derive(Debug, Clone)]
pub struct ExistingLauncher {
    base_url: String,
    ready: Option<Ready>,
}

impl ExistingLauncher {
    /// The target at `base_url`, which must pass `ready` if one is given.
    #[must_use]
    pub fn new(base_url: impl Into<String>, ready: Option<Ready>) -> Self {
        Self { base_url: base_url.into(), ready }
    }

    async fn check(&self, clock: Clock) -> Result<(), LaunchError> {
        let unfit = |cause| LaunchError::CannotCheck { url: self.base_url.clone(), cause };
        target_url(&self.base_url, "/").map_err(unfit)?;
        let Some(ready) = &self.ready else { return Ok(()) };
        let check = Check::new(&ready.check, &self.base_url, None).map_err(unfit)?;
        check.wait(ready.within, clock).await.map_err(|last_answer| LaunchError::Unanswered {
            url: self.base_url.clone(),
            within: ready.within,
            last_answer,
        })
    }
}

#[async_trait]
impl Launcher for ExistingLauncher {
    async fn launch(&self, clock: Clock) -> Result<Launched, LaunchError> {
        let begun = clock.elapsed();
        self.check(clock).await?;
        Ok(Launched {
            members: Vec::new(),
            base_url: self.base_url.clone(),
            ready_after: clock.elapsed().saturating_sub(begun),
            grace: Duration::ZERO,
            spec: None,
            past: Vec::new(),
        })
    }
}
