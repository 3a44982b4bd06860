//! Cases on the command line: `scenarios/older-versions.toml[shape=basil]`, or the name that a report prints.

use std::path::{Path, PathBuf};

use crate::engine::Picked;
use crate::scenario::model::Scenario;

/// What the arguments of a run name.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// Files and folders, or names of scenarios.
    pub(super) paths: Vec<PathBuf>,
    picks: Vec<Pick>,
    /// Those that are wanted whole.
    whole: Vec<PathBuf>,
}

/// `PATH[LABEL] #NUMBER`
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pick {
    path: PathBuf,
    parts: Vec<String>,
    number: Option<u32>,
}

impl Asked {
    /// Reads arguments. One that `exists` as it stands is a path, whatever its name.
    pub(super) fn read(arguments: &[PathBuf], exists: &dyn Fn(&Path) -> bool) -> Self {
        let mut asked = Self::default();
        for argument in arguments {
            match argument.to_str().filter(|_| !exists(argument)).and_then(pick) {
                Some(pick) => {
                    asked.paths.push(pick.path.clone());
                    asked.picks.push(pick);
                }
                None => {
                    asked.paths.push(argument.clone());
                    asked.whole.push(argument.clone());
                }
            }
        }
        asked
    }

    /// The cases that are wanted of scenarios that are not wanted whole.
    ///
    /// # Errors
    /// A sentence and a hint where an argument names a case that there is not.
    pub(super) fn picked(&self, scenarios: &[Scenario]) -> Result<Vec<Picked>, (String, String)> {
        let mut picked = Vec::new();
        for pick in &self.picks {
            let under = || scenarios.iter().filter(|scenario| is_under(scenario, &pick.path));
            let mut fits = false;
            for scenario in under() {
                let wanted = Picked {
                    scenario: scenario.head.name.clone(),
                    parts: pick.parts.clone(),
                    number: pick.number,
                };
                fits |= scenario.cases.iter().any(|story| wanted.has_label(&story.label));
                if !self.whole.iter().any(|path| is_under(scenario, path)) {
                    picked.push(wanted);
                }
            }
            if !fits {
                let labels: Vec<&str> = under()
                    .flat_map(|scenario| &scenario.cases)
                    .map(|story| story.label.as_str())
                    .filter(|label| !label.is_empty())
                    .collect();
                let message = format!("`{}` has no case [{}]", pick.path.display(), pick.parts.join(","));
                let hint = match labels.as_slice() {
                    [] => "it has no matrix".to_owned(),
                    labels => format!("it has: {}", labels.join(" | ")),
                };
                return Err((message, hint));
            }
        }
        Ok(picked)
    }
}

/// Whether a path or a name means a scenario, or a folder that it is in.
fn is_under(scenario: &Scenario, path: &Path) -> bool {
    let source = Path::new(&scenario.head.place.source.path);
    source.starts_with(path) || Path::new(&scenario.head.name).starts_with(path)
}

fn pick(argument: &str) -> Option<Pick> {
    let (rest, number) = match argument.rsplit_once(" #") {
        Some((rest, number)) => (rest, Some(number.parse().ok()?)),
        None => (argument, None),
    };
    let (path, label) = match rest.strip_suffix(']') {
        Some(inner) => inner.split_once('[')?,
        None if number.is_some() => (rest, ""),
        None => return None,
    };
    let parts = label.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect();
    (!path.is_empty()).then(|| Pick { path: path.into(), parts, number })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("a.toml", None)]
    #[case("a.toml[shape=basil]", Some(("a.toml", &["shape=basil"][..], None)))]
    #[case("orders/late[order=natural,x=1] #12", Some(("orders/late", &["order=natural", "x=1"][..], Some(12))))]
    #[case("again #3", Some(("again", &[][..], Some(3))))]
    #[case("again #x", None)]
    #[case("[x=1]", None)]
    #[case("a[x=[1,2]]", Some(("a", &["x=[1", "2]"][..], None)))]
    fn a_case_is_told_from_a_path(
        #[case] argument: &str,
        #[case] expected: Option<(&str, &[&str], Option<u32>)>,
    ) {
        let expected = expected.map(|(path, parts, number)| Pick {
            path: path.into(),
            parts: parts.iter().map(|part| (*part).to_owned()).collect(),
            number,
        });
        assert_eq!(pick(argument), expected);
    }

    #[test]
    fn a_file_with_brackets_in_its_name_is_a_file() {
        let asked = Asked::read(&["a[x=1]".into()], &|_| true);
        assert_eq!((asked.paths, asked.picks), (vec![PathBuf::from("a[x=1]")], vec![]));
    }
}
