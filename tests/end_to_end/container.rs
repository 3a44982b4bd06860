//! The app in containers: it comes up, is judged, and goes, whatever happens.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::{Arc, Mutex};

use nix::sys::signal::Signal;
use nix::unistd::Uid;
use paydrill::target::container::{Engine, EngineAddress, Kept, Left, clean};
use rstest::rstest;

use crate::heavy;
use crate::image::{self, docker};
use crate::support::{Project, Ran, eventually, odd_app, of_type, signal};

/// Leaves a test out where nobody asked for containers.
macro_rules! heavy {
    () => {
        if !heavy::asked("docker") {
            return;
        }
    };
}

/// A project whose app runs in a container.
fn project() -> Project {
    let image = image::of("odd-app", &odd_app(), "");
    let process = format!("target.process.web   = {{ command = [\"{}\", \"fine\"],", odd_app().display());
    let container =
        format!("target.container.web = {{ image = \"{image}\", command = [\"fine\"], port = 8080,");
    Project::empty()
        .project(&process, &container)
        .project("target.env.PORT ", "target.env.HOST = \"0.0.0.0\"\ntarget.env.PORT ")
}

/// `paydrill ARGS` to its end, after which nothing of it is left.
pub(crate) fn run(project: &Project, args: &[&str]) -> Ran {
    finish(project, project.start(args))
}

/// Waits for a started one to end, after which nothing of it is left.
fn finish(project: &Project, child: Child) -> Ran {
    let owner = child.id();
    let ran = project.finish(child);
    eventually("what it made in the engine is removed", || left(owner).is_empty());
    ran
}

/// What a `paydrill` has in the engine.
pub(crate) fn left(owner: u32) -> Vec<String> {
    let lists: [&[&str]; 3] = [&["ps", "--all"], &["network", "ls"], &["volume", "ls"]];
    let format = "{{.Label \"paydrill.owner\"}} {{.Name}}";
    let of_it = |line: &&str| line.contains(&format!(" {owner} "));
    let all = lists.iter().flat_map(|list| {
        let format = if list[0] == "ps" { format.replace("Name", "Names") } else { format.to_owned() };
        let words = [list, &["--filter", "label=paydrill.run", "--format", &format][..]].concat();
        docker(&words).lines().filter(of_it).map(str::to_owned).collect::<Vec<_>>()
    });
    all.collect()
}

/// The same with more keys of the container.
fn project_with(more: &str) -> Project {
    project().project("port = 8080,", &format!("port = 8080, {more},"))
}

#[test]
fn stories_share_one_container_and_nothing_is_left() {
    heavy!();
    let project =
        (0..10).fold(project(), |project, number| project.story(&format!("story{number}"), "nothing"));
    let ran = run(&project, &["run", "--json"]);
    ran.code(0);
    assert_eq!(ran.verdicts().len(), 10);
    assert_eq!(of_type(&ran.events(), "target-started").count(), 1);
}

#[test]
fn what_the_app_prints_is_evidence() {
    heavy!();
    let ran = run(&project().story("story", "grants-nothing"), &["run"]);
    ran.code(1).says(&["access.active: still false", "web: odd app: GrantsNothing for cus_"]);
}

#[rstest]
#[case::while_it_works("takes-its-time", "on = \"sent\", after = \"100ms\"")]
#[case::at_its_first_call("reads-stripe", "on = \"called\"")]
fn a_container_that_is_killed_half_way_is_delivered_to_again(#[case] odd: &str, #[case] kill: &str) {
    heavy!();
    let fault = format!("fault = [{{ kill = {{ process = \"web\", {kill} }} }}]");
    let project = project()
        .project("timeout = \"300ms\" }\ntarget", "timeout = \"5s\" }\ntarget")
        .project("\"400ms\"", "\"10s\"")
        .story_with("story", odd, &fault);
    let ran = run(&project, &["run", "--json"]);
    ran.code(0);
    assert_eq!(of_type(&ran.events(), "process-killed").count(), 1);
}

