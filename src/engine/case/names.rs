//! What templates of a case may name.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::Case;
use crate::template::{self, Names, TemplateError};

/// The names of one customer of a case.
pub(super) struct CaseNames<'a> {
    case: &'a Case,
    slot: usize,
}

impl Names for CaseNames<'_> {
    fn get(&self, root: &str) -> Option<Cow<'_, Value>> {
        let slot = self.case.slots.get(self.slot)?;
        match root {
            "variable" => Some(Cow::Owned(Value::Object(self.case.variables.clone()))),
            "matrix" => Some(Cow::Owned(Value::Object(self.case.plan.story.matrix.clone()))),
            "clock" => Some(Cow::Owned(self.case.clock_names())),
            "request" => Some(Cow::Owned(Value::Object(slot.answers.clone()))),
            _ => slot.truth.get(root).or_else(|| self.case.scene.names.get(root)).map(Cow::Borrowed),
        }
    }
}

impl Case {
    pub(super) fn names(&self, slot: usize) -> CaseNames<'_> {
        CaseNames { case: self, slot }
    }

    pub(super) fn render(&self, slot: usize, value: &Value) -> Result<Value, TemplateError> {
        template::render(value, &self.names(slot))
    }

    pub(super) fn render_map(
        &self,
        slot: usize,
        map: &Map<String, Value>,
    ) -> Result<Map<String, Value>, TemplateError> {
        template::render_map(map, &self.names(slot))
    }
}
