//! What is known of one pool over the last hour: each moment in full, so that the screen can show any of them.

use crate::cluster::events::Update;
use crate::cluster::operator_history::HistoryPoint;
use crate::cluster::queue_summary::QueueSummary;
use crate::text::lang::{Lang, tr};
use api::{Change, DecisionStatus, MemoryStatus, WorkerPool, WorkerPoolStatus, time, timestamp};
use decide::{Millis, ReasonCode, Time};
use jiff::Timestamp;
use std::collections::VecDeque;
use std::sync::Arc;

/// How far back it goes.
const SPAN: Millis = Millis::seconds(3600);
/// Metrics are valid for this long after their last poll. Polls come every second, or fail after 8 s.
const MAX_AGE: Millis = Millis::seconds(10);
/// The most workers that all moments together keep by name: of a thousand workers, only the last minute.
const MAX_WORKERS: usize = 60_000;
/// The most changes that are kept.
const MAX_CHANGES: usize = 500;

/// What was known at one time.
#[derive(Clone, Debug)]
pub struct Moment {
    /// From this time on.
    pub at: Timestamp,
    /// The last poll that found the same.
    read_at: Timestamp,
    /// The queue metrics, where they could be read.
    pub metrics: Option<Arc<QueueSummary>>,
    /// Why they could not be read.
    pub unavailable_reason: Option<Arc<str>>,
    /// `spec.replicas` of the target.
    pub replicas: Option<i32>,
    /// The pool, without the parts of its status that are kept elsewhere.
    pub pool: Arc<WorkerPool>,
}

/// The moments of the last hour and the changes of the replicas, both with the oldest first.
#[derive(Clone, Debug)]
pub struct Timeline {
    moments: VecDeque<Moment>,
    changes: Vec<Change>,
    /// How many workers all moments together keep by name.
    worker_count: usize,
    /// The index of the first moment that keeps its workers by name.
    first_with_workers: usize,
    history_loaded: bool,
    /// What is older comes from the operator's history.
    opened_at: Timestamp,
}

/// The values of one column of a chart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Column {
    /// The longest queue in the column.
    pub ready: Option<u64>,
    /// Live workers at the end of the column.
    pub live: Option<u64>,
    /// Those of them that are busy.
    pub busy: Option<u64>,
    /// Desired replicas.
    pub desired: Option<i32>,
    /// Whether a poll failed, or none came.
    pub unavailable: bool,
}

impl Timeline {
    /// Begins with the current state of the pool.
    pub fn new(pool: &WorkerPool, now: Timestamp) -> Self {
        let mut timeline = Self {
            moments: VecDeque::new(),
            changes: Vec::new(),
            worker_count: 0,
            first_with_workers: 0,
            history_loaded: false,
            opened_at: now,
        };
        timeline.record_changes(pool);
        timeline.moments.push_back(Moment {
            at: now,
            read_at: now,
            metrics: None,
            unavailable_reason: None,
            replicas: None,
            pool: Arc::new(strip(pool)),
        });
        timeline
    }

    /// Applies an update as a new moment.
    pub fn apply(&mut self, update: Update, now: Timestamp) {
        let Some(last) = self.moments.back() else {
            return;
        };
        let mut next = Moment {
            at: now,
            ..last.clone()
        };
        match update {
            Update::Pool(pool) => {
                self.record_changes(&pool);
                next.pool = Arc::new(strip(&pool));
            }
            Update::Replicas(replicas) => next.replicas = Some(replicas),
            Update::Metrics(metrics) => {
                next.read_at = now;
                next.metrics = Some(Arc::new(metrics));
                next.unavailable_reason = None;
            }
            Update::Unreachable(reason) => {
                next.read_at = now;
                next.metrics = None;
                next.unavailable_reason = Some(reason.into());
            }
            Update::Warning(_) | Update::Burst(_) => return,
        }
        self.worker_count += worker_count(&next);
        self.moments.push_back(next);
        self.expire(now);
    }

