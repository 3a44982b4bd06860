//! The app under test: how it comes up, and where deliveries go.

use std::collections::BTreeMap;

use super::call::{check_path, command_call, http_call};
use super::catalog::{text, texts};
use super::container;
use super::environment::Later;
use super::probe::json_path;
use crate::project::document::{
    ClockDocument, DeployShaDocument, EndpointDocument, ProcessDocument, ReadyDocument, TargetDocument,
};
use crate::project::model::{
    DeploySha, Endpoint, Launch, MovedBy, Process, Ready, ReadyCheck, Redirect, Target,
};
use crate::scenario::code::Code;
use crate::scenario::decode::{self, Field, Problems, Text};
use crate::scenario::diagnostic::Diagnostic;

/// The target; `None` after saying why.
pub(super) fn target(
    document: &TargetDocument,
    later: &mut Later<'_>,
    problems: &mut Problems,
) -> Option<Target> {
    let endpoints = endpoints(document, later, problems);
    let deploy_sha = document.deploy_sha.as_ref().and_then(|sha| {
        container::label_of_an_image(document, sha, problems);
        deploy_sha(sha, problems)
    });
    Some(Target {
        launch: launch(document, problems)?,
        network: container::network(document, problems),
        clock: clock(document, problems),
        redirect: redirect(document, problems),
        env: env(document.env.as_ref()),
        endpoints,
        deploy_sha,
    })
}

/// A hook is loaded when the app starts, so that it must be us who start it.
fn redirect(document: &TargetDocument, problems: &mut Problems) -> Option<Redirect> {
    let redirect = document.redirect.as_ref()?;
    if document.url.is_some() {
        problems.push(
            Diagnostic::error(Code::ExclusiveKeys, "`redirect` does not go with `url`")
                .at(&redirect.key)
                .label("an app that already runs cannot be led elsewhere")
                .help("give it a setting for Stripe's address, or start it with `process`"),
        );
    }
    Some(redirect.value)
}

/// How the app's clock is moved. Only an app that we start can have one of its own for a case.
fn clock(document: &TargetDocument, problems: &mut Problems) -> Option<MovedBy> {
    let field = document.clock.as_ref()?;
    if document.url.is_some() {
        problems.push(
            Diagnostic::error(Code::ExclusiveKeys, "the clock of an app that already runs cannot be moved")
                .at(&field.key)
                .label("other people use that app: let Paydrill start one, with `process`"),
        );
    }
    match &field.value {
        ClockDocument::Faketime => {
            container::no_faketime(document, field, problems);
            Some(MovedBy::Faketime)
        }
        ClockDocument::Hook(hook) => {
            http_call(hook.http.as_ref()?, problems).map(Box::new).map(MovedBy::Hook)
        }
    }
}

fn launch(document: &TargetDocument, problems: &mut Problems) -> Option<Launch> {
    if let Some(url) = &document.url {
        if !["http://", "https://", "{{"].iter().any(|start| url.starts_with(start)) {
            problems.push(
                Diagnostic::error(Code::OutOfRange, format!("`{}` is no URL of an app", url.value))
                    .at(&url.place)
                    .label("expected http://… or https://…"),
            );
        }
        return Some(Launch::Url(url.value.clone()));
    }
    if let Some(containers) = &document.container {
        return container::containers(containers, problems).map(Launch::Containers);
    }
    if let Some(compose) = &document.compose {
        return container::compose(compose, problems).map(Box::new).map(Launch::Compose);
    }
    let processes = document.process.as_ref()?;
    if processes.0.is_empty() {
        problems.missing(&processes.key.range, "`target.process`", "web");
    }
    Some(Launch::Processes(
        processes.iter().filter_map(|(name, field)| process(name, field, problems)).collect(),
    ))
}

fn process(name: &str, field: &Field<ProcessDocument>, problems: &mut Problems) -> Option<Process> {
    let command = field.command.as_ref()?;
    let _ = command_call(command, problems);
    let instances = field.instances.as_ref().map_or(1, |instances| instances.get());
    if let Some(port) = field.port.as_ref().filter(|_| instances > 1) {
        problems.push(
            Diagnostic::error(Code::ExclusiveKeys, "several instances cannot share a fixed port")
                .at(&port.key)
                .label("leave it out: each is given a free one"),
        );
    }
    Some(Process {
        name: name.to_owned(),
        command: texts(Some(command)),
        dir: text(field.dir.as_ref()),
        port: field.port.as_ref().map(|port| port.get()),
        instances,
        env: env(field.env.as_ref()),
        ready: field.ready.as_ref().and_then(|ready| {
            if let Some(health) = &ready.health {
                problems.push(
                    Diagnostic::error(Code::ExclusiveKeys, "a process has no health check")
                        .at(&health.key)
                        .label("only an image has one")
                        .help("wait for an answer: ready = { http = \"/healthz\" }"),
                );
            }
            self::ready(ready, problems)
        }),
        place: field.key.clone(),
    })
}

