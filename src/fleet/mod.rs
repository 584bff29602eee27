//! All pools: what is known, what happened, what to do next. It does no IO and reads no clock: events go in, commands
//! come out, so that every order of events can be tried in a test.

pub mod event;

mod drain;
mod outcome;
mod pool_state;
mod scale_down;
mod source;
mod views;
mod watch_sync;
mod worker_view;

use crate::act;
use crate::dashboard::DashboardStore;
use crate::observe::PollResult;
use crate::observe::target::{Target, TargetKey};
use crate::report::{Metrics, Outcome};
use api::{Key, WorkerPool};
use decide::{Millis, ReasonCode, Time};
use event::{Command, Event, Watched};
use outcome::{Budget, SECRET_PERIOD};
use pool_state::{PendingScale, PoolState, ReconcileResult};
use scale_down::ScaleDown;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use watch_sync::{SyncState, WatchSync};

/// The state of the operator.
pub struct Fleet {
    in_cluster: bool,
    metrics: Arc<Metrics>,
    pub(super) pools: HashMap<Key, PoolState>,
    pub(super) targets: HashMap<TargetKey, Target>,
    /// Pools by target, the oldest first: only the first writes.
    claims: HashMap<TargetKey, BTreeSet<(i64, Key)>>,
    autoscalers: BTreeMap<Key, TargetKey>,
    watches: WatchSync,
    timers: BTreeSet<(Time, Key)>,
    budget: Budget,
    pub(super) dashboard: Arc<DashboardStore>,
}

impl Fleet {
    /// A fleet without pools; inside a cluster a Redis host without a dot is a Service of the pool's namespace.
    #[must_use]
    pub fn new(in_cluster: bool, metrics: Arc<Metrics>) -> Self {
        Self {
            in_cluster,
            metrics,
            pools: HashMap::new(),
            targets: HashMap::new(),
            claims: HashMap::new(),
            autoscalers: BTreeMap::new(),
            watches: WatchSync::new(),
            timers: BTreeSet::new(),
            budget: Budget::default(),
            dashboard: Arc::default(),
        }
    }

    /// When the fleet wants a [`Event::Tick`].
    #[must_use]
    pub fn next_tick(&self) -> Option<Time> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Which first lists are still awaited; empty once the fleet may act.
    #[must_use]
    pub fn pending_watches(&self) -> Vec<Watched> {
        self.watches.pending()
    }

    /// Takes in what happened and answers what to do.
    pub fn on(&mut self, event: Event, now: Time) -> Vec<Command> {
        let mut todo = Vec::new();
        match event {
            Event::Pool(object) => self.on_pool_applied(&object, now, &mut todo),
            Event::PoolDeleted(key) => self.on_pool_deleted(&key, now, &mut todo),
            Event::Target(key, target) => self.on_target(&key, target, now, &mut todo),
            Event::Autoscaler(name, target) => {
                let before = self.autoscalers.remove(&name);
                if let Some(target) = target.clone() {
                    self.autoscalers.insert(name, target);
                }
                for target in [before, target].into_iter().flatten() {
                    self.reconcile_target(&target, now, &mut todo);
                }
            }
            Event::Synced(watched) => {
                self.watches.complete(watched);
                self.reconcile_all(now, &mut todo);
            }
            Event::WatchFailed(watched, why) => {
                self.watches.failed(watched, why);
                self.reconcile_all(now, &mut todo);
            }
            Event::Metrics(looks) => looks
                .into_iter()
                .for_each(|facts| self.on_metrics(facts, now, &mut todo)),
            Event::Scaled(key, outcome, took) => {
                self.on_scale_result(&key, outcome, took, now, &mut todo)
            }
            Event::Pods(key, pods) => {
                self.on_drain_event(&key, now, &mut todo, |plan| plan.listed(pods, now))
            }
            Event::Marked(key, done) => {
                self.on_drain_event(&key, now, &mut todo, |plan| plan.on_marked(done, now))
            }
            Event::StatusWritten(key, ok) => {
                if let Some(pool) = self.pools.get_mut(&key) {
                    pool.status_in_flight = false;
                    if !ok {
                        // What the API server has is unknown: the next look writes it again, after a second.
                        pool.status.observed_generation = None;
                        pool.status_written_at = Some(now);
                    }
                    self.reconcile(&key, now, &mut todo);
                }
            }
            Event::Secret(key, answer) => self.on_secret(&key, answer, now, &mut todo),
            Event::Scrape(answer) => {
                // Who asked may be gone.
                let _ = answer.send(self.gauges(now));
            }
            Event::View(wanted, answer) => {
                let _ = answer.send(self.views(wanted, now));
            }
            Event::Tick => {
                while let Some((at, key)) =
                    self.timers.first().cloned().filter(|(at, _)| *at <= now)
                {
                    self.timers.remove(&(at, key.clone()));
                    self.on_timer(&key, now, &mut todo);
                }
            }
        }
        todo
    }

