//! The queries: tasks and their results, workers, metrics, and the API description.

use super::{Front, HttpError};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use protocol::RESULT_TTL;
use protocol::snapshot::{self, Snapshot, State as WorkerState};
use serde_json::{Value, json};
use std::sync::Arc;

/// A task's result, and when the front pushed it, in milliseconds since 1970.
type Lookup = (Option<Vec<u8>>, Option<i64>);

type JsonResponse = Result<Json<Value>, HttpError>;

/// `GET /api/openapi.json`
pub async fn openapi() -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "application/json")],
        include_str!("openapi.json"),
    )
}

/// `GET /api/tasks/{id}`: `pending` (waits or runs), `done` or `failed`.
pub async fn task(State(front): State<Arc<Front>>, Path(id): Path<String>) -> JsonResponse {
    let mut lookup = redis::pipe();
    lookup
        .get(front.keys.result(&id))
        .get(front.keys.pushed(&id));
    let (result, _): Lookup = front.redis.query(&lookup).await?;
    if let Some(result) = result {
        return Ok(Json(task_json(&id, &result)));
    }
    let snapshot = snapshot(&front).await?;
    let running = running_tasks(&front, &snapshot).await?;
    if let Some((worker, _)) = running
        .iter()
        .find(|(_, task)| task.as_deref() == Some(id.as_str()))
    {
        return Ok(Json(
            json!({"id": id, "status": "pending", "worker": worker}),
        ));
    }
    // The task may have ended between the two reads.
    let (result, pushed_at): Lookup = front.redis.query(&lookup).await?;
    if let Some(result) = result {
        return Ok(Json(task_json(&id, &result)));
    }
    let ttl = i64::try_from(RESULT_TTL.as_millis()).unwrap_or(i64::MAX);
    match pushed_at {
        None => Err(HttpError::not_found(format!("unknown task {id:?}"))
            .hint("use an id from a response of POST /api/process-batch/distributed/ in the last 24 hours")),
        // All tasks still in the queue are younger: this one has ended.
        Some(pushed_at)
            if snapshot.time - pushed_at > ttl
                && snapshot.oldest_at.is_none_or(|oldest| oldest > pushed_at) =>
        {
            Err(HttpError::new(
                StatusCode::GONE,
                format!("the result of the task {id:?} has expired"),
            )
            .hint("read results within an hour, or send the image again"))
        }
        Some(_) => Ok(Json(json!({"id": id, "status": "pending"}))),
    }
}

/// `DELETE /api/tasks/{id}`: reads a result and deletes it, which makes room for new tasks.
pub async fn collect(State(front): State<Arc<Front>>, Path(id): Path<String>) -> JsonResponse {
    let collect = protocol::collect(&front.keys, &id);
    let Some(result) = front.redis.call(&collect).await? else {
        return Err(
            HttpError::not_found(format!("the task {id:?} has no result"))
                .hint("GET /api/tasks/<id> returns its status"),
        );
    };
    let () = front
        .redis
        .query(redis::pipe().del(front.keys.pushed(&id)).ignore())
        .await?;
    Ok(Json(task_json(&id, &result)))
}

/// `GET /api/tasks/{id}/image`: the image file, if the batch asked for one.
pub async fn image(
    State(front): State<Arc<Front>>,
    Path(id): Path<String>,
) -> Result<Response, HttpError> {
    let (result,): (Option<Vec<u8>>,) = front
        .redis
        .query(redis::pipe().get(front.keys.result(&id)))
        .await?;
    let result: Value = serde_json::from_slice(&result.unwrap_or_default()).unwrap_or_default();
    let image = &result["image"];
    let file = image["base64"]
        .as_str()
        .and_then(|it| BASE64_STANDARD.decode(it).ok());
    let (Some(format), Some(file)) = (image["format"].as_str(), file) else {
        return Err(
            HttpError::not_found(format!("the task {id:?} has no image")).hint(
                r#"set "output" in the batch, and wait until GET /api/tasks/<id> returns the status "done""#,
            ),
        );
    };
    Ok(([(header::CONTENT_TYPE, format!("image/{format}"))], file).into_response())
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
    let accounted = done + failed + snapshot.ready + snapshot.claimed;
    Ok(Json(json!({
        "queue": {
            "waiting": snapshot.ready, "inFlight": snapshot.claimed,
            "oldestSeconds": snapshot.oldest_age().map(|it| it.as_secs()),
        },
        "workers": {
            "live": live, "idle": in_state(WorkerState::Idle), "busy": busy,
            "draining": in_state(WorkerState::Draining), "dead": snapshot.dead,
            "utilizationPercent": percent(busy as u64, live as u64),
            "cpuPercent": mean(&cpu),
        },
        "tasks": {
            "arrived": snapshot.arrived, "done": done, "failed": failed, "successPercent": percent(done, done + failed),
            "meanMillis": snapshot.millis.and_then(|it| it.checked_div(done)),
            // A bare LPUSH does not count its tasks as arrived: then there is nothing to compare.
            "unaccounted": snapshot.arrived.map(|it| i128::from(it) - i128::from(accounted)),
        },
    })))
}

async fn snapshot(front: &Front) -> Result<Snapshot, HttpError> {
    let mut commands = redis::pipe();
    commands.add_command(snapshot::command_in_full(&front.keys));
    let (reply,) = front.redis.query(&commands).await?;
    snapshot::parse(reply).map_err(|message| HttpError::new(StatusCode::BAD_GATEWAY, message))
}

/// The id and the running task of each live worker, in the order of the snapshot.
async fn running_tasks(
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

/// The response for a task that has ended. An image is replaced by its URL.
fn task_json(id: &str, result: &[u8]) -> Value {
    let mut result: Value = serde_json::from_slice(result).unwrap_or_default();
    if let Some(error) = result.get("error") {
        return json!({"id": id, "status": "failed", "error": error, "attempts": result["attempts"]});
    }
    if let Some(image) = result.get_mut("image") {
        *image = json!({"format": image["format"], "url": format!("/api/tasks/{id}/image")});
    }
    json!({"id": id, "status": "done", "result": result})
}

fn state_name(state: WorkerState) -> &'static str {
    match state {
        WorkerState::Idle => "idle",
        WorkerState::Busy => "busy",
        WorkerState::Draining => "draining",
    }
}

/// `None` if `whole` is 0.
fn percent(part: u64, whole: u64) -> Option<u64> {
    (100 * part).checked_div(whole)
}

/// Rounded to one decimal; `None` without values.
fn mean(values: &[f64]) -> Option<f64> {
    let n = u32::try_from(values.len()).ok().filter(|it| *it > 0)?;
    Some((values.iter().sum::<f64>() / f64::from(n) * 10.0).round() / 10.0)
}
