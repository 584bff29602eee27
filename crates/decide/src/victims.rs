//! Which pods a scale-down removes. A target's own controller has its own order, which cannot be overruled: the selection
//! is made so that the controller removes exactly the selected pods.

use crate::Time;
use std::cmp::Reverse;
use std::net::IpAddr;

/// The annotation that a `ReplicaSet` orders its pods by: the lowest cost is removed first.
pub const POD_DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";
/// The cost of a selected pod: no cost is lower.
pub const DELETE_FIRST: i32 = i32::MIN;

/// A pod of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// The pod's name.
    pub name: String,
    /// Kind and name of its owner, such as `ReplicaSet/worker-5d4f`.
    pub owner: String,
    /// How far its start has come.
    pub stage: PodStage,
    /// Since when it has been ready, or not; `None` where that is not reported.
    pub ready_since: Option<Time>,
    /// Whether it is being deleted or has ended: its controller no longer counts it.
    pub terminating: bool,
    /// Its [`POD_DELETION_COST`].
    pub cost: i32,
    /// Its own address; `None` where it has none, or that of its node.
    pub address: Option<IpAddr>,
}

/// How far the start of a pod has come, in the order in which a `ReplicaSet` removes pods, before any cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PodStage {
    /// Assigned to no node.
    Unassigned,
    /// Assigned to a node, not started.
    Pending,
    /// Running and not ready.
    NotReady,
    /// Running and ready.
    Ready,
}

/// A worker as its queue reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worker {
    /// The index of its queue in the pool.
    pub queue: usize,
    /// Its id in the queue.
    pub id: String,
    /// The name of its pod, where the worker reports it.
    pub pod: Option<String>,
    /// The namespace of its pod, where the worker reports it.
    pub namespace: Option<String>,
    /// How many tasks it runs at once, at least 1.
    pub slots: u32,
    /// Whether it holds a task.
    pub busy: bool,
    /// Whether it was asked to claim no more tasks.
    pub drain: DrainState,
    /// Since when it has been busy or idle, in milliseconds by the queue's clock.
    pub since: i64,
    /// What else it reports, for people; not used for the selection.
    pub report: WorkerReport,
}

/// What a worker reports about itself; `None` is unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkerReport {
    /// What it does.
    pub activity: Activity,
    /// For how long, in milliseconds at the observation.
    pub since_millis: Option<i64>,
    /// CPU use in percent.
    pub cpu: Option<i32>,
    /// How many tasks it holds.
    pub tasks: u64,
    /// For how long it has run the one that it began first, in milliseconds.
    pub task_millis: Option<i64>,
}

/// What a worker does, as it is shown to people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Activity {
    /// Runs a task.
    Busy,
    /// Waits for a task.
    Idle,
    /// Claims no more tasks.
    Draining,
    /// Lives and could claim tasks, but does not.
    Stalled,
    /// Not reported.
    #[default]
    Unknown,
}

/// Whether all of `workers` report the name of their pod; `None` where there are no workers.
pub fn all_name_their_pod<'a>(workers: impl IntoIterator<Item = &'a Worker>) -> Option<bool> {
    workers
        .into_iter()
        .map(|worker| worker.pod.is_some())
        .reduce(|all, one| all && one)
}

/// How far the drain of a worker has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DrainState {
    /// It claims tasks.
    None,
    /// It was asked to claim no more tasks, and holds one or may still receive one.
    Requested,
    /// It holds no task and will claim none.
    Drained,
    /// As [`Self::Requested`], and it can never claim one again: its process must end.
    Leaving,
    /// As [`Self::Drained`], and it can never claim one again: its process must end.
    Left,
    /// Its queue system cannot ask a worker to claim no more tasks.
    Unsupported,
}

impl DrainState {
    /// Whether it was asked to claim no more tasks.
    pub fn is_requested(self) -> bool {
        matches!(self, Self::Requested | Self::Drained) || self.is_final()
    }

    /// Whether it can never claim a task again.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Leaving | Self::Left)
    }
}

impl Worker {
    /// Whether its pod may be removed. A worker that cannot be drained may claim a task after the last poll: the pod's grace
    /// period lets it finish that one.
    pub fn is_released(&self) -> bool {
        match self.drain {
            DrainState::Drained | DrainState::Left => true,
            DrainState::Unsupported => !self.busy,
            DrainState::None | DrainState::Requested | DrainState::Leaving => false,
        }
    }
}

