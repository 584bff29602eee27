//! One Redis endpoint: one RESP3 connection that reads for all its pools, woken by CLIENT TRACKING.
//!
//! A push is a hint to look again; the poll at each pool's interval stays the truth, and everything works where
//! tracking is refused. Every read has a deadline; failures back off with jitter and reach only this endpoint's pools.

use super::{Address, PollResult};
use crate::observe::polling::PollSchedule;
use api::Key;
use decide::QueueMetrics;
use protocol::snapshot;
use queues::Queue;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Pipeline, PushInfo, PushKind, Value};
use std::collections::HashMap;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedReceiver;

/// How long a connection or a read may take.
const DEADLINE: Duration = Duration::from_secs(1);
/// Pools read in one pipeline at most: a bound on what waits behind a read.
const BATCH: usize = 500;
/// The longest pause between attempts to connect.
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// What the controller asks of an endpoint.
#[derive(Debug)]
pub enum Command {
    /// Look at these queues from now on, at least every interval.
    Watch(Key, Vec<Queue>, Duration),
    /// Look at this pool now.
    Look(Key),
    /// Tell workers of the pool, each by its queue's number and its id, to take no more (`true`) or to go on.
    Drain(Key, Vec<(usize, String)>, bool),
    /// Look no more.
    Forget(Key),
}

/// Runs one endpoint until `commands` closes: reads for its pools and hands each look to `deliver`.
pub async fn run(
    address: Address,
    mut commands: UnboundedReceiver<Command>,
    deliver: impl Fn(Vec<PollResult>) + Send,
) {
    let mut endpoint = Endpoint {
        address,
        pushes: tokio::sync::mpsc::unbounded_channel().1,
        pace: PollSchedule::new(Instant::now()),
        queues: HashMap::new(),
        wakes: HashMap::new(),
        dead: Vec::new(),
        link: Link::Down {
            retry_at: Instant::now(),
            tries: 0,
            why: String::new(),
        },
    };
    loop {
        let next = endpoint.next_poll().map(tokio::time::Instant::from_std);
        tokio::select! {
            command = commands.recv() => match command {
                Some(command) => endpoint.apply(command).await,
                None => return,
            },
            Some(info) = endpoint.pushes.recv() => endpoint.on_push(info),
            () = async { tokio::time::sleep_until(next.unwrap_or_else(tokio::time::Instant::now)).await }, if next.is_some() => {
                // What has come in meanwhile belongs into the same pipeline.
                while let Ok(command) = commands.try_recv() { endpoint.apply(command).await; }
                while let Ok(info) = endpoint.pushes.try_recv() { endpoint.on_push(info); }
                let facts = endpoint.poll().await;
                if !facts.is_empty() { deliver(facts); }
                endpoint.rescue().await;
            }
        }
    }
}

struct Endpoint {
    address: Address,
    /// Of the present connection alone: the last words of an older one must not end it.
    pushes: UnboundedReceiver<PushInfo>,
    pace: PollSchedule,
    queues: HashMap<Key, Vec<Queue>>,
    /// Which pools a changed key wakes.
    wakes: HashMap<String, Vec<Key>>,
    /// In which queues of which pools the last look found the dead.
    dead: Vec<(Key, usize)>,
    link: Link,
}

enum Link {
    Up {
        connection: MultiplexedConnection,
        tracking: bool,
        script_known: bool,
    },
    Down {
        retry_at: Instant,
        tries: u32,
        why: String,
    },
}

impl Endpoint {
    async fn apply(&mut self, command: Command) {
        match command {
            Command::Watch(pool, queues, interval) => {
                self.remove(&pool);
                for queue in &queues {
                    self.wakes
                        .entry(queue.wake_key().to_owned())
                        .or_default()
                        .push(pool.clone());
                }
                self.queues.insert(pool.clone(), queues);
                self.pace.add(pool, interval, Instant::now());
            }
            Command::Look(pool) => self.pace.sooner(&pool, Instant::now()),
            Command::Drain(pool, workers, drain) => self.drain(&pool, workers, drain).await,
            Command::Forget(pool) => self.remove(&pool),
        }
    }

    /// Rescues what the dead hold: workers do so too, but perhaps none is left.
    async fn rescue(&mut self) {
        for (pool, queue) in std::mem::take(&mut self.dead) {
            let (Link::Up { connection, .. }, Some(queues)) =
                (&mut self.link, self.queues.get(&pool))
            else {
                return;
            };
            let Some(queue) = queues.get(queue) else {
                continue;
            };
            // What is not done in time the next look finds again.
            if let Ok(Err(error)) = tokio::time::timeout(DEADLINE, rescue(queue, connection)).await
            {
                tracing::warn!(pool = %pool, "cannot rescue what dead workers hold: {}", describe(&error));
            }
        }
    }

