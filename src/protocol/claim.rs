//! What a worker does with one task: claim it, then finish it in one of three ways. Each way out begins by removing
//! the exact element from the worker's own claimed list and goes on only when that removed it: who was reaped in the
//! meantime is told so and changes nothing.

use super::{Call, Keys, MAX_ATTEMPTS, RESULT_TTL, millis};
use redis::{Cmd, FromRedisValue, ParsingError, Script, Value};
use std::sync::LazyLock;
use std::time::Duration;

static ATTEMPT: LazyLock<Script> =
    LazyLock::new(|| Script::new(concat!(include_str!("lua/common.lua"), include_str!("lua/attempt.lua"))));
static CLAIMED: LazyLock<Script> =
    LazyLock::new(|| Script::new(concat!(include_str!("lua/common.lua"), include_str!("lua/claimed.lua"))));
static ACK: LazyLock<Script> =
    LazyLock::new(|| Script::new(concat!(include_str!("lua/common.lua"), include_str!("lua/ack.lua"))));
static FAIL: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(
        include_str!("lua/common.lua"),
        include_str!("lua/failure.lua"),
        include_str!("lua/fail.lua")
    ))
});
static HAND_BACK: LazyLock<Script> =
    LazyLock::new(|| Script::new(concat!(include_str!("lua/common.lua"), include_str!("lua/hand_back.lua"))));

/// How a worker stands just before it claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// It has a lease.
    Leased {
        /// Tasks it holds by the server's count.
        held: usize,
        /// It was asked to take nothing more.
        drain: bool,
    },
    /// It has none: it must register anew.
    Lost,
}

impl FromRedisValue for Attempt {
    fn from_redis_value(value: Value) -> Result<Self, ParsingError> {
        let (leased, held, drain) = redis::from_redis_value::<(bool, usize, bool)>(value)?;
        Ok(if leased { Self::Leased { held, drain } } else { Self::Lost })
    }
}

/// What became of a task whose work ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It is done and counted.
    Done,
    /// It waits for its next attempt; so many ended badly.
    Retry(u32),
    /// It was given up after so many attempts.
    Failed(u32),
    /// The worker no longer held it: somebody else runs it or has run it, and nothing was changed.
    Late,
}

impl FromRedisValue for Ending {
    fn from_redis_value(value: Value) -> Result<Self, ParsingError> {
        let (word, attempts) = redis::from_redis_value::<(String, u32)>(value)?;
        match word.as_str() {
            "done" => Ok(Self::Done),
            "retry" => Ok(Self::Retry(attempts)),
            "failed" => Ok(Self::Failed(attempts)),
            "late" => Ok(Self::Late),
            _ => Err(format!("a task cannot end as {word:?}").into()),
        }
    }
}

/// Notes that `id` is about to claim, and answers how it stands.
#[must_use]
pub fn attempt(keys: &Keys, id: &str) -> Call<Attempt> {
    Call::new(&ATTEMPT, [keys.worker(id), keys.claimed(id)])
}

/// The claim itself: `BLMOVE` of the next task, waiting up to `timeout`. It answers `WRONGTYPE` and moves nothing
/// once the fence of `id` is up.
#[must_use]
pub fn blocking_move(keys: &Keys, id: &str, timeout: Duration) -> Cmd {
    let mut command = redis::cmd("BLMOVE");
    command.arg(keys.ready()).arg(keys.claimed(id)).arg("RIGHT").arg("LEFT").arg(timeout.as_secs_f64());
    command
}

/// Notes that `id` now works on `task`; answers how many attempts at it ended badly before, or `None` when the
/// worker's lease is lost.
#[must_use]
pub fn claimed(keys: &Keys, id: &str, task: &str) -> Call<Option<u32>> {
    Call::new(&CLAIMED, [keys.worker(id), keys.claimed(id), keys.attempts()]).arg(task)
}

/// Finishes a task that went well: its result can be read for an hour, `took` counts as work done.
/// Answers [`Ending::Done`] or [`Ending::Late`].
#[must_use]
pub fn ack(keys: &Keys, id: &str, element: &[u8], task: &str, result: &[u8], took: Duration) -> Call<Ending> {
    let names = [keys.claimed(id), keys.worker(id), keys.stats(), keys.attempts(), keys.result(task)];
    Call::new(&ACK, names).arg(element).arg(task).arg(result).arg(millis(RESULT_TTL)).arg(millis(took))
}

/// Finishes a task that went wrong. It waits again at the far end, behind all others, until its fifth bad attempt;
/// then, or at once where `hopeless`, it goes to the failed list and its result is the error.
#[must_use]
pub fn fail(keys: &Keys, id: &str, element: &[u8], error: &str, hopeless: bool) -> Call<Ending> {
    let names = [
        keys.claimed(id),
        keys.worker(id),
        keys.ready(),
        keys.attempts(),
        keys.stats(),
        keys.failed(),
        keys.result(""),
    ];
    let max_attempts = if hopeless { 1 } else { MAX_ATTEMPTS };
    Call::new(&FAIL, names).arg(element).arg(error).arg(max_attempts).arg(millis(RESULT_TTL))
}

/// Gives a task back untouched, to be the next out; no attempt is counted. Answers whether `id` still held it.
#[must_use]
pub fn hand_back(keys: &Keys, id: &str, element: &[u8]) -> Call<bool> {
    Call::new(&HAND_BACK, [keys.claimed(id), keys.worker(id), keys.ready()]).arg(element)
}
