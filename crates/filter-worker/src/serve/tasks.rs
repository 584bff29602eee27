//! The queries about tasks: their status, result and image.

use super::budget::Share;
use super::responses::{JsonResponse, running_tasks, snapshot};
use super::{Front, HttpError};
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use protocol::RESULT_TTL;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

/// Maximum number of ids in one query.
const MAX_IDS: usize = 100;
/// Results up to this size together are read with one call.
const CHUNK: usize = 4 << 20;
/// The size of the pieces in which an image is sent.
const PIECE: usize = 64 << 10;

/// What the front reads of a result. An image's text is never copied.
#[derive(Deserialize)]
struct TaskResult<'a> {
    error: Option<Value>,
    attempts: Option<Value>,
    #[serde(borrow)]
    image: Option<ResultImage<'a>>,
}

#[derive(Deserialize)]
struct ResultImage<'a> {
    #[serde(borrow)]
    format: Cow<'a, str>,
    #[serde(borrow)]
    base64: Cow<'a, str>,
}

/// The same result without its image.
#[derive(Deserialize)]
struct ResultFacts {
    #[serde(rename = "image")]
    _image: Option<IgnoredAny>,
    #[serde(flatten)]
    facts: Map<String, Value>,
}

/// `?ids=a,b,c`
#[derive(Deserialize)]
pub struct Ids {
    #[serde(default)]
    ids: String,
}

/// `GET /api/tasks?ids=…`: the status of up to 100 tasks, in this order. A task that no one knows is `unknown`.
pub async fn list(State(front): State<Arc<Front>>, Query(query): Query<Ids>) -> JsonResponse {
    let ids: Vec<&str> = query.ids.split(',').filter(|it| !it.is_empty()).collect();
    if ids.is_empty() || ids.len() > MAX_IDS {
        return Err(
            HttpError::bad_request(format!("{} ids in a query", ids.len()))
                .at("ids")
                .hint(format!("ask for 1 to {MAX_IDS}, separated by commas")),
        );
    }
    let mut ended = ended_tasks(&front, &ids).await?;
    let snapshot = snapshot(&front).await?;
    let running: HashMap<String, String> = running_tasks(&front, &snapshot)
        .await?
        .into_iter()
        .filter_map(|(worker, task)| Some((task?, worker)))
        .collect();
    let mut known = redis::pipe();
    for id in &ids {
        known.exists(front.keys.pushed(id));
    }
    let known: Vec<bool> = front.redis.query(&known).await?;
    let status = |(id, known): (&&str, bool)| {
        ended.remove(*id).unwrap_or_else(|| match running.get(*id) {
            Some(worker) => json!({"id": id, "status": "pending", "worker": worker}),
            None if known => json!({"id": id, "status": "pending"}),
            None => json!({"id": id, "status": "unknown"}),
        })
    };
    let tasks: Vec<Value> = ids.iter().zip(known).map(status).collect();
    Ok(Json(json!({"tasks": tasks})))
}

/// Those of `ids` that have a result, with their responses.
async fn ended_tasks(front: &Front, ids: &[&str]) -> Result<HashMap<String, Value>, HttpError> {
    let mut lengths = redis::pipe();
    for id in ids {
        lengths.strlen(front.keys.result(id));
    }
    let lengths: Vec<usize> = front.redis.query(&lengths).await?;
    let mut waiting: Vec<(&str, usize)> = ids
        .iter()
        .copied()
        .zip(lengths)
        .filter(|it| it.1 > 0)
        .collect();
    let mut ended = HashMap::new();
    while !waiting.is_empty() {
        let mut bytes = 0;
        let fits = |(_, length): &&(&str, usize)| {
            bytes += length;
            bytes <= CHUNK
        };
        let count = waiting.iter().take_while(fits).count().max(1);
        let chunk: Vec<(&str, usize)> = waiting.drain(..count).collect();
        let _share = front.budget.take(chunk.iter().map(|it| it.1).sum()).await?;
        let mut results = redis::pipe();
        for (id, length) in &chunk {
            results.getrange(
                front.keys.result(id),
                0,
                isize::try_from(*length).unwrap_or(isize::MAX) - 1,
            );
        }
        let results: Vec<Vec<u8>> = front.redis.query(&results).await?;
        for ((id, _), result) in chunk.into_iter().zip(results) {
            // Empty: it expired meanwhile.
            if !result.is_empty() {
                ended.insert(id.to_owned(), task_json(id, &result));
            }
        }
    }
    Ok(ended)
}

