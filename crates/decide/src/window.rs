//! The highest and lowest of late: what a stabilization window needs of the past, in constant space.

use super::units::{Millis, Time};

/// Samples kept in each direction. When there are more, the two nearest in time become one that holds as long as the
/// later and as much as the stronger: a window may end later than it would have, never sooner.
const CAPACITY: usize = 32;

/// Samples that can still be the highest or the lowest of a window that ends now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// Values fall with time: each is higher than all later ones.
    highs: Vec<(Time, i32)>,
    /// Values rise with time.
    lows: Vec<(Time, i32)>,
}

impl Window {
    /// Adds a sample that is later than all before.
    pub fn push(&mut self, at: Time, value: i32) {
        add(&mut self.highs, at, value, |old, new| old > new);
        add(&mut self.lows, at, value, |old, new| old < new);
    }

    /// The highest sample younger than `span`, and when it was last reached.
    #[must_use]
    pub fn highest(&self, span: Millis, now: Time) -> Option<(Time, i32)> {
        self.highs.iter().copied().find(|(at, _)| now - *at < span)
    }

    /// The lowest sample younger than `span`, and when it was last reached.
    #[must_use]
    pub fn lowest(&self, span: Millis, now: Time) -> Option<(Time, i32)> {
        self.lows.iter().copied().find(|(at, _)| now - *at < span)
    }

    /// Forgets highs older than `high` and lows older than `low`.
    pub fn forget(&mut self, high: Millis, low: Millis, now: Time) {
        self.highs.retain(|(at, _)| now - *at < high);
        self.lows.retain(|(at, _)| now - *at < low);
    }

    /// All samples, the oldest first: pushed in this order they make the same window again.
    #[must_use]
    pub fn samples(&self) -> Vec<(Time, i32)> {
        let mut all: Vec<(Time, i32)> = self.highs.iter().chain(&self.lows).copied().collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    pub(super) fn clamp_to(&mut self, now: Time) {
        for (at, _) in self.highs.iter_mut().chain(&mut self.lows) {
            *at = (*at).min(now);
        }
    }
}

impl FromIterator<(Time, i32)> for Window {
    fn from_iter<I: IntoIterator<Item = (Time, i32)>>(samples: I) -> Self {
        let mut window = Self::default();
        samples
            .into_iter()
            .for_each(|(at, value)| window.push(at, value));
        window
    }
}

fn add(queue: &mut Vec<(Time, i32)>, at: Time, value: i32, outlasts: fn(i32, i32) -> bool) {
    while queue.last().is_some_and(|(_, old)| !outlasts(*old, value)) {
        queue.pop();
    }
    queue.push((at, value));
    if queue.len() > CAPACITY {
        // With its neighbours on both sides, so that what is left stays evenly spread.
        let gap = |i: &usize| queue[i + 1].0 - queue[i - 1].0;
        let near = (1..queue.len() - 1).min_by_key(gap).unwrap_or(1);
        queue[near].0 = queue[near + 1].0;
        queue.remove(near + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Millis = Millis(100);

    #[test]
    fn a_sample_counts_until_it_is_as_old_as_the_window() {
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
    fn an_equal_sample_renews_the_older_one() {
        let window: Window = [(Time(0), 5), (Time(50), 5)].into_iter().collect();
        assert_eq!(window.highest(SPAN, Time(149)), Some((Time(50), 5)));
        assert_eq!(window.samples(), [(Time(50), 5)]);
    }

    #[test]
    fn what_is_too_old_is_forgotten_in_each_direction_by_itself() {
        let mut window: Window = [(Time(0), 9), (Time(10), 4), (Time(20), 6)]
            .into_iter()
            .collect();
        window.forget(Millis(15), SPAN, Time(20));
        assert_eq!(window.samples(), [(Time(10), 4), (Time(20), 6)]);
        window.forget(SPAN, Millis(10), Time(20));
        assert_eq!(window.samples(), [(Time(20), 6)]);
    }

    #[test]
    fn of_too_many_the_two_that_are_nearest_with_their_neighbours_become_one() {
        // A second apart, but for two places: the later one has the nearest neighbours on both sides.
        let at = |i: i64| match i {
            5 => Time(4_100),
            19 => Time(20_300),
            20 => Time(20_400),
            21 => Time(20_500),
            _ => Time(i * 1000),
        };
        let falling = |n: i64| (0..n).map(|i| (at(i), 1000 - i32::try_from(i).expect("few")));
        let full: Window = falling(32).collect();
        assert_eq!(
            full.samples(),
            falling(32).collect::<Vec<_>>(),
            "so many are kept as they are"
        );
        let over: Window = falling(33).collect();
        let mut expected: Vec<_> = falling(33).filter(|(at, _)| *at != Time(20_400)).collect();
        expected[20].1 = 980;
        assert_eq!(over.samples(), expected, "980 holds as long as 979 would");
    }

    #[test]
    fn it_stays_small_and_never_lets_go_sooner() {
        let (mut window, mut all) = (Window::default(), Vec::new());
        for i in 0..500 {
            // Falling for long, so that every sample could still be the highest.
            let sample = (Time(i64::from(i) * 7), 1000 - i);
            window.push(sample.0, sample.1);
            all.push(sample);
            let span = Millis(700);
            let true_high = all
                .iter()
                .filter(|(at, _)| sample.0 - *at < span)
                .map(|(_, n)| *n)
                .max();
            let high = window.highest(span, sample.0).map(|(_, n)| n);
            assert!(high >= true_high, "{high:?} is less than {true_high:?}");
            window.forget(span, span, sample.0);
            assert!(window.samples().len() <= CAPACITY + 1);
        }
        let late = window
            .highest(Millis(700), all[499].0)
            .map_or(0, |(_, n)| n);
        assert!(late <= all[500 - 110].1, "it held {late} far too long");
    }
}
