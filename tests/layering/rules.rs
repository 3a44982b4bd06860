//! The layers of the crate, lowest first, and what a file may be.

use super::scan::{Mark, Said};
use super::tree::File;

/// A module, and what it may know.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) module: &'static str,
    /// Modules above it in the table, or single names of them.
    pub(crate) may_use: &'static [&'static str],
    pub(crate) because: &'static str,
}

/// Reads from bottom to top: a line names only what stands before it. A module without a line is a finding.
pub(crate) const LAYERS: &[Layer] = &[
    // Small things that everything shares.
    Layer { module: "time", may_use: &[], because: SMALL },
    Layer { module: "id", may_use: &[], because: SMALL },
    Layer { module: "pattern", may_use: &[], because: SMALL },
    Layer { module: "secret", may_use: &[], because: SMALL },
    Layer { module: "span", may_use: &[], because: SMALL },
    Layer { module: "template", may_use: &["id", "secret", "span", "time"], because: SMALL },
    // Stripe, and what the user wrote.
    Layer {
        module: "stripe",
        may_use: &["id", "pattern", "secret", "span", "template", "time"],
        because: "what Stripe sends does not depend on who is told of it",
    },
    Layer {
        module: "scenario",
        may_use: &["id", "project", "secret", "span", "stripe", "template", "time"],
        because: "a file means the same wherever and however it is run",
    },
    Layer {
        module: "project",
        may_use: &["id", "scenario", "secret", "span", "stripe", "template", "time"],
        because: "a file means the same wherever and however it is run",
    },
    // What happened, as values; whoever tells of a run knows it from these alone.
    Layer {
        module: "probe",
        may_use: &["id", "project::model", "secret", "span", "template", "time"],
        because: "a probe reads what it is told to read, and judges nothing",
    },
    Layer {
        module: "run_event",
        may_use: &[
            "id",
            "probe::ReadError",
            "probe::Reading",
            "probe::RequestOutcome",
            "scenario::model",
            "span",
            "time",
        ],
        because: "the stream tells of a run in plain values: what makes it and what reads it meet only here",
    },
    // The parts of a run, which do not know each other.
    Layer {
        module: "judge",
        may_use: &[
            "id",
            "probe::ReadError",
            "probe::Reading",
            "project::model",
            "run_event",
            "scenario::model",
            "secret",
            "span",
            "stripe",
            "template",
            "time",
        ],
        because: "judging is pure: a verdict follows from readings, whoever took them",
    },
    Layer {
        module: "deliver",
        may_use: &["id", "run_event", "scenario::model", "secret", "span", "stripe", "template", "time"],
        because: "sending does not know who made an event, who receives it or what is judged",
    },
    Layer {
        module: "provider",
        may_use: &["id", "pattern", "secret", "span", "stripe", "template", "time"],
        because: "the double is Stripe: it knows neither a scenario nor what is expected of the app",
    },
    Layer {
        module: "outside",
        may_use: &["id", "pattern", "time"],
        because: "what leaves the app is taken in as it comes; what is meant of it is said by whoever reads it",
    },
    Layer {
        module: "target",
        may_use: &["id", "secret", "span", "template", "time"],
        because: "the app is a black box: starting it needs no word of Stripe or of a scenario",
    },
    Layer {
        module: "engine",
        may_use: &[
            "deliver",
            "id",
            "judge",
            "outside",
            "pattern",
            "probe",
            "project",
            "provider",
            "run_event",
            "scenario",
            "secret",
            "span",
            "stripe",
            "target",
            "template",
            "time",
        ],
        because: "it emits run events and does not know who reads them",
    },
    // Who tells of a run.
    Layer {
        module: "incident",
        may_use: TOLD,
        because: "what it says must follow from the run events alone",
    },
    Layer {
        module: "notify",
        may_use: &["incident", "run_event", "secret", "stripe::signature", "time"],
        because: "a message follows from an incident; who decides that one is sent does not matter to it",
    },
    Layer {
        module: "report",
        may_use: &[
            "id",
            "incident",
            "notify::Receipt",
            "probe::ReadError",
            "probe::Reading",
            "run_event",
            "scenario::model",
            "secret",
            "span",
            "time",
        ],
        because: "what it says must follow from the run events alone",
    },
    Layer {
        module: "doctor",
        may_use: &["probe", "project::model", "target", "template", "time"],
        because: "what an environment needs follows from the project; it is looked at with what a run would use",
    },
    Layer {
        module: "ledger",
        may_use: &[
            "id",
            "incident",
            "probe::ReadError",
            "probe::Reading",
            "run_event",
            "scenario::model",
            "secret",
            "span",
            "time",
        ],
        because: "what it retains must follow from the run events alone",
    },
    // The app that stands in for the user's.
    Layer {
        module: "demo",
        may_use: &[],
        because: "a mistake that the demo app shared with the harness would be invisible (invariant 9)",
    },
    // What people and their tests call.
    Layer {
        module: "cli",
        may_use: &[
            "demo",
            "doctor",
            "engine",
            "id",
            "incident",
            "ledger",
            "notify",
            "project",
            "provider",
            "report",
            "run_event",
            "scenario",
            "secret",
            "span",
            "stripe",
            "target::LeftFolder",
            "target::RunFolders",
            "target::container",
            "template",
            "time",
        ],
        because: "a command reads settings, asks the engine, writes bytes; the parts of a run are the engine's, but for the double that `stripe` serves alone and what `clean` removes",
    },
    Layer {
        module: "testing",
        may_use: &[
            "cli",
            "engine",
            "id",
            "incident",
            "project",
            "report",
            "run_event",
            "scenario",
            "secret",
            "span",
            "time",
        ],
        because: "a test is a run without a terminal",
    },
    Layer {
        module: "main",
        may_use: &["cli"],
        because: "main hands over to the command line and returns its code",
    },
];

