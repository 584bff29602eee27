//! Which node of a cluster has a slot, as one of the nodes says. It is asked over a connection of our own, to an allowed
//! destination only.

use crate::observe::Address;
use crate::observe::endpoint::link::{self, Link};
use crate::observe::endpoint::{Dial, ReplyLimits};
use decide::{AddressProblem, Unavailable};
use futures::FutureExt;
use futures::future::select_ok;
use queues::describe;
use redis::{AsyncConnectionConfig, RedisError, Value};
use std::sync::Arc;

/// How many nodes are asked at the same time, after the first: some may be away, and then answer nothing.
const GROUP: usize = 3;

/// A node, by host and port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Node {
    host: Arc<str>,
    port: u16,
}

impl Node {
    fn new(host: &str, port: u16) -> Self {
        let host = host.into();
        Self { host, port }
    }

    /// Its address, with the settings of another node.
    pub fn address(&self, settings: &Address) -> Result<Address, AddressProblem> {
        settings.at(&self.host, self.port)
    }
}

/// The primary of each slot.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SlotMap {
    /// First and last slot, in order.
    ranges: Vec<(u16, u16, Node)>,
}

impl SlotMap {
    /// Reads the reply to `CLUSTER SLOTS` of the node at `asked`. What is no range, or has no valid host, is left out.
    pub fn parse(reply: &[Value], asked: &Address) -> Self {
        let mut ranges: Vec<_> = reply.iter().filter_map(|it| range(it, asked)).collect();
        ranges.sort_by_key(|(first, ..)| *first);
        Self { ranges }
    }

    /// The primary that has `slot`.
    pub fn owner(&self, slot: u16) -> Option<&Node> {
        let after = self.ranges.partition_point(|(first, ..)| *first <= slot);
        let (_, last, node) = self.ranges.get(after.checked_sub(1)?)?;
        (slot <= *last).then_some(node)
    }

    /// All primaries, each at least once.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.ranges.iter().map(|(_, _, node)| node)
    }
}

/// A node that does not know its own host is the one that was asked.
fn range(value: &Value, asked: &Address) -> Option<(u16, u16, Node)> {
    let Value::Array(range) = value else {
        return None;
    };
    let [
        Value::Int(first),
        Value::Int(last),
        Value::Array(primary),
        ..,
    ] = &**range
    else {
        return None;
    };
    let [host, Value::Int(port), ..] = &**primary else {
        return None;
    };
    let host = match host {
        Value::Nil => "",
        Value::BulkString(host) => str::from_utf8(host).ok()?,
        Value::SimpleString(host) => host,
        _ => return None,
    };
    let host = if host.is_empty() {
        asked.server().0
    } else {
        host
    };
    let node = Node::new(host, u16::try_from(*port).ok()?);
    node.address(asked).ok()?;
    let slot = |slot: i64| u16::try_from(slot).ok();
    Some((slot(*first)?, slot(*last)?, node))
}

/// What the first of `addresses` says that answers. The others are asked only if the first does not.
///
/// # Errors
/// Why none knows it.
pub(super) async fn read(
    dial: Arc<dyn Dial>,
    limits: Arc<ReplyLimits>,
    addresses: Vec<Address>,
) -> Result<SlotMap, Unavailable> {
    let mut failure = Unavailable::NotReadYet;
    let (first, others) = addresses.split_at(addresses.len().min(1));
    for group in first.chunks(1).chain(others.chunks(GROUP)) {
        let asked = group.iter().map(|it| ask(&*dial, &limits, it).boxed());
        match select_ok(asked).await {
            Ok((map, _)) => return Ok(map),
            Err(cause) => failure = cause,
        }
    }
    Err(failure)
}

async fn ask(
    dial: &dyn Dial,
    limits: &ReplyLimits,
    address: &Address,
) -> Result<SlotMap, Unavailable> {
    let mut link = Link::open(dial, address, limits, AsyncConnectionConfig::new()).await?;
    link.budget.begin(0);
    let mut command = redis::cmd("CLUSTER");
    let slots = link::ask::<Vec<Value>>(&mut link.redis, command.arg("SLOTS"), no_map).await;
    let map = SlotMap::parse(&slots.map_err(|error| address.down(error))?, address);
    if map.ranges.is_empty() {
        return Err(address.down("it knows no slots of a cluster".to_owned()));
    }
    Ok(map)
}

/// Why a server answers no map.
fn no_map(error: &RedisError) -> String {
    let detail = error.detail().unwrap_or_default();
    if detail.contains("cluster support disabled") {
        return "it is no node of a cluster: set redis.address in place of redis.cluster"
            .to_owned();
    }
    describe(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::BulkString(text.into())
    }

    fn range(first: i64, last: i64, host: Value) -> Value {
        let primary = Value::Array(vec![host, Value::Int(7000), text("id")]);
        let replica = Value::Array(vec![text("10.0.0.8"), Value::Int(7001), text("id")]);
        Value::Array(vec![Value::Int(first), Value::Int(last), primary, replica])
    }

    fn owner(reply: &[Value], slot: u16) -> Option<String> {
        let asked = Address::parse("redis://10.0.0.9:7009", "shop", true).expect("an address");
        let map = SlotMap::parse(reply, &asked);
        let owner = map.owner(slot)?;
        Some(format!("{}:{}", owner.host, owner.port))
    }

    #[test]
    fn a_slot_belongs_to_the_primary_of_its_range() {
        let reply = [
            range(10_923, 16_383, text("10.0.0.3")),
            range(0, 5_460, text("10.0.0.1")),
            range(5_462, 10_922, text("node-2.redis")),
        ];
        let expected = [
            (0, Some("10.0.0.1:7000")),
            (5_460, Some("10.0.0.1:7000")),
            (5_461, None),
            (5_462, Some("node-2.redis:7000")),
            (16_383, Some("10.0.0.3:7000")),
        ];
        for (slot, node) in expected {
            assert_eq!(owner(&reply, slot).as_deref(), node, "{slot}");
        }
    }

    #[test]
    fn a_node_without_a_host_is_the_one_that_was_asked() {
        for unnamed in [Value::Nil, text("")] {
            let node = owner(&[range(0, 9, unnamed)], 5);
            assert_eq!(node.as_deref(), Some("10.0.0.9:7000"));
        }
    }

    /// Redis announces `?` where a host name is preferred and none is set.
    #[test]
    fn what_is_no_range_or_no_host_has_no_slot() {
        let odd = [
            range(0, 9, text("?")),
            range(0, 9, text("a b\r\nc")),
            range(0, 9, Value::Int(1)),
            range(-1, 9, text("10.0.0.1")),
            range(0, 70_000, text("10.0.0.1")),
            Value::Array(vec![]),
            Value::Okay,
        ];
        assert_eq!(owner(&odd, 5), None);
    }
}
