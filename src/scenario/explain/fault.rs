//! What fails during a step, in words.

use crate::project::model::Outlet;
use crate::scenario::model::{ApiFault, Fault, FaultEffect, FaultKind, Kill, KillMoment, OutsideFault};
use crate::stripe::refusal::Refusal;
use crate::time::human;

fn refused(refusal: Refusal) -> String {
    let mut text = format!("is answered {}", refusal.status);
    if let Some(limit) = refusal.limited_by {
        text.push_str(&format!(" for {limit}"));
    }
    match refusal.advises_retry() {
        Some(true) => text.push_str(", shall be tried again"),
        Some(false) => text.push_str(", shall not be tried again"),
        None => {}
    }
    if let Some(after) = refusal.retry_after {
        text.push_str(&format!(", not before {}", human(after)));
    }
    text
}

pub(super) fn fault(fault: &Fault) -> String {
    match &fault.kind {
        FaultKind::Api(api) => api_fault(api),
        FaultKind::Outside(outside) => outside_fault(outside),
        FaultKind::Kill(kill) => kill_fault(kill),
    }
}

fn kill_fault(kill: &Kill) -> String {
    let moment = match kill.on {
        KillMoment::Sent => "the first delivery is sent",
        KillMoment::Called => "it first calls Stripe about this customer; the call is kept waiting",
        KillMoment::Answered => "the first delivery is answered",
    };
    let when = if kill.after.is_zero() { "when".to_owned() } else { format!("{} after", human(kill.after)) };
    format!("process `{}` is killed {when} {moment}; it starts again at once, on the same data", kill.process)
}

pub(super) fn times(times: Option<u32>) -> String {
    match times {
        None => "until the step ends".to_owned(),
        Some(1) => "once".to_owned(),
        Some(times) => format!("{times} times"),
    }
}

fn outside_fault(fault: &OutsideFault) -> String {
    let what = match &fault.outlet {
        Outlet::Mail => "mail is refused with".to_owned(),
        Outlet::Sink(name) => format!("calls to `{name}` are answered"),
        Outlet::Stripe => "calls to Stripe are answered".to_owned(),
    };
    let whose = if fault.tells_cases_apart() { "" } else { "; the app is this case's own" };
    format!("{what} {}, {}{whose}", fault.status, times(fault.times))
}

fn api_fault(fault: &ApiFault) -> String {
    let times = times(fault.times);
    let effect = match fault.effect {
        FaultEffect::Refusal(refusal) => refused(refusal),
        FaultEffect::Latency(latency) => format!("is answered after {}", human(latency)),
        FaultEffect::Reset => "is cut off".to_owned(),
    };
    format!("{} {effect}, {times}", fault.call)
}
