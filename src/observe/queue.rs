//! One queue: the command that looks at it and what the answer means, per queue system. Parsing does no IO.

use crate::api::{QueueSpec, QueueSystem};
use crate::decide::{Fact, QueueSeen};
use crate::protocol::Keys;
use crate::protocol::snapshot::{self, Snapshot, State, Worker};
use redis::{Cmd, Value};

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
        Self { system: spec.system, keys, wake_key, look }
    }

    pub(super) fn wake_key(&self) -> &str {
        &self.wake_key
    }

    /// The look; `in_full` for a server that does not know our script yet.
    pub(super) fn command(&self, in_full: bool) -> Cmd {
        if in_full && self.has_script() { snapshot::command_in_full(&self.keys) } else { self.look.clone() }
    }

    pub(super) fn has_script(&self) -> bool {
        self.system == QueueSystem::WorkerPool
    }

    /// What the answer tells, or one sentence that says why it tells nothing.
    pub(super) fn parse(&self, answer: Value) -> Result<QueueSeen, String> {
        match self.system {
            QueueSystem::WorkerPool => snapshot::parse(answer).map(|snapshot| reference(&snapshot)),
            QueueSystem::List => match answer {
                Value::Int(length) => Ok(QueueSeen { ready: Fact::Known(length), ..QueueSeen::NOT_TOLD }),
                Value::ServerError(error) => {
                    Err(format!("the key {} cannot be read: {error}", self.wake_key))
                }
                _ => Err(format!("LLEN {} answered no number", self.wake_key)),
            },
        }
    }
}

fn count(n: u64) -> Fact {
    Fact::Known(i64::try_from(n).unwrap_or(i64::MAX))
}

fn told<T>(value: Option<T>, fact: impl Fn(T) -> Fact) -> Fact {
    value.map_or(Fact::NotTold, fact)
}

/// A worker that drains takes no tasks any more, so that it is neither live nor busy here: what it holds is in flight.
fn reference(seen: &Snapshot) -> QueueSeen {
    let live: Vec<&Worker> =
        seen.workers.iter().filter(|worker| worker.state != Some(State::Draining)).collect();
    let busy = live.iter().filter(|worker| worker.claimed > 0 || worker.state == Some(State::Busy)).count();
    QueueSeen {
        ready: count(seen.ready),
        in_flight: count(seen.claimed),
        live: count(live.len() as u64),
        busy: count(busy as u64),
        cpu_sum: cpu_sum(&live),
        oldest_at: told(seen.oldest_at, Fact::Known),
        arrived: told(seen.arrived, count),
        processed: told(seen.processed, count),
        failed: told(seen.failed, count),
        busy_millis: told(seen.millis, count),
    }
}

/// The mean of those that tell, times all: who does not tell neither raises nor lowers it.
fn cpu_sum(live: &[&Worker]) -> Fact {
    if live.is_empty() {
        return Fact::Known(0);
    }
    let (sum, tell) =
        live.iter().filter_map(|worker| worker.cpu).fold((0.0, 0u32), |(sum, n), cpu| (sum + cpu, n + 1));
    if tell == 0 {
        return Fact::NotTold;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "percentages of a few workers"
    )]
    Fact::Known((sum / f64::from(tell) * live.len() as f64).round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worker(state: State, claimed: u64, cpu: Option<f64>) -> Worker {
        Worker { id: "w.1".into(), claimed, state: Some(state), cpu, ..Worker::default() }
    }

    #[test]
    fn draining_workers_are_in_flight_but_not_live() {
        let seen = reference(&Snapshot {
            claimed: 2,
            workers: vec![
                worker(State::Busy, 1, Some(90.0)),
                worker(State::Idle, 0, None),
                worker(State::Draining, 1, Some(50.0)),
            ],
            ..Snapshot::default()
        });
        assert_eq!((seen.in_flight, seen.live, seen.busy), (Fact::Known(2), Fact::Known(2), Fact::Known(1)));
        assert_eq!(seen.cpu_sum, Fact::Known(180), "the one that tells stands for both");
    }

    #[test]
    fn a_counter_that_is_not_there_is_not_zero() {
        assert_eq!(reference(&Snapshot::default()).processed, Fact::NotTold);
    }

    #[test]
    fn a_list_tells_its_length_alone_and_garbage_is_no_length() {
        let list = Queue::new(&QueueSpec { name: "jobs".into(), system: QueueSystem::List });
        let seen = list.parse(Value::Int(7)).expect("a length");
        assert_eq!((seen.ready, seen.busy), (Fact::Known(7), Fact::NotTold));
        assert!(list.parse(Value::Nil).expect_err("no length").contains("jobs"));
    }
}
