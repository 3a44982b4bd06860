//! What the oracles need from package registries, installed once into the target folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// Two tests that need the same thing install it once; a second `cargo test` finds it there.
static INSTALLING: Mutex<()> = Mutex::new(());

/// The folder `name` under the target folder, filled by `fill` if it is not there yet. It is filled beside its
/// place and then moved there, so that one that is there is whole.
pub(crate) fn once(name: &str, fill: impl FnOnce(&Path)) -> PathBuf {
    let _one_at_a_time = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("oracle");
    let place = root.join(name);
    if !place.is_dir() {
        fs::create_dir_all(&root).unwrap();
        let beside = tempfile::tempdir_in(&root).unwrap();
        fill(beside.path());
        // Another process may have been faster; what it put there is the same.
        if fs::rename(beside.path(), &place).is_ok() {
            let _ = beside.keep();
        }
        assert!(place.is_dir(), "{} was not put in its place", place.display());
    }
    place
}

/// An npm package in exactly this version, without the scripts that it would run; gives the folder that has its
/// `node_modules`.
pub(crate) fn npm(package: &str, version: &str) -> PathBuf {
    let name = format!("npm-{}-{version}", package.trim_start_matches('@').replace('/', "-"));
    once(&name, |folder| {
        fs::write(folder.join("package.json"), "{ \"private\": true }\n").unwrap();
        let mut npm = Command::new("npm");
        npm.args(["install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
        ran(npm.arg(format!("{package}@{version}")).current_dir(folder));
    })
}

/// A PyPI package in exactly this version, with what it needs; gives the folder to look for modules in.
pub(crate) fn pypi(package: &str, version: &str) -> PathBuf {
    once(&format!("pypi-{package}-{version}"), |folder| {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"]);
        ran(pip.arg("--target").arg(folder).arg(format!("{package}=={version}")));
    })
}

/// Runs a command to its end; what it said is the message where it failed.
pub(crate) fn ran(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?} ended with {}:\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
