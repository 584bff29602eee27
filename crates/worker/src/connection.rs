//! The worker's connections to Redis: a shared one for short calls, limits, and retries. Each asks again where the server
//! is: an error may mean that it failed over.

use super::wire::Wire;
use protocol::ScriptCall;
use redis::ConnectionAddr;
use redis::aio::MultiplexedConnection;
use redis::{FromRedisValue, Pipeline, RedisError, RedisResult};
use redis_source::RedisSource;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;
use tracing::{info, warn};

/// Longest wait for a connection, and longest silence beyond the time that a command may block.
const TIMEOUT: Duration = Duration::from_secs(2);

/// How long a write waits for its replicas.
const REPLICATED: Duration = Duration::from_secs(1);

/// A shared connection to Redis that reconnects after each error.
pub struct Connection {
    redis: RedisSource,
    shared: Mutex<Option<Shared>>,
    /// How many were opened.
    number: Arc<AtomicU64>,
    state: ConnectionState,
}

struct Shared {
    wire: Wire,
    address: ConnectionAddr,
}

impl Connection {
    /// Connects with the first call, not here.
    pub fn new(redis: RedisSource) -> Self {
        Self {
            redis,
            shared: Mutex::default(),
            number: Arc::default(),
            state: ConnectionState::new("calls"),
        }
    }

    /// A new connection that is not shared, for commands that block up to `blocking`.
    pub(crate) async fn connect(&self, blocking: Duration) -> RedisResult<Wire> {
        Wire::open(&self.redis.client().await?, blocking + TIMEOUT).await
    }

    /// The number of the shared connection, 0 before the first: each new one has another.
    pub fn number(&self) -> u64 {
        self.number.load(Ordering::Relaxed)
    }

    /// The same, as it changes.
    pub(crate) fn numbers(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.number)
    }

    /// Leaves a server that is no longer the master or has no longer the slot. For seconds a former master accepts what is
    /// then lost.
    pub async fn follow(&self) {
        let Ok(client) = self.redis.client().await else {
            return; // nobody names another one
        };
        let mut shared = self.shared.lock().await;
        let now = client.get_connection_info().addr();
        if shared.as_ref().is_some_and(|it| it.address != *now) {
            info!(redis = %now, "the queue is on another server now");
            shared.take();
        }
    }

    /// The shared connection; connects first if necessary.
    pub(crate) async fn shared(&self) -> RedisResult<MultiplexedConnection> {
        let mut connection = self.shared.lock().await;
        if let Some(connection) = &*connection {
            return Ok(connection.wire.redis.clone());
        }
        let client = self.redis.client().await?;
        let new = Shared {
            wire: Wire::open(&client, TIMEOUT).await?,
            address: client.get_connection_info().addr().clone(),
        };
        self.number.fetch_add(1, Ordering::Relaxed);
        Ok(connection.insert(new).wire.redis.clone())
    }

    /// Runs a script once, without a retry.
    pub async fn call<T: FromRedisValue>(&self, call: &ScriptCall<T>) -> RedisResult<T> {
        let reply = match self.shared().await {
            Ok(mut connection) => call.run(&mut connection).await,
            Err(error) => Err(error),
        };
        self.on_reply(reply).await
    }

    /// The same, and how many replicas have it: waits for `replicas`, at most a second. Meanwhile the connection does
    /// nothing else. A server that has too few is left: it may be a former master.
    pub async fn call_replicated<T: FromRedisValue>(
        &self,
        call: &ScriptCall<T>,
        replicas: u16,
    ) -> RedisResult<(T, u16)> {
        if replicas == 0 {
            return Ok((self.call(call).await?, 0));
        }
        let reply = match self.shared().await {
            Ok(mut connection) => replicated(&mut connection, call, replicas).await,
            Err(error) => Err(error),
        };
        if reply.as_ref().is_ok_and(|it| it.1 < replicas) {
            self.shared.lock().await.take();
        }
        self.on_reply(reply).await
    }

    /// Sends commands in one round trip, without a retry.
    pub async fn query<T: FromRedisValue>(&self, commands: &Pipeline) -> RedisResult<T> {
        let reply = match self.shared().await {
            Ok(mut connection) => commands.query_async(&mut connection).await,
            Err(error) => Err(error),
        };
        self.on_reply(reply).await
    }

    async fn on_reply<T>(&self, reply: RedisResult<T>) -> RedisResult<T> {
        if reply.is_err() {
            self.shared.lock().await.take(); // after any error the next call uses a new connection
        }
        self.state.update(reply.as_ref().err());
        reply
    }

    /// Runs a script until Redis replies, however long that takes.
    pub(crate) async fn retry_forever<T: FromRedisValue>(&self, call: &ScriptCall<T>) -> T {
        let mut backoff = Backoff::default();
        loop {
            match self.call(call).await {
                Ok(reply) => return reply,
                Err(_) => tokio::time::sleep(backoff.next()).await,
            }
        }
    }
}

async fn replicated<T: FromRedisValue>(
    connection: &mut MultiplexedConnection,
    call: &ScriptCall<T>,
    replicas: u16,
) -> RedisResult<(T, u16)> {
    let reply = call.run(connection).await?;
    let mut wait = redis::cmd("WAIT");
    let millis = u64::try_from(REPLICATED.as_millis()).unwrap_or(u64::MAX);
    let wait = wait.arg(replicas).arg(millis);
    Ok((reply, wait.query_async(connection).await?))
}

/// Whether the calls of one part of the worker succeed. Logs each change once.
pub struct ConnectionState {
    part: &'static str,
    failing: AtomicBool,
}

impl ConnectionState {
    pub fn new(part: &'static str) -> Self {
        Self {
            part,
            failing: AtomicBool::new(false),
        }
    }

    pub fn update(&self, error: Option<&RedisError>) {
        let was_failing = self.failing.swap(error.is_some(), Ordering::Relaxed);
        match error {
            Some(error) if !was_failing => {
                warn!(part = self.part, %error, "calls to Redis fail; the worker retries");
            }
            None if was_failing => info!(part = self.part, "calls to Redis succeed again"),
            _ => {}
        }
    }
}

/// Pauses that double from 0.1 s up to 3 s, with a jitter that shortens each by up to a half.
#[derive(Default)]
pub struct Backoff {
    tries: u32,
}

impl Backoff {
    pub fn next(&mut self) -> Duration {
        let pause = Duration::from_millis(100 << self.tries.min(5)).min(Duration::from_secs(3));
        self.tries += 1;
        pause.mul_f64(0.5 + fastrand::f64() / 2.0)
    }
}
