//! Which pods the target's controller may remove when its replica count is lowered.

use super::advance::pod_count;
use super::{ScaleDown, ScaleDownContext};
use decide::victims::{Pod, PodStage, VictimOrder, ordinal};

/// Pods of one owner, and the most of them that the controller may remove.
pub(super) struct Reduction<'a> {
    pub pods: Vec<&'a Pod>,
    pub count: usize,
}

impl ScaleDownContext<'_> {
    /// What a scale to `replicas` may remove of each owner's pods.
    pub(super) fn reductions<'a>(&self, active: &'a [Pod], replicas: i32) -> Vec<Reduction<'a>> {
        let all = || active.iter().collect::<Vec<&Pod>>();
        if self.order == VictimOrder::Ordinal {
            // By their ordinals, whichever of the lower ones are missing just now.
            let end = self.target.rollout.first_ordinal.saturating_add(replicas);
            let is_beyond = |pod: &&Pod| ordinal(&pod.name).is_some_and(|ordinal| ordinal >= end);
            let count = active.iter().filter(is_beyond).count();
            return vec![Reduction { pods: all(), count }];
        }
        let owners = owners(active);
        if owners.len() < 2 {
            let count = usize::try_from(pod_count(active) - replicas).unwrap_or(0);
            return vec![Reduction { pods: all(), count }];
        }
        let of_owner = |owner| {
            active
                .iter()
                .filter(move |pod| pod.owner == owner)
                .collect()
        };
        owners
            .into_iter()
            .map(|owner| divided(of_owner(owner), active, replicas, self))
            .collect()
    }

    /// Whether a rollout does not end by itself. Then it is not waited for: [`Self::reductions`] has the pods of every
    /// way in which the controller may divide the reduction.
    pub(super) fn can_scale_during_rollout(&self) -> bool {
        &*self.target_key.kind == "Deployment" && self.target.rollout.is_stuck()
    }
}

impl ScaleDown {
    /// Whether the pods belong to several `ReplicaSets`, whose deletion costs are not compared, or the controller is
    /// replacing pods.
    pub(super) fn is_rolling_out(&self, context: &ScaleDownContext<'_>) -> bool {
        let is_incomplete = context.target.updated < context.target.replicas;
        match &*context.target_key.kind {
            "Deployment" => is_incomplete || owners(&self.active_pods(context)).len() > 1,
            "StatefulSet" => is_incomplete && !context.target.rollout.partial,
            _ => false,
        }
    }
}

/// The owners of `pods`, each once.
fn owners(pods: &[Pod]) -> Vec<&str> {
    let mut owners: Vec<&str> = pods.iter().map(|pod| &*pod.owner).collect();
    owners.sort_unstable();
    owners.dedup();
    owners
}

/// The pods of one of several `ReplicaSets`. A Deployment's controller divides what is too much among them as it sees fit.
/// Unless it is paused, it also continues with the rollout: pods that are not ready go first, and then those that are
/// available beyond what it must keep.
fn divided<'a>(
    pods: Vec<&'a Pod>,
    active: &[Pod],
    replicas: i32,
    context: &ScaleDownContext<'_>,
) -> Reduction<'a> {
    let rollout = &context.target.rollout;
    let too_many = pod_count(active) - rollout.most_pods(replicas);
    let most = if rollout.paused {
        too_many
    } else {
        let ready = active.iter().filter(|pod| pod.stage == PodStage::Ready);
        let ready = i32::try_from(ready.count()).unwrap_or(i32::MAX);
        let started = pods.iter().filter(|pod| pod.stage == PodStage::NotReady);
        let unready = i32::try_from(started.count()).unwrap_or(i32::MAX);
        too_many.max(ready - rollout.least_available(replicas)) + unready
    };
    let count = usize::try_from(most).unwrap_or(0).min(pods.len());
    Reduction { pods, count }
}