/// What it wrote is in the container that is started again, not in a new one.
#[test]
fn a_restart_keeps_what_the_container_has_written() {
    heavy!();
    let script = "echo life >> /tmp/lives; echo lives: $(cat /tmp/lives); exec /app fine";
    let more = format!("entrypoint = [\"/bin/sh\", \"-c\"], command = [\"{script}\"]");
    let project = project()
        .project("command = [\"fine\"],", &format!("{more},"))
        .project("\"400ms\"", "\"10s\"")
        .story_with("story", "nothing", "target = \"restart\"")
        .edit("scenarios/story.toml", "active = true", "active = \"never\"");
    let ran = run(&project, &["run"]);
    ran.code(1).says(&["web: lives: life life"]);
}

#[test]
fn the_image_says_what_is_deployed_and_the_folder_for_data_is_there() {
    heavy!();
    let image = image::of("odd-app", &odd_app(), "");
    let dockerfile = format!("FROM {image}\nARG SHA\nLABEL org.example.sha=$SHA\n");
    let project = project()
        .file("app/Dockerfile", &dockerfile)
        .file("app.toml", "a = 1\n")
        .project(&format!("image = \"{image}\""), "build = { context = \"app\", args = { SHA = \"abc{{ variable.v }}\" } }")
        .project("port = 8080,", "port = 8080, files = [{ from = \"app.toml\", to = \"/etc/odd/app.toml\" }],")
        .project("command = [\"fine\"],", "entrypoint = [\"/bin/sh\", \"-c\"], command = [\"cat /etc/odd/app.toml >{{ target.dir }}/copy; grep a.=.1 {{ target.dir }}/copy && exec /app fine\"],")
        .project("[project]", "[variables]\nv = \"1\"\n[project]")
        .project("target.env.PORT", "target.deploy_sha.label = \"org.example.sha\"\ntarget.env.PORT")
        .story("story", "nothing");
    let ran = run(&project, &["run", "--json"]);
    ran.code(0);
    assert_eq!(of_type(&ran.events(), "target-started").next().unwrap()["deploy_sha"], "abc1");
}

#[rstest]
#[case::ctrl_c(Signal::SIGINT)]
#[case::killed(Signal::SIGKILL)]
fn nothing_is_left_of_a_run_that_is_ended_in_its_middle(#[case] by: Signal) {
    heavy!();
    let project = project()
        .project("timeout = \"300ms\" }\ntarget", "timeout = \"1h\" }\ntarget")
        .story("story", "hangs");
    let child = project.start(&["run"]);
    let owner = child.id();
    eventually("the app is in the middle of a delivery", || {
        left(owner).iter().any(|line| line.ends_with("-web")) && logs(owner).contains("Hangs")
    });
    signal(&child, by);
    let ran = project.killed(child);
    assert_eq!(ran.code, (by == Signal::SIGINT).then_some(130));
    eventually("what it made in the engine is removed", || left(owner).is_empty());
}

/// What the containers of a `paydrill` have printed.
fn logs(owner: u32) -> String {
    let names = left(owner).into_iter().filter(|line| line.ends_with("-web"));
    names.map(|line| docker(&["logs", line.rsplit(' ').next().unwrap()])).collect()
}

/// The run did not begin: nothing was judged, and it is said why.
fn did_not_begin(project: &Project, said: &[&str]) {
    run(project, &["run"]).code(3).says(said).says(&["(exit code 3)"]);
}

#[rstest]
#[case::ends_at_once("dies", "", &["failed to keep `web` running: it exited with status 1", "odd app: no database"])]
#[case::out_of_memory("eats", "memory = \"32MB\",", &["`web` running: it was killed for using more memory than it may"])]
#[case::never_ready("never-ready", "", &["failed to get `web` ready within 1 s (last answer: status 503)", "odd app: listening"])]
#[case::only_inside("fine", "env = { HOST = \"127.0.0.1\" },", &["inside a container an app must listen on 0.0.0.0"])]
#[case::no_program("fine", "entrypoint = [\"/nothing\"],", &["failed to start container `web`", "/nothing"])]
#[case::no_file("fine", "files = [{ from = \"gone.toml\", to = \"/x\" }],", &["failed to copy `", "gone.toml` into `web`"])]
#[case::no_health_check("fine", "ready = { health = true }, ", &["its image has no HEALTHCHECK"])]
fn a_container_that_does_not_come_up(#[case] start: &str, #[case] more: &str, #[case] said: &[&str]) {
    heavy!();
    let ready = ", ready = { http = \"/healthz\", within = \"30s\" }";
    let mut project = project().project("\"fine\"", &format!("\"{start}\"")).project("\"30s\"", "\"1s\"");
    if more.contains("ready") {
        project = project.project(&ready[1..].replace("30s", "1s"), "");
    }
    let project = project.project("port = 8080,", &format!("port = 8080, {more}")).story("story", "nothing");
    did_not_begin(&project, said);
}

