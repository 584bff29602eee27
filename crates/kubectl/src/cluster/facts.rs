//! What the queues of a pool tell at one instant, summed; unknown is `None`, never zero.

use api::QueueSpec;
use decide::{Metric, QueueMetrics, Time, victims};
use protocol::snapshot::{State, Worker};
use protocol::{Keys, Snapshot, snapshot};
use queues::QueueSystem;
use redis::{Pipeline, Value};
use std::time::Duration;

/// The facts of one look. A plain list tells its length alone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QueueSummary {
    /// Tasks that wait.
    pub ready: u64,
    /// Tasks that a worker holds.
    pub in_flight: Option<u64>,
    /// Workers that take tasks.
    pub live: Option<u64>,
    /// Those of them that hold one.
    pub busy: Option<u64>,
    /// Mean CPU of the live workers in percent.
    pub cpu: Option<f64>,
    /// How long the next task out has waited.
    pub oldest: Option<Duration>,
    /// Tasks ever done.
    pub processed: Option<u64>,
    /// Tasks ever given up.
    pub failed: Option<u64>,
    /// Mean time of a task.
    pub mean: Option<Duration>,
    /// The registered workers, each with the place of its queue in the pool.
    pub workers: Vec<(usize, Worker)>,
    /// When this was read, by the queue's own clock, in milliseconds since 1970; so are the workers' instants.
    pub time: Option<i64>,
    /// The queues as the decision takes them.
    pub queues: Vec<QueueMetrics>,
}

/// The commands of one look at all queues.
#[must_use]
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
    /// The facts in the answers to [`commands`], or what is wrong with them.
    pub fn read(queues: &[QueueSpec], answers: Vec<Value>) -> Result<Self, String> {
        let mut lengths = 0;
        let (mut looks, mut seen) = (Vec::new(), Vec::new());
        for (place, (queue, answer)) in queues.iter().zip(answers).enumerate() {
            match queue.system {
                QueueSystem::WorkerPool => {
                    let look = snapshot::parse(answer)?;
                    seen.push(queues::queue_metrics(&look));
                    looks.push((place, look));
                }
                QueueSystem::List => match answer {
                    Value::Int(length) => {
                        seen.push(QueueMetrics {
                            ready: Metric::Known(length),
                            ..QueueMetrics::UNSUPPORTED
                        });
                        lengths += u64::try_from(length).unwrap_or(0);
                    }
                    _ => return Err(format!("{} is no list", queue.name)),
                },
            }
        }
        let mut facts = if looks.is_empty() {
            Self::default()
        } else {
            Self::sum(looks)
        };
        facts.ready += lengths;
        facts.queues = seen;
        Ok(facts)
    }

    fn sum(looks: Vec<(usize, Snapshot)>) -> Self {
        let total = |number: fn(&Snapshot) -> Option<u64>| {
            looks
                .iter()
                .map(|(_, look)| number(look))
                .sum::<Option<u64>>()
        };
        let live = || {
            let workers = looks.iter().flat_map(|(_, look)| &look.workers);
            workers.filter(|worker| worker.state != Some(State::Draining))
        };
        let count = |n: usize| u64::try_from(n).ok();
        let cpu: Vec<f64> = live().filter_map(|worker| worker.cpu).collect();
        let busy = |worker: &&Worker| worker.claimed > 0 || worker.state == Some(State::Busy);
        let processed = total(|look| Some(look.processed.unwrap_or(0)));
        Self {
            ready: looks.iter().map(|(_, look)| look.ready).sum(),
            in_flight: total(|look| Some(look.claimed)),
            live: count(live().count()),
            busy: count(live().filter(busy).count()),
            cpu: (!cpu.is_empty())
                .then(|| cpu.iter().sum::<f64>() / approximate(count(cpu.len()).unwrap_or(1))),
            oldest: looks.iter().filter_map(|(_, look)| look.oldest_age()).max(),
            processed,
            failed: total(|look| Some(look.failed.unwrap_or(0))),
            mean: total(|look| look.millis)
                .zip(processed.filter(|n| *n > 0))
                .map(|(millis, tasks)| Duration::from_millis(millis / tasks)),
            queues: looks
                .iter()
                .map(|(_, look)| queues::queue_metrics(look))
                .collect(),
            time: looks.first().map(|(_, look)| look.time),
            workers: looks
                .into_iter()
                .flat_map(|(place, look)| {
                    look.workers.into_iter().map(move |worker| (place, worker))
                })
                .collect(),
        }
    }

    /// The pods that the registered workers run in, by name.
    pub fn pods(&self) -> impl Iterator<Item = &str> {
        self.workers
            .iter()
            .filter_map(|(_, worker)| worker.pod.as_deref())
    }

    /// The pods, or else the names, of those whose worker lives and takes no work.
    pub fn stalled(&self) -> impl Iterator<Item = &str> {
        let deaf = self
            .workers
            .iter()
            .filter(|(_, worker)| worker.is_stalled(self.time.unwrap_or_default()));
        deaf.map(|(_, worker)| worker.pod.as_deref().unwrap_or(&worker.id))
    }

    /// The registered workers as those who choose who goes take them, in the same order.
    #[must_use]
    pub fn workers_of_pods(&self) -> Vec<victims::Worker> {
        let clock = self.time.unwrap_or_default();
        self.workers
            .iter()
            .map(|(queue, worker)| queues::worker(worker, clock, *queue))
            .collect()
    }

    /// The facts of a look at `at` that was written down.
    #[must_use]
    pub fn recorded(queues: &[QueueMetrics], at: Time) -> Self {
        let load = QueueMetrics::sum(queues);
        let count = |fact: Metric| fact.known().and_then(|n| u64::try_from(n).ok());
        let known = |fact: Metric| fact.known().map_or(0.0, |n| approximate(n.unsigned_abs()));
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
            mean: count(load.busy_millis)
                .zip(processed.filter(|n| *n > 0))
                .map(|(millis, n)| Duration::from_millis(millis / n)),
            queues: queues.to_vec(),
            ..Self::default()
        }
    }

    /// Busy workers in percent of the live ones; none are busy where none live.
    #[must_use]
    pub fn utilization(&self) -> Option<f64> {
        let (busy, live) = self.busy.zip(self.live)?;
        Some(if live == 0 {
            0.0
        } else {
            approximate(busy) * 100.0 / approximate(live)
        })
    }

    /// Tasks that succeeded, in percent of those that ended.
    #[must_use]
    pub fn success(&self) -> Option<f64> {
        let (processed, failed) = self.processed.zip(self.failed)?;
        (processed + failed > 0)
            .then(|| approximate(processed) * 100.0 / approximate(processed + failed))
    }

    /// When nothing will wait any more at the present rate; as the operator's column has it.
    #[must_use]
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

    /// Tasks that ended, well or badly.
    #[must_use]
    pub fn ended(&self) -> u64 {
        self.processed.unwrap_or(0) + self.failed.unwrap_or(0)
    }

    /// Whether no task waits and none runs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ready == 0 && self.in_flight.unwrap_or(0) == 0
    }
}

