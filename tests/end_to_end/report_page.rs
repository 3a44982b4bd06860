//! The report's pages in a real browser: nothing is asked of the network, nothing runs that is not ours, and they fit on
//! a phone.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::heavy;
use crate::support::Project;

/// What must stay text, wherever it stands.
const HOSTILE: &str = "\"'><script>window.owned=1</script><img src=http://127.0.0.1:1/x onerror=owned=1>\u{202e}evil\u{5d0}\u{5d1} ";

/// A driver of its own, which ends with the test.
struct Driver {
    child: Child,
    url: String,
    _home: tempfile::TempDir,
}

impl Driver {
    fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut command = Command::new("chromedriver");
        for name in ["TMPDIR", "HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"] {
            command.env(name, home.path());
        }
        // A group of its own, so that the browser ends with it.
        let mut child = command
            .process_group(0)
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver");
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines
            .map_while(Result::ok)
            .find_map(|line| {
                Some(line.split_once("successfully on port ")?.1.trim_end_matches('.').to_owned())
            })
            .expect("chromedriver says its port");
        Self { child, url: format!("http://127.0.0.1:{port}"), _home: home }
    }

    async fn window(&self) -> Client {
        let args = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
        ];
        let capabilities = json!({
            "goog:chromeOptions": { "args": args },
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
        });
        let Value::Object(capabilities) = capabilities else { unreachable!() };
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities).connect(&self.url).await.expect("a window")
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let group = Pid::from_raw(i32::try_from(self.child.id()).unwrap_or(i32::MAX));
        let _ = killpg(group, Signal::SIGKILL);
        let _ = self.child.wait();
    }
}

