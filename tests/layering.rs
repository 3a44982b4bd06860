//! The architecture as a test: no module knows what stands above it.
//!
//! [`rules::LAYERS`] is the specification. The sources are read as text, so that a forbidden path is found
//! wherever it stands: in a `use`, in the middle of a function, in a macro. What is compiled for tests alone may
//! use everything. A finding names the line, what it does and why it may not.

#[path = "layering/lex.rs"]
mod lex;
#[path = "layering/rules.rs"]
mod rules;
#[path = "layering/scan.rs"]
mod scan;
#[path = "layering/tree.rs"]
mod tree;

use std::path::Path;

use rstest::rstest;

use self::rules::{LAYERS, MUTUAL, findings};
use self::scan::scan;
use self::tree::File;

#[test]
fn every_file_keeps_to_its_layer() {
    let tree = tree::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap();
    let found: Vec<String> = tree.files.iter().flat_map(findings).chain(tree.lost).collect();
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

/// Whatever is in the table, there is no cycle in it, but for the one that it names.
#[test]
fn the_table_reads_from_bottom_to_top() {
    for (at, layer) in LAYERS.iter().enumerate() {
        for allowed in layer.may_use {
            let module = allowed.split("::").next().unwrap();
            let below = LAYERS[..at].iter().any(|below| below.module == module);
            let mutual = MUTUAL.contains(&layer.module) && MUTUAL.contains(&module);
            assert!(
                below || mutual,
                "`{}` may use `{allowed}`, which does not stand before it",
                layer.module
            );
        }
    }
}

fn file(name: &str, text: &str) -> File {
    let mut module: Vec<String> = name.trim_end_matches(".rs").split('/').map(ToOwned::to_owned).collect();
    module.retain(|part| part != "mod" && part != "lib");
    let source = scan(text, &module);
    File { name: name.to_owned(), module, in_tests: false, source }
}

/// What the table says of a file that does one thing; nothing where it may.
#[rstest]
#[case::judge_reads("judge/track.rs", "use crate::probe::{ReadError, Reading};", "")]
#[case::judge_asks(
    "judge/track.rs",
    "\nuse crate::probe::HttpProbe;",
    "src/judge/track.rs:2: `judge` uses `probe::HttpProbe`, but may not: judging is pure"
)]
#[case::judge_takes_all("judge/track.rs", "use crate::probe;", "`judge` uses `probe`")]
#[case::judge_sends(
    "judge/track.rs",
    "fn f() { super::super::deliver::http::send() }",
    "`judge` uses `deliver::http::send`"
)]
#[case::in_a_group(
    "provider/double/mod.rs",
    "use crate::{\n    id,\n    judge::Track,\n};",
    "src/provider/double/mod.rs:3: `provider` uses `judge::Track`"
)]
#[case::up_from_below(
    "time.rs",
    "use crate::cli::settings::Settings;",
    "`time` uses `cli::settings::Settings`"
)]
#[case::own_children("report/junit.rs", "use crate::report::summary::Outcome;\nuse super::gather;", "")]
#[case::engine_is_read(
    "engine/driver.rs",
    "use crate::report::Reporter;",
    "it emits run events and does not know who reads them"
)]
#[case::demo_shares_nothing("demo/signature.rs", "use crate::stripe::signature;", "(invariant 9)")]
#[case::demo_and_itself("demo/signature.rs", "use crate::demo::clock; use super::plan;", "")]
#[case::only_cli_starts_the_demo("testing.rs", "use crate::demo::serve;", "`testing` uses `demo::serve`")]
#[case::main_is_short("main.rs", "fn main() { paydrill::engine::run() }", "`main` uses `engine::run`")]
#[case::main_calls_cli("main.rs", "fn main() { paydrill::cli::main() }", "")]
#[case::the_root_by_another_name("judge/mod.rs", "use crate as all;", "names the whole crate")]
#[case::the_root_as_a_glob("judge/mod.rs", "use super::*;", "names the whole crate")]
#[case::the_root_itself("lib.rs", "pub use crate::judge::Track; mod cli;", "")]
#[case::a_new_module("folly/mod.rs", "", "src/folly/mod.rs:1: `folly` has no line in the table")]
#[case::ledger_is_told("ledger/record.rs", "use crate::run_event::RunEvent;", "")]
#[case::ledger_asks("ledger/record.rs", "use crate::engine::RunPlan;", "`ledger` uses `engine::RunPlan`")]
#[case::in_tests("judge/track.rs", "#[cfg(test)]\nmod tests { use crate::deliver::plan; }", "")]
#[case::reads_the_clock(
    "engine/driver.rs",
    "\n#[expect(clippy::disallowed_methods)] fn f() {}",
    "src/engine/driver.rs:2: suppresses `disallowed_methods`"
)]
#[case::may_read_the_clock("time.rs", "#[expect(clippy::disallowed_methods)] fn f() {}", "")]
#[case::a_test_reads_the_clock(
    "judge/mod.rs",
    "#[cfg(test)] mod t { #[expect(clippy::disallowed_methods)] fn f() {} }",
    ""
)]
#[case::tells_of_a_run(
    "engine/driver.rs",
    "fn f() { sink(RunEvent { at, kind }) }",
    "makes a `RunEvent`, but may not: one dispatcher"
)]
#[case::may_tell_of_a_run("engine/dispatcher.rs", "fn f() { sink(RunEvent { at, kind }) }", "")]
fn the_table_says(#[case] name: &str, #[case] text: &str, #[case] expected: &str) {
    let found = findings(&file(name, text)).join("\n");
    assert_eq!(found.is_empty(), expected.is_empty(), "{found}");
    assert!(found.contains(expected), "{found}");
    assert_eq!(found.lines().count(), usize::from(!expected.is_empty()), "{found}");
}

#[rstest]
#[case::just_fits(500, "", 0)]
#[case::too_long(501, "", 1)]
#[case::tests_do_not_count(500, "#[cfg(test)]\nmod tests {\n\n\n}\n", 0)]
fn long_files_are_found(#[case] lines: usize, #[case] tests: &str, #[case] expected: usize) {
    let text = format!("{}{tests}", "// x\n".repeat(lines));
    assert_eq!(findings(&file("judge/track.rs", &text)).len(), expected);
}
