//! One pool as the operator knows it: what it wants, what was seen, what is under way.

use super::drain;
use super::event::{Command, Watched};
use super::source::Source;
use crate::fleet::scale_down::ScaleDown;
use crate::fleet::worker_view::WorkerCache;
use crate::observe::target::{Target, TargetKey, Writer};
use crate::observe::{Address, PollResult};
use crate::report::{Outcome, StatusInput};
use api::{
    Change, InvalidSpec, Key, PIN_UNTIL, SUSPEND_REASON, SUSPEND_UNTIL, SUSPENDED_BY,
    ScheduledSpec, WorkerPool, WorkerPoolStatus,
};
use decide::victims::{DrainState, VictimOrder, all_name_their_pod};
use decide::{
    Decision, Memory, Metric, Millis, Observation, PoolSpec, QueueMetrics, Reason, ReasonCode,
    Time, decide,
};
use kube::ResourceExt;
use std::time::Instant;

/// A pool and all that is known of it.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct PoolState {
    pub key: Key,
    pub uid: String,
    pub generation: Option<i64>,
    /// Seconds since 1970: of two pools with one target the older writes.
    pub created: i64,
    pub spec: Result<ScheduledSpec, InvalidSpec>,
    /// The annotations about pin and suspension: they change without a new generation.
    pub annotations: [Option<String>; 4],
    pub api_version: String,
    pub target: TargetKey,
    pub source: Source,
    pub interval: api::Duration,
    pub memory: Memory,
    /// Whether `memory` has been told that this process begins with it.
    pub restored: bool,
    /// The last look and when it was; `None` before the first.
    pub metrics: Option<PolledMetrics>,
    /// Whether all workers of the last look say which pod is theirs; `None` where there are no workers.
    pub pods_known: Option<bool>,
    /// The way down, while one is prepared or taken back.
    pub scale_down: Option<Box<ScaleDown>>,
    /// Who works, while its page is open.
    pub worker_cache: Option<Box<WorkerCache>>,
    /// Whether it was looked for what a process before this one may have left.
    pub leftovers_checked: bool,
    pub drain_timeout: Millis,
    /// The scale that is being written.
    pub pending_scale: Option<PendingScale>,
    /// Writes of the scale that failed one after the other, the last one's reason, and when to try again.
    pub retry: Option<(u32, String, Time)>,
    /// When we last set back what somebody else had written.
    pub last_enforced_at: Option<Time>,
    /// When time alone can change the decision.
    pub requeue_at: Option<Time>,
    /// Nothing is under way and nothing waits to be written: the same facts again need no second thought.
    pub settled: bool,
    /// The status that the API server has, as far as we know; its history is kept apart.
    pub status: WorkerPoolStatus,
    pub history: Vec<Change>,
    /// A status that differs from it, not yet written.
    pub pending_status: Option<PendingStatus>,
    pub status_in_flight: bool,
    pub status_written_at: Option<Time>,
    /// The reason of the last event.
    pub last_event_reason: Option<String>,
    /// The instant under which the fleet will attend to this pool by itself.
    pub timer: Option<Time>,
}

#[derive(Clone, Debug)]
pub(super) struct PolledMetrics {
    pub queues: Vec<QueueMetrics>,
    pub unavailable_reason: Option<String>,
    pub notified_at: Option<Instant>,
    pub at: Time,
}

/// A decision and the facts that it was taken on.
#[derive(Clone, Debug)]
pub(super) struct Evaluated {
    pub decision: Decision,
    pub observation: Observation,
}

#[derive(Debug)]
pub(super) struct PendingScale {
    pub evaluated: Box<Evaluated>,
    pub outcome: Outcome,
}

#[derive(Debug)]
pub(super) struct PendingStatus {
    /// Without the steps of the decision and what may come next.
    pub status: WorkerPoolStatus,
    /// The decision that it tells of, and when it was taken.
    pub evaluated: Option<(Box<Evaluated>, Time)>,
    /// A change of the number does not wait for the interval.
    pub urgent: bool,
}

/// What one look came to.
pub(super) enum ReconcileResult {
    /// Something is not known yet that soon will be.
    Wait,
    /// Something stands in the way of deciding.
    Blocked(ReasonCode, String),
    Decided(Box<Evaluated>),
}

impl PoolState {
    pub fn new(object: &WorkerPool, in_cluster: bool) -> Self {
        let mut status = object.status.clone().unwrap_or_default();
        let history = std::mem::take(&mut status.history);
        let memory = status
            .internal
            .as_ref()
            .map(Memory::from)
            .unwrap_or_default();
        Self {
            key: Key::of(object),
            uid: object.uid().unwrap_or_default(),
            generation: object.metadata.generation,
            created: object.creation_timestamp().map_or(0, |at| at.0.as_second()),
            spec: ScheduledSpec::new(object),
            annotations: [PIN_UNTIL, SUSPEND_UNTIL, SUSPENDED_BY, SUSPEND_REASON]
                .map(|name| object.annotations().get(name).cloned()),
            api_version: object.spec.scale_target_ref.api_version.clone(),
            target: TargetKey::new(
                &object.spec.scale_target_ref,
                &object.namespace().unwrap_or_default(),
            ),
            source: Source::new(object, in_cluster),
            interval: api::Duration(api::interval(&object.spec)),
            memory,
            restored: false,
            metrics: None,
            pods_known: None,
            scale_down: None,
            worker_cache: None,
            leftovers_checked: false,
            drain_timeout: object.spec.drain.timeout.0,
            pending_scale: None,
            retry: None,
            last_enforced_at: None,
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
            timer: None,
        }
    }

