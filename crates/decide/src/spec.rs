//! The resolved spec of one pool, already validated: what `decide` may rely on.

use crate::units::{Millis, Time};
use std::sync::Arc;

/// The resolved spec of one pool. Built from a `WorkerPool` by `api::convert`, which rejects what cannot work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolSpec {
    /// The minimum replicas, from 0.
    pub min: i32,
    /// The maximum replicas, at least `min`.
    pub max: i32,
    /// The manual pin, which takes the place of the rules.
    pub pin: Option<Pin>,
    /// From no worker, more than this many tasks start the first one.
    pub from_zero: i64,
    /// The sets of rules, at least one; the highest recommendation wins.
    pub rules: Vec<Rules>,
    /// HPA's behavior; without it, a scale-up takes one step and a scale-down follows the idle timer.
    pub behavior: Option<Behavior>,
    /// The current or next window of each schedule.
    pub schedules: Vec<Schedule>,
    /// How long metrics may be unavailable before `unknown_action` applies and idle time is forgotten.
    pub unknown_after: Millis,
    /// What happens then.
    pub unknown_action: UnknownAction,
    /// Change nothing, regardless of load.
    pub suspend: Option<Suspend>,
    /// Decide and report, but write nothing.
    pub dry_run: bool,
    /// Whether a scale-down waits until the selected workers hold no task; then busy workers do not limit the decision.
    pub drains: bool,
}

impl Default for PoolSpec {
    /// 1 to 10 replicas, and no rule.
    fn default() -> Self {
        Self {
            min: 1,
            max: 10,
            pin: None,
            from_zero: 0,
            rules: vec![Rules::default()],
            behavior: None,
            schedules: Vec::new(),
            unknown_after: Millis::seconds(30),
            unknown_action: UnknownAction::Hold,
            suspend: None,
            dry_run: false,
            drains: false,
        }
    }
}

impl PoolSpec {
    /// Whether any set of rules has a target.
    pub fn has_target(&self) -> bool {
        self.rules
            .iter()
            .any(|rules| rules.target != Target::default())
    }

    /// Whether an observation with unchanged metrics still matters: it feeds windows, rates and the idle timer of targets.
    pub fn needs_every_observation(&self) -> bool {
        self.behavior.is_some() || self.has_target()
    }
}

/// A manually chosen replica count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin {
    /// The replicas, from 0 to `max`.
    pub replicas: i32,
    /// When it ends automatically.
    pub until: Option<Time>,
}

/// A suspension: the pool is not changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Suspend {
    /// Who suspended the pool and why, if that is known.
    pub who: Option<Who>,
    /// When it ends automatically.
    pub until: Option<Time>,
}

/// Who suspended a pool and why, foreign text; at least one of the two.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Who {
    /// Who it was.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub by: Option<Arc<str>>,
    /// Why.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub note: Option<Arc<str>>,
}

/// A set of rules, and the queues whose sum they are evaluated on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// The name of the queue, where the rules belong to one queue.
    pub queue: Option<Arc<str>>,
    /// Indexes into [`Observation::queues`](crate::Observation::queues).
    pub queues: Vec<usize>,
    /// Thresholds for a scale-up.
    pub up: ScaleUp,
    /// Conditions for a scale-down; without them and without a target, the rules never scale down.
    pub down: Option<ScaleDown>,
    /// Proportional rules.
    pub target: Target,
    /// How long the queues must have been empty before a target removes workers: `scaleDown.idleFor` without a condition.
    /// Without it, five minutes where the queue system does not tell who is busy.
    pub empty_for: Option<Millis>,
}

/// The thresholds of `scaleUp`: one that is exceeded is enough.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScaleUp {
    /// More than this many ready tasks.
    pub queue_length: Option<i64>,
    /// More than this percentage of the live workers busy.
    pub utilization: Option<i64>,
    /// More than this mean CPU use of the live workers, in percent.
    pub cpu: Option<i64>,
    /// Workers added in one step, from 1.
    pub step: i32,
    /// The least time since the last scale-up by a rule.
    pub cooldown: Millis,
}

/// The conditions of `scaleDown`: all must be met without a break for `idle_for`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScaleDown {
    /// Fewer than this many ready tasks.
    pub queue_length: Option<i64>,
    /// Less than this percentage of the live workers busy.
    pub utilization: Option<i64>,
    /// How long every observation must have met the conditions.
    pub idle_for: Millis,
    /// Workers removed in one step, from 1.
    pub step: i32,
    /// The least time since the last change in either direction.
    pub cooldown: Millis,
}

/// Proportional rules: the highest recommendation wins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// This many ready, due and in-flight tasks for each worker, from 1.
    pub tasks_per_worker: Option<i64>,
    /// Waiting and arriving tasks are to be finished within this time.
    pub drain_within: Option<Millis>,
    /// No ready task is to wait longer than this.
    pub max_wait: Option<Millis>,
}

/// HPA v2's `behavior`, with its defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Behavior {
    /// The behavior of scale-ups.
    pub up: Scaling,
    /// The behavior of scale-downs.
    pub down: Scaling,
}

/// How fast the replica count may change in one direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scaling {
    /// `stabilizationWindowSeconds`.
    pub window: Millis,
    /// `selectPolicy`.
    pub select: Select,
    /// The policies; without any, nothing changes in this direction.
    pub policies: Vec<Policy>,
    /// How far the load may be from a target, in millionths of it, without a change.
    pub tolerance: i64,
}

/// `selectPolicy`: which of several policies applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Select {
    /// The one that allows the largest change.
    Max,
    /// The one that allows the smallest change.
    Min,
    /// None: nothing changes in this direction.
    Disabled,
}

/// The largest change within a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// What `value` counts.
    pub kind: PolicyKind,
    /// The largest change, from 1.
    pub value: i32,
    /// The period, which ends now.
    pub period: Millis,
}

/// The unit of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyKind {
    /// Workers.
    Pods,
    /// Percent of the workers at the start of the period.
    Percent,
}

/// A time window with a higher minimum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The name of the schedule.
    pub name: Arc<str>,
    /// The minimum replicas while the window is active.
    pub min: i32,
    /// The first instant of the window.
    pub from: Time,
    /// The first instant after the window.
    pub until: Time,
}

/// What to do once metrics have been unavailable for `unknown_after`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownAction {
    /// Keep the present replicas.
    Hold,
    /// At least this many replicas, and no scale-down.
    Fallback(i32),
}
