//! What every case of a run shares once the app and the double are up.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::project::model::{MovedBy, Project};
use crate::secret::Secret;
use crate::stripe::version::Version;

/// What every case of a run shares once the app and the double are up.
#[derive(Debug)]
pub(crate) struct Scene {
    /// The project.
    pub(crate) project: Arc<Project>,
    /// Where deliveries go.
    pub(crate) endpoints: BTreeMap<String, Arc<EndpointAt>>,
    /// Where each process answers, by its id (`app`, `app#2`); empty for an app that already runs.
    pub(crate) processes: BTreeMap<String, String>,
    /// Ids of those that take deliveries in turn; at most one: there are no turns.
    pub(crate) turns: Vec<String>,
    /// How the app's clock is moved; `None`: it stands where it stands, since cases share the app.
    pub(crate) clock: Option<MovedBy>,
    /// `provider`, `endpoint`, `target`, `price`, `product`, `secret`: what templates may name, the same for all cases.
    pub(crate) names: Map<String, Value>,
    /// Project's, environment's and command line's variables, merged; the scenario's own come between.
    pub(crate) variables: Variables,
    /// Reproduces ids and shuffles.
    pub(crate) seed: u64,
}

/// An endpoint of the app that is up.
#[derive(Debug)]
pub(crate) struct EndpointAt {
    /// Its name.
    pub(crate) name: String,
    /// Where it is.
    pub(crate) url: String,
    /// The same below the app's address.
    pub(crate) path: String,
    /// What deliveries are signed with.
    pub(crate) secret: Secret,
    /// Another endpoint's secret, or a made-up one where there is no other, for deliveries that must be refused.
    pub(crate) other_secret: Secret,
    /// What else deliveries are signed with while the secret is rolled.
    pub(crate) old_secret: Secret,
    /// The version in which it receives events; `None`: the newest.
    pub(crate) api_version: Option<Version>,
    /// Event types it has subscribed to; empty: all.
    pub(crate) events: Vec<String>,
    /// It is sent thin events.
    pub(crate) thin: bool,
    /// Receives events of connected accounts.
    pub(crate) connect: bool,
    /// How long an answer is waited for.
    pub(crate) timeout: Duration,
}

/// `{{ variable.NAME }}` by who says it; the last one wins.
#[derive(Debug, Clone, Default)]
pub struct Variables {
    /// The project's.
    pub project: Map<String, Value>,
    /// The environment's.
    pub environment: Map<String, Value>,
    /// `--variable`.
    pub command_line: Map<String, Value>,
}

impl Variables {
    /// The values that hold for a scenario that has some of its own.
    #[must_use]
    pub fn merged(&self, scenario: &Map<String, Value>) -> Map<String, Value> {
        let mut merged = self.project.clone();
        for layer in [&self.environment, scenario, &self.command_line] {
            merged.extend(layer.iter().map(|(name, value)| (name.clone(), value.clone())));
        }
        merged
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_command_line_beats_the_scenario_beats_the_environment_beats_the_project() {
        let of = |value: Value| value.as_object().cloned().unwrap();
        let variables = Variables {
            project: of(json!({ "a": 1, "b": 1, "c": 1, "d": 1 })),
            environment: of(json!({ "b": 2, "c": 2, "d": 2 })),
            command_line: of(json!({ "d": 4 })),
        };
        let merged = variables.merged(&of(json!({ "c": 3, "d": 3 })));
        assert_eq!(Value::Object(merged), json!({ "a": 1, "b": 2, "c": 3, "d": 4 }));
    }
}
