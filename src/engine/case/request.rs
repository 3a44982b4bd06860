//! What happens in the app: a person's click, a job's run.

use std::time::Duration;

use serde_json::{Map, Value};

use super::{Action, Case, Running};
use crate::probe::RequestOutcome;
use crate::project::model::{Call, CommandCall, HttpCall, PageCall, SqlCall};
use crate::run_event::{Reason, RequestRecord, RunEventKind};
use crate::span::Place;
use crate::template::{self, TemplateError};

impl Case {
    pub(super) fn request(
        &mut self,
        slot: usize,
        name: &str,
        place: Place,
        at: Duration,
        out: &mut Vec<Action>,
    ) {
        self.record.place = Some(place.clone());
        match self.request_action(slot, name) {
            Ok(action) => {
                out.push(action);
                self.running = Running::Answer;
            }
            Err(message) => self.give_up(Reason { message, place: Some(place) }, at, out),
        }
    }

    pub(super) fn request_action(&self, slot: usize, name: &str) -> Result<Action, String> {
        let request = self
            .scene
            .project
            .requests
            .get(name)
            .ok_or_else(|| format!("the project has no request `{name}`"))?;
        let call = self
            .render_call(slot, &request.call)
            .map_err(|error| format!("request `{name}`: cannot {error}"))?;
        Ok(Action::Request { name: name.to_owned(), slot, call: Box::new(call) })
    }

    /// A request that is answered neither 2xx nor with a redirect makes the case errored: the story did not happen
    /// as told. Redirects inside the app were followed already; one that leads elsewhere (to Stripe's checkout page)
    /// is as good an answer as any.
    pub(super) fn requested(
        &mut self,
        slot: usize,
        record: RequestRecord,
        answer: Option<Map<String, Value>>,
        at: Duration,
        out: &mut Vec<Action>,
    ) {
        let problem = match &record.outcome {
            Ok(outcome) if outcome.is_done() => None,
            Ok(RequestOutcome::Answered(status)) => {
                Some(format!("request `{}` was answered {status}, not 2xx: {}", record.name, record.body))
            }
            Ok(outcome) => Some(format!("request `{}` ended with {outcome}: {}", record.name, record.body)),
            Err(problem) => Some(format!("request `{}` failed to {problem}", record.name)),
        };
        if let (Some(answer), Some(slot)) = (answer, self.slots.get_mut(slot)) {
            slot.answers.insert(record.name.clone(), Value::Object(answer));
        }
        out.push(Action::Emit(RunEventKind::Requested { case: self.plan.id, record: record.clone() }));
        self.record.requested(record);
        if let Some(message) = problem {
            let place = self.record.place.clone();
            return self.give_up(Reason { message, place }, at, out);
        }
        match &self.running {
            Running::Answer => self.running = Running::Nothing,
            Running::Delivering(_) => self.request_of_delivery_ended(at, out),
            _ => {}
        }
    }

    pub(super) fn render_call(&self, slot: usize, call: &Call) -> Result<Call, TemplateError> {
        let names = self.names(slot);
        Ok(match call {
            Call::Http(call) => Call::Http(self.render_http(slot, call)?),
            Call::Sql(call) => Call::Sql(SqlCall {
                url: template::render_text(&call.url, &names)?,
                // What comes from a template is an argument: a query is never put together from texts.
                query: call.query.clone(),
                args: call.args.iter().map(|arg| template::render(arg, &names)).collect::<Result<_, _>>()?,
            }),
            Call::Page(call) => Call::Page(PageCall {
                path: template::render_text(&call.path, &names)?,
                timeout: call.timeout,
            }),
            Call::Command(call) => Call::Command(CommandCall {
                command: call
                    .command
                    .iter()
                    .map(|word| template::render_text(word, &names))
                    .collect::<Result<_, _>>()?,
            }),
        })
    }

    fn render_http(&self, slot: usize, call: &HttpCall) -> Result<HttpCall, TemplateError> {
        let names = self.names(slot);
        let text = |text: &String| template::render_text(text, &names);
        Ok(HttpCall {
            method: call.method.clone(),
            path: text(&call.path)?,
            headers: call
                .headers
                .iter()
                .map(|(name, value)| Ok((name.clone(), text(value)?)))
                .collect::<Result<_, TemplateError>>()?,
            json: call.json.as_ref().map(|json| template::render(json, &names)).transpose()?,
            form: call.form.as_ref().map(|form| template::render_map(form, &names)).transpose()?,
            text: call.text.as_ref().map(text).transpose()?,
            timeout: call.timeout,
        })
    }
}
