//! The read-only dashboard: a page, one stream of changes, and the same data as JSON. It depends on neither Kubernetes
//! nor Redis: its caller passes in the function that returns the pools.

mod access;
mod assets;
mod guard;
mod history;
mod store;
mod stream;
mod summary;
mod visible;
mod what_if;
mod wire_format;
mod workers;

pub use access::{Access, Refusal, Review, Reviewer};
pub use api::Sample;
pub use guard::Hosts;
pub use store::DashboardStore;
pub use summary::summary;
pub use wire_format::Rules;
pub use workers::{WorkerRow, Workers};

use access::{Streams, Viewer};
use api::{Explanation, Key, ScheduledSpec, WorkerPoolStatus};
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response, Result};
use axum::routing::get;
use axum::{Extension, Json, Router};
use decide::{Memory, Observation, Time};
use futures::future::BoxFuture;
use futures::stream::{StreamExt, unfold};
use serde::{Deserialize, Serialize};
use sim::why_not;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};
use stream::Broadcaster;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio_util::sync::CancellationToken;
use visible::Visible;

/// One pool as the page shows it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PoolView {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// `spec.minReplicas` and `spec.maxReplicas`; `None` while its spec is invalid.
    pub bounds: Option<(i32, i32)>,
    /// Its rules; `None` while its spec is invalid.
    pub rules: Option<Rules>,
    /// The change that is being written to the target.
    pub pending: Option<Explanation>,
    /// The newest status, whether it is written already or not.
    pub status: WorkerPoolStatus,
    /// The data that only the pool's page needs.
    #[serde(skip)]
    pub detail: Option<Box<Detail>>,
}

/// The input of a pool's decision, and its workers.
#[derive(Clone, Debug)]
pub struct Detail {
    /// Its spec; `None` while the spec is invalid.
    pub spec: Option<ScheduledSpec>,
    /// Its observation; `None` before the first poll, or without a target.
    pub observation: Option<Observation>,
    /// What earlier decisions remembered.
    pub memory: Memory,
    /// Its workers.
    pub workers: Workers,
}

/// Which pools, and how much data of each.
#[derive(Debug)]
pub enum ViewQuery {
    /// All pools, with their full status.
    All,
    /// These pools, with only what the stream sends: most of a status is history.
    Summary(Vec<Key>),
    /// One pool with its detail, for its page.
    Detail(Key),
}

/// Returns the pools of a query; `None` without an answer from the operator.
pub type Ask = Arc<dyn Fn(ViewQuery) -> BoxFuture<'static, Option<Vec<PoolView>>> + Send + Sync>;

/// Allows only our own files, and no text that could become markup.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

const NOT_FOUND: (StatusCode, &str) = (StatusCode::NOT_FOUND, "WorkerPool not found\n");
const UNAVAILABLE: (StatusCode, &str) = (
    StatusCode::SERVICE_UNAVAILABLE,
    "the operator does not answer\n",
);

/// The highest replica count in a question; admission allows no higher one.
const MAX_REPLICAS: i32 = 100_000;

/// The least pause between two computations. It is as long as the one before, so that computations take half of a processor
/// at the most, however many viewers ask: what answers them shares the processors with what scales.
const REST: Duration = Duration::from_millis(5);

/// The state that all routes share.
#[derive(Clone)]
struct Site {
    store: Arc<DashboardStore>,
    ask: Ask,
    broadcaster: Broadcaster,
    streams: Streams,
    /// One computation at a time, on a thread of its own, and of a low priority: those that read Redis and write scales never
    /// wait for one.
    computing: Arc<Semaphore>,
}

/// The page, its stream at `/api/stream`, and its data at `/api/pools`, for requests to one of `hosts` by whom `access`
/// lets in. The streams end when `stop` is cancelled.
pub fn router(
    store: Arc<DashboardStore>,
    ask: Ask,
    hosts: Hosts,
    access: Access,
    stop: CancellationToken,
) -> Router {
    Router::new()
        .route("/api/stream", get(stream))
        .route("/api/pools", get(pools))
        .route("/api/pools/{namespace}/{name}", get(pool))
        .route("/api/pools/{namespace}/{name}/steps", get(steps))
        .route("/api/pools/{namespace}/{name}/workers", get(workers))
        .route("/api/pools/{namespace}/{name}/what-if", get(what_if))
        .route("/api/pools/{namespace}/{name}/why-not", get(counterfactual))
        .fallback_service(get(|uri: Uri, headers: HeaderMap| async move {
            assets::serve(uri.path(), &headers)
        }))
        .layer(from_fn_with_state(access, access::authenticate))
        .layer(from_fn_with_state(hosts, guard::guard))
        .layer(map_response(add_security_headers))
        .with_state(Site::new(store, ask, stop))
}

