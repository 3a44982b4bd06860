//! Makes the calls of probes and requests, whichever kind they are.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::command::{Ended, Workplace, run};
use super::database::{Databases, shown};
use super::fields::Fields;
use super::http_json::quote;
use super::{
    Browser, Cookies, HttpCaller, HttpProbe, PageReader, ReadError, Reading, Text, describe_call, page,
};
use crate::project::model::{Call, CommandCall};
use crate::time::Clock;

/// Makes calls for one run.
#[derive(Debug)]
pub struct Caller {
    http: HttpCaller,
    databases: Databases,
    /// Where pages are looked at, if anywhere.
    browser: Option<Arc<Browser>>,
    workplace: Workplace,
    base_url: String,
    clock: Clock,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestOutcome {
    /// The app answered with this HTTP status.
    Answered(u16),
    /// The program ended with this exit code.
    Exited(i32),
    /// The statement changed so many rows.
    Changed(u64),
}

impl RequestOutcome {
    /// Whether what was asked for was done: the app answered 2xx or led elsewhere, the program ended with 0.
    #[must_use]
    pub fn is_done(self) -> bool {
        match self {
            Self::Answered(status) => matches!(status, 200..=299 | 301..=303 | 307 | 308),
            Self::Exited(code) => code == 0,
            Self::Changed(_) => true,
        }
    }
}

impl std::fmt::Display for RequestOutcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Answered(status) => write!(f, "{status}"),
            Self::Exited(code) => write!(f, "exit code {code}"),
            Self::Changed(1) => f.write_str("1 row"),
            Self::Changed(rows) => write!(f, "{rows} rows"),
        }
    }
}

/// What a request did.
#[derive(Debug, Clone, PartialEq)]
pub struct Done {
    /// How it ended, or why it did not.
    pub outcome: Result<RequestOutcome, ReadError>,
    /// Where the app led, if that is elsewhere.
    pub ended_at: Option<String>,
    /// The start of what was answered or printed.
    pub text: String,
    /// The same as a JSON table, where it is one.
    pub answer: Option<Map<String, Value>>,
}

/// How to read a probe's answer; made once per probe.
#[derive(Debug, Clone)]
pub enum Reader {
    /// An HTTP answer's JSON.
    Http(HttpProbe),
    /// A query's first row.
    Sql,
    /// What a program prints.
    Command(CommandReader),
    /// What a page shows.
    Page(PageReader),
}

/// Reads what a program prints: JSON by paths. Beside its own fields a reading has `exit` and, where it is kept or
/// nothing else is read, `text`.
#[derive(Debug, Clone)]
pub struct CommandReader {
    fields: Fields,
    text: Text,
}

impl Reader {
    /// Understands a probe: its call decides what is read, `read` where fields stand in JSON.
    ///
    /// # Errors
    /// A path is no JSONPath.
    pub fn compile(
        call: &Call,
        read: &std::collections::BTreeMap<String, String>,
        text: Text,
    ) -> Result<Self, ReadError> {
        Ok(match call {
            Call::Http(_) => Self::Http(HttpProbe::compile(read, text)?),
            Call::Sql(_) => Self::Sql,
            Call::Page(_) => Self::Page(PageReader::new(read, text)),
            Call::Command(_) => {
                let fields = Fields::compile(read)?;
                let text = if fields.is_empty() { Text::Keep } else { text };
                Self::Command(CommandReader { fields, text })
            }
        })
    }
}

impl CommandReader {
    fn extract(&self, call: &CommandCall, ended: &Ended) -> Result<Map<String, Value>, ReadError> {
        let text = String::from_utf8_lossy(&ended.stdout).into_owned();
        let mut fields = Map::new();
        if !self.fields.is_empty() {
            match serde_json::from_slice::<Value>(&ended.stdout) {
                Ok(json) => fields = self.fields.read(&json).0,
                // A program that says by its exit code that there is nothing need not print JSON as well.
                Err(_) if ended.exit != 0 && ended.stdout.is_empty() => {}
                Err(_) => {
                    let program = call.command.first().cloned().unwrap_or_default();
                    let said = if ended.stdout.is_empty() { &ended.stderr } else { &ended.stdout };
                    let content = quote(&String::from_utf8_lossy(said));
                    return Err(ReadError::NotPrinted { program, exit: ended.exit, content });
                }
            }
        }
        fields.entry("exit").or_insert_with(|| ended.exit.into());
        if self.text == Text::Keep {
            fields.entry("text").or_insert_with(|| text.into());
        }
        Ok(fields)
    }
}

