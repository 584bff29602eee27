//! Where a Redis is and how it is reached, for a program that makes its own connection, such as through a port-forward.

use redis::{RedisConnectionInfo, Value};
use std::fmt;

/// The servers of a Redis, and what each of them asks for.
#[derive(Clone, Debug)]
pub struct Access {
    /// Where it is.
    pub servers: Servers,
    /// User, password and database.
    pub settings: RedisConnectionInfo,
    /// How TLS is spoken, where it is.
    pub tls: Option<TlsMaterial>,
}

/// How the server is found that has the queues.
#[derive(Clone, Debug)]
pub enum Servers {
    /// It is this one.
    One(HostPort),
    /// Sentinels know where it is.
    Sentinel {
        /// The Sentinels.
        sentinels: Vec<HostPort>,
        /// What they call the server.
        master: String,
        /// Their own user and password.
        settings: RedisConnectionInfo,
    },
    /// The nodes of a cluster know which of them has a slot.
    Cluster(Vec<HostPort>),
}

/// Host and port of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// A name or an IP address.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// The files of TLS, in PEM.
#[derive(Clone, Default)]
pub struct TlsMaterial {
    /// The authorities to trust in place of the public ones.
    pub ca: Option<Vec<u8>>,
    /// The client's certificate, and its key.
    pub client: Option<(Vec<u8>, Vec<u8>)>,
    /// The name in the server's certificate, where it is not the host.
    pub server_name: Option<String>,
}

impl HostPort {
    /// The longest name of a host.
    const MAX: usize = 253;

    /// Parses `HOST:PORT`, or `HOST` where there is a default port. An IPv6 address with a port is in brackets.
    pub fn parse(text: &str, default: Option<u16>) -> Option<Self> {
        let is_whole = text.parse::<std::net::Ipv6Addr>().is_ok() || text.ends_with(']');
        let (host, port) = match text.rsplit_once(':').filter(|_| !is_whole) {
            Some((host, port)) => (host, port.parse().ok()?),
            None => (text, default?),
        };
        Self::new(host.trim_matches(['[', ']']), port)
    }

    /// A server that may have been named by another one: its host is bounded, and nothing but a name or an address.
    pub fn new(host: &str, port: u16) -> Option<Self> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || ".-_:".contains(c);
        let is_host = (1..=Self::MAX).contains(&host.len()) && host.chars().all(is_plain);
        is_host.then(|| Self {
            host: host.to_owned(),
            port,
        })
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') {
            write!(f, "[{host}]:{port}")
        } else {
            write!(f, "{host}:{port}")
        }
    }
}

/// A key is shown nowhere.
impl fmt::Debug for TlsMaterial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsMaterial")
            .field("server_name", &self.server_name)
            .finish_non_exhaustive()
    }
}

/// One range of the reply to `CLUSTER SLOTS`: its first and last slot, and its primary.
pub struct SlotRange {
    /// The first slot.
    pub first: i64,
    /// The last slot.
    pub last: i64,
    /// The primary, as it calls itself; a node that does not know its own name is the one that was asked.
    pub primary: Option<HostPort>,
}

/// The ranges in the reply to `CLUSTER SLOTS` of the node `asked`.
pub fn slot_ranges(reply: &[Value], asked: &str) -> Vec<SlotRange> {
    let range = |range: &Value| {
        let Value::Array(range) = range else {
            return None;
        };
        let [Value::Int(first), Value::Int(last), Value::Array(node), ..] = &**range else {
            return None;
        };
        let [host, Value::Int(port), ..] = &**node else {
            return None;
        };
        let host: String = redis::from_redis_value(host.clone()).unwrap_or_default();
        let host = if matches!(&*host, "" | "?") {
            asked
        } else {
            &host
        };
        let port = u16::try_from(*port).ok();
        Some(SlotRange {
            first: *first,
            last: *last,
            primary: port.and_then(|port| HostPort::new(host, port)),
        })
    };
    reply.iter().filter_map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("redis:6380", None, Some(("redis", 6380)))]
    #[case("redis", Some(26379), Some(("redis", 26379)))]
    #[case("redis", None, None)]
    #[case("[::1]:7", None, Some(("::1", 7)))]
    #[case("[::1]", Some(9), Some(("::1", 9)))]
    #[case("::1", Some(9), Some(("::1", 9)))]
    #[case(":7", None, None)]
    #[case("redis:port", None, None)]
    #[case("re dis:7", None, None)]
    #[case("\u{1b}[2J:7", None, None)]
    fn servers_are_parsed(
        #[case] text: &str,
        #[case] default: Option<u16>,
        #[case] expected: Option<(&str, u16)>,
    ) {
        let parsed = HostPort::parse(text, default);
        let parsed = parsed.as_ref().map(|it| (&*it.host, it.port));
        assert_eq!(parsed, expected, "{text}");
    }

    #[test]
    fn a_server_that_another_names_is_bounded() {
        assert_eq!(HostPort::new(&"a".repeat(254), 1), None);
        assert_eq!(HostPort::new("redis\n", 1), None);
        let server = HostPort::new("2001:db8::1", 1).expect("an address");
        assert_eq!(server.to_string(), "[2001:db8::1]:1");
    }

    fn text(text: &str) -> Value {
        Value::BulkString(text.into())
    }

    fn range(first: i64, last: i64, host: Value) -> Value {
        let node = vec![host, Value::Int(7000), text("id")];
        Value::Array(vec![
            Value::Int(first),
            Value::Int(last),
            Value::Array(node),
        ])
    }

    #[test]
    fn a_range_has_its_primary() {
        let primary = |host| slot_ranges(&[range(0, 5461, host)], "10.0.0.9").remove(0);
        let found = primary(text("10.0.0.1"));
        assert_eq!((found.first, found.last), (0, 5461));
        let host = |range: SlotRange| range.primary.expect("a primary").host;
        assert_eq!(host(found), "10.0.0.1");
        for unnamed in [Value::Nil, text(""), text("?")] {
            assert_eq!(host(primary(unnamed)), "10.0.0.9");
        }
        assert!(slot_ranges(&[Value::Int(1)], "").is_empty());
    }
}
