//! Deliberate failures of the API, armed for one case: they meet only calls that name its own objects.

use std::time::Duration;

use tokio::sync::watch;

use crate::pattern::is_about;
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
        armed.iter_mut().find(|armed| armed.left != Some(0) && is_about(&armed.fault.call, method, path))?;
    if let Some(left) = &mut fault.left {
        *left -= 1;
    }
    Some(fault)
}

#[cfg(test)]
mod tests {
    use super::*;

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
