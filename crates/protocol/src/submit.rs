//! What producers do: push tasks unless too much lies unread, and collect results.

use super::call::ScriptCall;
use super::{Keys, Task};
use redis::{FromRedisValue, ParsingError, RedisError, Script, Value};
use serde::Serialize;
use std::sync::LazyLock;

static PUSH: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lua/push.lua")));
static COLLECT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lua/collect.lua")));

/// From so many results on that nobody has collected, nothing more is pushed.
pub const MAX_UNREAD: u32 = 100_000;
/// From this share of `maxmemory` on, in percent, nothing more is pushed.
pub const MAX_MEMORY: u32 = 80;

/// What became of a push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Push {
    /// All are ready and count as arrived.
    Done,
    /// None is; why, and what to do.
    Refused(String),
}

impl FromRedisValue for Push {
    fn from_redis_value(value: Value) -> Result<Self, ParsingError> {
        match value {
            Value::Int(_) => Ok(Self::Done),
            sentence => Ok(Self::Refused(redis::from_redis_value(sentence)?)),
        }
    }
}

/// Pushes `tasks`, the first of them next out, all or none: none while results or memory are full ([`MAX_UNREAD`],
/// [`MAX_MEMORY`]). Unlike [`super::push`] it must not be repeated when its answer was lost. Fails only when a body cannot be
/// written as JSON.
pub fn push_if_room<B: Serialize>(
    keys: &Keys,
    tasks: &[Task<B>],
) -> Result<ScriptCall<Push>, RedisError> {
    push_within(keys, tasks, MAX_UNREAD, MAX_MEMORY)
}

/// [`push_if_room`] with limits of the caller's own.
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

/// Reads the result of `task` and forgets it; `None` where there is none yet, or any more.
#[must_use]
pub fn collect(keys: &Keys, task: &str) -> ScriptCall<Option<Vec<u8>>> {
    ScriptCall::new(&COLLECT, [keys.result(task), keys.unread()])
}
