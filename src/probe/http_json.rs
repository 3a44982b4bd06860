//! A probe that makes an HTTP call and reads fields from its JSON answer.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::fields::Fields;
use super::{Cookies, HttpAnswer, HttpCaller, ReadError, Reading};
use crate::project::model::HttpCall;

/// How much of an unusable answer an error quotes, in characters.
const QUOTED: usize = 120;

/// How to read an answer; made once per probe, used for every customer.
///
/// Beside its own fields a reading has `http_status` (a number) and, where it is kept, `text`.
#[derive(Debug, Clone)]
pub struct HttpProbe {
    fields: Fields,
    text: Text,
}

/// Whether readings keep the whole text of answers. Readings are retained as evidence, so it is left out where
/// no expectation asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Text {
    /// As the field `text`, cut at 64 KiB.
    Keep,
    /// It is left out, unless the probe reads nothing else.
    LeaveOut,
}

impl HttpProbe {
    /// Understands the JSONPaths (RFC 9535) of `read`.
    ///
    /// # Errors
    /// One of them is none.
    pub fn compile(read: &BTreeMap<String, String>, text: Text) -> Result<Self, ReadError> {
        let fields = Fields::compile(read)?;
        let text = if fields.is_empty() { Text::Keep } else { text };
        Ok(Self { fields, text })
    }

    /// Takes one reading. The call's templates are filled in; `base` is where the app is reached.
    ///
    /// A path that matches nothing leaves its field out; one that may match several gives a list. An answer
    /// that says "no such thing" (402, 403, 404, 410) has no fields, in JSON or not. Any other answer but 2xx
    /// in which no field is found is one that could not be read, as is every 5xx: an app that is broken, or wants a
    /// login, says nothing about what a customer has. A probe that reads no fields takes any answer.
    pub async fn read(&self, caller: &HttpCaller, call: &HttpCall, base: &str, cookies: &Cookies) -> Reading {
        let began = caller.clock().elapsed();
        match caller.call(call, base, cookies).await {
            Ok(answer) => Reading { at: answer.at, took: answer.took, fields: self.extract(answer) },
            Err(error) => {
                let at = caller.clock().elapsed();
                Reading { at, took: at.saturating_sub(began), fields: Err(error) }
            }
        }
    }

    fn extract(&self, answer: HttpAnswer) -> Result<Map<String, Value>, ReadError> {
        let HttpAnswer { url, status, text, json, .. } = answer;
        let may_lack_all = self.fields.is_empty() || matches!(status, 200..=299 | 402 | 403 | 404 | 410);
        let is_broken = status >= 500 && !self.fields.is_empty();
        let mut fields = match json.map(|json| self.fields.read(&json)) {
            Some((_, any)) if is_broken || !any && !may_lack_all => {
                return Err(ReadError::Refused { url, status, content: quote(&text) });
            }
            Some((fields, _)) => fields,
            None if self.fields.is_empty() || may_lack_all && status >= 300 => Map::new(),
            None => return Err(ReadError::NotJson { url, status, content: quote(&text) }),
        };
        // A field of the same name that the probe itself reads is meant.
        fields.entry("http_status").or_insert_with(|| status.into());
        if self.text == Text::Keep {
            fields.entry("text").or_insert_with(|| text.into());
        }
        Ok(fields)
    }
}

