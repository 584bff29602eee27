//! The read-only dashboard: a page, one stream of what changes, and the same facts as JSON. It knows no Kubernetes and
//! no Redis: who serves it hands in what to show.

mod assets;
mod board;
mod stream;
mod trace;
mod what_if;
mod wire;

pub use board::{Board, Sample};
pub use wire::Rules;

use crate::api::{Key, Wishes, WorkerPoolStatus};
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures::future::BoxFuture;
use serde::Serialize;
use std::sync::Arc;
use stream::Hub;
use tokio_util::sync::CancellationToken;

/// One pool as the page shows it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PoolView {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// `spec.minReplicas` and `spec.maxReplicas`; `None` while its spec cannot work.
    pub bounds: Option<(i32, i32)>,
    /// Its rules; `None` while its spec cannot work.
    pub rules: Option<Rules>,
    /// A number that is decided and being written, and the sentence that says why.
    pub pending: Option<(i32, String)>,
    /// The same whole, to decide by it again.
    #[serde(skip)]
    pub wishes: Option<Wishes>,
    /// What its status says, or is about to say.
    pub status: WorkerPoolStatus,
}

/// Asks for these pools, or for all of them; `None` when there is no answer.
pub type Ask = Arc<dyn Fn(Option<Vec<Key>>) -> BoxFuture<'static, Option<Vec<PoolView>>> + Send + Sync>;

/// Our own files and nothing else, and no text that could become markup.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// What the routes share.
#[derive(Clone)]
struct Site {
    board: Arc<Board>,
    ask: Ask,
    hub: Hub,
}

/// The page, its stream at `/api/stream`, and its facts at `/api/pools`. Streams end with `stop`.
pub fn router(board: Arc<Board>, ask: Ask, stop: CancellationToken) -> Router {
    let hub = Hub::start(board.clone(), ask.clone(), stop);
    Router::new()
        .route("/api/stream", get(stream))
        .route("/api/pools", get(pools))
        .route("/api/pools/{namespace}/{name}", get(pool))
        .route("/api/pools/{namespace}/{name}/trail", get(trail))
        .route("/api/pools/{namespace}/{name}/what-if", get(what_if))
        .fallback_service(get(|uri: Uri, asked: HeaderMap| async move { assets::serve(uri.path(), &asked) }))
        .layer(map_response(guarded))
        .with_state(Site { board, ask, hub })
}

async fn stream(State(site): State<Site>) -> Response {
    let quick = (HeaderName::from_static("x-accel-buffering"), "no");
    match site.hub.join().await {
        Some(body) => {
            ([(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store"), quick], body).into_response()
        }
        None => silent(),
    }
}

async fn pools(State(site): State<Site>) -> Response {
    match (site.ask)(None).await.and_then(|pools| serde_json::to_string(&pools).ok()) {
        Some(text) => json(text),
        None => silent(),
    }
}

async fn pool(State(site): State<Site>, Path((namespace, name)): Path<(String, String)>) -> Response {
    let Some(views) = (site.ask)(Some(vec![Key::new(&namespace, &name)])).await else { return silent() };
    match views.first().and_then(|view| wire::pool(&site.board, view)) {
        Some(text) => json(text),
        None => (StatusCode::NOT_FOUND, "there is no such WorkerPool\n").into_response(),
    }
}

async fn trail(State(site): State<Site>, Path((namespace, name)): Path<(String, String)>) -> Response {
    let Some(views) = (site.ask)(Some(vec![Key::new(&namespace, &name)])).await else { return silent() };
    let steps = views.first().and_then(|view| view.status.decision.as_ref()).map(|decision| &decision.trail);
    json(serde_json::to_string(&steps).unwrap_or_default())
}

/// The last hour under other rules. It is a few milliseconds of work, bounded, and changes nothing.
async fn what_if(
    State(site): State<Site>,
    Path((namespace, name)): Path<(String, String)>,
    Query(wish): Query<what_if::Wish>,
) -> Response {
    let key = Key::new(&namespace, &name);
    let Some(views) = (site.ask)(Some(vec![key.clone()])).await else { return silent() };
    let (Some(view), Some(known)) = (views.first(), site.board.recall(&key, trace::SPAN)) else {
        return (StatusCode::NOT_FOUND, "there is no such WorkerPool\n").into_response();
    };
    match what_if::replay(view, &known.trace, site.board.now(), &wish) {
        Some(replay) => json(serde_json::to_string(&replay).unwrap_or_default()),
        None => {
            (StatusCode::UNPROCESSABLE_ENTITY, "this pool's rules need more than the last hour's facts\n")
                .into_response()
        }
    }
}

fn json(text: String) -> Response {
    ([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")], text).into_response()
}

fn silent() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, "the operator does not answer\n").into_response()
}

/// What every answer says to a browser.
async fn guarded(mut response: Response) -> Response {
    let all = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
    ];
    response.headers_mut().extend(all.map(|(name, value)| (name, HeaderValue::from_static(value))));
    response
}