const SMALL: &str = "everything shares it, so it can know nothing above it";

/// What those who tell of a run know.
const TOLD: &[&str] = &[
    "id",
    "probe::ReadError",
    "probe::Reading",
    "probe::RequestOutcome",
    "run_event",
    "scenario::model",
    "secret",
    "span",
    "time",
];

/// Two modules that may know each other: a scenario is checked against its project, both are read alike.
pub(crate) const MUTUAL: [&str; 2] = ["scenario", "project"];

/// What only a few files may do.
#[derive(Debug)]
pub(crate) struct Reserved {
    mark: Mark,
    does: &'static str,
    files: &'static [&'static str],
    because: &'static str,
}

pub(crate) const RESERVED: [Reserved; 2] = [
    Reserved {
        mark: Mark::Suppression,
        does: "suppresses `disallowed_methods`",
        files: &["cli/settings.rs", "time.rs", "demo/clock.rs"],
        because: "time, environment and randomness arrive as arguments",
    },
    Reserved {
        mark: Mark::RunEvent,
        does: "makes a `RunEvent`",
        files: &["engine/dispatcher.rs", "engine/session.rs", "run_event.rs"],
        because: "one dispatcher orders everything; the session opens and closes its stream (invariant 2)",
    },
];

/// Lines of a file outside its tests.
pub(crate) const LONGEST: usize = 500;

/// What `file` does that it may not, one line each: where, what, and why not.
pub(crate) fn findings(file: &File) -> Vec<String> {
    if file.in_tests {
        return Vec::new();
    }
    let mut findings = upward(file);
    findings.extend(reserved(file));
    findings.extend(long(file));
    findings
}

/// `lib.rs` declares everything and belongs to no layer.
fn upward(file: &File) -> Vec<String> {
    let Some(module) = file.module.first() else { return Vec::new() };
    let Some(layer) = LAYERS.iter().find(|layer| layer.module == module) else {
        return vec![format!(
            "src/{}:1: `{module}` has no line in the table of layers: say what it may use, and why",
            file.name
        )];
    };
    let paths = file.source.paths.iter().filter(|path| !path.in_tests);
    paths.filter_map(|path| refused(layer, path).map(|what| at(file, path.line, &what))).collect()
}

fn refused(layer: &Layer, path: &Said<Vec<String>>) -> Option<String> {
    let name = path.what.join("::");
    let because = layer.because;
    match path.what.first().map(String::as_str) {
        None | Some("*") => Some("names the whole crate: what it uses cannot be told".to_owned()),
        Some(first) if first == layer.module => None,
        Some(_) if layer.may_use.iter().any(|allowed| within(&path.what, allowed)) => None,
        Some(_) => Some(format!("`{}` uses `{name}`, but may not: {because}", layer.module)),
    }
}

/// `probe::Reading::Absent` is within `probe::Reading`, `probe` is not.
fn within(path: &[String], allowed: &str) -> bool {
    let mut segments = path.iter();
    allowed.split("::").all(|allowed| segments.next().is_some_and(|segment| segment == allowed))
}

fn reserved(file: &File) -> Vec<String> {
    let marks = file.source.marks.iter().filter(|mark| !mark.in_tests);
    let refused = marks.filter_map(|mark| {
        let Reserved { does, files, because, .. } = RESERVED.iter().find(|one| one.mark == mark.what)?;
        let only = files.join(", ");
        let what = format!("{does}, but may not: {because}; only {only} may");
        (!files.contains(&file.name.as_str())).then(|| at(file, mark.line, &what))
    });
    refused.collect()
}

fn long(file: &File) -> Option<String> {
    let lines = file.source.lines;
    (lines > LONGEST).then(|| {
        at(
            file,
            LONGEST,
            &format!("{lines} lines outside tests, but may have {LONGEST}: it tells two things"),
        )
    })
}

fn at(file: &File, line: usize, what: &str) -> String {
    format!("src/{}:{line}: {what}", file.name)
}
