//! One Redis endpoint: a single RESP3 connection that reads for all its pools, with notifications by CLIENT TRACKING.
//!
//! A notification only moves the next poll forward. Each pool is also polled at its interval, so everything works
//! where tracking is refused. Every read has a timeout; failures back off with jitter and affect only this endpoint's
//! pools.

mod clients;
mod cluster;
mod connection;
mod limits;
mod link;
mod mailbox;
mod master;
mod network;
mod notifications;
mod pipeline;
mod renewal;
mod results;
mod scanner;
mod workers;

use super::polling::{DuePoll, PollSchedule};
use super::{Epoch, PollNumber, PollResult, Redis, Topology};
use api::Key;
use clients::LastList;
use connection::{Connection, Opened};
use decide::Unavailable;
pub use limits::ReplyLimits;
pub use mailbox::{Command, Commands, Mailbox, mailbox};
pub use network::{ByteStream, Dial, Network};
use notifications::Notifications;
pub use notifications::RedisNotifications;
use queues::{Poll, Queue, RedisMemory, describe};
use redis::{Cmd, PushInfo, PushKind, Value};
use renewal::Renewal;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How long a connection attempt or a read may take.
const TIMEOUT: Duration = Duration::from_secs(1);
/// The maximum number of queues in one pipeline: it bounds how long a command waits behind a read.
const MAX_BATCH: usize = 500;
/// The maximum number of commands that are carried out before a poll that is due.
const MAX_COMMANDS: usize = 1000;
/// How often the memory's limit is read, which changes rarely.
const MEMORY_INTERVAL: Duration = Duration::from_secs(30);

/// Runs the endpoint of `redis` until its mailbox is dropped: polls its pools and passes the results to `deliver`. While
/// that waits, nothing is polled.
pub async fn run<D>(
    dial: Arc<dyn Dial>,
    limits: Arc<ReplyLimits>,
    redis: Redis,
    commands: Commands,
    deliver: impl Fn(Vec<PollResult>) -> D + Send,
) where
    D: Future<Output = ()> + Send,
{
    match redis.topology() {
        Topology::Cluster(_) => cluster::run(dial, limits, redis, commands, deliver).await,
        _ => run_server(dial, limits, redis, commands, deliver).await,
    }
}

/// The same for one server.
async fn run_server<D>(
    dial: Arc<dyn Dial>,
    limits: Arc<ReplyLimits>,
    redis: Redis,
    mut commands: Commands,
    deliver: impl Fn(Vec<PollResult>) -> D + Send,
) where
    D: Future<Output = ()> + Send,
{
    let mut endpoint = Endpoint {
        dial,
        limits,
        redis,
        notifications: Notifications::new().0,
        max_batch: MAX_BATCH,
        schedule: PollSchedule::new(Instant::now()),
        pools: HashMap::new(),
        pools_by_key: HashMap::new(),
        lost_workers: Vec::new(),
        connection: Connection::closed(Instant::now()),
        renewal: None,
        memory: RedisMemory::Unknown,
        memory_read_at: None,
        clients: None,
    };
    loop {
        let poll_at = endpoint.next_poll();
        // In this order, so that a simulation can be repeated. A poll takes what has arrived along.
        tokio::select! {
            biased;
            () = sleep_until(poll_at) => {
                // What arrived in the meantime goes into the same pipeline.
                for _ in 0..MAX_COMMANDS {
                    let Some(command) = commands.try_next() else { break };
                    endpoint.apply(command).await;
                }
                for info in endpoint.notifications.waiting() {
                    endpoint.on_notification(info);
                }
                let results = endpoint.poll().await;
                if !results.is_empty() {
                    deliver(results).await;
                }
                endpoint.rescue_tasks().await;
                endpoint.read_memory().await;
                endpoint.end_replies();
            }
            command = commands.next() => match command {
                Some(command) => endpoint.apply(command).await,
                None => return,
            },
            Some(info) = endpoint.notifications.next() => endpoint.on_notification(info),
            opened = renewal::finish(&mut endpoint.renewal) => endpoint.on_renewed(opened),
        }
    }
}

/// What is due waits for no timer: one fires at a whole millisecond, up to two after it was set.
async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) if at <= Instant::now() => {}
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

struct Endpoint {
    dial: Arc<dyn Dial>,
    redis: Redis,
    /// From the current connection.
    notifications: Notifications,
    limits: Arc<ReplyLimits>,
    /// How many queues one pipeline reads. It falls where the replies to as many were too large.
    max_batch: usize,
    schedule: PollSchedule,
    pools: HashMap<Key, PolledPool>,
    /// The pools to poll when a Redis key changes.
    pools_by_key: HashMap<String, Vec<Key>>,
    /// The queues, as pool and index, in which the last poll found workers without a lease.
    lost_workers: Vec<(Key, usize)>,
    connection: Connection,
    /// The connection with other credentials, while it is not there yet.
    renewal: Option<Renewal>,
    memory: RedisMemory,
    memory_read_at: Option<Instant>,
    clients: Option<LastList>,
}

