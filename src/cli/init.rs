//! `paydrill init`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};

use super::Global;
use super::output::{Exit, Output};
use super::project;
use super::settings::Settings;
use crate::project::init::{Ci, files};
use crate::project::model::Project;
use crate::scenario::capture::{Draft, draft};
use crate::scenario::diagnostic::has_errors;
use crate::scenario::{
    LoadError, find_project, load_captured, load_project, parse_scenario, scenario_folder,
};
use crate::span::Source;

/// Write the files of a new project, or a scenario of captured events; never overwrites.
#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// Where.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Make a scenario of a captured event instead: a file of one, of many, or a folder; may be given again.
    #[arg(long, value_name = "FILE")]
    from_event: Vec<PathBuf>,
    /// What that scenario is called; left out, what it is about.
    #[arg(long, requires = "from_event", value_name = "NAME", value_parser = name)]
    name: Option<String>,
    /// Print that scenario, and write nothing.
    #[arg(long, requires = "from_event")]
    print: bool,
    /// Where your pipelines run, for a workflow there; may be given again.
    #[arg(long, value_name = "WHERE", default_value = "github", conflicts_with = "from_event")]
    ci: Vec<Where>,
}

/// Where pipelines run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Where {
    /// GitHub Actions: `.github/workflows/paydrill.yml`.
    Github,
    /// GitLab: `.gitlab-ci.yml`.
    Gitlab,
    /// Nowhere.
    None,
}

impl Where {
    fn ci(self) -> Option<Ci> {
        match self {
            Self::Github => Some(Ci::Github),
            Self::Gitlab => Some(Ci::Gitlab),
            Self::None => None,
        }
    }
}

/// `orders/late-update`
fn name(text: &str) -> Result<String, String> {
    let part = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
    };
    if text.split('/').all(part) {
        Ok(text.to_owned())
    } else {
        Err("expected words of letters, digits and `-`".to_owned())
    }
}

pub(super) fn main(args: &InitArgs, global: &Global, settings: &Settings, output: &Output) -> Exit {
    if !args.from_event.is_empty() {
        return match captured(args, global, output) {
            Ok(exit) | Err(exit) => exit,
        };
    }
    let folder = settings.current_dir.join(&args.folder);
    let mut wrote = false;
    let ci: Vec<Ci> = args.ci.iter().filter_map(|ci| ci.ci()).collect();
    for file in files(&ci) {
        let path = folder.join(file.path);
        if path.exists() {
            output.talk(format!("   kept  {} (it exists)\n", file.path));
            continue;
        }
        if let Err(problem) = output.file(&path, file.text.as_bytes()) {
            output.error(&problem, None);
            return Exit::CouldNotJudge;
        }
        wrote = true;
        output.talk(format!("  wrote  {}\n", file.path));
    }
    if wrote {
        output.talk(
            "\nhint: tell paydrill.toml how your app is started and read, then `paydrill doctor`, `lint` and `run`\n\
             note: runs keep what failed in .paydrill/, which tells git to ignore it\n",
        );
    }
    Exit::Passed
}

/// A scenario of captured events, in the project around the folder.
fn captured(args: &InitArgs, global: &Global, output: &Output) -> Result<Exit, Exit> {
    let failed = |error: &LoadError| project::load_failure(error, output);
    let file = match &global.project {
        Some(file) => file.clone(),
        None => find_project(&args.folder).map_err(|error| failed(&error))?,
    };
    let (found, diagnostics) = load_project(&file).map_err(|error| failed(&error))?;
    let Some(project) = found else {
        project::show(&diagnostics, output);
        return Err(Exit::Usage);
    };
    let events = load_captured(&args.from_event).map_err(|error| failed(&error))?;
    let name = args.name.clone().unwrap_or_default();
    let draft = draft(&events, &name, &project).map_err(|error| {
        output.error(
            &format!("failed to {error}"),
            Some("expected Stripe events as JSON: one, a list, or one a line"),
        );
        Exit::Usage
    })?;
    let name = if name.is_empty() { draft.about.clone() } else { name };
    let path = scenario_folder(&project.root).join(format!("{name}.toml"));
    check(&draft, &path, &name, &project, output)?;
    if args.print {
        output.data(printed(&draft));
    } else {
        write(&draft, &path, &project.root, output)?;
    }
    tell(&draft, output);
    Ok(Exit::Passed)
}

/// What is written must run.
fn check(draft: &Draft, path: &Path, name: &str, project: &Project, output: &Output) -> Result<(), Exit> {
    let source = Source { path: path.display().to_string(), text: draft.scenario.clone() };
    let copy = |file: &str| {
        let copy = draft.copies.iter().find(|(path, _)| path == file);
        copy.map(|(_, text)| text.clone()).ok_or_else(|| "no such copy".to_owned())
    };
    let (_, diagnostics) = parse_scenario(Arc::new(source), name, project, &copy);
    if has_errors(&diagnostics) {
        project::show(&diagnostics, output);
        output.error("failed to make a valid scenario of these events; please report this", None);
        return Err(Exit::CouldNotJudge);
    }
    Ok(())
}

fn write(draft: &Draft, path: &Path, root: &Path, output: &Output) -> Result<(), Exit> {
    let copies = draft.copies.iter().map(|(file, text)| (below(root, file), text));
    let all: Vec<(PathBuf, &String)> = copies.chain([(path.to_owned(), &draft.scenario)]).collect();
    if let Some((taken, _)) = all.iter().find(|(path, _)| path.exists()) {
        output.error(
            &format!("failed to write {}: it exists", taken.display()),
            Some("`--name NAME` gives another one"),
        );
        return Err(Exit::Usage);
    }
    for (path, text) in &all {
        output.file(path, text.as_bytes()).map_err(|problem| {
            output.error(&problem, None);
            Exit::CouldNotJudge
        })?;
        output.talk(format!("  wrote  {}\n", path.display()));
    }
    Ok(())
}

/// `captured/a.json`, not `./captured/a.json`: as a person would type it.
fn below(root: &Path, file: &str) -> PathBuf {
    if root == Path::new(".") { file.into() } else { root.join(file) }
}

/// The scenario, and the copies that it needs as comments.
fn printed(draft: &Draft) -> String {
    let mut text = draft.scenario.clone();
    for (path, copy) in &draft.copies {
        text.push_str(&format!("\n# {path}:\n"));
        text.extend(copy.lines().map(|line| format!("# {line}\n")));
    }
    text
}

fn tell(draft: &Draft, output: &Output) {
    for path in &draft.replaced {
        output.talk(format!("replaced {path}\n"));
    }
    output.talk("Nothing else that the events say of anybody is in it.\n");
    for note in &draft.notes {
        output.talk(format!("note: {note}\n"));
    }
    output.talk(
        "\nhint: say in it what must be true after each step, then `paydrill lint` and `paydrill run`\n",
    );
}
