//! One queue: the command that looks at it and what the answer means, per queue system. Parsing does no IO.

use crate::{QueueSystem, convert};
use decide::victims::Worker;
use decide::{Metric, QueueMetrics};
use protocol::snapshot;
use protocol::{Keys, REAP, Reaped, ScriptCall, dead, reap, request_drain};
use redis::{Cmd, Value};

/// A queue of a pool.
#[derive(Clone, Debug)]
pub struct Queue {
    system: QueueSystem,
    keys: Keys,
    /// The key whose change means that work arrived or went.
    wake_key: String,
    /// The look, made once.
    read: Cmd,
}

impl PartialEq for Queue {
    fn eq(&self, other: &Self) -> bool {
        (self.system, &self.wake_key) == (other.system, &other.wake_key)
    }
}

impl Queue {
    /// The queue `name` of `system`.
    pub fn new(name: &str, system: QueueSystem) -> Self {
        let keys = Keys::new(name);
        let wake_key = match system {
            QueueSystem::WorkerPool => keys.ready(),
            QueueSystem::List => name.to_owned(),
        };
        let look = match system {
            QueueSystem::WorkerPool => snapshot::command(&keys),
            QueueSystem::List => redis::cmd("LLEN").arg(&wake_key).take(),
        };
        Self {
            system,
            keys,
            wake_key,
            read: look,
        }
    }

    pub fn wake_key(&self) -> &str {
        &self.wake_key
    }

    /// The look; `in_full` for a server that does not know our script yet.
    pub fn command(&self, in_full: bool) -> Cmd {
        if in_full && self.has_script() {
            snapshot::command_in_full(&self.keys)
        } else {
            self.read.clone()
        }
    }

    pub fn has_script(&self) -> bool {
        self.system == QueueSystem::WorkerPool
    }

    /// Tells the worker `id` to take no more, or to go on.
    pub fn request_drain(&self, id: &str, drain: bool) -> ScriptCall<bool> {
        request_drain(&self.keys, id, drain)
    }

    /// Finds the dead workers, unless another has just looked for them.
    pub fn find_dead(&self) -> ScriptCall<Vec<String>> {
        dead(&self.keys, REAP)
    }

    /// Makes ready again a part of what the dead worker `id` holds.
    pub fn reap(&self, id: &str) -> ScriptCall<Reaped> {
        reap(&self.keys, id)
    }

    /// What the answer tells, with workers as those of queue number `index`; or one sentence that says why it tells nothing.
    pub fn parse(&self, answer: Value, index: usize) -> Result<Reading, String> {
        match self.system {
            QueueSystem::WorkerPool => snapshot::parse(answer).map(|snapshot| Reading {
                metrics: convert::queue_metrics(&snapshot),
                dead: snapshot.dead > 0,
                workers: snapshot
                    .workers
                    .iter()
                    .map(|worker| convert::worker(worker, snapshot.time, index))
                    .collect(),
            }),
            QueueSystem::List => match answer {
                Value::Int(length) => {
                    let seen = QueueMetrics {
                        ready: Metric::Known(length),
                        ..QueueMetrics::UNSUPPORTED
                    };
                    Ok(Reading {
                        metrics: seen,
                        workers: Vec::new(),
                        dead: false,
                    })
                }
                Value::ServerError(error) => {
                    Err(format!("the key {} cannot be read: {error}", self.wake_key))
                }
                _ => Err(format!("LLEN {} answered no number", self.wake_key)),
            },
        }
    }
}

/// What one look at a queue found.
#[derive(Debug)]
pub struct Reading {
    pub metrics: QueueMetrics,
    /// The workers that it names.
    pub workers: Vec<Worker>,
    /// Whether there are dead ones whom nobody has rescued yet.
    pub dead: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_tells_its_length_alone_and_garbage_is_no_length() {
        let list = Queue::new("jobs", QueueSystem::List);
        let Reading {
            metrics: seen,
            workers,
            ..
        } = list.parse(Value::Int(7), 0).expect("a length");
        assert_eq!(workers, []);
        assert_eq!(
            (seen.ready, seen.busy),
            (Metric::Known(7), Metric::Unsupported)
        );
        assert!(
            list.parse(Value::Nil, 0)
                .expect_err("no length")
                .contains("jobs")
        );
    }
}
