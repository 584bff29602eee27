//! One stream of server-sent events for all pages: each viewer gets the full state first and then every change at once.
//! One task encodes each message once, so each further viewer costs one copy of a pointer per message.

use super::{Ask, ViewQuery};
use crate::dashboard::store::DashboardStore;
use crate::dashboard::wire_format;
use axum::body::Bytes;
use futures::stream::{self, Stream, StreamExt};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The pause without messages after which a heartbeat is sent. A page that gets nothing for three of these reports a
/// broken stream.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// The first changes are sent at once, the next ones not sooner than this after them, unless a decision was made: a
/// burst of polls causes at most 10 messages a second.
const MIN_INTERVAL: Duration = Duration::from_millis(100);
/// The full state is encoded again for a viewer if it is older than this. A younger one is sent together with the
/// messages since.
const FULL_STATE_MAX_AGE: Duration = Duration::from_secs(1);
/// The number of messages that a slow viewer may lag behind before its stream ends. The page then reconnects
/// automatically and gets the full state.
const MAX_LAG: usize = 32;
/// The most viewers at one time.
const MAX_VIEWERS: usize = 500;

/// The first messages for a viewer, and the channel with all later ones.
struct Subscription {
    initial: Vec<Bytes>,
    updates: broadcast::Receiver<Bytes>,
}

/// The answer to a viewer: `None` without an answer from the operator, or with too many viewers.
type Reply = oneshot::Sender<Option<Subscription>>;

/// Registers viewers with the broadcast task.
#[derive(Clone)]
pub(super) struct Broadcaster {
    requests: mpsc::Sender<Reply>,
}

impl Broadcaster {
    /// Starts the broadcast task.
    pub fn start(store: Arc<DashboardStore>, ask: Ask, stop: CancellationToken) -> Self {
        let (requests, viewers) = mpsc::channel(MAX_VIEWERS);
        tokio::spawn(async move {
            let (sender, _) = broadcast::channel(MAX_LAG);
            let task = BroadcastTask {
                store,
                ask,
                sender,
                sent: HashMap::new(),
                full_state: None,
            };
            stop.run_until_cancelled(task.serve(viewers)).await;
        });
        Self { requests }
    }

    /// The messages of one stream, or `None` without an answer or with too many viewers. It ends with the broadcast task.
    pub async fn subscribe(&self) -> Option<impl Stream<Item = Bytes> + use<>> {
        let (reply, subscription) = oneshot::channel();
        self.requests.try_send(reply).ok()?;
        let Subscription { initial, updates } = subscription.await.ok()??;
        Some(stream::iter(initial).chain(follow(updates)))
    }
}

fn follow(updates: broadcast::Receiver<Bytes>) -> impl Stream<Item = Bytes> {
    stream::unfold(updates, |mut updates| async {
        let message = updates.recv().await.ok()?;
        Some((message, updates))
    })
}

struct BroadcastTask {
    store: Arc<DashboardStore>,
    ask: Ask,
    sender: broadcast::Sender<Bytes>,
    /// Hashes of what was last sent for each pool, by ID.
    sent: HashMap<u32, wire_format::SentHashes>,
    /// When the last full state was encoded; and its message, with all later ones.
    full_state: Option<(Instant, Vec<Bytes>)>,
}

impl BroadcastTask {
    async fn serve(mut self, mut viewers: mpsc::Receiver<Reply>) {
        let mut has_changes = false;
        let mut send_at = Instant::now();
        let mut heartbeat_at = Instant::now() + HEARTBEAT;
        loop {
            if self.sender.receiver_count() == 0 {
                self.pause();
                let Some(viewer) = viewers.recv().await else {
                    return;
                };
                self.subscribe(viewer).await;
                has_changes = false;
                heartbeat_at = Instant::now() + HEARTBEAT;
            }
            tokio::select! {
                viewer = viewers.recv() => match viewer {
                    Some(viewer) => self.subscribe(viewer).await,
                    None => return,
                },
                () = self.store.changed() => {
                    has_changes = true;
                    if self.store.is_urgent() {
                        send_at = Instant::now();
                    }
                }
                () = tokio::time::sleep_until(send_at), if has_changes => {
                    has_changes = false;
                    send_at = Instant::now() + MIN_INTERVAL;
                    if self.broadcast_changes().await {
                        heartbeat_at = Instant::now() + HEARTBEAT;
                    }
                }
                () = tokio::time::sleep_until(heartbeat_at) => {
                    heartbeat_at = Instant::now() + HEARTBEAT;
                    self.broadcast(&wire_format::heartbeat(&self.store));
                }
            }
        }
    }

    /// Without viewers it collects and keeps nothing.
    fn pause(&mut self) {
        self.store.set_has_viewers(false);
        self.sent = HashMap::new();
        self.full_state = None;
    }

    async fn subscribe(&mut self, viewer: Reply) {
        if self.sender.receiver_count() >= MAX_VIEWERS {
            let _ = viewer.send(None);
            return;
        }
        let is_fresh = self
            .full_state
            .as_ref()
            .is_some_and(|(encoded_at, _)| encoded_at.elapsed() < FULL_STATE_MAX_AGE);
        if !is_fresh {
            // Start to collect before asking: changes that happen meanwhile are sent after the full state.
            self.store.set_has_viewers(true);
            let Some(views) = (self.ask)(ViewQuery::All).await else {
                let _ = viewer.send(None);
                return;
            };
            let full = message(&wire_format::full(&self.store, &views));
            self.full_state = Some((Instant::now(), vec![full]));
            // The new viewer does not have what was sent to the others before.
            self.sent.clear();
        }
        let initial = self
            .full_state
            .iter()
            .flat_map(|(_, messages)| messages.iter().cloned())
            .collect();
        // If the viewer is already gone, its subscription is dropped here.
        let _ = viewer.send(Some(Subscription {
            initial,
            updates: self.sender.subscribe(),
        }));
    }

    /// Sends the changes to all viewers. Returns whether there was anything to send.
    async fn broadcast_changes(&mut self) -> bool {
        let changes = self.store.take_changes();
        let keys: Vec<_> = changes.touched.values().cloned().collect();
        let views = if keys.is_empty() {
            Some(Vec::new())
        } else {
            (self.ask)(ViewQuery::Summary(keys)).await
        };
        let delta = wire_format::delta(
            &self.store,
            &changes,
            &views.unwrap_or_default(),
            &mut self.sent,
        );
        delta.is_some_and(|text| {
            self.broadcast(&text);
            true
        })
    }

    fn broadcast(&mut self, text: &str) {
        let message = message(text);
        if let Some((encoded_at, messages)) = &mut self.full_state {
            messages.push(message.clone());
            if encoded_at.elapsed() >= FULL_STATE_MAX_AGE {
                self.full_state = None;
            }
        }
        // Sending fails if the last viewer has just left.
        let _ = self.sender.send(message);
    }
}

fn message(text: &str) -> Bytes {
    Bytes::from(format!("data: {text}\n\n"))
}
