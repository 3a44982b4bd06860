//! What follows from the facts: what is there, what is missing, and what mends it.

use super::containers::Containers;
use super::needs::{Database, FixedPort, Program};
use super::{BrowserFact, Facts, Finding};

/// Stripe's packages refuse a signature that is older or younger by more than this, in seconds.
/// <https://docs.stripe.com/webhooks#replay-attacks>
const TOLERANCE: u64 = 300;
/// A clock that is off by this, in seconds, is worth a word.
const NOTICEABLE: u64 = 30;
/// With less free space than this a run is bound to fail.
const TOO_LITTLE: u64 = 100 << 20;
/// With less than this it may.
const LITTLE: u64 = 1 << 30;

/// Everything that there is to say, what is missing last.
#[must_use]
pub fn judge(facts: &Facts) -> Vec<Finding> {
    let mut findings: Vec<Finding> = facts.programs.iter().map(program).collect();
    findings.extend(facts.secrets.iter().map(secret));
    findings.extend(facts.ports.iter().map(port));
    findings.extend(facts.databases.iter().map(database));
    findings.extend(facts.url.iter().map(|(url, answer)| app(url, answer)));
    findings.push(containers(&facts.containers, facts.needs_containers.as_deref()));
    findings.extend(facts.images.iter().map(|(image, there)| {
        let (key, name) = (&image.key, &image.name);
        if *there {
            return Finding::fine("image", format!("{name} is there ({key})"));
        }
        // It may be in a registry, which is not asked before there is a run.
        let message = format!("{name} is not on this machine, and a run would pull it ({key})");
        Finding::note("image", message, Some(format!("docker pull {name}, or docker build --tag {name} .")))
    }));
    findings.push(browser(facts.browser, facts.needs_browser.as_deref()));
    findings.push(faketime(facts.faketime, facts.needs_faketime.as_deref()));
    findings.extend(facts.needs_repository.iter().map(|key| repository(facts.repository, key)));
    findings.push(temp(&facts.temp.0, facts.temp.1));
    findings.sort_by_key(|finding| finding.level);
    findings
}

fn program((program, there): &(Program, bool)) -> Finding {
    let Program { key, name, dir } = program;
    if *there {
        return Finding::fine("program", format!("{name} is there ({key})"));
    }
    let message = format!("{name} is not there ({key})");
    let fix = if name.contains('/') {
        format!(
            "build your app, so that {} can be started; or say in {key} what starts it",
            dir.join(name).display()
        )
    } else {
        match package(name) {
            Some(package) => format!("apt-get install {package}"),
            None => format!("install {name}, or put its folder on the PATH"),
        }
    };
    Finding::missing("program", message, fix)
}

/// The package of Debian's that has a program.
fn package(program: &str) -> Option<&'static str> {
    Some(match program {
        "node" => "nodejs",
        "npm" | "npx" => "npm",
        "python3" => "python3",
        "ruby" | "bundle" => "ruby-full",
        "php" => "php-cli",
        "java" => "default-jre-headless",
        "go" => "golang",
        "psql" => "postgresql-client",
        "sqlite3" => "sqlite3",
        "faketime" => "faketime",
        _ => return None,
    })
}

/// Whether it is set, never what it is.
fn secret((name, set): &(String, Result<bool, String>)) -> Finding {
    match set {
        Ok(true) => Finding::fine("secret", format!("{name} is set")),
        Ok(false) => Finding::missing(
            "secret",
            format!("{name} is not set"),
            format!("export {name}=…, or export {name}_FILE=FILE with a file that holds it"),
        ),
        Err(problem) => Finding::missing(
            "secret",
            format!("the file of {name} cannot be read: {problem}"),
            format!("export {name}_FILE=FILE with a file that holds it"),
        ),
    }
}

fn port((fixed, free): &(FixedPort, bool)) -> Finding {
    let FixedPort { key, port } = fixed;
    if *free {
        return Finding::fine("port", format!("{port} is free ({key})"));
    }
    Finding::missing(
        "port",
        format!("{port} is taken ({key})"),
        format!("ss -ltnp 'sport = :{port}' shows by whom; end that, or leave {key} out for a free port"),
    )
}

fn database((database, answer): &(Database, Result<(), String>)) -> Finding {
    let Database { key, url } = database;
    // A password may hold anything, an `@` too.
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    let shown = format!("{scheme}://{}", rest.rsplit_once('@').map_or(rest, |(_, host)| host));
    let shown = shown.split(['?', '#']).next().unwrap_or_default().to_owned();
    match answer {
        Ok(()) => Finding::fine("database", format!("{shown} answers ({key})")),
        Err(problem) => {
            let message = format!("{shown} cannot be reached ({key}): {problem}");
            Finding::missing("database", message, format!("start it, or say in {key} where it is"))
        }
    }
}

