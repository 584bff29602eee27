//! Returns the tasks of dead workers to the queue.

use super::call::script;
use super::{FENCE_TTL, GAP, Keys, LEASE, MAX_ATTEMPTS, REAP, RESULT_TTL, ScriptCall, millis};
use redis::{FromRedisValue, ParsingError, Script, Value};
use std::sync::LazyLock;
use std::time::Duration;

static DEAD: LazyLock<Script> = script!("lua/dead.lua");
static RESCUE: LazyLock<Script> = script!("lua/failure.lua", "lua/reap.lua");

/// Maximum elements that one run of the script moves, so that a list of a million does not block Redis for more than
/// milliseconds.
const BATCH: usize = 500;

/// The result of one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reaped {
    /// Tasks that are ready again, as suspects.
    pub rescued: usize,
    /// Tasks that failed permanently, because this was their fifth failed attempt.
    pub failed: usize,
    /// Tasks that the dead worker still holds; if not 0, run it again.
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

/// Finds the workers whose lease has ended. If no one has looked for them for [`GAP`], it extends every lease
/// without a heartbeat since then instead, once: heartbeats did not arrive either. Of all callers, one per `interval` gets the
/// result and the others an empty one; [`Duration::ZERO`] disables that limit.
pub fn dead(keys: &Keys, interval: Duration) -> ScriptCall<Vec<String>> {
    // A little less than the interval, so that a caller with exactly this interval is not refused every other time.
    let interval = interval.min(REAP) * 9 / 10;
    ScriptCall::new(&DEAD, [keys.workers(), keys.reaper(), keys.worker("")])
        .arg(millis(interval))
        .arg(millis(LEASE))
        .arg(millis(GAP))
}

/// Makes the tasks of `id` suspects, which are ready before all others, the oldest claim first; counts a failed attempt
/// for each.
/// Creates the fence of `id` once it holds nothing. Does nothing if `id` has a lease.
pub fn reap(keys: &Keys, id: &str) -> ScriptCall<Reaped> {
    let names = [
        keys.workers(),
        keys.worker(id),
        keys.claimed(id),
        keys.suspects(),
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
