//! What `paydrill init` writes: a project that is valid as it stands, and easy to make one's own.

/// A file to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitFile {
    /// Where, below the project's folder.
    pub path: &'static str,
    /// What.
    pub text: String,
}

/// Where a project's pipelines run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ci {
    /// GitHub Actions.
    Github,
    /// GitLab.
    Gitlab,
}

macro_rules! files {
    ($($path:literal = $from:literal,)+) => {
        [$(InitFile { path: $path, text: include_str!($from).to_owned() }),+]
    };
}

/// The files of a new project, and a workflow for each of `ci`. Whoever writes them never overwrites one.
#[must_use]
pub fn files(ci: &[Ci]) -> Vec<InitFile> {
    let mut files: Vec<InitFile> = files! {
        "paydrill.toml" = "init/paydrill.toml",
        "scenarios/checkout-grants-pro.toml" = "init/scenarios/checkout-grants-pro.toml",
        "scenarios/forged-events.toml" = "init/scenarios/forged-events.toml",
        "scenarios/late-update.toml" = "init/scenarios/late-update.toml",
        "tests/paydrill.rs" = "init/tests.rs.txt",
    }
    .into();
    files.extend(ci.iter().map(|ci| ci.workflow()));
    files
}

impl Ci {
    /// It installs this version.
    fn workflow(self) -> InitFile {
        let [file] = match self {
            Self::Github => files! { ".github/workflows/paydrill.yml" = "init/workflow.yml", },
            Self::Gitlab => files! { ".gitlab-ci.yml" = "init/gitlab-ci.yml", },
        };
        InitFile { text: file.text.replace("{PAYDRILL_VERSION}", env!("CARGO_PKG_VERSION")), ..file }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::project::refuse_unsupported;
    use crate::scenario::{format, load, schema};

    fn write_to(folder: &Path) {
        for file in files(&[Ci::Github]) {
            let path = folder.join(file.path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, file.text).unwrap();
        }
    }

    #[test]
    fn what_is_written_is_valid_and_can_be_run() {
        let folder = tempfile::tempdir().unwrap();
        write_to(folder.path());
        let loaded = load(folder.path(), &[]).unwrap();
        assert_eq!(loaded.diagnostics, []);
        let names: Vec<_> = loaded.scenarios.iter().map(|scenario| scenario.head.name.as_str()).collect();
        assert_eq!(names, ["checkout-grants-pro", "forged-events", "late-update"]);
        let project = loaded.project.unwrap();
        let environment = &project.environments[project.default_environment.as_ref().unwrap()];
        assert_eq!(refuse_unsupported(environment, &loaded.scenarios), []);
    }

    #[test]
    fn what_is_written_is_formatted_and_fits_the_schemas() {
        for file in files(&[]).into_iter().filter(|file| file.path.ends_with(".toml")) {
            assert_eq!(format::format(&file.text).as_ref(), Ok(&file.text), "{}", file.path);
            let schema = match file.path {
                "paydrill.toml" => schema::project_schema(),
                _ => schema::scenario_schema(),
            };
            let instance: serde_json::Value = toml::from_str(&file.text).unwrap();
            assert!(jsonschema::draft7::is_valid(&schema, &instance), "{}", file.path);
        }
    }

    /// The test names what `paydrill::testing` has, and the scenarios where they are.
    #[test]
    fn the_test_and_the_workflow_name_what_is_there() {
        let text = |path: &str| {
            files(&[Ci::Github, Ci::Gitlab]).into_iter().find(|file| file.path == path).unwrap().text
        };
        assert!(text("tests/paydrill.rs").contains("#[files(\"scenarios/**/*.toml\")]"));
        assert!(text("tests/paydrill.rs").contains("paydrill::testing::scenario("));
        for path in [".github/workflows/paydrill.yml", ".gitlab-ci.yml"] {
            let workflow = text(path);
            let install = format!("cargo install paydrill --locked --version {}", env!("CARGO_PKG_VERSION"));
            assert!(workflow.contains(&install) && !workflow.contains('\t'), "{path}");
        }
    }
}
