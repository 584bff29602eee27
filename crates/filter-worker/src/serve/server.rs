//! Accepts connections and serves HTTP on them, with a bound on their number and on the time that a client may take.

use anyhow::Context;
use axum::extract::ConnectInfo;
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

/// How long open requests may take to finish after the stop signal, or after [`MAX_AGE`].
const GRACE: Duration = Duration::from_secs(20);
/// How long the head of a request may take to arrive. Also closes idle connections.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a client may read nothing of a response.
const WRITE_TIMEOUT: Duration = Duration::from_secs(15);
/// A connection this old is closed after its request, so that nobody can hold one forever.
const MAX_AGE: Duration = Duration::from_mins(2);
/// The largest buffer of a connection, and so the largest head, in bytes.
const MAX_BUFFER: usize = 32 << 10;
/// The maximum number of open connections: with full buffers they take 16 MiB.
const MAX_CONNECTIONS: usize = 512;

/// Listens on `address`; where there is no IPv6, `[::]` means all IPv4 addresses.
pub async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let mut bound = TcpListener::bind(address).await;
    let all = address.is_ipv6() && address.ip().is_unspecified();
    if let Err(error) = &bound
        && all
        && error.kind() != std::io::ErrorKind::AddrInUse
    {
        bound = TcpListener::bind((Ipv4Addr::UNSPECIFIED, address.port())).await;
    }
    bound.with_context(|| {
        format!("cannot listen on {address}: if the port is in use, choose another with --listen")
    })
}

/// Serves `app` until `stop` is cancelled and the open requests have ended, or [`GRACE`] is over.
pub async fn serve(listener: TcpListener, app: Router, stop: &CancellationToken) {
    let free = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let connections = TaskTracker::new();
    loop {
        // Waits for a free connection before it accepts another; the others wait in the kernel's queue.
        let next = async {
            let permit = Arc::clone(&free).acquire_owned().await;
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            () = stop.cancelled() => break,
            next = next => next,
        };
        match accepted {
            Ok((stream, client)) => {
                let (app, stop) = (app.clone(), stop.clone());
                connections.spawn(async move {
                    serve_connection(stream, client, app, stop).await;
                    drop(permit);
                });
            }
            Err(error) => {
                warn!(%error, "cannot accept a connection");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
    drop(listener);
    connections.close();
    if timeout(GRACE, connections.wait()).await.is_err() {
        warn!("the grace period is over: dropping the open requests");
    }
}

async fn serve_connection(
    stream: TcpStream,
    client: SocketAddr,
    app: Router,
    stop: CancellationToken,
) {
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_TIMEOUT));
    let app = app.layer(Extension(ConnectInfo(client)));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_BUFFER)
        .serve_connection(
            TokioIo::new(Box::pin(stream)),
            TowerToHyperService::new(app),
        );
    let mut connection = pin!(connection);
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = async { tokio::select! { () = stop.cancelled() => {}, () = sleep(MAX_AGE) => {} } } => {
            connection.as_mut().graceful_shutdown();
            timeout(GRACE, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = served {
        debug!(%client, %error, "a connection ended early");
    }
}
