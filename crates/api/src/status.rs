//! The status of a `WorkerPool`. It contains timestamps, never ages or countdowns, so that it changes only when
//! something happens.

use super::MemoryStatus;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the operator observed and decided.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct WorkerPoolStatus {
    /// The generation of the spec that this status describes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Current number of pods of the target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// Desired number of workers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desired_replicas: Option<i32>,
    /// The target's label selector, for the scale subresource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
    /// The metrics of the last poll that changed the status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics: Option<MetricsStatus>,
    /// The last decision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<DecisionStatus>,
    /// Internal state of the operator. Not for users; may change at any time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub internal: Option<MemoryStatus>,
    /// The last 50 changes, newest last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub history: Vec<Change>,
    /// Ready, ScalingActive, AbleToScale, ScalingLimited, MetricsFresh, and RedisMemoryBounded where it is known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// The metrics as text, for kubectl's columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display: Option<Display>,
}

/// The metrics, summed over the pool's queues.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct MetricsStatus {
    /// When the metrics were read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// Tasks that wait for a worker.
    pub ready: MetricStatus,
    /// Tasks that workers have claimed and not finished.
    pub in_flight: MetricStatus,
    /// Workers with a lease that accept tasks.
    pub live: MetricStatus,
    /// Live workers that hold a task.
    pub busy: MetricStatus,
    /// Mean CPU utilization of the live workers, in percent.
    pub cpu_percent: MetricStatus,
    /// Mean duration of a task, in milliseconds.
    pub task_millis: MetricStatus,
    /// Number of tasks that were completed.
    pub processed: MetricStatus,
    /// Number of tasks that failed permanently.
    pub failed: MetricStatus,
    /// When the oldest ready task was pushed.
    pub oldest_task_time: TimeMetricStatus,
}

/// A metric: its value, or why it is unavailable.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct MetricStatus {
    /// The value, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<i64>,
    /// Why the value is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unavailable: Option<String>,
}

/// A metric that is a time: its value, or why it is unavailable.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TimeMetricStatus {
    /// The time, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Timestamp>,
    /// Why the time is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unavailable: Option<String>,
}

/// A decision and its explanation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DecisionStatus {
    /// Machine-readable reason, one of the list in docs/reasons.md.
    pub reason: String,
    /// Human-readable reason.
    pub message: String,
    /// Share of the required metrics that were known, 0 to 1.
    pub confidence: f64,
    /// When this decision was first made.
    pub at: Timestamp,
    /// Workers before.
    pub from: i32,
    /// Workers after.
    pub to: i32,
    /// The steps of the decision, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 512))]
    pub steps: Vec<StepStatus>,
    /// What would change the replica count next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<ForecastStatus>,
}

/// One step of a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StepStatus {
    /// The field or input of the step.
    pub name: String,
    /// Its input and its effect.
    pub detail: String,
}

/// The next change in each direction; absent if no change of the queue can cause it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ForecastStatus {
    /// The next scale-up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up: Option<NextChangeStatus>,
    /// The next scale-down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub down: Option<NextChangeStatus>,
}

/// A possible change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NextChangeStatus {
    /// Workers after the change.
    pub to: i32,
    /// The earliest time; absent: immediately.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// How many more ready tasks would cause the change; negative: how many fewer; 0: none, if the queue stays as it is.
    pub tasks: i64,
}

/// One change of the replica count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// When the change was made.
    pub at: Timestamp,
    /// Workers before.
    pub from: i32,
    /// Workers after.
    pub to: i32,
    /// Machine-readable reason, one of the list in docs/reasons.md.
    pub reason: String,
    /// Human-readable reason.
    pub message: String,
    /// Milliseconds from the Redis notification to the API server's response, if a notification caused the change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_millis: Option<i32>,
}

/// A condition, as in other Kubernetes objects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Ready, ScalingActive, AbleToScale, ScalingLimited or MetricsFresh.
    #[serde(rename = "type")]
    pub type_: String,
    /// True, False or Unknown.
    pub status: String,
    /// Machine-readable reason for the status.
    pub reason: String,
    /// Human-readable explanation.
    pub message: String,
    /// When the status last changed.
    pub last_transition_time: Timestamp,
    /// The generation of the spec that the condition describes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
}

/// Text for kubectl's columns, which can neither combine fields nor print ? for an unknown number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Display {
    /// The scale target, such as Deployment/filter-worker.
    pub target: String,
    /// Ready tasks, such as 17, or ?.
    pub queue: String,
    /// Busy and live workers, such as 3/4, or ?; - if the queue system does not report them.
    pub busy: String,
    /// Share of busy workers, such as 75%.
    pub util: String,
    /// Age of the oldest ready task, such as 6s.
    pub wait: String,
    /// Mean CPU utilization, such as 64%.
    pub cpu: String,
    /// Share of tasks that succeeded, such as 98%.
    pub success: String,
    /// Time until the queue is empty, such as 41s.
    pub eta: String,
}