/// A pool that is polled.
struct PolledPool {
    epoch: Epoch,
    queues: Vec<Queue>,
    /// The number of the last request. All that is read later brings it back.
    number: PollNumber,
    /// Why Redis refused the last drain request.
    refused_drain: Option<String>,
    /// Whether the next poll has the list of clients.
    clients_wanted: bool,
    /// The positions of the queues of which a time that is no instant was reported.
    odd_times: HashSet<usize>,
}

impl Endpoint {
    async fn apply(&mut self, command: Command) {
        match command {
            Command::Watch(pool, epoch, queues, interval) => {
                self.remove(&pool);
                for key in queues.iter().flat_map(Queue::wake_keys) {
                    self.pools_by_key
                        .entry(key.clone())
                        .or_default()
                        .push(pool.clone());
                }
                let polled = PolledPool {
                    epoch,
                    queues,
                    number: PollNumber::default(),
                    refused_drain: None,
                    clients_wanted: false,
                    odd_times: HashSet::new(),
                };
                self.pools.insert(pool.clone(), polled);
                self.schedule.add(pool, interval, Instant::now());
            }
            Command::Poll(pool, number) => {
                self.schedule.poll_by(&pool, Instant::now());
                self.set_number(&pool, number);
            }
            Command::PollClients(pool) => {
                self.schedule.poll_by(&pool, Instant::now());
                if let Some(polled) = self.pools.get_mut(&pool) {
                    polled.clients_wanted = true;
                }
            }
            Command::Drain(pool, workers, drain, number) => {
                self.request_drain(&pool, workers, drain).await;
                self.set_number(&pool, number);
            }
            Command::Unwatch(pool) => self.remove(&pool),
            Command::Renew(redis) => {
                if !self.redis.has_same_credentials(&redis) {
                    self.redis = redis;
                    // These have not failed yet.
                    self.renewal.iter_mut().for_each(Renewal::forgive);
                    self.renew();
                }
            }
        }
    }

    fn set_number(&mut self, pool: &Key, number: PollNumber) {
        if let Some(polled) = self.pools.get_mut(pool) {
            polled.number = number;
        }
    }

    fn remove(&mut self, pool: &Key) {
        self.schedule.remove(pool);
        let Some(polled) = self.pools.remove(pool) else {
            return;
        };
        for key in polled.queues.iter().flat_map(Queue::wake_keys) {
            if let Some(pools) = self.pools_by_key.get_mut(key) {
                pools.retain(|other| other != pool);
                if pools.is_empty() {
                    self.pools_by_key.remove(key);
                }
            }
        }
    }

    /// Reads how Redis bounds its memory, after a connection and then at times. Where `INFO` is refused it is unknown.
    async fn read_memory(&mut self) {
        let Connection::Up { redis, .. } = &mut self.connection else {
            return;
        };
        let is_fresh = |at: Instant| at.elapsed() < MEMORY_INTERVAL;
        if self.memory_read_at.is_some_and(is_fresh) {
            return;
        }
        self.memory_read_at = Some(Instant::now());
        let mut info = redis::cmd("INFO");
        let info = info.arg("memory").query_async::<String>(redis);
        self.memory = match tokio::time::timeout(TIMEOUT, info).await {
            Ok(Ok(info)) => RedisMemory::parse(&info),
            _ => RedisMemory::Unknown,
        };
    }

    /// From now on Redis has only notifications to send.
    fn end_replies(&self) {
        if let Connection::Up { budget, .. } = &self.connection {
            budget.end(self.pools_by_key.len());
        }
    }

    fn next_poll(&self) -> Option<Instant> {
        let due = self.schedule.next()?;
        match self.connection {
            Connection::Down { retry_at, .. } => Some(due.min(retry_at)),
            Connection::Up { .. } if self.schedule.has_suspects() => Some(Instant::now()),
            Connection::Up { .. } => Some(due),
        }
    }

    /// Handles a message that Redis pushed, or the client's own message that the connection was closed.
    fn on_notification(&mut self, info: PushInfo) {
        let now = Instant::now();
        match info.kind {
            PushKind::Invalidate => match info.data.into_iter().next() {
                Some(Value::Array(keys)) => {
                    for key in keys {
                        let Value::BulkString(key) = key else {
                            continue;
                        };
                        let pools = self.pools_by_key.get(&*String::from_utf8_lossy(&key));
                        pools
                            .into_iter()
                            .flatten()
                            .for_each(|pool| self.schedule.notify(pool, now));
                    }
                }
                // FLUSHALL names no key.
                _ => self.schedule.poll_all(now),
            },
            PushKind::Disconnection => {
                if matches!(self.connection, Connection::Up { .. }) {
                    self.disconnect("the connection was closed".to_owned(), now);
                    self.schedule.poll_all(now);
                }
            }
            _ => {}
        }
    }

