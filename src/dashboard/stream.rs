//! One stream of server-sent events for all pages: each hears the full state first and then what changes, at once.
//! One task encodes each message once; the hundredth viewer costs a copy of a pointer.

use super::{Ask, ViewQuery};
use crate::dashboard::store::DashboardStore;
use crate::dashboard::wire_format;
use axum::body::{Body, Bytes};
use futures::stream::{self, Stream, StreamExt};
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// A page that has heard nothing for three of these says that the stream is broken.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// The first news go out at once, the next not sooner than this after them, unless a number was decided: a storm of
/// looks is 10 messages a second.
const QUIET: Duration = Duration::from_millis(100);
/// The full state is made anew for a viewer when it is older than this; a younger one is sent with what came since.
const FRESH: Duration = Duration::from_secs(1);
/// Messages that a slow viewer may be behind before its stream ends. It comes back by itself, with the full state.
const BEHIND: usize = 32;
/// Viewers at once.
const MAX_VIEWERS: usize = 500;

/// What a viewer starts with, and what it hears from then on.
struct Subscription {
    first: Vec<Bytes>,
    next: broadcast::Receiver<Bytes>,
}

/// Where viewers ask for a seat.
#[derive(Clone)]
pub(super) struct Broadcaster {
    seats: mpsc::Sender<oneshot::Sender<Option<Subscription>>>,
}

impl Broadcaster {
    /// Starts the one task.
    pub fn start(board: Arc<DashboardStore>, ask: Ask, stop: CancellationToken) -> Self {
        let (seats, asked) = mpsc::channel(MAX_VIEWERS);
        tokio::spawn(async move {
            let (sender, _) = broadcast::channel(BEHIND);
            let hall = BroadcastTask {
                board,
                ask,
                sender,
                told: HashMap::new(),
                full: None,
            };
            stop.run_until_cancelled(hall.serve(asked)).await;
        });
        Self { seats }
    }

    /// The body of one stream, or `None` when there is no answer or no room. It ends with the one task.
    pub async fn subscribe(&self) -> Option<Body> {
        let (answer, seat) = oneshot::channel();
        self.seats.try_send(answer).ok()?;
        let Subscription { first, next } = seat.await.ok()??;
        let first = stream::iter(first.into_iter().map(Ok::<_, Infallible>));
        Some(Body::from_stream(first.chain(follow(next))))
    }
}

fn follow(next: broadcast::Receiver<Bytes>) -> impl Stream<Item = Result<Bytes, Infallible>> {
    stream::unfold(next, |mut next| async {
        next.recv().await.ok().map(|message| (Ok(message), next))
    })
}

/// The one task's own.
struct BroadcastTask {
    board: Arc<DashboardStore>,
    ask: Ask,
    sender: broadcast::Sender<Bytes>,
    /// What was last said of each pool.
    told: HashMap<u32, wire_format::SentHashes>,
    /// The last full state, when it was made, and all that was said since.
    full: Option<(Instant, Vec<Bytes>)>,
}

impl BroadcastTask {
    async fn serve(mut self, mut asked: mpsc::Receiver<oneshot::Sender<Option<Subscription>>>) {
        let (mut news, mut quiet_until, mut beat) =
            (false, Instant::now(), Instant::now() + HEARTBEAT);
        loop {
            if self.sender.receiver_count() == 0 {
                self.rest();
                let Some(viewer) = asked.recv().await else {
                    return;
                };
                self.subscribe(viewer).await;
                (news, beat) = (false, Instant::now() + HEARTBEAT);
            }
            tokio::select! {
                viewer = asked.recv() => match viewer {
                    Some(viewer) => self.subscribe(viewer).await,
                    None => return,
                },
                () = self.board.changed() => {
                    news = true;
                    if self.board.urgent() {
                        quiet_until = Instant::now();
                    }
                }
                () = tokio::time::sleep_until(quiet_until), if news => {
                    (news, quiet_until) = (false, Instant::now() + QUIET);
                    if self.broadcast_changes().await {
                        beat = Instant::now() + HEARTBEAT;
                    }
                }
                () = tokio::time::sleep_until(beat) => {
                    beat = Instant::now() + HEARTBEAT;
                    self.broadcast(&wire_format::heartbeat(&self.board));
                }
            }
        }
    }

    /// Nobody looks: nothing is gathered and nothing kept.
    fn rest(&mut self) {
        self.board.watch(false);
        self.told = HashMap::new();
        self.full = None;
    }

    async fn subscribe(&mut self, viewer: oneshot::Sender<Option<Subscription>>) {
        if self.sender.receiver_count() >= MAX_VIEWERS {
            let _ = viewer.send(None);
            return;
        }
        let fresh = self
            .full
            .as_ref()
            .is_some_and(|(made, _)| made.elapsed() < FRESH);
        if !fresh {
            // Watched before it is asked: what changes meanwhile is said after it.
            self.board.watch(true);
            let Some(views) = (self.ask)(ViewQuery::All).await else {
                let _ = viewer.send(None);
                return;
            };
            self.full = Some((
                Instant::now(),
                vec![message(&wire_format::full(&self.board, &views))],
            ));
            // What was said before it to others is no longer what all have heard last.
            self.told.clear();
        }
        let first = self
            .full
            .iter()
            .flat_map(|(_, said)| said.iter().cloned())
            .collect();
        // Who asked may be gone; the seat goes with it.
        let _ = viewer.send(Some(Subscription {
            first,
            next: self.sender.subscribe(),
        }));
    }

    /// Tells all viewers what changed, and whether anything did.
    async fn broadcast_changes(&mut self) -> bool {
        let news = self.board.news();
        let keys: Vec<_> = news.touched.values().cloned().collect();
        let views = if keys.is_empty() {
            Some(Vec::new())
        } else {
            (self.ask)(ViewQuery::Summary(keys)).await
        };
        let said = wire_format::delta(
            &self.board,
            &news,
            &views.unwrap_or_default(),
            &mut self.told,
        );
        said.is_some_and(|text| {
            self.broadcast(&text);
            true
        })
    }

    fn broadcast(&mut self, text: &str) {
        let message = message(text);
        if let Some((made, said)) = &mut self.full {
            said.push(message.clone());
            if made.elapsed() >= FRESH {
                self.full = None;
            }
        }
        // The last viewer may just have left.
        let _ = self.sender.send(message);
    }
}

fn message(text: &str) -> Bytes {
    Bytes::from(format!("data: {text}\n\n"))
}
