//! The state of one pool, in parts with lifetimes of their own: what it is, what it reads, what it does to its target,
//! and what it tells others.

use super::event::{Command, PoolRef, Watched};
use super::identity::Identity;
use super::intent::Intent;
use super::objects::Objects;
use super::observed::{FetchedAhead, Observed, PolledMetrics};
use super::publication::Publication;
use super::scale_down::{self, ScaleDown};
use super::source::Source;
use crate::observe::target::{Target, Writer};
use crate::observe::{Epoch, PollResult, RedisNotifications};
use api::{Key, ScheduledSpec, WorkerPool};
use decide::victims::{Worker, all_name_their_pod};
use decide::{Memory, Millis, PoolSpec, QueueMetrics, ReasonCode, Time};
use queues::RedisMemory;

/// How long after it was asked for a drain may be seen first: a process of Sidekiq takes a signal with one report, and says
/// so in the next, 10 s later.
const DRAIN_SHOWN: Millis = Millis::seconds(30);

/// A pool and its state.
#[derive(Debug)]
pub(super) struct PoolState {
    pub key: Key,
    /// Of the pool itself: the same name created again is a new one.
    pub epoch: Epoch,
    pub identity: Identity,
    pub observed: Observed,
    pub intent: Intent,
    pub publication: Publication,
    /// When the decision can change although no metric does.
    pub requeue_at: Option<Time>,
    /// Nothing is under way or waits to be written, so a poll with the same metrics needs no new decision.
    pub settled: bool,
    /// When the fleet reconciles this pool next without an event.
    pub timer: Option<Time>,
}

impl PoolState {
    pub fn new(object: &WorkerPool, in_cluster: bool, epoch: Epoch) -> Self {
        let status = object.status.clone().unwrap_or_default();
        let internal = status.internal.as_ref();
        let source = Source::new(object, in_cluster);
        Self {
            key: Key::of(object),
            epoch,
            identity: Identity::new(object, &source),
            observed: Observed {
                epoch,
                source,
                longest_task: status
                    .metrics
                    .as_ref()
                    .and_then(|metrics| metrics.longest_task_millis),
                ahead: FetchedAhead::restored(&status.conditions),
                ..Observed::default()
            },
            intent: Intent {
                epoch,
                target_uid: internal.and_then(|memory| memory.target_uid.clone()),
                memory: internal.map(Memory::from).unwrap_or_default(),
                ..Intent::default()
            },
            publication: Publication::new(status),
            requeue_at: None,
            settled: false,
            timer: None,
        }
    }

    /// Applies a changed spec, that of `fresh`. Metrics and memory are kept, unless they are about another source or
    /// target; those begin with its epoch. Returns what was before.
    pub fn update_spec(&mut self, fresh: Self) -> (Identity, Source) {
        let (identity, epoch) = (fresh.identity, fresh.epoch);
        let mut source = fresh.observed.source;
        if identity.target != self.identity.target {
            self.begin_target(epoch);
        }
        let old = &self.observed.source;
        if !old.has_same_queues(&source) {
            self.observed.epoch = epoch;
        }
        if old.queues != source.queues {
            self.intent.memory.rates.clear();
            self.observed.metrics = None;
            self.observed.longest_task = None;
            self.observed.ahead = FetchedAhead::default();
        }
        if source.has_same_redis(old) {
            source.redis.clone_from(&old.redis);
            source.problem.clone_from(&old.problem);
        }
        (
            std::mem::replace(&mut self.identity, identity),
            std::mem::replace(&mut self.observed.source, source),
        )
    }

    /// Forgets what was about another target, or about one of the same name.
    fn begin_target(&mut self, epoch: Epoch) {
        self.intent = Intent {
            epoch,
            restored: self.intent.restored,
            ..Intent::default()
        };
    }

