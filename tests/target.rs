//! The app under test, with real processes: it comes up or says why not, and it always ends.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests are tests too")]

use std::io::Read;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use paydrill::target::{
    End, EnvBase, ExistingLauncher, LaunchError, LaunchSpec, Launched, Launcher, LogLine, NotFoundHint,
    PortHolder, ProcessLauncher, ProcessSpec, Ready, ReadyAnswer, ReadyCheck, ReservedPort, Stopped, Stream,
    free_port,
};
use paydrill::time::Clock;
use rstest::rstest;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::path};

/// Longer than anything here takes: what waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(60);
/// Short: for checks that are meant to run out of it.
const SHORT: Duration = Duration::from_millis(150);

/// A pipe whose end tells that every process which had it has ended: a script opens `$WITNESS` for writing,
/// and all that it starts inherits it.
struct Witness {
    dir: tempfile::TempDir,
    said: mpsc::Receiver<String>,
}

impl Witness {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (tell, said) = mpsc::channel();
        let fifo = fifo(dir.path(), "witness");
        std::thread::spawn(move || {
            let mut pipe = std::fs::File::open(fifo).unwrap();
            let mut first = [0; 256];
            let count = pipe.read(&mut first).unwrap();
            tell.send(String::from_utf8_lossy(&first[..count]).into_owned()).unwrap();
            let mut rest = String::new();
            pipe.read_to_string(&mut rest).unwrap();
            let _ = tell.send(rest);
        });
        Self { dir, said }
    }

    /// A process that opens the witness, says `up` to it, then goes on with `script`.
    fn process(&self, name: &str, script: &str) -> ProcessSpec {
        let script = format!("exec 3>\"$WITNESS\"; echo up >&3; {script}");
        let witness = self.dir.path().join("witness").to_string_lossy().into_owned();
        ProcessSpec { env: vec![("WITNESS".into(), witness)], ..process(name, &script) }
    }

    /// Waits until the script has said its first word.
    fn up(&self) -> String {
        self.said.recv_timeout(PATIENCE).expect("the process opens the witness")
    }

    /// Waits until all of its processes have ended; gives what they said after the first word.
    fn ended(self) -> String {
        self.said.recv_timeout(PATIENCE).expect("every process that has the witness ends")
    }
}

fn fifo(dir: &Path, name: &str) -> PathBuf {
    let path = dir.join(name);
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    path
}

/// A shell script as a process of the target.
fn process(name: &str, script: &str) -> ProcessSpec {
    ProcessSpec {
        name: name.into(),
        command: ["sh", "-c", script].map(str::to_owned).to_vec(),
        dir: ".".into(),
        env: vec![],
        env_base: EnvBase::Inherit,
        ready: None,
        url: None,
    }
}

fn ready(spec: ProcessSpec, check: ReadyCheck, within: Duration) -> ProcessSpec {
    ProcessSpec { ready: Some(Ready { check, within }), ..spec }
}

fn log(contains: &str) -> ReadyCheck {
    ReadyCheck::Log { contains: contains.into() }
}

fn http(path_or_url: &str) -> ReadyCheck {
    ReadyCheck::Http { path_or_url: path_or_url.into() }
}

/// A launcher of processes, of which none listens.
fn launcher(processes: Vec<ProcessSpec>) -> ProcessLauncher {
    at("http://127.0.0.1:9".into(), processes)
}

fn at(base_url: String, processes: Vec<ProcessSpec>) -> ProcessLauncher {
    ProcessLauncher::new(LaunchSpec { processes, port: 0, base_url }).grace(PATIENCE)
}

async fn launch(processes: Vec<ProcessSpec>) -> Launched {
    launcher(processes).launch(Clock::start()).await.unwrap()
}

async fn launch_error(processes: Vec<ProcessSpec>) -> LaunchError {
    launcher(processes).launch(Clock::start()).await.expect_err("it cannot be launched")
}

fn texts(lines: &[LogLine]) -> Vec<&str> {
    lines.iter().map(|line| line.text.as_str()).collect()
}

async fn answering(statuses: &[u16]) -> MockServer {
    let server = MockServer::start().await;
    for (index, status) in statuses.iter().enumerate() {
        let mock = Mock::given(path("/healthz")).respond_with(ResponseTemplate::new(*status));
        let last = index + 1 == statuses.len();
        if last { mock } else { mock.up_to_n_times(1) }.mount(&server).await;
    }
    server
}