    /// Tells workers of `pool` to drain or to go on. What came of it is seen at the look that follows at once; who
    /// asked asks again where nothing did.
    async fn drain(&mut self, pool: &Key, workers: Vec<(usize, String)>, drain: bool) {
        let (Link::Up { connection, .. }, Some(queues)) = (&mut self.link, self.queues.get(pool))
        else {
            return;
        };
        let ask = async {
            for (queue, id) in workers {
                if let Some(queue) = queues.get(queue) {
                    queue.request_drain(&id, drain).run(connection).await?;
                }
            }
            redis::RedisResult::Ok(())
        };
        match tokio::time::timeout(DEADLINE, ask).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(pool = %pool, "cannot tell workers to drain: {}", describe(&error));
            }
            Err(_) => tracing::warn!(pool = %pool, "cannot tell workers to drain: no answer"),
        }
        self.pace.sooner(pool, Instant::now());
    }

    fn next_poll(&self) -> Option<Instant> {
        let due = self.pace.next()?;
        match self.link {
            Link::Down { retry_at, .. } => Some(due.min(retry_at)),
            Link::Up { .. } => Some(due),
        }
    }

    fn remove(&mut self, pool: &Key) {
        self.pace.remove(pool);
        for queue in self.queues.remove(pool).unwrap_or_default() {
            if let Some(pools) = self.wakes.get_mut(queue.wake_key()) {
                pools.retain(|other| other != pool);
                if pools.is_empty() {
                    self.wakes.remove(queue.wake_key());
                }
            }
        }
    }

    /// A push from Redis, or the connection's own word that it is gone.
    fn on_push(&mut self, info: PushInfo) {
        let now = Instant::now();
        match info.kind {
            PushKind::Invalidate => match info.data.into_iter().next() {
                Some(Value::Array(keys)) => {
                    for key in keys {
                        let Value::BulkString(key) = key else {
                            continue;
                        };
                        let pools = self.wakes.get(&*String::from_utf8_lossy(&key));
                        pools
                            .into_iter()
                            .flatten()
                            .for_each(|pool| self.pace.wake(pool, now));
                    }
                }
                // FLUSHALL names no key.
                _ => self.pace.everything(now),
            },
            PushKind::Disconnection => {
                if matches!(self.link, Link::Up { .. }) {
                    self.disconnect("the connection was closed", now);
                    self.pace.everything(now);
                }
            }
            _ => {}
        }
    }

    fn disconnect(&mut self, why: &str, now: Instant) {
        let why = format!("Redis at {} does not answer: {why}", self.address);
        let (tries, before) = match &self.link {
            Link::Up { .. } => (0, ""),
            Link::Down { tries, why, .. } => (tries + 1, why.as_str()),
        };
        if before != why {
            tracing::warn!(address = %self.address, "{why}");
        }
        // The first try is at once; then 100 ms, doubled up to the longest, each between half and the whole of it.
        let pause = if tries == 0 {
            Duration::ZERO
        } else {
            (Duration::from_millis(50) * 2u32.saturating_pow(tries.min(10))).min(MAX_BACKOFF)
        };
        self.link = Link::Down {
            retry_at: now + pause.mul_f64(0.5 + fastrand::f64() / 2.0),
            tries,
            why,
        };
    }

    async fn poll(&mut self) -> Vec<PollResult> {
        let now = Instant::now();
        if let Link::Down { retry_at, .. } = self.link
            && retry_at <= now
        {
            self.connect().await;
        }
        let due = self.pace.take_due(now, BATCH);
        let mut in_full = false;
        loop {
            let Link::Up {
                connection,
                tracking,
                script_known,
            } = &mut self.link
            else {
                return self.unavailable(due);
            };
            let pipeline = pipeline(&due, &self.queues, *tracking, in_full || !*script_known);
            let read = connection.send_packed_commands(&pipeline, 0, pipeline.len());
            match tokio::time::timeout(DEADLINE, read).await {
                Ok(Ok(answers)) if !in_full && answers.iter().any(snapshot::is_unknown_script) => {
                    in_full = true;
                }
                Ok(Ok(answers)) => {
                    *script_known = true;
                    return self.results(due, answers);
                }
                Ok(Err(error)) => self.disconnect(&describe(&error), now),
                Err(_) => {
                    self.disconnect(&format!("no answer within {} s", DEADLINE.as_secs()), now)
                }
            }
        }
    }

    async fn connect(&mut self) {
        let outcome = match self.address.client() {
            Ok(client) => {
                let (push, pushes) = tokio::sync::mpsc::unbounded_channel();
                self.pushes = pushes;
                let config = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(DEADLINE))
                    .set_response_timeout(Some(DEADLINE * 2))
                    .set_push_sender(push);
                match client
                    .get_multiplexed_async_connection_with_config(&config)
                    .await
                {
                    Ok(mut connection) => {
                        let tracking: Result<(), _> = redis::cmd("CLIENT")
                            .arg(&["TRACKING", "ON", "OPTIN"])
                            .query_async(&mut connection)
                            .await;
                        if let Err(error) = &tracking {
                            tracing::warn!(address = %self.address, "no push from Redis, only the poll: {error}");
                        }
                        Ok((connection, tracking.is_ok()))
                    }
                    Err(error) => Err(describe(&error)),
                }
            }
            Err(refusal) => Err(refusal),
        };
        let now = Instant::now();
        match outcome {
            Ok((connection, tracking)) => {
                tracing::info!(address = %self.address, tracking, "connected to Redis");
                self.link = Link::Up {
                    connection,
                    tracking,
                    script_known: false,
                };
                self.pace.everything(now);
            }
            Err(why) => self.disconnect(&why, now),
        }
    }

    /// Nothing could be read: each pool hears why.
    fn unavailable(&self, due: Vec<(Key, Option<Instant>)>) -> Vec<PollResult> {
        let Link::Down { why, .. } = &self.link else {
            return Vec::new();
        };
        due.into_iter()
            .map(|(pool, woken)| {
                let queues =
                    vec![QueueMetrics::UNAVAILABLE; self.queues.get(&pool).map_or(1, Vec::len)];
                PollResult {
                    pool,
                    queues,
                    workers: Vec::new(),
                    unavailable_reason: Some(why.clone()),
                    notified_at: woken,
                }
            })
            .collect()
    }

    fn results(
        &mut self,
        due: Vec<(Key, Option<Instant>)>,
        answers: Vec<Value>,
    ) -> Vec<PollResult> {
        let looks = due
            .iter()
            .filter_map(|(pool, _)| self.queues.get(pool))
            .map(Vec::len)
            .sum::<usize>();
        let before = answers.len().saturating_sub(looks);
        let mut answers = answers.into_iter().skip(before);
        let mut facts = Vec::with_capacity(due.len());
        for (pool, woken) in due {
            let Some(queues) = self.queues.get(&pool) else {
                continue;
            };
            let (mut missing, mut workers) = (None, Vec::new());
            let queues: Vec<QueueMetrics> = queues
                .iter()
                .enumerate()
                .map(|(index, queue)| {
                    match queue.parse(answers.next().unwrap_or(Value::Nil), index) {
                        Ok(look) => {
                            workers.extend(look.workers);
                            self.dead.extend(look.dead.then(|| (pool.clone(), index)));
                            look.metrics
                        }
                        Err(why) => {
                            missing.get_or_insert(why);
                            QueueMetrics::UNAVAILABLE
                        }
                    }
                })
                .collect();
            facts.push(PollResult {
                pool,
                queues,
                workers,
                unavailable_reason: missing,
                notified_at: woken,
            });
        }
        facts
    }
}

