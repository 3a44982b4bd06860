//! A third party's API: takes every call in and answers as the project says.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};
use tokio::sync::watch;

use super::shelf::Shelf;
use super::{LONGEST_TEXT, OutsideError, Server, start_of};
use crate::pattern::is_about;
use crate::time::Clock;

/// The largest body, in bytes.
const LARGEST: usize = 4 * 1024 * 1024;

/// What calls are answered.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answer {
    /// Which calls: `POST /contacts/*`; `None`: all.
    pub call: Option<String>,
    /// The status.
    pub status: u16,
    /// Header names and values.
    pub headers: Vec<(String, String)>,
    /// The body, and whether it is JSON.
    pub body: AnswerBody,
}

/// The body of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum AnswerBody {
    /// As it is.
    Text(String),
    /// Printed.
    Json(Value),
}

impl Default for AnswerBody {
    fn default() -> Self {
        Self::Json(Value::Object(Map::new()))
    }
}

/// Starts a third party at this address of this machine, port 0: a free one. The first answer that is about a call is given;
/// where none is, 200 and an empty JSON table.
///
/// # Errors
/// The port is taken.
pub fn start(
    name: &str,
    at: SocketAddr,
    answers: Vec<Answer>,
    clock: Clock,
    arrivals: watch::Sender<u64>,
) -> Result<Server, OutsideError> {
    Server::start(name, at, arrivals, |listener, shelf| {
        let router = Router::new().fallback(answer).with_state(Arc::new(Sink { shelf, answers, clock }));
        async move {
            let _ = axum::serve(listener, router).await;
        }
    })
}

struct Sink {
    shelf: Arc<Shelf>,
    answers: Vec<Answer>,
    clock: Clock,
}

async fn answer(State(sink): State<Arc<Sink>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST).await else {
        return (StatusCode::PAYLOAD_TOO_LARGE, "the body is too large").into_response();
    };
    let (method, path) = (parts.method.as_str(), parts.uri.path());
    let usual = Answer { status: 200, ..Answer::default() };
    let about = |answer: &&Answer| answer.call.as_ref().is_none_or(|call| is_about(call, method, path));
    let usual = sink.answers.iter().find(about).cloned().unwrap_or(usual);
    let fields = fields(method, path, parts.uri.query(), &parts.headers, &body);
    let status = sink.shelf.take(sink.clock.elapsed(), fields, usual.status);
    if status == usual.status { given(usual) } else { failed(status) }
}

/// A failure that the scenario wants.
fn failed(status: u16) -> Response {
    let body = serde_json::json!({ "error": { "message": "the scenario lets this call fail" } });
    given(Answer { status, body: AnswerBody::Json(body), ..Answer::default() })
}

