//! The app's clock, moved by Debian's libfaketime: a library that is loaded before the app and adds to what the
//! system's clock says.
//!
//! How much it adds stands in a file that it reads whenever the app asks for the time. The clock goes on ticking, and
//! what measures spans (`CLOCK_MONOTONIC`: timers, time-outs) stays as it is. A program without the C library does not
//! load it: one that is linked statically, as Go's are.

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use jiff::SignedDuration;

use super::Launched;

/// Where distributions put it; `*` is one folder, the machine's architecture. The one for threads is right for all.
const PLACES: [&str; 4] = [
    "/usr/lib/*/faketime/libfaketimeMT.so.1",
    "/usr/lib/faketime/libfaketimeMT.so.1",
    "/usr/lib64/faketime/libfaketimeMT.so.1",
    "/usr/local/lib/faketime/libfaketimeMT.so.1",
];

/// The variable that names what is loaded before a program.
const PRELOAD: &str = "LD_PRELOAD";

/// The variable that names the file.
const FILE: &str = "FAKETIME_TIMESTAMP_FILE";

/// A program that was started has loaded its libraries by then, also on a busy machine.
const LOADED_WITHIN: Duration = Duration::from_secs(2);
/// How often it is looked whether it has.
const PAUSE: Duration = Duration::from_millis(5);

/// Why the app's clock cannot be moved.
#[derive(Debug, thiserror::Error)]
pub enum FaketimeError {
    /// It is not installed.
    #[error(
        "move the app's clock: libfaketime is not on this machine\n\n\
         hint: `apt-get install faketime` on Debian; or let the app offer a call that sets its clock: \
         target.clock = {{ http = {{ … }} }}"
    )]
    NotInstalled,
    /// The file cannot be written.
    #[error("move the app's clock: {0}")]
    Write(#[from] io::Error),
    /// The program reads the clock without it.
    #[error(
        "move the clock of `{process}`: it does not load libfaketime\n\n\
         hint: a program that is linked statically (as Go's are) reads the clock by itself; let it offer a call that \
         sets its clock: target.clock = {{ http = {{ … }} }}"
    )]
    NotLoaded {
        /// Which process.
        process: String,
    },
}

/// The clock of one app.
#[derive(Debug, Clone)]
pub struct Faketime {
    library: PathBuf,
    file: PathBuf,
}

