//! 2022-11-15: a payment intent no longer carries its `charges`, and a charge no longer its `refunds`
//! (docs.stripe.com/changelog/2022-11-15/removes-charges-attribute-paymentintent, …/deprecates-charges-auto-expand).

use serde_json::{Map, Value};

use super::fields::{at, put, sublist};
use super::{Downgrade, Version};
use crate::stripe::object::int;

pub(super) const SINCE: Version = Version("2022-11-15");

/// `charges` and `refunds` again. `latest_charge` stays: it was added, and the change is in what was taken away.
pub(super) fn sublists(kind: &str, object: &mut Map<String, Value>, way: &Downgrade<'_>) {
    let id = at(object, &["id"]);
    let id = id.as_str().unwrap_or_default();
    match kind {
        "payment_intent" => {
            // Stripe showed the latest one only, failed ones before it left out.
            let latest = way.find(&at(object, &["latest_charge"]), "charge");
            let url = format!("/v1/charges?payment_intent={id}");
            put(object, "charges", sublist(latest.into_iter().collect(), &url));
        }
        "charge" if !is_expanded(object) => {
            let refunds = refunds(id, object, way);
            put(object, "refunds", sublist(refunds, &format!("/v1/charges/{id}/refunds")));
        }
        _ => {}
    }
}

/// A list that was asked for is there already, and newer than anything that could be put in its place.
fn is_expanded(charge: &Map<String, Value>) -> bool {
    charge.get("refunds").is_some_and(Value::is_object)
}

/// Those that the charge itself accounts for: an event about it may be older than the last refund.
fn refunds(id: &str, charge: &Map<String, Value>, way: &Downgrade<'_>) -> Vec<Value> {
    let mut left = charge.get("amount_refunded").and_then(Value::as_i64).unwrap_or_default();
    let mut made = way.related.refunds_of(id);
    made.reverse();
    let mut counted: Vec<Value> = made
        .into_iter()
        .take_while(|refund| {
            left = left.saturating_sub(int(refund, "amount").max(0));
            left >= 0
        })
        .collect();
    counted.iter_mut().for_each(|refund| way.walk(refund));
    counted.reverse();
    counted
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Kin, downgrade};
    use super::*;

    const BEFORE: Version = Version("2022-08-01");

    fn kin() -> Kin {
        let refund =
            |id: &str, amount: i64| json!({"id": id, "object": "refund", "charge": "ch_1", "amount": amount});
        let charge =
            json!({"id": "ch_1", "object": "charge", "amount_refunded": 30, "payment_intent": "pi_1"});
        Kin(vec![charge, refund("re_1", 10), refund("re_2", 20)])
    }

    fn intent(latest: &str) -> Value {
        json!({"id": "pi_1", "object": "payment_intent", "latest_charge": latest})
    }

    #[test]
    fn an_intent_carries_its_charge_and_that_its_refunds() {
        let shaped = downgrade(&intent("ch_1"), BEFORE, &kin());
        let charges = &shaped["charges"];
        assert_eq!((&charges["object"], &charges["total_count"]), (&json!("list"), &json!(1)));
        assert_eq!(charges["data"][0]["id"], "ch_1");
        assert_eq!(charges["data"][0]["refunds"]["data"][0]["id"], "re_2");
        assert_eq!(shaped["latest_charge"], "ch_1");
    }

    #[rstest::rstest]
    #[case::none_yet(0, &[])]
    #[case::the_first(10, &["re_1"])]
    #[case::both(30, &["re_2", "re_1"])]
    fn a_charge_has_the_refunds_that_it_knows_of(#[case] refunded: i64, #[case] expected: &[&str]) {
        let charge = json!({"id": "ch_1", "object": "charge", "amount_refunded": refunded});
        let shaped = downgrade(&charge, BEFORE, &kin());
        let ids: Vec<_> =
            shaped["refunds"]["data"].as_array().unwrap().iter().map(|refund| &refund["id"]).collect();
        assert_eq!(ids, expected);
    }

    #[test]
    fn later_versions_have_neither() {
        let shaped = downgrade(&intent("ch_1"), SINCE, &kin());
        assert_eq!(shaped.get("charges"), None);
        let charge = kin().0.remove(0);
        assert_eq!(downgrade(&charge, SINCE, &kin()).get("refunds"), None);
    }

    #[test]
    fn ids_that_name_each_other_come_to_an_end() {
        let kin = Kin(vec![intent("pi_1")]);
        assert_eq!(downgrade(&intent("pi_1"), BEFORE, &kin)["charges"]["data"], json!([]));
    }
}
