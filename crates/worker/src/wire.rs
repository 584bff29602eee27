//! A connection to Redis that fails when the other end is silent, however long a transfer takes.
//!
//! A limit for the whole of a reply would refuse each large element on a slow line, again and again. Here every byte
//! that moves starts the limit again, and a PING keeps an idle connection from being silent.

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ConnectionAddr, RedisResult};
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::debug;

/// An idle connection is tried after this long.
const PING: Duration = Duration::from_secs(1);
/// Over TLS and Unix sockets the progress is not seen, so a reply may take this long: less than [`protocol::STALLED`].
const WHOLE_REPLY: Duration = Duration::from_secs(15);
/// The bytes that the kernel buffers: as many may be unsent when the last one counts as moved.
const SEND_BUFFER: usize = 64 * 1024;

/// A connection, tried with PING until this is dropped.
pub struct Wire {
    /// The connection; its clones share it.
    pub redis: MultiplexedConnection,
    /// Ends the PINGs when it is dropped.
    _owner: Arc<()>,
}

impl Wire {
    /// Connects. `limit` is the longest silence and the longest time to connect; for commands that block, it includes
    /// the time that they may.
    pub async fn open(client: &Client, limit: Duration) -> RedisResult<Self> {
        let info = client.get_connection_info();
        let owner = Arc::new(());
        let ConnectionAddr::Tcp(host, port) = info.addr() else {
            let config = AsyncConnectionConfig::new()
                .set_connection_timeout(Some(limit))
                .set_response_timeout(Some(limit.max(WHOLE_REPLY)));
            let redis = client
                .get_multiplexed_async_connection_with_config(&config)
                .await?;
            return Ok(Self {
                redis,
                _owner: owner,
            });
        };
        let progress = Arc::new(Progress::new());
        let connect = async {
            let stream = TcpStream::connect((host.as_str(), *port)).await?;
            stream.set_nodelay(true)?;
            socket2::SockRef::from(&stream).set_send_buffer_size(SEND_BUFFER)?;
            let stream = Watched {
                stream,
                progress: Arc::clone(&progress),
            };
            let config = AsyncConnectionConfig::new().set_response_timeout(None);
            MultiplexedConnection::new_with_config(info.redis_settings(), stream, config).await
        };
        let (redis, driver) = timeout(limit, connect).await.map_err(io::Error::from)??;
        tokio::spawn(ping(
            redis.clone(),
            Arc::clone(&progress),
            Arc::downgrade(&owner),
        ));
        tokio::spawn(async move {
            tokio::select! {
                biased; // what has arrived counts before the time that has passed
                () = driver => {}
                // With the driver, all waiting calls end with an error.
                () = progress.silence(limit + PING) => debug!("Redis is silent: closing the connection"),
            }
        });
        Ok(Self {
            redis,
            _owner: owner,
        })
    }
}

/// Sends a PING whenever nothing has moved for [`PING`].
async fn ping(mut redis: MultiplexedConnection, progress: Arc<Progress>, owner: Weak<()>) {
    loop {
        progress.silence(PING).await;
        let sent: RedisResult<()> = redis::cmd("PING").query_async(&mut redis).await;
        if sent.is_err() || owner.strong_count() == 0 {
            return;
        }
        sleep(PING).await;
    }
}

/// When a byte has last moved, in either direction.
struct Progress {
    started: Instant,
    millis: AtomicU64,
}

impl Progress {
    fn new() -> Self {
        Self {
            started: Instant::now(),
            millis: AtomicU64::new(0),
        }
    }

    fn touch(&self) {
        let millis = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.millis.store(millis, Ordering::Relaxed);
    }

    /// Returns when nothing has moved for `limit`.
    async fn silence(&self, limit: Duration) {
        loop {
            let last = Duration::from_millis(self.millis.load(Ordering::Relaxed));
            let end = self.started + last + limit;
            if Instant::now() >= end {
                return;
            }
            sleep_until(end).await;
        }
    }
}

/// A stream that records its progress.
struct Watched<S> {
    stream: S,
    progress: Arc<Progress>,
}

impl<S> Watched<S> {
    fn record(&self, moved: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(1..)) = moved {
            self.progress.touch();
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.record(&Poll::Ready(Ok(buffer.filled().len() - before)));
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.record(&written);
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
