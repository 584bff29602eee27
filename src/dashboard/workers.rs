//! The workers of one pool, for the pool's page: the state of each, and the order of removal. An unknown value is `null`.

use messages::Encoded;
use serde::Serialize;

/// All workers of one pool.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Workers {
    /// When the registry was read, in milliseconds since 1970; `None` before the first poll after a page asked.
    pub read_at: Option<i64>,
    /// Why the registry could not be read since then.
    pub unavailable: Option<Encoded>,
    /// Whether the queue system reports its workers.
    pub supported: bool,
    /// Whether the operator can select the workers to remove.
    pub selectable: bool,
    /// `status.replicas` of the target.
    pub pods: Option<i32>,
    /// The workers in the order of removal, at most 200.
    pub rows: Vec<WorkerRow>,
    /// The number of workers that `rows` leaves out.
    pub more: usize,
}

/// One worker.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkerRow {
    /// The name of its pod, or the worker's ID if it reports no pod.
    pub name: String,
    /// `busy`, `idle`, `draining`, `stalled`, `terminating` (its pod is being deleted), `podless` (registered, but its
    /// pod is gone) or `unregistered` (a pod without a registered worker).
    pub state: Option<&'static str>,
    /// When this state began, in milliseconds since 1970.
    pub since: Option<i64>,
    /// CPU in percent.
    pub cpu: Option<i32>,
    /// The number of tasks it holds.
    pub tasks: Option<u64>,
    /// Its position in the order of removal, from 1.
    pub removal_order: Option<usize>,
    /// When it was selected for removal, in milliseconds since 1970.
    pub selected_at: Option<i64>,
    /// Whether it was selected and then released because it did not drain within `spec.drain.timeout`.
    pub timed_out: bool,
}