    /// Puts the operator's history before the first moment.
    pub fn add_history(&mut self, points: Vec<HistoryPoint>, lang: Lang) {
        let unread: Arc<str> = tr!(lang, "cli-metrics-unread").into();
        self.history_loaded = true;
        let Some(first) = self.moments.front() else {
            return;
        };
        let begin = first.at;
        let current = first.pool.clone();
        let mut earlier: Vec<Moment> = Vec::new();
        for point in points.into_iter().filter(|point| point.at < begin) {
            let same = earlier.last().filter(|last| last.has_status_of(&point));
            let same = same.map(|last| last.pool.clone());
            earlier.push(Moment {
                at: point.at,
                read_at: point.until.min(begin),
                unavailable_reason: point.summary.is_none().then(|| unread.clone()),
                replicas: point.desired,
                pool: same.unwrap_or_else(|| Arc::new(self.restore_pool(&point, &current))),
                metrics: point.summary.map(Arc::new),
            });
        }
        self.first_with_workers += earlier.len();
        for moment in earlier.into_iter().rev() {
            self.moments.push_front(moment);
        }
    }

    /// The pool with its status at that time, as far as it is known.
    fn restore_pool(&self, point: &HistoryPoint, current: &WorkerPool) -> WorkerPool {
        // A decision and its write are at most a second apart.
        let latest = timestamp(time(point.at) + Millis::seconds(1));
        let change = self.changes(latest).last();
        let decision = |to| {
            let reason = point.reason.map_or("?", ReasonCode::as_str).to_owned();
            let change = change.filter(|change| change.to == to && change.reason == reason);
            DecisionStatus {
                message: change.map_or_else(|| reason.clone(), |change| change.message.clone()),
                params: change.map_or_else(Default::default, |change| change.params.clone()),
                reason,
                confidence: 1.0,
                at: change.map_or(point.at, |change| change.at),
                from: change.map_or(to, |change| change.from),
                to,
                steps: Vec::new(),
                next: None,
            }
        };
        let status = WorkerPoolStatus {
            observed_generation: current.metadata.generation,
            replicas: point.replicas,
            desired_replicas: point.desired,
            decision: point.desired.map(decision),
            internal: Some(MemoryStatus {
                idle_since: point.idle.then_some(point.at),
                ..MemoryStatus::default()
            }),
            ..WorkerPoolStatus::default()
        };
        WorkerPool {
            status: Some(status),
            ..current.clone()
        }
    }

    /// Whether the request for the operator's history has ended.
    pub fn is_history_loaded(&self) -> bool {
        self.history_loaded
    }

    /// The newest moment.
    pub fn last(&self) -> Option<&Moment> {
        self.moments.back()
    }

    /// The moment that covers `at`.
    pub fn at(&self, at: Timestamp) -> Option<&Moment> {
        let next = self.moments.partition_point(|moment| moment.at <= at);
        self.moments.get(next.checked_sub(1)?)
    }

    /// All moments, the oldest first.
    pub fn moments(&self) -> impl Iterator<Item = &Moment> {
        self.moments.iter()
    }

    /// When the pool was opened: what is older comes from the operator's history.
    pub fn opened_at(&self) -> Timestamp {
        self.opened_at
    }

    /// The time of the first moment.
    pub fn begin(&self) -> Option<Timestamp> {
        self.moments.front().map(|moment| moment.at)
    }

    /// The changes of the replicas up to `at`, the oldest first.
    pub fn changes(&self, at: Timestamp) -> &[Change] {
        &self.changes[..self.changes.partition_point(|change| change.at <= at)]
    }

    /// The `n` columns of a chart from `from` to `to`.
    pub fn columns(&self, from: Timestamp, to: Timestamp, n: usize, now: Timestamp) -> Vec<Column> {
        let (from, to) = (time(from).0, time(to).0);
        let whole = |n: usize| i64::try_from(n).unwrap_or(0);
        let edge = |i: usize| from + (to - from) * whole(i) / whole(n).max(1);
        let column = |i| match edge(i) {
            start if start > time(now).0 => Column::default(),
            start => self.column(start, edge(i + 1)),
        };
        (0..n).map(column).collect()
    }

