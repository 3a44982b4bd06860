//! Windows of a browser, driven by WebDriver (<https://www.w3.org/TR/webdriver2/>).

use std::fmt::{self, Display};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use fantoccini::wd::{Capabilities, WebDriverCompatibleCommand};
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use reqwest::Url;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::PageReader;
use crate::probe::client::{self, TIMEOUT, shown};
use crate::probe::{Cookies, ReadError, Text};
use crate::project::model::PageCall;

/// How many pages are looked at at once: each is a browser of its own, with about 150 MB.
const WINDOWS: usize = 2;
/// A page that draws itself has settled when it shows the same for so long.
const SETTLED: Duration = Duration::from_millis(60);
/// How often it is looked at before it counts as one that never settles: what it shows then is read.
const LOOKS: usize = 25;

/// What is read in one go. `innerText` is what a person sees: hidden parts and markup are left out. Of an element that
/// is hidden as a whole it is everything, so that is asked first.
const LOOK: &str = "
    const [selectors] = arguments;
    const shows = element =>
        !element ? null : element.checkVisibility() ? element.innerText.trim() : '';
    const [visit] = performance.getEntriesByType('navigation');
    return {
        status: visit && visit.responseStatus || null,
        title: document.title,
        url: location.pathname + location.search,
        text: shows(document.body) || '',
        fields: Object.fromEntries(
            Object.entries(selectors).map(([name, selector]) => [name, shows(document.querySelector(selector))])),
    };";

/// What a page showed.
#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Sight {
    status: Option<u16>,
    title: String,
    url: String,
    text: String,
    fields: Map<String, Value>,
}

/// The windows of a browser: opened when they are needed, kept for the next page.
pub(super) struct Windows {
    driver: String,
    idle: Mutex<Vec<Client>>,
    room: Semaphore,
    pictures: Option<Pictures>,
}

struct Pictures {
    folder: PathBuf,
    mark: String,
    taken: AtomicUsize,
    /// The last one of each page, and what it shows.
    last: Mutex<Map<String, Value>>,
}

impl fmt::Debug for Windows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Windows").field("driver", &self.driver).finish_non_exhaustive()
    }
}

impl Windows {
    pub(super) fn new(driver: String, pictures: Option<PathBuf>, mark: String) -> Self {
        let pictures = pictures.map(|folder| Pictures {
            folder,
            mark,
            taken: AtomicUsize::new(0),
            last: Mutex::new(Map::new()),
        });
        Self { driver, idle: Mutex::new(Vec::new()), room: Semaphore::new(WINDOWS), pictures }
    }

    pub(super) async fn look(
        &self,
        reader: &PageReader,
        call: &PageCall,
        page: Url,
        cookies: &Cookies,
    ) -> Result<Map<String, Value>, ReadError> {
        let limit = call.timeout.unwrap_or(TIMEOUT);
        // Waiting for a window is ours, not the app's: it does not count.
        let window = self.window(&page).await?;
        let looked = tokio::time::timeout(limit, self.visit(&window.client, reader, &page, cookies)).await;
        let looked = looked.map_err(|_| ReadError::TimedOut { url: shown(&page), limit })?;
        // One that is still busy with a page, or broken, is not used again.
        match looked {
            Ok(fields) => {
                self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(window.client.clone());
                Ok(fields)
            }
            Err(problem) => Err(ReadError::Browser { url: shown(&page), problem }),
        }
    }

    /// A window that nobody uses, or a new one.
    async fn window(&self, page: &Url) -> Result<Window<'_>, ReadError> {
        let wrong = |problem: String| ReadError::Browser { url: shown(page), problem };
        let room = self.room.acquire().await.map_err(|error| wrong(error.to_string()))?;
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let client = match idle {
            Some(client) => client,
            None => ClientBuilder::new(HttpConnector::new())
                .capabilities(capabilities(page))
                .connect(&self.driver)
                .await
                .map_err(|error| wrong(said(&error)))?,
        };
        Ok(Window { client, _room: room })
    }

    async fn visit(
        &self,
        client: &Client,
        reader: &PageReader,
        page: &Url,
        cookies: &Cookies,
    ) -> Result<Map<String, Value>, String> {
        let command = |name: &'static str, parameters| client.issue_cmd(Command { name, parameters });
        let ours: Vec<Value> = cookies
            .pairs()
            .into_iter()
            .map(|(name, value)| json!({ "name": name, "value": value, "url": page.as_str() }))
            .collect();
        command("Network.clearBrowserCookies", json!({})).await.map_err(|error| said(&error))?;
        command("Network.setCookies", json!({ "cookies": ours })).await.map_err(|error| said(&error))?;
        client.goto(page.as_str()).await.map_err(|error| said(&error))?;
        let sight = settled(client, reader).await?;
        let kept = command("Network.getCookies", json!({})).await.map_err(|error| said(&error))?;
        for cookie in kept["cookies"].as_array().into_iter().flatten() {
            if let (Some(name), Some(value)) = (cookie["name"].as_str(), cookie["value"].as_str()) {
                cookies.store(&format!("{name}={value}"));
            }
        }
        let picture = match &self.pictures {
            Some(pictures) => pictures.take(client, page, &sight).await?,
            None => None,
        };
        Ok(fields(sight, picture, reader.text))
    }
}

