//! The messages that Redis pushes, on their way from the connection to the endpoint. A server can push faster than they are
//! read: then some are dropped, and all pools are polled in their place.

use redis::PushInfo;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::mpsc::{Receiver, channel};

/// Whether a Redis server notifies of the changes of a pool's keys. Without, the pool is polled at its interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RedisNotifications {
    /// It was not asked yet.
    #[default]
    Unknown,
    /// It tracks the keys.
    Tracked,
    /// It refuses `HELLO`, and so RESP3, without which it has no way to notify.
    NoResp3,
    /// It refuses to track the keys.
    Refused,
}

/// More messages do not wait.
const CAPACITY: usize = 1024;

/// The messages of one connection. A late one of an earlier connection must not end the current one.
pub(super) struct Notifications {
    receiver: Receiver<PushInfo>,
    dropped: Arc<AtomicBool>,
}

impl Notifications {
    /// The messages, and what the connection does with each.
    pub fn new() -> (Self, impl Fn(PushInfo)) {
        let (sender, receiver) = channel(CAPACITY);
        let dropped = Arc::<AtomicBool>::default();
        let notifications = Self {
            receiver,
            dropped: Arc::clone(&dropped),
        };
        let send = move |info| {
            if sender.try_send(info).is_err() {
                dropped.store(true, Ordering::Relaxed);
            }
        };
        (notifications, send)
    }

    /// The next message; `None` once the connection has ended.
    pub async fn next(&mut self) -> Option<PushInfo> {
        self.receiver.recv().await
    }

    /// The messages that are there.
    pub fn waiting(&mut self) -> Vec<PushInfo> {
        let mut waiting = Vec::new();
        while waiting.len() < CAPACITY
            && let Ok(info) = self.receiver.try_recv()
        {
            waiting.push(info);
        }
        waiting
    }

    /// Whether some were dropped since the last call.
    pub fn dropped_some(&self) -> bool {
        self.dropped.swap(false, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use redis::PushKind;

    #[test]
    fn a_flood_is_dropped_and_known() {
        let (mut notifications, send) = Notifications::new();
        let push = || PushInfo {
            kind: PushKind::Invalidate,
            data: vec![],
        };
        (0..CAPACITY).for_each(|_| send(push()));
        assert!(!notifications.dropped_some());
        send(push());
        assert!(notifications.dropped_some() && !notifications.dropped_some());
        assert_eq!(notifications.waiting().len(), CAPACITY);
    }
}
