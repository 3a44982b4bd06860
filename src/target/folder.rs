//! The folder of one run: where the app keeps its data, gone when the run ends.
//!
//! A run that is killed leaves its folder behind. So that it can be found later, a hidden file in it says whose it
//! is, and is locked for as long as the run lives: the system lets go of a lock with the process that holds it, also
//! when that is killed, and unlike a process id it is never given to somebody else.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How the names of such folders begin.
const PREFIX: &str = "paydrill-";
/// Below the folder: what of it is ours and not the app's.
const HIDDEN: &str = ".paydrill";
/// The file that says whose it is.
const MARK: &str = "run.json";
/// The version of what stands in it.
const VERSION: u32 = 1;

/// Whose a folder is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunMark {
    version: u32,
    /// What it is for: the project's name.
    pub about: String,
    /// The process that made it, for people.
    pub process: u32,
    /// When.
    pub made: Timestamp,
}

/// A fresh folder that is removed when this is dropped.
#[derive(Debug)]
pub struct RunFolder {
    // The first to be dropped: it is ours until it is gone.
    dir: tempfile::TempDir,
    _lock: File,
}

impl RunFolder {
    /// Makes one below `temp`, for what `about` names.
    ///
    /// # Errors
    /// It cannot be made there.
    pub fn make(temp: &Path, about: &str, now: Timestamp) -> io::Result<Self> {
        let dir = tempfile::Builder::new().prefix(PREFIX).tempdir_in(temp)?;
        let hidden = dir.path().join(HIDDEN);
        fs::create_dir(&hidden)?;
        let mark =
            RunMark { version: VERSION, about: about.to_owned(), process: std::process::id(), made: now };
        // Locked before it has its name, so that nobody finds it and thinks that its run is over.
        let new = hidden.join("run.new");
        let mut file = File::create_new(&new)?;
        file.lock()?;
        file.write_all(&serde_json::to_vec(&mark)?)?;
        fs::rename(&new, hidden.join(MARK))?;
        Ok(Self { dir, _lock: file })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.dir.path()
    }
}

/// A folder that a run left behind, kept from everybody else until this is dropped.
#[derive(Debug)]
pub struct LeftFolder {
    /// Where it is.
    pub path: PathBuf,
    /// Whose it was.
    pub mark: RunMark,
    _lock: File,
}

/// The folders of runs below a folder.
#[derive(Debug, Default)]
pub struct RunFolders {
    /// Of runs that are over, by path.
    pub left: Vec<LeftFolder>,
    /// How many belong to runs that are still at work.
    pub at_work: usize,
}

impl RunFolders {
    /// Finds them. What has not our mark, or is another user's, is none of them.
    ///
    /// # Errors
    /// `temp` cannot be read.
    pub fn find(temp: &Path) -> io::Result<Self> {
        let mut found = Self::default();
        for entry in fs::read_dir(temp)? {
            let Ok(entry) = entry else { continue };
            let named = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
            if named {
                match look(entry.path()) {
                    Some(Found::Left(left)) => found.left.push(left),
                    Some(Found::AtWork) => found.at_work += 1,
                    None => {}
                }
            }
        }
        found.left.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }
}

enum Found {
    Left(LeftFolder),
    AtWork,
}

fn look(path: PathBuf) -> Option<Found> {
    let about = fs::symlink_metadata(&path).ok()?;
    if !about.is_dir() || about.uid() != nix::unistd::geteuid().as_raw() {
        return None;
    }
    let file = File::open(path.join(HIDDEN).join(MARK)).ok()?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Some(Found::AtWork),
        Err(TryLockError::Error(_)) => return None,
    }
    let mark: RunMark = serde_json::from_reader(&file).ok()?;
    (mark.version == VERSION).then_some(Found::Left(LeftFolder { path, mark, _lock: file }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(found: &RunFolders) -> Vec<&Path> {
        found.left.iter().map(|left| left.path.as_path()).collect()
    }

    #[test]
    fn only_the_folder_of_a_run_that_is_over_is_left() {
        let temp = tempfile::tempdir().unwrap();
        let at_work = RunFolder::make(temp.path(), "shop", Timestamp::UNIX_EPOCH).unwrap();
        let RunFolder { dir, _lock } = RunFolder::make(temp.path(), "shop", Timestamp::UNIX_EPOCH).unwrap();
        // Killed: the lock is let go, nothing is tidied up.
        let killed = dir.keep();
        drop(_lock);
        let found = RunFolders::find(temp.path()).unwrap();
        assert_eq!((paths(&found), found.at_work), (vec![killed.as_path()], 1));
        assert_eq!(found.left[0].mark.about, "shop");
        assert!(at_work.path().is_dir());
        fs::remove_dir_all(killed).unwrap();
    }

    #[test]
    fn what_has_not_our_mark_is_left_alone() {
        let temp = tempfile::tempdir().unwrap();
        fs::create_dir_all(temp.path().join("paydrill-notes/.paydrill")).unwrap();
        let odd = temp.path().join("paydrill-odd/.paydrill");
        fs::create_dir_all(&odd).unwrap();
        fs::write(odd.join(MARK), "{\"version\": 2}").unwrap();
        fs::write(temp.path().join("paydrill-file"), "").unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let RunFolder { dir, .. } = RunFolder::make(elsewhere.path(), "shop", Timestamp::UNIX_EPOCH).unwrap();
        std::os::unix::fs::symlink(dir.keep(), temp.path().join("paydrill-link")).unwrap();
        let found = RunFolders::find(temp.path()).unwrap();
        assert_eq!((paths(&found), found.at_work), (Vec::<&Path>::new(), 0));
    }

    #[test]
    fn a_folder_goes_with_its_run() {
        let temp = tempfile::tempdir().unwrap();
        let folder = RunFolder::make(temp.path(), "shop", Timestamp::UNIX_EPOCH).unwrap();
        assert!(folder.path().join(".paydrill/run.json").is_file());
        drop(folder);
        assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 0);
    }
}