impl Faketime {
    /// Variables of our environment that it adds to.
    pub const VARIABLES: [&'static str; 1] = [PRELOAD];

    /// Finds the library, and writes a file into a hidden folder below `dir`: the clock is the system's at first.
    ///
    /// # Errors
    /// It is not installed, or the file cannot be written.
    pub fn new(dir: &Path) -> Result<Self, FaketimeError> {
        let library = Self::installed().ok_or(FaketimeError::NotInstalled)?;
        let folder = dir.join(".paydrill");
        fs::create_dir_all(&folder)?;
        let clock = Self { library, file: folder.join("clock") };
        clock.set(SignedDuration::ZERO)?;
        Ok(clock)
    }

    /// The library, where it is installed.
    #[must_use]
    pub fn installed() -> Option<PathBuf> {
        PLACES.iter().find_map(|place| find(Path::new("/"), place))
    }

    /// Makes a program that is told `env` load the library. `inherited` gives what the program finds in its environment
    /// beside `env`, in which a later variable wins.
    pub fn lead<'a>(&self, env: &mut Vec<(String, String)>, inherited: impl FnOnce(&str) -> Option<&'a str>) {
        let told = env.iter().rev().find(|(name, _)| name == PRELOAD).map(|(_, value)| value.clone());
        let kept = told.or_else(|| inherited(PRELOAD).map(str::to_owned)).filter(|kept| !kept.is_empty());
        let preload = [Some(self.library.display().to_string()), kept];
        let preload = preload.into_iter().flatten().collect::<Vec<_>>().join(":");
        let file = self.file.display().to_string();
        let more = [
            (PRELOAD, preload.as_str()),
            (FILE, &file),
            // It is read again whenever the time is asked for, not every ten seconds.
            ("FAKETIME_NO_CACHE", "1"),
            // Either spelling, by its version.
            ("DONT_FAKE_MONOTONIC", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            ("NO_FAKE_STAT", "1"),
        ];
        env.extend(more.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    /// The app's clock is so much ahead of the system's from now on.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn set(&self, ahead: SignedDuration) -> io::Result<()> {
        // Renamed into place: an app that reads at this moment finds the old one or the new one.
        let new = self.file.with_extension("new");
        fs::write(&new, format!("{:+}\n", ahead.as_secs()))?;
        fs::rename(new, &self.file)
    }

    /// Waits until every process of the app has loaded the library.
    ///
    /// # Errors
    /// One of them has not.
    pub async fn check(&self, launched: &Launched) -> Result<(), FaketimeError> {
        let looking = async {
            while !launched.without(&self.library).is_empty() {
                tokio::time::sleep(PAUSE).await;
            }
        };
        if tokio::time::timeout(LOADED_WITHIN, looking).await.is_ok() {
            return Ok(());
        }
        match launched.without(&self.library).into_iter().next() {
            Some(process) => Err(FaketimeError::NotLoaded { process }),
            None => Ok(()),
        }
    }
}

/// The shared memory that the library makes for a process and what it starts, and which a process that is killed leaves
/// behind. Removed when this is dropped.
#[derive(Debug)]
pub(super) struct Leftovers(u32);

impl Leftovers {
    /// Of a process that was started with these variables, if it has loaded the library.
    pub(super) fn of(id: Option<u32>, env: &[(String, String)]) -> Option<Self> {
        id.filter(|_| env.iter().any(|(name, _)| name == FILE)).map(Self)
    }
}

impl Drop for Leftovers {
    fn drop(&mut self) {
        let Self(id) = self;
        for name in [format!("faketime_shm_{id}"), format!("sem.faketime_sem_{id}")] {
            // It is not there where the process ended in order.
            let _ = fs::remove_file(Path::new("/dev/shm").join(name));
        }
    }
}

/// The first file at a place below `root`.
fn find(root: &Path, place: &str) -> Option<PathBuf> {
    let place = place.trim_start_matches('/');
    let Some((before, after)) = place.split_once("/*/") else {
        return Some(root.join(place)).filter(|path| path.is_file());
    };
    let mut folders: Vec<PathBuf> =
        fs::read_dir(root.join(before)).ok()?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    folders.sort();
    folders.into_iter().map(|folder| folder.join(after)).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::super::{EnvBase, LaunchSpec, Launcher, ProcessLauncher, ProcessSpec};
    use super::*;
    use crate::time::Clock;

    #[rstest::rstest]
    #[case("usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1", 0, true)]
    #[case("usr/lib/faketime/libfaketimeMT.so.1", 1, true)]
    #[case("usr/lib/x86_64-linux-gnu/libfaketimeMT.so.1", 0, false)]
    fn the_library_is_found(#[case] file: &str, #[case] place: usize, #[case] expected: bool) {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "").unwrap();
        assert_eq!(find(root.path(), PLACES[place]), expected.then_some(path));
    }

    #[tokio::test]
    async fn a_program_that_does_not_load_the_library_is_told() {
        let clock = Faketime { library: "/nowhere/libfaketimeMT.so.1".into(), file: "/tmp/clock".into() };
        let worker = ProcessSpec {
            name: "worker".to_owned(),
            command: vec!["sleep".to_owned(), "1000".to_owned()],
            dir: ".".into(),
            env: Vec::new(),
            env_base: EnvBase::Inherit,
            ready: None,
            url: None,
        };
        let spec = LaunchSpec { processes: vec![worker], port: 0, base_url: String::new() };
        let launched = ProcessLauncher::new(spec).launch(Clock::start()).await.unwrap();
        let error = clock.check(&launched).await.unwrap_err();
        assert!(error.to_string().starts_with("move the clock of `worker`: it does not load"), "{error}");
        launched.stop().await;
    }

    #[rstest::rstest]
    #[case::nothing(&[], None, "/lib/ft.so")]
    #[case::inherited(&[], Some("/lib/asan.so"), "/lib/ft.so:/lib/asan.so")]
    #[case::told(&[("LD_PRELOAD", "/lib/own.so")], Some("/lib/asan.so"), "/lib/ft.so:/lib/own.so")]
    fn what_is_loaded_already_stays(
        #[case] told: &[(&str, &str)],
        #[case] inherited: Option<&'static str>,
        #[case] expected: &str,
    ) {
        let clock = Faketime { library: "/lib/ft.so".into(), file: "/tmp/clock".into() };
        let mut env: Vec<_> = told.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        clock.lead(&mut env, |name| inherited.filter(|_| name == PRELOAD));
        let last =
            |wanted: &str| env.iter().rev().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
        assert_eq!(last(PRELOAD), Some(expected));
        assert_eq!(last("FAKETIME_TIMESTAMP_FILE"), Some("/tmp/clock"));
    }

    #[rstest::rstest]
    #[case(0, "+0\n")]
    #[case(86_400, "+86400\n")]
    #[case(-31, "-31\n")]
    fn the_file_says_how_far_ahead(#[case] seconds: i64, #[case] expected: &str) {
        let dir = tempfile::tempdir().unwrap();
        let clock = Faketime { library: PathBuf::new(), file: dir.path().join("clock") };
        clock.set(SignedDuration::from_secs(seconds)).unwrap();
        assert_eq!(fs::read_to_string(&clock.file).unwrap(), expected);
    }
}
