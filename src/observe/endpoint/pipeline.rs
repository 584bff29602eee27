//! The pipelines that read many queues at once.

use super::{DuePoll, PolledPool};
use api::Key;
use queues::{Poll, Queue, is_unknown_script};
use redis::aio::MultiplexedConnection;
use redis::{Cmd, Pipeline, RedisResult, Value};
use std::collections::HashMap;

/// The queues of all pools that are due, each with its position in its pool.
pub(super) fn queues<'a>(
    due: &'a [DuePoll],
    pools: &'a HashMap<Key, PolledPool>,
) -> impl Iterator<Item = (usize, &'a Queue)> + Clone {
    due.iter()
        .filter_map(|poll| pools.get(&poll.pool))
        .flat_map(|polled| polled.queues.iter().enumerate())
}

/// Reads all queues of `poll`, in one pipeline and, where some ask for more, a second one. Redis tracks what `tracked`
/// reads; `script_known` tells whether the server has cached the script. Returns of each of `tracked` whether the server
/// refuses to track it.
pub(super) async fn read(
    redis: &mut MultiplexedConnection,
    poll: &mut Poll<'_>,
    tracked: &[&Cmd],
    script_known: &mut bool,
) -> RedisResult<Vec<Refused>> {
    let (mut refused, mut replies) = send(redis, tracked, poll.commands(!*script_known)).await?;
    if *script_known && replies.iter().any(is_unknown_script) {
        (refused, replies) = send(redis, tracked, poll.commands(true)).await?;
    }
    *script_known = true;
    let more = poll.receive(replies);
    if !more.is_empty() {
        let (_, replies) = send(redis, &[], more).await?;
        poll.receive(replies);
    }
    Ok(refused)
}

/// What of a tracked read the server refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    Nothing,
    /// The read, for which the user lacks a right.
    Read,
    /// To track anything.
    Tracking,
}

/// Sends `commands` and returns their replies. Only the reads of `tracked` are tracked: heartbeats and counters must not
/// cause notifications. Each is asked for alone: the keys may be in different slots of a cluster, and one that the user may
/// not read must not keep the others from being tracked.
async fn send(
    redis: &mut MultiplexedConnection,
    tracked: &[&Cmd],
    commands: Vec<Cmd>,
) -> RedisResult<(Vec<Refused>, Vec<Value>)> {
    let mut pipeline = Pipeline::with_capacity(commands.len() + tracked.len() * 2);
    for command in tracked {
        pipeline.cmd("CLIENT").arg("CACHING").arg("YES");
        pipeline.add_command((*command).clone());
    }
    let tracking = pipeline.len();
    for command in commands {
        pipeline.add_command(command);
    }
    let mut replies = redis
        .send_packed_commands(&pipeline, 0, pipeline.len())
        .await?;
    let refused = replies[..tracking.min(replies.len())]
        .chunks(2)
        .map(|pair| match pair {
            [caching, _] if is_refusal(caching) => Refused::Tracking,
            [_, read] if is_refusal(read) => Refused::Read,
            _ => Refused::Nothing,
        })
        .collect();
    replies.drain(..tracking.min(replies.len()));
    Ok((refused, replies))
}

/// Whether the server will not run the command next time either: the user lacks a right, or it does not know the command.
fn is_refusal(reply: &Value) -> bool {
    matches!(reply, Value::ServerError(error) if ["NOPERM", "ERR"].contains(&error.code()))
}
