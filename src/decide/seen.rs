//! The facts of one look. Unknown is never zero, and what a queue system does not tell is not unknown.

use super::units::Time;

/// One number that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// Read, and true at the time of the look.
    Known(i64),
    /// It exists but could not be read this time: nothing may be lowered without it.
    Missing,
    /// This queue system has no such number: rules go on without it.
    NotTold,
}

/// Why facts are missing, in the words of the place that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// One sentence without a full stop: what is wrong, where, what to do.
    pub sentence: String,
    /// Since when, at every look.
    pub since: Time,
}

/// What one queue tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueSeen {
    /// Tasks that wait and could be taken now.
    pub ready: Fact,
    /// Tasks that a worker holds.
    pub in_flight: Fact,
    /// Workers whose lease lives and that take tasks.
    pub live: Fact,
    /// Those of them that hold a task.
    pub busy: Fact,
    /// Sum of the live workers' CPU use, each in percent of its limit.
    pub cpu_sum: Fact,
}

impl QueueSeen {
    /// A queue about which nothing could be read.
    pub const MISSING: Self = Self {
        ready: Fact::Missing,
        in_flight: Fact::Missing,
        live: Fact::Missing,
        busy: Fact::Missing,
        cpu_sum: Fact::Missing,
    };
}

/// The sum over a pool's queues.
pub type Load = QueueSeen;

/// Everything that one decision may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// `spec.replicas` of the target.
    pub current: i32,
    /// The sum over all queues of the pool.
    pub load: Load,
    /// Why facts are missing, where any are.
    pub missing: Option<Missing>,
}

impl Fact {
    /// The number, where it is known.
    #[must_use]
    pub fn known(self) -> Option<i64> {
        match self {
            Self::Known(n) => Some(n),
            Self::Missing | Self::NotTold => None,
        }
    }

    /// One missing part makes the sum missing; parts that are not told are left out of it.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        match (self, other) {
            (Self::Missing, _) | (_, Self::Missing) => Self::Missing,
            (Self::NotTold, fact) | (fact, Self::NotTold) => fact,
            (Self::Known(a), Self::Known(b)) => Self::Known(a.saturating_add(b)),
        }
    }
}
