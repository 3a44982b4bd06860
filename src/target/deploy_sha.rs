//! Which version of the app is under test: incidents and drills name it.

use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;
use serde_json_path::JsonPath;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;

use super::error::CheckFault;
use super::group::Group;
use super::ready::{client, target_url};
use crate::time::human;

/// How long it may take.
const WITHIN: Duration = Duration::from_secs(5);
/// The longest answer that is read, in bytes.
const MAX_ANSWER: usize = 64 << 10;
/// The longest SHA, or other name of a version, in bytes: it stands in one line of an incident.
const MAX_SHA: usize = 200;

/// Where the deploy SHA comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeploySha {
    /// The commit that is checked out in the project's folder; `-dirty` is added where tracked files differ.
    Git,
    /// An environment variable.
    Env {
        /// Its name.
        name: String,
        /// Its value, read by who may read the environment; `None`: not set.
        value: Option<String>,
    },
    /// What a command, run in the project's folder, prints.
    Command(Vec<String>),
    /// What the app itself says.
    Http {
        /// Below the target's URL, or a URL.
        path: String,
        /// JSONPath (RFC 9535) of one string or number in its answer.
        read: String,
    },
    /// Written out.
    Literal(String),
}

impl DeploySha {
    /// Reads it, within 5 s. `dir` is the project's folder, `base_url` where the target answers.
    ///
    /// # Errors
    /// When it cannot be read, or is not one line of 1 to 200 bytes.
    pub async fn read(&self, dir: &Path, base_url: &str) -> Result<String, DeployShaError> {
        let text = tokio::time::timeout(WITHIN, self.text(dir, base_url)).await;
        let text = text.map_err(|_| DeployShaError::TooSlow { from: self.source() })??;
        one_line(&text).ok_or_else(|| DeployShaError::NotASha { from: self.source(), length: text.len() })
    }

    async fn text(&self, dir: &Path, base_url: &str) -> Result<String, DeployShaError> {
        match self {
            Self::Git => git(dir).await,
            Self::Env { name, value } => {
                value.clone().ok_or_else(|| DeployShaError::NotSet { name: name.clone() })
            }
            Self::Command(command) => output(command, dir).await,
            Self::Http { path, read } => ask(base_url, path, read).await,
            Self::Literal(text) => Ok(text.clone()),
        }
    }

    /// What is named when it fails.
    fn source(&self) -> String {
        match self {
            Self::Git => "git".into(),
            Self::Env { name, .. } => format!("the variable {name}"),
            Self::Command(command) => format!("`{}`", command.join(" ")),
            Self::Http { path, .. } => format!("GET {path}"),
            Self::Literal(_) => "the project file".into(),
        }
    }
}

/// Why the deploy SHA is not known.
#[derive(Debug, thiserror::Error)]
pub enum DeployShaError {
    /// The variable is not set.
    #[error("read the deploy SHA: the variable {name} is not set")]
    NotSet {
        /// Its name.
        name: String,
    },
    /// The command could not be started.
    #[error("read the deploy SHA: run `{command}`: {cause}")]
    NotRun {
        /// The command.
        command: String,
        /// What the system says.
        cause: io::Error,
    },
    /// The command failed.
    #[error("read the deploy SHA: `{command}` ended with {status}: {said}")]
    CommandFailed {
        /// The command.
        command: String,
        /// How it ended.
        status: ExitStatus,
        /// The first line of its error output.
        said: String,
    },
    /// The target did not answer.
    #[error("read the deploy SHA: GET {url}: {cause}")]
    NoAnswer {
        /// What was asked.
        url: String,
        /// Why there is none.
        cause: reqwest::Error,
    },
    /// The target answered something else than 2xx.
    #[error("read the deploy SHA: GET {url} was answered {status}")]
    Refused {
        /// What was asked.
        url: String,
        /// The status.
        status: u16,
    },
    /// It cannot be asked.
    #[error("read the deploy SHA: GET {path}: {cause}")]
    CannotAsk {
        /// What was to be asked.
        path: String,
        /// Why not.
        cause: CheckFault,
    },
    /// Not a JSONPath.
    #[error("read the deploy SHA: `{read}` is not a JSONPath: {cause}")]
    BadPath {
        /// The path.
        read: String,
        /// What is wrong with it.
        cause: serde_json_path::ParseError,
    },
    /// The answer is not JSON.
    #[error("read the deploy SHA: GET {url} was not answered with JSON: {cause}")]
    NotJson {
        /// What was asked.
        url: String,
        /// What is wrong with it.
        cause: serde_json::Error,
    },
    /// The path leads to nothing, to several things, or to something that is no text.
    #[error("read the deploy SHA: `{read}` is not one string or number in the answer of GET {url}")]
    NotThere {
        /// What was asked.
        url: String,
        /// The path.
        read: String,
    },
    /// More than 64 KB.
    #[error("read the deploy SHA: {from} gave more than {MAX_ANSWER} bytes")]
    TooLong {
        /// Who gave it.
        from: String,
    },
    /// It took too long.
    #[error("read the deploy SHA: {from} gave none within {}", human(WITHIN))]
    TooSlow {
        /// Who should have.
        from: String,
    },
    /// Not one line of 1 to 200 bytes.
    #[error("read the deploy SHA: {from} gave {length} bytes that are not one line of 1 to {MAX_SHA} bytes")]
    NotASha {
        /// Who gave it.
        from: String,
        /// How many bytes.
        length: usize,
    },
}

