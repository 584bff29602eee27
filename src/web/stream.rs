//! One stream of server-sent events for all pages: each hears the full state first and then what changes, at once.
//! One task encodes each message once; the hundredth viewer costs a copy of a pointer.

use super::board::Board;
use super::{Ask, Wanted, wire};
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
const BEAT: Duration = Duration::from_secs(1);
/// The first news go out at once, the next not sooner than this after them, unless a number was decided: a storm of
/// looks is 10 messages a second.
const QUIET: Duration = Duration::from_millis(100);
/// The full state is made anew for a viewer when it is older than this; a younger one is sent with what came since.
const FRESH: Duration = Duration::from_secs(1);
/// Messages that a slow viewer may be behind before its stream ends. It comes back by itself, with the full state.
const BEHIND: usize = 32;
/// Viewers at once.
const VIEWERS: usize = 500;

/// What a viewer starts with, and what it hears from then on.
struct Seat {
    first: Vec<Bytes>,
    next: broadcast::Receiver<Bytes>,
}

/// Where viewers ask for a seat.
#[derive(Clone)]
pub(super) struct Hub {
    seats: mpsc::Sender<oneshot::Sender<Option<Seat>>>,
}

impl Hub {
    /// Starts the one task.
    pub fn start(board: Arc<Board>, ask: Ask, stop: CancellationToken) -> Self {
        let (seats, asked) = mpsc::channel(VIEWERS);
        tokio::spawn(async move {
            let (sender, _) = broadcast::channel(BEHIND);
            let hall = Hall {
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
    pub async fn join(&self) -> Option<Body> {
        let (answer, seat) = oneshot::channel();
        self.seats.try_send(answer).ok()?;
        let Seat { first, next } = seat.await.ok()??;
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
struct Hall {
    board: Arc<Board>,
    ask: Ask,
    sender: broadcast::Sender<Bytes>,
    /// What was last said of each pool.
    told: HashMap<u32, wire::Said>,
    /// The last full state, when it was made, and all that was said since.
    full: Option<(Instant, Vec<Bytes>)>,
}

impl Hall {
    async fn serve(mut self, mut asked: mpsc::Receiver<oneshot::Sender<Option<Seat>>>) {
        let (mut news, mut quiet_until, mut beat) = (false, Instant::now(), Instant::now() + BEAT);
        loop {
            if self.sender.receiver_count() == 0 {
                self.rest();
                let Some(viewer) = asked.recv().await else {
                    return;
                };
                self.seat(viewer).await;
                (news, beat) = (false, Instant::now() + BEAT);
            }
            tokio::select! {
                viewer = asked.recv() => match viewer {
                    Some(viewer) => self.seat(viewer).await,
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
                    if self.tell().await {
                        beat = Instant::now() + BEAT;
                    }
                }
                () = tokio::time::sleep_until(beat) => {
                    beat = Instant::now() + BEAT;
                    self.say(&wire::beat(&self.board));
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

    async fn seat(&mut self, viewer: oneshot::Sender<Option<Seat>>) {
        if self.sender.receiver_count() >= VIEWERS {
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
            let Some(views) = (self.ask)(Wanted::All).await else {
                let _ = viewer.send(None);
                return;
            };
            self.full = Some((
                Instant::now(),
                vec![message(&wire::full(&self.board, &views))],
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
        let _ = viewer.send(Some(Seat {
            first,
            next: self.sender.subscribe(),
        }));
    }

    /// Tells all viewers what changed, and whether anything did.
    async fn tell(&mut self) -> bool {
        let news = self.board.news();
        let keys: Vec<_> = news.touched.values().cloned().collect();
        let views = if keys.is_empty() {
            Some(Vec::new())
        } else {
            (self.ask)(Wanted::Brief(keys)).await
        };
        let said = wire::delta(
            &self.board,
            &news,
            &views.unwrap_or_default(),
            &mut self.told,
        );
        said.is_some_and(|text| {
            self.say(&text);
            true
        })
    }

    fn say(&mut self, text: &str) {
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
