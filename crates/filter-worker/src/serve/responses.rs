//! What is told of tasks, of workers, and of all together.

use super::{Front, HttpError};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use protocol::RESULT_TTL;
use protocol::snapshot;
use protocol::snapshot::{Snapshot, State as WorkerState};
use serde_json::{Value, json};
use std::sync::Arc;

/// A task's result, and when the front pushed it.
type Known = (Option<Vec<u8>>, Option<i64>);

type Answer = Result<Json<Value>, HttpError>;

/// The description of all this, as `OpenAPI` has it.
pub async fn openapi() -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "application/json")],
        include_str!("openapi.json"),
    )
}

/// Where a task is: `pending` (it waits or runs), `done` or `failed`.
pub async fn task(State(front): State<Arc<Front>>, Path(id): Path<String>) -> Answer {
    let mut ask = redis::pipe();
    ask.get(front.keys.result(&id)).get(front.keys.pushed(&id));
    let (result, _): Known = front.link.query(&ask).await?;
    if let Some(result) = result {
        return Ok(Json(task_json(&id, &result)));
    }
    let seen = snapshot(&front).await?;
    let running = runs(&front, &seen).await?;
    if let Some((worker, _)) = running
        .iter()
        .find(|(_, task)| task.as_deref() == Some(id.as_str()))
    {
        return Ok(Json(
            json!({"id": id, "status": "pending", "worker": worker}),
        ));
    }
    // Between the two looks it may have ended.
    let (result, pushed): Known = front.link.query(&ask).await?;
    if let Some(result) = result {
        return Ok(Json(task_json(&id, &result)));
    }
    let kept = i64::try_from(RESULT_TTL.as_millis()).unwrap_or(i64::MAX);
    match pushed {
        None => Err(HttpError::new(StatusCode::NOT_FOUND, format!("there is no task {id:?}"))
            .hint("ask for an id that POST /api/process-batch/distributed/ answered in the last 24 hours")),
        // The queue has gone past it.
        Some(at) if seen.time - at > kept && seen.oldest_at.is_none_or(|oldest| oldest > at) => {
            Err(HttpError::new(StatusCode::GONE, format!("the result of the task {id:?} is no longer kept"))
                .hint("read results within an hour, or send the image again"))
        }
        Some(_) => Ok(Json(json!({"id": id, "status": "pending"}))),
    }
}

/// Reads a result and forgets it, which makes room for others.
pub async fn collect(State(front): State<Arc<Front>>, Path(id): Path<String>) -> Answer {
    match front
        .link
        .call(&protocol::collect(&front.keys, &id))
        .await?
    {
        Some(result) => {
            let () = front
                .link
                .query(redis::pipe().del(front.keys.pushed(&id)).ignore())
                .await?;
            Ok(Json(task_json(&id, &result)))
        }
        None => Err(HttpError::new(
            StatusCode::NOT_FOUND,
            format!("the task {id:?} has no result"),
        )
        .hint("GET /api/tasks/<id> says where it is")),
    }
}

/// The image itself, where the batch asked for one.
pub async fn image(
    State(front): State<Arc<Front>>,
    Path(id): Path<String>,
) -> Result<Response, HttpError> {
    let (result,): (Option<Vec<u8>>,) = front
        .link
        .query(redis::pipe().get(front.keys.result(&id)))
        .await?;
    let result: Value = serde_json::from_slice(&result.unwrap_or_default()).unwrap_or_default();
    let image = &result["image"];
    let file = image["base64"]
        .as_str()
        .and_then(|it| BASE64_STANDARD.decode(it).ok());
    let (Some(format), Some(file)) = (image["format"].as_str(), file) else {
        return Err(HttpError::new(
            StatusCode::NOT_FOUND,
            format!("the task {id:?} has no image"),
        )
        .hint(
            r#"wait until GET /api/tasks/<id> says "done"; the batch must have had an "output""#,
        ));
    };
    Ok(([(header::CONTENT_TYPE, format!("image/{format}"))], file).into_response())
}

