//! What a play came to: waits in seconds, shares from 0 to 1, hours in hours.

use decide::Millis;
use serde::Serialize;

/// The figures of one play.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Tasks that arrived, all of them done.
    pub tasks: usize,
    /// Half of them waited no longer.
    pub wait_p50: f64,
    /// 99 of 100 waited no longer.
    pub wait_p99: f64,
    /// The longest wait.
    pub wait_max: f64,
    /// The share that waited longer than was wanted.
    pub late_share: f64,
    /// Hours of all workers, those that were still starting included.
    pub worker_hours: f64,
    /// The sum of the tasks' own times.
    pub busy_hours: f64,
    /// How many times the number of workers was changed.
    pub changes: u64,
}

const HOUR: f64 = 3600.0 * 1e6;

#[expect(
    clippy::cast_precision_loss,
    reason = "times and counts far below 2^52"
)]
impl Summary {
    /// Of waits in microseconds alone, as real workers have them; the hours are not known.
    #[must_use]
    pub fn of_waits(waits: Vec<i64>, slo: Millis, changes: u64) -> Self {
        Self::new(waits, slo, 0, 0, changes)
    }

    /// From waits and areas in microseconds.
    pub(super) fn new(
        mut waits: Vec<i64>,
        slo: Millis,
        paid: i64,
        spent: i64,
        changes: u64,
    ) -> Self {
        waits.sort_unstable();
        // The smallest wait that this share of all tasks did not exceed.
        let quantile = |percent: usize| {
            let rank = (waits.len() * percent).div_ceil(100).max(1) - 1;
            seconds(waits.get(rank).copied().unwrap_or(0))
        };
        let late = waits.len() - waits.partition_point(|wait| *wait <= slo.0 * 1000);
        Self {
            tasks: waits.len(),
            wait_p50: quantile(50),
            wait_p99: quantile(99),
            wait_max: quantile(100),
            late_share: rounded(late as f64 / waits.len().max(1) as f64, 1e6),
            worker_hours: rounded(paid as f64 / HOUR, 1e4),
            busy_hours: rounded(spent as f64 / HOUR, 1e4),
            changes,
        }
    }

    /// Worker-hours for each hour of work.
    #[must_use]
    pub fn factor(&self) -> f64 {
        self.worker_hours / self.busy_hours.max(f64::MIN_POSITIVE)
    }

    /// Tasks that were late.
    #[must_use]
    pub fn late(&self) -> f64 {
        self.late_share * self.tasks as f64
    }
}

/// Microseconds in seconds, to the millisecond.
#[expect(clippy::cast_precision_loss, reason = "times far below 2^52")]
fn seconds(micros: i64) -> f64 {
    rounded(micros as f64 / 1e6, 1e3)
}

fn rounded(value: f64, parts: f64) -> f64 {
    (value * parts).round() / parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_waits_that_happened() {
        let waits: Vec<i64> = (1..=200).rev().map(|n| n * 1_000_000).collect();
        let summary = Summary::new(waits, Millis::seconds(150), 7_200_000_000, 3_600_000_000, 3);
        assert_eq!(
            (summary.wait_p50, summary.wait_p99, summary.wait_max),
            (100.0, 198.0, 200.0)
        );
        assert_eq!(
            (summary.late_share, summary.worker_hours, summary.factor()),
            (0.25, 2.0, 2.0)
        );
    }

    #[test]
    fn no_task_has_no_wait() {
        let summary = Summary::new(Vec::new(), Millis(0), 0, 0, 0);
        assert_eq!(
            (summary.tasks, summary.wait_p50, summary.late_share),
            (0, 0.0, 0.0)
        );
    }
}
