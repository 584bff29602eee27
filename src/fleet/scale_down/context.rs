//! The scale-down of one pool: prepares it, reverts it, or abandons it.

use crate::fleet::event::{Command, PoolRef};
use crate::fleet::pool_state::PoolState;
use crate::observe::target::{Target, TargetKey};
use crate::observe::{PollNumber, Redis};
use api::grace_for;
use decide::victims::{Pod, VictimOrder};
use decide::{Millis, Time, Waiting};
use queues::{Queue, Support};
use std::cell::Cell;

/// What a scale-down needs to know of its pool.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts, each with its name"
)]
pub(in crate::fleet) struct ScaleDownContext<'a> {
    pub pool: PoolRef,
    pub redis: Option<&'a Redis>,
    /// The number of the last request to its Redis.
    pub number: &'a Cell<PollNumber>,
    pub target_key: &'a TargetKey,
    pub target: &'a Target,
    pub order: VictimOrder,
    pub timeout: Millis,
    /// Whether the end of a pod leaves its tasks the time to finish, as far as is known.
    pub grace_suffices: bool,
    /// Whether workers say who is busy.
    pub has_registry: bool,
    /// Whether the list of clients of Redis says who is.
    pub lists_clients: bool,
    /// Whether each worker that lives is registered.
    pub registrations_complete: bool,
    pub now: Time,
}

/// Prepares the scale-down to `replicas`. Returns what it waits for; `None` once all victims are idle and marked, and the
/// scale may be written.
pub(in crate::fleet) fn prepare(
    pool: &mut PoolState,
    target: &Target,
    replicas: i32,
    now: Time,
    commands: &mut Vec<Command>,
) -> Option<Waiting> {
    let mut scale_down = pool.intent.scale_down.take().unwrap_or_default();
    let waiting_for = pool
        .scale_down_context(target, now)
        .and_then(|context| scale_down.advance(&context, replicas));
    commands.append(&mut scale_down.commands);
    pool.intent.scale_down = Some(scale_down);
    waiting_for
}

/// Reverts a scale-down that was prepared, if any.
pub(in crate::fleet) fn revert(
    pool: &mut PoolState,
    target: &Target,
    now: Time,
    commands: &mut Vec<Command>,
) {
    let Some(mut scale_down) = pool.intent.scale_down.take() else {
        return;
    };
    let is_done = pool
        .scale_down_context(target, now)
        .is_none_or(|context| scale_down.revert(&context));
    commands.append(&mut scale_down.commands);
    pool.intent.scale_down = Some(scale_down).filter(|_| !is_done);
}

/// Reverts what this process did, at once and without another poll: the pool is deleted, its target or its Redis has
/// changed, or something else scales the target.
pub(in crate::fleet) fn abandon(pool: &mut PoolState, commands: &mut Vec<Command>) {
    let Some(scale_down) = pool.intent.scale_down.take() else {
        return;
    };
    // A scale that is being written is about to remove the victims: a worker that resumed now could be removed with a
    // task. If the write fails, the requests to drain expire.
    if pool
        .intent
        .pending_scale
        .as_ref()
        .is_some_and(|pending| pending.outcome.to < pending.outcome.from)
    {
        return;
    }
    // Check again for leftovers, in case not everything could be reverted.
    pool.observed.first_checked = None;
    let (marks, workers) = scale_down.undo();
    if !marks.is_empty() {
        commands.push(Command::Mark(pool.as_scaled(), marks));
    }
    if let (Some(redis), false) = (&pool.observed.source.redis, workers.is_empty()) {
        commands.push(Command::Drain(
            redis.clone(),
            pool.key.clone(),
            workers,
            false,
            pool.observed.number.get(),
        ));
    }
}

impl PoolState {
    pub(in crate::fleet) fn scale_down_context<'a>(
        &'a self,
        target: &'a Target,
        now: Time,
    ) -> Option<ScaleDownContext<'a>> {
        Some(ScaleDownContext {
            pool: self.as_scaled(),
            redis: self.observed.source.redis.as_ref(),
            number: &self.observed.number,
            target_key: &self.identity.target,
            target,
            order: self.victim_order()?,
            timeout: self.identity.drain_timeout,
            grace_suffices: self.grace_suffices(target),
            has_registry: self.can_select_victims(),
            lists_clients: self.lists_clients(),
            registrations_complete: self.observed.registrations_are_complete(now),
            now,
        })
    }
}

impl PoolState {
    /// Whether each library finishes its tasks at SIGTERM, and the grace is longer than the longest of them.
    fn grace_suffices(&self, target: &Target) -> bool {
        let mut queues = self.observed.source.queues.iter();
        let finishes = |queue: &Queue| queue.system().capabilities().sigterm == Support::Exact;
        let grace = target.grace.zip(self.observed.longest_task);
        grace.is_some_and(|(grace, longest)| grace >= grace_for(longest)) && queues.all(finishes)
    }
}

impl ScaleDownContext<'_> {
    /// The number of a new request.
    pub fn next_number(&self) -> PollNumber {
        let PollNumber(last) = self.number.get();
        self.number.set(PollNumber(last + 1));
        self.number.get()
    }

    /// Whether `pod` belongs to the target.
    pub fn owns(&self, pod: &Pod) -> bool {
        let Some((kind, name)) = pod.owner.split_once('/') else {
            return false;
        };
        let target = &*self.target_key.object.name;
        match &*self.target_key.kind {
            // The owner is a ReplicaSet. Its name is the Deployment's name and a hash without a hyphen.
            "Deployment" => {
                kind == "ReplicaSet"
                    && name
                        .rsplit_once('-')
                        .is_some_and(|(prefix, _)| prefix == target)
            }
            own => kind == own && name == target,
        }
    }
}
