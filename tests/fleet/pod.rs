//! A pod in memory, and what its controller knows of it.

use decide::victims::{DELETE_FIRST, PodStage};

/// How long it may take to see a mark: longer than the number, though that is written later.
const MARK_LAG: i64 = 900;

#[derive(Clone, Debug)]
pub struct SimPod {
    pub standing: PodStage,
    pub owner: String,
    pub cost: i32,
    pub cost_at: i64,
    pub gone_at: Option<i64>,
    pub life: u32,
    /// A worker runs in it and is registered.
    pub registered: bool,
    /// Until when it holds a task.
    pub busy_until: Option<i64>,
    pub drain_since: Option<i64>,
    pub drain_ends: i64,
    pub since: i64,
}

impl SimPod {
    /// The cost that the controller knows of, `late` more than usually.
    pub fn cost_seen(&self, now: i64, late: i64) -> i32 {
        match now - self.cost_at < MARK_LAG + late {
            true if self.cost == DELETE_FIRST => 0,
            true => DELETE_FIRST,
            false => self.cost,
        }
    }

    /// Of the target, not of another one with the same labels or the same queue.
    pub fn is_ours(&self) -> bool {
        ["worker", "worker-5d4f", "worker-77aa"]
            .contains(&self.owner.split_once('/').map_or("", |(_, name)| name))
    }
}
