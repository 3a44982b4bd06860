//! What leaves the app: taken in by servers of our own, read by probes, and refused where a fault says so.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::sync::watch;

use super::selection::Selection;
use crate::id::CaseId;
use crate::outside::sink::AnswerBody;
use crate::outside::{Answer, Fault, OutsideError, Server, Shelf, Taken, mail, sink};
use crate::probe::{Fields, ReadError, Reading};
use crate::project::model::{Environment, Outlet, OutsideProbe, Project, Sink, SinkAnswer};
use crate::provider::double::ApiCall;
use crate::scenario::model::OutsideFault;
use crate::time::Clock;

/// Where our servers listen, and how the app calls that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Here {
    pub(super) listen_on: IpAddr,
    pub(super) host: String,
    /// Where the app listens in its container, where a compose file tells it.
    pub(super) inside: Option<u16>,
}

impl Default for Here {
    /// For an app that is started as this machine's processes.
    fn default() -> Self {
        Self { listen_on: Ipv4Addr::LOCALHOST.into(), host: Ipv4Addr::LOCALHOST.to_string(), inside: None }
    }
}

/// The servers of one app, and what its cases have read of them.
#[derive(Debug)]
pub(super) struct Outside {
    mail: Option<Server>,
    sinks: BTreeMap<String, Server>,
    /// What each case asked Stripe.
    stripe: BTreeMap<CaseId, Shelf>,
    /// How the app calls this machine.
    host: String,
    arrivals: watch::Receiver<u64>,
    /// Keeps `arrivals` open where nothing is taken in.
    told: watch::Sender<u64>,
    tallies: BTreeMap<(CaseId, usize, String), Tally>,
}

/// What a probe has found so far, so that nothing is looked at twice.
#[derive(Debug)]
struct Tally {
    /// As it was filled in.
    probe: OutsideProbe,
    selection: Selection,
    read: Fields,
    seen: usize,
    found: Vec<Arc<Taken>>,
}

impl Outside {
    /// Starts what this environment's app, or the project's probes, need, where the app reaches it.
    pub(super) fn start(
        project: &Project,
        environment: &Environment,
        here: &Here,
        clock: Clock,
    ) -> Result<Self, OutsideError> {
        let (told, arrivals) = watch::channel(0);
        let mail = project.takes_mail(environment).then(|| {
            let port = project.mail.and_then(|mail| mail.port).unwrap_or(0);
            mail::start(SocketAddr::new(here.listen_on, port), clock, told.clone())
        });
        let sink = |name: String| {
            let sink = project.sinks.get(&name).cloned().unwrap_or_default();
            let Sink { port, answers } = sink;
            let answers = answers.into_iter().map(answer).collect();
            let server = sink::start(
                &name,
                SocketAddr::new(here.listen_on, port.unwrap_or(0)),
                answers,
                clock,
                told.clone(),
            )?;
            Ok((name, server))
        };
        Ok(Self {
            mail: mail.transpose()?,
            sinks: project.sink_names().into_iter().map(sink).collect::<Result<_, OutsideError>>()?,
            stripe: BTreeMap::new(),
            host: here.host.clone(),
            arrivals,
            told,
            tallies: BTreeMap::new(),
        })
    }

    /// What templates may name: `mail.url`, `sink.NAME.url`.
    pub(super) fn names(&self) -> Vec<(String, Value)> {
        let host = &self.host;
        let mail = self.mail.as_ref().map(|mail| {
            let port = mail.port();
            ("mail".to_owned(), json!({ "url": format!("smtp://{host}:{port}"), "host": host, "port": port }))
        });
        let sink = |(name, sink): (&String, &Server)| {
            let port = sink.port();
            (name.clone(), json!({ "url": format!("http://{host}:{port}"), "host": host, "port": port }))
        };
        let sinks: Map<String, Value> = self.sinks.iter().map(sink).collect();
        mail.into_iter().chain([("sink".to_owned(), Value::Object(sinks))]).collect()
    }

    /// Changes when something comes in.
    pub(super) fn arrivals(&self) -> watch::Receiver<u64> {
        self.arrivals.clone()
    }

    /// Takes note of what the app asked Stripe about a case.
    pub(super) fn called(&mut self, case: CaseId, call: &ApiCall) {
        let (path, query) = call.path.split_once('?').unwrap_or((&call.path, ""));
        let mut fields = Map::from_iter([
            ("method".to_owned(), Value::from(call.method.as_str())),
            ("path".to_owned(), path.into()),
            ("json".to_owned(), Value::Object(call.given.clone())),
        ]);
        if !query.is_empty() {
            fields.insert("query".to_owned(), query.into());
        }
        let shelf = self.stripe.entry(case).or_insert_with(|| Shelf::new(watch::channel(0).0));
        shelf.take(call.at, fields, call.status);
    }

    /// Refuses from now on what these faults are about; none: nothing any more.
    pub(super) fn refuse(&self, case: CaseId, faults: &[OutsideFault]) -> Result<(), String> {
        let shelves = self.sinks.iter().map(|(name, sink)| (Outlet::Sink(name.clone()), sink.shelf()));
        let mail = self.mail.as_ref().map(|mail| (Outlet::Mail, mail.shelf()));
        for (outlet, shelf) in shelves.chain(mail) {
            let own = faults.iter().filter(|fault| fault.outlet == outlet);
            shelf.arm(case, own.map(fault).collect::<Result<_, _>>()?);
        }
        Ok(())
    }

