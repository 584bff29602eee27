//! What a worker does with one task: claim it, then finish it in one of three ways: acknowledge, fail or hand back.
//! Each first removes the exact element from the worker's own claimed list and continues only if that removed one. A
//! worker that was reaped in the meantime gets [`Ending::Late`] and changes nothing.

use super::call::script;
use super::{Keys, MAX_ATTEMPTS, RESULT_TTL, RETRY_PAUSE, ScriptCall, millis};
use redis::{Cmd, FromRedisValue, ParsingError, Script, Value};
use std::sync::LazyLock;
use std::time::Duration;

static TAKE: LazyLock<Script> = script!("lua/taking.lua", "lua/take.lua");
static CLAIMED: LazyLock<Script> = script!("lua/claimed.lua");
static ACK: LazyLock<Script> = script!("lua/taking.lua", "lua/ack.lua");
static FAIL: LazyLock<Script> = script!("lua/failure.lua", "lua/fail.lua");
static HAND_BACK: LazyLock<Script> = script!("lua/hand_back.lua");

/// The result of an attempt to take the next task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Take {
    /// The exact bytes of the next task.
    Task(Vec<u8>),
    /// There is no task for this worker.
    Nothing {
        /// Number of tasks that the worker holds. If it is more than the worker knows of, it must read its claimed
        /// list.
        held: usize,
        /// Whether it must take nothing now: it was asked to drain, or it runs or is about to run a suspect alone.
        drain: bool,
    },
    /// The worker is not registered, for instance because it was reaped, and must register again.
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

/// The result of finishing a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The task is done and counted.
    Done,
    /// The task waits for its next attempt, after this many failed attempts.
    Retry(u32),
    /// The task failed permanently, after this many attempts.
    Failed(u32),
    /// The worker no longer held the task: another worker runs it or has run it. Nothing was changed.
    Late,
    /// Redis has lost the claim, as a failover does with what no replica had. If it still has the task, that runs again.
    Lost,
}

impl FromRedisValue for Ending {
    fn from_redis_value(value: Value) -> Result<Self, ParsingError> {
        let (ending, attempts) = redis::from_redis_value::<(String, u32)>(value)?;
        match ending.as_str() {
            "done" => Ok(Self::Done),
            "retry" => Ok(Self::Retry(attempts)),
            "failed" => Ok(Self::Failed(attempts)),
            "late" if attempts == 1 => Ok(Self::Lost),
            "late" => Ok(Self::Late),
            _ => Err(format!("unknown result of a task: {ending:?}").into()),
        }
    }
}

/// Takes the next task for the worker `id` and records the attempt. `known` is the number of tasks that the worker
/// knows it holds. It does not block: if nothing is ready, wait with [`blocking_move`].
pub fn take(keys: &Keys, id: &str, known: usize) -> ScriptCall<Take> {
    let names = [
        keys.worker(id),
        keys.claimed(id),
        keys.ready(),
        keys.delayed(),
        keys.suspects(),
        keys.turn(),
    ];
    ScriptCall::new(&TAKE, names).arg(known)
}

/// `BLMOVE` of the next task, blocking up to `timeout`; call [`claimed`] after it returned a task. Once the fence of
/// `id` exists, it returns `WRONGTYPE` and moves nothing.
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

/// Records that `id` has claimed a task by [`blocking_move`]. Returns whether it may keep the task: it is
/// registered and was not asked to drain. Otherwise it must hand the task back.
pub fn claimed(keys: &Keys, id: &str) -> ScriptCall<bool> {
    ScriptCall::new(&CLAIMED, [keys.worker(id), keys.claimed(id)])
}

/// A task that succeeded.
#[derive(Clone, Copy, Debug)]
pub struct Completion<'a> {
    /// The id of the task.
    pub task: &'a str,
    /// The exact bytes of the task.
    pub element: &'a [u8],
    /// The result for the submitter.
    pub result: &'a [u8],
    /// How long the result is kept; zero: not at all.
    pub keep: Duration,
    /// How long the work took.
    pub took: Duration,
}

/// Finishes a task that succeeded. Returns [`Ending::Done`], [`Ending::Late`] or [`Ending::Lost`].
pub fn ack(keys: &Keys, id: &str, done: Completion) -> ScriptCall<Ending> {
    acknowledge(keys, id, done)
}

/// [`ack`] and [`take`] in one script; `known` is the number of other tasks that the worker knows it holds. It does not
/// report a ready key that is not a list; [`take`] does.
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
        keys.delayed(),
        keys.suspects(),
        keys.turn(),
        keys.collected(done.task),
    ];
    ScriptCall::new(&ACK, names)
        .arg(done.element)
        .arg(done.task)
        .arg(done.result)
        .arg(millis(done.keep))
        .arg(millis(done.took))
}

/// Finishes a task that failed. After a pause, which doubles with each attempt, the task returns to the queue behind all
/// others. After the fifth failed attempt, or immediately if `permanent`, it moves to the failed list and its result is the error.
pub fn fail(
    keys: &Keys,
    id: &str,
    element: &[u8],
    error: &str,
    permanent: bool,
) -> ScriptCall<Ending> {
    let names = [
        keys.claimed(id),
        keys.worker(id),
        keys.delayed(),
        keys.attempts(),
        keys.stats(),
        keys.failed(),
        keys.result(""),
        keys.unread(),
    ];
    let max_attempts = if permanent { 1 } else { MAX_ATTEMPTS };
    ScriptCall::new(&FAIL, names)
        .arg(element)
        .arg(error)
        .arg(max_attempts)
        .arg(millis(RESULT_TTL))
        .arg(millis(RETRY_PAUSE))
}

/// Returns a task unprocessed to the head of the queue; no attempt is counted. Returns whether `id` still held it.
pub fn hand_back(keys: &Keys, id: &str, element: &[u8]) -> ScriptCall<bool> {
    ScriptCall::new(
        &HAND_BACK,
        [
            keys.claimed(id),
            keys.worker(id),
            keys.ready(),
            keys.suspects(),
        ],
    )
    .arg(element)
}