    fn disconnect(&mut self, error: String, now: Instant) {
        let cause = Unavailable::RedisDown {
            address: self.redis.to_string(),
            error,
        };
        self.connection = self.connection.failed(&self.redis, cause, now);
    }

    async fn connect(&mut self) {
        let (dial, limits) = (&*self.dial, &self.limits);
        let attempts = self.connection.attempts();
        match Connection::open(dial, &self.redis, limits, attempts).await {
            Ok(opened) => self.adopt(opened),
            Err(cause) => {
                let now = Instant::now();
                self.connection = self.connection.failed(&self.redis, cause, now);
            }
        }
    }

    /// Reads over this connection from now on.
    fn adopt(&mut self, (connection, notifications): Opened) {
        self.connection = connection;
        self.notifications = notifications;
        self.renewal = None;
        (self.memory_read_at, self.clients) = (None, None); // it may be another server
        self.schedule.poll_all(Instant::now());
    }

    /// Opens a connection with the new credentials. One that is up stays in use meanwhile.
    fn renew(&mut self) {
        let now = Instant::now();
        match &self.connection {
            Connection::Up { .. } => {
                let last = self.renewal.take();
                let (dial, limits) = (Arc::clone(&self.dial), Arc::clone(&self.limits));
                self.renewal = Some(Renewal::start(last, dial, &self.redis, limits));
            }
            Connection::Down { .. } => self.connection = Connection::closed(now),
        }
    }

    fn on_renewed(&mut self, opened: Result<Opened, Unavailable>) {
        match opened {
            Ok(opened) => self.adopt(opened),
            Err(cause) if matches!(self.connection, Connection::Up { .. }) => {
                if let Some(renewal) = &mut self.renewal {
                    renewal.fail(cause);
                }
                self.schedule.poll_all(Instant::now());
                self.renew();
            }
            // What is tried now are the new credentials.
            Err(_) => self.renewal = None,
        }
    }

    /// Whether Sentinels still call this server the master; without Sentinels there is no other one. If not, the
    /// connection ends.
    async fn is_master_confirmed(&mut self) -> bool {
        let (dial, limits) = (&*self.dial, &self.limits);
        let Connection::Up { master, .. } = &mut self.connection else {
            return false;
        };
        let Some(master) = master else {
            return true;
        };
        let Err(cause) = master.confirm(dial, limits).await else {
            return true;
        };
        let now = Instant::now();
        self.connection = self.connection.failed(&self.redis, cause, now);
        self.schedule.poll_all(now);
        false
    }

    /// Reads the pools that are due, and connects first where necessary.
    async fn poll(&mut self) -> Vec<PollResult> {
        let now = Instant::now();
        if let Connection::Down { retry_at, .. } = self.connection
            && retry_at <= now
        {
            self.connect().await;
        }
        if self.notifications.dropped_some() {
            self.schedule.poll_all(now);
        }
        let weight = |pool: &Key| self.pools.get(pool).map_or(1, |it| it.queues.len());
        let Connection::Up {
            redis,
            notifications,
            script_known,
            budget,
            ..
        } = &mut self.connection
        else {
            let due = self.schedule.take_due(now, self.max_batch, weight);
            return self.unavailable(due);
        };
        let suspects = self.schedule.take_suspects(now);
        let due = suspects.unwrap_or_else(|| self.schedule.take_due(now, self.max_batch, weight));
        if due.is_empty() {
            return Vec::new();
        }
        let mut poll = Poll::new(pipeline::queues(&due, &self.pools));
        let is_tracked = *notifications == RedisNotifications::Tracked;
        let queues = pipeline::queues(&due, &self.pools).filter(|_| is_tracked);
        let tracked: Vec<&Cmd> = queues
            .flat_map(|(_, queue)| queue.tracked_reads())
            .collect();
        budget.begin(tracked.len());
        let read = pipeline::read(redis, &mut poll, &tracked, script_known);
        let read = tokio::time::timeout(TIMEOUT, read).await;
        let is_too_large = budget.is_exceeded();
        let is_cause_a_pool = is_too_large || read.is_err();
        let error = match read {
            Ok(Ok(refused)) => {
                let readings = poll.finish().collect();
                return self.accept(due, readings, &refused).await;
            }
            _ if is_too_large => "it sends more than is read".to_owned(),
            Ok(Err(error)) => describe(&error),
            Err(_) => format!("no answer within {} s", TIMEOUT.as_secs()),
        };
        if is_too_large {
            self.max_batch = (self.max_batch / 2).max(1);
        }
        if is_cause_a_pool {
            self.schedule.suspect(&due, now);
        }
        self.disconnect(error, now);
        self.unavailable(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[tokio::test(start_paused = true)]
    async fn what_is_due_waits_for_no_timer() {
        // Between two instants at which a timer fires.
        tokio::time::advance(Duration::from_micros(500)).await;
        let now = Instant::now();
        assert_eq!(sleep_until(Some(now)).now_or_never(), Some(()));
        let later = now + Duration::from_micros(1);
        assert_eq!(sleep_until(Some(later)).now_or_never(), None);
    }
}
