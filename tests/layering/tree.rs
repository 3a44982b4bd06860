//! The crate's files, found as the compiler finds them: from `lib.rs` and `main.rs` along `mod` lines.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use super::scan::{Source, scan};

/// One file of the crate.
#[derive(Debug)]
pub(crate) struct File {
    /// From `src`, with slashes.
    pub(crate) name: String,
    /// From the root of the crate; empty for `lib.rs`, `main` for `main.rs`.
    pub(crate) module: Vec<String>,
    /// Declared behind `#[cfg(test)]`, itself or a module around it.
    pub(crate) in_tests: bool,
    pub(crate) source: Source,
}

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    pub(crate) files: Vec<File>,
    /// Declared modules that have no file, and files that no module declares: neither would be looked at.
    pub(crate) lost: Vec<String>,
}

/// Reads the crate under `src`.
///
/// # Errors
/// A file or folder cannot be read.
pub(crate) fn read(src: &Path) -> io::Result<Tree> {
    let mut tree = Tree::default();
    let roots = [("lib.rs", vec![]), ("main.rs", vec!["main".to_owned()])];
    for (name, module) in roots {
        visit(src, name.to_owned(), module, false, &mut tree)?;
    }
    let mut names = BTreeSet::new();
    all(src, src, &mut names)?;
    for file in &tree.files {
        names.remove(&file.name);
    }
    tree.lost.extend(names.into_iter().map(|name| format!("src/{name}: no `mod` line leads here")));
    Ok(tree)
}

fn visit(src: &Path, name: String, module: Vec<String>, in_tests: bool, tree: &mut Tree) -> io::Result<()> {
    let source = scan(&std::fs::read_to_string(src.join(&name))?, &module);
    for declared in &source.modules {
        let in_tests = in_tests || declared.in_tests;
        let path = declared.what.join("/");
        let candidates = [format!("{path}.rs"), format!("{path}/mod.rs")];
        match candidates.into_iter().find(|file| src.join(file).is_file()) {
            Some(file) => visit(src, file, declared.what.clone(), in_tests, tree)?,
            // Tests take files from elsewhere: `#[path = "../../tests/support/heavy.rs"]`. The compiler finds them.
            None if in_tests => {}
            None => tree.lost.push(format!("src/{name}:{}: `mod {path}` has no file", declared.line)),
        }
    }
    tree.files.push(File { name, module, in_tests, source });
    Ok(())
}

fn all(src: &Path, folder: &Path, names: &mut BTreeSet<String>) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            all(src, &path, names)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(src).unwrap_or(&path).to_string_lossy();
            names.insert(name.replace('\\', "/"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::read;

    /// Every file is found once, knows its module, and knows whether it ships.
    #[test]
    fn files_are_found_along_mod_lines() {
        let dir = tempfile::tempdir().unwrap();
        let files = [
            ("lib.rs", "mod a;\nmod b;\nmod gone;\n#[cfg(test)]\nmod t;"),
            ("main.rs", ""),
            ("a.rs", "mod c;"),
            ("a/c.rs", ""),
            ("b/mod.rs", "#[cfg(test)]\nmod tests;"),
            ("b/tests.rs", ""),
            ("b/orphan.rs", ""),
            ("t/mod.rs", "mod u;\n#[path = \"../elsewhere.rs\"] mod support;"),
            ("t/u.rs", ""),
        ];
        for (name, text) in files {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let tree = read(dir.path()).unwrap();
        let mut found: Vec<(&str, String, bool)> = tree
            .files
            .iter()
            .map(|file| (file.name.as_str(), file.module.join("::"), file.in_tests))
            .collect();
        found.sort();
        let expected = [
            ("a.rs", "a", false),
            ("a/c.rs", "a::c", false),
            ("b/mod.rs", "b", false),
            ("b/tests.rs", "b::tests", true),
            ("lib.rs", "", false),
            ("main.rs", "main", false),
            ("t/mod.rs", "t", true),
            ("t/u.rs", "t::u", true),
        ];
        assert_eq!(found, expected.map(|(name, module, in_tests)| (name, module.to_owned(), in_tests)));
        let lost = ["src/lib.rs:3: `mod gone` has no file", "src/b/orphan.rs: no `mod` line leads here"];
        assert_eq!(tree.lost, lost);
    }
}
