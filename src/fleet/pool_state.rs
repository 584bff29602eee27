//! The state of one pool: its spec, its last poll, its memory, and the writes that are under way.

use super::event::{Command, PoolRef, Watched};
use super::scale_down;
use super::source::Source;
use crate::act;
use crate::fleet::contest::Contest;
use crate::fleet::evaluation::Evaluated;
use crate::fleet::scale_down::ScaleDown;
use crate::fleet::worker_view::WorkerCache;
use crate::observe::Epoch;
use crate::observe::PollResult;
use crate::observe::target::{Target, TargetKey, Writer};
use crate::report::Outcome;
use api::{
    Change, InvalidSpec, Key, PIN_UNTIL, SUSPEND_REASON, SUSPEND_UNTIL, SUSPENDED_BY,
    ScheduledSpec, WorkerPool, WorkerPoolStatus,
};
use decide::victims::{DrainState, Worker, all_name_their_pod};
use decide::{Memory, Millis, PoolSpec, QueueMetrics, ReasonCode, Time, Unavailable};
use kube::ResourceExt;
use queues::RedisMemory;
use tokio::time::Instant;

/// Clocks of the operator and of Redis that differ by no more are the same, in milliseconds.
const MAX_LATENCY: i64 = 1_000;

/// A pool and its state.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent flags")]
pub(super) struct PoolState {
    pub key: Key,
    pub epochs: Epochs,
    pub uid: String,
    pub generation: Option<i64>,
    /// Seconds since 1970. Of two pools with the same target, the older one scales it.
    pub created: i64,
    pub spec: Result<ScheduledSpec, InvalidSpec>,
    /// The annotations about pin and suspension. They change without a new generation.
    pub annotations: [Option<String>; 4],
    pub api_version: String,
    pub target: TargetKey,
    /// The target's UID that `memory` is about; `None` if that is not known.
    pub target_uid: Option<String>,
    pub source: Source,
    pub interval: api::Duration,
    pub memory: Memory,
    /// Whether `memory` is adjusted to the start of this process.
    pub restored: bool,
    /// Whether an earlier process may have scaled for this pool: it existed when this one started.
    pub inherited: bool,
    /// The last poll; `None` before the first.
    pub metrics: Option<PolledMetrics>,
    /// How far the operator's clock is ahead of that of Redis.
    pub clock_ahead: Millis,
    /// Whether all workers of the last poll report their pod; `None` without workers.
    pub pods_known: Option<bool>,
    /// The scale-down that is being prepared or reverted.
    pub scale_down: Option<Box<ScaleDown>>,
    /// The workers, while the pool's page is open.
    pub worker_cache: Option<Box<WorkerCache>>,
    /// Whether the first poll was checked for what a previous process may have left behind.
    pub leftovers_checked: bool,
    pub drain_timeout: Millis,
    /// The scale that is being written.
    pub pending_scale: Option<PendingScale>,
    /// The last failed write of the scale; `None` after a success.
    pub retry: Option<Retry>,
    /// The replica counts of another client that were set back.
    pub contest: Option<Contest>,
    /// When the decision can change although no metric does.
    pub requeue_at: Option<Time>,
    /// Nothing is under way or waits to be written, so a poll with the same metrics needs no new decision.
    pub settled: bool,
    /// The status that the API server has, as far as we know, without its history.
    pub status: WorkerPoolStatus,
    pub history: Vec<Change>,
    /// A status that differs from `status` and is not written yet.
    pub pending_status: Option<PendingStatus>,
    pub status_in_flight: bool,
    pub status_written_at: Option<Time>,
    /// The last failed write of the status; `None` after a success.
    pub status_retry: Option<Retry>,
    pub last_event_reason: Option<String>,
    /// When the fleet reconciles this pool next without an event.
    pub timer: Option<Time>,
}

