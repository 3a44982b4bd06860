//! Requests, and the HTTP calls in them.

use super::catalog::text;
use crate::project::document::{HttpDocument, PageDocument, RequestDocument, SqlDocument};
use crate::project::model::{Call, CommandCall, HttpCall, PageCall, Request, SqlCall};
use crate::scenario::code::Code;
use crate::scenario::decode::{Field, List, Problems, Text};
use crate::scenario::diagnostic::{Diagnostic, suggest};

/// HTTP methods that a request may use.
const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

/// A request; `None` after saying why.
pub(super) fn request(field: &Field<RequestDocument>, problems: &mut Problems) -> Option<Request> {
    let call = if let Some(http) = &field.http {
        Call::Http(http_call(http, problems)?)
    } else if let Some(command) = &field.command {
        command_call(command, problems)
    } else {
        sql_call(field.sql.as_ref()?, problems)?
    };
    Some(Request { call, place: field.key.clone() })
}

/// An HTTP call; `None` after saying why.
pub(super) fn http_call(document: &HttpDocument, problems: &mut Problems) -> Option<HttpCall> {
    check_method(document.method.as_ref(), problems);
    check_path(document.path.as_ref(), problems);
    Some(HttpCall {
        method: text(document.method.as_ref()),
        path: document.path.as_ref()?.value.clone(),
        headers: document
            .headers
            .iter()
            .flat_map(|headers| headers.iter())
            .map(|(name, value)| (name.to_owned(), value.value.clone()))
            .collect(),
        json: document.json.as_ref().map(|json| json.0.to_json()),
        form: document.form.as_ref().map(|form| form.0.to_map()),
        text: text(document.text.as_ref()),
        timeout: document.timeout.as_ref().map(|timeout| timeout.0),
    })
}

fn check_method(method: Option<&Field<Text>>, problems: &mut Problems) {
    let Some(method) = method.filter(|method| !METHODS.contains(&method.as_str())) else { return };
    problems.push(
        Diagnostic::error(Code::UnknownWord, format!("`{}` is no HTTP method", method.value))
            .at(&method.place)
            .label("expected a method, in capitals")
            .maybe_help(suggest(&method.value, "methods", METHODS)),
    );
}

/// A path below the target starts with a slash, unless it is a whole URL or starts with a template.
pub(super) fn check_path(path: Option<&Field<Text>>, problems: &mut Problems) {
    let known = |path: &str| ["/", "http://", "https://", "{{"].iter().any(|start| path.starts_with(start));
    let Some(path) = path.filter(|path| !known(path)) else { return };
    problems.push(
        Diagnostic::error(Code::BadCall, format!("`{}` is no path", path.value))
            .at(&path.place)
            .label("a path starts with `/`")
            .help(format!("write \"/{}\"", path.value)),
    );
}

/// A page; `None` after saying why.
pub(super) fn page_call(page: &PageDocument, problems: &mut Problems) -> Option<Call> {
    check_path(page.path.as_ref(), problems);
    let timeout = page.timeout.as_ref().map(|timeout| timeout.0);
    Some(Call::Page(PageCall { path: page.path.as_ref()?.value.clone(), timeout }))
}

/// A command names a program.
pub(super) fn command_call(command: &Field<List<Text>>, problems: &mut Problems) -> Call {
    if command.is_empty() {
        problems.push(
            Diagnostic::error(Code::OutOfRange, "this command is empty")
                .at(&command.place)
                .label("expected a program and its arguments"),
        );
    }
    Call::Command(CommandCall { command: command.iter().map(|word| word.value.clone()).collect() })
}

/// A database is named by a URL; `None` after saying why.
pub(super) fn sql_call(sql: &SqlDocument, problems: &mut Problems) -> Option<Call> {
    let (url, query) = (sql.url.as_ref()?, sql.query.as_ref()?);
    let known = |url: &str| ["sqlite:", "postgres:", "postgresql:", "{{"].iter().any(|s| url.starts_with(s));
    if !known(url) {
        problems.push(
            Diagnostic::error(Code::OutOfRange, "this is no database that can be reached")
                .at(&url.place)
                .label("expected sqlite://… or postgres://…"),
        );
        return None;
    }
    let args = sql.args.iter().flat_map(|args| args.iter()).map(|arg| arg.value.0.to_json()).collect();
    Some(Call::Sql(SqlCall { url: url.value.clone(), query: query.value.clone(), args }))
}
