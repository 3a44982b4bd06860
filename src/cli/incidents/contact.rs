//! The message to a customer, drafted: a template, filled in from what is retained. Pure.

use serde_json::{Map, Value, json};

use crate::ledger::incident::IncidentState;
use crate::template::{self, TemplateError};

/// Says what happened, that nothing is owed, and under which number to ask.
const WITHOUT_ACCESS: &str = "\
Hello,

your payment reached us, but not everything that it paid for was there for you.
What we promised: {{ promise }}
You do not need to pay again, nor to do anything. We are putting it right and are sorry for the trouble.

Should you have a question, this number leads us to your case: {{ incident.id }}
";
const WITHOUT_MESSAGE: &str = "\
Hello,

your payment reached us, but a message that belongs to it was not sent to you.
What we promised: {{ promise }}
You do not need to pay again. We are putting it right and are sorry for the trouble.

Should you have a question, this number leads us to your case: {{ incident.id }}
";
const OTHER: &str = "\
Hello,

something about your subscription was not as we promised: {{ promise }}
You do not need to do anything. We are putting it right and are sorry for the trouble.

Should you have a question, this number leads us to your case: {{ incident.id }}
";

/// The template that fits the damage.
pub(super) fn usual(kind: &str) -> &'static str {
    match kind {
        "paid-without-access" | "delivery-refused" => WITHOUT_ACCESS,
        "notification-missing" => WITHOUT_MESSAGE,
        _ => OTHER,
    }
}

/// The message. Templates may name `incident.id`, `incident.kind`, `incident.case`, `customer.id`, `promise`, `event.id`,
/// `event.type`, `expected`, `observed`, `project` and `environment`.
///
/// # Errors
/// The template does not parse, or names something that is not known.
pub(super) fn message(
    template: &str,
    incident: &IncidentState,
    evidence: &Value,
) -> Result<String, TemplateError> {
    let at = |pointer: &str| evidence.pointer(pointer).cloned();
    let names = json!({
        "incident": { "id": incident.fingerprint, "kind": incident.damage.kind, "case": incident.case },
        "customer": { "id": incident.damage.customer },
        "project": incident.project,
        "environment": incident.environment,
    });
    let Value::Object(mut names) = names else { return Ok(template.to_owned()) };
    let known: Map<String, Value> = [
        ("promise", at("/promise")),
        ("event", at("/event")),
        ("expected", at("/expected_access")),
        ("observed", at("/observed_access")),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name.to_owned(), value.filter(|value| !value.is_null())?)))
    .collect();
    names.extend(known);
    // The last line's end is the template's, and templates lose it.
    let mut text = template::render_text(template, &names)?;
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::fold::Damage;
    use crate::ledger::incident::Life;

    fn incident(kind: &str) -> IncidentState {
        IncidentState {
            fingerprint: "802cc91ead5e030a".to_owned(),
            life: Life::Open,
            project: "acme".to_owned(),
            environment: "production".to_owned(),
            scenario: "s".to_owned(),
            case: "s".to_owned(),
            owner: None,
            damage: Damage { kind: kind.to_owned(), customer: "cus_1".to_owned(), ..Damage::default() },
            run: "evt_1".to_owned(),
            opened_at: 0,
            count: 1,
            resolution: None,
            acts: Vec::new(),
        }
    }

    #[rstest::rstest]
    #[case("paid-without-access", "not everything that it paid for was there for you")]
    #[case("delivery-refused", "not everything that it paid for was there for you")]
    #[case("notification-missing", "a message that belongs to it was not sent to you")]
    #[case("of-a-later-version", "was not as we promised: A paid checkout gives Pro.")]
    fn the_usual_message_says_what_happened(#[case] kind: &str, #[case] expected: &str) {
        let evidence = json!({ "promise": "A paid checkout gives Pro." });
        let text = message(usual(kind), &incident(kind), &evidence).unwrap();
        assert!(text.contains(expected) && text.contains("A paid checkout gives Pro."), "{text}");
        assert!(
            text.ends_with("leads us to your case: 802cc91ead5e030a\n") && !text.contains("{{"),
            "{text}"
        );
    }

    #[test]
    fn a_template_of_ones_own_names_what_is_retained() {
        let evidence = json!({ "event": { "id": "evt_9", "type": "invoice.paid" }, "expected_access": { "access.plan": "pro" } });
        let template = "{{ customer.id }} {{ event.type }} {{ expected['access.plan'] }} {{ environment }}";
        assert_eq!(
            message(template, &incident("x"), &evidence).unwrap(),
            "cus_1 invoice.paid pro production\n"
        );
        let error = message("{{ customer.name }}", &incident("x"), &evidence).unwrap_err();
        assert!(error.to_string().contains("customer.name"), "{error}");
    }
}
