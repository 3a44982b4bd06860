//! Projects and scenarios as they lie in folders: found, named, and read with what lies beside them.

use super::*;

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

const GOOD: &str = "promise = \"p\"\n[[step]]\nstripe.cancel = {}\nthen.access = { plan = \"free\" }\n";

fn names(scenarios: &[Scenario]) -> Vec<&str> {
    scenarios.iter().map(|scenario| scenario.head.name.as_str()).collect()
}

#[rstest::rstest]
#[case("paydrill.toml", "", "scenarios")]
#[case("paydrill.toml", "scenarios/orders", "scenarios")]
#[case("scenarios/paydrill.toml", "", "scenarios")]
#[case("scenarios/paydrill.toml", "scenarios", "scenarios")]
#[case("scenarios/paydrill.toml", "src/deep", "scenarios")]
fn a_project_is_found_and_its_scenarios_named(
    #[case] project: &str,
    #[case] start: &str,
    #[case] root: &str,
) {
    let folder = folder(&[
        (project, GOOD_PROJECT),
        (&format!("{root}/b.toml"), GOOD),
        (&format!("{root}/orders/late.toml"), GOOD),
        (&format!("{root}/.hidden/c.toml"), GOOD),
        (&format!("{root}/captured/evt.json"), "{}"),
        ("src/deep/x", ""),
    ]);
    let loaded = load(&folder.path().join(start), &[]).unwrap();
    assert_eq!(loaded.diagnostics, []);
    assert_eq!(names(&loaded.scenarios), ["b", "orders/late"]);
}

#[test]
fn a_folder_without_a_project_or_scenario_is_an_error() {
    let empty = folder(&[("a/x", "")]);
    let error = load(&empty.path().join("a"), &[]).unwrap_err();
    assert!(matches!(error, LoadError::NoProject { .. }), "{error}");
    assert!(error.to_string().starts_with("find paydrill.toml in "), "{error}");

    let bare = folder(&[("paydrill.toml", GOOD_PROJECT), ("scenarios/notes.txt", "")]);
    assert!(matches!(load(bare.path(), &[]), Err(LoadError::NoScenario { .. })));
    let missing = bare.path().join("nowhere.toml");
    assert!(matches!(load(bare.path(), &[missing]), Err(LoadError::Read { .. })));
    let nothing = folder(&[("paydrill.toml", GOOD_PROJECT)]);
    assert!(matches!(load(nothing.path(), &[]), Err(LoadError::NoScenario { .. })));
}

#[test]
fn a_file_that_is_no_text_or_too_large_is_an_error() {
    let folder = folder(&[("paydrill.toml", GOOD_PROJECT)]);
    let path = folder.path().join("a.toml");
    std::fs::write(&path, b"promise = \"\xff\"").unwrap();
    assert!(matches!(load(folder.path(), std::slice::from_ref(&path)), Err(LoadError::Read { .. })));
    std::fs::write(&path, vec![b'#'; 5 << 20]).unwrap();
    assert!(matches!(load(folder.path(), &[path]), Err(LoadError::TooLarge { .. })));
}

#[test]
fn two_roots_with_the_same_name_are_told_apart_by_nobody() {
    let folder = folder(&[("paydrill.toml", GOOD_PROJECT), ("one/a.toml", GOOD), ("two/a.toml", GOOD)]);
    let paths = [folder.path().join("one"), folder.path().join("two")];
    let loaded = load(folder.path(), &paths).unwrap();
    assert_eq!(names(&loaded.scenarios), ["a"]);
    assert_eq!(loaded.diagnostics[0].message, "two scenarios are called `a`");
    // The same file, given twice, is one scenario.
    let loaded = load(folder.path(), &[paths[0].clone(), paths[0].join("a.toml")]).unwrap();
    assert_eq!((names(&loaded.scenarios), loaded.diagnostics.len()), (vec!["a"], 0));
}

#[test]
fn a_bad_project_and_a_bad_scenario_leave_the_others() {
    let folder = folder(&[
        ("paydrill.toml", GOOD_PROJECT),
        ("scenarios/bad.toml", "promise = 7\n"),
        ("scenarios/good.toml", GOOD),
    ]);
    let loaded = load(folder.path(), &[]).unwrap();
    assert_eq!(names(&loaded.scenarios), ["good"]);
    assert!(has_errors(&loaded.diagnostics));
    std::fs::write(folder.path().join("paydrill.toml"), "[project]\n").unwrap();
    let loaded = load(folder.path(), &[]).unwrap();
    assert!(loaded.project.is_none() && has_errors(&loaded.diagnostics));
}

#[test]
fn a_schedule_names_a_scenario_that_exists() {
    let schedule = "[schedule.w]\nscenario = \"god\"\nenvironment = \"ci\"\ncron = \"0 11 * * 2\"\n";
    let project = format!("{GOOD_PROJECT}{schedule}");
    let folder = folder(&[("paydrill.toml", &project), ("scenarios/good.toml", GOOD)]);
    let loaded = load(folder.path(), &[]).unwrap();
    assert_eq!(loaded.diagnostics[0].code, Code::UnknownScenario);
    // A selection of files does not tell which others there are.
    assert_eq!(load(folder.path(), &[folder.path().join("scenarios/good.toml")]).unwrap().diagnostics, []);
}

#[test]
fn captured_events_are_read_from_the_project_folder() {
    let text = "promise = \"p\"\n[[step]]\nsend = [{ file = \"captured/evt.json\" }]\nthen.access = { plan = \"pro\" }\n";
    let event = "{ \"object\": \"event\", \"id\": \"evt_1\" }";
    let folder =
        folder(&[("paydrill.toml", GOOD_PROJECT), ("scenarios/a.toml", text), ("captured/evt.json", event)]);
    let loaded = load(folder.path(), &[]).unwrap();
    assert_eq!(loaded.diagnostics, []);
    let Send::List { entries, .. } = &loaded.scenarios[0].cases[0].steps[0].send else { panic!("no list") };
    assert!(matches!(&entries[0].pick, Pick::File { event, .. } if event["id"] == "evt_1"));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    /// Whatever happens to a file, there is an answer, and no scenario comes with an error.
    #[test]
    fn no_text_panics(
        file in 0..23_usize,
        at in 0.0..1.0_f64,
        cut in 0..40_usize,
        put in "(\\PC{0,6}|[\\[\\]{}\"'=.,#\n]{0,4}|\\{\\{ ?[a-z.]* ?\\}\\}|-?[0-9]{1,25}|true|\\[\\[step\\]\\]\n)",
    ) {
        let examples = examples();
        let text = examples.values().nth(file % examples.len()).unwrap();
        let mut start = (at * text.len() as f64) as usize;
        while !text.is_char_boundary(start) { start -= 1; }
        let mut end = (start + cut).min(text.len());
        while !text.is_char_boundary(end) { end -= 1; }
        let text = format!("{}{put}{}", &text[..start], &text[end.max(start)..]);
        let (scenario, diagnostics) = parse(&text);
        proptest::prop_assert_eq!(scenario.is_none(), has_errors(&diagnostics));
        let (project, diagnostics) = parse_project(source("paydrill.toml", &text), PathBuf::new());
        proptest::prop_assert_eq!(project.is_none(), has_errors(&diagnostics));
        let _ = render(&diagnostics, Color::No);
    }
}
