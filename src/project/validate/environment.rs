//! Environments: which Stripe, which target.

use std::collections::BTreeMap;

use super::stripe_mock::stripe_mock;
use super::{guard, notify, target};
use crate::project::document::{BindDocument, DoubleDocument, EnvironmentDocument, ProviderDocument};
use crate::project::model::{Environment, NotYet, Notify, Price, Provider, StripeMock};
use crate::scenario::code::Code;
use crate::scenario::decode::{Field, Number, Problems, Text};
use crate::scenario::diagnostic::{Diagnostic, suggest};
use crate::scenario::shape::{self, Shape};
use crate::span::Place;
use crate::stripe::action::Leaves;
use crate::stripe::version::Version;

/// What an environment cannot do yet, as it is found.
pub(super) struct Later<'a> {
    environment: &'a str,
    pub(super) list: Vec<NotYet>,
}

impl Later<'_> {
    /// `what` stands below the environment: `target.container`.
    pub(super) fn push(&mut self, what: &str, place: &Place) {
        let what = format!("environment.{}.{what}", self.environment);
        self.list.push(NotYet { what, place: place.clone() });
    }

    /// The version that the key `what` names; one that is not modelled cannot be used yet.
    pub(super) fn version(
        &mut self,
        what: &str,
        named: &Field<Text>,
        problems: &mut Problems,
    ) -> Option<Version> {
        match shape::read(named) {
            Some(Shape::Version(version)) => return Some(version),
            Some(_) => self.push(&format!("{what}.{}", named.value), &named.place),
            None => problems.push(shape::unknown(named, &named.place)),
        }
        None
    }
}

/// An environment; `None` after saying why.
pub(super) fn environment(
    name: &str,
    field: &Field<EnvironmentDocument>,
    prices: &BTreeMap<String, Price>,
    notifiers: &BTreeMap<String, Notify>,
    problems: &mut Problems,
) -> Option<Environment> {
    let mut later = Later { environment: name, list: Vec::new() };
    let provider =
        field.provider.as_ref().and_then(|provider| self::provider(provider, &mut later, problems));
    let target = field.target.as_ref().and_then(|target| target::target(target, &mut later, problems));
    if let Some(bind) = &field.bind {
        check_bind(bind, prices, problems);
    }
    guard::check(name, field, problems);
    let notify = notify::named(field, notifiers, problems);
    let provider = provider?;
    if matches!(provider, Provider::Double { .. }) {
        endpoints_needed(field, problems);
    }
    Some(Environment {
        name: name.to_owned(),
        place: field.key.clone(),
        provider,
        target: target?,
        variables: field.variables.as_ref().map(|table| table.0.to_map()).unwrap_or_default(),
        notify,
        not_yet: later.list,
    })
}

fn provider(document: &ProviderDocument, later: &mut Later<'_>, problems: &mut Problems) -> Option<Provider> {
    if let Some(double) = &document.double {
        return Some(self::double(double, later, problems));
    }
    if let Some(live) = &document.live {
        later.push("provider.live", &live.key);
        return Some(Provider::NotYet("live"));
    }
    let mock = document.stripe_mock.as_ref()?;
    let own = Own { port: &mock.port, answers_in: &mock.answers_in, after_retries: &mock.after_retries };
    let beside = stripe_mock(mock, problems);
    Some(own.double(Some(beside), "provider.stripe_mock", later, problems))
}

fn double(document: &DoubleDocument, later: &mut Later<'_>, problems: &mut Problems) -> Provider {
    let DoubleDocument { port, answers_in, after_retries, .. } = document;
    Own { port, answers_in, after_retries }.double(None, "provider.double", later, problems)
}

/// The double's own keys, whatever stands beside it.
struct Own<'a> {
    port: &'a Option<Field<Number<1, 65_535>>>,
    answers_in: &'a Option<Field<Text>>,
    after_retries: &'a Option<Field<Leaves>>,
}

impl Own<'_> {
    fn double(
        &self,
        beside: Option<StripeMock>,
        table: &str,
        later: &mut Later<'_>,
        problems: &mut Problems,
    ) -> Provider {
        let fixed = self.answers_in.as_ref().filter(|version| version.as_str() != "asked");
        Provider::Double {
            port: self.port.as_ref().map(|port| port.get()),
            answers_in: fixed
                .and_then(|version| later.version(&format!("{table}.answers_in"), version, problems)),
            after_retries: self.after_retries.as_ref().map(|leaves| **leaves).unwrap_or_default(),
            beside,
        }
    }
}

/// An environment whose events we send needs somewhere to send them.
fn endpoints_needed(field: &Field<EnvironmentDocument>, problems: &mut Problems) {
    let Some(target) = &field.target else { return };
    if target.endpoint.as_ref().is_none_or(|endpoints| endpoints.0.is_empty()) {
        problems.push(
            Diagnostic::error(Code::MissingKey, "a target needs an endpoint that receives events")
                .at(&target.key)
                .label("`endpoint` is missing")
                .help("add target.endpoint.main = { path = \"/stripe/webhook\" }"),
        );
    }
}

fn check_bind(bind: &BindDocument, prices: &BTreeMap<String, Price>, problems: &mut Problems) {
    for (key, field) in bind.price.iter().flat_map(|prices| prices.iter()) {
        if !prices.contains_key(key) {
            problems.push(
                Diagnostic::error(Code::UnknownPrice, format!("unknown price `{key}`"))
                    .at(&field.key)
                    .label("no such `[catalog.price.KEY]`")
                    .maybe_help(suggest(key, "prices", prices.keys().map(String::as_str))),
            );
        }
    }
}