pub(super) fn ready(document: &ReadyDocument, problems: &mut Problems) -> Option<Ready> {
    let check = if let Some(path) = &document.http {
        check_path(Some(path), problems);
        ReadyCheck::Http(path.value.clone())
    } else if let Some(log) = &document.log {
        ReadyCheck::Log(log.value.clone())
    } else if let Some(health) = &document.health {
        must_be_true(health, "ready.health", problems);
        ReadyCheck::Health
    } else {
        let port = document.port.as_ref()?;
        must_be_true(port, "ready.port", problems);
        ReadyCheck::Port
    };
    Some(Ready { check, within: document.within.as_ref().map(|within| within.0) })
}

pub(super) fn env(table: Option<&Field<decode::Map<Text>>>) -> BTreeMap<String, String> {
    table
        .into_iter()
        .flat_map(|table| table.iter())
        .map(|(name, value)| (name.to_owned(), value.value.clone()))
        .collect()
}

fn endpoints(
    document: &TargetDocument,
    later: &mut Later<'_>,
    problems: &mut Problems,
) -> BTreeMap<String, Endpoint> {
    let Some(endpoints) = &document.endpoint else { return BTreeMap::new() };
    endpoints
        .iter()
        .filter_map(|(name, field)| Some((name.to_owned(), endpoint(name, field, later, problems)?)))
        .collect()
}

fn endpoint(
    name: &str,
    field: &Field<EndpointDocument>,
    later: &mut Later<'_>,
    problems: &mut Problems,
) -> Option<Endpoint> {
    check_endpoint_path(field.path.as_ref(), problems);
    let what = format!("target.endpoint.{name}.api_version");
    let api_version = field.api_version.as_ref().and_then(|named| later.version(&what, named, problems));
    let thin = field.thin.as_ref().is_some_and(|thin| thin.value);
    if thin {
        check_thin(field, problems);
    }
    Some(Endpoint {
        path: field.path.as_ref()?.value.clone(),
        secret: text(field.secret.as_ref()),
        api_version,
        events: texts(field.events.as_ref()),
        timeout: field.timeout.as_ref().map(|timeout| timeout.0),
        thin,
        connect: field.connect.as_ref().is_some_and(|connect| connect.value),
        place: field.key.clone(),
    })
}

/// Thin events have no version, and types of their own.
fn check_thin(field: &EndpointDocument, problems: &mut Problems) {
    if let Some(version) = &field.api_version {
        problems.push(
            Diagnostic::error(Code::ExclusiveKeys, "`api_version` does not go with `thin`")
                .at(&version.key)
                .label("thin events have no version"),
        );
    }
    for kind in field.events.iter().flat_map(|events| events.iter()) {
        let fits = ["*", "v1.", "v2."].iter().any(|start| kind.value.starts_with(start));
        if !fits {
            problems.push(
                Diagnostic::error(Code::UnknownWord, format!("`{}` is no type of a thin event", kind.value))
                    .at(&kind.place)
                    .label("thin events have types of their own")
                    .help(format!("write \"v1.{}\"", kind.value)),
            );
        }
    }
}

/// Deliveries go to the target, so that its path cannot be a URL; and it is not filled in.
fn check_endpoint_path(path: Option<&Field<Text>>, problems: &mut Problems) {
    check_path(path, problems);
    let Some(path) =
        path.filter(|path| ["http://", "https://", "{{"].iter().any(|start| path.starts_with(start)))
    else {
        return;
    };
    problems.push(
        Diagnostic::error(Code::BadCall, format!("`{}` is no path of an endpoint", path.value))
            .at(&path.place)
            .label("a path on the target starts with `/`"),
    );
}

fn deploy_sha(document: &DeployShaDocument, problems: &mut Problems) -> Option<DeploySha> {
    if let Some(read) = document.read.as_ref().filter(|_| document.http.is_none()) {
        problems.push(
            Diagnostic::error(Code::ExclusiveKeys, "`read` goes with `http`")
                .at(&read.key)
                .label("there is no answer to read from"),
        );
    }
    if let Some(git) = &document.git {
        must_be_true(git, "deploy_sha.git", problems);
        return Some(DeploySha::Git);
    }
    if let Some(variable) = &document.env {
        return Some(DeploySha::Env(variable.value.clone()));
    }
    if let Some(command) = &document.command {
        let _ = command_call(command, problems);
        return Some(DeploySha::Command(texts(Some(command))));
    }
    if let Some(label) = &document.label {
        return Some(DeploySha::Label(label.value.clone()));
    }
    if let Some(literal) = &document.literal {
        return Some(DeploySha::Literal(literal.value.clone()));
    }
    deploy_sha_http(document, problems)
}

fn deploy_sha_http(document: &DeployShaDocument, problems: &mut Problems) -> Option<DeploySha> {
    let http = document.http.as_ref()?;
    check_path(http.path.as_ref(), problems);
    let Some(read) = http.read.as_ref().or(document.read.as_ref()) else {
        problems.missing(&http.key.range, "`deploy_sha.http`", "read");
        return None;
    };
    json_path(read, problems);
    Some(DeploySha::Http { path: http.path.as_ref()?.value.clone(), read: read.value.clone() })
}

/// `port = true`: false would say the contrary of the key.
fn must_be_true(field: &Field<bool>, what: &str, problems: &mut Problems) {
    if !field.value {
        problems.push(
            Diagnostic::error(Code::OutOfRange, format!("`{what}` can only be true"))
                .at(&field.place)
                .label("leave it out instead"),
        );
    }
}
