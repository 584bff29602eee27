//! The connection of an endpoint: open it, describe its failures, and back off between attempts.

use super::limits::Budget;
use super::link::Link;
use super::master::Master;
use super::{Dial, Notifications, RedisNotifications, ReplyLimits};
use crate::observe::{Address, Redis, Topology};
use decide::Unavailable;
use queues::describe;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, PushInfo, Value};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

/// The longest pause between two attempts to connect.
const MAX_BACKOFF: Duration = Duration::from_secs(5);
/// The pause after a refusal: it ends with another spec or other settings, and sometimes with another Service.
const REFUSED_PAUSE: Duration = Duration::from_mins(1);

/// A connection that is up, and its notifications.
pub(super) type Opened = (Connection, Notifications);

pub(super) enum Connection {
    Up {
        redis: MultiplexedConnection,
        /// What carries the bytes.
        _driver: AbortOnDropHandle<()>,
        /// What Sentinels call the master: this server, as long as they do.
        master: Option<Box<Master>>,
        /// Whether Redis notifies of changed keys.
        notifications: RedisNotifications,
        /// Whether Redis has cached the script that reads a queue.
        script_known: bool,
        /// What Redis may send.
        budget: Arc<Budget>,
        since: Instant,
        /// Whether a poll succeeded.
        answered: bool,
        /// The failures before.
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

    /// Connects and requests notifications. `attempts` have failed before.
    pub async fn open(
        dial: &dyn Dial,
        redis: &Redis,
        limits: &ReplyLimits,
        attempts: u32,
    ) -> Result<Opened, Unavailable> {
        let (address, master) = match redis.topology() {
            Topology::Standalone(address) => (address.clone(), None),
            Topology::Sentinel(sentinels) => {
                let master = Master::find(dial, sentinels, limits).await?;
                (master.address().clone(), Some(master))
            }
            // Its nodes have an endpoint each.
            Topology::Cluster(cluster) => (cluster.settings.clone(), None),
        };
        let (notifications, send) = Notifications::new();
        let config = AsyncConnectionConfig::new().set_push_sender(move |info: PushInfo| {
            send(info);
            Ok::<(), Infallible>(())
        });
        let Link {
            mut redis,
            driver,
            budget,
            has_resp3,
        } = Link::open(dial, &address, limits, config).await?;
        if master.is_some() {
            let role = check_role(&mut redis).await;
            role.map_err(|error| address.down(error))?;
        }
        let notified = track(&address, &mut redis, has_resp3).await;
        tracing::info!(%address, notifications = ?notified, "connected to Redis");
        let connection = Self::Up {
            redis,
            _driver: driver,
            master: master.map(Box::new),
            notifications: notified,
            script_known: false,
            budget,
            since: Instant::now(),
            answered: false,
            attempts,
        };
        Ok((connection, notifications))
    }

    /// The failures since the last connection that answered and lasted.
    pub fn attempts(&self) -> u32 {
        match self {
            Self::Up { attempts, .. } | Self::Down { attempts, .. } => *attempts,
        }
    }

    /// A poll was answered; `refuses_tracking` is whether Redis refused to track what it read. Returns whether it notifies.
    pub fn answered(&mut self, refuses_tracking: bool) -> RedisNotifications {
        let Self::Up {
            notifications,
            answered,
            ..
        } = self
        else {
            return RedisNotifications::Unknown;
        };
        *answered = true;
        if refuses_tracking {
            tracing::warn!("Redis refuses CLIENT CACHING, falling back to polling");
            *notifications = RedisNotifications::Refused;
        }
        *notifications
    }

    /// The state after a failure: the first retry after a success is immediate; then the pause starts at 100 ms and doubles up to
    /// [`MAX_BACKOFF`], and each is between half and the whole of that. A connection that answered and lasted is a success:
    /// a server that closes each one, or floods it, is not tried more often because it answers before.
    pub fn failed(&self, redis: &Redis, cause: Unavailable, now: Instant) -> Self {
        let (attempts, last_cause) = match self {
            Self::Up {
                since, answered, ..
            } if *answered && now - *since >= MAX_BACKOFF => (1, None),
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

/// Sentinels may name a server before it has become the master, or after.
async fn check_role(redis: &mut MultiplexedConnection) -> Result<(), String> {
    let role = redis::cmd("ROLE").query_async::<Vec<Value>>(redis).await;
    match role.map_err(|error| describe(&error))?.first() {
        Some(Value::BulkString(role)) if role == b"master" => Ok(()),
        _ => Err("it is no master".to_owned()),
    }
}

/// Asks Redis to notify of the keys whose reads ask for it; without RESP3 it has no way to.
async fn track(
    address: &Address,
    redis: &mut MultiplexedConnection,
    has_resp3: bool,
) -> RedisNotifications {
    if !has_resp3 {
        tracing::warn!(%address, "Redis refuses HELLO and so cannot notify, falling back to polling");
        return RedisNotifications::NoResp3;
    }
    let mut tracking = redis::cmd("CLIENT");
    let tracking = tracking.arg(&["TRACKING", "ON", "OPTIN"]);
    match tracking.query_async::<()>(redis).await {
        Ok(()) => RedisNotifications::Tracked,
        Err(error) => {
            tracing::warn!(%address, "CLIENT TRACKING unavailable, falling back to polling: {}", describe(&error));
            RedisNotifications::Refused
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
