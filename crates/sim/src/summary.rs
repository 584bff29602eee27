//! The figures of a simulation: waits in seconds, shares from 0 to 1, times of workers in hours.

use decide::Millis;
use serde::Serialize;

/// The figures of one simulation.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Number of tasks, all of them done.
    pub tasks: usize,
    /// Median wait in seconds.
    pub wait_p50: f64,
    /// 99th percentile of the wait in seconds.
    pub wait_p99: f64,
    /// Longest wait in seconds.
    pub wait_max: f64,
    /// Share of the tasks that waited longer than the SLO.
    pub late_share: f64,
    /// Hours of all workers, including the time that they take to start.
    pub worker_hours: f64,
    /// Sum of the service times in hours.
    pub busy_hours: f64,
    /// Changes of the number of workers.
    pub changes: u64,
}

const MICROS_PER_HOUR: f64 = 3600.0 * 1e6;

#[expect(
    clippy::cast_precision_loss,
    reason = "times and counts far below 2^52"
)]
impl Summary {
    /// The figures of measured waits in microseconds; the hours are unknown and 0.
    pub fn of_waits(waits: Vec<i64>, slo: Millis, changes: u64) -> Self {
        Self::new(waits, slo, 0, 0, changes)
    }

    /// The figures of waits, lifetimes of workers and service times, all in microseconds.
    pub(crate) fn new(
        mut waits: Vec<i64>,
        slo: Millis,
        worker_time: i64,
        service_time: i64,
        changes: u64,
    ) -> Self {
        waits.sort_unstable();
        // The shortest wait that this percentage of all tasks did not exceed.
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
            worker_hours: rounded(worker_time as f64 / MICROS_PER_HOUR, 1e4),
            busy_hours: rounded(service_time as f64 / MICROS_PER_HOUR, 1e4),
            changes,
        }
    }

    /// Worker-hours per busy hour.
    pub fn factor(&self) -> f64 {
        self.worker_hours / self.busy_hours.max(f64::MIN_POSITIVE)
    }

    /// Number of tasks that were late.
    pub fn late_tasks(&self) -> f64 {
        self.late_share * self.tasks as f64
    }
}

/// Converts microseconds to seconds, rounded to the millisecond.
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
    fn quantiles_are_actual_waits() {
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
    fn summary_of_no_tasks_is_zero() {
        let summary = Summary::new(Vec::new(), Millis(0), 0, 0, 0);
        assert_eq!(
            (summary.tasks, summary.wait_p50, summary.late_share),
            (0, 0.0, 0.0)
        );
    }
}