/// The epochs of a pool.
#[derive(Clone, Copy, Debug)]
pub(super) struct Epochs {
    /// Of the pool itself.
    pub pool: Epoch,
    /// Of its source: its queues, and the Redis that has them.
    pub source: Epoch,
    /// Of its target: another object, or the same name created again.
    pub target: Epoch,
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

#[derive(Debug)]
pub(super) struct PendingScale {
    pub evaluated: Box<Evaluated>,
    pub outcome: Outcome,
}

#[derive(Debug)]
pub(super) struct PendingStatus {
    /// Without the steps of the decision and without its forecast.
    pub status: WorkerPoolStatus,
    /// The decision in the status, and when it was made.
    pub evaluated: Option<(Box<Evaluated>, Time)>,
    /// A change of the replica count does not wait for the interval.
    pub urgent: bool,
}

/// The retry of a failed write.
#[derive(Debug)]
pub(super) struct Retry {
    /// The number of consecutive failures.
    pub attempts: u32,
    /// The last error.
    pub error: String,
    /// When to try again.
    pub at: Time,
}

impl Retry {
    /// The retry after `error`, where `before` is what followed the failures before it.
    pub fn after(before: Option<&Self>, error: &act::Error, now: Time) -> Self {
        let attempts = before.map_or(0, |before| before.attempts) + 1;
        let pause = error.kind().backoff(attempts).as_millis();
        Self {
            attempts,
            error: error.to_string(),
            at: now + Millis(i64::try_from(pause).unwrap_or(10_000)),
        }
    }
}

impl PoolState {
    pub fn new(object: &WorkerPool, in_cluster: bool, epoch: Epoch) -> Self {
        let mut status = object.status.clone().unwrap_or_default();
        let history = std::mem::take(&mut status.history);
        let memory = status
            .internal
            .as_ref()
            .map(Memory::from)
            .unwrap_or_default();
        let source = Source::new(object, in_cluster);
        Self {
            key: Key::of(object),
            epochs: Epochs {
                pool: epoch,
                source: epoch,
                target: epoch,
            },
            target_uid: status
                .internal
                .as_ref()
                .and_then(|memory| memory.target_uid.clone()),
            uid: object.uid().unwrap_or_default(),
            generation: object.metadata.generation,
            created: object.creation_timestamp().map_or(0, |at| at.0.as_second()),
            spec: ScheduledSpec::new(object).and_then(|spec| source.check().map(|()| spec)),
            annotations: [PIN_UNTIL, SUSPEND_UNTIL, SUSPENDED_BY, SUSPEND_REASON]
                .map(|name| object.annotations().get(name).cloned()),
            api_version: object.spec.scale_target_ref.api_version.clone(),
            target: TargetKey::new(
                &object.spec.scale_target_ref,
                &object.namespace().unwrap_or_default(),
            ),
            source,
            interval: api::Duration(api::interval(&object.spec)),
            memory,
            restored: false,
            inherited: false,
            metrics: None,
            clock_ahead: Millis(0),
            pods_known: None,
            scale_down: None,
            worker_cache: None,
            leftovers_checked: false,
            drain_timeout: api::drain_timeout(&object.spec),
            pending_scale: None,
            retry: None,
            contest: None,
            requeue_at: None,
            settled: false,
            last_event_reason: status
                .decision
                .as_ref()
                .map(|decision| decision.reason.clone()),
            status,
            history,
            pending_status: None,
            status_in_flight: false,
            status_written_at: None,
            status_retry: None,
            timer: None,
        }
    }

    /// Applies a changed spec. Metrics and memory are kept, unless they are about another source or target; those begin
    /// with `epoch`.
    pub fn update_spec(&mut self, object: &WorkerPool, in_cluster: bool, epoch: Epoch) {
        let fresh = Self::new(object, in_cluster, epoch);
        if fresh.target != self.target {
            self.begin_target(epoch);
        }
        if !self.source.has_same_queues(&fresh.source) {
            self.epochs.source = epoch;
        }
        if fresh.source.queues != self.source.queues {
            self.memory.rates.clear();
            self.metrics = None;
        }
        self.generation = fresh.generation;
        self.spec = fresh.spec;
        self.annotations = fresh.annotations;
        self.api_version = fresh.api_version;
        self.target = fresh.target;
        self.interval = fresh.interval;
        self.drain_timeout = fresh.drain_timeout;
        let old = std::mem::replace(&mut self.source, fresh.source);
        if self.source.secret.is_some() {
            let is_same = self.source.secret == old.secret;
            self.source.address = old.address.filter(|_| is_same);
            self.source.read_at = old.read_at.filter(|_| is_same);
        }
    }

