//! How a run ends: the exit code, and what it means in words.

use crate::run_event::{CancelReason, RunStats};

/// How a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Every case that applies here passed, and at least one did.
    Passed,
    /// A wrong outcome, or one that was right only at a later try.
    Failed,
    /// Something could not be judged, and nothing failed.
    NotJudged,
    /// There was nothing to judge: no case, or none that applies here.
    NothingSelected,
    /// Ctrl-C or SIGTERM: whatever was found so far, it is not the whole run.
    Interrupted,
}

impl Outcome {
    /// By the counters of the run, whether it met trouble as a whole, and why it ended early.
    ///
    /// A failure beats everything but an interruption: it stays true whatever else could not be told.
    #[must_use]
    pub fn of(stats: &RunStats, trouble: bool, cancelled: Option<CancelReason>) -> Self {
        let unfinished = stats.finished < stats.cases;
        let judged = stats.finished > stats.skipped;
        match cancelled {
            Some(CancelReason::Interrupted) => Self::Interrupted,
            _ if stats.failed > 0 || stats.flaky > 0 => Self::Failed,
            Some(CancelReason::TargetDied) => Self::NotJudged,
            _ if trouble || stats.errored > 0 || unfinished => Self::NotJudged,
            _ if !judged => Self::NothingSelected,
            Some(CancelReason::MaxFail) | None => Self::Passed,
        }
    }

    /// The process's exit code.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::Failed => 1,
            Self::NotJudged => 3,
            Self::NothingSelected => 4,
            Self::Interrupted => 130,
        }
    }

    /// The same where a report could not be written: what nobody can read has not passed.
    #[must_use]
    pub fn unreported(self) -> Self {
        match self {
            Self::Passed | Self::NothingSelected => Self::NotJudged,
            Self::Failed | Self::NotJudged | Self::Interrupted => self,
        }
    }

    /// What that means, as a sentence.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Passed => "Customers got what they were promised.",
            Self::Failed => "A customer did not get what was promised.",
            Self::NotJudged => "It could not be told whether customers got what they were promised.",
            Self::NothingSelected => "There was nothing to judge.",
            Self::Interrupted => "The run was interrupted; what had ended by then is reported.",
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// Counters from `passed flaky failed errored skipped`, of so many cases.
    fn stats(cases: usize, [passed, flaky, failed, errored, skipped]: [usize; 5]) -> RunStats {
        let finished = passed + flaky + failed + errored + skipped;
        RunStats { cases, finished, passed, flaky, failed, errored, skipped }
    }

    const INTERRUPTED: Option<CancelReason> = Some(CancelReason::Interrupted);
    const MAX_FAIL: Option<CancelReason> = Some(CancelReason::MaxFail);
    const DIED: Option<CancelReason> = Some(CancelReason::TargetDied);

    #[rstest]
    #[case(stats(2, [2, 0, 0, 0, 0]), false, None, 0)]
    #[case(stats(2, [1, 0, 0, 0, 1]), false, None, 0)]
    #[case(stats(2, [1, 0, 1, 0, 0]), false, None, 1)]
    #[case(stats(2, [1, 1, 0, 0, 0]), false, None, 1)]
    #[case(stats(2, [0, 0, 1, 1, 0]), true, None, 1)]
    #[case(stats(9, [0, 0, 1, 0, 0]), false, MAX_FAIL, 1)]
    #[case(stats(9, [0, 0, 1, 0, 0]), true, DIED, 1)]
    #[case(stats(2, [1, 0, 0, 1, 0]), false, None, 3)]
    #[case(stats(2, [0, 0, 0, 0, 0]), true, None, 3)]
    #[case(stats(2, [1, 0, 0, 0, 0]), false, None, 3)]
    #[case(stats(1, [1, 0, 0, 0, 0]), true, DIED, 3)]
    #[case(stats(0, [0, 0, 0, 0, 0]), true, None, 3)]
    #[case(stats(0, [0, 0, 0, 0, 0]), false, None, 4)]
    #[case(stats(2, [0, 0, 0, 0, 2]), false, None, 4)]
    #[case(stats(9, [2, 0, 0, 0, 0]), false, INTERRUPTED, 130)]
    #[case(stats(9, [2, 0, 1, 0, 0]), false, INTERRUPTED, 130)]
    fn exit_codes(
        #[case] stats: RunStats,
        #[case] trouble: bool,
        #[case] cancelled: Option<CancelReason>,
        #[case] code: u8,
    ) {
        assert_eq!(Outcome::of(&stats, trouble, cancelled).code(), code);
    }
}
