//! The timer that runs while all conditions of `scaleDown` hold.

use super::memory::Memory;
use super::rules::Conditions;
use super::units::Time;
use crate::spec::PoolSpec;

/// Since when the pool has been idle, seen from `now`: a broken condition starts it anew, missing facts stop the
/// clock, and facts that were missing for `onUnknown.after` clear it.
pub(super) fn since(pool: &PoolSpec, held: Conditions, memory: &Memory, now: Time) -> Option<Time> {
    let blind_for = memory.unknown_since.map(|since| now - since);
    let kept = match blind_for {
        Some(span) if span >= pool.unknown_after => None,
        _ => memory.idle_since,
    };
    match held {
        Conditions::Unmet => None,
        Conditions::Unknown => kept,
        Conditions::Met => Some(match (kept, blind_for) {
            (Some(since), Some(span)) => (since + span).min(now),
            (Some(since), None) => since,
            (None, _) => now,
        }),
    }
}
