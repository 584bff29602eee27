//! What a pool reads: its source, and what the last poll found there.

use super::gone::GonePods;
use super::source::Source;
use super::worker_view::WorkerCache;
use crate::observe::{Epoch, PollNumber, RedisNotifications};
use crate::report::NEW_WORKERS_HELP;
use api::{Condition, grace_for};
use decide::victims::Worker;
use decide::{Metric, Millis, QueueMetrics, Time, Unavailable};
use queues::RedisMemory;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;
use tokio::time::Instant;

/// Clocks of the operator and of Redis that differ by no more are the same, in milliseconds.
const MAX_LATENCY: i64 = 1_000;

#[derive(Debug, Default)]
pub(super) struct Observed {
    /// Of the source: other queues, or another Redis, are a new one.
    pub epoch: Epoch,
    pub source: Source,
    /// The number of the last request to its Redis.
    pub number: Cell<PollNumber>,
    /// The last poll; `None` before the first.
    pub metrics: Option<PolledMetrics>,
    /// How far the operator's clock is ahead of that of Redis.
    pub clock_ahead: Millis,
    /// Whether all workers of the last poll report their pod; `None` without workers.
    pub pods_known: Option<bool>,
    /// The longest that a task was seen to run, in milliseconds.
    pub longest_task: Option<i64>,
    pub ahead: FetchedAhead,
    pub registrations: Registrations,
    pub gone: GonePods,
    /// The workers, while the pool's page is open.
    pub worker_cache: Option<Box<WorkerCache>>,
    /// When the first poll was checked for what a previous process may have left behind.
    pub first_checked: Option<Time>,
}

/// Whether workers fetch tasks ahead, once that was seen.
#[derive(Debug, Default)]
pub(super) struct FetchedAhead {
    pub seen: Option<bool>,
    /// Since when each poll has found such tasks. One that is on its way to its worker is none.
    since: Option<Time>,
}

impl FetchedAhead {
    /// What a status says.
    pub fn restored(conditions: &[Condition]) -> Self {
        let mut conditions = conditions.iter();
        let found = conditions.find(|it| it.type_ == NEW_WORKERS_HELP);
        Self {
            seen: found.map(|it| it.status == "False"),
            since: None,
        }
    }

    /// Takes what one poll found. Where tasks wait and none is held, no worker fetches ahead any more.
    pub fn update(&mut self, total: &QueueMetrics, now: Time) {
        match (total.held.known(), total.ready.known()) {
            (Some(1..), _) => {
                let since = *self.since.get_or_insert(now);
                if now - since >= Millis::seconds(5) {
                    self.seen = Some(true);
                }
            }
            (Some(_), ready) => {
                self.since = None;
                self.seen = self.seen.map(|ahead| ahead && ready == Some(0));
            }
            (None, _) => {}
        }
    }
}

/// The result of one poll.
#[derive(Clone, Debug)]
pub(super) struct PolledMetrics {
    pub queues: Vec<QueueMetrics>,
    pub unavailable: Option<Unavailable>,
    pub renewal: Option<Unavailable>,
    pub memory: RedisMemory,
    pub notifications: RedisNotifications,
    pub notified_at: Option<Instant>,
    pub at: Time,
}

impl PolledMetrics {
    /// Nothing is known of so many queues, for this cause.
    pub fn unknown(queues: usize, cause: Unavailable, now: Time) -> Self {
        Self {
            queues: vec![QueueMetrics::UNAVAILABLE; queues],
            unavailable: Some(cause),
            renewal: None,
            memory: RedisMemory::Unknown,
            notifications: RedisNotifications::Unknown,
            notified_at: None,
            at: now,
        }
    }
}

/// The workers of the last successful poll, by the hashes of their names.
#[derive(Debug, Default)]
pub(super) struct Registrations {
    names: BTreeSet<u64>,
    /// When one of them disappeared; at the latest the first poll, before which any may have.
    lost_at: Option<Time>,
}

impl Registrations {
    /// A worker that starts again in its pod is no loss.
    fn name(worker: &Worker) -> u64 {
        let mut hasher = DefaultHasher::new();
        worker.pod.as_ref().unwrap_or(&worker.id).hash(&mut hasher);
        hasher.finish()
    }

    /// The pod of `worker` is gone: that it disappears is no loss.
    pub fn forget(&mut self, worker: &Worker) {
        self.names.remove(&Self::name(worker));
    }

    pub fn update(&mut self, workers: &[Worker], now: Time) {
        let names = workers.iter().map(Self::name).collect();
        if self.lost_at.is_none() || !self.names.is_subset(&names) {
            self.lost_at = Some(now);
        }
        self.names = names;
    }

    /// Whether each worker that lives is registered: Redis may lose registrations while their workers hold tasks, and a
    /// worker registers again with its next heartbeat.
    fn are_complete(&self, lifetime: Duration, now: Time) -> bool {
        let lifetime = Millis(i64::try_from(lifetime.as_millis()).unwrap_or(i64::MAX));
        self.lost_at.is_some_and(|at| now - at >= lifetime)
    }
}

impl Observed {
    /// Notes how long the tasks of `workers` run. Returns whether one needs a longer grace than all before.
    pub fn note_tasks(&mut self, workers: &[Worker]) -> bool {
        let before = self.longest_task;
        let tasks = workers
            .iter()
            .filter_map(|worker| worker.report.task_millis);
        self.longest_task = before.max(tasks.max());
        self.longest_task.map(grace_for) != before.map(grace_for)
    }

    /// Whether workers would be reported, and there is none.
    pub fn has_no_worker(&self) -> bool {
        let queues = self.metrics.iter().flat_map(|metrics| &metrics.queues);
        let mut live = queues
            .map(|queue| queue.live)
            .filter(|live| *live != Metric::Unsupported)
            .peekable();
        live.peek().is_some() && live.all(|live| live == Metric::Known(0))
    }

    /// Whether each worker that lives is registered, in whichever of the queues.
    pub fn registrations_are_complete(&self, now: Time) -> bool {
        let queues = self.source.queues.iter();
        let lifetimes = queues.map(|queue| queue.system().capabilities().registration);
        let longest = lifetimes.max().unwrap_or_default();
        self.registrations.are_complete(longest, now)
    }

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

    /// Whether the credentials that the spec refers to are used, or why not; `None` if it refers to none.
    pub fn credentials(&self) -> Option<Result<(), Unavailable>> {
        let renewal = self.metrics.as_ref().and_then(|it| it.renewal.as_ref());
        let problem = self.source.problem.as_ref().or(renewal);
        let has_any = !self.source.references().is_empty();
        has_any.then(|| problem.map_or(Ok(()), |cause| Err(cause.clone())))
    }

    /// Moves all remembered instants by as much as the clock was set.
    pub fn shift(&mut self, by: Millis) {
        if let Some(metrics) = &mut self.metrics {
            metrics.at = metrics.at + by;
        }
        let instants = [
            &mut self.registrations.lost_at,
            &mut self.first_checked,
            &mut self.gone.asked_at,
            &mut self.ahead.since,
        ];
        for at in instants.into_iter().flatten() {
            *at = *at + by;
        }
        // Workers of an open page are shown from the next poll on.
        self.worker_cache = None;
    }
}
