//! A small server on loopback that stands in for stripe-mock, and keeps what it was asked.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A call as it arrived.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    /// `POST /v1/customers?limit=3`
    pub(crate) call: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// What it does with a call.
#[derive(Debug, Clone)]
pub(crate) enum Says {
    /// Answers like stripe-mock.
    Json(u16, Value),
    /// Answers with these bytes, whatever they are, and closes.
    Raw(Vec<u8>),
    /// Answers with more than anybody wants.
    Endless,
    /// Never answers.
    Nothing,
}

impl Says {
    /// A sample.
    pub(crate) fn sample(id: &str) -> Self {
        Self::Json(200, json!({ "id": id, "object": "sample" }))
    }

    /// A refusal, in stripe-mock's form.
    pub(crate) fn error(status: u16, message: &str) -> Self {
        Self::Json(status, json!({ "error": { "message": message, "type": "invalid_request_error" } }))
    }

    /// A refused parameter, in its validator's words.
    pub(crate) fn refused(problem: &str) -> Self {
        Self::error(400, &format!("Request validation error: validator 0xc000aa failed: {problem}"))
    }
}

/// The server; it ends with the test.
#[derive(Debug)]
pub(crate) struct StandIn {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    task: JoinHandle<()>,
}

impl StandIn {
    /// One that answers as told.
    pub(crate) async fn new(says: impl Fn(&Asked) -> Says + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let (seen, says) = (Arc::clone(&asked), Arc::new(says));
        let task = tokio::spawn(async move {
            let mut open = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (seen, says) = (Arc::clone(&seen), Arc::clone(&says));
                open.spawn(async move { converse(stream, &seen, &*says).await });
            }
        });
        Self { url, asked, task }
    }

    /// One that knows every route, and answers with a sample; but that says what `odd` says.
    pub(crate) async fn knowing(odd: impl Fn(&Asked) -> Option<Says> + Send + Sync + 'static) -> Self {
        Self::new(move |asked| odd(asked).unwrap_or_else(|| Says::sample("sample_1"))).await
    }

    /// What it was asked, but for whether it is there.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|asked| asked.header("stripe-version").is_none()).cloned().collect()
    }

    /// `POST /v1/customers` of each.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.call).collect()
    }

    /// It goes away in the middle of everything.
    pub(crate) async fn stop(mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn converse(mut stream: TcpStream, seen: &Mutex<Vec<Asked>>, says: &(impl Fn(&Asked) -> Says + Sync)) {
    let mut bytes = Vec::new();
    loop {
        let asked = loop {
            if let Some((asked, length)) = whole(&bytes) {
                bytes.drain(..length);
                break asked;
            }
            if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                return;
            }
        };
        seen.lock().unwrap().push(asked.clone());
        match says(&asked) {
            Says::Json(status, body) => {
                let body = body.to_string();
                let head = format!(
                    "HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\nstripe-mock-version: 0.0.1\r\n\
                     content-length: {}\r\n\r\n",
                    body.len()
                );
                if stream.write_all(format!("{head}{body}").as_bytes()).await.is_err() {
                    return;
                }
            }
            Says::Raw(bytes) => {
                let _ = stream.write_all(&bytes).await;
                return;
            }
            Says::Endless => {
                let head =
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nstripe-mock-version: 0.0.1\r\n\r\n";
                let _ = stream.write_all(head.as_bytes()).await;
                while stream.write_all(&[b' '; 16 * 1024]).await.is_ok() {}
                return;
            }
            Says::Nothing => std::future::pending().await,
        }
    }
}

/// The first whole call, and how long it is.
fn whole(bytes: &[u8]) -> Option<(Asked, usize)> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]);
    let mut lines = head.lines();
    let call = lines.next()?.trim_end_matches(" HTTP/1.1").to_owned();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length: usize = length.and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
    let body = bytes.get(end + 4..end + 4 + length)?;
    Some((Asked { call, headers, body: String::from_utf8_lossy(body).into_owned() }, end + 4 + length))
}
