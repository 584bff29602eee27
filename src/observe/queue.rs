//! One queue: the command that looks at it and what the answer means, per queue system. Parsing does no IO.

use crate::api::{QueueSpec, QueueSystem};
use crate::decide::victims::Worker;
use crate::decide::{Fact, QueueSeen};
use crate::protocol::snapshot;
use crate::protocol::{Call, Keys, REAP, Reaped, ask_to_drain, dead, reap};
use redis::aio::MultiplexedConnection;
use redis::{Cmd, RedisResult, Value};

/// A queue of a pool.
#[derive(Clone, Debug)]
pub struct Queue {
    system: QueueSystem,
    keys: Keys,
    /// The key whose change means that work arrived or went.
    wake_key: String,
    /// The look, made once.
    look: Cmd,
}

impl PartialEq for Queue {
    fn eq(&self, other: &Self) -> bool {
        (self.system, &self.wake_key) == (other.system, &other.wake_key)
    }
}

impl Queue {
    /// The queue that `spec` names.
    #[must_use]
    pub fn new(spec: &QueueSpec) -> Self {
        let keys = Keys::new(&spec.name);
        let wake_key = match spec.system {
            QueueSystem::WorkerPool => keys.ready(),
            QueueSystem::List => spec.name.clone(),
        };
        let look = match spec.system {
            QueueSystem::WorkerPool => snapshot::command(&keys),
            QueueSystem::List => redis::cmd("LLEN").arg(&wake_key).take(),
        };
        Self {
            system: spec.system,
            keys,
            wake_key,
            look,
        }
    }

    pub(super) fn wake_key(&self) -> &str {
        &self.wake_key
    }

    /// The look; `in_full` for a server that does not know our script yet.
    pub(super) fn command(&self, in_full: bool) -> Cmd {
        if in_full && self.has_script() {
            snapshot::command_in_full(&self.keys)
        } else {
            self.look.clone()
        }
    }

    pub(super) fn has_script(&self) -> bool {
        self.system == QueueSystem::WorkerPool
    }

    /// Tells the worker `id` to take no more, or to go on.
    pub(super) fn ask_to_drain(&self, id: &str, drain: bool) -> Call<bool> {
        ask_to_drain(&self.keys, id, drain)
    }

    /// Makes ready again what dead workers hold, unless a worker has just looked for them.
    pub(super) async fn rescue(&self, connection: &mut MultiplexedConnection) -> RedisResult<()> {
        for id in dead(&self.keys, REAP).run(connection).await? {
            let mut left = 1;
            while left > 0 {
                let Reaped {
                    rescued,
                    failed,
                    left: more,
                } = reap(&self.keys, &id).run(connection).await?;
                left = more;
                tracing::info!(
                    queue = self.wake_key,
                    dead = id,
                    rescued,
                    failed,
                    "rescued a dead worker's tasks"
                );
            }
        }
        Ok(())
    }

    /// What the answer tells, with workers as those of queue number `index`; or one sentence that says why it tells nothing.
    pub(super) fn parse(&self, answer: Value, index: usize) -> Result<Look, String> {
        match self.system {
            QueueSystem::WorkerPool => snapshot::parse(answer).map(|snapshot| Look {
                seen: QueueSeen::from(&snapshot),
                dead: snapshot.dead > 0,
                workers: snapshot
                    .workers
                    .iter()
                    .map(|worker| worker.seen(snapshot.time, index))
                    .collect(),
            }),
            QueueSystem::List => match answer {
                Value::Int(length) => {
                    let seen = QueueSeen {
                        ready: Fact::Known(length),
                        ..QueueSeen::NOT_TOLD
                    };
                    Ok(Look {
                        seen,
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
pub(super) struct Look {
    pub seen: QueueSeen,
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
        let list = Queue::new(&QueueSpec {
            name: "jobs".into(),
            system: QueueSystem::List,
            ..QueueSpec::default()
        });
        let Look { seen, workers, .. } = list.parse(Value::Int(7), 0).expect("a length");
        assert_eq!(workers, []);
        assert_eq!((seen.ready, seen.busy), (Fact::Known(7), Fact::NotTold));
        assert!(
            list.parse(Value::Nil, 0)
                .expect_err("no length")
                .contains("jobs")
        );
    }
}