/// The workers, each with what it does.
pub async fn workers(State(front): State<Arc<Front>>) -> Answer {
    let seen = snapshot(&front).await?;
    let tasks = runs(&front, &seen).await?;
    let told: Vec<Value> = seen
        .workers
        .iter()
        .zip(tasks)
        .map(|(it, (_, task))| {
            let since = it.since.map(|since| (seen.time - since).max(0) / 1_000);
            json!({
                "id": it.id, "pod": it.pod, "state": it.state.map(state_name), "seconds": since, "task": task,
                "claimed": it.claimed, "cpuPercent": it.cpu, "memoryBytes": it.memory, "deaf": it.is_stalled(seen.time),
            })
        })
        .collect();
    Ok(Json(
        json!({"live": told.len(), "dead": seen.dead, "deadClaimed": seen.dead_claimed, "workers": told}),
    ))
}

/// The figures of the class: queue, workers, success.
pub async fn metrics(State(front): State<Arc<Front>>) -> Answer {
    let seen = snapshot(&front).await?;
    let in_state = |state| {
        seen.workers
            .iter()
            .filter(|it| it.state == Some(state))
            .count()
    };
    let [idle, busy, draining] =
        [WorkerState::Idle, WorkerState::Busy, WorkerState::Draining].map(in_state);
    let (done, failed) = (seen.processed.unwrap_or(0), seen.failed.unwrap_or(0));
    let cpu: Vec<f64> = seen.workers.iter().filter_map(|it| it.cpu).collect();
    let accounted = done + failed + seen.ready + seen.claimed;
    Ok(Json(json!({
        "queue": {
            "waiting": seen.ready, "inFlight": seen.claimed,
            "oldestSeconds": seen.oldest_age().map(|it| it.as_secs()),
        },
        "workers": {
            "live": seen.workers.len(), "idle": idle, "busy": busy, "draining": draining, "dead": seen.dead,
            "utilizationPercent": share(busy as u64, seen.workers.len() as u64),
            "cpuPercent": mean(&cpu),
        },
        "tasks": {
            "arrived": seen.arrived, "done": done, "failed": failed, "successPercent": share(done, done + failed),
            "meanMillis": seen.millis.and_then(|it| it.checked_div(done)),
            // Arrived = done + failed + waiting + in flight: anything but 0 is a task out of sight. A bare LPUSH
            // counts none as arrived: then there is nothing to compare.
            "outOfSight": seen.arrived.map(|it| i128::from(it) - i128::from(accounted)),
        },
    })))
}

async fn snapshot(front: &Front) -> Result<Snapshot, HttpError> {
    let mut ask = redis::pipe();
    let (answer,) = front
        .link
        .query(ask.add_command(snapshot::command_in_full(&front.keys)))
        .await?;
    snapshot::parse(answer).map_err(|sentence| HttpError::new(StatusCode::BAD_GATEWAY, sentence))
}

/// Each live worker's id and task, in the order of the look.
async fn runs(front: &Front, seen: &Snapshot) -> Result<Vec<(String, Option<String>)>, HttpError> {
    let mut ask = redis::pipe();
    for worker in &seen.workers {
        ask.hget(front.keys.worker(&worker.id), "task");
    }
    let tasks: Vec<Option<String>> = if seen.workers.is_empty() {
        Vec::new()
    } else {
        front.link.query(&ask).await?
    };
    Ok(seen
        .workers
        .iter()
        .map(|it| it.id.clone())
        .zip(tasks)
        .collect())
}

/// A result as it is told: the worker's own, or why there is none.
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

/// In percent, without decimals; `None` of nothing.
fn share(part: u64, whole: u64) -> Option<u64> {
    (100 * part).checked_div(whole)
}

fn mean(values: &[f64]) -> Option<f64> {
    let n = u32::try_from(values.len()).ok().filter(|it| *it > 0)?;
    Some((values.iter().sum::<f64>() / f64::from(n) * 10.0).round() / 10.0)
}
