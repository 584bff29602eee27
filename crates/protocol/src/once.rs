//! A push that can be repeated: the same batch key pushes the same batch once.

use super::call::ScriptCall;
use super::{Keys, MAX_MEMORY, MAX_UNREAD, Task};
use redis::{FromRedisValue, ParsingError, RedisError, Script, Value};
use serde::Serialize;
use std::sync::LazyLock;
use std::time::Duration;

static PUSH_ONCE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(
        "local function push(KEYS, ARGV)\n",
        include_str!("lua/push.lua"),
        "\nend\n",
        include_str!("lua/push_once.lua")
    ))
});

/// The result of a push with a batch key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PushOnce {
    /// All tasks are ready and counted as arrived.
    Done,
    /// This batch was pushed before; its answer at that time.
    Again(Vec<u8>),
    /// Another batch was pushed with this key.
    OtherBatch,
    /// No task was pushed; the message says why and what to do.
    Refused(String),
}

impl FromRedisValue for PushOnce {
    fn from_redis_value(value: Value) -> Result<Self, ParsingError> {
        let parts: Vec<Vec<u8>> = redis::from_redis_value(value)?;
        let mut parts = parts.into_iter();
        let word = parts.next().unwrap_or_default();
        let detail = parts.next().unwrap_or_default();
        Ok(match word.as_slice() {
            b"done" => Self::Done,
            b"again" => Self::Again(detail),
            b"other" => Self::OtherBatch,
            _ => Self::Refused(String::from_utf8_lossy(&detail).into_owned()),
        })
    }
}

/// A batch that is pushed at most once.
#[derive(Clone, Copy, Debug)]
pub struct OnceKey<'a> {
    /// The client's key of the batch.
    pub key: &'a str,
    /// The same for the same content.
    pub fingerprint: &'a str,
    /// What a repeated push returns.
    pub answer: &'a [u8],
    /// How long the key is remembered.
    pub ttl: Duration,
}

/// [`push_known`](super::push_known) that pushes nothing if it was done before with the same key. It can be repeated
/// when the reply was lost. The only error is a body that cannot be serialized.
pub fn push_once<B: Serialize>(
    keys: &Keys,
    tasks: &[Task<B>],
    once: &OnceKey,
) -> Result<ScriptCall<PushOnce>, RedisError> {
    let names = [
        keys.ready(),
        keys.stats(),
        keys.unread(),
        keys.pressure(),
        keys.pushed(""),
        keys.batch(once.key),
    ];
    let mut call = ScriptCall::new(&PUSH_ONCE, names)
        .arg(once.fingerprint)
        .arg(once.answer)
        .arg(super::millis(once.ttl))
        .arg(MAX_UNREAD)
        .arg(MAX_MEMORY);
    for task in tasks {
        call = call.arg(serde_json::to_vec(task).map_err(std::io::Error::from)?);
    }
    Ok(call)
}