impl Caller {
    /// A caller for one run, of the app that is reached under `base_url`.
    ///
    /// # Errors
    /// The TLS library finds no certificate authorities to trust.
    pub fn new(clock: Clock, base_url: &str, workplace: Workplace) -> Result<Self, reqwest::Error> {
        let http = HttpCaller::new(clock)?;
        let databases = Databases::default();
        Ok(Self { http, databases, browser: None, workplace, base_url: base_url.to_owned(), clock })
    }

    /// The same, which looks at pages with this browser.
    #[must_use]
    pub fn with_browser(self, browser: Option<Arc<Browser>>) -> Self {
        Self { browser, ..self }
    }

    /// Takes one reading of a probe.
    pub async fn read(&self, reader: &Reader, call: &Call, cookies: &Cookies) -> Reading {
        let began = self.clock.elapsed();
        let fields = match (reader, call) {
            (Reader::Http(probe), Call::Http(call)) => {
                return probe.read(&self.http, call, &self.base_url, cookies).await;
            }
            (Reader::Sql, Call::Sql(call)) => self.databases.read(call).await.map(|rows| {
                let mut fields = rows.first;
                fields.entry("rows").or_insert_with(|| rows.count.into());
                fields
            }),
            (Reader::Command(reader), Call::Command(call)) => {
                run(call, &self.workplace).await.and_then(|ended| reader.extract(call, &ended))
            }
            (Reader::Page(reader), Call::Page(call)) => match &self.browser {
                Some(browser) => browser.read(reader, call, &self.base_url, cookies).await,
                None => {
                    let problem = "there is no browser in this run".to_owned();
                    Err(ReadError::Browser { url: call.path.clone(), problem })
                }
            },
            (Reader::Http(_) | Reader::Sql | Reader::Command(_) | Reader::Page(_), _) => {
                let problem = "it is read as another kind of probe".to_owned();
                Err(ReadError::Call { call: self.describe(call), problem })
            }
        };
        let at = self.clock.elapsed();
        Reading { at, took: at.saturating_sub(began), fields }
    }

    /// Carries a request out.
    pub async fn request(&self, call: &Call, cookies: &Cookies) -> Done {
        self.request_at(&self.base_url, call, cookies).await
    }

    /// The same of an instance of the app that is reached under `base_url`.
    pub async fn request_at(&self, base_url: &str, call: &Call, cookies: &Cookies) -> Done {
        match call {
            Call::Http(http) => match self.http.visit(http, base_url, cookies).await {
                Ok(answer) => Done {
                    outcome: Ok(RequestOutcome::Answered(answer.status)),
                    ended_at: (!describe(call, base_url).ends_with(&answer.url)).then_some(answer.url),
                    text: answer.text,
                    answer: table(answer.json),
                },
                Err(error) => Done::failed(error),
            },
            Call::Sql(sql) => match self.databases.execute(sql).await {
                Ok(rows) => Done::of(RequestOutcome::Changed(rows), String::new()),
                Err(error) => Done::failed(error),
            },
            Call::Page(page) => {
                let problem = "a request cannot be a page".to_owned();
                Done::failed(ReadError::Call { call: page.path.clone(), problem })
            }
            Call::Command(command) => match run(command, &self.workplace).await {
                Ok(ended) => {
                    let said = if ended.exit == 0 { &ended.stdout } else { &ended.stderr };
                    let text = String::from_utf8_lossy(said).into_owned();
                    let answer = table(serde_json::from_slice(&ended.stdout).ok());
                    Done { answer, ..Done::of(RequestOutcome::Exited(ended.exit), text) }
                }
                Err(error) => Done::failed(error),
            },
        }
    }

    /// The call in words.
    #[must_use]
    pub fn describe(&self, call: &Call) -> String {
        describe(call, &self.base_url)
    }
}

/// A call in words, for reports: without query, credentials and arguments that may be secret.
#[must_use]
pub fn describe(call: &Call, base_url: &str) -> String {
    match call {
        Call::Http(call) => describe_call(call, base_url),
        Call::Sql(call) => {
            let verb = call.query.split_whitespace().next().unwrap_or("query").to_uppercase();
            format!("{verb} in {}", shown(&call.url))
        }
        Call::Page(call) => page::describe(call, base_url),
        Call::Command(call) => call.command.first().cloned().unwrap_or_default(),
    }
}

impl Done {
    fn of(outcome: RequestOutcome, text: String) -> Self {
        Self { outcome: Ok(outcome), ended_at: None, text, answer: None }
    }

    fn failed(error: ReadError) -> Self {
        Self { outcome: Err(error), ended_at: None, text: String::new(), answer: None }
    }
}

fn table(json: Option<Value>) -> Option<Map<String, Value>> {
    match json {
        Some(Value::Object(map)) => Some(map),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
