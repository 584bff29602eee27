//! The pipelines that read many queues at once.

use super::DuePoll;
use api::Key;
use queues::{Poll, Queue, is_unknown_script};
use redis::aio::MultiplexedConnection;
use redis::{Cmd, Pipeline, RedisResult, Value};
use std::collections::HashMap;

/// The queues of all pools that are due, each with its position in its pool.
pub(super) fn queues<'a>(
    due: &'a [DuePoll],
    queues: &'a HashMap<Key, Vec<Queue>>,
) -> impl Iterator<Item = (usize, &'a Queue)> + Clone {
    due.iter()
        .filter_map(|poll| queues.get(&poll.pool))
        .flat_map(|queues| queues.iter().enumerate())
}

/// Reads all queues of `poll`, in one pipeline and, where some ask for more, a second one. Redis tracks what `tracked`
/// reads; `script_known` tells whether the server has cached the script.
pub(super) async fn read(
    redis: &mut MultiplexedConnection,
    poll: &mut Poll<'_>,
    tracked: &[&Cmd],
    script_known: &mut bool,
) -> RedisResult<()> {
    let mut replies = send(redis, tracked, poll.commands(!*script_known)).await?;
    if *script_known && replies.iter().any(is_unknown_script) {
        replies = send(redis, tracked, poll.commands(true)).await?;
    }
    *script_known = true;
    let more = poll.receive(replies);
    if !more.is_empty() {
        let replies = send(redis, &[], more).await?;
        poll.receive(replies);
    }
    Ok(())
}

/// Sends `commands` and returns their replies. Only the reads of `tracked` are tracked: heartbeats and counters must not
/// cause notifications.
async fn send(
    redis: &mut MultiplexedConnection,
    tracked: &[&Cmd],
    commands: Vec<Cmd>,
) -> RedisResult<Vec<Value>> {
    let mut pipeline = Pipeline::with_capacity(commands.len() + tracked.len() + 3);
    if !tracked.is_empty() {
        pipeline.cmd("CLIENT").arg("CACHING").arg("YES");
        pipeline.cmd("MULTI");
        for command in tracked {
            pipeline.add_command((*command).clone());
        }
        pipeline.cmd("EXEC");
    }
    let tracking = pipeline.len();
    for command in commands {
        pipeline.add_command(command);
    }
    let mut replies = redis
        .send_packed_commands(&pipeline, 0, pipeline.len())
        .await?;
    replies.drain(..tracking.min(replies.len()));
    Ok(replies)
}
