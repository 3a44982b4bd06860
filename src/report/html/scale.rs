//! Where moments stand on a line on which pauses are shortened.
//!
//! A story happens in milliseconds, and then ten seconds are waited for what does not come. Drawn true to scale it would
//! be one dot at the left. Here the distance of two neighbours grows with the logarithm of the time between them: the
//! order stays, everything is seen, and a long wait is still long.

/// A pause of this length is worth about as much as the next twice as long is more.
const SHORT: f64 = 4.0;

/// A line of a width, on which known moments have places.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scale {
    /// Each with its place, both ascending.
    known: Vec<(f64, f64)>,
}

impl Scale {
    /// For these moments, in milliseconds, from `left` to `right`.
    pub(super) fn new(moments: impl IntoIterator<Item = f64>, left: f64, right: f64) -> Self {
        let mut moments: Vec<f64> = moments.into_iter().filter(|at| at.is_finite()).collect();
        moments.sort_by(f64::total_cmp);
        moments.dedup();
        let mut sum = 0.0;
        let mut before = moments.first().copied().unwrap_or_default();
        let mut known: Vec<(f64, f64)> = Vec::with_capacity(moments.len());
        for at in moments {
            sum += ((at - before) / SHORT).ln_1p();
            known.push((at, sum));
            before = at;
        }
        let stretch = if sum > 0.0 { (right - left) / sum } else { 0.0 };
        known.iter_mut().for_each(|(_, place)| *place = left + *place * stretch);
        Self { known }
    }

    /// The place of a moment; one that is not known stands between its neighbours.
    pub(super) fn x(&self, at: f64) -> f64 {
        let next = self.known.partition_point(|(known, _)| *known < at);
        match (next.checked_sub(1).and_then(|before| self.known.get(before)), self.known.get(next)) {
            (_, Some((known, place))) if *known == at => *place,
            (Some((from, left)), Some((to, right))) => left + (right - left) * (at - from) / (to - from),
            (Some((_, place)), None) | (None, Some((_, place))) => *place,
            (None, None) => 0.0,
        }
    }

    /// The moments that are labelled, and where: `first` in this order, then others, as long as labels stand `apart`. A
    /// label stays between `left` and `right`.
    pub(super) fn ticks(&self, first: &[f64], apart: f64, left: f64, right: f64) -> Vec<(f64, f64)> {
        let ends = [self.known.first(), self.known.last()].into_iter().flatten().map(|(at, _)| *at);
        let others = self.known.iter().map(|(at, _)| *at);
        let mut ticks: Vec<(f64, f64)> = Vec::new();
        for at in first.iter().copied().chain(ends).chain(others) {
            let x = self.x(at).max(left).min(right);
            if ticks.iter().all(|(_, known)| (known - x).abs() >= apart) {
                ticks.push((at, x));
            }
        }
        ticks
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::nothing(&[], 5.0, 0.0)]
    #[case::one(&[5.0], 5.0, 100.0)]
    #[case::first(&[0.0, 10.0, 5_000.0], 0.0, 100.0)]
    #[case::last(&[0.0, 10.0, 5_000.0], 5_000.0, 700.0)]
    #[case::before(&[0.0, 10.0], -7.0, 100.0)]
    #[case::after(&[0.0, 10.0], 70.0, 700.0)]
    #[case::no_number(&[0.0, f64::NAN, f64::INFINITY, 10.0], 10.0, 700.0)]
    fn moments_have_places(#[case] moments: &[f64], #[case] at: f64, #[case] expected: f64) {
        assert_eq!(Scale::new(moments.iter().copied(), 100.0, 700.0).x(at), expected);
    }

    /// Ten milliseconds of story and ten seconds of waiting are both seen.
    #[test]
    fn a_pause_is_shortened() {
        let scale = Scale::new([0.0, 5.0, 10.0, 10_010.0], 0.0, 100.0);
        assert!(scale.x(10.0) > 14.0, "{}", scale.x(10.0));
        assert!(scale.x(5.0) > 7.0);
    }

    proptest! {
        #[test]
        fn order_stays_and_nothing_leaves_the_line(
            moments in prop::collection::vec(-1e6..1e9_f64, 0..60),
            asked in prop::collection::vec(-2e6..2e9_f64, 0..20),
        ) {
            let scale = Scale::new(moments.clone(), 10.0, 300.0);
            let mut all: Vec<f64> = moments.into_iter().chain(asked).collect();
            all.sort_by(f64::total_cmp);
            let places: Vec<f64> = all.iter().map(|at| scale.x(*at)).collect();
            prop_assert!(places.windows(2).all(|pair| pair[0] <= pair[1] + 1e-6));
            prop_assert!(scale.known.is_empty() || places.iter().all(|x| (10.0 - 1e-6..=300.0 + 1e-6).contains(x)));
            let ticks = scale.ticks(&[0.0], 40.0, 20.0, 290.0);
            for (number, (_, x)) in ticks.iter().enumerate() {
                prop_assert!(ticks[..number].iter().all(|(_, other)| (x - other).abs() >= 40.0));
            }
        }
    }
}
