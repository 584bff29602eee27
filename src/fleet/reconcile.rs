//! Reconciles pools: decides, requests the writes, and takes the result of a scale.

use super::Fleet;
use super::evaluation::ReconcileResult;
use super::event::{PoolRef, Scope, Watched};
use super::outcome::Reconciliation;
use super::pool_state::PoolState;
use super::scale_down;
use super::watch_sync::SyncState;
use crate::act;
use crate::observe::target::TargetKey;
use crate::report::Outcome;
use api::Key;
use decide::{Millis, Reason};

impl Fleet {
    /// Reconciles all pools of a target.
    pub(super) fn reconcile_target(&mut self, target: &TargetKey) {
        for (_, pool) in self.claims.get(target).cloned().unwrap_or_default() {
            self.reconcile(&pool);
        }
    }

    /// Reconciles the pools that depend on a watch.
    pub(super) fn reconcile_watched(&mut self, watch: (&Watched, &Scope)) {
        let pools = self.pools.values().filter(|pool| {
            let namespace = &pool.key.namespace;
            self.watches.concerns(watch, &pool.watched(), namespace)
        });
        let keys: Vec<Key> = pools.map(|pool| pool.key.clone()).collect();
        for key in &keys {
            self.reconcile(key);
        }
    }

    pub(super) fn reconcile_all(&mut self) {
        let keys: Vec<Key> = self.pools.keys().cloned().collect();
        for key in &keys {
            self.reconcile(key);
        }
    }

    /// Decides on what is known of one pool, requests a scale if the replica count differs, and records the outcome.
    pub(super) fn reconcile(&mut self, key: &Key) {
        let now = self.now;
        let Some(pool) = self.pools.get(key) else {
            return;
        };
        let unreadable = match self.watches.state(&pool.watched(), &key.namespace) {
            SyncState::Pending => return,
            SyncState::Failed(error) => Some(error),
            SyncState::Synced => self.unreadable.get(&pool.identity.target).cloned(),
        };
        let conflict = self.conflict(pool);
        let epoch = self.new_epoch();
        let Some(mut it) = self.reconciliation(key) else {
            return;
        };
        let (pool, target) = (&mut *it.pool, it.target);
        if let Some(target) = target {
            pool.meet(target, epoch, it.commands);
        }
        if pool.intent.pending_scale.is_none() {
            if let Some(target) = target {
                pool.restore(target, now);
            }
            let result = match unreadable {
                Some(_) => ReconcileResult::Blocked(pool.target_missing(unreadable)),
                None => pool.evaluate(target, conflict, now),
            };
            match result {
                ReconcileResult::Wait => {}
                ReconcileResult::Blocked(reason) => {
                    scale_down::abandon(pool, it.commands);
                    let replicas = target.map_or(0, |target| target.desired);
                    it.record(Outcome::new(reason, replicas, replicas, 0), None);
                }
                ReconcileResult::Decided(evaluated) => it.apply(evaluated),
            }
        }
        it.write_status();
        let pool = it.pool;
        if pool.intent.scale_down.is_some() {
            pool.requeue_by(now + scale_down::POLL);
        }
        pool.settled = pool.intent.pending_scale.is_none()
            && pool.intent.scale_down.is_none()
            && pool.publication.pending.is_none()
            && pool.intent.retry.is_none()
            && pool.intent.memory.last_change != Some(now);
        self.set_timer(key);
    }

    /// What it takes to carry out a decision on this pool.
    pub(super) fn reconciliation(&mut self, key: &Key) -> Option<Reconciliation<'_>> {
        let pool = self.pools.get_mut(key)?;
        Some(Reconciliation {
            target: self.targets.get(&pool.identity.target),
            pool,
            now: self.now,
            commands: &mut self.commands,
            metrics: &self.metrics,
            namespaces: &self.namespaces,
            statuses: &mut self.statuses,
            scales: &mut self.scales,
        })
    }

    /// Why this pool must not scale its target, if so.
    fn conflict(&self, pool: &PoolState) -> Option<Reason> {
        let conflict = |pool: Option<String>, autoscaler: Option<String>, target: &TargetKey| {
            Reason::TargetConflict {
                target: target.display(),
                pool,
                autoscaler,
            }
        };
        if let Some((name, _)) = self
            .autoscalers
            .iter()
            .find(|(_, scaled)| **scaled == pool.identity.target)
        {
            let autoscaler = Some(name.name.to_string());
            return Some(conflict(None, autoscaler, &pool.identity.target));
        }
        let (_, oldest) = self.claims.get(&pool.identity.target)?.first()?;
        let older = oldest.name.to_string();
        (*oldest != pool.key).then(|| conflict(Some(older), None, &pool.identity.target))
    }

    pub(super) fn on_scale_result(
        &mut self,
        PoolRef { key, epoch }: &PoolRef,
        result: Result<act::Scaled, act::Error>,
        latency: Option<Millis>,
    ) {
        let Some(pool) = self
            .pools
            .get_mut(key)
            .filter(|pool| pool.intent.epoch == *epoch)
        else {
            return;
        };
        let Some(pending) = pool.intent.pending_scale.take() else {
            return;
        };
        if let Ok(scaled) = &result
            && let Some(target) = self.targets.get_mut(&pool.identity.target)
            && target.version < scaled.version
        {
            target.desired = scaled.replicas;
            target.version = scaled.version;
            target.observed = false;
        }
        let Some(mut it) = self.reconciliation(key) else {
            return;
        };
        let decide_again = match result {
            Ok(_) => {
                it.on_scaled(pending, latency);
                it.pool.intent.scale_down.is_some()
            }
            Err(error) => {
                it.on_scale_failed(&pending, &error);
                true
            }
        };
        if decide_again {
            self.reconcile(key);
        } else {
            self.set_timer(key);
        }
    }
}
