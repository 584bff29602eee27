//! The read-only page of all pools, and the same as JSON. It knows no Kubernetes and no Redis: who serves it hands in
//! what to show.

mod page;

use crate::api::WorkerPoolStatus;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures::future::BoxFuture;
use serde::Serialize;
use std::sync::Arc;

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
    /// What its status says, or is about to say.
    pub status: WorkerPoolStatus,
}

/// Asks for all pools; `None` when there is no answer.
pub type Ask = Arc<dyn Fn() -> BoxFuture<'static, Option<Vec<PoolView>>> + Send + Sync>;

/// Only our own style, no script, no request to anywhere.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page at `/` and its facts at `/api/pools`.
pub fn router(ask: Ask) -> Router {
    Router::new().route("/", get(html)).route("/api/pools", get(json)).with_state(ask)
}

async fn html(State(ask): State<Ask>) -> Response {
    match ask().await {
        Some(pools) => answer("text/html; charset=utf-8", page::render(pools)),
        None => silent(),
    }
}

async fn json(State(ask): State<Ask>) -> Response {
    match ask().await.and_then(|pools| serde_json::to_string(&pools).ok()) {
        Some(text) => answer("application/json", text),
        None => silent(),
    }
}

fn answer(kind: &'static str, body: String) -> Response {
    let headers = [(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-store"), (CONTENT_SECURITY_POLICY, POLICY)];
    (StatusCode::OK, headers, body).into_response()
}

fn silent() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, "the operator does not answer\n").into_response()
}
