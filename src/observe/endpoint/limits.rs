//! What a Redis may send: a server that means harm must cost the operator no more memory than a server that does not, and
//! the pools of other namespaces no time.
//!
//! A poll has a limit. Between two polls a server has nothing to send but notifications, and a read earns each of them. All
//! connections of a namespace have a pace together: what comes faster is not read.

use super::scanner::Scanner;
use crate::turns::{PerName, Turns};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep};
use tokio_util::sync::PollSemaphore;

/// What the replies to one poll may cost.
const MAX_COST: usize = 16 * 1024 * 1024;
/// What a connection may send at any time, and each second once more. With more it waits for its turn.
const FREE_COST: usize = 128 * 1024;
/// What a handshake may cost.
const HANDSHAKE: usize = 32 * 1024;
/// What a notification about one key costs at most.
const KEY_COST: usize = 512;
/// What the connections of one namespace may send per second, and at once.
const PACE: u64 = 16 * 1024 * 1024;
const BURST: Duration = Duration::from_millis(250);
/// How much is read at once. Between two chunks others take their turn: the library parses all that it can have at once.
const CHUNK: usize = 1024;
/// How many connections may hold more than [`FREE_COST`] at the same time, one of each namespace.
const LARGE_REPLIES: usize = 2;

/// What all connections share: the memory for large replies, and the pace of each namespace.
pub struct ReplyLimits {
    large: Turns,
    paces: PerName<Pace>,
}

impl Default for ReplyLimits {
    fn default() -> Self {
        Self {
            large: Turns::new(LARGE_REPLIES, 1),
            paces: PerName::default(),
        }
    }
}

/// What the connections of a namespace have sent.
#[derive(Debug)]
struct Pace {
    /// When all of it will have been paid for.
    paid_at: Mutex<Instant>,
}

impl Pace {
    fn new() -> Self {
        Self {
            paid_at: Mutex::new(Instant::now()),
        }
    }

    /// Counts `cost`. Returns how long nothing more may be read.
    fn spend(&self, cost: usize, now: Instant) -> Duration {
        let nanos = u64::try_from(cost)
            .unwrap_or(u64::MAX)
            .saturating_mul(1_000_000_000 / PACE);
        let mut paid_at = lock(&self.paid_at);
        *paid_at = (*paid_at).max(now) + Duration::from_nanos(nanos);
        paid_at.saturating_duration_since(now + BURST)
    }
}

/// What a connection may still send.
#[derive(Debug)]
pub(super) struct Budget(Mutex<State>);

#[derive(Debug)]
struct State {
    /// Whether replies are expected.
    is_asked: bool,
    /// What was sent since `is_asked` changed, and what may be.
    cost: usize,
    limit: usize,
    /// What may be sent unasked once replies are expected no more.
    spare: usize,
    /// When it was counted.
    counted_at: Instant,
    is_exceeded: bool,
    turns: Vec<OwnedSemaphorePermit>,
}

impl Default for Budget {
    /// The budget of a handshake.
    fn default() -> Self {
        Self(Mutex::new(State {
            is_asked: false,
            cost: 0,
            limit: HANDSHAKE,
            spare: 0,
            counted_at: Instant::now(),
            is_exceeded: false,
            turns: Vec::new(),
        }))
    }
}

impl Budget {
    /// Replies are expected, to reads of this many tracked keys: each earns a notification.
    pub fn begin(&self, keys: usize) {
        let mut state = lock(&self.0);
        state.settle();
        state.spare += keys * KEY_COST;
        state.is_asked = true;
        state.limit = MAX_COST;
    }

    /// Only notifications are expected, at most one for each of `keys` and what else is free.
    pub fn end(&self, keys: usize) {
        let mut state = lock(&self.0);
        state.settle();
        let now = Instant::now();
        let millis = now.saturating_duration_since(state.counted_at).as_millis();
        let free = FREE_COST.saturating_mul(usize::try_from(millis).unwrap_or(usize::MAX)) / 1000;
        state.counted_at = now;
        state.is_asked = false;
        state.limit = state
            .spare
            .saturating_add(free)
            .min(FREE_COST + keys * KEY_COST);
        state.turns.clear();
    }

    /// Whether the connection was closed because it sent too much.
    pub fn is_exceeded(&self) -> bool {
        lock(&self.0).is_exceeded
    }
}

