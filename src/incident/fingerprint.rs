//! What makes two failures the same incident.
//!
//! Environment, scenario (the case's label too, its number not), customer and expectation. A customer that
//! was minted for the case counts by its role, since every try has another id; a bound one by its id.

use sha2::{Digest, Sha256};

use super::model::Finding;
use crate::run_event::{CaseRecord, JudgedKind};

/// 16 hex digits; the same for every try of the same broken promise.
#[must_use]
pub fn fingerprint(
    environment: &str,
    record: &CaseRecord,
    bound_customer: Option<&str>,
    primary: Option<&Finding>,
) -> String {
    let role = match primary.and_then(|finding| finding.kind) {
        Some(JudgedKind::Bystander) => "a bystander",
        _ => bound_customer.unwrap_or("the customer of the story"),
    };
    let mut hash = Sha256::new();
    for part in [environment, without_number(&record.name), role, &expectation(primary)] {
        // The length in front keeps `a` + `bc` apart from `ab` + `c`.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let mut digits = hex::encode(hash.finalize());
    digits.truncate(16);
    digits
}

fn expectation(primary: Option<&Finding>) -> String {
    primary.map_or_else(
        || "the case as a whole".to_owned(),
        |finding| format!("{:?} {} {:?}", finding.kind, finding.name, finding.step),
    )
}

/// `orders/late[order=reversed] #2` and ` #3` are repetitions of the same case.
pub(crate) fn without_number(name: &str) -> &str {
    match name.rsplit_once(" #") {
        Some((rest, number)) if !number.is_empty() && number.bytes().all(|c| c.is_ascii_digit()) => rest,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::incident::findings;
    use crate::incident::sample::{self, Sample};

    fn of(environment: &str, record: &CaseRecord, bound: Option<&str>) -> String {
        let found = findings::of(record);
        fingerprint(environment, record, bound, found.first())
    }

    #[test]
    fn another_try_has_the_same_fingerprint() {
        let first = sample::no_access(Sample::seed(1));
        let mut second = sample::no_access(Sample::seed(2));
        second.name.push_str(" #2");
        second.attempt = 2;
        assert_ne!(first.customer, second.customer);
        assert_eq!(of("ci", &first, None), of("ci", &second, None));
        assert_eq!(of("ci", &first, None).len(), 16);
    }

    #[test]
    fn another_place_promise_or_customer_has_another() {
        let record = sample::no_access(Sample::seed(1));
        let base = of("ci", &record, None);
        assert_ne!(base, of("production", &record, None));
        assert_ne!(base, of("ci", &record, Some("cus_canary")));
        assert_ne!(base, of("ci", &sample::disagrees(Sample::seed(1)), None));
    }

    #[rstest]
    #[case("a #2", "a")]
    #[case("a[x=1] #12", "a[x=1]")]
    #[case("issue #x", "issue #x")]
    #[case("a #", "a #")]
    #[case("a", "a")]
    fn the_number_of_a_repetition_is_left_out(#[case] name: &str, #[case] expected: &str) {
        assert_eq!(without_number(name), expected);
    }
}
