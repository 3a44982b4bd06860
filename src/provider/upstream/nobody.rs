//! Nobody beside the double.

use async_trait::async_trait;

use super::{Heard, Question, Release, Upstream, UpstreamError};

/// Nobody: what the double does not model is refused by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nobody;

#[async_trait]
impl Upstream for Nobody {
    fn name(&self) -> Option<&str> {
        None
    }

    fn speaks(&self) -> Option<&Release> {
        None
    }

    async fn ask(&self, _question: &Question) -> Result<Heard, UpstreamError> {
        Ok(Heard::UnknownRoute)
    }
}
