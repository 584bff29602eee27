//! The metrics of a pool's queues at one time, summed over the queues; unknown is `None`, never zero.

use decide::victims::{Activity, Worker};
use decide::{Metric, QueueMetrics, Time};
use queues::Reading;
use std::time::Duration;

/// The metrics of one poll, summed over the queues. A plain list has only a length.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QueueSummary {
    /// Tasks that wait for a worker.
    pub ready: u64,
    /// Tasks that a worker has claimed.
    pub in_flight: Option<u64>,
    /// Workers that take tasks; a draining worker does not.
    pub live: Option<u64>,
    /// Live workers that hold a task.
    pub busy: Option<u64>,
    /// Mean CPU of the live workers in percent.
    pub cpu: Option<f64>,
    /// How long the task that is next in the queue has waited.
    pub oldest: Option<Duration>,
    /// Tasks that succeeded since the queue exists.
    pub processed: Option<u64>,
    /// Tasks that failed since the queue exists.
    pub failed: Option<u64>,
    /// The mean duration of a task.
    pub mean: Option<Duration>,
    /// The registered workers.
    pub workers: Vec<Worker>,
    /// The metrics of each queue, which the decision needs.
    pub queues: Vec<QueueMetrics>,
}

impl QueueSummary {
    /// The summary of what was read of each queue at `now`, or at the time of a queue's own clock.
    pub fn of(readings: Vec<Reading>, now: Time) -> Self {
        let time = readings.iter().find_map(|reading| reading.time);
        let metrics: Vec<_> = readings.iter().map(|reading| reading.metrics).collect();
        let workers = readings.into_iter().flat_map(|reading| reading.workers);
        Self {
            workers: workers.collect(),
            ..Self::recorded(&metrics, time.map_or(now, Time))
        }
    }

    /// The names of the pods that the registered workers run in.
    pub fn pods(&self) -> impl Iterator<Item = &str> {
        self.workers
            .iter()
            .filter_map(|worker| worker.pod.as_deref())
    }

    /// The workers that have a heartbeat but take no tasks: the name of the pod, or else of the worker.
    pub fn stalled(&self) -> impl Iterator<Item = &str> {
        let is_stalled = |worker: &&Worker| worker.report.activity == Activity::Stalled;
        let stalled = self.workers.iter().filter(is_stalled);
        stalled.map(|worker| worker.pod.as_deref().unwrap_or(&worker.id))
    }

    /// The summary of the recorded metrics of all queues at `at`.
    pub fn recorded(queues: &[QueueMetrics], at: Time) -> Self {
        let load = QueueMetrics::sum(queues);
        let count = |metric: Metric| metric.known().and_then(|n| u64::try_from(n).ok());
        let (live, processed) = (count(load.live), count(load.processed));
        Self {
            ready: count(load.ready).unwrap_or(0),
            in_flight: count(load.in_flight),
            live,
            busy: count(load.busy),
            cpu: count(load.cpu_sum)
                .zip(live.filter(|n| *n > 0))
                .map(|(sum, n)| approximate(sum) / approximate(n)),
            oldest: count(load.oldest_at)
                .map(|pushed| Duration::from_millis(at.0.unsigned_abs().saturating_sub(pushed))),
            processed,
            failed: count(load.failed),
            mean: count(load.task_millis()).map(Duration::from_millis),
            queues: queues.to_vec(),
            ..Self::default()
        }
    }

    /// Busy workers in percent of the live ones; 0 if no worker is live.
    pub fn utilization(&self) -> Option<f64> {
        let (busy, live) = self.busy.zip(self.live)?;
        Some(match live {
            0 => 0.0,
            live => approximate(busy) * 100.0 / approximate(live),
        })
    }

    /// Succeeded tasks in percent of all ended tasks.
    pub fn success(&self) -> Option<f64> {
        let (processed, failed) = self.processed.zip(self.failed)?;
        let ended = processed.saturating_add(failed);
        (ended > 0).then(|| approximate(processed) * 100.0 / approximate(ended))
    }

    /// The time until no task waits, at the current rate; the same value as in the operator's ETA column.
    pub fn eta(&self) -> Option<Duration> {
        match self.live? {
            _ if self.ready == 0 => Some(Duration::ZERO),
            0 => None,
            live => Some(
                self.mean?
                    .mul_f64(approximate(self.ready) / approximate(live)),
            ),
        }
    }

    /// Tasks that succeeded or failed.
    pub fn ended(&self) -> u64 {
        self.processed.unwrap_or(0) + self.failed.unwrap_or(0)
    }

    /// Whether no task waits or runs.
    pub fn is_empty(&self) -> bool {
        self.ready == 0 && self.in_flight.unwrap_or(0) == 0
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
fn approximate(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
impl QueueSummary {
    /// The summary of one queue.
    pub fn of_counts(ready: u64, busy: u64, live: u64) -> Self {
        let metric = |n: u64| Metric::Known(i64::try_from(n).expect("few"));
        let queue = QueueMetrics {
            ready: metric(ready),
            in_flight: metric(busy),
            busy: metric(busy),
            live: metric(live),
            ..QueueMetrics::UNSUPPORTED
        };
        let (busy, live) = (Some(busy), Some(live));
        Self {
            ready,
            in_flight: busy,
            live,
            busy,
            queues: vec![queue],
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summary_has_percentages_and_times() {
        let reading = Reading {
            metrics: QueueMetrics {
                ready: Metric::Known(4),
                live: Metric::Known(2),
                busy: Metric::Known(1),
                cpu_sum: Metric::Known(80),
                processed: Metric::Known(98),
                failed: Metric::Known(2),
                busy_millis: Metric::Known(98_000),
                ..QueueMetrics::UNSUPPORTED
            },
            unavailable: None,
            workers: Vec::new(),
            time: None,
            odd_time: false,
            dead: false,
            unread: false,
        };
        let summary = QueueSummary::of(vec![reading], Time(0));
        let percentages = [summary.cpu, summary.success(), summary.utilization()];
        assert_eq!(percentages, [Some(40.0), Some(98.0), Some(50.0)]);
        let times = [summary.mean, summary.eta()];
        assert_eq!(
            times,
            [1, 2].map(|seconds| Some(Duration::from_secs(seconds)))
        );
    }

    #[test]
    fn list_has_only_a_length() {
        let length = QueueMetrics {
            ready: Metric::Known(7),
            ..QueueMetrics::UNSUPPORTED
        };
        let summary = QueueSummary::recorded(&[length], Time(0));
        assert_eq!((summary.ready, summary.live), (7, None));
        assert_eq!((summary.utilization(), summary.eta()), (None, None));
    }
}
