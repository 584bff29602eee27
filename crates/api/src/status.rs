//! The status of a `WorkerPool`. It contains timestamps, never ages or countdowns, so that it changes only when
//! something happens.

use super::MemoryStatus;
use decide::{Decision, Metric, Step};
use jiff::Timestamp;
use messages::{Catalogue, Encoded, Params};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt::Display as FormatDisplay;

/// What the operator observed and decided.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
// The operator alone writes it. As a whole it has one owner, and the API server keeps no list of who owns each field, which
// would be as long as the status and is compared at each write.
#[schemars(extend("x-kubernetes-map-type" = "atomic"))]
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
    /// Ready, ScalingActive, AbleToScale, ScalingLimited, MetricsFresh, TasksFinish, NewWorkersHelp, RedisMemoryBounded and RedisNotifies where
    /// they are known, and IntervalKept where the administrator's minInterval is longer than the interval.
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
    /// Tasks that workers have fetched ahead and not begun: no other worker can take them.
    pub held: MetricStatus,
    /// Tasks that become ready later.
    pub delayed: MetricStatus,
    /// Those of them that become ready within 10 s.
    pub due: MetricStatus,
    /// How many of the queues are paused.
    pub paused: MetricStatus,
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
    /// The longest that a task was seen to run, in milliseconds, where the queue systems tell since when one runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longest_task_millis: Option<i64>,
    /// Why metrics are unavailable, if any are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<CauseStatus>,
}

/// A metric: its value, or why it is unavailable.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct MetricStatus {
    /// The value, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<i64>,
    /// Whether the value is an estimate.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub estimated: bool,
    /// Why the value is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unavailable: Option<String>,
}

impl MetricStatus {
    /// Why the value of an unsupported metric is unknown.
    pub const UNSUPPORTED: &str = "the queue does not report it";

    /// The metric that this reports.
    pub fn metric(&self) -> Metric {
        match (self.value, self.unavailable.as_deref()) {
            (Some(value), _) if self.estimated => Metric::Estimated(value),
            (Some(value), _) => Metric::Known(value),
            (None, Some(Self::UNSUPPORTED)) => Metric::Unsupported,
            (None, _) => Metric::Unavailable,
        }
    }
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
    /// Human-readable reason in English, with times of day in UTC.
    pub message: String,
    /// What the message says, as parameters: numbers, texts, and codes with parameters of their own. Spans are in
    /// milliseconds, instants in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Params::is_empty")]
    #[schemars(schema_with = "params_schema")]
    pub params: Params,
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

impl DecisionStatus {
    /// A decision at `at`, without a forecast.
    pub fn new(decision: &Decision, at: Timestamp) -> Self {
        let Explanation {
            reason,
            params,
            from,
            to,
            message,
        } = Explanation::new(decision);
        Self {
            reason,
            message,
            params,
            confidence: f64::from(decision.confidence) / 100.0,
            at,
            from,
            to,
            steps: decision.steps.iter().map(StepStatus::new).collect(),
            next: None,
        }
    }
}

impl Change {
    /// The change that a decision made at `at`.
    pub fn new(decision: &Decision, at: Timestamp) -> Self {
        let Explanation {
            reason,
            params,
            from,
            to,
            message,
        } = Explanation::new(decision);
        Self {
            at,
            from,
            to,
            reason,
            message,
            params,
            latency_millis: None,
        }
    }
}

/// Why the replica count is, or became, what it is: what a reader's catalogue puts into words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The reason code.
    pub reason: String,
    /// Its parameters.
    #[serde(skip_serializing_if = "Params::is_empty")]
    pub params: Params,
    /// Workers before.
    pub from: i32,
    /// Workers after.
    pub to: i32,
    /// The same in English, for a reason that the reader does not know.
    pub message: String,
}

impl Explanation {
    /// Of a decision that was just made.
    pub fn new(decision: &Decision) -> Self {
        let reason = Encoded::new(&decision.reason);
        Self::of(reason, decision.from, decision.replicas)
    }

    /// Of a reason, with the replicas before and after.
    pub fn of(reason: Encoded, from: i32, to: i32) -> Self {
        Self {
            message: messages::in_english(&reason, from, to),
            reason: reason.code,
            params: reason.params,
            from,
            to,
        }
    }

    /// The message in the language of `catalogue`. Another release of the operator may have reasons or parameters that
    /// it does not know; then in English.
    pub fn text(&self, catalogue: &Catalogue) -> String {
        let reason = Encoded {
            code: self.reason.clone(),
            params: self.params.clone(),
        };
        let text = catalogue.reason(&reason, self.from, self.to);
        text.unwrap_or_else(|| self.message.clone())
    }
}

impl From<&DecisionStatus> for Explanation {
    fn from(decision: &DecisionStatus) -> Self {
        Self {
            reason: decision.reason.clone(),
            params: decision.params.clone(),
            from: decision.from,
            to: decision.to,
            message: decision.message.clone(),
        }
    }
}

impl From<&Change> for Explanation {
    fn from(change: &Change) -> Self {
        Self {
            reason: change.reason.clone(),
            params: change.params.clone(),
            from: change.from,
            to: change.to,
            message: change.message.clone(),
        }
    }
}

fn encoded(code: &str, params: &Params) -> Encoded {
    Encoded {
        code: code.to_owned(),
        params: params.clone(),
    }
}

/// One step of a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StepStatus {
    /// The field or input of the step.
    pub name: String,
    /// Its input and its effect.
    pub detail: String,
    /// Machine-readable kind of the step.
    #[serde(default)]
    pub code: String,
    /// What the detail says, as parameters.
    #[serde(default, skip_serializing_if = "Params::is_empty")]
    #[schemars(schema_with = "params_schema")]
    pub params: Params,
}

impl StepStatus {
    /// The step in English.
    pub fn new(step: &Step) -> Self {
        let encoded = Encoded::new(step);
        let english = Catalogue::english().step(&encoded);
        let (name, detail) = english.unwrap_or_else(|| (encoded.code.clone(), String::new()));
        let Encoded { code, params } = encoded;
        Self {
            name,
            detail,
            code,
            params,
        }
    }

    /// A field of the spec with its value, as a step.
    pub fn field(name: &str, value: &impl FormatDisplay) -> Self {
        let value = value.to_string();
        let params = [("field", name.into()), ("value", value.as_str().into())];
        Self {
            name: name.to_owned(),
            detail: value.clone(),
            code: "Field".to_owned(),
            params: params
                .map(|(key, value): (&str, Value)| (key.to_owned(), value))
                .into_iter()
                .collect(),
        }
    }

    /// The step with its parameters.
    pub fn encoded(&self) -> Encoded {
        encoded(&self.code, &self.params)
    }
}

/// An object with any fields.
fn params_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
}

/// A code of the catalogue with its parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CauseStatus {
    /// Machine-readable cause.
    pub code: String,
    /// Its parameters.
    #[serde(default, skip_serializing_if = "Params::is_empty")]
    #[schemars(schema_with = "params_schema")]
    pub params: Params,
}

impl CauseStatus {
    /// The cause with its parameters.
    pub fn encoded(&self) -> Encoded {
        encoded(&self.code, &self.params)
    }
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
    /// Human-readable reason in English, with times of day in UTC.
    pub message: String,
    /// What the message says, as parameters.
    #[serde(default, skip_serializing_if = "Params::is_empty")]
    #[schemars(schema_with = "params_schema")]
    pub params: Params,
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
