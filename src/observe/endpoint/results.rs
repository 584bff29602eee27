//! What the polls of an endpoint's pools found, or why they found nothing.

use super::connection::Connection;
use super::pipeline::Refused;
use super::{DuePoll, Endpoint, RedisNotifications, cluster, master};
use crate::observe::PollResult;
use decide::victims::Worker;
use decide::{QueueMetrics, Unavailable};
use queues::Reading;
use tokio::time::Instant;

impl Endpoint {
    /// The results of a poll, unless it was of a server that is no master any more: that is of another time.
    pub(super) async fn accept(
        &mut self,
        due: Vec<DuePoll>,
        readings: Vec<Result<Reading, Unavailable>>,
        refused: &[Refused],
    ) -> Vec<PollResult> {
        self.schedule.clear(&due);
        if let Some(error) = readings.iter().find_map(master::of_replica) {
            self.disconnect(error, Instant::now());
        } else if self.is_master_confirmed().await {
            let mut results = self.results(due, readings, refused);
            self.add_clients(&mut results).await;
            return results;
        }
        self.unavailable(due)
    }

    fn renewal_problem(&self) -> Option<Unavailable> {
        self.renewal.as_ref().and_then(|it| it.problem.clone())
    }

    /// The results while Redis is unreachable: each pool gets the reason.
    pub(super) fn unavailable(&self, due: Vec<DuePoll>) -> Vec<PollResult> {
        let Connection::Down { cause, .. } = &self.connection else {
            return Vec::new();
        };
        let result = |DuePoll { pool, notified_at }| {
            let polled = self.pools.get(&pool)?;
            Some(PollResult {
                epoch: polled.epoch,
                number: polled.number,
                renewal: self.renewal_problem(),
                notified_at,
                ..PollResult::unknown(pool, polled.queues.len(), cause.clone())
            })
        };
        due.into_iter().filter_map(result).collect()
    }

    fn results(
        &mut self,
        due: Vec<DuePoll>,
        readings: Vec<Result<Reading, Unavailable>>,
        refused: &[Refused],
    ) -> Vec<PollResult> {
        let notifications = self
            .connection
            .answered(refused.contains(&Refused::Tracking));
        let mut readings = readings.into_iter();
        let renewal = self.renewal_problem();
        let mut refused = refused.iter();
        let mut results = Vec::with_capacity(due.len());
        for DuePoll { pool, notified_at } in due {
            let Some(polled) = self.pools.get_mut(&pool) else {
                continue;
            };
            let queues = &polled.queues;
            let reads = queues.iter().map(|queue| queue.tracked_reads().len()).sum();
            let is_refused = refused.by_ref().take(reads).any(|it| *it == Refused::Read);
            let mut read = PoolReading::default();
            for (queue, reading) in readings.by_ref().take(queues.len()).enumerate() {
                read.add(queue, reading);
            }
            let of_pool = |queue| (pool.clone(), queue);
            self.lost_workers.extend(read.dead.into_iter().map(of_pool));
            for queue in read.odd_times {
                // Once for each queue.
                if polled.odd_times.insert(queue) {
                    tracing::warn!(%pool, queue, "a producer's time `at` is not in milliseconds since 1970: the age of its tasks is not known");
                }
            }
            if read.unread {
                self.schedule.poll_by(&pool, Instant::now());
            }
            results.push(PollResult {
                time: read.time,
                drain_refused: polled.refused_drain.clone(),
                clients: None,
                epoch: polled.epoch,
                number: polled.number,
                pool,
                queues: read.metrics,
                workers: read.workers,
                unavailable: read.unavailable,
                renewal: renewal.clone(),
                memory: self.memory.clone(),
                notifications: if is_refused {
                    RedisNotifications::Refused
                } else {
                    notifications
                },
                notified_at,
            });
        }
        results
    }
}

/// What was read of a pool's queues.
#[derive(Default)]
struct PoolReading {
    metrics: Vec<QueueMetrics>,
    workers: Vec<Worker>,
    time: Option<i64>,
    unavailable: Option<Unavailable>,
    /// The queues that have workers whose lease has ended.
    dead: Vec<usize>,
    /// The queues whose producers write a time that is none.
    odd_times: Vec<usize>,
    /// Whether more can be read at once.
    unread: bool,
}

impl PoolReading {
    fn add(&mut self, queue: usize, reading: Result<Reading, Unavailable>) {
        match reading {
            Ok(reading) => {
                self.workers.extend(reading.workers);
                self.unavailable = self.unavailable.take().or(reading.unavailable);
                self.time = self.time.or(reading.time);
                self.metrics.push(reading.metrics);
                self.dead.extend(reading.dead.then_some(queue));
                self.odd_times.extend(reading.odd_time.then_some(queue));
                self.unread |= reading.unread;
            }
            Err(cause) => {
                self.unavailable = Some(cause_to_report(self.unavailable.take(), cause));
                self.metrics.push(QueueMetrics::UNAVAILABLE);
            }
        }
    }
}

/// The first cause, except that a slot that moves is reported in any case: then its new node is looked for.
fn cause_to_report(first: Option<Unavailable>, cause: Unavailable) -> Unavailable {
    match first {
        Some(first) if cluster::redirection(&cause).is_none() => first,
        _ => cause,
    }
}
