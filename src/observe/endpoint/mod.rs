//! One Redis endpoint: a single RESP3 connection that reads for all its pools, with notifications by CLIENT TRACKING.
//!
//! A notification only moves the next poll forward. Each pool is also polled at its interval, so everything works
//! where tracking is refused. Every read has a timeout; failures back off with jitter and affect only this endpoint's
//! pools.

mod connection;
mod limits;
mod link;
mod network;
mod notifications;
mod pipeline;
mod primary;

use super::polling::{DuePoll, PollSchedule};
use super::{Epoch, PollResult, Redis};
use api::Key;
use connection::Connection;
use decide::{QueueMetrics, Unavailable};
pub use limits::ReplyMemory;
pub use network::{ByteStream, Dial, Network};
use notifications::Notifications;
use queues::{Poll, Queue, Reading, RedisMemory, describe};
use redis::aio::MultiplexedConnection;
use redis::{Cmd, PushInfo, PushKind, Value};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::Instant;

/// How long a connection attempt or a read may take.
const TIMEOUT: Duration = Duration::from_secs(1);
/// The maximum number of queues in one pipeline: it bounds how long a command waits behind a read.
const MAX_BATCH: usize = 500;
/// The maximum number of commands that are carried out before a poll that is due.
const MAX_COMMANDS: usize = 1000;
/// How often the memory's limit is read, which changes rarely.
const MEMORY_INTERVAL: Duration = Duration::from_secs(30);

/// What an endpoint does for a pool.
#[derive(Debug)]
pub enum Command {
    /// Poll these queues from now on, at least once per interval.
    Watch(Key, Epoch, Vec<Queue>, Duration),
    /// Poll this pool now.
    Poll(Key),
    /// Ask workers of the pool to stop claiming tasks (`true`) or to continue (`false`). A worker is the index of its
    /// queue and its id.
    Drain(Key, Vec<(usize, String)>, bool),
    /// Stop polling this pool.
    Unwatch(Key),
    /// Connect to the same Redis with the credentials of this one from now on.
    Renew(Redis),
}

