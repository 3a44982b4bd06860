//! An app in the test's own process: it grants everything, and remembers every event that it was told.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;

/// What the app was told.
pub(crate) struct Witness {
    port: u16,
    told: Arc<Mutex<BTreeMap<String, usize>>>,
    grants: Arc<AtomicBool>,
}

impl Witness {
    /// Starts it; it ends with the test.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let told = Arc::new(Mutex::new(BTreeMap::new()));
        let grants = Arc::new(AtomicBool::new(true));
        let shared = (Arc::clone(&told), Arc::clone(&grants));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (told, grants) = shared.clone();
                thread::spawn(move || serve(stream, &told, &grants));
            }
        });
        Self { port, told, grants }
    }

    /// Whether customers have what they paid for, from now on.
    pub(crate) fn grants(&self, grants: bool) {
        self.grants.store(grants, Ordering::SeqCst);
    }

    /// The project's lines that lead to it.
    pub(crate) fn environment(&self) -> String {
        format!(
            "target.url = \"http://127.0.0.1:{}\"\n\
             target.endpoint.main = {{ path = \"/stripe/webhook\", secret = \"{{{{ secret.HOOK }}}}\" }}\n",
            self.port
        )
    }

    /// How often it was told each event, by id.
    pub(crate) fn told(&self) -> BTreeMap<String, usize> {
        self.told.lock().unwrap().clone()
    }
}

/// Requests of one connection, until it breaks.
fn serve(stream: TcpStream, told: &Mutex<BTreeMap<String, usize>>, grants: &AtomicBool) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut writer = stream;
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).ok()? == 0 {
                return None;
            }
        }
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
        });
        let mut body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut body).ok()?;
        if head.starts_with("POST /stripe/webhook") {
            let event: Value = serde_json::from_slice(&body).ok()?;
            *told.lock().unwrap().entry(event["id"].as_str()?.to_owned()).or_default() += 1;
        }
        let answer = format!("{{\"active\":{}}}", grants.load(Ordering::SeqCst));
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length:";
        write!(writer, "{head} {}\r\n\r\n{answer}", answer.len()).ok()?;
    }
}
