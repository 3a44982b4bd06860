//! Who is told what of a run, and where it is written.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::RunArgs;
use crate::cli::output::Output;
use crate::cli::reports::{self, Reports};
use crate::cli::settings::Settings;
use crate::engine::RunPlan;
use crate::incident::render::{Color, Detail, Layout, json, markdown, text};
use crate::notify::{Notice, Receipt};
use crate::report::console::{FailureOutput, Verbosity};
use crate::report::model::{Aside, Report};
use crate::report::progress::Visibility;
use crate::report::{Annotations, Console, ConsoleSettings, Gathered, Handoff, Ndjson, Progress, Reporter};
use crate::run_event::{CancelReason, RunEvent, RunEventKind, Verdict};

/// Everybody who is told of a run.
pub(super) struct Reporters<'a> {
    output: &'a Output,
    progress: Progress,
    console: Console,
    /// With `--json` people are told on standard error.
    json: Option<Ndjson>,
    annotations: Option<Annotations>,
    /// The run so far, for what is written at its end.
    gathered: Gathered,
    handoff: Handoff,
    reports: Reports,
    incidents: Option<PathBuf>,
    pictures: Option<Pictures>,
    dir: PathBuf,
    written: bool,
    receipts: Vec<Receipt>,
    /// A file could not be written.
    unwritten: bool,
}

/// Pictures of pages, which a run takes before it knows who will need them.
struct Pictures {
    folder: PathBuf,
    seed: u64,
}

impl<'a> Reporters<'a> {
    pub(super) fn new(args: &RunArgs, plan: &RunPlan, settings: &Settings, output: &'a Output) -> Self {
        let handoff = handoff(args);
        let on_github = settings.var("GITHUB_ACTIONS").is_some();
        let color = if args.json { output.talk_color } else { output.color };
        let layout = Layout {
            width: settings.width,
            color: if color { Color::Always } else { Color::Never },
            detail: Detail::Relevant,
        };
        let shown = settings.terminal.stderr && plan.cases.len() > 1;
        let visibility = if shown { Visibility::Shown } else { Visibility::Hidden };
        let console_settings = ConsoleSettings {
            layout,
            verbosity: Verbosity::Normal,
            failures: FailureOutput::AtEnd,
            handoff: handoff.clone(),
        };
        let pictures = pictures(args, settings).map(|folder| Pictures { folder, seed: plan.options.seed });
        Self {
            output,
            progress: Progress::new(visibility),
            console: Console::new(console_settings),
            json: args.json.then(|| Ndjson::new(handoff.clone())),
            annotations: on_github.then(|| Annotations::new(handoff.clone())),
            gathered: Gathered::default(),
            handoff,
            reports: wanted(args, settings.var("GITHUB_STEP_SUMMARY").filter(|_| on_github)),
            incidents: args.incident_dir.as_ref().map(|folder| settings.current_dir.join(folder)),
            pictures,
            dir: settings.current_dir.clone(),
            written: false,
            receipts: Vec::new(),
            unwritten: false,
        }
    }

    /// What there is to tell of the incidents so far. What could not be judged because somebody stopped the run is no
    /// news to anybody.
    pub(super) fn notices(&self, at: Timestamp) -> Vec<Notice> {
        let stopped = self.gathered.cancelled == Some(CancelReason::Interrupted);
        let incidents = self.gathered.incidents(&self.handoff);
        let told = incidents.iter().filter(|incident| !stopped || incident.verdict == Verdict::Failed);
        told.map(|incident| Notice::opened(incident, at)).collect()
    }

    /// Who was told of them, and what was said on standard output: before the run's end is reported.
    pub(super) fn told(&mut self, receipts: Vec<Receipt>, said: &str) {
        self.receipts = receipts;
        let remarks = self.remarks();
        let (output, as_json) = (self.output, self.json.is_some());
        if let Some(json) = &mut self.json {
            json.remark(remarks);
        }
        // With `--json` standard output has run events only.
        self.progress.suspend(|| if as_json { output.talk(said) } else { output.data(said) });
    }

    fn remarks(&self) -> Vec<String> {
        self.receipts.iter().filter_map(Receipt::remark).collect()
    }

    /// Tells everybody. At the end people come last: their last line says whether every report was written.
    pub(super) fn event(&mut self, event: &RunEvent) {
        self.gathered.add(event);
        if let Some(json) = &mut self.json {
            let data = json.event(event);
            let output = self.output;
            self.progress.suspend(|| output.data(&data));
        }
        if let RunEventKind::RunFinished { .. } = &event.kind {
            self.progress.suspend(|| ());
            self.write_files();
            if self.unwritten || self.output.has_failed() {
                self.console.unwritten();
            }
        }
        self.talk(event);
        if let RunEventKind::RunFinished { .. } = &event.kind {
            // Last, where it is not scrolled away.
            self.remarks().iter().for_each(|remark| self.output.error(remark, None));
        }
    }

