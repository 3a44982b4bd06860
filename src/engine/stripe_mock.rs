//! The stripe-mock beside the double: one that runs already, or an image that is started for the run and goes with it.

use std::sync::Arc;
use std::time::Duration;

use super::session::{Ports, SessionError};
use crate::project::model::{Environment, MockRuns, Provider};
use crate::provider::double::Beside;
use crate::provider::upstream::{Limits, StripeMock};
#[cfg(feature = "container")]
use crate::target::{
    Launched, ReadyCheck,
    container::{self, ContainerError, Engine, EngineAddress, Ground},
};

/// One that runs already may be about to: a service that was started just before us.
const COMES_UP: Duration = Duration::from_secs(5);
/// How long an image may take from its start to its first answer.
#[cfg(feature = "container")]
const STARTS: Duration = Duration::from_secs(30);
/// Where it answers plain HTTP.
#[cfg(feature = "container")]
const PORT: u16 = 12111;
/// It then says which version of the API it knows.
#[cfg(feature = "container")]
const STRICT: &str = "-strict-version-check";

/// Who stands beside the double while the run lasts.
#[derive(Default)]
pub(super) struct Standing {
    pub(super) beside: Beside,
    #[cfg(feature = "container")]
    started: Option<Started>,
}

/// One that we started. Dropped, it is removed all the same.
#[cfg(feature = "container")]
struct Started {
    ground: Ground,
    container: Launched,
}

/// Who stands beside the double, once it is there.
///
/// # Errors
/// It is not there, and does not come up.
pub(super) async fn stand(environment: &Environment, ports: &Ports) -> Result<Standing, SessionError> {
    let Provider::Double { beside: Some(mock), .. } = &environment.provider else {
        return Ok(Standing::default());
    };
    let check_parameters = mock.checks.is_some();
    match &mock.runs {
        MockRuns::At(url) => {
            let upstream = StripeMock::find(url, COMES_UP, Limits::default()).await?;
            let beside = Beside { upstream: Arc::new(upstream), check_parameters };
            Ok(Standing {
                beside,
                #[cfg(feature = "container")]
                started: None,
            })
        }
        MockRuns::Image(image) => start(environment, ports, image, check_parameters).await,
    }
}

#[cfg(feature = "container")]
async fn start(
    _: &Environment,
    ports: &Ports,
    image: &str,
    check_parameters: bool,
) -> Result<Standing, SessionError> {
    let variable = |name: &str| ports.inherited.get(name).map(String::as_str);
    let engine = Engine::connect(EngineAddress::here(variable)).await?;
    // Missing is said before anything is made.
    engine.image(image).await.map_err(|error| match error {
        ContainerError::NoImage { image, said } => SessionError::NoStripeMock { image, said },
        error => error.into(),
    })?;
    let ground = Ground::open(engine, None).await?;
    match run(&ground, ports, image).await {
        Ok((upstream, container)) => Ok(Standing {
            beside: Beside { upstream: Arc::new(upstream), check_parameters },
            started: Some(Started { ground, container }),
        }),
        Err(error) => {
            ground.close().await;
            Err(error)
        }
    }
}

#[cfg(feature = "container")]
async fn run(ground: &Ground, ports: &Ports, image: &str) -> Result<(StripeMock, Launched), SessionError> {
    let name = "stripe-mock";
    let container =
        container::beside(ground, name, image, &[STRICT], PORT, ReadyCheck::Port, STARTS, ports.clock)
            .await?;
    // The port is published before anybody listens there.
    let found = tokio::select! {
        found = StripeMock::find(container.base_url(), STARTS, Limits::default()) => found.map_err(SessionError::from),
        death = container.died() => Err(SessionError::StripeMockEnded {
            image: image.to_owned(),
            end: death.end.to_string(),
            said: death.log.last().map(|line| line.text.clone()).unwrap_or_default(),
        }),
    };
    match found {
        Ok(upstream) => Ok((upstream, container)),
        Err(error) => {
            container.stop().await;
            Err(error)
        }
    }
}

#[cfg(not(feature = "container"))]
#[expect(clippy::unused_async, reason = "a build with containers waits here")]
async fn start(environment: &Environment, _: &Ports, _: &str, _: bool) -> Result<Standing, SessionError> {
    Err(SessionError::NotYet {
        environment: environment.name.clone(),
        what: "provider.stripe_mock without `url`, in a build without the feature `container`",
    })
}

impl Standing {
    /// Ends what was started.
    pub(super) async fn end(self) {
        #[cfg(feature = "container")]
        if let Some(Started { ground, container }) = self.started {
            container.stop().await;
            ground.close().await;
        }
    }
}
