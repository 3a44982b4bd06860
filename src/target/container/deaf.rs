//! Whether asking a container to end is of any use.
//!
//! A container's first process is the first one of its namespace, to which the kernel gives no signal that it does not
//! handle itself: an app without a handler for TERM would be waited for in vain, and killed in the end.

use std::fs;

/// TERM's place among the signals.
const TERM: u32 = 15;

/// Whether the process with this id, on this machine, handles no TERM. False where that cannot be told.
pub(super) fn is_deaf(pid: i64) -> bool {
    fs::read_to_string(format!("/proc/{pid}/status")).is_ok_and(|status| handles_no_term(&status))
}

/// What `/proc/PID/status` says: `SigCgt: 0000000000004002`.
fn handles_no_term(status: &str) -> bool {
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let mask = caught.and_then(|caught| u64::from_str_radix(caught.trim(), 16).ok());
    mask.is_some_and(|mask| mask & (1 << (TERM - 1)) == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case::handles("Name:\tapp\nSigCgt:\t0000000000004002\nCapInh:\t0\n", false)]
    #[case::does_not("Name:\tapp\nSigCgt:\t0000000000000002\n", true)]
    #[case::unknown("Name:\tapp\n", false)]
    fn the_mask_is_read(#[case] status: &str, #[case] expected: bool) {
        assert_eq!(handles_no_term(status), expected);
    }
}
