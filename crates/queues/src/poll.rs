//! One poll of many queues in one pipeline, and in a second one for those whose replies were not enough. It does no IO.

use crate::queue::{Parsed, Queue, Reading};
use decide::Unavailable;
use redis::{Cmd, Value};
use std::collections::HashSet;

/// A poll in progress.
#[derive(Debug)]
pub struct Poll<'a> {
    queues: Vec<PolledQueue<'a>>,
}

#[derive(Debug)]
struct PolledQueue<'a> {
    queue: &'a Queue,
    /// The queue's position in its pool.
    index: usize,
    /// The replies so far.
    replies: Vec<Value>,
    /// How many replies are missing.
    missing: usize,
    reading: Option<Result<Reading, Unavailable>>,
}

impl<'a> Poll<'a> {
    /// A poll of `queues`, each with its position in its pool.
    pub fn new(queues: impl IntoIterator<Item = (usize, &'a Queue)>) -> Self {
        let queues = queues.into_iter().map(|(index, queue)| PolledQueue {
            queue,
            index,
            replies: Vec::new(),
            missing: 0,
            reading: None,
        });
        Self {
            queues: queues.collect(),
        }
    }

    /// The commands to send. `scripts_in_full` includes the text of a script once, after which the server has it cached.
    pub fn commands(&mut self, scripts_in_full: bool) -> Vec<Cmd> {
        let mut in_full = scripts_in_full;
        let mut commands = Vec::new();
        for polled in &mut self.queues {
            let reads = polled.queue.reads(in_full);
            in_full = in_full && !polled.queue.has_script();
            polled.missing = reads.len();
            commands.extend(reads);
        }
        commands
    }

    /// Takes the replies to the commands sent last. Returns what must be read, too; nothing where they are enough.
    pub fn receive(&mut self, replies: Vec<Value>) -> Vec<Cmd> {
        let mut replies = replies.into_iter();
        let mut more = Vec::new();
        for polled in self.queues.iter_mut().filter(|polled| polled.missing > 0) {
            polled.replies.extend(replies.by_ref().take(polled.missing));
            polled.missing = 0;
            match polled.queue.parse(&mut polled.replies, polled.index) {
                Ok(Parsed::Done(reading)) => polled.reading = Some(Ok(reading)),
                Ok(Parsed::More(commands)) => {
                    polled.missing = commands.len();
                    more.extend(commands);
                }
                Err(error) => polled.reading = Some(Err(error)),
            }
        }
        more
    }

    /// What each queue has, or why it is unknown, in the order of [`Self::new`]. A worker that takes tasks of several
    /// queues of a pool counts with the first of them.
    pub fn finish(self) -> impl Iterator<Item = Result<Reading, Unavailable>> {
        let mut counted = HashSet::new();
        self.queues.into_iter().map(move |polled| {
            if polled.index == 0 {
                // The next pool begins.
                counted.clear();
            }
            let unfinished = || Err(polled.queue.unreadable("Redis did not answer"));
            let mut reading = polled.reading.unwrap_or_else(unfinished)?;
            polled.queue.count_once(&mut reading, &mut counted);
            Ok(reading)
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::recorded::read_pool;
    use crate::{Queue, QueueOptions, QueueSystem};
    use decide::Metric;
    use redis::Value;

    #[test]
    fn each_queue_has_the_replies_to_its_own_second_read() {
        let open = |name| Queue::new(QueueSystem::RQ, &QueueOptions::named(name));
        let queues = ["mail", "video", "other"].map(open);
        let replies = [
            (
                "ZCOUNT rq:scheduled:mail -inf 1795180010.123",
                Value::Int(1),
            ),
            (
                "ZCOUNT rq:scheduled:video -inf 1795180010.123",
                Value::Int(2),
            ),
        ];
        let readings = read_pool(&queues, &replies).into_iter();
        let due: Vec<Metric> = readings
            .map(|reading| reading.expect("readable").metrics.due)
            .collect();
        assert_eq!(due, [1, 2, 0].map(Metric::Known));
    }
}
