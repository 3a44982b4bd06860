//! Which cases a run has: every story of every selected scenario, as often as it repeats.

use std::sync::Arc;

use crate::id::CaseId;
use crate::project::model::{Environment, Project};
use crate::run_event::Reason;
use crate::scenario::model::{Head, Scenario, Send, Story};

/// Nothing left to decide: what a run will do.
#[derive(Debug, Clone)]
pub struct RunPlan {
    /// The project.
    pub project: Arc<Project>,
    /// The environment it runs in.
    pub environment: Arc<Environment>,
    /// Its cases, in the order of their names.
    pub cases: Vec<CasePlan>,
    /// How it runs.
    pub options: RunOptions,
}

/// How a run goes about its cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunOptions {
    /// Reproduces ids, e-mail addresses and shuffles.
    pub seed: u64,
    /// How many cases run at once; at least one.
    pub jobs: usize,
    /// How often a case that did not pass is tried again, with fresh ids.
    pub retries: u32,
    /// After how many cases that did not pass no new one starts.
    pub max_fail: Option<usize>,
}

/// One case: a story, and which of its repetitions.
#[derive(Debug, Clone)]
pub struct CasePlan {
    /// Its number in the run.
    pub id: CaseId,
    /// `orders/late-update[order=reversed] #2`
    pub name: String,
    /// What it shares with the other cases of its file.
    pub head: Arc<Head>,
    /// What happens.
    pub story: Arc<Story>,
    /// Why it does not apply here.
    pub skip: Option<Reason>,
    /// Which try this is, from 1.
    pub attempt: u32,
    /// The run id of the try before.
    pub retry_of: Option<String>,
}

impl CasePlan {
    /// Tells the cases of a run apart for the seed. It depends on the name and the try only, so that one case
    /// run alone with the same seed has the ids it had among a thousand.
    #[must_use]
    pub fn stream(&self) -> u64 {
        // FNV-1a: stable over versions of Rust, which `DefaultHasher` is not.
        let name = self.name.bytes().chain(self.attempt.to_le_bytes());
        name.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    }
}

/// Which of the cases are wanted.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Any of these tags; empty: all.
    pub tags: Vec<String>,
    /// Any of these parts of the case's name; empty: all.
    pub filters: Vec<String>,
    /// Part `m` of `n`, from 1.
    pub shard: Option<(usize, usize)>,
    /// Every case so often, on top of the scenario's own `repeat`.
    pub repeat: u32,
}

/// The cases of `scenarios` that `selection` wants, numbered.
#[must_use]
pub fn cases(scenarios: &[Scenario], environment: &Environment, selection: &Selection) -> Vec<CasePlan> {
    let mut cases: Vec<CasePlan> = scenarios
        .iter()
        .filter(|scenario| has_tag(&scenario.head, &selection.tags))
        .flat_map(|scenario| of_scenario(scenario, environment, selection.repeat.max(1)))
        .filter(|case| {
            selection.filters.is_empty() || selection.filters.iter().any(|part| case.name.contains(part))
        })
        .collect();
    cases.sort_by_key(|case| natural(&case.name));
    if let Some((part, of)) = selection.shard {
        let mut index = 0;
        cases.retain(|_| {
            index += 1;
            (index - 1) % of == part - 1
        });
    }
    for (case, id) in cases.iter_mut().zip(0..) {
        case.id = CaseId(id);
    }
    cases
}

fn has_tag(head: &Head, tags: &[String]) -> bool {
    tags.is_empty() || tags.iter().any(|tag| head.tags.contains(tag))
}

fn of_scenario(scenario: &Scenario, environment: &Environment, times: u32) -> Vec<CasePlan> {
    let count = scenario.repeat.max(1) * times;
    let mut cases = Vec::new();
    for story in &scenario.cases {
        let story = Arc::new(story.clone());
        let label = if story.label.is_empty() { String::new() } else { format!("[{}]", story.label) };
        let skip = missing(&story, environment);
        for number in 1..=count {
            let suffix = if count == 1 { String::new() } else { format!(" #{number}") };
            cases.push(CasePlan {
                id: CaseId(0),
                name: format!("{}{label}{suffix}", scenario.head.name),
                head: Arc::clone(&scenario.head),
                story: Arc::clone(&story),
                skip: skip.clone(),
                attempt: 1,
                retry_of: None,
            });
        }
    }
    cases
}

/// The first name that the story uses and the environment lacks.
fn missing(story: &Story, environment: &Environment) -> Option<Reason> {
    let entries = story.steps.iter().filter_map(|step| match &step.send {
        Send::List { entries, .. } => Some(entries),
        Send::Burst { .. } => None,
    });
    for entry in entries.flatten() {
        if let Some(endpoint) = &entry.change.endpoint
            && !environment.target.endpoints.contains_key(endpoint)
        {
            let message = format!("environment `{}` has no endpoint `{endpoint}`", environment.name);
            return Some(Reason { message, place: Some(entry.place.clone()) });
        }
    }
    None
}

/// Numbers in names sort by value: `#2` before `#10`.
fn natural(name: &str) -> Vec<(String, u64)> {
    let mut parts = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let text = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let digits = rest[text..].find(|c: char| !c.is_ascii_digit()).map_or(rest.len(), |end| text + end);
        parts.push((rest[..text].to_owned(), rest[text..digits].parse().unwrap_or(0)));
        rest = &rest[digits..];
    }
    parts
}
