//! The metrics of a pool's queues at one time, summed over the queues; unknown is `None`, never zero.

use api::QueueSpec;
use decide::{Metric, QueueMetrics, Time, victims};
use protocol::Keys;
use protocol::snapshot::{self, Snapshot, Worker};
use queues::QueueSystem;
use redis::{Pipeline, Value};
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
    /// The registered workers, each with the index of its queue in the pool.
    pub workers: Vec<(usize, Worker)>,
    /// When this was read, by the clock of Redis, in milliseconds since 1970, as are the times of the workers.
    pub time: Option<i64>,
    /// The metrics of each queue, which the decision needs.
    pub queues: Vec<QueueMetrics>,
}

/// The Redis commands that poll all queues.
pub fn commands(queues: &[QueueSpec]) -> Pipeline {
    let mut pipeline = redis::pipe();
    for queue in queues {
        match queue.system {
            QueueSystem::WorkerPool => {
                pipeline.add_command(snapshot::command_in_full(&Keys::new(&queue.name)))
            }
            QueueSystem::List => pipeline.cmd("LLEN").arg(&queue.name),
        };
    }
    pipeline
}

impl QueueSummary {
    /// The summary of the replies to [`commands`], or an error in a reply.
    pub fn read(queues: &[QueueSpec], replies: Vec<Value>) -> Result<Self, String> {
        let mut snapshots = Vec::new();
        let mut metrics = Vec::new();
        for (index, (queue, reply)) in queues.iter().zip(replies).enumerate() {
            match queue.system {
                QueueSystem::WorkerPool => {
                    let snapshot = snapshot::parse(reply)?;
                    metrics.push(queues::queue_metrics(&snapshot));
                    snapshots.push((index, snapshot));
                }
                QueueSystem::List => match reply {
                    Value::Int(length) => {
                        metrics.push(QueueMetrics {
                            ready: Metric::Known(length),
                            ..QueueMetrics::UNSUPPORTED
                        });
                    }
                    _ => return Err(format!("{} is not a list", queue.name)),
                },
            }
        }
        Ok(Self::of(&metrics, snapshots))
    }

    /// The summary of `metrics`, with the workers of `snapshots`.
    fn of(metrics: &[QueueMetrics], snapshots: Vec<(usize, Snapshot)>) -> Self {
        let time = snapshots.first().map(|(_, snapshot)| snapshot.time);
        let workers = snapshots.into_iter().flat_map(|(index, snapshot)| {
            let workers = snapshot.workers.into_iter();
            workers.map(move |worker| (index, worker))
        });
        Self {
            workers: workers.collect(),
            time,
            ..Self::recorded(metrics, Time(time.unwrap_or_default()))
        }
    }

    /// The names of the pods that the registered workers run in.
    pub fn pods(&self) -> impl Iterator<Item = &str> {
        self.workers
            .iter()
            .filter_map(|(_, worker)| worker.pod.as_deref())
    }

    /// The workers that have a heartbeat but take no tasks: the name of the pod, or else of the worker.
    pub fn stalled(&self) -> impl Iterator<Item = &str> {
        let stalled = self
            .workers
            .iter()
            .filter(|(_, worker)| worker.is_stalled(self.time.unwrap_or_default()));
        stalled.map(|(_, worker)| worker.pod.as_deref().unwrap_or(&worker.id))
    }

    /// The registered workers in the form that victim selection takes, in the same order.
    pub fn workers_of_pods(&self) -> Vec<victims::Worker> {
        let clock = self.time.unwrap_or_default();
        self.workers
            .iter()
            .map(|(queue, worker)| queues::worker(worker, clock, *queue))
            .collect()
    }

    /// The summary of the recorded metrics of all queues at `at`.
    pub fn recorded(queues: &[QueueMetrics], at: Time) -> Self {
        let load = QueueMetrics::sum(queues);
        let count = |metric: Metric| metric.known().and_then(|n| u64::try_from(n).ok());
        let known = |metric: Metric| {
            metric
                .known()
                .map_or(0.0, |n| approximate(n.unsigned_abs()))
        };
        let (live, processed) = (count(load.live), count(load.processed));
        Self {
            ready: count(load.ready).unwrap_or(0),
            in_flight: count(load.in_flight),
            live,
            busy: count(load.busy),
            cpu: live
                .filter(|n| *n > 0)
                .map(|n| known(load.cpu_sum) / approximate(n)),
            oldest: count(load.oldest_at)
                .map(|pushed| Duration::from_millis(at.0.unsigned_abs().saturating_sub(pushed))),
            processed: processed.or(Some(0)),
            failed: count(load.failed).or(Some(0)),
            mean: count(load.task_millis()).map(Duration::from_millis),
            queues: queues.to_vec(),
            ..Self::default()
        }
    }

    /// Busy workers in percent of the live ones; 0 if no worker is live.
    pub fn utilization(&self) -> Option<f64> {
        let (busy, live) = self.busy.zip(self.live)?;
        Some(if live == 0 {
            0.0
        } else {
            approximate(busy) * 100.0 / approximate(live)
        })
    }

    /// Succeeded tasks in percent of all ended tasks.
    pub fn success(&self) -> Option<f64> {
        let (processed, failed) = self.processed.zip(self.failed)?;
        (processed + failed > 0)
            .then(|| approximate(processed) * 100.0 / approximate(processed + failed))
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
    use protocol::snapshot::State;

    fn worker(claimed: u64, state: State, cpu: f64) -> Worker {
        Worker {
            claimed,
            state: Some(state),
            cpu: Some(cpu),
            ..Worker::default()
        }
    }

    #[test]
    fn draining_workers_are_neither_live_nor_busy() {
        let snapshot = Snapshot {
            ready: 4,
            claimed: 2,
            workers: vec![
                worker(1, State::Busy, 60.0),
                worker(0, State::Idle, 20.0),
                worker(1, State::Draining, 99.0),
            ],
            processed: Some(98),
            failed: Some(2),
            millis: Some(98_000),
            ..Snapshot::default()
        };
        let metrics = [queues::queue_metrics(&snapshot)];
        let summary = QueueSummary::of(&metrics, vec![(0, snapshot)]);
        assert_eq!(
            (summary.live, summary.busy, summary.in_flight),
            (Some(2), Some(1), Some(2))
        );
        assert_eq!(
            (summary.cpu, summary.success(), summary.utilization()),
            (Some(40.0), Some(98.0), Some(50.0))
        );
        assert_eq!(
            (summary.mean, summary.eta()),
            (Some(Duration::from_secs(1)), Some(Duration::from_secs(2)))
        );
        assert_eq!(summary.queues[0].cpu_sum, Metric::Known(80));
    }

    #[test]
    fn list_has_only_a_length() {
        let queues = [QueueSpec {
            name: "jobs".into(),
            system: QueueSystem::List,
            ..QueueSpec::default()
        }];
        let summary = QueueSummary::read(&queues, vec![Value::Int(7)]).expect("a length");
        assert_eq!(
            (
                summary.ready,
                summary.live,
                summary.utilization(),
                summary.eta()
            ),
            (7, None, None, None)
        );
    }
}
