//! The supported queue systems, and what each reports.

use crate::bullmq::bull;
use crate::queue::{QueueOptions, Reader};
use crate::{bullmq, celery, laravel, list, rq, sidekiq, stream, worker_pool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

macro_rules! systems {
    ($($(#[$meta:meta])* $name:ident: $module:ident,)+) => {
        /// A queue system. It determines the keys and the metrics of its queues.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum QueueSystem { $($(#[$meta])* $name,)+ }

        impl QueueSystem {
            /// All systems.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The word in `spec.queues[].system`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),+ }
            }

            /// What it reports.
            pub const fn capabilities(self) -> Capabilities {
                match self { $(Self::$name => $module::CAPABILITIES),+ }
            }

            /// Opens one of its queues for reading.
            pub(crate) fn open(self, options: &QueueOptions) -> Arc<dyn Reader> {
                match self { $(Self::$name => Arc::new($module::open(options))),+ }
            }
        }
    };
}

systems! {
    /// The reference protocol, which reports all metrics.
    #[default]
    WorkerPool: worker_pool,
    /// Any Redis list, which reports only its length.
    List: list,
    /// A consumer group of a Redis stream.
    Stream: stream,
    /// A queue of Celery, with Redis as its broker.
    Celery: celery,
    /// RQ 2 and 3.
    RQ: rq,
    /// BullMQ 5 and 6.
    BullMQ: bullmq,
    /// Bull 4, the forerunner of BullMQ.
    Bull: bull,
    /// Sidekiq 6, 7 and 8.
    Sidekiq: sidekiq,
    /// Laravel's queues in Redis, with queue:work or Horizon.
    Laravel: laravel,
}

/// How well a queue system reports a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// The value at the time of the poll.
    Exact,
    /// An estimate, and how good it is.
    Estimated(&'static str),
    /// Not at all, and why.
    Unsupported(&'static str),
}

impl Support {
    /// Whether the metric can be known.
    pub const fn is_supported(self) -> bool {
        !matches!(self, Self::Unsupported(_))
    }
}

impl QueueOption {
    /// Its name in `spec.queues[]`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Group => "group",
            Self::KeyPrefix => "keyPrefix",
            Self::Priorities => "priorities",
            Self::Separator => "separator",
        }
    }
}

/// What one queue system reports: a row of the table in docs/queue-systems.md. Admission rules, the defaults of a pool and
/// warnings follow from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Tasks that wait.
    pub ready: Support,
    /// Delayed tasks that are about to become ready.
    pub due: Support,
    /// Tasks that become ready later.
    pub delayed: Support,
    /// Tasks that a worker runs.
    pub in_flight: Support,
    /// Tasks that a worker has fetched ahead and not begun.
    pub held: Support,
    /// Whether the queue is paused.
    pub paused: Support,
    /// Live workers, and which of them are busy.
    pub workers: Support,
    /// The CPU use of the workers.
    pub cpu: Support,
    /// The age of the oldest task that waits.
    pub oldest: Support,
    /// Tasks that arrived, were processed, or failed, and how long they took.
    pub counters: Support,
    /// Whether a worker can be asked to claim no more tasks.
    pub drain: Support,
    /// Whether a worker that waits for a task is seen in the list of clients of Redis.
    pub idle: Support,
    /// Whether a worker finishes its task at SIGTERM, within the grace of its pod.
    pub sigterm: Support,
    /// The line of its program that it needs for that, if any.
    pub handler: Option<&'static str>,
    /// How long its process may take to end, whatever its tasks: what a pod's grace must be at least.
    pub grace: Duration,
    /// How long the registration of a worker lasts: by then, one that lives and that Redis lost is registered again.
    pub registration: Duration,
    /// Whether one node of a Redis Cluster has all of a queue.
    pub cluster: ClusterKeys,
    /// The options of its queues, beside the name.
    pub options: &'static [QueueOption],
}

/// Whether all keys of a queue and its workers are in one slot of a Redis Cluster: one node then has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClusterKeys {
    /// They are.
    OneSlot,
    /// They are if the prefix of the keys has a hash tag.
    OneSlotByPrefix,
    /// They are not, and why.
    SeveralSlots(&'static str),
}

/// What may identify a queue beside its name: a field of `spec.queues`, which only some systems have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueOption {
    /// The consumer group, which such a system needs.
    Group,
    /// What stands before each key.
    KeyPrefix,
    /// The priorities that have a list of their own.
    Priorities,
    /// What stands between the queue's name and a priority.
    Separator,
}

impl QueueSystem {
    /// Whether it reports its workers and which of them are busy.
    pub const fn reports_workers(self) -> bool {
        self.capabilities().workers.is_supported()
    }

    /// Whether its queues have this option.
    pub fn has(self, option: QueueOption) -> bool {
        self.capabilities().options.contains(&option)
    }

    /// Whether it reports how long tasks wait and take.
    pub const fn reports_times(self) -> bool {
        let Capabilities {
            oldest, counters, ..
        } = self.capabilities();
        oldest.is_supported() && counters.is_supported()
    }
}

impl Capabilities {
    /// Each metric's name, and how well it is reported.
    pub const fn metrics(&self) -> [(&'static str, Support); 13] {
        [
            ("ready", self.ready),
            ("due", self.due),
            ("delayed", self.delayed),
            ("in flight", self.in_flight),
            ("held", self.held),
            ("paused", self.paused),
            ("live and busy workers", self.workers),
            ("CPU", self.cpu),
            ("oldest task", self.oldest),
            ("arrived, processed, failed, times", self.counters),
            ("drain", self.drain),
            ("idle now", self.idle),
            ("finishes its task at SIGTERM", self.sigterm),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_api() {
        for system in QueueSystem::ALL.iter().copied() {
            let name = serde_json::to_value(system).expect("JSON");
            assert_eq!(name, system.name());
        }
    }
}
