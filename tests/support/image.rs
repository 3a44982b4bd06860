//! Images for tests, without a registry and without compiling anything: a program as it was built, the libraries that
//! `ldd` names, and busybox for a shell, all `FROM scratch`.
//!
//! Include this file with `#[path = "../support/image.rs"] mod image;`. The image of one program is built once, and
//! found again as long as the program stays the same.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

/// What busybox is called by.
const APPLETS: [&str; 9] = ["sh", "cat", "echo", "grep", "kill", "ls", "sleep", "test", "wget"];

/// The image of `program`, which is at `/app` in it; `name` is that of the image, `dockerfile` are more lines of its
/// Dockerfile, such as `HEALTHCHECK …`. Its entrypoint is the program.
pub(crate) fn of(name: &str, program: &Path, dockerfile: &str) -> String {
    // Two at once would only do the same work twice.
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock();
    let repository = format!("paydrill-test/{name}");
    let tag = format!("{repository}:{}", version(program, dockerfile));
    if docker_succeeds(&["image", "inspect", &tag]) {
        return tag;
    }
    let folder = tempfile::tempdir().unwrap();
    write_context(folder.path(), program, dockerfile);
    docker(&["build", "--quiet", "--tag", &tag, folder.path().to_str().unwrap()]);
    let all = docker(&["image", "ls", "--format", "{{.Repository}}:{{.Tag}}", &repository]);
    for older in all.lines().filter(|older| *older != tag) {
        // Another test may use it just now.
        let _ = docker_succeeds(&["image", "rm", older]);
    }
    tag
}

/// Writes a folder from which `docker build` makes the image of `program`.
pub(crate) fn write_context(folder: &Path, program: &Path, dockerfile: &str) {
    let root = folder.join("root");
    for library in libraries(program) {
        copy(&library, &root.join(library.strip_prefix("/").unwrap()));
    }
    copy(program, &root.join("app"));
    // Symbols are of no use there, and most of its size.
    let _ = Command::new("strip").arg(root.join("app")).status();
    // An HTTP client wants authorities to trust, also where it asks nobody who needs one.
    let authorities = Path::new("/etc/ssl/certs/ca-certificates.crt");
    if authorities.exists() {
        copy(authorities, &root.join("etc/ssl/certs/ca-certificates.crt"));
    }
    copy(Path::new("/bin/busybox"), &root.join("bin/busybox"));
    for applet in APPLETS {
        symlink("busybox", root.join("bin").join(applet)).unwrap();
    }
    fs::create_dir(root.join("tmp")).unwrap();
    fs::set_permissions(root.join("tmp"), fs::Permissions::from_mode(0o1777)).unwrap();
    let text = format!("FROM scratch\nCOPY root /\nENV PATH=/bin\n{dockerfile}\nENTRYPOINT [\"/app\"]\n");
    fs::write(folder.join("Dockerfile"), text).unwrap();
}

/// Lets everybody read, write and enter a folder.
pub(crate) fn open_to_all(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
}

/// Runs `docker`, and gives what it prints.
pub(crate) fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output().expect("`docker` is installed");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "docker {arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// Whether `docker` does what it is told.
pub(crate) fn docker_succeeds(arguments: &[&str]) -> bool {
    Command::new("docker").args(arguments).output().expect("`docker` is installed").status.success()
}

/// Changes with the program.
fn version(program: &Path, dockerfile: &str) -> String {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let metadata = fs::metadata(program).unwrap();
    let mut hasher = DefaultHasher::new();
    (metadata.len(), metadata.mtime(), metadata.mtime_nsec(), dockerfile, APPLETS).hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// What the loader of a program loads, itself included.
fn libraries(program: &Path) -> BTreeSet<PathBuf> {
    let output = Command::new("ldd").arg(program).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    // `libc.so.6 => /lib/…/libc.so.6 (0x…)`, `/lib64/ld-linux-x86-64.so.2 (0x…)`
    text.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from).collect()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::copy(from, to).unwrap_or_else(|error| panic!("copy {}: {error}", from.display()));
}
