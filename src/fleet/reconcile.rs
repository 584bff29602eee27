//! Reconciles pools: decides, requests the writes, and takes the result of a scale.

use super::Fleet;
use super::evaluation::ReconcileResult;
use super::event::{Command, PoolRef};
use super::outcome;
use super::pool_state::{PendingScale, PoolState, Retry};
use super::scale_down;
use super::watch_sync::SyncState;
use crate::act;
use crate::observe::target::TargetKey;
use crate::report::Outcome;
use api::Key;
use decide::{Millis, Reason, Time};

impl Fleet {
    /// Reconciles all pools of a target.
    pub(super) fn reconcile_target(
        &mut self,
        target: &TargetKey,
        now: Time,
        commands: &mut Vec<Command>,
    ) {
        let pools: Vec<Key> = self
            .claims
            .get(target)
            .into_iter()
            .flatten()
            .map(|(_, pool)| pool.clone())
            .collect();
        for pool in &pools {
            self.reconcile(pool, now, commands);
        }
    }

    pub(super) fn reconcile_all(&mut self, now: Time, commands: &mut Vec<Command>) {
        let keys: Vec<Key> = self.pools.keys().cloned().collect();
        for key in &keys {
            self.reconcile(key, now, commands);
        }
    }

    /// Decides on what is known of one pool, requests a scale if the replica count differs, and records the outcome.
    pub(super) fn reconcile(&mut self, key: &Key, now: Time, commands: &mut Vec<Command>) {
        let Some(pool) = self.pools.get(key) else {
            return;
        };
        let sync_state = self.watches.state(&pool.watched(), &key.namespace);
        if sync_state == SyncState::Pending {
            return;
        }
        let conflict = self.conflict(pool);
        let epoch = self.new_epoch();
        let Some(pool) = self.pools.get_mut(key) else {
            return;
        };
        let target = self.targets.get(&pool.target);
        if let Some(target) = target {
            pool.meet(target, epoch, commands);
        }
        if pool.pending_scale.is_none() {
            if let Some(target) = target {
                pool.restore(target, now);
            }
            let result = match sync_state {
                SyncState::Failed(error) => {
                    ReconcileResult::Blocked(pool.target_missing(Some(error)))
                }
                _ => pool.evaluate(target, conflict, now),
            };
            match result {
                ReconcileResult::Wait => {}
                ReconcileResult::Blocked(reason) => {
                    scale_down::abandon(pool, commands);
                    let replicas = target.map_or(0, |target| target.desired);
                    let outcome = Outcome::new(reason, replicas, replicas, 0);
                    outcome::record(pool, target, outcome, None, now, commands, &self.metrics);
                }
                ReconcileResult::Decided(evaluated) => {
                    outcome::apply_decision(pool, target, evaluated, now, commands, &self.metrics);
                }
            }
        }
        outcome::write_status(pool, &mut self.budget, now, commands);
        if pool.scale_down.is_some() {
            let poll_at = now + scale_down::POLL;
            pool.requeue_at = Some(pool.requeue_at.map_or(poll_at, |at| at.min(poll_at)));
        }
        pool.settled = pool.pending_scale.is_none()
            && pool.scale_down.is_none()
            && pool.pending_status.is_none()
            && pool.retry.is_none()
            && pool.memory.last_change != Some(now);
        self.set_timer(key, now);
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
            .find(|(_, scaled)| **scaled == pool.target)
        {
            let autoscaler = Some(name.name.to_string());
            return Some(conflict(None, autoscaler, &pool.target));
        }
        let (_, oldest) = self.claims.get(&pool.target)?.first()?;
        let older = oldest.name.to_string();
        (*oldest != pool.key).then(|| conflict(Some(older), None, &pool.target))
    }

    pub(super) fn on_scale_result(
        &mut self,
        PoolRef { key, epoch }: &PoolRef,
        result: Result<act::Scaled, act::Error>,
        latency: Option<Millis>,
        now: Time,
        commands: &mut Vec<Command>,
    ) {
        let Some(pool) = self
            .pools
            .get_mut(key)
            .filter(|pool| pool.epochs.target == *epoch)
        else {
            return;
        };
        let Some(pending) = pool.pending_scale.take() else {
            return;
        };
        match result {
            Ok(scaled) => self.on_scaled(key, &scaled, pending, latency, now, commands),
            Err(error) => {
                let retry = Retry::after(pool.retry.as_ref(), &error, now);
                tracing::warn!(pool = %key, attempts = retry.attempts, "{error}");
                pool.retry = Some(retry);
                pool.memory = pending.evaluated.decision.memory.rolled_back(&pool.memory);
                self.reconcile(key, now, commands);
            }
        }
    }

    fn on_scaled(
        &mut self,
        key: &Key,
        scaled: &act::Scaled,
        PendingScale { evaluated, outcome }: PendingScale,
        latency: Option<Millis>,
        now: Time,
        commands: &mut Vec<Command>,
    ) {
        let Some(pool) = self.pools.get_mut(key) else {
            return;
        };
        pool.retry = None;
        if let Some(target) = self.targets.get_mut(&pool.target)
            && target.version < scaled.version
        {
            target.desired = scaled.replicas;
            target.version = scaled.version;
            target.observed = false;
        }
        if let Some(scale_down) = &mut pool.scale_down {
            scale_down.on_scaled(outcome.from, outcome.to);
        }
        let memory = evaluated.decision.memory.clone();
        pool.memory = memory.committed(&pool.memory, now);
        tracing::info!(pool = %key, reason = %outcome.code(), from = outcome.from, to = outcome.to, "{}", outcome.explanation().message);
        let target = self.targets.get(&pool.target);
        let outcome = Outcome {
            written: true,
            // Pushed tasks cause no scale-down, so it has no latency.
            latency: latency.filter(|_| outcome.to > outcome.from),
            ..outcome
        };
        outcome::record(
            pool,
            target,
            outcome,
            Some(&evaluated),
            now,
            commands,
            &self.metrics,
        );
        outcome::write_status(pool, &mut self.budget, now, commands);
        let scales_down = pool.scale_down.is_some();
        self.set_timer(key, now);
        if scales_down {
            self.reconcile(key, now, commands);
        }
    }
}