// Coming up.

#[tokio::test]
async fn it_is_ready_when_it_answers_2xx() {
    let server = answering(&[503, 302, 204]).await;
    let spec = ready(process("web", "exec sleep 1000"), http("/healthz"), PATIENCE);
    let target = at(server.uri(), vec![spec]).launch(Clock::start()).await.unwrap();
    assert_eq!(target.base_url(), server.uri());
    assert_eq!(server.received_requests().await.unwrap().len(), 3);
    assert!(target.ready_after() > Duration::ZERO);
    target.stop().await;
}

#[tokio::test]
async fn it_is_ready_when_its_port_accepts_connections() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let spec = ready(process("web", "exec sleep 1000"), ReadyCheck::Port, PATIENCE);
    let target = at(format!("http://{}", listener.local_addr().unwrap()), vec![spec]);
    target.launch(Clock::start()).await.unwrap().stop().await;
    listener.accept().unwrap();
}

#[rstest]
#[case::stdout("echo booting; echo listening on 3000; exec sleep 1000", Stream::Stdout)]
#[case::stderr("echo booting >&2; echo listening on 3000 >&2; exec sleep 1000", Stream::Stderr)]
#[case::prompt("printf 'booting\\nlistening on '; exec sleep 1000", Stream::Stdout)]
#[tokio::test]
async fn it_is_ready_when_it_says_so(#[case] script: &str, #[case] stream: Stream) {
    let target = launch(vec![ready(process("web", script), log("listening on"), PATIENCE)]).await;
    let said = target.log_tail(1).remove(0);
    assert!(said.text.starts_with("listening on"), "{said:?}");
    assert_eq!((said.process.as_str(), said.stream), ("web", stream));
    target.stop().await;
}

#[tokio::test]
async fn several_processes_run_side_by_side() {
    let web = ready(process("web", "echo web is up; exec sleep 1000"), log("web is up"), PATIENCE);
    let worker =
        ready(process("worker", "echo worker is up; exec sleep 1000"), log("worker is up"), PATIENCE);
    let target = launch(vec![web, worker]).await;
    let mut lines: Vec<_> =
        target.log_since(Duration::ZERO).into_iter().map(|line| (line.process, line.text)).collect();
    lines.sort();
    let expected = [("web", "web is up"), ("worker", "worker is up")];
    assert_eq!(lines, expected.map(|(name, text)| (name.to_owned(), text.to_owned())));
    assert_eq!(target.dead(), None);
    assert_eq!(target.stop().await, Stopped::Asked);
}

#[rstest]
#[case::inherited(EnvBase::Inherit, "home and given")]
#[case::empty(EnvBase::Empty, " and given")]
#[tokio::test]
async fn it_gets_the_folder_and_the_environment_it_is_given(#[case] base: EnvBase, #[case] expected: &str) {
    let dir = tempfile::tempdir().unwrap();
    let script = "echo \"${HOME:+home} and $GIVEN\"; pwd -P; exec /bin/sleep 1000";
    let spec = ProcessSpec {
        command: ["/bin/sh", "-c", script].map(str::to_owned).to_vec(),
        dir: dir.path().to_owned(),
        env: vec![("GIVEN".into(), "given".into())],
        env_base: base,
        ..process("web", "")
    };
    let folder = dir.path().canonicalize().unwrap().to_string_lossy().into_owned();
    let target = launch(vec![ready(spec, log(&folder), PATIENCE)]).await;
    assert_eq!(texts(&target.log_tail(2)), [expected, &folder]);
    target.stop().await;
}

#[tokio::test]
async fn it_can_be_launched_again_after_it_has_ended() {
    let port = ReservedPort::take().unwrap();
    let spec = ready(process("web", "echo up; exec sleep 1000"), log("up"), PATIENCE);
    let base_url = format!("http://127.0.0.1:{}", port.port());
    let launcher =
        ProcessLauncher::new(LaunchSpec { processes: vec![spec], port: port.port(), base_url }).holding(port);
    for _ in 0..2 {
        launcher.launch(Clock::start()).await.unwrap().stop().await;
    }
}

// Not coming up.

