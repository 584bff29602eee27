//! `target`: how many workers, in proportion to the work.

use super::Duration;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// How many workers, in proportion to the work: each rule answers with a number, and the largest of all answers wins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.tasksPerWorker) || has(self.drainWithin) || has(self.maxWait)")
        .message("target is empty: set tasksPerWorker (such as 5), drainWithin (such as 30s) or maxWait (such as 10s), or leave target out")
)]
pub struct TargetSpec {
    /// One worker for this many ready or running tasks, rounded up: HPA's AverageValue of an external metric. Not used when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub tasks_per_worker: Option<i32>,
    /// Enough workers to finish what waits and what arrives within this time, from measured arrival rate, service time and start time; at least 1s, such as 30s. Not used when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("!self.matches('^([0-9]+ms)+$') && !self.matches('^(0+(ms|s|m|h))+$')").message("target.drainWithin must be at least 1s, such as 30s: a worker needs time to start"))]
    pub drain_within: Option<Duration>,
    /// No ready task should wait longer than this; at least 1s, such as 10s. Not used when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("!self.matches('^([0-9]+ms)+$') && !self.matches('^(0+(ms|s|m|h))+$')").message("target.maxWait must be at least 1s, such as 10s: a worker needs time to start"))]
    pub max_wait: Option<Duration>,
}
