//! Who is told what of a run, and where it is written.

use std::path::{Path, PathBuf};

use super::RunArgs;
use crate::cli::output::Output;
use crate::cli::settings::Settings;
use crate::engine::RunPlan;
use crate::incident::render::{Color, Detail, Layout, json, markdown, text};
use crate::report::console::{FailureOutput, Verbosity};
use crate::report::progress::Visibility;
use crate::report::{
    Annotations, Console, ConsoleSettings, Gathered, Handoff, JobSummary, Junit, Ndjson, Progress, Reporter,
};
use crate::run_event::{RunEvent, RunEventKind};

/// Everybody who is told of a run.
pub(super) struct Reporters<'a> {
    output: &'a Output,
    progress: Progress,
    console: Console,
    /// With `--json` people are told on standard error.
    json: Option<Ndjson>,
    annotations: Option<Annotations>,
    files: Vec<FileReport>,
    incidents: Option<Incidents>,
    /// A file could not be written.
    unwritten: bool,
}

/// A report that is one file, written when the run ends.
struct FileReport {
    path: PathBuf,
    reporter: Box<dyn Reporter + Send>,
    bytes: Vec<u8>,
    /// GitHub's job summary is added to; everything else is written anew.
    append: bool,
}

/// Incidents, each as three files.
struct Incidents {
    folder: PathBuf,
    gathered: Gathered,
    handoff: Handoff,
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
        let mut files = Vec::new();
        if let Some(path) = &args.report_junit {
            let reporter = Box::new(Junit::new(handoff.clone()));
            files.push(FileReport {
                path: settings.current_dir.join(path),
                reporter,
                bytes: Vec::new(),
                append: false,
            });
        }
        if let Some(path) = settings.var("GITHUB_STEP_SUMMARY").filter(|_| on_github) {
            let reporter = Box::new(JobSummary::new(handoff.clone()));
            files.push(FileReport { path: PathBuf::from(path), reporter, bytes: Vec::new(), append: true });
        }
        let incidents = args.incident_dir.as_ref().map(|folder| Incidents {
            folder: settings.current_dir.join(folder),
            gathered: Gathered::default(),
            handoff: handoff.clone(),
            seed: plan.options.seed,
        });
        Self {
            output,
            progress: Progress::new(visibility),
            console: Console::new(console_settings),
            json: args.json.then(|| Ndjson::new(handoff.clone())),
            annotations: on_github.then(|| Annotations::new(handoff)),
            files,
            incidents,
            unwritten: false,
        }
    }

    /// Tells everybody. At the end people come last: their last line says whether every report was written.
    pub(super) fn event(&mut self, event: &RunEvent) {
        for file in &mut self.files {
            file.bytes.extend(file.reporter.event(event));
        }
        if let Some(incidents) = &mut self.incidents {
            incidents.gathered.add(event);
        }
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

    /// Writes the files. Every one is tried, and every problem told.
    fn write_files(&mut self) {
        let files = std::mem::take(&mut self.files);
        let written = files.iter().map(|file| file.write(self.output));
        let incidents = self.incidents.take();
        for problem in written.chain(incidents.map(|incidents| incidents.write(self.output))) {
            if let Err(problem) = problem {
                self.output.error(&problem, None);
                self.unwritten = true;
            }
        }
    }

    /// Writes what a run that broke off has not written; says whether everything could be.
    pub(super) fn finish(mut self) -> bool {
        self.write_files();
        !self.unwritten
    }
}

impl FileReport {
    fn write(&self, output: &Output) -> Result<(), String> {
        if self.append {
            output.append(&self.path, &self.bytes)
        } else {
            output.file(&self.path, &self.bytes)
        }
    }
}

impl Incidents {
    fn write(&self, output: &Output) -> Result<(), String> {
        let mut told = String::new();
        for incident in self.gathered.incidents(&self.handoff) {
            let stem = incident.file_stem();
            let json = json(&incident).map_err(|error| format!("failed to spell an incident: {error}"))?;
            for (end, bytes) in
                [("txt", text(&incident, Layout::FILE)), ("md", markdown(&incident)), ("json", json)]
            {
                output.file(&self.folder.join(format!("{stem}.{end}")), bytes.as_bytes())?;
                told.push_str(&bytes);
            }
        }
        self.clear_pictures(&told);
        Ok(())
    }

    /// Removes the pictures of this run that no incident names: those of cases that passed.
    fn clear_pictures(&self, told: &str) {
        let folder = self.folder.join(super::PICTURES);
        let mark = format!("{}-", self.seed);
        for file in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let name = file.file_name().to_string_lossy().into_owned();
            if name.starts_with(&mark) && !told.contains(&name) {
                // One that cannot be removed is only in the way.
                let _ = std::fs::remove_file(file.path());
            }
        }
        // Succeeds only where it is empty.
        let _ = std::fs::remove_dir(&folder);
    }
}

/// Whether the reports can be written, before anything is run for them: what is wrong, and what helps.
pub(super) fn check(args: &RunArgs, settings: &Settings) -> Result<(), (String, String)> {
    if let Some(folder) = &args.incident_dir {
        let path = settings.current_dir.join(folder);
        let there = path.is_dir();
        std::fs::create_dir_all(&path).map_err(|error| {
            let message = format!("failed to make the folder `{}` for incidents: {error}", folder.display());
            (message, "`--incident-dir` names a folder that is there, or can be made".to_owned())
        })?;
        if !there {
            // A run without incidents leaves none.
            let _ = std::fs::remove_dir(&path);
        }
    }
    let Some(file) = &args.report_junit else { return Ok(()) };
    let refused = |problem: String, hint: String| {
        (format!("failed to write the report `{}`: {problem}", file.display()), hint)
    };
    let path = settings.current_dir.join(file);
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent.filter(|parent| !settings.current_dir.join(parent).is_dir()) {
        let shown = parent.display();
        return Err(refused(
            format!("there is no folder `{shown}`"),
            format!("make it first: `mkdir -p {shown}`"),
        ));
    }
    let there = path.symlink_metadata().is_ok();
    // What is no file, as a named pipe, may not be opened before there is something to write.
    if there && !path.is_file() && !path.is_dir() {
        return Ok(());
    }
    let open = std::fs::OpenOptions::new().append(true).create(true).open(&path);
    open.map_err(|error| {
        refused(error.to_string(), "`--report-junit` names a file that can be written".to_owned())
    })?;
    if !there {
        // A run that writes nothing leaves nothing.
        let _ = std::fs::remove_file(&path);
    }
    Ok(())
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
