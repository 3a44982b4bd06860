//! A run for the person who waits for it.
//!
//! ```text
//! paydrill 0.1.0: 12 cases of acme in ci, 16 at a time, seed 42
//! PASS   checkout-grants-pro  84 ms
//! FAIL   upgrade-holds[shape=basil]  10.2 s  access.plan: still "free" 10 s after the last delivery
//! …
//! 12 cases in 10.9 s: 11 passed, 1 failed
//! ```

mod narrate;

use super::gather::{Gathered, Handoff, Settled, Status, Tries, telling};
use super::{Outcome, Reporter};
use crate::incident::render::paint::Ink;
use crate::incident::render::{self, Layout};
use crate::incident::text::{cut, fit, lines, start_of};
use crate::run_event::{
    CancelReason, CaseRecord, RunEvent, RunEventKind, RunHeader, RunStats, Trouble, Verdict,
};
use crate::time::human;

/// Longer messages lose their middle.
const MESSAGE: usize = 8_000;

/// How the console talks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsoleSettings {
    /// Width, colour, and how much of a failure is told.
    pub layout: Layout,
    /// How much is said while the run goes on.
    pub verbosity: Verbosity,
    /// When failures are told in full.
    pub failures: FailureOutput,
    /// What incidents say beside what happened.
    pub handoff: Handoff,
}

/// How much is said while the run goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Only what did not pass, and the summary.
    Quiet,
    /// A line for every case.
    Normal,
    /// What happens in the cases too.
    Verbose,
}

/// When failures are told in full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureOutput {
    /// After the last case, where they are not scrolled away.
    AtEnd,
    /// As each case ends.
    AsTheySettle,
}

/// Tells a run to a person.
#[derive(Debug)]
pub struct Console {
    settings: ConsoleSettings,
    gathered: Gathered,
    /// A report could not be written.
    unwritten: bool,
}

impl Console {
    /// Nothing is told yet.
    #[must_use]
    pub fn new(settings: ConsoleSettings) -> Self {
        Self { settings, gathered: Gathered::default(), unwritten: false }
    }

    /// Lets the last line say that a report could not be written, as the exit code does.
    pub fn unwritten(&mut self) {
        self.unwritten = true;
    }
}

impl Reporter for Console {
    fn event(&mut self, event: &RunEvent) -> Vec<u8> {
        self.gathered.add(event);
        let said = match &event.kind {
            RunEventKind::RunStarted(header) => self.unless_quiet(|| opening(header)),
            RunEventKind::CaseFinished { record, .. } => self.settled(record),
            RunEventKind::Cancelled { reason } => vec![stopping(*reason)],
            RunEventKind::Unrecorded { problem } => vec![self.unrecorded(problem)],
            RunEventKind::RunFinished { stats, trouble, .. } => self.finished(stats, trouble.as_ref()),
            other if self.settings.verbosity == Verbosity::Verbose => narrate::line(event.at, other),
            _ => Vec::new(),
        };
        said.into_iter().flat_map(|line| (line + "\n").into_bytes()).collect()
    }
}

impl Console {
    fn unless_quiet(&self, say: impl FnOnce() -> String) -> Vec<String> {
        let quiet = self.settings.verbosity == Verbosity::Quiet;
        if quiet { Vec::new() } else { vec![cut(&say(), self.width())] }
    }

    fn settled(&self, record: &CaseRecord) -> Vec<String> {
        let status = Status::of(record);
        let mut out = Vec::new();
        if self.settings.verbosity > Verbosity::Quiet || !matches!(status, Status::Pass | Status::Skip) {
            out.push(self.case_line(record, status));
        }
        if self.settings.failures == FailureOutput::AsTheySettle {
            out.extend(self.in_full(record, None));
        }
        out
    }

    fn case_line(&self, record: &CaseRecord, status: Status) -> String {
        let took = if status == Status::Skip { String::new() } else { format!("  {}", human(record.took)) };
        let attempt = if record.attempt > 1 { format!("  try {}", record.attempt) } else { String::new() };
        let name = fit(&record.name, self.width().saturating_sub(7 + took.len() + attempt.len()));
        let line = format!("{name}{took}{attempt}");
        let room = self.width().saturating_sub(7 + line.chars().count() + 2);
        let why = why(record).map_or(String::new(), |why| format!("  {}", start_of(&why, room)));
        // Less than this of a reason tells nothing.
        let why = if room < 20 { "" } else { &why };
        format!("{}  {line}{why}", self.painted(status))
    }

    fn finished(&self, stats: &RunStats, trouble: Option<&Trouble>) -> Vec<String> {
        let cases = self.gathered.cases();
        let mut out = Vec::new();
        if self.settings.failures == FailureOutput::AtEnd {
            for case in &cases {
                let flaky = (case.last.status == Status::Flaky).then_some(case.last.attempt);
                out.extend(telling(case).into_iter().flat_map(|record| self.in_full(record, flaky)));
            }
        }
        out.extend(trouble.iter().flat_map(|trouble| self.trouble(trouble)));
        out.push(String::new());
        out.push(self.counts(stats));
        out.extend(cases.iter().filter_map(|case| self.not_passed(case)));
        out.extend(self.gathered.unrecorded.iter().map(|problem| self.unrecorded(problem)));
        out.push(self.seed(&cases));
        out.push(meaning(self.gathered.outcome(), self.unwritten));
        out
    }

