//! The source of a pool's metrics: its queues, and the Redis that holds them.

use super::objects::Objects;
use crate::observe::{
    Address, ObjectKind, ObjectRef, Redis, RedisCluster, Reference, Referenced, Sentinels, Tls,
    Topology,
};
use api::{
    ClusterSpec, InvalidSpec, KeySelector, QueueSpec, RedisSpec, SecretKeyRef, TlsSpec, WorkerPool,
};
use decide::{AddressProblem, Unavailable};
use kube::ResourceExt;
use queues::Queue;
use std::sync::Arc;

/// The port of a Sentinel, and of a node of a cluster.
const SENTINEL_PORT: u16 = 26379;
const NODE_PORT: u16 = 6379;

/// The queues of a pool, and their Redis.
#[derive(Clone, Debug, Default)]
pub(super) struct Source {
    pub queues: Vec<Queue>,
    /// Known as soon as what it refers to is.
    pub redis: Option<Redis>,
    /// What keeps what it refers to from being used, if anything does.
    pub problem: Option<Unavailable>,
    spec: RedisSpec,
    namespace: Arc<str>,
    in_cluster: bool,
}

/// Why there is no Redis yet: what is wrong, or nothing that is known of.
type NoRedis = Option<Unavailable>;

impl Source {
    pub fn new(object: &WorkerPool, in_cluster: bool) -> Self {
        Self {
            queues: object.spec.queues.iter().map(QueueSpec::queue).collect(),
            redis: None,
            problem: None,
            spec: object.spec.redis.clone(),
            namespace: object.namespace().unwrap_or_default().into(),
            in_cluster,
        }
    }

    /// Whether both have the same queues on the same Redis, whatever what they refer to holds.
    pub fn has_same_queues(&self, other: &Self) -> bool {
        self.queues == other.queues && self.has_same_redis(other)
    }

    /// Whether the spec names the same Redis, whatever what it refers to holds.
    pub fn has_same_redis(&self, other: &Self) -> bool {
        self.spec == other.spec
    }

    /// Whether the spec names addresses that can be used.
    pub fn check(&self) -> Result<(), InvalidSpec> {
        let sentinels = self.spec.sentinel.iter().flat_map(|it| &it.addresses);
        let nodes = self.spec.cluster.iter().flat_map(|it| &it.addresses);
        let address = self.spec.address.as_ref().map(|text| self.parse(text));
        let mut all = address
            .into_iter()
            .chain(sentinels.map(|text| self.host(text, SENTINEL_PORT)))
            .chain(nodes.map(|text| self.host(text, NODE_PORT)));
        all.find_map(Result::err).map_or(Ok(()), |problem| {
            let cause = Unavailable::InvalidAddress { problem };
            Err(InvalidSpec(messages::cause(&cause)))
        })
    }

    /// What the spec refers to.
    pub fn references(&self) -> Vec<Reference> {
        let spec = &self.spec;
        let sentinel = spec
            .sentinel
            .as_ref()
            .and_then(|it| it.password_from.as_ref());
        let tls = spec.tls.as_ref();
        let secrets = [
            spec.address_from.as_ref(),
            spec.password_from.as_ref(),
            sentinel,
            tls.and_then(|tls| tls.certificate_from.as_ref()),
            tls.and_then(|tls| tls.key_from.as_ref()),
        ];
        let secrets = secrets.into_iter().flatten().map(|it| self.secret(it));
        secrets
            .chain(tls.and_then(|tls| self.authorities(tls)))
            .collect()
    }

    /// The Redis, with what the spec refers to from `objects`.
    pub fn resolve(&self, objects: &Objects) -> Result<Redis, NoRedis> {
        let spec = &self.spec;
        let origin = format!("{:?} {:?}", self.references(), spec.username);
        let address = match (&spec.address, &spec.address_from) {
            (Some(text), _) => self.parse(text).map_err(invalid)?,
            (None, Some(from)) => {
                let from = self.secret(from);
                let text = objects.text(&from)?;
                let address = self.parse(text).map_err(|problem| from.invalid(problem))?;
                return Ok(Redis::new(
                    Topology::Standalone(self.secured(address.from_reference(from), objects)?),
                    &origin,
                ));
            }
            (None, None) => {
                let topology = match &self.spec.cluster {
                    Some(cluster) => self.cluster(cluster, objects)?,
                    None => self.through_sentinels(objects)?,
                };
                return Ok(Redis::new(topology, &origin));
            }
        };
        let address = self.with_settings(address, objects)?;
        Ok(Redis::new(Topology::Standalone(address), &origin))
    }

