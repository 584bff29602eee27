//! The address of a Redis server: how to connect to it, and how to print it without its password.

use decide::Unavailable;
use redis::{
    Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion,
    RedisConnectionInfo,
};
use std::fmt;

/// A Redis endpoint: pools with equal addresses share one connection.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Address {
    url: String,
}

impl Address {
    /// Resolves `url` for a pool of `namespace`: inside a cluster, a host without a dot is a Service of that
    /// namespace.
    pub fn new(url: &str, namespace: &str, in_cluster: bool) -> Self {
        let qualified = in_cluster.then(|| qualify(url, namespace)).flatten();
        Self {
            url: qualified.unwrap_or_else(|| url.to_owned()),
        }
    }

    /// A client that uses RESP3.
    pub fn client(&self) -> Result<Client, Unavailable> {
        let invalid = |error: redis::RedisError| Unavailable::InvalidAddress {
            address: self.to_string(),
            error: error.to_string(),
        };
        let info = self.url.as_str().into_connection_info().map_err(invalid)?;
        let redis: RedisConnectionInfo = info
            .redis_settings()
            .clone()
            .set_protocol(ProtocolVersion::RESP3);
        let info: ConnectionInfo = info.set_redis_settings(redis);
        Client::open(info).map_err(invalid)
    }
}

/// Appends `.NAMESPACE.svc` to a host that is a bare Service name; `None` for any other host.
fn qualify(url: &str, namespace: &str) -> Option<String> {
    let info = url.into_connection_info().ok()?;
    let (ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. }) = info.addr() else {
        return None;
    };
    if host.contains(['.', ':']) || host == "localhost" {
        return None;
    }
    // The host follows the last @, or the scheme.
    let start = url.rfind('@').map_or_else(
        || url.find("://").map(|scheme| scheme + 3),
        |at| Some(at + 1),
    )?;
    let rest = url[start..].strip_prefix(host.as_str())?;
    Some(format!("{}{host}.{namespace}.svc{rest}", &url[..start]))
}

/// Prints the address without user and password.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.url.find("://"), self.url.rfind('@')) {
            (Some(scheme), Some(at)) => {
                write!(f, "{}{}", &self.url[..scheme + 3], &self.url[at + 1..])
            }
            _ => f.write_str(&self.url),
        }
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
    #[case("redis://redis", "redis://redis.shop.svc")]
    #[case(
        "rediss://user:p%40ss@cache:6380/2",
        "rediss://user:p%40ss@cache.shop.svc:6380/2"
    )]
    #[case("redis://redis.other:6379", "redis://redis.other:6379")]
    #[case("redis://10.0.0.7:6379", "redis://10.0.0.7:6379")]
    #[case("redis://localhost:6379", "redis://localhost:6379")]
    fn bare_host_is_a_service_of_the_pools_namespace(#[case] url: &str, #[case] resolved: &str) {
        assert_eq!(Address::new(url, "shop", true).url, resolved);
        assert_eq!(Address::new(url, "shop", false).url, url);
    }

    #[test]
    fn password_is_never_printed() {
        let address = Address::new("redis://user:canary@redis:6379/0", "shop", true);
        assert_eq!(
            format!("{address} {address:?}").matches("canary").count(),
            0
        );
        let error = Address::new("redis://user:canary@:x", "shop", true)
            .client()
            .err();
        assert!(error.is_some_and(|cause| !format!("{cause:?}").contains("canary")));
    }
}
