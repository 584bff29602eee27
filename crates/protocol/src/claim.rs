//! What a worker does with one task: claim it, then finish it in one of three ways. Each way out begins by removing
//! the exact element from the worker's own claimed list and goes on only when that removed it: who was reaped in the
//! meantime is told so and changes nothing.

use super::call::script;
use super::{Keys, MAX_ATTEMPTS, RESULT_TTL, ScriptCall, millis};
use redis::{Cmd, FromRedisValue, ParsingError, Script, Value};
use std::sync::LazyLock;
use std::time::Duration;

static TAKE: LazyLock<Script> = script!("lua/taking.lua", "lua/take.lua");
static CLAIMED: LazyLock<Script> = script!("lua/claimed.lua");
static ACK: LazyLock<Script> = script!("lua/taking.lua", "lua/ack.lua");
static FAIL: LazyLock<Script> = script!("lua/failure.lua", "lua/fail.lua");
static HAND_BACK: LazyLock<Script> = script!("lua/hand_back.lua");

/// What an attempt to take the next task brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Take {
    /// The exact bytes of the next task.
    Task(Vec<u8>),
    /// None.
    Nothing {
        /// Tasks the worker holds by the server's count. More than it knows of: it must read its claimed list.
        held: usize,
        /// It was asked to take nothing more.
        drain: bool,
    },
    /// The worker has no lease: it must register anew.
    Lost,
}

impl FromRedisValue for Take {
    fn from_redis_value(value: Value) -> Result<Self, ParsingError> {
        let (leased, held, drain, element) = redis::from_redis_value(value)?;
        Ok(match (leased, element) {
            (false, _) => Self::Lost,
            (true, Some(element)) => Self::Task(element),
            (true, None) => Self::Nothing { held, drain },
        })
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

/// Takes the next task for `id`, which knows of `known` tasks that it holds, and notes the attempt. It does not wait:
/// where nothing is ready, wait with [`blocking_move`].
#[must_use]
pub fn take(keys: &Keys, id: &str, known: usize) -> ScriptCall<Take> {
    ScriptCall::new(&TAKE, [keys.worker(id), keys.claimed(id), keys.ready()]).arg(known)
}

/// `BLMOVE` of the next task, waiting up to `timeout`; [`claimed`] follows when it brought one. It answers `WRONGTYPE` and moves nothing
/// once the fence of `id` is up.
#[must_use]
pub fn blocking_move(keys: &Keys, id: &str, timeout: Duration) -> Cmd {
    let mut command = redis::cmd("BLMOVE");
    command
        .arg(keys.ready())
        .arg(keys.claimed(id))
        .arg("RIGHT")
        .arg("LEFT")
        .arg(timeout.as_secs_f64());
    command
}

/// Notes that `id` has claimed by [`blocking_move`]; answers whether it has a lease. Else the task must be handed back.
#[must_use]
pub fn claimed(keys: &Keys, id: &str) -> ScriptCall<bool> {
    ScriptCall::new(&CLAIMED, [keys.worker(id), keys.claimed(id)])
}

/// What a worker says of a task that went well.
#[derive(Clone, Copy, Debug)]
pub struct Completion<'a> {
    /// The task's id.
    pub task: &'a str,
    /// Its exact bytes.
    pub element: &'a [u8],
    /// What its submitter reads.
    pub result: &'a [u8],
    /// How long that can be read; zero: it is not kept.
    pub keep: Duration,
    /// What counts as work done.
    pub took: Duration,
}

/// Finishes a task that went well. Answers [`Ending::Done`] or [`Ending::Late`].
#[must_use]
pub fn ack(keys: &Keys, id: &str, done: Completion) -> ScriptCall<Ending> {
    acknowledge(keys, id, done)
}

/// [`ack`] and [`take`] in one: `known` tasks besides this one are held. That the ready key is no list is left for
/// [`take`] to say.
#[must_use]
pub fn ack_and_take(
    keys: &Keys,
    id: &str,
    done: Completion,
    known: usize,
) -> ScriptCall<(Ending, Take)> {
    acknowledge(keys, id, done).arg(known)
}

fn acknowledge<T: FromRedisValue>(keys: &Keys, id: &str, done: Completion) -> ScriptCall<T> {
    let names = [
        keys.claimed(id),
        keys.worker(id),
        keys.stats(),
        keys.attempts(),
        keys.result(done.task),
        keys.unread(),
        keys.ready(),
    ];
    ScriptCall::new(&ACK, names)
        .arg(done.element)
        .arg(done.task)
        .arg(done.result)
        .arg(millis(done.keep))
        .arg(millis(done.took))
}

/// Finishes a task that went wrong. It waits again at the far end, behind all others, until its fifth bad attempt;
/// then, or at once where `hopeless`, it goes to the failed list and its result is the error.
#[must_use]
pub fn fail(
    keys: &Keys,
    id: &str,
    element: &[u8],
    error: &str,
    hopeless: bool,
) -> ScriptCall<Ending> {
    let names = [
        keys.claimed(id),
        keys.worker(id),
        keys.ready(),
        keys.attempts(),
        keys.stats(),
        keys.failed(),
        keys.result(""),
        keys.unread(),
    ];
    let max_attempts = if hopeless { 1 } else { MAX_ATTEMPTS };
    ScriptCall::new(&FAIL, names)
        .arg(element)
        .arg(error)
        .arg(max_attempts)
        .arg(millis(RESULT_TTL))
}

/// Gives a task back untouched, to be the next out; no attempt is counted. Answers whether `id` still held it.
#[must_use]
pub fn hand_back(keys: &Keys, id: &str, element: &[u8]) -> ScriptCall<bool> {
    ScriptCall::new(
        &HAND_BACK,
        [keys.claimed(id), keys.worker(id), keys.ready()],
    )
    .arg(element)
}