pub(super) fn quote(text: &str) -> String {
    let text = text.trim();
    match text.char_indices().nth(QUOTED) {
        _ if text.is_empty() => "nothing".to_owned(),
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?}…", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::time::Duration;

    use rstest::rstest;
    use serde_json::json;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    use wiremock::matchers::path;
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;
    use crate::time::Clock;

    fn probe(text: Text) -> HttpProbe {
        let read = [("plan", "$.plan"), ("features", "$.features[*]")];
        let read = read.iter().map(|(field, path)| ((*field).to_owned(), (*path).to_owned())).collect();
        HttpProbe::compile(&read, text).unwrap()
    }

    async fn read(probe: &HttpProbe, base: &str, timeout: Option<Duration>) -> Reading {
        let call = HttpCall { path: "/access".into(), timeout, ..HttpCall::default() };
        let caller = HttpCaller::new(Clock::start()).unwrap();
        let reading = probe.read(&caller, &call, base, &Cookies::default()).await;
        assert!(reading.at >= reading.took);
        reading
    }

    /// What the probe makes of one answer: its fields, or the error without the host.
    async fn read_answer(probe: &HttpProbe, answer: ResponseTemplate) -> Result<Value, String> {
        let app = MockServer::start().await;
        Mock::given(path("/access")).respond_with(answer).mount(&app).await;
        let reading = read(probe, &app.uri(), None).await;
        reading.fields.map(Value::Object).map_err(|error| error.to_string().replace(&app.uri(), "APP"))
    }

    fn html(status: u16) -> ResponseTemplate {
        ResponseTemplate::new(status).set_body_string("<html>no</html>\n")
    }

    fn json_answer(status: u16, body: Value) -> ResponseTemplate {
        ResponseTemplate::new(status).set_body_json(body)
    }

    #[rstest]
    #[case::all(
        json_answer(200, json!({"plan": "pro", "features": ["a"]})),
        Ok(json!({"features": ["a"], "plan": "pro", "http_status": 200}))
    )]
    #[case::field_missing(json_answer(200, json!({"x": 1})), Ok(json!({"features": [], "http_status": 200})))]
    #[case::null(json_answer(200, json!({"plan": null})), Ok(json!({"features": [], "plan": null, "http_status": 200})))]
    #[case::whatever_the_type(
        ResponseTemplate::new(200).set_body_string(r#"{"plan": "pro"}"#),
        Ok(json!({"features": [], "plan": "pro", "http_status": 200}))
    )]
    #[case::not_there(json_answer(404, json!({"error": "no"})), Ok(json!({"features": [], "http_status": 404})))]
    #[case::not_there_in_html(html(404), Ok(json!({"http_status": 404})))]
    #[case::pay_first(html(402), Ok(json!({"http_status": 402})))]
    #[case::fields_in_a_refusal(
        json_answer(409, json!({"plan": "free"})),
        Ok(json!({"features": [], "plan": "free", "http_status": 409}))
    )]
    #[case::fields_in_an_error(
        json_answer(500, json!({"plan": "pro", "features": ["a"]})),
        Err(r#"read the fields from APP/access: it answered 500 with "{\"plan\":\"pro\",\"features\":[\"a\"]}""#)
    )]
    #[case::broken(html(500), Err(r#"read APP/access as JSON: it answered 500 with "<html>no</html>""#))]
    #[case::broken_in_json(
        json_answer(503, json!({"error": "db"})),
        Err(r#"read the fields from APP/access: it answered 503 with "{\"error\":\"db\"}""#)
    )]
    #[case::login(json_answer(401, json!({})), Err(r#"read the fields from APP/access: it answered 401 with "{}""#))]
    #[case::to_login(
        ResponseTemplate::new(302),
        Err("read APP/access as JSON: it answered 302 with nothing")
    )]
    #[case::page(html(200), Err(r#"read APP/access as JSON: it answered 200 with "<html>no</html>""#))]
    #[case::nothing(ResponseTemplate::new(204), Err("read APP/access as JSON: it answered 204 with nothing"))]
    #[case::half(
        ResponseTemplate::new(200).set_body_string(r#"{"plan": "#),
        Err(r#"read APP/access as JSON: it answered 200 with "{\"plan\":""#)
    )]
    #[case::too_deep(
        ResponseTemplate::new(200).set_body_string("[".repeat(100_000)),
        Err("read APP/access as JSON: it answered 200 with \"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\
             [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"…")
    )]
    #[case::too_large(
        ResponseTemplate::new(200).set_body_bytes(vec![b' '; 10_000_000]),
        Err("read APP/access: its answer is larger than 1 MiB")
    )]
    #[tokio::test]
    async fn an_answer_gives_fields_or_a_reason(
        #[case] answer: ResponseTemplate,
        #[case] expected: Result<Value, &str>,
    ) {
        let read = read_answer(&probe(Text::LeaveOut), answer).await;
        assert_eq!(read, expected.map_err(str::to_owned));
    }

    #[tokio::test]
    async fn the_text_is_kept_where_it_is_asked_for() {
        let kept = read_answer(&probe(Text::Keep), html(404)).await;
        assert_eq!(kept, Ok(json!({"http_status": 404, "text": "<html>no</html>\n"})));
        let only_text = HttpProbe::compile(&BTreeMap::new(), Text::LeaveOut).unwrap();
        let read = read_answer(&only_text, html(500)).await;
        assert_eq!(read, Ok(json!({"http_status": 500, "text": "<html>no</html>\n"})));
    }

    #[tokio::test]
    async fn fields_of_the_probe_come_before_those_of_its_kind() {
        let probe = HttpProbe::compile(&[("text".to_owned(), "$.t".to_owned())].into(), Text::Keep).unwrap();
        let read = read_answer(&probe, json_answer(200, json!({"t": "mine"}))).await;
        assert_eq!(read, Ok(json!({"text": "mine", "http_status": 200})));
    }

    /// An app that does this with one connection after it has received a request.
    async fn app<F>(
        behave: impl FnOnce(TcpStream) -> F + Send + 'static,
    ) -> (String, tokio::task::JoinHandle<()>)
    where
        F: Future<Output = ()> + Send,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let served = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            assert!(stream.read(&mut request).await.unwrap() > 0);
            behave(stream).await;
        });
        (base, served)
    }

    #[tokio::test]
    async fn silence_ends_in_time() {
        let (base, _served) = app(|stream| async move {
            std::future::pending::<()>().await;
            drop(stream);
        })
        .await;
        let limit = Duration::from_millis(30);
        let reading = read(&probe(Text::Keep), &base, Some(limit)).await;
        assert_eq!(reading.fields, Err(ReadError::TimedOut { url: format!("{base}/access"), limit }));
    }

    #[tokio::test]
    async fn an_answer_that_stops_halfway_ends_in_time() {
        let (base, _served) = app(|mut stream| async move {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{\"plan\"").await.unwrap();
            std::future::pending::<()>().await;
        })
        .await;
        let limit = Duration::from_millis(30);
        let reading = read(&probe(Text::Keep), &base, Some(limit)).await;
        assert_eq!(reading.fields, Err(ReadError::TimedOut { url: format!("{base}/access"), limit }));
    }

    #[tokio::test]
    async fn an_endless_answer_is_not_read_to_its_end() {
        let (base, served) = app(|mut stream| async move {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            let ended = loop {
                if let Err(error) = stream.write_all(&[b' '; 65_536]).await {
                    break error.kind();
                }
            };
            assert!(matches!(ended, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{ended}");
        })
        .await;
        let reading = read(&probe(Text::Keep), &base, None).await;
        assert!(matches!(reading.fields, Err(ReadError::TooLarge { limit: 1_048_576, .. })), "{reading:?}");
        served.await.unwrap();
    }

    #[tokio::test]
    async fn a_broken_connection_is_no_reading() {
        let (base, _served) = app(|stream| async move {
            // Closed with unread or unsent data it is a reset; a plain close before an answer is as bad.
            drop(stream);
        })
        .await;
        let reading = read(&probe(Text::Keep), &base, None).await;
        let Err(ReadError::Unreachable { problem, .. }) = &reading.fields else { panic!("{reading:?}") };
        assert!(problem.contains("connection"), "{problem}");
    }

    #[tokio::test]
    async fn an_answer_cut_short_is_no_reading() {
        let (base, _served) = app(|mut stream| async move {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{\"plan\"").await.unwrap();
        })
        .await;
        let reading = read(&probe(Text::Keep), &base, None).await;
        assert!(matches!(reading.fields, Err(ReadError::Unreachable { .. })), "{reading:?}");
    }

    #[tokio::test]
    async fn nobody_there_is_no_reading() {
        let base = {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            format!("http://{}", listener.local_addr().unwrap())
        };
        let reading = read(&probe(Text::Keep), &base, None).await;
        let error = reading.fields.unwrap_err();
        assert_eq!(error.to_string(), format!("reach {base}/access: connection refused"));
    }
}
