//! What one source file says: the modules it declares, the paths of this crate that it names, what of it is tests.

use std::collections::BTreeSet;

use super::lex::{Token, tokens};

/// What a file says.
#[derive(Debug, Default)]
pub(crate) struct Source {
    /// Paths from the root of the crate, as `["judge", "track", "Track"]`; `"*"` for a glob.
    pub(crate) paths: Vec<Said<Vec<String>>>,
    /// Modules that are in files of their own, from the root of the crate.
    pub(crate) modules: Vec<Said<Vec<String>>>,
    /// Things that only a few files may do.
    pub(crate) marks: Vec<Said<Mark>>,
    /// Lines outside tests, blank ones and comments too.
    pub(crate) lines: usize,
}

/// Something, and where it was said.
#[derive(Debug)]
pub(crate) struct Said<T> {
    pub(crate) what: T,
    pub(crate) line: usize,
    /// Behind `#[cfg(test)]`.
    pub(crate) in_tests: bool,
}

/// Something that only a few files may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// A suppression of the lint that keeps clock, environment and randomness out.
    Suppression,
    /// A run event is made, or taken apart by a pattern: the two look the same.
    RunEvent,
}

/// Names of the crate's root: `paydrill` is the library, seen from `main.rs`.
const ROOTS: [&str; 2] = ["crate", "paydrill"];

/// Reads `text`, which is the module `module`.
pub(crate) fn scan(text: &str, module: &[String]) -> Source {
    let tokens = tokens(text);
    let tests = tests(&tokens);
    let mut scanner = Scanner {
        tokens: &tokens,
        tests: &tests,
        module: module.to_vec(),
        open: Vec::new(),
        depth: 0,
        source: Source { lines: lines_outside(text, &tokens, &tests), ..Source::default() },
    };
    let mut at = 0;
    while at < tokens.len() {
        at = scanner.token(at);
    }
    scanner.source
}

struct Scanner<'a> {
    tokens: &'a [Token<'a>],
    tests: &'a [bool],
    /// The module that the present token stands in.
    module: Vec<String>,
    /// How deep the braces of the inline modules around it stand.
    open: Vec<usize>,
    depth: usize,
    source: Source,
}

impl<'a> Scanner<'a> {
    /// Takes the token at `at`, and says which is next.
    fn token(&mut self, at: usize) -> usize {
        match self.text(at) {
            "{" => self.depth += 1,
            "}" => self.close(),
            "mod" if self.is_word(at + 1) => return self.declared(at),
            "use" if self.text(at + 1) != "<" => return self.tree(at + 1, &[]),
            "disallowed_methods" => self.mark(at, Mark::Suppression),
            "RunEvent" if self.is_value(at) => self.mark(at, Mark::RunEvent),
            _ if self.starts_path(at) => return self.path(at),
            _ => {}
        }
        at + 1
    }

