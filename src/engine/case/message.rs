//! What happens to a case, and what it asks for.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::deliver::AttemptOrder;
use super::outside::Ask;
use crate::id::IdMinter;
use crate::probe::Reading;
use crate::project::model::Call;
use crate::run_event::{AttemptRecord, CallRecord, CaseRecord, Reason, RequestRecord, RunEventKind};
use crate::scenario::model::{ApiFault, OutsideFault};
use crate::stripe::action::Action as StripeAction;
use crate::stripe::version::Kin;

/// What happened.
#[derive(Debug)]
pub(crate) struct Input {
    /// When, since the run's start.
    pub(crate) at: Duration,
    /// What.
    pub(crate) kind: InputKind,
    /// Provider truth now and what Stripe made since the last input, where the driver looked.
    pub(crate) world: Option<World>,
}

/// Provider truth of a case.
#[derive(Debug, Default)]
pub(crate) struct World {
    /// Per customer: `customer`, `subscription`, `checkout`, `invoice`, `charge` and named objects. `None`: as it was
    /// at the last look.
    pub(crate) truths: Option<Vec<Map<String, Value>>>,
    /// Events made since the last look, in Stripe's order.
    pub(crate) events: Vec<Value>,
    /// What these events are about beyond themselves; `None`: there are none.
    pub(crate) kin: Option<Kin>,
    /// Stripe's clock.
    pub(crate) stripe_now: Option<Timestamp>,
}

/// What happened.
#[derive(Debug)]
pub(crate) enum InputKind {
    /// The case may start.
    Begin,
    /// Stripe did what was asked, or refused.
    Acted(Result<(), String>),
    /// The app answered a request, or did not.
    Requested {
        /// Whose request it was.
        slot: usize,
        /// What was done.
        record: RequestRecord,
        /// What it answered, where that was a JSON table.
        answer: Option<Map<String, Value>>,
    },
    /// An attempt ended.
    Attempted {
        /// The delivery's number.
        delivery: usize,
        /// What came of it.
        record: AttemptRecord,
    },
    /// A probe was read.
    Read {
        /// Whose state.
        slot: usize,
        /// The probe.
        probe: String,
        /// What was read.
        reading: Reading,
    },
    /// The app asked Stripe something about one of the case's objects.
    Called(CallRecord),
    /// The same, and its answer is kept back until the case asks for it.
    Held(CallRecord),
    /// The app was restarted and is ready again, or is not.
    Restarted(Result<(), String>),
    /// A process was killed and is up again, or did not come up.
    Killed {
        /// Which.
        process: String,
        /// Why it did not.
        result: Result<(), String>,
    },
    /// Something left the app.
    Arrived,
    /// The app's clock was moved, or could not be.
    ClockMoved(Result<(), String>),
    /// The time came that the case asked to be woken at.
    Timer,
    /// The run ends early; nothing more is started.
    Stopped(Reason),
}

/// What to do next.
#[derive(Debug)]
pub(crate) enum Action {
    /// Make the case's customers at Stripe; answered by `Acted`.
    Open {
        /// Where Stripe's clock starts, relative to now.
        at: SignedDuration,
        /// One e-mail address a customer.
        emails: Vec<String>,
        /// Mints the ids of everything that Stripe makes for this case.
        ids: IdMinter,
    },
    /// Make one thing happen at Stripe; answered by `Acted`.
    Act {
        /// To which customer.
        slot: usize,
        /// What.
        action: Box<StripeAction>,
    },
    /// Set the app's clock so far ahead of this machine's; answered by `ClockMoved`. Only for a case that has an app of
    /// its own.
    MoveClock {
        /// How far.
        ahead: SignedDuration,
        /// The call that does it, filled in; `None`: faketime does.
        call: Option<Box<Call>>,
    },
    /// Let the next event that Stripe makes have this id.
    NameNextEvent(String),
    /// Let Stripe know an event that nothing made, so that an app which fetches it finds it.
    Keep(Box<Value>),
    /// Move Stripe's clock.
    Advance(SignedDuration),
    /// Let calls to Stripe fail from now on; none: no longer.
    Arm(Vec<ApiFault>),
    /// Refuse mail and calls to third parties from now on; none: no longer.
    Refuse(Vec<OutsideFault>),
    /// Restart the app on the same data; answered by `Restarted`. Only for a case that has an app of its own.
    Restart,
    /// Kill a process of the app, that long from now, and start it again; answered by `Killed`. Only for a case that
    /// has an app of its own.
    Kill {
        /// Which.
        process: String,
        /// When.
        after: Duration,
    },
    /// Keep the app's next call to Stripe waiting; it is told by `Held`.
    Hold,
    /// Let go of calls that are kept waiting.
    Release,
    /// Do something in the app; answered by `Requested`.
    Request {
        /// The request's name.
        name: String,
        /// Whose cookies.
        slot: usize,
        /// The call, filled in.
        call: Box<Call>,
    },
    /// Try a delivery; answered by `Attempted`.
    Attempt(Box<AttemptOrder>),
    /// Read a probe; answered by `Read`.
    Read {
        /// Whose state.
        slot: usize,
        /// The probe.
        probe: String,
        /// How, filled in.
        ask: Ask,
    },
    /// Send `Timer` then.
    WakeAt(Duration),
    /// Tell the world.
    Emit(RunEventKind),
    /// The case has ended; nothing more will come of it.
    Finish(Box<CaseRecord>),
}
