//! Who waits for work at this moment, from the server's list of clients. No IO.
//!
//! A connection with the flag `b` in a command that takes work waits for it, and its address is that of its pod. This tells
//! which pods are idle without their help, for the systems whose workers wait in that way.

use crate::reply::Client;
use redis::Cmd;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

/// The commands by which workers wait for work.
const TAKES_WORK: [&str; 9] = [
    "blmove",
    "blmpop",
    "blpop",
    "brpop",
    "brpoplpush",
    "bzmpop",
    "bzpopmax",
    "bzpopmin",
    "xreadgroup",
];

/// The commands that take work, or nothing, and do not wait for it.
const POLLS: [&str; 8] = [
    "lmove",
    "lmpop",
    "lpop",
    "rpop",
    "rpoplpush",
    "zmpop",
    "zpopmax",
    "zpopmin",
];

/// The connections from one address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connections {
    /// How many wait for work.
    waiting: u32,
    /// How many took work last and do not wait for more.
    working: u32,
    /// Whether one asked for work last without waiting for it.
    polls: bool,
}

impl Connections {
    /// Whether all of a worker's `slots` wait for work.
    pub fn are_idle(self, slots: u32) -> bool {
        self.working == 0 && self.waiting >= slots.max(1)
    }

    /// Whether a worker asks for work and does not wait for it: then nothing shows that it is idle.
    pub fn are_polling(self) -> bool {
        self.polls && self.waiting == 0
    }
}

/// The connections of a Redis, by their address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectionList(BTreeMap<IpAddr, Connections>);

impl ConnectionList {
    /// The command whose reply it is.
    pub fn command() -> Cmd {
        redis::cmd("CLIENT").arg("LIST").take()
    }

    /// What the reply says.
    pub fn parse(reply: &str) -> Self {
        let mut all: BTreeMap<IpAddr, Connections> = BTreeMap::new();
        for client in reply.lines().map(Client::new) {
            let Ok(address) = client.field("addr").parse::<SocketAddr>() else {
                continue;
            };
            let connections = all.entry(address.ip().to_canonical()).or_default();
            let takes_work = TAKES_WORK.contains(&client.field("cmd"));
            let waits = takes_work && client.field("flags").contains('b');
            connections.waiting += u32::from(waits);
            connections.working += u32::from(takes_work && !waits);
            connections.polls |= POLLS.contains(&client.field("cmd"));
        }
        Self(all)
    }

    /// Adds the connections of another node of the same cluster.
    pub fn add(&mut self, other: &Self) {
        for (address, connections) in &other.0 {
            let all = self.0.entry(*address).or_default();
            all.waiting = all.waiting.saturating_add(connections.waiting);
            all.working = all.working.saturating_add(connections.working);
            all.polls |= connections.polls;
        }
    }

    /// The connections from `address`; `None` where there are none.
    pub fn of(&self, address: IpAddr) -> Option<Connections> {
        self.0.get(&address.to_canonical()).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_waits_for_work_has_a_flag_and_the_address_of_its_pod() {
        let list = ConnectionList::parse(
            "id=3 addr=10.0.0.1:5 laddr=10.0.0.9:6379 flags=b db=0 cmd=brpop user=default\n\
             id=4 addr=10.0.0.1:6 flags=N cmd=set\n\
             id=5 addr=[fd00::2]:7 flags=b cmd=blmove\n\
             id=6 addr=[fd00::2]:8 flags=N cmd=blmove\n\
             id=7 addr=10.0.0.3:9 flags=b cmd=wait\n\
             id=9 addr=[::ffff:10.0.0.6]:5 flags=b cmd=blpop\n\
             id=8 addr=/run/redis.sock:0 flags=b cmd=brpop\n\
             nonsense\n",
        );
        let idle = |address: &str, slots| {
            let address = address.parse().expect("an address");
            list.of(address).map(|it| it.are_idle(slots))
        };
        assert_eq!(idle("10.0.0.1", 1), Some(true));
        assert_eq!(idle("::ffff:10.0.0.1", 1), Some(true));
        assert_eq!(idle("10.0.0.1", 2), Some(false), "one of two slots");
        assert_eq!(idle("fd00::2", 1), Some(false), "another one works");
        assert_eq!(idle("10.0.0.3", 1), Some(false), "no work is waited for");
        assert_eq!(idle("10.0.0.6", 1), Some(true), "a server of both families");
        assert_eq!(idle("10.0.0.4", 1), None);
    }

    #[test]
    fn a_worker_that_polls_is_never_seen_to_wait() {
        let mut all = ConnectionList::parse(
            "addr=10.0.0.1:5 flags=N cmd=lpop\n\
             addr=10.0.0.2:5 flags=N cmd=rpop\naddr=10.0.0.2:6 flags=b cmd=brpop\n\
             addr=10.0.0.3:5 flags=N cmd=brpop\n",
        );
        all.add(&ConnectionList::parse(
            "addr=10.0.0.3:6 flags=N cmd=lmove\n",
        ));
        let polling = |address: &str| {
            let connections = all.of(address.parse().expect("an address"));
            connections.is_some_and(Connections::are_polling)
        };
        let found = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"].map(polling);
        assert_eq!(found, [true, false, true, false]);
    }

    #[test]
    fn a_pod_waits_at_one_node_of_a_cluster_and_works_at_another() {
        let mut all = ConnectionList::parse("addr=10.0.0.1:5 flags=b cmd=brpop\n");
        let other = "addr=10.0.0.1:6 flags=N cmd=brpop\naddr=10.0.0.2:7 flags=b cmd=brpop\n";
        all.add(&ConnectionList::parse(other));
        let idle = |address: &str| {
            let connections = all.of(address.parse().expect("an address"));
            connections.map(|it| it.are_idle(1))
        };
        assert_eq!(
            (idle("10.0.0.1"), idle("10.0.0.2")),
            (Some(false), Some(true))
        );
    }
}
