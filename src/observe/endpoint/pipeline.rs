//! The pipeline of commands that reads many queues at once.

use super::DuePoll;
use api::Key;
use queues::Queue;
use redis::Pipeline;
use std::collections::HashMap;

/// Reads the queues of all pools that are due. Only the reads of the ready keys are tracked: heartbeats and counters
/// must not cause notifications. `in_full` sends the text of the script, for a server that has not cached it.
pub(super) fn build(
    due: &[DuePoll],
    queues: &HashMap<Key, Vec<Queue>>,
    tracking: bool,
    in_full: bool,
) -> Pipeline {
    let mut pipeline = redis::pipe();
    let queues = due
        .iter()
        .filter_map(|poll| queues.get(&poll.pool))
        .flatten();
    if tracking {
        pipeline.cmd("CLIENT").arg("CACHING").arg("YES");
        pipeline.cmd("MULTI");
        for queue in queues.clone() {
            pipeline.cmd("LLEN").arg(queue.wake_key());
        }
        pipeline.cmd("EXEC");
    }
    let mut in_full = in_full;
    for queue in queues {
        pipeline.add_command(queue.command(in_full));
        // The server caches the script once it has received it in full.
        in_full &= !queue.has_script();
    }
    pipeline
}
