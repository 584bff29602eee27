//! Batches, as JSON or as a form: checked as a whole, then pushed completely or not at all.

use super::super::filters;
use super::super::image::{self, Format};
use super::{Front, HttpError};
use axum::Json;
use axum::body::Bytes;
use axum::extract::multipart::{Multipart, MultipartError};
use axum::extract::{ConnectInfo, FromRequest, Request, State};
use axum::http::{StatusCode, header};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use protocol::{Push, Source, Task};
use serde::Deserialize;
use serde_json::{Value, json};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Longest time that a request may take to arrive.
const RECEIVE_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest delay that a batch may ask for, in milliseconds.
const MAX_DELAY_MS: u64 = 600_000;
/// How long the front remembers when it pushed a task.
const PUSHED_TTL: Duration = Duration::from_hours(24);

/// A batch as a client sends it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Batch {
    images: Vec<Value>,
    filters: Vec<String>,
    #[serde(default)]
    delay_ms: u64,
    output: Option<Format>,
}

/// `POST /api/process-batch/distributed/`: pushes a batch.
pub async fn post(
    State(front): State<Arc<Front>>,
    ConnectInfo(client): ConnectInfo<SocketAddr>,
    request: Request,
) -> Result<(StatusCode, Json<Value>), HttpError> {
    check_rate(&front, client.ip())?;
    let batch = tokio::time::timeout(RECEIVE_TIMEOUT, read(&front, request))
        .await
        .map_err(|_| {
            HttpError::new(
                StatusCode::REQUEST_TIMEOUT,
                format!("the request did not arrive within {RECEIVE_TIMEOUT:?}"),
            )
            .hint("send fewer images in each batch")
        })??;
    let max_images = usize::from(front.serve.max_images);
    let bodies = tokio::task::spawn_blocking(move || task_bodies(batch, max_images))
        .await
        .map_err(|error| {
            HttpError::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                format!("cannot check the batch: {error}"),
            )
        })??;
    let tasks: Vec<Task> = bodies.into_iter().map(Task::new).collect();
    push(&front, &tasks).await?;
    let links: Vec<Value> = tasks
        .iter()
        .map(|task| json!({"id": task.id, "url": format!("/api/tasks/{}", task.id)}))
        .collect();
    Ok((
        StatusCode::ACCEPTED,
        Json(json!({"count": links.len(), "tasks": links})),
    ))
}

fn check_rate(front: &Front, client: IpAddr) -> Result<(), HttpError> {
    front.limiter.take(client, Instant::now()).map_err(|wait| {
        let message = format!(
            "more than {} batches per second from {client}",
            front.serve.rate
        );
        HttpError::new(StatusCode::TOO_MANY_REQUESTS, message)
            .hint("put more images into each batch, or wait")
            .retry_after(wait.as_secs() + 1)
    })
}

async fn push(front: &Front, tasks: &[Task]) -> Result<(), HttpError> {
    let mut remember = redis::pipe();
    for task in tasks {
        let key = front.keys.pushed(&task.id);
        remember
            .cmd("SET")
            .arg(key)
            .arg(task.at)
            .arg("PX")
            .arg(PUSHED_TTL.as_millis())
            .ignore();
    }
    // Before the push: no client knows the ids yet, so it does no harm if the push then fails.
    let () = front.redis.query(&remember).await?;
    match front
        .redis
        .call(&protocol::push_if_room(&front.keys, tasks)?)
        .await?
    {
        Push::Done => Ok(()),
        Push::Refused(reason) => Err(HttpError::new(StatusCode::SERVICE_UNAVAILABLE, reason)
            .hint("DELETE /api/tasks/<id> collects a result and makes room")
            .retry_after(2)),
    }
}

