//! A Redis Cluster: one endpoint per primary, with its own connection, notifications and back-off, and the map that says
//! which of them has a queue.
//!
//! A pool may have queues on several primaries. Each reads its own; what they found is put together, so that one that is
//! away makes its own queues unknown and no others. A node that answers `MOVED` costs one poll: it is asked for the map
//! at once, and the queue is polled where it is by then. Drains, and the rescue of tasks, are done by the endpoint of the
//! primary that has the queue.

mod redirection;
mod routes;
mod slots;

use super::connection::Connection;
use super::{Command, Commands, Dial, Mailbox, ReplyLimits, mailbox, run_server};
use crate::observe::{Epoch, PollNumber, PollResult, Redis, RedisCluster, Topology};
use api::Key;
use decide::Unavailable;
use queues::Queue;
use redirection::Redirection;
pub(super) use redirection::{redirection, redirection_in};
use routes::{Part, Routes};
use slots::{Node, SlotMap};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{Sender, channel};
use tokio::time::Instant;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

/// How many results of endpoints wait.
const CAPACITY: usize = 16;
/// How often the map is read where nothing asks for it.
const MAP_INTERVAL: Duration = Duration::from_secs(30);
/// The least time between two readings of it: after a slot has moved, and while a node is away.
const MOVED_PAUSE: Duration = Duration::from_millis(250);
const LOST_PAUSE: Duration = Duration::from_secs(1);
/// How many nodes that are known are asked, beside those of the spec.
const MAX_ASKED: usize = 4;

/// Runs the endpoints of the cluster `redis` until its mailbox is dropped.
pub(super) async fn run<D>(
    dial: Arc<dyn Dial>,
    limits: Arc<ReplyLimits>,
    redis: Redis,
    mut commands: Commands,
    deliver: impl Fn(Vec<PollResult>) -> D + Send,
) where
    D: Future<Output = ()> + Send,
{
    let now = Instant::now();
    let (sender, mut arrived) = channel(CAPACITY);
    let mut router = Router {
        dial,
        limits,
        redis,
        map: None,
        reading: None,
        read_at: None,
        read_again_at: now,
        failure: Connection::closed(now),
        moved_from: None,
        lost: HashSet::new(),
        nodes: HashMap::new(),
        pools: HashMap::new(),
        epoch: 0,
        results: Vec::new(),
        sender,
        tasks: TaskTracker::new(),
    };
    loop {
        // In this order, so that a simulation can be repeated.
        tokio::select! {
            biased;
            command = commands.next() => match command {
                Some(command) => router.apply(command),
                None => break,
            },
            map = finish(&mut router.reading) => router.on_map(map),
            Some((node, results)) = arrived.recv() => router.on_results(&node, results),
            () = tokio::time::sleep_until(router.read_again_at), if router.reading.is_none() => {
                router.read_map();
            }
        }
        let results = std::mem::take(&mut router.results);
        if !results.is_empty() {
            deliver(results).await;
        }
    }
    // Each endpoint carries out what it has received.
    drop(arrived);
    router.nodes.clear();
    router.tasks.close();
    router.tasks.wait().await;
}

type Reading = AbortOnDropHandle<Result<SlotMap, Unavailable>>;

/// The outcome of the reading, if there is one.
async fn finish(reading: &mut Option<Reading>) -> Result<SlotMap, Unavailable> {
    let Some(handle) = reading else {
        return std::future::pending().await;
    };
    let outcome = handle.await.unwrap_or(Err(Unavailable::Unexplained));
    *reading = None;
    outcome
}

struct Router {
    dial: Arc<dyn Dial>,
    limits: Arc<ReplyLimits>,
    redis: Redis,
    /// `None` until a node has answered. If none answers later, the last one stays.
    map: Option<SlotMap>,
    reading: Option<Reading>,
    /// When the last reading began, and when the next one begins.
    read_at: Option<Instant>,
    read_again_at: Instant,
    /// Why the map could not be read, and when it is tried again.
    failure: Connection,
    /// The node that said that a slot has moved: it knows where to.
    moved_from: Option<Node>,
    /// The nodes whose endpoint had no connection at its last poll.
    lost: HashSet<Node>,
    nodes: HashMap<Node, Mailbox>,
    pools: HashMap<Key, Routes>,
    /// Of the last part.
    epoch: u64,
    /// What is to be delivered.
    results: Vec<PollResult>,
    sender: Sender<(Node, Vec<PollResult>)>,
    tasks: TaskTracker,
}

impl Router {
    fn cluster(&self) -> Option<&RedisCluster> {
        match self.redis.topology() {
            Topology::Cluster(cluster) => Some(cluster),
            _ => None,
        }
    }