/// A command that is not in the standard, below the session.
#[derive(Debug)]
struct Extension {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Extension {
    fn endpoint(
        &self,
        base: &reqwest::Url,
        session: Option<&str>,
    ) -> Result<reqwest::Url, <reqwest::Url as std::str::FromStr>::Err> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &reqwest::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}

async fn devtools(client: &Client, name: &str, parameters: Value) -> Value {
    let body = json!({ "cmd": name, "params": parameters });
    client.issue_cmd(Extension { path: "goog/cdp/execute", body }).await.expect(name)
}

async fn log(client: &Client, kind: &str) -> Vec<Value> {
    let said =
        client.issue_cmd(Extension { path: "se/log", body: json!({ "type": kind }) }).await.expect(kind);
    said.as_array().cloned().unwrap_or_default()
}

/// What the pages asked for, but for themselves.
async fn requests(client: &Client) -> Vec<String> {
    let entries = log(client, "performance").await;
    let messages =
        entries.iter().filter_map(|entry| serde_json::from_str::<Value>(entry["message"].as_str()?).ok());
    messages
        .filter(|event| event["message"]["method"] == "Network.requestWillBeSent")
        .filter_map(|event| event["message"]["params"]["request"]["url"].as_str().map(str::to_owned))
        .filter(|url| !url.starts_with("file://") && !url.starts_with("data:"))
        .collect()
}

async fn phone(client: &Client) {
    let metrics = json!({ "width": 360, "height": 780, "deviceScaleFactor": 2, "mobile": true });
    devtools(client, "Emulation.setDeviceMetricsOverride", metrics).await;
}

/// Every string of a report, but for words that have to be what they are, with something hostile behind it.
fn poison(value: &mut Value, key: &str) {
    match value {
        Value::String(text) => {
            let fixed =
                ["status", "outcome", "kind", "severity", "verdict", "route", "idempotency", "cancelled"];
            if !fixed.contains(&key) {
                *text = format!("{text}{}", HOSTILE.repeat(if key == "observed" { 90 } else { 1 }));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| poison(item, key)),
        Value::Object(fields) => fields.iter_mut().for_each(|(key, field)| poison(field, key)),
        _ => {}
    }
}

fn addresses(project: &Project, folder: &str) -> Vec<String> {
    let mut addresses = vec![format!("file://{}", project.path(&format!("{folder}/index.html")).display())];
    for file in std::fs::read_dir(project.path(&format!("{folder}/cases"))).unwrap() {
        addresses.push(format!("file://{}", file.unwrap().path().display()));
    }
    addresses
}

#[tokio::test]
async fn pages_ask_for_nothing_run_nothing_and_fit_on_a_phone() {
    if !heavy::asked("browser") {
        return;
    }
    let project = Project::with("grants-nothing").story("right", "nothing");
    project.run(&["run", "--report-html", "plain", "--report-json", "report.json"]).code(1);
    let mut report: Value = serde_json::from_str(&project.read("report.json")).unwrap();
    poison(&mut report, "");
    let project = project.file("hostile.json", &report.to_string());
    project.run(&["report", "hostile.json", "--html", "hostile"]).code(0);

    let driver = Driver::start();
    let client = driver.window().await;
    for address in [addresses(&project, "plain"), addresses(&project, "hostile")].concat() {
        for wide in [true, false] {
            if wide {
                devtools(&client, "Emulation.clearDeviceMetricsOverride", json!({})).await;
            } else {
                phone(&client).await;
            }
            client.goto(&address).await.unwrap();
            let seen = client
                .execute(
                    "const root = document.documentElement;
                     const odd = [...document.querySelectorAll('*')].filter(one =>
                         one.getAttributeNames().some(name => name.startsWith('on') || name === 'style'));
                     return { over: root.scrollWidth - root.clientWidth, owned: window.owned ?? null,
                              text: document.body.innerText.length, odd: odd.length,
                              foreign: document.querySelectorAll('iframe, object, embed, img:not([src^=\"data:\"])').length };",
                    vec![],
                )
                .await
                .unwrap();
            assert_eq!(
                (&seen["owned"], &seen["odd"], &seen["foreign"]),
                (&Value::Null, &json!(0), &json!(0)),
                "{address}"
            );
            assert!(
                seen["over"].as_i64().unwrap() <= 0,
                "{address} is {} px too wide (wide: {wide})",
                seen["over"]
            );
            assert!(seen["text"].as_u64().unwrap() > 300, "{address} says something");
        }
        assert_eq!(log(&client, "browser").await, Vec::<Value>::new(), "{address}");
    }
    assert_eq!(requests(&client).await, Vec::<String>::new());
    client.close().await.unwrap();
}

/// With the filter, which is no script, and with the box to type in, which is one.
#[tokio::test]
async fn cases_are_sifted_and_paper_shows_everything() {
    if !heavy::asked("browser") {
        return;
    }
    let project = Project::with("grants-nothing").story("right", "nothing").story("also-right", "nothing");
    project.run(&["run", "--report-html", "html"]).code(1);
    let driver = Driver::start();
    let client = driver.window().await;
    client.goto(&addresses(&project, "html")[0]).await.unwrap();
    let shown = "return [...document.querySelectorAll('.case')].filter(one => one.offsetParent).map(one => one.querySelector('.name').innerText);";
    let names = async |act: &str| client.execute(&format!("{act}; {shown}"), vec![]).await.unwrap();
    assert_eq!(names("").await, json!(["story", "also-right", "right"]));
    assert_eq!(names("document.getElementById('show-pass').click()").await, json!(["also-right", "right"]));
    let typed = "const box = document.getElementById('find'); box.value = 'ALSO'; box.dispatchEvent(new Event('input'))";
    assert_eq!(names(typed).await, json!(["also-right"]));
    assert_eq!(names("document.getElementById('show-fail').click()").await, json!([]));
    let none = client
        .execute("return document.getElementById('none').offsetParent !== null;", vec![])
        .await
        .unwrap();
    assert_eq!(none, json!(true), "it says that there is none");
    let paper = devtools(&client, "Page.printToPDF", json!({ "printBackground": true })).await;
    assert!(paper["data"].as_str().unwrap().len() > 10_000);
    client.close().await.unwrap();
}