async fn read(front: &Front, request: Request) -> Result<Batch, HttpError> {
    let content_type = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|it| it.to_str().ok())
        .unwrap_or_default();
    let too_large = |status: StatusCode, message: String| {
        HttpError::new(status, message).hint(format!(
            "the maximum size of a request is {} MiB: send fewer or smaller images",
            front.serve.max_body
        ))
    };
    if content_type.starts_with("application/json") {
        let body = Bytes::from_request(request, &())
            .await
            .map_err(|error| too_large(error.status(), error.body_text()))?;
        serde_json::from_slice(&body).map_err(|error| {
            HttpError::bad_request(format!("invalid batch: {error}"))
                .at(format!("line {} column {}", error.line(), error.column()))
                .hint(r#"send {"images": [{"base64": "..."}], "filters": ["blur"]}"#)
        })
    } else if content_type.starts_with("multipart/form-data") {
        let form = Multipart::from_request(request, &())
            .await
            .map_err(|error| HttpError::bad_request(error.body_text()).at("header Content-Type"))?;
        read_form(form, &|error| too_large(error.status(), error.body_text())).await
    } else {
        Err(HttpError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            format!("unsupported content type {content_type:?}"),
        )
        .at("header Content-Type")
        .hint("send application/json or multipart/form-data"))
    }
}

/// Reads the parts of a form: `images` (files), `filters` (names separated by commas), `delayMs` and `output`.
async fn read_form(
    mut form: Multipart,
    unreadable: &impl Fn(MultipartError) -> HttpError,
) -> Result<Batch, HttpError> {
    let mut batch = Batch {
        images: Vec::new(),
        filters: Vec::new(),
        delay_ms: 0,
        output: None,
    };
    while let Some(part) = form.next_field().await.map_err(unreadable)? {
        let name = part.name().unwrap_or_default().to_owned();
        if name == "images" {
            let file = part.bytes().await.map_err(unreadable)?;
            batch
                .images
                .push(json!({"base64": BASE64_STANDARD.encode(file)}));
            continue;
        }
        let text = part.text().await.map_err(unreadable)?;
        let invalid = |message: String| HttpError::bad_request(message).at(format!("part {name}"));
        match name.as_str() {
            "filters" => batch
                .filters
                .extend(text.split(',').map(|it| it.trim().to_owned())),
            "delayMs" => {
                batch.delay_ms = text
                    .trim()
                    .parse()
                    .map_err(|_| invalid(format!("{text:?} is not a number of milliseconds")))?;
            }
            "output" => {
                let format = Format::deserialize(Value::from(text.trim()));
                batch.output = Some(format.map_err(|error| invalid(error.to_string()))?);
            }
            _ => {
                return Err(invalid("unknown part".into())
                    .hint("known parts: images, filters, delayMs, output"));
            }
        }
    }
    Ok(batch)
}

/// Returns the task body for each image. Refuses the whole batch if a worker could not do one of its tasks.
fn task_bodies(batch: Batch, max_images: usize) -> Result<Vec<Value>, HttpError> {
    let Batch {
        images,
        filters,
        delay_ms,
        output,
    } = batch;
    if images.is_empty() || images.len() > max_images {
        return Err(
            HttpError::bad_request(format!("{} images in a batch", images.len()))
                .at("images")
                .hint(format!("send 1 to {max_images}")),
        );
    }
    filters::by_name(&filters).map_err(|failure| HttpError::from(failure).at("filters"))?;
    if delay_ms > MAX_DELAY_MS {
        return Err(HttpError::bad_request(format!(
            "{delay_ms} ms is more than the maximum of {MAX_DELAY_MS} ms"
        ))
        .at("delayMs"));
    }
    let body = |(n, image): (usize, Value)| {
        check_image(&image).map_err(|error| error.at(format!("images[{n}]")))?;
        let mut body = json!({"filters": filters, "image": image, "delayMs": delay_ms});
        if let Some(output) = output {
            body["output"] = json!(output);
        }
        Ok(body)
    };
    images.into_iter().enumerate().map(body).collect()
}

/// Refuses an image that a worker could not read. Looks only at the header of a file.
fn check_image(image: &Value) -> Result<(), HttpError> {
    let source = Source::deserialize(image).map_err(|error| {
        HttpError::bad_request(format!("invalid image: {error}"))
            .hint(r#"an image is {"base64": file} or {"synthetic": {"width": n, "height": n, "seed": n}}"#)
    })?;
    match source {
        Source::Synthetic { width, height, .. } => Ok(image::check_size(width, height)?),
        Source::Base64(text) => Ok(image::probe(&image::from_base64(&text)?)?),
        // A client of the front must not read arbitrary keys.
        Source::Key(_) => Err(
            HttpError::bad_request("an image in a batch cannot be a Redis key")
                .hint("send the file itself"),
        ),
    }
}