    /// The operator ends, and nobody follows it: no worker may go on waiting for what will not come.
    pub fn stop(&mut self) -> Vec<Command> {
        let mut todo = Vec::new();
        self.pools
            .values_mut()
            .for_each(|pool| drain::abandon(pool, &mut todo));
        todo
    }

    fn on_pool_applied(&mut self, object: &WorkerPool, now: Time, todo: &mut Vec<Command>) {
        let key = Key::of(object);
        let fresh = PoolState::new(object, self.in_cluster);
        // The same name with another uid is another pool.
        if self.pools.get(&key).is_some_and(|old| old.uid != fresh.uid) {
            self.on_pool_deleted(&key, now, todo);
        }
        let before = self
            .pools
            .get(&key)
            .map(|old| (old.source.clone(), old.interval, old.target.clone()));
        if let Some(old) = self.pools.get_mut(&key)
            && (old.target != fresh.target || !old.source.same_place(&fresh.source))
        {
            drain::abandon(old, todo);
        }
        match self.pools.get_mut(&key) {
            // Our own status write comes back as an event of the same generation.
            Some(old)
                if (old.generation, &old.annotations) == (fresh.generation, &fresh.annotations) =>
            {
                return;
            }
            Some(old) => old.update_spec(object, self.in_cluster),
            None => drop(self.pools.insert(key.clone(), fresh)),
        }
        let Some(pool) = self.pools.get(&key) else {
            return;
        };
        self.watches.add(pool.watched());
        todo.push(Command::WatchTargets(
            pool.api_version.clone(),
            pool.target.kind.clone(),
        ));
        let claim = (pool.created, key.clone());
        let (target, source, interval) = (pool.target.clone(), pool.source.clone(), pool.interval);
        if let Some((_, _, old)) = before.as_ref().filter(|(_, _, old)| *old != target) {
            self.release(old, &claim);
            self.reconcile_target(&old.clone(), now, todo);
        }
        self.claims.entry(target.clone()).or_default().insert(claim);
        let changed = before.as_ref().is_none_or(|(old, beat, _)| {
            (&old.address, &old.queues, *beat) != (&source.address, &source.queues, interval)
        });
        if changed {
            if let Some(address) = before.and_then(|(old, ..)| old.address) {
                todo.push(Command::StopObserving(address, key.clone()));
            }
            if let Some(address) = source.address {
                todo.push(Command::Observe(
                    address,
                    key.clone(),
                    source.queues,
                    interval.to_std(),
                ));
            }
        }
        if let (Some(secret), None) = (source.secret, source.read_at) {
            todo.push(Command::ReadSecret(key, secret));
        }
        self.reconcile_target(&target, now, todo);
    }

    fn on_pool_deleted(&mut self, key: &Key, now: Time, todo: &mut Vec<Command>) {
        let Some(mut pool) = self.pools.remove(key) else {
            return;
        };
        self.dashboard.remove(key);
        drain::abandon(&mut pool, todo);
        if let Some(at) = pool.timer {
            self.timers.remove(&(at, key.clone()));
        }
        if let Some(address) = pool.source.address {
            todo.push(Command::StopObserving(address, key.clone()));
        }
        self.release(&pool.target, &(pool.created, key.clone()));
        self.reconcile_target(&pool.target, now, todo);
        tracing::info!(pool = %key, "deleted; {} keeps its present size", pool.target.display());
    }

    fn release(&mut self, target: &TargetKey, claim: &(i64, Key)) {
        if let Some(claims) = self.claims.get_mut(target) {
            claims.remove(claim);
            if claims.is_empty() {
                self.claims.remove(target);
            }
        }
    }