/// An app that already runs, and its clock.
fn app(url: &str, answer: &Result<Option<i64>, String>) -> Finding {
    let seconds = match answer {
        Err(problem) => {
            let message = format!("{url} does not answer (target.url): {problem}");
            return Finding::missing("app", message, "start it, or let Paydrill start one: target.process");
        }
        Ok(None) => return Finding::fine("app", format!("{url} answers (target.url); it tells no time")),
        Ok(Some(seconds)) => *seconds,
    };
    let off = seconds.unsigned_abs();
    let way = if seconds < 0 { "behind" } else { "ahead of" };
    let message = format!("{url} answers (target.url); its clock is {off} s {way} this machine's");
    match off {
        0..NOTICEABLE => Finding::fine("app", format!("{url} answers (target.url), and its clock agrees")),
        NOTICEABLE..TOLERANCE => Finding::note("app", message, Some(SYNCHRONIZE.to_owned())),
        _ => Finding::missing("app", format!("{message}: it would refuse every signature"), SYNCHRONIZE),
    }
}

const SYNCHRONIZE: &str = "timedatectl set-ntp true, on whichever machine is wrong";

fn containers(found: &Containers, needed: Option<&str>) -> Finding {
    let (message, fix) = match found {
        Containers::Answers { name, at } => {
            return Finding::fine("containers", format!("{name} answers at {at}"));
        }
        Containers::None => (
            "neither Docker nor Podman is on this machine".to_owned(),
            "apt-get install docker.io iptables".to_owned(),
        ),
        Containers::NoRights { at } => (
            format!("this user may not use {at}"),
            "sudo usermod -aG docker \"$USER\", then log in again".to_owned(),
        ),
        Containers::Silent { what, problem } if what == "podman" => (
            format!("podman does not serve its API: {problem}"),
            "systemctl --user start podman.socket".to_owned(),
        ),
        Containers::Silent { what, problem } => (
            format!("{what} does not answer: {problem}"),
            "sudo systemctl start docker (or sudo dockerd, where there is no systemd)".to_owned(),
        ),
    };
    wanted("containers", message, fix, needed)
}

fn browser(found: BrowserFact, needed: Option<&str>) -> Finding {
    let missing: Vec<&str> = [(found.driver, "chromedriver"), (found.browser, "Chromium")]
        .into_iter()
        .filter_map(|(there, name)| (!there).then_some(name))
        .collect();
    if !missing.is_empty() {
        let message = format!("no {} on the PATH", missing.join(", and no "));
        return wanted("browser", message, "apt-get install chromium chromium-driver".to_owned(), needed);
    }
    if !found.built_in {
        let message = "this paydrill was built without its feature `page`, which looks at pages".to_owned();
        return wanted("browser", message, "cargo install paydrill --features page".to_owned(), needed);
    }
    Finding::fine("browser", "chromedriver and Chromium are there")
}

fn faketime(installed: bool, needed: Option<&str>) -> Finding {
    if installed {
        return Finding::fine("clock", "libfaketime is installed");
    }
    wanted("clock", "libfaketime is not installed".to_owned(), "apt-get install faketime".to_owned(), needed)
}

/// Not knowing the commit spoils no verdict.
fn repository(there: bool, key: &str) -> Finding {
    if there {
        return Finding::fine("git", format!("the project is in a repository ({key})"));
    }
    let message = format!("no git, or no repository: incidents will not name the commit ({key})");
    Finding::note("git", message, Some("apt-get install git; git init".to_owned()))
}

fn temp(folder: &str, free: Option<u64>) -> Finding {
    let Some(free) = free else {
        let message = format!("{folder} cannot be looked at");
        return Finding::missing("space", message, "export TMPDIR=FOLDER with a folder that is there");
    };
    let message = format!("{} MB are free in {folder}", free >> 20);
    let fix = "paydrill clean, or export TMPDIR=FOLDER with a folder that has more";
    match free {
        0..TOO_LITTLE => Finding::missing("space", message, fix),
        TOO_LITTLE..LITTLE => Finding::note("space", message, Some(fix.to_owned())),
        _ => Finding::fine("space", message),
    }
}

