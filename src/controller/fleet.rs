//! All pools: what is known, what happened, what to do next. It does no IO and reads no clock: events go in, commands
//! come out, so that every order of events can be tried in a test.

use super::attend::{self, Budget, SECRET_PERIOD};
use super::drain;
use super::event::{Command, Event, Watched};
use super::lists::{Listed, Lists};
use super::plan::Plan;
use super::pool::{Acting, Judged, PoolState};
use crate::act;
use crate::api::{Key, WorkerPool};
use crate::decide::{Millis, Reason, Time};
use crate::observe::Facts;
use crate::observe::target::{Target, TargetKey};
use crate::report::{Metrics, Verdict};
use crate::web::Board;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// The state of the operator.
pub struct Fleet {
    in_cluster: bool,
    metrics: Arc<Metrics>,
    pub(super) pools: HashMap<Key, PoolState>,
    pub(super) targets: HashMap<TargetKey, Target>,
    /// Pools by target, the oldest first: only the first writes.
    claims: HashMap<TargetKey, BTreeSet<(i64, Key)>>,
    rivals: BTreeMap<Key, TargetKey>,
    lists: Lists,
    timers: BTreeSet<(Time, Key)>,
    budget: Budget,
    pub(super) board: Arc<Board>,
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
            rivals: BTreeMap::new(),
            lists: Lists::new(),
            timers: BTreeSet::new(),
            budget: Budget::default(),
            board: Arc::default(),
        }
    }

    /// When the fleet wants a [`Event::Tick`].
    #[must_use]
    pub fn next_tick(&self) -> Option<Time> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Which first lists are still awaited; empty once the fleet may act.
    #[must_use]
    pub fn awaited(&self) -> Vec<Watched> {
        self.lists.awaited()
    }

    /// Takes in what happened and answers what to do.
    pub fn on(&mut self, event: Event, now: Time) -> Vec<Command> {
        let mut todo = Vec::new();
        match event {
            Event::Pool(object) => self.pool_applied(&object, now, &mut todo),
            Event::PoolGone(key) => self.pool_gone(&key, now, &mut todo),
            Event::Target(key, target) => self.target_seen(&key, target, now, &mut todo),
            Event::Rival(name, target) => {
                let before = self.rivals.remove(&name);
                if let Some(target) = target.clone() {
                    self.rivals.insert(name, target);
                }
                for target in [before, target].into_iter().flatten() {
                    self.attend_all(&target, now, &mut todo);
                }
            }
            Event::Synced(watched) => {
                self.lists.complete(watched);
                self.attend_everyone(now, &mut todo);
            }
            Event::Unwatchable(watched, why) => {
                self.lists.failed(watched, why);
                self.attend_everyone(now, &mut todo);
            }
            Event::Facts(looks) => looks
                .into_iter()
                .for_each(|facts| self.seen(facts, now, &mut todo)),
            Event::Scaled(key, outcome, took) => self.scaled(&key, outcome, took, now, &mut todo),
            Event::Pods(key, pods) => {
                self.planned(&key, now, &mut todo, |plan| plan.listed(pods, now))
            }
            Event::Marked(key, done) => {
                self.planned(&key, now, &mut todo, |plan| plan.marked(done, now))
            }
            Event::StatusWritten(key, ok) => {
                if let Some(pool) = self.pools.get_mut(&key) {
                    pool.writing = false;
                    if !ok {
                        // What the API server has is unknown: the next look writes it again, after a second.
                        pool.status.observed_generation = None;
                        pool.written_at = Some(now);
                    }
                    self.attend(&key, now, &mut todo);
                }
            }
            Event::Secret(key, answer) => self.secret_read(&key, answer, now, &mut todo),
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
                    self.ring(&key, now, &mut todo);
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

    fn pool_applied(&mut self, object: &WorkerPool, now: Time, todo: &mut Vec<Command>) {
        let key = Key::of(object);
        let fresh = PoolState::new(object, self.in_cluster);
        // The same name with another uid is another pool.
        if self.pools.get(&key).is_some_and(|old| old.uid != fresh.uid) {
            self.pool_gone(&key, now, todo);
        }
        let before = self
            .pools
            .get(&key)
            .map(|old| (old.source.clone(), old.interval, old.target.clone()));
        if let Some(old) = self.pools.get_mut(&key)
            && (old.target != fresh.target || !old.source.is_where(&fresh.source))
        {
            drain::abandon(old, todo);
        }
        match self.pools.get_mut(&key) {
            // Our own status write comes back as an event of the same generation.
            Some(old) if (old.generation, &old.notes) == (fresh.generation, &fresh.notes) => return,
            Some(old) => old.respec(object, self.in_cluster),
            None => drop(self.pools.insert(key.clone(), fresh)),
        }
        let Some(pool) = self.pools.get(&key) else {
            return;
        };
        self.lists.want(pool.watched());
        todo.push(Command::WatchTargets(
            pool.api_version.clone(),
            pool.target.kind.clone(),
        ));
        let claim = (pool.created, key.clone());
        let (target, source, interval) = (pool.target.clone(), pool.source.clone(), pool.interval);
        if let Some((_, _, old)) = before.as_ref().filter(|(_, _, old)| *old != target) {
            self.release(old, &claim);
            self.attend_all(&old.clone(), now, todo);
        }
        self.claims.entry(target.clone()).or_default().insert(claim);
        let changed = before.as_ref().is_none_or(|(old, beat, _)| {
            (&old.address, &old.queues, *beat) != (&source.address, &source.queues, interval)
        });
        if changed {
            if let Some(address) = before.and_then(|(old, ..)| old.address) {
                todo.push(Command::Forget(address, key.clone()));
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
        self.attend_all(&target, now, todo);
    }

    fn pool_gone(&mut self, key: &Key, now: Time, todo: &mut Vec<Command>) {
        let Some(mut pool) = self.pools.remove(key) else {
            return;
        };
        self.board.gone(key);
        drain::abandon(&mut pool, todo);
        if let Some(at) = pool.timer {
            self.timers.remove(&(at, key.clone()));
        }
        if let Some(address) = pool.source.address {
            todo.push(Command::Forget(address, key.clone()));
        }
        self.release(&pool.target, &(pool.created, key.clone()));
        self.attend_all(&pool.target, now, todo);
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

    fn target_seen(
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
        self.attend_all(key, now, todo);
    }

    fn attend_all(&mut self, target: &TargetKey, now: Time, todo: &mut Vec<Command>) {
        let pools: Vec<Key> = self
            .claims
            .get(target)
            .into_iter()
            .flatten()
            .map(|(_, pool)| pool.clone())
            .collect();
        for pool in &pools {
            self.attend(pool, now, todo);
        }
    }

    fn attend_everyone(&mut self, now: Time, todo: &mut Vec<Command>) {
        let all: Vec<Key> = self.pools.keys().cloned().collect();
        for key in &all {
            self.attend(key, now, todo);
        }
    }

    fn seen(&mut self, facts: Facts, now: Time, todo: &mut Vec<Command>) {
        let key = facts.pool.clone();
        let Some(pool) = self.pools.get_mut(&key) else {
            return;
        };
        if !pool.take_in(facts, now) {
            self.attend(&key, now, todo);
        }
        self.show(&key, now);
    }

    fn secret_read(
        &mut self,
        key: &Key,
        answer: Result<String, String>,
        now: Time,
        todo: &mut Vec<Command>,
    ) {
        let Some(pool) = self.pools.get_mut(key) else {
            return;
        };
        todo.extend(pool.address_read(answer, self.in_cluster, now));
        self.attend(key, now, todo);
    }

    /// A timer of `key` ran out.
    fn ring(&mut self, key: &Key, now: Time, todo: &mut Vec<Command>) {
        let Some(pool) = self.pools.get_mut(key) else {
            return;
        };
        pool.timer = None;
        // When time may have changed the answer it is asked anew on fresh facts, not on those of the last look.
        let look = pool
            .look_at
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
                todo.push(Command::Look(address, key.clone()));
                pool.calm = false;
                attend::flush(pool, &mut self.budget, now, todo);
                self.set_timer(key, now);
            }
            None => self.attend(key, now, todo),
        }
    }

    /// Something came of what the plan of `key` asked for.
    fn planned(
        &mut self,
        key: &Key,
        now: Time,
        todo: &mut Vec<Command>,
        take_in: impl FnOnce(&mut Plan),
    ) {
        if let Some(plan) = self
            .pools
            .get_mut(key)
            .and_then(|pool| pool.plan.as_deref_mut())
        {
            take_in(plan);
            self.attend(key, now, todo);
        }
    }

    /// Why this pool must not write its target, where it must not.
    fn rival(&self, pool: &PoolState) -> Option<String> {
        let target = pool.target.display();
        if let Some((name, _)) = self
            .rivals
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
    fn attend(&mut self, key: &Key, now: Time, todo: &mut Vec<Command>) {
        let Some(pool) = self.pools.get(key) else {
            return;
        };
        let listed = self.lists.state(&pool.watched());
        if listed == Listed::NotYet {
            return;
        }
        let rival = self.rival(pool);
        let target = self.targets.get(&pool.target);
        let Some(pool) = self.pools.get_mut(key) else {
            return;
        };
        if pool.acting.is_none() {
            if let Some(target) = target {
                pool.recall(target, now);
            }
            let judged = match listed {
                Listed::Failing(why) => Judged::Trouble(Reason::TargetMissing, why),
                _ => pool.judge(target, rival, now),
            };
            match judged {
                Judged::Wait => {}
                Judged::Trouble(reason, sentence) => {
                    drain::abandon(pool, todo);
                    let to = target.map_or(0, |target| target.desired);
                    let verdict = Verdict::stay(reason, sentence, to);
                    attend::report(pool, target, verdict, None, now, todo, &self.metrics);
                }
                Judged::Decided(taken) => {
                    attend::decided(pool, target, taken, now, todo, &self.metrics);
                }
            }
        }
        attend::flush(pool, &mut self.budget, now, todo);
        if pool.plan.is_some() {
            pool.look_at = Some(
                pool.look_at
                    .map_or(now + drain::BEAT, |at| at.min(now + drain::BEAT)),
            );
        }
        let settled = pool.acting.is_none()
            && pool.plan.is_none()
            && pool.unwritten.is_none()
            && pool.failed.is_none();
        pool.calm = settled && pool.memory.last_change != Some(now);
        self.set_timer(key, now);
    }

    fn scaled(
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
        let Some(Acting { taken, verdict }) = pool.acting.take() else {
            return;
        };
        match outcome {
            Ok(done) => {
                pool.failed = None;
                if let Some(target) = self.targets.get_mut(&pool.target)
                    && target.version < done.version
                {
                    (target.desired, target.version, target.observed) =
                        (done.replicas, done.version, false);
                }
                if let Some(plan) = &mut pool.plan {
                    plan.written(verdict.from, verdict.to);
                }
                pool.memory = taken.decision.memory.clone().written(&pool.memory, now);
                tracing::info!(pool = %key, reason = %verdict.reason, from = verdict.from, to = verdict.to, "{}", verdict.sentence);
                let target = self.targets.get(&pool.target);
                // A push makes nobody leave.
                let reaction = took.filter(|_| verdict.to > verdict.from);
                let verdict = Verdict {
                    written: true,
                    reaction,
                    ..verdict
                };
                attend::report(
                    pool,
                    target,
                    verdict,
                    Some(&taken),
                    now,
                    todo,
                    &self.metrics,
                );
                attend::flush(pool, &mut self.budget, now, todo);
                let planned = pool.plan.is_some();
                self.set_timer(key, now);
                if planned {
                    self.attend(key, now, todo);
                }
            }
            Err(error) => {
                let tries = pool.failed.as_ref().map_or(0, |(tries, ..)| *tries) + 1;
                let pause =
                    Millis(i64::try_from(error.kind().pause(tries).as_millis()).unwrap_or(10_000));
                tracing::warn!(pool = %key, tries, "{error}");
                pool.failed = Some((tries, error.to_string(), now + pause));
                pool.memory = taken.decision.memory.unwritten(&pool.memory);
                self.attend(key, now, todo);
            }
        }
    }

    fn set_timer(&mut self, key: &Key, now: Time) {
        let Some(pool) = self.pools.get_mut(key) else {
            return;
        };
        self.board.touch(key, pool.acting.is_some(), now);
        let next = attend::wake_at(pool, now);
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