    /// Notes which object the target is. One that was deleted and created again is another one.
    pub fn meet(&mut self, target: &Target, epoch: Epoch, commands: &mut Vec<Command>) {
        if self
            .intent
            .target_uid
            .as_ref()
            .is_some_and(|uid| *uid != target.uid)
        {
            scale_down::abandon(self, commands);
            self.begin_target(epoch);
        }
        self.intent
            .target_uid
            .get_or_insert_with(|| target.uid.clone());
    }

    /// This pool for commands about its source.
    pub fn as_observed(&self) -> PoolRef {
        self.in_epoch(self.observed.epoch)
    }

    /// This pool for commands about its target.
    pub fn as_scaled(&self) -> PoolRef {
        self.in_epoch(self.intent.epoch)
    }

    /// This pool for commands about itself.
    pub fn as_reported(&self) -> PoolRef {
        self.in_epoch(self.epoch)
    }

    fn in_epoch(&self, epoch: Epoch) -> PoolRef {
        let key = self.key.clone();
        PoolRef { key, epoch }
    }

    /// Restores the memory from the target. A replica count that we wrote was our decision, even if the status with that
    /// decision was never written, or the answer to the write was lost. No field of the target says when that was:
    /// Kubernetes gives a field manager no time for a write through `/scale`.
    pub fn restore(&mut self, target: &Target, now: Time) {
        let is_first = !std::mem::replace(&mut self.intent.restored, true);
        if is_first
            && self
                .pool_spec()
                .is_some_and(PoolSpec::needs_every_observation)
        {
            self.intent.memory =
                std::mem::take(&mut self.intent.memory).restored(target.desired, now);
        }
        if !target.writer.as_ref().is_some_and(Writer::is_us) {
            return;
        }
        let is_unrecorded = match self.intent.memory.desired {
            Some(desired) => desired != target.desired,
            None => is_first && self.intent.inherited || self.intent.retry.is_some(),
        };
        if is_unrecorded {
            self.intent.memory =
                std::mem::take(&mut self.intent.memory).adopted(target.desired, now);
        } else {
            self.intent.memory.desired = Some(target.desired);
        }
    }

    /// Moves all remembered instants by as much as the clock was set.
    pub fn shift(&mut self, by: Millis) {
        self.observed.shift(by);
        self.intent.shift(by);
        self.publication.shift(by);
        self.requeue_at = None;
        self.timer = None;
        self.settled = false;
    }

    /// Decides again at `at` at the latest.
    pub fn requeue_by(&mut self, at: Time) {
        self.requeue_at = Some(self.requeue_at.map_or(at, |before| before.min(at)));
    }

    /// The kind of its target, which must be watched.
    pub fn watched(&self) -> Watched {
        self.identity.watched()
    }

    /// The spec; `None` if it is invalid.
    pub fn pool_spec(&self) -> Option<&PoolSpec> {
        self.identity.spec.as_ref().ok().map(ScheduledSpec::pool)
    }

    /// Metrics older than this are unavailable: two polls are missing, each with its timeout.
    pub fn stale_after(&self) -> Millis {
        Millis(self.identity.interval.0.0 * 2 + 5_000)
    }

    /// Whether an observation like the last needs no new decision.
    fn is_settled(&self, now: Time) -> bool {
        let spec = self.pool_spec();
        self.settled
            && !spec.is_some_and(PoolSpec::needs_every_observation)
            && self.requeue_at.is_none_or(|at| now < at)
    }