    /// The column from `start` to before `end`, in milliseconds since 1970.
    fn column(&self, start: i64, end: i64) -> Column {
        let mut column = Column {
            desired: self.desired_at(end - 1),
            ..Column::default()
        };
        let begun = |moment: &Moment| time(moment.at).0 <= start;
        let first = self.moments.partition_point(begun).saturating_sub(1);
        let moments = self.moments.iter().skip(first);
        let moments = moments.take_while(|moment| time(moment.at).0 < end);
        for moment in moments.filter(|it| time(it.read_at).0 + MAX_AGE.0 > start) {
            match &moment.metrics {
                Some(metrics) => {
                    column.ready = column.ready.max(Some(metrics.ready));
                    column.live = metrics.live;
                    column.busy = metrics.busy;
                }
                None => column.unavailable |= moment.unavailable_reason.is_some(),
            }
        }
        let begun = self.begin().is_some_and(|begin| time(begin).0 < start);
        column.unavailable |= begun && column.ready.is_none();
        column
    }

    /// The desired replicas at `at`: from the target, and before the first moment from the changes.
    fn desired_at(&self, at: i64) -> Option<i32> {
        let at = timestamp(Time(at));
        if let Some(replicas) = self.at(at).and_then(|moment| moment.replicas) {
            return Some(replicas);
        }
        match self.changes(at) {
            [.., before] => Some(before.to),
            [] => self.changes.first().map(|after| after.from),
        }
    }

    /// Collects the changes of the status history, which has only the last 50.
    fn record_changes(&mut self, pool: &WorkerPool) {
        let Some(status) = &pool.status else { return };
        let newest = self.changes.last().map(|change| change.at);
        let is_new = |change: &&Change| newest.is_none_or(|newest| change.at > newest);
        let new = status.history.iter().filter(is_new);
        self.changes.extend(new.cloned());
        let excess = self.changes.len().saturating_sub(MAX_CHANGES);
        self.changes.drain(..excess);
    }

    /// Drops moments older than an hour, and the workers of older moments while there are too many.
    fn expire(&mut self, now: Timestamp) {
        let is_expired = |moment: &Moment| time(moment.at) + SPAN < time(now);
        while self.moments.get(1).is_some_and(is_expired) {
            if let Some(expired) = self.moments.pop_front() {
                self.worker_count -= worker_count(&expired);
                self.first_with_workers = self.first_with_workers.saturating_sub(1);
            }
        }
        while self.worker_count > MAX_WORKERS && self.first_with_workers + 1 < self.moments.len() {
            let moment = &mut self.moments[self.first_with_workers];
            self.worker_count -= worker_count(moment);
            if let Some(metrics) = &mut moment.metrics {
                Arc::make_mut(metrics).workers = Vec::new();
            }
            self.first_with_workers += 1;
        }
    }
}

impl Moment {
    /// The metrics, if they are still valid at `at`.
    pub fn metrics_at(&self, at: Timestamp) -> Option<&QueueSummary> {
        self.metrics
            .as_deref()
            .filter(|_| time(self.read_at) + MAX_AGE > time(at))
    }

    /// Whether `restore_pool` would give the same status for `point`.
    fn has_status_of(&self, point: &HistoryPoint) -> bool {
        let status = self.status();
        let decision = status.and_then(|status| status.decision.as_ref());
        let internal = status.and_then(|status| status.internal.as_ref());
        let idle = internal.is_some_and(|internal| internal.idle_since.is_some());
        let reason = point.reason.map_or("?", ReasonCode::as_str);
        status.and_then(|status| status.replicas) == point.replicas
            && decision.map(|it| (&*it.reason, it.to)) == point.desired.map(|to| (reason, to))
            && idle == point.idle
    }

    /// The time of the last poll.
    pub fn read_at(&self) -> Timestamp {
        self.read_at
    }

    /// The pool's status.
    pub fn status(&self) -> Option<&WorkerPoolStatus> {
        self.pool.status.as_ref()
    }
}

fn worker_count(moment: &Moment) -> usize {
    let metrics = moment.metrics.as_ref();
    metrics.map_or(0, |metrics| metrics.workers.len())
}

/// The pool without history, conditions, metrics and managed fields: they are kept once, or not shown.
fn strip(pool: &WorkerPool) -> WorkerPool {
    let mut pool = pool.clone();
    pool.metadata.managed_fields = None;
    if let Some(status) = &mut pool.status {
        status.history = Vec::new();
        status.conditions = Vec::new();
        status.metrics = None;
    }
    pool
}
