//! Health, readiness and metrics over HTTP.

use super::watches::Events;
use crate::dashboard::Ask;
use crate::fleet::event::Event;
use crate::report::Metrics;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// The loop ticks at least this often; ten times as long without a beat is not alive.
pub(super) const MAX_TICK: Duration = Duration::from_secs(3);

/// What the loop shows of itself.
#[derive(Clone)]
pub(super) struct HealthState {
    pub events: Events,
    pub metrics: Arc<Metrics>,
    pub pulse: Arc<Mutex<Liveness>>,
}

/// Written by the loop, read by the probes.
pub(super) struct Liveness {
    pub beat: Instant,
    /// What readiness still waits for.
    pub awaited: Vec<String>,
    /// Another operator leads: ready to take over, and there is no loop yet.
    pub standby: bool,
}

impl Liveness {
    pub fn start() -> Self {
        Self {
            beat: Instant::now(),
            awaited: vec!["the first lists".to_owned()],
            standby: false,
        }
    }
}

pub(super) fn router(admin: HealthState) -> Router {
    Router::new()
        .route("/healthz", get(health))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(admin)
}

async fn health(State(admin): State<HealthState>) -> impl IntoResponse {
    let (age, standby) = admin.pulse.lock().map_or((Duration::MAX, false), |pulse| {
        (pulse.beat.elapsed(), pulse.standby)
    });
    if standby || age < MAX_TICK * 10 {
        (StatusCode::OK, "alive\n".to_owned())
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("the loop has not moved for {} s\n", age.as_secs()),
        )
    }
}

async fn ready(State(admin): State<HealthState>) -> impl IntoResponse {
    let (awaited, standby) = admin.pulse.lock().map_or_else(
        |_| (vec!["the loop".to_owned()], false),
        |pulse| (pulse.awaited.clone(), pulse.standby),
    );
    if standby {
        (
            StatusCode::OK,
            "ready to take over: another operator leads\n".to_owned(),
        )
    } else if awaited.is_empty() {
        (StatusCode::OK, "ready\n".to_owned())
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("waiting for the first list of: {}\n", awaited.join(", ")),
        )
    }
}

async fn metrics(State(admin): State<HealthState>) -> impl IntoResponse {
    let (answer, pools) = oneshot::channel();
    if admin.pulse.lock().is_ok_and(|pulse| pulse.standby) {
        // No loop runs yet, and no pool is known.
        let _ = answer.send(Vec::new());
    } else {
        let _ = admin.events.send(Event::Scrape(answer));
    }
    match tokio::time::timeout(Duration::from_secs(5), pools).await {
        Ok(Ok(pools)) => {
            let kind = [(
                "content-type",
                "application/openmetrics-text; version=1.0.0; charset=utf-8",
            )];
            (StatusCode::OK, kind, admin.metrics.encode(pools)).into_response()
        }
        _ => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the loop does not answer\n",
        )
            .into_response(),
    }
}

/// Asks the loop what the page shows.
pub(super) fn ask(events: Events) -> Ask {
    Arc::new(move |wanted| {
        let events = events.clone();
        Box::pin(async move {
            let (answer, pools) = oneshot::channel();
            events.send(Event::View(wanted, answer)).ok()?;
            tokio::time::timeout(Duration::from_secs(5), pools)
                .await
                .ok()?
                .ok()
        })
    })
}
