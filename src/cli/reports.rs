//! Where reports are written: checked before a run, written after it, and made anew by `paydrill report`.

use std::path::{Path, PathBuf};

use super::output::Output;
use crate::report::html::{is_case_page, pages};
use crate::report::junit::junit;
use crate::report::markdown::{COMMENT, SUMMARY, markdown};
use crate::report::model::Report;

/// Which reports are written, and where; paths as they were typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Reports {
    /// A folder.
    pub(super) html: Option<PathBuf>,
    /// The report itself: what `paydrill report` reads.
    pub(super) json: Option<PathBuf>,
    /// For a pull request.
    pub(super) markdown: Option<PathBuf>,
    /// For a CI server.
    pub(super) junit: Option<PathBuf>,
    /// GitHub's job summary, which others add to as well.
    pub(super) summary: Option<PathBuf>,
}

/// What is wrong, and what helps.
type Refused = (String, String);

impl Reports {
    /// Whether they can be written, before anything is run for them. `option` spells what was typed: `--report-html`.
    pub(super) fn check(&self, dir: &Path, option: fn(&str) -> String) -> Result<(), Refused> {
        if let Some(folder) = &self.html {
            check_folder(dir, folder, "the report", &option("html"))?;
        }
        for (name, file) in [("json", &self.json), ("markdown", &self.markdown), ("junit", &self.junit)] {
            if let Some(file) = file {
                check_file(dir, file, &option(name))?;
            }
        }
        Ok(())
    }

    /// Writes all of them. Every one is tried, and every problem told.
    pub(super) fn write(&self, report: &Report, dir: &Path, output: &Output) -> Vec<String> {
        let mut problems = Vec::new();
        let mut told = |written: Result<(), String>| problems.extend(written.err());
        if let Some(file) = &self.junit {
            told(output.file(&dir.join(file), &junit(report)));
        }
        if let Some(file) = &self.markdown {
            told(output.file(&dir.join(file), markdown(report, COMMENT).as_bytes()));
        }
        if let Some(file) = &self.summary {
            told(output.append(&dir.join(file), markdown(report, SUMMARY).as_bytes()));
        }
        if let Some(file) = &self.json {
            let text = serde_json::to_string(report).map(|text| text + "\n");
            let text = text.map_err(|error| format!("failed to spell the report: {error}"));
            told(text.and_then(|text| output.file(&dir.join(file), text.as_bytes())));
        }
        if let Some(folder) = &self.html {
            told(write_html(report, &dir.join(folder), output));
        }
        problems
    }
}

fn write_html(report: &Report, folder: &Path, output: &Output) -> Result<(), String> {
    let pages = pages(report);
    for page in &pages {
        output.file(&folder.join(&page.path), page.text.as_bytes())?;
    }
    // Pages of an earlier run that the index does not lead to.
    for file in std::fs::read_dir(folder.join("cases")).into_iter().flatten().flatten() {
        let name = format!("cases/{}", file.file_name().to_string_lossy());
        if is_case_page(&name) && !pages.iter().any(|page| page.path == name) {
            // One that cannot be removed is only in the way.
            let _ = std::fs::remove_file(file.path());
        }
    }
    Ok(())
}

/// Whether a folder is there, or can be made.
pub(super) fn check_folder(dir: &Path, folder: &Path, what: &str, option: &str) -> Result<(), Refused> {
    let path = dir.join(folder);
    let there = path.is_dir();
    std::fs::create_dir_all(&path).map_err(|error| {
        let message = format!("failed to make the folder `{}` for {what}: {error}", folder.display());
        (message, format!("`{option}` names a folder that is there, or can be made"))
    })?;
    if !there {
        // A run that writes nothing leaves nothing.
        let _ = std::fs::remove_dir(&path);
    }
    Ok(())
}

fn check_file(dir: &Path, file: &Path, option: &str) -> Result<(), Refused> {
    let refused = |problem: String, hint: String| {
        (format!("failed to write the report `{}`: {problem}", file.display()), hint)
    };
    let path = dir.join(file);
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent.filter(|parent| !dir.join(parent).is_dir()) {
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
    open.map_err(|error| refused(error.to_string(), format!("`{option}` names a file that can be written")))?;
    if !there {
        // A run that writes nothing leaves nothing.
        let _ = std::fs::remove_file(&path);
    }
    Ok(())
}