/// Missing where something needs it.
fn wanted(about: &'static str, message: String, fix: String, needed: Option<&str>) -> Finding {
    match needed {
        Some(key) => Finding::missing(about, format!("{message} ({key})"), fix),
        None => Finding::note(about, message, Some(fix)),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::{Image, Level};
    use super::*;

    /// A machine that has everything, and an environment that needs nothing of it.
    fn well() -> Facts {
        Facts {
            containers: Containers::Answers { name: "Docker 25".to_owned(), at: "/d.sock".to_owned() },
            browser: BrowserFact { built_in: true, driver: true, browser: true },
            faketime: true,
            temp: ("/tmp".to_owned(), Some(u64::MAX)),
            ..Facts::default()
        }
    }

    fn worst(facts: &Facts) -> Finding {
        judge(facts).pop().unwrap()
    }

    #[test]
    fn a_machine_that_has_everything_is_fine() {
        assert!(judge(&well()).iter().all(|finding| finding.level == Level::Fine && finding.fix.is_none()));
    }

    fn key() -> Option<String> {
        Some("probe.page".to_owned())
    }

    /// What nothing needs is a note, what something needs is missing; both say what mends it.
    #[rstest]
    #[case::containers(Facts { containers: Containers::None, ..well() }, "apt-get install docker.io iptables")]
    #[case::browser(Facts { browser: BrowserFact { driver: false, ..well().browser }, ..well() }, "apt-get install chromium chromium-driver")]
    #[case::feature(Facts { browser: BrowserFact { built_in: false, ..well().browser }, ..well() }, "cargo install paydrill --features page")]
    #[case::faketime(Facts { faketime: false, ..well() }, "apt-get install faketime")]
    fn what_is_not_needed_is_a_note(#[case] facts: Facts, #[case] fix: &str) {
        let note = worst(&facts);
        assert_eq!((note.level, note.fix.as_deref()), (Level::Note, Some(fix)));
        let facts = Facts { needs_containers: key(), needs_browser: key(), needs_faketime: key(), ..facts };
        let missing = worst(&facts);
        assert_eq!((missing.level, missing.fix.as_deref()), (Level::Missing, Some(fix)));
        assert!(missing.message.ends_with("(probe.page)"), "{missing:?}");
    }

    fn of(name: &str) -> Program {
        Program { key: "target.process.web.command".to_owned(), name: name.to_owned(), dir: "app".into() }
    }

    #[rstest]
    #[case::program(Facts { programs: vec![(of("node"), false)], ..well() }, "node is not there", "apt-get install nodejs")]
    #[case::own_program(Facts { programs: vec![(of("./server"), false)], ..well() }, "./server is not there", "app/./server can be started")]
    #[case::secret(Facts { secrets: vec![("KEY".to_owned(), Ok(false))], ..well() }, "KEY is not set", "export KEY=…")]
    #[case::secret_file(Facts { secrets: vec![("KEY".to_owned(), Err("gone".to_owned()))], ..well() }, "cannot be read: gone", "export KEY_FILE=FILE")]
    #[case::port(Facts { ports: vec![(FixedPort { key: "mail.port".to_owned(), port: 25 }, false)], ..well() }, "25 is taken (mail.port)", "ss -ltnp 'sport = :25'")]
    #[case::database(
        Facts { databases: vec![(Database { key: "k".to_owned(), url: "postgres://ada:p@ss@db/app?x=s3cr3t".to_owned() }, Err("refused".to_owned()))], ..well() },
        "postgres://db/app cannot be reached (k): refused", "start it"
    )]
    #[case::app(Facts { url: Some(("http://a".to_owned(), Err("refused".to_owned()))), ..well() }, "does not answer", "start it")]
    #[case::skew(Facts { url: Some(("http://a".to_owned(), Ok(Some(-301)))), ..well() }, "301 s behind", "timedatectl")]
    #[case::rights(Facts { containers: Containers::NoRights { at: "/d.sock".to_owned() }, needs_containers: key(), ..well() }, "may not use /d.sock", "usermod -aG docker")]
    #[case::podman(Facts { containers: Containers::Silent { what: "podman".to_owned(), problem: "no".to_owned() }, needs_containers: key(), ..well() }, "podman does not serve", "systemctl --user start podman.socket")]
    #[case::space(Facts { temp: ("/tmp".to_owned(), Some(99 << 20)), ..well() }, "99 MB are free", "paydrill clean")]
    fn what_is_missing_is_told_with_what_mends_it(
        #[case] facts: Facts,
        #[case] message: &str,
        #[case] fix: &str,
    ) {
        let found = worst(&facts);
        assert_eq!(found.level, Level::Missing);
        assert!(found.message.contains(message), "{found:?}");
        assert!(found.fix.as_ref().unwrap().contains(fix), "{found:?}");
        let told = format!("{:?}", judge(&facts));
        assert!(!told.contains("p@ss") && !told.contains("s3cr3t"), "{told}");
    }

    #[rstest]
    #[case(true, Level::Fine, "shop:1 is there (k)")]
    #[case(false, Level::Note, "shop:1 is not on this machine, and a run would pull it (k)")]
    fn an_image_may_still_be_pulled(#[case] there: bool, #[case] level: Level, #[case] message: &str) {
        let image = Image { key: "k".to_owned(), name: "shop:1".to_owned() };
        let found = judge(&Facts { images: vec![(image, there)], ..well() });
        let found = found.iter().find(|finding| finding.about == "image").unwrap();
        assert_eq!((found.level, found.message.as_str()), (level, message));
    }

    #[rstest]
    #[case(29, Level::Fine)]
    #[case(-30, Level::Note)]
    #[case(299, Level::Note)]
    #[case(300, Level::Missing)]
    #[case(i64::MIN, Level::Missing)]
    fn a_clock_may_be_off_by_what_stripes_packages_tolerate(#[case] seconds: i64, #[case] expected: Level) {
        let facts = Facts { url: Some(("http://a".to_owned(), Ok(Some(seconds)))), ..well() };
        assert_eq!(worst(&facts).level, expected);
    }
}
