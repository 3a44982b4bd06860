//! Which of the app's lines tell of a case. Cases share one app, and its output is everybody's.
//!
//! A line that names objects of Stripe's, and none of the case's, is another case's. One that names nothing is kept: it
//! may be the very cause. Ids of what all cases share (prices, products) say nothing.

use crate::run_event::CaseRecord;

/// What ids of objects begin with that belong to one customer's story.
const OWNED: [&str; 15] =
    ["ch", "cs", "cus", "dp", "evt", "il", "in", "pi", "pm", "re", "req", "seti", "si", "sub", "txn"];
/// From this length on, what follows is an id and no word of somebody's own.
const ID_LENGTH: usize = 14;

/// The lines that are not another case's, the last `most` of them.
pub(super) fn of_case(lines: Vec<String>, record: &CaseRecord, most: usize) -> Vec<String> {
    let own = known(record);
    let mut kept: Vec<String> = lines.into_iter().filter(|line| !is_of_another(line, &own)).collect();
    kept.drain(..kept.len().saturating_sub(most));
    kept
}

/// A text in which every id stands that is the case's.
fn known(record: &CaseRecord) -> String {
    let truth = record.truth.values().map(ToString::to_string);
    let customer = [record.customer.id.clone(), record.customer.email.clone()];
    let made = record.acts.iter().flat_map(|act| &act.events).map(|event| event.id.clone());
    let sent = record.deliveries.iter().map(|(delivery, _)| delivery.event.id.clone());
    let asked = record.calls.iter().flat_map(|call| [call.path.clone(), call.request_id.clone()]);
    let done = record.requests.iter().flat_map(|request| [request.call.clone(), request.body.clone()]);
    let read = record.observations.iter().map(|observation| format!("{:?}", observation.reading));
    let all = truth.chain(customer).chain(made).chain(sent).chain(asked).chain(done).chain(read);
    all.collect::<Vec<_>>().join("\n")
}

fn is_of_another(line: &str, own: &str) -> bool {
    let mut named = line
        .split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
        .filter(|word| is_id(word));
    let Some(first) = named.next() else { return false };
    !own.contains(first) && !named.any(|id| own.contains(id))
}

fn is_id(word: &str) -> bool {
    word.split_once('_').is_some_and(|(prefix, rest)| {
        let tail = rest.rsplit('_').next().unwrap_or_default();
        OWNED.contains(&prefix) && tail.len() >= ID_LENGTH
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case::own("commit customer=cus_aaaaaaaaaaaaaaaa at=1", false)]
    #[case::anothers("commit customer=cus_bbbbbbbbbbbbbbbb at=1", true)]
    #[case::in_json(r#"{"sub":"sub_bbbbbbbbbbbbbbbb"}"#, true)]
    #[case::both("moved cus_bbbbbbbbbbbbbbbb to \"cus_aaaaaaaaaaaaaaaa\"", false)]
    #[case::nobodys("panicked at src/main.rs:12", false)]
    #[case::a_price("no such price price_bbbbbbbbbbbbbbbb", false)]
    #[case::a_word_of_the_app("in_flight_requests_of_the_worker=3", false)]
    #[case::a_short_word("re_try sub_1", false)]
    #[case::empty("", false)]
    fn a_line_is_anothers_where_it_names_only_others(#[case] line: &str, #[case] expected: bool) {
        assert_eq!(is_of_another(line, "cus_aaaaaaaaaaaaaaaa evt_aaaaaaaaaaaaaaaa"), expected);
    }
}