/// Good enough for shares: counts of tasks stay far below 2^52.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
fn approximate(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
impl QueueSummary {
    /// A look at one queue.
    pub fn of_counts(ready: u64, busy: u64, live: u64) -> Self {
        let fact = |n: u64| Metric::Known(i64::try_from(n).expect("few"));
        let queue = QueueMetrics {
            ready: fact(ready),
            in_flight: fact(busy),
            busy: fact(busy),
            live: fact(live),
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

    fn worker(claimed: u64, state: State, cpu: f64) -> Worker {
        Worker {
            claimed,
            state: Some(state),
            cpu: Some(cpu),
            ..Worker::default()
        }
    }

    #[test]
    fn who_drains_counts_neither_as_live_nor_as_busy() {
        let look = Snapshot {
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
        let facts = QueueSummary::sum(vec![(0, look)]);
        assert_eq!(
            (facts.live, facts.busy, facts.in_flight),
            (Some(2), Some(1), Some(2))
        );
        assert_eq!(
            (facts.cpu, facts.success(), facts.utilization()),
            (Some(40.0), Some(98.0), Some(50.0))
        );
        assert_eq!(
            (facts.mean, facts.eta()),
            (Some(Duration::from_secs(1)), Some(Duration::from_secs(2)))
        );
        assert_eq!(facts.queues[0].cpu_sum, Metric::Known(80));
    }

    #[test]
    fn a_list_tells_its_length_alone() {
        let queues = [QueueSpec {
            name: "jobs".into(),
            system: QueueSystem::List,
            ..QueueSpec::default()
        }];
        let facts = QueueSummary::read(&queues, vec![Value::Int(7)]).expect("a length");
        assert_eq!(
            (facts.ready, facts.live, facts.utilization(), facts.eta()),
            (7, None, None, None)
        );
    }
}
