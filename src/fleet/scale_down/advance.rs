//! The way down: selects the victims, and waits until they are idle and marked.

use super::reductions::Reduction;
use super::registrations::unregistered_pods;
use super::{LIST_MAX_AGE, POLL, RESEND_AFTER, ScaleDown, ScaleDownContext, Written};
use crate::fleet::event::Command;
use decide::victims::{DrainState, Pod, VictimOrder, Worker, select_victims};
use decide::{Millis, Waiting};
use std::collections::{BTreeMap, BTreeSet};

/// How long lists must have shown the marks before the scale is written; twice [`ScaleDown::mark_latency`] is added. The
/// controller that deletes the pods watches them and the replica count separately, and on a busy machine the marks may
/// reach it after the replica count.
const MARK_SETTLE: Millis = Millis::seconds(1);

impl ScaleDown {
    /// Takes the next step down to `replicas`. Returns what it waits for, or `None` if the scale may be written.
    pub fn advance(&mut self, context: &ScaleDownContext<'_>, replicas: i32) -> Option<Waiting> {
        if let Some(failure) = self.current_failure(context.now).cloned() {
            // A person may take long to fix it; no worker stays idle for that long.
            self.release(context);
            return Some(failure);
        }
        if let Some(waiting) = self.read_clients(context) {
            return Some(waiting);
        }
        if self.is_blind(context) {
            return None;
        }
        self.list_pods_if_older(LIST_MAX_AGE, context);
        let Some(listed_at) = self.listed_at.filter(|_| self.list_is_current()) else {
            return Some(Waiting::Check);
        };
        if self.polled_at.is_none() {
            return Some(self.poll_workers(context));
        }
        let active = self.active_pods(context);
        self.apply_clients(&active, context);
        if self.is_blind(context) {
            return None;
        }
        if let Some(waiting) = self.wait_for_controller(&active, context) {
            return Some(waiting);
        }
        let reductions = context.reductions(&active, replicas);
        if let Some(waiting) = self.select(&active, &reductions, context) {
            // Its end is not known, and no worker stays idle for that long.
            self.release(context);
            return Some(waiting);
        }
        self.request_drains(&active, context);
        let waiting_for = self.waiting_for(&active, context);
        let waiting_for = self.rely_on_grace(waiting_for, context);
        self.waited_for.clone_from(&waiting_for);
        let is_marked = self.mark_victims(&active, waiting_for.is_none(), context);
        if waiting_for.is_some() {
            self.marks_correct_since = None;
            return waiting_for;
        }
        if !is_marked {
            self.marks_correct_since = None;
            self.list_pods(context);
            return Some(Waiting::Check);
        }
        if !self.marks_have_settled(context) {
            return Some(Waiting::Check);
        }
        // The scale is written only on a current list and a current poll.
        if context.now - listed_at >= RESEND_AFTER {
            self.list_pods(context);
            return Some(Waiting::Check);
        }
        let is_proof = |(number, at)| self.polled >= number && context.now - at < RESEND_AFTER;
        if !self.asked.is_some_and(is_proof) {
            return Some(self.poll_workers(context));
        }
        None
    }

    /// Asks for a poll, unless a request for one is under way.
    fn poll_workers(&mut self, context: &ScaleDownContext<'_>) -> Waiting {
        let is_pending = |(number, at)| self.polled < number && context.now - at < RESEND_AFTER;
        if let (Some(redis), false) = (context.redis, self.asked.is_some_and(is_pending)) {
            let (key, number) = (context.pool.key.clone(), context.next_number());
            self.asked = Some((number, context.now));
            self.commands
                .push(Command::Poll(redis.clone(), key, number));
        }
        Waiting::Check
    }

