//! The read-only dashboard: a page, one stream of what changes, and the same facts as JSON. It knows no Kubernetes and
//! no Redis: who serves it hands in what to show.

mod assets;
mod history;
mod store;
mod stream;
mod what_if;
mod wire_format;
mod workers;

pub use store::{DashboardStore, Sample};
pub use wire_format::{Rules, summary};
pub use workers::{WorkerRow, Workers};

use api::{Key, ScheduledSpec, WorkerPoolStatus};
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
use decide::{Memory, Observation, Time};
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use sim::why_not;
use std::sync::Arc;
use stream::Broadcaster;
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
    /// What its status says, or is about to say.
    pub status: WorkerPoolStatus,
    /// What only its own page needs.
    #[serde(skip)]
    pub detail: Option<Box<Detail>>,
}

/// One pool from inside: all that a decision on it is taken on, and who works.
#[derive(Clone, Debug)]
pub struct Detail {
    /// Its spec; `None` while that cannot work.
    pub spec: Option<ScheduledSpec>,
    /// What was seen; `None` before the first look, or without a target.
    pub observation: Option<Observation>,
    /// What was remembered.
    pub memory: Memory,
    /// Its workers.
    pub workers: Workers,
}

/// Which pools, and how much of each.
#[derive(Debug)]
pub enum ViewQuery {
    /// All of them.
    All,
    /// These, and of what is said of each only what the stream tells: most of a status is history.
    Summary(Vec<Key>),
    /// One from inside: its page is open.
    Detail(Key),
}

/// Asks for pools; `None` when there is no answer.
pub type Ask = Arc<dyn Fn(ViewQuery) -> BoxFuture<'static, Option<Vec<PoolView>>> + Send + Sync>;

/// Our own files and nothing else, and no text that could become markup.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// The most workers that somebody can ask about; admission allows no more.
const MOST: i32 = 100_000;

/// What the routes share.
#[derive(Clone)]
struct Site {
    board: Arc<DashboardStore>,
    ask: Ask,
    hub: Broadcaster,
}

/// The page, its stream at `/api/stream`, and its facts at `/api/pools`. Streams end with `stop`.
pub fn router(board: Arc<DashboardStore>, ask: Ask, stop: CancellationToken) -> Router {
    let hub = Broadcaster::start(board.clone(), ask.clone(), stop);
    Router::new()
        .route("/api/stream", get(stream))
        .route("/api/pools", get(pools))
        .route("/api/pools/{namespace}/{name}", get(pool))
        .route("/api/pools/{namespace}/{name}/steps", get(steps))
        .route("/api/pools/{namespace}/{name}/workers", get(workers))
        .route("/api/pools/{namespace}/{name}/what-if", get(what_if))
        .route("/api/pools/{namespace}/{name}/why-not", get(why_it_is_not))
        .fallback_service(get(|uri: Uri, asked: HeaderMap| async move {
            assets::serve(uri.path(), &asked)
        }))
        .layer(map_response(guarded))
        .with_state(Site { board, ask, hub })
}

async fn stream(State(site): State<Site>) -> Response {
    let quick = (HeaderName::from_static("x-accel-buffering"), "no");
    match site.hub.subscribe().await {
        Some(body) => (
            [
                (CONTENT_TYPE, "text/event-stream"),
                (CACHE_CONTROL, "no-store"),
                quick,
            ],
            body,
        )
            .into_response(),
        None => silent(),
    }
}

async fn pools(State(site): State<Site>) -> Response {
    match (site.ask)(ViewQuery::All)
        .await
        .and_then(|pools| serde_json::to_string(&pools).ok())
    {
        Some(text) => json(text),
        None => silent(),
    }
}

impl Site {
    /// The pool that a path names, or what to answer instead.
    async fn pool(&self, (namespace, name): &(String, String)) -> Result<PoolView, Response> {
        let views = (self.ask)(ViewQuery::Detail(Key::new(namespace, name)))
            .await
            .ok_or_else(silent)?;
        views.into_iter().next().ok_or_else(missing)
    }
}

async fn pool(
    State(site): State<Site>,
    Path(path): Path<(String, String)>,
) -> Result<Response, Response> {
    let view = site.pool(&path).await?;
    wire_format::pool(&site.board, &view)
        .map(json)
        .ok_or_else(missing)
}

async fn steps(
    State(site): State<Site>,
    Path(path): Path<(String, String)>,
) -> Result<Response, Response> {
    let view = site.pool(&path).await?;
    let steps = view
        .status
        .decision
        .as_ref()
        .map(|decision| &decision.steps);
    Ok(json(serde_json::to_string(&steps).unwrap_or_default()))
}

/// Who works and who would go next, as the operator has it in memory.
async fn workers(
    State(site): State<Site>,
    Path(path): Path<(String, String)>,
) -> Result<Response, Response> {
    let staff = site.pool(&path).await?.detail.ok_or_else(missing)?.workers;
    Ok(json(serde_json::to_string(&staff).unwrap_or_default()))
}

/// The last hour under other rules. It is a few milliseconds of work, bounded, and changes nothing.
async fn what_if(
    State(site): State<Site>,
    Path(path): Path<(String, String)>,
    Query(wish): Query<what_if::Query>,
) -> Result<Response, Response> {
    let view = site.pool(&path).await?;
    let known = site
        .board
        .series(&view.key(), history::SPAN)
        .ok_or_else(missing)?;
    let wishes = view.detail.and_then(|inside| inside.spec);
    let replay =
        wishes.and_then(|wishes| what_if::replay(&wishes, &known.trace, site.board.now(), &wish));
    let unfit = || {
        let why = "this pool's rules need more than the last hour's facts\n";
        (StatusCode::UNPROCESSABLE_ENTITY, why).into_response()
    };
    Ok(json(
        serde_json::to_string(&replay.ok_or_else(unfit)?).unwrap_or_default(),
    ))
}

/// A number of workers that somebody asks about.
#[derive(Deserialize)]
struct Other {
    workers: i32,
}

/// What forbids another number, as bounded as a replay; `null` where the spec cannot work, or its target or its facts are
/// not known.
async fn why_it_is_not(
    State(site): State<Site>,
    Path(path): Path<(String, String)>,
    Query(Other { workers }): Query<Other>,
) -> Result<Response, Response> {
    let inside = site.pool(&path).await?.detail.ok_or_else(missing)?;
    let now = Time(site.board.now());
    let found = inside
        .spec
        .zip(inside.observation)
        .map(|(mut wishes, seen)| {
            why_not(
                wishes.at(now),
                &seen,
                &inside.memory,
                now,
                workers.clamp(0, MOST),
            )
            .json()
        });
    Ok(json(found.unwrap_or_default().to_string()))
}

fn json(text: String) -> Response {
    (
        [
            (CONTENT_TYPE, "application/json"),
            (CACHE_CONTROL, "no-store"),
        ],
        text,
    )
        .into_response()
}

fn missing() -> Response {
    (StatusCode::NOT_FOUND, "there is no such WorkerPool\n").into_response()
}

fn silent() -> Response {
    (
        StatusCode::SERVICE_UNAVAILABLE,
        "the operator does not answer\n",
    )
        .into_response()
}

/// What every answer says to a browser.
async fn guarded(mut response: Response) -> Response {
    let all = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
    ];
    response
        .headers_mut()
        .extend(all.map(|(name, value)| (name, HeaderValue::from_static(value))));
    response
}