#[rstest]
#[case::refuses(503)]
#[case::redirects(302)]
#[case::has_no_such_page(404)]
#[tokio::test]
async fn what_answers_otherwise_is_not_ready(#[case] status: u16) {
    let (server, witness) = (answering(&[status]).await, Witness::new());
    let spec = ready(witness.process("web", "echo booting; exec sleep 1000"), http("/healthz"), SHORT);
    match at(server.uri(), vec![spec]).launch(Clock::start()).await {
        Err(LaunchError::NotReady { process, last_answer, log, .. }) => {
            assert_eq!((process.as_str(), last_answer), ("web", ReadyAnswer::Status(status)));
            assert_eq!(texts(&log), ["booting"]);
        }
        other => panic!("{other:?}"),
    }
    witness.up();
    witness.ended();
}

#[rstest]
#[case::http(http("/healthz"))]
#[case::port(ReadyCheck::Port)]
#[tokio::test]
async fn what_does_not_listen_is_not_ready(#[case] check: ReadyCheck) {
    let nobody = format!("http://127.0.0.1:{}", free_port().unwrap());
    let spec = ready(process("web", "exec sleep 1000"), check, SHORT);
    match at(nobody, vec![spec]).launch(Clock::start()).await {
        Err(LaunchError::NotReady { last_answer: ReadyAnswer::Unreachable(reason), .. }) => {
            assert!(reason.to_lowercase().contains("refused"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_accepts_and_says_nothing_is_not_ready() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let spec = ready(process("web", "exec sleep 1000"), http("/healthz"), SHORT);
    let target = at(format!("http://{}", listener.local_addr().unwrap()), vec![spec]);
    match target.launch(Clock::start()).await {
        Err(LaunchError::NotReady { last_answer: ReadyAnswer::Silent(_), .. }) => {}
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_never_says_the_word_is_not_ready() {
    let spec = ready(process("web", "echo still booting; exec sleep 1000"), log("listening"), SHORT);
    match launch_error(vec![spec]).await {
        LaunchError::NotReady { last_answer, log, within, .. } => {
            assert_eq!(last_answer, ReadyAnswer::NoLine("listening".into()));
            assert_eq!((texts(&log), within), (vec!["still booting"], SHORT));
        }
        other => panic!("{other:?}"),
    }
}

#[rstest]
#[case::fails("echo no database >&2; exit 7", End::Exited(7))]
#[case::goes_to_the_background("sleep 1000 & echo no database; exit 0", End::Exited(0))]
#[case::is_killed("echo no database; kill -SEGV $$", End::Signalled(11))]
#[tokio::test]
async fn a_death_before_readiness_is_told_at_once_with_the_last_words(
    #[case] script: &str,
    #[case] expected: End,
) {
    let spec = ready(process("web", script), http("/healthz"), PATIENCE);
    match launch_error(vec![spec]).await {
        LaunchError::Exited { process, end, log, port } => {
            assert_eq!((process.as_str(), end, port), ("web", expected, PortHolder::Unknown));
            assert!(texts(&log).contains(&"no database"), "{log:?}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_death_of_one_process_ends_the_others() {
    let witness = Witness::new();
    let web = ready(witness.process("web", "exec sleep 1000"), http("/healthz"), PATIENCE);
    let go = fifo(witness.dir.path(), "go");
    let worker = process("worker", &format!("read -r _ < '{}'; exit 3", go.display()));
    let let_go = std::thread::spawn({
        let up = witness.said;
        move || {
            up.recv_timeout(PATIENCE).unwrap();
            std::fs::write(go, "go\n").unwrap();
            up
        }
    });
    match launch_error(vec![web, worker]).await {
        LaunchError::Exited { process, end, .. } => {
            assert_eq!((process.as_str(), end), ("worker", End::Exited(3)));
        }
        other => panic!("{other:?}"),
    }
    Witness { said: let_go.join().unwrap(), dir: witness.dir }.ended();
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_process_that_cannot_start_ends_those_that_did() {
    let dir = tempfile::tempdir().unwrap();
    let mark = dir.path().to_string_lossy().into_owned();
    let web = ProcessSpec { env: vec![("MARK".into(), mark.clone())], ..process("web", "exec sleep 1000") };
    let none = ProcessSpec { command: vec!["./no-such-worker".into()], ..process("worker", "") };
    let error = launch_error(vec![web, none]).await;
    assert!(
        matches!(&error, LaunchError::CommandNotFound { process, .. } if process == "worker"),
        "{error:?}"
    );
    let is_marked = |entry: std::fs::DirEntry| {
        let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
        String::from_utf8_lossy(&environment).contains(&mark)
    };
    assert!(!std::fs::read_dir("/proc").unwrap().filter_map(Result::ok).any(is_marked));
}

#[rstest]
#[case::not_installed(&["paydrill-no-such-app"], EnvBase::Inherit, NotFoundHint::NotOnPath)]
#[case::not_built(&["./target/app"], EnvBase::Inherit, NotFoundHint::NotInDir("DIR".into()))]
#[case::dot_slash(&["paydrill-script"], EnvBase::Inherit, NotFoundHint::DotSlash)]
#[case::interpreter(&["./paydrill-script"], EnvBase::Inherit, NotFoundHint::Interpreter)]
#[case::empty_environment(&["paydrill-no-such-app"], EnvBase::Empty, NotFoundHint::NoPath)]
#[case::one_string(&["npm run dev"], EnvBase::Inherit,
    NotFoundHint::OneString { list: ["npm", "run", "dev"].map(str::to_owned).to_vec() })]
#[tokio::test]
async fn a_missing_program_comes_with_what_helps(
    #[case] command: &[&str],
    #[case] env_base: EnvBase,
    #[case] expected: NotFoundHint,
) {
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("paydrill-script");
    std::fs::write(&script, "#!/no/such/interpreter\n").unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let command: Vec<_> = command.iter().map(|word| (*word).to_owned()).collect();
    let spec =
        ProcessSpec { command: command.clone(), dir: dir.path().into(), env_base, ..process("web", "") };
    let expected = match expected {
        NotFoundHint::NotInDir(_) => NotFoundHint::NotInDir(dir.path().into()),
        other => other,
    };
    match launch_error(vec![spec]).await {
        LaunchError::CommandNotFound { process, command: missing, hint } => {
            assert_eq!((process.as_str(), &missing, hint), ("web", &command[0], expected));
        }
        other => panic!("{other:?}"),
    }
}

#[rstest]
#[case::missing("no/such/folder", "No such file or directory")]
#[case::a_file("Cargo.toml", "not a directory")]
#[tokio::test]
async fn a_folder_that_cannot_be_entered_is_named(#[case] dir: &str, #[case] reason: &str) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join(dir);
    let error = launch_error(vec![ProcessSpec { dir: dir.clone(), ..process("web", "") }]).await;
    assert!(
        matches!(&error, LaunchError::BadDir { process, dir: bad, .. } if process == "web" && *bad == dir)
    );
    assert!(error.to_string().contains(reason), "{error}");
}

#[tokio::test]
async fn an_empty_command_is_refused() {
    let error = launch_error(vec![ProcessSpec { command: vec![], ..process("web", "") }]).await;
    assert!(matches!(&error, LaunchError::NoCommand { process } if process == "web"), "{error:?}");
}

#[tokio::test]
async fn what_may_not_be_run_says_so() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("app"), "#!/bin/sh\n").unwrap();
    let spec = ProcessSpec { command: vec!["./app".into()], dir: dir.path().into(), ..process("web", "") };
    let error = launch_error(vec![spec]).await;
    assert!(matches!(error, LaunchError::Spawn { .. }), "{error:?}");
    assert!(error.to_string().contains("ermission denied"), "{error}");
}

#[tokio::test]
async fn a_port_in_use_is_found_before_anything_starts() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let dir = tempfile::tempdir().unwrap();
    let spec = ProcessSpec { dir: dir.path().into(), ..process("web", "echo > started; exec sleep 1000") };
    let spec = LaunchSpec { processes: vec![spec], port, base_url: String::new() };
    let error = ProcessLauncher::new(spec).launch(Clock::start()).await.unwrap_err();
    assert!(matches!(error, LaunchError::PortInUse { port: in_use } if in_use == port), "{error:?}");
    assert!(!dir.path().join("started").exists());
}

#[tokio::test]
async fn a_port_lost_after_the_launch_began_is_named() {
    let witness = Witness::new();
    let go = fifo(witness.dir.path(), "go");
    let script = format!("read -r _ < '{}'; echo 'bind: Address already in use' >&2; exit 1", go.display());
    let reserved = ReservedPort::take().unwrap();
    let port = reserved.port();
    let spec = ready(witness.process("web", &script), ReadyCheck::Log { contains: "up".into() }, PATIENCE);
    let spec = LaunchSpec { processes: vec![spec], port, base_url: "http://127.0.0.1:9".into() };
    let thief = std::thread::spawn(move || {
        witness.up();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        std::fs::write(go, "go\n").unwrap();
        (listener, witness)
    });
    let error = ProcessLauncher::new(spec).holding(reserved).launch(Clock::start()).await.unwrap_err();
    match error {
        LaunchError::Exited { port: holder, .. } => assert_eq!(holder, PortHolder::SomethingElse(port)),
        other => panic!("{other:?}"),
    }
    let (_listener, witness) = thief.join().unwrap();
    witness.ended();
}

// While it runs.

#[tokio::test]
async fn a_death_in_the_middle_is_told_with_the_last_words() {
    let dir = tempfile::tempdir().unwrap();
    let go = fifo(dir.path(), "go");
    let script = format!("read -r _ < '{}'; echo out of memory >&2; kill -KILL $$", go.display());
    let target = launch(vec![process("web", "exec sleep 1000"), process("worker", &script)]).await;
    assert_eq!(target.dead(), None);
    std::fs::write(go, "go\n").unwrap();
    let death = tokio::time::timeout(PATIENCE, target.died()).await.unwrap();
    assert_eq!((death.process.as_str(), death.end), ("worker", End::Signalled(9)));
    assert_eq!(texts(&death.log), ["out of memory"]);
    assert_eq!(target.dead(), Some(death));
    assert_eq!(target.stop().await, Stopped::Asked);
}

#[tokio::test]
async fn a_flood_of_output_neither_blocks_nor_grows() {
    let script = "yes 'a line of the flood' | head -n 500000; head -c 3000000 /dev/zero; echo; echo done; exec sleep 1000";
    let target = launch(vec![ready(process("web", script), log("done"), PATIENCE)]).await;
    let kept = target.log_since(Duration::ZERO);
    assert!((1_000..=2_000).contains(&kept.len()), "{}", kept.len());
    assert!(kept.iter().all(|line| line.text.len() < 70_000));
    assert_eq!(target.log_tail(1)[0].text, "done");
    target.stop().await;
}

// Ending.

#[rstest]
#[case::itself("exec sleep 1000")]
#[case::behind_a_shell("sleep 1000; true")]
#[case::with_children("sleep 1000 & sleep 1000 & wait")]
#[case::left_by_their_parent("(sleep 1000 & sleep 1000 &); exec sleep 1000")]
#[tokio::test]
async fn stopping_ends_all_that_it_started(#[case] script: &str) {
    let witness = Witness::new();
    let target = launch(vec![witness.process("web", script)]).await;
    witness.up();
    assert_eq!(target.stop().await, Stopped::Asked);
    witness.ended();
}

#[tokio::test]
async fn what_ignores_the_request_is_killed() {
    let witness = Witness::new();
    let deaf = witness.process("deaf", "trap '' TERM; echo deaf; while :; do sleep 1000; done");
    let processes = vec![ready(deaf, log("deaf"), PATIENCE), process("polite", "exec sleep 1000")];
    let target = launcher(processes).grace(SHORT).launch(Clock::start()).await.unwrap();
    witness.up();
    assert_eq!(target.stop().await, Stopped::Killed { processes: vec!["deaf".into()] });
    witness.ended();
}

#[cfg(target_os = "linux")] // Elsewhere it cannot be told who is left in a group.
#[tokio::test]
async fn what_outlives_its_parent_is_given_time_too() {
    let witness = Witness::new();
    // What it saves takes a while, and nothing but the group tells that it is still at it.
    let save = "sleep 0.2; echo saved >&3; exit";
    let child =
        format!("(trap '{save}' TERM; echo trapped; exec >/dev/null 2>&1; while :; do sleep 0.01; done) &");
    let spec = ready(witness.process("web", &format!("{child} exec sleep 1000")), log("trapped"), PATIENCE);
    let target = launch(vec![spec]).await;
    witness.up();
    assert_eq!(target.stop().await, Stopped::Asked);
    assert_eq!(witness.ended(), "saved\n");
}

#[tokio::test]
async fn dropping_it_ends_it_even_when_its_leader_is_gone() {
    let witness = Witness::new();
    let launcher = launcher(vec![witness.process("web", "sleep 1000 & exit 0")]).grace(SHORT);
    let target = launcher.launch(Clock::start()).await.unwrap();
    witness.up();
    assert_eq!(target.died().await.end, End::Exited(0));
    drop(target);
    witness.ended();
}

#[tokio::test]
async fn giving_up_on_a_launch_ends_what_had_started() {
    let witness = Witness::new();
    let spec = ready(witness.process("web", "exec sleep 1000"), log("never said"), PATIENCE);
    let launcher = launcher(vec![spec]).grace(SHORT);
    let mut launch = launcher.launch(Clock::start());
    let up = tokio::task::spawn_blocking(move || {
        witness.up();
        witness
    });
    let witness = tokio::select! {
        launched = &mut launch => panic!("{launched:?}"),
        witness = up => witness.unwrap(),
    };
    drop(launch);
    witness.ended();
}

#[test]
fn a_panic_ends_it() {
    let witness = Witness::new();
    let spec = witness.process("web", "trap '' TERM; echo deaf; while :; do sleep 1000; done");
    let panicked = std::panic::catch_unwind(|| {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let launcher = launcher(vec![ready(spec, log("deaf"), PATIENCE)]).grace(SHORT);
            let _target = launcher.launch(Clock::start()).await.unwrap();
            panic!("in the middle of a test");
        });
    });
    assert!(panicked.is_err());
    witness.up();
    witness.ended();
}

/// Two roles: the test starts this very test as another process, which launches a target and waits to be killed.
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a test that starts itself needs to know its path and its role"
)]
fn killing_the_launcher_ends_the_target_and_all_it_started() {
    const SCRIPT: &str = "PAYDRILL_TEST_TARGET_WITNESS";
    if let Ok(witness) = std::env::var(SCRIPT) {
        return launch_and_wait_to_be_killed(&witness);
    }
    let witness = Witness::new();
    let mut paydrill = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "killing_the_launcher_ends_the_target_and_all_it_started", "--nocapture"])
        .env(SCRIPT, witness.dir.path().join("witness"))
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    assert_eq!(witness.up(), "up\n");
    kill(Pid::from_raw(i32::try_from(paydrill.id()).unwrap()), Signal::SIGKILL).unwrap();
    paydrill.wait().unwrap();
    witness.ended();
}

