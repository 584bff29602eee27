//! What a pool does to its target: what it remembers of that, and what is under way. All of it starts over with another
//! target.

use super::contest::Contest;
use super::evaluation::Evaluated;
use super::scale_down::ScaleDown;
use crate::act;
use crate::observe::Epoch;
use crate::report::Outcome;
use decide::{Memory, Millis, Time};

#[derive(Debug, Default)]
pub(super) struct Intent {
    /// Of the target: another object, or the same name created again, is a new one.
    pub epoch: Epoch,
    /// The target's UID that `memory` is about; `None` if that is not known.
    pub target_uid: Option<String>,
    pub memory: Memory,
    /// Whether `memory` is adjusted to the start of this process.
    pub restored: bool,
    /// Whether an earlier process may have scaled for this pool: it existed when this one started.
    pub inherited: bool,
    /// The scale that is being written.
    pub pending_scale: Option<PendingScale>,
    /// The scale-down that is being prepared or reverted.
    pub scale_down: Option<Box<ScaleDown>>,
    /// The last failed write of the scale; `None` after a success.
    pub retry: Option<Retry>,
    /// When its namespace allows the next change, where the pool waits for that.
    pub turn: Option<Time>,
    /// The replica counts of another client that were set back.
    pub contest: Option<Contest>,
}

#[derive(Debug)]
pub(super) struct PendingScale {
    pub evaluated: Box<Evaluated>,
    pub outcome: Outcome,
}

/// The retry of a failed write.
#[derive(Debug)]
pub(super) struct Retry {
    /// The number of consecutive failures.
    pub attempts: u32,
    /// The last error.
    pub error: String,
    /// When to try again.
    pub at: Time,
}

impl Retry {
    /// The retry after `error`, where `before` is what followed the failures before it.
    pub fn after(before: Option<&Self>, error: &act::Error, now: Time) -> Self {
        let attempts = before.map_or(0, |before| before.attempts) + 1;
        let pause = error.backoff(attempts).as_millis();
        Self {
            attempts,
            error: error.to_string(),
            at: now + Millis(i64::try_from(pause).unwrap_or(10_000)),
        }
    }
}

impl Intent {
    /// The failed write, while it is not tried again.
    pub fn retry_after(&self, now: Time) -> Option<&Retry> {
        self.retry.as_ref().filter(|retry| retry.at > now)
    }

    /// Moves all remembered instants by as much as the clock was set.
    pub fn shift(&mut self, by: Millis) {
        self.memory = self.memory.shifted(by);
        if let Some(pending) = &mut self.pending_scale {
            let decision = &mut pending.evaluated.decision;
            decision.memory = decision.memory.shifted(by);
        }
        self.turn = None;
        if let Some(scale_down) = &mut self.scale_down {
            scale_down.shift(by);
        }
        if let Some(contest) = &mut self.contest {
            contest.shift(by);
        }
        if let Some(retry) = &mut self.retry {
            retry.at = retry.at + by;
        }
    }
}
