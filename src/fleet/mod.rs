//! All pools: what is known of them, and what to do next. The fleet does no IO and reads no clock: events go in, commands
//! come out, so a test can try every order of events.

pub mod event;

mod contest;
mod evaluation;
mod gone;
mod identity;
mod intent;
mod namespaces;
mod objects;
mod observed;
mod outcome;
mod pool_events;
mod pool_state;
mod publication;
mod reconcile;
mod scale_down;
mod source;
mod status_budget;
mod views;
mod watch_sync;
mod worker_view;
mod write_rate;

use crate::act;
use crate::dashboard::DashboardStore;
use crate::observe::target::{Target, TargetKey, TargetKind};
use crate::observe::{Epoch, ObjectRef, PollResult, Values};
use crate::report::Metrics;
use api::Key;
use decide::{Millis, Time, Unavailable};
use event::{Command, Event, PoolRef, Watched};
use intent::Retry;
use namespaces::Namespaces;
use objects::Objects;
use pool_state::PoolState;
use scale_down::ScaleDown;
use status_budget::StatusBudget;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use watch_sync::WatchSync;
use write_rate::WriteRate;

/// The state of the operator.
#[derive(Default)]
pub struct Fleet {
    /// The time of the event that is being handled, and what to do because of it.
    now: Time,
    commands: Vec<Command>,
    in_cluster: bool,
    metrics: Arc<Metrics>,
    pools: HashMap<Key, PoolState>,
    targets: HashMap<TargetKey, Target>,
    /// Why a target that exists is not in `targets`.
    unreadable: HashMap<TargetKey, String>,
    /// Pools by target, the oldest first: only the first one scales it.
    claims: HashMap<TargetKey, BTreeSet<(i64, Key)>>,
    autoscalers: BTreeMap<Key, TargetKey>,
    watches: WatchSync,
    objects: Objects,
    timers: BTreeSet<(Time, Key)>,
    namespaces: Namespaces,
    statuses: StatusBudget,
    scales: WriteRate,
    /// No pool is polled more often, whatever its spec says.
    min_interval: Millis,
    last_epoch: Epoch,
    dashboard: Arc<DashboardStore>,
}

impl Fleet {
    /// A fleet without pools. `in_cluster`: a Redis host without a dot is a Service of the pool's namespace.
    pub fn new(in_cluster: bool, metrics: Arc<Metrics>) -> Self {
        Self {
            in_cluster,
            metrics,
            ..Self::default()
        }
    }

    /// The same fleet, which watches only these namespaces, each on its own; all if there is none.
    #[must_use]
    pub fn watching(mut self, namespaces: &[String]) -> Self {
        self.watches = WatchSync::new(namespaces);
        self
    }

    /// The same fleet, whose pools may have targets of these kinds besides those of `apps/v1`.
    #[must_use]
    pub fn allowing(mut self, kinds: &[TargetKind]) -> Self {
        for TargetKind { api_version, kind } in kinds {
            let watched = Watched::Targets(api_version.clone(), kind.clone());
            self.watches.allow(watched);
        }
        self
    }

    /// The same fleet, which polls no pool more often than this.
    #[must_use]
    pub fn polling_at_most_every(mut self, interval: api::Duration) -> Self {
        self.min_interval = interval.0;
        self
    }

    /// When the fleet needs the next [`Event::Tick`].
    pub fn next_tick(&self) -> Option<Time> {
        let timer = self.timers.first().map(|(at, _)| *at);
        timer.into_iter().chain(self.statuses.next_at()).min()
    }

    /// The initial lists that are not complete yet; empty once the fleet may act.
    pub fn pending_watches(&self) -> Vec<Watched> {
        self.watches.pending()
    }

    /// An epoch that begins now.
    fn new_epoch(&mut self) -> Epoch {
        self.last_epoch.0 += 1;
        self.last_epoch
    }

    /// Handles an event. Returns what to do.
    pub fn on(&mut self, event: Event, now: Time) -> Vec<Command> {
        self.now = now;
        match event {
            Event::Pool(object) => self.on_pool_applied(&object),
            Event::PoolDeleted(key) => self.on_pool_deleted(&key),
            Event::Target(key, target) => self.on_target(&key, target),
            Event::TargetUnreadable(key, error) => self.on_target_unreadable(&key, error),
            Event::Autoscaler(name, target) => self.on_autoscaler(name, target),
            Event::Synced(watched, scope) => {
                self.watches.on_synced(watched.clone(), scope.clone());
                self.reconcile_watched((&watched, &scope));
            }
            Event::WatchFailed(watched, scope, error) => {
                self.watches
                    .on_failed(watched.clone(), scope.clone(), error);
                self.reconcile_watched((&watched, &scope));
            }
            Event::Metrics(results) => results.into_iter().for_each(|it| self.on_metrics(it)),
            Event::Scaled(pool, result, latency) => self.on_scale_result(&pool, result, latency),
            Event::Pods(pool, pods) => {
                self.on_pods_listed(&pool, &pods);
                self.on_drain_event(&pool, |it| it.on_pods(pods, now));
            }
            Event::Marked(pool, result) => {
                self.on_drain_event(&pool, |it| it.on_marked(result, now));
            }
            Event::StatusWritten(pool, result) => self.on_status_written(&pool, result),
            Event::Object(object, values) => self.on_object(&object, values),
            // The receiver of an answer may be gone.
            Event::Scrape(answer) => drop(answer.send(self.gauges())),
            Event::View(query, answer) => drop(answer.send(self.views(query))),
            Event::ClockStep(by) => self.on_clock_step(by),
            Event::Tick => self.on_tick(),
        }
        std::mem::take(&mut self.commands)
    }

