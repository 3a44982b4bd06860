//! Starts the browser that page probes look with, for as long as the run takes.

use std::sync::Arc;
use std::time::Duration;

use super::plan::RunPlan;
use super::session::{Ports, SessionError};
use crate::probe::Browser;
use crate::project::model::{Call, ProbeKind};
use crate::scenario::model::{Step, Story};
use crate::target::{
    EnvBase, LaunchSpec, Launched, Launcher, ProcessLauncher, ProcessSpec, Ready, ReadyCheck, ReservedPort,
    RunFolder,
};

/// How long a driver may take to come up.
const READY_LIMIT: Duration = Duration::from_secs(30);

/// A browser's driver, running.
pub(super) struct Running {
    pub(super) browser: Arc<Browser>,
    driver: Launched,
    /// Where the browser keeps its profiles; removed when it is dropped.
    dir: RunFolder,
}

/// Starts a driver where a case looks at a page; one that this build cannot use is not started.
pub(super) async fn start(plan: &RunPlan, ports: &Ports) -> Result<Option<Running>, SessionError> {
    if !Browser::BUILT_IN || !plan.cases.iter().any(|case| looks_at_a_page(&case.story, plan)) {
        return Ok(None);
    }
    let dir =
        RunFolder::make(&ports.temp, &plan.project.name, ports.clock.now()).map_err(SessionError::Folder)?;
    let reserved = ReservedPort::take().map_err(SessionError::Browser)?;
    let port = reserved.port();
    let url = format!("http://127.0.0.1:{port}");
    let driver = ProcessSpec {
        name: Browser::DRIVER.to_owned(),
        command: vec![Browser::DRIVER.to_owned(), format!("--port={port}")],
        dir: dir.path().to_owned(),
        // Its profiles, sockets and caches go with the folder.
        env: ["TMPDIR", "HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"]
            .map(|name| (name.to_owned(), dir.path().display().to_string()))
            .to_vec(),
        env_base: EnvBase::Inherit,
        ready: Some(Ready {
            check: ReadyCheck::Http { path_or_url: "/status".to_owned() },
            within: READY_LIMIT,
        }),
        url: None,
    };
    let spec = LaunchSpec { processes: vec![driver], port, base_url: url.clone() };
    let driver = ProcessLauncher::new(spec)
        .holding(reserved)
        .launch(ports.clock)
        .await
        .map_err(SessionError::Browser)?;
    let browser = Arc::new(Browser::new(url, ports.pictures.clone(), &plan.options.seed.to_string()));
    Ok(Some(Running { browser, driver, dir }))
}

impl Running {
    /// Ends the driver, and every browser with it: they are in its process group.
    pub(super) async fn stop(self) {
        self.driver.stop().await;
        drop(self.dir);
    }
}

fn looks_at_a_page(story: &Story, plan: &RunPlan) -> bool {
    let project = &plan.project;
    let mut read =
        story.steps.iter().flat_map(Step::probes).chain(project.reconcile.iter().map(|pair| &pair.probe));
    read.any(|probe| {
        matches!(
            project.probes.get(probe).map(|probe| &probe.kind),
            Some(ProbeKind::Call { call: Call::Page(_), .. })
        )
    })
}