    /// Takes over a changed spec; what was seen and remembered stays. A new target is a new story.
    pub fn update_spec(&mut self, object: &WorkerPool, in_cluster: bool) {
        let fresh = Self::new(object, in_cluster);
        if fresh.target != self.target {
            self.memory = Memory::default();
            self.retry = None;
        }
        if fresh.source.queues != self.source.queues {
            self.memory.rates.clear();
        }
        self.generation = fresh.generation;
        self.spec = fresh.spec;
        self.annotations = fresh.annotations;
        self.api_version = fresh.api_version;
        self.target = fresh.target;
        self.interval = fresh.interval;
        self.drain_timeout = fresh.drain_timeout;
        let address = self
            .source
            .address
            .take()
            .filter(|_| self.source.secret == fresh.source.secret);
        let read_at = self
            .source
            .read_at
            .filter(|_| self.source.secret == fresh.source.secret);
        self.source = fresh.source;
        if self.source.secret.is_some() {
            (self.source.address, self.source.read_at) = (address, read_at);
        }
    }

    /// A number written by us is what we decided, even where the status that said so was never written; and then at
    /// least from its own time on the cooldowns run, or a crash between the two writes would shorten them.
    pub fn restore(&mut self, target: &Target, now: Time) {
        if !std::mem::replace(&mut self.restored, true)
            && self
                .pool_spec()
                .is_some_and(PoolSpec::needs_every_observation)
        {
            self.memory = std::mem::take(&mut self.memory).restored(target.desired, now);
        }
        let Some(Writer { at, .. }) = target.writer.as_ref().filter(|writer| writer.is_us()) else {
            return;
        };
        self.memory.desired = Some(target.desired);
        // Field managers have times in whole seconds, rounded down.
        let Some(at) = at.filter(|at| self.memory.last_change.is_none_or(|last| last < *at)) else {
            return;
        };
        let end_of_second = Some((at + Millis(999)).min(now));
        self.memory.last_change = end_of_second;
        self.memory.last_up = end_of_second;
    }

    /// The kind of its target, which must be watched.
    pub fn watched(&self) -> Watched {
        Watched::Targets(self.api_version.clone(), self.target.kind.clone())
    }

    /// What the spec wants, where it can work.
    pub fn pool_spec(&self) -> Option<&PoolSpec> {
        self.spec.as_ref().ok().map(ScheduledSpec::pool)
    }

    /// The decision on the last look.
    pub fn evaluate(
        &mut self,
        target: Option<&Target>,
        rival: Option<String>,
        now: Time,
    ) -> ReconcileResult {
        if let Err(refusal) = &self.spec {
            return ReconcileResult::Blocked(ReasonCode::InvalidSpec, refusal.to_string());
        }
        let Some(target) = target else {
            let name = self.target.display();
            let sentence = format!(
                "{name} does not exist in {}: create it, or fix spec.scaleTargetRef",
                self.key.namespace
            );
            return ReconcileResult::Blocked(ReasonCode::TargetMissing, sentence);
        };
        if let Some(rival) = rival {
            return ReconcileResult::Blocked(ReasonCode::TargetConflict, rival);
        }
        let Some(seen) = self.observation(target, now) else {
            return ReconcileResult::Wait;
        };
        let drains = self.can_select_victims();
        let Ok(wishes) = &mut self.spec else {
            return ReconcileResult::Wait;
        };
        wishes.set_drains(drains);
        let decision = decide(wishes.at(now), &seen, &self.memory, now);
        ReconcileResult::Decided(Box::new(Evaluated {
            decision,
            observation: seen,
        }))
    }

    /// What a decision at `now` is taken on; `None` before the first look.
    pub fn observation(&self, target: &Target, now: Time) -> Option<Observation> {
        let look = self.metrics.as_ref()?;
        let stale = now - look.at > self.stale_after();
        let (queues, missing) = if stale {
            (
                vec![QueueMetrics::UNAVAILABLE; look.queues.len()],
                Some(format!("no poll since {}", look.at)),
            )
        } else {
            (look.queues.clone(), look.unavailable_reason.clone())
        };
        Some(Observation {
            replicas: target.desired,
            queues,
            unavailable_reason: missing,
        })
    }

