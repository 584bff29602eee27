//! The connection of an endpoint: open it, describe its failures, and back off between attempts.

use super::{Address, TIMEOUT};
use decide::Unavailable;
use futures::FutureExt;
use futures::future::BoxFuture;
use queues::describe;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, PushInfo, RedisResult};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;

/// The longest pause between two attempts to connect.
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// How a connection to Redis is opened. The simulation has a Redis of its own.
pub trait Dial: Send + Sync {
    /// Opens a connection to the address of `client`.
    fn dial(
        &self,
        client: Client,
        config: AsyncConnectionConfig,
    ) -> BoxFuture<'static, RedisResult<MultiplexedConnection>>;
}

/// Opens connections over the network.
#[derive(Clone, Copy, Debug)]
pub struct Network;

impl Dial for Network {
    fn dial(
        &self,
        client: Client,
        config: AsyncConnectionConfig,
    ) -> BoxFuture<'static, RedisResult<MultiplexedConnection>> {
        async move {
            client
                .get_multiplexed_async_connection_with_config(&config)
                .await
        }
        .boxed()
    }
}

pub(super) enum Connection {
    Up {
        redis: MultiplexedConnection,
        /// Whether Redis notifies of changed keys.
        tracking: bool,
        /// Whether Redis has cached the script that reads a queue.
        script_known: bool,
    },
    Down {
        retry_at: Instant,
        attempts: u32,
        /// Why; `None` before the first attempt.
        cause: Option<Unavailable>,
    },
}

impl Connection {
    /// A connection that has not been attempted yet.
    pub fn closed(now: Instant) -> Self {
        Self::Down {
            retry_at: now,
            attempts: 0,
            cause: None,
        }
    }

    /// Connects and requests notifications, which go to `notifications`.
    pub async fn open(
        dial: &dyn Dial,
        address: &Address,
        notifications: UnboundedSender<PushInfo>,
    ) -> Result<Self, Unavailable> {
        let client = address
            .client()
            .map_err(|error| no_answer(address, describe(&error)))?;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(TIMEOUT))
            .set_response_timeout(Some(TIMEOUT * 2))
            .set_push_sender(notifications);
        let mut redis = dial
            .dial(client, config)
            .await
            .map_err(|error| no_answer(address, describe(&error)))?;
        let tracking: Result<(), _> = redis::cmd("CLIENT")
            .arg(&["TRACKING", "ON", "OPTIN"])
            .query_async(&mut redis)
            .await;
        if let Err(error) = &tracking {
            tracing::warn!(%address, "CLIENT TRACKING unavailable, falling back to polling: {}", describe(error));
        }
        let tracking = tracking.is_ok();
        tracing::info!(%address, tracking, "connected to Redis");
        Ok(Self::Up {
            redis,
            tracking,
            script_known: false,
        })
    }

    /// The state after a failure: the first retry is immediate; then the pause starts at 100 ms and doubles up to
    /// [`MAX_BACKOFF`], and each is between half and the whole of that.
    pub fn failed(&self, address: &Address, cause: Unavailable, now: Instant) -> Self {
        let (attempts, last_cause) = match self {
            Self::Up { .. } => (0, None),
            Self::Down {
                attempts, cause, ..
            } => (attempts + 1, cause.as_ref()),
        };
        if last_cause != Some(&cause) {
            tracing::warn!(%address, "{}", messages::cause(&cause));
        }
        let pause = if attempts == 0 {
            Duration::ZERO
        } else {
            (Duration::from_millis(50) * 2u32.saturating_pow(attempts.min(10))).min(MAX_BACKOFF)
        };
        Self::Down {
            retry_at: now + pause.mul_f64(0.5 + fastrand::f64() / 2.0),
            attempts,
            cause: Some(cause),
        }
    }
}

/// Why Redis at `address` cannot be read.
pub(super) fn no_answer(address: &Address, error: String) -> Unavailable {
    Unavailable::RedisDown {
        address: address.to_string(),
        error,
    }
}
