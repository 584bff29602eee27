//! What a Redis may send: a server that means harm must cost the operator no more memory than a server that does not.
//!
//! The client library reserves memory for as many elements as a reply announces, so the announcements are read here
//! first. Everything costs: each byte, each element, each announced element.

use std::collections::HashMap;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::PollSemaphore;

/// What the replies to one poll may cost.
const MAX_COST: usize = 16 * 1024 * 1024;
/// What a connection may send at any time. With more it waits for its turn.
const FREE_COST: usize = 128 * 1024;
/// What a notification about one key costs at most.
const KEY_COST: usize = 512;
/// The longest text.
const MAX_TEXT: usize = 4 * 1024 * 1024;
/// The longest line: a number, a status, an error.
const MAX_LINE: usize = 64 * 1024;
/// What the library reserves for an announced element, and what an element costs besides.
const ANNOUNCED: usize = size_of::<redis::Value>();
const ELEMENT: usize = 16;
/// How much is read at once.
const CHUNK: usize = 8 * 1024;
/// How many connections may hold more than [`FREE_COST`] at the same time, one of each namespace.
const LARGE_REPLIES: usize = 2;

/// The memory for large replies, which all connections share.
pub struct ReplyMemory {
    all: Arc<Semaphore>,
    namespaces: Mutex<HashMap<String, Weak<Semaphore>>>,
}

impl Default for ReplyMemory {
    fn default() -> Self {
        Self {
            all: Arc::new(Semaphore::new(LARGE_REPLIES)),
            namespaces: Mutex::default(),
        }
    }
}

impl ReplyMemory {
    fn of(&self, namespace: &str) -> Arc<Semaphore> {
        let mut namespaces = lock(&self.namespaces);
        namespaces.retain(|_, turn| turn.strong_count() > 0);
        if let Some(turn) = namespaces.get(namespace).and_then(Weak::upgrade) {
            return turn;
        }
        let turn = Arc::new(Semaphore::new(1));
        namespaces.insert(namespace.to_owned(), Arc::downgrade(&turn));
        turn
    }
}

/// What a connection may still send.
#[derive(Debug, Default)]
pub(super) struct Budget(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    cost: usize,
    limit: usize,
    is_exceeded: bool,
    turns: Vec<OwnedSemaphorePermit>,
}

impl Budget {
    /// Replies are expected.
    pub fn begin(&self) {
        let mut state = lock(&self.0);
        state.cost = 0;
        state.limit = MAX_COST;
    }

    /// Only notifications are expected, one for each of `keys`.
    pub fn end(&self, keys: usize) {
        let mut state = lock(&self.0);
        state.cost = 0;
        state.limit = FREE_COST + keys * KEY_COST;
        state.turns.clear();
    }

