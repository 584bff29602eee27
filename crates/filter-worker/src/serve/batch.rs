//! Batches, as JSON or as a form: checked as a whole, then pushed completely or not at all.

use super::super::image::{Format, decode_base64, fnv1a, probe};
use super::super::limits::ImageLimits;
use super::parse::{Batch, Image, parse_json, read_form};
use super::{Front, HttpError, body};
use axum::Json;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use protocol::{OnceKey, Push, PushOnce, ScriptCall, Task};
use serde::Serialize;
use serde_json::{Value, json};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long the front remembers a batch by its key.
const BATCH_TTL: Duration = Duration::from_hours(24);
/// The header with the client's key of a batch, and its longest value.
const KEY_HEADER: HeaderName = HeaderName::from_static("idempotency-key");
const MAX_KEY: usize = 128;

/// The body of a task, as `protocol::ImageTask` reads it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TaskBody<'a> {
    filters: &'a [String],
    image: &'a Image<'a>,
    delay_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<Format>,
}

/// What a client sent.
enum Received {
    Json(Vec<u8>),
    Form(Batch<'static>),
}

/// A batch that is ready to be pushed.
struct Prepared {
    push: PreparedPush,
    /// Ids of the tasks.
    tasks: Vec<String>,
}

enum PreparedPush {
    Plain(ScriptCall<Push>),
    Once(ScriptCall<PushOnce>),
}

/// `POST /api/process-batch/distributed/`: pushes a batch.
pub async fn post(
    State(front): State<Arc<Front>>,
    ConnectInfo(client): ConnectInfo<SocketAddr>,
    request: Request,
) -> Result<Response, HttpError> {
    check_rate(&front, client.ip().to_canonical())?;
    let key = batch_key(request.headers())?;
    let kind = request.headers().get(header::CONTENT_TYPE);
    let kind = kind
        .and_then(|it| it.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let is_form = kind.starts_with("multipart/form-data");
    if !is_form && !kind.starts_with("application/json") {
        return Err(HttpError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            format!("unsupported content type {kind:?}"),
        )
        .at("header Content-Type")
        .hint("send application/json or multipart/form-data"));
    }
    let (body, _share) = body::read(&front, request).await?;
    let received = if is_form {
        Received::Form(read_form(body, &kind, front.max_images).await?)
    } else {
        Received::Json(body)
    };
    let (keys, max_images) = (front.keys.clone(), front.max_images);
    let work = move || match received {
        Received::Json(body) => prepare(&keys, &parse_json(&body, max_images)?, key.as_deref()),
        Received::Form(batch) => prepare(&keys, &batch, key.as_deref()),
    };
    let prepared = tokio::task::spawn_blocking(work).await.map_err(|error| {
        let message = format!("cannot check the batch: {error}");
        HttpError::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    })??;
    push(&front, prepared).await
}

fn check_rate(front: &Front, client: IpAddr) -> Result<(), HttpError> {
    front.limiter.take(client, Instant::now()).map_err(|wait| {
        let message = format!("more than {} batches per second from {client}", front.rate);
        HttpError::new(StatusCode::TOO_MANY_REQUESTS, message)
            .hint("put more images into each batch, or wait")
            .retry_after(wait.as_secs() + 1)
    })
}

fn batch_key(headers: &HeaderMap) -> Result<Option<String>, HttpError> {
    let Some(value) = headers.get(KEY_HEADER) else {
        return Ok(None);
    };
    let key = value
        .to_str()
        .ok()
        .filter(|it| !it.is_empty() && it.len() <= MAX_KEY);
    let key = key.ok_or_else(|| {
        HttpError::bad_request("invalid key of a batch")
            .at("header Idempotency-Key")
            .hint(format!(
                "send 1 to {MAX_KEY} ASCII characters, such as a UUID"
            ))
    })?;
    Ok(Some(key.to_owned()))
}

/// Pushes a batch, or finds that it was pushed before, and answers with its tasks.
async fn push(front: &Front, prepared: Prepared) -> Result<Response, HttpError> {
    let Prepared { push, tasks } = prepared;
    let ids: Vec<&str> = tasks.iter().map(String::as_str).collect();
    let wanted = front.wait_replicas;
    let connection = front.pushes.number();
    let (outcome, replicas) = match &push {
        PreparedPush::Plain(call) => match front.pushes.call_replicated(call, wanted).await? {
            (Push::Done, replicas) => (PushOnce::Done, replicas),
            (Push::Refused(reason), replicas) => (PushOnce::Refused(reason), replicas),
        },
        PreparedPush::Once(call) => front.pushes.call_replicated(call, wanted).await?,
    };
    if replicas < wanted && matches!(outcome, PushOnce::Done | PushOnce::Again(_)) {
        let message = format!(
            "the tasks are queued, but only {replicas} of {wanted} replicas have them: a failover can lose them"
        );
        return Err(HttpError::new(StatusCode::SERVICE_UNAVAILABLE, message)
            .hint("send the batch again; with an Idempotency-Key it is queued once")
            .retry_after(1));
    }
    match outcome {
        PushOnce::Done => {
            front.losses.remember(ids.iter().copied(), connection);
            Ok(accepted(&ids))
        }
        PushOnce::Again(answer) => {
            let ids: Vec<&str> = serde_json::from_slice(&answer).unwrap_or_default();
            let mut response = accepted(&ids);
            let replayed = HeaderName::from_static("idempotency-replayed");
            response
                .headers_mut()
                .insert(replayed, HeaderValue::from_static("true"));
            Ok(response)
        }
        PushOnce::OtherBatch => {
            let message = "another batch was sent with this key";
            Err(HttpError::new(StatusCode::UNPROCESSABLE_ENTITY, message)
                .at("header Idempotency-Key")
                .hint(
                    "use a new key for each batch, and the same only to send the same batch again",
                ))
        }
        PushOnce::Refused(reason) => Err(HttpError::new(StatusCode::SERVICE_UNAVAILABLE, reason)
            .hint("DELETE /api/tasks/<id> collects a result and makes room")
            .retry_after(2)),
    }
}

fn accepted(ids: &[&str]) -> Response {
    let link = |id| json!({"id": id, "url": format!("/api/tasks/{id}")});
    let tasks: Vec<Value> = ids.iter().map(link).collect();
    (
        StatusCode::ACCEPTED,
        Json(json!({"count": tasks.len(), "tasks": tasks})),
    )
        .into_response()
}

/// Serializes the tasks of a batch, after a check of everything in it.
fn prepare(keys: &protocol::Keys, batch: &Batch, key: Option<&str>) -> Result<Prepared, HttpError> {
    let mut tasks = Vec::new();
    let mut fingerprint = String::new();
    for (n, image) in batch.images.iter().enumerate() {
        check_image(image).map_err(|error| error.at(format!("images[{n}]")))?;
        let body = TaskBody {
            filters: &batch.filters,
            image,
            delay_ms: batch.delay_ms,
            output: batch.output,
        };
        if key.is_some() {
            let body = serde_json::to_vec(&body).map_err(std::io::Error::from)?;
            fingerprint.push_str(&fnv1a(&body));
        }
        tasks.push(Task::new(body));
    }
    let ids: Vec<&str> = tasks.iter().map(|it| it.id.as_str()).collect();
    let push = match key {
        None => PreparedPush::Plain(protocol::push_known(keys, &tasks)?),
        Some(key) => {
            let answer = json!(ids).to_string();
            let once = OnceKey {
                key,
                fingerprint: &fnv1a(fingerprint.as_bytes()),
                answer: answer.as_bytes(),
                ttl: BATCH_TTL,
            };
            PreparedPush::Once(protocol::push_once(keys, &tasks, &once)?)
        }
    };
    let tasks = tasks.into_iter().map(|it| it.id).collect();
    Ok(Prepared { push, tasks })
}

/// Refuses an image that a worker could not read. Looks only at the header of a file.
fn check_image(image: &Image) -> Result<(), HttpError> {
    let limits = ImageLimits::MAX;
    match image {
        Image::Synthetic { width, height, .. } => Ok(limits.check_size(*width, *height)?),
        Image::Base64(text) => {
            limits.check_file("the file", text.len() / 4 * 3)?;
            Ok(probe(&decode_base64(text)?)?)
        }
        Image::Key(_) => Err(
            HttpError::bad_request("an image in a batch cannot be a Redis key")
                .hint("send the file itself"),
        ),
    }
}