async fn git(dir: &Path) -> Result<String, DeployShaError> {
    let git = |arguments: &[&str]| -> Vec<String> {
        // It may be run often at once: it must not take the lock of the index.
        ["git", "--no-optional-locks"].iter().chain(arguments).map(|word| (*word).to_owned()).collect()
    };
    let head = output(&git(&["rev-parse", "HEAD"]), dir).await?;
    let changes = git(&["diff", "--quiet", "HEAD"]);
    let dirty = match output(&changes, dir).await {
        Ok(_) => "",
        Err(DeployShaError::CommandFailed { status, .. }) if status.code() == Some(1) => "-dirty",
        Err(error) => return Err(error),
    };
    Ok(format!("{}{dirty}", head.trim()))
}

/// What a command prints. It runs in a group of its own, which ends with it.
async fn output(command: &[String], dir: &Path) -> Result<String, DeployShaError> {
    let shown = || command.join(" ");
    let not_run = |cause| DeployShaError::NotRun { command: shown(), cause };
    let (program, arguments) =
        command.split_first().ok_or_else(|| not_run(io::ErrorKind::InvalidInput.into()))?;
    let group = Group::start("deploy_sha", Duration::ZERO).await.map_err(not_run)?;
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(dir)
        .process_group(group.id())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(not_run)?;
    let (stdout, stderr) = tokio::join!(read_some(child.stdout.take()), read_some(child.stderr.take()));
    let stdout = stdout.map_err(not_run)?.ok_or_else(|| DeployShaError::TooLong { from: shown() })?;
    let status = child.wait().await.map_err(not_run)?;
    group.kill().await;
    if status.success() {
        return Ok(stdout);
    }
    let said = stderr.map_err(not_run)?.and_then(|text| one_line(text.lines().next()?)).unwrap_or_default();
    Err(DeployShaError::CommandFailed { command: shown(), status, said })
}

/// All that comes, up to its limit; `None` where there is more.
async fn read_some(pipe: Option<impl AsyncRead + Unpin>) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        pipe.take(MAX_ANSWER as u64 + 1).read_to_end(&mut bytes).await?;
    }
    Ok((bytes.len() <= MAX_ANSWER).then(|| String::from_utf8_lossy(&bytes).into_owned()))
}

/// What the target answers, read by a JSONPath.
async fn ask(base_url: &str, path: &str, read: &str) -> Result<String, DeployShaError> {
    let cannot_ask = |cause| DeployShaError::CannotAsk { path: path.to_owned(), cause };
    let json_path =
        JsonPath::parse(read).map_err(|cause| DeployShaError::BadPath { read: read.to_owned(), cause })?;
    let url = target_url(base_url, path).map_err(cannot_ask)?;
    let client = client(&url).map_err(|cause| cannot_ask(CheckFault::NoClient(cause)))?;
    let shown = || url.to_string();
    let no_answer = |cause| DeployShaError::NoAnswer { url: shown(), cause };
    let mut answer = client.get(url.clone()).send().await.map_err(no_answer)?;
    if !answer.status().is_success() {
        return Err(DeployShaError::Refused { url: shown(), status: answer.status().as_u16() });
    }
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(no_answer)? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_ANSWER {
            return Err(DeployShaError::TooLong { from: format!("GET {}", shown()) });
        }
    }
    let json =
        serde_json::from_slice(&body).map_err(|cause| DeployShaError::NotJson { url: shown(), cause })?;
    text_at(&json_path, &json).ok_or_else(|| DeployShaError::NotThere { url: shown(), read: read.to_owned() })
}

