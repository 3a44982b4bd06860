//! A small cache in front of the entitlements: they are asked for on every request of a customer.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::access::Entitlement;
use super::bug::Bug;
use super::clock;

/// How long an entry may be served when nothing was written here: another instance may have written.
const KEEP: Duration = Duration::from_secs(1);
/// The same where nobody thinks of writes.
const KEEP_ANYHOW: Duration = Duration::from_secs(60);

/// The cache is emptied when it holds more entries than this.
const AT_MOST: usize = 4096;

/// Entitlements by customer.
pub(super) struct Cache {
    kept: Mutex<Kept>,
    keep: Duration,
}

#[derive(Default)]
struct Kept {
    entries: HashMap<String, (Duration, Entitlement)>,
    writes: u64,
}

/// How many writes there were when a reading began; see [`Cache::put`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Before(u64);

impl Cache {
    pub(super) fn new(bug: Option<Bug>) -> Self {
        let keep = if bug == Some(Bug::OutCache) { KEEP_ANYHOW } else { KEEP };
        Self { kept: Mutex::default(), keep }
    }

    /// The entry, or a mark to hand to [`Self::put`] after the database was read.
    pub(super) fn get(&self, customer: &str) -> Result<Entitlement, Before> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        match kept.entries.get(customer) {
            Some((since, entry)) if clock::now().saturating_sub(*since) < self.keep => Ok(entry.clone()),
            _ => Err(Before(kept.writes)),
        }
    }

    /// Keeps what was read, unless somebody wrote since `before`: it may be older than what was written.
    pub(super) fn put(&self, customer: &str, before: Before, entry: Entitlement) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if before != Before(kept.writes) {
            return;
        }
        if kept.entries.len() >= AT_MOST {
            kept.entries.clear();
        }
        kept.entries.insert(customer.to_owned(), (clock::now(), entry));
    }

    /// Something of the customer was written.
    pub(super) fn forget(&self, customer: &str) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.writes += 1;
        kept.entries.remove(customer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::access::Rules;

    #[test]
    fn what_was_written_is_not_served_from_before() {
        let (cache, free) = (Cache::new(None), Entitlement::of(Rules::default(), &[], 0, Vec::new(), 0));
        let Err(before) = cache.get("cus_1") else { panic!("an empty cache answered") };
        cache.put("cus_1", before, free.clone());
        assert!(cache.get("cus_1").is_ok());
        cache.forget("cus_1");
        assert!(cache.get("cus_1").is_err());
    }

    #[test]
    fn a_reading_that_a_write_overtook_is_not_kept() {
        let (cache, free) = (Cache::new(None), Entitlement::of(Rules::default(), &[], 0, Vec::new(), 0));
        let Err(before) = cache.get("cus_1") else { panic!("an empty cache answered") };
        cache.forget("cus_1");
        cache.put("cus_1", before, free);
        assert!(cache.get("cus_1").is_err());
    }

    #[test]
    fn it_stays_small() {
        let cache = Cache::new(None);
        for number in 0..2 * AT_MOST {
            let customer = format!("cus_{number}");
            let Err(before) = cache.get(&customer) else { panic!("an empty cache answered") };
            cache.put(&customer, before, Entitlement::of(Rules::default(), &[], 0, Vec::new(), 0));
        }
        assert!(cache.kept.lock().unwrap().entries.len() <= AT_MOST);
    }
}
