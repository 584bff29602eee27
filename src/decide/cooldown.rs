//! Cooldowns: how long a number rests after a change.

use super::memory::Memory;
use super::pool::Pool;
use super::units::{Millis, Time};

/// When the next scale-up may come, where that is later than `now`.
pub(super) fn up(pool: &Pool, memory: &Memory, now: Time) -> Option<Time> {
    ends(memory.last_up, pool.up.cooldown, now)
}

/// When the next scale-down may come, where that is later than `now`.
pub(super) fn down(pool: &Pool, memory: &Memory, now: Time) -> Option<Time> {
    ends(memory.last_change, pool.down.as_ref()?.cooldown, now)
}

fn ends(last: Option<Time>, cooldown: Millis, now: Time) -> Option<Time> {
    last.map(|last| last + cooldown).filter(|until| *until > now)
}
