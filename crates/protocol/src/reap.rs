//! The rescue of what the dead held.

use super::call::script;
use super::{FENCE_TTL, Keys, LEASE, MAX_ATTEMPTS, REAP, RESULT_TTL, ScriptCall, millis};
use redis::{FromRedisValue, ParsingError, Script, Value};
use std::sync::LazyLock;
use std::time::Duration;

static DEAD: LazyLock<Script> = script!("lua/dead.lua");
static RESCUE: LazyLock<Script> = script!("lua/failure.lua", "lua/reap.lua");

/// Elements that one run of the script moves at most, so that a list of a million blocks Redis for milliseconds only.
const BATCH: usize = 500;

/// What one run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reaped {
    /// Tasks that are ready again.
    pub rescued: usize,
    /// Tasks that were given up, because this was their fifth bad attempt.
    pub failed: usize,
    /// Tasks that the dead worker still holds: run it again.
    pub left: usize,
}

impl FromRedisValue for Reaped {
    fn from_redis_value(value: Value) -> Result<Self, ParsingError> {
        let (rescued, failed, left) = redis::from_redis_value(value)?;
        Ok(Self {
            rescued,
            failed,
            left,
        })
    }
}

/// Finds the workers whose lease is over: members of the set whose hash is gone. Of all that ask, two a second get
/// an answer and the others an empty one; [`Duration::ZERO`] as `pace` asks out of turn.
#[must_use]
pub fn dead(keys: &Keys, pace: Duration) -> ScriptCall<Vec<String>> {
    // A little less than the period, so that who comes each time is not refused every other.
    let pace = pace.min(REAP) * 9 / 10;
    ScriptCall::new(&DEAD, [keys.workers(), keys.reaper(), keys.worker("")])
        .arg(millis(pace))
        .arg(millis(LEASE))
}

/// Makes the tasks of `id` the next out, the oldest claim first, and counts the attempt; puts up the fence of `id`
/// once it holds nothing. Does nothing where `id` has a lease.
#[must_use]
pub fn reap(keys: &Keys, id: &str) -> ScriptCall<Reaped> {
    let names = [
        keys.workers(),
        keys.worker(id),
        keys.claimed(id),
        keys.ready(),
        keys.attempts(),
        keys.stats(),
        keys.failed(),
        keys.result(""),
        keys.unread(),
    ];
    ScriptCall::new(&RESCUE, names)
        .arg(id)
        .arg(BATCH)
        .arg(MAX_ATTEMPTS)
        .arg(millis(RESULT_TTL))
        .arg(millis(FENCE_TTL))
}
