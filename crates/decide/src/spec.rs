//! The wishes of one pool, already validated: what `decide` may rely on.

use super::units::{Millis, Time};
use std::sync::Arc;

/// What the user wants of one pool. Built from a `WorkerPool` by `api::convert`, which refuses what cannot work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolSpec {
    /// Fewest workers, from 0.
    pub min: i32,
    /// Most workers, at least `min`.
    pub max: i32,
    /// The manual pin: takes the place of the rules.
    pub pin: Option<Pin>,
    /// The rules, at least one set; of all answers the largest wins.
    pub rules: Vec<Rules>,
    /// HPA's behavior; `None`: up at once and in one step, down by the idle timer.
    pub behavior: Option<Behavior>,
    /// The present or next window of each schedule.
    pub schedules: Vec<Schedule>,
    /// How long facts may be missing before `unknown_action` and before idle time is forgotten.
    pub unknown_after: Millis,
    /// What happens then.
    pub unknown_action: UnknownAction,
    /// Change nothing, whatever the facts.
    pub suspend: Option<Suspend>,
    /// Decide and report, write nothing.
    pub dry_run: bool,
    /// Those that go are waited for until they hold no task, so that no busy worker need hold the number up.
    pub drains: bool,
}

impl Default for PoolSpec {
    /// 1 to 10 workers and no rule at all.
    fn default() -> Self {
        Self {
            min: 1,
            max: 10,
            pin: None,
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
    #[must_use]
    pub fn has_target(&self) -> bool {
        self.rules
            .iter()
            .any(|rules| rules.target != Target::default())
    }

    /// Whether looks that find the same facts again still count: they feed windows, rates and the idle timer of targets.
    #[must_use]
    pub fn needs_every_observation(&self) -> bool {
        self.behavior.is_some() || self.has_target()
    }
}

/// A number chosen by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin {
    /// Within 0..=`max`.
    pub replicas: i32,
    /// From when on the rules decide again.
    pub until: Option<Time>,
}

/// A pool that is left as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Suspend {
    /// Who wants it and what for, as the sentence has it: `by ana (exam)`.
    pub by: Option<Arc<str>>,
    /// From when on the rules decide again.
    pub until: Option<Time>,
}

/// Rules and the queues whose sum they look at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// The queue, where these rules are its own.
    pub queue: Option<Arc<str>>,
    /// Which queues of [`super::Seen::queues`].
    pub queues: Vec<usize>,
    /// Thresholds for more workers.
    pub up: ScaleUp,
    /// Conditions for fewer; `None` without a target never removes any.
    pub down: Option<ScaleDown>,
    /// Proportional rules.
    pub target: Target,
}

/// Any one of the thresholds is enough. The class's values are the defaults of the API.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScaleUp {
    /// More than this many ready tasks.
    pub queue_length: Option<i64>,
    /// More than this percentage of live workers busy.
    pub utilization: Option<i64>,
    /// More than this mean CPU percentage over live workers.
    pub cpu: Option<i64>,
    /// Workers added at once, from 1.
    pub step: i32,
    /// Time since the last scale-up before the next.
    pub cooldown: Millis,
}

/// All of the conditions must hold, without a break, for `idle_for`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScaleDown {
    /// Fewer than this many ready tasks.
    pub queue_length: Option<i64>,
    /// Less than this percentage of live workers busy.
    pub utilization: Option<i64>,
    /// How long the conditions must have held at every look.
    pub idle_for: Millis,
    /// Workers removed at once, from 1.
    pub step: i32,
    /// Time since the last change in either direction.
    pub cooldown: Millis,
}

/// Proportional rules: each one answers with the number it needs, and the largest wins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// This many ready or running tasks for each worker, from 1.
    pub tasks_per_worker: Option<i64>,
    /// All that waits and arrives is to be done within this time.
    pub drain_within: Option<Millis>,
    /// No ready task is to wait longer than this.
    pub max_wait: Option<Millis>,
}

/// HPA v2's `behavior`, with its defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Behavior {
    /// Towards more workers.
    pub up: Scaling,
    /// Towards fewer.
    pub down: Scaling,
}

/// How fast the number may move in one direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scaling {
    /// `stabilizationWindowSeconds`.
    pub window: Millis,
    /// `selectPolicy`.
    pub select: Select,
    /// The policies; with none of them nothing moves.
    pub policies: Vec<Policy>,
    /// How far off a target may be, in millionths, before it asks for a change.
    pub tolerance: i64,
}

/// `selectPolicy`: of several policies, the one that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Select {
    /// The one that allows the largest change.
    Max,
    /// The one that allows the smallest.
    Min,
    /// None: nothing moves in this direction.
    Disabled,
}

/// At most this much change within a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// What `value` counts.
    pub kind: PolicyKind,
    /// From 1.
    pub value: i32,
    /// The period.
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

/// A window in which more workers are the least.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Its name.
    pub name: Arc<str>,
    /// Fewest workers while it lasts.
    pub min: i32,
    /// Its beginning, the first instant inside.
    pub from: Time,
    /// Its end, the first instant outside.
    pub until: Time,
}

/// What to do once facts have been missing for long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownAction {
    /// Stay where we are.
    Hold,
    /// At least this many, never fewer than now.
    Fallback(i32),
}
