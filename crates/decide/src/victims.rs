//! Who goes when a number goes down. A controller has its own order, and nobody can overrule it: the choice is made
//! so that what it would take anyway is what was chosen.

/// The annotation by which a `ReplicaSet` chooses: the lowest cost goes first.
pub const POD_DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";
/// The cost of a pod that should go: nothing is cheaper.
pub const DELETE_FIRST: i32 = i32::MIN;

/// A pod of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// Its name.
    pub name: String,
    /// Kind and name of the object that made it, such as `ReplicaSet/worker-5d4f`.
    pub owner: String,
    /// How far it has come.
    pub stage: PodStage,
    /// It is being deleted, or has ended: its controller counts it no more.
    pub terminating: bool,
    /// Its [`COST`].
    pub cost: i32,
}

/// How far a pod has come, in the order in which a `ReplicaSet` takes them, before it looks at any cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PodStage {
    /// On no node.
    Unassigned,
    /// On a node, not started.
    Pending,
    /// It runs and is not ready.
    NotReady,
    /// It is ready.
    Ready,
}

/// A worker as its queue tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worker {
    /// Which queue of the pool.
    pub queue: usize,
    /// Its id there.
    pub id: String,
    /// Its pod, where it says so.
    pub pod: Option<String>,
    /// Whether it holds a task.
    pub busy: bool,
    /// Whether it was told to take no more.
    pub drain: DrainState,
    /// Since when it has been so, in milliseconds by the queue's clock.
    pub since: i64,
    /// What else it tells: for people, and no part of the choice.
    pub report: WorkerReport,
}

/// What a worker says of itself; `None` is unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkerReport {
    /// What it does.
    pub activity: Activity,
    /// For how long, in milliseconds at the look.
    pub since_millis: Option<i64>,
    /// CPU in percent.
    pub cpu: Option<i32>,
    /// Tasks that it holds.
    pub tasks: u64,
}

/// What a worker does, as people are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Activity {
    /// Runs a task.
    Busy,
    /// Waits for one.
    Idle,
    /// Takes no more.
    Draining,
    /// It lives, could take tasks and does not.
    Stalled,
    /// It does not say.
    #[default]
    Unknown,
}

/// Whether all of `workers` say which pod is theirs; `None` where there are none.
pub fn all_name_their_pod<'a>(workers: impl IntoIterator<Item = &'a Worker>) -> Option<bool> {
    workers
        .into_iter()
        .map(|worker| worker.pod.is_some())
        .reduce(|all, one| all && one)
}

/// How far a worker is on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DrainState {
    /// It takes tasks.
    None,
    /// It was told to take no more, and holds one or may still bring one.
    Requested,
    /// It holds nothing and will take nothing more.
    Drained,
}

/// How a target's own controller chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VictimOrder {
    /// By standing, then by cost: a `ReplicaSet`, and a Deployment through it.
    Cost,
    /// The highest ordinal goes: a `StatefulSet`.
    Ordinal,
}

impl VictimOrder {
    /// How the controller of a `kind` of the API group `group` chooses; `None` where nobody knows.
    #[must_use]
    pub fn of(group: &str, kind: &str) -> Option<Self> {
        match (group, kind) {
            ("apps", "Deployment" | "ReplicaSet") => Some(Self::Cost),
            ("apps", "StatefulSet") => Some(Self::Ordinal),
            _ => None,
        }
    }

    /// The same where who goes is ours to choose: it is known which pods are busy, and which of them would go.
    #[must_use]
    pub fn if_selectable(order: Option<Self>, named: Option<bool>) -> Option<Self> {
        order.filter(|_| named == Some(true))
    }
}

/// The pods of `workers` in the order in which they would go, each taken for ready where `pods` does not list it.
#[must_use]
pub fn removal_order(
    pods: &[Pod],
    workers: &[Worker],
    order: VictimOrder,
    kept: impl Fn(&str) -> bool,
    late: impl Fn(&str) -> bool,
) -> Vec<String> {
    let mut all: Vec<Pod> = pods
        .iter()
        .filter(|pod| !pod.terminating)
        .cloned()
        .collect();
    for name in workers.iter().filter_map(|worker| worker.pod.clone()) {
        if !pods.iter().any(|pod| pod.name == name) && !all.iter().any(|pod| pod.name == name) {
            let (owner, standing) = (String::new(), PodStage::Ready);
            all.push(Pod {
                name,
                owner,
                stage: standing,
                terminating: false,
                cost: 0,
            });
        }
    }
    select_victims(
        &all.iter().collect::<Vec<_>>(),
        workers,
        all.len(),
        order,
        kept,
        late,
    )
}

/// The names of the `count` pods of `pods` that should go. By [`Order::Cost`]: what has not started before what has,
/// who was `late` last, who was `kept` from an earlier choice or drains already first, then who holds no task before
/// who holds one, and the longest in that state first: of the idle the longest idle, of the busy who will most likely
/// finish next.
#[must_use]
pub fn select_victims(
    pods: &[&Pod],
    workers: &[Worker],
    count: usize,
    order: VictimOrder,
    kept: impl Fn(&str) -> bool,
    late: impl Fn(&str) -> bool,
) -> Vec<String> {
    let mut all: Vec<&Pod> = pods.to_vec();
    match order {
        VictimOrder::Ordinal => all.sort_by_key(|pod| {
            std::cmp::Reverse(
                pod.name
                    .rsplit_once('-')
                    .and_then(|(_, ordinal)| ordinal.parse::<u32>().ok()),
            )
        }),
        VictimOrder::Cost => all.sort_by_cached_key(|pod| {
            let mine = || {
                workers
                    .iter()
                    .filter(|worker| worker.pod.as_deref() == Some(&*pod.name))
            };
            let late = late(&pod.name);
            let leaves = kept(&pod.name) || mine().any(|worker| worker.drain != DrainState::None);
            // Of several workers in one pod the busiest counts, and the one that became so last.
            let state = mine().map(|worker| (worker.busy, worker.since)).max();
            (pod.stage, late, late || !leaves, state, pod.name.clone())
        }),
    }
    all.into_iter()
        .take(count)
        .map(|pod| pod.name.clone())
        .collect()
}
