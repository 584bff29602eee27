//! The wishes of one pool, already validated: what `decide` may rely on.

use super::units::Millis;

/// What the user wants of one pool. Built from a `WorkerPool` by `api::convert`, which refuses what cannot work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Fewest workers, from 0.
    pub min: i32,
    /// Most workers, at least `min`.
    pub max: i32,
    /// The manual pin, within 0..=`max`: takes the place of the rules.
    pub pin: Option<i32>,
    /// When to add workers.
    pub up: ScaleUp,
    /// When to remove workers; `None` never removes any.
    pub down: Option<ScaleDown>,
    /// How long facts may be missing before `unknown_action` and before idle time is forgotten.
    pub unknown_after: Millis,
    /// What happens then.
    pub unknown_action: UnknownAction,
    /// Change nothing, whatever the facts.
    pub suspend: bool,
    /// Decide and report, write nothing.
    pub dry_run: bool,
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

/// What to do once facts have been missing for long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownAction {
    /// Stay where we are.
    Hold,
    /// At least this many, never fewer than now.
    Fallback(i32),
}
