//! `target`: a number of workers in proportion to the work.

use super::{Duration, rules};
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// How many workers, in proportion to the work. Each field that is set gives a recommendation; the largest one applies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::TARGET_NOT_EMPTY)]
pub struct TargetSpec {
    /// One worker for this many ready or running tasks, rounded up, like HPA's AverageValue of an external metric. Not used when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub tasks_per_worker: Option<i32>,
    /// Enough workers to finish the ready tasks and the tasks that arrive within this time. Calculated from the measured arrival rate, task duration and start time of workers. At least 1s, such as 30s. Not used when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = rules::DRAIN_WITHIN_MINIMUM)]
    pub drain_within: Option<Duration>,
    /// Enough workers that no ready task waits longer than this. At least 1s, such as 10s. Not used when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = rules::MAX_WAIT_MINIMUM)]
    pub max_wait: Option<Duration>,
}