fn given(answer: Answer) -> Response {
    let (kind, body) = match answer.body {
        AnswerBody::Text(text) => ("text/plain; charset=utf-8", text),
        AnswerBody::Json(json) => ("application/json", json.to_string()),
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or_default();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    for (name, value) in answer.headers {
        // Checked when the project was read.
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(&value))
        {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// What there is to know of a call: `method`, `path`, `query`, `text` and, of JSON and forms, `json`. Headers carry
/// the app's keys and are not kept.
fn fields(
    method: &str,
    path: &str,
    query: Option<&str>,
    headers: &HeaderMap,
    body: &Bytes,
) -> Map<String, Value> {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let text = String::from_utf8_lossy(body);
    let json = if kind.starts_with("application/x-www-form-urlencoded") {
        Some(form(body))
    } else {
        serde_json::from_slice(body).ok()
    };
    let mut fields = Map::from_iter([
        ("method".to_owned(), Value::from(method)),
        ("path".to_owned(), Value::from(path)),
        ("text".to_owned(), start_of(&text, LONGEST_TEXT).into()),
    ]);
    fields.extend(query.map(|query| ("query".to_owned(), form(query.as_bytes()))));
    fields.extend(json.map(|json| ("json".to_owned(), json)));
    fields
}

/// A form as a table; a name that comes several times has a list.
fn form(bytes: &[u8]) -> Value {
    let mut table = Map::new();
    for (name, value) in form_urlencoded::parse(bytes) {
        let value = Value::from(value.into_owned());
        match table.get_mut(name.as_ref()) {
            None => {
                table.insert(name.into_owned(), value);
            }
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
    Value::Object(table)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::id::CaseId;
    use crate::outside::Fault;

    fn sink(answers: Vec<Answer>) -> (Server, String, watch::Receiver<u64>) {
        let (arrivals, told) = watch::channel(0);
        let sink = start("crm", ([127, 0, 0, 1], 0).into(), answers, Clock::start(), arrivals).unwrap();
        let url = format!("http://127.0.0.1:{}", sink.port());
        (sink, url, told)
    }

    fn client() -> reqwest::Client {
        let _ = rustls::crypto::ring::default_provider().install_default();
        reqwest::Client::builder().no_proxy().build().unwrap()
    }

    #[tokio::test]
    async fn calls_come_as_they_were_made() {
        let (sink, url, mut told) = sink(Vec::new());
        let http = client();
        let call = http.post(format!("{url}/contacts?tag=a&tag=b&x=%C3%A4")).bearer_auth("secret key");
        let answer = call.json(&json!({ "email": "ann@example.com" })).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.text().await.unwrap()), (200, "{}".to_owned()));
        told.changed().await.unwrap();
        let form =
            http.put(format!("{url}/send")).header("content-type", "application/x-www-form-urlencoded");
        form.body("to=a%40b.c&to=d%40e.f&text=x+y").send().await.unwrap();
        http.get(&url).send().await.unwrap();
        let came = sink.shelf().after(0).unwrap();
        let came: Vec<Value> = came.iter().map(|call| Value::Object(call.fields.clone())).collect();
        let expected = [
            json!({
                "method": "POST", "path": "/contacts", "query": { "tag": ["a", "b"], "x": "ä" },
                "text": r#"{"email":"ann@example.com"}"#, "json": { "email": "ann@example.com" },
            }),
            json!({
                "method": "PUT", "path": "/send", "text": "to=a%40b.c&to=d%40e.f&text=x+y",
                "json": { "to": ["a@b.c", "d@e.f"], "text": "x y" },
            }),
            json!({ "method": "GET", "path": "/", "text": "" }),
        ];
        assert_eq!(came, expected);
    }

    #[tokio::test]
    async fn answers_are_as_the_project_says_and_fail_as_the_scenario_does() {
        let created = Answer {
            call: Some("POST /contacts".into()),
            status: 201,
            headers: vec![("x-id".into(), "7".into())],
            body: AnswerBody::Json(json!({ "id": "c_1" })),
        };
        let gone = Answer { status: 410, body: AnswerBody::Text("gone".into()), ..Answer::default() };
        let (sink, url, _told) = sink(vec![created, gone]);
        let http = client();
        let answer = http.post(format!("{url}/contacts")).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.headers()["x-id"].to_str().unwrap()), (201, "7"));
        assert_eq!(answer.json::<Value>().await.unwrap(), json!({ "id": "c_1" }));
        let answer = http.get(format!("{url}/contacts")).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.text().await.unwrap()), (410, "gone".to_owned()));
        let about = Arc::new(|fields: &Map<String, Value>| fields["path"] == "/contacts");
        sink.shelf().arm(CaseId(1), vec![Fault { about, status: 503, times: Some(1) }]);
        let mut statuses = Vec::new();
        for path in ["notes", "contacts", "contacts"] {
            statuses.push(http.post(format!("{url}/{path}")).send().await.unwrap().status().as_u16());
        }
        assert_eq!(statuses, [410, 503, 201]);
    }

    #[tokio::test]
    async fn what_is_too_large_is_refused_and_not_kept() {
        let (sink, url, _told) = sink(Vec::new());
        let answer = client().post(url).body(vec![b'x'; LARGEST + 1]).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 413);
        assert_eq!(sink.shelf().after(0).unwrap().len(), 0);
    }
}