/// `GET /api/tasks/{id}`: `pending` (waits or runs), `done` or `failed`.
pub async fn task(State(front): State<Arc<Front>>, Path(id): Path<String>) -> JsonResponse {
    if let Some((result, _share)) = result(&front, &id).await? {
        return Ok(Json(task_json(&id, &result)));
    }
    let snapshot = snapshot(&front).await?;
    let running = running_tasks(&front, &snapshot).await?;
    let holder = running
        .iter()
        .find(|(_, task)| task.as_deref() == Some(id.as_str()));
    if let Some((worker, _)) = holder {
        return Ok(Json(
            json!({"id": id, "status": "pending", "worker": worker}),
        ));
    }
    // The task may have ended between the two reads.
    if let Some((result, _share)) = result(&front, &id).await? {
        return Ok(Json(task_json(&id, &result)));
    }
    let (pushed_at,): (Option<i64>,) = front
        .redis
        .query(redis::pipe().get(front.keys.pushed(&id)))
        .await?;
    let ttl = i64::try_from(RESULT_TTL.as_millis()).unwrap_or(i64::MAX);
    match pushed_at {
        None => Err(HttpError::not_found(format!("unknown task {id:?}"))
            .hint("use an id from a response of POST /api/process-batch/distributed/ in the last 24 hours")),
        // All tasks still in the queue are younger: this one has ended. A delayed task can have any age.
        Some(pushed_at)
            if snapshot.time - pushed_at > ttl
                && snapshot.due == 0
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

/// `DELETE /api/tasks/{id}`: reads a result and deletes it, which makes room for new tasks. A client that lost the answer
/// can repeat the request for a minute.
pub async fn collect(State(front): State<Arc<Front>>, Path(id): Path<String>) -> JsonResponse {
    let mut lengths = redis::pipe();
    lengths
        .strlen(front.keys.result(&id))
        .strlen(front.keys.collected(&id));
    let (result, collected): (usize, usize) = front.redis.query(&lengths).await?;
    let _share = front.budget.take(result.max(collected)).await?;
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
    let found = result(&front, &id).await?;
    let image = found.as_ref().and_then(|(result, _)| {
        let image = serde_json::from_slice::<TaskResult>(result).ok()?.image?;
        // A worker of any kind wrote this.
        let is_image = ["png", "jpeg", "webp"].contains(&&*image.format);
        let file = BASE64_STANDARD.decode(image.base64.as_bytes()).ok()?;
        is_image.then(|| (format!("image/{}", image.format), file))
    });
    let (Some((kind, file)), Some((_, share))) = (image, found) else {
        return Err(
            HttpError::not_found(format!("the task {id:?} has no image")).hint(
                r#"set "output" in the batch, and wait until GET /api/tasks/<id> returns the status "done""#,
            ),
        );
    };
    let head = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_LENGTH, file.len().to_string()),
        (
            header::CACHE_CONTROL,
            "private, max-age=3600, immutable".into(),
        ),
    ];
    Ok((head, in_pieces(file, share)).into_response())
}

/// A body in pieces. The share of the budget is kept until the last piece is sent.
fn in_pieces(file: Vec<u8>, share: Share) -> Body {
    let start = (Bytes::from(file), share);
    let pieces = futures::stream::unfold(start, |(mut rest, share)| async move {
        if rest.is_empty() {
            return None;
        }
        let piece = rest.split_to(rest.len().min(PIECE));
        Some((Ok::<_, std::convert::Infallible>(piece), (rest, share)))
    });
    Body::from_stream(pieces)
}

/// The result of a task and its share of the budget; `None` if there is none.
async fn result(front: &Front, id: &str) -> Result<Option<(Vec<u8>, Share)>, HttpError> {
    let key = front.keys.result(id);
    let (length,): (usize,) = front.redis.query(redis::pipe().strlen(&key)).await?;
    if length == 0 {
        return Ok(None);
    }
    let share = front.budget.take(length).await?;
    let end = isize::try_from(length).unwrap_or(isize::MAX) - 1;
    let (result,): (Vec<u8>,) = front
        .redis
        .query(redis::pipe().getrange(&key, 0, end))
        .await?;
    Ok((!result.is_empty()).then_some((result, share)))
}

/// The response for a task that has ended. An image is replaced by its URL.
fn task_json(id: &str, text: &[u8]) -> Value {
    let Ok(result) = serde_json::from_slice::<TaskResult>(text) else {
        return json!({"id": id, "status": "done", "result": null}); // another kind of worker's
    };
    if let Some(error) = result.error {
        return json!({"id": id, "status": "failed", "error": error, "attempts": result.attempts});
    }
    let facts = serde_json::from_slice::<ResultFacts>(text).map(|it| it.facts);
    let mut facts = facts.unwrap_or_default();
    if let Some(image) = result.image {
        let url = format!("/api/tasks/{id}/image");
        facts.insert("image".into(), json!({"format": image.format, "url": url}));
    }
    json!({"id": id, "status": "done", "result": facts})
}
