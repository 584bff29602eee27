//! The HTTP front: accepts batches of images over HTTP, pushes a task for each image, and reports on tasks, workers
//! and the queue. Its page is the gallery.
//!
//! `server` accepts connections, `guard` refuses other sites' requests, `body` reads a request and `budget` bounds the
//! memory for all of them; `parse` makes a batch of it, `batch` checks and pushes it; `tasks` and
//! `responses` answer queries; `losses` finds what Redis lost; `gallery` has the page; `error` builds error responses; `rate` limits requests. What the
//! front knows about a task is in Redis.

mod batch;
mod body;
mod budget;
mod error;
mod gallery;
mod guard;
mod losses;
mod parse;
mod rate;
mod responses;
mod server;
mod tasks;

use super::memory;
use axum::Router;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use budget::Budget;
use clap::builder::NonEmptyStringValueParser;
use error::HttpError;
use guard::Hosts;
use losses::Losses;
use rate::RateLimiter;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use worker::{Connection, Keys, RedisSource};

/// All addresses; on Windows a socket of IPv6 has no IPv4.
const LISTEN: &str = if cfg!(windows) {
    "0.0.0.0:8000"
} else {
    "[::]:8000"
};

/// The address and the limits of the server.
#[derive(Clone, Debug, clap::Args)]
pub struct Serve {
    /// Address and port to listen on
    #[arg(long, env = "LISTEN", default_value = LISTEN)]
    listen: SocketAddr,
    /// Further host name by which browsers may reach the server; IP addresses, localhost and the names of Services
    /// always may
    #[arg(long, env = "ALLOWED_HOSTS", value_delimiter = ',', value_parser = NonEmptyStringValueParser::new())]
    allowed_host: Vec<String>,
    /// Maximum size of a request, in MiB; at most an eighth of the server's memory
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=512))]
    max_body: u16,
    /// Maximum number of images in one batch
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    max_images: u16,
    /// Batches per second from one address, with bursts of twice as many
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    rate: u16,
    /// Accept a batch only once so many replicas have it, so that no failover loses it; else status 503 after a second
    #[arg(long, env = "WAIT_REPLICAS", default_value_t = 0, value_name = "N")]
    wait_replicas: u16,
}

/// What all request handlers share.
struct Front {
    /// Maximum size of a request, in bytes.
    max_body: usize,
    max_images: usize,
    rate: u16,
    keys: Keys,
    redis: Connection,
    /// For pushes: it does nothing else while it waits for replicas.
    pushes: Connection,
    wait_replicas: u16,
    losses: Losses,
    limiter: RateLimiter,
    hosts: Hosts,
    budget: Budget,
}

impl Front {
    fn new(redis: RedisSource, keys: Keys, serve: &Serve) -> Self {
        // A batch takes five times the size of its body on its way to Redis, so an eighth of the memory for bodies
        // leaves three for the rest of the program.
        let total = usize::try_from(memory::limit() / 8).unwrap_or(usize::MAX);
        let total = total.clamp(1 << 20, 512 << 20);
        let wanted = usize::from(serve.max_body) << 20;
        if wanted > total {
            warn!(
                bytes = total,
                "requests may have only this size: an eighth of the server's memory"
            );
        }
        let resolv_conf = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
        Self {
            max_body: wanted.min(total),
            max_images: serve.max_images.into(),
            rate: serve.rate,
            keys,
            redis: Connection::new(redis.clone()),
            pushes: Connection::new(redis),
            wait_replicas: serve.wait_replicas,
            losses: Losses::default(),
            limiter: RateLimiter::new(serve.rate.into()),
            hosts: Hosts::new(&serve.allowed_host, &resolv_conf),
            budget: Budget::new(total),
        }
    }
}

/// Serves until `stop` is cancelled. Without Redis, requests fail with status 503.
pub async fn run(
    redis: RedisSource,
    keys: Keys,
    serve: Serve,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let listener = server::bind(serve.listen).await?;
    info!(listen = %listener.local_addr()?, queue = keys.ready(), "the front is serving");
    let front = Arc::new(Front::new(redis, keys, &serve));
    let serving = server::serve(listener, router(Arc::clone(&front)), &stop);
    tokio::select! { () = serving => {}, () = losses::watch(&front) => {} }
    info!("the front has stopped");
    Ok(())
}

fn router(front: Arc<Front>) -> Router {
    let api = Router::new()
        .route("/process-batch/distributed", post(batch::post))
        .route("/process-batch/distributed/", post(batch::post))
        .route("/tasks", get(tasks::list))
        .route("/tasks/{id}", get(tasks::task).delete(tasks::collect))
        .route("/tasks/{id}/image", get(tasks::image))
        .route("/workers/status", get(responses::workers))
        .route("/workers/status/", get(responses::workers))
        .route("/metrics", get(responses::metrics))
        .route("/metrics/", get(responses::metrics))
        .route("/openapi.json", get(responses::openapi));
    Router::new()
        .merge(gallery::router())
        .nest("/api", api)
        .route("/healthz", get(|| async { "ok" }))
        .fallback(async |method: Method, uri: Uri| {
            HttpError::not_found(format!("no such endpoint: {method} {}", uri.path()))
                .hint("GET /api/openapi.json describes all endpoints")
        })
        .method_not_allowed_fallback(async |method: Method, uri: Uri| {
            HttpError::new(
                StatusCode::METHOD_NOT_ALLOWED,
                format!("{} does not support {method}", uri.path()),
            )
            .hint("GET /api/openapi.json describes all endpoints")
        })
        .layer(from_fn_with_state(Arc::clone(&front), guard::guard))
        .with_state(front)
}
