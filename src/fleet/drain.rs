//! A scale-down in two steps: those that will go are told to take no more tasks, and only when they hold none are their
//! pods marked and the scale written. What is left over is taken back.

use super::event::Command;
use crate::fleet::pool_state::PoolState;
use crate::observe::Address;
use crate::observe::target::{Target, TargetKey};
use api::Key;
use decide::victims::{Pod, VictimOrder};
use decide::{Millis, Time};

/// How often a plan that waits looks.
pub(super) const POLL: Millis = Millis(500);

/// Where a plan takes place.
pub(super) struct ScaleDownContext<'a> {
    pub pool: &'a Key,
    pub address: Option<&'a Address>,
    pub key: &'a TargetKey,
    pub target: &'a Target,
    pub order: VictimOrder,
    pub timeout: Millis,
    pub now: Time,
}

/// Prepares the way down to `wish`. `None`: all who will go are empty and marked, and the scale may be written; else
/// what is awaited.
pub(super) fn down(
    pool: &mut PoolState,
    target: &Target,
    wish: i32,
    now: Time,
    todo: &mut Vec<Command>,
) -> Option<String> {
    let mut plan = pool.scale_down.take().unwrap_or_default();
    let awaited = pool
        .scale_down_context(target, now)
        .and_then(|on| plan.down(&on, wish, todo));
    pool.scale_down = Some(plan);
    awaited
}

/// Takes back what is left of a plan, where there is one.
pub(super) fn end(pool: &mut PoolState, target: &Target, now: Time, todo: &mut Vec<Command>) {
    let Some(mut plan) = pool.scale_down.take() else {
        return;
    };
    let done = pool
        .scale_down_context(target, now)
        .is_none_or(|on| plan.end(&on, todo));
    pool.scale_down = Some(plan).filter(|_| !done);
}

/// Takes back what this process did, at once and without another look: the pool is gone, or its target or its Redis is
/// another one now, or somebody else scales it.
pub(super) fn abandon(pool: &mut PoolState, todo: &mut Vec<Command>) {
    let Some(plan) = pool.scale_down.take() else {
        return;
    };
    // What it could not take back is looked for anew.
    pool.leftovers_checked = false;
    let (marked, draining) = plan.undo();
    if !marked.is_empty() {
        todo.push(Command::Mark(pool.key.clone(), marked));
    }
    if let (Some(address), false) = (&pool.source.address, draining.is_empty()) {
        todo.push(Command::Drain(
            address.clone(),
            pool.key.clone(),
            draining,
            false,
        ));
    }
}

impl PoolState {
    pub(super) fn scale_down_context<'a>(
        &'a self,
        target: &'a Target,
        now: Time,
    ) -> Option<ScaleDownContext<'a>> {
        let (key, timeout) = (&self.target, self.drain_timeout);
        let order = self.victim_order()?;
        let address = self.source.address.as_ref();
        Some(ScaleDownContext {
            pool: &self.key,
            address,
            key,
            target,
            order,
            timeout,
            now,
        })
    }
}

impl ScaleDownContext<'_> {
    pub fn owns(&self, pod: &Pod) -> bool {
        let Some((kind, name)) = pod.owner.split_once('/') else {
            return false;
        };
        let target = &*self.key.object.name;
        match &*self.key.kind {
            // The owner is a ReplicaSet, named by the Deployment and a hash without a hyphen.
            "Deployment" => {
                kind == "ReplicaSet" && name.rsplit_once('-').is_some_and(|(of, _)| of == target)
            }
            own => kind == own && name == target,
        }
    }
}
