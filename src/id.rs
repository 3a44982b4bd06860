//! Ids that a seed reproduces.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;

/// One case of a run: what the provider double keeps its objects under, and run events name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct CaseId(pub u32);

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Mints ids in Stripe's form (`sub_1Q…`) from a seed: the same seed and the same calls give the same ids.
#[derive(Debug, Clone)]
pub struct IdMinter {
    rng: ChaCha12Rng,
}

impl IdMinter {
    /// A minter for one case: `seed` is the run's, `stream` tells the cases of the run apart.
    #[must_use]
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut rng = ChaCha12Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        Self { rng }
    }

    /// `prefix_` and 24 letters and digits.
    pub fn mint(&mut self, prefix: &str) -> String {
        let mut id = String::with_capacity(prefix.len() + 25);
        id.push_str(prefix);
        id.push('_');
        self.letters(&mut id, 24);
        id
    }

    /// `count` letters and digits appended to `to`.
    pub fn letters(&mut self, to: &mut String, count: usize) {
        for _ in 0..count {
            to.push(char::from(ALPHABET[self.rng.random_range(0..ALPHABET.len())]));
        }
    }

    /// A number below `bound`; 0 where `bound` is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        if bound == 0 { 0 } else { self.rng.random_range(0..bound) }
    }

    /// Puts `items` into an order that is as likely as any other.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        // Fisher and Yates.
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_reproduces_ids_and_streams_differ() {
        let ids = |seed, stream| {
            let mut minter = IdMinter::new(seed, stream);
            [minter.mint("sub"), minter.mint("sub")]
        };
        assert_eq!(ids(7, 1), ids(7, 1));
        assert_ne!(ids(7, 1), ids(7, 2));
        assert_ne!(ids(7, 1)[0], ids(7, 1)[1]);
        assert_eq!(ids(7, 1)[0].len(), "sub_".len() + 24);
    }

    #[test]
    fn a_seed_reproduces_a_shuffle_and_loses_nothing() {
        let shuffled = |seed| {
            let mut items: Vec<usize> = (0..20).collect();
            IdMinter::new(seed, 0).shuffle(&mut items);
            items
        };
        assert_eq!(shuffled(7), shuffled(7));
        assert_ne!(shuffled(7), shuffled(8));
        let mut sorted = shuffled(7);
        sorted.sort_unstable();
        assert_eq!(sorted, (0..20).collect::<Vec<_>>());
    }
}
