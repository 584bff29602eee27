//! The class's HTTP front: takes batches of images over HTTP, makes tasks of them, and tells what became of each.
//!
//! `batch` reads and checks what is sent, `answers` what is told, `refusal` says what is wrong, `rate` how often is
//! too often. Nothing is kept here: what the front knows of a task lies in Redis beside it.

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
use protocol::Keys;
use rate::Rates;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use worker::Connection;

/// How long requests under way may take to end after the signal to stop.
const GRACE: Duration = Duration::from_secs(20);

/// Where it listens, and how much it takes.
#[derive(Clone, Debug, clap::Args)]
pub struct Serve {
    /// Where it listens
    #[arg(long, env = "LISTEN", default_value = "0.0.0.0:8000")]
    listen: SocketAddr,
    /// Largest request, in MiB
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=512))]
    max_body: u16,
    /// Most images in one batch
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    max_images: u16,
    /// Batches that one address may send in a second, and twice as many at once
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    rate: u16,
}

impl Serve {
    fn max_bytes(&self) -> usize {
        usize::from(self.max_body) << 20
    }
}

/// What every request may use.
struct Front {
    serve: Serve,
    keys: Keys,
    link: Connection,
    rates: Rates,
}

/// Serves until `stop`. Redis may be away at any time: then the answer says so.
pub async fn run(
    client: redis::Client,
    keys: Keys,
    serve: Serve,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let listener = TcpListener::bind(serve.listen).await.with_context(|| {
        format!(
            "cannot listen on {}: is the port taken? --listen chooses another",
            serve.listen
        )
    })?;
    info!(listen = %listener.local_addr()?, queue = keys.ready(), "the front serves");
    let rates = Rates::new(serve.rate.into());
    let app = router(Arc::new(Front {
        serve,
        keys,
        link: Connection::new(client),
        rates,
    }))
    .into_make_service_with_connect_info::<SocketAddr>();
    let stopped = stop.clone();
    let serving =
        axum::serve(listener, app).with_graceful_shutdown(async move { stopped.cancelled().await });
    let late = async {
        stop.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        served = async { serving.await } => served?,
        () = late => warn!("requests were still under way when the grace was over"),
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
            HttpError::new(
                StatusCode::NOT_FOUND,
                format!("there is no {method} {}", uri.path()),
            )
            .hint("GET /api/openapi.json describes all there is")
        })
        .method_not_allowed_fallback(async |method: Method, uri: Uri| {
            HttpError::new(
                StatusCode::METHOD_NOT_ALLOWED,
                format!("{} takes no {method}", uri.path()),
            )
            .hint("GET /api/openapi.json describes all there is")
        })
        .layer(DefaultBodyLimit::max(front.serve.max_bytes()))
        .with_state(front)
}