    fn cluster(&self, spec: &ClusterSpec, objects: &Objects) -> Result<Topology, NoRedis> {
        let mut addresses = Vec::new();
        for text in &spec.addresses {
            let address = self.host(text, NODE_PORT).map_err(invalid)?;
            addresses.push(self.with_settings(address, objects)?);
        }
        let settings = addresses.first().cloned().ok_or(None)?;
        Ok(Topology::Cluster(RedisCluster {
            addresses,
            settings,
        }))
    }

    fn through_sentinels(&self, objects: &Objects) -> Result<Topology, NoRedis> {
        let sentinel = self.spec.sentinel.clone().unwrap_or_default();
        let mut addresses = Vec::new();
        for text in &sentinel.addresses {
            let address = self.host(text, SENTINEL_PORT).map_err(invalid)?;
            let from = sentinel.password_from.as_ref();
            let address = self.with_user(address, sentinel.username.as_deref(), from, objects)?;
            addresses.push(self.secured(address, objects)?);
        }
        let first = sentinel.addresses.first().map_or("", String::as_str);
        let first = self.host(first, SENTINEL_PORT).map_err(invalid)?;
        Ok(Topology::Sentinel(Sentinels {
            master: sentinel.master,
            addresses,
            settings: self.with_settings(first, objects)?,
        }))
    }

    /// User, password, database and TLS of the spec.
    fn with_settings(&self, address: Address, objects: &Objects) -> Result<Address, NoRedis> {
        let spec = &self.spec;
        let (username, from) = (spec.username.as_deref(), spec.password_from.as_ref());
        let mut address = self.with_user(address, username, from, objects)?;
        if let Some(database) = spec.database {
            address = address.with_database(database.into());
        }
        self.secured(address, objects)
    }

    fn with_user(
        &self,
        address: Address,
        username: Option<&str>,
        from: Option<&SecretKeyRef>,
        objects: &Objects,
    ) -> Result<Address, NoRedis> {
        let Some(from) = from.map(|from| self.secret(from)) else {
            return Ok(address);
        };
        let password = objects.text(&from)?;
        let invalid = |problem| from.invalid(problem);
        Ok(address
            .with_password(username, password, from.clone())
            .map_err(invalid)?)
    }

    fn secured(&self, address: Address, objects: &Objects) -> Result<Address, NoRedis> {
        let Some(tls) = &self.spec.tls else {
            return Ok(address);
        };
        let ca = self.authorities(tls);
        let ca = ca.as_ref().map(|from| objects.value(from)).transpose()?;
        let client = match (&tls.certificate_from, &tls.key_from) {
            (Some(certificate), Some(key)) => Some([self.secret(certificate), self.secret(key)]),
            _ => None,
        };
        let client: Option<[Referenced<'_>; 2]> = match &client {
            Some([certificate, key]) => Some([objects.value(certificate)?, objects.value(key)?]),
            None => None,
        };
        let tls = Tls::new(tls.server_name.clone(), ca, client)?;
        Ok(address.with_tls(Arc::new(tls)))
    }

    fn parse(&self, text: &str) -> Result<Address, AddressProblem> {
        Address::parse(text, &self.namespace, self.in_cluster)
    }

    fn host(&self, text: &str, default_port: u16) -> Result<Address, AddressProblem> {
        Address::of_host(text, default_port, &self.namespace, self.in_cluster)
    }

    fn authorities(&self, tls: &TlsSpec) -> Option<Reference> {
        let from = tls.ca_from.as_ref()?;
        let config_map = from.config_map_key_ref.as_ref();
        let config_map = config_map.map(|it| self.reference(ObjectKind::ConfigMap, it));
        let secret = from.secret_key_ref.as_ref();
        config_map.or_else(|| secret.map(|it| self.reference(ObjectKind::Secret, it)))
    }

    fn secret(&self, from: &SecretKeyRef) -> Reference {
        self.reference(ObjectKind::Secret, &from.secret_key_ref)
    }

    fn reference(&self, kind: ObjectKind, selector: &KeySelector) -> Reference {
        Reference {
            object: ObjectRef {
                namespace: Arc::clone(&self.namespace),
                kind,
                name: selector.name.clone(),
            },
            key: selector.key.clone(),
        }
    }
}

fn invalid(problem: AddressProblem) -> Unavailable {
    Unavailable::InvalidAddress { problem }
}