fn launch_and_wait_to_be_killed(witness: &str) {
    // It ignores TERM and leaves a grandchild behind that does so too.
    let script =
        "trap '' TERM; exec 3>\"$WITNESS\"; (sleep 1000 &); echo up >&3; while :; do sleep 1000; done";
    let spec = ProcessSpec { env: vec![("WITNESS".into(), witness.into())], ..process("web", script) };
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let target = launcher(vec![spec]).grace(SHORT).launch(Clock::start()).await.unwrap();
        panic!("{:?}", target.died().await);
    });
}

// One that runs already.

#[tokio::test]
async fn a_target_that_runs_is_used_as_it_is() {
    let server = answering(&[503, 200]).await;
    let ready = Ready { check: http("/healthz"), within: PATIENCE };
    let target = ExistingLauncher::new(server.uri(), Some(ready)).launch(Clock::start()).await.unwrap();
    assert_eq!(target.base_url(), server.uri());
    assert_eq!((target.dead(), target.log_tail(10)), (None, vec![]));
    assert_eq!(target.stop().await, Stopped::Asked);
    assert_eq!(server.received_requests().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_target_that_runs_not_is_an_error() {
    let nobody = format!("http://127.0.0.1:{}", free_port().unwrap());
    let ready = Ready { check: http("/healthz"), within: SHORT };
    let error = ExistingLauncher::new(&nobody, Some(ready)).launch(Clock::start()).await.unwrap_err();
    assert!(matches!(&error, LaunchError::Unanswered { url, .. } if *url == nobody), "{error:?}");
}

#[rstest]
#[case::not_a_url("localhost:3000", ReadyCheck::Port, "not a URL that can be asked")]
#[case::log("http://127.0.0.1:9", log("up"), "its output is not ours to read")]
#[tokio::test]
async fn a_check_that_cannot_be_made_is_refused(
    #[case] url: &str,
    #[case] check: ReadyCheck,
    #[case] reason: &str,
) {
    let ready = Ready { check, within: PATIENCE };
    let error = ExistingLauncher::new(url, Some(ready)).launch(Clock::start()).await.unwrap_err();
    assert!(error.to_string().contains(reason), "{error}");
}
