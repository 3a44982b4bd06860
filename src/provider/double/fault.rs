//! Deliberate failures of the API, armed for one case: they meet only calls that name its own objects.

use std::time::Duration;

use tokio::sync::watch;

use crate::stripe::refusal::Refusal;

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiFault {
    /// Which calls: `GET /v1/subscriptions/*`; `*` stands for any text, no method for every method.
    pub call: String,
    /// What happens to them.
    pub effect: Effect,
    /// To so many of them; left out, to all.
    pub times: Option<u32>,
}

/// What a fault does to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It is not carried out, and refused with Stripe's body for it.
    Refusal(Refusal),
    /// It is carried out at once, and its answer kept back so long.
    Latency(Duration),
    /// It is not carried out: the connection is reset.
    Reset,
    /// It is carried out, and its answer kept back until the fault is disarmed.
    Hold,
}

/// A fault that waits for its calls.
#[derive(Debug)]
pub(crate) struct Armed {
    fault: ApiFault,
    left: Option<u32>,
    /// Answers that are kept back go when this is dropped.
    hold: watch::Sender<()>,
}

impl Armed {
    /// Tells when it is disarmed.
    pub(crate) fn disarmed(&self) -> watch::Receiver<()> {
        self.hold.subscribe()
    }

    pub(crate) fn fault(&self) -> &ApiFault {
        &self.fault
    }

    /// How many calls it is still to meet; all where it does not say.
    pub(crate) fn left(&self) -> Option<u32> {
        self.left
    }

    pub(crate) fn new(fault: ApiFault) -> Self {
        let left = fault.times;
        Self { fault, left, hold: watch::Sender::new(()) }
    }
}

/// The first fault that is about this call; it is used up by one.
pub(crate) fn strike<'a>(armed: &'a mut [Armed], method: &str, path: &str) -> Option<&'a Armed> {
    let fault =
        armed.iter_mut().find(|armed| armed.left != Some(0) && matches(&armed.fault.call, method, path))?;
    if let Some(left) = &mut fault.left {
        *left -= 1;
    }
    Some(fault)
}

fn matches(pattern: &str, method: &str, path: &str) -> bool {
    match pattern.split_once(char::is_whitespace) {
        Some((wanted, pattern)) => {
            (wanted == "*" || wanted.eq_ignore_ascii_case(method)) && glob(pattern.trim(), path)
        }
        None => glob(pattern.trim(), path),
    }
}

/// `*` is any text, also none. Looks at each byte of both once per star.
fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("GET /v1/subscriptions/*", "GET", "/v1/subscriptions/sub_1", true)]
    #[case("get /v1/subscriptions/*", "GET", "/v1/subscriptions/sub_1", true)]
    #[case("GET /v1/subscriptions/*", "POST", "/v1/subscriptions/sub_1", false)]
    #[case("GET /v1/subscriptions/*", "GET", "/v1/subscriptions", false)]
    #[case("/v1/*", "DELETE", "/v1/customers/cus_1", true)]
    #[case("* /v1/invoices/*/pay", "POST", "/v1/invoices/in_1/pay", true)]
    #[case("* /v1/invoices/*/pay", "POST", "/v1/invoices/in_1", false)]
    #[case("POST /v1/customers", "POST", "/v1/customers", true)]
    #[case("POST /v1/customers", "POST", "/v1/customers/cus_1", false)]
    #[case("GET *a*a", "GET", "a", false)]
    #[case("GET *a*a", "GET", "aa", true)]
    fn patterns(#[case] pattern: &str, #[case] method: &str, #[case] path: &str, #[case] expected: bool) {
        assert_eq!(matches(pattern, method, path), expected);
    }

    #[test]
    fn a_fault_is_used_up_and_the_next_one_follows() {
        let fault = |effect, times| Armed::new(ApiFault { call: "GET /v1/*".into(), effect, times });
        let mut armed = [fault(Effect::Refusal(500.into()), Some(2)), fault(Effect::Reset, None)];
        let mut struck = |method| strike(&mut armed, method, "/v1/x").map(|armed| armed.fault().effect);
        let (status, reset) = (Some(Effect::Refusal(500.into())), Some(Effect::Reset));
        assert_eq!([(); 4].map(|()| struck("GET")), [status, status, reset, reset]);
        assert_eq!(struck("POST"), None);
    }
}
