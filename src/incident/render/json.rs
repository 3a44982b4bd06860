//! An incident for other programs, version 1.
//!
//! | field | means |
//! |---|---|
//! | `v` | 1; another number where an old reader would misunderstand |
//! | `fingerprint` | the same for the same broken promise |
//! | `kind`, `severity`, `verdict` | words of [`super::super::kind`], [`super::super::severity`], [`crate::run_event::Verdict`] |
//! | `at`, `took_ms` | wall time of the case's start (RFC 3339), its length |
//! | `zero_ms` | the moment from which the text forms count; all `at_ms` here are since the run's start |
//! | `event` | the event on which the promise hung, `id` and `type` |
//! | `subscription`, `plan` | `provider` is what Stripe says, `local` what the app says; null: none, not read |
//! | `expected_access`, `observed_access` | by name, as values or in words |
//! | `findings` | what was not as promised, each with the line that demanded it |
//! | `guidance` | `who_retries`, `idempotency` (`proven`, `unproven`, `disproven`, and `by` which case), `route`, `actions` |
//! | `evidence` | where more is retained |

use crate::incident::model::Incident;
use crate::incident::wire::WireIncident;

/// One object, indented, ending in a newline.
///
/// # Errors
/// None in practice: every key is a string.
pub fn json(incident: &Incident) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(&WireIncident::from(incident))?;
    text.push('\n');
    Ok(text)
}