/// Runs one endpoint until `commands` closes: polls its pools and passes the results to `deliver`.
pub async fn run(
    dial: Arc<dyn Dial>,
    memory: Arc<ReplyMemory>,
    redis: Redis,
    mut commands: UnboundedReceiver<Command>,
    deliver: impl Fn(Vec<PollResult>) + Send,
) {
    let mut endpoint = Endpoint {
        dial,
        reply_memory: memory,
        redis,
        notifications: Notifications::new(),
        max_batch: MAX_BATCH,
        schedule: PollSchedule::new(Instant::now()),
        queues: HashMap::new(),
        epochs: HashMap::new(),
        pools_by_key: HashMap::new(),
        lost_workers: Vec::new(),
        connection: Connection::closed(Instant::now()),
        memory: RedisMemory::Unknown,
        memory_read_at: None,
        refused_drains: HashMap::new(),
        odd_times: HashSet::new(),
    };
    loop {
        let poll_at = endpoint.next_poll();
        // In this order, so that a simulation can be repeated. A poll takes what has arrived along.
        tokio::select! {
            biased;
            () = sleep_until(poll_at) => {
                // What arrived in the meantime goes into the same pipeline.
                for _ in 0..MAX_COMMANDS {
                    let Ok(command) = commands.try_recv() else { break };
                    endpoint.apply(command).await;
                }
                for info in endpoint.notifications.waiting() {
                    endpoint.on_notification(info);
                }
                let results = endpoint.poll().await;
                if !results.is_empty() {
                    deliver(results);
                }
                endpoint.rescue_tasks().await;
                endpoint.read_memory().await;
                endpoint.end_replies();
            }
            command = commands.recv() => match command {
                Some(command) => endpoint.apply(command).await,
                None => return,
            },
            Some(info) = endpoint.notifications.next() => endpoint.on_notification(info),
        }
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

struct Endpoint {
    dial: Arc<dyn Dial>,
    redis: Redis,
    /// From the current connection.
    notifications: Notifications,
    reply_memory: Arc<ReplyMemory>,
    /// How many queues one pipeline reads. It falls where the replies to as many were too large.
    max_batch: usize,
    schedule: PollSchedule,
    queues: HashMap<Key, Vec<Queue>>,
    epochs: HashMap<Key, Epoch>,
    /// The pools to poll when a Redis key changes.
    pools_by_key: HashMap<String, Vec<Key>>,
    /// The queues, as pool and index, in which the last poll found workers without a lease.
    lost_workers: Vec<(Key, usize)>,
    connection: Connection,
    memory: RedisMemory,
    memory_read_at: Option<Instant>,
    /// Why Redis refused the last drain request of a pool.
    refused_drains: HashMap<Key, String>,
    /// The queues, by their pool and position, of which a time that is no instant was reported.
    odd_times: HashSet<(Key, usize)>,
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
                self.queues.insert(pool.clone(), queues);
                self.epochs.insert(pool.clone(), epoch);
                self.schedule.add(pool, interval, Instant::now());
            }
            Command::Poll(pool) => self.schedule.poll_by(&pool, Instant::now()),
            Command::Drain(pool, workers, drain) => {
                self.request_drain(&pool, workers, drain).await;
            }
            Command::Unwatch(pool) => self.remove(&pool),
            Command::Renew(redis) => {
                if !self.redis.has_same_credentials(&redis) {
                    self.redis = redis;
                    self.connection = Connection::closed(Instant::now());
                }
            }
        }
    }

    fn remove(&mut self, pool: &Key) {
        self.schedule.remove(pool);
        self.refused_drains.remove(pool);
        self.odd_times.retain(|(of, _)| of != pool);
        self.epochs.remove(pool);
        let queues = self.queues.remove(pool).unwrap_or_default();
        for key in queues.iter().flat_map(Queue::wake_keys) {
            if let Some(pools) = self.pools_by_key.get_mut(key) {
                pools.retain(|other| other != pool);
                if pools.is_empty() {
                    self.pools_by_key.remove(key);
                }
            }
        }
    }

    /// Asks workers of `pool` to drain or to continue. The poll that follows at once shows the effect; the caller
    /// repeats a request that had none.
    async fn request_drain(&mut self, pool: &Key, workers: Vec<(usize, String)>, drain: bool) {
        let (Connection::Up { redis, budget, .. }, Some(queues)) =
            (&mut self.connection, self.queues.get(pool))
        else {
            return;
        };
        budget.begin();
        let request = async {
            for (queue, id) in workers {
                if let Some(drains) = queues.get(queue).and_then(Queue::drain) {
                    drains.request(&id, drain).run(redis).await?;
                }
            }
            redis::RedisResult::Ok(())
        };
        match tokio::time::timeout(TIMEOUT, request).await {
            Ok(Ok(())) => drop(self.refused_drains.remove(pool)),
            Ok(Err(error)) => {
                let text = describe(&error);
                if self.refused_drains.get(pool) != Some(&text) {
                    tracing::warn!(pool = %pool, "cannot request drains: {text}");
                }
                // An error of the server; without one the connection broke, which says nothing about the rights.
                if error.code().is_some() {
                    self.refused_drains.insert(pool.clone(), text);
                }
            }
            Err(_) => tracing::warn!(pool = %pool, "cannot request drains: no answer"),
        }
        self.end_replies();
        self.schedule.poll_by(pool, Instant::now());
    }

    /// Makes the tasks of lost workers ready again. Workers do so too, but there may be none left.
    async fn rescue_tasks(&mut self) {
        for (pool, index) in std::mem::take(&mut self.lost_workers) {
            let (Connection::Up { redis, .. }, Some(queues)) =
                (&mut self.connection, self.queues.get(&pool))
            else {
                return;
            };
            let Some(queue) = queues.get(index) else {
                continue;
            };
            // After a timeout the next poll finds the remaining tasks again.
            match tokio::time::timeout(TIMEOUT, rescue(queue, redis)).await {
                Ok(Ok(true)) => self.schedule.poll_by(&pool, Instant::now()),
                Ok(Err(error)) => {
                    tracing::warn!(pool = %pool, "cannot rescue the tasks of lost workers: {}", describe(&error));
                }
                Ok(Ok(false)) | Err(_) => {}
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
        self.notifications = Notifications::new();
        let (dial, memory) = (&*self.dial, &self.reply_memory);
        let connection = &self.connection;
        let outcome = connection
            .open(dial, &self.redis, memory, &self.notifications)
            .await;
        let now = Instant::now();
        match outcome {
            Ok(connection) => {
                self.connection = connection;
                self.memory_read_at = None; // it may be another server
                self.schedule.poll_all(now);
            }
            Err(cause) => {
                self.connection = self.connection.failed(&self.redis, cause, now);
            }
        }
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
        let weight = |pool: &Key| self.queues.get(pool).map_or(1, Vec::len);
        let Connection::Up {
            redis,
            tracking,
            script_known,
            budget,
            attempts,
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
        let mut poll = Poll::new(pipeline::queues(&due, &self.queues));
        let queues = pipeline::queues(&due, &self.queues).filter(|_| *tracking);
        let tracked: Vec<&Cmd> = queues
            .flat_map(|(_, queue)| queue.tracked_reads())
            .collect();
        budget.begin();
        let read = pipeline::read(redis, &mut poll, &tracked, script_known);
        let read = tokio::time::timeout(TIMEOUT, read).await;
        let is_too_large = budget.is_exceeded();
        let is_cause_a_pool = is_too_large || read.is_err();
        let error = match read {
            Ok(Ok(())) => {
                *attempts = 0;
                self.schedule.clear(&due);
                let readings = poll.finish().collect();
                return self.results(due, readings);
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

    /// The results while Redis is unreachable: each pool gets the reason.
    fn unavailable(&self, due: Vec<DuePoll>) -> Vec<PollResult> {
        let Connection::Down { cause, .. } = &self.connection else {
            return Vec::new();
        };
        due.into_iter()
            .map(|DuePoll { pool, notified_at }| {
                let count = self.queues.get(&pool).map_or(1, Vec::len);
                PollResult {
                    epoch: self.epochs.get(&pool).copied().unwrap_or_default(),
                    pool,
                    queues: vec![QueueMetrics::UNAVAILABLE; count],
                    workers: Vec::new(),
                    unavailable: cause.clone(),
                    time: None,
                    drain_refused: None,
                    memory: RedisMemory::Unknown,
                    notified_at,
                }
            })
            .collect()
    }

    fn results(
        &mut self,
        due: Vec<DuePoll>,
        readings: Vec<Result<Reading, Unavailable>>,
    ) -> Vec<PollResult> {
        let mut readings = readings.into_iter();
        let mut results = Vec::with_capacity(due.len());
        for DuePoll { pool, notified_at } in due {
            let Some(queues) = self.queues.get(&pool) else {
                continue;
            };
            let mut unavailable = None;
            let mut time = None;
            let mut workers = Vec::new();
            let mut metrics = Vec::with_capacity(queues.len());
            for (index, reading) in readings.by_ref().take(queues.len()).enumerate() {
                match reading {
                    Ok(reading) => {
                        workers.extend(reading.workers);
                        unavailable = unavailable.or(reading.unavailable);
                        time = time.or(reading.time);
                        if reading.odd_time && self.odd_times.insert((pool.clone(), index)) {
                            tracing::warn!(pool = %pool, queue = index, "a producer's time `at` is not in milliseconds since 1970: the age of its tasks is not known");
                        }
                        if reading.dead {
                            self.lost_workers.push((pool.clone(), index));
                        }
                        metrics.push(reading.metrics);
                    }
                    Err(cause) => {
                        unavailable.get_or_insert(cause);
                        metrics.push(QueueMetrics::UNAVAILABLE);
                    }
                }
            }
            results.push(PollResult {
                time,
                drain_refused: self.refused_drains.get(&pool).cloned(),
                epoch: self.epochs.get(&pool).copied().unwrap_or_default(),
                pool,
                queues: metrics,
                workers,
                unavailable,
                memory: self.memory.clone(),
                notified_at,
            });
        }
        results
    }
}

/// Makes the tasks of lost workers of `queue` ready again, unless a worker has just searched for lost workers. Returns
/// whether there were any lost workers.
async fn rescue(queue: &Queue, redis: &mut MultiplexedConnection) -> redis::RedisResult<bool> {
    let Some(drains) = queue.drain() else {
        return Ok(false);
    };
    let mut rescued_any = false;
    for id in drains.find_dead().run(redis).await? {
        let mut left = 1;
        while left > 0 {
            let reaped = drains.reap(&id).run(redis).await?;
            left = reaped.left;
            rescued_any = true;
            tracing::info!(
                queue = queue.name(),
                worker = id,
                rescued = reaped.rescued,
                failed = reaped.failed,
                "rescued the tasks of a lost worker"
            );
        }
    }
    Ok(rescued_any)
}