/// In which order a target's own controller removes pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VictimOrder {
    /// By stage, then by cost: a `ReplicaSet`, and a Deployment through it.
    Cost,
    /// The highest ordinal first: a `StatefulSet`.
    Ordinal,
}

impl VictimOrder {
    /// The order of the controller of a `kind` in the API group `group`; `None` where it is not known.
    pub fn of(group: &str, kind: &str) -> Option<Self> {
        match (group, kind) {
            ("apps", "Deployment" | "ReplicaSet") => Some(Self::Cost),
            ("apps", "StatefulSet") => Some(Self::Ordinal),
            _ => None,
        }
    }

    /// `order`, where the pods to remove can be selected: all workers must name their pod, so that it is known which pods
    /// are busy.
    pub fn if_selectable(order: Option<Self>, all_named: Option<bool>) -> Option<Self> {
        order.filter(|_| all_named == Some(true))
    }
}

/// The pods of `workers`, and the other `pods`, in the order in which they would be removed. A pod that `pods` does not list
/// counts as ready; terminating pods are left out.
pub fn removal_order(
    pods: &[Pod],
    workers: &[Worker],
    order: VictimOrder,
    preselected: impl Fn(&str) -> bool,
    timed_out: impl Fn(&str) -> bool,
) -> Vec<String> {
    let mut all: Vec<Pod> = pods
        .iter()
        .filter(|pod| !pod.terminating)
        .cloned()
        .collect();
    for name in workers.iter().filter_map(|worker| worker.pod.as_ref()) {
        if !pods.iter().chain(&all).any(|pod| pod.name == *name) {
            all.push(Pod {
                name: name.clone(),
                owner: String::new(),
                stage: PodStage::Ready,
                ready_since: None,
                terminating: false,
                cost: 0,
                address: None,
            });
        }
    }
    let all: Vec<&Pod> = all.iter().collect();
    select_victims(&all, workers, all.len(), order, preselected, timed_out)
}

/// The ordinal in the name of a pod of a `StatefulSet`.
pub fn ordinal(pod: &str) -> Option<i32> {
    let (_, ordinal) = pod.rsplit_once('-')?;
    ordinal.parse().ok()
}

/// The names of the `count` pods of `pods` to remove. With [`VictimOrder::Cost`]:
///
/// 1. Pods that have not started, by stage.
/// 2. Pods that were `preselected`, and then those that already drain, except those whose drain has `timed_out`, which come
///    last.
/// 3. Idle pods before busy ones, and the longest in that state first: of the busy ones, the most likely to finish next.
pub fn select_victims(
    pods: &[&Pod],
    workers: &[Worker],
    count: usize,
    order: VictimOrder,
    preselected: impl Fn(&str) -> bool,
    timed_out: impl Fn(&str) -> bool,
) -> Vec<String> {
    let rank = |pod: &Pod| {
        let workers_in_pod = || {
            workers
                .iter()
                .filter(|worker| worker.pod.as_deref() == Some(&*pod.name))
        };
        let timed_out = timed_out(&pod.name);
        // One that cannot be drained is preselected in vain once it has claimed a task.
        let is_held_up =
            workers_in_pod().any(|worker| worker.busy && worker.drain == DrainState::Unsupported);
        let chosen = preselected(&pod.name) && !is_held_up;
        let drains = chosen || workers_in_pod().any(|worker| worker.drain.is_requested());
        // Of several workers in one pod, a busy one counts, and the one with the latest change.
        let state = workers_in_pod()
            .map(|worker| (worker.busy, worker.since))
            .max();
        let stays = timed_out || !drains;
        let name = pod.name.clone();
        (pod.stage, timed_out, stays, !chosen, state, name)
    };
    let mut all = pods.to_vec();
    match order {
        VictimOrder::Ordinal => all.sort_by_key(|pod| Reverse(ordinal(&pod.name))),
        VictimOrder::Cost => all.sort_by_cached_key(|pod| rank(pod)),
    }
    all.into_iter()
        .take(count)
        .map(|pod| pod.name.clone())
        .collect()
}
