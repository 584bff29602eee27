//! What a pool reads: its source, and what the last poll found there.

use super::source::Source;
use super::worker_view::WorkerCache;
use crate::observe::Epoch;
use decide::{Metric, Millis, QueueMetrics, Time, Unavailable};
use queues::RedisMemory;
use tokio::time::Instant;

/// Clocks of the operator and of Redis that differ by no more are the same, in milliseconds.
const MAX_LATENCY: i64 = 1_000;

#[derive(Debug, Default)]
pub(super) struct Observed {
    /// Of the source: other queues, or another Redis, are a new one.
    pub epoch: Epoch,
    pub source: Source,
    /// The last poll; `None` before the first.
    pub metrics: Option<PolledMetrics>,
    /// How far the operator's clock is ahead of that of Redis.
    pub clock_ahead: Millis,
    /// Whether all workers of the last poll report their pod; `None` without workers.
    pub pods_known: Option<bool>,
    /// The workers, while the pool's page is open.
    pub worker_cache: Option<Box<WorkerCache>>,
    /// Whether the first poll was checked for what a previous process may have left behind.
    pub leftovers_checked: bool,
}

/// The result of one poll.
#[derive(Clone, Debug)]
pub(super) struct PolledMetrics {
    pub queues: Vec<QueueMetrics>,
    pub unavailable: Option<Unavailable>,
    pub memory: RedisMemory,
    pub notified_at: Option<Instant>,
    pub at: Time,
}

impl Observed {
    /// The metrics of all queues together.
    pub fn total(&self) -> QueueMetrics {
        self.metrics
            .as_ref()
            .map_or(QueueMetrics::UNAVAILABLE, |metrics| {
                QueueMetrics::sum(&metrics.queues)
            })
    }

    /// Moves producers' times, which follow the clock of Redis, to the operator's: the age of a task is what Redis says.
    pub fn follow_clock(&mut self, queues: &mut [QueueMetrics], redis: Option<i64>, now: Time) {
        if let Some(redis) = redis {
            let ahead = now - Time(redis);
            // The way of an answer takes some time, which must not look like a change at each poll.
            if (ahead.0.saturating_sub(self.clock_ahead.0)).saturating_abs() > MAX_LATENCY {
                self.clock_ahead = ahead;
            }
        }
        for queue in queues {
            let ahead = self.clock_ahead.0;
            queue.oldest_at = queue.oldest_at.map(|at| at.saturating_add(ahead));
        }
    }

    /// Moves all remembered instants by as much as the clock was set.
    pub fn shift(&mut self, by: Millis) {
        let polled_at = self.metrics.iter_mut().map(|metrics| &mut metrics.at);
        for at in polled_at.chain(&mut self.source.read_at) {
            *at = *at + by;
        }
        // Workers of an open page are shown from the next poll on.
        self.worker_cache = None;
    }
}