async fn stream(
    State(site): State<Site>,
    Extension(viewer): Extension<Viewer>,
) -> Result<impl IntoResponse> {
    let too_many = (StatusCode::TOO_MANY_REQUESTS, "too many streams\n");
    let open = site.streams.open(&viewer).ok_or(too_many)?;
    let messages = site.broadcaster.subscribe().await.ok_or(UNAVAILABLE)?;
    let state = (Box::pin(messages), Visible::new(viewer), open);
    let visible = unfold(state, |(mut messages, mut visible, open)| async {
        let message = visible.part(messages.next().await?).await?;
        Some((Ok::<_, Infallible>(message), (messages, visible, open)))
    });
    // Tells nginx not to buffer the stream.
    let no_buffering = (HeaderName::from_static("x-accel-buffering"), "no");
    Ok((
        [
            (CONTENT_TYPE, "text/event-stream"),
            (CACHE_CONTROL, "no-store"),
            no_buffering,
        ],
        Body::from_stream(visible),
    ))
}

async fn pools(State(site): State<Site>, Extension(viewer): Extension<Viewer>) -> Result<Response> {
    let mut shown = Vec::new();
    for pool in (site.ask)(ViewQuery::All).await.ok_or(UNAVAILABLE)? {
        if viewer.may_see(&pool.namespace).await? {
            shown.push(pool);
        }
    }
    Ok(json(shown))
}

impl Site {
    fn new(store: Arc<DashboardStore>, ask: Ask, stop: CancellationToken) -> Self {
        Self {
            broadcaster: Broadcaster::start(store.clone(), ask.clone(), stop),
            store,
            ask,
            streams: Streams::default(),
            computing: Arc::new(Semaphore::new(1)),
        }
    }

    /// The pool that a path names, or the error response.
    async fn pool(
        &self,
        viewer: &Viewer,
        (namespace, name): &(String, String),
    ) -> Result<PoolView> {
        viewer.require(namespace).await?;
        let query = ViewQuery::Detail(Key::new(namespace, name));
        let views = (self.ask)(query).await.ok_or(UNAVAILABLE)?;
        Ok(views.into_iter().next().ok_or(NOT_FOUND)?)
    }

    /// A turn to compute for a viewer who may see this namespace, or the error response. Whoever waits for it has not asked
    /// the loop for anything yet.
    async fn turn(&self, viewer: &Viewer, namespace: &str) -> Result<OwnedSemaphorePermit> {
        viewer.require(namespace).await?;
        let turn = Arc::clone(&self.computing).acquire_owned().await;
        Ok(turn.map_err(|_| UNAVAILABLE)?)
    }

    /// The result of a computation that takes milliseconds, or the error response.
    async fn compute<T: Send + 'static>(
        &self,
        turn: OwnedSemaphorePermit,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let message =
            "the operator cannot compute this: a fault of the operator, please report it\n";
        let failed = (StatusCode::INTERNAL_SERVER_ERROR, message);
        let (answer, computed) = oneshot::channel();
        let thread = std::thread::Builder::new().name("computation".to_owned());
        let started = thread.spawn(move || {
            // Held until the end, also where the viewer has gone.
            let _turn = turn;
            give_way();
            let begun = Instant::now();
            let _ = answer.send(work());
            std::thread::sleep(begun.elapsed().max(REST));
        });
        started.map_err(|_| failed)?;
        // A panic in it is this answer's fault and no other's.
        Ok(computed.await.map_err(|_| failed)?)
    }
}

async fn pool(
    State(site): State<Site>,
    Extension(viewer): Extension<Viewer>,
    Path(path): Path<(String, String)>,
) -> Result<Response> {
    let view = site.pool(&viewer, &path).await?;
    let detail = wire_format::pool(&site.store, &view);
    Ok(json(detail.ok_or(NOT_FOUND)?))
}

async fn steps(
    State(site): State<Site>,
    Extension(viewer): Extension<Viewer>,
    Path(path): Path<(String, String)>,
) -> Result<Response> {
    let view = site.pool(&viewer, &path).await?;
    Ok(json(view.status.decision.map(|decision| decision.steps)))
}