    fn on_target(
        &mut self,
        key: &TargetKey,
        target: Option<Target>,
        now: Time,
        todo: &mut Vec<Command>,
    ) {
        match target {
            // A late watch event must not undo what our own write is known to have made.
            Some(new)
                if self
                    .targets
                    .get(key)
                    .is_some_and(|old| old.uid == new.uid && old.version > new.version) =>
            {
                return;
            }
            Some(new) => drop(self.targets.insert(key.clone(), new)),
            None => drop(self.targets.remove(key)),
        }
        self.reconcile_target(key, now, todo);
    }

    fn reconcile_target(&mut self, target: &TargetKey, now: Time, todo: &mut Vec<Command>) {
        let pools: Vec<Key> = self
            .claims
            .get(target)
            .into_iter()
            .flatten()
            .map(|(_, pool)| pool.clone())
            .collect();
        for pool in &pools {
            self.reconcile(pool, now, todo);
        }
    }

    fn reconcile_all(&mut self, now: Time, todo: &mut Vec<Command>) {
        let all: Vec<Key> = self.pools.keys().cloned().collect();
        for key in &all {
            self.reconcile(key, now, todo);
        }
    }

    fn on_metrics(&mut self, facts: PollResult, now: Time, todo: &mut Vec<Command>) {
        let key = facts.pool.clone();
        let Some(pool) = self.pools.get_mut(&key) else {
            return;
        };
        if !pool.record_metrics(facts, now) {
            self.reconcile(&key, now, todo);
        }
        self.publish_view(&key, now);
    }

    fn on_secret(
        &mut self,
        key: &Key,
        answer: Result<String, String>,
        now: Time,
        todo: &mut Vec<Command>,
    ) {
        let Some(pool) = self.pools.get_mut(key) else {
            return;
        };
        todo.extend(pool.on_address(answer, self.in_cluster, now));
        self.reconcile(key, now, todo);
    }

    /// A timer of `key` ran out.
    fn on_timer(&mut self, key: &Key, now: Time, todo: &mut Vec<Command>) {
        let Some(pool) = self.pools.get_mut(key) else {
            return;
        };
        pool.timer = None;
        // When time may have changed the answer it is asked anew on fresh facts, not on those of the last look.
        let look = pool
            .requeue_at
            .take_if(|at| *at <= now)
            .and(pool.source.address.clone());
        if let (Some(secret), Some(read)) = (&pool.source.secret, pool.source.read_at)
            && read + SECRET_PERIOD <= now
        {
            pool.source.read_at = Some(now);
            todo.push(Command::ReadSecret(key.clone(), secret.clone()));
        }
        match look {
            Some(address) => {
                todo.push(Command::Poll(address, key.clone()));
                pool.settled = false;
                outcome::write_status(pool, &mut self.budget, now, todo);
                self.set_timer(key, now);
            }
            None => self.reconcile(key, now, todo),
        }
    }

    /// Something came of what the plan of `key` asked for.
    fn on_drain_event(
        &mut self,
        key: &Key,
        now: Time,
        todo: &mut Vec<Command>,
        take_in: impl FnOnce(&mut ScaleDown),
    ) {
        if let Some(plan) = self
            .pools
            .get_mut(key)
            .and_then(|pool| pool.scale_down.as_deref_mut())
        {
            take_in(plan);
            self.reconcile(key, now, todo);
        }
    }

    /// Why this pool must not write its target, where it must not.
    fn conflict(&self, pool: &PoolState) -> Option<String> {
        let target = pool.target.display();
        if let Some((name, _)) = self
            .autoscalers
            .iter()
            .find(|(_, scaled)| **scaled == pool.target)
        {
            let name = &name.name;
            return Some(format!(
                "HorizontalPodAutoscaler {name} scales {target} too, so this pool writes nothing: kubectl delete hpa {name}, or delete this pool"
            ));
        }
        let (_, first) = self.claims.get(&pool.target)?.first()?;
        (*first != pool.key).then(|| {
            format!(
                "the older WorkerPool {} scales {target} already, so this pool writes nothing: delete one",
                first.name
            )
        })
    }

