//! The element of the ready list, and the transaction that pushes it.

use super::Keys;
use redis::{Pipeline, RedisError};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::{SystemTime, UNIX_EPOCH};

/// One task. The producer serializes it once and it never changes: workers move its exact bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task<B = Value> {
    /// Unique in the queue; the result is stored under it.
    pub id: String,
    /// When it was pushed, in milliseconds since 1970 by the producer's clock.
    pub at: i64,
    /// The producer's own count of submissions, from 1; failed attempts are counted in the queue.
    #[serde(default = "one")]
    pub attempt: u32,
    /// How long the result is kept, in milliseconds; 0: not at all, `None`: [`super::RESULT_TTL`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<u64>,
    /// The work to do; its form is up to producer and worker.
    pub body: B,
}

fn one() -> u32 {
    1
}

impl<B> Task<B> {
    /// A first submission at the current time, with a random id of 32 hexadecimal digits.
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

/// The time of this host in milliseconds since 1970.
pub fn now_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The transaction that pushes `tasks`, in the order in which they are taken, and counts them as arrived. The only
/// error is a body that cannot be serialized.
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