impl State {
    /// Closes the account of what was sent until now.
    fn settle(&mut self) {
        if !self.is_asked {
            self.spare = self.limit.saturating_sub(self.cost);
        }
        self.cost = 0;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A stream from a server, which ends where the budget does.
pub(super) struct Limited<S> {
    stream: S,
    scanner: Scanner,
    budget: Arc<Budget>,
    /// The turns that a large reply has to wait for: of the namespace, and of all.
    turns: [PollSemaphore; 2],
    pace: Arc<Pace>,
    /// Until when nothing is read.
    pause: Option<Pin<Box<Sleep>>>,
    /// What was read and is not handed on yet.
    staged: Vec<u8>,
    handed_on: usize,
    /// Whether the last read found more than one chunk can have.
    is_flooded: bool,
}

impl<S> Limited<S> {
    pub fn new(stream: S, budget: Arc<Budget>, limits: &ReplyLimits, namespace: &str) -> Self {
        Self {
            stream,
            scanner: Scanner::default(),
            budget,
            turns: limits.large.of(namespace).map(PollSemaphore::new),
            pace: limits.paces.get(namespace, Pace::new),
            pause: None,
            staged: Vec::new(),
            handed_on: 0,
            is_flooded: false,
        }
    }

    /// Waits until this connection may hold what it has sent.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        for (index, turn) in self.turns.iter_mut().enumerate() {
            let state = lock(&self.budget.0);
            if state.cost <= FREE_COST || state.turns.len() > index {
                continue;
            }
            drop(state);
            if let Some(permit) = ready!(turn.poll_acquire(cx)) {
                lock(&self.budget.0).turns.push(permit);
            }
        }
        Poll::Ready(())
    }

    /// Waits until others had their turn, and until the namespace may send more.
    fn poll_pause(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if std::mem::take(&mut self.is_flooded) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        Poll::Ready(())
    }