    /// Waits while the target's controller deletes or creates pods, or rolls out.
    fn wait_for_controller(
        &mut self,
        active: &[Pod],
        context: &ScaleDownContext<'_>,
    ) -> Option<Waiting> {
        if self.controller_is_deleting(active, context) {
            self.renew_drains(active, context);
            self.list_pods_if_older(POLL, context);
            return Some(Waiting::PodsTerminating);
        }
        if pod_count(active) < context.target.desired && !self.controller_has_settled(context) {
            self.list_pods_if_older(POLL, context);
            return Some(Waiting::PodsStarting);
        }
        if self.is_rolling_out(context) && !context.can_scale_during_rollout() {
            self.release(context);
            return Some(Waiting::Rollout {
                target: context.target_key.display(),
            });
        }
        // A StatefulSet counts terminating pods, too; its pods are known by their ordinals.
        let (counted, found) = (context.target.replicas, pod_count(active));
        if context.order == VictimOrder::Cost && counted > found {
            self.release(context);
            self.list_pods_if_older(POLL, context);
            return Some(Waiting::PodsHidden {
                target: context.target_key.display(),
                counted,
                found,
            });
        }
        None
    }

    /// Whether the target's controller is about to delete some of the active pods. It may still act on a lower replica
    /// count after a higher one is written: a worker that resumed before the controller saw the higher one would be
    /// deleted with a task.
    pub(super) fn controller_is_deleting(
        &mut self,
        active: &[Pod],
        context: &ScaleDownContext<'_>,
    ) -> bool {
        let count = pod_count(active);
        if count > context.target.desired && !self.is_rolling_out(context) {
            return true;
        }
        let may_act = match self.written {
            Written::Nothing => false,
            Written::Unknown => count > 0,
            Written::Lowest(lowest) => count > lowest,
        };
        if may_act && !self.controller_has_settled(context) {
            return true;
        }
        self.written = Written::Nothing;
        false
    }

    /// Whether a list shows what the target's controller did after it observed the current replica count.
    fn controller_has_settled(&mut self, context: &ScaleDownContext<'_>) -> bool {
        let since = self.observed_since.filter(|_| context.target.observed);
        self.observed_since = context
            .target
            .observed
            .then(|| since.unwrap_or(context.now));
        since.is_some_and(|since| self.listed_at.is_some_and(|at| at - since >= MARK_SETTLE))
    }

    /// Selects the victims. Returns what prevents that: pods of which no one knows whether they are busy.
    fn select(
        &mut self,
        active: &[Pod],
        reductions: &[Reduction<'_>],
        context: &ScaleDownContext<'_>,
    ) -> Option<Waiting> {
        let is_drained = |pod: &String| {
            self.workers
                .iter()
                .all(|worker| worker.pod.as_ref() != Some(pod) || worker.is_released())
        };
        // One that cannot resume stays a victim: another one would only be lost, too.
        let must_end = |pod: &String| {
            let mut workers = self.workers.iter();
            workers.any(|worker| worker.pod.as_ref() == Some(pod) && worker.drain.is_final())
        };
        let timed_out: Vec<String> = self
            .victims
            .iter()
            .filter(|(pod, since)| context.now - **since >= context.timeout && !is_drained(pod))
            .filter(|(pod, _)| !must_end(pod))
            .map(|(pod, _)| pod.clone())
            .collect();
        for pod in timed_out {
            self.victims.remove(&pod);
            self.timed_out.insert(pod);
        }
        let maybe_busy = self.maybe_busy(active, context);
        let may_be_selected = |pod: &&Pod| match context.order {
            VictimOrder::Cost => !maybe_busy.contains(pod),
            // No other pod can be removed instead.
            VictimOrder::Ordinal => true,
        };
        let victims_of = |reduction: &Reduction<'_>| {
            let pods = reduction.pods.iter().copied();
            let selectable: Vec<&Pod> = pods.filter(may_be_selected).collect();
            select_victims(
                &selectable,
                &self.workers,
                reduction.count,
                context.order,
                |pod| self.victims.contains_key(pod),
                |pod| self.timed_out.contains(pod),
            )
        };
        let victims: BTreeMap<_, _> = reductions
            .iter()
            .flat_map(victims_of)
            .map(|pod| {
                let since = self.victims.get(&pod).copied().unwrap_or(context.now);
                (pod, since)
            })
            .collect();
        // The timeout of a pod that is selected again starts again.
        self.timed_out.retain(|pod| !victims.contains_key(pod));
        self.victims = victims;
        let count = reductions.iter().map(|reduction| reduction.count).sum();
        let is_enough = self.victims.len() >= count && !self.would_remove(&maybe_busy, active);
        (!is_enough && !maybe_busy.is_empty()).then(|| unregistered_pods(&maybe_busy, context))
    }