    /// A try that did not pass, under a rule that can be searched for. `passed_at`: the try at which a flaky
    /// case passed after all.
    fn in_full(&self, record: &CaseRecord, passed_at: Option<u32>) -> Vec<String> {
        let Some(incident) = self.gathered.incident(record, &self.settings.handoff) else {
            return Vec::new();
        };
        let (status, attempt) = match passed_at {
            Some(passed) => (Status::Flaky, format!(", try {} (try {passed} passed)", record.attempt)),
            None if record.attempt > 1 => (Status::of(record), format!(", try {}", record.attempt)),
            None => (Status::of(record), String::new()),
        };
        let name = fit(&record.name, self.width().saturating_sub(26 + attempt.len()));
        let title = format!("---- {} {name}{attempt}, {} ", status.word(), human(record.took));
        let rule = "-".repeat(self.width().saturating_sub(title.chars().count()));
        let mut out = vec![String::new(), self.settings.layout.color.paint(Ink::Title, &(title + &rule))];
        out.extend(render::text(&incident, self.settings.layout).lines().map(str::to_owned));
        out
    }

    fn trouble(&self, trouble: &Trouble) -> Vec<String> {
        let mut out = vec![String::new()];
        // A message of ours may have a hint, and the app's last output, below its first line.
        out.extend(lines(&cut(&trouble.message, MESSAGE)));
        out[1] = format!("{}failed to {}", self.settings.layout.color.paint(Ink::Bad, "error: "), out[1]);
        if !trouble.log.is_empty() {
            out.push(String::new());
            out.push("Last output of the app".to_owned());
        }
        let width = self.width().saturating_sub(4);
        for entry in &trouble.log {
            out.extend(lines(&cut(entry, 4 * width)).map(|line| format!("  | {}", cut(&line, width))));
        }
        out
    }

    fn counts(&self, stats: &RunStats) -> String {
        let parts = [
            (stats.passed, "passed"),
            (stats.flaky, "flaky"),
            (stats.failed, "failed"),
            (stats.errored, "could not be judged"),
            (stats.skipped, "skipped"),
            (stats.cases.saturating_sub(stats.finished), "did not run"),
        ];
        let said: Vec<String> = parts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("{count} {word}"))
            .collect();
        let said = if said.is_empty() { String::new() } else { format!(": {}", said.join(", ")) };
        let counts = format!("{} in {}{said}", cases(stats.cases), human(self.gathered.took));
        self.settings.layout.color.paint(Ink::Title, &counts)
    }

    fn not_passed(&self, case: &Tries<'_>) -> Option<String> {
        let Settled { name, status, attempt, .. } = case.last;
        let after = match status {
            Status::Pass | Status::Skip => return None,
            Status::Flaky => format!("  passed at try {attempt} only"),
            Status::Fail | Status::Error => String::new(),
        };
        let name = fit(name, self.width().saturating_sub(9 + after.len()));
        Some(format!("  {}  {name}{after}", self.painted(*status)))
    }

    fn seed(&self, cases: &[Tries<'_>]) -> String {
        let seed = self.gathered.header.as_ref().map_or(0, |header| header.seed);
        // Not cut: it is there to be pasted.
        match cases.iter().find_map(telling) {
            Some(record) => {
                let command = self.gathered.rerun(record, &self.settings.handoff);
                format!("seed {seed}; one case again: {}", crate::incident::text::one_line(&command))
            }
            None => format!("seed {seed}; the same ids again: --seed {seed}"),
        }
    }

    fn unrecorded(&self, problem: &str) -> String {
        let warning = self.settings.layout.color.paint(Ink::Doubtful, "not retained: ");
        format!("{warning}failed to {}", cut(problem, MESSAGE))
    }

    fn painted(&self, status: Status) -> String {
        let ink = match status {
            Status::Pass => Ink::Good,
            Status::Fail => Ink::Bad,
            Status::Flaky | Status::Error => Ink::Doubtful,
            Status::Skip => Ink::Faint,
        };
        self.settings.layout.color.paint(ink, &format!("{:<5}", status.word()))
    }

    fn width(&self) -> usize {
        self.settings.layout.width.max(40)
    }
}

fn opening(header: &RunHeader) -> String {
    let RunHeader { project, environment, seed, jobs, version, .. } = header;
    let names = fit(&format!("{project} in {environment}"), 60);
    format!("paydrill {version}: {} of {names}, {jobs} at a time, seed {seed}", cases(header.cases))
}

fn cases(count: usize) -> String {
    if count == 1 { "1 case".to_owned() } else { format!("{count} cases") }
}

fn stopping(reason: CancelReason) -> String {
    match reason {
        CancelReason::Interrupted => "stopping: interrupted; the app is being ended",
        CancelReason::MaxFail => "stopping: as many cases failed as --max-fail allows",
        CancelReason::TargetDied => "stopping: a process of the app ended by itself",
    }
    .to_owned()
}

/// In a few words, why a case did not pass.
fn why(record: &CaseRecord) -> Option<String> {
    if let Some(reason) = &record.reason {
        return Some(reason.message.clone());
    }
    let judged = record.judged.iter().filter(|judged| judged.verdict == record.verdict);
    let first = judged.into_iter().next().filter(|_| record.verdict != Verdict::Passed)?;
    let name = [first.probe.as_str(), first.field.as_str()];
    let name: Vec<&str> = name.into_iter().filter(|part| !part.is_empty()).collect();
    let name = if name.is_empty() { String::new() } else { format!("{}: ", name.join(".")) };
    Some(format!("{name}{}", first.headline))
}

fn meaning(outcome: Outcome, unwritten: bool) -> String {
    if !unwritten {
        return format!("{} (exit code {})", outcome.meaning(), outcome.code());
    }
    let code = outcome.unreported().code();
    format!("{} A report could not be written. (exit code {code})", outcome.meaning())
}

#[cfg(test)]
mod tests;
