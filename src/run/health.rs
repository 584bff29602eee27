//! Health, readiness and metrics over HTTP.

use super::inbox::Events;
use crate::dashboard::Ask;
use crate::fleet::event::Event;
use crate::report::Metrics;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::Instant;

/// The longest time between two iterations of the event loop; after ten times as long without one, the operator is
/// unhealthy.
pub(super) const MAX_TICK: Duration = Duration::from_secs(3);
/// How long the event loop may take to answer an HTTP request.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The most questions of viewers that wait in the inbox of the loop.
const QUESTIONS: usize = 1;

/// What the HTTP handlers share.
#[derive(Clone)]
pub(super) struct HealthState {
    pub events: Events,
    pub metrics: Arc<Metrics>,
    pub liveness: Arc<Mutex<Liveness>>,
}

/// The state of the event loop: the loop writes it, the probes read it.
pub(super) struct Liveness {
    /// When the last iteration began.
    pub last_tick: Instant,
    /// Resources whose initial list is not complete yet.
    pub pending: Vec<String>,
    /// Another instance holds the lease: this one can take over, and its event loop has not started.
    pub standby: bool,
}

impl Liveness {
    pub fn start() -> Self {
        Self {
            last_tick: Instant::now(),
            pending: vec!["all resources".to_owned()],
            standby: false,
        }
    }
}

pub(super) fn router(state: HealthState) -> Router {
    Router::new()
        .route("/healthz", get(health))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(state)
}

async fn health(State(state): State<HealthState>) -> impl IntoResponse {
    let liveness = state.liveness();
    let age = liveness.last_tick.elapsed();
    if liveness.standby || age < MAX_TICK * 10 {
        (StatusCode::OK, "alive\n".to_owned())
    } else {
        let message = format!("event loop stalled for {} s\n", age.as_secs());
        (StatusCode::SERVICE_UNAVAILABLE, message)
    }
}

async fn ready(State(state): State<HealthState>) -> impl IntoResponse {
    let liveness = state.liveness();
    if liveness.standby {
        let message = "standing by: another instance holds the lease\n";
        (StatusCode::OK, message.to_owned())
    } else if liveness.pending.is_empty() {
        (StatusCode::OK, "ready\n".to_owned())
    } else {
        let pending = liveness.pending.join(", ");
        let message = format!("waiting for the initial list of: {pending}\n");
        (StatusCode::SERVICE_UNAVAILABLE, message)
    }
}

async fn metrics(State(state): State<HealthState>) -> impl IntoResponse {
    let pools = async {
        if state.liveness().standby {
            // The event loop has not started, and there are no pools.
            return Some(Vec::new());
        }
        let (sender, receiver) = oneshot::channel();
        state.events.send(Event::Scrape(sender)).await.ok()?;
        receiver.await.ok()
    };
    match tokio::time::timeout(TIMEOUT, pools).await {
        Ok(Some(pools)) => {
            let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            (
                StatusCode::OK,
                [("content-type", content_type)],
                state.metrics.encode(pools),
            )
                .into_response()
        }
        _ => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the event loop does not answer\n",
        )
            .into_response(),
    }
}

impl HealthState {
    pub(super) fn liveness(&self) -> MutexGuard<'_, Liveness> {
        self.liveness.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Queries the event loop for the dashboard. An instance that stands by has nothing to answer and says so at once:
/// questions would pile up until it leads.
pub(super) fn ask(state: HealthState) -> Ask {
    let questions = Arc::new(Semaphore::new(QUESTIONS));
    Arc::new(move |query| {
        let (events, questions) = (state.events.clone(), Arc::clone(&questions));
        let stands_by = state.liveness().standby;
        Box::pin(async move {
            if stands_by {
                return None;
            }
            let answer = async {
                let _turn = questions.acquire().await.ok()?;
                let (sender, receiver) = oneshot::channel();
                events.send(Event::View(query, sender)).await.ok()?;
                receiver.await.ok()
            };
            tokio::time::timeout(TIMEOUT, answer).await.ok()?
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dashboard::ViewQuery;

    #[tokio::test(start_paused = true)]
    async fn a_standby_answers_the_dashboard_at_once_and_asks_nothing() {
        let (events, mut inbox) = crate::run::inbox::inbox();
        let state = HealthState {
            events,
            metrics: Arc::new(Metrics::new()),
            liveness: Arc::new(Mutex::new(Liveness::start())),
        };
        state.liveness().standby = true;
        let begun = Instant::now();
        let answer = ask(state.clone())(ViewQuery::All).await;
        assert!(answer.is_none() && begun.elapsed() < TIMEOUT);
        assert!(inbox.try_recv().is_err());
        state.liveness().standby = false;
        ask(state)(ViewQuery::All).await;
        assert!(matches!(inbox.try_recv(), Ok((Event::View(..), _))));
    }
}
