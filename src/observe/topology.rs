//! The Redis of a pool: one server, several of which one is the master, or a cluster.

use super::Address;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Where the queues of a pool are. Pools with an equal one share one endpoint: they are of one namespace, name the same
/// servers, and take user, password and TLS material from the same places. What is found there may change: the connections
/// of the endpoint follow. Pools of another namespace may not be allowed to connect there, and must not wait behind the
/// reads of this one.
#[derive(Clone)]
pub struct Redis {
    identity: Arc<str>,
    topology: Topology,
}

/// The servers of a Redis.
#[derive(Clone)]
pub enum Topology {
    /// One server.
    Standalone(Address),
    /// The server that Sentinels call the master.
    Sentinel(Sentinels),
    /// Servers that have some of the keys each.
    Cluster(RedisCluster),
}

/// Sentinels, and what they watch.
#[derive(Clone)]
pub struct Sentinels {
    /// The name of the master.
    pub master: String,
    /// The Sentinels.
    pub addresses: Vec<Address>,
    /// How the master is connected to. Its server is the first Sentinel until one was asked.
    pub settings: Address,
}

/// Some nodes of a cluster, which know the others.
#[derive(Clone)]
pub struct RedisCluster {
    /// The nodes.
    pub addresses: Vec<Address>,
    /// How each node is connected to. Its server is the first of them.
    pub settings: Address,
}

impl Redis {
    /// A Redis whose credentials are from `origin`.
    pub fn new(topology: Topology, origin: &str) -> Self {
        let first = topology.first();
        let tls = first.tls().and_then(|tls| tls.server_name.as_deref());
        let namespace = first.namespace();
        let identity = format!("{namespace} {topology} {tls:?} {origin}").into();
        Self { identity, topology }
    }

    /// Its servers.
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// The namespace of its pools.
    pub fn namespace(&self) -> &str {
        self.topology.first().namespace()
    }

    /// Whether both have the same users, passwords and TLS material.
    pub fn has_same_credentials(&self, other: &Self) -> bool {
        let (own, other) = (self.topology.addresses(), other.topology.addresses());
        own.len() == other.len()
            && own
                .iter()
                .zip(other)
                .all(|(own, other)| own.has_same_credentials(other))
    }
}

/// One server whose credentials are part of it.
impl From<Address> for Redis {
    fn from(address: Address) -> Self {
        let settings = address.settings();
        let origin = format!("{:?} {:?}", settings.username(), settings.password());
        Self::new(Topology::Standalone(address), &origin)
    }
}

impl Topology {
    /// What is known of all its servers.
    fn first(&self) -> &Address {
        match self {
            Self::Standalone(address) => address,
            Self::Sentinel(sentinels) => &sentinels.settings,
            Self::Cluster(cluster) => &cluster.settings,
        }
    }

    fn addresses(&self) -> Vec<&Address> {
        match self {
            Self::Standalone(address) => vec![address],
            Self::Sentinel(it) => it.addresses.iter().chain([&it.settings]).collect(),
            Self::Cluster(it) => vec![&it.settings],
        }
    }
}

impl PartialEq for Redis {
    fn eq(&self, other: &Self) -> bool {
        self.identity == other.identity
    }
}

impl Eq for Redis {}

impl Hash for Redis {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity.hash(state);
    }
}

/// Prints hosts, ports and database, and the name of a master.
impl fmt::Display for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Standalone(address) => address.fmt(f),
            Self::Sentinel(it) => {
                let (scheme, servers) = (scheme(&it.settings), servers(&it.addresses));
                let (master, database) = (&it.master, it.settings.settings().db());
                write!(f, "{scheme}+sentinel://{servers}/{master}/{database}")
            }
            Self::Cluster(it) => {
                let (scheme, servers) = (scheme(&it.settings), servers(&it.addresses));
                write!(f, "{scheme}+cluster://{servers}")
            }
        }
    }
}

fn scheme(settings: &Address) -> &'static str {
    if settings.tls().is_some() {
        "rediss"
    } else {
        "redis"
    }
}

fn servers(addresses: &[Address]) -> String {
    let servers: Vec<String> = addresses.iter().map(Address::host_and_port).collect();
    servers.join(",")
}

impl fmt::Display for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.topology.fmt(f)
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redis(url: &str, namespace: &str, origin: &str) -> Redis {
        let address = Address::parse(url, namespace, true).expect("an address");
        Redis::new(Topology::Standalone(address), origin)
    }

    #[test]
    fn password_is_never_printed_and_never_shared() {
        let own = redis("redis://user:canary@redis:6379/0", "shop", "Secret redis");
        assert!(!format!("{own} {own:?}").contains("canary"));
        assert_ne!(own, redis("redis://redis:6379/0", "shop", ""));
        assert_ne!(
            own,
            redis("redis://user:canary@redis:6379/0", "shop", "Secret other")
        );
        for url in ["redis://redis:6379/0", "redis://10.0.0.7:6379/0"] {
            assert_ne!(redis(url, "other", ""), redis(url, "shop", ""));
        }
    }

    #[test]
    fn a_rotated_password_is_the_same_redis_with_other_credentials() {
        let old = redis("redis://user:old@redis", "shop", "Secret redis");
        let new = redis("redis://user:new@redis", "shop", "Secret redis");
        assert_eq!(old, new);
        assert!(old.has_same_credentials(&old) && !old.has_same_credentials(&new));
        assert_ne!(
            old,
            redis("redis://user:old@elsewhere", "shop", "Secret redis")
        );
    }
}
