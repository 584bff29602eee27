//! One queue: the command that looks at it and what the answer means, per queue system. Parsing does no IO.

use crate::api::{QueueSpec, QueueSystem};
use crate::decide::{Fact, QueueSeen};
use crate::protocol::Keys;
use crate::protocol::snapshot;
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
            QueueSystem::WorkerPool => snapshot::parse(answer).map(|snapshot| QueueSeen::from(&snapshot)),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_tells_its_length_alone_and_garbage_is_no_length() {
        let list =
            Queue::new(&QueueSpec { name: "jobs".into(), system: QueueSystem::List, ..QueueSpec::default() });
        let seen = list.parse(Value::Int(7)).expect("a length");
        assert_eq!((seen.ready, seen.busy), (Fact::Known(7), Fact::NotTold));
        assert!(list.parse(Value::Nil).expect_err("no length").contains("jobs"));
    }
}