    /// Whether the connection was closed because it sent too much.
    pub fn is_exceeded(&self) -> bool {
        lock(&self.0).is_exceeded
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
    /// What was read and is not handed on yet.
    staged: Vec<u8>,
    handed_on: usize,
    /// Whether the last read found more than one chunk can have.
    is_flooded: bool,
}

impl<S> Limited<S> {
    pub fn new(stream: S, budget: Arc<Budget>, memory: &ReplyMemory, namespace: &str) -> Self {
        Self {
            stream,
            scanner: Scanner::default(),
            budget,
            turns: [memory.of(namespace), Arc::clone(&memory.all)].map(PollSemaphore::new),
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

    /// Counts what has been read.
    fn count(&mut self) -> io::Result<()> {
        let cost = self.scanner.read(&self.staged);
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
            if std::mem::take(&mut this.is_flooded) {
                // The library parses all that it can have at once: others take their turn between two chunks.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
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

/// Reads what a stream of RESP announces.
#[derive(Debug, Default)]
struct Scanner {
    /// The type of the element whose line is being read; `None` between two elements.
    kind: Option<u8>,
    /// The beginning of that line: a number fits.
    line: Vec<u8>,
    line_length: usize,
    after_cr: bool,
    /// How much of a text is still to come, with the line break behind it.
    text: usize,
}

/// A number with its sign and spaces is no longer.
const MAX_NUMBER: usize = 32;

impl Scanner {
    /// What `bytes` cost; `None` where they announce too much, or are no RESP.
    fn read(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut cost = bytes.len();
        let mut rest = bytes;
        while let [byte, after @ ..] = rest {
            if self.text > 0 {
                let skipped = self.text.min(rest.len());
                self.text -= skipped;
                rest = &rest[skipped..];
                continue;
            }
            rest = after;
            let Some(kind) = self.kind else {
                self.kind = Some(*byte);
                self.line.clear();
                self.line_length = 0;
                self.after_cr = false;
                cost += ELEMENT;
                continue;
            };
            self.line_length += 1;
            if *byte == b'\n' && self.after_cr {
                self.kind = None;
                cost = cost.checked_add(self.end_line(kind)?)?;
                continue;
            }
            self.after_cr = *byte == b'\r';
            if self.line.len() < MAX_NUMBER {
                self.line.push(*byte);
            }
            if self.line_length > MAX_LINE {
                return None;
            }
        }
        Some(cost)
    }

    /// What an element of this type announces in its line.
    fn end_line(&mut self, kind: u8) -> Option<usize> {
        let number = || -> Option<i64> { str::from_utf8(&self.line).ok()?.trim().parse().ok() };
        let announced = match kind {
            b'+' | b'-' | b':' | b'_' | b',' | b'#' | b'(' => return Some(0),
            b'$' | b'!' | b'=' => {
                let length = number()?;
                if length == -1 && kind == b'$' {
                    return Some(0);
                }
                let length = usize::try_from(length).ok()?;
                if length > MAX_TEXT {
                    return None;
                }
                self.text = length + 2;
                return Some(0);
            }
            b'*' | b'~' if number()? == -1 => return Some(0),
            b'*' | b'~' | b'>' => number()?,
            b'%' => number()?.checked_mul(2)?,
            b'|' => number()?.checked_mul(2)?.checked_add(1)?,
            _ => return None,
        };
        let announced = usize::try_from(announced).ok()?;
        announced.checked_mul(ANNOUNCED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// The cost of `text`, read whole and byte by byte.
    fn cost(text: &str) -> Option<usize> {
        let whole = Scanner::default().read(text.as_bytes());
        let mut scanner = Scanner::default();
        let bytes = text.bytes();
        let one_by_one = bytes
            .map(|byte| scanner.read(&[byte]))
            .sum::<Option<usize>>();
        assert_eq!(whole, one_by_one, "{text:?}");
        whole
    }

    #[test]
    fn elements_texts_and_announcements_cost() {
        assert_eq!(cost("+OK\r\n"), Some(5 + ELEMENT));
        assert_eq!(
            cost("$3\r\na\r\n\r\n"),
            Some(9 + ELEMENT),
            "a text may have anything"
        );
        assert_eq!(
            cost("*2\r\n:1\r\n$-1\r\n"),
            Some(13 + 3 * ELEMENT + 2 * ANNOUNCED)
        );
        assert_eq!(
            cost("%1\r\n+a\r\n_\r\n"),
            Some(11 + 3 * ELEMENT + 2 * ANNOUNCED)
        );
        assert_eq!(cost("*-1\r\n:1\r\n"), Some(9 + 2 * ELEMENT));
        assert!(cost("*100000000\r\n").is_some_and(|cost| cost > MAX_COST));
    }

    #[rstest::rstest]
    #[case("$536870912\r\n")]
    #[case("=-1\r\n")]
    #[case("!-1\r\n")]
    #[case("*9223372036854775807\r\n")]
    #[case("%9223372036854775807\r\n")]
    #[case("*-2\r\n")]
    #[case("*x\r\n")]
    #[case("HTTP/1.1 400 Bad Request\r\n")]
    fn what_announces_too_much_or_is_no_resp_is_refused(#[case] text: &str) {
        assert_eq!(cost(text), None);
    }

    #[test]
    fn a_line_without_an_end_is_refused() {
        assert_eq!(cost(&"-".repeat(MAX_LINE)).map(|_| ()), Some(()));
        assert_eq!(
            Scanner::default().read("-".repeat(MAX_LINE + 2).as_bytes()),
            None
        );
    }

    #[tokio::test]
    async fn large_replies_wait_for_their_turn_and_small_ones_do_not() {
        let memory = ReplyMemory::default();
        let open = |namespace: &str| {
            let (ours, theirs) = tokio::io::duplex(1024 * 1024);
            let budget = Arc::<Budget>::default();
            budget.begin();
            (
                Limited::new(ours, Arc::clone(&budget), &memory, namespace),
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
        let memory = ReplyMemory::default();
        let (ours, mut theirs) = tokio::io::duplex(1024 * 1024);
        let budget = Arc::<Budget>::default();
        budget.end(1);
        let mut limited = Limited::new(ours, Arc::clone(&budget), &memory, "a");
        let push = ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\na\r\n";
        theirs
            .write_all(push.repeat(2000).as_bytes())
            .await
            .expect("room");
        let mut all = vec![];
        let error = limited.read_to_end(&mut all).await.expect_err("too much");
        assert_eq!(error.kind(), io::ErrorKind::QuotaExceeded);
        assert!(all.len() < FREE_COST && budget.is_exceeded());
    }
}
