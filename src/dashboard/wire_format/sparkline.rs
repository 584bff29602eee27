//! The sparkline of the overview: the longest queue in each interval.

use crate::dashboard::history::Row;

/// How many points a sparkline has.
const POINTS: usize = 60;
/// Milliseconds per point.
const POINT: i64 = 10_000;
/// The time that a sparkline covers, in milliseconds: `POINTS` times `POINT`.
pub(super) const SPAN: i64 = 600_000;

/// The longest that the queue was in each point, the newest last.
pub(super) fn sparkline(samples: &[(i64, Row)], now: i64) -> Vec<Option<i32>> {
    let mut points: Vec<Option<i32>> = vec![None; POINTS];
    let newest = now / POINT;
    let ends = samples.iter().skip(1).map(|(at, _)| *at).chain([now]);
    for ((start, row), end) in samples.iter().zip(ends) {
        for point in (start / POINT..=end / POINT).filter(|_| row[0] >= 0) {
            let back = usize::try_from(newest - point).unwrap_or(POINTS);
            if let Some(cell) = POINTS.checked_sub(back + 1).and_then(|i| points.get_mut(i)) {
                *cell = (*cell).max(Some(row[0]));
            }
        }
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dashboard::history::UNKNOWN;

    #[test]
    fn a_sparkline_keeps_peaks_and_gaps() {
        let row = |ready| [ready, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let now = 1_000_000;
        let samples = [
            (now - 95_000, row(3)),
            (now - 52_000, row(9)),
            (now - 49_000, row(UNKNOWN)),
            (now - 12_000, row(1)),
        ];
        let points = sparkline(&samples, now);
        assert_eq!(points.len(), POINTS);
        let last: Vec<Option<i32>> = points[POINTS - 11..].to_vec();
        let (three, nine, one) = (Some(3), Some(9), Some(1));
        assert_eq!(
            last,
            [
                three, three, three, three, nine, nine, None, None, one, one, one
            ]
        );
    }
}