#[test]
fn a_container_that_is_never_healthy() {
    heavy!();
    let image =
        image::of("odd-app-ill", &odd_app(), "HEALTHCHECK --interval=1s CMD echo no database; exit 1");
    let healthy = image::of("odd-app", &odd_app(), "");
    let project = project()
        .project(&healthy, &image)
        .project(
            "ready = { http = \"/healthz\", within = \"30s\" }",
            "ready = { health = true, within = \"3s\" }",
        )
        .story("story", "nothing");
    did_not_begin(
        &project,
        &["failed to get `web` ready within 3 s (its health check says: ", "no database"],
    );
}

#[test]
fn an_image_that_is_nowhere() {
    heavy!();
    let image = image::of("odd-app", &odd_app(), "");
    let project = project().project(&image, "127.0.0.1:9/nothing:1").story("story", "nothing");
    did_not_begin(
        &project,
        &[
            "failed to find image `127.0.0.1:9/nothing:1`: it is not on this machine, and pulling it failed: ",
            "hint: `docker pull 127.0.0.1:9/nothing:1`",
        ],
    );
}

#[test]
fn a_build_that_fails_shows_its_last_lines() {
    heavy!();
    let image = image::of("odd-app", &odd_app(), "");
    let project = project()
        .file("Dockerfile", &format!("FROM {image}\nRUN echo no such library; exit 7\n"))
        .project(&format!("image = \"{image}\""), "build = {}")
        .story("story", "nothing");
    did_not_begin(
        &project,
        &["failed to build the image of `web`: `docker build` exited with status", "no such library"],
    );
}

#[test]
fn a_port_that_is_taken() {
    heavy!();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let project = project_with(&format!("publish = {port}")).story("story", "nothing");
    did_not_begin(
        &project,
        &[&format!("failed to start the target on port {port}: something else listens there")],
    );
}

#[test]
fn a_network_that_is_not_there() {
    heavy!();
    let project = project().project("target.env.PORT", "target.network = \"nowhere\"\ntarget.env.PORT");
    did_not_begin(&project.story("story", "nothing"), &["failed to join network `nowhere`: there is none"]);
}

#[test]
fn an_app_that_prints_without_end_is_judged_all_the_same() {
    heavy!();
    let project = project().project("\"fine\"", "\"floods\"").project("\"400ms\"", "\"10s\"");
    run(&project.story("story", "nothing"), &["run"]).code(0);
}

#[test]
fn no_engine() {
    heavy!();
    let project = project().story("story", "nothing");
    let mut command = project.command(&["run"]);
    command.env("DOCKER_HOST", "unix:///nowhere/docker.sock");
    let ran = project.run_command(command);
    ran.code(3)
        .says(&["failed to reach a container engine at `unix:///nowhere/docker.sock`", "`docker info`"]);
}

/// Who may do everything is refused nothing, so that the run is somebody else's.
#[test]
fn an_engine_that_is_not_for_us() {
    heavy!();
    if !Uid::effective().is_root() {
        return;
    }
    let project = project().story("story", "nothing");
    let program = project.path("paydrill");
    std::fs::copy(env!("CARGO_BIN_EXE_paydrill"), &program).unwrap();
    let open = |path: &Path| image::open_to_all(path);
    [project.path(""), project.path("tmp")].iter().for_each(|path| open(path));
    let mut command = std::process::Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&program).arg("run");
    command.current_dir(project.path("")).env("TMPDIR", project.path("tmp"));
    project.run_command(command).code(3).says(&["permission denied", "usermod -aG docker"]);
}

/// A socket between Paydrill and the engine, which can be cut: the engine is gone then, for this run only.
struct Cut {
    path: PathBuf,
    open: Arc<Mutex<Option<Vec<UnixStream>>>>,
}

