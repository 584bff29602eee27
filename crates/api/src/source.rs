//! Where the work waits: the Redis, the queues in it and the system that wrote them.

use super::{ScaleDownSpec, ScaleUpSpec, TargetSpec};
use kube::KubeSchema;
use queues::QueueSystem;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The Redis that holds the queues. Exactly one of `address` and `addressFrom`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.address) != has(self.addressFrom)")
        .message("redis needs exactly one of address (redis://host:6379/0) and addressFrom.secretKeyRef: keep one and remove the other")
)]
pub struct RedisSpec {
    /// redis:// or rediss:// (TLS) with host, port and database number, such as redis://redis:6379/0. A host without a dot is a Service in the pool's own namespace. An address with a password belongs into a Secret: use addressFrom.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^rediss?://[^ ]+$"), length(max = 512))]
    pub address: Option<String>,
    /// The address from a Secret of the pool's own namespace; a changed Secret takes effect without a restart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address_from: Option<SecretKeyRef>,
}

/// A reference to a value elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeyRef {
    /// One key of a Secret in the pool's own namespace.
    pub secret_key_ref: SecretKeySelector,
}

/// One key of a Secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeySelector {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Key within the Secret, such as url.
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

/// One queue that feeds the target. One that has scaleUp, scaleDown or target is looked at by itself: blocks that it leaves out are the pool's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.system != 'List' || !(has(self.scaleUp) && (has(self.scaleUp.utilizationPercent) || has(self.scaleUp.cpuPercent)) || has(self.scaleDown) && has(self.scaleDown.utilizationPercent) || has(self.target) && (has(self.target.drainWithin) || has(self.target.maxWait)))")
        .message("a List tells its length alone: for its own rules use queueLength and target.tasksPerWorker, or a queue of system WorkerPool")
)]
pub struct QueueSpec {
    /// Name of the queue as its workers know it; for system List, the key of the list.
    #[schemars(length(min = 1, max = 256))]
    pub name: String,
    /// What wrote the queue. WorkerPool is the reference protocol (docs/worker-protocol.md) and tells everything; List is any Redis list and tells its length alone. Default: WorkerPool.
    #[serde(default)]
    pub system: QueueSystem,
    /// When to add workers for this queue. Absent: the pool's scaleUp.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_up: Option<ScaleUpSpec>,
    /// When this queue needs fewer workers. Absent: the pool's scaleDown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_down: Option<ScaleDownSpec>,
    /// How many workers this queue needs in proportion to its work. Absent: the pool's target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<TargetSpec>,
}

impl QueueSpec {
    /// Whether it is looked at by itself.
    #[must_use]
    pub fn has_rules(&self) -> bool {
        self.scale_up.is_some() || self.scale_down.is_some() || self.target.is_some()
    }
}
