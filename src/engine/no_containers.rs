//! In place of containers, in a build without them.

use std::convert::Infallible;
use std::sync::Arc;

use super::outside::Here;
use super::plan::RunPlan;
use super::processes::Instance;
use super::session::{Ports, SessionError};
use super::stage::Told;
use crate::target::Launcher;

/// There are none.
pub(super) struct Containers(Infallible);

impl Containers {
    /// Refuses an app that needs them.
    #[expect(clippy::unused_async, reason = "a build with containers waits here")]
    pub(super) async fn open(plan: &RunPlan, _: &Ports) -> Result<Option<Self>, SessionError> {
        if plan.environment.target.launch.is_contained() { Err(not_built_in(plan)) } else { Ok(None) }
    }

    pub(super) fn here(&self) -> Here {
        match self.0 {}
    }

    pub(super) fn launcher(
        &self,
        _: &Told<'_>,
        _: Vec<Instance>,
        _: &str,
    ) -> Result<Arc<dyn Launcher>, SessionError> {
        match self.0 {}
    }

    #[expect(clippy::unused_async, reason = "a build with containers waits here")]
    pub(super) async fn label(&self, _: &str) -> Option<String> {
        match self.0 {}
    }

    #[expect(clippy::unused_async, reason = "a build with containers waits here")]
    pub(super) async fn close(self) {
        match self.0 {}
    }
}

/// This build cannot start it.
pub(super) fn not_built_in(plan: &RunPlan) -> SessionError {
    SessionError::NotYet {
        environment: plan.environment.name.clone(),
        what: "an app in containers (this build of Paydrill lacks the feature `container`)",
    }
}
