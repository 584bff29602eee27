//! The Redis with the queues, and the queues in it.

use super::{ScaleDownSpec, ScaleUpSpec, TargetSpec, rules};
use kube::KubeSchema;
use queues::{Queue, QueueOptions, QueueSystem};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The Redis that holds the queues. Set exactly one of address and addressFrom.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::ONE_REDIS_ADDRESS, validation = rules::NO_PASSWORD_IN_ADDRESS)]
pub struct RedisSpec {
    /// redis:// or rediss:// (TLS) with host, port and database number, such as redis://redis:6379/0. A host without a dot is a Service in the pool's namespace; a Redis elsewhere must be allowed by the operator's allowAddresses. If the address contains a password, store it in a Secret and use addressFrom.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^rediss?://[^ ]+$"), length(max = 512))]
    pub address: Option<String>,
    /// The address, from a Secret in the pool's namespace. Changes of the Secret take effect without a restart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address_from: Option<SecretKeyRef>,
}

/// A reference to one key of a Secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeyRef {
    /// The key of a Secret in the pool's namespace.
    pub secret_key_ref: SecretKeySelector,
}

/// One key of a Secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeySelector {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Key within the Secret, such as url.
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

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
