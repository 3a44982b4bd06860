//! A PostgreSQL of its own for a test: a fresh cluster in a temporary folder, on a free port of 127.0.0.1, that ends
//! with the test. Its programs come from Debian's package `postgresql`.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid};

/// A running cluster.
pub(crate) struct Postgres {
    folder: tempfile::TempDir,
    port: u16,
    server: Child,
}

impl Postgres {
    /// Makes a cluster and waits until it answers.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        if Uid::effective().is_root() {
            // PostgreSQL refuses to run as root.
            run(Command::new("chown").arg("postgres").arg(folder.path()));
        }
        run(as_postgres(&program("initdb")).arg("-D").arg(&data).args(["-U", "postgres", "-A", "trust"]));
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let server = launch(&folder, port);
        let mut started = Self { folder, port, server };
        started.wait();
        started
    }

    /// Ends it at once, as a crash would, and starts it again on the same data and port.
    #[allow(dead_code, reason = "not every test that includes this file has it go away")]
    #[expect(clippy::allow_attributes, reason = "where it is used, `expect` would be wrong")]
    pub(crate) fn restart(&mut self, meanwhile: impl FnOnce()) {
        self.quit();
        meanwhile();
        self.server = launch(&self.folder, self.port);
        self.wait();
    }

    fn wait(&mut self) {
        for _ in 0..2_000 {
            if self.answers() {
                return;
            }
            assert_eq!(self.server.try_wait().unwrap(), None, "PostgreSQL ended at once");
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("PostgreSQL does not answer");
    }

    fn quit(&mut self) {
        let _ = kill(Pid::from_raw(i32::try_from(self.server.id()).unwrap()), Signal::SIGQUIT);
        let _ = self.server.wait();
    }

    /// How it is reached.
    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    fn answers(&self) -> bool {
        let ready = Command::new(program("pg_isready"))
            .args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()])
            .status()
            .unwrap();
        ready.success() && TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Immediate shutdown: nobody needs the data any more.
        self.quit();
        if Uid::effective().is_root() {
            run(Command::new("chown").args(["-R", "root"]).arg(self.folder.path()));
        }
    }
}

fn launch(folder: &tempfile::TempDir, port: u16) -> Child {
    as_postgres(&program("postgres"))
        .arg("-D")
        .arg(folder.path().join("data"))
        .args(["-h", "127.0.0.1", "-p", &port.to_string(), "-k"])
        .arg(folder.path())
        .args(["-c", "fsync=off"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// A command that ends with this test, run as a user who may run a database.
fn as_postgres(program: &std::path::Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "QUIT"]);
    if Uid::effective().is_root() {
        command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups"]);
    }
    command.arg(program).current_dir("/");
    command
}

/// Debian keeps them out of the path.
fn program(name: &str) -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let of = |version: std::io::Result<std::fs::DirEntry>| version.unwrap().path().join("bin").join(name);
    let found = versions.map(of).filter(|path| path.exists()).max();
    found.unwrap_or_else(|| panic!("no {name}: `apt-get install postgresql` brings it"))
}

fn run(command: &mut Command) {
    let done = command.output().unwrap();
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
}
