//! What leaves the app, as a case asks for it and refuses it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{Action, Case, Running};
use crate::judge::truth::lookup;
use crate::probe::ReadError;
use crate::project::model::{Call, OutsideProbe, ProbeKind, Select};
use crate::project::validate::TRUTH;
use crate::run_event::Reason;
use crate::scenario::model::{Expected, FaultKind, OutsideFault, Step, Story};
use crate::template::TemplateError;

/// How a probe is read, filled in.
#[derive(Debug)]
pub(crate) enum Ask {
    /// By a call.
    Call(Box<Call>),
    /// By looking at what left the app.
    Outside(Box<OutsideProbe>),
    /// It is known: provider truth as it is now.
    Truth(Map<String, Value>),
}

impl Case {
    /// Something left an app: whoever waits for it looks now.
    pub(super) fn arrived(&mut self, at: Duration, out: &mut Vec<Action>) {
        let probes = &self.scene.project.probes;
        let is_outside =
            |probe: &str| probes.get(probe).is_some_and(|probe| matches!(probe.kind, ProbeKind::Outside(_)));
        if let Running::Judging(watch) = &mut self.running {
            watch.woken_of(at, is_outside);
            self.judge_on(at, out);
        }
    }

    /// Refuses what a step's faults say, of mails and of calls to third parties.
    pub(super) fn refuse(&mut self, step: usize, at: Duration, out: &mut Vec<Action>) {
        let story = Arc::clone(&self.plan.story);
        let Some(step) = story.steps.get(step) else { return };
        let mut faults = Vec::new();
        for fault in &step.faults {
            let FaultKind::Outside(outside) = &fault.kind else { continue };
            match self.render_fault(step.customer, outside) {
                Ok(rendered) => faults.push(rendered),
                Err(error) => {
                    let reason =
                        Reason { message: format!("failed to {error}"), place: Some(fault.place.clone()) };
                    return self.give_up(reason, at, out);
                }
            }
        }
        if !faults.is_empty() {
            out.push(Action::Refuse(faults));
        }
    }

    fn render_fault(&self, slot: usize, fault: &OutsideFault) -> Result<OutsideFault, TemplateError> {
        let select = match &fault.select {
            Some(select) => self.render_select(slot, select)?,
            None => {
                let own: Vec<&str> = self.slots.iter().map(|slot| slot.email.as_str()).collect();
                Select { fields: [("to".to_owned(), json!({ "one_of": own }))].into(), ..Select::default() }
            }
        };
        Ok(OutsideFault { select: Some(select), ..fault.clone() })
    }

    pub(super) fn render_outside(
        &self,
        slot: usize,
        probe: &OutsideProbe,
    ) -> Result<OutsideProbe, TemplateError> {
        Ok(OutsideProbe { select: self.render_select(slot, &probe.select)?, ..probe.clone() })
    }

    fn render_select(&self, slot: usize, select: &Select) -> Result<Select, TemplateError> {
        let table = |table: &BTreeMap<String, Value>| {
            let render = |(key, value): (&String, &Value)| Ok((key.clone(), self.render(slot, value)?));
            table.iter().map(render).collect::<Result<BTreeMap<_, _>, TemplateError>>()
        };
        let call = select.call.as_ref().map(|call| crate::template::render_text(call, &self.names(slot)));
        Ok(Select { call: call.transpose()?, fields: table(&select.fields)?, json: table(&select.json)? })
    }

    /// Provider truth at the paths that the story names, as it is now; all of it where a step only says that nothing
    /// of it may change.
    pub(super) fn read_truth(&self, slot: usize, probe: &str) -> Map<String, Value> {
        let Some(slot) = self.slots.get(slot) else { return Map::new() };
        let named = paths(&self.plan.story, probe);
        let whole =
            self.plan.story.steps.iter().any(|step| step.unchanged.iter().any(|name| name.value == probe));
        let objects = slot.truth.iter().filter(|(name, _)| whole && TRUTH.contains(&name.as_str()));
        let objects = objects.map(|(name, value)| (name.clone(), value.clone()));
        let values =
            named.into_iter().filter_map(|path| Some((path.to_owned(), lookup(&slot.truth, path)?.clone())));
        values.chain(objects).collect()
    }

    /// How a probe is read, filled in.
    pub(super) fn ask(&self, slot: usize, probe: &str) -> Result<Ask, ReadError> {
        let missing = |problem: String| ReadError::Template { template: probe.to_owned(), problem };
        let unfilled =
            |error: TemplateError| ReadError::Template { template: error.template, problem: error.problem };
        match self.scene.project.probes.get(probe).map(|probe| &probe.kind) {
            Some(ProbeKind::Call { call, .. }) => {
                self.render_call(slot, call).map(|call| Ask::Call(Box::new(call))).map_err(unfilled)
            }
            Some(ProbeKind::Outside(outside)) => self
                .render_outside(slot, outside)
                .map(|probe| Ask::Outside(Box::new(probe)))
                .map_err(unfilled),
            Some(ProbeKind::Truth) => Ok(Ask::Truth(self.read_truth(slot, probe))),
            None => Err(missing(format!("there is no probe `{probe}`"))),
        }
    }
}

/// The fields that a story expects of a probe.
fn paths<'a>(story: &'a Story, probe: &'a str) -> BTreeSet<&'a str> {
    let of_probe = move |expected: &&Expected| expected.probe == probe;
    let expected = story.steps.iter().flat_map(Step::expected).filter(of_probe);
    expected.flat_map(|expected| expected.fields.keys().map(String::as_str)).collect()
}