/// A window in use.
struct Window<'a> {
    client: Client,
    _room: SemaphorePermit<'a>,
}

/// What a page shows once it shows the same twice.
async fn settled(client: &Client, reader: &PageReader) -> Result<Sight, String> {
    let mut last = None;
    for _ in 0..LOOKS {
        let selectors = vec![json!(reader.selectors)];
        let seen = client.execute(LOOK, selectors).await.map_err(|error| said(&error))?;
        let sight: Sight = serde_json::from_value(seen).map_err(|error| error.to_string())?;
        if last.as_ref() == Some(&sight) {
            break;
        }
        last = Some(sight);
        tokio::time::sleep(SETTLED).await;
    }
    last.ok_or_else(|| "it shows nothing".to_owned())
}

fn fields(sight: Sight, picture: Option<PathBuf>, text: Text) -> Map<String, Value> {
    // What is not on the page is not a field: `absent` matches it.
    let mut fields: Map<String, Value> =
        sight.fields.into_iter().filter(|(_, shown)| !shown.is_null()).collect();
    let own = [
        ("http_status", sight.status.map(Value::from)),
        ("title", Some(sight.title.into())),
        ("url", Some(sight.url.into())),
        ("text", (text == Text::Keep).then(|| client::text(sight.text.as_bytes()).into())),
        ("screenshot", picture.map(|path| path.display().to_string().into())),
    ];
    for (name, value) in own {
        if let Some(value) = value {
            fields.entry(name).or_insert(value);
        }
    }
    fields
}

impl Pictures {
    /// A picture of what is shown, unless the last one of this page shows the same.
    async fn take(&self, client: &Client, page: &Url, sight: &Sight) -> Result<Option<PathBuf>, String> {
        let shows = json!([sight.title, sight.url, sight.text]);
        {
            let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some([seen, path]) = last.get(page.as_str()).and_then(Value::as_array).map(Vec::as_slice)
                && *seen == shows
            {
                return Ok(path.as_str().map(PathBuf::from));
            }
        }
        let png = client.screenshot().await.map_err(|error| said(&error))?;
        let number = self.taken.fetch_add(1, Ordering::Relaxed);
        let path = self.folder.join(format!("{}-{number}.png", self.mark));
        write(&path, png).await.map_err(|error| format!("its picture cannot be kept: {error}"))?;
        let entry = json!([shows, path.display().to_string()]);
        self.last.lock().unwrap_or_else(PoisonError::into_inner).insert(page.to_string(), entry);
        Ok(Some(path))
    }
}

async fn write(path: &Path, bytes: Vec<u8>) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        tokio::fs::create_dir_all(folder).await?;
    }
    tokio::fs::write(path, bytes).await
}

/// The first line of what a driver says; the others are addresses in its own code.
fn said(error: &impl Display) -> String {
    let text = error.to_string();
    text.lines().next().unwrap_or_default().trim().to_owned()
}

/// Chromium without a screen, which reaches the app only where that is on this machine.
fn capabilities(page: &Url) -> Capabilities {
    let mut args = vec![
        "--headless=new".to_owned(),
        "--disable-gpu".to_owned(),
        "--disable-dev-shm-usage".to_owned(),
        "--disable-background-networking".to_owned(),
        "--disable-component-update".to_owned(),
        "--disable-sync".to_owned(),
        // Its reporter would leave our process group, and stay.
        "--disable-breakpad".to_owned(),
        "--disable-crash-reporter".to_owned(),
        "--no-first-run".to_owned(),
        "--no-proxy-server".to_owned(),
        "--hide-scrollbars".to_owned(),
        "--window-size=1280,1024".to_owned(),
    ];
    let host = page.host_str().unwrap_or_default();
    if host == "localhost" || host.starts_with("127.") || host == "[::1]" {
        args.push(format!("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE {host}"));
    }
    if nix::unistd::Uid::effective().is_root() {
        // Chromium refuses to start otherwise (containers, CI).
        args.push("--no-sandbox".to_owned());
    }
    let options = json!({ "goog:chromeOptions": { "args": args }, "unhandledPromptBehavior": "dismiss" });
    match options {
        Value::Object(options) => options,
        _ => Capabilities::default(),
    }
}

/// A command of the Chrome DevTools Protocol, which chromedriver passes on
/// (<https://chromedevtools.github.io/devtools-protocol/tot/Network/>).
#[derive(Debug)]
struct Command {
    name: &'static str,
    parameters: Value,
}

impl WebDriverCompatibleCommand for Command {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, <Url as std::str::FromStr>::Err> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &Url) -> (http::Method, Option<String>) {
        let body = json!({ "cmd": self.name, "params": self.parameters });
        (http::Method::POST, Some(body.to_string()))
    }
}
