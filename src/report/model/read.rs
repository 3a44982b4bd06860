//! Reports that were written before: read, and put together.

use serde::Deserialize;

use super::{Report, VERSION};

/// Why a file is no report that can be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadReportError {
    /// Not what `--report-json` writes.
    #[error("read it as a report: {problem}")]
    Malformed {
        /// Where, and what is wrong.
        problem: String,
    },
    /// Written by a newer Paydrill.
    #[error("read it: it is of version {v}, and this Paydrill knows version {VERSION}")]
    Newer {
        /// Its version.
        v: u64,
    },
}

/// The first thing that is looked at.
#[derive(Deserialize)]
struct Version {
    v: u64,
}

/// A report from what `--report-json` wrote. Fields that are not known are from a newer Paydrill, and passed over.
///
/// # Errors
/// It is no report, or one that this version would misunderstand.
pub(crate) fn read(text: &str) -> Result<Report, ReadReportError> {
    let malformed = |error: serde_json::Error| ReadReportError::Malformed { problem: error.to_string() };
    let Version { v } = serde_json::from_str(text).map_err(malformed)?;
    if v != u64::from(VERSION) {
        return Err(ReadReportError::Newer { v });
    }
    let report: Report = serde_json::from_str(text).map_err(malformed)?;
    match report.cases.iter().find(|case| case.run >= report.runs.len() || case.tries.is_empty()) {
        Some(case) => Err(ReadReportError::Malformed {
            problem: format!("the case `{}` belongs to no run, or has no try", case.name),
        }),
        None => Ok(report),
    }
}

/// Several reports as one, in this order: shards of a run, or the runs of several jobs.
#[must_use]
pub(crate) fn merge(reports: Vec<Report>) -> Report {
    let mut whole = Report { v: VERSION, runs: Vec::new(), cases: Vec::new(), pictures: Vec::new() };
    for report in reports {
        let before = whole.runs.len();
        whole.runs.extend(report.runs);
        whole.cases.extend(report.cases.into_iter().map(|mut case| {
            case.run = case.run.saturating_add(before);
            case
        }));
        for picture in report.pictures {
            // The name of a picture has its run's seed and a number: the same name is the same picture.
            if !whole.pictures.iter().any(|known| known.name == picture.name) {
                whole.pictures.push(picture);
            }
        }
    }
    whole
}
