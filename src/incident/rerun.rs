//! The command that runs one case again.

use super::fingerprint::without_number;
use crate::run_event::CaseRecord;

/// `paydrill run scenarios/late.toml --environment ci --seed 7`, to be pasted into a shell.
///
/// The seed mints the same ids and makes the same shuffles. A case of a matrix is chosen by its name.
/// `arguments` are those of this run that shape it (`--variable k=v`), unquoted. `shipped` is the command of a run
/// whose scenarios are inside the program (`paydrill demo --bug NAME`): it takes a case's name only.
#[must_use]
pub fn command(
    environment: &str,
    seed: u64,
    arguments: &[String],
    shipped: Option<&[String]>,
    record: &CaseRecord,
) -> String {
    let seed = seed.to_string();
    if let Some(words) = shipped {
        let case = ["--filter", without_number(&record.name), "--seed", &seed];
        return words.iter().map(String::as_str).chain(case).map(quoted).collect::<Vec<_>>().join(" ");
    }
    let mut words = vec![
        "paydrill",
        "run",
        &record.head.place.source.path,
        "--environment",
        environment,
        "--seed",
        &seed,
    ];
    let case = without_number(&record.name);
    if case != record.head.name {
        words.extend(["--filter", case]);
    }
    words.extend(arguments.iter().map(String::as_str));
    words.into_iter().map(quoted).collect::<Vec<_>>().join(" ")
}

/// One word of a POSIX shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::incident::sample::{self, Sample};

    #[test]
    fn one_case_of_a_matrix_is_chosen_by_name() {
        let mut record = sample::no_access(Sample::seed(1));
        assert_eq!(
            command("ci", 7, &[], None, &record),
            "paydrill run scenarios/checkout-grants-pro.toml --environment ci --seed 7"
        );
        record.name = "checkout-grants-pro[shape=basil] #2".into();
        assert_eq!(
            command("ci", 7, &["--variable".into(), "note=it's".into()], None, &record),
            "paydrill run scenarios/checkout-grants-pro.toml --environment ci --seed 7 \
             --filter 'checkout-grants-pro[shape=basil]' --variable 'note=it'\\''s'"
        );
    }

    #[rstest]
    #[case("plain/a.toml", "plain/a.toml")]
    #[case("", "''")]
    #[case("$(rm)", "'$(rm)'")]
    #[case("a b", "'a b'")]
    fn nothing_is_left_for_the_shell_to_read(#[case] word: &str, #[case] expected: &str) {
        assert_eq!(quoted(word), expected);
    }
}
