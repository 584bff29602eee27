//! The connection of an endpoint: open it, describe its failures, and back off between attempts.

use super::limits::Budget;
use super::link::Link;
use super::{Dial, Notifications, ReplyMemory, primary};
use crate::observe::Redis;
use decide::Unavailable;
use queues::describe;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, PushInfo};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

/// The longest pause between two attempts to connect.
const MAX_BACKOFF: Duration = Duration::from_secs(5);
/// The pause after a refusal: it ends with another spec or other settings, and sometimes with another Service.
const REFUSED_PAUSE: Duration = Duration::from_mins(1);

pub(super) enum Connection {
    Up {
        redis: MultiplexedConnection,
        /// What carries the bytes.
        _driver: AbortOnDropHandle<()>,
        /// Whether Redis notifies of changed keys.
        tracking: bool,
        /// Whether Redis has cached the script that reads a queue.
        script_known: bool,
        /// What Redis may send.
        budget: Arc<Budget>,
        /// The failures since the last successful poll: a handshake alone is no success.
        attempts: u32,
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
        &self,
        dial: &dyn Dial,
        redis: &Redis,
        memory: &ReplyMemory,
        notifications: &Notifications,
    ) -> Result<Self, Unavailable> {
        let address = primary::find(dial, redis, memory).await?;
        let sender = notifications.sender();
        let config = AsyncConnectionConfig::new().set_push_sender(move |info: PushInfo| {
            sender.send(info);
            Ok::<(), Infallible>(())
        });
        let Link {
            mut redis,
            driver,
            budget,
        } = Link::open(dial, &address, memory, config).await?;
        let tracking: Result<(), _> = redis::cmd("CLIENT")
            .arg(&["TRACKING", "ON", "OPTIN"])
            .query_async(&mut redis)
            .await;
        if let Err(error) = &tracking {
            tracing::warn!(%address, "CLIENT TRACKING unavailable, falling back to polling: {}", describe(error));
        }
        budget.end(0);
        let tracking = tracking.is_ok();
        tracing::info!(%address, tracking, "connected to Redis");
        Ok(Self::Up {
            redis,
            _driver: driver,
            tracking,
            script_known: false,
            budget,
            attempts: match self {
                Self::Up { attempts, .. } | Self::Down { attempts, .. } => *attempts,
            },
        })
    }

    /// The state after a failure: the first retry after a success is immediate; then the pause starts at 100 ms and doubles up to
    /// [`MAX_BACKOFF`], and each is between half and the whole of that.
    pub fn failed(&self, redis: &Redis, cause: Unavailable, now: Instant) -> Self {
        let (attempts, last_cause) = match self {
            Self::Up { attempts, .. } => (attempts + 1, None),
            Self::Down {
                attempts, cause, ..
            } => (attempts + 1, cause.as_ref()),
        };
        if last_cause != Some(&cause) {
            tracing::warn!(%redis, "{}", messages::cause(&cause));
        }
        let pause = if is_refusal(&cause) {
            REFUSED_PAUSE
        } else if attempts <= 1 {
            Duration::ZERO
        } else {
            (Duration::from_millis(50) * 2u32.saturating_pow((attempts - 1).min(10)))
                .min(MAX_BACKOFF)
        };
        Self::Down {
            retry_at: now + pause.mul_f64(0.5 + fastrand::f64() / 2.0),
            attempts,
            cause: Some(cause),
        }
    }
}

/// Whether the operator itself does not connect.
fn is_refusal(cause: &Unavailable) -> bool {
    matches!(
        cause,
        Unavailable::AddressNotAllowed { .. } | Unavailable::AddressForbidden { .. }
    )
}