    fn talk(&mut self, event: &RunEvent) {
        let mut said = self.console.event(event);
        let (output, as_json) = (self.output, self.json.is_some());
        // GitHub reads both streams; with `--json` the first has run events only.
        let say = |said: &[u8]| {
            if as_json { output.talk(String::from_utf8_lossy(said)) } else { output.data(said) }
        };
        if !said.is_empty() {
            self.progress.suspend(|| say(&said));
        }
        self.progress.event(event);
        if let Some(annotations) = &mut self.annotations {
            said = annotations.event(event);
            say(&said);
        }
    }

    /// Writes the files, once. Every one is tried, and every problem told.
    fn write_files(&mut self) {
        if std::mem::replace(&mut self.written, true) {
            return;
        }
        let aside = Aside { remarks: self.remarks(), notices: self.receipts.clone() };
        let mut report = Report::of(&self.gathered, &self.handoff, aside);
        report.take_pictures(&|path| std::fs::read(path).map_err(|error| error.to_string()));
        let mut problems = self.reports.write(&report, &self.dir, self.output);
        if let Some(folder) = &self.incidents {
            problems.extend(self.write_incidents(folder).err());
        }
        if let Some(pictures) = &self.pictures {
            pictures.clear(&report);
        }
        for problem in problems {
            self.output.error(&problem, None);
            self.unwritten = true;
        }
    }

    /// Each as three files.
    fn write_incidents(&self, folder: &Path) -> Result<(), String> {
        for incident in self.gathered.incidents(&self.handoff) {
            let stem = incident.file_stem();
            let json = json(&incident).map_err(|error| format!("failed to spell an incident: {error}"))?;
            for (end, bytes) in
                [("txt", text(&incident, Layout::FILE)), ("md", markdown(&incident)), ("json", json)]
            {
                self.output.file(&folder.join(format!("{stem}.{end}")), bytes.as_bytes())?;
            }
        }
        Ok(())
    }

    /// Writes what a run that broke off has not written; says whether everything could be.
    pub(super) fn finish(mut self) -> bool {
        self.write_files();
        !self.unwritten
    }
}

impl Pictures {
    /// Removes those of this run that no incident names: of cases that passed.
    fn clear(&self, report: &Report) {
        let mark = format!("{}-", self.seed);
        for file in std::fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let name = file.file_name().to_string_lossy().into_owned();
            if name.starts_with(&mark) && !report.pictures.iter().any(|picture| picture.name == name) {
                // One that cannot be removed is only in the way.
                let _ = std::fs::remove_file(file.path());
            }
        }
        // Succeeds only where it is empty.
        let _ = std::fs::remove_dir(&self.folder);
    }
}

/// Where pictures of pages are kept: with the incidents, else with the pages of the report.
pub(super) fn pictures(args: &RunArgs, settings: &Settings) -> Option<PathBuf> {
    let folder = args.incident_dir.as_ref().or(args.report_html.as_ref())?;
    Some(settings.current_dir.join(folder).join(super::PICTURES))
}

/// Whether what is told at the end can be written, before anything is run for it: what is wrong, and what helps.
pub(super) fn check(args: &RunArgs, settings: &Settings) -> Result<(), (String, String)> {
    if let Some(folder) = &args.incident_dir {
        reports::check_folder(&settings.current_dir, folder, "incidents", "--incident-dir")?;
    }
    wanted(args, None).check(&settings.current_dir, |name| format!("--report-{name}"))
}

fn wanted(args: &RunArgs, summary: Option<&str>) -> Reports {
    Reports {
        html: args.report_html.clone(),
        json: args.report_json.clone(),
        markdown: args.report_markdown.clone(),
        junit: args.report_junit.clone(),
        summary: summary.map(PathBuf::from),
    }
}

pub(super) fn handoff(args: &RunArgs) -> Handoff {
    let variables = args.variable.iter();
    let mut arguments: Vec<String> =
        variables.flat_map(|(name, value)| ["--variable".to_owned(), spelled(name, value)]).collect();
    if args.repeat > 1 {
        // A repeated case has a number in its name, and its ids follow from the name.
        arguments.extend(["--repeat".to_owned(), args.repeat.to_string()]);
    }
    Handoff {
        arguments,
        incident_dir: args.incident_dir.as_deref().map(|folder: &Path| folder.display().to_string()),
        retained: retains(args),
        shipped: args.shipped.clone(),
        ..Handoff::default()
    }
}

#[cfg(feature = "ledger")]
fn retains(args: &RunArgs) -> bool {
    !args.no_ledger && args.ledger.as_deref() != Some("none")
}

#[cfg(not(feature = "ledger"))]
fn retains(_: &RunArgs) -> bool {
    false
}

fn spelled(name: &str, value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => format!("{name}={text}"),
        other => format!("{name}={other}"),
    }
}