    /// Decides on what is known of one pool, acts where the number differs, and reports.
    fn reconcile(&mut self, key: &Key, now: Time, todo: &mut Vec<Command>) {
        let Some(pool) = self.pools.get(key) else {
            return;
        };
        let listed = self.watches.state(&pool.watched());
        if listed == SyncState::Pending {
            return;
        }
        let rival = self.conflict(pool);
        let target = self.targets.get(&pool.target);
        let Some(pool) = self.pools.get_mut(key) else {
            return;
        };
        if pool.pending_scale.is_none() {
            if let Some(target) = target {
                pool.restore(target, now);
            }
            let judged = match listed {
                SyncState::Failed(why) => ReconcileResult::Blocked(ReasonCode::TargetMissing, why),
                _ => pool.evaluate(target, rival, now),
            };
            match judged {
                ReconcileResult::Wait => {}
                ReconcileResult::Blocked(reason, sentence) => {
                    drain::abandon(pool, todo);
                    let to = target.map_or(0, |target| target.desired);
                    let verdict = Outcome::blocked(reason, sentence, to);
                    outcome::record(pool, target, verdict, None, now, todo, &self.metrics);
                }
                ReconcileResult::Decided(taken) => {
                    outcome::apply_decision(pool, target, taken, now, todo, &self.metrics);
                }
            }
        }
        outcome::write_status(pool, &mut self.budget, now, todo);
        if pool.scale_down.is_some() {
            pool.requeue_at = Some(
                pool.requeue_at
                    .map_or(now + drain::POLL, |at| at.min(now + drain::POLL)),
            );
        }
        let settled = pool.pending_scale.is_none()
            && pool.scale_down.is_none()
            && pool.pending_status.is_none()
            && pool.retry.is_none();
        pool.settled = settled && pool.memory.last_change != Some(now);
        self.set_timer(key, now);
    }

    fn on_scale_result(
        &mut self,
        key: &Key,
        outcome: Result<act::Scaled, act::Error>,
        took: Option<Millis>,
        now: Time,
        todo: &mut Vec<Command>,
    ) {
        let Some(pool) = self.pools.get_mut(key) else {
            return;
        };
        let Some(PendingScale {
            evaluated: taken,
            outcome: verdict,
        }) = pool.pending_scale.take()
        else {
            return;
        };
        match outcome {
            Ok(done) => {
                pool.retry = None;
                if let Some(target) = self.targets.get_mut(&pool.target)
                    && target.version < done.version
                {
                    (target.desired, target.version, target.observed) =
                        (done.replicas, done.version, false);
                }
                if let Some(plan) = &mut pool.scale_down {
                    plan.written(verdict.from, verdict.to);
                }
                pool.memory = taken.decision.memory.clone().committed(&pool.memory, now);
                tracing::info!(pool = %key, reason = %verdict.reason, from = verdict.from, to = verdict.to, "{}", verdict.message);
                let target = self.targets.get(&pool.target);
                // A push makes nobody leave.
                let reaction = took.filter(|_| verdict.to > verdict.from);
                let verdict = Outcome {
                    written: true,
                    latency: reaction,
                    ..verdict
                };
                outcome::record(
                    pool,
                    target,
                    verdict,
                    Some(&taken),
                    now,
                    todo,
                    &self.metrics,
                );
                outcome::write_status(pool, &mut self.budget, now, todo);
                let planned = pool.scale_down.is_some();
                self.set_timer(key, now);
                if planned {
                    self.reconcile(key, now, todo);
                }
            }
            Err(error) => {
                let tries = pool.retry.as_ref().map_or(0, |(tries, ..)| *tries) + 1;
                let pause = Millis(
                    i64::try_from(error.kind().backoff(tries).as_millis()).unwrap_or(10_000),
                );
                tracing::warn!(pool = %key, tries, "{error}");
                pool.retry = Some((tries, error.to_string(), now + pause));
                pool.memory = taken.decision.memory.rolled_back(&pool.memory);
                self.reconcile(key, now, todo);
            }
        }
    }

    fn set_timer(&mut self, key: &Key, now: Time) {
        let Some(pool) = self.pools.get_mut(key) else {
            return;
        };
        self.dashboard.touch(key, pool.pending_scale.is_some(), now);
        let next = outcome::wake_at(pool, now);
        if next != pool.timer {
            if let Some(old) = pool.timer {
                self.timers.remove(&(old, key.clone()));
            }
            pool.timer = next;
            if let Some(at) = next {
                self.timers.insert((at, key.clone()));
            }
        }
    }
}
