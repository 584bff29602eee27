//! The queries about workers, metrics, and the API description.

use super::{Front, HttpError};
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use protocol::snapshot::{self, Snapshot, State as WorkerState};
use serde_json::{Value, json};
use std::sync::Arc;

pub type JsonResponse = Result<Json<Value>, HttpError>;

/// `GET /api/openapi.json`
pub async fn openapi() -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "application/json")],
        include_str!("openapi.json"),
    )
}

/// `GET /api/workers/status/`
pub async fn workers(State(front): State<Arc<Front>>) -> JsonResponse {
    let snapshot = snapshot(&front).await?;
    let running = running_tasks(&front, &snapshot).await?;
    let workers: Vec<Value> = snapshot
        .workers
        .iter()
        .zip(running)
        .map(|(it, (_, task))| {
            let seconds = it.since.map(|since| (snapshot.time - since).max(0) / 1_000);
            json!({
                "id": it.id, "pod": it.pod, "state": it.state.map(state_name), "seconds": seconds, "task": task,
                "claimed": it.claimed, "cpuPercent": it.cpu, "memoryBytes": it.memory,
                "stalled": it.is_stalled(snapshot.time),
            })
        })
        .collect();
    Ok(Json(json!({
        "live": workers.len(), "dead": snapshot.dead, "deadClaimed": snapshot.dead_claimed, "workers": workers,
    })))
}

/// `GET /api/metrics/`
pub async fn metrics(State(front): State<Arc<Front>>) -> JsonResponse {
    let snapshot = snapshot(&front).await?;
    let in_state = |state| {
        snapshot
            .workers
            .iter()
            .filter(|it| it.state == Some(state))
            .count()
    };
    let live = snapshot.workers.len();
    let busy = in_state(WorkerState::Busy);
    let done = snapshot.processed.unwrap_or(0);
    let failed = snapshot.failed.unwrap_or(0);
    let cpu: Vec<f64> = snapshot.workers.iter().filter_map(|it| it.cpu).collect();
    let ended = done.saturating_add(failed);
    let held = snapshot
        .ready
        .saturating_add(snapshot.due)
        .saturating_add(snapshot.claimed);
    let accounted = ended.saturating_add(held);
    Ok(Json(json!({
        "queue": {
            "waiting": snapshot.ready, "delayed": snapshot.due, "inFlight": snapshot.claimed,
            "oldestSeconds": snapshot.oldest_age().map(|it| it.as_secs()),
        },
        "workers": {
            "live": live, "idle": in_state(WorkerState::Idle), "busy": busy,
            "draining": in_state(WorkerState::Draining), "dead": snapshot.dead,
            "utilizationPercent": percent(busy as u64, live as u64),
            "cpuPercent": mean(&cpu),
        },
        "tasks": {
            "arrived": snapshot.arrived, "done": done, "failed": failed, "successPercent": percent(done, ended),
            "lost": front.losses.count(), "lostClaims": snapshot.lost_claims.unwrap_or(0),
            "meanMillis": snapshot.millis.and_then(|it| it.checked_div(done)),
            // A bare LPUSH does not count its tasks as arrived: then there is nothing to compare.
            "unaccounted": snapshot.arrived.map(|it| i128::from(it) - i128::from(accounted)),
        },
    })))
}

pub async fn snapshot(front: &Front) -> Result<Snapshot, HttpError> {
    let mut commands = redis::pipe();
    commands.add_command(snapshot::command_in_full(&front.keys));
    let (reply,) = front.redis.query(&commands).await?;
    snapshot::parse(reply).map_err(|message| HttpError::new(StatusCode::BAD_GATEWAY, message))
}

/// The id and the running task of each live worker, in the order of the snapshot.
pub async fn running_tasks(
    front: &Front,
    snapshot: &Snapshot,
) -> Result<Vec<(String, Option<String>)>, HttpError> {
    let mut commands = redis::pipe();
    for worker in &snapshot.workers {
        commands.hget(front.keys.worker(&worker.id), "task");
    }
    let tasks: Vec<Option<String>> = if snapshot.workers.is_empty() {
        Vec::new()
    } else {
        front.redis.query(&commands).await?
    };
    Ok(snapshot
        .workers
        .iter()
        .map(|it| it.id.clone())
        .zip(tasks)
        .collect())
}

fn state_name(state: WorkerState) -> &'static str {
    match state {
        WorkerState::Idle => "idle",
        WorkerState::Busy => "busy",
        WorkerState::Draining => "draining",
    }
}

/// `None` if `whole` is 0. The numbers are whatever Redis holds.
fn percent(part: u64, whole: u64) -> Option<u64> {
    let percent = (100 * u128::from(part)).checked_div(whole.into())?;
    u64::try_from(percent).ok()
}

/// Rounded to one decimal; `None` without values.
fn mean(values: &[f64]) -> Option<f64> {
    let n = u32::try_from(values.len()).ok().filter(|it| *it > 0)?;
    Some((values.iter().sum::<f64>() / f64::from(n) * 10.0).round() / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_any_counters_is_a_percentage() {
        for (part, whole, expected) in [
            (1, 3, Some(33)),
            (u64::MAX, u64::MAX, Some(100)),
            (5, 0, None),
        ] {
            assert_eq!(percent(part, whole), expected, "{part} of {whole}");
        }
    }
}
