//! A simulated pod, and what its controller knows of it.

use decide::victims::{DELETE_FIRST, PodStage};

/// How long the controller may take to see a mark: longer than it takes to see the replica count, which is written later.
const MARK_LAG: i64 = 900;

#[derive(Clone, Debug)]
pub struct SimPod {
    pub stage: PodStage,
    pub ready_since: Option<i64>,
    pub owner: String,
    pub cost: i32,
    pub cost_at: i64,
    /// When the pod is gone, if it is terminating.
    pub gone_at: Option<i64>,
    pub restarts: u32,
    /// Whether a worker runs in it and is registered.
    pub registered: bool,
    /// When its task ends.
    pub busy_until: Option<i64>,
    pub drain_since: Option<i64>,
    pub drain_ends: i64,
    pub process: Process,
    pub since: i64,
    /// What its worker reports as its pod, if that is not the pod's name.
    #[expect(clippy::option_option, reason = "its name, none, and another one")]
    pub worker_pod: Option<Option<String>>,
    pub worker_namespace: Option<String>,
}

/// A process that reports and takes signals at intervals, as Sidekiq's do.
#[derive(Clone, Copy, Debug, Default)]
pub struct Process {
    /// Whether it was busy and quiet at its last report.
    pub reported: (bool, bool),
    /// The signal that it takes with the next one: to be quiet, or to end.
    pub signal: Option<bool>,
    /// Whether the operator that runs has asked it to be quiet.
    pub asked: bool,
    /// When its container starts another, if it has ended.
    pub starts_at: Option<i64>,
}

impl SimPod {
    /// The cost that the controller knows, with an additional delay of `slow` milliseconds.
    pub fn observed_cost(&self, now: i64, slow: i64) -> i32 {
        match now - self.cost_at < MARK_LAG + slow {
            true if self.cost == DELETE_FIRST => 0,
            true => DELETE_FIRST,
            false => self.cost,
        }
    }

    /// Whether it belongs to the target, and not to another one with the same labels or the same queue.
    pub fn is_ours(&self) -> bool {
        ["worker", "worker-5d4f", "worker-77aa", "adopted"]
            .contains(&self.owner.split_once('/').map_or("", |(_, name)| name))
    }
}
