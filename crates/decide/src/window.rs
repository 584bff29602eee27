//! The highest and lowest of recent samples: what a stabilization window needs of the past, in constant space.

use crate::units::{Millis, Time};

/// The most samples that are kept in each direction. Then the two nearest in time become one that counts for as long as
/// the later and as much as the stronger: a window may end later than it would have, never sooner.
const CAPACITY: usize = 32;

/// The samples that can still be the highest or the lowest of a window that ends now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// Values decrease with time: each is higher than all later ones.
    highs: Vec<(Time, i32)>,
    /// Values increase with time.
    lows: Vec<(Time, i32)>,
}

impl Window {
    /// Adds a sample that is not earlier than any before.
    pub fn push(&mut self, at: Time, value: i32) {
        add(&mut self.highs, at, value, |old, new| old > new);
        add(&mut self.lows, at, value, |old, new| old < new);
    }

    /// The highest sample younger than `span`, and when it was last reached.
    pub fn highest(&self, span: Millis, now: Time) -> Option<(Time, i32)> {
        self.highs.iter().copied().find(|(at, _)| now - *at < span)
    }

    /// The lowest sample younger than `span`, and when it was last reached.
    pub fn lowest(&self, span: Millis, now: Time) -> Option<(Time, i32)> {
        self.lows.iter().copied().find(|(at, _)| now - *at < span)
    }

    /// Forgets highs as old as `high` or older, and lows as old as `low` or older.
    pub fn forget(&mut self, high: Millis, low: Millis, now: Time) {
        self.highs.retain(|(at, _)| now - *at < high);
        self.lows.retain(|(at, _)| now - *at < low);
    }

    /// All samples, oldest first: the same window results from adding them in this order.
    pub fn samples(&self) -> Vec<(Time, i32)> {
        let mut samples: Vec<_> = self.highs.iter().chain(&self.lows).copied().collect();
        samples.sort_unstable();
        samples.dedup();
        samples
    }

    pub(crate) fn map_instants(&mut self, map: impl Fn(Time) -> Time) {
        for (at, _) in self.highs.iter_mut().chain(&mut self.lows) {
            *at = map(*at);
        }
    }
}

impl FromIterator<(Time, i32)> for Window {
    fn from_iter<I: IntoIterator<Item = (Time, i32)>>(samples: I) -> Self {
        let mut window = Self::default();
        for (at, value) in samples {
            window.push(at, value);
        }
        window
    }
}

/// Adds a sample and removes the older ones that do not outlast it.
fn add(samples: &mut Vec<(Time, i32)>, at: Time, value: i32, outlasts: fn(i32, i32) -> bool) {
    while samples
        .last()
        .is_some_and(|(_, old)| !outlasts(*old, value))
    {
        samples.pop();
    }
    samples.push((at, value));
    if samples.len() > CAPACITY {
        // The pair with the smallest gap around it, so that the remaining samples stay evenly spread.
        let gap = |i: &usize| samples[i + 1].0 - samples[i - 1].0;
        let nearest = (1..samples.len() - 1).min_by_key(gap).unwrap_or(1);
        samples[nearest].0 = samples[nearest + 1].0;
        samples.remove(nearest + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Millis = Millis(100);

    #[test]
    fn sample_counts_until_as_old_as_the_window() {
        let window: Window = [(Time(0), 9), (Time(10), 4), (Time(20), 6)]
            .into_iter()
            .collect();
        assert_eq!(window.highest(SPAN, Time(99)), Some((Time(0), 9)));
        assert_eq!(window.highest(SPAN, Time(100)), Some((Time(20), 6)));
        assert_eq!(window.highest(SPAN, Time(120)), None);
        assert_eq!(window.lowest(SPAN, Time(109)), Some((Time(10), 4)));
        assert_eq!(window.lowest(SPAN, Time(110)), Some((Time(20), 6)));
    }

    #[test]
    fn equal_sample_replaces_the_older_one() {
        let window: Window = [(Time(0), 5), (Time(50), 5)].into_iter().collect();
        assert_eq!(window.highest(SPAN, Time(149)), Some((Time(50), 5)));
        assert_eq!(window.samples(), [(Time(50), 5)]);
    }

    #[test]
    fn each_direction_forgets_old_samples_separately() {
        let mut window: Window = [(Time(0), 9), (Time(10), 4), (Time(20), 6)]
            .into_iter()
            .collect();
        window.forget(Millis(15), SPAN, Time(20));
        assert_eq!(window.samples(), [(Time(10), 4), (Time(20), 6)]);
        window.forget(SPAN, Millis(10), Time(20));
        assert_eq!(window.samples(), [(Time(20), 6)]);
    }

    #[test]
    fn beyond_capacity_the_nearest_samples_become_one() {
        // One second apart, except in two places: the later one has the nearest neighbors on both sides.
        let at = |i: i64| match i {
            5 => Time(4_100),
            19 => Time(20_300),
            20 => Time(20_400),
            21 => Time(20_500),
            _ => Time(i * 1000),
        };
        let decreasing = |n: i64| (0..n).map(|i| (at(i), 1000 - i32::try_from(i).expect("few")));
        let full: Window = decreasing(32).collect();
        assert_eq!(
            full.samples(),
            decreasing(32).collect::<Vec<_>>(),
            "32 samples are kept unchanged"
        );
        let overfull: Window = decreasing(33).collect();
        let mut expected: Vec<_> = decreasing(33)
            .filter(|(at, _)| *at != Time(20_400))
            .collect();
        expected[20].1 = 980;
        assert_eq!(
            overfull.samples(),
            expected,
            "980 counts for as long as 979 would"
        );
    }

    #[test]
    fn window_stays_small_and_never_ends_sooner() {
        let mut window = Window::default();
        let mut samples = Vec::new();
        for i in 0..500 {
            // Decreasing, so that every sample could still be the highest.
            let sample = (Time(i64::from(i) * 7), 1000 - i);
            window.push(sample.0, sample.1);
            samples.push(sample);
            let span = Millis(700);
            let expected = samples
                .iter()
                .filter(|(at, _)| sample.0 - *at < span)
                .map(|(_, n)| *n)
                .max();
            let high = window.highest(span, sample.0).map(|(_, n)| n);
            assert!(high >= expected, "{high:?} is less than {expected:?}");
            window.forget(span, span, sample.0);
            assert!(window.samples().len() <= CAPACITY + 1);
        }
        let highest = window
            .highest(Millis(700), samples[499].0)
            .map_or(0, |(_, n)| n);
        assert!(
            highest <= samples[500 - 110].1,
            "{highest} counted for far too long"
        );
    }
}
