//! Looks at this machine.

use std::net::ToSocketAddrs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use super::containers::{self, Address, Image};
use super::needs::{Database, Needs, Program};
use super::{BrowserFact, Facts};
use crate::probe::{self, Browser};
use crate::target::{self, Faketime};
use crate::time::Clock;

/// How long whoever is asked may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// What Chromium is called.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// What is to be known of this machine before it is looked at.
#[derive(Debug, Clone)]
pub struct Machine {
    /// `PATH`.
    pub path: String,
    /// `DOCKER_HOST`.
    pub docker_host: Option<String>,
    /// `XDG_RUNTIME_DIR`.
    pub runtime_dir: Option<PathBuf>,
    /// `HOME`.
    pub home: Option<PathBuf>,
    /// Where fresh folders are made.
    pub temp: PathBuf,
    /// The time.
    pub clock: Clock,
}

#[cfg(test)]
impl Machine {
    /// One with nothing set.
    pub(super) fn for_test() -> Self {
        Self {
            path: String::new(),
            docker_host: None,
            runtime_dir: None,
            home: None,
            temp: "/tmp".into(),
            clock: Clock::start(),
        }
    }
}

/// Finds out what this machine has of what is needed. Of secrets the caller knows.
pub async fn look(needs: Needs, machine: &Machine, secrets: Vec<(String, Result<bool, String>)>) -> Facts {
    let on_path = |name: &str| is_on_path(name, &machine.path);
    let (containers, address) = containers::find(machine, &on_path).await;
    let images = images(needs.images, address.as_ref()).await;
    let mut databases = Vec::new();
    for database in needs.databases {
        let answer = reach(&database).await;
        databases.push((database, answer));
    }
    let url = match needs.url {
        Some(url) => {
            let answer = ahead(&url, machine.clock).await;
            Some((url, answer))
        }
        None => None,
    };
    let there = |program: &Program| is_there(program, &machine.path);
    Facts {
        programs: needs.programs.into_iter().map(|program| (program.clone(), there(&program))).collect(),
        containers,
        needs_containers: needs.containers,
        images,
        browser: BrowserFact {
            built_in: Browser::BUILT_IN,
            driver: on_path(Browser::DRIVER),
            browser: BROWSERS.into_iter().any(on_path),
        },
        needs_browser: needs.browser,
        faketime: Faketime::installed().is_some(),
        needs_faketime: needs.faketime,
        databases,
        ports: needs.ports.into_iter().map(|fixed| (fixed.clone(), !target::in_use(fixed.port))).collect(),
        url,
        secrets,
        repository: on_path("git") && in_repository(&needs.root),
        needs_repository: needs.repository,
        temp: (machine.temp.display().to_string(), free(&machine.temp)),
    }
}

async fn images(wanted: Vec<Image>, address: Option<&Address>) -> Vec<(Image, bool)> {
    let mut found = Vec::new();
    let Some(address) = address else { return found };
    for image in wanted {
        if let Some(there) = address.has_image(&image.name).await {
            found.push((image, there));
        }
    }
    found
}

fn is_there(program: &Program, path: &str) -> bool {
    if program.name.contains('/') {
        is_program(&program.dir.join(&program.name))
    } else {
        is_on_path(&program.name, path)
    }
}

fn is_on_path(name: &str, path: &str) -> bool {
    path.split(':').filter(|dir| !dir.is_empty()).any(|dir| is_program(&Path::new(dir).join(name)))
}

fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o111 != 0)
}

fn in_repository(root: &Path) -> bool {
    root.canonicalize().is_ok_and(|root| root.ancestors().any(|folder| folder.join(".git").exists()))
}

/// Bytes that are free to this user.
fn free(folder: &Path) -> Option<u64> {
    let about = nix::sys::statvfs::statvfs(folder).ok()?;
    Some(about.blocks_available().saturating_mul(about.fragment_size()))
}

/// Asks a database; of another service, whether it takes a connection.
async fn reach(database: &Database) -> Result<(), String> {
    let scheme = database.url.split("://").next().unwrap_or_default();
    if matches!(scheme, "postgres" | "postgresql") && probe::KNOWS_SQL {
        return probe::reach(&database.url).await.map_err(|error| error.to_string());
    }
    let url = reqwest::Url::parse(&database.url).map_err(|error| error.to_string())?;
    let usual = match scheme {
        "postgres" | "postgresql" => 5432,
        "mysql" | "mariadb" => 3306,
        "redis" | "rediss" => 6379,
        "mongodb" => 27017,
        "amqps" => 5671,
        _ => 5672,
    };
    let (host, port) = (url.host_str().unwrap_or("127.0.0.1").to_owned(), url.port().unwrap_or(usual));
    let connected = tokio::task::spawn_blocking(move || {
        let mut problem = "its host has no address".to_owned();
        for address in (host.trim_matches(['[', ']']), port).to_socket_addrs().map_err(|e| e.to_string())? {
            match std::net::TcpStream::connect_timeout(&address, PATIENCE) {
                Ok(_) => return Ok(()),
                Err(error) => problem = error.to_string(),
            }
        }
        Err(problem)
    });
    connected.await.unwrap_or_else(|error| Err(error.to_string()))
}

/// By how many seconds the clock of an app that already runs is ahead of ours, from the `Date` of its answer.
///
/// This is the only clock that can be off: an app that we start, and the double, share this machine's. What is signed
/// by our clock is refused by Stripe's packages when theirs is more than five minutes away.
async fn ahead(url: &str, clock: Clock) -> Result<Option<i64>, String> {
    let answer = target::ask(url, PATIENCE).await?;
    let date = answer.headers().get("date").and_then(|date| date.to_str().ok());
    Ok(date.and_then(|date| seconds_ahead(date, clock.now())))
}

fn seconds_ahead(date: &str, now: Timestamp) -> Option<i64> {
    let there = jiff::fmt::rfc2822::parse(date).ok()?.timestamp();
    Some(there.as_second().saturating_sub(now.as_second()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("Sun, 06 Nov 1994 08:49:37 GMT", Some(0))]
    #[case("Sun, 06 Nov 1994 08:59:37 GMT", Some(600))]
    #[case("Sun, 06 Nov 1994 08:49:07 GMT", Some(-30))]
    #[case("yesterday", None)]
    fn an_answers_date_tells_the_skew(#[case] date: &str, #[case] expected: Option<i64>) {
        let now = "1994-11-06T08:49:37Z".parse().unwrap();
        assert_eq!(seconds_ahead(date, now), expected);
    }

    #[test]
    fn programs_are_looked_for_as_they_are_started() {
        let dir = tempfile::tempdir().unwrap();
        let program =
            |name: &str| Program { key: String::new(), name: name.to_owned(), dir: dir.path().into() };
        std::fs::write(dir.path().join("server"), "").unwrap();
        let path = dir.path().display().to_string();
        assert!(!is_there(&program("./server"), ""), "it cannot be executed");
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(dir.path().join("server"), mode).unwrap();
        assert!(is_there(&program("./server"), ""));
        assert!(is_there(&program("server"), &format!("/nowhere:{path}")));
        assert!(!is_there(&program("server"), "/nowhere:"));
    }

    #[tokio::test]
    async fn a_service_that_nobody_offers_cannot_be_reached() {
        let port = target::free_port().unwrap();
        let database =
            Database { key: "target.env.REDIS_URL".to_owned(), url: format!("redis://127.0.0.1:{port}/0") };
        assert!(reach(&database).await.is_err());
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let database = Database { url: format!("redis://127.0.0.1:{port}/0"), ..database };
        assert_eq!(reach(&database).await, Ok(()));
    }
}
