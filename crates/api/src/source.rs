//! The queues of a pool.

use super::{ScaleDownSpec, ScaleUpSpec, TargetSpec, rules};
use kube::KubeSchema;
use queues::{Queue, QueueOptions, QueueSystem};
use serde::{Deserialize, Serialize};

/// A queue that feeds the target. A queue with scaleUp, scaleDown or target is evaluated separately; absent blocks are inherited from the pool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::QUEUE_RULES, validation = rules::GROUP, validation = rules::KEY_PREFIX, validation = rules::PRIORITIES, validation = rules::SEPARATOR)]
pub struct QueueSpec {
    /// Name of the queue, as in the workers' configuration; for systems List and Stream, the key.
    #[schemars(length(min = 1, max = 256), regex(pattern = r"^[^\x00-\x1f\x7f]+$"))]
    pub name: String,
    /// The queue system. WorkerPool is the reference protocol (docs/worker-protocol.md), which reports all metrics; List is any Redis list, which reports only its length; Stream is a consumer group of a Redis stream; Celery is a queue of Celery with Redis as its broker, whose workers are asked what they do; RQ, BullMQ, Bull, Sidekiq and Laravel are read by the keys of these libraries. docs/queue-systems.md has what each reports. Default: WorkerPool.
    #[serde(default)]
    pub system: QueueSystem,
    /// The consumer group, for system Stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub group: Option<String>,
    /// What stands before each key of the queue, with its separator, such as app1-, for systems that have such a prefix. Default: the system's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256), regex(pattern = r"^[^\x00-\x1f\x7f]*$"))]
    pub key_prefix: Option<String>,
    /// The priorities with a list of their own, for system Celery (priority_steps). Default: 0, 3, 6, 9.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16), inner(range(min = 0, max = 255)))]
    pub priorities: Option<Vec<i32>>,
    /// What stands between the queue's name and a priority, for system Celery (sep). Default: the bytes 06 and 16.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16))]
    pub separator: Option<String>,
    /// When to add workers for this queue. Default: the pool's scaleUp.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_up: Option<ScaleUpSpec>,
    /// When this queue needs fewer workers. Default: the pool's scaleDown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_down: Option<ScaleDownSpec>,
    /// How many workers this queue needs in proportion to its work. Default: the pool's target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<TargetSpec>,
}

impl QueueSpec {
    /// The queue to read.
    pub fn queue(&self) -> Queue {
        let options = QueueOptions {
            name: self.name.clone(),
            group: self.group.clone(),
            key_prefix: self.key_prefix.clone(),
            priorities: self.priorities.clone().unwrap_or_default(),
            separator: self.separator.clone(),
        };
        Queue::new(self.system, &options)
    }

    /// What tells the queue from the others of its pool: its name, and its system where another one has the same name.
    pub fn label(&self, queues: &[Self]) -> String {
        let same = queues.iter().filter(|other| other.name == self.name);
        if same.count() > 1 {
            format!("{} ({})", self.name, self.system.name())
        } else {
            self.name.clone()
        }
    }

    /// Whether the queue is evaluated separately.
    pub fn has_rules(&self) -> bool {
        self.scale_up.is_some() || self.scale_down.is_some() || self.target.is_some()
    }
}