impl Cut {
    fn new(path: PathBuf) -> Self {
        let listener = UnixListener::bind(&path).unwrap();
        let open = Arc::new(Mutex::new(Some(Vec::new())));
        let shared = Arc::clone(&open);
        std::thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let mut open = shared.lock().unwrap();
                let Some(streams) = open.as_mut() else { continue };
                let far = UnixStream::connect("/var/run/docker.sock").unwrap();
                for (from, to) in [(&near, &far), (&far, &near)] {
                    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    std::thread::spawn(move || {
                        let mut bytes = [0; 16 << 10];
                        while let Ok(count @ 1..) = from.read(&mut bytes) {
                            if to.write_all(&bytes[..count]).is_err() {
                                break;
                            }
                        }
                        let _ = to.shutdown(Shutdown::Write);
                    });
                }
                streams.extend([near, far]);
            }
        });
        Self { path, open }
    }

    /// The engine is gone.
    fn cut(&self) {
        for stream in self.open.lock().unwrap().take().unwrap_or_default() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// It is back.
    fn mend(&self) {
        *self.open.lock().unwrap() = Some(Vec::new());
    }
}

#[test]
fn an_engine_that_goes_away_keeps_what_was_found_and_leaves_nothing_when_it_is_back() {
    heavy!();
    let project =
        (0..200).fold(project(), |project, number| project.story(&format!("story{number}"), "nothing"));
    let engine = Cut::new(project.path("docker.sock"));
    let mut command = project.command(&["run", "--json", "--jobs", "1"]);
    command.env("DOCKER_HOST", format!("unix://{}", engine.path.display()));
    let file = project.path("stdout");
    let child = command.stdout(std::fs::File::create(&file).unwrap()).spawn().unwrap();
    let owner = child.id();
    eventually("a case has ended", || project.read("stdout").contains("\"case-finished\""));
    engine.cut();
    let ran = Ran::from(child.wait_with_output().unwrap());
    engine.mend();
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    let told = project.read("stdout");
    assert!(told.contains("was lost: its container engine does not answer any more"), "{told}");
    assert!(told.contains("\"verdict\":\"passed\""), "{told}");
    eventually("what it made in the engine is removed", || left(owner).is_empty());
    project.no_process_left();
}

#[test]
fn a_service_of_a_compose_file_comes_up_with_what_it_depends_on() {
    heavy!();
    let image = image::of("odd-app", &odd_app(), "");
    let compose = format!(
        "services:\n  app:\n    image: {image}\n    command: [fine]\n    environment: {{ HOST: 0.0.0.0 }}\n    \
         ports: [\"8080:8080\"]\n    depends_on: {{ db: {{ condition: service_healthy }} }}\n  db:\n    \
         image: {image}\n    entrypoint: [sleep, \"1000\"]\n    volumes: [data:/data]\n    healthcheck: \
         {{ test: [CMD, test, -d, /data], interval: 1s }}\nvolumes: {{ data: {{}} }}\n"
    );
    let container = project().read("paydrill.toml");
    let line = container.lines().find(|line| line.starts_with("target.container")).unwrap().to_owned();
    let project = project()
        .file("compose.yaml", &compose)
        .project(&line, "target.compose = { file = \"compose.yaml\", service = \"app\", ready = { http = \"/healthz\" } }")
        .story("a", "nothing")
        .story_with("b", "takes-its-time", "fault = [{ kill = { process = \"app\", on = \"sent\", after = \"100ms\" } }]")
        .project("timeout = \"300ms\" }\ntarget", "timeout = \"5s\" }\ntarget")
        .project("\"400ms\"", "\"10s\"");
    let ran = run(&project, &["run", "--json"]);
    ran.code(0);
    assert_eq!(ran.verdicts(), ["a passed", "b passed"]);
    let wrong = project.project("service = \"app\"", "service = \"web\"").edit(
        "scenarios/b.toml",
        "process = \"app\"",
        "process = \"web\"",
    );
    did_not_begin(&wrong, &["it has no service `web`", "hint: it has `app`, `db`"]);
}

/// What the demo app in a container is asked: acts of the catalogue that restart, disturb and mail.
const CATALOGUE: [&str; 10] = [
    "checkout-grants-pro",
    "acknowledgement/dies-half-way",
    "acknowledgement/stripe-fails-once",
    "duplicates/same-event-after-restart",
    "duplicates/same-event-at-once",
    "duplicates/two-instances",
    "identity/connected-account",
    "mapping/renewal",
    "mapping/seats",
    "mapping/upgrade-before-payment",
];

