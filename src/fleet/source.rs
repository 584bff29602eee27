//! The source of a pool's metrics: its queues, and the Redis that holds them.

use crate::observe::Address;
use api::{QueueSpec, SecretKeySelector, WorkerPool};
use decide::Time;
use kube::ResourceExt;
use queues::Queue;

/// The queues of a pool, and where the address of their Redis comes from.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Source {
    pub queues: Vec<Queue>,
    pub secret: Option<SecretKeySelector>,
    /// Known at once without a Secret, after the first read with one.
    pub address: Option<Address>,
    /// When the Secret was last read, or its reading last failed.
    pub read_at: Option<Time>,
}

impl Source {
    /// Whether both have the same queues on the same Redis.
    pub fn has_same_queues(&self, other: &Self) -> bool {
        self.queues == other.queues
            && self.secret == other.secret
            && (self.secret.is_some() || self.address == other.address)
    }

    pub fn new(object: &WorkerPool, in_cluster: bool) -> Self {
        let redis = &object.spec.redis;
        let namespace = object.namespace().unwrap_or_default();
        Self {
            queues: object.spec.queues.iter().map(QueueSpec::queue).collect(),
            secret: redis
                .address_from
                .as_ref()
                .map(|from| from.secret_key_ref.clone()),
            address: redis
                .address
                .as_ref()
                .map(|url| Address::new(url, &namespace, in_cluster)),
            read_at: None,
        }
    }
}