    fn text(&self, at: usize) -> &'a str {
        self.tokens.get(at).map_or("", |token| token.text)
    }

    fn is_word(&self, at: usize) -> bool {
        self.tokens.get(at).is_some_and(Token::is_word)
    }

    fn said<T>(&self, at: usize, what: T) -> Said<T> {
        let line = self.tokens.get(at).map_or(0, |token| token.line);
        Said { what, line, in_tests: self.tests.get(at).copied().unwrap_or_default() }
    }

    fn mark(&mut self, at: usize, mark: Mark) {
        let said = self.said(at, mark);
        self.source.marks.push(said);
    }

    /// `Name { … }`, and neither an item nor the return type before a body.
    fn is_value(&self, at: usize) -> bool {
        let before = at.checked_sub(1).map_or("", |before| self.text(before));
        self.text(at + 1) == "{" && !["struct", "enum", "impl", "for", ">"].contains(&before)
    }

    fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        if self.open.last() == Some(&self.depth) {
            self.open.pop();
            self.module.pop();
        }
    }

    /// `mod name;` or `mod name {`
    fn declared(&mut self, at: usize) -> usize {
        let name = self.text(at + 1).to_owned();
        match self.text(at + 2) {
            ";" => {
                let path = [self.module.clone(), vec![name]].concat();
                let said = self.said(at, path);
                self.source.modules.push(said);
            }
            "{" => {
                self.open.push(self.depth);
                self.module.push(name);
                self.depth += 1;
            }
            _ => {}
        }
        at + 3
    }

    /// `crate::…` and the like in the middle of code; `pub(in crate::…)` is no use of anything.
    fn starts_path(&self, at: usize) -> bool {
        let before = at.checked_sub(1).map_or("", |before| self.text(before));
        let first = ROOTS.contains(&self.text(at)) || ["super", "self"].contains(&self.text(at));
        first && self.text(at + 1) == "::" && before != "::" && before != "in"
    }

    fn path(&mut self, start: usize) -> usize {
        let mut segments = vec![self.text(start)];
        let mut at = start + 1;
        while self.text(at) == "::" && self.is_word(at + 1) {
            segments.push(self.text(at + 1));
            at += 2;
        }
        self.push(start, &segments);
        at
    }

    /// One branch of what stands after `use`; gives the token after it.
    fn tree(&mut self, mut at: usize, above: &[&'a str]) -> usize {
        let mut segments = above.to_vec();
        loop {
            match self.text(at) {
                "{" => return self.group(at + 1, &segments),
                "::" => segments.push("::"), // `::name` is another crate
                "*" => {
                    segments.push("*");
                    self.push(at, &segments);
                    return at + 1;
                }
                word if self.is_word(at) => {
                    segments.push(word);
                    at += 1;
                    if self.text(at) != "::" {
                        self.push(at - 1, &segments);
                        return if self.text(at) == "as" { at + 2 } else { at };
                    }
                }
                _ => return at,
            }
            at += 1;
        }
    }

    fn group(&mut self, mut at: usize, above: &[&'a str]) -> usize {
        while !["}", ";", ""].contains(&self.text(at)) {
            let after = self.tree(at, above);
            // A comma, or what no tree can start with: go on behind it.
            at = if after == at || self.text(after) == "," { after + 1 } else { after };
        }
        at + 1
    }

    fn push(&mut self, at: usize, segments: &[&str]) {
        if let Some(path) = self.resolved(segments) {
            let said = self.said(at, path);
            self.source.paths.push(said);
        }
    }

    /// From the root of the crate; nothing for a path that starts with another crate or with a name in scope,
    /// which a `use` brought there.
    fn resolved(&self, segments: &[&str]) -> Option<Vec<String>> {
        let (first, rest) = segments.split_first()?;
        let mut path = match *first {
            root if ROOTS.contains(&root) => Vec::new(),
            "self" => self.module.clone(),
            "super" => parent(&self.module),
            _ => return None,
        };
        for segment in rest {
            match *segment {
                "super" => path = parent(&path),
                "self" => {}
                name => path.push(name.to_owned()),
            }
        }
        Some(path)
    }
}

/// The root is its own.
fn parent(module: &[String]) -> Vec<String> {
    module.split_last().map_or_else(Vec::new, |(_, parent)| parent.to_vec())
}

/// For each token, whether it is behind `#[cfg(test)]`.
fn tests(tokens: &[Token<'_>]) -> Vec<bool> {
    let mut tests = vec![false; tokens.len()];
    let mut at = 0;
    while at < tokens.len() {
        match test_attribute(&tokens[at..]) {
            Some(length) => {
                let end = item_end(tokens, at + length);
                tests[at..end].fill(true);
                at = end;
            }
            None => at += 1,
        }
    }
    tests
}

/// The length of `#[cfg(test)]` or `#[cfg(all(test, …))]`; `any(test, …)` is compiled without tests too.
fn test_attribute(tokens: &[Token<'_>]) -> Option<usize> {
    let starts = |with: &[&str]| {
        tokens.len() >= with.len() && tokens.iter().zip(with).all(|(token, text)| token.text == *text)
    };
    let plain = starts(&["#", "[", "cfg", "(", "test", ")", "]"]);
    let all = starts(&["#", "[", "cfg", "(", "all", "(", "test", ","]);
    (plain || all).then(|| closed(tokens, 1))
}

/// The token after the bracket that closes the one at `at`.
fn closed(tokens: &[Token<'_>], at: usize) -> usize {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().skip(at) {
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return index + 1;
        }
    }
    tokens.len()
}

/// What ends the thing that an attribute stands before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ends {
    Semicolon,
    /// Or a semicolon.
    Brace,
    /// Or a semicolon: a field, a variant, an arm, an expression.
    Comma,
}

/// The token after the item that starts at `at`, its other attributes included.
fn item_end(tokens: &[Token<'_>], mut at: usize) -> usize {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text);
    while text(at) == "#" {
        at = closed(tokens, at + 1);
    }
    let ends = ends(tokens, at);
    while at < tokens.len() {
        match text(at) {
            "{" if ends == Ends::Brace => return closed(tokens, at),
            "(" | "[" | "{" => at = closed(tokens, at),
            ";" => return at + 1,
            "," if ends == Ends::Comma => return at + 1,
            ")" | "]" | "}" => return at,
            _ => at += 1,
        }
    }
    at
}

fn ends(tokens: &[Token<'_>], mut at: usize) -> Ends {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text);
    if text(at) == "pub" {
        at = if text(at + 1) == "(" { closed(tokens, at + 1) } else { at + 1 };
    }
    match text(at) {
        "const" if ["fn", "unsafe", "async", "extern"].contains(&text(at + 1)) => Ends::Brace,
        "use" | "static" | "const" | "type" | "let" => Ends::Semicolon,
        "mod" | "fn" | "impl" | "struct" | "enum" | "union" | "trait" | "unsafe" | "async" | "extern"
        | "macro_rules" | "if" | "match" | "for" | "while" | "loop" | "{" => Ends::Brace,
        _ => Ends::Comma,
    }
}

/// From token to token, so that blank lines and comments among tests belong to them.
fn lines_outside(text: &str, tokens: &[Token<'_>], tests: &[bool]) -> usize {
    let inside: BTreeSet<usize> = (0..tokens.len())
        .filter(|&at| tests[at])
        .flat_map(|at| {
            let last = if tests.get(at + 1) == Some(&true) { at + 1 } else { at };
            tokens[at].line..=tokens[last].line
        })
        .collect();
    text.lines().count() - inside.len()
}

#[cfg(test)]
mod tests {
    use super::{Mark, Source, scan};

    fn source(text: &str) -> Source {
        scan(text, &["judge".to_owned(), "track".to_owned()])
    }

    /// `path@line`, with `?` behind what is in tests.
    fn paths(source: &Source) -> String {
        let each = source.paths.iter().map(|said| {
            format!("{}@{}{}", said.what.join("::"), said.line, if said.in_tests { "?" } else { "" })
        });
        each.collect::<Vec<_>>().join(" ")
    }

    /// The text stands in `crate::judge::track`.
    #[rstest::rstest]
    #[case::one("use crate::probe::Reading;", "probe::Reading@1")]
    #[case::module("use crate::probe;", "probe@1")]
    #[case::public("pub use crate::a::B;\npub(crate) use crate::c::D;", "a::B@1 c::D@2")]
    #[case::renamed("use crate::a::B as C;", "a::B@1")]
    #[case::not_named("use crate::a::B as _;", "a::B@1")]
    #[case::glob("use crate::a::*;", "a::*@1")]
    #[case::group("use crate::{a::b, c};", "a::b@1 c@1")]
    #[case::nested(
        "use crate::{\n    a::{self, b::{C, D as E}},\n    f::*,\n};",
        "a@2 a::b::C@2 a::b::D@2 f::*@3"
    )]
    #[case::group_around("use {crate::a::B, std::fmt, super::super::c};", "a::B@1 c@1")]
    #[case::the_root("use crate::{self as root};", "@1")]
    #[case::parent("use super::matcher;", "judge::matcher@1")]
    #[case::grandparent("use super::super::deliver::plan;", "deliver::plan@1")]
    #[case::own("use self::inner::X;", "judge::track::inner::X@1")]
    #[case::another_crate("use std::fmt; use serde_json::{Value, json}; use ::crate_x::y;", "")]
    #[case::inline("fn f() -> crate::a::B { crate::c::d::<crate::e::F>() }", "a::B@1 c::d@1 e::F@1")]
    #[case::inline_parent("let x = super::super::cli::y();", "cli::y@1")]
    #[case::own_then_up("let x = self::super::super::cli::y();", "cli::y@1")]
    #[case::in_a_macro("vec![format!(\"{}\", crate::a::b())];", "a::b@1")]
    #[case::in_an_attribute("#[serde(with = crate::a)]\nstruct S;", "a@1")]
    #[case::macro_rules("macro_rules! m { () => { $crate::a::b() } }", "a::b@1")]
    #[case::library_seen_from_main("fn main() { paydrill::cli::main() }", "cli::main@1")]
    #[case::in_an_inline_module(
        "mod x { use super::super::y; fn f() { super::g() } } use super::z;",
        "judge::y@1 judge::track::g@1 judge::z@1"
    )]
    #[case::comments("// use crate::a;\n/* crate::b */ /// crate::c\nuse crate::d;", "d@3")]
    #[case::strings("let x = \"crate::a\"; let y = r#\"crate::\"b\"#;", "")]
    #[case::visibility("pub(in crate::judge) fn f() {}", "")]
    #[case::captured("fn f() -> impl Sized + use<'_> { crate::a::b() }", "a::b@1")]
    #[case::tests(
        "use crate::a;\n#[cfg(test)]\nmod tests {\n    use crate::b;\n}\nuse crate::c;",
        "a@1 b@4? c@6"
    )]
    #[case::a_test_import("#[cfg(test)]\nuse crate::{a, b};\nuse crate::c;", "a@2? b@2? c@3")]
    #[case::a_test_function(
        "#[cfg(test)]\n#[must_use]\npub(crate) fn f(a: [u8; 2]) -> crate::a::B { crate::c::D }\nuse crate::e;",
        "a::B@3? c::D@3? e@4"
    )]
    #[case::a_test_constant(
        "#[cfg(test)] const A: [B; 1] = [crate::a::B { x }]; use crate::b;",
        "a::B@1? b@1"
    )]
    #[case::a_test_field("struct S { #[cfg(test)] a: crate::a::A, b: crate::b::B }", "a::A@1? b::B@1")]
    #[case::a_last_test_field("struct S { #[cfg(test)] a: crate::a::A } use crate::b;", "a::A@1? b@1")]
    #[case::a_test_block("fn f() { #[cfg(test)] { crate::a::b(); } crate::c::d(); }", "a::b@1? c::d@1")]
    #[case::all("#[cfg(all(test, unix))] mod t { use crate::a; } use crate::b;", "a@1? b@1")]
    #[case::any_ships("#[cfg(any(test, unix))] mod t { use crate::a; }", "a@1")]
    #[case::not_ships("#[cfg(not(test))] mod t { use crate::a; }", "a@1")]
    fn paths_are_found(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(paths(&source(text)), expected);
    }

    #[test]
    fn modules_in_files_of_their_own_are_found() {
        let text =
            "mod a;\npub(crate) mod b { mod c; }\n#[cfg(test)]\nmod tests;\n#[cfg(test)]\nmod t { mod u; }";
        let found: Vec<(String, bool)> =
            source(text).modules.iter().map(|said| (said.what.join("::"), said.in_tests)).collect();
        let expected = [
            ("judge::track::a", false),
            ("judge::track::b::c", false),
            ("judge::track::tests", true),
            ("judge::track::t::u", true),
        ];
        assert_eq!(found, expected.map(|(path, in_tests)| (path.to_owned(), in_tests)));
    }

    #[rstest::rstest]
    #[case::function("#[expect(clippy::disallowed_methods, reason = \"x\")]\nfn f() {}", &[(Mark::Suppression, 1)])]
    #[case::file("//! x\n#![expect(\n    clippy::disallowed_methods,\n)]", &[(Mark::Suppression, 3)])]
    #[case::words("// disallowed_methods\nlet x = \"disallowed_methods\";", &[])]
    #[case::made("fn f() {\n    sink(RunEvent { at, kind });\n}", &[(Mark::RunEvent, 2)])]
    #[case::made_by_path("let x = run_event::RunEvent { at, kind };", &[(Mark::RunEvent, 1)])]
    #[case::declared("pub struct RunEvent { at: u8 } impl RunEvent {} impl X for RunEvent {}", &[])]
    #[case::returned("fn f() -> RunEvent { g() }", &[])]
    #[case::taken("fn f(event: &RunEvent) { event.at }", &[])]
    fn marks_are_found(#[case] text: &str, #[case] expected: &[(Mark, usize)]) {
        let found: Vec<(Mark, usize)> =
            source(text).marks.iter().map(|said| (said.what, said.line)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn marks_know_tests() {
        let text = "#[cfg(test)]\nmod t {\n    #[expect(clippy::disallowed_methods)]\n    fn f() {}\n}";
        assert!(source(text).marks[0].in_tests);
    }

    #[rstest::rstest]
    #[case::all("a\n\n// b\nc\n", 4)]
    #[case::before_tests("a;\n\n#[cfg(test)]\nmod tests {\n\n    // b\n    fn c() {}\n}\n", 2)]
    #[case::around_tests("a;\n#[cfg(test)]\nuse b;\nc;\n", 2)]
    fn lines_outside_tests_are_counted(#[case] text: &str, #[case] expected: usize) {
        assert_eq!(source(text).lines, expected);
    }
}
