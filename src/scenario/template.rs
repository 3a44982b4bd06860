//! Templates in a file: can they be read, and does everything they name exist?

use std::collections::{BTreeMap, BTreeSet};

use minijinja::Environment;

use super::code::Code;
use super::decode::Problems;
use super::diagnostic::{Diagnostic, suggest};
use super::tree::Node;
use crate::project::model::Project;

/// What a template may name at its start, besides the names that a scenario gives.
pub(crate) const ROOTS: [&str; 17] = [
    "customer",
    "subscription",
    "checkout",
    "invoice",
    "charge",
    "price",
    "product",
    "request",
    "variable",
    "secret",
    "matrix",
    "provider",
    "endpoint",
    "target",
    "clock",
    "mail",
    "sink",
];

/// The names that templates of a file may use.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    /// Names given by `name = …`.
    given: BTreeSet<String>,
    /// The names below a root that has only some: `variable.NAME`.
    below: BTreeMap<&'static str, BTreeSet<String>>,
}

impl Names {
    /// The names of a project file.
    pub(crate) fn of_project(project: &Project) -> Self {
        let environments = || project.environments.values();
        let variables = environments().flat_map(|environment| environment.variables.keys());
        let endpoints = environments().flat_map(|environment| environment.target.endpoints.keys());
        let below = BTreeMap::from([
            ("variable", project.variables.keys().chain(variables).cloned().collect()),
            ("endpoint", endpoints.cloned().collect()),
            ("request", project.requests.keys().cloned().collect()),
            ("price", project.prices.keys().cloned().collect()),
            ("product", project.products.keys().cloned().collect()),
            ("mail", ["url", "host", "port"].map(str::to_owned).into()),
            ("sink", project.sink_names()),
            ("clock", BTreeSet::from(["unix".to_owned(), "iso".to_owned()])),
        ]);
        Self { given: BTreeSet::new(), below }
    }

    /// The same with a name that the scenario gives.
    pub(crate) fn give(&mut self, name: &str) {
        self.given.insert(name.to_owned());
    }

    /// The same with names below a root.
    pub(crate) fn below(&mut self, root: &'static str, names: impl IntoIterator<Item = String>) {
        self.below.entry(root).or_default().extend(names);
    }
}

/// Checks every string of a tree.
pub(crate) fn check(tree: &Node, names: &Names, problems: &mut Problems) {
    let environment = Environment::new();
    let mut found = Vec::new();
    tree.each_string(&mut |text, range| {
        if !text.contains("{{") && !text.contains("{%") {
            return;
        }
        let place = problems.place(range);
        match environment.template_from_str(text) {
            Ok(template) => {
                let mut used: Vec<String> = template.undeclared_variables(true).into_iter().collect();
                used.sort();
                found.extend(used.iter().filter_map(|name| unknown(name, names)).map(|d| d.at(&place)));
            }
            Err(error) => found.push(
                Diagnostic::error(Code::BadTemplate, "this template cannot be read")
                    .at(&place)
                    .label(error.detail().unwrap_or("expected {{ name.field }}").to_owned()),
            ),
        }
    });
    problems.list.extend(found);
}

/// What is wrong with a dotted name, if anything.
fn unknown(name: &str, names: &Names) -> Option<Diagnostic> {
    let (root, rest) = name.split_once('.').unwrap_or((name, ""));
    if !ROOTS.contains(&root) && !names.given.contains(root) {
        let all: Vec<&str> = ROOTS.into_iter().chain(names.given.iter().map(String::as_str)).collect();
        return Some(
            Diagnostic::error(Code::UnknownTemplateName, format!("unknown template name `{name}`"))
                .label(format!("there is no `{root}`"))
                .maybe_help(suggest(root, "names", all)),
        );
    }
    let below = names.below.get(root)?;
    let key = rest.split('.').next().unwrap_or_default();
    if below.contains(key) || key.is_empty() {
        return None;
    }
    Some(
        Diagnostic::error(Code::UnknownTemplateName, format!("unknown template name `{name}`"))
            .label(format!("`{root}` has no `{key}`"))
            .maybe_help(suggest(key, &format!("names below `{root}`"), below.iter().map(String::as_str))),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::tree::{parse, source};

    fn problems(text: &str) -> Vec<String> {
        let source = source("a.toml", &format!("a = '{text}'"));
        let mut problems = Problems::new(&source);
        let mut names = Names::default();
        names.give("old");
        names.below("variable", ["plan".to_owned()]);
        check(&parse(&source).0.unwrap(), &names, &mut problems);
        problems.list.into_iter().map(|d| format!("{}: {}", d.message, d.help.unwrap_or(d.label))).collect()
    }

    #[rstest::rstest]
    #[case("{{ customer.id }}", &[])]
    #[case("no template, not even { this }", &[])]
    #[case("{{ subscription.items.data[0].quantity }}", &[])]
    #[case("{{ old.id }} {{ variable.plan }}", &[])]
    #[case("{{ costumer.id }}", &["unknown template name `costumer.id`: did you mean `customer`?"])]
    #[case("{{ variable.plam }}", &["unknown template name `variable.plam`: did you mean `plan`?"])]
    #[case("{{ custommer.id }}{{ variabel.plan }}", &[
        "unknown template name `custommer.id`: did you mean `customer`?",
        "unknown template name `variabel.plan`: did you mean `variable`?",
    ])]
    #[case("{{ customer.id", &["this template cannot be read: unexpected end of input, expected end of variable block"])]
    fn names_are_checked(#[case] text: &str, #[case] expected: &[&str]) {
        assert_eq!(problems(text), expected);
    }
}
