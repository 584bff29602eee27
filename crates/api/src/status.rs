//! The status of a `WorkerPool`: instants, never ages or countdowns, so that it changes only when something does.

use super::MemoryStatus;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the operator saw, decided and remembers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct WorkerPoolStatus {
    /// The generation of the spec that this status is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Pods of the target now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// Workers wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desired_replicas: Option<i32>,
    /// The target's label selector, for the scale subresource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
    /// The facts of the last look that changed anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics: Option<MetricsStatus>,
    /// The last decision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<DecisionStatus>,
    /// What the next decision must know of the past.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub internal: Option<MemoryStatus>,
    /// The last 50 changes, newest last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub history: Vec<Change>,
    /// Ready, ScalingActive, AbleToScale, ScalingLimited and MetricsFresh.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// The facts as kubectl's columns show them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display: Option<Display>,
}

/// The facts, summed over the pool's queues.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct MetricsStatus {
    /// When they were read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// Tasks that wait and could be taken now.
    pub ready: MetricStatus,
    /// Tasks that a worker holds.
    pub in_flight: MetricStatus,
    /// Workers whose lease lives and that take tasks.
    pub live: MetricStatus,
    /// Those of them that hold a task.
    pub busy: MetricStatus,
    /// Mean CPU use of the live workers, in percent.
    pub cpu_percent: MetricStatus,
    /// Mean time of a task, in milliseconds.
    pub task_millis: MetricStatus,
    /// Tasks that were completed.
    pub processed: MetricStatus,
    /// Tasks that failed for good.
    pub failed: MetricStatus,
    /// When the oldest ready task was pushed, in milliseconds since 1970.
    pub oldest_task_time: MetricStatus,
}

/// One fact: its value, or why there is none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct MetricStatus {
    /// The number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<i64>,
    /// Why there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unavailable: Option<String>,
}

/// A decision in words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DecisionStatus {
    /// One word of the closed list in docs/reasons.md.
    pub reason: String,
    /// Why, in one sentence.
    pub message: String,
    /// Share of the needed facts that were known, 0 to 1.
    pub confidence: f64,
    /// When this became the decision.
    pub at: Timestamp,
    /// Workers before.
    pub from: i32,
    /// Workers after.
    pub to: i32,
    /// Every step that led there, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 512))]
    pub steps: Vec<StepStatus>,
    /// What would change the number next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<ForecastStatus>,
}

/// One step of a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StepStatus {
    /// The field or thing that spoke.
    pub name: String,
    /// Its input and what it changed.
    pub detail: String,
}

/// The next change in each direction; absent where nothing that the queue does can bring it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ForecastStatus {
    /// Towards more workers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up: Option<NextChangeStatus>,
    /// Towards fewer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub down: Option<NextChangeStatus>,
}

/// A change that may come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NextChangeStatus {
    /// Workers after it.
    pub to: i32,
    /// The earliest instant; absent: at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// How many more tasks must wait for it; below zero, how many fewer there must be; 0: if it stays as it is.
    pub tasks: i64,
}

/// One change of the number of workers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// When.
    pub at: Timestamp,
    /// Workers before.
    pub from: i32,
    /// Workers after.
    pub to: i32,
    /// One word of the closed list.
    pub reason: String,
    /// Why, in one sentence.
    pub message: String,
    /// From the push that Redis told of to the answer of the API server, in milliseconds, where a push led to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_millis: Option<i32>,
}

/// A condition, as Kubernetes has them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Ready, ScalingActive, AbleToScale, ScalingLimited or MetricsFresh.
    #[serde(rename = "type")]
    pub type_: String,
    /// True, False or Unknown.
    pub status: String,
    /// One word.
    pub reason: String,
    /// One sentence.
    pub message: String,
    /// When the status last changed.
    pub last_transition_time: Timestamp,
    /// The generation of the spec that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
}

/// Strings for kubectl's columns: a column can neither join fields nor print `?` for a number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Display {
    /// `Deployment/filter-worker`
    pub target: String,
    /// `17`, or `?`
    pub queue: String,
    /// `3/4`, or `?`; `-` when the queue system does not tell
    pub busy: String,
    /// `75%`
    pub util: String,
    /// `6s`
    pub wait: String,
    /// `64%`
    pub cpu: String,
    /// `98%`
    pub success: String,
    /// `41s`
    pub eta: String,
}