/// All reads of one look. Only the reads of the ready keys are tracked: heartbeats and counters must wake nobody.
fn pipeline(
    due: &[(Key, Option<Instant>)],
    queues: &HashMap<Key, Vec<Queue>>,
    tracking: bool,
    in_full: bool,
) -> Pipeline {
    let mut pipeline = redis::pipe();
    let looks = due
        .iter()
        .filter_map(|(pool, _)| queues.get(pool))
        .flatten();
    if tracking {
        pipeline.cmd("CLIENT").arg("CACHING").arg("YES");
        pipeline.cmd("MULTI");
        for queue in looks.clone() {
            pipeline.cmd("LLEN").arg(queue.wake_key());
        }
        pipeline.cmd("EXEC");
    }
    let mut in_full = in_full;
    for queue in looks {
        pipeline.add_command(queue.command(in_full));
        // Once sent in full the server knows it.
        in_full &= !queue.has_script();
    }
    pipeline
}

/// Makes ready again what dead workers hold, unless a worker has just looked for them.
async fn rescue(queue: &Queue, connection: &mut MultiplexedConnection) -> redis::RedisResult<()> {
    for id in queue.find_dead().run(connection).await? {
        let mut left = 1;
        while left > 0 {
            let reaped = queue.reap(&id).run(connection).await?;
            left = reaped.left;
            tracing::info!(
                queue = queue.wake_key(),
                dead = id,
                rescued = reaped.rescued,
                failed = reaped.failed,
                "rescued a dead worker's tasks"
            );
        }
    }
    Ok(())
}

/// Why a connection failed, without an address or a password.
fn describe(error: &redis::RedisError) -> String {
    error.detail().map_or_else(
        || error.to_string(),
        |detail| format!("{}: {detail}", error.category()),
    )
}
