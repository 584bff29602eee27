//! The workers of one pool, for its own page: who does what, and who would go next. What is not known is `null`.

use serde::Serialize;

/// All of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Workers {
    /// When the registry was read, in milliseconds since 1970; `None` before the first look after somebody asked.
    pub looked: Option<i64>,
    /// Why it could not be read since.
    pub missing: Option<String>,
    /// Whether the queues name their workers at all.
    pub told: bool,
    /// Whether the operator chooses who goes.
    pub chosen: bool,
    /// Pods that the target has.
    pub pods: Option<i32>,
    /// The workers, those that go first in front.
    pub rows: Vec<WorkerRow>,
    /// How many more there are.
    pub more: usize,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkerRow {
    /// Its pod, or else its own name.
    pub name: String,
    /// `busy`, `idle`, `draining`, `deaf`, `leaving` (its pod is being deleted), `podless` (it is registered and its pod
    /// is gone) or `unregistered` (a pod without a worker).
    pub state: Option<&'static str>,
    /// Since when, in milliseconds since 1970.
    pub since: Option<i64>,
    /// CPU in percent.
    pub cpu: Option<i32>,
    /// Tasks that it holds.
    pub tasks: Option<u64>,
    /// Its place in the order in which they go, from 1.
    pub goes: Option<usize>,
    /// Since when it has been chosen to go, in milliseconds since 1970.
    pub chosen: Option<i64>,
    /// Whether it was chosen and let go again, because it was busy for too long.
    pub late: bool,
}