    fn apply(&mut self, command: Command) {
        match command {
            Command::Watch(pool, epoch, queues, interval) => {
                self.remove(&pool);
                let routes = Routes::new(epoch, queues, interval);
                self.pools.insert(pool.clone(), routes);
                self.assign(&pool);
                self.report_unrouted(&pool);
                self.end_unused();
                if let Connection::Down {
                    cause: Some(cause), ..
                } = &self.failure
                    && self.map.is_none()
                {
                    let cause = cause.clone();
                    self.set_unknown(&pool, cause);
                }
            }
            Command::Poll(pool, number) => {
                if let Some(routes) = self.pools.get_mut(&pool) {
                    routes.number = number;
                }
                self.send_to_parts(&pool, |_| Command::Poll(pool.clone(), number));
            }
            Command::PollClients(pool) => {
                if let Some(routes) = self.pools.get_mut(&pool) {
                    routes.clients_wanted = true;
                }
                self.send_to_parts(&pool, |_| Command::PollClients(pool.clone()));
            }
            Command::Drain(pool, workers, drain, number) => {
                self.request_drain(&pool, &workers, drain, number);
            }
            Command::Unwatch(pool) => {
                self.remove(&pool);
                self.end_unused();
            }
            Command::Renew(redis) => self.renew(redis),
        }
    }

    /// Asks workers, each at the node that has its queue. The other nodes are polled, so that their results follow the
    /// request, too.
    fn request_drain(
        &mut self,
        pool: &Key,
        workers: &[(usize, String)],
        drain: bool,
        number: PollNumber,
    ) {
        let Some(routes) = self.pools.get_mut(pool) else {
            return;
        };
        routes.number = number;
        self.send_to_parts(pool, |part| {
            let own = workers.iter().filter_map(|(queue, id)| {
                let position = part.queues.iter().position(|it| it == queue)?;
                Some((position, id.clone()))
            });
            let own: Vec<_> = own.collect();
            if own.is_empty() {
                return Command::Poll(pool.clone(), number);
            }
            Command::Drain(pool.clone(), own, drain, number)
        });
    }

    /// Sends a command to each node that has queues of the pool.
    fn send_to_parts(&self, pool: &Key, command: impl Fn(&Part) -> Command) {
        for part in self.pools.get(pool).iter().flat_map(|it| &it.parts) {
            if let Some(mailbox) = part.node.as_ref().and_then(|node| self.nodes.get(node)) {
                mailbox.send(command(part));
            }
        }
    }

    fn remove(&mut self, pool: &Key) {
        self.send_to_parts(pool, |_| Command::Unwatch(pool.clone()));
        self.pools.remove(pool);
    }

    /// Ends the endpoints of the nodes that have no queue of any pool.
    fn end_unused(&mut self) {
        let used: HashSet<&Node> = self.pools.values().flat_map(Routes::nodes).collect();
        self.nodes.retain(|node, _| used.contains(node));
        self.lost.retain(|node| used.contains(node));
    }

    fn renew(&mut self, redis: Redis) {
        self.redis = redis;
        let Some(settings) = self.cluster().map(|it| it.settings.clone()) else {
            return;
        };
        for (node, mailbox) in &self.nodes {
            if let Ok(address) = node.address(&settings) {
                mailbox.send(Command::Renew(server(address)));
            }
        }
        if self.map.is_none() {
            let now = Instant::now();
            (self.reading, self.read_again_at) = (None, now);
            self.failure = Connection::closed(now);
        }
    }

    /// Lets the nodes that have the queues of a pool by the map poll them. A node that has the same as before continues.
    fn assign(&mut self, pool: &Key) {
        let Some(map) = &self.map else {
            return;
        };
        let Some(mut routes) = self.pools.remove(pool) else {
            return;
        };
        let by_node = routes.by_node(map);
        let mut before = std::mem::take(&mut routes.parts);
        for (node, queues) in by_node {
            let is_same = |part: &mut Part| part.node == node && part.queues == queues;
            let same = before.extract_if(.., is_same).next();
            let part = match same.filter(|part| part.node.is_some()) {
                Some(part) => part,
                None => self.start_part(pool, &routes, node, queues),
            };
            routes.parts.push(part);
        }
        for node in before.iter().filter_map(|part| part.node.as_ref()) {
            let is_used = routes.nodes().any(|it| it == node);
            if let (Some(mailbox), false) = (self.nodes.get(node), is_used) {
                mailbox.send(Command::Unwatch(pool.clone()));
            }
        }
        self.pools.insert(pool.clone(), routes);
    }

    /// The result of a pool of which no node has any queue: no endpoint will tell.
    fn report_unrouted(&mut self, pool: &Key) {
        let routes = self.pools.get_mut(pool);
        let unrouted = routes.filter(|it| !it.parts.is_empty() && it.nodes().next().is_none());
        let result = unrouted.and_then(|it| it.merged(pool, None));
        self.results.extend(result);
    }

    fn start_part(
        &mut self,
        pool: &Key,
        routes: &Routes,
        node: Option<Node>,
        positions: Vec<usize>,
    ) -> Part {
        self.epoch += 1;
        let epoch = Epoch(self.epoch);
        let queues = positions.iter().filter_map(|it| routes.queues.get(*it));
        let queues: Vec<Queue> = queues.cloned().collect();
        let slot = queues.first().map_or(0, Queue::slot);
        let mut part = Part::new(node, positions, epoch);
        let Some(mailbox) = part.node.as_ref().and_then(|node| self.endpoint(node)) else {
            part.node = None;
            let error = format!("no node has slot {slot}");
            let address = self.redis.to_string();
            part.set_unknown(pool, Unavailable::RedisDown { address, error });
            return part;
        };
        mailbox.send(Command::Watch(pool.clone(), epoch, queues, routes.interval));
        mailbox.send(Command::Poll(pool.clone(), routes.number));
        if routes.clients_wanted {
            mailbox.send(Command::PollClients(pool.clone()));
        }
        part
    }

