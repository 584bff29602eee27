//! One queue: the command that reads it and the parsing of the reply, for each queue system.

use crate::{QueueSystem, convert};
use decide::Unavailable;
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
    /// The key that changes when tasks arrive or are claimed.
    wake_key: String,
    /// The command that reads the queue, built once.
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
        let read = match system {
            QueueSystem::WorkerPool => snapshot::command(&keys),
            QueueSystem::List => redis::cmd("LLEN").arg(&wake_key).take(),
        };
        Self {
            system,
            keys,
            wake_key,
            read,
        }
    }

    /// The key whose change wakes the operator.
    pub fn wake_key(&self) -> &str {
        &self.wake_key
    }

    /// The command that reads the queue; `in_full` includes the script, for a server that does not have it cached.
    pub fn command(&self, in_full: bool) -> Cmd {
        if in_full && self.has_script() {
            snapshot::command_in_full(&self.keys)
        } else {
            self.read.clone()
        }
    }

    /// Whether the queue is read by a script.
    pub fn has_script(&self) -> bool {
        self.system == QueueSystem::WorkerPool
    }

    /// Asks the worker `id` to stop claiming tasks, or withdraws that request.
    pub fn request_drain(&self, id: &str, drain: bool) -> ScriptCall<bool> {
        request_drain(&self.keys, id, drain)
    }

    /// Finds the dead workers, unless they have just been looked up.
    pub fn find_dead(&self) -> ScriptCall<Vec<String>> {
        dead(&self.keys, REAP)
    }

    /// Returns a batch of the tasks of the dead worker `id` to the queue.
    pub fn reap(&self, id: &str) -> ScriptCall<Reaped> {
        reap(&self.keys, id)
    }

    /// Parses the reply to [`Self::command`]; `index` is the queue's position in its pool.
    pub fn parse(&self, reply: Value, index: usize) -> Result<Reading, Unavailable> {
        let unreadable = |error: String| Unavailable::QueueUnreadable {
            key: self.wake_key.clone(),
            error,
        };
        match self.system {
            QueueSystem::WorkerPool => {
                snapshot::parse(reply)
                    .map_err(unreadable)
                    .map(|snapshot| Reading {
                        metrics: convert::queue_metrics(&snapshot),
                        dead: snapshot.dead > 0,
                        workers: snapshot
                            .workers
                            .iter()
                            .map(|worker| convert::worker(worker, snapshot.time, index))
                            .collect(),
                    })
            }
            QueueSystem::List => match reply {
                Value::Int(length) => Ok(Reading {
                    metrics: QueueMetrics {
                        ready: Metric::Known(length),
                        ..QueueMetrics::UNSUPPORTED
                    },
                    workers: Vec::new(),
                    dead: false,
                }),
                Value::ServerError(error) => Err(unreadable(error.to_string())),
                _ => Err(unreadable("LLEN did not return a number".to_owned())),
            },
        }
    }
}

/// The result of one read of a queue.
#[derive(Debug)]
pub struct Reading {
    /// The metrics of the queue.
    pub metrics: QueueMetrics,
    /// The workers in its registry.
    pub workers: Vec<Worker>,
    /// Whether dead workers still hold tasks or are still registered.
    pub dead: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_reports_only_its_length() {
        let list = Queue::new("jobs", QueueSystem::List);
        let Reading {
            metrics, workers, ..
        } = list.parse(Value::Int(7), 0).expect("a length");
        assert_eq!(workers, []);
        assert_eq!(
            (metrics.ready, metrics.busy),
            (Metric::Known(7), Metric::Unsupported)
        );
        assert!(
            format!("{:?}", list.parse(Value::Nil, 0).expect_err("no length")).contains("jobs")
        );
    }
}
