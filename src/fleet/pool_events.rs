//! Pools that are created, changed or deleted.

use super::Fleet;
use super::event::{Command, Watched};
use super::identity::Identity;
use super::pool_state::PoolState;
use super::scale_down;
use super::source::Source;
use crate::observe::target::TargetKey;
use api::{Key, WorkerPool};

impl Fleet {
    pub(super) fn on_pool_applied(&mut self, object: &WorkerPool) {
        let key = Key::of(object);
        let epoch = self.new_epoch();
        let mut fresh = PoolState::new(object, self.in_cluster, epoch);
        fresh.identity.raise_interval(self.min_interval);
        fresh.intent.inherited = !self.watches.is_complete(&Watched::Pools, &key.namespace);
        // The same name with another UID is another pool. Its watch need not begin again.
        let watched = fresh.watched();
        let old = self.pools.get(&key);
        let is_another = old.is_some_and(|old| old.identity.uid != fresh.identity.uid);
        if is_another {
            self.watch(&watched);
            self.on_pool_deleted(&key);
        }
        let previous = if let Some(pool) = self.pools.get_mut(&key) {
            if pool.identity.target != fresh.identity.target
                || !pool.observed.source.has_same_queues(&fresh.observed.source)
            {
                scale_down::abandon(pool, &mut self.commands);
            }
            // Our own status write comes back as an event of the same generation.
            if (pool.identity.generation, &pool.identity.annotations)
                == (fresh.identity.generation, &fresh.identity.annotations)
            {
                return;
            }
            Some(pool.update_spec(fresh))
        } else {
            self.namespaces.add_pool(&key.namespace);
            self.pools.insert(key.clone(), fresh);
            None
        };
        let Some(pool) = self.pools.get_mut(&key) else {
            return;
        };
        let target = pool.identity.target.clone();
        let claim = (pool.identity.created, key.clone());
        let mut observe = observe_commands(pool, previous.as_ref());
        let references = pool.observed.source.references();
        self.objects.use_by(&key, references, &mut observe);
        pool.renew(&self.objects, epoch, self.now, &mut observe);
        let before = previous.as_ref().map(|(old, _)| old.watched());
        if before.as_ref() != Some(&watched) && !is_another {
            self.watch(&watched);
            if let Some(before) = before {
                self.unwatch(&before);
            }
        }
        if let Some(old) = previous
            .map(|(old, _)| old.target)
            .filter(|old| *old != target)
        {
            self.release(&old, &claim);
            self.reconcile_target(&old);
        }
        self.claims.entry(target.clone()).or_default().insert(claim);
        self.commands.extend(observe);
        self.reconcile_target(&target);
    }

    pub(super) fn on_pool_deleted(&mut self, key: &Key) {
        let Some(mut pool) = self.pools.remove(key) else {
            return;
        };
        self.namespaces.remove_pool(&key.namespace);
        self.dashboard.remove(key);
        self.metrics.forget(key);
        scale_down::abandon(&mut pool, &mut self.commands);
        if let Some(at) = pool.timer {
            self.timers.remove(&(at, key.clone()));
        }
        self.objects.use_by(key, Vec::new(), &mut self.commands);
        if let Some(redis) = pool.observed.source.redis.take() {
            self.commands
                .push(Command::StopObserving(redis, key.clone()));
        }
        self.release(&pool.identity.target, &(pool.identity.created, key.clone()));
        self.unwatch(&pool.watched());
        self.reconcile_target(&pool.identity.target);
        tracing::info!(pool = %key, "deleted; {} keeps its replica count", pool.identity.target.display());
    }

    /// One more pool has targets of this kind.
    fn watch(&mut self, kind: &Watched) {
        if let Watched::Targets(api_version, name) = kind
            && self.watches.add(kind)
        {
            self.commands
                .push(Command::WatchTargets(api_version.clone(), name.clone()));
        }
    }

    /// One pool fewer has targets of this kind. After the last nothing is known of them.
    fn unwatch(&mut self, kind: &Watched) {
        if let Watched::Targets(api_version, name) = kind
            && self.watches.remove(kind)
        {
            self.commands
                .push(Command::UnwatchTargets(api_version.clone(), name.clone()));
            self.targets.retain(|target, _| self.watches.shows(target));
            self.unreadable
                .retain(|target, _| self.watches.shows(target));
        }
    }

    fn release(&mut self, target: &TargetKey, claim: &(i64, Key)) {
        if let Some(claims) = self.claims.get_mut(target) {
            claims.remove(claim);
            if claims.is_empty() {
                self.claims.remove(target);
            }
        }
    }
}

/// Observes the queues of a new or changed pool.
fn observe_commands(pool: &PoolState, previous: Option<&(Identity, Source)>) -> Vec<Command> {
    let source = &pool.observed.source;
    let mut commands = Vec::new();
    let has_changed = previous.is_none_or(|(identity, old)| {
        (&old.redis, &old.queues, identity.interval)
            != (&source.redis, &source.queues, pool.identity.interval)
    });
    if has_changed {
        if let Some(redis) = previous.and_then(|(_, old)| old.redis.clone()) {
            commands.push(Command::StopObserving(redis, pool.key.clone()));
        }
        if let Some(redis) = source.redis.clone() {
            commands.push(Command::Observe(
                redis,
                pool.as_observed(),
                source.queues.clone(),
                pool.identity.interval.to_std(),
            ));
        }
    }
    commands
}
