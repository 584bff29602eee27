//! The queues of one pool on a cluster: which node has which of them, and what the nodes found together.

use super::redirection::{Redirection, redirection};
use super::slots::{Node, SlotMap};
use crate::observe::endpoint::RedisNotifications;
use crate::observe::{ClientsReading, Epoch, PollNumber, PollResult};
use api::Key;
use decide::{Millis, Unavailable};
use queues::{Queue, RedisMemory};
use std::time::Duration;
use tokio::time::Instant;

/// Clocks of nodes that differ by no more are the same, in milliseconds.
const MAX_LATENCY: i64 = 1_000;

/// The queues of a pool, by the nodes that have them.
pub(super) struct Routes {
    pub epoch: Epoch,
    pub queues: Vec<Queue>,
    pub interval: Duration,
    /// The last request for the pool.
    pub number: PollNumber,
    /// Whether the list of clients was asked for.
    pub clients_wanted: bool,
    pub parts: Vec<Part>,
}

/// The queues that one node has.
pub(super) struct Part {
    /// `None` if no node has their slots.
    pub node: Option<Node>,
    /// What the node was asked in: a late answer, in another one, is not taken.
    pub epoch: Epoch,
    /// Their positions in the pool.
    pub queues: Vec<usize>,
    /// How the last poll found that one of their slots moves.
    redirection: Option<Redirection>,
    last: Option<Last>,
    clients: Option<(Instant, ClientsReading)>,
}

/// The last result of a node.
struct Last {
    at: Instant,
    result: PollResult,
}