/// The workers and the order of their removal, from the operator's memory.
async fn workers(
    State(site): State<Site>,
    Extension(viewer): Extension<Viewer>,
    Path(path): Path<(String, String)>,
) -> Result<Response> {
    let view = site.pool(&viewer, &path).await?;
    Ok(json(view.detail.ok_or(NOT_FOUND)?.workers))
}

/// Replays the last hour with other rules. It changes nothing, and takes a bounded time of a few milliseconds.
async fn what_if(
    State(site): State<Site>,
    Extension(viewer): Extension<Viewer>,
    Path(path): Path<(String, String)>,
    Query(overrides): Query<what_if::Query>,
) -> Result<Response> {
    let turn = site.turn(&viewer, &path.0).await?;
    let view = site.pool(&viewer, &path).await?;
    let series = site.store.series(&view.key(), history::SPAN);
    let series = series.ok_or(NOT_FOUND)?;
    let spec = view.detail.and_then(|detail| detail.spec);
    let now = site.store.now();
    let replay = move || what_if::replay(&spec?, &series.samples, now, &overrides);
    let replay = site.compute(turn, replay).await?;
    let message = "cannot replay this pool: its rules need more data than the history has\n";
    let unprocessable = (StatusCode::UNPROCESSABLE_ENTITY, message);
    Ok(json(replay.ok_or(unprocessable)?))
}

/// The replica count in a why-not question.
#[derive(Deserialize)]
struct WhyNotQuery {
    workers: i32,
}

/// What prevents another replica count, with the same time bound as a replay; `null` if the spec is invalid, or if the
/// target or the metrics are not known.
async fn counterfactual(
    State(site): State<Site>,
    Extension(viewer): Extension<Viewer>,
    Path(path): Path<(String, String)>,
    Query(WhyNotQuery { workers }): Query<WhyNotQuery>,
) -> Result<Response> {
    let turn = site.turn(&viewer, &path.0).await?;
    let view = site.pool(&viewer, &path).await?;
    let detail = view.detail.ok_or(NOT_FOUND)?;
    let now = Time(site.store.now());
    let wanted = workers.clamp(0, MAX_REPLICAS);
    let answer = move || {
        let (mut spec, observation) = detail.spec.zip(detail.observation)?;
        Some(why_not(spec.at(now), &observation, &detail.memory, now, wanted).json())
    };
    Ok(json(site.compute(turn, answer).await?))
}

/// Lets the threads that read Redis and write scales run before this one, where there are too few processors for all. It has
/// to end with its work: it cannot take that back.
fn give_way() {
    #[cfg(target_os = "linux")] // Elsewhere it would be the whole process.
    let _ = rustix::process::setpriority_process(None, 19);
}

fn json(value: impl Serialize) -> Response {
    ([(CACHE_CONTROL, "no-store")], Json(value)).into_response()
}

/// Adds the security headers to every response.
async fn add_security_headers(mut response: Response) -> Response {
    let headers = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
    ];
    response
        .headers_mut()
        .extend(headers.map(|(name, value)| (name, HeaderValue::from_static(value))));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> Site {
        let ask: Ask = Arc::new(|_| Box::pin(async { None }));
        Site::new(Arc::default(), ask, CancellationToken::new())
    }

    async fn turn(site: &Site) -> OwnedSemaphorePermit {
        Arc::clone(&site.computing)
            .acquire_owned()
            .await
            .expect("a turn")
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_computation_gives_way_to_all_else() {
        let priority = || rustix::process::getpriority_process(None).expect("a priority");
        let before = priority();
        let site = site();
        let turn = turn(&site).await;
        assert_eq!(site.compute(turn, priority).await.expect("an answer"), 19);
        assert_eq!(priority(), before);
    }

    #[tokio::test]
    async fn a_panic_in_a_computation_is_the_fault_of_its_answer_only() {
        let site = site();
        let panics = || -> i32 { panic!("divided by 0") };
        let refused = site.compute(turn(&site).await, panics).await;
        assert!(refused.is_err());
        assert_eq!(
            refused.map(drop).into_response().status(),
            StatusCode::INTERNAL_SERVER_ERROR
        );
        let answer = site.compute(turn(&site).await, || 7).await;
        assert_eq!(answer.expect("an answer"), 7);
    }

    #[tokio::test]
    async fn computations_take_half_of_the_time_at_the_most() {
        let site = site();
        let begun = Instant::now();
        for _ in 0..10 {
            let work = || std::thread::sleep(Duration::from_millis(10));
            site.compute(turn(&site).await, work)
                .await
                .expect("an answer");
        }
        // The last one has not rested yet.
        assert!(begun.elapsed() >= Duration::from_millis(190));
    }
}