    /// The endpoint of a node, started if there is none yet.
    fn endpoint(&mut self, node: &Node) -> Option<&Mailbox> {
        if !self.nodes.contains_key(node) {
            let redis = server(node.address(&self.cluster()?.settings).ok()?);
            let (mailbox, commands) = mailbox();
            let (sender, name) = (self.sender.clone(), node.clone());
            let deliver = move |results| {
                let (sender, name) = (sender.clone(), name.clone());
                async move {
                    let _ = sender.send((name, results)).await;
                }
            };
            let (dial, limits) = (Arc::clone(&self.dial), Arc::clone(&self.limits));
            self.tasks
                .spawn(run_server(dial, limits, redis, commands, deliver));
            self.nodes.insert(node.clone(), mailbox);
        }
        self.nodes.get(node)
    }

    fn on_results(&mut self, node: &Node, results: Vec<PollResult>) {
        for result in results {
            let cause = result.unavailable.as_ref();
            let is_moved = cause.and_then(redirection) == Some(Redirection::Moved);
            let is_lost = matches!(cause, Some(Unavailable::RedisDown { .. }));
            if is_lost {
                self.lost.insert(node.clone());
                self.read_map_after(LOST_PAUSE);
            } else {
                self.lost.remove(node);
            }
            if is_moved {
                self.moved_from = Some(node.clone());
                self.read_map_after(MOVED_PAUSE);
            }
            let routes = self.pools.get_mut(&result.pool);
            let merged = routes.and_then(|routes| routes.on_result(node, result));
            self.results.extend(merged);
        }
    }

    /// Reads the map soon: at once, but not sooner than this after the last time.
    fn read_map_after(&mut self, pause: Duration) {
        let now = Instant::now();
        let at = self.read_at.map_or(now, |last| (last + pause).max(now));
        self.read_again_at = self.read_again_at.min(at);
    }

    fn read_map(&mut self) {
        let now = Instant::now();
        (self.read_at, self.read_again_at) = (Some(now), now + MAP_INTERVAL);
        let Some(cluster) = self.cluster() else {
            return;
        };
        let mut nodes: Vec<&Node> = self.moved_from.iter().collect();
        for node in self.map.iter().flat_map(SlotMap::nodes) {
            if nodes.len() < MAX_ASKED && !self.lost.contains(node) && !nodes.contains(&node) {
                nodes.push(node);
            }
        }
        let known = nodes
            .iter()
            .filter_map(|it| it.address(&cluster.settings).ok());
        let addresses = known.chain(cluster.addresses.iter().cloned()).collect();
        let (dial, limits) = (Arc::clone(&self.dial), Arc::clone(&self.limits));
        let reading = tokio::spawn(slots::read(dial, limits, addresses));
        self.reading = Some(AbortOnDropHandle::new(reading));
        self.moved_from = None;
    }

    fn on_map(&mut self, map: Result<SlotMap, Unavailable>) {
        let now = Instant::now();
        let map = match map {
            Ok(map) => map,
            Err(cause) => {
                self.failure = self.failure.failed(&self.redis, cause.clone(), now);
                if let Connection::Down { retry_at, .. } = self.failure {
                    self.read_again_at = self.read_again_at.min(retry_at);
                }
                if self.map.is_none() {
                    for pool in self.all_pools() {
                        self.set_unknown(&pool, cause.clone());
                    }
                }
                return;
            }
        };
        self.failure = Connection::closed(now);
        if self.map.as_ref() != Some(&map) {
            tracing::info!(redis = %self.redis, "the slots of the cluster are known");
            self.map = Some(map);
            for pool in self.all_pools() {
                self.assign(&pool);
            }
            self.end_unused();
        }
        let mut parts = self.pools.values().flat_map(|routes| &routes.parts);
        if parts.any(|part| part.node.is_none()) {
            self.read_map_after(LOST_PAUSE);
        }
        for pool in self.all_pools() {
            self.report_unrouted(&pool);
        }
    }

    /// In order, so that a simulation can be repeated.
    fn all_pools(&self) -> Vec<Key> {
        let mut pools: Vec<Key> = self.pools.keys().cloned().collect();
        pools.sort();
        pools
    }

    /// No queue of the pool is known, for this cause.
    fn set_unknown(&mut self, pool: &Key, cause: Unavailable) {
        if let Some(routes) = self.pools.get(pool) {
            self.results.push(PollResult {
                epoch: routes.epoch,
                number: routes.number,
                ..PollResult::unknown(pool.clone(), routes.queues.len(), Some(cause))
            });
        }
    }
}

/// A node as a server of its own.
fn server(address: crate::observe::Address) -> Redis {
    Redis::new(Topology::Standalone(address), "")
}