    /// Records a poll. Returns true if it found what is known already and needs no new decision.
    pub fn record_metrics(&mut self, result: PollResult, now: Time) -> bool {
        let PollResult {
            mut queues,
            mut workers,
            unavailable,
            time,
            drain_refused,
            renewal,
            clients,
            mut memory,
            mut notifications,
            notified_at,
            number,
            ..
        } = result;
        self.observed.follow_clock(&mut queues, time, now);
        // What Redis says of itself stays as it was last seen while it cannot be read.
        if let Some(old) = &self.observed.metrics {
            if memory == RedisMemory::Unknown {
                memory = old.memory.clone();
            }
            if notifications == RedisNotifications::Unknown {
                notifications = old.notifications;
            }
        }
        let mut is_news = false;
        if unavailable.is_none() {
            let ahead = self.observed.ahead.seen;
            self.observed.ahead.update(&QueueMetrics::sum(&queues), now);
            is_news = self.observed.note_tasks(&workers) || ahead != self.observed.ahead.seen;
            self.observed.pods_known = all_name_their_pod(&workers);
            self.observed.registrations.update(&workers, now);
            self.observed.update_workers(&workers, now);
            // Pods of other namespaces may have the same names.
            workers.retain(|worker| {
                let namespace = worker.namespace.as_deref();
                namespace.is_none_or(|namespace| namespace == &*self.key.namespace)
            });
            self.resume_scale_down(&workers, now);
            if let Some(scale_down) = &mut self.intent.scale_down {
                scale_down.on_poll(workers, drain_refused, clients, number, now);
            }
        }
        if let Some(scale_down) = &self.intent.scale_down {
            scale_down.count_drained(&mut queues);
        }
        let is_known = !is_news
            && self.is_settled(now)
            && self.observed.metrics.as_ref().is_some_and(|old| {
                (&old.queues, &old.unavailable) == (&queues, &unavailable)
                    && (&old.renewal, &old.memory) == (&renewal, &memory)
                    && old.notifications == notifications
            });
        self.observed.metrics = Some(PolledMetrics {
            queues,
            unavailable,
            renewal,
            memory,
            notifications,
            notified_at,
            at: now,
        });
        is_known
    }

    /// Resumes the scale-down of a previous process, if there was one: the last event reports it, or workers still drain.
    /// Some systems show a drain only a while after it was asked for.
    fn resume_scale_down(&mut self, workers: &[Worker], now: Time) {
        let is_first = self.observed.first_checked.is_none();
        let since = *self.observed.first_checked.get_or_insert(now);
        let was_scaling_down =
            self.publication.last_event_reason.as_deref() == Some(ReasonCode::ScalingDown.as_str());
        let has_leftovers = is_first && was_scaling_down
            || now - since < DRAIN_SHOWN && workers.iter().any(|it| it.drain.is_requested());
        if has_leftovers {
            self.intent
                .scale_down
                .get_or_insert_with(|| Box::new(ScaleDown::resumed()));
        }
    }

    /// Takes what the spec refers to from `objects`. The same Redis with other credentials stays the same source.
    pub fn renew(
        &mut self,
        objects: &Objects,
        epoch: Epoch,
        now: Time,
        commands: &mut Vec<Command>,
    ) {
        let source = &mut self.observed.source;
        let redis = match source.resolve(objects) {
            Ok(redis) => redis,
            Err(None) => return,
            Err(Some(cause)) => {
                // What could be used once is used until Redis itself refuses it.
                if source.redis.is_none() {
                    let unknown = PolledMetrics::unknown(source.queues.len(), cause.clone(), now);
                    self.observed.metrics = Some(unknown);
                }
                source.problem = Some(cause);
                return;
            }
        };
        source.problem = None;
        match &source.redis {
            Some(old) if *old == redis => {
                if !old.has_same_credentials(&redis) {
                    source.redis = Some(redis.clone());
                    commands.push(Command::Renew(redis));
                }
            }
            _ => {
                scale_down::abandon(self, commands);
                let source = &mut self.observed.source;
                if let Some(old) = source.redis.replace(redis.clone()) {
                    commands.push(Command::StopObserving(old, self.key.clone()));
                }
                self.observed.epoch = epoch;
                commands.push(Command::Observe(
                    redis,
                    self.as_observed(),
                    self.observed.source.queues.clone(),
                    self.identity.interval.to_std(),
                ));
            }
        }
    }
}
