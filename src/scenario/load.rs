//! The only stage that touches a disk: finds files, reads them, and gives their text to the pure stages.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::code::Code;
use super::diagnostic::{Diagnostic, suggest};
use super::model::Scenario;
use super::validate::parse_scenario;
use crate::project::model::Project;
use crate::project::parse_project;
use crate::span::{Place, Source};

/// The name of a project file.
const PROJECT_FILE: &str = "paydrill.toml";
/// The folder of scenarios beside it; where it lies in one, that folder itself.
const SCENARIO_FOLDER: &str = "scenarios";
/// No file that a person wrote is larger, in bytes.
const LARGEST: u64 = 4 << 20;
/// Scenario folders are not nested deeper.
const DEEPEST: usize = 32;

/// Why files could not be loaded. What is wrong *in* them is a [`Diagnostic`].
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// There is no project file.
    #[error("find {PROJECT_FILE} in `{}`, in its `{SCENARIO_FOLDER}` folder, or in any folder above", start.display())]
    NoProject {
        /// Where the search began.
        start: PathBuf,
    },
    /// A file or folder cannot be read.
    #[error("read `{}`: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is larger than anything that a person writes.
    #[error("read `{}`: it is larger than {LARGEST} bytes", path.display())]
    TooLarge {
        /// Which.
        path: PathBuf,
    },
    /// A named pipe, a socket or a device: reading it may never end.
    #[error("read `{}`: it is not a regular file", path.display())]
    NotRegular {
        /// Which.
        path: PathBuf,
    },
    /// There is no scenario where one was looked for. Exit code 4.
    #[error("find a scenario in {}", list(paths))]
    NoScenario {
        /// The files and folders that were looked at.
        paths: Vec<PathBuf>,
    },
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| format!("`{}`", path.display())).collect::<Vec<_>>().join(", ")
}

/// A project and its scenarios, and everything that is wrong with them.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The project; `None` where its file has errors, and then no scenario was looked at.
    pub project: Option<Project>,
    /// The scenarios without errors, by name.
    pub scenarios: Vec<Scenario>,
    /// Everything that was found, by file and line.
    pub diagnostics: Vec<Diagnostic>,
}

/// Finds and loads the project around `start`, and its scenarios, or those in `paths`.
///
/// # Errors
/// Where a file cannot be found or read. What is wrong in one is in [`Loaded::diagnostics`].
pub fn load(start: &Path, paths: &[PathBuf]) -> Result<Loaded, LoadError> {
    let (project, mut diagnostics) = load_project(&find_project(start)?)?;
    let Some(project) = project else {
        return Ok(Loaded { project: None, scenarios: Vec::new(), diagnostics });
    };
    let (scenarios, more) = load_scenarios(&project, paths)?;
    diagnostics.extend(more);
    Ok(Loaded { project: Some(project), scenarios, diagnostics })
}

/// The project file of a folder: in it, in its `scenarios` folder, or in the nearest folder above that has one.
///
/// A relative `start` gives a relative path, as a person would type it.
///
/// # Errors
/// Where there is none.
pub fn find_project(start: &Path) -> Result<PathBuf, LoadError> {
    let start = if start.as_os_str().is_empty() { Path::new(".") } else { start };
    let whole = start.canonicalize().map_err(|source| read_error(start, source))?;
    let mut folder = if start == Path::new(".") { PathBuf::new() } else { start.to_owned() };
    for above in whole.ancestors() {
        for candidate in [folder.join(PROJECT_FILE), folder.join(SCENARIO_FOLDER).join(PROJECT_FILE)] {
            if candidate.is_file() {
                return Ok(candidate);
            }
        }
        folder = match (start.is_absolute(), above.parent()) {
            (_, None) => break,
            (true, Some(parent)) => parent.to_owned(),
            (false, Some(_)) => folder.join(".."),
        };
    }
    Err(LoadError::NoProject { start: start.to_owned() })
}

/// Reads and validates a project file.
///
/// # Errors
/// Where it cannot be read. What is wrong in it is in the diagnostics; where one is an error, there is no project.
pub fn load_project(path: &Path) -> Result<(Option<Project>, Vec<Diagnostic>), LoadError> {
    let source = read_source(path)?;
    let root = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(parse_project(source, root.to_owned()))
}