impl Last {
    /// The clock of the node now.
    fn clock(&self, now: Instant) -> Option<i64> {
        Some(self.result.time?.saturating_add(millis(now - self.at)))
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl Part {
    /// A part of which nothing is known yet.
    pub fn new(node: Option<Node>, queues: Vec<usize>, epoch: Epoch) -> Self {
        Self {
            node,
            epoch,
            queues,
            redirection: None,
            last: None,
            clients: None,
        }
    }

    /// Its queues are unknown, and no node will be asked.
    pub fn set_unknown(&mut self, pool: &Key, cause: Unavailable) {
        let result = PollResult::unknown(pool.clone(), self.queues.len(), Some(cause));
        let at = Instant::now();
        self.last = Some(Last { at, result });
    }
}

impl Routes {
    pub fn new(epoch: Epoch, queues: Vec<Queue>, interval: Duration) -> Self {
        Self {
            epoch,
            queues,
            interval,
            number: PollNumber::default(),
            clients_wanted: false,
            parts: Vec::new(),
        }
    }

    /// The nodes that have queues of the pool.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.parts.iter().filter_map(|part| part.node.as_ref())
    }

    /// The positions of the queues that each node has by `map`.
    pub fn by_node(&self, map: &SlotMap) -> Vec<(Option<Node>, Vec<usize>)> {
        let mut all: Vec<(Option<Node>, Vec<usize>)> = Vec::new();
        for (index, queue) in self.queues.iter().enumerate() {
            let node = map.owner(queue.slot());
            match all.iter_mut().find(|(other, _)| other.as_ref() == node) {
                Some((_, queues)) => queues.push(index),
                None => all.push((node.cloned(), vec![index])),
            }
        }
        all
    }

    /// Takes what `node` found. Returns what is known of the pool now; `None` if the result is late, if the poll is lost to
    /// a slot that moves, or if another node has not answered yet.
    pub fn on_result(&mut self, node: &Node, mut result: PollResult) -> Option<PollResult> {
        let epoch = result.epoch;
        let mut parts = self.parts.iter_mut();
        let part = parts.find(|it| it.node.as_ref() == Some(node) && it.epoch == epoch)?;
        let redirection = result.unavailable.as_ref().and_then(redirection);
        let before = std::mem::replace(&mut part.redirection, redirection);
        if redirection.is_some() && redirection != before {
            return None;
        }
        let at = Instant::now();
        let (pool, notified_at) = (result.pool.clone(), result.notified_at);
        if let Some(clients) = result.clients.take() {
            part.clients = Some((at, clients));
        }
        part.last = Some(Last { at, result });
        self.merged(&pool, notified_at)
    }

    /// What is known of the pool; `None` if a node has not answered yet.
    pub fn merged(&mut self, pool: &Key, notified_at: Option<Instant>) -> Option<PollResult> {
        let clients = self.take_clients();
        let now = Instant::now();
        let parts: Option<Vec<(&Part, &Last)>> = self
            .parts
            .iter()
            .map(|part| Some((part, part.last.as_ref()?)))
            .collect();
        let parts = parts?;
        let mut merged = PollResult {
            epoch: self.epoch,
            clients,
            notified_at,
            memory: memory(&parts),
            notifications: notifications(&parts),
            ..PollResult::unknown(pool.clone(), self.queues.len(), None)
        };
        let asked = parts.iter().filter(|(part, _)| part.node.is_some());
        let number = asked.map(|(_, last)| last.result.number).min();
        merged.number = number.unwrap_or(self.number);
        merged.time = parts.iter().find_map(|(_, last)| last.clock(now));
        for (part, last) in parts {
            add(&mut merged, part, last, now);
        }
        Some(merged)
    }

    /// The lists of clients of all nodes, once each has answered.
    fn take_clients(&mut self) -> Option<ClientsReading> {
        let asked = || self.parts.iter().filter(|part| part.node.is_some());
        if !self.clients_wanted || asked().any(|part| part.clients.is_none()) {
            return None;
        }
        self.clients_wanted = false;
        let mut lists = self.parts.iter_mut().filter_map(|part| part.clients.take());
        let aged = |(at, reading): (Instant, ClientsReading)| ClientsReading {
            age: Millis(reading.age.0.saturating_add(millis(at.elapsed()))),
            ..reading
        };
        let mut all = lists.next().map(aged)?;
        for reading in lists.map(aged) {
            all.age = all.age.max(reading.age);
            match (&mut all.list, reading.list) {
                (Ok(list), Ok(other)) => list.add(&other),
                (list, Err(error)) => *list = Err(error),
                (Err(_), Ok(_)) => {}
            }
        }
        Some(all)
    }
}

/// Adds what one node found. Producers' times are moved to the clock of the first node that tells it.
fn add(merged: &mut PollResult, part: &Part, last: &Last, now: Instant) {
    let result = &last.result;
    let ahead = match (merged.time, last.clock(now)) {
        (Some(first), Some(own)) => first.saturating_sub(own),
        _ => 0,
    };
    // What the way of an answer takes must not look like a change at each poll.
    let ahead = if ahead.saturating_abs() > MAX_LATENCY {
        ahead
    } else {
        0
    };
    for (metrics, index) in result.queues.iter().zip(&part.queues) {
        if let Some(queue) = merged.queues.get_mut(*index) {
            *queue = *metrics;
            queue.oldest_at = queue.oldest_at.map(|at| at.saturating_add(ahead));
        }
    }
    let workers = result.workers.iter().filter_map(|worker| {
        let mut worker = worker.clone();
        worker.queue = *part.queues.get(worker.queue)?;
        Some(worker)
    });
    merged.workers.extend(workers);
    let first = |own: &mut Option<_>, other: &Option<_>| {
        if own.is_none() {
            own.clone_from(other);
        }
    };
    first(&mut merged.unavailable, &result.unavailable);
    first(&mut merged.renewal, &result.renewal);
    if merged.drain_refused.is_none() {
        merged.drain_refused.clone_from(&result.drain_refused);
    }
}

/// The one that bounds its memory worst.
fn memory(parts: &[(&Part, &Last)]) -> RedisMemory {
    let rank = |memory: &RedisMemory| match memory {
        RedisMemory::Evicting(_) => 0,
        RedisMemory::Unbounded => 1,
        RedisMemory::Unknown => 2,
        RedisMemory::Bounded => 3,
    };
    let all = parts.iter().map(|(_, last)| &last.result.memory);
    all.min_by_key(|it| rank(it)).cloned().unwrap_or_default()
}

/// Whether all nodes notify, or how one does not.
fn notifications(parts: &[(&Part, &Last)]) -> RedisNotifications {
    let rank = |notifications: &RedisNotifications| match notifications {
        RedisNotifications::NoResp3 => 0,
        RedisNotifications::Refused => 1,
        RedisNotifications::Unknown => 2,
        RedisNotifications::Tracked => 3,
    };
    let all = parts.iter().map(|(_, last)| last.result.notifications);
    all.min_by_key(rank).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::Address;
    use decide::{Metric, QueueMetrics};
    use queues::{ConnectionList, QueueOptions, QueueSystem};
    use redis::Value;

    /// Two nodes; no node has the last slots.
    fn map(reply: &[(i64, i64, i64)]) -> SlotMap {
        let range = |&(first, last, port): &(i64, i64, i64)| {
            let node = vec![Value::Nil, Value::Int(port)];
            Value::Array(vec![
                Value::Int(first),
                Value::Int(last),
                Value::Array(node),
            ])
        };
        let reply: Vec<Value> = reply.iter().map(range).collect();
        let asked = Address::parse("redis://10.0.0.1", "shop", true).expect("an address");
        SlotMap::parse(&reply, &asked)
    }

    /// The slots of `hello`, `bar`, `foo` and `123456789` are 866, 5061, 12182 and 12739.
    fn routes() -> Routes {
        let queue = |name| Queue::new(QueueSystem::List, &QueueOptions::named(name));
        let queues = ["hello", "foo", "bar", "123456789"].map(queue).to_vec();
        let mut routes = Routes::new(Epoch(7), queues, Duration::from_secs(2));
        let map = map(&[(0, 8_000, 1), (8_001, 12_500, 2)]);
        for (number, (node, queues)) in (10..).zip(routes.by_node(&map)) {
            let mut part = Part::new(node, queues, Epoch(number));
            if part.node.is_none() {
                part.set_unknown(&pool(), Unavailable::NotReadYet);
            }
            routes.parts.push(part);
        }
        routes
    }

    /// The same once both nodes have answered, and the second of them.
    fn answered() -> (Routes, Node) {
        let mut routes = routes();
        let (first, second) = (node(&routes, 0), node(&routes, 1));
        routes.on_result(&first, found(0, &[1, 3]));
        routes.on_result(&second, found(1, &[2]));
        (routes, second)
    }

    fn pool() -> Key {
        Key::new("shop", "a")
    }

    fn node(routes: &Routes, index: usize) -> Node {
        routes.parts[index].node.clone().expect("a node")
    }

    /// What the node at `index` finds: as many ready tasks.
    fn found(index: u64, ready: &[i64]) -> PollResult {
        let queues = ready.iter().map(|ready| QueueMetrics {
            ready: Metric::Known(*ready),
            oldest_at: Metric::Known(1_000_000),
            ..QueueMetrics::UNSUPPORTED
        });
        PollResult {
            epoch: Epoch(10 + index),
            number: PollNumber(3),
            queues: queues.collect(),
            ..PollResult::unknown(pool(), 0, None)
        }
    }

    fn unreadable(index: u64, queues: usize, error: &str) -> PollResult {
        let (key, error) = ("hello".to_owned(), error.to_owned());
        let cause = Unavailable::QueueUnreadable { key, error };
        PollResult {
            epoch: Epoch(10 + index),
            ..PollResult::unknown(pool(), queues, Some(cause))
        }
    }

    fn ready(result: Option<PollResult>) -> Option<Vec<Option<i64>>> {
        let queues = result?.queues.into_iter();
        Some(queues.map(|it| it.ready.known()).collect())
    }

    #[test]
    fn each_queue_goes_to_the_node_of_its_slot() {
        let routes = routes();
        let parts: Vec<_> = routes.parts.iter().map(|it| it.queues.clone()).collect();
        assert_eq!(parts, [vec![0, 2], vec![1], vec![3]]);
        assert!(routes.parts[2].node.is_none(), "no node has its slot");
    }

    #[test]
    fn what_the_nodes_found_is_put_together_in_the_pools_order() {
        let mut routes = routes();
        let (first, second) = (node(&routes, 0), node(&routes, 1));
        assert_eq!(ready(routes.on_result(&first, found(0, &[1, 3]))), None);
        let both = ready(routes.on_result(&second, found(1, &[2])));
        assert_eq!(both, Some(vec![Some(1), Some(2), Some(3), None]));
        let late = PollResult {
            epoch: Epoch(9),
            ..found(1, &[9])
        };
        assert_eq!(ready(routes.on_result(&second, late)), None);
        let again = routes.on_result(&first, found(0, &[4, 6])).expect("all");
        assert_eq!(again.epoch, Epoch(7), "that of the fleet");
        assert_eq!(again.unavailable, Some(Unavailable::NotReadYet));
        assert_eq!(
            ready(Some(again)),
            Some(vec![Some(4), Some(2), Some(6), None])
        );
    }

    #[test]
    fn a_node_that_is_away_makes_no_other_queue_unknown() {
        let (mut routes, second) = answered();
        let away = PollResult {
            epoch: Epoch(11),
            ..PollResult::unknown(pool(), 1, Some(Unavailable::Unexplained))
        };
        let without = ready(routes.on_result(&second, away));
        assert_eq!(without, Some(vec![Some(1), None, Some(3), None]));
    }

    #[rstest::rstest]
    #[case("MOVED: it is one node of a cluster")]
    #[case("ASK: it is one node of a cluster")]
    #[case("TRYAGAIN: its cluster is moving the key")]
    fn a_slot_that_moves_costs_one_poll_and_is_unknown_after_that(#[case] error: &str) {
        let (mut routes, second) = answered();
        let mut moved = || ready(routes.on_result(&second, unreadable(1, 1, error)));
        assert_eq!(moved(), None, "this poll is lost");
        assert_eq!(moved(), Some(vec![Some(1), None, Some(3), None]));
        let back = ready(routes.on_result(&second, found(1, &[5])));
        assert_eq!(back, Some(vec![Some(1), Some(5), Some(3), None]));
    }

    #[test]
    fn a_slot_whose_move_ends_is_looked_for_once_more() {
        let (mut routes, second) = answered();
        for error in ["ASK: it moves", "MOVED: it has moved"] {
            let moved = routes.on_result(&second, unreadable(1, 1, error));
            assert_eq!(ready(moved), None, "{error}");
        }
    }

    #[test]
    fn another_error_is_told_at_once() {
        let mut routes = routes();
        let (first, second) = (node(&routes, 0), node(&routes, 1));
        routes.on_result(&first, found(0, &[1, 3]));
        let error = "WRONGTYPE: the key has another type";
        let reported = ready(routes.on_result(&second, unreadable(1, 1, error)));
        assert_eq!(reported, Some(vec![Some(1), None, Some(3), None]));
    }

    /// A scale-down trusts only what followed its last request, at all nodes.
    #[test]
    fn a_request_is_followed_once_each_node_has_followed_it() {
        let mut routes = routes();
        let (first, second) = (node(&routes, 0), node(&routes, 1));
        let numbered = |result, number| PollResult {
            number: PollNumber(number),
            ..result
        };
        routes.on_result(&first, numbered(found(0, &[1, 3]), 3));
        let mut second = |number| {
            let result = routes.on_result(&second, numbered(found(1, &[2]), number));
            result.expect("all").number
        };
        assert_eq!(second(2), PollNumber(2));
        assert_eq!(second(4), PollNumber(3));
    }

    #[test]
    fn producers_times_follow_one_clock() {
        let mut routes = routes();
        let (first, second) = (node(&routes, 0), node(&routes, 1));
        let at = |result, time| PollResult {
            time: Some(time),
            ..result
        };
        routes.on_result(&first, at(found(0, &[1, 3]), 5_000_000));
        let all = routes.on_result(&second, at(found(1, &[2]), 4_000_000));
        let all = all.expect("all");
        let oldest = |index: usize| all.queues[index].oldest_at.known().expect("a time");
        assert_eq!(oldest(0), 1_000_000);
        let moved = oldest(1) - 2_000_000;
        assert!((0..5_000).contains(&moved), "{moved}");
        // Whatever a node says.
        routes.on_result(&second, at(found(1, &[2]), i64::MIN));
        routes.on_result(&second, at(found(1, &[2]), i64::MAX));
    }

    #[test]
    fn the_list_of_clients_is_that_of_all_nodes() {
        let mut routes = routes();
        let (first, second) = (node(&routes, 0), node(&routes, 1));
        let listed = |result, list: &str| PollResult {
            clients: Some(ClientsReading {
                age: Millis(0),
                list: Ok(ConnectionList::parse(list)),
            }),
            ..result
        };
        routes.clients_wanted = true;
        routes.on_result(&second, found(1, &[2]));
        let one = listed(found(0, &[1, 3]), "addr=10.0.0.5:1 flags=b cmd=brpop");
        let one = routes.on_result(&first, one).expect("all");
        assert_eq!(one.clients, None, "the other node has not answered");
        let both = listed(found(1, &[2]), "addr=10.0.0.6:1 flags=b cmd=brpop");
        let both = routes.on_result(&second, both).expect("all").clients;
        let both = both.and_then(|it| it.list.ok()).expect("a list");
        for address in ["10.0.0.5", "10.0.0.6"] {
            let address = address.parse().expect("an address");
            assert!(both.of(address).is_some(), "{address}");
        }
        let next = routes.on_result(&first, found(0, &[1, 3])).expect("all");
        assert_eq!(next.clients, None, "it was asked for once");
    }

    #[test]
    fn the_worst_node_tells_for_all() {
        let mut routes = routes();
        let (first, second) = (node(&routes, 0), node(&routes, 1));
        let one = PollResult {
            memory: RedisMemory::Bounded,
            notifications: RedisNotifications::Tracked,
            ..found(0, &[1, 3])
        };
        let other = PollResult {
            memory: RedisMemory::Unbounded,
            notifications: RedisNotifications::Refused,
            ..found(1, &[2])
        };
        routes.parts.pop();
        routes.on_result(&first, one);
        let all = routes.on_result(&second, other).expect("all");
        assert_eq!(all.memory, RedisMemory::Unbounded);
        assert_eq!(all.notifications, RedisNotifications::Refused);
    }
}