    /// Names the workers of the victims that are not drained; `None` if all are.
    fn waiting_for(&self, active: &[Pod], context: &ScaleDownContext<'_>) -> Option<Waiting> {
        if let Some(error) = &self.drain_refused {
            // Whoever is idle may claim a task at any time: all must be, and the last poll is the only proof.
            let is_any_busy = self.workers.iter().any(|worker| worker.busy);
            return is_any_busy.then(|| Waiting::DrainRefused {
                error: error.clone(),
            });
        }
        let drains_strangers = self.drains_strangers(active);
        let is_victim = |worker: &&Worker| {
            let pod = worker.pod.as_ref();
            pod.is_some_and(|pod| self.victims.contains_key(pod))
                || drains_strangers && self.is_stranger(worker, context)
        };
        let not_drained: Vec<&Worker> = self
            .workers
            .iter()
            .filter(|worker| !worker.is_released())
            .filter(is_victim)
            .collect();
        let busy: BTreeSet<&str> = not_drained
            .iter()
            .filter(|worker| worker.busy)
            .filter_map(|worker| worker.pod.as_deref())
            .collect();
        let busy: Vec<&str> = busy.into_iter().collect();
        if let Some(pod) = busy.iter().find(|pod| self.polling.contains(**pod)) {
            let pod = (*pod).to_owned();
            return Some(Waiting::Polling { pod });
        }
        let (pod, other, more) = match busy[..] {
            [] if not_drained.is_empty() => return None,
            [] => return Some(Waiting::Check),
            [pod] => (pod, None, None),
            [pod, other] => (pod, Some(other.to_owned()), None),
            [pod, ..] => (pod, None, Some(busy.len() - 1)),
        };
        Some(Waiting::Tasks {
            pod: pod.to_owned(),
            other,
            more,
        })
    }

    /// Workers that cannot be drained may never be seen idle, and a scale-down would wait for ever. Where their library
    /// finishes a task at SIGTERM and the grace of their pods is longer than any task, they are removed with their tasks
    /// once they have been waited for as long as for a drain.
    fn rely_on_grace(
        &mut self,
        waiting_for: Option<Waiting>,
        context: &ScaleDownContext<'_>,
    ) -> Option<Waiting> {
        let mut busy = self.workers.iter().filter(|worker| {
            let pod = worker.pod.as_ref();
            worker.busy && pod.is_some_and(|pod| self.victims.contains_key(pod))
        });
        let cannot_drain = busy.all(|worker| worker.drain == DrainState::Unsupported);
        if !cannot_drain || !matches!(waiting_for, Some(Waiting::Tasks { .. })) {
            self.busy_since = None;
            return waiting_for;
        }
        let since = *self.busy_since.get_or_insert(context.now);
        let is_late = context.now - since >= context.timeout;
        waiting_for.filter(|_| !is_late || !context.grace_suffices)
    }

    /// Whether the controller can be expected to know the marks, which the last list shows.
    fn marks_have_settled(&mut self, context: &ScaleDownContext<'_>) -> bool {
        if let Some(sent_at) = self.marks_sent_at.take() {
            self.mark_latency = context.now - sent_at;
        }
        let correct_since = *self.marks_correct_since.get_or_insert(context.now);
        let settled_at = correct_since + MARK_SETTLE + self.mark_latency + self.mark_latency;
        context.order != VictimOrder::Cost || self.victims.is_empty() || context.now >= settled_at
    }
}

pub(super) fn pod_count(pods: &[Pod]) -> i32 {
    i32::try_from(pods.len()).unwrap_or(i32::MAX)
}