    /// Forgets what was about another target, or about one of the same name.
    fn begin_target(&mut self, epoch: Epoch) {
        self.epochs.target = epoch;
        self.memory = Memory::default();
        self.inherited = false;
        self.pending_scale = None;
        self.retry = None;
        self.contest = None;
        self.target_uid = None;
    }

    /// Notes which object the target is. One that was deleted and created again is another one.
    pub fn meet(&mut self, target: &Target, epoch: Epoch, commands: &mut Vec<Command>) {
        if self
            .target_uid
            .as_ref()
            .is_some_and(|uid| *uid != target.uid)
        {
            scale_down::abandon(self, commands);
            self.begin_target(epoch);
        }
        self.target_uid.get_or_insert_with(|| target.uid.clone());
    }

    /// This pool for commands about its source.
    pub fn as_observed(&self) -> PoolRef {
        self.in_epoch(self.epochs.source)
    }

    /// This pool for commands about its target.
    pub fn as_scaled(&self) -> PoolRef {
        self.in_epoch(self.epochs.target)
    }

    /// This pool for commands about itself.
    pub fn as_reported(&self) -> PoolRef {
        self.in_epoch(self.epochs.pool)
    }

    fn in_epoch(&self, epoch: Epoch) -> PoolRef {
        let key = self.key.clone();
        PoolRef { key, epoch }
    }

    /// Restores the memory from the target. A replica count that we wrote was our decision, even if the status with that
    /// decision was never written, or the answer to the write was lost. No field of the target says when that was:
    /// Kubernetes gives a field manager no time for a write through `/scale`.
    pub fn restore(&mut self, target: &Target, now: Time) {
        let is_first = !std::mem::replace(&mut self.restored, true);
        if is_first
            && self
                .pool_spec()
                .is_some_and(PoolSpec::needs_every_observation)
        {
            self.memory = std::mem::take(&mut self.memory).restored(target.desired, now);
        }
        if !target.writer.as_ref().is_some_and(Writer::is_us) {
            return;
        }
        let is_unrecorded = match self.memory.desired {
            Some(desired) => desired != target.desired,
            None => is_first && self.inherited || self.retry.is_some(),
        };
        if is_unrecorded {
            self.memory = std::mem::take(&mut self.memory).adopted(target.desired, now);
        } else {
            self.memory.desired = Some(target.desired);
        }
    }

    /// Moves all remembered instants by as much as the clock was set.
    pub fn shift(&mut self, by: Millis) {
        self.memory = self.memory.shifted(by);
        if let Some(pending) = &mut self.pending_scale {
            let decision = &mut pending.evaluated.decision;
            decision.memory = decision.memory.shifted(by);
        }
        if let Some(scale_down) = &mut self.scale_down {
            scale_down.shift(by);
        }
        if let Some(contest) = &mut self.contest {
            contest.shift(by);
        }
        let retries = [&mut self.retry, &mut self.status_retry];
        let retries = retries.into_iter().flatten().map(|retry| &mut retry.at);
        let metrics = self.metrics.iter_mut().map(|metrics| &mut metrics.at);
        let instants = [&mut self.status_written_at, &mut self.source.read_at];
        for at in instants.into_iter().flatten().chain(retries).chain(metrics) {
            *at = *at + by;
        }
        // Workers of an open page are shown from the next poll on.
        self.worker_cache = None;
        self.requeue_at = None;
        self.timer = None;
        self.settled = false;
    }

    /// The kind of its target, which must be watched.
    pub fn watched(&self) -> Watched {
        Watched::Targets(self.api_version.clone(), self.target.kind.clone())
    }

    /// The spec; `None` if it is invalid.
    pub fn pool_spec(&self) -> Option<&PoolSpec> {
        self.spec.as_ref().ok().map(ScheduledSpec::pool)
    }

    /// The metrics of all queues together.
    pub fn total(&self) -> QueueMetrics {
        self.metrics
            .as_ref()
            .map_or(QueueMetrics::UNAVAILABLE, |metrics| {
                QueueMetrics::sum(&metrics.queues)
            })
    }

