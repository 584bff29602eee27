//! The worker's connections: one shared for short calls, and how each is made, dropped and tried again.

use protocol::ScriptCall;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, FromRedisValue, Pipeline, RedisError, RedisResult};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;
use tracing::{info, warn};

/// Longest wait for a connection, and for an answer beyond the time a command may block.
const TIMEOUT: Duration = Duration::from_secs(2);

/// A connection that comes back by itself.
pub struct Connection {
    client: redis::Client,
    connection: Mutex<Option<MultiplexedConnection>>,
    state: ConnectionState,
}

impl Connection {
    pub fn new(client: redis::Client) -> Self {
        Self {
            client,
            connection: Mutex::default(),
            state: ConnectionState::new("calls"),
        }
    }

    /// A connection of the caller's own, for commands that block up to `blocking`.
    pub async fn connect(&self, blocking: Duration) -> RedisResult<MultiplexedConnection> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(TIMEOUT))
            .set_response_timeout(Some(blocking + TIMEOUT));
        self.client
            .get_multiplexed_async_connection_with_config(&config)
            .await
    }

    /// The shared connection, made where there is none.
    pub async fn shared(&self) -> RedisResult<MultiplexedConnection> {
        let mut connection = self.connection.lock().await;
        if let Some(connection) = &*connection {
            return Ok(connection.clone());
        }
        let made = self.connect(Duration::ZERO).await?;
        Ok(connection.insert(made).clone())
    }

    /// Runs a script once.
    pub async fn call<T: FromRedisValue>(&self, call: &ScriptCall<T>) -> RedisResult<T> {
        let answer = match self.shared().await {
            Ok(mut connection) => call.run(&mut connection).await,
            Err(error) => Err(error),
        };
        self.on_reply(answer).await
    }

    async fn on_reply<T>(&self, answer: RedisResult<T>) -> RedisResult<T> {
        if answer.is_err() {
            self.connection.lock().await.take(); // whatever the error, the next call has a new connection
        }
        self.state.note(answer.as_ref().err());
        answer
    }

    /// Sends commands in one trip, once.
    pub async fn query<T: FromRedisValue>(&self, commands: &Pipeline) -> RedisResult<T> {
        let answer = match self.shared().await {
            Ok(mut connection) => commands.query_async(&mut connection).await,
            Err(error) => Err(error),
        };
        self.on_reply(answer).await
    }

    /// Runs a script until Redis has answered it, for as long as it takes.
    pub async fn retry_forever<T: FromRedisValue>(&self, call: &ScriptCall<T>) -> T {
        let mut backoff = Backoff::default();
        loop {
            match self.call(call).await {
                Ok(answer) => return answer,
                Err(_) => tokio::time::sleep(backoff.next()).await,
            }
        }
    }
}

/// Whether Redis does what one part of the worker asks; logged once per change.
pub struct ConnectionState {
    part: &'static str,
    away: AtomicBool,
}

impl ConnectionState {
    pub fn new(part: &'static str) -> Self {
        Self {
            part,
            away: AtomicBool::new(false),
        }
    }

    pub fn note(&self, error: Option<&RedisError>) {
        let was_away = self.away.swap(error.is_some(), Ordering::Relaxed);
        match error {
            Some(error) if !was_away => {
                warn!(part = self.part, %error, "Redis does not do what is asked; the worker tries again");
            }
            None if was_away => info!(part = self.part, "Redis answers again"),
            _ => {}
        }
    }
}

/// Pauses that double from 0.1 s up to 3 s, each between half and all of that.
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
