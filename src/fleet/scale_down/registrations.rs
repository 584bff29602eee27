//! Who works in which pod. A worker that names no pod of the target may run in any of them that no worker names: its
//! `POD_NAME` is missing, or it names its host. Such a pod is not idle merely because no one said that it is busy. The same
//! holds where Redis lost the registrations: whoever lives registers again.

use super::{ScaleDown, ScaleDownContext};
use decide::Waiting;
use decide::victims::{Pod, PodStage, Worker};
use std::collections::BTreeSet;

/// How many pods a message names.
const MAX_NAMES: usize = 3;

impl ScaleDown {
    /// Whether `worker` names none of the target's pods, terminating ones included.
    pub(super) fn is_stranger(&self, worker: &Worker, context: &ScaleDownContext<'_>) -> bool {
        let is_its_pod = |pod: &Pod| worker.pod.as_ref() == Some(&pod.name) && context.owns(pod);
        !self.pods.iter().any(is_its_pod)
    }

    /// The started pods that no worker names.
    pub(super) fn unregistered<'a>(&self, active: &'a [Pod]) -> Vec<&'a Pod> {
        let is_named = |pod: &Pod| {
            let names = self.workers.iter().map(|worker| worker.pod.as_ref());
            names.flatten().any(|name| *name == pod.name)
        };
        active
            .iter()
            .filter(|pod| pod.stage >= PodStage::NotReady && !is_named(pod))
            .collect()
    }

    /// The unregistered pods that may be busy: all of them, while a worker that names no pod of the target holds a task, or
    /// while workers that live may have yet to register again.
    pub(super) fn maybe_busy<'a>(
        &self,
        active: &'a [Pod],
        context: &ScaleDownContext<'_>,
    ) -> Vec<&'a Pod> {
        let holds_task = |worker: &Worker| worker.busy && self.is_stranger(worker, context);
        if !context.registrations_complete || self.workers.iter().any(holds_task) {
            self.unregistered(active)
        } else {
            Vec::new()
        }
    }

    /// Whether the controller would remove one of `pods` with the victims: it is one of them, or at an earlier stage of its
    /// start than one, which counts more than any cost.
    pub(super) fn would_remove(&self, pods: &[&Pod], active: &[Pod]) -> bool {
        let is_victim = |pod: &&Pod| self.victims.contains_key(&pod.name);
        let stages = active.iter().filter(is_victim).map(|pod| pod.stage);
        let last = stages.max();
        pods.iter()
            .any(|pod| is_victim(pod) || last.is_some_and(|last| pod.stage < last))
    }

    /// Whether the workers that name no pod must not claim a task until the scale is written: a victim may be theirs.
    pub(super) fn drains_strangers(&self, active: &[Pod]) -> bool {
        self.unregistered(active)
            .iter()
            .any(|pod| self.victims.contains_key(&pod.name))
    }
}

/// What is waited for, with the names of `pods`, for which no worker registered.
pub(super) fn unregistered_pods(pods: &[&Pod], context: &ScaleDownContext<'_>) -> Waiting {
    let names: BTreeSet<&str> = pods.iter().map(|pod| &*pod.name).collect();
    let more = names.len().saturating_sub(MAX_NAMES);
    let names: Vec<&str> = names.into_iter().take(MAX_NAMES).collect();
    let (pods, more) = (names.join(", "), (more > 0).then_some(more));
    if context.registrations_complete {
        Waiting::Unregistered { pods, more }
    } else {
        Waiting::Registrations { pods, more }
    }
}