    /// Metrics older than this are unavailable: two polls are missing, each with its timeout.
    pub fn stale_after(&self) -> Millis {
        Millis(self.interval.0.0 * 2 + 5_000)
    }

    /// Moves producers' times, which follow the clock of Redis, to the operator's: the age of a task is what Redis says.
    fn follow_clock(&mut self, queues: &mut [QueueMetrics], redis: Option<i64>, now: Time) {
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

    /// Records a poll. Returns true if it found what is known already and needs no new decision.
    pub fn record_metrics(&mut self, result: PollResult, now: Time) -> bool {
        let PollResult {
            mut queues,
            mut workers,
            unavailable,
            time,
            drain_refused,
            mut memory,
            notified_at,
            ..
        } = result;
        self.follow_clock(&mut queues, time, now);
        // It stays as it was last seen while it cannot be read.
        if let (RedisMemory::Unknown, Some(old)) = (&memory, &self.metrics) {
            memory = old.memory.clone();
        }
        if unavailable.is_none() {
            self.pods_known = all_name_their_pod(&workers);
            self.update_workers(&workers, now);
            // Pods of other namespaces may have the same names.
            workers.retain(|worker| {
                let namespace = worker.namespace.as_deref();
                namespace.is_none_or(|namespace| namespace == &*self.key.namespace)
            });
            self.resume_scale_down(&workers);
            if let Some(scale_down) = &mut self.scale_down {
                scale_down.on_poll(workers, drain_refused, now);
            }
        }
        if let Some(scale_down) = &self.scale_down {
            scale_down.count_drained(&mut queues);
        }
        let is_known = self.settled
            && !self
                .pool_spec()
                .is_some_and(PoolSpec::needs_every_observation)
            && self.requeue_at.is_none_or(|at| now < at)
            && self.metrics.as_ref().is_some_and(|old| {
                old.queues == queues && old.unavailable == unavailable && old.memory == memory
            });
        self.metrics = Some(PolledMetrics {
            queues,
            unavailable,
            memory,
            notified_at,
            at: now,
        });
        is_known
    }

    /// Resumes the scale-down of a previous process, if there was one: the last event reports it, or workers still drain.
    fn resume_scale_down(&mut self, workers: &[Worker]) {
        let has_leftovers = !std::mem::replace(&mut self.leftovers_checked, true)
            && (self.last_event_reason.as_deref() == Some(ReasonCode::ScalingDown.as_str())
                || workers
                    .iter()
                    .any(|worker| worker.drain != DrainState::None));
        if has_leftovers {
            self.scale_down
                .get_or_insert_with(|| Box::new(ScaleDown::resumed()));
        }
    }

    /// Takes the address that was read from a Secret, or the error.
    pub fn on_secret(
        &mut self,
        address: Result<String, Unavailable>,
        in_cluster: bool,
        epoch: Epoch,
        now: Time,
        commands: &mut Vec<Command>,
    ) {
        self.source.read_at = Some(now);
        let address = address.and_then(|value| {
            let namespace = &self.key.namespace;
            self.source.address_in_secret(&value, namespace, in_cluster)
        });
        match address {
            Ok(address) => {
                if self.source.address.as_ref() != Some(&address) {
                    scale_down::abandon(self, commands);
                    if let Some(old) = self.source.address.replace(address.clone()) {
                        commands.push(Command::StopObserving(old, self.key.clone()));
                    }
                    self.epochs.source = epoch;
                    commands.push(Command::Observe(
                        address,
                        self.as_observed(),
                        self.source.queues.clone(),
                        self.interval.to_std(),
                    ));
                }
            }
            // An address that was read once is used until Redis itself refuses it.
            Err(error) if self.source.address.is_none() => {
                self.metrics = Some(PolledMetrics {
                    queues: vec![QueueMetrics::UNAVAILABLE; self.source.queues.len()],
                    unavailable: Some(error),
                    memory: RedisMemory::Unknown,
                    notified_at: None,
                    at: now,
                });
            }
            Err(_) => {}
        }
    }
}