    /// Takes in a look. True where it found what is known already and needs no second thought.
    pub fn record_metrics(&mut self, facts: PollResult, now: Time) -> bool {
        let PollResult {
            mut queues,
            workers,
            unavailable_reason: missing,
            notified_at: woken,
            ..
        } = facts;
        if missing.is_none() {
            self.pods_known = all_name_their_pod(&workers);
            self.update_workers(&workers, now);
            // What a process before this one left: its last words tell of it, or workers that still drain.
            let left = !std::mem::replace(&mut self.leftovers_checked, true)
                && (self.last_event_reason.as_deref() == Some(ReasonCode::ScalingDown.as_str())
                    || workers
                        .iter()
                        .any(|worker| worker.drain != DrainState::None));
            if left {
                self.scale_down
                    .get_or_insert_with(|| Box::new(ScaleDown::resumed()));
            }
            if let Some(plan) = &mut self.scale_down {
                plan.looked(workers, now);
            }
        }
        if let Some(plan) = &self.scale_down {
            plan.count_drained(&mut queues);
        }
        let known = self.settled
            && !self
                .pool_spec()
                .is_some_and(PoolSpec::needs_every_observation)
            && self.requeue_at.is_none_or(|at| now < at)
            && self
                .metrics
                .as_ref()
                .is_some_and(|old| old.queues == queues && old.unavailable_reason == missing);
        self.metrics = Some(PolledMetrics {
            queues,
            unavailable_reason: missing,
            notified_at: woken,
            at: now,
        });
        known
    }

    /// How the controller of its target chooses; `None` where nobody knows.
    pub fn victim_order(&self) -> Option<VictimOrder> {
        VictimOrder::of(&self.target.group, &self.target.kind)
    }

    /// Whether it is known which pods are busy, and which of them would go.
    pub fn can_select_victims(&self) -> bool {
        VictimOrder::if_selectable(self.victim_order(), self.pods_known).is_some()
    }

    /// Whether a pod that is taken may be busy and nobody can know.
    pub fn is_unguarded(&self, seen: &Observation) -> bool {
        self.pods_known.is_some() && !self.can_select_victims()
            || seen
                .queues
                .iter()
                .any(|queue| queue.live == Metric::Unsupported)
    }

    /// The answer to the reading of a Secret; answers what to do.
    pub fn on_address(
        &mut self,
        answer: Result<String, String>,
        in_cluster: bool,
        now: Time,
    ) -> Vec<Command> {
        let mut todo = Vec::new();
        self.source.read_at = Some(now);
        match answer {
            Ok(url) => {
                let address = Address::new(&url, &self.key.namespace, in_cluster);
                if self.source.address.as_ref() != Some(&address) {
                    drain::abandon(self, &mut todo);
                    let key = &self.key;
                    if let Some(old) = self.source.address.replace(address.clone()) {
                        todo.push(Command::StopObserving(old, key.clone()));
                    }
                    let queues = self.source.queues.clone();
                    todo.push(Command::Observe(
                        address,
                        key.clone(),
                        queues,
                        self.interval.to_std(),
                    ));
                }
            }
            // An address that was read once stays good until Redis itself refuses it.
            Err(why) if self.source.address.is_none() => {
                let queues = vec![QueueMetrics::UNAVAILABLE; self.source.queues.len()];
                self.metrics = Some(PolledMetrics {
                    queues,
                    unavailable_reason: Some(why),
                    notified_at: None,
                    at: now,
                });
            }
            Err(_) => {}
        }
        todo
    }

    /// Facts older than this count as missing: two looks that did not come, each with its deadline.
    pub fn stale_after(&self) -> Millis {
        Millis(self.interval.0.0 * 2 + 5_000)
    }

    /// A decision in words.
    pub fn outcome(&self, decision: &Decision, target: Option<&Target>) -> Outcome {
        let Decision {
            from,
            replicas: to,
            reason: why,
            confidence,
            ..
        } = decision;
        let sentence = match (why, target.and_then(|target| target.writer.as_ref())) {
            (Reason::TargetChanged(found), Some(writer)) => format!(
                "{} set {} to {found}: set back to {to}; to choose the number yourself: kubectl workerpool scale {} {found}",
                writer.name,
                self.target.display(),
                self.key.name
            ),
            _ => messages::message(why, *from, *to),
        };
        Outcome {
            reason: why.code(),
            message: sentence,
            from: *from,
            to: *to,
            confidence: *confidence,
            written: false,
            latency: None,
        }
    }

    pub fn status_input(&self, target: Option<&Target>, verdict: Outcome) -> StatusInput {
        let (load, missing) = match &self.metrics {
            Some(look) => (
                QueueMetrics::sum(&look.queues),
                look.unavailable_reason.clone(),
            ),
            None => (QueueMetrics::UNAVAILABLE, Some("not read yet".to_owned())),
        };
        StatusInput {
            generation: self.generation,
            target: self.target.display(),
            replicas: target.map(|target| target.replicas),
            selector: target
                .map(|target| target.selector.clone())
                .unwrap_or_default(),
            total: load,
            unavailable_reason: missing,
            outcome: verdict,
        }
    }
}
