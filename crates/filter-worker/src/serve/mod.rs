//! The HTTP front: accepts batches of images over HTTP, pushes a task for each image, and reports on tasks, workers
//! and the queue.
//!
//! `batch` reads, checks and pushes batches; `responses` answers queries; `error` builds error responses; `rate` limits
//! requests. The front has no state of its own: what it knows about a task is in Redis.

mod batch;
mod error;
mod rate;
mod responses;

use anyhow::Context;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{Method, StatusCode, Uri};
use axum::routing::{get, post};
use error::HttpError;
use rate::RateLimiter;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use worker::{Connection, Keys};

/// How long open requests may take to finish after the stop signal.
const GRACE: Duration = Duration::from_secs(20);

/// The address and the limits of the server.
#[derive(Clone, Debug, clap::Args)]
pub struct Serve {
    /// Address and port to listen on
    #[arg(long, env = "LISTEN", default_value = "0.0.0.0:8000")]
    listen: SocketAddr,
    /// Maximum size of a request, in MiB
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=512))]
    max_body: u16,
    /// Maximum number of images in one batch
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    max_images: u16,
    /// Batches per second from one address, with bursts of twice as many
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    rate: u16,
}

impl Serve {
    fn max_bytes(&self) -> usize {
        usize::from(self.max_body) << 20
    }
}

/// What all request handlers share.
struct Front {
    serve: Serve,
    keys: Keys,
    redis: Connection,
    limiter: RateLimiter,
}

/// Serves until `stop` is cancelled. Without Redis, requests fail with status 503.
pub async fn run(
    client: redis::Client,
    keys: Keys,
    serve: Serve,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let listener = TcpListener::bind(serve.listen).await.with_context(|| {
        format!(
            "cannot listen on {}: if the port is in use, choose another with --listen",
            serve.listen
        )
    })?;
    info!(listen = %listener.local_addr()?, queue = keys.ready(), "the front is serving");
    let limiter = RateLimiter::new(serve.rate.into());
    let app = router(Arc::new(Front {
        serve,
        keys,
        redis: Connection::new(client),
        limiter,
    }))
    .into_make_service_with_connect_info::<SocketAddr>();
    let stopped = stop.clone();
    let serving =
        axum::serve(listener, app).with_graceful_shutdown(async move { stopped.cancelled().await });
    let grace_over = async {
        stop.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        served = async { serving.await } => served?,
        () = grace_over => warn!("the grace period is over: dropping the open requests"),
    }
    info!("the front has stopped");
    Ok(())
}

fn router(front: Arc<Front>) -> Router {
    let api = Router::new()
        .route("/process-batch/distributed", post(batch::post))
        .route("/process-batch/distributed/", post(batch::post))
        .route(
            "/tasks/{id}",
            get(responses::task).delete(responses::collect),
        )
        .route("/tasks/{id}/image", get(responses::image))
        .route("/workers/status", get(responses::workers))
        .route("/workers/status/", get(responses::workers))
        .route("/metrics", get(responses::metrics))
        .route("/metrics/", get(responses::metrics))
        .route("/openapi.json", get(responses::openapi));
    Router::new()
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
        .layer(DefaultBodyLimit::max(front.serve.max_bytes()))
        .with_state(front)
}