    /// Counts what has been read.
    fn count(&mut self) -> io::Result<()> {
        let cost = self.scanner.read(&self.staged);
        let wait = self.pace.spend(cost.unwrap_or(0), Instant::now());
        if !wait.is_zero() {
            self.pause = Some(Box::pin(tokio::time::sleep(wait)));
        }
        let mut state = lock(&self.budget.0);
        let cost = cost.map(|cost| state.cost.saturating_add(cost));
        match cost {
            Some(cost) if cost <= state.limit => {
                state.cost = cost;
                Ok(())
            }
            _ => {
                state.is_exceeded = true;
                state.turns.clear();
                Err(io::ErrorKind::QuotaExceeded.into())
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Limited<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.budget.is_exceeded() {
            return Poll::Ready(Err(io::ErrorKind::QuotaExceeded.into()));
        }
        if this.handed_on == this.staged.len() {
            ready!(this.poll_pause(cx));
            this.staged.resize(buffer.remaining().min(CHUNK), 0);
            this.handed_on = 0;
            let mut read = ReadBuf::new(&mut this.staged);
            let result = Pin::new(&mut this.stream).poll_read(cx, &mut read);
            let length = read.filled().len();
            this.staged
                .truncate(if result.is_ready() { length } else { 0 });
            ready!(result)?;
            this.is_flooded = length == CHUNK;
            this.count()?;
        }
        ready!(this.poll_turn(cx));
        let rest = &this.staged[this.handed_on..];
        let length = rest.len().min(buffer.remaining());
        buffer.put_slice(&rest[..length]);
        this.handed_on += length;
        if this.handed_on == this.staged.len() {
            // Most connections are silent most of the time.
            (this.staged, this.handed_on) = (Vec::new(), 0);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Limited<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn large_replies_wait_for_their_turn_and_small_ones_do_not() {
        let limits = ReplyLimits::default();
        let open = |namespace: &str| {
            let (ours, theirs) = tokio::io::duplex(1024 * 1024);
            let budget = Arc::<Budget>::default();
            budget.begin(0);
            (
                Limited::new(ours, Arc::clone(&budget), &limits, namespace),
                theirs,
                budget,
            )
        };
        let large = format!("*5000\r\n{}", ":1\r\n".repeat(5000));
        let mut buffer = vec![0; 64];
        let mut held = vec![];
        for namespace in ["a", "a", "b", "c"] {
            let (mut limited, mut theirs, budget) = open(namespace);
            theirs.write_all(large.as_bytes()).await.expect("room");
            let waits = {
                let read = limited.read_exact(&mut buffer);
                futures::FutureExt::now_or_never(read).is_none()
            };
            held.push((limited, theirs, budget, waits));
        }
        let waits: Vec<bool> = held.iter().map(|it| it.3).collect();
        assert_eq!(
            waits,
            [false, true, false, true],
            "one of each namespace, two in all"
        );
        let (mut small, mut theirs, _) = open("a");
        theirs
            .write_all(":1\r\n".repeat(16).as_bytes())
            .await
            .expect("room");
        small.read_exact(&mut buffer).await.expect("no wait");
        held.truncate(2);
        held[0].2.end(0);
        held[1].0.read_exact(&mut buffer).await.expect("its turn");
    }

    #[tokio::test]
    async fn unasked_only_notifications_of_the_keys_are_accepted() {
        let limits = ReplyLimits::default();
        let (ours, mut theirs) = tokio::io::duplex(1024 * 1024);
        let budget = Arc::<Budget>::default();
        budget.end(1);
        let mut limited = Limited::new(ours, Arc::clone(&budget), &limits, "a");
        let push = ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\na\r\n";
        theirs
            .write_all(push.repeat(2000).as_bytes())
            .await
            .expect("room");
        drop(theirs);
        let mut all = vec![];
        let error = limited.read_to_end(&mut all).await.expect_err("too much");
        assert_eq!(error.kind(), io::ErrorKind::QuotaExceeded);
        assert!(all.len() < FREE_COST && budget.is_exceeded());
    }

    /// What a server can send without an end, to a poll or to a handshake.
    #[tokio::test(start_paused = true)]
    async fn replies_have_a_bound() {
        for (is_asked, bound) in [(true, MAX_COST), (false, HANDSHAKE)] {
            let (ours, mut theirs) = tokio::io::duplex(64 * 1024);
            tokio::spawn(async move {
                while theirs.write_all(&b":1\r\n".repeat(4096)).await.is_ok() {}
            });
            let budget = Arc::<Budget>::default();
            if is_asked {
                budget.begin(0);
            }
            let mut limited = Limited::new(ours, budget, &ReplyLimits::default(), "a");
            let (mut buffer, mut read) = (vec![0; 16 * 1024], 0);
            let error = loop {
                assert!(read < bound, "no bound");
                match limited.read(&mut buffer).await {
                    Ok(length) => read += length,
                    Err(error) => break error,
                }
            };
            assert_eq!(error.kind(), io::ErrorKind::QuotaExceeded);
            // Four bytes cost 20.
            assert!((bound / 2..=bound).contains(&(read * 5)), "{read}");
        }
    }

    #[tokio::test]
    async fn between_two_chunks_of_a_flood_others_have_their_turn() {
        let (ours, mut theirs) = tokio::io::duplex(64 * 1024);
        let sent = b":1\r\n".repeat(CHUNK);
        theirs.write_all(&sent).await.expect("room");
        let budget = Arc::<Budget>::default();
        budget.begin(0);
        let mut limited = Limited::new(ours, budget, &ReplyLimits::default(), "a");
        let mut buffer = vec![0; CHUNK];
        for is_read in [true, false, true, false] {
            let read = futures::FutureExt::now_or_never(limited.read(&mut buffer));
            assert_eq!(read.is_some(), is_read);
        }
    }

    /// Polls give a server that floods nothing: only reads of tracked keys and time do.
    #[tokio::test(start_paused = true)]
    async fn what_may_come_unasked_is_earned() {
        let budget = Budget::default();
        let left = || {
            let state = lock(&budget.0);
            state.limit - state.cost
        };
        lock(&budget.0).cost = HANDSHAKE;
        for (reads, expected) in [(0, 0), (0, 0), (3, 3 * KEY_COST), (0, 3 * KEY_COST)] {
            budget.begin(reads);
            lock(&budget.0).cost = 5_000_000;
            budget.end(500);
            assert_eq!(left(), expected);
        }
        tokio::time::advance(Duration::from_millis(500)).await;
        budget.begin(0);
        budget.end(500);
        assert_eq!(left(), 3 * KEY_COST + FREE_COST / 2);
        tokio::time::advance(Duration::from_hours(1)).await;
        budget.end(500);
        assert_eq!(left(), FREE_COST + 500 * KEY_COST);
    }

    /// Sends small replies without end to `connections` of `namespace`. Returns how many bytes were read in ten seconds.
    async fn read_in_ten_seconds(limits: &ReplyLimits, namespace: &str, connections: usize) -> u64 {
        let mut readers = tokio::task::JoinSet::new();
        for _ in 0..connections {
            let (ours, mut theirs) = tokio::io::duplex(64 * 1024);
            tokio::spawn(async move {
                while theirs.write_all(&b":1\r\n".repeat(4096)).await.is_ok() {}
            });
            let budget = Arc::<Budget>::default();
            budget.begin(0);
            let mut limited = Limited::new(ours, Arc::clone(&budget), limits, namespace);
            let end = Instant::now() + Duration::from_secs(10);
            readers.spawn(async move {
                let (mut buffer, mut total) = (vec![0; 16 * 1024], 0);
                while total < 10 * PACE
                    && let Ok(read) = tokio::time::timeout_at(end, limited.read(&mut buffer)).await
                {
                    total += u64::try_from(read.expect("within the budget")).expect("a number");
                    // It answers polls, one after the other.
                    budget.begin(0);
                    budget.end(0);
                    budget.begin(0);
                }
                total
            });
        }
        readers.join_all().await.iter().sum()
    }

    #[tokio::test(start_paused = true)]
    async fn a_namespace_has_one_pace_however_many_connections_it_has() {
        let limits = ReplyLimits::default();
        let most = (40 + 1) * PACE / 4 / 5; // four bytes cost 20
        for connections in [1, 8] {
            let read = read_in_ten_seconds(&limits, &connections.to_string(), connections).await;
            assert!((most * 9 / 10..=most * 11 / 10).contains(&read), "{read}");
        }
    }
}
