//! Finds the server: by Sentinel or by a node of a cluster.

use super::at;
use redis::{Client, ConnectionAddr, ConnectionInfo, RedisResult, Value};
use std::io;
use std::time::Duration;

/// How long one Sentinel or node may take to connect and to answer.
const TIMEOUT: Duration = Duration::from_secs(1);

/// How the server is found.
#[derive(Clone, Debug)]
pub(super) enum Topology {
    /// It is the one at the address.
    One,
    /// Sentinels know where it is.
    Sentinel {
        sentinels: Vec<ConnectionInfo>,
        master: String,
    },
    /// The nodes know which of them has the slot of the key.
    Cluster {
        seeds: Vec<ConnectionInfo>,
        key: String,
    },
}

impl Topology {
    /// The server now, reached as `like` is.
    pub fn resolve(&self, like: &ConnectionInfo) -> RedisResult<ConnectionInfo> {
        match self {
            Self::One => Ok(like.clone()),
            Self::Sentinel { sentinels, master } => first_answer(
                sentinels,
                "no Sentinel knows the master of this name",
                |sentinel| master_at(sentinel, master),
            )
            .map(|(host, port)| at(like, &host, port)),
            Self::Cluster { seeds, key } => {
                first_answer(seeds, "no node knows where the queue is", |seed| {
                    node_at(seed, key)
                })
                .map(|(host, port)| at(like, &host, port))
            }
        }
    }
}

/// What the first of `servers` that knows answers; else the last error.
fn first_answer<T>(
    servers: &[ConnectionInfo],
    none: &str,
    ask: impl Fn(&ConnectionInfo) -> RedisResult<Option<T>>,
) -> RedisResult<T> {
    let mut failure = io::Error::other(none.to_owned()).into();
    for server in servers {
        match ask(server) {
            Ok(Some(answer)) => return Ok(answer),
            Ok(None) => {}
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

fn connect(server: &ConnectionInfo) -> RedisResult<redis::Connection> {
    let connection = Client::open(server.clone())?.get_connection_with_timeout(TIMEOUT)?;
    connection.set_read_timeout(Some(TIMEOUT))?;
    connection.set_write_timeout(Some(TIMEOUT))?;
    Ok(connection)
}

/// Where the Sentinel says that `master` is.
fn master_at(sentinel: &ConnectionInfo, master: &str) -> RedisResult<Option<(String, u16)>> {
    let mut question = redis::cmd("SENTINEL");
    let question = question.arg("GET-MASTER-ADDR-BY-NAME").arg(master);
    question.query(&mut connect(sentinel)?)
}

/// Where the node says that the slot of `key` is.
fn node_at(seed: &ConnectionInfo, key: &str) -> RedisResult<Option<(String, u16)>> {
    let mut connection = connect(seed)?;
    let mut question = redis::cmd("CLUSTER");
    let slot: i64 = question.arg("KEYSLOT").arg(key).query(&mut connection)?;
    let ranges: Vec<Value> = redis::cmd("CLUSTER").arg("SLOTS").query(&mut connection)?;
    Ok(ranges.iter().find_map(|range| owner(range, slot, seed)))
}

/// The primary of `range` if it has `slot`. A node that does not know its own name is the one that was asked.
fn owner(range: &Value, slot: i64, seed: &ConnectionInfo) -> Option<(String, u16)> {
    let Value::Array(range) = range else {
        return None;
    };
    let [Value::Int(first), Value::Int(last), Value::Array(node), ..] = &**range else {
        return None;
    };
    let [host, Value::Int(port), ..] = &**node else {
        return None;
    };
    if !(*first..=*last).contains(&slot) {
        return None;
    }
    let host: String = redis::from_redis_value(host.clone()).unwrap_or_default();
    let host = match (host.as_str(), seed.addr()) {
        ("" | "?", ConnectionAddr::Tcp(seed, _) | ConnectionAddr::TcpTls { host: seed, .. }) => {
            seed.clone()
        }
        _ => host,
    };
    Some((host, u16::try_from(*port).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use redis::IntoConnectionInfo;

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
    fn a_slot_belongs_to_the_node_of_its_range() {
        let seed = "redis://10.0.0.9:7001".into_connection_info();
        let seed = seed.expect("an address");
        let of = |range| owner(&range, 5461, &seed);
        let found = |host: &str| Some((host.to_owned(), 7000));
        assert_eq!(of(range(0, 5461, text("10.0.0.1"))), found("10.0.0.1"));
        assert_eq!(of(range(5462, 9000, text("10.0.0.1"))), None);
        for unnamed in [Value::Nil, text(""), text("?")] {
            assert_eq!(of(range(5461, 5461, unnamed)), found("10.0.0.9"));
        }
        assert_eq!(of(Value::Int(1)), None);
    }
}
