//! The report as HTML: an index, and a page for every case that did not pass.
//!
//! Every page stands alone: its style, its picture of the time line and its pictures of the app's pages are inside. It
//! asks the network for nothing, and its content policy would not let it: a style and a script run only by their hash,
//! no handler and no `style` attribute is used. Every value is escaped by the macro that writes the page (`maud`, which
//! checks templates when they are compiled: a report cannot fail for a name that a template lacks), and made harmless
//! before (`incident::text`), so that it does not reorder what stands beside it.

mod case;
mod index;
mod parts;
mod scale;
mod shell;
mod timeline;
mod told;

use sha2::{Digest, Sha256};

use super::model::{Case, Report};

/// One file of the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page {
    /// Below the report's folder: `index.html`, `cases/NAME.html`.
    pub(crate) path: String,
    /// The whole document.
    pub(crate) text: String,
}

/// Every page, the index first.
#[must_use]
pub(crate) fn pages(report: &Report) -> Vec<Page> {
    let index = Page { path: "index.html".to_owned(), text: index::page(report) };
    let cases = report.cases.iter().filter_map(|case| {
        let told = case.telling()?;
        let incident = told.incident.as_ref()?;
        Some(Page { path: path(case), text: case::page(report, case, told, incident) })
    });
    [index].into_iter().chain(cases).collect()
}

/// Where the page of a case stands: its name as far as every file system and URL takes it, and a few letters that keep
/// apart what then looks the same.
fn path(case: &Case) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let name: String = case.name.chars().take(80).map(safe).collect();
    let started = case.tries.first().map_or("", |first| &first.started);
    let hash = Sha256::digest(format!("{}\0{}\0{started}", case.run, case.name));
    format!("cases/{name}-{}.html", hex::encode(hash).get(..8).unwrap_or_default())
}

/// Whether a file below the report's folder is the page of a case of some run.
#[must_use]
pub(crate) fn is_case_page(path: &str) -> bool {
    let mark = path.strip_prefix("cases/").and_then(|name| name.strip_suffix(".html")?.rsplit_once('-'));
    mark.is_some_and(|(_, hash)| hash.len() == 8 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests;
