//! What the next decision must remember: a small value, kept in the pool's status.

use super::units::Time;

/// Everything `decide` knows of the past. Instants that lie in the future (a clock was set back) count as now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// The number last decided: what `spec.replicas` of the target should still be.
    pub desired: Option<i32>,
    /// When a rule last raised the number: what the up cooldown counts from.
    pub last_up: Option<Time>,
    /// When the number last changed, whoever asked: what the down cooldown counts from.
    pub last_change: Option<Time>,
    /// Since when every look has met the conditions of `scaleDown`; moved on by the time that facts were missing.
    pub idle_since: Option<Time>,
    /// Since when facts have been missing.
    pub unknown_since: Option<Time>,
}

impl Memory {
    /// The same when the number that came with `self` was written at `at`: cooldowns count from the write, not from
    /// the decision that asked for it.
    #[must_use]
    pub fn written(self, before: &Self, at: Time) -> Self {
        let moved = |new: Option<Time>, old: Option<Time>| if new == old { old } else { Some(at) };
        Self {
            last_up: moved(self.last_up, before.last_up),
            last_change: moved(self.last_change, before.last_change),
            ..self
        }
    }

    /// What stays true when the number that came with `self` could not be written: the looks, not the change.
    #[must_use]
    pub fn unwritten(self, before: &Self) -> Self {
        Self { desired: before.desired, last_up: before.last_up, last_change: before.last_change, ..self }
    }

    /// The same memory with no instant after `now`.
    #[must_use]
    pub fn not_after(&self, now: Time) -> Self {
        let past = |at: Option<Time>| at.map(|at| at.min(now));
        Self {
            desired: self.desired,
            last_up: past(self.last_up),
            last_change: past(self.last_change),
            idle_since: past(self.idle_since),
            unknown_since: past(self.unknown_since),
        }
    }
}
