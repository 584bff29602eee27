//! Finds the server: by Sentinel or by a node of a cluster.

use super::access::slot_ranges;
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
    let asked = match seed.addr() {
        ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. } => host,
        _ => "",
    };
    let ranges = slot_ranges(&ranges, asked).into_iter();
    let mut owners = ranges.filter(|range| (range.first..=range.last).contains(&slot));
    let primary = owners.find_map(|range| range.primary);
    Ok(primary.map(|primary| (primary.host, primary.port)))
}
