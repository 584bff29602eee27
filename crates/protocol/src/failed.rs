//! The list of failed tasks: reads it, returns tasks to the queue, and deletes them.

use super::call::script;
use super::{Keys, ScriptCall};
use redis::{FromRedisValue, ParsingError, Script, Value};
use std::sync::LazyLock;

static LIST: LazyLock<Script> = script!("lua/failure.lua", "lua/failed.lua", "lua/failed_list.lua");
static TAKE: LazyLock<Script> = script!("lua/failure.lua", "lua/failed.lua", "lua/failed_take.lua");

/// The most tasks that one run of [`retry_failed`] or [`clear_failed`] takes: more would block Redis.
pub const FAILED_BATCH: usize = 1_000;

/// A failed task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedTask {
    /// Its id, or the hash of an element that was not a task. Foreign text, as are error and worker.
    pub id: String,
    /// Why the last attempt failed.
    pub error: String,
    /// Number of failed attempts.
    pub attempts: Option<u32>,
    /// When it failed, in milliseconds since 1970 by the server's clock; `None` in entries of an older release.
    pub at: Option<i64>,
    /// Id of the worker of the last attempt; empty in entries of an older release.
    pub worker: String,
    /// Length of the entry in bytes.
    pub bytes: u64,
}

impl FromRedisValue for FailedTask {
    fn from_redis_value(value: Value) -> Result<Self, ParsingError> {
        type Fields = (Vec<u8>, Vec<u8>, Vec<u8>, Vec<u8>, Vec<u8>, u64);
        let (id, error, attempts, at, worker, bytes): Fields = redis::from_redis_value(value)?;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok(Self {
            id: text(id),
            error: text(error),
            attempts: text(attempts).parse().ok(),
            at: text(at).parse().ok(),
            worker: text(worker),
            bytes,
        })
    }
}

/// The newest failed tasks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FailedList {
    /// Number of tasks on the list.
    pub total: u64,
    /// Number of tasks that were dropped from it because it was full.
    pub trimmed: u64,
    /// The newest tasks, newest first.
    pub tasks: Vec<FailedTask>,
}

impl FromRedisValue for FailedList {
    fn from_redis_value(value: Value) -> Result<Self, ParsingError> {
        let (total, trimmed, tasks) = redis::from_redis_value(value)?;
        Ok(Self {
            total,
            trimmed,
            tasks,
        })
    }
}

/// Reads at most `limit` failed tasks.
pub fn list_failed(keys: &Keys, limit: usize) -> ScriptCall<FailedList> {
    ScriptCall::new(&LIST, [keys.failed(), keys.stats()]).arg(limit)
}

/// Returns failed tasks to the end of the queue: those with these ids, or without ids the `limit` oldest. They have all
/// their attempts again and count as arrived again. Returns their number. At most [`FAILED_BATCH`] in one run.
pub fn retry_failed(keys: &Keys, ids: &[String], limit: usize) -> ScriptCall<usize> {
    take(keys, "retry", ids, limit)
}

/// Deletes failed tasks, chosen as by [`retry_failed`]. Returns their number.
pub fn clear_failed(keys: &Keys, ids: &[String], limit: usize) -> ScriptCall<usize> {
    take(keys, "clear", ids, limit)
}

fn take(keys: &Keys, what: &str, ids: &[String], limit: usize) -> ScriptCall<usize> {
    let names = [
        keys.failed(),
        keys.stats(),
        keys.ready(),
        keys.result(""),
        keys.unread(),
        keys.collected(""),
    ];
    let call = ScriptCall::new(&TAKE, names)
        .arg(what)
        .arg(limit.min(FAILED_BATCH));
    ids.iter().fold(call, ScriptCall::arg)
}