    /// Reads a probe whose templates are filled in.
    pub(super) fn read(
        &mut self,
        key: (CaseId, usize, String),
        probe: OutsideProbe,
        at: Duration,
    ) -> Reading {
        Reading { at, took: Duration::ZERO, fields: self.fields(key, probe) }
    }

    fn fields(
        &mut self,
        key: (CaseId, usize, String),
        probe: OutsideProbe,
    ) -> Result<Map<String, Value>, ReadError> {
        let case = key.0;
        if self.tallies.get(&key).is_none_or(|tally| tally.probe != probe) {
            self.tallies.insert(key.clone(), Tally::new(probe.clone())?);
        }
        let more = |seen| match &probe.outlet {
            Outlet::Mail => self.mail.as_ref().map(|mail| mail.shelf().after(seen)),
            Outlet::Sink(name) => self.sinks.get(name).map(|sink| sink.shelf().after(seen)),
            Outlet::Stripe => self.stripe.get(&case).map(|shelf| shelf.after(seen)),
        };
        let Some(tally) = self.tallies.get_mut(&key) else { return Ok(Map::new()) };
        let more = more(tally.seen).unwrap_or(Ok(Vec::new())).map_err(|full| ReadError::Overflow {
            what: match &probe.outlet {
                Outlet::Mail => "mails".to_owned(),
                Outlet::Sink(name) => format!("calls to `{name}`"),
                Outlet::Stripe => "calls to Stripe".to_owned(),
            },
            limit: full.limit,
        })?;
        Ok(tally.add(more))
    }

    /// Forgets a case.
    pub(super) fn close(&mut self, case: CaseId) {
        self.stripe.remove(&case);
        self.tallies.retain(|(owner, _, _), _| *owner != case);
        // With no faults nothing can be wrong with them.
        let _ = self.refuse(case, &[]);
    }

    /// Frees its ports.
    pub(super) async fn stop(self) {
        let Self { mail, sinks, told, .. } = self;
        drop(told);
        if let Some(mail) = mail {
            mail.stop().await;
        }
        for sink in sinks.into_values() {
            sink.stop().await;
        }
    }
}

fn fault(fault: &OutsideFault) -> Result<Fault, String> {
    let selection =
        fault.select.as_ref().map(Selection::compile).transpose().map_err(|error| error.to_string())?;
    let selection = selection.unwrap_or_default();
    Ok(Fault {
        about: Arc::new(move |fields| selection.admits(fields)),
        status: fault.status,
        times: fault.times,
    })
}

fn answer(answer: SinkAnswer) -> Answer {
    let text = |(name, value): (String, Value)| Some((name, value.as_str()?.to_owned()));
    Answer {
        call: answer.call,
        status: answer.status.unwrap_or(200),
        headers: answer.headers.into_iter().filter_map(text).collect(),
        body: match (answer.json, answer.text) {
            (Some(json), _) => AnswerBody::Json(json),
            (None, Some(text)) => AnswerBody::Text(text),
            (None, None) => AnswerBody::default(),
        },
    }
}

impl Tally {
    fn new(probe: OutsideProbe) -> Result<Self, ReadError> {
        let selection = Selection::compile(&probe.select)?;
        let read = Fields::compile(&probe.read)?;
        Ok(Self { probe, selection, read, seen: 0, found: Vec::new() })
    }

    /// Looks through what is new and gives the probe's fields.
    fn add(&mut self, more: Vec<Arc<Taken>>) -> Map<String, Value> {
        self.seen = self.seen.saturating_add(more.len());
        self.found.extend(more.into_iter().filter(|taken| self.selection.admits(&taken.fields)));
        let accepted = self.found.iter().filter(|taken| taken.is_accepted()).count();
        let refused = self.found.len().saturating_sub(accepted);
        let mut fields = match self.probe.outlet {
            Outlet::Mail => self.mails(accepted),
            Outlet::Sink(_) | Outlet::Stripe => self.calls(accepted),
        };
        fields.insert("refused".to_owned(), refused.into());
        fields
    }

    /// How many mails reached the server, and the newest of them.
    fn mails(&self, accepted: usize) -> Map<String, Value> {
        let reached = || self.found.iter().filter(|taken| taken.is_accepted());
        let subject = |taken: &Arc<Taken>| taken.fields.get("subject").cloned().unwrap_or_default();
        let mut fields = reached().next_back().map(|newest| newest.fields.clone()).unwrap_or_default();
        fields.insert("messages".to_owned(), accepted.into());
        fields.insert("subjects".to_owned(), reached().map(subject).collect());
        fields
    }

    /// How many calls there were, and the newest of them.
    fn calls(&self, accepted: usize) -> Map<String, Value> {
        let mut fields = Map::from_iter([
            ("calls".to_owned(), Value::from(self.found.len())),
            ("accepted".to_owned(), accepted.into()),
        ]);
        let Some(newest) = self.found.last() else { return fields };
        for key in ["method", "path", "text"] {
            fields.extend(newest.fields.get(key).map(|value| (key.to_owned(), value.clone())));
        }
        fields.insert("status".to_owned(), newest.status.into());
        if let Some(body) = newest.fields.get("json") {
            fields.extend(self.read.read(body).0);
        }
        fields
    }
}

#[cfg(test)]
mod tests;
