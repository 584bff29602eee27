//! The address of a Redis server. It exists only once it is parsed, so that nothing else of a Secret is ever shown.

use decide::AddressProblem;
use redis::{
    ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion, RedisConnectionInfo,
};
use std::fmt;
use std::hash::{Hash, Hasher};

/// A Redis endpoint: pools of one namespace with equal addresses share one connection. Those of another namespace may not
/// be allowed to connect to it, and must not wait behind the reads of this one.
#[derive(Clone)]
pub struct Address {
    /// Namespace, host, port, database, user and password, which together identify it.
    identity: String,
    namespace: String,
    info: ConnectionInfo,
}

impl Address {
    /// Parses `text` for a pool of `namespace`: inside a cluster, a host without a dot is a Service of that namespace.
    ///
    /// # Errors
    /// What is wrong with it, and nothing of the text.
    pub fn parse(text: &str, namespace: &str, in_cluster: bool) -> Result<Self, AddressProblem> {
        check(text)?;
        let info = text
            .into_connection_info()
            .map_err(|_| AddressProblem::Host)?;
        let redis = info.redis_settings();
        let has_control =
            |text: Option<&str>| text.is_some_and(|text| text.contains(char::is_control));
        if has_control(redis.username()) || has_control(redis.password()) {
            return Err(AddressProblem::ControlCharacter);
        }
        // Its name of the library would be refused, and logged, where a user has no more rights than needed.
        let redis = redis
            .clone()
            .set_protocol(ProtocolVersion::RESP3)
            .set_skip_set_lib_name();
        let address = match info.addr().clone() {
            address if !in_cluster => address,
            address => qualified(address, namespace),
        };
        let identity = format!(
            "{namespace} {address:?} {} {:?} {:?}",
            redis.db(),
            redis.username(),
            redis.password()
        );
        let info = info.set_addr(address).set_redis_settings(redis);
        let namespace = namespace.to_owned();
        Ok(Self {
            identity,
            namespace,
            info,
        })
    }

    /// The namespace of its pools.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Host and port, and whether they are connected to with TLS.
    pub fn server(&self) -> (&str, u16, bool) {
        match self.info.addr() {
            ConnectionAddr::Tcp(host, port) => (host, *port, false),
            ConnectionAddr::TcpTls { host, port, .. } => (host, *port, true),
            // No scheme of an address leads here.
            _ => ("", 0, false),
        }
    }

    /// Database, user, password, and RESP3.
    pub fn settings(&self) -> &RedisConnectionInfo {
        self.info.redis_settings()
    }
}

/// Finds what the URL's grammar allows and a Redis address must not have.
fn check(text: &str) -> Result<(), AddressProblem> {
    let rest = ["redis://", "rediss://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme))
        .ok_or(AddressProblem::NoScheme)?;
    let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    // The user and the password end at the last @: one behind the host's part means that they had such a character.
    if rest.contains('@') {
        return Err(AddressProblem::Unencoded);
    }
    let host = authority.rsplit('@').next().unwrap_or_default();
    let (host, port) = match host.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (host, None),
    };
    let is_host = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    if host.is_empty() || !host.chars().all(is_host) {
        return Err(AddressProblem::Host);
    }
    if port.is_some_and(|port| port.parse::<u16>().is_err()) {
        return Err(AddressProblem::Port);
    }
    let path = rest.split('?').next().unwrap_or_default();
    let database = path.trim_start_matches('/');
    if !database.is_empty() && database.parse::<u32>().is_err() {
        return Err(AddressProblem::Database);
    }
    Ok(())
}

