//! The spec of a `WorkerPool`, its admission rules and what `kubectl get wp` shows.
#![expect(
    clippy::duplicated_attributes,
    reason = "each printer column is an attribute of its own"
)]

use super::{
    BehaviorSpec, DrainSpec, Duration, OnUnknown, QueueSpec, RedisSpec, ScaleDownSpec, ScaleUpSpec,
    ScheduleSpec, TargetSpec, WorkerPoolStatus,
};
use decide::victims::VictimOrder;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which Deployment does the work, which Redis queue feeds it, and when to add or remove workers.
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
    doc = "Which Deployment does the work, which Redis queue feeds it, and when to add or remove workers.",
    scale(
        spec_replicas_path = ".spec.replicas",
        status_replicas_path = ".status.replicas",
        label_selector_path = ".status.selector"
    ),
    printcolumn(
        name = "Target",
        type_ = "string",
        json_path = ".status.display.target",
        description = "What is scaled."
    ),
    printcolumn(
        name = "Queue",
        type_ = "string",
        json_path = ".status.display.queue",
        description = "Ready tasks; ? when unknown."
    ),
    printcolumn(
        name = "Busy",
        type_ = "string",
        json_path = ".status.display.busy",
        description = "Busy workers of live workers."
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
        description = "Pods now."
    ),
    printcolumn(
        name = "Desired",
        type_ = "integer",
        json_path = ".status.desiredReplicas",
        description = "Workers wanted."
    ),
    printcolumn(
        name = "Min",
        type_ = "integer",
        json_path = ".spec.minReplicas",
        description = "Fewest workers."
    ),
    printcolumn(
        name = "Max",
        type_ = "integer",
        json_path = ".spec.maxReplicas",
        description = "Most workers."
    ),
    printcolumn(
        name = "Decision",
        type_ = "string",
        json_path = ".status.decision.reason",
        description = "Why, in one word."
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
        description = "Mean CPU use of the workers."
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
        description = "When the queue will be empty at the present rate."
    ),
    printcolumn(
        name = "Why",
        type_ = "string",
        json_path = ".status.decision.message",
        priority = 1,
        description = "Why, in one sentence."
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.minReplicas <= self.maxReplicas")
        .message(Message::Expression("'minReplicas %d is above maxReplicas %d: lower minReplicas or raise maxReplicas'.format([self.minReplicas, self.maxReplicas])".into())),
    validation = Rule::new("!has(self.replicas) || self.replicas <= self.maxReplicas")
        .message(Message::Expression("'replicas %d is above maxReplicas %d: pin at most %d, or raise maxReplicas'.format([self.replicas, self.maxReplicas, self.maxReplicas])".into())),
    validation = Rule::new("(has(self.scaleUp) ? (has(self.scaleUp.queueLength) ? self.scaleUp.queueLength : 2147483647) : has(self.target) ? 2147483647 : 8) > (has(self.scaleDown) ? (has(self.scaleDown.queueLength) ? self.scaleDown.queueLength : -1) : has(self.target) ? -1 : 2)")
        .message(Message::Expression("'scaleUp.queueLength %d must be greater than scaleDown.queueLength %d, or it would go up and down at once. The class uses 8 and 2.'.format([has(self.scaleUp) ? (has(self.scaleUp.queueLength) ? self.scaleUp.queueLength : -1) : 8, has(self.scaleDown) ? (has(self.scaleDown.queueLength) ? self.scaleDown.queueLength : -1) : 2])".into())),
    validation = Rule::new("(has(self.scaleUp) ? (has(self.scaleUp.utilizationPercent) ? self.scaleUp.utilizationPercent : 101) : has(self.target) ? 101 : 80) > (has(self.scaleDown) ? (has(self.scaleDown.utilizationPercent) ? self.scaleDown.utilizationPercent : -1) : has(self.target) ? -1 : 30)")
        .message(Message::Expression("'scaleUp.utilizationPercent %d must be greater than scaleDown.utilizationPercent %d, or it would go up and down at once. The class uses 80 and 30.'.format([has(self.scaleUp) ? (has(self.scaleUp.utilizationPercent) ? self.scaleUp.utilizationPercent : -1) : 80, has(self.scaleDown) ? (has(self.scaleDown.utilizationPercent) ? self.scaleDown.utilizationPercent : -1) : 30])".into())),
    validation = Rule::new("!has(self.scaleUp) || !(has(self.scaleUp.utilizationPercent) || has(self.scaleUp.cpuPercent)) || self.queues.exists(q, q.system != 'List')")
        .message("scaleUp.utilizationPercent and cpuPercent need workers that say what they do, and a List tells its length alone: use queueLength, or a queue of system WorkerPool"),
    validation = Rule::new("!has(self.scaleDown) || !has(self.scaleDown.utilizationPercent) || self.queues.exists(q, q.system != 'List')")
        .message("scaleDown.utilizationPercent needs workers that say what they do, and a List tells its length alone: use queueLength, or a queue of system WorkerPool"),
    validation = Rule::new("!has(self.target) || !(has(self.target.drainWithin) || has(self.target.maxWait)) || self.queues.exists(q, q.system != 'List')")
        .message("target.drainWithin and maxWait need a queue that says how long tasks take and wait, and a List tells its length alone: use target.tasksPerWorker"),
    validation = Rule::new("!has(self.schedules) || self.schedules.all(s, s.minReplicas <= self.maxReplicas)")
        .message(Message::Expression("'a schedule has minReplicas above maxReplicas %d: lower it, or raise maxReplicas'.format([self.maxReplicas])".into()))
)]
pub struct WorkerPoolSpec {
    /// What to scale: a Deployment, or anything else with a scale subresource, in the pool's own namespace.
    pub scale_target_ref: ScaleTargetRef,
    /// Fewest workers. Default: 1.
    #[serde(default = "min_replicas")]
    #[schemars(range(min = 0, max = 100_000))]
    pub min_replicas: i32,
    /// Most workers. Default: 10.
    #[serde(default = "max_replicas")]
    #[schemars(range(min = 1, max = 100_000))]
    pub max_replicas: i32,
    /// A manual pin within 0 and maxReplicas, absent as a rule: this many workers, regardless of load. `kubectl scale wp/NAME --replicas=N` sets it, `kubectl workerpool scale NAME auto` removes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100_000))]
    pub replicas: Option<i32>,
    /// How often the facts are read when nothing wakes the operator sooner, at least 100ms. Default: 2s.
    #[serde(default = "interval")]
    #[x_kube(validation = Rule::new("!self.matches('^0*[0-9]?[0-9]ms$') && !self.matches('^0+(s|m|h)$')").message("interval must be at least 100ms, such as 2s: work that arrives is heard of at once, whatever the interval"))]
    pub interval: Duration,
    /// The Redis that holds the queues.
    pub redis: RedisSpec,
    /// The queues that feed the target; the thresholds look at their sum.
    #[schemars(length(min = 1, max = 32), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub queues: Vec<QueueSpec>,
    /// When to add workers. Absent: the class's rules, as far as the queue system can tell the facts (more than 8 ready tasks, over 80 % busy or over 75 % CPU; 2 at once; 60s between).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_up: Option<ScaleUpSpec>,
    /// When to remove workers. Absent: the class's rules, as far as the queue system can tell the facts (fewer than 2 ready tasks and under 30 % busy for 5m; 2 at once; 180s after the last change).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_down: Option<ScaleDownSpec>,
    /// How many workers in proportion to the work. The largest of all answers wins; beside a target, absent thresholds are not used and scaleDown is a condition on going down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<TargetSpec>,
    /// HPA v2's behavior: how fast the number may move. Absent: up at once and in one step; down, for a target, by an idle timer that follows the measured start time of the workers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub behavior: Option<BehaviorSpec>,
    /// Windows by the calendar in which more workers are the least.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub schedules: Vec<ScheduleSpec>,
    /// What to do when facts cannot be read. Absent: hold the present number.
    #[serde(default)]
    pub on_unknown: OnUnknown,
    /// How workers are removed. Absent: a busy one may keep a scale-down waiting for 30s.
    #[serde(default)]
    pub drain: DrainSpec,
    /// Change nothing, regardless of load. Default: false. The annotation workerpool.dev/suspend-until ends it by itself at
    /// an instant (RFC 3339).
    #[serde(default)]
    pub suspend: bool,
    /// Decide and report, but write nothing to the target. Default: false.
    #[serde(default)]
    pub dry_run: bool,
}

/// The object whose scale is written, in the pool's own namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScaleTargetRef {
    /// Group and version. Default: apps/v1.
    #[serde(default = "apps_v1")]
    #[schemars(length(min = 1, max = 253))]
    pub api_version: String,
    /// Kind with a scale subresource. Default: Deployment.
    #[serde(default = "deployment")]
    #[schemars(length(min = 1, max = 63))]
    pub kind: String,
    /// Name of the object.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

impl ScaleTargetRef {
    /// The API group.
    #[must_use]
    pub fn group(&self) -> &str {
        self.api_version
            .rsplit_once('/')
            .map_or("", |(group, _)| group)
    }

    /// How its controller chooses who goes; `None` where nobody knows.
    #[must_use]
    pub fn order(&self) -> Option<VictimOrder> {
        VictimOrder::of(self.group(), &self.kind)
    }
}

fn min_replicas() -> i32 {
    1
}
fn max_replicas() -> i32 {
    10
}
fn interval() -> Duration {
    Duration::seconds(2)
}
fn apps_v1() -> String {
    "apps/v1".to_owned()
}
fn deployment() -> String {
    "Deployment".to_owned()
}