/// Reads and validates scenarios: files, or folders with everything below them, or their names below the project's
/// folder. No path: that folder.
///
/// # Errors
/// Where one cannot be read, or there is none at all. What is wrong in one is in the diagnostics, and then it is
/// not among the scenarios.
pub fn load_scenarios(
    project: &Project,
    paths: &[PathBuf],
) -> Result<(Vec<Scenario>, Vec<Diagnostic>), LoadError> {
    let folder = scenario_folder(&project.root);
    let whole = paths.is_empty();
    let roots =
        if whole { vec![folder.clone()] } else { paths.iter().map(|path| by_name(path, &folder)).collect() };
    if whole && !folder.is_dir() {
        return Err(LoadError::NoScenario { paths: roots });
    }
    let files = find_scenarios(&roots, &folder)?;
    if files.is_empty() {
        return Err(LoadError::NoScenario { paths: roots });
    }
    let alone = files.len() == 1;
    let mut scenarios = Vec::new();
    let mut diagnostics = Vec::new();
    let mut names: BTreeMap<String, Place> = BTreeMap::new();
    for Found { path, name } in files {
        let source = match read_source(&path) {
            Ok(source) => source,
            Err(error) if alone => return Err(error),
            Err(error) => {
                diagnostics.push(unreadable(&error));
                continue;
            }
        };
        let captured = |file: &str| {
            read_text(&project.root.join(file)).map_err(|error| match error {
                LoadError::Read { source, .. } => source.to_string(),
                other => other.to_string(),
            })
        };
        let place = Place { source: Arc::clone(&source), range: 0..0 };
        let (scenario, found) = parse_scenario(source, &name, project, &captured);
        diagnostics.extend(found);
        match names.get(&name) {
            Some(first) => diagnostics.push(twice(&name, &place, first)),
            None => {
                names.insert(name, place);
                scenarios.extend(scenario);
            }
        }
    }
    if whole {
        check_schedules(project, &names, &mut diagnostics);
    }
    Ok((scenarios, diagnostics))
}

/// A path, or where a scenario or folder of that name is: `orders/late-update`, as reports call it.
fn by_name(path: &Path, folder: &Path) -> PathBuf {
    let file = folder.join(format!("{}.toml", path.display()));
    let below = folder.join(path);
    [file, below]
        .into_iter()
        .find(|found| !path.exists() && found.exists())
        .unwrap_or_else(|| path.to_owned())
}

/// The scenario files among some files and folders, each once, in the order of their names.
///
/// # Errors
/// Where one cannot be read, or there is none at all.
pub fn scenario_files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, LoadError> {
    let files = find_scenarios(paths, Path::new("."))?;
    if files.is_empty() {
        return Err(LoadError::NoScenario { paths: paths.to_vec() });
    }
    Ok(files.into_iter().map(|found| found.path).collect())
}

/// Reads captured events, as they were saved: files, or folders with the `.json`, `.jsonl` and `.ndjson` files in them.
///
/// # Errors
/// Where one cannot be read.
pub fn load_captured(paths: &[PathBuf]) -> Result<Vec<(String, String)>, LoadError> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let entries = std::fs::read_dir(path).map_err(|source| read_error(path, source))?;
        let mut found = Vec::new();
        for entry in entries {
            let file = entry.map_err(|source| read_error(path, source))?.path();
            let end = file.extension().and_then(|end| end.to_str()).unwrap_or_default();
            if ["json", "jsonl", "ndjson"].contains(&end) && file.is_file() {
                found.push(file);
            }
        }
        found.sort();
        files.extend(found);
    }
    files.iter().map(|file| Ok((file.display().to_string(), read_text(file)?))).collect()
}

/// Where a project's scenarios are.
pub fn scenario_folder(root: &Path) -> PathBuf {
    let name = root.canonicalize().ok();
    let name = name.as_deref().unwrap_or(root).file_name();
    if name.is_some_and(|name| name == SCENARIO_FOLDER) {
        return root.to_owned();
    }
    // `scenarios`, not `./scenarios`: as a person would type it.
    if root == Path::new(".") { PathBuf::from(SCENARIO_FOLDER) } else { root.join(SCENARIO_FOLDER) }
}

/// A scenario file, and what the scenario is called.
struct Found {
    path: PathBuf,
    name: String,
}