/// The address in the cluster of a host that is a bare Service name.
fn qualified(address: ConnectionAddr, namespace: &str) -> ConnectionAddr {
    let qualify = |host: String| {
        if host.contains(['.', ':']) || host == "localhost" {
            host
        } else {
            format!("{host}.{namespace}.svc")
        }
    };
    match address {
        ConnectionAddr::Tcp(host, port) => ConnectionAddr::Tcp(qualify(host), port),
        ConnectionAddr::TcpTls {
            host,
            port,
            insecure,
            tls_params,
        } => ConnectionAddr::TcpTls {
            host: qualify(host),
            port,
            insecure,
            tls_params,
        },
        other => other,
    }
}

impl PartialEq for Address {
    fn eq(&self, other: &Self) -> bool {
        self.identity == other.identity
    }
}

impl Eq for Address {}

impl Hash for Address {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity.hash(state);
    }
}

/// Prints host, port and database.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.info.addr() {
            ConnectionAddr::TcpTls { .. } => "rediss",
            _ => "redis",
        };
        let database = self.info.redis_settings().db();
        write!(f, "{scheme}://{}/{database}", self.info.addr())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("redis://redis:6379/0", "redis://redis.shop.svc:6379/0")]
    #[case("redis://redis", "redis://redis.shop.svc:6379/0")]
    #[case("rediss://user:p%40ss@cache:6380/2", "rediss://cache.shop.svc:6380/2")]
    #[case("redis://redis.other:6379", "redis://redis.other:6379/0")]
    #[case("redis://10.0.0.7:6379", "redis://10.0.0.7:6379/0")]
    #[case("redis://localhost:6379", "redis://localhost:6379/0")]
    fn bare_host_is_a_service_of_the_pools_namespace(#[case] url: &str, #[case] shown: &str) {
        let address = Address::parse(url, "shop", true).expect("an address");
        assert_eq!(address.to_string(), shown);
        let outside = Address::parse(url, "shop", false).expect("an address");
        assert_eq!(outside.to_string(), shown.replace(".shop.svc", ""));
    }

    #[rstest::rstest]
    #[case("canary", AddressProblem::NoScheme)]
    #[case("canary@redis:6379", AddressProblem::NoScheme)]
    #[case("-----BEGIN PRIVATE KEY-----\ncanary", AddressProblem::NoScheme)]
    #[case("unix:///canary", AddressProblem::NoScheme)]
    #[case("http://canary", AddressProblem::NoScheme)]
    #[case("redis://:p@ss#canary@redis", AddressProblem::Unencoded)]
    #[case("redis://:canary/x@redis:6379", AddressProblem::Unencoded)]
    #[case("redis://:canary?x@redis:6379", AddressProblem::Unencoded)]
    #[case("redis://:canary%0d%0aSET@redis", AddressProblem::ControlCharacter)]
    #[case("redis://user%00:canary@redis", AddressProblem::ControlCharacter)]
    #[case("redis://user:canary@:6379", AddressProblem::Host)]
    #[case("redis://user:canary@a b", AddressProblem::Host)]
    #[case("redis://user:canary@redis:x", AddressProblem::Port)]
    #[case("redis://user:canary@redis:70000", AddressProblem::Port)]
    #[case("redis://user:canary@redis/name", AddressProblem::Database)]
    fn what_is_no_address_is_refused_and_never_shown(
        #[case] text: &str,
        #[case] problem: AddressProblem,
    ) {
        let refused = Address::parse(text, "shop", true).expect_err(text);
        assert_eq!(refused, problem, "{text}");
        assert!(!format!("{refused:?}").contains("canary"));
    }

    #[test]
    fn password_is_never_printed_and_never_shared() {
        let parse = |url| Address::parse(url, "shop", true).expect("an address");
        let address = parse("redis://user:canary@redis:6379/0");
        assert!(!format!("{address} {address:?}").contains("canary"));
        assert_ne!(address, parse("redis://redis:6379/0"));
        for url in ["redis://redis:6379/0", "redis://10.0.0.7:6379/0"] {
            let elsewhere = Address::parse(url, "other", true).expect("an address");
            assert_ne!(elsewhere, parse(url));
        }
    }
}
