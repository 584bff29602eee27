//! The spec of a `WorkerPool` and the columns of `kubectl get wp`.
#![expect(
    clippy::duplicated_attributes,
    reason = "each printer column is an attribute of its own"
)]
#![expect(
    dead_code,
    reason = "the derived copy of the spec that makes the schema has `unreadable` too"
)]

use super::{
    BehaviorSpec, DrainSpec, Duration, OnUnknown, QueueSpec, RedisSpec, ScaleDownSpec,
    ScaleFromZeroSpec, ScaleUpSpec, ScheduleSpec, TargetSpec, WorkerPoolStatus, rules,
};
use decide::victims::VictimOrder;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Scales the workers of a Redis queue: which workload to scale, which queues feed it, and when to add or remove workers.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[kube(
    group = "workerpool.dev",
    version = "v1alpha1",
    kind = "WorkerPool",
    plural = "workerpools",
    shortname = "wp",
    category = "all",
    namespaced,
    status = "WorkerPoolStatus",
    derive = "PartialEq",
    doc = "Scales the workers of a Redis queue: which workload to scale, which queues feed it, and when to add or remove workers.",
    scale(
        spec_replicas_path = ".spec.replicas",
        status_replicas_path = ".status.replicas",
        label_selector_path = ".status.selector"
    ),
    printcolumn(
        name = "Target",
        type_ = "string",
        json_path = ".status.display.target",
        description = "The scale target."
    ),
    printcolumn(
        name = "Queue",
        type_ = "string",
        json_path = ".status.display.queue",
        description = "Ready tasks; ? if unknown."
    ),
    printcolumn(
        name = "Busy",
        type_ = "string",
        json_path = ".status.display.busy",
        description = "Busy workers / live workers."
    ),
    printcolumn(
        name = "Util",
        type_ = "string",
        json_path = ".status.display.util",
        description = "Share of live workers that are busy."
    ),
    printcolumn(
        name = "Replicas",
        type_ = "integer",
        json_path = ".status.replicas",
        description = "Current pods."
    ),
    printcolumn(
        name = "Desired",
        type_ = "integer",
        json_path = ".status.desiredReplicas",
        description = "Desired workers."
    ),
    printcolumn(
        name = "Min",
        type_ = "integer",
        json_path = ".spec.minReplicas",
        description = "Minimum number of workers."
    ),
    printcolumn(
        name = "Max",
        type_ = "integer",
        json_path = ".spec.maxReplicas",
        description = "Maximum number of workers."
    ),
    printcolumn(
        name = "Decision",
        type_ = "string",
        json_path = ".status.decision.reason",
        description = "Machine-readable reason of the decision."
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    ),
    printcolumn(
        name = "Wait",
        type_ = "string",
        json_path = ".status.display.wait",
        priority = 1,
        description = "How long the oldest ready task has waited."
    ),
    printcolumn(
        name = "CPU",
        type_ = "string",
        json_path = ".status.display.cpu",
        priority = 1,
        description = "Mean CPU utilization of the workers."
    ),
    printcolumn(
        name = "Success",
        type_ = "string",
        json_path = ".status.display.success",
        priority = 1,
        description = "Share of tasks that succeeded."
    ),
    printcolumn(
        name = "ETA",
        type_ = "string",
        json_path = ".status.display.eta",
        priority = 1,
        description = "When the queue will be empty at the current rate."
    ),
    printcolumn(
        name = "Why",
        type_ = "string",
        json_path = ".status.decision.message",
        priority = 1,
        description = "Human-readable reason of the decision."
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = rules::MIN_AT_MOST_MAX,
    validation = rules::PIN_AT_MOST_MAX,
    validation = rules::QUEUE_LENGTH_GAP,
    validation = rules::UTILIZATION_GAP,
    validation = rules::QUEUES_QUEUE_LENGTH_GAP,
    validation = rules::QUEUES_UTILIZATION_GAP,
    validation = rules::SCALE_DOWN_NOT_EMPTY,
    validation = rules::SCALE_UP_NEEDS_WORKERS,
    validation = rules::SCALE_DOWN_NEEDS_WORKERS,
    validation = rules::TARGET_NEEDS_TIMES,
    validation = rules::SCHEDULES_AT_MOST_MAX,
    validation = rules::QUEUES_IN_CLUSTER
)]
pub struct WorkerPoolSpec {
    /// What to scale: a Deployment, or any other object with a scale subresource, in the pool's namespace.
    pub scale_target_ref: ScaleTargetRef,
    /// Minimum number of workers. Default: 1.
    #[serde(default = "min_replicas")]
    #[schemars(range(min = 0, max = 100_000))]
    pub min_replicas: i32,
    /// Maximum number of workers. Default: 10.
    #[serde(default = "max_replicas")]
    #[schemars(range(min = 1, max = 100_000))]
    pub max_replicas: i32,
    /// A manual pin between 0 and maxReplicas: this many workers, regardless of load. Normally absent. `kubectl scale wp/NAME --replicas=N` sets it, `kubectl workerpool scale NAME auto` removes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100_000))]
    pub replicas: Option<i32>,
    /// How often to poll Redis if no notification arrives sooner, at least 100ms and at most 1h. Default: 2s.
    #[serde(default = "interval")]
    #[x_kube(validation = rules::INTERVAL_MINIMUM, validation = rules::INTERVAL_MAXIMUM)]
    pub interval: Duration,
    /// The Redis that holds the queues.
    pub redis: RedisSpec,
    /// The queues that feed the target. The thresholds apply to their sum.
    #[schemars(length(min = 1, max = 32), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name", "system"]))]
    pub queues: Vec<QueueSpec>,
    /// When the first worker starts, with minReplicas 0. Default: as soon as there is a task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_from_zero: Option<ScaleFromZeroSpec>,
    /// When to add workers. Default: above 8 ready tasks, 80 % busy or 75 % CPU, 2 at once, 60s apart; only the metrics that the queue system reports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_up: Option<ScaleUpSpec>,
    /// When to remove workers. Default: below 2 ready tasks and 30 % busy for 5m, 2 at once, 180s after the last change; only the metrics that the queue system reports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_down: Option<ScaleDownSpec>,
    /// How many workers to run in proportion to the work. The largest of all recommendations applies. With a target, absent scaleUp and scaleDown have no defaults, and scaleDown is a condition for scaling down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<TargetSpec>,
    /// How fast the replica count may change, as in HPA v2. Default: up immediately and in one step; with a target, down by an idle timer that follows the measured start time of the workers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub behavior: Option<BehaviorSpec>,
    /// Recurring windows with a higher minReplicas.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub schedules: Vec<ScheduleSpec>,
    /// What to do when metrics are unavailable. Default: hold the current replica count.
    #[serde(default)]
    pub on_unknown: OnUnknown,
    /// How workers are removed. Default: wait up to 30s for a busy worker.
    #[serde(default)]
    pub drain: DrainSpec,
    /// Keep the current replica count, regardless of load. The annotation workerpool.dev/suspend-until (RFC 3339) ends the suspension automatically. Default: false.
    #[serde(default)]
    pub suspend: bool,
    /// Decide and report, but do not scale the target. Default: false.
    #[serde(default)]
    pub dry_run: bool,
    /// Why the spec could not be read, where [`read`](super::read) found that; no field of the API.
    #[serde(skip)]
    #[schemars(skip)]
    pub unreadable: Option<String>,
}

/// The object to scale, in the pool's namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScaleTargetRef {
    /// Group and version. Default: apps/v1.
    #[serde(default = "apps_v1")]
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[a-z0-9]+$")
    )]
    pub api_version: String,
    /// A kind with a scale subresource. Default: Deployment.
    #[serde(default = "deployment")]
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = r"^[A-Za-z]([-A-Za-z0-9]*[A-Za-z0-9])?$")
    )]
    pub kind: String,
    /// Name of the object.
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")
    )]
    pub name: String,
}

/// The kinds whose spelling is known.
const KINDS: [&str; 4] = ["Deployment", "ReplicaSet", "StatefulSet", "Rollout"];

impl ScaleTargetRef {
    /// The kind as Kubernetes spells it: its path in the API has no capitals, so that any spelling reaches it.
    pub fn canonical_kind(&self) -> &str {
        KINDS
            .into_iter()
            .find(|kind| kind.eq_ignore_ascii_case(&self.kind))
            .unwrap_or(&self.kind)
    }

    /// The API group; empty for the core group.
    pub fn group(&self) -> &str {
        self.api_version
            .rsplit_once('/')
            .map_or("", |(group, _)| group)
    }

    /// The order in which the target's controller removes pods; `None` if unknown.
    pub fn order(&self) -> Option<VictimOrder> {
        VictimOrder::of(self.group(), self.canonical_kind())
    }
}

pub(super) fn min_replicas() -> i32 {
    1
}
pub(super) fn max_replicas() -> i32 {
    10
}
pub(super) fn interval() -> Duration {
    Duration::seconds(2)
}
pub(super) fn apps_v1() -> String {
    "apps/v1".to_owned()
}
pub(super) fn deployment() -> String {
    "Deployment".to_owned()
}
