//! The element of the ready list, and how it gets there.

use super::Keys;
use redis::{Pipeline, RedisError};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::{SystemTime, UNIX_EPOCH};

/// One task. Its JSON is written once, by the producer, and never changes on its way: workers move it byte by byte.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task<B = Value> {
    /// Unique in the queue; the result is found by it.
    pub id: String,
    /// When it was pushed, in milliseconds since 1970 by the producer's clock.
    pub at: i64,
    /// From 1, as the producer counts its own submissions; what happens afterwards is counted in the queue.
    #[serde(default = "one")]
    pub attempt: u32,
    /// How long the result can be read, in milliseconds; 0: it is not kept, `None`: [`super::RESULT_TTL`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<u64>,
    /// What to do; the queue's own affair.
    pub body: B,
}

fn one() -> u32 {
    1
}

impl<B> Task<B> {
    /// A first submission, now, under a random id of 32 hexadecimal digits.
    pub fn new(body: B) -> Self {
        Self {
            id: format!("{:032x}", fastrand::u128(..)),
            at: now_ms(),
            attempt: 1,
            keep: None,
            body,
        }
    }
}

/// The time of this machine in milliseconds since 1970.
#[must_use]
pub fn now_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The transaction that pushes `tasks`, the first of them next out, and counts them as arrived. Fails only when a
/// body cannot be written as JSON.
pub fn push<B: Serialize>(keys: &Keys, tasks: &[Task<B>]) -> Result<Pipeline, RedisError> {
    let mut pipeline = redis::pipe();
    pipeline.atomic();
    if tasks.is_empty() {
        return Ok(pipeline);
    }
    let command = pipeline.cmd("LPUSH").arg(keys.ready());
    for task in tasks {
        command.arg(serde_json::to_vec(task).map_err(std::io::Error::from)?);
    }
    pipeline
        .ignore()
        .cmd("HINCRBY")
        .arg(keys.stats())
        .arg("arrived")
        .arg(tasks.len())
        .ignore();
    Ok(pipeline)
}
