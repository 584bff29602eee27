//! A decision: the replica count, the reason, each step that led to it, and when to decide again.

use crate::memory::Memory;
use crate::reason::Reason;
use crate::units::{Millis, Time};
use std::sync::Arc;

/// The outcome of one evaluation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What `spec.replicas` should be now.
    pub replicas: i32,
    /// What `spec.replicas` was at the observation.
    pub from: i32,
    /// Why, from the closed list.
    pub reason: Reason,
    /// Every step in order, with its input and what it changed.
    pub steps: Vec<Step>,
    /// The share of the required metrics that were known, in percent.
    pub confidence: u8,
    /// The earliest instant at which time alone can change the decision.
    pub requeue_at: Option<Time>,
    /// The memory for the next decision, once `replicas` has been written.
    pub memory: Memory,
}

/// A rule that may recommend a replica count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum Rule {
    /// `queueLength`, in tasks.
    QueueLength,
    /// `utilizationPercent`.
    Utilization,
    /// `cpuPercent`.
    Cpu,
    /// `target.tasksPerWorker`, in tasks.
    TasksPerWorker,
    /// `target.drainWithin`, in milliseconds.
    DrainWithin,
    /// `target.maxWait`, in milliseconds.
    MaxWait,
}

/// What limited a recommendation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum Constraint {
    /// `scaleUp.cooldown`.
    CooldownUp,
    /// `scaleDown.cooldown`.
    CooldownDown,
    /// `behavior.scaleUp.stabilizationWindowSeconds`.
    WindowUp,
    /// `behavior.scaleDown.stabilizationWindowSeconds`.
    WindowDown,
    /// The policies of `behavior`.
    Policy,
    /// The cooldown between two small changes of a target.
    Dampening,
    /// The idle timer of a target.
    RecentlyBusy,
    /// The number of tasks that the queues let run at once.
    QueueLimit,
    /// `minReplicas`.
    Min,
    /// An active schedule.
    Schedule,
    /// `maxReplicas`.
    Max,
    /// Workers that hold a task.
    Busy,
    /// Metrics that could not be read.
    Unknown,
}

/// One step of a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(tag = "code", content = "params"))]
pub enum Step {
    /// The next steps belong to the rules of this queue.
    Queue {
        /// The name of the queue.
        queue: Arc<str>,
    },
    /// Another client changed `spec.replicas`; the rules start from the last decision.
    OutsideChange {
        /// `spec.replicas` now.
        found: i32,
        /// The replicas of the last decision.
        desired: i32,
    },
    /// A queue is paused: its tasks that are ready or due are no reason for workers.
    Paused {
        /// How many there are.
        tasks: i64,
    },
    /// Workers hold tasks that they have fetched ahead and not begun: no other worker can take these, so another worker is
    /// no help.
    Held {
        /// How many there are.
        tasks: i64,
    },
    /// A threshold of `scaleUp`, compared with a metric.
    Up {
        /// The rule.
        rule: Rule,
        /// The metric, in the rule's unit, rounded down.
        value: i64,
        /// The threshold that the metric must exceed.
        threshold: i64,
        /// The recommended replicas, where the threshold is exceeded.
        #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
        recommended: Option<i32>,
    },
    /// The recommendation of a target.
    Target {
        /// The rule.
        rule: Rule,
        /// The metric: tasks, ready tasks, or how long the oldest task has waited, in milliseconds.
        value: i64,
        /// The target, in the rule's unit.
        threshold: i64,
        /// The recommended replicas.
        recommended: i32,
    },
    /// A condition of `scaleDown`, compared with a metric.
    Down {
        /// The rule.
        rule: Rule,
        /// The metric, in the rule's unit, rounded down.
        value: i64,
        /// The threshold that the metric must stay below.
        threshold: i64,
        /// Whether it does.
        met: bool,
    },
    /// A rule without a result, because its metric could not be read.
    MetricUnavailable {
        /// The rule.
        rule: Rule,
    },
    /// A rule without a result, because the queue system does not report its metric.
    MetricUnsupported {
        /// The rule.
        rule: Rule,
    },
    /// The idle timer of `scaleDown`.
    IdleTimer {
        /// How long all conditions have been met.
        idle: Millis,
        /// How long they must be met.
        needed: Millis,
        /// The recommended replicas, once the timer has ended.
        #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
        recommended: Option<i32>,
    },
    /// The pin took the place of the rules.
    Pinned {
        /// The pinned replicas.
        replicas: i32,
        /// When the pin ends automatically.
        #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
        until: Option<Time>,
    },
    /// Metrics have been unavailable for `onUnknown.after`.
    Fallback {
        /// The least replicas of the fallback.
        replicas: i32,
    },
    /// A constraint changed the replica count.
    Constrained {
        /// The constraint.
        by: Constraint,
        /// The replicas before.
        from: i32,
        /// The replicas after.
        to: i32,
        /// When the constraint ends automatically, where it does.
        #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
        until: Option<Time>,
    },
    /// `dryRun`: nothing is written.
    NotWritten {
        /// The replicas that would have been written.
        replicas: i32,
    },
}
