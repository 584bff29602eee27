//! The messages that Redis pushes, on their way from the connection to the endpoint. A server can push faster than they are
//! read: then some are dropped, and all pools are polled in their place.

use redis::PushInfo;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::mpsc::{Receiver, Sender, channel};

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
    sender: NotificationSender,
}

/// Where the connection puts them.
#[derive(Clone)]
pub(super) struct NotificationSender {
    sender: Sender<PushInfo>,
    dropped: Arc<AtomicBool>,
}

impl NotificationSender {
    pub fn send(&self, info: PushInfo) {
        if self.sender.try_send(info).is_err() {
            self.dropped.store(true, Ordering::Relaxed);
        }
    }
}

impl Notifications {
    pub fn new() -> Self {
        let (sender, receiver) = channel(CAPACITY);
        Self {
            receiver,
            sender: NotificationSender {
                sender,
                dropped: Arc::default(),
            },
        }
    }

    pub fn sender(&self) -> NotificationSender {
        self.sender.clone()
    }

    /// The next message.
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
        self.sender.dropped.swap(false, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use redis::PushKind;

    #[test]
    fn a_flood_is_dropped_and_known() {
        let mut notifications = Notifications::new();
        let sender = notifications.sender();
        let push = || PushInfo {
            kind: PushKind::Invalidate,
            data: vec![],
        };
        (0..CAPACITY).for_each(|_| sender.send(push()));
        assert!(!notifications.dropped_some());
        sender.send(push());
        assert!(notifications.dropped_some() && !notifications.dropped_some());
        assert_eq!(notifications.waiting().len(), CAPACITY);
    }
}