#[test]
fn the_demo_app_in_a_container_keeps_its_promises_and_a_bug_is_found() {
    heavy!();
    let image = image::of("paydrill-demo", Path::new(env!("CARGO_BIN_EXE_paydrill")), "");
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let read = |path: &str| std::fs::read_to_string(shipped.join(path)).unwrap();
    let files = CATALOGUE.map(|name| format!("{name}.toml"));
    let project = files
        .iter()
        .fold(Project::empty(), |project, file| project.file(&format!("scenarios/{file}"), &read(file)));
    let project = project
        .file("paydrill.toml", &read("paydrill.toml"))
        .project("within = \"5s\"", "within = \"20s\"")
        .project(
            "target.process.app   = { command = [\"paydrill\", \"demo-app\"],",
            &format!("target.env.HOST = \"0.0.0.0\"\ntarget.container.app = {{ image = \"{image}\", command = [\"demo-app\"], port = 8080,"),
        );
    let ran = run(&project, &["run", "--json"]);
    ran.code(0);
    // A story of several shapes is several cases.
    assert!(ran.verdicts().len() >= CATALOGUE.len());
    assert!(ran.verdicts().iter().all(|verdict| verdict.ends_with(" passed")), "{:?}", ran.verdicts());
    let buggy = project
        .project("target.env.HOST", "target.env.PAYDRILL_DEMO_BUG = \"map-quantity\"\ntarget.env.HOST");
    run(&buggy, &["run", "--filter", "mapping/seats"]).code(1).says(&["FAIL   mapping/seats"]);
}

/// What it costs to have an app in a container, beyond what the engine takes for the same: printed, since it depends on
/// the machine.
#[test]
fn what_a_container_costs() {
    heavy!();
    let image = image::of("odd-app", &odd_app(), "");
    let clock = paydrill::time::Clock::start();
    let name = format!("paydrill-cost-{}", std::process::id());
    docker(&["network", "create", &name]);
    docker(&[
        "run",
        "--detach",
        "--name",
        &name,
        "--network",
        &name,
        "--entrypoint",
        "sleep",
        &image,
        "1000",
    ]);
    let engine = clock.elapsed();
    docker(&["rm", "--force", &name]);
    docker(&["network", "rm", &name]);
    let ran = run(&project().story("story", "nothing"), &["run", "--json"]);
    ran.code(0);
    let started = of_type(&ran.events(), "target-started").next().unwrap()["at_ms"].as_f64().unwrap();
    let line = format!(
        "ready {started:.0} ms after the run began; the engine alone takes {} ms\n",
        engine.as_millis()
    );
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// A container with these labels, which never ran.
fn made_by(run: &str, owner: &str) -> String {
    let image = image::of("odd-app", &odd_app(), "");
    let labels = [format!("paydrill.run={run}"), format!("paydrill.owner={owner}")];
    docker(&["create", "--label", &labels[0], "--label", &labels[1], &image]).trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_run_has_left_is_removed_and_a_living_run_is_left_alone() {
    heavy!();
    let run = format!("test{}", std::process::id());
    let dead = made_by(&run, "elsewhere/1 7 1");
    let project = Project::with("hangs");
    let text = self::project().read("paydrill.toml");
    let project = project
        .file("paydrill.toml", &text)
        .project("timeout = \"300ms\" }\ntarget", "timeout = \"1h\" }\ntarget");
    let child = project.start(&["run"]);
    let owner = child.id();
    eventually("the container is there", || left(owner).iter().any(|line| line.ends_with("-web")));
    let engine = Engine::connect(EngineAddress("unix:///var/run/docker.sock".to_owned())).await.unwrap();
    let listed = clean(&engine, false).await.unwrap();
    let of = |left: &[Left], run: &str| left.iter().find(|left| left.run == run).cloned();
    assert_eq!(of(&listed, &run).unwrap().kept, Some(Kept::Listed));
    let cleaned = clean(&engine, true).await.unwrap();
    assert_eq!(of(&cleaned, &run).unwrap().kept, None);
    assert!(cleaned.iter().any(|left| left.kept == Some(Kept::Lives)), "{cleaned:?}");
    assert!(!image::docker_succeeds(&["inspect", &dead]));
    assert!(!left(owner).is_empty());
    signal(&child, Signal::SIGINT);
    finish(&project, child);
}
