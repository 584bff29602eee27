//! The source of a pool's metrics: its queues, and the Redis that holds them.

use crate::observe::Address;
use api::{InvalidSpec, QueueSpec, SecretKeySelector, WorkerPool};
use decide::{AddressProblem, Time, Unavailable};
use kube::ResourceExt;
use queues::Queue;

/// The queues of a pool, and where the address of their Redis comes from.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Source {
    pub queues: Vec<Queue>,
    pub secret: Option<SecretKeySelector>,
    /// Known at once without a Secret, after the first read with one.
    pub address: Option<Address>,
    /// What is wrong with the address in the spec, if anything is.
    pub problem: Option<AddressProblem>,
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

    /// Whether the spec names an address that can be used, or a Secret.
    pub fn check(&self) -> Result<(), InvalidSpec> {
        self.problem.map_or(Ok(()), |problem| {
            let cause = Unavailable::InvalidAddress { problem };
            Err(InvalidSpec(messages::cause(&cause)))
        })
    }

    /// The address in the value of the Secret that the spec names.
    pub fn address_in_secret(
        &self,
        value: &str,
        namespace: &str,
        in_cluster: bool,
    ) -> Result<Address, Unavailable> {
        let SecretKeySelector { name, key } = self.secret.clone().unwrap_or_default();
        Address::parse(value, namespace, in_cluster).map_err(|problem| {
            Unavailable::SecretHoldsNoAddress {
                secret: name,
                key,
                problem,
            }
        })
    }

    pub fn new(object: &WorkerPool, in_cluster: bool) -> Self {
        let redis = &object.spec.redis;
        let namespace = object.namespace().unwrap_or_default();
        let parse = |text: &String| Address::parse(text, &namespace, in_cluster);
        let address = redis.address.as_ref().map(parse).transpose();
        Self {
            queues: object.spec.queues.iter().map(QueueSpec::queue).collect(),
            secret: redis
                .address_from
                .as_ref()
                .map(|from| from.secret_key_ref.clone()),
            problem: address.as_ref().err().copied(),
            address: address.ok().flatten(),
            read_at: None,
        }
    }
}