    /// Reverts all scale-downs: the operator stops and no other one takes over, so nothing else would let the workers
    /// resume.
    pub fn stop(&mut self) -> Vec<Command> {
        for pool in self.pools.values_mut() {
            scale_down::abandon(pool, &mut self.commands);
        }
        std::mem::take(&mut self.commands)
    }

    fn on_target(&mut self, key: &TargetKey, target: Option<Target>) {
        match target {
            // The last event of a watch that has ended.
            Some(_) if !self.watches.shows(key) => return,
            // A late watch event must not overwrite what our own write is known to have changed.
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
        self.unreadable.remove(key);
        self.reconcile_target(key);
    }

    fn on_target_unreadable(&mut self, key: &TargetKey, error: String) {
        if self.watches.shows(key) {
            self.targets.remove(key);
            self.unreadable.insert(key.clone(), error);
            self.reconcile_target(key);
        }
    }

    fn on_autoscaler(&mut self, name: Key, target: Option<TargetKey>) {
        let before = self.autoscalers.remove(&name);
        if let Some(target) = target.clone() {
            self.autoscalers.insert(name, target);
        }
        for target in [before, target].into_iter().flatten() {
            self.reconcile_target(&target);
        }
    }

    fn on_metrics(&mut self, mut result: PollResult) {
        let key = result.pool.clone();
        let Some(pool) = self.pools.get_mut(&key) else {
            return;
        };
        if pool.observed.epoch != result.epoch {
            return;
        }
        if let Some(target) = self.targets.get(&pool.identity.target) {
            pool.remove_gone(&mut result, target, self.now, &mut self.commands);
        }
        if !pool.record_metrics(result, self.now) {
            self.reconcile(&key);
        }
        self.publish_view(&key);
    }

    fn on_status_written(
        &mut self,
        PoolRef { key, epoch }: &PoolRef,
        result: Result<(), act::Error>,
    ) {
        let Some(pool) = self.pools.get_mut(key) else {
            return;
        };
        if pool.epoch != *epoch {
            return;
        }
        pool.publication.in_flight = false;
        pool.publication.retry = match result {
            Ok(()) => None,
            Err(error) => {
                // It is unknown which status the API server has: any one is written again.
                pool.publication.status.observed_generation = None;
                let retry = Retry::after(pool.publication.retry.as_ref(), &error, self.now);
                tracing::warn!(pool = %key, attempts = retry.attempts, "cannot write the status: {error}");
                Some(retry)
            }
        };
        self.reconcile(key);
    }

    fn on_object(&mut self, object: &ObjectRef, values: Result<Values, Unavailable>) {
        for key in self.objects.update(object, values) {
            let epoch = self.new_epoch();
            if let Some(pool) = self.pools.get_mut(&key) {
                pool.renew(&self.objects, epoch, self.now, &mut self.commands);
                self.reconcile(&key);
            }
        }
    }

    /// Handles the result of a command of the scale-down of `key`.
    fn on_drain_event(
        &mut self,
        PoolRef { key, epoch }: &PoolRef,
        update: impl FnOnce(&mut ScaleDown),
    ) {
        if let Some(scale_down) = self
            .pools
            .get_mut(key)
            .filter(|pool| pool.intent.epoch == *epoch)
            .and_then(|pool| pool.intent.scale_down.as_deref_mut())
        {
            update(scale_down);
            self.reconcile(key);
        }
    }

    /// Moves what is remembered, so that as much time has passed since then as before. The instants of schedules and pins
    /// stay, and are decided on again.
    fn on_clock_step(&mut self, by: Millis) {
        self.timers.clear();
        self.scales.reset();
        self.statuses.reset();
        for pool in self.pools.values_mut() {
            pool.shift(by);
        }
        self.reconcile_all();
    }

    fn on_tick(&mut self) {
        let now = self.now;
        while let Some((at, key)) = self.timers.first().cloned().filter(|(at, _)| *at <= now) {
            self.timers.remove(&(at, key.clone()));
            self.on_timer(&key);
        }
        while let Some(key) = self.statuses.next(&self.namespaces, now) {
            if let Some(mut it) = self.reconciliation(&key) {
                it.on_status_turn();
                self.set_timer(&key);
            }
        }
    }

    /// Handles an expired timer of a pool.
    fn on_timer(&mut self, key: &Key) {
        let Some(pool) = self.pools.get_mut(key) else {
            return;
        };
        pool.timer = None;
        // If time may have changed the decision, decide on new metrics and not on those of the last poll.
        let poll = pool
            .requeue_at
            .take_if(|at| *at <= self.now)
            .and(pool.observed.source.redis.clone());
        match poll {
            Some(redis) => {
                let number = pool.observed.number.get();
                self.commands
                    .push(Command::Poll(redis, key.clone(), number));
                pool.settled = false;
                if let Some(mut it) = self.reconciliation(key) {
                    it.write_status();
                }
                self.set_timer(key);
            }
            None => self.reconcile(key),
        }
    }

    fn set_timer(&mut self, key: &Key) {
        let Some(pool) = self.pools.get_mut(key) else {
            return;
        };
        self.dashboard
            .touch(key, pool.intent.pending_scale.is_some(), self.now);
        let next = outcome::wake_at(pool, self.now);
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
