//! The worker's connections to Redis: a shared one for short calls, limits, and retries. Each asks again where the server
//! is: an error may mean that it failed over.

use super::wire::Wire;
use protocol::ScriptCall;
use redis::aio::MultiplexedConnection;
use redis::{FromRedisValue, Pipeline, RedisError, RedisResult};
use redis_source::RedisSource;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;
use tracing::{info, warn};

/// Longest wait for a connection, and longest silence beyond the time that a command may block.
const TIMEOUT: Duration = Duration::from_secs(2);

/// A shared connection to Redis that reconnects after each error.
pub struct Connection {
    redis: RedisSource,
    shared: Mutex<Option<Wire>>,
    state: ConnectionState,
}

impl Connection {
    /// Connects with the first call, not here.
    pub fn new(redis: RedisSource) -> Self {
        Self {
            redis,
            shared: Mutex::default(),
            state: ConnectionState::new("calls"),
        }
    }

    /// A new connection that is not shared, for commands that block up to `blocking`.
    pub(crate) async fn connect(&self, blocking: Duration) -> RedisResult<Wire> {
        Wire::open(&self.redis.client().await?, blocking + TIMEOUT).await
    }

    /// The shared connection; connects first if necessary.
    pub(crate) async fn shared(&self) -> RedisResult<MultiplexedConnection> {
        let mut connection = self.shared.lock().await;
        if let Some(connection) = &*connection {
            return Ok(connection.redis.clone());
        }
        let new = self.connect(Duration::ZERO).await?;
        Ok(connection.insert(new).redis.clone())
    }

    /// Runs a script once, without a retry.
    pub async fn call<T: FromRedisValue>(&self, call: &ScriptCall<T>) -> RedisResult<T> {
        let reply = match self.shared().await {
            Ok(mut connection) => call.run(&mut connection).await,
            Err(error) => Err(error),
        };
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
