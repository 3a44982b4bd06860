//! Reports: written by a run, made again from its JSON, and put together.

use std::fs;

use serde_json::Value;

use crate::support::Project;

const ALL: [&str; 9] = [
    "run",
    "--report-html",
    "html",
    "--report-json",
    "report.json",
    "--report-markdown",
    "report.md",
    "--report-junit",
    "report.xml",
];

fn two() -> Project {
    Project::with("grants-nothing").story("right", "nothing")
}

/// The files of a report in HTML, by name.
fn pages(project: &Project, folder: &str) -> Vec<(String, String)> {
    let mut pages = vec![("index.html".to_owned(), project.read(&format!("{folder}/index.html")))];
    for file in fs::read_dir(project.path(&format!("{folder}/cases"))).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        let text = project.read(&format!("{folder}/cases/{name}"));
        pages.push((name, text));
    }
    pages.sort();
    pages
}

#[test]
fn what_a_run_writes_can_be_made_again_from_its_json() {
    let project = two();
    project.run(&ALL).code(1);
    let made = ["--html", "again", "--markdown", "again.md", "--junit", "again.xml", "--json", "again.json"];
    project.run(&[["report", "report.json"].as_slice(), &made].concat()).code(0);
    for (first, again) in
        [("report.md", "again.md"), ("report.xml", "again.xml"), ("report.json", "again.json")]
    {
        assert_eq!(project.read(first), project.read(again));
    }
    let written = pages(&project, "html");
    assert_eq!(written, pages(&project, "again"));
    assert_eq!(written.len(), 2, "the case that passed is a line of the index");
    let index = &written.iter().find(|(name, _)| name == "index.html").unwrap().1;
    for said in ["A customer did not get what was promised.", "access.active", "story", "right"] {
        assert!(index.contains(said), "{said}");
    }
    assert!(project.read("report.md").starts_with("## Paydrill: A customer did not get what was promised."));
}

#[test]
fn shards_are_one_report() {
    let project = two();
    for shard in ["1/2", "2/2"] {
        let file = format!("{}.json", shard.replace('/', "of"));
        let ran = project.run(&["run", "--shard", shard, "--report-json", &file, "--seed", "7"]);
        assert!(matches!(ran.code, Some(0 | 1)), "{}", ran.stderr);
    }
    let merge = ["report", "merge", "1of2.json", "2of2.json", "--json", "all.json", "--html", "html"];
    project.run(&merge).code(0);
    let all: Value = serde_json::from_str(&project.read("all.json")).unwrap();
    let names: Vec<&str> =
        all["cases"].as_array().unwrap().iter().filter_map(|case| case["name"].as_str()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    assert_eq!(all["runs"].as_array().unwrap().len(), 2);
    assert!(project.read("html/index.html").contains("1 of 2 passed, 1 failed"));
}

/// The page of a case that has been repaired since must not stay and tell of it.
#[test]
fn an_earlier_report_is_replaced() {
    let project = two().file("html/cases/notes.html", "mine");
    project.run(&ALL).code(1);
    let project = project.story("story", "nothing");
    project.run(&ALL).code(0);
    let left: Vec<String> = pages(&project, "html").into_iter().map(|(name, _)| name).collect();
    assert_eq!(left, ["index.html", "notes.html"]);
}

#[test]
fn a_report_that_cannot_be_written_ends_the_command_before_anything_runs() {
    let project = two().file("taken", "");
    project
        .run(&["run", "--report-html", "taken"])
        .code(2)
        .says(&["failed to make the folder `taken`", "--report-html"]);
    project.run(&["run", "--report-json", "no/such.json"]).code(2).says(&["there is no folder `no`"]);
    project
        .run(&["report", "taken", "--html", "x"])
        .code(2)
        .says(&["`taken`: failed to read it as a report"]);
    project.run(&["report", "gone.json", "--html", "x"]).code(2).says(&["failed to read `gone.json`"]);
    project.run(&["report", "taken"]).code(2).says(&["--html"]);
}