/// The scenario files of some files and folders, each once, in the order of their names.
fn find_scenarios(roots: &[PathBuf], folder: &Path) -> Result<Vec<Found>, LoadError> {
    let folder = folder.canonicalize().ok();
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for root in roots {
        let mut files = Vec::new();
        let base = if root.is_dir() {
            walk(root, 0, &mut files)?;
            root.as_path()
        } else {
            files.push(root.clone());
            root.parent().unwrap_or(root)
        };
        for path in files {
            // A link that leads nowhere below a folder is told of when it is read.
            let whole = match path.canonicalize() {
                Err(source) if path.symlink_metadata().is_err() => return Err(read_error(&path, source)),
                whole => whole.unwrap_or_else(|_| path.clone()),
            };
            if seen.insert(whole.clone()) {
                let below = folder.as_ref().and_then(|folder| whole.strip_prefix(folder).ok());
                let name = name_of(below.or(path.strip_prefix(base).ok()).unwrap_or(&path));
                found.push(Found { path, name });
            }
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name).then(a.path.cmp(&b.path)));
    Ok(found)
}

/// `orders/late-update` of `orders/late-update.toml`.
fn name_of(path: &Path) -> String {
    let parts: Vec<_> = path
        .with_extension("")
        .components()
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .collect();
    parts.join("/")
}

/// All scenario files below a folder. Hidden folders and links to folders are passed by.
fn walk(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), LoadError> {
    if depth > DEEPEST {
        return Ok(());
    }
    let entries = std::fs::read_dir(folder).map_err(|source| read_error(folder, source))?;
    for entry in entries {
        let entry = entry.map_err(|source| read_error(folder, source))?;
        let path = entry.path();
        let kind = entry.file_type().map_err(|source| read_error(&path, source))?;
        let name = entry.file_name();
        let hidden = name.as_encoded_bytes().starts_with(b".");
        if kind.is_dir() && !hidden {
            walk(&path, depth + 1, files)?;
        } else if path.extension().is_some_and(|end| end == "toml")
            && name != PROJECT_FILE
            && !hidden
            && !path.is_dir()
        {
            files.push(path);
        }
    }
    Ok(())
}

/// One file that cannot be read does not keep the others from being checked.
fn unreadable(error: &LoadError) -> Diagnostic {
    Diagnostic::error(Code::Unreadable, format!("failed to {error}"))
        .help("a scenario is a text file of its own, in UTF-8, that you may read")
}

fn twice(name: &str, place: &Place, first: &Place) -> Diagnostic {
    Diagnostic::error(Code::DuplicateName, format!("two scenarios are called `{name}`"))
        .at(place)
        .label("the second")
        .help(format!("the first is {}; a scenario's name is its path below its folder", first.source.path))
}

/// A schedule names a scenario that exists.
fn check_schedules(project: &Project, names: &BTreeMap<String, Place>, diagnostics: &mut Vec<Diagnostic>) {
    for schedule in &project.schedules {
        let name = &schedule.scenario;
        if !names.contains_key(&name.value) {
            diagnostics.push(
                Diagnostic::error(Code::UnknownScenario, format!("unknown scenario `{}`", name.value))
                    .at(&name.place)
                    .label("no such file below the scenario folder")
                    .maybe_help(suggest(&name.value, "scenarios", names.keys().map(String::as_str))),
            );
        }
    }
}

fn read_source(path: &Path) -> Result<Arc<Source>, LoadError> {
    Ok(Arc::new(Source { path: path.display().to_string(), text: read_text(path)? }))
}

/// A whole text file, without a byte order mark.
fn read_text(path: &Path) -> Result<String, LoadError> {
    check_regular(path)?;
    let size = std::fs::metadata(path).map_err(|source| read_error(path, source))?.len();
    if size > LARGEST {
        return Err(LoadError::TooLarge { path: path.to_owned() });
    }
    let text = std::fs::read_to_string(path).map_err(|source| read_error(path, source))?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// Only what has an end is read: a file, or a link to one.
///
/// # Errors
/// Where it is something else, or is not there. What a folder is not is said when it is read.
pub fn check_regular(path: &Path) -> Result<(), LoadError> {
    let kind = std::fs::metadata(path).map_err(|source| read_error(path, source))?.file_type();
    if kind.is_file() || kind.is_dir() {
        Ok(())
    } else {
        Err(LoadError::NotRegular { path: path.to_owned() })
    }
}

fn read_error(path: &Path, source: io::Error) -> LoadError {
    LoadError::Read { path: path.to_owned(), source }
}
