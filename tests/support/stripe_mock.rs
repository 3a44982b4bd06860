//! The program that stands in for stripe-mock, `examples/like_stripe_mock`, as a process.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// A running one; it ends with the test.
pub(crate) struct Mock {
    child: Child,
    pub(crate) url: String,
}

impl Mock {
    /// Starts one with these flags, on a free port, and waits until it listens.
    pub(crate) fn start(flags: &[&str]) -> Self {
        let mut child = Command::new(program())
            .args(["-http-port", "0"])
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let line = lines.find(|line| line.starts_with("Listening for HTTP")).unwrap();
        let port = line.rsplit(':').next().unwrap().to_owned();
        // It must never wait for somebody to read what it says.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url: format!("http://127.0.0.1:{port}") }
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `examples/like_stripe_mock`, which `cargo test` builds.
#[expect(clippy::disallowed_methods, reason = "Cargo tells no test where its examples are")]
pub(crate) fn program() -> PathBuf {
    // target/debug/deps/end_to_end-…
    let test = std::env::current_exe().unwrap();
    let program = test.parent().and_then(std::path::Path::parent).unwrap().join("examples/like_stripe_mock");
    assert!(
        program.exists(),
        "`cargo test --test NAME` builds no examples: `cargo build --example like_stripe_mock` first"
    );
    program
}
