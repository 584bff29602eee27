//! The sparkline of the overview: the longest queue in each interval.

use crate::dashboard::Sample;

/// How many points a sparkline has.
const POINTS: usize = 60;
/// Milliseconds per point.
const POINT: i64 = 10_000;
/// The time that a sparkline covers, in milliseconds: `POINTS` times `POINT`.
pub(super) const SPAN: i64 = 600_000;

/// The longest that the queue was in each point, the newest last.
pub(super) fn sparkline(samples: &[(i64, Sample)], now: i64) -> Vec<Option<i64>> {
    let mut points: Vec<Option<i64>> = vec![None; POINTS];
    let newest = now / POINT;
    let ends = samples.iter().skip(1).map(|(at, _)| *at).chain([now]);
    for ((start, sample), end) in samples.iter().zip(ends) {
        let Some(ready) = sample.ready.known() else {
            continue;
        };
        for point in start / POINT..=end / POINT {
            let back = usize::try_from(newest - point).unwrap_or(POINTS);
            if let Some(cell) = POINTS.checked_sub(back + 1).and_then(|i| points.get_mut(i)) {
                *cell = (*cell).max(Some(ready));
            }
        }
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;
    use decide::Metric;

    #[test]
    fn a_sparkline_keeps_peaks_and_gaps() {
        let sample = |ready| Sample {
            ready,
            ..Sample::UNKNOWN
        };
        let now = 1_000_000;
        let samples = [
            (now - 95_000, sample(Metric::Known(3))),
            (now - 52_000, sample(Metric::Known(9))),
            (now - 49_000, Sample::UNKNOWN),
            (now - 12_000, sample(Metric::Known(1))),
        ];
        let points = sparkline(&samples, now);
        assert_eq!(points.len(), POINTS);
        let last: Vec<Option<i64>> = points[POINTS - 11..].to_vec();
        let (three, nine, one) = (Some(3), Some(9), Some(1));
        assert_eq!(
            last,
            [
                three, three, three, three, nine, nine, None, None, one, one, one
            ]
        );
    }
}