fn text_at(path: &JsonPath, json: &Value) -> Option<String> {
    match path.query(json).exactly_one().ok()? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// `text` without what surrounds it, if that is one printable line of a fitting length.
fn one_line(text: &str) -> Option<String> {
    let text = text.trim();
    let fits = (1..=MAX_SHA).contains(&text.len()) && !text.contains(char::is_control);
    fits.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::path;
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;

    const NO_TARGET: &str = "http://127.0.0.1:9";

    fn sh(script: &str) -> DeploySha {
        DeploySha::Command(["sh", "-c", script].map(str::to_owned).to_vec())
    }

    async fn read(source: &DeploySha, dir: &Path) -> Result<String, String> {
        source.read(dir, NO_TARGET).await.map_err(|error| error.to_string())
    }

    fn git_in(dir: &Path, arguments: &[&str]) -> String {
        let identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"];
        let mut git = std::process::Command::new("git");
        let output = git.args(identity).args(arguments).current_dir(dir).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    #[tokio::test]
    async fn git_names_the_commit_and_marks_changes() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("app");
        std::fs::write(&file, "one").unwrap();
        git_in(dir.path(), &["init", "--quiet"]);
        git_in(dir.path(), &["add", "app"]);
        git_in(dir.path(), &["commit", "--quiet", "-m", "one"]);
        let sha = git_in(dir.path(), &["rev-parse", "HEAD"]).trim().to_owned();
        std::fs::write(dir.path().join("untracked"), "").unwrap();
        assert_eq!(read(&DeploySha::Git, dir.path()).await, Ok(sha.clone()));
        std::fs::write(&file, "two").unwrap();
        assert_eq!(read(&DeploySha::Git, dir.path()).await, Ok(format!("{sha}-dirty")));
    }

    #[tokio::test]
    async fn outside_a_repository_git_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let error = read(&DeploySha::Git, dir.path()).await.unwrap_err();
        assert!(error.contains("not a git repository"), "{error}");
    }

    #[rstest::rstest]
    #[case::literal(DeploySha::Literal("v1.2.3".into()), Ok("v1.2.3"))]
    #[case::variable(DeploySha::Env { name: "GIT_SHA".into(), value: Some(" abc\n".into()) }, Ok("abc"))]
    #[case::not_set(DeploySha::Env { name: "GIT_SHA".into(), value: None }, Err("GIT_SHA is not set"))]
    #[case::empty(DeploySha::Env { name: "GIT_SHA".into(), value: Some(String::new()) }, Err("gave 0 bytes"))]
    #[case::command(sh("echo abc"), Ok("abc"))]
    #[case::several_lines(sh("echo a; echo b"), Err("not one line"))]
    #[case::fails(sh("echo no tag >&2; exit 3"), Err("exit status: 3: no tag"))]
    #[case::without_end(sh("yes"), Err("more than 65536 bytes"))]
    #[case::no_program(DeploySha::Command(vec!["./none".into()]), Err("run `./none`"))]
    #[case::no_command(DeploySha::Command(vec![]), Err("run ``"))]
    #[case::escape(DeploySha::Literal("\u{1b}[31mred".into()), Err("not one line"))]
    #[tokio::test]
    async fn each_source_gives_a_line_or_says_why_not(
        #[case] source: DeploySha,
        #[case] expected: Result<&str, &str>,
    ) {
        match (read(&source, Path::new(".")).await, expected) {
            (Ok(sha), Ok(expected)) => assert_eq!(sha, expected),
            (Err(error), Err(expected)) => assert!(error.contains(expected), "{error}"),
            (read, expected) => panic!("{read:?} is not {expected:?}"),
        }
    }

    #[rstest::rstest]
    #[case::text(200, r#"{"build":{"sha":"abc"}}"#, "$.build.sha", Ok("abc"))]
    #[case::number(200, r#"{"build":42}"#, "$.build", Ok("42"))]
    #[case::absent(200, "{}", "$.sha", Err("not one string or number"))]
    #[case::several(200, "[1,2]", "$[*]", Err("not one string or number"))]
    #[case::not_json(200, "<html>", "$.sha", Err("not answered with JSON"))]
    #[case::refused(404, "{}", "$.sha", Err("was answered 404"))]
    #[case::redirected(302, "{}", "$.sha", Err("was answered 302"))]
    #[case::bad_path(200, "{}", "sha", Err("not a JSONPath"))]
    #[tokio::test]
    async fn the_target_may_be_asked(
        #[case] status: u16,
        #[case] body: &str,
        #[case] read: &str,
        #[case] expected: Result<&str, &str>,
    ) {
        let target = MockServer::start().await;
        let answer = ResponseTemplate::new(status).set_body_string(body);
        Mock::given(path("/version")).respond_with(answer).mount(&target).await;
        let source = DeploySha::Http { path: "/version".into(), read: read.into() };
        match (source.read(Path::new("."), &target.uri()).await, expected) {
            (Ok(sha), Ok(expected)) => assert_eq!(sha, expected),
            (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{error}"),
            (read, expected) => panic!("{read:?} is not {expected:?}"),
        }
    }

    #[tokio::test]
    async fn a_long_answer_is_not_read_to_its_end() {
        let target = MockServer::start().await;
        let answer = ResponseTemplate::new(200).set_body_bytes(vec![b' '; MAX_ANSWER + 1]);
        Mock::given(path("/version")).respond_with(answer).mount(&target).await;
        let source = DeploySha::Http { path: "/version".into(), read: "$".into() };
        let error = source.read(Path::new("."), &target.uri()).await.unwrap_err();
        assert!(matches!(error, DeployShaError::TooLong { .. }), "{error}");
    }
}
