//! What producers do: push tasks unless too many results are uncollected, and collect results.

use super::call::ScriptCall;
use super::{COLLECTED_TTL, Keys, Task};
use redis::{FromRedisValue, ParsingError, RedisError, Script, Value};
use serde::Serialize;
use std::sync::LazyLock;

static PUSH: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lua/push.lua")));
static COLLECT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lua/collect.lua")));

/// Pushes are refused from this many uncollected results on.
pub const MAX_UNREAD: u32 = 100_000;
/// Pushes are refused from this memory use on, in percent of `maxmemory`.
pub const MAX_MEMORY: u32 = 80;

/// The result of a push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Push {
    /// All tasks are ready and counted as arrived.
    Done,
    /// No task was pushed; the message says why and what to do.
    Refused(String),
}

impl FromRedisValue for Push {
    fn from_redis_value(value: Value) -> Result<Self, ParsingError> {
        match value {
            Value::Int(_) => Ok(Self::Done),
            message => Ok(Self::Refused(redis::from_redis_value(message)?)),
        }
    }
}

/// Pushes all of `tasks`, in the order in which they are taken, or none: none while there are too many results or too
/// little memory ([`MAX_UNREAD`], [`MAX_MEMORY`]). Do not repeat it when the reply was lost. The only error is a body
/// that cannot be serialized.
pub fn push_if_room<B: Serialize>(
    keys: &Keys,
    tasks: &[Task<B>],
) -> Result<ScriptCall<Push>, RedisError> {
    push_within(keys, tasks, MAX_UNREAD, MAX_MEMORY)
}

/// [`push_if_room`] that also remembers for a day when each task was pushed, in [`Keys::pushed`].
pub fn push_known<B: Serialize>(
    keys: &Keys,
    tasks: &[Task<B>],
) -> Result<ScriptCall<Push>, RedisError> {
    let call = push_within(keys, tasks, MAX_UNREAD, MAX_MEMORY)?;
    Ok(call.key(keys.pushed("")))
}

/// [`push_if_room`] with other limits.
pub fn push_within<B: Serialize>(
    keys: &Keys,
    tasks: &[Task<B>],
    max_unread: u32,
    max_memory: u32,
) -> Result<ScriptCall<Push>, RedisError> {
    let names = [keys.ready(), keys.stats(), keys.unread(), keys.pressure()];
    let mut call = ScriptCall::new(&PUSH, names)
        .arg(max_unread)
        .arg(max_memory);
    for task in tasks {
        call = call.arg(serde_json::to_vec(task).map_err(std::io::Error::from)?);
    }
    Ok(call)
}

/// Reads the result of `task` and counts it as collected; `None` if there is none yet, or no longer. If the reply was
/// lost, a repetition within [`COLLECTED_TTL`] reads it again.
pub fn collect(keys: &Keys, task: &str) -> ScriptCall<Option<Vec<u8>>> {
    let names = [keys.result(task), keys.unread(), keys.collected(task)];
    ScriptCall::new(&COLLECT, names).arg(super::millis(COLLECTED_TTL))
}
