//! What `docker/` builds and brings up: the runtime stages on a base without a registry, and the compose file as it is
//! read.

use std::fs;
use std::path::{Path, PathBuf};

use crate::heavy;
use crate::image::{docker, write_context};
use crate::support::eventually;

const CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docker")
}

/// The images of the program and of the demo app, from the binary that was built for the tests.
fn images() -> [String; 2] {
    let program = Path::new(env!("CARGO_BIN_EXE_paydrill"));
    let context = tempfile::tempdir().unwrap();
    write_context(context.path(), program, "");
    let root = context.path().join("root");
    let certificates = root.join(&CERTIFICATES[1..]);
    fs::create_dir_all(certificates.parent().unwrap()).unwrap();
    fs::copy(CERTIFICATES, certificates).unwrap();
    // The base has what the program is linked with, and the program comes from beside it.
    let beside = tempfile::tempdir().unwrap();
    fs::rename(root.join("app"), beside.path().join("paydrill")).unwrap();
    let base = "paydrill-test/base:files";
    docker(&["build", "--quiet", "--tag", base, context.path().to_str().unwrap()]);
    let dockerfile = folder().join("Dockerfile");
    ["prebuilt", "prebuilt-demo"].map(|target| {
        let tag = format!("paydrill-test/{target}:files");
        let (file, context) = (dockerfile.to_str().unwrap(), beside.path().to_str().unwrap());
        let base = format!("BASE={base}");
        docker(&[
            "build",
            "--quiet",
            "--file",
            file,
            "--target",
            target,
            "--build-arg",
            &base,
            "--tag",
            &tag,
            context,
        ]);
        tag
    })
}

/// A container that goes with the test.
struct Running(String);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = std::process::Command::new("docker").args(["rm", "--force", &self.0]).output();
    }
}

#[cfg(feature = "demo")]
#[test]
fn the_images_do_what_they_are_for_as_nobody_in_particular() {
    if !heavy::asked("docker") {
        return;
    }
    let [program, demo] = images();
    let version = docker(&["run", "--rm", &program, "--version"]);
    assert_eq!(version.trim(), concat!("paydrill ", env!("CARGO_PKG_VERSION")));
    for image in [&program, &demo] {
        assert_eq!(docker(&["inspect", "--format", "{{.Config.User}}", image]).trim(), "65534:65534");
    }
    // It starts an app and a supervisor in there, and judges.
    let told = docker(&["run", "--rm", &program, "demo", "--filter", "checkout-grants-pro"]);
    assert!(told.contains("1 passed") || told.contains("passed"), "{told}");
    let running = docker(&[
        "run",
        "--detach",
        "--publish",
        "127.0.0.1::3000",
        "--env",
        "STRIPE_API_BASE=http://127.0.0.1:1",
        "--env",
        "STRIPE_API_KEY=sk_test_paydrill",
        "--env",
        "STRIPE_WEBHOOK_SECRET=whsec_paydrill",
        &demo,
    ]);
    let running = Running(running.trim().to_owned());
    let at = docker(&["port", &running.0, "3000"]);
    eventually("the demo app answers", || answers(at.trim(), "/healthz"));
}

fn answers(at: &str, path: &str) -> bool {
    use std::io::{Read, Write};
    let ask = || {
        let mut stream = std::net::TcpStream::connect(at).ok()?;
        stream
            .write_all(format!("GET {path} HTTP/1.1\r\nhost: {at}\r\nconnection: close\r\n\r\n").as_bytes())
            .ok()?;
        let mut said = String::new();
        stream.read_to_string(&mut said).ok()?;
        Some(said.starts_with("HTTP/1.1 200"))
    };
    ask().unwrap_or(false)
}

#[test]
fn the_compose_file_is_understood_and_shows_nothing_to_the_network() {
    if !heavy::asked("docker") {
        return;
    }
    let file = folder().join("compose.yaml");
    let read = docker(&["compose", "--file", file.to_str().unwrap(), "config", "--format", "json"]);
    let read: serde_json::Value = serde_json::from_str(&read).unwrap();
    let services = read["services"].as_object().unwrap();
    let mut names: Vec<&str> = services.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["app", "mail", "postgres", "stripe-mock"]);
    for (name, service) in services {
        for port in service["ports"].as_array().unwrap() {
            assert_eq!(port["host_ip"], "127.0.0.1", "{name}");
        }
        let image = service["image"].as_str().unwrap_or("built:here");
        assert!(image.contains(':') && !image.ends_with(":latest"), "{name}: {image}");
    }
    assert_eq!(services["stripe-mock"]["image"], paydrill::project::model::STRIPE_MOCK);
    assert_eq!(services["app"]["build"]["target"], "demo");
}
